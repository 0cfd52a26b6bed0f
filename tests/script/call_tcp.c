/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs of TCP. */
#include "script.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <viaduct/listener.h>
#include <viaduct/tcp.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

const bool sc_has_tcp = true;

void sc_tcp_send(struct sc_run *r, unsigned slot);
void sc_tcp_recv(struct sc_run *r, unsigned slot);
int sc_tcp_opt(const char *name);

static const struct {
    const char *name;
    int opt;
} opts[] = {
    {"nodelay", VIA_OPT_NODELAY},       {"cork", VIA_OPT_CORK},         {"quickack", VIA_OPT_QUICKACK},
    {"keepalive", VIA_OPT_KEEPALIVE},   {"keepidle", VIA_OPT_KEEP_IDLE}, {"keepintvl", VIA_OPT_KEEP_INTERVAL},
    {"keepcnt", VIA_OPT_KEEP_COUNT},    {"usertimeout", VIA_OPT_USER_TIMEOUT}, {"linger", VIA_OPT_LINGER},
    {"cc", VIA_OPT_CC},                 {"sndbuf", VIA_OPT_SNDBUF},     {"rcvbytes", VIA_OPT_RCVBUF_BYTES},
    {"mss", VIA_OPT_MSS},               {"state", VIA_OPT_STATE},
};

int sc_tcp_opt(const char *name) {
    for (unsigned i = 0; i < COUNT(opts); i++)
        if (!strcmp(opts[i].name, name))
            return opts[i].opt;
    return 0;
}

/* ---- open ---- */

static uint32_t conf_flag(struct sc_run *r) {
    if (sc_word(r, "nodelay"))
        return VIA_TCP_NODELAY;
    if (sc_word(r, "keepalive"))
        return VIA_TCP_KEEPALIVE;
    if (sc_word(r, "reuse"))
        return VIA_TCP_REUSE;
    if (sc_word(r, "v6only"))
        return VIA_TCP_V6ONLY;
    return 0;
}

static const char *cc_name(struct sc_run *r) {
    static _Thread_local char name[24];

    sc_name(r, name, sizeof name);
    return name;
}

/* "listen backlog 2 cookies 3 nodelay" */
static void verb_listen(struct sc_run *r, unsigned slot) {
    struct via_listen_conf c = VIA_LISTEN_CONF_INIT;
    struct sc_slot *s = &r->slot[slot];
    struct via_ep local = via_ep_any(r->six ? VIA_AF_6 : VIA_AF_4, s->lport);
    via_sock_t sock = 0;
    uint32_t flag;

    while (sc_more(r) && *r->at != '=') {
        if ((flag = conf_flag(r)))
            c.flags |= flag;
        else if (sc_word(r, "fastopen"))
            c.fast_open = (uint32_t)sc_number(r);
        else if (sc_word(r, "backlog"))
            c.backlog = (uint32_t)sc_number(r);
        else if (sc_word(r, "cookies"))
            c.cookies = (uint32_t)sc_number(r);
        else if (sc_word(r, "defer"))
            c.defer = 1;
        else if (sc_word(r, "sndbuf"))
            c.sndbuf = (uint32_t)sc_number(r);
        else if (sc_word(r, "rcvbuf"))
            c.rcvbuf = (uint32_t)sc_number(r);
        else if (sc_word(r, "tos"))
            c.tos = (uint32_t)sc_number(r);
        else if (sc_word(r, "ttl"))
            c.ttl = (uint32_t)sc_number(r);
        else if (sc_word(r, "port"))
            local.port = (uint16_t)sc_number(r);
        else if (sc_word(r, "dual"))
            local.family = VIA_AF_ANY;
        else if (sc_word(r, "local"))
            local.addr = r->local;
        else if (sc_word(r, "cc"))
            c.cc = cc_name(r);
        else
            sc_fail(r, "listen: '%s'?", r->at);
    }
    sc_result(r, "listen", via_listen(r->st, &c, &local, &sock), 0);
    r->listener = sock;
    if (sock && via_epoll_ctl(r->set, VIA_EPOLL_ADD, sock, VIA_EV_ACCEPT | VIA_EV_ERR | VIA_EV_LINK, 0))
        sc_fail(r, "event set");
}

static void take_connect(struct sc_run *r, struct via_tcp_conf *c, struct via_ep *local, struct via_ep *peer) {
    uint32_t flag;

    while (sc_more(r) && *r->at != '=') {
        if ((flag = conf_flag(r)))
            c->flags |= flag;
        else if (sc_word(r, "sndbuf"))
            c->sndbuf = (uint32_t)sc_number(r);
        else if (sc_word(r, "rcvbuf"))
            c->rcvbuf = (uint32_t)sc_number(r);
        else if (sc_word(r, "usertimeout"))
            c->user_timeout = sc_seconds(r);
        else if (sc_word(r, "fastopen"))
            c->flags |= VIA_TCP_FAST_OPEN;
        else if (sc_word(r, "tos"))
            c->tos = (uint32_t)sc_number(r);
        else if (sc_word(r, "ttl"))
            c->ttl = (uint32_t)sc_number(r);
        else if (sc_word(r, "port"))
            local->port = (uint16_t)sc_number(r);
        else if (sc_word(r, "itself"))
            *peer = (struct via_ep){.addr = r->local, .port = local->port, .family = peer->family};
        else if (sc_word(r, "cc"))
            c->cc = cc_name(r);
        else
            sc_fail(r, "connect: '%s'?", r->at);
    }
}

