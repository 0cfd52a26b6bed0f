/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "router_rig.h"
#include "wire/mcast.h"

#define TENTH (100 * VIA_MS)

static const struct via_addr local = {{0xfe, 0x80, [15] = 1}}, group6 = {{0xff, 2, [15] = 0x99}};

static struct via_addr group4(void) {
    return via_addr_from4(htonl(0xe0000116));
}

static struct via_ip_head head(uint8_t version) {
    struct via_ip_head h = {.version = version, .ttl = 1, .flags = VIA_IP_ALERT, .src = local};

    h.proto = version == 6 ? IPPROTO_ICMPV6 : IPPROTO_IGMP;
    if (version == 4)
        h.src = via_addr_from4(htonl(0x0a000001));
    return h;
}

static int parse(struct via_mcast *m, uint8_t version, const uint8_t *b, size_t len) {
    struct via_ip_head h = head(version);

    return via_mcast_parse(m, &h, rig_edge(b, len), len);
}

static int parse_query(struct via_mcast *m, const struct rig_query *q) {
    uint8_t b[4096];

    return parse(m, q->ip_version, b, rig_query(b, q));
}

static void length_tells_versions_of_igmp_apart(void **state) {
    struct via_mcast m;
    uint8_t b[16];

    (void)state;
    rig_hex(b, "1100 0000 00000000");
    assert_int_equal(parse(&m, 4, b, 8), 8);
    assert_int_equal(m.kind, VIA_MCAST_QUERY);
    assert_int_equal(m.version, 1);
    assert_int_equal(m.max_resp, 100 * TENTH);
    b[1] = 25;
    assert_int_equal(parse(&m, 4, b, 8), 8);
    assert_int_equal(m.version, 2);
    assert_int_equal(m.max_resp, 25 * TENTH);
    rig_hex(b, "1119 0000 00000000 0a7d 0000");
    assert_int_equal(parse(&m, 4, b, 12), 12);
    assert_int_equal(m.version, 3);
    assert_int_equal(m.max_resp, 25 * TENTH);
    assert_int_equal(m.robustness, 2);
    assert_true(m.suppress);
    assert_int_equal(m.interval, 125 * VIA_SEC);
    b[8] = 0xf7;
    assert_int_equal(parse(&m, 4, b, 12), 12);
    assert_false(m.suppress);
    assert_int_equal(m.robustness, 7);
    b[8] = 0x08;
    assert_int_equal(parse(&m, 4, b, 12), 12);
    assert_true(m.suppress);
    assert_int_equal(m.robustness, 0);
    for (size_t len = 9; len < 12; len++)
        assert_int_equal(parse(&m, 4, b, len), -VIA_DROP_IGMP_BAD);
}

static void length_tells_versions_of_mld_apart(void **state) {
    struct rig_query q = {.ip_version = 6, .version = 2, .resp_code = 10000};
    struct via_mcast m;
    uint8_t b[64];
    size_t len;

    (void)state;
    assert_int_equal(parse_query(&m, &q), 24);
    assert_int_equal(m.version, 2);
    assert_int_equal(m.max_resp, 10 * VIA_SEC);
    q.version = 3;
    q.robustness = 7;
    q.interval_code = 0x80;
    assert_int_equal(parse_query(&m, &q), 28);
    assert_int_equal(m.version, 3);
    assert_int_equal(m.robustness, 7);
    assert_int_equal(m.interval, 128 * VIA_SEC);
    rig_query(b, &q);
    for (len = 25; len < 28; len++)
        assert_int_equal(parse(&m, 6, b, len), -VIA_DROP_IGMP_BAD);
}

static void message_cut_anywhere_is_refused(void **state) {
    struct via_mcast m;
    uint8_t b[64] = {0x16};
    size_t len;
    uint8_t type;

    (void)state;
    via_put_addr4(b + 4, &(struct via_addr){{[12] = 0xe1}});
    for (len = 0; len < 8; len++)
        assert_int_equal(parse(&m, 4, b, len), -VIA_DROP_IGMP_BAD);
    assert_int_equal(parse(&m, 4, b, 8), 8);
    memcpy(b + 8, group6.b, 16);
    for (type = 130; type <= 132; type++) {
        b[0] = type;
        for (len = 0; len < 24; len++)
            assert_int_equal(parse(&m, 6, b, len), -VIA_DROP_IGMP_BAD);
        assert_int_equal(parse(&m, 6, b, 24), 24);
    }
}

