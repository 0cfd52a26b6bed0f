/* SPDX-License-Identifier: BSD-2-Clause */
/* zc_test.c - via_zc_recv() and via_zc_send() on datagram sockets. */
#include "desk.h"

#include <errno.h>

#define A     "10.0.1.1"
#define PEER  "10.0.1.2"
#define HEADS (14 + 20 + 8)

static struct desk *b;
static via_sock_t s;
static uint64_t first; /* frames that the start sends */

static void start(const char *attr, uint32_t caps, uint32_t mtu) {
    b = desk_new_as(1, attr, caps, mtu);
    s = desk_connected(b, A ":5", PEER ":7");
    desk_poll(b);
    first = b->port[1].sent_n;
}

static int set_up(void **state) {
    (void)state;
    start("frames=256;tx_ring=64;rx_ring=64", 0, 1500);
    return 0;
}

static int set_up_jumbo(void **state) {
    (void)state;
    start("frames=256;tx_ring=64;rx_ring=64", VIA_VI_JUMBO, 9000);
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

static struct via_seg buffer(const char *text) {
    struct via_seg seg;

    assert_int_equal(via_buf_alloc(b->st, strlen(text), &seg), 0);
    memcpy(seg.data, text, strlen(text));
    return seg;
}

static int post(const struct via_seg *seg, uint32_t n, uint64_t token, uint32_t flags) {
    struct via_post p = {.seg = seg, .n = n, .flags = flags, .token = token};

    return via_zc_send(b->st, s, &p);
}

static uint64_t sent(void) {
    return b->port[1].sent_n - first;
}

static void expect_sent(uint64_t i, const char *text) {
    const uint8_t *data;

    assert_int_equal(desk_payload(desk_sent(b, 1, first + i), &data), strlen(text));
    assert_memory_equal(data, text, strlen(text));
}

static void expect_refused(int got, int err) {
    assert_int_equal(got, err);
    assert_true(strlen(via_why(b->st)) > 10);
}

static void datagram_is_lent_with_its_number_and_user(void **state) {
    struct via_lent r;
    struct via_arrival from;
    int user;

    (void)state;
    assert_int_equal(via_sock_user(b->st, s, &user, NULL), 0);
    assert_int_equal(via_zc_recv(b->st, s, 0, &r), -EAGAIN);
    assert_null(r.seg.buf);
    desk_dgram(b, 1, PEER ":7", A ":5", "abcd", 4);
    desk_poll(b);
    assert_int_equal(via_zc_recv(b->st, s, 0, &r), 1);
    assert_int_equal(r.bytes, 4);
    assert_int_equal(r.seg.len, 4);
    assert_memory_equal(r.seg.data, "abcd", 4);
    assert_int_equal(r.eof, 0);
    assert_int_equal(r.reason, 0);
    assert_int_equal(r.user, (uintptr_t)&user);
    assert_true(r.seq > 0);
    assert_int_equal(via_buf_arrival(b->st, &r.seg, &from), 0);
    assert_int_equal(from.seq, r.seq);
    assert_int_equal(from.ts, r.ts);
    assert_int_equal(from.iface, 1);
    via_buf_release(b->st, &r.seg.buf, 1);
    expect_refused(via_buf_arrival(b->st, &r.seg, &from), -EINVAL);
}

static void empty_datagram_is_lent_too(void **state) {
    struct via_lent r;

    (void)state;
    desk_dgram(b, 1, PEER ":7", A ":5", "", 0);
    desk_poll(b);
    assert_int_equal(via_zc_recv(b->st, s, 0, &r), 1);
    assert_int_equal(r.bytes, 0);
    assert_non_null(r.seg.buf);
    via_buf_release(b->st, &r.seg.buf, 1);
}

static void datagram_longer_than_max_stays_whole(void **state) {
    struct via_lent r;

    (void)state;
    desk_dgram(b, 1, PEER ":7", A ":5", "abcd", 4);
    desk_poll(b);
    expect_refused(via_zc_recv(b->st, s, 3, &r), -EMSGSIZE);
    assert_int_equal(via_zc_recv(b->st, s, 4, &r), 1);
    assert_int_equal(r.bytes, 4);
    via_buf_release(b->st, &r.seg.buf, 1);
}

static void strict_set_lends_what_was_announced(void **state) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct via_epoll *o;
    struct via_event ev;
    struct via_lent r;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, &conf, &o), 0);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_ADD, s, VIA_EV_IN, 1), 0);
    desk_dgram(b, 1, PEER ":7", A ":5", "abcd", 4);
    desk_poll(b);
    assert_int_equal(via_zc_recv(b->st, s, 0, &r), -EAGAIN);
    assert_int_equal(via_epoll_poll(o, &ev, 1, 0), 1);
    assert_int_equal(via_zc_recv(b->st, s, 0, &r), 1);
    assert_int_equal(r.seq, ev.seq);
    via_buf_release(b->st, &r.seg.buf, 1);
}

