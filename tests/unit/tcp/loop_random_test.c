/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop_random_test.c - the same random program on two stacks, one that joins its sockets queue to queue and one that
 * sends packets to itself: the application must see the same.
 */
#include "tcp_duo.h"

#include <errno.h>
#include <inttypes.h>

#define ENDS   12
#define OPS    60
#define ROUNDS 200
#define ALL    (VIA_EV_IN | VIA_EV_ERR | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_DONE | VIA_EV_TERMINATED)

struct end {
    via_sock_t s;
    uint32_t sent; /* bytes, for the pattern */
    int mate;
};

struct world {
    struct duo *r;
    struct via_stack *st;
    struct via_epoll *set;
    via_sock_t listener;
    struct end end[ENDS];
    uint64_t seed;
    char log[1 << 16];
    size_t len;
};

static uint32_t draw(struct world *w, uint32_t n) {
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->seed >> 33) % n;
}

__attribute__((format(printf, 2, 3))) static void tell(struct world *w, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    w->len += (size_t)vsnprintf(w->log + w->len, sizeof w->log - w->len, fmt, ap);
    va_end(ap);
    assert_true(w->len < sizeof w->log);
}

static int end_of(const struct world *w, via_sock_t s) {
    int i;

    for (i = 0; i < ENDS; i++)
        if (w->end[i].s == s)
            return i;
    return -1;
}

/* What happened to each end in this step; how many records told it, and when, may differ. */
static void tell_events(struct world *w) {
    unsigned what[ENDS] = {0}, accepts = 0;
    int reason[ENDS] = {0}, i;
    struct via_event ev;

    while (via_stack_pending(w->st) && via_epoll_poll(w->set, &ev, 1, 0) == 1) {
        if (ev.sock == w->listener) {
            accepts = 1;
        } else if ((i = end_of(w, ev.sock)) >= 0) {
            what[i] |= ev.reason ? ev.what : ev.what & ~(unsigned)VIA_EV_TERMINATED; /* by packets TIME_WAIT is first */
            reason[i] = ev.reason ? ev.reason : reason[i];
        }
    }
    for (i = 0; i < ENDS; i++)
        if (what[i])
            tell(w, " %d:%x/%d", i, what[i], reason[i]);
    tell(w, accepts ? " accept\n" : "\n");
}

/* Until nothing moves any more, delayed ACKs and what waited for them. */
static void settle(struct world *w) {
    int i;

    for (i = 0; i < 30; i++) {
        w->r->now += i % 10 ? VIA_US : 50 * VIA_MS;
        via_stack_poll_at(w->st, w->r->now, 0, NULL);
    }
    tell_events(w);
}

static void open_pair(struct world *w) {
    struct via_tcp_conf conf = VIA_TCP_CONF_INIT;
    struct via_ep peer = duo_ep(w->r, 0, (uint16_t)(draw(w, 8) ? DUO_PORT : DUO_PORT + 1));
    int i = end_of(w, 0);
    bool nodelay = draw(w, 2);

    conf.flags = nodelay ? VIA_TCP_NODELAY : 0;
    if (i < 0 || i + 1 >= ENDS)
        return;
    memset(&w->end[i], 0, sizeof w->end[i]);
    w->end[i].mate = -1;
    tell(w, "connect %d: %d", i, via_tcp_connect(w->st, &conf, NULL, &peer, &w->end[i].s));
    via_epoll_ctl(w->set, VIA_EPOLL_ADD, w->end[i].s, ALL, 0);
    settle(w);
}

static void take_one(struct world *w) {
    struct via_accepted v;
    int i = end_of(w, 0), n;

    if (i < 0)
        return;
    n = via_accept(w->st, w->listener, &v, 1);
    tell(w, "accept: %d", n);
    if (n == 1) {
        memset(&w->end[i], 0, sizeof w->end[i]);
        w->end[i].s = v.sock;
        tell(w, " as %d with %u", i, v.bytes);
        via_epoll_ctl(w->set, VIA_EPOLL_ADD, v.sock, ALL, 0);
    }
    settle(w);
}

static void send_some(struct world *w, int i, bool posted) {
    uint8_t buf[9000];
    uint32_t n = 1 + draw(w, draw(w, 4) ? 200 : (uint32_t)sizeof buf), k;
    struct iovec v = {buf, n};
    struct via_seg seg = {.data = buf, .len = n};
    struct via_post post = {.seg = &seg, .n = 1, .token = 1 + draw(w, 100), .flags = VIA_INLINE};
    struct end *e = &w->end[i];
    ssize_t said;

    for (k = 0; k < n; k++)
        buf[k] = (uint8_t)((e->sent + k) * 13 + (e->sent + k) / 251);
    if (posted)
        said = via_zc_send(w->st, e->s, &post) ? -1 : (ssize_t)n;
    else
        said = via_tcp_send(w->st, e->s, &v, 1, 0);
    e->sent += said > 0 ? (uint32_t)said : 0;
    tell(w, "%s %d: %zd", posted ? "post" : "send", i, said);
    settle(w);
}

