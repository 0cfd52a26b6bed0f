/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "router_rig.h"
#include "wire/nd.h"

static const struct via_addr host = {{0x20, 1, 0xd, 0xb8, [15] = 0x10}}, local = {{0xfe, 0x80, [15] = 1}};
static const struct via_addr all_nodes = {{0xff, 2, [15] = 1}}, nobody;

static struct via_ip_head from(const struct via_addr *src, const struct via_addr *dst) {
    struct via_ip_head h = {.src = *src, .dst = *dst, .version = 6, .proto = IPPROTO_ICMPV6, .ttl = 255};

    return h;
}

static struct via_nd solicitation(void) {
    struct via_nd n = {.type = VIA_ND_SOLICIT, .target = host, .has = VIA_ND_SRC_MAC, .src_mac = {2, 0, 0, 0, 0, 1}};

    return n;
}

static struct via_nd advertisement(void) {
    struct via_nd n = {.type = VIA_ND_ADVERT,
                       .target = host,
                       .flags = VIA_ND_SOLICITED | VIA_ND_OVERRIDE,
                       .has = VIA_ND_DST_MAC,
                       .dst_mac = {2, 0, 0, 0, 0, 2}};

    return n;
}

static struct via_nd router(void) {
    struct via_nd n = {
        .type = VIA_ND_ROUTER_ADVERT,
        .flags = VIA_ND_MANAGED,
        .pref = -1,
        .hop_limit = 64,
        .lifetime = 1800,
        .reachable = 30000,
        .retrans = 1000,
        .has = VIA_ND_SRC_MAC | VIA_ND_MTU,
        .src_mac = {2, 0, 0, 0, 0, 3},
        .mtu = 1400,
        .prefixes = 2,
        .prefix = {{.prefix = {{0x20, 1, 0xd, 0xb8}},
                    .len = 64,
                    .flags = VIA_ND_ON_LINK | VIA_ND_AUTO,
                    .valid = 86400,
                    .preferred = 14400},
                   {.prefix = {{0x20, 2}}, .len = 16, .flags = VIA_ND_VIA_ROUTER, .pref = 1, .valid = 0xffffffff}}};

    return n;
}

static int parse(struct via_nd *n, const struct via_ip_head *ip, const uint8_t *b, size_t len) {
    memset(n, 0, sizeof *n);
    return via_nd_parse(n, ip, rig_edge(b, len), len);
}

static void solicitation_is_read_field_by_field(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd n;
    uint8_t b[64];
    size_t len = rig_hex(b, "8700 0000 00000000 20010db8 00000000 00000000 00000010 0101 020000000001");

    (void)state;
    assert_int_equal(parse(&n, &ip, b, len), 32);
    assert_int_equal(n.type, VIA_ND_SOLICIT);
    assert_true(via_addr_eq(&n.target, &host));
    assert_int_equal(n.has, VIA_ND_SRC_MAC);
    assert_int_equal(n.src_mac[5], 1);
}

static void router_advertisement_is_read_field_by_field(void **state) {
    struct via_nd in = router(), n;
    struct via_ip_head ip = from(&local, &all_nodes);
    uint8_t b[512];

    (void)state;
    assert_int_equal(parse(&n, &ip, b, rig_router_message(b, &in)), 16 + 8 + 8 + 32 + 16);
    assert_memory_equal(&n, &in, sizeof n);
}

static void prefix_bits_behind_its_length_are_cleared(void **state) {
    struct via_nd in = router(), n;
    struct via_ip_head ip = from(&local, &all_nodes);
    uint8_t b[512];
    unsigned len, i;

    (void)state;
    in.prefixes = 1;
    for (len = 0; len <= 128; len++) {
        memset(in.prefix[0].prefix.b, 0xff, 16);
        in.prefix[0].len = (uint8_t)len;
        assert_true(parse(&n, &ip, b, rig_router_message(b, &in)) > 0);
        for (i = 0; i < 128; i++)
            assert_int_equal(n.prefix[0].prefix.b[i / 8] >> (7 - i % 8) & 1, i < len);
    }
    in.prefix[0].len = 129;
    assert_true(parse(&n, &ip, b, rig_router_message(b, &in)) > 0);
    assert_int_equal(n.prefixes, 0);
}

