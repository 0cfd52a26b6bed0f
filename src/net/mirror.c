/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/mirror.h"
#include "net/state.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define BUFFER_BYTES   32768
#define READS_MAX      64 /* of one poll: the rest can wait for the next */
#define RECORD_BUCKETS 1024

/* What is asked for by a dump, in this order: a route needs the subnet of an address. */
enum dump { DUMP_LINKS = 0, DUMP_ADDRS, DUMP_ROUTES, DUMP_NEIGHS, DUMPS };

static const struct {
    uint16_t type;
    uint8_t what; /* enum via_mirror, 0: always */
    int groups[2];
} dumps[DUMPS] = {
    [DUMP_LINKS] = {RTM_GETLINK, 0, {RTNLGRP_LINK, 0}},
    [DUMP_ADDRS] = {RTM_GETADDR, VIA_MIRROR_ADDRS, {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}},
    [DUMP_ROUTES] = {RTM_GETROUTE, VIA_MIRROR_ROUTES, {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE}},
    [DUMP_NEIGHS] = {RTM_GETNEIGH, VIA_MIRROR_NEIGHS, {RTNLGRP_NEIGH, 0}},
};

/* Something that the kernel has and that was given to our tables for it; what a new dump does not show is taken back.
 */
struct record {
    struct record *next;
    uint8_t dump; /* enum dump */
    uint8_t iface;
    uint8_t prefix;
    uint8_t family;
    uint32_t stamp; /* of the dump that showed it last, or that was running when it came */
    uint32_t metric;
    struct via_addr addr, gateway;
};

struct via_rtnl {
    struct mnl_socket *nl;
    uint32_t seq;
    uint32_t wanted; /* bit per dump that is to be made */
    int running;     /* enum dump, -1: none */
    uint32_t running_seq;
    uint32_t stamp;
    bool again;     /* the dump that is running was disturbed */
    bool refused;   /* a route's gateway was not on the link yet */
    bool powerless; /* the kernel does not let us ask for neighbours */
    uint32_t ifindex[VIA_VIS + 1];
    uint8_t what[VIA_VIS + 1]; /* enum via_mirror */
    struct record *records[RECORD_BUCKETS];
    uint64_t overruns;
    char buffer[BUFFER_BYTES];
};

/* Room for any of our questions. */
struct question {
    char bytes[256];
    struct nlmsghdr *head;
};

static struct nlmsghdr *ask(struct via_rtnl *m, struct question *q, uint16_t type, uint16_t flags) {
    memset(q, 0, sizeof *q);
    q->head = mnl_nlmsg_put_header(q->bytes);
    q->head->nlmsg_type = type;
    q->head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    q->head->nlmsg_seq = ++m->seq;
    return q->head;
}

static int send_question(struct via_rtnl *m, const struct question *q) {
    int saved = errno, err = 0;

    if (mnl_socket_sendto(m->nl, q->head, q->head->nlmsg_len) < 0)
        err = -errno;
    errno = saved;
    return err;
}

static struct record **bucket_of(struct via_rtnl *m, const struct via_addr *a) {
    uint64_t x = (via_load64(a->b) ^ via_load64(a->b + 8)) * 0x9e3779b97f4a7c15ull;

    return &m->records[x >> 54];
}

static bool is_same(const struct record *a, const struct record *b) {
    return a->dump == b->dump && a->iface == b->iface && a->prefix == b->prefix && a->family == b->family &&
           a->metric == b->metric && via_addr_eq(&a->addr, &b->addr) && via_addr_eq(&a->gateway, &b->gateway);
}

static struct record *find_record(struct via_rtnl *m, const struct record *like) {
    struct record *r = *bucket_of(m, &like->addr);

    while (r && !is_same(r, like))
        r = r->next;
    return r;
}

/* Remembers it, or that it was seen again. */
static void note_record(struct via_core *c, const struct record *like) {
    struct via_rtnl *m = c->mirror;
    struct record *r = find_record(m, like);

    if (!r) {
        if (!(r = via_alloc(c, sizeof *r)))
            return;
        *r = *like;
        r->next = *bucket_of(m, &like->addr);
        *bucket_of(m, &like->addr) = r;
    }
    r->stamp = m->stamp;
}

