/* SPDX-License-Identifier: BSD-2-Clause */
/* temp_test.c - temporary addresses (RFC 8981): made beside the stable one, preferred, replaced in time. */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAY (86400 * VIA_SEC)

static void set_temp(struct via_attrs *a) {
    a->temp_addrs = 1;
}

static void set_short(struct via_attrs *a) {
    a->temp_addrs = 1;
    a->temp_preferred = 1000 * VIA_SEC;
    a->temp_valid = 2500 * VIA_SEC;
}

static struct bench *host(void (*set)(struct via_attrs *)) {
    struct bench *r = bench_new(1, set);

    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "fe80::1", 64);
    bench_pass(r, 20 * VIA_SEC);
    return r;
}

static void advertise(struct bench *r, const char *prefix, uint32_t preferred, uint32_t valid) {
    struct via_nd m = {.type = VIA_ND_ROUTER_ADVERT, .lifetime = 1800, .prefixes = 1};

    m.prefix[0].prefix = bench_ip(prefix);
    m.prefix[0].len = 64;
    m.prefix[0].flags = VIA_ND_AUTO | VIA_ND_ON_LINK;
    m.prefix[0].preferred = preferred;
    m.prefix[0].valid = valid;
    bench_nd(r, 1, &m, "fe80::9", "ff02::1");
    bench_hush(r);
}

/* The n-th temporary address, in the order in which they were made, or NULL; *count, how many there are. */
static struct via_own *temp(struct bench *r, uint32_t n, uint32_t *count) {
    struct via_own *found = NULL;
    uint32_t id, k = 0;

    for (id = r->core.net->iface.at[1].own.head; id; id = via_own_at(&r->core, id)->iface_next)
        if (via_own_at(&r->core, id)->origin == VIA_OWN_TEMP && k++ == n)
            found = via_own_at(&r->core, id);
    if (count)
        *count = k;
    return found;
}

static uint32_t temps(struct bench *r) {
    uint32_t n;

    temp(r, 0, &n);
    return n;
}

static void a_prefix_makes_a_stable_and_a_temporary_address(void **state) {
    struct bench *r = host(set_temp);
    struct via_addr to = bench_ip("2001:db8:9::1"), src;
    struct via_own *o;

    (void)state;
    advertise(r, "2001:db8::", 0xffffffff, 0xffffffff);
    bench_pass(r, 5 * VIA_SEC);
    o = temp(r, 0, NULL);
    assert_non_null(o);
    assert_int_equal(o->state, VIA_ADDR_PREFERRED);
    assert_int_equal(o->flags & VIA_ADDR_TEMPORARY, VIA_ADDR_TEMPORARY);
    assert_in_range(o->preferred - o->born, DAY * 6 / 10, DAY);
    assert_int_equal(o->valid - o->born, 2 * DAY);
    assert_int_equal(via_addr_select(&r->core, &to, &to, 1, &src), 0);
    assert_true(via_addr_eq(&src, &o->addr)); /* RFC 6724 rule 7 */
    bench_free(r);
}

static void they_are_not_made_unless_asked_for(void **state) {
    struct bench *r = host(NULL);

    (void)state;
    advertise(r, "2001:db8::", 0xffffffff, 0xffffffff);
    bench_pass(r, 3 * DAY);
    assert_int_equal(temps(r), 0);
    bench_free(r);
}

