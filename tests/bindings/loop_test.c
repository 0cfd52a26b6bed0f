/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop_test.c - what a stack costs a libev loop, and storms: counted in turns and sleeps, not in time, so that the
 * machine may be as slow as it likes.
 */
#include <viaduct_ev.h>

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define PORT 7

/* Two stacks in one loop, joined by a cable; A pings, B answers. */
struct bench_side {
    struct via_stack *st;
    struct via_epoll *set;
    struct via_vi *vi;
    struct via_ep ep;
    struct via_ev place;
    via_sock_t sock;
};

struct game {
    struct ev_loop *loop;
    struct bench_side side[2];
    struct ev_prepare count;
    unsigned turns; /* of the loop */
    struct ev_timer deadline;
    struct via_timer timer;
    via_ns_t gap;
    unsigned pings, pongs, wanted;
    bool late;
};

static void count_turn(struct ev_loop *loop, struct ev_prepare *w, int what) {
    (void)loop;
    (void)what;
    ((struct game *)w->data)->turns++;
}

static void too_late(struct ev_loop *loop, struct ev_timer *w, int what) {
    (void)what;
    ((struct game *)w->data)->late = true;
    ev_break(loop, EVBREAK_ALL);
}

struct wanted {
    const char *name;
    uint64_t value;
};

static int look(const struct via_stat *v, void *arg) {
    struct wanted *w = arg;

    if (strcmp(v->object, "stack") || strcmp(v->name, w->name))
        return 0;
    w->value = v->value;
    return 1;
}

static uint64_t stat_of(const struct via_stack *st, const char *name) {
    struct wanted w = {name, UINT64_MAX};

    via_stats_walk(st, look, &w);
    return w.value;
}

static void open_stack(struct bench_side *s, uint64_t seed) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_attr *a;

    assert_int_equal(via_attr_new("linklocal=off;accept_ra=off;dad_probes=0;huge_pages=off;frames=512", &a), 0);
    conf.attr = a;
    conf.seed = seed;
    assert_int_equal(via_stack_create(&conf, &s->st), 0);
    via_attr_free(a);
    assert_int_equal(via_epoll_create(s->st, NULL, &s->set), 0);
}

static void add_addr(struct bench_side *s, uint32_t host) {
    struct via_ifaddr a = {.iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};

    s->ep = via_ep4(htonl(0x0a000000 | host), PORT);
    a.addr = s->ep.addr;
    assert_int_equal(via_ctrl_addr(s->st, VIA_CTRL_ADD, &a), 0);
}

static void game_init(struct game *g) {
    struct via_vi *vi[2];
    int i;

    memset(g, 0, sizeof *g);
    g->loop = ev_loop_new(EVFLAG_AUTO);
    assert_non_null(g->loop);
    for (i = 0; i < 2; i++)
        open_stack(&g->side[i], 1 + (uint64_t)i);
    assert_int_equal(via_vi_pair(g->side[0].st, g->side[1].st, NULL, vi), 0);
    for (i = 0; i < 2; i++) {
        g->side[i].vi = vi[i];
        add_addr(&g->side[i], 1 + (uint32_t)i);
        assert_int_equal(via_udp_open(g->side[i].st, NULL, &g->side[i].ep, &g->side[i].sock), 0);
        assert_int_equal(via_epoll_ctl(g->side[i].set, VIA_EPOLL_ADD, g->side[i].sock, VIA_EV_IN, (uint64_t)i), 0);
    }
    ev_prepare_init(&g->count, count_turn);
    g->count.data = g;
    ev_prepare_start(g->loop, &g->count);
    ev_unref(g->loop);
    ev_timer_init(&g->deadline, too_late, 60., 0.);
    g->deadline.data = g;
    ev_timer_start(g->loop, &g->deadline);
}

static void game_fini(struct game *g) {
    int i;

    for (i = 0; i < 2; i++) {
        via_ev_stop(&g->side[i].place);
        assert_int_equal(via_epoll_destroy(g->side[i].set), 0);
    }
    ev_timer_stop(g->loop, &g->deadline);
    ev_ref(g->loop);
    ev_prepare_stop(g->loop, &g->count);
    ev_loop_destroy(g->loop);
    for (i = 0; i < 2; i++)
        assert_int_equal(via_stack_destroy(g->side[i].st, 0), 0);
}

static void send_to(struct game *g, int from, const char *text) {
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .peer = g->side[!from].ep};

    assert_int_equal(via_udp_send(g->side[from].st, g->side[from].sock, &d, 1, VIA_FLUSH), 1);
}

