/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine itself takes: a cache line handed to another CPU, and copies. */
#include "perf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TURNS  200000u
#define COPIES 20000u
#define COLD   (256u << 20)

struct line {
    _Alignas(64) _Atomic uint32_t turn; /* even: ours, odd: the other's */
    uint32_t end;
    int cpu;
};

static void *answer(void *arg) {
    struct line *l = arg;
    uint32_t next = 1;

    tool_pin(l->cpu);
    for (; next < l->end; next += 2) {
        while (atomic_load_explicit(&l->turn, memory_order_acquire) != next)
            ;
        atomic_store_explicit(&l->turn, next + 1, memory_order_release);
    }
    return NULL;
}

static double hand_over(const struct perf *p) {
    struct line l = {.end = 2 * TURNS, .cpu = p->cpu[1]};
    via_ns_t begin = 0;
    pthread_t other;
    uint32_t turn;

    tool_pin(p->cpu[0]);
    if (pthread_create(&other, NULL, answer, &l))
        tool_die("no thread");
    for (turn = 0; turn < l.end; turn += 2) {
        if (turn == TURNS / 5 * 2)
            begin = tool_clock();
        atomic_store_explicit(&l.turn, turn + 1, memory_order_release);
        while (atomic_load_explicit(&l.turn, memory_order_acquire) != turn + 2)
            ;
    }
    begin = tool_clock() - begin;
    pthread_join(other, NULL);
    return (double)begin / (2.0 * (TURNS - TURNS / 5));
}

struct copy {
    uint8_t *from, *to;
    size_t size;
    uint32_t *order; /* offsets in units of 4096, or NULL: always the same place */
    uint32_t at, slots;
};

static void copy(void *arg) {
    struct copy *c = arg;
    uint32_t i;

    for (i = 0; i < COPIES; i++) {
        size_t off = c->order ? (size_t)c->order[c->at++ % c->slots] * 4096 : 0;

        memcpy(c->to + (c->order ? (i & 15) * 2048 : 0), c->from + off, c->size);
        __asm__ volatile("" : : : "memory");
    }
}

static void shuffle(uint32_t *v, uint32_t n) {
    uint64_t seed = 1;
    uint32_t i, k, t;

    for (i = 0; i < n; i++)
        v[i] = i;
    for (i = n - 1; i; i--) {
        k = perf_rand(&seed) % (i + 1);
        t = v[i];
        v[i] = v[k];
        v[k] = t;
    }
}

void perf_shm_floor(const struct perf *p) {
    static const size_t sizes[] = {64, 512, 1514};
    struct copy c = {.from = malloc(COLD), .to = malloc(65536), .slots = COLD / 4096};
    uint32_t *order = malloc(c.slots * sizeof *order);
    double v[PERF_RUNS];
    char what[64];
    unsigned i;

    if (!c.from || !c.to || !order)
        tool_die("no memory");
    for (i = 0; i < p->runs; i++)
        v[i] = hand_over(p);
    perf_print("shm-floor", "cache_line_one_way", perf_median(v, p->runs), "ns");
    memset(c.from, 1, COLD);
    memset(c.to, 1, 65536);
    shuffle(order, c.slots);
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        c.size = sizes[i];
        c.order = NULL;
        snprintf(what, sizeof what, "memcpy_hot.size_%zu", c.size);
        perf_print("shm-floor", what, perf_time(p, copy, &c, COPIES), "ns");
        c.order = order;
        snprintf(what, sizeof what, "memcpy_cold.size_%zu", c.size);
        perf_print("shm-floor", what, perf_time(p, copy, &c, COPIES), "ns");
    }
    free(c.from);
    free(c.to);
    free(order);
}
