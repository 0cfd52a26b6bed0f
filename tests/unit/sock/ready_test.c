/* SPDX-License-Identifier: BSD-2-Clause */
/* ready_test.c - ordered sets: each rule by itself; ready_model_test.c has all of them together. */
#include "core_rig.h"

#include <viaduct/buf.h>

#define IN VIA_EV_IN

static struct core_rig rig;

static int set_up(void **state) {
    (void)state;
    core_rig_init(&rig, 4096, 1024, 1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    core_rig_fini(&rig);
    return 0;
}

static struct via_set *set_of(uint32_t id) {
    return via_set_at(&rig.core, id);
}

static void join(struct via_sock *k, uint32_t set, uint32_t mask, uint64_t user) {
    k->mask = mask;
    k->set_user = user;
    via_ready_join(&rig.core, k, set);
    assert_true(via_set_valid(&rig.core, set_of(set)));
}

static struct via_sock *member(uint32_t set, uint32_t mask, uint64_t user) {
    struct via_sock *k = core_rig_sock(&rig);

    join(k, set, mask, user);
    return k;
}

static void arrive(struct via_sock *k, uint32_t bytes) {
    assert_non_null(core_rig_arrive(&rig, k, bytes));
}

static void raise_what(struct via_sock *k, enum via_what what, int reason) {
    via_ready_raise(&rig.core, k, what, reason, 0);
}

static bool pop(uint32_t set, struct via_event *ev) {
    bool one = via_ready_pop(&rig.core, set_of(set), ev);

    assert_true(via_set_valid(&rig.core, set_of(set)));
    return one;
}

static void expect_data(uint32_t set, uint64_t user, uint16_t pkts, uint32_t bytes, uint64_t seq) {
    struct via_event ev;

    assert_true(pop(set, &ev));
    assert_int_equal(ev.user, user);
    assert_int_equal(ev.what, IN);
    assert_int_equal(ev.pkts, pkts);
    assert_int_equal(ev.bytes, bytes);
    assert_int_equal(ev.seq, seq);
    assert_int_equal(ev.reason, 0);
}

static void expect_other(uint32_t set, uint64_t user, uint16_t what, int reason) {
    struct via_event ev;

    assert_true(pop(set, &ev));
    assert_int_equal(ev.user, user);
    assert_int_equal(ev.what, what);
    assert_int_equal(ev.reason, reason);
    assert_int_equal(ev.bytes, 0);
    assert_int_equal(ev.pkts, 0);
}

static void expect_none(uint32_t set) {
    struct via_event ev;

    assert_false(pop(set, &ev));
    assert_int_equal(set_of(set)->records, 0);
    assert_int_equal(set_of(set)->fifo.tail, 0);
}

static void neighbours_coalesce_and_strangers_separate(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN, 'a'), *b = member(set, IN, 'b');

    (void)state;
    arrive(a, 10);
    arrive(a, 20);
    arrive(b, 5);
    arrive(a, 40);
    expect_data(set, 'a', 2, 30, 1);
    expect_data(set, 'b', 1, 5, 3);
    expect_data(set, 'a', 1, 40, 4);
    expect_none(set);
}

static void record_is_not_extended_once_popped(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN, 'a');

    (void)state;
    arrive(a, 1);
    expect_data(set, 'a', 1, 1, 1);
    arrive(a, 2);
    expect_data(set, 'a', 1, 2, 2);
    expect_none(set);
}

static void set_without_coalescing_has_a_record_per_packet(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN, 'a');

    (void)state;
    set_of(set)->no_coalesce = 1;
    arrive(a, 1);
    arrive(a, 2);
    expect_data(set, 'a', 1, 1, 1);
    expect_data(set, 'a', 1, 2, 2);
    assert_true(via_ready_again(&rig.core, a));
    expect_data(set, 'a', 1, 1, 1);
    expect_data(set, 'a', 1, 2, 2);
    expect_none(set);
}

static void event_carries_time_and_handle_of_its_first_packet(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN, 'a');
    struct via_event ev;

    (void)state;
    rig.core.s->now = 77;
    arrive(a, 1);
    rig.core.s->now = 99;
    arrive(a, 1);
    assert_true(pop(set, &ev));
    assert_int_equal(ev.ts, 77);
    assert_true(ev.sock == via_handle(via_sock_ref(&rig.core, a), a->gen));
}

