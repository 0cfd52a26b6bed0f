/* SPDX-License-Identifier: BSD-2-Clause */
#include "mcast_rig.h"

static void joining_is_told_at_once_and_once_more_within_a_second(void **state) {
    struct net_rig *r = *state;
    via_ns_t now;
    int six;

    for (six = 0; six < 2; six++) {
        rig_clear(r);
        now = r->core.s->now;
        join(r, groups[six], NULL);
        expect_one(r, groups[six], VIA_MCAST_TO_EXCLUDE, 0);
        rig_wait(r, 20 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 2);
        assert_int_equal(v[0].at, now);
        assert_int_equal(v[1].change, VIA_MCAST_TO_EXCLUDE);
        assert_in_range(v[1].at, now + 1, now + VIA_SEC);
        assert_int_equal(r->sent_count, 2);
    }
}

static void reports_repeat_at_random_times(void **state) {
    struct net_rig *r = *state;
    via_ns_t least = VIA_SEC, most = 0;
    int i;

    for (i = 0; i < 50; i++) {
        rig_clear(r);
        join(r, groups[0], NULL);
        rig_wait(r, 2 * VIA_SEC);
        heard(r, groups[0], v, 64);
        least = v[1].at - v[0].at < least ? v[1].at - v[0].at : least;
        most = v[1].at - v[0].at > most ? v[1].at - v[0].at : most;
        leave(r, groups[0], NULL);
        rig_wait(r, 2 * VIA_SEC);
    }
    assert_true(least < 100 * VIA_MS && most > 900 * VIA_MS && most <= VIA_SEC);
}

static void leaving_is_told_twice_and_then_the_group_is_gone(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        uint32_t before = via_pool_used(&r->core.net->mcast.groups);

        join_quietly(r, groups[six], NULL);
        leave(r, groups[six], NULL);
        rig_wait(r, 20 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 2);
        assert_int_equal(v[0].change, VIA_MCAST_TO_INCLUDE);
        assert_int_equal(v[0].sources, 0);
        assert_int_equal(v[1].change, VIA_MCAST_TO_INCLUDE);
        assert_int_equal(via_pool_used(&r->core.net->mcast.groups), before);
        rig_clear(r);
    }
}

static void sources_are_allowed_and_blocked(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        struct via_addr s = rig_addr(senders[six][0]);

        rig_clear(r);
        join(r, groups[six], senders[six][0]);
        expect_one(r, groups[six], VIA_MCAST_ALLOW, 1);
        assert_true(via_addr_eq(&v[0].source[0], &s));
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 2);
        rig_clear(r);
        join_quietly(r, groups[six], senders[six][1]);
        leave(r, groups[six], senders[six][0]);
        expect_one(r, groups[six], VIA_MCAST_BLOCK, 1);
        assert_true(via_addr_eq(&v[0].source[0], &s));
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 2);
        rig_clear(r);
        leave(r, groups[six], senders[six][1]);
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 2);
        assert_int_equal(v[1].change, VIA_MCAST_BLOCK);
        assert_int_equal(via_pool_used(&r->core.net->mcast.sources), 0);
    }
}

/* RFC 9776 3.2: the filter is the union of what sockets want. */
static void who_wants_all_covers_who_wants_some(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        rig_clear(r);
        join_quietly(r, groups[six], NULL);
        join_quietly(r, groups[six], NULL);
        join(r, groups[six], senders[six][0]);
        join(r, groups[six], senders[six][1]);
        leave(r, groups[six], senders[six][1]);
        leave(r, groups[six], NULL);
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 0);
        leave(r, groups[six], NULL);
        expect_one(r, groups[six], VIA_MCAST_TO_INCLUDE, 1);
        rig_wait(r, 5 * VIA_SEC);
        rig_clear(r);
        join(r, groups[six], NULL);
        expect_one(r, groups[six], VIA_MCAST_TO_EXCLUDE, 0);
        leave(r, groups[six], NULL);
        leave(r, groups[six], senders[six][0]);
        rig_wait(r, 5 * VIA_SEC);
        rig_clear(r);
    }
    assert_int_equal(via_pool_used(&r->core.net->mcast.sources), 0);
}

