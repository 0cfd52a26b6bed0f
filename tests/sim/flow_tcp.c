/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow.h"

#include <errno.h>
#include <stdlib.h>
#include <viaduct/listener.h>
#include <viaduct/tcp.h>

#define CHUNK 65536u
#define CYCLE 251u
#define BUFFER (4u << 20) /* more than any of the links needs */

const bool flow_has_tcp = true;

/* Bytes of a stream repeat every 251: what belongs at `pos` begins at that remainder. */
static const uint8_t *stream(uint64_t pos) {
    static _Thread_local uint8_t bytes[CHUNK + CYCLE];

    if (!bytes[1])
        for (unsigned i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(i % CYCLE);
    return bytes + pos % CYCLE;
}

static void dial(struct flow *f) {
    struct via_tcp_conf c = VIA_TCP_CONF_INIT;
    struct via_ep to = via_ep_any(VIA_AF_4, f->port);

    c.cc = f->cc;
    c.sndbuf = BUFFER;
    to.addr = f->to->addr;
    f->sent = 0;
    f->begun = f->from->sim->now;
    if (via_tcp_connect(f->from->st, &c, NULL, &to, &f->out) ||
        via_epoll_ctl(f->from->set, VIA_EPOLL_ADD, f->out,
                      VIA_EV_CONNECTED | VIA_EV_SPACE | VIA_EV_EOF | VIA_EV_TERMINATED, f->port))
        abort();
    f->from->touched = true;
}

void tcp_start(struct flow *f) {
    struct via_listen_conf c = VIA_LISTEN_CONF_INIT;
    struct via_ep at = via_ep_any(VIA_AF_4, f->port);

    c.rcvbuf = BUFFER;
    if (via_listen(f->to->st, &c, &at, &f->listener) ||
        via_epoll_ctl(f->to->set, VIA_EPOLL_ADD, f->listener, VIA_EV_ACCEPT, f->port))
        abort();
    dial(f);
}

/* As much as fits. */
static void push(struct flow *f) {
    for (;;) {
        uint64_t left = f->size ? f->size - f->sent : CHUNK;
        struct iovec iov = {(void *)(uintptr_t)stream(f->sent), left < CHUNK ? left : CHUNK};
        ssize_t n;

        if (!iov.iov_len)
            return;
        n = via_tcp_send(f->from->st, f->out, &iov, 1, 0);
        if (n <= 0)
            return;
        f->sent += (uint64_t)n;
        if (f->size && f->sent == f->size)
            via_tcp_shutdown(f->from->st, f->out);
    }
}

void tcp_collect(struct flow *f) {
    struct via_tcp_info i = VIA_TCP_INFO_INIT;

    if (!f->out || via_tcp_info(f->from->st, f->out, &i))
        return;
    f->segs += i.segs_sent;
    f->resent += i.segs_resent;
    f->timeouts += i.timeouts;
    f->recoveries += i.recoveries;
    f->rtt = i.rtt;
}

/* The peer has read everything and closed: a transfer is over when its last byte and end are acknowledged both ways. */
static void finish(struct flow *f) {
    if (f->dones < FLOW_DONE)
        f->done[f->dones++] = f->from->sim->now - f->begun;
    tcp_collect(f);
    via_sock_close(f->from->st, f->out, 0);
    f->out = 0;
    dial(f);
}

static void pull(struct flow *f) {
    static _Thread_local uint8_t buf[CHUNK];
    ssize_t n;

    while ((n = via_tcp_recv(f->to->st, f->in, buf, sizeof buf, 0)) > 0) {
        uint64_t at = f->size ? f->received % f->size : f->received;

        if (memcmp(buf, stream(at), (size_t)n))
            f->wrong++;
        f->received += (uint64_t)n;
    }
    if (n == 0) {
        via_sock_close(f->to->st, f->in, 0);
        f->in = 0;
    }
    f->to->touched = true;
}

static void take_connection(struct flow *f) {
    struct via_accepted a;

    while (via_accept(f->to->st, f->listener, &a, 1) == 1) {
        f->in = a.sock;
        via_epoll_ctl(f->to->set, VIA_EPOLL_ADD, a.sock, VIA_EV_IN | VIA_EV_EOF | VIA_EV_TERMINATED, f->port);
    }
}

void tcp_event(struct flow *f, struct sim_host *h, const struct via_event *ev) {
    if (h == f->to && ev->sock == f->listener) {
        take_connection(f);
    } else if (h == f->to && ev->sock == f->in) {
        pull(f);
    } else if (h == f->from && ev->sock == f->out) {
        if (ev->what & VIA_EV_TERMINATED && ev->reason) {
            f->reason = ev->reason;
            return;
        }
        if (ev->what & VIA_EV_EOF)
            finish(f);
        else
            push(f);
        h->touched = true;
    }
}
