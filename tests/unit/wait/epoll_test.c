/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll_test.c - ordered sets by public calls, over a whole stack. The order itself: order_test.c. */
#include "desk.h"

#include <errno.h>

#define A    "10.0.1.1"
#define PEER "10.0.1.2"
#define IN   VIA_EV_IN

static struct desk *b;

static int set_up(void **state) {
    (void)state;
    b = desk_new(2, "frames=1024;max_epoll=8;udp_rcvbuf=64");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

#define assert_refused(call, err)                                                                                      \
    do {                                                                                                               \
        via_timer_start(b->st, NULL, 0, NULL); /* leaves another sentence */                                           \
        assert_int_equal(call, err);                                                                                   \
        assert_string_not_equal(via_why(b->st), "timer: no timer or no function");                                     \
    } while (0)

static struct via_epoll *new_set(enum via_epoll_mode mode) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct via_epoll *o;

    conf.mode = mode;
    assert_int_equal(via_epoll_create(b->st, &conf, &o), 0);
    return o;
}

static via_sock_t add(struct via_epoll *o, const char *local, uint32_t mask, uint64_t user) {
    via_sock_t s = desk_open(b, local);

    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_ADD, s, mask, user), 0);
    return s;
}

static void arrive(const char *to, uint32_t len) {
    assert_true(desk_dgram(b, 1, PEER ":9", to, "abcdefgh", len));
}

static void expect(struct via_epoll *o, uint64_t user, uint16_t pkts, uint32_t bytes) {
    struct via_event ev;

    assert_int_equal(via_epoll_poll(o, &ev, 1, 0), 1);
    assert_int_equal(ev.what, IN);
    assert_int_equal(ev.user, user);
    assert_int_equal(ev.pkts, pkts);
    assert_int_equal(ev.bytes, bytes);
}

static void expect_none(struct via_epoll *o) {
    struct via_event ev;

    assert_int_equal(via_epoll_poll(o, &ev, 1, 0), 0);
}

static void create_refuses_bad_arguments(void **state) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT, bad;
    struct via_epoll *o;

    (void)state;
    assert_refused(via_epoll_create(b->st, &conf, NULL), -EINVAL);
    bad = conf;
    bad.size--;
    assert_refused(via_epoll_create(b->st, &bad, &o), -EINVAL);
    bad = conf;
    bad.mode = 2;
    assert_refused(via_epoll_create(b->st, &bad, &o), -EINVAL);
    bad = conf;
    bad.merge = 2;
    assert_refused(via_epoll_create(b->st, &bad, &o), -EINVAL);
    bad = conf;
    bad.no_coalesce = 2;
    assert_refused(via_epoll_create(b->st, &bad, &o), -EINVAL);
    assert_int_equal(via_epoll_create(b->st, NULL, &o), 0);
    assert_int_equal(via_epoll_destroy(o), 0);
    assert_int_equal(via_epoll_destroy(NULL), -EINVAL);
    assert_int_equal(via_epoll_destroy(o), -EINVAL); /* twice */
}

static void sets_run_out_and_come_back(void **state) {
    struct via_epoll *o[9];
    int i;

    (void)state;
    for (i = 0; i < 8; i++)
        assert_int_equal(via_epoll_create(b->st, NULL, &o[i]), 0);
    assert_refused(via_epoll_create(b->st, NULL, &o[8]), -ENOBUFS);
    assert_int_equal(via_epoll_destroy(o[3]), 0);
    assert_int_equal(via_epoll_create(b->st, NULL, &o[3]), 0);
    for (i = 0; i < 8; i++)
        assert_int_equal(via_epoll_destroy(o[i]), 0);
}

