/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls of TCP on Viaduct. A socket that is only open, as after bind(2), is a note of its end point here. */
#include "stack_tcp.h"

#include <errno.h>
#include <viaduct/listener.h>
#include <viaduct/tcp.h>

const bool diff_has_tcp = true;

/* `listens`: a listener; sock 0 with `open`: bound and neither. */
int diff_tcp_open(struct diff_stack *v, unsigned i, const struct diff_op *op, uint8_t family) {
    struct via_ep *e = &v->bound[i];

    *e = via_ep_any(family == 6 ? VIA_AF_6 : VIA_AF_4, op->port);
    if (op->where == AT_OWN)
        via_addr_parse(family == 6 ? "2001:db8::1" : "192.0.2.1", &e->addr, NULL);
    v->open[i] = true;
    v->sock[i] = 0;
    v->listens[i] = v->eof[i] = v->dead[i] = false;
    v->announced[i] = 0;
    v->last_error[i] = 0;
    return 0;
}

int diff_tcp_close(struct diff_stack *v, unsigned i) {
    return v->sock[i] ? via_sock_close(v->st, v->sock[i], 0) : 0;
}

int diff_tcp_abort(struct diff_stack *v, unsigned i) {
    return v->sock[i] ? via_sock_close(v->st, v->sock[i], VIA_ABORT) : 0;
}

int diff_tcp_connect(struct diff_stack *v, unsigned i, const struct via_ep *to) {
    struct via_tcp_conf c = VIA_TCP_CONF_INIT;
    via_sock_t s;
    int err;

    if (!v->open[i])
        return -EBADF;
    if (!to || v->sock[i])
        return -EISCONN;
    err = via_tcp_connect(v->st, &c, &v->bound[i], to, &s);
    if (!err)
        diff_stack_watch(v, i, s);
    return err;
}

int diff_tcp_send(struct diff_stack *v, unsigned i, const void *data, size_t n) {
    struct iovec iov = {(void *)(uintptr_t)data, n};

    if (!v->sock[i] || v->listens[i])
        return -EPIPE;
    return (int)via_tcp_send(v->st, v->sock[i], &iov, 1, 0);
}

int diff_tcp_recv(struct diff_stack *v, unsigned i, void *buf, size_t n) {
    int got;

    if (!v->sock[i] || v->listens[i])
        return -ENOTCONN;
    got = (int)via_tcp_recv(v->st, v->sock[i], buf, n, 0);
    if (got > 0)
        v->announced[i] -= (uint32_t)got < v->announced[i] ? (uint32_t)got : v->announced[i];
    return got;
}

int diff_tcp_option(uint8_t opt) {
    return opt == DO_NODELAY ? VIA_OPT_NODELAY : opt == DO_CORK ? VIA_OPT_CORK : opt == DO_KEEPALIVE ? VIA_OPT_KEEPALIVE : 0;
}

int diff_tcp_error(struct diff_stack *v, unsigned i) {
    int err = v->last_error[i];

    v->last_error[i] = 0;
    return err;
}

int diff_tcp_listen(struct diff_stack *v, unsigned i, int backlog) {
    struct via_listen_conf c = VIA_LISTEN_CONF_INIT;
    via_sock_t s;
    int err;

    if (!v->open[i])
        return -EBADF;
    if (v->sock[i])
        return v->listens[i] ? 0 : -EINVAL;
    c.backlog = (uint32_t)backlog;
    err = via_listen(v->st, &c, &v->bound[i], &s);
    if (!err) {
        diff_stack_watch(v, i, s);
        v->listens[i] = true;
    }
    return err;
}

int diff_tcp_accept(struct diff_stack *v, unsigned i, unsigned to) {
    struct via_accepted a;
    int n;

    if (!v->open[i])
        return -EBADF;
    if (!v->listens[i])
        return -EINVAL;
    n = via_accept(v->st, v->sock[i], &a, 1);
    if (n != 1)
        return n;
    if (v->announced[i])
        v->announced[i]--;
    if (v->open[to])
        diff_tcp_close(v, to);
    diff_stack_watch(v, to, a.sock);
    return 1;
}

int diff_tcp_shutdown(struct diff_stack *v, unsigned i) {
    if (!v->open[i])
        return -EBADF;
    return v->sock[i] && !v->listens[i] ? via_tcp_shutdown(v->st, v->sock[i]) : -ENOTCONN;
}

int diff_tcp_state(struct diff_stack *v, unsigned i, int *eof) {
    struct via_tcp_info info = VIA_TCP_INFO_INIT;
    int err;

    if (!v->open[i])
        return -EBADF;
    *eof = v->eof[i];
    if (!v->sock[i])
        return 0;
    if (v->listens[i])
        return 10;
    err = via_tcp_info(v->st, v->sock[i], &info);
    return err ? err : info.state;
}

bool diff_tcp_is_over(struct diff_stack *v, unsigned i) {
    struct via_tcp_info info = VIA_TCP_INFO_INIT;

    if (!v->sock[i] || v->listens[i] || via_tcp_info(v->st, v->sock[i], &info))
        return false;
    return info.state == VIA_TCP_TIME_WAIT || info.state == VIA_TCP_CLOSED;
}
