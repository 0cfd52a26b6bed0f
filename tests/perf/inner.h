/* SPDX-License-Identifier: BSD-2-Clause */
/* inner.h - micro-benchmarks of parts below the public API; via-perf runs them too. */
#ifndef VIA_TESTS_PERF_INNER_H
#define VIA_TESTS_PERF_INNER_H

#include "perf.h"

void perf_checksum(const struct perf *p);
void perf_pool(const struct perf *p);
void perf_wheel(const struct perf *p);
void perf_demux(const struct perf *p);
void perf_conn_memory(const struct perf *p);
void perf_route(const struct perf *p);

#endif
