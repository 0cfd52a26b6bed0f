/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ready_model_test.c - random operations on sockets and sets, against a model in which a set is an array of single
 * packets and events, each where the rules of <viaduct/epoll.h> put it. Usage: unit.sock.ready_model [seeds]
 */
#include "core_rig.h"

#include <stdlib.h>

#define SOCKS 6u
#define SETS  3u
#define QUEUE 512u
#define STEPS 400u
#define EARLY (VIA_EV_SPACE | VIA_EV_LINK | VIA_EV_DONE)
#define LATE  (VIA_EV_ERR | VIA_EV_EOF)

/* One packet, or one event that is not data (`order` is when it was raised). */
struct item {
    uint32_t sock; /* number of the model's socket */
    uint32_t what;
    uint64_t order;
    uint32_t bytes;
};

struct line {
    struct item at[4096];
    uint32_t n;
    bool loose, no_coalesce;
};

struct waiting {
    uint64_t order;
    uint32_t bytes;
};

struct twin {
    struct via_sock *k;
    struct waiting q[QUEUE];
    uint32_t n, announced;
    uint32_t set; /* of the model, from 1; 0: none */
    uint32_t mask;
};

struct world {
    struct core_rig rig;
    struct via_rand rand;
    struct line line[SETS + 1];
    uint32_t id[SETS + 1];
    struct twin t[SOCKS];
};

static uint32_t below(struct world *w, uint32_t n) {
    return via_rand_below(&w->rand, n);
}

static void insert(struct line *l, uint32_t at, struct item i) {
    assert_true(l->n < VIA_COUNT(l->at));
    memmove(l->at + at + 1, l->at + at, (l->n - at) * sizeof l->at[0]);
    l->at[at] = i;
    l->n++;
}

static void drop_at(struct line *l, uint32_t at) {
    memmove(l->at + at, l->at + at + 1, (l->n - at - 1) * sizeof l->at[0]);
    l->n--;
}

static void drop_items(struct line *l, uint32_t sock, uint32_t what) {
    uint32_t i;

    for (i = l->n; i; i--)
        if (l->at[i - 1].sock == sock && (l->at[i - 1].what & what))
            drop_at(l, i - 1);
}

/* Behind the last item that is not newer. */
static uint32_t place(const struct line *l, uint64_t order) {
    uint32_t at = l->n;

    while (at && l->at[at - 1].order > order)
        at--;
    return at;
}

static void model_announce(struct world *w, uint32_t s) {
    struct twin *t = &w->t[s];
    struct line *l = &w->line[t->set];
    uint32_t i, at = 0;

    for (i = t->announced; i < t->n; i++) {
        struct item it = {.sock = s, .what = VIA_EV_IN, .order = t->q[i].order, .bytes = t->q[i].bytes};

        if (i == t->announced)
            at = place(l, it.order);
        while (at < l->n && i > t->announced && l->at[at].order <= it.order)
            at++;
        insert(l, at++, it);
    }
}

static void model_move_own(struct world *w, uint32_t s, uint32_t from, uint32_t to, uint32_t bits) {
    struct line *l = &w->line[from];
    uint32_t i;

    for (i = 0; i < l->n; i++)
        if (l->at[i].sock == s && (l->at[i].what & bits)) {
            struct item it = l->at[i];

            drop_at(l, i);
            insert(&w->line[to], place(&w->line[to], it.order), it);
            return;
        }
}

static void op_arrive(struct world *w) {
    uint32_t s = below(w, SOCKS), bytes = 1 + below(w, 100);
    struct twin *t = &w->t[s];
    struct via_pkt *p;

    if (t->n == QUEUE)
        return;
    p = core_rig_arrive(&w->rig, t->k, bytes);
    if (!p)
        return;
    t->q[t->n++] = (struct waiting){p->order, bytes};
    if (t->set && (t->mask & VIA_EV_IN))
        insert(&w->line[t->set], w->line[t->set].n, (struct item){s, VIA_EV_IN, p->order, bytes});
}

/* Two sockets get one frame: equal numbers. */
static void op_arrive_twice(struct world *w) {
    uint32_t s = below(w, SOCKS);

    op_arrive(w);
    w->rig.state.arrivals--;
    if (w->t[s].n && w->t[s].q[w->t[s].n - 1].order > w->rig.state.arrivals)
        w->rig.state.arrivals++; /* not to the same socket */
    op_arrive(w);
}