static void record_holds_at_most_65535_packets(void **state) {
    uint32_t set, i;
    struct via_sock *a;

    (void)state;
    core_rig_fini(&rig);
    core_rig_init(&rig, 70000, 16, 1);
    set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    a = member(set, IN, 'a');
    for (i = 0; i < 70000; i++)
        arrive(a, 1);
    expect_data(set, 'a', 65535, 65535, 1);
    expect_data(set, 'a', 4465, 4465, 65536);
    expect_none(set);
    assert_true(via_ready_again(&rig.core, a));
    expect_data(set, 'a', 65535, 65535, 1);
    expect_data(set, 'a', 4465, 4465, 65536);
    expect_none(set);
    for (i = 0; i < 70000; i++)
        assert_int_equal(core_rig_read(&rig, a), i + 1);
}

static void strict_read_stops_at_what_was_announced(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN, 'a'), *b = member(set, IN, 'b');

    (void)state;
    arrive(a, 1);
    arrive(b, 1);
    arrive(a, 1);
    assert_int_equal(core_rig_read(&rig, a), 0);
    expect_data(set, 'a', 1, 1, 1);
    assert_int_equal(core_rig_read(&rig, a), 1);
    assert_int_equal(core_rig_read(&rig, a), 0);
    expect_data(set, 'b', 1, 1, 2);
    assert_int_equal(core_rig_read(&rig, a), 0);
    expect_data(set, 'a', 1, 1, 3);
    assert_int_equal(core_rig_read(&rig, a), 3);
}

static void socket_in_no_set_is_read_freely(void **state) {
    struct via_sock *a = core_rig_sock(&rig);

    (void)state;
    arrive(a, 1);
    assert_int_equal(core_rig_read(&rig, a), 1);
    assert_int_equal(core_rig_read(&rig, a), 0);
}

static void strict_member_that_wants_no_data_events_is_read_freely(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, VIA_EV_ERR, 'a');

    (void)state;
    arrive(a, 1);
    expect_none(set);
    assert_int_equal(core_rig_read(&rig, a), 1);
}

static void loose_read_ahead_shortens_later_records(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_LOOSE);
    struct via_sock *a = member(set, IN, 'a'), *b = member(set, IN, 'b');

    (void)state;
    arrive(a, 1);
    arrive(b, 10);
    arrive(b, 20);
    arrive(b, 40);
    assert_int_equal(core_rig_read(&rig, b), 2);
    expect_data(set, 'a', 1, 1, 1);
    expect_data(set, 'b', 2, 60, 3);
    assert_int_equal(core_rig_read(&rig, b), 3);
    assert_int_equal(core_rig_read(&rig, b), 4);
    expect_none(set);
}

static void loose_read_ahead_removes_records_that_are_used_up(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_LOOSE);
    struct via_sock *a = member(set, IN, 'a'), *b = member(set, IN, 'b');

    (void)state;
    arrive(a, 1);
    arrive(b, 2);
    arrive(a, 4);
    assert_int_equal(core_rig_read(&rig, a), 1);
    assert_int_equal(core_rig_read(&rig, a), 3);
    assert_true(via_set_valid(&rig.core, set_of(set)));
    expect_data(set, 'b', 1, 2, 2);
    expect_none(set);
}

static void error_comes_after_the_data_before_it(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN | VIA_EV_ERR, 'a');

    (void)state;
    arrive(a, 1);
    raise_what(a, VIA_EV_ERR, -ECONNREFUSED);
    arrive(a, 2);
    expect_data(set, 'a', 1, 1, 1);
    expect_other(set, 'a', VIA_EV_ERR, -ECONNREFUSED);
    expect_data(set, 'a', 1, 2, 2);
    expect_none(set);
}

static void second_error_comes_after_the_data_before_it(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN | VIA_EV_ERR, 'a');

    (void)state;
    raise_what(a, VIA_EV_ERR, -EHOSTUNREACH);
    arrive(a, 1);
    raise_what(a, VIA_EV_ERR, -ECONNREFUSED);
    expect_data(set, 'a', 1, 1, 1);
    expect_other(set, 'a', VIA_EV_ERR, -ECONNREFUSED);
    expect_none(set);
}

