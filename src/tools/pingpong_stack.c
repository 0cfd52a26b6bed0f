/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrier: UDP over a Viaduct stack. */
#include "pingpong.h"

#include <errno.h>

#define BATCH 32

struct carrier {
    via_sock_t sock;
    struct via_epoll *set;
};

static struct carrier the_carrier;

static void open_stack(struct pp *pp) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct via_ep local = via_ep_any(VIA_AF_ANY, pp->server ? pp->port : 0), peer;
    struct carrier *c = pp->carrier = &the_carrier;
    int err;

    tool_host_open(&pp->host);
    tool_host_addr(&pp->host);
    if (!pp->server) {
        peer = tool_ep("--peer", pp->peer, pp->port);
        local.family = peer.family;
        if (peer.family == VIA_AF_4)
            local.addr = via_addr_from4(0);
    }
    err = via_udp_open(pp->host.st, &conf, &local, &c->sock);
    if (!err && !pp->server)
        err = via_udp_connect(pp->host.st, c->sock, &peer);
    if (!err && pp->muxer == PP_EPOLL) {
        err = via_epoll_create(pp->host.st, &set, &c->set);
        if (!err)
            err = via_epoll_ctl(c->set, VIA_EPOLL_ADD, c->sock, VIA_EV_IN, 0);
    }
    if (err)
        tool_die_stack(pp->host.st, err, "socket");
    if (pp->muxer == PP_LIBEV)
        pp_ev_open(pp, -1);
}

/* Until a datagram may be there: false when `until` is past. */
static bool wait_for_data(struct pp *pp, struct carrier *c, via_ns_t until) {
    struct via_event ev[BATCH];
    via_ns_t now;

    if (pp->muxer == PP_LIBEV)
        return pp_ev_wait(pp, until);
    for (;;) {
        if (pp->muxer == PP_EPOLL ? via_epoll_poll(c->set, ev, BATCH, 0) > 0 : via_stack_poll(pp->host.st, 0, NULL))
            return true;
        now = via_stack_now(pp->host.st);
        if (tool_stopped() || now >= until)
            return false;
        if (pp->wait == PP_SLEEP)
            tool_sleep(pp->host.st, until - now);
    }
}

static bool take_echo(struct pp *pp, struct carrier *c, uint32_t size) {
    struct via_dgram d;
    bool match;
    ssize_t n;

    if (pp->copy) {
        n = via_udp_read(pp->host.st, c->sock, pp->answer, sizeof pp->answer, NULL);
        return n >= 0 && pp_is_echo(pp, pp->answer, (size_t)n, size);
    }
    if (via_udp_recv(pp->host.st, c->sock, &d, 1) != 1)
        return false;
    match = d.seg.len >= (size < sizeof pp->seq ? size : sizeof pp->seq) && pp_is_echo(pp, d.seg.data, d.bytes, size);
    via_buf_release(pp->host.st, &d.seg.buf, 1);
    return match;
}

static int send_bytes(struct pp *pp, struct carrier *c, const void *data, size_t len) {
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    int n = via_udp_send(pp->host.st, c->sock, &d, 1, VIA_FLUSH);

    if (n < 0 && n != -EAGAIN && n != -ENOBUFS)
        tool_die_stack(pp->host.st, n, "send");
    return n;
}

static bool ping(struct pp *pp, uint32_t size) {
    struct carrier *c = pp->carrier;
    via_ns_t until = tool_clock() + pp->timeout;

    send_bytes(pp, c, pp->message, size);
    while (!take_echo(pp, c, size))
        if (!wait_for_data(pp, c, until))
            return false;
    return true;
}

static bool send_to(struct pp *pp, struct carrier *c, const struct via_dgram *d) {
    return via_udp_send(pp->host.st, c->sock, d, 1, VIA_FLUSH) == 1;
}

/* Sends back what came, in the frame in which it came. False: it was the client's last word. */
static bool echo(struct pp *pp, struct carrier *c, struct via_dgram *d) {
    struct via_dgram out = {.seg = d->seg, .peer = d->peer};
    bool end = pp_is_end(d->seg.data, d->seg.len);

    if (!send_to(pp, c, &out))
        via_buf_release(pp->host.st, &d->seg.buf, 1);
    return !end || pp->keep;
}

/* One datagram out of the stack and back in, by copies; whether there was one. */
static bool echo_copied(struct pp *pp, struct carrier *c, bool *on) {
    struct iovec iov = {pp->answer, sizeof pp->answer};
    struct via_dgram out = {.iov = &iov, .iovcnt = 1};
    ssize_t n = via_udp_read(pp->host.st, c->sock, pp->answer, sizeof pp->answer, &out.peer);

    if (n < 0)
        return false;
    iov.iov_len = (size_t)n;
    send_to(pp, c, &out);
    *on = pp->keep || !pp_is_end(pp->answer, iov.iov_len);
    return true;
}

static bool echo_batch(struct pp *pp, struct carrier *c, bool *on) {
    struct via_dgram d[BATCH];
    int n = via_udp_recv(pp->host.st, c->sock, d, BATCH), i;

    for (i = 0; i < n; i++)
        *on = echo(pp, c, &d[i]) && *on;
    return n > 0;
}

static void serve(struct pp *pp) {
    struct carrier *c = pp->carrier;
    bool on = true;

    while (on && !tool_stopped())
        if (!(pp->copy ? echo_copied(pp, c, &on) : echo_batch(pp, c, &on)))
            wait_for_data(pp, c, VIA_NEVER);
    via_stack_poll(pp->host.st, 0, NULL);
}

static void end(struct pp *pp) {
    struct carrier *c = pp->carrier;

    send_bytes(pp, c, PP_END, sizeof PP_END);
    wait_for_data(pp, c, tool_clock() + pp->timeout);
}

static void describe(const struct pp *pp, FILE *f) {
    const struct via_vi_info *info = &pp->host.info;
    const char *why = via_why(pp->host.st);

    fprintf(f, "# viaduct: %s, %s%s%s, mtu %u, %s, %s, %s\n", pp->host.vi, info->driver, info->mode[0] ? ", " : "",
            info->mode, info->mtu, pp->wait == PP_SLEEP ? "sleeping" : "spinning",
            pp->muxer == PP_EPOLL    ? "ordered set"
            : pp->muxer == PP_LIBEV ? "libev loop"
                                     : "socket asked directly",
            pp->copy ? "data copied" : "data borrowed");
    if (why[0])
        fprintf(f, "# note: %s\n", why);
}

static void close_stack(struct pp *pp) {
    struct carrier *c = pp->carrier;

    if (pp->ev)
        pp_ev_close(pp);
    if (c->set)
        via_epoll_destroy(c->set);
    tool_host_close(&pp->host);
}

const struct pp_carrier pp_stack = {
    .open = open_stack, .ping = ping, .serve = serve, .end = end, .describe = describe, .close = close_stack};
