/* SPDX-License-Identifier: BSD-2-Clause */
#include "udp/udp.h"

#include "sock/enter.h"

static struct via_udp_sock *find(const struct via_core *c, via_sock_t s) {
    return (struct via_udp_sock *)(void *)via_sock_find(c, s, VIA_KIND_UDP);
}

/* A port filter for drivers that take only what is named; addresses owned alone are steered whole by net. */
static void steer(struct via_core *c, struct via_sock *k, bool add) {
    struct via_filter f = {.addr = k->flow.local, .port = k->flow.lport, .proto = IPPROTO_UDP, .kind = VIA_FILTER_PORT};
    uint32_t i;

    if (via_addr_is_any(&f.addr))
        memset(&f.addr, 0, sizeof f.addr);
    for (i = 1; i <= c->vis; i++)
        if (c->vi[i] && (c->vi[i]->dev->caps & VIA_VI_STEERS) && (!k->flow.iface || k->flow.iface == i))
            via_vi_filter(c->vi[i], add, &f);
}

/* Who has the same key already; with REUSE on both sides that is no conflict. */
static bool is_taken(struct via_core *c, const struct via_flow *f, uint32_t flags) {
    struct via_demux_walk w;
    uint32_t ref;

    for (ref = via_demux_first(c, f, &w); ref; ref = via_demux_next(c, f, &w)) {
        const struct via_sock *k = via_sock_at(c, ref);

        if (k->flow.iface && f->iface && k->flow.iface != f->iface)
            continue;
        if (!(flags & k->flags & VIA_SOCK_REUSE))
            return true;
    }
    return false;
}

static int check_local(struct via_core *c, const struct via_udp_conf *conf, const struct via_ep *local) {
    const struct via_addr *a = &local->addr;

    if (local->family != VIA_AF_ANY && local->family != VIA_AF_4 && local->family != VIA_AF_6)
        return via_why_set(c, -EINVAL, "udp: end point of unknown family %u", local->family);
    if (conf->iface > VIA_VIS || (conf->iface && !c->vi[conf->iface]))
        return via_why_set(c, -ENODEV, "udp: no interface %u", conf->iface);
    if (via_addr_is_any(a) || via_addr_is_multicast(a))
        return 0;
    if ((local->family == VIA_AF_4) != via_addr_is4(a))
        return via_why_set(c, -EINVAL, "udp: end point of a family that its address is not");
    if (!via_net_is_own(c, a, (uint8_t)conf->iface) && !via_net_is_broadcast(c, a))
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
}

