/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "wire/icmp.h"

#define SRC6 "20010db8 00000000 00000000 00000001"
#define DST6 "20010db8 00000000 00000000 00000002"

static void echoes_of_both_families_mean_the_same(void **state) {
    struct via_icmp m;
    uint8_t b[8];

    (void)state;
    rig_hex(b, "0800 0000 1234 0007");
    assert_int_equal(via_icmp_parse(&m, 4, b, 8), 8);
    assert_int_equal(m.kind, VIA_ICMP_ECHO);
    assert_int_equal(m.id, 0x1234);
    assert_int_equal(m.seq, 7);
    rig_hex(b, "8000 0000 1234 0007");
    assert_int_equal(via_icmp_parse(&m, 6, b, 8), 8);
    assert_int_equal(m.kind, VIA_ICMP_ECHO);
    rig_hex(b, "8100 0000 1234 0007");
    via_icmp_parse(&m, 6, b, 8);
    assert_int_equal(m.kind, VIA_ICMP_ECHO_REPLY);
    rig_hex(b, "0000 0000 1234 0007");
    via_icmp_parse(&m, 4, b, 8);
    assert_int_equal(m.kind, VIA_ICMP_ECHO_REPLY);
    assert_false(via_icmp_is_error(&m));
}

static void message_cut_anywhere_is_refused(void **state) {
    struct via_icmp m;
    uint8_t b[8] = {8};
    size_t i;

    (void)state;
    for (i = 0; i < 8; i++) {
        assert_int_equal(via_icmp_parse(&m, 4, rig_edge(b, i), i), -VIA_DROP_ICMP_BAD);
        assert_int_equal(via_icmp_parse(&m, 6, rig_edge(b, i), i), -VIA_DROP_ICMP_BAD);
    }
    assert_int_equal(via_icmp_parse(&m, 4, rig_edge(b, 8), 8), 8);
}

static void errors_have_the_meaning_of_their_rfc(void **state) {
    static const struct {
        uint8_t version, type, code, kind;
    } cases[] = {
        {4, 3, 0, VIA_ICMP_NO_NET},       {4, 3, 1, VIA_ICMP_NO_HOST},
        {4, 3, 2, VIA_ICMP_NO_PROTO},     {4, 3, 3, VIA_ICMP_NO_PORT},
        {4, 3, 4, VIA_ICMP_TOO_BIG},      {4, 3, 5, VIA_ICMP_NO_SOURCE_ROUTE},
        {4, 3, 6, VIA_ICMP_NO_NET},       {4, 3, 7, VIA_ICMP_NO_HOST},
        {4, 3, 9, VIA_ICMP_PROHIBITED},   {4, 3, 10, VIA_ICMP_PROHIBITED},
        {4, 3, 13, VIA_ICMP_PROHIBITED},  {4, 3, 16, VIA_ICMP_OTHER},
        {4, 3, 255, VIA_ICMP_OTHER},      {4, 4, 0, VIA_ICMP_OTHER},
        {4, 5, 1, VIA_ICMP_REDIRECT},     {4, 5, 4, VIA_ICMP_OTHER},
        {4, 11, 0, VIA_ICMP_TTL},         {4, 11, 1, VIA_ICMP_FRAG_TIME},
        {4, 11, 2, VIA_ICMP_OTHER},       {4, 12, 0, VIA_ICMP_BAD_HEADER},
        {4, 12, 1, VIA_ICMP_BAD_OPTION},  {4, 13, 0, VIA_ICMP_OTHER},
        {4, 128, 0, VIA_ICMP_OTHER},      {6, 0, 0, VIA_ICMP_OTHER},
        {6, 1, 0, VIA_ICMP_NO_NET},       {6, 1, 1, VIA_ICMP_PROHIBITED},
        {6, 1, 2, VIA_ICMP_BEYOND_SCOPE}, {6, 1, 3, VIA_ICMP_NO_HOST},
        {6, 1, 4, VIA_ICMP_NO_PORT},      {6, 1, 5, VIA_ICMP_PROHIBITED},
        {6, 1, 6, VIA_ICMP_PROHIBITED},   {6, 1, 7, VIA_ICMP_NO_SOURCE_ROUTE},
        {6, 1, 8, VIA_ICMP_OTHER},        {6, 2, 0, VIA_ICMP_TOO_BIG},
        {6, 2, 9, VIA_ICMP_TOO_BIG},      {6, 3, 0, VIA_ICMP_TTL},
        {6, 3, 1, VIA_ICMP_FRAG_TIME},    {6, 4, 0, VIA_ICMP_BAD_HEADER},
        {6, 4, 1, VIA_ICMP_NO_PROTO},     {6, 4, 2, VIA_ICMP_BAD_OPTION},
        {6, 4, 3, VIA_ICMP_BAD_HEADER},   {6, 4, 4, VIA_ICMP_OTHER},
        {6, 8, 0, VIA_ICMP_OTHER},        {6, 130, 0, VIA_ICMP_MLD},
        {6, 132, 0, VIA_ICMP_MLD},        {6, 133, 0, VIA_ICMP_ND},
        {6, 137, 0, VIA_ICMP_ND},         {6, 138, 0, VIA_ICMP_OTHER},
        {6, 143, 0, VIA_ICMP_MLD},        {6, 200, 0, VIA_ICMP_OTHER},
    };
    struct via_icmp m;
    uint8_t b[8] = {0};
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        b[0] = cases[i].type;
        b[1] = cases[i].code;
        assert_int_equal(via_icmp_parse(&m, cases[i].version, b, 8), 8);
        assert_int_equal(m.kind, cases[i].kind);
        assert_int_equal(via_icmp_is_error(&m), cases[i].kind >= VIA_ICMP_NO_NET);
        if (via_icmp_is_error(&m))
            assert_true(via_icmp_type_is_error(m.version, m.type));
    }
}