static uint32_t sum_up(const uint8_t *p, size_t n) {
    uint32_t sum = 1;

    while (n--)
        sum = sum * 31 + *p++;
    return sum;
}

static void receive_some(struct world *w, int i, bool all) {
    uint8_t buf[20000];
    size_t want = all ? sizeof buf : 1 + draw(w, 3000);
    unsigned flags = !all && !draw(w, 4) ? VIA_PEEK : 0;
    ssize_t n = via_tcp_recv(w->st, w->end[i].s, buf, want, flags);

    tell(w, "recv %d: %zd %x", i, n, n > 0 ? sum_up(buf, (size_t)n) : 0);
    settle(w);
}

static void lend_some(struct world *w, int i) {
    struct via_seg seg;
    struct via_lent l;
    uint32_t sum = 1;
    int said = via_zc_recv(w->st, w->end[i].s, 1 + draw(w, 4000), &l), more;

    if (said == 1) {
        for (seg = l.seg, more = 0; !more; more = via_buf_next(w->st, &seg, &seg)) {
            const uint8_t *p = seg.data;
            uint32_t k;

            for (k = 0; k < seg.len; k++)
                sum = sum * 31 + p[k];
        }
        tell(w, "lend %d: %u %x eof %u", i, l.bytes, sum, l.eof);
        via_buf_release(w->st, &l.seg.buf, 1);
    } else {
        tell(w, "lend %d: %d %u %d", i, said, l.eof, l.reason);
    }
    settle(w);
}

static void end_some(struct world *w, int i, uint32_t how) {
    struct end *e = &w->end[i];
    int zero = 0;

    if (how == 0) {
        tell(w, "shutdown %d: %d", i, via_tcp_shutdown(w->st, e->s));
        settle(w);
        return;
    }
    if (how == 1)
        via_sock_setopt(w->st, e->s, VIA_OPT_LINGER, &zero, sizeof zero);
    tell(w, "close %d by %u: %d", i, how, via_sock_close(w->st, e->s, how == 2 ? VIA_ABORT : 0));
    e->s = 0;
    settle(w);
}

static void fetch(struct world *w) {
    struct via_done d[16];
    int n = via_tx_done(w->st, d, 16), i;

    tell(w, "done:");
    for (i = 0; i < n; i++)
        tell(w, " %" PRIu64 "/%d", d[i].token, d[i].status);
    settle(w);
}

static void one_op(struct world *w) {
    uint32_t what = draw(w, 20);
    int i = (int)draw(w, ENDS);

    if (what < 2) {
        open_pair(w);
    } else if (what < 4) {
        take_one(w);
    } else if (what == 4) {
        fetch(w);
    } else if (w->end[i].s) {
        if (what < 11)
            send_some(w, i, what == 10);
        else if (what < 15)
            receive_some(w, i, what == 14);
        else if (what < 17)
            lend_some(w, i);
        else
            end_some(w, i, draw(w, 5) % 4);
    }
}

static void run(struct world *w, uint64_t seed, const char *attr) {
    struct via_ep any = via_ep_any(VIA_AF_ANY, DUO_PORT);
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    int i;

    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->r = duo_new(attr);
    w->st = w->r->st[0];
    w->set = w->r->set[0];
    conf.defer = draw(w, 4) == 0;
    assert_int_equal(via_listen(w->st, &conf, &any, &w->listener), 0);
    assert_int_equal(via_epoll_ctl(w->set, VIA_EPOLL_ADD, w->listener, VIA_EV_ACCEPT, 0), 0);
    open_pair(w);
    take_one(w);
    for (i = 0; i < OPS; i++)
        one_op(w);
    for (i = 0; i < ENDS; i++)
        if (w->end[i].s)
            receive_some(w, i, true);
    for (i = 0; i < ENDS; i++)
        if (w->end[i].s)
            end_some(w, i, 3);
    via_sock_close(w->st, w->listener, 0);
    duo_run(w->r, 200 * VIA_SEC);
    while (via_tx_done(w->st, (struct via_done[1]){{0}}, 1) == 1)
        ;
    tell_events(w);
    tell(w, "left: %" PRIu64, duo_stat(w->r, 0, "tcp", "connections"));
    duo_end(w->r);
}

static void programs_see_the_same_with_packets_and_without(void **state) {
    struct world *on = malloc(sizeof *on), *off = malloc(sizeof *off);
    uint64_t seed;

    (void)state;
    for (seed = 1; seed <= ROUNDS; seed++) {
        run(on, seed, "frames=1024;max_tcp=64;clones=512");
        run(off, seed, "frames=1024;max_tcp=64;clones=512;tcp_loopback=off");
        if (strcmp(on->log, off->log)) {
            fprintf(stderr, "seed %" PRIu64 "\njoined:\n%s\n\nby packets:\n%s\n", seed, on->log, off->log);
            fail();
        }
        assert_non_null(strstr(on->log, "left: 0"));
    }
    free(on);
    free(off);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs_see_the_same_with_packets_and_without)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
