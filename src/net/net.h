/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - one IP host, both families: what the layers above may ask of it.
 *
 * Input: via_net_input() takes an Ethernet frame and says what it was. ARP, ND, IGMP/MLD, echo end inside; a datagram for
 * a transport comes back with its flow, an ICMP error about one of our flows comes back with the reason. Output: a
 * struct via_path is a resolved way to a destination, with headers prebuilt; it is valid while its generation equals
 * the net's, and everything that could change the answer moves that number.
 */
#ifndef VIA_NET_NET_H
#define VIA_NET_NET_H

#include "vi/vi.h"
#include "wire/ip.h"

#include <viaduct/ctrl.h>

/* Two ends and a protocol, local end first; IPv4 addresses are mapped. */
struct via_flow {
    struct via_addr local, remote;
    uint16_t lport, rport; /* host order */
    uint8_t proto;
    uint8_t iface; /* interface number; 0: any */
    uint8_t pad[2];
};

/* What input has to be done with a packet that net did not keep. */
enum via_rx_kind {
    VIA_RX_DONE = 0,  /* nothing: net has consumed, kept or answered it; do not touch the packet again */
    VIA_RX_DATAGRAM,  /* transport header at p->off, p->total bytes; flow addresses are filled, ports are not */
    VIA_RX_ERROR,     /* an ICMP error about `flow` (ports filled); the packet is still the caller's to release */
    VIA_RX_DROP       /* to be dropped for `why`: the caller counts it and releases the packet */
};

struct via_rx {
    struct via_pkt *pkt; /* unless DONE (then of no use): the packet; another one than was given where fragments became whole */
    enum via_rx_kind kind;
    enum via_drop why;
    struct via_flow flow;
    uint8_t ttl, tos;
    bool group;        /* destination is multicast or broadcast */
    uint8_t pad;
    int32_t reason;    /* ERROR: negative errno: -ECONNREFUSED, -EHOSTUNREACH, -ENETUNREACH, -EMSGSIZE, -EPROTO, ... */
    uint32_t mtu;      /* ERROR with -EMSGSIZE: the path MTU that it means; believed after via_net_pmtu() alone */
    bool hard;         /* ERROR: the peer's host itself said so (port or protocol unreachable) */
    uint32_t seq;      /* ERROR: first word of a quoted TCP header behind the ports */
};

/* p->looped: a frame of our own taken back; own source addresses are fine, filters by MAC do not apply. */
void via_net_input(struct via_core *c, struct via_pkt *p, struct via_rx *rx);

/* What a path is asked for. */
struct via_dest {
    struct via_addr dst;
    struct via_addr src; /* any: chosen (RFC 6724) */
    uint8_t iface;       /* 0: by route */
    uint8_t proto;
    uint8_t tos, ttl;    /* ttl 0: the stack's default */
    uint32_t flow_label; /* IPv6 */
};

/*
 * The label of an IPv6 flow (RFC 6437 3): the same for all packets of a conversation and hard to guess. Parts that are
 * not known, or not the same for all, are left zero. 0 if the attribute flow_label is off.
 */
uint32_t via_net_flow_label(const struct via_core *c, const struct via_flow *f);

enum via_path_flag {
    VIA_PATH_UNRESOLVED = 1, /* the neighbour's MAC is not known yet: packets are parked with it */
    VIA_PATH_LOOP = 2,       /* to an own address: queued on the core state's `loop` as a whole frame, `looped` set */
    VIA_PATH_GROUP = 4,      /* multicast or broadcast */
    VIA_PATH_CSUM_FREE = 8,  /* the link vouches: transport and IPv4 checksums may be left out */
    VIA_PATH_BROADCAST = 16,
    VIA_PATH_NO_DF = 32      /* IPv4: the template is without DF, since path MTU discovery is off */
};

/* Room that the headers of an own frame need before its payload: Ethernet and the larger IP header, in whole words. */
#define VIA_PATH_HEAD 64

