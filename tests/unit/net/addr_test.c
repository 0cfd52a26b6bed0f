/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
    a->accept_ra = 0;
}

static int add(struct bench *r, uint8_t iface, const char *text, uint8_t prefix, uint8_t flags) {
    struct via_ifaddr a = {.addr = bench_ip(text), .iface = iface, .prefix = prefix, .flags = flags};

    return via_net_addr(&r->core, VIA_CTRL_ADD, &a);
}

static struct via_own *own(struct bench *r, const char *text) {
    struct via_addr a = bench_ip(text);

    return via_addr_find(&r->core, &a, 0);
}

static void remove_own(struct bench *r, const char *text) {
    struct via_ifaddr a = {.addr = bench_ip(text)};

    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_DEL, &a), 0);
}

/* The first link-local address of the interface. */
static struct via_own *linklocal(struct bench *r, uint8_t iface) {
    uint32_t id;

    for (id = r->core.net->iface.at[iface].own.head; id; id = via_own_at(&r->core, id)->iface_next)
        if (via_own_at(&r->core, id)->origin == VIA_OWN_LINKLOCAL)
            return via_own_at(&r->core, id);
    return NULL;
}

/* What the table says. */

static void an_own_address_is_found_with_its_broadcast_address(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_addr in = bench_ip("192.0.2.1"), all = bench_ip("192.0.2.255"), next = bench_ip("192.0.2.2");
    struct via_addr limited = bench_ip("255.255.255.255");

    (void)state;
    bench_attach(r, 0, 1500);
    assert_true(via_net_is_broadcast(&r->core, &limited));
    bench_addr(r, 1, "192.0.2.1", 24);
    assert_true(via_net_is_own(&r->core, &in, 0));
    assert_true(via_net_is_own(&r->core, &in, 1));
    assert_false(via_net_is_own(&r->core, &next, 0));
    assert_false(via_net_is_own(&r->core, &all, 0));
    assert_true(via_net_is_broadcast(&r->core, &all));
    assert_false(via_net_is_broadcast(&r->core, &in));
    remove_own(r, "192.0.2.1");
    assert_false(via_net_is_own(&r->core, &in, 0));
    assert_false(via_net_is_broadcast(&r->core, &all));
    bench_free(r);
}

static void subnets_of_two_have_no_broadcast_address(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_addr other = bench_ip("192.0.2.1");

    (void)state;
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.0", 31);
    assert_false(via_net_is_broadcast(&r->core, &other));
    assert_true(via_route_on_link(&r->core, &other, 1));
    bench_free(r);
}

static void loopback_addresses_are_always_own(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_addr four = bench_ip("127.0.0.1"), six = bench_ip("::1"), any = bench_ip("::");

    (void)state;
    assert_true(via_net_is_own(&r->core, &four, 0));
    assert_true(via_net_is_own(&r->core, &six, 0));
    assert_false(via_net_is_own(&r->core, &any, 0));
    bench_free(r);
}

static void link_local_addresses_belong_to_their_interface(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_addr a = bench_ip("fe80::1");

    (void)state;
    bench_attach(r, 0, 1500);
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "fe80::1", 64);
    assert_true(via_net_is_own(&r->core, &a, 1));
    assert_false(via_net_is_own(&r->core, &a, 2));
    assert_true(via_net_is_own(&r->core, &a, 0));
    bench_addr(r, 2, "fe80::1", 64);
    assert_int_equal(via_addr_find(&r->core, &a, 2)->iface, 2);
    assert_int_equal(via_addr_find(&r->core, &a, 1)->iface, 1);
    bench_free(r);
}

