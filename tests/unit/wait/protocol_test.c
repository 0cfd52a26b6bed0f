/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol_test.c - arming, waking and polling as atomic steps, and every order in which they can interleave.
 *
 * The owner polls, arms, sleeps, and again; wakers queue a call and wake, or wake alone. The steps are those of
 * src/stack/sleep.c, src/stack/poll.c and src/wait/wait.c. All reachable states are visited: none may be a sleep with
 * work left over, and no cycle may exist, or the owner would turn for ever. Protocols with a known flaw are searched
 * too: an examiner who finds nothing there is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WAKERS 3

enum owner_at {
    POLL_ASLEEP = 0, /* via_stack_poll(): was asleep? take `armed` back */
    POLL_READ,       /* what is owed is read */
    POLL_WOKEN,      /* `woken` is exchanged */
    POLL_CALLS,      /* queued calls run */
    ARM_LOOK,        /* via_wait_arm(): anything there? */
    ARM_SET,         /* armed = 1 */
    ARM_AGAIN,       /* looks again */
    REFUSE_TAKE,     /* something came: `armed` is taken back */
    REFUSE_READ,
    SLEEP /* in poll(2) */
};

enum waker_at { PUSH = 0, MARK, TAKE, WRITE, DONE };

/* Everything that differs from step to step, small enough to be a key. */
struct world {
    uint8_t owner, armed, woken, asleep, owed, eventfd, calls, spare;
    struct {
        uint8_t at, left; /* what is next, wakes still to make */
    } waker[WAKERS];
};

/* Which protocol. */
struct flaw {
    bool owed_is_a_flag;  /* several owed writes are taken for one */
    bool no_second_look;  /* arms and sleeps */
    bool wakes_first;     /* wakes, then queues */
    bool look_before_set; /* the second look comes before `armed` is set */
    bool never_reads;     /* the eventfd is not read */
    bool minds_the_queue; /* does not sleep while there are calls for which nobody woke it yet */
    bool pure;            /* wakers have no call, they wake alone */
};

struct search {
    struct flaw flaw;
    struct world *seen;
    uint8_t *state; /* of the depth-first search: 0 new, 1 on the path, 2 done */
    uint64_t slots, states, sleeps_with_work, cycles;
    unsigned most_returns, wakes;
};

static uint64_t slot_of(const struct search *s, const struct world *w) {
    uint64_t h = 1469598103934665603u, i;
    const uint8_t *at = (const uint8_t *)w;

    for (i = 0; i < sizeof *w; i++)
        h = (h ^ at[i]) * 1099511628211u;
    for (i = h % s->slots; s->state[i] && memcmp(&s->seen[i], w, sizeof *w); i = (i + 1) % s->slots)
        ;
    return i;
}

static bool waker_step(const struct search *s, struct world *w, int i) {
    switch (w->waker[i].at) {
    case PUSH:
        w->calls += !s->flaw.pure;
        w->waker[i].at = s->flaw.wakes_first ? DONE : MARK;
        break;
    case MARK:
        w->woken = 1;
        w->waker[i].at = TAKE;
        break;
    case TAKE:
        w->waker[i].at = w->armed ? WRITE : s->flaw.wakes_first ? PUSH : DONE;
        w->armed = 0;
        break;
    case WRITE:
        w->eventfd++;
        w->waker[i].at = s->flaw.wakes_first ? PUSH : DONE;
        break;
    default:
        return false;
    }
    if (w->waker[i].at == DONE && --w->waker[i].left)
        w->waker[i].at = s->flaw.wakes_first ? MARK : PUSH;
    return true;
}

static void take_back(const struct search *s, struct world *w) {
    w->asleep = 0;
    if (!w->armed)
        w->owed = s->flaw.owed_is_a_flag ? 1 : (uint8_t)(w->owed + 1);
    w->armed = 0;
}

static void read_owed(const struct search *s, struct world *w) {
    if (!w->owed || !w->eventfd || s->flaw.never_reads)
        return;
    w->owed = s->flaw.owed_is_a_flag ? 0 : (uint8_t)(w->owed - w->eventfd);
    w->eventfd = 0;
}

static bool anything(const struct search *s, const struct world *w) {
    return w->woken || (s->flaw.minds_the_queue && w->calls);
}

/* One step of the owner; false if it sleeps and nothing wakes it. */
static bool owner_step(const struct search *s, struct world *w) {
    switch (w->owner) {
    case POLL_ASLEEP:
        w->owner = w->asleep ? POLL_READ : POLL_WOKEN;
        if (w->asleep)
            take_back(s, w);
        break;
    case POLL_READ:
        read_owed(s, w);
        w->owner = POLL_WOKEN;
        break;
    case POLL_WOKEN:
        w->owner = w->woken ? POLL_CALLS : ARM_LOOK;
        w->woken = 0;
        break;
    case POLL_CALLS:
        w->calls = 0;
        w->owner = ARM_LOOK;
        break;
    case ARM_LOOK:
        w->owner = anything(s, w) ? POLL_ASLEEP : s->flaw.look_before_set ? ARM_AGAIN : ARM_SET;
        break;
    case ARM_SET:
        w->armed = w->asleep = 1;
        w->owner = s->flaw.no_second_look || s->flaw.look_before_set ? SLEEP : ARM_AGAIN;
        break;
    case ARM_AGAIN:
        w->owner = anything(s, w) ? REFUSE_TAKE : s->flaw.look_before_set ? ARM_SET : SLEEP;
        break;
    case REFUSE_TAKE:
        if (w->asleep)
            take_back(s, w);
        w->owner = REFUSE_READ;
        break;
    case REFUSE_READ:
        read_owed(s, w);
        w->owner = POLL_ASLEEP;
        break;
    default:
        if (!w->eventfd)
            return false;
        w->owner = POLL_ASLEEP;
    }
    return true;
}

