/* SPDX-License-Identifier: BSD-2-Clause */
/* output_test.c - sending: what is copied and what is not, tokens, full rings, refusals. */
#include "desk.h"

#include <errno.h>

#define A     "10.0.1.1"
#define PEER  "10.0.1.2"
#define HEADS (14 + 20 + 8)

static struct desk *b;
static struct desk_port *port;

static void start(const char *attr, uint32_t caps, uint32_t mtu) {
    b = desk_new_as(1, attr, caps, mtu);
    port = &b->port[1];
}

static int set_up(void **state) {
    (void)state;
    start("frames=1024;tx_ring=64;rx_ring=64", 0, 1500);
    return 0;
}

static int set_up_jumbo(void **state) {
    (void)state;
    start("frames=1024;tx_ring=64;rx_ring=64;checksum=2", VIA_VI_JUMBO, 65535);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

/* Refused with that errno and with a sentence of this very refusal. */
#define assert_refused(call, err)                                                                                      \
    do {                                                                                                               \
        via_timer_start(b->st, NULL, 0, NULL); /* leaves another sentence */                                           \
        assert_int_equal(call, err);                                                                                   \
        assert_string_not_equal(via_why(b->st), "timer: no timer or no function");                                     \
        assert_true(strlen(via_why(b->st)) > 10);                                                                      \
    } while (0)

static uint64_t copied(void) {
    return desk_stat(b, "udp", "tx_copied_bytes") + desk_stat(b, "net", "tx_copied_bytes");
}

static struct via_seg alloc(size_t len) {
    struct via_seg seg, part;
    uint8_t *at;
    size_t done = 0, i;

    assert_int_equal(via_buf_alloc(b->st, len, &seg), 0);
    part = seg;
    do {
        at = part.data;
        for (i = 0; i < part.len; i++)
            at[i] = (uint8_t)(done + i);
        done += part.len;
    } while (part.more && via_buf_next(b->st, &part, &part) == 0);
    assert_int_equal(done, len);
    return seg;
}

static int send_seg(via_sock_t s, const struct via_seg *seg, uint64_t token, const char *peer) {
    struct via_dgram d = {.seg = *seg, .token = token};

    if (peer)
        d.peer = desk_ep(peer);
    return via_udp_send(b->st, s, &d, 1, VIA_FLUSH);
}

static int send_token(via_sock_t s, uint64_t token, const char *peer) {
    struct iovec iov = {"tok", 3};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .token = token};

    if (peer)
        d.peer = desk_ep(peer);
    return via_udp_send(b->st, s, &d, 1, VIA_FLUSH);
}

/* Polls, then fetches one completion; 0 if there is none. */
static uint64_t done_token(int *status) {
    struct via_done d;

    desk_poll(b);
    if (!via_tx_done(b->st, &d, 1))
        return 0;
    if (status)
        *status = d.status;
    return d.token;
}

static const struct desk_sent *last_sent(void) {
    desk_poll(b);
    return desk_sent(b, 1, port->sent_n - 1);
}

static const uint8_t *area(void) {
    return port->dev->mem;
}

static void buffer_is_sent_where_it_lies(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_seg seg = alloc(100);
    const uint8_t *data, *at = seg.data;

    (void)state;
    assert_int_equal(send_seg(s, &seg, 0, NULL), 1);
    assert_ptr_equal(area() + last_sent()->addr + HEADS, at);
    assert_int_equal(desk_payload(last_sent(), &data), 100);
    assert_int_equal(data[99], 99);
    assert_int_equal(copied(), 0);
    assert_int_equal(desk_stat(b, "stack", "held"), 0);
}

static void vector_is_copied_once_and_counted(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct iovec iov[3] = {{"abc", 3}, {NULL, 0}, {"defgh", 5}};
    struct via_dgram d = {.iov = iov, .iovcnt = 3};
    const uint8_t *data;

    (void)state;
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(desk_payload(last_sent(), &data), 8);
    assert_memory_equal(data, "abcdefgh", 8);
    assert_int_equal(copied(), 8);
    d.iovcnt = 0;
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(desk_payload(last_sent(), &data), 0);
    assert_int_equal(copied(), 8);
    assert_int_equal(desk_send(b, s, NULL, 1400, 7), 1);
    assert_int_equal(copied(), 1408);
}

