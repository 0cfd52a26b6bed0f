/* SPDX-License-Identifier: BSD-2-Clause */
/* A stack in a libev loop: it sleeps when it may, and wakes for everything that it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <viaduct_ev.h>

#define LATE 5.0 /* seconds after which a test has failed: nothing here waits for so long */

struct rig {
    struct ev_loop *loop;
    struct via_stack *st[2];
    struct via_vi *vi[2];
    struct via_epoll *set;
    struct via_ev place[2];
    via_sock_t from, to[2];
    struct ev_timer late, soon;
    unsigned events, calls;
    unsigned seen[64];
    bool was_late;
};

static void on_late(struct ev_loop *loop, struct ev_timer *w, int what) {
    (void)what;
    ((struct rig *)w->data)->was_late = true;
    ev_break(loop, EVBREAK_ALL);
}

static via_sock_t open_sock(struct via_stack *st, uint32_t be, uint16_t port) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    struct via_ep e = via_ep4(be, port);
    via_sock_t s;

    assert_int_equal(via_udp_open(st, &conf, &e, &s), 0);
    return s;
}

static void add_addr(struct via_stack *st, uint32_t be) {
    struct via_ifaddr a = {.iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};

    a.addr = via_addr_from4(be);
    assert_int_equal(via_ctrl_addr(st, VIA_CTRL_ADD, &a), 0);
}

/* Two stacks on a cable; sockets of the second in an ordered set. No timer of their own runs in an idle stack. */
static int set_up(void **state) {
    struct rig *r = calloc(1, sizeof *r);
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct via_attr *attr;
    int i;

    assert_int_equal(via_attr_new("linklocal=off;accept_ra=off;frames=1024", &attr), 0);
    conf.attr = attr;
    for (i = 0; i < 2; i++) {
        conf.seed = 1 + (uint64_t)i;
        assert_int_equal(via_stack_create(&conf, &r->st[i]), 0);
    }
    via_attr_free(attr);
    assert_int_equal(via_vi_pair(r->st[0], r->st[1], NULL, r->vi), 0);
    add_addr(r->st[0], htonl(0xc0000201));
    add_addr(r->st[1], htonl(0xc0000202));
    r->from = open_sock(r->st[0], htonl(0xc0000201), 0);
    assert_int_equal(via_epoll_create(r->st[1], &set, &r->set), 0);
    for (i = 0; i < 2; i++) {
        r->to[i] = open_sock(r->st[1], htonl(0xc0000202), (uint16_t)(100 + i));
        assert_int_equal(via_epoll_ctl(r->set, VIA_EPOLL_ADD, r->to[i], VIA_EV_IN, (uint64_t)i), 0);
    }
    r->loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&r->late, on_late, LATE, 0);
    r->late.data = r;
    *state = r;
    return 0;
}

static int tear_down(void **state) {
    struct rig *r = *state;

    via_ev_stop(&r->place[0]);
    via_ev_stop(&r->place[1]);
    ev_loop_destroy(r->loop);
    via_epoll_destroy(r->set);
    assert_int_equal(via_stack_destroy(r->st[0], VIA_FORCE), 0);
    assert_int_equal(via_stack_destroy(r->st[1], VIA_FORCE), 0);
    free(r);
    return 0;
}

static void send_to(struct rig *r, int i) {
    static const char text[] = "x";
    struct iovec iov = {(void *)(uintptr_t)text, 1};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};

    d.peer = via_ep4(htonl(0xc0000202), (uint16_t)(100 + i));
    assert_int_equal(via_udp_send(r->st[0], r->from, &d, 1, VIA_FLUSH), 1);
}

static void start(struct rig *r, int i, bool hold, void (*event)(const struct via_event *, void *)) {
    struct via_ev_conf conf = VIA_EV_CONF_INIT;

    conf.hold = hold;
    conf.arg = r;
    conf.set = event ? r->set : NULL;
    conf.event = event;
    assert_int_equal(via_ev_start(&r->place[i], r->loop, r->st[i], &conf), 0);
}

static void run(struct rig *r) {
    ev_timer_start(r->loop, &r->late);
    ev_unref(r->loop);
    ev_run(r->loop, 0);
    ev_ref(r->loop);
    assert_false(r->was_late);
}

static void note(struct rig *r, const struct via_event *ev) {
    struct via_dgram d;

    while (via_udp_recv(r->st[1], ev->sock, &d, 1) == 1) {
        if (r->events < 64)
            r->seen[r->events] = (unsigned)ev->user;
        r->events++;
        via_buf_release(r->st[1], &d.seg.buf, 1);
    }
}

static void until_six(const struct via_event *ev, void *arg) {
    struct rig *r = arg;

    note(r, ev);
    if (r->events == 6)
        ev_break(r->loop, EVBREAK_ALL);
}

static void send_six(struct ev_loop *loop, struct ev_timer *w, int what) {
    static const int to[] = {0, 0, 1, 0, 1, 1};
    int i;

    (void)loop;
    (void)what;
    for (i = 0; i < 6; i++)
        send_to(w->data, to[i]);
}

