/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pingpong.h - one measurement, several ways to carry it.
 *
 * A carrier sends one message and waits for its echo (ping), or echoes until it is told to end (serve). A message begins
 * with a sequence number, cut to the message's size, so that a late echo is not taken for the present one.
 */
#ifndef VIA_TOOLS_PINGPONG_H
#define VIA_TOOLS_PINGPONG_H

#include "common.h"
#include "samples.h"
#include "stat_format.h"

enum pp_wait { PP_SPIN = 0, PP_SLEEP, PP_BUSYPOLL };
enum pp_muxer { PP_NONE = 0, PP_EPOLL, PP_LIBEV };
enum pp_mode { PP_STACK = 0, PP_OS, PP_RAW, PP_INPROC };

#define PP_SIZES 32
#define PP_MAX   65507 /* largest UDP payload over IPv4 */
#define PP_END   "via-pingpong: end" /* the client's last message */

struct pp {
    struct tool_host host;
    enum pp_mode mode;
    enum pp_wait wait;
    enum pp_muxer muxer;
    bool server, keep, copy, clock;
    bool tcp; /* else UDP */
    const char *peer, *peer_mac;
    const char *checksum; /* inproc: NULL, "on", "off" */
    uint16_t port;
    uint32_t sizes[PP_SIZES];
    unsigned size_count;
    uint32_t pings, warmup;
    double percentile;
    via_ns_t timeout; /* how long the client waits for an echo */
    int cpu;
    enum stat_form stats;

    void *carrier; /* the carrier's own */
    void *ev;      /* the libev loop's */
    struct samples samples;
    uint64_t lost, seq;
    uint8_t message[PP_MAX], answer[PP_MAX];
};

/* Writes the next message of `size` bytes into pp->message. */
void pp_next(struct pp *pp, uint32_t size);
/* Is this the echo of it? */
bool pp_is_echo(const struct pp *pp, const void *data, size_t len, uint32_t size);
/* Is this the client's last word? */
bool pp_is_end(const void *data, size_t len);

/* A way of carrying messages. */
struct pp_carrier {
    void (*open)(struct pp *pp);
    /* Sends pp->message and waits for the echo at most pp->timeout; false: lost. */
    bool (*ping)(struct pp *pp, uint32_t size);
    /* Echoes until told to end, or stopped. */
    void (*serve)(struct pp *pp);
    /* Sends the client's last word. */
    void (*end)(struct pp *pp);
    void (*describe)(const struct pp *pp, FILE *f);
    void (*close)(struct pp *pp);
    /* Takes pings samples of one size itself, if the carrier has both ends: whole round trips. NULL: ping() is timed. */
    void (*measure)(struct pp *pp, uint32_t size);
    unsigned overhead; /* bytes of the smallest message */
};

extern const struct pp_carrier pp_stack, pp_os, pp_raw, pp_inproc, pp_tcp;

/*
 * A libev loop around a carrier: on a descriptor, or on the stack of pp->host where `fd` is -1. Ends the program where the
 * libev binding was not built. wait() runs the loop until there is something to read (true) or `until` is past.
 */
void pp_ev_open(struct pp *pp, int fd);
bool pp_ev_wait(struct pp *pp, via_ns_t until);
void pp_ev_close(struct pp *pp);

#endif
