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

static struct via_ip_head head(int six) {
    return rig_head(ends[six][0], ends[six][1], 0);
}

/* An echo request with `n` bytes behind identifier and number. */
static uint32_t ping(uint8_t *b, struct via_ip_head *h, uint32_t n) {
    static uint8_t rest[65536];
    uint64_t seed = n;

    rig_noise(&seed, rest, 4 + n);
    via_put16(rest, 0x1234);
    via_put16(rest + 2, 7);
    return rig_icmp_frame(b, h, h->version == 6 ? 128 : 8, 0, rest, 4 + n);
}

static void echo_is_answered_to_the_byte(void **state) {
    static const uint32_t sizes[] = {0, 1, 56, 1000, 1452};
    struct net_rig *r = *state;
    uint8_t b[2048];
    size_t i;
    int six;

    for (six = 0; six < 2; six++)
        for (i = 0; i < VIA_COUNT(sizes); i++) {
            struct via_ip_head h = head(six);
            struct rig_parsed p;
            uint32_t n;

            h.tos = 0xb9;
            n = ping(b, &h, sizes[i]);
            rig_clear(r);
            assert_int_equal(rig_input(r, b, n).kind, VIA_RX_DONE);
            assert_int_equal(r->sent_count, 1);
            p = rig_parse(&r->sent[0]);
            assert_memory_equal(p.eth.dst, rig_peer_mac, 6);
            assert_true(via_addr_eq(&p.ip.src, &h.dst));
            assert_true(via_addr_eq(&p.ip.dst, &h.src));
            assert_int_equal(p.ip.tos, 0xb8);
            assert_int_equal(p.payload[0], six ? 129 : 0);
            assert_int_equal(p.ip.payload, 8 + sizes[i]);
            assert_memory_equal(p.payload + 4, b + n - sizes[i] - 4, 4 + sizes[i]);
        }
    assert_int_equal(rig_held(r), 0);
}

/* No frame but the received one is touched. */
static void echo_is_answered_in_place(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = head(0);
    struct via_list hoard = {0, 0};
    struct via_pkt *p;
    uint8_t b[256];
    uint32_t n = ping(b, &h, 56);

    while ((p = via_pkt_new(&r->core, 1)))
        via_pktq_push(&r->core, &hoard, p);
    assert_int_equal(rig_input(r, b, n).kind, VIA_RX_DONE);
    assert_int_equal(r->sent_count, 1);
    via_pktq_clear(&r->core, &hoard);
}

static void echo_in_a_shared_frame_is_answered_from_a_copy(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = head(0);
    uint8_t b[256];
    uint32_t n = ping(b, &h, 56);
    struct via_pkt *p = via_pkt_new(&r->core, 0), *clone;
    struct via_rx rx;

    via_pkt_append(&r->core, p, b, n);
    p->vi = 1;
    clone = via_pkt_clone(&r->core, p);
    via_net_input(&r->core, clone, &rx);
    rig_flush(r);
    assert_int_equal(rx.kind, VIA_RX_DONE);
    assert_int_equal(r->sent_count, 1);
    rig_parse(&r->sent[0]);
    assert_memory_equal(via_pkt_data(&r->core, p), b, n);
    via_pkt_release(&r->core, p);
}

static void large_echo_is_answered_in_fragments(void **state) {
    static uint8_t d[66000], b[2048], got[66000];
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        struct via_ip_head h = head(six);
        uint32_t n = ping(d, &h, 65000) - (six ? 54 : 34), at, have = 0, i;

        rig_clear(r);
        memmove(d, d + (six ? 54 : 34), n);
        for (at = 0; at < n; at += 1440) {
            uint32_t to = at + 1440 < n ? at + 1440 : n;

            h.flags = (uint8_t)(VIA_IP_FRAGMENT | (to < n ? VIA_IP_MORE : 0));
            h.frag_off = (uint16_t)at;
            h.frag_id = 77;
            assert_int_equal(rig_input(r, b, rig_ip_frame(b, &h, d + at, to - at)).kind, VIA_RX_DONE);
        }
        assert_true(r->sent_count >= 44);
        for (i = 0; i < r->sent_count; i++) {
            struct rig_parsed p = rig_parse(&r->sent[i]);

            assert_true(r->sent[i].len <= 1514);
            assert_int_equal(p.ip.frag_off, have);
            memcpy(got + have, p.payload, p.ip.payload);
            have += p.ip.payload;
        }
        assert_int_equal(have, n);
        assert_int_equal(got[0], six ? 129 : 0);
        assert_memory_equal(got + 4, d + 4, n - 4);
        {
            struct via_ip_head back = rig_head(ends[six][1], ends[six][0], six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

            assert_true(via_sum_ok(via_sum_add(via_icmp_seed(&back, n), got, n)));
        }
    }
    assert_int_equal(rig_held(r), 0);
}

