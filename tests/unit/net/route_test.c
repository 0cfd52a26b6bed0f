/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes_rig.h"
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MODEL 3000

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
}

/* The naive table: every route is looked at. */
struct model {
    struct via_rt at[MODEL];
    uint32_t id[MODEL];
    unsigned n;
};

static uint32_t model_find(const struct model *m, const struct via_addr *a, int most) {
    int best = -1;
    unsigned i;

    for (i = 0; i < m->n; i++) {
        const struct via_rt *r = &m->at[i];

        if (via_addr_is4(&r->dst) != via_addr_is4(a) || r->bits > most || !via_addr_in(a, &r->dst, r->bits))
            continue;
        if (best < 0 || r->bits > m->at[best].bits || (r->bits == m->at[best].bits && r->metric < m->at[best].metric))
            best = (int)i;
    }
    return best < 0 ? 0 : m->id[best];
}

/* Addresses of few bits that differ, so that prefixes nest and lookups hit. */
static struct via_addr random_addr(uint64_t *seed) {
    uint64_t x = rig_random(seed);
    struct via_addr a = {{0x20, 0x01}};
    unsigned i;

    if (x & 1)
        return via_addr_from4(htonl((uint32_t)(rig_random(seed) & 0xf0f300f3)));
    for (i = 2; i < 16; i++)
        a.b[i] = (uint8_t)(rig_random(seed) & rig_random(seed) & 0x81);
    return a;
}

static struct via_rt random_route(uint64_t *seed) {
    struct via_rt r;

    memset(&r, 0, sizeof r);
    r.dst = random_addr(seed);
    r.bits = via_addr_is4(&r.dst) ? (uint8_t)(96 + rig_random(seed) % 33) : (uint8_t)(rig_random(seed) % 129);
    via_addr_mask(&r.dst, r.bits);
    r.iface = 1;
    r.metric = (uint32_t)(rig_random(seed) % 4);
    return r;
}

static void model_add(struct bench *net, struct model *m, const struct via_rt *r) {
    uint32_t id = 0;
    int err = via_route_add(&net->core, r, &id);
    unsigned i;

    for (i = 0; i < m->n; i++)
        if (m->at[i].bits == r->bits && m->at[i].metric == r->metric && via_addr_eq(&m->at[i].dst, &r->dst))
            break;
    assert_int_equal(err, i < m->n ? -EEXIST : 0);
    if (!err) {
        m->at[m->n] = *r;
        m->id[m->n++] = id;
    }
}

static void model_del(struct bench *net, struct model *m, unsigned i) {
    via_route_del(&net->core, m->id[i]);
    m->n--;
    m->at[i] = m->at[m->n];
    m->id[i] = m->id[m->n];
}

static void compare(struct bench *net, const struct model *m, uint64_t *seed, unsigned lookups) {
    while (lookups--) {
        struct via_addr a = random_addr(seed);
        int most = rig_random(seed) % 4 ? 128 : (int)(rig_random(seed) % 130) - 1;

        if (rig_random(seed) % 2 && m->n)
            a = m->at[rig_random(seed) % m->n].dst;
        assert_int_equal(via_route_find(&net->core, &a, most), model_find(m, &a, most));
    }
}

static void longest_prefix_is_what_a_naive_table_finds(void **state) {
    struct bench *net = bench_new(1, plain);
    struct model *m = calloc(1, sizeof *m);
    uint64_t seed = 42;
    unsigned i;

    (void)state;
    bench_attach(net, 0, 1500);
    for (i = 0; i < 600; i++) {
        struct via_rt r = random_route(&seed);

        model_add(net, m, &r);
        compare(net, m, &seed, 20);
    }
    while (m->n) {
        model_del(net, m, (unsigned)(rig_random(&seed) % m->n));
        compare(net, m, &seed, 20);
    }
    assert_int_equal(net->core.net->route.count, 0);
    free(m);
    bench_free(net);
}

static void few_prefixes_come_and_go_around_the_limit_of_the_short_list(void **state) {
    struct bench *net = bench_new(1, plain);
    struct model *m = calloc(1, sizeof *m);
    uint64_t seed = 7;
    unsigned i;

    (void)state;
    bench_attach(net, 0, 1500);
    for (i = 0; i < 3000; i++) {
        if (m->n < 24 && (m->n < 10 || rig_random(&seed) % 2)) {
            struct via_rt r = random_route(&seed);

            model_add(net, m, &r);
        } else {
            model_del(net, m, (unsigned)(rig_random(&seed) % m->n));
        }
        compare(net, m, &seed, 8);
    }
    free(m);
    bench_free(net);
}

