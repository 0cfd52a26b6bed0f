/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait_test.c - sleeping: what keeps the owner awake, what wakes it, what it costs; by one thread with a clock of its
 * own, and against a second thread that wakes, defers and sends at random. Usage: unit.wait.wait [actions]
 */
#include "desk.h"

#include "base/rand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define A        "10.0.1.1"
#define PEER     "10.0.1.2"
#define TOO_LONG 20000 /* ms: a wake-up that takes so long is lost */
#define IN       VIA_EV_IN

static struct desk *b;

static int set_up(void **state) {
    (void)state;
    b = desk_new(1, "frames=512");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

static bool readable_within(int fd, int ms) {
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

static bool is_readable(void) {
    return readable_within(via_wait_fd(b->st), 0);
}

static void nothing(struct via_stack *st, void *arg) {
    (void)st;
    (void)arg;
}

static void count_ring(struct via_stack *st, struct via_timer *t) {
    (void)st;
    ++*(int *)t->arg;
}

static void fd_is_made_once_and_closed_on_exec(void **state) {
    int fd = via_wait_fd(b->st);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(via_wait_fd(b->st), fd);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_false(is_readable());
    errno = 77;
    via_wait_fd(b->st);
    via_wait_arm(b->st, 0);
    via_stack_wake(b->st);
    desk_poll(b);
    assert_int_equal(errno, 77); /* errno is never touched */
}

static void idle_stack_may_sleep(void **state) {
    (void)state;
    assert_int_equal(via_stack_deadline(b->st), VIA_NEVER);
    assert_false(via_stack_pending(b->st));
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    via_wait_disarm(b->st);
    via_wait_disarm(b->st);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
}

static void plain_loop_waits_only_without_work(void **state) {
    via_sock_t s = desk_open(b, A ":1");
    char data[4];

    (void)state;
    assert_int_equal(via_wait_before(b->st, 250), 250);
    assert_int_equal(via_wait_after(b->st), 0);
    assert_true(desk_dgram(b, 1, PEER ":9", A ":1", "x", 1));
    assert_int_equal(via_wait_before(b->st, 250), 0);
    assert_int_equal(via_wait_after(b->st), 1);
    assert_int_equal(via_udp_read(b->st, s, data, sizeof data, NULL), 1);
    assert_int_equal(via_wait_before(b->st, -1), -1);
}

static void waiting_event_keeps_awake(void **state) {
    via_sock_t s = desk_open(b, A ":1");
    struct via_epoll *o;
    struct via_event ev;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &o), 0);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_ADD, s, IN, 0), 0);
    assert_true(desk_dgram(b, 1, PEER ":9", A ":1", "x", 1));
    assert_true(via_stack_pending(b->st));
    assert_int_equal(via_wait_arm(b->st, 0), 1); /* the frame */
    desk_poll(b);
    assert_int_equal(via_wait_arm(b->st, 0), 1); /* the event */
    assert_int_equal(via_epoll_poll(o, &ev, 1, 0), 1);
    assert_int_equal(via_wait_arm(b->st, 0), 0); /* unread data does not: it was announced */
    assert_int_equal(via_epoll_rearm(o, s), 1);
    assert_int_equal(via_wait_arm(b->st, 0), 1);
    assert_int_equal(via_epoll_destroy(o), 0);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
}

static void waiting_completion_keeps_awake(void **state) {
    via_sock_t s = desk_open(b, A ":1");
    struct iovec iov = {"x", 1};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .peer = desk_ep(PEER ":9"), .token = 1};
    struct via_done done;

    (void)state;
    assert_int_equal(via_udp_send(b->st, s, &d, 1, 0), 1);
    assert_int_equal(via_wait_arm(b->st, 0), 1); /* not even handed over */
    desk_poll(b);
    assert_int_equal(via_wait_arm(b->st, 0), 1);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
}

static void unfinished_round_keeps_awake(void **state) {
    struct via_work w;
    int i;

    (void)state;
    desk_open(b, A ":1");
    for (i = 0; i < 5; i++)
        assert_true(desk_dgram(b, 1, PEER ":9", A ":1", "x", 1));
    via_stack_poll_at(b->st, b->now, 2, &w);
    assert_int_equal(w.rx, 2);
    assert_int_equal(w.more, 1);
    assert_int_equal(via_wait_arm(b->st, 0), 1);
    via_stack_poll_at(b->st, b->now, 64, &w);
    assert_int_equal(w.rx, 3);
    assert_int_equal(w.more, 0);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
}

