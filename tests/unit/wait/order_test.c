/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * order_test.c - the promise of ordered sets against an oracle: what a reader gets who goes by the events is exactly
 * what the receiving interfaces took, in that order, whatever was lost, doubled and shuffled before. The oracle sits
 * between the interfaces' drivers and the stack. All in virtual time; a run is its seed. Usage: unit.wait.order [seeds
 * [first seed]]
 */
#include "desk.h"

#include "base/rand.h"
#include "sock/socks.h"
#include "vi/vi.h"

#include <errno.h>

#define SOCKS  7u
#define TRACE  20000u
#define CABLES 2u

struct tag {
    uint32_t sock, number;
};

/* One receiving stack, one sending, joined by one or two cables; every frame is noted as the receiver takes it. */
struct world {
    struct via_stack *from, *to;
    struct via_vi *vi[CABLES][2]; /* [cable][0] sends, [1] receives */
    struct via_vi_ops spy[CABLES];
    const struct via_vi_ops *real[CABLES];
    uint32_t cables;
    via_ns_t now;
    struct via_rand rand;
    via_sock_t in[SOCKS], out;
    struct via_ep ep[CABLES][SOCKS];
    struct tag oracle[TRACE], got[TRACE];
    uint32_t oracle_n, got_n;
    struct via_epoll *set;
    uint32_t sent;
};

static struct world *the_world; /* for the spy, which has no other way */

static uint32_t below(struct world *w, uint32_t n) {
    return via_rand_below(&w->rand, n);
}

static void note_frame(struct world *w, const uint8_t *frame, uint32_t len) {
    if (len != 14 + 20 + 8 + sizeof(struct tag) || frame[12] != 8 || frame[13] != 0 || frame[23] != IPPROTO_UDP)
        return;
    assert_true(w->oracle_n < TRACE);
    memcpy(&w->oracle[w->oracle_n++], frame + 42, sizeof(struct tag));
}

static unsigned spy_rx(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct world *w = the_world;
    uint32_t cable = dev->ops == &w->spy[1];
    unsigned got = w->real[cable]->rx_burst(dev, v, n), i;

    for (i = 0; i < got; i++)
        note_frame(w, dev->mem + v[i].addr, v[i].len);
    return got;
}

static via_ns_t clock_of(void *ctx) {
    return ((struct world *)ctx)->now;
}

static struct via_stack *new_stack(struct world *w, uint64_t seed) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_attr *a;
    struct via_stack *st;

    assert_int_equal(via_attr_new("linklocal=off;accept_ra=off;dad_probes=0;huge_pages=off;frames=1500;clones=0;"
                                  "udp_rcvbuf=4096;rx_ring=256;tx_ring=256;max_udp=16;max_timers=1;max_epoll=4;"
                                  "max_addrs=16;max_routes=16;max_neighs=16;frag_max=0",
                                  &a),
                     0);
    conf.attr = a;
    conf.seed = seed;
    conf.clock = clock_of;
    conf.clock_ctx = w;
    assert_int_equal(via_stack_create(&conf, &st), 0);
    via_attr_free(a);
    return st;
}

static void add_addr(struct via_stack *st, uint32_t iface, uint32_t net, uint32_t host) {
    struct via_ifaddr a = {.addr = via_addr_from4(htonl(0x0a000000 | net << 8 | host)),
                           .iface = iface,
                           .prefix = 24,
                           .flags = VIA_ADDR_NODAD};

    assert_int_equal(via_ctrl_addr(st, VIA_CTRL_ADD, &a), 0);
}

static void add_neigh(struct via_stack *st, uint32_t iface, uint32_t net, uint32_t host, const struct via_vi *vi) {
    struct via_neigh_entry e = {.addr = via_addr_from4(htonl(0x0a000000 | net << 8 | host)), .iface = iface};
    struct via_vi_info info = VIA_VI_INFO_INIT;

    assert_int_equal(via_vi_info(vi, &info), 0);
    memcpy(e.mac, info.mac, 6);
    assert_int_equal(via_ctrl_neigh(st, VIA_CTRL_ADD, &e), 0);
}