static void types_that_are_never_answered_are_known(void **state) {
    unsigned type;

    (void)state;
    for (type = 0; type < 256; type++) {
        assert_int_equal(via_icmp_type_is_error(6, (uint8_t)type), type < 128);
        assert_int_equal(via_icmp_type_is_error(4, (uint8_t)type),
                         type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
    }
}

static void mtu_pointer_and_gateway_are_read(void **state) {
    struct via_icmp m;
    uint8_t b[8];

    (void)state;
    rig_hex(b, "0304 0000 ffff 05b4");
    via_icmp_parse(&m, 4, b, 8);
    assert_int_equal(m.arg, 1460);
    rig_hex(b, "0200 0000 0001 0500");
    via_icmp_parse(&m, 6, b, 8);
    assert_int_equal(m.arg, 0x10500);
    rig_hex(b, "0c00 0000 1500 0000");
    via_icmp_parse(&m, 4, b, 8);
    assert_int_equal(m.arg, 21);
    rig_hex(b, "0401 0000 0000 0028");
    via_icmp_parse(&m, 6, b, 8);
    assert_int_equal(m.arg, 40);
    rig_hex(b, "0302 0000 1234 5678");
    via_icmp_parse(&m, 4, b, 8);
    assert_int_equal(m.arg, 0);
    rig_hex(b, "0501 0000 0a00 0001");
    via_icmp_parse(&m, 4, b, 8);
    assert_int_equal(ntohl(m.arg), 0x0a000001);
}

static void emitted_messages_read_back(void **state) {
    struct via_icmp in, out;
    uint8_t b[8];
    uint8_t version, kind;

    (void)state;
    for (version = 4; version <= 6; version += 2)
        for (kind = VIA_ICMP_ECHO; kind <= VIA_ICMP_BAD_OPTION; kind++) {
            if (kind == VIA_ICMP_ND || kind == VIA_ICMP_MLD)
                continue;
            if ((kind == VIA_ICMP_BEYOND_SCOPE && version == 4) || (kind == VIA_ICMP_REDIRECT && version == 6))
                continue;
            memset(&in, 0, sizeof in);
            in.kind = kind;
            in.version = version;
            in.id = 0x1234;
            in.seq = 0x5678;
            in.arg = kind == VIA_ICMP_TOO_BIG || kind >= VIA_ICMP_BAD_HEADER ? 250 : 0;
            assert_int_equal(via_icmp_emit(b, &in), 8);
            assert_int_equal(via_load16(b + 2), 0);
            assert_int_equal(via_icmp_parse(&out, version, b, 8), 8);
            assert_int_equal(out.kind, kind);
            assert_int_equal(out.arg, in.arg);
            if (kind <= VIA_ICMP_ECHO_REPLY) {
                assert_int_equal(out.id, 0x1234);
                assert_int_equal(out.seq, 0x5678);
            }
        }
}

static void emitted_code_is_the_plainest_unless_told(void **state) {
    struct via_icmp m = {.kind = VIA_ICMP_PROHIBITED, .version = 4};
    uint8_t b[8];

    (void)state;
    via_icmp_emit(b, &m);
    assert_int_equal(b[1], 13);
    m.code = 10;
    via_icmp_emit(b, &m);
    assert_int_equal(b[1], 10);
}

/* The same message over nothing and over noise: what differs was not written. */
static int emit_over(uint8_t b[16], const struct via_icmp *m) {
    uint8_t other[16];
    int n = via_icmp_emit(b, m), i;

    memset(other, 0x5a, sizeof other);
    assert_int_equal(via_icmp_emit(other, m), n);
    assert_memory_equal(b, other, (size_t)n);
    for (i = n; i < 16; i++)
        assert_int_equal(other[i], 0x5a);
    return n;
}

static void emitted_messages_are_those_of_the_rfcs(void **state) {
    static const struct {
        uint8_t version, kind;
        uint32_t arg;
        const char *bytes;
    } cases[] = {
        {4, VIA_ICMP_ECHO, 0, "0800 0000 1234 5678"},
        {6, VIA_ICMP_ECHO, 0, "8000 0000 1234 5678"},
        {4, VIA_ICMP_ECHO_REPLY, 0, "0000 0000 1234 5678"},
        {6, VIA_ICMP_ECHO_REPLY, 0, "8100 0000 1234 5678"},
        {4, VIA_ICMP_REDIRECT, 0x01010101, "0501 0000 01010101"},
        {4, VIA_ICMP_NO_PORT, 0, "0303 0000 00000000"},
        {6, VIA_ICMP_NO_PORT, 0, "0104 0000 00000000"},
        {4, VIA_ICMP_TOO_BIG, 1400, "0304 0000 0000 0578"},
        {4, VIA_ICMP_TOO_BIG, 65535, "0304 0000 0000 ffff"},
        {4, VIA_ICMP_TOO_BIG, 70000, "0304 0000 0000 ffff"},
        {6, VIA_ICMP_TOO_BIG, 70000, "0200 0000 00011170"},
        {4, VIA_ICMP_BAD_HEADER, 20, "0c00 0000 14000000"},
        {6, VIA_ICMP_BAD_OPTION, 42, "0402 0000 0000002a"},
        {6, VIA_ICMP_FRAG_TIME, 0, "0301 0000 00000000"},
    };
    uint8_t b[16] = {0}, want[8];
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        struct via_icmp m = {.kind = cases[i].kind, .version = cases[i].version, .arg = cases[i].arg};

        m.id = 0x1234;
        m.seq = 0x5678;
        rig_hex(want, cases[i].bytes);
        assert_int_equal(emit_over(b, &m), 8);
        assert_memory_equal(b, want, 8);
    }
}

