/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes_rig.h"
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const uint8_t mac9[6] = {2, 0, 0, 0, 0, 9};

static struct bench *host(void) {
    struct bench *r = bench_new(1, NULL);

    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "fe80::1", 64);
    bench_pass(r, 20 * VIA_SEC);
    bench_hush(r);
    return r;
}

static struct via_nd advert(uint16_t lifetime) {
    struct via_nd m = {.type = VIA_ND_ROUTER_ADVERT, .lifetime = lifetime, .has = VIA_ND_SRC_MAC};

    memcpy(m.src_mac, mac9, 6);
    return m;
}

static void add_prefix(struct via_nd *m, const char *prefix, uint8_t len, uint8_t flags, uint32_t seconds) {
    struct via_nd_prefix *p = &m->prefix[m->prefixes++];

    memset(p, 0, sizeof *p);
    p->prefix = bench_ip(prefix);
    p->len = len;
    p->flags = flags;
    p->valid = p->preferred = seconds;
}

/* The first route to `dst`, or NULL. */
static const struct via_rt *route(struct bench *r, const char *dst) {
    struct via_addr a = bench_ip(dst);
    uint32_t id = via_route_find(&r->core, &a, 128);

    return id ? via_rt_at(&r->core, id) : NULL;
}

static uint32_t count_origin(struct bench *r, int origin) {
    uint32_t id, n = 0;

    for (id = 1; id <= r->core.net->route.pool.ready; id++)
        n += via_rt_at(&r->core, id)->iface && via_rt_at(&r->core, id)->origin == origin;
    return n;
}

static struct via_own *made(struct bench *r, const char *prefix) {
    struct via_addr p = bench_ip(prefix);
    uint32_t id;

    for (id = r->core.net->iface.at[1].own.head; id; id = via_own_at(&r->core, id)->iface_next)
        if (via_own_at(&r->core, id)->origin == VIA_OWN_PREFIX && via_addr_in(&via_own_at(&r->core, id)->addr, &p, 64))
            return via_own_at(&r->core, id);
    return NULL;
}

static void routers_are_asked_for_three_times(void **state) {
    struct bench *r = bench_new(1, NULL);
    struct via_addr all = bench_ip("ff02::2");
    const struct bench_sent *s;
    via_ns_t last = 0;
    int n = 0;

    (void)state;
    bench_attach(r, 0, 1500);
    bench_pass(r, 60 * VIA_SEC);
    while ((s = bench_next_nd(r, VIA_ND_ROUTER_SOLICIT))) {
        assert_true(via_addr_eq(&s->ip.dst, &all));
        assert_true(via_addr_is_linklocal6(&s->ip.src));
        assert_int_equal(s->nd.has, VIA_ND_SRC_MAC);
        assert_true(!n || s->at - last == 4 * VIA_SEC);
        last = s->at;
        n++;
    }
    assert_int_equal(n, 3);
    bench_free(r);
}

static void an_answer_ends_the_asking(void **state) {
    struct bench *r = bench_new(1, NULL);
    struct via_nd m = advert(1800);

    (void)state;
    bench_attach(r, 0, 1500);
    bench_pass(r, VIA_MS);
    assert_int_equal(bench_nd(r, 1, &m, "fe80::9", "ff02::1"), VIA_KEPT);
    bench_pass(r, 60 * VIA_SEC);
    assert_null(bench_next_nd(r, VIA_ND_ROUTER_SOLICIT));
    bench_free(r);
}

static void a_default_router_lasts_as_long_as_it_says(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(1800);
    struct via_addr router = bench_ip("fe80::9");

    (void)state;
    assert_null(route(r, "2001:db8::1"));
    assert_int_equal(bench_nd(r, 1, &m, "fe80::9", "ff02::1"), VIA_KEPT);
    assert_true(via_addr_eq(&route(r, "2001:db8::1")->gateway, &router));
    assert_int_equal(via_neigh_find(&r->core, 1, &router)->state, VIA_NEIGH_STALE);
    bench_pass(r, 1000 * VIA_SEC);
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    bench_pass(r, 1800 * VIA_SEC - 1);
    assert_non_null(route(r, "2001:db8::1"));
    bench_pass(r, 1);
    assert_null(route(r, "2001:db8::1"));
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    m.lifetime = 0;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    assert_null(route(r, "2001:db8::1"));
    bench_free(r);
}

