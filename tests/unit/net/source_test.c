/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
    a->accept_ra = 0;
}

struct row {
    const char *dst;
    const char *own[3]; /* '!' in front: deprecated; '2' and '>' in front: on interface 2 */
    const char *chosen; /* NULL: there is none */
};

static void give(struct bench *r, const char *text) {
    uint8_t iface = 1;
    struct via_addr a;
    bool old = *text == '!';

    if (!strncmp(text, "2>", 2)) {
        iface = 2;
        text += 2;
    }
    text += old;
    a = bench_ip(text);
    bench_addr(r, iface, text, via_addr_is4(&a) ? 24 : 64);
    if (old)
        via_addr_refresh(&r->core, via_addr_find(&r->core, &a, iface), 0, VIA_NEVER);
}

static void check_row(const struct row *row, bool backwards) {
    struct bench *r = bench_new(1, plain);
    struct via_addr dst = bench_ip(row->dst), src, want;
    char a[VIA_ADDR_TEXT], b[VIA_ADDR_TEXT];
    unsigned i;
    int err;

    bench_attach(r, 0, 1500);
    bench_attach(r, 0, 1500);
    for (i = 0; i < 3; i++)
        if (row->own[backwards ? 2 - i : i])
            give(r, row->own[backwards ? 2 - i : i]);
    err = via_addr_select(&r->core, &dst, &dst, 1, &src);
    if (!row->chosen) {
        assert_int_equal(err, -EADDRNOTAVAIL);
    } else {
        want = bench_ip(row->chosen);
        assert_int_equal(err, 0);
        assert_string_equal(via_addr_text(&src, a), via_addr_text(&want, b));
    }
    bench_free(r);
}

static void check_rows(const struct row *rows, unsigned n) {
    unsigned i;

    for (i = 0; i < n; i++) {
        check_row(&rows[i], false);
        check_row(&rows[i], true);
    }
}

static void examples_of_rfc_6724_come_out_as_printed(void **state) {
    /* Section 10.1, without those about mobile and temporary addresses; the order of own addresses must not matter. */
    static const struct row rows[] = {
        {"2001:db8:1::1", {"2001:db8:3::1", "fe80::1"}, "2001:db8:3::1"},
        {"ff05::1", {"2001:db8:3::1", "fe80::1"}, "2001:db8:3::1"},
        {"2001:db8:1::1", {"2001:db8:1::1", "2001:db8:2::1"}, "2001:db8:1::1"},
        {"fe80::1", {"fe80::2", "2001:db8:1::1"}, "fe80::2"},
        {"2001:db8:1::1", {"2001:db8:1::2", "2001:db8:3::2"}, "2001:db8:1::2"},
        {"2002:c633:6401::1",
         {"2002:c633:6401::d5e3:7953:13eb:22e8", "2001:db8:1::2"},
         "2002:c633:6401::d5e3:7953:13eb:22e8"},
    };

    (void)state;
    check_rows(rows, VIA_COUNT(rows));
}

static void rules_are_applied_in_their_order(void **state) {
    static const struct row rows[] = {
        /* 1 before 3 */
        {"2001:db8::5", {"!2001:db8::5", "2001:db8::6"}, "2001:db8::5"},
        /* 2: scope before everything but equality; the smallest that is large enough */
        {"2001:db8::9", {"fe80::1", "!2001:db8:5::1"}, "2001:db8:5::1"},
        {"ff02::1", {"fe80::1", "2001:db8:5::1"}, "fe80::1"},
        {"ff0e::1", {"fe80::1", "2001:db8:5::1"}, "2001:db8:5::1"},
        /* 3 before 8 */
        {"2001:db8:1::9", {"!2001:db8:1::1", "2001:db8:7::1"}, "2001:db8:7::1"},
        /* 5: the outgoing interface before a longer match */
        {"2001:db8:1::9", {"2>2001:db8:1::1", "2001:db8:7::1"}, "2001:db8:7::1"},
        /* 6 before 8: a unique local destination, of another prefix, takes the unique local source */
        {"fd00:1::1", {"fd77::1", "2001:db8::1"}, "fd77::1"},
        {"2001:db8:ffff::1", {"fd77::1", "2600::1"}, "2600::1"},
        /* 8 ends at the prefix of the source: both match 64 bits, the first one stays */
        {"2001:db8:1::9", {"2001:db8:1::1", NULL, NULL}, "2001:db8:1::1"},
    };

    (void)state;
    check_rows(rows, VIA_COUNT(rows));
}

