/* SPDX-License-Identifier: BSD-2-Clause */
/* ecn_test.c - the counters of accurate ECN by themselves (RFC 9768, appendix A), then between two stacks. */
#include "tcp_duo.h"

#include "tcp/ecn.h"

#include <string.h>

static uint32_t told(struct via_accecn *a, uint32_t ace, uint32_t pkts) {
    struct via_tcp_head h = {.flags = (uint16_t)(VIA_TCP_ACK | via_ace_flags(ace))};

    return via_accecn_acked(a, &h, pkts, 1000);
}

static uint32_t told_by_option(struct via_accecn *a, uint32_t ace, uint32_t pkts, uint32_t marked) {
    struct via_tcp_head h = {.flags = (uint16_t)(VIA_TCP_ACK | via_ace_flags(ace))};

    h.opt.has = VIA_TCP_ACCECN;
    h.opt.accecn_kind = VIA_TCP_ACCECN0;
    h.opt.accecn_count = 3;
    h.opt.accecn[0] = 1 + pkts * 1000 - marked;
    h.opt.accecn[1] = marked;
    h.opt.accecn[2] = 1;
    return via_accecn_acked(a, &h, pkts, 1000);
}

static void ace_is_three_flags(void **state) {
    uint32_t i;

    (void)state;
    for (i = 0; i < 8; i++)
        assert_int_equal(via_ace_of(via_ace_flags(i) | VIA_TCP_ACK | VIA_TCP_PSH), i);
    assert_int_equal(via_ace_flags(4), VIA_TCP_AE);
    assert_int_equal(via_ace_flags(2), VIA_TCP_CWR);
    assert_int_equal(via_ace_flags(1), VIA_TCP_ECE);
}

static void few_segments_cannot_hide_a_wrap(void **state) {
    struct via_accecn a;

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_int_equal(told(&a, 5, 2), 0);
    assert_int_equal(told(&a, 6, 2), 1);
    assert_int_equal(told(&a, 0, 2), 2);
    assert_int_equal(told(&a, 7, 7), 7);
    assert_int_equal(a.s_cep, 15);
}

static void wrap_that_may_be_counts_as_one(void **state) {
    struct via_accecn a;

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_int_equal(told(&a, 5, 8), 8);
    assert_int_equal(told(&a, 6, 8), 1);
    assert_int_equal(told(&a, 6, 20), 16);
    assert_int_equal(told(&a, 7, 20), 17);
}

static void option_settles_what_may_have_wrapped(void **state) {
    struct via_accecn a;

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_int_equal(told_by_option(&a, 5, 20, 0), 0);
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_int_equal(told_by_option(&a, 6, 20, 1000), 1);
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_int_equal(told_by_option(&a, 6, 20, 9000), 9);
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_int_equal(told_by_option(&a, 5, 20, 16000), 16);
}

static void ack_of_nothing_waits_for_the_next(void **state) {
    struct via_accecn a;

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_int_equal(told(&a, 4, 0), 0); /* overtaken: seven marks if it were believed */
    assert_int_equal(told(&a, 6, 1), 1);
}

static void option_that_begins_with_zero_is_not_believed(void **state) {
    struct via_accecn a;
    struct via_tcp_head h = {.flags = (uint16_t)(VIA_TCP_ACK | via_ace_flags(5))};

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    h.opt.has = VIA_TCP_ACCECN;
    h.opt.accecn_kind = VIA_TCP_ACCECN0;
    h.opt.accecn_count = 3;
    memset(h.opt.accecn, 0, sizeof h.opt.accecn);
    assert_int_equal(via_accecn_acked(&a, &h, 20, 1000), 16);
    assert_true(a.no_opts);
}

static void both_orders_are_read(void **state) {
    struct via_accecn a;
    struct via_tcp_head h = {.flags = (uint16_t)(VIA_TCP_ACK | via_ace_flags(6))};

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    h.opt.has = VIA_TCP_ACCECN;
    h.opt.accecn_kind = VIA_TCP_ACCECN1;
    h.opt.accecn_count = 3;
    h.opt.accecn[0] = 10;
    h.opt.accecn[1] = 500;
    h.opt.accecn[2] = 77;
    assert_int_equal(via_accecn_acked(&a, &h, 20, 1000), 1);
    assert_int_equal(a.s_e1b, 10);
    assert_int_equal(a.s_ceb, 500);
    assert_int_equal(a.s_e0b, 77);
    h.opt.accecn_kind = VIA_TCP_ACCECN0;
    h.opt.accecn_count = 1;
    h.opt.accecn[0] = 1077;
    via_accecn_acked(&a, &h, 1, 1000);
    assert_int_equal(a.s_e0b, 1077);
}

