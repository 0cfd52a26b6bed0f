/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include "router_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t frames_of(const struct bench *r) {
    return (uint32_t)r->core.attrs.frames;
}

static void set_defaults(struct via_attrs *a) {
#define VIA_ATTR(type, name, def, min, max, help) a->name = def;
#define VIA_MIB                                   (1ull << 20)
#include <viaduct/attr.def>
#undef VIA_ATTR
}

/* The driver. */

static int dev_open(struct via_vi_dev *d, const char *args) {
    struct bench *r = d->priv;

    (void)args;
    bench_mac(d->mac, (uint8_t)(r->ifaces + 1));
    d->mac[4] = (uint8_t)r->core.s->rand.key.k[0];
    d->mtu = 1500;
    return 0;
}

static void dev_close(struct via_vi_dev *d) {
    (void)d;
}

static unsigned dev_rx(struct via_vi_dev *d, struct via_frame *v, unsigned n) {
    (void)d, (void)v, (void)n;
    return 0;
}

static unsigned dev_fill(struct via_vi_dev *d, const uint64_t *addr, unsigned n) {
    (void)d, (void)addr, (void)n;
    return 0;
}

static void look(struct bench_sent *s) {
    int n = via_eth_parse(&s->eth, s->bytes, s->len);

    if (n > 0 && s->eth.type == VIA_ETH_ARP)
        assert_int_equal(via_arp_parse(&s->arp, s->bytes + n, s->len - (size_t)n), VIA_ARP_LEN);
    if (n < 0 || (s->eth.type != VIA_ETH_IP4 && s->eth.type != VIA_ETH_IP6))
        return;
    assert_true(via_ip_parse(&s->ip, s->bytes + n, s->len - (size_t)n, s->len - (size_t)n, true) > 0);
    assert_int_equal(via_ip_total(&s->ip) + (uint32_t)n, s->len);
    s->payload = s->bytes + n + s->ip.hlen;
    if (s->ip.proto == IPPROTO_ICMPV6 && s->payload[0] >= VIA_ND_ROUTER_SOLICIT && s->payload[0] <= VIA_ND_REDIRECT &&
        !(s->ip.flags & VIA_IP_FRAGMENT)) {
        assert_int_equal(via_nd_parse(&s->nd, &s->ip, s->payload, s->ip.payload), s->ip.payload);
        assert_true(via_sum_ok(via_sum_add(via_ip_pseudo(&s->ip, s->ip.payload), s->payload, s->ip.payload)));
    }
}

static unsigned dev_tx(struct via_vi_dev *d, const struct via_frame *v, unsigned n) {
    struct bench *r = d->priv;
    unsigned i;

    for (i = 0; i < n; i++) {
        struct bench_sent *s = &r->sent[r->tail % BENCH_FRAMES];

        memset(s, 0, sizeof *s);
        s->len = v[i].len;
        s->iface = d->mac[5];
        s->at = *d->now;
        memcpy(s->bytes, d->mem + v[i].addr, v[i].len);
        assert_true(r->tail - r->head < BENCH_FRAMES);
        if (!(v[i].flags & VIA_FRAME_MORE) && (!i || !(v[i - 1].flags & VIA_FRAME_MORE)))
            look(s);
        r->tail++;
        r->reap[r->reaps++] = v[i].addr;
    }
    return n;
}

static unsigned dev_reap(struct via_vi_dev *d, uint64_t *addr, unsigned n) {
    struct bench *r = d->priv;

    n = via_min32(n, r->reaps);
    r->reaps -= n;
    memcpy(addr, r->reap + r->reaps, n * sizeof *addr);
    return n;
}

static int dev_filter(struct via_vi_dev *d, bool add, const struct via_filter *f) {
    struct bench *r = d->priv;
    uint32_t i;

    assert_int_equal(f->kind, VIA_FILTER_ADDR);
    for (i = 0; i < r->filter_count; i++)
        if (r->filters[i].iface == d->mac[5] && via_addr_eq(&r->filters[i].addr, &f->addr))
            break;
    if (add) {
        assert_int_equal(i, r->filter_count);
        r->filters[r->filter_count++] = (struct bench_filter){f->addr, d->mac[5]};
    } else {
        assert_true(i < r->filter_count);
        r->filters[i] = r->filters[--r->filter_count];
    }
    return 0;
}

static const struct via_vi_ops device = {
    .name = "device",
    .open = dev_open,
    .close = dev_close,
    .rx_burst = dev_rx,
    .rx_fill = dev_fill,
    .tx_burst = dev_tx,
    .tx_reap = dev_reap,
    .filter = dev_filter,
};

/* The host. */

static uint64_t descriptor_bytes(const struct via_attrs *a) {
    return (a->frames + a->clones + 1) * sizeof(struct via_pkt);
}

