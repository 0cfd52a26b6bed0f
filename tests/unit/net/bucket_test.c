/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/bucket.h"

static unsigned take_all(struct via_bucket *b, const struct via_rate *r, via_ns_t now) {
    unsigned n = 0;

    while (n < 100000 && via_bucket_take(b, r, 1, now))
        n++;
    return n;
}

static void fresh_bucket_is_full(void **state) {
    struct via_rate r = via_rate_of(100, 200 * VIA_MS);
    struct via_bucket b = {0};

    (void)state;
    assert_int_equal(r.every, 10 * VIA_MS);
    assert_int_equal(r.burst, 21);
    assert_int_equal(take_all(&b, &r, 5 * VIA_SEC), 21);
    assert_int_equal(take_all(&b, &r, 5 * VIA_SEC), 0);
}

static void tokens_come_back_at_the_rate(void **state) {
    struct via_rate r = via_rate_of(100, 200 * VIA_MS);
    struct via_bucket b = {0};
    unsigned n = 0, i;

    (void)state;
    take_all(&b, &r, 5 * VIA_SEC);
    assert_false(via_bucket_take(&b, &r, 1, 5 * VIA_SEC + 10 * VIA_MS - 1));
    assert_true(via_bucket_take(&b, &r, 1, 5 * VIA_SEC + 10 * VIA_MS));
    for (i = 1; i <= 1000; i++)
        n += take_all(&b, &r, 5 * VIA_SEC + (10 + i) * VIA_MS);
    assert_int_equal(n, 100);
    assert_int_equal(take_all(&b, &r, 100 * VIA_SEC), 21);
}

static void refusal_costs_nothing(void **state) {
    struct via_rate r = via_rate_of(10, 0);
    struct via_bucket b = {0};
    int i;

    (void)state;
    assert_true(via_bucket_take(&b, &r, 1, VIA_SEC));
    for (i = 0; i < 1000; i++)
        assert_false(via_bucket_take(&b, &r, 1, VIA_SEC + 99 * VIA_MS));
    assert_true(via_bucket_take(&b, &r, 1, VIA_SEC + 100 * VIA_MS));
}

static void price_above_what_fits_is_never_paid(void **state) {
    struct via_rate r = via_rate_of(10, 0);
    struct via_bucket b = {0};

    (void)state;
    assert_int_equal(r.burst, 1);
    assert_false(via_bucket_take(&b, &r, 2, 100 * VIA_SEC));
}

static void rate_of_zero_gives_nothing(void **state) {
    struct via_rate r = via_rate_of(0, VIA_SEC);
    struct via_bucket b = {0};

    (void)state;
    assert_false(via_bucket_take(&b, &r, 1, 100 * VIA_SEC));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_bucket_is_full),       cmocka_unit_test(tokens_come_back_at_the_rate),
        cmocka_unit_test(refusal_costs_nothing),      cmocka_unit_test(price_above_what_fits_is_never_paid),
        cmocka_unit_test(rate_of_zero_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
