/* SPDX-License-Identifier: BSD-2-Clause */
/* stack_test.c - the engine: making and ending, hooks, polling by budgets, calls of other threads. */
#include "desk.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define A    "10.0.1.1"
#define PEER "10.0.1.2"

static struct desk *b;

static int set_up(void **state) {
    (void)state;
    b = desk_new(3, "frames=1024");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

static struct via_attr *small(void) {
    struct via_attr *a;

    assert_int_equal(via_attr_new("frames=64;huge_pages=off;max_udp=16;max_timers=1;max_epoll=4;clones=0", &a), 0);
    return a;
}

static void create_refuses_bad_arguments(void **state) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    char why[VIA_WHY] = "";
    struct via_stack *st;

    (void)state;
    conf.why = why;
    assert_int_equal(via_stack_create(&conf, NULL), -EINVAL);
    assert_true(strlen(why) > 10);
    conf.size--;
    assert_int_equal(via_stack_create(&conf, &st), -EINVAL);
}

struct heap {
    unsigned allocs, frees, fail_at;
    size_t bytes;
};

static void *heap_alloc(void *ctx, size_t size) {
    struct heap *h = ctx;

    if (++h->allocs == h->fail_at)
        return NULL;
    h->bytes += size;
    return calloc(1, size);
}

static void heap_free(void *ctx, void *p) {
    struct heap *h = ctx;

    h->frees += p != NULL;
    free(p);
}

static void memory_comes_through_the_hooks_and_goes_back(void **state) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct heap heap = {.allocs = 0};
    struct via_stack *st;
    struct via_vi *vi;

    (void)state;
    conf.attr = small();
    conf.allocator = (struct via_allocator){heap_alloc, heap_free, &heap};
    assert_int_equal(via_stack_create(&conf, &st), 0);
    assert_int_equal(via_vi_open(st, "null:", NULL, &vi), 0);
    assert_true(heap.allocs >= 2);
    assert_int_equal(via_stack_destroy(st, 0), 0);
    assert_int_equal(heap.frees, heap.allocs);
    via_attr_free((struct via_attr *)(uintptr_t)conf.attr);
}

static void every_failing_allocation_is_survived(void **state) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    char why[VIA_WHY];
    struct via_stack *st;
    unsigned i;

    (void)state;
    conf.attr = small();
    conf.why = why;
    for (i = 1;; i++) {
        struct heap heap = {.fail_at = i};
        int err;

        why[0] = '\0';
        conf.allocator = (struct via_allocator){heap_alloc, heap_free, &heap};
        err = via_stack_create(&conf, &st);
        if (!err) {
            assert_true(heap.allocs < i);
            assert_int_equal(via_stack_destroy(st, 0), 0);
            break;
        }
        assert_int_equal(err, -ENOMEM);
        assert_true(strlen(why) > 10);
        assert_int_equal(heap.frees, heap.allocs - 1);
    }
    assert_true(i > 2);
    via_attr_free((struct via_attr *)(uintptr_t)conf.attr);
}

static unsigned open_fds(void) {
    unsigned n = 0;
    int fd;

    for (fd = 0; fd < 1024; fd++)
        n += dup2(fd, fd) == fd;
    return n;
}

static void stack_leaves_no_descriptor_behind(void **state) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    unsigned before = open_fds(), i;
    struct via_stack *st[2];
    struct via_epoll *set;
    struct via_vi *vi[2];

    (void)state;
    conf.attr = small();
    for (i = 0; i < 2; i++)
        assert_int_equal(via_stack_create(&conf, &st[i]), 0);
    assert_int_equal(via_vi_pair(st[0], st[1], NULL, vi), 0);
    assert_true(via_wait_fd(st[0]) >= 0);
    assert_int_equal(via_epoll_create(st[0], NULL, &set), 0); /* not destroyed: goes with its stack */
    assert_int_equal(via_wait_arm(st[0], 0) < 0, 0);
    for (i = 0; i < 2; i++)
        assert_int_equal(via_stack_destroy(st[i], 0), 0);
    assert_int_equal(open_fds(), before);
    via_attr_free((struct via_attr *)(uintptr_t)conf.attr);
}