static void response_time_of_0_is_one_tick(void **state) {
    struct rig_query q = {.ip_version = 4, .version = 3};
    struct via_mcast m;

    (void)state;
    assert_int_equal(parse_query(&m, &q), 12);
    assert_int_equal(m.max_resp, TENTH);
    q.ip_version = 6;
    assert_int_equal(parse_query(&m, &q), 28);
    assert_int_equal(m.max_resp, VIA_MS);
    q.version = 2;
    assert_int_equal(parse_query(&m, &q), 24);
    assert_int_equal(m.max_resp, VIA_MS);
}

static void floating_response_times_are_decoded(void **state) {
    static const struct {
        uint8_t ip_version;
        uint16_t code;
        uint32_t ticks;
    } cases[] = {
        {4, 1, 1},           {4, 127, 127},        {4, 0x80, 128},
        {4, 0x8f, 248},      {4, 0x90, 256},       {4, 0xff, 31744},
        {6, 1, 1},           {6, 0x7fff, 0x7fff},  {6, 0x8000, 0x8000},
        {6, 0x8fff, 0xfff8}, {6, 0x9000, 0x10000}, {6, 0xffff, 0x7ffc00},
    };
    struct via_mcast m;
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        struct rig_query q = {.ip_version = cases[i].ip_version,
                              .version = 3,
                              .resp_code = cases[i].code,
                              .interval_code = (uint8_t)cases[i].code};

        assert_true(parse_query(&m, &q) > 0);
        assert_int_equal(m.max_resp, cases[i].ticks * (q.ip_version == 4 ? TENTH : VIA_MS));
        if (q.ip_version == 4)
            assert_int_equal(m.interval, cases[i].ticks * VIA_SEC);
    }
}

static void count_of_sources_is_held_against_the_length(void **state) {
    struct via_addr sources[40];
    uint64_t seed = 3376;
    struct via_mcast m;
    uint8_t b[1024], version;
    unsigned n, claimed;

    (void)state;
    rig_noise(&seed, sources, sizeof sources);
    for (version = 4; version <= 6; version += 2)
        for (n = 0; n <= 40; n++)
            for (claimed = 0; claimed < 60; claimed++) {
                struct rig_query q = {.ip_version = version,
                                      .version = 3,
                                      .sources = (uint16_t)n,
                                      .source = sources,
                                      .group = version == 4 ? group4() : group6};
                size_t len = rig_query(b, &q), head_len = version == 4 ? 12 : 28;

                via_put16(b + head_len - 2, (uint16_t)claimed);
                assert_int_equal(parse(&m, version, b, len), claimed <= n ? (int)head_len : -VIA_DROP_IGMP_BAD);
            }
    via_put16(b + 26, 0xffff);
    assert_int_equal(parse(&m, 6, b, sizeof b), -VIA_DROP_IGMP_BAD);
}

static void sources_are_read_back(void **state) {
    struct via_addr sources[3] = {{{0x20, 1, [15] = 1}}, {{0x20, 1, [15] = 2}}, {{0x20, 1, [15] = 3}}}, got;
    struct rig_query q = {.ip_version = 6, .version = 3, .sources = 3, .source = sources, .group = group6};
    struct via_mcast m;
    uint8_t b[128];
    unsigned i;

    (void)state;
    assert_int_equal(parse(&m, 6, b, rig_query(b, &q)), 28);
    assert_true(via_addr_eq(&m.group, &group6));
    assert_int_equal(m.sources, 3);
    for (i = 0; i < 3; i++) {
        got = via_mcast_source(b, 6, i);
        assert_true(via_addr_eq(&got, &sources[i]));
        sources[i] = via_addr_from4(htonl(0x0a000001 + i));
    }
    q.ip_version = 4;
    q.group = group4();
    assert_int_equal(parse(&m, 4, b, rig_query(b, &q)), 12);
    assert_true(via_addr_eq(&m.group, &q.group));
    for (i = 0; i < 3; i++) {
        got = via_mcast_source(b, 4, i);
        assert_true(via_addr_eq(&got, &sources[i]));
    }
}

