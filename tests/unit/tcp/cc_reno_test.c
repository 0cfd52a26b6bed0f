/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tcp/cc.h"

#define MSS 1000u

static void ack(struct via_cc *cc, uint32_t bytes) {
    struct via_cc_view v = {.mss = MSS, .acked = bytes, .flight = cc->cwnd, .limited = true};

    via_cc_acked(cc, &v);
}

static void signal(struct via_cc *cc, uint32_t flight, enum via_cc_event what) {
    struct via_cc_view v = {.mss = MSS, .flight = flight};

    via_cc_signal(cc, &v, what);
}

static void slow_start_counts_bytes_but_two_segments_an_ack_at_most(void **state) {
    struct via_cc cc;

    (void)state;
    via_cc_init(&cc, VIA_CC_RENO, 10 * MSS);
    ack(&cc, 1);
    assert_int_equal(cc.cwnd, 10 * MSS + 1);
    ack(&cc, MSS);
    assert_int_equal(cc.cwnd, 11 * MSS + 1);
    ack(&cc, 2 * MSS);
    assert_int_equal(cc.cwnd, 13 * MSS + 1);
    ack(&cc, 30 * MSS);
    assert_int_equal(cc.cwnd, 15 * MSS + 1);
    cc.paced = true;
    ack(&cc, 30 * MSS);
    assert_int_equal(cc.cwnd, 45 * MSS + 1);
}

/* RFC 3465: ACK division gains nothing. */
static void thousand_acks_for_a_byte_grow_as_one_for_all(void **state) {
    struct via_cc one, many;
    int i;

    (void)state;
    via_cc_init(&one, VIA_CC_RENO, 10 * MSS);
    via_cc_init(&many, VIA_CC_RENO, 10 * MSS);
    one.ssthresh = many.ssthresh = 10 * MSS;
    for (i = 0; i < 40; i++)
        ack(&one, MSS);
    for (i = 0; i < 40 * (int)MSS; i++)
        ack(&many, 1);
    assert_int_equal(one.cwnd, many.cwnd);
    /* 10 + 11 + 12 = 33 segments for three more, and 7 of 13 towards the fourth. */
    assert_int_equal(one.cwnd, 13 * MSS);
    assert_int_equal(one.u.reno.credit, 7 * MSS);
}

static void slow_start_ends_at_ssthresh_and_the_rest_counts_further(void **state) {
    struct via_cc cc;

    (void)state;
    via_cc_init(&cc, VIA_CC_RENO, 10 * MSS);
    cc.ssthresh = 10 * MSS + 500;
    ack(&cc, 2 * MSS);
    assert_int_equal(cc.cwnd, 10 * MSS + 500);
    assert_int_equal(cc.u.reno.credit, 1500);
}

static void loss_halves_the_flight_and_not_the_window(void **state) {
    struct via_cc cc;

    (void)state;
    via_cc_init(&cc, VIA_CC_RENO, 40 * MSS);
    signal(&cc, 30 * MSS, VIA_CC_LOSS);
    assert_int_equal(cc.ssthresh, 15 * MSS);
    assert_int_equal(cc.cwnd, 15 * MSS);
    via_cc_init(&cc, VIA_CC_RENO, 40 * MSS);
    signal(&cc, 50 * MSS, VIA_CC_LOSS);
    assert_int_equal(cc.ssthresh, 20 * MSS);
    signal(&cc, MSS, VIA_CC_LOSS);
    assert_int_equal(cc.ssthresh, 2 * MSS);
}

/* RFC 8511: 0.8 for a mark, 0.5 where that is switched off. */
static void mark_reduces_less_than_a_loss(void **state) {
    struct via_cc cc;

    (void)state;
    via_cc_init(&cc, VIA_CC_RENO, 40 * MSS);
    signal(&cc, 40 * MSS, VIA_CC_ECN);
    assert_int_equal(cc.cwnd, 32 * MSS);
    via_cc_init(&cc, VIA_CC_RENO, 40 * MSS);
    cc.abe = false;
    signal(&cc, 40 * MSS, VIA_CC_ECN);
    assert_int_equal(cc.cwnd, 20 * MSS);
}

/* Sawtooth by hand: loss at 40, then one segment a round trip. */
static void window_grows_by_a_segment_a_round_trip(void **state) {
    struct via_cc cc;
    uint32_t round, left;

    (void)state;
    via_cc_init(&cc, VIA_CC_RENO, 40 * MSS);
    signal(&cc, 40 * MSS, VIA_CC_LOSS);
    for (round = 0; round < 20; round++) {
        assert_int_equal(cc.cwnd, (20 + round) * MSS);
        for (left = (20 + round) / 2; left; left--)
            ack(&cc, 2 * MSS);
        if ((20 + round) % 2)
            ack(&cc, MSS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_start_counts_bytes_but_two_segments_an_ack_at_most),
        cmocka_unit_test(thousand_acks_for_a_byte_grow_as_one_for_all),
        cmocka_unit_test(slow_start_ends_at_ssthresh_and_the_rest_counts_further),
        cmocka_unit_test(loss_halves_the_flight_and_not_the_window),
        cmocka_unit_test(mark_reduces_less_than_a_loss),
        cmocka_unit_test(window_grows_by_a_segment_a_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