static void fault_of_a_parser_becomes_a_parameter_problem(void **state) {
    static const struct {
        uint8_t fault, kind;
    } cases[] = {{1, VIA_ICMP_BAD_HEADER}, {2, VIA_ICMP_NO_PROTO}, {3, VIA_ICMP_BAD_OPTION}, {4, VIA_ICMP_BAD_HEADER}};
    struct via_ip_head h = {.version = 6, .fault_at = 300};
    struct via_icmp m;
    uint8_t b[8];
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        h.fault = cases[i].fault;
        via_icmp_of_fault(&m, &h);
        assert_int_equal(m.kind, cases[i].kind);
        via_icmp_emit(b, &m);
        assert_int_equal(b[0], 4);
        assert_int_equal(b[1], cases[i].fault - 1);
        assert_int_equal(via_get32(b + 4), 300);
    }
}

static void sealed_message_verifies(void **state) {
    struct via_ip_head h = {.version = 6, .proto = IPPROTO_ICMPV6, .src = {{1}}, .dst = {{2}}};
    uint8_t b[63];
    uint64_t seed = 1;

    (void)state;
    rig_noise(&seed, b, sizeof b);
    via_icmp_seal(b, sizeof b, &h);
    assert_true(via_sum_ok(via_sum_add(via_sum_pseudo(&h.src, &h.dst, 58, sizeof b), b, sizeof b)));
    h.version = 4;
    via_icmp_seal(b, sizeof b, &h);
    assert_true(via_sum_ok(via_sum_add(0, b, sizeof b)));
}

