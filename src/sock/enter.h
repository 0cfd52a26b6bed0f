/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * enter.h - the one door: every public verb comes in here. With one owner there is nothing to lock, and debug builds
 * assert that the caller is that owner.
 */
#ifndef VIA_SOCK_ENTER_H
#define VIA_SOCK_ENTER_H

#include "sock/socks.h"

#include <pthread.h>

/* A stack begins with its core, so that layers below stack/ need not know it. */
static inline struct via_core *via_enter(struct via_stack *st) {
    struct via_core *c = (struct via_core *)(void *)st;

    VIA_ASSERT(c->owner == (uint64_t)pthread_self());
    return c;
}

static inline const struct via_core *via_enter_const(const struct via_stack *st) {
    return (const struct via_core *)(const void *)st;
}

#endif