static void ctl_refuses_what_headers_name(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT), *other = new_set(VIA_EPOLL_STRICT);
    via_sock_t s = desk_open(b, A ":1");

    (void)state;
    assert_int_equal(via_epoll_ctl(NULL, VIA_EPOLL_ADD, s, IN, 0), -EINVAL);
    assert_refused(via_epoll_ctl(o, 0, s, IN, 0), -EINVAL);
    assert_refused(via_epoll_ctl(o, 5, s, IN, 0), -EINVAL);
    assert_refused(via_epoll_ctl(o, VIA_EPOLL_ADD, s, 512, 0), -EINVAL);
    assert_refused(via_epoll_ctl(o, VIA_EPOLL_MOD, s, IN, 0), -ENOENT);
    assert_refused(via_epoll_ctl(o, VIA_EPOLL_DEL, s, IN, 0), -ENOENT);
    assert_refused(via_epoll_ctl(o, VIA_EPOLL_MOVE, s, IN, 0), -ENOENT);
    assert_refused(via_epoll_rearm(o, s), -ENOENT);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_ADD, s, IN, 0), 0);
    assert_refused(via_epoll_ctl(o, VIA_EPOLL_ADD, s, IN, 0), -EEXIST);
    assert_refused(via_epoll_ctl(other, VIA_EPOLL_ADD, s, IN, 0), -EBUSY);
    assert_refused(via_epoll_ctl(other, VIA_EPOLL_MOD, s, IN, 0), -ENOENT);
    assert_refused(via_epoll_ctl(other, VIA_EPOLL_DEL, s, IN, 0), -ENOENT);
    assert_refused(via_epoll_rearm(other, s), -ENOENT);
    assert_refused(via_epoll_ctl(o, VIA_EPOLL_MOD, s, 1u << 31, 0), -EINVAL);
    assert_int_equal(via_epoll_ctl(other, VIA_EPOLL_MOVE, s, IN, 0), 0);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_DEL, s, IN, 0), -ENOENT);
    assert_int_equal(via_epoll_ctl(other, VIA_EPOLL_DEL, s, ~0u, 0), 0); /* DEL reads no mask */
    assert_int_equal(via_epoll_destroy(o), 0);
    assert_int_equal(via_epoll_destroy(other), 0);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_ADD, s, IN, 0), -EINVAL);
    assert_int_equal(via_epoll_rearm(o, s), -EINVAL);
}

static void nothing(const struct via_event *ev, void *arg) {
    (void)ev;
    (void)arg;
}

static void fetching_refuses_bad_arguments(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    struct via_event ev;

    (void)state;
    assert_refused(via_epoll_poll(o, NULL, 1, 0), -EINVAL);
    assert_refused(via_epoll_poll(o, &ev, 0, 0), -EINVAL);
    assert_refused(via_epoll_wait(o, NULL, 1, 0), -EINVAL);
    assert_refused(via_epoll_wait(o, &ev, 0, 0), -EINVAL);
    assert_refused(via_epoll_dispatch(o, 1, NULL, NULL), -EINVAL);
    assert_int_equal(via_epoll_poll(NULL, &ev, 1, 0), -EINVAL);
    assert_int_equal(via_epoll_wait(NULL, &ev, 1, 0), -EINVAL);
    assert_int_equal(via_epoll_dispatch(NULL, 1, nothing, NULL), -EINVAL);
    assert_int_equal(via_epoll_destroy(o), 0);
    assert_int_equal(via_epoll_poll(o, &ev, 1, 0), -EINVAL);
    assert_int_equal(via_epoll_wait(o, &ev, 1, 0), -EINVAL);
    assert_int_equal(via_epoll_dispatch(o, 1, nothing, NULL), -EINVAL);
}

