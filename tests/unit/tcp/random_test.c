/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random_test.c - everything that an application may do, in random order, over a bad cable. What arrives is what was
 * sent, as far as it arrives; and at the end nothing is left: no connection, no segment, no frame, no path.
 */
#include "tcp_duo.h"

#include <errno.h>

#define SOCKS 12
#define STEPS 600

struct peer {
    via_sock_t sock;
    int other;              /* index on the other side, -1: not known */
    uint64_t sent, got;
    uint16_t port;          /* of the client: names the connection */
};

struct world {
    struct duo *r;
    struct peer p[2][SOCKS];
    uint64_t rand;
};

static uint32_t below(struct world *w, uint32_t n) {
    w->rand = w->rand * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->rand >> 33) % n;
}

/* Each direction of each connection has a pattern of its own. */
static uint8_t byte_of(uint16_t port, int side, uint64_t at) {
    return (uint8_t)(at * 7 + (at >> 8) * 3 + port * 13u + (unsigned)side);
}

static struct peer *any(struct world *w, int side, bool open) {
    uint32_t i, from = below(w, SOCKS);

    for (i = 0; i < SOCKS; i++) {
        struct peer *p = &w->p[side][(from + i) % SOCKS];

        if ((p->sock != 0) == open)
            return p;
    }
    return NULL;
}

static void do_connect(struct world *w) {
    struct via_tcp_conf conf = VIA_TCP_CONF_INIT;
    struct via_ep to = duo_ep(w->r, 1, DUO_PORT), own;
    struct peer *p = any(w, 0, false);

    if (!p)
        return;
    *p = (struct peer){0};
    conf.flags = (below(w, 2) ? VIA_TCP_NODELAY : 0u) | (below(w, 4) ? 0u : VIA_TCP_FAST_OPEN) |
                 (below(w, 4) ? 0u : VIA_TCP_KEEPALIVE);
    conf.cc = below(w, 2) ? "reno" : NULL;
    if (via_tcp_connect(w->r->st[0], &conf, NULL, &to, &p->sock)) {
        p->sock = 0;
        return;
    }
    assert_int_equal(via_sock_names(w->r->st[0], p->sock, &own, NULL), 0);
    p->port = own.port;
    if (below(w, 2))
        via_epoll_ctl(w->r->set[0], VIA_EPOLL_ADD, p->sock, below(w, 512) & 0xff, 7);
}

static void do_accept(struct world *w) {
    struct via_accepted v;
    struct peer *p = any(w, 1, false);

    if (!p || via_accept(w->r->st[1], w->r->listener, &v, 1) != 1)
        return;
    *p = (struct peer){.sock = v.sock, .port = v.peer.port};
    if (below(w, 2))
        via_epoll_ctl(w->r->set[1], VIA_EPOLL_ADD, p->sock, below(w, 512) & 0xff, 7);
}

static void do_send(struct world *w, int side) {
    static uint8_t buf[70000];
    struct peer *p = any(w, side, true);
    struct iovec v = {buf, 1 + below(w, below(w, 4) ? 3000 : sizeof buf - 1)};
    size_t i;
    ssize_t n;

    if (!p)
        return;
    for (i = 0; i < v.iov_len; i++)
        buf[i] = byte_of(p->port, side, p->sent + i);
    n = via_tcp_send(w->r->st[side], p->sock, &v, 1, below(w, 4) ? 0 : VIA_MORE | VIA_FLUSH);
    assert_true(n == -EAGAIN || n == -EPIPE || n == -ENOBUFS || (n < 0 && n > -200) || n <= (ssize_t)v.iov_len);
    p->sent += n > 0 ? (uint64_t)n : 0;
}

static void do_post(struct world *w, int side) {
    struct peer *p = any(w, side, true);
    struct via_post post = {.n = 1, .token = below(w, 2)};
    struct via_seg seg, part;
    uint64_t at;
    uint32_t i;

    if (!p || via_buf_alloc(w->r->st[side], 1 + below(w, 4000), &seg))
        return;
    at = p->sent;
    for (part = seg;; ) {
        for (i = 0; i < part.len; i++, at++)
            ((uint8_t *)part.data)[i] = byte_of(p->port, side, at);
        if (via_buf_next(w->r->st[side], &part, &part))
            break;
    }
    post.seg = &seg;
    if (via_zc_send(w->r->st[side], p->sock, &post))
        via_buf_release(w->r->st[side], &seg.buf, 1);
    else
        p->sent = at;
}

static void check(struct peer *p, int side, const uint8_t *at, size_t n) {
    size_t i;

    for (i = 0; i < n; i++, p->got++)
        if (at[i] != byte_of(p->port, !side, p->got))
            fail_msg("byte %llu of %u is wrong", (unsigned long long)p->got, p->port);
}

