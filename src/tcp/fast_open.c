/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fast Open (RFC 7413). A server gives out cookies and takes data with a SYN that shows a good one; a client keeps the
 * cookies it was given, by destination, and falls back to a plain handshake where a SYN with data got no answer.
 */
#include "tcp/tcp.h"

#define REKEY (3600 * VIA_SEC)

static struct via_cookie_entry *entry_of(const struct via_core *c, const struct via_addr *peer) {
    return &c->tcp->cookie[via_hash_addr(&c->tcp->way_key, peer, 0) % VIA_TCP_COOKIES];
}

const struct via_cookie_entry *via_tcp_fast_find(const struct via_core *c, const struct via_addr *peer) {
    const struct via_cookie_entry *e = entry_of(c, peer);

    return e->len && via_addr_eq(&e->peer, peer) ? e : NULL;
}

void via_tcp_fast_learn(struct via_core *c, const struct via_tcp_conn *t, const struct via_tcp_opts *o) {
    struct via_cookie_entry *e = entry_of(c, &t->sock.flow.remote);

    if (!(o->has & VIA_TCP_COOKIE) || !o->cookie_len)
        return;
    e->peer = t->sock.flow.remote;
    e->len = o->cookie_len;
    e->mss = t->snd.peer_mss;
    memcpy(e->cookie, o->cookie, o->cookie_len);
}

void via_tcp_fast_forget(struct via_core *c, const struct via_addr *peer) {
    if (via_tcp_fast_find(c, peer))
        entry_of(c, peer)->len = 0;
}

static struct via_fast_open *keys_now(struct via_core *c) {
    struct via_tcp *g = c->tcp;

    if (via_now(c) - g->rekeyed >= REKEY) {
        struct via_key fresh = via_rand_key(&c->s->rand);

        via_fast_open_rotate(&g->fast_open, &fresh);
        g->rekeyed = via_now(c);
    }
    return &g->fast_open;
}

void via_tcp_fast_opts(struct via_core *c, const struct via_tcp_conn *t, struct via_tcp_opts *o) {
    struct via_tuple tuple = via_tcp_tuple(&t->sock.flow);
    const struct via_cookie_entry *e;

    if (t->state == VIA_TCP_SYN_RECEIVED) {
        via_fast_open_make(keys_now(c), &tuple, o->cookie);
        o->cookie_len = VIA_FAST_OPEN_LEN;
        o->has |= VIA_TCP_COOKIE;
    } else if (!t->tries) {
        e = via_tcp_fast_find(c, &t->sock.flow.remote);
        o->cookie_len = e ? e->len : 0;
        if (e)
            memcpy(o->cookie, e->cookie, e->len);
        o->has |= VIA_TCP_COOKIE;
    }
}

enum via_fast_open_verdict via_tcp_fast_judge(struct via_core *c, const struct via_tcp_in *in) {
    struct via_tuple tuple = via_tcp_tuple(&in->rx->flow);

    return via_fast_open_check(keys_now(c), &tuple, in->h.opt.cookie, in->h.opt.cookie_len);
}

/* Data that went with a SYN and was not acknowledged with it: it was not taken, which says nothing about the path. */
void via_tcp_fast_refused(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_seg *segs = via_tcp_segs(c);

    while (t->board.flying.head)
        via_sack_lose(&t->board, segs, t->board.flying.head);
}
