/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "tcp/rtt.h"

static const struct via_rtt_limits lim = {.initial = VIA_SEC, .min = 200 * VIA_MS, .max = 60 * VIA_SEC};
static const struct via_rtt_limits free_lim = {.initial = 1, .min = 1, .max = VIA_NEVER / 4};

static void timeout_before_the_first_sample_is_the_initial_one(void **state) {
    struct via_rtt r;

    (void)state;
    via_rtt_init(&r, &lim);
    assert_int_equal(r.rto, VIA_SEC);
    assert_int_equal(r.srtt, 0);
}

/* RFC 6298 2.2: SRTT = R, RTTVAR = R/2, RTO = R + 4 * R/2. */
static void first_sample_sets_the_estimates(void **state) {
    struct via_rtt r;

    (void)state;
    via_rtt_init(&r, &lim);
    via_rtt_sample(&r, &lim, 100 * VIA_MS, 1);
    assert_int_equal(r.srtt, 100 * VIA_MS);
    assert_int_equal(r.var, 50 * VIA_MS);
    assert_int_equal(r.rto, 300 * VIA_MS);
}

/* RFC 6298 2.3 by hand: RTTVAR = 3/4 * 50 + 1/4 * |100 - 200| = 62.5; SRTT = 7/8 * 100 + 1/8 * 200 = 112.5. */
static void later_samples_move_them_by_an_eighth_and_a_quarter(void **state) {
    struct via_rtt r;

    (void)state;
    via_rtt_init(&r, &lim);
    via_rtt_sample(&r, &lim, 100 * VIA_MS, 1);
    via_rtt_sample(&r, &lim, 200 * VIA_MS, 1);
    assert_int_equal(r.var, 62500 * VIA_US);
    assert_int_equal(r.srtt, 112500 * VIA_US);
    assert_int_equal(r.rto, 362500 * VIA_US);
    via_rtt_sample(&r, &lim, 12500 * VIA_US, 1);
    assert_int_equal(r.var, 71875 * VIA_US);
    assert_int_equal(r.srtt, 100 * VIA_MS);
}

static void timeout_stays_within_its_limits(void **state) {
    struct via_rtt r;
    int i;

    (void)state;
    via_rtt_init(&r, &lim);
    via_rtt_sample(&r, &lim, 10 * VIA_US, 1);
    assert_int_equal(r.rto, 200 * VIA_MS);
    via_rtt_sample(&r, &lim, 3600 * VIA_SEC, 1);
    assert_int_equal(r.rto, 60 * VIA_SEC);
    via_rtt_init(&r, &lim);
    for (i = 0; i < 100; i++) {
        via_rtt_backoff(&r, &lim);
        assert_true(r.rto <= lim.max);
    }
    assert_int_equal(r.rto, lim.max);
    assert_int_equal(r.backoff, 100);
}

static void backing_off_doubles_until_a_sample_comes(void **state) {
    struct via_rtt r;

    (void)state;
    via_rtt_init(&r, &lim);
    via_rtt_sample(&r, &lim, 100 * VIA_MS, 1);
    via_rtt_backoff(&r, &lim);
    via_rtt_backoff(&r, &lim);
    assert_int_equal(r.rto, 1200 * VIA_MS);
    via_rtt_sample(&r, &lim, 100 * VIA_MS, 1);
    assert_int_equal(r.rto, 250 * VIA_MS);
    assert_int_equal(r.backoff, 0);
    via_rtt_backoff(&r, &lim);
    via_rtt_unback(&r, &lim);
    assert_int_equal(r.rto, 250 * VIA_MS);
}

static void lost_syn_makes_data_begin_with_three_seconds(void **state) {
    struct via_rtt r;

    (void)state;
    via_rtt_init(&r, &lim);
    via_rtt_syn_lost(&r, &lim);
    assert_int_equal(r.rto, 3 * VIA_SEC);
    via_rtt_sample(&r, &lim, 100 * VIA_MS, 1);
    via_rtt_syn_lost(&r, &lim);
    assert_int_equal(r.rto, 300 * VIA_MS);
}

/* RFC 4015 3.2: max(SRTT, sample), max(RTTVAR, sample / 2). */
static void spurious_timeout_takes_the_sample_in_full(void **state) {
    struct via_rtt r;

    (void)state;
    via_rtt_init(&r, &lim);
    via_rtt_sample(&r, &lim, 100 * VIA_MS, 1);
    via_rtt_backoff(&r, &lim);
    via_rtt_spurious(&r, &lim, 800 * VIA_MS);
    assert_int_equal(r.srtt, 800 * VIA_MS);
    assert_int_equal(r.var, 400 * VIA_MS);
    assert_int_equal(r.rto, 2400 * VIA_MS);
    assert_int_equal(r.backoff, 0);
    via_rtt_spurious(&r, &lim, 1 * VIA_MS);
    assert_int_equal(r.srtt, 800 * VIA_MS);
}

