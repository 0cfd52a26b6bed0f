/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "net_rig.h"
#include "router_rig.h"

#include "net/state.h"

static const char *const groups[2] = {"239.1.2.3", "ff0e::1234"};
static const char *const others[2] = {"239.9.9.9", "ff0e::9999"};
static const char *const senders[2][3] = {{"192.0.2.1", "192.0.2.2", "192.0.2.3"},
                                          {"2001:db8:9::1", "2001:db8:9::2", "2001:db8:9::3"}};
static const struct via_addr any = {{0}};

static int setup(void **state) {
    *state = rig_host(NULL, 1);
    return 0;
}

static int teardown(void **state) {
    rig_end(*state);
    return 0;
}

static void join(struct net_rig *r, const char *group, const char *source) {
    struct via_addr g = rig_addr(group), s = source ? rig_addr(source) : any;

    assert_int_equal(via_net_join(&r->core, 1, &g, &s), 1);
    rig_flush(r);
}

static void leave(struct net_rig *r, const char *group, const char *source) {
    struct via_addr g = rig_addr(group), s = source ? rig_addr(source) : any;

    via_net_leave(&r->core, 1, &g, &s);
    rig_flush(r);
}

/* Joins, and what that said is over and forgotten. */
static void join_quietly(struct net_rig *r, const char *group, const char *source) {
    join(r, group, source);
    rig_wait(r, 10 * VIA_SEC);
    rig_clear(r);
}

/* One record about a group, wherever it was sent. */
struct said {
    via_ns_t at;
    uint8_t change; /* enum via_mcast_change; 12, 16, 17 hex, 83, 84: messages of old versions */
    uint16_t sources;
    struct via_addr source[256];
};

static struct via_addr addr_at(const uint8_t *at, int six) {
    return six ? via_addr_from6(at) : via_get_addr4(at);
}

/* Checks what every report has in common. */
static void check_report(const struct rig_parsed *p, int six, const struct via_addr *to) {
    uint8_t mac[6];

    via_mac_of_group(mac, to);
    assert_true(via_addr_eq(&p->ip.dst, to));
    assert_memory_equal(p->eth.dst, mac, 6);
    assert_int_equal(p->ip.ttl, 1);
    if (p->payload[0] != 0x12)
        assert_true(p->ip.flags & VIA_IP_ALERT);
    if (six)
        assert_true(via_addr_is_linklocal6(&p->ip.src) || via_addr_is_any(&p->ip.src));
    else
        assert_int_equal(p->ip.tos, 0xc0);
}

static unsigned read_records(const struct rig_frame *f, const struct rig_parsed *p, int six, const struct via_addr *group,
                             struct said *v) {
    uint32_t at = 8, len = six ? 16 : 4, count = via_get16(p->payload + 6), found = 0, i, k;
    struct via_addr to = rig_addr(six ? "ff02::16" : "224.0.0.22");

    check_report(p, six, &to);
    for (i = 0; i < count; i++) {
        const uint8_t *rec = p->payload + at;
        uint16_t n = via_get16(rec + 2);
        struct via_addr g = addr_at(rec + 4, six);

        at += 4 + len + n * len;
        assert_true(at <= p->ip.payload);
        assert_int_equal(rec[1], 0);
        if (!via_addr_eq(&g, group))
            continue;
        v[found].at = f->at;
        v[found].change = rec[0];
        v[found].sources = n;
        assert_true(n <= 256);
        for (k = 0; k < n; k++)
            v[found].source[k] = addr_at(rec + 4 + len + k * len, six);
        found++;
    }
    assert_int_equal(at, p->ip.payload);
    return found;
}

static unsigned read_old(const struct rig_frame *f, const struct rig_parsed *p, int six, const struct via_addr *group,
                         struct said *v) {
    struct via_addr g = addr_at(p->payload + (six ? 8 : 4), six);
    bool left = p->payload[0] == 0x17 || p->payload[0] == 132;
    struct via_addr routers = rig_addr(six ? "ff02::2" : "224.0.0.2");

    check_report(p, six, left ? &routers : &g);
    v->at = f->at;
    v->change = p->payload[0];
    v->sources = 0;
    return via_addr_eq(&g, group);
}