static void impossible_addresses_are_refused(void **state) {
    struct bench *r = bench_new(1, plain);

    (void)state;
    bench_attach(r, 0, 1500);
    bench_attach(r, 0, 1000);
    assert_int_equal(add(r, 1, "224.0.0.1", 24, 0), -EINVAL);
    assert_int_equal(add(r, 1, "ff02::1", 64, 0), -EINVAL);
    assert_int_equal(add(r, 1, "0.0.0.0", 24, 0), -EINVAL);
    assert_int_equal(add(r, 1, "127.0.0.9", 8, 0), -EINVAL);
    assert_int_equal(add(r, 1, "255.255.255.255", 24, 0), -EINVAL);
    assert_int_equal(add(r, 1, "192.0.2.1", 33, 0), -EINVAL);
    assert_int_equal(add(r, 1, "2001:db8::1", 129, 0), -EINVAL);
    assert_int_equal(add(r, 3, "192.0.2.1", 24, 0), -ENODEV);
    assert_int_equal(add(r, 0, "192.0.2.1", 24, 0), -ENODEV);
    assert_int_equal(add(r, 2, "2001:db8::1", 64, 0), -EINVAL); /* the link is too small for IPv6 */
    assert_int_equal(add(r, 1, "192.0.2.1", 24, 0), 0);
    assert_int_equal(add(r, 2, "192.0.2.1", 24, 0), -EEXIST);
    bench_free(r);
}

static void four_addresses(struct via_attrs *a) {
    plain(a);
    a->max_addrs = 4;
}

static void table_is_bounded_by_its_attribute(void **state) {
    struct bench *r = bench_new(1, four_addresses);
    char text[] = "192.0.2.0";
    int i;

    (void)state;
    bench_attach(r, 0, 1500);
    for (i = 0; i < 5; i++) {
        text[8] = (char)('1' + i);
        assert_int_equal(add(r, 1, text, 24, VIA_ADDR_NODAD), i < 4 ? 0 : -ENOSPC);
    }
    remove_own(r, "192.0.2.2");
    assert_int_equal(add(r, 1, "192.0.2.9", 24, VIA_ADDR_NODAD), 0);
    bench_free(r);
}

static void subnet_route_outlives_one_of_two_addresses(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_addr other = bench_ip("192.0.2.77");

    (void)state;
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 1, "192.0.2.2", 24);
    remove_own(r, "192.0.2.1");
    assert_true(via_route_on_link(&r->core, &other, 1));
    remove_own(r, "192.0.2.2");
    assert_false(via_route_on_link(&r->core, &other, 1));
    bench_free(r);
}

static void an_address_that_goes_is_told(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_note note;

    (void)state;
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    assert_false(via_net_note(&r->core, &note));
    remove_own(r, "192.0.2.1");
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.kind, VIA_NOTE_ADDR);
    assert_int_equal(note.iface, 1);
    assert_int_equal(note.reason, -EADDRNOTAVAIL);
    assert_int_equal(via_addr_to4(&note.flow.local), htonl(0xc0000201));
    bench_free(r);
}

/* Detection of duplicates. */

static void address4_is_probed_waited_for_and_announced(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_addr a = bench_ip("192.0.2.1");
    via_ns_t start = r->core.s->now, probed;
    const struct bench_sent *s;

    (void)state;
    bench_attach(r, 0, 1500);
    assert_int_equal(add(r, 1, "192.0.2.1", 24, 0), 0);
    assert_int_equal(own(r, "192.0.2.1")->state, VIA_ADDR_TENTATIVE);
    assert_false(via_net_is_own(&r->core, &a, 0));
    bench_pass(r, 1 * VIA_SEC);
    s = bench_next_arp(r);
    assert_non_null(s);
    probed = s->at;
    assert_true(probed - start <= VIA_SEC);
    assert_int_equal(s->arp.op, VIA_ARP_REQUEST);
    assert_true(via_addr_is_any(&s->arp.sender));
    assert_true(via_addr_eq(&s->arp.target, &a));
    assert_true(via_mac_is_broadcast(s->eth.dst));
    assert_null(bench_next_arp(r));
    bench_pass(r, probed + 2 * VIA_SEC - r->core.s->now - 1);
    assert_int_equal(own(r, "192.0.2.1")->state, VIA_ADDR_TENTATIVE);
    bench_pass(r, 10 * VIA_SEC);
    assert_true(via_net_is_own(&r->core, &a, 0));
    s = bench_next_arp(r);
    assert_non_null(s);
    assert_true(s->at == probed + 2 * VIA_SEC);
    assert_true(via_addr_eq(&s->arp.sender, &a) && via_addr_eq(&s->arp.target, &a));
    s = bench_next_arp(r);
    assert_non_null(s);
    assert_true(s->at == probed + 4 * VIA_SEC);
    assert_null(bench_next_arp(r));
    bench_free(r);
}

