/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP echo on port 7: what came in a frame leaves in it. Usage: echo SPEC ADDRESS/LEN */
#include "host.h"

#include <stdio.h>

#define ECHO_PORT 7
#define BATCH     32

/* The peer of "mem:": sends ten datagrams, one after the other, and looks at the answers. */
static bool play(struct host *h) {
    static via_sock_t sock;
    static unsigned sent, back;
    char text[64], answer[64];
    ssize_t n;

    if (!sock)
        sock = host_udp(h->other, &h->other_addr, 0);
    n = via_udp_read(h->other, sock, answer, sizeof answer, NULL);
    if (n >= 0) {
        printf("peer: got back '%.*s'\n", (int)n, answer);
        back++;
    }
    if (sent == back && sent < 10) {
        snprintf(text, sizeof text, "message %u", sent);
        sent += host_send(h->other, sock, host_ep(&h->addr, ECHO_PORT), text, strlen(text));
    }
    return back < 10;
}

static void send_back(struct via_stack *st, via_sock_t sock, const struct via_dgram *in) {
    struct via_dgram out = {.seg = in->seg, .peer = in->peer};

    if (via_udp_send(st, sock, &out, 1, 0) != 1)
        via_buf_release(st, &in->seg.buf, 1);
}

int main(int argc, char **argv) {
    struct via_dgram in[BATCH];
    uint64_t echoed = 0;
    struct host h;
    via_sock_t sock;
    int i, n;

    host_open(&h, argc, argv, play);
    sock = host_udp(h.st, NULL, ECHO_PORT);
    while (host_turn(&h)) {
        while ((n = via_udp_recv(h.st, sock, in, BATCH)) > 0)
            for (i = 0; i < n; i++, echoed++)
                send_back(h.st, sock, &in[i]);
        via_stack_flush(h.st);
    }
    printf("%llu datagrams echoed\n", (unsigned long long)echoed);
    host_close(&h);
    return 0;
}
