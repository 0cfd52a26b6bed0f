/* SPDX-License-Identifier: BSD-2-Clause */
#include "script.h"

#include <ctype.h>
#include <libgen.h>
#include <stdlib.h>

#define DEPTH   4
#define FOREVER (1000000 * VIA_SEC)

/* ---- the file ---- */

static void add_line(struct sc_run *r, char *text, const char *file, unsigned number) {
    r->line = realloc(r->line, (r->lines + 2) * sizeof *r->line);
    if (!r->line)
        abort();
    r->line[r->lines++] = (struct sc_line){text, file, number};
    r->line[r->lines] = (struct sc_line){NULL, file, number};
}

/* Lines name their file as long as the script lives. */
static const char *keep_name(struct sc_run *r, const char *path) {
    r->name = realloc(r->name, (r->names + 1) * sizeof *r->name);
    if (!r->name || !(r->name[r->names] = strdup(path)))
        abort();
    return r->name[r->names++];
}

static bool option_value(const char *text, const char *name, const char **value) {
    size_t n = strlen(name);

    if (strncmp(text, name, n) || (text[n] != '=' && text[n]))
        return false;
    *value = text[n] ? text + n + 1 : "";
    return true;
}

/* "--mtu=576" and the like: what the stack is made with. */
static void take_option(struct sc_run *r, const char *text) {
    struct sc_conf *c = &r->conf;
    const char *v;

    if (option_value(text, "--mtu", &v)) {
        c->mtu = (uint32_t)strtoul(v, NULL, 0);
    } else if (option_value(text, "--ip_version", &v)) {
        c->family = strchr(v, '6') ? 6 : 4;
    } else if (option_value(text, "--tolerance_usecs", &v)) {
        c->tolerance = strtoull(v, NULL, 0) * VIA_US;
    } else if (option_value(text, "--seed", &v)) {
        c->seed = strtoull(v, NULL, 0);
    } else if (option_value(text, "--peer_isn", &v)) {
        c->peer_isn = (uint32_t)strtoul(v, NULL, 0);
        c->peer_isn_set = true;
    } else if (option_value(text, "--attr", &v)) {
        snprintf(c->attr + strlen(c->attr), sizeof c->attr - strlen(c->attr), "%s;", v);
    } else if (option_value(text, "--fails", &v)) {
        snprintf(c->fails, sizeof c->fails, "%s", v);
    } else if (option_value(text, "--neigh", &v)) {
        c->neigh = true;
    } else if (option_value(text, "--tcp", &v)) {
        c->needs_tcp = true;
    } else if (option_value(text, "--mcast", &v)) {
        c->keep_mcast = true;
    } else if (option_value(text, "--loose", &v)) {
        c->loose = true;
    } else {
        sc_fail(r, "no such option: %s", text);
    }
}

static void read_file(struct sc_run *r, const char *path, unsigned depth);

static void include(struct sc_run *r, const char *path, const char *text, unsigned depth) {
    char *dir = strdup(path), name[256], whole[1024];

    if (depth == DEPTH || sscanf(text, " include \"%255[^\"]\"", name) != 1)
        sc_fail(r, "include \"file\" is what can be said, %u deep", DEPTH);
    snprintf(whole, sizeof whole, "%s/%s", dirname(dir), name);
    free(dir);
    read_file(r, whole, depth + 1);
}

static void trim(char *text) {
    size_t n = strlen(text);

    while (n && isspace((unsigned char)text[n - 1]))
        text[--n] = 0;
}

