/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "tcp/cookie.h"

static const struct via_key key = {{0x0123456789abcdef, 0xfedcba9876543210}}, other = {{1, 2}};
static const struct via_tuple v4 = {.local = {{[10] = 0xff, 0xff, 10, 0, 0, 1}},
                                    .remote = {{[10] = 0xff, 0xff, 10, 0, 0, 2}},
                                    .lport = 80,
                                    .rport = 40000};
static const struct via_tuple v6 = {
    .local = {{0x20, 1, [15] = 1}}, .remote = {{0x20, 1, [15] = 2}}, .lport = 80, .rport = 4};

#define NOW (1000 * VIA_COOKIE_SLOT + 10 * VIA_SEC)

static void cookie_of_either_family_brings_the_mss_back(void **state) {
    static const uint16_t offered[] = {0, 216, 535, 536, 1219, 1300, 1360, 1439, 1440, 1459, 1460, 8939, 8940, 65535};
    const struct via_tuple *flows[] = {&v4, &v6};
    unsigned i, k;

    (void)state;
    for (k = 0; k < 2; k++) {
        for (i = 0; i < VIA_COUNT(offered); i++) {
            via_seq_t c = via_cookie_make(&key, flows[k], 12345, offered[i], NOW);
            uint16_t mss = 0;

            assert_true(via_cookie_check(&key, flows[k], 12345, c, NOW, &mss));
            assert_int_equal(mss, via_cookie_mss(offered[i]));
            assert_true(mss <= offered[i] || mss == 216);
        }
    }
    assert_int_equal(via_cookie_mss(1459), 1440);
}

static void cookie_is_good_for_one_to_two_slots(void **state) {
    via_seq_t c = via_cookie_make(&key, &v4, 1, 1460, NOW);
    uint16_t mss;

    (void)state;
    assert_true(via_cookie_check(&key, &v4, 1, c, NOW + 53 * VIA_SEC, &mss));
    assert_true(via_cookie_check(&key, &v4, 1, c, NOW + 117 * VIA_SEC, &mss));
    assert_false(via_cookie_check(&key, &v4, 1, c, NOW + 118 * VIA_SEC, &mss));
    assert_false(via_cookie_check(&key, &v4, 1, c, NOW - VIA_COOKIE_SLOT, &mss));
    /* The slot is told modulo 32, but the MAC is of all of it. */
    assert_false(via_cookie_check(&key, &v4, 1, c, NOW + 32 * VIA_COOKIE_SLOT, &mss));
}

static void cookie_of_the_first_slot_is_good(void **state) {
    via_seq_t c = via_cookie_make(&key, &v4, 1, 1460, 0);
    uint16_t mss;
    uint32_t i, good = 0;

    (void)state;
    assert_true(via_cookie_check(&key, &v4, 1, c, 0, &mss));
    assert_true(via_cookie_check(&key, &v4, 1, c, VIA_COOKIE_SLOT, &mss));
    for (i = 0; i < 32; i++)
        good += via_cookie_check(&key, &v4, 1, c + (i << 27), 0, &mss);
    assert_int_equal(good, 1);
}

static void cookie_of_another_flow_number_or_key_is_bad(void **state) {
    via_seq_t c = via_cookie_make(&key, &v4, 1, 1460, NOW);
    struct via_tuple t = v4;
    uint16_t mss;

    (void)state;
    assert_false(via_cookie_check(&key, &v4, 2, c, NOW, &mss));
    assert_false(via_cookie_check(&other, &v4, 1, c, NOW, &mss));
    t.rport++;
    assert_false(via_cookie_check(&key, &t, 1, c, NOW, &mss));
    t = v4;
    t.remote.b[15] ^= 1;
    assert_false(via_cookie_check(&key, &t, 1, c, NOW, &mss));
}

static void flipped_bit_makes_a_cookie_bad(void **state) {
    via_seq_t c = via_cookie_make(&key, &v6, 9, 1460, NOW);
    uint16_t mss;
    int i;

    (void)state;
    for (i = 0; i < 32; i++)
        assert_false(via_cookie_check(&key, &v6, 9, c ^ 1u << i, NOW, &mss));
}