static void make_core(struct via_core *c, uint64_t seed) {
    const struct via_attrs *a = &c->attrs;
    uint64_t size = via_round_up(sizeof(struct via_core_state), 4096) + via_round_up(sizeof(struct via_net), 4096) +
                    descriptor_bytes(a) + via_pool_bytes(1, (uint32_t)a->frames) +
                    via_pool_bytes(1, (uint32_t)a->clones) + via_net_bytes(a) + (1u << 16),
             off;

    assert_int_equal(via_region_init(&c->region, size, (a->frames + 1) * a->frame_size, false), 0);
    off = via_region_reserve(&c->region, sizeof(struct via_core_state), 4096);
    assert_int_equal(via_region_commit(&c->region, off, sizeof(struct via_core_state)), 0);
    c->s = (struct via_core_state *)(void *)(c->region.base + off);
    off = via_region_reserve(&c->region, sizeof(struct via_net), 4096);
    assert_int_equal(via_region_commit(&c->region, off, sizeof(struct via_net)), 0);
    c->net = (struct via_net *)(void *)(c->region.base + off);
    off = via_region_reserve(&c->region, descriptor_bytes(a), 4096);
    assert_int_equal(via_region_commit(&c->region, off, descriptor_bytes(a)), 0);
    c->pkts = (struct via_pkt *)(void *)(c->region.base + off);
    c->frames = c->region.frames;
    c->frame_size = (uint32_t)a->frame_size;
    c->frame_shift = (uint32_t)__builtin_ctz(c->frame_size);
    c->frame_count = (uint32_t)a->frames;
    assert_int_equal(via_pool_init(&c->s->pkts, &c->region, 1, c->frame_count, c->frame_count), 0);
    assert_int_equal(via_pool_init(&c->s->clones, &c->region, 1, (uint32_t)a->clones, (uint32_t)a->clones), 0);
    c->s->now = 1000 * VIA_SEC;
    via_wheel_init(&c->s->wheel, c->s->now);
    assert_int_equal(via_rand_init(&c->s->rand, seed), 0);
    assert_int_equal(via_net_init(c), 0);
}

struct bench *bench_new(uint64_t seed, void (*set)(struct via_attrs *)) {
    struct bench *r = calloc(1, sizeof *r);

    assert_non_null(r);
    set_defaults(&r->core.attrs);
    r->core.attrs.frames = 1024;
    r->core.attrs.clones = 64;
    r->core.attrs.accept_ra = 1;
    if (set)
        set(&r->core.attrs);
    make_core(&r->core, seed ? seed : 1);
    return r;
}

static void check(struct bench *r) {
    assert_true(via_neigh_valid(&r->core));
    assert_true(via_route_valid(&r->core));
    assert_true(via_wheel_valid(&r->core.s->wheel, r->core.ticks));
}

void bench_free(struct bench *r) {
    struct via_core *c = &r->core;
    uint32_t i;

    check(r);
    for (i = 1; i <= r->ifaces; i++) {
        struct via_vi *vi = c->vi[i];

        via_net_detach(c, vi);
        via_vi_stop(vi);
    }
    assert_int_equal(r->filter_count, 0);
    assert_int_equal(via_pool_used(&c->net->neigh.pool), 0);
    assert_int_equal(c->net->addr.count, 0);
    assert_int_equal(c->net->route.count, 0);
    via_net_fini(c);
    via_pktq_clear(c, &c->s->loop);
    assert_int_equal(c->s->pkts.free, frames_of(r));
    via_region_fini(&c->region);
    free(r);
}

static void flush(struct bench *r) {
    uint32_t i;

    for (i = 1; i <= r->ifaces; i++) {
        via_vi_flush(r->core.vi[i]);
        via_vi_collect(r->core.vi[i]);
    }
}

uint8_t bench_attach(struct bench *r, uint32_t caps, uint32_t mtu) {
    struct via_vi *vi;

    assert_int_equal(via_vi_start_ops(&r->core, &device, r, &r->core.attrs, &vi), 0);
    vi->dev->caps = caps;
    vi->dev->mtu = mtu;
    r->ifaces++;
    assert_int_equal(vi->index, r->ifaces);
    assert_int_equal(via_net_attach(&r->core, vi), 0);
    return vi->index;
}

void bench_pass(struct bench *r, via_ns_t time) {
    struct via_core *c = &r->core;
    via_ns_t until = c->s->now + time, next;
    uint32_t id;

    while ((next = via_wheel_next(&c->s->wheel, c->ticks)) <= until) {
        c->s->now = next > c->s->now ? next : c->s->now;
        while ((id = via_wheel_pop(&c->s->wheel, c->ticks, c->s->now)))
            via_net_timer(c, via_tick_kind_of(id), via_tick_index_of(id));
        flush(r);
    }
    c->s->now = until;
    flush(r);
    check(r);
}

