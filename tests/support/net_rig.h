/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_rig.h - one IP host on the bench: base, VI and net halves without the layers above, a device that remembers what
 * was sent, virtual time. Frames are given to input by hand; drops are counted as the stack above would.
 */
#ifndef VIA_NET_RIG_H
#define VIA_NET_RIG_H

#include "net/net.h"
#include "wire/eth.h"
#include "wire/icmp.h"

#define RIG_SENT  512
#define RIG_FRAME 2048

struct rig_frame {
    uint32_t len;
    uint8_t vi;
    via_ns_t at;
    uint8_t bytes[RIG_FRAME]; /* from the Ethernet header on */
};

struct net_rig {
    struct via_core core;
    struct via_vi *vi;   /* number 1 */
    bool slow;           /* input without the fast path */
    const char *ifname;  /* the kernel's interface below, NULL: none */
    uint32_t used;       /* frames in use before anything was received */
    unsigned sent_count; /* may be above RIG_SENT: the rest was not kept */
    struct rig_frame sent[RIG_SENT];
    uint64_t lent[1024]; /* frames that the device was given */
    unsigned lent_count;
    uint64_t flying[1024]; /* frames to be reaped */
    unsigned flying_count;
};

/* Attributes for a small host: 1024 frames, no duplicate address detection. */
struct via_attrs rig_attrs(void);

/*
 * A host with one interface (number 1, MAC RIG_MAC) with 10.0.0.1/24, 2001:db8::1/64 and a link-local address, default
 * routes by 10.0.0.9 and fe80::9, and static neighbours .2, .3, .9 and ::2, ::3, fe80::2, fe80::9. NULL: defaults.
 */
struct net_rig *rig_host(const struct via_attrs *a, uint64_t seed);

/* The same without addresses, neighbours, routes. */
struct net_rig *rig_bare(const struct via_attrs *a, uint64_t seed);
/* The same, as if the device were the kernel's interface of that name. */
struct net_rig *rig_bare_on(const struct via_attrs *a, uint64_t seed, const char *ifname);

/* Checks that every frame came back, and gives everything up. */
void rig_end(struct net_rig *r);

/* The device takes what was sent; what it had is reaped. */
void rig_flush(struct net_rig *r);
/* Forgets what was sent. */
void rig_clear(struct net_rig *r);

/* Time goes by, timers fire in order, what they send is stamped with their time. */
void rig_wait(struct net_rig *r, via_ns_t ns);

/* Frames of the pool in use beyond those that the device has and those there were at the start. */
uint32_t rig_held(const struct net_rig *r);

/* Gives a frame to input. A DATAGRAM or ERROR stays with the test: rig_release(). Drops are counted and released. */
struct via_rx rig_input(struct net_rig *r, const void *frame, uint32_t len);
/* With flags of struct via_pkt. */
struct via_rx rig_input_as(struct net_rig *r, const void *frame, uint32_t len, uint8_t flags);
void rig_release(struct net_rig *r, struct via_rx *rx);
/* The packets that we sent to ourselves come in; the last one's result. */
struct via_rx rig_loop(struct net_rig *r);

/* Drops so far for that reason. */
uint64_t rig_drops(const struct net_rig *r, enum via_drop why);

/* Addresses by text. */
struct via_addr rig_addr(const char *text);

/*
 * A frame around an IP packet: header `h` (version from the addresses; ttl 64 if it is 0, payload filled in) and `n`
 * bytes. Destination MAC: RIG_MAC, or that of the group or broadcast address. Returns the length.
 */
uint32_t rig_ip_frame(uint8_t *at, struct via_ip_head *h, const void *payload, uint32_t n);
/* A header from texts. */
struct via_ip_head rig_head(const char *src, const char *dst, uint8_t proto);
/* A UDP datagram inside, checksum right. `payload` may be NULL: zeros. */
uint32_t rig_udp_frame(uint8_t *at, struct via_ip_head *h, const void *payload, uint32_t n);
/* An ICMP message: 4 bytes of type, code, 0, 0, then `rest`; checksum filled in. */
uint32_t rig_icmp_frame(uint8_t *at, struct via_ip_head *h, uint8_t type, uint8_t code, const void *rest, uint32_t n);
/* Puts an Ethernet header in front of bytes that are there already at at + 14. */
void rig_eth(uint8_t *at, const uint8_t dst[6], uint16_t type);

/* A frame that was sent, taken apart: fails the test if it is none of IP, or a checksum is wrong. */
struct rig_parsed {
    struct via_eth eth;
    struct via_ip_head ip;
    const uint8_t *payload; /* behind all headers */
};
struct rig_parsed rig_parse(const struct rig_frame *f);

extern const uint8_t rig_mac[6], rig_peer_mac[6];

#endif
