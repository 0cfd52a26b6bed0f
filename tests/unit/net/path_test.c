/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t mac9[6] = {2, 0, 0, 0, 0, 9};

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
    a->accept_ra = 0;
}

/* Interface 1: 192.0.2.1/24, 2001:db8::1/64; interface 2: 198.51.100.1/24. */
static struct bench *host(void (*set)(struct via_attrs *)) {
    struct bench *r = bench_new(1, set ? set : plain);

    bench_attach(r, 0, 1500);
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 1, "2001:db8::1", 64);
    bench_addr(r, 2, "198.51.100.1", 24);
    bench_pass(r, 10 * VIA_SEC);
    bench_hush(r);
    return r;
}

static int resolve(struct bench *r, struct via_path *path, const char *dst) {
    struct via_dest d = {.dst = bench_ip(dst), .proto = IPPROTO_UDP};

    return via_path_resolve(&r->core, path, &d);
}

static void settle(struct bench *r, uint8_t iface, const char *who, const uint8_t mac[6]) {
    struct via_neigh_entry e = {.addr = bench_ip(who), .iface = iface};

    memcpy(e.mac, mac, 6);
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), 0);
}

static void assert_addr(const struct via_addr *a, const char *text) {
    struct via_addr want = bench_ip(text);

    assert_true(via_addr_eq(a, &want));
}

static void template_holds_a_whole_header(void **state) {
    static const char *const dst[] = {"192.0.2.9", "2001:db8::9"};
    struct bench *r = host(NULL);
    struct via_dest d = {.proto = IPPROTO_UDP, .tos = 0xb8, .ttl = 7, .flow_label = 0x12345};
    struct via_ip_head h;
    struct via_path path;
    struct via_eth e;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        settle(r, 1, dst[i], mac9);
        d.dst = bench_ip(dst[i]);
        assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
        assert_int_equal(via_eth_parse(&e, via_path_head(&path), path.head_len), VIA_ETH_LEN);
        assert_memory_equal(e.dst, mac9, 6);
        assert_memory_equal(e.src, r->core.net->iface.at[1].mac, 6);
        assert_int_equal(path.head_len, VIA_ETH_LEN + path.ip_len);
        if (path.family == 4) /* a template has neither length nor checksum */
            via_put16(via_path_head(&path) + VIA_ETH_LEN + 2, 20);
        assert_int_equal(via_ip_parse(&h, via_path_head(&path) + VIA_ETH_LEN, path.ip_len, path.ip_len, false), path.ip_len);
        assert_int_equal(h.tos, 0xb8);
        assert_int_equal(h.ttl, 7);
        assert_int_equal(h.proto, IPPROTO_UDP);
        assert_true(via_addr_eq(&h.dst, &d.dst) && via_addr_eq(&h.dst, &path.dst) && via_addr_eq(&h.src, &path.src));
        assert_int_equal(h.flow, path.family == 6 ? 0x12345 : 0);
        assert_int_equal(h.flags & VIA_IP_DF, path.family == 4 ? VIA_IP_DF : 0);
        assert_int_equal(path.mtu, 1500);
        assert_int_equal(path.vi, 1);
        assert_int_equal(path.flags, 0);
        assert_true(path.pseudo == via_sum_fold(via_sum_pseudo(&path.src, &path.dst, IPPROTO_UDP, 0)));
    }
    bench_free(r);
}

static void routes_lead_to_gateways_and_interfaces(void **state) {
    struct bench *r = host(NULL);
    struct via_addr gw = bench_ip("198.51.100.254");
    struct via_path path;

    (void)state;
    assert_int_equal(resolve(r, &path, "203.0.113.5"), -ENETUNREACH);
    assert_int_equal(path.gen, 0);
    bench_route(r, 0, "0.0.0.0", 0, "198.51.100.254");
    assert_int_equal(resolve(r, &path, "203.0.113.5"), 0);
    assert_int_equal(path.vi, 2);
    assert_addr(&path.src, "198.51.100.1");
    assert_int_equal(path.neigh, via_neigh_id(&r->core, via_neigh_find(&r->core, 2, &gw)));
    assert_int_equal(resolve(r, &path, "192.0.2.5"), 0);
    assert_int_equal(path.vi, 1);
    bench_free(r);
}