static void poll_runs_one_round_if_there_is_nothing(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    via_sock_t s = add(o, A ":1", IN, 7);
    struct via_event ev[4];
    uint64_t polls;

    (void)state;
    arrive(A ":1", 3);
    polls = desk_stat(b, "stack", "polls");
    assert_int_equal(via_epoll_poll(o, ev, 4, 0), 1); /* polled by itself */
    assert_int_equal(desk_stat(b, "stack", "polls"), polls + 1);
    assert_true(ev[0].sock == s);
    assert_int_equal(ev[0].user, 7);
    arrive(A ":1", 3);
    desk_poll(b);
    polls = desk_stat(b, "stack", "polls");
    assert_int_equal(via_epoll_poll(o, ev, 4, 0), 1); /* there was something */
    assert_int_equal(desk_stat(b, "stack", "polls"), polls);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void records_come_in_the_order_of_the_wire(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    struct via_event ev[8];

    (void)state;
    add(o, A ":1", IN, 'a');
    add(o, A ":2", IN, 'b');
    arrive(A ":1", 1);
    arrive(A ":1", 2);
    arrive(A ":2", 3);
    arrive(A ":1", 4);
    assert_int_equal(via_epoll_poll(o, ev, 2, 0), 2); /* at most what there is room for */
    assert_int_equal(ev[0].user, 'a');
    assert_int_equal(ev[0].pkts, 2);
    assert_int_equal(ev[0].bytes, 3);
    assert_int_equal(ev[1].user, 'b');
    assert_int_equal(ev[1].seq, ev[0].seq + 2);
    assert_int_equal(via_epoll_poll(o, ev, 8, 0), 1);
    assert_int_equal(ev[0].user, 'a');
    assert_int_equal(ev[0].pkts, 1);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void strict_set_holds_readers_to_the_order(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = add(o, A ":1", IN, 'a');
    struct via_dgram d[4];

    (void)state;
    add(o, A ":2", IN, 'b');
    arrive(A ":1", 1);
    arrive(A ":2", 1);
    arrive(A ":1", 1);
    desk_poll(b);
    assert_int_equal(via_udp_recv(b->st, a, d, 4), -EAGAIN);
    expect(o, 'a', 1, 1);
    assert_int_equal(via_udp_recv(b->st, a, d, 4), 1);
    assert_int_equal(desk_read(b, a, NULL, 0), -EAGAIN);
    expect(o, 'b', 1, 1);
    expect(o, 'a', 1, 1);
    assert_int_equal(via_udp_recv(b->st, a, d + 1, 3), 1);
    via_buf_release(b->st, &d[0].seg.buf, 1);
    via_buf_release(b->st, &d[1].seg.buf, 1);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void loose_set_lets_readers_ahead(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_LOOSE);
    via_sock_t a = add(o, A ":1", IN, 'a');

    (void)state;
    add(o, A ":2", IN, 'b');
    arrive(A ":2", 1);
    arrive(A ":1", 1);
    arrive(A ":1", 2);
    desk_poll(b);
    assert_int_equal(desk_read(b, a, NULL, 0), 1);
    expect(o, 'b', 1, 1);
    expect(o, 'a', 1, 2);
    expect_none(o);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void add_announces_what_waits(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = desk_open(b, A ":1");

    (void)state;
    add(o, A ":2", IN, 'b');
    arrive(A ":1", 1);
    arrive(A ":2", 2);
    arrive(A ":1", 4);
    desk_poll(b);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_ADD, a, IN, 'a'), 0);
    expect(o, 'a', 1, 1);
    expect(o, 'b', 1, 2);
    expect(o, 'a', 1, 4);
    expect_none(o);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void modified_member_has_a_new_user_value_at_once(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = add(o, A ":1", IN, 'a');

    (void)state;
    arrive(A ":1", 1);
    desk_poll(b);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_MOD, a, IN, 'z'), 0);
    expect(o, 'z', 1, 1);
    arrive(A ":1", 1);
    desk_poll(b);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_MOD, a, 0, 'z'), 0);
    expect_none(o);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void moved_member_keeps_what_is_pending(void **state) {
    struct via_epoll *from = new_set(VIA_EPOLL_STRICT), *to = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = add(from, A ":1", IN, 'a');

    (void)state;
    add(to, A ":2", IN, 'b');
    arrive(A ":1", 1);
    arrive(A ":2", 2);
    desk_poll(b);
    assert_int_equal(via_epoll_ctl(to, VIA_EPOLL_MOVE, a, IN, 'c'), 0);
    expect(to, 'c', 1, 1);
    expect(to, 'b', 1, 2);
    expect_none(from);
    arrive(A ":1", 4);
    expect(to, 'c', 1, 4);
    assert_int_equal(via_epoll_destroy(from), 0);
    assert_int_equal(via_epoll_destroy(to), 0);
}