struct via_path {
    uint32_t gen;       /* valid while equal to net->gen */
    uint32_t neigh;     /* neighbour id; 0 for groups and loops */
    uint16_t mtu;       /* largest IP packet to that destination */
    uint8_t vi;         /* interface number */
    uint8_t head_len;   /* of head: Ethernet and IP */
    uint8_t ip_len;     /* of the IP header alone */
    uint8_t family;     /* 4 or 6 */
    uint8_t flags;      /* enum via_path_flag */
    uint8_t proto;
    uint16_t ip_sum;    /* IPv4: sum (wire/sum.h), folded, of the header without total length, id and checksum */
    uint16_t pseudo;    /* the same of the pseudo header without the length */
    uint32_t serial;    /* of the neighbour: ids are used again */
    struct via_addr src, dst;
    uint64_t head[VIA_PATH_HEAD / 8]; /* the template, as it lies in front of a transport header: at the end */
};

/* The template's first byte. */
static inline uint8_t *via_path_head(struct via_path *path) {
    return (uint8_t *)path->head + VIA_PATH_HEAD - path->head_len;
}

/* The headers of a path in front of the `payload` bytes at `at`, word by word, with what differs from packet to packet. */
static inline void via_path_put(const struct via_path *path, uint8_t *at, uint32_t payload) {
    const uint64_t *end = path->head + VIA_PATH_HEAD / 8;
    uint16_t total = htons((uint16_t)(VIA_IP4_LEN + payload));

    via_store64(at - 8, end[-1]);
    if (path->family == 4) {
        via_store64(at - 16, end[-2] | via_word16(6, (uint16_t)~via_sum_fold32((uint32_t)path->ip_sum + total)));
        via_store64(at - 24, end[-3] | via_word16(6, total));
        via_store64(at - 32, end[-4]);
        via_store64(at - 40, end[-5]);
        return;
    }
    via_store64(at - 16, end[-2]);
    via_store64(at - 24, end[-3]);
    via_store64(at - 32, end[-4]);
    via_store64(at - 40, end[-5] | via_word16(4, htons((uint16_t)payload)));
    via_store64(at - 48, end[-6]);
    via_store64(at - 56, end[-7]);
}

/* Bytes that via_path_put() writes in front of the payload. */
static inline uint32_t via_path_room(const struct via_path *path) {
    return (path->head_len + 7u) & ~7u;
}

/*
 * Finds the way: route, source, neighbour, path MTU. 0, also while the neighbour is unresolved; else -ENETUNREACH,
 * -EADDRNOTAVAIL (no source), -EHOSTUNREACH (neighbour failed just now), -ENETDOWN, with path->gen 0.
 */
int via_path_resolve(struct via_core *c, struct via_path *path, const struct via_dest *d);

static inline bool via_path_valid(const struct via_core *c, const struct via_path *path);

/* The source that packets to `d` would have, and nothing more: no neighbour is asked for. 0, or as above. */
int via_path_source(struct via_core *c, const struct via_dest *d, struct via_addr *src);

/* Best first (RFC 6724 6); how many of them can be reached. `n` is at most VIA_RANK_MAX. */
unsigned via_net_rank(struct via_core *c, struct via_ep *v, unsigned n);

/*
 * Sends `p` (transport header at p->off, whole datagram in p->total) down the path: IP and Ethernet headers, IPv4 ID,
 * fragments if it is longer than the MTU and `df` is false, parking while unresolved. The packet is gone in any case.
 * 0, or why it was dropped (counted).
 */
enum via_drop via_net_output(struct via_core *c, struct via_path *path, struct via_pkt *p, bool df);

/* How a group is sent to. */
enum via_group_how {
    VIA_GROUP_DF = 1,    /* never in fragments */
    VIA_GROUP_LOOP = 2,  /* members on this host get it too: the frame comes back at the next poll, without a copy */
    VIA_GROUP_LOCAL = 4, /* and nobody else does (RFC 1112 6.1: hop limit 0) */
};

/* The same down a path to a group or broadcast address. */
enum via_drop via_net_output_group(struct via_core *c, struct via_path *path, struct via_pkt *p, uint32_t how);

/*
 * An error with -EMSGSIZE is about a flow that is really here (and its `seq` is in flight, RFC 5927 7): believe `rx->mtu`.
 * Who does not call this has no path MTU discovery; net alone cannot tell a router from a stranger who guesses.
 */
