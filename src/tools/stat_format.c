/* SPDX-License-Identifier: BSD-2-Clause */
#include "stat_format.h"
#include "common.h"

#include <ctype.h>
#include <stdlib.h>

/* Where a walk stands. */
struct printer {
    FILE *f;
    unsigned count;
    bool zeroes;
    char object[32]; /* of the last counter */
    uint32_t index;
    struct via_stat *all; /* Prometheus: collected, to be sorted */
    unsigned room;
};

enum stat_form stat_form_of(const char *text) {
    static const char *const words[] = {"none", "text", "json", "prom", NULL};

    return (enum stat_form)tool_word("--stats", text, words);
}

static int print_text(const struct via_stat *s, void *arg) {
    struct printer *p = arg;

    if (!s->value && !p->zeroes)
        return 0;
    if (strcmp(p->object, s->object) || p->index != s->index) {
        snprintf(p->object, sizeof p->object, "%s", s->object);
        p->index = s->index;
        fprintf(p->f, s->index ? "%s %u\n" : "%s\n", s->object, s->index);
    }
    fprintf(p->f, "  %-28s %16llu  %s\n", s->name, (unsigned long long)s->value, s->help);
    return 0;
}

static void print_quoted(FILE *f, const char *text) {
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        if ((unsigned char)*text >= ' ')
            fputc(*text, f);
    }
    fputc('"', f);
}

static int print_json(const struct via_stat *s, void *arg) {
    struct printer *p = arg;

    fprintf(p->f, "%s\n  {\"object\": ", p->count++ ? "," : "");
    print_quoted(p->f, s->object);
    fprintf(p->f, ", \"index\": %u, \"name\": ", s->index);
    print_quoted(p->f, s->name);
    fprintf(p->f, ", \"kind\": \"%s\", \"value\": %llu}", s->gauge ? "gauge" : "counter", (unsigned long long)s->value);
    return 0;
}

/* A metric name may have letters, digits and underscores alone. */
static void metric_name(char *out, size_t room, const struct via_stat *s) {
    size_t i;

    snprintf(out, room, "viaduct_%s_%s%s", s->object, s->name, s->gauge ? "" : "_total");
    for (i = 0; out[i]; i++)
        out[i] = isalnum((unsigned char)out[i]) ? (char)tolower((unsigned char)out[i]) : '_';
}

static int collect(const struct via_stat *s, void *arg) {
    struct printer *p = arg;

    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 256;
        p->all = realloc(p->all, p->room * sizeof *p->all);
        if (!p->all)
            tool_die("no memory for %u counters", p->room);
    }
    p->all[p->count++] = *s;
    return 0;
}

static int compare_metrics(const void *a, const void *b) {
    const struct via_stat *x = a, *y = b;
    int d = strcmp(x->object, y->object);

    if (!d)
        d = strcmp(x->name, y->name);
    return d ? d : (x->index > y->index) - (x->index < y->index);
}

/* The text format wants all samples of a metric together, whatever the order of the walk. */
static void print_prom(struct printer *p, const struct via_stack *st) {
    char name[96], last[sizeof name] = "";
    unsigned i;

    via_stats_walk(st, collect, p);
    if (p->count)
        qsort(p->all, p->count, sizeof *p->all, compare_metrics);
    for (i = 0; i < p->count; i++) {
        const struct via_stat *s = &p->all[i];

        metric_name(name, sizeof name, s);
        if (strcmp(name, last))
            fprintf(p->f, "# HELP %s %s\n# TYPE %s %s\n", name, s->help, name, s->gauge ? "gauge" : "counter");
        memcpy(last, name, sizeof last);
        fprintf(p->f, "%s{index=\"%u\"} %llu\n", name, s->index, (unsigned long long)s->value);
    }
    free(p->all);
}

void stat_print(FILE *f, const struct via_stack *st, enum stat_form form, bool zeroes) {
    struct printer p = {.f = f, .zeroes = zeroes};

    if (form == STAT_TEXT)
        via_stats_walk(st, print_text, &p);
    if (form == STAT_PROM)
        print_prom(&p, st);
    if (form == STAT_JSON) {
        fputc('[', f);
        via_stats_walk(st, print_json, &p);
        fputs("\n]\n", f);
    }
}
