/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve.h - what the TCP servers of this folder have in common: one listener and its connections in one ordered set, bytes
 * in until a request is whole, bytes out as the peer takes them, and bounds for peers that are slow, silent or too many.
 *
 * A peer that does not read its answers is not read from either: its requests wait in its own send queue, so that
 * pipelining costs the server no more than one buffer each way.
 */
#ifndef VIA_EXAMPLES_SERVE_H
#define VIA_EXAMPLES_SERVE_H

#include "host.h"

#define SERVE_IN    16384 /* a request must be whole within so many bytes */
#define SERVE_OUT   16384
#define SERVE_REPLY 6144  /* what one request may add to `out` */
#define SERVE_PEERS 4096

/* From serve.request: answer what there is, then end the connection. */
#define SERVE_END (-1)

struct serve_peer {
    struct serve *serve;
    unsigned slot;
    via_sock_t sock;
    via_ns_t since;      /* when the request that is not whole began, or the last one was answered */
    const char *body;    /* follows `out`: memory that stays as it is */
    size_t body_len;
    size_t fill;         /* of `in` */
    size_t from, to;     /* of `out`, what is still to be sent */
    bool eof, ending;    /* the peer sends no more; we answer no more */
    char in[SERVE_IN + 1], out[SERVE_OUT];
};

struct serve {
    uint16_t port;               /* up to `done` the caller fills in */
    bool (*play)(struct host *h); /* see host_open() */
    /*
     * One request out of `len` bytes at `at`, behind which is a zero: how many of them it was; 0: it is not whole yet (with
     * SERVE_IN bytes it never will be: answer so, SERVE_END); SERVE_END.
     */
    ssize_t (*request)(struct serve_peer *p, const char *at, size_t len);
    void (*done)(struct serve *s); /* there are completions; may be NULL */

    struct host *h;
    struct via_epoll *set;
    via_sock_t listener;
    struct via_timer clock;
    bool second; /* one has passed: look who is late */
    unsigned hint;
    struct serve_peer *peer[SERVE_PEERS]; /* the user value of a connection is its place here */
    uint64_t requests, accepted, refused, late; /* for the last line of the program */
};

/*
 * The program: host_open(), a listener at `port` of all addresses, turns until it is told to end. Ends with a sentence if
 * something is missing.
 */
int serve_main(struct serve *s, int argc, char **argv);

/* Adds to the answer; what does not fit is a mistake of the caller's (SERVE_REPLY) and is cut. */
void serve_say(struct serve_peer *p, const void *data, size_t len);

/* Sends as much of the answer as the peer takes. True: nothing is left. */
bool serve_flush(struct serve_peer *p, unsigned flags);

/*
 * The peer of "mem:", a step of it: connects, sends `ask`, reads until the end of the connection. False: it is over, and
 * `got` has what came. Ends the program if it goes wrong.
 */
bool serve_play(struct host *h, uint16_t port, const char *ask, struct iovec *got);

#endif
