/* SPDX-License-Identifier: BSD-2-Clause */
/* pool_test.c - pools; pages that were not committed are fenced off, so that touching one is a crash. */
#include "base/pool.h"
#include "base/rand.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SIZE (16ull << 20)

static int setup(void **state) {
    struct via_region *r = malloc(sizeof *r);

    *state = r;
    return r ? via_region_init(r, SIZE, 4096, false) : -1;
}

static int teardown(void **state) {
    via_region_fini(*state);
    free(*state);
    return 0;
}

static uint64_t committed(const struct via_region *r) {
    struct stat st;

    assert_int_equal(fstat(r->fd, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

/* Makes every page outside the two committed ranges of `p` unreachable. */
static void fence(const struct via_pool *p, const struct via_region *r) {
    const uint64_t slots = via_round_up(p->slots + ((uint64_t)p->ready + (p->ready > 0)) * p->size, 4096);
    const uint64_t stack = via_round_up(p->stack + p->ready * 4ull, 4096);

    assert_int_equal(mprotect(r->base, r->size, PROT_READ | PROT_WRITE), 0);
    if (p->stack > slots)
        assert_int_equal(mprotect(r->base + slots, p->stack - slots, PROT_NONE), 0);
    if (r->size > stack)
        assert_int_equal(mprotect(r->base + stack, r->size - stack, PROT_NONE), 0);
}

static void fresh_ids_come_from_one_upwards(void **state) {
    struct via_region *r = *state;
    struct via_pool p;
    uint32_t i;

    assert_int_equal(via_pool_init(&p, r, 64, 100, 10), 0);
    for (i = 1; i <= 100; i++) {
        assert_int_equal(via_pool_get(&p, r), i);
        assert_int_equal(via_pool_used(&p), i);
        assert_true(via_pool_valid(&p, r));
    }
    assert_int_equal(via_pool_get(&p, r), 0);
}

static void freed_ids_come_back_last_in_first_out(void **state) {
    struct via_region *r = *state;
    struct via_pool p;
    uint32_t i;

    assert_int_equal(via_pool_init(&p, r, 64, 1000, 0), 0);
    for (i = 1; i <= 20; i++)
        assert_int_equal(via_pool_get(&p, r), i);
    via_pool_put(&p, r, 7);
    via_pool_put(&p, r, 3);
    via_pool_put(&p, r, 19);
    assert_int_equal(via_pool_get(&p, r), 19);
    assert_int_equal(via_pool_get(&p, r), 3);
    via_pool_put(&p, r, 5);
    assert_int_equal(via_pool_get(&p, r), 5);
    assert_int_equal(via_pool_get(&p, r), 7);
    assert_int_equal(via_pool_get(&p, r), 21);
}

static void exhausted_pool_gives_nobody_and_counts(void **state) {
    struct via_region *r = *state;
    struct via_pool p;

    assert_int_equal(via_pool_init(&p, r, 64, 2, 1), 0);
    assert_int_equal(via_pool_get(&p, r), 1);
    assert_int_equal(via_pool_get(&p, r), 2);
    assert_int_equal(p.fails, 0);
    assert_int_equal(via_pool_get(&p, r), 0);
    assert_int_equal(via_pool_get(&p, r), 0);
    assert_int_equal(p.fails, 2);
    assert_int_equal(via_pool_grow(&p, r), -ENOBUFS);
    assert_int_equal(p.fails, 2);
    via_pool_put(&p, r, 1);
    assert_int_equal(via_pool_get(&p, r), 1);
    assert_int_equal(p.fails, 2);
}

static void pool_of_nothing_and_of_one_work(void **state) {
    struct via_region *r = *state;
    struct via_pool none, one;

    assert_int_equal(via_pool_init(&none, r, 64, 0, 0), 0);
    assert_int_equal(via_pool_get(&none, r), 0);
    assert_int_equal(none.fails, 1);
    assert_int_equal(via_pool_used(&none), 0);
    assert_true(via_pool_valid(&none, r));
    assert_int_equal(via_pool_init(&one, r, 3 * 4096, 1, 0), 0);
    assert_int_equal(via_pool_get(&one, r), 1);
    memset(via_pool_at(&one, r, 1), 0xff, 3 * 4096);
    assert_int_equal(via_pool_get(&one, r), 0);
    via_pool_put(&one, r, 1);
    assert_int_equal(via_pool_get(&one, r), 1);
}

static void slots_are_zero_at_first_use_and_kept_after(void **state) {
    struct via_region *r = *state;
    struct via_pool p;
    uint32_t i, j;

    assert_int_equal(via_pool_init(&p, r, 96, 5000, 1), 0);
    for (i = 1; i <= 5000; i++) {
        uint8_t *at = via_pool_at(&p, r, via_pool_get(&p, r));

        for (j = 0; j < 96; j++)
            assert_int_equal(at[j], 0);
        memset(at, (int)(i & 0xff) | 1, 96);
    }
    via_pool_put(&p, r, 4711);
    assert_int_equal(via_pool_get(&p, r), 4711);
    for (i = 1; i <= 5000; i++) {
        const uint8_t *at = via_pool_at(&p, r, i);

        for (j = 0; j < 96; j++)
            assert_int_equal(at[j], (i & 0xff) | 1);
    }
}

/* Sizes that do and do not divide a page; every slot is written from end to end, everything else is fenced off. */
static void nothing_is_touched_that_is_not_committed(void **state) {
    static const uint32_t sizes[] = {4, 24, 64, 100, 2048, 4096, 4100, 12288, 70000};
    size_t k;

    (void)state;
    for (k = 0; k < VIA_COUNT(sizes); k++) {
        const uint32_t cap = sizes[k] > 4096 ? 60 : sizes[k] > 1000 ? 500 : 20000;
        struct via_region r;
        struct via_pool p;
        uint32_t id, n = 0, ready = 0;

        assert_int_equal(via_region_init(&r, via_pool_bytes(sizes[k], cap), 4096, false), 0);
        assert_int_equal(via_pool_init(&p, &r, sizes[k], cap, 1), 0);
        assert_int_equal(p.ready, 1);
        do {
            if (p.ready != ready) {
                fence(&p, &r);
                ready = p.ready;
            }
            while (p.free) {
                id = via_pool_get(&p, &r);
                memset(via_pool_at(&p, &r, id), 0xee, sizes[k]);
                n++;
            }
            /* What is behind the fence is made usable by whoever commits it. */
            assert_int_equal(mprotect(r.base, r.size, PROT_READ | PROT_WRITE), 0);
        } while (via_pool_grow(&p, &r) == 0);
        assert_int_equal(n, cap);
        assert_true(committed(&r) <= via_pool_bytes(sizes[k], cap));
        assert_true(committed(&r) >= ((uint64_t)cap + 1) * sizes[k] + cap * 4ull);
        via_region_fini(&r);
    }
}

static void pool_commits_only_what_it_handed_out_or_soon_will(void **state) {
    struct via_region *r = *state;
    struct via_pool p;

    assert_int_equal(via_pool_init(&p, r, 64, 200000, 0), 0);
    assert_int_equal(p.ready, 1024); /* a chunk of 64 KiB */
    assert_int_equal(committed(r), (64 << 10) + 4096 + 4096);
}

static void growth_while_in_use_keeps_ids_and_places(void **state) {
    struct via_region *r = *state;
    struct via_pool p;
    uint32_t first, i;
    uint8_t *at;

    assert_int_equal(via_pool_init(&p, r, 64, 4000, 8), 0);
    for (i = 0; i < 8; i++)
        first = via_pool_get(&p, r);
    at = via_pool_at(&p, r, first);
    via_pool_put(&p, r, 2);
    via_pool_put(&p, r, 6);
    assert_int_equal(via_pool_grow(&p, r), 0);
    assert_true(via_pool_valid(&p, r));
    assert_int_equal(p.ready, 8 + 1024);
    assert_ptr_equal(via_pool_at(&p, r, first), at);
    /* The warm ones first, then the fresh ones upwards. */
    assert_int_equal(via_pool_get(&p, r), 6);
    assert_int_equal(via_pool_get(&p, r), 2);
    assert_int_equal(via_pool_get(&p, r), 9);
    assert_int_equal(via_pool_get(&p, r), 10);
}

static void several_pools_do_not_meet(void **state) {
    struct via_region r;
    struct via_pool p[3];
    uint64_t bytes = 0;
    uint32_t k, i;

    (void)state;
    for (k = 0; k < 3; k++)
        bytes += via_pool_bytes(40 + 24 * k, 3000);
    assert_int_equal(via_region_init(&r, bytes, 4096, false), 0);
    for (k = 0; k < 3; k++)
        assert_int_equal(via_pool_init(&p[k], &r, 40 + 24 * k, 3000, 0), 0);
    for (i = 1; i <= 3000; i++)
        for (k = 0; k < 3; k++)
            memset(via_pool_at(&p[k], &r, via_pool_get(&p[k], &r)), (int)k + 1, 40 + 24 * k);
    for (k = 0; k < 3; k++) {
        assert_true(via_pool_valid(&p[k], &r));
        for (i = 1; i <= 3000; i++) {
            const uint8_t *at = via_pool_at(&p[k], &r, i);

            assert_int_equal(at[0], k + 1);
            assert_int_equal(at[39 + 24 * k], k + 1);
        }
    }
    via_region_fini(&r);
}

static void random_use_never_gives_an_id_twice(void **state) {
    struct via_region *r = *state;
    uint8_t used[5001] = {0};
    uint32_t held[5000], n = 0, step, id;
    struct via_rand rand;
    struct via_pool p;

    assert_int_equal(via_rand_init(&rand, 3), 0);
    assert_int_equal(via_pool_init(&p, r, 32, 5000, 1), 0);
    for (step = 0; step < 200000; step++) {
        if (via_rand_below(&rand, 100) < (step / 20000 & 1 ? 45u : 55u)) {
            id = via_pool_get(&p, r);
            assert_int_equal(id == 0, n == 5000);
            if (!id)
                continue;
            assert_in_range(id, 1, 5000);
            assert_int_equal(used[id]++, 0);
            held[n++] = id;
        } else if (n) {
            const uint32_t k = via_rand_below(&rand, n);

            used[held[k]] = 0;
            via_pool_put(&p, r, held[k]);
            held[k] = held[--n];
        }
        assert_int_equal(via_pool_used(&p), n);
    }
    assert_true(p.ready > 2000);
    assert_true(via_pool_valid(&p, r));
}

static void failed_commit_is_a_result_and_leaves_the_pool_whole(void **state) {
    struct via_region *r = *state;
    const int fd = r->fd;
    struct via_pool p;
    uint32_t n = 0;

    assert_int_equal(via_pool_init(&p, r, 4096, 1000, 0), 0);
    while (p.free)
        n += via_pool_get(&p, r) != 0;
    r->fd = -1;
    assert_int_equal(via_pool_grow(&p, r), -EBADF);
    assert_int_equal(via_pool_get(&p, r), 0);
    assert_int_equal(p.fails, 1);
    assert_int_equal(p.ready, n);
    assert_true(via_pool_valid(&p, r));
    r->fd = fd;
    while (via_pool_get(&p, r))
        n++;
    assert_int_equal(n, 1000);
}

static void walker_sees_what_is_wrong(void **state) {
    struct via_region *r = *state;
    struct via_pool p;
    uint32_t *stack;

    assert_int_equal(via_pool_init(&p, r, 64, 100, 10), 0);
    stack = via_pool_stack(&p, r);
    assert_true(via_pool_valid(&p, r));
    stack[3] = stack[5];
    assert_false(via_pool_valid(&p, r));
    stack[3] = 0;
    assert_false(via_pool_valid(&p, r));
    stack[3] = 11;
    assert_false(via_pool_valid(&p, r));
    stack[3] = 7;
    assert_true(via_pool_valid(&p, r));
    p.free = 11;
    assert_false(via_pool_valid(&p, r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fresh_ids_come_from_one_upwards, setup, teardown),
        cmocka_unit_test_setup_teardown(freed_ids_come_back_last_in_first_out, setup, teardown),
        cmocka_unit_test_setup_teardown(exhausted_pool_gives_nobody_and_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(pool_of_nothing_and_of_one_work, setup, teardown),
        cmocka_unit_test_setup_teardown(slots_are_zero_at_first_use_and_kept_after, setup, teardown),
        cmocka_unit_test(nothing_is_touched_that_is_not_committed),
        cmocka_unit_test_setup_teardown(pool_commits_only_what_it_handed_out_or_soon_will, setup, teardown),
        cmocka_unit_test_setup_teardown(growth_while_in_use_keeps_ids_and_places, setup, teardown),
        cmocka_unit_test(several_pools_do_not_meet),
        cmocka_unit_test_setup_teardown(random_use_never_gives_an_id_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_commit_is_a_result_and_leaves_the_pool_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(walker_sees_what_is_wrong, setup, teardown),
    };

    return cmocka_run_group_tests_name("base/pool", tests, NULL, NULL);
}