static void forget_record(struct via_core *c, const struct record *r) {
    struct record **at = bucket_of(c->mirror, &r->addr);

    while (*at && *at != r)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = r->next;
    via_free(c, (void *)(uintptr_t)r);
}

static void take_back(struct via_core *c, struct record *r) {
    if (r->dump == DUMP_ADDRS) {
        struct via_ifaddr a = {.addr = r->addr, .iface = r->iface, .prefix = r->prefix};

        via_net_addr(c, VIA_CTRL_DEL, &a);
    } else if (r->dump == DUMP_ROUTES) {
        struct via_route t = {.dst = r->addr, .gateway = r->gateway, .iface = r->iface, .metric = r->metric};

        t.prefix = r->prefix;
        t.family = r->family;
        via_net_route(c, VIA_CTRL_DEL, &t);
    } else {
        via_neigh_put(c, r->iface, &r->addr, NULL);
    }
    forget_record(c, r);
}

/* Takes back what the kernel has no longer. */
static void sweep(struct via_core *c, int dump) {
    struct via_rtnl *m = c->mirror;
    struct record *r, *next;
    unsigned i;

    for (i = 0; i < RECORD_BUCKETS; i++)
        for (r = m->records[i]; r; r = next) {
            next = r->next;
            if (r->dump == dump && r->stamp != m->stamp)
                take_back(c, r);
        }
}

/* Forgets the records of an interface, or of all (0); the tables look after themselves. */
static void forget_records(struct via_core *c, uint8_t iface) {
    struct record *r, *next;
    unsigned i;

    for (i = 0; i < RECORD_BUCKETS; i++)
        for (r = c->mirror->records[i]; r; r = next) {
            next = r->next;
            if (!iface || r->iface == iface)
                forget_record(c, r);
        }
}

/* The interface that mirrors `what` of the kernel's interface, or 0. */
static uint8_t follower_of(const struct via_rtnl *m, int ifindex, uint8_t what) {
    uint8_t i;

    for (i = 1; ifindex > 0 && i <= VIA_VIS; i++)
        if (m->ifindex[i] == (uint32_t)ifindex && (m->what[i] & what))
            return i;
    return 0;
}

/* Attributes one after the other. */
struct walk {
    const uint8_t *at;
    size_t left;
};

static struct walk walk_behind(const struct nlmsghdr *h, size_t head) {
    size_t all = mnl_nlmsg_get_payload_len(h), skip = NLMSG_ALIGN(head);

    return (struct walk){(const uint8_t *)mnl_nlmsg_get_payload(h) + skip, all > skip ? all - skip : 0};
}

static struct walk walk_into(const struct nlattr *nest) {
    return (struct walk){mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest)};
}

static const struct nlattr *next_attr(struct walk *w) {
    const struct nlattr *a = (const struct nlattr *)(const void *)w->at;
    size_t n;

    if (w->left < sizeof *a || a->nla_len < sizeof *a || a->nla_len > w->left)
        return NULL;
    n = NLMSG_ALIGN((size_t)a->nla_len);
    n = n < w->left ? n : w->left;
    w->at += n;
    w->left -= n;
    return a;
}

static bool get_addr(const struct nlattr *a, uint8_t family, struct via_addr *out) {
    const void *at = mnl_attr_get_payload(a);
    size_t len = mnl_attr_get_payload_len(a);

    if (family == AF_INET && len == 4) {
        *out = via_get_addr4(at);
        return true;
    }
    if (family == AF_INET6 && len == 16) {
        *out = via_addr_from6(at);
        return true;
    }
    return false;
}

static uint32_t get_u32(const struct nlattr *a) {
    return mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : 0;
}

