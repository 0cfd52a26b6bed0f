/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/attr.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int setup(void **state) {
    unsetenv("VIA_ATTR");
    return via_attr_new(NULL, (struct via_attr **)state);
}

static int teardown(void **state) {
    via_attr_free(*state);
    return unsetenv("VIA_ATTR");
}

static void value_is(const struct via_attr *a, const char *name, const char *want) {
    char buf[32];

    assert_int_equal(via_attr_get(a, name, buf, sizeof buf), strlen(want));
    assert_string_equal(buf, want);
}

/* Sets and reads back. */
static void becomes(struct via_attr *a, const char *name, const char *value, const char *canonical) {
    assert_int_equal(via_attr_set(a, name, value), 0);
    assert_string_equal(via_attr_why(a), "");
    value_is(a, name, canonical);
}

/* Refused with a sentence that holds `word`, and nothing changed. */
static void is_refused(struct via_attr *a, const char *name, const char *value, int err, const char *word) {
    const struct via_attrs before = *via_attr_values(a);

    assert_int_equal(via_attr_set(a, name, value), err);
    assert_non_null(strstr(via_attr_why(a), word));
    assert_memory_equal(&before, via_attr_values(a), sizeof before);
}

static void set_begins_with_the_defaults_of_the_list(void **state) {
    struct via_attrs v;

    memset(&v, 0xff, sizeof v);
    via_attrs_default(&v);
    assert_memory_equal(&v, via_attr_values(*state), sizeof v);
    assert_memory_equal(&v, via_attr_values(NULL), sizeof v);
#define VIA_ATTR(type, name, def, min, max, help) assert_true(v.name == (uint64_t)(def));
#include <viaduct/attr.def>
#undef VIA_ATTR
    value_is(*state, "frame_size", "2k");
    value_is(*state, "neigh_reachable", "30s");
    value_is(*state, "pmtu", "on");
    value_is(*state, "ttl", "64");
}

static int check_doc(const struct via_attr_doc *d, void *arg) {
    struct via_attr *a = arg;
    char text[32];

    assert_true(d->value >= d->min && d->value <= d->max);
    assert_true(strlen(d->name) < 32 && strlen(d->help) > 0);
    assert_null(strchr(d->help, '\n'));
    if (strcmp(d->type, "flag") == 0)
        assert_true(d->min == 0 && d->max == 1);
    /* What is read back is taken again. */
    assert_true(via_attr_get(a, d->name, text, sizeof text) > 0);
    assert_int_equal(via_attr_set(a, d->name, text), 0);
    if (strcmp(d->name, "frame_size") == 0)
        return 0;
    snprintf(text, sizeof text, "%llu", (unsigned long long)d->max);
    assert_int_equal(via_attr_set(a, d->name, text), 0);
    if (strcmp(d->name, "port_low") == 0)
        assert_int_equal(via_attr_set(a, d->name, "1"), 0);
    if (strcmp(d->type, "flag") == 0)
        return 0;
    snprintf(text, sizeof text, "%llu", (unsigned long long)d->max + 1);
    is_refused(a, d->name, text, -ERANGE, d->name);
    if (d->min) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)d->min - 1);
        is_refused(a, d->name, text, -ERANGE, " to ");
    }
    return 0;
}

static void every_attribute_has_a_valid_default_and_keeps_its_range(void **state) {
    assert_int_equal(via_attr_set(*state, "port_high", "65535"), 0);
    assert_int_equal(via_attr_doc("*", check_doc, *state), 0);
}

static void sizes_take_binary_units(void **state) {
    becomes(*state, "frame_size", "4k", "4k");
    becomes(*state, "frame_size", "2048", "2k");
    becomes(*state, "frame_size", "0.00390625m", "4k");
    is_refused(*state, "frame_size", "4kb", -EINVAL, "size");
    is_refused(*state, "frame_size", "4 k", -EINVAL, "size");
    is_refused(*state, "frame_size", "0.3k", -EINVAL, "size"); /* 307.2 bytes */
    is_refused(*state, "frame_size", "1g", -ERANGE, "2k to 4k");
    is_refused(*state, "frame_size", "4ms", -EINVAL, "size");
}

