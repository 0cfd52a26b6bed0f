/* SPDX-License-Identifier: BSD-2-Clause */
/* What two sockets of one stack cost: joined queue to queue, or by packets to itself. */
#include "inproc.h"
#include "perf.h"

#define TRIPS 20000

struct job {
    struct inproc pair;
    struct via_stack *st;
    via_sock_t sock[2];
    struct via_ep ep[2];
    uint32_t size;
};

static void poll_one(struct job *j) {
    inproc_tick(&j->pair);
    via_stack_poll_at(j->st, j->pair.now, 0, NULL);
}

static void send_one(struct job *j, int from) {
    static uint8_t data[65536];
    struct iovec v = {data, j->size};

    if (via_tcp_send(j->st, j->sock[from], &v, 1, VIA_ALL) != (ssize_t)j->size)
        tool_die("loopback: a send was refused: %s", via_why(j->st));
}

static void receive_one(struct job *j, int to) {
    static uint8_t buf[65536];
    uint32_t got = 0, turn;

    for (turn = 0; got < j->size; turn++) {
        ssize_t n;

        poll_one(j);
        n = via_tcp_recv(j->st, j->sock[to], buf, sizeof buf, 0);
        got += n > 0 ? (uint32_t)n : 0;
        if (turn > 100000)
            tool_die("loopback: what was sent did not come");
    }
}

static void tcp_trips(void *arg) {
    struct job *j = arg;
    unsigned i;

    for (i = 0; i < 2 * TRIPS; i++) {
        send_one(j, i & 1);
        receive_one(j, !(i & 1));
    }
}

static void udp_trips(void *arg) {
    static uint8_t data[2048];
    struct job *j = arg;
    struct iovec v = {data, j->size};
    struct via_dgram out = {.iov = &v, .iovcnt = 1}, in;
    unsigned i;

    for (i = 0; i < 2 * TRIPS; i++) {
        if (via_udp_send(j->st, j->sock[i & 1], &out, 1, 0) != 1)
            tool_die("loopback: a send was refused: %s", via_why(j->st));
        poll_one(j);
        if (via_udp_recv(j->st, j->sock[!(i & 1)], &in, 1) != 1)
            tool_die("loopback: what was sent did not come");
        via_buf_release(j->st, &in.seg.buf, 1);
    }
}

static void pipe_trips(void *arg) {
    static uint8_t data[65536];
    struct job *j = arg;
    struct iovec v = {data, j->size};
    unsigned i;

    for (i = 0; i < TRIPS; i++) {
        uint32_t got = 0;

        if (via_pipe_send(j->st, j->sock[1], &v, 1, 0) != (ssize_t)j->size)
            tool_die("pipe: a send was refused: %s", via_why(j->st));
        while (got < j->size) {
            ssize_t n = via_pipe_recv(j->st, j->sock[0], data, sizeof data);

            if (n <= 0)
                tool_die("pipe: what was sent did not come");
            got += (uint32_t)n;
        }
    }
}

static void post_trips(void *arg) {
    struct job *j = arg;
    unsigned i;

    for (i = 0; i < TRIPS; i++) {
        struct via_seg seg;
        struct via_post post = {.seg = &seg, .n = 1};
        struct via_lent lent;

        if (via_buf_alloc(j->st, j->size, &seg) || via_zc_send(j->st, j->sock[1], &post) ||
            via_zc_recv(j->st, j->sock[0], 0, &lent) != 1)
            tool_die("pipe: a buffer was refused: %s", via_why(j->st));
        via_buf_release(j->st, &lent.seg.buf, 1);
    }
}

void perf_pipe(const struct perf *p) {
    static const uint32_t sizes[] = {64, 1448, 32768};
    struct job j = {.size = 0};
    char what[64];
    size_t k;
    int err;

    inproc_open(&j.pair, "");
    j.st = j.pair.st[0];
    err = via_pipe_open(j.st, NULL, j.sock);
    if (err)
        tool_die_stack(j.st, err, "pipe");
    for (k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        j.size = sizes[k];
        snprintf(what, sizeof what, "copy.size_%u", sizes[k]);
        perf_print("pipe", what, perf_time(p, pipe_trips, &j, TRIPS), "ns_per_write_and_read");
        snprintf(what, sizeof what, "buffer.size_%u", sizes[k]);
        perf_print("pipe", what, perf_time(p, post_trips, &j, TRIPS), "ns_per_write_and_read");
    }
    inproc_close(&j.pair);
}

static void open_tcp(struct job *j) {
    struct via_tcp_conf conf = VIA_TCP_CONF_INIT;
    struct via_accepted v;
    via_sock_t listener;
    int err, turn;

    conf.flags = VIA_TCP_NODELAY;
    err = via_listen(j->st, NULL, &j->ep[0], &listener);
    if (!err)
        err = via_tcp_connect(j->st, &conf, NULL, &j->ep[0], &j->sock[0]);
    for (turn = 0; !err && turn < 100; turn++) {
        poll_one(j);
        if (via_accept(j->st, listener, &v, 1) == 1) {
            j->sock[1] = v.sock;
            return;
        }
    }
    tool_die_stack(j->st, err, "connect");
}

static void open_udp(struct job *j) {
    int err = 0, i;

    for (i = 0; i < 2 && !err; i++)
        err = via_udp_open(j->st, NULL, &j->ep[i], &j->sock[i]);
    for (i = 0; i < 2 && !err; i++)
        err = via_udp_connect(j->st, j->sock[i], &j->ep[!i]);
    if (err)
        tool_die_stack(j->st, err, "socket");
}

static void run(const struct perf *p, const char *attr, bool tcp, const char *name) {
    static const uint32_t sizes[] = {64, 1448, 32768};
    struct job j = {.size = 0};
    char what[64];
    size_t k;

    inproc_open(&j.pair, attr);
    j.pair.virtual_time = true;
    j.st = j.pair.st[0];
    j.ep[0] = j.ep[1] = j.pair.ep[0];
    j.ep[0].port = 9000;
    j.ep[1].port = 9001;
    if (tcp)
        open_tcp(&j);
    else
        open_udp(&j);
    for (k = 0; k < (tcp ? 3 : 2); k++) {
        j.size = sizes[k];
        snprintf(what, sizeof what, "%s.size_%u", name, sizes[k]);
        perf_print("loopback", what, perf_time(p, tcp ? tcp_trips : udp_trips, &j, TRIPS), "ns_per_round_trip");
    }
    inproc_close(&j.pair);
}

void perf_loopback(const struct perf *p) {
    run(p, "", true, "tcp");
    run(p, "tcp_loopback=off", true, "tcp_by_packets");
    run(p, "", false, "udp");
}
