/* SPDX-License-Identifier: BSD-2-Clause */
#include "rig.h"
#include "vi/args.h"

static void argument_ends_at_the_colon(void **state) {
    char name[8];

    (void)state;
    assert_string_equal(via_args_name("eth0", name, sizeof name), "");
    assert_string_equal(name, "eth0");
    assert_string_equal(via_args_name("eth0:a=1,b", name, sizeof name), "a=1,b");
    assert_string_equal(name, "eth0");
    assert_string_equal(via_args_name("", name, sizeof name), "");
    assert_string_equal(name, "");
    assert_string_equal(via_args_name(":x", name, sizeof name), "x");
    assert_string_equal(name, "");
}

static void argument_without_room_is_refused(void **state) {
    char name[8];

    (void)state;
    assert_non_null(via_args_name("1234567", name, sizeof name));
    assert_null(via_args_name("12345678", name, sizeof name));
}

static void options_come_one_by_one(void **state) {
    const char *at = ",a=1,,queue,b==,c=";
    struct via_arg a;

    (void)state;
    assert_true(via_args_next(&at, &a));
    assert_true(via_arg_is(&a, "a"));
    assert_memory_equal(a.val, "1", a.val_len);
    assert_true(via_args_next(&at, &a));
    assert_true(via_arg_is(&a, "queue"));
    assert_false(via_arg_is(&a, "que"));
    assert_false(via_arg_is(&a, "queues"));
    assert_int_equal(a.val_len, 2);
    assert_memory_equal(a.val, "on", 2);
    assert_true(via_args_next(&at, &a));
    assert_true(via_arg_is(&a, "b"));
    assert_int_equal(a.val_len, 1);
    assert_memory_equal(a.val, "=", 1);
    assert_true(via_args_next(&at, &a));
    assert_true(via_arg_is(&a, "c"));
    assert_int_equal(a.val_len, 0);
    assert_false(via_args_next(&at, &a));
    assert_false(via_args_next(&at, &a));
}

static int number(const char *text, uint32_t min, uint32_t max, uint32_t *out) {
    struct via_arg a = {.val = text, .val_len = (uint32_t)strlen(text)};

    return via_arg_number(&a, min, max, out);
}

static void number_out_of_bounds_is_refused(void **state) {
    uint32_t n = 77;

    (void)state;
    assert_int_equal(number("10", 10, 20, &n), 0);
    assert_int_equal(n, 10);
    assert_int_equal(number("4294967295", 0, UINT32_MAX, &n), 0);
    assert_int_equal(n, UINT32_MAX);
    n = 77;
    assert_int_equal(number("9", 10, 20, &n), -EINVAL);
    assert_int_equal(number("21", 10, 20, &n), -EINVAL);
    assert_int_equal(number("4294967296", 0, UINT32_MAX, &n), -EINVAL);
    assert_int_equal(number("99999999999", 0, UINT32_MAX, &n), -EINVAL);
    assert_int_equal(number("", 0, 9, &n), -EINVAL);
    assert_int_equal(number("-1", 0, 9, &n), -EINVAL);
    assert_int_equal(number("1x", 0, 99, &n), -EINVAL);
    assert_int_equal(n, 77);
}

static void switches_have_three_spellings(void **state) {
    static const char *const on[] = {"on", "1", "yes"}, *const off[] = {"off", "0", "no"};
    struct via_arg a;
    unsigned i;
    bool b;

    (void)state;
    for (i = 0; i < 3; i++) {
        a.val = on[i];
        a.val_len = (uint32_t)strlen(on[i]);
        b = false;
        assert_int_equal(via_arg_switch(&a, &b), 0);
        assert_true(b);
        a.val = off[i];
        a.val_len = (uint32_t)strlen(off[i]);
        assert_int_equal(via_arg_switch(&a, &b), 0);
        assert_false(b);
    }
    a.val = "maybe";
    a.val_len = 5;
    assert_int_equal(via_arg_switch(&a, &b), -EINVAL);
}

static int decimal(const char *text, double *out) {
    struct via_arg a = {.val = text, .val_len = (uint32_t)strlen(text)};

    return via_arg_decimal(&a, 0.5, 1000, out);
}

static void decimal_has_a_point_whatever_the_locale(void **state) {
    static const char *const bad[] = {"", ".", "0.4", "1001", "-1", "1e2", "1,5", "1.5.", "1.5x", "0000000000000000001"};
    double v = 0;

    (void)state;
    assert_int_equal(decimal("0.5", &v), 0);
    assert_true(v == 0.5);
    assert_int_equal(decimal("12.25", &v), 0);
    assert_true(v == 12.25);
    assert_int_equal(decimal("1000.", &v), 0);
    assert_true(v == 1000);
    for (unsigned i = 0; i < VIA_COUNT(bad); i++)
        assert_int_equal(decimal(bad[i], &v), -EINVAL);
    assert_true(v == 1000);
}

static void sentence_never_exceeds_its_room(void **state) {
    struct via_vi_dev dev;
    char why[VIA_WHY + 1];

    (void)state;
    memset(&dev, 0, sizeof dev);
    assert_int_equal(via_vi_say(&dev, -EPERM, "to nobody %d", 1), -EPERM);
    dev.why = why;
    why[VIA_WHY] = 'x';
    assert_int_equal(via_vi_say(&dev, -EBUSY, "%0400d", 1), -EBUSY);
    assert_int_equal(strlen(why), VIA_WHY - 1);
    assert_int_equal(why[VIA_WHY], 'x');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(argument_ends_at_the_colon),      cmocka_unit_test(argument_without_room_is_refused),
        cmocka_unit_test(options_come_one_by_one),         cmocka_unit_test(number_out_of_bounds_is_refused),
        cmocka_unit_test(switches_have_three_spellings),   cmocka_unit_test(sentence_never_exceeds_its_room),
        cmocka_unit_test(decimal_has_a_point_whatever_the_locale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
