/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - a network of stacks in one process, in virtual time: hosts at their cables, pipes between them that delay,
 * lose, reorder, queue and mark. The same seeds give the same packets at the same nanoseconds.
 *
 * A dumbbell: hosts of side 0 send through pipe 0 to side 1, hosts of side 1 through pipe 1 back. A pipe is, in this
 * order: loss, a queue before a wire of some rate with a way to manage it, the wire, delay, reordering.
 */
#ifndef VIA_SIM_NET_H
#define VIA_SIM_NET_H

#include <viaduct/viaduct.h>

#define SIM_HOSTS 16
#define SIM_FRAME 1600

enum sim_aqm { SIM_DROPTAIL = 0, SIM_CODEL };

struct sim_pipe_conf {
    uint64_t rate;         /* bits per second, 0: no limit */
    via_ns_t delay, jitter; /* jitter: uniform addition, order kept */
    uint32_t queue;        /* packets, 0: no limit */
    enum sim_aqm aqm;      /* CoDel (RFC 8289): target 5 ms, interval 100 ms */
    bool ecn;              /* marks where it would drop, if the packet can be marked */
    double loss;           /* of single packets */
    double burst;          /* chance that a burst of losses begins */
    via_ns_t burst_time;   /* its mean length */
    double reorder;        /* chance that a packet is `reorder_by` late */
    via_ns_t reorder_by;
};

struct sim_packet {
    struct sim_packet *next;
    via_ns_t at;    /* came to the queue; then: arrives */
    uint64_t order; /* breaks ties */
    uint32_t len;
    uint8_t to;
    uint8_t bytes[SIM_FRAME];
};

struct sim_pipe {
    struct sim_pipe_conf conf;
    uint64_t rand;
    struct sim_packet *head, **tail;
    uint32_t queued;
    via_ns_t free_at;   /* the wire */
    via_ns_t last_out;  /* with jitter: nothing overtakes */
    via_ns_t burst_end;
    via_ns_t first_above, drop_next; /* CoDel */
    uint32_t drop_count;
    bool dropping;
    uint64_t carried, bytes, lost, dropped, marked;
    uint64_t wait_sum; /* ns in the queue */
    uint32_t most;
};

struct sim;

struct sim_host {
    struct sim *sim;
    struct via_stack *st, *far_st;
    struct via_vi *far;
    struct via_epoll *set;
    struct via_addr addr;
    uint8_t mac[6], side;
    bool touched; /* wants a poll */
    void (*on_event)(struct sim_host *h, const struct via_event *ev);
    void *app;
};

struct sim {
    via_ns_t now;
    uint64_t order;
    struct sim_host host[SIM_HOSTS];
    unsigned hosts;
    struct sim_pipe pipe[2];
    struct sim_packet **heap; /* on their way, by time */
    uint32_t heap_n, heap_room;
    struct sim_packet *spare;
    uint64_t polls;
    void (*deliver)(struct sim *s, const struct sim_packet *k); /* instead of a host: where the ends are elsewhere */
    void (*tick)(struct sim *s);                                /* the application's own clock */
    via_ns_t tick_at;
    void *app;
};

struct sim *sim_new(uint64_t seed, const struct sim_pipe_conf pipe[2]);
/* A host with attributes (may be NULL); all hosts know each other. */
struct sim_host *sim_add(struct sim *s, unsigned side, const char *attr);
void sim_run(struct sim *s, via_ns_t until);
/* For ends elsewhere: a frame enters the pipe of `side`; all that is due by `now` moves on; when something is due next. */
void sim_push(struct sim *s, unsigned side, const void *frame, uint32_t len);
void sim_step(struct sim *s, via_ns_t now);
via_ns_t sim_next(struct sim *s);
void sim_free(struct sim *s);
uint64_t sim_draw(uint64_t *rand);

#endif
