/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "wire/ip.h"

#define SRC6 "20010db8 00000000 00000000 00000001"
#define DST6 "20010db8 00000000 00000000 00000002"

/* A header with a known checksum: UDP from 192.168.0.1 to 192.168.0.199, 115 bytes, don't fragment. */
static const char known4[] = "4500 0073 0000 4000 4011 b861 c0a80001 c0a800c7";

static void seal4(uint8_t *b) {
    via_store16(b + 10, 0);
    via_store16(b + 10, via_sum_end(via_sum_add(0, b, (b[0] & 15u) * 4)));
}

/* An IPv4 packet of 20 bytes of payload with these options, checksummed, in `b`; returns its length. */
static size_t with_options(uint8_t *b, const char *options) {
    size_t n;

    rig_hex(b, known4);
    n = 20 + rig_hex(b + 20, options);
    assert_int_equal(n % 4, 0);
    b[0] = (uint8_t)(0x40 | n / 4);
    memset(b + n, 0, 20);
    via_put16(b + 2, (uint16_t)(n + 20));
    seal4(b);
    return n + 20;
}

/* An IPv6 packet to a unicast host: what `next` names, then `chain`, then 20 bytes of zeros. */
static size_t with_chain(uint8_t *b, uint8_t next, const char *chain) {
    size_t n;

    rig_hex(b, "6000 0000 0000 00 40" SRC6 DST6);
    n = 40 + rig_hex(b + 40, chain);
    memset(b + n, 0, 20);
    b[6] = next;
    via_put16(b + 4, (uint16_t)(n - 40 + 20));
    return n + 20;
}

static int parse6(struct via_ip_head *h, uint8_t next, const char *chain) {
    uint8_t b[4096];
    size_t n = with_chain(b, next, chain);

    return via_ip_parse(h, rig_edge(b, n), n, n, true);
}

static int parse4(struct via_ip_head *h, const char *options) {
    uint8_t b[128];
    size_t n = with_options(b, options);

    return via_ip_parse(h, rig_edge(b, n), n, n, true);
}

static void ipv4_is_read_field_by_field(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[128] = {0};

    (void)state;
    rig_hex(b, known4);
    assert_int_equal(via_ip4_parse(&h, b, 115, 115, true), 20);
    assert_int_equal(h.version, 4);
    assert_int_equal(h.hlen, 20);
    assert_int_equal(h.payload, 95);
    assert_int_equal(via_ip_total(&h), 115);
    assert_int_equal(h.proto, IPPROTO_UDP);
    assert_int_equal(b[h.next_at], IPPROTO_UDP);
    assert_int_equal(h.ttl, 64);
    assert_int_equal(h.tos, 0);
    assert_int_equal(h.flags, VIA_IP_DF);
    assert_int_equal(h.frag_off, 0);
    assert_int_equal(h.fault, 0);
    assert_int_equal(ntohl(via_addr_to4(&h.src)), 0xc0a80001);
    assert_int_equal(ntohl(via_addr_to4(&h.dst)), 0xc0a800c7);
    assert_true(via_addr_is4(&h.src) && via_addr_is4(&h.dst));
}

static void padding_of_the_link_is_no_payload(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[1500] = {0};

    (void)state;
    rig_hex(b, known4);
    assert_int_equal(via_ip4_parse(&h, b, sizeof b, sizeof b, true), 20);
    assert_int_equal(h.payload, 95);
}

static void ipv4_cut_anywhere_is_refused(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[128];
    size_t i;

    (void)state;
    rig_hex(b, known4);
    for (i = 0; i < 115; i++)
        assert_int_equal(via_ip4_parse(&h, rig_edge(b, i), i, i, false), -VIA_DROP_IP_SHORT);
}

static void header_may_lie_in_the_first_of_several_frames(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[44];

    (void)state;
    rig_hex(b, known4);
    via_put16(b + 2, 9000);
    seal4(b);
    assert_int_equal(via_ip4_parse(&h, rig_edge(b, 20), 20, 9000, true), 20);
    assert_int_equal(h.payload, 8980);
    assert_int_equal(via_ip4_parse(&h, b, 20, 8999, true), -VIA_DROP_IP_SHORT);
    b[0] = 0x46;
    assert_int_equal(via_ip4_parse(&h, rig_edge(b, 20), 20, 9000, false), -VIA_DROP_IP_SHORT);
}