static void verb_connect(struct sc_run *r, unsigned slot) {
    struct via_tcp_conf c = VIA_TCP_CONF_INIT;
    struct sc_slot *s = &r->slot[slot];
    struct via_ep peer = sc_remote_ep(r, slot), local = via_ep_any(r->six ? VIA_AF_6 : VIA_AF_4, 0), own;
    via_sock_t sock = 0;

    take_connect(r, &c, &local, &peer);
    sc_result(r, "connect", via_tcp_connect(r->st, &c, &local, &peer, &sock), 0);
    if (!sock)
        return;
    s->kind = SC_TCP_SOCK;
    s->open = true;
    s->lport = via_sock_names(r->st, sock, &own, NULL) ? 0 : own.port;
    sc_watch(r, slot, sock);
}

/* "accept", "accept {2}", "accept = -EAGAIN": the next one, which must be the conversation named. */
static void verb_accept(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = &r->slot[slot];
    struct via_accepted a = {0};
    int got = via_accept(r->st, r->listener, &a, 1);

    sc_result(r, "accept", got, 1);
    if (got != 1)
        return;
    if (a.peer.port != s->rport || a.local.port != s->lport || !via_addr_eq(&a.peer.addr, &r->remote))
        sc_fail(r, "accept: port %u to %u came, expected %u to %u", a.peer.port, a.local.port, s->rport, s->lport);
    s->kind = SC_TCP_SOCK;
    s->open = true;
    sc_watch(r, slot, a.sock);
}

static void verb_unlisten(struct sc_run *r, unsigned slot) {
    (void)slot;
    sc_result(r, "unlisten", via_sock_close(r->st, r->listener, 0), 0);
}

/* ---- data ---- */

/* "send 1000 more", "send 5000 all = -EAGAIN", "send 5000 = 3000"; "any" takes what fits. */
void sc_tcp_send(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);
    uint32_t n = (uint32_t)sc_number(r);
    uint8_t *bytes = malloc(n + 1u);
    struct iovec iov = {bytes, n};
    unsigned flags = 0;
    bool any = false;
    ssize_t got;

    while (sc_more(r) && *r->at != '=') {
        if (sc_word(r, "more"))
            flags |= VIA_MORE;
        else if (sc_word(r, "all"))
            flags |= VIA_ALL;
        else if (sc_word(r, "any"))
            any = true;
        else
            sc_fail(r, "send: '%s'?", r->at);
    }
    for (uint32_t i = 0; i < n; i++)
        bytes[i] = sc_pattern(s->sent + i);
    got = via_tcp_send(r->st, s->sock, &iov, 1, flags);
    free(bytes);
    s->sent += got > 0 ? (uint64_t)got : 0;
    sc_result(r, "send", got, any && got > 0 ? got : n);
}

/* "recv 100" asks for 100 and wants them; "recv 2000 = 100" wants fewer; "recv = 0" asks for 64 KiB. */
void sc_tcp_recv(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);
    static _Thread_local uint8_t buf[1 << 20];
    bool sized = sc_more(r) && *r->at != '=' && strncmp(r->at, "peek", 4);
    int64_t n = sized ? sc_number(r) : 65536;
    bool peek = sc_word(r, "peek");
    ssize_t got;

    if (n > (int64_t)sizeof buf)
        n = sizeof buf;
    got = via_tcp_recv(r->st, s->sock, buf, (size_t)n, peek ? VIA_PEEK : 0);
    if (!peek)
        sc_forget_events(r, slot, VIA_EV_IN);
    for (ssize_t i = 0; i < got; i++)
        if (buf[i] != sc_pattern(s->read + (uint64_t)i))
            sc_fail(r, "byte %llu of the stream is 0x%02x, not 0x%02x", (unsigned long long)s->read + (uint64_t)i, buf[i],
                    sc_pattern(s->read + (uint64_t)i));
    if (!peek && got > 0)
        s->read += (uint64_t)got;
    sc_result(r, "recv", got, n);
}

static void verb_shutdown(struct sc_run *r, unsigned slot) {
    sc_result(r, "shutdown", via_tcp_shutdown(r->st, sc_open_slot(r, slot)->sock), 0);
}

static void verb_abort(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);

    sc_result(r, "abort", via_sock_close(r->st, s->sock, VIA_ABORT), 0);
    s->open = false;
}