static void an_interface_asked_for_restricts_the_routes(void **state) {
    struct bench *r = host(NULL);
    struct via_dest d = {.dst = bench_ip("203.0.113.5"), .proto = IPPROTO_UDP, .iface = 1};
    struct via_path path;

    (void)state;
    bench_route(r, 2, "203.0.113.0", 24, NULL);
    assert_int_equal(via_path_resolve(&r->core, &path, &d), -ENETUNREACH);
    bench_route(r, 1, "203.0.0.0", 16, "192.0.2.254");
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.vi, 1);
    d.iface = 0;
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.vi, 2);
    bench_free(r);
}

static void sources_must_be_ours_and_usable(void **state) {
    struct bench *r = host(NULL);
    struct via_dest d = {.dst = bench_ip("192.0.2.9"), .proto = IPPROTO_UDP, .src = bench_ip("192.0.2.7")};
    struct via_route t = {.dst = bench_ip("203.0.113.0"), .prefix = 24, .iface = 1, .source = bench_ip("198.51.100.1")};
    struct via_path path;

    (void)state;
    assert_int_equal(via_path_resolve(&r->core, &path, &d), -EADDRNOTAVAIL);
    d.src = bench_ip("2001:db8::1");
    assert_int_equal(via_path_resolve(&r->core, &path, &d), -EADDRNOTAVAIL);
    d.src = bench_ip("198.51.100.1"); /* of another interface: the weak host model */
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_addr(&path.src, "198.51.100.1");
    d.src = bench_ip("192.0.2.255");
    assert_int_equal(via_path_resolve(&r->core, &path, &d), -EADDRNOTAVAIL);
    assert_int_equal(via_net_route(&r->core, VIA_CTRL_ADD, &t), 0);
    assert_int_equal(resolve(r, &path, "203.0.113.5"), 0);
    assert_addr(&path.src, "198.51.100.1");
    bench_free(r);
}

static void own_addresses_are_a_loop(void **state) {
    static const char *const own[] = {"192.0.2.1", "2001:db8::1", "127.0.0.1", "::1", "198.51.100.1"};
    struct bench *r = host(NULL);
    struct via_path path;
    unsigned i;

    (void)state;
    for (i = 0; i < VIA_COUNT(own); i++) {
        assert_int_equal(resolve(r, &path, own[i]), 0);
        assert_int_equal(path.flags & VIA_PATH_LOOP, VIA_PATH_LOOP);
        assert_addr(&path.src, own[i]);
        assert_int_equal(path.mtu, 65535);
        assert_true(via_path_valid(&r->core, &path));
    }
    bench_free(r);
}

static void groups_need_no_neighbour(void **state) {
    struct bench *r = host(NULL);
    struct via_dest d = {.dst = bench_ip("239.1.2.3"), .proto = IPPROTO_UDP, .iface = 2};
    struct via_path path;

    (void)state;
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.vi, 2);
    assert_int_equal(path.flags & VIA_PATH_GROUP, VIA_PATH_GROUP);
    assert_memory_equal(via_path_head(&path), ((const uint8_t[]){0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}), 6);
    assert_int_equal(via_path_head(&path)[VIA_ETH_LEN + 8], 1); /* TTL 1 unless told otherwise */
    d.iface = 0;
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.vi, 1);
    bench_route(r, 2, "224.0.0.0", 4, NULL);
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.vi, 2);
    assert_int_equal(resolve(r, &path, "ff02::1:2"), 0);
    assert_memory_equal(via_path_head(&path), ((const uint8_t[]){0x33, 0x33, 0x00, 0x01, 0x00, 0x02}), 6);
    assert_int_equal(resolve(r, &path, "192.0.2.255"), 0);
    assert_int_equal(path.flags, VIA_PATH_GROUP | VIA_PATH_BROADCAST);
    assert_true(via_mac_is_broadcast(via_path_head(&path)));
    assert_int_equal(path.vi, 1);
    assert_int_equal(resolve(r, &path, "198.51.100.255"), 0);
    assert_int_equal(path.vi, 2);
    assert_int_equal(resolve(r, &path, "255.255.255.255"), 0);
    assert_true(via_mac_is_broadcast(via_path_head(&path)));
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    bench_free(r);
}

