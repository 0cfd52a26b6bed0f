/* SPDX-License-Identifier: BSD-2-Clause */
/* demux_test.c - from flows to sockets: precedence, families, interfaces, sharing, holds; and against a linear search.
 */
#include "core_rig.h"

static struct core_rig rig;

static int set_up(void **state) {
    (void)state;
    core_rig_init(&rig, 64, 48, 7);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    core_rig_fini(&rig);
    return 0;
}

static struct via_addr addr(const char *text) {
    struct via_addr a;
    uint32_t scope;

    assert_int_equal(via_addr_parse(text, &a, &scope), 0);
    return a;
}

static struct via_flow flow(const char *local, uint16_t lport, const char *remote, uint16_t rport) {
    struct via_flow f = {.lport = lport, .rport = rport, .proto = IPPROTO_UDP, .iface = 1};

    f.local = addr(local);
    if (remote)
        f.remote = addr(remote);
    return f;
}

static uint32_t enter(struct via_flow f, uint8_t iface, uint16_t flags) {
    struct via_sock *k = core_rig_sock(&rig);

    k->flow = f;
    k->flow.iface = k->bound_if = iface;
    k->bound = f.local;
    k->flags = flags;
    assert_int_equal(via_demux_add(&rig.core, via_sock_ref(&rig.core, k)), 0);
    assert_true(via_demux_valid(&rig.core));
    return via_sock_ref(&rig.core, k);
}

static uint32_t find(struct via_flow f) {
    return via_demux_find(&rig.core, &f);
}

static void leave(uint32_t ref) {
    via_demux_del(&rig.core, ref);
    assert_true(via_demux_valid(&rig.core));
}

static void most_exact_key_wins(void **state) {
    struct via_flow packet = flow("10.0.0.1", 53, "10.0.0.9", 999);
    uint32_t any, any4, local, full;

    (void)state;
    assert_int_equal(find(packet), 0);
    any = enter(flow("::", 53, NULL, 0), 0, 0);
    assert_int_equal(find(packet), any);
    any4 = enter(flow("::ffff:0.0.0.0", 53, NULL, 0), 0, 0);
    assert_int_equal(find(packet), any4);
    local = enter(flow("10.0.0.1", 53, NULL, 0), 0, 0);
    assert_int_equal(find(packet), local);
    full = enter(flow("10.0.0.1", 53, "10.0.0.9", 999), 0, 0);
    assert_int_equal(find(packet), full);
    assert_int_equal(find(flow("10.0.0.1", 53, "10.0.0.9", 998)), local);
    assert_int_equal(find(flow("10.0.0.2", 53, "10.0.0.9", 999)), any4);
    assert_int_equal(find(flow("2001:db8::1", 53, "2001:db8::2", 999)), any);
    assert_int_equal(find(flow("10.0.0.1", 54, "10.0.0.9", 999)), 0);
    leave(full);
    assert_int_equal(find(packet), local);
    leave(local);
    assert_int_equal(find(packet), any4);
    leave(any4);
    assert_int_equal(find(packet), any);
    leave(any);
    assert_int_equal(find(packet), 0);
}

static void v6only_takes_no_ipv4(void **state) {
    uint32_t six = enter(flow("::", 53, NULL, 0), 0, VIA_SOCK_V6ONLY);

    (void)state;
    assert_int_equal(find(flow("2001:db8::1", 53, "2001:db8::2", 9)), six);
    assert_int_equal(find(flow("10.0.0.1", 53, "10.0.0.2", 9)), 0);
}

static void interface_of_a_bound_socket_counts(void **state) {
    uint32_t two = enter(flow("::", 53, NULL, 0), 2, 0), one = enter(flow("::", 53, NULL, 0), 1, 0);
    struct via_flow f = flow("10.0.0.1", 53, "10.0.0.2", 9);

    (void)state;
    assert_int_equal(find(f), one);
    f.iface = 2;
    assert_int_equal(find(f), two);
    f.iface = 3;
    assert_int_equal(find(f), 0);
}

static void protocol_counts(void **state) {
    struct via_flow f = flow("10.0.0.1", 53, "10.0.0.2", 9);

    (void)state;
    enter(flow("10.0.0.1", 53, NULL, 0), 0, 0);
    f.proto = IPPROTO_TCP;
    assert_int_equal(find(f), 0);
}

