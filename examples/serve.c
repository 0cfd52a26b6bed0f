/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS    (VIA_EV_IN | VIA_EV_SPACE | VIA_EV_EOF | VIA_EV_TERMINATED | VIA_EV_DONE)
#define REQUEST_S 10 /* for one request to become whole, or one answer to be taken */
#define IDLE_S    60 /* between requests */
#define END_S     2  /* for the peer to close after us */

static void must(struct serve *s, int err, const char *what) {
    if (!err)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, strerror(-err), via_why(s->h->st));
    exit(1);
}

bool serve_play(struct host *h, uint16_t port, const char *ask, struct iovec *got) {
    struct iovec v = {(void *)(uintptr_t)ask, strlen(ask)};
    struct via_ep to = host_ep(&h->addr, port);
    static via_sock_t sock;
    static size_t len;
    ssize_t n;

    if (!sock && (via_tcp_connect(h->other, NULL, NULL, &to, &sock) || via_tcp_send(h->other, sock, &v, 1, VIA_ALL) < 0))
        exit(1);
    do {
        n = via_tcp_recv(h->other, sock, (char *)got->iov_base + len, got->iov_len - len, 0);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    if (n == -EAGAIN || n == -ENOTCONN)
        return true;
    if (n)
        exit(1);
    got->iov_len = len;
    via_sock_close(h->other, sock, 0);
    return false;
}

static void drop(struct serve_peer *p, unsigned flags) {
    via_sock_close(p->serve->h->st, p->sock, flags);
    p->serve->peer[p->slot] = NULL;
    free(p);
}

static void on_second(struct via_stack *st, struct via_timer *t) {
    ((struct serve *)t->arg)->second = true;
    via_timer_start(st, t, via_stack_now(st) + VIA_SEC, on_second);
}

static void serve_open(struct serve *s, struct host *h) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct via_ep any = via_ep_any(VIA_AF_ANY, s->port);

    s->h = h;
    s->clock.arg = s;
    conf.flags = VIA_TCP_NODELAY;
    conf.backlog = 1024;
    must(s, via_epoll_create(h->st, &set, &s->set), "set");
    must(s, via_listen(h->st, &conf, &any, &s->listener), "listener");
    must(s, via_epoll_ctl(s->set, VIA_EPOLL_ADD, s->listener, VIA_EV_ACCEPT, 0), "member");
    must(s, via_timer_start(h->st, &s->clock, via_stack_now(h->st) + VIA_SEC, on_second), "clock");
    printf("serving at port %u\n", s->port);
}

static void add(struct serve *s, via_sock_t sock) {
    struct serve_peer *p = NULL;
    unsigned i, slot = 0;

    for (i = 0; i < SERVE_PEERS && !p; i++) {
        slot = (s->hint + i) % SERVE_PEERS;
        if (!s->peer[slot])
            p = malloc(sizeof *p);
    }
    if (!p) {
        s->refused++;
        via_sock_close(s->h->st, sock, VIA_ABORT);
        return;
    }
    memset(p, 0, offsetof(struct serve_peer, in) + 1);
    p->serve = s;
    p->slot = slot;
    p->sock = sock;
    p->since = via_stack_now(s->h->st);
    s->peer[slot] = p;
    s->hint = slot + 1;
    s->accepted++;
    if (via_epoll_ctl(s->set, VIA_EPOLL_ADD, sock, EVENTS, slot))
        drop(p, VIA_ABORT);
}

void serve_say(struct serve_peer *p, const void *data, size_t len) {
    if (p->from == p->to)
        p->from = p->to = 0;
    if (len > sizeof p->out - p->to)
        len = sizeof p->out - p->to;
    memcpy(p->out + p->to, data, len);
    p->to += len;
}

bool serve_flush(struct serve_peer *p, unsigned flags) {
    while (p->from < p->to || p->body_len) {
        struct iovec v[2] = {{p->out + p->from, p->to - p->from}, {(void *)(uintptr_t)p->body, p->body_len}};
        ssize_t n = via_tcp_send(p->serve->h->st, p->sock, v, 2, flags);
        size_t head = p->to - p->from;

        if (n <= 0)
            return false; /* -EAGAIN: VIA_EV_SPACE will come; dead: VIA_EV_TERMINATED has come */
        p->since = via_stack_now(p->serve->h->st);
        if ((size_t)n < head)
            head = (size_t)n;
        p->from += head;
        p->body += (size_t)n - head;
        p->body_len -= (size_t)n - head;
    }
    return true;
}