static void times_take_units_and_fractions(void **state) {
    becomes(*state, "merge_hold", "1500", "1500ns");
    becomes(*state, "merge_hold", "1500ns", "1500ns");
    becomes(*state, "merge_hold", "200us", "200us");
    becomes(*state, "merge_hold", "1.5ms", "1500us");
    becomes(*state, "merge_hold", "0.000001ms", "1ns");
    becomes(*state, "merge_hold", "0.5s", "500ms");
    becomes(*state, "merge_hold", "0.123456789s", "123456789ns");
    becomes(*state, "merge_hold", "1s", "1s");
    becomes(*state, "merge_hold", "0", "0");
    becomes(*state, "merge_hold", "1000.000us", "1ms");
    is_refused(*state, "merge_hold", "0.5", -EINVAL, "time");
    is_refused(*state, "merge_hold", "1.5ns", -EINVAL, "time");
    is_refused(*state, "merge_hold", "0.0000001ms", -EINVAL, "time");
    is_refused(*state, "merge_hold", "1.s", -EINVAL, "time");
    is_refused(*state, "merge_hold", ".5s", -EINVAL, "time");
    is_refused(*state, "merge_hold", "1.0000000000s", -EINVAL, "time"); /* ten digits */
    is_refused(*state, "merge_hold", "1..5s", -EINVAL, "time");
    is_refused(*state, "merge_hold", "1m", -EINVAL, "time");
    is_refused(*state, "merge_hold", "1S", -EINVAL, "time");
    is_refused(*state, "merge_hold", "1001ms", -ERANGE, "0 to 1s");
}

static void counts_and_choices_are_plain_numbers(void **state) {
    becomes(*state, "ttl", "255", "255");
    becomes(*state, "ttl", "007", "7");
    becomes(*state, "checksum", "2", "2");
    is_refused(*state, "ttl", "", -EINVAL, "whole number");
    is_refused(*state, "ttl", "-1", -EINVAL, "whole number");
    is_refused(*state, "ttl", "+1", -EINVAL, "whole number");
    is_refused(*state, "ttl", " 1", -EINVAL, "whole number");
    is_refused(*state, "ttl", "1.0", -EINVAL, "whole number");
    is_refused(*state, "ttl", "1k", -EINVAL, "whole number");
    is_refused(*state, "ttl", "0x10", -EINVAL, "whole number");
    is_refused(*state, "ttl", "0", -ERANGE, "1 to 255");
    is_refused(*state, "ttl", "256", -ERANGE, "1 to 255");
    is_refused(*state, "checksum", "3", -ERANGE, "checksum");
}

static void flags_have_six_words(void **state) {
    static const char *const words[] = {"on", "off", "yes", "no", "1", "0"};
    size_t i;

    for (i = 0; i < VIA_COUNT(words); i++)
        becomes(*state, "pmtu", words[i], i & 1 ? "off" : "on");
    is_refused(*state, "pmtu", "true", -EINVAL, "on or off");
    is_refused(*state, "pmtu", "ON", -EINVAL, "on or off");
    is_refused(*state, "pmtu", "2", -EINVAL, "on or off");
    is_refused(*state, "pmtu", "", -EINVAL, "on or off");
}

static void numbers_beyond_64_bits_are_out_of_range(void **state) {
    is_refused(*state, "ttl", "18446744073709551616", -ERANGE, "ttl");
    is_refused(*state, "ttl", "99999999999999999999999999999999999999999999", -ERANGE, "ttl");
    is_refused(*state, "merge_hold", "18446744073709551615s", -ERANGE, "merge_hold");
    is_refused(*state, "merge_hold", "18446744073.999999999s", -ERANGE, "merge_hold");
    is_refused(*state, "frame_size", "17179869185g", -ERANGE, "frame_size"); /* 2^64 + 2^30 */
    is_refused(*state, "frame_size", "17179869184.000001g", -EINVAL, "frame_size");
}

static void unknown_name_is_refused_by_name(void **state) {
    char buf[8];

    is_refused(*state, "no_such", "1", -ENOENT, "no_such");
    is_refused(*state, "", "1", -ENOENT, "''");
    is_refused(*state, "TTL", "1", -ENOENT, "TTL");
    assert_int_equal(via_attr_get(*state, "no_such", buf, sizeof buf), -ENOENT);
}

static void values_that_do_not_fit_are_refused_with_a_sentence(void **state) {
    is_refused(*state, "frame_size", "3000", -EINVAL, "frame_size: 3000 is neither 2048 nor 4096");
    is_refused(*state, "rx_ring", "100", -EINVAL, "rx_ring: 100 is not a power of two");
    is_refused(*state, "tx_ring", "513", -EINVAL, "tx_ring: 513 is not a power of two");
    is_refused(*state, "port_low", "61000", -EINVAL, "port_low: 61000 is above port_high, 60999");
    is_refused(*state, "port_high", "32767", -EINVAL, "port_low: 32768 is above port_high, 32767");
    becomes(*state, "port_high", "32768", "32768");
    becomes(*state, "rx_ring", "1024", "1024");
}

static void success_clears_the_sentence(void **state) {
    is_refused(*state, "ttl", "x", -EINVAL, "ttl");
    becomes(*state, "ttl", "1", "1");
}

