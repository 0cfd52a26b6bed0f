/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "net_rig.h"

#include "net/input.h"
#include "net/state.h"

static int setup(void **state) {
    *state = rig_host(NULL, 1);
    return 0;
}

static int teardown(void **state) {
    rig_end(*state);
    return 0;
}

/* Input drops the frame for that reason, and nothing is sent. */
static void refuse(struct net_rig *r, const uint8_t *b, uint32_t n, enum via_drop why) {
    uint64_t before = rig_drops(r, why);
    struct via_rx rx = rig_input(r, b, n);

    assert_int_equal(rx.kind, VIA_RX_DROP);
    assert_string_equal(via_drop_name(rx.why), via_drop_name(why));
    assert_int_equal(rig_drops(r, why), before + 1);
    assert_int_equal(r->sent_count, 0);
}

static void accept_frame(struct net_rig *r, const uint8_t *b, uint32_t n) {
    struct via_rx rx = rig_input(r, b, n);

    assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
    rig_release(r, &rx);
}

static void datagram_comes_up_with_its_flow(void **state) {
    static const char *const texts[2][2] = {{"10.0.0.2", "10.0.0.1"}, {"2001:db8::2", "2001:db8::1"}};
    struct net_rig *r = *state;
    uint8_t b[256];
    int i, turn;

    for (i = 0; i < 4; i++) {
        for (turn = 0; turn < 2; turn++) { /* judged, then remembered */
            struct via_ip_head h = rig_head(texts[i & 1][0], texts[i & 1][1], IPPROTO_UDP);
            struct via_rx rx;
            uint32_t n;

            r->slow = i >= 2;
            h.tos = 0x2d;
            h.ttl = 17;
            n = rig_udp_frame(b, &h, "hello", 5);
            rx = rig_input(r, b, n);
            assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
            assert_int_equal(rx.why, VIA_KEPT);
            assert_true(via_addr_eq(&rx.flow.remote, &h.src));
            assert_true(via_addr_eq(&rx.flow.local, &h.dst));
            assert_int_equal(rx.flow.proto, IPPROTO_UDP);
            assert_int_equal(rx.flow.iface, 1);
            assert_int_equal(rx.flow.lport | rx.flow.rport, 0);
            assert_int_equal(rx.tos, 0x2d);
            assert_int_equal(rx.ttl, 17);
            assert_false(rx.group);
            assert_int_equal(rx.pkt->total, 13);
            assert_int_equal(rx.pkt->len, 13);
            assert_int_equal(rx.pkt->off - rx.pkt->l3, h.version == 4 ? 20 : 40);
            assert_memory_equal(via_pkt_data(&r->core, rx.pkt) + 8, "hello", 5);
            rig_release(r, &rx);
        }
    }
}

/* The same frames, mutated, give the same result with the fast path and without it. */
static void fast_path_says_what_the_slow_path_says(void **state) {
    struct net_rig *fast = *state, *slow = rig_host(NULL, 1);
    uint64_t seed = 7, kinds[4] = {0};
    int i;

    slow->slow = true;
    for (i = 0; i < 60000; i++) {
        bool six = rig_random(&seed) & 1;
        struct via_ip_head h =
            six ? rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP) : rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
        uint8_t b[256];
        uint32_t n = rig_udp_frame(b, &h, NULL, (uint32_t)(rig_random(&seed) % 40));
        struct via_rx x, y;

        if (rig_random(&seed) & 3)
            b[rig_random(&seed) % (six ? 62 : 42)] ^= (uint8_t)(1u << rig_random(&seed) % 8);
        if (!(rig_random(&seed) % 8))
            n = (uint32_t)(rig_random(&seed) % (n + 1));
        if (!(rig_random(&seed) % 8))
            n += 6;
        if (!six && !(rig_random(&seed) % 2)) {
            via_store16(b + 24, 0);
            via_store16(b + 24, via_sum_end(via_sum_add(0, b + 14, 20)));
        }
        x = rig_input(fast, b, n);
        y = rig_input(slow, b, n);
        assert_int_equal(x.kind, y.kind);
        kinds[x.kind]++;
        if (x.kind == VIA_RX_DROP)
            assert_int_equal(x.why, y.why);
        if (x.kind == VIA_RX_DATAGRAM) {
            assert_memory_equal(&x.flow.local, &y.flow.local, 32);
            assert_int_equal(x.flow.proto, y.flow.proto);
            assert_int_equal(x.flow.iface, y.flow.iface);
            assert_int_equal(x.ttl, y.ttl);
            assert_int_equal(x.tos, y.tos);
            assert_int_equal(x.group, y.group);
            assert_int_equal(x.pkt->off, y.pkt->off);
            assert_int_equal(x.pkt->l3, y.pkt->l3);
            assert_int_equal(x.pkt->total, y.pkt->total);
        }
        rig_release(fast, &x);
        rig_release(slow, &y);
        rig_clear(fast);
        rig_clear(slow);
    }
    assert_true(kinds[VIA_RX_DATAGRAM] > 10000 && kinds[VIA_RX_DROP] > 10000);
    rig_end(slow);
}

