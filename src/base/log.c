/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES_PER_SECOND 1000u

int via_why_set(struct via_core *c, int err, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->why, sizeof c->why, fmt, ap);
    va_end(ap);
    return err;
}

/* At most so many lines a second; what is left out is told with the next second's first line. */
static bool within_rate(struct via_core *c) {
    if (c->s->now - c->log_from >= VIA_SEC) {
        c->log_from = c->s->now;
        c->log_lines = 0;
    }
    if (c->log_lines++ < LINES_PER_SECOND)
        return true;
    c->log_lost++;
    return false;
}

void via_log(struct via_core *c, enum via_log_component component, enum via_log_level level, const char *fmt, ...) {
    char line[256];
    va_list ap;

    if (!c->log || !(c->log_mask & VIA_LOG_BIT(component, level)) || !within_rate(c))
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    c->log(c->log_ctx, (int)component, (int)level, line);
}

void *via_alloc(const struct via_core *c, size_t size) {
    return c->allocator.alloc ? c->allocator.alloc(c->allocator.ctx, size) : calloc(1, size);
}

void via_free(const struct via_core *c, void *p) {
    if (c->allocator.alloc) {
        if (c->allocator.free)
            c->allocator.free(c->allocator.ctx, p);
        return;
    }
    free(p);
}
