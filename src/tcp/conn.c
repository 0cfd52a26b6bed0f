/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection's slot: begin, end, and the verb that opens one. */
#include "sock/enter.h"
#include "tcp/tcp.h"

void via_tcp_list_push(struct via_core *c, struct via_list *q, struct via_tcp_conn *t) {
    uint32_t ref = via_tcp_ref(c, t);

    t->link_next = 0;
    t->link_prev = q->tail;
    if (q->tail)
        via_tcp_at(c, q->tail)->link_next = ref;
    else
        q->head = ref;
    q->tail = ref;
}

void via_tcp_list_cut(struct via_core *c, struct via_list *q, struct via_tcp_conn *t) {
    if (t->link_prev)
        via_tcp_at(c, t->link_prev)->link_next = t->link_next;
    else
        q->head = t->link_next;
    if (t->link_next)
        via_tcp_at(c, t->link_next)->link_prev = t->link_prev;
    else
        q->tail = t->link_prev;
    t->link_next = t->link_prev = 0;
}

struct via_tuple via_tcp_tuple(const struct via_flow *f) {
    return (struct via_tuple){.local = f->local, .remote = f->remote, .lport = f->lport, .rport = f->rport};
}

enum via_cc_algo via_tcp_algo(const char *name, uint64_t fallback, int *err) {
    unsigned i;

    *err = 0;
    if (!name)
        return (enum via_cc_algo)fallback;
    for (i = 0; i < VIA_CC_ALGOS; i++)
        if (!strcmp(via_cc_name((enum via_cc_algo)i), name))
            return (enum via_cc_algo)i;
    *err = -ENOENT;
    return VIA_CC_CUBIC;
}

/* A slot; when there is none, that of the connection which has waited longest in TIME_WAIT. */
static uint32_t take_slot(struct via_core *c) {
    uint32_t ref = via_sock_new(c, VIA_KIND_TCP);

    while (!ref && c->tcp->waits.head) {
        via_tcp_die(c, via_tcp_at(c, c->tcp->waits.head), 0);
        ref = via_sock_new(c, VIA_KIND_TCP);
    }
    return ref;
}

struct via_tcp_conn *via_tcp_new(struct via_core *c, const struct via_flow *flow) {
    uint32_t ref = take_slot(c), i;
    struct via_tcp_conn *t;

    if (!ref)
        return NULL;
    t = via_tcp_at(c, ref);
    t->sock.flow = *flow;
    t->sock.bound = flow->local;
    t->sock.bound_if = flow->iface;
    if (via_demux_add(c, ref) < 0) {
        via_sock_free(c, &t->sock);
        return NULL;
    }
    t->sock.flags |= VIA_SOCK_CONNECTED;
    t->ports = htonl((uint32_t)flow->lport << 16 | flow->rport);
    for (i = 0; i < VIA_DUES; i++)
        t->due[i] = VIA_NEVER;
    via_tcp_setup(c, t);
    return t;
}

void via_tcp_setup(struct via_core *c, struct via_tcp_conn *t) {
    const struct via_attrs *a = &c->attrs;
    struct via_tuple tuple = via_tcp_tuple(&t->sock.flow);

    t->ts_offset = via_isn_ts_offset(&c->tcp->ts_key, &tuple);
    t->snd.buf = (uint32_t)a->tcp_sndbuf;
    t->rcv.buf = (uint32_t)a->tcp_rcvbuf;
    t->rcv.mss = 536;
    t->rcv.quick = (uint8_t)a->tcp_quick_acks;
    t->keep_idle = (uint16_t)a->tcp_keep_idle;
    t->keep_interval = (uint16_t)a->tcp_keep_interval;
    t->keep_count = (uint8_t)a->tcp_keep_count;
    t->user_timeout = (uint32_t)(a->tcp_user_timeout / VIA_MS);
    t->linger = -1;
    t->challenges = (uint8_t)a->tcp_challenge_rate;
    t->snd.peer_mss = UINT16_MAX; /* until its SYN tells: what is queued before is cut then */
    t->rtt.rto = c->tcp->rtt.initial;
    via_rtt_init(&t->rtt, &c->tcp->rtt);
}

