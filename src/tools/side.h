/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * side.h - one end of TCP connections, on a Viaduct stack or on the kernel's sockets: the same program runs over both.
 *
 * Nothing blocks but side_wait(), and recv() of the kernel's sockets where `block` asks for it. A connection is a number,
 * never 0. Whatever cannot happen in a measurement ends the program with a sentence.
 */
#ifndef VIA_TOOLS_SIDE_H
#define VIA_TOOLS_SIDE_H

#include "common.h"

enum side_wait { SIDE_SPIN = 0, SIDE_SLEEP, SIDE_BUSYPOLL };

struct side {
    struct tool_host host; /* addresses for the kernel's sockets too: the first is bound to */
    enum side_wait wait;
    bool os;
    bool events; /* wait by an ordered set, or an epoll set */
    bool block;  /* kernel's sockets: recv() sleeps, at most for `timeout`, where nothing is there */
    bool quiet;  /* kernel's sockets: connections join no epoll set, for somebody else waits */
    bool copy;   /* stack: recv() and side_echo() by copy instead of lent buffers */
    uint32_t mss;
    via_ns_t timeout;

    struct via_epoll *set; /* stack */
    via_sock_t listener;
    int epoll, listen_fd, last_fd; /* kernel's */
};

/* Opens the stack, or nothing; then a listener, or a connection that may not be there yet. */
void side_open(struct side *s);
void side_close(struct side *s);
void side_listen(struct side *s, uint16_t port);
uint64_t side_connect(struct side *s, const struct via_ep *peer);
/* 0: none. */
uint64_t side_accept(struct side *s);
/* 1 connected, 0 not yet. */
int side_is_up(struct side *s, uint64_t conn);

/* How many bytes, 0 for the end of the peer's data, or -EAGAIN. A reset is an end. */
ssize_t side_send(struct side *s, uint64_t conn, const void *data, size_t len);
ssize_t side_recv(struct side *s, uint64_t conn, void *buf, size_t len);
void side_shutdown(struct side *s, uint64_t conn);
void side_hang_up(struct side *s, uint64_t conn, bool abort);

/* Until there may be something new: false when `until` is past or the program is to stop. */
bool side_wait(struct side *s, via_ns_t until);

/* Connects and waits for it. */
uint64_t side_connected(struct side *s, const struct via_ep *peer);
/* All of it, waiting where there is no room. */
void side_send_all(struct side *s, uint64_t conn, const void *data, size_t len);

void side_describe(const struct side *s, FILE *f);
/* "viaduct" or "kernel" */
const char *side_name(const struct side *s);

#endif
