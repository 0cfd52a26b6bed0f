/* SPDX-License-Identifier: BSD-2-Clause */
#include "pingpong.h"

#include <getopt.h>
#include <stdlib.h>

static const char *const wait_words[] = {"spin", "sleep", "busypoll", NULL};
static const char *const muxer_words[] = {"none", "epoll", "libev", NULL};
static const char *const proto_words[] = {"udp", "tcp", NULL};

static const char usage[] =
    "via-pingpong server|client [OPTION]...\n"
    "via-pingpong --inproc [OPTION]...\n\n"
    "Measures round trips of datagrams or of messages in a TCP stream, size by size: half a round trip in ns.\n\n"
    "What carries them:\n"
    "  --vi SPEC            a Viaduct stack on this interface: xdp:eth0, packet:eth0, tap:via0\n"
    "  --os                 the kernel's sockets, same program, for comparison\n"
    "  --raw                with --vi: whole Ethernet frames, no stack above: the floor\n"
    "  --inproc             two Viaduct stacks in this thread, joined by a cable in memory; a whole round trip in ns\n"
    "Addresses:\n"
    "  --addr A/LEN         own address (--vi; may be repeated), or the address to bind to (--os)\n"
    "  --peer B             the server's address (client); --peer-mac M with --raw, default broadcast\n"
    "  --port P             default 9000\n"
    "  --proto udp|tcp      default udp; tcp: the stream's small messages do not wait (no delay)\n"
    "  --gw A, --attr \"name=value;...\"   default route, attributes of the stack\n"
    "What is measured:\n"
    "  --sizes 1,64,...     payload bytes, default 1,64,256,1024,1472 (--raw: whole frames)\n"
    "  --pings N            round trips of each size, default 10000; --warmup N before them, default 1000\n"
    "  --percentile P       default 99\n"
    "  --timeout T          when an echo counts as lost, default 200ms\n"
    "How it waits:\n"
    "  --wait spin|sleep    spin: never sleeps; sleep: blocks at once. --os: busypoll too (SO_BUSY_POLL)\n"
    "  --muxer none|epoll|libev   sockets asked directly, through an event set, or in a libev loop\n"
    "Others:\n"
    "  --copy               send and receive by copy; default: buffers are borrowed, a server sends back what it got\n"
    "  --cpu N              run on this CPU\n"
    "  --keep               server: go on when a client ends\n"
    "  --clock              with --inproc: the clock is read once a round trip; else time is counted\n"
    "  --checksum on|off    with --inproc: verify and make all checksums, or none; default: attribute's default\n"
    "  --stats text|json|prom    print the stack's counters at the end\n";

enum { OPT_FIRST = 256, OPT_VI, OPT_ADDR, OPT_ATTR, OPT_GW, OPT_OS, OPT_RAW, OPT_INPROC, OPT_PEER, OPT_PEER_MAC, OPT_PORT,
       OPT_PROTO, OPT_SIZES, OPT_PINGS, OPT_WARMUP, OPT_PERCENTILE, OPT_TIMEOUT, OPT_WAIT, OPT_MUXER, OPT_COPY, OPT_CPU,
       OPT_KEEP, OPT_CLOCK, OPT_CHECKSUM, OPT_STATS, OPT_HELP };

static const struct option options[] = {
    {"vi", 1, NULL, OPT_VI},           {"addr", 1, NULL, OPT_ADDR},
    {"attr", 1, NULL, OPT_ATTR},       {"gw", 1, NULL, OPT_GW},
    {"os", 0, NULL, OPT_OS},           {"raw", 0, NULL, OPT_RAW},
    {"inproc", 0, NULL, OPT_INPROC},   {"peer", 1, NULL, OPT_PEER},
    {"peer-mac", 1, NULL, OPT_PEER_MAC}, {"port", 1, NULL, OPT_PORT},
    {"proto", 1, NULL, OPT_PROTO},     {"sizes", 1, NULL, OPT_SIZES},
    {"pings", 1, NULL, OPT_PINGS},     {"warmup", 1, NULL, OPT_WARMUP},
    {"percentile", 1, NULL, OPT_PERCENTILE}, {"timeout", 1, NULL, OPT_TIMEOUT},
    {"wait", 1, NULL, OPT_WAIT},       {"muxer", 1, NULL, OPT_MUXER},
    {"copy", 0, NULL, OPT_COPY},       {"cpu", 1, NULL, OPT_CPU},
    {"keep", 0, NULL, OPT_KEEP},       {"clock", 0, NULL, OPT_CLOCK},
    {"checksum", 1, NULL, OPT_CHECKSUM}, {"stats", 1, NULL, OPT_STATS},
    {"help", 0, NULL, OPT_HELP},       {NULL, 0, NULL, 0},
};