void via_net_pmtu(struct via_core *c, const struct via_rx *rx);

/* Answers `p` (as via_net_input() left it, DATAGRAM; it stays the caller's) with "port unreachable", within the rate. */
void via_net_unreachable(struct via_core *c, struct via_pkt *p, const struct via_rx *rx);

/* Fires a timer of one of net's kinds (NEIGH, FRAG, ADDR, IFACE, GROUP, MCAST, ROUTE, PMTU). */
void via_net_timer(struct via_core *c, enum via_tick_kind kind, uint32_t index);

/*
 * What net has to tell sockets, popped by stack/poll.c once per poll: packets that waited for a neighbour that did not
 * answer (flow and reason), link changes, own addresses that went.
 */
enum via_note_kind { VIA_NOTE_NONE = 0, VIA_NOTE_UNREACH, VIA_NOTE_LINK, VIA_NOTE_ADDR };
struct via_note {
    enum via_note_kind kind;
    uint8_t iface;
    struct via_flow flow; /* UNREACH: as far as known */
    int32_t reason;
};
bool via_net_note(struct via_core *c, struct via_note *out);

/* Is `a` an own unicast address usable now (not tentative)? Any interface if `iface` is 0. */
bool via_net_is_own(const struct via_core *c, const struct via_addr *a, uint8_t iface);

/* The interface that an own unicast address was given to, or 0. */
uint8_t via_net_home(const struct via_core *c, const struct via_addr *a);

/* Is `a` a broadcast address on some own subnet (or 255.255.255.255)? */
bool via_net_is_broadcast(const struct via_core *c, const struct via_addr *a);

/*
 * One more or one fewer local receiver of a group on an interface (0: by route), from `source` or, all zero, from anybody;
 * reports go out (RFC 9776, RFC 9777). The interface number in use, or -EINVAL (no group), -ENODEV, -ENOBUFS.
 */
int via_net_join(struct via_core *c, uint8_t iface, const struct via_addr *group, const struct via_addr *source);
void via_net_leave(struct via_core *c, uint8_t iface, const struct via_addr *group, const struct via_addr *source);

/* A VI came (its dev is open) or goes. */
int via_net_attach(struct via_core *c, struct via_vi *vi);
void via_net_detach(struct via_core *c, struct via_vi *vi);

/* Bytes of the region that net takes with these attributes, besides struct via_net; then sets c->net, zeroed, up. */
uint64_t via_net_bytes(const struct via_attrs *a);
int via_net_init(struct via_core *c);
void via_net_fini(struct via_core *c);

/* Control plane, as <viaduct/ctrl.h>. */
int via_net_addr(struct via_core *c, int op, const struct via_ifaddr *a);
int via_net_route(struct via_core *c, int op, const struct via_route *r);
int via_net_neigh(struct via_core *c, int op, const struct via_neigh_entry *n);

/* The kernel's tables by rtnetlink (mirror.c). The FD to watch or -1; poll reads what is there, never blocks. */
int via_mirror_start(struct via_core *c, const char *ifname, unsigned what);
int via_mirror_fd(const struct via_core *c);
unsigned via_mirror_poll(struct via_core *c);

/* Counters of net as statistics; non-zero from `fn` ends it. */
int via_net_stats(const struct via_core *c, int (*fn)(const struct via_stat *, void *), void *arg);

/* Looks at the devices: has a link, an MTU or what a device can do changed? A few loads if not. */
void via_net_look(struct via_core *c);

/* The head of struct via_net, so that paths and notes are looked at without a call. */
struct via_net_head {
    uint32_t gen;                  /* never 0 */
    uint32_t note_head, note_tail; /* count up; notes between them wait to be told */
};

static inline uint32_t via_net_gen(const struct via_core *c) {
    return ((const struct via_net_head *)(const void *)c->net)->gen;
}

static inline bool via_net_has_notes(const struct via_core *c) {
    const struct via_net_head *h = (const struct via_net_head *)(const void *)c->net;

    return h->note_head != h->note_tail;
}

static inline bool via_path_valid(const struct via_core *c, const struct via_path *path) {
    return path->gen == via_net_gen(c);
}

#endif