static void wrong_version_is_refused(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[128] = {0};
    int v;

    (void)state;
    for (v = 0; v < 16; v++) {
        b[0] = (uint8_t)(v << 4 | 5);
        b[3] = 20;
        b[6] = v == 6 ? IPPROTO_NONE : 0;
        assert_int_equal(via_ip4_parse(&h, b, 128, 128, false), v == 4 ? 20 : -VIA_DROP_IP_VERSION);
        assert_int_equal(via_ip6_parse(&h, b, 128, 128), v == 6 ? 40 : -VIA_DROP_IP_VERSION);
        assert_int_equal(via_ip_parse(&h, b, 128, 128, false), v == 4 ? 20 : v == 6 ? 40 : -VIA_DROP_IP_VERSION);
    }
}

static void header_length_below_five_words_or_beyond_the_total_is_refused(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[128] = {0};
    uint8_t words;

    (void)state;
    for (words = 0; words < 16; words++) {
        rig_hex(b, known4);
        b[0] = 0x40 | words;
        b[3] = 24;
        memset(b + 20, 0, 40);
        assert_int_equal(via_ip4_parse(&h, b, 60, 60, false), words == 5 ? 20 : words == 6 ? 24 : -VIA_DROP_IP_HEADER);
    }
}

static void total_length_below_the_header_is_refused(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[128];
    uint16_t total;

    (void)state;
    rig_hex(b, known4);
    for (total = 0; total < 20; total++) {
        via_put16(b + 2, total);
        assert_int_equal(via_ip4_parse(&h, b, 64, 64, false), -VIA_DROP_IP_HEADER);
    }
}

static void wrong_header_checksum_is_refused_only_if_asked_for(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[128];
    size_t bit;

    (void)state;
    for (bit = 64; bit < 160; bit++) {
        rig_hex(b, known4);
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(via_ip4_parse(&h, b, 128, 128, true), -VIA_DROP_IP_CHECKSUM);
        assert_int_equal(via_ip4_parse(&h, b, 128, 128, false), 20);
    }
}

static void fragment_bits_are_told_apart(void **state) {
    static const struct {
        uint16_t word, off;
        uint8_t flags;
    } cases[] = {
        {0x0000, 0, 0},
        {0x4000, 0, VIA_IP_DF},
        {0x8000, 0, 0},
        {0x2000, 0, VIA_IP_MORE | VIA_IP_FRAGMENT},
        {0x0001, 8, VIA_IP_FRAGMENT},
        {0x3fff, 65528, VIA_IP_MORE | VIA_IP_FRAGMENT},
        {0x60b9, 1480, VIA_IP_DF | VIA_IP_MORE | VIA_IP_FRAGMENT},
    };
    struct via_ip_head h = {0};
    uint8_t b[128];
    size_t i;

    (void)state;
    rig_hex(b, known4);
    for (i = 0; i < VIA_COUNT(cases); i++) {
        via_put16(b + 6, cases[i].word);
        assert_int_equal(via_ip4_parse(&h, b, 128, 128, false), 20);
        assert_int_equal(h.flags, cases[i].flags);
        assert_int_equal(h.frag_off, cases[i].off);
    }
}

static void harmless_options_are_stepped_over(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse4(&h, "01010100"), 24);
    assert_int_equal(h.flags, VIA_IP_DF | VIA_IP_OPTIONS);
    assert_int_equal(h.payload, 20);
    assert_int_equal(parse4(&h, "1e02 1e02"), 24);
    assert_int_equal(parse4(&h, "94040000"), 24);
    assert_int_equal(h.flags, VIA_IP_DF | VIA_IP_OPTIONS | VIA_IP_ALERT);
    /* record route of 7, timestamp of 4, then the end and what nobody reads behind it */
    assert_int_equal(parse4(&h, "07070400000000 44040500 00 83ff0000"), 36);
    assert_int_equal(parse4(&h, "0728"
                                "00000000000000000000000000000000000000"
                                "00000000000000000000000000000000000000"),
                     60);
}

