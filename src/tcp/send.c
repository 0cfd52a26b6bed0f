/* SPDX-License-Identifier: BSD-2-Clause */
/* The send queue: bytes at the door become packets of the size in which they will go. */
#include "sock/enter.h"
#include "tcp/tcp.h"

uint32_t via_tcp_parts(const struct via_core *c, const struct via_pkt *p) {
    uint32_t n = 1;

    for (; p->chain; n++)
        p = via_pkt_at(c, p->chain);
    return n;
}

static uint32_t frame_room(const struct via_core *c) {
    return c->frame_size - VIA_HEADROOM;
}

/* Frames that the queue may hold: twice as many as full ones would need, so that small sends are bounded as well. */
static uint32_t most_pkts(const struct via_core *c, const struct via_tcp_conn *t) {
    return 2 * (t->snd.buf / frame_room(c)) + 16;
}

uint32_t via_tcp_room(const struct via_core *c, const struct via_tcp_conn *t) {
    uint32_t queued = via_tcp_queued(t), most;

    if (queued >= t->snd.buf)
        return 0;
    if (VIA_LIKELY(t->snd.pkts <= 16)) /* at least as many may always be there */
        return t->snd.buf - queued;
    most = most_pkts(c, t);
    if (t->snd.pkts >= most)
        return 0;
    return via_min32(t->snd.buf - queued, (most - t->snd.pkts) * frame_room(c));
}

/*
 * The packet that carries a token is acknowledged, or will never be: its completion waits for the device alone. Until
 * here the token's flag was not set, for a device that returns a frame has not sent it for the last time.
 */
static void complete(struct via_core *c, const struct via_tcp_conn *t, struct via_pkt *p) {
    int status = t->state == VIA_TCP_CLOSED ? -ECANCELED : 0;

    p->flags |= VIA_PKT_TOKEN;
    if (!(p->flags & VIA_PKT_FLIGHT)) {
        via_pkt_sent(c, p, status);
        return;
    }
    p->refs--;
    p->tx.status = -status;
    c->vi[p->vi]->tokens++;
}

/* One part of a packet leaves the queue; what a device still reads comes back to the pool when that lets go. */
static void drop_part(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p) {
    t->snd.pkts--;
    p->chain = 0;
    p->flags &= (uint8_t)~VIA_PKT_SHARED;
    if (VIA_UNLIKELY(p->tx.sock)) {
        complete(c, t, p);
        return;
    }
    via_pkt_drop_ref(c, p);
}

/* Up to `n` bytes off the front of one part, whose sum then holds no more. Emptied it still begins inside its frame. */
static uint32_t shorten(struct via_pkt *part, uint32_t n) {
    n = via_min32(n, part->len);
    part->len = (uint16_t)(part->len - n);
    part->off = (uint16_t)(part->off + (part->len ? n : 0));
    part->l3 = 0;
    return n;
}

/* The head stays, for others name it, and so do parts with a token; others that get empty go. */
void via_tcp_skip(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, uint32_t n) {
    struct via_pkt *at;

    if (n >= p->total) {
        for (;;) {
            uint32_t chain = p->chain;

            drop_part(c, t, p);
            if (!chain)
                return;
            p = via_pkt_at(c, chain);
        }
    }
    p->total -= n;
    n -= shorten(p, n);
    for (at = p; n;) {
        struct via_pkt *part = via_pkt_at(c, at->chain);

        if (n < part->len || part->tx.sock) {
            n -= shorten(part, n);
            at = part;
            continue;
        }
        n -= part->len;
        at->chain = part->chain;
        drop_part(c, t, part);
    }
}

static struct via_pkt *new_part(struct via_core *c, struct via_tcp_conn *t) {
    struct via_pkt *p = via_pkt_new(c, c->s->reserve);

    if (!p)
        return NULL;
    p->owner = VIA_OWNER_HELD;
    p->flags = VIA_PKT_SHARED; /* nobody writes beside these bytes, and a device that returns the frame leaves it ours */
    t->snd.pkts++;
    return p;
}

static struct via_pkt *last_part(const struct via_core *c, struct via_pkt *p) {
    while (VIA_UNLIKELY(p->chain))
        p = via_pkt_at(c, p->chain);
    return p;
}

