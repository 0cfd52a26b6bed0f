/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/enter.h"
#include "udp/udp.h"
#include "wire/udp.h"

#define LONGEST 65507u
#define TRAIN   64u /* most datagrams of one entry with VIA_DGRAM_CUT; the figure of Linux's UDP_SEGMENT */

/* LONGEST + 1 for anything longer; -1 for a part that is nowhere. */
static int64_t iov_bytes(const struct via_dgram *d) {
    uint64_t n = 0;
    uint32_t i;

    for (i = 0; i < d->iovcnt; i++) {
        if (VIA_UNLIKELY(!d->iov[i].iov_base && d->iov[i].iov_len))
            return -1;
        n = d->iov[i].iov_len > LONGEST - n ? LONGEST + 1 : n + d->iov[i].iov_len;
        if (VIA_UNLIKELY(n > LONGEST))
            return (int64_t)n;
    }
    return (int64_t)n;
}

/* Headers may be written in front only where nobody else sees the frame and no device reads it. */
static bool is_writable(const struct via_core *c, const struct via_pkt *p, const struct via_seg *seg, uint32_t head) {
    return p->owner == VIA_OWNER_APP && !(p->flags & (VIA_PKT_CLONE | VIA_PKT_SHARED)) &&
           (uint64_t)((const uint8_t *)seg->data - via_pkt_frame(c, p)) >= head;
}

/* The source that a datagram names. A group or broadcast address, as a reply finds it in what it answers, is none. */
static bool names_source(const struct via_core *c, const struct via_dgram *d) {
    const struct via_addr *a = &d->local.addr;

    return d->local.family && !via_addr_is_any(a) && !via_addr_is_multicast(a) && !via_net_is_broadcast(c, a);
}

static int resolve(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, const struct via_ep *to) {
    const struct via_flow *f = &u->sock.flow;
    bool group = via_addr_is_multicast(&to->addr), named = names_source(c, d);
    struct via_dest dest = {.dst = to->addr, .proto = IPPROTO_UDP, .tos = u->tos, .iface = f->iface};

    u->particular = named || to->scope;
    dest.ttl = group ? u->mcast_ttl : u->ttl;
    dest.flow_label = via_udp_label(c, &u->sock, &to->addr);
    if (!dest.iface)
        dest.iface = (uint8_t)(to->scope ? to->scope : group ? u->mcast_if : 0);
    if (named)
        dest.src = d->local.addr;
    else if (!via_addr_is_any(&f->local) && !via_addr_is_multicast(&f->local))
        dest.src = f->local;
    if (named && !via_net_is_own(c, &dest.src, dest.iface)) {
        u->path.gen = 0;
        return -EADDRNOTAVAIL;
    }
    return via_path_resolve(c, &u->path, &dest);
}

/* True if the last datagram's way is this one's as well. */
static bool is_same_way(const struct via_core *c, const struct via_udp_sock *u, const struct via_dgram *d,
                        const struct via_ep *to) {
    const struct via_path *path = &u->path;

    if (VIA_UNLIKELY(!via_path_valid(c, path) || !via_addr_eq(&path->dst, &to->addr)))
        return false;
    if (VIA_LIKELY(!d->local.family && !to->scope))
        return !u->particular;
    if (to->scope && to->scope != path->vi)
        return false;
    return d->local.family ? via_addr_eq(&d->local.addr, &path->src) : !u->particular;
}

/* What the short way below may count on as long as the path lives. */
static void set_plain(const struct via_core *c, struct via_udp_sock *u) {
    const struct via_path *path = &u->path;
    uint32_t frame = c->frame_size - VIA_HEADROOM, mtu = (uint32_t)path->mtu - path->ip_len - VIA_UDP_LEN;

    if ((path->flags & ~(uint32_t)VIA_PATH_CSUM_FREE) || u->df || u->particular)
        return;
    u->plain_max = via_min32(frame, mtu);
    u->plain = path->gen;
    u->plain_rport = 0;
    if ((u->sock.flags & VIA_SOCK_CONNECTED) && via_addr_eq(&u->sock.flow.remote, &path->dst))
        u->plain_rport = htons(u->sock.flow.rport);
}