static void preference_of_routers_is_followed(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(1800);
    struct via_addr low = bench_ip("fe80::8"), high = bench_ip("fe80::7");

    (void)state;
    m.pref = -1;
    bench_nd(r, 1, &m, "fe80::8", "ff02::1");
    assert_true(via_addr_eq(&route(r, "2001:db8::1")->gateway, &low));
    m.pref = 1;
    bench_nd(r, 1, &m, "fe80::7", "ff02::1");
    assert_true(via_addr_eq(&route(r, "2001:db8::1")->gateway, &high));
    m.pref = 0;
    bench_nd(r, 1, &m, "fe80::7", "ff02::1"); /* changed its mind: still better than low, and there once */
    assert_true(via_addr_eq(&route(r, "2001:db8::1")->gateway, &high));
    assert_int_equal(count_origin(r, VIA_ROUTE_ADVERT), 2);
    bench_free(r);
}

static void a_router_that_does_not_answer_is_passed_over(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(1800);
    struct via_dest d = {.dst = bench_ip("2001:db8:7::7"), .src = bench_ip("fe80::1"), .proto = IPPROTO_UDP};
    struct via_addr first = bench_ip("fe80::8");
    struct via_path path;

    (void)state;
    m.has = 0;
    m.pref = 1;
    bench_nd(r, 1, &m, "fe80::8", "ff02::1");
    m.pref = 0;
    bench_nd(r, 1, &m, "fe80::7", "ff02::1");
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    via_net_output(&r->core, &path, bench_payload(r, 8), false);
    bench_pass(r, 3 * VIA_SEC);
    assert_int_equal(via_neigh_find(&r->core, 1, &first)->state, VIA_NEIGH_FAILED);
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    first = bench_ip("fe80::7");
    assert_ptr_equal(via_neigh_at(&r->core, path.neigh), via_neigh_find(&r->core, 1, &first));
    bench_free(r);
}

static void prefixes_make_routes_and_addresses(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(0);
    struct via_own *o;

    (void)state;
    add_prefix(&m, "2001:db8:1::", 64, VIA_ND_ON_LINK | VIA_ND_AUTO, 7200);
    add_prefix(&m, "2001:db8:2::", 64, VIA_ND_AUTO, 7200);
    add_prefix(&m, "2001:db8:3::", 64, VIA_ND_ON_LINK, 7200);
    assert_int_equal(bench_nd(r, 1, &m, "fe80::9", "ff02::1"), VIA_KEPT);
    o = made(r, "2001:db8:1::");
    assert_non_null(o);
    assert_int_equal(o->state, VIA_ADDR_TENTATIVE);
    assert_non_null(made(r, "2001:db8:2::"));
    assert_null(made(r, "2001:db8:3::"));
    assert_non_null(route(r, "2001:db8:1::5"));
    assert_null(route(r, "2001:db8:2::5")); /* not said to be on the link: RFC 5942 */
    assert_non_null(route(r, "2001:db8:3::5"));
    bench_pass(r, 5 * VIA_SEC);
    assert_int_equal(o->state, VIA_ADDR_PREFERRED);
    bench_pass(r, 7195 * VIA_SEC - 1);
    assert_non_null(made(r, "2001:db8:1::"));
    bench_pass(r, 1);
    assert_null(made(r, "2001:db8:1::"));
    assert_null(route(r, "2001:db8:1::5"));
    bench_free(r);
}

