/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp.h - a connection and what all connections of a stack share.
 *
 * Calls go one way. Input marks a connection touched and changes its numbers; it never sends. stack/poll.c settles each
 * touched connection once, when all frames of a round were taken: one decision about ACKs, one run of output.
 *
 *   input  -> shake, ack, deliver, close          what a segment means
 *   ack    -> rtt, sack, rack, recover, cc        what left the network, what is lost, how much may be there
 *   output -> pace, emit                          which bytes go, when, and as what
 *   timer  -> ack, close, output                  what happens when nothing happens
 *
 * Send data lies in packets: copied there once, at the door, in the size in which it will go. A packet waits on
 * `snd.unsent`; sent, it belongs to a segment of the scoreboard (its `data`) until that is acknowledged. The header is
 * written into its headroom on every transmission, unless a device still reads the frame: then the bytes are copied.
 * Descriptors in the send queue are never changed by a transmission, so that retransmission needs nothing restored.
 *
 * Deadlines are kept in an array and the wheel only hears of one that is earlier than what it has: a timer that is put
 * off with every segment costs a store, and one wake-up for nothing when traffic stops.
 */
#ifndef VIA_TCP_TCP_H
#define VIA_TCP_TCP_H

#include "sock/socks.h"
#include "tcp/blocks.h"
#include "tcp/cc.h"
#include "tcp/cookie.h"
#include "tcp/ecn.h"
#include "tcp/mtu.h"
#include "tcp/pace.h"
#include "tcp/rack.h"
#include "tcp/recover.h"
#include "tcp/rtt.h"
#include "tcp/sample.h"
#include "tcp/tune.h"

#include <viaduct/listener.h>

#define VIA_TCP_TICK VIA_MS /* of our timestamps */

/* What a connection is, wants and owes. */
enum via_tcp_bit {
    VIA_TCPB_TOUCHED = 1u << 0,    /* on the list of those to be settled */
    VIA_TCPB_ACK_NOW = 1u << 1,    /* an ACK is due */
    VIA_TCPB_ACK_LATER = 1u << 2,  /* one is owed, and may wait for the delayed-ACK timer */
    VIA_TCPB_PASSIVE = 1u << 3,    /* came from a listener */
    VIA_TCPB_QUEUED = 1u << 4,     /* waits on its listener's list of embryos, or to be accepted */
    VIA_TCPB_FIN = 1u << 5,        /* the application sends no more */
    VIA_TCPB_FIN_SENT = 1u << 6,   /* our FIN has a segment, or had */
    VIA_TCPB_FIN_GOT = 1u << 7,    /* rcv.fin is where the peer's data ends */
    VIA_TCPB_EOF = 1u << 8,        /* all of it has come */
    VIA_TCPB_NODELAY = 1u << 9,
    VIA_TCPB_CORK = 1u << 10,
    VIA_TCPB_MORE = 1u << 11,      /* the last send said that more follows */
    VIA_TCPB_QUICK = 1u << 12,     /* option: no delayed ACKs */
    VIA_TCPB_KEEP = 1u << 13,      /* option: keepalive */
    VIA_TCPB_LIMITED = 1u << 14,   /* cwnd held back what lies before snd.limit */
    VIA_TCPB_SPACE = 1u << 15,     /* SPACE is promised for snd.want bytes */
    VIA_TCPB_REPAIR = 1u << 16,    /* F-RTO asks for new data instead of old */
    VIA_TCPB_SYN_LOST = 1u << 17,  /* the handshake had to repeat its SYN */
    VIA_TCPB_STALLED = 1u << 18,   /* the TX ring or the pool was full: try again at the next poll */
    VIA_TCPB_RESCUED = 1u << 20,   /* this recovery has sent its rescue retransmission */
    VIA_TCPB_STEERED = 1u << 21,   /* a port filter is in place */
    VIA_TCPB_DEFER = 1u << 22,     /* not offered before its first data */
    VIA_TCPB_CORKED = 1u << 23,    /* a short segment waits for VIA_DUE_CORK */
    VIA_TCPB_PUSH = 1u << 24,      /* once: a short segment need not wait */
    VIA_TCPB_FAST = 1u << 19,      /* Fast Open: asks with its SYN, or answers with a cookie */
    VIA_TCPB_ECE = 1u << 28,       /* classic ECN: a mark came, the peer is told until it has reduced */
    VIA_TCPB_CWR = 1u << 29,       /* the window was reduced, and the peer is to know */
    VIA_TCPB_SND_SET = 1u << 25,   /* the application has set the send buffer */
    VIA_TCPB_RCV_SET = 1u << 26,   /* and the receive buffer */
    VIA_TCPB_LOOP = 1u << 27,      /* both ends are here: joined to `mate`, or about to be */
    VIA_TCPB_PACED = 1u << 30,     /* `more` has a pace */
    VIA_TCPB_SEARCH = 1u << 31,    /* `more` has a search for the path's MTU */
};

