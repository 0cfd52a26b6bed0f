/* SPDX-License-Identifier: BSD-2-Clause */
/* timer_test.c - timers of the application: when they fire, in which order, what they may do, what is refused. */
#include "desk.h"

#include "base/rand.h"

#include <errno.h>

static struct desk *b;

static int set_up(void **state) {
    (void)state;
    b = desk_new(1, "frames=256;max_timers=1000");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

static unsigned rang;
static struct via_timer *last;

static void ring(struct via_stack *st, struct via_timer *t) {
    assert_ptr_equal(st, b->st);
    rang++;
    last = t;
}

static void start_refuses_bad_arguments(void **state) {
    struct via_timer t = {.slot = 0}, garbage = {.slot = 77}, wild = {.slot = UINT32_MAX}, copy;

    (void)state;
    assert_int_equal(via_timer_start(b->st, NULL, 1, ring), -EINVAL);
    assert_int_equal(via_timer_start(b->st, &t, 1, NULL), -EINVAL);
    assert_true(strlen(via_why(b->st)) > 10);
    assert_int_equal(via_timer_start(b->st, &garbage, 1, ring), -EINVAL);
    assert_int_equal(via_timer_start(b->st, &wild, 1, ring), -EINVAL);
    assert_int_equal(via_timer_stop(b->st, &garbage), 0);
    assert_int_equal(via_timer_stop(b->st, &wild), 0);
    assert_int_equal(via_timer_stop(b->st, NULL), 0);
    assert_int_equal(via_timer_stop(b->st, &t), 0);
    assert_int_equal(via_timer_start(b->st, &t, b->now + VIA_SEC, ring), 0);
    copy = t; /* a copy is not the timer */
    assert_int_equal(via_timer_start(b->st, &copy, 1, ring), -EINVAL);
    assert_int_equal(via_timer_stop(b->st, &copy), 0);
    assert_int_equal(via_timer_stop(b->st, &t), 1);
    assert_int_equal(via_timer_stop(b->st, &t), 0);
}

static void timer_fires_once_at_its_time_and_not_before(void **state) {
    struct via_timer t = {.slot = 0};
    via_ns_t at = b->now + 777 * VIA_US, deadline;

    (void)state;
    rang = 0;
    assert_int_equal(via_timer_start(b->st, &t, at, ring), 0);
    deadline = via_stack_deadline(b->st);
    assert_in_range(deadline, at, at + 2 * VIA_US);
    via_stack_poll_at(b->st, at - 1, 0, NULL);
    assert_int_equal(rang, 0);
    via_stack_poll_at(b->st, deadline, 0, NULL);
    assert_int_equal(rang, 1);
    assert_ptr_equal(last, &t);
    assert_int_equal(t.slot, 0);
    b->now = deadline;
    desk_wait(b, VIA_SEC);
    assert_int_equal(rang, 1);
    assert_int_equal(via_stack_deadline(b->st), VIA_NEVER);
}

static void timer_can_be_moved_both_ways(void **state) {
    struct via_timer t = {.slot = 0};
    via_ns_t begin = b->now;

    (void)state;
    rang = 0;
    assert_int_equal(via_timer_start(b->st, &t, begin + VIA_SEC, ring), 0);
    assert_int_equal(via_timer_start(b->st, &t, begin + 2 * VIA_SEC, ring), 0);
    desk_wait(b, VIA_SEC + VIA_MS);
    assert_int_equal(rang, 0);
    assert_int_equal(via_timer_start(b->st, &t, begin + VIA_SEC + 5 * VIA_MS, ring), 0);
    desk_wait(b, 10 * VIA_MS);
    assert_int_equal(rang, 1);
    assert_int_equal(desk_stat(b, "pool_timers", "ready") - desk_stat(b, "pool_timers", "free"), 0);
}

static void timer_of_the_past_fires_at_the_next_poll(void **state) {
    struct via_timer t = {.slot = 0};

    (void)state;
    rang = 0;
    assert_int_equal(via_timer_start(b->st, &t, 0, ring), 0);
    assert_true(via_stack_deadline(b->st) <= b->now);
    assert_true(via_stack_pending(b->st));
    via_stack_poll_at(b->st, b->now, 0, NULL); /* even without time going on */
    assert_int_equal(rang, 1);
}

static void for_ever(struct via_stack *st, struct via_timer *t) {
    ++*(unsigned *)t->arg;
    assert_int_equal(via_timer_start(st, t, 0, for_ever), 0);
}

static void timer_that_asks_for_now_does_not_hold_the_poll(void **state) {
    unsigned rings = 0;
    struct via_timer t = {.arg = &rings};
    struct via_work w;

    (void)state;
    assert_int_equal(via_timer_start(b->st, &t, 0, for_ever), 0);
    via_stack_poll_at(b->st, b->now, 0, &w);
    assert_int_equal(rings, 1);
    assert_int_equal(w.timers, 1);
    assert_int_equal(via_wait_arm(b->st, 0), 1); /* it is due again */
    via_stack_poll_at(b->st, b->now, 0, NULL);
    assert_int_equal(rings, 2);
    assert_int_equal(via_timer_stop(b->st, &t), 1);
}

static void stop_other(struct via_stack *st, struct via_timer *t) {
    rang++;
    assert_int_equal(via_timer_stop(st, t->arg), 1);
}

static void timer_can_stop_another_that_is_due_too(void **state) {
    struct via_timer two = {.slot = 0}, one = {.arg = &two};

    (void)state;
    rang = 0;
    assert_int_equal(via_timer_start(b->st, &one, b->now + VIA_MS, stop_other), 0);
    assert_int_equal(via_timer_start(b->st, &two, b->now + 2 * VIA_MS, ring), 0);
    b->now += VIA_SEC;
    desk_poll(b);
    assert_int_equal(rang, 1);
}

static via_sock_t victim;

static void send_and_close(struct via_stack *st, struct via_timer *t) {
    struct via_dgram d = {.peer = desk_ep("10.0.1.2:9")};

    (void)t;
    rang++;
    assert_int_equal(via_udp_send(st, victim, &d, 1, VIA_FLUSH), 1);
    assert_int_equal(via_sock_close(st, victim, 0), 0);
}

static void sending_and_closing_are_allowed_inside(void **state) {
    struct via_timer t = {.slot = 0};
    uint64_t sent = b->port[1].sent_n;

    (void)state;
    rang = 0;
    victim = desk_open(b, "10.0.1.1:5");
    assert_int_equal(via_timer_start(b->st, &t, 0, send_and_close), 0);
    desk_poll(b);
    assert_int_equal(rang, 1);
    assert_int_equal(b->port[1].sent_n, sent + 1);
}

static void timers_run_out_and_come_back(void **state) {
    static struct via_timer t[1001];
    unsigned i;

    (void)state;
    memset(t, 0, sizeof t);
    rang = 0;
    for (i = 0; i < 1000; i++)
        assert_int_equal(via_timer_start(b->st, &t[i], b->now + VIA_MS, ring), 0);
    assert_int_equal(via_timer_start(b->st, &t[1000], b->now + VIA_MS, ring), -ENOBUFS);
    assert_int_equal(via_timer_start(b->st, &t[5], b->now + 2 * VIA_MS, ring), 0); /* moving needs no room */
    assert_int_equal(via_timer_stop(b->st, &t[7]), 1);
    assert_int_equal(via_timer_start(b->st, &t[1000], b->now + VIA_MS, ring), 0);
    desk_wait(b, VIA_SEC);
    assert_int_equal(rang, 1000);
}

struct order {
    struct via_timer t;
    via_ns_t at;
};

static via_ns_t fired_at;
static unsigned fired;

static void in_order(struct via_stack *st, struct via_timer *t) {
    struct order *o = (struct order *)(void *)t;

    (void)st;
    assert_true(o->at + 2 * VIA_US >= fired_at); /* a unit of the wheel is 1.024 us */
    fired_at = o->at;
    fired++;
}

static void timers_fire_in_the_order_of_their_times(void **state) {
    static struct order v[900];
    struct via_rand r;
    unsigned i, round;

    (void)state;
    assert_int_equal(via_rand_init(&r, 11), 0);
    for (round = 0; round < 20; round++) {
        fired = 0;
        fired_at = 0;
        memset(v, 0, sizeof v);
        for (i = 0; i < 900; i++) {
            v[i].at = b->now + via_rand_below(&r, 1000000000);
            assert_int_equal(via_timer_start(b->st, &v[i].t, v[i].at, in_order), 0);
        }
        while (fired < 900) {
            b->now += via_rand_below(&r, 200000000);
            via_stack_poll_at(b->st, b->now, 0, NULL);
        }
    }
}

/* Wherever they lie in the wheel and whatever they do, thousands that are due at once come 1024 to a poll. */
static void many_due_at_once_are_spread_over_polls(void **state) {
    static struct via_timer t[5000];
    struct via_work w;
    via_ns_t at = b->now + VIA_SEC;
    unsigned i, polls = 0;

    (void)state;
    desk_end(b);
    b = desk_new(1, "frames=256;max_timers=5000");
    at = b->now + VIA_SEC;
    rang = 0;
    for (i = 0; i < 5000; i++)
        assert_int_equal(via_timer_start(b->st, &t[i], i % 2 ? at : at - i * VIA_US, ring), 0);
    do {
        assert_int_equal(via_stack_poll_at(b->st, at, 0, &w), 0);
        assert_int_equal(w.timers, polls < 4 ? 1024 : 5000 - 4 * 1024);
        assert_int_equal(w.more, rang < 5000);
        assert_int_equal(via_stack_pending(b->st), rang < 5000);
        if (w.more) {
            assert_true(via_stack_deadline(b->st) <= at);
            assert_int_equal(via_wait_arm(b->st, 0), 1);
        }
        polls++;
    } while (w.more);
    assert_int_equal(polls, 5);
    assert_int_equal(rang, 5000);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(start_refuses_bad_arguments),
        CASE(timer_fires_once_at_its_time_and_not_before),
        CASE(timer_can_be_moved_both_ways),
        CASE(timer_of_the_past_fires_at_the_next_poll),
        CASE(timer_that_asks_for_now_does_not_hold_the_poll),
        CASE(timer_can_stop_another_that_is_due_too),
        CASE(sending_and_closing_are_allowed_inside),
        CASE(timers_run_out_and_come_back),
        CASE(timers_fire_in_the_order_of_their_times),
        CASE(many_due_at_once_are_spread_over_polls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
