/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tcp/rack.h"

#define RTT (100 * VIA_MS)
#define T0  (10 * VIA_SEC)

struct bench {
    struct via_sack b;
    struct via_tcp_seg segs[64];
    struct via_rack r;
    struct via_rack_ack a;
    struct via_sack_ack s;
    uint32_t ids;
    via_seq_t nxt;
};

static void bench_init(struct bench *t) {
    memset(t, 0, sizeof *t);
    t->a.min_rtt = t->a.srtt = RTT;
}

/* A segment of 100 bytes at this time. Ids go up from 1. */
static uint32_t emit(struct bench *t, via_ns_t at) {
    struct via_tcp_seg *s = &t->segs[++t->ids];

    s->seq = t->nxt;
    s->end = t->nxt += 100;
    s->sent = at;
    s->tsval = (uint32_t)(at / VIA_MS);
    via_sack_push(&t->b, t->segs, t->ids);
    return t->ids;
}

static void emit_again(struct bench *t, uint32_t id, via_ns_t at) {
    t->segs[id].sent = at;
    t->segs[id].tsval = (uint32_t)(at / VIA_MS);
    via_sack_resent(&t->b, t->segs, id);
}

/* An ACK with one block (none: to == 0); runs the steps and returns what detection says. */
static via_ns_t arrive(struct bench *t, via_ns_t now, via_seq_t ack, uint32_t from, uint32_t to) {
    struct via_tcp_block block = {from, to};
    uint32_t id;

    t->s = (struct via_sack_ack){.ack = ack, .nxt = t->nxt, .block = &block, .blocks = to != 0};
    t->a.now = now;
    t->a.una = ack;
    t->a.nxt = t->nxt;
    via_sack_acked(&t->b, t->segs, &t->s);
    t->a.dsack = t->s.dsack;
    via_rack_begin(&t->a);
    for (id = t->s.gone; id; id = t->segs[id].next) {
        if (!(t->segs[id].flags & VIA_SEG_SACKED))
            via_rack_delivered(&t->r, &t->segs[id], &t->a);
    }
    for (id = t->s.fresh; id; id = t->segs[id].after)
        via_rack_delivered(&t->r, &t->segs[id], &t->a);
    via_rack_settle(&t->r, &t->a);
    return via_rack_detect(&t->r, &t->b, t->segs, &t->a);
}

static bool lost(const struct bench *t, uint32_t id) {
    return t->segs[id].flags & VIA_SEG_LOST;
}

static void segment_waits_a_quarter_of_the_round_trip(void **state) {
    struct bench t;
    uint32_t first;

    (void)state;
    bench_init(&t);
    first = emit(&t, T0);
    emit(&t, T0 + VIA_MS);
    /* The second arrives: the first has until T0 + RTT + RTT / 4, but the look is for all that was sent by T0 + 1 ms.
     */
    assert_int_equal(arrive(&t, T0 + VIA_MS + RTT, 0, 100, 200), RTT / 4);
    assert_false(lost(&t, first));
    t.a.now += RTT / 4;
    assert_int_equal(via_rack_detect(&t.r, &t.b, t.segs, &t.a), VIA_NEVER);
    assert_true(lost(&t, first));
}

static void three_sacked_segments_leave_no_wait_while_order_is_kept(void **state) {
    struct bench t;
    uint32_t first, i;

    (void)state;
    bench_init(&t);
    first = emit(&t, T0);
    for (i = 0; i < 4; i++)
        emit(&t, T0);
    assert_true(arrive(&t, T0 + RTT, 0, 100, 200) != VIA_NEVER);
    assert_true(arrive(&t, T0 + RTT, 0, 100, 300) != VIA_NEVER);
    assert_false(lost(&t, first));
    assert_int_equal(arrive(&t, T0 + RTT, 0, 100, 400), VIA_NEVER);
    assert_true(lost(&t, first));
    assert_false(lost(&t, 5));
}

static void path_that_reorders_gets_its_time_even_then(void **state) {
    struct bench t;
    uint32_t late, i;

    (void)state;
    bench_init(&t);
    for (i = 0; i < 7; i++)
        emit(&t, T0);
    arrive(&t, T0 + RTT, 0, 100, 200);
    assert_false(t.r.reordered);
    arrive(&t, T0 + RTT, 200, 0, 0);
    assert_true(t.r.reordered);
    late = 3;
    assert_int_equal(arrive(&t, T0 + RTT, 200, 300, 700), RTT / 4);
    assert_false(lost(&t, late));
}

