/* SPDX-License-Identifier: BSD-2-Clause */
#include "diff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE 400 /* times 10 ms */

/* A program on its way. */
struct play {
    struct diff_wire *w;
    const struct diff_program *p;
    struct diff_trace *t;
    const struct diff_api *api[2];
    void *ctx[2];
    struct half {
        uint64_t sent, read; /* bytes of the connection as it is now */
        bool open, fin, cut; /* cut: what is on its way may be lost */
        bool doomed;         /* it sent to one that is closed: a reset will come */
    } half[2][DIFF_SOCKS];
    bool stuck;
    uint8_t out[DIFF_BYTES + 16], in[DIFF_BYTES + 16];
};

static __attribute__((format(printf, 2, 3))) void say(struct diff_trace *t, const char *fmt, ...) {
    va_list ap;
    int n;

    if (t->room - t->len < 512) {
        t->room = t->room * 2 + 4096;
        t->text = realloc(t->text, t->room);
        if (!t->text)
            abort();
    }
    va_start(ap, fmt);
    n = vsnprintf(t->text + t->len, t->room - t->len, fmt, ap);
    va_end(ap);
    t->len += n > 0 ? (size_t)n : 0;
}

static const char *error_name(int v) {
    return v < 0 ? strerrorname_np(-v) : "";
}

static uint32_t digest(const uint8_t *at, size_t n) {
    uint32_t h = 2166136261u;

    while (n--)
        h = (h ^ *at++) * 16777619u;
    return h;
}

/* An end point as both speak of it: ephemeral ports have no number. */
static void say_ep(struct diff_trace *t, const struct via_ep *e) {
    char text[VIA_ADDR_TEXT];
    bool any = via_addr_is_any(&e->addr);

    say(t, " %s:", any ? "any" : via_addr_text(&e->addr, text));
    if (e->port >= 32768 || !e->port) /* the kernel gives up a port of its own choice when unconnected */
        say(t, "ephemeral");
    else
        say(t, "%u", e->port);
}

static struct via_ep target(const struct play *y, const struct diff_op *op) {
    static const char *const own[2][2] = {{"192.0.2.1", "2001:db8::1"}, {"192.0.2.2", "2001:db8::2"}};
    unsigned other = !op->side;
    struct via_ep e = via_ep_any(y->p->family == 6 ? VIA_AF_6 : VIA_AF_4, diff_port(y->p, other, op->other));

    via_addr_parse(own[other][y->p->family == 6], &e.addr, NULL);
    return e;
}

static void fill(struct play *y, const struct diff_op *op, size_t index, size_t n) {
    for (size_t i = 0; i < n; i++)
        y->out[i] = (uint8_t)(index * 31 + i * (op->sock + 3u) + (i >> 8));
}

/* Errors that came in from outside are told apart from the results of calls. */
static void say_pending(struct play *y, unsigned side) {
    for (unsigned i = 0; i < DIFF_SOCKS; i++) {
        int err = y->api[side]->error(y->ctx[side], i);

        if (err)
            say(y->t, "    %c%u hears %s\n", "SP"[side], i, error_name(err));
    }
}

/* Whether all that `side` has sent on connection `c` is at the other end; what is lost is sent again by itself. */
static bool arrived(struct play *y, unsigned side, unsigned c) {
    const struct half *from = &y->half[side][c], *to = &y->half[!side][c];
    int eof = 0;

    if (from->doomed && from->open && y->api[side]->state(y->ctx[side], c, &eof) % 9)
        return false;
    if (from->cut || to->cut || !to->open)
        return true;
    if (to->read + (uint64_t)y->api[!side]->pending(y->ctx[!side], c) < from->sent)
        return false;
    if (from->fin)
        y->api[!side]->state(y->ctx[!side], c, &eof);
    return !from->fin || eof;
}

static bool all_arrived(struct play *y) {
    for (unsigned side = 0; side < 2; side++)
        for (unsigned c = 1; c < DIFF_SOCKS; c++)
            if (!arrived(y, side, c))
                return false;
    return true;
}

