/* SPDX-License-Identifier: BSD-2-Clause */
/* cc_bbr_test.c - BBR over a path of one wire, made of numbers: rate, shortest round trip, queue; then any history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "tcp/cc.h"
#include "tcp/sample.h"

#define MSS   1000u
#define RING  8192u
#define STATE_STARTUP 0
#define STATE_PROBE_RTT 6

/* A wire of `rate` bytes per second behind a queue of `room` bytes; what finds no room is lost. */
struct wire {
    struct via_cc cc;
    struct via_sampler r;
    uint64_t rate;
    via_ns_t rtt, now, free_at, next; /* next: pacing */
    uint32_t room;
    struct {
        struct via_tcp_seg s;
        via_ns_t back; /* when its ACK comes */
        bool lost;
    } seg[RING];
    uint32_t head, tail, flight, seq;
    uint64_t delivered, drops, rtt_max;
    bool mark; /* the queue marks above half its room */
};

static void wire_init(struct wire *w, uint64_t rate, via_ns_t rtt, uint32_t room) {
    memset(w, 0, sizeof *w);
    w->rate = rate;
    w->rtt = rtt;
    w->room = room;
    w->now = w->free_at = w->next = VIA_SEC;
    via_cc_init(&w->cc, VIA_CC_BBR, 10 * MSS);
}

static struct via_cc_view wire_view(const struct wire *w, bool limited) {
    return (struct via_cc_view){.now = w->now, .srtt = w->rtt, .min_rtt = w->rtt, .mss = MSS, .pipe = w->flight,
                                .flight = w->flight, .limited = limited, .una = 0, .nxt = w->seq};
}

static void wire_send(struct wire *w) {
    uint32_t at = w->tail % RING;
    uint64_t queued = w->free_at > w->now ? (w->free_at - w->now) * w->rate / VIA_SEC : 0;

    w->seg[at].s = (struct via_tcp_seg){.seq = w->seq, .end = w->seq + MSS, .sent = w->now};
    via_sample_sent(&w->r, &w->seg[at].s, w->flight);
    w->seg[at].lost = queued + MSS > w->room;
    if (!w->seg[at].lost) {
        w->free_at = (w->free_at > w->now ? w->free_at : w->now) + MSS * VIA_SEC / w->rate;
        w->seg[at].back = w->free_at + w->rtt;
    } else {
        w->drops++;
        w->seg[at].back = (w->free_at > w->now ? w->free_at : w->now) + w->rtt;
    }
    w->next = (w->next > w->now ? w->next : w->now) + MSS * VIA_SEC / w->cc.rate;
    w->seq += MSS;
    w->flight += MSS;
    w->tail++;
}

static void wire_ack(struct wire *w, bool limited) {
    uint32_t at = w->head++ % RING;
    struct via_cc_view v;
    struct via_sample rs;

    w->flight -= MSS;
    v = wire_view(w, limited);
    via_sample_begin(&rs);
    if (w->seg[at].lost) {
        w->r.lost += MSS;
        rs = (struct via_sample){.prior_at = w->seg[at].s.delivered_at, .flight = w->seg[at].s.flight,
                                 .lost = w->r.lost - w->seg[at].s.lost, .total = w->r.delivered};
        v.lost = MSS;
        v.rs = &rs;
        via_cc_lost(&w->cc, &v);
        return;
    }
    via_sample_delivered(&w->r, &w->seg[at].s, w->now, &rs);
    via_sample_end(&w->r, w->now, w->rtt, &rs);
    v.rtt = w->now - w->seg[at].s.sent;
    v.acked = MSS;
    v.rs = &rs;
    v.marks = w->mark && v.rtt > w->rtt + w->room / 2 * VIA_SEC / w->rate;
    w->delivered += MSS;
    if (v.rtt > w->rtt_max)
        w->rtt_max = v.rtt;
    via_cc_acked(&w->cc, &v);
}

static void wire_run(struct wire *w, via_ns_t ns) {
    via_ns_t end = w->now + ns;

    while (w->now < end) {
        bool limited = w->flight + MSS > w->cc.cwnd;
        bool acks = w->head != w->tail && w->seg[w->head % RING].back <= w->now;

        if (acks)
            wire_ack(w, limited);
        else if (!limited && w->next <= w->now && w->tail - w->head < RING)
            wire_send(w);
        else {
            via_ns_t to = w->head != w->tail ? w->seg[w->head % RING].back : VIA_NEVER;

            if (!limited && w->next < to)
                to = w->next;
            w->now = to > w->now ? to : w->now + 1;
        }
    }
}

