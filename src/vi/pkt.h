/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pkt.h - packets: a descriptor of one cache line for each frame of the frame area, with the same index.
 *
 * A packet has one owner at a time, named in `owner`; `refs` is above one only where two really hold it (the device
 * and the application; a frame and its clones). Ids above the frame count are *clones*: descriptors of their own
 * (own list links, own event record) that show the bytes of another's frame, so that one frame is seen by several
 * sockets. A packet longer than a frame is a chain through `chain`, its head has `total`.
 *
 * Bytes: frame start ... headroom ... [off, off + len) ... frame end. Layers move `off` and `len` as they take headers
 * off or put them in front. `l3` remembers where the IP header began.
 */
#ifndef VIA_VI_PKT_H
#define VIA_VI_PKT_H

#include "base/core.h"

#define VIA_HEADROOM 256u /* room for Ethernet, VLAN, IPv6, TCP with options, and a driver's own; AF_XDP's figure */

enum via_owner {
    VIA_OWNER_POOL = 0,
    VIA_OWNER_RING,   /* lent to a device to receive into */
    VIA_OWNER_BURST,  /* being worked on in this call */
    VIA_OWNER_RXQ,    /* waiting in a socket */
    VIA_OWNER_FRAG,   /* waiting for its fragments */
    VIA_OWNER_NEIGH,  /* waiting for a neighbour's address */
    VIA_OWNER_APP,    /* lent to the application */
    VIA_OWNER_TXQ,    /* waiting for room in a TX ring, or to be received by ourselves */
    VIA_OWNER_FLIGHT, /* with a device, being sent */
    VIA_OWNER_DONE,   /* sent, its token not yet fetched */
    VIA_OWNER_HELD    /* the source of clones, not otherwise anywhere */
};

enum via_pkt_flag {
    VIA_PKT_CSUM_OK = 1, /* checksums vouched for by the link, or verified */
    VIA_PKT_CLONE = 2,   /* this descriptor has no frame of its own */
    VIA_PKT_SHARED = 4,  /* others see the same bytes: do not write them */
    VIA_PKT_FLIGHT = 8,  /* a device reads the frame */
    VIA_PKT_TOKEN = 16,  /* `tx.token` completes when the device lets go, or the packet is lost */
    VIA_PKT_TRUNC = 32,  /* cut by the driver */
    VIA_PKT_MCAST = 64,  /* came to a group or broadcast address */
    VIA_PKT_RAW = 128    /* belongs to raw VI I/O of the application */
};

/*
 * A record of an ordered event set, linked both ways so that it can go in O(1). Links and `sock` are {kind 8, index
 * 24}; kind 0 in a link is a packet, else a socket's own record (see sock/ready.h).
 */
struct via_rec {
    uint32_t next, prev;
    uint32_t sock;
    uint32_t bytes;
    uint16_t pkts;
    uint16_t what; /* 0: not linked */
};

struct via_pkt {
    uint32_t next;  /* in the owner's list */
    uint32_t chain; /* next part of the same packet */
    uint32_t frame; /* whose frame holds the bytes: the own id, unless a clone */
    uint32_t total; /* bytes over the chain, kept in its head */
    uint16_t off;   /* first byte, from frame start */
    uint16_t len;   /* bytes here */
    uint16_t refs;
    uint16_t l3;    /* IP header, from frame start */
    uint64_t order; /* arrival number */
    via_ns_t ts;    /* arrival time */
    union {
        struct via_rec rec; /* received: the event record that starts with this packet */
        struct {
            uint32_t token[2];
            uint32_t sock, gen; /* who is told; 0 = nobody */
            int32_t status;
        } tx;
        struct {
            uint32_t from, to;
        } frag; /* waiting for the other fragments: which bytes of the datagram these are */
        struct {
            uint32_t from, prev;
        } hole; /* waiting for the bytes of a stream before it: its first sequence number, and the packet in front */
    };
    uint8_t owner;  /* enum via_owner; apart from `refs`: a compiler would read both at once, just after one was written */
    uint8_t flags;  /* enum via_pkt_flag */
    uint8_t vi;     /* interface number it came from, or is sent through */
    uint8_t looped; /* 1: sent by ourselves and taken back (core state's `loop`): own source address is no martian;
                       or, in a neighbour's queue, one more fragment of the datagram before */
};
static_assert(sizeof(struct via_pkt) == VIA_LINE, "a descriptor is one cache line");

static inline struct via_pkt *via_pkt_at(const struct via_core *c, uint32_t id) {
    return c->pkts + id;
}

static inline uint32_t via_pkt_id(const struct via_core *c, const struct via_pkt *p) {
    return (uint32_t)(p - c->pkts);
}

/* Start of the frame that holds the packet's bytes. */
static inline uint8_t *via_pkt_frame(const struct via_core *c, const struct via_pkt *p) {
    return c->frames + ((uint64_t)p->frame << c->frame_shift);
}

