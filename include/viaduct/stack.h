/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file stack.h
 * @brief The engine: create, poll, deadline, wake, destroy.
 *
 * A stack is one memory region with one owner thread. Everything happens inside calls that the application makes; there
 * are no hidden threads, no signal handlers, no globals. Time, randomness, memory and log come in through the
 * configuration, so that many stacks run in virtual time inside one test (via_stack_poll_at()).
 *
 * What may be called where, all in the owner thread unless marked **[T]** or **[S]**:
 *
 * | inside | allowed | not allowed |
 * |---|---|---|
 * | a deferred call (via_stack_defer()) | sockets, timers, sets, interfaces, control plane | what polls or sleeps, and destroying |
 * | a timer's function | sockets, timers, sets, control plane | the same, and opening or closing interfaces |
 * | via_epoll_dispatch()'s function | everything, polling too | ending that set, destroying |
 * | log, clock, allocator, pcap `match`, a list's `each`, `put` of a dump | nothing of this stack | |
 *
 * A program with two stacks may call the one inside a hook of the other.
 */
#ifndef VIADUCT_STACK_H
#define VIADUCT_STACK_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Private memory of the library (not the region, which is a memfd): the engine's own struct, tables of handles, drivers'
 * instances. Called when a stack, an interface or a capture is made, changed or ended, never for a packet or a
 * connection.
 */
struct via_allocator {
    void *(*alloc)(void *ctx, size_t size); /**< Zeroed memory, aligned for any type, or NULL. */
    void (*free)(void *ctx, void *p);       /**< NULL: nothing is ever given back (an arena of the application's). */
    void *ctx;                              /**< First argument of both. */
};

/** Level of a log line: what it is about, from "does not work" to "for those who debug the stack". */
enum via_log_level {
    VIA_LOG_ERROR = 0, /**< Something asked for does not work from here on. */
    VIA_LOG_WARN,      /**< Something is wrong outside: another host has our address. */
    VIA_LOG_INFO,      /**< A change that an operator wants to see: a link went down. */
    VIA_LOG_DEBUG,     /**< Everything else. */
};

/**
 * Configuration of a stack; zeroes and NULLs mean defaults. It is read by via_stack_create() alone and may go
 * afterwards; what its hooks need (`*_ctx`) must live as long as the stack. No hook may call back into the stack.
 */
struct via_stack_conf {
    uint32_t size;                  /**< sizeof, by the initialiser. */
    const struct via_attr *attr;    /**< Attributes, copied; NULL: defaults. */
    struct via_allocator allocator; /**< NULL members: calloc and free. */
    via_ns_t (*clock)(void *ctx);   /**< Monotonic ns; NULL: CLOCK_MONOTONIC. Called once in a poll, and by waits. */
    void *clock_ctx;                /**< Its argument. */
    uint64_t seed;                  /**< Seeds all randomness when not 0 (tests); 0: getrandom(2). */
    void (*log)(void *ctx, int component, int level, const char *line); /**< See via_log_set(); every line is made. */
    void *log_ctx;                  /**< Its first argument. */
    void *user;                     /**< Given back by via_stack_user(). */
    const char *name;               /**< Shown by tools, at most 31 bytes. */
    char *why;                      /**< Where via_stack_create() leaves its sentence (VIA_WHY bytes), or NULL. */
};
#define VIA_STACK_CONF_INIT {.size = sizeof(struct via_stack_conf)}

/** What a poll did. A poll without this argument is the cheaper one. */
struct via_work {
    uint32_t rx;     /**< Frames taken. */
    uint32_t tx;     /**< Frames handed to devices. */
    uint32_t events; /**< Records added to ordered sets, completions, deferred calls. */
    uint32_t timers; /**< Timers that fired. */
    uint32_t more;   /**< 1: the budget ran out with work left; poll again before sleeping. */
};

/** Flag of via_stack_destroy(): take it down although the application still holds something. */
#define VIA_FORCE 1u

/**
 * Makes a stack: one memory region of the size that the attributes ask for, no interface yet. Needs no device and no
 * privilege. Any thread; the caller becomes the owner, which debug builds assert at every call.
 * @param conf  NULL: defaults.
 * @param out   the stack, which via_stack_destroy() ends; not touched on failure.
 * @return 0; or, with the sentence in conf->why,
 *   - -EINVAL `out` is NULL, or `conf` of another version (its `size`),
 *   - -ENOMEM not enough address space or memory for the frames and tables that the attributes ask for,
 *   - -errno of getrandom(2) or memfd_create(2).
 */
