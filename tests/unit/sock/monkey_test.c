/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monkey_test.c - two stacks on a faulty cable, and somebody who calls everything at random: opens, connects, joins,
 * sends with and without tokens, holds and references buffers, moves sockets between sets, closes, unplugs the cable.
 * Nothing may get lost: every token completes once, every frame comes home. Usage: unit.sock.monkey [seeds [first
 * seed]]
 */
#include "desk.h"

#include "sock/socks.h"
#include "vi/vi.h"

#include <errno.h>

#define SOCKS  10u
#define HELD   40u
#define STEPS  600u
#define TOKENS 8192u

struct ape {
    struct via_stack *st;
    struct via_vi *vi;
    struct via_core *core;
    struct via_epoll *set[3];
    via_sock_t sock[SOCKS];
    struct via_buf *held[HELD];
    struct via_seg seg[HELD];
    struct via_timer timer[4];
    uint32_t helds, rings;
    uint64_t next_token, fetched;
    bool open_token[TOKENS]; /* by token */
};

struct zoo {
    struct ape ape[2];
    struct via_rand rand;
    via_ns_t now;
    uint64_t seed;
};

static uint32_t below(struct zoo *z, uint32_t n) {
    return via_rand_below(&z->rand, n);
}

static via_ns_t clock_of(void *ctx) {
    return ((struct zoo *)ctx)->now;
}

static void open_stack(struct zoo *z, int i) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct ape *a = &z->ape[i];
    struct via_attr *attr;
    int j;

    assert_int_equal(
        via_attr_new("linklocal=off;accept_ra=off;dad_probes=0;huge_pages=off;frames=700;clones=64;"
                     "rx_ring=64;tx_ring=64;max_udp=64;max_timers=4;max_epoll=4;max_addrs=16;max_routes=16;"
                     "max_neighs=16;udp_rcvbuf=40;hold_max=60",
                     &attr),
        0);
    conf.attr = attr;
    conf.seed = z->seed * 2 + (uint64_t)i;
    conf.clock = clock_of;
    conf.clock_ctx = z;
    assert_int_equal(via_stack_create(&conf, &a->st), 0);
    via_attr_free(attr);
    for (j = 0; j < 3; j++) {
        set.mode = below(z, 2);
        set.no_coalesce = !below(z, 3);
        assert_int_equal(via_epoll_create(a->st, &set, &a->set[j]), 0);
    }
}

static void plug(struct zoo *z) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct via_vi *vi[2];
    int i;

    assert_int_equal(via_vi_pair(z->ape[0].st, z->ape[1].st, NULL, vi), 0);
    for (i = 0; i < 2; i++) {
        struct via_ifaddr addr = {.iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};

        z->ape[i].vi = vi[i];
        z->ape[i].core = vi[i]->core;
        addr.addr = via_addr_from4(htonl(0x0a000001 + (uint32_t)i));
        assert_int_equal(via_ctrl_addr(z->ape[i].st, VIA_CTRL_ADD, &addr), 0);
        addr.prefix = 64;
        assert_int_equal(via_addr_parse(i ? "2001:db8::2" : "2001:db8::1", &addr.addr, NULL), 0);
        assert_int_equal(via_ctrl_addr(z->ape[i].st, VIA_CTRL_ADD, &addr), 0);
    }
    imp.loss = below(z, 10) / 100.0;
    imp.duplicate = below(z, 10) / 100.0;
    imp.reorder = below(z, 10) / 100.0;
    imp.corrupt = below(z, 5) / 100.0;
    imp.truncate = below(z, 5) / 100.0;
    imp.seed = z->seed;
    assert_int_equal(via_vi_impair(vi[0], &imp), 0);
}

static void unplug(struct zoo *z) {
    int i;

    for (i = 0; i < 2; i++) {
        if (z->ape[i].vi)
            assert_int_equal(via_vi_close(z->ape[i].vi), 0);
        z->ape[i].vi = NULL;
    }
}

static struct via_ep random_ep(struct zoo *z, int i, bool any) {
    struct via_ep e;

    if (below(z, 4) == 0) {
        e = desk_ep(i ? "[2001:db8::2]:1" : "[2001:db8::1]:1");
        if (any)
            e = via_ep_any(below(z, 2) ? VIA_AF_6 : VIA_AF_ANY, 1);
    } else {
        e = via_ep4(any ? 0 : htonl(0x0a000001 + (uint32_t)i), 1);
        if (!any && below(z, 8) == 0)
            e = desk_ep(below(z, 2) ? "239.1.1.1:1" : below(z, 2) ? "10.0.0.255:1" : "10.0.0.77:1");
    }
    e.port = (uint16_t)(100 + below(z, 3));
    return e;
}

static via_sock_t pick(struct zoo *z, struct ape *a) {
    return a->sock[below(z, SOCKS)]; /* 0, or stale, now and then */
}

