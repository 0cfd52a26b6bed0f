/* SPDX-License-Identifier: BSD-2-Clause */
/* buf_test.c - lending and returning: references, holding everything, quotas, chains, other threads, no allocations. */
#include "alloc_rig.h"
#include "desk.h"

#include <errno.h>
#include <pthread.h>

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
    start("frames=1024;tx_ring=64;rx_ring=64;udp_rcvbuf=4096", 0, 1500);
    return 0;
}

static int set_up_quota(void **state) {
    (void)state;
    start("frames=1024;tx_ring=64;rx_ring=64;hold_max=10", 0, 1500);
    return 0;
}

static int set_up_jumbo(void **state) {
    (void)state;
    start("frames=1024;tx_ring=64;rx_ring=128", VIA_VI_JUMBO, 65535);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

static uint64_t held(void) {
    return desk_stat(b, "stack", "held");
}

static void arrive(const char *to) {
    desk_dgram(b, 1, PEER ":9", to, "abcd", 4);
    desk_poll(b);
}

static struct via_seg receive(via_sock_t s) {
    struct via_dgram d;

    assert_int_equal(via_udp_recv(b->st, s, &d, 1), 1);
    return d.seg;
}

static int send_seg(via_sock_t s, const struct via_seg *seg, const char *peer) {
    struct via_dgram d = {.seg = *seg, .peer = desk_ep(peer)};

    return via_udp_send(b->st, s, &d, 1, VIA_FLUSH);
}

static void alloc_refuses_what_cannot_be(void **state) {
    struct via_seg seg;

    (void)state;
    assert_int_equal(via_buf_alloc(b->st, 10, NULL), -EINVAL);
    assert_int_equal(via_buf_alloc(b->st, 65508, &seg), -EMSGSIZE);
    assert_int_equal(via_buf_alloc(b->st, SIZE_MAX, &seg), -EMSGSIZE);
    assert_int_equal(via_buf_next(b->st, NULL, &seg), -ENOENT);
    memset(&seg, 0, sizeof seg);
    assert_int_equal(via_buf_next(b->st, &seg, NULL), -ENOENT);
    assert_int_equal(via_buf_next(b->st, &seg, &seg), -ENOENT);
    seg.more = UINT32_MAX;
    assert_int_equal(via_buf_next(b->st, &seg, &seg), -ENOENT);
    assert_int_equal(held(), 0);
}

static void allocated_chain_can_be_walked(void **state) {
    struct via_seg seg, part;
    size_t total = 0, parts = 0;

    (void)state;
    assert_int_equal(via_buf_alloc(b->st, 65000, &seg), 0);
    part = seg;
    do {
        memset(part.data, 1, part.len);
        total += part.len;
        parts++;
    } while (via_buf_next(b->st, &part, &part) == 0);
    assert_int_equal(total, 65000);
    assert_int_equal(held(), parts);
    via_buf_release(b->st, &seg.buf, 1); /* with its chain */
    assert_int_equal(held(), 0);
    assert_int_equal(desk_frames_used(b), 0);
    assert_int_equal(via_buf_alloc(b->st, 0, &seg), 0);
    assert_int_equal(seg.len, 0);
    via_buf_release(b->st, &seg.buf, 1);
}

static void received_chain_of_65000_bytes_is_lent_whole(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    static uint8_t data[65000];
    struct via_dgram d;
    struct via_seg part;
    uint32_t at = 0, i;

    (void)state;
    for (i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    assert_true(desk_dgram(b, 1, PEER ":9", A ":5", data, sizeof data));
    desk_poll(b);
    assert_int_equal(via_udp_recv(b->st, s, &d, 1), 1);
    assert_int_equal(d.bytes, sizeof data);
    part = d.seg;
    do {
        assert_memory_equal(part.data, data + at, part.len);
        at += part.len;
    } while (via_buf_next(b->st, &part, &part) == 0);
    assert_int_equal(at, sizeof data);
    assert_true(held() > 30);
    via_buf_release(b->st, &d.seg.buf, 1);
    assert_int_equal(held(), 0);
    /* And copied out over the chain. */
    assert_true(desk_dgram(b, 1, PEER ":9", A ":5", data, sizeof data));
    desk_poll(b);
    {
        static uint8_t out[65000];

        assert_int_equal(desk_read(b, s, out, sizeof out), sizeof out);
        assert_memory_equal(out, data, sizeof data);
    }
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
}

static void batch_is_returned_in_any_order_with_gaps(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_buf *v[6] = {NULL};
    int i;

    (void)state;
    for (i = 0; i < 4; i++)
        arrive(A ":5");
    v[4] = receive(s).buf;
    v[1] = receive(s).buf;
    v[0] = receive(s).buf;
    v[5] = receive(s).buf;
    assert_int_equal(held(), 4);
    via_buf_release(b->st, v, 6); /* NULLs are passed over */
    assert_int_equal(held(), 0);
    assert_int_equal(desk_frames_used(b), 0);
}

static void each_holder_releases_once(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_seg seg;
    int i;

    (void)state;
    arrive(A ":5");
    seg = receive(s);
    via_buf_ref(b->st, seg.buf);
    via_buf_ref(b->st, seg.buf);
    for (i = 0; i < 3; i++) {
        assert_int_equal(held(), 1);
        assert_memory_equal(seg.data, "abcd", 4);
        via_buf_release(b->st, &seg.buf, 1);
    }
    assert_int_equal(held(), 0);
    assert_int_equal(desk_frames_used(b), 0);
}

static void buffer_outlives_its_socket_and_interface(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_seg seg;

    (void)state;
    arrive(A ":5");
    seg = receive(s);
    via_buf_ref(b->st, seg.buf);
    assert_int_equal(via_sock_close(b->st, s, 0), 0);
    assert_int_equal(via_vi_close(port->vi), 0);
    desk_poll(b);
    assert_memory_equal(seg.data, "abcd", 4);
    assert_int_equal(via_stack_destroy(b->st, 0), -EBUSY);
    assert_true(strlen(via_why(b->st)) > 10);
    via_buf_release(b->st, &seg.buf, 1);
    via_buf_release(b->st, &seg.buf, 1);
    assert_int_equal(held(), 0);
}

static void referenced_buffer_is_sent_to_many(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_seg seg;
    const uint8_t *data, *at;
    uint64_t first = port->sent_n;
    int i;

    (void)state;
    arrive(A ":5");
    seg = receive(s);
    at = seg.data;
    port->reap = 0;
    via_buf_ref(b->st, seg.buf);
    via_buf_ref(b->st, seg.buf);
    via_buf_ref(b->st, seg.buf);
    for (i = 0; i < 3; i++)
        assert_int_equal(send_seg(s, &seg, PEER ":7"), 1);
    for (i = 0; i < 3; i++) {
        assert_int_equal(desk_payload(desk_sent(b, 1, first + (uint64_t)i), &data), 4);
        assert_memory_equal(data, "abcd", 4);
    }
    /* The first goes as it lies; while it is in flight the others are copies, and that is counted. */
    assert_ptr_equal(port->dev->mem + desk_sent(b, 1, first)->addr + HEADS, at);
    assert_int_equal(desk_stat(b, "udp", "tx_copied_bytes"), 8);
    assert_memory_equal(seg.data, "abcd", 4); /* ours still */
    port->reap = DESK_ALL;
    desk_poll(b);
    assert_int_equal(held(), 1);
    assert_int_equal(send_seg(s, &seg, PEER ":7"), 1); /* the last hold goes with it */
    desk_poll(b);
    desk_poll(b);
    assert_int_equal(held(), 0);
    assert_int_equal(desk_frames_used(b), 0);
}

static void referenced_buffer_is_released_while_in_flight(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_seg seg;

    (void)state;
    assert_int_equal(via_buf_alloc(b->st, 10, &seg), 0);
    port->reap = 0;
    via_buf_ref(b->st, seg.buf);
    assert_int_equal(send_seg(s, &seg, PEER ":7"), 1);
    desk_poll(b);
    via_buf_release(b->st, &seg.buf, 1);
    assert_int_equal(desk_frames_used(b), 1);
    port->reap = DESK_ALL;
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
    assert_int_equal(held(), 0);
}

static void referenced_buffer_with_a_token_comes_back(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_seg seg;
    struct via_dgram d;
    struct via_done done;

    (void)state;
    assert_int_equal(via_buf_alloc(b->st, 10, &seg), 0);
    via_buf_ref(b->st, seg.buf);
    d = (struct via_dgram){.seg = seg, .peer = desk_ep(PEER ":7"), .token = 5};
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_FLUSH), 1);
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
    assert_int_equal(held(), 1);
    d.token = 6;
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_FLUSH), 1); /* it can be sent again */
    assert_int_equal(desk_stat(b, "udp", "tx_copied_bytes"), 0);
    desk_poll(b);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
    assert_int_equal(done.token, 6);
    assert_int_equal(held(), 0);
    assert_int_equal(desk_frames_used(b), 0);
}

