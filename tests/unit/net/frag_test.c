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

static const char *const ends[2][2] = {{"10.0.0.2", "10.0.0.1"}, {"2001:db8::2", "2001:db8::1"}};

static int setup(void **state) {
    *state = rig_host(NULL, 1);
    return 0;
}

static int teardown(void **state) {
    rig_end(*state);
    return 0;
}

static const struct via_frag_table *table(const struct net_rig *r) {
    return &r->core.net->frag;
}

static struct via_ip_head head(int six, uint32_t id) {
    struct via_ip_head h = rig_head(ends[six][0], ends[six][1], IPPROTO_UDP);

    h.frag_id = id;
    return h;
}

/* Bytes [from, to) of a datagram as a fragment. */
static struct via_rx give(struct net_rig *r, struct via_ip_head h, const uint8_t *datagram, uint32_t from, uint32_t to,
                          bool more) {
    static uint8_t b[66000];

    h.flags |= (uint8_t)(VIA_IP_FRAGMENT | (more ? VIA_IP_MORE : 0));
    h.frag_off = (uint16_t)from;
    return rig_input(r, b, rig_ip_frame(b, &h, datagram + from, to - from));
}

/* A UDP datagram of `n` bytes, header included; its checksum is not looked at here. */
static void fill(uint8_t *d, uint32_t n, uint64_t seed) {
    rig_noise(&seed, d, n);
    via_put16(d, 4000);
    via_put16(d + 2, 5000);
    via_put16(d + 4, (uint16_t)n);
}

static void check_whole(struct net_rig *r, struct via_rx *rx, const uint8_t *d, uint32_t n) {
    static uint8_t got[66000];

    assert_int_equal(rx->kind, VIA_RX_DATAGRAM);
    assert_int_equal(rx->pkt->total, n);
    assert_int_equal(via_pkt_copy_out(&r->core, rx->pkt, 0, got, sizeof got), n);
    assert_memory_equal(got, d, n);
    rig_release(r, rx);
    assert_int_equal(rig_held(r), 0);
    assert_int_equal(table(r)->frames, 0);
}

static void fragments_in_order_become_whole(void **state) {
    struct net_rig *r = *state;
    uint8_t d[4000];
    int six;

    for (six = 0; six < 2; six++) {
        struct via_ip_head h;
        struct via_rx rx;

        fill(d, sizeof d, 5);
        assert_int_equal(give(r, head(six, 7), d, 0, 1400, true).kind, VIA_RX_DONE);
        assert_int_equal(give(r, head(six, 7), d, 1400, 2800, true).kind, VIA_RX_DONE);
        assert_int_equal(rig_held(r), 2);
        rx = give(r, head(six, 7), d, 2800, 4000, false);
        h = head(six, 0);
        assert_true(via_addr_eq(&rx.flow.remote, &h.src));
        check_whole(r, &rx, d, 4000);
    }
    assert_int_equal(table(r)->reassembled, 2);
}

/* The header that is left in front is that of a whole packet. */
static void whole_packet_has_a_mended_header(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head got;
    uint8_t d[2000];
    int six;

    for (six = 0; six < 2; six++) {
        struct via_rx rx;
        const uint8_t *ip;

        fill(d, sizeof d, 5);
        give(r, head(six, 7), d, 1000, 2000, false);
        rx = give(r, head(six, 7), d, 0, 1000, true);
        assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
        ip = via_pkt_frame(&r->core, rx.pkt) + rx.pkt->l3;
        assert_true(via_ip_parse(&got, ip, rx.pkt->len + 40u, 2040, true) > 0);
        assert_int_equal(got.payload, 2000);
        assert_int_equal(got.flags & (VIA_IP_FRAGMENT | VIA_IP_FRAG_SEEN), 0);
        assert_int_equal(got.proto, IPPROTO_UDP);
        assert_int_equal(rx.pkt->off - rx.pkt->l3, got.hlen);
        rig_release(r, &rx);
    }
}

static void whole_packet_carries_number_and_time_of_the_last_piece(void **state) {
    struct net_rig *r = *state;
    struct via_rx rx;
    uint8_t d[2000];

    fill(d, sizeof d, 5);
    give(r, head(0, 7), d, 0, 1000, true);
    rig_wait(r, VIA_SEC);
    rx = give(r, head(0, 7), d, 1000, 2000, false);
    assert_int_equal(rx.pkt->order, r->core.s->arrivals);
    assert_int_equal(rx.pkt->ts, r->core.s->now);
    assert_int_equal(rx.pkt->next, 0);
    assert_int_equal(rx.pkt->rec.what, 0);
    rig_release(r, &rx);
}