static void received_buffer_is_forwarded_without_a_copy(void **state) {
    via_sock_t s = desk_open(b, A ":53");
    struct via_dgram d;
    const uint8_t *at, *data;

    (void)state;
    assert_true(desk_dgram(b, 1, PEER ":9", A ":53", "hello", 5));
    desk_poll(b);
    assert_int_equal(via_udp_recv(b->st, s, &d, 1), 1);
    at = d.seg.data;
    d.peer = desk_ep("10.0.1.3:7");
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_FLUSH), 1);
    assert_ptr_equal(area() + last_sent()->addr + HEADS, at);
    assert_int_equal(desk_payload(last_sent(), &data), 5);
    assert_memory_equal(data, "hello", 5);
    assert_int_equal(desk_ip(last_sent()).dst.port, 7);
    assert_int_equal(copied(), 0);
    assert_int_equal(desk_stat(b, "udp", "rx_copied_bytes"), 0);
    assert_int_equal(desk_stat(b, "stack", "held"), 0);
}

static void part_of_a_buffer_can_be_sent(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_seg seg = alloc(100);
    const uint8_t *data;

    (void)state;
    seg.data = (uint8_t *)seg.data + 40;
    seg.len = 10;
    assert_int_equal(send_seg(s, &seg, 0, NULL), 1);
    assert_int_equal(desk_payload(last_sent(), &data), 10);
    assert_int_equal(data[0], 40);
    assert_int_equal(copied(), 0);
}

static void chain_goes_out_as_it_is_on_a_jumbo_link(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_seg seg = alloc(65000), part = seg;
    uint64_t first = port->sent_n, i;
    uint32_t at = 0;

    (void)state;
    assert_int_equal(send_seg(s, &seg, 0, NULL), 1);
    desk_poll(b);
    for (i = first; i < port->sent_n; i++) {
        const struct desk_sent *p = desk_sent(b, 1, i);
        uint32_t skip = i == first ? HEADS : 0, j;

        assert_int_equal(p->more, i + 1 < port->sent_n);
        for (j = skip; j < p->len; j++, at++)
            assert_int_equal(p->bytes[j], (uint8_t)at);
    }
    assert_int_equal(at, 65000);
    assert_ptr_equal(area() + desk_sent(b, 1, first)->addr + HEADS, part.data);
    assert_int_equal(copied(), 0);
    assert_int_equal(desk_frames_used(b), 0);
}

static void long_vector_becomes_a_chain(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    const uint8_t *data;

    (void)state;
    assert_int_equal(desk_send(b, s, NULL, 65507, 3), 1);
    assert_true(port->sent_n > 30);
    assert_int_equal(copied(), 65507);
    assert_int_equal(desk_payload(desk_sent(b, 1, port->sent_n - 37), &data), 65507);
    assert_refused(desk_send(b, s, NULL, 65508, 3), -EMSGSIZE);
}

static void datagram_of_65000_bytes_is_fragmented_whole(void **state) {
    via_sock_t s;
    uint64_t first;

    (void)state;
    desk_end(b);
    start("frames=1024;tx_ring=256;rx_ring=64", 0, 1500);
    s = desk_connected(b, A ":53", PEER ":9");
    first = port->sent_n;
    assert_int_equal(desk_send(b, s, NULL, 65000, 3), 1);
    desk_poll(b);
    assert_int_equal(port->sent_n - first, (65008 + 1479) / 1480);
    assert_int_equal(desk_frames_used(b), 0);
}

static void token_completes_only_when_the_device_is_done(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    int status = 1;

    (void)state;
    port->reap = 0;
    assert_int_equal(send_token(s, 77, NULL), 1);
    assert_int_equal(done_token(NULL), 0);
    assert_int_equal(done_token(NULL), 0);
    port->reap = 1;
    assert_int_equal(done_token(&status), 77);
    assert_int_equal(status, 0);
    assert_int_equal(done_token(NULL), 0);
}