static void read_file(struct sc_run *r, const char *path, unsigned depth) {
    FILE *f = fopen(path, "r");
    const char *name = keep_name(r, path);
    char text[2048], *at;
    unsigned number = 0;

    if (!f) {
        add_line(r, strdup(""), name, 0);
        r->cur = r->lines - 1;
        sc_fail(r, "cannot be read");
    }
    while (fgets(text, sizeof text, f)) {
        number++;
        at = strstr(text, "//");
        if (at)
            *at = 0;
        for (at = text; isspace((unsigned char)*at); at++)
            ;
        trim(at);
        if (!*at || *at == '#')
            continue;
        add_line(r, strdup(at), name, number);
        r->cur = r->lines - 1;
        if (!strncmp(at, "--", 2) || !strncmp(at, "include ", 8)) {
            char *line = r->line[--r->lines].text;

            r->lines++;
            if (*line == '-')
                take_option(r, line);
            else
                include(r, path, line, depth);
        }
    }
    fclose(f);
}

/* ---- time ---- */

struct when {
    via_ns_t lo, hi;
    bool any, exact;
};

static via_ns_t one_time(struct sc_run *r) {
    return sc_take(r, "+") ? r->last + sc_seconds(r) : r->base + sc_seconds(r);
}

static struct when take_time(struct sc_run *r) {
    struct when w = {r->last, r->last, false, true};

    sc_more(r);
    if (*r->at == '*' && (r->at[1] == ' ' || r->at[1] == '\t')) {
        r->at++;
        return (struct when){r->last, r->last + FOREVER, true, false};
    }
    if (*r->at != '+' && !isdigit((unsigned char)*r->at))
        return w;
    w.lo = w.hi = one_time(r);
    if (*r->at == '~') {
        r->at++;
        w.hi = one_time(r);
        w.exact = false;
    }
    if (w.hi < w.lo)
        sc_fail(r, "a time that ends before it begins");
    return w;
}

static double seconds(const struct sc_run *r, via_ns_t t) {
    return (double)(int64_t)(t - r->base) / 1e9;
}

static void go_to(struct sc_run *r, const struct when *w) {
    if (w->lo < r->now)
        sc_fail(r, "time runs backwards: it is %.6f already, not %.6f", seconds(r, r->now), seconds(r, w->lo));
    sc_advance(r, w->lo);
    r->last = w->lo;
}

/* ---- lines ---- */

static void line_in(struct sc_run *r, const struct when *w) {
    struct sc_pkt p;

    go_to(r, w);
    sc_parse_packet(r, &p, false);
    sc_build(r, &p);
    sc_inject(r, &p);
    free(p.bytes);
    if (!r->held)
        sc_settle(r);
}

/* Time goes on until a packet of ours is there, at most to `hi`. */
static struct sc_pkt *wait_packet(struct sc_run *r, const struct when *w, via_ns_t hi) {
    while (!sc_next(r) && r->now < hi) {
        via_ns_t due = via_stack_deadline(r->st);

        if (w->any && due == VIA_NEVER)
            break;
        sc_advance(r, due < hi ? due : hi);
    }
    return sc_next(r);
}

static void line_out(struct sc_run *r, struct when *w) {
    via_ns_t tol = w->exact ? r->conf.tolerance : 0;
    struct sc_pkt want, *got;
    char text[1024];

    sc_parse_packet(r, &want, true);
    got = wait_packet(r, w, w->hi + tol);
    if (!got)
        sc_fail(r, "no packet came until %.6f\n    expected: %s", seconds(r, r->now), sc_show(r, &want, text, sizeof text));
    sc_compare(r, &want, got);
    if (!w->any && (got->at + tol < w->lo || got->at > w->hi + tol))
        sc_fail(r, "the right packet at %.6f, expected from %.6f to %.6f\n    it is: %s", seconds(r, got->at),
                seconds(r, w->lo), seconds(r, w->hi), sc_show(r, got, text, sizeof text));
    r->last = got->at;
    if (r->verbose)
        printf("%.6f > %s\n", seconds(r, got->at), sc_show(r, got, text, sizeof text));
    sc_pop(r);
}

static bool line_verb(struct sc_run *r, const char *name, const struct sc_verb *v) {
    for (; v->name; v++) {
        if (strcmp(v->name, name))
            continue;
        v->call(r, sc_take_slot(r));
        sc_end(r);
        if (!r->held)
            sc_settle(r);
        return true;
    }
    return false;
}