/* The way to `to`: as it was for the last datagram, or found anew. */
static int find_path(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, const struct via_ep *to) {
    int err;

    if (VIA_UNLIKELY(!is_same_way(c, u, d, to))) {
        u->plain = 0;
        err = resolve(c, u, d, to);
        if (err < 0)
            return via_why_set(c, err, "udp: no way to the destination: %s", strerror(-err));
    }
    if (VIA_UNLIKELY((u->path.flags & VIA_PATH_BROADCAST) && !u->broadcast))
        return via_why_set(c, -EACCES, "udp: broadcast needs VIA_OPT_BROADCAST");
    set_plain(c, u);
    return 0;
}

/* A packet of our own with the payload copied in; `sum` gets the running sum of it where `summed`. */
static struct via_pkt *copy_iov(struct via_core *c, const struct via_dgram *d, uint64_t *sum, bool summed) {
    struct via_pkt *p = via_pkt_new(c, c->s->reserve);
    uint32_t i;

    if (!p)
        return NULL;
    if (VIA_LIKELY(d->iovcnt == 1 && d->iov[0].iov_len <= c->frame_size - VIA_HEADROOM)) {
        p->len = (uint16_t)d->iov[0].iov_len;
        p->total = p->len;
        if (summed)
            *sum = via_sum_copy(0, via_pkt_data(c, p), d->iov[0].iov_base, p->len);
        else
            memcpy(via_pkt_data(c, p), d->iov[0].iov_base, p->len);
        return p;
    }
    for (i = 0; i < d->iovcnt; i++)
        if (via_pkt_append(c, p, d->iov[i].iov_base, (uint32_t)d->iov[i].iov_len) < 0) {
            via_pkt_release(c, p);
            return NULL;
        }
    return p;
}

/* The same from a buffer that may not be sent as it is. */
static struct via_pkt *copy_buf(struct via_core *c, const struct via_pkt *from, const struct via_seg *seg) {
    struct via_pkt *p = via_pkt_new(c, c->s->reserve);
    const uint8_t *at = seg->data;
    uint32_t len = seg->len;

    while (p) {
        if (via_pkt_append(c, p, at, len) < 0) {
            via_pkt_release(c, p);
            return NULL;
        }
        if (!from->chain)
            break;
        from = via_pkt_at(c, from->chain);
        at = via_pkt_data(c, from);
        len = from->len;
    }
    return p;
}

/* The application's buffer becomes the packet to send. */
static struct via_pkt *adopt_buf(struct via_core *c, struct via_pkt *p, const struct via_seg *seg, uint32_t bytes) {
    struct via_pkt *part = p;

    p->off = (uint16_t)((const uint8_t *)seg->data - via_pkt_frame(c, p));
    p->len = (uint16_t)seg->len;
    p->total = bytes;
    for (;;) {
        part->owner = VIA_OWNER_BURST;
        c->s->held--;
        if (VIA_LIKELY(!part->chain))
            return p;
        part = via_pkt_at(c, part->chain);
    }
}

static uint64_t sum_parts(const struct via_core *c, const struct via_pkt *p) {
    uint64_t sum = 0;
    bool odd = false;

    if (VIA_LIKELY(!p->chain))
        return via_sum_add(0, via_pkt_data(c, p), p->len);
    for (;;) {
        sum = via_sum_join(sum, via_sum_add(0, via_pkt_data(c, p), p->len), odd);
        odd ^= p->len & 1;
        if (!p->chain)
            return sum;
        p = via_pkt_at(c, p->chain);
    }
}