static void three_probes(struct via_attrs *a) {
    plain(a);
    a->dad_probes = 3;
}

static void three_probes4_are_spaced_as_rfc_5227_asks(void **state) {
    struct bench *r = bench_new(1, three_probes);
    const struct bench_sent *s;
    via_ns_t last;
    int i;

    (void)state;
    bench_attach(r, 0, 1500);
    add(r, 1, "192.0.2.1", 24, 0);
    bench_pass(r, 20 * VIA_SEC);
    last = bench_next_arp(r)->at;
    for (i = 0; i < 2; i++) {
        s = bench_next_arp(r);
        assert_true(via_addr_is_any(&s->arp.sender));
        assert_true(s->at - last >= VIA_SEC && s->at - last <= 2 * VIA_SEC);
        last = s->at;
    }
    s = bench_next_arp(r);
    assert_false(via_addr_is_any(&s->arp.sender));
    assert_true(s->at - last == 2 * VIA_SEC);
    bench_free(r);
}

static void address6_is_solicited_with_a_nonce_from_nobody(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_addr group = bench_ip("ff02::1:ff00:1");
    const struct bench_sent *s;

    (void)state;
    bench_attach(r, 0, 1500);
    assert_int_equal(add(r, 1, "2001:db8::1", 64, 0), 0);
    bench_pass(r, 0);
    s = bench_next_nd(r, VIA_ND_SOLICIT);
    assert_non_null(s);
    assert_true(via_addr_is_any(&s->ip.src));
    assert_true(via_addr_eq(&s->ip.dst, &group));
    assert_int_equal(s->ip.ttl, 255);
    assert_int_equal(s->nd.has, VIA_ND_NONCE);
    assert_int_equal(s->eth.dst[0], 0x33);
    bench_pass(r, VIA_SEC - 1);
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_TENTATIVE);
    bench_pass(r, 1);
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_PREFERRED);
    s = bench_next_nd(r, VIA_ND_ADVERT);
    assert_non_null(s);
    assert_int_equal(s->nd.flags, 0);
    bench_free(r);
}

static void addresses_without_detection_are_used_at_once(void **state) {
    struct bench *r = bench_new(1, plain);

    (void)state;
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "2001:db8::1", 64);
    bench_addr(r, 1, "192.0.2.1", 24);
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_PREFERRED);
    assert_int_equal(own(r, "192.0.2.1")->state, VIA_ADDR_PREFERRED);
    bench_pass(r, 10 * VIA_SEC);
    assert_null(bench_next_nd(r, VIA_ND_SOLICIT));
    bench_free(r);
}

static void the_kernels_addresses_are_neither_probed_nor_announced(void **state) {
    struct bench *r = bench_new(1, plain);

    (void)state;
    bench_attach(r, VIA_VI_STEERS, 1500);
    assert_int_equal(add(r, 1, "192.0.2.1", 24, VIA_ADDR_KERNEL), 0);
    assert_int_equal(add(r, 1, "2001:db8::1", 64, VIA_ADDR_KERNEL), 0);
    assert_int_equal(own(r, "192.0.2.1")->state, VIA_ADDR_PREFERRED);
    bench_pass(r, 10 * VIA_SEC);
    assert_int_equal(bench_hush(r), 0);
    assert_int_equal(r->filter_count, 0);
    bench_free(r);
}

static void a_duplicate_is_never_used(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_nd na = {.type = VIA_ND_ADVERT, .target = bench_ip("2001:db8::1"), .has = VIA_ND_DST_MAC};
    struct via_note note;

    (void)state;
    bench_attach(r, 0, 1500);
    add(r, 1, "2001:db8::1", 64, 0);
    bench_pass(r, VIA_MS);
    bench_mac(na.dst_mac, 9);
    assert_int_equal(bench_nd(r, 1, &na, "2001:db8::1", "ff02::1"), VIA_DROP_ND_CONFLICT);
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_DUPLICATE);
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.reason, -EADDRINUSE);
    bench_pass(r, 100 * VIA_SEC);
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_DUPLICATE);
    bench_free(r);
}

