/* SPDX-License-Identifier: BSD-2-Clause */
/* mtu_test.c - the search by itself, over paths that lose what is too long and say nothing. */
#include "tcp_duo.h"

#include "tcp/mtu.h"

#define EVERY (600 * VIA_SEC)

/* Searches until nothing is left to try; returns how many probes that took. */
static unsigned search(struct via_mtu *m, uint32_t path, uint32_t most, via_ns_t now) {
    unsigned n = 0;
    uint32_t size;

    while ((size = via_mtu_next(m, most, now)) && n < 1000) {
        assert_in_range(size, m->low + 1, most);
        via_mtu_sent(m, size, 0, size);
        assert_int_equal(via_mtu_next(m, most, now), 0);
        if (size <= path)
            via_mtu_passed(m, now, EVERY);
        else
            via_mtu_lost(m, now, EVERY);
        n++;
    }
    return n;
}

static void every_path_is_found_within_a_step(void **state) {
    uint32_t path;

    (void)state;
    for (path = 1200; path <= 9000; path++) {
        struct via_mtu m;
        unsigned n;

        via_mtu_begin(&m, 1200, UINT32_MAX);
        n = search(&m, path, 9000, VIA_SEC);
        assert_true(m.low <= path && path < m.low + VIA_MTU_STEP);
        assert_true(n <= 20);
    }
}

static void what_the_path_is_said_to_take_is_tried_first(void **state) {
    struct via_mtu m;

    (void)state;
    via_mtu_begin(&m, 1200, UINT32_MAX);
    assert_int_equal(via_mtu_next(&m, 1500, VIA_SEC), 1500);
    via_mtu_sent(&m, 1500, 1, 1461);
    via_mtu_passed(&m, VIA_SEC, EVERY);
    assert_int_equal(m.low, 1500);
    assert_int_equal(via_mtu_next(&m, 1500, VIA_SEC), 0);
}

static void single_loss_is_not_believed(void **state) {
    struct via_mtu m;

    (void)state;
    via_mtu_begin(&m, 1200, UINT32_MAX);
    via_mtu_sent(&m, 1500, 1, 1461);
    via_mtu_lost(&m, VIA_SEC, EVERY);
    assert_int_equal(via_mtu_next(&m, 1500, VIA_SEC), 1500);
    via_mtu_sent(&m, 1500, 1, 1461);
    via_mtu_lost(&m, VIA_SEC, EVERY);
    assert_int_equal(via_mtu_next(&m, 1500, VIA_SEC), 1350);
}

static void search_begins_anew_after_a_long_time(void **state) {
    struct via_mtu m;

    (void)state;
    via_mtu_begin(&m, 1200, UINT32_MAX);
    search(&m, 1300, 1500, VIA_SEC);
    assert_in_range(m.low, 1269, 1300);
    assert_int_equal(via_mtu_next(&m, 1500, 500 * VIA_SEC), 0);
    assert_int_equal(via_mtu_next(&m, 1500, 602 * VIA_SEC), 1500);
    search(&m, 1500, 1500, 602 * VIA_SEC);
    assert_int_equal(m.low, 1500);
}

static void path_that_is_said_to_be_small_is_not_probed(void **state) {
    struct via_mtu m;

    (void)state;
    via_mtu_begin(&m, 1200, UINT32_MAX);
    assert_int_equal(via_mtu_next(&m, 1200, VIA_SEC), 0);
    assert_int_equal(via_mtu_next(&m, 1000, VIA_SEC), 0);
}

static uint32_t carried(const char *attr, double loss) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct duo *r = duo_new(attr);
    via_sock_t s[2];
    uint32_t mtu;

    duo_connect(r, NULL, s);
    imp.seed = 9;
    imp.loss = loss;
    duo_impair(r, 0, &imp);
    assert_true(duo_carry(r, 0, s, 2u << 20, 1000 * VIA_SEC));
    mtu = duo_info(r, 0, s[0]).pmtu;
    duo_end(r);
    return mtu;
}

static void search_from_the_start_ends_at_what_the_link_takes(void **state) {
    (void)state;
    assert_int_equal(carried("tcp_mtu_probing=2;mem_latency=2ms;tcp_big=off", 0), 1500);
    assert_int_equal(carried("tcp_mtu_probing=2;mem_latency=2ms;tcp_big=off;mem_mtu=4000", 0), 4000);
    assert_int_equal(carried("tcp_mtu_probing=0;mem_latency=2ms;tcp_big=off", 0), 1500);
}

static void bytes_survive_probes_and_loss(void **state) {
    (void)state;
    carried("tcp_mtu_probing=2;mem_latency=2ms;tcp_big=off;checksum=2", 0.05);
    carried("tcp_mtu_probing=2;mem_latency=2ms;tcp_big=off;tcp_sack=off", 0.05);
    carried("tcp_mtu_probing=2;mem_latency=2ms;tcp_big=off;mem_mtu=9000;tcp_cc=2", 0.05);
    carried("tcp_mtu_probing=2;mem_latency=2ms;tcp_ecn=2;tcp_pacing=2", 0.05);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_is_found_within_a_step),
        cmocka_unit_test(what_the_path_is_said_to_take_is_tried_first),
        cmocka_unit_test(single_loss_is_not_believed),
        cmocka_unit_test(search_begins_anew_after_a_long_time),
        cmocka_unit_test(path_that_is_said_to_be_small_is_not_probed),
        cmocka_unit_test(search_from_the_start_ends_at_what_the_link_takes),
        cmocka_unit_test(bytes_survive_probes_and_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
