/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script.h - packet scripts: text in the manner of packetdrill, run against one stack in virtual time.
 *
 * The stack under test sits at one end of a cable in memory; the runner holds the other end as a raw interface, builds
 * the packets of "<" lines and takes apart what "> " lines expect. Calls are those of the public API. Everything happens
 * at the time the script says, nothing sleeps. The language is in README.md beside this file.
 *
 * Numbers of a script are relative: sequence numbers count from each side's initial one, timestamps of ours from the
 * first that the script names.
 */
#ifndef VIA_SCRIPT_H
#define VIA_SCRIPT_H

#include <viaduct/viaduct.h>

#include <setjmp.h>
#include <stdio.h>

#define SC_SLOTS  64   /* conversations of a script, numbered from 1 */
#define SC_QUEUE  4096 /* packets of ours that no line has asked for yet */
#define SC_EVENTS 4096
#define SC_VARS   64
#define SC_FRAME  66000
#define SC_ANY    INT64_MIN /* "*", and what was not said */

/* An inclusive range; "*" is {SC_ANY, SC_ANY}. */
struct sc_range {
    int64_t lo, hi;
};

static inline bool sc_is_any(struct sc_range r) {
    return r.lo == SC_ANY;
}

static inline bool sc_in(struct sc_range r, int64_t v) {
    return sc_is_any(r) || (v >= r.lo && v <= r.hi);
}

enum sc_kind { SC_TCP = 1, SC_UDP, SC_ICMP, SC_NEIGH, SC_FRAG, SC_OTHER };

enum sc_flag { SC_FIN = 1, SC_SYN = 2, SC_RST = 4, SC_PSH = 8, SC_ACK = 16, SC_URG = 32, SC_ECE = 64, SC_CWR = 128,
               SC_AE = 256 };

/* One option of TCP as a script writes it. */
struct sc_opt {
    uint8_t kind;
    uint8_t len;            /* bytes of `raw` */
    uint8_t blocks;         /* of SACK */
    bool any;               /* "*" in a value */
    struct sc_range val[2]; /* MSS, shift, TS val and ecr, user timeout */
    uint32_t left[4], right[4];
    uint8_t raw[40]; /* cookies, and hex(...): the whole option */
};

/* A packet: of a line of the script, or taken apart from the wire. */
struct sc_pkt {
    enum sc_kind kind;
    unsigned slot;
    via_ns_t at;
    /* IP */
    struct via_addr src, dst;
    bool src_given, dst_given;
    struct sc_range tos, ttl, df, ecn, frag_off, flow;
    bool frag, frag_more, bad_sum, bad_ip_sum;
    int64_t ip_len; /* a lie about the length, or SC_ANY */
    /* TCP, UDP */
    uint16_t flags;
    bool flags_any, has_ack;
    uint32_t seq, len;
    bool seq_any, len_any;
    struct sc_range ack, win, urg;
    bool opts_any;
    unsigned opts;
    struct sc_opt opt[16];
    int64_t doff;  /* a lie about the header's length in words, or SC_ANY */
    int fill;      /* payload of another pattern, or -1 */
    uint16_t sport, dport;
    /* ICMP, neighbours */
    int type, code; /* of the IPv4 or the IPv6 message as sent */
    struct sc_range mtu, id, echo_seq;
    bool quotes;
    const char *payload_fault;
    uint32_t quote_seq, quote_len;
    uint16_t quote_flags;
    uint8_t quote_proto;
    struct via_addr target;
    /* the bytes */
    uint32_t size, data_at;
    uint8_t *bytes; /* from the IP header on; ARP from its own */
};

enum sc_sock { SC_NONE = 0, SC_UDP_SOCK, SC_TCP_SOCK, SC_LISTENER };

/* A conversation between a socket of ours and the runner. */
struct sc_slot {
    enum sc_sock kind;
    bool open;
    via_sock_t sock;
    uint16_t lport, rport; /* 0: not known yet */
    bool ours_known, ts_known;
    uint32_t ours, theirs;  /* initial sequence numbers */
    uint32_t ts_off;        /* live timestamp minus that of the script */
    uint64_t sent, read;    /* stream bytes that the application gave and took */
    uint32_t dgrams;
};

/* What a line of options at the top asks for. */
struct sc_conf {
    uint32_t mtu;
    int family; /* 4, 6, or 0: both */
    via_ns_t tolerance;
    uint64_t seed;
    char attr[1024];
    char fails[256]; /* the script must fail with this in the message */
    uint32_t peer_isn;
    bool peer_isn_set, neigh, needs_tcp, keep_mcast, loose;
};

struct sc_var {
    char name[24];
    int64_t value;
};

struct sc_event {
    unsigned slot;
    struct via_event ev;
};

struct sc_line {
    char *text; /* NULL at the end */
    const char *file;
    unsigned number;
};

/* A run of one script in one variant. */
struct sc_run {
    char **name; /* of the files that were read */
    unsigned names;
    struct sc_conf conf;
    bool six, slow, verbose;
    bool held; /* packets and calls are gathered for one poll */
    const char *pcap;
    struct sc_line *line;
    unsigned lines, cur;
    const char *at; /* what is left of the current line */
    jmp_buf out;
    char message[4096];

