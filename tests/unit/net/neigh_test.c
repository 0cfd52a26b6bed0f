/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
    a->accept_ra = 0;
    a->neigh_queue = 3;
}

static const uint8_t mac9[6] = {2, 0, 0, 0, 0, 9}, mac8[6] = {2, 0, 0, 0, 0, 8};

/* A host 192.0.2.1/24 and 2001:db8::1/64. */
static struct bench *host(void (*set)(struct via_attrs *)) {
    struct bench *r = bench_new(1, set ? set : plain);

    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 1, "2001:db8::1", 64);
    bench_pass(r, 10 * VIA_SEC);
    bench_hush(r);
    return r;
}

static int resolve(struct bench *r, struct via_path *path, const char *dst) {
    struct via_dest d = {.dst = bench_ip(dst), .proto = IPPROTO_UDP};

    return via_path_resolve(&r->core, path, &d);
}

static enum via_drop send_udp(struct bench *r, struct via_path *path, uint16_t port) {
    struct via_pkt *p = bench_payload(r, 12);
    uint8_t *at = via_pkt_data(&r->core, p);

    via_put16(at, 7);
    via_put16(at + 2, port);
    return via_net_output(&r->core, path, p, false);
}

static struct via_neigh *neigh(struct bench *r, const char *text) {
    struct via_addr a = bench_ip(text);

    return via_neigh_find(&r->core, 1, &a);
}

static void answer(struct bench *r, const char *who, const uint8_t mac[6]) {
    struct via_addr a = bench_ip(who);

    if (via_addr_is4(&a)) {
        struct via_arp m = {.op = VIA_ARP_REPLY, .sender = a, .target = bench_ip("192.0.2.1")};

        memcpy(m.sender_mac, mac, 6);
        assert_int_equal(bench_arp(r, 1, &m), VIA_KEPT);
    } else {
        struct via_nd m = {.type = VIA_ND_ADVERT, .target = a, .has = VIA_ND_DST_MAC};

        m.flags = VIA_ND_SOLICITED | VIA_ND_OVERRIDE;
        memcpy(m.dst_mac, mac, 6);
        assert_int_equal(bench_nd(r, 1, &m, who, "2001:db8::1"), VIA_KEPT);
    }
}

/* Both families go through the same states. */
static void walk_states(const char *who) {
    struct bench *r = host(NULL);
    struct via_addr a = bench_ip(who);
    struct via_path path;
    uint32_t gen;

    assert_int_equal(resolve(r, &path, who), 0);
    assert_int_equal(path.flags & VIA_PATH_UNRESOLVED, VIA_PATH_UNRESOLVED);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_NONE);
    assert_null(bench_next(r)); /* nobody is asked before there is something to send */
    assert_int_equal(send_udp(r, &path, 1), VIA_KEPT);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_INCOMPLETE);
    assert_non_null(bench_next(r));
    answer(r, who, mac9);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_REACHABLE);
    const struct bench_sent *s = bench_next_to(r, &a);
    assert_non_null(s);
    assert_memory_equal(s->eth.dst, mac9, 6);

    /* The path found out by itself. */
    assert_true(via_path_valid(&r->core, &path));
    assert_int_equal(send_udp(r, &path, 2), VIA_KEPT);
    assert_memory_equal(bench_next_to(r, &a)->eth.dst, mac9, 6);
    assert_int_equal(path.flags & VIA_PATH_UNRESOLVED, 0);

    /* REACHABLE -> STALE ends paths, so that the next use is noticed. */
    gen = r->core.net->head.gen;
    bench_pass(r, 46 * VIA_SEC);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_STALE);
    assert_int_not_equal(r->core.net->head.gen, gen);
    assert_int_equal(bench_hush(r), 0);
    assert_int_equal(resolve(r, &path, who), 0);
    assert_int_equal(path.flags & VIA_PATH_UNRESOLVED, 0);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_DELAY);
    bench_pass(r, 5 * VIA_SEC - 1);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_DELAY);
    bench_pass(r, 1);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_PROBE);
    assert_memory_equal(bench_next(r)->eth.dst, mac9, 6); /* asked by itself, not everybody */

    /* It answers: paths go on. */
    gen = r->core.net->head.gen;
    answer(r, who, mac9);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_REACHABLE);
    assert_int_equal(r->core.net->head.gen, gen);

    /* It does not answer: given up after three probes, paths end. */
    bench_pass(r, 46 * VIA_SEC);
    assert_int_equal(resolve(r, &path, who), 0);
    bench_pass(r, 5 * VIA_SEC + 3 * VIA_SEC - 1);
    assert_int_equal(bench_hush(r), 3);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_PROBE);
    assert_true(via_path_valid(&r->core, &path));
    bench_pass(r, 1);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_FAILED);
    assert_false(via_path_valid(&r->core, &path));
    assert_int_equal(resolve(r, &path, who), -EHOSTUNREACH);
    assert_int_equal(path.gen, 0);
    bench_pass(r, VIA_SEC);
    assert_null(neigh(r, who));
    assert_int_equal(resolve(r, &path, who), 0);
    bench_free(r);
}