static void a_prefix_of_no_preferred_time_makes_a_deprecated_address(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(0);

    (void)state;
    add_prefix(&m, "2001:db8:1::", 64, VIA_ND_AUTO, 7200);
    m.prefix[0].preferred = 0;
    assert_int_equal(bench_nd(r, 1, &m, "fe80::9", "ff02::1"), VIA_KEPT);
    bench_pass(r, 0); /* comes to an end */
    assert_int_equal(made(r, "2001:db8:1::")->state, VIA_ADDR_TENTATIVE);
    bench_pass(r, 5 * VIA_SEC);
    assert_int_equal(made(r, "2001:db8:1::")->state, VIA_ADDR_DEPRECATED);
    bench_free(r);
}

static void prefixes_that_make_no_sense_make_no_address(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(0);

    (void)state;
    add_prefix(&m, "2001:db8:1::", 63, VIA_ND_AUTO, 7200);
    add_prefix(&m, "fe80::", 64, VIA_ND_AUTO | VIA_ND_ON_LINK, 7200);
    add_prefix(&m, "ff02::", 64, VIA_ND_AUTO | VIA_ND_ON_LINK, 7200);
    add_prefix(&m, "::", 64, VIA_ND_AUTO, 7200);
    add_prefix(&m, "::", 0, VIA_ND_ON_LINK, 7200);
    add_prefix(&m, "2001:db8:2::", 64, VIA_ND_AUTO, 0);
    add_prefix(&m, "2001:db8:3::", 64, VIA_ND_AUTO, 7200);
    m.prefix[6].preferred = 7201;
    add_prefix(&m, "::ffff:192.0.2.0", 120, VIA_ND_ON_LINK, 7200);
    assert_int_equal(bench_nd(r, 1, &m, "fe80::9", "ff02::1"), VIA_KEPT);
    assert_int_equal(r->core.net->addr.count, 2);
    assert_int_equal(count_origin(r, VIA_ROUTE_ADVERT), 0);
    bench_free(r);
}

static void a_flood_of_routers_is_bounded(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(1800);
    uint64_t seed = 5;
    char text[64];
    int i, j;

    (void)state;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    for (i = 0; i < 300; i++) {
        snprintf(text, sizeof text, "fe80::%x:%x", (unsigned)(rig_random(&seed) & 0xffff), i + 1);
        m.prefixes = 0;
        for (j = 0; j < 8; j++) {
            add_prefix(&m, "2001:db8::", 64, VIA_ND_AUTO | VIA_ND_ON_LINK, 7200);
            rig_noise(&seed, m.prefix[j].prefix.b + 4, 4);
        }
        bench_nd(r, 1, &m, text, "ff02::1");
        bench_hush(r);
    }
    assert_int_equal(bench_nd(r, 1, &m, text, "ff02::1"), VIA_DROP_ND_LIMIT);
    assert_true(count_origin(r, VIA_ROUTE_ADVERT) <= VIA_RA_ROUTES);
    assert_true(r->core.net->addr.count <= 2 + VIA_RA_ADDRS);
    assert_true(via_pool_used(&r->core.net->neigh.pool) <= VIA_RA_ROUTES);
    snprintf(text, sizeof text, "fe80::9"); /* the one that was there first still is */
    m = advert(1800);
    assert_int_equal(bench_nd(r, 1, &m, text, "ff02::1"), VIA_KEPT);
    bench_pass(r, 9000 * VIA_SEC);
    bench_hush(r);
    assert_int_equal(count_origin(r, VIA_ROUTE_ADVERT), 0);
    bench_free(r);
}

