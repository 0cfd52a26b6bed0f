/* SPDX-License-Identifier: BSD-2-Clause */
/* pipe.h - two sockets of their own kind, without a transport: what one writes lies in the receive queue of the other. */
#ifndef VIA_SOCK_PIPE_H
#define VIA_SOCK_PIPE_H

#include "sock/socks.h"

#include <viaduct/pipe.h>

struct via_pipe {
    struct via_sock sock; /* must be first */
    uint32_t mate;        /* ref of the other end, 0: closed */
    uint32_t limit;       /* bytes that may wait */
    uint32_t queued;      /* reader: bytes that wait */
    uint32_t want;        /* writer: bytes for which SPACE is promised, 0: it is not */
    bool writes;
};

/* What stack/ puts into the table of kinds. */
extern const struct via_sock_ops via_pipe_ops;

#endif
