/* SPDX-License-Identifier: BSD-2-Clause */
/* Carriers inside a libev loop: the kernel's socket as any watcher, the stack by its binding. */
#include "pingpong.h"

#include <viaduct_ev.h>

struct pp_loop {
    struct ev_loop *loop;
    struct via_ev place;
    struct ev_io io;
    struct ev_timer timer;
    bool ready, late;
};

static struct pp_loop the_loop;

static void on_readable(struct ev_loop *loop, struct ev_io *w, int what) {
    (void)loop;
    (void)what;
    ((struct pp_loop *)w->data)->ready = true;
}

static void on_ready(struct via_ev *e) {
    ((struct pp_loop *)e->conf.arg)->ready = true;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int what) {
    (void)loop;
    (void)what;
    ((struct pp_loop *)w->data)->late = true;
}

void pp_ev_open(struct pp *pp, int fd) {
    struct via_ev_conf conf = VIA_EV_CONF_INIT;
    struct pp_loop *l = pp->ev = &the_loop;
    int err;

    l->loop = ev_loop_new(EVFLAG_AUTO);
    if (!l->loop)
        tool_die("libev: no loop");
    ev_timer_init(&l->timer, on_timer, 0, 0);
    l->timer.data = l->io.data = l;
    if (fd >= 0) {
        ev_io_init(&l->io, on_readable, fd, EV_READ);
        ev_io_start(l->loop, &l->io);
        return;
    }
    conf.ready = on_ready;
    conf.arg = l;
    conf.hold = true;
    err = via_ev_start(&l->place, l->loop, pp->host.st, &conf);
    if (err)
        tool_die_stack(pp->host.st, err, "libev");
}

bool pp_ev_wait(struct pp *pp, via_ns_t until) {
    struct pp_loop *l = pp->ev;
    via_ns_t now = tool_clock();

    l->ready = l->late = false;
    if (until != VIA_NEVER && pp->wait == PP_SLEEP) {
        ev_timer_set(&l->timer, until > now ? (double)(until - now) / 1e9 : 0, 0);
        ev_timer_start(l->loop, &l->timer);
    }
    while (!l->ready && !l->late && !tool_stopped()) {
        ev_run(l->loop, pp->wait == PP_SLEEP ? EVRUN_ONCE : EVRUN_NOWAIT);
        l->late |= pp->wait != PP_SLEEP && tool_clock() >= until;
    }
    ev_timer_stop(l->loop, &l->timer);
    return l->ready;
}

void pp_ev_close(struct pp *pp) {
    struct pp_loop *l = pp->ev;

    if (pp->host.st)
        via_ev_stop(&l->place);
    ev_loop_destroy(l->loop);
    pp->ev = NULL;
}
