/* SPDX-License-Identifier: BSD-2-Clause */
/* tune_test.c - buffers that follow the round trips, and the times that each limit held the sender back. */
#include "tcp/tune.h"
#include "tcp_duo.h"

static void buffer_is_twice_what_a_round_trip_brought(void **state) {
    struct via_tune u = {0};

    (void)state;
    assert_int_equal(via_tune_read(&u, VIA_SEC, 1000, 10 * VIA_MS), 0);
    assert_int_equal(via_tune_read(&u, VIA_SEC + 9 * VIA_MS, 1000, 10 * VIA_MS), 0);
    assert_int_equal(via_tune_read(&u, VIA_SEC + 10 * VIA_MS, 1000, 10 * VIA_MS), 6000);
    assert_int_equal(via_tune_read(&u, VIA_SEC + 20 * VIA_MS, 3000, 10 * VIA_MS), 0); /* no more than before */
    assert_int_equal(via_tune_read(&u, VIA_SEC + 30 * VIA_MS, 3001, 10 * VIA_MS), 6002);
}

static void own_timestamps_tell_the_round_trip(void **state) {
    struct via_tune u = {0};

    (void)state;
    via_tune_sample(&u, 80 * VIA_MS);
    via_tune_sample(&u, 40 * VIA_MS);
    via_tune_sample(&u, 80 * VIA_MS);
    assert_int_equal(u.rtt, 45 * VIA_MS);
    assert_int_equal(via_tune_read(&u, VIA_SEC, 1000, VIA_MS), 0);
    assert_int_equal(via_tune_read(&u, VIA_SEC + 44 * VIA_MS, 1000, VIA_MS), 0);
    assert_int_equal(via_tune_read(&u, VIA_SEC + 45 * VIA_MS, 1, VIA_MS), 4002);
}

static void limits_add_up(void **state) {
    struct via_limits l = {0};

    (void)state;
    via_limits_now(&l, 100, VIA_LIMIT_CWND);
    via_limits_now(&l, 150, VIA_LIMIT_RWND);
    via_limits_now(&l, 170, VIA_LIMIT_NONE);
    via_limits_now(&l, 200, VIA_LIMIT_CWND);
    assert_int_equal(via_limits_time(&l, 210, VIA_LIMIT_CWND), 60);
    assert_int_equal(via_limits_time(&l, 210, VIA_LIMIT_RWND), 20);
    assert_int_equal(via_limits_time(&l, 210, VIA_LIMIT_RING), 0);
}

static uint64_t rate_over(const char *attr, uint32_t rcvbuf, uint32_t *buf) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct duo *r = duo_new(attr);
    via_sock_t s[2];
    via_ns_t begin;
    uint64_t rate;

    conf.rcvbuf = rcvbuf;
    duo_listen(r, &conf);
    duo_connect(r, NULL, s);
    begin = r->now;
    assert_true(duo_carry(r, 0, s, 40u << 20, 3600 * VIA_SEC));
    rate = (40ull << 20) * 1000 / ((r->now - begin) / VIA_MS);
    *buf = duo_info(r, 1, s[1]).rcv_buf;
    duo_end(r);
    return rate;
}

static void long_path_gets_larger_buffers(void **state) {
    const char *attr = "mem_latency=25ms;frames=16384;tx_ring=4096;rx_ring=4096";
    uint32_t buf;
    uint64_t fixed, tuned;

    (void)state;
    fixed = rate_over(attr, 256 << 10, &buf);
    assert_int_equal(buf, 256 << 10);
    tuned = rate_over(attr, 0, &buf);
    assert_true(buf > 1u << 20);
    assert_true(tuned > 4 * fixed);
}

static void info_tells_what_held_the_sender_back(void **state) {
    struct duo *r = duo_new("mem_latency=10ms");
    struct via_tcp_info i;
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    duo_run(r, VIA_SEC);
    assert_true(duo_carry(r, 0, s, 1u << 20, 60 * VIA_SEC));
    i = duo_info(r, 0, s[0]);
    assert_true(i.limited_cwnd > 20 * VIA_MS); /* slow start */
    assert_true(i.limited_app >= VIA_SEC);
    while (duo_send(r, 0, s[0], 1 << 16, 0) > 0 || duo_info(r, 0, s[0]).snd_unsent < 1000)
        duo_run(r, 50 * VIA_MS); /* nobody reads */
    duo_run(r, VIA_SEC);
    i = duo_info(r, 0, s[0]);
    assert_true(i.limited_rwnd > VIA_SEC / 2);
    duo_end(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_is_twice_what_a_round_trip_brought),
        cmocka_unit_test(own_timestamps_tell_the_round_trip),
        cmocka_unit_test(limits_add_up),
        cmocka_unit_test(long_path_gets_larger_buffers),
        cmocka_unit_test(info_tells_what_held_the_sender_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