static void two_hosts_that_probe_at_once_both_step_back(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_nd ns = {.type = VIA_ND_SOLICIT, .target = bench_ip("2001:db8::1"), .has = VIA_ND_NONCE};

    (void)state;
    bench_attach(r, 0, 1500);
    add(r, 1, "2001:db8::1", 64, 0);
    bench_pass(r, VIA_MS);
    memset(ns.nonce, 0x55, sizeof ns.nonce);
    assert_int_equal(bench_nd(r, 1, &ns, "::", "ff02::1:ff00:1"), VIA_DROP_ND_CONFLICT);
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_DUPLICATE);
    bench_free(r);
}

static void an_own_probe_that_comes_back_is_no_conflict(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_nd ns = {.type = VIA_ND_SOLICIT, .target = bench_ip("2001:db8::1"), .has = VIA_ND_NONCE};
    const struct bench_sent *s;
    int probes = 1;

    (void)state;
    bench_attach(r, 0, 1500);
    add(r, 1, "2001:db8::1", 64, 0);
    bench_pass(r, VIA_MS);
    s = bench_next_nd(r, VIA_ND_SOLICIT);
    memcpy(ns.nonce, s->nd.nonce, 6);
    bench_nd(r, 1, &ns, "::", "ff02::1:ff00:1");
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_TENTATIVE);
    bench_pass(r, 10 * VIA_SEC);
    while (bench_next_nd(r, VIA_ND_SOLICIT))
        probes++;
    assert_int_equal(probes, 4);
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_PREFERRED);
    bench_free(r);
}

static void somebody_who_asks_for_a_tentative_address_gets_no_answer(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_nd ns = {.type = VIA_ND_SOLICIT, .target = bench_ip("2001:db8::1"), .has = VIA_ND_SRC_MAC};

    (void)state;
    bench_attach(r, 0, 1500);
    add(r, 1, "2001:db8::1", 64, 0);
    bench_pass(r, VIA_MS);
    bench_hush(r);
    assert_int_equal(bench_nd(r, 1, &ns, "2001:db8::2", "ff02::1:ff00:1"), VIA_DROP_IP_TENTATIVE);
    assert_null(bench_next(r));
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_TENTATIVE);
    bench_free(r);
}

static void only_linklocal(struct via_attrs *a) {
    a->accept_ra = 0;
}

static void link_local_address_is_opaque_and_remade_after_a_conflict(void **state) {
    struct bench *r = bench_new(1, only_linklocal);
    struct via_nd na = {.type = VIA_ND_ADVERT, .has = VIA_ND_DST_MAC};
    struct via_addr seen[4];
    int i;

    (void)state;
    bench_attach(r, 0, 1500);
    bench_mac(na.dst_mac, 9);
    for (i = 0; i < 4; i++) {
        seen[i] = linklocal(r, 1)->addr;
        assert_true(via_addr_is_linklocal6(&seen[i]));
        assert_true(seen[i].b[11] != 0xff || seen[i].b[12] != 0xfe);
        assert_true(!i || !via_addr_eq(&seen[i], &seen[i - 1]));
        assert_int_equal(linklocal(r, 1)->state, VIA_ADDR_TENTATIVE);
        na.target = seen[i];
        bench_nd(r, 1, &na, "fe80::9", "ff02::1");
        assert_int_equal(linklocal(r, 1)->state, VIA_ADDR_DUPLICATE);
        bench_pass(r, VIA_SEC + VIA_MS);
    }
    /* Three further tries, then it stays (RFC 7217 6). */
    assert_true(via_addr_eq(&linklocal(r, 1)->addr, &seen[3]));
    assert_int_equal(linklocal(r, 1)->state, VIA_ADDR_DUPLICATE);
    bench_free(r);
}

static void two_interfaces_of_one_host_have_different_identifiers(void **state) {
    struct bench *r = bench_new(1, only_linklocal), *s = bench_new(2, only_linklocal);

    (void)state;
    bench_attach(r, 0, 1500);
    bench_attach(r, 0, 1500);
    bench_attach(s, 0, 1500);
    assert_false(via_addr_eq(&linklocal(r, 1)->addr, &linklocal(r, 2)->addr));
    assert_false(via_addr_eq(&linklocal(r, 1)->addr, &linklocal(s, 1)->addr));
    bench_free(r);
    bench_free(s);
}