static void neighbour4_goes_through_the_states_of_rfc_4861(void **state) {
    (void)state;
    walk_states("192.0.2.9");
}

static void neighbour6_goes_through_the_states_of_rfc_4861(void **state) {
    (void)state;
    walk_states("2001:db8::9");
}

static void who_does_not_answer_is_told_to_the_socket(void **state) {
    struct bench *r = host(NULL);
    struct via_path path;
    struct via_note note;

    (void)state;
    resolve(r, &path, "192.0.2.9");
    send_udp(r, &path, 4711);
    send_udp(r, &path, 4712);
    bench_pass(r, 3 * VIA_SEC - 1);
    assert_false(via_net_note(&r->core, &note));
    bench_pass(r, 1);
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.kind, VIA_NOTE_UNREACH);
    assert_int_equal(note.reason, -EHOSTUNREACH);
    assert_int_equal(note.flow.lport, 7);
    assert_int_equal(note.flow.rport, 4711);
    assert_int_equal(note.flow.proto, IPPROTO_UDP);
    assert_int_equal(via_addr_to4(&note.flow.remote), htonl(0xc0000209));
    assert_int_equal(via_addr_to4(&note.flow.local), htonl(0xc0000201));
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.flow.rport, 4712);
    assert_false(via_net_note(&r->core, &note));
    assert_int_equal(r->core.s->drops[VIA_DROP_NEIGH_FAILED], 2);
    bench_free(r);
}

static void a_token_keeps_its_place_while_its_packet_waits(void **state) {
    struct bench *r = host(NULL);
    struct via_pkt *p = bench_payload(r, 20);
    struct via_path path;

    (void)state;
    resolve(r, &path, "192.0.2.9");
    p->flags |= VIA_PKT_TOKEN;
    p->order = 4711;
    assert_int_equal(via_net_output(&r->core, &path, p, false), VIA_KEPT);
    answer(r, "192.0.2.9", mac9);
    bench_hush(r);
    assert_int_equal(r->core.s->sent.head, via_pkt_id(&r->core, p));
    assert_int_equal(p->order, 4711);
    assert_int_equal(p->looped, 0);
    via_pkt_drop_ref(&r->core, via_pktq_pop(&r->core, &r->core.s->sent));
    bench_free(r);
}

static void packets_that_wait_leave_in_their_order(void **state) {
    struct bench *r = host(NULL);
    struct via_addr a = bench_ip("192.0.2.9");
    struct via_path path;
    uint16_t i;

    (void)state;
    resolve(r, &path, "192.0.2.9");
    for (i = 1; i <= 3; i++)
        assert_int_equal(send_udp(r, &path, i), VIA_KEPT);
    answer(r, "192.0.2.9", mac9);
    for (i = 1; i <= 3; i++)
        assert_int_equal(via_get16(bench_next_to(r, &a)->payload + 2), i);
    assert_null(bench_next(r));
    assert_int_equal(r->core.net->neigh.parked, 0);
    bench_free(r);
}