static void holding_everything_costs_datagrams_and_not_the_rings(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_buf *v[1024];
    struct via_dgram d;
    unsigned n = 0, i;

    (void)state;
    for (i = 0; i < 3000; i++) {
        assert_true(desk_dgram(b, 1, PEER ":9", A ":5", "abcd", 4)); /* the ring always has an empty frame */
        desk_poll(b);
        while (via_udp_recv(b->st, s, &d, 1) == 1)
            v[n++] = d.seg.buf;
    }
    assert_in_range(n, 800, 1000);
    assert_int_equal(held(), n);
    assert_int_equal(desk_drops(b, "NO_BUFFER"), 3000 - n);
    assert_true(port->lent_n >= 32);
    via_buf_release(b->st, v, n);
    for (i = 0; i < 100; i++)
        arrive(A ":5");
    for (i = 0; i < 100; i++)
        v[i] = receive(s).buf;
    via_buf_release(b->st, v, 100);
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
    assert_int_equal(port->lent_n, 64);
}

static void not_reading_at_all_costs_datagrams_and_not_the_rings(void **state) {
    via_sock_t s = desk_open(b, A ":5"), t = desk_open(b, A ":6");
    struct via_seg seg;
    unsigned i;

    (void)state;
    for (i = 0; i < 2000; i++) {
        assert_true(desk_dgram(b, 1, PEER ":9", A ":5", "abcd", 4));
        desk_poll(b);
    }
    assert_true(desk_drops(b, "NO_BUFFER") > 900);
    via_sock_close(b->st, s, 0); /* what waited is given back */
    arrive(A ":6");
    seg = receive(t);
    via_buf_release(b->st, &seg.buf, 1);
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
}