static void reserved_bits_of_a_prefix_are_ignored(void **state) {
    struct via_nd in = router(), n;
    struct via_ip_head ip = from(&local, &all_nodes);
    uint8_t b[512];

    (void)state;
    in.prefixes = 1;
    in.prefix[0].flags = 0x3e;
    assert_true(parse(&n, &ip, b, rig_router_message(b, &in)) > 0);
    assert_int_equal(n.prefix[0].flags, 0);
    in.prefix[0].flags = VIA_ND_AUTO;
    assert_true(parse(&n, &ip, b, rig_router_message(b, &in)) > 0);
    assert_int_equal(n.prefix[0].flags, VIA_ND_AUTO);
}

static void prefixes_beyond_those_kept_are_told_of(void **state) {
    struct via_nd in = router(), n;
    struct via_ip_head ip = from(&local, &all_nodes);
    uint8_t b[512];
    size_t len;
    int i;

    (void)state;
    in.prefixes = 0;
    len = rig_router_message(b, &in);
    for (i = 0; i < 9; i++) {
        assert_int_equal(parse(&n, &ip, b, len), len);
        assert_int_equal(n.prefixes, i);
        assert_false(n.more);
        len += rig_hex(b + len, "0304 4000 00015180 00003840 00000000 20010db8 00000000 00000000 00000000");
    }
    assert_int_equal(parse(&n, &ip, b, len), len);
    assert_int_equal(n.prefixes, 8);
    assert_true(n.more);
}

static void route_needs_as_many_units_as_its_prefix(void **state) {
    static const struct {
        const char *option;
        int taken;
    } cases[] = {
        {"1801 0000 00000e10", 1},
        {"1801 0100 00000e10", 0},
        {"1802 4000 00000e10 20010db8 00000000", 1},
        {"1802 4100 00000e10 20010db8 00000000", 0},
        {"1803 8008 00000e10 20010db8 00000000 00000000 00000001", 1},
        {"1803 8100 00000e10 20010db8 00000000 00000000 00000001", 0},
        {"1802 4010 00000e10 20010db8 00000000", 0},
        {"1804 0000 00000e10 00000000 00000000 00000000 00000000 00000000 00000000", 0},
    };
    struct via_nd in = router(), n;
    struct via_ip_head ip = from(&local, &all_nodes);
    uint8_t b[512];
    size_t i, len;

    (void)state;
    in.prefixes = 0;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        len = rig_router_message(b, &in);
        len += rig_hex(b + len, cases[i].option);
        assert_int_equal(parse(&n, &ip, b, len), len);
        assert_int_equal(n.prefixes, cases[i].taken);
    }
}

static void router_preference_is_signed_and_the_reserved_value_is_medium(void **state) {
    static const int8_t want[] = {0, 1, 0, -1};
    struct via_nd in = router(), n;
    struct via_ip_head ip = from(&local, &all_nodes);
    uint8_t b[512];
    size_t len = rig_router_message(b, &in), i;

    (void)state;
    for (i = 0; i < 4; i++) {
        b[5] = (uint8_t)(i << 3);
        assert_true(parse(&n, &ip, b, len) > 0);
        assert_int_equal(n.pref, want[i]);
    }
}

static void rdnss_and_unknown_options_are_skipped(void **state) {
    struct via_nd in = router(), n;
    struct via_ip_head ip = from(&local, &all_nodes);
    uint8_t b[512];
    size_t len = rig_router_message(b, &in);

    (void)state;
    len += rig_hex(b + len, "1904 0000 00000e10 20010db8 00000000 00000000 00000053 00000000 00000000");
    len += rig_hex(b + len, "fd01 0000 00000000");
    assert_int_equal(parse(&n, &ip, b, len), len);
    assert_int_equal(n.prefixes, 2);
}