static void a_full_queue_gives_up_its_oldest(void **state) {
    struct bench *r = host(NULL);
    struct via_addr a = bench_ip("192.0.2.9");
    struct via_path path;
    uint16_t i;

    (void)state;
    resolve(r, &path, "192.0.2.9");
    for (i = 1; i <= 5; i++)
        assert_int_equal(send_udp(r, &path, i), VIA_KEPT);
    assert_int_equal(r->core.s->drops[VIA_DROP_NEIGH_QUEUE], 2);
    assert_int_equal(neigh(r, "192.0.2.9")->waiting, 3);
    answer(r, "192.0.2.9", mac9);
    assert_int_equal(via_get16(bench_next_to(r, &a)->payload + 2), 3);
    bench_free(r);
}

static void fragments_of_a_datagram_wait_and_go_together(void **state) {
    struct bench *r = host(NULL);
    struct via_addr a = bench_ip("192.0.2.9");
    struct via_path path;
    const struct bench_sent *s;
    int i, n = 0;

    (void)state;
    resolve(r, &path, "192.0.2.9");
    for (i = 0; i < 4; i++) /* one more than the queue takes, three fragments each */
        assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 4000), false), VIA_KEPT);
    assert_int_equal(r->core.net->neigh.parked, 9);
    assert_int_equal(r->core.s->drops[VIA_DROP_NEIGH_QUEUE], 3);
    bench_hush(r);
    answer(r, "192.0.2.9", mac9);
    while ((s = bench_next_to(r, &a))) {
        assert_int_equal(s->ip.frag_off, n % 3 * 1480);
        n++;
    }
    assert_int_equal(n, 9);
    bench_free(r);
}

static void frames_that_wait_are_bounded_over_all(void **state) {
    struct bench *r = host(NULL);
    struct via_path path;
    char text[] = "192.0.2.100";
    int i, j;

    (void)state;
    r->core.net->neigh.parked_max = 10;
    for (i = 0; i < 9; i++) {
        text[10] = (char)('1' + i);
        resolve(r, &path, text);
        for (j = 0; j < 2; j++)
            assert_int_equal(send_udp(r, &path, 1), i < 5 ? VIA_KEPT : VIA_DROP_NEIGH_QUEUE);
    }
    assert_int_equal(r->core.net->neigh.parked, 10);
    bench_free(r);
}

static void a_new_mac_address_ends_paths(void **state) {
    struct bench *r = host(NULL);
    struct via_arp m = {.op = VIA_ARP_REQUEST, .sender = bench_ip("192.0.2.9"), .target = bench_ip("192.0.2.9")};
    struct via_addr a = m.sender;
    struct via_path path;

    (void)state;
    resolve(r, &path, "192.0.2.9");
    send_udp(r, &path, 1);
    answer(r, "192.0.2.9", mac9);
    resolve(r, &path, "192.0.2.9");
    memcpy(m.sender_mac, mac8, 6);
    assert_int_equal(bench_arp(r, 1, &m), VIA_KEPT);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_STALE);
    assert_false(via_path_valid(&r->core, &path));
    resolve(r, &path, "192.0.2.9");
    bench_hush(r);
    send_udp(r, &path, 1);
    assert_memory_equal(bench_next_to(r, &a)->eth.dst, mac8, 6);
    bench_free(r);
}

