/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP echo on port 7 inside a libev loop that has other things to do as well: a timer of its own, and signals.
 * Usage: libev_echo SPEC ADDRESS/LEN
 */
#include "host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <viaduct_ev.h>

#define ECHO_PORT 7

struct app {
    struct host host;
    struct via_epoll *set;
    uint64_t echoed, seconds;
};

/* The peer of "mem:": ten datagrams, one after the other. */
static bool play(struct host *h) {
    static via_sock_t sock;
    static unsigned sent, back;
    char text[64];

    if (!sock)
        sock = host_udp(h->other, &h->other_addr, 0);
    back += via_udp_read(h->other, sock, text, sizeof text, NULL) >= 0;
    if (sent == back && sent < 10) {
        snprintf(text, sizeof text, "message %u", sent);
        sent += host_send(h->other, sock, host_ep(&h->addr, ECHO_PORT), text, strlen(text));
    }
    return back < 10;
}

/* One record of the set; in a set of mode STRICT, reading until there is no more stays inside it. */
static void on_event(const struct via_event *ev, void *arg) {
    struct app *a = arg;
    struct via_dgram in, out;

    while (via_udp_recv(a->host.st, ev->sock, &in, 1) == 1) {
        out = (struct via_dgram){.seg = in.seg, .peer = in.peer};
        if (via_udp_send(a->host.st, ev->sock, &out, 1, VIA_FLUSH) != 1)
            via_buf_release(a->host.st, &in.seg.buf, 1);
        a->echoed++;
    }
}

static void on_second(struct ev_loop *loop, struct ev_timer *w, int what) {
    struct app *a = w->data;

    (void)loop;
    (void)what;
    printf("%llu s: %llu echoed\n", (unsigned long long)++a->seconds, (unsigned long long)a->echoed);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *w, int what) {
    (void)w;
    (void)what;
    ev_break(loop, EVBREAK_ALL);
}

/* With "mem:" the peer lives in this loop too. */
static void on_idle(struct ev_loop *loop, struct ev_idle *w, int what) {
    struct app *a = w->data;

    (void)what;
    if (!host_play(&a->host))
        ev_break(loop, EVBREAK_ALL);
}

static void must(struct app *a, int err, const char *what) {
    if (!err)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, strerror(-err), via_why(a->host.st));
    exit(1);
}

int main(int argc, char **argv) {
    struct app a = {.echoed = 0};
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct via_ev_conf conf = VIA_EV_CONF_INIT;
    struct ev_loop *loop = ev_default_loop(0);
    struct via_ev place;
    struct ev_timer second;
    struct ev_signal end;
    struct ev_idle idle;

    host_open(&a.host, argc, argv, play);
    must(&a, via_epoll_create(a.host.st, &set, &a.set), "set");
    must(&a, via_epoll_ctl(a.set, VIA_EPOLL_ADD, host_udp(a.host.st, NULL, ECHO_PORT), VIA_EV_IN, 0), "member");
    conf.set = a.set;
    conf.event = on_event;
    conf.arg = &a;
    conf.hold = true;
    must(&a, via_ev_start(&place, loop, a.host.st, &conf), "loop");

    ev_timer_init(&second, on_second, 1, 1);
    ev_signal_init(&end, on_signal, SIGINT);
    ev_idle_init(&idle, on_idle);
    second.data = idle.data = &a;
    ev_timer_start(loop, &second);
    ev_signal_start(loop, &end);
    if (a.host.play)
        ev_idle_start(loop, &idle);
    ev_run(loop, 0);

    via_ev_stop(&place);
    via_epoll_destroy(a.set);
    printf("%llu datagrams echoed\n", (unsigned long long)a.echoed);
    host_close(&a.host);
    return 0;
}
