/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host with few frames and a list of things that happen to it: frames made of templates or of raw bytes, time, groups
 * joined and left. After each: bounds of reassembly hold, few packets answer one, and none is an error about what must
 * not be answered. At the end everything comes back to the pools.
 */
#include "fuzz_rig.h"
#include "net_rig.h"

#include "net/state.h"

#define ANSWERS_MAX 12 /* packets that one frame may cause: the reply to a datagram of all fragments allowed */
#define STEPS_MAX   200

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t take(struct input *in) {
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static const uint8_t *take_bytes(struct input *in, uint32_t *n) {
    const uint8_t *at = in->at;

    *n = via_min32(*n, (uint32_t)in->left);
    in->at += *n;
    in->left -= *n;
    return at;
}

static const char *const sources[2][8] = {
    {"10.0.0.2", "10.0.0.3", "192.0.2.1", "10.0.0.1", "0.0.0.0", "10.0.0.255", "224.0.0.1", "10.0.0.2"},
    {"2001:db8::2", "fe80::2", "2001:db8:9::1", "2001:db8::1", "::", "::1", "ff02::1", "fe80::3"},
};
static const char *const destinations[2][8] = {
    {"10.0.0.1", "10.0.0.1", "10.0.0.255", "224.0.0.1", "239.1.2.3", "10.0.0.2", "127.0.0.1", "255.255.255.255"},
    {"2001:db8::1", "fe80::1", "ff02::1", "ff0e::1234", "ff02::1:ff00:1", "2001:db8::2", "::1", "ff01::1"},
};
static const uint8_t protocols[8] = {17, 1, 58, 2, 6, 44, 60, 0};

/* RFC 1122 3.2.2, RFC 4443 2.4 (e). */
static void check_error(const struct rig_parsed *p) {
    struct via_icmp m;
    struct via_quote q;
    const uint8_t *quote = p->payload + VIA_ICMP_LEN;
    size_t len = p->ip.payload - (size_t)VIA_ICMP_LEN;

    rig_must(p->ip.payload >= VIA_ICMP_LEN);
    via_icmp_parse(&m, p->ip.version, p->payload, p->ip.payload);
    if (!via_icmp_is_error(&m))
        return;
    rig_must(p->ip.payload + (p->ip.version == 6 ? 40u : 20u) <= (p->ip.version == 6 ? 1280u : 576u));
    rig_must(via_quote_parse(&q, p->ip.version, quote, len) > 0);
    rig_must(!q.later);
    rig_must(!via_addr_is_multicast(&q.src) && !via_addr_is_any(&q.src));
    rig_must(via_addr_eq(&q.src, &p->ip.dst));
    if (via_addr_is_multicast(&q.dst))
        rig_must(p->ip.version == 6 && p->payload[0] == 4 && p->payload[1] == 2);
    if (q.proto == (p->ip.version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) && q.hlen < len)
        rig_must(!via_icmp_type_is_error(p->ip.version, quote[q.hlen]) &&
                 !(p->ip.version == 6 && quote[q.hlen] == 137));
}

static void check_sent(const struct net_rig *r) {
    unsigned i;

    rig_must(r->sent_count <= ANSWERS_MAX);
    for (i = 0; i < r->sent_count && i < RIG_SENT; i++) {
        const struct rig_frame *f = &r->sent[i];
        struct rig_parsed p;

        if (via_get16(f->bytes + 12) == VIA_ETH_ARP)
            continue;
        p = rig_parse(f);
        rig_must(!via_addr_is_any(&p.ip.dst));
        if (!(p.ip.flags & VIA_IP_FRAGMENT) && (p.ip.proto == IPPROTO_ICMP || p.ip.proto == IPPROTO_ICMPV6))
            check_error(&p);
    }
}

/* What the layers above would do with it. */
static void pass_up(struct net_rig *r, struct via_rx *rx, uint8_t mood) {
    if (rx->kind == VIA_RX_DATAGRAM) {
        rig_must(rx->pkt->off >= rx->pkt->l3 && rx->pkt->len <= rx->pkt->total);
        if (mood & 1)
            via_net_unreachable(&r->core, rx->pkt, rx);
    } else if (rx->kind == VIA_RX_ERROR) {
        rig_must(rx->reason < 0 && via_net_is_own(&r->core, &rx->flow.local, 0));
        if (mood & 2)
            via_net_pmtu(&r->core, rx);
    }
    rig_release(r, rx);
    rig_flush(r);
}

static void give_frame(struct net_rig *r, const uint8_t *b, uint32_t n, uint8_t mood) {
    struct via_rx rx;

    if (r->core.s->pkts.free < 4)
        return;
    r->slow = mood & 4;
    rx = rig_input_as(r, b, n, mood & 8 ? VIA_PKT_CSUM_OK : 0);
    pass_up(r, &rx, mood);
    rx = rig_loop(r);
    pass_up(r, &rx, mood);
    via_pktq_clear(&r->core, &r->core.s->loop);
}

static void give_raw(struct net_rig *r, struct input *in, uint8_t mood) {
    static const uint16_t types[4] = {VIA_ETH_IP4, VIA_ETH_IP6, VIA_ETH_ARP, VIA_ETH_VLAN};
    uint8_t b[300];
    uint32_t n = take(in);
    const uint8_t *at = take_bytes(in, &n);

    rig_eth(b, rig_mac, types[mood >> 4 & 3]);
    memcpy(b + 14, at, n);
    give_frame(r, b, mood & 0x40 ? n : 14 + n, mood);
}

static void give_made(struct net_rig *r, struct input *in, uint8_t mood) {
    uint8_t a = take(in), proto = take(in), frag = take(in), b[600], body[256];
    int six = mood >> 4 & 1;
    struct via_ip_head h = rig_head(sources[six][a & 7], destinations[six][a >> 3 & 7], protocols[proto & 7]);
    uint32_t n;
    const uint8_t *at;

    h.ttl = proto & 0x80 ? 255 : 1;
    h.tos = proto >> 3 & 3;
    h.flags = (uint8_t)(a & 0x40 ? VIA_IP_ALERT : 0);
    if (frag & 1) {
        h.flags |= (uint8_t)(VIA_IP_FRAGMENT | (frag & 2 ? VIA_IP_MORE : 0));
        h.frag_id = frag >> 2 & 3;
        h.frag_off = (uint16_t)((take(in) | (frag & 0x80 ? take(in) << 8 : 0)) << 3);
    }
    n = take(in);
    at = take_bytes(in, &n);
    memcpy(body, at, n);
    if ((mood & 0x20) && n >= 8)
        via_icmp_seal(body, n, &h);
    give_frame(r, b, rig_ip_frame(b, &h, body, n), mood);
}

static void change_group(struct net_rig *r, struct input *in, uint8_t members[4]) {
    static const char *const groups[2] = {"239.1.2.3", "ff0e::1234"};
    uint8_t what = take(in);
    struct via_addr any = {{0}}, g = rig_addr(groups[what & 1]);
    struct via_addr s = what & 2 ? any : rig_addr(sources[what & 1][0]);

    if (what & 4) {
        members[what & 3]++;
        rig_must(via_net_join(&r->core, 1, &g, &s) == 1);
    } else if (members[what & 3]) {
        members[what & 3]--;
        via_net_leave(&r->core, 1, &g, &s);
    }
    rig_flush(r);
}

static void leave_all(struct net_rig *r, uint8_t members[4]) {
    uint8_t none[2] = {0, 0};
    unsigned i;

    for (i = 0; i < 4; i++)
        while (members[i]) {
            struct input in = {none, 1};

            none[0] = (uint8_t)i;
            change_group(r, &in, members);
        }
}

static struct net_rig *small_host(void) {
    struct via_attrs a = rig_attrs();

    a.frames = 128;
    a.rx_ring = 16;
    a.tx_ring = 64;
    a.clones = 16;
    a.frag_max = 8;
    a.frag_frames = 32;
    a.frag_source = 4;
    a.max_neighs = 16;
    a.max_addrs = 16;
    return rig_host(&a, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    struct net_rig *r = small_host();
    uint8_t members[4] = {0};
    unsigned steps;

    for (steps = 0; in.left && steps < STEPS_MAX; steps++) {
        uint8_t op = take(&in), mood = take(&in);

        rig_clear(r);
        switch (op & 3) {
        case 0:
            give_raw(r, &in, mood);
            break;
        case 3:
            if (op & 4)
                change_group(r, &in, members);
            else
                rig_wait(r, (mood + 1u) * 100 * VIA_MS);
            break;
        default:
            give_made(r, &in, mood);
            break;
        }
        if ((op & 3) != 3)
            check_sent(r);
        rig_must(via_frag_valid(&r->core) && via_neigh_valid(&r->core));
        rig_must(r->core.net->frag.frames <= 32 && via_pool_used(&r->core.net->frag.datagrams) <= 8);
    }
    leave_all(r, members);
    rig_wait(r, 600 * VIA_SEC);
    rig_must(via_pool_used(&r->core.net->frag.datagrams) == 0 && via_pool_used(&r->core.net->mcast.sources) == 0);
    rig_end(r);
    return 0;
}
