/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/core.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct sink {
    unsigned lines;
    int component, level;
    char last[300], before[300];
};

struct bench {
    struct via_core c;
    struct via_core_state s;
    struct sink sink;
};

static void keep(void *ctx, int component, int level, const char *line) {
    struct sink *k = ctx;

    k->lines++;
    k->component = component;
    k->level = level;
    memcpy(k->before, k->last, sizeof k->before);
    snprintf(k->last, sizeof k->last, "%s", line);
    errno = EPIPE;
}

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);

    *state = b;
    if (!b)
        return -1;
    b->c.s = &b->s;
    b->c.log = keep;
    b->c.log_ctx = &b->sink;
    b->c.log_mask = UINT64_MAX;
    b->s.now = 500 * VIA_SEC;
    return 0;
}

static int teardown(void **state) {
    free(*state);
    return 0;
}

static void line_is_formatted_and_handed_over(void **state) {
    struct bench *b = *state;

    via_log(&b->c, VIA_LOG_NET, VIA_LOG_WARN, "route %u of %s", 7u, "via0");
    assert_int_equal(b->sink.lines, 1);
    assert_string_equal(b->sink.last, "route 7 of via0");
    assert_int_equal(b->sink.component, VIA_LOG_NET);
    assert_int_equal(b->sink.level, VIA_LOG_WARN);
}

static void mask_picks_component_and_level(void **state) {
    struct bench *b = *state;

    b->c.log_mask = VIA_LOG_BIT(VIA_LOG_VI, VIA_LOG_INFO) | VIA_LOG_BIT(VIA_LOG_TCP, VIA_LOG_ERROR);
    via_log(&b->c, VIA_LOG_VI, VIA_LOG_ERROR, "no");
    via_log(&b->c, VIA_LOG_VI, VIA_LOG_DEBUG, "no");
    via_log(&b->c, VIA_LOG_TCP, VIA_LOG_INFO, "no");
    via_log(&b->c, VIA_LOG_STACK, VIA_LOG_INFO, "no");
    assert_int_equal(b->sink.lines, 0);
    via_log(&b->c, VIA_LOG_VI, VIA_LOG_INFO, "yes");
    via_log(&b->c, VIA_LOG_TCP, VIA_LOG_ERROR, "yes");
    assert_int_equal(b->sink.lines, 2);
}

static void without_a_hook_nothing_happens(void **state) {
    struct bench *b = *state;

    b->c.log = NULL;
    via_log(&b->c, VIA_LOG_VI, VIA_LOG_ERROR, "nobody listens");
    assert_int_equal(b->c.log_lines, 0);
}

static void line_before_there_is_a_state_is_handed_over(void **state) {
    struct bench *b = *state;

    b->c.s = NULL;
    via_log(&b->c, VIA_LOG_STACK, VIA_LOG_ERROR, "no memory");
    assert_string_equal(b->sink.last, "no memory");
}

static void long_line_is_cut(void **state) {
    struct bench *b = *state;
    char text[1000];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    via_log(&b->c, VIA_LOG_VI, VIA_LOG_ERROR, "%s", text);
    assert_int_equal(strlen(b->sink.last), 255);
}

static void thousand_lines_a_second_and_no_more(void **state) {
    struct bench *b = *state;
    unsigned i;

    for (i = 0; i < 1234; i++) {
        b->s.now += VIA_SEC / 2000;
        via_log(&b->c, VIA_LOG_VI, VIA_LOG_ERROR, "line %u", i);
    }
    assert_int_equal(b->sink.lines, 1000);
    assert_string_equal(b->sink.last, "line 999");
    assert_int_equal(b->c.log_lost, 234);
}

