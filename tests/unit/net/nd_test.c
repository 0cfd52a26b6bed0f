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
    bench_addr(r, 1, "fe80::1", 64);
    bench_addr(r, 1, "2001:db8::1", 64);
    bench_pass(r, 10 * VIA_SEC);
    bench_hush(r);
    return r;
}

static struct via_neigh *neigh(struct bench *r, const char *text) {
    struct via_addr a = bench_ip(text);

    return via_neigh_find(&r->core, 1, &a);
}

static struct via_nd solicit(const char *target, const uint8_t *mac) {
    struct via_nd m = {.type = VIA_ND_SOLICIT, .target = bench_ip(target)};

    if (mac) {
        m.has = VIA_ND_SRC_MAC;
        memcpy(m.src_mac, mac, 6);
    }
    return m;
}

static struct via_nd advert(const char *target, const uint8_t *mac, uint8_t flags) {
    struct via_nd m = {.type = VIA_ND_ADVERT, .target = bench_ip(target), .flags = flags};

    if (mac) {
        m.has = VIA_ND_DST_MAC;
        memcpy(m.dst_mac, mac, 6);
    }
    return m;
}

static void want(struct bench *r, const char *who) {
    struct via_dest d = {.dst = bench_ip(who), .proto = IPPROTO_UDP};
    struct via_path path;

    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(via_net_output(&r->core, &path, bench_payload(r, 8), false), VIA_KEPT);
}

static void resolved(struct bench *r, const char *who) {
    struct via_nd m = advert(who, mac9, VIA_ND_SOLICITED | VIA_ND_OVERRIDE);

    want(r, who);
    assert_int_equal(bench_nd(r, 1, &m, who, "2001:db8::1"), VIA_KEPT);
    assert_int_equal(neigh(r, who)->state, VIA_NEIGH_REACHABLE);
    bench_hush(r);
}

/* Solicitations. */

static void who_asks_for_us_is_answered_and_remembered(void **state) {
    struct bench *r = host();
    struct via_nd m = solicit("2001:db8::1", mac9);
    const struct bench_sent *s;

    (void)state;
    assert_int_equal(bench_nd(r, 1, &m, "2001:db8::9", "ff02::1:ff00:1"), VIA_KEPT);
    s = bench_next_nd(r, VIA_ND_ADVERT);
    assert_non_null(s);
    assert_int_equal(s->nd.flags, VIA_ND_SOLICITED | VIA_ND_OVERRIDE);
    assert_memory_equal(s->nd.dst_mac, r->core.net->iface.at[1].mac, 6);
    assert_memory_equal(s->eth.dst, mac9, 6);
    assert_true(via_addr_eq(&s->nd.target, &m.target) && via_addr_eq(&s->ip.src, &m.target));
    assert_int_equal(s->ip.ttl, 255);
    assert_int_equal(neigh(r, "2001:db8::9")->state, VIA_NEIGH_DELAY); /* stale, and used for the answer */
    bench_free(r);
}

static void who_asks_without_its_mac_is_asked_first(void **state) {
    struct bench *r = host();
    struct via_nd m = solicit("2001:db8::1", NULL), a = advert("2001:db8::9", mac9, VIA_ND_SOLICITED);

    (void)state;
    assert_int_equal(bench_nd(r, 1, &m, "2001:db8::9", "2001:db8::1"), VIA_KEPT);
    assert_int_equal(bench_next(r)->nd.type, VIA_ND_SOLICIT);
    bench_nd(r, 1, &a, "2001:db8::9", "2001:db8::1");
    assert_memory_equal(bench_next_nd(r, VIA_ND_ADVERT)->eth.dst, mac9, 6);
    bench_free(r);
}

static void others_detection_of_duplicates_is_answered_to_all(void **state) {
    struct bench *r = host();
    struct via_nd m = solicit("2001:db8::1", NULL);
    struct via_addr all = bench_ip("ff02::1");
    const struct bench_sent *s;

    (void)state;
    assert_int_equal(bench_nd(r, 1, &m, "::", "ff02::1:ff00:1"), VIA_KEPT);
    s = bench_next_nd(r, VIA_ND_ADVERT);
    assert_true(via_addr_eq(&s->ip.dst, &all));
    assert_int_equal(s->nd.flags, VIA_ND_OVERRIDE);
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    bench_free(r);
}