static void ping(struct via_stack *st, struct via_timer *t) {
    struct game *g = t->arg;

    (void)st;
    send_to(g, 0, "ping");
    g->pings++;
}

static void answer(const struct via_event *ev, void *arg) {
    struct game *g = arg;
    char text[8];

    while (via_udp_read(g->side[1].st, ev->sock, text, sizeof text, NULL) >= 0)
        send_to(g, 1, "pong");
}

static void take(const struct via_event *ev, void *arg) {
    struct game *g = arg;
    char text[8];

    while (via_udp_read(g->side[0].st, ev->sock, text, sizeof text, NULL) >= 0)
        g->pongs++;
    if (g->pongs == g->wanted)
        ev_break(g->loop, EVBREAK_ALL);
    else
        via_timer_start(g->side[0].st, &g->timer, via_stack_now(g->side[0].st) + g->gap, ping);
}

static void join(struct game *g, int i, void (*event)(const struct via_event *, void *)) {
    struct via_ev_conf conf = VIA_EV_CONF_INIT;

    conf.set = g->side[i].set;
    conf.event = event;
    conf.arg = g;
    conf.hold = true;
    assert_int_equal(via_ev_start(&g->side[i].place, g->loop, g->side[i].st, &conf), 0);
}

static void play(struct game *g, via_ns_t gap, unsigned rounds) {
    g->gap = gap;
    g->timer.arg = g;
    g->pings = g->pongs = g->turns = 0;
    g->wanted = rounds;
    assert_int_equal(via_timer_start(g->side[0].st, &g->timer, via_stack_now(g->side[0].st), ping), 0);
    ev_run(g->loop, 0);
    assert_false(g->late);
    assert_int_equal(g->pongs, rounds);
    assert_int_equal(g->pings, rounds);
}

static void ping_pong_costs_turns_by_the_ping_and_not_by_the_time(void **state) {
    static const struct {
        via_ns_t gap;
        unsigned rounds;
    } v[] = {{VIA_US, 300}, {100 * VIA_US, 300}, {10 * VIA_MS, 50}, {100 * VIA_MS, 5}, {VIA_SEC, 1}};
    struct game g;
    size_t i;

    (void)state;
    game_init(&g);
    join(&g, 0, take);
    join(&g, 1, answer);
    play(&g, VIA_US, 3); /* ARP is over */
    for (i = 0; i < sizeof v / sizeof v[0]; i++) {
        uint64_t sleeps = stat_of(g.side[0].st, "sleeps");

        play(&g, v[i].gap, v[i].rounds);
        /* Ping there, pong back, timer; each may take a turn to arm and find work, and ARP asks now and then. */
        assert_in_range(g.turns, v[i].rounds, 16 * v[i].rounds + 40);
        if (v[i].gap >= 10 * VIA_MS) /* it did sleep in between */
            assert_true(stat_of(g.side[0].st, "sleeps") - sleeps + 1 >= v[i].rounds);
    }
    game_fini(&g);
}

static void break_loop(struct ev_loop *loop, struct ev_timer *w, int what) {
    (void)w;
    (void)what;
    ev_break(loop, EVBREAK_ALL);
}

static void run_for(struct game *g, double seconds) {
    struct ev_timer t;

    ev_timer_init(&t, break_loop, seconds, 0.);
    ev_timer_start(g->loop, &t);
    ev_run(g->loop, 0);
    ev_timer_stop(g->loop, &t);
}

/* For tests that want silence: two stacks whose protocols have said all that they say at first. */
static struct game quiet;

static int make_quiet(void **state) {
    (void)state;
    game_init(&quiet);
    join(&quiet, 0, take);
    join(&quiet, 1, answer);
    do
        run_for(&quiet, 0.2);
    while (!quiet.late &&
           (via_stack_deadline(quiet.side[0].st) != VIA_NEVER || via_stack_deadline(quiet.side[1].st) != VIA_NEVER));
    return quiet.late;
}

static int end_quiet(void **state) {
    (void)state;
    game_fini(&quiet);
    return 0;
}

static void idle_loop_turns_for_its_own_timers_alone(void **state) {
    (void)state;
    quiet.turns = 0;
    run_for(&quiet, 1.0);
    assert_in_range(quiet.turns, 1, 10);
}

static void ring(struct via_stack *st, struct via_timer *t) {
    unsigned *rings = t->arg;

    if (++*rings < 20)
        via_timer_start(st, t, via_stack_now(st) + 5 * VIA_MS, ring);
}

