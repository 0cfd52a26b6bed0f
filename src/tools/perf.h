/* SPDX-License-Identifier: BSD-2-Clause */
/* perf.h - named micro-benchmarks. Each prints "name value unit" lines: medians of several runs, warm-up left out. */
#ifndef VIA_TOOLS_PERF_H
#define VIA_TOOLS_PERF_H

#include "common.h"

#define PERF_RUNS 64 /* most runs */

struct perf {
    unsigned runs;
    uint32_t members; /* epoll-scale, demux: the largest number */
    int cpu[2];       /* shm-floor: where the two threads run */
};

struct perf_bench {
    const char *name, *help;
    bool inner; /* reaches into the library instead of going through the public API */
    void (*run)(const struct perf *p);
};

/* Prints one line. */
void perf_print(const char *bench, const char *what, double value, const char *unit);

/*
 * Times `runs` calls of fn(arg), each of which does `ops` operations, after one that is not counted: median ns of one, in
 * time that the process had a CPU.
 */
double perf_time(const struct perf *p, void (*fn)(void *), void *arg, double ops);

/* Sorts `v` and returns its median. */
double perf_median(double *v, unsigned n);

/* A quick generator with a fixed seed: the same work in every run. */
static inline uint32_t perf_rand(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Keeps the compiler from leaving out what computes `v`. */
static inline void perf_keep(uint64_t v) {
    __asm__ volatile("" : : "r"(v) : "memory");
}

void perf_epoll_scale(const struct perf *p);
void perf_udp_inproc(const struct perf *p);
void perf_tcp_inproc(const struct perf *p);
void perf_loopback(const struct perf *p);
void perf_pipe(const struct perf *p);
void perf_rx_path(const struct perf *p);
void perf_tx_path(const struct perf *p);
void perf_shm_floor(const struct perf *p);

/* In tests/perf, built with the library's inner headers. */
extern const struct perf_bench perf_inner[];

#endif