/* Copies `n` bytes that fit behind what is in `p`; `summed`: their sum is kept with them. */
static void copy_in(const struct via_core *c, struct via_pkt *p, const void *from, uint32_t n, bool summed) {
    uint8_t *to = via_pkt_data(c, p) + p->len;

    if (summed && (!p->len || p->l3 == 1)) {
        p->ts = via_sum_join(p->len ? p->ts : 0, via_sum_copy(0, to, from, n), p->len & 1);
        p->l3 = 1;
    } else {
        memcpy(to, from, n);
        p->l3 = 0;
    }
    p->len = (uint16_t)(p->len + n);
}

/* Appends up to `n` bytes to a packet of at most `most`; returns how many, short where frames ran out. */
static uint32_t fill(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, const uint8_t *from, uint32_t n,
                     uint32_t most, bool summed) {
    struct via_pkt *part = last_part(c, p);
    uint32_t done = 0;

    n = via_min32(n, most - p->total);
    while (done < n) {
        uint32_t room = c->frame_size - part->off - part->len, take = via_min32(n - done, room);

        if (!take) {
            struct via_pkt *more = new_part(c, t);

            if (!more)
                break;
            part->chain = via_pkt_id(c, more);
            part = more;
            continue;
        }
        copy_in(c, part, from + done, take, summed);
        done += take;
    }
    p->total += done;
    return done;
}

struct via_pkt *via_tcp_front(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, uint32_t n) {
    struct via_pkt *front = new_part(c, t), *at;
    uint32_t left = n;

    for (at = p; front && left; at = at->chain ? via_pkt_at(c, at->chain) : NULL) {
        uint32_t take = via_min32(left, at->len);

        if (fill(c, t, front, via_pkt_data(c, at), take, n, false) < take) {
            via_tcp_skip(c, t, front, UINT32_MAX);
            return NULL;
        }
        left -= take;
    }
    return front;
}

/* Does anybody wait for the completion of what lies in the first `n` bytes? */
static bool has_token(const struct via_core *c, const struct via_tcp_conn *t, uint32_t n) {
    const struct via_pkt *p = NULL, *part;
    uint32_t id = t->snd.unsent.head, sum = 0;

    for (; sum < n; sum += p->total, id = p->next) {
        p = via_pkt_at(c, id);
        for (part = p; part; part = part->chain ? via_pkt_at(c, part->chain) : NULL)
            if (part->tx.sock)
                return true;
    }
    return false;
}

static bool copy_front(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *to, uint32_t n) {
    const struct via_pkt *p = via_pkt_at(c, t->snd.unsent.head), *part = p;

    while (to->total < n) {
        uint32_t take = via_min32(n - to->total, part->len);

        if (fill(c, t, to, via_pkt_data(c, part), take, n, false) < take)
            return false;
        if (part->chain) {
            part = via_pkt_at(c, part->chain);
        } else if (to->total < n) {
            p = via_pkt_at(c, p->next);
            part = p;
        }
    }
    return true;
}

struct via_pkt *via_tcp_gather(struct via_core *c, struct via_tcp_conn *t, uint32_t n) {
    struct via_list *q = &t->snd.unsent;
    struct via_pkt *front;
    uint32_t left = n;

    if (t->snd.unsent_bytes < n || has_token(c, t, n) || !(front = new_part(c, t)))
        return NULL;
    if (!copy_front(c, t, front, n)) {
        via_tcp_skip(c, t, front, UINT32_MAX);
        return NULL;
    }
    while (left) {
        struct via_pkt *p = via_pkt_at(c, q->head);
        uint32_t part = via_min32(left, p->total);

        if (part == p->total)
            via_pktq_pop(c, q);
        via_tcp_skip(c, t, p, part);
        left -= part;
    }
    front->next = q->head;
    q->head = via_pkt_id(c, front);
    q->tail = q->tail ? q->tail : q->head;
    return front;
}

/* Whole frames change hands; of the one through which the cut goes, what lies behind is copied. */
struct via_pkt *via_tcp_cut(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, uint32_t n) {
    struct via_pkt *part = p, *rest;
    uint32_t left = n;

