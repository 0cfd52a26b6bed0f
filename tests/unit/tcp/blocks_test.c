/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "tcp/blocks.h"

/* What an ACK with room for `max` blocks tells must be the ranges given as pairs, closed by 0, 0. */
static void expect(struct via_blocks *b, uint32_t max, const uint32_t *pairs) {
    struct via_tcp_opts o = {0};
    uint32_t n;

    via_blocks_report(b, &o, max);
    for (n = 0; pairs[2 * n + 1]; n++) {
        assert_true(n < o.sacks);
        assert_int_equal(o.sack[n].from, pairs[2 * n]);
        assert_int_equal(o.sack[n].to, pairs[2 * n + 1]);
    }
    assert_int_equal(o.sacks, n);
    assert_int_equal(!!(o.has & VIA_TCP_SACK), n > 0);
}

#define EXPECT(b, max, ...) expect(b, max, (const uint32_t[]){__VA_ARGS__, 0, 0})

/* RFC 2018 4, case 1 and 2: segments of 500 from 5000, the first lost, or every second one. */
static void first_block_holds_the_newest_segment(void **state) {
    struct via_blocks b = {0};

    (void)state;
    assert_false(via_blocks_any(&b));
    via_blocks_add(&b, 5500, 6000);
    EXPECT(&b, 3, 5500, 6000);
    via_blocks_add(&b, 6000, 6500);
    EXPECT(&b, 3, 5500, 6500);
    memset(&b, 0, sizeof b);
    via_blocks_add(&b, 5500, 6000);
    via_blocks_add(&b, 6500, 7000);
    EXPECT(&b, 3, 6500, 7000, 5500, 6000);
    via_blocks_add(&b, 7500, 8000);
    EXPECT(&b, 3, 7500, 8000, 6500, 7000, 5500, 6000);
    via_blocks_add(&b, 8500, 9000);
    EXPECT(&b, 4, 8500, 9000, 7500, 8000, 6500, 7000, 5500, 6000);
    EXPECT(&b, 3, 8500, 9000, 7500, 8000, 6500, 7000);
    via_blocks_add(&b, 5400, 5500);
    EXPECT(&b, 3, 5400, 6000, 8500, 9000, 7500, 8000);
}

static void merged_blocks_are_told_once(void **state) {
    struct via_blocks b = {0};

    (void)state;
    via_blocks_add(&b, 10, 20);
    via_blocks_add(&b, 30, 40);
    via_blocks_add(&b, 20, 30);
    EXPECT(&b, 4, 10, 40);
}

/* A range that grows takes one place, however many segments it is made of. */
static void range_that_grows_does_not_push_the_others_out(void **state) {
    struct via_blocks b = {0};
    uint32_t i;

    (void)state;
    via_blocks_add(&b, 10, 20);
    via_blocks_add(&b, 30, 40);
    via_blocks_add(&b, 50, 60);
    for (i = 60; i < 70; i++)
        via_blocks_add(&b, i, i + 1);
    EXPECT(&b, 3, 50, 70, 30, 40, 10, 20);
}

static void data_in_order_swallows_the_range_it_reaches(void **state) {
    struct via_blocks b = {0};

    (void)state;
    via_blocks_add(&b, 20, 30);
    via_blocks_add(&b, 40, 50);
    assert_int_equal(via_blocks_advance(&b, 15), 15);
    assert_int_equal(via_blocks_advance(&b, 20), 30);
    EXPECT(&b, 4, 40, 50);
    assert_int_equal(via_blocks_advance(&b, 45), 50);
    assert_false(via_blocks_any(&b));
    assert_int_equal(via_blocks_advance(&b, 60), 60);
}

/* RFC 2883 4.1, examples 1 to 3, and 4.2: told once, in front; the block that holds it follows. */
static void duplicate_is_told_once_and_first(void **state) {
    struct via_blocks b = {0};

    (void)state;
    via_blocks_duplicate(&b, 3000, 3500);
    assert_true(via_blocks_any(&b));
    EXPECT(&b, 3, 3000, 3500);
    assert_false(via_blocks_any(&b));
    via_blocks_add(&b, 4500, 5000);
    via_blocks_add(&b, 5000, 5500);
    EXPECT(&b, 3, 4500, 5500);
    via_blocks_add(&b, 5000, 5500);
    EXPECT(&b, 3, 5000, 5500, 4500, 5500);
    EXPECT(&b, 3, 4500, 5500);
    via_blocks_add(&b, 4000, 4600);
    EXPECT(&b, 3, 4500, 4600, 4000, 5500);
}

static void too_many_holes_are_refused_and_leave_no_trace(void **state) {
    struct via_blocks b = {0}, before;
    uint32_t i;

    (void)state;
    for (i = 0; i < VIA_RANGES; i++)
        assert_int_equal(via_blocks_add(&b, 100 + i * 10, 105 + i * 10), 5);
    before = b;
    assert_int_equal(via_blocks_add(&b, 1, 2), -ENOBUFS);
    assert_memory_equal(&b, &before, sizeof b);
}

static void farthest_range_gives_way(void **state) {
    struct via_blocks b = {0};
    struct via_range gone;

    (void)state;
    via_blocks_add(&b, 30, 40);
    via_blocks_add(&b, 10, 20);
    assert_true(via_blocks_prune(&b, &gone));
    assert_int_equal(gone.from, 30);
    EXPECT(&b, 4, 10, 20);
    assert_true(via_blocks_prune(&b, &gone));
    assert_false(via_blocks_prune(&b, &gone));
}

/* Whatever arrives: blocks are disjoint ranges that arrived, and the newest segment is in the first but a duplicate. */
static void random_arrivals_keep_the_rules(void **state) {
    struct via_blocks b = {0};
    uint64_t seed = 3;
    via_seq_t next = 0xffffe000;
    int i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        uint64_t r = rig_random(&seed);
        via_seq_t from = next + 1 + (uint32_t)(r % 3000), to = from + 1 + (uint32_t)(r >> 32) % 200;
        struct via_tcp_opts o = {0};
        uint32_t k, first;

        if (r >> 61 == 0)
            next = via_blocks_advance(&b, next + (uint32_t)(r >> 40) % 400);
        else if (via_blocks_add(&b, from, to) >= 0) {
            bool dup = b.dups;

            via_blocks_report(&b, &o, 4);
            first = dup;
            assert_true(o.sacks > first);
            assert_true(via_seq_le(o.sack[first].from, from) && via_seq_le(to, o.sack[first].to));
            for (k = first; k < o.sacks; k++) {
                const struct via_range *x = via_ranges_find(&b.got, o.sack[k].from);

                assert_true(x && x->from == o.sack[k].from && x->to == o.sack[k].to);
                assert_true(k == first || o.sack[k].from != o.sack[k - 1].from);
                assert_true(via_seq_lt(next, o.sack[k].from));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_block_holds_the_newest_segment),
        cmocka_unit_test(merged_blocks_are_told_once),
        cmocka_unit_test(range_that_grows_does_not_push_the_others_out),
        cmocka_unit_test(data_in_order_swallows_the_range_it_reaches),
        cmocka_unit_test(duplicate_is_told_once_and_first),
        cmocka_unit_test(too_many_holes_are_refused_and_leave_no_trace),
        cmocka_unit_test(farthest_range_gives_way),
        cmocka_unit_test(random_arrivals_keep_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
