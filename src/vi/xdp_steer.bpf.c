/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program that takes from an interface what filters name, and leaves everything else to the kernel.
 *
 * It is compiled by hand (target xdp-steer) into xdp_steer.h, so that neither a compiler nor a file is needed where it
 * runs. Maps are plain undefined symbols: xdp_prog.c makes them and puts their FDs where the code refers to them.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp_filter.h"

#define ETHER_VLAN  0x8100
#define ETHER_QINQ  0x88a8
#define ETHER_ARP   0x0806
#define ETHER_IP4   0x0800
#define ETHER_IP6   0x86dd
#define IP4_FRAG    0x3fff /* more fragments, or an offset */
#define PROTO_TCP   6
#define PROTO_UDP   17
#define IP6_HOP     0
#define IP6_ROUTING 43
#define IP6_OPTIONS 60
#define IP6_MAX     4 /* extension headers that are looked through */

struct eth {
    __u8 to[6], from[6];
    __be16 type;
};

struct tag {
    __be16 tci, type;
};

struct arp {
    __be16 link, proto;
    __u8 link_len, proto_len;
    __be16 op;
    __u8 sender_mac[6];
    __be16 sender[2];
    __u8 target_mac[6];
    __be16 target[2];
};

struct ip4 {
    __u8 version, tos;
    __be16 len, id, frag;
    __u8 ttl, proto;
    __be16 sum;
    __be32 from, to;
};

struct ip6 {
    __u8 version, flow[3];
    __be16 len;
    __u8 next, hops;
    __be32 from[4], to[4];
};

struct ports {
    __be16 from, to;
};

/* In the order of enum xdp_map. */
extern char xsks, filters, config;

static __always_inline int is_named(const struct xdp_filter *f) {
    return bpf_map_lookup_elem(&filters, f) != 0;
}

static __always_inline int takes_addr(struct xdp_filter *f) {
    f->kind = XDP_KIND_ADDR;
    return is_named(f);
}

static __always_inline int takes_addr4(const struct xdp_config *c, struct xdp_filter *f) {
    __be32 a = f->addr[3];

    if (!(c->has & XDP_HAS_ADDR4))
        return 0;
    if (c->has & XDP_HAS_MANY4)
        return takes_addr(f);
    return a == c->few[0] || a == c->few[1] || a == c->few[2] || a == c->few[3];
}

/* `at` points to the transport header, if there is one. */
static __always_inline int takes_port(const struct xdp_config *c, struct xdp_filter *f, const void *at,
                                      const void *end) {
    const struct ports *p = at;

    if (!(c->has & (XDP_HAS_PORT | XDP_HAS_ANY_PORT)) || (const void *)(p + 1) > end)
        return 0;
    f->kind = XDP_KIND_PORT;
    f->port = bpf_ntohs(p->to);
    if ((c->has & XDP_HAS_PORT) && is_named(f))
        return 1;
    if (!(c->has & XDP_HAS_ANY_PORT))
        return 0;
    __builtin_memset(f->addr, 0, sizeof f->addr);
    return is_named(f);
}

static __always_inline void set_addr4(struct xdp_filter *f, __be32 a) {
    f->addr[2] = bpf_htonl(0xffff);
    f->addr[3] = a;
}

static __always_inline int takes_arp(const struct xdp_config *c, const void *at, const void *end) {
    const struct arp *a = at;
    struct xdp_filter f = {0};

    if (!(c->has & XDP_HAS_ADDR4) || (const void *)(a + 1) > end || a->proto != bpf_htons(ETHER_IP4) ||
        a->proto_len != 4 || a->link_len != 6)
        return 0;
    set_addr4(&f, a->target[0] | (__be32)a->target[1] << 16);
    return takes_addr4(c, &f);
}

static __always_inline int takes_ip4(const struct xdp_config *c, const void *at, const void *end) {
    const struct ip4 *ip = at;
    struct xdp_filter f = {0};

    if ((const void *)(ip + 1) > end || ip->version >> 4 != 4 || (ip->version & 15) < 5)
        return 0;
    set_addr4(&f, ip->to);
    if (takes_addr4(c, &f))
        return 1;
    if ((ip->proto != PROTO_TCP && ip->proto != PROTO_UDP) || (ip->frag & bpf_htons(IP4_FRAG)))
        return 0;
    f.proto = ip->proto;
    return takes_port(c, &f, at + (ip->version & 15) * 4, end);
}

static __always_inline int takes_ip6(const struct xdp_config *c, const void *at, const void *end) {
    const struct ip6 *ip = at;
    struct xdp_filter f = {0};
    const __u8 *x;
    __u8 next;
    int i;

    if ((const void *)(ip + 1) > end || ip->version >> 4 != 6)
        return 0;
    __builtin_memcpy(f.addr, ip->to, sizeof f.addr);
    if ((c->has & XDP_HAS_ADDR6) && takes_addr(&f))
        return 1;
    if (!(c->has & (XDP_HAS_PORT | XDP_HAS_ANY_PORT)))
        return 0;
    next = ip->next;
    x = (const __u8 *)(ip + 1);
#pragma unroll
    for (i = 0; i < IP6_MAX; i++) {
        if (next != IP6_HOP && next != IP6_ROUTING && next != IP6_OPTIONS)
            break;
        if ((const void *)(x + 8) > end)
            return 0;
        next = x[0];
        x += (x[1] + 1) * 8;
    }
    if (next != PROTO_TCP && next != PROTO_UDP)
        return 0;
    f.proto = next;
    return takes_port(c, &f, x, end);
}

SEC("xdp")
int steer(struct xdp_md *ctx) {
    const void *at = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
    const struct eth *eth = at;
    const struct tag *tag;
    __u32 zero = 0;
    const struct xdp_config *c = bpf_map_lookup_elem(&config, &zero);
    __be16 type;
    int i, mine = 0;

    if (!c || !c->has)
        return XDP_PASS;
    if (c->has & XDP_HAS_ALL)
        return (int)bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
    if ((const void *)(eth + 1) > end)
        return XDP_PASS;
    type = eth->type;
    at = eth + 1;
#pragma unroll
    for (i = 0; i < 2; i++) {
        if (type != bpf_htons(ETHER_VLAN) && type != bpf_htons(ETHER_QINQ))
            break;
        tag = at;
        if ((const void *)(tag + 1) > end)
            return XDP_PASS;
        type = tag->type;
        at = tag + 1;
    }
    if (type == bpf_htons(ETHER_IP4))
        mine = takes_ip4(c, at, end);
    else if (type == bpf_htons(ETHER_IP6))
        mine = takes_ip6(c, at, end);
    else if (type == bpf_htons(ETHER_ARP))
        mine = takes_arp(c, at, end);
    return mine ? (int)bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS) : XDP_PASS;
}

char licence[] SEC("license") = "Dual BSD/GPL";
