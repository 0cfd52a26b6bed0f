/* SPDX-License-Identifier: BSD-2-Clause */
/* stat_format.h - the counters of a stack (via_stats_walk()) as text, JSON or for Prometheus. */
#ifndef VIA_TOOLS_STAT_FORMAT_H
#define VIA_TOOLS_STAT_FORMAT_H

#include <viaduct/viaduct.h>

#include <stdio.h>

enum stat_form { STAT_NONE = 0, STAT_TEXT, STAT_JSON, STAT_PROM };

/* The form by its name ("none", "text", "json", "prom") or the program ends. */
enum stat_form stat_form_of(const char *text);

/* Prints all counters; text leaves zeroes out unless `zeroes`. */
void stat_print(FILE *f, const struct via_stack *st, enum stat_form form, bool zeroes);

#endif