const struct bench_sent *bench_next(struct bench *r) {
    flush(r);
    return r->head == r->tail ? NULL : &r->sent[r->head++ % BENCH_FRAMES];
}

const struct bench_sent *bench_next_arp(struct bench *r) {
    const struct bench_sent *s;

    while ((s = bench_next(r)))
        if (s->eth.type == VIA_ETH_ARP)
            return s;
    return NULL;
}

const struct bench_sent *bench_next_nd(struct bench *r, uint8_t type) {
    const struct bench_sent *s;

    while ((s = bench_next(r)))
        if (s->nd.type == type)
            return s;
    return NULL;
}

const struct bench_sent *bench_next_to(struct bench *r, const struct via_addr *dst) {
    const struct bench_sent *s;

    while ((s = bench_next(r)))
        if (s->payload && via_addr_eq(&s->ip.dst, dst))
            return s;
    return NULL;
}

uint32_t bench_hush(struct bench *r) {
    uint32_t n = 0;

    while (bench_next(r))
        n++;
    return n;
}

struct via_addr bench_ip(const char *text) {
    struct via_addr a;
    uint32_t scope;

    assert_int_equal(via_addr_parse(text, &a, &scope), 0);
    return a;
}

void bench_addr(struct bench *r, uint8_t iface, const char *text, uint8_t prefix) {
    struct via_ifaddr a = {.addr = bench_ip(text), .iface = iface, .prefix = prefix, .flags = VIA_ADDR_NODAD};

    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
}

void bench_route(struct bench *r, uint8_t iface, const char *dst, uint8_t prefix, const char *gateway) {
    struct via_route t = {.dst = bench_ip(dst), .iface = iface, .prefix = prefix};

    t.family = via_addr_is4(&t.dst) ? VIA_AF_4 : VIA_AF_6;
    if (gateway)
        t.gateway = bench_ip(gateway);
    assert_int_equal(via_net_route(&r->core, VIA_CTRL_ADD, &t), 0);
}

static struct via_pkt *frame_of(struct bench *r, const void *bytes, size_t len) {
    struct via_pkt *p = via_pkt_new(&r->core, 0);

    assert_non_null(p);
    memcpy(via_pkt_data(&r->core, p), bytes, len);
    p->len = (uint16_t)len;
    p->total = p->len;
    return p;
}

enum via_drop bench_take(struct bench *r, uint8_t iface, const void *frame, size_t len) {
    struct via_pkt *p = frame_of(r, frame, len);
    struct via_rx rx;

    memset(&rx, 0, sizeof rx);
    p->vi = iface;
    via_net_input(&r->core, p, &rx);
    if (rx.kind != VIA_RX_DONE)
        via_pkt_release(&r->core, rx.pkt);
    flush(r);
    check(r);
    return rx.kind == VIA_RX_DROP ? rx.why : VIA_KEPT;
}

enum via_drop bench_arp(struct bench *r, uint8_t iface, const struct via_arp *m) {
    uint8_t bytes[VIA_ARP_LEN];
    enum via_drop why;
    struct via_pkt *p;

    via_arp_emit(bytes, m);
    p = frame_of(r, bytes, sizeof bytes);
    why = via_arp_input(&r->core, via_iface_at(&r->core, iface), p);
    via_pkt_release(&r->core, p);
    flush(r);
    check(r);
    return why;
}

enum via_drop bench_nd(struct bench *r, uint8_t iface, const struct via_nd *m, const char *src, const char *dst) {
    struct via_ip_head ip = {
        .src = bench_ip(src), .dst = bench_ip(dst), .version = 6, .proto = IPPROTO_ICMPV6, .ttl = 255};
    uint8_t bytes[512];
    size_t len = m->type == VIA_ND_ROUTER_ADVERT || m->type == VIA_ND_REDIRECT ? rig_router_message(bytes, m)
                                                                               : (size_t)via_nd_emit(bytes, m, &ip);
    struct via_pkt *p = frame_of(r, bytes, len);
    enum via_drop why = via_nd_input(&r->core, via_iface_at(&r->core, iface), p, &ip);

    via_pkt_release(&r->core, p);
    flush(r);
    check(r);
    return why;
}

struct via_pkt *bench_payload(struct bench *r, uint32_t len) {
    struct via_pkt *p = via_pkt_new(&r->core, 0);
    uint8_t *bytes = malloc(len + 1u);
    uint32_t i;

    assert_non_null(p);
    assert_non_null(bytes);
    for (i = 0; i < len; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(via_pkt_append(&r->core, p, bytes, len), 0);
    free(bytes);
    return p;
}

void bench_mac(uint8_t mac[6], uint8_t n) {
    memset(mac, 0, 6);
    mac[0] = 2;
    mac[5] = n;
}