void via_tcp_drop_queues(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_seg *segs = via_tcp_segs(c);
    uint32_t id, next;

    for (id = t->board.head; id; id = next) {
        next = segs[id].next;
        if (segs[id].data)
            via_tcp_skip(c, t, via_pkt_at(c, segs[id].data), UINT32_MAX);
        via_pool_put(&c->tcp->segs, &c->region, id);
    }
    memset(&t->board, 0, sizeof t->board);
    while (t->snd.unsent.head)
        via_tcp_skip(c, t, via_pktq_pop(c, &t->snd.unsent), UINT32_MAX);
    t->snd.unsent_bytes = 0;
    via_pktq_clear(c, &t->rcv.hole);
    t->rcv.ahead = t->rcv.holes = 0;
    via_tcp_drop_blocks(c, t);
}

struct via_tcp_more *via_tcp_more_new(struct via_core *c, struct via_tcp_conn *t) {
    if (t->more)
        return via_tcp_more(c, t);
    t->more = via_pool_get(&c->tcp->mores, &c->region);
    if (!t->more)
        return NULL;
    return memset(via_tcp_more(c, t), 0, sizeof(struct via_tcp_more));
}

static void drop_more(struct via_core *c, struct via_tcp_conn *t) {
    if (t->more) {
        via_tcp_trace_end(c, via_tcp_more(c, t));
        via_pool_put(&c->tcp->mores, &c->region, t->more);
    }
    t->more = 0;
    t->bits &= (uint32_t) ~(VIA_TCPB_PACED | VIA_TCPB_SEARCH);
    t->cc.sampled = false;
    t->opts &= (uint8_t)~VIA_TCP_HAS_ACCECN;
}

/* Nothing of the connection is left but, perhaps, completions that the application has not fetched. */
void via_tcp_end_sock(struct via_core *c, struct via_tcp_conn *t) {
    if (t->bits & VIA_TCPB_TOUCHED)
        return; /* settled first: it is on that list */
    drop_more(c, t);
    via_sock_finish(c, &t->sock);
}

void via_tcp_die(struct via_core *c, struct via_tcp_conn *t, int reason) {
    struct via_sock *k = &t->sock;
    bool told = !via_tcp_is_orphan(t) && !(t->bits & VIA_TCPB_QUEUED);

    if (t->state == VIA_TCP_TIME_WAIT)
        via_tcp_wait_unlink(c, t);
    if (VIA_UNLIKELY((t->bits & VIA_TCPB_LOOP) && t->snd.mate))
        via_tcp_loop_part(c, t, reason);
    if (t->bits & VIA_TCPB_QUEUED)
        via_tcp_unqueue(c, t);
    if (t->bits & VIA_TCPB_STEERED)
        via_tcp_steer_flow(c, k, false);
    t->bits &= (uint32_t)~VIA_TCPB_STEERED;
    c->tcp->fast_pending -= t->state == VIA_TCP_SYN_RECEIVED && via_tcp_is_fast_opened(t);
    t->state = VIA_TCP_CLOSED;
    t->bits &= (uint32_t)~VIA_TCPB_PACED;
    via_tcp_trace_more(c, t, VIA_TRACE_ENDED, (uint32_t)-reason);
    via_tcp_drop_queues(c, t);
    via_demux_del(c, via_sock_ref(c, k));
    via_tick_disarm(c, VIA_TICK_TCP, via_ref_index(via_sock_ref(c, k)));
    via_tcp_way_put(c, t->way);
    t->way = 0;
    c->tcp->failed += reason != 0;
    if (told) {
        k->reason = reason;
        k->flags |= VIA_SOCK_DEAD;
        c->tcp->news++;
        via_ready_raise(c, k, VIA_EV_TERMINATED, reason, 0);
        return;
    }
    if (!via_tcp_is_orphan(t)) { /* nobody ever had its handle */
        via_rxq_clear(c, k);
        via_sock_orphan(c, k);
    } else {
        c->tcp->orphans--;
    }
    via_tcp_end_sock(c, t);
}