static void next_second_begins_with_how_many_were_left_out(void **state) {
    struct bench *b = *state;
    unsigned i;

    via_log(&b->c, VIA_LOG_VI, VIA_LOG_INFO, "first");
    for (i = 0; i < 1007; i++)
        via_log(&b->c, VIA_LOG_VI, VIA_LOG_INFO, "again");
    b->s.now += VIA_SEC - 1;
    via_log(&b->c, VIA_LOG_VI, VIA_LOG_INFO, "still the same second");
    assert_int_equal(b->sink.lines, 1000);
    b->s.now += 1;
    via_log(&b->c, VIA_LOG_NET, VIA_LOG_INFO, "a new one");
    assert_int_equal(b->sink.lines, 1002);
    assert_string_equal(b->sink.last, "a new one");
    assert_int_equal(b->sink.level, VIA_LOG_INFO);
    assert_non_null(strstr(b->sink.before, "9 lines of the log were left out"));
    via_log(&b->c, VIA_LOG_NET, VIA_LOG_INFO, "told once");
    b->s.now += VIA_SEC;
    via_log(&b->c, VIA_LOG_NET, VIA_LOG_INFO, "not again");
    assert_int_equal(b->sink.lines, 1004);
    assert_int_equal(b->c.log_lost, 9); /* the counter goes on for ever */
}

static void errno_is_left_alone(void **state) {
    struct bench *b = *state;

    errno = 4711;
    via_log(&b->c, VIA_LOG_NET, VIA_LOG_INFO, "%s", "the hook sets errno");
    assert_int_equal(errno, 4711);
}

static void refusal_is_one_statement(void **state) {
    struct bench *b = *state;
    char text[1000];

    assert_int_equal(via_why_set(&b->c, -EBUSY, "xdp: %s: taken", "eth0"), -EBUSY);
    assert_string_equal(b->c.why, "xdp: eth0: taken");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    via_why_set(&b->c, -EBUSY, "%s", text);
    assert_int_equal(strlen(b->c.why), sizeof b->c.why - 1);
}

struct arena {
    unsigned taken, given;
};

static void *take(void *ctx, size_t size) {
    ((struct arena *)ctx)->taken++;
    errno = ENOMEM;
    return size > 100 ? NULL : calloc(1, size);
}

static void give(void *ctx, void *p) {
    ((struct arena *)ctx)->given++;
    free(p);
}

static void memory_comes_from_the_hooks_and_goes_back_to_them(void **state) {
    struct bench *b = *state;
    struct arena a = {0, 0};
    void *p;

    b->c.allocator = (struct via_allocator){.alloc = take, .free = give, .ctx = &a};
    errno = 4711;
    p = via_alloc(&b->c, 100);
    assert_non_null(p);
    assert_null(via_alloc(&b->c, 101));
    via_free(&b->c, p);
    assert_int_equal(a.taken, 2);
    assert_int_equal(a.given, 1);
    assert_int_equal(errno, 4711);
}

static void memory_without_hooks_is_zeroed(void **state) {
    struct bench *b = *state;
    uint8_t *p = via_alloc(&b->c, 64);
    unsigned i;

    assert_non_null(p);
    for (i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    via_free(&b->c, p);
    via_free(&b->c, NULL);
}

static void arena_without_free_keeps_its_memory(void **state) {
    struct bench *b = *state;
    struct arena a = {0, 0};
    void *p;

    b->c.allocator = (struct via_allocator){.alloc = take, .ctx = &a};
    p = via_alloc(&b->c, 10);
    via_free(&b->c, p); /* must not reach free(3) */
    memset(p, 1, 10);
    free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_is_formatted_and_handed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(mask_picks_component_and_level, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_hook_nothing_happens, setup, teardown),
        cmocka_unit_test_setup_teardown(line_before_there_is_a_state_is_handed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(long_line_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(thousand_lines_a_second_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(next_second_begins_with_how_many_were_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(errno_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(refusal_is_one_statement, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_comes_from_the_hooks_and_goes_back_to_them, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_without_hooks_is_zeroed, setup, teardown),
        cmocka_unit_test_setup_teardown(arena_without_free_keeps_its_memory, setup, teardown),
    };

    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