static void destroy_is_refused_while_buffers_are_held_unless_forced(void **state) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_stack *st;
    struct via_seg seg;

    (void)state;
    conf.attr = small();
    assert_int_equal(via_stack_create(&conf, &st), 0);
    assert_int_equal(via_buf_alloc(st, 10, &seg), 0);
    assert_int_equal(via_stack_destroy(st, 0), -EBUSY);
    assert_true(strlen(via_why(st)) > 10);
    assert_int_equal(via_stack_destroy(st, VIA_FORCE), 0);
    via_attr_free((struct via_attr *)(uintptr_t)conf.attr);
}

static void stacks_do_not_know_each_other(void **state) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_stack *st[8];
    via_sock_t s[8];
    int i, x[8];

    (void)state;
    conf.attr = small();
    for (i = 0; i < 8; i++) {
        struct via_ep any = via_ep_any(VIA_AF_4, 5);

        conf.user = &x[i];
        assert_int_equal(via_stack_create(&conf, &st[i]), 0);
        assert_int_equal(via_udp_open(st[i], NULL, &any, &s[i]), 0);
    }
    for (i = 7; i >= 0; i--) {
        assert_ptr_equal(via_stack_user(st[i]), &x[i]);
        assert_int_equal(via_sock_close(st[i], s[i], 0), 0);
        assert_int_equal(via_sock_close(st[i], s[i], 0), -EBADF);
        assert_int_equal(via_stack_destroy(st[i], 0), 0);
    }
    via_attr_free((struct via_attr *)(uintptr_t)conf.attr);
}

static void same_seed_makes_the_same_choices(void **state) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    uint16_t port[3][20];
    int i, j;

    (void)state;
    conf.attr = small();
    for (i = 0; i < 3; i++) {
        struct via_stack *st;

        conf.seed = i < 2 ? 42 : 0;
        assert_int_equal(via_stack_create(&conf, &st), 0);
        for (j = 0; j < 10; j++) {
            struct via_ep any = via_ep_any(VIA_AF_4, 0), local;
            via_sock_t s;

            assert_int_equal(via_udp_open(st, NULL, &any, &s), 0);
            assert_int_equal(via_sock_names(st, s, &local, NULL), 0);
            port[i][j] = local.port;
        }
        assert_int_equal(via_stack_destroy(st, 0), 0);
    }
    assert_memory_equal(port[0], port[1], 10 * sizeof port[0][0]);
    assert_memory_not_equal(port[0], port[2], 10 * sizeof port[0][0]);
    via_attr_free((struct via_attr *)(uintptr_t)conf.attr);
}

static void time_never_runs_backwards(void **state) {
    (void)state;
    via_stack_poll_at(b->st, 100 * VIA_SEC, 0, NULL);
    assert_int_equal(via_stack_now(b->st), 100 * VIA_SEC);
    via_stack_poll_at(b->st, 50 * VIA_SEC, 0, NULL);
    assert_int_equal(via_stack_now(b->st), 100 * VIA_SEC);
    b->now = 200 * VIA_SEC;
    via_stack_poll(b->st, 0, NULL); /* by the clock of the configuration */
    assert_int_equal(via_stack_now(b->st), 200 * VIA_SEC);
}

static void arrive(uint32_t port, unsigned n) {
    static const char *const from[] = {"", "10.0.1.2:9", "10.0.2.2:9", "10.0.3.2:9"};
    static const char *const to[] = {"", "10.0.1.1:5", "10.0.2.1:5", "10.0.3.1:5"};

    while (n--)
        assert_true(desk_dgram(b, port, from[port], to[port], "x", 1));
}

static void round_takes_at_most_its_budget_from_each_interface(void **state) {
    struct via_work w;

    (void)state;
    desk_open(b, "0.0.0.0:5");
    arrive(1, 10);
    arrive(2, 3);
    arrive(3, 4);
    via_stack_poll_at(b->st, b->now, 4, &w);
    assert_int_equal(w.rx, 4 + 3 + 4);
    assert_int_equal(w.more, 1);
    via_stack_poll_at(b->st, b->now, 4, &w);
    assert_int_equal(w.rx, 4);
    assert_int_equal(w.more, 1);
    via_stack_poll_at(b->st, b->now, 4, &w);
    assert_int_equal(w.rx, 2);
    assert_int_equal(w.more, 0);
    via_stack_poll_at(b->st, b->now, 4, &w);
    assert_int_equal(w.rx, 0);
}

