/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file wait.h
 * @brief Sleeping: one pollable FD per stack and the protocol around it.
 *
 *     for (;;) {
 *         while (via_stack_poll(st, 0, NULL)) serve();
 *         if (via_wait_arm(st, 0)) continue;      // 1: there is work, do not sleep
 *         epoll_wait(loop, ...);                  // via_wait_fd(st) is in it, readable = poll again
 *     }
 *
 * No wake-up is lost, at most one is spurious, an idle stack without timers sleeps for ever, and no system call is made
 * where nothing changed.
 */
#ifndef VIADUCT_WAIT_H
#define VIADUCT_WAIT_H

#include <viaduct/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flag of via_wait_arm(): the host loop owns the timer and asks via_stack_deadline() itself. */
#define VIA_ARM_TIMEOUT_ONLY 0x80000000u
/** Flag of via_wait_arm(): look at the rings for `n` ns (below 2^24) before arming. */
#define VIA_SPIN_NS(n) ((unsigned)(n) & 0xffffffu)

/**
 * The FD: readable when there is something to poll for, level-triggered; an epoll(7) instance over the FDs of the VIs, a
 * timerfd and an eventfd. May be given to poll(2), select(2), epoll, io_uring or any loop, but neither read nor closed.
 * Made at first use, CLOEXEC, owned by the stack, the same until the stack ends.
 * @return FD; -errno of epoll_create1(2), timerfd_create(2), eventfd(2), epoll_ctl(2).
 */
VIA_API int via_wait_fd(struct via_stack *st);

/**
 * Asks to be woken.
 * @param flags  0, VIA_ARM_TIMEOUT_ONLY, VIA_SPIN_NS().
 * @return **1 = do not sleep, there is work; 0 = armed**; -errno if the FD cannot be made; -EINVAL unknown flag.
 */
VIA_API int via_wait_arm(struct via_stack *st, unsigned flags);

/** Undoes it, so that neither devices nor other threads wake anybody; via_stack_poll() does so by itself. */
VIA_API void via_wait_disarm(struct via_stack *st);

/**
 * Adds via_wait_fd() to an epoll(7) instance of the program's.
 * @param epfd  that instance.
 * @param data  comes back as data.u64.
 * @return 0; -errno of epoll_ctl(2), or as via_wait_fd().
 */
VIA_API int via_wait_join(struct via_stack *st, int epfd, uint64_t data);

/**
 * @name A plain epoll(7) loop
 *
 *     via_wait_join(st, epfd, 0);
 *     for (;;) {
 *         int n = epoll_wait(epfd, ev, 64, via_wait_before(st, -1));
 *         ... other FDs ...
 *         via_wait_after(st);
 *         serve();
 *     }
 * @{
 */
/** What to give epoll_wait(2) as its time-out, where `timeout` ms would be meant: 0 if the stack has work. Arms it. */
static inline int via_wait_before(struct via_stack *st, int timeout) {
    return via_wait_arm(st, 0) == 0 ? timeout : 0;
}

/** After the wait: one poll with the attribute's budget. @return as via_stack_poll(). */
static inline int via_wait_after(struct via_stack *st) {
    return via_stack_poll(st, 0, NULL);
}
/** @} */

#ifdef __cplusplus
}
#endif
#endif