static void source_routes_are_refused_wherever_they_stand(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse4(&h, "83070400000000 00"), -VIA_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(parse4(&h, "89070400000000 00"), -VIA_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(parse4(&h, "01 83030400000000"), -VIA_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(parse4(&h, "94040000 83070400000000 83070400000000 0000"), -VIA_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(h.fault, 0);
}

static void option_lengths_0_1_and_beyond_the_header_are_refused(void **state) {
    static const char *const wrong[] = {"44000000", "44010000", "44050000", "44ff0000",
                                        "01010144", "83000000", "89ff0000", "94040000 01010194"};
    struct via_ip_head h = {0};
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(wrong); i++) {
        assert_int_equal(parse4(&h, wrong[i]), -VIA_DROP_IP_OPTION);
        assert_int_equal(h.fault, 1);
        assert_true(h.fault_at >= 20 && h.fault_at < 28);
    }
}

static void options_of_noise_stay_within_the_header(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[60];
    uint64_t seed = 12256;
    int i, good = 0;

    (void)state;
    for (i = 0; i < 20000; i++) {
        size_t n = 24 + rig_random(&seed) % 10 * 4;
        int got;

        rig_hex(b, known4);
        rig_noise(&seed, b + 20, sizeof b - 20);
        if (i % 2)
            b[20] = 1;
        b[0] = (uint8_t)(0x40 | n / 4);
        via_put16(b + 2, (uint16_t)n);
        got = via_ip4_parse(&h, rig_edge(b, n), n, n, false);
        good += got == (int)n;
        assert_true(got == (int)n || got == -VIA_DROP_IP_OPTION || got == -VIA_DROP_IP_SOURCE_ROUTE);
    }
    assert_true(good > 100 && good < 19900);
}

static void ipv6_is_read_field_by_field(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[64] = {0};

    (void)state;
    rig_hex(b, "6b8abcde 0014 06 3f" SRC6 DST6);
    assert_int_equal(via_ip6_parse(&h, b, 64, 64), 40);
    assert_int_equal(h.version, 6);
    assert_int_equal(h.hlen, 40);
    assert_int_equal(h.payload, 20);
    assert_int_equal(h.proto, IPPROTO_TCP);
    assert_int_equal(h.next_at, 6);
    assert_int_equal(h.ttl, 63);
    assert_int_equal(h.tos, 0xb8);
    assert_int_equal(h.flow, 0xabcde);
    assert_int_equal(h.flags, 0);
    assert_int_equal(h.src.b[15], 1);
    assert_int_equal(h.dst.b[15], 2);
}

static void ipv6_cut_anywhere_is_refused(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[128];
    size_t n = with_chain(b, 0, "3c00 0104 00000000  1100 0104 00000000"), i;

    (void)state;
    assert_int_equal(via_ip6_parse(&h, b, n, n), 56);
    for (i = 0; i < n; i++)
        assert_int_equal(via_ip6_parse(&h, rig_edge(b, i), i, i), -VIA_DROP_IP_SHORT);
    for (i = 40; i < 56; i++) /* the rest in other frames: the chain must be in the first */
        assert_int_equal(via_ip6_parse(&h, rig_edge(b, i), i, n), -VIA_DROP_IP6_CHAIN);
}

static void chain_of_known_headers_is_walked(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    /* hop-by-hop with router alert, destination options, routing without segments left, destination options */
    assert_int_equal(parse6(&h, 0, "3c00 0502 0000 0100  2b00 0104 00000000  3c00 0200 00000000  1100 0104 00000000"),
                     72);
    assert_int_equal(h.proto, IPPROTO_UDP);
    assert_int_equal(h.payload, 20);
    assert_int_equal(h.next_at, 64);
    assert_int_equal(h.flags, VIA_IP_OPTIONS | VIA_IP_ALERT);
    assert_int_equal(parse6(&h, 0, "1100 1e02 0000 0100"), 48);
    assert_int_equal(h.flags, VIA_IP_OPTIONS);
    assert_int_equal(parse6(&h, 60, "1100 0502 0000 0100"), 48); /* means nothing there */
    assert_int_equal(h.flags, VIA_IP_OPTIONS);
    assert_int_equal(parse6(&h, 60, "0601 0000 000000000000 0000 0000 0000 0000"), 56);
    assert_int_equal(h.proto, IPPROTO_TCP);
}

static void chain_that_runs_beyond_the_payload_is_refused(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[4096] = {0};
    unsigned units, payload;

    (void)state;
    for (units = 0; units < 256; units++)
        for (payload = 0; payload < 64; payload++) {
            with_chain(b, 60, "1100 0104 00000000");
            memset(b + 48, 0, 2100);
            b[41] = (uint8_t)units;
            via_put16(b + 4, (uint16_t)payload);
            assert_int_equal(via_ip6_parse(&h, b, sizeof b, sizeof b),
                             units * 8 + 8 <= payload ? (int)(48 + units * 8) : -VIA_DROP_IP6_CHAIN);
        }
}

static void no_more_than_eight_headers_are_followed(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[2048];
    unsigned count, i;

    (void)state;
    for (count = 0; count <= 100; count++) {
        with_chain(b, count ? 60 : 17, "");
        for (i = 0; i < count; i++)
            rig_hex(b + 40 + i * 8, i + 1 < count ? "3c00 0104 00000000" : "1100 0104 00000000");
        via_put16(b + 4, (uint16_t)(count * 8));
        assert_int_equal(via_ip6_parse(&h, b, sizeof b, sizeof b),
                         count <= 8 ? (int)(40 + count * 8) : -VIA_DROP_IP6_CHAIN);
    }
}

static void hop_by_hop_options_stand_first_or_not_at_all(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse6(&h, 60, "0000 0104 00000000 1100 0104 00000000"), -VIA_DROP_IP6_CHAIN);
    assert_int_equal(h.fault, 2);     /* parameter problem 1: next header not recognized */
    assert_int_equal(h.fault_at, 40); /* the octet that named it */
    assert_int_equal(parse6(&h, 0, "0000 0104 00000000 1100 0104 00000000"), -VIA_DROP_IP6_CHAIN);
}

static void unknown_options_do_what_their_two_bits_say(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse6(&h, 60, "1100 0100 1e02 0000"), 48);
    assert_int_equal(parse6(&h, 60, "1100 0100 5e02 0000"), -VIA_DROP_IP6_OPTION);
    assert_int_equal(h.fault, 0);
    assert_int_equal(parse6(&h, 60, "1100 0100 9e02 0000"), -VIA_DROP_IP6_OPTION);
    assert_int_equal(h.fault, 3);
    assert_int_equal(h.fault_at, 44);
    assert_true(h.flags & VIA_IP_FAULT_GROUP);
    assert_int_equal(parse6(&h, 0, "1100 de04 00000000"), -VIA_DROP_IP6_OPTION);
    assert_int_equal(h.fault, 3);
    assert_int_equal(h.fault_at, 42);
    assert_false(h.flags & VIA_IP_FAULT_GROUP);
}