/* Faults at the receiving end, then the spy in front of them. */
static void spoil(struct world *w, uint32_t i) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct via_vi *vi = w->vi[i][1];

    imp.direction = 1;
    imp.seed = via_rand64(&w->rand);
    imp.loss = below(w, 30) / 100.0;
    imp.duplicate = below(w, 20) / 100.0;
    imp.reorder = below(w, 40) / 100.0;
    imp.reorder_by = 1 + below(w, 8);
    imp.delay = below(w, 3) * 10 * VIA_US;
    imp.jitter = below(w, 3) * 20 * VIA_US;
    assert_int_equal(via_vi_impair(vi, &imp), 0);
    w->real[i] = vi->dev->ops;
    w->spy[i] = *vi->dev->ops;
    w->spy[i].rx_burst = spy_rx;
    vi->dev->ops = &w->spy[i];
}

static void open_socks(struct world *w) {
    uint32_t i, c;

    for (i = 0; i < SOCKS; i++) {
        struct via_ep any = via_ep_any(VIA_AF_4, (uint16_t)(100 + i));

        assert_int_equal(via_udp_open(w->to, NULL, &any, &w->in[i]), 0);
        for (c = 0; c < w->cables; c++)
            w->ep[c][i] = via_ep4(htonl(0x0a000002 | c << 8), (uint16_t)(100 + i));
    }
    assert_int_equal(via_udp_open(w->from, NULL, &(struct via_ep){.family = VIA_AF_4}, &w->out), 0);
}

static struct world *world_new(uint64_t seed, uint32_t cables, enum via_epoll_mode mode) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct world *w = calloc(1, sizeof *w);
    uint32_t c;

    assert_non_null(w);
    the_world = w;
    w->now = VIA_SEC;
    w->cables = cables;
    assert_int_equal(via_rand_init(&w->rand, seed), 0);
    w->from = new_stack(w, seed + 1);
    w->to = new_stack(w, seed + 2);
    for (c = 0; c < cables; c++) {
        assert_int_equal(via_vi_pair(w->from, w->to, NULL, w->vi[c]), 0);
        add_addr(w->from, c + 1, c, 1);
        add_addr(w->to, c + 1, c, 2);
        add_neigh(w->from, c + 1, c, 2, w->vi[c][1]);
        add_neigh(w->to, c + 1, c, 1, w->vi[c][0]);
        spoil(w, c);
    }
    conf.mode = mode;
    conf.no_coalesce = !below(w, 4);
    assert_int_equal(via_epoll_create(w->to, &conf, &w->set), 0);
    open_socks(w);
    return w;
}

static void world_end(struct world *w) {
    uint32_t c;

    for (c = 0; c < w->cables; c++)
        w->vi[c][1]->dev->ops = w->real[c];
    assert_int_equal(via_epoll_destroy(w->set), 0);
    assert_int_equal(via_stack_destroy(w->from, 0), 0);
    assert_int_equal(via_stack_destroy(w->to, 0), 0);
    free(w);
}

static void send_some(struct world *w, uint32_t n) {
    while (n--) {
        uint32_t sock = below(w, SOCKS), cable = below(w, w->cables);
        struct tag tag = {sock, w->sent};
        struct iovec iov = {&tag, sizeof tag};
        struct via_dgram d = {.iov = &iov, .iovcnt = 1, .peer = w->ep[cable][sock]};

        if (via_udp_send(w->from, w->out, &d, 1, below(w, 2) ? VIA_FLUSH : 0) == 1)
            w->sent++;
    }
}

/*
 * Small budgets with one wire alone: what a link of long packets gives beyond the budget waits behind the spy, and what
 * comes by the other wire meanwhile is taken before it.
 */
static unsigned budget(struct world *w) {
    uint32_t n = below(w, 2) ? 0 : 1 + below(w, 8);

    return w->cables == 1 ? n : 0;
}

