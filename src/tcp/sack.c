/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/sack.h"
#include "base/check.h"

static uint32_t seg_len(const struct via_tcp_seg *s) {
    return s->end - s->seq;
}

static void list_add(struct via_list *l, struct via_tcp_seg *segs, uint32_t id) {
    segs[id].before = l->tail;
    segs[id].after = 0;
    if (l->tail)
        segs[l->tail].after = id;
    else
        l->head = id;
    l->tail = id;
}

static void list_put_behind(struct via_list *l, struct via_tcp_seg *segs, uint32_t at, uint32_t id) {
    uint32_t after = segs[at].after;

    segs[id].before = at;
    segs[id].after = after;
    segs[at].after = id;
    if (after)
        segs[after].before = id;
    else
        l->tail = id;
}

static void list_cut(struct via_list *l, struct via_tcp_seg *segs, uint32_t id) {
    struct via_tcp_seg *s = &segs[id];

    if (s->before)
        segs[s->before].after = s->after;
    else
        l->head = s->after;
    if (s->after)
        segs[s->after].before = s->before;
    else
        l->tail = s->before;
    s->before = s->after = 0;
}

static struct via_list *list_of(struct via_sack *b, const struct via_tcp_seg *s) {
    return s->flags & VIA_SEG_LOST ? &b->lost : &b->flying;
}

/* The finalizer of MurmurHash3: neighbouring ids get unrelated priorities. */
static uint32_t priority(uint32_t id) {
    id ^= id >> 16;
    id *= 0x85ebca6bu;
    id ^= id >> 13;
    id *= 0xc2b2ae35u;
    return id ^ id >> 16;
}

/* Puts `id` where `old` hangs, below `up`. */
static void tree_hang(struct via_sack *b, struct via_tcp_seg *segs, uint32_t up, uint32_t old, uint32_t id) {
    if (!up)
        b->root = id;
    else if (segs[up].left == old)
        segs[up].left = id;
    else
        segs[up].right = id;
    if (id)
        segs[id].up = up;
}

/* Lifts `id` over its parent; the order stays. */
static void tree_lift(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id) {
    uint32_t up = segs[id].up, inner;

    tree_hang(b, segs, segs[up].up, up, id);
    if (segs[up].left == id) {
        inner = segs[id].right;
        segs[up].left = inner;
        segs[id].right = up;
    } else {
        inner = segs[id].left;
        segs[up].right = inner;
        segs[id].left = up;
    }
    if (inner)
        segs[inner].up = up;
    segs[up].up = id;
}

/* `id` comes behind `at`, which has no right child, or before the one that follows, which then has no left one. */
static void tree_add(struct via_sack *b, struct via_tcp_seg *segs, uint32_t at, uint32_t id) {
    struct via_tcp_seg *s = &segs[id];

    s->left = s->right = s->up = 0;
    if (!at) {
        b->root = id;
        return;
    }
    if (!segs[at].right) {
        segs[at].right = id;
        s->up = at;
    } else {
        s->up = s->next;
        segs[s->next].left = id;
    }
    while (s->up && priority(s->up) < priority(id))
        tree_lift(b, segs, id);
}

/* The first segment that ends behind `seq`; 0: none. */
static uint32_t tree_find(const struct via_sack *b, const struct via_tcp_seg *segs, via_seq_t seq) {
    uint32_t id = b->root, found = 0;

    while (id) {
        if (via_seq_lt(seq, segs[id].end)) {
            found = id;
            id = segs[id].left;
        } else {
            id = segs[id].right;
        }
    }
    return found;
}

/* Puts `id` behind `at` (0: it is the first of all) by sequence and into the tree. */
static void link_behind(struct via_sack *b, struct via_tcp_seg *segs, uint32_t at, uint32_t id) {
    struct via_tcp_seg *s = &segs[id];

    s->prev = at;
    s->next = at ? segs[at].next : 0;
    if (at)
        segs[at].next = id;
    else
        b->head = id;
    if (s->next)
        segs[s->next].prev = id;
    else
        b->tail = id;
    tree_add(b, segs, at, id);
    b->segs++;
}

