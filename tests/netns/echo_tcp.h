/* SPDX-License-Identifier: BSD-2-Clause */
/* echo_tcp.h - the namespace server's TCP: whatever comes on a connection, accepted or made by command, goes back. */
#ifndef ECHO_TCP_H
#define ECHO_TCP_H

#include "common.h"

struct echo_tcp;

/* A listener at `port`, for both families. User values from 1000 on are its own. */
struct echo_tcp *echo_tcp_open(struct via_stack *st, struct via_epoll *set, uint16_t port);
/* True if the event was about one of its sockets. */
bool echo_tcp_handle(struct echo_tcp *e, const struct via_event *ev);
/* Connects out: 0 or -errno. */
int echo_tcp_connect(struct echo_tcp *e, const struct via_ep *peer);
/* Connections that were ended, and bytes that were echoed. */
int echo_tcp_ended(const struct echo_tcp *e);
int echo_tcp_bytes(const struct echo_tcp *e);
/* Closes all; `flags` as for via_sock_close(). */
void echo_tcp_close(struct echo_tcp *e, unsigned flags);

#endif