static void timers_fire_while_the_loop_sleeps(void **state) {
    struct via_stack *st = quiet.side[0].st;
    unsigned rings = 0;
    struct via_timer t = {.arg = &rings};

    (void)state;
    quiet.turns = 0;
    assert_int_equal(via_timer_start(st, &t, via_stack_now(st), ring), 0);
    do
        run_for(&quiet, 0.2);
    while (rings < 20 && !quiet.late);
    assert_int_equal(rings, 20);
    assert_in_range(quiet.turns, 20, 200);
}

struct weather {
    struct game *g;
    _Atomic unsigned calls;
    _Atomic bool over;
    unsigned done;
};

static void called(struct via_stack *st, void *arg) {
    struct weather *w = arg;

    (void)st;
    if (++w->done == 4 * 2000)
        ev_break(w->g->loop, EVBREAK_ALL);
}

static void *storm(void *arg) {
    struct weather *w = arg;
    int i;

    for (i = 0; i < 2000; i++) {
        while (via_stack_defer(w->g->side[i & 1].st, called, w)) /* the queue holds 1024 */
            sched_yield();
        w->calls++;
        via_stack_wake(w->g->side[i & 1].st);
    }
    return NULL;
}

static void storm_of_other_threads_is_weathered(void **state) {
    struct weather w = {.g = &quiet};
    pthread_t thread[4];
    int i;

    (void)state;
    quiet.turns = 0;
    for (i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, storm, &w), 0);
    ev_run(quiet.loop, 0);
    for (i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_false(quiet.late);
    assert_int_equal(w.done, 8000);
    assert_true(quiet.turns <= 4 * 16000 + 1000);
    run_for(&quiet, 0.1);
    quiet.turns = 0;
    run_for(&quiet, 0.3);
    assert_in_range(quiet.turns, 1, 10); /* calm again */
}

struct log {
    struct game *g;
    uint64_t user[8];
    unsigned n;
};

static void note_event(const struct via_event *ev, void *arg) {
    struct log *l = arg;
    char text[8];
    unsigned i;

    for (i = 0; i < ev->pkts; i++) {
        assert_true(via_udp_read(l->g->side[1].st, ev->sock, text, sizeof text, NULL) >= 0);
        l->user[l->n++] = ev->user;
    }
    if (l->n == 8)
        ev_break(l->g->loop, EVBREAK_ALL);
}

static void events_come_in_the_order_of_the_wire(void **state) {
    static const unsigned order[8] = {0, 1, 0, 0, 2, 1, 2, 0};
    struct via_ev_conf conf = VIA_EV_CONF_INIT;
    struct game g;
    struct log log = {.g = &g};
    struct via_ep ep;
    via_sock_t s[3];
    unsigned i;

    (void)state;
    game_init(&g);
    ep = g.side[1].ep;
    for (i = 0; i < 3; i++) {
        ep.port = (uint16_t)(100 + i);
        assert_int_equal(via_udp_open(g.side[1].st, NULL, &ep, &s[i]), 0);
        assert_int_equal(via_epoll_ctl(g.side[1].set, VIA_EPOLL_ADD, s[i], VIA_EV_IN, i), 0);
    }
    conf.set = g.side[1].set;
    conf.event = note_event;
    conf.arg = &log;
    conf.budget = 3; /* several rounds */
    conf.hold = true;
    assert_int_equal(via_ev_start(&g.side[1].place, g.loop, g.side[1].st, &conf), 0);
    join(&g, 0, take);
    for (i = 0; i < 8; i++) {
        struct iovec iov = {"x", 1};
        struct via_dgram d = {.iov = &iov, .iovcnt = 1, .peer = g.side[1].ep};

        d.peer.port = (uint16_t)(100 + order[i]);
        assert_int_equal(via_udp_send(g.side[0].st, g.side[0].sock, &d, 1, 0), 1);
    }
    ev_run(g.loop, 0);
    assert_false(g.late);
    for (i = 0; i < 8; i++)
        assert_int_equal(log.user[i], order[i]);
    game_fini(&g);
}

static void fetch(struct via_ev *e) {
    struct game *g = e->conf.arg;
    char text[8];

    while (via_udp_read(e->st, g->side[1].sock, text, sizeof text, NULL) >= 0)
        if (++g->pongs == 3)
            ev_break(g->loop, EVBREAK_ALL);
}

