/* SPDX-License-Identifier: BSD-2-Clause */
/* Does an ordered set of a million members cost more per event than one of ten? */
#include "perf.h"

#include <stdlib.h>

#define FIRST_PORT 1024u
#define PORTS      60000u /* sockets at one address */
#define BATCH      32u    /* datagrams between two looks at the clock: what a cable takes at a time */
#define ROUNDS     400u   /* batches in one run */

struct scene {
    struct via_stack *tx, *rx;
    struct via_vi *vi[2];
    struct via_epoll *set;
    via_sock_t from;
    struct via_ep *to; /* one per member */
    uint32_t members;
    uint64_t seed;
};

static struct via_stack *open_stack(const char *spec) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    char why[VIA_WHY] = "";
    struct via_stack *st;
    struct via_attr *a;

    if (via_attr_new(spec, &a))
        tool_die("epoll-scale: %s", via_attr_why(a));
    conf.attr = a;
    conf.seed = 1;
    conf.why = why;
    if (via_stack_create(&conf, &st))
        tool_die("epoll-scale: no stack: %s", why);
    via_attr_free(a);
    return st;
}

static struct via_addr member_addr(uint32_t member) {
    return via_addr_from4(htonl(0x0a000001u + (member / PORTS << 8)));
}

static void add_addr(struct via_stack *st, struct via_vi *vi, struct via_addr addr) {
    struct via_ifaddr a = {.addr = addr, .prefix = 8, .flags = VIA_ADDR_NODAD};
    struct via_vi_info info = VIA_VI_INFO_INIT;
    int err;

    via_vi_info(vi, &info);
    a.iface = info.index;
    err = via_ctrl_addr(st, VIA_CTRL_ADD, &a);
    if (err)
        tool_die_stack(st, err, "epoll-scale: address");
}

static void open_members(struct scene *s) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    via_sock_t sock;
    uint32_t i;
    int err;

    conf.rcvbuf = 256;
    for (i = 0; i < s->members; i++) {
        s->to[i] = via_ep4(0, (uint16_t)(FIRST_PORT + i % PORTS));
        s->to[i].addr = member_addr(i);
        err = via_udp_open(s->rx, &conf, &s->to[i], &sock);
        if (!err)
            err = via_epoll_ctl(s->set, VIA_EPOLL_ADD, sock, VIA_EV_IN, i);
        if (err)
            tool_die_stack(s->rx, err, "epoll-scale: member");
    }
}

static void open_scene(struct scene *s, uint32_t members) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct via_udp_conf udp = VIA_UDP_CONF_INIT;
    struct via_ep any = via_ep4(0, 0);
    char spec[64];
    uint32_t i;
    int err;

    *s = (struct scene){.members = members, .seed = 1, .to = calloc(members, sizeof *s->to)};
    if (!s->to)
        tool_die("no memory");
    snprintf(spec, sizeof spec, "max_udp=%u", members + 16);
    s->rx = open_stack(spec);
    s->tx = open_stack("max_udp=16");
    err = via_vi_pair(s->tx, s->rx, NULL, s->vi);
    if (err)
        tool_die_stack(s->tx, err, "epoll-scale: cable");
    add_addr(s->tx, s->vi[0], via_addr_from4(htonl(0x0aff0001)));
    for (i = 0; i < members; i += PORTS)
        add_addr(s->rx, s->vi[1], member_addr(i));
    err = via_epoll_create(s->rx, &conf, &s->set);
    if (!err)
        err = via_udp_open(s->tx, &udp, &any, &s->from);
    if (err)
        tool_die_stack(s->rx, err, "epoll-scale: set");
    open_members(s);
}

static void close_scene(struct scene *s) {
    via_epoll_destroy(s->set);
    via_stack_destroy(s->tx, VIA_FORCE);
    via_stack_destroy(s->rx, VIA_FORCE);
    free(s->to);
}

/* Sends BATCH datagrams: to ten members in turn, spread over those at the first address, or to any of all. */
static void send_batch(struct scene *s, bool random) {
    static uint8_t data[32];
    struct iovec iov = {data, sizeof data};
    struct via_dgram d[BATCH];
    uint32_t step = (s->members < PORTS ? s->members : PORTS) / 10;
    unsigned sent = 0, i;
    int n;

    memset(d, 0, sizeof d);
    for (i = 0; i < BATCH; i++) {
        uint32_t at = random ? perf_rand(&s->seed) % s->members : i % 10 * step;

        d[i].iov = &iov;
        d[i].iovcnt = 1;
        d[i].peer = s->to[at];
    }
    while (sent < BATCH) {
        n = via_udp_send(s->tx, s->from, d + sent, BATCH - sent, VIA_FLUSH);
        sent += n > 0 ? (unsigned)n : 0;
        via_stack_poll(s->tx, 0, NULL);
    }
}

/* Takes everything that comes until `want` packets were read, or nothing comes any more; returns how many. */
static unsigned read_events(struct scene *s, unsigned want, unsigned *events) {
    struct via_event ev[64];
    struct via_dgram d[BATCH];
    unsigned got = 0, idle = 0;
    int i, k, m, n;

    while (got < want && idle < 1000) {
        n = via_epoll_poll(s->set, ev, 64, 0);
        idle = n > 0 ? 0 : idle + 1;
        if (idle)
            via_stack_poll(s->tx, 0, NULL); /* what the cable could not take at once */
        for (i = 0; i < n; i++) {
            m = via_udp_recv(s->rx, ev[i].sock, d, BATCH);
            for (k = 0; k < m; k++)
                via_buf_release(s->rx, &d[k].seg.buf, 1);
            got += m > 0 ? (unsigned)m : 0;
        }
        *events += n > 0 ? (unsigned)n : 0;
    }
    return got;
}

static double time_events(struct scene *s, bool random) {
    unsigned round, events = 0, counted = 0;
    via_ns_t spent = 0, begin;

    for (round = 0; round < ROUNDS + ROUNDS / 4; round++) {
        send_batch(s, random);
        begin = tool_clock();
        if (read_events(s, BATCH, &events) != BATCH && round > 16)
            tool_die("epoll-scale: datagrams were lost");
        if (round >= ROUNDS / 4)
            spent += tool_clock() - begin;
        else
            counted = events;
        via_stack_poll(s->tx, 0, NULL);
    }
    return (double)spent / (double)(events - counted);
}

static void report(const struct perf *p, uint32_t members, const char *active, double *v) {
    char what[64];

    snprintf(what, sizeof what, "members_%u.active_%s", members, active);
    perf_print("epoll-scale", what, perf_median(v, p->runs), "ns_per_event");
}

/* Both sets are open at the same time and take turns, so that a noisy neighbour disturbs both alike. */
void perf_epoll_scale(const struct perf *p) {
    double few[PERF_RUNS], many[PERF_RUNS], random[PERF_RUNS];
    struct scene small, large;
    unsigned i;

    open_scene(&small, 10);
    open_scene(&large, p->members);
    for (i = 0; i < p->runs; i++) {
        few[i] = time_events(&small, false);
        many[i] = time_events(&large, false);
    }
    for (i = 0; i < p->runs; i++)
        random[i] = time_events(&large, true);
    report(p, 10, "10", few);
    report(p, p->members, "10", many);
    report(p, p->members, "all_at_random", random);
    close_scene(&small);
    close_scene(&large);
}
