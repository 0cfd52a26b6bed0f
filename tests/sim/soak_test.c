/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many connections between two stacks over a link that loses, doubles, reorders, spoils and cuts, in virtual time. Every
 * byte is checked; a side that ended in order must have been heard to its last byte; in the end nothing is left in use.
 * Usage: soak [SECONDS [SEED]], of virtual time; the test takes a minute.
 */
#include <viaduct/listener.h>
#include <viaduct/tcp.h>
#include <viaduct/viaduct.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONNS 24u
#define PORT  7000u
#define CYCLE 251u
#define CHUNK 16384u

struct soak;

/* One side of a connection. */
struct side {
    via_sock_t sock;
    uint64_t sent, want, got; /* bytes: sent, to be sent, received */
    bool open, ended, closed, aborted, eof, dead;
    int reason;
};

struct conn {
    struct side side[2]; /* 0 connects */
    uint16_t port;       /* of side 0 */
    uint32_t key;
    bool used;
};

struct soak {
    struct via_stack *st[2];
    struct via_vi *vi[2];
    struct via_epoll *set[2];
    via_sock_t listener;
    struct conn conn[CONNS];
    via_ns_t now, last_new;
    uint64_t rand;
    uint64_t opened, orderly, died, bytes;
    int64_t frames_at_start[2];
    bool six, no_more;
};

static uint64_t draw(struct soak *k) {
    uint64_t z = k->rand += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool chance(struct soak *k, uint32_t in) {
    return draw(k) % in == 0;
}

static via_ns_t clock_of(void *ctx) {
    return ((struct soak *)ctx)->now;
}

static const uint8_t *stream(uint64_t pos) {
    static _Thread_local uint8_t bytes[CHUNK + CYCLE];

    if (!bytes[1])
        for (unsigned i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(i % CYCLE);
    return bytes + pos % CYCLE;
}

struct used {
    const char *pool;
    int64_t n; /* ready and not free */
};

static int take_used(const struct via_stat *v, void *arg) {
    struct used *u = arg;

    if (!strcmp(v->object, u->pool))
        u->n += !strcmp(v->name, "ready") ? (int64_t)v->value : !strcmp(v->name, "free") ? -(int64_t)v->value : 0;
    return 0;
}

/* Frames that neither the pool nor the device has. */
static int64_t frames_used(struct soak *k, unsigned i) {
    struct via_vi_info info = VIA_VI_INFO_INIT;
    struct used u = {"pool_frames", 0};

    via_stats_walk(k->st[i], take_used, &u);
    via_vi_info(k->vi[i], &info);
    return u.n - info.rx_stock - info.tx_flight;
}

static int64_t connections_used(struct soak *k, unsigned i) {
    struct used u = {"pool_tcp", 0};

    via_stats_walk(k->st[i], take_used, &u);
    return u.n;
}

static void open_host(struct soak *k, unsigned i) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct via_attr *a;

    assert_int_equal(via_attr_new("frames=8192;huge_pages=off;checksum=2;linklocal=off;accept_ra=off;mem_latency=5ms;"
                                  "tcp_sndbuf=64k;tcp_rcvbuf=64k;tcp_time_wait=2s;tcp_fin_wait=20s;tcp_retries=10;max_tcp=4096",
                                  &a), 0);
    conf.attr = a;
    conf.clock = clock_of;
    conf.clock_ctx = k;
    conf.seed = k->rand + i;
    assert_int_equal(via_stack_create(&conf, &k->st[i]), 0);
    via_attr_free(a);
    set.mode = i ? VIA_EPOLL_LOOSE : VIA_EPOLL_STRICT;
    assert_int_equal(via_epoll_create(k->st[i], &set, &k->set[i]), 0);
}

static void open_link(struct soak *k) {
    struct via_impair bad = VIA_IMPAIR_INIT;

    bad.seed = k->rand;
    bad.direction = 2;
    bad.loss = 0.02;
    bad.duplicate = 0.01;
    bad.corrupt = 0.01;
    bad.truncate = 0.005;
    bad.reorder = 0.02;
    for (unsigned i = 0; i < 2; i++) {
        struct via_ifaddr own = {.iface = 1, .prefix = k->six ? 64 : 24, .flags = VIA_ADDR_NODAD};

        via_addr_parse(k->six ? (i ? "2001:db8::2" : "2001:db8::1") : i ? "192.0.2.2" : "192.0.2.1", &own.addr, NULL);
        assert_int_equal(via_ctrl_addr(k->st[i], VIA_CTRL_ADD, &own), 0);
        bad.seed++;
        assert_int_equal(via_vi_impair(k->vi[i], &bad), 0);
    }
}

static void settle(struct soak *k);

static void open_all(struct soak *k) {
    struct via_listen_conf c = VIA_LISTEN_CONF_INIT;
    struct via_ep at = via_ep_any(k->six ? VIA_AF_6 : VIA_AF_4, PORT);

    open_host(k, 0);
    open_host(k, 1);
    assert_int_equal(via_vi_pair(k->st[0], k->st[1], NULL, k->vi), 0);
    open_link(k);
    assert_int_equal(via_listen(k->st[1], &c, &at, &k->listener), 0);
    assert_int_equal(via_epoll_ctl(k->set[1], VIA_EPOLL_ADD, k->listener, VIA_EV_ACCEPT, CONNS), 0);
    settle(k);
    for (unsigned i = 0; i < 2; i++)
        k->frames_at_start[i] = frames_used(k, i);
}

/* ---- one side ---- */

static void finish_side(struct soak *k, struct side *s, unsigned i, bool abort) {
    if (!s->open)
        return;
    via_sock_close(k->st[i], s->sock, abort ? VIA_ABORT : 0);
    s->open = false;
    s->aborted |= abort;
    s->closed |= !abort;
}

static void push(struct soak *k, struct conn *c, unsigned i) {
    struct side *s = &c->side[i];
    ssize_t n = 1;

    while (s->open && !s->ended && !s->dead && s->sent < s->want && n > 0) {
        uint64_t left = s->want - s->sent;
        struct iovec v = {(void *)(uintptr_t)stream(s->sent + c->key + i), left < CHUNK ? left : CHUNK};

        n = via_tcp_send(k->st[i], s->sock, &v, 1, chance(k, 4) ? VIA_MORE : 0);
        s->sent += n > 0 ? (uint64_t)n : 0;
    }
    if (s->open && !s->dead && !s->ended && s->sent == s->want && via_tcp_shutdown(k->st[i], s->sock) == 0)
        s->ended = true;
}

static void pull(struct soak *k, struct conn *c, unsigned i) {
    struct side *s = &c->side[i];
    uint8_t buf[CHUNK];
    ssize_t n = 0;

    while (s->open && (n = via_tcp_recv(k->st[i], s->sock, buf, 1 + draw(k) % sizeof buf, 0)) > 0) {
        assert_memory_equal(buf, stream(s->got + c->key + !i), (size_t)n);
        s->got += (uint64_t)n;
        k->bytes += (uint64_t)n;
    }
    if (s->open && n == 0)
        s->eof = true;
}

/* What must hold when both sides are done. */
static void check_over(struct soak *k, struct conn *c) {
    for (unsigned i = 0; i < 2; i++) {
        const struct side *from = &c->side[i], *to = &c->side[!i];

        assert_true(to->got <= from->sent);
        if (to->eof) {
            assert_true(from->ended || from->closed);
            assert_int_equal(to->got, from->sent);
        }
    }
    if (c->side[0].eof && c->side[1].eof)
        k->orderly++;
    else
        k->died++;
    c->used = false;
}

static void look_over(struct soak *k, struct conn *c) {
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &c->side[i];

        if (s->open && (s->dead || (s->eof && s->ended)))
            finish_side(k, s, i, false);
    }
    if (!c->side[0].open && !c->side[1].open && (c->side[1].sock || c->side[0].dead || c->side[0].aborted))
        check_over(k, c);
}

