/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_rig.h"

#include "net/input.h"
#include "net/state.h"
#include "stack/attr.h"

#include <net/if.h>
#include <stdlib.h>

const uint8_t rig_mac[6] = {2, 0, 0, 0, 0, 1}, rig_peer_mac[6] = {2, 0, 0, 0, 0, 2};

static int rig_open(struct via_vi_dev *dev, const char *args) {
    const struct net_rig *r = dev->priv;

    (void)args;
    if (r->ifname) {
        dev->ifindex = if_nametoindex(r->ifname);
        strncpy(dev->ifname, r->ifname, sizeof dev->ifname - 1);
    }
    memcpy(dev->mac, rig_mac, 6);
    dev->mtu = 1500;
    return 0;
}

static void rig_close(struct via_vi_dev *dev) {
    (void)dev;
}

static unsigned rig_rx(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    (void)dev;
    (void)v;
    (void)n;
    return 0;
}

static unsigned rig_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct net_rig *r = dev->priv;
    unsigned i;

    for (i = 0; i < n && r->lent_count < VIA_COUNT(r->lent); i++)
        r->lent[r->lent_count++] = addr[i];
    return i;
}

static unsigned rig_tx(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct net_rig *r = dev->priv;
    unsigned i;

    for (i = 0; i < n && r->flying_count < VIA_COUNT(r->flying); i++) {
        if (r->sent_count < RIG_SENT) {
            struct rig_frame *f = &r->sent[r->sent_count];

            assert_true(v[i].len <= RIG_FRAME);
            f->len = v[i].len;
            f->vi = 1;
            f->at = *dev->now;
            memcpy(f->bytes, dev->mem + v[i].addr, v[i].len);
        }
        r->sent_count++;
        r->flying[r->flying_count++] = v[i].addr;
    }
    return i;
}

static unsigned rig_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    struct net_rig *r = dev->priv;
    unsigned i;

    for (i = 0; i < n && r->flying_count; i++)
        addr[i] = r->flying[--r->flying_count];
    return i;
}

static const struct via_vi_ops rig_ops = {
    .name = "rig",
    .open = rig_open,
    .close = rig_close,
    .rx_burst = rig_rx,
    .rx_fill = rig_fill,
    .tx_burst = rig_tx,
    .tx_reap = rig_reap,
};

struct via_attrs rig_attrs(void) {
    struct via_attrs a;

    via_attrs_default(&a);
    a.frames = 1024;
    a.clones = 64;
    a.rx_ring = 64;
    a.tx_ring = 512;
    a.huge_pages = 0;
    a.dad_probes = 0;
    a.max_routes = 64;
    a.max_neighs = 64;
    a.max_addrs = 32;
    return a;
}

static void init_packets(struct via_core *c) {
    uint64_t bytes = (c->attrs.frames + c->attrs.clones + 1) * sizeof(struct via_pkt);
    uint64_t off = via_region_reserve(&c->region, bytes, 4096);

    assert_int_equal(via_region_commit(&c->region, off, bytes), 0);
    c->pkts = (struct via_pkt *)(void *)(c->region.base + off);
    assert_int_equal(via_pool_init(&c->s->pkts, &c->region, 1, c->frame_count, c->frame_count), 0);
    assert_int_equal(via_pool_init(&c->s->clones, &c->region, 1, (uint32_t)c->attrs.clones, (uint32_t)c->attrs.clones),
                     0);
}