static void quota_of_held_frames_is_kept(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_seg seg[11];
    unsigned i;

    (void)state;
    for (i = 0; i < 10; i++) {
        arrive(A ":5");
        seg[i] = receive(s);
    }
    arrive(A ":5");
    assert_int_equal(desk_drops(b, "NO_BUFFER"), 1);
    via_buf_release(b->st, &seg[3].buf, 1);
    arrive(A ":5");
    seg[3] = receive(s);
    assert_int_equal(held(), 10);
    for (i = 0; i < 10; i++)
        via_buf_release(b->st, &seg[i].buf, 1);
    assert_int_equal(held(), 0);
}

struct remote {
    struct via_stack *st;
    struct via_buf *buf[100];
};

static void *release_all(void *arg) {
    struct remote *r = arg;
    int i;

    for (i = 0; i < 100; i++)
        if (via_buf_release_remote(r->st, r->buf[i]))
            return arg;
    return NULL;
}

static void other_threads_release_at_the_next_poll(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct remote r = {.st = b->st};
    pthread_t thread;
    void *failed;
    int i;

    (void)state;
    for (i = 0; i < 100; i++) {
        arrive(A ":5");
        r.buf[i] = receive(s).buf;
    }
    assert_int_equal(pthread_create(&thread, NULL, release_all, &r), 0);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(held(), 100);
    desk_poll(b);
    assert_int_equal(held(), 0);
    assert_int_equal(desk_frames_used(b), 0);
}

