/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t mac9[6] = {2, 0, 0, 0, 0, 9};

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
    a->accept_ra = 0;
}

static void no_pmtu(struct via_attrs *a) {
    plain(a);
    a->pmtu = 0;
}

static struct bench *host(void (*set)(struct via_attrs *), uint32_t caps, uint32_t mtu) {
    struct bench *r = bench_new(1, set ? set : plain);
    struct via_neigh_entry e = {.iface = 1};

    bench_attach(r, caps, mtu);
    bench_addr(r, 1, "192.0.2.1", 24);
    memcpy(e.mac, mac9, 6);
    e.addr = bench_ip("192.0.2.9");
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), 0);
    if (mtu >= 1280) {
        bench_addr(r, 1, "2001:db8::1", 64);
        e.addr = bench_ip("2001:db8::9");
        assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), 0);
    }
    bench_pass(r, 10 * VIA_SEC);
    bench_hush(r);
    return r;
}

static struct via_path path_to(struct bench *r, const char *dst) {
    struct via_dest d = {.dst = bench_ip(dst), .proto = IPPROTO_UDP};
    struct via_path path;

    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    return path;
}

static const char *const both[] = {"192.0.2.9", "2001:db8::9"};

static void what_fits_goes_as_it_is(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct via_path path = path_to(r, both[i]);
        uint32_t len;

        for (len = 0; len <= 1500u - path.ip_len; len += len < 40 ? 1 : 97) {
            const struct bench_sent *s;

            assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, len), len & 1), VIA_KEPT);
            s = bench_next(r); /* the rig checks the header's checksum and lengths */
            assert_int_equal(s->ip.payload, len);
            assert_int_equal(s->ip.proto, IPPROTO_UDP);
            assert_int_equal(s->ip.ttl, 64);
            assert_int_equal(s->ip.flags, i ? 0 : VIA_IP_DF);
            assert_int_equal(s->ip.frag_id, 0);
            assert_memory_equal(s->eth.dst, mac9, 6);
            assert_true(len < 2 || (s->payload[0] == 0 && s->payload[len - 1] == (uint8_t)(len - 1)));
        }
    }
    bench_free(r);
}

/* Puts the fragments of one datagram together, naively, and looks at every one. */
static uint32_t collect(struct bench *r, const char *dst, uint32_t mtu, uint8_t *out, uint32_t *id) {
    struct via_addr a = bench_ip(dst);
    const struct bench_sent *s;
    uint32_t have = 0, n = 0;
    bool more = true;

    while (more && (s = bench_next_to(r, &a))) {
        assert_true(via_ip_total(&s->ip) <= mtu);
        assert_int_equal(s->ip.frag_off, have);
        more = s->ip.flags & VIA_IP_MORE;
        assert_true(!more || (s->ip.payload % 8 == 0 && via_ip_total(&s->ip) + 8 > mtu));
        assert_true(s->ip.flags & VIA_IP_FRAGMENT);
        assert_false(s->ip.flags & VIA_IP_DF);
        assert_int_equal(s->ip.proto, IPPROTO_UDP);
        assert_true(!n || s->ip.frag_id == *id);
        *id = s->ip.frag_id;
        memcpy(out + have, s->payload, s->ip.payload);
        have += s->ip.payload;
        n++;
    }
    assert_false(more);
    return have;
}

