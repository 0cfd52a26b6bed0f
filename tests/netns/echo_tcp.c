/* SPDX-License-Identifier: BSD-2-Clause */
#include "echo_tcp.h"

#include <errno.h>
#include <stdlib.h>

#define CONNS 64
#define FIRST 1000u /* user values: of the listener, then of connections */
#define EVENTS (VIA_EV_IN | VIA_EV_SPACE | VIA_EV_ERR | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_TERMINATED)

struct conn {
    via_sock_t sock;
    uint8_t buf[1 << 16];
    size_t from, to; /* of what was read and not sent */
};

struct echo_tcp {
    struct via_stack *st;
    struct via_epoll *set;
    via_sock_t listener;
    uint64_t bytes, ended;
    struct conn conn[CONNS];
};

struct echo_tcp *echo_tcp_open(struct via_stack *st, struct via_epoll *set, uint16_t port) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct via_ep any = via_ep_any(VIA_AF_ANY, port);
    struct echo_tcp *e = calloc(1, sizeof *e);
    int err;

    if (!e)
        tool_die("no memory");
    e->st = st;
    e->set = set;
    conf.fast_open = 16;
    err = via_listen(st, &conf, &any, &e->listener);
    if (!err)
        err = via_epoll_ctl(set, VIA_EPOLL_ADD, e->listener, VIA_EV_ACCEPT, FIRST);
    if (err)
        tool_die_stack(st, err, "listener");
    return e;
}

static int add(struct echo_tcp *e, via_sock_t s) {
    unsigned i;

    for (i = 0; i < CONNS && e->conn[i].sock; i++)
        ;
    if (i == CONNS) {
        via_sock_close(e->st, s, VIA_ABORT);
        return -ENOSPC;
    }
    e->conn[i].sock = s;
    e->conn[i].from = e->conn[i].to = 0;
    return via_epoll_ctl(e->set, VIA_EPOLL_ADD, s, EVENTS, FIRST + 1 + i);
}

static void end(struct echo_tcp *e, struct conn *k, int reason) {
    via_sock_close(e->st, k->sock, 0);
    k->sock = 0;
    e->ended++;
    printf("event tcp end %d\n", reason);
}

/* Sends what is left, then reads on, until either side has enough. True: the peer has ended. */
static bool pump(struct echo_tcp *e, struct conn *k, int *reason) {
    for (;;) {
        struct iovec v = {k->buf + k->from, k->to - k->from};
        ssize_t n;

        while (v.iov_len && (n = via_tcp_send(e->st, k->sock, &v, 1, 0)) > 0) {
            k->from += (size_t)n;
            e->bytes += (uint64_t)n;
            v.iov_base = k->buf + k->from;
            v.iov_len = k->to - k->from;
        }
        if (v.iov_len)
            return false;
        n = via_tcp_recv(e->st, k->sock, k->buf, sizeof k->buf, 0);
        if (n == -EAGAIN || n == -ENOTCONN)
            return false;
        if (n <= 0) {
            *reason = (int)n;
            return true;
        }
        k->from = 0;
        k->to = (size_t)n;
    }
}

bool echo_tcp_handle(struct echo_tcp *e, const struct via_event *ev) {
    struct via_accepted v[8];
    struct conn *k;
    int i, n, reason = 0;

    if (ev->user < FIRST)
        return false;
    if (ev->user == FIRST) {
        while ((n = via_accept(e->st, e->listener, v, 8)) > 0)
            for (i = 0; i < n; i++)
                add(e, v[i].sock);
        return true;
    }
    k = &e->conn[ev->user - FIRST - 1];
    if (k->sock != ev->sock)
        return true;
    if (ev->what & VIA_EV_TERMINATED)
        end(e, k, ev->reason);
    else if (pump(e, k, &reason))
        end(e, k, reason);
    return true;
}

int echo_tcp_connect(struct echo_tcp *e, const struct via_ep *peer) {
    via_sock_t s;
    int err = via_tcp_connect(e->st, NULL, NULL, peer, &s);

    return err < 0 ? err : add(e, s);
}

int echo_tcp_ended(const struct echo_tcp *e) {
    return (int)e->ended;
}

int echo_tcp_bytes(const struct echo_tcp *e) {
    return (int)(e->bytes >> 10);
}

void echo_tcp_close(struct echo_tcp *e, unsigned flags) {
    unsigned i;

    for (i = 0; i < CONNS; i++)
        if (e->conn[i].sock)
            via_sock_close(e->st, e->conn[i].sock, flags);
    via_sock_close(e->st, e->listener, 0);
    free(e);
}
