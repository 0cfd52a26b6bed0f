/* SPDX-License-Identifier: BSD-2-Clause */
/* sack_test.c - the scoreboard; at the end against a model that has one state for each byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "tcp/sack.h"

#define SEGS 4096u

struct bench {
    struct via_sack b;
    struct via_tcp_seg segs[SEGS + 1];
    uint32_t free[SEGS], frees;
    via_seq_t una, nxt;
};

static struct bench *bench_new(via_seq_t iss) {
    struct bench *t = test_calloc(1, sizeof *t);
    uint32_t i;

    for (i = 0; i < SEGS; i++)
        t->free[t->frees++] = SEGS - i;
    t->una = t->nxt = iss;
    return t;
}

static uint32_t emit(struct bench *t, uint32_t len) {
    uint32_t id = t->free[--t->frees];

    memset(&t->segs[id], 0xee, sizeof t->segs[id]);
    t->segs[id].flags = 0;
    t->segs[id].seq = t->nxt;
    t->segs[id].end = t->nxt += len;
    if (!t->b.head && t->nxt & 1) /* either way leaves the same: the walkers below look */
        via_sack_push_only(&t->b, t->segs, id);
    else
        via_sack_push(&t->b, t->segs, id);
    assert_true(via_sack_valid(&t->b, t->segs));
    return id;
}

static struct via_sack_ack ack(struct bench *t, via_seq_t seq, const struct via_tcp_block *block, uint32_t blocks) {
    struct via_sack_ack a = {.ack = seq, .nxt = t->nxt, .block = block, .blocks = blocks};
    uint32_t id;

    if (!(seq & 1) || !t->b.head || !via_sack_acked_only(&t->b, t->segs, &a))
        via_sack_acked(&t->b, t->segs, &a);
    assert_true(via_sack_valid(&t->b, t->segs));
    for (id = a.gone; id; id = t->segs[id].next)
        t->free[t->frees++] = id;
    t->una = seq;
    return a;
}

#define BLOCKS(...)                                                                                                    \
    (const struct via_tcp_block[]){__VA_ARGS__},                                                                       \
        sizeof((struct via_tcp_block[]){__VA_ARGS__}) / sizeof(struct via_tcp_block)

static uint32_t count(const struct bench *t, uint32_t id) {
    uint32_t n = 0;

    for (; id; id = t->segs[id].after)
        n++;
    return n;
}

static void cumulative_ack_releases_whole_segments_and_trims_one(void **state) {
    struct bench *t = bench_new(0xfffffff0);
    struct via_sack_ack a;

    (void)state;
    emit(t, 10);
    emit(t, 10);
    emit(t, 10);
    assert_int_equal(via_sack_pipe(&t->b), 30);
    a = ack(t, 0xfffffff0 + 25, NULL, 0);
    assert_int_equal(a.acked, 25);
    assert_true(a.advanced);
    assert_int_equal(t->b.segs, 1);
    assert_int_equal(t->frees, SEGS - 1);
    assert_int_equal(t->segs[t->b.head].seq, 0xfffffff0 + 25);
    a = ack(t, 0xfffffff0 + 25, NULL, 0);
    assert_false(a.advanced);
    a = ack(t, 0xfffffff0 + 30, NULL, 0);
    assert_int_equal(t->b.segs + t->b.root + t->b.bytes + t->b.flying.head, 0);
    test_free(t);
}

static void blocks_mark_what_they_cover_whole(void **state) {
    struct bench *t = bench_new(0);
    struct via_sack_ack a;
    int i;

    (void)state;
    for (i = 0; i < 10; i++)
        emit(t, 100);
    a = ack(t, 0, BLOCKS({250, 550}, {800, 900}));
    assert_int_equal(a.sacked, 300);
    assert_int_equal(count(t, a.fresh), 3);
    assert_int_equal(via_sack_pipe(&t->b), 700);
    a = ack(t, 0, BLOCKS({250, 600}, {800, 900}));
    assert_int_equal(a.sacked, 100);
    assert_int_equal(t->b.sacked_segs, 4);
    a = ack(t, 600, NULL, 0);
    assert_int_equal(a.acked, 300);
    assert_int_equal(t->b.sacked, 100);
    test_free(t);
}

static void impossible_blocks_change_nothing(void **state) {
    struct bench *t = bench_new(1000);
    struct via_sack_ack a;

    (void)state;
    emit(t, 100);
    emit(t, 100);
    a = ack(t, 1000, BLOCKS({1200, 1100}, {1100, 1201}, {1100, 1100}, {900, 1200}));
    assert_int_equal(a.sacked, 0);
    assert_false(a.dsack);
    a = ack(t, 1000, BLOCKS({0x80001100, 0x80001200}));
    assert_int_equal(a.sacked, 0);
    test_free(t);
}