static void options_that_run_beyond_their_header_are_refused(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse6(&h, 60, "1100 0105 00000000"), -VIA_DROP_IP6_CHAIN);
    assert_int_equal(parse6(&h, 60, "1100 01ff 00000000"), -VIA_DROP_IP6_CHAIN);
    assert_int_equal(parse6(&h, 60, "1100 0000 0000 0001"), -VIA_DROP_IP6_CHAIN);
    assert_int_equal(h.fault, 1);
    assert_int_equal(h.fault_at, 47);
    assert_int_equal(parse6(&h, 60, "1100 0000 00000000"), 48);
}

static void routing_header_with_segments_left_is_refused(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse6(&h, 43, "1102 0001 00000000 " SRC6), -VIA_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(h.fault, 1);
    assert_int_equal(h.fault_at, 42);
    assert_int_equal(parse6(&h, 43, "1102 0401 00000000 " SRC6), -VIA_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(parse6(&h, 43, "1102 0000 00000000 " SRC6), 64);
}

static void jumbo_payload_is_refused(void **state) {
    struct via_ip_head h = {0};
    uint8_t b[128];
    size_t n = with_chain(b, 0, "1100 c204 00011170");

    (void)state;
    assert_int_equal(via_ip6_parse(&h, b, n, 70064), -VIA_DROP_IP6_OPTION);
    via_put16(b + 4, 0);
    assert_int_equal(via_ip6_parse(&h, b, n, 70064), -VIA_DROP_IP6_CHAIN);
}

static void fragment_header_ends_the_walk(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse6(&h, 44, "1100 05c9 89abcdef"), 48);
    assert_int_equal(h.flags, VIA_IP_OPTIONS | VIA_IP_FRAG_SEEN | VIA_IP_FRAGMENT | VIA_IP_MORE);
    assert_int_equal(h.frag_off, 0x5c8);
    assert_int_equal(h.frag_id, 0x89abcdef);
    assert_int_equal(h.proto, IPPROTO_UDP);
    assert_int_equal(h.payload, 20);
    /* what follows belongs to the datagram, not to this packet */
    assert_int_equal(parse6(&h, 44, "3c00 0001 00000001 1100 01ff 00000000"), 48);
    assert_int_equal(h.proto, IPPROTO_DSTOPTS);
}

