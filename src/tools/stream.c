/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

static const char usage[] =
    "via-stream server|client [OPTION]...\n"
    "via-stream --inproc [OPTION]...\n\n"
    "Sends bytes over TCP as fast as they go and measures how fast they came: one line per run.\n\n"
    "What carries them:\n"
    "  --vi SPEC            a Viaduct stack on this interface: xdp:eth0, packet:eth0, tap:via0\n"
    "  --os                 the kernel's sockets, same program, for comparison\n"
    "  --inproc             two Viaduct stacks in this thread, joined by a cable in memory: one core does both ends\n"
    "Addresses:\n"
    "  --addr A/LEN         own address (--vi; may be repeated), or the address to bind to (--os)\n"
    "  --peer B             the server's address (client)\n"
    "  --port P             default 9001\n"
    "  --gw A, --attr \"name=value;...\"   default route, attributes of the stack\n"
    "What is measured:\n"
    "  --bytes N            of one run, over all connections, default 1g; k, m, g are understood\n"
    "  --runs N             default 5\n"
    "  --connections N      that share the bytes, default 1\n"
    "  --size N             bytes of one send, default 64k\n"
    "  --reverse            client: the server sends\n"
    "  --zc                 received bytes are lent and, with --inproc, sent bytes are not copied\n"
    "  --mss N              --inproc: segments of N bytes at most; --os: TCP_MAXSEG\n"
    "  --segment N          --inproc: IP packets of N bytes at most (mem_mtu=N;tcp_big=off)\n"
    "  --checksum on|off    --inproc: verify and make all checksums, or none; default: attribute's default\n"
    "Others:\n"
    "  --wait spin|sleep|busypoll   busypoll: --os alone; default spin\n"
    "  --cpu N              run on this CPU\n"
    "  --keep               server: go on when a client ends\n";

enum { OPT_FIRST = 256, OPT_VI, OPT_ADDR, OPT_ATTR, OPT_GW, OPT_OS, OPT_INPROC, OPT_PEER, OPT_PORT, OPT_BYTES, OPT_RUNS,
       OPT_CONNS, OPT_SIZE, OPT_REVERSE, OPT_ZC, OPT_MSS, OPT_SEGMENT, OPT_CHECKSUM, OPT_WAIT, OPT_CPU, OPT_KEEP, OPT_HELP };

