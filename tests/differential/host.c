/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel sockets in a namespace that lives as long as its descriptor. */
#include "diff.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int sh(const char *fmt, const char *a, const char *b) {
    char cmd[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(cmd, sizeof cmd, fmt, a, b);
#pragma GCC diagnostic pop
    return system(cmd) ? -EIO : 0;
}

static int open_tap(const char *name, uint8_t mac[6]) {
    struct ifreq ifr;
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), s;

    if (fd < 0)
        return -errno;
    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
    snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
    if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
        int err = -errno;

        close(fd);
        return err;
    }
    s = socket(AF_INET, SOCK_DGRAM, 0);
    if (s >= 0 && !ioctl(s, SIOCGIFHWADDR, &ifr))
        memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
    if (s >= 0)
        close(s);
    return fd;
}

static const char *const settings[] = {
    "net/ipv6/conf/all/accept_dad=0",      "net/ipv6/conf/default/accept_dad=0", "net/ipv6/conf/default/autoconf=0",
    "net/ipv6/conf/default/router_solicitations=0", "net/ipv4/icmp_ratelimit=0", "net/ipv4/icmp_ratemask=0",
    "net/ipv6/icmp/ratelimit=0", "net/ipv6/icmp/ratemask=255", "net/ipv4/icmp_msgs_per_sec=1000000",
    "net/ipv4/icmp_msgs_burst=1000000",         "net/ipv4/tcp_timestamps=1",          "net/ipv4/tcp_fin_timeout=5",
    "net/ipv4/ipfrag_time=5",              "net/ipv6/ip6frag_time=5",            "net/ipv4/ipfrag_high_thresh=67108864",
    "net/ipv6/ip6frag_high_thresh=67108864",
};

static void set_all(void) {
    for (unsigned i = 0; i < sizeof settings / sizeof *settings; i++) {
        const char *eq = strchr(settings[i], '=');
        char path[128];
        int fd;

        snprintf(path, sizeof path, "/proc/sys/%.*s", (int)(eq - settings[i]), settings[i]);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (write(fd, eq + 1, strlen(eq + 1)) < 0)
            errno = 0;
        close(fd);
    }
}

int diff_host_open(struct diff_host *h, const char *name, const char *addr4, const char *addr6) {
    int err = 0;

    memset(h, 0, sizeof *h);
    for (unsigned i = 0; i < DIFF_SOCKS; i++)
        h->fd[i] = -1;
    h->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (h->home < 0 || unshare(CLONE_NEWNET) < 0)
        return -errno;
    h->ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    set_all();
    h->tap = open_tap(name, h->mac);
    if (h->tap < 0)
        err = h->tap;
    if (!err)
        err = sh("ip link set lo up && ip link set %s up", name, "");
    if (!err)
        err = sh("ip addr add %s dev %s", addr4, name);
    if (!err)
        err = sh("ip addr add %s dev %s nodad", addr6, name);
    if (setns(h->home, CLONE_NEWNET) < 0)
        err = -errno;
    return err;
}

void diff_host_close(struct diff_host *h) {
    if (h->tap > 0)
        close(h->tap);
    close(h->ns);
    close(h->home);
}

static int result(long n) {
    return n < 0 ? -errno : (int)n;
}

static struct via_ep at(const struct diff_op *op, uint8_t family) {
    static const char *const own[2][2] = {{"192.0.2.1", "2001:db8::1"}, {"192.0.2.2", "2001:db8::2"}};
    struct via_ep e = via_ep_any(family == 6 ? VIA_AF_6 : VIA_AF_4, op->port);

    if (op->where == AT_OWN)
        via_addr_parse(own[op->side][family == 6], &e.addr, NULL);
    else if (op->where == AT_FOREIGN)
        via_addr_parse(family == 6 ? "2001:db8::9" : "192.0.2.9", &e.addr, NULL);
    return e;
}

static void ask_marks(int fd, uint8_t family) {
    int one = 1;

    setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &one, sizeof one);
    if (family != 6)
        return;
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &one, sizeof one);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &one, sizeof one);
}