static void do_recv(struct world *w, int side) {
    static uint8_t buf[70000];
    struct peer *p = any(w, side, true);
    struct via_lent lent;
    ssize_t n;

    if (!p)
        return;
    if (below(w, 2)) {
        n = via_tcp_recv(w->r->st[side], p->sock, buf, 1 + below(w, sizeof buf - 1), 0);
        check(p, side, buf, n > 0 ? (size_t)n : 0);
        return;
    }
    if (via_zc_recv(w->r->st[side], p->sock, below(w, 5000), &lent) == 1) {
        struct via_seg seg = lent.seg;

        do {
            check(p, side, seg.data, seg.len);
        } while (!via_buf_next(w->r->st[side], &seg, &seg));
        via_buf_release(w->r->st[side], &lent.seg.buf, 1);
    }
}

static void do_end(struct world *w, int side) {
    struct peer *p = any(w, side, true);
    uint32_t how = below(w, 6);

    if (!p)
        return;
    if (how < 2) {
        via_tcp_shutdown(w->r->st[side], p->sock);
        return;
    }
    assert_int_equal(via_sock_close(w->r->st[side], p->sock, how == 2 ? VIA_ABORT : 0), 0);
    p->sock = 0;
}

static void do_option(struct world *w, int side) {
    static const int opts[] = {VIA_OPT_NODELAY, VIA_OPT_CORK, VIA_OPT_QUICKACK, VIA_OPT_KEEPALIVE, VIA_OPT_LINGER};
    struct peer *p = any(w, side, true);
    int x = (int)below(w, 2);

    if (p)
        via_sock_setopt(w->r->st[side], p->sock, opts[below(w, 5)], &x, sizeof x);
}

static void step(struct world *w) {
    int side = (int)below(w, 2);
    struct via_event ev[8];
    struct via_done done[8];

    switch (below(w, 16)) {
    case 0:
        do_connect(w);
        return;
    case 1:
    case 2:
        do_accept(w);
        return;
    case 3:
    case 4:
    case 5:
        do_send(w, side);
        return;
    case 6:
        do_post(w, side);
        return;
    case 7:
    case 8:
    case 9:
        do_recv(w, side);
        return;
    case 10:
        if (!below(w, 2))
            do_end(w, side);
        return;
    case 11:
        do_option(w, side);
        return;
    case 12:
        via_tx_done(w->r->st[side], done, 8);
        via_epoll_poll(w->r->set[side], ev, 8, 0);
        return;
    default:
        duo_run(w->r, (via_ns_t)below(w, 4) * (below(w, 8) ? VIA_MS : 300 * VIA_MS) + VIA_US);
    }
}

/* Everybody goes; completions and events are fetched until nothing comes any more. */
static void end_all(struct world *w) {
    struct via_event ev[64];
    struct via_done done[64];
    int side, i;

    for (side = 0; side < 2; side++)
        for (i = 0; i < SOCKS; i++)
            if (w->p[side][i].sock)
                via_sock_close(w->r->st[side], w->p[side][i].sock, 0);
    via_sock_close(w->r->st[1], w->r->listener, 0);
    for (i = 0; i < 40; i++) {
        duo_run(w->r, 60 * VIA_SEC);
        for (side = 0; side < 2; side++) {
            while (via_tx_done(w->r->st[side], done, 64) > 0)
                ;
            while (via_epoll_poll(w->r->set[side], ev, 64, 0) > 0)
                ;
        }
    }
}

static void run_one(uint64_t seed, const char *attr) {
    struct via_listen_conf conf = VIA_LISTEN_CONF_INIT;
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct world w = {.rand = seed * 977 + 1};
    int side, i;
    uint64_t frames[2];

    w.r = duo_new(attr);
    w.r->six = seed & 1;
    frames[0] = duo_stat(w.r, 0, "pool_frames", "free");
    frames[1] = duo_stat(w.r, 1, "pool_frames", "free");
    conf.fast_open = 4;
    conf.backlog = 6;
    duo_listen(w.r, &conf);
    imp.seed = seed + 1;
    imp.loss = seed % 3 ? 0.05 : 0;
    imp.reorder = seed % 4 ? 0.05 : 0;
    imp.duplicate = seed % 5 ? 0.02 : 0;
    for (side = 0; side < 2 && seed % 7; side++)
        duo_impair(w.r, side, &imp);
    for (i = 0; i < STEPS; i++)
        step(&w);
    end_all(&w);
    for (side = 0; side < 2; side++) {
        assert_int_equal(duo_stat(w.r, side, "tcp", "connections"), 0);
        assert_int_equal(duo_stat(w.r, side, "tcp", "segments"), 0);
        assert_int_equal(duo_stat(w.r, side, "tcp", "ways"), 0);
        assert_int_equal(duo_stat(w.r, side, "tcp", "orphans"), 0);
        assert_int_equal(duo_stat(w.r, side, "stack", "held"), 0);
        assert_true(duo_stat(w.r, side, "pool_frames", "free") + 64 >= frames[side]);
    }
    duo_end(w.r);
}

static void anything_in_any_order_leaves_nothing_behind(void **state) {
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 60; seed++)
        run_one(seed, seed % 2 ? "mem_latency=3ms;checksum=2" : "checksum=2;tcp_big=off");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anything_in_any_order_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