static void set_mode(struct pp *pp, enum pp_mode mode) {
    if (pp->mode != PP_STACK && pp->mode != mode)
        tool_usage("--os, --raw and --inproc exclude each other");
    pp->mode = mode;
}

static void take_what(struct pp *pp, int opt) {
    static const char *const onoff[] = {"off", "on", NULL};

    switch (opt) {
    case OPT_SIZES:
        pp->size_count = tool_list("--sizes", optarg, pp->sizes, PP_SIZES, PP_MAX);
        break;
    case OPT_PINGS:
        pp->pings = (uint32_t)tool_number("--pings", optarg, 1, 100000000);
        break;
    case OPT_WARMUP:
        pp->warmup = (uint32_t)tool_number("--warmup", optarg, 0, 100000000);
        break;
    case OPT_PERCENTILE:
        pp->percentile = atof(optarg);
        if (pp->percentile <= 0 || pp->percentile > 100)
            tool_usage("--percentile: above 0, up to 100");
        break;
    case OPT_TIMEOUT:
        pp->timeout = tool_time("--timeout", optarg);
        break;
    case OPT_WAIT:
        pp->wait = (enum pp_wait)tool_word("--wait", optarg, wait_words);
        break;
    case OPT_MUXER:
        pp->muxer = (enum pp_muxer)tool_word("--muxer", optarg, muxer_words);
        break;
    case OPT_CPU:
        pp->cpu = (int)tool_number("--cpu", optarg, 0, 1023);
        break;
    case OPT_CHECKSUM:
        pp->checksum = onoff[tool_word("--checksum", optarg, onoff)];
        break;
    case OPT_STATS:
        pp->stats = stat_form_of(optarg);
        break;
    default:
        tool_usage("unknown option");
    }
}

static void take(struct pp *pp, int opt) {
    switch (opt) {
    case OPT_HELP:
        fputs(usage, stdout);
        exit(0);
    case OPT_VI:
        tool_host_option(&pp->host, "vi", optarg);
        break;
    case OPT_ADDR:
        if (!tool_host_option(&pp->host, "addr", optarg))
            tool_usage("--addr: too many");
        break;
    case OPT_ATTR:
        tool_host_option(&pp->host, "attr", optarg);
        break;
    case OPT_GW:
        tool_host_option(&pp->host, "gw", optarg);
        break;
    case OPT_OS:
        set_mode(pp, PP_OS);
        break;
    case OPT_RAW:
        set_mode(pp, PP_RAW);
        break;
    case OPT_INPROC:
        set_mode(pp, PP_INPROC);
        break;
    case OPT_PEER:
        pp->peer = optarg;
        break;
    case OPT_PEER_MAC:
        pp->peer_mac = optarg;
        break;
    case OPT_PORT:
        pp->port = (uint16_t)tool_number("--port", optarg, 1, 65535);
        break;
    case OPT_PROTO:
        pp->tcp = tool_word("--proto", optarg, proto_words) == 1;
        break;
    case OPT_COPY:
        pp->copy = true;
        break;
    case OPT_KEEP:
        pp->keep = true;
        break;
    case OPT_CLOCK:
        pp->clock = true;
        break;
    case '?':
        tool_usage("see the message above");
    default:
        take_what(pp, opt);
    }
}

static void check_options(struct pp *pp) {
    if (pp->mode == PP_INPROC ? pp->host.vi || pp->peer : !pp->host.vi == (pp->mode != PP_OS))
        tool_usage(pp->mode == PP_INPROC ? "--inproc brings its own interfaces" : "exactly one of --vi and --os is needed");
    if (!pp->server && pp->mode != PP_INPROC && pp->mode != PP_RAW && !pp->peer)
        tool_usage("a client needs --peer");
    if (pp->mode == PP_STACK && !pp->host.addrs)
        tool_usage("a stack needs an own address, --addr");
    if (pp->wait == PP_BUSYPOLL && pp->mode != PP_OS)
        tool_usage("--wait busypoll is for --os");
    if (pp->muxer != PP_NONE && (pp->mode == PP_RAW || pp->mode == PP_INPROC))
        tool_usage("--muxer is for stacks and kernel sockets");
    if ((pp->clock || pp->checksum) && pp->mode != PP_INPROC)
        tool_usage("--clock and --checksum go with --inproc; elsewhere say --attr checksum=N");
    if (pp->tcp && pp->mode == PP_RAW)
        tool_usage("--raw carries frames, not --proto tcp");
}

