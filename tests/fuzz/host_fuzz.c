/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One IP host and a list of operations: messages of neighbours and routers, raw frames, time, sends, the control plane,
 * the link. After each every table is walked; at the end every packet has to be back.
 */
#include "bench.h"
#include "fuzz_rig.h"

struct input {
    const uint8_t *at;
    size_t len;
};

static uint8_t byte(struct input *in) {
    if (!in->len)
        return 0;
    in->len--;
    return *in->at++;
}

/* Few of each, so that operations meet. */
static const char *const addrs[] = {
    "192.0.2.1",    "192.0.2.2",    "192.0.2.9",    "192.0.2.10",     "192.0.2.255",
    "203.0.113.7",  "224.0.0.251",  "0.0.0.0",      "127.0.0.1",      "255.255.255.255",
    "2001:db8::1",  "2001:db8::2",  "2001:db8::9",  "2001:db8::a",    "2001:db8:1::7",
    "2001:db8:2::", "fe80::1",      "fe80::9",      "fe80::a",        "ff02::1",
    "ff02::fb",     "::",           "::1",          "ff02::1:ff00:1", "ff02::1:ff00:2",
    "198.51.100.1", "198.51.100.9", "2001:db8:1::", "::ffff:0.0.0.1", "ff02::1:ff00:9",
};

static const char *text(struct input *in) {
    return addrs[byte(in) % VIA_COUNT(addrs)];
}

static struct via_addr addr(struct input *in) {
    return bench_ip(text(in));
}

static const char *text6(struct input *in) {
    return addrs[10 + byte(in) % 15];
}

/* What passes the check of sources in front of neighbour discovery. */
static const char *source6(struct input *in) {
    static const char *const from[] = {"::",          "fe80::9", "fe80::a",      "2001:db8::9",
                                       "2001:db8::2", "fe80::1", "2001:db8:1::7"};

    return from[byte(in) % VIA_COUNT(from)];
}

static uint8_t iface(struct input *in) {
    return (uint8_t)(1 + byte(in) % 2);
}

static bool is_there(struct bench *r, uint8_t i) {
    return via_iface_at(&r->core, i) != NULL;
}

static void small(struct via_attrs *a) {
    a->frames = 256;
    a->max_neighs = 16;
    a->max_addrs = 8;
    a->max_routes = 16;
    a->neigh_queue = 4;
    a->frag_max = 4;
    a->temp_addrs = 1;
    a->temp_preferred = 600 * VIA_SEC;
    a->temp_valid = 2000 * VIA_SEC;
    a->optimistic_dad = 1;
}

static void mac(struct input *in, uint8_t m[6]) {
    bench_mac(m, (uint8_t)(byte(in) % 4));
}

static void do_arp(struct bench *r, struct input *in) {
    struct via_arp m = {.op = (uint16_t)(1 + byte(in) % 2), .sender = addr(in), .target = addr(in)};
    uint8_t i = iface(in);

    mac(in, m.sender_mac);
    if (via_addr_is4(&m.sender) && via_addr_is4(&m.target) && is_there(r, i))
        bench_arp(r, i, &m);
}

static void fill_prefixes(struct via_nd *m, struct input *in) {
    for (m->prefixes = 0; m->prefixes < byte(in) % 5; m->prefixes++) {
        struct via_nd_prefix *p = &m->prefix[m->prefixes];

        memset(p, 0, sizeof *p);
        p->prefix = addr(in);
        p->len = byte(in) % 129;
        p->flags = byte(in) & (VIA_ND_ON_LINK | VIA_ND_AUTO);
        if (byte(in) % 4 == 0)
            p->flags = VIA_ND_VIA_ROUTER;
        if (byte(in) % 2)
            p->len = 64;
        if (p->flags == VIA_ND_VIA_ROUTER && via_addr_is4(&p->prefix))
            p->prefix = bench_ip("2001:db8:7::");
        p->valid = byte(in) * 64u;
        p->preferred = byte(in) * 64u;
    }
}

static void do_nd(struct bench *r, struct input *in) {
    static const uint8_t types[] = {VIA_ND_SOLICIT, VIA_ND_ADVERT, VIA_ND_ROUTER_ADVERT, VIA_ND_REDIRECT};
    struct via_nd m;
    const char *src = source6(in), *dst = text6(in);
    uint8_t i = iface(in);

    memset(&m, 0, sizeof m);
    m.type = types[byte(in) % 4];
    m.flags = byte(in) & 0xe0;
    m.has = byte(in) & (VIA_ND_SRC_MAC | VIA_ND_DST_MAC);
    m.target = bench_ip(text6(in));
    m.dst = bench_ip(text6(in));
    mac(in, m.src_mac);
    mac(in, m.dst_mac);
    if (m.type == VIA_ND_ROUTER_ADVERT) {
        m.lifetime = (uint16_t)(byte(in) * 16);
        m.pref = (int8_t)(byte(in) % 3 - 1);
        m.hop_limit = byte(in);
        m.reachable = byte(in) * 1000u;
        m.retrans = byte(in) * 100u;
        m.mtu = 1200 + byte(in) * 2u;
        m.has |= VIA_ND_MTU;
        fill_prefixes(&m, in);
    } else if (m.type == VIA_ND_SOLICIT && byte(in) % 2) {
        m.has |= VIA_ND_NONCE;
    }
    if (is_there(r, i))
        bench_nd(r, i, &m, src, dst);
}

/* A redirect of IPv4, its form checked. */
static void do_redirect(struct bench *r, struct input *in) {
    struct via_ra_hint h = {.dst = addr(in), .gateway = addr(in), .from = addr(in)};
    uint8_t i = iface(in);

    if (is_there(r, i) && via_addr_is4(&h.dst) && via_addr_is4(&h.gateway) && via_addr_is4(&h.from))
        via_ra_redirect4(&r->core, via_iface_at(&r->core, i), &h);
}