static void remembered_address_that_goes_is_not_ours_any_more(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    struct via_ifaddr a = {.addr = rig_addr("10.0.0.1"), .iface = 1, .prefix = 24};
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);

    accept_frame(r, b, n);
    accept_frame(r, b, n);
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_DEL, &a), 0);
    refuse(r, b, n, VIA_DROP_IP_NOT_MINE);
}

static void remembered_source_that_becomes_ours_is_a_martian(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.77", "10.0.0.1", IPPROTO_UDP);
    struct via_ifaddr a = {.addr = rig_addr("10.0.0.77"), .iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);

    accept_frame(r, b, n);
    accept_frame(r, b, n);
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
    rig_clear(r);
    refuse(r, b, n, VIA_DROP_IP_MARTIAN);
}

static void frame_for_another_mac_is_dropped(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);

    b[5] ^= 1;
    refuse(r, b, n, VIA_DROP_ETH_OTHER_HOST);
    b[5] ^= 1;
    b[6] |= 1;
    refuse(r, b, n, VIA_DROP_ETH_SOURCE);
    b[6] &= 0xfe;
    accept_frame(r, b, n);
}

static void frame_of_any_length_below_its_headers_is_short(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h4 = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    struct via_ip_head h6 = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t i;

    rig_udp_frame(b, &h4, NULL, 10);
    for (i = 0; i < 14; i++)
        refuse(r, b, i, VIA_DROP_ETH_SHORT);
    for (; i < 52; i++)
        refuse(r, b, i, VIA_DROP_IP_SHORT);
    rig_udp_frame(b, &h6, NULL, 10);
    for (i = 14; i < 72; i++)
        refuse(r, b, i, VIA_DROP_IP_SHORT);
}

static void length_field_shorter_than_the_frame_is_padding(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256] = {0};
    uint32_t n = rig_udp_frame(b, &h, NULL, 4);
    int i;

    for (i = 0; i < 4; i++) {
        struct via_rx rx = rig_input(r, b, n + 14);

        r->slow = i & 1;
        assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
        assert_int_equal(rx.pkt->total, 12);
        assert_int_equal(rx.pkt->len, 12);
        rig_release(r, &rx);
    }
}

/* Ripple20, AMNESIA:33: IP total length and IHL lie. */
static void length_fields_that_lie_are_refused(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10), ihl;

    r->core.attrs.checksum = 0;
    via_put16(b + 16, (uint16_t)(n - 14 + 1));
    refuse(r, b, n, VIA_DROP_IP_SHORT);
    via_put16(b + 16, 65535);
    refuse(r, b, n, VIA_DROP_IP_SHORT);
    via_put16(b + 16, 19);
    refuse(r, b, n, VIA_DROP_IP_HEADER);
    via_put16(b + 16, 38);
    for (ihl = 0; ihl < 5; ihl++) {
        b[14] = (uint8_t)(0x40 | ihl);
        refuse(r, b, n, VIA_DROP_IP_HEADER);
    }
    b[14] = 0x4f;
    refuse(r, b, n, VIA_DROP_IP_HEADER);
    b[14] = 0x65;
    refuse(r, b, n, VIA_DROP_IP_VERSION);
}

static void version_that_is_not_the_ethertypes_is_refused(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);

    via_put16(b + 12, VIA_ETH_IP4);
    refuse(r, b, n, VIA_DROP_IP_VERSION);
    via_put16(b + 12, 0x1234);
    refuse(r, b, n, VIA_DROP_ETH_TYPE);
    via_put16(b + 12, 60);
    refuse(r, b, n, VIA_DROP_ETH_TYPE);
}

