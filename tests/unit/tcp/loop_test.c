/* SPDX-License-Identifier: BSD-2-Clause */
/* loop_test.c - two sockets of one stack joined queue to queue; the same program with packets sees the same. */
#include "tcp_duo.h"

#include <errno.h>

#define ALL (VIA_EV_IN | VIA_EV_SPACE | VIA_EV_ERR | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_DONE | VIA_EV_TERMINATED)

/* One stack of a pair, by itself. */
struct one {
    struct duo *r;
    struct via_stack *st;
    struct via_epoll *set;
    via_sock_t listener, s[2];
};

static void one_listen(struct one *o, const struct via_listen_conf *conf) {
    struct via_ep any = via_ep_any(VIA_AF_ANY, DUO_PORT);

    assert_int_equal(via_listen(o->st, conf, &any, &o->listener), 0);
    assert_int_equal(via_epoll_ctl(o->set, VIA_EPOLL_ADD, o->listener, VIA_EV_ACCEPT, 0), 0);
}

static void one_open(struct one *o, const char *attr) {
    memset(o, 0, sizeof *o);
    o->r = duo_new(attr);
    o->st = o->r->st[0];
    o->set = o->r->set[0];
}

static void step(struct one *o) {
    o->r->now += VIA_US;
    via_stack_poll_at(o->st, o->r->now, 0, NULL);
}

static void one_connect(struct one *o, const char *attr) {
    struct via_accepted v;
    struct via_ep peer;
    int i;

    one_open(o, attr);
    one_listen(o, NULL);
    peer = duo_ep(o->r, 0, DUO_PORT);
    assert_int_equal(via_tcp_connect(o->st, NULL, NULL, &peer, &o->s[0]), 0);
    assert_int_equal(via_epoll_ctl(o->set, VIA_EPOLL_ADD, o->s[0], ALL, 0), 0);
    for (i = 0; i < 5 && via_accept(o->st, o->listener, &v, 1) != 1; i++)
        step(o);
    assert_true(i < 5);
    o->s[1] = v.sock;
    assert_int_equal(via_epoll_ctl(o->set, VIA_EPOLL_ADD, o->s[1], ALL, 1), 0);
}

static ssize_t put(struct one *o, int end, const char *text) {
    struct iovec v = {(void *)(uintptr_t)text, strlen(text)};

    return via_tcp_send(o->st, o->s[end], &v, 1, 0);
}

static unsigned events(struct one *o, via_sock_t s, int *reason) {
    struct via_event ev;
    unsigned what = 0;

    while (via_stack_pending(o->st) && via_epoll_poll(o->set, &ev, 1, 0) == 1)
        if (ev.sock == s) {
            what |= ev.what;
            if (reason && ev.reason)
                *reason = ev.reason;
        }
    return what;
}

static void both_ends_are_joined_without_a_segment(void **state) {
    struct via_ep local, peer;
    struct one o;
    char buf[16];

    (void)state;
    one_connect(&o, NULL);
    assert_int_equal(events(&o, o.s[0], NULL) & VIA_EV_CONNECTED, VIA_EV_CONNECTED);
    assert_int_equal(via_sock_names(o.st, o.s[1], &local, &peer), 0);
    assert_int_equal(local.port, DUO_PORT);
    assert_int_equal(duo_info(o.r, 0, o.s[0]).state, VIA_TCP_ESTABLISHED);
    assert_int_equal(duo_info(o.r, 0, o.s[1]).state, VIA_TCP_ESTABLISHED);
    assert_int_equal(put(&o, 0, "hello"), 5);
    assert_int_equal(via_tcp_recv(o.st, o.s[1], buf, sizeof buf, 0), -EAGAIN);
    step(&o);
    assert_int_equal(via_tcp_recv(o.st, o.s[1], buf, sizeof buf, 0), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(put(&o, 1, "answer"), 6);
    step(&o);
    assert_int_equal(via_tcp_recv(o.st, o.s[0], buf, sizeof buf, 0), 6);
    assert_int_equal(duo_stat(o.r, 0, "tcp", "joined"), 1);
    assert_int_equal(duo_stat(o.r, 0, "tcp", "tx_segments"), 0);
    duo_end(o.r);
}

static void nobody_listens_and_the_connection_is_refused(void **state) {
    struct via_ep peer;
    struct one o;
    int reason = 0;

    (void)state;
    one_open(&o, NULL);
    peer = duo_ep(o.r, 0, DUO_PORT);
    assert_int_equal(via_tcp_connect(o.st, NULL, NULL, &peer, &o.s[0]), 0);
    assert_int_equal(via_epoll_ctl(o.set, VIA_EPOLL_ADD, o.s[0], ALL, 0), 0);
    step(&o);
    assert_int_equal(events(&o, o.s[0], &reason), VIA_EV_TERMINATED);
    assert_int_equal(reason, -ECONNREFUSED);
    assert_int_equal(via_sock_close(o.st, o.s[0], 0), 0);
    assert_int_equal(duo_stat(o.r, 0, "tcp", "connections"), 0);
    duo_end(o.r);
}

static void full_backlog_makes_the_connection_wait(void **state) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct via_accepted v[4];
    struct via_ep peer;
    struct one o;

    (void)state;
    one_open(&o, NULL);
    conf.backlog = 1;
    one_listen(&o, &conf);
    peer = duo_ep(o.r, 0, DUO_PORT);
    assert_int_equal(via_tcp_connect(o.st, NULL, NULL, &peer, &o.s[0]), 0);
    assert_int_equal(via_tcp_connect(o.st, NULL, NULL, &peer, &o.s[1]), 0);
    step(&o);
    assert_int_equal(duo_info(o.r, 0, o.s[0]).state, VIA_TCP_ESTABLISHED);
    assert_int_equal(duo_info(o.r, 0, o.s[1]).state, VIA_TCP_SYN_SENT);
    assert_int_equal(via_accept(o.st, o.listener, v, 4), 1);
    duo_run(o.r, 2 * VIA_SEC);
    assert_int_equal(duo_info(o.r, 0, o.s[1]).state, VIA_TCP_ESTABLISHED);
    assert_int_equal(via_accept(o.st, o.listener, v, 4), 1);
    duo_end(o.r);
}

