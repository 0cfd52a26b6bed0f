/* SPDX-License-Identifier: BSD-2-Clause */
/* ranges_test.c - the ranges against a model that has one flag for each number of a window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/ranges.h"
#include "bytes_rig.h"

#define WINDOW 4096u

static void added_ranges_are_sorted_and_merged(void **state) {
    struct via_ranges r = {0};

    (void)state;
    assert_int_equal(via_ranges_add(&r, 100, 110), 10);
    assert_int_equal(via_ranges_add(&r, 50, 60), 10);
    assert_int_equal(via_ranges_add(&r, 200, 201), 1);
    assert_int_equal(r.count, 3);
    assert_int_equal(r.at[0].from, 50);
    assert_int_equal(via_ranges_add(&r, 60, 100), 40);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.at[0].to, 110);
    assert_int_equal(via_ranges_add(&r, 55, 105), 0);
    assert_int_equal(via_ranges_add(&r, 0, 300), 300 - 61);
    assert_int_equal(r.count, 1);
    assert_int_equal(via_ranges_sum(&r), 300);
}

static void neighbours_that_touch_become_one(void **state) {
    struct via_ranges r = {0};

    (void)state;
    via_ranges_add(&r, 10, 20);
    via_ranges_add(&r, 20, 30);
    assert_int_equal(r.count, 1);
    via_ranges_add(&r, 5, 10);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.at[0].from, 5);
    assert_int_equal(r.at[0].to, 30);
}

static void numbers_wrap_inside_a_range(void **state) {
    struct via_ranges r = {0};
    struct via_range hole;

    (void)state;
    assert_int_equal(via_ranges_add(&r, 0xfffffff0, 0x10), 0x20);
    assert_true(via_ranges_contain(&r, 0xffffffff, 1));
    assert_true(via_ranges_contain(&r, 0xfffffff0, 0x10));
    assert_false(via_ranges_contain(&r, 0xffffffef, 0x10));
    assert_false(via_ranges_contain(&r, 0, 0x11));
    assert_int_equal(via_ranges_add(&r, 0x20, 0x30), 0x10);
    assert_true(via_ranges_hole(&r, 0xffffff00, &hole));
    assert_int_equal(hole.from, 0xffffff00);
    assert_int_equal(hole.to, 0xfffffff0);
    assert_true(via_ranges_hole(&r, 0xfffffff8, &hole));
    assert_int_equal(hole.from, 0x10);
    assert_int_equal(hole.to, 0x20);
    assert_false(via_ranges_hole(&r, 0x2f, &hole));
    assert_int_equal(hole.from, 0x30);
}

static void full_set_refuses_a_new_range_and_takes_what_touches(void **state) {
    struct via_ranges r = {0}, before;
    uint32_t i;

    (void)state;
    for (i = 0; i < VIA_RANGES; i++)
        assert_int_equal(via_ranges_add(&r, i * 10, i * 10 + 5), 5);
    before = r;
    assert_int_equal(via_ranges_add(&r, 7, 8), -ENOBUFS);
    assert_int_equal(via_ranges_add(&r, 100000, 100001), -ENOBUFS);
    assert_int_equal(via_ranges_remove(&r, 1, 2), -ENOBUFS);
    assert_memory_equal(&r, &before, sizeof r);
    assert_int_equal(via_ranges_add(&r, 5, 6), 1);
    assert_int_equal(via_ranges_remove(&r, 0, 1), 1);
    assert_int_equal(via_ranges_add(&r, 5, 10), 4);
    assert_int_equal(r.count, VIA_RANGES - 1);
    assert_int_equal(via_ranges_add(&r, 100000, 100001), 1);
}

static void trimming_cuts_the_range_it_falls_into(void **state) {
    struct via_ranges r = {0};

    (void)state;
    via_ranges_add(&r, 10, 20);
    via_ranges_add(&r, 30, 40);
    assert_int_equal(via_ranges_trim(&r, 10), 0);
    assert_int_equal(via_ranges_trim(&r, 35), 15);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.at[0].from, 35);
    assert_int_equal(via_ranges_trim(&r, 40), 5);
    assert_int_equal(r.count, 0);
}

static void compare(const struct via_ranges *r, const uint8_t *model, via_seq_t base) {
    uint32_t i, runs = 0;

    assert_true(via_ranges_valid(r));
    for (i = 0; i < WINDOW; i++) {
        if (model[i] && (!i || !model[i - 1])) {
            assert_true(runs < r->count);
            assert_int_equal(r->at[runs].from, base + i);
        }
        if (model[i] && (i + 1 == WINDOW || !model[i + 1]))
            assert_int_equal(r->at[runs++].to, base + i + 1);
    }
    assert_int_equal(runs, r->count);
}

static uint32_t runs_of(const uint8_t *model) {
    uint32_t i, n = 0;

    for (i = 0; i < WINDOW; i++)
        n += model[i] && (!i || !model[i - 1]);
    return n;
}

/* One random operation on both; the result must be the model's. */
static void step(struct via_ranges *r, uint8_t *model, via_seq_t base, uint64_t rnd) {
    uint32_t from = rnd % WINDOW, len = 1 + (uint32_t)(rnd >> 20) % (rnd >> 60 ? 20 : 600), i, count = 0;
    uint32_t to = via_min32(from + len, WINDOW);
    bool add = rnd >> 40 & 3;
    uint8_t tried[WINDOW];
    int32_t got;

    memcpy(tried, model, WINDOW);
    for (i = from; i < to; i++) {
        count += tried[i] != add;
        tried[i] = add;
    }
    got = add ? via_ranges_add(r, base + from, base + to) : via_ranges_remove(r, base + from, base + to);
    if (runs_of(tried) > VIA_RANGES) {
        assert_int_equal(got, -ENOBUFS);
        return;
    }
    assert_int_equal(got, count);
    memcpy(model, tried, WINDOW);
}