/* Takes the payload of `d` as a packet: the buffer itself, or a copy. `*sum` is filled only where `*summed`. */
static int take_payload(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, uint64_t *sum,
                        struct via_pkt **out) {
    bool summed = !(u->path.flags & VIA_PATH_CSUM_FREE) || c->attrs.checksum == 2;
    struct via_pkt *p, *own;
    uint32_t bytes;

    *sum = 0;
    if (!d->seg.buf) {
        bool one = d->iovcnt == 1 && d->iov[0].iov_len <= c->frame_size - VIA_HEADROOM;

        p = copy_iov(c, d, sum, summed && one);
        if (!p)
            return -ENOBUFS;
        if (summed && !one)
            *sum = sum_parts(c, p);
        c->udp->tx_copied += p->total;
        *out = p;
        return 0;
    }
    own = via_buf_packet(c, &d->seg, &bytes);
    if (VIA_LIKELY(is_writable(c, own, &d->seg, via_path_room(&u->path) + VIA_UDP_LEN))) {
        p = adopt_buf(c, own, &d->seg, bytes);
    } else {
        p = copy_buf(c, own, &d->seg);
        if (!p)
            return -ENOBUFS;
        c->udp->tx_copied += p->total;
        via_buf_drop(c, own);
    }
    if (summed)
        *sum = sum_parts(c, p);
    *out = p;
    return 0;
}

static void put_header(struct via_core *c, struct via_udp_sock *u, struct via_pkt *p, uint16_t dport, uint64_t sum) {
    bool summed = !(u->path.flags & VIA_PATH_CSUM_FREE) || c->attrs.checksum == 2;
    uint8_t *at = via_pkt_push(c, p, VIA_UDP_LEN);
    struct via_udp_head h = {.sport = u->sock.flow.lport, .dport = dport, .len = (uint16_t)p->total};

    via_udp_emit(at, &h);
    if (!summed) {
        p->flags |= VIA_PKT_CSUM_OK;
        return;
    }
    p->flags &= (uint8_t)~VIA_PKT_CSUM_OK;
    sum = via_sum_plus(via_sum_plus(sum, u->path.pseudo), (uint64_t)htonl(p->total));
    sum = via_sum_add(sum, at, 6);
    via_store16(at + 6, via_sum_end_udp(sum));
}

/* On the last part; what we send to ourselves is taken in before it is fetched, so its token goes by a packet apart. */
static void put_token(struct via_core *c, struct via_udp_sock *u, struct via_pkt *p, const struct via_dgram *d,
                      struct via_pkt *apart) {
    if (VIA_UNLIKELY(apart != NULL)) {
        via_sock_token(c, &u->sock, apart, d->token);
        via_pkt_sent(c, apart, 0);
        return;
    }
    while (p->chain)
        p = via_pkt_at(c, p->chain);
    via_sock_token(c, &u->sock, p, d->token);
}

static uint32_t frames_for(const struct via_core *c, const struct via_path *path, uint32_t bytes) {
    if (VIA_LIKELY(bytes + VIA_UDP_LEN + path->ip_len <= path->mtu))
        return bytes / (c->frame_size - VIA_HEADROOM) + 1;
    return bytes / ((uint32_t)path->mtu - path->ip_len - 8) + 2;
}

static int check_room(struct via_core *c, struct via_udp_sock *u, uint32_t frames) {
    struct via_vi *vi = c->vi[u->path.vi];

    if (VIA_UNLIKELY(!vi || vi->dev->link != VIA_LINK_UP))
        return via_why_set(c, -ENETDOWN, "udp: the link of interface %u is down", u->path.vi);
    if (VIA_LIKELY(via_vi_has_room(vi, frames)))
        return 0;
    if (frames > vi->dev->tx_ring)
        return via_why_set(c, -EMSGSIZE, "udp: %u frames of a datagram do not fit the TX ring of interface %u", frames,
                           u->path.vi);
    via_vi_flush(vi);
    via_vi_collect(vi);
    if (via_vi_has_room(vi, frames))
        return 0;
    via_sock_want_space(c, &u->sock, u->path.vi, frames);
    return via_why_set(c, -EAGAIN, "udp: the TX ring of interface %u is full", u->path.vi);
}