struct piece {
    uint32_t from, to;
};

static uint32_t cut(uint64_t *seed, struct piece *v, uint32_t n) {
    uint32_t at = 0, count = 0, least = n / 100;

    while (at < n) {
        uint32_t step = (uint32_t)(8 + least + rig_random(seed) % 1400) & ~7u;

        v[count].from = at;
        at += at ? step : step + 8;
        v[count++].to = at = at < n ? at : n;
    }
    return count;
}

static void shuffle(uint64_t *seed, struct piece *v, uint32_t n) {
    for (; n > 1; n--) {
        uint32_t i = (uint32_t)(rig_random(seed) % n);
        struct piece t = v[i];

        v[i] = v[n - 1];
        v[n - 1] = t;
    }
}

static void pieces_of_any_size_in_any_order_become_whole(void **state) {
    struct net_rig *r = *state;
    static uint8_t d[65536];
    struct piece v[512];
    uint64_t seed = 99;
    uint32_t turn, i, whole = 0;

    for (turn = 0; turn < 400; turn++) {
        uint32_t n = 9 + (uint32_t)(rig_random(&seed) % (turn & 1 ? 65000 : 3000)), count = cut(&seed, v, n);
        int six = (int)(turn >> 1 & 1);
        struct via_rx rx = {.kind = VIA_RX_DONE};

        whole += count > 1;
        fill(d, n, turn);
        shuffle(&seed, v, count);
        for (i = 0; i < count; i++) {
            assert_int_equal(rx.kind, VIA_RX_DONE);
            rx = give(r, head(six, turn), d, v[i].from, v[i].to, v[i].to < n);
            if (rig_random(&seed) % 3 == 0 && i + 1 < count) /* some come twice */
                assert_int_equal(give(r, head(six, turn), d, v[i].from, v[i].to, v[i].to < n).why,
                                 VIA_DROP_FRAG_DUPLICATE);
        }
        check_whole(r, &rx, d, n);
    }
    assert_true(whole > 300);
    assert_int_equal(table(r)->reassembled, whole);
    assert_int_equal(table(r)->failed, 0);
}

static void many_datagrams_at_a_time_do_not_mix(void **state) {
    struct net_rig *r = *state;
    static uint8_t d[32][3000];
    uint32_t i, step;

    for (i = 0; i < 32; i++)
        fill(d[i], 3000, i);
    for (step = 0; step < 3; step++)
        for (i = 0; i < 32; i++) {
            struct via_rx rx = give(r, head((int)(i & 1), i / 2), d[i], step * 1000, step * 1000 + 1000, step < 2);

            assert_int_equal(rx.kind, step < 2 ? VIA_RX_DONE : VIA_RX_DATAGRAM);
            if (step == 2) {
                uint8_t got[3000];

                via_pkt_copy_out(&r->core, rx.pkt, 0, got, 3000);
                assert_memory_equal(got, d[i], 3000);
                rig_release(r, &rx);
            }
        }
    assert_int_equal(rig_held(r), 0);
}

static void protocol_tells_datagrams_of_ip4_apart_and_not_those_of_ip6(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = head(0, 7), other = head(0, 7);
    uint8_t d[2000];

    fill(d, sizeof d, 1);
    other.proto = IPPROTO_TCP;
    give(r, h, d, 0, 1000, true);
    assert_int_equal(give(r, other, d, 1000, 2000, false).kind, VIA_RX_DONE);
    assert_int_equal(rig_held(r), 2);
    via_frag_clear(&r->core);
    h = head(1, 7);
    other = head(1, 7);
    other.proto = 200;
    give(r, h, d, 0, 1000, true);
    {
        struct via_rx rx = give(r, other, d, 1000, 2000, false);

        check_whole(r, &rx, d, 2000); /* RFC 8200 4.5: the first fragment's next header counts */
    }
}