static void set_link(struct via_core *c, uint8_t iface, uint8_t link, uint32_t mtu) {
    struct via_vi *vi = c->vi[iface];
    struct via_vi_dev *d;

    for (d = vi ? vi->dev : NULL; d; d = d->inner) {
        uint32_t fits = d->frame_size - VIA_HEADROOM - 18;

        if (d->link != VIA_LINK_GONE)
            d->link = link;
        if (mtu)
            d->mtu = d->caps & VIA_VI_JUMBO ? mtu : via_min32(mtu, fits);
    }
}

static void take_link(struct via_core *c, const struct nlmsghdr *h) {
    const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
    const unsigned ready = IFF_UP | IFF_RUNNING;
    struct walk w = walk_behind(h, sizeof *i);
    const struct nlattr *a;
    uint32_t mtu = 0;
    uint8_t iface, link;

    /* A port that leaves a bridge is a deletion too, of another family. */
    if (h->nlmsg_type == RTM_DELLINK && i->ifi_family != AF_UNSPEC)
        return;
    while ((a = next_attr(&w)))
        if (mnl_attr_get_type(a) == IFLA_MTU)
            mtu = get_u32(a);
    link = h->nlmsg_type == RTM_DELLINK ? VIA_LINK_GONE : (i->ifi_flags & ready) == ready ? VIA_LINK_UP : VIA_LINK_DOWN;
    for (iface = 1; iface <= VIA_VIS; iface++)
        if (i->ifi_index > 0 && c->mirror->ifindex[iface] == (uint32_t)i->ifi_index)
            set_link(c, iface, link, mtu);
}

static void put_addr(struct via_core *c, const struct record *r, uint32_t flags) {
    struct via_ifaddr a = {.addr = r->addr, .iface = r->iface, .prefix = r->prefix};
    struct via_own *own;
    int err;

    a.flags = VIA_ADDR_NODAD | VIA_ADDR_KERNEL;
    err = via_net_addr(c, VIA_CTRL_ADD, &a);
    own = via_addr_find(c, &r->addr, r->iface);
    if ((err < 0 && err != -EEXIST) || !own || !(own->flags & VIA_ADDR_KERNEL))
        return;
    note_record(c, r);
    if ((own->state == VIA_ADDR_DEPRECATED) != ((flags & IFA_F_DEPRECATED) != 0))
        via_addr_refresh(c, own, flags & IFA_F_DEPRECATED ? 0 : VIA_NEVER, VIA_NEVER);
    if (err == 0 && c->mirror->refused)
        c->mirror->wanted |= 1u << DUMP_ROUTES;
}

static void take_addr(struct via_core *c, const struct nlmsghdr *h) {
    const struct ifaddrmsg *i = mnl_nlmsg_get_payload(h);
    struct record r = {.dump = DUMP_ADDRS, .prefix = i->ifa_prefixlen, .family = i->ifa_family};
    uint32_t flags = i->ifa_flags;
    bool there = false, local = false;
    struct walk w = walk_behind(h, sizeof *i);
    const struct nlattr *a;

    if (!(r.iface = follower_of(c->mirror, (int)i->ifa_index, VIA_MIRROR_ADDRS)))
        return;
    while ((a = next_attr(&w))) {
        uint16_t type = mnl_attr_get_type(a);

        if (type == IFA_FLAGS)
            flags = get_u32(a);
        else if (type == IFA_LOCAL)
            there = local = get_addr(a, i->ifa_family, &r.addr);
        else if (type == IFA_ADDRESS && !local)
            there = get_addr(a, i->ifa_family, &r.addr);
    }
    r.family = r.family == AF_INET ? VIA_AF_4 : VIA_AF_6;
    if (!there)
        return;
    if (h->nlmsg_type == RTM_DELADDR || (flags & IFA_F_DADFAILED)) {
        struct record *old = find_record(c->mirror, &r);

        if (old)
            take_back(c, old);
    } else if (!(flags & IFA_F_TENTATIVE) || (flags & IFA_F_OPTIMISTIC)) {
        put_addr(c, &r, flags);
    }
}

/* A route as the kernel tells it. */
struct told {
    struct record r;
    struct via_addr source;
    uint32_t table, mtu;
    int oif;
};

