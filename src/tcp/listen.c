/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners. A handshake is a whole connection on the listener's list of embryos, of which there are at most `backlog`;
 * beyond that cookies answer, from which the third segment makes a connection that was never an embryo.
 */
#include "net/addr.h"
#include "sock/enter.h"
#include "tcp/tcp.h"

#define BACKLOG 128u

static struct via_listener *listener_of(const struct via_core *c, uint32_t ref) {
    return (struct via_listener *)(void *)via_sock_at(c, ref);
}

void via_tcp_unqueue(struct via_core *c, struct via_tcp_conn *t) {
    struct via_listener *l = listener_of(c, t->listener);

    if ((t->state == VIA_TCP_SYN_RECEIVED && !via_tcp_is_fast_opened(t)) || (t->bits & VIA_TCPB_DEFER)) {
        via_tcp_list_cut(c, &l->embryos, t);
        l->embryo_count--;
    } else {
        via_tcp_list_cut(c, &l->ready, t);
        if (!--l->readies)
            l->sock.flags &= (uint16_t)~VIA_SOCK_NEWS;
    }
    t->bits &= (uint32_t)~(VIA_TCPB_QUEUED | VIA_TCPB_DEFER);
    t->listener = 0;
}

static void announce(struct via_core *c, struct via_listener *l, struct via_tcp_conn *t, uint64_t seq) {
    via_tcp_list_push(c, &l->ready, t);
    l->readies++;
    t->last_tx = seq; /* nothing was sent yet: via_accept() tells it */
    c->tcp->news++;
    l->sock.flags |= VIA_SOCK_NEWS;
    via_ready_raise(c, &l->sock, VIA_EV_ACCEPT, 0, seq);
}

bool via_tcp_offer(struct via_core *c, struct via_tcp_conn *t, uint64_t seq) {
    struct via_listener *l = listener_of(c, t->listener);

    if (l->readies >= l->backlog)
        return false;
    if (l->defer) {
        t->bits |= VIA_TCPB_DEFER;
        return true;
    }
    via_tcp_list_cut(c, &l->embryos, t);
    l->embryo_count--;
    announce(c, l, t, seq);
    return true;
}

void via_tcp_offer_data(struct via_core *c, struct via_tcp_conn *t, uint64_t seq) {
    struct via_listener *l = listener_of(c, t->listener);

    t->bits &= (uint32_t)~VIA_TCPB_DEFER;
    via_tcp_list_cut(c, &l->embryos, t);
    l->embryo_count--;
    announce(c, l, t, seq);
}

static void inherit(struct via_tcp_conn *t, const struct via_listener *l) {
    t->bits |= VIA_TCPB_PASSIVE | (l->conf_flags & VIA_TCP_NODELAY ? VIA_TCPB_NODELAY : 0u) |
               (l->conf_flags & VIA_TCP_KEEPALIVE ? VIA_TCPB_KEEP : 0u);
    t->bits |= (l->sndbuf ? VIA_TCPB_SND_SET : 0u) | (l->rcvbuf ? VIA_TCPB_RCV_SET : 0u);
    t->snd.buf = l->sndbuf ? l->sndbuf : t->snd.buf;
    t->rcv.buf = l->rcvbuf ? l->rcvbuf : t->rcv.buf;
    t->user_timeout = l->user_timeout ? l->user_timeout : t->user_timeout;
    t->cc.algo = l->algo;
    t->tos = l->tos;
    t->ttl = l->ttl;
}

/* A connection to whom the segment is from, not yet in any state. */
static struct via_tcp_conn *new_child(struct via_core *c, struct via_listener *l, const struct via_tcp_in *in) {
    struct via_flow flow = in->rx->flow;
    struct via_dest d = {.dst = flow.remote, .src = flow.local, .proto = IPPROTO_TCP, .tos = (uint8_t)(l->tos & 0xfc),
                         .ttl = l->ttl};
    struct via_tcp_conn *t;
    uint32_t way;