static void move_can_change_the_mask(void **state) {
    struct via_epoll *from = new_set(VIA_EPOLL_STRICT), *to = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = add(from, A ":1", VIA_EV_ERR, 'a');

    (void)state;
    arrive(A ":1", 1);
    desk_poll(b);
    assert_int_equal(via_epoll_ctl(to, VIA_EPOLL_MOVE, a, IN, 'c'), 0);
    expect(to, 'c', 1, 1);
    assert_int_equal(via_epoll_destroy(from), 0);
    assert_int_equal(via_epoll_destroy(to), 0);
}

static void removed_member_is_silent_and_keeps_its_data(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = add(o, A ":1", IN, 'a');

    (void)state;
    arrive(A ":1", 1);
    desk_poll(b);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_DEL, a, 0, 0), 0);
    expect_none(o);
    assert_int_equal(desk_read(b, a, NULL, 0), 1);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void destroyed_set_leaves_its_members_open(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = add(o, A ":1", IN, 'a');

    (void)state;
    arrive(A ":1", 1);
    desk_poll(b);
    assert_int_equal(via_epoll_destroy(o), 0);
    assert_int_equal(desk_stat(b, "stack", "events"), 0);
    assert_int_equal(desk_read(b, a, NULL, 0), 1);
    o = new_set(VIA_EPOLL_STRICT);
    assert_int_equal(via_epoll_ctl(o, VIA_EPOLL_ADD, a, IN, 'b'), 0);
    arrive(A ":1", 2);
    expect(o, 'b', 1, 2);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void destroyed_set_ends_the_wait_for_terminated(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = add(o, A ":1", 0, 'a');
    struct iovec iov = {"x", 1};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .peer = desk_ep(PEER ":9"), .token = 1};
    uint64_t free = desk_stat(b, "pool_udp", "free");
    struct via_done done;

    (void)state;
    assert_int_equal(via_udp_send(b->st, a, &d, 1, VIA_FLUSH), 1);
    desk_poll(b);
    assert_int_equal(via_sock_close(b->st, a, 0), 0);
    assert_int_equal(via_tx_done(b->st, &done, 1), 1); /* TERMINATED waits in the set */
    assert_int_equal(desk_stat(b, "pool_udp", "free"), free);
    assert_int_equal(via_epoll_destroy(o), 0);
    assert_int_equal(desk_stat(b, "pool_udp", "free"), free + 1);
}

static void rearm_is_level_on_demand(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    via_sock_t a = add(o, A ":1", IN, 'a');

    (void)state;
    assert_int_equal(via_epoll_rearm(o, a), 0);
    arrive(A ":1", 1);
    arrive(A ":1", 2);
    expect(o, 'a', 2, 3);
    expect_none(o); /* the record is gone, the bytes stay */
    assert_int_equal(via_epoll_rearm(o, a), 1);
    expect(o, 'a', 2, 3);
    assert_int_equal(desk_read(b, a, NULL, 0), 1);
    assert_int_equal(via_epoll_rearm(o, a), 1);
    assert_int_equal(via_epoll_rearm(o, a), 0); /* it is announced already */
    expect(o, 'a', 1, 2);
    assert_int_equal(desk_read(b, a, NULL, 0), 2);
    assert_int_equal(via_epoll_rearm(o, a), 0);
    assert_int_equal(via_epoll_destroy(o), 0);
}

struct play {
    struct via_epoll *o;
    via_sock_t a, b, c;
    int calls;
    int last;
};

