/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes_rig.h"
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t mac9[6] = {2, 0, 0, 0, 0, 9}, mac8[6] = {2, 0, 0, 0, 0, 8};

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
    a->accept_ra = 0;
}

static struct bench *host(void) {
    struct bench *r = bench_new(1, plain);

    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_pass(r, 10 * VIA_SEC);
    bench_hush(r);
    return r;
}

static struct via_arp message(uint16_t op, const char *sender, const char *target, const uint8_t mac[6]) {
    struct via_arp m = {.op = op, .sender = bench_ip(sender), .target = bench_ip(target)};

    memcpy(m.sender_mac, mac, 6);
    return m;
}

static enum via_drop take(struct bench *r, uint16_t op, const char *sender, const char *target, const uint8_t mac[6]) {
    struct via_arp m = message(op, sender, target, mac);

    return bench_arp(r, 1, &m);
}

static struct via_neigh *neigh(struct bench *r, const char *text) {
    struct via_addr a = bench_ip(text);

    return via_neigh_find(&r->core, 1, &a);
}

/* Lets the stack ask for 192.0.2.9. */
static void want(struct bench *r, const char *who) {
    struct via_dest d = {.dst = bench_ip(who), .proto = IPPROTO_UDP};
    struct via_path path;

    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 8), false), VIA_KEPT);
}

static void who_asks_for_us_is_answered_and_remembered(void **state) {
    struct bench *r = host();
    const struct bench_sent *s;

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.9", "192.0.2.1", mac9), VIA_KEPT);
    s = bench_next_arp(r);
    assert_non_null(s);
    assert_int_equal(s->arp.op, VIA_ARP_REPLY);
    assert_memory_equal(s->eth.dst, mac9, 6);
    assert_memory_equal(s->arp.sender_mac, r->core.net->iface.at[1].mac, 6);
    assert_int_equal(via_addr_to4(&s->arp.sender), htonl(0xc0000201));
    assert_int_equal(via_addr_to4(&s->arp.target), htonl(0xc0000209));
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_STALE);
    bench_free(r);
}

static void who_asks_from_another_subnet_is_not_remembered(void **state) {
    struct bench *r = host();

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REQUEST, "198.51.100.9", "192.0.2.1", mac9), VIA_KEPT);
    assert_non_null(bench_next_arp(r));
    assert_null(neigh(r, "198.51.100.9"));
    bench_free(r);
}

static void questions_to_others_change_nothing(void **state) {
    struct bench *r = host();

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.9", "192.0.2.8", mac9), VIA_DROP_ARP_NOT_MINE);
    assert_null(neigh(r, "192.0.2.9"));
    assert_null(bench_next(r));
    bench_free(r);
}

static void unsolicited_answers_change_nothing(void **state) {
    struct bench *r = host();

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.1", mac8), VIA_DROP_ARP_NOT_MINE);
    assert_null(neigh(r, "192.0.2.9"));
    want(r, "192.0.2.9");
    assert_int_equal(take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.1", mac9), VIA_KEPT);
    assert_int_equal(take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.1", mac8), VIA_DROP_ARP_NOT_MINE);
    assert_memory_equal(neigh(r, "192.0.2.9")->mac, mac9, 6);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_REACHABLE);
    bench_free(r);
}

static void an_answer_to_somebody_else_does_not_resolve(void **state) {
    struct bench *r = host();

    (void)state;
    want(r, "192.0.2.9");
    assert_int_equal(take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.7", mac9), VIA_DROP_ARP_NOT_MINE);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_INCOMPLETE);
    bench_free(r);
}

static void gratuitous_arp_updates_but_never_makes_an_entry(void **state) {
    struct bench *r = host();

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.9", "192.0.2.9", mac8), VIA_DROP_ARP_NOT_MINE);
    assert_int_equal(take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.9", mac8), VIA_DROP_ARP_NOT_MINE);
    assert_null(neigh(r, "192.0.2.9"));
    want(r, "192.0.2.9");
    take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.1", mac9);
    assert_int_equal(take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.9", mac8), VIA_KEPT);
    assert_memory_equal(neigh(r, "192.0.2.9")->mac, mac8, 6);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_STALE);
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 1);
    bench_free(r);
}

static void what_is_no_news_changes_nothing(void **state) {
    struct bench *r = host();

    (void)state;
    want(r, "192.0.2.9");
    take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.1", mac9);
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.9", "192.0.2.9", mac9), VIA_KEPT);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_REACHABLE);
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.9", "192.0.2.8", mac8), VIA_DROP_ARP_NOT_MINE);
    assert_memory_equal(neigh(r, "192.0.2.9")->mac, mac9, 6);
    bench_free(r);
}

static void probes_of_others_are_answered_and_make_no_entry(void **state) {
    struct bench *r = host();

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REQUEST, "0.0.0.0", "192.0.2.1", mac9), VIA_KEPT);
    assert_int_equal(bench_next_arp(r)->arp.op, VIA_ARP_REPLY);
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    assert_int_equal(take(r, VIA_ARP_REQUEST, "0.0.0.0", "192.0.2.2", mac9), VIA_DROP_ARP_NOT_MINE);
    bench_free(r);
}