static void assert_share(const struct wire *w, uint64_t bytes, via_ns_t ns, double least, double most) {
    double share = (double)bytes / ((double)w->rate * (double)ns / 1e9);

    if (share < least || share > most)
        fail_msg("share %.3f of the wire is not in %.2f..%.2f", share, least, most);
}

static void startup_doubles_and_ends_at_the_rate_of_the_wire(void **state) {
    static struct wire w;

    (void)state;
    wire_init(&w, 12500000, 20 * VIA_MS, 10000000);
    wire_run(&w, 80 * VIA_MS);
    assert_int_equal(w.cc.bbr.state, STATE_STARTUP);
    assert_true(w.cc.cwnd >= 30 * MSS);
    wire_run(&w, VIA_SEC);
    assert_true(w.cc.bbr.full_reached);
    assert_int_not_equal(w.cc.bbr.state, STATE_STARTUP);
    assert_in_range(w.cc.rate, 10000000, 16000000);
}

static void wire_is_filled_without_filling_the_queue(void **state) {
    static struct wire w;
    uint64_t before;

    (void)state;
    wire_init(&w, 12500000, 20 * VIA_MS, 10000000);
    wire_run(&w, 2 * VIA_SEC);
    before = w.delivered;
    w.rtt_max = 0;
    wire_run(&w, 20 * VIA_SEC);
    assert_share(&w, w.delivered - before, 20 * VIA_SEC, 0.93, 1.001);
    assert_true(w.rtt_max < 46 * VIA_MS); /* UP: 2.25 of what fits the wire */
    assert_int_equal(w.drops, 0);
}

static void shallow_queue_costs_little(void **state) {
    static struct wire w;

    (void)state;
    wire_init(&w, 12500000, 20 * VIA_MS, 25 * MSS);
    wire_run(&w, 20 * VIA_SEC);
    assert_share(&w, w.delivered, 20 * VIA_SEC, 0.80, 1.001);
    assert_true(w.drops * MSS * 50 < w.delivered); /* 2% */
}

static void marks_end_startup_and_bound_the_queue(void **state) {
    static struct wire plain, marked;

    (void)state;
    wire_init(&plain, 12500000, 20 * VIA_MS, 400 * MSS);
    wire_init(&marked, 12500000, 20 * VIA_MS, 400 * MSS);
    marked.mark = true;
    wire_run(&plain, 5 * VIA_SEC);
    wire_run(&marked, 5 * VIA_SEC);
    assert_true(marked.rtt_max <= plain.rtt_max);
    assert_share(&marked, marked.delivered, 5 * VIA_SEC, 0.8, 1.001);
}

static void more_bandwidth_is_found(void **state) {
    static struct wire w;
    uint64_t before;

    (void)state;
    wire_init(&w, 2500000, 20 * VIA_MS, 1000000);
    wire_run(&w, 5 * VIA_SEC);
    w.rate = 12500000;
    wire_run(&w, 20 * VIA_SEC);
    before = w.delivered;
    wire_run(&w, 2 * VIA_SEC);
    assert_share(&w, w.delivered - before, 2 * VIA_SEC, 0.7, 1.001);
}

static void less_bandwidth_is_obeyed(void **state) {
    static struct wire w;

    (void)state;
    wire_init(&w, 12500000, 20 * VIA_MS, 1000000);
    wire_run(&w, 5 * VIA_SEC);
    w.rate = 1250000;
    wire_run(&w, 10 * VIA_SEC);
    assert_in_range(w.cc.rate, 800000, 1600000);
}

static void probe_rtt_comes_and_goes(void **state) {
    static struct wire w;
    unsigned i, in = 0, entered = 0, was = 0;

    (void)state;
    wire_init(&w, 12500000, 20 * VIA_MS, 1000000);
    for (i = 0; i < 1600; i++) {
        wire_run(&w, 10 * VIA_MS);
        in += w.cc.bbr.state == STATE_PROBE_RTT;
        entered += w.cc.bbr.state == STATE_PROBE_RTT && !was;
        was = w.cc.bbr.state == STATE_PROBE_RTT;
    }
    assert_in_range(entered, 1, 3);
    assert_in_range(in, 20, 80); /* 200 ms and a round trip each */
}