static void interfaces_take_turns_in_being_first(void **state) {
    via_sock_t s = desk_open(b, "0.0.0.0:5");
    uint32_t first[4] = {0}, i;
    struct via_dgram d[3];

    (void)state;
    for (i = 0; i < 30; i++) {
        uint32_t j;

        arrive(1, 1);
        arrive(2, 1);
        arrive(3, 1);
        desk_poll(b);
        assert_int_equal(via_udp_recv(b->st, s, d, 3), 3);
        first[d[0].iface]++;
        for (j = 0; j < 3; j++)
            via_buf_release(b->st, &d[j].seg.buf, 1);
    }
    for (i = 1; i <= 3; i++)
        assert_int_equal(first[i], 10);
}

static void work_is_counted(void **state) {
    via_sock_t s = desk_open(b, A ":5");
    struct via_epoll *set;
    struct via_event ev;
    struct via_work w;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_IN, 0), 0);
    assert_int_equal(via_stack_poll_at(b->st, b->now, 0, &w), 0);
    assert_int_equal(w.rx + w.tx + w.events + w.timers + w.more, 0);
    arrive(1, 2);
    assert_int_equal(via_stack_poll_at(b->st, b->now, 0, &w), 1);
    assert_int_equal(w.rx, 2);
    assert_int_equal(w.events, 1);                                /* one record for both */
    assert_int_equal(via_stack_poll_at(b->st, b->now, 0, &w), 1); /* it still waits to be fetched */
    assert_int_equal(via_epoll_poll(set, &ev, 1, 0), 1);
    assert_int_equal(via_stack_poll_at(b->st, b->now, 0, &w), 0);
    assert_int_equal(via_epoll_destroy(set), 0);
    arrive(1, 1);
    assert_int_equal(via_stack_poll_at(b->st, b->now, 0, NULL), 1); /* without sets: a datagram came */
}

static int order[4000], orders;

static void note_call(struct via_stack *st, void *arg) {
    (void)st;
    order[orders++] = (int)(intptr_t)arg;
}

static void again(struct via_stack *st, void *arg) {
    orders++;
    assert_int_equal(via_stack_defer(st, again, arg), 0);
}

static void deferred_calls_run_in_order_at_the_next_poll(void **state) {
    struct via_work w;
    intptr_t i;

    (void)state;
    orders = 0;
    assert_int_equal(via_stack_defer(b->st, NULL, NULL), -EINVAL);
    for (i = 0; i < 1024; i++)
        assert_int_equal(via_stack_defer(b->st, note_call, (void *)i), 0);
    assert_int_equal(via_stack_defer(b->st, note_call, NULL), -ENOBUFS);
    assert_int_equal(orders, 0);
    via_stack_poll_at(b->st, b->now, 0, &w);
    assert_int_equal(orders, 1024);
    assert_int_equal(w.events, 1024);
    for (i = 0; i < 1024; i++)
        assert_int_equal(order[i], i);
}

static void call_that_defers_itself_does_not_hold_the_poll(void **state) {
    (void)state;
    orders = 0;
    assert_int_equal(via_stack_defer(b->st, again, NULL), 0);
    desk_poll(b);
    assert_in_range(orders, 1, 1024);
    assert_int_equal(via_wait_arm(b->st, 0), 1);
}

static void *defer_many(void *arg) {
    intptr_t who = (intptr_t)arg, i;

    for (i = 0; i < 1000; i++)
        while (via_stack_defer(b->st, note_call, (void *)(who * 1000 + i)))
            sched_yield();
    return NULL;
}