static void end_of_stream_comes_after_the_data_before_it(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_ERR, 'a');

    (void)state;
    raise_what(a, VIA_EV_CONNECTED, 0);
    arrive(a, 1);
    raise_what(a, VIA_EV_EOF, 0);
    expect_other(set, 'a', VIA_EV_CONNECTED, 0);
    expect_data(set, 'a', 1, 1, 1);
    expect_other(set, 'a', VIA_EV_EOF, 0);
    expect_none(set);
}

static void room_to_send_keeps_its_place_when_raised_again(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN | VIA_EV_SPACE | VIA_EV_DONE, 'a');

    (void)state;
    raise_what(a, VIA_EV_SPACE, 0);
    arrive(a, 1);
    raise_what(a, VIA_EV_SPACE, 0);
    raise_what(a, VIA_EV_DONE, 0);
    expect_other(set, 'a', VIA_EV_SPACE | VIA_EV_DONE, 0);
    expect_data(set, 'a', 1, 1, 1);
    expect_none(set);
}

static void link_event_says_the_last_state(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, VIA_EV_LINK, 'a');

    (void)state;
    raise_what(a, VIA_EV_LINK, -ENETDOWN);
    raise_what(a, VIA_EV_LINK, 0);
    expect_other(set, 'a', VIA_EV_LINK, 0);
    raise_what(a, VIA_EV_LINK, -ENODEV);
    expect_other(set, 'a', VIA_EV_LINK, -ENODEV);
    expect_none(set);
}

static void event_has_a_number_only_if_a_packet_caused_it(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, VIA_EV_ERR, 'a');
    struct via_event ev;

    (void)state;
    rig.core.s->arrivals = 41;
    via_ready_raise(&rig.core, a, VIA_EV_ERR, -EHOSTUNREACH, 0);
    assert_true(pop(set, &ev));
    assert_int_equal(ev.seq, 0);
    via_ready_raise(&rig.core, a, VIA_EV_ERR, -ECONNREFUSED, 41);
    assert_true(pop(set, &ev));
    assert_int_equal(ev.seq, 41);
}

static void unwanted_events_make_no_record(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, 0, 'a');

    (void)state;
    arrive(a, 1);
    raise_what(a, VIA_EV_ERR, -ECONNREFUSED);
    raise_what(a, VIA_EV_SPACE, 0);
    raise_what(a, VIA_EV_LINK, -ENODEV);
    expect_none(set);
}

static void close_drops_records_of_that_socket_alone(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN | VIA_EV_ERR, 'a'), *b = member(set, IN, 'b');
    uint32_t slots = rig.socks.pool[VIA_KIND_UDP].free, frames = rig.state.pkts.free;

    (void)state;
    arrive(a, 1);
    arrive(b, 2);
    arrive(a, 4);
    raise_what(a, VIA_EV_ERR, -ECONNREFUSED);
    via_sock_let_go(&rig.core, a);
    expect_data(set, 'b', 1, 2, 2);
    expect_none(set);
    assert_int_equal(rig.socks.pool[VIA_KIND_UDP].free, slots + 1);
    assert_int_equal(rig.state.pkts.free, frames - 1);
    assert_int_equal(set_of(set)->members, 1);
}

static struct via_pkt *send_token(struct via_sock *k, uint64_t token) {
    struct via_pkt *p = via_pkt_new(&rig.core, 0);

    assert_non_null(p);
    via_sock_token(&rig.core, k, p, token);
    return p;
}

static uint64_t fetch(void) {
    struct via_done done;

    assert_int_equal(via_tx_done((struct via_stack *)(void *)&rig.core, &done, 1), 1);
    return done.token;
}

static void close_with_completions_outstanding_ends_with_terminated(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT), slots = rig.socks.pool[VIA_KIND_UDP].free;
    struct via_sock *a = member(set, 0, 'a'), *b = member(set, IN, 'b');
    struct via_pkt *p[2] = {send_token(a, 1), send_token(a, 2)};

    (void)state;
    via_sock_let_go(&rig.core, a);
    expect_none(set);
    via_pkt_sent(&rig.core, p[0], 0);
    assert_int_equal(fetch(), 1);
    expect_none(set);
    arrive(b, 1);
    via_pkt_sent(&rig.core, p[1], 0);
    assert_int_equal(fetch(), 2);
    expect_data(set, 'b', 1, 1, 1);
    expect_other(set, 'a', VIA_EV_TERMINATED, 0);
    expect_none(set);
    assert_int_equal(rig.socks.pool[VIA_KIND_UDP].free, slots - 1);
    assert_int_equal(set_of(set)->members, 1);
}