static uint32_t insert_tag(uint8_t *b, uint32_t n, uint16_t tci) {
    memmove(b + 16, b + 12, n - 12);
    via_put16(b + 12, VIA_ETH_VLAN);
    via_put16(b + 14, tci);
    return n + 4;
}

static void priority_tag_is_taken_and_a_vlan_is_not(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = insert_tag(b, rig_udp_frame(b, &h, NULL, 10), 0xe000);

    accept_frame(r, b, n);
    via_put16(b + 14, 0x0005);
    refuse(r, b, n, VIA_DROP_VLAN_UNKNOWN);
    via_put16(b + 14, 0);
    refuse(r, b, insert_tag(b, n, 0), VIA_DROP_ETH_TYPE);
    refuse(r, b, 15, VIA_DROP_ETH_SHORT);
}

static void truncated_frame_is_dropped(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);
    int i;

    accept_frame(r, b, n);
    for (i = 0; i < 2; i++) {
        struct via_rx rx = rig_input_as(r, b, n, VIA_PKT_TRUNC);

        assert_int_equal(rx.kind, VIA_RX_DROP);
        assert_int_equal(rx.why, VIA_DROP_FRAME_TRUNCATED);
    }
}

static void impossible_sources_of_ip4_are_martians(void **state) {
    static const char *const sources[] = {"0.0.0.0",   "0.1.2.3",   "127.0.0.1",       "127.9.9.9",  "224.0.0.1",
                                          "239.1.2.3", "240.0.0.1", "255.255.255.255", "10.0.0.255", "10.0.0.1"};
    struct net_rig *r = *state;
    uint8_t b[256];
    size_t i;

    for (i = 0; i < 2 * VIA_COUNT(sources); i++) {
        struct via_ip_head h = rig_head(sources[i / 2], "10.0.0.1", IPPROTO_UDP);

        refuse(r, b, rig_udp_frame(b, &h, NULL, 10), VIA_DROP_IP_MARTIAN);
    }
}

static void impossible_sources_of_ip6_are_martians(void **state) {
    static const char *const sources[] = {"::", "::1", "::1.2.3.4", "ff02::1", "ff0e::7", "2001:db8::1", "fe80::1"};
    struct net_rig *r = *state;
    uint8_t b[256];
    size_t i;

    for (i = 0; i < 2 * VIA_COUNT(sources); i++) {
        struct via_ip_head h = rig_head(sources[i / 2], "2001:db8::1", IPPROTO_UDP);

        refuse(r, b, rig_udp_frame(b, &h, NULL, 10), VIA_DROP_IP_MARTIAN);
    }
}

static void land_attack_is_dropped(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h4 = rig_head("10.0.0.1", "10.0.0.1", IPPROTO_TCP);
    struct via_ip_head h6 = rig_head("2001:db8::1", "2001:db8::1", IPPROTO_TCP);
    uint8_t b[256], syn[20] = {0, 80, 0, 80, [12] = 0x50, 2};

    refuse(r, b, rig_ip_frame(b, &h4, syn, 20), VIA_DROP_IP_MARTIAN);
    refuse(r, b, rig_ip_frame(b, &h6, syn, 20), VIA_DROP_IP_MARTIAN);
}

/* IPv4 addresses inside IPv6 ones do not come off a wire: they would be taken for IPv4's. */
static void ip4_in_disguise_is_a_martian(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    struct via_addr four = rig_addr("10.0.0.1"), peer = rig_addr("10.0.0.2");
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);

    memcpy(b + 14 + 24, &four, 16);
    refuse(r, b, n, VIA_DROP_IP_MARTIAN);
    memcpy(b + 14 + 8, &peer, 16);
    refuse(r, b, n, VIA_DROP_IP_MARTIAN);
}

static void impossible_destinations_are_martians(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "127.0.0.1", IPPROTO_UDP);
    static const char *const sixes[] = {"::", "::1", "ff00::1", "ff01::1"};
    uint8_t b[256];
    size_t i;

    refuse(r, b, rig_udp_frame(b, &h, NULL, 10), VIA_DROP_IP_MARTIAN);
    h.dst = rig_addr("0.0.0.0");
    refuse(r, b, rig_udp_frame(b, &h, NULL, 10), VIA_DROP_IP_MARTIAN);
    for (i = 0; i < VIA_COUNT(sixes); i++) {
        h = rig_head("2001:db8::2", sixes[i], IPPROTO_UDP);
        refuse(r, b, rig_udp_frame(b, &h, NULL, 10), VIA_DROP_IP_MARTIAN);
    }
}

