/* SPDX-License-Identifier: BSD-2-Clause */
#include "udp/udp.h"

#include "sock/enter.h"

static struct via_udp_sock *find(const struct via_core *c, via_sock_t s) {
    return (struct via_udp_sock *)(void *)via_sock_find(c, s, VIA_KIND_UDP);
}

static struct via_filter port_filter(const struct via_sock *k) {
    struct via_filter f = {.addr = k->bound, .port = k->flow.lport, .proto = IPPROTO_UDP, .kind = VIA_FILTER_PORT};

    if (via_addr_is_any(&f.addr))
        memset(&f.addr, 0, sizeof f.addr);
    return f;
}

static bool wants_steering(const struct via_core *c, const struct via_sock *k, uint32_t vi) {
    return c->vi[vi] && (c->vi[vi]->dev->caps & VIA_VI_STEERS) && (!k->bound_if || k->bound_if == vi) &&
           !(k->flags & VIA_SOCK_SEND_ONLY);
}

/* Sockets that share an end point share its filter: the last of them takes it away. */
static bool is_shared(struct via_core *c, const struct via_sock *k) {
    const struct via_pool *pool = &c->socks->pool[VIA_KIND_UDP];
    uint32_t i;

    for (i = 1; (k->flags & VIA_SOCK_REUSE) && i <= pool->ready; i++) {
        const struct via_sock *o = via_pool_at(pool, &c->region, i);

        if (o != k && o->state == VIA_SOCK_OPEN && !(o->flags & VIA_SOCK_SEND_ONLY) &&
            o->flow.lport == k->flow.lport && via_addr_eq(&o->bound, &k->bound))
            return true;
    }
    return false;
}

/* For drivers that take only what is named; addresses owned alone are steered whole by net. */
static void steer(struct via_core *c, struct via_sock *k, bool add) {
    struct via_filter f = port_filter(k);
    uint32_t i;

    if (!add && is_shared(c, k))
        return;
    for (i = 1; i <= c->vis; i++)
        if (wants_steering(c, k, i))
            via_vi_filter(c->vi[i], add, &f);
}

static void steer_all(struct via_core *c, uint32_t vi) {
    const struct via_pool *pool = &c->socks->pool[VIA_KIND_UDP];
    uint32_t i;

    for (i = 1; c->vi[vi] && (c->vi[vi]->dev->caps & VIA_VI_STEERS) && i <= pool->ready; i++) {
        struct via_sock *k = via_pool_at(pool, &c->region, i);
        struct via_filter f = port_filter(k);

        if (k->state == VIA_SOCK_OPEN && wants_steering(c, k, vi))
            via_vi_filter(c->vi[vi], true, &f);
    }
}

static bool is_iface(const struct via_core *c, uint32_t iface) {
    return iface <= VIA_VIS && c->vi[iface];
}

static bool fits_family(const struct via_ep *e) {
    return e->family == (via_addr_is4(&e->addr) ? VIA_AF_4 : VIA_AF_6);
}

static int check_conf(struct via_core *c, const struct via_udp_conf *conf) {
    if (conf->flags & ~(uint32_t)(VIA_UDP_REUSE | VIA_UDP_V6ONLY | VIA_UDP_RECV_ONLY | VIA_UDP_SEND_ONLY))
        return via_why_set(c, -EINVAL, "udp: flags %#x are not known", conf->flags);
    if ((conf->flags & VIA_UDP_RECV_ONLY) && (conf->flags & VIA_UDP_SEND_ONLY))
        return via_why_set(c, -EINVAL, "udp: a socket that neither sends nor receives");
    if (conf->rcvbuf > VIA_UDP_RCVBUF_MAX)
        return via_why_set(c, -EINVAL, "udp: at most %u packets may wait on a socket", VIA_UDP_RCVBUF_MAX);
    if (conf->iface && !is_iface(c, conf->iface))
        return via_why_set(c, -ENODEV, "udp: no interface %u", conf->iface);
    return 0;
}

