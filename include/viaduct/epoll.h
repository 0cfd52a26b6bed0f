/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file epoll.h
 * @brief Ordered event sets: events of many sockets in the order in which their packets came off the wire.
 *
 * Every frame taken from a VI gets the stack's next arrival number. When it makes bytes readable on a member the set
 * appends a record {sock, seq, ts, bytes, pkts}; if the tail record is the same socket's it is extended. So arrivals
 * a1 a2 b1 a3 give (a: 2 packets) (b: 1) (a: 1). Errors, send space, link changes and the end of a socket are records
 * in the same FIFO. Appending costs the same for ten members and for a million.
 *
 * A record lies in the descriptor of the packet that it announces, or in its socket: a set takes no memory as it fills,
 * and no event is ever lost for want of room. Not reading is allowed: the record is gone, the data stays. Closing a
 * socket takes its records out; DEL does too. All calls are for the owner thread.
 */
#ifndef VIADUCT_EPOLL_H
#define VIADUCT_EPOLL_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What happened: bits of via_event.what and of a member's mask. */
enum via_what {
    VIA_EV_IN = 1,    /**< `bytes` in `pkts` packets became readable. */
    VIA_EV_SPACE = 2, /**< A send that was refused with -EAGAIN may be tried again. */
    VIA_EV_ERR = 4,   /**< An error with a reason (ICMP, neighbour unreachable); the socket lives. */
    VIA_EV_LINK = 8,  /**< The link below changed; reason 0 up, -ENETDOWN down, -ENODEV gone. */
    VIA_EV_EOF = 16,  /**< The peer sends no more. */
    VIA_EV_CONNECTED = 32,  /**< TCP: the handshake is over. */
    VIA_EV_ACCEPT = 64,     /**< Listeners: connections wait for via_accept(). */
    VIA_EV_DONE = 128,      /**< Completions wait in via_tx_done(). */
    VIA_EV_TERMINATED = 256 /**< The last event of a socket closed with completions outstanding; in every mask. */
};

/** What a receive from a member may take. */
enum via_epoll_mode {
    VIA_EPOLL_STRICT = 0, /**< What was announced: careless reading cannot overtake another socket's earlier record. */
    VIA_EPOLL_LOOSE = 1,  /**< Everything: counts are advice, reading ahead shortens or removes later records. */
};

/** How the frames of several VIs merge into one order. Within a VI it is always the order of its ring. */
enum via_epoll_merge {
    VIA_MERGE_POLL = 0,      /**< As polls took them. */
    VIA_MERGE_TIMESTAMP = 1, /**< By arrival time, waiting up to `max_hold` for VIs that lag behind. */
};

/** Configuration of a set. */
struct via_epoll_conf {
    uint32_t size;
    uint32_t mode;        /**< enum via_epoll_mode. */
    uint32_t merge;       /**< enum via_epoll_merge; TIMESTAMP in one set makes the whole stack merge so. */
    uint32_t no_coalesce; /**< 1: one record per packet. */
    via_ns_t max_hold;    /**< Longest wait of a frame for an older one of another VI; 0: attribute merge_hold. */
};
#define VIA_EPOLL_CONF_INIT                                                                                            \
    { .size = sizeof(struct via_epoll_conf) }

/** One record. */
struct via_event {
    via_sock_t sock;
    uint64_t user;  /**< Given at ADD. */
    uint64_t seq;   /**< Arrival number of its first packet; 0 if no packet caused it. */
    via_ns_t ts;    /**< Time of that packet, or of the event. */
    uint32_t bytes; /**< Newly readable. */
    uint16_t pkts;  /**< In how many packets. */
    uint16_t what;  /**< enum via_what bits. */
    int32_t reason; /**< Negative errno with ERR, LINK, TERMINATED; else 0. */
};

/** Operations of via_epoll_ctl(). */
enum via_epoll_op { VIA_EPOLL_ADD = 1, VIA_EPOLL_MOD, VIA_EPOLL_DEL, VIA_EPOLL_MOVE };

/**
 * Makes a set; any number per stack.
 * @param c    NULL: STRICT, merged by polls, coalescing.
 * @param out  the set, which via_epoll_destroy() or the end of the stack ends.
 * @return 0; -EINVAL no result, another version, an unknown mode; -ENOBUFS (attribute max_epoll).
 */
VIA_API int via_epoll_create(struct via_stack *st, const struct via_epoll_conf *c, struct via_epoll **out);

/**
 * Ends a set; its members stay open with all their data and belong to none.
 * @return 0; -EINVAL no open set; -EBUSY inside its own via_epoll_dispatch().
 */
VIA_API int via_epoll_destroy(struct via_epoll *o);

/**
 * ADD, MOD (mask and user), DEL, MOVE (from the set it is in, pending records kept). Data already queued is announced
 * at ADD, where it belongs by its arrival. O(1) in the size of the set, but for records that are newer than such data.
 * @param op    enum via_epoll_op.
 * @param mask  enum via_what bits of interest (TERMINATED comes in any case); DEL looks at neither this nor `user`.
 * @param user  comes back in each record; a pointer or an index of the application's.
 * @return 0; -EBADF; -EBUSY in another set (ADD); -EEXIST; -ENOENT (MOD, DEL, MOVE); -EINVAL (operation, mask).
 */
VIA_API int via_epoll_ctl(struct via_epoll *o, int op, via_sock_t s, uint32_t mask, uint64_t user);

/**
 * Pops up to `max` records, oldest first; if there is none runs one via_stack_poll() first. Never blocks.
 * @param ev      room for `max` records, filled from the front.
 * @param budget  for the poll, as there.
 * @return how many, 0 if nothing happened; -EINVAL no open set or no room.
 */
VIA_API int via_epoll_poll(struct via_epoll *o, struct via_event *ev, unsigned max, unsigned budget);

/**
 * Spins for the attribute wait_spin (at most `timeout`), then sleeps in poll(2) on via_wait_fd() until there are events
 * or `timeout` ns have passed; VIA_NEVER waits for ever. For programs without a loop. Needs the stack's clock to be
 * real. Events of other sets do not end it.
 * @return how many; 0 on time-out, or since via_stack_wake() or via_stack_defer() was called; -EINTR a signal came;
 *         -EINVAL no open set or no room; -errno of the FD (via_wait_fd()).
 */
VIA_API int via_epoll_wait(struct via_epoll *o, struct via_event *ev, unsigned max, via_ns_t timeout);

/**
 * Pops up to `budget` records (0: all) and calls `fn` outside any stack call: everything is allowed inside, closing and
 * polling too, but for ending this set or the stack. Records that come up meanwhile are handed out as well.
 * @param fn   gets each record, good until it returns.
 * @param arg  its second argument.
 * @return how many; -EINVAL no open set, or no function.
 */
VIA_API int via_epoll_dispatch(struct via_epoll *o, unsigned budget, void (*fn)(const struct via_event *, void *),
                               void *arg);

/**
 * Announces again, ahead of all others, what was announced and not read: level behaviour on demand.
 * @return 1 there was such data; 0 there was none; -EBADF; -ENOENT not a member of this set.
 */
VIA_API int via_epoll_rearm(struct via_epoll *o, via_sock_t s);

#ifdef __cplusplus
}
#endif
#endif
