/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/stack.h"

/* A slot is only believed where the timer is known under it: it lies in memory that is not ours. */
static bool is_armed(const struct via_stack *st, const struct via_timer *t) {
    return t->slot <= st->slots->ready && st->timers[t->slot] == t;
}

int via_timer_start(struct via_stack *st, struct via_timer *t, via_ns_t at,
                    void (*fn)(struct via_stack *, struct via_timer *)) {
    struct via_core *c = via_enter(st);

    if (!t || !fn)
        return via_why_set(c, -EINVAL, "timer: no timer or no function");
    if (t->slot && !is_armed(st, t))
        return via_why_set(c, -EINVAL, "timer: not zeroed before its first use, or moved while armed");
    if (!t->slot) {
        t->slot = via_pool_get(st->slots, &c->region);
        if (!t->slot)
            return via_why_set(c, -ENOBUFS, "timer: all %llu are armed (max_timers)",
                               (unsigned long long)c->attrs.max_timers);
        st->timers[t->slot] = t;
    }
    t->fn = fn;
    via_tick_arm(c, VIA_TICK_APP, t->slot, at);
    return 0;
}

static void let_go(struct via_stack *st, struct via_timer *t) {
    st->timers[t->slot] = NULL;
    via_pool_put(st->slots, &st->core.region, t->slot);
    t->slot = 0;
}

int via_timer_stop(struct via_stack *st, struct via_timer *t) {
    struct via_core *c = via_enter(st);

    if (!t || !t->slot || !is_armed(st, t))
        return 0;
    via_tick_disarm(c, VIA_TICK_APP, t->slot);
    let_go(st, t);
    return 1;
}

void via_timer_fire(struct via_stack *st, uint32_t slot) {
    struct via_timer *t = st->timers[slot];

    let_go(st, t);
    t->fn(st, t);
}