static void option_counters_wrap_at_24_bits(void **state) {
    struct via_accecn a;
    struct via_tcp_opts o = {0};

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    a.r_ceb = 0x1000005;
    a.r_e0b = 0x2000001;
    via_accecn_tell(&a, &o, 1);
    assert_int_equal(o.accecn_count, 3);
    assert_int_equal(o.accecn[0], 1);
    assert_int_equal(o.accecn[1], 5);
    assert_int_equal(o.accecn[2], 1);
}

static void first_mark_and_every_second_one_cannot_wait(void **state) {
    struct via_accecn a;

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_false(via_accecn_got(&a, VIA_ECN_ECT0, 1000));
    assert_true(via_accecn_got(&a, VIA_ECN_CE, 1000));
    a.told_cep = a.r_cep;
    assert_false(via_accecn_got(&a, VIA_ECN_CE, 1000));
    assert_true(via_accecn_got(&a, VIA_ECN_CE, 1000));
    assert_false(via_accecn_got(&a, VIA_ECN_CE, 0)); /* no ACK of an ACK */
    assert_int_equal(a.r_cep, 9);
    assert_int_equal(a.r_ceb, 3000);
    assert_int_equal(a.r_e0b, 1001);
}

static void unmarked_bytes_are_told_now_and_then(void **state) {
    struct via_accecn a;
    struct via_tcp_opts o = {0};

    (void)state;
    via_accecn_init(&a, VIA_ECN_NONE);
    assert_false(via_accecn_wants(&a, 100, 10));
    via_accecn_got(&a, VIA_ECN_ECT0, 1000);
    assert_true(via_accecn_wants(&a, 100, 10));
    via_accecn_tell(&a, &o, 100);
    assert_false(via_accecn_wants(&a, 200, 10));
    via_accecn_got(&a, VIA_ECN_ECT0, 1000);
    assert_false(via_accecn_wants(&a, 105, 10));
    assert_true(via_accecn_wants(&a, 110, 10));
    via_accecn_got(&a, VIA_ECN_CE, 1);
    assert_true(via_accecn_wants(&a, 101, 10));
}

static uint32_t options_of(const char *attr) {
    struct duo *r = duo_new(attr);
    uint32_t o[2];
    via_sock_t s[2];

    duo_connect(r, NULL, s);
    assert_true(duo_carry(r, 0, s, 300000, 100 * VIA_SEC));
    assert_true(duo_carry(r, 1, s, 300000, 100 * VIA_SEC));
    o[0] = duo_info(r, 0, s[0]).options & (VIA_TCP_HAS_ECN | VIA_TCP_HAS_ACCECN);
    o[1] = duo_info(r, 1, s[1]).options & (VIA_TCP_HAS_ECN | VIA_TCP_HAS_ACCECN);
    if (o[0] != o[1])
        fail_msg("%s: %u and %u", attr, o[0], o[1]);
    if (duo_info(r, 0, s[0]).ecn_marks)
        fail_msg("%s: %u marks", attr, duo_info(r, 0, s[0]).ecn_marks);
    assert_int_equal(duo_info(r, 1, s[1]).ecn_marks, 0);
    duo_end(r);
    return o[0];
}

static void two_stacks_agree_on_what_both_know(void **state) {
    (void)state;
    assert_int_equal(options_of("tcp_ecn=0"), 0);
    assert_int_equal(options_of("tcp_ecn=1"), 0);
    assert_int_equal(options_of("tcp_ecn=2"), VIA_TCP_HAS_ECN | VIA_TCP_HAS_ACCECN);
    assert_int_equal(options_of("tcp_ecn=2;tcp_fast_path=off"), VIA_TCP_HAS_ECN | VIA_TCP_HAS_ACCECN);
    assert_int_equal(options_of("tcp_ecn=2;tcp_timestamps=off"), VIA_TCP_HAS_ECN | VIA_TCP_HAS_ACCECN);
    assert_int_equal(options_of("tcp_ecn=2;tcp_accecn=off"), VIA_TCP_HAS_ECN);
    assert_int_equal(options_of("tcp_ecn=2;checksum=2"), VIA_TCP_HAS_ECN | VIA_TCP_HAS_ACCECN);
    assert_int_equal(options_of("tcp_ecn=2;tcp_syn_cookies=2"), VIA_TCP_HAS_ECN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ace_is_three_flags),
        cmocka_unit_test(few_segments_cannot_hide_a_wrap),
        cmocka_unit_test(wrap_that_may_be_counts_as_one),
        cmocka_unit_test(option_settles_what_may_have_wrapped),
        cmocka_unit_test(ack_of_nothing_waits_for_the_next),
        cmocka_unit_test(option_that_begins_with_zero_is_not_believed),
        cmocka_unit_test(both_orders_are_read),
        cmocka_unit_test(option_counters_wrap_at_24_bits),
        cmocka_unit_test(first_mark_and_every_second_one_cannot_wait),
        cmocka_unit_test(unmarked_bytes_are_told_now_and_then),
        cmocka_unit_test(two_stacks_agree_on_what_both_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