    d.iface = (uint8_t)(via_addr_is_linklocal6(&flow.remote) ? flow.iface : l->sock.bound_if);
    flow.iface = d.iface;
    if (via_tcp_way_get(c, &d, &way) < 0)
        return NULL;
    t = via_tcp_new(c, &flow);
    if (!t) {
        via_tcp_way_put(c, way);
        return NULL;
    }
    t->way = way;
    t->listener = via_sock_ref(c, &l->sock);
    inherit(t, l);
    return t;
}

static void add_embryo(struct via_core *c, struct via_listener *l, struct via_tcp_conn *t) {
    via_tcp_list_push(c, &l->embryos, t);
    l->embryo_count++;
    t->bits |= VIA_TCPB_QUEUED;
}

struct via_tcp_conn *via_tcp_listen_loop(struct via_core *c, struct via_listener *l, const struct via_flow *f, uint64_t seq) {
    struct via_rx rx = {.flow = *f};
    struct via_tcp_in in = {.rx = &rx};
    struct via_tcp_conn *t;

    if (l->readies >= l->backlog) {
        via_drop_count(c, VIA_DROP_TCP_BACKLOG);
        return NULL;
    }
    t = new_child(c, l, &in);
    if (!t) {
        via_drop_count(c, VIA_DROP_TCP_NO_CONN);
        return NULL;
    }
    t->snd.una = t->snd.nxt = (uint32_t)via_rand64(&c->s->rand);
    t->snd.iss = t->snd.una - 1;
    t->state = VIA_TCP_SYN_RECEIVED;
    add_embryo(c, l, t);
    via_tcp_offer(c, t, seq);
    return t;
}

static uint32_t stamp_now(const struct via_core *c, const struct via_tuple *tuple) {
    return (uint32_t)(via_now(c) / VIA_TCP_TICK) + via_isn_ts_offset(&c->tcp->ts_key, tuple);
}

/* RFC 4987 3.6: a SYN-ACK that remembers for us. */
static void answer_cookie(struct via_core *c, struct via_listener *l, const struct via_tcp_in *in) {
    struct via_tuple tuple = via_tcp_tuple(&in->rx->flow);
    const struct via_tcp_opts *o = &in->h.opt;
    bool stamps = c->attrs.tcp_timestamps && (o->has & VIA_TCP_TS);
    uint16_t mss = o->has & VIA_TCP_MSS ? (uint16_t)via_max32(o->mss, (uint32_t)c->attrs.tcp_mss_min)
                                        : (uint16_t)(via_addr_is4(&in->rx->flow.remote) ? 536 : 1220);
    struct via_tcp_head h = {.flags = VIA_TCP_SYN | VIA_TCP_ACK, .ack = in->h.seq + 1};
    struct via_cookie_opts ride = {.wscale = VIA_COOKIE_NO_SCALE};

    h.wnd = (uint16_t)via_min32(l->rcvbuf ? l->rcvbuf : (uint32_t)c->attrs.tcp_rcvbuf, UINT16_MAX);
    h.seq = via_cookie_make(&c->tcp->cookie_key, &tuple, in->h.seq, mss, via_now(c));
    h.opt.has = VIA_TCP_MSS;
    if (stamps) {
        ride.sack_ok = c->attrs.tcp_sack && (o->has & VIA_TCP_SACK_OK);
        if (c->attrs.tcp_wscale && (o->has & VIA_TCP_WSCALE))
            ride.wscale = (uint8_t)via_min32(o->wscale, VIA_TCP_WSCALE_MAX);
        ride.ecn = via_tcp_ecn_of_syn(c, in->h.flags) != 0;
        h.opt.has |= VIA_TCP_TS | (ride.sack_ok ? VIA_TCP_SACK_OK : 0) |
                     (ride.wscale != VIA_COOKIE_NO_SCALE ? VIA_TCP_WSCALE : 0);
        h.opt.tsval = via_cookie_ts(stamp_now(c, &tuple), &ride);
        h.opt.tsecr = o->tsval;
        h.flags = (uint16_t)(h.flags | via_tcp_ecn_of_syn(c, in->h.flags));
        h.opt.wscale = 0; /* nobody will know what it was */
    }
    l->cookies_sent++;
    c->tcp->cookies_sent++;
    via_tcp_emit_bare(c, &in->rx->flow, &h);
}

