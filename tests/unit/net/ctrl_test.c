/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
    a->accept_ra = 0;
}

static struct bench *host(void) {
    struct bench *r = bench_new(1, plain);

    bench_attach(r, 0, 1500);
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 2, "2001:db8::1", 64);
    return r;
}

static struct via_route way(const char *dst, uint8_t prefix, const char *gateway, uint32_t iface) {
    struct via_route t = {.dst = bench_ip(dst), .prefix = prefix, .iface = iface};

    if (gateway)
        t.gateway = bench_ip(gateway);
    return t;
}

static int add(struct bench *r, struct via_route t) {
    return via_net_route(&r->core, VIA_CTRL_ADD, &t);
}

static int del(struct bench *r, struct via_route t) {
    return via_net_route(&r->core, VIA_CTRL_DEL, &t);
}

static int count_route(const struct via_route *t, void *arg) {
    (void)t;
    ++*(int *)arg;
    return 0;
}

static int routes(struct bench *r, uint32_t iface) {
    int n = 0;
    struct via_route t = {.iface = iface, .each = count_route, .arg = &n};

    assert_int_equal(via_net_route(&r->core, VIA_CTRL_LIST, &t), 0);
    return n;
}

static void routes_are_checked_at_the_door(void **state) {
    struct bench *r = host();
    struct via_route t;

    (void)state;
    assert_int_equal(add(r, way("203.0.113.0", 33, NULL, 1)), -EINVAL);
    assert_int_equal(add(r, way("2001:db8:1::", 129, NULL, 1)), -EINVAL);
    assert_int_equal(add(r, way("203.0.113.0", 24, "2001:db8::9", 0)), -EINVAL);
    assert_int_equal(add(r, way("203.0.113.0", 24, "224.0.0.1", 1)), -EINVAL);
    assert_int_equal(add(r, way("203.0.113.0", 24, "192.0.2.1", 0)), -EINVAL); /* ourselves */
    assert_int_equal(add(r, way("203.0.113.0", 24, "198.51.100.1", 0)), -ENETUNREACH);
    assert_int_equal(add(r, way("203.0.113.0", 24, "192.0.2.9", 2)), -ENETUNREACH);
    assert_int_equal(add(r, way("203.0.113.0", 24, NULL, 0)), -ENODEV);
    assert_int_equal(add(r, way("203.0.113.0", 24, NULL, 3)), -ENODEV);
    assert_int_equal(add(r, way("203.0.113.0", 24, NULL, 300)), -EINVAL);
    t = way("203.0.113.0", 24, NULL, 1);
    t.mtu = 67;
    assert_int_equal(add(r, t), -EINVAL);
    t = way("2001:db8:1::", 48, NULL, 1);
    t.mtu = 1279;
    assert_int_equal(add(r, t), -EINVAL);
    t.mtu = 65536;
    assert_int_equal(add(r, t), -EINVAL);
    assert_int_equal(via_net_route(&r->core, 77, &t), -EINVAL);
    assert_int_equal(via_net_route(&r->core, VIA_CTRL_LIST, &t), -EINVAL);
    assert_int_equal(routes(r, 0), 2);
    bench_free(r);
}

static void gateways_tell_the_interface_and_the_family(void **state) {
    struct bench *r = host();
    struct via_addr four = bench_ip("203.0.113.5"), six = bench_ip("2001:db8:7::7");
    const struct via_rt *t;

    (void)state;
    assert_int_equal(add(r, way("::", 0, "192.0.2.9", 0)), 0); /* all zero, and a gateway of IPv4 */
    t = via_rt_at(&r->core, via_route_find(&r->core, &four, 128));
    assert_int_equal(t->iface, 1);
    assert_int_equal(t->bits, 96);
    assert_int_equal(via_route_find(&r->core, &six, 128), 0);
    assert_int_equal(add(r, way("::", 0, "2001:db8::9", 0)), 0);
    assert_int_equal(via_rt_at(&r->core, via_route_find(&r->core, &six, 128))->iface, 2);
    assert_int_equal(add(r, way("2001:db8:7::", 48, "fe80::9", 1)), 0); /* link-local: on whatever link is named */
    assert_int_equal(via_rt_at(&r->core, via_route_find(&r->core, &six, 128))->iface, 1);
    assert_int_equal(add(r, way("2001:db8:7::", 48, "fe80::9", 1)), -EEXIST);
    bench_free(r);
}

static void routes_go_by_what_is_told_of_them(void **state) {
    struct bench *r = host();
    struct via_route t = way("203.0.113.0", 24, "192.0.2.9", 0);

    (void)state;
    t.metric = 5;
    assert_int_equal(add(r, t), 0);
    t.metric = 6;
    assert_int_equal(add(r, t), 0);
    assert_int_equal(del(r, way("203.0.113.0", 25, NULL, 0)), -ENOENT);
    assert_int_equal(del(r, way("203.0.113.0", 24, "192.0.2.8", 0)), -ENOENT);
    assert_int_equal(del(r, way("203.0.113.0", 24, NULL, 2)), -ENOENT);
    t.metric = 6;
    t.dst = bench_ip("203.0.113.77"); /* bits behind the prefix do not matter */
    assert_int_equal(del(r, t), 0);
    assert_int_equal(del(r, t), -ENOENT);
    assert_int_equal(del(r, way("203.0.113.0", 24, NULL, 0)), 0);
    assert_int_equal(del(r, way("192.0.2.0", 24, NULL, 0)), -ENOENT); /* goes with the address alone */
    assert_int_equal(routes(r, 0), 2);
    bench_free(r);
}