/* Nothing moves any more, and of TCP nothing will by a timer that matters to the application. */
static void settle(struct play *y) {
    unsigned n = 0;

    diff_pump(y->w);
    if (y->p->proto != DIFF_TCP || y->stuck)
        return;
    for (; n < PATIENCE && !all_arrived(y); n++)
        diff_wait(y->w, 10);
    y->stuck = n == PATIENCE;
    if (y->stuck)
        say(y->t, "    what was sent does not arrive\n");
    y->t->waited_ms += n * 10;
}

/* What a call means for what is on its way. */
static void note(struct play *y, const struct diff_op *op, int result) {
    struct half *mine = &y->half[op->side][op->sock], *theirs = &y->half[!op->side][op->sock];

    if (y->p->proto != DIFF_TCP)
        return;
    if (op->verb == OP_CONNECT && !result) {
        *mine = (struct half){.open = true};
        *theirs = (struct half){.open = false};
    } else if (op->verb == OP_ACCEPT && result == 1) {
        y->half[op->side][op->other] = (struct half){.open = true};
    } else if (op->verb == OP_SEND && result > 0) {
        mine->sent += (uint64_t)result;
        mine->doomed |= !theirs->open;
        mine->cut |= mine->doomed;
    } else if (op->verb == OP_RECV && result > 0) {
        mine->read += (uint64_t)result;
    } else if (op->verb == OP_SHUTDOWN && !result) {
        mine->fin = true;
    } else if (op->verb == OP_CLOSE || op->verb == OP_ABORT) {
        mine->cut |= op->verb == OP_ABORT || mine->read < theirs->sent;
        mine->fin = true;
        mine->open = false;
    }
}

static void do_send(struct play *y, const struct diff_op *op, size_t index) {
    struct via_ep to = target(y, op);
    int n;

    fill(y, op, index, (size_t)op->value);
    n = y->api[op->side]->send(y->ctx[op->side], op->sock, y->out, (size_t)op->value,
                               op->verb == OP_SENDTO ? &to : NULL);
    say(y->t, " = %d %s\n", n, error_name(n));
    note(y, op, n);
}

static void do_recv(struct play *y, const struct diff_op *op) {
    struct via_ep from = {0};
    int mark = 0, n = y->api[op->side]->recv(y->ctx[op->side], op->sock, y->in, (size_t)op->value, &from, &mark);

    note(y, op, n);
    say(y->t, " = %d %s", n, error_name(n));
    if (n >= 0) {
        say(y->t, " %08x", digest(y->in, (size_t)(n < op->value ? n : op->value)));
        if (y->p->proto == DIFF_UDP)
            say_ep(y->t, &from);
        if (y->p->proto == DIFF_UDP && op->side == DIFF_P)
            say(y->t, " tos %d ttl %d", mark & 255, mark >> 8);
    }
    say(y->t, "\n");
}

static void do_names(struct play *y, const struct diff_op *op) {
    struct via_ep local = {0}, peer = {0};
    int err = y->api[op->side]->names(y->ctx[op->side], op->sock, &local, &peer);

    say(y->t, " = %d %s", err, error_name(err));
    if (err != -EBADF)
        say_ep(y->t, &local);
    if (!err)
        say_ep(y->t, &peer);
    say(y->t, "\n");
}

/* Whether an ACK of a FIN is there already is a matter of a delay, and what both have closed nobody sees. */
static void do_state(struct play *y, const struct diff_op *op) {
    static const char *const names[] = {"ENDED",    "SYN_SENT",   "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT", "FIN_WAIT",
                                        "CLOSE_WAIT", "ENDED", "ENDED", "ENDED", "LISTEN"};
    int eof = 0, v = y->api[op->side]->state(y->ctx[op->side], op->sock, &eof);

    say(y->t, " = %s\n", v < 0 ? error_name(v) : names[v]);
}