/* What a due[] entry is for. */
enum via_tcp_due {
    VIA_DUE_RETRY = 0, /* by `retry` */
    VIA_DUE_ACK,
    VIA_DUE_KEEP,
    VIA_DUE_LIFE, /* an end to waiting: orphans, linger */
    VIA_DUE_CORK,
    VIA_DUE_PACE,
    VIA_DUES
};

/* What VIA_DUE_RETRY means now: at most one of these is ever needed. */
enum via_tcp_retry { VIA_RETRY_NONE = 0, VIA_RETRY_RTO, VIA_RETRY_PROBE, VIA_RETRY_REORDER, VIA_RETRY_PERSIST };

/* CWR: a round trip of reduction because of marks (RFC 9937 has it go as a recovery goes). */
enum via_tcp_phase { VIA_PHASE_OPEN = 0, VIA_PHASE_RECOVERY, VIA_PHASE_LOSS, VIA_PHASE_CWR };

/* Flags of the user in a scoreboard segment. */
enum via_tcp_seg_user { VIA_SEG_SYN = VIA_SEG_USER, VIA_SEG_FIN = 2 * VIA_SEG_USER };

/* The way to a peer, shared by all connections that send alike: route, neighbour, template. */
struct via_tcp_way {
    struct via_path path;
    struct via_dest dest;
    uint32_t refs;
    uint32_t next; /* in the bucket */
    uint32_t plain; /* generation for which the path is resolved, unicast and off this host; else 0 */
    bool hashed;
    bool any; /* asked for without a source */
};

struct via_tcp_snd {
    via_seq_t una, nxt, iss;
    via_seq_t wl1, wl2;   /* of the segment that the window is from (RFC 9293 3.3.1) */
    uint32_t wnd;         /* peer's window, from una */
    uint32_t max_wnd;     /* the largest ever */
    uint32_t mss;         /* bytes of data in a full segment, options taken off */
    uint32_t most;        /* bytes that go as one packet: mss, or over a link that takes big packets many of them */
    uint32_t big;         /* of the link, that `most` was made for */
    uint32_t window;      /* in recovery: what may be in the network (PRR) */
    uint32_t unsent_bytes;
    uint32_t pkts;        /* frames that the queue holds, sent or not */
    uint32_t buf;         /* limit of bytes */
    uint32_t want;        /* bytes that SPACE was promised for */
    via_seq_t high;       /* recovery ends here */
    union {
        via_seq_t limit;  /* cwnd held back what was to be sent from here */
        uint32_t mate;    /* with VIA_TCPB_LOOP: ref of the other end, 0 as long as there is none */
    };
    struct via_list unsent;
    uint16_t peer_mss;    /* as offered */
    uint8_t wscale;       /* of the peer's window */
    uint8_t dups;         /* duplicate ACKs in a row, without SACK */
};

struct via_tcp_rcv {
    via_seq_t nxt;
    via_seq_t acked;      /* RCV.NXT as last told */
    via_seq_t edge;       /* right edge of the window as told: never moves back */
    via_seq_t fin;
    uint32_t queued;      /* bytes that the application has not read, in order */
    uint32_t ahead;       /* bytes beyond a hole */
    uint32_t holes;       /* packets of them */
    uint32_t buf;
    uint32_t ts_recent;
    uint32_t ts_at;       /* when that was, in ticks of our clock */
    struct via_list hole; /* packets beyond a hole, in order of sequence */
    uint32_t blocks;      /* id of a struct via_blocks, 0: nothing is missing */
    uint16_t mss;         /* the largest segment seen: what two of are acknowledged at once */
    uint8_t wscale;
    uint8_t quick;        /* segments still to be acknowledged at once: the peer is in slow start */
};

