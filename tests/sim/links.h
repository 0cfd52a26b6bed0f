/* SPDX-License-Identifier: BSD-2-Clause */
/* links.h - the links that are measured. */
#ifndef VIA_SIM_LINKS_H
#define VIA_SIM_LINKS_H

#include "net.h"

struct link {
    const char *name;
    struct sim_pipe_conf to, back;
    via_ns_t time; /* of a bulk run */
    const char *what;
};

#define MBIT 1000000ull
static const struct link links[] = {
    {"lan", {.rate = 1000 * MBIT, .delay = 50 * VIA_US, .queue = 256}, {.rate = 1000 * MBIT, .delay = 50 * VIA_US}, 2 * VIA_SEC,
     "1 Gb/s, 0.1 ms"},
    {"wan", {.rate = 100 * MBIT, .delay = 10 * VIA_MS, .queue = 170}, {.delay = 10 * VIA_MS}, 10 * VIA_SEC,
     "100 Mb/s, 20 ms, queue 1 BDP"},
    {"shallow", {.rate = 50 * MBIT, .delay = 20 * VIA_MS, .queue = 20}, {.delay = 20 * VIA_MS}, 20 * VIA_SEC,
     "50 Mb/s, 40 ms, queue 20 packets"},
    {"deep", {.rate = 20 * MBIT, .delay = 20 * VIA_MS, .queue = 1000}, {.delay = 20 * VIA_MS}, 20 * VIA_SEC,
     "20 Mb/s, 40 ms, queue 1000 packets"},
    {"codel", {.rate = 50 * MBIT, .delay = 20 * VIA_MS, .queue = 1000, .aqm = SIM_CODEL}, {.delay = 20 * VIA_MS}, 20 * VIA_SEC,
     "50 Mb/s, 40 ms, CoDel"},
    {"ecn", {.rate = 50 * MBIT, .delay = 20 * VIA_MS, .queue = 1000, .aqm = SIM_CODEL, .ecn = true}, {.delay = 20 * VIA_MS},
     20 * VIA_SEC, "50 Mb/s, 40 ms, CoDel that marks"},
    {"loss1", {.rate = 100 * MBIT, .delay = 25 * VIA_MS, .queue = 500, .loss = 0.01}, {.delay = 25 * VIA_MS}, 20 * VIA_SEC,
     "100 Mb/s, 50 ms, 1% lost"},
    {"acks10", {.rate = 50 * MBIT, .delay = 20 * VIA_MS, .queue = 200}, {.delay = 20 * VIA_MS, .loss = 0.1}, 20 * VIA_SEC,
     "50 Mb/s, 40 ms, 10% of ACKs lost"},
    {"bursts", {.rate = 50 * MBIT, .delay = 20 * VIA_MS, .queue = 200, .burst = 0.0003, .burst_time = 2 * VIA_MS}, {.delay = 20 * VIA_MS},
     20 * VIA_SEC, "50 Mb/s, 40 ms, bursts of 2 ms lost"},
    {"reorder", {.rate = 50 * MBIT, .delay = 20 * VIA_MS, .queue = 200, .reorder = 0.02, .reorder_by = 3 * VIA_MS},
     {.delay = 20 * VIA_MS}, 20 * VIA_SEC, "50 Mb/s, 40 ms, 2% 3 ms late"},
    {"radio", {.rate = 10 * MBIT, .delay = 30 * VIA_MS, .jitter = 10 * VIA_MS, .queue = 100}, {.delay = 30 * VIA_MS, .jitter = 10 * VIA_MS},
     20 * VIA_SEC, "10 Mb/s, 60 ms, 10 ms jitter"},
    {"space", {.rate = 10 * MBIT, .delay = 300 * VIA_MS, .queue = 500}, {.delay = 300 * VIA_MS}, 60 * VIA_SEC,
     "10 Mb/s, 600 ms"},
};
#define LINKS (sizeof links / sizeof *links)

#endif