static void closed_socket_still_tells_of_completions_not_fetched(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, VIA_EV_DONE, 'a');
    struct via_pkt *p = send_token(a, 1);

    (void)state;
    via_pkt_sent(&rig.core, p, 0);
    via_sock_settle_sent(&rig.core);
    via_sock_let_go(&rig.core, a);
    expect_other(set, 'a', VIA_EV_DONE, 0);
    assert_int_equal(fetch(), 1);
    expect_other(set, 'a', VIA_EV_TERMINATED, 0);
}

static void completions_keep_the_order_of_sending(void **state) {
    static const unsigned orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}, {3, 0, 2, 1}};
    struct via_sock *a = core_rig_sock(&rig);
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(orders); i++) {
        struct via_pkt *p[4];
        struct via_done done;
        unsigned j, fetched = 0, sent = 0;

        for (j = 0; j < 4; j++)
            p[j] = send_token(a, j + 1);
        for (j = 0; j < 4; j++) {
            via_pkt_sent(&rig.core, p[orders[i][j]], 0);
            sent |= 1u << orders[i][j];
            while (via_tx_done((struct via_stack *)(void *)&rig.core, &done, 1)) {
                assert_int_equal(done.token, fetched + 1);
                assert_true(sent & 1u << fetched);
                fetched++;
            }
        }
        assert_int_equal(fetched, 4);
    }
}

static void order_of_completions_survives_the_wrap_of_numbers(void **state) {
    struct via_sock *a = core_rig_sock(&rig);
    struct via_pkt *p[3];
    unsigned i;

    (void)state;
    a->token_next = a->token_due = UINT32_MAX;
    for (i = 0; i < 3; i++)
        p[i] = send_token(a, i + 1);
    for (i = 3; i; i--)
        via_pkt_sent(&rig.core, p[i - 1], 0);
    for (i = 0; i < 3; i++)
        assert_int_equal(fetch(), i + 1);
}

static void add_announces_what_waits_where_it_belongs(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = core_rig_sock(&rig), *b = member(set, IN, 'b'), *d = member(set, IN, 'd');

    (void)state;
    arrive(a, 1);
    arrive(b, 2);
    arrive(a, 4);
    arrive(a, 8);
    arrive(d, 16);
    arrive(a, 32);
    join(a, set, IN, 'a');
    expect_data(set, 'a', 1, 1, 1);
    expect_data(set, 'b', 1, 2, 2);
    expect_data(set, 'a', 2, 12, 3);
    expect_data(set, 'd', 1, 16, 5);
    expect_data(set, 'a', 1, 32, 6);
    expect_none(set);
}

static void add_comes_between_the_packets_of_one_record(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = core_rig_sock(&rig), *b = member(set, IN, 'b');

    (void)state;
    arrive(b, 1);
    arrive(a, 2);
    arrive(b, 4);
    arrive(b, 8);
    arrive(a, 16);
    arrive(b, 32);
    assert_int_equal(set_of(set)->records, 1);
    join(a, set, IN, 'a');
    expect_data(set, 'b', 1, 1, 1);
    expect_data(set, 'a', 1, 2, 2);
    expect_data(set, 'b', 2, 12, 3);
    expect_data(set, 'a', 1, 16, 5);
    expect_data(set, 'b', 1, 32, 6);
    expect_none(set);
}

static void add_passes_events_that_are_newer_than_the_data(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = core_rig_sock(&rig), *b = member(set, IN | VIA_EV_LINK, 'b');

    (void)state;
    arrive(b, 1);
    arrive(a, 2);
    arrive(b, 4);
    raise_what(b, VIA_EV_LINK, -ENETDOWN);
    join(a, set, IN, 'a');
    expect_data(set, 'b', 1, 1, 1);
    expect_data(set, 'a', 1, 2, 2);
    expect_data(set, 'b', 1, 4, 3);
    expect_other(set, 'b', VIA_EV_LINK, -ENETDOWN);
    expect_none(set);
}

