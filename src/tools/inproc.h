/* SPDX-License-Identifier: BSD-2-Clause */
/* inproc.h - two stacks in one thread on one cable in memory; 192.0.2.1 and 192.0.2.2. */
#ifndef VIA_TOOLS_INPROC_H
#define VIA_TOOLS_INPROC_H

#include "common.h"

struct inproc {
    struct via_stack *st[2];
    struct via_vi *vi[2];
    via_sock_t sock[2];
    struct via_ep ep[2];
    struct iovec iov;
    struct via_dgram out, in; /* sent by side 0 from `iov`; received by either, and sent back as it is by side 1 */
    via_ns_t now;
    bool virtual_time; /* time is counted instead of read */
    bool copy;         /* TCP: received by copy instead of lent */
    via_sock_t listener; /* of side 1 */
};

/* Makes stacks and cable, with addresses, or ends the program. `attr` may be "". */
void inproc_open(struct inproc *p, const char *attr);
/* A UDP socket on each side, at `port` and connected to each other. */
void inproc_udp(struct inproc *p, uint16_t port);
/* A connection from side 0 to `port` of side 1, where the listener stays. */
void inproc_tcp(struct inproc *p, uint16_t port);
void inproc_close(struct inproc *p);

/* Moves time on: reads the clock, or adds a microsecond. */
void inproc_tick(struct inproc *p);

/* `size` bytes from 0 to 1 and back, by copy out, lent on the way back. False: lost. */
bool inproc_round_trip(struct inproc *p, const void *data, uint32_t size);
/* The same in a stream. */
bool inproc_stream_trip(struct inproc *p, const void *data, uint32_t size);

/* Both sides once, the one that connects first. */
void inproc_poll(struct inproc *p);
/* Listens on side 1; connects from side 0, and waits for both ends. */
void inproc_listen(struct inproc *p, uint16_t port, const struct via_listen_conf *conf);
void inproc_connect(struct inproc *p, const struct via_tcp_conf *conf, via_sock_t sock[2]);

#endif