static void turn(struct world *w) {
    w->now += (1 + below(w, 20)) * VIA_US;
    via_stack_poll_at(w->from, w->now, 0, NULL);
    via_stack_poll_at(w->to, w->now, budget(w), NULL);
    assert_true(via_set_valid(&w->vi[0][1]->core[0], via_set_at(w->vi[0][1]->core, 1)));
}

/* Reads from a socket; what comes is the next of what was got. */
static void read_one(struct world *w, via_sock_t s) {
    struct via_dgram d;
    struct tag tag;

    assert_int_equal(via_udp_recv(w->to, s, &d, 1), 1);
    assert_int_equal(d.bytes, sizeof tag);
    memcpy(&tag, d.seg.data, sizeof tag);
    assert_true(w->in[tag.sock] == s);
    w->got[w->got_n++] = tag;
    via_buf_release(w->to, &d.seg.buf, 1);
}

/* Nobody may overtake: sockets that were not announced have nothing to read. */
static void try_to_overtake(struct world *w) {
    struct via_dgram d;

    assert_int_equal(via_udp_recv(w->to, w->in[below(w, SOCKS)], &d, 1), -EAGAIN);
}

static void follow_events(struct world *w, uint32_t most) {
    struct via_event ev[8];
    int n = via_epoll_poll(w->set, ev, 1 + below(w, most), budget(w)), i;

    for (i = 0; i < n; i++) {
        uint32_t p;

        assert_int_equal(ev[i].what, VIA_EV_IN);
        assert_int_equal(ev[i].bytes, ev[i].pkts * sizeof(struct tag));
        for (p = 0; p < ev[i].pkts; p++)
            read_one(w, ev[i].sock);
    }
    if (below(w, 2))
        try_to_overtake(w);
}

static void settle(struct world *w) {
    uint32_t i;

    for (i = 0; i < 60; i++) { /* what was held back for reordering comes after 100 ms */
        w->now += 5 * VIA_MS;
        turn(w);
    }
}

static void compare(struct world *w) {
    uint32_t i;

    assert_int_equal(w->got_n, w->oracle_n);
    for (i = 0; i < w->got_n; i++) {
        assert_int_equal(w->got[i].sock, w->oracle[i].sock);
        assert_int_equal(w->got[i].number, w->oracle[i].number);
    }
    assert_true(w->oracle_n > w->sent / 2);
}

static void add_member(struct world *w, uint32_t i) {
    assert_int_equal(via_epoll_ctl(w->set, VIA_EPOLL_ADD, w->in[i], VIA_EV_IN, i), 0);
}

static void run_strict(uint64_t seed, uint32_t cables) {
    struct world *w = world_new(seed, cables, VIA_EPOLL_STRICT);
    uint32_t i;

    for (i = 0; i < SOCKS; i++)
        add_member(w, i);
    for (i = 0; i < 60; i++) {
        send_some(w, below(w, 12));
        turn(w);
        if (below(w, 3))
            follow_events(w, 8);
    }
    settle(w);
    while (w->got_n < w->oracle_n)
        follow_events(w, 8);
    compare(w);
    world_end(w);
}

/* Members that come, go and come back before anything is popped: what is announced is still the order of the wire. */
static void run_comers_and_goers(uint64_t seed, uint32_t cables) {
    struct world *w = world_new(seed, cables, seed & 1 ? VIA_EPOLL_STRICT : VIA_EPOLL_LOOSE);
    bool in[SOCKS] = {false};
    uint32_t i, s;

    for (i = 0; i < 40; i++) {
        send_some(w, below(w, 12));
        turn(w);
        s = below(w, SOCKS);
        if (below(w, 3) == 0) {
            assert_int_equal(via_epoll_ctl(w->set, in[s] ? VIA_EPOLL_DEL : VIA_EPOLL_ADD, w->in[s], VIA_EV_IN, s), 0);
            in[s] = !in[s];
        }
    }
    settle(w);
    for (s = 0; s < SOCKS; s++)
        if (!in[s])
            add_member(w, s);
    while (w->got_n < w->oracle_n) {
        struct via_event ev;
        uint32_t p;

        assert_int_equal(via_epoll_poll(w->set, &ev, 1, 0), 1);
        for (p = 0; p < ev.pkts; p++)
            read_one(w, ev.sock);
    }
    compare(w);
    world_end(w);
}