static void echo_turned_in_place_has_a_good_checksum(void **state) {
    struct via_ip_head h = {.version = 4, .proto = IPPROTO_ICMPV6, .src = {{1}}, .dst = {{2}}};
    uint8_t b[64];
    uint64_t seed = 2;
    int i;

    (void)state;
    for (i = 0; i < 2000; i++) {
        h.version = i & 1 ? 4 : 6;
        rig_noise(&seed, b, sizeof b);
        b[0] = i & 1 ? 8 : 128;
        b[1] = 0;
        via_icmp_seal(b, sizeof b, &h);
        via_icmp_turn_echo(b, h.version);
        assert_int_equal(b[0], i & 1 ? 0 : 129);
        assert_true(via_sum_ok(via_sum_add(via_icmp_seed(&h, sizeof b), b, sizeof b)));
    }
}

static const char quote4[] = "4500 0073 0000 4000 0011 ffff 0a000001 0a000002  1234 0035 005f abcd";

static void quoted_udp_packet_is_read(void **state) {
    struct via_quote q;
    uint8_t b[64];

    (void)state;
    assert_int_equal(via_quote_parse(&q, 4, b, rig_hex(b, quote4)), 20);
    assert_int_equal(ntohl(via_addr_to4(&q.src)), 0x0a000001);
    assert_int_equal(ntohl(via_addr_to4(&q.dst)), 0x0a000002);
    assert_int_equal(q.proto, IPPROTO_UDP);
    assert_int_equal(q.total, 115);
    assert_true(q.has_ports);
    assert_int_equal(q.sport, 0x1234);
    assert_int_equal(q.dport, 53);
    assert_false(q.has_seq);
    assert_false(q.fragment);
}

static void quoted_tcp_segment_shows_its_sequence_number(void **state) {
    struct via_quote q;
    uint8_t b[64];
    size_t n;

    (void)state;
    n = rig_hex(b, "6000 0000 0014 06 00" SRC6 DST6 "0016 c000 89abcdef");
    assert_int_equal(via_quote_parse(&q, 6, b, n), 40);
    assert_true(q.has_ports && q.has_seq);
    assert_int_equal(q.sport, 22);
    assert_int_equal(q.dport, 0xc000);
    assert_int_equal(q.seq, 0x89abcdef);
    assert_int_equal(q.total, 60);
    assert_int_equal(q.src.b[15], 1);
    assert_int_equal(q.dst.b[15], 2);
}

static void quoted_echo_shows_its_identifier(void **state) {
    struct via_quote q;
    uint8_t b[64];
    size_t n;

    (void)state;
    n = rig_hex(b, "6000 0000 0010 3a 40" SRC6 DST6 "8000 0000 abcd 0001");
    assert_int_equal(via_quote_parse(&q, 6, b, n), 40);
    assert_true(q.has_ports);
    assert_int_equal(q.sport, 0xabcd);
    assert_int_equal(via_quote_parse(&q, 6, rig_edge(b, 46), 46), 40);
    assert_true(q.has_ports);
    assert_int_equal(via_quote_parse(&q, 6, rig_edge(b, 45), 45), 40);
    assert_false(q.has_ports);
    b[40] = 129;
    assert_int_equal(via_quote_parse(&q, 6, b, n), 40);
    assert_false(q.has_ports);
}