static void do_rank(struct bench *r, struct input *in) {
    struct via_ep v[8];
    uint32_t n = byte(in) % 9, i;

    memset(v, 0, sizeof v);
    for (i = 0; i < n; i++) {
        v[i].addr = addr(in);
        v[i].scope = byte(in) % 4;
    }
    if (via_net_rank(&r->core, v, n) > n)
        __builtin_trap();
}

static void do_frame(struct bench *r, struct input *in) {
    uint8_t frame[256], i = iface(in);
    size_t len = byte(in), k;

    if (!is_there(r, i))
        return;
    for (k = 0; k < sizeof frame; k++)
        frame[k] = k < len ? byte(in) : 0;
    memcpy(frame, r->core.net->iface.at[i].mac, 6);
    frame[6] &= 0xfe;
    bench_take(r, i, frame, len < 14 ? 14 : len);
}

static void do_send(struct bench *r, struct input *in) {
    struct via_dest d = {.dst = addr(in), .proto = IPPROTO_UDP, .iface = byte(in) % 3};
    struct via_path path;
    uint32_t len = 8 + byte(in) * (byte(in) % 8 ? 4u : 80u), n;

    if (byte(in) % 4 == 0)
        d.src = addr(in);
    if (r->core.s->pkts.free < 64 || via_path_resolve(&r->core, &path, &d) < 0)
        return;
    for (n = 1 + byte(in) % 4; n && via_path_valid(&r->core, &path) && r->core.s->pkts.free >= 64; n--)
        via_net_output(&r->core, &path, bench_payload(r, len), byte(in) % 2);
    via_pktq_clear(&r->core, &r->core.s->loop);
}

static void do_pass(struct bench *r, struct input *in) {
    static const via_ns_t times[] = {VIA_MS,       100 * VIA_MS, VIA_SEC,       3 * VIA_SEC,
                                     10 * VIA_SEC, 50 * VIA_SEC, 700 * VIA_SEC, 7300 * VIA_SEC};
    via_ns_t t = times[byte(in) % 8];
    int i;

    for (i = 0; i < 20; i++) {
        bench_pass(r, t / 20);
        bench_hush(r);
    }
}

static void do_addr(struct bench *r, struct input *in) {
    struct via_ifaddr a = {.addr = addr(in), .iface = byte(in) % 4, .prefix = byte(in) % 130};

    a.flags = byte(in) & (VIA_ADDR_NODAD | VIA_ADDR_KERNEL | VIA_ADDR_EARLY);
    if (byte(in) % 2)
        a.prefix = via_addr_is4(&a.addr) ? 24 : 64;
    via_net_addr(&r->core, byte(in) % 3 ? VIA_CTRL_ADD : VIA_CTRL_DEL, &a);
}

static void do_route(struct bench *r, struct input *in) {
    struct via_route t = {.dst = addr(in), .iface = byte(in) % 4, .prefix = byte(in) % 130, .metric = byte(in) % 3};
    uint8_t how = byte(in);

    if (how & 1)
        t.gateway = addr(in);
    if (how & 2)
        t.source = addr(in);
    if (how & 4)
        t.prefix = 0;
    if (how & 8)
        t.mtu = byte(in) * 16u;
    via_net_route(&r->core, 1 + byte(in) % 2, &t);
}

static void do_neigh(struct bench *r, struct input *in) {
    struct via_neigh_entry e = {.addr = addr(in), .iface = byte(in) % 4};
    uint8_t m[6], how = byte(in) % 6;

    mac(in, e.mac);
    mac(in, m);
    if (how < 2)
        via_net_neigh(&r->core, how ? VIA_CTRL_ADD : VIA_CTRL_DEL, &e);
    else if (how == 2)
        via_net_neigh(&r->core, VIA_CTRL_FLUSH, &e);
    else if (how == 3)
        via_neigh_confirm(&r->core, byte(in) % 20);
    else if (e.iface && is_there(r, (uint8_t)e.iface))
        via_neigh_put(&r->core, (uint8_t)e.iface, &e.addr, how == 4 ? m : NULL);
}

static void do_link(struct bench *r, struct input *in) {
    struct via_vi *vi = r->core.vi[iface(in)];
    struct via_note note;
    uint8_t how = byte(in) % 4;

    if (how < 3)
        vi->dev->link = how == 2 ? VIA_LINK_UP : how;
    else
        vi->dev->mtu = 60 + byte(in) * 8u;
    while (via_net_note(&r->core, &note))
        ;
}

static void do_interface(struct bench *r, struct input *in) {
    struct via_vi *vi = r->core.vi[iface(in)];

    if (is_there(r, vi->index))
        via_net_detach(&r->core, vi);
    else
        via_net_attach(&r->core, vi);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const ops[])(struct bench *, struct input *) = {
        do_arp,  do_nd,    do_nd,    do_frame, do_send,      do_send,     do_pass,
        do_addr, do_route, do_neigh, do_link,  do_interface, do_redirect, do_rank,
    };
    struct bench *r = bench_new(1, small);
    struct input in = {data, size};
    int i;

    bench_attach(r, VIA_VI_STEERS, 1500);
    bench_attach(r, VIA_VI_JUMBO, 3000);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 1, "2001:db8::1", 64);
    for (i = 0; in.len && i < 100; i++) {
        ops[byte(&in) % VIA_COUNT(ops)](r, &in);
        bench_pass(r, 0);
        bench_hush(r);
    }
    bench_free(r);
    return 0;
}