static void option_of_length_0_is_refused(void **state) {
    struct via_ip_head ip = from(&local, &all_nodes);
    struct via_nd in = router(), n;
    uint8_t b[512], type;
    size_t len = rig_router_message(b, &in);

    (void)state;
    for (type = 0; type < 40; type++) {
        memset(b + len, 0, 8);
        b[len] = type;
        assert_int_equal(parse(&n, &ip, b, len + 8), -VIA_DROP_ND_BAD);
    }
}

static void option_beyond_the_message_is_refused(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd n;
    uint8_t b[64] = {0};
    unsigned units, len = (unsigned)rig_hex(b, "8700 0000 00000000 20010db8 00000000 00000000 00000010 fd01 0000");

    (void)state;
    assert_int_equal(len, 28);
    for (units = 0; units < 256; units++) {
        b[25] = (uint8_t)units;
        assert_int_equal(parse(&n, &ip, b, 40), units == 2 ? 40 : -VIA_DROP_ND_BAD);
    }
    b[25] = 1; /* and a rest that is no option */
    for (len = 33; len < 40; len++)
        assert_int_equal(parse(&n, &ip, b, len), -VIA_DROP_ND_BAD);
}

static void link_layer_option_of_another_size_is_refused(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd n;
    uint8_t b[64] = {0};

    (void)state;
    rig_hex(b, "8700 0000 00000000 20010db8 00000000 00000000 00000010 0102 020000000001 00000000 00000000");
    assert_int_equal(parse(&n, &ip, b, 40), -VIA_DROP_ND_BAD);
    rig_hex(b, "8700 0000 00000000 20010db8 00000000 00000000 00000010 0101 3333ff000001");
    assert_int_equal(parse(&n, &ip, b, 32), -VIA_DROP_ND_BAD);
}

static void message_cut_anywhere_is_refused(void **state) {
    struct via_ip_head ip = from(&local, &local);
    struct via_nd in = router(), n;
    uint8_t b[512];
    size_t len = rig_router_message(b, &in), i;
    int ends = 0;

    (void)state;
    for (i = 0; i < len; i++) { /* the end of each option is an end of the message too */
        int got = parse(&n, &ip, b, i);

        ends += got == (int)i;
        assert_true(got == -VIA_DROP_ND_BAD || got == (int)i);
    }
    assert_int_equal(ends, 4);
    for (b[0] = VIA_ND_ROUTER_SOLICIT; b[0] <= VIA_ND_REDIRECT; b[0]++)
        for (i = 0; i < (size_t[]){8, 16, 24, 24, 40}[b[0] - 133]; i++)
            assert_int_equal(parse(&n, &ip, b, i), -VIA_DROP_ND_BAD);
}

static void hop_limit_below_255_is_refused(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in = solicitation(), n;
    uint8_t b[64];
    size_t len = (size_t)via_nd_emit(b, &in, &ip);
    int ttl;

    (void)state;
    for (ttl = 0; ttl < 256; ttl++) {
        ip.ttl = (uint8_t)ttl;
        assert_int_equal(parse(&n, &ip, b, len), ttl == 255 ? (int)len : -VIA_DROP_ND_HOP_LIMIT);
    }
}

static void fragments_are_refused_and_atomic_ones_too(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in = solicitation(), n;
    uint8_t b[64];
    size_t len = (size_t)via_nd_emit(b, &in, &ip);

    (void)state;
    ip.flags = VIA_IP_FRAG_SEEN;
    assert_int_equal(parse(&n, &ip, b, len), -VIA_DROP_ND_FRAGMENT);
}

static void code_other_than_0_is_refused(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in = solicitation(), n;
    uint8_t b[64];
    size_t len = (size_t)via_nd_emit(b, &in, &ip);

    (void)state;
    b[1] = 1;
    assert_int_equal(parse(&n, &ip, b, len), -VIA_DROP_ND_BAD);
    b[1] = 0;
    for (b[0] = 0; b[0] < 255; b[0]++)
        if (b[0] < VIA_ND_ROUTER_SOLICIT || b[0] > VIA_ND_REDIRECT)
            assert_int_equal(parse(&n, &ip, b, len), -VIA_DROP_ND_BAD);
}