/* ---- events ---- */

static void take_connections(struct soak *k) {
    struct via_accepted a;

    while (via_accept(k->st[1], k->listener, &a, 1) == 1) {
        struct conn *c = NULL;

        for (unsigned i = 0; i < CONNS; i++)
            if (k->conn[i].used && k->conn[i].port == a.peer.port && !k->conn[i].side[1].sock)
                c = &k->conn[i];
        if (!c) { /* whose other side has given up already */
            via_sock_close(k->st[1], a.sock, VIA_ABORT);
            continue;
        }
        c->side[1].sock = a.sock;
        c->side[1].open = true;
        via_epoll_ctl(k->set[1], VIA_EPOLL_ADD, a.sock, VIA_EV_IN | VIA_EV_EOF | VIA_EV_SPACE | VIA_EV_TERMINATED,
                      (uint64_t)(c - k->conn));
        push(k, c, 1);
        pull(k, c, 1);
    }
}

static void on_event(struct soak *k, const struct via_event *ev, unsigned i) {
    struct conn *c = &k->conn[ev->user % CONNS];
    struct side *s = &c->side[i];

    if (ev->user == CONNS) {
        take_connections(k);
        return;
    }
    if (!s->open || s->sock != ev->sock)
        return;
    if (ev->what & VIA_EV_TERMINATED) {
        pull(k, c, i);
        s->dead = true;
        s->reason = ev->reason;
    }
    if (ev->what & (VIA_EV_IN | VIA_EV_EOF))
        pull(k, c, i);
    push(k, c, i);
    if (chance(k, 400))
        finish_side(k, s, i, chance(k, 2));
    look_over(k, c);
}

