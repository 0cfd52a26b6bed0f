/* SPDX-License-Identifier: BSD-2-Clause */
#include "inner.h"

#include "base/pool.h"

#define SLOTS 65536
#define BURST 64
#define TIMES 20000

struct job {
    struct via_region region;
    struct via_pool pool;
};

static void take_and_give(void *arg) {
    struct job *j = arg;
    uint32_t ids[BURST];
    unsigned i, k;

    for (i = 0; i < TIMES; i++) {
        for (k = 0; k < BURST; k++)
            ids[k] = via_pool_get(&j->pool, &j->region);
        perf_keep(ids[0]);
        for (k = 0; k < BURST; k++)
            via_pool_put(&j->pool, &j->region, ids[k]);
    }
}

void perf_pool(const struct perf *p) {
    static struct job j;

    if (via_region_init(&j.region, via_pool_bytes(128, SLOTS) + 65536, 2048, false) ||
        via_pool_init(&j.pool, &j.region, 128, SLOTS, 0))
        tool_die("pool: no memory");
    perf_print("pool", "get_put_burst_64", perf_time(p, take_and_give, &j, (double)TIMES * BURST), "ns_per_pair");
    via_region_fini(&j.region);
}