static void solicitation_for_a_group_is_refused(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in = solicitation(), n;
    uint8_t b[64];

    (void)state;
    in.target = all_nodes;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), -VIA_DROP_ND_BAD);
    in = advertisement();
    in.target = all_nodes;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), -VIA_DROP_ND_BAD);
}

static void probe_goes_to_the_solicited_node_and_tells_no_address(void **state) {
    struct via_addr group = via_nd_group(&host);
    struct via_ip_head ip = from(&nobody, &group);
    struct via_nd in = solicitation(), n;
    uint8_t b[64];

    (void)state;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), -VIA_DROP_ND_BAD);
    in.has = 0;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), 24);
    ip.dst = host;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), -VIA_DROP_ND_BAD);
    in.type = VIA_ND_ROUTER_SOLICIT;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), 8);
    in.has = VIA_ND_SRC_MAC;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), -VIA_DROP_ND_BAD);
}

/* Neighbours, routes and addresses of both families share their tables. */
static void ipv4_in_disguise_is_no_target_and_no_prefix(void **state) {
    struct via_addr mapped = via_addr_from4(htonl(0x0a000001));
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in = solicitation(), n;
    uint8_t b[512];

    (void)state;
    in.target = mapped;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), -VIA_DROP_ND_BAD);
    in = advertisement();
    in.target = mapped;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), -VIA_DROP_ND_BAD);
    in = (struct via_nd){.type = VIA_ND_REDIRECT, .target = local, .dst = mapped};
    assert_int_equal(parse(&n, &ip, b, rig_router_message(b, &in)), -VIA_DROP_ND_BAD);
    in = router();
    in.prefix[0].prefix = mapped;
    in.prefix[0].len = 104;
    in.prefix[1].prefix = mapped;
    in.prefix[1].len = 96;
    assert_true(parse(&n, &ip, b, rig_router_message(b, &in)) > 0);
    assert_int_equal(n.prefixes, 0);
    in.prefix[1].len = 95;
    assert_true(parse(&n, &ip, b, rig_router_message(b, &in)) > 0);
    assert_int_equal(n.prefixes, 1);
}

static void advertisement_to_a_group_is_never_solicited(void **state) {
    struct via_ip_head ip = from(&host, &all_nodes);
    struct via_nd in = advertisement(), n;
    uint8_t b[64];

    (void)state;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), -VIA_DROP_ND_BAD);
    in.flags = VIA_ND_OVERRIDE;
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), 32);
}

static void router_advertisement_comes_from_a_link_local_address(void **state) {
    struct via_ip_head ip = from(&host, &all_nodes);
    struct via_nd in = router(), n;
    uint8_t b[512];

    (void)state;
    assert_int_equal(parse(&n, &ip, b, rig_router_message(b, &in)), -VIA_DROP_ND_BAD);
}

static void redirect_is_read_with_what_it_quotes(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in = {.type = VIA_ND_REDIRECT,
                        .target = local,
                        .dst = {{0x20, 3}},
                        .has = VIA_ND_DST_MAC,
                        .dst_mac = {2, 0, 0, 0, 0, 9}},
                  n;
    uint8_t b[512] = {0};
    size_t len = rig_router_message(b, &in);

    (void)state;
    assert_int_equal(parse(&n, &ip, b, len), 48);
    assert_true(via_addr_eq(&n.target, &local));
    assert_int_equal(n.dst.b[1], 3);
    assert_int_equal(n.quote_at, 0);
    rig_hex(b + len, "0406 0000 00000000 60000000");
    assert_int_equal(parse(&n, &ip, b, len + 48), 96);
    assert_int_equal(n.quote_at, 56);
    assert_int_equal(n.quote_len, 40);
}

static void redirect_points_at_a_router_or_the_destination_itself(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in = {.type = VIA_ND_REDIRECT, .target = host, .dst = host}, n;
    uint8_t b[64];

    (void)state;
    assert_int_equal(parse(&n, &ip, b, rig_router_message(b, &in)), 40);
    in.target.b[15]++;
    assert_int_equal(parse(&n, &ip, b, rig_router_message(b, &in)), -VIA_DROP_ND_BAD);
    in.target = local;
    in.dst = all_nodes;
    assert_int_equal(parse(&n, &ip, b, rig_router_message(b, &in)), -VIA_DROP_ND_BAD);
    in.dst = host;
    ip.src = host;
    assert_int_equal(parse(&n, &ip, b, rig_router_message(b, &in)), -VIA_DROP_ND_BAD);
}

