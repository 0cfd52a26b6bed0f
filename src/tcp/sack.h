/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sack.h - the scoreboard: every segment under way, and what the peer has told about it (RFC 2018, RFC 2883, RFC 6675).
 *
 * Segments lie in an array, named by ids from 1; the array, and which ids are free, is the caller's (`segs` is where id
 * 0 would lie). They are linked in order of sequence, and form a tree (a treap, its priorities made of the ids) in
 * which the edge of a SACK block is found. Beside that a segment is in one of three states:
 *
 *   flying  believed to be in the network; a list in order of the last transmission
 *   lost    believed to have left it; a list in the order in which they should be sent again
 *   SACKED  arrived; in no list
 *
 * Costs. Sending and acknowledging are O(1) amortised. A SACK block costs O(log n) for its edge, and then only what it
 * newly covers: runs that are known are stepped over at once (union-find), so that the same blocks in a thousand ACKs
 * are cheap, and blocks that pick single segments out of a large window cost a logarithm each. Segments are never split
 * by what a peer says: one that a block covers in part counts as not covered. How many there are is the caller's
 * charge.
 *
 * Nothing a receiver tells by SACK is final: segments are only released by via_sack_acked() below SND.UNA.
 */
#ifndef VIA_TCP_SACK_H
#define VIA_TCP_SACK_H

#include "base/list.h"
#include "base/seq.h"
#include "wire/tcp.h"

enum via_tcp_seg_flag {
    VIA_SEG_SACKED = 1,
    VIA_SEG_LOST = 2,        /* on the list of lost segments */
    VIA_SEG_RESENT = 4,      /* sent more than once */
    VIA_SEG_APP_LIMITED = 8, /* for rate samples: the application was the limit when it was sent */
    VIA_SEG_USER = 16,       /* this bit and higher ones are the caller's: SYN, FIN, PSH */
};

struct via_tcp_seg {
    via_seq_t seq, end;       /* sequence numbers [seq, end), not empty; SYN and FIN count */
    uint32_t next, prev;      /* by sequence */
    uint32_t after, before;   /* in the list of its state */
    uint32_t up, left, right; /* in the tree */
    uint32_t skip;            /* of a SACKED one: another, behind it in the same run, or itself */
    uint32_t data;            /* the caller's: where its bytes are */
    uint32_t tsval;           /* timestamp of the last transmission */
    via_ns_t sent;            /* time of the last transmission */
    via_ns_t first_sent;      /* for rate samples, set when sent: when the segment was sent that was delivered last */
    via_ns_t delivered_at;    /* and when that was */
    uint32_t delivered, lost; /* and how many bytes were delivered by then, and lost */
    uint16_t flags;           /* enum via_tcp_seg_flag */
    uint16_t times;           /* transmissions */
    uint32_t flight;          /* for rate samples: bytes under way then, this one too */
};

/* Zeroed memory is an empty scoreboard. */
struct via_sack {
    uint32_t head, tail, root;
    uint32_t segs;   /* segments */
    uint32_t bytes;  /* of sequence space in them: SND.NXT - SND.UNA */
    uint32_t sacked; /* bytes SACKED */
    uint32_t sacked_segs;
    uint32_t lost_bytes; /* bytes on the list of lost */
    uint32_t guess;      /* bytes that arrived by the word of duplicate ACKs, where SACK is not spoken */
    struct via_list flying, lost;
    uint32_t mark;  /* where via_sack_judge() goes on; 0: behind the tail */
    uint32_t above; /* SACKED segments at or behind `mark` */
};

/* One ACK: what it says, and what follows. */
struct via_sack_ack {
    /* in */
    via_seq_t ack; /* from SND.UNA to SND.NXT: the caller has checked */
    via_seq_t nxt; /* SND.NXT */
    const struct via_tcp_block *block;
    uint32_t blocks;
    /* out */
    uint32_t acked;  /* bytes that this ACK tells to have arrived: cumulatively, not SACKED before */
    uint32_t sacked; /* the same, selectively */
    uint32_t gone;   /* list (by `next`) of segments below `ack`: read them, then free their ids */
    uint32_t fresh;  /* list (by `after`) of segments newly SACKED: read them before the next call */
    bool advanced;   /* `ack` moved SND.UNA */
    bool reneged;    /* the first segment was SACKED once, and `ack` still says that it is missing (RFC 2018 8) */
    bool dsack;      /* the first block reports a duplicate (RFC 2883), which is: */
    struct via_tcp_block dup;
};

