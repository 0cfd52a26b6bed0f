/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void same_seed_repeats_everything(void **state) {
    struct via_rand a, b;
    unsigned i;

    (void)state;
    assert_int_equal(via_rand_init(&a, 42), 0);
    assert_int_equal(via_rand_init(&b, 42), 0);
    for (i = 0; i < 1000; i++) {
        const struct via_key ka = via_rand_key(&a), kb = via_rand_key(&b);

        assert_memory_equal(&ka, &kb, sizeof ka);
        assert_true(via_rand64(&a) == via_rand64(&b));
        assert_int_equal(via_rand_below(&a, 1 + i), via_rand_below(&b, 1 + i));
    }
}

/* Recorded runs of simulations stay valid only as long as these numbers do. */
static void seed_one_begins_with_known_numbers(void **state) {
    struct via_rand r;

    (void)state;
    assert_int_equal(via_rand_init(&r, 1), 0);
    assert_true(via_rand64(&r) == 0x6b465da5af547571ull);
    assert_true(via_rand64(&r) == 0x7cfaa40b123cc15bull);
    assert_int_equal(via_rand_below(&r, 1000), 382);
}

static void seeds_and_the_system_give_different_numbers(void **state) {
    struct via_rand r;
    uint64_t first[6], i, j;

    (void)state;
    for (i = 0; i < 6; i++) {
        assert_int_equal(via_rand_init(&r, i < 2 ? 0 : i), 0);
        first[i] = via_rand64(&r);
        for (j = 0; j < i; j++)
            assert_true(first[j] != first[i]);
    }
}

static void initialising_leaves_errno_alone(void **state) {
    struct via_rand r;

    (void)state;
    errno = 4711;
    assert_int_equal(via_rand_init(&r, 0), 0);
    assert_int_equal(errno, 4711);
}

/* Chi squared over `n` results; the deviation from its mean in standard deviations. */
static double surprise(struct via_rand *r, uint32_t n, uint32_t draws) {
    static uint32_t count[1000];
    double chi = 0, want = (double)draws / n;
    uint32_t i;

    memset(count, 0, sizeof count);
    for (i = 0; i < draws; i++) {
        const uint32_t x = via_rand_below(r, n);

        assert_true(x < n);
        count[x]++;
    }
    for (i = 0; i < n; i++)
        chi += (count[i] - want) * (count[i] - want) / want;
    return (chi - (n - 1)) * (chi - (n - 1)) / (2.0 * (n - 1)); /* its square: no root needed */
}

static void results_below_a_bound_are_uniform(void **state) {
    static const uint32_t bounds[] = {2, 3, 5, 7, 10, 64, 100, 255, 256, 257, 1000};
    struct via_rand r;
    size_t i;

    (void)state;
    assert_int_equal(via_rand_init(&r, 11), 0);
    for (i = 0; i < VIA_COUNT(bounds); i++)
        assert_true(surprise(&r, bounds[i], 200000) < 5 * 5);
    for (i = 0; i < 100; i++)
        assert_int_equal(via_rand_below(&r, 1), 0);
}

/* With 3 * 2^30 results, taking the upper half of a product alone would favour every third twofold. */
static void large_bounds_have_no_favourites(void **state) {
    const uint32_t n = 3u << 30;
    uint32_t kind[3] = {0}, i;
    struct via_rand r;

    (void)state;
    assert_int_equal(via_rand_init(&r, 12), 0);
    for (i = 0; i < 300000; i++) {
        const uint32_t x = via_rand_below(&r, n);

        assert_true(x < n);
        kind[x % 3]++;
    }
    for (i = 0; i < 3; i++)
        assert_in_range(kind[i], 98500, 101500); /* deviation 258 */
}

static void every_bit_is_set_half_of_the_time(void **state) {
    uint32_t ones[64] = {0}, i, bit;
    struct via_rand r;

    (void)state;
    assert_int_equal(via_rand_init(&r, 13), 0);
    for (i = 0; i < 40000; i++) {
        const uint64_t x = via_rand64(&r);

        for (bit = 0; bit < 64; bit++)
            ones[bit] += (uint32_t)(x >> bit) & 1;
    }
    for (bit = 0; bit < 64; bit++)
        assert_in_range(ones[bit], 19500, 20500); /* deviation 100 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_repeats_everything),
        cmocka_unit_test(seed_one_begins_with_known_numbers),
        cmocka_unit_test(seeds_and_the_system_give_different_numbers),
        cmocka_unit_test(initialising_leaves_errno_alone),
        cmocka_unit_test(results_below_a_bound_are_uniform),
        cmocka_unit_test(large_bounds_have_no_favourites),
        cmocka_unit_test(every_bit_is_set_half_of_the_time),
    };

    return cmocka_run_group_tests_name("base/rand", tests, NULL, NULL);
}