static void expected_samples_are_one_per_two_segments(void **state) {
    (void)state;
    assert_int_equal(via_rtt_expected(0, 1000), 1);
    assert_int_equal(via_rtt_expected(2000, 1000), 1);
    assert_int_equal(via_rtt_expected(2001, 1000), 2);
    assert_int_equal(via_rtt_expected(100000, 1000), 50);
    assert_int_equal(via_rtt_expected(0xffffffff, 0), 0x80000000);
}

/* RFC 7323 G: fifty samples of a round trip move the estimate about as far as one does without timestamps. */
static void many_samples_a_flight_weigh_as_much_as_one(void **state) {
    struct via_rtt one, many;
    int i;

    (void)state;
    via_rtt_init(&one, &free_lim);
    via_rtt_init(&many, &free_lim);
    via_rtt_sample(&one, &free_lim, 100 * VIA_MS, 1);
    via_rtt_sample(&many, &free_lim, 100 * VIA_MS, 50);
    via_rtt_sample(&one, &free_lim, 200 * VIA_MS, 1);
    for (i = 0; i < 50; i++)
        via_rtt_sample(&many, &free_lim, 200 * VIA_MS, 50);
    assert_in_range(many.srtt, one.srtt - 2 * VIA_MS, one.srtt);
    assert_in_range(many.var, one.var - 5 * VIA_MS, one.var + 5 * VIA_MS);
}

static void steady_samples_are_found_to_the_nanosecond(void **state) {
    struct via_rtt r;
    int i;

    (void)state;
    via_rtt_init(&r, &free_lim);
    via_rtt_sample(&r, &free_lim, 3 * VIA_MS, 1);
    for (i = 0; i < 300; i++)
        via_rtt_sample(&r, &free_lim, 50 * VIA_US, 1);
    assert_in_range(r.srtt, 50 * VIA_US, 50 * VIA_US + 8);
    assert_in_range(r.var, 0, 16);
    via_rtt_sample(&r, &free_lim, 0, 1);
    assert_int_equal(r.latest, 1);
}

static void echo_of_a_timestamp_is_a_sample(void **state) {
    (void)state;
    assert_int_equal(via_rtt_of_echo(105, 100, VIA_MS), 5 * VIA_MS);
    assert_int_equal(via_rtt_of_echo(100, 100, VIA_MS), VIA_MS);
    assert_int_equal(via_rtt_of_echo(3, 0xfffffffe, VIA_MS), 5 * VIA_MS);
    assert_int_equal(via_rtt_of_echo(100, 101, VIA_MS), 0);
}

/* Against all samples kept: never below what the window has, never above what its last three quarters have. */
static void minimum_is_of_the_window_and_of_three_quarters_at_least(void **state) {
    static struct { via_ns_t at, rtt; } past[20000];
    struct via_min m = {0};
    via_ns_t now = 12345, window = 1000;
    uint64_t seed = 9;
    int i, k, first = 0;

    (void)state;
    assert_int_equal(via_min_get(&m), VIA_NEVER);
    for (i = 0; i < 20000; i++) {
        uint64_t r = rig_random(&seed);
        via_ns_t low = VIA_NEVER, high = VIA_NEVER, got;

        now += r >> 58 ? r % 30 : r % 3000;
        past[i].at = now;
        past[i].rtt = (r >> 32) % 100000;
        via_min_add(&m, window, now, past[i].rtt);
        while (past[first].at + window + VIA_MIN_PARTS < now)
            first++;
        for (k = first; k <= i; k++) {
            low = via_min_ns(low, past[k].rtt);
            if (past[k].at + window * 3 / 4 >= now)
                high = via_min_ns(high, past[k].rtt);
        }
        got = via_min_get(&m);
        assert_true(got >= low && got <= high);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeout_before_the_first_sample_is_the_initial_one),
        cmocka_unit_test(first_sample_sets_the_estimates),
        cmocka_unit_test(later_samples_move_them_by_an_eighth_and_a_quarter),
        cmocka_unit_test(timeout_stays_within_its_limits),
        cmocka_unit_test(backing_off_doubles_until_a_sample_comes),
        cmocka_unit_test(lost_syn_makes_data_begin_with_three_seconds),
        cmocka_unit_test(spurious_timeout_takes_the_sample_in_full),
        cmocka_unit_test(expected_samples_are_one_per_two_segments),
        cmocka_unit_test(many_samples_a_flight_weigh_as_much_as_one),
        cmocka_unit_test(steady_samples_are_found_to_the_nanosecond),
        cmocka_unit_test(echo_of_a_timestamp_is_a_sample),
        cmocka_unit_test(minimum_is_of_the_window_and_of_three_quarters_at_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