static bool fits_family(const struct via_ep *e) {
    return e->family == (via_addr_is4(&e->addr) ? VIA_AF_4 : VIA_AF_6);
}

static bool is_iface(const struct via_core *c, uint32_t iface) {
    return iface && iface <= VIA_VIS && c->vi[iface];
}

int via_tcp_check_local(struct via_core *c, const struct via_ep *local, uint32_t iface) {
    if (local->family != VIA_AF_ANY && local->family != VIA_AF_4 && local->family != VIA_AF_6)
        return via_why_set(c, -EINVAL, "tcp: end point of unknown family %u", local->family);
    if ((local->scope && !is_iface(c, local->scope)) || (iface && !is_iface(c, iface)))
        return via_why_set(c, -ENODEV, "tcp: no interface %u", iface ? iface : local->scope);
    if (via_addr_is_any(&local->addr))
        return 0;
    if (!fits_family(local))
        return via_why_set(c, -EINVAL, "tcp: end point of a family that its address is not");
    if (!via_net_is_own(c, &local->addr, (uint8_t)(iface ? iface : local->scope)))
        return via_why_set(c, -EADDRNOTAVAIL, "tcp: not an own address, or not usable yet");
    return 0;
}

static int check_peer(struct via_core *c, const struct via_ep *local, const struct via_ep *peer) {
    if (!peer->port || via_addr_is_any(&peer->addr) || !fits_family(peer))
        return via_why_set(c, -EINVAL, "tcp: a peer needs an address, its family and a port");
    if (via_addr_is_multicast(&peer->addr) || via_net_is_broadcast(c, &peer->addr))
        return via_why_set(c, -EACCES, "tcp: there is no connection to a group"); /* RFC 9293 MUST-46 */
    if (peer->scope && !is_iface(c, peer->scope))
        return via_why_set(c, -ENODEV, "tcp: no interface %u", peer->scope);
    if (local && local->family && local->family != peer->family)
        return via_why_set(c, -EAFNOSUPPORT, "tcp: both ends are of one family");
    return 0;
}

/* Both ends of the flow, and the way there. */
static int plan_flow(struct via_core *c, const struct via_tcp_conf *conf, const struct via_ep *local,
                     const struct via_ep *peer, struct via_tcp_conn *plan) {
    struct via_dest d = {.dst = peer->addr, .proto = IPPROTO_TCP, .tos = (uint8_t)(conf->tos & 0xfc),
                         .ttl = (uint8_t)conf->ttl, .iface = (uint8_t)(conf->iface ? conf->iface : peer->scope)};
    struct via_flow *f = &plan->sock.flow;
    const struct via_path *path;
    int err;

    if (local && !via_addr_is_any(&local->addr))
        d.src = local->addr;
    err = via_tcp_way_get(c, &d, &plan->way);
    if (err < 0)
        return via_why_set(c, err, "tcp: no way to the peer: %s", strerror(-err));
    path = &via_tcp_way(c, plan)->path;
    *f = (struct via_flow){.local = path->src, .remote = peer->addr, .rport = peer->port, .proto = IPPROTO_TCP};
    f->iface = (uint8_t)(via_addr_is_linklocal6(&peer->addr) ? path->vi : conf->iface);
    f->lport = local ? local->port : 0;
    return 0;
}

/* RFC 6191: an old incarnation that only waits makes room if timestamps keep its segments apart from ours. */
static bool is_taken(struct via_core *c, const struct via_flow *f) {
    struct via_demux_walk w;
    uint32_t ref = via_demux_first(c, f, &w);
    struct via_tcp_conn *old;

    if (!ref)
        return false;
    old = via_tcp_at(c, ref);
    if (via_ref_kind(ref) != VIA_KIND_TCP || old->state != VIA_TCP_TIME_WAIT || !(old->opts & VIA_TCP_HAS_TS) ||
        via_tcp_now(c, old) - old->rcv.ts_at < VIA_SEC / VIA_TCP_TICK)
        return true;
    via_tcp_die(c, old, 0);
    return false;
}