/* What the SYN had said, out of the ACK that followed it. */
static void recall(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in, uint16_t mss) {
    const struct via_tcp_opts *o = &in->h.opt;

    if (c->attrs.tcp_timestamps && (o->has & VIA_TCP_TS)) {
        struct via_cookie_opts ride = via_cookie_opts_of(o->tsecr);

        t->opts |= VIA_TCP_HAS_TS;
        t->rcv.ts_recent = o->tsval;
        t->rcv.ts_at = via_tcp_now(c, t);
        t->opts |= (ride.sack_ok ? VIA_TCP_HAS_SACK : 0) | (ride.ecn && c->attrs.tcp_ecn ? VIA_TCP_HAS_ECN : 0);
        if (ride.wscale != VIA_COOKIE_NO_SCALE) {
            t->opts |= VIA_TCP_HAS_WSCALE;
            t->snd.wscale = (uint8_t)via_min32(ride.wscale, VIA_TCP_WSCALE_MAX);
        }
    }
    t->snd.peer_mss = mss;
    t->snd.una = t->snd.nxt = in->h.ack;
    t->snd.iss = in->h.ack - 1;
    t->rcv.nxt = t->rcv.acked = in->h.seq;
    t->rcv.edge = t->rcv.nxt + via_min32(t->rcv.buf, UINT16_MAX);
    via_tcp_set_mss(c, t, via_tcp_way(c, t));
}

static enum via_drop take_cookie(struct via_core *c, struct via_listener *l, struct via_tcp_in *in) {
    struct via_tuple tuple = via_tcp_tuple(&in->rx->flow);
    struct via_tcp_conn *t;
    uint16_t mss;

    if (!l->cookies_sent || !via_cookie_check(&c->tcp->cookie_key, &tuple, in->h.seq - 1, in->h.ack - 1, via_now(c), &mss)) {
        via_tcp_refuse(c, in);
        return VIA_DROP_TCP_COOKIE;
    }
    if (l->readies >= l->backlog)
        return VIA_DROP_TCP_BACKLOG;
    t = new_child(c, l, in);
    if (!t)
        return VIA_DROP_TCP_NO_CONN;
    c->tcp->cookies_good++;
    t->state = VIA_TCP_SYN_RECEIVED;
    recall(c, t, in, mss);
    add_embryo(c, l, t);
    return via_tcp_input_synced(c, t, in);
}

/* Backlog full, or nothing but cookies wanted? */
static bool wants_cookie(const struct via_core *c, const struct via_listener *l) {
    uint64_t mode = l->cookies ? l->cookies - 1u : c->attrs.tcp_syn_cookies;

    return mode == 2 || (mode == 1 && l->embryo_count >= l->backlog);
}

/* A SYN with a cookie, or the wish for one. True: its data was taken, and the application may have the connection. */
static bool open_fast(struct via_core *c, struct via_listener *l, struct via_tcp_conn *t, struct via_tcp_in *in) {
    enum via_fast_open_verdict v = via_tcp_fast_judge(c, in);
    uint64_t order = in->p->order;

    if (v != VIA_FAST_OPEN_GOOD)
        t->bits |= VIA_TCPB_FAST; /* a cookie goes back */
    if (v == VIA_FAST_OPEN_BAD || c->tcp->fast_pending >= l->fast_open || !in->len)
        return false;
    in->h.seq++;
    if (via_tcp_take_data(c, t, in))
        return false;
    c->tcp->fast_pending++;
    t->opts |= VIA_TCP_HAS_FAST_OPEN;
    t->bits |= VIA_TCPB_QUEUED;
    via_cc_init(&t->cc, (enum via_cc_algo)t->cc.algo, via_cc_initial_window(t->snd.mss, false));
    announce(c, l, t, order);
    return true;
}

