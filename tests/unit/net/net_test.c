/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A host that has done a little of everything. */
static struct bench *busy(void) {
    struct bench *r = bench_new(5, NULL);
    struct via_nd m = {.type = VIA_ND_ROUTER_ADVERT, .lifetime = 1800, .has = VIA_ND_SRC_MAC};
    struct via_arp a = {.op = VIA_ARP_REQUEST, .sender = bench_ip("192.0.2.9"), .target = bench_ip("192.0.2.1")};
    struct via_dest d = {.dst = bench_ip("192.0.2.77"), .proto = IPPROTO_UDP};
    struct via_path path;
    uint32_t i;

    bench_attach(r, 0, 1500);
    bench_attach(r, VIA_VI_STEERS, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 2, "2001:db8::1", 64);
    bench_pass(r, 5 * VIA_SEC);
    bench_mac(m.src_mac, 9);
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    bench_mac(a.sender_mac, 9);
    bench_arp(r, 1, &a);
    for (i = 0; i < 200; i++) {
        struct via_rt t = {.dst = via_addr_from4(htonl(0xc6336400 + 2 * i)), .iface = 1, .bits = 127};

        via_route_add(&r->core, &t, NULL);
    }
    for (i = 0; i < 3; i++) {
        via_path_resolve(&r->core, &path, &d);
        via_net_output(&r->core, &path, bench_payload(r, 2000 * i), false);
    }
    bench_pass(r, VIA_SEC);
    return r;
}

static void the_region_holds_no_pointer(void **state) {
    /* Twins made alike in two places at once: whatever depends on the place differs. */
    struct bench *a = busy(), *b = busy();

    (void)state;
    assert_ptr_not_equal(a->core.region.base, b->core.region.base);
    assert_int_equal(a->core.region.used, b->core.region.used);
    assert_memory_equal(a->core.region.base, b->core.region.base, a->core.region.used);
    bench_free(a);
    bench_free(b);
}

static void notes_are_bounded_and_the_oldest_go(void **state) {
    struct bench *r = bench_new(1, NULL);
    struct via_note note;
    int i;

    (void)state;
    memset(&note, 0, sizeof note);
    note.kind = VIA_NOTE_UNREACH;
    for (i = 0; i < 100; i++) {
        note.reason = i;
        via_net_tell(&r->core, &note);
    }
    for (i = 100 - (int)VIA_NOTES; i < 100; i++) {
        assert_true(via_net_note(&r->core, &note));
        assert_int_equal(note.reason, i);
    }
    assert_false(via_net_note(&r->core, &note));
    assert_int_equal(r->core.net->notes.lost, 100 - VIA_NOTES);
    bench_free(r);
}

static int find_stat(const struct via_stat *s, void *arg) {
    struct via_stat *want = arg;

    if (strcmp(s->name, want->name))
        return 0;
    *want = *s;
    return 42;
}

static void counters_can_be_walked_and_stopped(void **state) {
    struct bench *r = busy();
    struct via_stat s = {.name = "neighbours"};

    (void)state;
    assert_int_equal(via_net_stats(&r->core, find_stat, &s), 42);
    assert_int_equal(s.value, via_pool_used(&r->core.net->neigh.pool));
    assert_int_equal(s.gauge, 1);
    s.name = "no such";
    assert_int_equal(via_net_stats(&r->core, find_stat, &s), 0);
    bench_free(r);
}

static void taking_a_host_down_gives_back_what_waits(void **state) {
    struct bench *r = busy();

    (void)state;
    assert_true(r->core.net->neigh.parked > 0);
    bench_free(r); /* looks at the pool */
}

static void a_mtu_that_shrinks_below_ipv6_leaves_ipv4(void **state) {
    struct bench *r = bench_new(1, NULL);
    struct via_dest d = {.dst = bench_ip("2001:db8::9"), .proto = IPPROTO_UDP};
    struct via_path path;

    (void)state;
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 1, "2001:db8::1", 64);
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    r->core.vi[1]->dev->mtu = 1200;
    via_iface_watch(&r->core);
    assert_false(via_path_valid(&r->core, &path));
    assert_int_equal(via_path_resolve(&r->core, &path, &d), -ENETUNREACH);
    d.dst = bench_ip("192.0.2.9");
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.mtu, 1200);
    bench_free(r);
}

static void a_link_that_is_gone_is_told_once(void **state) {
    struct bench *r = bench_new(1, NULL);
    struct via_note note;

    (void)state;
    bench_attach(r, 0, 1500);
    r->core.vi[1]->dev->link = VIA_LINK_DOWN;
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.reason, -ENETDOWN);
    r->core.vi[1]->dev->link = VIA_LINK_GONE;
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.reason, -ENODEV);
    assert_int_equal(note.iface, 1);
    assert_false(via_net_note(&r->core, &note));
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_region_holds_no_pointer),
        cmocka_unit_test(notes_are_bounded_and_the_oldest_go),
        cmocka_unit_test(counters_can_be_walked_and_stopped),
        cmocka_unit_test(taking_a_host_down_gives_back_what_waits),
        cmocka_unit_test(a_mtu_that_shrinks_below_ipv6_leaves_ipv4),
        cmocka_unit_test(a_link_that_is_gone_is_told_once),
    };

    return cmocka_run_group_tests_name("net.net", tests, NULL, NULL);
}
