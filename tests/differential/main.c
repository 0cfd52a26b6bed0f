/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * differential_run: random programs on the kernel's sockets and on Viaduct; what the application sees must be the same.
 * Usage: differential_run [-v] udp|tcp FIRST COUNT          programs of these seeds
 *        differential_run -r FILE                           a program written down, see -p
 *        differential_run -p udp|tcp SEED                   prints a program
 * Needs to make network namespaces; where it may not it ends with 77.
 */
#include "diff.h"
#include "stack_tcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct diff_host peer_of_kernel, peer_of_via, subject;
static struct diff_stack stack;

static int open_lab(void) {
    int err = diff_host_open(&subject, "lab0", "192.0.2.1/24", "2001:db8::1/64");

    if (!err)
        err = diff_host_open(&peer_of_kernel, "lab1", "192.0.2.2/24", "2001:db8::2/64");
    if (!err)
        err = diff_host_open(&peer_of_via, "lab2", "192.0.2.2/24", "2001:db8::2/64");
    if (err)
        return err;
    return diff_stack_open(&stack, 1);
}

static void print_program(const struct diff_program *p) {
    char text[128];

    printf("%s %u %llu\n", p->proto == DIFF_UDP ? "udp" : "tcp", p->family, (unsigned long long)p->seed);
    for (uint32_t i = 0; i < p->ops; i++) {
        diff_print_op(&p->op[i], text, sizeof text);
        printf("%s\n", text);
    }
}

static bool read_program(struct diff_program *p, const char *path) {
    FILE *f = fopen(path, "r");
    char text[256], proto[8];
    unsigned long long seed;
    unsigned family;

    memset(p, 0, sizeof *p);
    if (!f || !fgets(text, sizeof text, f) || sscanf(text, "%7s %u %llu", proto, &family, &seed) != 3)
        return false;
    p->proto = strcmp(proto, "udp") ? DIFF_TCP : DIFF_UDP;
    p->family = (uint8_t)family;
    p->seed = seed;
    while (p->ops < DIFF_OPS && fgets(text, sizeof text, f))
        if (*text != '#' && diff_parse_op(&p->op[p->ops], text))
            p->ops++;
    fclose(f);
    return p->ops;
}

/* Both traces, line by line, from a little before the first difference. */
static void show(const char *a, const char *b) {
    const char *start_a = a, *start_b = b;

    while (*a && *a == *b) {
        if (*a == '\n') {
            start_a = a + 1;
            start_b = b + 1;
        }
        a++;
        b++;
    }
    printf("kernel:\n%.300s\nviaduct:\n%.300s\n", start_a, start_b);
}

static int print_drop(const struct via_stat *v, void *arg) {
    (void)arg;
    if (!strcmp(v->object, "drop") && v->value)
        printf("    dropped so far: %llu %s\n", (unsigned long long)v->value, v->name);
    return 0;
}

static bool same(const struct diff_program *p, bool verbose) {
    static struct diff_trace kernel, via;
    struct diff_wire w = {.peer = &peer_of_kernel, .host = &subject};
    bool ok;

    diff_run(&w, p, &kernel);
    w.peer = &peer_of_via;
    w.host = NULL;
    w.stack = &stack;
    diff_run(&w, p, &via);
    ok = !strcmp(kernel.text, via.text);
    if (verbose)
        printf("waited: kernel %llu ms, viaduct %llu ms\n", (unsigned long long)kernel.waited_ms,
               (unsigned long long)via.waited_ms);
    kernel.waited_ms = via.waited_ms = 0;
    if (verbose)
        printf("%s", kernel.text);
    if (!ok) {
        printf("\n==== seed %llu differs\n", (unsigned long long)p->seed);
        show(kernel.text, via.text);
        via_stats_walk(stack.st, print_drop, NULL);
    }
    return ok;
}

static int usage(void) {
    fprintf(stderr, "usage: differential_run [-v] udp|tcp FIRST COUNT | -r FILE | -p udp|tcp SEED\n");
    return 2;
}

int main(int argc, char **argv) {
    struct diff_program p;
    enum diff_proto proto;
    bool verbose = false;
    unsigned long long first, count, bad = 0, ops = 0;
    int c, err;
    char what = 0;

    while ((c = getopt(argc, argv, "vr:p")) != -1) {
        if (c == 'v')
            verbose = true;
        else if (c == 'p')
            what = 'p';
        else if (c == 'r' && read_program(&p, optarg))
            what = 'r';
        else
            return usage();
    }
    if (what != 'r' && argc - optind < 2)
        return usage();
    proto = what == 'r' ? p.proto : strcmp(argv[optind], "udp") ? DIFF_TCP : DIFF_UDP;
    if (what == 'p') {
        diff_generate(&p, strtoull(argv[optind + 1], NULL, 0), proto);
        print_program(&p);
        return 0;
    }
    if (proto == DIFF_TCP && !diff_has_tcp) {
        printf("skipped: there is no TCP yet\n");
        return 77;
    }
    err = open_lab();
    if (err) {
        printf("skipped: no namespaces with TAP devices can be made here: %s\n", strerror(-err));
        return 77;
    }
    if (what == 'r')
        return !same(&p, true);
    first = strtoull(argv[optind + 1], NULL, 0);
    count = argc - optind > 2 ? strtoull(argv[optind + 2], NULL, 0) : 1;
    for (unsigned long long s = first; s < first + count && bad < 20; s++) {
        diff_generate(&p, s, proto);
        ops += p.ops;
        bad += !same(&p, verbose);
    }
    printf("%llu programs of %s, %llu calls, %llu differ\n", count, argv[optind], ops, bad);
    return bad != 0;
}
