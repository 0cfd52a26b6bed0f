/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recover.h - decisions during loss recovery, as functions over small structs: how much may be sent (PRR, RFC 9937),
 * whether a timeout was spurious (F-RTO, RFC 5682), and whether everything that was sent again was sent for nothing
 * (Eifel, RFC 3522 and RFC 4015; D-SACK, RFC 3708).
 *
 * All sizes are bytes. Zeroed memory is "not in recovery" for each of them.
 */
#ifndef VIA_TCP_RECOVER_H
#define VIA_TCP_RECOVER_H

#include "base/seq.h"

/* Proportional rate reduction: from the flight at the begin to ssthresh, one round trip long, clocked by ACKs. */
struct via_prr {
    uint64_t delivered; /* since the recovery began (prr_delivered) */
    uint64_t out;       /* sent since then (prr_out) */
    uint32_t flight;    /* at the begin (RecoverFS); 0: no recovery */
    uint32_t ssthresh;
};

struct via_prr_ack {
    uint32_t delivered; /* that this ACK tells to have arrived, cumulatively or selectively; RFC 9937 5 without SACK */
    uint32_t pipe;      /* behind the ACK, losses taken out */
    uint32_t mss;
    bool advanced; /* SND.UNA moved on */
    bool lost;     /* more was found lost by this ACK */
};

/*
 * Recovery begins, before the first via_prr_acked() for the ACK that began it. `flight`: what was under way when that
 * ACK came and counts as delivered only from it on: SND.NXT - SND.UNA before it, less what had been SACKED earlier.
 */
void via_prr_begin(struct via_prr *p, uint32_t ssthresh, uint32_t flight);

/*
 * An ACK, the one that began recovery too. Returns the window: how many bytes may be in the network from now on. Above
 * `pipe` it is what may be sent at once; at least one segment until something was sent, for that is the fast
 * retransmit.
 */
uint32_t via_prr_acked(struct via_prr *p, const struct via_prr_ack *a);

/* Bytes were sent, new or again. */
static inline void via_prr_sent(struct via_prr *p, uint32_t bytes) {
    p->out += bytes;
}

/* Spurious timeouts without the help of timestamps: watch what the first two ACKs behind one tell. */
enum via_frto_state {
    VIA_FRTO_OFF,
    VIA_FRTO_FIRST,  /* the first segment was sent again */
    VIA_FRTO_SECOND, /* an ACK moved on, and new data was sent to see what comes */
};

enum via_frto_verdict {
    VIA_FRTO_NONE,     /* not watching, or not yet known: go on as after every timeout, but send nothing else again */
    VIA_FRTO_TRY_NEW,  /* send up to two new segments instead of old ones */
    VIA_FRTO_GENUINE,  /* the timeout was right: slow start */
    VIA_FRTO_SPURIOUS, /* it was not: take the answer to it back */
};

struct via_frto {
    via_seq_t point; /* SND.NXT at the timeout */
    uint8_t state;   /* enum via_frto_state */
};

struct via_frto_ack {
    via_seq_t ack;
    bool advanced;    /* SND.UNA moved on */
    bool original;    /* something arrived, cumulatively or selectively, that was never sent again */
    bool can_send;    /* there is new data, and the peer's window has room for it */
    bool resent_more; /* more than the first segment was sent again since the timeout */
};

/*
 * The timer expired. `again`: for a segment that had timed out before, or during a recovery from a timeout: no watching
 * then (RFC 5682 2.1 step 1, 3.1).
 */
void via_frto_begin(struct via_frto *f, via_seq_t nxt, bool again);
enum via_frto_verdict via_frto_acked(struct via_frto *f, const struct via_frto_ack *a);

/* Was everything that was sent again since a reduction sent for nothing? Then the reduction is to be undone. */
struct via_undo {
    via_seq_t from, to; /* SND.UNA and SND.NXT when it began */
    uint32_t resent;    /* bytes sent again and not reported as duplicates */
    uint32_t tsval;     /* timestamp of the first retransmission */
    bool armed;         /* a reduction may be undone */
    bool stamped;       /* tsval is set */
    bool any;           /* something was sent again */
    bool advanced;      /* an ACK moved on since: it is too late for Eifel */
};

void via_undo_begin(struct via_undo *u, via_seq_t una, via_seq_t nxt);

/* `len` bytes went out again, with this timestamp if `stamped`. */
void via_undo_resent(struct via_undo *u, uint32_t len, uint32_t tsval, bool stamped);

/* True: D-SACK, and it accounts for the last of the retransmissions (RFC 3708 3). */
bool via_undo_dsack(struct via_undo *u, via_seq_t from, via_seq_t to);

/*
 * An ACK that moved SND.UNA, with the timestamp that it echoes. True: the first such ACK was caused by an original
 * (RFC 3522 3.2). Without timestamps always false.
 */
bool via_undo_echo(struct via_undo *u, uint32_t tsecr, bool echo);

static inline void via_undo_end(struct via_undo *u) {
    u->armed = false;
}

#endif
