/* SPDX-License-Identifier: BSD-2-Clause */
/* via-connrate: connect, a byte each way, close; how often a second. */
#include "inproc.h"
#include "side.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#define MOST 4096u /* under way at a time */
#define BYE  0xffu /* the byte that ends a server; others are echoed */

struct rate {
    struct side side;
    bool server, inproc, keep, abort;
    const char *peer, *checksum;
    uint16_t port;
    uint32_t count, runs, parallel;
    int cpu;
};

/* A connection of the client: up when its byte has been sent. */
struct trip {
    uint64_t conn;
    bool sent;
};

static const char usage[] =
    "via-connrate server|client [OPTION]...\n"
    "via-connrate --inproc [OPTION]...\n\n"
    "Connects, sends a byte, waits for one byte in return, closes; counts how often a second: one line per run.\n"
    "The client closes first, and its end waits in TIME_WAIT: many in a row use up the kernel's ephemeral ports, unless\n"
    "--abort ends connections by a reset.\n\n"
    "What carries them:\n"
    "  --vi SPEC            a Viaduct stack on this interface: xdp:eth0, packet:eth0, tap:via0\n"
    "  --os                 the kernel's sockets, same program, for comparison\n"
    "  --inproc             two Viaduct stacks in this thread, joined by a cable in memory: one core does both ends\n"
    "Addresses:\n"
    "  --addr A/LEN         own address (--vi; may be repeated), or the address to bind to (--os)\n"
    "  --peer B             the server's address (client)\n"
    "  --port P             default 9002\n"
    "  --gw A, --attr \"name=value;...\"   default route, attributes of the stack\n"
    "What is measured:\n"
    "  --count N            connections of one run, default 20000\n"
    "  --runs N             default 5\n"
    "  --parallel N         connections under way at a time, default 1\n"
    "  --abort              the client ends by a reset\n"
    "  --checksum on|off    --inproc: verify and make all checksums, or none; default: attribute's default\n"
    "Others:\n"
    "  --wait spin|sleep    default spin\n"
    "  --cpu N              run on this CPU\n"
    "  --keep               server: go on when a client ends\n";

enum { OPT_FIRST = 256, OPT_VI, OPT_ADDR, OPT_ATTR, OPT_GW, OPT_OS, OPT_INPROC, OPT_PEER, OPT_PORT, OPT_COUNT, OPT_RUNS,
       OPT_PARALLEL, OPT_ABORT, OPT_CHECKSUM, OPT_WAIT, OPT_CPU, OPT_KEEP, OPT_HELP };

static const struct option options[] = {
    {"vi", 1, NULL, OPT_VI},           {"addr", 1, NULL, OPT_ADDR},     {"attr", 1, NULL, OPT_ATTR},
    {"gw", 1, NULL, OPT_GW},           {"os", 0, NULL, OPT_OS},         {"inproc", 0, NULL, OPT_INPROC},
    {"peer", 1, NULL, OPT_PEER},       {"port", 1, NULL, OPT_PORT},     {"count", 1, NULL, OPT_COUNT},
    {"runs", 1, NULL, OPT_RUNS},       {"parallel", 1, NULL, OPT_PARALLEL}, {"abort", 0, NULL, OPT_ABORT},
    {"checksum", 1, NULL, OPT_CHECKSUM}, {"wait", 1, NULL, OPT_WAIT},   {"cpu", 1, NULL, OPT_CPU},
    {"keep", 0, NULL, OPT_KEEP},       {"help", 0, NULL, OPT_HELP},     {NULL, 0, NULL, 0},
};

static void take_number(struct rate *r, int opt) {
    static const char *const onoff[] = {"off", "on", NULL}, *const waits[] = {"spin", "sleep", NULL};

    switch (opt) {
    case OPT_PORT:
        r->port = (uint16_t)tool_number("--port", optarg, 1, 65535);
        break;
    case OPT_COUNT:
        r->count = (uint32_t)tool_number("--count", optarg, 1, 1u << 30);
        break;
    case OPT_RUNS:
        r->runs = (uint32_t)tool_number("--runs", optarg, 1, 1000000);
        break;
    case OPT_PARALLEL:
        r->parallel = (uint32_t)tool_number("--parallel", optarg, 1, MOST);
        break;
    case OPT_CHECKSUM:
        r->checksum = onoff[tool_word("--checksum", optarg, onoff)];
        break;
    case OPT_WAIT:
        r->side.wait = (enum side_wait)tool_word("--wait", optarg, waits);
        break;
    case OPT_CPU:
        r->cpu = (int)tool_number("--cpu", optarg, 0, 1023);
        break;
    default:
        tool_usage("see the message above");
    }
}