/* All that was said of a group. */
static unsigned heard(const struct net_rig *r, const char *group, struct said *v, unsigned most) {
    struct via_addr g = rig_addr(group);
    int six = !via_addr_is4(&g);
    unsigned n = 0, i;

    for (i = 0; i < r->sent_count; i++) {
        struct rig_parsed p = rig_parse(&r->sent[i]);

        assert_true(n + 8 <= most);
        if (p.ip.version != (six ? 6 : 4) || p.ip.proto != (six ? IPPROTO_ICMPV6 : IPPROTO_IGMP))
            continue;
        if (p.payload[0] == (six ? 143 : 0x22))
            n += read_records(&r->sent[i], &p, six, &g, v + n);
        else if (six ? p.payload[0] == 131 || p.payload[0] == 132
                     : p.payload[0] == 0x12 || p.payload[0] == 0x16 || p.payload[0] == 0x17)
            n += read_old(&r->sent[i], &p, six, &g, v + n);
    }
    return n;
}

static struct said v[64];

static struct via_rx query_as(struct net_rig *r, struct rig_query q, const char *src, uint8_t ttl, bool alert) {
    struct via_ip_head h = rig_head(src, q.ip_version == 6 ? "ff02::1" : "224.0.0.1", 0);
    uint8_t b[2048], m[2048];
    uint32_t n = (uint32_t)rig_query(m, &q);

    if (!via_addr_is_any(&q.group))
        h.dst = q.group;
    h.proto = q.ip_version == 6 ? IPPROTO_ICMPV6 : IPPROTO_IGMP;
    h.ttl = ttl;
    h.flags = alert ? VIA_IP_ALERT : 0;
    via_icmp_seal(m, n, &h);
    return rig_input(r, b, rig_ip_frame(b, &h, m, n));
}

static void query(struct net_rig *r, struct rig_query q) {
    struct via_rx rx = query_as(r, q, q.ip_version == 6 ? "fe80::2" : "10.0.0.2", 1, true);

    assert_int_equal(rx.kind, VIA_RX_DONE);
}

/* A query of version 3 that wants an answer within a second. */
static struct rig_query query3(int six, const char *group) {
    struct rig_query q = {.ip_version = six ? 6 : 4, .version = 3, .robustness = 2, .interval_code = 125};

    q.resp_code = six ? 1000 : 10;
    q.group = group ? rig_addr(group) : six ? any : via_addr_from4(0);
    return q;
}

static void expect_one(struct net_rig *r, const char *group, uint8_t change, uint16_t sources) {
    assert_int_equal(heard(r, group, v, 64), 1);
    assert_int_equal(v[0].change, change);
    assert_int_equal(v[0].sources, sources);
}

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

static void general_query_is_answered_once_for_all_groups(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        via_ns_t now;

        join_quietly(r, groups[six], NULL);
        join_quietly(r, others[six], senders[six][0]);
        now = r->core.s->now;
        query(r, query3(six, NULL));
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(r->sent_count, 1);
        expect_one(r, groups[six], VIA_MCAST_IS_EXCLUDE, 0);
        assert_in_range(v[0].at, now + 1, now + VIA_SEC);
        expect_one(r, others[six], VIA_MCAST_IS_INCLUDE, 1);
        rig_clear(r);
    }
}

static void query_about_a_group_is_answered_for_it_alone(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        join_quietly(r, groups[six], NULL);
        join_quietly(r, others[six], NULL);
        query(r, query3(six, groups[six]));
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(r->sent_count, 1);
        expect_one(r, groups[six], VIA_MCAST_IS_EXCLUDE, 0);
        rig_clear(r);
        leave(r, others[six], NULL);
        rig_wait(r, 5 * VIA_SEC);
        rig_clear(r);
    }
}

static void query_about_a_group_that_is_not_here_is_not_answered(void **state) {
    struct net_rig *r = *state;
    struct via_rx rx = query_as(r, query3(0, groups[0]), "10.0.0.2", 1, true);

    assert_int_equal(rx.why, VIA_DROP_NO_GROUP);
    rig_wait(r, 5 * VIA_SEC);
    assert_int_equal(r->sent_count, 0);
}

