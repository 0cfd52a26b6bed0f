/* SPDX-License-Identifier: BSD-2-Clause */
/* cc_test.c - what is true of every algorithm, and of the frame around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "tcp/cc.h"

#define WINDOWED VIA_CC_BBR /* those before it know windows alone */
#define MSS 1000u

static struct via_cc_view view(const struct via_cc *cc) {
    return (struct via_cc_view){.now = VIA_SEC,
                                .rtt = 10 * VIA_MS,
                                .srtt = 10 * VIA_MS,
                                .min_rtt = 10 * VIA_MS,
                                .acked = MSS,
                                .flight = cc->cwnd,
                                .pipe = cc->cwnd,
                                .mss = MSS,
                                .limited = true};
}

static void initial_window_is_ten_segments_or_14600_bytes(void **state) {
    (void)state;
    assert_int_equal(via_cc_initial_window(1460, false), 14600);
    assert_int_equal(via_cc_initial_window(536, false), 5360);
    assert_int_equal(via_cc_initial_window(4000, false), 14600);
    assert_int_equal(via_cc_initial_window(8960, false), 17920);
    assert_int_equal(via_cc_initial_window(1460, true), 1460);
}

static void names_are_of_the_algorithms(void **state) {
    (void)state;
    assert_string_equal(via_cc_name(VIA_CC_CUBIC), "cubic");
    assert_string_equal(via_cc_name(VIA_CC_RENO), "reno");
}

static void window_that_is_not_used_does_not_grow(void **state) {
    unsigned algo, i;

    (void)state;
    for (algo = 0; algo < WINDOWED; algo++) {
        struct via_cc cc;
        struct via_cc_view v;
        uint32_t before;

        via_cc_init(&cc, algo, 10 * MSS);
        v = view(&cc);
        v.limited = false;
        v.flight = 4 * MSS;
        for (i = 0; i < 1000; i++, v.now += VIA_MS)
            via_cc_acked(&cc, &v);
        assert_int_equal(cc.cwnd, 10 * MSS);
        v.flight = cc.cwnd;
        via_cc_signal(&cc, &v, VIA_CC_LOSS);
        before = cc.cwnd;
        for (i = 0; i < 1000; i++, v.now += VIA_MS)
            via_cc_acked(&cc, &v);
        assert_int_equal(cc.cwnd, before);
    }
}

static void recovery_does_not_grow_the_window(void **state) {
    unsigned algo, i;

    (void)state;
    for (algo = 0; algo < WINDOWED; algo++) {
        struct via_cc cc;
        struct via_cc_view v;
        uint32_t before;

        via_cc_init(&cc, algo, 10 * MSS);
        v = view(&cc);
        via_cc_signal(&cc, &v, VIA_CC_LOSS);
        before = cc.cwnd;
        v.recovering = true;
        for (i = 0; i < 100; i++)
            via_cc_acked(&cc, &v);
        assert_int_equal(cc.cwnd, before);
    }
}

static void timeout_leaves_one_segment_and_a_second_one_keeps_ssthresh(void **state) {
    unsigned algo;

    (void)state;
    for (algo = 0; algo < WINDOWED; algo++) {
        struct via_cc cc;
        struct via_cc_view v;
        uint32_t thresh;

        via_cc_init(&cc, algo, 40 * MSS);
        v = view(&cc);
        via_cc_signal(&cc, &v, VIA_CC_TIMEOUT);
        assert_int_equal(cc.cwnd, MSS);
        thresh = cc.ssthresh;
        assert_int_equal(thresh, (algo == VIA_CC_RENO ? 20 : 28) * MSS);
        v.flight = MSS;
        via_cc_signal(&cc, &v, VIA_CC_TIMEOUT_AGAIN);
        assert_int_equal(cc.cwnd, MSS);
        assert_int_equal(cc.ssthresh, thresh);
    }
}

/* RFC 3465 2.3: after a timeout an ACK for ten segments lets the window grow by one. */
static void slow_start_behind_a_timeout_counts_one_segment_an_ack(void **state) {
    unsigned algo;

    (void)state;
    for (algo = 0; algo < WINDOWED; algo++) {
        struct via_cc cc;
        struct via_cc_view v;

        via_cc_init(&cc, algo, 40 * MSS);
        v = view(&cc);
        via_cc_signal(&cc, &v, VIA_CC_TIMEOUT);
        v.acked = 10 * MSS;
        via_cc_acked(&cc, &v);
        assert_int_equal(cc.cwnd, 2 * MSS);
    }
}

