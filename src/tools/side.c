/* SPDX-License-Identifier: BSD-2-Clause */
#include "side.h"
#include "side_os.h"

#include <errno.h>

#define BATCH 64

void side_open(struct side *s) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    int err;

    if (!s->timeout)
        s->timeout = 10 * VIA_SEC;
    if (s->os) {
        side_os_open(s);
        return;
    }
    tool_host_open(&s->host);
    tool_host_addr(&s->host);
    conf.mode = VIA_EPOLL_LOOSE;
    err = s->events ? via_epoll_create(s->host.st, &conf, &s->set) : 0;
    if (err)
        tool_die_stack(s->host.st, err, "event set");
}

void side_close(struct side *s) {
    if (s->os) {
        side_os_close(s);
        return;
    }
    if (s->set)
        via_epoll_destroy(s->set);
    tool_host_close(&s->host);
}

static void join(struct side *s, via_sock_t sock, uint32_t mask) {
    int err = s->set ? via_epoll_ctl(s->set, VIA_EPOLL_ADD, sock, mask, 0) : 0;

    if (err)
        tool_die_stack(s->host.st, err, "event set");
}

void side_listen(struct side *s, uint16_t port) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct via_ep any = via_ep_any(VIA_AF_ANY, port);
    int err;

    if (s->os) {
        side_os_listen(s, port);
        return;
    }
    conf.flags = VIA_TCP_NODELAY;
    conf.backlog = 4096;
    err = via_listen(s->host.st, &conf, &any, &s->listener);
    if (err)
        tool_die_stack(s->host.st, err, "listen");
    join(s, s->listener, VIA_EV_ACCEPT);
}

#define TOLD (VIA_EV_IN | VIA_EV_SPACE | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_TERMINATED)

uint64_t side_connect(struct side *s, const struct via_ep *peer) {
    struct via_tcp_conf conf = VIA_TCP_CONF_INIT;
    via_sock_t sock;
    int err;

    if (s->os)
        return side_os_connect(s, peer);
    conf.flags = VIA_TCP_NODELAY;
    err = via_tcp_connect(s->host.st, &conf, NULL, peer, &sock);
    if (err)
        tool_die_stack(s->host.st, err, "connect");
    join(s, sock, TOLD);
    return sock;
}

uint64_t side_accept(struct side *s) {
    struct via_accepted v;
    int n;

    if (s->os)
        return side_os_accept(s);
    n = via_accept(s->host.st, s->listener, &v, 1);
    if (n == -EAGAIN)
        return 0;
    if (n < 0)
        tool_die_stack(s->host.st, n, "accept");
    join(s, v.sock, TOLD);
    return v.sock;
}

int side_is_up(struct side *s, uint64_t conn) {
    struct via_tcp_info info = VIA_TCP_INFO_INIT;

    if (s->os)
        return side_os_is_up(s, conn);
    if (via_tcp_info(s->host.st, conn, &info))
        tool_die_stack(s->host.st, -EBADF, "connection");
    if (info.state == VIA_TCP_CLOSED)
        tool_die_stack(s->host.st, info.reason ? info.reason : -ECONNRESET, "connect");
    return info.state >= VIA_TCP_ESTABLISHED;
}

ssize_t side_send(struct side *s, uint64_t conn, const void *data, size_t len) {
    struct iovec v = {(void *)(uintptr_t)data, len};
    ssize_t n;

    if (s->os)
        return side_os_send(conn, data, len);
    n = via_tcp_send(s->host.st, conn, &v, 1, VIA_FLUSH);
    if (n < 0 && n != -EAGAIN && n != -ENOBUFS)
        tool_die_stack(s->host.st, (int)n, "send");
    return n == -ENOBUFS ? -EAGAIN : n;
}

ssize_t side_recv(struct side *s, uint64_t conn, void *buf, size_t len) {
    ssize_t n = s->os ? side_os_recv(s, conn, buf, len) : via_tcp_recv(s->host.st, conn, buf, len, 0);

    if (n < 0 && n != -EAGAIN && n != -ECONNRESET)
        tool_die_stack(s->host.st, (int)n, "receive");
    return n == -ECONNRESET ? 0 : n;
}

void side_shutdown(struct side *s, uint64_t conn) {
    int err;

    if (s->os) {
        side_os_shutdown(conn);
        return;
    }
    err = via_tcp_shutdown(s->host.st, conn);
    if (err)
        tool_die_stack(s->host.st, err, "shutdown");
}

void side_hang_up(struct side *s, uint64_t conn, bool abort) {
    if (s->os)
        side_os_hang_up(conn, abort);
    else
        via_sock_close(s->host.st, conn, abort ? VIA_ABORT : 0);
}

bool side_wait(struct side *s, via_ns_t until) {
    struct via_event ev[BATCH];
    via_ns_t now;

    if (s->os)
        return side_os_wait(s, until);
    for (;;) {
        if (s->set ? via_epoll_poll(s->set, ev, BATCH, 0) > 0 : via_stack_poll(s->host.st, 0, NULL))
            return true;
        now = via_stack_now(s->host.st);
        if (tool_stopped() || now >= until)
            return false;
        if (s->wait == SIDE_SLEEP)
            tool_sleep(s->host.st, until == VIA_NEVER ? VIA_NEVER : until - now);
    }
}

uint64_t side_connected(struct side *s, const struct via_ep *peer) {
    via_ns_t until = tool_clock() + 10 * VIA_SEC; /* a SYN may have to be sent again */
    uint64_t conn = side_connect(s, peer);

    while (!side_is_up(s, conn))
        if (!side_wait(s, until) && (tool_stopped() || tool_clock() >= until))
            tool_die("the peer does not answer");
    return conn;
}

void side_send_all(struct side *s, uint64_t conn, const void *data, size_t len) {
    const uint8_t *at = data;
    ssize_t n;

    while (len && !tool_stopped()) {
        n = side_send(s, conn, at, len);
        if (n < 0 && !side_wait(s, tool_clock() + s->timeout))
            tool_die("no room to send for too long");
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

void side_describe(const struct side *s, FILE *f) {
    const struct via_vi_info *info = &s->host.info;
    const char *wait = s->wait == SIDE_SLEEP ? "sleeping" : s->wait == SIDE_BUSYPOLL ? "busy polling" : "spinning", *why;

    if (s->os) {
        fprintf(f, "# kernel sockets: %s, %s\n", wait, s->events ? "epoll" : "sockets asked directly");
        return;
    }
    why = via_why(s->host.st);
    fprintf(f, "# viaduct: %s, %s%s%s, mtu %u, %s, %s\n", s->host.vi, info->driver, info->mode[0] ? ", " : "", info->mode,
            info->mtu, wait, s->events ? "ordered set" : "sockets asked directly");
    if (why[0])
        fprintf(f, "# note: %s\n", why);
}

const char *side_name(const struct side *s) {
    return s->os ? "kernel" : "viaduct";
}
