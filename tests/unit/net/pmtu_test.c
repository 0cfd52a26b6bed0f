/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "net_rig.h"

#include "net/state.h"

static int setup(void **state) {
    *state = rig_host(NULL, 1);
    return 0;
}

static int teardown(void **state) {
    rig_end(*state);
    return 0;
}

static uint32_t learn(struct net_rig *r, const char *dst, uint32_t mtu, uint32_t sent) {
    struct via_addr a = rig_addr(dst);

    return via_pmtu_learn(&r->core, &a, 1, mtu, sent);
}

static uint32_t get(struct net_rig *r, const char *dst) {
    struct via_addr a = rig_addr(dst);

    return via_pmtu_get(&r->core, &a, 1, 1500);
}

static void what_was_learned_is_used_for_that_destination_alone(void **state) {
    struct net_rig *r = *state;

    assert_int_equal(get(r, "192.0.2.1"), 1500);
    assert_int_equal(learn(r, "192.0.2.1", 1400, 1500), 1400);
    assert_int_equal(learn(r, "2001:db8:9::1", 1300, 1500), 1300);
    assert_int_equal(get(r, "192.0.2.1"), 1400);
    assert_int_equal(get(r, "2001:db8:9::1"), 1300);
    assert_int_equal(get(r, "192.0.2.2"), 1500);
    assert_int_equal(get(r, "2001:db8:9::2"), 1500);
}

static void only_decreases_are_believed(void **state) {
    struct net_rig *r = *state;
    uint32_t gen;

    learn(r, "192.0.2.1", 1400, 1500);
    gen = r->core.net->head.gen;
    assert_int_equal(learn(r, "192.0.2.1", 1450, 1500), 0);
    assert_int_equal(learn(r, "192.0.2.1", 1400, 1500), 0);
    assert_int_equal(r->core.net->head.gen, gen);
    assert_int_equal(learn(r, "192.0.2.1", 1300, 1500), 1300);
    assert_int_not_equal(r->core.net->head.gen, gen);
    assert_int_equal(get(r, "192.0.2.1"), 1300);
}

/* CVE-2004-1060: an MTU of 68. */
static void floors_hold(void **state) {
    struct net_rig *r = *state;

    assert_int_equal(learn(r, "192.0.2.1", 68, 1500), 552);
    assert_int_equal(get(r, "192.0.2.1"), 552);
    assert_int_equal(learn(r, "192.0.2.2", 68, 552), 0);
    assert_int_equal(learn(r, "2001:db8:9::1", 1279, 1500), 0);
    assert_int_equal(get(r, "2001:db8:9::1"), 1500);
    assert_int_equal(learn(r, "2001:db8:9::1", 1280, 1500), 1280);
    assert_int_equal(learn(r, "2001:db8:9::1", 0, 1280), 0);
}

static void mtu_that_the_packet_fitted_is_a_lie(void **state) {
    struct net_rig *r = *state;

    assert_int_equal(learn(r, "2001:db8:9::1", 1400, 1400), 0);
    assert_int_equal(learn(r, "2001:db8:9::1", 4000000000u, 1400), 0);
}

/* RFC 1191 5: old routers do not tell, some tell too much. */
static void silent_router_means_the_next_plateau(void **state) {
    static const uint32_t steps[][2] = {{1500, 1492}, {1492, 1006}, {1006, 552},   {553, 552},
                                        {4000, 2002}, {9000, 8166}, {65535, 32000}};
    struct via_addr a = rig_addr("192.0.2.1");
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(steps); i++) {
        assert_int_equal(via_pmtu_clamp(&a, 0, steps[i][0]), steps[i][1]);
        assert_int_equal(via_pmtu_clamp(&a, steps[i][0], steps[i][0]), steps[i][1]);
    }
}

static void belief_ends_after_its_time(void **state) {
    struct net_rig *r = *state;
    uint32_t gen;

    learn(r, "192.0.2.1", 1400, 1500);
    gen = r->core.net->head.gen;
    rig_wait(r, 600 * VIA_SEC - 1);
    assert_int_equal(get(r, "192.0.2.1"), 1400);
    rig_wait(r, 1);
    assert_int_equal(get(r, "192.0.2.1"), 1500);
    assert_int_not_equal(r->core.net->head.gen, gen);
    assert_int_equal(via_pool_used(&r->core.net->pmtu.entries), 0);
}

static void discovery_can_be_switched_off(void **state) {
    struct net_rig *r = *state;

    r->core.attrs.pmtu = 0;
    assert_int_equal(learn(r, "192.0.2.1", 1400, 1500), 0);
    assert_int_equal(get(r, "192.0.2.1"), 1500);
}

/* CVE-2021-20322: who fills the table puts out anybody, not whom he chooses. */
static void full_table_evicts_at_random(void **state) {
    struct net_rig *r = *state;
    struct via_core *c = &r->core;
    uint32_t i, early = 0, late = 0;

    for (i = 0; i < 2 * VIA_PMTU_MAX; i++) {
        struct via_addr a = via_addr_from4(htonl(0xc0000000 + i));

        assert_int_equal(via_pmtu_learn(c, &a, 1, 1400, 1500), 1400);
        assert_true(via_pool_used(&c->net->pmtu.entries) <= VIA_PMTU_MAX);
    }
    for (i = 0; i < 2 * VIA_PMTU_MAX; i++) {
        struct via_addr a = via_addr_from4(htonl(0xc0000000 + i));
        bool there = via_pmtu_get(c, &a, 1, 1500) == 1400;

        *(i < VIA_PMTU_MAX ? &early : &late) += there;
    }
    assert_int_equal(early + late, VIA_PMTU_MAX);
    assert_true(early > VIA_PMTU_MAX / 5 && early < VIA_PMTU_MAX / 2);
    rig_wait(r, 601 * VIA_SEC);
    assert_int_equal(via_pool_used(&c->net->pmtu.entries), 0);
}

static void what_echo_replies_met_is_theirs_alone(void **state) {
    struct net_rig *r = *state;
    struct via_addr a = rig_addr("fe80::2");
    uint32_t gen = r->core.net->head.gen;

    assert_int_equal(via_pmtu_learn(&r->core, &a, 1 | VIA_PMTU_ECHO, 1300, 1500), 1300);
    assert_int_equal(via_pmtu_get(&r->core, &a, 1 | VIA_PMTU_ECHO, 1500), 1300);
    assert_int_equal(via_pmtu_get(&r->core, &a, 2 | VIA_PMTU_ECHO, 1500), 1500);
    assert_int_equal(via_pmtu_get(&r->core, &a, 1, 1500), 1500);
    assert_int_equal(r->core.net->head.gen, gen);
}

static void path_takes_what_was_learned(void **state) {
    struct net_rig *r = *state;
    struct via_dest d = {.dst = rig_addr("192.0.2.1"), .proto = IPPROTO_UDP};
    struct via_path path;

    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.mtu, 1500);
    learn(r, "192.0.2.1", 1400, 1500);
    assert_false(via_path_valid(&r->core, &path));
    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    assert_int_equal(path.mtu, 1400);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_was_learned_is_used_for_that_destination_alone),
        T(only_decreases_are_believed),
        T(floors_hold),
        T(mtu_that_the_packet_fitted_is_a_lie),
        T(silent_router_means_the_next_plateau),
        T(belief_ends_after_its_time),
        T(discovery_can_be_switched_off),
        T(full_table_evicts_at_random),
        T(what_echo_replies_met_is_theirs_alone),
        T(path_takes_what_was_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
