/* SPDX-License-Identifier: BSD-2-Clause */
/* fast_open_test.c - data with the SYN (RFC 7413): cookies asked for, shown, refused; and the way back to a plain SYN. */
#include "tcp_duo.h"

#include <errno.h>

#define RTT (20 * VIA_MS)

static struct duo *fresh(uint32_t quota) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct duo *r = duo_new("mem_latency=10ms;tcp_time_wait=0");

    conf.fast_open = quota;
    duo_listen(r, &conf);
    return r;
}

static via_sock_t connect_fast(struct duo *r) {
    struct via_tcp_conf conf = VIA_TCP_CONF_INIT;
    struct via_ep peer = duo_ep(r, 1, DUO_PORT);
    via_sock_t s;

    conf.flags = VIA_TCP_FAST_OPEN;
    assert_int_equal(via_tcp_connect(r->st[0], &conf, NULL, &peer, &s), 0);
    r->sent[0] = r->got[1] = r->sent[1] = r->got[0] = 0;
    return s;
}

static via_sock_t accept_now(struct duo *r) {
    struct via_accepted v;

    return via_accept(r->st[1], r->listener, &v, 1) == 1 ? v.sock : 0;
}

/* Connects, sends 1000 bytes, and answers as soon as they are there: round trips until the answer is. */
static double ask(struct duo *r, via_sock_t *client) {
    via_ns_t begin = r->now;
    via_sock_t server = 0;

    *client = connect_fast(r);
    assert_int_equal(duo_send(r, 0, *client, 1000, 0), 1000);
    while (r->now - begin < 100 * RTT) {
        duo_run(r, RTT / 20);
        server = server ? server : accept_now(r);
        if (server && duo_recv(r, 1, server) == 1000)
            assert_int_equal(duo_send(r, 1, server, 500, 0), 500);
        if (duo_recv(r, 0, *client) == 500)
            break;
    }
    assert_int_equal(r->got[1], 1000);
    assert_int_equal(r->got[0], 500);
    assert_int_equal(via_sock_close(r->st[1], server, 0), 0);
    return (double)(r->now - begin) / (double)RTT;
}

static void finish(struct duo *r, via_sock_t client) {
    assert_int_equal(via_sock_close(r->st[0], client, 0), 0);
    duo_run(r, 10 * VIA_SEC);
    assert_int_equal(duo_stat(r, 0, "tcp", "connections"), 0);
    assert_int_equal(duo_stat(r, 1, "tcp", "connections"), 0);
}

static void second_connection_saves_a_round_trip(void **state) {
    struct duo *r = fresh(10);
    via_sock_t s;
    double trips;

    (void)state;
    ask(r, &s); /* asks for addresses, and for a cookie */
    assert_int_equal(duo_info(r, 0, s).segs_resent, 0);
    finish(r, s);
    trips = ask(r, &s);
    assert_true(trips < 1.3);
    assert_int_equal(duo_info(r, 0, s).segs_resent, 0);
    finish(r, s);
    duo_end(r);
}

static void listener_without_quota_gives_no_cookies(void **state) {
    struct duo *r = fresh(0);
    via_sock_t s;

    (void)state;
    ask(r, &s);
    finish(r, s);
    assert_true(ask(r, &s) > 1.8);
    finish(r, s);
    duo_end(r);
}

static void quota_bounds_what_is_opened_by_data(void **state) {
    struct duo *r = fresh(1);
    via_sock_t s, a, b;

    (void)state;
    ask(r, &s);
    finish(r, s);
    a = connect_fast(r);
    duo_send(r, 0, a, 100, 0);
    b = connect_fast(r);
    duo_send(r, 0, b, 100, 0);
    duo_run(r, RTT / 2 + VIA_MS);
    assert_true(accept_now(r) != 0);
    assert_int_equal(accept_now(r), 0); /* the second has to shake hands first */
    duo_run(r, 2 * RTT);
    assert_true(accept_now(r) != 0);
    duo_end(r);
}

static void lost_syn_falls_back_to_a_plain_one(void **state) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct duo *r = fresh(10);
    via_sock_t s, server;

    (void)state;
    ask(r, &s);
    finish(r, s);
    imp.seed = 1;
    imp.loss = 1;
    duo_impair(r, 0, &imp);
    s = connect_fast(r);
    duo_send(r, 0, s, 1000, 0);
    duo_run(r, RTT);
    imp.loss = 0;
    duo_impair(r, 0, &imp);
    duo_run(r, 3 * VIA_SEC);
    server = accept_now(r);
    assert_true(server != 0);
    assert_int_equal(duo_recv(r, 1, server), 1000);
    assert_int_equal(duo_info(r, 0, s).state, VIA_TCP_ESTABLISHED);
    assert_int_equal(duo_info(r, 1, server).options & VIA_TCP_HAS_FAST_OPEN, 0);
    duo_end(r);
}

static void connection_without_data_opens_all_the_same(void **state) {
    struct duo *r = fresh(10);
    via_sock_t s;

    (void)state;
    s = connect_fast(r);
    duo_run(r, 3 * RTT);
    assert_true(accept_now(r) != 0);
    assert_int_equal(duo_info(r, 0, s).state, VIA_TCP_ESTABLISHED);
    duo_end(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_connection_saves_a_round_trip),
        cmocka_unit_test(listener_without_quota_gives_no_cookies),
        cmocka_unit_test(quota_bounds_what_is_opened_by_data),
        cmocka_unit_test(lost_syn_falls_back_to_a_plain_one),
        cmocka_unit_test(connection_without_data_opens_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