/* Readers who run ahead: every datagram is read once, in its socket's order, and no event speaks of what was read. */
static void run_loose(uint64_t seed, uint32_t cables) {
    struct world *w = world_new(seed, cables, VIA_EPOLL_LOOSE);
    uint32_t i, announced[SOCKS] = {0}, read[SOCKS] = {0}, next[SOCKS] = {0};

    for (i = 0; i < SOCKS; i++)
        add_member(w, i);
    for (i = 0; i < 160; i++) {
        uint32_t s = below(w, SOCKS);
        struct via_event ev;
        struct via_dgram d;
        struct tag tag;

        if (i < 60)
            send_some(w, below(w, 12));
        else if (i == 60)
            settle(w);
        turn(w);
        if (below(w, 2) && via_epoll_poll(w->set, &ev, 1, 0) == 1)
            announced[ev.user] += ev.pkts;
        while (below(w, 4) && via_udp_recv(w->to, w->in[s], &d, 1) == 1) {
            memcpy(&tag, d.seg.data, sizeof tag);
            while (w->oracle[next[s]].sock != s)
                next[s]++;
            assert_int_equal(tag.number, w->oracle[next[s]++].number);
            read[s]++;
            announced[s] = announced[s] > read[s] ? announced[s] : read[s];
            via_buf_release(w->to, &d.seg.buf, 1);
        }
    }
    /* What is left to be read and what is left to be announced are the same. */
    for (i = 0; i < SOCKS; i++) {
        struct via_event ev;
        int queued = 0;
        size_t n = sizeof queued;

        assert_int_equal(via_sock_getopt(w->to, w->in[i], VIA_OPT_QUEUED, &queued, &n), 0);
        while (i == 0 && via_epoll_poll(w->set, &ev, 1, 0) == 1)
            announced[ev.user] += ev.pkts;
        assert_int_equal(announced[i], read[i] + (uint32_t)queued);
    }
    world_end(w);
}

/* Two interfaces, merged by time. */

#define PER_PORT 60u

struct line {
    via_ns_t ts[PER_PORT];
    uint32_t given;
};

static struct desk *merge_desk(struct via_epoll **set, via_sock_t *s, via_ns_t hold) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct desk *b = desk_new(2, "frames=2048;udp_rcvbuf=4096");

    conf.merge = VIA_MERGE_TIMESTAMP;
    conf.max_hold = hold;
    assert_int_equal(via_epoll_create(b->st, &conf, set), 0);
    *s = desk_open(b, "0.0.0.0:5");
    assert_int_equal(via_epoll_ctl(*set, VIA_EPOLL_ADD, *s, VIA_EV_IN, 0), 0);
    return b;
}

/* Frames whose time has come lie in the driver, in the order of each wire. */
static void give_due(struct desk *b, struct line *l, uint32_t port) {
    static const char *const from[] = {"", "10.0.1.2:9", "10.0.2.2:9"}, *const to[] = {"", "10.0.1.1:5", "10.0.2.1:5"};

    while (l->given < PER_PORT && l->ts[l->given] <= b->now &&
           desk_dgram_at(b, port, from[port], to[port], l->given, l->ts[l->given]))
        l->given++;
}