/* RFC 1122 3.2.2.6, smurf; RFC 4443 4.2. */
static void echo_to_a_group_is_answered_by_ip6_alone(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.255", 0);
    struct rig_parsed p;
    uint8_t b[256];

    assert_int_equal(rig_input(r, b, ping(b, &h, 8)).why, VIA_DROP_ICMP_GROUP);
    h = rig_head("10.0.0.2", "224.0.0.1", 0);
    assert_int_equal(rig_input(r, b, ping(b, &h, 8)).why, VIA_DROP_ICMP_GROUP);
    assert_int_equal(r->sent_count, 0);
    h = rig_head("fe80::2", "ff02::1", 0);
    assert_int_equal(rig_input(r, b, ping(b, &h, 8)).kind, VIA_RX_DONE);
    assert_int_equal(r->sent_count, 1);
    p = rig_parse(&r->sent[0]);
    assert_true(via_addr_is_linklocal6(&p.ip.src));
    assert_true(via_addr_eq(&p.ip.dst, &h.src));
}

static void echo_with_a_wrong_checksum_is_dropped(void **state) {
    struct net_rig *r = *state;
    uint8_t b[256];
    int six, mode;

    for (six = 0; six < 2; six++)
        for (mode = 0; mode < 3; mode++) {
            struct via_ip_head h = head(six);
            uint32_t n = ping(b, &h, 9);

            b[n - 1] ^= 1;
            r->core.attrs.checksum = (uint64_t)mode;
            rig_clear(r);
            assert_int_equal(rig_input(r, b, n).kind, mode ? VIA_RX_DROP : VIA_RX_DONE);
            assert_int_equal(r->sent_count, !mode);
            rig_clear(r);
            assert_int_equal(rig_input_as(r, b, n, VIA_PKT_CSUM_OK).kind, mode == 2 ? VIA_RX_DROP : VIA_RX_DONE);
        }
    assert_int_equal(rig_drops(r, VIA_DROP_ICMP_CHECKSUM), 6);
}

static void short_icmp_is_dropped(void **state) {
    struct net_rig *r = *state;
    uint8_t b[256], rest[4] = {0};
    uint32_t n;
    int six;

    for (six = 0; six < 2; six++)
        for (n = 0; n < 4; n++) {
            struct via_ip_head h = head(six);

            assert_int_equal(rig_input(r, b, rig_icmp_frame(b, &h, six ? 128 : 8, 0, rest, n)).why, VIA_DROP_ICMP_BAD);
        }
    assert_int_equal(r->sent_count, 0);
}

static void echo_replies_have_a_rate(void **state) {
    struct via_attrs a = rig_attrs();
    struct net_rig *r;
    struct via_ip_head h = head(0);
    uint8_t b[256];
    uint32_t n = ping(b, &h, 8), i;

    (void)state;
    a.icmp_echo_rate = 1000;
    r = rig_host(&a, 1);
    for (i = 0; i < 5000; i++) {
        rig_input(r, b, n);
        rig_wait(r, VIA_SEC / 5000);
    }
    assert_in_range(r->sent_count, 1000, 1020);
    assert_int_equal(rig_drops(r, VIA_DROP_ICMP_RATE), 5000 - r->sent_count);
    r->core.net->icmp.echo_rate = via_rate_of(0, 0);
    rig_clear(r);
    rig_wait(r, VIA_SEC);
    rig_input(r, b, n);
    assert_int_equal(r->sent_count, 0);
    rig_end(r);
}

static void echo_for_an_address_of_the_kernel_is_left_to_it(void **state) {
    struct net_rig *r = *state;
    struct via_ifaddr a = {.addr = rig_addr("10.0.0.70"), .iface = 1, .prefix = 24};
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.70", 0);
    uint8_t b[256];
    struct via_rx rx;

    a.flags = VIA_ADDR_NODAD | VIA_ADDR_KERNEL;
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
    rig_clear(r);
    assert_int_equal(rig_input(r, b, ping(b, &h, 8)).why, VIA_DROP_IP_KERNEL);
    rx = rig_input(r, b, rig_udp_frame(b, &h, NULL, 8));
    assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
    via_net_unreachable(&r->core, rx.pkt, &rx);
    rig_release(r, &rx);
    rig_flush(r);
    assert_int_equal(r->sent_count, 0);
}

