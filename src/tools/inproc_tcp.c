/* SPDX-License-Identifier: BSD-2-Clause */
/* Two stacks in one thread: TCP. */
#include "inproc.h"

#include <errno.h>

#define TURNS 100000 /* polls without success that are a failure */

void inproc_poll(struct inproc *p) {
    inproc_tick(p);
    via_stack_poll_at(p->st[0], p->now, 0, NULL);
    via_stack_poll_at(p->st[1], p->now, 0, NULL);
}

void inproc_listen(struct inproc *p, uint16_t port, const struct via_listen_conf *conf) {
    struct via_listen_conf defaults = VIA_LISTEN_CONF_INIT;
    int err;

    p->ep[0].port = 0;
    p->ep[1].port = port;
    defaults.flags = VIA_TCP_NODELAY;
    err = via_listen(p->st[1], conf ? conf : &defaults, &p->ep[1], &p->listener);
    if (err)
        tool_die_stack(p->st[1], err, "listen");
}

void inproc_connect(struct inproc *p, const struct via_tcp_conf *conf, via_sock_t sock[2]) {
    struct via_tcp_conf defaults = VIA_TCP_CONF_INIT;
    struct via_accepted v;
    int err, turn;

    defaults.flags = VIA_TCP_NODELAY;
    err = via_tcp_connect(p->st[0], conf ? conf : &defaults, NULL, &p->ep[1], &sock[0]);
    if (err)
        tool_die_stack(p->st[0], err, "connect");
    for (turn = 0; turn < TURNS; turn++) {
        inproc_poll(p);
        if (via_accept(p->st[1], p->listener, &v, 1) == 1) {
            sock[1] = v.sock;
            return;
        }
    }
    tool_die("no connection: %s", via_why(p->st[0]));
}

void inproc_tcp(struct inproc *p, uint16_t port) {
    struct via_lent lent;

    inproc_listen(p, port, NULL);
    inproc_connect(p, NULL, p->sock);
    p->copy |= via_zc_recv(p->st[0], p->sock[0], 0, &lent) == -EOPNOTSUPP;
}

static bool send_all(struct inproc *p, int i, const uint8_t *data, uint32_t size) {
    struct iovec v = {(void *)(uintptr_t)data, size};
    int turn;

    for (turn = 0; turn < TURNS; turn++) {
        ssize_t n = via_tcp_send(p->st[i], p->sock[i], &v, 1, VIA_FLUSH);

        if (n == (ssize_t)v.iov_len)
            return true;
        if (n < 0 && n != -EAGAIN && n != -ENOBUFS)
            return false;
        v.iov_base = (uint8_t *)v.iov_base + (n > 0 ? n : 0);
        v.iov_len -= n > 0 ? (size_t)n : 0;
        inproc_poll(p);
    }
    return false;
}

/* Takes what is there on side `i`, which with `back` returns it: how many bytes, 0 nothing. */
static uint32_t take(struct inproc *p, int i, bool back) {
    uint8_t buf[8192];
    struct via_lent lent;
    struct via_seg seg;
    uint32_t left;

    if (p->copy) {
        ssize_t n = via_tcp_recv(p->st[i], p->sock[i], buf, sizeof buf, 0);

        return n <= 0 || (back && !send_all(p, i, buf, (uint32_t)n)) ? 0 : (uint32_t)n;
    }
    if (via_zc_recv(p->st[i], p->sock[i], 0, &lent) != 1)
        return 0;
    for (seg = lent.seg, left = back ? lent.bytes : 0; left; left = via_buf_next(p->st[i], &seg, &seg) ? 0 : left) {
        if (!send_all(p, i, seg.data, seg.len))
            break;
        left -= seg.len;
    }
    via_buf_release(p->st[i], &lent.seg.buf, 1);
    return left ? 0 : lent.bytes;
}

bool inproc_stream_trip(struct inproc *p, const void *data, uint32_t size) {
    uint32_t got = 0, back = 0;
    int turn;

    inproc_tick(p);
    if (!send_all(p, 0, data, size))
        return false;
    for (turn = 0; turn < TURNS && back < size; turn++) {
        if (got < size || turn) /* what the cable could not take at once still lies there */
            via_stack_poll_at(p->st[1], p->now, 0, NULL);
        if (got < size)
            got += take(p, 1, true);
        via_stack_poll_at(p->st[0], p->now, 0, NULL);
        back += take(p, 0, false);
    }
    return back == size;
}