static int choose_port(struct via_core *c, struct via_flow *f) {
    if (!f->lport && !(f->lport = via_port_pick(c, f)))
        return via_why_set(c, -EADDRNOTAVAIL, "tcp: no ephemeral port is free");
    return is_taken(c, f) ? via_why_set(c, -EADDRINUSE, "tcp: this pair of end points is in use") : 0;
}

static void apply_conf(struct via_tcp_conn *t, const struct via_tcp_conf *conf) {
    t->bits |= (conf->flags & VIA_TCP_NODELAY ? VIA_TCPB_NODELAY : 0u) |
               (conf->flags & VIA_TCP_KEEPALIVE ? VIA_TCPB_KEEP : 0u) |
               (conf->flags & VIA_TCP_FAST_OPEN ? VIA_TCPB_FAST : 0u);
    if (conf->sndbuf)
        t->snd.buf = conf->sndbuf;
    if (conf->rcvbuf)
        t->rcv.buf = conf->rcvbuf;
    t->bits |= (conf->sndbuf ? VIA_TCPB_SND_SET : 0u) | (conf->rcvbuf ? VIA_TCPB_RCV_SET : 0u);
    if (conf->user_timeout)
        t->user_timeout = (uint32_t)via_min_ns(conf->user_timeout / VIA_MS, UINT32_MAX);
    t->tos = (uint8_t)conf->tos;
    t->ttl = (uint8_t)conf->ttl;
    t->sock.user = (uint64_t)(uintptr_t)conf->user;
}

static int check_conf(struct via_core *c, const struct via_tcp_conf *conf) {
    if (conf->flags & ~(uint32_t)(VIA_TCP_NODELAY | VIA_TCP_KEEPALIVE | VIA_TCP_FAST_OPEN) || conf->tos > 255 || conf->ttl > 255 ||
        conf->sndbuf > 1u << 30 || conf->rcvbuf > 1u << 30)
        return via_why_set(c, -EINVAL, "tcp: a flag or a number of the configuration is out of range");
    return 0;
}

static int open_conn(struct via_core *c, const struct via_tcp_conf *conf, struct via_tcp_conn *plan,
                     enum via_cc_algo algo, via_sock_t *out) {
    struct via_tuple tuple;
    struct via_tcp_conn *t;
    int err = choose_port(c, &plan->sock.flow);

    if (err < 0)
        return err;
    t = via_tcp_new(c, &plan->sock.flow);
    if (!t)
        return via_why_set(c, -ENOBUFS, "tcp: all %llu connections are in use (max_tcp)",
                           (unsigned long long)c->attrs.max_tcp);
    t->way = plan->way;
    t->cc.algo = (uint8_t)algo;
    apply_conf(t, conf);
    tuple = via_tcp_tuple(&t->sock.flow);
    t->snd.una = t->snd.nxt = via_isn(&c->tcp->isn_key, &tuple, via_now(c));
    t->state = VIA_TCP_SYN_SENT;
    c->tcp->opened++;
    *out = via_handle(via_tcp_ref(c, t), t->sock.gen);
    if (via_tcp_loop_wanted(c, t)) {
        t->bits |= VIA_TCPB_LOOP;
        via_tcp_touch(c, t);
        return 0;
    }
    via_tcp_steer_flow(c, &t->sock, true);
    if ((t->bits & VIA_TCPB_FAST) && via_tcp_fast_find(c, &t->sock.flow.remote))
        via_tcp_arm(c, t, VIA_DUE_CORK, via_after(via_now(c), c->attrs.tcp_cork_time)); /* for data to go with it */
    else
        via_tcp_send_syn(c, t);
    return 0;
}