static struct via_own *tentative(struct bench *r) {
    struct via_ifaddr a = {.addr = bench_ip("192.0.2.2"), .iface = 1, .prefix = 24};

    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
    bench_pass(r, VIA_SEC);
    return via_addr_find(&r->core, &a.addr, 1);
}

static void an_answer_to_our_probe_is_a_conflict(void **state) {
    struct bench *r = host();
    struct via_own *o = tentative(r);

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REPLY, "192.0.2.2", "0.0.0.0", mac9), VIA_DROP_ARP_CONFLICT);
    assert_int_equal(o->state, VIA_ADDR_DUPLICATE);
    bench_free(r);
}

static void another_hosts_probe_for_our_tentative_address_is_a_conflict(void **state) {
    struct bench *r = host();
    struct via_own *o = tentative(r);

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REQUEST, "0.0.0.0", "192.0.2.2", mac9), VIA_DROP_ARP_CONFLICT);
    assert_int_equal(o->state, VIA_ADDR_DUPLICATE);
    bench_free(r);
}

static void our_own_probe_that_comes_back_is_none(void **state) {
    struct bench *r = host();
    struct via_own *o = tentative(r);

    (void)state;
    take(r, VIA_ARP_REQUEST, "0.0.0.0", "192.0.2.2", r->core.net->iface.at[1].mac);
    assert_int_equal(o->state, VIA_ADDR_TENTATIVE);
    bench_free(r);
}

static void a_question_for_a_tentative_address_gets_no_answer(void **state) {
    struct bench *r = host();

    (void)state;
    tentative(r);
    bench_hush(r);
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.9", "192.0.2.2", mac9), VIA_DROP_ARP_NOT_MINE);
    assert_null(bench_next(r));
    bench_free(r);
}

static void an_address_in_use_is_defended_once_in_ten_seconds(void **state) {
    struct bench *r = host();
    struct via_addr a = bench_ip("192.0.2.1");
    const struct bench_sent *s;

    (void)state;
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.1", "192.0.2.1", mac9), VIA_DROP_ARP_CONFLICT);
    s = bench_next_arp(r);
    assert_non_null(s);
    assert_true(via_addr_eq(&s->arp.sender, &a) && via_addr_eq(&s->arp.target, &a));
    assert_true(via_mac_is_broadcast(s->eth.dst));
    bench_pass(r, 10 * VIA_SEC - 1);
    assert_int_equal(take(r, VIA_ARP_REPLY, "192.0.2.1", "192.0.2.7", mac9), VIA_DROP_ARP_CONFLICT);
    assert_null(bench_next(r));
    bench_pass(r, 1);
    take(r, VIA_ARP_REPLY, "192.0.2.1", "192.0.2.7", mac9);
    assert_non_null(bench_next_arp(r));
    assert_true(via_net_is_own(&r->core, &a, 0));
    assert_null(neigh(r, "192.0.2.1"));
    bench_free(r);
}

static void addresses_of_another_interface_are_not_answered_for(void **state) {
    struct bench *r = host();

    (void)state;
    bench_attach(r, 0, 1500);
    bench_addr(r, 2, "198.51.100.1", 24);
    bench_pass(r, 10 * VIA_SEC);
    bench_hush(r);
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.9", "198.51.100.1", mac9), VIA_DROP_ARP_NOT_MINE);
    assert_null(bench_next(r));
    bench_free(r);
}

