/* SPDX-License-Identifier: BSD-2-Clause */
#include "script.h"

#include <errno.h>
#include <stdlib.h>

#define ROUNDS 10000 /* polls of a settling stack before it counts as gone wild */

static via_ns_t clock_of(void *ctx) {
    return ((struct sc_run *)ctx)->now;
}

static struct via_addr parse_addr(const char *text) {
    struct via_addr a = {{0}};

    via_addr_parse(text, &a, NULL);
    return a;
}

static struct via_stack *open_stack(struct sc_run *r, const char *spec, uint64_t seed) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    char why[VIA_WHY] = "";
    struct via_stack *st = NULL;
    struct via_attr *a;

    if (via_attr_new(spec, &a)) {
        snprintf(why, sizeof why, "%s", a ? via_attr_why(a) : "no memory");
        via_attr_free(a);
        sc_fail(r, "attributes '%s': %s", spec, why);
    }
    conf.attr = a;
    conf.clock = clock_of;
    conf.clock_ctx = r;
    conf.seed = seed;
    conf.why = why;
    if (via_stack_create(&conf, &st)) {
        via_attr_free(a);
        sc_fail(r, "no stack: %s", why);
    }
    via_attr_free(a);
    return st;
}

static void must(struct sc_run *r, int err, const char *what) {
    if (err < 0)
        sc_fail(r, "%s: %s (%s)", what, strerror(-err), r->st ? via_why(r->st) : "");
}

static void add_neighbour(struct sc_run *r, const struct via_addr *a, uint32_t iface) {
    struct via_neigh_entry n = {.addr = *a, .iface = iface};

    memcpy(n.mac, r->peer_mac, 6);
    must(r, via_ctrl_neigh(r->st, VIA_CTRL_ADD, &n), "neighbour");
}

static void open_addresses(struct sc_run *r, uint32_t iface) {
    struct via_ifaddr own = {.iface = iface, .flags = VIA_ADDR_NODAD, .prefix = r->six ? 64 : 24};
    struct via_route any = {.iface = iface, .family = r->six ? VIA_AF_6 : VIA_AF_4};

    r->local = own.addr = parse_addr(r->six ? "2001:db8::1" : "192.0.2.1");
    r->remote = parse_addr(r->six ? "2001:db8::2" : "192.0.2.2");
    r->other = parse_addr(r->six ? "2001:db8::3" : "192.0.2.3");
    must(r, via_ctrl_addr(r->st, VIA_CTRL_ADD, &own), "address");
    if (r->conf.neigh)
        return;
    add_neighbour(r, &r->remote, iface);
    add_neighbour(r, &r->other, iface);
    any.gateway = r->other;
    must(r, via_ctrl_route(r->st, VIA_CTRL_ADD, &any), "route");
}

static void open_capture(struct sc_run *r) {
    struct via_pcap_conf c = VIA_PCAP_CONF_INIT;

    c.path = r->pcap;
    if (r->pcap)
        must(r, via_pcap_open(r->st, &c), r->pcap);
}

void sc_world_open(struct sc_run *r) {
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct via_vi_info info = VIA_VI_INFO_INIT;
    struct via_vi *end[2];
    char spec[1536];

    snprintf(spec, sizeof spec, "frames=1024;clones=1024;rx_ring=256;tx_ring=512;huge_pages=off;checksum=2;linklocal=off;"
                                "accept_ra=off;max_timers=256;max_udp=256;max_epoll=16;max_neighs=128;max_routes=64;"
                                "icmp_rate=1000000;mem_mtu=%u;%s%s%s", r->conf.mtu, sc_has_tcp ? "max_tcp=64;max_listeners=8;" : "",
             r->slow ? "tcp_fast_path=off;" : "", r->conf.attr);
    r->now = r->base = 1000 * VIA_SEC;
    r->st = open_stack(r, spec, r->conf.seed);
    snprintf(spec, sizeof spec, "frames=2048;clones=0;rx_ring=1024;tx_ring=512;huge_pages=off;checksum=2;linklocal=off;"
                                "accept_ra=off;max_timers=16;max_udp=16;max_neighs=16;max_routes=16;mem_mtu=%u",
             r->conf.mtu);
    r->peer_st = open_stack(r, spec, r->conf.seed + 1);
    spec[0] = 0;
    {
        struct via_attr *a = NULL;

        snprintf(spec, sizeof spec, "rx_ring=1024;tx_ring=512;mem_mtu=%u", r->conf.mtu);
        must(r, via_attr_new(spec, &a), "cable");
        must(r, via_vi_pair(r->st, r->peer_st, a, end), "cable");
        via_attr_free(a);
    }
    r->vi = end[0];
    r->peer = end[1];
    must(r, via_vi_raw(r->peer, true), "raw end");
    via_vi_info(r->peer, &info);
    memcpy(r->peer_mac, info.mac, 6);
    via_vi_info(r->vi, &info);
    memcpy(r->mac, info.mac, 6);
    open_capture(r);
    open_addresses(r, info.index);
    set.mode = r->conf.loose ? VIA_EPOLL_LOOSE : VIA_EPOLL_STRICT;
    must(r, via_epoll_create(r->st, &set, &r->set), "event set");
    for (unsigned i = 1; i <= SC_SLOTS; i++) {
        r->slot[i].lport = 8080;
        r->slot[i].rport = (uint16_t)(40000 + i);
        r->slot[i].theirs = r->conf.peer_isn_set ? r->conf.peer_isn : (uint32_t)(r->conf.seed * 40503u + i * 0x01000193u);
    }
    sc_settle(r);
    while (sc_next(r))
        sc_pop(r);
}