static void segments_sent_later_are_never_lost(void **state) {
    struct bench t;

    (void)state;
    bench_init(&t);
    emit(&t, T0);
    emit(&t, T0 + 1);
    arrive(&t, T0 + RTT, 100, 0, 0);
    t.a.now = T0 + 100 * RTT;
    assert_int_equal(via_rack_detect(&t.r, &t.b, t.segs, &t.a), VIA_NEVER);
    assert_false(lost(&t, 2));
}

/* RFC 8985 2.3: the loss of a retransmission is seen, which counting duplicates cannot. */
static void lost_retransmission_is_lost_again(void **state) {
    struct bench t;
    uint32_t i;

    (void)state;
    bench_init(&t);
    for (i = 0; i < 4; i++)
        emit(&t, T0);
    arrive(&t, T0 + RTT, 0, 100, 400);
    assert_true(lost(&t, 1));
    assert_false(t.r.reordered);
    t.a.recovering = true;
    emit_again(&t, 1, T0 + RTT);
    emit(&t, T0 + RTT + VIA_MS);
    arrive(&t, T0 + 2 * RTT + VIA_MS, 0, 100, 500);
    assert_true(lost(&t, 1));
}

/* RFC 8985 6.2 step 2: the ACK of the original is no sample of the retransmission. */
static void ack_of_an_original_does_not_pass_for_the_retransmission(void **state) {
    struct bench t;

    (void)state;
    bench_init(&t);
    emit(&t, T0);
    emit(&t, T0 + VIA_MS);
    emit_again(&t, 1, T0 + 300 * VIA_MS);
    t.a.echo = true;
    t.a.tsecr = (uint32_t)(T0 / VIA_MS);
    arrive(&t, T0 + 500 * VIA_MS, 100, 0, 0);
    assert_int_equal(t.r.rtt, 0);
    bench_init(&t);
    emit(&t, T0);
    emit_again(&t, 1, T0 + 300 * VIA_MS);
    arrive(&t, T0 + 310 * VIA_MS, 100, 0, 0);
    assert_int_equal(t.r.rtt, 0);
    bench_init(&t);
    emit(&t, T0);
    emit_again(&t, 1, T0 + 300 * VIA_MS);
    arrive(&t, T0 + 410 * VIA_MS, 100, 0, 0);
    assert_int_equal(t.r.rtt, 110 * VIA_MS);
}

static void round_trip_is_of_the_segment_sent_last(void **state) {
    struct bench t;

    (void)state;
    bench_init(&t);
    emit(&t, T0);
    emit(&t, T0 + 20 * VIA_MS);
    emit(&t, T0 + 40 * VIA_MS);
    arrive(&t, T0 + 140 * VIA_MS, 300, 0, 0);
    assert_int_equal(t.r.rtt, 100 * VIA_MS);
    assert_int_equal(t.r.sent, T0 + 40 * VIA_MS);
    assert_int_equal(t.r.end, 300);
    assert_int_equal(t.r.fack, 300);
}

/* RFC 8985 6.2 step 4: one widening a round trip, kept for 16 recoveries, never beyond the smoothed round trip. */
static void duplicates_widen_the_window(void **state) {
    struct bench t;
    int i;

    (void)state;
    bench_init(&t);
    t.r.reordered = true;
    emit(&t, T0);
    emit(&t, T0);
    assert_int_equal(via_rack_window(&t.r, &t.b, &t.a), RTT / 4);
    arrive(&t, T0 + RTT, 100, 0, 100);
    assert_true(t.s.dsack);
    assert_int_equal(via_rack_window(&t.r, &t.b, &t.a), RTT / 2);
    arrive(&t, T0 + RTT, 100, 0, 100);
    assert_int_equal(via_rack_window(&t.r, &t.b, &t.a), RTT / 2);
    arrive(&t, T0 + RTT, 200, 0, 100);
    emit(&t, T0 + RTT);
    assert_int_equal(via_rack_window(&t.r, &t.b, &t.a), RTT / 4 * 3);
    for (i = 0; i < 300; i++) {
        t.a.una = t.a.nxt += 1;
        t.a.dsack = true;
        via_rack_settle(&t.r, &t.a);
    }
    assert_int_equal(via_rack_window(&t.r, &t.b, &t.a), RTT);
    for (i = 0; i < VIA_RACK_PERSIST - 1; i++)
        via_rack_recovered(&t.r);
    assert_int_equal(via_rack_window(&t.r, &t.b, &t.a), RTT);
    via_rack_recovered(&t.r);
    assert_int_equal(via_rack_window(&t.r, &t.b, &t.a), RTT / 4);
}