static void backlog_that_stays_full_times_out(void **state) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct via_ep peer;
    struct one o;
    int reason = 0;

    (void)state;
    one_open(&o, NULL);
    conf.backlog = 1;
    one_listen(&o, &conf);
    peer = duo_ep(o.r, 0, DUO_PORT);
    assert_int_equal(via_tcp_connect(o.st, NULL, NULL, &peer, &o.s[0]), 0);
    assert_int_equal(via_tcp_connect(o.st, NULL, NULL, &peer, &o.s[1]), 0);
    assert_int_equal(via_epoll_ctl(o.set, VIA_EPOLL_ADD, o.s[1], ALL, 0), 0);
    duo_run(o.r, 1000 * VIA_SEC);
    assert_int_equal(events(&o, o.s[1], &reason), VIA_EV_TERMINATED);
    assert_int_equal(reason, -ETIMEDOUT);
    duo_end(o.r);
}

/* Sends until nothing goes any more, with polls between. */
static void stuff(struct one *o) {
    int idle = 0;

    while (idle < 3) {
        idle = duo_send(o->r, 0, o->s[0], 7000, 0) > 0 ? 0 : idle + 1;
        step(o);
    }
}

static void receiver_that_does_not_read_holds_the_sender_back(void **state) {
    struct one o;

    (void)state;
    one_connect(&o, "tcp_rcvbuf=50000;tcp_sndbuf=30000");
    stuff(&o);
    assert_int_equal(duo_send(o.r, 0, o.s[0], 1, 0), -EAGAIN);
    assert_in_range(o.r->sent[0], 50000, 80000);
    assert_int_equal(duo_info(o.r, 0, o.s[1]).rcv_queued + duo_info(o.r, 0, o.s[0]).snd_unsent, o.r->sent[0]);
    events(&o, o.s[0], NULL);
    assert_true(duo_recv(o.r, 0, o.s[1]) > 0);
    step(&o);
    assert_int_equal(events(&o, o.s[0], NULL), VIA_EV_SPACE);
    assert_true(duo_recv(o.r, 0, o.s[1]) > 0);
    assert_int_equal(o.r->got[0], o.r->sent[0]);
    duo_end(o.r);
}

static void odd_sizes_arrive_byte_for_byte(void **state) {
    struct one o;
    size_t n;

    (void)state;
    one_connect(&o, "tcp_rcvbuf=30000;tcp_sndbuf=90000");
    for (n = 1; n < 80000; n = n * 7 / 5 + 1) {
        assert_int_equal(duo_send(o.r, 0, o.s[0], n, VIA_ALL), n);
        while (o.r->got[0] < o.r->sent[0]) {
            step(&o);
            assert_true(duo_recv(o.r, 0, o.s[1]) > 0);
        }
    }
    duo_end(o.r);
}

