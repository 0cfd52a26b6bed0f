/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/input.h"
#include "net/arp.h"
#include "net/ip.h"
#include "net/state.h"
#include "wire/eth.h"

uint64_t via_net_sum(const struct via_core *c, const struct via_pkt *p, uint64_t sum) {
    bool odd = false;

    for (;;) {
        sum = via_sum_join(sum, via_sum_add(0, via_pkt_data(c, p), p->len), odd);
        odd ^= p->len & 1;
        if (!p->chain)
            return sum;
        p = via_pkt_at(c, p->chain);
    }
}

struct via_pkt *via_net_private(struct via_core *c, struct via_pkt *p) {
    uint32_t head = (uint32_t)(p->off - p->l3);
    const struct via_pkt *part = p;
    struct via_pkt *copy;

    if (VIA_LIKELY(p->refs == 1 && !(p->flags & (VIA_PKT_CLONE | VIA_PKT_SHARED))))
        return p;
    if (!(copy = via_pkt_new(c, c->s->reserve)))
        return NULL;
    copy->order = p->order;
    copy->ts = p->ts;
    copy->vi = p->vi;
    copy->looped = p->looped;
    copy->flags = p->flags & (VIA_PKT_CSUM_OK | VIA_PKT_MCAST);
    copy->off = copy->l3 = p->l3;
    if (via_pkt_append(c, copy, via_pkt_frame(c, p) + p->l3, head + p->len) < 0)
        goto no_frames;
    while (part->chain) {
        part = via_pkt_at(c, part->chain);
        if (via_pkt_append(c, copy, via_pkt_data(c, part), part->len) < 0)
            goto no_frames;
    }
    via_pkt_pull(copy, head);
    via_pkt_release(c, p);
    return copy;
no_frames:
    via_pkt_release(c, copy);
    return NULL;
}

static void drop(struct via_rx *rx, enum via_drop why) {
    rx->kind = VIA_RX_DROP;
    rx->why = why;
}

static void done(struct via_core *c, struct via_pkt *p, struct via_rx *rx, enum via_drop why) {
    if (why) {
        drop(rx, why);
        return;
    }
    via_pkt_release(c, p);
    rx->kind = VIA_RX_DONE;
}

/* Only the highest bits of a product depend on all bits of its factor. */
static inline uint32_t slot_of(uint64_t x) {
    return (uint32_t)(x * 0x9e3779b97f4a7c15ull >> (64 - VIA_SEEN_BITS));
}

static inline struct via_seen *slot4(const struct via_core *c, const uint8_t *ip) {
    return &c->net->input.seen4[slot_of(via_load64(ip + 12))];
}

static inline struct via_seen *slot6(const struct via_core *c, const uint8_t *ip) {
    uint64_t src = via_load64(ip + 8) ^ via_load64(ip + 16), dst = via_load64(ip + 24) ^ via_load64(ip + 32);

    return &c->net->input.seen6[slot_of(src ^ via_rotl(dst, 32))];
}

/* Both addresses were judged good since the generation last moved, `group` or not. */
static inline bool was_seen4(const struct via_core *c, const uint8_t *ip, uint8_t iface, bool group) {
    const struct via_seen *s = slot4(c, ip);

    return s->addr[0] == via_load64(ip + 12) && s->gen == c->net->head.gen && s->iface == iface && s->group == group;
}

static inline bool was_seen6(const struct via_core *c, const uint8_t *ip, uint8_t iface, bool group) {
    const struct via_seen *s = slot6(c, ip);

    return !((s->addr[0] ^ via_load64(ip + 8)) | (s->addr[1] ^ via_load64(ip + 16)) |
             (s->addr[2] ^ via_load64(ip + 24)) | (s->addr[3] ^ via_load64(ip + 32))) &&
           s->gen == c->net->head.gen && s->iface == iface && s->group == group;
}

static void remember(struct via_core *c, const struct via_ip_head *h, const struct via_pkt *p) {
    const uint8_t *ip = via_pkt_frame(c, p) + p->l3;
    struct via_seen *s = h->version == 4 ? slot4(c, ip) : slot6(c, ip);

    memcpy(s->addr, h->version == 4 ? ip + 12 : ip + 8, h->version == 4 ? 8 : 32);
    s->gen = c->net->head.gen;
    s->iface = p->vi;
    s->group = p->flags & VIA_PKT_MCAST;
}

void via_input_forget(struct via_core *c) {
    memset(&c->net->input, 0, sizeof c->net->input);
}

static inline void deliver(struct via_rx *rx, const struct via_pkt *p, uint8_t proto) {
    rx->kind = VIA_RX_DATAGRAM;
    rx->why = VIA_KEPT;
    rx->flow.lport = rx->flow.rport = 0;
    rx->flow.proto = proto;
    rx->flow.iface = p->vi;
}

