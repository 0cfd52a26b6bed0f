/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "tcp/recover.h"

#define MSS 1000u

/* One ACK; sends all that the window allows and returns how many bytes that were. */
static uint32_t clock_out(struct via_prr *p, uint32_t *pipe, uint32_t delivered, bool advanced, bool lost) {
    struct via_prr_ack a = {.delivered = delivered, .mss = MSS, .advanced = advanced, .lost = lost};
    uint32_t window, sent = 0;

    a.pipe = *pipe;
    window = via_prr_acked(p, &a);
    while (*pipe + MSS <= window) {
        *pipe += MSS;
        via_prr_sent(p, MSS);
        sent += MSS;
    }
    return sent;
}

/*
 * Twenty segments, the first lost, ssthresh 10 (RFC 9937 3, the figure for Reno): the ACK that begins it and every
 * second one send one segment, so that 10 are under way when the recovery is over.
 */
static void flight_shrinks_in_proportion(void **state) {
    struct via_prr p;
    uint32_t pipe = 16 * MSS, sent = 0, i;

    (void)state;
    via_prr_begin(&p, 10 * MSS, 18 * MSS);
    sent += clock_out(&p, &pipe, MSS, false, true);
    assert_int_equal(sent, MSS);
    for (i = 0; i < 16; i++) {
        pipe -= MSS;
        sent += clock_out(&p, &pipe, MSS, false, false);
        assert_true(pipe >= 10 * MSS - MSS);
    }
    assert_in_range(pipe, 10 * MSS - MSS, 10 * MSS);
    assert_in_range(sent, 9 * MSS, 10 * MSS);
}

static void first_ack_sends_the_fast_retransmit_always(void **state) {
    struct via_prr p;
    uint32_t pipe = 30 * MSS;

    (void)state;
    via_prr_begin(&p, 2 * MSS, 40 * MSS);
    assert_int_equal(clock_out(&p, &pipe, 0, false, true), MSS);
    assert_int_equal(clock_out(&p, &pipe, 0, false, false), 0);
    via_prr_begin(&p, 10 * MSS, 0);
    assert_int_equal(clock_out(&p, &pipe, 0, false, true), MSS);
}

/* Below ssthresh: as much as arrived while more is lost, one more where the repair advances (RFC 9937 6.2). */
static void conservation_below_ssthresh_and_slow_start_when_it_is_safe(void **state) {
    struct via_prr p;
    uint32_t pipe = 2 * MSS;

    (void)state;
    via_prr_begin(&p, 10 * MSS, 20 * MSS);
    via_prr_sent(&p, MSS);
    assert_int_equal(clock_out(&p, &pipe, MSS, false, true), MSS);
    pipe -= MSS;
    assert_int_equal(clock_out(&p, &pipe, MSS, true, true), MSS);
    pipe -= MSS;
    assert_int_equal(clock_out(&p, &pipe, MSS, true, false), 2 * MSS);
    pipe = 9 * MSS;
    assert_int_equal(clock_out(&p, &pipe, 5 * MSS, true, false), MSS);
}

static void allowance_that_was_not_used_is_kept(void **state) {
    struct via_prr p;
    struct via_prr_ack a = {.delivered = 3 * MSS, .pipe = MSS, .mss = MSS};

    (void)state;
    via_prr_begin(&p, 10 * MSS, 20 * MSS);
    via_prr_sent(&p, MSS);
    via_prr_acked(&p, &a);
    a.delivered = MSS;
    assert_int_equal(via_prr_acked(&p, &a), MSS + 3 * MSS);
}

/* Any recovery: nothing is sent beyond ssthresh when the flight is below it, nor more than arrived when it is above. */
static void any_recovery_keeps_the_bounds(void **state) {
    uint64_t seed = 6;
    int round, i;

    (void)state;
    for (round = 0; round < 2000; round++) {
        uint32_t thresh = (2 + (uint32_t)(rig_random(&seed) % 50)) * MSS,
                 pipe = (uint32_t)(rig_random(&seed) % 100) * MSS;
        struct via_prr p;

        via_prr_begin(&p, thresh, 100 * MSS);
        for (i = 0; i < 100; i++) {
            uint64_t r = rig_random(&seed);
            uint32_t gone = via_min32((uint32_t)(r % 4) * MSS, pipe), was, sent;
            bool first = !p.out;

            was = pipe -= gone;
            sent = clock_out(&p, &pipe, gone, r >> 10 & 1, r >> 11 & 1);
            if (!first && was <= thresh)
                assert_true(pipe <= thresh);
            if (!first && was > thresh)
                assert_true(p.out <= p.delivered + MSS);
            assert_true(!first || sent >= MSS);
        }
    }
}