static void parameters_are_taken_within_reason(void **state) {
    struct bench *r = host();
    struct via_iface *f = &r->core.net->iface.at[1];
    struct via_nd m = advert(1800);

    (void)state;
    m.hop_limit = 33;
    m.reachable = 10000;
    m.retrans = 500;
    m.mtu = 1400;
    m.has |= VIA_ND_MTU;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    assert_int_equal(f->hops, 33);
    assert_true(f->reachable >= 5 * VIA_SEC && f->reachable <= 15 * VIA_SEC);
    assert_true(f->retrans == 500 * VIA_MS);
    assert_int_equal(f->mtu6, 1400);
    assert_int_equal(f->mtu, 1500);
    m.hop_limit = 0;
    m.reachable = 3600001;
    m.retrans = 0xffffffff;
    m.mtu = 1279;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    assert_int_equal(f->hops, 33);
    assert_true(f->reachable <= 15 * VIA_SEC);
    assert_true(f->retrans == 60 * VIA_SEC);
    assert_int_equal(f->mtu6, 1400);
    m.mtu = 1501;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    assert_int_equal(f->mtu6, 1400);
    bench_free(r);
}

static void deaf(struct via_attrs *a) {
    a->accept_ra = 0;
}

static void advertisements_may_be_switched_off(void **state) {
    struct bench *r = bench_new(1, deaf);
    struct via_nd m = advert(1800);

    (void)state;
    bench_attach(r, 0, 1500);
    bench_pass(r, 60 * VIA_SEC);
    assert_null(bench_next_nd(r, VIA_ND_ROUTER_SOLICIT));
    assert_int_equal(bench_nd(r, 1, &m, "fe80::9", "ff02::1"), VIA_DROP_ND_NOT_MINE);
    assert_null(route(r, "2001:db8::1"));
    bench_free(r);
}

static void a_neighbour_that_stops_to_be_a_router_loses_its_routes(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(1800);
    struct via_nd na = {.type = VIA_ND_ADVERT, .target = bench_ip("fe80::9"), .has = VIA_ND_DST_MAC};

    (void)state;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    memcpy(na.dst_mac, mac9, 6);
    na.flags = VIA_ND_ROUTER | VIA_ND_OVERRIDE;
    bench_nd(r, 1, &na, "fe80::9", "ff02::1");
    assert_non_null(route(r, "2001:db8::1"));
    na.flags = VIA_ND_OVERRIDE;
    bench_nd(r, 1, &na, "fe80::9", "ff02::1");
    assert_null(route(r, "2001:db8::1"));
    bench_free(r);
}

static void specific_routes_are_taken(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(0);
    struct via_addr router = bench_ip("fe80::9");

    (void)state;
    add_prefix(&m, "2001:db8:77::", 48, VIA_ND_VIA_ROUTER, 600);
    assert_int_equal(bench_nd(r, 1, &m, "fe80::9", "ff02::1"), VIA_KEPT);
    assert_true(via_addr_eq(&route(r, "2001:db8:77::1")->gateway, &router));
    assert_null(route(r, "2001:db8:78::1"));
    bench_pass(r, 600 * VIA_SEC);
    assert_null(route(r, "2001:db8:77::1"));
    bench_free(r);
}

static void a_subnet_of_our_own_outlives_the_advertised_one(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(0);

    (void)state;
    add_prefix(&m, "2001:db8:1::", 64, VIA_ND_ON_LINK, 600);
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    bench_addr(r, 1, "2001:db8:1::1", 64);
    bench_pass(r, 700 * VIA_SEC);
    assert_non_null(route(r, "2001:db8:1::5"));
    bench_free(r);
}

/* Redirects. */

static struct via_nd redirect(const char *dst, const char *target) {
    struct via_nd m = {
        .type = VIA_ND_REDIRECT, .dst = bench_ip(dst), .target = bench_ip(target), .has = VIA_ND_DST_MAC};

    bench_mac(m.dst_mac, 7);
    return m;
}