/* All that can be refused is refused before anything is taken. */
static int check(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, const struct via_ep *to,
                 uint32_t bytes) {
    struct via_path *path = &u->path;
    int err = find_path(c, u, d, to);

    if (VIA_UNLIKELY(err))
        return err;
    if (VIA_UNLIKELY(bytes > LONGEST))
        return via_why_set(c, -EMSGSIZE, "udp: a datagram holds at most %u bytes", LONGEST);
    if (VIA_UNLIKELY(((d->flags & VIA_DGRAM_DF) || u->df) && bytes + VIA_UDP_LEN + path->ip_len > path->mtu))
        return via_why_set(c, -EMSGSIZE, "udp: longer than the path MTU of %u and not to be fragmented", path->mtu);
    return path->flags & VIA_PATH_LOOP ? 0 : check_room(c, u, frames_for(c, path, bytes));
}

static int check_peer(struct via_core *c, const struct via_udp_sock *u, const struct via_ep *peer) {
    if (!peer->family)
        return u->sock.flags & VIA_SOCK_CONNECTED ? 0
                                                  : via_why_set(c, -EDESTADDRREQ, "udp: no peer, and not connected");
    if (VIA_UNLIKELY(!peer->port || peer->family != (via_addr_is4(&peer->addr) ? VIA_AF_4 : VIA_AF_6)))
        return via_why_set(c, -EINVAL, "udp: peer without a port, or of a family that its address is not");
    if (VIA_UNLIKELY(via_addr_is_any(&peer->addr) || !via_udp_speaks(&u->sock, &peer->addr)))
        return via_why_set(c, -EINVAL, "udp: no address, or of a family that the socket does not speak");
    if (VIA_UNLIKELY(peer->scope && (peer->scope > VIA_VIS || !c->vi[peer->scope])))
        return via_why_set(c, -EINVAL, "udp: no interface %u", peer->scope);
    return 0;
}

static int check_form(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, uint32_t *bytes) {
    int64_t n;

    if (VIA_UNLIKELY(d->flags & ~(uint32_t)(2 * VIA_DGRAM_CUT - 1)))
        return via_why_set(c, -EINVAL, "udp: flags %#x of a datagram are not known", d->flags);
    if (VIA_UNLIKELY(u->sock.flags & VIA_SOCK_RECV_ONLY))
        return via_why_set(c, -EOPNOTSUPP, "udp: the socket never sends");
    if (VIA_UNLIKELY((d->flags & VIA_DGRAM_CUT) && !d->bytes))
        return via_why_set(c, -EINVAL, "udp: to be cut into datagrams of no bytes");
    if (d->seg.buf) {
        if (VIA_UNLIKELY(!via_buf_packet(c, &d->seg, bytes)))
            return via_why_set(c, -EINVAL, "udp: the segment is not inside a buffer that the application holds");
    } else {
        if (VIA_UNLIKELY((d->iovcnt && !d->iov) || (n = iov_bytes(d)) < 0))
            return via_why_set(c, -EINVAL, "udp: a vector that is nowhere");
        *bytes = (uint32_t)n;
    }
    return check_peer(c, u, &d->peer);
}

static uint32_t group_how(const struct via_core *c, const struct via_udp_sock *u, const struct via_dgram *d) {
    uint32_t how = (d->flags & VIA_DGRAM_DF) || u->df ? VIA_GROUP_DF : 0;

    if (u->mcast_loop && c->udp->joined)
        how |= VIA_GROUP_LOOP;
    if (!u->mcast_ttl && via_addr_is_multicast(&u->path.dst))
        how |= VIA_GROUP_LOCAL;
    return how;
}

