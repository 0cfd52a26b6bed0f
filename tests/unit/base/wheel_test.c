/* SPDX-License-Identifier: BSD-2-Clause */
/* wheel_test.c - the timers against a model that keeps an array and searches it. */
#include "base/rand.h"
#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define NODES 2048u
#define YEAR  (365ull * 86400 * VIA_SEC)

/* Two kinds in structures of different size; index i of the model is node i / 2 of one of them. */
struct neigh {
    uint8_t other[13 * 8];
    struct via_tick tick;
};

struct group {
    struct via_tick tick;
    uint8_t other[8];
};

struct due {
    via_ns_t at; /* VIA_NEVER: not armed */
    uint64_t turn;
};

struct bench {
    struct via_wheel w;
    struct via_tick_base kinds[VIA_TICK_KINDS];
    struct neigh neighs[NODES / 2 + 1];
    struct group groups[NODES / 2 + 1];
    struct due due[NODES];
    uint32_t nodes; /* in use */
    uint64_t turn;
    via_ns_t now;
    struct via_rand rand;
};

static void bench_init(struct bench *b, via_ns_t now, uint64_t seed) {
    uint32_t i;

    memset(b, 0, sizeof *b);
    via_wheel_init(&b->w, now);
    b->kinds[VIA_TICK_NEIGH].base = (uint8_t *)&b->neighs[0].tick;
    b->kinds[VIA_TICK_NEIGH].stride = sizeof b->neighs[0];
    b->kinds[VIA_TICK_GROUP].base = (uint8_t *)&b->groups[0].tick;
    b->kinds[VIA_TICK_GROUP].stride = sizeof b->groups[0];
    b->nodes = NODES;
    b->now = now;
    for (i = 0; i < NODES; i++)
        b->due[i].at = VIA_NEVER;
    assert_int_equal(via_rand_init(&b->rand, seed), 0);
}

static uint32_t id_of(uint32_t i) {
    return via_tick_id(i & 1 ? VIA_TICK_NEIGH : VIA_TICK_GROUP, i / 2 + 1);
}

static uint32_t index_of(uint32_t id) {
    return (via_tick_index_of(id) - 1) * 2 + (via_tick_kind_of(id) == VIA_TICK_NEIGH);
}

static struct via_tick *tick_of(struct bench *b, uint32_t i) {
    return i & 1 ? &b->neighs[i / 2 + 1].tick : &b->groups[i / 2 + 1].tick;
}

static void arm(struct bench *b, uint32_t i, via_ns_t at) {
    via_wheel_arm(&b->w, b->kinds, id_of(i), at);
    b->due[i].at = at < b->now ? b->now : at;
    b->due[i].turn = ++b->turn;
    assert_int_equal(via_tick_armed(tick_of(b, i)), at != VIA_NEVER);
    if (at != VIA_NEVER)
        assert_true(tick_of(b, i)->at == b->due[i].at);
}

static void disarm(struct bench *b, uint32_t i) {
    bool armed = b->due[i].at != VIA_NEVER;

    assert_int_equal(via_wheel_disarm(&b->w, b->kinds, id_of(i)), armed);
    assert_false(via_tick_armed(tick_of(b, i)));
    b->due[i].at = VIA_NEVER;
}

static uint32_t model_first(const struct bench *b) {
    uint32_t i, best = UINT32_MAX;

    for (i = 0; i < b->nodes; i++) {
        const struct due *d = &b->due[i];

        if (d->at == VIA_NEVER)
            continue;
        if (best == UINT32_MAX || d->at < b->due[best].at ||
            (d->at == b->due[best].at && d->turn < b->due[best].turn))
            best = i;
    }
    return best;
}

static void next_is_that_of_the_model(struct bench *b) {
    uint32_t first = model_first(b);

    assert_true(via_wheel_next(&b->w, b->kinds) == (first == UINT32_MAX ? VIA_NEVER : b->due[first].at));
}

/* One pop at `now`; false if nothing was due. */
static bool pop(struct bench *b, via_ns_t now) {
    uint32_t first = model_first(b), id;

    if (now > b->now)
        b->now = now;
    id = via_wheel_pop(&b->w, b->kinds, now);
    if (first == UINT32_MAX || b->due[first].at > now) {
        assert_int_equal(id, 0);
        return false;
    }
    assert_int_not_equal(id, 0);
    assert_int_equal(index_of(id), first);
    assert_false(via_tick_armed(tick_of(b, first)));
    b->due[first].at = VIA_NEVER;
    return true;
}

static uint32_t pop_all(struct bench *b, via_ns_t now) {
    uint32_t n = 0;

    while (pop(b, now))
        n++;
    return n;
}

