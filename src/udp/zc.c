/* SPDX-License-Identifier: BSD-2-Clause */
/* Zero copy by the verbs that all kinds share: a datagram out of several buffers, or one lent. */
#include "sock/ready.h"
#include "udp/udp.h"

#define LONGEST 65507u

int via_udp_lend(struct via_core *c, struct via_sock *k, uint32_t max, struct via_lent *out) {
    struct via_pkt *p;

    if (k->flags & VIA_SOCK_SEND_ONLY)
        return via_why_set(c, -EOPNOTSUPP, "udp: the socket never receives");
    if (!k->rxq.list.head || !via_ready_may_read(c, k))
        return -EAGAIN;
    p = via_pkt_at(c, k->rxq.list.head);
    if (p->total > max)
        return via_why_set(c, -EMSGSIZE, "udp: the next datagram is %u bytes long", p->total);
    via_rxq_pop(c, k);
    via_buf_show(c, p, &out->seg);
    out->bytes = p->total;
    out->seq = p->order;
    out->ts = p->ts;
    via_buf_lend(c, p);
    return 1;
}

static struct via_pkt *head_of(const struct via_seg *seg) {
    return (struct via_pkt *)(void *)seg->buf;
}

/* In the application's hands alone: it may be written, linked, and flies by itself. */
static bool is_free(const struct via_core *c, const struct via_pkt *p) {
    for (;; p = via_pkt_at(c, p->chain)) {
        if (p->refs != 1 || (p->flags & (VIA_PKT_CLONE | VIA_PKT_SHARED | VIA_PKT_FLIGHT | VIA_PKT_RAW)))
            return false;
        if (!p->chain)
            return true;
    }
}

static void mark(const struct via_core *c, struct via_pkt *p, enum via_owner owner) {
    for (p->owner = (uint8_t)owner; p->chain; p->owner = (uint8_t)owner)
        p = via_pkt_at(c, p->chain);
}

/* Bytes of a segment with its chain, or -1; a buffer with one holder is marked, so that it does not come twice. */
static int64_t measure_seg(const struct via_core *c, const struct via_seg *seg, bool copied) {
    struct via_pkt *p;
    uint32_t bytes;

    if (copied && !seg->buf)
        return seg->data || !seg->len ? (int64_t)seg->len : -1;
    p = via_buf_packet(c, seg, &bytes);
    if (!p)
        return -1;
    if (!copied && p->refs == 1)
        mark(c, p, VIA_OWNER_BURST);
    return bytes;
}

/* Bytes of all segments, or -1; *linked if they can become one packet as they lie. */
static int64_t measure(const struct via_core *c, const struct via_post *post, bool *linked) {
    bool copied = post->flags & VIA_INLINE;
    int64_t all = 0, bytes = 0;
    uint32_t i, n;

    *linked = !copied;
    for (n = 0; n < post->n && bytes >= 0 && all <= LONGEST; n++) {
        bytes = measure_seg(c, &post->seg[n], copied);
        all += bytes;
        *linked = *linked && bytes >= 0 && is_free(c, head_of(&post->seg[n]));
    }
    for (i = 0; i < n && !copied; i++)
        if (via_buf_is_packet(c, post->seg[i].buf) && head_of(&post->seg[i])->owner == VIA_OWNER_BURST)
            mark(c, head_of(&post->seg[i]), VIA_OWNER_APP);
    return bytes < 0 ? -1 : all;
}

static void link_segs(const struct via_core *c, const struct via_post *post) {
    struct via_pkt *last = head_of(&post->seg[0]);
    uint32_t i;

    for (i = 1; i < post->n; i++) {
        const struct via_seg *seg = &post->seg[i];
        struct via_pkt *p = head_of(seg);

        p->off = (uint16_t)((const uint8_t *)seg->data - via_pkt_frame(c, p));
        p->len = (uint16_t)seg->len;
        while (last->chain)
            last = via_pkt_at(c, last->chain);
        last->chain = via_pkt_id(c, p);
        last = p;
    }
}

