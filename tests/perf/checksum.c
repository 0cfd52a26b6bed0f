/* SPDX-License-Identifier: BSD-2-Clause */
#include "inner.h"

#include "wire/sum.h"

#define TIMES 100000

struct job {
    uint8_t from[2048], to[2048];
    size_t size;
};

static void sum(void *arg) {
    struct job *j = arg;
    unsigned i;

    for (i = 0; i < TIMES; i++)
        perf_keep(via_sum_add(i, j->from, j->size));
}

static void sum_copy(void *arg) {
    struct job *j = arg;
    unsigned i;

    for (i = 0; i < TIMES; i++)
        perf_keep(via_sum_copy(i, j->to, j->from, j->size));
}

void perf_checksum(const struct perf *p) {
    static const size_t sizes[] = {20, 64, 512, 1472};
    static struct job j;
    char what[32];
    size_t i;

    for (i = 0; i < sizeof j.from; i++)
        j.from[i] = (uint8_t)(i * 7);
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        j.size = sizes[i];
        snprintf(what, sizeof what, "sum.size_%zu", j.size);
        perf_print("checksum", what, perf_time(p, sum, &j, TIMES), "ns");
        snprintf(what, sizeof what, "copy.size_%zu", j.size);
        perf_print("checksum", what, perf_time(p, sum_copy, &j, TIMES), "ns");
    }
}