/* Teardrop, RFC 5722. */
static void fragment_that_overlaps_drops_the_datagram(void **state) {
    static const struct piece second[] = {{992, 2000}, {0, 1008}, {8, 16}, {0, 992}, {992, 1000}, {8, 1008}};
    struct net_rig *r = *state;
    uint8_t d[2400];
    size_t i;
    int six;

    fill(d, sizeof d, 1);
    for (six = 0; six < 2; six++)
        for (i = 0; i < VIA_COUNT(second); i++) {
            struct via_ip_head h = head(six, 50 + (uint32_t)i);
            uint64_t before = rig_drops(r, VIA_DROP_FRAG_OVERLAP);
            struct via_rx rx;

            give(r, h, d, 0, 1000, true);
            rx = give(r, h, d, second[i].from, second[i].to, true);
            assert_int_equal(rx.kind, VIA_RX_DROP);
            assert_int_equal(rx.why, VIA_DROP_FRAG_OVERLAP);
            assert_int_equal(rig_drops(r, VIA_DROP_FRAG_OVERLAP), before + 2);
            assert_int_equal(rig_held(r), 0);
        }
    assert_int_equal(r->sent_count, 0);
}

/* RFC 5722 4: nothing comes of it, whatever follows. */
static void overlapped_datagram_of_ip6_stays_dead(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000];

    fill(d, sizeof d, 1);
    give(r, head(1, 3), d, 0, 1000, true);
    give(r, head(1, 3), d, 504, 2000, false);
    assert_int_equal(give(r, head(1, 3), d, 0, 1000, true).why, VIA_DROP_FRAG_OVERLAP);
    assert_int_equal(give(r, head(1, 3), d, 1000, 2000, false).why, VIA_DROP_FRAG_OVERLAP);
    assert_int_equal(rig_held(r), 0);
    rig_wait(r, 31 * VIA_SEC);
    assert_int_equal(r->sent_count, 0);
    assert_int_equal(via_pool_used(&table(r)->datagrams), 0);
    give(r, head(1, 3), d, 0, 1000, true);
    {
        struct via_rx rx = give(r, head(1, 3), d, 1000, 2000, false);

        check_whole(r, &rx, d, 2000);
    }
}

static void exact_duplicate_is_ignored_and_the_first_bytes_win(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000], other[2000];
    struct via_rx rx;

    fill(d, sizeof d, 1);
    fill(other, sizeof other, 2);
    give(r, head(0, 3), d, 0, 1000, true);
    assert_int_equal(give(r, head(0, 3), other, 0, 1000, true).why, VIA_DROP_FRAG_DUPLICATE);
    assert_int_equal(rig_held(r), 1);
    rx = give(r, head(0, 3), d, 1000, 2000, false);
    check_whole(r, &rx, d, 2000);
}

static void two_different_ends_drop_the_datagram(void **state) {
    struct net_rig *r = *state;
    uint8_t d[4000];
    int six;

    fill(d, sizeof d, 1);
    for (six = 0; six < 2; six++) {
        give(r, head(six, 3), d, 1000, 2000, false);
        assert_int_equal(give(r, head(six, 3), d, 2000, 3000, true).why, VIA_DROP_FRAG_OVERLAP);
        assert_int_equal(rig_held(r), 0);
        give(r, head(six, 4), d, 1000, 2000, false);
        assert_int_equal(give(r, head(six, 4), d, 2000, 3000, false).why, VIA_DROP_FRAG_OVERLAP);
        give(r, head(six, 5), d, 2000, 3000, true);
        assert_int_equal(give(r, head(six, 5), d, 1000, 1500, false).why, VIA_DROP_FRAG_OVERLAP);
        assert_int_equal(rig_held(r), 0);
    }
}

/* Ping of Death, Jolt. */
static void datagram_longer_than_65535_is_refused(void **state) {
    static uint8_t d[70000];
    struct net_rig *r = *state;
    struct via_ip_head h = head(0, 9);

    assert_int_equal(give(r, h, d, 65528, 65536, false).why, VIA_DROP_FRAG_TOO_LONG);
    assert_int_equal(give(r, h, d, 65512, 65516, false).why, VIA_DROP_FRAG_TOO_LONG);
    assert_int_equal(give(r, h, d, 65512, 65515, false).kind, VIA_RX_DONE);
    h = head(1, 9);
    assert_int_equal(give(r, h, d, 65528, 65536, false).why, VIA_DROP_FRAG_TOO_LONG);
    assert_int_equal(give(r, h, d, 65528, 65535, false).kind, VIA_RX_DONE);
    assert_int_equal(r->sent_count, 0);
    via_frag_clear(&r->core);
}

