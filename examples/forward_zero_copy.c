/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes datagrams on UDP port 7000 and sends each on to port 7001 of whoever sent it. The frame that was received is the
 * frame that is sent; a token says when the device is done with it.
 * Usage: forward_zero_copy SPEC ADDRESS/LEN
 */
#include "host.h"

#include <stdio.h>

#define IN_PORT  7000
#define OUT_PORT 7001
#define BATCH    32
#define PLAYED   1000

struct forwarder {
    via_sock_t sock;
    uint64_t token;       /* of the last send; tokens count up, 0 means "no completion wanted" */
    uint64_t done, refused;
};

/* The peer of "mem:": sends to one port, receives on the other. */
static bool play(struct host *h) {
    static via_sock_t to, from;
    static unsigned sent, got;
    char data[200];

    if (!to) {
        to = host_udp(h->other, &h->other_addr, 0);
        from = host_udp(h->other, &h->other_addr, OUT_PORT);
    }
    memset(data, 'x', sizeof data);
    if (sent < PLAYED && sent < got + BATCH)
        sent += host_send(h->other, to, host_ep(&h->addr, IN_PORT), data, sizeof data);
    while (via_udp_read(h->other, from, data, sizeof data, NULL) >= 0)
        got++;
    if (got == PLAYED)
        printf("peer: %u sent, %u came back\n", sent, got);
    return got < PLAYED;
}

/* The batch is sent in one call. What was not taken (the ring is full) is ours still, and is let go. */
static void forward(struct via_stack *st, struct forwarder *f, struct via_dgram *in, unsigned n) {
    struct via_dgram out[BATCH];
    unsigned i;
    int sent;

    for (i = 0; i < n; i++) {
        out[i] = (struct via_dgram){.seg = in[i].seg, .peer = in[i].peer, .token = ++f->token};
        out[i].peer.port = OUT_PORT;
    }
    sent = via_udp_send(st, f->sock, out, n, 0);
    for (i = sent > 0 ? (unsigned)sent : 0; i < n; i++, f->refused++)
        via_buf_release(st, &in[i].seg.buf, 1);
}

static void collect(struct via_stack *st, struct forwarder *f) {
    struct via_done done[BATCH];
    int i, n;

    while ((n = via_tx_done(st, done, BATCH)) > 0)
        for (i = 0; i < n; i++)
            f->done += done[i].status == 0;
}

int main(int argc, char **argv) {
    struct forwarder f = {0};
    struct via_dgram in[BATCH];
    struct host h;
    int n;

    host_open(&h, argc, argv, play);
    f.sock = host_udp(h.st, NULL, IN_PORT);
    while (host_turn(&h)) {
        while ((n = via_udp_recv(h.st, f.sock, in, BATCH)) > 0)
            forward(h.st, &f, in, (unsigned)n);
        via_stack_flush(h.st);
        collect(h.st, &f);
    }
    via_stack_poll(h.st, 0, NULL);
    collect(h.st, &f);
    printf("%llu forwarded, %llu completed, %llu refused\n", (unsigned long long)(f.token - f.refused),
           (unsigned long long)f.done, (unsigned long long)f.refused);
    host_close(&h);
    return 0;
}
