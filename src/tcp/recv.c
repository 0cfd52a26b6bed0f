/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that take received bytes. */
#include "sock/enter.h"
#include "tcp/tcp.h"

/* What a receive says where nothing is to be read. */
static ssize_t nothing(struct via_core *c, const struct via_tcp_conn *t) {
    if (t->sock.rxq.list.head)
        return -EAGAIN; /* STRICT: not announced yet */
    if (t->bits & VIA_TCPB_EOF)
        return 0;
    if (t->state == VIA_TCP_CLOSED)
        return t->sock.reason ? via_why_set(c, t->sock.reason, "tcp: the connection has ended") : 0;
    if (!via_tcp_is_synced(t))
        return via_why_set(c, -ENOTCONN, "tcp: not connected yet");
    return -EAGAIN;
}

/* Back to the front of the queue, as announced: the rest of a packet that was not read to its end. */
static void put_back(struct via_core *c, struct via_sock *k, struct via_pkt *p) {
    uint32_t id = via_pkt_id(c, p);

    p->next = k->rxq.list.head;
    k->rxq.list.head = id;
    if (!k->rxq.list.tail)
        k->rxq.list.tail = id;
    k->rxq.pkts++;
    k->rxq.announced += k->set != 0;
    p->owner = VIA_OWNER_RXQ;
}

/* Copies from the first packet, which goes when it was read to its end. 0: none may be read. */
static uint32_t read_first(struct via_core *c, struct via_tcp_conn *t, uint8_t *to, uint32_t len) {
    struct via_sock *k = &t->sock;
    struct via_pkt *p = via_rxq_pop(c, k);
    uint32_t done = 0;

    if (!p)
        return 0;
    t->rcv.pkts -= VIA_LIKELY(!p->chain) ? 1 : via_tcp_parts(c, p);
    while (done < len) {
        uint32_t part = via_min32(len - done, p->len), chain = p->chain;

        memcpy(to + done, via_pkt_data(c, p), part);
        done += part;
        if (part < p->len) {
            via_pkt_pull(p, part);
            break;
        }
        if (!chain) {
            via_pkt_release(c, p);
            return done;
        }
        via_pkt_at(c, chain)->total = p->total - p->len;
        p->chain = 0;
        via_pkt_at(c, chain)->order = p->order;
        via_pkt_at(c, chain)->ts = p->ts;
        via_pkt_release(c, p);
        p = via_pkt_at(c, chain);
        memset(&p->rec, 0, sizeof p->rec);
    }
    t->rcv.pkts += VIA_LIKELY(!p->chain) ? 1 : via_tcp_parts(c, p);
    put_back(c, k, p);
    return done;
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
    uint32_t done = 0, most = (uint32_t)via_min_ns(len, INT32_MAX), part;

    if (VIA_UNLIKELY(!t))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(!buf || !len))
        return via_why_set(c, -EINVAL, "tcp: no room for bytes");
    if (VIA_UNLIKELY(flags & VIA_PEEK))
        return peek(c, t, buf, most);
    while (done < most && (part = read_first(c, t, (uint8_t *)buf + done, most - done)))
        done += part;
    if (VIA_UNLIKELY(!done))
        return nothing(c, t);
    c->tcp->rx_copied += done;
    via_tcp_read(c, t, done);
    return (ssize_t)done;
}