static void init_core(struct via_core *c, uint64_t seed) {
    const struct via_attrs *a = &c->attrs;
    uint64_t state = sizeof(struct via_core_state), net = sizeof(struct via_net), off;
    uint64_t bytes = state + net + (a->frames + a->clones + 1) * sizeof(struct via_pkt) +
                     via_pool_bytes(1, (uint32_t)a->frames) + via_pool_bytes(1, (uint32_t)a->clones) +
                     via_net_bytes(a) + (1u << 20);

    assert_int_equal(via_region_init(&c->region, bytes, (a->frames + 1) * a->frame_size, false), 0);
    off = via_region_reserve(&c->region, state, 4096);
    assert_int_equal(via_region_commit(&c->region, off, state), 0);
    c->s = (struct via_core_state *)(void *)(c->region.base + off);
    off = via_region_reserve(&c->region, net, 4096);
    assert_int_equal(via_region_commit(&c->region, off, net), 0);
    c->net = (struct via_net *)(void *)(c->region.base + off);
    c->frames = c->region.frames;
    c->frame_size = (uint32_t)a->frame_size;
    c->frame_shift = (uint32_t)__builtin_ctz(c->frame_size);
    c->frame_count = (uint32_t)a->frames;
    c->s->now = 1000 * VIA_SEC;
    via_wheel_init(&c->s->wheel, c->s->now);
    assert_int_equal(via_rand_init(&c->s->rand, seed), 0);
    init_packets(c);
    assert_int_equal(via_net_init(c), 0);
}

static uint32_t in_use(const struct net_rig *r) {
    return via_pool_used(&r->core.s->pkts) - r->lent_count;
}

struct net_rig *rig_bare(const struct via_attrs *a, uint64_t seed) {
    return rig_bare_on(a, seed, NULL);
}

struct net_rig *rig_bare_on(const struct via_attrs *a, uint64_t seed, const char *ifname) {
    struct net_rig *r = calloc(1, sizeof *r);
    struct via_attrs defaults = rig_attrs();

    assert_non_null(r);
    r->ifname = ifname;
    r->core.attrs = a ? *a : defaults;
    init_core(&r->core, seed);
    assert_int_equal(via_vi_start_ops(&r->core, &rig_ops, r, &r->core.attrs, &r->vi), 0);
    assert_int_equal(r->vi->index, 1);
    assert_int_equal(via_net_attach(&r->core, r->vi), 0);
    rig_flush(r);
    r->used = in_use(r);
    rig_clear(r);
    return r;
}

static void add_addr(struct net_rig *r, const char *text, uint8_t prefix) {
    struct via_ifaddr a = {.addr = rig_addr(text), .iface = 1, .prefix = prefix, .flags = VIA_ADDR_NODAD};

    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
}

static void add_neigh(struct net_rig *r, const char *text, uint8_t last) {
    struct via_neigh_entry n = {.addr = rig_addr(text), .iface = 1};

    memcpy(n.mac, rig_peer_mac, 6);
    n.mac[5] = last;
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &n), 0);
}

static void add_default(struct net_rig *r, const char *gateway, uint8_t family) {
    struct via_route t = {.gateway = rig_addr(gateway), .iface = 1, .family = family};

    if (family == VIA_AF_4)
        t.dst = via_addr_from4(0);
    assert_int_equal(via_net_route(&r->core, VIA_CTRL_ADD, &t), 0);
}

struct net_rig *rig_host(const struct via_attrs *a, uint64_t seed) {
    static const char *const neighs[] = {"10.0.0.2",    "10.0.0.3", "10.0.0.9", "2001:db8::2",
                                         "2001:db8::3", "fe80::2",  "fe80::9"};
    struct net_rig *r = rig_bare(a, seed);
    size_t i;

    add_addr(r, "10.0.0.1", 24);
    add_addr(r, "2001:db8::1", 64);
    add_addr(r, "fe80::1", 64);
    for (i = 0; i < VIA_COUNT(neighs); i++)
        add_neigh(r, neighs[i], (uint8_t)(neighs[i][strlen(neighs[i]) - 1] - '0'));
    add_default(r, "10.0.0.9", VIA_AF_4);
    add_default(r, "fe80::9", VIA_AF_6);
    rig_wait(r, 30 * VIA_SEC);
    rig_clear(r);
    return r;
}

void rig_flush(struct net_rig *r) {
    via_vi_flush(r->vi);
    via_vi_collect(r->vi);
}

