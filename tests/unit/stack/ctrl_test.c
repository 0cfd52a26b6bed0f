/* SPDX-License-Identifier: BSD-2-Clause */
/* ctrl_test.c - the control plane's door: a sentence for every refusal. */
#include "desk.h"

#include <errno.h>

static struct desk *b;

static int set_up(void **state) {
    (void)state;
    b = desk_new(1, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

/* Refused with that errno and with a sentence of this very refusal. */
static void assert_refused(int got, int err, const char *says) {
    assert_int_equal(got, err);
    assert_non_null(strstr(via_why(b->st), says));
}

static struct via_addr at(const char *text) {
    struct via_addr a;

    assert_int_equal(via_addr_parse(text, &a, NULL), 0);
    return a;
}

static int addr(int op, const char *text, uint8_t prefix, uint32_t iface) {
    struct via_ifaddr a = {.addr = at(text), .prefix = prefix, .iface = iface, .flags = VIA_ADDR_NODAD};

    return via_ctrl_addr(b->st, op, &a);
}

static int route(int op, const char *dst, uint8_t prefix, const char *gateway, uint32_t iface) {
    struct via_route r = {.dst = at(dst), .prefix = prefix, .gateway = at(gateway), .iface = iface, .family = VIA_AF_4};

    return via_ctrl_route(b->st, op, &r);
}

static int neigh(int op, const char *text, uint32_t iface) {
    struct via_neigh_entry n = {.addr = at(text), .iface = iface, .mac = {2, 0, 0, 0, 0, 9}};

    return via_ctrl_neigh(b->st, op, &n);
}

static void refused_addresses_say_why(void **state) {
    (void)state;
    assert_refused(via_ctrl_addr(b->st, VIA_CTRL_ADD, NULL), -EINVAL, "no address given");
    assert_refused(addr(VIA_CTRL_ADD, "10.0.1.1", 24, 1), -EEXIST, "10.0.1.1 is there already");
    assert_refused(addr(VIA_CTRL_ADD, "10.0.1.5", 33, 1), -EINVAL, "10.0.1.5/33");
    assert_refused(addr(VIA_CTRL_ADD, "224.0.0.1", 24, 1), -EINVAL, "224.0.0.1");
    assert_refused(addr(VIA_CTRL_ADD, "10.0.1.5", 24, 9), -ENODEV, "no interface 9");
    assert_refused(addr(VIA_CTRL_DEL, "10.9.9.9", 24, 1), -ENOENT, "no address 10.9.9.9");
    assert_refused(addr(77, "10.0.1.5", 24, 1), -EINVAL, "77 is no operation");
    assert_refused(addr(VIA_CTRL_LIST, "10.0.1.5", 24, 1), -EINVAL, "needs a function");
}

static void refused_routes_say_why(void **state) {
    (void)state;
    assert_refused(via_ctrl_route(b->st, VIA_CTRL_ADD, NULL), -EINVAL, "no route given");
    assert_refused(route(VIA_CTRL_ADD, "10.5.0.0", 16, "99.0.0.1", 1), -ENETUNREACH, "gateway");
    assert_int_equal(route(VIA_CTRL_ADD, "10.5.0.0", 16, "10.0.1.2", 1), 0);
    assert_refused(route(VIA_CTRL_ADD, "10.5.0.0", 16, "10.0.1.2", 1), -EEXIST, "there already");
    assert_refused(route(VIA_CTRL_ADD, "10.6.0.0", 40, "10.0.1.2", 1), -EINVAL, "10.6.0.0/40");
    assert_refused(route(VIA_CTRL_ADD, "10.6.0.0", 16, "10.0.1.2", 8), -ENODEV, "no interface 8");
    assert_refused(route(VIA_CTRL_DEL, "10.7.0.0", 16, "10.0.1.2", 1), -ENOENT, "no route 10.7.0.0");
}

static void refused_neighbours_say_why(void **state) {
    (void)state;
    assert_refused(via_ctrl_neigh(b->st, VIA_CTRL_ADD, NULL), -EINVAL, "no neighbour given");
    assert_refused(neigh(VIA_CTRL_ADD, "224.0.0.5", 1), -EINVAL, "224.0.0.5");
    assert_refused(neigh(VIA_CTRL_ADD, "10.0.1.9", 9), -ENODEV, "no interface 9");
    assert_refused(neigh(VIA_CTRL_DEL, "10.0.1.99", 1), -ENOENT, "no neighbour 10.0.1.99");
}

static void addresses_of_a_peer_are_ranked(void **state) {
    struct via_ep v[VIA_RANK_MAX + 1], six, none;

    (void)state;
    memset(v, 0, sizeof v);
    v[0] = desk_ep("192.0.2.1:80"); /* no way */
    v[1] = desk_ep("10.0.1.2:80");
    v[2] = desk_ep("[2001:db8:1::2]:80");
    assert_int_equal(via_ctrl_rank(b->st, v, 3), 2);
    six = desk_ep("[2001:db8:1::2]:1");
    assert_true(via_addr_eq(&v[0].addr, &six.addr));
    none = desk_ep("192.0.2.1:1");
    assert_true(via_addr_eq(&v[2].addr, &none.addr));
    assert_refused(via_ctrl_rank(b->st, NULL, 1), -EINVAL, "no addresses");
    assert_refused(via_ctrl_rank(b->st, v, VIA_RANK_MAX + 1), -EINVAL, "64");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused_addresses_say_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_routes_say_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_neighbours_say_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_of_a_peer_are_ranked, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