static void a_link_that_is_down_puts_detection_off(void **state) {
    struct bench *r = bench_new(1, plain);

    (void)state;
    bench_attach(r, 0, 1500);
    r->core.vi[1]->dev->link = VIA_LINK_DOWN;
    via_iface_watch(&r->core);
    add(r, 1, "2001:db8::1", 64, 0);
    bench_pass(r, 30 * VIA_SEC);
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_TENTATIVE);
    assert_null(bench_next_nd(r, VIA_ND_SOLICIT));
    r->core.vi[1]->dev->link = VIA_LINK_UP;
    via_iface_watch(&r->core);
    bench_pass(r, 3 * VIA_SEC);
    assert_non_null(bench_next_nd(r, VIA_ND_SOLICIT));
    assert_int_equal(own(r, "2001:db8::1")->state, VIA_ADDR_PREFERRED);
    bench_free(r);
}

/* Lifetimes. */

static struct via_own *with_lifetimes(struct bench *r, via_ns_t preferred, via_ns_t valid) {
    struct via_own_new n = {.addr = bench_ip("2001:db8::5"), .iface = 1, .prefix = 64, .flags = VIA_ADDR_NODAD};
    uint32_t id;

    n.origin = VIA_OWN_PREFIX;
    n.preferred = r->core.s->now + preferred;
    n.valid = r->core.s->now + valid;
    assert_int_equal(via_addr_add(&r->core, &n, &id), 0);
    return via_own_at(&r->core, id);
}

static void an_address_is_deprecated_then_goes(void **state) {
    struct bench *r = bench_new(1, plain);
    struct via_own *o;

    (void)state;
    bench_attach(r, 0, 1500);
    o = with_lifetimes(r, 10 * VIA_SEC, 20 * VIA_SEC);
    bench_pass(r, 10 * VIA_SEC - 1);
    assert_int_equal(o->state, VIA_ADDR_PREFERRED);
    bench_pass(r, 1);
    assert_int_equal(o->state, VIA_ADDR_DEPRECATED);
    bench_pass(r, 10 * VIA_SEC - 1);
    assert_non_null(own(r, "2001:db8::5"));
    bench_pass(r, 1);
    assert_null(own(r, "2001:db8::5"));
    bench_free(r);
}

static void short_lifetimes_of_strangers_leave_two_hours(void **state) {
    const via_ns_t hour = 3600 * VIA_SEC;
    struct bench *r = bench_new(1, plain);
    struct via_own *o;
    via_ns_t now;

    (void)state;
    bench_attach(r, 0, 1500);
    o = with_lifetimes(r, 10 * hour, 20 * hour);
    now = r->core.s->now;
    via_addr_refresh(&r->core, o, hour, 3 * hour); /* less than is left, but more than two hours: taken */
    assert_true(o->valid == now + 3 * hour);
    via_addr_refresh(&r->core, o, 0, 1);
    assert_true(o->valid == now + 2 * hour);
    assert_int_equal(o->state, VIA_ADDR_DEPRECATED);
    bench_pass(r, hour);
    via_addr_refresh(&r->core, o, 0, 1); /* less than two hours are left: ignored */
    assert_true(o->valid == now + 2 * hour);
    via_addr_refresh(&r->core, o, hour, hour + 1); /* more than is left: taken */
    assert_true(o->valid == r->core.s->now + hour + 1);
    assert_int_equal(o->state, VIA_ADDR_PREFERRED);
    via_addr_refresh(&r->core, o, VIA_NEVER, VIA_NEVER);
    assert_true(o->valid == VIA_NEVER && o->preferred == VIA_NEVER);
    bench_free(r);
}

/* Steering. */

static bool has_filter(const struct bench *r, const char *text) {
    struct via_addr a = bench_ip(text);
    uint32_t i;

    for (i = 0; i < r->filter_count; i++)
        if (via_addr_eq(&r->filters[i].addr, &a))
            return true;
    return false;
}