/* RFC 2883 4: below the ACK, or inside the second block. */
static void duplicates_are_told_apart(void **state) {
    struct bench *t = bench_new(1000);
    struct via_sack_ack a;

    (void)state;
    emit(t, 100);
    emit(t, 100);
    emit(t, 100);
    a = ack(t, 1100, BLOCKS({1000, 1100}, {1200, 1300}));
    assert_true(a.dsack);
    assert_int_equal(a.dup.from, 1000);
    assert_int_equal(a.sacked, 100);
    a = ack(t, 1100, BLOCKS({1200, 1300}));
    assert_false(a.dsack);
    a = ack(t, 1100, BLOCKS({1200, 1250}, {1200, 1300}));
    assert_true(a.dsack);
    assert_int_equal(a.dup.to, 1250);
    a = ack(t, 1100, BLOCKS({1200, 1300}, {1000, 1100}));
    assert_false(a.dsack);
    test_free(t);
}

static void lost_segments_leave_the_pipe_until_they_are_sent_again(void **state) {
    struct bench *t = bench_new(0);
    uint32_t first, second;

    (void)state;
    first = emit(t, 100);
    second = emit(t, 100);
    emit(t, 100);
    via_sack_lose(&t->b, t->segs, first);
    via_sack_lose(&t->b, t->segs, second);
    assert_int_equal(via_sack_pipe(&t->b), 100);
    assert_int_equal(via_sack_next_lost(&t->b), first);
    via_sack_resent(&t->b, t->segs, first);
    assert_int_equal(via_sack_next_lost(&t->b), second);
    assert_int_equal(via_sack_pipe(&t->b), 200);
    assert_int_equal(t->b.flying.tail, first);
    assert_int_equal(t->segs[first].times, 2);
    ack(t, 0, BLOCKS({100, 200}));
    assert_int_equal(t->b.lost_bytes, 0);
    assert_int_equal(via_sack_next_lost(&t->b), 0);
    ack(t, 300, NULL, 0);
    test_free(t);
}

/* RFC 6675: three segments above make one lost; a retransmission is not judged again. */
static void three_sacked_segments_above_make_one_lost(void **state) {
    struct bench *t = bench_new(0);
    uint32_t i, ids[10];

    (void)state;
    for (i = 0; i < 10; i++)
        ids[i] = emit(t, 100);
    ack(t, 0, BLOCKS({200, 400}));
    assert_int_equal(via_sack_judge(&t->b, t->segs, 3), 0);
    ack(t, 0, BLOCKS({600, 700}, {200, 400}));
    assert_int_equal(via_sack_judge(&t->b, t->segs, 3), 200);
    assert_int_equal(via_sack_next_lost(&t->b), ids[0]);
    assert_false(t->segs[ids[4]].flags & VIA_SEG_LOST);
    ack(t, 0, BLOCKS({700, 900}, {600, 700}, {200, 400}));
    assert_int_equal(via_sack_judge(&t->b, t->segs, 3), 200);
    assert_true(t->segs[ids[5]].flags & VIA_SEG_LOST);
    via_sack_resent(&t->b, t->segs, ids[0]);
    ack(t, 0, BLOCKS({600, 1000}, {200, 400}));
    assert_int_equal(via_sack_judge(&t->b, t->segs, 3), 0);
    test_free(t);
}

static void timeout_loses_all_in_order_and_keeps_or_forgets_sacks(void **state) {
    struct bench *t = bench_new(0);
    uint32_t i, ids[5];

    (void)state;
    for (i = 0; i < 5; i++)
        ids[i] = emit(t, 100);
    via_sack_lose(&t->b, t->segs, ids[3]);
    ack(t, 0, BLOCKS({200, 300}));
    via_sack_timeout(&t->b, t->segs, false);
    assert_true(via_sack_valid(&t->b, t->segs));
    assert_int_equal(via_sack_pipe(&t->b), 0);
    assert_int_equal(t->b.lost_bytes, 400);
    assert_int_equal(via_sack_next_lost(&t->b), ids[0]);
    assert_int_equal(t->segs[ids[1]].after, ids[3]);
    via_sack_timeout(&t->b, t->segs, true);
    assert_true(via_sack_valid(&t->b, t->segs));
    assert_int_equal(t->b.lost_bytes, 500);
    assert_int_equal(t->segs[ids[1]].after, ids[2]);
    ack(t, 0, BLOCKS({200, 300}));
    assert_int_equal(t->b.sacked, 100);
    test_free(t);
}