static enum via_drop take_syn(struct via_core *c, struct via_listener *l, struct via_tcp_in *in) {
    struct via_tuple tuple = via_tcp_tuple(&in->rx->flow);
    struct via_tcp_conn *t;

    if (l->readies >= l->backlog)
        return VIA_DROP_TCP_BACKLOG;
    if (wants_cookie(c, l)) {
        answer_cookie(c, l, in);
        via_pkt_release(c, in->p);
        return VIA_KEPT;
    }
    if (l->embryo_count >= l->backlog)
        return VIA_DROP_TCP_BACKLOG;
    t = new_child(c, l, in);
    if (!t)
        return VIA_DROP_TCP_NO_CONN;
    t->snd.una = t->snd.nxt = via_isn(&c->tcp->isn_key, &tuple, via_now(c));
    t->state = VIA_TCP_SYN_RECEIVED;
    via_tcp_take_syn(c, t, in);
    if (VIA_LIKELY(!l->fast_open || !(in->h.opt.has & VIA_TCP_COOKIE)) || !open_fast(c, l, t, in))
        add_embryo(c, l, t);
    via_tcp_send_syn(c, t);
    if (in->p)
        via_pkt_release(c, in->p);
    return VIA_KEPT;
}

static enum via_drop refuse(struct via_core *c, const struct via_tcp_in *in) {
    via_tcp_refuse(c, in);
    return VIA_DROP_TCP_STATE;
}

/* RFC 9293 3.10.7.2. */
enum via_drop via_tcp_input_listen(struct via_core *c, struct via_listener *l, struct via_tcp_in *in) {
    uint32_t flags = in->h.flags;

    if (flags & VIA_TCP_RST)
        return VIA_DROP_TCP_STATE;
    if (flags & VIA_TCP_ACK)
        return flags & VIA_TCP_SYN ? refuse(c, in) : take_cookie(c, l, in);
    if ((flags & (VIA_TCP_SYN | VIA_TCP_FIN)) != VIA_TCP_SYN)
        return VIA_DROP_TCP_FLAGS;
    return take_syn(c, l, in);
}

static struct via_filter port_filter(const struct via_sock *k) {
    struct via_filter f = {.addr = k->bound, .port = k->flow.lport, .proto = IPPROTO_TCP, .kind = VIA_FILTER_PORT};

    if (via_addr_is_any(&f.addr))
        memset(&f.addr, 0, sizeof f.addr);
    return f;
}

static bool wants_steering(const struct via_core *c, const struct via_sock *k, uint32_t vi) {
    return c->vi[vi] && (c->vi[vi]->dev->caps & VIA_VI_STEERS) && (!k->bound_if || k->bound_if == vi);
}

/* Listeners that share an end point share its filter: the last of them takes it away. */
static bool is_shared(struct via_core *c, const struct via_sock *k) {
    const struct via_pool *pool = &c->socks->pool[VIA_KIND_LISTEN];
    uint32_t i;

    for (i = 1; (k->flags & VIA_SOCK_REUSE) && i <= pool->ready; i++) {
        const struct via_sock *o = via_pool_at(pool, &c->region, i);

        if (o != k && o->state == VIA_SOCK_OPEN && o->flow.lport == k->flow.lport && via_addr_eq(&o->bound, &k->bound))
            return true;
    }
    return false;
}

static void steer(struct via_core *c, const struct via_sock *k, uint32_t vi, bool add) {
    struct via_filter f = port_filter(k);

    if (wants_steering(c, k, vi))
        via_vi_filter(c->vi[vi], add, &f);
}

void via_tcp_steer_listeners(struct via_core *c, uint32_t vi) {
    const struct via_pool *pool = &c->socks->pool[VIA_KIND_LISTEN];
    uint32_t i;

    for (i = 1; i <= pool->ready; i++) {
        const struct via_sock *k = via_pool_at(pool, &c->region, i);

        if (k->state == VIA_SOCK_OPEN)
            steer(c, k, vi, true);
    }
}

