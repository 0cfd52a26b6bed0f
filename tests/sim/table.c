/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_table: what each congestion control makes of each link, in virtual time.
 * Usage: sim_table [-o FILE] [-c FILE] [LINK...]: prints the table; -o writes it; -c compares with one written before and
 * fails where a figure became worse by more than its margin (5% of throughput), naming it.
 */
#include "flow.h"
#include "links.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A row: an algorithm on a link. */
struct row {
    char link[16], cc[16];
    double mbit, resent, fair, p50, p99, wait;
    unsigned long timeouts, drops, marks;
};

static void route_event(struct sim_host *h, const struct via_event *ev) {
    struct flows *fs = h->sim->app;

    for (unsigned i = 0; i < fs->n; i++) {
        struct flow *f = &fs->flow[i];

        if (f->port != ev->user)
            continue;
        if (f->rate)
            udp_event(f, ev);
        else
            tcp_event(f, h, ev);
    }
}

/* Starts flows whose time has come, and sends what UDP has due. */
static void tick(struct sim *s) {
    struct flows *fs = s->app;

    for (unsigned i = 0; i < fs->n; i++) {
        struct flow *f = &fs->flow[i];

        if (f->start && f->start <= s->now) {
            f->start = 0;
            if (f->rate)
                udp_start(f);
            else
                tcp_start(f);
        }
        if (!f->start && f->rate)
            udp_tick(f);
        if (f->start && f->start < s->tick_at)
            s->tick_at = f->start;
        if (!f->start && f->rate && f->next < s->tick_at)
            s->tick_at = f->next;
    }
}

static struct flow *add_flow(struct sim *s, struct flows *fs, const char *cc, via_ns_t start) {
    const char *attr = flow_has_tcp && s->pipe[0].conf.ecn ? "tcp_ecn=2" : NULL;
    struct flow *f = &fs->flow[fs->n++];

    memset(f, 0, sizeof *f);
    f->from = sim_add(s, 0, attr);
    f->to = sim_add(s, 1, attr);
    f->from->on_event = f->to->on_event = route_event;
    f->cc = cc;
    f->port = (uint16_t)(5000 + fs->n);
    f->start = start;
    return f;
}

static struct sim *prepare(const struct link *l, struct flows *fs) {
    struct sim_pipe_conf pipe[2] = {l->to, l->back};
    struct sim *s = sim_new(42, pipe);

    memset(fs, 0, sizeof *fs);
    s->app = fs;
    s->tick = tick;
    s->tick_at = s->now;
    return s;
}

static void check(const struct flow *f, const struct link *l) {
    if (f->wrong) {
        printf("FAIL %s: the stream of %s is damaged\n", l->name, f->cc);
        exit(1);
    }
    if (f->reason) {
        printf("FAIL %s: a connection of %s died: %s\n", l->name, f->cc, strerror(-f->reason));
        exit(1);
    }
}

/* One flow, as fast as it goes. */
static void bulk(const struct link *l, const char *cc, struct row *r) {
    struct flows fs;
    struct sim *s = prepare(l, &fs);
    struct flow *f = add_flow(s, &fs, cc, s->now);
    via_ns_t begin = s->now;

    if (!strcmp(cc, "udp"))
        f->rate = l->to.rate / 100 * 80;
    sim_run(s, begin + l->time);
    if (!f->rate)
        tcp_collect(f);
    check(f, l);
    r->mbit = (double)f->received * 8 / (double)l->time * 1e3;
    r->resent = f->segs ? 100.0 * (double)f->resent / (double)f->segs
                        : f->packets ? 100.0 * (1 - (double)f->got / (double)f->packets) : 0;
    r->timeouts = f->timeouts;
    r->drops = s->pipe[0].dropped;
    r->marks = s->pipe[0].marked;
    r->wait = s->pipe[0].carried ? (double)s->pipe[0].wait_sum / (double)s->pipe[0].carried / 1e6 : 0;
    sim_free(s);
}

/* Four flows that begin a second apart: Jain's index over what came after all were there. */
static void fairness(const struct link *l, const char *cc, struct row *r) {
    struct flows fs;
    struct sim *s = prepare(l, &fs);
    via_ns_t begin = s->now, step = l->time / 20;
    double sum = 0, squares = 0;

    for (unsigned i = 0; i < 4; i++)
        add_flow(s, &fs, cc, begin + i * step)->rate = strcmp(cc, "udp") ? 0 : l->to.rate / 5;
    sim_run(s, begin + l->time / 4);
    for (unsigned i = 0; i < 4; i++)
        fs.flow[i].marked_at = fs.flow[i].received;
    sim_run(s, begin + l->time / 4 + l->time);
    for (unsigned i = 0; i < 4; i++) {
        double x = (double)(fs.flow[i].received - fs.flow[i].marked_at);

        check(&fs.flow[i], l);
        sum += x;
        squares += x * x;
    }
    r->fair = squares > 0 ? sum * sum / (4 * squares) : 0;
    sim_free(s);
}

