/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "wire/tcp.h"

/* A header of the flags with these options behind it; the data offset is made to fit. Returns its length. */
static size_t frame(uint8_t *b, uint8_t flags, const char *options) {
    size_t n;

    rig_hex(b, "1234 0050 89abcdef 01020304 5000 ffff beef 0007");
    n = 20 + rig_hex(b + 20, options);
    while (n % 4)
        b[n++] = 1;
    b[12] = (uint8_t)(n / 4 << 4);
    b[13] = flags;
    return n;
}

static void parse(struct via_tcp_head *h, uint8_t flags, const char *options) {
    uint8_t b[VIA_TCP_MAX];
    size_t n = frame(b, flags, options);

    memset(h, 0xee, sizeof *h);
    assert_int_equal(via_tcp_parse(h, rig_edge(b, n), n), n);
    assert_int_equal(h->hlen, n);
}

static void header_is_read_field_by_field(void **state) {
    struct via_tcp_head h;
    uint8_t b[20];

    (void)state;
    rig_hex(b, "1234 0050 89abcdef 01020304 51ff ffff beef 0007");
    assert_int_equal(via_tcp_parse(&h, b, 20), 20);
    assert_int_equal(h.sport, 0x1234);
    assert_int_equal(h.dport, 80);
    assert_int_equal(h.seq, 0x89abcdef);
    assert_int_equal(h.ack, 0x01020304);
    assert_int_equal(h.flags, 0x1ff);
    assert_int_equal(h.wnd, 65535);
    assert_int_equal(ntohs(h.sum), 0xbeef);
    assert_int_equal(h.urg, 7);
    assert_int_equal(h.opt.has, 0);
}

static void reserved_bits_are_not_flags(void **state) {
    struct via_tcp_head h;
    uint8_t b[20];

    (void)state;
    rig_hex(b, "1234 0050 89abcdef 01020304 5e10 ffff beef 0007");
    assert_int_equal(via_tcp_parse(&h, b, 20), 20);
    assert_int_equal(h.flags, VIA_TCP_ACK);
}

static void header_cut_anywhere_is_refused(void **state) {
    struct via_tcp_head h;
    uint8_t b[VIA_TCP_MAX];
    size_t i, n = frame(b, VIA_TCP_ACK, "0101 080a 00000001 00000002");

    (void)state;
    for (i = 0; i < n; i++)
        assert_int_equal(via_tcp_parse(&h, rig_edge(b, i), i), -VIA_DROP_TCP_SHORT);
    assert_int_equal(via_tcp_parse(&h, rig_edge(b, n), n), n);
}

static void data_offset_must_lie_between_the_header_and_the_segment(void **state) {
    struct via_tcp_head h;
    uint8_t b[VIA_TCP_MAX] = {0};
    int words;

    (void)state;
    for (words = 0; words < 16; words++) {
        b[12] = (uint8_t)(words << 4);
        assert_int_equal(via_tcp_parse(&h, b, 40), words >= 5 && words <= 10 ? words * 4 : -VIA_DROP_TCP_SHORT);
    }
}

static void options_of_a_linux_syn_are_read(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_SYN, "0204 05b4 0402 080a 11223344 00000000 01 0303 07");
    assert_int_equal(h.opt.has, VIA_TCP_MSS | VIA_TCP_SACK_OK | VIA_TCP_TS | VIA_TCP_WSCALE);
    assert_int_equal(h.opt.mss, 1460);
    assert_int_equal(h.opt.tsval, 0x11223344);
    assert_int_equal(h.opt.tsecr, 0);
    assert_int_equal(h.opt.wscale, 7);
}

static void values_are_reported_as_they_came(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_SYN, "0204 0000 0303 ff");
    assert_int_equal(h.opt.has, VIA_TCP_MSS | VIA_TCP_WSCALE);
    assert_int_equal(h.opt.mss, 0);
    assert_int_equal(h.opt.wscale, 255);
    parse(&h, VIA_TCP_ACK, "0101 050a 00000005 00000001");
    assert_int_equal(h.opt.sacks, 1);
    assert_int_equal(h.opt.sack[0].from, 5);
    assert_int_equal(h.opt.sack[0].to, 1);
}

static void options_of_a_syn_mean_nothing_later(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_ACK, "0204 05b4 0402 0303 07 2206 01020304");
    assert_int_equal(h.opt.has, 0);
    parse(&h, VIA_TCP_SYN, "050a 00000001 00000002");
    assert_int_equal(h.opt.has, 0);
}