static void due_timer_keeps_awake_and_a_later_one_does_not(void **state) {
    int rings = 0;
    struct via_timer t = {.arg = &rings};

    (void)state;
    assert_int_equal(via_timer_start(b->st, &t, b->now + VIA_MS, count_ring), 0);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    b->now += 2 * VIA_MS;
    assert_true(via_stack_pending(b->st));
    assert_int_equal(via_wait_arm(b->st, 0), 1);
    desk_poll(b);
    assert_int_equal(rings, 1);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
}

static void wake_before_arming_is_not_forgotten(void **state) {
    (void)state;
    assert_int_equal(via_stack_wake(b->st), 0);
    assert_true(via_stack_pending(b->st));
    assert_int_equal(via_wait_arm(b->st, 0), 1);
    assert_int_equal(via_wait_arm(b->st, 0), 1);
    desk_poll(b);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_int_equal(via_stack_defer(b->st, nothing, NULL), 0);
    assert_int_equal(via_wait_arm(b->st, 0), 1);
    desk_poll(b);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
}

static void wake_makes_the_fd_readable_until_the_next_poll(void **state) {
    (void)state;
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_false(is_readable());
    assert_int_equal(via_stack_wake(b->st), 0);
    assert_true(is_readable());
    assert_true(is_readable()); /* level */
    desk_poll(b);
    assert_false(is_readable());
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_false(is_readable());
}

static void wakes_without_a_sleeper_make_no_call(void **state) {
    uint64_t calls;
    int i;

    (void)state;
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    desk_poll(b);
    calls = desk_stat(b, "stack", "sleep_syscalls");
    for (i = 0; i < 1000; i++)
        via_stack_wake(b->st);
    desk_poll(b);
    assert_false(is_readable()); /* nobody was armed, so nothing was written */
    assert_int_equal(desk_stat(b, "stack", "sleep_syscalls"), calls);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    for (i = 0; i < 1000; i++) /* one write for the sleeper, however many wake it */
        via_stack_wake(b->st);
    assert_true(is_readable());
    desk_poll(b);
    assert_int_equal(desk_stat(b, "stack", "sleep_syscalls"), calls + 1);
    assert_false(is_readable());
}

static void arming_again_makes_no_call_where_nothing_changed(void **state) {
    int rings = 0, i;
    struct via_timer t = {.arg = &rings};
    uint64_t calls;

    (void)state;
    assert_int_equal(via_timer_start(b->st, &t, b->now + 3600 * VIA_SEC, count_ring), 0);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    calls = desk_stat(b, "stack", "sleep_syscalls");
    for (i = 0; i < 100; i++) {
        desk_poll(b);
        assert_int_equal(via_wait_arm(b->st, 0), 0);
    }
    assert_int_equal(desk_stat(b, "stack", "sleep_syscalls"), calls);
    /* A later deadline needs none either: the timer stands early. An earlier one does. */
    assert_int_equal(via_timer_start(b->st, &t, b->now + 7200 * VIA_SEC, count_ring), 0);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_int_equal(desk_stat(b, "stack", "sleep_syscalls"), calls);
    assert_int_equal(via_timer_start(b->st, &t, b->now + 1800 * VIA_SEC, count_ring), 0);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_int_equal(desk_stat(b, "stack", "sleep_syscalls"), calls + 1);
    via_timer_stop(b->st, &t);
}

static void timer_ends_the_sleep_once(void **state) {
    int rings = 0;
    struct via_timer t = {.arg = &rings};

    (void)state;
    assert_int_equal(via_timer_start(b->st, &t, b->now + 5 * VIA_MS, count_ring), 0);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_true(readable_within(via_wait_fd(b->st), TOO_LONG));
    b->now += 5 * VIA_MS + 2 * VIA_US;
    desk_poll(b);
    assert_int_equal(rings, 1);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_false(readable_within(via_wait_fd(b->st), 20));
}