static int by_time(const void *a, const void *b) {
    const via_ns_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Transfers of 100 KB, each on a connection of its own, one after the other. */
static void transfers(const struct link *l, const char *cc, struct row *r) {
    struct flows fs;
    struct sim *s = prepare(l, &fs);
    struct flow *f = add_flow(s, &fs, cc, s->now);
    via_ns_t end = s->now + 60 * VIA_SEC;

    f->size = 100000;
    while (f->dones < 100 && s->now < end)
        sim_run(s, s->now + 100 * VIA_MS);
    check(f, l);
    qsort(f->done, f->dones, sizeof *f->done, by_time);
    if (f->dones) {
        r->p50 = (double)f->done[f->dones / 2] / 1e6;
        r->p99 = (double)f->done[f->dones * 99 / 100] / 1e6;
    }
    sim_free(s);
}

static struct row measure(const struct link *l, const char *cc) {
    struct row r = {0};

    snprintf(r.link, sizeof r.link, "%s", l->name);
    snprintf(r.cc, sizeof r.cc, "%s", cc);
    bulk(l, cc, &r);
    fairness(l, cc, &r);
    if (strcmp(cc, "udp"))
        transfers(l, cc, &r);
    return r;
}

static const char head[] = "# link     cc        Mb/s  resent%  rtos  drops  marks  wait_ms   jain   p50_ms   p99_ms\n";

static void print_row(FILE *f, const struct row *r) {
    fprintf(f, "%-10s %-6s %8.2f %8.3f %5lu %6lu %6lu %8.2f %6.3f %8.1f %8.1f\n", r->link, r->cc, r->mbit, r->resent,
            r->timeouts, r->drops, r->marks, r->wait, r->fair, r->p50, r->p99);
}

static bool read_row(FILE *f, struct row *r) {
    char text[256];

    while (fgets(text, sizeof text, f))
        if (*text != '#' && sscanf(text, "%15s %15s %lf %lf %lu %lu %lu %lf %lf %lf %lf", r->link, r->cc, &r->mbit, &r->resent,
                                   &r->timeouts, &r->drops, &r->marks, &r->wait, &r->fair, &r->p50, &r->p99) == 11)
            return true;
    return false;
}

/* How much worse a figure may become: a part of it, and something for figures near zero. */
struct margin {
    const char *name;
    double was, now, part, least;
    bool up; /* more is better */
};

static bool worse(const struct margin *m) {
    double by = m->up ? m->was - m->now : m->now - m->was;

    return by > fabs(m->was) * m->part && by > m->least;
}

static unsigned compare(const struct row *was, const struct row *now) {
    const struct margin v[] = {{"Mb/s", was->mbit, now->mbit, 0.05, 0.05, true},
                               {"resent%", was->resent, now->resent, 0.25, 0.5, false},
                               {"rtos", (double)was->timeouts, (double)now->timeouts, 0.1, 3, false},
                               {"wait_ms", was->wait, now->wait, 0.2, 2, false},
                               {"jain", was->fair, now->fair, 0.1, 0.05, true},
                               {"p50_ms", was->p50, now->p50, 0.03, 0.2, false},
                               {"p99_ms", was->p99, now->p99, 0.1, 1, false}};
    unsigned bad = 0;

    for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
        if (!worse(&v[i]))
            continue;
        printf("WORSE %s %s: %s was %.3f, is %.3f\n", now->link, now->cc, v[i].name, v[i].was, v[i].now);
        bad++;
    }
    return bad;
}

static unsigned compare_file(const char *path, const struct row *rows, unsigned n) {
    FILE *f = fopen(path, "r");
    unsigned bad = 0, found = 0;
    struct row was;

    if (!f) {
        printf("FAIL %s cannot be read\n", path);
        return 1;
    }
    while (read_row(f, &was)) {
        for (unsigned i = 0; i < n; i++) {
            if (strcmp(rows[i].link, was.link) || strcmp(rows[i].cc, was.cc))
                continue;
            bad += compare(&was, &rows[i]);
            found++;
        }
    }
    fclose(f);
    if (found < n)
        printf("%u of %u rows are not in %s and were not compared\n", n - found, n, path);
    return bad;
}

static bool wanted(int argc, char **argv, const char *name) {
    bool any = optind == argc;

    for (int i = optind; i < argc; i++)
        any |= !strcmp(argv[i], name);
    return any;
}

int main(int argc, char **argv) {
    static const char *const tcp[] = {"udp", "cubic", "reno", "bbr"};
    const char *out = NULL, *with = NULL;
    static struct row rows[LINKS * 4];
    unsigned n = 0, bad = 0;
    int c;

    while ((c = getopt(argc, argv, "o:c:")) != -1) {
        if (c == 'o')
            out = optarg;
        else if (c == 'c')
            with = optarg;
        else
            return 2;
    }
    printf("%s", head);
    for (unsigned i = 0; i < LINKS; i++) {
        for (unsigned k = 0; k < (flow_has_tcp ? sizeof tcp / sizeof *tcp : 1) && wanted(argc, argv, links[i].name); k++) {
            rows[n] = measure(&links[i], tcp[k]);
            print_row(stdout, &rows[n++]);
            fflush(stdout);
        }
    }
    if (out) {
        FILE *f = fopen(out, "w");

        if (!f)
            return 1;
        fprintf(f, "# Made by sim_table -o; a ctest compares. Virtual time, fixed seeds. Bulk: Mb/s of payload, segments\n"
                   "# sent again (UDP: lost), timeouts, drops and marks of the queue, mean wait in it; four flows: Jain's\n"
                   "# index; transfers of 100 KB on new connections: completion times.\n%s", head);
        for (unsigned i = 0; i < n; i++)
            print_row(f, &rows[i]);
        fclose(f);
    }
    if (with)
        bad = compare_file(with, rows, n);
    return bad != 0;
}