/* The end fits with the short header that it came with, but not with the first fragment's options. */
static void first_header_counts_for_the_length_too(void **state) {
    static uint8_t d[65536], b[2048];
    struct net_rig *r = *state;
    uint32_t at, n;
    uint64_t before = rig_drops(r, VIA_DROP_FRAG_TOO_LONG);

    fill(d, 65515, 3);
    for (at = 1400; at < 65515; at += 1400)
        assert_int_equal(give(r, head(0, 9), d, at, at + 1400 < 65515 ? at + 1400 : 65515, at + 1400 < 65515).kind,
                         VIA_RX_DONE);
    {
        struct via_ip_head h = head(0, 9);

        h.flags = VIA_IP_FRAGMENT | VIA_IP_MORE | VIA_IP_ALERT;
        n = rig_ip_frame(b, &h, d, 1400);
    }
    assert_int_equal(rig_input(r, b, n).kind, VIA_RX_DONE);
    assert_int_equal(rig_drops(r, VIA_DROP_FRAG_TOO_LONG), before + 47);
    assert_int_equal(rig_held(r), 0);
}

static void fragment_lengths_are_multiples_of_eight(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000];
    struct rig_parsed p;

    fill(d, sizeof d, 1);
    assert_int_equal(give(r, head(0, 9), d, 0, 1001, true).why, VIA_DROP_FRAG_BAD);
    assert_int_equal(r->sent_count, 0);
    assert_int_equal(give(r, head(1, 9), d, 0, 1001, true).why, VIA_DROP_FRAG_BAD);
    assert_int_equal(r->sent_count, 1); /* RFC 8200 4.5: parameter problem, pointing to the payload length */
    p = rig_parse(&r->sent[0]);
    assert_int_equal(p.payload[0], 4);
    assert_int_equal(p.payload[1], 0);
    assert_int_equal(via_get32(p.payload + 4), 4);
    rig_clear(r);
    assert_int_equal(give(r, head(1, 9), d, 8, 1001, true).why, VIA_DROP_FRAG_BAD);
    assert_int_equal(r->sent_count, 0);
}

static void empty_fragment_is_refused(void **state) {
    struct net_rig *r = *state;
    uint8_t d[16] = {0};
    int six;

    for (six = 0; six < 2; six++) {
        assert_int_equal(give(r, head(six, 9), d, 8, 8, false).why, VIA_DROP_FRAG_BAD);
        assert_int_equal(give(r, head(six, 9), d, 8, 8, true).why, VIA_DROP_FRAG_BAD);
    }
}

/* RFC 1858, RFC 3128, RFC 7112. */
static void first_fragment_without_transport_header_is_refused(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = head(0, 9);
    uint8_t d[64] = {0};

    h.proto = IPPROTO_TCP;
    assert_int_equal(give(r, h, d, 0, 8, true).why, VIA_DROP_FRAG_TINY);
    assert_int_equal(give(r, h, d, 0, 16, true).why, VIA_DROP_FRAG_TINY);
    assert_int_equal(give(r, h, d, 8, 32, true).why, VIA_DROP_FRAG_TINY);
    assert_int_equal(give(r, h, d, 0, 24, true).kind, VIA_RX_DONE);
    assert_int_equal(r->sent_count, 0);
    h = head(1, 9);
    h.proto = IPPROTO_TCP;
    assert_int_equal(give(r, h, d, 0, 16, true).why, VIA_DROP_FRAG_TINY);
    assert_int_equal(r->sent_count, 1);
    assert_int_equal(rig_parse(&r->sent[0]).payload[1], 3);
    via_frag_clear(&r->core);
}

/* RFC 6946. */
static void atomic_fragment_is_a_whole_packet(void **state) {
    struct net_rig *r = *state;
    struct via_rx rx;
    uint8_t d[100];

    fill(d, sizeof d, 1);
    give(r, head(1, 9), d, 0, 80, true); /* waits, and is not touched */
    rx = give(r, head(1, 9), d, 0, 100, false);
    assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
    assert_int_equal(rx.pkt->total, 100);
    rig_release(r, &rx);
    rx = give(r, head(1, 9), d, 80, 100, false);
    check_whole(r, &rx, d, 100);
}