static void clock_that_runs_slower_than_the_kernels_does_not_spin(void **state) {
    int rings = 0, i;
    struct via_timer t = {.arg = &rings};

    (void)state;
    assert_int_equal(via_timer_start(b->st, &t, b->now + 5 * VIA_MS, count_ring), 0);
    for (i = 0; i < 3; i++) { /* the kernel's timer goes off, ours is not due */
        assert_int_equal(via_wait_arm(b->st, 0), 0);
        assert_false(is_readable()); /* it was set anew */
        assert_true(readable_within(via_wait_fd(b->st), TOO_LONG));
        desk_poll(b);
    }
    assert_int_equal(rings, 0);
    via_timer_stop(b->st, &t);
}

static void loop_with_a_timer_of_its_own_gets_none_from_us(void **state) {
    int rings = 0;
    struct via_timer t = {.arg = &rings};

    (void)state;
    assert_int_equal(via_timer_start(b->st, &t, b->now + VIA_MS, count_ring), 0);
    assert_int_equal(via_wait_arm(b->st, VIA_ARM_TIMEOUT_ONLY), 0);
    assert_false(readable_within(via_wait_fd(b->st), 30));
    assert_in_range(via_stack_deadline(b->st), b->now + VIA_MS, b->now + VIA_MS + 2 * VIA_US);
    via_timer_stop(b->st, &t);
}

static void joined_fd_tells_whose_it_is(void **state) {
    int epfd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev;

    (void)state;
    assert_true(epfd >= 0);
    assert_int_equal(via_wait_join(b->st, epfd, 0x1234567890), 0);
    assert_int_equal(via_wait_join(b->st, epfd, 1), -EEXIST);
    assert_int_equal(via_wait_join(b->st, -1, 1), -EBADF);
    assert_int_equal(via_wait_arm(b->st, 0), 0);
    assert_int_equal(epoll_wait(epfd, &ev, 1, 0), 0);
    via_stack_wake(b->st);
    assert_int_equal(epoll_wait(epfd, &ev, 1, TOO_LONG), 1);
    assert_true(ev.data.u64 == 0x1234567890);
    close(epfd);
}

static void stuck_ring_lets_sleep_who_is_told_of_room(void **state) {
    via_sock_t s = desk_connected(b, A ":1", PEER ":9");

    (void)state;
    b->port[1].tx_room = 0;
    assert_int_equal(desk_send(b, s, NULL, 4, 1), 1);
    desk_poll(b);
    assert_int_equal(via_wait_arm(b->st, 0), 0); /* this driver's arm says so */
    b->port[1].tx_room = DESK_ALL;
    desk_poll(b);
    assert_int_equal(b->port[1].flying_n, 0); /* sent, and collected */
    assert_int_equal(via_wait_arm(b->st, 0), 0);
}

static void spinning_sees_what_comes(void **state) {
    (void)state;
    /* The desk's clock stands still, so an idle spin would be for ever: the frame is there already. */
    assert_true(desk_dgram(b, 1, PEER ":9", A ":1", "x", 1));
    assert_int_equal(via_wait_arm(b->st, VIA_SPIN_NS(1000000)), 1);
}

/* The real clock from here on: waiting in via_epoll_wait(). */

static via_ns_t real_now(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (via_ns_t)ts.tv_sec * VIA_SEC + (via_ns_t)ts.tv_nsec;
}

struct real {
    struct via_stack *st;
    struct via_epoll *set, *other;
    struct via_vi *vi;
};

static struct real real_new(void) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_attr *a;
    struct real r = {NULL, NULL, NULL, NULL};

    assert_int_equal(
        via_attr_new("linklocal=off;accept_ra=off;dad_probes=0;huge_pages=off;frames=512;wait_spin=1us", &a), 0);
    conf.attr = a;
    assert_int_equal(via_stack_create(&conf, &r.st), 0);
    via_attr_free(a);
    assert_int_equal(via_epoll_create(r.st, NULL, &r.set), 0);
    assert_int_equal(via_epoll_create(r.st, NULL, &r.other), 0);
    return r;
}

static void real_end(struct real *r) {
    assert_int_equal(via_epoll_destroy(r->set), 0);
    assert_int_equal(via_epoll_destroy(r->other), 0);
    assert_int_equal(via_stack_destroy(r->st, 0), 0);
}