static void an_address_of_the_outgoing_interface_is_preferred(void **state) {
    struct via_own a = {.addr = bench_ip("2001:db8:7::1"), .iface = 1, .prefix = 64, .state = VIA_ADDR_PREFERRED};
    struct via_own b = {.addr = bench_ip("2001:db8:1::1"), .iface = 2, .prefix = 64, .state = VIA_ADDR_PREFERRED};
    struct via_addr dst = bench_ip("2001:db8:1::9");

    (void)state;
    assert_true(via_addr_prefers(&a, &b, &dst, 1));
    assert_false(via_addr_prefers(&b, &a, &dst, 1));
    assert_true(via_addr_prefers(&b, &a, &dst, 2));
}

static void link_local_sources_do_not_leave_their_interface(void **state) {
    static const struct row rows[] = {
        {"fe80::9", {"2>fe80::1"}, NULL},
        {"2001:db8::1", {"2>fe80::1"}, NULL},
        {"2001:db8::1", {"fe80::2", "2>2001:db8:5::1"}, "2001:db8:5::1"},
    };

    (void)state;
    check_rows(rows, VIA_COUNT(rows));
}

static void families_do_not_mix(void **state) {
    static const struct row rows[] = {
        {"192.0.2.1", {"2001:db8::1"}, NULL},
        {"2001:db8::1", {"192.0.2.1"}, NULL},
        {"192.0.2.9", {"2001:db8::1", "192.0.2.1"}, "192.0.2.1"},
    };

    (void)state;
    check_rows(rows, VIA_COUNT(rows));
}

static void address4_of_the_subnet_of_the_next_hop_is_taken(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_addr dst = bench_ip("203.0.113.1"), next = bench_ip("198.51.100.254"), src,
                    want = bench_ip("198.51.100.1");

    (void)state;
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "203.0.112.7", 24);
    bench_addr(r, 1, "198.51.100.1", 24);
    assert_int_equal(via_addr_select(&r->core, &dst, &next, 1, &src), 0);
    assert_true(via_addr_eq(&src, &want));
    bench_free(r);
}

static void tentative_and_duplicate_addresses_are_not_chosen(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_ifaddr a = {.addr = bench_ip("2001:db8:1::1"), .iface = 1, .prefix = 64};
    struct via_addr dst = bench_ip("2001:db8:1::9"), src, want = bench_ip("2001:db8:7::1");

    (void)state;
    bench_attach(r, 0, 1500);
    via_net_addr(&r->core, VIA_CTRL_ADD, &a);
    assert_int_equal(via_addr_select(&r->core, &dst, &dst, 1, &src), -EADDRNOTAVAIL);
    bench_addr(r, 1, "2001:db8:7::1", 64);
    assert_int_equal(via_addr_select(&r->core, &dst, &dst, 1, &src), 0);
    assert_true(via_addr_eq(&src, &want));
    via_addr_find(&r->core, &a.addr, 1)->state = VIA_ADDR_DUPLICATE;
    assert_int_equal(via_addr_select(&r->core, &dst, &dst, 1, &src), 0);
    assert_true(via_addr_eq(&src, &want));
    bench_free(r);
}

/* Own addresses, destinations as a resolver gives them, and the order in which to try them. */
struct order {
    const char *own[4];
    const char *given[4], *sorted[4];
    int usable;
};

static struct bench *at_home(const char *const *own) {
    struct bench *r = bench_new(1, plain);

    bench_attach(r, 0, 1500);
    for (; *own; own++)
        give(r, *own);
    bench_route(r, 1, "0.0.0.0", 0, NULL);
    bench_route(r, 1, "::", 0, NULL);
    bench_pass(r, 20 * VIA_SEC);
    bench_hush(r);
    return r;
}

static void check_order(const struct order *o, bool backwards) {
    struct bench *r = at_home(o->own);
    struct via_ep v[4];
    unsigned n = 0, i;
    char a[VIA_ADDR_TEXT];

    memset(v, 0, sizeof v);
    while (n < 4 && o->given[n])
        n++;
    for (i = 0; i < n; i++) {
        struct via_ep *e = &v[backwards ? n - 1 - i : i];

        e->addr = bench_ip(o->given[i]);
        e->scope = via_addr_is_linklocal6(&e->addr) ? 1 : 0;
        e->port = 80;
    }
    assert_int_equal(via_net_rank(&r->core, v, n), o->usable);
    for (i = 0; i < n; i++) {
        struct via_addr want = bench_ip(o->sorted[i]);
        char b[VIA_ADDR_TEXT];

        assert_string_equal(via_addr_text(&v[i].addr, a), via_addr_text(&want, b));
        assert_int_equal(v[i].port, 80);
    }
    assert_int_equal(bench_hush(r), 0); /* nobody was asked for */
    bench_free(r);
}