/* RFC 5682 3.1, step 3b. */
static void original_that_arrives_shows_a_spurious_timeout(void **state) {
    struct via_frto f = {0};
    struct via_frto_ack a = {.ack = 200, .advanced = true, .can_send = true};

    (void)state;
    assert_int_equal(via_frto_acked(&f, &a), VIA_FRTO_NONE);
    via_frto_begin(&f, 1000, false);
    assert_int_equal(via_frto_acked(&f, &a), VIA_FRTO_TRY_NEW);
    a.ack = 300;
    a.original = true;
    assert_int_equal(via_frto_acked(&f, &a), VIA_FRTO_SPURIOUS);
    assert_int_equal(via_frto_acked(&f, &a), VIA_FRTO_NONE);
}

static void doubt_counts_as_a_genuine_timeout(void **state) {
    struct via_frto f;
    struct via_frto_ack all = {.ack = 1000, .advanced = true, .can_send = true, .original = true};
    struct via_frto_ack some = {.ack = 200, .advanced = true, .can_send = true}, dup = {.ack = 200};
    struct via_frto_ack full = {.ack = 200, .advanced = true};

    (void)state;
    via_frto_begin(&f, 1000, false);
    assert_int_equal(via_frto_acked(&f, &all), VIA_FRTO_GENUINE);
    via_frto_begin(&f, 1000, false);
    assert_int_equal(via_frto_acked(&f, &full), VIA_FRTO_GENUINE);
    via_frto_begin(&f, 1000, false);
    assert_int_equal(via_frto_acked(&f, &dup), VIA_FRTO_NONE);
    assert_int_equal(via_frto_acked(&f, &some), VIA_FRTO_TRY_NEW);
    assert_int_equal(via_frto_acked(&f, &dup), VIA_FRTO_GENUINE);
    via_frto_begin(&f, 1000, true);
    assert_int_equal(via_frto_acked(&f, &some), VIA_FRTO_NONE);
    via_frto_begin(&f, 1000, false);
    some.resent_more = true;
    assert_int_equal(via_frto_acked(&f, &some), VIA_FRTO_GENUINE);
}

static void duplicates_for_all_that_was_sent_again_undo(void **state) {
    struct via_undo u;

    (void)state;
    via_undo_begin(&u, 0xffffff00, 500);
    assert_false(via_undo_dsack(&u, 0xffffff00, 0));
    via_undo_resent(&u, 256, 0, false);
    via_undo_resent(&u, 100, 0, false);
    assert_false(via_undo_dsack(&u, 0xfffffe00, 0xffffff00));
    assert_false(via_undo_dsack(&u, 500, 501));
    assert_false(via_undo_dsack(&u, 0xffffff00, 0));
    assert_true(via_undo_dsack(&u, 0, 100));
    via_undo_end(&u);
    assert_false(via_undo_dsack(&u, 0, 100));
}

/* RFC 3522 3.2 step 4: an echo older than the retransmission. */
static void older_echo_on_the_first_ack_undoes(void **state) {
    struct via_undo u;

    (void)state;
    via_undo_begin(&u, 0, 500);
    assert_false(via_undo_echo(&u, 99, true));
    via_undo_resent(&u, 100, 100, true);
    via_undo_resent(&u, 100, 105, true);
    assert_true(via_undo_echo(&u, 99, true));
    assert_false(via_undo_echo(&u, 99, true));
    via_undo_begin(&u, 0, 500);
    via_undo_resent(&u, 100, 100, true);
    assert_false(via_undo_echo(&u, 100, true));
    assert_false(via_undo_echo(&u, 99, true));
    via_undo_begin(&u, 0, 500);
    via_undo_resent(&u, 100, 0, false);
    assert_false(via_undo_echo(&u, 0xffffffff, true));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flight_shrinks_in_proportion),
        cmocka_unit_test(first_ack_sends_the_fast_retransmit_always),
        cmocka_unit_test(conservation_below_ssthresh_and_slow_start_when_it_is_safe),
        cmocka_unit_test(allowance_that_was_not_used_is_kept),
        cmocka_unit_test(any_recovery_keeps_the_bounds),
        cmocka_unit_test(original_that_arrives_shows_a_spurious_timeout),
        cmocka_unit_test(doubt_counts_as_a_genuine_timeout),
        cmocka_unit_test(duplicates_for_all_that_was_sent_again_undo),
        cmocka_unit_test(older_echo_on_the_first_ack_undoes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