static void timeout_takes_the_first_and_what_is_overdue(void **state) {
    struct bench t;

    (void)state;
    bench_init(&t);
    emit(&t, T0);
    emit(&t, T0);
    arrive(&t, T0 + RTT, 100, 0, 0);
    emit(&t, T0 + RTT);
    emit(&t, T0 + 5 * RTT);
    t.a.now = T0 + 5 * RTT + 1;
    via_rack_timeout(&t.r, &t.b, t.segs, &t.a);
    assert_true(lost(&t, 2));
    assert_true(lost(&t, 3));
    assert_false(lost(&t, 4));
    t.a.now = T0 + 5 * RTT;
    bench_init(&t);
    emit(&t, T0);
    t.r.rtt = 10 * RTT;
    t.a.now = T0 + 1;
    via_rack_timeout(&t.r, &t.b, t.segs, &t.a);
    assert_true(lost(&t, 1));
}

static void probe_is_due_after_two_round_trips(void **state) {
    struct bench t;

    (void)state;
    bench_init(&t);
    assert_false(via_tlp_allowed(&t.r, &t.b, true, false));
    emit(&t, T0);
    assert_true(via_tlp_allowed(&t.r, &t.b, true, false));
    assert_false(via_tlp_allowed(&t.r, &t.b, false, false));
    assert_false(via_tlp_allowed(&t.r, &t.b, true, true));
    assert_int_equal(via_tlp_delay(&t.b, RTT, 200 * VIA_MS), 2 * RTT + 200 * VIA_MS);
    emit(&t, T0);
    assert_int_equal(via_tlp_delay(&t.b, RTT, 200 * VIA_MS), 2 * RTT);
    assert_int_equal(via_tlp_delay(&t.b, 0, 200 * VIA_MS), VIA_SEC);
    arrive(&t, T0 + RTT, 0, 100, 200);
    assert_false(via_tlp_allowed(&t.r, &t.b, true, false));
    bench_init(&t);
    emit(&t, T0);
    via_tlp_sent(&t.r, 100, true);
    assert_false(via_tlp_allowed(&t.r, &t.b, true, false));
}

/* RFC 8985 7.4.2, its four cases. */
static void probe_tells_of_a_loss_only_when_it_repaired_one(void **state) {
    static const struct via_tcp_block dup = {900, 1000};
    struct via_sack_ack below = {.ack = 999}, at = {.ack = 1000}, beyond = {.ack = 1100};
    struct via_sack_ack dsack = {.ack = 1000, .dsack = true, .dup = {900, 1000}, .block = &dup, .blocks = 1};
    struct via_rack r = {0};

    (void)state;
    assert_false(via_tlp_acked(&r, &beyond, false));
    via_tlp_sent(&r, 1000, false);
    assert_false(via_tlp_acked(&r, &below, false));
    assert_true(r.probing);
    assert_false(via_tlp_acked(&r, &beyond, false));
    assert_false(r.probing);
    via_tlp_sent(&r, 1000, true);
    assert_false(via_tlp_acked(&r, &at, false));
    assert_true(r.probing);
    assert_true(via_tlp_acked(&r, &beyond, false));
    assert_false(r.probing);
    via_tlp_sent(&r, 1000, true);
    assert_false(via_tlp_acked(&r, &dsack, false));
    assert_false(r.probing);
    via_tlp_sent(&r, 1000, true);
    assert_false(via_tlp_acked(&r, &at, true));
    assert_false(r.probing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segment_waits_a_quarter_of_the_round_trip),
        cmocka_unit_test(three_sacked_segments_leave_no_wait_while_order_is_kept),
        cmocka_unit_test(path_that_reorders_gets_its_time_even_then),
        cmocka_unit_test(segments_sent_later_are_never_lost),
        cmocka_unit_test(lost_retransmission_is_lost_again),
        cmocka_unit_test(ack_of_an_original_does_not_pass_for_the_retransmission),
        cmocka_unit_test(round_trip_is_of_the_segment_sent_last),
        cmocka_unit_test(duplicates_widen_the_window),
        cmocka_unit_test(timeout_takes_the_first_and_what_is_overdue),
        cmocka_unit_test(probe_is_due_after_two_round_trips),
        cmocka_unit_test(probe_tells_of_a_loss_only_when_it_repaired_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