static void program_without_sets_is_called_after_the_poll(void **state) {
    struct via_ev_conf conf = VIA_EV_CONF_INIT;
    struct game g;
    int i;

    (void)state;
    game_init(&g);
    assert_int_equal(via_epoll_ctl(g.side[1].set, VIA_EPOLL_DEL, g.side[1].sock, 0, 0), 0);
    conf.ready = fetch;
    conf.arg = &g;
    conf.hold = true;
    assert_int_equal(via_ev_start(&g.side[1].place, g.loop, g.side[1].st, &conf), 0);
    join(&g, 0, take);
    for (i = 0; i < 3; i++)
        send_to(&g, 0, "ping");
    ev_run(g.loop, 0);
    assert_false(g.late);
    assert_int_equal(g.pongs, 3);
    game_fini(&g);
}

static void take_it_out(const struct via_event *ev, void *arg) {
    struct game *g = arg;

    (void)ev;
    g->pongs++;
    via_ev_stop(&g->side[1].place);
    memset(&g->side[1].place, 0x5a, sizeof g->side[1].place); /* the caller's memory again */
}

static void place_may_end_inside_an_event(void **state) {
    struct game g;
    int i;

    (void)state;
    game_init(&g);
    join(&g, 0, take);
    join(&g, 1, take_it_out);
    assert_int_equal(via_epoll_ctl(g.side[1].set, VIA_EPOLL_DEL, g.side[1].sock, 0, 0), 0);
    for (i = 0; i < 4; i++) {
        struct via_ep ep = g.side[1].ep;
        struct via_dgram d = {.peer = ep};
        via_sock_t s;

        ep.port = d.peer.port = (uint16_t)(100 + i);
        assert_int_equal(via_udp_open(g.side[1].st, NULL, &ep, &s), 0);
        assert_int_equal(via_epoll_ctl(g.side[1].set, VIA_EPOLL_ADD, s, VIA_EV_IN, 0), 0);
        assert_int_equal(via_udp_send(g.side[0].st, g.side[0].sock, &d, 1, 0), 1);
    }
    run_for(&g, 0.3);
    assert_int_equal(g.pongs, 1); /* nobody is called after the stop */
    memset(&g.side[1].place, 0, sizeof g.side[1].place);
    game_fini(&g);
}

static void loop_ends_without_other_watchers_unless_held(void **state) {
    struct via_ev_conf conf = VIA_EV_CONF_INIT;
    struct game g;
    int i;

    (void)state;
    game_init(&g);
    ev_timer_stop(g.loop, &g.deadline);
    for (i = 0; i < 2; i++)
        assert_int_equal(via_ev_start(&g.side[i].place, g.loop, g.side[i].st, i ? &conf : NULL), 0);
    ev_run(g.loop, 0); /* returns at once */
    via_ev_stop(&g.side[0].place);
    via_ev_stop(&g.side[0].place); /* twice is allowed */
    ev_run(g.loop, 0);
    game_fini(&g);
}

static void start_refuses_bad_arguments(void **state) {
    struct via_ev_conf conf = VIA_EV_CONF_INIT;
    struct game g;
    struct via_ev place;

    (void)state;
    game_init(&g);
    assert_int_equal(via_ev_start(NULL, g.loop, g.side[0].st, &conf), -EINVAL);
    assert_int_equal(via_ev_start(&place, NULL, g.side[0].st, &conf), -EINVAL);
    assert_int_equal(via_ev_start(&place, g.loop, NULL, &conf), -EINVAL);
    conf.size--;
    assert_int_equal(via_ev_start(&place, g.loop, g.side[0].st, &conf), -EINVAL);
    game_fini(&g);
}

int main(void) {
    const struct CMUnitTest silent[] = {
        cmocka_unit_test(idle_loop_turns_for_its_own_timers_alone),
        cmocka_unit_test(timers_fire_while_the_loop_sleeps),
        cmocka_unit_test(storm_of_other_threads_is_weathered),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping_pong_costs_turns_by_the_ping_and_not_by_the_time),
        cmocka_unit_test(events_come_in_the_order_of_the_wire),
        cmocka_unit_test(program_without_sets_is_called_after_the_poll),
        cmocka_unit_test(place_may_end_inside_an_event),
        cmocka_unit_test(loop_ends_without_other_watchers_unless_held),
        cmocka_unit_test(start_refuses_bad_arguments),
    };

    return cmocka_run_group_tests(silent, make_quiet, end_quiet) + cmocka_run_group_tests(tests, NULL, NULL);
}
