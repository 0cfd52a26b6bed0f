/* SPDX-License-Identifier: BSD-2-Clause */
/* deliver_test.c - what waits unread is bounded by its true size, holes and small segments included. */
#include "tcp_duo.h"

#include <errno.h>

static uint64_t frames_used(struct duo *r, int stack) {
    return 4096 - duo_stat(r, stack, "pool_frames", "free");
}

static void tiny_segments_that_nobody_reads_do_not_eat_the_pool(void **state) {
    struct via_tcp_conf conf = VIA_TCP_CONF_INIT;
    struct duo *r = duo_new("tcp_big=off");
    via_sock_t s[2];
    uint64_t before;
    int i;

    (void)state;
    conf.flags = VIA_TCP_NODELAY;
    duo_connect(r, &conf, s);
    duo_run(r, VIA_SEC);
    before = frames_used(r, 1);
    for (i = 0; i < 20000; i++) {
        if (duo_send(r, 0, s[0], 1, 0) != 1)
            duo_run(r, 5 * VIA_MS);
        duo_step(r);
    }
    duo_run(r, VIA_SEC);
    assert_true(duo_info(r, 1, s[1]).rcv_queued > 15000);
    assert_true(frames_used(r, 1) - before < 600);
    assert_int_equal(duo_recv(r, 1, s[1]), (int)r->sent[0]); /* in order, none twice */
    duo_run(r, VIA_SEC);
    assert_true(frames_used(r, 1) <= before + 1);
    duo_end(r);
}

static void sent_packets_are_bounded_as_bytes_are(void **state) {
    struct via_tcp_conf conf = VIA_TCP_CONF_INIT;
    struct duo *r = duo_new("mem_latency=100ms;tcp_big=off");
    via_sock_t s[2];
    uint64_t before;
    int i, n = 0;

    (void)state;
    conf.flags = VIA_TCP_NODELAY;
    duo_connect(r, &conf, s);
    duo_run(r, VIA_SEC);
    before = frames_used(r, 0);
    for (i = 0; i < 5000; i++)
        n += duo_send(r, 0, s[0], 1, 0) == 1;
    assert_true(frames_used(r, 0) - before < 700);
    assert_true(duo_carry(r, 0, s, 1, 60 * VIA_SEC));
    assert_true(n > 5);
    duo_end(r);
}

static void cycles_leave_a_bounded_number_in_time_wait(void **state) {
    struct duo *r = duo_new("tcp_max_time_wait=50;max_tcp=200;port_low=40000;port_high=40149");
    via_sock_t s[2];
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        duo_connect(r, NULL, s);
        assert_int_equal(duo_send(r, 0, s[0], 1, 0), 1);
        assert_int_equal(via_sock_close(r->st[0], s[0], 0), 0);
        duo_run(r, VIA_MS);
        assert_int_equal(duo_recv(r, 1, s[1]), 1);
        assert_int_equal(via_sock_close(r->st[1], s[1], 0), 0);
        duo_run(r, VIA_MS);
        assert_true(duo_stat(r, 0, "tcp", "time_wait") <= 50);
    }
    assert_int_equal(duo_stat(r, 0, "tcp", "time_wait"), 50);
    assert_int_equal(duo_stat(r, 1, "tcp", "connections"), 0);
    assert_int_equal(duo_stat(r, 0, "tcp", "failed"), 0);
    duo_run(r, 61 * VIA_SEC);
    assert_int_equal(duo_stat(r, 0, "tcp", "connections"), 0);
    duo_end(r);
}

static void old_incarnation_makes_way_for_the_same_pair_of_ends(void **state) {
    struct duo *r = duo_new(NULL);
    struct via_ep local = duo_ep(r, 0, 45678), peer = duo_ep(r, 1, DUO_PORT);
    struct via_accepted v;
    via_sock_t s, t;

    (void)state;
    duo_listen(r, NULL);
    assert_int_equal(via_tcp_connect(r->st[0], NULL, &local, &peer, &s), 0);
    duo_run(r, VIA_SEC);
    assert_int_equal(via_accept(r->st[1], r->listener, &v, 1), 1);
    assert_int_equal(via_tcp_connect(r->st[0], NULL, &local, &peer, &t), -EADDRINUSE);
    assert_int_equal(via_sock_close(r->st[1], v.sock, 0), 0); /* the server waits */
    duo_run(r, VIA_SEC);
    assert_int_equal(via_sock_close(r->st[0], s, 0), 0);
    duo_run(r, VIA_SEC);
    assert_int_equal(duo_stat(r, 1, "tcp", "time_wait"), 1);
    assert_int_equal(via_tcp_connect(r->st[0], NULL, &local, &peer, &s), 0);
    duo_run(r, VIA_SEC / 2);
    assert_int_equal(duo_info(r, 0, s).state, VIA_TCP_ESTABLISHED);
    assert_int_equal(duo_stat(r, 1, "tcp", "time_wait"), 0);
    duo_end(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_segments_that_nobody_reads_do_not_eat_the_pool),
        cmocka_unit_test(sent_packets_are_bounded_as_bytes_are),
        cmocka_unit_test(cycles_leave_a_bounded_number_in_time_wait),
        cmocka_unit_test(old_incarnation_makes_way_for_the_same_pair_of_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