static void on_event0(const struct via_event *ev, void *arg) {
    on_event(arg, ev, 0);
}

static void on_event1(const struct via_event *ev, void *arg) {
    on_event(arg, ev, 1);
}

static void start(struct soak *k) {
    struct via_ep to = via_ep_any(k->six ? VIA_AF_6 : VIA_AF_4, PORT), own;
    struct conn *c = k->conn;

    while (c < k->conn + CONNS && c->used)
        c++;
    if (c == k->conn + CONNS || k->no_more)
        return;
    memset(c, 0, sizeof *c);
    via_addr_parse(k->six ? "2001:db8::2" : "192.0.2.2", &to.addr, NULL);
    assert_int_equal(via_tcp_connect(k->st[0], NULL, NULL, &to, &c->side[0].sock), 0);
    via_sock_names(k->st[0], c->side[0].sock, &own, NULL);
    c->port = own.port;
    c->used = c->side[0].open = true;
    c->key = (uint32_t)draw(k) % CYCLE;
    for (unsigned i = 0; i < 2; i++)
        c->side[i].want = chance(k, 3) ? draw(k) % 200 : draw(k) % 300000;
    via_epoll_ctl(k->set[0], VIA_EPOLL_ADD, c->side[0].sock,
                  VIA_EV_CONNECTED | VIA_EV_IN | VIA_EV_EOF | VIA_EV_SPACE | VIA_EV_TERMINATED, (uint64_t)(c - k->conn));
    k->opened++;
    push(k, c, 0);
}

/* ---- time ---- */

static void settle(struct soak *k) {
    struct via_work w[2];
    bool moved;
    unsigned n = 0;

    do {
        moved = false;
        for (unsigned i = 0; i < 2; i++) {
            via_stack_poll_at(k->st[i], k->now, 0, &w[i]);
            moved |= via_epoll_dispatch(k->set[i], 0, i ? on_event1 : on_event0, k) > 0;
            moved |= w[i].rx || w[i].more || w[i].timers;
        }
        assert_true(++n < 10000);
    } while (moved);
}

static void run_until(struct soak *k, via_ns_t end) {
    while (k->now < end) {
        via_ns_t next = end;

        for (unsigned i = 0; i < 2; i++)
            if (via_stack_deadline(k->st[i]) < next)
                next = via_stack_deadline(k->st[i]);
        if (k->last_new + 50 * VIA_MS < next && !k->no_more)
            next = k->last_new + 50 * VIA_MS;
        k->now = next > k->now ? next : k->now + 1;
        if (k->now >= k->last_new + 50 * VIA_MS) {
            k->last_new = k->now;
            start(k);
        }
        settle(k);
    }
}

/* Nothing new; what is open comes to its end or is ended; then all must be as it was. */
static void end_all(struct soak *k) {
    k->no_more = true;
    run_until(k, k->now + 300 * VIA_SEC);
    for (unsigned i = 0; i < CONNS; i++)
        for (unsigned s = 0; k->conn[i].used && s < 2; s++)
            finish_side(k, &k->conn[i].side[s], s, true);
    via_sock_close(k->st[1], k->listener, 0);
    run_until(k, k->now + 400 * VIA_SEC);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(connections_used(k, i), 0);
        assert_int_equal(frames_used(k, i), k->frames_at_start[i]);
    }
}

static void soak_for(via_ns_t time, uint64_t seed, bool six) {
    struct soak *k = calloc(1, sizeof *k);

    assert_non_null(k);
    k->now = 1000 * VIA_SEC;
    k->rand = seed;
    k->six = six;
    open_all(k);
    run_until(k, k->now + time);
    end_all(k);
    printf("IPv%d: %llu connections, %llu to their end, %llu cut short, %llu bytes checked\n", six ? 6 : 4,
           (unsigned long long)k->opened, (unsigned long long)k->orderly, (unsigned long long)k->died,
           (unsigned long long)k->bytes);
    assert_true(k->orderly > k->opened / 2);
    for (unsigned i = 0; i < 2; i++)
        via_stack_destroy(k->st[i], VIA_FORCE);
    free(k);
}

static via_ns_t soak_time = 60 * VIA_SEC;
static uint64_t soak_seed = 1;

static void streams_survive_a_bad_link_ip4(void **state) {
    (void)state;
    soak_for(soak_time, soak_seed, false);
}

static void streams_survive_a_bad_link_ip6(void **state) {
    (void)state;
    soak_for(soak_time, soak_seed + 1, true);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_survive_a_bad_link_ip4),
        cmocka_unit_test(streams_survive_a_bad_link_ip6),
    };

    if (argc > 1)
        soak_time = strtoull(argv[1], NULL, 0) * VIA_SEC;
    if (argc > 2)
        soak_seed = strtoull(argv[2], NULL, 0);
    return cmocka_run_group_tests_name("sim.soak", tests, NULL, NULL);
}