static int check_local(struct via_core *c, const struct via_udp_conf *conf, const struct via_ep *local) {
    const struct via_addr *a = &local->addr;

    if (local->family != VIA_AF_ANY && local->family != VIA_AF_4 && local->family != VIA_AF_6)
        return via_why_set(c, -EINVAL, "udp: end point of unknown family %u", local->family);
    if (local->scope && !is_iface(c, local->scope))
        return via_why_set(c, -ENODEV, "udp: no interface %u", local->scope);
    if (via_addr_is_any(a))
        return 0;
    if (!fits_family(local))
        return via_why_set(c, -EINVAL, "udp: end point of a family that its address is not");
    if (via_addr_is_multicast(a))
        return 0;
    if (!via_net_is_own(c, a, (uint8_t)(conf->iface ? conf->iface : local->scope)) && !via_net_is_broadcast(c, a))
        return via_why_set(c, -EADDRNOTAVAIL, "udp: not an own address, or not usable yet");
    return 0;
}

static void set_local(struct via_sock *k, const struct via_udp_conf *conf, const struct via_ep *local) {
    k->flow.proto = IPPROTO_UDP;
    k->flow.lport = local->port;
    k->flow.iface = (uint8_t)conf->iface;
    k->flow.local = local->addr;
    if (via_addr_is_any(&local->addr)) {
        memset(&k->flow.local, 0, sizeof k->flow.local);
        if (local->family == VIA_AF_4)
            k->flow.local = via_addr_from4(0);
    } else if (via_addr_is_linklocal6(&local->addr) && !k->flow.iface) {
        k->flow.iface = (uint8_t)local->scope;
    }
    k->bound = k->flow.local;
    k->bound_if = k->flow.iface;
}

/* Puts the socket where packets find it; a port is chosen if there is none. */
static int bind_port(struct via_core *c, struct via_sock *k) {
    if (!k->flow.lport && !(k->flow.lport = via_port_pick(c, &k->flow)))
        return via_why_set(c, -EADDRINUSE, "udp: no ephemeral port is free");
    if (via_port_is_taken(c, &k->flow, k->flags))
        return via_why_set(c, -EADDRINUSE, "udp: port %u is taken", k->flow.lport);
    return via_demux_add(c, via_sock_ref(c, k));
}

static void set_conf(const struct via_core *c, struct via_udp_sock *u, const struct via_udp_conf *conf) {
    struct via_sock *k = &u->sock;

    k->flags = (uint16_t)((conf->flags & VIA_UDP_REUSE ? VIA_SOCK_REUSE : 0) |
                          (conf->flags & VIA_UDP_V6ONLY ? VIA_SOCK_V6ONLY : 0) |
                          (conf->flags & VIA_UDP_RECV_ONLY ? VIA_SOCK_RECV_ONLY : 0) |
                          (conf->flags & VIA_UDP_SEND_ONLY ? VIA_SOCK_SEND_ONLY : 0));
    k->rxq.limit = conf->rcvbuf ? conf->rcvbuf : (uint32_t)c->attrs.udp_rcvbuf;
    if (conf->flags & VIA_UDP_SEND_ONLY)
        k->rxq.limit = 0;
    k->user = (uint64_t)(uintptr_t)conf->user;
    u->ttl = (uint8_t)c->attrs.ttl;
    u->mcast_ttl = 1;
    u->mcast_loop = 1;
}

int via_udp_open(struct via_stack *st, const struct via_udp_conf *conf, const struct via_ep *local, via_sock_t *out) {
    static const struct via_udp_conf defaults = VIA_UDP_CONF_INIT;
    struct via_core *c = via_enter(st);
    struct via_udp_sock *u;
    uint32_t ref;
    int err;

    conf = conf ? conf : &defaults;
    if (!local || !out || conf->size != sizeof *conf)
        return via_why_set(c, -EINVAL, "udp: open needs an end point, a result, a configuration of this version");
    err = check_conf(c, conf);
    if (err == 0)
        err = check_local(c, conf, local);
    if (err < 0)
        return err;
    ref = via_sock_new(c, VIA_KIND_UDP);
    if (!ref)
        return via_why_set(c, -ENOBUFS, "udp: all %llu sockets are in use", (unsigned long long)c->attrs.max_udp);
    u = (struct via_udp_sock *)(void *)via_sock_at(c, ref);
    set_local(&u->sock, conf, local);
    set_conf(c, u, conf);
    err = bind_port(c, &u->sock);
    if (err < 0) {
        via_sock_free(c, &u->sock);
        return err;
    }
    steer(c, &u->sock, true);
    *out = via_handle(ref, u->sock.gen);
    return 0;
}

