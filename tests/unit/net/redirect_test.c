/* SPDX-License-Identifier: BSD-2-Clause */
/* redirect_test.c - redirects of IPv4 (RFC 1122 3.2.2.2): who is believed, about what, and for how long. */
#include "net_rig.h"

#include "net/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define FAR "192.0.2.5" /* behind the default router 10.0.0.9 */

static int set_up(void **state) {
    *state = rig_host(NULL, 1);
    return 0;
}

static int tear_down(void **state) {
    rig_end(*state);
    return 0;
}

/* What a redirect says, and of which packet. NULL: as it should be. */
struct said {
    const char *from, *gateway, *src, *dst;
    uint8_t code;
};

static enum via_drop redirect(struct net_rig *r, struct said w) {
    uint8_t b[256], rest[64];
    struct via_ip_head q = rig_head(w.src ? w.src : "10.0.0.1", w.dst ? w.dst : FAR, IPPROTO_UDP);
    struct via_ip_head h = rig_head(w.from ? w.from : "10.0.0.9", "10.0.0.1", 0);
    struct via_addr gateway = rig_addr(w.gateway ? w.gateway : "10.0.0.3");
    struct via_rx rx;
    uint32_t n;

    q.version = 4;
    q.ttl = 64;
    q.payload = 100;
    via_store32(rest, via_addr_to4(&gateway));
    n = 4 + (uint32_t)via_ip_emit(rest + 4, &q);
    memset(rest + n, 1, 8);
    rx = rig_input(r, b, rig_icmp_frame(b, &h, 5, w.code, rest, n + 8));
    return rx.kind == VIA_RX_DROP ? rx.why : VIA_KEPT;
}

/* The most exact route to an address. */
static const struct via_rt *route_to(struct net_rig *r, const char *dst) {
    struct via_addr a = rig_addr(dst);

    return via_rt_at(&r->core, via_route_find(&r->core, &a, 128));
}

static bool goes_by(struct net_rig *r, const char *dst, const char *gateway) {
    struct via_addr g = rig_addr(gateway);

    return via_addr_eq(&route_to(r, dst)->gateway, &g);
}

static void the_router_in_use_moves_one_host(void **state) {
    struct net_rig *r = *state;
    uint32_t gen = via_net_gen(&r->core);

    assert_int_equal(redirect(r, (struct said){.code = 1}), VIA_KEPT);
    assert_int_not_equal(via_net_gen(&r->core), gen); /* paths that exist end */
    assert_true(goes_by(r, FAR, "10.0.0.3"));
    assert_true(goes_by(r, "192.0.2.6", "10.0.0.9"));
    /* Now the new one is in use, and alone may say so. */
    assert_int_equal(redirect(r, (struct said){.gateway = "10.0.0.2"}), VIA_DROP_ICMP_REDIRECT);
    assert_int_equal(redirect(r, (struct said){.from = "10.0.0.3", .gateway = "10.0.0.2"}), VIA_KEPT);
    assert_true(goes_by(r, FAR, "10.0.0.2"));
}

static void packets_take_the_new_way(void **state) {
    struct net_rig *r = *state;
    struct via_dest d = {.dst = rig_addr(FAR), .proto = IPPROTO_UDP};
    struct via_path before, after;
    struct via_neigh *n;
    struct via_addr three = rig_addr("10.0.0.3");

    assert_int_equal(via_path_resolve(&r->core, &before, &d), 0);
    assert_int_equal(redirect(r, (struct said){.code = 1}), VIA_KEPT);
    assert_false(via_path_valid(&r->core, &before));
    assert_int_equal(via_path_resolve(&r->core, &after, &d), 0);
    n = via_neigh_find(&r->core, 1, &three);
    assert_int_equal(after.neigh, via_neigh_id(&r->core, n));
}

static void net_redirects_are_about_the_host_too(void **state) {
    struct net_rig *r = *state;
    uint8_t code;

    for (code = 0; code < 4; code++) {
        char dst[] = "192.0.2.10";

        dst[9] = (char)('0' + code);
        assert_int_equal(redirect(r, (struct said){.dst = dst, .code = code}), VIA_KEPT);
        assert_int_equal(route_to(r, dst)->bits, 128);
    }
    assert_true(goes_by(r, "192.0.2.14", "10.0.0.9"));
    assert_int_equal(redirect(r, (struct said){.code = 4}), VIA_DROP_ICMP_TYPE);
}