static void read_metrics(struct told *t, const struct nlattr *nest) {
    struct walk w = walk_into(nest);
    const struct nlattr *a;

    while ((a = next_attr(&w)))
        if (mnl_attr_get_type(a) == RTAX_MTU)
            t->mtu = get_u32(a);
}

/* Of several next hops the first that is on an interface of ours. */
static void read_hops(const struct via_rtnl *m, struct told *t, const struct nlattr *nest, uint8_t family) {
    struct walk hops = walk_into(nest), w;
    const struct nlattr *a;

    while (hops.left >= sizeof(struct rtnexthop)) {
        const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)hops.at;
        size_t n = NLMSG_ALIGN((size_t)hop->rtnh_len);

        if (hop->rtnh_len < sizeof *hop || n > hops.left)
            return;
        w = (struct walk){hops.at + sizeof *hop, hop->rtnh_len - sizeof *hop};
        hops.at += n;
        hops.left -= n;
        if (!follower_of(m, hop->rtnh_ifindex, VIA_MIRROR_ROUTES))
            continue;
        t->oif = hop->rtnh_ifindex;
        while ((a = next_attr(&w)))
            if (mnl_attr_get_type(a) == RTA_GATEWAY)
                get_addr(a, family, &t->r.gateway);
        return;
    }
}

static void read_route(const struct via_rtnl *m, struct told *t, const struct nlmsghdr *h, uint8_t family) {
    struct walk w = walk_behind(h, sizeof(struct rtmsg));
    const struct nlattr *a;

    while ((a = next_attr(&w))) {
        switch (mnl_attr_get_type(a)) {
        case RTA_DST:
            get_addr(a, family, &t->r.addr);
            break;
        case RTA_GATEWAY:
            get_addr(a, family, &t->r.gateway);
            break;
        case RTA_PREFSRC:
            get_addr(a, family, &t->source);
            break;
        case RTA_OIF:
            t->oif = (int)get_u32(a);
            break;
        case RTA_PRIORITY:
            t->r.metric = get_u32(a);
            break;
        case RTA_TABLE:
            t->table = get_u32(a);
            break;
        case RTA_METRICS:
            read_metrics(t, a);
            break;
        case RTA_MULTIPATH:
            read_hops(m, t, a, family);
            break;
        default:
            break;
        }
    }
}

static bool is_replaced(const struct record *r, const struct record *by) {
    return r->dump == DUMP_ROUTES && r->iface == by->iface && r->prefix == by->prefix && r->family == by->family &&
           r->metric == by->metric && via_addr_eq(&r->addr, &by->addr) && !via_addr_eq(&r->gateway, &by->gateway);
}

static void put_route(struct via_core *c, const struct told *t, bool replaces) {
    struct via_route route = {.dst = t->r.addr, .gateway = t->r.gateway, .source = t->source};
    struct record *r, *next;
    int err;

    for (r = replaces ? *bucket_of(c->mirror, &t->r.addr) : NULL; r; r = next) {
        next = r->next;
        if (is_replaced(r, &t->r))
            take_back(c, r);
    }
    if ((r = find_record(c->mirror, &t->r))) {
        r->stamp = c->mirror->stamp;
        return;
    }
    route.iface = t->r.iface;
    route.metric = t->r.metric;
    route.mtu = t->mtu;
    route.prefix = t->r.prefix;
    route.family = t->r.family;
    err = via_net_route(c, VIA_CTRL_ADD, &route);
    if (!err)
        note_record(c, &t->r);
    c->mirror->refused |= err == -ENETUNREACH;
}

