/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts what arrives on UDP port 9 and says once a second how much it was. Usage: udp_sink SPEC ADDRESS/LEN */
#include "host.h"

#include <stdio.h>

#define SINK_PORT 9
#define BATCH     64

struct sink {
    struct via_timer second; /* first: the timer's function finds us by its address */
    uint64_t datagrams, bytes, before;
};

/* The peer of "mem:": a hundred thousand datagrams of 64 bytes as fast as they are taken. */
static bool play(struct host *h) {
    static via_sock_t sock;
    static unsigned sent;
    static const char data[64];
    unsigned burst;

    if (!sock)
        sock = host_udp(h->other, &h->other_addr, 0);
    for (burst = 0; burst < BATCH && sent < 100000; burst++)
        if (host_send(h->other, sock, host_ep(&h->addr, SINK_PORT), data, sizeof data))
            sent++;
        else
            break;
    return sent < 100000;
}

static void tell(struct via_stack *st, struct via_timer *t) {
    struct sink *s = (struct sink *)(void *)t;

    printf("%llu datagrams/s, %llu bytes in all\n", (unsigned long long)(s->datagrams - s->before),
           (unsigned long long)s->bytes);
    s->before = s->datagrams;
    via_timer_start(st, t, via_stack_now(st) + VIA_SEC, tell);
}

int main(int argc, char **argv) {
    struct sink s = {.datagrams = 0};
    struct via_dgram in[BATCH];
    struct via_buf *done[BATCH];
    struct host h;
    via_sock_t sock;
    uint64_t drops = 0;
    size_t room = sizeof drops;
    int i, n;

    host_open(&h, argc, argv, play);
    sock = host_udp(h.st, NULL, SINK_PORT);
    via_timer_start(h.st, &s.second, via_stack_now(h.st) + VIA_SEC, tell);
    while (host_turn(&h)) {
        while ((n = via_udp_recv(h.st, sock, in, BATCH)) > 0) {
            for (i = 0; i < n; i++) {
                s.bytes += in[i].bytes;
                done[i] = in[i].seg.buf;
            }
            s.datagrams += (unsigned)n;
            via_buf_release(h.st, done, (unsigned)n); /* a batch goes back in one call */
        }
    }
    via_sock_getopt(h.st, sock, VIA_OPT_DROPS, &drops, &room);
    printf("%llu datagrams, %llu bytes, %llu lost to a full queue\n", (unsigned long long)s.datagrams,
           (unsigned long long)s.bytes, (unsigned long long)drops);
    host_close(&h);
    return 0;
}
