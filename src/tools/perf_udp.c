/* SPDX-License-Identifier: BSD-2-Clause */
#include "inproc.h"
#include "perf.h"

#define TRIPS 10000

struct job {
    struct inproc pair;
    uint32_t size;
};

static void trips(void *arg) {
    static const uint8_t data[2048];
    struct job *j = arg;
    unsigned i;

    for (i = 0; i < TRIPS; i++)
        if (!inproc_round_trip(&j->pair, data, j->size))
            tool_die("udp-inproc: a round trip failed: %s", via_why(j->pair.st[0]));
}

void perf_udp_inproc(const struct perf *p) {
    static const struct {
        const char *attr, *name;
        bool virtual_time;
    } ways[] = {{"checksum=2", "checksums", false}, {"checksum=0", "no_checksums", false},
                {"checksum=0", "no_checksums_no_clock", true}};
    static const uint32_t sizes[] = {64, 1472};
    char what[64];
    struct job j;
    size_t i, k;

    for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        inproc_open(&j.pair, ways[i].attr);
        inproc_udp(&j.pair, 9000);
        j.pair.virtual_time = ways[i].virtual_time;
        for (k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            j.size = sizes[k];
            snprintf(what, sizeof what, "%s.size_%u", ways[i].name, sizes[k]);
            perf_print("udp-inproc", what, perf_time(p, trips, &j, TRIPS), "ns_per_round_trip");
        }
        inproc_close(&j.pair);
    }
}
