/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - what all examples begin with: a stack, a VI from the command line, an address.
 *
 * With the spec "mem:" there is no outside world, so the example brings it along: a second stack at the other end of a
 * cable in memory, and a function that plays the peer there, both in this thread.
 */
#ifndef VIA_EXAMPLES_HOST_H
#define VIA_EXAMPLES_HOST_H

#include <viaduct/viaduct.h>

struct host {
    struct via_stack *st;
    struct via_vi *vi;
    uint32_t iface;
    struct via_addr addr;

    struct via_stack *other; /* "mem:" alone: the world */
    struct via_addr other_addr;
    bool (*play)(struct host *h); /* one step of the peer; false: the play is over */
};

/*
 * Reads "SPEC ADDRESS/LEN" from the command line; `play` is the peer for "mem:". Ends the program with a sentence if
 * something is missing. SIGINT and SIGTERM end host_turn().
 */
void host_open(struct host *h, int argc, char **argv, bool (*play)(struct host *h));

/* One turn of the loop: polls, and sleeps if there was nothing to do. False: it is time to end. */
bool host_turn(struct host *h);

/* What host_turn() does while waiting for the loop of somebody else: plays one step. False: the play is over. */
bool host_play(struct host *h);

void host_close(struct host *h);

/* A UDP socket at an address (NULL: any) and port, or the end of the program. */
via_sock_t host_udp(struct via_stack *st, const struct via_addr *addr, uint16_t port);

/* An end point of either family. */
struct via_ep host_ep(const struct via_addr *addr, uint16_t port);

/* Sends `len` bytes by copy, at once. True if they were taken. */
bool host_send(struct via_stack *st, via_sock_t s, struct via_ep to, const void *data, size_t len);

#endif