static void replies_and_unknown_types_are_dropped(void **state) {
    static const uint8_t types[2][4] = {{0, 13, 4, 17}, {129, 138, 200, 127}};
    struct net_rig *r = *state;
    uint8_t b[256], rest[40] = {0};
    int six, i;

    for (six = 0; six < 2; six++)
        for (i = 0; i < 4; i++) {
            struct via_ip_head h = head(six);

            assert_int_equal(rig_input(r, b, rig_icmp_frame(b, &h, types[six][i], 1, rest, 40)).why,
                             VIA_DROP_ICMP_TYPE);
        }
    assert_int_equal(r->sent_count, 0);
}

static void unreachable_quotes_as_much_as_fits(void **state) {
    static const uint32_t sizes[] = {0, 100, 520, 1000, 1440};
    struct net_rig *r = *state;
    uint8_t b[2048];
    size_t i;
    int six;

    for (six = 0; six < 2; six++)
        for (i = 0; i < VIA_COUNT(sizes); i++) {
            struct via_ip_head h = head(six);
            uint32_t n = rig_udp_frame(b, &h, NULL, sizes[i]), quoted;
            struct via_rx rx;
            struct rig_parsed p;

            rig_wait(r, VIA_SEC);
            rig_clear(r);
            rx = rig_input(r, b, n);
            via_net_unreachable(&r->core, rx.pkt, &rx);
            rig_flush(r);
            assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
            rig_release(r, &rx);
            assert_int_equal(r->sent_count, 1);
            p = rig_parse(&r->sent[0]);
            quoted = via_min32(n - 14, six ? 1280 - 48 : 576 - 28);
            assert_int_equal(p.payload[0], six ? 1 : 3);
            assert_int_equal(p.payload[1], six ? 4 : 3);
            assert_int_equal(p.ip.payload, 8 + quoted);
            assert_memory_equal(p.payload + 8, b + 14, quoted);
            assert_true(via_addr_eq(&p.ip.src, &h.dst));
        }
}

/* The quote of a datagram in pieces is that of a whole one. */
static void unreachable_for_a_reassembled_datagram_quotes_it_whole(void **state) {
    struct net_rig *r = *state;
    uint8_t d[3000], b[2048];
    int six;

    for (six = 0; six < 2; six++) {
        struct via_ip_head h = head(six);
        struct via_quote q;
        struct via_rx rx;
        struct rig_parsed p;
        uint64_t seed = 1;

        rig_clear(r);
        rig_noise(&seed, d, sizeof d);
        h.proto = IPPROTO_UDP;
        h.flags = VIA_IP_FRAGMENT | VIA_IP_MORE;
        rig_input(r, b, rig_ip_frame(b, &h, d, 104));
        h.flags = VIA_IP_FRAGMENT;
        h.frag_off = 104;
        rx = rig_input(r, b, rig_ip_frame(b, &h, d + 104, 1200));
        assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
        via_net_unreachable(&r->core, rx.pkt, &rx);
        rig_flush(r);
        rig_release(r, &rx);
        p = rig_parse(&r->sent[0]);
        assert_true(via_quote_parse(&q, six ? 6 : 4, p.payload + 8, p.ip.payload - 8u) > 0);
        assert_false(q.fragment);
        assert_int_equal(q.total, 1304 + (six ? 40 : 20));
        assert_memory_equal(p.payload + 8 + q.hlen, d, 400);
    }
}

/* URGENT/11: options come in, none goes out but in the quote. */
static void options_are_never_echoed(void **state) {
    static const uint8_t record[8] = {7, 7, 4, 0, 0, 0, 0, 0};
    struct net_rig *r = *state;
    struct via_ip_head h = head(0);
    uint8_t b[256];
    uint32_t n = ping(b, &h, 20);
    int i;

    for (i = 0; i < 2; i++) {
        memmove(b + 34 + 8, b + 34, n - 34);
        memcpy(b + 34, record, 8);
        b[14] = 0x47;
        if (i)
            b[23] = 200; /* no such protocol */
        via_put16(b + 16, (uint16_t)(n - 14 + 8));
        via_store16(b + 24, 0);
        via_store16(b + 24, via_sum_end(via_sum_add(0, b + 14, 28)));
        rig_clear(r);
        rig_input(r, b, n + 8);
        assert_int_equal(r->sent_count, 1);
        assert_int_equal(rig_parse(&r->sent[0]).ip.hlen, 20);
        n = ping(b, &h, 20);
    }
}

