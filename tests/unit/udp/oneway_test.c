/* SPDX-License-Identifier: BSD-2-Clause */
/* oneway_test.c - sockets that only send, or only receive. */
#include "desk.h"

#include <errno.h>

#define A    "10.0.1.1"
#define PEER "10.0.1.2"

static struct desk *b;

static int set_up(void **state) {
    (void)state;
    b = desk_new_as(1, "frames=256", VIA_VI_STEERS, 1500);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
    desk_end(b);
    return 0;
}

static void refused(int got, int err) {
    assert_int_equal(got, err);
    assert_true(strlen(via_why(b->st)) > 10);
}

static void arrive(const char *to) {
    assert_true(desk_dgram(b, 1, PEER ":7", to, "abcd", 4));
    desk_poll(b);
}

static void sender_takes_no_datagrams_and_counts_them(void **state) {
    via_sock_t s = desk_open_as(b, A ":5", VIA_UDP_SEND_ONLY);
    struct via_dgram d;
    struct via_lent r;
    uint64_t drops;
    size_t n = sizeof drops;
    char byte;

    (void)state;
    arrive(A ":5");
    assert_int_equal(desk_drops(b, "UDP_SEND_ONLY"), 1);
    assert_int_equal(desk_drops(b, "UDP_QUEUE"), 0);
    assert_int_equal(via_sock_getopt(b->st, s, VIA_OPT_DROPS, &drops, &n), 0);
    assert_int_equal(drops, 1);
    refused(via_udp_recv(b->st, s, &d, 1), -EOPNOTSUPP);
    refused((int)via_udp_read(b->st, s, &byte, 1, NULL), -EOPNOTSUPP);
    refused(via_zc_recv(b->st, s, 0, &r), -EOPNOTSUPP);
    refused(via_sock_setopt(b->st, s, VIA_OPT_RCVBUF, &(int){10}, sizeof(int)), -EOPNOTSUPP);
    assert_int_equal(desk_send(b, s, PEER ":7", 10, 1), 1);
}

static void sender_asks_devices_for_nothing(void **state) {
    uint32_t before = b->port[1].filters;
    via_sock_t s = desk_open_as(b, A ":5", VIA_UDP_SEND_ONLY), t;

    (void)state;
    assert_int_equal(b->port[1].filters, before);
    via_sock_close(b->st, s, 0);
    assert_int_equal(b->port[1].filters, before);
    /* Beside one that receives, the filter is the other's. */
    t = desk_open_as(b, A ":5", VIA_UDP_REUSE);
    s = desk_open_as(b, A ":5", VIA_UDP_REUSE | VIA_UDP_SEND_ONLY);
    assert_int_equal(b->port[1].filters, before + 1);
    via_sock_close(b->st, t, 0);
    assert_int_equal(b->port[1].filters, before);
    via_sock_close(b->st, s, 0);
}

static void sender_leaves_the_datagrams_to_who_shares_its_port(void **state) {
    via_sock_t s = desk_open_as(b, A ":5", VIA_UDP_REUSE | VIA_UDP_SEND_ONLY);
    via_sock_t t = desk_open_as(b, A ":5", VIA_UDP_REUSE);
    char from[32], data[4];
    int i;

    (void)state;
    for (i = 1; i < 50; i++) {
        snprintf(from, sizeof from, PEER ":%d", i);
        assert_true(desk_dgram(b, 1, from, A ":5", "abcd", 4));
        desk_poll(b);
        assert_int_equal(desk_read(b, t, data, 4), 4);
    }
    via_sock_close(b->st, s, 0);
}

static void sender_joins_no_group(void **state) {
    via_sock_t s = desk_open_as(b, "0.0.0.0:5", VIA_UDP_SEND_ONLY);
    struct via_group g = {.group = desk_ep("239.1.2.3:1").addr, .iface = 1};

    (void)state;
    refused(via_udp_join(b->st, s, &g, true), -EOPNOTSUPP);
}

static void connected_sender_hears_of_errors(void **state) {
    via_sock_t s = desk_open_as(b, A ":5", VIA_UDP_SEND_ONLY);
    struct via_ep peer = desk_ep(PEER ":7");
    uint64_t first = b->port[1].sent_n;
    int reason;
    size_t n = sizeof reason;

    (void)state;
    assert_int_equal(via_udp_connect(b->st, s, &peer), 0);
    assert_int_equal(desk_send(b, s, NULL, 10, 1), 1);
    desk_poll(b);
    assert_true(desk_unreachable(b, 1, desk_sent(b, 1, first)));
    desk_poll(b);
    assert_int_equal(via_sock_getopt(b->st, s, VIA_OPT_REASON, &reason, &n), 0);
    assert_int_equal(reason, -ECONNREFUSED);
}

static void receiver_sends_nothing(void **state) {
    via_sock_t s = desk_open_as(b, A ":5", VIA_UDP_RECV_ONLY);
    struct via_ep peer = desk_ep(PEER ":7");
    uint64_t first = b->port[1].sent_n;
    struct via_seg seg;
    char data[4];

    (void)state;
    arrive(A ":5");
    assert_int_equal(desk_read(b, s, data, 4), 4);
    refused(desk_send(b, s, PEER ":7", 10, 1), -EOPNOTSUPP);
    assert_int_equal(via_udp_connect(b->st, s, &peer), 0);
    refused(desk_send(b, s, NULL, 10, 1), -EOPNOTSUPP);
    assert_int_equal(via_buf_alloc(b->st, 10, &seg), 0);
    refused(via_zc_send(b->st, s, &(struct via_post){.seg = &seg, .n = 1}), -EOPNOTSUPP);
    via_buf_release(b->st, &seg.buf, 1);
    assert_int_equal(b->port[1].sent_n, first);
}

static void both_at_once_is_nonsense(void **state) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    struct via_ep ep = desk_ep(A ":5");
    via_sock_t s;

    (void)state;
    conf.flags = VIA_UDP_RECV_ONLY | VIA_UDP_SEND_ONLY;
    refused(via_udp_open(b->st, &conf, &ep, &s), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sender_takes_no_datagrams_and_counts_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sender_asks_devices_for_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sender_leaves_the_datagrams_to_who_shares_its_port, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sender_joins_no_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connected_sender_hears_of_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(receiver_sends_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_at_once_is_nonsense, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