/* For via_tcp_info(). */
struct via_tcp_count {
    uint64_t sent, received; /* bytes */
    uint32_t resent;
    uint32_t segs_sent, segs_received, segs_resent, duplicates;
    uint16_t recoveries, timeouts, probes, undone;
    uint32_t marks;
};

/* What few connections need; of a pool, so that the others do not pay for it. */
struct via_tcp_more {
    struct via_pace pace;
    struct via_sampler sampler;
    struct via_mtu mtu; /* with VIA_TCPB_SEARCH */
    struct via_accecn ecn; /* with VIA_TCP_HAS_ACCECN */
    struct via_tune tune;
    struct via_limits limits;
    uint32_t trace; /* id of a struct via_trace, 0: nothing to tell */
};

#define VIA_TRACES 62u

/* Time in units of 1.024 us; what << 24 | value. */
struct via_trace_entry {
    uint32_t at, word;
};

struct via_trace {
    uint32_t count; /* ever */
    uint32_t pad;
    struct via_trace_entry at[VIA_TRACES];
};

struct via_tcp_conn {
    struct via_sock sock; /* must be first */
    uint32_t touch;       /* next to be settled */
    uint32_t bits;        /* enum via_tcp_bit */
    uint8_t state;        /* enum via_tcp_state */
    uint8_t phase;        /* enum via_tcp_phase */
    uint8_t opts;         /* negotiated: enum via_tcp_option */
    uint8_t retry;        /* enum via_tcp_retry */
    uint32_t way;
    uint32_t more;        /* id of a struct via_tcp_more, 0: none of it is needed */
    uint32_t way_gen;     /* of the path that snd.mss was made with */
    uint32_t ports;       /* both, as in the header, in wire order */
    uint32_t ts_offset;
    struct via_tcp_snd snd;
    struct via_tcp_rcv rcv;
    via_ns_t due[VIA_DUES];
    struct via_tick tick;
    struct via_sack board;
    struct via_rack rack;
    struct via_rtt rtt;
    struct via_cc cc;
    struct via_prr prr;
    struct via_undo undo;
    struct via_frto frto;
    struct via_tcp_count count;
    via_ns_t last_rx; /* a segment that was good */
    via_ns_t last_tx;
    uint32_t listener; /* ref of the one it waits at */
    uint32_t link_next, link_prev; /* of its listener, or of TIME_WAIT */
    uint32_t begun;                    /* ms: when it was established */
    uint32_t user_timeout;             /* ms, 0: by retries */
    uint32_t stuck;                    /* ms, odd: since when nothing more was acknowledged of what waits; 0: nothing waits */
    uint16_t keep_idle, keep_interval; /* seconds */
    int32_t linger;                    /* seconds, -1: none */
    uint8_t keep_count, probes;        /* probes: unanswered, of a window or keepalive */
    uint8_t tos, ttl;
    uint8_t challenges;                /* challenge ACKs left in this period */
    uint8_t tries;                     /* SYNs sent again */
    uint16_t challenge_at;             /* the period */
};

static_assert(sizeof(struct via_tcp_conn) <= 1024, "an idle connection costs a kilobyte");

struct via_listener {
    struct via_sock sock; /* must be first */
    struct via_list ready;   /* established, in that order */
    struct via_list embryos; /* handshakes */
    uint32_t readies, embryo_count;
    uint32_t backlog;
    uint32_t fast_open;
    uint32_t join;
    uint32_t sndbuf, rcvbuf;
    uint32_t user_timeout; /* ms */
    uint8_t cookies, defer, algo, tos, ttl;
    uint8_t pad[3];
    uint32_t conf_flags;
    uint64_t cookies_sent;
};

#define VIA_TCP_WAYS  4096u /* buckets */
#define VIA_TCP_KNOWN 4096u
#define VIA_TCP_COOKIES 256u