static void atomic_fragment_is_a_whole_packet(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse6(&h, 44, "3c00 0000 89abcdef 1100 0104 00000000"), 56);
    assert_int_equal(h.flags, VIA_IP_OPTIONS | VIA_IP_FRAG_SEEN);
    assert_int_equal(h.proto, IPPROTO_UDP);
}

static void second_fragment_header_is_refused(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(parse6(&h, 44, "2c00 0000 00000001 1100 0001 00000002"), -VIA_DROP_IP6_CHAIN);
}

static void walk_of_a_reassembled_datagram_goes_on_where_it_stopped(void **state) {
    struct via_ip_head h = {0};
    uint8_t whole[28] = {0};

    (void)state;
    assert_int_equal(parse6(&h, 44, "3c00 0001 00000001"), 48);
    rig_hex(whole, "1100 0104 00000000");
    h.hlen = 0;
    h.payload = sizeof whole;
    assert_int_equal(via_ip6_chain(&h, rig_edge(whole, sizeof whole), sizeof whole), 8);
    assert_int_equal(h.proto, IPPROTO_UDP);
    assert_int_equal(h.payload, 20);
    h.proto = IPPROTO_FRAGMENT;
    h.hlen = 0;
    assert_int_equal(via_ip6_chain(&h, whole, sizeof whole), -VIA_DROP_IP6_CHAIN);
    h.proto = IPPROTO_HOPOPTS;
    assert_int_equal(via_ip6_chain(&h, whole, sizeof whole), -VIA_DROP_IP6_CHAIN);
}

static void chain_of_noise_stays_within_the_packet(void **state) {
    static const uint8_t kinds[] = {0, 43, 44, 60, 60, 60, 17};
    struct via_ip_head h = {0};
    uint8_t b[400];
    uint64_t seed = 24086;
    int i, good = 0;

    (void)state;
    for (i = 0; i < 50000; i++) {
        size_t n = 40 + rig_random(&seed) % 360, k;
        int got;

        with_chain(b, kinds[rig_random(&seed) % sizeof kinds], "");
        rig_noise(&seed, b + 40, sizeof b - 40);
        for (k = 40; k < sizeof b; k += 8) {
            b[k] = kinds[rig_random(&seed) % sizeof kinds];
            b[k + 1] &= 1;
            b[k + 3] = k % 16 ? 0 : b[k + 3];
            memcpy(b + k + 2, (const uint8_t[]){1, 4, 0, 0, 0, 0}, rig_random(&seed) % 7);
        }
        via_put16(b + 4, (uint16_t)(n - 40));
        got = via_ip6_parse(&h, rig_edge(b, n), n, n);
        good += got >= 40;
        assert_true(got < 0 || (got == h.hlen && via_ip_total(&h) == n));
    }
    assert_true(good > 1000 && good < 49000);
}

static int check_frag(uint16_t word, uint8_t proto, uint16_t payload) {
    struct via_ip_head h = {0};
    static uint8_t b[65536];
    size_t n = 20u + payload;

    rig_hex(b, known4);
    b[9] = proto;
    via_put16(b + 2, (uint16_t)n);
    via_put16(b + 6, word);
    assert_int_equal(via_ip4_parse(&h, b, n, n, false), 20);
    return via_ip_frag_check(&h, b, n);
}

static void ipv4_fragments_of_impossible_form_are_refused(void **state) {
    (void)state;
    assert_int_equal(check_frag(0x2000, 17, 1480), 0);
    assert_int_equal(check_frag(0x00b9, 17, 1), 0);
    assert_int_equal(check_frag(0x00b9, 17, 0), -VIA_DROP_FRAG_BAD);
    assert_int_equal(check_frag(0x2000, 17, 1479), -VIA_DROP_FRAG_BAD);
    assert_int_equal(check_frag(0x20b9, 17, 4), -VIA_DROP_FRAG_BAD);
}

