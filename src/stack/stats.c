/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/stack.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

struct walk {
    int (*fn)(const struct via_stat *, void *);
    void *arg;
};

static int tell(const struct walk *w, const struct via_stat *v, size_t n) {
    size_t i;
    int stop = 0;

    for (i = 0; i < n && !stop; i++)
        stop = w->fn(&v[i], w->arg);
    return stop;
}

static int walk_stack(const struct via_stack *st, const struct walk *w) {
    const struct via_core *c = &st->core;
    const struct via_sleep *s = &st->sleep;
    const struct via_stat v[] = {
        {"stack", 0, 0, "polls", "rounds of via_stack_poll()", c->s->turns},
        {"stack", 0, 0, "arrivals", "frames taken: the last arrival number", c->s->arrivals},
        {"stack", 0, 1, "events", "records that wait in ordered sets", c->socks->events},
        {"stack", 0, 1, "completions", "completions that wait for via_tx_done()", c->s->dones},
        {"stack", 0, 1, "timers", "timers armed", c->s->wheel.count},
        {"stack", 0, 1, "held", "frames with the application", c->s->held},
        {"stack", 0, 0, "sleeps", "times via_wait_arm() let the owner sleep", s->arms},
        {"stack", 0, 0, "refusals", "times via_wait_arm() found work instead", s->refusals},
        {"stack", 0, 0, "sleep_syscalls", "system calls made to sleep and wake", s->syscalls},
        {"stack", 0, 0, "log_lost", "log lines left out by the rate limit", c->log_lost},
        {"stack", 0, 1, "huge_pages", "1: the frame area lies in huge pages", c->region.huge},
    };

    return tell(w, v, VIA_COUNT(v));
}

static int walk_pool(const struct walk *w, const struct via_pool *p, uint32_t index, const char *name) {
    const struct via_stat v[] = {
        {name, index, 1, "free", "slots free", p->free},
        {name, index, 1, "ready", "slots committed", p->ready},
        {name, index, 1, "cap", "most slots", p->cap},
        {name, index, 0, "fails", "times it had nothing to give", p->fails},
    };

    return tell(w, v, VIA_COUNT(v));
}

static int walk_pools(const struct via_stack *st, const struct walk *w) {
    const struct via_core *c = &st->core;
    int stop = walk_pool(w, &c->s->pkts, 0, "pool_frames");

    if (!stop)
        stop = walk_pool(w, &c->s->clones, 0, "pool_clones");
    if (!stop)
        stop = walk_pool(w, &c->socks->pool[VIA_KIND_UDP], 0, "pool_udp");
    if (!stop)
        stop = walk_pool(w, &c->socks->pool[VIA_KIND_TCP], 0, "pool_tcp");
    if (!stop)
        stop = walk_pool(w, &c->socks->pool[VIA_KIND_LISTEN], 0, "pool_listen");
    if (!stop)
        stop = walk_pool(w, &c->socks->sets, 0, "pool_epoll");
    return stop ? stop : walk_pool(w, st->slots, 0, "pool_timers");
}

static int walk_vi(const struct via_vi *vi, const struct walk *w) {
    struct via_vi_stats s;
    struct via_vi_dev *d;
    uint32_t i = vi->index;

    memset(&s, 0, sizeof s);
    for (d = vi->dev; d; d = d->inner)
        if (d->ops->stats)
            d->ops->stats(d, &s);
    {
        const struct via_stat v[] = {
            {"vi", i, 0, "rx_packets", "packets received", vi->rx_packets},
            {"vi", i, 0, "rx_bytes", "their bytes", vi->rx_bytes},
            {"vi", i, 0, "tx_packets", "packets sent", vi->tx_packets},
            {"vi", i, 0, "tx_bytes", "their bytes", vi->tx_bytes},
            {"vi", i, 0, "tx_errors", "doorbells that the device refused", vi->tx_fails},
            {"vi", i, 1, "rx_stock", "empty frames lent to the device", vi->stock},
            {"vi", i, 1, "tx_flight", "frames handed over and not yet returned", vi->flight},
            {"vi", i, 1, "link", "0 up, 1 down, 2 gone", vi->dev->link},
            {"vi", i, 0, "rx_device_drops", "lost by the device", s.rx_dropped},
            {"vi", i, 0, "rx_invalid", "descriptors refused", s.rx_invalid},
            {"vi", i, 0, "tx_device_drops", "refused by the device after it took them", s.tx_dropped},
            {"vi", i, 0, "tx_syscalls", "system calls to send or to wake the device", s.kicks},
            {"vi", i, 0, "rx_syscalls", "system calls to receive", s.rx_syscalls},
        };

        return tell(w, v, VIA_COUNT(v));
    }
}

/* Last of all: there may be a million of them, and who does not want them ends the walk at the first. */
static int walk_socks(const struct via_core *c, const struct walk *w) {
    static const char *const objects[VIA_KINDS] = {"", "udp_socket", "tcp_socket", "listener", "pipe"};
    uint32_t kind, i;
    int stop = 0;

    for (kind = VIA_KIND_UDP; kind < VIA_KINDS; kind++) {
        const struct via_pool *pool = &c->socks->pool[kind];

        for (i = 1; i <= pool->ready && !stop; i++) {
            const struct via_sock *k = via_pool_at(pool, &c->region, i);
            const struct via_stat v[] = {
                {objects[kind], i, 1, "queued", "packets that wait to be read", k->rxq.pkts},
                {objects[kind], i, 0, "drops", "packets lost because the queue or the pool was full", k->drops},
                {objects[kind], i, 1, "tokens", "completions outstanding", k->tokens},
            };

            if (k->state != VIA_SOCK_FREE)
                stop = tell(w, v, VIA_COUNT(v));
        }
    }
    return stop;
}

static int walk_drops(const struct via_core *c, const struct walk *w) {
    int i, stop = 0;

    for (i = 1; i < VIA_DROPS && !stop; i++) {
        const struct via_stat v = {
            "drop", 0, 0, via_drop_name((enum via_drop)i), via_drop_text((enum via_drop)i), c->s->drops[i]};

        stop = w->fn(&v, w->arg);
    }
    return stop;
}

int via_stats_walk(const struct via_stack *st, int (*fn)(const struct via_stat *, void *), void *arg) {
    const struct walk w = {fn, arg};
    const struct via_core *c = via_enter_const(st);
    uint32_t i;
    int stop;

    if (!fn)
        return -EINVAL;
    stop = walk_stack(st, &w);
    if (!stop)
        stop = walk_pools(st, &w);
    for (i = 1; i <= c->vis && !stop; i++)
        if (c->vi[i])
            stop = walk_vi(c->vi[i], &w);
    if (!stop)
        stop = via_net_stats(c, fn, arg);
    if (!stop)
        stop = via_udp_stats(c, fn, arg);
    if (!stop)
        stop = via_tcp_stats(c, fn, arg);
    if (!stop)
        stop = walk_drops(c, &w);
    return stop ? stop : walk_socks(c, &w);
}