static void timestamps_are_read_fast_and_slow_alike(void **state) {
    static const char *const spellings[] = {
        "0101 080a 01020304 05060708",
        "080a 01020304 05060708 0000",
        "01 080a 01020304 05060708 00",
        "fd02 080a 01020304 05060708",
    };
    struct via_tcp_head h;
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(spellings); i++) {
        parse(&h, VIA_TCP_ACK, spellings[i]);
        assert_int_equal(h.opt.has, VIA_TCP_TS);
        assert_int_equal(h.opt.tsval, 0x01020304);
        assert_int_equal(h.opt.tsecr, 0x05060708);
    }
}

static void four_sack_blocks_are_read_and_odd_lengths_are_not(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_ACK, "0522 00000001 00000002 00000003 00000004 00000005 00000006 fffffffe 00000007");
    assert_int_equal(h.opt.has, VIA_TCP_SACK);
    assert_int_equal(h.opt.sacks, 4);
    assert_int_equal(h.opt.sack[3].from, 0xfffffffe);
    assert_int_equal(h.opt.sack[3].to, 7);
    parse(&h, VIA_TCP_ACK, "0509 00000001 00000002");
    assert_int_equal(h.opt.has & VIA_TCP_SACK, 0);
    parse(&h, VIA_TCP_ACK, "0502");
    assert_int_equal(h.opt.has, 0);
}

/* RFC 9293 MUST-7: after a bad length nothing may be believed, and reading must end. */
static void bad_length_ends_the_options_and_keeps_the_earlier(void **state) {
    static const char *const bad[] = {
        "0204 05b4 0300 0707", "0204 05b4 0301 0707", "0204 05b4 03ff 0707", "0204 05b4 0305 0707",
        "0204 05b4 0101 0103", "0204 05b4 fd00 0000", "0204 05b4 080a 0000",
    };
    struct via_tcp_head h;
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(bad); i++) {
        parse(&h, VIA_TCP_SYN, bad[i]);
        assert_int_equal(h.opt.has, VIA_TCP_MSS | VIA_TCP_BROKEN);
        assert_int_equal(h.opt.mss, 1460);
    }
}

static void known_kind_with_another_length_is_skipped(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_SYN, "0203 05 0304 0707 0403 00 0809 00000000000000 1c03 00 0303 02");
    assert_int_equal(h.opt.has, VIA_TCP_WSCALE);
    assert_int_equal(h.opt.wscale, 2);
}

static void unknown_options_are_skipped_and_end_hides_the_rest(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_SYN, "1312 00112233445566778899aabbccddeeff 1e04 0000 fe04 1234 0303 01 00 0204 05b4");
    assert_int_equal(h.opt.has, VIA_TCP_WSCALE);
    parse(&h, VIA_TCP_SYN, "00ff");
    assert_int_equal(h.opt.has, 0);
}

static void later_of_two_counts(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_SYN, "0204 05b4 0204 0218 fe08 f989 01020304 2202");
    assert_int_equal(h.opt.mss, 536);
    assert_int_equal(h.opt.has, VIA_TCP_MSS | VIA_TCP_COOKIE);
    assert_int_equal(h.opt.cookie_len, 0);
}

static void fast_open_cookies_of_every_length(void **state) {
    struct via_tcp_head h;
    char text[64];
    unsigned len, i;

    (void)state;
    for (len = 0; len <= 18; len++) {
        int n = snprintf(text, sizeof text, "22%02x ", len + 2);

        for (i = 0; i < len; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "%02x", i + 1);
        parse(&h, VIA_TCP_SYN, text);
        if (len == 0 || (len >= 4 && len <= 16 && len % 2 == 0)) {
            assert_int_equal(h.opt.has, VIA_TCP_COOKIE);
            assert_int_equal(h.opt.cookie_len, len);
            assert_true(len == 0 || h.opt.cookie[len - 1] == len);
        } else {
            assert_int_equal(h.opt.has, 0);
        }
    }
}

static void experimental_fast_open_is_told_apart(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_SYN, "fe04 f989");
    assert_int_equal(h.opt.has, VIA_TCP_COOKIE | VIA_TCP_COOKIE_EXP);
    assert_int_equal(h.opt.cookie_len, 0);
    parse(&h, VIA_TCP_SYN, "fe0c f989 0102030405060708");
    assert_int_equal(h.opt.has, VIA_TCP_COOKIE | VIA_TCP_COOKIE_EXP);
    assert_int_equal(h.opt.cookie_len, 8);
    assert_int_equal(h.opt.cookie[7], 8);
    parse(&h, VIA_TCP_SYN, "fe0c f990 0102030405060708 fe02 fe03 f9");
    assert_int_equal(h.opt.has, 0);
}