static void get_needs_room_for_the_zero(void **state) {
    char buf[4] = "abc";

    assert_int_equal(via_attr_get(*state, "frames", buf, 4), -ENOSPC);
    assert_string_equal(buf, "abc");
    assert_int_equal(via_attr_get(*state, "ttl", buf, 2), -ENOSPC);
    assert_int_equal(via_attr_get(*state, "ttl", NULL, 0), -ENOSPC);
    assert_int_equal(via_attr_get(*state, "ttl", buf, 3), 2);
    assert_string_equal(buf, "64");
}

static void null_arguments_are_refused(void **state) {
    char buf[4];

    assert_int_equal(via_attr_new("ttl=1", NULL), -EINVAL);
    assert_int_equal(via_attr_set(NULL, "ttl", "1"), -EINVAL);
    assert_int_equal(via_attr_set(*state, NULL, "1"), -EINVAL);
    assert_int_equal(via_attr_set(*state, "ttl", NULL), -EINVAL);
    assert_int_equal(via_attr_get(NULL, "ttl", buf, 4), -EINVAL);
    assert_int_equal(via_attr_get(*state, NULL, buf, 4), -EINVAL);
    assert_int_equal(via_attr_get(*state, "ttl", NULL, 4), -EINVAL);
    assert_int_equal(via_attr_doc(NULL, check_doc, NULL), -EINVAL);
    assert_int_equal(via_attr_doc("*", NULL, NULL), -EINVAL);
    assert_string_equal(via_attr_why(NULL), "");
    via_attr_free(NULL);
}

/* A set from a spec that must be taken; freed by the caller. */
static struct via_attr *made(const char *spec) {
    struct via_attr *a = NULL;

    assert_int_equal(via_attr_new(spec, &a), 0);
    assert_non_null(a);
    assert_string_equal(via_attr_why(a), "");
    return a;
}

static struct via_attr *refused(const char *spec, int err, const char *word) {
    struct via_attr *a = NULL;

    assert_int_equal(via_attr_new(spec, &a), err);
    assert_non_null(a);
    assert_non_null(strstr(via_attr_why(a), word));
    return a;
}

static void spec_is_a_list_with_blanks_and_empty_items(void **state) {
    struct via_attr *a = made(" ttl = 3 ;; pmtu=off;\tmerge_hold=\t5us ; ;ttl=4;");

    (void)state;
    value_is(a, "ttl", "4");
    value_is(a, "pmtu", "off");
    value_is(a, "merge_hold", "5us");
    via_attr_free(a);
    via_attr_free(made(""));
    via_attr_free(made(";"));
}

static void order_of_items_does_not_matter(void **state) {
    struct via_attr *a = made("port_low=61000;port_high=62000");

    (void)state;
    value_is(a, "port_low", "61000");
    value_is(a, "port_high", "62000");
    via_attr_free(a);
    a = made("port_high=2000;port_low=1000");
    value_is(a, "port_low", "1000");
    via_attr_free(a);
}

static void bad_spec_leaves_a_valid_set_with_what_came_before(void **state) {
    struct via_attr *a = refused("ttl=3;pmtu=maybe;dad_probes=2", -EINVAL, "pmtu: 'maybe' is not on or off");

    (void)state;
    value_is(a, "ttl", "3");
    value_is(a, "pmtu", "on");
    value_is(a, "dad_probes", "1");
    via_attr_free(a);
    a = refused("ttl=3;port_low=61000", -EINVAL, "port_low");
    value_is(a, "ttl", "3");
    value_is(a, "port_low", "32768");
    via_attr_free(a);
    via_attr_free(refused("ttl", -EINVAL, "'ttl' is not name=value"));
    via_attr_free(refused("ttl=", -EINVAL, "ttl"));
    via_attr_free(refused("=3", -ENOENT, "''"));
    via_attr_free(refused("ttl=3=4", -EINVAL, "3=4"));
    via_attr_free(refused("ttl=300", -ERANGE, "300"));
    via_attr_free(refused("colour=red", -ENOENT, "colour"));
}

static void endless_words_are_refused(void **state) {
    char spec[300];

    (void)state;
    memset(spec, 'x', sizeof spec);
    spec[sizeof spec - 1] = 0;
    via_attr_free(refused(spec, -EINVAL, "too long"));
    memcpy(spec, "ttl=", 4);
    via_attr_free(refused(spec, -EINVAL, "too long"));
    memset(spec, '7', sizeof spec - 1);
    memcpy(spec, "ttl=", 4);
    spec[4 + 64] = 0;
    via_attr_free(refused(spec, -EINVAL, "too long"));
    spec[4 + 63] = 0;
    via_attr_free(refused(spec, -ERANGE, "ttl: 777"));
}