static void do_open(struct zoo *z, struct ape *a) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    struct via_ep ep = random_ep(z, a == &z->ape[1], below(z, 2));
    uint32_t i = below(z, SOCKS);
    int on = 1;

    conf.flags = VIA_UDP_REUSE | (below(z, 8) ? 0 : VIA_UDP_V6ONLY);
    if (below(z, 8) == 0)
        conf.flags ^= VIA_UDP_REUSE;
    if (below(z, 12) == 0)
        ep.port = 0;
    via_sock_close(a->st, a->sock[i], 0);
    if (via_udp_open(a->st, &conf, &ep, &a->sock[i]) == 0 && below(z, 2))
        via_sock_setopt(a->st, a->sock[i], VIA_OPT_BROADCAST, &on, sizeof on);
}

static void do_connect(struct zoo *z, struct ape *a) {
    struct via_ep ep = random_ep(z, a == &z->ape[0] || !below(z, 5), false);

    via_udp_connect(a->st, pick(z, a), below(z, 2) ? &ep : NULL);
}

static void do_join(struct zoo *z, struct ape *a) {
    struct via_group g = {.group = desk_ep("239.1.1.1:1").addr, .iface = below(z, 2)};

    if (below(z, 3) == 0)
        g.source = via_addr_from4(htonl(0x0a000001 + below(z, 2)));
    via_udp_join(a->st, pick(z, a), &g, below(z, 3));
}

static void sent(struct ape *a, uint64_t token, int n) {
    if (n == 1 && token) {
        a->open_token[token] = true;
        a->next_token++;
    }
}

static uint64_t new_token(struct zoo *z, struct ape *a) {
    return below(z, 2) && a->next_token + 1 < TOKENS ? a->next_token + 1 : 0;
}

static void do_send(struct zoo *z, struct ape *a) {
    static uint8_t data[9000];
    struct iovec iov[2] = {{data, below(z, 4) ? below(z, 200) : below(z, 4500)}, {data, below(z, 100)}};
    struct via_dgram d = {.iov = iov, .iovcnt = below(z, 3), .token = new_token(z, a)};

    if (below(z, 3))
        d.peer = random_ep(z, a == &z->ape[0] || !below(z, 5), false);
    if (below(z, 6) == 0)
        d.flags = VIA_DGRAM_DF;
    sent(a, d.token, via_udp_send(a->st, pick(z, a), &d, 1, below(z, 4)));
}

static void take_out(struct ape *a, uint32_t i) {
    a->helds--;
    a->held[i] = a->held[a->helds];
    a->seg[i] = a->seg[a->helds];
}

static void do_send_held(struct zoo *z, struct ape *a) {
    uint32_t i = below(z, HELD);
    struct via_dgram d = {.token = new_token(z, a)};
    int n;

    if (i >= a->helds)
        return;
    d.seg = a->seg[i];
    d.peer = random_ep(z, a == &z->ape[0] || !below(z, 5), false);
    n = via_udp_send(a->st, pick(z, a), &d, 1, VIA_FLUSH);
    sent(a, d.token, n);
    if (n == 1)
        take_out(a, i);
}

static void hold(struct ape *a, struct via_seg seg) {
    a->held[a->helds] = seg.buf;
    a->seg[a->helds++] = seg;
}

static void do_receive(struct zoo *z, struct ape *a) {
    struct via_dgram d[4];
    uint8_t data[256];
    int n, i;

    if (below(z, 3) == 0 || a->helds + 4 > HELD) {
        via_udp_read(a->st, pick(z, a), data, sizeof data, NULL);
        return;
    }
    n = via_udp_recv(a->st, pick(z, a), d, 1 + below(z, 4));
    for (i = 0; i < n; i++)
        hold(a, d[i].seg);
}

static void do_buffers(struct zoo *z, struct ape *a) {
    struct via_seg seg;
    uint32_t i = below(z, HELD);

    if (below(z, 4) == 0 && a->helds < HELD && via_buf_alloc(a->st, below(z, 3000), &seg) == 0) {
        hold(a, seg);
    } else if (below(z, 3) == 0 && i < a->helds && a->helds < HELD) {
        via_buf_ref(a->st, a->held[i]);
        hold(a, a->seg[i]);
    } else if (i < a->helds) {
        if (below(z, 4))
            via_buf_release(a->st, &a->held[i], 1);
        else
            assert_int_equal(via_buf_release_remote(a->st, a->held[i]), 0);
        take_out(a, i);
    }
}

static void do_sets(struct zoo *z, struct ape *a) {
    struct via_epoll *o = a->set[below(z, 3)];
    struct via_event ev[4];

    switch (below(z, 6)) {
    case 0:
        via_epoll_rearm(o, pick(z, a));
        return;
    case 1:
    case 2:
        via_epoll_ctl(o, 1 + (int)below(z, 4), pick(z, a), below(z, 512), below(z, 100));
        return;
    default:
        via_epoll_poll(o, ev, 1 + below(z, 4), 1 + below(z, 64));
    }
}

static void do_close(struct zoo *z, struct ape *a) {
    if (below(z, 6) == 0)
        via_sock_close(a->st, pick(z, a), 0);
}

static void ring(struct via_stack *st, struct via_timer *t) {
    struct ape *a = t->arg;

    a->rings++;
    if (a->rings % 3 == 0)
        via_timer_start(st, t, via_stack_now(st) + VIA_MS, ring);
}