static void quote_cut_anywhere_says_no_more_than_it_holds(void **state) {
    struct via_quote q;
    uint8_t b[64];
    size_t i;

    (void)state;
    rig_hex(b, quote4);
    b[9] = IPPROTO_TCP;
    for (i = 0; i <= 28; i++) {
        assert_int_equal(via_quote_parse(&q, 4, rig_edge(b, i), i), i < 20 ? -VIA_DROP_ICMP_BAD : 20);
        assert_int_equal(q.has_ports, i >= 24);
        assert_int_equal(q.has_seq, i >= 28);
    }
}

static void quote_of_the_other_version_is_refused(void **state) {
    struct via_quote q;
    uint8_t b[64] = {0};

    (void)state;
    rig_hex(b, quote4);
    assert_int_equal(via_quote_parse(&q, 6, b, 64), -VIA_DROP_ICMP_BAD);
    b[0] = 0x60;
    assert_int_equal(via_quote_parse(&q, 4, b, 64), -VIA_DROP_ICMP_BAD);
    b[0] = 0x44;
    assert_int_equal(via_quote_parse(&q, 4, b, 64), -VIA_DROP_ICMP_BAD);
}

static void quote_of_ipv4_in_disguise_is_refused(void **state) {
    struct via_quote q;
    uint8_t b[64];
    size_t n = rig_hex(b, "6000 0000 0014 06 00" SRC6 DST6 "0016 c000 89abcdef");

    (void)state;
    memcpy(b + 8, via_addr_from4(1).b, 16);
    assert_int_equal(via_quote_parse(&q, 6, b, n), -VIA_DROP_ICMP_BAD);
    memcpy(b + 24, b + 8, 16);
    b[8] = 0x20;
    assert_int_equal(via_quote_parse(&q, 6, b, n), -VIA_DROP_ICMP_BAD);
    b[24] = 0x20;
    assert_int_equal(via_quote_parse(&q, 6, b, n), 40);
}

static void quoted_options_are_stepped_over(void **state) {
    struct via_quote q;
    uint8_t b[128];
    size_t n;

    (void)state;
    n = rig_hex(b, "4600 0073 0000 4000 0011 ffff 0a000001 0a000002 01010101 1234 0035 005f abcd");
    assert_int_equal(via_quote_parse(&q, 4, b, n), 24);
    assert_int_equal(q.dport, 53);
    b[0] = 0x4f; /* claims more options than were quoted */
    assert_int_equal(via_quote_parse(&q, 4, rig_edge(b, n), n), 60);
    assert_false(q.has_ports);
    n = rig_hex(b, "6000 0000 0018 00 40" SRC6 DST6 "3c00 0104 00000000 1100 0104 00000000 1234 0035 0008 0000");
    assert_int_equal(via_quote_parse(&q, 6, b, n), 56);
    assert_int_equal(q.proto, IPPROTO_UDP);
    assert_int_equal(q.dport, 53);
    assert_false(q.fragment);
    assert_int_equal(via_quote_parse(&q, 6, rig_edge(b, 48), 48), 48);
    assert_int_equal(q.proto, IPPROTO_DSTOPTS);
    b[41] = 255;
    assert_int_equal(via_quote_parse(&q, 6, rig_edge(b, n), n), 40 + 2048);
    assert_false(q.has_ports);
}

