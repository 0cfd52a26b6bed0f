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

/* Begins a new second where one is due; how many lines were left out in the one before. */
static uint32_t new_second(struct via_core *c) {
    const via_ns_t now = c->s ? c->s->now : 0;
    uint32_t lost = c->log_lines > LINES_PER_SECOND ? c->log_lines - LINES_PER_SECOND : 0;

    if (now - c->log_from < VIA_SEC)
        return 0;
    c->log_from = now;
    c->log_lines = 0;
    return lost;
}

/* The hook's errno is not the caller's business. */
static void hand_over(const struct via_core *c, enum via_log_component component, enum via_log_level level,
                      const char *line) {
    int saved = errno;

    c->log(c->log_ctx, (int)component, (int)level, line);
    errno = saved;
}

void via_log(struct via_core *c, enum via_log_component component, enum via_log_level level, const char *fmt, ...) {
    char line[256];
    uint32_t lost;
    va_list ap;

    if (!c->log || !(c->log_mask & VIA_LOG_BIT(component, level)))
        return;
    lost = new_second(c);
    if (++c->log_lines > LINES_PER_SECOND) {
        c->log_lost++;
        return;
    }
    if (lost) {
        snprintf(line, sizeof line, "%u lines of the log were left out, more than %u came in a second", lost,
                 LINES_PER_SECOND);
        hand_over(c, component, VIA_LOG_WARN, line);
    }
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    hand_over(c, component, level, line);
}

void *via_alloc(const struct via_core *c, size_t size) {
    int saved = errno;
    void *p = c->allocator.alloc ? c->allocator.alloc(c->allocator.ctx, size) : calloc(1, size);

    errno = saved;
    return p;
}

void via_free(const struct via_core *c, void *p) {
    if (c->allocator.alloc) {
        if (c->allocator.free)
            c->allocator.free(c->allocator.ctx, p);
        return;
    }
    free(p);
}
