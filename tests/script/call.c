/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs that all sockets have, those of UDP, and looking at the stack. */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static const struct {
    const char *name;
    int value;
} errnames[] = {
    {"EAGAIN", EAGAIN},       {"EBADF", EBADF},           {"EINVAL", EINVAL},         {"EPIPE", EPIPE},
    {"ENOTCONN", ENOTCONN},   {"ECONNREFUSED", ECONNREFUSED}, {"ECONNRESET", ECONNRESET}, {"ETIMEDOUT", ETIMEDOUT},
    {"EADDRINUSE", EADDRINUSE}, {"EHOSTUNREACH", EHOSTUNREACH}, {"ENETUNREACH", ENETUNREACH}, {"EMSGSIZE", EMSGSIZE},
    {"ENOBUFS", ENOBUFS},     {"EPROTO", EPROTO},         {"ECONNABORTED", ECONNABORTED}, {"ENOPROTOOPT", ENOPROTOOPT},
    {"EACCES", EACCES},       {"EDESTADDRREQ", EDESTADDRREQ}, {"EADDRNOTAVAIL", EADDRNOTAVAIL}, {"ENODEV", ENODEV},
    {"EISCONN", EISCONN},     {"EALREADY", EALREADY},     {"ENOENT", ENOENT},         {"ECANCELED", ECANCELED},
    {"ENETDOWN", ENETDOWN},   {"EEXIST", EEXIST},         {"EPERM", EPERM},           {"EAFNOSUPPORT", EAFNOSUPPORT},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

const char *sc_errname(int64_t v) {
    for (unsigned i = 0; v < 0 && i < COUNT(errnames); i++)
        if (errnames[i].value == -v)
            return errnames[i].name;
    return "";
}

int64_t sc_errno(struct sc_run *r) {
    const char *at;
    char name[24];

    sc_more(r);
    at = r->at;
    if (*at == '-' && at[1] == 'E') {
        r->at++;
        sc_name(r, name, sizeof name);
        for (unsigned i = 0; i < COUNT(errnames); i++)
            if (!strcmp(errnames[i].name, name))
                return -errnames[i].value;
        sc_fail(r, "no such error: %s", name);
    }
    return sc_number(r);
}

void sc_result(struct sc_run *r, const char *what, int64_t got, int64_t usual) {
    int64_t want = usual;

    if (sc_take(r, "="))
        want = sc_errno(r);
    if (got != want)
        sc_fail(r, "%s: %lld %s, expected %lld %s", what, (long long)got, sc_errname(got), (long long)want,
                sc_errname(want));
}

void sc_compare_value(struct sc_run *r, const char *what, int64_t got) {
    static const char *const ops[] = {"==", "!=", ">=", "<=", ">", "<", "in"};
    struct sc_range v;
    unsigned op;
    bool ok;

    for (op = 0; op < COUNT(ops) && !sc_take(r, ops[op]); op++)
        ;
    if (op == COUNT(ops))
        sc_fail(r, "expected a comparison at '%s'", r->at);
    if (op == 6) {
        v = sc_range(r);
        ok = sc_in(v, got);
    } else {
        v.lo = v.hi = sc_errno(r);
        ok = op == 0 ? got == v.lo : op == 1 ? got != v.lo : op == 2 ? got >= v.lo : op == 3 ? got <= v.lo : op == 4
                 ? got > v.lo : got < v.lo;
    }
    if (!ok)
        sc_fail(r, "%s is %lld %s, expected %s %lld%s", what, (long long)got, sc_errname(got), ops[op], (long long)v.lo,
                v.hi != v.lo ? " and more" : "");
}

unsigned sc_take_slot(struct sc_run *r) {
    int64_t n;

    if (!sc_take(r, "{"))
        return 1;
    n = sc_number(r);
    sc_need(r, "}");
    if (n < 1 || n > SC_SLOTS)
        sc_fail(r, "{%lld}: conversations have numbers from 1 to %u", (long long)n, SC_SLOTS);
    return (unsigned)n;
}

struct sc_slot *sc_open_slot(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = &r->slot[slot];

    if (!s->sock)
        sc_fail(r, "nothing is open as {%u}", slot);
    return s;
}

void sc_watch(struct sc_run *r, unsigned slot, via_sock_t s) {
    unsigned all = VIA_EV_IN | VIA_EV_SPACE | VIA_EV_ERR | VIA_EV_LINK | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_ACCEPT |
                   VIA_EV_DONE | VIA_EV_TERMINATED;
    int err = via_epoll_ctl(r->set, VIA_EPOLL_ADD, s, all, slot);

    r->slot[slot].sock = s;
    if (err)
        sc_fail(r, "event set: %s", strerror(-err));
}

struct via_ep sc_remote_ep(struct sc_run *r, unsigned slot) {
    struct via_ep e = via_ep_any(r->six ? VIA_AF_6 : VIA_AF_4, r->slot[slot].rport);

    e.addr = r->remote;
    return e;
}

/* ---- events ---- */

static const struct {
    const char *name;
    unsigned bit;
} whats[] = {{"IN", VIA_EV_IN},           {"SPACE", VIA_EV_SPACE},         {"ERR", VIA_EV_ERR},
             {"LINK", VIA_EV_LINK},       {"EOF", VIA_EV_EOF},             {"CONNECTED", VIA_EV_CONNECTED},
             {"ACCEPT", VIA_EV_ACCEPT},   {"DONE", VIA_EV_DONE},           {"TERMINATED", VIA_EV_TERMINATED}};

static void drop_event(struct sc_run *r, unsigned i) {
    memmove(&r->event[i], &r->event[i + 1], (r->events - i - 1) * sizeof *r->event);
    r->events--;
}

void sc_forget_events(struct sc_run *r, unsigned slot, unsigned what) {
    for (unsigned i = 0; i < r->events;) {
        struct sc_event *e = &r->event[i];

        if (e->slot == slot)
            e->ev.what &= (uint16_t)~what;
        if (!e->ev.what)
            drop_event(r, i);
        else
            i++;
    }
}

static const char *event_text(const struct via_event *ev, char *buf, size_t size) {
    size_t n = 0;

    *buf = 0;
    for (unsigned i = 0; i < COUNT(whats); i++)
        if (ev->what & whats[i].bit && n < size)
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? "|" : "", whats[i].name);
    if (n < size)
        snprintf(buf + n, size - n, " bytes %u reason %d %s", ev->bytes, ev->reason, sc_errname(ev->reason));
    return buf;
}