/* Everything that RFC 1122 3.2.2 and RFC 4443 2.4 (e) forbid to answer. */
static void errors_never_answer_what_must_not_be_answered(void **state) {
    static const struct {
        const char *src, *dst;
        uint8_t proto, type;
        bool later, link_group;
    } cases[] = {
        {"10.0.0.2", "10.0.0.255", 17, 0, false, false},       {"10.0.0.2", "224.0.0.1", 17, 0, false, false},
        {"10.0.0.2", "10.0.0.1", 1, 3, false, false},          {"10.0.0.2", "10.0.0.1", 1, 4, false, false},
        {"10.0.0.2", "10.0.0.1", 1, 5, false, false},          {"10.0.0.2", "10.0.0.1", 1, 11, false, false},
        {"10.0.0.2", "10.0.0.1", 1, 12, false, false},         {"10.0.0.2", "10.0.0.1", 17, 0, true, false},
        {"10.0.0.2", "10.0.0.1", 17, 0, false, true},          {"0.0.0.0", "10.0.0.1", 17, 0, false, false},
        {"224.0.0.1", "10.0.0.1", 17, 0, false, false},        {"10.0.0.255", "10.0.0.1", 17, 0, false, false},
        {"255.255.255.255", "10.0.0.1", 17, 0, false, false},  {"10.0.0.1", "10.0.0.1", 17, 0, false, false},
        {"2001:db8::2", "ff02::1", 17, 0, false, false},       {"2001:db8::2", "2001:db8::1", 58, 1, false, false},
        {"2001:db8::2", "2001:db8::1", 58, 2, false, false},   {"2001:db8::2", "2001:db8::1", 58, 100, false, false},
        {"2001:db8::2", "2001:db8::1", 58, 137, false, false}, {"2001:db8::2", "2001:db8::1", 17, 0, true, false},
        {"2001:db8::2", "2001:db8::1", 17, 0, false, true},    {"::", "2001:db8::1", 17, 0, false, false},
        {"ff02::1", "2001:db8::1", 17, 0, false, false},       {"2001:db8::1", "2001:db8::1", 17, 0, false, false},
    };
    struct net_rig *r = *state;
    struct via_core *c = &r->core;
    size_t i;

    for (i = 0; i <= VIA_COUNT(cases); i++) {
        bool control = i == VIA_COUNT(cases); /* the same, harmless: it is answered */
        struct via_ip_head h = rig_head(control ? "10.0.0.2" : cases[i].src, control ? "10.0.0.1" : cases[i].dst, 17);
        struct via_icmp m = {.kind = VIA_ICMP_NO_PORT};
        struct via_pkt *p = via_pkt_new(c, 0);
        uint8_t b[256], payload[64] = {0};
        uint32_t n;

        if (!control) {
            h.proto = cases[i].proto;
            payload[0] = cases[i].type;
            h.flags = cases[i].later ? VIA_IP_FRAGMENT : 0;
            h.frag_off = cases[i].later ? 64 : 0;
        }
        n = rig_ip_frame(b, &h, payload, 64);
        via_pkt_append(c, p, b, n);
        via_pkt_pull(p, 14);
        p->l3 = p->off;
        p->vi = 1;
        p->flags = !control && cases[i].link_group ? VIA_PKT_MCAST : 0;
        m.version = h.version;
        assert_int_equal(via_icmp_answer(c, p, &m, false), control);
        rig_flush(r);
        assert_int_equal(r->sent_count, control);
        via_pkt_release(c, p);
    }
}