static void do_everything(const struct via_event *ev, void *arg) {
    struct play *p = arg;
    struct via_event inner;

    p->calls++;
    p->last = (int)ev->user;
    if (ev->user != 'a')
        return;
    assert_int_equal(desk_read(b, p->a, NULL, 0), 1);
    assert_int_equal(via_sock_close(b->st, p->b, 0), 0); /* its record, which is next, is dropped */
    assert_int_equal(via_sock_close(b->st, p->a, 0), 0);
    p->c = add(p->o, A ":3", IN, 'c');
    arrive(A ":3", 1);
    desk_poll(b);
    assert_int_equal(via_epoll_destroy(p->o), -EBUSY);
    assert_int_equal(desk_send(b, p->c, PEER ":9", 4, 1), 1);
    assert_int_equal(via_epoll_poll(p->o, &inner, 1, 0), 1);
    assert_int_equal(inner.user, 'c');
    assert_int_equal(via_epoll_rearm(p->o, p->c), 1);
}

static void everything_is_allowed_inside_dispatch(void **state) {
    struct play p = {.o = new_set(VIA_EPOLL_STRICT)};

    (void)state;
    p.a = add(p.o, A ":1", IN, 'a');
    p.b = add(p.o, A ":2", IN, 'b');
    arrive(A ":1", 1);
    arrive(A ":2", 1);
    desk_poll(b);
    assert_int_equal(via_epoll_dispatch(p.o, 0, do_everything, &p), 2);
    assert_int_equal(p.calls, 2);
    assert_int_equal(p.last, 'c');
    assert_int_equal(via_epoll_dispatch(p.o, 0, do_everything, &p), 0);
    assert_int_equal(via_epoll_destroy(p.o), 0);
}

static void dispatch_keeps_its_budget(void **state) {
    struct play p = {.o = new_set(VIA_EPOLL_STRICT)};
    int i;

    (void)state;
    p.b = add(p.o, A ":2", IN, 'b');
    p.c = add(p.o, A ":3", IN, 'c');
    for (i = 0; i < 3; i++) {
        arrive(A ":2", 1);
        arrive(A ":3", 1);
    }
    desk_poll(b);
    assert_int_equal(via_epoll_dispatch(p.o, 4, do_everything, &p), 4);
    assert_int_equal(via_epoll_dispatch(p.o, 0, do_everything, &p), 2);
    assert_int_equal(p.calls, 6);
    assert_int_equal(via_epoll_destroy(p.o), 0);
}

static void expect_link(struct via_epoll *o, uint64_t user, int reason) {
    struct via_event ev;

    assert_int_equal(via_epoll_poll(o, &ev, 1, 0), 1);
    assert_int_equal(ev.what, VIA_EV_LINK);
    assert_int_equal(ev.user, user);
    assert_int_equal(ev.reason, reason);
    assert_int_equal(ev.seq, 0);
}

static void link_changes_are_told_to_who_lies_above(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);

    (void)state;
    add(o, A ":1", VIA_EV_LINK, 1);
    add(o, "10.0.2.1:1", VIA_EV_LINK, 2);
    add(o, A ":2", IN, 3); /* does not want to know */
    b->port[1].dev->link = VIA_LINK_DOWN;
    desk_poll(b);
    expect_link(o, 1, -ENETDOWN);
    expect_none(o);
    b->port[1].dev->link = VIA_LINK_UP;
    desk_poll(b);
    expect_link(o, 1, 0);
    expect_none(o);
    assert_int_equal(via_vi_close(b->port[2].vi), 0);
    expect_link(o, 2, -ENODEV);
    expect_none(o);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void lost_address_is_an_error_of_who_was_bound_to_it(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    struct via_ifaddr gone = {.addr = desk_ep(A ":1").addr, .iface = 1, .prefix = 24};
    struct via_event ev;

    (void)state;
    add(o, A ":1", VIA_EV_ERR | VIA_EV_LINK, 1);
    add(o, "0.0.0.0:1", VIA_EV_ERR | VIA_EV_LINK, 2);
    assert_int_equal(via_ctrl_addr(b->st, VIA_CTRL_DEL, &gone), 0);
    desk_poll(b);
    assert_int_equal(via_epoll_poll(o, &ev, 1, 0), 1);
    assert_int_equal(ev.user, 1);
    assert_int_equal(ev.what, VIA_EV_ERR);
    assert_int_equal(ev.reason, -EADDRNOTAVAIL);
    expect_none(o);
    assert_int_equal(via_epoll_destroy(o), 0);
}