/* Addresses of our own are steered whole; a port at one that the kernel has too must be asked for. */
void via_tcp_steer_flow(struct via_core *c, struct via_sock *k, bool add) {
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)k;
    const struct via_own *own = add ? via_addr_find(c, &k->flow.local, k->flow.iface) : NULL;
    uint32_t i;

    if (add && !(own && (own->flags & VIA_ADDR_KERNEL)))
        return;
    for (i = 1; i <= c->vis; i++)
        steer(c, k, i, add);
    t->bits |= add ? VIA_TCPB_STEERED : 0u;
}

static void set_local(struct via_sock *k, const struct via_listen_conf *conf, const struct via_ep *local) {
    k->flow = (struct via_flow){.local = local->addr, .lport = local->port, .proto = IPPROTO_TCP,
                                .iface = (uint8_t)conf->iface};
    if (via_addr_is_any(&local->addr)) {
        memset(&k->flow.local, 0, sizeof k->flow.local);
        if (local->family == VIA_AF_4)
            k->flow.local = via_addr_from4(0);
    } else if (via_addr_is_linklocal6(&local->addr) && !conf->iface) {
        k->flow.iface = (uint8_t)local->scope;
    }
    k->bound = k->flow.local;
    k->bound_if = k->flow.iface;
}

static int bind_port(struct via_core *c, struct via_sock *k) {
    if (!k->flow.lport && !(k->flow.lport = via_port_pick(c, &k->flow)))
        return via_why_set(c, -EADDRINUSE, "tcp: no ephemeral port is free");
    if (via_port_is_taken(c, &k->flow, k->flags))
        return via_why_set(c, -EADDRINUSE, "tcp: port %u is taken", k->flow.lport);
    return via_demux_add(c, via_sock_ref(c, k));
}

static int check_conf(struct via_core *c, const struct via_listen_conf *conf) {
    const uint32_t flags = VIA_TCP_NODELAY | VIA_TCP_KEEPALIVE | VIA_TCP_REUSE | VIA_TCP_V6ONLY;

    if ((conf->flags & ~flags) || conf->cookies > 3 || conf->tos > 255 || conf->ttl > 255 || conf->backlog > 1u << 20 ||
        conf->sndbuf > 1u << 30 || conf->rcvbuf > 1u << 30)
        return via_why_set(c, -EINVAL, "tcp: a flag or a number of the configuration is out of range");
    return 0;
}

static void fill(struct via_listener *l, const struct via_listen_conf *conf, enum via_cc_algo algo) {
    l->sock.flags = (uint16_t)((conf->flags & VIA_TCP_REUSE ? VIA_SOCK_REUSE : 0) |
                               (conf->flags & VIA_TCP_V6ONLY ? VIA_SOCK_V6ONLY : 0));
    l->sock.user = (uint64_t)(uintptr_t)conf->user;
    l->conf_flags = conf->flags;
    l->backlog = conf->backlog ? conf->backlog : BACKLOG;
    l->join = conf->join;
    l->sndbuf = conf->sndbuf;
    l->rcvbuf = conf->rcvbuf;
    l->user_timeout = (uint32_t)via_min_ns(conf->user_timeout / VIA_MS, UINT32_MAX);
    l->cookies = (uint8_t)conf->cookies;
    l->fast_open = conf->fast_open;
    l->defer = conf->defer != 0;
    l->algo = (uint8_t)algo;
    l->tos = (uint8_t)conf->tos;
    l->ttl = (uint8_t)conf->ttl;
}

