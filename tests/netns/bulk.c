/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns-bulk: one TCP connection that sends a file, or receives into one, as fast as it goes.
 * Usage: netns-bulk --vi SPEC --addr ADDRESS/LEN [--attr ...] [--to ADDRESS] [--port N] [--send FILE | --receive FILE]
 *        [--seconds S]
 * Without --to it listens. With --seconds it sends the file over and over until the time is up.
 */
#include "common.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#define EVENTS (VIA_EV_IN | VIA_EV_SPACE | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_TERMINATED)

struct bulk {
    struct tool_host host;
    struct via_epoll *set;
    via_sock_t listener, sock;
    const char *file, *to;
    uint16_t port;
    bool sends, over, more;
    via_ns_t seconds, begun, end;
    const uint8_t *bytes; /* of the file to send */
    size_t size, at;
    int fd;
    uint64_t moved;
    int reason;
    struct via_tcp_info info; /* as last seen */
};

static void read_options(struct bulk *b, int argc, char **argv) {
    int i;

    b->port = 5201;
    for (i = 1; i + 1 < argc; i += 2) {
        const char *opt = argv[i] + 2, *arg = argv[i + 1];

        if (tool_host_option(&b->host, opt, arg))
            continue;
        if (!strcmp(opt, "send") || !strcmp(opt, "receive")) {
            b->sends = opt[0] == 's';
            b->file = arg;
        } else if (!strcmp(opt, "to")) {
            b->to = arg;
        } else if (!strcmp(opt, "port")) {
            b->port = (uint16_t)tool_number("--port", arg, 1, 65535);
        } else if (!strcmp(opt, "seconds")) {
            b->seconds = tool_time("--seconds", arg);
        } else {
            tool_usage("--%s is not known", opt);
        }
    }
    if (!b->file || i != argc)
        tool_usage("--send FILE or --receive FILE, and a value for each option");
}

static void open_file(struct bulk *b) {
    struct stat st;

    b->fd = b->sends ? open(b->file, O_RDONLY) : open(b->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (b->fd < 0 || fstat(b->fd, &st))
        tool_die("%s: %s", b->file, strerror(errno));
    if (!b->sends)
        return;
    b->size = (size_t)st.st_size;
    b->bytes = mmap(NULL, b->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, b->fd, 0);
    if (b->bytes == MAP_FAILED)
        tool_die("%s: %s", b->file, strerror(errno));
}

static void join(struct bulk *b) {
    int err = via_epoll_ctl(b->set, VIA_EPOLL_ADD, b->sock, EVENTS, 0);

    if (err)
        tool_die_stack(b->host.st, err, "member");
}

static void begin(struct bulk *b) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct via_ep any = via_ep_any(VIA_AF_ANY, b->port), peer;
    int err = via_epoll_create(b->host.st, &conf, &b->set);

    if (!err && b->to) {
        peer = tool_ep("--to", b->to, b->port);
        err = via_tcp_connect(b->host.st, NULL, NULL, &peer, &b->sock);
        if (!err)
            join(b);
    } else if (!err) {
        err = via_listen(b->host.st, NULL, &any, &b->listener);
        if (!err)
            err = via_epoll_ctl(b->set, VIA_EPOLL_ADD, b->listener, VIA_EV_ACCEPT, 0);
    }
    if (err)
        tool_die_stack(b->host.st, err, "begin");
    printf("ready\n");
    fflush(stdout);
}

/* No more than a turn's worth: ACKs that nobody takes meanwhile would fill the receive ring. */
static void push(struct bulk *b) {
    unsigned turn;

    b->more = false;
    for (turn = 0; !b->over; turn++) {
        if (turn == 4) {
            b->more = true;
            return;
        }
        struct iovec v = {(void *)(uintptr_t)(b->bytes + b->at), b->size - b->at < 65536 ? b->size - b->at : 65536};
        ssize_t n = via_tcp_send(b->host.st, b->sock, &v, 1, 0);

        if (n == -EAGAIN || n == -ENOBUFS)
            return;
        if (n < 0) {
            b->reason = (int)n;
            return;
        }
        b->moved += (uint64_t)n;
        b->at += (size_t)n;
        if (b->at == b->size && b->seconds)
            b->at = 0;
        b->over = b->at == b->size || (b->seconds && tool_clock() - b->begun > b->seconds);
    }
    via_tcp_shutdown(b->host.st, b->sock);
}

/* True: the peer sends no more, or something failed. */
static bool pull(struct bulk *b) {
    static uint8_t buf[1 << 18];
    ssize_t n;

    while ((n = via_tcp_recv(b->host.st, b->sock, buf, sizeof buf, 0)) > 0) {
        b->moved += b->sends ? 0 : (uint64_t)n;
        if (write(b->fd, buf, (size_t)n) != n && !b->sends)
            tool_die("%s: %s", b->file, strerror(errno));
    }
    if (n == -EAGAIN || n == -ENOTCONN)
        return false;
    b->reason = (int)n;
    return true;
}

static void on_event(const struct via_event *ev, void *arg) {
    struct bulk *b = arg;
    struct via_accepted a;

    if (ev->sock == b->listener) {
        if (!b->sock && via_accept(b->host.st, b->listener, &a, 1) == 1) {
            b->sock = a.sock;
            join(b);
        }
    }
    if (!b->begun && b->sock && (b->listener || ev->what & VIA_EV_CONNECTED))
        b->begun = tool_clock();
    if (!b->sock || b->end)
        return;
    b->info.size = sizeof b->info;
    via_tcp_info(b->host.st, b->sock, &b->info);
    if (pull(b) || ev->what & VIA_EV_TERMINATED)
        b->end = tool_clock();
}

int main(int argc, char **argv) {
    static struct bulk b;
    double took;

    tool_init("netns-bulk");
    read_options(&b, argc, argv);
    open_file(&b);
    tool_host_open(&b.host);
    tool_host_addr(&b.host);
    begin(&b);
    while (!b.end && !tool_stopped()) {
        if (!via_stack_poll(b.host.st, b.sends ? 1024 : 0, NULL) && !b.more)
            tool_sleep(b.host.st, 100 * VIA_MS);
        via_epoll_dispatch(b.set, 0, on_event, &b);
        if (b.sends && b.sock && b.begun && !b.end)
            push(&b); /* without an event too: a packet may have been wanting, which promises none */
    }
    via_sock_close(b.host.st, b.sock, 0);
    via_stack_poll(b.host.st, 0, NULL);
    via_vi_info(b.host.dev, &b.host.info);
    took = (double)((b.end ? b.end : tool_clock()) - b.begun) / 1e9;
    printf("%llu frames were lost by the interface\n", (unsigned long long)b.host.info.stats.rx_dropped);
    printf("%llu bytes %.3f s %.2f Mb/s resent %llu of %llu timeouts %u recoveries %u undone %u reason %d\n",
           (unsigned long long)b.moved, took, (double)b.moved * 8e-6 / took, (unsigned long long)b.info.segs_resent,
           (unsigned long long)b.info.segs_sent, b.info.timeouts, b.info.recoveries, b.info.undone, b.reason);
    tool_host_close(&b.host);
    return b.reason || !b.end;
}