static void take(struct rate *r, int opt) {
    switch (opt) {
    case OPT_HELP:
        fputs(usage, stdout);
        exit(0);
    case OPT_VI:
        tool_host_option(&r->side.host, "vi", optarg);
        break;
    case OPT_ADDR:
        if (!tool_host_option(&r->side.host, "addr", optarg))
            tool_usage("--addr: too many");
        break;
    case OPT_ATTR:
        tool_host_option(&r->side.host, "attr", optarg);
        break;
    case OPT_GW:
        tool_host_option(&r->side.host, "gw", optarg);
        break;
    case OPT_OS:
        r->side.os = true;
        break;
    case OPT_INPROC:
        r->inproc = true;
        break;
    case OPT_PEER:
        r->peer = optarg;
        break;
    case OPT_ABORT:
        r->abort = true;
        break;
    case OPT_KEEP:
        r->keep = true;
        break;
    default:
        take_number(r, opt);
    }
}

static void check_options(const struct rate *r) {
    if (r->inproc ? r->side.os || r->side.host.vi || r->peer : !r->side.host.vi == !r->side.os)
        tool_usage(r->inproc ? "--inproc brings its own interfaces" : "exactly one of --vi and --os is needed");
    if (!r->inproc && !r->server && !r->peer)
        tool_usage("a client needs --peer");
    if (r->side.host.vi && !r->side.host.addrs)
        tool_usage("a stack needs an own address, --addr");
    if (r->checksum && !r->inproc)
        tool_usage("--checksum goes with --inproc; elsewhere say --attr checksum=N");
}

static void print_head(void) {
    printf("#%8s %8s %13s %11s %13s %14s\n", "count", "parallel", "ns", "conn/s", "cpu_ns", "conn/cpu_s");
}

static void print_run(const struct rate *r, via_ns_t ns, via_ns_t cpu) {
    printf("%9u %8u %13llu %11.0f %13llu %14.0f\n", r->count, r->parallel, (unsigned long long)ns,
           (double)r->count * 1e9 / (double)ns, (unsigned long long)cpu, (double)r->count * 1e9 / (double)cpu);
}

/* True: over. */
static bool step(struct rate *r, struct trip *t, const struct via_ep *peer) {
    uint8_t byte = 1;

    if (!t->conn)
        *t = (struct trip){.conn = side_connect(&r->side, peer)};
    if (!t->sent && side_is_up(&r->side, t->conn)) {
        t->sent = true;
        side_send_all(&r->side, t->conn, &byte, 1);
    }
    if (!t->sent || side_recv(&r->side, t->conn, &byte, 1) != 1)
        return false;
    side_hang_up(&r->side, t->conn, r->abort);
    t->conn = 0;
    return true;
}

static void run_client(struct rate *r, struct trip *t, const struct via_ep *peer) {
    uint32_t begun = 0, done = 0, width = r->parallel < r->count ? r->parallel : r->count, i;
    via_ns_t begin = tool_clock(), cpu = tool_cpu();

    while (done < r->count && !tool_stopped()) {
        bool moved = false;

        for (i = 0; i < width; i++) {
            if (!t[i].conn && begun == r->count)
                continue;
            begun += !t[i].conn;
            if (!step(r, &t[i], peer))
                continue;
            moved = true;
            done++;
        }
        if (!moved && !side_wait(&r->side, tool_clock() + r->side.timeout))
            tool_die("nothing comes any more, after %u connections", done);
        if (moved && !r->side.os)
            via_stack_poll(r->side.host.st, 0, NULL);
    }
    if (!tool_stopped())
        print_run(r, tool_clock() - begin, tool_cpu() - cpu);
}

static void client(struct rate *r) {
    struct via_ep peer = tool_ep("--peer", r->peer, r->port);
    static struct trip t[MOST];
    uint8_t bye = BYE;
    uint64_t conn;
    uint32_t i;

    print_head();
    for (i = 0; i < r->runs && !tool_stopped(); i++)
        run_client(r, t, &peer);
    conn = side_connected(&r->side, &peer);
    side_send_all(&r->side, conn, &bye, 1);
    while (side_recv(&r->side, conn, &bye, 1) == -EAGAIN && side_wait(&r->side, tool_clock() + VIA_SEC))
        ;
    side_hang_up(&r->side, conn, false);
}

/* Echoes; false: the client has hung up. */
static bool serve_one(struct rate *r, uint64_t conn, bool *on) {
    uint8_t byte;
    ssize_t n = side_recv(&r->side, conn, &byte, 1);

    if (n > 0) {
        side_send_all(&r->side, conn, &byte, 1);
        *on = *on && (byte != BYE || r->keep);
        n = side_recv(&r->side, conn, &byte, 1);
    }
    if (n)
        return true;
    side_hang_up(&r->side, conn, false);
    return false;
}