static void completion_names_its_socket_and_user(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_done d[3];
    int x;

    (void)state;
    via_sock_user(b->st, s, &x, NULL);
    assert_int_equal(send_token(s, UINT64_MAX, NULL), 1);
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, d, 0), 0);
    assert_int_equal(via_tx_done(b->st, d, 3), 1);
    assert_true(d[0].sock == s);
    assert_true(d[0].token == UINT64_MAX);
    assert_true(d[0].user == (uint64_t)(uintptr_t)&x);
    assert_int_equal(d[0].ts, b->now);
}

static void token_of_a_chain_waits_for_its_last_frame(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_seg seg = alloc(10000);
    uint64_t first = port->sent_n;
    uint32_t parts;

    (void)state;
    port->reap = 0;
    assert_int_equal(send_seg(s, &seg, 5, NULL), 1);
    desk_poll(b);
    parts = (uint32_t)(port->sent_n - first);
    assert_true(parts >= 5);
    while (--parts) {
        port->reap = 1;
        assert_int_equal(done_token(NULL), 0);
    }
    port->reap = 1;
    assert_int_equal(done_token(NULL), 5);
}

static void token_of_fragments_waits_for_the_last_one(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_seg seg = alloc(4000);
    int status = 1;

    (void)state;
    port->reap = 0;
    assert_int_equal(send_seg(s, &seg, 5, NULL), 1);
    assert_int_equal(done_token(NULL), 0);
    port->reap = 2;
    assert_int_equal(done_token(NULL), 0);
    port->reap = 1;
    assert_int_equal(done_token(&status), 5);
    assert_int_equal(status, 0);
    assert_int_equal(copied(), 4000 + 8); /* fragments are copies, and counted */
}

static void tokens_of_a_socket_come_in_the_order_of_sending(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    uint64_t i;

    (void)state;
    port->reap = 0;
    port->reap_last_first = true;
    for (i = 1; i <= 10; i++)
        assert_int_equal(send_token(s, i, NULL), 1);
    port->reap = 9; /* all but the first */
    assert_int_equal(done_token(NULL), 0);
    port->reap = 1;
    for (i = 1; i <= 10; i++)
        assert_int_equal(done_token(NULL), i);
    assert_int_equal(done_token(NULL), 0);
}

static void token_tells_of_a_neighbour_that_never_answers(void **state) {
    via_sock_t s = desk_open(b, A ":53");
    int status = 0;

    (void)state;
    assert_int_equal(send_token(s, 1, "10.0.1.99:9"), 1);
    assert_int_equal(send_token(s, 2, PEER ":9"), 1);
    assert_int_equal(done_token(NULL), 0); /* the second one waits for its turn */
    desk_wait(b, 5 * VIA_SEC);
    assert_int_equal(done_token(&status), 1);
    assert_int_equal(status, -EHOSTUNREACH);
    assert_int_equal(done_token(&status), 2);
    assert_int_equal(status, 0);
    assert_int_equal(done_token(NULL), 0);
    assert_int_equal(desk_frames_used(b), 0);
}

static void token_tells_of_an_interface_that_was_closed(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    int status = 0;

    (void)state;
    port->reap = 0;
    assert_int_equal(send_token(s, 1, NULL), 1);
    desk_poll(b);
    assert_int_equal(via_vi_close(port->vi), 0);
    assert_int_equal(done_token(&status), 1);
    assert_int_equal(status, -ENODEV);
    assert_int_equal(done_token(NULL), 0);
    assert_refused(send_token(s, 2, NULL), -ENETUNREACH);
    assert_int_equal(done_token(NULL), 0);
}

static void token_that_the_ring_never_took_is_cancelled(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    int status = 0;

    (void)state;
    port->tx_room = 0;
    assert_int_equal(send_token(s, 1, NULL), 1);
    assert_int_equal(done_token(NULL), 0);
    assert_int_equal(via_vi_close(port->vi), 0);
    assert_int_equal(done_token(&status), 1);
    assert_true(status < 0);
}