/* Enters the socket under another flow; with an error it stays where it was. */
static int rehash(struct via_core *c, struct via_sock *k, const struct via_flow *flow) {
    struct via_flow old = k->flow;

    via_demux_del(c, via_sock_ref(c, k));
    if (via_port_is_taken(c, flow, k->flags)) {
        via_demux_add(c, via_sock_ref(c, k));
        return via_why_set(c, -EADDRINUSE, "udp: another socket has this pair of end points");
    }
    k->flow = *flow;
    if (via_demux_add(c, via_sock_ref(c, k)) == 0)
        return 0;
    k->flow = old;
    via_demux_add(c, via_sock_ref(c, k));
    return -ENOBUFS;
}

static int disconnect(struct via_core *c, struct via_udp_sock *u) {
    struct via_sock *k = &u->sock;
    struct via_flow flow = {.local = k->bound, .lport = k->flow.lport, .proto = IPPROTO_UDP, .iface = k->bound_if};
    uint32_t ref = via_sock_ref(c, k);
    bool held = k->flags & VIA_SOCK_HOLDS;
    int err;

    if (!(k->flags & VIA_SOCK_CONNECTED))
        return 0;
    via_demux_let_go(c, ref);
    err = rehash(c, k, &flow);
    if (err < 0) {
        if (held)
            via_demux_hold(c, ref);
        return err;
    }
    k->flags &= (uint16_t)~VIA_SOCK_CONNECTED;
    u->path.gen = u->plain = 0;
    return 0;
}

bool via_udp_speaks(const struct via_sock *k, const struct via_addr *a) {
    if (via_addr_is4(a))
        return via_addr_is4(&k->bound) || (via_addr_is_any(&k->bound) && !(k->flags & VIA_SOCK_V6ONLY));
    return !via_addr_is4(&k->bound);
}

static int check_peer(struct via_core *c, const struct via_sock *k, const struct via_ep *peer) {
    if (!peer->port || via_addr_is_any(&peer->addr))
        return via_why_set(c, -EINVAL, "udp: a peer needs an address and a port");
    if (!fits_family(peer) || !via_udp_speaks(k, &peer->addr))
        return via_why_set(c, -EAFNOSUPPORT,
                           "udp: peer of a family that its address is not, or that is not spoken here");
    if (peer->scope && !is_iface(c, peer->scope))
        return via_why_set(c, -EINVAL, "udp: no interface %u", peer->scope);
    if (peer->scope && k->bound_if && peer->scope != k->bound_if)
        return via_why_set(c, -EINVAL, "udp: bound to interface %u, the peer is on %u", k->bound_if, peer->scope);
    return 0;
}

uint32_t via_udp_label(const struct via_core *c, const struct via_sock *k, const struct via_addr *dst) {
    struct via_flow f = {.remote = *dst, .lport = k->flow.lport, .proto = IPPROTO_UDP};

    return via_net_flow_label(c, &f);
}

/* The flow of a conversation with `peer`; u->path becomes the way to it. */
static int plan_flow(struct via_core *c, struct via_udp_sock *u, const struct via_ep *peer, struct via_flow *flow) {
    const struct via_sock *k = &u->sock;
    struct via_dest d = {.dst = peer->addr, .proto = IPPROTO_UDP, .tos = u->tos};
    int err;

    d.iface = (uint8_t)(k->bound_if ? k->bound_if : peer->scope);
    d.ttl = via_addr_is_multicast(&peer->addr) ? u->mcast_ttl : u->ttl;
    d.flow_label = via_udp_label(c, k, &peer->addr);
    if (via_addr_is_multicast(&peer->addr) && !d.iface)
        d.iface = u->mcast_if;
    if (!via_addr_is_any(&k->bound) && !via_addr_is_multicast(&k->bound))
        d.src = k->bound;
    u->plain = u->particular = 0;
    err = via_path_resolve(c, &u->path, &d);
    if (err < 0)
        return via_why_set(c, err, "udp: no way to the peer: %s", strerror(-err));
    *flow = k->flow;
    flow->local = via_addr_is_multicast(&k->bound) ? k->bound : u->path.src;
    flow->iface = via_addr_is_linklocal6(&peer->addr) ? u->path.vi : k->bound_if;
    flow->remote = peer->addr;
    flow->rport = peer->port;
    return 0;
}