static void datagram_beyond_65535_bytes_is_refused(void **state) {
    (void)state;
    assert_int_equal(check_frag(0x1ffc, 17, 65515 - 0x1ffc * 8u), 0);
    assert_int_equal(check_frag(0x1fff, 17, 8), -VIA_DROP_FRAG_TOO_LONG);
    assert_int_equal(check_frag(0x1f40, 17, 1516), -VIA_DROP_FRAG_TOO_LONG);
    assert_int_equal(check_frag(0x1f40, 17, 1515), 0);
    assert_int_equal(check_frag(0x3ffd, 1, 40), -VIA_DROP_FRAG_TOO_LONG);
}

static void first_fragment_must_hold_the_transport_header(void **state) {
    (void)state;
    assert_int_equal(check_frag(0x2000, 6, 16), -VIA_DROP_FRAG_TINY);
    assert_int_equal(check_frag(0x2000, 6, 24), 0);
    assert_int_equal(check_frag(0x2000, 17, 8), 0);
    assert_int_equal(check_frag(0x0001, 6, 100), -VIA_DROP_FRAG_TINY);
    assert_int_equal(check_frag(0x0002, 6, 100), -VIA_DROP_FRAG_TINY);
    assert_int_equal(check_frag(0x0003, 6, 100), 0);
    assert_int_equal(check_frag(0x0001, 17, 100), 0);
}

static int check_frag6(struct via_ip_head *h, const char *chain, unsigned behind) {
    uint8_t b[256];
    size_t n = with_chain(b, 44, chain) - 20 + behind;

    via_put16(b + 4, (uint16_t)(n - 40));
    assert_int_equal(via_ip6_parse(h, b, n, n), 48);
    return via_ip_frag_check(h, rig_edge(b, n), n);
}

static void ipv6_first_fragment_must_hold_the_whole_chain(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(check_frag6(&h, "1100 0001 00000001", 8), 0);
    assert_int_equal(check_frag6(&h, "0600 0001 00000001", 16), -VIA_DROP_FRAG_TINY);
    assert_int_equal(h.fault, 4); /* RFC 7112: parameter problem 3 */
    assert_int_equal(h.fault_at, 0);
    assert_int_equal(check_frag6(&h, "3c00 0001 00000001 1100 0104 00000000", 8), 0);
    assert_int_equal(h.proto, IPPROTO_DSTOPTS);
    assert_int_equal(h.hlen, 48);
    assert_int_equal(check_frag6(&h, "3c00 0001 00000001 1101 0104 00000000", 0), -VIA_DROP_FRAG_TINY);
    assert_int_equal(check_frag6(&h, "3c00 0001 00000001 1100 0104 00000000", 0), -VIA_DROP_FRAG_TINY);
    assert_int_equal(check_frag6(&h, "3c00 0001 00000001 1100 9e04 00000000", 8), -VIA_DROP_IP6_OPTION);
    assert_int_equal(h.fault, 3);
    assert_int_equal(h.fault_at, 50);
}

static void fragment_header_inside_a_fragment_is_refused(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(check_frag6(&h, "2c00 0001 00000001 1100 0001 00000002", 16), -VIA_DROP_IP6_CHAIN);
}

static void ipv6_fragments_of_impossible_form_get_an_answer(void **state) {
    struct via_ip_head h = {0};

    (void)state;
    assert_int_equal(check_frag6(&h, "1100 0001 00000001", 9), -VIA_DROP_FRAG_BAD);
    assert_int_equal(h.fault, 1);
    assert_int_equal(h.fault_at, 4);
    assert_int_equal(check_frag6(&h, "1100 fff8 00000001", 20), -VIA_DROP_FRAG_TOO_LONG);
    assert_int_equal(h.fault, 1);
    assert_int_equal(h.fault_at, 42);
    assert_int_equal(check_frag6(&h, "1100 fff0 00000001", 15), 0);
    assert_int_equal(check_frag6(&h, "1100 fff0 00000001", 16), -VIA_DROP_FRAG_TOO_LONG);
}

static void emitted_ipv4_header_is_the_known_one(void **state) {
    struct via_ip_head h = {.version = 4, .payload = 95, .proto = 17, .ttl = 64, .flags = VIA_IP_DF};
    uint8_t b[64], want[64];

    (void)state;
    rig_hex(want, known4);
    h.src = via_get_addr4(want + 12);
    h.dst = via_get_addr4(want + 16);
    assert_int_equal(via_ip_emit(b, &h), 20);
    assert_memory_equal(b, want, 20);
}

