/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_kernel: the kernel's TCP over the links of the simulation, in real time: two namespaces, a TAP device in each, this
 * program between them. Usage: sim_kernel CC LINK [SECONDS]: prints Mb/s of payload, segments sent again, timeouts.
 * For figures beside those of sim_table; wants a quiet machine. Ends with 77 where namespaces cannot be made.
 */
#include "../differential/diff.h"
#include "links.h"

#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 5001

static struct diff_host host[2];

static via_ns_t real_now(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (via_ns_t)t.tv_sec * VIA_SEC + (via_ns_t)t.tv_nsec;
}

static void to_tap(struct sim *s, const struct sim_packet *k) {
    (void)s;
    if (write(host[k->to].tap, k->bytes, k->len) < 0)
        errno = 0;
}

static int sock_in(const struct diff_host *h) {
    int fd;

    if (setns(h->ns, CLONE_NEWNET) < 0)
        return -1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    return setns(h->home, CLONE_NEWNET) < 0 ? -1 : fd;
}

static struct sockaddr_storage end_at(const char *text) {
    struct via_ep e = via_ep_any(VIA_AF_4, PORT);
    struct sockaddr_storage sa;

    via_addr_parse(text, &e.addr, NULL);
    via_ep_to_sockaddr(&e, &sa);
    return sa;
}

/* ARP goes past the pipes: its loss is not what is measured. */
static void carry(struct sim *s) {
    uint8_t frame[2048];
    ssize_t n;

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 64 && (n = read(host[i].tap, frame, sizeof frame)) > 0; k++) {
            if (frame[12] == 8 && frame[13] == 0 && !(frame[0] & 1))
                sim_push(s, i, frame, (uint32_t)n);
            else if (write(host[!i].tap, frame, (size_t)n) < 0)
                errno = 0;
        }
    }
    sim_step(s, real_now());
}

static void wait_next(struct sim *s) {
    struct pollfd p[2] = {{.fd = host[0].tap, .events = POLLIN}, {.fd = host[1].tap, .events = POLLIN}};
    via_ns_t now = real_now(), next = sim_next(s), most = 200 * VIA_US;
    struct timespec t = {0, 0};

    if (next <= now)
        return;
    t.tv_nsec = (long)(next - now < most ? next - now : most);
    ppoll(p, 2, &t, NULL);
}

static uint64_t run(struct sim *s, int from, int listener, via_ns_t time) {
    static char out[65536], in[262144];
    via_ns_t end = real_now() + time;
    uint64_t got = 0;
    int to = -1;
    ssize_t n;

    while (real_now() < end) {
        carry(s);
        if (to < 0)
            to = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        while (send(from, out, sizeof out, MSG_NOSIGNAL) > 0)
            ;
        while (to >= 0 && (n = recv(to, in, sizeof in, 0)) > 0)
            got += (uint64_t)n;
        wait_next(s);
    }
    return got;
}

static const struct link *find(const char *name) {
    for (unsigned i = 0; i < LINKS; i++)
        if (!strcmp(links[i].name, name))
            return &links[i];
    return NULL;
}

int main(int argc, char **argv) {
    const struct link *l = argc > 2 ? find(argv[2]) : NULL;
    struct sockaddr_storage to = end_at("192.0.2.2");
    struct sim_pipe_conf pipe[2];
    struct tcp_info info;
    socklen_t n = sizeof info;
    int from, listener, buf = 8 << 20;
    via_ns_t time;
    struct sim *s;
    uint64_t got;

    if (!l) {
        fprintf(stderr, "usage: sim_kernel CC LINK [SECONDS]\n");
        return 2;
    }
    if (diff_host_open(&host[0], "simk0", "192.0.2.1/24", "2001:db8::1/64") ||
        diff_host_open(&host[1], "simk1", "192.0.2.2/24", "2001:db8::2/64"))
        return 77;
    pipe[0] = l->to;
    pipe[1] = l->back;
    s = sim_new(42, pipe);
    s->deliver = to_tap;
    time = argc > 3 ? strtoull(argv[3], NULL, 0) * VIA_SEC : l->time;
    listener = sock_in(&host[1]);
    from = sock_in(&host[0]);
    if (setsockopt(from, IPPROTO_TCP, TCP_CONGESTION, argv[1], (socklen_t)strlen(argv[1])) < 0) {
        printf("the kernel has no %s here\n", argv[1]);
        return 77;
    }
    setsockopt(from, SOL_SOCKET, SO_SNDBUFFORCE, &buf, sizeof buf);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &buf, sizeof buf);
    if (bind(listener, (struct sockaddr *)&to, sizeof(struct sockaddr_in)) || listen(listener, 1) ||
        (connect(from, (struct sockaddr *)&to, sizeof(struct sockaddr_in)) && errno != EINPROGRESS))
        return 1;
    got = run(s, from, listener, time);
    memset(&info, 0, sizeof info);
    getsockopt(from, IPPROTO_TCP, TCP_INFO, &info, &n);
    printf("%-10s %-6s %8.2f Mb/s, %u of %u segments again, cwnd %u, rtt %.1f ms; the link dropped %llu, lost %llu\n", l->name,
           argv[1], (double)got * 8 / (double)time * 1e3, info.tcpi_total_retrans, info.tcpi_segs_out, info.tcpi_snd_cwnd,
           info.tcpi_rtt / 1e3, (unsigned long long)s->pipe[0].dropped, (unsigned long long)s->pipe[0].lost);
    return 0;
}