static void query_about_sources_is_answered_for_those_wanted(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        struct via_addr asked[2] = {rig_addr(senders[six][0]), rig_addr(senders[six][2])};
        struct rig_query q = query3(six, groups[six]);

        q.source = asked;
        q.sources = 2;
        join_quietly(r, groups[six], senders[six][0]);
        join_quietly(r, groups[six], senders[six][1]);
        query(r, q);
        rig_wait(r, 5 * VIA_SEC);
        expect_one(r, groups[six], VIA_MCAST_IS_INCLUDE, 1);
        assert_true(via_addr_eq(&v[0].source[0], &asked[0]));
        rig_clear(r);
        q.source = asked + 1;
        q.sources = 1;
        query(r, q);
        rig_wait(r, 5 * VIA_SEC);
        assert_int_equal(r->sent_count, 0);
        join_quietly(r, groups[six], NULL);
        query(r, q);
        rig_wait(r, 5 * VIA_SEC);
        expect_one(r, groups[six], VIA_MCAST_IS_EXCLUDE, 0);
        rig_clear(r);
    }
}

/* RFC 9776 5.2, rules 4 and 5. */
static void questions_that_wait_are_merged(void **state) {
    struct net_rig *r = *state;
    struct via_addr asked[2] = {rig_addr(senders[0][0]), rig_addr(senders[0][1])};
    struct rig_query q = query3(0, groups[0]);

    join_quietly(r, groups[0], senders[0][0]);
    join_quietly(r, groups[0], senders[0][1]);
    join_quietly(r, groups[0], senders[0][2]);
    q.sources = 1;
    q.source = asked;
    query(r, q);
    q.source = asked + 1;
    query(r, q);
    rig_wait(r, 5 * VIA_SEC);
    expect_one(r, groups[0], VIA_MCAST_IS_INCLUDE, 2);
    rig_clear(r);
    q.sources = 0;
    query(r, q);
    q.sources = 1;
    query(r, q);
    rig_wait(r, 5 * VIA_SEC);
    expect_one(r, groups[0], VIA_MCAST_IS_INCLUDE, 3);
}

/* RFC 9776 5.2, rule 1. */
static void answer_about_everything_answers_later_questions(void **state) {
    struct net_rig *r = *state;
    struct rig_query q = query3(0, groups[0]);
    int i;

    join_quietly(r, groups[0], NULL);
    query(r, query3(0, NULL));
    q.resp_code = 0xff; /* 3174.4 s */
    for (i = 0; i < 20; i++)
        query(r, q);
    rig_wait(r, 5 * VIA_SEC);
    assert_int_equal(r->sent_count, 1);
}

/* CVE-2012-0207. */
static void response_time_of_zero_is_one_tick(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        struct rig_query q = query3(six, NULL);

        join_quietly(r, groups[six], NULL);
        q.resp_code = 0;
        query(r, q);
        rig_wait(r, 100 * VIA_MS);
        assert_int_equal(heard(r, groups[six], v, 64), 1);
        rig_clear(r);
    }
}

static void querier_sets_the_robustness(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        struct rig_query q = query3(six, NULL);

        q.robustness = 5;
        query(r, q);
        rig_wait(r, 5 * VIA_SEC);
        rig_clear(r);
        join(r, groups[six], NULL);
        rig_wait(r, 20 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 5);
        q.robustness = 0;
        query(r, q);
        rig_wait(r, 5 * VIA_SEC);
        rig_clear(r);
        leave(r, groups[six], NULL);
        rig_wait(r, 20 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 2);
        rig_clear(r);
    }
}

static struct rig_query old_query(int six, uint8_t version, const char *group) {
    struct rig_query q = query3(six, group);

    q.version = version;
    q.resp_code = version == 1 ? 0 : q.resp_code;
    return q;
}

