/* SPDX-License-Identifier: BSD-2-Clause */
#include "inner.h"

const struct perf_bench perf_inner[] = {
    {"checksum", "the Internet checksum, alone and with a copy: ns by length", true, perf_checksum},
    {"pool", "taking and giving back slots: ns per pair", true, perf_pool},
    {"wheel", "arming, moving, firing timers with 10 to 1000000 armed: ns each", true, perf_wheel},
    {"demux", "finding the socket of a packet among 10 to --members: ns", true, perf_demux},
    {"route", "longest prefix match among 10 to 100000 prefixes: ns", true, perf_route},
    {"conn-memory", "bytes of the region that an idle established connection takes, by what takes them", true,
     perf_conn_memory},
    {NULL, NULL, false, NULL},
};
