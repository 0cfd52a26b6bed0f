/* SPDX-License-Identifier: BSD-2-Clause */
/* optimistic_test.c - addresses that are used while duplicates are still looked for (RFC 4429). */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void set_optimistic(struct via_attrs *a) {
    a->optimistic_dad = 1;
    a->linklocal = 1;
}

/* An interface with a link-local address that is nobody else's, time for more. */
static struct bench *host(void) {
    struct bench *r = bench_new(1, NULL);

    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "fe80::1", 64);
    bench_pass(r, 20 * VIA_SEC);
    bench_hush(r);
    return r;
}

static struct via_own *add(struct bench *r, const char *text, uint8_t flags) {
    struct via_ifaddr a = {.addr = bench_ip(text), .iface = 1, .prefix = 64, .flags = flags};

    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
    return via_addr_find(&r->core, &a.addr, 1);
}

static struct via_own *add_early(struct bench *r, const char *text) {
    struct via_own *o = add(r, text, VIA_ADDR_EARLY);

    assert_int_equal(o->state, VIA_ADDR_TENTATIVE);
    bench_pass(r, VIA_MS); /* the question is out */
    assert_int_equal(o->state, VIA_ADDR_OPTIMISTIC);
    return o;
}

static enum via_drop solicit(struct bench *r, const char *target, const char *from) {
    struct via_nd m = {.type = VIA_ND_SOLICIT, .target = bench_ip(target)};
    struct via_addr group = via_nd_group(&m.target);
    char text[VIA_ADDR_TEXT];

    m.has = strcmp(from, "::") ? VIA_ND_SRC_MAC : 0;
    bench_mac(m.src_mac, 9);
    return bench_nd(r, 1, &m, from, via_addr_text(&group, text));
}

static void early_address_is_used_after_the_first_question(void **state) {
    struct bench *r = host();
    struct via_own *o = add_early(r, "2001:db8::1");
    struct via_addr to = bench_ip("2001:db8::2"), src;
    uint32_t gen = via_net_gen(&r->core);

    (void)state;
    assert_non_null(bench_next_nd(r, VIA_ND_SOLICIT)); /* it was asked for */
    assert_true(via_net_is_own(&r->core, &o->addr, 0));
    assert_int_equal(via_addr_select(&r->core, &to, &to, 1, &src), 0);
    assert_true(via_addr_eq(&src, &o->addr));
    bench_pass(r, 5 * VIA_SEC);
    assert_int_equal(o->state, VIA_ADDR_PREFERRED);
    assert_int_not_equal(via_net_gen(&r->core), gen);
    bench_free(r);
}

static void without_the_wish_an_address_waits(void **state) {
    struct bench *r = host();
    struct via_own *o = add(r, "2001:db8::1", 0);

    (void)state;
    bench_pass(r, VIA_MS);
    assert_int_equal(o->state, VIA_ADDR_TENTATIVE);
    bench_free(r);
}

static void a_sure_address_is_preferred_to_a_hoped_for_one(void **state) {
    struct bench *r = host();
    struct via_addr to = bench_ip("2001:db8::2"), src, sure = bench_ip("2001:db8:0:1::1");

    (void)state;
    bench_addr(r, 1, "2001:db8:0:1::1", 64);
    bench_pass(r, 5 * VIA_SEC);
    add_early(r, "2001:db8::1");
    assert_int_equal(via_addr_select(&r->core, &to, &to, 1, &src), 0);
    assert_true(via_addr_eq(&src, &sure)); /* though the other one has more bits in common */
    bench_pass(r, 5 * VIA_SEC);
    assert_int_equal(via_addr_select(&r->core, &to, &to, 1, &src), 0);
    assert_false(via_addr_eq(&src, &sure));
    bench_free(r);
}

/* 3.2: advertised without override; and questions for others do not show a MAC address together with it. */
static void what_is_hoped_for_overrides_nothing(void **state) {
    struct bench *r = host();
    const struct bench_sent *s;

    (void)state;
    add_early(r, "2001:db8::1");
    bench_hush(r);
    assert_int_equal(solicit(r, "2001:db8::1", "2001:db8::9"), VIA_KEPT);
    s = bench_next_nd(r, VIA_ND_ADVERT);
    assert_non_null(s);
    assert_int_equal(s->nd.flags & VIA_ND_OVERRIDE, 0);
    assert_int_equal(s->nd.flags & VIA_ND_SOLICITED, VIA_ND_SOLICITED);
    bench_pass(r, 5 * VIA_SEC);
    assert_int_equal(solicit(r, "2001:db8::1", "2001:db8::9"), VIA_KEPT);
    do
        s = bench_next_nd(r, VIA_ND_ADVERT);
    while (s && via_addr_is_multicast(&s->ip.dst));
    assert_non_null(s);
    assert_int_equal(s->nd.flags & VIA_ND_OVERRIDE, VIA_ND_OVERRIDE);
    bench_free(r);
}

