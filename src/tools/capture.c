/* SPDX-License-Identifier: BSD-2-Clause */
/* via-capture: writes what an interface brings into a pcapng file. */
#include "common.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#define BATCH 64

static const char usage[] =
    "via-capture --vi SPEC --out FILE [OPTION]...\n\n"
    "Writes the frames that come in on an interface into a pcapng file, through the same drivers as a program would use.\n\n"
    "  --vi SPEC           xdp:eth0, packet:eth0, tap:via0, pcap:in.pcapng, ...\n"
    "  --out FILE          readable by wireshark, tshark, tcpdump\n"
    "  --count N           end after so many frames\n"
    "  --seconds T         end after that time (default: at SIGINT)\n"
    "  --addr A/LEN        run a stack with this address: what it answers is captured too, drop reasons are comments\n"
    "  --snap N            bytes kept of each frame (with --addr)\n"
    "  --attr \"name=value;...\"   attributes of the stack\n\n"
    "Without --addr nothing is answered and nothing is interpreted. With xdp: the kernel does not see what is captured\n"
    "here; with packet: it sees it too.\n";

struct capture {
    struct tool_host host;
    const char *out;
    uint64_t count, seen;
    uint32_t snap;
    via_ns_t until;
};

static const struct option options[] = {
    {"vi", 1, NULL, 'v'},   {"out", 1, NULL, 'o'},  {"count", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'},
    {"addr", 1, NULL, 'a'}, {"snap", 1, NULL, 'n'}, {"attr", 1, NULL, 't'},  {"help", 0, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void take(struct capture *c, int opt) {
    switch (opt) {
    case 'v':
        c->host.vi = optarg;
        break;
    case 'o':
        c->out = optarg;
        break;
    case 'c':
        c->count = tool_number("--count", optarg, 1, UINT64_MAX);
        break;
    case 's':
        c->until = tool_clock() + tool_time("--seconds", optarg);
        break;
    case 'a':
        if (!tool_host_option(&c->host, "addr", optarg))
            tool_usage("--addr: too many");
        break;
    case 'n':
        c->snap = (uint32_t)tool_number("--snap", optarg, 14, 65535);
        break;
    case 't':
        c->host.attr = optarg;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        tool_usage("see the message above");
    }
}

static bool is_over(const struct capture *c) {
    return tool_stopped() || c->seen >= c->count || tool_clock() >= c->until;
}

static via_ns_t time_left(const struct capture *c) {
    via_ns_t now = tool_clock();

    return c->until == VIA_NEVER ? VIA_NEVER : c->until > now ? c->until - now : 0;
}

/* A replay takes its link down at the end of the file. */
static bool has_ended(const struct capture *c) {
    struct via_vi_info info = VIA_VI_INFO_INIT;

    via_vi_info(c->host.dev, &info);
    return info.link == VIA_LINK_GONE || ((info.caps & VIA_VI_SOURCE_ONLY) && info.link != VIA_LINK_UP);
}

/* The wrapper in front of the driver writes; here frames are only taken and given back. The poll moves time on. */
static void capture_raw(struct capture *c) {
    struct via_frame v[BATCH];
    int i, n;

    via_vi_raw(c->host.dev, true);
    while (!is_over(c)) {
        via_stack_poll(c->host.st, 0, NULL);
        n = via_vi_recv(c->host.dev, v, c->count - c->seen < BATCH ? (unsigned)(c->count - c->seen) : BATCH);
        if (n < 0 && n != -ENODEV)
            tool_die_stack(c->host.st, n, "receive");
        for (i = 0; i < n; i++)
            c->seen += !(v[i].flags & VIA_FRAME_MORE);
        if (n > 0)
            via_vi_release(c->host.dev, v, (unsigned)n);
        else if (has_ended(c))
            break;
        else
            tool_sleep(c->host.st, time_left(c));
    }
}

static void capture_stack(struct capture *c) {
    struct via_pcap_conf conf = VIA_PCAP_CONF_INIT;
    struct via_work w;
    int err;

    conf.path = c->out;
    conf.snap = c->snap;
    err = via_pcap_open(c->host.st, &conf);
    if (err)
        tool_die_stack(c->host.st, err, c->out);
    tool_host_addr(&c->host);
    while (!is_over(c)) {
        via_stack_poll(c->host.st, 0, &w);
        c->seen += w.rx;
        if (!w.rx && !w.more)
            tool_sleep(c->host.st, time_left(c));
    }
    conf.path = NULL;
    via_pcap_open(c->host.st, &conf);
}

int main(int argc, char **argv) {
    struct capture c = {.count = UINT64_MAX, .until = VIA_NEVER};
    char *spec = NULL;
    int opt;

    tool_init("via-capture");
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
        take(&c, opt);
    if (optind < argc || !c.host.vi || !c.out)
        tool_usage("--vi and --out are needed, and nothing without a dash");
    c.host.take_all = true;
    if (!c.host.addrs) {
        if (asprintf(&spec, "pcap:%s|%s", c.out, c.host.vi) < 0)
            tool_die("no memory");
        c.host.vi = spec;
    }
    tool_host_open(&c.host);
    if (c.host.addrs)
        capture_stack(&c);
    else
        capture_raw(&c);
    tool_host_close(&c.host);
    fprintf(stderr, "%llu frames\n", (unsigned long long)c.seen);
    free(spec);
    return 0;
}
