/* SPDX-License-Identifier: BSD-2-Clause */
/* pipe_test.c - pipes: bytes in order, full and empty, ends, events, buffers by reference. */
#include "tcp_duo.h"

#include <errno.h>

#define ALL (VIA_EV_IN | VIA_EV_SPACE | VIA_EV_EOF | VIA_EV_DONE | VIA_EV_TERMINATED)

struct rig {
    struct duo *r;
    struct via_stack *st;
    via_sock_t s[2]; /* reader, writer */
};

static void rig_open(struct rig *g, uint32_t bytes) {
    struct via_pipe_conf conf = VIA_PIPE_CONF_INIT;

    memset(g, 0, sizeof *g);
    conf.bytes = bytes;
    g->r = duo_new("max_pipes=2");
    g->st = g->r->st[0];
    assert_int_equal(via_pipe_open(g->st, &conf, g->s), 0);
    assert_int_equal(via_epoll_ctl(g->r->set[0], VIA_EPOLL_ADD, g->s[0], ALL, 0), 0);
    assert_int_equal(via_epoll_ctl(g->r->set[0], VIA_EPOLL_ADD, g->s[1], ALL, 1), 0);
}

static ssize_t put(struct rig *g, const void *data, size_t n, unsigned flags) {
    struct iovec v = {(void *)(uintptr_t)data, n};

    return via_pipe_send(g->st, g->s[1], &v, 1, flags);
}

static void bytes_come_out_as_they_went_in(void **state) {
    static uint8_t in[100000], out[100000];
    size_t sent = 0, got = 0, i;
    struct rig g;

    (void)state;
    rig_open(&g, 0);
    for (i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7 + i / 256);
    for (i = 1; sent < sizeof in; i = i * 5 / 3 + 1) {
        size_t n = i < sizeof in - sent ? i : sizeof in - sent;
        ssize_t k;

        assert_int_equal(put(&g, in + sent, n, 0), n);
        sent += n;
        while ((k = via_pipe_recv(g.st, g.s[0], out + got, 777)) > 0)
            got += (size_t)k;
        assert_int_equal(k, -EAGAIN);
    }
    assert_int_equal(got, sent);
    assert_memory_equal(in, out, sizeof in);
    duo_end(g.r);
}

static void full_pipe_refuses_and_promises_space(void **state) {
    static uint8_t buf[20000];
    struct rig g;

    (void)state;
    rig_open(&g, 10000);
    assert_int_equal(put(&g, buf, sizeof buf, VIA_ALL), -EMSGSIZE);
    assert_int_equal(put(&g, buf, sizeof buf, 0), 10000);
    assert_int_equal(put(&g, buf, 1, 0), -EAGAIN);
    assert_int_equal(duo_events(g.r, 0, g.s[1], NULL), 0);
    assert_int_equal(via_pipe_recv(g.st, g.s[0], buf, 5000), 5000);
    assert_int_equal(duo_events(g.r, 0, g.s[1], NULL), VIA_EV_SPACE);
    assert_int_equal(put(&g, buf, 6000, VIA_ALL), -EAGAIN);
    assert_int_equal(put(&g, buf, 6000, 0), 5000);
    duo_end(g.r);
}

static void many_small_writes_are_bounded(void **state) {
    struct rig g;
    uint32_t n = 0;

    (void)state;
    rig_open(&g, 3000);
    while (put(&g, "x", 1, 0) == 1)
        n++;
    assert_int_equal(n, 3000);
    duo_end(g.r);
}

static void closed_writer_is_the_end_behind_all_bytes(void **state) {
    struct rig g;
    char buf[8];

    (void)state;
    rig_open(&g, 0);
    put(&g, "last", 4, 0);
    assert_int_equal(via_sock_close(g.st, g.s[1], 0), 0);
    assert_int_equal(duo_events(g.r, 0, g.s[0], NULL), VIA_EV_IN | VIA_EV_EOF);
    assert_int_equal(via_pipe_recv(g.st, g.s[0], buf, sizeof buf), 4);
    assert_int_equal(via_pipe_recv(g.st, g.s[0], buf, sizeof buf), 0);
    assert_int_equal(via_sock_close(g.st, g.s[0], 0), 0);
    assert_int_equal(via_pipe_recv(g.st, g.s[0], buf, sizeof buf), -EBADF);
    duo_end(g.r);
}

static void closed_reader_breaks_the_pipe(void **state) {
    struct rig g;
    int reason = 0;

    (void)state;
    rig_open(&g, 0);
    put(&g, "lost", 4, 0);
    assert_int_equal(via_sock_close(g.st, g.s[0], 0), 0);
    assert_int_equal(duo_events(g.r, 0, g.s[1], &reason), VIA_EV_TERMINATED);
    assert_int_equal(reason, -EPIPE);
    assert_int_equal(put(&g, "x", 1, 0), -EPIPE);
    duo_end(g.r);
}