static void sharing_sockets_get_conversations_by_sender(void **state) {
    uint32_t ref[4], hits[4] = {0}, i, j;

    (void)state;
    for (i = 0; i < 4; i++)
        ref[i] = enter(flow("::", 53, NULL, 0), 0, VIA_SOCK_REUSE);
    for (i = 0; i < 4000; i++) {
        struct via_flow f = flow("10.0.0.1", 53, "10.0.0.2", (uint16_t)(1000 + i));
        uint32_t got = find(f);

        for (j = 0; j < 4 && ref[j] != got; j++)
            ;
        assert_true(j < 4);
        hits[j]++;
    }
    for (j = 0; j < 4; j++)
        assert_in_range(hits[j], 800, 1200);
}

static void hold_is_found_by_binders_alone(void **state) {
    uint32_t ref = enter(flow("::", 53, NULL, 0), 0, 0);
    struct via_sock *k = via_sock_at(&rig.core, ref);
    struct via_flow wild = flow("::", 53, NULL, 0);
    struct via_demux_walk w;

    (void)state;
    assert_int_equal(via_demux_hold(&rig.core, ref), 0);
    via_demux_del(&rig.core, ref);
    k->flow = flow("10.0.0.1", 53, "10.0.0.9", 999);
    assert_int_equal(via_demux_add(&rig.core, ref), 0);
    assert_true(via_demux_valid(&rig.core));
    assert_int_equal(find(flow("10.0.0.1", 53, "10.0.0.9", 999)), ref);
    assert_int_equal(find(flow("10.0.0.1", 53, "10.0.0.9", 998)), 0);
    assert_int_equal(via_demux_first(&rig.core, &wild, &w), 0);
    assert_int_equal(via_demux_first_bound(&rig.core, &wild, &w), ref);
    assert_int_equal(via_demux_next(&rig.core, &wild, &w), 0);
    via_demux_let_go(&rig.core, ref);
    assert_int_equal(via_demux_first_bound(&rig.core, &wild, &w), 0);
    via_demux_let_go(&rig.core, ref);
    via_demux_del(&rig.core, ref);
    via_demux_del(&rig.core, ref);
    assert_int_equal(rig.socks.demux.count, 0);
}

static void port_is_picked_among_the_free_ones(void **state) {
    struct via_flow f = flow("10.0.0.1", 0, NULL, 0);
    uint32_t ref, i;

    (void)state;
    rig.core.attrs.port_low = 40000;
    rig.core.attrs.port_high = 40009;
    for (i = 0; i < 10; i++) {
        uint16_t port = via_port_pick(&rig.core, &f);

        assert_in_range(port, 40000, 40009);
        ref = enter(flow("10.0.0.1", port, NULL, 0), 0, 0);
        if (i & 1) /* a hold keeps the port as well */
            via_demux_hold(&rig.core, ref), via_demux_del(&rig.core, ref);
    }
    assert_int_equal(via_port_pick(&rig.core, &f), 0);
    f.local = addr("10.0.0.2");
    assert_int_not_equal(via_port_pick(&rig.core, &f), 0);
}

static void ports_are_not_predictable(void **state) {
    struct via_flow f = flow("10.0.0.1", 0, NULL, 0);
    uint32_t i, ups = 0, same = 0;
    uint16_t last = 0;

    (void)state;
    for (i = 0; i < 1000; i++) {
        uint16_t port = via_port_pick(&rig.core, &f);

        ups += port > last;
        same += port == last || port == last + 1;
        last = port;
    }
    assert_in_range(ups, 400, 600);
    assert_true(same < 10);
}

static void full_table_refuses_and_recovers(void **state) {
    uint32_t ref = 0, i;

    (void)state;
    for (i = 0; i < 48; i++) {
        ref = enter(flow("10.0.0.1", (uint16_t)(i + 1), NULL, 0), 0, 0);
        assert_int_equal(via_demux_hold(&rig.core, ref), 0); /* room for two entries of each */
    }
    for (i = 0; i < 48; i++)
        assert_int_not_equal(find(flow("10.0.0.1", (uint16_t)(i + 1), "10.0.0.2", 9)), 0);
    leave(ref);
    assert_int_equal(find(flow("10.0.0.1", 48, "10.0.0.2", 9)), 0);
}