static int setup(void **state) {
    *state = malloc(sizeof(struct bench));
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    free(*state);
    return 0;
}

static void empty_wheel_has_no_deadline(void **state) {
    struct bench *b = *state;

    bench_init(b, 12345, 1);
    assert_true(via_wheel_next(&b->w, b->kinds) == VIA_NEVER);
    assert_false(pop(b, 12345));
    assert_false(pop(b, VIA_NEVER - 1));
    disarm(b, 0);
    assert_true(via_wheel_valid(&b->w, b->kinds));
}

static void node_fires_at_its_nanosecond_and_not_before(void **state) {
    struct bench *b = *state;
    unsigned shift;

    for (shift = 0; shift < 64; shift++) {
        const via_ns_t at = 1ull << shift;

        bench_init(b, 0, 1);
        arm(b, 0, at);
        assert_true(via_wheel_next(&b->w, b->kinds) == at);
        assert_false(pop(b, at - 1));
        assert_true(via_wheel_next(&b->w, b->kinds) == at);
        assert_true(pop(b, at));
        assert_true(via_wheel_next(&b->w, b->kinds) == VIA_NEVER);
        assert_int_equal(b->w.count, 0);
    }
}

static void boundaries_of_all_levels_are_exact(void **state) {
    struct bench *b = *state;
    unsigned level, start;
    int off;

    for (start = 0; start < 3; start++) {
        const via_ns_t from = start == 0 ? 0 : start == 1 ? 1023 : 987654321987654321ull;

        bench_init(b, from, 1);
        b->nodes = 0;
        for (level = 0; level < VIA_WHEEL_LEVELS; level++) {
            const via_ns_t edge = 1ull << (VIA_WHEEL_SHIFT + level * VIA_WHEEL_BITS);
            const via_ns_t up = (from + edge) / edge * edge;

            for (off = -1025; off <= 1025; off += 41)
                arm(b, b->nodes++, up + (via_ns_t)(int64_t)off < from ? from : up + (via_ns_t)(int64_t)off);
        }
        while (b->w.count) {
            via_ns_t at = via_wheel_next(&b->w, b->kinds);

            next_is_that_of_the_model(b);
            if (at > b->now)
                assert_false(pop(b, at - 1));
            assert_true(pop(b, at));
        }
    }
}

static void equal_deadlines_fire_in_order_of_arming(void **state) {
    struct bench *b = *state;
    const via_ns_t at = 7 * VIA_SEC + 3;
    uint32_t i;

    bench_init(b, 0, 1);
    b->nodes = 200;
    /* From ever nearer, so that they begin at different levels; each third one comes back to the end. */
    for (i = 0; i < 200; i++) {
        arm(b, i, at);
        assert_false(pop(b, at - at / (i + 1)));
    }
    for (i = 0; i < 200; i += 3)
        arm(b, i, at);
    assert_int_equal(pop_all(b, at), 200);
}

static void never_disarms(void **state) {
    struct bench *b = *state;

    bench_init(b, 5, 1);
    arm(b, 0, VIA_NEVER);
    assert_int_equal(b->w.count, 0);
    arm(b, 0, 100);
    arm(b, 0, VIA_NEVER);
    assert_int_equal(b->w.count, 0);
    assert_true(via_wheel_next(&b->w, b->kinds) == VIA_NEVER);
    arm(b, 1, VIA_NEVER - 1);
    assert_true(via_wheel_next(&b->w, b->kinds) == VIA_NEVER - 1);
    assert_false(pop(b, VIA_NEVER - 2));
    assert_true(pop(b, VIA_NEVER - 1));
}

static void past_deadline_is_due_after_all_that_were_due(void **state) {
    struct bench *b = *state;

    bench_init(b, 10 * VIA_SEC, 1);
    arm(b, 0, 10 * VIA_SEC + 500);
    arm(b, 1, 11 * VIA_SEC);
    arm(b, 2, 12 * VIA_SEC);
    assert_true(pop(b, 11 * VIA_SEC)); /* node 0; the time reached is 11 s */
    arm(b, 3, 1);
    arm(b, 4, 0);
    assert_true(via_wheel_next(&b->w, b->kinds) == 11 * VIA_SEC);
    assert_int_equal(index_of(via_wheel_pop(&b->w, b->kinds, 11 * VIA_SEC)), 1);
    assert_int_equal(index_of(via_wheel_pop(&b->w, b->kinds, 11 * VIA_SEC)), 3);
    assert_int_equal(index_of(via_wheel_pop(&b->w, b->kinds, 11 * VIA_SEC)), 4);
    assert_int_equal(via_wheel_pop(&b->w, b->kinds, 11 * VIA_SEC), 0);
    assert_true(via_wheel_next(&b->w, b->kinds) == 12 * VIA_SEC);
}