static void wait_ends_at_its_time(void **state) {
    struct real r = real_new();
    struct via_event ev;
    via_ns_t begin = real_now();

    (void)state;
    assert_int_equal(via_epoll_wait(r.set, &ev, 1, 0), 0);
    assert_int_equal(via_epoll_wait(r.set, &ev, 1, 20 * VIA_MS), 0);
    assert_true(real_now() - begin >= 20 * VIA_MS);
    real_end(&r);
}

static void *wake_a_little_later(void *arg) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    via_stack_wake(arg);
    return NULL;
}

static void wait_returns_when_the_stack_is_woken(void **state) {
    struct real r = real_new();
    struct via_event ev;
    pthread_t thread;

    (void)state;
    via_stack_wake(r.st); /* before: not forgotten */
    assert_int_equal(via_epoll_wait(r.set, &ev, 1, VIA_NEVER), 0);
    assert_int_equal(pthread_create(&thread, NULL, wake_a_little_later, r.st), 0);
    assert_int_equal(via_epoll_wait(r.set, &ev, 1, VIA_NEVER), 0);
    pthread_join(thread, NULL);
    real_end(&r);
}

static void wait_sleeps_although_another_set_has_events(void **state) {
    struct real r = real_new();
    struct via_ep loop = via_ep4(htonl(0x7f000001), 5);
    struct via_dgram d = {.peer = loop};
    struct via_event ev;
    uint64_t sleeps;
    via_sock_t s;
    struct desk view = {.st = r.st};

    (void)state;
    assert_int_equal(via_udp_open(r.st, NULL, &loop, &s), 0);
    assert_int_equal(via_epoll_ctl(r.other, VIA_EPOLL_ADD, s, IN, 0), 0);
    assert_int_equal(via_udp_send(r.st, s, &d, 1, 0), 1);
    sleeps = desk_stat(&view, "stack", "sleeps");
    assert_int_equal(via_epoll_wait(r.set, &ev, 1, 20 * VIA_MS), 0);
    assert_int_equal(desk_stat(&view, "stack", "events"), 1);
    assert_true(desk_stat(&view, "stack", "sleeps") > sleeps);
    assert_true(desk_stat(&view, "stack", "polls") < 100); /* it did not turn */
    assert_int_equal(via_epoll_wait(r.other, &ev, 1, 0), 1);
    real_end(&r);
}

static void on_signal(int number) {
    (void)number;
}

static void *signal_for_a_while(void *arg) {
    pthread_t owner = *(pthread_t *)arg;
    int i;

    for (i = 0; i < 200; i++) {
        nanosleep(&(struct timespec){0, 5000000}, NULL);
        pthread_kill(owner, SIGUSR1);
    }
    return NULL;
}

static void signal_interrupts_the_wait(void **state) {
    struct sigaction act = {.sa_handler = on_signal}, old;
    struct real r = real_new();
    pthread_t thread, self = pthread_self();
    struct via_event ev;

    (void)state;
    sigaction(SIGUSR1, &act, &old);
    assert_int_equal(pthread_create(&thread, NULL, signal_for_a_while, &self), 0);
    assert_int_equal(via_epoll_wait(r.set, &ev, 1, VIA_NEVER), -EINTR);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &old, NULL);
    real_end(&r);
}

/* Against a second thread. */

struct duel {
    struct real r;
    struct via_stack *enemy; /* the other thread's */
    pthread_barrier_t meet;
    _Atomic uint64_t wakes, calls, sent; /* done by the other thread */
    uint64_t called, got;                /* seen by the owner */
    _Atomic uint64_t called_seen, got_seen, quits;
    uint64_t actions, sleeps, spurious, lost, returns;
    via_sock_t sock;
};

static void deferred(struct via_stack *st, void *arg) {
    struct duel *d = arg;

    (void)st;
    d->called++;
}

static void add_addr4(struct via_stack *st, uint32_t host) {
    struct via_ifaddr a = {
        .addr = via_addr_from4(htonl(0x0a000000 | host)), .iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};

    assert_int_equal(via_ctrl_addr(st, VIA_CTRL_ADD, &a), 0);
}