/* CVE-2021-24086, CVE-2024-38063 class. */
static void fragment_inside_a_fragment_is_refused(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000] = {IPPROTO_UDP, 0, 0, 1, 0, 0, 0, 1};
    uint8_t atomic[2000] = {IPPROTO_UDP, 0, 0, 0, 0, 0, 0, 1};
    struct via_ip_head h = head(1, 9);
    struct via_rx rx;
    uint64_t drops;

    h.proto = IPPROTO_FRAGMENT;
    fill(d + 8, 1000, 1);
    fill(atomic + 8, 1992, 1);
    drops = rig_drops(r, VIA_DROP_IP6_CHAIN) + rig_drops(r, VIA_DROP_FRAG_BAD);
    give(r, h, d, 0, 1000, true);
    rx = give(r, h, d, 1000, 2000, false);
    assert_int_not_equal(rx.kind, VIA_RX_DATAGRAM);
    give(r, h, atomic, 0, 1000, true);
    rx = give(r, h, atomic, 1000, 2000, false);
    assert_int_not_equal(rx.kind, VIA_RX_DATAGRAM);
    assert_true(rig_drops(r, VIA_DROP_IP6_CHAIN) + rig_drops(r, VIA_DROP_FRAG_BAD) >= drops + 2);
    via_frag_clear(&r->core);
    assert_int_equal(rig_held(r), 0);
}

/* The same through another header, which the first check does not see as a fragment. */
static void whole_packet_is_not_reassembled_again(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000] = {IPPROTO_FRAGMENT, 0, 1, 4, 0, 0, 0, 0, IPPROTO_UDP, 0, 0, 1, 0, 0, 0, 1};
    struct via_ip_head h = head(1, 9);
    struct via_rx rx;

    h.proto = IPPROTO_DSTOPTS;
    give(r, h, d, 0, 1000, true);
    rx = give(r, h, d, 1000, 2000, false);
    assert_int_not_equal(rx.kind, VIA_RX_DATAGRAM);
    via_frag_clear(&r->core);
    assert_int_equal(rig_held(r), 0);
}

static void extension_headers_in_front_and_behind_are_followed(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000] = {IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0}, b[2048];
    struct via_ip_head h = head(1, 9);
    struct via_rx rx;
    uint32_t n, i;

    /* base, hop-by-hop, fragment; inside: destination options, UDP */
    fill(d + 8, 1992, 1);
    for (i = 0; i < 2; i++) {
        h.flags = (uint8_t)(VIA_IP_FRAGMENT | VIA_IP_ALERT | (i ? 0 : VIA_IP_MORE));
        h.frag_off = (uint16_t)(1000 * i);
        h.proto = IPPROTO_DSTOPTS;
        n = rig_ip_frame(b, &h, d + 1000 * i, 1000);
        rx = rig_input(r, b, n);
    }
    assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
    assert_int_equal(rx.pkt->off - rx.pkt->l3, 40 + 8 + 8);
    check_whole(r, &rx, d + 8, 1992);
}

static void fragments_wait_as_long_as_the_attribute_says(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000];

    fill(d, sizeof d, 1);
    give(r, head(0, 9), d, 0, 1000, true);
    give(r, head(1, 9), d, 1000, 2000, false);
    rig_wait(r, 30 * VIA_SEC - 1);
    assert_int_equal(rig_held(r), 2);
    rig_wait(r, 1);
    assert_int_equal(rig_held(r), 0);
    assert_int_equal(rig_drops(r, VIA_DROP_FRAG_TIMEOUT), 2);
    assert_int_equal(table(r)->failed, 2);
    assert_int_equal(via_pool_used(&table(r)->sources), 0);
}

static void time_exceeded_goes_out_only_with_the_first_fragment(void **state) {
    struct net_rig *r = *state;
    uint8_t d[3000];
    int six;

    fill(d, sizeof d, 1);
    for (six = 0; six < 2; six++) {
        struct via_ip_head h = head(six, 9);
        struct rig_parsed p;

        rig_clear(r);
        give(r, head(six, 9), d, 1000, 2000, true);
        rig_wait(r, 40 * VIA_SEC);
        assert_int_equal(r->sent_count, 0);
        give(r, head(six, 9), d, 1000, 2000, true);
        give(r, head(six, 9), d, 0, 1000, true);
        rig_wait(r, 40 * VIA_SEC);
        assert_int_equal(r->sent_count, 1);
        p = rig_parse(&r->sent[0]);
        assert_int_equal(p.payload[0], six ? 3 : 11);
        assert_int_equal(p.payload[1], 1);
        assert_true(via_addr_eq(&p.ip.dst, &h.src));
        assert_memory_equal(p.payload + (six ? 8 + 48 : 8 + 20), d, 500);
    }
}