static void verb_space(struct sc_run *r, unsigned slot) {
    size_t now = 0, burst = 0;
    bool of_burst = sc_word(r, "burst");
    int err = via_tcp_space(r->st, sc_open_slot(r, slot)->sock, &now, &burst);

    sc_compare_value(r, "space", err < 0 ? err : (int64_t)(of_burst ? burst : now));
}

static void verb_want_space(struct sc_run *r, unsigned slot) {
    size_t n = (size_t)sc_number(r);

    sc_result(r, "want_space", via_tcp_want_space(r->st, sc_open_slot(r, slot)->sock, n), 0);
}

/* ---- looking inside ---- */

#define F(name) {#name, offsetof(struct via_tcp_info, name), sizeof(((struct via_tcp_info *)0)->name)}
static const struct {
    const char *name;
    size_t at, size;
} fields[] = {
    F(state),      F(phase),        F(options),      F(snd_wscale),   F(rcv_wscale),   F(backoff),       F(fin_sent),
    F(fin_received), F(rtt),        F(rtt_var),      F(rtt_min),      F(rto),          F(mss),           F(peer_mss),
    F(pmtu),       F(cwnd),         F(ssthresh),     F(flight),       F(pipe),         F(lost),          F(sacked),
    F(snd_wnd),    F(rcv_wnd),      F(snd_buf),      F(snd_queued),   F(snd_unsent),   F(rcv_buf),       F(rcv_queued),
    F(rcv_ahead),  F(bytes_sent),   F(bytes_acked),  F(bytes_received), F(bytes_resent), F(segs_sent),   F(segs_received),
    F(segs_resent), F(duplicates),  F(recoveries),   F(timeouts),     F(probes),       F(undone),        F(reordered),
    F(ecn_marks),  F(limited_rwnd), F(limited_cwnd), F(limited_ring), F(limited_app),
    F(limited_pacing), F(pacing_rate),
};

static int64_t field(struct sc_run *r, unsigned slot, const char *name) {
    struct via_tcp_info info = VIA_TCP_INFO_INIT;
    int err = via_tcp_info(r->st, sc_open_slot(r, slot)->sock, &info);
    uint64_t v = 0;

    if (err)
        sc_fail(r, "info: %s", strerror(-err));
    if (!strcmp(name, "reason"))
        return info.reason;
    if (!strcmp(name, "cwnd_packets"))
        return info.cwnd / (info.mss ? info.mss : 1);
    for (unsigned i = 0; i < COUNT(fields); i++) {
        if (strcmp(fields[i].name, name))
            continue;
        memcpy(&v, (const char *)&info + fields[i].at, fields[i].size);
        return (int64_t)v;
    }
    sc_fail(r, "info has no '%s'", name);
}

static const char *const states[] = {"CLOSED",     "SYN_SENT",   "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1",
                                     "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",      "LAST_ACK",    "TIME_WAIT"};

/* "state ESTABLISHED" */
static void verb_state(struct sc_run *r, unsigned slot) {
    char name[24];
    int64_t got = field(r, slot, "state");

    sc_name(r, name, sizeof name);
    if (got < 0 || got >= (int64_t)COUNT(states) || strcmp(states[got], name))
        sc_fail(r, "the state is %s", got >= 0 && got < (int64_t)COUNT(states) ? states[got] : "unknown");
}

/* "info cwnd == 10000, rto in 200~300", and "info x = cwnd" keeps a value for later. */
static void verb_info(struct sc_run *r, unsigned slot) {
    char name[24], from[24];

    do {
        sc_name(r, name, sizeof name);
        if (sc_more(r) && *r->at == '=' && r->at[1] != '=') {
            r->at++;
            sc_name(r, from, sizeof from);
            sc_set_var(r, name, field(r, slot, from));
        } else {
            sc_compare_value(r, name, field(r, slot, name));
        }
    } while (sc_take(r, ","));
}

/* Reads and checks all that there is, whatever it is. */
static void verb_drain(struct sc_run *r, unsigned slot) {
    struct sc_slot *s = sc_open_slot(r, slot);
    static _Thread_local uint8_t buf[65536];
    ssize_t got;

    sc_forget_events(r, slot, VIA_EV_IN);
    while ((got = via_tcp_recv(r->st, s->sock, buf, sizeof buf, 0)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            if (buf[i] != sc_pattern(s->read + (uint64_t)i))
                sc_fail(r, "byte %llu of the stream is wrong", (unsigned long long)s->read + (uint64_t)i);
        s->read += (uint64_t)got;
    }
    if (sc_more(r))
        sc_compare_value(r, "bytes read so far", (int64_t)s->read);
}

const struct sc_verb sc_tcp_verbs[] = {
    {"listen", verb_listen},     {"unlisten", verb_unlisten}, {"connect", verb_connect}, {"accept", verb_accept},
    {"shutdown", verb_shutdown}, {"abort", verb_abort},       {"space", verb_space},     {"want_space", verb_want_space},
    {"info", verb_info},         {"state", verb_state},       {"drain", verb_drain},     {NULL, NULL},
};