static void user_timeout_is_in_seconds(void **state) {
    struct via_tcp_head h;

    (void)state;
    parse(&h, VIA_TCP_ACK, "1c04 001e");
    assert_int_equal(h.opt.has, VIA_TCP_TIMEOUT);
    assert_int_equal(h.opt.timeout, 30);
    parse(&h, VIA_TCP_ACK, "1c04 8005");
    assert_int_equal(h.opt.timeout, 300);
    parse(&h, VIA_TCP_ACK, "1c04 8000");
    assert_int_equal(h.opt.has, 0);
}

/* RFC 9768 3.2.3: of another length the whole counters are used. */
static void accecn_counters_of_every_length(void **state) {
    struct via_tcp_head h;
    char text[64];
    unsigned len, i;

    (void)state;
    for (len = 0; len <= 12; len++) {
        int n = snprintf(text, sizeof text, "%02x%02x ", len & 1 ? 174 : 172, len + 2);

        for (i = 0; i < len; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "%02x", 0xa0 + i);
        parse(&h, VIA_TCP_ACK, text);
        assert_int_equal(h.opt.has, VIA_TCP_ACCECN);
        assert_int_equal(h.opt.accecn_kind, len & 1 ? VIA_TCP_ACCECN1 : VIA_TCP_ACCECN0);
        assert_int_equal(h.opt.accecn_count, len < 9 ? len / 3 : 3);
        assert_true(h.opt.accecn_count < 1 || h.opt.accecn[0] == 0xa0a1a2);
        assert_true(h.opt.accecn_count < 3 || h.opt.accecn[2] == 0xa6a7a8);
    }
}

static void expect_options(const struct via_tcp_opts *o, const char *text) {
    struct via_tcp_head h = {.sport = 1, .dport = 2};
    uint8_t b[VIA_TCP_MAX + 8], want[64];
    size_t n = rig_hex(want, text);

    h.opt = *o;
    assert_int_equal(via_tcp_opts_fit(&h.opt), n);
    memset(b, 0xcc, sizeof b);
    assert_int_equal(via_tcp_emit(b, &h), 20 + n);
    assert_int_equal(h.hlen, 20 + n);
    assert_memory_equal(b + 20, want, n);
    assert_int_equal(b[20 + n], 0xcc);
    assert_int_equal(b[12] >> 4, (20 + n) / 4);
}

static void syn_goes_out_in_the_order_of_linux_or_bsd(void **state) {
    struct via_tcp_opts o = {.has = VIA_TCP_MSS | VIA_TCP_WSCALE | VIA_TCP_SACK_OK | VIA_TCP_TS,
                             .mss = 1460,
                             .wscale = 7,
                             .tsval = 0x11223344,
                             .tsecr = 0x55667788};

    (void)state;
    expect_options(&o, "020405b4 0402080a 11223344 55667788 01030307");
    o.layout = VIA_TCP_AS_BSD;
    expect_options(&o, "020405b4 01030307 0402080a 11223344 55667788");
    o.layout = VIA_TCP_AS_LINUX;
    o.has = VIA_TCP_MSS | VIA_TCP_WSCALE | VIA_TCP_SACK_OK;
    expect_options(&o, "020405b4 01010402 01030307");
    o.has = VIA_TCP_MSS;
    expect_options(&o, "020405b4");
    o.has = VIA_TCP_TS;
    expect_options(&o, "0101080a 11223344 55667788");
}

static void cookie_timeout_and_accecn_are_padded_to_words(void **state) {
    struct via_tcp_opts o = {.has = VIA_TCP_COOKIE,
                             .cookie_len = 8,
                             .cookie = {1, 2, 3, 4, 5, 6, 7, 8},
                             .accecn_kind = VIA_TCP_ACCECN1,
                             .accecn_count = 3,
                             .accecn = {0x010203, 0x040506, 0x1070809}};

    (void)state;
    expect_options(&o, "220a 0102030405060708 0101");
    o.cookie_len = 0;
    expect_options(&o, "2202 0101");
    o.has = VIA_TCP_ACCECN;
    expect_options(&o, "ae0b 010203 040506 070809 01");
    o.accecn_count = 1;
    expect_options(&o, "ae05 010203 010101");
    o.accecn_count = 0;
    expect_options(&o, "ae02 0101");
    o.has = VIA_TCP_TIMEOUT;
    o.timeout = 30;
    expect_options(&o, "1c04 001e");
    o.timeout = 36000;
    expect_options(&o, "1c04 8258");
}