static void nonsense_is_refused(void **state) {
    struct via_seg seg = buffer("abcd"), bad = seg;
    struct via_lent r;
    char text[4] = "efg";
    via_sock_t closed = desk_open(b, A ":6");

    (void)state;
    via_sock_close(b->st, closed, 0);
    expect_refused(via_zc_recv(b->st, closed, 0, &r), -EBADF);
    expect_refused(via_zc_send(b->st, closed, &(struct via_post){.seg = &seg, .n = 1}), -EBADF);
    expect_refused(via_zc_recv(b->st, s, 0, NULL), -EINVAL);
    expect_refused(via_zc_send(b->st, s, NULL), -EINVAL);
    expect_refused(post(NULL, 1, 0, 0), -EINVAL);
    expect_refused(post(&seg, 0, 0, 0), -EINVAL);
    expect_refused(post(&seg, 1, 0, 8), -EINVAL);
    bad.len = 4096;
    expect_refused(post(&bad, 1, 0, 0), -EINVAL);
    bad = (struct via_seg){.data = text, .len = 4};
    expect_refused(post(&bad, 1, 0, 0), -EINVAL);
    bad.data = NULL;
    expect_refused(post(&bad, 1, 0, VIA_INLINE), -EINVAL);
    expect_refused(post((struct via_seg[]){seg, seg}, 2, 0, 0), -EINVAL);
    assert_int_equal(sent(), 0);
    via_buf_release(b->st, &seg.buf, 1); /* it is the caller's still */
}

static void one_buffer_goes_as_it_lies(void **state) {
    struct via_seg seg = buffer("abcd");
    const uint8_t *at = seg.data;
    struct via_done done;

    (void)state;
    b->port[1].reap = 0;
    assert_int_equal(post(&seg, 1, 9, VIA_FLUSH), 0);
    expect_sent(0, "abcd");
    assert_ptr_equal(b->port[1].dev->mem + desk_sent(b, 1, first)->addr + HEADS, at);
    assert_int_equal(desk_stat(b, "udp", "tx_copied_bytes"), 0);
    assert_int_equal(via_tx_done(b->st, &done, 1), 0); /* the device still reads it */
    b->port[1].reap = DESK_ALL;
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
    assert_int_equal(done.token, 9);
    assert_int_equal(done.status, 0);
    assert_int_equal(done.sock, s);
}

static void several_buffers_become_one_datagram(void **state) {
    struct via_seg v[3] = {buffer("abc"), buffer("defg"), buffer("h")};
    struct via_done done;

    (void)state;
    v[1].data = (uint8_t *)v[1].data + 1; /* a part of it is enough */
    v[1].len = 2;
    assert_int_equal(post(v, 3, 4, VIA_FLUSH), 0);
    expect_sent(0, "abcefh");
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
    assert_int_equal(done.token, 4);
    assert_int_equal(via_tx_done(b->st, &done, 1), 0);
}

static void device_that_takes_chains_gets_them_without_a_copy(void **state) {
    struct via_seg v[2] = {buffer("abc"), buffer("defg")};
    struct via_done done;

    (void)state;
    assert_int_equal(post(v, 2, 4, VIA_FLUSH), 0);
    assert_int_equal(sent(), 2);
    assert_true(desk_sent(b, 1, first)->more);
    assert_ptr_equal(b->port[1].dev->mem + desk_sent(b, 1, first + 1)->addr, v[1].data);
    assert_int_equal(desk_stat(b, "udp", "tx_copied_bytes"), 0);
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
}

static void what_has_other_holders_is_copied(void **state) {
    struct via_seg v[2] = {buffer("abc"), buffer("de")};

    (void)state;
    via_buf_ref(b->st, v[1].buf);
    assert_int_equal(post(v, 2, 0, VIA_FLUSH), 0);
    expect_sent(0, "abcde");
    assert_true(desk_stat(b, "udp", "tx_copied_bytes") >= 5);
    assert_int_equal(desk_stat(b, "stack", "held"), 1);
    via_buf_release(b->st, &v[1].buf, 1); /* our hold */
}