static unsigned take_what(struct sc_run *r) {
    char name[24];
    unsigned bits = 0;

    do {
        sc_name(r, name, sizeof name);
        for (unsigned i = 0; i < COUNT(whats); i++)
            if (!strcmp(whats[i].name, name) || (!strncmp(name, "EV_", 3) && !strcmp(whats[i].name, name + 3)))
                bits |= whats[i].bit;
        if (!bits)
            sc_fail(r, "no such event: %s", name);
    } while (sc_take(r, "|"));
    return bits;
}

static struct sc_event *first_event(struct sc_run *r, unsigned slot, unsigned skip) {
    for (unsigned i = 0; i < r->events; i++)
        if (r->event[i].slot == slot && r->event[i].ev.what & ~skip)
            return &r->event[i];
    return NULL;
}

/* "expect IN 100", "expect ERR -ECONNREFUSED", "expect nothing": the next event of the socket. */
static void verb_expect(struct sc_run *r, unsigned slot) {
    unsigned what, passing = VIA_EV_SPACE | VIA_EV_DONE;
    struct sc_event *e;
    char text[128];

    if (sc_word(r, "listener"))
        slot = 0;
    if (sc_word(r, "nothing")) {
        e = first_event(r, slot, passing);
        if (e)
            sc_fail(r, "an event that is not expected: %s", event_text(&e->ev, text, sizeof text));
        return;
    }
    what = take_what(r);
    e = first_event(r, slot, passing & ~what);
    if (!e)
        sc_fail(r, "no event came");
    if ((e->ev.what & what) != what)
        sc_fail(r, "another event: %s", event_text(&e->ev, text, sizeof text));
    if (sc_more(r)) {
        int64_t want = sc_errno(r), got = what & VIA_EV_IN ? (int64_t)e->ev.bytes : e->ev.reason;

        if (want != got)
            sc_fail(r, "another event: %s", event_text(&e->ev, text, sizeof text));
    }
    e->ev.what &= (uint16_t)~what;
    if (!e->ev.what)
        drop_event(r, (unsigned)(e - r->event));
}

/* ---- UDP ---- */

static void udp_open(struct sc_run *r, unsigned slot) {
    struct via_udp_conf c = VIA_UDP_CONF_INIT;
    struct sc_slot *s = &r->slot[slot];
    struct via_ep local = via_ep_any(r->six ? VIA_AF_6 : VIA_AF_4, s->lport);
    via_sock_t sock = 0;

    if (sc_word(r, "port"))
        local.port = s->lport = (uint16_t)sc_number(r);
    if (sc_word(r, "reuse"))
        c.flags = VIA_UDP_REUSE;
    sc_result(r, "udp open", via_udp_open(r->st, &c, &local, &sock), 0);
    if (sock)
        sc_watch(r, slot, sock);
    s->kind = SC_UDP_SOCK;
    s->open = sock;
}