static void op_read(struct world *w) {
    uint32_t s = below(w, SOCKS);
    struct twin *t = &w->t[s];
    uint64_t got = core_rig_read(&w->rig, t->k);
    bool strict = t->set && !w->line[t->set].loose && (t->mask & VIA_EV_IN);
    uint32_t i;

    if (!t->n || (strict && !t->announced)) {
        assert_int_equal(got, 0);
        return;
    }
    assert_int_equal(got, t->q[0].order);
    if (t->announced) {
        t->announced--;
    } else if (t->set && (t->mask & VIA_EV_IN)) {
        struct line *l = &w->line[t->set];

        for (i = 0; l->at[i].sock != s || l->at[i].order != got || l->at[i].what != VIA_EV_IN; i++)
            assert_true(i + 1 < l->n);
        drop_at(l, i);
    }
    memmove(t->q, t->q + 1, --t->n * sizeof t->q[0]);
}

static void op_raise(struct world *w) {
    static const enum via_what what[] = {VIA_EV_SPACE, VIA_EV_LINK, VIA_EV_ERR, VIA_EV_EOF};
    uint32_t s = below(w, SOCKS), i;
    enum via_what one = what[below(w, VIA_COUNT(what))];
    uint32_t group = one & EARLY ? EARLY : LATE;
    struct twin *t = &w->t[s];
    struct line *l = &w->line[t->set];
    struct item it = {.sock = s, .what = one, .order = w->rig.state.arrivals};

    via_ready_raise(&w->rig.core, t->k, one, one == VIA_EV_ERR ? -ECONNREFUSED : 0, 0);
    if (!t->set || !(t->mask & one))
        return;
    for (i = 0; i < l->n; i++)
        if (l->at[i].sock == s && (l->at[i].what & group)) {
            if (group == EARLY) {
                l->at[i].what |= one;
                return;
            }
            it.what |= l->at[i].what;
            drop_at(l, i);
            break;
        }
    insert(l, l->n, it);
}

static uint32_t random_mask(struct world *w) {
    return (below(w, 4) ? VIA_EV_IN : 0) | (below(w, 3) ? EARLY | LATE : VIA_EV_ERR);
}

static void op_ctl(struct world *w) {
    uint32_t s = below(w, SOCKS), to = 1 + below(w, SETS), mask = random_mask(w);
    struct twin *t = &w->t[s];
    struct via_core *c = &w->rig.core;

    if (!t->set) {
        t->k->mask = t->mask = mask;
        via_ready_join(c, t->k, w->id[to]);
        t->set = to;
        t->announced = 0;
        if (mask & VIA_EV_IN)
            model_announce(w, s);
        return;
    }
    switch (below(w, 3)) {
    case 0:
        via_ready_leave(c, t->k);
        drop_items(&w->line[t->set], s, ~0u);
        t->set = t->announced = 0;
        return;
    case 1:
        via_ready_move(c, t->k, w->id[to]);
        drop_items(&w->line[t->set], s, VIA_EV_IN);
        {
            uint32_t from = t->set;

            t->set = to;
            if (t->mask & VIA_EV_IN)
                model_announce(w, s);
            model_move_own(w, s, from, to, EARLY);
            model_move_own(w, s, from, to, LATE);
        }
        return;
    default:
        via_ready_mask(c, t->k, mask);
        if ((mask ^ t->mask) & VIA_EV_IN) {
            drop_items(&w->line[t->set], s, VIA_EV_IN);
            t->announced = 0;
            if (mask & VIA_EV_IN)
                model_announce(w, s);
        }
        t->mask = mask;
    }
}

static void op_rearm(struct world *w) {
    uint32_t s = below(w, SOCKS), i;
    struct twin *t = &w->t[s];
    bool some = t->set && t->announced && (t->mask & VIA_EV_IN);

    assert_int_equal(via_ready_again(&w->rig.core, t->k), some);
    if (!some)
        return;
    for (i = 0; i < t->announced; i++)
        insert(&w->line[t->set], i, (struct item){s, VIA_EV_IN, t->q[i].order, t->q[i].bytes});
    t->announced = 0;
}

