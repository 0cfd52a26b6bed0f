/* SPDX-License-Identifier: BSD-2-Clause */
/* via-perf: runs one named micro-benchmark. */
#include "perf.h"

#include <getopt.h>
#include <stdlib.h>

static const struct perf_bench outer[] = {
    {"epoll-scale", "an ordered set of 10 and of --members sockets: ns per event", false, perf_epoll_scale},
    {"udp-inproc", "two stacks in one thread: ns per round trip", false, perf_udp_inproc},
    {"tcp-inproc", "the same in a stream of TCP", false, perf_tcp_inproc},
    {"loopback", "two sockets of one stack, TCP and UDP: ns per round trip", false, perf_loopback},
    {"pipe", "a pipe, by copies and by buffers: ns for a write and its read", false, perf_pipe},
    {"rx-path", "what a receiver does with a packet, from the interface to the copy read: ns", false, perf_rx_path},
    {"tx-path", "what a sender does with a packet, from the call to the interface: ns", false, perf_tx_path},
    {"shm-floor", "a cache line between two CPUs, memcpy hot and cold: what nothing can beat", false, perf_shm_floor},
    {NULL, NULL, false, NULL},
};

static const char usage[] =
    "via-perf list | NAME... | all  [OPTION]...\n\n"
    "Runs micro-benchmarks; each prints lines of: name value unit. Medians, warm-up left out.\n\n"
    "  --runs N       runs of which the median is taken, default 15\n"
    "  --members N    epoll-scale, demux: the largest number of sockets, default 1000000\n"
    "  --cpus A,B     shm-floor: where the two threads run, default 0,1\n\n"
    "Benchmarks marked 'inner' measure parts of the library below its public API.\n";

static const struct option options[] = {
    {"runs", 1, NULL, 'r'}, {"members", 1, NULL, 'm'}, {"cpus", 1, NULL, 'c'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};

void perf_print(const char *bench, const char *what, double value, const char *unit) {
    printf("%s.%s %.*f %s\n", bench, what, value < 100 ? 2 : 0, value, unit);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double perf_median(double *v, unsigned n) {
    qsort(v, n, sizeof *v, compare);
    return n ? v[n / 2] : 0;
}

double perf_time(const struct perf *p, void (*fn)(void *), void *arg, double ops) {
    double v[PERF_RUNS];
    via_ns_t begin;
    unsigned i;

    fn(arg);
    for (i = 0; i < p->runs; i++) {
        begin = tool_cpu();
        fn(arg);
        v[i] = (double)(tool_cpu() - begin) / ops;
    }
    return perf_median(v, p->runs);
}

static void list(const struct perf_bench *b) {
    for (; b->name; b++)
        printf("%-12s %s%s\n", b->name, b->help, b->inner ? " (inner)" : "");
}

/* Runs those of `b` that `name` means; how many. */
static unsigned run(const struct perf *p, const struct perf_bench *b, const char *name) {
    unsigned n = 0;

    for (; b->name; b++)
        if (!strcmp(name, "all") || !strcmp(name, b->name)) {
            b->run(p);
            n++;
        }
    return n;
}

int main(int argc, char **argv) {
    struct perf p = {.runs = 15, .members = 1000000, .cpu = {0, 1}};
    uint32_t cpus[2];
    int opt;

    tool_init("via-perf");
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
        switch (opt) {
        case 'r':
            p.runs = (unsigned)tool_number("--runs", optarg, 1, PERF_RUNS);
            break;
        case 'm':
            p.members = (uint32_t)tool_number("--members", optarg, 10, 4000000);
            break;
        case 'c':
            if (tool_list("--cpus", optarg, cpus, 2, 1023) != 2)
                tool_usage("--cpus: two of them");
            p.cpu[0] = (int)cpus[0];
            p.cpu[1] = (int)cpus[1];
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            tool_usage("see the message above");
        }
    if (optind == argc)
        tool_usage("which benchmark? 'list' names them");
    if (!strcmp(argv[optind], "list")) {
        list(outer);
        list(perf_inner);
        return 0;
    }
    tool_print_machine(stdout);
    for (; optind < argc; optind++)
        if (!(run(&p, outer, argv[optind]) + run(&p, perf_inner, argv[optind])))
            tool_usage("'%s' is no benchmark; 'list' names them", argv[optind]);
    return 0;
}