static void change_while_one_is_being_told_tells_the_whole_state_again(void **state) {
    struct net_rig *r = *state;
    unsigned n;

    join_quietly(r, groups[0], NULL);
    leave(r, groups[0], NULL);
    join(r, groups[0], senders[0][0]); /* TO_IN {} is still to be repeated */
    rig_wait(r, 10 * VIA_SEC);
    n = heard(r, groups[0], v, 64);
    assert_int_equal(n, 3);
    assert_int_equal(v[1].change, VIA_MCAST_TO_INCLUDE);
    assert_int_equal(v[1].sources, 1);
    assert_int_equal(v[2].change, VIA_MCAST_TO_INCLUDE);
    assert_int_equal(v[2].sources, 1);
}

static void groups_of_all_hosts_and_of_the_host_are_never_told(void **state) {
    static const char *const silent[] = {"224.0.0.1", "ff02::1", "ff01::1", "ff01::77"};
    struct net_rig *r = *state;
    size_t i;

    for (i = 0; i < VIA_COUNT(silent); i++) {
        join(r, silent[i], NULL);
        rig_wait(r, 5 * VIA_SEC);
        query(r, query3(i > 0, NULL));
        if (i < 2)
            query(r, query3(i > 0, silent[i]));
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(heard(r, silent[i], v, 64), 0);
        leave(r, silent[i], NULL);
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(heard(r, silent[i], v, 64), 0);
        rig_clear(r);
    }
}

static void members_decide_what_is_wanted(void **state) {
    struct net_rig *r = *state;
    struct via_core *c = &r->core;
    int six;

    for (six = 0; six < 2; six++) {
        struct via_addr g = rig_addr(groups[six]), a = rig_addr(senders[six][0]), b = rig_addr(senders[six][1]);
        struct via_addr all = rig_addr(six ? "ff02::1" : "224.0.0.1");

        assert_true(via_mcast_wants(c, 1, &all, &a));
        assert_false(via_mcast_wants(c, 1, &g, &a));
        join(r, groups[six], senders[six][0]);
        assert_true(via_mcast_wants(c, 1, &g, &a));
        assert_false(via_mcast_wants(c, 1, &g, &b));
        assert_false(via_mcast_wants(c, 2, &g, &a));
        join(r, groups[six], NULL);
        assert_true(via_mcast_wants(c, 1, &g, &b));
        leave(r, groups[six], NULL);
        assert_false(via_mcast_wants(c, 1, &g, &b));
        leave(r, groups[six], senders[six][0]);
        assert_false(via_mcast_wants(c, 1, &g, &a));
    }
}

static void joins_count(void **state) {
    struct net_rig *r = *state;
    struct via_addr g = rig_addr(groups[0]), a = rig_addr(senders[0][0]);

    join(r, groups[0], senders[0][0]);
    join(r, groups[0], senders[0][0]);
    leave(r, groups[0], senders[0][0]);
    assert_true(via_mcast_wants(&r->core, 1, &g, &a));
    leave(r, groups[0], senders[0][0]);
    assert_false(via_mcast_wants(&r->core, 1, &g, &a));
    leave(r, groups[0], senders[0][0]); /* once too often */
    leave(r, groups[0], NULL);
    join(r, groups[0], senders[0][0]);
    assert_true(via_mcast_wants(&r->core, 1, &g, &a));
}

/* RFC 3590. */
static void mld_speaks_without_address_only_before_there_is_one(void **state) {
    struct via_attrs a = rig_attrs();
    struct via_ifaddr own = {.addr = rig_addr("fe80::77"), .iface = 1, .prefix = 64};
    struct net_rig *r;
    unsigned i, without = 0, with = 0, n;

    (void)state;
    a.dad_probes = 2;
    a.linklocal = 0;
    r = rig_bare(&a, 1);
    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &own), 0);
    join(r, groups[1], NULL);
    rig_wait(r, 20 * VIA_SEC);
    n = heard(r, groups[1], v, 64);
    assert_true(n >= 3);
    for (i = 0; i < r->sent_count; i++) {
        struct rig_parsed p = rig_parse(&r->sent[i]);

        if (p.ip.proto != IPPROTO_ICMPV6 || p.payload[0] != 143)
            continue;
        if (via_addr_is_any(&p.ip.src)) {
            assert_int_equal(with, 0);
            without++;
        } else {
            assert_true(via_addr_eq(&p.ip.src, &own.addr));
            with++;
        }
    }
    assert_true(without > 0 && with > 0);
    rig_end(r);
}