static void errors_are_limited_per_destination_and_over_all(void **state) {
    struct net_rig *r = *state;
    uint8_t b[256];
    uint32_t i, k, n, one;

    for (i = 0; i < 1000; i++) {
        struct via_ip_head h = head(0);
        struct via_rx rx;

        rx = rig_input(r, b, rig_udp_frame(b, &h, NULL, 8));
        via_net_unreachable(&r->core, rx.pkt, &rx);
        rig_release(r, &rx);
        rig_wait(r, VIA_MS);
        rig_flush(r);
    }
    one = r->sent_count;
    assert_in_range(one, 10, 35);
    assert_int_equal(rig_drops(r, VIA_DROP_ICMP_RATE), 1000 - one);
    rig_wait(r, 10 * VIA_SEC);
    rig_clear(r);
    for (i = 0, n = 0; i < 1000; i++)
        for (k = 0; k < 4; k++, n++) {
            struct via_ip_head h = head(0);
            struct via_rx rx;

            h.src = via_addr_from4(htonl(0x0a000000 | (2 + (k & 1))));
            if (k & 2)
                h.src = via_addr_from4(htonl(0xc0000000 + n));
            rx = rig_input(r, b, rig_udp_frame(b, &h, NULL, 8));
            via_net_unreachable(&r->core, rx.pkt, &rx);
            rig_release(r, &rx);
            rig_wait(r, VIA_MS / 4);
            rig_flush(r);
        }
    assert_in_range(r->sent_count, 30, 122);
}

/* CVE-2020-25705: how many answers I get does not tell how many somebody else got. */
static void flood_from_one_source_leaves_answers_to_another(void **state) {
    struct net_rig *r = *state;
    uint8_t b[256];
    uint32_t i, answered = 0;

    for (i = 0; i < 2000; i++) {
        struct via_ip_head h = head(0);
        struct via_rx rx;

        h.src = rig_addr(i % 100 ? "10.0.0.3" : "10.0.0.2");
        rig_clear(r);
        rx = rig_input(r, b, rig_udp_frame(b, &h, NULL, 8));
        via_net_unreachable(&r->core, rx.pkt, &rx);
        rig_release(r, &rx);
        rig_flush(r);
        if (!(i % 100))
            answered += r->sent_count;
        rig_wait(r, 2 * VIA_MS);
    }
    assert_int_equal(answered, 20);
}

static void errors_can_be_switched_off(void **state) {
    struct via_attrs a = rig_attrs();
    struct net_rig *r;
    struct via_ip_head h = head(0);
    uint8_t b[256];

    (void)state;
    a.icmp_rate = 0;
    r = rig_host(&a, 1);
    h.proto = 200;
    rig_input(r, b, rig_ip_frame(b, &h, "12345678", 8));
    assert_int_equal(r->sent_count, 0);
    rig_end(r);
}

/* An error about a packet of ours. */
struct error {
    int six;
    uint8_t type, code;
    uint32_t arg;
    uint8_t proto;
    const char *from, *src, *dst; /* who tells; ends of the quoted packet */
    uint16_t size;                /* of the quoted packet, headers included; 0: 1500 */
};

static struct via_rx tell(struct net_rig *r, const struct error *e) {
    uint8_t b[2048], quote[64], rest[4 + 64];
    struct via_ip_head q = rig_head(e->src ? e->src : ends[e->six][1], e->dst ? e->dst : "10.0.0.2", e->proto);
    struct via_ip_head h = rig_head(e->from ? e->from : ends[e->six][0], ends[e->six][1], 0);
    uint32_t n;

    if (e->six && !e->dst)
        q.dst = rig_addr(ends[1][0]);
    q.version = e->six ? 6 : 4;
    q.ttl = 60;
    q.payload = (uint16_t)((e->size ? e->size : 1500) - (e->six ? 40 : 20));
    n = (uint32_t)via_ip_emit(quote, &q);
    via_put16(quote + n, 5000);
    via_put16(quote + n + 2, 53);
    via_put32(quote + n + 4, 0xdeadbeef);
    via_put32(rest, e->arg);
    memcpy(rest + 4, quote, n + 8);
    rig_clear(r);
    return rig_input(r, b, rig_icmp_frame(b, &h, e->type, e->code, rest, 4 + n + 8));
}