/* Takes `n` bytes of headers off a packet that ends `total` bytes behind `skip`. */
static inline void strip(struct via_pkt *p, uint32_t skip, uint32_t total, uint32_t n) {
    p->l3 = (uint16_t)(p->off + skip);
    p->off = (uint16_t)(p->l3 + n);
    p->len = (uint16_t)(total - n);
    p->total = total - n;
}

static inline bool is_transport(uint8_t proto) {
    return proto == IPPROTO_UDP || proto == IPPROTO_TCP;
}

static inline bool take_fast4(struct via_core *c, struct via_pkt *p, const uint8_t *ip, struct via_rx *rx, bool group) {
    uint32_t total = via_get16(ip + 2);

    if (ip[0] != 0x45 || total < VIA_IP4_LEN || total + VIA_ETH_LEN > p->len || (via_load16(ip + 6) & htons(0x3fff)) ||
        !is_transport(ip[9]) || !was_seen4(c, ip, p->vi, group) ||
        (via_net_verifies(c, p) && !via_sum_ok(via_sum_add(0, ip, VIA_IP4_LEN))))
        return false;
    deliver(rx, p, ip[9]);
    rx->flow.remote = via_get_addr4(ip + 12);
    rx->flow.local = via_get_addr4(ip + 16);
    rx->ttl = ip[8];
    rx->tos = ip[1];
    rx->group = group;
    strip(p, VIA_ETH_LEN, total, VIA_IP4_LEN);
    return true;
}

static inline bool take_fast6(struct via_core *c, struct via_pkt *p, const uint8_t *ip, struct via_rx *rx, bool group) {
    uint32_t total = VIA_IP6_LEN + (uint32_t)via_get16(ip + 4);

    if (p->len < VIA_ETH_LEN + VIA_IP6_LEN || ip[0] >> 4 != 6 || total + VIA_ETH_LEN > p->len || !is_transport(ip[6]) ||
        !was_seen6(c, ip, p->vi, group))
        return false;
    deliver(rx, p, ip[6]);
    memcpy(&rx->flow.remote, ip + 8, 16);
    memcpy(&rx->flow.local, ip + 24, 16);
    rx->ttl = ip[7];
    rx->tos = (uint8_t)(via_get16(ip) >> 4);
    rx->group = group;
    strip(p, VIA_ETH_LEN, total, VIA_IP6_LEN);
    return true;
}

/* The straight line; false says nothing about the packet. */
static inline bool take_fast(struct via_core *c, struct via_pkt *p, struct via_rx *rx) {
    const uint8_t *at = via_pkt_data(c, p);
    uint16_t type;
    bool group;

    if (p->len < VIA_ETH_LEN + VIA_IP4_LEN || p->chain || (p->flags & VIA_PKT_TRUNC) || p->looped)
        return false;
    group = via_mac_is_group(at);
    if (!(group || via_mac_eq(at, c->net->iface.at[p->vi].mac)) || via_mac_is_group(at + 6))
        return false;
    rx->pkt = p;
    type = via_load16(at + 12);
    if (type == htons(VIA_ETH_IP4) ? !take_fast4(c, p, at + VIA_ETH_LEN, rx, group)
                                   : type != htons(VIA_ETH_IP6) || !take_fast6(c, p, at + VIA_ETH_LEN, rx, group))
        return false;
    if (group)
        p->flags |= VIA_PKT_MCAST;
    return true;
}

void via_net_input(struct via_core *c, struct via_pkt *p, struct via_rx *rx) {
    if (VIA_UNLIKELY(!take_fast(c, p, rx)))
        via_net_input_slow(c, p, rx);
}

/* The Ethernet header goes; *type is what follows. */
static enum via_drop take_eth(const struct via_core *c, struct via_pkt *p, uint16_t *type) {
    const struct via_iface *f = &c->net->iface.at[p->vi];
    struct via_eth e;
    int n = via_eth_parse(&e, via_pkt_data(c, p), p->len);

    if (n < 0)
        return (enum via_drop)(-n);
    if (p->flags & VIA_PKT_TRUNC)
        return VIA_DROP_FRAME_TRUNCATED;
    if (via_mac_is_group(e.dst))
        p->flags |= VIA_PKT_MCAST;
    if (!p->looped && via_mac_is_group(e.src))
        return VIA_DROP_ETH_SOURCE;
    if (!p->looped && !via_mac_is_group(e.dst) && !via_mac_eq(e.dst, f->mac))
        return VIA_DROP_ETH_OTHER_HOST;
    /* A tag without identifier tells a priority and no more. */
    if (e.tagged && via_eth_vid(e.vlan))
        return VIA_DROP_VLAN_UNKNOWN;
    via_pkt_pull(p, (uint32_t)n);
    *type = e.type;
    return VIA_KEPT;
}

/* What the header is wrong in is told to its sender, if the packet was for us and RFC 4443 or RFC 1122 want it. */
static void answer_fault(struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h) {
    struct via_icmp m;
    bool group;

    if (!h->fault || via_ip_judge(c, p, h, &group))
        return;
    via_icmp_of_fault(&m, h);
    via_icmp_answer(c, p, &m, h->flags & VIA_IP_FAULT_GROUP);
}

