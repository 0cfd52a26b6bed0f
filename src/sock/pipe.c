/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/pipe.h"

#include "sock/enter.h"
#include "sock/lend.h"

#include <viaduct/tcp.h>

static struct via_pipe *pipe_at(const struct via_core *c, uint32_t ref) {
    return (struct via_pipe *)(void *)via_sock_at(c, ref);
}

static struct via_pipe *find(const struct via_core *c, via_sock_t s) {
    return (struct via_pipe *)(void *)via_sock_find(c, s, VIA_KIND_PIPE);
}

static struct via_pkt *head_of(const struct via_seg *seg) {
    return (struct via_pkt *)(void *)seg->buf;
}

static struct via_pipe *new_end(struct via_core *c, const struct via_pipe_conf *conf, bool writes, uint32_t *ref) {
    struct via_pipe *p;

    *ref = via_sock_new(c, VIA_KIND_PIPE);
    if (!*ref)
        return NULL;
    p = pipe_at(c, *ref);
    p->limit = conf->bytes ? conf->bytes : (uint32_t)c->attrs.pipe_bytes;
    p->writes = writes;
    p->sock.user = (uint64_t)(uintptr_t)conf->user[writes];
    return p;
}

int via_pipe_open(struct via_stack *st, const struct via_pipe_conf *conf, via_sock_t out[2]) {
    static const struct via_pipe_conf defaults = VIA_PIPE_CONF_INIT;
    struct via_core *c = via_enter(st);
    struct via_pipe *reader, *writer;
    uint32_t ref[2];

    conf = conf ? conf : &defaults;
    if (!out || conf->size != sizeof *conf || conf->bytes > 1u << 30)
        return via_why_set(c, -EINVAL, "pipe: no room for two ends, or a configuration of another version");
    reader = new_end(c, conf, false, &ref[0]);
    writer = reader ? new_end(c, conf, true, &ref[1]) : NULL;
    if (!writer) {
        if (reader)
            via_sock_free(c, &reader->sock);
        return via_why_set(c, -ENOBUFS, "pipe: all %llu pipes are in use (max_pipes)",
                           (unsigned long long)c->attrs.max_pipes);
    }
    reader->mate = ref[1];
    writer->mate = ref[0];
    out[0] = via_handle(ref[0], reader->sock.gen);
    out[1] = via_handle(ref[1], writer->sock.gen);
    return 0;
}

/* Packets that may wait: twice as many as full ones would need, so that small ones are bounded as well. */
static uint32_t most_pkts(const struct via_core *c, const struct via_pipe *r) {
    return 2 * (r->limit / (c->frame_size - VIA_HEADROOM)) + 16;
}

static uint32_t room_of(const struct via_core *c, const struct via_pipe *r) {
    if (r->queued >= r->limit || (r->sock.rxq.pkts > 16 && r->sock.rxq.pkts >= most_pkts(c, r)))
        return 0;
    return r->limit - r->queued;
}

static void push(struct via_core *c, struct via_pipe *r, struct via_pkt *p) {
    p->order = ++c->s->arrivals;
    p->ts = c->s->now;
    p->vi = 0;
    p->owner = VIA_OWNER_RXQ;
    memset(&p->rec, 0, sizeof p->rec);
    r->queued += p->total;
    r->sock.rxq.pkts++;
    via_pktq_push(c, &r->sock.rxq.list, p);
    via_ready_data(c, &r->sock, p);
}

/* Behind the last bytes, where their frame has room for all and nothing came between. */
static bool append(struct via_core *c, struct via_pipe *r, const void *from, uint32_t n) {
    struct via_pkt *tail = r->sock.rxq.list.tail ? via_pkt_at(c, r->sock.rxq.list.tail) : NULL;

    if (!tail || tail->chain || tail->refs > 1 || (tail->flags & (VIA_PKT_CLONE | VIA_PKT_SHARED)) ||
        (uint32_t)tail->off + tail->len + n > c->frame_size || !via_ready_grow(c, &r->sock, tail, n))
        return false;
    memcpy(via_pkt_data(c, tail) + tail->len, from, n);
    tail->len = (uint16_t)(tail->len + n);
    tail->total += n;
    r->queued += n;
    return true;
}