static void packet_for_another_host_is_never_forwarded(void **state) {
    static const char *const ends[][2] = {{"10.0.0.2", "10.0.0.3"},
                                          {"10.0.0.2", "8.8.8.8"},
                                          {"2001:db8::2", "2001:db8::3"},
                                          {"2001:db8::2", "2620:0:ccc::2"}};
    struct net_rig *r = *state;
    uint8_t b[256];
    size_t i;

    for (i = 0; i < VIA_COUNT(ends); i++) {
        struct via_ip_head h = rig_head(ends[i][0], ends[i][1], IPPROTO_UDP);

        refuse(r, b, rig_udp_frame(b, &h, NULL, 10), VIA_DROP_IP_NOT_MINE);
    }
}

static void unicast_in_a_link_broadcast_is_dropped(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h4 = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    struct via_ip_head h6 = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h4, NULL, 10);

    memset(b, 0xff, 6);
    refuse(r, b, n, VIA_DROP_IP_MARTIAN);
    n = rig_udp_frame(b, &h6, NULL, 10);
    memcpy(b, (const uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 6);
    refuse(r, b, n, VIA_DROP_IP_MARTIAN);
}

static void broadcast_comes_up_as_group(void **state) {
    static const char *const ends[] = {"255.255.255.255", "10.0.0.255"};
    struct net_rig *r = *state;
    uint8_t b[256];
    size_t i;

    for (i = 0; i < VIA_COUNT(ends); i++) {
        struct via_ip_head h = rig_head("10.0.0.2", ends[i], IPPROTO_UDP);
        struct via_rx rx = rig_input(r, b, rig_udp_frame(b, &h, NULL, 10));

        assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
        assert_true(rx.group);
        rig_release(r, &rx);
    }
}

/* RFC 6085: a group's packet may come to our own MAC address. */
static void group_in_a_link_unicast_stays_a_group(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.255", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);
    int i;

    for (i = 0; i < 4; i++) {
        struct via_rx rx;

        memcpy(b, i & 1 ? rig_mac : (const uint8_t *)"\377\377\377\377\377\377", 6);
        rx = rig_input(r, b, n);
        assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
        assert_true(rx.group);
        rig_release(r, &rx);
    }
}

static void group_is_remembered_until_its_members_change(void **state) {
    static const char *const texts[2][2] = {{"10.0.0.2", "239.1.2.3"}, {"2001:db8::2", "ff0e::1234"}};
    struct net_rig *r = *state;
    struct via_addr any = {{0}};
    uint8_t b[256];
    int six, i;

    for (six = 0; six < 2; six++) {
        struct via_ip_head h = rig_head(texts[six][0], texts[six][1], IPPROTO_UDP);
        uint32_t n = rig_udp_frame(b, &h, NULL, 10);

        assert_int_equal(via_net_join(&r->core, 1, &h.dst, &any), 1);
        rig_wait(r, 5 * VIA_SEC);
        for (i = 0; i < 3; i++) {
            struct via_rx rx = rig_input(r, b, n);

            assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
            assert_true(rx.group);
            assert_true(rx.pkt->flags & VIA_PKT_MCAST);
            rig_release(r, &rx);
        }
        via_net_leave(&r->core, 1, &h.dst, &any);
        rig_wait(r, 5 * VIA_SEC);
        rig_clear(r);
        refuse(r, b, n, VIA_DROP_NO_GROUP);
        assert_int_equal(via_net_join(&r->core, 1, &h.dst, &h.src), 1); /* from him alone */
        rig_wait(r, 5 * VIA_SEC);
        rig_clear(r);
        accept_frame(r, b, n);
        accept_frame(r, b, n);
        h.src.b[15] = 3;
        n = rig_udp_frame(b, &h, NULL, 10);
        refuse(r, b, n, VIA_DROP_NO_GROUP);
    }
}