void via_sack_push(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id) {
    struct via_tcp_seg *s = &segs[id];

    VIA_ASSERT(via_seq_lt(s->seq, s->end) && (!b->tail || segs[b->tail].end == s->seq));
    s->flags = (uint16_t)(s->flags & ~(VIA_SEG_SACKED | VIA_SEG_LOST | VIA_SEG_RESENT));
    s->times = 1;
    s->skip = 0;
    link_behind(b, segs, b->tail, id);
    list_add(&b->flying, segs, id);
    b->bytes += seg_len(s);
    if (!b->mark)
        b->mark = id;
    VIA_CHECK(via_sack_valid(b, segs));
}

void via_sack_resent(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id) {
    struct via_tcp_seg *s = &segs[id];

    VIA_ASSERT(!(s->flags & VIA_SEG_SACKED));
    list_cut(list_of(b, s), segs, id);
    if (s->flags & VIA_SEG_LOST)
        b->lost_bytes -= seg_len(s);
    s->flags = (uint16_t)((s->flags & ~VIA_SEG_LOST) | VIA_SEG_RESENT);
    s->times = (uint16_t)(s->times + (s->times < UINT16_MAX));
    list_add(&b->flying, segs, id);
    VIA_CHECK(via_sack_valid(b, segs));
}

void via_sack_split(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id, uint32_t rest, via_seq_t seq) {
    struct via_tcp_seg *s = &segs[id];

    VIA_ASSERT(via_seq_lt(s->seq, seq) && via_seq_lt(seq, s->end) && !(s->flags & VIA_SEG_SACKED));
    segs[rest] = *s;
    segs[rest].seq = seq;
    s->end = seq;
    link_behind(b, segs, id, rest);
    list_put_behind(list_of(b, s), segs, id, rest);
    VIA_CHECK(via_sack_valid(b, segs));
}

void via_sack_lose(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id) {
    struct via_tcp_seg *s = &segs[id];

    VIA_ASSERT(!(s->flags & (VIA_SEG_SACKED | VIA_SEG_LOST)));
    list_cut(&b->flying, segs, id);
    s->flags |= VIA_SEG_LOST;
    list_add(&b->lost, segs, id);
    b->lost_bytes += seg_len(s);
}

/* Takes the first `len` bytes of the head out of the sums; returns how many of them were not SACKED. */
static uint32_t discount(struct via_sack *b, const struct via_tcp_seg *s, uint32_t len) {
    b->bytes -= len;
    if (s->flags & VIA_SEG_SACKED) {
        b->sacked -= len;
        return 0;
    }
    if (s->flags & VIA_SEG_LOST)
        b->lost_bytes -= len;
    return len;
}

static void pop_head(struct via_sack *b, struct via_tcp_seg *segs) {
    uint32_t id = b->head;
    struct via_tcp_seg *s = &segs[id];

    tree_hang(b, segs, s->up, id, s->right);
    if (!(s->flags & VIA_SEG_SACKED))
        list_cut(list_of(b, s), segs, id);
    else
        b->sacked_segs--;
    if (b->mark == id) {
        b->above -= !!(s->flags & VIA_SEG_SACKED);
        b->mark = s->next;
    }
    b->head = s->next;
    if (b->head)
        segs[b->head].prev = 0;
    else
        b->tail = 0;
    b->segs--;
}

static void take_cumulative(struct via_sack *b, struct via_tcp_seg *segs, struct via_sack_ack *a) {
    uint32_t last = 0, bytes = b->bytes;

    while (b->head && via_seq_le(segs[b->head].end, a->ack)) {
        uint32_t id = b->head;

        a->acked += discount(b, &segs[id], seg_len(&segs[id]));
        pop_head(b, segs);
        if (last)
            segs[last].next = id;
        else
            a->gone = id;
        segs[id].next = 0;
        last = id;
    }
    if (b->head && via_seq_lt(segs[b->head].seq, a->ack)) {
        a->acked += discount(b, &segs[b->head], a->ack - segs[b->head].seq);
        segs[b->head].seq = a->ack;
    }
    a->advanced = b->bytes != bytes;
    /* Without SACK an ACK that moves on tells of what the duplicates had told of, and the one that filled the hole. */
    if (a->advanced)
        b->guess -= via_min32(b->guess, bytes - b->bytes);
}

