/* SPDX-License-Identifier: BSD-2-Clause */
/* ring_test.c - the queue of deferred calls. Run it under ThreadSanitizer too: VIADUCT_SANITIZE=thread. */
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define THREADS 4
#define CALLS   40000u

static void nothing(struct via_stack *st, void *arg) {
    (void)st;
    (void)arg;
}

static int setup(void **state) {
    *state = aligned_alloc(VIA_LINE, sizeof(struct via_mpsc));
    if (!*state)
        return -1;
    memset(*state, 0, sizeof(struct via_mpsc));
    return 0;
}

static int teardown(void **state) {
    free(*state);
    return 0;
}

static void *token(uint64_t n) {
    return (void *)(uintptr_t)n;
}

static void pop_is(struct via_mpsc *q, uint64_t want) {
    via_call_fn *fn = NULL;
    void *arg = NULL;

    assert_true(via_mpsc_pop(q, &fn, &arg));
    assert_ptr_equal(fn, nothing);
    assert_int_equal((uintptr_t)arg, want);
}

static void zeroed_queue_is_empty(void **state) {
    struct via_mpsc *q = *state;
    via_call_fn *fn;
    void *arg;

    assert_false(via_mpsc_pending(q));
    assert_false(via_mpsc_pop(q, &fn, &arg));
}

static void calls_come_out_in_order_over_many_laps(void **state) {
    struct via_mpsc *q = *state;
    uint64_t in = 0, out = 0, step;

    for (step = 0; step < 20000; step++) {
        uint64_t burst = 1 + step * 7919 % 300;

        while (burst-- && in - out < VIA_MPSC_SLOTS)
            assert_int_equal(via_mpsc_push(q, nothing, token(++in)), 0);
        for (burst = 1 + step * 104729 % 300; burst-- && out < in;) {
            assert_true(via_mpsc_pending(q));
            pop_is(q, ++out);
        }
    }
    assert_true(in > 100 * VIA_MPSC_SLOTS);
}

static void queue_holds_1024_calls_and_refuses_one_more(void **state) {
    struct via_mpsc *q = *state;
    uint64_t lap, i;

    for (lap = 0; lap < 3; lap++) {
        for (i = 0; i < 1024; i++)
            assert_int_equal(via_mpsc_push(q, nothing, token(i)), 0);
        assert_int_equal(via_mpsc_push(q, nothing, NULL), -ENOBUFS);
        pop_is(q, 0);
        assert_int_equal(via_mpsc_push(q, nothing, token(1024)), 0);
        assert_int_equal(via_mpsc_push(q, nothing, NULL), -ENOBUFS);
        for (i = 1; i <= 1024; i++)
            pop_is(q, i);
        assert_false(via_mpsc_pending(q));
    }
}

static void turns_survive_the_wrap_of_32_bits(void **state) {
    struct via_mpsc *q = *state;
    const uint64_t start = (uint64_t)VIA_MPSC_SLOTS << 31; /* turn 2^32 */
    uint64_t i;

    atomic_store(&q->head, start - VIA_MPSC_SLOTS);
    atomic_store(&q->tail, start - VIA_MPSC_SLOTS);
    for (i = 0; i < VIA_MPSC_SLOTS; i++)
        atomic_store(&q->slot[i].turn, via_mpsc_turn(start - VIA_MPSC_SLOTS));
    for (i = 0; i < 1024; i++)
        assert_int_equal(via_mpsc_push(q, nothing, token(i)), 0);
    assert_int_equal(via_mpsc_push(q, nothing, NULL), -ENOBUFS);
    for (i = 0; i < 3000; i++) {
        pop_is(q, i);
        assert_int_equal(via_mpsc_push(q, nothing, token(i + 1024)), 0);
        assert_int_equal(via_mpsc_push(q, nothing, NULL), -ENOBUFS);
    }
}

static void claimed_but_unfilled_slot_is_not_pending(void **state) {
    struct via_mpsc *q = *state;
    via_call_fn *fn;
    void *arg;

    atomic_store(&q->tail, 1); /* a pusher that has been interrupted */
    assert_int_equal(via_mpsc_push(q, nothing, token(2)), 0);
    assert_false(via_mpsc_pending(q));
    assert_false(via_mpsc_pop(q, &fn, &arg));
    q->slot[0].fn = nothing;
    q->slot[0].arg = token(1);
    atomic_store(&q->slot[0].turn, 1);
    assert_true(via_mpsc_pending(q));
    pop_is(q, 1);
    pop_is(q, 2);
}

struct pusher {
    pthread_t thread;
    struct via_mpsc *q;
    uint64_t who;
    uint64_t refused;
};

static void *push_all(void *arg) {
    struct pusher *p = arg;
    uint64_t i;

    for (i = 1; i <= CALLS;) {
        if (via_mpsc_push(p->q, nothing, token(p->who << 32 | i)) == 0) {
            i++;
        } else {
            p->refused++;
            sched_yield();
        }
    }
    return NULL;
}

static void four_threads_lose_nothing_and_keep_each_its_order(void **state) {
    struct via_mpsc *q = *state;
    struct pusher p[THREADS];
    uint64_t last[THREADS] = {0}, got = 0;
    unsigned t;

    for (t = 0; t < THREADS; t++) {
        p[t] = (struct pusher){.q = q, .who = t};
        assert_int_equal(pthread_create(&p[t].thread, NULL, push_all, &p[t]), 0);
    }
    while (got < THREADS * CALLS) {
        bool pending = via_mpsc_pending(q);
        via_call_fn *fn = NULL;
        void *arg = NULL;

        if (!via_mpsc_pop(q, &fn, &arg)) {
            assert_false(pending);
            sched_yield();
            continue;
        }
        t = (unsigned)((uintptr_t)arg >> 32);
        assert_ptr_equal(fn, nothing);
        assert_in_range(t, 0, THREADS - 1);
        assert_int_equal((uint32_t)(uintptr_t)arg, last[t] + 1);
        last[t]++;
        got++;
    }
    for (t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(p[t].thread, NULL), 0);
    assert_false(via_mpsc_pending(q));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(zeroed_queue_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_come_out_in_order_over_many_laps, setup, teardown),
        cmocka_unit_test_setup_teardown(queue_holds_1024_calls_and_refuses_one_more, setup, teardown),
        cmocka_unit_test_setup_teardown(turns_survive_the_wrap_of_32_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(claimed_but_unfilled_slot_is_not_pending, setup, teardown),
        cmocka_unit_test_setup_teardown(four_threads_lose_nothing_and_keep_each_its_order, setup, teardown),
    };

    return cmocka_run_group_tests_name("base/ring", tests, NULL, NULL);
}