static void run_lines(struct sc_run *r, unsigned from, unsigned to);

static unsigned find_end(struct sc_run *r, unsigned at) {
    unsigned depth = 1;

    while (++at < r->lines) {
        if (!strncmp(r->line[at].text, "for ", 4))
            depth++;
        if (!strcmp(r->line[at].text, "end") && !--depth)
            return at;
    }
    sc_fail(r, "'for' without 'end'");
}

/* "for i 0~9" ... "end" */
static unsigned line_for(struct sc_run *r, unsigned at) {
    unsigned end = find_end(r, at);
    struct sc_range span;
    char name[24];

    sc_name(r, name, sizeof name);
    span = sc_range(r);
    sc_end(r);
    for (int64_t i = span.lo; i <= span.hi; i++) {
        sc_set_var(r, name, i);
        run_lines(r, at + 1, end);
    }
    return end;
}

static void run_line(struct sc_run *r) {
    struct when w = take_time(r);
    char name[24];

    if (r->verbose)
        printf("%.6f   %s\n", seconds(r, r->now), r->line[r->cur].text);
    if (sc_take(r, "<")) {
        line_in(r, &w);
    } else if (sc_take(r, ">")) {
        line_out(r, &w);
    } else {
        sc_name(r, name, sizeof name);
        go_to(r, &w);
        if (!line_verb(r, name, sc_verbs) && !line_verb(r, name, sc_tcp_verbs))
            sc_fail(r, "no such call: '%s'", name);
    }
}

static void run_lines(struct sc_run *r, unsigned from, unsigned to) {
    for (unsigned i = from; i < to; i++) {
        const char *text = r->line[i].text;

        r->cur = i;
        r->at = text;
        if (!strncmp(text, "--", 2) || !strncmp(text, "include ", 8))
            continue;
        if (sc_word(r, "for"))
            i = line_for(r, i);
        else
            run_line(r);
    }
}

static void check_end(struct sc_run *r) {
    char text[1024];

    if (!r->queue_n)
        return;
    r->cur = r->lines - 1;
    sc_relative(r, sc_next(r));
    sc_fail(r, "at the end of the script: a packet that no line asked for, sent at %.6f\n    %s",
            seconds(r, sc_next(r)->at), sc_show(r, sc_next(r), text, sizeof text));
}

static void play(struct sc_run *r) {
    sc_world_open(r);
    r->last = r->now;
    run_lines(r, 0, r->lines);
    check_end(r);
}

static void drop_lines(struct sc_run *r) {
    unsigned i;

    for (i = 0; i < r->lines; i++)
        free(r->line[i].text);
    free(r->line);
    r->line = NULL;
    r->lines = 0;
    for (i = 0; i < r->names; i++)
        free(r->name[i]);
    free(r->name);
    r->name = NULL;
    r->names = 0;
}

bool sc_load(struct sc_run *r, const char *path) {
    if (setjmp(r->out))
        return false;
    read_file(r, path, 0);
    return true;
}

void sc_unload(struct sc_run *r) {
    drop_lines(r);
}

/* Each jump back has a function of its own, so that no variable of the caller's is in doubt. */
static bool try_play(struct sc_run *r) {
    if (setjmp(r->out))
        return false;
    play(r);
    return true;
}

static void try_close(struct sc_run *r) {
    if (!setjmp(r->out))
        sc_world_close(r);
}

bool sc_play(struct sc_run *r) {
    bool fine = try_play(r);

    try_close(r);
    if (!*r->conf.fails)
        return fine;
    if (fine) {
        snprintf(r->message, sizeof r->message, "%s: should fail with '%s', but did not", r->line[0].file, r->conf.fails);
        return false;
    }
    return strstr(r->message, r->conf.fails);
}