static bool wakers_done(const struct world *w) {
    int i;

    for (i = 0; i < WAKERS; i++)
        if (w->waker[i].left)
            return false;
    return true;
}

/* Visits all that follows from `w`; `returns` counts returns from the sleep on the path. */
static void visit(struct search *s, const struct world *w, unsigned returns) {
    uint64_t slot = slot_of(s, w);
    struct world next;
    int i;

    if (s->state[slot]) {
        s->cycles += s->state[slot] == 1;
        return;
    }
    s->seen[slot] = *w;
    s->state[slot] = 1;
    if (++s->states > s->slots / 2)
        fail_msg("too many states");
    next = *w;
    if (owner_step(s, &next)) {
        unsigned now = returns + (w->owner == SLEEP);

        s->most_returns = now > s->most_returns ? now : s->most_returns;
        visit(s, &next, now);
    } else if (wakers_done(w) && (w->calls || w->woken)) {
        s->sleeps_with_work++;
    }
    for (i = 0; i < WAKERS; i++) {
        next = *w;
        if (next.waker[i].left && waker_step(s, &next, i))
            visit(s, &next, returns);
    }
    s->state[slot] = 2;
}

static struct search explore(struct flaw flaw, unsigned wakers, unsigned wakes) {
    struct search s = {.flaw = flaw, .slots = 1u << 20, .wakes = wakers * wakes};
    struct world w;
    unsigned i;

    memset(&w, 0, sizeof w);
    for (i = 0; i < wakers; i++) {
        w.waker[i].left = (uint8_t)wakes;
        w.waker[i].at = flaw.wakes_first ? MARK : PUSH;
    }
    s.seen = calloc(s.slots, sizeof *s.seen);
    s.state = calloc(s.slots, 1);
    assert_true(s.seen && s.state);
    visit(&s, &w, 0);
    free(s.seen);
    free(s.state);
    return s;
}

static void no_order_of_steps_loses_a_wake(void **state) {
    unsigned pure;

    (void)state;
    for (pure = 0; pure < 2; pure++) {
        struct search one = explore((struct flaw){.pure = pure}, 1, 4),
                      two = explore((struct flaw){.pure = pure}, 2, 3),
                      three = explore((struct flaw){.pure = pure}, 3, 2);

        assert_true(one.states > 100 && two.states > 3000 && three.states > 10000);
        assert_int_equal(one.sleeps_with_work + two.sleeps_with_work + three.sleeps_with_work, 0);
    }
}

static void no_order_of_steps_keeps_the_owner_turning(void **state) {
    struct search two = explore((struct flaw){.pure = false}, 2, 3), three = explore((struct flaw){.pure = true}, 3, 2);

    (void)state;
    assert_int_equal(two.cycles + three.cycles, 0);
}

static void each_wake_ends_at_most_one_sleep(void **state) {
    struct search two = explore((struct flaw){.pure = false}, 2, 3), three = explore((struct flaw){.pure = true}, 3, 2);

    (void)state;
    assert_in_range(two.most_returns, 1, two.wakes);
    assert_in_range(three.most_returns, 1, three.wakes);
}

static void sleeping_without_a_second_look_is_caught(void **state) {
    (void)state;
    assert_true(explore((struct flaw){.no_second_look = true}, 1, 1).sleeps_with_work > 0);
}

static void looking_before_arming_is_caught(void **state) {
    (void)state;
    assert_true(explore((struct flaw){.look_before_set = true}, 1, 1).sleeps_with_work > 0);
}

static void waking_before_queueing_is_caught(void **state) {
    (void)state;
    assert_true(explore((struct flaw){.wakes_first = true}, 1, 1).sleeps_with_work > 0);
}

static void eventfd_that_is_never_read_is_caught(void **state) {
    (void)state;
    assert_true(explore((struct flaw){.never_reads = true}, 1, 1).cycles > 0);
}

static void turning_for_a_waker_that_was_stopped_is_caught(void **state) {
    (void)state;
    assert_true(explore((struct flaw){.minds_the_queue = true}, 1, 1).cycles > 0);
}

static void owed_writes_taken_for_one_are_caught(void **state) {
    (void)state;
    assert_true(explore((struct flaw){.owed_is_a_flag = true}, 2, 2).cycles > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_order_of_steps_loses_a_wake),
        cmocka_unit_test(no_order_of_steps_keeps_the_owner_turning),
        cmocka_unit_test(each_wake_ends_at_most_one_sleep),
        cmocka_unit_test(sleeping_without_a_second_look_is_caught),
        cmocka_unit_test(looking_before_arming_is_caught),
        cmocka_unit_test(waking_before_queueing_is_caught),
        cmocka_unit_test(eventfd_that_is_never_read_is_caught),
        cmocka_unit_test(turning_for_a_waker_that_was_stopped_is_caught),
        cmocka_unit_test(owed_writes_taken_for_one_are_caught),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