static void emitted_ipv6_headers_are_those_of_the_rfcs(void **state) {
    struct via_ip_head h = {.version = 6, .payload = 8, .proto = 17, .ttl = 1, .tos = 0xb8, .flow = 0xabcde};
    uint8_t b[64], want[64];

    (void)state;
    rig_hex(want, SRC6 DST6);
    memcpy(&h.src, want, 32);
    memset(b, 0x5a, sizeof b);
    rig_hex(want, "6b8abcde 0008 1101" SRC6 DST6 "5a");
    assert_int_equal(via_ip_emit(b, &h), 40);
    assert_memory_equal(b, want, 41);
    h.flags = VIA_IP_ALERT;
    rig_hex(want, "6b8abcde 0010 0001" SRC6 DST6 "1100 0502 0000 0100 5a");
    assert_int_equal(via_ip_emit(b, &h), 48);
    assert_memory_equal(b, want, 49);
    h.flags = VIA_IP_FRAGMENT | VIA_IP_MORE;
    h.frag_off = 1448;
    h.frag_id = 0x89abcdef;
    memset(b, 0x5a, sizeof b);
    rig_hex(want, "6b8abcde 0010 2c01" SRC6 DST6 "1100 05a9 89abcdef 5a");
    assert_int_equal(via_ip_emit(b, &h), 48);
    assert_memory_equal(b, want, 49);
    h.flags |= VIA_IP_ALERT;
    rig_hex(want, "6b8abcde 0018 0001" SRC6 DST6 "2c00 0502 0000 0100 1100 05a9 89abcdef 5a");
    assert_int_equal(via_ip_emit(b, &h), 56);
    assert_memory_equal(b, want, 57);
}

static void emitted_router_alert_is_that_of_rfc_2113(void **state) {
    struct via_ip_head h = {.version = 4, .payload = 8, .proto = 2, .ttl = 1, .tos = 0xc0, .flags = VIA_IP_ALERT};
    uint8_t b[32], want[32];

    (void)state;
    memset(b, 0x5a, sizeof b);
    rig_hex(want, "46c0 0020 0000 0000 0102 0000 00000000 00000000 94040000 5a");
    assert_int_equal(via_ip_emit(b, &h), 24);
    assert_true(via_sum_ok(via_sum_add(0, b, 24)));
    memset(b + 10, 0, 2);
    assert_memory_equal(b, want, 25);
}

static void template_takes_another_total_length(void **state) {
    struct via_ip_head h = {.version = 4, .proto = 17, .ttl = 64, .flags = VIA_IP_DF}, out;
    uint8_t b[20];
    uint32_t total;

    (void)state;
    via_ip_emit(b, &h);
    for (total = 20; total < 65536; total++) {
        via_ip4_set_total(b, (uint16_t)total);
        assert_int_equal(via_ip4_parse(&out, b, 20, 65535, true), 20);
        assert_int_equal(out.payload, total - 20);
    }
}

/* What parse leaves of what emit was told, or derives. */
static void expect_round_trip(struct via_ip_head *in) {
    struct via_ip_head out;
    uint8_t b[VIA_IP_EMIT_MAX];
    int n = via_ip_emit(b, in);

    assert_int_equal(n, via_ip_emit_len(in));
    assert_true(n <= VIA_IP_EMIT_MAX);
    in->hlen = (uint16_t)n;
    memset(&out, 0, sizeof out);
    assert_int_equal(via_ip_parse(&out, b, (size_t)n, (size_t)n + in->payload, true), n);
    in->next_at = out.next_at;
    assert_int_equal(b[out.next_at], in->proto);
    assert_memory_equal(in, &out, sizeof out);
}

static void random_head(struct via_ip_head *h, uint64_t *seed, uint8_t version) {
    memset(h, 0, sizeof *h);
    h->version = version;
    rig_noise(seed, h->src.b, 16);
    rig_noise(seed, h->dst.b, 16);
    h->payload = (uint16_t)(rig_random(seed) % 60000);
    h->proto = 17;
    h->ttl = (uint8_t)rig_random(seed);
    h->tos = (uint8_t)rig_random(seed);
    if (rig_random(seed) & 1) {
        h->flags = rig_random(seed) & 1 ? VIA_IP_FRAGMENT : VIA_IP_FRAGMENT | VIA_IP_MORE;
        h->frag_off = (uint16_t)(8 + rig_random(seed) % 8000 * 8);
        h->frag_id = (uint32_t)rig_random(seed);
    }
    if (rig_random(seed) & 1)
        h->flags |= VIA_IP_ALERT | VIA_IP_OPTIONS;
}

