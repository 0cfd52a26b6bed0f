/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rack.h - RACK-TLP (RFC 8985): a segment is lost when one that was sent after it has arrived and it has had time to be
 * merely late; and a probe of the tail makes the peer tell what it has. Works on the scoreboard of sack.h.
 *
 * One ACK: via_rack_begin(), via_rack_delivered() for each segment of `gone` and `fresh`, via_rack_settle(), then
 * via_rack_detect(). The last one returns when to look again: a timer of the connection, which calls it once more. The
 * caller takes care that segments are sent at times that do not run backward.
 */
#ifndef VIA_TCP_RACK_H
#define VIA_TCP_RACK_H

#include "tcp/sack.h"

enum {
    VIA_DUP_THRESHOLD = 3, /* RFC 5681 3.2 */
    VIA_RACK_PERSIST = 16, /* recoveries that a widened window outlives without a new duplicate (RFC 8985 6.2) */
};

struct via_rack {
    via_ns_t rtt;          /* round trip of the segment sent last among those that arrived; 0: none did */
    via_ns_t sent;         /* when it was sent */
    via_seq_t end;         /* where it ended */
    via_seq_t fack;        /* highest sequence number that arrived */
    via_seq_t dsack_round; /* SND.NXT when the window was widened */
    via_seq_t probe_end;   /* SND.NXT behind the tail loss probe */
    uint8_t mult;          /* reordering window in quarters of the shortest round trip; 0 stands for 1 */
    uint8_t persist;
    bool any;         /* something arrived: fack is set */
    bool reordered;   /* the path was seen to change the order */
    bool in_round;    /* dsack_round is set */
    bool probing;     /* probe_end is set */
    bool probe_again; /* the probe was a retransmission */
};

/* What an ACK, or the timer, finds. The first half is the caller's, constant through the calls for one ACK. */
struct via_rack_ack {
    via_ns_t now;
    via_ns_t min_rtt;   /* windowed; VIA_NEVER: none */
    via_ns_t srtt;      /* 0: none */
    via_seq_t una, nxt; /* behind the ACK */
    uint32_t tsecr;     /* timestamp that the ACK echoes, if `echo` */
    bool echo;
    bool dsack;      /* a duplicate was reported */
    bool recovering; /* fast recovery, or recovery from a timeout */

    via_ns_t best_sent; /* of the segment sent last among the ones delivered now */
    via_seq_t best_end;
    via_seq_t high; /* where the highest of them ends */
    bool best, seen;
};

static inline void via_rack_begin(struct via_rack_ack *a) {
    a->best = a->seen = false;
}

/* A segment that this ACK tells, for the first time, to have arrived. */
void via_rack_delivered(struct via_rack *r, const struct via_tcp_seg *s, struct via_rack_ack *a);

/* After the last of them: RFC 8985 6.2 steps 2 and 4. */
void via_rack_settle(struct via_rack *r, const struct via_rack_ack *a);

/* A recovery has ended (RFC 8985 6.2 step 4). */
void via_rack_recovered(struct via_rack *r);

/* How much later than the round trip a segment may come; 0 when every duplicate counts (RFC 8985 6.2 step 4). */
via_ns_t via_rack_window(const struct via_rack *r, const struct via_sack *b, const struct via_rack_ack *a);

/*
 * Marks lost what had its time (RFC 8985 6.2 step 5). Returns how long to wait until the next look, VIA_NEVER: there is
 * nothing to wait for. The wait is that of the newest segment that may be overdue, so that one look settles all.
 */
via_ns_t via_rack_detect(const struct via_rack *r, struct via_sack *b, struct via_tcp_seg *segs,
                         const struct via_rack_ack *a);

/*
 * The retransmission timer expired: the first segment is lost, and all whose time has come (RFC 8985 6.3). A peer that
 * reneged is via_sack_timeout()'s matter.
 */
void via_rack_timeout(const struct via_rack *r, struct via_sack *b, struct via_tcp_seg *segs,
                      const struct via_rack_ack *a);

/* Tail loss probe, RFC 8985 7. */

/* True if a probe may be scheduled (7.2): SACK is spoken, nothing is SACKED, no recovery, no probe outstanding. */
bool via_tlp_allowed(const struct via_rack *r, const struct via_sack *b, bool sack_ok, bool recovering);

/*
 * How long after the last transmission or ACK the probe is due: twice the round trip; if but one segment is out, the
 * peer may delay its ACK by `max_ack_delay` too. The caller takes the earlier of this and the retransmission timer.
 */
via_ns_t via_tlp_delay(const struct via_sack *b, via_ns_t srtt, via_ns_t max_ack_delay);

/* The probe went out: new data, or (`again`) the last segment once more. `nxt`: SND.NXT behind it. */
void via_tlp_sent(struct via_rack *r, via_seq_t nxt, bool again);

/*
 * An ACK while a probe is outstanding (7.4.2). True: the probe repaired a loss that nothing else saw, so congestion
 * control must hear of it. `duplicate`: it is a duplicate ACK (RFC 5681 2).
 */
bool via_tlp_acked(struct via_rack *r, const struct via_sack_ack *ack, bool duplicate);

#endif