static void what_layers_above_confirm_needs_no_probe(void **state) {
    struct bench *r = host(NULL);
    struct via_path path;
    int i;

    (void)state;
    resolve(r, &path, "192.0.2.9");
    send_udp(r, &path, 1);
    answer(r, "192.0.2.9", mac9);
    resolve(r, &path, "192.0.2.9");
    bench_hush(r);
    for (i = 0; i < 20; i++) {
        bench_pass(r, 10 * VIA_SEC);
        via_neigh_confirm(&r->core, path.neigh);
        assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_REACHABLE);
    }
    assert_true(via_path_valid(&r->core, &path));
    assert_int_equal(bench_hush(r), 0);
    bench_pass(r, 46 * VIA_SEC);
    resolve(r, &path, "192.0.2.9");
    bench_pass(r, VIA_SEC);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_DELAY);
    via_neigh_confirm(&r->core, path.neigh);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_REACHABLE);
    bench_pass(r, 10 * VIA_SEC);
    assert_int_equal(bench_hush(r), 0);
    via_neigh_confirm(&r->core, 0);
    via_neigh_confirm(&r->core, 99999999);
    bench_free(r);
}

/* Bounds: RFC 6583. */

static void small(struct via_attrs *a) {
    plain(a);
    a->max_neighs = 16;
}

static void make_reachable(struct bench *r, const char *who) {
    struct via_path path;

    assert_int_equal(resolve(r, &path, who), 0);
    send_udp(r, &path, 1);
    answer(r, who, mac9);
}

static void a_scan_of_the_subnet_does_not_evict_who_answers(void **state) {
    struct bench *r = host(small);
    struct via_path path;
    char text[32];
    int i;

    (void)state;
    make_reachable(r, "2001:db8::a1");
    make_reachable(r, "2001:db8::a2");
    for (i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "2001:db8::b:%x", i);
        assert_int_equal(resolve(r, &path, text), 0);
        assert_int_equal(send_udp(r, &path, 1), VIA_KEPT);
    }
    assert_int_equal(neigh(r, "2001:db8::a1")->state, VIA_NEIGH_REACHABLE);
    assert_int_equal(neigh(r, "2001:db8::a2")->state, VIA_NEIGH_REACHABLE);
    assert_non_null(neigh(r, text));
    assert_null(neigh(r, "2001:db8::b:0"));
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 16);
    assert_int_equal(r->core.net->neigh.evicted, 500 - 14);
    bench_hush(r);
    bench_free(r);
}

static void stale_ones_go_when_nobody_is_unresolved(void **state) {
    struct bench *r = host(small);
    struct via_path path;
    char text[32];
    int i;

    (void)state;
    for (i = 0; i < 16; i++) {
        snprintf(text, sizeof text, "192.0.2.%d", 100 + i);
        make_reachable(r, text);
        bench_hush(r);
    }
    assert_int_equal(resolve(r, &path, "192.0.2.50"), -EHOSTUNREACH);
    assert_int_equal(r->core.s->drops[VIA_DROP_NEIGH_FULL], 1);
    bench_pass(r, 46 * VIA_SEC);
    assert_int_equal(resolve(r, &path, "192.0.2.100"), 0); /* in use again: not the oldest any more */
    assert_int_equal(resolve(r, &path, "192.0.2.50"), 0);
    assert_null(neigh(r, "192.0.2.101"));
    assert_non_null(neigh(r, "192.0.2.100"));
    bench_free(r);
}

static void an_evicted_neighbour_does_not_get_anothers_packets(void **state) {
    struct bench *r = host(small);
    struct via_path first, path;
    char text[32];
    int i;

    (void)state;
    resolve(r, &first, "192.0.2.50");
    for (i = 0; i < 16; i++) {
        snprintf(text, sizeof text, "192.0.2.%d", 100 + i);
        resolve(r, &path, text);
    }
    assert_int_equal(path.neigh, first.neigh);
    assert_int_equal(send_udp(r, &first, 1), VIA_DROP_NEIGH_FAILED);
    assert_false(via_path_valid(&r->core, &first));
    bench_free(r);
}

/* Static ones, and the kernel's. */

