/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending without a copy: the application's buffers become packets of the send queue as they lie. Where that cannot be
 * (somebody else holds them, or they are longer than a segment) their bytes are copied, and counted.
 */
#include "sock/lend.h"
#include "tcp/tcp.h"

#define PARTS 16u /* buffers in one packet, which has to fit the stage of a device with what else joins it */

static struct via_pkt *head_of(const struct via_seg *seg) {
    return (struct via_pkt *)(void *)seg->buf;
}

static uint32_t goal_of(const struct via_core *c, const struct via_tcp_conn *t) {
    return t->snd.mss ? t->snd.mss : via_tcp_way_mss(via_tcp_way(c, t));
}

/* In the application's hands alone, and short enough to be one segment, or a part of one. */
static bool is_free(const struct via_pkt *p, uint32_t goal) {
    return p->owner == VIA_OWNER_APP && p->refs == 1 && p->len <= goal &&
           !(p->flags & (VIA_PKT_CLONE | VIA_PKT_SHARED | VIA_PKT_FLIGHT | VIA_PKT_RAW));
}

/* Bytes of all segments, or -1 for one that is no buffer of the application's, or comes twice. */
static int64_t measure(struct via_core *c, const struct via_post *post) {
    int64_t all = 0;
    uint32_t i, k, bytes = 0;

    for (i = 0; i < post->n && all < INT32_MAX; i++) {
        const struct via_seg *seg = &post->seg[i];

        if ((post->flags & VIA_INLINE) && !seg->buf && (seg->data || !seg->len))
            bytes = seg->len;
        else if (!via_buf_packet(c, seg, &bytes))
            return -1;
        for (k = 0; k < i && seg->buf && !(post->flags & VIA_INLINE); k++)
            if (post->seg[k].buf == seg->buf && head_of(seg)->refs == 1)
                return -1;
        all += bytes;
    }
    return all;
}

/* What the descriptor says becomes what the segment said: the application may have moved its begin. */
static void shape(const struct via_core *c, struct via_pkt *p, const struct via_seg *seg) {
    p->off = (uint16_t)((const uint8_t *)seg->data - via_pkt_frame(c, p));
    p->len = (uint16_t)seg->len;
}

/* One part joins the queue: behind the last packet where the device takes chains, else as a packet of its own. */
static void adopt(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, uint32_t goal) {
    struct via_vi *vi = c->vi[via_tcp_way(c, t)->path.vi];
    struct via_pkt *tail = t->snd.unsent.tail ? via_pkt_at(c, t->snd.unsent.tail) : NULL, *last = tail;
    uint32_t parts = 1;

    for (; last && last->chain; parts++)
        last = via_pkt_at(c, last->chain);
    p->owner = VIA_OWNER_HELD;
    p->flags = VIA_PKT_SHARED;
    p->total = p->len;
    p->chain = 0;
    p->l3 = 0;
    memset(&p->rec, 0, sizeof p->rec);
    c->s->held--;
    t->snd.pkts++;
    t->snd.unsent_bytes += p->len;
    if (tail && vi && (vi->dev->caps & VIA_VI_JUMBO) && !last->tx.sock && parts < PARTS &&
        tail->total + p->len <= goal) {
        last->chain = via_pkt_id(c, p);
        tail->total += p->len;
    } else {
        via_pktq_push(c, &t->snd.unsent, p);
    }
}

/* A part that was copied; its chain is as the others who hold it know it. */
static void drop_part(struct via_core *c, struct via_pkt *p) {
    c->s->held -= p->owner == VIA_OWNER_APP && p->refs == 1;
    via_pkt_drop_ref(c, p);
}

/* A segment and its chain, each part by itself. */
static int take_seg(struct via_core *c, struct via_tcp_conn *t, const struct via_seg *seg, bool copied) {
    struct via_pkt *p = head_of(seg);
    uint32_t goal = goal_of(c, t), chain;
    const uint8_t *data = seg->data;
    uint32_t len = seg->len;

    if (!copied && p->refs == 1)
        shape(c, p, seg);
    for (;; p = via_pkt_at(c, chain), data = via_pkt_data(c, p), len = p->len) {
        chain = p ? p->chain : 0;
        if (!copied && len && is_free(p, goal)) {
            adopt(c, t, p, goal);
        } else {
            if (via_tcp_enqueue(c, t, data, len) < len)
                return -ENOBUFS; /* cannot be: it was counted before */
            if (!copied)
                drop_part(c, p);
        }
        if (!chain)
            return 0;
    }
}

/* The completion rides on the last part of what was queued; of what was copied it is there at once. */
static int put_token(struct via_core *c, struct via_tcp_conn *t, const struct via_post *post, struct via_pkt *apart) {
    struct via_pkt *p;

    if (apart) {
        via_sock_token(c, &t->sock, apart, post->token);
        via_pkt_sent(c, apart, 0);
        return 0;
    }
    for (p = via_pkt_at(c, t->snd.unsent.tail); p->chain;)
        p = via_pkt_at(c, p->chain);
    via_sock_token(c, &t->sock, p, post->token);
    p->flags &= (uint8_t)~VIA_PKT_TOKEN; /* not before it is acknowledged */
    return 0;
}

static int check(struct via_core *c, struct via_tcp_conn *t, const struct via_post *post, uint32_t *all) {
    int64_t bytes = measure(c, post);
    uint32_t room = via_tcp_room(c, t), frames;
    int err = via_tcp_may_send(c, t);

    if (err)
        return err;
    if (bytes <= 0)
        return via_why_set(c, -EINVAL, "tcp: a segment is no buffer that the application holds, or there are no bytes");
    if (bytes > t->snd.buf)
        return via_why_set(c, -EMSGSIZE, "tcp: more than the send buffer of %u bytes", t->snd.buf);
    if (bytes > room) {
        via_tcp_promise(t, (uint32_t)bytes);
        return via_why_set(c, -EAGAIN, "tcp: the send queue is full");
    }
    frames = (uint32_t)bytes / via_min32(goal_of(c, t), c->frame_size - VIA_HEADROOM) + post->n + 2;
    if (c->s->pkts.free < c->s->reserve + frames)
        return via_why_set(c, -ENOBUFS, "tcp: too few packets are left");
    *all = (uint32_t)bytes;
    return 0;
}

int via_tcp_post(struct via_core *c, struct via_sock *k, const struct via_post *post) {
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)k;
    bool copied = post->flags & VIA_INLINE;
    struct via_pkt *apart = NULL;
    uint32_t i, bytes;
    int err = check(c, t, post, &bytes);

    if (err)
        return err;
    if (copied && post->token && !(apart = via_pkt_new(c, c->s->reserve)))
        return via_why_set(c, -ENOBUFS, "tcp: no packet left");
    for (i = 0; i < post->n && !err; i++)
        err = take_seg(c, t, &post->seg[i], copied);
    VIA_ASSERT(!err);
    if (post->token)
        put_token(c, t, post, apart);
    via_tcp_push(t, post->flags);
    via_tcp_output(c, t);
    if (post->flags & VIA_FLUSH)
        via_tcp_flush(c, t);
    return 0;
}
