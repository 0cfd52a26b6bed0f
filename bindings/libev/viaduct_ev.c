/* SPDX-License-Identifier: BSD-2-Clause */
#include "viaduct_ev.h"

#include <errno.h>

/* Readable: the loop wakes up, which is all; the check watcher polls. */
static void woken(struct ev_loop *loop, struct ev_io *w, int what) {
    (void)loop;
    (void)w;
    (void)what;
}

static void turn(struct ev_loop *loop, struct ev_idle *w, int what) {
    (void)loop;
    (void)w;
    (void)what;
}

/* An idle watcher that is active keeps the loop from blocking. It must not count as a reason to go on. */
static void keep_turning(struct via_ev *e, bool on) {
    if (on == (bool)ev_is_active(&e->idle))
        return;
    if (on) {
        ev_idle_start(e->loop, &e->idle);
        ev_unref(e->loop);
    } else {
        ev_ref(e->loop);
        ev_idle_stop(e->loop, &e->idle);
    }
}

static void before(struct ev_loop *loop, struct ev_prepare *w, int what) {
    struct via_ev *e = w->data;
    int work = via_wait_arm(e->st, VIA_SPIN_NS(e->conf.spin));

    (void)loop;
    (void)what;
    e->error = work < 0 ? work : 0;
    keep_turning(e, work != 0);
}

/* One by one: a callback may stop us, and then the place is the caller's memory again and nobody is called any more. */
static void hand_out(struct via_ev *e) {
    const struct via_ev_conf conf = e->conf;
    bool gone = false;
    unsigned n = 0;

    e->gone = &gone;
    while (!gone && (!conf.budget || n++ < conf.budget))
        if (via_epoll_dispatch(conf.set, 1, conf.event, conf.arg) != 1)
            break;
    if (!gone)
        e->gone = NULL;
}

static void after(struct ev_loop *loop, struct ev_check *w, int what) {
    struct via_ev *e = w->data;

    (void)loop;
    (void)what;
    if (via_stack_poll(e->st, e->conf.budget, NULL) && e->conf.ready)
        e->conf.ready(e);
    if (e->conf.set && e->conf.event)
        hand_out(e);
}

/* What keeps the loop alive is the FD's watcher, if anything. */
static void count_watchers(struct via_ev *e, void (*count)(struct ev_loop *)) {
    int i;

    for (i = e->conf.hold ? 1 : 0; i < 3; i++)
        count(e->loop);
}

int via_ev_start(struct via_ev *e, struct ev_loop *loop, struct via_stack *st, const struct via_ev_conf *conf) {
    static const struct via_ev_conf none = VIA_EV_CONF_INIT;
    int fd;

    conf = conf ? conf : &none;
    if (!e || !loop || !st || conf->size != sizeof *conf)
        return -EINVAL;
    fd = via_wait_fd(st);
    if (fd < 0)
        return fd;
    *e = (struct via_ev){.loop = loop, .st = st, .conf = *conf};
    ev_io_init(&e->io, woken, fd, EV_READ);
    ev_prepare_init(&e->prepare, before);
    ev_check_init(&e->check, after);
    ev_idle_init(&e->idle, turn);
    e->prepare.data = e->check.data = e;
    /* Others may make work for the stack in their own prepare watchers; and polling comes before who wants the data. */
    ev_set_priority(&e->prepare, EV_MINPRI);
    ev_set_priority(&e->check, EV_MAXPRI);
    ev_set_priority(&e->idle, EV_MINPRI);
    ev_io_start(loop, &e->io);
    ev_prepare_start(loop, &e->prepare);
    ev_check_start(loop, &e->check);
    count_watchers(e, ev_unref);
    return 0;
}

void via_ev_stop(struct via_ev *e) {
    if (!e->loop || !ev_is_active(&e->prepare))
        return;
    if (e->gone)
        *e->gone = true;
    keep_turning(e, false);
    count_watchers(e, ev_ref);
    ev_io_stop(e->loop, &e->io);
    ev_prepare_stop(e->loop, &e->prepare);
    ev_check_stop(e->loop, &e->check);
    via_wait_disarm(e->st);
}
