/* SPDX-License-Identifier: BSD-2-Clause */
#include "mcast_rig.h"

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

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
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
        T(query_that_comes_from_afar_is_refused),
        T(malformed_queries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