int via_udp_connect(struct via_stack *st, via_sock_t s, const struct via_ep *peer) {
    struct via_core *c = via_enter(st);
    struct via_udp_sock *u = find(c, s);
    struct via_flow flow;
    uint32_t ref;
    bool holds;
    int err;

    if (!u)
        return via_bad_handle(c);
    if (!peer)
        return disconnect(c, u);
    if ((err = check_peer(c, &u->sock, peer)) < 0 || (err = plan_flow(c, u, peer, &flow)) < 0)
        return err;
    ref = via_sock_ref(c, &u->sock);
    holds = !(u->sock.flags & (VIA_SOCK_REUSE | VIA_SOCK_HOLDS));
    if (holds && (err = via_demux_hold(c, ref)) < 0)
        return via_why_set(c, err, "udp: the table of flows is full");
    err = rehash(c, &u->sock, &flow);
    if (err == 0) {
        u->sock.flags |= VIA_SOCK_CONNECTED;
        return 0;
    }
    u->path.gen = u->plain = 0;
    if (holds)
        via_demux_let_go(c, ref);
    return err;
}

bool via_udp_is_member(const struct via_core *c, const struct via_udp_sock *u, const struct via_flow *flow) {
    uint32_t id;

    if ((u->sock.flow.iface && u->sock.flow.iface != flow->iface) || !via_udp_speaks(&u->sock, &flow->local) ||
        (u->sock.flags & VIA_SOCK_SEND_ONLY))
        return false;
    if (!via_addr_is_multicast(&flow->local))
        return true; /* broadcast needs no membership */
    for (id = u->groups; id; id = via_member_at(c, id)->next) {
        const struct via_member *m = via_member_at(c, id);

        if (via_addr_eq(&m->group, &flow->local) && m->iface == flow->iface &&
            (via_addr_is_any(&m->source) || via_addr_eq(&m->source, &flow->remote)))
            return true;
    }
    return false;
}

/* The link to the membership, or to the end of the list. An interface of 0 matches any. */
static uint32_t *find_member(struct via_core *c, struct via_udp_sock *u, const struct via_group *g, uint32_t iface) {
    uint32_t *at;

    for (at = &u->groups; *at; at = &via_member_at(c, *at)->next) {
        const struct via_member *m = via_member_at(c, *at);

        if (via_addr_eq(&m->group, &g->group) && via_addr_eq(&m->source, &g->source) && (!iface || m->iface == iface))
            break;
    }
    return at;
}

static void drop_member(struct via_core *c, uint32_t *at) {
    uint32_t id = *at;
    struct via_member *m = via_member_at(c, id);

    via_net_leave(c, (uint8_t)m->iface, &m->group, &m->source);
    *at = m->next;
    c->udp->joined--;
    via_pool_put(&c->udp->members, &c->region, id);
}

static int add_member(struct via_core *c, struct via_udp_sock *u, const struct via_group *g, uint32_t iface) {
    int used = via_net_join(c, (uint8_t)iface, &g->group, &g->source);
    struct via_member *m;
    uint32_t id;

    if (used < 0)
        return via_why_set(c, used, "udp: the group cannot be joined: %s", strerror(-used));
    if (*find_member(c, u, g, (uint32_t)used)) {
        via_net_leave(c, (uint8_t)used, &g->group, &g->source);
        return via_why_set(c, -EADDRINUSE, "udp: the group is joined already");
    }
    id = via_pool_get(&c->udp->members, &c->region);
    if (!id) {
        via_net_leave(c, (uint8_t)used, &g->group, &g->source);
        return via_why_set(c, -ENOBUFS, "udp: no room for one more membership");
    }
    m = via_member_at(c, id);
    m->group = g->group;
    m->source = g->source;
    m->iface = (uint32_t)used;
    m->next = u->groups;
    u->groups = id;
    c->udp->joined++;
    return 0;
}