/* First byte. */
static inline uint8_t *via_pkt_data(const struct via_core *c, const struct via_pkt *p) {
    return via_pkt_frame(c, p) + p->off;
}

/* Takes `n` bytes of header off the front. */
static inline void via_pkt_pull(struct via_pkt *p, uint32_t n) {
    VIA_ASSERT(n <= p->len && n <= p->total);
    p->off = (uint16_t)(p->off + n);
    p->len = (uint16_t)(p->len - n);
    p->total -= n;
}

/* Makes room for `n` bytes of header in front; returns where they begin. */
static inline uint8_t *via_pkt_push(const struct via_core *c, struct via_pkt *p, uint32_t n) {
    VIA_ASSERT(n <= p->off);
    p->off = (uint16_t)(p->off - n);
    p->len = (uint16_t)(p->len + n);
    p->total += n;
    return via_pkt_data(c, p);
}

/* Prepares a descriptor of an own frame: empty at `off`, one reference, no chain. */
static inline void via_pkt_reset(struct via_pkt *p, uint32_t id, uint16_t off) {
    memset(p, 0, sizeof *p);
    p->frame = id;
    p->off = off;
    p->refs = 1;
    p->owner = VIA_OWNER_BURST;
}

/* Takes an empty frame (off = VIA_HEADROOM, len 0) if more than `keep` are free; NULL if not. */
static inline struct via_pkt *via_pkt_new(struct via_core *c, uint32_t keep) {
    struct via_pool *pool = &c->s->pkts;
    struct via_pkt *p;
    uint32_t id;

    if (VIA_UNLIKELY(pool->free <= keep)) {
        pool->fails++;
        return NULL;
    }
    id = via_pool_stack(pool, &c->region)[--pool->free];
    p = via_pkt_at(c, id);
    via_pkt_reset(p, id, VIA_HEADROOM);
    return p;
}

/*
 * A positive `tx.status` is what a token says whatever the device does with the frame; a negative one, if it is lost.
 * The token of `p` completes: the packet moves to the core state's `sent` list with the reference it has.
 */
void via_pkt_sent(struct via_core *c, struct via_pkt *p, int status);

/*
 * The last holder of descriptor `p` (not its chain) is gone. A packet that still carries a token completes it with the
 * status prepared in `tx.status`.
 */
void via_pkt_recycle(struct via_core *c, struct via_pkt *p);

/* The same for a frame of its own that carries no token: it goes on top of the pool. */
static inline void via_pkt_put(struct via_core *c, struct via_pkt *p) {
    struct via_pool *pool = &c->s->pkts;

    VIA_ASSERT(p->owner != VIA_OWNER_POOL && pool->free < pool->ready);
    p->owner = VIA_OWNER_POOL;
    via_pool_stack(pool, &c->region)[pool->free++] = p->frame;
}

/* One holder less of `p` alone; recycles at zero. */
static inline void via_pkt_drop_ref(struct via_core *c, struct via_pkt *p) {
    VIA_ASSERT(p->refs);
    if (VIA_UNLIKELY(--p->refs))
        return;
    if (VIA_LIKELY(!(p->flags & (VIA_PKT_CLONE | VIA_PKT_TOKEN))))
        via_pkt_put(c, p);
    else
        via_pkt_recycle(c, p);
}

/* One holder less of `p` and of its whole chain. */
void via_pkt_release(struct via_core *c, struct via_pkt *p);

/* A clone of `p` and of its chain: same bytes, own descriptors; NULL if there are too few. */
struct via_pkt *via_pkt_clone(struct via_core *c, struct via_pkt *p);

/* Cuts the packet to `len` bytes; parts of the chain that are not needed go back to the pool. */
void via_pkt_trim(struct via_core *c, struct via_pkt *p, uint32_t len);

/* Copies up to `n` bytes from byte `from` of the packet over its chain; returns how many. */
uint32_t via_pkt_copy_out(const struct via_core *c, const struct via_pkt *p, uint32_t from, void *to, uint32_t n);

/* Appends `n` bytes behind the last part, taking frames as needed; 0 or -ENOBUFS (nothing lost, the rest not there). */
int via_pkt_append(struct via_core *c, struct via_pkt *p, const void *from, uint32_t n);

/* First in, first out. */
static inline void via_pktq_push(const struct via_core *c, struct via_list *q, struct via_pkt *p) {
    uint32_t id = via_pkt_id(c, p);

    p->next = 0;
    if (q->tail)
        via_pkt_at(c, q->tail)->next = id;
    else
        q->head = id;
    q->tail = id;
}

static inline struct via_pkt *via_pktq_pop(const struct via_core *c, struct via_list *q) {
    struct via_pkt *p;

    if (!q->head)
        return NULL;
    p = via_pkt_at(c, q->head);
    q->head = p->next;
    if (!q->head)
        q->tail = 0;
    p->next = 0;
    return p;
}

/* Gives every packet of a queue back. */
void via_pktq_clear(struct via_core *c, struct via_list *q);

#endif
