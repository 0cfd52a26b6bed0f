/* SPDX-License-Identifier: BSD-2-Clause */
#include "diff.h"

#include <stdio.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Numbers from a seed (SplitMix64). */
static uint64_t draw(uint64_t *s) {
    uint64_t z = *s += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t below(uint64_t *s, uint32_t n) {
    return (uint32_t)(draw(s) % n);
}

static bool chance(uint64_t *s, uint32_t percent) {
    return below(s, 100) < percent;
}

/* 65,507 bytes are the most that Viaduct sends over either family; the kernel sends 65,527 over IPv6. */
static int32_t udp_size(uint64_t *s, uint8_t family) {
    switch (below(s, 10)) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return (int32_t)(1400 + below(s, 140)); /* around the MTU */
    case 3:
        return (int32_t)below(s, 10000);
    case 4:
        return (int32_t)(65000 + below(s, family == 6 ? 508 : 536)); /* around the longest */
    default:
        return (int32_t)below(s, 1400);
    }
}

struct maker {
    struct diff_program *p;
    uint64_t rand;
    bool open[2][DIFF_SOCKS];
    bool shut[2][DIFF_SOCKS], used[2][DIFF_SOCKS];
    uint32_t unread[2][DIFF_SOCKS];
    uint8_t where[2][DIFF_SOCKS]; /* by port */
};

static struct diff_op *add(struct maker *m, uint8_t verb, uint8_t side, uint8_t sock) {
    struct diff_op *op = &m->p->op[m->p->ops < DIFF_OPS ? m->p->ops++ : DIFF_OPS - 1];

    memset(op, 0, sizeof *op);
    op->verb = verb;
    op->side = side;
    op->sock = sock;
    return op;
}

/* Each program has ports of its own: what a former one left in TIME_WAIT does not matter. */
uint16_t diff_port(const struct diff_program *p, unsigned side, unsigned sock) {
    return (uint16_t)(5000u + p->seed % 3000u * 8u + side * 4u + sock);
}

static uint8_t draw_where(struct maker *m) {
    return chance(&m->rand, 60) ? AT_ANY : chance(&m->rand, 70) ? AT_OWN : chance(&m->rand, 50) ? AT_DUAL : AT_FOREIGN;
}

static void add_open(struct maker *m, uint8_t side, uint8_t sock) {
    struct diff_op *op = add(m, OP_OPEN, side, sock);

    op->port = chance(&m->rand, 85) ? diff_port(m->p, side, sock) : chance(&m->rand, 50) ? 0 : diff_port(m->p, side, 0);
    op->where = draw_where(m);
    /* End points of different width at one port are an intended difference. */
    if (op->port)
        op->where = m->where[side][op->port == diff_port(m->p, side, sock) ? sock : 0];
    m->open[side][sock] = true;
}

static void add_option(struct maker *m, uint8_t side, uint8_t sock) {
    static const struct {
        uint8_t opt;
        int32_t value[4];
    } some[] = {{DO_TOS, {0, 0xb8, 0x10, 0xff}}, {DO_TTL, {1, 64, 255, 256}}, {DO_DF, {0, 1, 1, 0}}, {DO_BROADCAST, {0, 1, 1, 0}}};
    unsigned i = below(&m->rand, COUNT(some));
    struct diff_op *op = add(m, chance(&m->rand, 70) ? OP_SETOPT : OP_GETOPT, side, sock);

    op->opt = some[i].opt;
    op->value = some[i].value[below(&m->rand, 4)];
}

static void add_fault(struct maker *m) {
    struct diff_op *op = add(m, OP_FAULT, 0, 0);

    op->opt = (uint8_t)(FAULT_DROP + below(&m->rand, FAULT_COUNT - FAULT_DROP));
    op->dir = (uint8_t)below(&m->rand, 2);
    op->value = (int32_t)below(&m->rand, 4);
}

static void udp_step(struct maker *m) {
    uint8_t side = (uint8_t)chance(&m->rand, 40), sock = (uint8_t)below(&m->rand, DIFF_SOCKS);
    uint32_t pick = below(&m->rand, 100);
    struct diff_op *op;

    if (!m->open[side][sock]) {
        add_open(m, side, sock);
    } else if (pick < 30) {
        op = add(m, OP_SENDTO, side, sock);
        op->other = (uint8_t)below(&m->rand, DIFF_SOCKS);
        op->value = udp_size(&m->rand, m->p->family);
    } else if (pick < 42) {
        op = add(m, OP_SEND, side, sock);
        op->value = udp_size(&m->rand, m->p->family);
    } else if (pick < 64) {
        op = add(m, OP_RECV, side, sock);
        op->value = chance(&m->rand, 70) ? DIFF_BYTES : (int32_t)below(&m->rand, 2000);
    } else if (pick < 74) {
        op = add(m, OP_CONNECT, side, sock);
        op->other = (uint8_t)below(&m->rand, DIFF_SOCKS);
    } else if (pick < 78) {
        add(m, OP_UNCONNECT, side, sock);
    } else if (pick < 85) {
        add_option(m, side, sock);
    } else if (pick < 88) {
        add(m, OP_NAMES, side, sock);
    } else if (pick < 92) {
        add(m, OP_READY, side, sock);
    } else if (pick < 96) {
        add_fault(m);
    } else {
        add(m, OP_CLOSE, side, sock);
        m->open[side][sock] = false;
    }
}