/* Many prefixes, then none: past the point where the index gets many roots, and back. */
static void many_prefixes_are_found_as_well_as_few(void **state) {
    struct bench *net = bench_new(1, plain);
    struct model *m = calloc(1, sizeof *m);
    uint64_t seed = 77;
    unsigned i;

    (void)state;
    bench_attach(net, 0, 1500);
    for (i = 0; m->n < MODEL - 1; i++) {
        struct via_rt r = random_route(&seed);

        model_add(net, m, &r);
        if (i % 64 == 0 || m->n % 1024 < 8)
            compare(net, m, &seed, 8);
    }
    assert_true(net->core.net->route.trie[0].wide && net->core.net->route.trie[1].wide);
    assert_true(via_route_valid(&net->core));
    compare(net, m, &seed, 500);
    while (m->n) {
        model_del(net, m, (unsigned)(rig_random(&seed) % m->n));
        if (m->n % 64 == 0)
            compare(net, m, &seed, 20);
    }
    assert_true(via_route_valid(&net->core));
    free(m);
    bench_free(net);
}

static void widening_without_memory_changes_nothing(void **state) {
    struct bench *net = bench_new(1, plain);
    struct model *m = calloc(1, sizeof *m);
    uint64_t seed = 78;

    (void)state;
    bench_attach(net, 0, 1500);
    while (net->core.net->route.trie[1].prefixes < VIA_ROUTE_MANY - 1 || net->core.net->route.trie[0].prefixes < 100) {
        struct via_rt r = random_route(&seed);

        if (net->core.net->route.trie[via_addr_is4(&r.dst)].prefixes < VIA_ROUTE_MANY - 1)
            model_add(net, m, &r);
    }
    net->core.net->route.ready = net->core.net->route.cap = net->core.net->route.used + 20;
    while (net->core.net->route.trie[1].prefixes < VIA_ROUTE_MANY) {
        struct via_rt r = random_route(&seed);

        if (via_addr_is4(&r.dst))
            model_add(net, m, &r);
    }
    assert_false(net->core.net->route.trie[1].wide);
    assert_true(via_route_valid(&net->core));
    compare(net, m, &seed, 500);
    while (m->n)
        model_del(net, m, 0);
    free(m);
    bench_free(net);
}

static void memory_of_the_index_is_used_again(void **state) {
    struct bench *net = bench_new(1, plain);
    struct model *m = calloc(1, sizeof *m);
    uint64_t seed = 9;
    uint32_t used = 0;
    unsigned round, i;

    (void)state;
    bench_attach(net, 0, 1500);
    for (round = 0; round < 12; round++) {
        for (i = 0; i < 400; i++) {
            struct via_rt r = random_route(&seed);

            model_add(net, m, &r);
        }
        while (m->n)
            model_del(net, m, (unsigned)(rig_random(&seed) % m->n));
        if (round == 3)
            used = net->core.net->route.used;
    }
    assert_true(net->core.net->route.used <= used + used / 4);
    free(m);
    bench_free(net);
}

static void routes_of_one_prefix_are_tried_by_metric(void **state) {
    struct bench *net = bench_new(1, plain);
    struct via_rt r = {.dst = bench_ip("198.51.100.0"), .iface = 1, .bits = 96 + 24};
    struct via_addr a = bench_ip("198.51.100.7");
    uint32_t id[3], at;
    unsigned i;

    (void)state;
    bench_attach(net, 0, 1500);
    for (i = 0; i < 3; i++) {
        r.metric = (const uint32_t[]){20, 10, 30}[i];
        assert_int_equal(via_route_add(&net->core, &r, &id[i]), 0);
    }
    at = via_route_find(&net->core, &a, 128);
    assert_int_equal(at, id[1]);
    at = via_rt_at(&net->core, at)->next;
    assert_int_equal(at, id[0]);
    at = via_rt_at(&net->core, at)->next;
    assert_int_equal(at, id[2]);
    via_route_del(&net->core, id[1]);
    assert_int_equal(via_route_find(&net->core, &a, 128), id[0]);
    bench_free(net);
}

static void families_do_not_see_each_other(void **state) {
    struct bench *net = bench_new(1, plain);
    struct via_addr four = bench_ip("192.0.2.1"), six = bench_ip("2001:db8::1");

    (void)state;
    bench_attach(net, 0, 1500);
    bench_route(net, 1, "::", 0, NULL);
    assert_int_equal(via_route_find(&net->core, &four, 128), 0);
    assert_int_not_equal(via_route_find(&net->core, &six, 128), 0);
    via_route_flush(&net->core, 0, -1);
    bench_route(net, 1, "0.0.0.0", 0, NULL);
    assert_int_not_equal(via_route_find(&net->core, &four, 128), 0);
    assert_int_equal(via_route_find(&net->core, &six, 128), 0);
    bench_free(net);
}