static int k_open(void *ctx, unsigned i, const struct diff_op *op, uint8_t family) {
    struct diff_host *h = ctx;
    bool dual = op->where == AT_DUAL;
    uint8_t f = dual ? 6 : family;
    int type = (h->proto == DIFF_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    struct sockaddr_storage sa;
    struct via_ep e = at(op, f);
    int fd, err, v = 4 << 20, off = !dual;
    socklen_t n;

    if (setns(h->ns, CLONE_NEWNET) < 0)
        return -errno;
    fd = socket(f == 6 ? AF_INET6 : AF_INET, type, 0);
    err = fd < 0 ? -errno : 0;
    if (setns(h->home, CLONE_NEWNET) < 0)
        return -errno;
    if (err)
        return err;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &v, sizeof v);
    if (h->proto == DIFF_TCP)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (f == 6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    ask_marks(fd, f);
    v = IP_PMTUDISC_DONT;
    if (h->proto == DIFF_UDP) {
        setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v, sizeof v);
        if (f == 6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v, sizeof v);
    }
    n = via_ep_to_sockaddr(&e, &sa);
    if (bind(fd, (struct sockaddr *)&sa, n) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    h->fd[i] = fd;
    h->family[i] = f;
    h->heard[i] = 0;
    h->fin[i] = false;
    return 0;
}

static int k_close(void *ctx, unsigned i, bool abort) {
    struct diff_host *h = ctx;
    struct linger l = {1, 0};

    if (h->fd[i] < 0)
        return -EBADF;
    if (abort)
        setsockopt(h->fd[i], SOL_SOCKET, SO_LINGER, &l, sizeof l);
    close(h->fd[i]);
    h->fd[i] = -1;
    return 0;
}

/* The same address for a socket of the other family: mapped. */
static socklen_t address(const struct diff_host *h, unsigned i, const struct via_ep *to, struct sockaddr_storage *sa) {
    struct via_ep e = *to;

    if (h->family[i] == 6)
        e.family = VIA_AF_6;
    return via_ep_to_sockaddr(&e, sa);
}

static int k_connect(void *ctx, unsigned i, const struct via_ep *to) {
    struct diff_host *h = ctx;
    struct sockaddr_storage sa;
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    socklen_t n;
    int err;

    if (h->fd[i] < 0)
        return -EBADF;
    if (!to)
        return result(connect(h->fd[i], &none, sizeof none));
    n = address(h, i, to, &sa);
    err = result(connect(h->fd[i], (struct sockaddr *)&sa, n));
    return err == -EINPROGRESS ? 0 : err;
}

/* Viaduct repeats why a connection died; the kernel tells once, then speaks of pipes. */
static int repeat(const struct diff_host *h, unsigned i, int n) {
    return h->proto == DIFF_TCP && h->heard[i] && ((n == 0 && !h->fin[i]) || n == -EPIPE || n == -ENOTCONN) ? h->heard[i] : n;
}

static int k_send(void *ctx, unsigned i, const void *data, size_t n, const struct via_ep *to) {
    struct diff_host *h = ctx;
    struct sockaddr_storage sa;
    socklen_t len = 0;

    if (h->fd[i] < 0)
        return -EBADF;
    if (to)
        len = address(h, i, to, &sa);
    return repeat(h, i, result(sendto(h->fd[i], data, n, MSG_DONTWAIT | MSG_NOSIGNAL, to ? (struct sockaddr *)&sa : NULL, len)));
}

static int marks_of(struct msghdr *m) {
    int tos = 0, ttl = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
            tos = *(uint8_t *)CMSG_DATA(c);
        else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
            memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
        else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
            memcpy(&tos, CMSG_DATA(c), sizeof tos);
        else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)
            memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
    }
    return tos | ttl << 8;
}