static void take_route(struct via_core *c, const struct nlmsghdr *h) {
    const struct rtmsg *i = mnl_nlmsg_get_payload(h);
    struct told t;
    struct record *old;

    memset(&t, 0, sizeof t);
    t.table = i->rtm_table;
    t.r.dump = DUMP_ROUTES;
    t.r.prefix = i->rtm_dst_len;
    t.r.family = i->rtm_family == AF_INET ? VIA_AF_4 : VIA_AF_6;
    if (i->rtm_family == AF_INET)
        t.r.addr = via_addr_from4(0);
    read_route(c->mirror, &t, h, i->rtm_family);
    t.r.iface = follower_of(c->mirror, t.oif, VIA_MIRROR_ROUTES);
    if (!t.r.iface || t.table != RT_TABLE_MAIN || i->rtm_type != RTN_UNICAST || (i->rtm_flags & RTM_F_CLONED) ||
        i->rtm_src_len || via_addr_is_multicast(&t.r.addr))
        return;
    if (h->nlmsg_type == RTM_NEWROUTE)
        put_route(c, &t, h->nlmsg_flags & NLM_F_REPLACE);
    else if ((old = find_record(c->mirror, &t.r)))
        take_back(c, old);
}

static void take_neigh(struct via_core *c, const struct nlmsghdr *h) {
    const struct ndmsg *i = mnl_nlmsg_get_payload(h);
    const uint16_t good = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
    struct record r = {.dump = DUMP_NEIGHS}, *old;
    struct walk w = walk_behind(h, sizeof *i);
    const uint8_t *mac = NULL;
    const struct nlattr *a;
    bool there = false;

    if (!(r.iface = follower_of(c->mirror, i->ndm_ifindex, VIA_MIRROR_NEIGHS)))
        return;
    while ((a = next_attr(&w))) {
        if (mnl_attr_get_type(a) == NDA_DST)
            there = get_addr(a, i->ndm_family, &r.addr);
        else if (mnl_attr_get_type(a) == NDA_LLADDR && mnl_attr_get_payload_len(a) == 6)
            mac = mnl_attr_get_payload(a);
    }
    if (!there || via_addr_is_multicast(&r.addr) || via_addr_is_any(&r.addr))
        return;
    old = find_record(c->mirror, &r);
    if (h->nlmsg_type == RTM_NEWNEIGH && (i->ndm_state & good) && mac) {
        if (via_neigh_put(c, r.iface, &r.addr, mac) == 0)
            note_record(c, &r);
    } else if (h->nlmsg_type == RTM_DELNEIGH || (i->ndm_state & NUD_FAILED)) {
        if (old)
            take_back(c, old);
        else
            via_neigh_put(c, r.iface, &r.addr, NULL);
    }
}

/* The next dump that is wanted begins, if none runs: the kernel makes one at a time for a socket. */
static void start_dump(struct via_core *c) {
    struct via_rtnl *m = c->mirror;
    struct question q;
    int d = 0;

    if (m->running >= 0 || !m->wanted)
        return;
    while (!(m->wanted >> d & 1))
        d++;
    m->wanted &= ~(1u << d);
    ask(m, &q, dumps[d].type, NLM_F_DUMP);
    /* The longest of the headers that these take; zeros ask for everything. */
    mnl_nlmsg_put_extra_header(q.head, sizeof(struct ifinfomsg));
    if (d == DUMP_ROUTES)
        m->refused = false;
    m->running = d;
    m->running_seq = q.head->nlmsg_seq;
    m->again = false;
    m->stamp++;
    if (send_question(m, &q) < 0) {
        m->running = -1;
        m->wanted |= 1u << d;
    }
}

static void finish_dump(struct via_core *c) {
    struct via_rtnl *m = c->mirror;

    if (m->again)
        m->wanted |= 1u << m->running;
    else
        sweep(c, m->running);
    m->running = -1;
}

/* Messages were lost: whatever is followed is asked for anew. A dump that runs goes on, but proves nothing. */
static void start_over(struct via_rtnl *m) {
    unsigned i, d, what = 0;

    m->overruns++;
    m->again = true;
    for (i = 1; i <= VIA_VIS; i++)
        what |= m->what[i];
    for (d = 0; d < DUMPS; d++)
        if (!dumps[d].what || (dumps[d].what & what))
            m->wanted |= 1u << d;
}