static void neighbours_are_asked_from_another_address(void **state) {
    struct bench *r = host();
    struct via_dest d = {.dst = bench_ip("2001:db8::2"), .proto = IPPROTO_UDP};
    struct via_path path;
    const struct bench_sent *s;
    struct via_own *o = add_early(r, "2001:db8::1");

    (void)state;
    bench_hush(r);
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_true(via_addr_eq(&path.src, &o->addr));
    via_net_output(&r->core, &path, bench_payload(r, 10), false);
    s = bench_next_nd(r, VIA_ND_SOLICIT);
    assert_non_null(s);
    assert_true(via_addr_is_linklocal6(&s->ip.src)); /* the one that is surely ours */
    bench_pass(r, 20 * VIA_SEC);
    bench_free(r);
}

static void with_nothing_else_to_ask_from_packets_wait(void **state) {
    struct bench *r = bench_new(1, NULL);
    struct via_dest d = {.dst = bench_ip("2001:db8::2"), .proto = IPPROTO_UDP};
    struct via_path path;
    const struct bench_sent *s;
    struct via_own *o;

    (void)state;
    bench_attach(r, 0, 1500);
    bench_pass(r, 100 * VIA_MS);
    while (r->core.net->iface.at[1].own.head)
        via_addr_del(&r->core, via_own_at(&r->core, r->core.net->iface.at[1].own.head));
    o = add_early(r, "2001:db8::1");
    bench_hush(r);
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    via_net_output(&r->core, &path, bench_payload(r, 10), false);
    bench_pass(r, 500 * VIA_MS);
    while ((s = bench_next_nd(r, VIA_ND_SOLICIT)))
        assert_true(via_addr_is_any(&s->ip.src));
    bench_pass(r, 2 * VIA_SEC); /* now it is ours */
    s = bench_next_nd(r, VIA_ND_SOLICIT);
    assert_non_null(s);
    assert_true(via_addr_eq(&s->ip.src, &o->addr));
    assert_int_equal(s->nd.has & VIA_ND_SRC_MAC, VIA_ND_SRC_MAC);
    bench_pass(r, 20 * VIA_SEC);
    bench_free(r);
}

static void a_rival_takes_it_away(void **state) {
    struct bench *r = host();
    struct via_nd claim = {.type = VIA_ND_ADVERT, .target = bench_ip("2001:db8::1"), .has = VIA_ND_DST_MAC};
    struct via_own *o = add_early(r, "2001:db8::1");
    struct via_note note;

    (void)state;
    bench_mac(claim.dst_mac, 9);
    assert_int_equal(bench_nd(r, 1, &claim, "fe80::9", "ff02::1"), VIA_DROP_ND_CONFLICT);
    assert_int_equal(o->state, VIA_ADDR_DUPLICATE);
    assert_false(via_net_is_own(&r->core, &o->addr, 0));
    do /* sockets that use it hear of it */
        assert_true(via_net_note(&r->core, &note));
    while (note.kind != VIA_NOTE_ADDR);
    assert_int_equal(note.reason, -EADDRINUSE);
    o = add_early(r, "2001:db8::2");
    assert_int_equal(solicit(r, "2001:db8::2", "::"), VIA_DROP_ND_CONFLICT); /* who asks for the same */
    assert_int_equal(o->state, VIA_ADDR_DUPLICATE);
    bench_free(r);
}

static void automatic_addresses_hope_by_attribute(void **state) {
    struct bench *r = bench_new(1, set_optimistic);
    struct via_own *o;
    const struct bench_sent *s;

    (void)state;
    bench_attach(r, 0, 1500);
    bench_pass(r, 1100 * VIA_MS); /* after a random wait */
    o = via_own_at(&r->core, r->core.net->iface.at[1].own.head);
    assert_int_equal(o->origin, VIA_OWN_LINKLOCAL);
    assert_true(o->state == VIA_ADDR_OPTIMISTIC || o->state == VIA_ADDR_PREFERRED);
    while ((s = bench_next_nd(r, VIA_ND_ROUTER_SOLICIT)))
        if (s->nd.has & VIA_ND_SRC_MAC) /* 3.2: not together */
            assert_int_equal(o->state, VIA_ADDR_PREFERRED);
    bench_pass(r, 5 * VIA_SEC);
    assert_int_equal(o->state, VIA_ADDR_PREFERRED);
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_address_is_used_after_the_first_question),
        cmocka_unit_test(without_the_wish_an_address_waits),
        cmocka_unit_test(a_sure_address_is_preferred_to_a_hoped_for_one),
        cmocka_unit_test(what_is_hoped_for_overrides_nothing),
        cmocka_unit_test(neighbours_are_asked_from_another_address),
        cmocka_unit_test(with_nothing_else_to_ask_from_packets_wait),
        cmocka_unit_test(a_rival_takes_it_away),
        cmocka_unit_test(automatic_addresses_hope_by_attribute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