static void undo_restores_what_was_before_once(void **state) {
    static const enum via_cc_event what[] = {VIA_CC_LOSS, VIA_CC_TIMEOUT};
    unsigned algo, i;

    (void)state;
    for (algo = 0; algo < WINDOWED; algo++) {
        for (i = 0; i < 2; i++) {
            struct via_cc cc;
            struct via_cc_view v;

            via_cc_init(&cc, algo, 40 * MSS);
            v = view(&cc);
            via_cc_signal(&cc, &v, what[i]);
            assert_true(cc.cwnd < 40 * MSS);
            via_cc_signal(&cc, &v, VIA_CC_UNDO);
            assert_int_equal(cc.cwnd, 40 * MSS);
            assert_int_equal(cc.ssthresh, VIA_CC_INFINITE);
            via_cc_signal(&cc, &v, VIA_CC_ECN);
            via_cc_signal(&cc, &v, VIA_CC_UNDO);
            assert_true(cc.cwnd < 40 * MSS);
        }
    }
}

static void idle_sender_begins_with_the_initial_window(void **state) {
    unsigned algo;

    (void)state;
    for (algo = 0; algo < WINDOWED; algo++) {
        struct via_cc cc;
        struct via_cc_view v;

        via_cc_init(&cc, algo, 10 * MSS);
        v = view(&cc);
        cc.cwnd = 100 * MSS;
        cc.ssthresh = 50 * MSS;
        via_cc_signal(&cc, &v, VIA_CC_IDLE);
        assert_int_equal(cc.cwnd, 10 * MSS);
        assert_int_equal(cc.ssthresh, 75 * MSS);
        cc.cwnd = 4 * MSS;
        via_cc_signal(&cc, &v, VIA_CC_IDLE);
        assert_int_equal(cc.cwnd, 4 * MSS);
        assert_int_equal(cc.ssthresh, 75 * MSS);
    }
}

static void pace_is_ahead_of_the_window(void **state) {
    struct via_cc cc;

    (void)state;
    via_cc_init(&cc, VIA_CC_RENO, 10000);
    assert_int_equal(via_cc_rate(&cc, 0), 0);
    assert_int_equal(via_cc_rate(&cc, 100 * VIA_MS), 200000);
    cc.ssthresh = 10000;
    assert_int_equal(via_cc_rate(&cc, 100 * VIA_MS), 120000);
    cc.rate = 7;
    assert_int_equal(via_cc_rate(&cc, 100 * VIA_MS), 7);
    cc = (struct via_cc){.cwnd = VIA_CC_CWND_MAX, .ssthresh = VIA_CC_INFINITE};
    assert_true(via_cc_rate(&cc, 1) > VIA_CC_CWND_MAX);
}

/* Any history: the window stays within its bounds, and ssthresh is at least two segments. */
static void any_history_keeps_the_bounds(void **state) {
    uint64_t seed = 77;
    unsigned algo, i;

    (void)state;
    for (algo = 0; algo < WINDOWED; algo++) {
        struct via_cc cc;
        struct via_cc_view v;

        via_cc_init(&cc, algo, 10 * MSS);
        v = view(&cc);
        for (i = 0; i < 300000; i++) {
            uint64_t r = rig_random(&seed);

            v.now += r % (r >> 62 ? 10 * VIA_MS : 10 * VIA_SEC);
            v.rtt = (r >> 20) % (400 * VIA_MS);
            v.srtt = 1 + (r >> 30) % VIA_SEC;
            v.mss = r >> 61 ? v.mss : 1 + (uint32_t)(r >> 10) % 9000;
            v.acked = 1 + (uint32_t)(r >> 8) % (r >> 60 ? 10 * MSS : 0x40000000);
            v.flight = (uint32_t)((r >> 12) % (2ull * cc.cwnd));
            v.una += v.acked;
            v.nxt = v.una + v.flight;
            v.limited = r >> 50 & 3;
            if ((r >> 40) % 200 < VIA_CC_IDLE + 1) {
                via_cc_signal(&cc, &v, (enum via_cc_event)((r >> 40) % 200));
                assert_true(cc.ssthresh >= 2 * v.mss || (r >> 40) % 200 >= VIA_CC_TIMEOUT_AGAIN);
            } else {
                via_cc_acked(&cc, &v);
            }
            assert_in_range(cc.cwnd, v.mss, VIA_CC_CWND_MAX);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_window_is_ten_segments_or_14600_bytes),
        cmocka_unit_test(names_are_of_the_algorithms),
        cmocka_unit_test(window_that_is_not_used_does_not_grow),
        cmocka_unit_test(recovery_does_not_grow_the_window),
        cmocka_unit_test(timeout_leaves_one_segment_and_a_second_one_keeps_ssthresh),
        cmocka_unit_test(slow_start_behind_a_timeout_counts_one_segment_an_ack),
        cmocka_unit_test(undo_restores_what_was_before_once),
        cmocka_unit_test(idle_sender_begins_with_the_initial_window),
        cmocka_unit_test(pace_is_ahead_of_the_window),
        cmocka_unit_test(any_history_keeps_the_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
