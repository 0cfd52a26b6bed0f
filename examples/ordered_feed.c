/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A feed in several multicast groups, read in the order in which it was on the wire: one socket per group, one ordered
 * set for all. Usage: ordered_feed SPEC ADDRESS/LEN
 *
 * The set hands out runs, "so many packets of this socket, then so many of that one"; who reads what is announced, and no
 * more, has every message in wire order although it came through different sockets.
 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUPS    4
#define FEED_PORT 5000
#define PLAYED    1000

static struct via_addr group_addr(unsigned i) {
    return via_addr_from4(htonl(0xef010101u + i)); /* 239.1.1.1 and on */
}

/* The peer of "mem:": numbered messages, each to a group by chance. */
static bool play(struct host *h) {
    static via_sock_t sock;
    static uint32_t number, seed = 1, rest = 100;
    struct via_addr to;
    unsigned burst;

    if (!sock)
        sock = host_udp(h->other, &h->other_addr, 0);
    for (burst = 0; burst < 16 && number < PLAYED; burst++) {
        seed = seed * 1103515245 + 12345;
        to = group_addr(seed >> 16 & (GROUPS - 1));
        if (!host_send(h->other, sock, host_ep(&to, FEED_PORT), &number, sizeof number))
            break;
        number++;
    }
    return number < PLAYED || rest--; /* some more turns for what is on its way */
}

struct feed {
    via_sock_t sock[GROUPS];
    struct via_epoll *set;
    uint32_t next;
    uint64_t messages, runs, swapped;
};

static void must(struct host *h, int err, const char *what) {
    if (!err)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, strerror(-err), via_why(h->st));
    exit(1);
}

static void open_feed(struct host *h, struct feed *f) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct via_group g = {.iface = h->iface};
    unsigned i;

    must(h, via_epoll_create(h->st, &conf, &f->set), "set");
    for (i = 0; i < GROUPS; i++) {
        g.group = group_addr(i);
        f->sock[i] = host_udp(h->st, &g.group, FEED_PORT);
        must(h, via_udp_join(h->st, f->sock[i], &g, true), "join");
        must(h, via_epoll_ctl(f->set, VIA_EPOLL_ADD, f->sock[i], VIA_EV_IN, i), "member");
    }
}

/* One record: `pkts` messages of one group. STRICT mode lets us read these and none that came later. */
static void read_run(const struct via_event *ev, void *arg) {
    struct host *h = ((void **)arg)[0];
    struct feed *f = ((void **)arg)[1];
    uint32_t number;

    if (!(ev->what & VIA_EV_IN))
        return;
    f->runs++;
    while (via_udp_read(h->st, ev->sock, &number, sizeof number, NULL) == sizeof number) {
        f->swapped += number != f->next;
        f->next = number + 1;
        f->messages++;
    }
}

int main(int argc, char **argv) {
    struct feed f = {.next = 0};
    struct host h;
    void *arg[2] = {&h, &f};

    host_open(&h, argc, argv, play);
    open_feed(&h, &f);
    while (host_turn(&h))
        via_epoll_dispatch(f.set, 0, read_run, arg);
    printf("%llu messages of %d groups in %llu runs; out of order: %llu\n", (unsigned long long)f.messages, GROUPS,
           (unsigned long long)f.runs, (unsigned long long)f.swapped);
    via_epoll_destroy(f.set);
    host_close(&h);
    return f.swapped || (h.play && f.messages != PLAYED);
}
