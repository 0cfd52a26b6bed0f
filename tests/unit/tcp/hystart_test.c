/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tcp/hystart.h"

struct run {
    struct via_hystart h;
    via_seq_t una, nxt;
    enum via_hystart_verdict verdict;
};

/* A round of `acks` ACKs with this round trip each; the window is 1000. */
static void round_of(struct run *r, unsigned acks, via_ns_t rtt) {
    unsigned i;

    for (i = 1; i <= acks; i++) {
        r->una += 1000 / acks;
        r->nxt = r->una + 1000;
        r->verdict = via_hystart_acked(&r->h, rtt, r->una, r->nxt);
        if (r->verdict == VIA_HYSTART_DONE)
            return;
    }
}

static void begin(struct run *r, via_seq_t isn) {
    *r = (struct run){.una = isn, .nxt = isn + 1000};
    round_of(r, 10, 100 * VIA_MS);
}

static void steady_round_trips_never_slow_it(void **state) {
    struct run r;
    int i;

    (void)state;
    begin(&r, 0xfffff000);
    for (i = 0; i < 50; i++) {
        round_of(&r, 10, 100 * VIA_MS + (unsigned)i % 3 * VIA_MS);
        assert_int_equal(r.verdict, VIA_HYSTART_FAST);
    }
}

/* RFC 9406 4.2: the threshold is an eighth of the last round's least, within 4 and 16 ms. */
static void rise_is_an_eighth_within_bounds(void **state) {
    static const struct {
        via_ns_t base, rise;
    } cases[] = {{100 * VIA_MS, 12500 * VIA_US}, {10 * VIA_MS, 4 * VIA_MS}, {1000 * VIA_MS, 16 * VIA_MS}};
    struct run r;
    unsigned i;

    (void)state;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        r = (struct run){.nxt = 1000};
        round_of(&r, 10, cases[i].base);
        round_of(&r, 10, cases[i].base + cases[i].rise - 1);
        assert_int_equal(r.verdict, VIA_HYSTART_FAST);
        r = (struct run){.nxt = 1000};
        round_of(&r, 10, cases[i].base);
        round_of(&r, 10, cases[i].base);
        round_of(&r, 10, cases[i].base + cases[i].rise);
        assert_int_equal(r.verdict, VIA_HYSTART_SLOW);
    }
}

static void fewer_than_eight_samples_prove_nothing(void **state) {
    struct run r;

    (void)state;
    begin(&r, 0);
    round_of(&r, 5, 300 * VIA_MS);
    assert_int_equal(r.verdict, VIA_HYSTART_FAST);
    begin(&r, 0);
    round_of(&r, 10, 0);
    assert_int_equal(r.verdict, VIA_HYSTART_FAST);
}

static void five_rounds_of_longer_round_trips_end_slow_start(void **state) {
    struct run r;
    int rounds;

    (void)state;
    begin(&r, 0);
    for (rounds = 0; rounds < 20 && r.verdict != VIA_HYSTART_DONE; rounds++)
        round_of(&r, 10, 120 * VIA_MS);
    /* The round that showed the rise ends with the next ACK's round, so it and four more are five. */
    assert_int_equal(r.verdict, VIA_HYSTART_DONE);
    assert_in_range(rounds, 5, 6);
}

static void shorter_round_trips_resume_slow_start(void **state) {
    struct run r;

    (void)state;
    begin(&r, 0);
    round_of(&r, 10, 130 * VIA_MS);
    round_of(&r, 10, 130 * VIA_MS);
    assert_int_equal(r.verdict, VIA_HYSTART_SLOW);
    round_of(&r, 10, 110 * VIA_MS);
    round_of(&r, 10, 110 * VIA_MS);
    assert_int_equal(r.verdict, VIA_HYSTART_FAST);
    round_of(&r, 10, 140 * VIA_MS);
    round_of(&r, 10, 140 * VIA_MS);
    assert_int_equal(r.verdict, VIA_HYSTART_SLOW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_round_trips_never_slow_it),
        cmocka_unit_test(rise_is_an_eighth_within_bounds),
        cmocka_unit_test(fewer_than_eight_samples_prove_nothing),
        cmocka_unit_test(five_rounds_of_longer_round_trips_end_slow_start),
        cmocka_unit_test(shorter_round_trips_resume_slow_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