static void impossible_destinations_are_unreachable(void **state) {
    struct bench *r = host(NULL);
    struct via_ifaddr a = {.addr = bench_ip("192.0.2.2"), .iface = 1, .prefix = 24};
    struct via_path path;

    (void)state;
    assert_int_equal(resolve(r, &path, "0.0.0.0"), -ENETUNREACH);
    assert_int_equal(resolve(r, &path, "::"), -ENETUNREACH);
    assert_int_equal(resolve(r, &path, "fe80::9"), -ENETUNREACH);
    via_net_addr(&r->core, VIA_CTRL_ADD, &a);
    assert_int_equal(resolve(r, &path, "192.0.2.2"), -EHOSTUNREACH); /* ours perhaps, or perhaps not */
    bench_free(r);
}

static void links_that_vouch_spare_checksums(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_path path;

    (void)state;
    bench_attach(r, VIA_VI_CSUM_TRUSTED, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    resolve(r, &path, "192.0.2.9");
    assert_int_equal(path.flags & VIA_PATH_CSUM_FREE, VIA_PATH_CSUM_FREE);
    r->core.attrs.checksum = 2;
    resolve(r, &path, "192.0.2.9");
    assert_int_equal(path.flags & VIA_PATH_CSUM_FREE, 0);
    bench_free(r);
}

static void the_smallest_mtu_counts(void **state) {
    struct bench *r = host(NULL);
    struct via_route t = {.dst = bench_ip("203.0.113.0"), .prefix = 24, .iface = 1, .mtu = 1400};
    struct via_addr dst = bench_ip("203.0.113.5");
    struct via_path path, other;

    (void)state;
    assert_int_equal(via_net_route(&r->core, VIA_CTRL_ADD, &t), 0);
    resolve(r, &path, "203.0.113.5");
    assert_int_equal(path.mtu, 1400);
    resolve(r, &other, "203.0.113.6");
    via_pmtu_learn(&r->core, &dst, 1, 1300, 1400);
    assert_false(via_path_valid(&r->core, &path));
    resolve(r, &path, "203.0.113.5");
    assert_int_equal(path.mtu, 1300);
    resolve(r, &other, "203.0.113.6");
    assert_int_equal(other.mtu, 1400);
    bench_free(r);
}

static void frames_too_small_for_the_link_lower_its_mtu(void **state) {
    struct bench *r = bench_new(1, plain);

    (void)state;
    bench_attach(r, 0, 9000);
    bench_attach(r, VIA_VI_JUMBO, 9000);
    assert_int_equal(r->core.net->iface.at[1].mtu, 2048 - VIA_HEADROOM);
    assert_int_equal(r->core.net->iface.at[2].mtu, 9000);
    bench_free(r);
}

/* Each kind of change ends the paths that it concerns. */

static void add_address(struct bench *r) {
    bench_addr(r, 1, "192.0.2.77", 24);
}

static void del_address(struct bench *r) {
    struct via_ifaddr a = {.addr = bench_ip("198.51.100.1")};

    via_net_addr(&r->core, VIA_CTRL_DEL, &a);
}

static void add_route(struct bench *r) {
    bench_route(r, 2, "203.0.113.0", 24, NULL);
}

static void del_route(struct bench *r) {
    struct via_route t = {.dst = bench_ip("203.0.0.0"), .prefix = 16};

    assert_int_equal(via_net_route(&r->core, VIA_CTRL_DEL, &t), 0);
}

static void fix_neighbour(struct bench *r) {
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 7};

    settle(r, 1, "192.0.2.9", other);
}

static void drop_neighbour(struct bench *r) {
    struct via_neigh_entry e = {.addr = bench_ip("192.0.2.9"), .iface = 1};

    via_net_neigh(&r->core, VIA_CTRL_DEL, &e);
}

static void cut_link(struct bench *r) {
    r->core.vi[1]->dev->link = VIA_LINK_DOWN;
    via_iface_watch(&r->core);
}

static void change_mtu(struct bench *r) {
    r->core.vi[1]->dev->mtu = 1400;
    via_iface_watch(&r->core);
}

static void attach(struct bench *r) {
    bench_attach(r, 0, 1500);
}

static void detach(struct bench *r) {
    via_net_detach(&r->core, r->core.vi[2]);
}