static void devices_that_steer_are_told_what_is_ours(void **state) {
    struct bench *r = bench_new(1, plain);

    (void)state;
    bench_attach(r, VIA_VI_STEERS, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 1, "2001:db8::1", 64);
    bench_addr(r, 1, "2001:db8:1::1", 64);
    assert_true(has_filter(r, "192.0.2.1") && has_filter(r, "2001:db8::1") && has_filter(r, "2001:db8:1::1"));
    assert_true(has_filter(r, "ff02::1:ff00:1") && has_filter(r, "ff02::1"));
    remove_own(r, "2001:db8::1");
    assert_false(has_filter(r, "2001:db8::1"));
    assert_true(has_filter(r, "ff02::1:ff00:1"));
    remove_own(r, "2001:db8:1::1");
    assert_false(has_filter(r, "ff02::1:ff00:1"));
    remove_own(r, "192.0.2.1");
    assert_int_equal(r->filter_count, 0);
    bench_free(r);
}

static void all_nodes_are_left_to_a_kernel_on_the_same_link(void **state) {
    struct bench *r = bench_new(1, plain);

    (void)state;
    bench_attach(r, VIA_VI_STEERS | VIA_VI_SHARED_MAC, 1500);
    bench_addr(r, 1, "2001:db8::1", 64);
    assert_true(has_filter(r, "2001:db8::1") && has_filter(r, "ff02::1:ff00:1"));
    assert_false(has_filter(r, "ff02::1"));
    bench_free(r);
}

static void an_interface_that_goes_takes_everything_with_it(void **state) {
    struct bench *r = bench_new(1, NULL);

    (void)state;
    bench_attach(r, VIA_VI_STEERS, 1500);
    bench_attach(r, 0, 1500);
    bench_addr(r, 1, "192.0.2.1", 24);
    bench_addr(r, 2, "198.51.100.1", 24);
    bench_route(r, 1, "203.0.113.0", 24, "192.0.2.9");
    bench_pass(r, 5 * VIA_SEC);
    via_net_detach(&r->core, r->core.vi[1]);
    assert_int_equal(r->filter_count, 0);
    assert_null(own(r, "192.0.2.1"));
    assert_non_null(own(r, "198.51.100.1"));
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_own_address_is_found_with_its_broadcast_address),
        cmocka_unit_test(subnets_of_two_have_no_broadcast_address),
        cmocka_unit_test(loopback_addresses_are_always_own),
        cmocka_unit_test(link_local_addresses_belong_to_their_interface),
        cmocka_unit_test(impossible_addresses_are_refused),
        cmocka_unit_test(table_is_bounded_by_its_attribute),
        cmocka_unit_test(subnet_route_outlives_one_of_two_addresses),
        cmocka_unit_test(an_address_that_goes_is_told),
        cmocka_unit_test(address4_is_probed_waited_for_and_announced),
        cmocka_unit_test(three_probes4_are_spaced_as_rfc_5227_asks),
        cmocka_unit_test(address6_is_solicited_with_a_nonce_from_nobody),
        cmocka_unit_test(addresses_without_detection_are_used_at_once),
        cmocka_unit_test(the_kernels_addresses_are_neither_probed_nor_announced),
        cmocka_unit_test(a_duplicate_is_never_used),
        cmocka_unit_test(two_hosts_that_probe_at_once_both_step_back),
        cmocka_unit_test(an_own_probe_that_comes_back_is_no_conflict),
        cmocka_unit_test(somebody_who_asks_for_a_tentative_address_gets_no_answer),
        cmocka_unit_test(link_local_address_is_opaque_and_remade_after_a_conflict),
        cmocka_unit_test(two_interfaces_of_one_host_have_different_identifiers),
        cmocka_unit_test(a_link_that_is_down_puts_detection_off),
        cmocka_unit_test(an_address_is_deprecated_then_goes),
        cmocka_unit_test(short_lifetimes_of_strangers_leave_two_hours),
        cmocka_unit_test(devices_that_steer_are_told_what_is_ours),
        cmocka_unit_test(all_nodes_are_left_to_a_kernel_on_the_same_link),
        cmocka_unit_test(an_interface_that_goes_takes_everything_with_it),
    };

    return cmocka_run_group_tests_name("net.addr", tests, NULL, NULL);
}