static void igmp_without_address_speaks_as_nobody(void **state) {
    struct net_rig *r = rig_bare(NULL, 1);
    struct rig_parsed p;

    (void)state;
    join(r, groups[0], NULL);
    assert_int_equal(heard(r, groups[0], v, 64), 1);
    p = rig_parse(&r->sent[0]);
    assert_int_equal(via_addr_to4(&p.ip.src), 0);
    rig_end(r);
}

static void many_groups_are_told_in_several_messages(void **state) {
    struct net_rig *r = *state;
    uint32_t records = 0, i;
    int six;

    for (six = 0; six < 2; six++) {
        records = 0;
        for (i = 0; i < 300; i++) {
            struct via_addr g = rig_addr(groups[six]);

            via_put16(g.b + 14, (uint16_t)(1000 + i));
            assert_int_equal(via_net_join(&r->core, 1, &g, &any), 1);
            rig_wait(r, 10 * VIA_MS);
        }
        rig_wait(r, 10 * VIA_SEC);
        rig_clear(r);
        query(r, query3(six, NULL));
        rig_wait(r, 5 * VIA_SEC);
        for (i = 0; i < r->sent_count; i++) {
            struct rig_parsed p = rig_parse(&r->sent[i]);

            assert_true(r->sent[i].len <= 14 + 1280);
            records += via_get16(p.payload + 6);
        }
        assert_in_range(records, 300, 304);
        assert_in_range(r->sent_count, 2, 6);
        rig_clear(r);
    }
}

static void many_sources_are_told_in_several_records(void **state) {
    struct net_rig *r = *state;
    uint32_t i;
    int six;

    for (six = 0; six < 2; six++) {
        struct via_addr g = rig_addr(groups[six]);
        unsigned n, k, sources = 0;

        for (i = 0; i < 150; i++) {
            struct via_addr s = rig_addr(senders[six][0]);

            s.b[15] = (uint8_t)(10 + i);
            assert_int_equal(via_net_join(&r->core, 1, &g, &s), 1);
            rig_flush(r);
        }
        rig_wait(r, 10 * VIA_SEC);
        rig_clear(r);
        query(r, query3(six, groups[six]));
        rig_wait(r, 5 * VIA_SEC);
        n = heard(r, groups[six], v, 64);
        for (k = 0; k < n; k++) {
            assert_int_equal(v[k].change, VIA_MCAST_IS_INCLUDE);
            sources += v[k].sources;
        }
        assert_int_equal(sources, 150);
        via_mcast_forget(&r->core, 1);
        rig_clear(r);
    }
    assert_int_equal(via_pool_used(&r->core.net->mcast.sources), 0);
    assert_int_equal(via_pool_used(&r->core.net->mcast.groups), 0);
}

static void too_many_groups_are_refused(void **state) {
    struct net_rig *r = *state;
    uint32_t i, used = via_pool_used(&r->core.net->mcast.groups);
    int err = 0;

    for (i = 0; i < VIA_MCAST_GROUPS + 10 && err >= 0; i++) {
        struct via_addr g = via_addr_from4(htonl(0xef000000 + i));

        err = via_net_join(&r->core, 1, &g, &any);
        rig_flush(r);
    }
    assert_int_equal(err, -ENOBUFS);
    assert_int_equal(via_pool_used(&r->core.net->mcast.groups), VIA_MCAST_GROUPS);
    for (; i; i--) {
        struct via_addr g = via_addr_from4(htonl(0xef000000 + i - 1));

        via_net_leave(&r->core, 1, &g, &any);
        rig_flush(r);
    }
    rig_wait(r, 10 * VIA_SEC);
    assert_in_range(via_pool_used(&r->core.net->mcast.groups), 0, used);
}