VIA_API int via_stack_create(const struct via_stack_conf *conf, struct via_stack **out);

/**
 * Ends a stack: closes sockets, sets and VIs (queued frames go out as far as devices take them at once), ends the capture,
 * unmaps. Timers of the application are forgotten, their functions not called; handles and buffers of this stack mean
 * nothing any more. Not inside any function that this stack calls.
 * @param flags  0, or VIA_FORCE: also while the application holds buffers, which then point nowhere; tokens complete
 *               with -ECANCELED, unseen.
 * @return 0: `st` is gone;
 *   - -EBUSY without VIA_FORCE: the application holds buffers; nothing has changed,
 *   - -EINVAL unknown flag.
 */
VIA_API int via_stack_destroy(struct via_stack *st, unsigned flags);

/**
 * One bounded round: calls deferred by other threads (1024 at most), at most `budget` frames from each VI in turn,
 * protocol work, due timers (1024 at most, the earliest first), completions, one doorbell per VI. What is left over is
 * told by `more`, and via_wait_arm() refuses to sleep.
 * Never blocks. Takes the owner out of sleep if via_wait_arm() had let it sleep.
 * @param budget  frames per VI and round; 0: the attribute poll_burst.
 * @param w       filled if not NULL.
 * @return 1 if there are events, completions or datagrams to fetch, else 0. A device whose doorbell fails is counted
 *         (stats.h, tx_errors), not returned here.
 */
VIA_API int via_stack_poll(struct via_stack *st, unsigned budget, struct via_work *w);

/**
 * The same with the time as an argument; tests, simulations and replays use only this.
 * @param now  ns of the stack's clock; a time before that of the last poll counts as that of the last poll.
 */
VIA_API int via_stack_poll_at(struct via_stack *st, via_ns_t now, unsigned budget, struct via_work *w);

/**
 * Hands queued frames to the devices and rings each doorbell once, takes back what was sent; poll does it too. For who
 * sends outside the loop's rhythm and does not want to poll.
 * @return 0, or the -errno of the last device whose doorbell failed; the frames stay queued there.
 */
VIA_API int via_stack_flush(struct via_stack *st);

/**
 * When a poll is next needed though nothing arrives: the earliest timer of protocols, application and drivers.
 * @return ns of the stack's clock, exact (no tick), possibly past; VIA_NEVER if there is none.
 */
VIA_API via_ns_t via_stack_deadline(const struct via_stack *st);

/**
 * True if a poll would find something, or the last one left something to be fetched: rings, calls of other threads,
 * events, completions, a timer that is due. Loads only, and a snapshot: for spinning, not for deciding to sleep, which
 * is via_wait_arm()'s business. **[T]**
 */
VIA_API bool via_stack_pending(const struct via_stack *st);

/**
 * Makes a sleeper on via_wait_fd() return: one atomic exchange, and a write(2) to an eventfd only while the stack is
 * armed. Wakes before the owner sleeps are not lost, several become one. errno is kept. **[T][S]**
 * @return 0.
 */
VIA_API int via_stack_wake(struct via_stack *st);

/**
 * Runs `fn(st, arg)` in the owner thread at the start of the next poll, and wakes it. Calls of one thread keep their
 * order. What `fn` may do is in the table above; what it defers itself runs in the same round, 1024 calls in one round
 * at most. What `arg` points to is the caller's to keep until then; calls that still wait when the stack is destroyed
 * are never made. No lock, no allocation. **[T]**
 * @return 0; -ENOBUFS if 1024 calls wait already; -EINVAL no function (via_why() says nothing: it is the owner's).
 */
VIA_API int via_stack_defer(struct via_stack *st, void (*fn)(struct via_stack *, void *), void *arg);

/** The stack's time: that of the last poll, ns. Events, timers and time stamps are by this clock. */
VIA_API via_ns_t via_stack_now(const struct via_stack *st);

/** The pointer from the configuration; nothing here ever follows it. Any thread. */
VIA_API void *via_stack_user(const struct via_stack *st);

/**
 * One sentence about the last refusal or compromise ("xdp: eth0: zero-copy refused by driver, copy mode used"), ""
 * before there was one. Not set by "nothing there" (-EAGAIN of a receive) nor by calls of other threads.
 * @return text of the stack's own, good until the next call.
 */
VIA_API const char *via_why(const struct via_stack *st);

#ifdef __cplusplus
}
#endif
#endif