static void calls_of_one_thread_keep_their_order(void **state) {
    pthread_t thread[4];
    int next[4] = {0}, i;
    intptr_t t;

    (void)state;
    orders = 0;
    for (t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, defer_many, (void *)t), 0);
    while (orders < 4000)
        desk_poll(b);
    for (t = 0; t < 4; t++)
        pthread_join(thread[t], NULL);
    for (i = 0; i < 4000; i++)
        assert_int_equal(order[i] % 1000, next[order[i] / 1000]++);
}

static void injected_frame_is_received_like_any_other(void **state) {
    via_sock_t s = desk_open(b, "0.0.0.0:5");
    struct via_ep from = desk_ep(PEER ":9"), to = desk_ep(A ":5");
    struct via_dgram d;
    uint8_t frame[128];
    uint32_t len = desk_build(1, &from, &to, "hello", 5, frame);

    (void)state;
    assert_int_equal(via_vi_inject(b->port[1].vi, frame, len, 12345), 0);
    assert_int_equal(via_vi_inject(b->port[1].vi, NULL, len, 0), -EINVAL);
    assert_int_equal(via_vi_inject(b->port[1].vi, frame, 100000, 0), -EMSGSIZE);
    assert_true(via_stack_pending(b->st));
    assert_int_equal(via_wait_arm(b->st, 0), 1);
    desk_poll(b);
    assert_int_equal(via_udp_recv(b->st, s, &d, 1), 1);
    assert_int_equal(d.ts, 12345);
    assert_memory_equal(d.seg.data, "hello", 5);
    via_buf_release(b->st, &d.seg.buf, 1);
}

static void long_packet_is_taken_whole_by_the_smallest_budget(void **state) {
    static uint8_t data[9000];
    via_sock_t s;
    size_t i;

    (void)state;
    desk_end(b);
    b = desk_new_as(1, "frames=1024", VIA_VI_JUMBO, 65535);
    s = desk_open(b, "0.0.0.0:5");
    for (i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    for (i = 0; i < 3; i++)
        assert_true(desk_dgram(b, 1, PEER ":9", A ":5", data, sizeof data));
    for (i = 0; i < 3; i++) {
        uint8_t got[9000];

        via_stack_poll_at(b->st, b->now, 1, NULL);
        assert_int_equal(desk_read(b, s, got, sizeof got), sizeof data);
        assert_memory_equal(got, data, sizeof data);
    }
}

static void deadline_covers_everything(void **state) {
    struct via_timer t = {.slot = 0};

    (void)state;
    assert_int_equal(via_stack_deadline(b->st), VIA_NEVER);
    assert_int_equal(via_timer_start(b->st, &t, b->now + VIA_SEC, NULL), -EINVAL);
    assert_int_equal(via_stack_deadline(b->st), VIA_NEVER);
    desk_open(b, A ":5");
    assert_int_equal(desk_send(b, desk_open(b, A ":6"), "10.0.1.77:5", 4, 1), 1); /* somebody has to be asked for */
    desk_poll(b);
    assert_in_range(via_stack_deadline(b->st), b->now, b->now + 2 * VIA_SEC);
    desk_wait(b, 10 * VIA_SEC);
}

struct deferred {
    struct via_timer timer;
    unsigned rang;
    bool done;
};

static void mark_done(struct via_stack *st, void *arg) {
    (void)st;
    *(bool *)arg = true;
}

static void ring(struct via_stack *st, struct via_timer *t) {
    (void)st;
    ((struct deferred *)t->arg)->rang++;
}

/* What stack.h promises of the inside of a deferred call. */
static void do_everything(struct via_stack *st, void *arg) {
    struct deferred *d = arg;
    struct via_ifaddr a = {.prefix = 24, .flags = VIA_ADDR_NODAD};
    struct via_vi_info info = VIA_VI_INFO_INIT;
    struct iovec iov = {(void *)(uintptr_t) "hello", 5};
    struct via_dgram m = {.iov = &iov, .iovcnt = 1};
    struct via_epoll *set;
    struct via_vi *vi;
    via_sock_t s;

    assert_int_equal(via_vi_open(st, "null:", NULL, &vi), 0);
    assert_int_equal(via_vi_info(vi, &info), 0);
    assert_int_equal(via_addr_parse("10.7.0.1", &a.addr, NULL), 0);
    a.iface = info.index;
    assert_int_equal(via_ctrl_addr(st, VIA_CTRL_ADD, &a), 0);
    assert_int_equal(via_ep_parse("10.7.0.1:7", &m.peer), 0);
    assert_int_equal(via_udp_open(st, NULL, &m.peer, &s), 0);
    assert_int_equal(via_epoll_create(st, NULL, &set), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_IN, 0), 0);
    assert_int_equal(via_udp_send(st, s, &m, 1, VIA_FLUSH), 1);
    d->timer.arg = d;
    assert_int_equal(via_timer_start(st, &d->timer, via_stack_now(st), ring), 0);
    assert_int_equal(via_stack_defer(st, mark_done, &d->done), 0);
    assert_int_equal(via_epoll_destroy(set), 0);
    assert_int_equal(via_sock_close(st, s, 0), 0);
    assert_int_equal(via_vi_close(vi), 0);
}

