/* SPDX-License-Identifier: BSD-2-Clause */
#include "inner.h"

#include "net/route.h"
#include "stack/stack.h"

#define TIMES 100000

struct job {
    struct via_core *core;
    uint64_t seed, hot;
    bool random;
};

static void find(void *arg) {
    struct job *j = arg;
    uint32_t i;

    for (i = 0; i < TIMES; i++) {
        uint64_t *seed = j->random ? &j->seed : &j->hot;
        struct via_addr a = via_addr_from4(perf_rand(seed));

        if (!j->random && !(i & 15))
            j->hot = 1;
        perf_keep(via_route_find(j->core, &a, 128));
    }
}

/* Random prefixes, most of them /16 to /24 as in a real table; equal ones are passed over. */
static void add_routes(struct via_stack *st, uint32_t count) {
    uint64_t seed = 7;
    uint32_t i, bits;
    int err;

    for (i = 0; i < count;) {
        struct via_route r = {.iface = 1, .family = VIA_AF_4};

        bits = 16 + perf_rand(&seed) % 9;
        r.prefix = (uint8_t)bits;
        r.dst = via_addr_from4(htonl(perf_rand(&seed) << (32 - bits)));
        err = via_ctrl_route(st, VIA_CTRL_ADD, &r);
        if (err && err != -EEXIST && err != -EINVAL)
            tool_die_stack(st, err, "route");
        i += !err;
    }
}

void perf_route(const struct perf *p) {
    static const uint32_t counts[] = {10, 1000, 100000};
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct job j = {.seed = 1, .hot = 1};
    struct via_stack *st;
    struct via_attr *a;
    char what[64];
    size_t i;
    int k, err;

    for (i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        via_attr_new("max_routes=200000", &a);
        conf.attr = a;
        conf.seed = 1;
        err = via_stack_create(&conf, &st);
        via_attr_free(a);
        if (err || (err = via_vi_open(st, "null:", NULL, NULL)) != 0)
            tool_die("route: no stack: %s", strerror(-err));
        add_routes(st, counts[i]);
        j.core = &st->core;
        for (k = 0; k < 2; k++) {
            j.random = k;
            snprintf(what, sizeof what, "%s.prefixes_%u", k ? "random" : "hot", counts[i]);
            perf_print("route", what, perf_time(p, find, &j, TIMES), "ns");
        }
        via_stack_destroy(st, VIA_FORCE);
    }
}
