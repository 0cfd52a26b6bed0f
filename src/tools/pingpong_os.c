/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrier: UDP over the kernel's sockets, for comparison. */
#include "pingpong.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUSY_US 50

struct carrier {
    int fd, set;
};

static struct carrier the_carrier;

static void must(bool ok, const char *what) {
    if (!ok)
        tool_die("%s: %s", what, strerror(errno));
}

static void open_os(struct pp *pp) {
    struct carrier *c = pp->carrier = &the_carrier;
    struct sockaddr_storage sa;
    struct epoll_event ev = {.events = EPOLLIN};
    struct via_ep e;
    char own[VIA_ADDR_TEXT] = "";
    int us = BUSY_US;
    socklen_t len;

    if (pp->host.addrs) {
        snprintf(own, sizeof own, "%s", pp->host.addr[0]);
        own[strcspn(own, "/")] = 0;
    }
    e = tool_ep("address", pp->server ? (own[0] ? own : "0.0.0.0") : pp->peer, pp->port);
    len = via_ep_to_sockaddr(&e, &sa);
    c->fd = socket(sa.ss_family, SOCK_DGRAM | (pp->wait == PP_SPIN ? SOCK_NONBLOCK : 0), 0);
    must(c->fd >= 0, "socket");
    must(!(pp->server ? bind : connect)(c->fd, (struct sockaddr *)&sa, len), pp->server ? "bind" : "connect");
    if (pp->wait == PP_BUSYPOLL)
        must(!setsockopt(c->fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof us), "SO_BUSY_POLL");
    c->set = -1;
    if (pp->muxer == PP_EPOLL) {
        c->set = epoll_create1(0);
        must(c->set >= 0 && !epoll_ctl(c->set, EPOLL_CTL_ADD, c->fd, &ev), "epoll");
    }
    if (pp->muxer == PP_LIBEV)
        pp_ev_open(pp, c->fd);
}

/* Blocks if that is how it waits; false when `until` is past or the program is to stop. */
static bool wait_for_data(struct pp *pp, struct carrier *c, via_ns_t until) {
    struct epoll_event ev;
    via_ns_t now;
    int n, ms;

    if (pp->muxer == PP_LIBEV)
        return pp_ev_wait(pp, until);
    for (;;) {
        now = tool_clock();
        if (tool_stopped() || now >= until)
            return false;
        ms = until - now > 3600 * VIA_SEC ? 3600000 : (int)((until - now + VIA_MS - 1) / VIA_MS);
        if (pp->muxer == PP_EPOLL)
            n = epoll_wait(c->set, &ev, 1, pp->wait == PP_SPIN ? 0 : ms);
        else if (pp->wait == PP_SPIN)
            return true;
        else
            n = poll(&(struct pollfd){.fd = c->fd, .events = POLLIN}, 1, ms);
        if (n > 0)
            return true;
    }
}

/* A blocking receive is the kernel's quickest way to sleep: one system call. It is bounded by SO_RCVTIMEO. */
static bool blocks_in_recv(const struct pp *pp) {
    return pp->muxer == PP_NONE && pp->wait != PP_SPIN;
}

static void bound_recv(struct carrier *c, via_ns_t timeout) {
    struct timeval tv = {.tv_sec = (time_t)(timeout / VIA_SEC), .tv_usec = (suseconds_t)(timeout % VIA_SEC / 1000)};

    must(!setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), "SO_RCVTIMEO");
}

static bool ping(struct pp *pp, uint32_t size) {
    struct carrier *c = pp->carrier;
    via_ns_t until = tool_clock() + pp->timeout;
    bool block = blocks_in_recv(pp);
    ssize_t n;

    if (block && !pp->lost && pp->seq == 1)
        bound_recv(c, pp->timeout);
    if (send(c->fd, pp->message, size, 0) < 0 && errno != ECONNREFUSED && errno != EAGAIN)
        must(false, "send");
    for (;;) {
        n = recv(c->fd, pp->answer, sizeof pp->answer, block ? 0 : MSG_DONTWAIT);
        if (n >= 0 && pp_is_echo(pp, pp->answer, (size_t)n, size))
            return true;
        if (n < 0 && (block ? errno != ECONNREFUSED : !wait_for_data(pp, c, until)))
            return false;
    }
}

static void serve(struct pp *pp) {
    struct carrier *c = pp->carrier;
    struct sockaddr_storage from;
    bool block = blocks_in_recv(pp), over = false;
    socklen_t len;
    ssize_t n;

    while (!over && !tool_stopped()) {
        len = sizeof from;
        n = recvfrom(c->fd, pp->answer, sizeof pp->answer, block ? 0 : MSG_DONTWAIT, (struct sockaddr *)&from, &len);
        if (n < 0) {
            if (!block)
                wait_for_data(pp, c, VIA_NEVER);
            continue;
        }
        sendto(c->fd, pp->answer, (size_t)n, 0, (struct sockaddr *)&from, len);
        over = pp_is_end(pp->answer, (size_t)n) && !pp->keep;
    }
}

static void end(struct pp *pp) {
    struct carrier *c = pp->carrier;

    if (send(c->fd, PP_END, sizeof PP_END, 0) < 0)
        return;
}

static void describe(const struct pp *pp, FILE *f) {
    fprintf(f, "# kernel sockets: %s, %s\n",
            pp->wait == PP_SLEEP       ? "sleeping"
            : pp->wait == PP_BUSYPOLL ? "busy polling (SO_BUSY_POLL 50 us)"
                                       : "spinning on a non-blocking receive",
            pp->muxer == PP_EPOLL    ? "epoll"
            : pp->muxer == PP_LIBEV ? "libev loop"
                                     : "socket asked directly");
}

static void close_os(struct pp *pp) {
    struct carrier *c = pp->carrier;

    if (pp->ev)
        pp_ev_close(pp);
    if (c->set >= 0)
        close(c->set);
    close(c->fd);
}

const struct pp_carrier pp_os = {
    .open = open_os, .ping = ping, .serve = serve, .end = end, .describe = describe, .close = close_os};