static void nonce_of_six_bytes_is_kept_and_another_skipped(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in = solicitation(), n;
    uint8_t b[64] = {0};

    (void)state;
    in.has |= VIA_ND_NONCE;
    memcpy(in.nonce, "abcdef", 6);
    assert_int_equal(parse(&n, &ip, b, (size_t)via_nd_emit(b, &in, &ip)), 40);
    assert_true(n.has & VIA_ND_NONCE);
    assert_memory_equal(n.nonce, "abcdef", 6);
    b[33] = 2;
    assert_int_equal(parse(&n, &ip, b, 48), 48);
    assert_false(n.has & VIA_ND_NONCE);
}

static void emitted_messages_read_back_and_verify(void **state) {
    static const uint8_t types[] = {VIA_ND_ROUTER_SOLICIT, VIA_ND_SOLICIT, VIA_ND_ADVERT};
    struct via_ip_head ip = from(&local, &host);
    struct via_nd in, out;
    uint8_t b[VIA_ND_EMIT_MAX];
    uint64_t seed = 4861;
    int i;

    (void)state;
    for (i = 0; i < 3000; i++) {
        int len;

        memset(&in, 0, sizeof in);
        in.type = types[i % 3];
        in.has = (uint8_t)(rig_random(&seed) & (VIA_ND_SRC_MAC | VIA_ND_DST_MAC | VIA_ND_NONCE));
        if (in.type != VIA_ND_ROUTER_SOLICIT) {
            rig_noise(&seed, in.target.b, 16);
            in.target.b[0] = 0x20;
        }
        in.flags = in.type == VIA_ND_ADVERT ? (uint8_t)(rig_random(&seed) & 0xe0) : 0;
        if (in.has & VIA_ND_SRC_MAC)
            memcpy(in.src_mac, "\2abcde", 6);
        if (in.has & VIA_ND_DST_MAC)
            memcpy(in.dst_mac, "\2fghij", 6);
        if (in.has & VIA_ND_NONCE)
            rig_noise(&seed, in.nonce, 6);
        if (in.has == (VIA_ND_SRC_MAC | VIA_ND_DST_MAC | VIA_ND_NONCE) && in.type != VIA_ND_ROUTER_SOLICIT)
            assert_int_equal(via_nd_emit(b, &in, &ip), VIA_ND_EMIT_MAX);
        len = via_nd_emit(b, &in, &ip);
        assert_true(via_sum_ok(via_sum_add(via_icmp_seed(&ip, (uint32_t)len), b, (size_t)len)));
        assert_int_equal(parse(&out, &ip, b, (size_t)len), len);
        assert_memory_equal(&in, &out, sizeof in);
    }
}

static void emitted_messages_are_those_of_the_rfcs(void **state) {
    static const struct {
        uint8_t type, has;
        const char *bytes;
    } cases[] = {
        {VIA_ND_ROUTER_SOLICIT, VIA_ND_SRC_MAC, "8500 0000 00000000 0101 020000000001 5a"},
        {VIA_ND_SOLICIT, VIA_ND_SRC_MAC | VIA_ND_NONCE,
         "8700 0000 00000000 20010db8 00000000 00000000 00000010 0101 020000000001 0e01 616263646566 5a"},
        {VIA_ND_ADVERT, VIA_ND_DST_MAC, "8800 0000 60000000 20010db8 00000000 00000000 00000010 0201 020000000002 5a"},
        {VIA_ND_ADVERT, 0, "8800 0000 60000000 20010db8 00000000 00000000 00000010 5a"},
    };
    struct via_ip_head ip = from(&local, &host);
    uint8_t b[64], want[64];
    size_t i, n;

    (void)state;
    for (i = 0; i < VIA_COUNT(cases); i++) {
        struct via_nd m = {.type = cases[i].type, .has = cases[i].has, .target = host};

        m.flags = VIA_ND_SOLICITED | VIA_ND_OVERRIDE;
        memcpy(m.src_mac, "\2\0\0\0\0\1", 6);
        memcpy(m.dst_mac, "\2\0\0\0\0\2", 6);
        memcpy(m.nonce, "abcdef", 6);
        memset(b, 0x5a, sizeof b);
        n = rig_hex(want, cases[i].bytes);
        assert_int_equal(via_nd_emit(b, &m, &ip), n - 1);
        memset(b + 2, 0, 2);
        assert_memory_equal(b, want, n);
    }
}

