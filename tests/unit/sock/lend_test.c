/* SPDX-License-Identifier: BSD-2-Clause */
/* lend_test.c - bytes of a stream lent and read: chains, splits inside frames, and what ordered sets announced. */
#include "core_rig.h"

#include "sock/lend.h"

#include "bytes_rig.h"

#include <errno.h>

static struct core_rig r;
static uint8_t written;

static int set_up(void **state) {
    (void)state;
    core_rig_init(&r, 256, 8, 7);
    written = 0;
    return 0;
}

/* Every packet and every clone came home. */
static int tear_down(void **state) {
    (void)state;
    assert_int_equal(via_pool_used(&r.state.pkts), 0);
    assert_int_equal(via_pool_used(&r.state.clones), 0);
    assert_int_equal(r.state.held, 0);
    core_rig_fini(&r);
    return 0;
}

/* `n` bytes that go on counting arrive in one packet. */
static void arrive(struct via_sock *k, uint32_t n) {
    struct via_pkt *p = core_rig_arrive(&r, k, n);
    uint32_t i;

    assert_non_null(p);
    for (i = 0; i < n; i++)
        via_pkt_data(&r.core, p)[i] = written++;
}

/* The same in parts of `part` bytes. */
static void arrive_in_parts(struct via_sock *k, uint32_t n, uint32_t part) {
    struct via_pkt *p = core_rig_arrive(&r, k, part), *last = p;
    uint32_t i, len = part;

    p->total = n;
    for (i = 0; i < n; i++) {
        if (i && i % part == 0) {
            struct via_pkt *more = via_pkt_new(&r.core, 0);

            last->chain = via_pkt_id(&r.core, more);
            last = more;
            len = n - i < part ? n - i : part;
            last->len = (uint16_t)len;
        }
        via_pkt_data(&r.core, last)[i % part] = written++;
    }
    if (k->set) /* the record was made by the first part alone */
        p->rec.bytes += n - part;
}

/* Checks that a lent chain holds `n` bytes that count on from *at. */
static void check_bytes(const struct via_pkt *p, uint32_t n, uint8_t *at) {
    uint32_t total = 0, i;

    assert_int_equal(p->total, n);
    for (;; p = via_pkt_at(&r.core, p->chain)) {
        assert_int_equal(p->owner, VIA_OWNER_APP);
        for (i = 0; i < p->len; i++)
            assert_int_equal(via_pkt_data(&r.core, p)[i], (*at)++);
        total += p->len;
        if (!p->chain)
            break;
    }
    assert_int_equal(total, n);
}

static struct via_pkt *lend(struct via_sock *k, uint32_t max) {
    struct via_pkt *p;

    assert_int_equal(via_rxq_lend(&r.core, k, max, &p), 0);
    return p;
}

static void nothing_there_is_again(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    struct via_pkt *p;
    uint8_t byte;

    (void)state;
    assert_int_equal(via_rxq_lend(&r.core, k, 10, &p), -EAGAIN);
    assert_int_equal(via_rxq_read(&r.core, k, &byte, 1), 0);
}

static void several_packets_are_lent_as_one_chain(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    struct via_pkt *p;
    uint8_t at = 0;

    (void)state;
    arrive(k, 10);
    arrive(k, 20);
    arrive_in_parts(k, 50, 16);
    p = lend(k, UINT32_MAX);
    check_bytes(p, 80, &at);
    assert_int_equal(k->rxq.pkts, 0);
    assert_int_equal(r.state.held, 6);
    via_buf_drop(&r.core, p);
}

static void split_inside_a_frame_leaves_the_rest(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    struct via_pkt *v[4];
    uint8_t at = 0;

    (void)state;
    arrive(k, 100);
    v[0] = lend(k, 30);
    check_bytes(v[0], 30, &at);
    assert_int_equal(k->rxq.pkts, 1);
    v[1] = lend(k, 1);
    check_bytes(v[1], 1, &at);
    arrive(k, 10);
    v[2] = lend(k, 75); /* what is left of the first, and a part of the second */
    check_bytes(v[2], 75, &at);
    v[3] = lend(k, 100);
    check_bytes(v[3], 4, &at);
    assert_int_equal(k->rxq.pkts, 0);
    via_buf_drop(&r.core, v[1]); /* in any order */
    via_buf_drop(&r.core, v[3]);
    via_buf_drop(&r.core, v[0]);
    via_buf_drop(&r.core, v[2]);
}