static void group_without_member_is_dropped(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h4 = rig_head("10.0.0.2", "239.1.2.3", IPPROTO_UDP);
    struct via_ip_head h6 = rig_head("2001:db8::2", "ff0e::1234", IPPROTO_UDP);
    struct via_addr any = {{0}};
    uint8_t b[256];
    struct via_rx rx;

    refuse(r, b, rig_udp_frame(b, &h4, NULL, 10), VIA_DROP_NO_GROUP);
    refuse(r, b, rig_udp_frame(b, &h6, NULL, 10), VIA_DROP_NO_GROUP);
    assert_int_equal(via_net_join(&r->core, 1, &h4.dst, &any), 1);
    assert_int_equal(via_net_join(&r->core, 1, &h6.dst, &any), 1);
    rig_wait(r, 5 * VIA_SEC);
    rig_clear(r);
    rx = rig_input(r, b, rig_udp_frame(b, &h4, NULL, 10));
    assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
    assert_true(rx.group);
    rig_release(r, &rx);
    rx = rig_input(r, b, rig_udp_frame(b, &h6, NULL, 10));
    assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
    assert_true(rx.group);
    rig_release(r, &rx);
    via_net_leave(&r->core, 1, &h4.dst, &any);
    rig_wait(r, 5 * VIA_SEC);
    rig_clear(r);
    refuse(r, b, rig_udp_frame(b, &h4, NULL, 10), VIA_DROP_NO_GROUP);
}

static void tentative_address_does_not_receive(void **state) {
    struct via_attrs a = rig_attrs();
    struct net_rig *r;
    struct via_ifaddr own = {.addr = rig_addr("2001:db8::5"), .iface = 1, .prefix = 64};
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::5", IPPROTO_UDP);
    uint8_t b[256];
    struct via_rx rx;
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);

    (void)state;
    a.dad_probes = 1;
    r = rig_host(&a, 1);
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &own), 0);
    rx = rig_input(r, b, n);
    assert_int_equal(rx.kind, VIA_RX_DROP);
    assert_int_equal(rx.why, VIA_DROP_IP_TENTATIVE);
    rig_wait(r, 10 * VIA_SEC);
    accept_frame(r, b, n);
    rig_end(r);
}

static void header_checksum_follows_the_attribute(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = rig_udp_frame(b, &h, NULL, 10);
    static const bool good[3][2] = {{true, true}, {false, true}, {false, false}}; /* [attribute][link vouches] */
    int mode, vouched;

    accept_frame(r, b, n);
    b[24] ^= 0x55;
    for (mode = 0; mode < 3; mode++)
        for (vouched = 0; vouched < 4; vouched++) {
            struct via_rx rx;

            r->core.attrs.checksum = (uint64_t)mode;
            r->slow = vouched & 2;
            rx = rig_input_as(r, b, n, vouched & 1 ? VIA_PKT_CSUM_OK : 0);
            assert_int_equal(rx.kind, good[mode][vouched & 1] ? VIA_RX_DATAGRAM : VIA_RX_DROP);
            if (rx.kind == VIA_RX_DROP)
                assert_int_equal(rx.why, VIA_DROP_IP_CHECKSUM);
            rig_release(r, &rx);
        }
}

/* An IPv4 frame with these bytes of options. */
static uint32_t with_options(uint8_t *b, struct via_ip_head *h, const uint8_t *options, uint32_t n) {
    uint32_t len = rig_udp_frame(b, h, NULL, 10);

    memmove(b + 34 + n, b + 34, len - 34);
    memcpy(b + 34, options, n);
    b[14] = (uint8_t)(0x45 + n / 4);
    via_put16(b + 16, (uint16_t)(len - 14 + n));
    via_store16(b + 24, 0);
    via_store16(b + 24, via_sum_end(via_sum_add(0, b + 14, 20 + n)));
    return len + n;
}

static void unknown_ip4_options_are_ignored(void **state) {
    static const uint8_t options[][8] = {
        {1, 1, 1, 0}, {0x94, 4, 0, 0}, {7, 7, 4, 0, 0, 0, 0, 0}, {0xde, 4, 1, 2, 0, 0, 0, 0}};
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256];
    size_t i;

    for (i = 0; i < VIA_COUNT(options); i++)
        accept_frame(r, b, with_options(b, &h, options[i], 8));
}

/* URGENT/11, CVE-2021-24074. */
static void source_routes_are_dropped_in_silence(void **state) {
    static const uint8_t lsrr[8] = {131, 7, 4, 10, 0, 0, 9, 0}, ssrr[8] = {137, 7, 4, 10, 0, 0, 9, 0};
    static const uint8_t two[16] = {131, 7, 4, 10, 0, 0, 9, 131, 7, 4, 10, 0, 0, 9, 0, 0};
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256];

    refuse(r, b, with_options(b, &h, lsrr, 8), VIA_DROP_IP_SOURCE_ROUTE);
    refuse(r, b, with_options(b, &h, ssrr, 8), VIA_DROP_IP_SOURCE_ROUTE);
    refuse(r, b, with_options(b, &h, two, 16), VIA_DROP_IP_SOURCE_ROUTE);
}