static void who_is_not_on_the_link_is_neither_answered_nor_remembered(void **state) {
    struct bench *r = host();
    struct via_nd m = solicit("2001:db8::1", mac9);

    (void)state;
    bench_nd(r, 1, &m, "2001:db8:9::9", "2001:db8::1");
    assert_null(bench_next(r));
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    bench_free(r);
}

static void questions_for_others_change_nothing(void **state) {
    struct bench *r = host();
    struct via_nd m = solicit("2001:db8::7", mac9);

    (void)state;
    assert_int_equal(bench_nd(r, 1, &m, "2001:db8::9", "ff02::1:ff00:7"), VIA_DROP_ND_NOT_MINE);
    assert_null(bench_next(r));
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    bench_free(r);
}

static void our_address_as_a_source_is_a_lie(void **state) {
    struct bench *r = host();
    struct via_nd m = solicit("2001:db8::1", mac9);

    (void)state;
    assert_int_equal(bench_nd(r, 1, &m, "fe80::1", "2001:db8::1"), VIA_DROP_IP_MARTIAN);
    assert_null(bench_next(r));
    bench_free(r);
}

/* Advertisements: the table of RFC 4861 7.2.5. */

static void advertisements_make_no_entry(void **state) {
    struct bench *r = host();
    struct via_nd m = advert("2001:db8::9", mac9, VIA_ND_OVERRIDE);

    (void)state;
    assert_int_equal(bench_nd(r, 1, &m, "2001:db8::9", "ff02::1"), VIA_DROP_ND_NOT_MINE);
    m.flags |= VIA_ND_SOLICITED;
    assert_int_equal(bench_nd(r, 1, &m, "2001:db8::9", "2001:db8::1"), VIA_DROP_ND_NOT_MINE);
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    bench_free(r);
}

static void an_incomplete_entry_needs_a_mac_address(void **state) {
    struct bench *r = host();
    struct via_nd m = advert("2001:db8::9", NULL, VIA_ND_SOLICITED);

    (void)state;
    want(r, "2001:db8::9");
    bench_nd(r, 1, &m, "2001:db8::9", "2001:db8::1");
    assert_int_equal(neigh(r, "2001:db8::9")->state, VIA_NEIGH_INCOMPLETE);
    m = advert("2001:db8::9", mac9, 0); /* not solicited: known, but not proven */
    bench_nd(r, 1, &m, "2001:db8::9", "2001:db8::1");
    assert_memory_equal(neigh(r, "2001:db8::9")->mac, mac9, 6);
    assert_int_equal(neigh(r, "2001:db8::9")->state, VIA_NEIGH_DELAY); /* stale, and used for what waited */
    bench_free(r);
}

static void without_override_another_mac_only_raises_doubt(void **state) {
    struct bench *r = host();
    struct via_nd m = advert("2001:db8::9", mac8, VIA_ND_SOLICITED);

    (void)state;
    resolved(r, "2001:db8::9");
    bench_nd(r, 1, &m, "2001:db8::9", "2001:db8::1");
    assert_memory_equal(neigh(r, "2001:db8::9")->mac, mac9, 6);
    assert_int_equal(neigh(r, "2001:db8::9")->state, VIA_NEIGH_STALE);
    bench_free(r);
}

static void with_override_another_mac_is_taken_but_not_trusted(void **state) {
    struct bench *r = host();
    struct via_nd m = advert("2001:db8::9", mac8, VIA_ND_OVERRIDE | VIA_ND_SOLICITED);

    (void)state;
    resolved(r, "2001:db8::9");
    bench_nd(r, 1, &m, "2001:db8::9", "2001:db8::1");
    assert_memory_equal(neigh(r, "2001:db8::9")->mac, mac8, 6);
    assert_int_equal(neigh(r, "2001:db8::9")->state, VIA_NEIGH_STALE); /* "solicited": we did not ask */
    bench_free(r);
}

