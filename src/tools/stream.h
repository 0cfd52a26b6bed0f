/* SPDX-License-Identifier: BSD-2-Clause */
/* stream.h - via-stream: bytes as fast as they go, over one connection or many. */
#ifndef VIA_TOOLS_STREAM_H
#define VIA_TOOLS_STREAM_H

#include "inproc.h"
#include "side.h"

#define STREAM_CONNS 65536u
#define STREAM_PIECE (1u << 20) /* largest piece per call */

struct stream {
    struct side side;
    bool server, inproc, keep, zero_copy, reverse;
    const char *peer, *checksum;
    uint16_t port;
    uint32_t conns, piece, segment, runs;
    uint64_t bytes; /* of one run, over all connections */
    int cpu;
    uint8_t *data; /* STREAM_PIECE */
};

/* What one run took. */
struct stream_run {
    uint64_t bytes;
    via_ns_t ns, cpu; /* `cpu`: of this process */
    uint64_t segs, resent; /* of a stack; 0: not known */
};

void stream_inproc(struct stream *s);
void stream_print_head(FILE *f);
void stream_print(const struct stream *s, const struct stream_run *r);

#endif