void pp_next(struct pp *pp, uint32_t size) {
    pp->seq++;
    memcpy(pp->message, &pp->seq, size < sizeof pp->seq ? size : sizeof pp->seq);
}

bool pp_is_echo(const struct pp *pp, const void *data, size_t len, uint32_t size) {
    return len == size && !memcmp(data, &pp->seq, size < sizeof pp->seq ? size : sizeof pp->seq);
}

bool pp_is_end(const void *data, size_t len) {
    return len == sizeof PP_END && !memcmp(data, PP_END, sizeof PP_END);
}

static void time_pings(struct pp *pp, const struct pp_carrier *c, uint32_t size) {
    unsigned lost_in_row = 0;
    via_ns_t begin;
    uint32_t i;

    for (i = 0; i < pp->warmup + pp->pings && !tool_stopped(); i++) {
        pp_next(pp, size);
        begin = tool_clock();
        if (!c->ping(pp, size)) {
            pp->lost++;
            if (++lost_in_row == 20)
                tool_die("no echo of %u bytes, twenty times in a row", size);
            continue;
        }
        lost_in_row = 0;
        if (i >= pp->warmup)
            samples_add(&pp->samples, (tool_clock() - begin) / 2);
    }
}

static void measure(struct pp *pp, const struct pp_carrier *c) {
    uint32_t size;
    unsigned k;

    samples_print_head(stdout);
    for (k = 0; k < pp->size_count && !tool_stopped(); k++) {
        size = pp->sizes[k] > c->overhead ? pp->sizes[k] : c->overhead;
        pp->samples.count = 0;
        if (c->measure)
            c->measure(pp, size);
        else
            time_pings(pp, c, size);
        samples_print(stdout, size, &pp->samples, pp->percentile);
    }
    if (c->end)
        c->end(pp);
    printf("# lost: %llu\n", (unsigned long long)pp->lost);
}

static void run(struct pp *pp, const struct pp_carrier *c) {
    tool_pin(pp->cpu);
    c->open(pp);
    printf("# via-pingpong: %s, %s, %s round trip in ns, %%ile is %g\n", pp->mode == PP_RAW ? "raw frames" : proto_words[pp->tcp],
           pp->server ? "server" : "client", c->measure ? "whole" : "half", pp->percentile);
    tool_print_machine(stdout);
    c->describe(pp, stdout);
    if (pp->server) {
        printf("# serving\n");
        fflush(stdout);
        c->serve(pp);
    } else {
        measure(pp, c);
    }
    if (pp->host.st)
        stat_print(stdout, pp->host.st, pp->stats, false);
    c->close(pp);
}

int main(int argc, char **argv) {
    static const struct pp_carrier *const carriers[] = {&pp_stack, &pp_os, &pp_raw, &pp_inproc};
    static struct pp pp = {.port = 9000, .sizes = {1, 64, 256, 1024, 1472}, .size_count = 5, .pings = 10000,
                           .warmup = 1000, .percentile = 99, .timeout = 200 * VIA_MS, .cpu = -1};
    static const char *const roles[] = {"client", "server", NULL};
    int opt;

    tool_init("via-pingpong");
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
        take(&pp, opt == 'h' ? OPT_HELP : opt);
    if (pp.mode != PP_INPROC) {
        if (optind == argc)
            tool_usage("server or client?");
        pp.server = tool_word("role", argv[optind], roles) == 1;
        optind++;
    }
    if (optind < argc)
        tool_usage("'%s' is one word too many", argv[optind]);
    check_options(&pp);
    samples_init(&pp.samples, pp.pings);
    run(&pp, pp.tcp && pp.mode != PP_INPROC ? &pp_tcp : carriers[pp.mode]);
    samples_fini(&pp.samples);
    return 0;
}