static void malformed_ip4_option_is_told_to_its_sender(void **state) {
    static const uint8_t bad[][4] = {{7, 0, 0, 0}, {7, 1, 0, 0}, {1, 1, 1, 7}, {1, 7, 5, 0}, {7, 255, 0, 0}};
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint8_t b[256];
    size_t i;

    for (i = 0; i < VIA_COUNT(bad); i++) {
        uint32_t n = with_options(b, &h, bad[i], 4);
        struct via_rx rx;
        struct rig_parsed p;

        rig_wait(r, VIA_SEC);
        rig_clear(r);
        rx = rig_input(r, b, n);
        assert_int_equal(rx.why, VIA_DROP_IP_OPTION);
        assert_int_equal(r->sent_count, 1);
        p = rig_parse(&r->sent[0]);
        assert_int_equal(p.payload[0], 12);
        assert_int_equal(p.payload[4], i == 2 ? 23 : i == 3 ? 21 : 20);
        assert_memory_equal(p.payload + 8, b + 14, n - 14);
    }
}

static void bad_option_of_a_packet_for_others_is_not_answered(void **state) {
    static const uint8_t bad[4] = {7, 0, 0, 0};
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.3", IPPROTO_UDP);
    uint8_t b[256];

    refuse(r, b, with_options(b, &h, bad, 4), VIA_DROP_IP_OPTION);
    h.dst = rig_addr("10.0.0.255");
    refuse(r, b, with_options(b, &h, bad, 4), VIA_DROP_IP_OPTION);
    h = rig_head("10.0.0.255", "10.0.0.1", IPPROTO_UDP);
    refuse(r, b, with_options(b, &h, bad, 4), VIA_DROP_IP_OPTION);
}

/* An IPv6 frame whose payload begins with these extension headers; the first is `first`. */
static uint32_t with_chain(uint8_t *b, struct via_ip_head *h, uint8_t first, const uint8_t *chain, uint32_t n) {
    uint32_t len = rig_udp_frame(b, h, NULL, 10);

    memmove(b + 54 + n, b + 54, len - 54);
    memcpy(b + 54, chain, n);
    b[20] = first;
    via_put16(b + 18, (uint16_t)(len - 54 + n));
    return len + n;
}

static void known_extension_headers_are_stepped_over(void **state) {
    static const uint8_t chain[24] = {60, 0, 5, 2, 0, 0, 1, 0, 43, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0};
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    uint8_t b[256];
    struct via_rx rx = rig_input(r, b, with_chain(b, &h, 0, chain, 24));

    assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
    assert_int_equal(rx.pkt->total, 18);
    assert_int_equal(rx.pkt->off - rx.pkt->l3, 64);
    rig_release(r, &rx);
}

static void unknown_ip6_options_do_what_their_bits_say(void **state) {
    static const struct {
        uint8_t type;
        bool kept, told, told_group;
    } cases[] = {
        {0x1e, true, false, false}, {0x5e, false, false, false}, {0x9e, false, true, true}, {0xde, false, true, false}};
    struct net_rig *r = *state;
    size_t i;
    int group;

    for (i = 0; i < VIA_COUNT(cases); i++)
        for (group = 0; group < 2; group++) {
            struct via_ip_head h = rig_head("2001:db8::2", group ? "ff02::1" : "2001:db8::1", IPPROTO_UDP);
            uint8_t b[256], chain[8] = {17, 0, cases[i].type, 4, 0, 0, 0, 0};
            uint32_t n = with_chain(b, &h, 60, chain, 8);
            struct via_rx rx;

            rig_wait(r, VIA_SEC);
            rig_clear(r);
            rx = rig_input(r, b, n);
            assert_int_equal(rx.kind, cases[i].kept ? VIA_RX_DATAGRAM : VIA_RX_DROP);
            if (!cases[i].kept)
                assert_int_equal(rx.why, VIA_DROP_IP6_OPTION);
            assert_int_equal(r->sent_count, group ? cases[i].told_group : cases[i].told);
            if (r->sent_count) {
                struct rig_parsed p = rig_parse(&r->sent[0]);

                assert_int_equal(p.payload[0], 4);
                assert_int_equal(p.payload[1], 2);
                assert_int_equal(via_get32(p.payload + 4), 42);
            }
            rig_release(r, &rx);
        }
}