static void errors_come_up_with_flow_and_reason(void **state) {
    static const struct {
        struct error e;
        int reason;
        bool hard;
    } cases[] = {
        {{.type = 3, .code = 0, .proto = 17}, -ENETUNREACH, false},
        {{.type = 3, .code = 1, .proto = 17}, -EHOSTUNREACH, false},
        {{.type = 3, .code = 2, .proto = 17}, -ENOPROTOOPT, true},
        {{.type = 3, .code = 3, .proto = 17}, -ECONNREFUSED, true},
        {{.type = 3, .code = 4, .proto = 17, .arg = 1400}, -EMSGSIZE, false},
        {{.type = 3, .code = 5, .proto = 17}, -EOPNOTSUPP, false},
        {{.type = 3, .code = 9, .proto = 17}, -EACCES, false},
        {{.type = 3, .code = 13, .proto = 6}, -EACCES, false},
        {{.type = 11, .code = 0, .proto = 6}, -EHOSTUNREACH, false},
        {{.type = 11, .code = 1, .proto = 6}, -EHOSTUNREACH, false},
        {{.type = 12, .code = 0, .proto = 6}, -EPROTO, false},
        {{.six = 1, .type = 1, .code = 0, .proto = 17}, -ENETUNREACH, false},
        {{.six = 1, .type = 1, .code = 1, .proto = 17}, -EACCES, false},
        {{.six = 1, .type = 1, .code = 3, .proto = 17}, -EHOSTUNREACH, false},
        {{.six = 1, .type = 1, .code = 4, .proto = 17}, -ECONNREFUSED, true},
        {{.six = 1, .type = 2, .code = 0, .proto = 17, .arg = 1400}, -EMSGSIZE, false},
        {{.six = 1, .type = 3, .code = 0, .proto = 17}, -EHOSTUNREACH, false},
        {{.six = 1, .type = 4, .code = 1, .proto = 6}, -ENOPROTOOPT, true},
    };
    struct net_rig *r = *state;
    size_t i;

    for (i = 0; i < VIA_COUNT(cases); i++) {
        struct via_rx rx = tell(r, &cases[i].e);
        struct via_addr local = rig_addr(ends[cases[i].e.six][1]), remote = rig_addr(ends[cases[i].e.six][0]);

        assert_int_equal(rx.kind, VIA_RX_ERROR);
        assert_int_equal(rx.reason, cases[i].reason);
        assert_int_equal(rx.hard, cases[i].hard);
        assert_true(via_addr_eq(&rx.flow.local, &local));
        assert_true(via_addr_eq(&rx.flow.remote, &remote));
        assert_int_equal(rx.flow.lport, 5000);
        assert_int_equal(rx.flow.rport, 53);
        assert_int_equal(rx.flow.proto, cases[i].e.proto);
        assert_int_equal(rx.flow.iface, 0);
        if (rx.flow.proto == 6)
            assert_int_equal(rx.seq, 0xdeadbeef);
        if (rx.reason == -EMSGSIZE)
            assert_int_equal(rx.mtu, 1400);
        rig_release(r, &rx);
        assert_int_equal(r->sent_count, 0);
    }
}

static void source_quench_is_ignored(void **state) {
    struct net_rig *r = *state;
    struct error quench = {.type = 4, .proto = 6};

    assert_int_equal(tell(r, &quench).why, VIA_DROP_ICMP_TYPE);
}

static void errors_about_packets_that_are_not_ours_are_dropped(void **state) {
    static const struct error cases[] = {
        {.type = 3, .code = 3, .proto = 17, .src = "10.0.0.3"},
        {.type = 3, .code = 3, .proto = 17, .src = "127.0.0.1"},
        {.type = 3, .code = 3, .proto = 17, .dst = "224.0.0.7"},
        {.type = 3, .code = 3, .proto = 17, .dst = "255.255.255.255"},
        {.type = 3, .code = 3, .proto = 17, .dst = "0.0.0.0"},
        {.type = 3, .code = 3, .proto = 47},
        {.type = 3, .code = 4, .proto = 47, .arg = 1400},
        {.type = 3, .code = 3, .proto = 1},
        {.six = 1, .type = 1, .code = 4, .proto = 17, .src = "2001:db8::3"},
        {.six = 1, .type = 1, .code = 4, .proto = 17, .dst = "ff0e::1"},
        {.six = 1, .type = 1, .code = 4, .proto = 17, .dst = "10.0.0.2"},
        {.six = 1, .type = 1, .code = 4, .proto = 17, .src = "10.0.0.1"},
    };
    const size_t disguised = VIA_COUNT(cases) - 2; /* IPv4 inside IPv6 */
    struct net_rig *r = *state;
    size_t i;

    for (i = 0; i < VIA_COUNT(cases); i++)
        assert_int_equal(tell(r, &cases[i]).why, i < disguised ? VIA_DROP_ICMP_NO_FLOW : VIA_DROP_ICMP_BAD);
}

