/* SPDX-License-Identifier: BSD-2-Clause */
#include "side_os.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH   64
#define BUSY_US 50

static void must(bool ok, const char *what) {
    if (!ok)
        tool_die("%s: %s", what, strerror(errno));
}

void side_os_open(struct side *s) {
    s->listen_fd = s->last_fd = -1;
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    must(s->epoll >= 0, "epoll");
}

void side_os_close(struct side *s) {
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    close(s->epoll);
}

static void watch(struct side *s, int fd, uint32_t events) {
    struct epoll_event ev = {.events = events, .data = {.fd = fd}};

    if (!s->quiet)
        must(!epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev), "epoll");
}

static void set_up(struct side *s, int fd) {
    struct timeval tv = {.tv_sec = (time_t)(s->timeout / VIA_SEC), .tv_usec = (suseconds_t)(s->timeout % VIA_SEC / 1000)};
    int one = 1, us = BUSY_US, mss = (int)s->mss;

    must(!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "TCP_NODELAY");
    if (mss)
        must(!setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof mss), "TCP_MAXSEG");
    if (s->wait == SIDE_BUSYPOLL)
        must(!setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof us), "SO_BUSY_POLL");
    if (s->block)
        must(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), "SO_RCVTIMEO");
    s->last_fd = fd;
}

static void own_addr(const struct side *s, char *text, size_t size) {
    snprintf(text, size, "%s", s->host.addrs ? s->host.addr[0] : "0.0.0.0");
    text[strcspn(text, "/")] = 0;
}

void side_os_listen(struct side *s, uint16_t port) {
    struct sockaddr_storage sa;
    char own[VIA_ADDR_TEXT + 8];
    struct via_ep e;
    socklen_t len;
    int one = 1;

    own_addr(s, own, sizeof own);
    e = tool_ep("address", own, port);
    len = via_ep_to_sockaddr(&e, &sa);
    s->listen_fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(s->listen_fd >= 0, "socket");
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    must(!bind(s->listen_fd, (struct sockaddr *)&sa, len) && !listen(s->listen_fd, 4096), "listen");
    watch(s, s->listen_fd, EPOLLIN);
}

uint64_t side_os_connect(struct side *s, const struct via_ep *peer) {
    struct sockaddr_storage sa;
    socklen_t len = via_ep_to_sockaddr(peer, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | (s->block ? 0 : SOCK_NONBLOCK), 0);

    must(fd >= 0, "socket");
    set_up(s, fd);
    must(!connect(fd, (struct sockaddr *)&sa, len) || errno == EINPROGRESS, "connect");
    watch(s, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    return (uint64_t)fd + 1;
}

uint64_t side_os_accept(struct side *s) {
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | (s->block ? 0 : SOCK_NONBLOCK));

    if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
        return 0;
    must(fd >= 0, "accept");
    set_up(s, fd);
    watch(s, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    return (uint64_t)fd + 1;
}

int side_os_is_up(struct side *s, uint64_t conn) {
    struct pollfd p = {.fd = side_os_fd(conn), .events = POLLOUT};
    socklen_t len = sizeof(int);
    int err = 0;

    (void)s;
    if (poll(&p, 1, 0) <= 0)
        return 0;
    getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err)
        tool_die("connect: %s", strerror(err));
    return 1;
}

ssize_t side_os_send(uint64_t conn, const void *data, size_t len) {
    ssize_t n = send(side_os_fd(conn), data, len, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        tool_die("send: %s", strerror(errno));
    return n < 0 ? -EAGAIN : n;
}

ssize_t side_os_recv(struct side *s, uint64_t conn, void *buf, size_t len) {
    ssize_t n = recv(side_os_fd(conn), buf, len, s->block ? 0 : MSG_DONTWAIT);

    if (n >= 0)
        return n;
    return errno == EINTR ? -EAGAIN : -errno;
}

void side_os_shutdown(uint64_t conn) {
    must(!shutdown(side_os_fd(conn), SHUT_WR) || errno == ENOTCONN, "shutdown");
}

void side_os_hang_up(uint64_t conn, bool abort) {
    struct linger no = {.l_onoff = 1, .l_linger = 0};

    if (abort)
        setsockopt(side_os_fd(conn), SOL_SOCKET, SO_LINGER, &no, sizeof no);
    close(side_os_fd(conn));
}

bool side_os_wait(struct side *s, via_ns_t until) {
    struct epoll_event ev[BATCH];
    via_ns_t now;
    int n, ms;

    for (;;) {
        now = tool_clock();
        if (tool_stopped() || now >= until)
            return false;
        if (s->wait == SIDE_SPIN && !s->events)
            return true;
        ms = until - now > 3600 * VIA_SEC ? 3600000 : (int)((until - now + VIA_MS - 1) / VIA_MS);
        n = epoll_wait(s->epoll, ev, BATCH, s->wait == SIDE_SPIN ? 0 : ms);
        if (n > 0)
            return true;
    }
}