static void time_exceeded_does_not_answer_a_group(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("2001:db8::2", "ff02::1", IPPROTO_UDP);
    uint8_t d[2000];

    h.frag_id = 9;
    fill(d, sizeof d, 1);
    give(r, h, d, 0, 1000, true);
    h = rig_head("10.0.0.2", "10.0.0.255", IPPROTO_UDP);
    give(r, h, d, 0, 1000, true);
    rig_wait(r, 40 * VIA_SEC);
    assert_int_equal(r->sent_count, 0);
}

/* FragmentSmack, Rose, New Dawn. */
static void flood_from_one_source_stays_within_its_limits(void **state) {
    struct net_rig *r = *state;
    uint8_t d[1480] = {0};
    uint32_t i;
    int six;

    for (six = 0; six < 2; six++)
        for (i = 0; i < 3000; i++) {
            give(r, head(six, i), d, i & 1 ? 0 : 1400, i & 1 ? 800 : 1480, i & 1);
            assert_true(rig_held(r) <= 64u + 64u * (unsigned)six);
        }
    assert_int_equal(via_pool_used(&table(r)->datagrams), 128);
    assert_true(rig_drops(r, VIA_DROP_FRAG_LIMIT) >= 6000 - 128);
}

/* A /64 has many addresses and one purse. */
static void flood_from_a_prefix_counts_as_one_source(void **state) {
    struct net_rig *r = *state;
    uint8_t d[1480] = {0};
    uint32_t i;

    for (i = 0; i < 500; i++) {
        struct via_ip_head h = head(1, i);

        h.src = rig_addr("2001:db8:1::");
        via_put32(h.src.b + 12, i + 10);
        give(r, h, d, 0, 800, true);
    }
    assert_int_equal(via_pool_used(&table(r)->sources), 1);
    assert_int_equal(via_pool_used(&table(r)->datagrams), 64);
}

static void flood_from_many_sources_evicts_the_oldest(void **state) {
    struct net_rig *r = *state;
    uint8_t d[1480];
    struct via_rx rx;
    uint32_t i;

    fill(d, sizeof d, 1);
    for (i = 0; i < 2000; i++) {
        struct via_ip_head h = head(0, i);

        h.src = via_addr_from4(htonl(0x0b000001 + i));
        give(r, h, d, 0, 800, true);
        assert_true(via_pool_used(&table(r)->datagrams) <= 256);
    }
    /* the newest is still there, the first is not */
    {
        struct via_ip_head h = head(0, 1999);

        h.src = via_addr_from4(htonl(0x0b000001 + 1999));
        rx = give(r, h, d, 800, 1480, false);
        assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
        rig_release(r, &rx);
        h.src = via_addr_from4(htonl(0x0b000001));
        h.frag_id = 0;
        assert_int_equal(give(r, h, d, 800, 1480, false).kind, VIA_RX_DONE);
    }
}

static void frames_are_bounded_over_all_and_by_source(void **state) {
    struct via_attrs a = rig_attrs();
    struct net_rig *r;
    uint8_t d[65536] = {0};
    uint32_t i, k;

    (void)state;
    a.frag_frames = 200;
    r = rig_host(&a, 1);
    for (i = 0; i < 20; i++)
        for (k = 0; k < 40; k++) {
            struct via_ip_head h = head(0, i);

            h.src = via_addr_from4(htonl(0x0b000001 + (i & 3)));
            give(r, h, d, k * 1600, k * 1600 + 800, true);
            assert_true(table(r)->frames <= 200);
            assert_int_equal(rig_held(r), table(r)->frames);
        }
    assert_true(table(r)->frames > 100);
    for (i = 0; i < 20; i++)
        for (k = 0; k < 40; k++)
            give(r, head(1, i), d, k * 1600, k * 1600 + 800, true);
    assert_true(table(r)->source_frames_max == 64);
    rig_end(r);
}

static void fragments_leave_the_reserve_to_the_rings(void **state) {
    struct net_rig *r = *state;
    struct via_list hoard = {0, 0};
    uint8_t d[2000] = {0};
    struct via_pkt *p;

    give(r, head(0, 1), d, 0, 800, true);
    while ((p = via_pkt_new(&r->core, r->core.s->reserve - 4)))
        via_pktq_push(&r->core, &hoard, p);
    assert_int_equal(give(r, head(0, 2), d, 0, 800, true).why, VIA_DROP_FRAG_LIMIT);
    assert_int_equal(via_pool_used(&table(r)->datagrams), 0);
    via_pktq_clear(&r->core, &hoard);
    assert_int_equal(give(r, head(0, 3), d, 0, 800, true).kind, VIA_RX_DONE);
}