static void run_merge(uint64_t seed) {
    struct line line[3];
    struct via_epoll *set;
    struct via_event ev;
    struct via_dgram d;
    struct via_rand r;
    via_sock_t s;
    struct desk *b = merge_desk(&set, &s, VIA_SEC);
    uint32_t i, p, got = 0, next[3] = {0};
    via_ns_t last = 0;

    assert_int_equal(via_rand_init(&r, seed), 0);
    memset(line, 0, sizeof line);
    for (p = 1; p <= 2; p++)
        for (i = 0; i < PER_PORT; i++)
            line[p].ts[i] = (i ? line[p].ts[i - 1] : b->now) + via_rand_below(&r, 3000);
    while (got < 2 * PER_PORT) {
        b->now += via_rand_below(&r, 9000);
        for (p = 1; p <= 2; p++)
            if (via_rand_below(&r, 4))
                give_due(b, &line[p], p);
            else if (line[p].given < PER_PORT && line[p].ts[line[p].given] <= b->now)
                goto late; /* the driver must not look empty while it is not */
        via_stack_poll_at(b->st, b->now, 1 + via_rand_below(&r, 6), NULL);
    late:
        while (desk_stat(b, "stack", "events") && via_epoll_poll(set, &ev, 1, 1) == 1)
            for (i = 0; i < ev.pkts; i++, got++) {
                uint32_t tag;

                assert_int_equal(via_udp_recv(b->st, s, &d, 1), 1);
                memcpy(&tag, d.seg.data, sizeof tag);
                assert_int_equal(tag, next[d.iface]++); /* exact within an interface */
                assert_true(d.ts >= last);              /* and in time over both */
                assert_int_equal(d.ts, line[d.iface].ts[tag]);
                last = d.ts;
                via_buf_release(b->st, &d.seg.buf, 1);
            }
    }
    assert_int_equal(via_epoll_destroy(set), 0);
    desk_end(b);
}

static uint64_t seeds = 300, first_seed = 1;

static void strict_readers_get_exactly_the_order_of_one_wire(void **state) {
    uint64_t i;

    (void)state;
    for (i = first_seed; i < first_seed + seeds; i++)
        run_strict(i, 1);
}

static void strict_readers_get_exactly_the_order_of_two_wires(void **state) {
    uint64_t i;

    (void)state;
    for (i = first_seed; i < first_seed + seeds; i++)
        run_strict(i, 2);
}

static void members_that_come_late_are_announced_in_the_order_of_the_wire(void **state) {
    uint64_t i;

    (void)state;
    for (i = first_seed; i < first_seed + seeds; i++)
        run_comers_and_goers(i, 1 + i % 2);
}

static void loose_readers_get_every_datagram_once(void **state) {
    uint64_t i;

    (void)state;
    for (i = first_seed; i < first_seed + seeds; i++)
        run_loose(i, 1 + i % 2);
}

static void two_wires_merge_by_time(void **state) {
    uint64_t i;

    (void)state;
    for (i = first_seed; i < first_seed + seeds; i++)
        run_merge(i);
}

static void frame_is_held_no_longer_than_asked(void **state) {
    struct via_epoll *set;
    via_sock_t s;
    struct desk *b = merge_desk(&set, &s, 500 * VIA_US);
    struct via_event ev;
    via_ns_t sent;
    int i;

    (void)state;
    /* Interface 2 is far behind: it has old frames to tell at every poll. */
    for (i = 0; i < 100; i++)
        assert_true(desk_dgram_at(b, 2, "10.0.2.2:9", "10.0.2.1:9", (uint32_t)i, b->now - 100 * VIA_MS + (via_ns_t)i));
    sent = b->now;
    assert_true(desk_dgram_at(b, 1, "10.0.1.2:9", "10.0.1.1:5", 1, sent));
    via_stack_poll_at(b->st, b->now, 1, NULL);
    assert_int_equal(desk_stat(b, "stack", "events"), 0);
    assert_int_equal(via_stack_deadline(b->st), sent + 500 * VIA_US); /* a sleeper wakes for it */
    b->now = sent + 499 * VIA_US;
    via_stack_poll_at(b->st, b->now, 1, NULL);
    assert_int_equal(desk_stat(b, "stack", "events"), 0);
    b->now = sent + 500 * VIA_US;
    via_stack_poll_at(b->st, b->now, 1, NULL);
    assert_int_equal(desk_stat(b, "stack", "events"), 1);
    assert_int_equal(via_epoll_poll(set, &ev, 1, 1), 1);
    assert_int_equal(ev.ts, sent);
    desk_read(b, s, NULL, 0);
    assert_int_equal(via_epoll_destroy(set), 0);
    for (i = 0; i < 10; i++)
        desk_poll(b);
    desk_end(b);
}