static void sack_blocks_give_way(void **state) {
    struct via_tcp_opts o = {.has = VIA_TCP_SACK, .sacks = 4, .sack = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}};

    (void)state;
    expect_options(&o, "01010522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008");
    o.has |= VIA_TCP_TS;
    o.tsval = o.tsecr = 9;
    expect_options(&o, "0101080a 00000009 00000009 0101051a 00000001 00000002 00000003 00000004 00000005 00000006");
    o.has |= VIA_TCP_ACCECN;
    o.accecn_kind = VIA_TCP_ACCECN0;
    o.accecn_count = 3;
    expect_options(&o, "0101080a 00000009 00000009 ac0b 000000 000000 000000 01 0101050a 00000001 00000002");
    o.has |= VIA_TCP_TIMEOUT | VIA_TCP_MSS;
    o.timeout = 1;
    o.mss = 0;
    expect_options(&o, "02040000 0101080a 00000009 00000009 1c040001 ac0b 000000 000000 000000 01");
}

static void long_cookie_beside_everything_else_is_dropped(void **state) {
    struct via_tcp_opts o = {.has = VIA_TCP_MSS | VIA_TCP_WSCALE | VIA_TCP_SACK_OK | VIA_TCP_TS | VIA_TCP_COOKIE,
                             .mss = 1460,
                             .cookie_len = 16};

    (void)state;
    assert_int_equal(via_tcp_opts_fit(&o), 40);
    assert_true(o.has & VIA_TCP_COOKIE);
    o.has |= VIA_TCP_TIMEOUT;
    assert_int_equal(via_tcp_opts_fit(&o), 24);
    assert_false(o.has & VIA_TCP_COOKIE);
}

/* Any set of options that is emitted is read back as it was, whatever the layout. */
static void emitted_headers_read_back(void **state) {
    uint64_t seed = 11;
    int round;

    (void)state;
    for (round = 0; round < 20000; round++) {
        uint64_t r = rig_random(&seed);
        struct via_tcp_head in, out;
        uint8_t b[VIA_TCP_MAX];
        uint32_t len;
        uint16_t syn = VIA_TCP_MSS | VIA_TCP_WSCALE | VIA_TCP_SACK_OK | VIA_TCP_COOKIE;

        rig_noise(&seed, &in, sizeof in);
        in.flags = (uint16_t)(r & 0x1ff);
        in.opt.has = (uint16_t)(r >> 9 & 0x1ff & ~(r >> 18) & ~(unsigned)VIA_TCP_COOKIE_EXP);
        in.opt.has = (uint16_t)(in.opt.has & ~(in.flags & VIA_TCP_SYN ? VIA_TCP_SACK : syn));
        in.opt.sacks = (uint8_t)(1 + (r >> 30 & 3));
        in.opt.cookie_len = (uint8_t)(2 * (r >> 32 & 7));
        in.opt.cookie_len = in.opt.cookie_len == 2 ? 16 : in.opt.cookie_len;
        in.opt.accecn_count = (uint8_t)(r >> 35 & 3);
        in.opt.accecn_kind = r >> 37 & 1 ? VIA_TCP_ACCECN0 : VIA_TCP_ACCECN1;
        in.opt.layout = (uint8_t)(r >> 38 & 1);
        in.opt.timeout = (uint32_t)(1 + (r >> 40 & 0x7ffe));
        in.opt.accecn[0] &= 0xffffff, in.opt.accecn[1] &= 0xffffff, in.opt.accecn[2] &= 0xffffff;
        len = via_tcp_opts_fit(&in.opt);
        assert_int_equal(via_tcp_emit(b, &in), 20 + len);
        assert_int_equal(via_tcp_parse(&out, rig_edge(b, in.hlen), in.hlen), in.hlen);
        assert_memory_equal(&out, &in, offsetof(struct via_tcp_head, hlen) + sizeof in.hlen);
        assert_int_equal(out.opt.has, in.opt.has);
        if (in.opt.has & VIA_TCP_MSS)
            assert_int_equal(out.opt.mss, in.opt.mss);
        if (in.opt.has & VIA_TCP_WSCALE)
            assert_int_equal(out.opt.wscale, in.opt.wscale);
        if (in.opt.has & VIA_TCP_TS)
            assert_true(out.opt.tsval == in.opt.tsval && out.opt.tsecr == in.opt.tsecr);
        if (in.opt.has & VIA_TCP_TIMEOUT)
            assert_int_equal(out.opt.timeout, in.opt.timeout);
        if (in.opt.has & VIA_TCP_SACK) {
            assert_int_equal(out.opt.sacks, in.opt.sacks);
            assert_memory_equal(out.opt.sack, in.opt.sack, 8u * in.opt.sacks);
        }
        if (in.opt.has & VIA_TCP_COOKIE) {
            assert_int_equal(out.opt.cookie_len, in.opt.cookie_len);
            assert_memory_equal(out.opt.cookie, in.opt.cookie, in.opt.cookie_len);
        }
        if (in.opt.has & VIA_TCP_ACCECN) {
            assert_int_equal(out.opt.accecn_kind, in.opt.accecn_kind);
            assert_int_equal(out.opt.accecn_count, in.opt.accecn_count);
            assert_memory_equal(out.opt.accecn, in.opt.accecn, 4u * in.opt.accecn_count);
        }
    }
}

