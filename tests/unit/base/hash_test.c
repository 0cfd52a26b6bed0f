/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hash.h"
#include "base/rand.h"

#include <endian.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct via_key counting_key(void) {
    struct via_key key;
    uint8_t b[16];
    unsigned i;

    for (i = 0; i < 16; i++)
        b[i] = (uint8_t)i;
    memcpy(&key, b, 16);
    key.k[0] = le64toh(key.k[0]);
    key.k[1] = le64toh(key.k[1]);
    return key;
}

/* The vectors of the authors (vectors_sip64): key 00..0f, message 00, 01, 02, ... of each length. */
static void siphash_2_4_gives_the_published_vectors(void **state) {
    static const uint8_t want[][8] = {
        {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
        {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d}, {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85},
        {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf}, {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18},
        {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb}, {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
        {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}, {0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e},
        {0xf3, 0xb9, 0xdd, 0x94, 0xc5, 0xbb, 0x5d, 0x7a}, {0xa7, 0xad, 0x6b, 0x22, 0x46, 0x2f, 0xb3, 0xf4},
        {0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75}, {0x90, 0x3d, 0x84, 0xc0, 0x27, 0x56, 0xea, 0x14},
        {0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7}, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1},
    };
    const struct via_key key = counting_key();
    uint8_t message[32];
    size_t len, i;

    (void)state;
    for (len = 0; len < VIA_COUNT(want); len++) {
        uint64_t hash = 0;

        for (i = 0; i < len; i++)
            message[i] = (uint8_t)i;
        for (i = 8; i-- > 0;)
            hash = hash << 8 | want[len][i];
        assert_true(via_siphash24(&key, message, len) == hash);
    }
    /* The example of appendix A of the paper. */
    assert_true(via_siphash24(&key, message, 15) == 0xa129ca6149be45e5ull);
}

/* Written down once more from the paper, with c and d as parameters. */
static uint64_t reference(unsigned c, unsigned d, const struct via_key *key, const uint8_t *m, size_t len) {
    uint64_t v[4] = {key->k[0] ^ 0x736f6d6570736575ull, key->k[1] ^ 0x646f72616e646f6dull,
                     key->k[0] ^ 0x6c7967656e657261ull, key->k[1] ^ 0x7465646279746573ull};
    size_t block, i;

    for (block = 0; block <= len / 8 + 1; block++) {
        const bool final = block == len / 8 + 1;
        uint64_t w = block == len / 8 ? (uint64_t)len << 56 : 0;
        unsigned rounds = final ? d : c;

        for (i = block * 8; !final && i < len && i < block * 8 + 8; i++)
            w |= (uint64_t)m[i] << 8 * (i & 7);
        if (final)
            v[2] ^= 0xff;
        v[3] ^= final ? 0 : w;
        while (rounds--) {
            v[0] += v[1];
            v[1] = (v[1] << 13 | v[1] >> 51) ^ v[0];
            v[0] = v[0] << 32 | v[0] >> 32;
            v[2] += v[3];
            v[3] = (v[3] << 16 | v[3] >> 48) ^ v[2];
            v[0] += v[3];
            v[3] = (v[3] << 21 | v[3] >> 43) ^ v[0];
            v[2] += v[1];
            v[1] = (v[1] << 17 | v[1] >> 47) ^ v[2];
            v[2] = v[2] << 32 | v[2] >> 32;
        }
        v[0] ^= final ? 0 : w;
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void both_forms_agree_with_the_paper_for_any_message(void **state) {
    struct via_rand r;
    uint8_t bytes[200];
    uint64_t words[25];
    unsigned n, i;

    (void)state;
    assert_int_equal(via_rand_init(&r, 7), 0);
    for (n = 0; n < 3000; n++) {
        const struct via_key key = via_rand_key(&r);
        const size_t len = via_rand_below(&r, sizeof bytes + 1);

        for (i = 0; i < 25; i++) {
            const uint64_t le = htole64(words[i] = via_rand64(&r));

            memcpy(bytes + 8 * i, &le, 8);
        }
        assert_true(via_siphash24(&key, bytes, len) == reference(2, 4, &key, bytes, len));
        assert_true(via_hash_words(&key, words, (unsigned)len / 8) == reference(1, 3, &key, bytes, len / 8 * 8));
    }
}

static void data_need_not_be_aligned(void **state) {
    const struct via_key key = counting_key();
    uint8_t a[64], b[65];

    (void)state;
    memset(a, 0x5c, sizeof a);
    memcpy(b + 1, a, sizeof a);
    assert_true(via_siphash24(&key, a, 61) == via_siphash24(&key, b + 1, 61));
}

static void addresses_of_both_families_hash_apart(void **state) {
    const struct via_key key = counting_key(), other = {{1, 2}};
    const struct via_addr a4 = via_addr_from4(htonl(0xc0000201)), b4 = via_addr_from4(htonl(0xc0000202));
    struct via_addr a6 = via_addr_from6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), b6 = a6;

    (void)state;
    assert_true(via_hash_addr(&key, &a4, 1) == via_hash_addr(&key, &a4, 1));
    assert_true(via_hash_addr(&key, &a4, 1) != via_hash_addr(&key, &a4, 2));
    assert_true(via_hash_addr(&key, &a4, 1) != via_hash_addr(&key, &b4, 1));
    assert_true(via_hash_addr(&key, &a4, 1) != via_hash_addr(&other, &a4, 1));
    b6.b[0] ^= 1; /* in the first word */
    assert_true(via_hash_addr(&key, &a6, 1) != via_hash_addr(&key, &b6, 1));
    b6 = a6;
    b6.b[15] ^= 1; /* in the second */
    assert_true(via_hash_addr(&key, &a6, 1) != via_hash_addr(&key, &b6, 1));
}

/* Flows that differ in one bit of the port fill 4096 slots as chance would. */
static void neighbouring_keys_spread_over_slots(void **state) {
    const struct via_key key = counting_key();
    const struct via_addr a = via_addr_from4(htonl(0x0a000001));
    uint16_t slot[4096] = {0}, most = 0;
    uint32_t port, empty = 0;
    double chi = 0;

    (void)state;
    for (port = 0; port < 65536; port++)
        slot[via_hash_addr(&key, &a, port) & 4095]++;
    for (port = 0; port < 4096; port++) {
        chi += (slot[port] - 16.0) * (slot[port] - 16.0) / 16.0;
        empty += !slot[port];
        most = slot[port] > most ? slot[port] : most;
    }
    /* 4095 degrees of freedom: mean 4095, deviation 90; 16 a slot: none empty, none above 48 (8 deviations). */
    assert_true(chi > 4095 - 6 * 91 && chi < 4095 + 6 * 91);
    assert_int_equal(empty, 0);
    assert_true(most < 48);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_2_4_gives_the_published_vectors),
        cmocka_unit_test(both_forms_agree_with_the_paper_for_any_message),
        cmocka_unit_test(data_need_not_be_aligned),
        cmocka_unit_test(addresses_of_both_families_hash_apart),
        cmocka_unit_test(neighbouring_keys_spread_over_slots),
    };

    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