static void sixteen_routes(struct via_attrs *a) {
    a->max_routes = 16;
    a->linklocal = 0;
}

static void table_is_bounded_by_its_attribute(void **state) {
    struct bench *net = bench_new(1, sixteen_routes);
    struct via_rt r = {.iface = 1, .bits = 128};
    unsigned i;

    (void)state;
    bench_attach(net, 0, 1500);
    for (i = 0; i < 17; i++) {
        r.dst = via_addr_from4(htonl(0xc6336400 + i));
        assert_int_equal(via_route_add(&net->core, &r, NULL), i < 16 ? 0 : -ENOSPC);
    }
    r.origin = VIA_ROUTE_SUBNET;
    assert_int_equal(via_route_add(&net->core, &r, NULL), 0);
    bench_free(net);
}

static void many_routes(struct via_attrs *a) {
    a->max_routes = 100000;
    a->linklocal = 0;
}

static void the_whole_table_fits_when_every_route_is_a_lone_host(void **state) {
    struct bench *net = bench_new(1, many_routes);
    struct via_rt r = {.iface = 1, .bits = 128};
    uint64_t seed = 3;
    unsigned i;

    (void)state;
    bench_attach(net, 0, 1500);
    for (i = 0; i < 20000; i++) {
        rig_noise(&seed, r.dst.b, 16);
        assert_int_equal(via_route_add(&net->core, &r, NULL), 0);
    }
    assert_true(net->core.net->route.used < net->core.net->route.cap);
    bench_free(net);
}

static void an_index_without_memory_refuses_and_stays_whole(void **state) {
    struct bench *net = bench_new(1, plain);
    struct via_route_table *t = &net->core.net->route;
    struct via_rt r = {.iface = 1, .bits = 128};
    unsigned round, i, added[40];
    uint64_t seed;

    (void)state;
    bench_attach(net, 0, 1500);
    t->cap = 3000;
    for (round = 0; round < 40; round++) {
        if (round) /* so that it runs out at every point of an insertion */
            t->cap = t->ready = 3000 + round;
        seed = 1;
        for (i = 0, added[round] = 0; i < 200; i++) {
            int err;

            rig_noise(&seed, r.dst.b, 16);
            err = via_route_add(&net->core, &r, NULL);
            assert_true(err == 0 || err == -ENOSPC);
            added[round] += !err;
            assert_true(via_route_valid(&net->core));
        }
        assert_int_equal(t->count, added[round]);
        assert_true(added[round] > 20 && added[round] < 200);
        assert_true(10 * added[round] >= 9 * added[0]); /* nothing is lost for ever */
        via_route_flush(&net->core, 0, -1);
        assert_int_equal(t->count, 0);
    }
    bench_free(net);
}

static void every_change_moves_the_generation(void **state) {
    struct bench *net = bench_new(1, plain);
    struct via_rt r = {.dst = bench_ip("2001:db8::"), .iface = 1, .bits = 32};
    uint32_t gen, id;

    (void)state;
    bench_attach(net, 0, 1500);
    gen = net->core.net->head.gen;
    via_route_add(&net->core, &r, &id);
    assert_int_not_equal(net->core.net->head.gen, gen);
    gen = net->core.net->head.gen;
    via_route_del(&net->core, id);
    assert_int_not_equal(net->core.net->head.gen, gen);
    net->core.net->head.gen = UINT32_MAX;
    via_net_changed(&net->core);
    assert_int_equal(net->core.net->head.gen, 1);
    bench_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_prefix_is_what_a_naive_table_finds),
        cmocka_unit_test(few_prefixes_come_and_go_around_the_limit_of_the_short_list),
        cmocka_unit_test(many_prefixes_are_found_as_well_as_few),
        cmocka_unit_test(widening_without_memory_changes_nothing),
        cmocka_unit_test(memory_of_the_index_is_used_again),
        cmocka_unit_test(routes_of_one_prefix_are_tried_by_metric),
        cmocka_unit_test(families_do_not_see_each_other),
        cmocka_unit_test(table_is_bounded_by_its_attribute),
        cmocka_unit_test(the_whole_table_fits_when_every_route_is_a_lone_host),
        cmocka_unit_test(an_index_without_memory_refuses_and_stays_whole),
        cmocka_unit_test(every_change_moves_the_generation),
    };

    return cmocka_run_group_tests_name("net.route", tests, NULL, NULL);
}