static void earlier_time_fires_only_what_was_due_then(void **state) {
    struct bench *b = *state;

    bench_init(b, 0, 1);
    arm(b, 0, 1000000);
    arm(b, 1, 2000000);
    assert_true(pop(b, 3000000));
    assert_false(pop(b, 1500000));
    arm(b, 2, 1600000); /* the time reached stays 3 ms */
    assert_true(tick_of(b, 2)->at == 3000000);
    assert_true(pop(b, 2000000));
    assert_false(pop(b, 2999999));
    assert_true(pop(b, 3000000));
}

static void re_arming_while_popping_works_over_a_jump_of_years(void **state) {
    struct bench *b = *state;
    uint32_t i, fired = 0;

    bench_init(b, 0, 3);
    b->nodes = 64;
    for (i = 0; i < 64; i++)
        arm(b, i, i * 77 * VIA_MS);
    while (fired < 20000) {
        const via_ns_t jump = via_rand_below(&b->rand, 4) ? VIA_SEC : 30 * YEAR / 100;

        b->now += jump;
        while (pop(b, b->now) && fired < 20000) {
            uint32_t back = via_rand_below(&b->rand, 64);

            fired++;
            if (b->due[back].at == VIA_NEVER)
                arm(b, back, b->now + 1 + via_rand64(&b->rand) % (2 * VIA_SEC));
        }
        next_is_that_of_the_model(b);
        for (i = 0; i < 64; i++)
            if (b->due[i].at == VIA_NEVER)
                arm(b, i, b->now + via_rand64(&b->rand) % VIA_SEC);
    }
}

/* A time ahead, of all orders of magnitude; now and then on a round number or equal to another's. */
static via_ns_t random_time(struct bench *b) {
    const uint64_t r = via_rand64(&b->rand);
    const via_ns_t at = b->now + (via_rand64(&b->rand) >> (r & 63));

    if ((r >> 8 & 15) == 0)
        return b->due[(r >> 16) % b->nodes].at;
    if ((r >> 8 & 15) == 1)
        return at & ~((1ull << (r >> 16 & 63)) - 1);
    if ((r >> 8 & 15) == 2)
        return b->now + (r >> 16 & 2047);
    return at < b->now ? VIA_NEVER - 1 : at;
}

static void random_steps(struct bench *b, uint32_t steps, unsigned jump_bits) {
    while (steps--) {
        const uint32_t i = via_rand_below(&b->rand, b->nodes), what = via_rand_below(&b->rand, 100);
        const via_ns_t later = b->due[i].at == VIA_NEVER ? 0 : via_rand64(&b->rand) >> 40;

        if (what < 40)
            arm(b, i, random_time(b));
        else if (what < 60)
            arm(b, i, b->due[i].at == VIA_NEVER ? b->now + 1 : via_after(b->due[i].at, later));
        else if (what < 75)
            disarm(b, i);
        else if (what < 85)
            next_is_that_of_the_model(b);
        else if (what < 95)
            pop(b, b->now + (via_rand64(&b->rand) >> (64 - jump_bits)) % 65536);
        else if (b->now >> 62 == 0)
            pop_all(b, b->now + (via_rand64(&b->rand) >> (64 - via_rand_below(&b->rand, jump_bits) - 1)));
    }
    assert_true(via_wheel_valid(&b->w, b->kinds));
}

static void wheel_agrees_with_the_model_over_long_random_runs(void **state) {
    struct bench *b = *state;
    uint64_t seed;

    for (seed = 1; seed <= 60; seed++) {
        const uint32_t nodes[] = {1, 2, 7, 40, 300};

        bench_init(b, seed % 3 ? seed * 1000003 * VIA_MS : 0, seed);
        b->nodes = nodes[seed % VIA_COUNT(nodes)];
        random_steps(b, 6000, seed & 1 ? 30 : 54);
        disarm(b, 0);
        pop_all(b, VIA_NEVER - 1);
        assert_int_equal(b->w.count, 0);
        assert_true(via_wheel_next(&b->w, b->kinds) == VIA_NEVER);
    }
}

static void wheel_repeats_itself_from_a_seed(void **state) {
    struct bench *b = *state, *c;

    c = malloc(sizeof *c);
    assert_non_null(c);
    bench_init(b, 99, 5);
    b->nodes = 50;
    random_steps(b, 2000, 30);
    bench_init(c, 99, 5);
    c->nodes = 50;
    random_steps(c, 2000, 30);
    assert_memory_equal(&b->w, &c->w, sizeof b->w);
    assert_memory_equal(b->neighs, c->neighs, sizeof b->neighs);
    free(c);
}