static void routing_header_zero_is_refused(void **state) {
    static const uint8_t chain[24] = {17, 2, 0, 1};
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    uint8_t b[256];
    struct via_rx rx = rig_input(r, b, with_chain(b, &h, 43, chain, 24));

    assert_int_equal(rx.why, VIA_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(r->sent_count, 1);
    assert_int_equal(rig_parse(&r->sent[0]).payload[0], 4);
}

static void chain_of_a_hundred_headers_is_refused(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    uint8_t b[1500], chain[800] = {0};
    int i;

    for (i = 0; i < 100; i++)
        chain[8 * i] = i == 99 ? 17 : 60;
    for (i = 0; i < 100; i++)
        chain[8 * i + 2] = 1, chain[8 * i + 3] = 4;
    refuse(r, b, with_chain(b, &h, 60, chain, 800), VIA_DROP_IP6_CHAIN);
}

static void hop_by_hop_options_not_first_are_told(void **state) {
    static const uint8_t chain[16] = {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4};
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    uint8_t b[256];
    struct via_rx rx = rig_input(r, b, with_chain(b, &h, 60, chain, 16));

    assert_int_equal(rx.why, VIA_DROP_IP6_CHAIN);
    assert_int_equal(r->sent_count, 1);
    assert_int_equal(rig_parse(&r->sent[0]).payload[1], 1);
    assert_int_equal(via_get32(rig_parse(&r->sent[0]).payload + 4), 40);
}

static void jumbo_payload_is_refused(void **state) {
    static const uint8_t chain[8] = {17, 0, 0xc2, 4, 0, 1, 0, 0};
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_UDP);
    uint8_t b[256];
    uint32_t n = with_chain(b, &h, 0, chain, 8);
    struct via_rx rx = rig_input(r, b, n);

    assert_int_equal(rx.why, VIA_DROP_IP6_OPTION);
    via_put16(b + 18, 0);
    assert_int_equal(rig_input(r, b, n).kind, VIA_RX_DROP);
}

static void unknown_protocol_is_told(void **state) {
    static const char *const ends[2][2] = {{"10.0.0.2", "10.0.0.1"}, {"2001:db8::2", "2001:db8::1"}};
    struct net_rig *r = *state;
    uint8_t b[256];
    int i;

    for (i = 0; i < 2; i++) {
        struct via_ip_head h = rig_head(ends[i][0], ends[i][1], 200);
        struct rig_parsed p;
        uint32_t n = rig_ip_frame(b, &h, "12345678", 8);

        rig_clear(r);
        assert_int_equal(rig_input(r, b, n).why, VIA_DROP_IP_PROTOCOL);
        assert_int_equal(r->sent_count, 1);
        p = rig_parse(&r->sent[0]);
        assert_int_equal(p.payload[0], i ? 4 : 3);
        assert_int_equal(p.payload[1], i ? 1 : 2);
        if (i)
            assert_int_equal(via_get32(p.payload + 4), 6);
        assert_true(via_addr_eq(&p.ip.src, &h.dst));
        assert_true(via_addr_eq(&p.ip.dst, &h.src));
    }
}

static void no_next_header_is_dropped_in_silence(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_NONE);
    uint8_t b[256];

    refuse(r, b, rig_ip_frame(b, &h, "12345678", 8), VIA_DROP_IP_PROTOCOL);
}

static void icmp_of_the_other_family_is_no_protocol(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h4 = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_ICMPV6);
    struct via_ip_head h6 = rig_head("2001:db8::2", "2001:db8::1", IPPROTO_ICMP);
    uint8_t b[256];

    assert_int_equal(rig_input(r, b, rig_ip_frame(b, &h4, "\200\0\0\0\0\0\0\0", 8)).why, VIA_DROP_IP_PROTOCOL);
    assert_int_equal(rig_input(r, b, rig_ip_frame(b, &h6, "\10\0\0\0\0\0\0\0", 8)).why, VIA_DROP_IP_PROTOCOL);
}