static void serve(struct rate *r) {
    static uint64_t conn[MOST];
    uint32_t n = 0, i;
    bool on = true;

    printf("# serving\n");
    fflush(stdout);
    while (on && !tool_stopped()) {
        while (n < MOST && (conn[n] = side_accept(&r->side)))
            n++;
        for (i = 0; i < n; i++)
            if (!serve_one(r, conn[i], &on))
                conn[i--] = conn[--n];
        if (on)
            side_wait(&r->side, VIA_NEVER);
    }
    if (!r->side.os)
        while (!tool_stopped() && side_wait(&r->side, tool_clock() + 100 * VIA_MS))
            ;
}

static void over_link(struct rate *r) {
    r->side.events = true;
    side_open(&r->side);
    if (r->server)
        side_listen(&r->side, r->port);
    side_describe(&r->side, stdout);
    if (r->server)
        serve(r);
    else
        client(r);
    side_close(&r->side);
}

/* Until side `i` has a byte of `sock`. */
static void await_byte(struct inproc *p, int i, via_sock_t sock) {
    uint8_t byte;
    int turn;

    for (turn = 0; turn < 100000; turn++) {
        inproc_tick(p);
        via_stack_poll_at(p->st[i], p->now, 0, NULL);
        if (via_tcp_recv(p->st[i], sock, &byte, 1, 0) == 1)
            return;
        via_stack_poll_at(p->st[!i], p->now, 0, NULL);
    }
    tool_die("no byte came: %s", via_why(p->st[i]));
}

static void send_byte(struct inproc *p, int i, via_sock_t sock) {
    uint8_t byte = 1;
    struct iovec v = {&byte, 1};

    if (via_tcp_send(p->st[i], sock, &v, 1, VIA_FLUSH) != 1)
        tool_die_stack(p->st[i], -EAGAIN, "send");
}

/* One connection from begin to end, its server's side closed too. */
static void cycle(struct rate *r, struct inproc *p) {
    via_sock_t sock[2];
    uint8_t byte;
    int turn;

    inproc_connect(p, NULL, sock);
    send_byte(p, 0, sock[0]);
    await_byte(p, 1, sock[1]);
    send_byte(p, 1, sock[1]);
    await_byte(p, 0, sock[0]);
    via_sock_close(p->st[0], sock[0], r->abort ? VIA_ABORT : 0);
    inproc_poll(p);
    for (turn = 0; turn < 100000 && via_tcp_recv(p->st[1], sock[1], &byte, 1, 0) == -EAGAIN; turn++)
        inproc_poll(p);
    via_sock_close(p->st[1], sock[1], 0);
    inproc_poll(p);
}

static void inproc(struct rate *r) {
    char attr[512];
    struct inproc p;
    via_ns_t begin, cpu;
    uint32_t i, k;

    snprintf(attr, sizeof attr, "%s%s%s", r->side.host.attr ? r->side.host.attr : "", r->side.host.attr ? ";" : "",
             !r->checksum ? "" : strcmp(r->checksum, "off") ? "checksum=2" : "checksum=0");
    inproc_open(&p, attr);
    p.virtual_time = true;
    inproc_listen(&p, r->port, NULL);
    printf("# viaduct: two stacks in one thread, cable in memory, checksums %s, time counted, no clock read\n",
           r->checksum ? r->checksum : "by default");
    for (i = 0; i < r->count / 10; i++)
        cycle(r, &p);
    print_head();
    for (k = 0; k < r->runs && !tool_stopped(); k++) {
        begin = tool_clock();
        cpu = tool_cpu();
        for (i = 0; i < r->count && !tool_stopped(); i++)
            cycle(r, &p);
        if (!tool_stopped())
            print_run(r, tool_clock() - begin, tool_cpu() - cpu);
    }
    inproc_close(&p);
}

int main(int argc, char **argv) {
    static struct rate r = {.port = 9002, .count = 20000, .runs = 5, .parallel = 1, .cpu = -1};
    static const char *const roles[] = {"client", "server", NULL};
    int opt;

    tool_init("via-connrate");
    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
        take(&r, opt == 'h' ? OPT_HELP : opt);
    if (!r.inproc) {
        if (optind == argc)
            tool_usage("server or client?");
        r.server = tool_word("role", argv[optind++], roles) == 1;
    }
    if (optind < argc)
        tool_usage("'%s' is one word too many", argv[optind]);
    check_options(&r);
    tool_pin(r.cpu);
    printf("# via-connrate: tcp, %s\n", r.inproc ? "both ends in one thread" : r.server ? "server" : "client");
    tool_print_machine(stdout);
    if (r.inproc)
        inproc(&r);
    else
        over_link(&r);
    return 0;
}