static void emitted_ipv4_headers_read_back(void **state) {
    struct via_ip_head h = {0};
    uint64_t seed = 791;
    int i;

    (void)state;
    for (i = 0; i < 5000; i++) {
        random_head(&h, &seed, 4);
        h.src = via_get_addr4(h.src.b);
        h.dst = via_get_addr4(h.dst.b);
        h.frag_id = (uint16_t)(h.frag_id + (uint32_t)i);
        h.flags |= i & 1 ? VIA_IP_DF : 0;
        expect_round_trip(&h);
    }
}

static void emitted_ipv6_headers_read_back(void **state) {
    struct via_ip_head h = {0};
    uint64_t seed = 8200;
    int i;

    (void)state;
    for (i = 0; i < 5000; i++) {
        random_head(&h, &seed, 6);
        h.flow = (uint32_t)rig_random(&seed) & 0xfffff;
        if (h.flags & VIA_IP_FRAGMENT)
            h.flags |= VIA_IP_FRAG_SEEN | VIA_IP_OPTIONS;
        expect_round_trip(&h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_read_field_by_field),
        cmocka_unit_test(padding_of_the_link_is_no_payload),
        cmocka_unit_test(ipv4_cut_anywhere_is_refused),
        cmocka_unit_test(header_may_lie_in_the_first_of_several_frames),
        cmocka_unit_test(wrong_version_is_refused),
        cmocka_unit_test(header_length_below_five_words_or_beyond_the_total_is_refused),
        cmocka_unit_test(total_length_below_the_header_is_refused),
        cmocka_unit_test(wrong_header_checksum_is_refused_only_if_asked_for),
        cmocka_unit_test(fragment_bits_are_told_apart),
        cmocka_unit_test(harmless_options_are_stepped_over),
        cmocka_unit_test(source_routes_are_refused_wherever_they_stand),
        cmocka_unit_test(option_lengths_0_1_and_beyond_the_header_are_refused),
        cmocka_unit_test(options_of_noise_stay_within_the_header),
        cmocka_unit_test(ipv6_is_read_field_by_field),
        cmocka_unit_test(ipv6_cut_anywhere_is_refused),
        cmocka_unit_test(chain_of_known_headers_is_walked),
        cmocka_unit_test(chain_that_runs_beyond_the_payload_is_refused),
        cmocka_unit_test(no_more_than_eight_headers_are_followed),
        cmocka_unit_test(hop_by_hop_options_stand_first_or_not_at_all),
        cmocka_unit_test(unknown_options_do_what_their_two_bits_say),
        cmocka_unit_test(options_that_run_beyond_their_header_are_refused),
        cmocka_unit_test(routing_header_with_segments_left_is_refused),
        cmocka_unit_test(jumbo_payload_is_refused),
        cmocka_unit_test(fragment_header_ends_the_walk),
        cmocka_unit_test(atomic_fragment_is_a_whole_packet),
        cmocka_unit_test(second_fragment_header_is_refused),
        cmocka_unit_test(walk_of_a_reassembled_datagram_goes_on_where_it_stopped),
        cmocka_unit_test(chain_of_noise_stays_within_the_packet),
        cmocka_unit_test(ipv4_fragments_of_impossible_form_are_refused),
        cmocka_unit_test(datagram_beyond_65535_bytes_is_refused),
        cmocka_unit_test(first_fragment_must_hold_the_transport_header),
        cmocka_unit_test(ipv6_first_fragment_must_hold_the_whole_chain),
        cmocka_unit_test(fragment_header_inside_a_fragment_is_refused),
        cmocka_unit_test(ipv6_fragments_of_impossible_form_get_an_answer),
        cmocka_unit_test(emitted_ipv4_header_is_the_known_one),
        cmocka_unit_test(emitted_ipv6_headers_are_those_of_the_rfcs),
        cmocka_unit_test(emitted_router_alert_is_that_of_rfc_2113),
        cmocka_unit_test(template_takes_another_total_length),
        cmocka_unit_test(emitted_ipv4_headers_read_back),
        cmocka_unit_test(emitted_ipv6_headers_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