static void group_that_is_none_is_refused(void **state) {
    struct rig_query q = {.ip_version = 4, .version = 2, .resp_code = 10, .group = via_addr_from4(htonl(0x0a000001))};
    struct via_mcast m;
    uint8_t b[8] = {0x16};

    (void)state;
    assert_int_equal(parse_query(&m, &q), -VIA_DROP_IGMP_BAD);
    q.group = (struct via_addr){{0}};
    assert_int_equal(parse_query(&m, &q), 8);
    assert_true(via_addr_is_any(&m.group));
    assert_int_equal(parse(&m, 4, b, 8), -VIA_DROP_IGMP_BAD); /* a report of 0.0.0.0 */
    q.ip_version = 6;
    assert_int_equal(parse_query(&m, &q), 24);
    assert_true(via_addr_is_any(&m.group));
    q.group = local;
    assert_int_equal(parse_query(&m, &q), -VIA_DROP_IGMP_BAD);
    q.group = group4(); /* in disguise */
    assert_int_equal(parse_query(&m, &q), -VIA_DROP_IGMP_BAD);
}

static void general_query_names_no_sources(void **state) {
    struct via_addr source = {{0x20}};
    struct rig_query q = {.ip_version = 6, .version = 3, .sources = 1, .source = &source};
    struct via_mcast m;

    (void)state;
    assert_int_equal(parse_query(&m, &q), -VIA_DROP_IGMP_BAD);
}

static void mld_comes_from_the_link_with_router_alert(void **state) {
    struct rig_query q = {.ip_version = 6, .version = 3};
    struct via_ip_head h = head(6);
    struct via_mcast m;
    uint8_t b[64];
    size_t len = rig_query(b, &q);

    (void)state;
    assert_int_equal(via_mcast_parse(&m, &h, b, len), 28);
    h.flags = 0;
    assert_int_equal(via_mcast_parse(&m, &h, b, len), -VIA_DROP_IGMP_BAD);
    h = head(6);
    h.ttl = 2;
    assert_int_equal(via_mcast_parse(&m, &h, b, len), -VIA_DROP_IGMP_BAD);
    h = head(6);
    h.src.b[0] = 0x20;
    assert_int_equal(via_mcast_parse(&m, &h, b, len), -VIA_DROP_IGMP_BAD);
    memset(&h.src, 0, sizeof h.src);
    assert_int_equal(via_mcast_parse(&m, &h, b, len), -VIA_DROP_IGMP_BAD);
    b[0] = 131; /* a report may come before there is an address (RFC 3590) */
    memcpy(b + 8, group6.b, 16);
    assert_int_equal(via_mcast_parse(&m, &h, b, 24), 24);
}

static void unknown_types_and_new_reports_are_left_alone(void **state) {
    struct via_mcast m;
    uint8_t b[32] = {0};
    unsigned type;

    (void)state;
    for (type = 0; type < 256; type++) {
        b[0] = (uint8_t)type;
        if (type == 0x11 || type == 0x12 || type == 0x16 || type == 0x17)
            continue;
        assert_int_equal(parse(&m, 4, b, 8), 8);
        assert_int_equal(m.kind, VIA_MCAST_OTHER);
    }
    b[0] = 143;
    assert_int_equal(parse(&m, 6, b, 8), 8);
    assert_int_equal(m.kind, VIA_MCAST_OTHER);
    memcpy(b + 8, group6.b, 16); /* no type of MLD at all */
    for (b[0] = 133; b[0] < 143; b[0]++)
        assert_int_equal(parse(&m, 6, b, 24), -VIA_DROP_IGMP_BAD);
    b[0] = 129;
    assert_int_equal(parse(&m, 6, b, 24), -VIA_DROP_IGMP_BAD);
}