/* One is preferred at any time, and what connections of the old one need of it stays for as long as it is valid. */
static void an_heir_is_made_before_an_address_is_deprecated(void **state) {
    struct bench *r = host(set_short);
    struct via_own *first, *second;
    struct via_addr one;
    int i;

    (void)state;
    advertise(r, "2001:db8::", 0xffffffff, 0xffffffff);
    bench_pass(r, 5 * VIA_SEC);
    first = temp(r, 0, NULL);
    one = first->addr;
    bench_pass(r, first->preferred - via_now(&r->core) - VIA_MS);
    assert_int_equal(temps(r), 2);
    second = temp(r, 1, NULL);
    assert_int_equal(first->state, VIA_ADDR_PREFERRED);
    assert_int_equal(second->state, VIA_ADDR_PREFERRED); /* ready in time */
    assert_false(via_addr_eq(&second->addr, &one));
    bench_pass(r, 2 * VIA_MS);
    assert_int_equal(first->state, VIA_ADDR_DEPRECATED);
    bench_pass(r, first->valid - via_now(&r->core) + VIA_SEC);
    assert_false(via_net_is_own(&r->core, &one, 0));
    for (i = 0; i < 100; i++) {
        uint32_t n = temps(r), k, preferred = 0;

        for (k = 0; k < n; k++)
            preferred += temp(r, k, NULL)->state == VIA_ADDR_PREFERRED;
        assert_in_range(n, 2, 6);
        assert_in_range(preferred, 1, 2);
        bench_pass(r, 97 * VIA_SEC);
    }
    bench_free(r);
}

static void routers_shorten_but_never_lengthen_their_lives(void **state) {
    struct bench *r = host(set_short);
    struct via_own *o;

    (void)state;
    advertise(r, "2001:db8::", 100, 20000);
    o = temp(r, 0, NULL);
    assert_int_equal(o->preferred - o->born, 100 * VIA_SEC);
    assert_int_equal(o->valid - o->born, 2500 * VIA_SEC);
    bench_pass(r, 50 * VIA_SEC);
    advertise(r, "2001:db8::", 0xffffffff, 0xffffffff);
    assert_true(o->preferred - o->born > 100 * VIA_SEC);
    assert_true(o->preferred - o->born <= 1000 * VIA_SEC);
    assert_int_equal(o->valid - o->born, 2500 * VIA_SEC);
    assert_int_equal(temps(r), 1);
    bench_free(r);
}

/* 3.4 (5). */
static void a_prefix_that_is_over_soon_makes_none(void **state) {
    struct bench *r = host(set_temp);

    (void)state;
    advertise(r, "2001:db8::", 4, 20000);
    advertise(r, "2001:db8:1::", 0, 20000);
    bench_pass(r, 100 * VIA_SEC);
    assert_int_equal(temps(r), 0);
    bench_free(r);
}

static void a_duplicate_is_replaced_by_another_one(void **state) {
    struct bench *r = host(set_temp);
    struct via_nd claim = {.type = VIA_ND_ADVERT, .has = VIA_ND_DST_MAC};
    struct via_addr one;

    (void)state;
    advertise(r, "2001:db8::", 0xffffffff, 0xffffffff);
    one = temp(r, 0, NULL)->addr;
    assert_int_equal(temp(r, 0, NULL)->state, VIA_ADDR_TENTATIVE);
    claim.target = one;
    bench_mac(claim.dst_mac, 9);
    assert_int_equal(bench_nd(r, 1, &claim, "fe80::9", "ff02::1"), VIA_DROP_ND_CONFLICT);
    bench_pass(r, 10 * VIA_SEC);
    assert_int_equal(temps(r), 1);
    assert_false(via_addr_eq(&temp(r, 0, NULL)->addr, &one));
    assert_int_equal(temp(r, 0, NULL)->state, VIA_ADDR_PREFERRED);
    bench_free(r);
}

static void changing_lifetimes_make_no_more_than_are_kept(void **state) {
    struct bench *r = host(set_temp);
    int i;

    (void)state;
    for (i = 0; i < 500; i++) {
        advertise(r, "2001:db8::", i % 2 ? 7 : 1000, 0xffffffff);
        bench_pass(r, 3 * VIA_SEC);
    }
    assert_in_range(temps(r), 1, VIA_RA_TEMPS);
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_makes_a_stable_and_a_temporary_address),
        cmocka_unit_test(they_are_not_made_unless_asked_for),
        cmocka_unit_test(an_heir_is_made_before_an_address_is_deprecated),
        cmocka_unit_test(routers_shorten_but_never_lengthen_their_lives),
        cmocka_unit_test(a_prefix_that_is_over_soon_makes_none),
        cmocka_unit_test(a_duplicate_is_replaced_by_another_one),
        cmocka_unit_test(changing_lifetimes_make_no_more_than_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