static void a_flush_leaves_what_was_not_made_by_hand(void **state) {
    struct bench *r = host();
    struct via_route t = {.iface = 1};

    (void)state;
    add(r, way("203.0.113.0", 24, NULL, 1));
    add(r, way("203.0.113.0", 25, NULL, 2));
    assert_int_equal(routes(r, 0), 4);
    assert_int_equal(routes(r, 2), 2);
    assert_int_equal(via_net_route(&r->core, VIA_CTRL_FLUSH, &t), 0);
    assert_int_equal(routes(r, 0), 3);
    t.iface = 0;
    via_net_route(&r->core, VIA_CTRL_FLUSH, &t);
    assert_int_equal(routes(r, 0), 2);
    bench_free(r);
}

static int stop_at_one(const struct via_ifaddr *a, void *arg) {
    *(struct via_ifaddr *)arg = *a;
    return 1;
}

static int count_addr(const struct via_ifaddr *a, void *arg) {
    (void)a;
    ++*(int *)arg;
    return 0;
}

static void addresses_are_listed_and_flushed(void **state) {
    struct bench *r = host();
    struct via_ifaddr got, a = {.each = stop_at_one, .arg = &got};
    int n = 0;

    (void)state;
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_LIST, &a), 0);
    assert_int_equal(via_addr_to4(&got.addr), htonl(0xc0000201));
    assert_int_equal(got.iface, 1);
    assert_int_equal(got.prefix, 24);
    assert_int_equal(got.state, VIA_ADDR_PREFERRED);
    assert_int_equal(got.flags, VIA_ADDR_NODAD);
    a.iface = 2;
    a.each = count_addr;
    a.arg = &n;
    via_net_addr(&r->core, VIA_CTRL_LIST, &a);
    assert_int_equal(n, 1);
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_FLUSH, &a), 0);
    a.iface = 0;
    n = 0;
    via_net_addr(&r->core, VIA_CTRL_LIST, &a);
    assert_int_equal(n, 1);
    a.addr = bench_ip("127.0.0.1"); /* the host's own stay */
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_DEL, &a), -ENOENT);
    a.addr = bench_ip("192.0.2.255");
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_DEL, &a), -ENOENT);
    a.addr = bench_ip("192.0.2.1");
    a.iface = 2;
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_DEL, &a), -ENOENT);
    a.iface = 1000;
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_DEL, &a), -ENOENT);
    a.each = NULL;
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_LIST, &a), -EINVAL);
    bench_free(r);
}

static int take_neigh(const struct via_neigh_entry *n, void *arg) {
    *(struct via_neigh_entry *)arg = *n;
    return 0;
}

static void neighbours_are_checked_at_the_door(void **state) {
    struct bench *r = host();
    struct via_neigh_entry got, e = {.addr = bench_ip("192.0.2.9"), .iface = 1, .router = 1};

    (void)state;
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), -EINVAL); /* no MAC address */
    bench_mac(e.mac, 9);
    e.mac[0] |= 1;
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), -EINVAL);
    bench_mac(e.mac, 9);
    e.iface = 3;
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), -ENODEV);
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_DEL, &e), -ENODEV);
    e.iface = 1;
    e.addr = bench_ip("224.0.0.1");
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), -EINVAL);
    e.addr = bench_ip("192.0.2.255");
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), -EINVAL);
    e.addr = bench_ip("192.0.2.1");
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), -EINVAL);
    e.addr = bench_ip("192.0.2.9");
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_ADD, &e), 0);
    e.each = take_neigh;
    e.arg = &got;
    memset(&got, 0, sizeof got);
    assert_int_equal(via_net_neigh(&r->core, VIA_CTRL_LIST, &e), 0);
    assert_int_equal(got.state, VIA_NEIGH_STATIC);
    assert_int_equal(got.router, 1);
    assert_int_equal(got.mac[5], 9);
    assert_true(via_addr_eq(&got.addr, &e.addr));
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_checked_at_the_door),
        cmocka_unit_test(gateways_tell_the_interface_and_the_family),
        cmocka_unit_test(routes_go_by_what_is_told_of_them),
        cmocka_unit_test(a_flush_leaves_what_was_not_made_by_hand),
        cmocka_unit_test(addresses_are_listed_and_flushed),
        cmocka_unit_test(neighbours_are_checked_at_the_door),
    };

    return cmocka_run_group_tests_name("net.ctrl", tests, NULL, NULL);
}