/* The last of the run of SACKED segments that `id` is in; halves the way for those who come next. */
static uint32_t run_end(struct via_tcp_seg *segs, uint32_t id) {
    while (segs[id].skip != id) {
        segs[id].skip = segs[segs[id].skip].skip;
        id = segs[id].skip;
    }
    return id;
}

static void mark_sacked(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id) {
    struct via_tcp_seg *s = &segs[id];

    list_cut(list_of(b, s), segs, id);
    if (s->flags & VIA_SEG_LOST)
        b->lost_bytes -= seg_len(s);
    s->flags = (uint16_t)((s->flags & ~VIA_SEG_LOST) | VIA_SEG_SACKED);
    s->skip = s->next && segs[s->next].flags & VIA_SEG_SACKED ? s->next : id;
    if (s->prev && segs[s->prev].flags & VIA_SEG_SACKED)
        segs[s->prev].skip = id;
    b->sacked += seg_len(s);
    b->sacked_segs++;
    if (b->mark && via_seq_le(segs[b->mark].seq, s->seq))
        b->above++;
}

static void take_block(struct via_sack *b, struct via_tcp_seg *segs, struct via_sack_ack *a, struct via_tcp_block x) {
    uint32_t id = tree_find(b, segs, x.from);

    if (id && via_seq_lt(segs[id].seq, x.from))
        id = segs[id].next;
    while (id && via_seq_le(segs[id].end, x.to)) {
        if (segs[id].flags & VIA_SEG_SACKED) {
            id = segs[run_end(segs, id)].next;
            continue;
        }
        mark_sacked(b, segs, id);
        a->sacked += seg_len(&segs[id]);
        segs[id].after = a->fresh;
        a->fresh = id;
        id = segs[id].next;
    }
}

/* RFC 2883 4: the first block, below the ACK or inside the second block. */
static bool is_duplicate(const struct via_sack_ack *a) {
    struct via_tcp_block x = a->block[0];

    if (via_seq_le(x.to, a->ack))
        return true;
    return a->blocks > 1 && via_seq_le(a->block[1].from, x.from) && via_seq_le(x.to, a->block[1].to);
}

void via_sack_acked(struct via_sack *b, struct via_tcp_seg *segs, struct via_sack_ack *a) {
    uint32_t i;

    a->acked = a->sacked = a->gone = a->fresh = 0;
    a->reneged = a->dsack = false;
    take_cumulative(b, segs, a);
    for (i = 0; i < a->blocks; i++) {
        struct via_tcp_block x = a->block[i];

        if (!via_seq_lt(x.from, x.to) || via_seq_lt(a->nxt, x.to))
            continue;
        if (i == 0 && is_duplicate(a)) {
            a->dsack = true;
            a->dup = x;
        }
        /* What lies below the ACK, in part or whole, tells nothing new. */
        if (via_seq_le(a->ack, x.from))
            take_block(b, segs, a, x);
    }
    a->reneged = b->head && segs[b->head].flags & VIA_SEG_SACKED;
    VIA_CHECK(via_sack_valid(b, segs));
}

uint32_t via_sack_judge(struct via_sack *b, struct via_tcp_seg *segs, uint32_t threshold) {
    uint32_t before = b->lost_bytes;

    while (b->mark) {
        struct via_tcp_seg *s = &segs[b->mark];

        if (s->flags & VIA_SEG_SACKED)
            b->above--;
        else if (b->above < threshold)
            break;
        else if (!(s->flags & (VIA_SEG_LOST | VIA_SEG_RESENT)))
            via_sack_lose(b, segs, b->mark);
        b->mark = s->next;
    }
    VIA_CHECK(via_sack_valid(b, segs));
    return b->lost_bytes - before;
}

