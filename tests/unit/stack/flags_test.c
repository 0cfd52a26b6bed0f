/* SPDX-License-Identifier: BSD-2-Clause */
/* flags_test.c - no verb passes over a flag that it does not know: it changes nothing and says so. */
#include "desk.h"

#include <errno.h>

static struct desk *b;
static via_sock_t s;

static int set_up(void **state) {
    (void)state;
    b = desk_new(1, "frames=256");
    s = desk_connected(b, "10.0.1.1:5", "10.0.1.2:7");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

static int put(void *arg, const char *text, size_t len) {
    (void)arg;
    (void)text;
    (void)len;
    return 0;
}

/* Refused, with a sentence that shows the flag. */
static void refused(int got, const char *flag) {
    assert_int_equal(got, -EINVAL);
    assert_non_null(strstr(via_why(b->st), "not known"));
    assert_non_null(strstr(via_why(b->st), flag));
}

static void every_verb_with_flags_refuses_unknown_ones(void **state) {
    struct iovec iov = {(void *)(uintptr_t) "x", 1};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    struct via_ep any = via_ep_any(VIA_AF_4, 9);
    struct via_ifaddr a = {.addr = desk_ep("10.0.1.77:1").addr, .iface = 1, .prefix = 24, .flags = 0x40};
    uint64_t first = b->port[1].sent_n;
    via_sock_t t = 0;

    (void)state;
    refused(via_udp_send(b->st, s, &d, 1, 0x4), "0x4");
    refused(via_udp_send(b->st, s, &d, 1, 0x80000000u), "0x80000000");
    d.flags = 0x20;
    refused(via_udp_send(b->st, s, &d, 1, 0), "0x20");
    conf.flags = 0x10;
    refused(via_udp_open(b->st, &conf, &any, &t), "0x10");
    assert_int_equal(t, 0);
    refused(via_sock_close(b->st, s, 0x2), "0x2");
    refused(via_wait_arm(b->st, 0x1000000), "0x1000000");
    refused(via_stack_destroy(b->st, 0x8), "0x8");
    refused(via_ctrl_addr(b->st, VIA_CTRL_ADD, &a), "0x40");
    assert_int_equal(via_stack_dump(b->st, 0x80, put, NULL), -EINVAL); /* from anywhere, so without a sentence */
    refused(via_ctrl_mirror(b->st, "lo", 0x8), "0x8");
    assert_int_equal(b->port[1].sent_n, first);
    d.flags = 0; /* and the socket is as it was */
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_FLUSH), 1);
    assert_int_equal(via_sock_close(b->st, s, VIA_ABORT), 0);
}

static void streams_refuse_unknown_flags_too(void **state) {
    struct iovec iov = {(void *)(uintptr_t) "x", 1};
    struct via_ep peer = desk_ep("10.0.1.2:80"), local = desk_ep("10.0.1.1:80");
    struct via_tcp_conf conf = VIA_TCP_CONF_INIT;
    struct via_listen_conf listen = VIA_LISTEN_CONF_INIT;
    struct via_seg seg = {.data = iov.iov_base, .len = 1};
    via_sock_t t;
    char byte;

    (void)state;
    conf.flags = listen.flags = 1;
    assert_int_equal(via_tcp_connect(b->st, &conf, NULL, &peer, &t), -EINVAL);
    assert_int_equal(via_listen(b->st, &listen, &local, &t), -EINVAL);
    assert_int_equal(via_tcp_connect(b->st, NULL, NULL, &peer, &t), 0);
    refused((int)via_tcp_send(b->st, t, &iov, 1, 0x4), "0x4");
    refused((int)via_tcp_recv(b->st, t, &byte, 1, 0x1), "0x1");
    refused((int)via_tcp_recv(b->st, t, &byte, 1, VIA_PEEK | 0x400), "0x600");
    refused(via_zc_send(b->st, t, &(struct via_post){.seg = &seg, .n = 1, .flags = 0x100}), "0x100");
    refused(via_sock_close(b->st, t, 0x4), "0x4");
    assert_int_equal(via_sock_close(b->st, t, VIA_ABORT), 0);
}

static void flags_of_received_datagrams_may_come_back(void **state) {
    struct iovec iov = {(void *)(uintptr_t) "x", 1};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .flags = VIA_DGRAM_TRUNC | VIA_DGRAM_SHARED | VIA_DGRAM_MCAST};

    (void)state;
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_FLUSH | VIA_MORE), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_verb_with_flags_refuses_unknown_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(streams_refuse_unknown_flags_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_of_received_datagrams_may_come_back, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
