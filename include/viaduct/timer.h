/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file timer.h
 * @brief Timers of the application on the stack's wheel, so that one deadline and one FD cover everything.
 *
 * A hierarchical wheel with a resolution of 1.024 us: arming, moving and stopping cost the same for one timer and for a
 * million. Timers fire inside via_stack_poll(), in the order of their times (equal ones in the order of arming), never
 * early, at most 1024 in one poll. A moment that has passed fires at the next poll. The time is that of the stack
 * (via_stack_now()), so with an injected clock timers are as deterministic as everything else.
 */
#ifndef VIADUCT_TIMER_H
#define VIADUCT_TIMER_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A timer, owned by the caller, usually inside the object that it serves; zero it before first use, keep it in its place
 * until it was stopped or has fired. It is armed while `slot` is not 0. Read, but do not write, what is the library's.
 */
struct via_timer {
    void (*fn)(struct via_stack *st, struct via_timer *t); /**< Set by via_timer_start(). */
    void *arg;                                             /**< The caller's; never looked at. */
    uint32_t slot;                                         /**< The library's; 0 = not armed. */
    uint32_t pad;
};

/**
 * Arms `t` for time `at`, or moves it there if it is armed. `fn` runs in a poll, once; when it is called the timer is no
 * longer armed, so that it may be started again, or its memory freed, inside. Sending, receiving, closing and other timers
 * are allowed in it, polling and destroying the stack are not (the table is in stack.h).
 * @param at  ns of the stack's clock; VIA_NEVER: it waits for nothing until it is moved or stopped.
 * @return 0;
 *   - -EINVAL no timer, no function, or a timer that was not zeroed or was moved while armed,
 *   - -ENOBUFS as many as the attribute max_timers are armed.
 */
VIA_API int via_timer_start(struct via_stack *st, struct via_timer *t, via_ns_t at,
                            void (*fn)(struct via_stack *, struct via_timer *));

/**
 * Stops it: `fn` is not called any more, also if it was due already. A timer that was never started, or NULL, is fine.
 * @return 1 if it was armed, else 0.
 */
VIA_API int via_timer_stop(struct via_stack *st, struct via_timer *t);

#ifdef __cplusplus
}
#endif
#endif