/* 16 of 2^32 numbers are good: a million guesses hit with a probability of 1/256. */
static void blind_guesses_fail(void **state) {
    uint64_t seed = 1;
    uint32_t i, hits = 0;
    uint16_t mss;

    (void)state;
    for (i = 0; i < 1000000; i++)
        hits += via_cookie_check(&key, &v4, 1, (via_seq_t)rig_random(&seed), NOW, &mss);
    assert_int_equal(hits, 0);
}

static void options_ride_in_a_timestamp_that_is_not_ahead(void **state) {
    uint64_t seed = 4;
    uint32_t i;

    (void)state;
    for (i = 0; i < 64 * 1000; i++) {
        uint32_t now = i < 1000 ? i : (uint32_t)rig_random(&seed), ts;
        struct via_cookie_opts in = {.wscale = i & 15, .sack_ok = i & 16, .ecn = i & 32}, out;

        ts = via_cookie_ts(now, &in);
        out = via_cookie_opts_of(ts);
        assert_true(now - ts < 128);
        assert_true(out.wscale == in.wscale && out.sack_ok == in.sack_ok && out.ecn == in.ecn);
    }
}

static void fast_open_cookie_is_of_the_client_address(void **state) {
    struct via_fast_open f = {.keyed = false};
    uint8_t cookie[VIA_FAST_OPEN_LEN] = {0};
    struct via_tuple t = v4;
    int i;

    (void)state;
    assert_int_equal(via_fast_open_check(&f, &v4, cookie, 8), VIA_FAST_OPEN_BAD);
    via_fast_open_rotate(&f, &key);
    via_fast_open_make(&f, &v4, cookie);
    assert_int_equal(via_fast_open_check(&f, &v4, cookie, 8), VIA_FAST_OPEN_GOOD);
    t.rport = 7;
    assert_int_equal(via_fast_open_check(&f, &t, cookie, 8), VIA_FAST_OPEN_GOOD);
    t.remote.b[15] ^= 1;
    assert_int_equal(via_fast_open_check(&f, &t, cookie, 8), VIA_FAST_OPEN_BAD);
    assert_int_equal(via_fast_open_check(&f, &v6, cookie, 8), VIA_FAST_OPEN_BAD);
    for (i = 0; i < 64; i++) {
        cookie[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_equal(via_fast_open_check(&f, &v4, cookie, 8), VIA_FAST_OPEN_BAD);
        cookie[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

static void fast_open_cookie_of_another_length_is_bad(void **state) {
    struct via_fast_open f = {.keyed = false};
    uint8_t cookie[16] = {0};
    size_t len;

    (void)state;
    via_fast_open_rotate(&f, &key);
    via_fast_open_make(&f, &v4, cookie);
    for (len = 0; len <= 16; len++)
        assert_int_equal(via_fast_open_check(&f, &v4, rig_edge(cookie, len), len),
                         len == 8 ? VIA_FAST_OPEN_GOOD : VIA_FAST_OPEN_BAD);
}

static void fast_open_cookie_outlives_one_change_of_the_key(void **state) {
    struct via_fast_open f = {.keyed = false};
    struct via_key third = {{3, 4}};
    uint8_t cookie[VIA_FAST_OPEN_LEN];

    (void)state;
    via_fast_open_rotate(&f, &key);
    via_fast_open_make(&f, &v4, cookie);
    via_fast_open_rotate(&f, &other);
    assert_int_equal(via_fast_open_check(&f, &v4, cookie, 8), VIA_FAST_OPEN_STALE);
    via_fast_open_rotate(&f, &third);
    assert_int_equal(via_fast_open_check(&f, &v4, cookie, 8), VIA_FAST_OPEN_BAD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookie_of_either_family_brings_the_mss_back),
        cmocka_unit_test(cookie_is_good_for_one_to_two_slots),
        cmocka_unit_test(cookie_of_the_first_slot_is_good),
        cmocka_unit_test(cookie_of_another_flow_number_or_key_is_bad),
        cmocka_unit_test(flipped_bit_makes_a_cookie_bad),
        cmocka_unit_test(blind_guesses_fail),
        cmocka_unit_test(options_ride_in_a_timestamp_that_is_not_ahead),
        cmocka_unit_test(fast_open_cookie_is_of_the_client_address),
        cmocka_unit_test(fast_open_cookie_of_another_length_is_bad),
        cmocka_unit_test(fast_open_cookie_outlives_one_change_of_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