static void check_sizes(uint32_t mtu) {
    static const uint32_t sizes[] = {0, 1, 7, 8, 9, 100, 1000, 3000, 20000, 65000};
    struct bench *r = host(NULL, 0, mtu);
    uint8_t *bytes = malloc(70000);
    uint32_t id = 0, len, i, j, k;

    for (i = 0; i < (mtu >= 1280 ? 2 : 1); i++) {
        struct via_path path = path_to(r, both[i]);

        for (j = 0; j < VIA_COUNT(sizes); j++) {
            len = mtu - path.ip_len + 1 + sizes[j];
            if (len > 65535u - path.ip_len)
                len = 65535u - path.ip_len;
            assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, len), false), VIA_KEPT);
            assert_int_equal(collect(r, both[i], mtu, bytes, &id), len);
            for (k = 0; k < len; k++)
                assert_int_equal(bytes[k], (uint8_t)k);
            assert_null(bench_next(r));
        }
        assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, mtu), true), VIA_DROP_TOO_LONG);
    }
    assert_int_equal(r->core.net->fragmented, (mtu >= 1280 ? 2 : 1) * VIA_COUNT(sizes));
    free(bytes);
    bench_free(r);
}

static void fragments_fill_an_mtu_of_576(void **state) {
    (void)state;
    check_sizes(576);
}

static void fragments_fill_an_mtu_of_1280(void **state) {
    (void)state;
    check_sizes(1280);
}

static void fragments_fill_an_mtu_of_1500(void **state) {
    (void)state;
    check_sizes(1500);
}

static void the_largest_datagram_goes_and_nothing_larger(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9");

    (void)state;
    assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 65515), false), VIA_KEPT);
    bench_hush(r);
    assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 65516), false), VIA_DROP_TOO_LONG);
    assert_null(bench_next(r));
    assert_int_equal(r->core.s->drops[VIA_DROP_TOO_LONG], 1);
    bench_free(r);
}

static void identifications_count_up_per_destination_from_a_secret_start(void **state) {
    struct bench *r = host(NULL, 0, 1500), *other = bench_new(99, plain);
    struct via_path path = path_to(r, "192.0.2.9");
    uint8_t bytes[4000];
    uint32_t first = 0, id = 0;

    (void)state;
    via_net_output(&r->core, &path, bench_payload(r, 2000), false);
    collect(r, "192.0.2.9", 1500, bytes, &first);
    via_net_output(&r->core, &path, bench_payload(r, 2000), false);
    collect(r, "192.0.2.9", 1500, bytes, &id);
    assert_int_equal(id, (first + 1) & 0xffff);
    assert_memory_not_equal(r->core.net->ids, other->core.net->ids, sizeof r->core.net->ids);
    bench_free(other);
    bench_free(r);
}

static void without_discovery_only_who_asks_gets_df(void **state) {
    struct bench *r = host(no_pmtu, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9");
    const struct bench_sent *s;
    uint32_t id;

    (void)state;
    via_net_output(&r->core, &path, bench_payload(r, 100), true);
    s = bench_next(r);
    assert_int_equal(s->ip.flags, VIA_IP_DF);
    assert_int_equal(s->ip.frag_id, 0);
    via_net_output(&r->core, &path, bench_payload(r, 100), false);
    s = bench_next(r);
    assert_int_equal(s->ip.flags, 0);
    id = s->ip.frag_id;
    via_net_output(&r->core, &path, bench_payload(r, 100), false);
    assert_int_equal(bench_next(r)->ip.frag_id, (id + 1) & 0xffff);
    bench_free(r);
}

/* Frames that cannot be written into. */

static void shared_bytes_are_copied_not_written_beside(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9");
    struct via_pkt *p = bench_payload(r, 100), *clone;
    uint8_t before[VIA_HEADROOM + 100];
    const struct bench_sent *s;

    (void)state;
    clone = via_pkt_clone(&r->core, p);
    memcpy(before, via_pkt_frame(&r->core, p), sizeof before);
    assert_int_equal(via_net_output(&r->core, &path, clone, false), VIA_KEPT);
    assert_memory_equal(before, via_pkt_frame(&r->core, p), sizeof before);
    s = bench_next(r);
    assert_int_equal(s->ip.payload, 100);
    assert_int_equal(s->payload[99], 99);
    via_pkt_release(&r->core, p);
    bench_free(r);
}

static void a_packet_without_headroom_is_moved(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct via_path path = path_to(r, both[i]);
        struct via_pkt *p = via_pkt_new(&r->core, 0);

        p->off = 10;
        p->len = 4;
        p->total = 4;
        memcpy(via_pkt_data(&r->core, p), "abcd", 4);
        assert_int_equal(via_net_output(&r->core, &path, p, false), VIA_KEPT);
        assert_memory_equal(bench_next(r)->payload, "abcd", 4);
    }
    bench_free(r);
}

