/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - an IP host alone on the bench: a core made by hand, interfaces whose driver keeps what is sent, time that
 * the test moves.
 */
#ifndef VIA_BENCH_H
#define VIA_BENCH_H

#include "net/arp.h"
#include "net/state.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/nd.h"

#define BENCH_FRAMES 512

/* A frame that went out, and what it was. */
struct bench_sent {
    uint8_t bytes[2048];
    uint32_t len;
    uint8_t iface;
    via_ns_t at;
    struct via_eth eth;
    struct via_arp arp;     /* of an ARP packet */
    struct via_ip_head ip;  /* of an IP packet */
    const uint8_t *payload; /* behind the IP headers */
    struct via_nd nd;       /* of a neighbour discovery message, else type 0 */
};

struct bench_filter {
    struct via_addr addr;
    uint8_t iface;
};

struct bench {
    struct via_core core;
    struct bench_sent sent[BENCH_FRAMES];
    uint32_t head, tail; /* of `sent`, count up */
    struct bench_filter filters[64];
    uint32_t filter_count;
    uint64_t reap[BENCH_FRAMES];
    uint32_t reaps;
    uint32_t ifaces;
};

/* A host without interfaces, 4096 frames, seed 1 unless `seed`; `set` may change attributes. Everything is checked. */
struct bench *bench_new(uint64_t seed, void (*set)(struct via_attrs *));
/* Checks that all packets came home. */
void bench_free(struct bench *r);

/* Adds an interface: its number. MAC addresses are 02:00:00:00:00:<number>, seeds move the byte before. */
uint8_t bench_attach(struct bench *r, uint32_t caps, uint32_t mtu);

/* Lets time pass, fires what is due at its very moment. */
void bench_pass(struct bench *r, via_ns_t time);

/* The next frame that went out, in order, or NULL. Good until BENCH_FRAMES more went out. */
const struct bench_sent *bench_next(struct bench *r);
/* The next ARP packet or neighbour discovery message of that type (0: ARP); others are thrown away. */
const struct bench_sent *bench_next_arp(struct bench *r);
const struct bench_sent *bench_next_nd(struct bench *r, uint8_t type);
/* The next frame to that destination address; others are thrown away. */
const struct bench_sent *bench_next_to(struct bench *r, const struct via_addr *dst);
/* Throws away all that went out; how many. */
uint32_t bench_hush(struct bench *r);

/* Adds an own address, usable at once. */
void bench_addr(struct bench *r, uint8_t iface, const char *text, uint8_t prefix);
/* Adds a route; `gateway` NULL: on link. */
void bench_route(struct bench *r, uint8_t iface, const char *dst, uint8_t prefix, const char *gateway);

/* The address that `text` spells. */
struct via_addr bench_ip(const char *text);

/* A frame comes in; the packet is gone afterwards. Why it was dropped, or 0. */
enum via_drop bench_take(struct bench *r, uint8_t iface, const void *frame, size_t len);
/* The same for ARP, and for neighbour discovery with its header; fields of `m` as the sender would fill them. */
enum via_drop bench_arp(struct bench *r, uint8_t iface, const struct via_arp *m);
enum via_drop bench_nd(struct bench *r, uint8_t iface, const struct via_nd *m, const char *src, const char *dst);

/* A packet of `len` bytes of a transport, counting up from 0, ready for via_net_output(). */
struct via_pkt *bench_payload(struct bench *r, uint32_t len);

/* A MAC address that ends in `n`. */
void bench_mac(uint8_t mac[6], uint8_t n);

#endif
