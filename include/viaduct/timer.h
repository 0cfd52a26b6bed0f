/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file timer.h
 * @brief Timers of the application on the stack's wheel, so that one deadline and one FD cover everything.
 */
#ifndef VIADUCT_TIMER_H
#define VIADUCT_TIMER_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A timer, owned by the caller; zero it before first use, keep it until stopped or fired. */
struct via_timer {
    void (*fn)(struct via_stack *st, struct via_timer *t); /**< Set by via_timer_start(). */
    void *arg;                                             /**< The caller's. */
    uint32_t slot;                                         /**< The library's; 0 = not armed. */
    uint32_t pad;
};

/**
 * Arms `t` for time `at` (stack clock), or moves it. `fn` runs in a poll, once; starting and stopping timers, sending and
 * closing are allowed in it, polling and destroying are not. @return 0; -EINVAL, also for a timer that was not
 * zeroed or was moved while armed; -ENOBUFS (attribute max_timers).
 */
VIA_API int via_timer_start(struct via_stack *st, struct via_timer *t, via_ns_t at,
                            void (*fn)(struct via_stack *, struct via_timer *));

/** Stops it. @return 1 if it was armed, else 0. */
VIA_API int via_timer_stop(struct via_stack *st, struct via_timer *t);

#ifdef __cplusplus
}
#endif
#endif