static void datagrams_wake_a_sleeping_loop_and_come_in_wire_order(void **state) {
    static const unsigned order[] = {0, 0, 1, 0, 1, 1};
    struct rig *r = *state;

    start(r, 0, true, NULL);
    start(r, 1, true, until_six);
    ev_timer_init(&r->soon, send_six, 0.02, 0);
    r->soon.data = r;
    ev_timer_start(r->loop, &r->soon);
    run(r);
    assert_memory_equal(r->seen, order, sizeof order);
}

static void stop_loop(struct ev_loop *loop, struct ev_timer *w, int what) {
    (void)w;
    (void)what;
    ev_break(loop, EVBREAK_ALL);
}

static void idle_stacks_let_the_loop_sleep(void **state) {
    struct rig *r = *state;

    start(r, 0, true, NULL);
    start(r, 1, true, until_six);
    ev_timer_init(&r->soon, stop_loop, 0.1, 0);
    ev_timer_start(r->loop, &r->soon);
    run(r);
    assert_true(ev_iteration(r->loop) <= 4); /* one to look around, one for the timer, two to spare */
}

static void fired(struct via_stack *st, struct via_timer *t) {
    (void)st;
    ev_break(((struct rig *)t->arg)->loop, EVBREAK_ALL);
}

static void timer_of_the_stack_ends_the_sleep(void **state) {
    struct rig *r = *state;
    struct via_timer t = {.arg = r};

    start(r, 1, true, until_six);
    via_stack_poll(r->st[1], 0, NULL);
    assert_int_equal(via_timer_start(r->st[1], &t, via_stack_now(r->st[1]) + 20 * VIA_MS, fired), 0);
    run(r);
    assert_true(via_stack_now(r->st[1]) > 0);
    assert_true(ev_iteration(r->loop) <= 5);
}

#define CALLS 5000

static void called(struct via_stack *st, void *arg) {
    struct rig *r = arg;

    (void)st;
    if (++r->calls == CALLS)
        ev_break(r->loop, EVBREAK_ALL);
}

static void *call_often(void *arg) {
    struct rig *r = arg;
    int i;

    for (i = 0; i < CALLS; i++)
        while (via_stack_defer(r->st[1], called, r) < 0)
            ; /* 1024 wait already: the loop is busy with them */
    return NULL;
}

static void every_call_of_another_thread_wakes_the_loop(void **state) {
    struct rig *r = *state;
    pthread_t other;

    start(r, 1, true, until_six);
    assert_int_equal(pthread_create(&other, NULL, call_often, r), 0);
    run(r);
    pthread_join(other, NULL);
    assert_int_equal(r->calls, CALLS);
}

static void stop_at_once(const struct via_event *ev, void *arg) {
    struct rig *r = arg;

    note(r, ev);
    via_ev_stop(&r->place[1]);
    via_ev_stop(&r->place[0]);
}

static void stopping_in_a_callback_lets_the_loop_end(void **state) {
    struct rig *r = *state;

    start(r, 0, true, NULL);
    start(r, 1, true, stop_at_once);
    send_to(r, 0);
    run(r);
    assert_int_equal(r->events, 1);
}

static void stack_alone_does_not_hold_a_loop_unless_asked(void **state) {
    struct rig *r = *state;

    start(r, 0, false, NULL);
    start(r, 1, false, until_six);
    run(r);
    assert_int_equal(r->events, 0);
}

static void unread_events_keep_the_loop_turning(void **state) {
    struct rig *r = *state;

    start(r, 0, true, NULL);
    start(r, 1, true, NULL);
    send_to(r, 0);
    ev_timer_init(&r->soon, stop_loop, 0.05, 0);
    ev_timer_start(r->loop, &r->soon);
    run(r);
    assert_true(ev_iteration(r->loop) > 100);
}

static void bad_arguments_are_refused(void **state) {
    struct rig *r = *state;
    struct via_ev_conf conf = VIA_EV_CONF_INIT;

    assert_int_equal(via_ev_start(NULL, r->loop, r->st[0], &conf), -EINVAL);
    assert_int_equal(via_ev_start(&r->place[0], NULL, r->st[0], &conf), -EINVAL);
    assert_int_equal(via_ev_start(&r->place[0], r->loop, NULL, &conf), -EINVAL);
    conf.size--;
    assert_int_equal(via_ev_start(&r->place[0], r->loop, r->st[0], &conf), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(datagrams_wake_a_sleeping_loop_and_come_in_wire_order),
        TEST(idle_stacks_let_the_loop_sleep),
        TEST(timer_of_the_stack_ends_the_sleep),
        TEST(every_call_of_another_thread_wakes_the_loop),
        TEST(stopping_in_a_callback_lets_the_loop_end),
        TEST(stack_alone_does_not_hold_a_loop_unless_asked),
        TEST(unread_events_keep_the_loop_turning),
        TEST(bad_arguments_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
