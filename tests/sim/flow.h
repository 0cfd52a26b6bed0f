/* SPDX-License-Identifier: BSD-2-Clause */
/* flow.h - who sends what through the network, and what came of it. */
#ifndef VIA_SIM_FLOW_H
#define VIA_SIM_FLOW_H

#include "net.h"

#define FLOW_MAX  8
#define FLOW_DONE 512

/* One sender, one receiver. TCP: as fast as it goes, or transfers of `size` bytes one after the other. UDP: at `rate`. */
struct flow {
    struct sim_host *from, *to;
    const char *cc;       /* TCP: congestion control */
    uint64_t rate;        /* UDP: bits per second of payload */
    uint64_t size;        /* TCP: bytes of each transfer, 0: endless */
    via_ns_t start;
    via_sock_t out, in, listener;
    uint16_t port;
    uint64_t sent, received, marked_at; /* bytes; received when the measure began */
    uint64_t packets, got, late, last;  /* UDP: datagrams */
    uint64_t wrong;                     /* bytes that are not what was sent */
    via_ns_t next, begun;
    via_ns_t done[FLOW_DONE]; /* how long each transfer took */
    unsigned dones;
    uint64_t segs, resent;
    uint32_t timeouts, recoveries;
    via_ns_t rtt;
    int reason; /* why it died before its time */
};

struct flows {
    struct flow flow[FLOW_MAX];
    unsigned n;
};

extern const bool flow_has_tcp;
void udp_start(struct flow *f);
void udp_tick(struct flow *f);
void udp_event(struct flow *f, const struct via_event *ev);
void tcp_start(struct flow *f);
void tcp_event(struct flow *f, struct sim_host *h, const struct via_event *ev);
void tcp_collect(struct flow *f); /* adds the connection's figures to the flow's */

#endif