static void leave_takes_records_and_keeps_data(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN | VIA_EV_ERR, 'a'), *b = member(set, IN, 'b');

    (void)state;
    arrive(a, 1);
    arrive(b, 2);
    arrive(a, 4);
    raise_what(a, VIA_EV_ERR, -ECONNREFUSED);
    via_ready_leave(&rig.core, a);
    expect_data(set, 'b', 1, 2, 2);
    expect_none(set);
    assert_int_equal(set_of(set)->members, 1);
    assert_int_equal(core_rig_read(&rig, a), 1);
    join(a, set, IN, 'a');
    expect_data(set, 'a', 1, 4, 3);
    expect_none(set);
}

static void move_keeps_pending_records_in_their_order(void **state) {
    uint32_t from = core_rig_set(&rig, VIA_EPOLL_STRICT), to = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(from, IN | VIA_EV_ERR | VIA_EV_SPACE, 'a'), *b = member(to, IN, 'b');

    (void)state;
    arrive(a, 1);
    expect_data(from, 'a', 1, 1, 1);
    arrive(a, 2);
    arrive(b, 4);
    raise_what(a, VIA_EV_SPACE, 0);
    arrive(b, 8);
    arrive(a, 16);
    raise_what(a, VIA_EV_ERR, -ECONNREFUSED);
    arrive(b, 32);
    via_ready_move(&rig.core, a, to);
    expect_none(from);
    assert_int_equal(set_of(from)->members, 0);
    assert_int_equal(set_of(to)->members, 2);
    /* What was announced may be read, and only that. */
    assert_int_equal(core_rig_read(&rig, a), 1);
    assert_int_equal(core_rig_read(&rig, a), 0);
    expect_data(to, 'a', 1, 2, 2);
    expect_data(to, 'b', 1, 4, 3);
    expect_other(to, 'a', VIA_EV_SPACE, 0);
    expect_data(to, 'b', 1, 8, 4);
    expect_data(to, 'a', 1, 16, 5);
    expect_other(to, 'a', VIA_EV_ERR, -ECONNREFUSED);
    expect_data(to, 'b', 1, 32, 6);
    expect_none(to);
}

static void move_to_the_same_set_changes_nothing(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN | VIA_EV_ERR, 'a'), *b = member(set, IN, 'b');

    (void)state;
    arrive(a, 1);
    arrive(b, 2);
    raise_what(a, VIA_EV_ERR, -ECONNREFUSED);
    arrive(a, 4);
    via_ready_move(&rig.core, a, set);
    assert_int_equal(set_of(set)->members, 2);
    expect_data(set, 'a', 1, 1, 1);
    expect_data(set, 'b', 1, 2, 2);
    expect_other(set, 'a', VIA_EV_ERR, -ECONNREFUSED);
    expect_data(set, 'a', 1, 4, 3);
    expect_none(set);
}

static void mask_without_data_takes_back_data_records_alone(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN | VIA_EV_ERR, 'a');

    (void)state;
    arrive(a, 1);
    raise_what(a, VIA_EV_ERR, -ECONNREFUSED);
    via_ready_mask(&rig.core, a, VIA_EV_ERR);
    expect_other(set, 'a', VIA_EV_ERR, -ECONNREFUSED);
    expect_none(set);
    via_ready_mask(&rig.core, a, VIA_EV_ERR | IN);
    expect_data(set, 'a', 1, 1, 1);
    expect_none(set);
}

static void rearm_brings_back_what_was_not_read(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN, 'a'), *b = member(set, IN, 'b');

    (void)state;
    arrive(a, 1);
    arrive(b, 2);
    arrive(a, 4);
    assert_false(via_ready_again(&rig.core, a));
    expect_data(set, 'a', 1, 1, 1);
    expect_data(set, 'b', 1, 2, 2);
    arrive(b, 8);
    assert_true(via_ready_again(&rig.core, b));
    /* Ahead of the record of a, and only what was announced. */
    expect_data(set, 'b', 1, 2, 2);
    assert_int_equal(core_rig_read(&rig, b), 2);
    assert_int_equal(core_rig_read(&rig, b), 0);
    assert_true(via_ready_again(&rig.core, a));
    assert_int_equal(core_rig_read(&rig, a), 0);
    expect_data(set, 'a', 1, 1, 1);
    expect_data(set, 'a', 1, 4, 3);
    expect_data(set, 'b', 1, 8, 4);
    expect_none(set);
    assert_false(via_ready_again(&rig.core, core_rig_sock(&rig)));
}