static void holding_leaves_frames_for_the_rings(void **state) {
    struct via_epoll *set;
    via_sock_t s;
    struct desk *b = merge_desk(&set, &s, VIA_SEC);
    uint32_t i, sent = 0, late = 0;

    (void)state;
    /* Interface 2 is behind by so much that everything of interface 1 would be held for it: more than there are frames.
     */
    for (i = 0; i < 200; i++)
        assert_true(desk_dgram_at(b, 2, "10.0.2.2:9", "10.0.2.1:9", i, b->now - 500 * VIA_MS + i));
    for (i = 0; i < 100; i++) {
        uint32_t j;

        for (j = 0; j < 40; j++) {
            late += !desk_dgram_at(b, 1, "10.0.1.2:9", "10.0.1.1:5", sent, b->now);
            sent++;
        }
        b->now += VIA_US;
        via_stack_poll_at(b->st, b->now, 50, NULL);
        if (b->port[2].rx_n < 100) /* it stays behind */
            desk_dgram_at(b, 2, "10.0.2.2:9", "10.0.2.1:9", i, b->now - 500 * VIA_MS);
        while (desk_read(b, s, NULL, 0) >= 0)
            ;
        while (desk_stat(b, "stack", "events")) {
            struct via_event ev;

            assert_int_equal(via_epoll_poll(set, &ev, 1, 0), 1);
        }
    }
    assert_int_equal(late, 0); /* the ring never ran dry */
    assert_int_equal(via_epoll_destroy(set), 0);
    desk_wait(b, 2 * VIA_SEC);
    while (desk_read(b, s, NULL, 0) >= 0)
        ;
    desk_end(b);
}

static void frames_held_for_merging_go_with_their_interface(void **state) {
    struct via_epoll *set;
    via_sock_t s;
    struct desk *b = merge_desk(&set, &s, VIA_SEC);
    int i;

    (void)state;
    for (i = 0; i < 50; i++)
        assert_true(desk_dgram_at(b, 2, "10.0.2.2:9", "10.0.2.1:9", 0, b->now - VIA_MS));
    assert_true(desk_dgram_at(b, 1, "10.0.1.2:9", "10.0.1.1:5", 1, b->now));
    via_stack_poll_at(b->st, b->now, 1, NULL);
    assert_int_equal(via_vi_close(b->port[1].vi), 0);
    for (i = 0; i < 60; i++)
        desk_poll(b);
    assert_int_equal(desk_read(b, s, NULL, 0), -EAGAIN);
    assert_int_equal(via_epoll_destroy(set), 0);
    assert_int_equal(desk_frames_used(b), 0);
    desk_end(b);
}

static void silent_interface_holds_nobody_up(void **state) {
    struct via_epoll *set;
    via_sock_t s;
    struct desk *b = merge_desk(&set, &s, VIA_SEC);

    (void)state;
    assert_true(desk_dgram_at(b, 1, "10.0.1.2:9", "10.0.1.1:5", 1, b->now));
    desk_poll(b); /* interface 2 is empty now: nothing older than now can come */
    assert_int_equal(desk_stat(b, "stack", "events"), 1);
    assert_int_equal(desk_read(b, s, NULL, 0), -EAGAIN); /* not announced yet */
    assert_int_equal(via_epoll_destroy(set), 0);
    assert_int_equal(desk_read(b, s, NULL, 0), 4);
    desk_end(b);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_readers_get_exactly_the_order_of_one_wire),
        cmocka_unit_test(strict_readers_get_exactly_the_order_of_two_wires),
        cmocka_unit_test(members_that_come_late_are_announced_in_the_order_of_the_wire),
        cmocka_unit_test(loose_readers_get_every_datagram_once),
        cmocka_unit_test(two_wires_merge_by_time),
        cmocka_unit_test(frame_is_held_no_longer_than_asked),
        cmocka_unit_test(holding_leaves_frames_for_the_rings),
        cmocka_unit_test(frames_held_for_merging_go_with_their_interface),
        cmocka_unit_test(silent_interface_holds_nobody_up),
    };

    if (argc > 1)
        seeds = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