static void refused_send_has_no_completion(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_seg seg = alloc(100);
    struct via_dgram d = {.seg = seg, .token = 9, .flags = VIA_DGRAM_DF};

    (void)state;
    d.seg.len = 101; /* still inside the frame: allowed */
    d.peer = desk_ep("192.0.2.1:9");
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -ENETUNREACH);
    assert_int_equal(done_token(NULL), 0);
    assert_int_equal(desk_stat(b, "stack", "held"), 1); /* it is still ours */
    via_buf_release(b->st, &seg.buf, 1);
    assert_int_equal(desk_frames_used(b), 0);
}

static void token_to_ourselves_completes_and_the_datagram_arrives(void **state) {
    via_sock_t s = desk_open(b, A ":53"), t = desk_open(b, A ":54");
    struct via_seg seg = alloc(100);
    const uint8_t *at = seg.data;
    struct via_dgram d;
    int status = 1;

    (void)state;
    assert_int_equal(send_seg(s, &seg, 8, A ":54"), 1);
    assert_int_equal(done_token(&status), 8);
    assert_int_equal(status, 0);
    assert_int_equal(done_token(NULL), 0);
    assert_int_equal(via_udp_recv(b->st, t, &d, 1), 1);
    assert_int_equal(d.bytes, 100);
    assert_ptr_equal(d.seg.data, at);
    assert_int_equal(d.peer.port, 53);
    assert_int_equal(copied(), 0);
    via_buf_release(b->st, &d.seg.buf, 1);
    assert_int_equal(desk_frames_used(b), 0);
}

static void closed_socket_sends_what_is_queued_and_ends_with_terminated(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_epoll *set;
    struct via_event ev[4];
    uint64_t before = port->sent_n;
    struct via_done d;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_DONE, 5), 0);
    port->reap = port->tx_room = 0;
    assert_int_equal(send_token(s, 1, NULL), 1);
    assert_int_equal(send_token(s, 2, NULL), 1);
    assert_int_equal(via_sock_close(b->st, s, 0), 0);
    assert_int_equal(via_sock_close(b->st, s, 0), -EBADF);
    port->tx_room = DESK_ALL;
    desk_poll(b);
    assert_int_equal(port->sent_n, before + 2);
    port->reap = 1;
    assert_int_equal(done_token(NULL), 1);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 1);
    assert_int_equal(ev[0].what, VIA_EV_DONE);
    port->reap = 1;
    desk_poll(b);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 1);
    assert_int_equal(ev[0].what, VIA_EV_DONE);
    assert_int_equal(via_tx_done(b->st, &d, 1), 1);
    assert_true(d.sock == s);
    assert_int_equal(d.token, 2);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 1);
    assert_int_equal(ev[0].what, VIA_EV_TERMINATED);
    assert_true(ev[0].sock == s);
    assert_int_equal(ev[0].user, 5);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 0);
    assert_int_equal(via_epoll_destroy(set), 0);
}

static void full_ring_is_eagain_and_space_comes_once(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9"), t = desk_connected(b, A ":54", PEER ":9");
    struct via_epoll *set;
    struct via_event ev[4];
    int n = 0, err;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_SPACE, 5), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, t, VIA_EV_SPACE, 6), 0);
    port->reap = 0;
    while ((err = desk_send(b, s, NULL, 10, 1)) == 1)
        n++;
    assert_int_equal(err, -EAGAIN);
    assert_int_equal(n, 64);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 0);
    port->reap = 3; /* not worth an event yet */
    desk_poll(b);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 0);
    port->reap = DESK_ALL;
    desk_poll(b);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 1); /* the one that was refused, and once */
    assert_int_equal(ev[0].what, VIA_EV_SPACE);
    assert_int_equal(ev[0].user, 5);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 0);
    assert_int_equal(desk_send(b, s, NULL, 10, 1), 1);
    assert_int_equal(via_epoll_destroy(set), 0);
}

static void sender_waits_no_longer_when_its_interface_goes(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_epoll *set;
    struct via_event ev;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_SPACE, 5), 0);
    port->reap = 0;
    while (desk_send(b, s, NULL, 10, 1) == 1)
        ;
    assert_int_equal(via_vi_close(port->vi), 0);
    assert_int_equal(via_epoll_poll(set, &ev, 1, 0), 1);
    assert_int_equal(ev.what, VIA_EV_SPACE); /* to try again, and learn that there is no way */
    assert_refused(desk_send(b, s, NULL, 10, 1), -ENETUNREACH);
    assert_int_equal(via_epoll_destroy(set), 0);
}

