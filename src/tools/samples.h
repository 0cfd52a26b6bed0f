/* SPDX-License-Identifier: BSD-2-Clause */
/* samples.h - times of single iterations, kept in an array made beforehand, and their summary. */
#ifndef VIA_TOOLS_SAMPLES_H
#define VIA_TOOLS_SAMPLES_H

#include <stdint.h>
#include <stdio.h>

struct samples {
    uint64_t *v;
    uint32_t count, max;
};

struct summary {
    double mean, min, median, max, percentile, stddev;
};

/* Room for `max`, touched once so that no page fault falls into the measurement. Ends the program without memory. */
void samples_init(struct samples *s, uint32_t max);
void samples_fini(struct samples *s);

static inline void samples_add(struct samples *s, uint64_t ns) {
    if (s->count < s->max)
        s->v[s->count++] = ns;
}

/* Sorts the samples; `percentile` in 0..100. All zero without samples. */
struct summary samples_summary(struct samples *s, double percentile);

/* The heading of the columns, and one line of them: size mean min median max %ile stddev iter. */
void samples_print_head(FILE *f);
void samples_print(FILE *f, uint32_t size, struct samples *s, double percentile);

#endif