    for (; left > part->len; part = via_pkt_at(c, part->chain))
        left -= part->len;
    if (left < part->len) {
        rest = new_part(c, t);
        if (!rest)
            return NULL;
        copy_in(c, rest, via_pkt_data(c, part) + left, part->len - left, false);
        rest->chain = part->chain;
        rest->tx = part->tx;
        rest->order = part->order;
        part->tx.sock = 0;
        part->len = (uint16_t)left;
        part->l3 = 0;
    } else {
        rest = via_pkt_at(c, part->chain);
    }
    part->chain = 0;
    rest->total = p->total - n;
    p->total = n;
    return rest;
}

/* The packet at the end of the queue, if it may grow; else a new one. NULL: no frames. */
static struct via_pkt *open_packet(struct via_core *c, struct via_tcp_conn *t, uint32_t goal) {
    struct via_pkt *p = t->snd.unsent.tail ? via_pkt_at(c, t->snd.unsent.tail) : NULL;

    if (p && p->total < goal && !last_part(c, p)->tx.sock)
        return p;
    p = new_part(c, t);
    if (p)
        via_pktq_push(c, &t->snd.unsent, p);
    return p;
}

uint32_t via_tcp_enqueue(struct via_core *c, struct via_tcp_conn *t, const uint8_t *from, uint32_t n) {
    struct via_tcp_way *w = via_tcp_way(c, t);
    bool summed = !(w->path.flags & VIA_PATH_CSUM_FREE);
    uint32_t goal = t->snd.mss ? t->snd.most : via_tcp_way_mss(w), done = 0;

    while (done < n) {
        struct via_pkt *p = open_packet(c, t, goal);
        uint32_t took;

        if (!p)
            break;
        took = fill(c, t, p, from + done, n - done, goal, summed);
        if (!took)
            break;
        done += took;
    }
    t->snd.unsent_bytes += done;
    c->tcp->tx_copied += done;
    return done;
}

/* A packet that got no bytes must not stay. */
static void drop_empty(struct via_core *c, struct via_tcp_conn *t) {
    struct via_list *q = &t->snd.unsent;
    uint32_t id = q->head, prev = 0;

    if (!q->tail || via_pkt_at(c, q->tail)->total)
        return;
    for (; id != q->tail; id = via_pkt_at(c, id)->next)
        prev = id;
    q->tail = prev;
    if (prev)
        via_pkt_at(c, prev)->next = 0;
    else
        q->head = 0;
    via_tcp_skip(c, t, via_pkt_at(c, id), UINT32_MAX);
}

int via_tcp_may_send(struct via_core *c, const struct via_tcp_conn *t) {
    if (VIA_UNLIKELY(t->state == VIA_TCP_CLOSED))
        return via_why_set(c, t->sock.reason ? t->sock.reason : -EPIPE, "tcp: the connection has ended");
    if (VIA_UNLIKELY(t->bits & VIA_TCPB_FIN))
        return via_why_set(c, -EPIPE, "tcp: this side was shut down");
    return 0;
}

/* Bytes of a vector; -1 for a part that is nowhere. */
static int64_t iov_bytes(const struct iovec *v, int n) {
    uint64_t sum = 0;
    int i;

    for (i = 0; i < n; i++) {
        if (!v[i].iov_base && v[i].iov_len)
            return -1;
        sum += v[i].iov_len;
        if (v[i].iov_len > INT32_MAX || sum > INT32_MAX)
            return INT32_MAX;
    }
    return (int64_t)sum;
}

void via_tcp_promise(struct via_tcp_conn *t, uint32_t bytes) {
    t->bits |= VIA_TCPB_SPACE;
    t->snd.want = bytes;
}

void via_tcp_give_space(struct via_core *c, struct via_tcp_conn *t) {
    if (!(t->bits & VIA_TCPB_SPACE) || via_tcp_room(c, t) < t->snd.want)
        return;
    t->bits &= (uint32_t)~VIA_TCPB_SPACE;
    c->tcp->news++;
    via_ready_raise(c, &t->sock, VIA_EV_SPACE, 0, 0);
}

void via_tcp_flush(struct via_core *c, const struct via_tcp_conn *t) {
    struct via_vi *vi = t->way ? c->vi[via_tcp_way(c, t)->path.vi] : NULL;

    if (vi && via_vi_unflushed(vi))
        via_vi_flush(vi);
}

static ssize_t refuse_full(struct via_core *c, struct via_tcp_conn *t, uint32_t want) {
    via_tcp_promise(t, want);
    return via_why_set(c, -EAGAIN, "tcp: the send queue is full");
}