int via_udp_join(struct via_stack *st, via_sock_t s, const struct via_group *g, bool join) {
    struct via_core *c = via_enter(st);
    struct via_udp_sock *u = find(c, s);
    uint32_t iface, *at;

    if (!u)
        return via_bad_handle(c);
    if (u->sock.flags & VIA_SOCK_SEND_ONLY)
        return via_why_set(c, -EOPNOTSUPP, "udp: the socket never receives");
    if (!g || !via_addr_is_multicast(&g->group))
        return via_why_set(c, -EINVAL, "udp: not a multicast group");
    if (!via_udp_speaks(&u->sock, &g->group) || via_addr_is_multicast(&g->source) ||
        (!via_addr_is_any(&g->source) && via_addr_is4(&g->source) != via_addr_is4(&g->group)))
        return via_why_set(c, -EINVAL, "udp: group or source of a family that the socket does not take");
    iface = g->iface ? g->iface : u->sock.flow.iface ? u->sock.flow.iface : u->mcast_if;
    if (iface && !is_iface(c, iface))
        return via_why_set(c, -ENODEV, "udp: no interface %u", iface);
    if (join)
        return add_member(c, u, g, iface);
    at = find_member(c, u, g, iface);
    if (!*at)
        return via_why_set(c, -EADDRNOTAVAIL, "udp: the group was not joined");
    drop_member(c, at);
    return 0;
}

static void close_sock(struct via_core *c, struct via_sock *k, unsigned flags) {
    struct via_udp_sock *u = (struct via_udp_sock *)(void *)k;
    uint32_t ref = via_sock_ref(c, k);

    (void)flags;
    steer(c, k, false);
    via_demux_del(c, ref);
    via_demux_let_go(c, ref);
    while (u->groups)
        drop_member(c, &u->groups);
    via_sock_let_go(c, k);
}

const struct via_sock_ops via_udp_ops = {
    .name = "udp",
    .close = close_sock,
    .setopt = via_udp_setopt,
    .getopt = via_udp_getopt,
    .lend = via_udp_lend,
    .post = via_udp_post,
    .steer = steer_all,
};

#define MEMBER_CAP 1048576u

uint64_t via_udp_bytes(const struct via_attrs *a) {
    (void)a;
    return via_pool_bytes(sizeof(struct via_member), MEMBER_CAP);
}

int via_udp_init(struct via_core *c) {
    return via_pool_init(&c->udp->members, &c->region, sizeof(struct via_member), MEMBER_CAP, 0);
}

int via_udp_stats(const struct via_core *c, int (*fn)(const struct via_stat *, void *), void *arg) {
    const struct via_udp *u = c->udp;
    const struct via_stat v[] = {
        {"udp", 0, 0, "rx_datagrams", "datagrams put on receive queues", u->rx},
        {"udp", 0, 0, "rx_bytes", "their payload bytes", u->rx_bytes},
        {"udp", 0, 0, "tx_datagrams", "datagrams sent", u->tx},
        {"udp", 0, 0, "tx_bytes", "their payload bytes", u->tx_bytes},
        {"udp", 0, 0, "tx_copied_bytes", "payload bytes copied on the way out", u->tx_copied},
        {"udp", 0, 0, "rx_copied_bytes", "payload bytes copied by via_udp_read()", u->rx_copied},
        {"udp", 0, 1, "memberships", "group memberships of sockets", u->joined},
        {"udp", 0, 1, "sockets", "open sockets", via_pool_used(&c->socks->pool[VIA_KIND_UDP])},
    };
    size_t i;
    int stop = 0;

    for (i = 0; i < VIA_COUNT(v) && !stop; i++)
        stop = fn(&v[i], arg);
    return stop;
}