    via_ns_t base, now, last; /* start of the script; time now; time of the last line */
    struct via_stack *st, *peer_st;
    struct via_vi *vi, *peer;
    struct via_epoll *set;
    via_sock_t listener;
    uint8_t mac[6], peer_mac[6];
    struct via_addr local, remote, other;
    struct sc_slot slot[SC_SLOTS + 1];
    struct sc_pkt *queue[SC_QUEUE];
    unsigned queue_head, queue_n;
    struct sc_event event[SC_EVENTS];
    unsigned events;
    struct sc_var var[SC_VARS];
    unsigned vars;
    uint16_t ip_id;
    struct sc_opt cookie; /* the last one that we gave out */
};

/* text.c: reading a line. All skip blanks first; all fail the script where the text is not what is asked for. */
__attribute__((format(printf, 2, 3), noreturn)) void sc_fail(struct sc_run *r, const char *fmt, ...);
bool sc_more(struct sc_run *r);                   /* anything left on the line? */
bool sc_take(struct sc_run *r, const char *text); /* takes that punctuation if it is next */
bool sc_word(struct sc_run *r, const char *word); /* takes that whole word if it is next */
void sc_need(struct sc_run *r, const char *text);
void sc_name(struct sc_run *r, char *out, size_t size); /* a word of letters, digits, '_', '.' */
int64_t sc_number(struct sc_run *r);                    /* an expression: + - *, numbers, MSS, MTU, variables */
struct sc_range sc_range(struct sc_run *r);             /* "*", N, N~M */
via_ns_t sc_seconds(struct sc_run *r);
unsigned sc_hex(struct sc_run *r, uint8_t *out, unsigned size); /* up to a ')' or a blank */
void sc_end(struct sc_run *r);                                  /* nothing may be left */
void sc_set_var(struct sc_run *r, const char *name, int64_t value);
uint32_t sc_mss(const struct sc_run *r);

/* line.c: a packet as a script writes it; the "<" or ">" is taken already. */
void sc_parse_packet(struct sc_run *r, struct sc_pkt *p, bool ours);

/* build.c: makes p->bytes of a packet of a script that the peer sends. */
void sc_build(struct sc_run *r, struct sc_pkt *p);
uint16_t sc_sum(const uint8_t *at, size_t len, uint32_t start);
uint32_t sc_pseudo(const struct sc_run *r, const struct sc_pkt *p, uint8_t proto, uint32_t len);
uint8_t sc_pattern(uint64_t position);
void sc_icmp_names(struct sc_run *r, struct sc_pkt *p, const char *what, const char *how);

/* decode.c: takes a frame of ours apart; false: not of interest (multicast housekeeping). */
bool sc_decode(struct sc_run *r, struct sc_pkt *p, const uint8_t *frame, uint32_t len);
/* Fails the script unless `got` is what `want` says. */
void sc_compare(struct sc_run *r, const struct sc_pkt *want, struct sc_pkt *got);
/* The numbers of a packet that no line asked for, as a script would have them. */
void sc_relative(struct sc_run *r, struct sc_pkt *p);
/* show.c: a packet as a script would write it. */
const char *sc_show(const struct sc_run *r, const struct sc_pkt *p, char *buf, size_t size);

/* world.c: stack, cable, time. */
void sc_world_open(struct sc_run *r);
void sc_world_close(struct sc_run *r);
void sc_settle(struct sc_run *r);                 /* polls until nothing moves, takes what was sent and what happened */
void sc_advance(struct sc_run *r, via_ns_t to);   /* from deadline to deadline */
void sc_inject(struct sc_run *r, const struct sc_pkt *p);
void sc_inject_raw(struct sc_run *r, const uint8_t *frame, uint32_t len);
struct sc_pkt *sc_next(struct sc_run *r); /* oldest packet of ours that was not asked for, or NULL */
void sc_pop(struct sc_run *r);
struct sc_slot *sc_slot_of(struct sc_run *r, const struct sc_pkt *p, bool ours);

/* run.c: reads a script; runs it in one variant, false with r->message if it did not as it should. */
bool sc_load(struct sc_run *r, const char *path);
bool sc_play(struct sc_run *r);
void sc_unload(struct sc_run *r);

/* call.c, call_tcp.c: the verbs. */
struct sc_verb {
    const char *name;
    void (*call)(struct sc_run *r, unsigned slot);
};
extern const struct sc_verb sc_verbs[], sc_tcp_verbs[];
extern const bool sc_has_tcp;
unsigned sc_take_slot(struct sc_run *r); /* "{N}" or 1 */
struct sc_slot *sc_open_slot(struct sc_run *r, unsigned slot);
void sc_result(struct sc_run *r, const char *what, int64_t got, int64_t usual); /* reads "= N", "= -EAGAIN"; checks */
int64_t sc_errno(struct sc_run *r);                                             /* N or -ENAME */
void sc_compare_value(struct sc_run *r, const char *what, int64_t got);         /* reads "== N", ">= N", "in A~B" */
void sc_watch(struct sc_run *r, unsigned slot, via_sock_t s);
void sc_forget_events(struct sc_run *r, unsigned slot, unsigned what);
struct via_ep sc_remote_ep(struct sc_run *r, unsigned slot);
const char *sc_errname(int64_t v);

#endif