static void sealed_segment_shows_no_error_and_a_flipped_bit_does(void **state) {
    struct via_tcp_head h = {.sport = 1, .dport = 2, .seq = 3, .flags = VIA_TCP_ACK, .opt = {.has = VIA_TCP_TS}};
    struct via_ip_head ip = {
        .version = 6, .proto = IPPROTO_TCP, .src = {{0x20, 1, [15] = 1}}, .dst = {{0x20, 1, [15] = 2}}};
    uint8_t b[VIA_TCP_MAX + 13];
    uint64_t seed = 5;
    uint32_t len;

    (void)state;
    len = (uint32_t)via_tcp_emit(b, &h);
    rig_noise(&seed, b + len, 13);
    len += 13;
    via_tcp_seal(b, len, &ip);
    assert_true(via_sum_ok(via_sum_add(via_ip_pseudo(&ip, len), b, len)));
    b[33] ^= 4;
    assert_false(via_sum_ok(via_sum_add(via_ip_pseudo(&ip, len), b, len)));
}

static void syn_and_fin_take_sequence_space(void **state) {
    struct via_tcp_head h = {.flags = VIA_TCP_SYN | VIA_TCP_FIN};

    (void)state;
    assert_int_equal(via_tcp_seg_len(&h, 10), 12);
    h.flags = VIA_TCP_ACK | VIA_TCP_PSH;
    assert_int_equal(via_tcp_seg_len(&h, 10), 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_read_field_by_field),
        cmocka_unit_test(reserved_bits_are_not_flags),
        cmocka_unit_test(header_cut_anywhere_is_refused),
        cmocka_unit_test(data_offset_must_lie_between_the_header_and_the_segment),
        cmocka_unit_test(options_of_a_linux_syn_are_read),
        cmocka_unit_test(values_are_reported_as_they_came),
        cmocka_unit_test(options_of_a_syn_mean_nothing_later),
        cmocka_unit_test(timestamps_are_read_fast_and_slow_alike),
        cmocka_unit_test(four_sack_blocks_are_read_and_odd_lengths_are_not),
        cmocka_unit_test(bad_length_ends_the_options_and_keeps_the_earlier),
        cmocka_unit_test(known_kind_with_another_length_is_skipped),
        cmocka_unit_test(unknown_options_are_skipped_and_end_hides_the_rest),
        cmocka_unit_test(later_of_two_counts),
        cmocka_unit_test(fast_open_cookies_of_every_length),
        cmocka_unit_test(experimental_fast_open_is_told_apart),
        cmocka_unit_test(user_timeout_is_in_seconds),
        cmocka_unit_test(accecn_counters_of_every_length),
        cmocka_unit_test(syn_goes_out_in_the_order_of_linux_or_bsd),
        cmocka_unit_test(cookie_timeout_and_accecn_are_padded_to_words),
        cmocka_unit_test(sack_blocks_give_way),
        cmocka_unit_test(long_cookie_beside_everything_else_is_dropped),
        cmocka_unit_test(emitted_headers_read_back),
        cmocka_unit_test(sealed_segment_shows_no_error_and_a_flipped_bit_does),
        cmocka_unit_test(syn_and_fin_take_sequence_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