void via_sack_timeout(struct via_sack *b, struct via_tcp_seg *segs, bool forget) {
    uint32_t id;

    b->flying = b->lost = (struct via_list){0, 0};
    b->lost_bytes = b->guess = 0;
    if (forget)
        b->sacked = b->sacked_segs = 0;
    for (id = b->head; id; id = segs[id].next) {
        struct via_tcp_seg *s = &segs[id];

        if (forget)
            s->flags = (uint16_t)(s->flags & ~VIA_SEG_SACKED);
        if (s->flags & VIA_SEG_SACKED)
            continue;
        s->flags |= VIA_SEG_LOST;
        list_add(&b->lost, segs, id);
        b->lost_bytes += seg_len(s);
    }
    /* What is sent from here on is judged afresh; all that is here is lost already. */
    b->mark = 0;
    b->above = 0;
    VIA_CHECK(via_sack_valid(b, segs));
}

uint32_t via_sack_rescue(const struct via_sack *b, const struct via_tcp_seg *segs) {
    uint32_t id = b->tail;

    while (id && segs[id].flags & VIA_SEG_SACKED)
        id = segs[id].prev;
    return id;
}

struct sums {
    uint32_t segs, bytes, sacked, sacked_segs, lost, flying_segs, lost_segs, above;
};

static bool node_valid(const struct via_sack *b, const struct via_tcp_seg *segs, uint32_t id) {
    const struct via_tcp_seg *s = &segs[id];

    if (s->up ? segs[s->up].left != id && segs[s->up].right != id : b->root != id)
        return false;
    if (s->up && priority(s->up) < priority(id))
        return false;
    if ((s->left && via_seq_lt(s->seq, segs[s->left].end)) || (s->right && via_seq_lt(segs[s->right].seq, s->end)))
        return false;
    if (s->flags & VIA_SEG_SACKED &&
        (s->flags & VIA_SEG_LOST || !(segs[s->skip].flags & VIA_SEG_SACKED) || via_seq_lt(segs[s->skip].seq, s->seq)))
        return false;
    return via_seq_lt(s->seq, s->end) && tree_find(b, segs, s->seq) == id;
}

static bool list_valid(const struct via_list *l, const struct via_tcp_seg *segs, uint16_t want, uint32_t count) {
    uint32_t id, before = 0, n = 0;

    for (id = l->head; id && n <= count; id = segs[id].after, n++) {
        if (segs[id].before != before || (segs[id].flags & (VIA_SEG_SACKED | VIA_SEG_LOST)) != want)
            return false;
        before = id;
    }
    return n == count && l->tail == before;
}

bool via_sack_valid(const struct via_sack *b, const struct via_tcp_seg *segs) {
    struct sums n = {0};
    uint32_t id, prev = 0;
    bool behind = false;

    for (id = b->head; id; prev = id, id = segs[id].next) {
        const struct via_tcp_seg *s = &segs[id];

        if (s->prev != prev || (prev && segs[prev].end != s->seq) || !node_valid(b, segs, id))
            return false;
        behind |= id == b->mark;
        n.segs++;
        n.bytes += seg_len(s);
        n.above += behind && s->flags & VIA_SEG_SACKED;
        if (s->flags & VIA_SEG_SACKED) {
            n.sacked += seg_len(s);
            n.sacked_segs++;
        } else if (s->flags & VIA_SEG_LOST) {
            n.lost += seg_len(s);
            n.lost_segs++;
        } else {
            n.flying_segs++;
        }
    }
    return b->tail == prev && n.segs == b->segs && n.bytes == b->bytes && n.sacked == b->sacked &&
           n.sacked_segs == b->sacked_segs && n.lost == b->lost_bytes && n.above == b->above && (!b->mark || behind) &&
           list_valid(&b->flying, segs, 0, n.flying_segs) && list_valid(&b->lost, segs, VIA_SEG_LOST, n.lost_segs);
}