/* What is believed to be in the network (RFC 6675 4, "pipe"). */
static inline uint32_t via_sack_pipe(const struct via_sack *b) {
    uint32_t flying = b->bytes - b->sacked - b->lost_bytes;

    return flying - via_min32(flying, b->guess);
}

/* A segment goes out for the first time, at SND.NXT. `seq`, `end`, `sent`, `data` and flags of the user are set. */
void via_sack_push(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id);

/* The same where none is under way. */
static inline void via_sack_push_only(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id) {
    struct via_tcp_seg *s = &segs[id];

    s->flags = (uint16_t)(s->flags & ~(VIA_SEG_SACKED | VIA_SEG_LOST | VIA_SEG_RESENT));
    s->times = 1;
    s->skip = s->next = s->prev = s->after = s->before = s->up = s->left = s->right = 0;
    b->head = b->tail = b->root = b->mark = id;
    b->flying = (struct via_list){id, id};
    b->segs = 1;
    b->bytes = s->end - s->seq;
}

/* A segment, in whatever state but SACKED, goes out again; `sent` is new. */
void via_sack_resent(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id);

/* Cuts a segment that is not SACKED at `seq`, inside it: `id` keeps the front, `rest` becomes the part behind. */
void via_sack_split(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id, uint32_t rest, via_seq_t seq);

void via_sack_acked(struct via_sack *b, struct via_tcp_seg *segs, struct via_sack_ack *a);

/* The same where but one segment is under way, and the ACK is for all of it and tells no more. False: it is not so. */
static inline bool via_sack_acked_only(struct via_sack *b, const struct via_tcp_seg *segs, struct via_sack_ack *a) {
    uint32_t id = b->head;

    if (id != b->tail || a->blocks || segs[id].end != a->ack || (segs[id].flags & (VIA_SEG_SACKED | VIA_SEG_LOST)))
        return false;
    a->acked = b->bytes;
    a->gone = id;
    a->sacked = a->fresh = 0;
    a->reneged = a->dsack = false;
    a->advanced = true;
    b->head = b->tail = b->root = b->segs = b->bytes = b->guess = b->mark = 0;
    b->flying = (struct via_list){0, 0};
    return true;
}

/* A duplicate ACK without SACK: one more segment has left the network (RFC 5681 3.2). Ends when SND.UNA moves on. */
static inline void via_sack_duplicate(struct via_sack *b, uint32_t mss) {
    b->guess = via_min32(b->guess + mss, b->bytes);
}

/* A flying segment is believed lost. */
void via_sack_lose(struct via_sack *b, struct via_tcp_seg *segs, uint32_t id);

/*
 * RFC 6675 IsLost(): segments with `threshold` SACKED ones above them are lost, each at most once in its life. Returns
 * their bytes. For where RACK is switched off.
 */
uint32_t via_sack_judge(struct via_sack *b, struct via_tcp_seg *segs, uint32_t threshold);

/*
 * A timeout: everything that is not SACKED is lost, in order of sequence (RFC 6675 5.1). `forget`: the peer reneged, so
 * that what was SACKED is lost too.
 */
void via_sack_timeout(struct via_sack *b, struct via_tcp_seg *segs, bool forget);

/* The lost segment to send next; 0: none. */
static inline uint32_t via_sack_next_lost(const struct via_sack *b) {
    return b->lost.head;
}

/* RFC 6675 4, NextSeg rule 4: the last segment that is not SACKED, to send once in a recovery; 0: none. */
uint32_t via_sack_rescue(const struct via_sack *b, const struct via_tcp_seg *segs);

/* Walks everything: links, tree, lists and sums. For VIA_CHECK; O(n). */
bool via_sack_valid(const struct via_sack *b, const struct via_tcp_seg *segs);

#endif