/* What a server gave us for Fast Open. */
struct via_cookie_entry {
    struct via_addr peer;
    uint8_t cookie[VIA_TCP_COOKIE_MAX];
    uint16_t mss;
    uint8_t len; /* 0: none */
    uint8_t pad;
};

struct via_tcp {
    struct via_pool segs, blocks, ways, mores, traces;
    struct via_key isn_key, cookie_key, ts_key, way_key;
    struct via_fast_open fast_open;
    via_ns_t rekeyed;      /* when its key was made */
    uint32_t fast_pending; /* opened by data, handshake not over */
    struct via_cookie_entry cookie[VIA_TCP_COOKIES];
    struct via_rtt_limits rtt;
    struct via_list touched;
    struct via_list waits; /* TIME_WAIT, the oldest first */
    struct via_tick wait_tick;
    uint32_t wait_count;
    uint32_t orphans;
    uint64_t news; /* things that an application without a set wants to know of */
    uint64_t rx, rx_bytes, tx, tx_bytes, resent;
    uint64_t tx_copied, rx_copied;
    uint64_t joined; /* connections whose two ends are here */
    uint64_t opened, accepted, failed, resets_sent, resets_got, cookies_sent, cookies_good, fast, slow;
    uint32_t bucket[VIA_TCP_WAYS];
    uint32_t known[VIA_TCP_KNOWN]; /* refs that the demultiplexer found; a guess that is checked */
};

/* A segment on its way in. */
struct via_tcp_in {
    struct via_pkt *p; /* at its data; NULL when somebody has taken it */
    const struct via_rx *rx;
    uint32_t len; /* of data */
    struct via_tcp_head h;
};

static inline struct via_tcp_conn *via_tcp_at(const struct via_core *c, uint32_t ref) {
    return (struct via_tcp_conn *)(void *)via_sock_at(c, ref);
}

static inline uint32_t via_tcp_ref(const struct via_core *c, const struct via_tcp_conn *t) {
    return via_sock_ref(c, &t->sock);
}

static inline struct via_tcp_seg *via_tcp_segs(const struct via_core *c) {
    return (struct via_tcp_seg *)(void *)(c->region.base + c->tcp->segs.slots);
}

static inline struct via_tcp_way *via_tcp_way(const struct via_core *c, const struct via_tcp_conn *t) {
    return via_pool_at(&c->tcp->ways, &c->region, t->way);
}

/* NULL: none. */
static inline struct via_tcp_more *via_tcp_more(const struct via_core *c, const struct via_tcp_conn *t) {
    return t->more ? via_pool_at(&c->tcp->mores, &c->region, t->more) : NULL;
}

static inline struct via_blocks *via_tcp_blocks(const struct via_core *c, const struct via_tcp_conn *t) {
    return via_pool_at(&c->tcp->blocks, &c->region, t->rcv.blocks);
}

static inline bool via_tcp_is_orphan(const struct via_tcp_conn *t) {
    return t->sock.state != VIA_SOCK_OPEN;
}

/* Data with its SYN was taken, and the application has it though the handshake may not be over (RFC 7413). */
static inline bool via_tcp_is_fast_opened(const struct via_tcp_conn *t) {
    return t->opts & VIA_TCP_HAS_FAST_OPEN;
}

/* States in which both sides know each other's numbers. */
static inline bool via_tcp_is_synced(const struct via_tcp_conn *t) {
    return t->state >= VIA_TCP_ESTABLISHED;
}

static inline uint32_t via_tcp_now(const struct via_core *c, const struct via_tcp_conn *t) {
    return (uint32_t)(via_now(c) / VIA_TCP_TICK) + t->ts_offset;
}

/* Bytes in the send queue, sent or not. */
static inline uint32_t via_tcp_queued(const struct via_tcp_conn *t) {
    return t->board.bytes + t->snd.unsent_bytes;
}

/* The next poll looks at it. */
static inline void via_tcp_touch(struct via_core *c, struct via_tcp_conn *t) {
    struct via_list *q = &c->tcp->touched;
    uint32_t ref;

    if (t->bits & VIA_TCPB_TOUCHED)
        return;
    ref = via_tcp_ref(c, t);
    t->bits |= VIA_TCPB_TOUCHED;
    t->touch = 0;
    if (q->tail)
        via_tcp_at(c, q->tail)->touch = ref;
    else
        q->head = ref;
    q->tail = ref;
}