static void an_answer_to_a_probe_needs_no_mac_address(void **state) {
    struct bench *r = host();
    struct via_nd m = advert("2001:db8::9", NULL, VIA_ND_SOLICITED);
    struct via_dest d = {.dst = bench_ip("2001:db8::9"), .proto = IPPROTO_UDP};
    struct via_path path;

    (void)state;
    resolved(r, "2001:db8::9");
    bench_pass(r, 46 * VIA_SEC);
    via_path_resolve(&r->core, &path, &d);
    bench_pass(r, 5 * VIA_SEC);
    assert_int_equal(neigh(r, "2001:db8::9")->state, VIA_NEIGH_PROBE);
    bench_nd(r, 1, &m, "2001:db8::9", "2001:db8::1");
    assert_int_equal(neigh(r, "2001:db8::9")->state, VIA_NEIGH_REACHABLE);
    assert_memory_equal(neigh(r, "2001:db8::9")->mac, mac9, 6);
    bench_free(r);
}

static void an_advertisement_of_our_address_in_use_is_a_conflict(void **state) {
    struct bench *r = host();
    struct via_nd m = advert("2001:db8::1", mac9, VIA_ND_OVERRIDE);
    struct via_addr a = bench_ip("2001:db8::1");

    (void)state;
    assert_int_equal(bench_nd(r, 1, &m, "2001:db8::1", "ff02::1"), VIA_DROP_ND_CONFLICT);
    assert_true(via_net_is_own(&r->core, &a, 0));
    memcpy(m.dst_mac, r->core.net->iface.at[1].mac, 6);
    assert_int_equal(bench_nd(r, 1, &m, "2001:db8::1", "ff02::1"), VIA_DROP_ND_NOT_MINE);
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    bench_free(r);
}

/* Form: section 7 of the behaviour that is asked for. Through the front door, as frames. */

struct forged {
    uint8_t bytes[256];
    size_t len;
};

static void seal(struct forged *f, const struct via_ip_head *ip) {
    uint8_t *icmp = f->bytes + VIA_ETH_LEN + VIA_IP6_LEN;

    via_icmp_seal(icmp, ip->payload, ip);
}

static struct forged forge(const struct bench *r, uint8_t hops, size_t extra, const char *dst) {
    struct via_ip_head ip = {.src = bench_ip("2001:db8::9"), .version = 6, .proto = IPPROTO_ICMPV6, .ttl = hops};
    struct via_nd m = solicit("2001:db8::1", mac9);
    struct via_eth e = {.type = VIA_ETH_IP6};
    struct forged f;
    int n;

    memset(&f, 0, sizeof f);
    ip.dst = bench_ip(dst);
    memcpy(e.dst, r->core.net->iface.at[1].mac, 6);
    memcpy(e.src, mac9, 6);
    via_eth_emit(f.bytes, &e);
    n = via_nd_emit(f.bytes + VIA_ETH_LEN + VIA_IP6_LEN, &m, &ip);
    ip.payload = (uint16_t)((size_t)n + extra);
    via_ip6_emit(f.bytes + VIA_ETH_LEN, &ip);
    f.len = VIA_ETH_LEN + VIA_IP6_LEN + ip.payload;
    seal(&f, &ip);
    return f;
}

static void messages_that_crossed_a_router_are_dropped(void **state) {
    struct bench *r = host();
    struct forged f = forge(r, 254, 0, "2001:db8::1");

    (void)state;
    assert_int_equal(bench_take(r, 1, f.bytes, f.len), VIA_DROP_ND_HOP_LIMIT);
    assert_null(bench_next(r));
    f = forge(r, 255, 0, "2001:db8::1");
    assert_int_equal(bench_take(r, 1, f.bytes, f.len), VIA_KEPT);
    assert_non_null(bench_next_nd(r, VIA_ND_ADVERT));
    bench_free(r);
}

static void options_of_no_length_are_malformed(void **state) {
    struct bench *r = host();
    struct forged f = forge(r, 255, 8, "2001:db8::1"); /* eight zero bytes: an option of length 0 */

    (void)state;
    assert_int_equal(bench_take(r, 1, f.bytes, f.len), VIA_DROP_ND_BAD);
    assert_null(bench_next(r));
    assert_int_equal(via_pool_used(&r->core.net->neigh.pool), 0);
    bench_free(r);
}