static int k_recv(void *ctx, unsigned i, void *buf, size_t n, struct via_ep *from, int *mark) {
    struct diff_host *h = ctx;
    struct sockaddr_storage sa;
    char control[256];
    struct iovec iov = {buf, n};
    struct msghdr m = {.msg_name = &sa, .msg_namelen = sizeof sa, .msg_iov = &iov, .msg_iovlen = 1,
                       .msg_control = control, .msg_controllen = sizeof control};
    int got;

    if (h->fd[i] < 0)
        return -EBADF;
    memset(&sa, 0, sizeof sa);
    got = result(recvmsg(h->fd[i], &m, MSG_DONTWAIT | (h->proto == DIFF_UDP ? MSG_TRUNC : 0)));
    if (got >= 0 && h->proto == DIFF_UDP) {
        via_ep_from_sockaddr(from, (struct sockaddr *)&sa);
        *mark = marks_of(&m);
    }
    return repeat(h, i, got);
}

static int kernel_option(const struct diff_host *h, unsigned i, uint8_t opt, int *level, int *name) {
    bool six = h->family[i] == 6;

    *level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    switch (opt) {
    case DO_TOS:
        *name = six ? IPV6_TCLASS : IP_TOS;
        return 0;
    case DO_TTL:
        *name = six ? IPV6_UNICAST_HOPS : IP_TTL;
        return 0;
    case DO_DF:
        *name = six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER;
        return 0;
    case DO_MTU:
        *name = six ? IPV6_MTU : IP_MTU;
        return 0;
    case DO_BROADCAST:
        *level = SOL_SOCKET;
        *name = SO_BROADCAST;
        return 0;
    case DO_KEEPALIVE:
        *level = SOL_SOCKET;
        *name = SO_KEEPALIVE;
        return 0;
    case DO_NODELAY:
    case DO_CORK:
        *level = IPPROTO_TCP;
        *name = opt == DO_CORK ? TCP_CORK : TCP_NODELAY;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int k_setopt(void *ctx, unsigned i, uint8_t opt, int value) {
    struct diff_host *h = ctx;
    int level, name, err;

    if (h->fd[i] < 0)
        return -EBADF;
    err = kernel_option(h, i, opt, &level, &name);
    if (err)
        return err;
    if (opt == DO_DF)
        value = value ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
    err = result(setsockopt(h->fd[i], level, name, &value, sizeof value));
    /* One that is open for both families has two of them. */
    if (!err && h->family[i] == 6 && (opt == DO_TOS || opt == DO_TTL || opt == DO_DF))
        setsockopt(h->fd[i], IPPROTO_IP, opt == DO_TOS ? IP_TOS : opt == DO_TTL ? IP_TTL : IP_MTU_DISCOVER, &value,
                   sizeof value);
    return err;
}

static int k_getopt(void *ctx, unsigned i, uint8_t opt, int *value) {
    struct diff_host *h = ctx;
    int level, name, err;
    socklen_t n = sizeof *value;

    if (h->fd[i] < 0)
        return -EBADF;
    err = kernel_option(h, i, opt, &level, &name);
    if (!err)
        err = result(getsockopt(h->fd[i], level, name, value, &n));
    if (!err && opt == DO_DF)
        *value = *value == IP_PMTUDISC_DO;
    return err;
}

static int k_names(void *ctx, unsigned i, struct via_ep *local, struct via_ep *peer) {
    struct diff_host *h = ctx;
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;

    if (h->fd[i] < 0)
        return -EBADF;
    memset(&sa, 0, sizeof sa);
    if (getsockname(h->fd[i], (struct sockaddr *)&sa, &n) < 0)
        return -errno;
    via_ep_from_sockaddr(local, (struct sockaddr *)&sa);
    n = sizeof sa;
    if (getpeername(h->fd[i], (struct sockaddr *)&sa, &n) < 0)
        return -errno;
    via_ep_from_sockaddr(peer, (struct sockaddr *)&sa);
    return 0;
}

static int k_error(void *ctx, unsigned i) {
    struct diff_host *h = ctx;
    struct pollfd p = {.fd = h->fd[i], .events = POLLRDHUP};
    int v = 0;
    socklen_t n = sizeof v;

    if (h->fd[i] < 0)
        return 0;
    if (h->proto == DIFF_TCP && poll(&p, 1, 0) == 1 && (p.revents & POLLRDHUP) && !(p.revents & POLLERR) && !h->heard[i])
        h->fin[i] = true; /* the end of the stream stays its end, whatever comes after */
    getsockopt(h->fd[i], SOL_SOCKET, SO_ERROR, &v, &n);
    if (h->proto == DIFF_TCP && v == EPIPE) { /* a reset in CLOSE_WAIT: the stream had ended */
        v = ECONNRESET;
        h->fin[i] = true;
    }
    if (h->proto == DIFF_TCP && v)
        h->heard[i] = -v;
    return -v;
}

static int k_ready(void *ctx, unsigned i) {
    struct diff_host *h = ctx;
    struct pollfd p = {.fd = h->fd[i], .events = POLLIN};
    char byte;

    if (h->fd[i] < 0)
        return -EBADF;
    poll(&p, 1, 0);
    /* A datagram with a wrong checksum makes a socket readable until somebody looks. */
    if (h->proto == DIFF_UDP && (p.revents & POLLIN))
        return recv(p.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
    return p.revents & POLLIN ? 1 : 0;
}

static int k_listen(void *ctx, unsigned i, int backlog) {
    struct diff_host *h = ctx;

    return h->fd[i] < 0 ? -EBADF : result(listen(h->fd[i], backlog));
}

static int k_accept(void *ctx, unsigned i, unsigned to) {
    struct diff_host *h = ctx;
    int fd;

    if (h->fd[i] < 0)
        return -EBADF;
    fd = accept4(h->fd[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (h->fd[to] >= 0)
        close(h->fd[to]);
    h->fd[to] = fd;
    h->family[to] = h->family[i];
    h->heard[to] = 0;
    h->fin[to] = false;
    return 1;
}

static int k_shutdown(void *ctx, unsigned i) {
    struct diff_host *h = ctx;

    return h->fd[i] < 0 ? -EBADF : repeat(h, i, result(shutdown(h->fd[i], SHUT_WR)));
}

static int k_pending(void *ctx, unsigned i) {
    struct diff_host *h = ctx;
    int n = 0;

    return h->fd[i] < 0 || ioctl(h->fd[i], FIONREAD, &n) < 0 ? 0 : n;
}

static int k_state(void *ctx, unsigned i, int *eof) {
    static const int map[] = {[TCP_ESTABLISHED] = 3, [TCP_SYN_SENT] = 1, [TCP_SYN_RECV] = 2, [TCP_FIN_WAIT1] = 4,
                              [TCP_FIN_WAIT2] = 5,   [TCP_TIME_WAIT] = 9, [TCP_CLOSE] = 0,   [TCP_CLOSE_WAIT] = 6,
                              [TCP_LAST_ACK] = 8,    [TCP_LISTEN] = 10,  [TCP_CLOSING] = 7};
    struct diff_host *h = ctx;
    struct tcp_info info;
    socklen_t n = sizeof info;
    struct pollfd p = {.fd = h->fd[i], .events = POLLRDHUP};

    if (h->fd[i] < 0)
        return -EBADF;
    memset(&info, 0, sizeof info);
    if (getsockopt(h->fd[i], IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        return -errno;
    poll(&p, 1, 0);
    *eof = !!(p.revents & POLLRDHUP);
    return info.tcpi_state < sizeof map / sizeof *map ? map[info.tcpi_state] : 0;
}

const struct diff_api diff_kernel = {
    .open = k_open, .close = k_close, .connect = k_connect, .send = k_send, .recv = k_recv, .setopt = k_setopt,
    .getopt = k_getopt, .names = k_names, .error = k_error, .ready = k_ready, .listen = k_listen, .accept = k_accept,
    .shutdown = k_shutdown, .state = k_state, .pending = k_pending,
};