/* Puts the socket where packets find it; a port is chosen if there is none. */
static int bind_port(struct via_core *c, struct via_sock *k) {
    if (!k->flow.lport && !(k->flow.lport = via_port_pick(c, &k->flow)))
        return via_why_set(c, -EADDRINUSE, "udp: no ephemeral port is free");
    if (is_taken(c, &k->flow, k->flags))
        return via_why_set(c, -EADDRINUSE, "udp: port %u is taken", k->flow.lport);
    return via_demux_add(c, via_sock_ref(c, k));
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
    err = check_local(c, conf, local);
    if (err < 0)
        return err;
    ref = via_sock_new(c, VIA_KIND_UDP);
    if (!ref)
        return via_why_set(c, -ENOBUFS, "udp: all %llu sockets are in use", (unsigned long long)c->attrs.max_udp);
    u = (struct via_udp_sock *)(void *)via_sock_at(c, ref);
    set_local(&u->sock, conf, local);
    u->sock.flags = (uint16_t)((conf->flags & VIA_UDP_REUSE ? VIA_SOCK_REUSE : 0) |
                               (conf->flags & VIA_UDP_V6ONLY ? VIA_SOCK_V6ONLY : 0));
    u->sock.rxq.limit = conf->rcvbuf ? conf->rcvbuf : (uint32_t)c->attrs.udp_rcvbuf;
    u->sock.user = (uint64_t)(uintptr_t)conf->user;
    u->ttl = (uint8_t)c->attrs.ttl;
    u->mcast_ttl = 1;
    u->mcast_loop = 1;
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
    if (is_taken(c, flow, k->flags)) {
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
    struct via_flow flow = u->sock.flow;

    memset(&flow.remote, 0, sizeof flow.remote);
    flow.rport = 0;
    u->sock.flags &= (uint16_t)~VIA_SOCK_CONNECTED;
    u->path.gen = u->plain = 0;
    return rehash(c, &u->sock, &flow);
}

int via_udp_connect(struct via_stack *st, via_sock_t s, const struct via_ep *peer) {
    struct via_core *c = via_enter(st);
    struct via_udp_sock *u = find(c, s);
    struct via_flow flow;
    struct via_dest d = {.proto = IPPROTO_UDP};
    int err;

    if (!u)
        return -EBADF;
    if (!peer)
        return disconnect(c, u);
    if (!peer->port || via_addr_is_any(&peer->addr))
        return via_why_set(c, -EINVAL, "udp: a peer needs an address and a port");
    if ((peer->family != VIA_AF_4) == via_addr_is4(&peer->addr))
        return via_why_set(c, -EAFNOSUPPORT, "udp: peer of a family that its address is not");
    flow = u->sock.flow;
    d.dst = peer->addr;
    d.iface = (uint8_t)(flow.iface ? flow.iface : peer->scope);
    d.tos = u->tos;
    d.ttl = via_addr_is_multicast(&peer->addr) ? u->mcast_ttl : u->ttl;
    if (!via_addr_is_any(&flow.local) && !via_addr_is_multicast(&flow.local))
        d.src = flow.local;
    u->plain = 0;
    err = via_path_resolve(c, &u->path, &d);
    if (err < 0)
        return via_why_set(c, err, "udp: no way to the peer: %s", strerror(-err));
    flow.local = u->path.src;
    flow.remote = peer->addr;
    flow.rport = peer->port;
    err = rehash(c, &u->sock, &flow);
    if (err == 0)
        u->sock.flags |= VIA_SOCK_CONNECTED;
    return err;
}

bool via_udp_is_member(const struct via_core *c, const struct via_udp_sock *u, const struct via_flow *flow) {
    uint32_t id;

    if (u->sock.flow.iface && u->sock.flow.iface != flow->iface)
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
        return -EBADF;
    if (!g || !via_addr_is_multicast(&g->group))
        return via_why_set(c, -EINVAL, "udp: not a multicast group");
    iface = g->iface ? g->iface : u->sock.flow.iface ? u->sock.flow.iface : u->mcast_if;
    if (iface > VIA_VIS || (iface && !c->vi[iface]))
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
    uint32_t set = k->set;

    (void)flags;
    steer(c, k, false);
    via_demux_del(c, via_sock_ref(c, k));
    while (u->groups)
        drop_member(c, &u->groups);
    via_ready_leave(c, k);
    via_rxq_clear(c, k);
    if (set && k->tokens)
        via_ready_join(c, k, set);
    via_sock_finish(c, k);
}

/* Whole answers to VIA_OPT_*: where the value lies and what it may be. */
static int set_byte(uint8_t *at, const void *v, size_t n, int min, int max) {
    int x;

    if (n != sizeof x)
        return -EINVAL;
    memcpy(&x, v, sizeof x);
    if (x < min || x > max)
        return -EINVAL;
    *at = (uint8_t)x;
    return 0;
}

static int set_rcvbuf(struct via_sock *k, const void *v, size_t n) {
    int x;

    if (n != sizeof x)
        return -EINVAL;
    memcpy(&x, v, sizeof x);
    if (x < 1 || x > 4194304)
        return -EINVAL;
    k->rxq.limit = (uint32_t)x;
    return 0;
}

static int setopt(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n) {
    struct via_udp_sock *u = (struct via_udp_sock *)(void *)k;

    (void)c;
    u->path.gen = u->plain = 0; /* the template depends on most of them */
    switch (opt) {
    case VIA_OPT_RCVBUF:
        return set_rcvbuf(k, v, n);
    case VIA_OPT_TOS:
        return set_byte(&u->tos, v, n, 0, 255);
    case VIA_OPT_TTL:
        return set_byte(&u->ttl, v, n, 1, 255);
    case VIA_OPT_MCAST_TTL:
        return set_byte(&u->mcast_ttl, v, n, 0, 255);
    case VIA_OPT_MCAST_LOOP:
        return set_byte(&u->mcast_loop, v, n, 0, 1);
    case VIA_OPT_MCAST_IF:
        return set_byte(&u->mcast_if, v, n, 0, VIA_VIS);
    case VIA_OPT_DF:
        return set_byte(&u->df, v, n, 0, 1);
    case VIA_OPT_BROADCAST:
        return set_byte(&u->broadcast, v, n, 0, 1);
    case VIA_OPT_REUSE:
    case VIA_OPT_MTU:
    case VIA_OPT_REASON:
    case VIA_OPT_QUEUED:
    case VIA_OPT_DROPS:
        return -EACCES;
    default:
        return -ENOPROTOOPT;
    }
}

static int path_mtu(struct via_core *c, struct via_udp_sock *u) {
    struct via_dest d = {.dst = u->sock.flow.remote,
                         .src = u->sock.flow.local,
                         .proto = IPPROTO_UDP,
                         .tos = u->tos,
                         .ttl = u->ttl,
                         .iface = u->sock.flow.iface};

    if (!(u->sock.flags & VIA_SOCK_CONNECTED))
        return 0;
    if (!via_path_valid(c, &u->path) && via_path_resolve(c, &u->path, &d) < 0)
        return 0;
    return u->path.mtu;
}

static int get_int(struct via_core *c, struct via_udp_sock *u, int opt, int *x) {
    struct via_sock *k = &u->sock;

    switch (opt) {
    case VIA_OPT_RCVBUF:
        *x = (int)k->rxq.limit;
        return 0;
    case VIA_OPT_TOS:
        *x = u->tos;
        return 0;
    case VIA_OPT_TTL:
        *x = u->ttl;
        return 0;
    case VIA_OPT_MCAST_TTL:
        *x = u->mcast_ttl;
        return 0;
    case VIA_OPT_MCAST_LOOP:
        *x = u->mcast_loop;
        return 0;
    case VIA_OPT_MCAST_IF:
        *x = u->mcast_if;
        return 0;
    case VIA_OPT_DF:
        *x = u->df;
        return 0;
    case VIA_OPT_BROADCAST:
        *x = u->broadcast;
        return 0;
    case VIA_OPT_REUSE:
        *x = (k->flags & VIA_SOCK_REUSE) != 0;
        return 0;
    case VIA_OPT_MTU:
        *x = path_mtu(c, u);
        return 0;
    case VIA_OPT_REASON:
        *x = k->reason;
        k->reason = 0;
        return 0;
    case VIA_OPT_QUEUED:
        *x = (int)k->rxq.pkts;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int getopt_sock(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n) {
    struct via_udp_sock *u = (struct via_udp_sock *)(void *)k;
    size_t need = opt == VIA_OPT_DROPS ? sizeof(uint64_t) : sizeof(int);
    int x, err;

    if (opt == VIA_OPT_DROPS && *n >= need) {
        memcpy(v, &k->drops, need);
        *n = need;
        return 0;
    }
    if (*n < need)
        return -EINVAL;
    err = get_int(c, u, opt, &x);
    if (err == 0) {
        memcpy(v, &x, need);
        *n = need;
    }
    return err;
}

const struct via_sock_ops via_udp_ops = {.name = "udp", .close = close_sock, .setopt = setopt, .getopt = getopt_sock};

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