static void refused_send_leaves_the_buffers_apart(void **state) {
    struct via_seg v[2] = {buffer("abc"), buffer("de")}, more;

    (void)state;
    b->port[1].tx_room = 0;
    while (desk_send(b, s, NULL, 4, 1) == 1)
        ;
    expect_refused(post(v, 2, 1, 0), -EAGAIN);
    more = v[0];
    assert_int_equal(via_buf_next(b->st, &more, &more), -ENOENT);
    b->port[1].tx_room = DESK_ALL;
    desk_poll(b);
    desk_poll(b);
    via_buf_release(b->st, &v[0].buf, 1);
    assert_int_equal(desk_stat(b, "stack", "held"), 1);
    via_buf_release(b->st, &v[1].buf, 1);
}

static void inline_send_copies_any_memory_and_completes_at_once(void **state) {
    struct via_seg held = buffer("buf"), v[2];
    struct via_done done;
    char text[4] = "text";

    (void)state;
    b->port[1].reap = 0;
    v[0] = (struct via_seg){.data = text, .len = 4};
    v[1] = held;
    assert_int_equal(post(v, 2, 6, VIA_INLINE | VIA_FLUSH), 0);
    memset(text, 0, sizeof text);
    memset(held.data, 0, 3);
    expect_sent(0, "textbuf");
    assert_int_equal(via_tx_done(b->st, &done, 1), 1); /* though the device still has the frame */
    assert_int_equal(done.token, 6);
    assert_int_equal(done.status, 0);
    b->port[1].reap = DESK_ALL;
    via_buf_release(b->st, &held.buf, 1);
}

static void inline_token_waits_for_earlier_ones(void **state) {
    struct via_seg lies = buffer("a"), copied = {.data = (void *)(uintptr_t) "b", .len = 1};
    struct via_done done[2];

    (void)state;
    b->port[1].reap = 0;
    assert_int_equal(post(&lies, 1, 1, VIA_FLUSH), 0);
    assert_int_equal(post(&copied, 1, 2, VIA_INLINE | VIA_FLUSH), 0);
    assert_int_equal(via_tx_done(b->st, done, 2), 0);
    b->port[1].reap = DESK_ALL;
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, done, 2), 2);
    assert_int_equal(done[0].token, 1);
    assert_int_equal(done[1].token, 2);
}

static void more_holds_the_doorbell(void **state) {
    struct via_seg v = buffer("a"), w = buffer("b");
    uint64_t before = b->port[1].kicks;

    (void)state;
    assert_int_equal(post(&v, 1, 0, VIA_MORE | VIA_FLUSH), 0);
    assert_int_equal(b->port[1].kicks, before);
    assert_int_equal(post(&w, 1, 0, VIA_FLUSH), 0);
    assert_int_equal(b->port[1].kicks, before + 1);
    assert_int_equal(sent(), 2);
}

static void unconnected_socket_has_nowhere_to_send(void **state) {
    struct via_seg v = buffer("a");

    (void)state;
    assert_int_equal(via_udp_connect(b->st, s, NULL), 0);
    expect_refused(post(&v, 1, 0, 0), -EDESTADDRREQ);
    via_buf_release(b->st, &v.buf, 1);
}

static void longer_than_a_datagram_is_refused(void **state) {
    struct via_seg v[3];
    int i;

    (void)state;
    for (i = 0; i < 3; i++)
        assert_int_equal(via_buf_alloc(b->st, 30000, &v[i]), 0);
    expect_refused(post(v, 3, 0, 0), -EMSGSIZE);
    for (i = 0; i < 3; i++)
        via_buf_release(b->st, &v[i].buf, 1);
}

static void received_is_sent_on_without_a_copy(void **state) {
    struct via_lent r;
    const uint8_t *at;

    (void)state;
    desk_dgram(b, 1, PEER ":7", A ":5", "abcd", 4);
    desk_poll(b);
    assert_int_equal(via_zc_recv(b->st, s, 0, &r), 1);
    at = r.seg.data;
    assert_int_equal(post(&r.seg, 1, 0, VIA_FLUSH), 0);
    assert_ptr_equal(b->port[1].dev->mem + desk_sent(b, 1, first)->addr + HEADS, at);
    assert_int_equal(desk_stat(b, "udp", "tx_copied_bytes"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(datagram_is_lent_with_its_number_and_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empty_datagram_is_lent_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(datagram_longer_than_max_stays_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strict_set_lends_what_was_announced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_buffer_goes_as_it_lies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_buffers_become_one_datagram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(device_that_takes_chains_gets_them_without_a_copy, set_up_jumbo, tear_down),
        cmocka_unit_test_setup_teardown(what_has_other_holders_is_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_send_leaves_the_buffers_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inline_send_copies_any_memory_and_completes_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inline_token_waits_for_earlier_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_holds_the_doorbell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unconnected_socket_has_nowhere_to_send, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longer_than_a_datagram_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(received_is_sent_on_without_a_copy, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