/* The requests that are whole, as long as their answers have room. False: the rest is not whole. */
static bool answer(struct serve_peer *p) {
    size_t used = 0;
    ssize_t n = 1;

    while (p->fill > used && !p->ending && (p->to + SERVE_REPLY <= sizeof p->out || p->from == p->to) && !p->body_len) {
        n = p->serve->request(p, p->in + used, p->fill - used);
        if (n <= 0)
            break;
        used += (size_t)n;
        p->serve->requests++;
        p->since = via_stack_now(p->serve->h->st);
        if (p->body_len || p->to + SERVE_REPLY > sizeof p->out)
            serve_flush(p, used < p->fill ? VIA_MORE : 0);
    }
    if (n == SERVE_END) {
        p->ending = true;
        p->since = via_stack_now(p->serve->h->st);
    }
    memmove(p->in, p->in + used, p->fill - used + 1);
    p->fill -= used;
    return n > 0 && p->fill && !p->ending;
}

/* Reads, answers, sends, until one of the three cannot go on. False: the connection is over. */
static bool pump(struct serve_peer *p) {
    for (;;) {
        bool stuck;
        ssize_t n;

        while (answer(p) && serve_flush(p, VIA_MORE))
            ;
        stuck = !serve_flush(p, 0);
        if (p->ending && !stuck && !p->eof)
            via_tcp_shutdown(p->serve->h->st, p->sock); /* what it still sends is read and forgotten */
        if (p->ending)
            p->fill = 0;
        if (p->eof || (stuck && !p->ending) || p->fill == SERVE_IN)
            return !p->eof || stuck;
        n = via_tcp_recv(p->serve->h->st, p->sock, p->in + p->fill, SERVE_IN - p->fill, 0);
        if (n == -EAGAIN)
            return true;
        if (n < 0)
            return false;
        if (!p->fill && !p->ending)
            p->since = via_stack_now(p->serve->h->st);
        p->eof = n == 0;
        p->fill += (size_t)n;
        p->in[p->fill] = 0;
    }
}

/* Who does nothing for too long has to go; who was refused for want of packets, without a promise, tries again. */
static void look_around(struct serve *s) {
    unsigned i;

    s->second = false;
    for (i = 0; i < SERVE_PEERS; i++) {
        struct serve_peer *p = s->peer[i];
        bool busy = p && (p->fill || p->from < p->to || p->body_len);
        via_ns_t most = p && p->ending ? END_S : busy ? REQUEST_S : IDLE_S;

        if (p && via_stack_now(s->h->st) - p->since >= most * VIA_SEC) {
            s->late += !p->ending;
            drop(p, busy ? VIA_ABORT : 0);
        } else if (busy && !pump(p)) {
            drop(p, 0);
        }
    }
}

static void on_event(const struct via_event *ev, void *arg) {
    struct serve *s = arg;
    struct serve_peer *p;
    struct via_accepted v[32];
    int i, n;

    if (ev->sock == s->listener) {
        while ((n = via_accept(s->h->st, s->listener, v, 32)) > 0)
            for (i = 0; i < n; i++)
                add(s, v[i].sock);
        return;
    }
    if (s->done && ev->what & VIA_EV_DONE)
        s->done(s);
    p = s->peer[ev->user];
    if (!p || p->sock != ev->sock)
        return; /* the last word of one that we closed while the device still had its frames */
    if (ev->what & VIA_EV_TERMINATED || !pump(p))
        drop(p, 0);
}

static void serve_turn(struct serve *s) {
    via_epoll_dispatch(s->set, 0, on_event, s);
    if (s->second)
        look_around(s);
    via_stack_flush(s->h->st);
}

static void serve_close(struct serve *s) {
    unsigned i;

    printf("%llu requests, %llu connections, %llu too many, %llu too slow\n", (unsigned long long)s->requests,
           (unsigned long long)s->accepted, (unsigned long long)s->refused, (unsigned long long)s->late);
    for (i = 0; i < SERVE_PEERS; i++)
        if (s->peer[i])
            drop(s->peer[i], 0);
    via_timer_stop(s->h->st, &s->clock);
    via_sock_close(s->h->st, s->listener, 0);
    via_epoll_destroy(s->set);
}

int serve_main(struct serve *s, int argc, char **argv) {
    struct host h;

    host_open(&h, argc, argv, s->play);
    serve_open(s, &h);
    while (host_turn(&h))
        serve_turn(s);
    serve_close(s);
    host_close(&h);
    return 0;
}