static void verb_udp(struct sc_run *r, unsigned slot) {
    struct via_ep peer = sc_remote_ep(r, slot);

    slot = slot > 1 ? slot : sc_take_slot(r);
    if (sc_word(r, "open")) {
        udp_open(r, slot);
    } else if (sc_word(r, "connect")) {
        slot = slot > 1 ? slot : sc_take_slot(r);
        sc_result(r, "udp connect", via_udp_connect(r->st, sc_open_slot(r, slot)->sock, &peer), 0);
    } else if (sc_word(r, "disconnect")) {
        sc_result(r, "udp connect", via_udp_connect(r->st, sc_open_slot(r, slot)->sock, NULL), 0);
    } else {
        sc_fail(r, "udp can open, connect, disconnect");
    }
}

static bool is_connected(struct sc_run *r, via_sock_t s) {
    struct via_ep peer;

    return !via_sock_names(r->st, s, NULL, &peer);
}

static void udp_send(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);
    uint32_t n = (uint32_t)sc_number(r);
    uint8_t *bytes = malloc(n + 1u);
    struct iovec iov = {bytes, n};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    int got;

    if (sc_word(r, "df"))
        d.flags = VIA_DGRAM_DF;
    for (uint32_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 7 + n);
    if (!is_connected(r, s->sock) && !sc_word(r, "nowhere"))
        d.peer = sc_remote_ep(r, slot);
    got = via_udp_send(r->st, s->sock, &d, 1, 0);
    free(bytes);
    sc_result(r, "send", got, 1);
}

static void udp_recv(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);
    static _Thread_local uint8_t buf[SC_FRAME];
    int64_t want = sc_more(r) && *r->at != '=' ? sc_number(r) : 0;
    ssize_t got = via_udp_read(r->st, s->sock, buf, sizeof buf, NULL);

    sc_forget_events(r, slot, VIA_EV_IN);
    for (ssize_t i = 0; i < got; i++)
        if (buf[i] != (uint8_t)(i * 7 + got))
            sc_fail(r, "byte %zd of what was received is 0x%02x, not 0x%02x", i, buf[i], (uint8_t)(i * 7 + got));
    sc_result(r, "recv", got, want);
}

/* ---- all sockets ---- */

void sc_tcp_send(struct sc_run *r, unsigned slot);
void sc_tcp_recv(struct sc_run *r, unsigned slot);

static void verb_send(struct sc_run *r, unsigned slot) {
    if (r->slot[slot].kind == SC_UDP_SOCK)
        udp_send(r, slot);
    else
        sc_tcp_send(r, slot);
}

static void verb_recv(struct sc_run *r, unsigned slot) {
    if (r->slot[slot].kind == SC_UDP_SOCK)
        udp_recv(r, slot);
    else
        sc_tcp_recv(r, slot);
}

static void verb_close(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);

    sc_result(r, "close", via_sock_close(r->st, s->sock, 0), 0);
    s->open = false;
}

static const struct {
    const char *name;
    int opt;
} opts[] = {{"rcvbuf", VIA_OPT_RCVBUF}, {"tos", VIA_OPT_TOS},       {"ttl", VIA_OPT_TTL},       {"df", VIA_OPT_DF},
            {"mtu", VIA_OPT_MTU},       {"reason", VIA_OPT_REASON}, {"queued", VIA_OPT_QUEUED}, {"broadcast", VIA_OPT_BROADCAST}};

int sc_tcp_opt(const char *name);

static int take_opt(struct sc_run *r, char *name, size_t size) {
    int opt;

    sc_name(r, name, size);
    for (unsigned i = 0; i < COUNT(opts); i++)
        if (!strcmp(opts[i].name, name))
            return opts[i].opt;
    opt = sc_tcp_opt(name);
    if (!opt)
        sc_fail(r, "no such option: %s", name);
    return opt;
}

static void verb_setopt(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);
    char name[24], text[24];
    int opt = take_opt(r, name, sizeof name), value;

    if (!strcmp(name, "cc")) {
        sc_name(r, text, sizeof text);
        sc_result(r, name, via_sock_setopt(r->st, s->sock, opt, text, strlen(text)), 0);
        return;
    }
    value = (int)sc_number(r);
    sc_result(r, name, via_sock_setopt(r->st, s->sock, opt, &value, sizeof value), 0);
}

