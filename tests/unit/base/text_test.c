/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/rand.h"

#include <arpa/inet.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void address_is(const char *text, const char *canonical) {
    char buf[VIA_ADDR_TEXT];
    struct via_addr a, b;
    uint32_t scope = 9;

    memset(&a, 0xaa, sizeof a);
    assert_int_equal(via_addr_parse(text, &a, &scope), 0);
    assert_int_equal(scope, 0);
    assert_ptr_equal(via_addr_text(&a, buf), buf);
    assert_string_equal(buf, canonical);
    assert_int_equal(via_addr_parse(buf, &b, NULL), 0);
    assert_true(via_addr_eq(&a, &b));
}

static void address_text_follows_rfc_5952(void **state) {
    (void)state;
    address_is("2001:db8::1", "2001:db8::1");
    address_is("2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"); /* 4.1, 4.2.1 */
    address_is("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");             /* 4.2.2: one group is not shortened */
    address_is("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    address_is("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"); /* 4.2.3: the longest run */
    address_is("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"); /* the first of equals */
    address_is("2001:DB8:AAAA::FFFF", "2001:db8:aaaa::ffff"); /* 4.3 */
    address_is("::", "::");
    address_is("0:0:0:0:0:0:0:0", "::");
    address_is("::1", "::1");
    address_is("1::", "1::");
    address_is("1:2:3:4:5:6::", "1:2:3:4:5:6::");
    address_is("::3:4:5:6:7:8", "::3:4:5:6:7:8");
    address_is("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
    address_is("::192.0.2.33", "::c000:221");
    address_is("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void mapped_address_is_printed_as_ipv4(void **state) {
    (void)state;
    address_is("192.0.2.1", "192.0.2.1");
    address_is("::ffff:192.0.2.1", "192.0.2.1");
    address_is("::ffff:c000:201", "192.0.2.1");
    address_is("0.0.0.0", "0.0.0.0");
    address_is("255.255.255.255", "255.255.255.255");
    address_is("10.0.0.100", "10.0.0.100");
}

static void zone_is_a_number_behind_percent(void **state) {
    struct via_addr a;
    uint32_t scope = 0;

    (void)state;
    assert_int_equal(via_addr_parse("fe80::1%2", &a, &scope), 0);
    assert_int_equal(scope, 2);
    assert_int_equal(via_addr_parse("ff02::1%16", &a, &scope), 0);
    assert_int_equal(scope, 16);
    assert_int_equal(via_addr_parse("febf::1%4294967295", &a, &scope), 0);
    assert_int_equal(scope, UINT32_MAX);
    assert_int_equal(via_addr_parse("fe80::1", &a, &scope), 0);
    assert_int_equal(scope, 0);
}

static void malformed_address_is_refused_and_touches_nothing(void **state) {
    static const char *const bad[] = {
        "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4%1", "1..2.3",
        "0x1.2.3.4", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "1:2:3:4:5:6:7:", "fe80::1%",
        "fe80::1%eth0", "fe80::1%2x", "fe80::1%-1", "fe80::1%4294967296", "fe80::1%2%3", "fec0::1%1", "2001:db8::1%1", "::1%1",
        "[::1]", "%1", "1.2.3.4\n",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    };
    struct via_addr a, before;
    uint32_t scope;
    size_t i;

    (void)state;
    memset(&a, 0x5a, sizeof a);
    before = a;
    for (i = 0; i < VIA_COUNT(bad); i++) {
        scope = 77;
        assert_int_equal(via_addr_parse(bad[i], &a, &scope), -EINVAL);
        assert_memory_equal(&a, &before, sizeof a);
        assert_int_equal(scope, 77);
    }
    for (i = 1; i < 80; i++) {
        char zeros[80] = {0};

        memset(zeros, '0', i);
        assert_int_equal(via_addr_parse(zeros, &a, NULL), -EINVAL);
    }
    assert_int_equal(via_addr_parse("fe80::1%2", &a, NULL), -EINVAL); /* nowhere to put the zone */
    assert_int_equal(via_addr_parse(NULL, &a, NULL), -EINVAL);
    assert_int_equal(via_addr_parse("::", NULL, NULL), -EINVAL);
}

static void text_of_any_address_reads_back_as_the_same(void **state) {
    char buf[VIA_ADDR_TEXT], theirs[INET6_ADDRSTRLEN];
    struct via_rand r;
    unsigned n, i;

    (void)state;
    assert_int_equal(via_rand_init(&r, 1), 0);
    for (n = 0; n < 100000; n++) {
        struct via_addr a, b;
        uint64_t zeros = via_rand64(&r) | via_rand64(&r);

        for (i = 0; i < 16; i++)
            a.b[i] = zeros >> (i / 2 + 8 * (n & 3)) & 1 ? 0 : (uint8_t)via_rand64(&r);
        via_addr_text(&a, buf);
        assert_true(strlen(buf) < INET6_ADDRSTRLEN);
        assert_int_equal(via_addr_parse(buf, &b, NULL), 0);
        assert_true(via_addr_eq(&a, &b));
        inet_ntop(AF_INET6, a.b, theirs, sizeof theirs);
        if (!strchr(theirs, '.'))
            assert_string_equal(buf, theirs);
    }
}

static void errno_is_left_alone(void **state) {
    struct via_addr a;
    struct via_ep e;

    (void)state;
    errno = 4711;
    assert_int_equal(via_addr_parse("nonsense", &a, NULL), -EINVAL);
    assert_int_equal(via_ep_parse("[::1]:99999999999999999999", &e), -EINVAL);
    assert_int_equal(via_ep_parse("[fe80::1%2]:80", &e), 0);
    assert_int_equal(errno, 4711);
}

static void end_point_is(const char *text, const char *canonical, enum via_family family, uint16_t port) {
    const uint8_t zero[5] = {0};
    char buf[VIA_ADDR_TEXT];
    struct via_ep e, f;

    memset(&e, 0xaa, sizeof e);
    assert_int_equal(via_ep_parse(text, &e), 0);
    assert_int_equal(e.family, family);
    assert_int_equal(e.port, port);
    assert_memory_equal(e.pad, zero, 5);
    assert_ptr_equal(via_ep_text(&e, buf), buf);
    assert_string_equal(buf, canonical);
    assert_int_equal(via_ep_parse(buf, &f), 0);
    assert_memory_equal(&e, &f, sizeof e);
}

static void end_point_of_each_family_is_read_and_written(void **state) {
    (void)state;
    end_point_is("192.0.2.1:80", "192.0.2.1:80", VIA_AF_4, 80);
    end_point_is("[2001:DB8::1]:65535", "[2001:db8::1]:65535", VIA_AF_6, 65535);
    end_point_is("[fe80::1%3]:1", "[fe80::1%3]:1", VIA_AF_6, 1);
    end_point_is("[ff02::1%3]:1", "[ff02::1%3]:1", VIA_AF_6, 1);
    end_point_is("[::ffff:192.0.2.1]:80", "192.0.2.1:80", VIA_AF_4, 80);
    end_point_is("192.0.2.1:00080", "192.0.2.1:80", VIA_AF_4, 80);
}

static void wildcards_are_all_zero_and_keep_their_family(void **state) {
    char buf[VIA_ADDR_TEXT];
    struct via_ep e, any;

    (void)state;
    end_point_is("*:0", "*:0", VIA_AF_ANY, 0);
    end_point_is("*:8080", "*:8080", VIA_AF_ANY, 8080);
    end_point_is("0.0.0.0:53", "0.0.0.0:53", VIA_AF_4, 53);
    end_point_is("[::]:53", "[::]:53", VIA_AF_6, 53);
    assert_int_equal(via_ep_parse("0.0.0.0:53", &e), 0);
    any = via_ep_any(VIA_AF_4, 53);
    assert_memory_equal(&e, &any, sizeof e);
    assert_int_equal(via_ep_parse("*:53", &e), 0);
    any = via_ep_any(VIA_AF_ANY, 53);
    assert_memory_equal(&e, &any, sizeof e);
    e = via_ep4(0, 7);
    assert_string_equal(via_ep_text(&e, buf), "0.0.0.0:7");
}

static void longest_end_point_fits(void **state) {
    char buf[VIA_ADDR_TEXT];
    struct via_ep e;

    (void)state;
    memset(&e, 0xff, sizeof e);
    e.family = VIA_AF_6;
    via_ep_text(&e, buf);
    assert_string_equal(buf, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

static void malformed_end_point_is_refused_and_touches_nothing(void **state) {
    static const char *const bad[] = {
        "", ":", ":80", "*", "*:", "**:80", "*:65536", "*:-1", "*:+1", "*: 1", "*:1 ", "*:0x10", "192.0.2.1", "192.0.2.1:",
        "192.0.2.1:x", "192.0.2.1:80:80", "192.0.2.256:80", "2001:db8::1:80", "[2001:db8::1]", "[2001:db8::1]80",
        "[2001:db8::1]:", "[2001:db8::1:80", "[192.0.2.1]:80", "[*]:80", "[]:80", "[fe80::1%]:80", "[::1%1]:80", "[::1]:80]", "[",
        "[]", "]:80", "[:]:80", "fe80::1%2:80", "localhost:80",
    };
    struct via_ep e, before;
    size_t i;

    (void)state;
    memset(&e, 0x5a, sizeof e);
    before = e;
    for (i = 0; i < VIA_COUNT(bad); i++) {
        assert_int_equal(via_ep_parse(bad[i], &e), -EINVAL);
        assert_memory_equal(&e, &before, sizeof e);
    }
    assert_int_equal(via_ep_parse(NULL, &e), -EINVAL);
    assert_int_equal(via_ep_parse("*:1", NULL), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_text_follows_rfc_5952),
        cmocka_unit_test(mapped_address_is_printed_as_ipv4),
        cmocka_unit_test(zone_is_a_number_behind_percent),
        cmocka_unit_test(malformed_address_is_refused_and_touches_nothing),
        cmocka_unit_test(text_of_any_address_reads_back_as_the_same),
        cmocka_unit_test(errno_is_left_alone),
        cmocka_unit_test(end_point_of_each_family_is_read_and_written),
        cmocka_unit_test(wildcards_are_all_zero_and_keep_their_family),
        cmocka_unit_test(longest_end_point_fits),
        cmocka_unit_test(malformed_end_point_is_refused_and_touches_nothing),
    };

    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