static void reneging_shows_at_the_first_segment(void **state) {
    struct bench *t = bench_new(0);
    struct via_sack_ack a;

    (void)state;
    emit(t, 100);
    emit(t, 100);
    a = ack(t, 0, BLOCKS({100, 200}));
    assert_false(a.reneged);
    a = ack(t, 100, NULL, 0);
    assert_true(a.reneged);
    via_sack_timeout(&t->b, t->segs, true);
    a = ack(t, 100, NULL, 0);
    assert_false(a.reneged);
    assert_int_equal(t->b.lost_bytes, 100);
    test_free(t);
}

static void split_parts_share_the_state(void **state) {
    struct bench *t = bench_new(0);
    uint32_t id, rest, last;

    (void)state;
    id = emit(t, 100);
    last = emit(t, 100);
    via_sack_lose(&t->b, t->segs, id);
    via_sack_lose(&t->b, t->segs, last);
    rest = t->free[--t->frees];
    via_sack_split(&t->b, t->segs, id, rest, 60);
    assert_true(via_sack_valid(&t->b, t->segs));
    assert_int_equal(t->b.lost_bytes, 200);
    assert_int_equal(t->segs[id].after, rest);
    assert_int_equal(t->segs[rest].after, last);
    ack(t, 0, BLOCKS({60, 100}));
    assert_true(t->segs[rest].flags & VIA_SEG_SACKED);
    assert_int_equal(via_sack_rescue(&t->b, t->segs), last);
    test_free(t);
}

static void duplicates_without_sack_drain_the_pipe(void **state) {
    struct bench *t = bench_new(0);
    int i;

    (void)state;
    for (i = 0; i < 5; i++)
        emit(t, 100);
    via_sack_duplicate(&t->b, 100);
    via_sack_duplicate(&t->b, 100);
    assert_int_equal(via_sack_pipe(&t->b), 300);
    for (i = 0; i < 100; i++)
        via_sack_duplicate(&t->b, 100);
    assert_int_equal(via_sack_pipe(&t->b), 0);
    ack(t, 500, NULL, 0);
    assert_int_equal(t->b.guess, 0);
    test_free(t);
}

/* However a run came together, up, down or from both ends, its first segment leads to its last without a stop at each.
 */
static void runs_of_sacked_segments_are_stepped_over(void **state) {
    uint32_t order, i, hops, id;

    (void)state;
    for (order = 0; order < 3; order++) {
        struct bench *t = bench_new(0);

        for (i = 0; i < 1000; i++)
            emit(t, 10);
        for (i = 1; i < 999; i++) {
            uint32_t k = order == 0 ? i : order == 1 ? 999 - i : i % 2 ? (i + 1) / 2 : 999 - i / 2;

            ack(t, 0, BLOCKS({10 * k, 10 * k + 10}));
        }
        for (i = 0; i < 20; i++)
            ack(t, 0, BLOCKS({10, 9990}));
        id = t->segs[t->b.head].next;
        for (hops = 0; t->segs[id].skip != id; hops++)
            id = t->segs[id].skip;
        assert_int_equal(t->segs[id].end, 9990);
        assert_true(hops < 20);
        test_free(t);
    }
}

static void rescue_is_the_last_that_did_not_arrive(void **state) {
    struct bench *t = bench_new(0);
    uint32_t id;

    (void)state;
    assert_int_equal(via_sack_rescue(&t->b, t->segs), 0);
    emit(t, 100);
    id = emit(t, 100);
    emit(t, 100);
    assert_int_equal(via_sack_rescue(&t->b, t->segs), t->b.tail);
    ack(t, 0, BLOCKS({200, 300}));
    assert_int_equal(via_sack_rescue(&t->b, t->segs), id);
    test_free(t);
}

/* How deep the tree is; an attacker, or a habit of the pool, must not make a list of it. */
static uint32_t depth(const struct bench *t, uint32_t id) {
    uint32_t l, r;

    if (!id)
        return 0;
    l = depth(t, t->segs[id].left);
    r = depth(t, t->segs[id].right);
    return 1 + (l > r ? l : r);
}

static void tree_of_many_segments_is_shallow(void **state) {
    struct bench *t = bench_new(0);
    uint32_t i;

    (void)state;
    for (i = 0; i < SEGS; i++)
        emit(t, 10);
    assert_true(depth(t, t->b.root) < 40);
    ack(t, 5 * SEGS, NULL, 0);
    for (i = 0; i < SEGS / 2; i++)
        emit(t, 10);
    assert_true(depth(t, t->b.root) < 40);
    test_free(t);
}