static void solicited_node_group_is_that_of_rfc_4291(void **state) {
    struct via_addr a, g, want;
    uint8_t b[32];

    (void)state;
    rig_hex(b, "40370000 00000000 00010800 200e8c6c");
    a = via_addr_from6(b);
    rig_hex(b, "ff020000 00000000 00000001 ff0e8c6c");
    want = via_addr_from6(b);
    g = via_nd_group(&a);
    assert_memory_equal(g.b, want.b, 16);
}

static void messages_of_noise_stay_within_their_length(void **state) {
    struct via_ip_head ip = from(&local, &host);
    struct via_nd n;
    uint8_t b[600];
    uint64_t seed = 16898;
    int i, good = 0;

    (void)state;
    for (i = 0; i < 50000; i++) {
        size_t len = 8 * (rig_random(&seed) % 75), k;
        int got;

        rig_noise(&seed, b, sizeof b);
        b[0] = (uint8_t)(133 + i % 5);
        b[1] = 0;
        for (k = 8; k + 1 < sizeof b; k += 8) {
            b[k] = b[k] % 32;
            b[k + 1] &= i & 8 ? 7 : 1;
        }
        memset(b + 8, 0x20, 32);
        got = parse(&n, &ip, b, len);
        good += got > 0;
        assert_true(got == -VIA_DROP_ND_BAD || got == (int)len);
        assert_true(n.prefixes <= VIA_ND_PREFIXES && (size_t)n.quote_at + n.quote_len <= len);
    }
    assert_true(good > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solicitation_is_read_field_by_field),
        cmocka_unit_test(router_advertisement_is_read_field_by_field),
        cmocka_unit_test(prefix_bits_behind_its_length_are_cleared),
        cmocka_unit_test(reserved_bits_of_a_prefix_are_ignored),
        cmocka_unit_test(prefixes_beyond_those_kept_are_told_of),
        cmocka_unit_test(route_needs_as_many_units_as_its_prefix),
        cmocka_unit_test(router_preference_is_signed_and_the_reserved_value_is_medium),
        cmocka_unit_test(rdnss_and_unknown_options_are_skipped),
        cmocka_unit_test(option_of_length_0_is_refused),
        cmocka_unit_test(option_beyond_the_message_is_refused),
        cmocka_unit_test(link_layer_option_of_another_size_is_refused),
        cmocka_unit_test(message_cut_anywhere_is_refused),
        cmocka_unit_test(hop_limit_below_255_is_refused),
        cmocka_unit_test(fragments_are_refused_and_atomic_ones_too),
        cmocka_unit_test(code_other_than_0_is_refused),
        cmocka_unit_test(solicitation_for_a_group_is_refused),
        cmocka_unit_test(probe_goes_to_the_solicited_node_and_tells_no_address),
        cmocka_unit_test(ipv4_in_disguise_is_no_target_and_no_prefix),
        cmocka_unit_test(advertisement_to_a_group_is_never_solicited),
        cmocka_unit_test(router_advertisement_comes_from_a_link_local_address),
        cmocka_unit_test(redirect_is_read_with_what_it_quotes),
        cmocka_unit_test(redirect_points_at_a_router_or_the_destination_itself),
        cmocka_unit_test(nonce_of_six_bytes_is_kept_and_another_skipped),
        cmocka_unit_test(emitted_messages_read_back_and_verify),
        cmocka_unit_test(emitted_messages_are_those_of_the_rfcs),
        cmocka_unit_test(solicited_node_group_is_that_of_rfc_4291),
        cmocka_unit_test(messages_of_noise_stay_within_their_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