void sc_world_close(struct sc_run *r) {
    while (r->queue_n)
        sc_pop(r);
    if (r->st)
        via_stack_destroy(r->st, VIA_FORCE);
    if (r->peer_st)
        via_stack_destroy(r->peer_st, VIA_FORCE);
    r->st = r->peer_st = NULL;
}

static void keep_packet(struct sc_run *r, const uint8_t *frame, uint32_t len) {
    struct sc_pkt *p = malloc(sizeof *p);

    if (!p || r->queue_n == SC_QUEUE)
        sc_fail(r, "more than %u packets that nobody asked for", SC_QUEUE);
    if (len < 14 || !sc_decode(r, p, frame, len)) {
        free(p);
        return;
    }
    r->queue[(r->queue_head + r->queue_n++) % SC_QUEUE] = p;
}

/* Takes what arrived at the raw end; packets of several frames are put together. */
static bool take_frames(struct sc_run *r) {
    static _Thread_local uint8_t whole[SC_FRAME + 64];
    struct via_frame v[64];
    uint32_t len = 0;
    int n = via_vi_recv(r->peer, v, 64);

    for (int i = 0; i < n; i++) {
        if (len + v[i].len > SC_FRAME)
            sc_fail(r, "a packet longer than %u bytes", SC_FRAME);
        memcpy(whole + len, via_vi_data(r->peer, &v[i]), v[i].len);
        len += v[i].len;
        if (v[i].flags & VIA_FRAME_MORE)
            continue;
        keep_packet(r, whole, len);
        len = 0;
    }
    if (n > 0)
        via_vi_release(r->peer, v, (unsigned)n);
    return n > 0;
}

/* 0: the listener; -1: none of the script's. */
static int slot_of_sock(struct sc_run *r, via_sock_t s) {
    for (int i = 1; i <= (int)SC_SLOTS; i++)
        if (r->slot[i].sock == s)
            return i;
    return s == r->listener ? 0 : -1;
}

static void keep_event(const struct via_event *ev, void *arg) {
    struct sc_run *r = arg;
    int slot = slot_of_sock(r, ev->sock);

    if (slot < 0 || r->events == SC_EVENTS)
        return;
    r->event[r->events++] = (struct sc_event){(unsigned)slot, *ev};
}

void sc_settle(struct sc_run *r) {
    struct via_work w = {0};
    bool moved;
    unsigned n = 0;

    do {
        via_stack_poll_at(r->st, r->now, 0, &w);
        moved = take_frames(r);
        via_vi_kick(r->peer);
        via_epoll_dispatch(r->set, 0, keep_event, r);
        if (++n == ROUNDS)
            sc_fail(r, "the stack does not come to rest");
    } while (moved || w.rx || w.tx || w.more || w.timers);
}

void sc_advance(struct sc_run *r, via_ns_t to) {
    unsigned stuck = 0;

    for (;;) {
        via_ns_t due = via_stack_deadline(r->st);

        if (due > to)
            break;
        if (due > r->now)
            stuck = 0;
        else if (++stuck == 100)
            sc_fail(r, "a deadline that is due is never served");
        r->now = due > r->now ? due : r->now;
        sc_settle(r);
    }
    if (to > r->now) {
        r->now = to;
        sc_settle(r);
    }
}

void sc_inject_raw(struct sc_run *r, const uint8_t *frame, uint32_t len) {
    struct via_frame f[64];
    uint32_t done = 0;
    unsigned n = 0;

    while (done < len) {
        uint32_t part;

        if (n == 64 || via_vi_alloc(r->peer, &f[n], 1) != 1)
            sc_fail(r, "no frame to send");
        part = len - done < f[n].len ? len - done : f[n].len;
        memcpy(via_vi_data(r->peer, &f[n]), frame + done, part);
        f[n].len = part;
        done += part;
        f[n].flags = done < len ? VIA_FRAME_MORE : 0;
        n++;
    }
    if (via_vi_send(r->peer, f, n) != (int)n)
        sc_fail(r, "the cable took no packet");
    via_vi_kick(r->peer);
}

void sc_inject(struct sc_run *r, const struct sc_pkt *p) {
    uint8_t *frame = calloc(1, p->size + 64u);
    uint16_t type = r->six ? 0x86dd : p->kind == SC_NEIGH ? 0x0806 : 0x0800;
    bool group = p->dst_given && via_addr_is_multicast(&p->dst);

    if (!frame)
        sc_fail(r, "no memory");
    memcpy(frame, r->mac, 6);
    if (group) {
        memcpy(frame, r->six ? "\x33\x33" : "\x01\x00\x5e", r->six ? 2 : 3);
        memcpy(frame + (r->six ? 2 : 3), p->dst.b + (r->six ? 12 : 13), r->six ? 4 : 3);
        if (!r->six)
            frame[3] &= 0x7f;
    }
    memcpy(frame + 6, r->peer_mac, 6);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    memcpy(frame + 14, p->bytes, p->size);
    sc_inject_raw(r, frame, p->size + 14 < 60 ? 60 : p->size + 14);
    free(frame);
}

struct sc_pkt *sc_next(struct sc_run *r) {
    return r->queue_n ? r->queue[r->queue_head] : NULL;
}

void sc_pop(struct sc_run *r) {
    struct sc_pkt *p = sc_next(r);

    r->queue_head = (r->queue_head + 1) % SC_QUEUE;
    r->queue_n--;
    free(p->bytes);
    free(p);
}
