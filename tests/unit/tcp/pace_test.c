/* SPDX-License-Identifier: BSD-2-Clause */
/* pace_test.c - rates and bursts by themselves, then of a connection. */
#include "tcp_duo.h"

#include "tcp/pace.h"

#include <errno.h>

#define MSS 1000u

/* Sends whenever it may, from now on for `ns`; returns the bytes. `late`: how much later than asked each wake-up is. */
static uint64_t run(struct via_pace *p, via_ns_t *now, via_ns_t ns, via_ns_t late) {
    via_ns_t end = *now + ns, at;
    uint64_t bytes = 0;

    while (*now < end) {
        at = via_pace_holds(p, *now);
        if (at) {
            *now = at + late;
            continue;
        }
        via_pace_sent(p, MSS);
        bytes += MSS;
    }
    return bytes;
}

static void assert_near(uint64_t got, uint64_t want, uint64_t by) {
    if (got + by < want || got > want + by)
        fail_msg("%llu is not within %llu of %llu", (unsigned long long)got, (unsigned long long)by,
                 (unsigned long long)want);
}

static void without_a_rate_nothing_is_held_back(void **state) {
    struct via_pace p = {0};
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        assert_int_equal(via_pace_holds(&p, VIA_SEC), 0);
        via_pace_sent(&p, 65536);
    }
}

static void rate_is_kept_whatever_it_is(void **state) {
    const uint64_t rates[] = {10000, 125000, 12500000, 1250000000, 12500000000};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct via_pace p = {0};
        via_ns_t now = VIA_SEC;

        via_pace_set(&p, rates[i], MSS);
        assert_near(run(&p, &now, VIA_SEC, 0), rates[i], rates[i] / 500 + 3 * MSS);
    }
}

static void wake_up_that_is_late_loses_nothing_within_a_burst(void **state) {
    struct via_pace p = {0};
    via_ns_t now = VIA_SEC;

    (void)state;
    via_pace_set(&p, 12500000, MSS);
    assert_near(run(&p, &now, VIA_SEC, 900 * VIA_US), 12500000, 40000);
    now = 10 * VIA_SEC;
    p = (struct via_pace){0};
    via_pace_set(&p, 12500000, MSS);
    /* Three bursts late: two of them are gone for good. */
    assert_in_range(run(&p, &now, VIA_SEC, 3 * VIA_MS), 4000000, 8000000);
}

static void burst_is_two_segments_or_a_millisecond(void **state) {
    struct via_pace p = {0};
    int n;

    (void)state;
    via_pace_set(&p, 10000, MSS);
    for (n = 0; !via_pace_holds(&p, VIA_SEC); n++)
        via_pace_sent(&p, MSS);
    assert_int_equal(n, 2);
    p = (struct via_pace){0};
    via_pace_set(&p, 10000000, MSS);
    for (n = 0; !via_pace_holds(&p, VIA_SEC); n++)
        via_pace_sent(&p, MSS);
    assert_int_equal(n, 10);
    p = (struct via_pace){0};
    via_pace_set(&p, 10000000000, MSS);
    for (n = 0; !via_pace_holds(&p, VIA_SEC); n++)
        via_pace_sent(&p, MSS);
    assert_int_equal(n, 66);
}

static void idle_time_earns_no_burst(void **state) {
    struct via_pace p = {0};
    via_ns_t now = VIA_SEC;
    int n;

    (void)state;
    via_pace_set(&p, 10000000, MSS);
    run(&p, &now, 10 * VIA_MS, 0);
    now += 10 * VIA_SEC;
    via_pace_holds(&p, now);
    for (n = 0; !via_pace_holds(&p, now); n++)
        via_pace_sent(&p, MSS);
    assert_in_range(n, 9, 21);
}

static void time_held_back_is_counted(void **state) {
    struct via_pace p = {0};
    via_ns_t now = VIA_SEC;

    (void)state;
    via_pace_set(&p, 1000000, MSS);
    run(&p, &now, VIA_SEC, 0);
    assert_near(p.held, VIA_SEC, 5 * VIA_MS);
}

static void lower_bound_wins(void **state) {
    struct via_pace p = {.bound = 5000};

    (void)state;
    via_pace_set(&p, 0, MSS);
    assert_int_equal(p.rate, 5000);
    via_pace_set(&p, 10000, MSS);
    assert_int_equal(p.rate, 5000);
    via_pace_set(&p, 4000, MSS);
    assert_int_equal(p.rate, 4000);
}