static void take_error(struct via_core *c, const struct nlmsghdr *h) {
    struct via_rtnl *m = c->mirror;
    const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

    if (mnl_nlmsg_get_payload_len(h) < sizeof *e)
        return;
    if (m->running >= 0 && h->nlmsg_seq == m->running_seq) {
        /* Another one is not over yet. Anything else that the kernel refuses it would refuse again. */
        if (e->error == -EBUSY)
            m->wanted |= 1u << m->running;
        m->running = -1;
    } else if (e->error == -EPERM) {
        m->powerless = true;
    }
}

static void take_message(struct via_core *c, const struct nlmsghdr *h) {
    static const struct {
        size_t head;
        void (*take)(struct via_core *, const struct nlmsghdr *);
    } kinds[] = {
        [RTM_NEWLINK] = {sizeof(struct ifinfomsg), take_link}, [RTM_DELLINK] = {sizeof(struct ifinfomsg), take_link},
        [RTM_NEWADDR] = {sizeof(struct ifaddrmsg), take_addr}, [RTM_DELADDR] = {sizeof(struct ifaddrmsg), take_addr},
        [RTM_NEWROUTE] = {sizeof(struct rtmsg), take_route},   [RTM_DELROUTE] = {sizeof(struct rtmsg), take_route},
        [RTM_NEWNEIGH] = {sizeof(struct ndmsg), take_neigh},   [RTM_DELNEIGH] = {sizeof(struct ndmsg), take_neigh},
    };

    if (h->nlmsg_flags & NLM_F_DUMP_INTR)
        c->mirror->again = true;
    if (h->nlmsg_type == NLMSG_ERROR) {
        take_error(c, h);
    } else if (h->nlmsg_type == NLMSG_DONE) {
        if (c->mirror->running >= 0 && h->nlmsg_seq == c->mirror->running_seq)
            finish_dump(c);
    } else if (h->nlmsg_type < VIA_COUNT(kinds) && kinds[h->nlmsg_type].take &&
               mnl_nlmsg_get_payload_len(h) >= kinds[h->nlmsg_type].head) {
        kinds[h->nlmsg_type].take(c, h);
    }
}

/* A dump has always more to read until it is over: its end, or the refusal, was lost. */
static bool give_up_dump(struct via_rtnl *m) {
    if (m->running >= 0)
        m->wanted |= 1u << m->running;
    m->running = -1;
    return false;
}

/* One read; false when there is nothing more. */
static bool take_datagram(struct via_core *c, unsigned *count) {
    struct via_rtnl *m = c->mirror;
    ssize_t n = mnl_socket_recvfrom(m->nl, m->buffer, sizeof m->buffer);
    const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)m->buffer;
    int left;

    if (n < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
        start_over(m);
        return true;
    }
    if (n < 0)
        return errno == EINTR || give_up_dump(m);
    for (left = (int)n; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
        take_message(c, h);
        ++*count;
    }
    return true;
}

unsigned via_mirror_poll(struct via_core *c) {
    int saved = errno, reads = 0;
    unsigned count = 0;

    if (!c->mirror)
        return 0;
    do {
        start_dump(c);
    } while (reads++ < READS_MAX && take_datagram(c, &count));
    errno = saved;
    return count;
}

int via_mirror_fd(const struct via_core *c) {
    return c->mirror ? mnl_socket_get_fd(c->mirror->nl) : -1;
}