static void a_redirect_is_forgotten_after_ten_minutes(void **state) {
    struct net_rig *r = *state;

    assert_int_equal(redirect(r, (struct said){.code = 1}), VIA_KEPT);
    rig_wait(r, 599 * VIA_SEC);
    assert_true(goes_by(r, FAR, "10.0.0.3"));
    rig_wait(r, 2 * VIA_SEC);
    assert_true(goes_by(r, FAR, "10.0.0.9"));
}

static void strangers_and_nonsense_are_not_believed(void **state) {
    static const struct {
        struct said w;
        enum via_drop why;
    } cases[] = {
        {{.from = "10.0.0.2"}, VIA_DROP_ICMP_REDIRECT},        /* not the router in use */
        {{.from = "192.0.2.9"}, VIA_DROP_ICMP_REDIRECT},       /* not even on the link */
        {{.gateway = "198.51.100.1"}, VIA_DROP_ICMP_REDIRECT}, /* not on a net of ours */
        {{.gateway = "10.0.0.1"}, VIA_DROP_ICMP_REDIRECT},     /* ourselves */
        {{.gateway = "10.0.0.255"}, VIA_DROP_ICMP_REDIRECT},   /* everybody */
        {{.gateway = "224.0.0.1"}, VIA_DROP_ICMP_REDIRECT},    /* a group */
        {{.gateway = "0.0.0.0"}, VIA_DROP_ICMP_REDIRECT},      /* nobody */
        {{.gateway = "127.0.0.1"}, VIA_DROP_ICMP_REDIRECT},    /* ourselves */
        {{.gateway = "10.0.0.9"}, VIA_DROP_ICMP_REDIRECT},     /* where it goes already */
        {{.dst = "10.0.0.2"}, VIA_DROP_ICMP_REDIRECT},         /* on the link: no router is in use */
        {{.src = "10.0.0.2"}, VIA_DROP_ICMP_NO_FLOW},          /* of a packet that is not ours */
        {{.dst = "224.0.0.7"}, VIA_DROP_ICMP_NO_FLOW},         /* of one that no router was asked about */
        {{.dst = "10.0.0.1"}, VIA_DROP_ICMP_REDIRECT},
    };
    struct net_rig *r = *state;
    size_t i;

    for (i = 0; i < VIA_COUNT(cases); i++)
        assert_int_equal(redirect(r, cases[i].w), cases[i].why);
    assert_true(goes_by(r, FAR, "10.0.0.9"));
    assert_int_equal(r->core.net->ra.redirects, 0);
}

static void a_redirect_without_a_packet_is_malformed(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.0.0.9", "10.0.0.1", 0);
    uint8_t b[256], rest[24] = {10, 0, 0, 3, 0x45};
    uint32_t n;

    for (n = 4; n < 24; n++)
        assert_int_equal(rig_input(r, b, rig_icmp_frame(b, &h, 5, 1, rest, n)).why, VIA_DROP_ICMP_BAD);
}

static void a_flood_of_redirects_is_bounded(void **state) {
    struct net_rig *r = *state;
    char dst[32];
    int i;

    for (i = 0; i < 250; i++) {
        snprintf(dst, sizeof dst, "192.0.2.%d", i + 1);
        assert_int_equal(redirect(r, (struct said){.dst = dst}), VIA_KEPT);
        rig_wait(r, VIA_MS);
    }
    assert_true(goes_by(r, "192.0.2.250", "10.0.0.3"));
    assert_true(goes_by(r, "192.0.2.1", "10.0.0.9")); /* the oldest made room */
    for (i = 0; i < 250; i++) {
        snprintf(dst, sizeof dst, "192.0.2.%d", i + 1);
        if (goes_by(r, dst, "10.0.0.3"))
            break;
    }
    assert_int_equal(i, 250 - VIA_RA_REDIRECTS);
}

static void redirects_can_be_switched_off(void **state) {
    struct via_attrs a = rig_attrs();
    struct net_rig *r;

    (void)state;
    a.redirects = 0;
    r = rig_host(&a, 1);
    assert_int_equal(redirect(r, (struct said){.code = 1}), VIA_DROP_ICMP_REDIRECT);
    assert_true(goes_by(r, FAR, "10.0.0.9"));
    rig_end(r);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_router_in_use_moves_one_host),        T(packets_take_the_new_way),
        T(net_redirects_are_about_the_host_too),    T(a_redirect_is_forgotten_after_ten_minutes),
        T(strangers_and_nonsense_are_not_believed), T(a_redirect_without_a_packet_is_malformed),
        T(a_flood_of_redirects_is_bounded),         cmocka_unit_test(redirects_can_be_switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