static struct via_stack *enemy_stack(void) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_attr *a;
    struct via_stack *st;

    if (via_attr_new("linklocal=off;accept_ra=off;dad_probes=0;huge_pages=off;frames=1024", &a) < 0)
        return NULL;
    conf.attr = a;
    conf.seed = 5;
    if (via_stack_create(&conf, &st) < 0)
        st = NULL;
    via_attr_free(a);
    return st;
}

static void rest(struct via_rand *r) {
    uint32_t n = via_rand_below(r, 100);
    volatile uint32_t spin;

    if (n < 60)
        for (spin = 0; spin < n * 20; spin++)
            ;
    else if (n < 90)
        sched_yield();
    else
        nanosleep(&(struct timespec){0, n * 1000}, NULL);
}

static void enemy_send(struct duel *d, via_sock_t s) {
    struct iovec iov = {"hello", 5};
    struct via_dgram g = {.iov = &iov, .iovcnt = 1, .peer = via_ep4(htonl(0x0a000001), 5)};

    if (via_udp_send(d->enemy, s, &g, 1, VIA_FLUSH) == 1)
        atomic_fetch_add(&d->sent, 1);
}

static bool all_was_seen(struct duel *d) {
    return atomic_load(&d->called_seen) == atomic_load(&d->calls) && atomic_load(&d->got_seen) == atomic_load(&d->sent);
}

/* What must arrive is waited for now and then, so that each kind of wake meets a sleeping owner. */
static void wait_until_seen(struct duel *d) {
    via_ns_t end = real_now() + (via_ns_t)TOO_LONG * VIA_MS * 2;

    while (!all_was_seen(d) && real_now() < end) {
        via_stack_poll(d->enemy, 0, NULL);
        sched_yield();
    }
}

static void *enemy_thread(void *arg) {
    struct duel *d = arg;
    struct via_ep any = via_ep_any(VIA_AF_4, 6);
    struct via_rand r;
    via_sock_t s = 0;
    uint64_t i;

    via_rand_init(&r, 99);
    d->enemy = enemy_stack();
    pthread_barrier_wait(&d->meet); /* the owner joins the cable */
    pthread_barrier_wait(&d->meet);
    add_addr4(d->enemy, 2);
    via_udp_open(d->enemy, NULL, &any, &s);
    for (i = 0; i < d->actions; i++) {
        switch (via_rand_below(&r, 4)) {
        case 0:
            atomic_fetch_add(&d->wakes, 1);
            via_stack_wake(d->r.st);
            break;
        case 1:
            if (!via_stack_defer(d->r.st, deferred, d))
                atomic_fetch_add(&d->calls, 1);
            break;
        default:
            enemy_send(d, s);
            via_stack_poll(d->enemy, 0, NULL);
        }
        if (via_rand_below(&r, 3) == 0)
            wait_until_seen(d);
        rest(&r);
    }
    wait_until_seen(d);
    atomic_store(&d->quits, 1);
    via_stack_wake(d->r.st);
    pthread_barrier_wait(&d->meet); /* the owner lets go of the cable first */
    via_stack_destroy(d->enemy, 0);
    return NULL;
}

static void fetch_all(struct duel *d) {
    struct via_event ev[16];

    while (via_udp_read(d->r.st, d->sock, ev, sizeof ev, NULL) >= 0)
        d->got++;
    atomic_store(&d->called_seen, d->called);
    atomic_store(&d->got_seen, d->got);
}

static void owner_loop(struct duel *d) {
    struct pollfd p = {.fd = via_wait_fd(d->r.st), .events = POLLIN};
    bool slept = false;

    while (!atomic_load(&d->quits) && !d->lost) {
        struct via_work w;
        uint64_t called = d->called;

        via_stack_poll(d->r.st, 0, &w);
        d->spurious += slept && !w.rx && !w.timers && d->called == called;
        fetch_all(d);
        slept = false;
        if (via_wait_arm(d->r.st, 0))
            continue;
        d->sleeps++;
        if (poll(&p, 1, TOO_LONG) == 1)
            d->returns++;
        else
            d->lost++;
        slept = true;
    }
}

static uint64_t actions = 4000;