void rig_clear(struct net_rig *r) {
    rig_flush(r);
    r->sent_count = 0;
}

uint32_t rig_held(const struct net_rig *r) {
    return in_use(r) - r->used;
}

void rig_wait(struct net_rig *r, via_ns_t ns) {
    struct via_core *c = &r->core;
    via_ns_t end = c->s->now + ns, next;

    rig_flush(r);
    while ((next = via_wheel_next(&c->s->wheel, c->ticks)) <= end) {
        uint32_t id;

        c->s->now = next > c->s->now ? next : c->s->now;
        while ((id = via_wheel_pop(&c->s->wheel, c->ticks, c->s->now)))
            via_net_timer(c, via_tick_kind_of(id), via_tick_index_of(id));
        rig_flush(r);
    }
    c->s->now = end;
}

void rig_end(struct net_rig *r) {
    struct via_core *c = &r->core;

    via_frag_clear(c);
    via_pktq_clear(c, &c->s->loop);
    via_neigh_flush(c, 0, true);
    rig_flush(r);
    assert_int_equal(rig_held(r), 0);
    assert_int_equal(via_pool_used(&c->s->clones), 0);
    via_net_detach(c, r->vi);
    via_vi_stop(r->vi);
    via_net_fini(c);
    assert_int_equal(via_pool_used(&c->s->pkts), 0);
    via_region_fini(&c->region);
    free(r);
}

struct via_rx rig_input_as(struct net_rig *r, const void *frame, uint32_t len, uint8_t flags) {
    struct via_core *c = &r->core;
    struct via_pkt *p = via_pkt_new(c, 0);
    struct via_rx rx;

    assert_non_null(p);
    memset(&rx, 0xa5, sizeof rx);
    assert_int_equal(via_pkt_append(c, p, frame, len), 0);
    p->vi = 1;
    p->flags = flags;
    p->order = ++c->s->arrivals;
    p->ts = c->s->now;
    if (r->slow)
        via_net_input_slow(c, p, &rx);
    else
        via_net_input(c, p, &rx);
    if (rx.kind == VIA_RX_DROP) {
        assert_true(rx.why > VIA_KEPT && rx.why < VIA_DROPS);
        via_drop_count(c, rx.why);
        via_pkt_release(c, rx.pkt);
    }
    rig_flush(r);
    return rx;
}

struct via_rx rig_input(struct net_rig *r, const void *frame, uint32_t len) {
    return rig_input_as(r, frame, len, 0);
}

void rig_release(struct net_rig *r, struct via_rx *rx) {
    if (rx->kind == VIA_RX_DATAGRAM || rx->kind == VIA_RX_ERROR)
        via_pkt_release(&r->core, rx->pkt);
    rx->kind = VIA_RX_DONE;
}

struct via_rx rig_loop(struct net_rig *r) {
    struct via_core *c = &r->core;
    struct via_list loop = c->s->loop;
    struct via_rx rx;
    struct via_pkt *p;

    memset(&rx, 0, sizeof rx);
    c->s->loop.head = c->s->loop.tail = 0;
    while ((p = via_pktq_pop(c, &loop))) {
        rig_release(r, &rx);
        p->owner = VIA_OWNER_BURST;
        via_net_input(c, p, &rx);
        if (rx.kind == VIA_RX_DROP) {
            via_drop_count(c, rx.why);
            via_pkt_release(c, rx.pkt);
        }
    }
    rig_flush(r);
    return rx;
}

uint64_t rig_drops(const struct net_rig *r, enum via_drop why) {
    return r->core.s->drops[why];
}

struct via_addr rig_addr(const char *text) {
    struct via_addr a;

    assert_int_equal(via_addr_parse(text, &a, NULL), 0);
    return a;
}

struct via_ip_head rig_head(const char *src, const char *dst, uint8_t proto) {
    struct via_ip_head h = {.src = rig_addr(src), .dst = rig_addr(dst), .proto = proto};