/* Deadlines. The wheel is told only of what is earlier than all it knows of the connection. */
static inline void via_tcp_arm(struct via_core *c, struct via_tcp_conn *t, enum via_tcp_due which, via_ns_t at) {
    t->due[which] = at;
    if (at != VIA_NEVER && (!via_tick_armed(&t->tick) || at < t->tick.at))
        via_tick_arm(c, VIA_TICK_TCP, via_ref_index(via_tcp_ref(c, t)), at);
}

static inline void via_tcp_disarm(struct via_tcp_conn *t, enum via_tcp_due which) {
    t->due[which] = VIA_NEVER;
}

/* conn.c: life of the slot. */
/* Onto and off a list of connections by `link_next` and `link_prev`: of a listener, or of TIME_WAIT. */
void via_tcp_list_push(struct via_core *c, struct via_list *q, struct via_tcp_conn *t);
void via_tcp_list_cut(struct via_core *c, struct via_list *q, struct via_tcp_conn *t);
struct via_tcp_conn *via_tcp_new(struct via_core *c, const struct via_flow *flow);
/* Death: whoever holds the handle is told; an orphan's slot goes. Queues are emptied, but what was received stays. */
void via_tcp_die(struct via_core *c, struct via_tcp_conn *t, int reason);
void via_tcp_end_sock(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_drop_queues(struct via_core *c, struct via_tcp_conn *t);
/* The rarer half of the connection, made if need be; NULL: no room. */
struct via_tcp_more *via_tcp_more_new(struct via_core *c, struct via_tcp_conn *t);
struct via_tuple via_tcp_tuple(const struct via_flow *f);
enum via_cc_algo via_tcp_algo(const char *name, uint64_t fallback, int *err);
void via_tcp_setup(struct via_core *c, struct via_tcp_conn *t);
int via_tcp_check_local(struct via_core *c, const struct via_ep *local, uint32_t iface);

/* way.c: shared paths. */
int via_tcp_way_get(struct via_core *c, const struct via_dest *d, uint32_t *id);
void via_tcp_way_put(struct via_core *c, uint32_t id);
/* The path as of now, resolved anew where the net has changed; NULL: there is none. */
struct via_tcp_way *via_tcp_way_anew(struct via_core *c, struct via_tcp_conn *t, int *err);

static inline struct via_tcp_way *via_tcp_way_now(struct via_core *c, struct via_tcp_conn *t, int *err) {
    struct via_tcp_way *w = via_tcp_way(c, t);

    if (VIA_LIKELY(via_path_valid(c, &w->path) && t->way_gen == w->path.gen))
        return w;
    return via_tcp_way_anew(c, t, err);
}

/* Bytes of data in a segment without options that fits a packet of the path. */
uint32_t via_tcp_way_mss(const struct via_tcp_way *w);

/* shake.c: from the first SYN to ESTABLISHED. */
void via_tcp_send_syn(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_syn_opts(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_opts *o);
void via_tcp_take_syn(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in);
void via_tcp_established(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in);
enum via_drop via_tcp_input_syn_sent(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in);
void via_tcp_set_mss(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_way *w);

/* fast_open.c */
const struct via_cookie_entry *via_tcp_fast_find(const struct via_core *c, const struct via_addr *peer);
void via_tcp_fast_learn(struct via_core *c, const struct via_tcp_conn *t, const struct via_tcp_opts *o);
void via_tcp_fast_forget(struct via_core *c, const struct via_addr *peer);
/* Of a SYN: the cookie that we have, or the wish for one; of a SYN-ACK: a fresh one. */
void via_tcp_fast_opts(struct via_core *c, const struct via_tcp_conn *t, struct via_tcp_opts *o);
enum via_fast_open_verdict via_tcp_fast_judge(struct via_core *c, const struct via_tcp_in *in);
void via_tcp_fast_refused(struct via_core *c, struct via_tcp_conn *t);

/* listen.c */
enum via_drop via_tcp_input_listen(struct via_core *c, struct via_listener *l, struct via_tcp_in *in);
/* A child of the listener for who is here as well, on its way to be accepted; NULL: there is no room. */
struct via_tcp_conn *via_tcp_listen_loop(struct via_core *c, struct via_listener *l, const struct via_flow *f, uint64_t seq);
/* An embryo is established: true if there was room on the queue of those to be accepted. */
bool via_tcp_offer(struct via_core *c, struct via_tcp_conn *t, uint64_t seq);
void via_tcp_unqueue(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_offer_data(struct via_core *c, struct via_tcp_conn *t, uint64_t seq);
void via_tcp_steer_listeners(struct via_core *c, uint32_t vi);
void via_tcp_steer_flow(struct via_core *c, struct via_sock *k, bool add);

/* close.c */
void via_tcp_close(struct via_core *c, struct via_sock *k, unsigned flags);
void via_tcp_fin(struct via_core *c, struct via_tcp_conn *t);
/* The peer's FIN is next in order. */
void via_tcp_take_fin(struct via_core *c, struct via_tcp_conn *t, uint64_t seq);
/* Our FIN was acknowledged. True: the connection is gone. */
bool via_tcp_fin_acked(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_reset(struct via_core *c, struct via_tcp_conn *t, int reason);
void via_tcp_time_wait(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_wait_timer(struct via_core *c);
void via_tcp_wait_unlink(struct via_core *c, struct via_tcp_conn *t);

/* input.c */
enum via_drop via_tcp_input(struct via_core *c, struct via_pkt *p, struct via_rx *rx);
enum via_drop via_tcp_error(struct via_core *c, const struct via_rx *rx);

/* What is carried by a frame whose headers are known (sock/known.h): where it begins in the frame, its length, the bytes
 * of IP addresses right in front of it, and whether its checksum is to be looked at. */
struct via_tcp_frame {
    uint32_t head, len, addrs;
    bool verify;
};

/*
 * The shortest way in: the next segment of a known connection, with nothing about it. False says nothing about the frame,
 * which was not touched.
 */
bool via_tcp_known(struct via_tcp_conn *t, struct via_vi *vi, struct via_pkt *p, const struct via_frame *f,
                   const struct via_tcp_frame *w);
/* An ACK that says where we stand, at most a few a second for each connection (RFC 5961 7). */
void via_tcp_challenge(struct via_core *c, struct via_tcp_conn *t);
enum via_drop via_tcp_input_synced(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in);

/* ack.c. The rest are what the timers do to the scoreboard. */
enum via_drop via_tcp_take_ack(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in);
void via_tcp_on_rto(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_shrink(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_on_reorder(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_arm_retry(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_free_segs(struct via_core *c, struct via_tcp_conn *t, uint32_t list);
struct via_cc_view via_tcp_view(const struct via_core *c, const struct via_tcp_conn *t);

/* deliver.c */
/* Data of a segment whose place was checked. Takes the packet (in->p NULL), or says why not. */
enum via_drop via_tcp_take_data(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in);
/* The next bytes in order: the packet is taken. */
void via_tcp_deliver(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p);
void via_tcp_owe_ack(struct via_core *c, struct via_tcp_conn *t, uint32_t len);
/* The right edge that may be told now. */
via_seq_t via_tcp_edge(const struct via_tcp_conn *t);
void via_tcp_drop_blocks(struct via_core *c, struct via_tcp_conn *t);
/* The application has taken `bytes` out of `pkts` packets. */
void via_tcp_read(struct via_core *c, struct via_tcp_conn *t, uint32_t bytes);
/* A timestamp of ours came back with data: for the receiver's round trip. */
void via_tcp_tune_stamp(struct via_core *c, struct via_tcp_conn *t, uint32_t tsecr);

/* send.c */
uint32_t via_tcp_room(const struct via_core *c, const struct via_tcp_conn *t);
uint32_t via_tcp_parts(const struct via_core *c, const struct via_pkt *p);
/* 0, or why nothing may be sent any more. */
int via_tcp_may_send(struct via_core *c, const struct via_tcp_conn *t);
/* Copies up to `n` bytes to the end of the queue; how many, fewer where packets ran out. */
uint32_t via_tcp_enqueue(struct via_core *c, struct via_tcp_conn *t, const uint8_t *from, uint32_t n);
/* What a send said of more that follows; the last of them means "now". */
void via_tcp_push(struct via_tcp_conn *t, unsigned flags);
/* SPACE when so much fits. */
void via_tcp_promise(struct via_tcp_conn *t, uint32_t bytes);
/* Rings the doorbell of the connection's interface. */
void via_tcp_flush(struct via_core *c, const struct via_tcp_conn *t);
/* Enough room for who waits for it? */
void via_tcp_give_space(struct via_core *c, struct via_tcp_conn *t);
/* Takes `n` bytes off the front of a packet of the send queue. */
void via_tcp_skip(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, uint32_t n);
/* Cuts `p` behind its first `n` bytes, fewer than it has; the rest is a packet of its own. NULL: no frame. */
struct via_pkt *via_tcp_cut(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, uint32_t n);
/* The first `n` bytes of `p`, copied into a packet of their own; NULL: no frames. */
struct via_pkt *via_tcp_front(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, uint32_t n);

/* Makes the first `n` bytes of what is unsent one packet at the front. NULL: no frames, or completions hang on them. */
struct via_pkt *via_tcp_gather(struct via_core *c, struct via_tcp_conn *t, uint32_t n);

/* output.c */
/* Sends the packet at the front of the queue as it is. */
bool via_tcp_send_head(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_output(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_settle(struct via_core *c);
/* One segment more regardless of cwnd: a tail loss probe. */
void via_tcp_probe(struct via_core *c, struct via_tcp_conn *t);
/* Sends the first lost segment regardless of cwnd. */
void via_tcp_resend_first(struct via_core *c, struct via_tcp_conn *t);
uint32_t via_tcp_usable(const struct via_tcp_conn *t);
/* The first up to `len` bytes of the queue as one packet, and: they went with what was sent just now. */
struct via_pkt *via_tcp_take_front(struct via_core *c, struct via_tcp_conn *t, uint32_t len);
bool via_tcp_push_front(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p);
uint32_t via_tcp_window(const struct via_tcp_conn *t);

/* pace.c. Only with VIA_TCPB_PACED: */
void via_tcp_pace(struct via_core *c, struct via_tcp_conn *t); /* the rate as of now */
bool via_tcp_pace_holds(struct via_core *c, struct via_tcp_conn *t); /* true: not now, and VIA_DUE_PACE is armed */
void via_tcp_pace_sent(struct via_core *c, struct via_tcp_conn *t, uint32_t len);
/* Is it paced: asked anew where the congestion control, or what decides, has changed. */
void via_tcp_pace_setup(struct via_core *c, struct via_tcp_conn *t);
int via_tcp_pace_bound(struct via_core *c, struct via_tcp_conn *t, uint64_t bytes);

/* loop.c. For connections with VIA_TCPB_LOOP: */
bool via_tcp_loop_wanted(const struct via_core *c, const struct via_tcp_conn *t);
/* What the next poll does for a touched one, instead of output: connects, moves data and FIN to the mate. */
void via_tcp_loop(struct via_core *c, struct via_tcp_conn *t);
/* What would have been on its way before a reset is. */
void via_tcp_loop_flush(struct via_core *c, struct via_tcp_conn *t);
/* It dies: so does its mate, of a reset, unless both sides have ended in order. */
void via_tcp_loop_part(struct via_core *c, struct via_tcp_conn *t, int reason);

/* mtu.c. A connection is established; its data timed out, `tries` says how often. */
void via_tcp_mtu_setup(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_mtu_timeout(struct via_core *c, struct via_tcp_conn *t);
/* The MTU in use on a path of `mtu`. */
uint32_t via_tcp_mtu(const struct via_core *c, const struct via_tcp_conn *t, uint32_t mtu);
/* Only with VIA_TCPB_SEARCH: sends a probe if it is time; an ACK moved SND.UNA. */
void via_tcp_mtu_probe(struct via_core *c, struct via_tcp_conn *t);
void via_tcp_mtu_acked(struct via_core *c, struct via_tcp_conn *t);
/* `lost` bytes are newly lost. True: these are a probe, and nothing else, so that it is no congestion. */
bool via_tcp_mtu_excuses(struct via_core *c, struct via_tcp_conn *t, uint32_t lost);

/* sample.c. Only with cc.sampled: */
void via_tcp_sample_sent(struct via_core *c, struct via_tcp_conn *t, uint32_t id, uint32_t pipe);
void via_tcp_sample_acked(struct via_core *c, struct via_tcp_conn *t, const struct via_sack_ack *b,
                        struct via_sample *rs);
/* Segments on the list of lost behind `behind` (0: all) are newly there. */
void via_tcp_sample_lost(struct via_core *c, struct via_tcp_conn *t, uint32_t behind);
void via_tcp_sample_idle(struct via_core *c, struct via_tcp_conn *t);

/* emit.c */
enum via_tcp_sent { VIA_SENT = 0, VIA_NOT_NOW, VIA_NO_WAY };
struct via_tcp_emit {
    via_seq_t seq;
    uint32_t flags;    /* enum via_tcp_flag */
    struct via_pkt *p; /* data, NULL: none */
    bool ect;          /* routers may mark it */
};
/* Sends a segment of the connection, its ACK and window as of now. */
enum via_tcp_sent via_tcp_emit_segment(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_emit *e);
/* A segment that belongs to no connection: RST, SYN-ACK with a cookie. Ends as in `flow`; ports and the value of MSS are set here. */
void via_tcp_emit_bare(struct via_core *c, const struct via_flow *flow, struct via_tcp_head *h);
/* The RST that answers a segment for which nobody is here (RFC 9293 3.10.7.1). */
void via_tcp_refuse(struct via_core *c, const struct via_tcp_in *in);

/* ecn.c. What a SYN says of it, or a SYN-ACK. */
void via_tcp_ecn_syn(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in);
/* What a SYN cookie answers to a SYN with these flags. */
uint32_t via_tcp_ecn_of_syn(const struct via_core *c, uint32_t flags);
/* Flags that a segment has for it. The rest with VIA_TCP_HAS_ECN only: */
uint32_t via_tcp_ecn_flags(const struct via_core *c, const struct via_tcp_conn *t, const struct via_tcp_emit *e);
void via_tcp_ecn_sent(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_emit *e);
bool via_tcp_ecn_may_mark(const struct via_core *c, const struct via_tcp_conn *t);
bool via_tcp_ecn_wants(const struct via_core *c, const struct via_tcp_conn *t);
void via_tcp_ecn_opts(struct via_core *c, struct via_tcp_conn *t, uint32_t flags, struct via_tcp_opts *o);
/* A good segment came. */
void via_tcp_ecn_got(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in);
/* Marks that an ACK tells of, which newly acknowledges `pkts` segments. */
uint32_t via_tcp_ecn_acked(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in, uint32_t pkts);

/* trace.c: begins the trace of a connection in trouble, or goes on with it; the second only goes on. */
void via_tcp_trace(struct via_core *c, struct via_tcp_conn *t, enum via_trace_what what, uint32_t value);
void via_tcp_trace_more(struct via_core *c, struct via_tcp_conn *t, enum via_trace_what what, uint32_t value);
void via_tcp_trace_end(struct via_core *c, struct via_tcp_more *m);

/* timer.c */
/* When VIA_DUE_RETRY is due that would be at `at`, were it not for the user timeout. */
via_ns_t via_tcp_retry_at(const struct via_core *c, struct via_tcp_conn *t, via_ns_t after);
void via_tcp_timer(struct via_core *c, uint32_t index);

/* option.c */
int via_tcp_lend(struct via_core *c, struct via_sock *k, uint32_t max, struct via_lent *out);
int via_tcp_post(struct via_core *c, struct via_sock *k, const struct via_post *p);
int via_tcp_setopt(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n);
int via_tcp_getopt(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n);
int via_listener_setopt(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n);
int via_listener_getopt(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n);

/* What stack/ puts into the table of kinds. */
extern const struct via_sock_ops via_tcp_ops, via_listen_ops;

uint64_t via_tcp_bytes(const struct via_attrs *a);
int via_tcp_init(struct via_core *c);
int via_tcp_stats(const struct via_core *c, int (*fn)(const struct via_stat *, void *), void *arg);

#endif