static int join(struct via_rtnl *m, enum dump d) {
    int saved = errno, err = 0, i;

    for (i = 0; i < 2; i++) {
        int group = dumps[d].groups[i];

        if (group && mnl_socket_setsockopt(m->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
            err = -errno;
    }
    errno = saved;
    return err;
}

static int open_socket(struct via_core *c) {
    int saved = errno, err = -ENOMEM, large = 1 << 20;
    struct via_rtnl *m = c->mirror;

    if (m)
        return 0;
    if (!(m = via_alloc(c, sizeof *m)))
        return -ENOMEM;
    m->running = -1;
    m->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!m->nl || mnl_socket_bind(m->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        err = -errno;
        goto no_socket;
    }
    setsockopt(mnl_socket_get_fd(m->nl), SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    if ((err = join(m, DUMP_LINKS)) < 0)
        goto no_socket;
    errno = saved;
    c->mirror = m;
    return 0;
no_socket:
    if (m->nl)
        mnl_socket_close(m->nl);
    via_free(c, m);
    errno = saved;
    return err;
}

void via_mirror_attach(struct via_core *c, struct via_vi *vi) {
    if (!vi->dev->ifindex || open_socket(c) < 0)
        return;
    c->mirror->ifindex[vi->index] = vi->dev->ifindex;
    c->mirror->wanted |= 1u << DUMP_LINKS;
    via_mirror_poll(c);
}

void via_mirror_detach(struct via_core *c, struct via_vi *vi) {
    if (!c->mirror)
        return;
    c->mirror->ifindex[vi->index] = 0;
    c->mirror->what[vi->index] = 0;
    forget_records(c, vi->index);
}

void via_mirror_fini(struct via_core *c) {
    int saved = errno;

    if (!c->mirror)
        return;
    forget_records(c, 0);
    mnl_socket_close(c->mirror->nl);
    via_free(c, c->mirror);
    c->mirror = NULL;
    errno = saved;
}

static struct via_vi *vi_named(const struct via_core *c, const char *ifname) {
    uint32_t i;

    for (i = 1; i <= c->vis; i++)
        if (c->vi[i] && c->vi[i]->dev->ifindex && !strcmp(c->vi[i]->dev->ifname, ifname))
            return c->vi[i];
    return NULL;
}

static int follow(struct via_core *c, struct via_vi *vi, unsigned what) {
    struct via_rtnl *m = c->mirror;
    int d, err;

    for (d = DUMP_ADDRS; d < DUMPS; d++) {
        if (!(dumps[d].what & what))
            continue;
        if ((err = join(m, (enum dump)d)) < 0)
            return via_why_set(c, err, "mirror: %s: the kernel refuses a subscription", vi->dev->ifname);
        m->wanted |= 1u << d;
    }
    m->ifindex[vi->index] = vi->dev->ifindex;
    m->what[vi->index] |= (uint8_t)what;
    /* Dumps are there at once: whoever follows may go on with what they showed. */
    for (d = 0; d < 4 * DUMPS && (m->wanted || m->running >= 0); d++)
        via_mirror_poll(c);
    return 0;
}

int via_mirror_start(struct via_core *c, const char *ifname, unsigned what) {
    struct via_vi *vi = ifname ? vi_named(c, ifname) : NULL;
    int err;

    if (!ifname || !what || (what & ~(unsigned)VIA_MIRROR_ALL))
        return -EINVAL;
    if (!vi)
        return via_why_set(c, -ENODEV, "mirror: %s: no VI is open on it", ifname);
    if ((err = open_socket(c)) < 0)
        return via_why_set(c, err, "mirror: %s: no rtnetlink socket", ifname);
    return follow(c, vi, what);
}

static void put_neigh(struct question *q, uint32_t ifindex, const struct via_addr *addr, uint8_t flags) {
    bool four = via_addr_is4(addr);
    struct ndmsg *n = mnl_nlmsg_put_extra_header(q->head, sizeof *n);

    n->ndm_family = four ? AF_INET : AF_INET6;
    n->ndm_ifindex = (int)ifindex;
    n->ndm_flags = flags;
    mnl_attr_put(q->head, NDA_DST, four ? 4 : 16, four ? addr->b + 12 : addr->b);
}

/* What it has, and, by "use" (RFC 4861 7.3.3 by the kernel), that it shall look. */
bool via_mirror_resolve(struct via_core *c, uint8_t iface, const struct via_addr *addr) {
    struct via_rtnl *m = c->mirror;
    struct question q;

    if (!m || !(m->what[iface] & VIA_MIRROR_NEIGHS) || m->powerless)
        return false;
    ask(m, &q, RTM_GETNEIGH, 0);
    put_neigh(&q, m->ifindex[iface], addr, 0);
    send_question(m, &q);
    ask(m, &q, RTM_NEWNEIGH, NLM_F_CREATE);
    put_neigh(&q, m->ifindex[iface], addr, NTF_USE);
    return send_question(m, &q) == 0;
}