static void chains_become_one_frame_where_the_device_takes_no_chains(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9");
    struct via_pkt *a = bench_payload(r, 100), *b = bench_payload(r, 50);
    const struct bench_sent *s;

    (void)state;
    a->chain = via_pkt_id(&r->core, b);
    a->total = 150;
    assert_int_equal(via_net_output(&r->core, &path, a, false), VIA_KEPT);
    s = bench_next(r);
    assert_int_equal(s->ip.payload, 150);
    assert_int_equal(s->payload[99], 99);
    assert_int_equal(s->payload[149], 49);
    bench_free(r);
}

static void jumbo_fragments_are_chains(void **state) {
    struct bench *r = host(NULL, VIA_VI_JUMBO, 4000);
    struct via_path path = path_to(r, "192.0.2.9");
    const struct bench_sent *s;
    uint32_t bytes = 0, frames = 0;

    (void)state;
    assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 10000), false), VIA_KEPT);
    while ((s = bench_next(r))) {
        bytes += s->len;
        frames++;
    }
    assert_int_equal(bytes, 10000 + 3 * (VIA_ETH_LEN + VIA_IP4_LEN));
    assert_true(frames > 3);
    bench_free(r);
}

/* The only completed token; its packet is given back. */
static void expect_token(struct bench *r, uint32_t token, int status) {
    struct via_pkt *p = via_pktq_pop(&r->core, &r->core.s->sent);

    assert_non_null(p);
    assert_int_equal(p->tx.token[0], token);
    assert_int_equal(p->tx.status, status);
    assert_int_equal(r->core.s->sent.head, 0);
    via_pkt_drop_ref(&r->core, p);
}

static struct via_pkt *token_payload(struct bench *r, uint32_t n, uint32_t token) {
    struct via_pkt *p = bench_payload(r, n), *last = p;

    while (last->chain)
        last = via_pkt_at(&r->core, last->chain);
    last->flags |= VIA_PKT_TOKEN;
    last->tx.token[0] = token;
    last->tx.status = -EIO;
    return p;
}

static void a_token_follows_the_bytes_into_their_copies(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9"), loop = path_to(r, "192.0.2.1");

    (void)state;
    assert_int_equal(via_net_output(&r->core, &path, token_payload(r, 4000, 7), false), VIA_KEPT);
    assert_int_equal(r->core.s->sent.head, 0); /* the fragments are not even on the wire */
    bench_hush(r);
    expect_token(r, 7, 0);
    assert_int_equal(via_net_output(&r->core, &loop, token_payload(r, 10, 8), false), VIA_KEPT);
    expect_token(r, 8, 0);
    bench_free(r);
}

static void a_token_tells_why_its_packet_was_lost(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9");

    (void)state;
    assert_int_equal(via_net_output(&r->core, &path, token_payload(r, 4000, 7), true), VIA_DROP_TOO_LONG);
    expect_token(r, 7, -EMSGSIZE);
    bench_free(r);
}

static void what_goes_to_ourselves_waits_for_the_next_poll(void **state) {
    static const char *const own[] = {"192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"};
    struct bench *r = host(NULL, 0, 1500);
    unsigned i;

    (void)state;
    for (i = 0; i < VIA_COUNT(own); i++) {
        struct via_path path = path_to(r, own[i]);
        struct via_pkt *p;
        struct via_rx rx;

        assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 3000), true), VIA_KEPT);
        assert_null(bench_next(r));
        p = via_pktq_pop(&r->core, &r->core.s->loop);
        assert_non_null(p);
        assert_int_equal(p->looped, 1);
        assert_int_equal(p->vi, i < 2 ? 1 : 0);
        p->owner = VIA_OWNER_BURST;
        memset(&rx, 0, sizeof rx);
        via_net_input(&r->core, p, &rx);
        assert_int_equal(rx.kind, VIA_RX_DATAGRAM);
        assert_int_equal(rx.pkt->total, 3000);
        assert_true(via_addr_eq(&rx.flow.local, &path.dst) && via_addr_eq(&rx.flow.remote, &path.dst));
        via_pkt_release(&r->core, rx.pkt);
    }
    bench_free(r);
}