static void losses_outside_of_probing_are_forgotten_with_the_next_probe(void **state) {
    static struct wire w;
    uint32_t i;

    (void)state;
    wire_init(&w, 12500000, 20 * VIA_MS, 1000000);
    wire_run(&w, 2 * VIA_SEC);
    for (i = w.head; i != w.tail; i += 5)
        w.seg[i % RING].lost = true; /* a fifth of a flight */
    wire_run(&w, 60 * VIA_MS);
    wire_run(&w, 10 * VIA_SEC);
    assert_in_range(w.cc.rate, 10000000, 16000000);
}

static void timeout_leaves_what_is_under_way(void **state) {
    static struct wire w;
    struct via_cc_view v;

    (void)state;
    wire_init(&w, 12500000, 20 * VIA_MS, 1000000);
    wire_run(&w, 2 * VIA_SEC);
    v = wire_view(&w, false);
    v.pipe = 0;
    via_cc_signal(&w.cc, &v, VIA_CC_TIMEOUT);
    assert_int_equal(w.cc.cwnd, MSS);
    via_cc_signal(&w.cc, &v, VIA_CC_UNDO);
    assert_true(w.cc.cwnd > 100 * MSS);
}

/* Whatever it is told: rate and window stay usable. */
static void any_history_keeps_rate_and_window_usable(void **state) {
    struct via_cc cc;
    uint64_t seed = 5;
    unsigned i;

    (void)state;
    via_cc_init(&cc, VIA_CC_BBR, 10 * MSS);
    for (i = 0; i < 500000; i++) {
        uint64_t a = rig_random(&seed), b = rig_random(&seed), c = rig_random(&seed);
        struct via_sample rs = {.interval = a % 3 ? a % (100 * VIA_MS) : 0, .prior_at = a % 7 ? 1 : 0,
                                .delivered = (uint32_t)(b % 1000000), .lost = (uint32_t)(b >> 40), .prior = (uint32_t)c,
                                .total = (uint32_t)(c + b % 1000000), .flight = (uint32_t)(a >> 34), .limited = a & 1};
        struct via_cc_view v = {.now = VIA_SEC + i * VIA_MS + a % VIA_MS, .rtt = c % 5 ? c % VIA_SEC : 0, .srtt = 1 + b % VIA_SEC,
                                .min_rtt = 1, .acked = (uint32_t)(c % 100000), .lost = MSS, .pipe = (uint32_t)(b >> 36),
                                .mss = 1 + (uint32_t)(a % 9000), .limited = b & 1, .recovering = c & 64, .marks = c % 11 == 0,
                                .rs = &rs};

        if (a % 16 == 0)
            via_cc_lost(&cc, &v);
        else if (a % 256 == 1)
            via_cc_signal(&cc, &v, (enum via_cc_event)(b % 6));
        else
            via_cc_acked(&cc, &v);
        assert_true(cc.rate > 0);
        assert_in_range(cc.cwnd, v.mss, VIA_CC_CWND_MAX);
        assert_true(cc.bbr.state <= STATE_PROBE_RTT);
    }
}

static void without_samples_nothing_changes(void **state) {
    struct via_cc cc;
    struct via_cc_view v = {.now = VIA_SEC, .mss = MSS, .acked = MSS, .rtt = VIA_MS, .srtt = VIA_MS};

    (void)state;
    via_cc_init(&cc, VIA_CC_BBR, 10 * MSS);
    via_cc_acked(&cc, &v);
    assert_int_equal(cc.cwnd, 10 * MSS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(startup_doubles_and_ends_at_the_rate_of_the_wire),
        cmocka_unit_test(wire_is_filled_without_filling_the_queue),
        cmocka_unit_test(shallow_queue_costs_little),
        cmocka_unit_test(marks_end_startup_and_bound_the_queue),
        cmocka_unit_test(more_bandwidth_is_found),
        cmocka_unit_test(less_bandwidth_is_obeyed),
        cmocka_unit_test(probe_rtt_comes_and_goes),
        cmocka_unit_test(losses_outside_of_probing_are_forgotten_with_the_next_probe),
        cmocka_unit_test(timeout_leaves_what_is_under_way),
        cmocka_unit_test(any_history_keeps_rate_and_window_usable),
        cmocka_unit_test(without_samples_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