static void quoted_fragment_shows_ports_only_if_it_is_the_first(void **state) {
    struct via_quote q;
    uint8_t b[128];
    size_t n;

    (void)state;
    n = rig_hex(b, quote4);
    via_put16(b + 6, 0x2000);
    assert_int_equal(via_quote_parse(&q, 4, b, n), 20);
    assert_true(q.fragment && q.has_ports && !q.later);
    via_put16(b + 6, 0x00b9);
    assert_int_equal(via_quote_parse(&q, 4, b, n), 20);
    assert_true(q.fragment && !q.has_ports && q.later);
    n = rig_hex(b, "6000 0000 0018 2c 40" SRC6 DST6 "1100 0001 00000001 1234 0035 0008 0000");
    assert_int_equal(via_quote_parse(&q, 6, b, n), 48);
    assert_true(q.fragment && q.has_ports && !q.later);
    b[43] = 0; /* an atomic one is whole */
    assert_int_equal(via_quote_parse(&q, 6, b, n), 48);
    assert_true(!q.fragment && q.has_ports);
    b[42] = 5;
    assert_int_equal(via_quote_parse(&q, 6, b, n), 48);
    assert_true(q.fragment && !q.has_ports && q.later);
    assert_int_equal(q.proto, IPPROTO_UDP);
}

static void quoted_chain_is_followed_for_eight_headers(void **state) {
    struct via_quote q;
    uint8_t b[256] = {0x60, [6] = 60};
    int n, i;

    (void)state;
    for (n = 1; n < 12; n++) {
        for (i = 0; i < n; i++)
            memcpy(b + 40 + i * 8, (const uint8_t[]){i + 1 < n ? 60 : 17, 0, 1, 4, 0, 0, 0, 0}, 8);
        memcpy(b + 40 + n * 8, (const uint8_t[]){0, 7, 0, 9}, 4);
        assert_int_equal(via_quote_parse(&q, 6, b, sizeof b), 40 + (n > 8 ? 8 : n) * 8);
        assert_int_equal(q.has_ports, n <= 8);
    }
}

static void quotes_of_noise_stay_within_the_message(void **state) {
    struct via_quote q;
    uint8_t b[256];
    uint64_t seed = 3;
    int i;

    (void)state;
    for (i = 0; i < 50000; i++) {
        size_t n = rig_random(&seed) % sizeof b, k;
        uint8_t version = i & 1 ? 4 : 6;

        rig_noise(&seed, b, sizeof b);
        b[0] = (uint8_t)(version << 4 | (b[0] & 15));
        for (k = 40; k + 8 < sizeof b && i % 4 == 0; k += 8) {
            b[k] = (uint8_t[]){60, 43, 44, 0}[k / 8 % 4];
            b[k + 1] &= 3;
            b[6] = 60;
        }
        if (via_quote_parse(&q, version, rig_edge(b, n), n) > 0)
            assert_true(!q.has_ports || q.hlen + 4u <= n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_of_both_families_mean_the_same),
        cmocka_unit_test(message_cut_anywhere_is_refused),
        cmocka_unit_test(errors_have_the_meaning_of_their_rfc),
        cmocka_unit_test(types_that_are_never_answered_are_known),
        cmocka_unit_test(mtu_pointer_and_gateway_are_read),
        cmocka_unit_test(emitted_messages_read_back),
        cmocka_unit_test(emitted_code_is_the_plainest_unless_told),
        cmocka_unit_test(emitted_messages_are_those_of_the_rfcs),
        cmocka_unit_test(fault_of_a_parser_becomes_a_parameter_problem),
        cmocka_unit_test(sealed_message_verifies),
        cmocka_unit_test(echo_turned_in_place_has_a_good_checksum),
        cmocka_unit_test(quoted_udp_packet_is_read),
        cmocka_unit_test(quoted_tcp_segment_shows_its_sequence_number),
        cmocka_unit_test(quoted_echo_shows_its_identifier),
        cmocka_unit_test(quote_cut_anywhere_says_no_more_than_it_holds),
        cmocka_unit_test(quote_of_the_other_version_is_refused),
        cmocka_unit_test(quote_of_ipv4_in_disguise_is_refused),
        cmocka_unit_test(quoted_options_are_stepped_over),
        cmocka_unit_test(quoted_fragment_shows_ports_only_if_it_is_the_first),
        cmocka_unit_test(quoted_chain_is_followed_for_eight_headers),
        cmocka_unit_test(quotes_of_noise_stay_within_the_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