/* RFC 6724 10.2, without those of mobile hosts and tunnels; and what it has none for. */
static void destinations_are_sorted_as_printed(void **state) {
    static const struct order orders[] = {
        {{"2001:db8:1::2", "fe80::1", "169.254.13.78"},
         {"2001:db8:1::1", "198.51.100.121"},
         {"2001:db8:1::1", "198.51.100.121"},
         2},
        {{"fe80::1", "198.51.100.117"}, {"2001:db8:1::1", "198.51.100.121"}, {"198.51.100.121", "2001:db8:1::1"}, 2},
        {{"2001:db8:1::2", "fe80::1", "10.1.2.4"}, {"2001:db8:1::1", "10.1.2.3"}, {"2001:db8:1::1", "10.1.2.3"}, 2},
        {{"2001:db8:1::2", "fe80::2"}, {"2001:db8:1::1", "fe80::1"}, {"fe80::1", "2001:db8:1::1"}, 2},
        {{"2001:db8:1::2", "2001:db8:3f44::2", "fe80::2"},
         {"2001:db8:1::1", "2001:db8:3ffe::1"},
         {"2001:db8:1::1", "2001:db8:3ffe::1"},
         2},
        {{"2002:c633:6401::2", "fe80::2"},
         {"2002:c633:6401::1", "2001:db8:1::1"},
         {"2002:c633:6401::1", "2001:db8:1::1"},
         2},
        {{"2002:c633:6401::2", "2001:db8:1::2", "fe80::2"},
         {"2002:c633:6401::1", "2001:db8:1::1"},
         {"2001:db8:1::1", "2002:c633:6401::1"},
         2},
        {{"!2001:db8:1::2", "10.1.2.4"}, {"2001:db8:1::1", "10.9.9.9"}, {"10.9.9.9", "2001:db8:1::1"}, 2},
        {{"10.1.2.4"}, {"2001:db8::1", "10.1.2.3", "127.9.9.9"}, {"10.1.2.3", "2001:db8::1", "127.9.9.9"}, 1},
    };
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(orders); i++) {
        check_order(&orders[i], false);
        if (i + 1 < VIA_COUNT(orders)) /* the last one keeps the order of what cannot be used */
            check_order(&orders[i], true);
    }
}

static void equal_destinations_keep_their_order(void **state) {
    static const struct order o = {
        {"10.1.2.4"}, {"192.0.2.3", "192.0.2.1", "192.0.2.2"}, {"192.0.2.3", "192.0.2.1", "192.0.2.2"}, 3};

    (void)state;
    check_order(&o, false);
}

static void link_local_destination_needs_its_scope(void **state) {
    const char *const own[] = {"fe80::2", NULL};
    struct bench *r = at_home(own);
    struct via_ep e;

    (void)state;
    memset(&e, 0, sizeof e);
    e.addr = bench_ip("fe80::1");
    assert_int_equal(via_net_rank(&r->core, &e, 1), 0);
    e.scope = 9;
    assert_int_equal(via_net_rank(&r->core, &e, 1), 0);
    e.scope = 1000;
    assert_int_equal(via_net_rank(&r->core, &e, 1), 0);
    e.scope = 1;
    assert_int_equal(via_net_rank(&r->core, &e, 1), 1);
    assert_int_equal(via_net_rank(&r->core, &e, 0), 0);
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_rfc_6724_come_out_as_printed),
        cmocka_unit_test(rules_are_applied_in_their_order),
        cmocka_unit_test(an_address_of_the_outgoing_interface_is_preferred),
        cmocka_unit_test(link_local_sources_do_not_leave_their_interface),
        cmocka_unit_test(families_do_not_mix),
        cmocka_unit_test(address4_of_the_subnet_of_the_next_hop_is_taken),
        cmocka_unit_test(tentative_and_duplicate_addresses_are_not_chosen),
        cmocka_unit_test(destinations_are_sorted_as_printed),
        cmocka_unit_test(equal_destinations_keep_their_order),
        cmocka_unit_test(link_local_destination_needs_its_scope),
    };

    return cmocka_run_group_tests_name("net.source", tests, NULL, NULL);
}