int via_tcp_connect(struct via_stack *st, const struct via_tcp_conf *conf, const struct via_ep *local,
                    const struct via_ep *peer, via_sock_t *out) {
    static const struct via_tcp_conf defaults = VIA_TCP_CONF_INIT;
    struct via_core *c = via_enter(st);
    struct via_tcp_conn plan;
    enum via_cc_algo algo;
    int err;

    conf = conf ? conf : &defaults;
    if (!peer || !out || conf->size != sizeof *conf)
        return via_why_set(c, -EINVAL, "tcp: connect needs a peer, a result, a configuration of this version");
    algo = via_tcp_algo(conf->cc, c->attrs.tcp_cc, &err);
    if (err < 0)
        return via_why_set(c, err, "tcp: no congestion control \"%.32s\"", conf->cc);
    if ((err = check_conf(c, conf)) < 0 || (err = check_peer(c, local, peer)) < 0 ||
        (local && (err = via_tcp_check_local(c, local, conf->iface)) < 0) ||
        (err = plan_flow(c, conf, local, peer, &plan)) < 0)
        return err;
    err = open_conn(c, conf, &plan, algo, out);
    if (err < 0)
        via_tcp_way_put(c, plan.way);
    return err;
}

static void hash_keys(struct via_core *c) {
    struct via_tcp *g = c->tcp;
    struct via_key fresh = via_rand_key(&c->s->rand);

    g->isn_key = via_rand_key(&c->s->rand);
    g->cookie_key = via_rand_key(&c->s->rand);
    g->ts_key = via_rand_key(&c->s->rand);
    g->way_key = via_rand_key(&c->s->rand);
    via_fast_open_rotate(&g->fast_open, &fresh);
    g->rekeyed = via_now(c);
}

/* Every segment has a frame, but SYN and FIN alone. */
static uint32_t seg_cap(const struct via_attrs *a) {
    return (uint32_t)(a->frames + 2 * a->max_tcp);
}

static uint32_t trace_cap(const struct via_attrs *a) {
    return via_min32((uint32_t)a->max_tcp, 16384);
}

uint64_t via_tcp_bytes(const struct via_attrs *a) {
    return via_pool_bytes(sizeof(struct via_tcp_seg), seg_cap(a)) +
           via_pool_bytes(sizeof(struct via_trace), trace_cap(a)) +
           via_pool_bytes(sizeof(struct via_blocks), (uint32_t)a->max_tcp) +
           via_pool_bytes((uint32_t)via_round_up(sizeof(struct via_tcp_way), VIA_LINE), (uint32_t)a->max_tcp) +
           via_pool_bytes((uint32_t)via_round_up(sizeof(struct via_tcp_more), VIA_LINE), (uint32_t)a->max_tcp);
}

int via_tcp_init(struct via_core *c) {
    const struct via_attrs *a = &c->attrs;
    const struct via_pool *pool = &c->socks->pool[VIA_KIND_TCP];
    struct via_tcp *g = c->tcp;
    int err;

    hash_keys(c);
    g->rtt.min = a->tcp_rto_min;
    g->rtt.initial = via_min_ns(a->tcp_rto_initial < a->tcp_rto_min ? a->tcp_rto_min : a->tcp_rto_initial, a->tcp_rto_max);
    g->rtt.max = a->tcp_rto_max < g->rtt.initial ? g->rtt.initial : a->tcp_rto_max;
    c->ticks[VIA_TICK_TCP].base = c->region.base + pool->slots + offsetof(struct via_tcp_conn, tick);
    c->ticks[VIA_TICK_TCP].stride = pool->size;
    c->ticks[VIA_TICK_TCP_WAIT].base = (uint8_t *)&g->wait_tick - sizeof g->wait_tick;
    c->ticks[VIA_TICK_TCP_WAIT].stride = sizeof g->wait_tick;
    err = via_pool_init(&g->segs, &c->region, sizeof(struct via_tcp_seg), seg_cap(a), 0);
    if (!err)
        err = via_pool_init(&g->blocks, &c->region, sizeof(struct via_blocks), (uint32_t)a->max_tcp, 0);
    if (!err)
        err = via_pool_init(&g->ways, &c->region, (uint32_t)via_round_up(sizeof(struct via_tcp_way), VIA_LINE),
                            (uint32_t)a->max_tcp, 0);
    if (!err)
        err = via_pool_init(&g->mores, &c->region, (uint32_t)via_round_up(sizeof(struct via_tcp_more), VIA_LINE),
                            (uint32_t)a->max_tcp, 0);
    if (!err)
        err = via_pool_init(&g->traces, &c->region, sizeof(struct via_trace), trace_cap(a), 0);
    return err;
}