static void ends_do_only_what_they_are_for(void **state) {
    struct iovec v = {(void *)(uintptr_t)"x", 1};
    via_sock_t more[2], none[2];
    struct rig g;
    char buf[8];

    (void)state;
    rig_open(&g, 0);
    assert_int_equal(via_pipe_send(g.st, g.s[0], &v, 1, 0), -EOPNOTSUPP);
    assert_int_equal(via_pipe_recv(g.st, g.s[1], buf, 1), -EOPNOTSUPP);
    assert_int_equal(via_pipe_recv(g.st, g.s[0], buf, 1), -EAGAIN);
    assert_int_equal(via_pipe_open(g.st, NULL, more), 0);
    assert_int_equal(via_pipe_open(g.st, NULL, none), -ENOBUFS);
    duo_end(g.r);
}

/* The reader sees the bytes where they were written; the token completes when the last of them are released. */
static void buffers_go_by_reference(void **state) {
    struct via_seg seg;
    struct via_post post = {.seg = &seg, .n = 1, .token = 5};
    struct via_lent lent;
    struct via_done done;
    struct rig g;
    void *data;

    (void)state;
    rig_open(&g, 0);
    assert_int_equal(via_buf_alloc(g.st, 600, &seg), 0);
    data = seg.data;
    memset(data, 'q', 600);
    assert_int_equal(via_zc_send(g.st, g.s[1], &post), 0);
    assert_int_equal(via_zc_recv(g.st, g.s[0], 0, &lent), 1);
    assert_ptr_equal(lent.seg.data, data);
    assert_int_equal(lent.bytes, 600);
    assert_int_equal(via_tx_done(g.st, &done, 1), 0);
    via_buf_release(g.st, &lent.seg.buf, 1);
    assert_int_equal(via_tx_done(g.st, &done, 1), 1);
    assert_int_equal(done.token, 5);
    assert_int_equal(done.status, 0);
    assert_int_equal(via_sock_close(g.st, g.s[1], 0), 0);
    assert_int_equal(via_zc_recv(g.st, g.s[0], 0, &lent), 0);
    assert_true(lent.eof);
    duo_end(g.r);
}

static void inline_post_copies_and_completes_at_once(void **state) {
    char text[] = "hello";
    struct via_seg seg = {.data = text, .len = 5};
    struct via_post post = {.seg = &seg, .n = 1, .token = 9, .flags = VIA_INLINE};
    struct via_done done;
    struct rig g;
    char buf[8];

    (void)state;
    rig_open(&g, 0);
    assert_int_equal(via_zc_send(g.st, g.s[1], &post), 0);
    text[0] = 'j';
    assert_int_equal(via_tx_done(g.st, &done, 1), 1);
    assert_int_equal(done.token, 9);
    assert_int_equal(via_pipe_recv(g.st, g.s[0], buf, sizeof buf), 5);
    assert_memory_equal(buf, "hello", 5);
    duo_end(g.r);
}

static void writes_have_their_place_in_the_order_of_events(void **state) {
    struct via_event ev[4];
    via_sock_t more[2];
    struct iovec v = {(void *)(uintptr_t)"x", 1};
    struct rig g;

    (void)state;
    rig_open(&g, 0);
    assert_int_equal(via_pipe_open(g.st, NULL, more), 0);
    assert_int_equal(via_epoll_ctl(g.r->set[0], VIA_EPOLL_ADD, more[0], ALL, 2), 0);
    put(&g, "a", 1, 0);
    assert_int_equal(via_pipe_send(g.st, more[1], &v, 1, 0), 1);
    put(&g, "b", 1, 0);
    assert_int_equal(via_epoll_poll(g.r->set[0], ev, 4, 0), 3);
    assert_int_equal(ev[0].sock, g.s[0]);
    assert_int_equal(ev[1].sock, more[0]);
    assert_int_equal(ev[2].sock, g.s[0]);
    assert_int_equal(ev[2].bytes, 1);
    assert_true(ev[0].seq < ev[1].seq && ev[1].seq < ev[2].seq);
    duo_end(g.r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in),
        cmocka_unit_test(full_pipe_refuses_and_promises_space),
        cmocka_unit_test(many_small_writes_are_bounded),
        cmocka_unit_test(closed_writer_is_the_end_behind_all_bytes),
        cmocka_unit_test(closed_reader_breaks_the_pipe),
        cmocka_unit_test(ends_do_only_what_they_are_for),
        cmocka_unit_test(buffers_go_by_reference),
        cmocka_unit_test(inline_post_copies_and_completes_at_once),
        cmocka_unit_test(writes_have_their_place_in_the_order_of_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
