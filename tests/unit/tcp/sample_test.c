/* SPDX-License-Identifier: BSD-2-Clause */
/* sample_test.c - samples of the delivery rate, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tcp/sample.h"

#define MSS 1000u
#define MS  VIA_MS

static struct via_tcp_seg send_at(struct via_sampler *r, via_ns_t now, uint32_t pipe) {
    static uint32_t seq;
    struct via_tcp_seg s = {.seq = seq, .end = seq + MSS, .sent = now};

    seq += MSS;
    via_sample_sent(r, &s, pipe);
    return s;
}

static struct via_sample ack_at(struct via_sampler *r, via_ns_t now, const struct via_tcp_seg *s, unsigned n) {
    struct via_sample rs;

    via_sample_begin(&rs);
    while (n--)
        via_sample_delivered(r, s++, now, &rs);
    via_sample_end(r, now, VIA_NEVER, &rs);
    return rs;
}

static void one_segment_in_a_round_trip_is_its_rate(void **state) {
    struct via_sampler r = {0};
    struct via_tcp_seg s = send_at(&r, 100 * MS, 0);
    struct via_sample rs = ack_at(&r, 110 * MS, &s, 1);

    (void)state;
    assert_int_equal(rs.delivered, MSS);
    assert_int_equal(rs.interval, 10 * MS);
    assert_int_equal(via_sample_rate(&rs), 100000);
    assert_int_equal(rs.flight, MSS);
    assert_int_equal(rs.lost, 0);
}

/* A segment each ms, acknowledged 10 ms later: one per ms, whichever is looked at. */
static void steady_stream_is_measured_as_it_is(void **state) {
    struct via_sampler r = {0};
    struct via_tcp_seg s[100];
    struct via_sample rs = {0};
    unsigned i;

    (void)state;
    for (i = 0; i < 100; i++) {
        if (i >= 10)
            rs = ack_at(&r, (100 + i) * MS, &s[i - 10], 1);
        s[i] = send_at(&r, (100 + i) * MS, i < 10 ? i * MSS : 9 * MSS);
        if (i >= 30)
            assert_in_range(via_sample_rate(&rs), 999000, 1001000);
    }
}

/* The same, but ACKs come in bunches of ten: the time it took to send bounds the rate. */
static void bunched_acks_are_not_speed(void **state) {
    struct via_sampler r = {0};
    struct via_tcp_seg s[200];
    unsigned i;

    (void)state;
    for (i = 0; i < 200; i++) {
        s[i] = send_at(&r, (100 + i) * MS, i ? 10 * MSS : 0);
        if (i % 10 == 9 && i > 20) {
            struct via_sample rs = ack_at(&r, (100 + i) * MS, &s[i - 19], 10);

            if (i > 60)
                assert_true(via_sample_rate(&rs) <= 1010000);
        }
    }
}

static void loss_since_the_transmission_is_counted(void **state) {
    struct via_sampler r = {0};
    struct via_tcp_seg a = send_at(&r, 100 * MS, 0), b = send_at(&r, 101 * MS, MSS);
    struct via_sample rs;

    (void)state;
    r.lost += MSS; /* `a` */
    rs = ack_at(&r, 120 * MS, &b, 1);
    assert_int_equal(rs.lost, MSS);
    assert_int_equal(rs.flight, 2 * MSS);
    a.sent = 120 * MS;
    via_sample_sent(&r, &a, 0);
    rs = ack_at(&r, 140 * MS, &a, 1);
    assert_int_equal(rs.lost, 0);
}

static void idle_application_marks_samples_until_all_is_delivered(void **state) {
    struct via_sampler r = {0};
    struct via_tcp_seg a = send_at(&r, 100 * MS, 0), b, c;

    (void)state;
    via_sample_idle(&r, MSS);
    b = send_at(&r, 105 * MS, MSS);
    assert_false(ack_at(&r, 110 * MS, &a, 1).limited);
    assert_true(ack_at(&r, 115 * MS, &b, 1).limited);
    c = send_at(&r, 120 * MS, 0);
    assert_false(ack_at(&r, 130 * MS, &c, 1).limited);
}

static void sample_shorter_than_any_round_trip_is_none(void **state) {
    struct via_sampler r = {0};
    struct via_tcp_seg a = send_at(&r, 100 * MS, 0);
    struct via_sample rs;

    (void)state;
    via_sample_begin(&rs);
    via_sample_delivered(&r, &a, 105 * MS, &rs);
    via_sample_end(&r, 105 * MS, 10 * MS, &rs);
    assert_int_equal(via_sample_rate(&rs), 0);
    assert_int_equal(rs.total, MSS);
}

static void segment_that_was_not_measured_gives_no_sample(void **state) {
    struct via_sampler r = {0};
    struct via_tcp_seg s = {.seq = 1, .end = 1001, .sent = 5 * MS};
    struct via_sample rs = ack_at(&r, 100 * MS, &s, 1);

    (void)state;
    assert_int_equal(rs.prior_at, 0);
    assert_int_equal(via_sample_rate(&rs), 0);
    assert_int_equal(rs.total, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_segment_in_a_round_trip_is_its_rate),
        cmocka_unit_test(steady_stream_is_measured_as_it_is),
        cmocka_unit_test(bunched_acks_are_not_speed),
        cmocka_unit_test(loss_since_the_transmission_is_counted),
        cmocka_unit_test(idle_application_marks_samples_until_all_is_delivered),
        cmocka_unit_test(sample_shorter_than_any_round_trip_is_none),
        cmocka_unit_test(segment_that_was_not_measured_gives_no_sample),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