static void half_closed_connection_carries_data_the_other_way(void **state) {
    struct one o;
    char buf[8];

    (void)state;
    one_connect(&o, NULL);
    put(&o, 0, "last");
    assert_int_equal(via_tcp_shutdown(o.st, o.s[0]), 0);
    assert_int_equal(put(&o, 0, "x"), -EPIPE);
    step(&o);
    assert_int_equal(events(&o, o.s[1], NULL) & VIA_EV_EOF, VIA_EV_EOF);
    assert_int_equal(via_tcp_recv(o.st, o.s[1], buf, sizeof buf, 0), 4);
    assert_int_equal(via_tcp_recv(o.st, o.s[1], buf, sizeof buf, 0), 0);
    assert_int_equal(put(&o, 1, "back"), 4);
    step(&o);
    assert_int_equal(via_tcp_recv(o.st, o.s[0], buf, sizeof buf, 0), 4);
    assert_int_equal(via_sock_close(o.st, o.s[1], 0), 0);
    step(&o);
    assert_int_equal(via_tcp_recv(o.st, o.s[0], buf, sizeof buf, 0), 0);
    assert_int_equal(via_tcp_shutdown(o.st, o.s[0]), 0);
    assert_int_equal(via_sock_close(o.st, o.s[0], 0), 0);
    step(&o);
    assert_int_equal(duo_stat(o.r, 0, "tcp", "connections"), 0);
    assert_int_equal(duo_stat(o.r, 0, "tcp", "time_wait"), 0);
    duo_end(o.r);
}

static void orphan_still_delivers_what_it_had_queued(void **state) {
    struct one o;

    (void)state;
    one_connect(&o, "tcp_rcvbuf=20000;tcp_sndbuf=60000");
    stuff(&o);
    assert_int_equal(via_sock_close(o.st, o.s[0], 0), 0);
    while (o.r->got[0] < o.r->sent[0]) {
        step(&o);
        assert_true(duo_recv(o.r, 0, o.s[1]) > 0);
    }
    step(&o);
    assert_int_equal(duo_recv(o.r, 0, o.s[1]), 0);
    assert_int_equal(via_sock_close(o.st, o.s[1], 0), 0);
    step(&o);
    step(&o);
    assert_int_equal(duo_stat(o.r, 0, "tcp", "connections"), 0);
    assert_int_equal(duo_stat(o.r, 0, "tcp", "orphans"), 0);
    duo_end(o.r);
}

static void abort_resets_the_other_end_behind_what_was_sent(void **state) {
    struct one o;
    char buf[8];
    int reason = 0;

    (void)state;
    one_connect(&o, NULL);
    put(&o, 0, "data");
    assert_int_equal(via_sock_close(o.st, o.s[0], VIA_ABORT), 0);
    step(&o);
    assert_int_equal(events(&o, o.s[1], &reason) & VIA_EV_TERMINATED, VIA_EV_TERMINATED);
    assert_int_equal(reason, -ECONNRESET);
    assert_int_equal(via_tcp_recv(o.st, o.s[1], buf, sizeof buf, 0), 4);
    assert_int_equal(via_tcp_recv(o.st, o.s[1], buf, sizeof buf, 0), -ECONNRESET);
    assert_int_equal(put(&o, 1, "x"), -ECONNRESET);
    duo_end(o.r);
}

static void data_for_a_closed_end_resets_the_sender(void **state) {
    struct one o;
    int reason = 0;

    (void)state;
    one_connect(&o, NULL);
    assert_int_equal(via_sock_close(o.st, o.s[1], 0), 0);
    step(&o);
    assert_int_equal(put(&o, 0, "x"), 1);
    step(&o);
    assert_int_equal(events(&o, o.s[0], &reason) & VIA_EV_TERMINATED, VIA_EV_TERMINATED);
    assert_int_equal(reason, -ECONNRESET);
    step(&o);
    assert_int_equal(via_sock_close(o.st, o.s[0], 0), 0);
    assert_int_equal(duo_stat(o.r, 0, "tcp", "connections"), 0);
    duo_end(o.r);
}

static void closed_listener_resets_who_was_not_accepted(void **state) {
    struct via_ep peer;
    struct one o;
    int reason = 0;

    (void)state;
    one_open(&o, NULL);
    one_listen(&o, NULL);
    peer = duo_ep(o.r, 0, DUO_PORT);
    assert_int_equal(via_tcp_connect(o.st, NULL, NULL, &peer, &o.s[0]), 0);
    assert_int_equal(via_epoll_ctl(o.set, VIA_EPOLL_ADD, o.s[0], ALL, 0), 0);
    step(&o);
    assert_int_equal(via_sock_close(o.st, o.listener, 0), 0);
    step(&o);
    assert_int_equal(events(&o, o.s[0], &reason) & VIA_EV_TERMINATED, VIA_EV_TERMINATED);
    assert_int_equal(reason, -ECONNRESET);
    duo_end(o.r);
}

