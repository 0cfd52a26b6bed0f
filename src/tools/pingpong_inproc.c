/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrier: two stacks in this thread and a cable in memory between them. What remains is the cost of the stack itself. */
#include "pingpong.h"
#include "inproc.h"

#include <stdlib.h>

#define TRIPS 100 /* in one sample: a clock read costs as much as a tenth of a round trip */

static struct inproc the_pair;

static void open_pair(struct pp *pp) {
    struct inproc *p = pp->carrier = &the_pair;
    char attr[512];

    snprintf(attr, sizeof attr, "%s%s%s", pp->host.attr ? pp->host.attr : "", pp->host.attr ? ";" : "",
             !pp->checksum                  ? ""
             : !strcmp(pp->checksum, "on") ? "checksum=2"
                                            : "checksum=0");
    inproc_open(p, attr);
    p->virtual_time = !pp->clock;
    p->copy = pp->copy;
    if (pp->tcp)
        inproc_tcp(p, pp->port);
    else
        inproc_udp(p, pp->port);
}

static void trips(struct pp *pp, struct inproc *p, uint32_t size, uint32_t n) {
    uint32_t i;

    for (i = 0; i < n; i++)
        if (!(pp->tcp ? inproc_stream_trip : inproc_round_trip)(p, pp->message, size))
            tool_die("a round trip of %u bytes failed: %s", size, via_why(p->st[0]));
}

static void measure(struct pp *pp, uint32_t size) {
    struct inproc *p = pp->carrier;
    via_ns_t begin;
    uint32_t i;

    trips(pp, p, size, pp->warmup);
    for (i = 0; i < pp->pings / TRIPS + 1 && i < pp->samples.max && !tool_stopped(); i++) {
        begin = tool_clock();
        trips(pp, p, size, TRIPS);
        samples_add(&pp->samples, (tool_clock() - begin) / TRIPS);
    }
}

static void describe(const struct pp *pp, FILE *f) {
    fprintf(f, "# viaduct: two stacks in one thread, cable in memory, checksums %s, %s; samples of %d round trips\n",
            pp->checksum ? pp->checksum : "by default",
            pp->clock ? "one clock read per round trip" : "time counted, no clock read", TRIPS);
}

static void close_pair(struct pp *pp) {
    struct inproc *p = pp->carrier;

    stat_print(stdout, p->st[0], pp->stats, false);
    inproc_close(p);
}

const struct pp_carrier pp_inproc = {
    .open = open_pair, .measure = measure, .describe = describe, .close = close_pair};