static int transmit(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, const struct via_ep *to) {
    struct via_pkt *p, *apart = NULL;
    uint64_t sum;
    int err;

    if (VIA_UNLIKELY(d->token && (u->path.flags & VIA_PATH_LOOP)) && !(apart = via_pkt_new(c, c->s->reserve)))
        return via_why_set(c, -ENOBUFS, "udp: no packet left");
    err = take_payload(c, u, d, &sum, &p);
    if (VIA_UNLIKELY(err)) {
        if (apart)
            via_pkt_release(c, apart);
        return via_why_set(c, err, "udp: no packet left");
    }
    c->udp->tx++;
    c->udp->tx_bytes += p->total;
    p->owner = VIA_OWNER_BURST;
    put_header(c, u, p, to->port, sum);
    if (d->token)
        put_token(c, u, p, d, apart);
    if (VIA_UNLIKELY(u->path.flags & VIA_PATH_GROUP))
        via_net_output_group(c, &u->path, p, group_how(c, u, d));
    else
        via_net_output(c, &u->path, p, (d->flags & VIA_DGRAM_DF) || u->df);
    return 0;
}

/* Where copying out of an entry stands. */
struct cursor {
    const struct via_pkt *part; /* of a buffer */
    uint32_t i;                 /* of a vector */
    size_t off;
};

/* Copies the next `n` bytes of an entry, which there are, to the end of `p`. */
static int append_next(struct via_core *c, struct via_pkt *p, const struct via_dgram *d, struct cursor *at,
                       uint32_t n) {
    while (n) {
        bool first = at->part == (const struct via_pkt *)(const void *)d->seg.buf;
        const uint8_t *base = !d->seg.buf ? d->iov[at->i].iov_base : first ? d->seg.data : via_pkt_data(c, at->part);
        size_t len = !d->seg.buf ? d->iov[at->i].iov_len : first ? d->seg.len : at->part->len;
        uint32_t take = (uint32_t)via_min_ns(len - at->off, n);

        if (take && via_pkt_append(c, p, base + at->off, take) < 0)
            return -ENOBUFS;
        n -= take;
        at->off += take;
        if (n && !d->seg.buf) {
            at->i++;
            at->off = 0;
        } else if (n) {
            at->part = via_pkt_at(c, at->part->chain);
            at->off = 0;
        }
    }
    return 0;
}

/* The datagrams of a train as packets, or -ENOBUFS and none. */
static int build_train(struct via_core *c, const struct via_dgram *d, uint32_t bytes, struct via_list *q) {
    struct cursor at = {.part = (const struct via_pkt *)(const void *)d->seg.buf};

    while (bytes) {
        struct via_pkt *p = via_pkt_new(c, c->s->reserve + 1); /* one more for a token */
        uint32_t n = via_min32(bytes, d->bytes);

        if (p)
            via_pktq_push(c, q, p);
        if (!p || append_next(c, p, d, &at, n) < 0) {
            via_pktq_clear(c, q);
            return via_why_set(c, -ENOBUFS, "udp: no packet left");
        }
        bytes -= n;
    }
    return 0;
}

static int check_train(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, uint32_t bytes) {
    uint32_t n = (bytes - 1) / d->bytes + 1;

    if (bytes > LONGEST || n > TRAIN)
        return via_why_set(c, -EMSGSIZE, "udp: a train holds at most %u bytes in %u datagrams", LONGEST, TRAIN);
    if (d->bytes + VIA_UDP_LEN + u->path.ip_len > u->path.mtu)
        return via_why_set(c, -EMSGSIZE, "udp: datagrams of a train longer than the path MTU of %u", u->path.mtu);
    return u->path.flags & VIA_PATH_LOOP ? 0 : check_room(c, u, n * frames_for(c, &u->path, d->bytes));
}

