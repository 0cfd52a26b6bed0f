/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/tcp.h"

enum { PROBING_OFF, PROBING_BLACKHOLE, PROBING_ON };

enum {
    SUSPECT = 2, /* timeouts in a row after which large packets are suspected */
    DESPAIR = 4, /* and then the base */
    BEHIND = 3,  /* segments that must follow a probe, so that its loss shows */
};

void via_mtu_begin(struct via_mtu *m, uint32_t low, uint32_t high) {
    *m = (struct via_mtu){.low = low, .high = high < low ? low : high};
}

uint32_t via_mtu_next(const struct via_mtu *m, uint32_t most, via_ns_t now) {
    uint32_t high = via_min32(m->high, most);

    if (m->size || now < m->again || high < m->low + VIA_MTU_STEP)
        return 0;
    return m->halving ? (m->low + high + 1) / 2 : high;
}

void via_mtu_sent(struct via_mtu *m, uint32_t size, via_seq_t from, via_seq_t to) {
    m->size = size;
    m->from = from;
    m->to = to;
}

/* RFC 4821 7.6.2, RFC 8899 5.1.1: the path may have changed; a long time later all is tried again. */
static void end_search(struct via_mtu *m, via_ns_t now, via_ns_t every) {
    m->again = via_after(now, every);
    m->halving = false;
    m->high = UINT32_MAX;
}

void via_mtu_passed(struct via_mtu *m, via_ns_t now, via_ns_t every) {
    m->low = m->size;
    m->size = 0;
    m->lost = 0;
    if (m->high < m->low + VIA_MTU_STEP)
        end_search(m, now, every);
}

void via_mtu_lost(struct via_mtu *m, via_ns_t now, via_ns_t every) {
    uint32_t size = m->size;

    m->size = 0;
    if (++m->lost < VIA_MTU_TRIES)
        return;
    m->lost = 0;
    m->high = size - 1;
    m->halving = true;
    if (m->high < m->low + VIA_MTU_STEP)
        end_search(m, now, every);
}

static uint32_t base_of(const struct via_tcp_conn *t) {
    return via_addr_is4(&t->sock.flow.remote) ? VIA_MTU_BASE4 : VIA_MTU_BASE6;
}

static struct via_mtu *search_of(const struct via_core *c, const struct via_tcp_conn *t) {
    return &via_tcp_more(c, t)->mtu;
}

/* Headers of a packet with data. */
static uint32_t overhead(const struct via_core *c, const struct via_tcp_conn *t) {
    return via_tcp_way(c, t)->path.ip_len + VIA_TCP_LEN + (t->opts & VIA_TCP_HAS_TS ? 12u : 0);
}

/* What the path is said to take, and the peer. */
static uint32_t said(const struct via_core *c, const struct via_tcp_conn *t) {
    const struct via_tcp_way *w = via_tcp_way(c, t);
    const struct via_vi *vi = c->vi[w->path.vi];
    uint32_t most = via_min32(w->path.mtu, (uint32_t)t->snd.peer_mss + w->path.ip_len + VIA_TCP_LEN);

    if (vi && !(vi->dev->caps & VIA_VI_JUMBO))
        most = via_min32(most, c->frame_size - VIA_HEADROOM);
    return most;
}

static void use(struct via_core *c, struct via_tcp_conn *t) {
    via_tcp_set_mss(c, t, via_tcp_way(c, t));
}

static bool start(struct via_core *c, struct via_tcp_conn *t, uint32_t low) {
    struct via_tcp_more *m = via_tcp_more_new(c, t);

    if (!m)
        return false;
    via_mtu_begin(&m->mtu, low, UINT32_MAX);
    t->bits |= VIA_TCPB_SEARCH;
    use(c, t);
    return true;
}

uint32_t via_tcp_mtu(const struct via_core *c, const struct via_tcp_conn *t, uint32_t mtu) {
    return t->bits & VIA_TCPB_SEARCH ? via_min32(mtu, search_of(c, t)->low) : mtu;
}

void via_tcp_mtu_setup(struct via_core *c, struct via_tcp_conn *t) {
    if (c->attrs.tcp_mtu_probing == PROBING_ON && said(c, t) > base_of(t))
        start(c, t, base_of(t));
}

void via_tcp_mtu_timeout(struct via_core *c, struct via_tcp_conn *t) {
    const struct via_tcp_seg *first = &via_tcp_segs(c)[t->board.head];
    uint32_t low, long_by;

    if (c->attrs.tcp_mtu_probing == PROBING_OFF || !t->way)
        return;
    if (t->bits & VIA_TCPB_SEARCH)
        search_of(c, t)->size = 0; /* whatever it was: nothing is learned of it */
    low = base_of(t);
    if (t->tries >= DESPAIR && low == VIA_MTU_BASE4 && (t->bits & VIA_TCPB_SEARCH))
        low = VIA_MTU_LEAST;
    long_by = first->end - first->seq + overhead(c, t);
    if (t->tries < SUSPECT || long_by <= low || said(c, t) <= low)
        return;
    if (start(c, t, low))
        search_of(c, t)->again = via_after(via_now(c), VIA_SEC); /* first it must be seen that anything passes */
}

/* RFC 4821 5.2, 7.4: SACK is spoken, nothing is missing, and enough behind it that its loss is found by ACKs. */
static bool may_probe(const struct via_tcp_conn *t, uint32_t len) {
    uint32_t need = len + BEHIND * t->snd.mss;

    return t->phase == VIA_PHASE_OPEN && (t->opts & VIA_TCP_HAS_SACK) && !t->board.sacked_segs && !t->board.lost.head && t->snd.unsent_bytes >= need &&
           via_tcp_usable(t) >= need && via_sack_pipe(&t->board) + need <= via_tcp_window(t);
}

void via_tcp_mtu_probe(struct via_core *c, struct via_tcp_conn *t) {
    struct via_mtu *m = search_of(c, t);
    uint32_t size = via_mtu_next(m, said(c, t), via_now(c)), len = size ? size - overhead(c, t) : 0;
    via_seq_t from = t->snd.nxt;

    if (!size || !may_probe(t, len) || !via_tcp_gather(c, t, len))
        return;
    if (via_tcp_send_head(c, t))
        via_mtu_sent(m, size, from, t->snd.nxt);
}

void via_tcp_mtu_acked(struct via_core *c, struct via_tcp_conn *t) {
    struct via_mtu *m = search_of(c, t);

    if (!m->size || !via_seq_le(m->to, t->snd.una))
        return;
    via_mtu_passed(m, via_now(c), c->attrs.pmtu_time);
    use(c, t);
}

bool via_tcp_mtu_excuses(struct via_core *c, struct via_tcp_conn *t, uint32_t lost) {
    struct via_mtu *m = search_of(c, t);
    const struct via_tcp_seg *last = &via_tcp_segs(c)[t->board.lost.tail];

    if (!m->size || last->seq != m->from || lost != m->to - m->from) {
        if (m->size && via_seq_le(t->snd.una, m->from) && t->board.lost.head && last->seq == m->from)
            m->size = 0; /* lost among others */
        return false;
    }
    via_mtu_lost(m, via_now(c), c->attrs.pmtu_time);
    return true;
}
