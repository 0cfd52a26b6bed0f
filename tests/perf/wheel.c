/* SPDX-License-Identifier: BSD-2-Clause */
#include "inner.h"

#include "base/wheel.h"

#include <stdlib.h>

#define TIMES 100000

struct job {
    struct via_wheel wheel;
    struct via_tick_base kinds[VIA_TICK_KINDS];
    struct via_tick *ticks; /* 1..count */
    uint32_t count;
    uint64_t seed;
    via_ns_t now;
};

/* A random time within the next second. */
static via_ns_t later(struct job *j) {
    return j->now + perf_rand(&j->seed) % VIA_SEC;
}

static void move(void *arg) {
    struct job *j = arg;
    unsigned i;

    for (i = 0; i < TIMES; i++)
        via_wheel_arm(&j->wheel, j->kinds, via_tick_id(VIA_TICK_APP, 1 + perf_rand(&j->seed) % j->count), later(j));
}

static void stop_start(void *arg) {
    struct job *j = arg;
    unsigned i;

    for (i = 0; i < TIMES; i++) {
        uint32_t id = via_tick_id(VIA_TICK_APP, 1 + perf_rand(&j->seed) % j->count);

        via_wheel_disarm(&j->wheel, j->kinds, id);
        via_wheel_arm(&j->wheel, j->kinds, id, later(j));
    }
}

/* Who fires is armed again, so that the number stays. */
static void fire(void *arg) {
    struct job *j = arg;
    unsigned fired = 0;

    while (fired < TIMES) {
        uint32_t id;

        j->now = via_wheel_next(&j->wheel, j->kinds);
        while ((id = via_wheel_pop(&j->wheel, j->kinds, j->now)) != 0) {
            via_wheel_arm(&j->wheel, j->kinds, id, later(j) + 1);
            fired++;
        }
    }
}

void perf_wheel(const struct perf *p) {
    static const struct {
        const char *name;
        void (*fn)(void *);
    } ways[] = {{"move", move}, {"stop_start", stop_start}, {"fire", fire}};
    struct job j;
    char what[64];
    uint32_t count, i;
    size_t k;

    for (count = 10; count <= 1000000; count = count == 10 ? 1000 : count * 1000) {
        memset(&j, 0, sizeof j);
        j.count = count;
        j.seed = 1;
        j.ticks = calloc(count + 1, sizeof *j.ticks);
        if (!j.ticks)
            tool_die("no memory");
        j.kinds[VIA_TICK_APP].base = (uint8_t *)j.ticks;
        j.kinds[VIA_TICK_APP].stride = sizeof *j.ticks;
        via_wheel_init(&j.wheel, 0);
        for (i = 1; i <= count; i++)
            via_wheel_arm(&j.wheel, j.kinds, via_tick_id(VIA_TICK_APP, i), later(&j));
        for (k = 0; k < sizeof ways / sizeof ways[0]; k++) {
            snprintf(what, sizeof what, "%s.armed_%u", ways[k].name, count);
            perf_print("wheel", what, perf_time(p, ways[k].fn, &j, TIMES), "ns");
        }
        free(j.ticks);
    }
}