/* Every datagram is a packet before the first is sent: nothing is refused half way. */
static VIA_COLD int output_train(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d,
                                 const struct via_ep *to, uint32_t bytes) {
    struct via_list q = {0, 0};
    struct via_pkt *p;
    int err = find_path(c, u, d, to);

    if (err || (err = check_train(c, u, d, bytes)) || (err = build_train(c, d, bytes, &q)))
        return err;
    c->udp->tx_copied += bytes;
    while ((p = via_pktq_pop(c, &q))) {
        struct via_dgram one = {.flags = d->flags & VIA_DGRAM_DF, .token = q.head ? 0 : d->token};

        via_buf_lend(c, p);
        via_buf_show(c, p, &one.seg);
        err = transmit(c, u, &one, to);
        VIA_ASSERT(!err);
    }
    if (d->seg.buf)
        via_buf_drop(c, (struct via_pkt *)(void *)d->seg.buf);
    return err;
}

/* The same datagram as below, whatever it is: the long way. */
static __attribute__((noinline)) int output_any(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d) {
    const struct via_flow *f = &u->sock.flow;
    const struct via_ep *to = &d->peer;
    struct via_ep fixed;
    uint32_t bytes;
    int err = check_form(c, u, d, &bytes);

    if (VIA_UNLIKELY(err))
        return err;
    if (!to->family) {
        fixed.addr = f->remote;
        fixed.port = f->rport;
        fixed.scope = 0;
        to = &fixed;
    }
    if (VIA_UNLIKELY((d->flags & VIA_DGRAM_CUT) && bytes > d->bytes))
        return output_train(c, u, d, to, bytes);
    err = check(c, u, d, to, bytes);
    return VIA_LIKELY(!err) ? transmit(c, u, d, to) : err;
}

/* To where the last one went, with nothing special about it? Then *dport is set, in wire order. */
static inline bool is_plain(const struct via_core *c, const struct via_udp_sock *u, const struct via_dgram *d,
                            uint16_t *dport) {
    const struct via_ep *to = &d->peer;

    if (VIA_UNLIKELY((u->plain ^ via_net_gen(c)) | d->token | d->flags) ||
        VIA_UNLIKELY(!via_vi_is_open(c->vi[u->path.vi])) ||
        (d->local.family && !via_addr_eq(&d->local.addr, &u->path.src)))
        return false;
    *dport = u->plain_rport;
    if (to->family) {
        if (VIA_UNLIKELY(to->family != u->path.family || to->scope || !via_addr_eq(&to->addr, &u->path.dst)))
            return false;
        *dport = htons(to->port);
    }
    return *dport;
}

/* A buffer of the application's as one writable frame. */
static inline struct via_pkt *plain_buf(struct via_core *c, const struct via_udp_sock *u, const struct via_seg *seg) {
    struct via_pkt *p = (struct via_pkt *)(void *)seg->buf;
    uint64_t off;

    if (VIA_UNLIKELY(!via_buf_is_packet(c, seg->buf)))
        return NULL;
    off = (uint64_t)((const uint8_t *)seg->data - via_pkt_frame(c, p));
    if (VIA_UNLIKELY(p->owner != VIA_OWNER_APP || p->chain || p->refs != 1 || seg->len > u->plain_max ||
                     (p->flags & (VIA_PKT_CLONE | VIA_PKT_SHARED | VIA_PKT_FLIGHT | VIA_PKT_RAW)) ||
                     off < VIA_PATH_HEAD + VIA_UDP_LEN || off > c->frame_size - seg->len))
        return NULL;
    p->flags = 0;
    c->s->held--;
    return p;
}

/* The payload where it is to be sent from, and the running sum of it if that is wanted. */
struct plain {
    struct via_pkt *p; /* NULL: the long way has to look */
    uint8_t *at;
    uint32_t len;
    uint64_t sum;
};