static void verb_getopt(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);
    char name[24];
    int opt = take_opt(r, name, sizeof name), value = 0, err;
    size_t n = sizeof value;

    err = via_sock_getopt(r->st, s->sock, opt, &value, &n);
    sc_compare_value(r, name, err < 0 ? err : value);
}

/* ---- the stack ---- */

struct sought {
    const char *object, *name;
    uint64_t value;
    bool found;
};

static int seek(const struct via_stat *v, void *arg) {
    struct sought *s = arg;

    if (!strcmp(v->object, s->object) && !strcasecmp(v->name, s->name)) {
        s->value += v->value;
        s->found = true;
    }
    return 0;
}

static int64_t counter(struct sc_run *r, const char *object, const char *name) {
    struct sought s = {object, name, 0, false};

    via_stats_walk(r->st, seek, &s);
    if (!s.found)
        sc_fail(r, "no counter %s of %s", name, object);
    return (int64_t)s.value;
}

/* "drops udp_checksum == 1", "stat stack.rx >= 3" */
static void verb_drops(struct sc_run *r, unsigned slot) {
    char name[48];

    (void)slot;
    sc_name(r, name, sizeof name);
    sc_compare_value(r, name, counter(r, "drop", name));
}

static void verb_stat(struct sc_run *r, unsigned slot) {
    char object[64], *dot;

    (void)slot;
    sc_name(r, object, sizeof object);
    dot = strchr(object, '.');
    if (!dot)
        sc_fail(r, "a counter is object.name");
    *dot = 0;
    sc_compare_value(r, dot + 1, counter(r, object, dot + 1));
}

/* "nothing": no packet of ours is left that no line asked for. Time does not move. */
static void verb_nothing(struct sc_run *r, unsigned slot) {
    char text[1024];

    (void)slot;
    if (r->queue_n)
        sc_relative(r, sc_next(r));
    if (r->queue_n)
        sc_fail(r, "a packet that nobody asked for: %s", sc_show(r, sc_next(r), text, sizeof text));
}

/* "skip 3", "skip all": packets of ours that do not matter. */
static void verb_skip(struct sc_run *r, unsigned slot) {
    int64_t n;

    (void)slot;
    n = sc_word(r, "all") ? r->queue_n : sc_number(r);
    if (n > r->queue_n)
        sc_fail(r, "only %u packets are there", r->queue_n);
    while (n--)
        sc_pop(r);
}

static void verb_let(struct sc_run *r, unsigned slot) {
    char name[24];

    (void)slot;
    sc_name(r, name, sizeof name);
    sc_need(r, "=");
    sc_set_var(r, name, sc_number(r));
}

static void verb_hold(struct sc_run *r, unsigned slot) {
    (void)slot;
    r->held = true;
}

static void verb_release(struct sc_run *r, unsigned slot) {
    (void)slot;
    r->held = false;
}

static void verb_wait(struct sc_run *r, unsigned slot) {
    (void)r, (void)slot;
}

/* "again {1}": the same ports, a new conversation with other initial numbers. */
static void verb_again(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = &r->slot[slot];

    s->ours_known = s->ts_known = false;
    s->theirs += sc_word(r, "lower") ? 0x80000000u : 0x00100000u;
    s->sent = s->read = 0;
}

static void verb_port(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = &r->slot[slot];

    if (sc_word(r, "local"))
        s->lport = (uint16_t)sc_number(r);
    else if (sc_word(r, "peer"))
        s->rport = (uint16_t)sc_number(r);
    else
        sc_fail(r, "port local N or port peer N");
}

/* "route mtu 1400": a host route to the peer with that MTU. */
static void verb_route(struct sc_run *r, unsigned slot) {
    struct via_route t = {.iface = 1, .dst = r->remote, .prefix = r->six ? 128 : 32, .family = r->six ? VIA_AF_6 : VIA_AF_4};

    (void)slot;
    if (!sc_word(r, "mtu"))
        sc_fail(r, "route mtu N");
    t.mtu = (uint32_t)sc_number(r);
    sc_result(r, "route", via_ctrl_route(r->st, VIA_CTRL_ADD, &t), 0);
}

const struct sc_verb sc_verbs[] = {
    {"expect", verb_expect}, {"udp", verb_udp},       {"send", verb_send},   {"recv", verb_recv},   {"close", verb_close},
    {"setopt", verb_setopt}, {"getopt", verb_getopt}, {"drops", verb_drops}, {"stat", verb_stat},   {"nothing", verb_nothing},
    {"skip", verb_skip},     {"let", verb_let},       {"hold", verb_hold},   {"release", verb_release}, {"wait", verb_wait},
    {"again", verb_again},   {"port", verb_port},     {"route", verb_route}, {NULL, NULL},
};
