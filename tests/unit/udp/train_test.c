/* SPDX-License-Identifier: BSD-2-Clause */
/* train_test.c - VIA_DGRAM_CUT: one entry of a batch becomes many datagrams. */
#include "desk.h"

#include <errno.h>

#define A    "10.0.1.1"
#define PEER "10.0.1.2"

static struct desk *b;
static struct desk_port *port;
static via_sock_t s;
static uint8_t bytes[65507];
static uint64_t first;

static int set_up(void **state) {
    size_t i;

    (void)state;
    b = desk_new_as(1, "frames=256;tx_ring=64;rx_ring=64", 0, 1500);
    port = &b->port[1];
    s = desk_connected(b, A ":5", PEER ":7");
    desk_poll(b);
    first = port->sent_n;
    for (i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_poll(b);
    assert_int_equal(desk_stat(b, "stack", "held"), 0);
    assert_int_equal(desk_frames_used(b), 0);
    desk_end(b);
    return 0;
}

static int cut(uint32_t len, uint32_t each, uint64_t token) {
    struct iovec iov[3] = {{bytes, len / 3}, {bytes + len / 3, 0}, {bytes + len / 3, len - len / 3}};
    struct via_dgram d = {.iov = iov, .iovcnt = 3, .flags = VIA_DGRAM_CUT, .bytes = each, .token = token};

    return via_udp_send(b->st, s, &d, 1, VIA_FLUSH);
}

/* Checks that `len` bytes went out in datagrams of `each`. */
static void expect_train(uint32_t len, uint32_t each) {
    uint32_t at = 0, n;
    const uint8_t *data;
    uint64_t i = first;

    for (; at < len; at += n) {
        assert_true(i < port->sent_n);
        n = desk_payload(desk_sent(b, 1, i++), &data);
        assert_int_equal(n, len - at < each ? len - at : each);
        assert_memory_equal(data, bytes + at, n);
    }
    assert_int_equal(i, port->sent_n);
}

static void refused(int got, int err) {
    assert_int_equal(got, err);
    assert_true(strlen(via_why(b->st)) > 10);
    assert_int_equal(port->sent_n, first);
    assert_int_equal(desk_frames_used(b), 0);
}

static void entry_is_cut_into_equal_datagrams_and_a_rest(void **state) {
    (void)state;
    assert_int_equal(cut(10000, 1000, 0), 1);
    expect_train(10000, 1000);
    first = port->sent_n;
    desk_poll(b);
    assert_int_equal(cut(1001, 500, 0), 1);
    expect_train(1001, 500);
}

static void what_fits_into_one_is_one(void **state) {
    (void)state;
    assert_int_equal(cut(700, 700, 0), 1);
    expect_train(700, 700);
    first = port->sent_n;
    assert_int_equal(cut(0, 700, 0), 1);
    assert_int_equal(port->sent_n, first + 1);
}

static void buffer_chain_is_cut_and_given_up(void **state) {
    struct via_dgram d = {.flags = VIA_DGRAM_CUT, .bytes = 1400};
    struct via_seg part;
    uint32_t at = 0;

    (void)state;
    assert_int_equal(via_buf_alloc(b->st, 20000, &d.seg), 0);
    part = d.seg;
    do {
        memcpy(part.data, bytes + at, part.len);
        at += part.len;
    } while (via_buf_next(b->st, &part, &part) == 0);
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_FLUSH), 1);
    expect_train(20000, 1400);
    assert_int_equal(desk_stat(b, "stack", "held"), 0);
}

static void train_has_one_token(void **state) {
    struct via_done done;

    (void)state;
    port->reap = 0;
    assert_int_equal(cut(5000, 1000, 8), 1);
    port->reap = 4;
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, &done, 1), 0); /* its last datagram is still out */
    port->reap = DESK_ALL;
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
    assert_int_equal(done.token, 8);
    assert_int_equal(via_tx_done(b->st, &done, 1), 0);
}

static void train_to_ourselves_arrives_whole(void **state) {
    via_sock_t r = desk_open(b, A ":6");
    struct iovec iov = {bytes, 2500};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .flags = VIA_DGRAM_CUT, .bytes = 1000, .token = 3};
    struct via_done done;
    uint8_t out[1500];

    (void)state;
    assert_int_equal(
        via_udp_connect(b->st, s, &(struct via_ep){.family = VIA_AF_4, .addr = desk_ep(A ":6").addr, .port = 6}), 0);
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    desk_poll(b);
    assert_int_equal(desk_read(b, r, out, sizeof out), 1000);
    assert_int_equal(desk_read(b, r, out, sizeof out), 1000);
    assert_int_equal(desk_read(b, r, out, sizeof out), 500);
    assert_memory_equal(out, bytes + 2000, 500);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
}

static void train_goes_whole_or_not_at_all(void **state) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct via_epoll *o;
    struct via_event ev;
    uint64_t n;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, &conf, &o), 0);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_ADD, s, VIA_EV_SPACE, 0), 0);
    port->tx_room = 0;
    for (n = 0; n < 40; n++)
        assert_int_equal(desk_send(b, s, NULL, 4, 1), 1);
    assert_int_equal(cut(30000, 1000, 1), -EAGAIN); /* 24 of 30 would fit */
    assert_int_equal(desk_frames_used(b), 40);
    port->tx_room = DESK_ALL;
    desk_poll(b);
    assert_int_equal(port->sent_n, first + 40);
    first = port->sent_n;
    assert_int_equal(via_epoll_poll(o, &ev, 1, 0), 1);
    assert_int_equal(ev.what, VIA_EV_SPACE);
    assert_int_equal(cut(30000, 1000, 0), 1);
    expect_train(30000, 1000);
}

static void train_that_the_pool_cannot_hold_takes_nothing(void **state) {
    struct via_seg held[256];
    unsigned n = 0, i;

    (void)state;
    while (via_buf_alloc(b->st, 10, &held[n]) == 0)
        n++;
    for (i = 0; i < 5; i++)
        via_buf_release(b->st, &held[--n].buf, 1);
    assert_int_equal(cut(10000, 1000, 1), -ENOBUFS);
    assert_int_equal(desk_frames_used(b), n);
    assert_int_equal(cut(3000, 1000, 0), 1);
    expect_train(3000, 1000);
    for (i = 0; i < n; i++)
        via_buf_release(b->st, &held[i].buf, 1);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    refused(cut(1000, 0, 0), -EINVAL);
    refused(cut(65 * 10, 10, 0), -EMSGSIZE); /* 65 of them */
    refused(cut(5000, 1473, 0), -EMSGSIZE);  /* a part is longer than the path takes */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entry_is_cut_into_equal_datagrams_and_a_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_fits_into_one_is_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(buffer_chain_is_cut_and_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(train_has_one_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(train_to_ourselves_arrives_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(train_goes_whole_or_not_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(train_that_the_pool_cannot_hold_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