enum { MODEL = 1 << 15 };

struct model {
    uint8_t sacked[MODEL]; /* by byte modulo MODEL */
};

static void model_check(const struct bench *t, const struct model *m) {
    uint32_t id, i;

    for (id = t->b.head; id; id = t->segs[id].next) {
        const struct via_tcp_seg *s = &t->segs[id];
        bool want = s->flags & VIA_SEG_SACKED;

        for (i = s->seq; i != s->end; i++)
            assert_int_equal(m->sacked[i % MODEL], want);
    }
}

/* Blocks on segment edges, as an honest receiver's are; the model takes them byte by byte. */
static void random_ack(struct bench *t, struct model *m, uint64_t *seed) {
    struct via_tcp_block block[4];
    uint32_t blocks = (uint32_t)(rig_random(seed) % 5), i, k, ids[3 * SEGS], n = 0, id;
    via_seq_t upto = t->una;

    for (id = t->b.head; id; id = t->segs[id].next)
        ids[n++] = id;
    if (n && rig_random(seed) % 3 == 0)
        upto = t->segs[ids[rig_random(seed) % (n < 8 ? n : 8)]].end;
    for (i = 0; i < blocks; i++) {
        uint32_t x = n ? (uint32_t)(rig_random(seed) % n) : 0,
                 y = n ? via_min32(x + (uint32_t)(rig_random(seed) % 6), n - 1) : 0;

        block[i].from = n ? t->segs[ids[x]].seq : t->una;
        block[i].to = n ? t->segs[ids[y]].end : t->nxt + 1;
        for (k = block[i].from; via_seq_le(upto, block[i].from) && k != block[i].to && n; k++)
            m->sacked[k % MODEL] = 1;
    }
    for (k = t->una; k != upto; k++)
        m->sacked[k % MODEL] = 0;
    ack(t, upto, block, blocks);
}

static void random_traffic_equals_the_model(void **state) {
    struct bench *t = bench_new(0u - 5000);
    struct model *m = test_calloc(1, sizeof *m);
    uint64_t seed = 1234;
    int i;

    (void)state;
    for (i = 0; i < 30000; i++) {
        uint64_t r = rig_random(&seed);
        uint32_t id = via_sack_next_lost(&t->b);

        if (r % 8 < 3 && t->b.bytes < 20000 && t->frees > 10)
            emit(t, 1 + (uint32_t)(r >> 20) % 400);
        else if (r % 8 == 3 && id)
            via_sack_resent(&t->b, t->segs, id);
        else if (r % 8 == 4 && t->b.flying.head && r >> 63)
            via_sack_lose(&t->b, t->segs, t->b.flying.head);
        else if (r % 8 == 5)
            via_sack_judge(&t->b, t->segs, 3);
        else if (r % 8 == 6 && t->b.flying.tail && t->frees) {
            id = t->b.flying.tail;
            if (t->segs[id].end - t->segs[id].seq > 1)
                via_sack_split(&t->b, t->segs, id, t->free[--t->frees], t->segs[id].seq + 1);
        } else
            random_ack(t, m, &seed);
        if (r >> 54 == 0) {
            bool forget = r >> 40 & 1;

            via_sack_timeout(&t->b, t->segs, forget);
            if (forget)
                memset(m->sacked, 0, MODEL);
        }
        assert_true(via_sack_valid(&t->b, t->segs));
        model_check(t, m);
    }
    ack(t, t->nxt, NULL, 0);
    assert_int_equal(t->frees, SEGS);
    test_free(m);
    test_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cumulative_ack_releases_whole_segments_and_trims_one),
        cmocka_unit_test(blocks_mark_what_they_cover_whole),
        cmocka_unit_test(impossible_blocks_change_nothing),
        cmocka_unit_test(duplicates_are_told_apart),
        cmocka_unit_test(lost_segments_leave_the_pipe_until_they_are_sent_again),
        cmocka_unit_test(three_sacked_segments_above_make_one_lost),
        cmocka_unit_test(timeout_loses_all_in_order_and_keeps_or_forgets_sacks),
        cmocka_unit_test(reneging_shows_at_the_first_segment),
        cmocka_unit_test(split_parts_share_the_state),
        cmocka_unit_test(duplicates_without_sack_drain_the_pipe),
        cmocka_unit_test(runs_of_sacked_segments_are_stepped_over),
        cmocka_unit_test(rescue_is_the_last_that_did_not_arrive),
        cmocka_unit_test(tree_of_many_segments_is_shallow),
        cmocka_unit_test(random_traffic_equals_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