static void several_sets_do_not_know_each_other(void **state) {
    struct via_epoll *o[4];
    char local[32];
    int i;

    (void)state;
    for (i = 0; i < 4; i++) {
        o[i] = new_set(i & 1 ? VIA_EPOLL_LOOSE : VIA_EPOLL_STRICT);
        snprintf(local, sizeof local, A ":%d", i + 1);
        add(o[i], local, IN, (uint64_t)i);
    }
    for (i = 3; i >= 0; i--) {
        snprintf(local, sizeof local, A ":%d", i + 1);
        arrive(local, 1);
    }
    desk_poll(b);
    for (i = 0; i < 4; i++) {
        expect(o[i], (uint64_t)i, 1, 1);
        expect_none(o[i]);
        assert_int_equal(via_epoll_destroy(o[i]), 0);
    }
}

static void reassembled_datagram_has_the_number_of_its_last_fragment(void **state) {
    struct via_epoll *o = new_set(VIA_EPOLL_STRICT);
    static uint8_t frame[4096], first[2048], second[2048], data[2000];
    struct via_ep from = desk_ep(PEER ":9"), to = desk_ep(A ":1");
    uint32_t len = desk_build(1, &from, &to, data, sizeof data, frame);
    struct via_event ev[4];

    (void)state;
    add(o, A ":1", IN, 'a');
    add(o, A ":2", IN, 'b');
    memcpy(first, frame, 34 + 1480);
    memcpy(second, frame, 34);
    memcpy(second + 34, frame + 34 + 1480, len - 34 - 1480);
    desk_refit4(first, 20 + 1480, 0x2000);
    desk_refit4(second, (uint16_t)(20 + len - 34 - 1480), 1480 / 8);
    assert_true(desk_frame(b, 1, first, 34 + 1480, 0));
    arrive(A ":2", 1);
    assert_true(desk_frame(b, 1, second, len - 1480, b->now));
    assert_int_equal(via_epoll_poll(o, ev, 4, 0), 2);
    assert_int_equal(ev[0].user, 'b');
    assert_int_equal(ev[1].user, 'a');
    assert_int_equal(ev[1].bytes, 2000);
    assert_int_equal(ev[1].pkts, 1);
    assert_int_equal(ev[1].seq, ev[0].seq + 1);
    assert_int_equal(via_epoll_destroy(o), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(create_refuses_bad_arguments),
        CASE(sets_run_out_and_come_back),
        CASE(ctl_refuses_what_headers_name),
        CASE(fetching_refuses_bad_arguments),
        CASE(poll_runs_one_round_if_there_is_nothing),
        CASE(records_come_in_the_order_of_the_wire),
        CASE(strict_set_holds_readers_to_the_order),
        CASE(loose_set_lets_readers_ahead),
        CASE(add_announces_what_waits),
        CASE(modified_member_has_a_new_user_value_at_once),
        CASE(moved_member_keeps_what_is_pending),
        CASE(move_can_change_the_mask),
        CASE(removed_member_is_silent_and_keeps_its_data),
        CASE(destroyed_set_leaves_its_members_open),
        CASE(destroyed_set_ends_the_wait_for_terminated),
        CASE(rearm_is_level_on_demand),
        CASE(everything_is_allowed_inside_dispatch),
        CASE(dispatch_keeps_its_budget),
        CASE(link_changes_are_told_to_who_lies_above),
        CASE(lost_address_is_an_error_of_who_was_bound_to_it),
        CASE(several_sets_do_not_know_each_other),
        CASE(reassembled_datagram_has_the_number_of_its_last_fragment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