/* Copies `n` bytes; how many, fewer where frames run out. */
static uint32_t copy_in(struct via_core *c, struct via_pipe *r, const uint8_t *from, uint32_t n) {
    uint32_t done = 0, part;

    if (n < c->frame_size / 4 && append(c, r, from, n))
        return n;
    for (; done < n; done += part) {
        struct via_pkt *p = via_pkt_new(c, c->s->reserve);

        if (!p)
            break;
        part = via_min32(n - done, c->frame_size - VIA_HEADROOM);
        memcpy(via_pkt_data(c, p), from + done, part);
        p->len = (uint16_t)part;
        p->total = part;
        push(c, r, p);
    }
    return done;
}

/* The reader of an end that may write; NULL and why not. */
static struct via_pipe *reader_of(struct via_core *c, const struct via_pipe *w, int *err) {
    if (VIA_UNLIKELY(!w->writes))
        *err = via_why_set(c, -EOPNOTSUPP, "pipe: this end reads");
    else if (VIA_UNLIKELY(!w->mate))
        *err = via_why_set(c, -EPIPE, "pipe: nobody reads any more");
    else
        return pipe_at(c, w->mate);
    return NULL;
}

static int64_t iov_bytes(const struct iovec *v, int n) {
    uint64_t sum = 0;
    int i;

    if (n < 0 || (n && !v))
        return -1;
    for (i = 0; i < n; i++) {
        if (!v[i].iov_base && v[i].iov_len)
            return -1;
        sum += v[i].iov_len;
        if (v[i].iov_len > INT32_MAX || sum > INT32_MAX)
            return INT32_MAX;
    }
    return (int64_t)sum;
}

static int refuse_full(struct via_core *c, struct via_pipe *w, uint32_t want) {
    w->want = want;
    return via_why_set(c, -EAGAIN, "pipe: it is full");
}

ssize_t via_pipe_send(struct via_stack *st, via_sock_t s, const struct iovec *v, int n, unsigned flags) {
    struct via_core *c = via_enter(st);
    struct via_pipe *w = find(c, s), *r;
    uint32_t room, left, done = 0;
    int64_t bytes = iov_bytes(v, n);
    int err = 0, i;

    if (VIA_UNLIKELY(!w))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(bytes < 0 || (flags & ~VIA_ALL)))
        return via_why_set(c, -EINVAL, "pipe: a vector that is nowhere, or flags that are not known");
    r = reader_of(c, w, &err);
    if (VIA_UNLIKELY(!r))
        return err;
    if (VIA_UNLIKELY((flags & VIA_ALL) && bytes > r->limit))
        return via_why_set(c, -EMSGSIZE, "pipe: more than the %u bytes that it holds", r->limit);
    room = room_of(c, r);
    if (VIA_UNLIKELY(bytes && (!room || ((flags & VIA_ALL) && bytes > room))))
        return refuse_full(c, w, flags & VIA_ALL ? (uint32_t)bytes : via_min32((uint32_t)bytes, r->limit / 4));
    for (left = via_min32((uint32_t)bytes, room), i = 0; left && i < n; i++) {
        uint32_t part = via_min32((uint32_t)v[i].iov_len, left), took = copy_in(c, r, v[i].iov_base, part);

        done += took;
        left -= took;
        if (took < part)
            break;
    }
    return done || !bytes ? (ssize_t)done : via_why_set(c, -ENOBUFS, "pipe: no packet left");
}

/* Bytes were taken out: SPACE for a writer who waits for it. */
static void give_space(struct via_core *c, struct via_pipe *r, uint32_t bytes) {
    struct via_pipe *w = r->mate ? pipe_at(c, r->mate) : NULL;

    r->queued -= bytes;
    if (VIA_LIKELY(!w || !w->want) || room_of(c, r) < w->want)
        return;
    w->want = 0;
    via_ready_raise(c, &w->sock, VIA_EV_SPACE, 0, 0);
}