static void the_router_in_use_may_redirect(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(1800), to = redirect("2001:db8:5::5", "fe80::7");
    struct via_addr better = bench_ip("fe80::7");
    uint32_t gen;

    (void)state;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    gen = r->core.net->head.gen;
    assert_int_equal(bench_nd(r, 1, &to, "fe80::9", "fe80::1"), VIA_KEPT);
    assert_int_not_equal(r->core.net->head.gen, gen);
    assert_true(via_addr_eq(&route(r, "2001:db8:5::5")->gateway, &better));
    assert_int_equal(route(r, "2001:db8:5::5")->bits, 128);
    assert_int_equal(via_neigh_find(&r->core, 1, &better)->mac[5], 7);
    /* Then the new one is the one in use, and alone may redirect. */
    to = redirect("2001:db8:5::5", "2001:db8:5::5");
    assert_int_equal(bench_nd(r, 1, &to, "fe80::9", "fe80::1"), VIA_DROP_ND_BAD);
    assert_int_equal(bench_nd(r, 1, &to, "fe80::7", "fe80::1"), VIA_KEPT);
    assert_true(via_addr_is_any(&route(r, "2001:db8:5::5")->gateway));
    assert_int_equal(count_origin(r, VIA_ROUTE_REDIRECT), 1);
    bench_pass(r, 601 * VIA_SEC);
    assert_int_equal(count_origin(r, VIA_ROUTE_REDIRECT), 0);
    bench_free(r);
}

static void redirects_of_strangers_are_ignored(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(1800), to = redirect("2001:db8:5::5", "fe80::7");
    struct via_addr better = bench_ip("fe80::7");

    (void)state;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    assert_int_equal(bench_nd(r, 1, &to, "fe80::8", "fe80::1"), VIA_DROP_ND_BAD);
    assert_int_equal(bench_nd(r, 1, &to, "2001:db8::9", "fe80::1"), VIA_DROP_ND_BAD);
    to.target = bench_ip("fe80::1"); /* to ourselves */
    assert_int_equal(bench_nd(r, 1, &to, "fe80::9", "fe80::1"), VIA_DROP_ND_BAD);
    assert_int_equal(count_origin(r, VIA_ROUTE_REDIRECT), 0);
    assert_null(via_neigh_find(&r->core, 1, &better));
    bench_free(r);
}

static void a_flood_of_redirects_is_bounded(void **state) {
    struct bench *r = host();
    struct via_nd m = advert(1800), to;
    char text[64];
    int i;

    (void)state;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    for (i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "2001:db8:5::%x", i + 1);
        to = redirect(text, "fe80::7");
        assert_int_equal(bench_nd(r, 1, &to, "fe80::9", "fe80::1"), VIA_KEPT);
        bench_pass(r, VIA_MS);
    }
    assert_int_equal(count_origin(r, VIA_ROUTE_REDIRECT), VIA_RA_REDIRECTS);
    assert_int_equal(route(r, text)->bits, 128);
    assert_int_equal(route(r, "2001:db8:5::1")->bits, 0);
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routers_are_asked_for_three_times),
        cmocka_unit_test(an_answer_ends_the_asking),
        cmocka_unit_test(a_default_router_lasts_as_long_as_it_says),
        cmocka_unit_test(preference_of_routers_is_followed),
        cmocka_unit_test(a_router_that_does_not_answer_is_passed_over),
        cmocka_unit_test(prefixes_make_routes_and_addresses),
        cmocka_unit_test(a_prefix_of_no_preferred_time_makes_a_deprecated_address),
        cmocka_unit_test(prefixes_that_make_no_sense_make_no_address),
        cmocka_unit_test(a_flood_of_routers_is_bounded),
        cmocka_unit_test(parameters_are_taken_within_reason),
        cmocka_unit_test(advertisements_may_be_switched_off),
        cmocka_unit_test(a_neighbour_that_stops_to_be_a_router_loses_its_routes),
        cmocka_unit_test(specific_routes_are_taken),
        cmocka_unit_test(a_subnet_of_our_own_outlives_the_advertised_one),
        cmocka_unit_test(the_router_in_use_may_redirect),
        cmocka_unit_test(redirects_of_strangers_are_ignored),
        cmocka_unit_test(a_flood_of_redirects_is_bounded),
    };

    return cmocka_run_group_tests_name("net.ra", tests, NULL, NULL);
}