/* RFC 1122 3.2.2.1, RFC 4443 3.4. "No next header" is no protocol. */
static void answer_proto(struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h) {
    struct via_icmp m = {.kind = VIA_ICMP_NO_PROTO, .version = h->version, .arg = h->version == 6 ? h->next_at : 0};

    if (h->proto != IPPROTO_NONE)
        via_icmp_answer(c, p, &m, false);
}

static enum via_drop take_igmp(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h) {
    if (via_net_verifies(c, p) && !via_sum_ok(via_net_sum(c, p, 0)))
        return VIA_DROP_IGMP_BAD;
    return via_mcast_input(c, p, h);
}

/* The payload of a whole packet for us: `p` is at its first byte. */
static void take_payload(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h, struct via_rx *rx) {
    rx->flow.local = h->dst;
    rx->flow.remote = h->src;
    rx->ttl = h->ttl;
    rx->tos = h->tos;
    if (is_transport(h->proto)) {
        deliver(rx, p, h->proto);
        if (!p->looped && rx->group == ((p->flags & VIA_PKT_MCAST) != 0))
            remember(c, h, p);
    } else if (h->proto == (h->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
        via_icmp_input(c, p, h, rx);
    } else if (h->version == 4 && h->proto == IPPROTO_IGMP) {
        done(c, p, rx, take_igmp(c, p, h));
    } else {
        answer_proto(c, p, h);
        drop(rx, VIA_DROP_IP_PROTOCOL);
    }
}

/* Parses and judges the header that `p` begins with. 0, or why it is dropped; the sender may have been told. */
static enum via_drop take_header(struct via_core *c, struct via_pkt *p, struct via_ip_head *h, uint8_t version,
                                 bool *group) {
    const uint8_t *at = via_pkt_data(c, p);
    int n;

    p->l3 = p->off;
    n = version == 4 ? via_ip4_parse(h, at, p->len, p->total, via_net_verifies(c, p))
                     : via_ip6_parse(h, at, p->len, p->total);
    if (n < 0) {
        if (n != -VIA_DROP_IP_SHORT && n != -VIA_DROP_IP_VERSION && n != -VIA_DROP_IP_HEADER &&
            n != -VIA_DROP_IP_CHECKSUM)
            answer_fault(c, p, h);
        return (enum via_drop)(-n);
    }
    return via_ip_judge(c, p, h, group);
}

/* A fragment: the packet that it made whole, or NULL with `rx` filled. */
static struct via_pkt *take_fragment(struct via_core *c, struct via_pkt *p, struct via_ip_head *h, struct via_rx *rx) {
    struct via_pkt *whole, *own = via_net_private(c, p);
    enum via_drop why;

    if (!own) {
        drop(rx, VIA_DROP_NO_BUFFER);
        return NULL;
    }
    rx->pkt = own;
    if ((whole = via_frag_input(c, own, h, &why))) {
        rx->pkt = whole;
        return whole;
    }
    if (!why) {
        rx->kind = VIA_RX_DONE;
        return NULL;
    }
    answer_fault(c, own, h);
    drop(rx, why);
    return NULL;
}

/* `p` begins with an IP header of that version. Once only is anything reassembled. */
static void take_ip(struct via_core *c, struct via_pkt *p, uint8_t version, struct via_rx *rx) {
    struct via_ip_head h;
    enum via_drop why = take_header(c, p, &h, version, &rx->group);

    if (!why && (h.flags & VIA_IP_FRAGMENT)) {
        if (!(p = take_fragment(c, p, &h, rx)))
            return;
        why = take_header(c, p, &h, version, &rx->group);
        if (!why && (h.flags & (VIA_IP_FRAGMENT | VIA_IP_FRAG_SEEN)))
            why = VIA_DROP_FRAG_BAD;
    }
    if (why) {
        drop(rx, why);
        return;
    }
    if (p->total > via_ip_total(&h))
        via_pkt_trim(c, p, via_ip_total(&h));
    via_pkt_pull(p, h.hlen);
    take_payload(c, p, &h, rx);
}

void via_net_input_slow(struct via_core *c, struct via_pkt *p, struct via_rx *rx) {
    enum via_drop why;
    uint16_t type;

    memset(rx, 0, sizeof *rx);
    rx->pkt = p;
    if ((why = take_eth(c, p, &type)))
        drop(rx, why);
    else if (type == VIA_ETH_IP4)
        take_ip(c, p, 4, rx);
    else if (type == VIA_ETH_IP6)
        take_ip(c, p, 6, rx);
    else if (type == VIA_ETH_ARP && !p->looped && via_iface_at(c, p->vi))
        done(c, p, rx, via_arp_input(c, via_iface_at(c, p->vi), p));
    else
        drop(rx, VIA_DROP_ETH_TYPE);
}