static void error_to_a_group_is_not_believed(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.2", "10.0.0.255", 0), q = rig_head("10.0.0.1", "10.0.0.2", 17);
    uint8_t b[256], rest[64] = {0};

    q.payload = 8;
    via_ip_emit(rest + 4, &q);
    assert_int_equal(rig_input(r, b, rig_icmp_frame(b, &h, 3, 3, rest, 32)).why, VIA_DROP_ICMP_NO_FLOW);
}

static void quote_cut_anywhere_does_no_harm(void **state) {
    struct net_rig *r = *state;
    uint8_t b[256], rest[128];
    uint32_t n;
    int six;

    for (six = 0; six < 2; six++)
        for (n = 0; n <= 48; n++) {
            struct via_ip_head h = head(six), q = rig_head(ends[six][1], ends[six][0], 17);
            uint32_t hl = six ? 40 : 20;
            struct via_rx rx;

            memset(rest, 0, sizeof rest);
            q.payload = 100;
            via_ip_emit(rest + 4, &q);
            rx = rig_input(r, b, rig_icmp_frame(b, &h, six ? 1 : 3, six ? 4 : 3, rest, 4 + n));
            if (n < hl)
                assert_int_equal(rx.why, VIA_DROP_ICMP_BAD);
            else if (n < hl + 4)
                assert_int_equal(rx.why, VIA_DROP_ICMP_NO_FLOW);
            else
                assert_int_equal(rx.kind, VIA_RX_ERROR);
            rig_release(r, &rx);
        }
}

static uint32_t mtu_to(struct net_rig *r, const char *dst) {
    struct via_addr a = rig_addr(dst);

    return via_pmtu_get(&r->core, &a, 1, 1500);
}

/* RFC 5927 7: only who knows the flow makes it believed. */
static void path_mtu_is_believed_after_the_flow_was_found(void **state) {
    struct net_rig *r = *state;
    struct error four = {.type = 3, .code = 4, .proto = 17, .arg = 1400};
    struct error six = {.six = 1, .type = 2, .proto = 17, .arg = 1300};
    struct via_rx rx = tell(r, &four);

    assert_int_equal(mtu_to(r, ends[0][0]), 1500);
    via_net_pmtu(&r->core, &rx);
    assert_int_equal(mtu_to(r, ends[0][0]), 1400);
    rig_release(r, &rx);
    rx = tell(r, &six);
    via_net_pmtu(&r->core, &rx);
    assert_int_equal(mtu_to(r, ends[1][0]), 1300);
    rig_release(r, &rx);
}

/* CVE-2004-0790, -0791, -1060. */
static void path_mtu_that_cannot_be_is_refused(void **state) {
    static const struct {
        struct error e;
        uint32_t mtu; /* 0: dropped */
    } cases[] = {
        {{.type = 3, .code = 4, .proto = 17, .arg = 68}, 552},
        {{.type = 3, .code = 4, .proto = 17, .arg = 0}, 1492},
        {{.type = 3, .code = 4, .proto = 17, .arg = 9000}, 1492},
        {{.type = 3, .code = 4, .proto = 17, .arg = 100, .size = 500}, 0},
        {{.six = 1, .type = 2, .proto = 17, .arg = 68}, 0},
        {{.six = 1, .type = 2, .proto = 17, .arg = 1279}, 0},
        {{.six = 1, .type = 2, .proto = 17, .arg = 1280}, 1280},
        {{.six = 1, .type = 2, .proto = 17, .arg = 1500}, 0},
        {{.six = 1, .type = 2, .proto = 17, .arg = 0xffffffff}, 0},
    };
    struct net_rig *r = *state;
    size_t i;

    for (i = 0; i < VIA_COUNT(cases); i++) {
        struct via_rx rx = tell(r, &cases[i].e);

        if (cases[i].mtu) {
            assert_int_equal(rx.kind, VIA_RX_ERROR);
            assert_int_equal(rx.mtu, cases[i].mtu);
        } else {
            assert_int_equal(rx.why, VIA_DROP_ICMP_BAD);
        }
        rig_release(r, &rx);
    }
}