static void emitted_old_messages_read_back(void **state) {
    static const struct {
        uint8_t ip_version, kind, version, type;
    } cases[] = {
        {4, VIA_MCAST_REPORT, 1, 0x12}, {4, VIA_MCAST_REPORT, 2, 0x16}, {4, VIA_MCAST_LEAVE, 2, 0x17},
        {6, VIA_MCAST_REPORT, 2, 131},  {6, VIA_MCAST_LEAVE, 2, 132},
    };
    struct via_mcast out;
    uint8_t b[VIA_MCAST_OLD_MAX + 1], want[VIA_MCAST_OLD_MAX + 1];
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        struct via_mcast in = {.kind = cases[i].kind, .version = cases[i].version};
        int len = cases[i].ip_version == 6 ? 24 : 8;

        memset(b, 0x5a, sizeof b);
        memset(want, 0, sizeof want);
        want[0] = cases[i].type;
        want[len] = 0x5a;
        if (len == 24)
            memcpy(want + 8, group6.b, 16);
        else
            memcpy(want + 4, group4().b + 12, 4);

        in.group = cases[i].ip_version == 6 ? group6 : group4();
        assert_int_equal(via_mcast_emit(b, cases[i].ip_version, &in), len);
        assert_memory_equal(b, want, (size_t)len + 1);
        assert_int_equal(parse(&out, cases[i].ip_version, b, (size_t)len), len);
        assert_memory_equal(&in, &out, sizeof in);
    }
}

static void report_of_igmpv3_is_laid_out_as_in_rfc_9776(void **state) {
    struct via_addr sources[2] = {via_addr_from4(htonl(0x0a000001)), via_addr_from4(htonl(0x0a000002))};
    struct via_mcast_record r = {.group = group4(), .change = VIA_MCAST_TO_EXCLUDE};
    struct via_ip_head h = head(4);
    uint8_t b[64], want[64];
    size_t n;
    int len = via_mcast_report(b, 4);

    (void)state;
    len = via_mcast_append(b, len, 4, &r);
    r.change = VIA_MCAST_ALLOW;
    r.sources = 2;
    r.source = sources;
    len = via_mcast_append(b, len, 4, &r);
    n = rig_hex(want, "2200 0000 0000 0002  04000000 e0000116  05000002 e0000116 0a000001 0a000002");
    assert_int_equal(len, n);
    assert_int_equal(len, VIA_MCAST_HEAD + via_mcast_record_len(4, 0) + via_mcast_record_len(4, 2));
    assert_memory_equal(b, want, n);
    via_icmp_seal(b, (uint32_t)len, &h);
    assert_true(via_sum_ok(via_sum_add(0, b, (size_t)len)));
}

static void report_of_mldv2_is_laid_out_as_in_rfc_9777(void **state) {
    struct via_addr sources[2] = {{{0x20, 1, [15] = 5}}, {{0x20, 1, [15] = 6}}};
    struct via_mcast_record r = {.group = group6, .change = VIA_MCAST_BLOCK, .sources = 2, .source = sources};
    uint8_t b[64], want[64];
    size_t n = rig_hex(want, "8f00 0000 0000 0001  06000002 ff020000 00000000 00000000 00000099"
                             "20010000 00000000 00000000 00000005"
                             "20010000 00000000 00000000 00000006");
    int len = via_mcast_append(b, via_mcast_report(b, 6), 6, &r);

    (void)state;
    assert_int_equal(len, n);
    assert_int_equal(len, VIA_MCAST_HEAD + via_mcast_record_len(6, 2));
    assert_memory_equal(b, want, n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_tells_versions_of_igmp_apart),
        cmocka_unit_test(length_tells_versions_of_mld_apart),
        cmocka_unit_test(message_cut_anywhere_is_refused),
        cmocka_unit_test(response_time_of_0_is_one_tick),
        cmocka_unit_test(floating_response_times_are_decoded),
        cmocka_unit_test(count_of_sources_is_held_against_the_length),
        cmocka_unit_test(sources_are_read_back),
        cmocka_unit_test(group_that_is_none_is_refused),
        cmocka_unit_test(general_query_names_no_sources),
        cmocka_unit_test(mld_comes_from_the_link_with_router_alert),
        cmocka_unit_test(unknown_types_and_new_reports_are_left_alone),
        cmocka_unit_test(emitted_old_messages_read_back),
        cmocka_unit_test(report_of_igmpv3_is_laid_out_as_in_rfc_9776),
        cmocka_unit_test(report_of_mldv2_is_laid_out_as_in_rfc_9777),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