int via_listen(struct via_stack *st, const struct via_listen_conf *conf, const struct via_ep *local, via_sock_t *out) {
    static const struct via_listen_conf defaults = VIA_LISTEN_CONF_INIT;
    struct via_core *c = via_enter(st);
    struct via_listener *l;
    enum via_cc_algo algo;
    uint32_t ref, i;
    int err;

    conf = conf ? conf : &defaults;
    if (!local || !out || conf->size != sizeof *conf)
        return via_why_set(c, -EINVAL, "tcp: listen needs an end point, a result, a configuration of this version");
    algo = via_tcp_algo(conf->cc, c->attrs.tcp_cc, &err);
    if (err < 0)
        return via_why_set(c, err, "tcp: no congestion control \"%.32s\"", conf->cc);
    if ((err = check_conf(c, conf)) < 0 || (err = via_tcp_check_local(c, local, conf->iface)) < 0)
        return err;
    ref = via_sock_new(c, VIA_KIND_LISTEN);
    if (!ref)
        return via_why_set(c, -ENOBUFS, "tcp: all %llu listeners are in use", (unsigned long long)c->attrs.max_listeners);
    l = listener_of(c, ref);
    fill(l, conf, algo);
    set_local(&l->sock, conf, local);
    err = bind_port(c, &l->sock);
    if (err < 0) {
        via_sock_free(c, &l->sock);
        return err;
    }
    for (i = 1; i <= c->vis; i++)
        steer(c, &l->sock, i, true);
    *out = via_handle(ref, l->sock.gen);
    return 0;
}

static void end_point(struct via_ep *e, const struct via_addr *a, uint16_t port, uint8_t iface) {
    memset(e, 0, sizeof *e);
    e->addr = *a;
    e->port = port;
    e->family = via_addr_is4(a) ? VIA_AF_4 : VIA_AF_6;
    e->scope = via_addr_is_linklocal6(a) ? iface : 0;
}

static void hand_out(struct via_core *c, struct via_listener *l, struct via_tcp_conn *t, struct via_accepted *v) {
    const struct via_flow *f = &t->sock.flow;

    end_point(&v->peer, &f->remote, f->rport, f->iface);
    end_point(&v->local, &f->local, f->lport, f->iface);
    v->sock = via_handle(via_tcp_ref(c, t), t->sock.gen);
    v->seq = t->last_tx;
    if (via_tcp_is_fast_opened(t) && t->sock.rxq.list.head)
        v->seq = via_pkt_at(c, t->sock.rxq.list.head)->order;
    v->bytes = t->rcv.queued;
    v->pad = 0;
    t->last_tx = 0;
    c->tcp->accepted++;
    if (l->join && l->sock.set) {
        t->sock.mask = l->join;
        t->sock.set_user = v->sock;
        via_ready_join(c, &t->sock, l->sock.set);
    }
}

int via_accept(struct via_stack *st, via_sock_t s, struct via_accepted *v, unsigned max) {
    struct via_core *c = via_enter(st);
    struct via_listener *l = (struct via_listener *)(void *)via_sock_find(c, s, VIA_KIND_LISTEN);
    unsigned n;

    if (!l)
        return via_bad_handle(c);
    if (!v || !max || max > INT32_MAX)
        return via_why_set(c, -EINVAL, "tcp: no room for connections");
    for (n = 0; n < max && l->ready.head; n++) {
        struct via_tcp_conn *t = via_tcp_at(c, l->ready.head);

        via_tcp_unqueue(c, t);
        hand_out(c, l, t, &v[n]);
    }
    return n ? (int)n : -EAGAIN;
}

static void close_listener(struct via_core *c, struct via_sock *k, unsigned flags) {
    struct via_listener *l = (struct via_listener *)(void *)k;
    uint32_t i;

    (void)flags;
    while (l->embryos.head)
        via_tcp_reset(c, via_tcp_at(c, l->embryos.head), -ECONNABORTED);
    while (l->ready.head)
        via_tcp_reset(c, via_tcp_at(c, l->ready.head), -ECONNABORTED);
    for (i = 1; i <= c->vis && !is_shared(c, k); i++)
        steer(c, k, i, false);
    via_demux_del(c, via_sock_ref(c, k));
    via_sock_let_go(c, k);
}

const struct via_sock_ops via_listen_ops = {
    .name = "listen",
    .close = close_listener,
    .setopt = via_listener_setopt,
    .getopt = via_listener_getopt,
    .steer = via_tcp_steer_listeners,
};
