/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "wire/sum.h"

/* RFC 1071 1, word by word, in host order. */
static uint16_t reference(const uint8_t *at, size_t len) {
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < len; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint16_t folded(uint64_t sum) {
    return ntohs(via_sum_fold(sum));
}

static void example_of_rfc_1071_is_reproduced(void **state) {
    uint8_t b[8];

    (void)state;
    assert_int_equal(rig_hex(b, "00 01 f2 03 f4 f5 f6 f7"), 8);
    assert_int_equal(folded(via_sum_add(0, b, 8)), 0xddf2);
    assert_int_equal(ntohs(via_sum_end(via_sum_add(0, b, 8))), 0x220d);
}

static void every_length_and_alignment_agrees_with_the_reference(void **state) {
    uint8_t b[256 + 8];
    uint64_t seed = 1071;
    size_t len, skew;

    (void)state;
    for (len = 0; len <= 200; len++)
        for (skew = 0; skew < 8; skew++) {
            rig_noise(&seed, b, sizeof b);
            assert_int_equal(folded(via_sum_add(0, b + skew, len)), reference(b + skew, len));
            assert_int_equal(folded(via_sum_long(0, b + skew, len)), reference(b + skew, len));
        }
}

static void long_runs_agree_with_the_reference(void **state) {
    static uint8_t b[65536];
    uint64_t seed = 2;
    size_t len;

    (void)state;
    rig_noise(&seed, b, sizeof b);
    for (len = 1400; len <= 65536; len += 1 + rig_random(&seed) % 3000)
        assert_int_equal(folded(via_sum_add(0, b, len)), reference(b, len));
}

static void bytes_of_all_ones_lose_no_carry(void **state) {
    static uint8_t b[65535];

    (void)state;
    memset(b, 0xff, sizeof b);
    assert_int_equal(folded(via_sum_add(0, b, 65534)), 0xffff);
    assert_int_equal(folded(via_sum_add(0, b, 65535)), reference(b, 65535));
    assert_int_equal(folded(via_sum_add(UINT64_MAX, b, 40)), 0xffff);
    assert_int_equal(folded(via_sum_plus(UINT64_MAX, 1)), folded(1));
}

static void nothing_behind_the_end_is_read(void **state) {
    uint8_t b[200] = {0}, to[200];
    size_t len;

    (void)state;
    for (len = 0; len <= sizeof b; len++) {
        const uint8_t *edge = rig_edge(b, len);

        assert_int_equal(via_sum_fold(via_sum_add(0, edge, len)), 0);
        assert_int_equal(via_sum_fold(via_sum_copy(0, to, edge, len)), 0);
    }
}

static void copy_and_sum_agree_at_every_length_and_alignment(void **state) {
    uint8_t from[300], to[300], want[300];
    uint64_t seed = 3;
    size_t len, skew;

    (void)state;
    for (len = 0; len <= 200; len++)
        for (skew = 0; skew < 16; skew++) {
            rig_noise(&seed, from, sizeof from);
            rig_noise(&seed, to, sizeof to);
            memcpy(want, to, sizeof to);
            memcpy(want + 8 + skew / 2, from + skew, len);
            assert_int_equal(folded(via_sum_copy(0, to + 8 + skew / 2, from + skew, len)), reference(from + skew, len));
            assert_memory_equal(to, want, sizeof to);
        }
}

static void pieces_join_at_odd_offsets(void **state) {
    uint8_t b[150];
    uint64_t seed = 4;
    size_t i, j;

    (void)state;
    rig_noise(&seed, b, sizeof b);
    for (i = 0; i <= sizeof b; i++)
        for (j = i; j <= sizeof b; j += 7) {
            uint64_t sum = via_sum_add(0, b, i);

            sum = via_sum_join(sum, via_sum_add(0, b + i, j - i), i & 1);
            sum = via_sum_join(sum, via_sum_add(0, b + j, sizeof b - j), j & 1);
            assert_int_equal(folded(sum), reference(b, sizeof b));
        }
}

static void a_stored_checksum_verifies_and_one_flipped_bit_does_not(void **state) {
    uint8_t b[96];
    uint64_t seed = 5;
    size_t i;

    (void)state;
    rig_noise(&seed, b, sizeof b);
    via_store16(b + 16, 0);
    via_store16(b + 16, via_sum_end(via_sum_add(0, b, sizeof b)));
    assert_true(via_sum_ok(via_sum_add(0, b, sizeof b)));
    for (i = 0; i < sizeof b * 8; i++) {
        b[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_false(via_sum_ok(via_sum_add(0, b, sizeof b)));
        b[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

static void pseudo_header_of_ipv4_is_that_of_rfc_9293(void **state) {
    struct via_addr src = via_addr_from4(htonl(0xc0a80001)), dst = via_addr_from4(htonl(0xc0a800c7));
    uint8_t b[12];

    (void)state;
    rig_hex(b, "c0a80001 c0a800c7 00 11 05dc");
    assert_int_equal(folded(via_sum_pseudo(&src, &dst, 17, 1500)), reference(b, 12));
}

static void pseudo_header_of_ipv6_is_that_of_rfc_8200(void **state) {
    uint8_t b[40];
    uint64_t seed = 6;
    struct via_addr src, dst;

    (void)state;
    rig_noise(&seed, b, 32);
    rig_hex(b + 32, "0001 f000 000000 3a");
    src = via_addr_from6(b);
    dst = via_addr_from6(b + 16);
    assert_int_equal(folded(via_sum_pseudo(&src, &dst, 58, 0x1f000)), reference(b, 40));
}

static void udp_never_sends_the_checksum_that_means_none(void **state) {
    uint8_t ones[2] = {0xff, 0xff}, other[2] = {0x12, 0x34};

    (void)state;
    assert_int_equal(via_sum_end(via_sum_add(0, ones, 2)), 0);
    assert_int_equal(via_sum_end_udp(via_sum_add(0, ones, 2)), 0xffff);
    assert_int_equal(ntohs(via_sum_end_udp(via_sum_add(0, other, 2))), 0xedcb);
    assert_true(via_sum_ok(via_sum_plus(via_sum_add(0, ones, 2), 0xffff)));
}

/* RFC 1624 4: the old equation gives 0xffff here. */
static void incremental_update_gives_the_example_of_rfc_1624(void **state) {
    (void)state;
    assert_int_equal(via_sum_update16(htons(0xdd2f), htons(0x5555), htons(0x3285)), 0);
}

static void incremental_update_agrees_with_a_new_sum(void **state) {
    uint8_t b[20];
    uint64_t seed = 7;
    int i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        uint32_t old;
        uint16_t sum;

        rig_noise(&seed, b, sizeof b);
        if (i % 3 == 0)
            memset(b, i % 2 ? 0xff : 0, 8);
        b[9] = 1; /* not all zero, as no header is */
        sum = via_sum_end(via_sum_add(0, b, sizeof b));
        old = via_load32(b + 4);
        rig_noise(&seed, b + 4, i % 2 ? 2 : 4);
        sum = i % 2 ? via_sum_update16(sum, (uint16_t)(VIA_LITTLE ? old : old >> 16), via_load16(b + 4))
                    : via_sum_update32(sum, old, via_load32(b + 4));
        assert_int_equal(sum, via_sum_end(via_sum_add(0, b, sizeof b)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_rfc_1071_is_reproduced),
        cmocka_unit_test(every_length_and_alignment_agrees_with_the_reference),
        cmocka_unit_test(long_runs_agree_with_the_reference),
        cmocka_unit_test(bytes_of_all_ones_lose_no_carry),
        cmocka_unit_test(nothing_behind_the_end_is_read),
        cmocka_unit_test(copy_and_sum_agree_at_every_length_and_alignment),
        cmocka_unit_test(pieces_join_at_odd_offsets),
        cmocka_unit_test(a_stored_checksum_verifies_and_one_flipped_bit_does_not),
        cmocka_unit_test(pseudo_header_of_ipv4_is_that_of_rfc_9293),
        cmocka_unit_test(pseudo_header_of_ipv6_is_that_of_rfc_8200),
        cmocka_unit_test(udp_never_sends_the_checksum_that_means_none),
        cmocka_unit_test(incremental_update_gives_the_example_of_rfc_1624),
        cmocka_unit_test(incremental_update_agrees_with_a_new_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