ssize_t via_pipe_recv(struct via_stack *st, via_sock_t s, void *buf, size_t len) {
    struct via_core *c = via_enter(st);
    struct via_pipe *r = find(c, s);
    uint32_t n;

    if (VIA_UNLIKELY(!r))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(r->writes))
        return via_why_set(c, -EOPNOTSUPP, "pipe: this end writes");
    if (VIA_UNLIKELY(!buf || !len))
        return via_why_set(c, -EINVAL, "pipe: no room for bytes");
    n = via_rxq_read(c, &r->sock, buf, (uint32_t)via_min_ns(len, INT32_MAX));
    if (VIA_UNLIKELY(!n))
        return r->sock.rxq.list.head || r->mate ? -EAGAIN : 0;
    give_space(c, r, n);
    return (ssize_t)n;
}

static int lend_bytes(struct via_core *c, struct via_sock *k, uint32_t max, struct via_lent *out) {
    struct via_pipe *r = (struct via_pipe *)(void *)k;
    struct via_pkt *p;
    int err;

    if (r->writes)
        return via_why_set(c, -EOPNOTSUPP, "pipe: this end writes");
    err = via_rxq_lend(c, k, max, &p);
    out->eof = !r->mate && !k->rxq.list.head;
    if (err == -EAGAIN)
        return out->eof ? 0 : -EAGAIN;
    if (err < 0)
        return via_why_set(c, err, "pipe: no descriptor for the half of a frame (clones)");
    via_buf_show(c, p, &out->seg);
    out->bytes = p->total;
    out->seq = p->order;
    out->ts = p->ts;
    give_space(c, r, p->total);
    return 1;
}

/* In the application's hands alone, so that it may lie in a queue as it is. */
static bool is_free(const struct via_pkt *p) {
    return p->owner == VIA_OWNER_APP && p->refs == 1 &&
           !(p->flags & (VIA_PKT_CLONE | VIA_PKT_SHARED | VIA_PKT_FLIGHT | VIA_PKT_RAW));
}

/* Bytes of all segments, or -1 for what is no buffer of the application's, or comes twice; how many frames copies take. */
static int64_t measure(struct via_core *c, const struct via_post *post, uint32_t *frames) {
    uint32_t i, k, bytes = 0, room = c->frame_size - VIA_HEADROOM;
    bool copied = post->flags & VIA_INLINE;
    int64_t all = 0;

    for (i = 0, *frames = 1; i < post->n && all < INT32_MAX; i++) {
        const struct via_seg *seg = &post->seg[i];

        if (copied && !seg->buf && (seg->data || !seg->len))
            bytes = seg->len;
        else if (!via_buf_packet(c, seg, &bytes))
            return -1;
        for (k = 0; k < i && seg->buf && !copied; k++)
            if (post->seg[k].buf == seg->buf && head_of(seg)->refs == 1)
                return -1;
        *frames += bytes / room + 2;
        all += bytes;
    }
    return all;
}

/* The token completes now: its bytes were copied. There is a frame for it. */
static void complete_now(struct via_core *c, struct via_pipe *w, uint64_t token) {
    struct via_pkt *apart = via_pkt_new(c, 0);

    if (!apart)
        return;
    via_sock_token(c, &w->sock, apart, token);
    via_pkt_sent(c, apart, 0);
}

/* One part of a buffer becomes a packet of the reader's; a token of it completes when that is released. */
static void adopt(struct via_core *c, struct via_pipe *w, struct via_pkt *p, uint64_t token) {
    struct via_pipe *r = pipe_at(c, w->mate);
    struct via_pkt *view = token ? via_pkt_clone(c, p) : NULL;

    if (view) {
        via_sock_token(c, &w->sock, p, token);
        p->tx.status = 0;
        p->owner = VIA_OWNER_HELD;
        p->refs--; /* the view's alone */
        p = view;
    } else if (token) {
        complete_now(c, w, token); /* sooner than it might, for want of a descriptor */
    }
    push(c, r, p);
}