static void closed_sender_waits_no_longer(void **state) {
    via_sock_t s[3];
    struct via_epoll *set;
    struct via_event ev[4];
    int i;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    port->reap = 0;
    for (i = 0; i < 3; i++) {
        char local[32];

        snprintf(local, sizeof local, A ":%d", 60 + i);
        s[i] = desk_connected(b, local, PEER ":9");
        assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s[i], VIA_EV_SPACE, (uint64_t)i), 0);
        while (desk_send(b, s[i], NULL, 10, 1) == 1)
            ;
    }
    assert_int_equal(via_sock_close(b->st, s[1], 0), 0); /* from the middle of those who wait */
    port->reap = DESK_ALL;
    desk_poll(b);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 2);
    assert_int_equal(ev[0].user + ev[1].user, 2);
    assert_int_equal(via_epoll_destroy(set), 0);
}

static void batch_ends_at_the_first_that_cannot_go(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct iovec iov = {"x", 1};
    struct via_dgram d[3] = {{.iov = &iov, .iovcnt = 1}, {.iov = &iov, .iovcnt = 1}, {.iov = &iov, .iovcnt = 1}};
    uint64_t before = port->sent_n;

    (void)state;
    d[1].peer = desk_ep("192.0.2.1:9");
    assert_int_equal(via_udp_send(b->st, s, d, 3, VIA_FLUSH), 1);
    assert_int_equal(port->sent_n, before + 1);
    assert_int_equal(via_udp_send(b->st, s, d + 1, 2, VIA_FLUSH), -ENETUNREACH);
    assert_int_equal(port->sent_n, before + 1);
    d[1].peer.family = 0;
    assert_int_equal(via_udp_send(b->st, s, d, 3, VIA_FLUSH), 3);
    assert_int_equal(port->sent_n, before + 4);
}

static void flags_say_when_the_doorbell_rings(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct iovec iov = {"x", 1};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    uint64_t kicks = port->kicks;

    (void)state;
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_MORE), 1);
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_MORE | VIA_FLUSH), 1);
    assert_int_equal(port->kicks, kicks);
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_FLUSH), 1);
    assert_int_equal(port->kicks, kicks + 1); /* one for all four */
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(via_stack_flush(b->st), 0);
    assert_int_equal(port->kicks, kicks + 2);
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    desk_poll(b);
    desk_poll(b);
    assert_int_equal(port->kicks, kicks + 3);
}

