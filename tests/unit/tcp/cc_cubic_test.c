/* SPDX-License-Identifier: BSD-2-Clause */
/* cc_cubic_test.c - CUBIC against the formulas of RFC 9438 in floating point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "tcp/cc.h"

#define MSS 1000u

struct flow {
    struct via_cc cc;
    struct via_cc_view v;
};

static void flow_init(struct flow *f, uint32_t cwnd, via_ns_t rtt) {
    via_cc_init(&f->cc, VIA_CC_CUBIC, cwnd);
    f->v =
        (struct via_cc_view){.now = 5 * VIA_SEC, .rtt = rtt, .srtt = rtt, .min_rtt = rtt, .mss = MSS, .limited = true};
}

static void flow_signal(struct flow *f, enum via_cc_event what) {
    f->v.flight = f->cc.cwnd;
    via_cc_signal(&f->cc, &f->v, what);
}

static void ack(struct flow *f, uint32_t bytes) {
    f->v.acked = bytes;
    f->v.flight = f->cc.cwnd;
    f->v.una += bytes;
    f->v.nxt = f->v.una + f->cc.cwnd;
    via_cc_acked(&f->cc, &f->v);
}

/* One round trip, its window acknowledged by twenty ACKs. */
static void round_trip(struct flow *f) {
    uint32_t window = f->cc.cwnd;
    int i;

    for (i = 0; i < 20; i++) {
        f->v.now += f->v.srtt / 20;
        ack(f, window / 20);
    }
}

static double cube_root(double x) {
    double low = 0, high = 1e6;
    int i;

    for (i = 0; i < 100; i++) {
        double mid = (low + high) / 2;

        if (mid * mid * mid < x)
            low = mid;
        else
            high = mid;
    }
    return low;
}

static double w_cubic(double t, double w_max, double start) {
    double k = cube_root((w_max - start) / 0.4), d = t - k;

    return 0.4 * d * d * d + w_max;
}

static void assert_near(double got, double want, double percent) {
    if (got < want * (1 - percent / 100) || got > want * (1 + percent / 100))
        fail_msg("%.2f is not within %.1f%% of %.2f", got, percent, want);
}

/* RFC 9438 4.6, 4.7 by hand: 100 -> 70, W_max 100; then 70 -> 49 below the plateau, W_max 70 * 0.85. */
static void loss_leaves_seven_tenths_and_converges_fast(void **state) {
    struct flow f;

    (void)state;
    flow_init(&f, 100 * MSS, 100 * VIA_MS);
    flow_signal(&f, VIA_CC_LOSS);
    assert_int_equal(f.cc.cwnd, 70 * MSS);
    assert_int_equal(f.cc.ssthresh, 70 * MSS);
    assert_int_equal(f.cc.u.cubic.w_max, 100 * MSS);
    flow_signal(&f, VIA_CC_LOSS);
    assert_int_equal(f.cc.cwnd, 49 * MSS);
    assert_int_equal(f.cc.u.cubic.w_max, 59500);
}

static void mark_leaves_85_percent(void **state) {
    struct flow f;

    (void)state;
    flow_init(&f, 100 * MSS, 100 * VIA_MS);
    flow_signal(&f, VIA_CC_ECN);
    assert_int_equal(f.cc.cwnd, 85 * MSS);
    flow_init(&f, 100 * MSS, 100 * VIA_MS);
    f.cc.abe = false;
    flow_signal(&f, VIA_CC_ECN);
    assert_int_equal(f.cc.cwnd, 70 * MSS);
}

/* K = cbrt(W_max * 0.3 / 0.4): 750 segments at 1000 make 9.0856 s. */
static void k_is_the_cube_root(void **state) {
    struct flow f;

    (void)state;
    flow_init(&f, 1000 * MSS, 100 * VIA_MS);
    flow_signal(&f, VIA_CC_LOSS);
    ack(&f, MSS);
    assert_near(f.cc.u.cubic.k / 1024.0, 9.0856, 0.01);
}

/* Concave to the plateau, convex beyond it, for long and short round trips and windows. */
static void window_follows_the_curve_within_one_percent(void **state) {
    static const struct {
        uint32_t segments;
        via_ns_t rtt;
        double seconds;
    } cases[] = {
        {1000, 100 * VIA_MS, 16}, {10000, 50 * VIA_MS, 40}, {400, 200 * VIA_MS, 14}, {100000, 20 * VIA_MS, 60}};
    unsigned i;

    (void)state;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        struct flow f;
        via_ns_t begin;
        double t, w = cases[i].segments;

        flow_init(&f, cases[i].segments * MSS, cases[i].rtt);
        flow_signal(&f, VIA_CC_LOSS);
        begin = f.v.now + f.v.srtt / 20;
        do {
            round_trip(&f);
            t = (double)(f.v.now - begin) / 1e9;
            assert_near(f.cc.cwnd / 1000.0, w_cubic(t, w, w * 0.7), 1);
        } while (t < cases[i].seconds);
        assert_true(f.cc.cwnd > cases[i].segments * MSS);
    }
}

