/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_duo.h - two stacks in virtual time on a cable in memory: 192.0.2.1 and .2, 2001:db8::1 and ::2. Bytes that are
 * sent follow a pattern by their place in the stream, so that what arrives is checked byte for byte.
 */
#ifndef VIA_TCP_DUO_H
#define VIA_TCP_DUO_H

#include <viaduct/viaduct.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define DUO_PORT 7000

struct duo {
    struct via_stack *st[2];
    struct via_vi *vi[2];
    struct via_epoll *set[2];
    via_ns_t now;
    bool six;
    via_sock_t listener; /* on stack 1 */
    uint64_t sent[2], got[2]; /* bytes by stack, for the pattern */
};

/* `attr` for both stacks, and of the cable. */
struct duo *duo_new(const char *attr);
void duo_end(struct duo *r);

/* One poll of each stack, a microsecond later than the last. */
void duo_step(struct duo *r);
/* From deadline to deadline, for `ns`. */
void duo_run(struct duo *r, via_ns_t ns);
/* The same until `done` says so, for at most `ns`; false: it never did. */
bool duo_until(struct duo *r, bool (*done)(struct duo *r, void *arg), void *arg, via_ns_t ns);

struct via_ep duo_ep(const struct duo *r, int stack, uint16_t port);

/* A listener at DUO_PORT of stack 1. */
void duo_listen(struct duo *r, const struct via_listen_conf *conf);
/* A connection from stack 0 to it, established on both sides. */
void duo_connect(struct duo *r, const struct via_tcp_conf *conf, via_sock_t s[2]);

/* Sends up to `n` bytes of the pattern; as via_tcp_send(). */
ssize_t duo_send(struct duo *r, int stack, via_sock_t s, size_t n, unsigned flags);
/* Receives and checks all there is; how much, or what via_tcp_recv() said. */
ssize_t duo_recv(struct duo *r, int stack, via_sock_t s);
/* Carries `n` bytes from `from` to the other side; false: not within `ns`. */
bool duo_carry(struct duo *r, int from, const via_sock_t s[2], uint64_t n, via_ns_t ns);

struct via_tcp_info duo_info(struct duo *r, int stack, via_sock_t s);
/* Events of a stack's set up to now, of this socket: bits, and the last reason. */
unsigned duo_events(struct duo *r, int stack, via_sock_t s, int *reason);
/* A counter of a stack. */
uint64_t duo_stat(struct duo *r, int stack, const char *object, const char *name);
/* Losses and the like on what stack `stack` sends. */
void duo_impair(struct duo *r, int stack, const struct via_impair *imp);

#endif