static const struct option options[] = {
    {"vi", 1, NULL, OPT_VI},           {"addr", 1, NULL, OPT_ADDR},       {"attr", 1, NULL, OPT_ATTR},
    {"gw", 1, NULL, OPT_GW},           {"os", 0, NULL, OPT_OS},           {"inproc", 0, NULL, OPT_INPROC},
    {"peer", 1, NULL, OPT_PEER},       {"port", 1, NULL, OPT_PORT},       {"bytes", 1, NULL, OPT_BYTES},
    {"runs", 1, NULL, OPT_RUNS},       {"connections", 1, NULL, OPT_CONNS}, {"size", 1, NULL, OPT_SIZE},
    {"reverse", 0, NULL, OPT_REVERSE}, {"zc", 0, NULL, OPT_ZC},           {"mss", 1, NULL, OPT_MSS},
    {"segment", 1, NULL, OPT_SEGMENT}, {"checksum", 1, NULL, OPT_CHECKSUM}, {"wait", 1, NULL, OPT_WAIT},
    {"cpu", 1, NULL, OPT_CPU},         {"keep", 0, NULL, OPT_KEEP},       {"help", 0, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void take_what(struct stream *s, int opt) {
    static const char *const onoff[] = {"off", "on", NULL}, *const waits[] = {"spin", "sleep", "busypoll", NULL};

    switch (opt) {
    case OPT_BYTES:
        s->bytes = tool_number("--bytes", optarg, 1, 1ull << 50);
        break;
    case OPT_RUNS:
        s->runs = (uint32_t)tool_number("--runs", optarg, 1, 1000000);
        break;
    case OPT_CONNS:
        s->conns = (uint32_t)tool_number("--connections", optarg, 1, STREAM_CONNS);
        break;
    case OPT_SIZE:
        s->piece = (uint32_t)tool_number("--size", optarg, 1, STREAM_PIECE);
        break;
    case OPT_MSS:
        s->side.mss = (uint32_t)tool_number("--mss", optarg, 88, 65495);
        break;
    case OPT_SEGMENT:
        s->segment = (uint32_t)tool_number("--segment", optarg, 128, 65535);
        break;
    case OPT_CHECKSUM:
        s->checksum = onoff[tool_word("--checksum", optarg, onoff)];
        break;
    case OPT_WAIT:
        s->side.wait = (enum side_wait)tool_word("--wait", optarg, waits);
        break;
    case OPT_CPU:
        s->cpu = (int)tool_number("--cpu", optarg, 0, 1023);
        break;
    default:
        tool_usage("see the message above");
    }
}

static void take(struct stream *s, int opt) {
    switch (opt) {
    case OPT_HELP:
        fputs(usage, stdout);
        exit(0);
    case OPT_VI:
        tool_host_option(&s->side.host, "vi", optarg);
        break;
    case OPT_ADDR:
        if (!tool_host_option(&s->side.host, "addr", optarg))
            tool_usage("--addr: too many");
        break;
    case OPT_ATTR:
        tool_host_option(&s->side.host, "attr", optarg);
        break;
    case OPT_GW:
        tool_host_option(&s->side.host, "gw", optarg);
        break;
    case OPT_OS:
        s->side.os = true;
        break;
    case OPT_INPROC:
        s->inproc = true;
        break;
    case OPT_PEER:
        s->peer = optarg;
        break;
    case OPT_PORT:
        s->port = (uint16_t)tool_number("--port", optarg, 1, 65535);
        break;
    case OPT_REVERSE:
        s->reverse = true;
        break;
    case OPT_ZC:
        s->zero_copy = true;
        break;
    case OPT_KEEP:
        s->keep = true;
        break;
    default:
        take_what(s, opt);
    }
}

static void check_options(const struct stream *s) {
    if (s->inproc ? s->side.os || s->side.host.vi || s->peer : !s->side.host.vi == !s->side.os)
        tool_usage(s->inproc ? "--inproc brings its own interfaces" : "exactly one of --vi and --os is needed");
    if (!s->inproc && !s->server && !s->peer)
        tool_usage("a client needs --peer");
    if (s->side.host.vi && !s->side.host.addrs)
        tool_usage("a stack needs an own address, --addr");
    if (!s->inproc && (s->segment || s->checksum || (s->side.mss && !s->side.os)))
        tool_usage("--segment, --checksum and --mss of a stack go with --inproc; elsewhere say --attr and the link's mtu");
    if (s->side.wait == SIDE_BUSYPOLL && !s->side.os)
        tool_usage("--wait busypoll is for --os");
    if (s->side.os && s->zero_copy)
        tool_usage("--zc is for stacks");
}

void stream_print_head(FILE *f) {
    fprintf(f, "#%5s %8s %14s %13s %8s %13s %9s %10s %8s\n", "conns", "size", "bytes", "ns", "Gb/s", "cpu_ns", "Gb/cpu_s",
            "segments", "resent");
}

void stream_print(const struct stream *s, const struct stream_run *r) {
    printf("%6u %8u %14llu %13llu %8.2f %13llu %9.2f %10llu %8llu\n", s->conns, s->piece, (unsigned long long)r->bytes,
           (unsigned long long)r->ns, (double)r->bytes * 8 / (double)r->ns, (unsigned long long)r->cpu,
           (double)r->bytes * 8 / (double)r->cpu, (unsigned long long)r->segs, (unsigned long long)r->resent);
}

/* Each connection begins with what the client wants: so many bytes from the server, or to send itself (0), or the end. */
#define HELLO_END UINT64_MAX

struct flow {
    uint64_t conn;
    uint64_t left; /* to be sent */
    uint8_t hello[8];
    uint8_t got; /* of hello */
    bool shut, over;
};

/* Sends and receives on one connection what it can now; false when nothing moved. */
static bool pump(struct stream *s, struct flow *f) {
    bool moved = false;
    ssize_t n = 1;

    while (f->left && n > 0) {
        n = side_send(&s->side, f->conn, s->data, f->left < s->piece ? f->left : s->piece);
        moved |= n > 0;
        f->left -= n > 0 ? (uint64_t)n : 0;
    }
    if (!f->left && !f->shut) {
        side_shutdown(&s->side, f->conn);
        f->shut = true;
    }
    n = f->over ? -EAGAIN : side_recv(&s->side, f->conn, s->data, STREAM_PIECE);
    f->over |= n == 0;
    return moved | (n >= 0);
}

static void count_segments(struct stream *s, uint64_t conn, struct stream_run *r) {
    struct via_tcp_info info = VIA_TCP_INFO_INIT;

    if (s->side.os || via_tcp_info(s->side.host.st, conn, &info))
        return;
    r->segs += info.segs_sent;
    r->resent += info.segs_resent;
}

static void run_client(struct stream *s, const struct via_ep *peer, struct flow *f) {
    uint64_t each = s->bytes / s->conns + !!(s->bytes % s->conns), wants = s->reverse ? each : 0;
    struct stream_run r = {.bytes = each * s->conns};
    uint32_t i, over = 0;

    for (i = 0; i < s->conns; i++)
        f[i] = (struct flow){.conn = side_connected(&s->side, peer), .left = s->reverse ? 0 : each};
    r.ns = tool_clock();
    r.cpu = tool_cpu();
    for (i = 0; i < s->conns; i++)
        side_send_all(&s->side, f[i].conn, &wants, sizeof wants);
    while (over < s->conns && !tool_stopped()) {
        bool moved = false;

        for (i = 0; i < s->conns; i++) {
            bool was = f[i].over;

            if (was)
                continue;
            moved |= pump(s, &f[i]);
            over += f[i].over;
        }
        if (!s->side.os || !moved)
            side_wait(&s->side, moved ? 0 : VIA_NEVER);
    }
    r.ns = tool_clock() - r.ns;
    r.cpu = tool_cpu() - r.cpu;
    for (i = 0; i < s->conns; i++) {
        count_segments(s, f[i].conn, &r);
        side_hang_up(&s->side, f[i].conn, false);
    }
    if (!tool_stopped())
        stream_print(s, &r);
}

static void client(struct stream *s) {
    struct via_ep peer = tool_ep("--peer", s->peer, s->port);
    struct flow *f = calloc(s->conns, sizeof *f);
    uint64_t end = HELLO_END, conn;
    uint32_t i;

    if (!f)
        tool_die("no memory");
    stream_print_head(stdout);
    for (i = 0; i < s->runs && !tool_stopped(); i++)
        run_client(s, &peer, f);
    conn = side_connected(&s->side, &peer);
    side_send_all(&s->side, conn, &end, sizeof end);
    side_shutdown(&s->side, conn);
    while (side_recv(&s->side, conn, s->data, STREAM_PIECE) && side_wait(&s->side, tool_clock() + VIA_SEC))
        ;
    side_hang_up(&s->side, conn, false);
    free(f);
}

/* Reads the first words of a connection; false: that was the last client's last word. */
static bool greet(struct stream *s, struct flow *f) {
    ssize_t n = side_recv(&s->side, f->conn, f->hello + f->got, sizeof f->hello - f->got);

    f->over |= n == 0;
    f->got = (uint8_t)(f->got + (n > 0 ? n : 0));
    if (f->got < sizeof f->hello)
        return true;
    memcpy(&f->left, f->hello, sizeof f->left);
    if (f->left != HELLO_END)
        return true;
    f->left = 0;
    f->over = true;
    return s->keep;
}

/* A sink answers the end with its own; a source's own comes behind what it sends. */
static bool serve_one(struct stream *s, struct flow *f, bool *on) {
    ssize_t n;

    if (f->got < sizeof f->hello) {
        *on = greet(s, f) && *on;
        return f->got > 0;
    }
    if (f->left)
        return pump(s, f);
    n = side_recv(&s->side, f->conn, s->data, STREAM_PIECE);
    f->over |= n == 0;
    return n > 0;
}

static void serve(struct stream *s) {
    struct flow *f = calloc(STREAM_CONNS, sizeof *f);
    uint32_t n = 0, i;
    bool on = true;

    if (!f)
        tool_die("no memory");
    printf("# serving\n");
    fflush(stdout);
    while (on && !tool_stopped()) {
        bool moved = false;

        while (n < STREAM_CONNS && (f[n].conn = side_accept(&s->side))) {
            f[n] = (struct flow){.conn = f[n].conn};
            n++;
        }
        for (i = 0; i < n; i++) {
            moved |= serve_one(s, &f[i], &on);
            if (!f[i].over)
                continue;
            side_hang_up(&s->side, f[i].conn, false);
            f[i--] = f[--n];
            moved = true;
        }
        if (!s->side.os || !moved)
            side_wait(&s->side, moved ? 0 : VIA_NEVER);
    }
    if (!s->side.os) /* the FINs */
        while (!tool_stopped() && side_wait(&s->side, tool_clock() + 100 * VIA_MS))
            ;
    free(f);
}

static void over_link(struct stream *s) {
    s->side.events = true;
    side_open(&s->side);
    if (s->server)
        side_listen(&s->side, s->port);
    side_describe(&s->side, stdout);
    if (s->server)
        serve(s);
    else
        client(s);
    side_close(&s->side);
}

int main(int argc, char **argv) {
    static struct stream s = {.port = 9001, .conns = 1, .piece = 65536, .runs = 5, .bytes = 1u << 30, .cpu = -1};
    static const char *const roles[] = {"client", "server", NULL};
    int opt;

    tool_init("via-stream");
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
        take(&s, opt == 'h' ? OPT_HELP : opt);
    if (!s.inproc) {
        if (optind == argc)
            tool_usage("server or client?");
        s.server = tool_word("role", argv[optind++], roles) == 1;
    }
    if (optind < argc)
        tool_usage("'%s' is one word too many", argv[optind]);
    check_options(&s);
    s.data = malloc(STREAM_PIECE);
    if (!s.data)
        tool_die("no memory");
    memset(s.data, 0x5a, STREAM_PIECE);
    tool_pin(s.cpu);
    printf("# via-stream: tcp, %s\n", s.inproc ? "both ends in one thread" : s.server ? "server" : "client");
    tool_print_machine(stdout);
    if (s.inproc)
        stream_inproc(&s);
    else
        over_link(&s);
    free(s.data);
    return 0;
}