static void generate_udp(struct maker *m) {
    uint32_t n = 12 + below(&m->rand, DIFF_OPS - 12);

    for (uint8_t i = 0; i < 2 * DIFF_SOCKS; i++)
        m->where[i / DIFF_SOCKS][i % DIFF_SOCKS] = draw_where(m);
    for (uint8_t side = 0; side < 2; side++)
        for (uint8_t i = 0; i < 2; i++)
            add_open(m, side, i);
    while (m->p->ops < n)
        udp_step(m);
}

/* Connection `c` is socket `c` of either side; socket 0 of both listens. */
static void add_connection(struct maker *m, uint8_t c) {
    uint8_t side = (uint8_t)below(&m->rand, 2);
    struct diff_op *op = add(m, OP_OPEN, side, c);

    /* The same pair of ends again, while the former connection may be in TIME_WAIT, is an intended difference. */
    op->port = !m->used[side][c] && chance(&m->rand, 50) ? diff_port(m->p, side, c) : 0;
    m->used[side][c] = true;
    op->where = chance(&m->rand, 70) ? AT_ANY : AT_OWN;
    add(m, OP_CONNECT, side, c);
    add(m, OP_ACCEPT, !side, 0)->other = c;
    for (uint8_t i = 0; i < 2; i++) {
        m->open[i][c] = true;
        m->shut[i][c] = false;
        m->unread[i][c] = 0;
        if (chance(&m->rand, 85)) {
            op = add(m, OP_SETOPT, i, c);
            op->opt = DO_NODELAY;
            op->value = 1;
        }
    }
}

/* Nobody listens there. */
static void add_refused(struct maker *m, uint8_t c) {
    uint8_t side = (uint8_t)below(&m->rand, 2);

    add(m, OP_OPEN, side, c);
    add(m, OP_CONNECT, side, c)->other = c;
    add(m, OP_RECV, side, c)->value = 100;
    add(m, OP_SEND, side, c)->value = 100;
    add(m, OP_CLOSE, side, c);
}

static int32_t tcp_size(struct maker *m) {
    uint32_t pick = below(&m->rand, 10);

    return (int32_t)(pick < 5 ? 1 + below(&m->rand, 200) : pick < 9 ? 1 + below(&m->rand, 3000) : 1 + below(&m->rand, 60000));
}

static void tcp_data(struct maker *m, uint8_t side, uint8_t c, bool sends) {
    struct diff_op *op = add(m, sends ? OP_SEND : OP_RECV, side, c);

    op->value = sends ? tcp_size(m) : chance(&m->rand, 50) ? DIFF_BYTES : 1 + (int32_t)below(&m->rand, 4000);
    if (sends)
        m->unread[!side][c] += (uint32_t)op->value;
    else
        m->unread[side][c] -= (uint32_t)op->value < m->unread[side][c] ? (uint32_t)op->value : m->unread[side][c];
}

static void tcp_end(struct maker *m, uint8_t side, uint8_t c) {
    uint32_t pick = below(&m->rand, 10);

    if (pick < 5 && !m->shut[side][c]) {
        add(m, OP_SHUTDOWN, side, c);
        m->shut[side][c] = true;
    } else {
        add(m, pick < 8 ? OP_CLOSE : OP_ABORT, side, c);
        m->open[side][c] = false;
    }
}

static void tcp_step(struct maker *m) {
    uint8_t side = (uint8_t)below(&m->rand, 2), c = (uint8_t)(1 + below(&m->rand, DIFF_SOCKS - 1));
    uint32_t pick = below(&m->rand, 100), at;

    if (!m->open[side][c]) {
        if (!m->open[!side][c] && chance(&m->rand, 40)) {
            if (chance(&m->rand, 10))
                add_refused(m, c);
            else
                add_connection(m, c);
        }
        return;
    }
    at = m->p->ops;
    if (pick < 38)
        tcp_data(m, side, c, m->unread[!side][c] < 120000);
    else if (pick < 68)
        tcp_data(m, side, c, false);
    else if (pick < 76)
        tcp_end(m, side, c);
    else if (pick < 84)
        add(m, OP_STATE, side, c);
    else if (pick < 90)
        add(m, OP_READY, side, c);
    else if (pick < 93)
        add(m, OP_NAMES, side, c);
    else if (pick < 95)
        add(m, OP_GETOPT, side, c)->opt = chance(&m->rand, 50) ? DO_NODELAY : DO_KEEPALIVE;
    else if (pick < 97)
        add(m, OP_SETOPT, side, c)->opt = DO_KEEPALIVE;
    else
        add_fault(m);
    /* Only what sends crosses; what is read next would depend on which came first. */
    if (pick < 38 || (pick >= 68 && pick < 76))
        m->p->op[at].hold = chance(&m->rand, 20);
}