/* Of a connection. */
static void bound_of_a_socket_is_its_speed(void **state) {
    struct duo *r = duo_new("mem_latency=5ms");
    uint64_t rate = 1000000, got = 0;
    size_t n = sizeof got;
    via_sock_t s[2];
    via_ns_t begin;

    (void)state;
    duo_connect(r, NULL, s);
    assert_int_equal(via_sock_setopt(r->st[0], s[0], VIA_OPT_PACING_RATE, &rate, sizeof rate), 0);
    assert_int_equal(via_sock_getopt(r->st[0], s[0], VIA_OPT_PACING_RATE, &got, &n), 0);
    assert_int_equal(got, rate);
    begin = r->now;
    assert_true(duo_carry(r, 0, s, 2000000, 100 * VIA_SEC));
    assert_near(r->now - begin, 2 * VIA_SEC, 70 * VIA_MS); /* the last ACK may be a delayed one */
    assert_int_equal(duo_info(r, 0, s[0]).pacing_rate, rate);
    assert_near(duo_info(r, 0, s[0]).limited_pacing, 2 * VIA_SEC, 100 * VIA_MS);
    rate = 0;
    assert_int_equal(via_sock_setopt(r->st[0], s[0], VIA_OPT_PACING_RATE, &rate, sizeof rate), 0);
    begin = r->now;
    assert_true(duo_carry(r, 0, s, 2000000, 100 * VIA_SEC));
    assert_true(r->now - begin < VIA_SEC);
    assert_int_equal(duo_info(r, 0, s[0]).pacing_rate, 0);
    duo_end(r);
}

static void pacing_rate_is_eight_bytes(void **state) {
    struct duo *r = duo_new(NULL);
    via_sock_t s[2];
    int small = 5;

    (void)state;
    duo_connect(r, NULL, s);
    assert_int_equal(via_sock_setopt(r->st[0], s[0], VIA_OPT_PACING_RATE, &small, sizeof small), -EINVAL);
    duo_end(r);
}

static void paced_window_is_spread_and_no_byte_is_lost(void **state) {
    struct duo *r = duo_new("tcp_pacing=2;mem_latency=10ms");
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    assert_true(duo_carry(r, 0, s, 5000000, 100 * VIA_SEC));
    assert_true(duo_info(r, 0, s[0]).pacing_rate > 0);
    assert_true(duo_info(r, 0, s[0]).limited_pacing > 0);
    assert_int_equal(duo_info(r, 0, s[0]).bytes_resent, 0);
    duo_end(r);
}

static void paced_recovery_ends(void **state) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct duo *r = duo_new("tcp_pacing=2;mem_latency=2ms");
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    imp.seed = 3;
    imp.loss = 0.02;
    duo_impair(r, 0, &imp);
    assert_true(duo_carry(r, 0, s, 3000000, 1000 * VIA_SEC));
    assert_true(duo_info(r, 0, s[0]).recoveries > 0);
    duo_end(r);
}

static void bbr_carries_everything_through_loss(void **state) {
    const char *const attr[] = {"tcp_cc=2;mem_latency=2ms;checksum=2", "tcp_cc=2;mem_latency=2ms;tcp_sack=off",
                                "tcp_cc=2;mem_latency=2ms;tcp_ecn=2;tcp_fast_path=off", "tcp_cc=2"};
    struct via_impair imp = VIA_IMPAIR_INIT;
    size_t i;

    (void)state;
    imp.seed = 4;
    imp.loss = 0.03;
    imp.reorder = 0.02;
    for (i = 0; i < sizeof attr / sizeof *attr; i++) {
        struct duo *r = duo_new(attr[i]);
        via_sock_t s[2];

        duo_connect(r, NULL, s);
        duo_impair(r, 0, &imp);
        assert_true(duo_carry(r, 0, s, 2000000, 1000 * VIA_SEC));
        assert_true(duo_info(r, 0, s[0]).pacing_rate > 0);
        duo_end(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_rate_nothing_is_held_back),
        cmocka_unit_test(rate_is_kept_whatever_it_is),
        cmocka_unit_test(wake_up_that_is_late_loses_nothing_within_a_burst),
        cmocka_unit_test(burst_is_two_segments_or_a_millisecond),
        cmocka_unit_test(idle_time_earns_no_burst),
        cmocka_unit_test(time_held_back_is_counted),
        cmocka_unit_test(lower_bound_wins),
        cmocka_unit_test(bound_of_a_socket_is_its_speed),
        cmocka_unit_test(pacing_rate_is_eight_bytes),
        cmocka_unit_test(paced_window_is_spread_and_no_byte_is_lost),
        cmocka_unit_test(paced_recovery_ends),
        cmocka_unit_test(bbr_carries_everything_through_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