    h.version = via_addr_is4(&h.dst) ? 4 : 6;
    return h;
}

void rig_eth(uint8_t *at, const uint8_t dst[6], uint16_t type) {
    struct via_eth e = {.type = type};

    memcpy(e.dst, dst, 6);
    memcpy(e.src, rig_peer_mac, 6);
    via_eth_emit(at, &e);
}

static bool is_broadcast(const struct via_addr *a) {
    return via_addr_is4(a) && (via_addr_to4(a) == 0xffffffff || via_addr_to4(a) == htonl(0x0a0000ff));
}

uint32_t rig_ip_frame(uint8_t *at, struct via_ip_head *h, const void *payload, uint32_t n) {
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t mac[6];
    int len;

    memcpy(mac, is_broadcast(&h->dst) ? everybody : rig_mac, 6);
    if (via_addr_is_multicast(&h->dst))
        via_mac_of_group(mac, &h->dst);
    rig_eth(at, mac, h->version == 4 ? VIA_ETH_IP4 : VIA_ETH_IP6);
    h->ttl = h->ttl ? h->ttl : 64;
    h->payload = (uint16_t)n;
    len = VIA_ETH_LEN + via_ip_emit(at + VIA_ETH_LEN, h);
    if (n)
        memcpy(at + len, payload, n);
    return (uint32_t)len + n;
}

uint32_t rig_udp_frame(uint8_t *at, struct via_ip_head *h, const void *payload, uint32_t n) {
    uint8_t b[65536] = {0};

    assert_true(n <= 65507);
    via_put16(b, 4000);
    via_put16(b + 2, 5000);
    via_put16(b + 4, (uint16_t)(8 + n));
    if (payload)
        memcpy(b + 8, payload, n);
    h->proto = IPPROTO_UDP;
    via_store16(b + 6, via_sum_end_udp(via_sum_add(via_ip_pseudo(h, 8 + n), b, 8 + n)));
    return rig_ip_frame(at, h, b, 8 + n);
}

uint32_t rig_icmp_frame(uint8_t *at, struct via_ip_head *h, uint8_t type, uint8_t code, const void *rest, uint32_t n) {
    static uint8_t b[65536];

    memset(b, 0, 4);
    b[0] = type;
    b[1] = code;
    memcpy(b + 4, rest, n);
    h->proto = h->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    via_icmp_seal(b, 4 + n, h);
    return rig_ip_frame(at, h, b, 4 + n);
}

static void check_sum(const struct rig_parsed *p) {
    uint64_t seed = p->ip.version == 6 || p->ip.proto == IPPROTO_UDP ? via_ip_pseudo(&p->ip, p->ip.payload) : 0;

    if (p->ip.flags & VIA_IP_FRAGMENT)
        return;
    if (p->ip.proto == IPPROTO_ICMP || p->ip.proto == IPPROTO_ICMPV6 || p->ip.proto == IPPROTO_IGMP)
        assert_true(via_sum_ok(via_sum_add(seed, p->payload, p->ip.payload)));
}

struct rig_parsed rig_parse(const struct rig_frame *f) {
    struct rig_parsed p;
    int n = via_eth_parse(&p.eth, f->bytes, f->len);

    assert_int_equal(n, VIA_ETH_LEN);
    assert_true(p.eth.type == VIA_ETH_IP4 || p.eth.type == VIA_ETH_IP6);
    assert_memory_equal(p.eth.src, rig_mac, 6);
    n = via_ip_parse(&p.ip, f->bytes + VIA_ETH_LEN, f->len - VIA_ETH_LEN, f->len - VIA_ETH_LEN, true);
    assert_true(n > 0);
    assert_int_equal(via_ip_total(&p.ip), f->len - VIA_ETH_LEN);
    p.payload = f->bytes + VIA_ETH_LEN + n;
    check_sum(&p);
    return p;
}