/* The rules of demux.h by a linear search; several with equal right may share. */
static bool may_get(uint32_t ref, const struct via_flow *p, unsigned level) {
    const struct via_sock *k = via_sock_at(&rig.core, ref);
    const struct via_flow *f = &k->flow;
    static const unsigned full = 0, local = 1, any4 = 2;
    bool wild = via_addr_is_any(&f->local), four = via_addr_is4(&p->local);

    if (f->lport != p->lport || f->proto != p->proto || (f->iface && f->iface != p->iface))
        return false;
    if (level == full)
        return f->rport == p->rport && via_addr_eq(&f->local, &p->local) && via_addr_eq(&f->remote, &p->remote);
    if (f->rport)
        return false;
    if (level == local)
        return !wild && via_addr_eq(&f->local, &p->local);
    if (level == any4)
        return wild && via_addr_is4(&f->local) && four;
    return wild && !via_addr_is4(&f->local) && !(four && (k->flags & VIA_SOCK_V6ONLY));
}

static void random_tables_find_what_a_linear_search_finds(void **state) {
    static const char *const locals[] = {"10.0.0.1", "10.0.0.2", "2001:db8::1", "::", "::ffff:0.0.0.0"};
    static const char *const remotes[] = {"10.0.0.8", "10.0.0.9", "2001:db8::9"};
    uint32_t live[48], n = 0, step;
    struct via_rand r;

    (void)state;
    assert_int_equal(via_rand_init(&r, 5), 0);
    for (step = 0; step < 60000; step++) {
        uint32_t op = via_rand_below(&r, 8), i, level, got;
        struct via_flow f;

        if (op == 0 && n < VIA_COUNT(live)) {
            bool peer = via_rand_below(&r, 3) == 0;
            uint32_t l = via_rand_below(&r, peer ? 3 : 5);

            f = flow(locals[l], (uint16_t)(1 + via_rand_below(&r, 3)), peer ? remotes[via_rand_below(&r, 3)] : NULL,
                     peer ? (uint16_t)(7 + via_rand_below(&r, 2)) : 0);
            live[n] = enter(f, (uint8_t)via_rand_below(&r, 3),
                            (uint16_t)(VIA_SOCK_REUSE | (via_rand_below(&r, 4) ? 0 : VIA_SOCK_V6ONLY)));
            if (via_rand_below(&r, 2))
                assert_int_equal(via_demux_hold(&rig.core, live[n]), 0);
            n++;
            continue;
        }
        if (op == 1 && n) {
            i = via_rand_below(&r, n);
            via_demux_let_go(&rig.core, live[i]);
            leave(live[i]);
            via_sock_let_go(&rig.core, via_sock_at(&rig.core, live[i]));
            live[i] = live[--n];
            continue;
        }
        f = flow(locals[via_rand_below(&r, 3)], (uint16_t)(1 + via_rand_below(&r, 3)), remotes[via_rand_below(&r, 3)],
                 (uint16_t)(7 + via_rand_below(&r, 2)));
        f.iface = (uint8_t)(1 + via_rand_below(&r, 2));
        got = find(f);
        for (level = 0; level < 4; level++) {
            bool some = false, right = false;

            for (i = 0; i < n; i++)
                if (may_get(live[i], &f, level)) {
                    some = true;
                    right |= live[i] == got;
                }
            if (some) {
                assert_true(right);
                break;
            }
        }
        if (level == 4)
            assert_int_equal(got, 0);
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(most_exact_key_wins),
        CASE(v6only_takes_no_ipv4),
        CASE(interface_of_a_bound_socket_counts),
        CASE(protocol_counts),
        CASE(sharing_sockets_get_conversations_by_sender),
        CASE(hold_is_found_by_binders_alone),
        CASE(port_is_picked_among_the_free_ones),
        CASE(ports_are_not_predictable),
        CASE(full_table_refuses_and_recovers),
        CASE(random_tables_find_what_a_linear_search_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
