/* SPDX-License-Identifier: BSD-2-Clause */
/* via-stat: opens a stack on an interface, lets it run, prints its counters. */
#include "common.h"
#include "stat_format.h"

#include <getopt.h>
#include <stdlib.h>

static const char usage[] =
    "via-stat --vi SPEC [--addr A/LEN]... [OPTION]...\n\n"
    "Opens a Viaduct stack on an interface, lets it answer ARP, ND and ping for its addresses, and prints its counters:\n"
    "what came in, what was dropped and why, what the device did.\n\n"
    "  --vi SPEC           xdp:eth0, packet:eth0, tap:via0, \"fault:loss=1%|packet:eth0\", ...\n"
    "  --addr A/LEN        own address, may be repeated;  --gw A   default route\n"
    "  --attr \"name=value;...\"   attributes of the stack\n"
    "  --form text|json|prom     how to print, default text\n"
    "  --seconds N         how long, default 10; 0: print at once\n"
    "  --every N           print every N seconds too\n"
    "  --all               zeroes too (text leaves them out)\n"
    "  --dump              the stack's state too: interfaces, addresses, routes, neighbours, sockets, pools\n\n"
    "A running program prints its own counters with via_stats_walk(); this one has only what it saw itself.\n";

struct stat_conf {
    struct tool_host host;
    enum stat_form form;
    via_ns_t length, every;
    bool zeroes, dump;
};

static const struct option options[] = {
    {"vi", 1, NULL, 'v'},      {"addr", 1, NULL, 'a'},  {"gw", 1, NULL, 'g'},   {"attr", 1, NULL, 't'},
    {"form", 1, NULL, 'f'},    {"seconds", 1, NULL, 's'}, {"every", 1, NULL, 'e'}, {"all", 0, NULL, 'z'},
    {"dump", 0, NULL, 'd'},    {"help", 0, NULL, 'h'},  {NULL, 0, NULL, 0},
};

static void take(struct stat_conf *c, int opt) {
    switch (opt) {
    case 'v':
        c->host.vi = optarg;
        break;
    case 'a':
        if (!tool_host_option(&c->host, "addr", optarg))
            tool_usage("--addr: too many");
        break;
    case 'g':
        c->host.gateway = optarg;
        break;
    case 't':
        c->host.attr = optarg;
        break;
    case 'f':
        c->form = stat_form_of(optarg);
        break;
    case 's':
        c->length = tool_time("--seconds", optarg);
        break;
    case 'e':
        c->every = tool_time("--every", optarg);
        break;
    case 'z':
        c->zeroes = true;
        break;
    case 'd':
        c->dump = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        tool_usage("see the message above");
    }
}

static int put(void *arg, const char *text, size_t len) {
    return fwrite(text, 1, len, arg) != len;
}

static void print(const struct stat_conf *c) {
    stat_print(stdout, c->host.st, c->form, c->zeroes);
    if (c->dump)
        via_stack_dump(c->host.st, VIA_DUMP_ALL | (c->form == STAT_JSON ? VIA_DUMP_JSON : 0), put, stdout);
    fflush(stdout);
}

static void run(struct stat_conf *c) {
    via_ns_t now = tool_clock(), end = now + c->length, next = c->every ? now + c->every : end;

    while (!tool_stopped() && now < end) {
        while (via_stack_poll(c->host.st, 0, NULL) && !tool_stopped())
            ;
        now = tool_clock();
        if (now >= next && now < end) {
            print(c);
            next += c->every;
        }
        if (now < end)
            tool_sleep(c->host.st, (next > now && next < end ? next : end) - now);
        now = tool_clock();
    }
    print(c);
}

int main(int argc, char **argv) {
    struct stat_conf c = {.form = STAT_TEXT, .length = 10 * VIA_SEC};
    int opt;

    tool_init("via-stat");
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
        take(&c, opt);
    if (optind < argc || !c.host.vi)
        tool_usage(c.host.vi ? "'%s' is one word too many" : "--vi is needed", argv[optind]);
    tool_host_open(&c.host);
    tool_host_addr(&c.host);
    run(&c);
    tool_host_close(&c.host);
    return 0;
}