static void generate_tcp(struct maker *m) {
    uint32_t n = 16 + below(&m->rand, DIFF_OPS - 28);

    for (uint8_t side = 0; side < 2; side++) {
        struct diff_op *op = add(m, OP_OPEN, side, 0);

        op->port = diff_port(m->p, side, 0);
        op->where = chance(&m->rand, 70) ? AT_ANY : AT_OWN;
        add(m, OP_LISTEN, side, 0)->value = 8;
    }
    add_connection(m, 1);
    while (m->p->ops < n)
        tcp_step(m);
}

void diff_generate(struct diff_program *p, uint64_t seed, enum diff_proto proto) {
    struct maker m = {.p = p, .rand = seed * 2 + (proto == DIFF_TCP)};

    memset(p, 0, sizeof *p);
    p->seed = seed;
    p->proto = (uint8_t)proto;
    p->family = chance(&m.rand, 50) ? 6 : 4;
    if (proto == DIFF_UDP)
        generate_udp(&m);
    else
        generate_tcp(&m);
}

/* ---- text ---- */

static const char *const verbs[] = {[OP_OPEN] = "open",       [OP_CLOSE] = "close",   [OP_CONNECT] = "connect",
                                    [OP_UNCONNECT] = "unconnect", [OP_SEND] = "send", [OP_SENDTO] = "sendto",
                                    [OP_RECV] = "recv",       [OP_SETOPT] = "setopt", [OP_GETOPT] = "getopt",
                                    [OP_NAMES] = "names",     [OP_READY] = "ready",   [OP_LISTEN] = "listen",
                                    [OP_ACCEPT] = "accept",   [OP_SHUTDOWN] = "shutdown", [OP_ABORT] = "abort",
                                    [OP_STATE] = "state",     [OP_FAULT] = "fault",   [OP_WAIT] = "wait"};

/* "S1 sendto other=2 value=100": all that is not 0. */
void diff_print_op(const struct diff_op *op, char *buf, size_t size) {
    int n = snprintf(buf, size, "%c%u %s", "SP"[op->side & 1], op->sock, verbs[op->verb]);
    const struct {
        const char *name;
        int32_t v;
    } rest[] = {{"other", op->other}, {"where", op->where}, {"opt", op->opt},
                {"dir", op->dir},     {"port", op->port},   {"value", op->value},
                {"hold", op->hold}};

    for (unsigned i = 0; i < COUNT(rest) && n > 0 && (size_t)n < size; i++)
        if (rest[i].v)
            n += snprintf(buf + n, size - (size_t)n, " %s=%d", rest[i].name, rest[i].v);
}

static void set_field(struct diff_op *op, const char *name, int v) {
    if (!strcmp(name, "other"))
        op->other = (uint8_t)v;
    else if (!strcmp(name, "where"))
        op->where = (uint8_t)v;
    else if (!strcmp(name, "opt"))
        op->opt = (uint8_t)v;
    else if (!strcmp(name, "dir"))
        op->dir = (uint8_t)v;
    else if (!strcmp(name, "port"))
        op->port = (uint16_t)v;
    else if (!strcmp(name, "value"))
        op->value = v;
    else if (!strcmp(name, "hold"))
        op->hold = (uint8_t)v;
}

bool diff_parse_op(struct diff_op *op, const char *text) {
    char side, word[16], name[16];
    unsigned sock;
    int used, v;

    memset(op, 0, sizeof *op);
    if (sscanf(text, " %c%u %15s%n", &side, &sock, word, &used) != 3 || sock >= DIFF_SOCKS || (side != 'S' && side != 'P'))
        return false;
    op->side = side == 'P';
    op->sock = (uint8_t)sock;
    for (unsigned i = 1; i < COUNT(verbs); i++)
        if (verbs[i] && !strcmp(verbs[i], word))
            op->verb = (uint8_t)i;
    for (text += used; sscanf(text, " %15[a-z]=%d%n", name, &v, &used) == 2; text += used)
        set_field(op, name, v);
    return op->verb;
}