static void datagram_in_too_many_pieces_is_given_up(void **state) {
    struct via_attrs a = rig_attrs();
    struct net_rig *r;
    uint8_t d[65536];
    struct via_rx rx = {.kind = VIA_RX_DONE};
    uint32_t i;

    (void)state;
    a.frames = 4096;
    r = rig_host(&a, 1);
    fill(d, sizeof d, 1);
    for (i = 0; i < VIA_FRAG_PARTS; i++)
        assert_int_equal(give(r, head(0, 1), d, i * 16, i * 16 + 16, true).kind, VIA_RX_DONE);
    assert_int_equal(give(r, head(0, 1), d, i * 16, i * 16 + 16, true).why, VIA_DROP_FRAG_LIMIT);
    assert_int_equal(rig_held(r), 0);
    for (i = 0; i < VIA_FRAG_PARTS; i++)
        rx = give(r, head(0, 2), d, i * 16, i * 16 + 16, i + 1 < VIA_FRAG_PARTS);
    check_whole(r, &rx, d, 16 * VIA_FRAG_PARTS);
    rig_end(r);
}

static void reassembly_can_be_switched_off(void **state) {
    struct via_attrs a = rig_attrs();
    struct net_rig *r;
    uint8_t d[2000] = {0};

    (void)state;
    a.frag_max = 0;
    r = rig_host(&a, 1);
    assert_int_equal(give(r, head(0, 1), d, 0, 800, true).why, VIA_DROP_FRAG_OFF);
    assert_int_equal(give(r, head(1, 1), d, 0, 800, true).why, VIA_DROP_FRAG_OFF);
    rig_end(r);
}

/* RFC 3168 5.3. */
static void congestion_mark_of_a_part_marks_the_whole(void **state) {
    struct net_rig *r = *state;
    static const uint8_t tos[][3] = {{2, 3, 3}, {3, 2, 3}, {2, 2, 2}, {1, 3, 3}, {0, 0, 0}};
    uint8_t d[2000];
    size_t i;
    int six;

    fill(d, sizeof d, 1);
    for (six = 0; six < 2; six++)
        for (i = 0; i < VIA_COUNT(tos); i++) {
            struct via_ip_head h = head(six, (uint32_t)i);
            struct via_rx rx;

            h.tos = 0xb8 | tos[i][0];
            give(r, h, d, 0, 1000, true);
            h.tos = 0xb8 | tos[i][1];
            rx = give(r, h, d, 1000, 2000, false);
            assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
            assert_int_equal(rx.tos, 0xb8 | tos[i][2]);
            rig_release(r, &rx);
        }
    {
        struct via_ip_head h = head(0, 99);

        give(r, h, d, 0, 1000, true);
        h.tos = 3;
        assert_int_equal(give(r, h, d, 1000, 2000, false).kind, VIA_RX_DONE);
        assert_int_equal(rig_drops(r, VIA_DROP_FRAG_BAD), 2);
        assert_int_equal(rig_held(r), 0);
    }
}

/* The link vouches for the whole if it did for each part. */
static void vouching_needs_all_parts(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000], b[2048];
    int i;

    fill(d, sizeof d, 1);
    for (i = 0; i < 4; i++) {
        struct via_ip_head h = head(0, (uint32_t)i);
        struct via_rx rx;

        h.flags = VIA_IP_FRAGMENT | VIA_IP_MORE;
        rig_input_as(r, b, rig_ip_frame(b, &h, d, 1000), i & 1 ? VIA_PKT_CSUM_OK : 0);
        h.flags = VIA_IP_FRAGMENT;
        h.frag_off = 1000;
        rx = rig_input_as(r, b, rig_ip_frame(b, &h, d + 1000, 1000), i & 2 ? VIA_PKT_CSUM_OK : 0);
        assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
        assert_int_equal(rx.pkt->flags & VIA_PKT_CSUM_OK, i == 3 ? VIA_PKT_CSUM_OK : 0);
        rig_release(r, &rx);
    }
}

static void padding_of_short_last_fragments_is_cut(void **state) {
    struct net_rig *r = *state;
    uint8_t d[1001], b[2048];
    struct via_ip_head h = head(0, 1);
    struct via_rx rx;
    uint32_t n;

    fill(d, sizeof d, 1);
    give(r, h, d, 0, 1000, true);
    h.flags = VIA_IP_FRAGMENT;
    h.frag_off = 1000;
    memset(b, 0x77, sizeof b);
    n = rig_ip_frame(b, &h, d + 1000, 1);
    assert_true(n < 60);
    rx = rig_input(r, b, 60);
    check_whole(r, &rx, d, 1001);
}