static void nonsense_is_refused(void **state) {
    struct net_rig *r = *state;
    struct via_addr g = rig_addr(groups[0]), host = rig_addr("10.0.0.2");

    assert_int_equal(via_net_join(&r->core, 1, &host, &any), -EINVAL);
    assert_int_equal(via_net_join(&r->core, 7, &g, &any), -ENODEV);
    assert_int_equal(via_net_join(&r->core, 200, &g, &any), -ENODEV);
    assert_int_equal(via_net_join(&r->core, 0, &g, &any), 1);
    via_net_leave(&r->core, 200, &g, &any);
    via_net_leave(&r->core, 1, &host, &any);
    via_net_leave(&r->core, 0, &g, &any);
    assert_false(via_mcast_wants(&r->core, 1, &g, &host));
}

static void link_that_came_back_hears_everything_again(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++)
        join_quietly(r, groups[six], NULL);
    via_mcast_announce(&r->core, 1);
    rig_wait(r, 10 * VIA_SEC);
    for (six = 0; six < 2; six++)
        assert_int_equal(heard(r, groups[six], v, 64), 2);
}

/* Timers never outlive what they serve, whatever comes in what order. */
static void storm_of_joins_and_queries_ends_where_it_began(void **state) {
    struct net_rig *r = *state;
    uint64_t seed = 3;
    uint32_t used = via_pool_used(&r->core.net->mcast.groups);
    int count[2][4][4] = {{{0}}}, i, six, g, s;

    for (i = 0; i < 20000; i++) {
        struct via_addr group, source;

        six = (int)(rig_random(&seed) & 1);
        g = (int)(rig_random(&seed) % 4);
        s = (int)(rig_random(&seed) % 4);
        group = rig_addr(groups[six]);
        group.b[15] = (uint8_t)(group.b[15] + g);
        source = s == 3 ? any : rig_addr(senders[six][s]);
        if (rig_random(&seed) & 1) {
            count[six][g][s]++;
            assert_int_equal(via_net_join(&r->core, 1, &group, &source), 1);
        } else if (count[six][g][s]) {
            count[six][g][s]--;
            via_net_leave(&r->core, 1, &group, &source);
        }
        if (!(rig_random(&seed) % 50)) {
            struct rig_query q = query3(six, NULL);

            q.version = (uint8_t)(rig_random(&seed) % 20 ? 3 : 2);
            query(r, q);
        }
        rig_wait(r, rig_random(&seed) % (200 * VIA_MS));
        rig_clear(r);
    }
    for (six = 0; six < 2; six++)
        for (g = 0; g < 4; g++)
            for (s = 0; s < 4; s++)
                while (count[six][g][s]--) {
                    struct via_addr group = rig_addr(groups[six]), source = s == 3 ? any : rig_addr(senders[six][s]);

                    group.b[15] = (uint8_t)(group.b[15] + g);
                    via_net_leave(&r->core, 1, &group, &source);
                    rig_flush(r);
                }
    rig_wait(r, 600 * VIA_SEC);
    assert_in_range(via_pool_used(&r->core.net->mcast.groups), used - 1, used);
    assert_int_equal(via_pool_used(&r->core.net->mcast.sources), 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(joining_is_told_at_once_and_once_more_within_a_second),
        T(reports_repeat_at_random_times),
        T(leaving_is_told_twice_and_then_the_group_is_gone),
        T(sources_are_allowed_and_blocked),
        T(who_wants_all_covers_who_wants_some),
        T(change_while_one_is_being_told_tells_the_whole_state_again),
        T(groups_of_all_hosts_and_of_the_host_are_never_told),
        T(members_decide_what_is_wanted),
        T(joins_count),
        T(mld_speaks_without_address_only_before_there_is_one),
        T(igmp_without_address_speaks_as_nobody),
        T(many_groups_are_told_in_several_messages),
        T(many_sources_are_told_in_several_records),
        T(too_many_groups_are_refused),
        T(nonsense_is_refused),
        T(link_that_came_back_hears_everything_again),
        T(storm_of_joins_and_queries_ends_where_it_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