static void the_kernel_answers_for_its_addresses(void **state) {
    struct bench *r = host();
    struct via_ifaddr a = {.addr = bench_ip("192.0.2.3"), .iface = 1, .prefix = 24, .flags = VIA_ADDR_KERNEL};

    (void)state;
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.9", "192.0.2.3", mac9), VIA_DROP_ARP_NOT_MINE);
    assert_null(bench_next(r));
    assert_int_equal(take(r, VIA_ARP_REQUEST, "192.0.2.3", "192.0.2.3", mac9), VIA_DROP_ARP_CONFLICT);
    assert_null(bench_next(r)); /* the kernel defends it too */
    bench_free(r);
}

static void impossible_senders_are_martians(void **state) {
    static const char *const who[] = {"127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.255", "0.0.0.9"};
    struct bench *r = host();
    unsigned i;

    (void)state;
    for (i = 0; i < VIA_COUNT(who); i++)
        assert_int_equal(take(r, VIA_ARP_REQUEST, who[i], "192.0.2.1", mac9), VIA_DROP_IP_MARTIAN);
    assert_null(bench_next(r));
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    bench_free(r);
}

static void a_flood_of_questions_keeps_who_answers(void **state) {
    struct bench *r = host();
    struct via_arp m = message(VIA_ARP_REQUEST, "192.0.2.9", "192.0.2.1", mac8);
    uint32_t i;

    (void)state;
    bench_addr(r, 1, "10.0.0.1", 8);
    want(r, "192.0.2.9");
    take(r, VIA_ARP_REPLY, "192.0.2.9", "192.0.2.1", mac9);
    for (i = 0; i < 5000; i++) {
        m.sender = via_addr_from4(htonl(0x0a000100 + i));
        m.target = bench_ip("10.0.0.1");
        bench_arp(r, 1, &m);
        bench_hush(r);
    }
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 4096);
    assert_int_equal(neigh(r, "192.0.2.9")->state, VIA_NEIGH_REACHABLE);
    assert_memory_equal(neigh(r, "192.0.2.9")->mac, mac9, 6);
    bench_free(r);
}

static void noise_is_harmless(void **state) {
    struct bench *r = host();
    uint8_t frame[64];
    uint64_t seed = 3;
    int i;

    (void)state;
    for (i = 0; i < 3000; i++) {
        rig_noise(&seed, frame, sizeof frame);
        memset(frame, 0xff, 6);
        frame[6] &= 0xfe;
        frame[12] = 8;
        frame[13] = 6;
        if (i & 1)
            memcpy(frame + 14, (const uint8_t[]){0, 1, 8, 0, 6, 4, 0, (uint8_t)(1 + i / 2 % 2)}, 8);
        if (i & 2)
            memcpy(frame + 14 + 24, (const uint8_t[]){192, 0, 2, 1}, 4);
        bench_take(r, 1, frame, 14 + rig_random(&seed) % 51);
        bench_hush(r);
    }
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_us_is_answered_and_remembered),
        cmocka_unit_test(who_asks_from_another_subnet_is_not_remembered),
        cmocka_unit_test(questions_to_others_change_nothing),
        cmocka_unit_test(unsolicited_answers_change_nothing),
        cmocka_unit_test(an_answer_to_somebody_else_does_not_resolve),
        cmocka_unit_test(gratuitous_arp_updates_but_never_makes_an_entry),
        cmocka_unit_test(what_is_no_news_changes_nothing),
        cmocka_unit_test(probes_of_others_are_answered_and_make_no_entry),
        cmocka_unit_test(an_answer_to_our_probe_is_a_conflict),
        cmocka_unit_test(another_hosts_probe_for_our_tentative_address_is_a_conflict),
        cmocka_unit_test(our_own_probe_that_comes_back_is_none),
        cmocka_unit_test(a_question_for_a_tentative_address_gets_no_answer),
        cmocka_unit_test(an_address_in_use_is_defended_once_in_ten_seconds),
        cmocka_unit_test(addresses_of_another_interface_are_not_answered_for),
        cmocka_unit_test(the_kernel_answers_for_its_addresses),
        cmocka_unit_test(impossible_senders_are_martians),
        cmocka_unit_test(a_flood_of_questions_keeps_who_answers),
        cmocka_unit_test(noise_is_harmless),
    };

    return cmocka_run_group_tests_name("net.arp", tests, NULL, NULL);
}
