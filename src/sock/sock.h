/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sock.h - what every socket is: a slot in the pool of its kind, a handle, a flow, a receive queue, readiness.
 *
 * A socket is named inside by a *ref*, {kind 8, index 24}, and outside by a handle that adds the slot's generation. A
 * slot's generation moves when the application closes, so stale handles die at once even while the slot lives on to
 * finish sends (`state` CLOSING).
 */
#ifndef VIA_SOCK_SOCK_H
#define VIA_SOCK_SOCK_H

#include "net/net.h"

#include <viaduct/buf.h>
#include <viaduct/epoll.h>
#include <viaduct/sock.h>

enum via_kind { VIA_KIND_NONE = 0, VIA_KIND_UDP, VIA_KIND_TCP, VIA_KIND_LISTEN, VIA_KIND_PIPE, VIA_KINDS };

enum via_sock_state { VIA_SOCK_FREE = 0, VIA_SOCK_OPEN, VIA_SOCK_CLOSING };

enum via_sock_flag {
    VIA_SOCK_REUSE = 1,
    VIA_SOCK_V6ONLY = 2,
    VIA_SOCK_CONNECTED = 4,
    VIA_SOCK_WANTS_SPACE = 8,
    VIA_SOCK_HASHED = 16, /* it is in the demultiplexer */
    VIA_SOCK_HOLDS = 32,  /* so is what it was bound to before it was connected */
    VIA_SOCK_RECV_ONLY = 64,
    VIA_SOCK_SEND_ONLY = 128,
    VIA_SOCK_LIVES = 256,  /* closed, and the transport still works on it: the slot stays */
    VIA_SOCK_EOF = 512,   /* the peer sends no more: who joins a set later is told as well */
    VIA_SOCK_DEAD = 1024,  /* the transport is done with it, `reason` says why; the handle stays until it is closed */
    VIA_SOCK_NEWS = 2048   /* something to be told to a set that it joins: CONNECTED, or ACCEPT */
};

/* Packets that wait for the application. The first `announced` of them were announced by records already popped. */
struct via_rxq {
    struct via_list list;
    uint32_t pkts;
    uint32_t announced;
    uint32_t limit;
};

/* A record of the socket itself: [0] what may come before data that is queued, [1] what must come after it. */
struct via_sock_rec {
    struct via_rec rec; /* must be first; its `pkts` says whether a packet caused it */
    int32_t reason;
    uint64_t order; /* arrivals when it was raised: where it belongs among data */
    via_ns_t ts;
};

struct via_sock {
    uint32_t gen; /* never 0 */
    uint8_t kind;
    uint8_t state;
    uint16_t flags; /* enum via_sock_flag */

    struct via_flow flow;  /* wildcard parts are zero */
    struct via_addr bound; /* local address as opened; connecting chooses one */
    uint8_t bound_if;      /* interface as opened */
    uint8_t pad[3];

    struct via_rxq rxq;
    uint32_t set;  /* id of the ordered set, 0: none */
    uint32_t mask; /* what the set wants to know */
    uint64_t set_user;
    uint64_t user;
    uint64_t drops; /* datagrams lost because the queue or the pool was full */
    int32_t reason; /* last error, until it is read */

    uint32_t tokens;                 /* completions outstanding */
    uint32_t token_next;             /* number of the next token */
    uint32_t token_due;              /* number that completes next: tokens complete in the order of sending */
    struct via_list early;           /* sent before their turn, by number */
    uint32_t space_next, space_prev; /* among those that wait for send space */
    uint32_t space_need;             /* frames */
    uint32_t space_vi;               /* interface whose ring was full */
    struct via_sock_rec own[2];
};

/* What the layers above must do for their kind; the table is stack/'s. */
struct via_sock_ops {
    const char *name;
    /* The application lets go; the slot is freed here or when the last completion was fetched. */
    void (*close)(struct via_core *c, struct via_sock *k, unsigned flags);
    int (*setopt)(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n);
    int (*getopt)(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n);
    /* via_zc_recv(), with `max` at least 1 and `out` zeroed but for `user`, and via_zc_send(); NULL: carries no data. */
    int (*lend)(struct via_core *c, struct via_sock *k, uint32_t max, struct via_lent *out);
    int (*post)(struct via_core *c, struct via_sock *k, const struct via_post *p);
    /* A VI has come: filters for all open sockets of the kind. NULL: it has none. */
    void (*steer)(struct via_core *c, uint32_t vi);
};

/* Generation, kind and state in one word, as via_sock_find() wants them. */
static inline uint64_t via_sock_word(const struct via_sock *k) {
    return ((uint64_t)k->gen | (uint64_t)k->kind << 32 | (uint64_t)k->state << 40 | (uint64_t)k->flags << 48) << 16;
}

/* Completed sends that via_tx_done() has not handed out yet. */
static inline uint32_t via_sock_unfetched(const struct via_sock *k) {
    return k->tokens - (k->token_next - k->token_due);
}

static inline uint32_t via_ref(enum via_kind kind, uint32_t index) {
    return (uint32_t)kind << 24 | index;
}

static inline enum via_kind via_ref_kind(uint32_t ref) {
    return (enum via_kind)(ref >> 24);
}

static inline uint32_t via_ref_index(uint32_t ref) {
    return ref & 0xffffff;
}

static inline via_sock_t via_handle(uint32_t ref, uint32_t gen) {
    return (via_sock_t)(ref & 0xff000000u) << 32 | (via_sock_t)gen << 24 | (ref & 0xffffffu);
}

#endif