/* RFC 9438 4.3: alpha = 9/17 segments a round trip up to cwnd_prior, then one. */
static void short_round_trips_are_as_fast_as_reno(void **state) {
    struct flow f;
    double est = 14;
    int i;

    (void)state;
    flow_init(&f, 20 * MSS, 1 * VIA_MS);
    flow_signal(&f, VIA_CC_LOSS);
    assert_int_equal(f.cc.cwnd, 14 * MSS);
    for (i = 0; i < 40; i++) {
        round_trip(&f);
        est += est < 20 ? 9.0 / 17 : 1;
        assert_near(f.cc.cwnd / 1000.0, est, 3);
    }
    assert_true(f.cc.cwnd > 40 * MSS);
}

/* One ACK is never worth more than half a window (RFC 9438 4.2: the target is bounded). */
static void growth_in_a_round_trip_is_bounded_by_half(void **state) {
    struct flow f;
    uint32_t before;

    (void)state;
    flow_init(&f, 100 * MSS, 100 * VIA_MS);
    flow_signal(&f, VIA_CC_LOSS);
    round_trip(&f);
    f.v.now += 300 * VIA_SEC;
    before = f.cc.cwnd;
    ack(&f, before);
    assert_true(f.cc.cwnd > before && f.cc.cwnd <= before + before / 2);
}

/* RFC 9438 4.8: the curve begins at its plateau: W_max is the window at which slow start ended. */
static void timeout_puts_the_plateau_where_slow_start_ends(void **state) {
    struct flow f;

    (void)state;
    flow_init(&f, 100 * MSS, 100 * VIA_MS);
    flow_signal(&f, VIA_CC_TIMEOUT);
    assert_int_equal(f.cc.ssthresh, 70 * MSS);
    while (f.cc.cwnd < f.cc.ssthresh)
        ack(&f, MSS);
    ack(&f, MSS);
    assert_int_equal(f.cc.u.cubic.k, 0);
    assert_in_range(f.cc.u.cubic.w_max, 70 * MSS, 71 * MSS);
}

/* RFC 9438 5.8: a pause of the application is no time on the curve. */
static void time_without_use_of_the_window_does_not_count(void **state) {
    struct flow busy, lazy;
    int i;

    (void)state;
    flow_init(&busy, 1000 * MSS, 100 * VIA_MS);
    flow_signal(&busy, VIA_CC_LOSS);
    lazy = busy;
    for (i = 0; i < 30; i++) {
        round_trip(&busy);
        round_trip(&lazy);
    }
    lazy.v.limited = false;
    ack(&lazy, MSS);
    lazy.v.now += 20 * VIA_SEC;
    lazy.v.limited = true;
    for (i = 0; i < 30; i++) {
        round_trip(&busy);
        round_trip(&lazy);
    }
    assert_near(lazy.cc.cwnd, busy.cc.cwnd, 0.5);
}

static void undo_restores_the_curve(void **state) {
    struct flow f;
    struct via_cubic before;
    uint32_t cwnd;
    int i;

    (void)state;
    flow_init(&f, 1000 * MSS, 100 * VIA_MS);
    flow_signal(&f, VIA_CC_LOSS);
    for (i = 0; i < 20; i++)
        round_trip(&f);
    before = f.cc.u.cubic;
    cwnd = f.cc.cwnd;
    flow_signal(&f, VIA_CC_LOSS);
    round_trip(&f);
    flow_signal(&f, VIA_CC_UNDO);
    assert_int_equal(f.cc.cwnd, cwnd);
    assert_memory_equal(&f.cc.u.cubic, &before, sizeof before);
}

static void longer_round_trips_end_the_first_slow_start(void **state) {
    struct flow f;
    int i;

    (void)state;
    flow_init(&f, 10 * MSS, 100 * VIA_MS);
    for (i = 0; i < 3; i++)
        round_trip(&f);
    assert_int_equal(f.cc.cwnd, 80 * MSS);
    f.v.rtt = f.v.srtt = 130 * VIA_MS;
    for (i = 0; i < 10; i++)
        round_trip(&f);
    assert_true(f.cc.ssthresh < VIA_CC_INFINITE);
    /* A round that doubles in part, four that grow by a quarter, then the curve. */
    assert_in_range(f.cc.cwnd, 80 * MSS * 2, 80 * MSS * 7);
}

static void slow_start_counts_eight_segments_an_ack(void **state) {
    struct flow f;

    (void)state;
    flow_init(&f, 10 * MSS, 100 * VIA_MS);
    ack(&f, 10 * MSS);
    assert_int_equal(f.cc.cwnd, 18 * MSS);
    f.cc.paced = true;
    ack(&f, 10 * MSS);
    assert_int_equal(f.cc.cwnd, 28 * MSS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_leaves_seven_tenths_and_converges_fast),
        cmocka_unit_test(mark_leaves_85_percent),
        cmocka_unit_test(k_is_the_cube_root),
        cmocka_unit_test(window_follows_the_curve_within_one_percent),
        cmocka_unit_test(short_round_trips_are_as_fast_as_reno),
        cmocka_unit_test(growth_in_a_round_trip_is_bounded_by_half),
        cmocka_unit_test(timeout_puts_the_plateau_where_slow_start_ends),
        cmocka_unit_test(time_without_use_of_the_window_does_not_count),
        cmocka_unit_test(undo_restores_the_curve),
        cmocka_unit_test(longer_round_trips_end_the_first_slow_start),
        cmocka_unit_test(slow_start_counts_eight_segments_an_ack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