static void deferred_calls_may_do_all_but_poll(void **state) {
    struct deferred d = {.rang = 0};
    unsigned i;

    (void)state;
    desk_end(b);
    b = desk_new(1, "frames=1024");
    for (i = 0; i < 3; i++) {
        assert_int_equal(via_stack_defer(b->st, do_everything, &d), 0);
        desk_poll(b);
        assert_true(d.done); /* what was deferred inside ran in the same round */
        assert_int_equal(d.rang, i + 1);
        d.done = false;
    }
}

struct sock_counts {
    unsigned sockets;
    uint64_t queued, drops;
};

static int count_socks(const struct via_stat *s, void *arg) {
    struct sock_counts *n = arg;

    if (strcmp(s->object, "udp_socket"))
        return 0;
    n->sockets += !strcmp(s->name, "queued");
    n->queued += strcmp(s->name, "queued") ? 0 : s->value;
    n->drops += strcmp(s->name, "drops") ? 0 : s->value;
    return 0;
}

static void open_sockets_have_counters_of_their_own(void **state) {
    struct sock_counts n = {0, 0, 0};
    via_sock_t s = desk_open(b, "10.0.1.1:5"), t = desk_open(b, "10.0.1.1:6");
    int i, two = 2;

    (void)state;
    assert_int_equal(via_sock_setopt(b->st, s, VIA_OPT_RCVBUF, &two, sizeof two), 0);
    for (i = 0; i < 5; i++) {
        desk_dgram(b, 1, "10.0.1.2:9", "10.0.1.1:5", "abcd", 4);
        desk_poll(b);
    }
    assert_int_equal(via_stats_walk(b->st, count_socks, &n), 0);
    assert_int_equal(n.sockets, 2);
    assert_int_equal(n.queued, 2);
    assert_int_equal(n.drops, 3);
    via_sock_close(b->st, s, 0);
    via_sock_close(b->st, t, 0);
    n = (struct sock_counts){0, 0, 0};
    assert_int_equal(via_stats_walk(b->st, count_socks, &n), 0);
    assert_int_equal(n.sockets, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses_bad_arguments),
        cmocka_unit_test(memory_comes_through_the_hooks_and_goes_back),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(stack_leaves_no_descriptor_behind),
        cmocka_unit_test(destroy_is_refused_while_buffers_are_held_unless_forced),
        cmocka_unit_test(stacks_do_not_know_each_other),
        cmocka_unit_test(same_seed_makes_the_same_choices),
        CASE(time_never_runs_backwards),
        CASE(round_takes_at_most_its_budget_from_each_interface),
        CASE(interfaces_take_turns_in_being_first),
        CASE(work_is_counted),
        CASE(deferred_calls_run_in_order_at_the_next_poll),
        CASE(call_that_defers_itself_does_not_hold_the_poll),
        CASE(calls_of_one_thread_keep_their_order),
        CASE(injected_frame_is_received_like_any_other),
        CASE(long_packet_is_taken_whole_by_the_smallest_budget),
        CASE(deadline_covers_everything),
        CASE(deferred_calls_may_do_all_but_poll),
        CASE(open_sockets_have_counters_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