static void do_timers(struct zoo *z, struct ape *a) {
    struct via_timer *t = &a->timer[below(z, 4)];

    t->arg = a;
    if (below(z, 2))
        via_timer_start(a->st, t, z->now + below(z, 5000000), ring);
    else
        via_timer_stop(a->st, t);
}

static void fetch_tokens(struct ape *a) {
    struct via_done d[8];
    int n, i;

    while ((n = via_tx_done(a->st, d, 8)) > 0)
        for (i = 0; i < n; i++) {
            assert_in_range(d[i].token, 1, a->next_token);
            assert_true(a->open_token[d[i].token]); /* once */
            a->open_token[d[i].token] = false;
            a->fetched++;
        }
}

static void do_poll(struct zoo *z, struct ape *a) {
    z->now += below(z, 100) * VIA_US;
    if (below(z, 100) == 0)
        z->now += VIA_SEC;
    via_stack_poll_at(a->st, z->now, below(z, 80), NULL);
    if (below(z, 2))
        fetch_tokens(a);
    via_wait_arm(a->st, 0);
}

static void do_unplug(struct zoo *z, struct ape *a) {
    (void)a;
    if (below(z, 40))
        return;
    unplug(z);
    plug(z);
}

static void check(const struct ape *a) {
    uint32_t i;

    if (!a->vi)
        return;
    assert_true(via_demux_valid(a->core));
    for (i = 1; i <= 3; i++)
        assert_true(via_set_valid(a->core, via_set_at(a->core, i)));
}

/* Everything is given back; then nothing may be left over. */
static void wind_up(struct zoo *z) {
    int i, j;

    for (i = 0; i < 2; i++) {
        struct ape *a = &z->ape[i];

        for (j = 0; j < (int)SOCKS; j++)
            via_sock_close(a->st, a->sock[j], 0);
        while (a->helds)
            via_buf_release(a->st, &a->held[--a->helds], 1);
        for (j = 0; j < 4; j++)
            via_timer_stop(a->st, &a->timer[j]);
    }
    for (j = 0; j < 40; j++)
        for (i = 0; i < 2; i++) {
            struct via_event ev;

            z->now += 500 * VIA_MS;
            via_stack_poll_at(z->ape[i].st, z->now, 0, NULL);
            fetch_tokens(&z->ape[i]);
            while (via_epoll_poll(z->ape[i].set[j % 3], &ev, 1, 0) == 1)
                ;
        }
    unplug(z);
}

static void nothing_is_left(struct ape *a) {
    struct desk view = {.st = a->st};
    int j;

    via_stack_poll(a->st, 0, NULL);
    fetch_tokens(a);
    for (j = 0; j < 3; j++) {
        struct via_event ev;

        while (via_epoll_poll(a->set[j], &ev, 1, 0) == 1)
            ;
        assert_int_equal(via_epoll_destroy(a->set[j]), 0);
    }
    assert_int_equal(a->fetched, a->next_token);
    assert_int_equal(desk_stat(&view, "stack", "held"), 0);
    assert_int_equal(desk_stat(&view, "stack", "events"), 0);
    assert_int_equal(desk_stat(&view, "udp", "sockets"), 0);
    assert_int_equal(desk_stat(&view, "udp", "memberships"), 0);
    assert_int_equal(desk_stat(&view, "pool_frames", "free"), desk_stat(&view, "pool_frames", "cap"));
    assert_int_equal(desk_stat(&view, "pool_clones", "free"), desk_stat(&view, "pool_clones", "cap"));
    assert_int_equal(via_stack_destroy(a->st, 0), 0);
}

static void run_seed(uint64_t seed) {
    static void (*const acts[])(struct zoo *, struct ape *) = {
        do_open,      do_open,    do_connect, do_join,    do_send, do_send, do_send, do_send,
        do_send_held, do_receive, do_receive, do_buffers, do_sets, do_sets, do_sets, do_close,
        do_timers,    do_unplug,  do_poll,    do_poll,    do_poll, do_poll,
    };
    struct zoo *z = calloc(1, sizeof *z);
    uint32_t i;

    assert_non_null(z);
    z->seed = seed;
    z->now = VIA_SEC;
    assert_int_equal(via_rand_init(&z->rand, seed), 0);
    open_stack(z, 0);
    open_stack(z, 1);
    plug(z);
    for (i = 0; i < 4 * SOCKS; i++)
        do_open(z, &z->ape[i & 1]);
    for (i = 0; i < STEPS; i++) {
        struct ape *a = &z->ape[below(z, 2)];

        acts[below(z, sizeof acts / sizeof acts[0])](z, a);
        check(a);
    }
    wind_up(z);
    nothing_is_left(&z->ape[0]);
    nothing_is_left(&z->ape[1]);
    free(z);
}

static uint64_t seeds = 150, first_seed = 1;

static void nothing_is_lost_whatever_is_called(void **state) {
    uint64_t i;

    (void)state;
    for (i = first_seed; i < first_seed + seeds; i++)
        run_seed(i);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_whatever_is_called)};

    if (argc > 1)
        seeds = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