static void send_refuses_bad_arguments(void **state) {
    via_sock_t s = desk_open(b, A ":53"), six = desk_open(b, "[2001:db8:1::1]:53");
    struct iovec iov = {"x", 1}, nowhere = {NULL, 5}, huge[2] = {{"x", SIZE_MAX / 2 + 2}, {"x", SIZE_MAX / 2 + 2}};
    struct via_dgram good = {.iov = &iov, .iovcnt = 1, .peer = desk_ep(PEER ":9")}, d;
    struct via_seg seg = alloc(10);
    uint8_t stranger[256];

    (void)state;
    assert_refused(via_udp_send(b->st, s, NULL, 1, 0), -EINVAL);
    assert_refused(via_udp_send(b->st, s, &good, 0, 0), -EINVAL);
    d = good;
    d.peer.family = 0;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EDESTADDRREQ);
    d = good;
    d.peer.port = 0;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d = good;
    d.peer.family = VIA_AF_6;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.peer.family = 99;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.peer = desk_ep("[2001:db8:1::2]:9");
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    assert_refused(via_udp_send(b->st, six, &good, 1, 0), -EINVAL);
    d.peer = desk_ep("0.0.0.0:9");
    d.peer.family = VIA_AF_4;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d = good;
    d.peer.scope = 9;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d = good;
    d.iov = NULL;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.iov = &nowhere;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.iov = huge;
    d.iovcnt = 2;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EMSGSIZE);
    d = good;
    d.local = desk_ep("10.0.1.77:1");
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EADDRNOTAVAIL);
    d = good;
    d.peer = desk_ep("192.0.2.1:9");
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -ENETUNREACH);
    d = good;
    d.iov = NULL;
    d.seg = seg;
    d.seg.len = 2048;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.seg = seg;
    d.seg.data = (uint8_t *)seg.data - 4096;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.seg.data = NULL;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.seg = seg;
    d.seg.buf = (struct via_buf *)(void *)stranger;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.seg.buf = (struct via_buf *)(void *)((uint8_t *)(void *)seg.buf + 1);
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.seg.buf = (struct via_buf *)(void *)((uint8_t *)(void *)seg.buf + 64); /* a packet, but not ours */
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    /* The same on the short way. */
    assert_int_equal(via_udp_send(b->st, s, &good, 1, 0), 1);
    assert_int_equal(via_udp_send(b->st, s, &good, 1, 0), 1);
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.seg.buf = (struct via_buf *)(void *)stranger;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.seg = seg;
    d.seg.data = (uint8_t *)seg.data - 4096;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.seg = seg;
    d.seg.len = UINT32_MAX;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d = good;
    d.iov = &nowhere;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    d.iov = NULL;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
    via_buf_release(b->st, &seg.buf, 1);
    /* Released: no longer ours to send. */
    d = good;
    d.iov = NULL;
    d.seg = seg;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EINVAL);
}

static void too_long_for_the_path_is_refused_if_it_may_not_be_cut(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    static uint8_t data[1473];
    struct iovec iov = {data, 1472};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .flags = VIA_DGRAM_DF};
    int one = 1;

    (void)state;
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_true(desk_ip(last_sent()).df);
    iov.iov_len = 1473;
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EMSGSIZE);
    d.flags = 0;
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(via_sock_setopt(b->st, s, VIA_OPT_DF, &one, sizeof one), 0);
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EMSGSIZE);
}

static void more_frames_than_the_ring_holds_is_refused_for_good(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");

    (void)state;
    desk_end(b);
    start("frames=1024;tx_ring=16;rx_ring=64", 0, 1500);
    s = desk_connected(b, A ":53", PEER ":9");
    assert_refused(desk_send(b, s, NULL, 65000, 1), -EMSGSIZE); /* no event could ever make room */
    assert_int_equal(desk_send(b, s, NULL, 15000, 1), 1);
}

static void broadcast_wants_permission(void **state) {
    via_sock_t s = desk_open(b, A ":53"), t;
    struct via_ep everybody = desk_ep("10.0.1.255:9");
    int on = 1, off = 0;

    (void)state;
    assert_refused(desk_send(b, s, "10.0.1.255:9", 4, 1), -EACCES);
    assert_refused(desk_send(b, s, "255.255.255.255:9", 4, 1), -EACCES);
    assert_int_equal(via_sock_setopt(b->st, s, VIA_OPT_BROADCAST, &on, sizeof on), 0);
    assert_int_equal(desk_send(b, s, "10.0.1.255:9", 4, 1), 1);
    assert_int_equal(last_sent()->bytes[0], 0xff);
    assert_int_equal(via_sock_setopt(b->st, s, VIA_OPT_BROADCAST, &off, sizeof off), 0);
    assert_refused(desk_send(b, s, "10.0.1.255:9", 4, 1), -EACCES);
    t = desk_open(b, A ":54");
    assert_int_equal(via_udp_connect(b->st, t, &everybody), 0);
    assert_refused(desk_send(b, t, NULL, 4, 1), -EACCES);
}