static void old_querier_is_answered_in_his_version(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        uint8_t report = six ? 131 : 0x16, left = six ? 132 : 0x17;

        join_quietly(r, groups[six], senders[six][0]);
        join_quietly(r, others[six], NULL);
        query(r, old_query(six, 2, NULL));
        rig_wait(r, 2 * VIA_SEC);
        expect_one(r, groups[six], report, 0);
        expect_one(r, others[six], report, 0);
        rig_clear(r);
        query(r, old_query(six, 2, groups[six]));
        rig_wait(r, 2 * VIA_SEC);
        assert_int_equal(r->sent_count, 1);
        expect_one(r, groups[six], report, 0);
        rig_clear(r);
        leave(r, groups[six], senders[six][0]);
        rig_wait(r, 30 * VIA_SEC);
        expect_one(r, groups[six], left, 0);
        rig_clear(r);
        join(r, groups[six], NULL);
        rig_wait(r, 30 * VIA_SEC);
        assert_int_equal(heard(r, groups[six], v, 64), 2);
        assert_int_equal(v[1].change, report);
        assert_in_range(v[1].at - v[0].at, 1, 10 * VIA_SEC);
        rig_clear(r);
    }
}

/* RFC 9776 8.12. */
static void old_version_is_spoken_for_a_while(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        rig_clear(r);
        query(r, old_query(six, 2, NULL));
        rig_wait(r, 250 * VIA_SEC);
        rig_clear(r);
        join(r, groups[six], NULL);
        expect_one(r, groups[six], six ? 131 : 0x16, 0);
        rig_wait(r, 20 * VIA_SEC);
        rig_clear(r);
        leave(r, groups[six], NULL);
        assert_int_equal(heard(r, groups[six], v, 64), 1);
        assert_int_equal(v[0].change, VIA_MCAST_TO_INCLUDE);
        rig_wait(r, 20 * VIA_SEC);
    }
}

static void version_three_query_does_not_end_the_old_version(void **state) {
    struct net_rig *r = *state;

    join_quietly(r, groups[0], NULL);
    query(r, old_query(0, 2, NULL));
    rig_wait(r, 2 * VIA_SEC);
    rig_clear(r);
    query(r, query3(0, NULL));
    rig_wait(r, 2 * VIA_SEC);
    expect_one(r, groups[0], 0x16, 0);
}

static void version_one_knows_no_leave(void **state) {
    struct net_rig *r = *state;

    join_quietly(r, groups[0], NULL);
    query(r, old_query(0, 1, NULL));
    rig_wait(r, 11 * VIA_SEC);
    expect_one(r, groups[0], 0x12, 0);
    rig_clear(r);
    leave(r, groups[0], NULL);
    rig_wait(r, 30 * VIA_SEC);
    assert_int_equal(r->sent_count, 0);
}

/* RFC 9776 7.2.1. */
static void change_of_version_cancels_what_waits(void **state) {
    struct net_rig *r = *state;
    uint32_t used;

    join_quietly(r, groups[0], NULL);
    join_quietly(r, others[0], NULL);
    used = via_pool_used(&r->core.net->mcast.groups);
    leave(r, others[0], NULL); /* to be repeated */
    query(r, query3(0, NULL)); /* to be answered */
    rig_clear(r);
    query(r, old_query(0, 2, groups[0]));
    rig_wait(r, 20 * VIA_SEC);
    assert_int_equal(heard(r, others[0], v, 64), 0);
    expect_one(r, groups[0], 0x16, 0);
    assert_int_equal(via_pool_used(&r->core.net->mcast.groups), used - 1);
}

/* A report of version 2, or MLDv1, from another host. */
static void another_host_reports(struct net_rig *r, int six, const char *group) {
    struct via_ip_head h = rig_head(six ? "fe80::3" : "10.0.0.3", group, 0);
    struct via_mcast m = {.kind = VIA_MCAST_REPORT, .version = 2, .group = rig_addr(group)};
    uint8_t b[256], msg[32];
    uint32_t n = (uint32_t)via_mcast_emit(msg, six ? 6 : 4, &m);

    h.proto = six ? IPPROTO_ICMPV6 : IPPROTO_IGMP;
    h.ttl = 1;
    h.flags = VIA_IP_ALERT;
    via_icmp_seal(msg, n, &h);
    assert_int_equal(rig_input(r, b, rig_ip_frame(b, &h, msg, n)).kind, VIA_RX_DONE);
}