static void ask(const struct via_ranges *r, const uint8_t *model, via_seq_t base, uint64_t rnd) {
    uint32_t from = rnd % WINDOW, i = from;
    const struct via_range *x = via_ranges_find(r, base + from);
    struct via_range hole;
    bool ends;

    assert_int_equal(x != NULL, model[from]);
    while (i < WINDOW && model[i])
        i++;
    assert_true(via_ranges_contain(r, base + from, base + i));
    assert_true(i == from || !via_ranges_contain(r, base + from, base + i + 1));
    ends = via_ranges_hole(r, base + from, &hole);
    assert_int_equal(hole.from, base + i);
    while (i < WINDOW && !model[i])
        i++;
    assert_int_equal(ends, i < WINDOW);
    assert_true(!ends || hole.to == base + i);
}

static void random_operations_equal_the_model_across_the_wrap(void **state) {
    static const via_seq_t bases[] = {0, 0u - WINDOW / 2, 0x80000000u - WINDOW / 2, 12345};
    uint64_t seed = 42;
    size_t b;
    int i;

    (void)state;
    for (b = 0; b < VIA_COUNT(bases); b++) {
        struct via_ranges r = {0};
        uint8_t model[WINDOW] = {0};

        for (i = 0; i < 5000; i++) {
            step(&r, model, bases[b], rig_random(&seed));
            compare(&r, model, bases[b]);
            ask(&r, model, bases[b], rig_random(&seed));
            if (i % 500 == 499) {
                uint32_t cut = rig_random(&seed) % WINDOW, k, count = 0;

                for (k = 0; k < cut; k++) {
                    count += model[k];
                    model[k] = 0;
                }
                assert_int_equal(via_ranges_trim(&r, bases[b] + cut), count);
                compare(&r, model, bases[b]);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_ranges_are_sorted_and_merged),
        cmocka_unit_test(neighbours_that_touch_become_one),
        cmocka_unit_test(numbers_wrap_inside_a_range),
        cmocka_unit_test(full_set_refuses_a_new_range_and_takes_what_touches),
        cmocka_unit_test(trimming_cuts_the_range_it_falls_into),
        cmocka_unit_test(random_operations_equal_the_model_across_the_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
