/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ready.h - ordered sets from below: who became ready, in the order in which frames came off the wire.
 *
 * A set is the two ends of a list of records. A record lies in the descriptor of the first packet that it announces,
 * or in the socket itself for what is not data. Links are names of records: kind 0 is a packet id, else a socket ref;
 * bit 31 picks the socket's second record. Everything here is O(1) but for what a socket has queued itself.
 */
#ifndef VIA_SOCK_READY_H
#define VIA_SOCK_READY_H

#include "sock/sock.h"

#define VIA_REC_LATE 0x80000000u /* in the name of a socket's record: own[1] */

struct via_set {
    struct via_list fifo;
    uint32_t records;
    uint32_t members;
    uint8_t open;
    uint8_t mode; /* enum via_epoll_mode */
    uint8_t no_coalesce;
    uint8_t by_time; /* merges VIs by timestamp */
    uint32_t pad;
    via_ns_t max_hold;
    uint64_t total; /* records ever */
};

/* `p` was just put on the tail of the receive queue of a member. */
void via_ready_announce(struct via_core *c, struct via_sock *k, struct via_pkt *p);

static inline void via_ready_data(struct via_core *c, struct via_sock *k, struct via_pkt *p) {
    if (k->set && (k->mask & VIA_EV_IN))
        via_ready_announce(c, k, p);
}

/*
 * `n` more bytes are to lie in `tail`, the last packet of the receive queue. True if they may: nothing came between, and
 * the record that announces it, if it is not popped yet, was extended.
 */
bool via_ready_grow(struct via_core *c, struct via_sock *k, struct via_pkt *tail, uint32_t n);

/*
 * Something that is not data; `what` is one bit of enum via_what, `seq` the number of the packet that caused it, or 0.
 * Raised again before it was popped it stays one record: what may come before data keeps its place, what must come
 * after it (an error, an end) moves behind all data that has arrived.
 */
void via_ready_raise(struct via_core *c, struct via_sock *k, enum via_what what, int reason, uint64_t seq);

/* `p` is about to leave the head of the receive queue unannounced: its record is shortened, or goes. */
void via_ready_taken(struct via_core *c, struct via_sock *k, struct via_pkt *p);

/* `n` bytes leave the front of `p`, the head of the queue, of which `rest` is what stays: its record goes on there. */
void via_ready_cut(struct via_core *c, struct via_sock *k, struct via_pkt *p, struct via_pkt *rest, uint32_t n);

/* The socket leaves its set: its records go. */
void via_ready_leave(struct via_core *c, struct via_sock *k);

/* The socket, its mask set, joins `set`; what is queued is announced where it belongs by arrival. */
void via_ready_join(struct via_core *c, struct via_sock *k, uint32_t set);

/* The socket changes to `set` with its records, each where it belongs by arrival. */
void via_ready_move(struct via_core *c, struct via_sock *k, uint32_t set);

/* The mask of a member changes: without IN its data records go, with IN again all that waits is announced afresh. */
void via_ready_mask(struct via_core *c, struct via_sock *k, uint32_t mask);

/* Announces the first `announced` packets again, ahead of everything; true if there were any. */
bool via_ready_again(struct via_core *c, struct via_sock *k);

/* Takes the first record out; false if there is none. */
bool via_ready_pop(struct via_core *c, struct via_set *set, struct via_event *ev);

/* May the head of a member's queue be read now? It is told to the set that it leaves. */
bool via_ready_reads(struct via_core *c, struct via_sock *k);

/* The same without taking anything. */
bool via_ready_may_read(const struct via_core *c, const struct via_sock *k);

/* Takes a packet off the receive queue if there is one that may be read now (STRICT: announced). */
static inline struct via_pkt *via_rxq_pop(struct via_core *c, struct via_sock *k) {
    if (!k->rxq.list.head || (k->set && !via_ready_reads(c, k)))
        return NULL;
    k->rxq.pkts--;
    return via_pktq_pop(c, &k->rxq.list);
}

/* Gives back all that waits. */
void via_rxq_clear(struct via_core *c, struct via_sock *k);

/* Every link of a set, both ways, its count, and that the data records of a member follow its queue. For VIA_CHECK. */
bool via_set_valid(struct via_core *c, const struct via_set *set);

#endif
