/* SPDX-License-Identifier: BSD-2-Clause */
/* Receiving: batches that lend, and the copying form. */
#include "sock/enter.h"
#include "udp/udp.h"
#include "wire/bytes.h"

static struct via_udp_sock *find(const struct via_core *c, via_sock_t s) {
    return (struct via_udp_sock *)(void *)via_sock_find(c, s, VIA_KIND_UDP);
}

VIA_HOT void set_end(struct via_ep *e, struct via_addr a, uint32_t scope, uint16_t port, uint8_t family) {
    static_assert(offsetof(struct via_ep, port) == 20 && offsetof(struct via_ep, pad) == 23, "the words below");
    uint64_t tail = (uint64_t)scope | (uint64_t)port << 32 | (uint64_t)family << 48;

    e->addr = a;
    memset((uint8_t *)e + offsetof(struct via_ep, scope), 0, sizeof *e - offsetof(struct via_ep, scope));
    if (VIA_LITTLE) {
        via_store64((uint8_t *)e + offsetof(struct via_ep, scope), tail);
        return;
    }
    e->scope = scope;
    e->port = port;
    e->family = family;
}

static void set_end6(struct via_ep *e, const uint8_t *at, uint16_t port, uint8_t iface) {
    struct via_addr a = via_addr_from6(at);

    set_end(e, a, via_addr_is_linklocal6(&a) ? iface : 0, port, VIA_AF_6);
}

/* Both ends as the headers in front of the payload say; input has checked them. */
VIA_HOT void read_ends(const struct via_core *c, const struct via_pkt *p, struct via_dgram *d) {
    const uint8_t *frame = via_pkt_frame(c, p), *ip = frame + p->l3, *udp = frame + p->off - 8;

    if (VIA_LIKELY(ip[0] >> 4 == 4)) {
        set_end(&d->peer, via_get_addr4(ip + 12), 0, via_get16(udp), VIA_AF_4);
        set_end(&d->local, via_get_addr4(ip + 16), 0, via_get16(udp + 2), VIA_AF_4);
    } else {
        set_end6(&d->peer, ip + 8, via_get16(udp), p->vi);
        set_end6(&d->local, ip + 24, via_get16(udp + 2), p->vi);
    }
}

VIA_HOT void fill(struct via_core *c, struct via_pkt *p, struct via_dgram *d) {
    via_buf_show(c, p, &d->seg);
    d->iov = NULL;
    d->iovcnt = 0;
    d->flags = 0;
    if (VIA_UNLIKELY(p->flags & (VIA_PKT_TRUNC | VIA_PKT_SHARED | VIA_PKT_MCAST)))
        d->flags = (uint32_t)((p->flags & VIA_PKT_TRUNC ? VIA_DGRAM_TRUNC : 0) |
                              (p->flags & VIA_PKT_SHARED ? VIA_DGRAM_SHARED : 0) |
                              (p->flags & VIA_PKT_MCAST ? VIA_DGRAM_MCAST : 0));
    d->bytes = p->total;
    d->iface = p->vi;
    d->token = 0;
    d->seq = p->order;
    d->ts = p->ts;
    read_ends(c, p, d);
}

static VIA_COLD int nothing(struct via_core *c, const struct via_udp_sock *u) {
    if (u->sock.flags & VIA_SOCK_SEND_ONLY)
        return via_why_set(c, -EOPNOTSUPP, "udp: the socket never receives");
    return -EAGAIN;
}

int via_udp_recv(struct via_stack *st, via_sock_t s, struct via_dgram *v, unsigned n) {
    struct via_core *c = via_enter(st);
    struct via_udp_sock *u = find(c, s);
    struct via_pkt *p;
    unsigned i;

    if (VIA_UNLIKELY(!u))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(!v || n - 1 >= INT32_MAX))
        return via_why_set(c, -EINVAL, "udp: no room for datagrams");
    for (i = 0; i < n && (p = via_rxq_pop(c, &u->sock)); i++) {
        fill(c, p, &v[i]);
        via_buf_lend(c, p);
    }
    return i ? (int)i : nothing(c, u);
}

ssize_t via_udp_read(struct via_stack *st, via_sock_t s, void *buf, size_t len, struct via_ep *peer) {
    struct via_core *c = via_enter(st);
    struct via_udp_sock *u = find(c, s);
    struct via_dgram d;
    struct via_pkt *p;
    ssize_t bytes;

    if (!u)
        return via_bad_handle(c);
    if (!buf && len)
        return via_why_set(c, -EINVAL, "udp: no room for a datagram");
    p = via_rxq_pop(c, &u->sock);
    if (!p)
        return nothing(c, u);
    read_ends(c, p, &d);
    if (peer)
        *peer = d.peer;
    bytes = p->total;
    c->udp->rx_copied += via_pkt_copy_out(c, p, 0, buf, via_min32((uint32_t)bytes, (uint32_t)via_min_ns(len, 65535)));
    via_pkt_release(c, p);
    return bytes;
}