/* RFC 2236 3, RFC 2710 4. */
static void report_of_another_host_is_enough(void **state) {
    struct net_rig *r = *state;
    int six;

    for (six = 0; six < 2; six++) {
        join_quietly(r, groups[six], NULL);
        query(r, old_query(six, 2, groups[six]));
        another_host_reports(r, six, groups[six]);
        rig_wait(r, 20 * VIA_SEC);
        assert_int_equal(r->sent_count, 0);
        leave(r, groups[six], NULL); /* he stays: nobody needs to ask */
        rig_wait(r, 20 * VIA_SEC);
        assert_int_equal(r->sent_count, 0);
    }
}

static void report_of_another_host_is_no_excuse_in_version_three(void **state) {
    struct net_rig *r = *state;

    join_quietly(r, groups[0], NULL);
    query(r, query3(0, groups[0]));
    another_host_reports(r, 0, groups[0]);
    rig_wait(r, 5 * VIA_SEC);
    expect_one(r, groups[0], VIA_MCAST_IS_EXCLUDE, 0);
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

static void query_that_comes_from_afar_is_refused(void **state) {
    static const struct {
        const char *src;
        uint8_t ttl;
        bool alert;
    } bad[] = {{"2001:db8::2", 1, true}, {"fe80::2", 64, true}, {"fe80::2", 1, false}};
    struct net_rig *r = *state;
    size_t i;

    join_quietly(r, groups[1], NULL);
    for (i = 0; i < VIA_COUNT(bad); i++)
        assert_int_equal(query_as(r, query3(1, NULL), bad[i].src, bad[i].ttl, bad[i].alert).why, VIA_DROP_IGMP_BAD);
    rig_wait(r, 5 * VIA_SEC);
    assert_int_equal(r->sent_count, 0);
}

static void malformed_queries_are_refused(void **state) {
    struct net_rig *r = *state;
    uint8_t b[256], m[64];
    int six;

    for (six = 0; six < 2; six++) {
        struct via_ip_head h = rig_head(six ? "fe80::2" : "10.0.0.2", six ? "ff02::1" : "224.0.0.1", 0);
        struct rig_query q = query3(six, NULL);
        uint32_t n = (uint32_t)rig_query(m, &q);

        h.proto = six ? IPPROTO_ICMPV6 : IPPROTO_IGMP;
        h.ttl = 1;
        h.flags = VIA_IP_ALERT;
        via_put16(m + n - 2, 1); /* a source that is not there */
        via_icmp_seal(m, n, &h);
        assert_int_equal(rig_input(r, b, rig_ip_frame(b, &h, m, n)).why, VIA_DROP_IGMP_BAD);
        via_put16(m + n - 2, 65535);
        via_icmp_seal(m, n, &h);
        assert_int_equal(rig_input(r, b, rig_ip_frame(b, &h, m, n)).why, VIA_DROP_IGMP_BAD);
        via_put16(m + n - 2, 7); /* checksum left as it is */
        assert_int_equal(rig_input(r, b, rig_ip_frame(b, &h, m, n)).why,
                         six ? VIA_DROP_ICMP_CHECKSUM : VIA_DROP_IGMP_BAD);
    }
    assert_int_equal(r->sent_count, 0);
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
        T(general_query_is_answered_once_for_all_groups),
        T(query_about_a_group_is_answered_for_it_alone),
        T(query_about_a_group_that_is_not_here_is_not_answered),
        T(query_about_sources_is_answered_for_those_wanted),
        T(questions_that_wait_are_merged),
        T(answer_about_everything_answers_later_questions),
        T(response_time_of_zero_is_one_tick),
        T(querier_sets_the_robustness),
        T(old_querier_is_answered_in_his_version),
        T(old_version_is_spoken_for_a_while),
        T(version_three_query_does_not_end_the_old_version),
        T(version_one_knows_no_leave),
        T(change_of_version_cancels_what_waits),
        T(report_of_another_host_is_enough),
        T(report_of_another_host_is_no_excuse_in_version_three),
        T(mld_speaks_without_address_only_before_there_is_one),
        T(igmp_without_address_speaks_as_nobody),
        T(query_that_comes_from_afar_is_refused),
        T(malformed_queries_are_refused),
        T(many_groups_are_told_in_several_messages),
        T(many_sources_are_told_in_several_records),
        T(too_many_groups_are_refused),
        T(nonsense_is_refused),
        T(link_that_came_back_hears_everything_again),
        T(storm_of_joins_and_queries_ends_where_it_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
