/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file stack.h
 * @brief The engine: create, poll, deadline, wake, destroy.
 *
 * A stack is one memory region with one owner thread. Everything happens inside calls that the application makes; there
 * are no hidden threads, no signal handlers, no globals. Time, randomness, memory and log come in through the
 * configuration, so that many stacks run in virtual time inside one test (via_stack_poll_at()).
 */
#ifndef VIADUCT_STACK_H
#define VIADUCT_STACK_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Private memory of the library (not the region, which is a memfd). Called at create, open and destroy alone. */
struct via_allocator {
    void *(*alloc)(void *ctx, size_t size); /**< Zeroed memory or NULL. */
    void (*free)(void *ctx, void *p);
    void *ctx;
};

/** Level of a log line. */
enum via_log_level { VIA_LOG_ERROR = 0, VIA_LOG_WARN, VIA_LOG_INFO, VIA_LOG_DEBUG };

/** Configuration of a stack; zeroes and NULLs mean defaults. No hook may call back into the stack. */
struct via_stack_conf {
    uint32_t size;                  /**< sizeof, by the initialiser. */
    const struct via_attr *attr;    /**< Attributes, copied; NULL: defaults. */
    struct via_allocator allocator; /**< NULL members: calloc and free. */
    via_ns_t (*clock)(void *ctx);   /**< Monotonic ns; NULL: CLOCK_MONOTONIC. */
    void *clock_ctx;
    uint64_t seed;                  /**< Seeds all randomness when not 0 (tests); 0: getrandom(2). */
    void (*log)(void *ctx, int component, int level, const char *line);
    void *log_ctx;
    void *user;                     /**< Given back by via_stack_user(). */
    const char *name;               /**< Shown by tools, at most 31 bytes. */
    char *why;                      /**< Where via_stack_create() leaves its sentence (VIA_WHY bytes), or NULL. */
};
#define VIA_STACK_CONF_INIT {.size = sizeof(struct via_stack_conf)}

/** What a poll did. */
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
 * Makes a stack. Needs no device and no privilege.
 * @return 0; -EINVAL; -ENOMEM; the sentence is in conf->why. Any thread; the caller becomes the owner.
 */
VIA_API int via_stack_create(const struct via_stack_conf *conf, struct via_stack **out);

/**
 * Ends a stack: closes sockets and VIs, unmaps. Without VIA_FORCE -EBUSY while the application holds buffers.
 * With it tokens complete with -ECANCELED (unseen) and memory is revoked.
 * @return 0: `st` is gone; -EBUSY; -EINVAL unknown flag.
 */
VIA_API int via_stack_destroy(struct via_stack *st, unsigned flags);

/**
 * One bounded round: calls deferred by other threads (1024 at most), at most `budget` frames from each VI in turn,
 * protocol work, due timers (1024 at most, the earliest first), completions, one doorbell per VI. What is left over is
 * told by `more`, and via_wait_arm() refuses to sleep.
 * @param budget  frames per VI and round; 0: the attribute poll_burst.
 * @param w       filled if not NULL.
 * @return 1 if there are events, completions or datagrams to fetch, else 0.
 */
VIA_API int via_stack_poll(struct via_stack *st, unsigned budget, struct via_work *w);

/** The same with the time as an argument; tests, simulations and replays use only this. Time never runs backwards. */
VIA_API int via_stack_poll_at(struct via_stack *st, via_ns_t now, unsigned budget, struct via_work *w);

/** Hands queued frames to the devices and rings each doorbell once; poll does it too. @return 0 or -errno of a device. */
VIA_API int via_stack_flush(struct via_stack *st);

/** The earliest timer of protocols, application and drivers, exact; VIA_NEVER if there is none. */
VIA_API via_ns_t via_stack_deadline(const struct via_stack *st);

/** True if a poll would find something: loads only. **[T]** */
VIA_API bool via_stack_pending(const struct via_stack *st);

/** Makes a sleeper on via_wait_fd() return; a system call only while the stack is armed. **[T][S]** @return 0. */
VIA_API int via_stack_wake(struct via_stack *st);

/**
 * Runs `fn` in the owner thread at the next poll, and wakes it. Calls of one thread keep their order. **[T]**
 * @return 0, -ENOBUFS if 1024 calls wait already.
 */
VIA_API int via_stack_defer(struct via_stack *st, void (*fn)(struct via_stack *, void *), void *arg);

/** The stack's time: that of the last poll. */
VIA_API via_ns_t via_stack_now(const struct via_stack *st);

/** The pointer from the configuration. */
VIA_API void *via_stack_user(const struct via_stack *st);

/** One sentence about the last refusal or compromise ("xdp: eth0: zero-copy refused by driver, copy mode used"). */
VIA_API const char *via_why(const struct via_stack *st);

#ifdef __cplusplus
}
#endif
#endif