/* Everything that a busy program does, once. */
static void one_round(via_sock_t s, struct via_epoll *set, struct via_timer *t) {
    struct via_event ev[8];
    struct via_dgram d;
    struct via_done done;
    struct via_seg seg;

    desk_dgram(b, 1, PEER ":9", A ":5", "abcd", 4);
    assert_int_equal(via_epoll_poll(set, ev, 8, 0), 1);
    assert_int_equal(via_udp_recv(b->st, s, &d, 1), 1);
    via_epoll_rearm(set, s);
    d.token = 7;
    d.peer = desk_ep(PEER ":7");
    assert_int_equal(via_udp_send(b->st, s, &d, 1, VIA_FLUSH), 1);
    assert_int_equal(desk_send(b, s, PEER ":7", 3000, 1), 1);
    assert_int_equal(via_buf_alloc(b->st, 100, &seg), 0);
    via_buf_release(b->st, &seg.buf, 1);
    via_timer_start(b->st, t, b->now + VIA_MS, t->fn);
    desk_wait(b, 2 * VIA_MS);
    while (via_epoll_poll(set, ev, 8, 0) > 0)
        ;
    while (via_tx_done(b->st, &done, 1))
        ;
}

static void ring_again(struct via_stack *st, struct via_timer *t) {
    ++*(int *)t->arg;
    if (*(int *)t->arg & 1)
        via_timer_start(st, t, via_stack_now(st) + 100 * VIA_US, ring_again);
}

static void data_path_allocates_nothing(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    int rings = 0, i;
    struct via_timer t = {.fn = ring_again, .arg = &rings};
    struct via_epoll *set;
    uint64_t before;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_IN | VIA_EV_DONE, 0), 0);
    one_round(s, set, &t);
    before = alloc_rig_calls();
    for (i = 0; i < 1000; i++)
        one_round(s, set, &t);
    assert_int_equal(alloc_rig_calls(), before);
    assert_true(rings >= 1000);
    via_timer_stop(b->st, &t);
    assert_int_equal(via_epoll_destroy(set), 0);
    if (!alloc_rig_works())
        skip();
}

static void sockets_and_sets_allocate_nothing(void **state) {
    struct via_epoll *set;
    uint64_t before = alloc_rig_calls();
    via_sock_t s[200];
    int i;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    for (i = 0; i < 200; i++) {
        struct via_ep any = via_ep_any(VIA_AF_4, 0);

        assert_int_equal(via_udp_open(b->st, NULL, &any, &s[i]), 0);
        assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s[i], VIA_EV_IN, 0), 0);
    }
    for (i = 0; i < 200; i++)
        via_sock_close(b->st, s[i], 0);
    assert_int_equal(via_epoll_destroy(set), 0);
    assert_int_equal(alloc_rig_calls(), before);
}

#define CASE(fn)       cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
#define JUMBO_CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up_jumbo, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(alloc_refuses_what_cannot_be),
        CASE(allocated_chain_can_be_walked),
        JUMBO_CASE(received_chain_of_65000_bytes_is_lent_whole),
        CASE(batch_is_returned_in_any_order_with_gaps),
        CASE(each_holder_releases_once),
        CASE(buffer_outlives_its_socket_and_interface),
        CASE(referenced_buffer_is_sent_to_many),
        CASE(referenced_buffer_is_released_while_in_flight),
        CASE(referenced_buffer_with_a_token_comes_back),
        CASE(holding_everything_costs_datagrams_and_not_the_rings),
        CASE(not_reading_at_all_costs_datagrams_and_not_the_rings),
        cmocka_unit_test_setup_teardown(quota_of_held_frames_is_kept, set_up_quota, tear_down),
        CASE(other_threads_release_at_the_next_poll),
        CASE(sockets_and_sets_allocate_nothing),
        CASE(data_path_allocates_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