static uint32_t take_vector(struct via_core *c, struct via_tcp_conn *t, const struct iovec *v, int n, uint32_t most) {
    uint32_t done = 0;
    int i;

    for (i = 0; i < n && done < most; i++) {
        uint32_t part = via_min32((uint32_t)v[i].iov_len, most - done), took = via_tcp_enqueue(c, t, v[i].iov_base, part);

        done += took;
        if (took < part)
            break;
    }
    drop_empty(c, t);
    return done;
}

void via_tcp_push(struct via_tcp_conn *t, unsigned flags) {
    if (flags & VIA_MORE)
        t->bits |= VIA_TCPB_MORE;
    else if (t->bits & VIA_TCPB_MORE)
        t->bits = (t->bits & (uint32_t)~VIA_TCPB_MORE) | (t->bits & VIA_TCPB_CORKED ? VIA_TCPB_PUSH : 0u);
}

ssize_t via_tcp_send(struct via_stack *st, via_sock_t s, const struct iovec *v, int n, unsigned flags) {
    struct via_core *c = via_enter(st);
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)via_sock_find(c, s, VIA_KIND_TCP);
    int64_t bytes;
    uint32_t room, done;
    int err;

    if (VIA_UNLIKELY(!t))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(n < 0 || (n && !v) || (bytes = iov_bytes(v, n)) < 0))
        return via_why_set(c, -EINVAL, "tcp: a vector that is nowhere");
    if (VIA_UNLIKELY(flags & ~(VIA_MORE | VIA_FLUSH | VIA_ALL)))
        return via_why_set(c, -EINVAL, "tcp: send flags %#x are not known", flags);
    err = via_tcp_may_send(c, t);
    if (VIA_UNLIKELY(err))
        return err;
    room = via_tcp_room(c, t);
    if (VIA_UNLIKELY((flags & VIA_ALL) && bytes > t->snd.buf))
        return via_why_set(c, -EMSGSIZE, "tcp: more than the send buffer of %u bytes", t->snd.buf);
    if (VIA_UNLIKELY(!room || ((flags & VIA_ALL) && bytes > room)) && bytes)
        return refuse_full(c, t, flags & VIA_ALL ? (uint32_t)bytes : via_min32((uint32_t)bytes, t->snd.buf / 4));
    done = take_vector(c, t, v, n, via_min32((uint32_t)bytes, room));
    if (VIA_UNLIKELY(!done && bytes))
        return via_why_set(c, -ENOBUFS, "tcp: no packet left");
    via_tcp_push(t, flags);
    via_tcp_output(c, t);
    if (flags & VIA_FLUSH)
        via_tcp_flush(c, t);
    return (ssize_t)done;
}

int via_tcp_space(struct via_stack *st, via_sock_t s, size_t *now, size_t *burst) {
    struct via_core *c = via_enter(st);
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)via_sock_find(c, s, VIA_KIND_TCP);
    uint32_t pipe, window, leaves = 0;
    int err;

    if (!t)
        return via_bad_handle(c);
    err = via_tcp_may_send(c, t);
    if (err)
        return err;
    if (now)
        *now = via_tcp_room(c, t);
    if (!burst)
        return 0;
    if (via_tcp_is_synced(t)) {
        pipe = via_sack_pipe(&t->board) + t->snd.unsent_bytes;
        window = via_tcp_window(t);
        leaves = window > pipe ? window - pipe : 0;
        leaves = via_min32(leaves, via_tcp_usable(t) > t->snd.unsent_bytes ? via_tcp_usable(t) - t->snd.unsent_bytes : 0);
        leaves = via_min32(leaves, via_tcp_room(c, t));
    }
    *burst = leaves;
    return 0;
}

int via_tcp_want_space(struct via_stack *st, via_sock_t s, size_t bytes) {
    struct via_core *c = via_enter(st);
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)via_sock_find(c, s, VIA_KIND_TCP);
    int err;

    if (!t)
        return via_bad_handle(c);
    err = via_tcp_may_send(c, t);
    if (err)
        return err;
    if (bytes > t->snd.buf)
        return via_why_set(c, -EMSGSIZE, "tcp: more than the send buffer of %u bytes", t->snd.buf);
    if (via_tcp_room(c, t) >= bytes)
        return 1;
    via_tcp_promise(t, (uint32_t)bytes);
    return 0;
}