static void jumbo_frame_of_several_parts_comes_up_as_a_chain(void **state) {
    static uint8_t b[9100];
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.1", IPPROTO_UDP);
    uint32_t n = rig_udp_frame(b, &h, NULL, 9000);
    struct via_rx rx = rig_input(r, b, n + 20);

    assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
    assert_int_equal(rx.pkt->total, 9008);
    assert_true(rx.pkt->chain != 0);
    assert_true(via_sum_ok(via_net_sum(&r->core, rx.pkt, via_ip_pseudo(&h, 9008))));
    rig_release(r, &rx);
}

static void sum_over_a_chain_is_that_of_its_bytes(void **state) {
    struct net_rig *r = *state;
    struct via_core *c = &r->core;
    uint64_t seed = 3;
    uint8_t b[600];
    int turn;

    for (turn = 0; turn < 200; turn++) {
        struct via_pkt *head = NULL, *tail = NULL;
        uint32_t n = 0;

        rig_noise(&seed, b, sizeof b);
        while (n < 500) {
            struct via_pkt *p = via_pkt_new(c, 0);
            uint32_t part = 1 + (uint32_t)(rig_random(&seed) % 99);

            memcpy(via_pkt_data(c, p), b + n, part);
            p->len = (uint16_t)part;
            n += part;
            if (tail)
                tail->chain = via_pkt_id(c, p);
            else
                head = p;
            tail = p;
        }
        assert_int_equal(via_sum_fold(via_net_sum(c, head, 5)), via_sum_fold(via_sum_add(5, b, n)));
        via_pkt_release(c, head);
    }
}

static void random_bytes_never_harm(void **state) {
    struct net_rig *r = *state;
    uint64_t seed = 11;
    int i;

    for (i = 0; i < 100000; i++) {
        uint8_t b[128];
        uint32_t n = (uint32_t)(rig_random(&seed) % sizeof b);
        struct via_rx rx;

        rig_noise(&seed, b, sizeof b);
        rig_eth(b, rig_mac, rig_random(&seed) & 1 ? VIA_ETH_IP4 : VIA_ETH_IP6);
        b[14] = rig_random(&seed) & 1 ? 0x45 : 0x60;
        rx = rig_input(r, b, n);
        rig_release(r, &rx);
        rig_clear(r);
    }
    rig_wait(r, 60 * VIA_SEC);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(datagram_comes_up_with_its_flow),
        T(fast_path_says_what_the_slow_path_says),
        T(remembered_address_that_goes_is_not_ours_any_more),
        T(remembered_source_that_becomes_ours_is_a_martian),
        T(frame_for_another_mac_is_dropped),
        T(frame_of_any_length_below_its_headers_is_short),
        T(length_field_shorter_than_the_frame_is_padding),
        T(length_fields_that_lie_are_refused),
        T(version_that_is_not_the_ethertypes_is_refused),
        T(priority_tag_is_taken_and_a_vlan_is_not),
        T(truncated_frame_is_dropped),
        T(impossible_sources_of_ip4_are_martians),
        T(impossible_sources_of_ip6_are_martians),
        T(land_attack_is_dropped),
        T(ip4_in_disguise_is_a_martian),
        T(impossible_destinations_are_martians),
        T(packet_for_another_host_is_never_forwarded),
        T(unicast_in_a_link_broadcast_is_dropped),
        T(broadcast_comes_up_as_group),
        T(group_in_a_link_unicast_stays_a_group),
        T(group_is_remembered_until_its_members_change),
        T(group_without_member_is_dropped),
        T(tentative_address_does_not_receive),
        T(header_checksum_follows_the_attribute),
        T(unknown_ip4_options_are_ignored),
        T(source_routes_are_dropped_in_silence),
        T(malformed_ip4_option_is_told_to_its_sender),
        T(bad_option_of_a_packet_for_others_is_not_answered),
        T(known_extension_headers_are_stepped_over),
        T(unknown_ip6_options_do_what_their_bits_say),
        T(routing_header_zero_is_refused),
        T(chain_of_a_hundred_headers_is_refused),
        T(hop_by_hop_options_not_first_are_told),
        T(jumbo_payload_is_refused),
        T(unknown_protocol_is_told),
        T(no_next_header_is_dropped_in_silence),
        T(icmp_of_the_other_family_is_no_protocol),
        T(jumbo_frame_of_several_parts_comes_up_as_a_chain),
        T(sum_over_a_chain_is_that_of_its_bytes),
        T(random_bytes_never_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