static void what_others_hold_is_copied_for_ourselves(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.1");
    struct via_pkt *p = bench_payload(r, 100);

    (void)state;
    p->refs = 2;
    assert_int_equal(via_net_output(&r->core, &path, p, false), VIA_KEPT);
    assert_int_equal(p->refs, 1);
    assert_int_not_equal(r->core.s->loop.head, via_pkt_id(&r->core, p));
    via_pkt_release(&r->core, p);
    bench_free(r);
}

static void an_empty_pool_drops_the_whole_datagram(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9");
    struct via_pkt *p = bench_payload(r, 5000), *q;
    struct via_list hoard = {0, 0};

    (void)state;
    while (r->core.s->pkts.free > r->core.s->reserve + 3 && (q = via_pkt_new(&r->core, 0)))
        via_pktq_push(&r->core, &hoard, q);
    assert_int_equal(via_net_output(&r->core, &path, p, false), VIA_DROP_NO_BUFFER);
    assert_null(bench_next(r));
    via_pktq_clear(&r->core, &hoard);
    bench_free(r);
}

static void small_ring(struct via_attrs *a) {
    plain(a);
    a->tx_ring = 16;
}

static void a_datagram_that_the_ring_cannot_take_whole_does_not_go(void **state) {
    struct bench *r = host(small_ring, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9");

    (void)state;
    assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 30000), false), VIA_DROP_TX_RING);
    assert_null(bench_next(r));
    bench_free(r);
}

static void a_dead_link_drops(void **state) {
    struct bench *r = host(NULL, 0, 1500);
    struct via_path path = path_to(r, "192.0.2.9");

    (void)state;
    r->core.vi[1]->dev->link = VIA_LINK_DOWN;
    assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 100), false), VIA_DROP_TX_LINK);
    assert_int_equal(r->core.s->drops[VIA_DROP_TX_LINK], 1);
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_goes_as_it_is),
        cmocka_unit_test(fragments_fill_an_mtu_of_576),
        cmocka_unit_test(fragments_fill_an_mtu_of_1280),
        cmocka_unit_test(fragments_fill_an_mtu_of_1500),
        cmocka_unit_test(the_largest_datagram_goes_and_nothing_larger),
        cmocka_unit_test(identifications_count_up_per_destination_from_a_secret_start),
        cmocka_unit_test(without_discovery_only_who_asks_gets_df),
        cmocka_unit_test(shared_bytes_are_copied_not_written_beside),
        cmocka_unit_test(a_packet_without_headroom_is_moved),
        cmocka_unit_test(chains_become_one_frame_where_the_device_takes_no_chains),
        cmocka_unit_test(jumbo_fragments_are_chains),
        cmocka_unit_test(a_token_follows_the_bytes_into_their_copies),
        cmocka_unit_test(a_token_tells_why_its_packet_was_lost),
        cmocka_unit_test(what_goes_to_ourselves_waits_for_the_next_poll),
        cmocka_unit_test(what_others_hold_is_copied_for_ourselves),
        cmocka_unit_test(an_empty_pool_drops_the_whole_datagram),
        cmocka_unit_test(a_datagram_that_the_ring_cannot_take_whole_does_not_go),
        cmocka_unit_test(a_dead_link_drops),
    };

    return cmocka_run_group_tests_name("net.output", tests, NULL, NULL);
}