static void fragments_from_a_shared_frame_are_copied_first(void **state) {
    struct net_rig *r = *state;
    uint8_t d[2000], b[2048];
    struct via_ip_head h = head(0, 1);
    struct via_pkt *p = via_pkt_new(&r->core, 0), *clone;
    struct via_rx rx;
    uint32_t n;

    fill(d, sizeof d, 1);
    h.flags = VIA_IP_FRAGMENT | VIA_IP_MORE;
    n = rig_ip_frame(b, &h, d, 1000);
    via_pkt_append(&r->core, p, b, n);
    p->vi = 1;
    clone = via_pkt_clone(&r->core, p);
    assert_non_null(clone);
    via_net_input(&r->core, clone, &rx);
    assert_int_equal(rx.kind, VIA_RX_DONE);
    rx = give(r, head(0, 1), d, 1000, 2000, false);
    assert_memory_equal(via_pkt_data(&r->core, p), b, n);
    via_pkt_release(&r->core, p);
    check_whole(r, &rx, d, 2000);
}

/* Whatever comes in whatever order: bounds hold, and all frames come back. */
static void storm_of_fragments_ends_where_it_began(void **state) {
    struct net_rig *r = *state;
    static uint8_t d[66000];
    uint64_t seed = 5;
    int i;

    for (i = 0; i < 40000; i++) {
        struct via_ip_head h = head((int)(rig_random(&seed) & 1), (uint32_t)(rig_random(&seed) % 40));
        uint32_t from = (uint32_t)(rig_random(&seed) % (i & 1 ? 8191 : 200)) * 8;
        uint32_t to = from + (uint32_t)(rig_random(&seed) % 300);
        struct via_rx rx;

        if (rig_random(&seed) % 2)
            to = from + ((to - from) & ~7u);
        rx = give(r, h, d, from, to, rig_random(&seed) % 4);
        rig_release(r, &rx);
        assert_true(via_frag_valid(&r->core));
        assert_int_equal(rig_held(r), table(r)->frames);
        if (!(rig_random(&seed) % 100))
            rig_wait(r, VIA_SEC);
        rig_clear(r);
    }
    rig_wait(r, 60 * VIA_SEC);
    assert_int_equal(rig_held(r), 0);
    assert_int_equal(via_pool_used(&table(r)->datagrams), 0);
    assert_int_equal(via_pool_used(&table(r)->sources), 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(fragments_in_order_become_whole),
        T(whole_packet_has_a_mended_header),
        T(whole_packet_carries_number_and_time_of_the_last_piece),
        T(pieces_of_any_size_in_any_order_become_whole),
        T(many_datagrams_at_a_time_do_not_mix),
        T(protocol_tells_datagrams_of_ip4_apart_and_not_those_of_ip6),
        T(fragment_that_overlaps_drops_the_datagram),
        T(overlapped_datagram_of_ip6_stays_dead),
        T(exact_duplicate_is_ignored_and_the_first_bytes_win),
        T(two_different_ends_drop_the_datagram),
        T(datagram_longer_than_65535_is_refused),
        T(first_header_counts_for_the_length_too),
        T(fragment_lengths_are_multiples_of_eight),
        T(empty_fragment_is_refused),
        T(first_fragment_without_transport_header_is_refused),
        T(atomic_fragment_is_a_whole_packet),
        T(fragment_inside_a_fragment_is_refused),
        T(whole_packet_is_not_reassembled_again),
        T(extension_headers_in_front_and_behind_are_followed),
        T(fragments_wait_as_long_as_the_attribute_says),
        T(time_exceeded_goes_out_only_with_the_first_fragment),
        T(time_exceeded_does_not_answer_a_group),
        T(flood_from_one_source_stays_within_its_limits),
        T(flood_from_a_prefix_counts_as_one_source),
        T(flood_from_many_sources_evicts_the_oldest),
        T(frames_are_bounded_over_all_and_by_source),
        T(fragments_leave_the_reserve_to_the_rings),
        T(datagram_in_too_many_pieces_is_given_up),
        T(reassembly_can_be_switched_off),
        T(congestion_mark_of_a_part_marks_the_whole),
        T(vouching_needs_all_parts),
        T(padding_of_short_last_fragments_is_cut),
        T(fragments_from_a_shared_frame_are_copied_first),
        T(storm_of_fragments_ends_where_it_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
