/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * desk.h - a whole stack on the desk, in virtual time: up to four interfaces of a driver that receives what the test
 * says, remembers what was sent, and gives frames back when the test lets it.
 *
 * Interface n has MAC 02:00:00:00:01:0n and the addresses 10.0.n.1/24 and 2001:db8:n::1/64; hosts 10.0.n.2 .. .9 and
 * 2001:db8:n::2 .. ::9 with MAC 02:00:00:00:02:0h are known. All by public calls.
 */
#ifndef VIA_DESK_H
#define VIA_DESK_H

#include <viaduct/viaduct.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define DESK_SENT 2048u /* a power of two: the last so many are kept */
#define DESK_VIS  4u

/* A frame that was sent. */
struct desk_sent {
    uint64_t addr; /* in the frame area */
    uint32_t len;  /* of this part */
    bool more;     /* goes on in the next one */
    uint8_t bytes[4096];
};

struct desk;

/* A driver's instance. */
struct desk_port {
    struct desk *desk;
    struct via_vi *vi;
    struct via_vi_dev *dev;
    uint64_t *lent;
    uint32_t lent_n;
    uint64_t *flying; /* handed over, in order */
    uint32_t flying_head, flying_n;
    uint32_t reap; /* how many may be given back; DESK_ALL: no limit */
    bool reap_last_first;
    uint32_t tx_room; /* how many more are taken; DESK_ALL: no limit */
    struct desk_sent *sent;
    uint64_t sent_n;
    struct via_frame rx[256]; /* received, not yet taken */
    uint32_t rx_n;
    uint64_t kicks, arms;
    struct via_filter filter[64]; /* with VIA_VI_STEERS */
    uint32_t filters;
    bool no_arm_news; /* arm says 0 whatever waits */
};
#define DESK_ALL UINT32_MAX

struct desk {
    struct via_stack *st;
    struct desk_port port[DESK_VIS + 1]; /* by interface number */
    uint32_t ports;
    uint32_t caps, mtu; /* of interfaces to come */
    via_ns_t now;
};

/* A stack with `vis` such interfaces; `attr` as for via_attr_new(), or NULL. DAD, link-local addresses, RAs are off. */
struct desk *desk_new(uint32_t vis, const char *attr);
/* The same with capabilities (enum via_vi_cap) and MTU of the interfaces. */
struct desk *desk_new_as(uint32_t vis, const char *attr, uint32_t caps, uint32_t mtu);
/* One interface more. */
struct via_vi *desk_plug(struct desk *b);
/* Polls until nothing moves, destroys the stack, which must not be busy, and frees. */
void desk_end(struct desk *b);

/* One poll, at the desk's time; the next by 1 us later. */
int desk_poll(struct desk *b);
/* Goes from deadline to deadline until `ns` have passed. */
void desk_wait(struct desk *b, via_ns_t ns);

/* A frame arrives at interface `n`, at time `ts` (0: unknown to the driver). False: no empty frame. */
bool desk_frame(struct desk *b, uint32_t n, const void *frame, uint32_t len, via_ns_t ts);

/* A datagram from `from` to `to` ("10.0.1.2:9", "[2001:db8:1::2]:9") arrives at interface `n`. */
bool desk_dgram(struct desk *b, uint32_t n, const char *from, const char *to, const void *data, uint32_t len);
/* The same at a time of the driver's. */
bool desk_dgram_at(struct desk *b, uint32_t n, const char *from, const char *to, uint32_t tag, via_ns_t ts);

/* Ethernet frame around a datagram; returns its length. */
uint32_t desk_build(uint32_t n, const struct via_ep *from, const struct via_ep *to, const void *data, uint32_t len,
                     uint8_t *at);
/* Sets total length and fragment field of the IPv4 header in a frame, and mends its checksum. */
void desk_refit4(uint8_t *frame, uint16_t total, uint16_t frag);
/* ICMP "port unreachable" by the peer about the first packet of which `quoted` is the frame. */
bool desk_unreachable(struct desk *b, uint32_t n, const struct desk_sent *quoted);
/* ICMP "fragmentation needed" with that MTU. */
bool desk_too_big(struct desk *b, uint32_t n, const struct desk_sent *quoted, uint16_t mtu);

/* The i-th frame sent through interface `n`, counted from 0. */
const struct desk_sent *desk_sent(const struct desk *b, uint32_t n, uint64_t i);
/* Payload of the UDP datagram in it: its length; *data points into the frame. Fails the test if it is none. */
uint32_t desk_payload(const struct desk_sent *s, const uint8_t **data);
/* Its hop limit, traffic class, source, destination. */
struct desk_ip {
    uint8_t ttl, tos;
    bool df;
    struct via_ep src, dst;
};
struct desk_ip desk_ip(const struct desk_sent *s);

struct via_ep desk_ep(const char *text);

/* Opens a socket at `local`; fails the test if it cannot. */
via_sock_t desk_open(struct desk *b, const char *local);
via_sock_t desk_open_as(struct desk *b, const char *local, uint32_t flags);
/* The same connected to `peer`. */
via_sock_t desk_connected(struct desk *b, const char *local, const char *peer);

/* Sends `len` bytes of value `fill` by copy, to `peer` or where it is connected to (NULL). As via_udp_send(). */
int desk_send(struct desk *b, via_sock_t s, const char *peer, uint32_t len, uint8_t fill);

/* Reads one datagram into `data`; as via_udp_read(). */
ssize_t desk_read(struct desk *b, via_sock_t s, void *data, size_t len);

/* A counter of via_stats_walk(); fails the test if there is none. */
uint64_t desk_stat(const struct desk *b, const char *object, const char *name);
/* A drop counter by name. */
uint64_t desk_drops(const struct desk *b, const char *name);

/* Frames neither free nor lent to devices. */
uint32_t desk_frames_used(const struct desk *b);

#endif
