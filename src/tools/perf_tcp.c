/* SPDX-License-Identifier: BSD-2-Clause */
#include "inproc.h"
#include "perf.h"

#define TRIPS  10000
#define BATCH  16u  /* segments or datagrams between two looks at the clock: less than the first congestion window */
#define ROUNDS 600u

struct job {
    struct inproc pair;
    uint32_t size;
};

static void trips(void *arg) {
    static const uint8_t data[65536];
    struct job *j = arg;
    unsigned i;

    for (i = 0; i < TRIPS; i++)
        if (!inproc_stream_trip(&j->pair, data, j->size))
            tool_die("tcp-inproc: a round trip failed: %s", via_why(j->pair.st[0]));
}

void perf_tcp_inproc(const struct perf *p) {
    static const struct {
        const char *attr, *name;
        bool virtual_time;
    } ways[] = {{"checksum=2", "checksums", false}, {"checksum=0", "no_checksums", false},
                {"checksum=2", "checksums_no_clock", true}, {"checksum=0", "no_checksums_no_clock", true}};
    static const uint32_t sizes[] = {64, 1448};
    char what[64];
    struct job j;
    size_t i, k;

    for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        inproc_open(&j.pair, ways[i].attr);
        j.pair.virtual_time = ways[i].virtual_time;
        inproc_tcp(&j.pair, 9000);
        for (k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            j.size = sizes[k];
            snprintf(what, sizeof what, "%s.size_%u", ways[i].name, sizes[k]);
            perf_print("tcp-inproc", what, perf_time(p, trips, &j, TRIPS), "ns_per_round_trip");
        }
        inproc_close(&j.pair);
    }
}

/* One way: what the sender does with a batch, what the receiver does with it, each timed alone. */
struct way {
    struct inproc pair;
    bool tcp;
    uint32_t size;
    via_ns_t tx, rx;
};

static void send_batch(struct way *w) {
    static uint8_t data[2048];
    struct via_stack *st = w->pair.st[0];
    struct iovec v = {data, w->size};
    struct via_dgram d = {.iov = &v, .iovcnt = 1};
    unsigned i;

    for (i = 0; i < BATCH; i++) {
        bool ok = w->tcp ? via_tcp_send(st, w->pair.sock[0], &v, 1, 0) == (ssize_t)w->size
                         : via_udp_send(st, w->pair.sock[0], &d, 1, 0) == 1;

        if (!ok)
            tool_die("tx-path: a send was refused: %s", via_why(st));
    }
    via_stack_flush(st);
}

static uint32_t receive_batch(struct way *w) {
    struct via_stack *st = w->pair.st[1];
    static uint8_t buf[BATCH * 2048];
    struct via_dgram d[BATCH];
    ssize_t n;
    int i;

    via_stack_poll_at(st, w->pair.now, 0, NULL);
    if (w->tcp) {
        n = via_tcp_recv(st, w->pair.sock[1], buf, sizeof buf, 0);
        return n > 0 ? (uint32_t)n : 0;
    }
    n = via_udp_recv(st, w->pair.sock[1], d, BATCH);
    for (i = 0; i < n; i++)
        via_buf_release(st, &d[i].seg.buf, 1);
    return n > 0 ? (uint32_t)n * w->size : 0;
}

static void round_of(struct way *w) {
    uint32_t got = 0, turn;
    via_ns_t a, b, c;

    inproc_tick(&w->pair);
    a = tool_clock();
    send_batch(w);
    b = tool_clock();
    got = receive_batch(w);
    c = tool_clock();
    w->tx += b - a;
    w->rx += c - b;
    /* The rest waits for ARP and slow start at the begin, and ACKs must be back before the next batch. */
    for (turn = 0; turn < 100 || got < BATCH * w->size; turn++) {
        via_stack_poll_at(w->pair.st[0], w->pair.now, 0, NULL);
        got += receive_batch(w);
        if (got == BATCH * w->size && turn > 3)
            return;
    }
    tool_die("rx-path: what was sent did not come");
}

static void one_way(const struct perf *p, bool tcp, uint32_t size, bool rx) {
    double v[PERF_RUNS];
    struct way w = {.tcp = tcp, .size = size};
    char what[64];
    unsigned i, k;

    inproc_open(&w.pair, "checksum=2");
    w.pair.virtual_time = true;
    if (tcp)
        inproc_tcp(&w.pair, 9000);
    else
        inproc_udp(&w.pair, 9000);
    for (i = 0; i <= p->runs; i++) {
        w.tx = w.rx = 0;
        for (k = 0; k < ROUNDS; k++)
            round_of(&w);
        if (i) /* the first warms up */
            v[i - 1] = (double)(rx ? w.rx : w.tx) / (ROUNDS * BATCH);
    }
    inproc_close(&w.pair);
    snprintf(what, sizeof what, "%s.size_%u", tcp ? "tcp" : "udp", size);
    perf_print(rx ? "rx-path" : "tx-path", what, perf_median(v, p->runs), "ns_per_packet");
}

static void ways(const struct perf *p, bool rx) {
    one_way(p, false, 64, rx);
    one_way(p, false, 1448, rx);
    one_way(p, true, 64, rx);
    one_way(p, true, 1448, rx);
}

void perf_rx_path(const struct perf *p) {
    ways(p, true);
}

void perf_tx_path(const struct perf *p) {
    ways(p, false);
}