static void op_close(struct world *w) {
    uint32_t s = below(w, SOCKS);
    struct twin *t = &w->t[s];

    if (below(w, 4))
        return;
    via_sock_let_go(&w->rig.core, t->k);
    if (t->set)
        drop_items(&w->line[t->set], s, ~0u);
    memset(t, 0, sizeof *t);
    t->k = core_rig_sock(&w->rig);
}

/* The popped record says the next items of the model; with coalescing it may say several. */
static void expect_items(struct world *w, struct line *l, const struct via_event *ev) {
    uint32_t s = l->at[0].sock, bytes = 0, i;
    struct twin *t = &w->t[s];

    assert_true(ev->sock == via_handle(via_sock_ref(&w->rig.core, t->k), t->k->gen));
    if (!(l->at[0].what & VIA_EV_IN)) {
        assert_int_equal(ev->what, l->at[0].what);
        assert_int_equal(ev->pkts, 0);
        drop_at(l, 0);
        return;
    }
    assert_int_equal(ev->what, VIA_EV_IN);
    assert_int_equal(ev->seq, l->at[0].order);
    assert_true(ev->pkts >= 1 && (ev->pkts == 1 || !l->no_coalesce));
    for (i = 0; i < ev->pkts; i++) {
        assert_true(l->n > 0);
        assert_int_equal(l->at[0].sock, s);
        assert_int_equal(l->at[0].what, VIA_EV_IN);
        bytes += l->at[0].bytes;
        drop_at(l, 0);
    }
    assert_int_equal(ev->bytes, bytes);
    t->announced += ev->pkts;
}

static void op_pop(struct world *w) {
    uint32_t set = 1 + below(w, SETS);
    struct line *l = &w->line[set];
    struct via_event ev;
    bool one = via_ready_pop(&w->rig.core, via_set_at(&w->rig.core, w->id[set]), &ev);

    assert_int_equal(one, l->n > 0);
    if (one)
        expect_items(w, l, &ev);
}

static void check(struct world *w) {
    uint32_t i, records = 0;

    for (i = 1; i <= SETS; i++) {
        const struct via_set *set = via_set_at(&w->rig.core, w->id[i]);

        assert_true(via_set_valid(&w->rig.core, set));
        assert_true(set->records <= w->line[i].n);
        assert_int_equal(set->records != 0, w->line[i].n != 0);
        records += set->records;
    }
    assert_int_equal(w->rig.socks.events, records);
    for (i = 0; i < SOCKS; i++) {
        assert_int_equal(w->t[i].k->rxq.pkts, w->t[i].n);
        assert_int_equal(w->t[i].k->rxq.announced, w->t[i].announced);
    }
}

static void run_seed(uint64_t seed) {
    static void (*const ops[])(struct world *) = {op_arrive, op_arrive, op_arrive, op_arrive_twice, op_read, op_read,
                                                  op_raise,  op_ctl,    op_rearm,  op_close,        op_pop,  op_pop};
    struct world *w = calloc(1, sizeof *w);
    uint32_t i;

    assert_non_null(w);
    core_rig_init(&w->rig, 1024, 64, seed);
    assert_int_equal(via_rand_init(&w->rand, seed), 0);
    for (i = 1; i <= SETS; i++) {
        w->line[i].loose = below(w, 2);
        w->line[i].no_coalesce = !below(w, 4);
        w->id[i] = core_rig_set(&w->rig, w->line[i].loose ? VIA_EPOLL_LOOSE : VIA_EPOLL_STRICT);
        via_set_at(&w->rig.core, w->id[i])->no_coalesce = w->line[i].no_coalesce;
    }
    for (i = 0; i < SOCKS; i++)
        w->t[i].k = core_rig_sock(&w->rig);
    for (i = 0; i < STEPS; i++) {
        ops[below(w, VIA_COUNT(ops))](w);
        check(w);
    }
    core_rig_fini(&w->rig);
    free(w);
}

static uint64_t seeds = 300;

static void sets_behave_as_arrays_do(void **state) {
    uint64_t i;

    (void)state;
    for (i = 1; i <= seeds; i++)
        run_seed(i);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets_behave_as_arrays_do)};

    if (argc > 1)
        seeds = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