static int simple(struct play *y, const struct diff_op *op) {
    const struct diff_api *a = y->api[op->side];
    void *ctx = y->ctx[op->side];
    struct via_ep to = target(y, op);
    int v = op->value, err;

    switch (op->verb) {
    case OP_OPEN:
        return a->open(ctx, op->sock, op, y->p->family);
    case OP_CLOSE:
        return a->close(ctx, op->sock, false);
    case OP_ABORT:
        return a->close(ctx, op->sock, true);
    case OP_CONNECT:
        return a->connect(ctx, op->sock, &to);
    case OP_UNCONNECT:
        return a->connect(ctx, op->sock, NULL);
    case OP_SETOPT:
        return a->setopt(ctx, op->sock, op->opt, v);
    case OP_GETOPT:
        err = a->getopt(ctx, op->sock, op->opt, &v);
        return err ? err : v;
    case OP_READY:
        return a->ready(ctx, op->sock);
    case OP_LISTEN:
        return a->listen(ctx, op->sock, v);
    case OP_ACCEPT:
        return a->accept(ctx, op->sock, op->other);
    case OP_SHUTDOWN:
        return a->shutdown(ctx, op->sock);
    default:
        return -ENOSYS;
    }
}

static void step(struct play *y, size_t index) {
    const struct diff_op *op = &y->p->op[index];
    char text[128];
    int v;

    /* How much left before a reset is a matter of moments. */
    if (op->verb == OP_ABORT || (op->verb == OP_CLOSE && y->half[op->side][op->sock].read < y->half[!op->side][op->sock].sent))
        settle(y);
    diff_print_op(op, text, sizeof text);
    say(y->t, "%2zu %s", index, text);
    switch (op->verb) {
    case OP_SEND:
    case OP_SENDTO:
        do_send(y, op, index);
        break;
    case OP_RECV:
        do_recv(y, op);
        break;
    case OP_NAMES:
        do_names(y, op);
        break;
    case OP_STATE:
        do_state(y, op);
        break;
    case OP_FAULT:
        diff_wire_fault(y->w, op->dir & 1, op->opt, (uint32_t)op->value);
        say(y->t, "\n");
        break;
    default:
        v = simple(y, op);
        say(y->t, " = %d %s\n", v, error_name(v));
        note(y, op, v);
    }
    if (op->hold)
        return;
    settle(y);
    for (unsigned side = 0; side < 2; side++)
        say_pending(y, side);
}

/* What is left in the sockets belongs to what the application sees; then all are closed. */
static void finish(struct play *y) {
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned i = 0; i < DIFF_SOCKS; i++) {
            struct via_ep from = {0};
            int n, mark = 0, ready = y->api[side]->ready(y->ctx[side], i);

            if (ready < 0)
                continue;
            say(y->t, "end %c%u ready %d", "SP"[side], i, ready);
            while ((n = y->api[side]->recv(y->ctx[side], i, y->in, DIFF_BYTES, &from, &mark)) >= 0) {
                say(y->t, " %d:%08x", n, digest(y->in, (size_t)n));
                if (y->p->proto == DIFF_UDP)
                    say_ep(y->t, &from);
                else if (!n)
                    break;
            }
            say(y->t, " %s\n", error_name(n));
            y->api[side]->close(y->ctx[side], i, false);
        }
    }
    diff_pump(y->w);
}

void diff_run(struct diff_wire *w, const struct diff_program *p, struct diff_trace *t) {
    static _Thread_local struct play y;

    memset(&y, 0, sizeof y);
    y.w = w;
    y.p = p;
    y.t = t;
    y.api[DIFF_P] = &diff_kernel;
    y.ctx[DIFF_P] = w->peer;
    y.api[DIFF_S] = w->stack ? &diff_via : &diff_kernel;
    y.ctx[DIFF_S] = w->stack ? (void *)w->stack : (void *)w->host;
    w->peer->proto = p->proto;
    if (w->stack)
        w->stack->proto = p->proto;
    else
        w->host->proto = p->proto;
    t->len = 0;
    say(t, "%s over IPv%u, seed %llu\n", p->proto == DIFF_UDP ? "udp" : "tcp", p->family, (unsigned long long)p->seed);
    diff_wire_reset(w);
    for (size_t i = 0; i < p->ops; i++)
        step(&y, i);
    finish(&y);
}
