/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file viaduct_ev.h
 * @brief A stack inside a libev loop: it polls when there is something, sleeps when the loop sleeps.
 *
 * Four watchers: one on via_wait_fd(), one that arms before the loop blocks, one that polls after, and an idle one that
 * keeps the loop turning while there is work. The loop's other watchers get their turn in every round, for a poll is
 * bounded. Everything runs in the loop's thread, which must be the stack's owner.
 */
#ifndef VIADUCT_EV_H
#define VIADUCT_EV_H

#include <ev.h>
#include <viaduct/viaduct.h>

#ifdef __cplusplus
extern "C" {
#endif

struct via_ev;

/** What is called, in the loop's thread, outside any call of the stack. All may be left out, but then somebody else has to fetch the events: with unread ones nobody sleeps.
 */
struct via_ev_conf {
    uint32_t size;         /**< sizeof, by the initialiser. */
    unsigned budget;       /**< Frames per VI and records per round; 0: the attribute poll_burst, and all records. */
    unsigned spin;         /**< Looks at the rings for so many ns (below 2^24) before the loop may block. */
    struct via_epoll *set; /**< Its records are handed to `event`, in wire order. */
    void (*event)(const struct via_event *ev, void *arg); /**< May do everything, also via_ev_stop(). */
    void (*ready)(struct via_ev *e); /**< After each poll that found something, before `event`. May do everything but
                                          via_ev_stop(). */
    void *arg; /**< The application's: second argument of `event`, and found in via_ev.conf. */
    bool hold; /**< The stack is a reason for the loop to go on; else ev_run() returns when all other watchers are gone.
                */
};
#define VIA_EV_CONF_INIT                                                                                               \
    { .size = sizeof(struct via_ev_conf) }

/** A stack's place in a loop: the caller's memory, to be kept until via_ev_stop(). Read `conf.arg` and `error`, no
 * more. */
struct via_ev {
    struct ev_io io;
    struct ev_prepare prepare;
    struct ev_check check;
    struct ev_idle idle;
    struct ev_loop *loop;
    struct via_stack *st;
    struct via_ev_conf conf;
    bool *gone; /**< Where via_ev_stop() leaves word while events are handed out. */
    int error;  /**< Why the stack cannot sleep (-errno), or 0. */
};

/**
 * Puts a stack into a loop: it is polled from the next round on. One stack is in one loop at a time; a loop may have any
 * number of stacks.
 * @param e     the caller's memory, which stays where it is until via_ev_stop().
 * @param loop  whose thread must be the stack's owner.
 * @param conf  copied; NULL: nothing is called.
 * @return 0; -EINVAL an argument is missing, or `conf` of another version; the error of via_wait_fd().
 */
VIA_API int via_ev_start(struct via_ev *e, struct ev_loop *loop, struct via_stack *st, const struct via_ev_conf *conf);

/**
 * Takes it out; the stack lives on and may be put into a loop again, or destroyed, which does not do this by itself.
 * Allowed inside `event`, not inside `ready`; records not yet handed out stay in their set. Stopping twice is allowed.
 */
VIA_API void via_ev_stop(struct via_ev *e);

#ifdef __cplusplus
}
#endif
#endif