static void environment_is_read_only_on_request(void **state) {
    struct via_attr *a;

    (void)state;
    setenv("VIA_ATTR", "ttl=9;pmtu=off", 1);
    a = made("dad_probes=3");
    value_is(a, "ttl", "64");
    via_attr_free(a);
    a = made(VIA_ATTR_FROM_ENV);
    value_is(a, "ttl", "9");
    value_is(a, "pmtu", "off");
    via_attr_free(a);
    a = made(VIA_ATTR_FROM_ENV "ttl=10");
    value_is(a, "ttl", "10");
    value_is(a, "pmtu", "off");
    via_attr_free(a);
    via_attr_free(refused("ttl=3;env;", -EINVAL, "env")); /* a prefix, not an item */
    unsetenv("VIA_ATTR");
    a = made(VIA_ATTR_FROM_ENV "ttl=10");
    value_is(a, "ttl", "10");
    via_attr_free(a);
}

static void environment_and_spec_are_judged_together(void **state) {
    struct via_attr *a;

    (void)state;
    setenv("VIA_ATTR", "port_low=61000", 1);
    a = made(VIA_ATTR_FROM_ENV "port_high=62000");
    value_is(a, "port_low", "61000");
    via_attr_free(a);
    via_attr_free(refused(VIA_ATTR_FROM_ENV, -EINVAL, "port_low"));
}

static void fault_in_the_environment_is_named_as_such(void **state) {
    (void)state;
    setenv("VIA_ATTR", "ttl=many", 1);
    via_attr_free(refused(VIA_ATTR_FROM_ENV "ttl=3", -EINVAL, "environment variable VIA_ATTR: ttl: 'many'"));
}

static int count_docs(const struct via_attr_doc *d, void *arg) {
    (void)d;
    ++*(unsigned *)arg;
    return 0;
}

static int stop_at_second(const struct via_attr_doc *d, void *arg) {
    (void)d;
    return ++*(unsigned *)arg == 2 ? 4711 : 0;
}

static int keep_doc(const struct via_attr_doc *d, void *arg) {
    *(struct via_attr_doc *)arg = *d;
    return 0;
}

static void documentation_is_picked_by_pattern(void **state) {
    struct via_attr_doc d;
    unsigned n = 0, all = 0;

    (void)state;
    assert_int_equal(via_attr_doc("port_*", count_docs, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(via_attr_doc("*", count_docs, &all), 0);
    assert_int_equal(all, sizeof(struct via_attrs) / sizeof(uint64_t));
    n = 0;
    assert_int_equal(via_attr_doc("*", stop_at_second, &n), 4711);
    assert_int_equal(n, 2);
    n = 0;
    assert_int_equal(via_attr_doc("nothing*", count_docs, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(via_attr_doc("[t]t?", keep_doc, &d), 0);
    assert_string_equal(d.name, "ttl");
    assert_string_equal(d.type, "count");
    assert_int_equal(d.value, 64);
    assert_int_equal(d.min, 1);
    assert_int_equal(d.max, 255);
    assert_string_equal(d.help, "hop limit of unicast packets");
}

static void errno_is_left_alone(void **state) {
    struct via_attr *a = NULL;

    errno = 4711;
    assert_int_equal(via_attr_new("ttl=x", &a), -EINVAL);
    via_attr_free(a);
    assert_int_equal(via_attr_set(*state, "ttl", "99999999999999999999999"), -ERANGE);
    assert_int_equal(errno, 4711);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(set_begins_with_the_defaults_of_the_list, setup, teardown),
        cmocka_unit_test_setup_teardown(every_attribute_has_a_valid_default_and_keeps_its_range, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_take_binary_units, setup, teardown),
        cmocka_unit_test_setup_teardown(times_take_units_and_fractions, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_and_choices_are_plain_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(flags_have_six_words, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_beyond_64_bits_are_out_of_range, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_name_is_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(values_that_do_not_fit_are_refused_with_a_sentence, setup, teardown),
        cmocka_unit_test_setup_teardown(success_clears_the_sentence, setup, teardown),
        cmocka_unit_test_setup_teardown(get_needs_room_for_the_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(null_arguments_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(spec_is_a_list_with_blanks_and_empty_items, setup, teardown),
        cmocka_unit_test_setup_teardown(order_of_items_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_spec_leaves_a_valid_set_with_what_came_before, setup, teardown),
        cmocka_unit_test_setup_teardown(endless_words_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(environment_is_read_only_on_request, setup, teardown),
        cmocka_unit_test_setup_teardown(environment_and_spec_are_judged_together, setup, teardown),
        cmocka_unit_test_setup_teardown(fault_in_the_environment_is_named_as_such, setup, teardown),
        cmocka_unit_test_setup_teardown(documentation_is_picked_by_pattern, setup, teardown),
        cmocka_unit_test_setup_teardown(errno_is_left_alone, setup, teardown),
    };

    return cmocka_run_group_tests_name("stack/attr", tests, NULL, NULL);
}