/* What protocols do: the deadline moves ahead of the clock with every packet. */
static void deadline_that_keeps_moving_is_always_exact(void **state) {
    struct bench *b = *state;
    uint32_t i;

    bench_init(b, 0, 1);
    b->nodes = 3;
    arm(b, 1, 10 * VIA_SEC);
    arm(b, 2, 300 * VIA_MS);
    for (i = 0; i < 100000; i++) {
        arm(b, 0, i * 10 * VIA_US + 200 * VIA_MS);
        if (b->due[2].at == VIA_NEVER)
            arm(b, 2, b->now + 300 * VIA_MS);
        next_is_that_of_the_model(b);
        pop_all(b, i * 10 * VIA_US);
    }
}

/* Requests time out in the order of asking, and are cancelled in that order too: the earliest goes each time. */
static void earliest_that_goes_again_and_again_leaves_an_exact_deadline(void **state) {
    struct bench *b = *state;
    uint32_t i;

    bench_init(b, 0, 1);
    for (i = 0; i < NODES; i++)
        arm(b, i, 30 * VIA_SEC + i * VIA_US + (i * 7919) % 1000);
    for (i = 0; i < NODES; i++) {
        next_is_that_of_the_model(b);
        disarm(b, model_first(b));
    }
    assert_int_equal(b->w.count, 0);
}

/* Who asks "is anything due?" by a comparison alone must not find it so for ever after something was. */
static void search_that_finds_nothing_is_not_made_again(void **state) {
    struct bench *b = *state;
    uint32_t i;

    bench_init(b, 0, 1);
    for (i = 1; i <= 20; i++)
        arm(b, i, (via_ns_t)1 << 2 * i);
    for (i = 1; i < 20; i++) {
        via_ns_t now = (via_ns_t)1 << 2 * i;

        assert_int_not_equal(via_wheel_pop(&b->w, b->kinds, now), 0);
        assert_int_equal(via_wheel_pop(&b->w, b->kinds, now), 0);
        assert_true(b->w.next > now);
        assert_true(b->w.next <= now << 2);
    }
}

static void walker_sees_what_is_wrong(void **state) {
    struct bench *b = *state;
    uint32_t i;

    bench_init(b, 0, 1);
    for (i = 0; i < 10; i++)
        arm(b, i, VIA_SEC + i);
    assert_true(via_wheel_valid(&b->w, b->kinds));
    b->w.count++;
    assert_false(via_wheel_valid(&b->w, b->kinds));
    b->w.count--;
    b->w.next++;
    assert_false(via_wheel_valid(&b->w, b->kinds));
    b->w.next--;
    b->w.busy[0] ^= 1;
    assert_false(via_wheel_valid(&b->w, b->kinds));
    b->w.busy[0] ^= 1;
    tick_of(b, 5)->at = VIA_MS;
    assert_false(via_wheel_valid(&b->w, b->kinds));
    tick_of(b, 5)->at = VIA_SEC + 5;
    tick_of(b, 5)->prev = id_of(9);
    assert_false(via_wheel_valid(&b->w, b->kinds));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_wheel_has_no_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(node_fires_at_its_nanosecond_and_not_before, setup, teardown),
        cmocka_unit_test_setup_teardown(boundaries_of_all_levels_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_deadlines_fire_in_order_of_arming, setup, teardown),
        cmocka_unit_test_setup_teardown(never_disarms, setup, teardown),
        cmocka_unit_test_setup_teardown(past_deadline_is_due_after_all_that_were_due, setup, teardown),
        cmocka_unit_test_setup_teardown(earlier_time_fires_only_what_was_due_then, setup, teardown),
        cmocka_unit_test_setup_teardown(re_arming_while_popping_works_over_a_jump_of_years, setup, teardown),
        cmocka_unit_test_setup_teardown(wheel_agrees_with_the_model_over_long_random_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(wheel_repeats_itself_from_a_seed, setup, teardown),
        cmocka_unit_test_setup_teardown(deadline_that_keeps_moving_is_always_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(earliest_that_goes_again_and_again_leaves_an_exact_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(search_that_finds_nothing_is_not_made_again, setup, teardown),
        cmocka_unit_test_setup_teardown(walker_sees_what_is_wrong, setup, teardown),
    };

    return cmocka_run_group_tests_name("base/wheel", tests, NULL, NULL);
}
