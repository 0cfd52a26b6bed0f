/* SPDX-License-Identifier: BSD-2-Clause */
/* Carriers: TCP over a Viaduct stack and over the kernel's sockets. Messages follow each other in one stream. */
#include "pingpong.h"
#include "side_os.h"

#include <errno.h>

struct carrier {
    struct side side;
    uint64_t conn;
    size_t stale; /* bytes of echoes that came too late to count */
};

static struct carrier the_carrier;

static void join_loop(struct pp *pp, struct carrier *c) {
    if (pp->muxer == PP_LIBEV)
        pp_ev_open(pp, pp->mode == PP_OS ? (c->conn ? side_os_fd(c->conn) : c->side.listen_fd) : -1);
}

static void open_side(struct pp *pp) {
    struct carrier *c = pp->carrier = &the_carrier;
    struct side *s = &c->side;
    struct via_ep peer;

    s->os = pp->mode == PP_OS;
    s->host = pp->host;
    s->wait = pp->wait == PP_SPIN ? SIDE_SPIN : pp->wait == PP_SLEEP ? SIDE_SLEEP : SIDE_BUSYPOLL;
    s->events = pp->muxer == PP_EPOLL;
    s->block = s->os && pp->muxer == PP_NONE && pp->wait != PP_SPIN;
    s->quiet = pp->muxer != PP_EPOLL;
    s->timeout = pp->timeout;
    if (pp->server)
        s->quiet = s->block = false;
    side_open(s);
    pp->host = s->host;
    if (pp->server) {
        side_listen(s, pp->port);
    } else {
        peer = tool_ep("--peer", pp->peer, pp->port);
        c->conn = side_connected(s, &peer);
    }
    s->block = s->os && pp->muxer == PP_NONE && pp->wait != PP_SPIN;
    s->quiet = pp->muxer != PP_EPOLL;
    join_loop(pp, c);
}

static bool wait_for_data(struct pp *pp, struct carrier *c, via_ns_t until) {
    return pp->muxer == PP_LIBEV ? pp_ev_wait(pp, until) : side_wait(&c->side, until);
}

/* Receives up to `want` bytes of the echo behind the `got` that are there; false: nothing came. */
static bool take(struct pp *pp, struct carrier *c, size_t *got, size_t want) {
    size_t most = c->stale ? (c->stale < sizeof pp->answer ? c->stale : sizeof pp->answer) : want - *got;
    ssize_t n = side_recv(&c->side, c->conn, pp->answer + (c->stale ? 0 : *got), most);

    if (!n)
        tool_die("the peer has hung up");
    if (n < 0)
        return false;
    if (c->stale)
        c->stale -= (size_t)n;
    else
        *got += (size_t)n;
    return true;
}

/* Sends what there is room for; the echo of the front may come before the end has left. */
static bool ping(struct pp *pp, uint32_t size) {
    struct carrier *c = pp->carrier;
    via_ns_t until = tool_clock() + pp->timeout;
    size_t sent = 0, got = 0;
    ssize_t n;

    while (got < size) {
        if (sent < size && (n = side_send(&c->side, c->conn, pp->message + sent, size - sent)) > 0)
            sent += (size_t)n;
        if (take(pp, c, &got, size) || wait_for_data(pp, c, until))
            continue;
        if (sent < size)
            side_send_all(&c->side, c->conn, pp->message + sent, size - sent);
        c->stale += size - got;
        return false;
    }
    if (!pp_is_echo(pp, pp->answer, got, size))
        tool_die("an echo is not what was sent");
    return true;
}

/* Stack: sends back what is there, from where it lies. False: the end of the stream. */
static bool echo_lent(struct pp *pp, struct carrier *c, bool *any) {
    struct via_stack *st = c->side.host.st;
    struct via_lent lent;
    struct via_seg seg;
    int n = via_zc_recv(st, c->conn, 0, &lent);

    *any = n == 1 || n == -EOPNOTSUPP;
    pp->copy |= n == -EOPNOTSUPP;
    if (n < 0 && n != -EAGAIN && n != -EOPNOTSUPP)
        tool_die_stack(st, n, "receive");
    if (n < 0)
        return true;
    for (seg = lent.seg; lent.bytes; lent.bytes = via_buf_next(st, &seg, &seg) ? 0 : lent.bytes) {
        side_send_all(&c->side, c->conn, seg.data, seg.len);
        lent.bytes -= seg.len;
    }
    if (n == 1)
        via_buf_release(st, &lent.seg.buf, 1);
    return !lent.eof;
}

static bool echo_copied(struct pp *pp, struct carrier *c, bool *any) {
    ssize_t n = side_recv(&c->side, c->conn, pp->answer, sizeof pp->answer);

    *any = n > 0;
    if (n > 0)
        side_send_all(&c->side, c->conn, pp->answer, (size_t)n);
    return n != 0;
}

static void serve_one(struct pp *pp, struct carrier *c) {
    bool any;

    while (!tool_stopped()) {
        if (!(pp->mode == PP_STACK && !pp->copy ? echo_lent(pp, c, &any) : echo_copied(pp, c, &any)))
            return;
        if (!any)
            wait_for_data(pp, c, VIA_NEVER);
    }
}

static void serve(struct pp *pp) {
    struct carrier *c = pp->carrier;
    bool os_loop = pp->muxer == PP_LIBEV && pp->mode == PP_OS;

    do {
        while (!(c->conn = side_accept(&c->side)) && !tool_stopped())
            wait_for_data(pp, c, VIA_NEVER);
        if (!c->conn)
            break;
        if (os_loop) {
            pp_ev_close(pp);
            join_loop(pp, c);
        }
        serve_one(pp, c);
        side_hang_up(&c->side, c->conn, false);
        c->conn = 0;
        if (os_loop) {
            pp_ev_close(pp);
            join_loop(pp, c);
        }
    } while (pp->keep && !tool_stopped());
    if (pp->mode == PP_STACK)
        while (!tool_stopped() && side_wait(&c->side, tool_clock() + 100 * VIA_MS))
            ;
}

/* The last word is the FIN; the server answers with its own. */
static void end(struct pp *pp) {
    struct carrier *c = pp->carrier;
    via_ns_t until = tool_clock() + pp->timeout;

    side_shutdown(&c->side, c->conn);
    while (side_recv(&c->side, c->conn, pp->answer, sizeof pp->answer) != 0)
        if (!wait_for_data(pp, c, until))
            return;
}

static void describe(const struct pp *pp, FILE *f) {
    const struct carrier *c = pp->carrier;

    side_describe(&c->side, f);
    fprintf(f, "# tcp: no delay, %s%s\n", pp->muxer == PP_LIBEV ? "in a libev loop, " : "",
            pp->mode == PP_OS || pp->copy || !pp->server ? "data copied" : "data lent, copied once to be sent");
}

static void close_side(struct pp *pp) {
    struct carrier *c = pp->carrier;

    if (pp->ev)
        pp_ev_close(pp);
    if (c->conn)
        side_hang_up(&c->side, c->conn, false);
    side_close(&c->side);
    pp->host.st = NULL;
}

const struct pp_carrier pp_tcp = {
    .open = open_side, .ping = ping, .serve = serve, .end = end, .describe = describe, .close = close_side};
