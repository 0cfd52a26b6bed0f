/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff.h - the same program on the kernel's sockets and on Viaduct, and what the application sees compared.
 *
 * A program is a list of calls at the subject (S) and at its peer (P), with faults of the wire between. It is made from
 * a seed and can be written down and read back. The peer is always the kernel, in a namespace of its own; the subject is
 * the kernel in another namespace, or a Viaduct stack in memory. Between them is a wire that the test itself carries,
 * frame by frame, from a TAP device to a TAP device or to the cable: so a fault hits the same frame of both runs, and
 * "nothing moves any more" is a fact, not a time-out.
 */
#ifndef VIA_DIFF_H
#define VIA_DIFF_H

#include <viaduct/viaduct.h>

#define DIFF_SOCKS 4   /* of each side */
#define DIFF_OPS   64
#define DIFF_BYTES 65536

enum diff_proto { DIFF_UDP = 1, DIFF_TCP };

enum diff_side { DIFF_S = 0, DIFF_P = 1 };

enum diff_verb {
    OP_OPEN = 1, OP_CLOSE, OP_CONNECT, OP_UNCONNECT, OP_SEND, OP_SENDTO, OP_RECV, OP_SETOPT, OP_GETOPT, OP_NAMES, OP_READY,
    OP_LISTEN, OP_ACCEPT, OP_SHUTDOWN, OP_ABORT, OP_STATE, OP_FAULT, OP_WAIT
};

enum diff_where { AT_ANY = 0, AT_OWN, AT_FOREIGN, AT_DUAL };

enum diff_opt { DO_TOS = 1, DO_TTL, DO_DF, DO_BROADCAST, DO_NODELAY, DO_KEEPALIVE, DO_CORK, DO_MTU, DO_COUNT };

enum diff_fault { FAULT_DROP = 1, FAULT_DOUBLE, FAULT_SWAP, FAULT_SPOIL, FAULT_COUNT };

/* One line of a program. */
struct diff_op {
    uint8_t verb, side, sock;
    uint8_t other;  /* socket of the other side, for CONNECT and SENDTO */
    uint8_t where;  /* enum diff_where, for OPEN */
    uint8_t opt;    /* enum diff_opt, enum diff_fault */
    uint8_t dir;    /* FAULT: 0 to the subject, 1 from it */
    uint8_t hold;   /* the wire stands still until after the next call: what both do crosses */
    uint16_t port;  /* OPEN: 0 ephemeral */
    int32_t value;  /* bytes, value of an option, which frame from now */
};

struct diff_program {
    uint64_t seed;
    uint8_t proto, family; /* 4 or 6 */
    uint32_t ops;
    struct diff_op op[DIFF_OPS];
};

void diff_generate(struct diff_program *p, uint64_t seed, enum diff_proto proto);
uint16_t diff_port(const struct diff_program *p, unsigned side, unsigned sock); /* where a socket is bound by habit */
void diff_print_op(const struct diff_op *op, char *buf, size_t size);
bool diff_parse_op(struct diff_op *op, const char *text);

/* What one side's sockets can do. Results are those of the public API: counts and negative errnos. */
struct diff_api {
    int (*open)(void *ctx, unsigned i, const struct diff_op *op, uint8_t family);
    int (*close)(void *ctx, unsigned i, bool abort);
    int (*connect)(void *ctx, unsigned i, const struct via_ep *to); /* NULL: undo */
    int (*send)(void *ctx, unsigned i, const void *data, size_t n, const struct via_ep *to);
    int (*recv)(void *ctx, unsigned i, void *buf, size_t n, struct via_ep *from, int *mark); /* mark: class | ttl << 8 */
    int (*setopt)(void *ctx, unsigned i, uint8_t opt, int value);
    int (*getopt)(void *ctx, unsigned i, uint8_t opt, int *value);
    int (*names)(void *ctx, unsigned i, struct via_ep *local, struct via_ep *peer);
    int (*error)(void *ctx, unsigned i); /* pending error, cleared */
    int (*ready)(void *ctx, unsigned i); /* bit 0: readable */
    int (*listen)(void *ctx, unsigned i, int backlog);
    int (*accept)(void *ctx, unsigned i, unsigned to);
    int (*shutdown)(void *ctx, unsigned i);
    int (*state)(void *ctx, unsigned i, int *eof); /* enum via_tcp_state, 10 for a listener */
    int (*pending)(void *ctx, unsigned i);         /* TCP: bytes that can be read */
};

extern const struct diff_api diff_kernel, diff_via;

/* Sockets of the kernel in a namespace. */
struct diff_host {
    int ns, home; /* namespaces as descriptors */
    int tap;
    int fd[DIFF_SOCKS];
    uint8_t family[DIFF_SOCKS];
    uint8_t proto;
    int heard[DIFF_SOCKS]; /* TCP: why it died, for later calls */
    bool fin[DIFF_SOCKS];  /* TCP: the peer had ended before */
    uint8_t mac[6];
};

/* A Viaduct stack with the far end of its cable. */
struct diff_stack {
    struct via_stack *st, *far_st;
    struct via_vi *vi, *far;
    struct via_epoll *set;
    via_sock_t sock[DIFF_SOCKS];
    bool open[DIFF_SOCKS];
    bool listens[DIFF_SOCKS];
    struct via_ep bound[DIFF_SOCKS]; /* of TCP: until it connects or listens */
    uint8_t proto;
    uint32_t announced[DIFF_SOCKS]; /* packets (UDP), bytes (TCP) that events told of and nobody read */
    bool eof[DIFF_SOCKS], dead[DIFF_SOCKS];
    int last_error[DIFF_SOCKS];
};

int diff_host_open(struct diff_host *h, const char *name, const char *addr4, const char *addr6);
void diff_host_close(struct diff_host *h);
int diff_stack_open(struct diff_stack *v, uint64_t seed);
void diff_stack_close(struct diff_stack *v);
void diff_stack_poll(struct diff_stack *v);
int diff_stack_take(struct diff_stack *v, uint8_t *frame, size_t room); /* a frame of ours, or 0 */
void diff_stack_give(struct diff_stack *v, const uint8_t *frame, size_t n);

/* The wire. */
struct diff_wire {
    struct diff_host *peer;
    struct diff_host *host;   /* the subject, one of the two */
    struct diff_stack *stack;
    uint64_t seen[2];         /* IP frames carried so far, to the subject and from it */
    struct {
        uint64_t at;
        uint8_t what;
    } fault[2][8];
    unsigned faults[2];
    uint8_t kept[2][2048]; /* held back to be swapped with the next */
    size_t kept_n[2];
    uint64_t carried;
};
void diff_wire_reset(struct diff_wire *w);
void diff_wire_fault(struct diff_wire *w, unsigned dir, uint8_t what, uint32_t nth);
bool diff_pump(struct diff_wire *w);         /* until nothing moves; true if anything did */
void diff_wait(struct diff_wire *w, int ms); /* at most so long, for timers */

/* Runs a program; what the application saw is in `trace`. */
struct diff_trace {
    char *text;
    size_t len, room;
    uint64_t waited_ms;
};
void diff_run(struct diff_wire *w, const struct diff_program *p, struct diff_trace *t);

#endif