static void split_keeps_number_and_time(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    struct via_pkt *a, *b;

    (void)state;
    r.state.now = 77;
    arrive(k, 5);
    arrive_in_parts(k, 40, 16);
    via_buf_drop(&r.core, lend(k, 5));
    a = lend(k, 33);
    b = lend(k, 33);
    assert_int_equal(a->order, 2);
    assert_int_equal(b->order, 2);
    assert_int_equal(b->ts, 77);
    assert_int_equal(b->total, 7);
    via_buf_drop(&r.core, a);
    via_buf_drop(&r.core, b);
}

static void without_a_descriptor_the_half_stays(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    struct via_pkt *p, *whole;
    uint32_t taken[256], n = 0;
    uint8_t at = 0;

    (void)state;
    arrive(k, 8);
    arrive(k, 8);
    while (n < 255)
        taken[n++] = via_pool_get(&r.state.clones, &r.core.region);
    whole = lend(k, 12); /* one descriptor is not enough: the packet that fits comes alone */
    check_bytes(whole, 8, &at);
    assert_int_equal(via_rxq_lend(&r.core, k, 4, &p), -ENOBUFS);
    via_pool_put(&r.state.clones, &r.core.region, taken[--n]);
    p = lend(k, 4);
    check_bytes(p, 4, &at);
    via_buf_drop(&r.core, p);
    via_buf_drop(&r.core, whole);
    p = lend(k, 4);
    check_bytes(p, 4, &at);
    via_buf_drop(&r.core, p);
    while (n)
        via_pool_put(&r.state.clones, &r.core.region, taken[--n]);
}

static void read_takes_any_number_of_bytes(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    uint64_t seed = 3;
    uint8_t out[64], expect = 0;
    uint32_t i, j, n, left = 0;

    (void)state;
    for (i = 0; i < 2000; i++) {
        if (left < 200) {
            n = 1 + (uint32_t)(rig_random(&seed) % 60);
            if (i % 3)
                arrive(k, n);
            else
                arrive_in_parts(k, 48, 16);
            left += i % 3 ? n : 48;
        }
        n = via_rxq_read(&r.core, k, out, (uint32_t)(rig_random(&seed) % sizeof out));
        left -= n;
        for (j = 0; j < n; j++)
            assert_int_equal(out[j], expect++);
    }
    assert_int_equal((uint8_t)(expect + left), written);
    via_rxq_clear(&r.core, k);
}

/* Reads and lends of random sizes give the bytes that came, whatever is outstanding. */
static void mixed_reads_and_lends_see_every_byte_once(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    struct via_pkt *held[8] = {NULL};
    uint64_t seed = 11;
    uint8_t at = 0, out[64];
    uint32_t i, n, j;

    (void)state;
    for (i = 0; i < 3000; i++) {
        uint32_t slot = i % 8;

        if (k->rxq.pkts < 4)
            arrive_in_parts(k, 40 + (uint32_t)(rig_random(&seed) % 20), 16);
        n = 1 + (uint32_t)(rig_random(&seed) % 60);
        if (held[slot])
            via_buf_drop(&r.core, held[slot]);
        held[slot] = NULL;
        if (rig_random(&seed) % 2) {
            held[slot] = lend(k, n);
            check_bytes(held[slot], n, &at);
        } else {
            n = via_rxq_read(&r.core, k, out, n);
            for (j = 0; j < n; j++)
                assert_int_equal(out[j], at++);
        }
    }
    for (i = 0; i < 8; i++)
        if (held[i])
            via_buf_drop(&r.core, held[i]);
    via_rxq_clear(&r.core, k);
}