static void unlink_segs(const struct via_core *c, const struct via_post *post) {
    struct via_pkt *p = head_of(&post->seg[0]);
    uint32_t i;

    for (i = 1; i < post->n; i++) {
        uint32_t next = via_pkt_id(c, head_of(&post->seg[i]));

        while (p->chain != next)
            p = via_pkt_at(c, p->chain);
        p->chain = 0;
        p = via_pkt_at(c, next);
    }
}

static int append_seg(struct via_core *c, struct via_pkt *to, const struct via_seg *seg) {
    int err = via_pkt_append(c, to, seg->data, seg->len);
    const struct via_pkt *p = head_of(seg);

    while (p && p->chain && !err) {
        p = via_pkt_at(c, p->chain);
        err = via_pkt_append(c, to, via_pkt_data(c, p), p->len);
    }
    return err;
}

/* All segments copied to one buffer, as the application would hold it; NULL: no packet left. */
static struct via_pkt *gather(struct via_core *c, const struct via_post *post) {
    struct via_pkt *p = via_pkt_new(c, c->s->reserve);
    uint32_t i;

    for (i = 0; p && i < post->n; i++)
        if (append_seg(c, p, &post->seg[i]) < 0) {
            via_pkt_release(c, p);
            return NULL;
        }
    if (p)
        via_buf_lend(c, p);
    return p;
}

static int post_linked(struct via_core *c, struct via_udp_sock *u, const struct via_post *post) {
    struct via_dgram d = {.seg = post->seg[0], .token = post->token};
    int err;

    link_segs(c, post);
    err = via_udp_output(c, u, &d, post->flags);
    if (err < 0)
        unlink_segs(c, post);
    return err;
}

static int post_copied(struct via_core *c, struct via_udp_sock *u, const struct via_post *post, uint64_t token) {
    struct via_dgram d = {.token = token};
    struct via_pkt *p = gather(c, post);
    uint32_t i;
    int err;

    if (!p)
        return via_why_set(c, -ENOBUFS, "udp: no packet left");
    via_buf_show(c, p, &d.seg);
    c->udp->tx_copied += p->total;
    err = via_udp_output(c, u, &d, post->flags);
    if (err < 0)
        via_buf_drop(c, p);
    for (i = 0; i < post->n && !err && !(post->flags & VIA_INLINE); i++)
        via_buf_drop(c, head_of(&post->seg[i]));
    return err;
}

/* The token goes by a packet apart: the device has nothing of the caller's. */
static int post_inline(struct via_core *c, struct via_udp_sock *u, const struct via_post *post) {
    struct via_pkt *apart = post->token ? via_pkt_new(c, c->s->reserve) : NULL;
    int err;

    if (post->token && !apart)
        return via_why_set(c, -ENOBUFS, "udp: no packet left");
    err = post_copied(c, u, post, 0);
    if (apart && err < 0) {
        via_pkt_release(c, apart);
    } else if (apart) {
        via_sock_token(c, &u->sock, apart, post->token);
        via_pkt_sent(c, apart, 0);
    }
    return err;
}

int via_udp_post(struct via_core *c, struct via_sock *k, const struct via_post *post) {
    struct via_udp_sock *u = (struct via_udp_sock *)(void *)k;
    bool linked;
    int64_t bytes = measure(c, post, &linked);

    if (bytes < 0)
        return via_why_set(c, -EINVAL,
                           "udp: a segment is not inside a buffer that the application holds, or came twice");
    if (bytes > LONGEST)
        return via_why_set(c, -EMSGSIZE, "udp: a datagram holds at most %u bytes", LONGEST);
    if (post->flags & VIA_INLINE)
        return post_inline(c, u, post);
    return linked || post->n == 1 ? post_linked(c, u, post) : post_copied(c, u, post, post->token);
}
