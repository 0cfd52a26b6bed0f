/* SPDX-License-Identifier: BSD-2-Clause */
#include "samples.h"
#include "common.h"

#include <stdlib.h>

void samples_init(struct samples *s, uint32_t max) {
    s->v = malloc(max * sizeof *s->v);
    if (!s->v)
        tool_die("no memory for %u samples", max);
    memset(s->v, 0xff, max * sizeof *s->v);
    s->max = max;
    s->count = 0;
}

void samples_fini(struct samples *s) {
    free(s->v);
    *s = (struct samples){0};
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Newton's method: no need of libm for one root. */
static double root_of(double x) {
    double r = x > 1 ? x : 1;
    int i;

    for (i = 0; x > 0 && i < 200; i++)
        r = (r + x / r) / 2;
    return x > 0 ? r : 0;
}

struct summary samples_summary(struct samples *s, double percentile) {
    struct summary m = {0};
    uint32_t at, i;
    double n = s->count, square = 0;

    if (!s->count)
        return m;
    qsort(s->v, s->count, sizeof *s->v, compare);
    for (i = 0; i < s->count; i++)
        m.mean += (double)s->v[i] / n;
    for (i = 0; i < s->count; i++)
        square += ((double)s->v[i] - m.mean) * ((double)s->v[i] - m.mean);
    at = (uint32_t)(percentile / 100 * n);
    m.min = (double)s->v[0];
    m.median = (double)s->v[s->count / 2];
    m.max = (double)s->v[s->count - 1];
    m.percentile = (double)s->v[at < s->count ? at : s->count - 1];
    m.stddev = s->count > 1 ? root_of(square / (n - 1)) : 0;
    return m;
}

void samples_print_head(FILE *f) {
    fprintf(f, "#%7s %9s %9s %9s %11s %9s %11s %9s\n", "size", "mean", "min", "median", "max", "%ile", "stddev", "iter");
}

void samples_print(FILE *f, uint32_t size, struct samples *s, double percentile) {
    struct summary m = samples_summary(s, percentile);

    fprintf(f, "%8u %9.0f %9.0f %9.0f %11.0f %9.0f %11.0f %9u\n", size, m.mean, m.min, m.median, m.max, m.percentile,
            m.stddev, s->count);
}