static void second_thread_never_finds_the_owner_asleep_for_good(void **state) {
    struct duel d = {.actions = actions};
    struct via_ep local = via_ep_any(VIA_AF_4, 5);
    struct via_vi *vi[2];
    pthread_t thread;

    (void)state;
    d.r = real_new();
    pthread_barrier_init(&d.meet, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, enemy_thread, &d), 0);
    pthread_barrier_wait(&d.meet);
    assert_non_null(d.enemy);
    assert_int_equal(via_vi_pair(d.r.st, d.enemy, NULL, vi), 0);
    add_addr4(d.r.st, 1);
    assert_int_equal(via_udp_open(d.r.st, NULL, &local, &d.sock), 0);
    pthread_barrier_wait(&d.meet);
    owner_loop(&d);
    fetch_all(&d);
    assert_int_equal(d.lost, 0);
    assert_int_equal(d.called, d.calls);
    assert_int_equal(d.got, d.sent);
    assert_true(d.sleeps > 10);
    /* A return has a cause: something that the other thread did, or a timer of the protocols. */
    assert_true(d.returns <= d.wakes + d.calls + 2 * d.sent + 100);
    assert_true(d.spurious <= d.wakes + d.sent + 100);
    assert_int_equal(via_sock_close(d.r.st, d.sock, 0), 0);
    assert_int_equal(via_vi_close(vi[0]), 0);
    pthread_barrier_wait(&d.meet);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&d.meet);
    real_end(&d.r);
}

static void *storm(void *arg) {
    int i;

    for (i = 0; i < 20000; i++)
        via_stack_wake(arg);
    return NULL;
}

static void storm_of_wakes_costs_the_sleeper_one_return_each_at_most(void **state) {
    struct real r = real_new();
    struct pollfd p = {.fd = via_wait_fd(r.st), .events = POLLIN};
    pthread_t thread[4];
    uint64_t returns = 0;
    int i, idle = 0;

    (void)state;
    for (i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, storm, r.st), 0);
    while (idle < 2) {
        via_stack_poll(r.st, 0, NULL);
        if (via_wait_arm(r.st, 0))
            continue;
        if (poll(&p, 1, idle ? 0 : 100) == 1) {
            returns++;
            idle = 0;
        } else {
            idle++;
        }
    }
    for (i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_true(returns <= 4 * 20000);
    /* After the storm: one round takes what is left, then it is quiet for good. */
    via_stack_poll(r.st, 0, NULL);
    via_wait_arm(r.st, 0);
    via_stack_poll(r.st, 0, NULL);
    assert_int_equal(via_wait_arm(r.st, 0), 0);
    assert_int_equal(poll(&p, 1, 50), 0);
    real_end(&r);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CASE(fd_is_made_once_and_closed_on_exec),
        CASE(idle_stack_may_sleep),
        CASE(plain_loop_waits_only_without_work),
        CASE(waiting_event_keeps_awake),
        CASE(waiting_completion_keeps_awake),
        CASE(unfinished_round_keeps_awake),
        CASE(due_timer_keeps_awake_and_a_later_one_does_not),
        CASE(wake_before_arming_is_not_forgotten),
        CASE(wake_makes_the_fd_readable_until_the_next_poll),
        CASE(wakes_without_a_sleeper_make_no_call),
        CASE(arming_again_makes_no_call_where_nothing_changed),
        CASE(timer_ends_the_sleep_once),
        CASE(clock_that_runs_slower_than_the_kernels_does_not_spin),
        CASE(loop_with_a_timer_of_its_own_gets_none_from_us),
        CASE(joined_fd_tells_whose_it_is),
        CASE(stuck_ring_lets_sleep_who_is_told_of_room),
        CASE(spinning_sees_what_comes),
        cmocka_unit_test(wait_ends_at_its_time),
        cmocka_unit_test(wait_returns_when_the_stack_is_woken),
        cmocka_unit_test(wait_sleeps_although_another_set_has_events),
        cmocka_unit_test(signal_interrupts_the_wait),
        cmocka_unit_test(second_thread_never_finds_the_owner_asleep_for_good),
        cmocka_unit_test(storm_of_wakes_costs_the_sleeper_one_return_each_at_most),
    };

    if (argc > 1)
        actions = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