static void named_source_is_used_for_that_datagram_alone(void **state) {
    struct via_ifaddr second = {
        .addr = desk_ep("10.0.1.100:1").addr, .iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};
    via_sock_t s = desk_open(b, "0.0.0.0:53");
    struct iovec iov = {"x", 1};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .peer = desk_ep(PEER ":9")};

    (void)state;
    assert_int_equal(via_ctrl_addr(b->st, VIA_CTRL_ADD, &second), 0);
    desk_wait(b, 10 * VIA_SEC); /* it was announced */
    d.local = desk_ep("10.0.1.100:1");
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(desk_ip(last_sent()).src.addr.b[15], 100);
    assert_int_equal(desk_ip(last_sent()).src.port, 53);
    assert_int_equal(desk_send(b, s, PEER ":9", 4, 1), 1);
    assert_int_equal(desk_ip(last_sent()).src.addr.b[15], 1);
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(desk_ip(last_sent()).src.addr.b[15], 100);
    /* A reply to what came by broadcast names no source that could be used: the usual one is taken. */
    d.local = desk_ep("10.0.1.255:1");
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(desk_ip(last_sent()).src.addr.b[15], 1);
}

static void link_that_is_down_refuses(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");

    (void)state;
    assert_int_equal(desk_send(b, s, NULL, 4, 1), 1);
    port->dev->link = VIA_LINK_DOWN;
    assert_refused(desk_send(b, s, NULL, 4, 1), -ENETDOWN);
    port->dev->link = VIA_LINK_UP;
    assert_int_equal(desk_send(b, s, NULL, 4, 1), 1);
}

static void sending_recovers_when_frames_ran_out(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    struct via_seg seg[1024];
    uint32_t n = 0, i;
    int err;

    (void)state;
    while ((err = via_buf_alloc(b->st, 100, &seg[n])) == 0)
        n++;
    assert_int_equal(err, -ENOBUFS);
    assert_refused(via_buf_alloc(b->st, 100, &seg[n]), -ENOBUFS);
    assert_in_range(n, 800, 1000);
    assert_refused(desk_send(b, s, NULL, 10, 1), -ENOBUFS);
    assert_int_equal(send_seg(s, &seg[--n], 0, NULL), 1); /* what is held can still be sent */
    desk_poll(b);
    assert_int_equal(desk_send(b, s, NULL, 10, 1), 1); /* and its frame is the next one's */
    for (i = 0; i < n; i++)
        via_buf_release(b->st, &seg[i].buf, 1);
    for (i = 0; i < 200; i++)
        assert_int_equal(desk_send(b, s, NULL, 10, 1), 1);
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
}

#define CASE(fn)       cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
#define JUMBO_CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up_jumbo, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(buffer_is_sent_where_it_lies),
        CASE(vector_is_copied_once_and_counted),
        CASE(received_buffer_is_forwarded_without_a_copy),
        CASE(part_of_a_buffer_can_be_sent),
        JUMBO_CASE(chain_goes_out_as_it_is_on_a_jumbo_link),
        JUMBO_CASE(long_vector_becomes_a_chain),
        CASE(datagram_of_65000_bytes_is_fragmented_whole),
        CASE(token_completes_only_when_the_device_is_done),
        CASE(completion_names_its_socket_and_user),
        JUMBO_CASE(token_of_a_chain_waits_for_its_last_frame),
        CASE(token_of_fragments_waits_for_the_last_one),
        CASE(tokens_of_a_socket_come_in_the_order_of_sending),
        CASE(token_tells_of_a_neighbour_that_never_answers),
        CASE(token_tells_of_an_interface_that_was_closed),
        CASE(token_that_the_ring_never_took_is_cancelled),
        CASE(refused_send_has_no_completion),
        CASE(token_to_ourselves_completes_and_the_datagram_arrives),
        CASE(closed_socket_sends_what_is_queued_and_ends_with_terminated),
        CASE(full_ring_is_eagain_and_space_comes_once),
        CASE(sender_waits_no_longer_when_its_interface_goes),
        CASE(closed_sender_waits_no_longer),
        CASE(batch_ends_at_the_first_that_cannot_go),
        CASE(flags_say_when_the_doorbell_rings),
        CASE(send_refuses_bad_arguments),
        CASE(too_long_for_the_path_is_refused_if_it_may_not_be_cut),
        CASE(more_frames_than_the_ring_holds_is_refused_for_good),
        CASE(broadcast_wants_permission),
        CASE(named_source_is_used_for_that_datagram_alone),
        CASE(link_that_is_down_refuses),
        CASE(sending_recovers_when_frames_ran_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