static inline struct plain plain_payload(struct via_core *c, const struct via_udp_sock *u, const struct via_dgram *d) {
    bool summed = !(u->path.flags & VIA_PATH_CSUM_FREE);
    struct plain out = {.p = NULL};

    if (d->seg.buf) {
        out.p = plain_buf(c, u, &d->seg);
        out.at = d->seg.data;
        out.len = d->seg.len;
        if (out.p && summed)
            out.sum = via_sum_add(0, out.at, out.len);
        return out;
    }
    if (VIA_UNLIKELY(d->iovcnt != 1 || !d->iov || !d->iov->iov_base || d->iov->iov_len > u->plain_max) ||
        VIA_UNLIKELY(!(out.p = via_pkt_new(c, c->s->reserve))))
        return out;
    out.at = via_pkt_data(c, out.p);
    out.len = (uint32_t)d->iov->iov_len;
    if (summed)
        out.sum = via_sum_copy(0, out.at, d->iov->iov_base, out.len);
    else
        memcpy(out.at, d->iov->iov_base, out.len);
    c->udp->tx_copied += out.len;
    return out;
}

static inline int output(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d) {
    bool summed = !(u->path.flags & VIA_PATH_CSUM_FREE);
    struct via_vi *vi = c->vi[u->path.vi];
    uint16_t dport, len, sum = 0;
    struct plain load;
    uint64_t head;

    if (VIA_UNLIKELY(!is_plain(c, u, d, &dport)) || VIA_UNLIKELY(!(load = plain_payload(c, u, d)).p))
        return output_any(c, u, d);
    len = htons((uint16_t)(load.len + VIA_UDP_LEN));
    head = via_word16(0, htons(u->sock.flow.lport)) | via_word16(2, dport) | via_word16(4, len);
    if (summed) /* the length counts twice: in the pseudo header and in the header itself */
        sum = via_sum_end_udp(via_sum_plus(via_sum_plus(load.sum, head), (uint64_t)u->path.pseudo + len));
    via_store64(load.at - VIA_UDP_LEN, head | via_word16(6, sum));
    via_path_put(&u->path, load.at - VIA_UDP_LEN, load.len + VIA_UDP_LEN);
    c->udp->tx++;
    c->udp->tx_bytes += load.len;
    load.len += VIA_UDP_LEN + u->path.head_len;
    vi->tx_packets++;
    vi->tx_bytes += load.len;
    via_vi_put(vi, load.p, load.at - VIA_UDP_LEN - u->path.head_len, load.len, summed ? 0 : VIA_FRAME_CSUM_OK);
    return 0;
}

static inline void flush_all(struct via_core *c) {
    uint32_t busy;

    for (busy = c->busy; busy; busy &= busy - 1) {
        struct via_vi *vi = c->vi[__builtin_ctz(busy)];

        if (via_vi_unflushed(vi))
            via_vi_flush(vi);
    }
}

int via_udp_output(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, unsigned flags) {
    int err = output_any(c, u, d);

    if ((flags & (VIA_FLUSH | VIA_MORE)) == VIA_FLUSH)
        flush_all(c);
    return err;
}

static VIA_COLD int refuse_batch(struct via_core *c, unsigned flags) {
    if (flags & ~(VIA_MORE | VIA_FLUSH))
        return via_why_set(c, -EINVAL, "udp: send flags %#x are not known", flags);
    return via_why_set(c, -EINVAL, "udp: no datagrams");
}

int via_udp_send(struct via_stack *st, via_sock_t s, const struct via_dgram *v, unsigned n, unsigned flags) {
    struct via_core *c = via_enter(st);
    struct via_udp_sock *u = (struct via_udp_sock *)(void *)via_sock_find(c, s, VIA_KIND_UDP);
    unsigned i;
    int err = 0;

    if (VIA_UNLIKELY(!u))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(!v || n - 1 >= INT32_MAX || (flags & ~(VIA_MORE | VIA_FLUSH))))
        return refuse_batch(c, flags);
    for (i = 0; i < n; i++) {
        err = output(c, u, &v[i]);
        if (VIA_UNLIKELY(err < 0))
            break;
    }
    if ((flags & (VIA_FLUSH | VIA_MORE)) == VIA_FLUSH)
        flush_all(c);
    return i ? (int)i : err;
}