static void every_change_ends_paths(void **state) {
    static void (*const change[])(struct bench *) = {
        add_address,    del_address, add_route,  del_route, fix_neighbour,
        drop_neighbour, cut_link,    change_mtu, attach,    detach,
    };
    unsigned i;

    (void)state;
    for (i = 0; i < VIA_COUNT(change); i++) {
        struct bench *r = host(NULL);
        struct via_path path;

        settle(r, 1, "192.0.2.9", mac9);
        bench_route(r, 1, "203.0.0.0", 16, NULL);
        assert_int_equal(resolve(r, &path, "192.0.2.9"), 0);
        bench_pass(r, VIA_SEC);
        via_iface_watch(&r->core);
        assert_true(via_path_valid(&r->core, &path));
        change[i](r);
        assert_false(via_path_valid(&r->core, &path));
        bench_free(r);
    }
}

static void the_unresolved_do_not_end_others_paths(void **state) {
    struct bench *r = host(NULL);
    struct via_path path, other;

    (void)state;
    settle(r, 1, "192.0.2.9", mac9);
    resolve(r, &path, "192.0.2.9");
    resolve(r, &other, "192.0.2.10");
    via_net_output(&r->core, &other, bench_payload(r, 8), false);
    bench_pass(r, 10 * VIA_SEC);
    assert_true(via_path_valid(&r->core, &path));
    bench_free(r);
}

static void no_default_route_leads_to_the_impossible(void **state) {
    static const char *const dst[] = {"127.0.0.2", "0.1.2.3", "240.0.0.1", "255.255.255.254"};
    struct bench *r = host(NULL);
    struct via_path path;
    size_t i;

    (void)state;
    bench_route(r, 1, "0.0.0.0", 0, "192.0.2.9");
    assert_int_equal(resolve(r, &path, "203.0.113.1"), 0);
    for (i = 0; i < VIA_COUNT(dst); i++)
        assert_int_equal(resolve(r, &path, dst[i]), -ENETUNREACH);
    assert_int_equal(resolve(r, &path, "127.0.0.1"), 0);
    assert_int_equal(path.flags & VIA_PATH_LOOP, VIA_PATH_LOOP);
    assert_int_equal(resolve(r, &path, "255.255.255.255"), 0);
    bench_free(r);
}

/* Two interfaces on one subnet: what has a source goes out where the source lives, unless a metric says otherwise. */
static void of_two_routes_alike_that_over_the_interface_of_the_source_is_taken(void **state) {
    static const char *const own[] = {"192.0.2.1", "192.0.2.2"};
    struct via_dest d = {.dst = bench_ip("192.0.2.77"), .proto = IPPROTO_UDP};
    struct bench *r = host(NULL);
    struct via_path path;
    uint8_t i;

    (void)state;
    bench_addr(r, 2, "192.0.2.2", 24);
    bench_pass(r, VIA_SEC);
    for (i = 0; i < 2; i++) {
        d.src = bench_ip(own[i]);
        assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
        assert_int_equal(path.vi, i + 1);
        assert_addr(&path.src, own[i]);
    }
    d.src = bench_ip("198.51.100.1");
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.vi, 2);
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template_holds_a_whole_header),
        cmocka_unit_test(routes_lead_to_gateways_and_interfaces),
        cmocka_unit_test(an_interface_asked_for_restricts_the_routes),
        cmocka_unit_test(sources_must_be_ours_and_usable),
        cmocka_unit_test(own_addresses_are_a_loop),
        cmocka_unit_test(groups_need_no_neighbour),
        cmocka_unit_test(impossible_destinations_are_unreachable),
        cmocka_unit_test(links_that_vouch_spare_checksums),
        cmocka_unit_test(the_smallest_mtu_counts),
        cmocka_unit_test(frames_too_small_for_the_link_lower_its_mtu),
        cmocka_unit_test(every_change_ends_paths),
        cmocka_unit_test(the_unresolved_do_not_end_others_paths),
        cmocka_unit_test(no_default_route_leads_to_the_impossible),
        cmocka_unit_test(of_two_routes_alike_that_over_the_interface_of_the_source_is_taken),
    };

    return cmocka_run_group_tests_name("net.path", tests, NULL, NULL);
}