/* `token`: of the last part, else 0. What others hold as well is copied. */
static void take_part(struct via_core *c, struct via_pipe *w, struct via_pkt *p, const struct via_seg *at, uint64_t token) {
    struct via_pipe *r = pipe_at(c, w->mate);

    if (at->len && p && is_free(p)) {
        c->s->held--;
        p->off = (uint16_t)((const uint8_t *)at->data - via_pkt_frame(c, p));
        p->len = (uint16_t)at->len;
        p->total = at->len;
        p->chain = 0;
        p->flags = VIA_PKT_CSUM_OK;
        adopt(c, w, p, token);
        return;
    }
    copy_in(c, r, at->data, at->len);
    if (p) {
        c->s->held -= p->owner == VIA_OWNER_APP && p->refs == 1;
        via_pkt_drop_ref(c, p);
    }
    if (token)
        complete_now(c, w, token);
}

static void take_seg(struct via_core *c, struct via_pipe *w, const struct via_seg *seg, bool copied, uint64_t token) {
    struct via_seg at = *seg;
    struct via_pkt *p = head_of(seg);

    for (;;) {
        uint32_t chain = p ? p->chain : 0;

        take_part(c, w, copied ? NULL : p, &at, chain ? 0 : token);
        if (!chain)
            return;
        p = via_pkt_at(c, chain);
        at.data = via_pkt_data(c, p);
        at.len = p->len;
    }
}

static int post_bytes(struct via_core *c, struct via_sock *k, const struct via_post *post) {
    struct via_pipe *w = (struct via_pipe *)(void *)k, *r;
    uint32_t frames, i;
    int64_t bytes = measure(c, post, &frames);
    int err = 0;

    r = reader_of(c, w, &err);
    if (!r)
        return err;
    if (bytes <= 0)
        return via_why_set(c, -EINVAL, "pipe: a segment is no buffer that the application holds, or there are no bytes");
    if (bytes > r->limit)
        return via_why_set(c, -EMSGSIZE, "pipe: more than the %u bytes that it holds", r->limit);
    if (bytes > room_of(c, r))
        return refuse_full(c, w, (uint32_t)bytes);
    if (c->s->pkts.free < c->s->reserve + frames)
        return via_why_set(c, -ENOBUFS, "pipe: too few packets are left");
    for (i = 0; i < post->n; i++)
        take_seg(c, w, &post->seg[i], post->flags & VIA_INLINE, i + 1 == post->n ? post->token : 0);
    return 0;
}

static void close_end(struct via_core *c, struct via_sock *k, unsigned flags) {
    struct via_pipe *p = (struct via_pipe *)(void *)k, *mate = p->mate ? pipe_at(c, p->mate) : NULL;

    (void)flags;
    if (mate) {
        mate->mate = 0;
        if (p->writes) {
            mate->sock.flags |= VIA_SOCK_EOF;
            via_ready_raise(c, &mate->sock, VIA_EV_EOF, 0, 0);
        } else {
            mate->sock.flags |= VIA_SOCK_DEAD;
            mate->sock.reason = -EPIPE;
            mate->want = 0;
            via_ready_raise(c, &mate->sock, VIA_EV_TERMINATED, -EPIPE, 0);
        }
    }
    p->mate = 0;
    via_sock_let_go(c, k);
}

static int set_none(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n) {
    (void)k, (void)v, (void)n;
    return via_why_set(c, -ENOPROTOOPT, "pipe: no option %d", opt);
}

static int get_none(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n) {
    return set_none(c, k, opt, v, *n);
}

const struct via_sock_ops via_pipe_ops = {
    .name = "pipe", .close = close_end, .setopt = set_none, .getopt = get_none, .lend = lend_bytes, .post = post_bytes};