/* A ping of 1400 bytes through a tunnel: nobody but us can learn what its answer met, and no flow suffers from it. */
static void too_big_about_an_echo_reply_counts_for_echo_replies(void **state) {
    struct net_rig *r = *state;
    uint8_t b[2048];
    int six;

    for (six = 0; six < 2; six++) {
        struct error e = {.six = six, .type = six ? 2 : 3, .code = six ? 0 : 4, .proto = six ? IPPROTO_ICMPV6 : 1};
        struct via_ip_head h = head(six);
        uint32_t n = ping(b, &h, 1400);

        rig_clear(r);
        rig_input(r, b, n);
        assert_int_equal(r->sent_count, 1);
        e.arg = 1300;
        assert_int_equal(tell(r, &e).kind, VIA_RX_DONE);
        rig_clear(r);
        rig_input(r, b, n);
        assert_int_equal(r->sent_count, 2);
        assert_true(r->sent[0].len <= 14 + 1300);
        assert_int_equal(mtu_to(r, ends[six][0]), 1500);
        e.src = six ? "2001:db8::3" : "10.0.0.3";
        assert_int_equal(tell(r, &e).kind, VIA_RX_DROP);
    }
    rig_wait(r, 601 * VIA_SEC);
    assert_int_equal(via_pool_used(&r->core.net->pmtu.entries), 0);
}

static void error_about_a_link_local_flow_names_the_interface(void **state) {
    struct net_rig *r = *state;
    uint8_t b[256], rest[64] = {0};
    struct via_ip_head h = rig_head("fe80::2", "fe80::1", 0), q = rig_head("fe80::1", "fe80::2", 17);
    struct via_rx rx;

    q.payload = 8;
    via_ip_emit(rest + 4, &q);
    rx = rig_input(r, b, rig_icmp_frame(b, &h, 1, 4, rest, 4 + 48));
    assert_int_equal(rx.kind, VIA_RX_ERROR);
    assert_int_equal(rx.flow.iface, 1);
    rig_release(r, &rx);
}

static void echo_to_ourselves_comes_back_through_the_loop(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        struct via_dest d = {.dst = rig_addr(ends[six][1]), .proto = six ? IPPROTO_ICMPV6 : IPPROTO_ICMP};
        struct via_path path;
        struct via_pkt *p = via_pkt_new(&r->core, 0);
        struct via_ip_head h = {.version = six ? 6 : 4};
        struct via_icmp m = {.kind = VIA_ICMP_ECHO, .version = six ? 6 : 4};

        assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
        h.src = path.src;
        h.dst = path.dst;
        h.proto = d.proto;
        p->len = (uint16_t)via_icmp_emit(via_pkt_data(&r->core, p), &m);
        p->total = p->len;
        via_icmp_seal(via_pkt_data(&r->core, p), p->len, &h);
        assert_int_equal(via_net_output(&r->core, &path, p, true), VIA_KEPT);
        assert_int_equal(rig_loop(r).kind, VIA_RX_DONE);       /* the request: answered */
        assert_int_equal(rig_loop(r).why, VIA_DROP_ICMP_TYPE); /* the reply: nobody asked */
        assert_int_equal(r->sent_count, 0);
    }
    assert_int_equal(rig_held(r), 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(echo_is_answered_to_the_byte),
        T(echo_is_answered_in_place),
        T(echo_in_a_shared_frame_is_answered_from_a_copy),
        T(large_echo_is_answered_in_fragments),
        T(echo_to_a_group_is_answered_by_ip6_alone),
        T(echo_with_a_wrong_checksum_is_dropped),
        T(short_icmp_is_dropped),
        T(echo_replies_have_a_rate),
        T(echo_for_an_address_of_the_kernel_is_left_to_it),
        T(replies_and_unknown_types_are_dropped),
        T(unreachable_quotes_as_much_as_fits),
        T(unreachable_for_a_reassembled_datagram_quotes_it_whole),
        T(options_are_never_echoed),
        T(errors_never_answer_what_must_not_be_answered),
        T(errors_are_limited_per_destination_and_over_all),
        T(flood_from_one_source_leaves_answers_to_another),
        T(errors_can_be_switched_off),
        T(errors_come_up_with_flow_and_reason),
        T(source_quench_is_ignored),
        T(errors_about_packets_that_are_not_ours_are_dropped),
        T(error_to_a_group_is_not_believed),
        T(quote_cut_anywhere_does_no_harm),
        T(path_mtu_is_believed_after_the_flow_was_found),
        T(path_mtu_that_cannot_be_is_refused),
        T(too_big_about_an_echo_reply_counts_for_echo_replies),
        T(error_about_a_link_local_flow_names_the_interface),
        T(echo_to_ourselves_comes_back_through_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