static void deferred_connection_is_offered_with_its_data(void **state) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct via_accepted v;
    struct via_ep peer;
    struct one o;

    (void)state;
    one_open(&o, NULL);
    conf.defer = 1;
    one_listen(&o, &conf);
    peer = duo_ep(o.r, 0, DUO_PORT);
    assert_int_equal(via_tcp_connect(o.st, NULL, NULL, &peer, &o.s[0]), 0);
    step(&o);
    assert_int_equal(via_accept(o.st, o.listener, &v, 1), -EAGAIN);
    put(&o, 0, "now");
    step(&o);
    assert_int_equal(via_accept(o.st, o.listener, &v, 1), 1);
    assert_int_equal(v.bytes, 3);
    duo_end(o.r);
}

/* The receiver sees the very bytes that were posted; the token completes when it has released them. */
static void posted_buffer_goes_by_reference(void **state) {
    struct via_post post = {.n = 1, .token = 77};
    struct via_seg seg;
    struct via_lent lent;
    struct via_done done;
    struct one o;
    void *data;

    (void)state;
    one_connect(&o, NULL);
    assert_int_equal(via_buf_alloc(o.st, 1000, &seg), 0);
    data = seg.data;
    memset(data, 'z', 1000);
    post.seg = &seg;
    assert_int_equal(via_zc_send(o.st, o.s[0], &post), 0);
    step(&o);
    assert_int_equal(via_zc_recv(o.st, o.s[1], 0, &lent), 1);
    assert_ptr_equal(lent.seg.data, data);
    assert_int_equal(lent.bytes, 1000);
    assert_int_equal(via_tx_done(o.st, &done, 1), 0);
    via_buf_release(o.st, &lent.seg.buf, 1);
    assert_int_equal(via_tx_done(o.st, &done, 1), 1);
    assert_int_equal(done.token, 77);
    assert_int_equal(done.status, 0);
    duo_end(o.r);
}

static void two_that_connect_to_each_other_meet(void **state) {
    struct via_ep a, b;
    struct one o;
    char buf[4];

    (void)state;
    one_open(&o, NULL);
    a = duo_ep(o.r, 0, 1111);
    b = duo_ep(o.r, 0, 2222);
    assert_int_equal(via_tcp_connect(o.st, NULL, &a, &b, &o.s[0]), 0);
    assert_int_equal(via_tcp_connect(o.st, NULL, &b, &a, &o.s[1]), 0);
    duo_run(o.r, VIA_SEC);
    assert_int_equal(put(&o, 0, "hi"), 2);
    duo_run(o.r, VIA_SEC);
    assert_int_equal(via_tcp_recv(o.st, o.s[1], buf, sizeof buf, 0), 2);
    duo_end(o.r);
}

static void events_come_in_the_order_of_sending(void **state) {
    struct via_event ev[8];
    struct one o;
    int n;

    (void)state;
    one_connect(&o, NULL);
    step(&o);
    events(&o, 0, NULL);
    put(&o, 1, "b");
    put(&o, 0, "a");
    step(&o);
    n = via_epoll_poll(o.set, ev, 8, 0);
    assert_int_equal(n, 2);
    assert_int_equal(ev[0].sock, o.s[0]);
    assert_int_equal(ev[1].sock, o.s[1]);
    assert_int_equal(ev[1].seq, ev[0].seq + 1);
    duo_end(o.r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_are_joined_without_a_segment),
        cmocka_unit_test(nobody_listens_and_the_connection_is_refused),
        cmocka_unit_test(full_backlog_makes_the_connection_wait),
        cmocka_unit_test(backlog_that_stays_full_times_out),
        cmocka_unit_test(receiver_that_does_not_read_holds_the_sender_back),
        cmocka_unit_test(odd_sizes_arrive_byte_for_byte),
        cmocka_unit_test(half_closed_connection_carries_data_the_other_way),
        cmocka_unit_test(orphan_still_delivers_what_it_had_queued),
        cmocka_unit_test(abort_resets_the_other_end_behind_what_was_sent),
        cmocka_unit_test(data_for_a_closed_end_resets_the_sender),
        cmocka_unit_test(closed_listener_resets_who_was_not_accepted),
        cmocka_unit_test(deferred_connection_is_offered_with_its_data),
        cmocka_unit_test(posted_buffer_goes_by_reference),
        cmocka_unit_test(two_that_connect_to_each_other_meet),
        cmocka_unit_test(events_come_in_the_order_of_sending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