static void static_neighbours_are_never_asked_nor_evicted(void **state) {
    struct bench *r = host(small);
    struct via_neigh_entry e = {.addr = bench_ip("192.0.2.9"), .iface = 1};
    struct via_arp m = {.op = VIA_ARP_REQUEST, .sender = bench_ip("192.0.2.9"), .target = bench_ip("192.0.2.1")};
    struct via_addr a = e.addr;
    struct via_path path;
    char text[32];
    int i;

    (void)state;
    memcpy(e.mac, mac9, 6);
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), 0);
    memcpy(m.sender_mac, mac8, 6);
    bench_arp(r, 1, &m);
    bench_hush(r);
    for (i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "192.0.2.%d", 100 + i);
        resolve(r, &path, text);
    }
    bench_pass(r, 1000 * VIA_SEC);
    assert_int_equal(bench_hush(r), 0);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_STATIC);
    resolve(r, &path, "192.0.2.9");
    send_udp(r, &path, 1);
    assert_memory_equal(bench_next_to(r, &a)->eth.dst, mac9, 6);
    e.iface = 0;
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_FLUSH, &e), 0);
    assert_non_null(neigh(r, "192.0.2.9"));
    e.iface = 1;
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_DEL, &e), 0);
    assert_false(via_path_valid(&r->core, &path));
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_DEL, &e), -ENOENT);
    bench_free(r);
}

static void what_the_kernel_resolves_is_believed_until_it_says_otherwise(void **state) {
    struct bench *r = host(NULL);
    struct via_addr a = bench_ip("192.0.2.9");
    struct via_path path;
    uint32_t gen;

    (void)state;
    resolve(r, &path, "192.0.2.9");
    send_udp(r, &path, 1);
    bench_hush(r);
    assert_int_equal(via_neigh_put(&r->core, 1, &a, mac9), 0);
    assert_memory_equal(bench_next_to(r, &a)->eth.dst, mac9, 6);
    bench_pass(r, 1000 * VIA_SEC);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_REACHABLE);
    assert_int_equal(bench_hush(r), 0);
    resolve(r, &path, "192.0.2.9");
    gen = r->core.net->head.gen;
    via_neigh_put(&r->core, 1, &a, mac9);
    assert_int_equal(r->core.net->head.gen, gen);
    via_neigh_put(&r->core, 1, &a, mac8);
    assert_int_not_equal(r->core.net->head.gen, gen);
    resolve(r, &path, "192.0.2.9");
    via_neigh_put(&r->core, 1, &a, NULL);
    assert_null(neigh(r, "192.0.2.9"));
    assert_false(via_path_valid(&r->core, &path));
    bench_free(r);
}

static void a_gateway_that_fails_is_replaced_until_it_answers(void **state) {
    struct bench *r = host(NULL);
    struct via_arp m = {.op = VIA_ARP_REPLY, .sender = bench_ip("192.0.2.8"), .target = bench_ip("192.0.2.1")};
    struct via_route t = {.family = VIA_AF_4, .gateway = bench_ip("192.0.2.8"), .metric = 1};
    struct via_addr first = t.gateway, second = bench_ip("192.0.2.9");
    struct via_path path;
    int i, asked = 0;

    (void)state;
    assert_int_equal(via_net_route(&r->core, VIA_CTRL_ADD, &t), 0);
    t.gateway = second;
    t.metric = 2;
    assert_int_equal(via_net_route(&r->core, VIA_CTRL_ADD, &t), 0);
    resolve(r, &path, "203.0.113.1");
    send_udp(r, &path, 1);
    bench_pass(r, 3 * VIA_SEC);
    assert_int_equal(neigh(r, "192.0.2.8")->state, VIA_NEIGH_FAILED);
    bench_hush(r);
    for (i = 0; i < 60; i++) { /* a minute with the other one, which is not broken off by questions to the first */
        resolve(r, &path, "203.0.113.1");
        assert_int_equal(path.neigh, via_neigh_id(&r->core, via_neigh_find(&r->core, 1, &second)));
        send_udp(r, &path, 1);
        if (!i)
            answer(r, "192.0.2.9", mac9);
        via_neigh_confirm(&r->core, path.neigh);
        bench_pass(r, VIA_SEC);
    }
    for (const struct bench_sent *s; (s = bench_next_arp(r));)
        asked += via_addr_eq(&s->arp.target, &first);
    assert_in_range(asked, 4, 8);
    resolve(r, &path, "203.0.113.1");
    memcpy(m.sender_mac, mac8, 6);
    assert_int_equal(bench_arp(r, 1, &m), VIA_KEPT);
    assert_false(via_path_valid(&r->core, &path));
    resolve(r, &path, "203.0.113.1");
    assert_int_equal(path.neigh, via_neigh_id(&r->core, via_neigh_find(&r->core, 1, &first)));
    bench_free(r);
}

