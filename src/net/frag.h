/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frag.h - reassembly (RFC 791, RFC 815, RFC 8200 4.5), once for both families.
 *
 * A datagram in reassembly is a slot that lists its fragments by offset; the fragments are the received packets
 * themselves, taken to their payload. When the last hole closes they are linked into one chain, without a copy, and the
 * header of the first is mended (length, fragment field or header), so that what comes out is a plain packet that is
 * parsed again like any other, with one difference: a fragment inside it is refused.
 *
 * Bounds: datagrams and frames over all, datagrams and frames per source (IPv6: per /64), fragments per datagram, time.
 * Whoever meets a bound evicts the oldest: his own if it is his bound, else the oldest of all. Overlapping fragments
 * end a datagram (RFC 5722, for IPv4 too); those that repeat one exactly are ignored.
 */
#ifndef VIA_NET_FRAG_H
#define VIA_NET_FRAG_H

#include "vi/pkt.h"
#include "wire/ip.h"

#define VIA_FRAG_PARTS 256 /* most fragments of a datagram: they are searched one by one */

struct via_frag_key {
    struct via_addr src, dst;
    uint32_t id;
    uint8_t proto; /* IPv4; 0 for IPv6 (RFC 8200 4.5: identification and addresses alone) */
    uint8_t iface; /* of a link-local source, else 0: fragments may be spread over the queues of one device */
    uint8_t pad[2];
};

struct via_frag {
    struct via_tick tick;
    struct via_frag_key key;
    uint32_t next;                   /* in the bucket */
    uint32_t older, newer;           /* of all */
    uint32_t source;                 /* id of who sent it */
    uint32_t older_here, newer_here; /* of the same source */
    uint32_t first, last;            /* packets in order of offset */
    uint32_t parts;                  /* fragments held */
    uint32_t frames;                 /* frames held */
    uint32_t have;                   /* payload bytes held */
    uint32_t size;                   /* payload bytes of the whole; 0: the last fragment has not come */
    uint8_t version;
    uint8_t ecn;  /* bit n: a fragment came with ECN field n (RFC 3168 5.3) */
    uint8_t dead; /* IPv6: it had an overlap, what still comes of it is dropped too (RFC 5722 4) */
    uint8_t pad;
};

struct via_frag_source {
    struct via_addr addr; /* of IPv6 the /64 */
    uint32_t next;        /* in the bucket */
    uint32_t oldest, newest;
    uint32_t datagrams, frames;
    uint32_t pad;
};

/* Embedded in struct via_net as `frag`. */
struct via_frag_table {
    struct via_pool datagrams, sources;
    uint64_t buckets; /* offset of the first ids of datagrams; those of sources follow */
    struct via_key key;
    uint32_t mask; /* of both */
    uint32_t oldest, newest;
    uint32_t frames; /* held */
    uint32_t frames_max, source_frames_max;
    uint64_t reassembled; /* datagrams that became whole */
    uint64_t failed;      /* datagrams given up, for whatever reason */
};

uint64_t via_frag_bytes(const struct via_attrs *a);
int via_frag_init(struct via_core *c);

/* Gives up everything that waits; the frames go back to the pool. */
void via_frag_clear(struct via_core *c);

/*
 * Takes fragment `p`, whose first byte is that of the IP header `h`, and checks it. Result: the packet that has become
 * whole, its first byte that of a mended IP header; or NULL. Then *why is 0 if `p` was kept, else `p` is still the
 * caller's, and where h->fault is set its sender should hear of it.
 */
struct via_pkt *via_frag_input(struct via_core *c, struct via_pkt *p, struct via_ip_head *h, enum via_drop *why);

/* The time of datagram `index` is over: time exceeded goes out if its first fragment is there. */
void via_frag_timer(struct via_core *c, uint32_t index);

/* Walks everything: lists, counts, order. For VIA_CHECK. */
bool via_frag_valid(const struct via_core *c);

#endif
