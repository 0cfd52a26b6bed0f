/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that take received bytes. */
#include "sock/enter.h"
#include "sock/lend.h"
#include "tcp/tcp.h"

/* What a receive says where nothing is to be read. */
static ssize_t nothing(struct via_core *c, const struct via_tcp_conn *t) {
    if (t->sock.rxq.list.head)
        return -EAGAIN; /* STRICT: not announced yet */
    if (t->bits & VIA_TCPB_EOF)
        return 0;
    if (t->state == VIA_TCP_CLOSED)
        return t->sock.reason ? via_why_set(c, t->sock.reason, "tcp: the connection has ended") : 0;
    if (!via_tcp_is_synced(t) && !via_tcp_is_fast_opened(t))
        return via_why_set(c, -ENOTCONN, "tcp: not connected yet");
    return -EAGAIN;
}

static ssize_t peek(struct via_core *c, const struct via_tcp_conn *t, uint8_t *to, uint32_t len) {
    const struct via_sock *k = &t->sock;
    bool strict = k->set && via_set_at(c, k->set)->mode == VIA_EPOLL_STRICT && (k->mask & VIA_EV_IN);
    uint32_t left = strict ? k->rxq.announced : k->rxq.pkts, done = 0, id;

    for (id = k->rxq.list.head; id && left && done < len; left--) {
        const struct via_pkt *p = via_pkt_at(c, id);

        done += via_pkt_copy_out(c, p, 0, to + done, len - done);
        id = p->next;
    }
    return done ? (ssize_t)done : nothing((struct via_core *)(uintptr_t)c, t);
}

ssize_t via_tcp_recv(struct via_stack *st, via_sock_t s, void *buf, size_t len, unsigned flags) {
    struct via_core *c = via_enter(st);
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)via_sock_find(c, s, VIA_KIND_TCP);
    uint32_t done, most = (uint32_t)via_min_ns(len, INT32_MAX);

    if (VIA_UNLIKELY(!t))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(!buf || !len))
        return via_why_set(c, -EINVAL, "tcp: no room for bytes");
    if (VIA_UNLIKELY(flags))
        return flags == VIA_PEEK ? peek(c, t, buf, most)
                                 : via_why_set(c, -EINVAL, "tcp: receive flags %#x are not known", flags);
    done = via_rxq_read(c, &t->sock, buf, most);
    if (VIA_UNLIKELY(!done))
        return nothing(c, t);
    c->tcp->rx_copied += done;
    via_tcp_read(c, t, done);
    return (ssize_t)done;
}

int via_tcp_lend(struct via_core *c, struct via_sock *k, uint32_t max, struct via_lent *out) {
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)k;
    struct via_pkt *p;
    int err = via_rxq_lend(c, k, max, &p);
    ssize_t said;

    if (err == -EAGAIN) {
        said = nothing(c, t);
        if (said == -EAGAIN || said == -ENOTCONN)
            return (int)said;
        out->eof = !said;
        out->reason = (int32_t)said;
        return 0;
    }
    if (err < 0)
        return via_why_set(c, err, "tcp: no descriptor for the half of a frame (clones)");
    via_buf_show(c, p, &out->seg);
    out->bytes = p->total;
    out->seq = p->order;
    out->ts = p->ts;
    via_tcp_read(c, t, p->total);
    out->eof = !k->rxq.list.head && (t->bits & VIA_TCPB_EOF);
    out->reason = !k->rxq.list.head && t->state == VIA_TCP_CLOSED ? k->reason : 0;
    return 1;
}