static void a_lone_gateway_is_asked_for_again_when_it_is_needed(void **state) {
    struct bench *r = host(NULL);
    struct via_path path;

    (void)state;
    bench_route(r, 1, "0.0.0.0", 0, "192.0.2.8");
    resolve(r, &path, "203.0.113.1");
    send_udp(r, &path, 1);
    bench_pass(r, 3 * VIA_SEC + VIA_SEC / 2);
    assert_int_equal(resolve(r, &path, "203.0.113.1"), -EHOSTUNREACH);
    bench_pass(r, VIA_SEC / 2);
    assert_int_equal(resolve(r, &path, "203.0.113.1"), 0);
    bench_hush(r);
    send_udp(r, &path, 1);
    assert_non_null(bench_next_arp(r));
    bench_pass(r, 1000 * VIA_SEC); /* in the end nobody asks any more */
    bench_hush(r);
    bench_pass(r, 1000 * VIA_SEC);
    assert_int_equal(bench_hush(r), 0);
    bench_free(r);
}

static void a_link_that_goes_down_forgets_its_neighbours(void **state) {
    struct bench *r = host(NULL);
    struct via_note note;
    struct via_path path;

    (void)state;
    make_reachable(r, "192.0.2.9");
    resolve(r, &path, "192.0.2.10");
    send_udp(r, &path, 1);
    r->core.vi[1]->dev->link = VIA_LINK_DOWN;
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.kind, VIA_NOTE_LINK);
    assert_int_equal(note.reason, -ENETDOWN);
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    assert_false(via_path_valid(&r->core, &path));
    assert_int_equal(resolve(r, &path, "192.0.2.9"), -ENETDOWN);
    r->core.vi[1]->dev->link = VIA_LINK_UP;
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.reason, 0);
    assert_int_equal(resolve(r, &path, "192.0.2.9"), 0);
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbour4_goes_through_the_states_of_rfc_4861),
        cmocka_unit_test(neighbour6_goes_through_the_states_of_rfc_4861),
        cmocka_unit_test(who_does_not_answer_is_told_to_the_socket),
        cmocka_unit_test(a_token_keeps_its_place_while_its_packet_waits),
        cmocka_unit_test(packets_that_wait_leave_in_their_order),
        cmocka_unit_test(a_full_queue_gives_up_its_oldest),
        cmocka_unit_test(fragments_of_a_datagram_wait_and_go_together),
        cmocka_unit_test(frames_that_wait_are_bounded_over_all),
        cmocka_unit_test(a_new_mac_address_ends_paths),
        cmocka_unit_test(what_layers_above_confirm_needs_no_probe),
        cmocka_unit_test(a_scan_of_the_subnet_does_not_evict_who_answers),
        cmocka_unit_test(stale_ones_go_when_nobody_is_unresolved),
        cmocka_unit_test(an_evicted_neighbour_does_not_get_anothers_packets),
        cmocka_unit_test(static_neighbours_are_never_asked_nor_evicted),
        cmocka_unit_test(what_the_kernel_resolves_is_believed_until_it_says_otherwise),
        cmocka_unit_test(a_gateway_that_fails_is_replaced_until_it_answers),
        cmocka_unit_test(a_lone_gateway_is_asked_for_again_when_it_is_needed),
        cmocka_unit_test(a_link_that_goes_down_forgets_its_neighbours),
    };

    return cmocka_run_group_tests_name("net.neigh", tests, NULL, NULL);
}