static void strict_set_lends_what_it_announced(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    struct via_set *set;
    struct via_event ev;
    struct via_pkt *p, *q, *none;
    uint8_t at = 0, byte;

    (void)state;
    k->mask = VIA_EV_IN;
    via_ready_join(&r.core, k, core_rig_set(&r, VIA_EPOLL_STRICT));
    set = via_set_at(&r.core, k->set);
    arrive(k, 10);
    assert_int_equal(via_rxq_lend(&r.core, k, 10, &p), -EAGAIN);
    assert_int_equal(via_rxq_read(&r.core, k, &byte, 1), 0);
    assert_true(via_ready_pop(&r.core, set, &ev));
    arrive(k, 10); /* not announced yet */
    p = lend(k, 4);
    check_bytes(p, 4, &at);
    assert_int_equal(via_rxq_read(&r.core, k, &byte, 1), 1);
    at++;
    q = lend(k, 100);
    check_bytes(q, 5, &at);
    assert_int_equal(via_rxq_lend(&r.core, k, 10, &none), -EAGAIN);
    assert_true(via_set_valid(&r.core, set));
    assert_true(via_ready_pop(&r.core, set, &ev));
    assert_int_equal(ev.bytes, 10);
    via_buf_drop(&r.core, lend(k, 10));
    via_buf_drop(&r.core, p);
    assert_int_equal(r.state.held, 1);
    via_buf_drop(&r.core, q);
    via_ready_leave(&r.core, k);
}

static void part_announced_again_counts_what_is_left(void **state) {
    struct via_sock *k = core_rig_sock(&r);
    struct via_event ev;
    struct via_pkt *p;

    (void)state;
    k->mask = VIA_EV_IN;
    via_ready_join(&r.core, k, core_rig_set(&r, VIA_EPOLL_STRICT));
    arrive(k, 10);
    assert_true(via_ready_pop(&r.core, via_set_at(&r.core, k->set), &ev));
    p = lend(k, 7);
    assert_true(via_ready_again(&r.core, k));
    assert_true(via_ready_pop(&r.core, via_set_at(&r.core, k->set), &ev));
    assert_int_equal(ev.bytes, 3);
    via_buf_drop(&r.core, p);
    via_buf_drop(&r.core, lend(k, 7));
    via_ready_leave(&r.core, k);
}

static void loose_set_shortens_the_record_of_what_was_read_ahead(void **state) {
    struct via_sock *k = core_rig_sock(&r), *other = core_rig_sock(&r);
    struct via_set *set;
    struct via_event ev;
    uint8_t out[30];

    (void)state;
    k->mask = other->mask = VIA_EV_IN;
    via_ready_join(&r.core, k, core_rig_set(&r, VIA_EPOLL_LOOSE));
    via_ready_join(&r.core, other, k->set);
    set = via_set_at(&r.core, k->set);
    arrive(k, 10);
    arrive(k, 10);
    arrive(other, 5);
    via_buf_drop(&r.core, lend(k, 3));
    assert_int_equal(via_rxq_read(&r.core, k, out, 10), 10);
    assert_true(via_set_valid(&r.core, set));
    assert_true(via_ready_pop(&r.core, set, &ev)); /* where it was, ahead of the other's */
    assert_int_equal(ev.bytes, 7);
    assert_int_equal(ev.pkts, 1);
    assert_true(ev.sock >> 56 && ev.seq == 2);
    assert_int_equal(via_rxq_read(&r.core, k, out, 30), 7);
    assert_int_equal(via_rxq_read(&r.core, other, out, 30), 5);
    assert_false(via_ready_pop(&r.core, set, &ev));
    via_ready_leave(&r.core, k);
    via_ready_leave(&r.core, other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_there_is_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_packets_are_lent_as_one_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(split_inside_a_frame_leaves_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(split_keeps_number_and_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_descriptor_the_half_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(read_takes_any_number_of_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mixed_reads_and_lends_see_every_byte_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strict_set_lends_what_it_announced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(part_announced_again_counts_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loose_set_shortens_the_record_of_what_was_read_ahead, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