static void rearm_after_reading_all_brings_nothing(void **state) {
    uint32_t set = core_rig_set(&rig, VIA_EPOLL_STRICT);
    struct via_sock *a = member(set, IN, 'a');

    (void)state;
    arrive(a, 1);
    expect_data(set, 'a', 1, 1, 1);
    assert_int_equal(core_rig_read(&rig, a), 1);
    assert_false(via_ready_again(&rig.core, a));
    expect_none(set);
}

static void stale_generation_is_found_by_nobody(void **state) {
    struct via_sock *a = core_rig_sock(&rig);
    via_sock_t s = via_handle(via_sock_ref(&rig.core, a), a->gen);

    (void)state;
    assert_ptr_equal(via_sock_find_any(&rig.core, s), a);
    via_sock_let_go(&rig.core, a);
    assert_null(via_sock_find_any(&rig.core, s));
    assert_ptr_equal(core_rig_sock(&rig), a); /* the slot lives again */
    assert_null(via_sock_find_any(&rig.core, s));
    assert_null(via_sock_find_any(&rig.core, 0));
    assert_null(via_sock_find_any(&rig.core, ~(via_sock_t)0));
    assert_null(via_sock_find_any(&rig.core, s ^ (via_sock_t)3 << 56));
    assert_null(via_sock_find_any(&rig.core, s | 0xffffff));
    assert_null(via_sock_find_any(&rig.core, s & ~(via_sock_t)0xffffff));
}

static void generation_is_never_zero(void **state) {
    struct via_sock *a = core_rig_sock(&rig);

    (void)state;
    a->gen = UINT32_MAX;
    via_sock_let_go(&rig.core, a);
    assert_ptr_equal(core_rig_sock(&rig), a);
    assert_int_equal(a->gen, 1);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(neighbours_coalesce_and_strangers_separate),
        CASE(record_is_not_extended_once_popped),
        CASE(set_without_coalescing_has_a_record_per_packet),
        CASE(event_carries_time_and_handle_of_its_first_packet),
        CASE(record_holds_at_most_65535_packets),
        CASE(strict_read_stops_at_what_was_announced),
        CASE(socket_in_no_set_is_read_freely),
        CASE(strict_member_that_wants_no_data_events_is_read_freely),
        CASE(loose_read_ahead_shortens_later_records),
        CASE(loose_read_ahead_removes_records_that_are_used_up),
        CASE(error_comes_after_the_data_before_it),
        CASE(second_error_comes_after_the_data_before_it),
        CASE(end_of_stream_comes_after_the_data_before_it),
        CASE(room_to_send_keeps_its_place_when_raised_again),
        CASE(link_event_says_the_last_state),
        CASE(event_has_a_number_only_if_a_packet_caused_it),
        CASE(unwanted_events_make_no_record),
        CASE(close_drops_records_of_that_socket_alone),
        CASE(close_with_completions_outstanding_ends_with_terminated),
        CASE(closed_socket_still_tells_of_completions_not_fetched),
        CASE(completions_keep_the_order_of_sending),
        CASE(order_of_completions_survives_the_wrap_of_numbers),
        CASE(add_announces_what_waits_where_it_belongs),
        CASE(add_comes_between_the_packets_of_one_record),
        CASE(add_passes_events_that_are_newer_than_the_data),
        CASE(leave_takes_records_and_keeps_data),
        CASE(move_keeps_pending_records_in_their_order),
        CASE(move_to_the_same_set_changes_nothing),
        CASE(mask_without_data_takes_back_data_records_alone),
        CASE(rearm_brings_back_what_was_not_read),
        CASE(rearm_after_reading_all_brings_nothing),
        CASE(stale_generation_is_found_by_nobody),
        CASE(generation_is_never_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