static void noise_behind_a_good_header_is_harmless(void **state) {
    struct bench *r = host();
    uint64_t seed = 11;
    int i;

    (void)state;
    for (i = 0; i < 3000; i++) {
        struct forged f = forge(r, 255, 40, rig_random(&seed) % 2 ? "2001:db8::1" : "ff02::1");
        uint8_t *icmp = f.bytes + VIA_ETH_LEN + VIA_IP6_LEN;
        struct via_ip_head ip;

        rig_noise(&seed, icmp, 72);
        icmp[0] = (uint8_t)(133 + rig_random(&seed) % 5);
        icmp[1] = 0;
        if (i & 1)
            icmp[24] = icmp[25] = 1;
        via_ip_parse(&ip, f.bytes + VIA_ETH_LEN, f.len - VIA_ETH_LEN, f.len - VIA_ETH_LEN, true);
        seal(&f, &ip);
        bench_take(r, 1, f.bytes, f.len);
        bench_hush(r);
    }
    bench_free(r);
}

static void the_kernel_answers_for_its_addresses(void **state) {
    struct bench *r = host();
    struct via_ifaddr a = {.addr = bench_ip("2001:db8::3"), .iface = 1, .prefix = 64, .flags = VIA_ADDR_KERNEL};
    struct via_nd m = solicit("2001:db8::3", mac9);

    (void)state;
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
    assert_int_equal(bench_nd(r, 1, &m, "2001:db8::9", "ff02::1:ff00:3"), VIA_DROP_ND_NOT_MINE);
    assert_null(bench_next(r));
    bench_free(r);
}

static void a_question_asks_from_the_address_of_the_packet_that_waits(void **state) {
    struct bench *r = host();
    struct via_dest d = {.dst = bench_ip("2001:db8::9"), .src = bench_ip("2001:db8::2"), .proto = IPPROTO_UDP};
    struct via_addr group = bench_ip("ff02::1:ff00:9");
    const struct bench_sent *s;
    struct via_path path;

    (void)state;
    bench_addr(r, 1, "2001:db8::2", 64);
    bench_pass(r, 10 * VIA_SEC);
    bench_hush(r);
    via_path_resolve(&r->core, &path, &d);
    via_net_output(&r->core, &path, bench_payload(r, 8), false);
    s = bench_next_nd(r, VIA_ND_SOLICIT);
    assert_true(via_addr_eq(&s->ip.src, &d.src));
    assert_true(via_addr_eq(&s->ip.dst, &group));
    assert_memory_equal(s->eth.dst, ((const uint8_t[]){0x33, 0x33, 0xff, 0, 0, 9}), 6);
    assert_int_equal(s->nd.has, VIA_ND_SRC_MAC);
    bench_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_for_us_is_answered_and_remembered),
        cmocka_unit_test(who_asks_without_its_mac_is_asked_first),
        cmocka_unit_test(others_detection_of_duplicates_is_answered_to_all),
        cmocka_unit_test(who_is_not_on_the_link_is_neither_answered_nor_remembered),
        cmocka_unit_test(questions_for_others_change_nothing),
        cmocka_unit_test(our_address_as_a_source_is_a_lie),
        cmocka_unit_test(advertisements_make_no_entry),
        cmocka_unit_test(an_incomplete_entry_needs_a_mac_address),
        cmocka_unit_test(without_override_another_mac_only_raises_doubt),
        cmocka_unit_test(with_override_another_mac_is_taken_but_not_trusted),
        cmocka_unit_test(an_answer_to_a_probe_needs_no_mac_address),
        cmocka_unit_test(an_advertisement_of_our_address_in_use_is_a_conflict),
        cmocka_unit_test(messages_that_crossed_a_router_are_dropped),
        cmocka_unit_test(options_of_no_length_are_malformed),
        cmocka_unit_test(noise_behind_a_good_header_is_harmless),
        cmocka_unit_test(the_kernel_answers_for_its_addresses),
        cmocka_unit_test(a_question_asks_from_the_address_of_the_packet_that_waits),
    };

    return cmocka_run_group_tests_name("net.nd", tests, NULL, NULL);
}
