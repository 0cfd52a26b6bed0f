/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>

static bool makes_sense(const struct via_vi_check_conf *c) {
    return c && c->size == sizeof *c && c->open && (c->ends == 1 || c->ends == 2) &&
           (c->frame_size == 2048 || c->frame_size == 4096) && c->headroom && c->headroom <= c->frame_size / 2 &&
           c->rx_ring >= 32 && c->tx_ring >= 32 && c->rx_ring <= 32768 && c->tx_ring <= 32768 && c->shortest >= 14 &&
           c->shortest <= 1514 && (!c->longest || c->longest >= c->shortest) && c->longest <= PACKET_MAX && c->rounds;
}

static bool is_wanted(const struct via_vi_check_conf *conf, const struct test *t) {
    return !conf->only || !strcmp(conf->only, t->name);
}

int via_vi_check(const struct via_vi_check_conf *conf) {
    struct check *c;
    int ran = 0, failed = 0;

    if (!makes_sense(conf))
        return -EINVAL;
    c = malloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    for (unsigned i = 0; i < via_check_case_count; i++) {
        const struct test *t = &via_check_cases[i];

        if (!is_wanted(conf, t))
            continue;
        memset(c, 0, sizeof *c);
        c->conf = conf;
        c->near.dev.mem_fd = c->far.dev.mem_fd = -1;
        t->run(c);
        via_check_close(c);
        ran++;
        failed += c->verdict == VIA_VI_FAILED;
        if (conf->report)
            conf->report(conf->arg, t->name, c->verdict, c->said);
    }
    free(c);
    return ran ? failed : -ENOENT;
}
