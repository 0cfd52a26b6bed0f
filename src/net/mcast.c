/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/mcast.h"

#include "net/kgroup.h"
#include "net/state.h"
#include "wire/eth.h"
#include "wire/mcast.h"

#define ROBUSTNESS      2
#define REPORT_GAP      (1 * VIA_SEC)   /* Unsolicited Report Interval, RFC 9776 8.11 */
#define REPORT_GAP_OLD  (10 * VIA_SEC)  /* RFC 2236 8.10, RFC 2710 7.10 */
#define OLD_PRESENT     (260 * VIA_SEC) /* robustness 2 x query interval 125 s + response interval 10 s, RFC 9776 8.12 */
#define SOURCES_AT_ONCE 64
#define ROOM_MIN        44 /* on the smallest link that speaks IPv4 */

static struct via_mcast_table *table(const struct via_core *c) {
    return &c->net->mcast;
}

static struct via_membership *group_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&table(c)->groups, &c->region, id);
}

static struct via_group_source *source_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&table(c)->sources, &c->region, id);
}

static struct via_mcast_iface *iface_of(const struct via_core *c, uint8_t iface, const struct via_addr *group) {
    return &table(c)->at[2 * iface + !via_addr_is4(group)];
}

static uint32_t *bucket_of(const struct via_core *c, uint8_t iface, const struct via_addr *group) {
    uint32_t *buckets = (uint32_t *)(void *)(c->region.base + table(c)->buckets);

    return buckets + (via_hash_addr(&table(c)->key, group, iface) & table(c)->mask);
}

uint64_t via_mcast_bytes(const struct via_attrs *a) {
    (void)a;
    return via_pool_bytes(sizeof(struct via_membership), VIA_MCAST_GROUPS) +
           via_pool_bytes(sizeof(struct via_group_source), VIA_MCAST_SOURCES) + VIA_MCAST_GROUPS * sizeof(uint32_t) +
           8192;
}

int via_mcast_init(struct via_core *c) {
    struct via_mcast_table *t = table(c);
    uint64_t bytes = VIA_MCAST_GROUPS * sizeof(uint32_t);
    int err;

    memset(t, 0, sizeof *t);
    if ((err = via_pool_init(&t->groups, &c->region, sizeof(struct via_membership), VIA_MCAST_GROUPS, 0)) < 0 ||
        (err = via_pool_init(&t->sources, &c->region, sizeof(struct via_group_source), VIA_MCAST_SOURCES, 0)) < 0)
        return err;
    t->buckets = via_region_reserve(&c->region, bytes, 4096);
    t->mask = VIA_MCAST_GROUPS - 1;
    t->key = via_rand_key(&c->s->rand);
    c->ticks[VIA_TICK_GROUP].base = c->region.base + t->groups.slots + offsetof(struct via_membership, tick);
    c->ticks[VIA_TICK_GROUP].stride = sizeof(struct via_membership);
    c->ticks[VIA_TICK_MCAST].base = (uint8_t *)&t->at[0].tick;
    c->ticks[VIA_TICK_MCAST].stride = sizeof t->at[0];
    return via_region_commit(&c->region, t->buckets, bytes);
}

static struct via_addr all_hosts(bool six) {
    struct via_addr a = {{0xff, 2, [15] = 1}};

    return six ? a : via_addr_from4(htonl(0xe0000001));
}

static struct via_addr all_routers(bool six) {
    struct via_addr a = {{0xff, 2, [15] = 2}};

    return six ? a : via_addr_from4(htonl(0xe0000002));
}

static struct via_addr all_reports(bool six) {
    struct via_addr a = {{0xff, 2, [15] = 0x16}};

    return six ? a : via_addr_from4(htonl(0xe0000016));
}

/* RFC 9776 5, RFC 9777 6: no word about the group of all hosts, nor about scopes 0 and 1. */
static bool is_silent(const struct via_addr *group) {
    struct via_addr all = all_hosts(!via_addr_is4(group));

    return via_addr_eq(group, &all) || (!via_addr_is4(group) && (group->b[1] & 15) < 2);
}

static uint32_t find(const struct via_core *c, uint8_t iface, const struct via_addr *group) {
    uint32_t id = *bucket_of(c, iface, group);

    while (id && !(group_at(c, id)->iface == iface && via_addr_eq(&group_at(c, id)->addr, group)))
        id = group_at(c, id)->next;
    return id;
}

static bool is_wanted(const struct via_membership *g) {
    return g->any || g->source_count;
}

/* Do we tell routers of it? */
static bool is_told(const struct via_membership *g) {
    return is_wanted(g) && !g->by_kernel && !is_silent(&g->addr);
}

bool via_mcast_wants(const struct via_core *c, uint8_t iface, const struct via_addr *dst, const struct via_addr *src) {
    uint32_t id = find(c, iface, dst);
    const struct via_membership *g;

    if (!id || !is_wanted(group_at(c, id)))
        return is_silent(dst) && dst->b[15] == 1; /* of all hosts */
    g = group_at(c, id);
    for (id = g->any || !src ? 0 : g->sources; id; id = source_at(c, id)->next)
        if (source_at(c, id)->refs && via_addr_eq(&source_at(c, id)->addr, src))
            return true;
    return g->any || !src;
}

static uint8_t robustness_of(const struct via_mcast_iface *mi) {
    return mi->robustness ? mi->robustness : ROBUSTNESS;
}

static via_ns_t random_within(struct via_core *c, via_ns_t most) {
    return via_now(c) + 1 + via_rand64(&c->s->rand) % most;
}

static void rearm(struct via_core *c, uint32_t id) {
    struct via_membership *g = group_at(c, id);
    via_ns_t at = via_min_ns(g->change_at, g->answer_at);

    if (at == VIA_NEVER)
        via_tick_disarm(c, VIA_TICK_GROUP, id);
    else
        via_tick_arm(c, VIA_TICK_GROUP, id, at);
}

/* Sources that nobody wants and that need no more telling. */
static void prune(struct via_core *c, struct via_membership *g) {
    uint32_t *at = &g->sources;

    while (*at) {
        struct via_group_source *s = source_at(c, *at);
        uint32_t id = *at;

        if (s->refs || s->changes) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        via_pool_put(&table(c)->sources, &c->region, id);
    }
}

static void unlink_group(struct via_core *c, uint32_t id) {
    struct via_membership *g = group_at(c, id);
    uint32_t *at = bucket_of(c, g->iface, &g->addr);

    while (*at != id)
        at = &group_at(c, *at)->next;
    *at = g->next;
    *(g->prev_here ? &group_at(c, g->prev_here)->next_here : &iface_of(c, g->iface, &g->addr)->groups) = g->next_here;
    if (g->next_here)
        group_at(c, g->next_here)->prev_here = g->prev_here;
    via_tick_disarm(c, VIA_TICK_GROUP, id);
    via_pool_put(&table(c)->groups, &c->region, id);
}

/* After something changed: goes away if nothing is left, else waits for its next deadline. */
static void settle(struct via_core *c, uint32_t id) {
    struct via_membership *g = group_at(c, id);

    prune(c, g);
    if (!is_wanted(g) && !g->sources && !g->changes)
        unlink_group(c, id);
    else
        rearm(c, id);
}

static uint32_t make_group(struct via_core *c, uint8_t iface, const struct via_addr *addr) {
    uint32_t id = via_pool_get(&table(c)->groups, &c->region), *bucket = bucket_of(c, iface, addr);
    struct via_mcast_iface *mi = iface_of(c, iface, addr);
    struct via_membership *g;

    if (!id)
        return 0;
    g = group_at(c, id);
    memset(g, 0, sizeof *g);
    g->addr = *addr;
    g->iface = iface;
    g->change_at = g->answer_at = VIA_NEVER;
    g->next = *bucket;
    *bucket = id;
    g->next_here = mi->groups;
    if (mi->groups)
        group_at(c, mi->groups)->prev_here = id;
    mi->groups = id;
    return id;
}

/* One message being written. */
struct draft {
    struct via_pkt *p;
    struct via_iface *f;
    struct via_addr to;
    bool six;
    bool alert;
    int len, room;
};

static bool is_source_for(const struct via_own *o, bool six) {
    return o->kind == VIA_OWN_UNICAST && via_own_usable(o) && via_addr_is4(&o->addr) != six &&
           o->state != VIA_ADDR_OPTIMISTIC && (!six || via_addr_is_linklocal6(&o->addr));
}

/* RFC 9776 4.2.13, RFC 3590: unspecified as long as there is none. */
static struct via_addr source_of(const struct via_core *c, const struct via_iface *f, bool six) {
    struct via_addr none = {{0}};
    uint32_t id;

    for (id = f->own.head; id; id = via_own_at(c, id)->iface_next)
        if (is_source_for(via_own_at(c, id), six))
            return via_own_at(c, id)->addr;
    return six ? none : via_addr_from4(0);
}

static bool begin(struct via_core *c, struct draft *d, uint8_t iface, bool six) {
    memset(d, 0, sizeof *d);
    d->f = via_iface_at(c, iface);
    if (!d->f || !d->f->up)
        return false;
    d->six = six;
    d->alert = true;
    d->to = all_reports(six);
    d->room = (int)via_min32(six ? d->f->mtu6 : d->f->mtu, VIA_IP6_MTU) - (six ? VIA_IP6_LEN + 8 : VIA_IP4_LEN + 4);
    return d->room >= ROOM_MIN;
}

static void finish(struct via_core *c, struct draft *d) {
    struct via_pkt *p = d->p;
    struct via_ip_head h = {.version = d->six ? 6 : 4, .proto = d->six ? IPPROTO_ICMPV6 : IPPROTO_IGMP, .ttl = 1};
    struct via_eth e = {.type = d->six ? VIA_ETH_IP6 : VIA_ETH_IP4};
    int n;

    if (!p)
        return;
    d->p = NULL;
    p->len = (uint16_t)d->len;
    p->total = (uint32_t)d->len;
    h.src = source_of(c, d->f, d->six);
    h.dst = d->to;
    h.payload = p->len;
    h.tos = d->six ? 0 : 0xc0;
    h.flags = (uint8_t)(VIA_IP_DF | (d->alert ? VIA_IP_ALERT : 0));
    via_icmp_seal(via_pkt_data(c, p), p->len, &h);
    n = via_ip_emit_len(&h);
    via_ip_emit(via_pkt_push(c, p, (uint32_t)n), &h);
    via_mac_of_group(e.dst, &d->to);
    memcpy(e.src, d->f->mac, 6);
    via_eth_emit(via_pkt_push(c, p, VIA_ETH_LEN), &e);
    iface_of(c, d->f->index, &d->to)->reports++;
    via_net_push(c, d->f->index, p);
}

static void put_record(struct via_core *c, struct draft *d, const struct via_mcast_record *r) {
    uint8_t version = d->six ? 6 : 4;
    int need = (int)via_mcast_record_len(version, r->sources);

    if (d->p && d->len + need > d->room)
        finish(c, d);
    if (!d->p) {
        if (VIA_MCAST_HEAD + need > d->room || !(d->p = via_net_frame(c)))
            return;
        d->len = via_mcast_report(via_pkt_data(c, d->p), version);
    }
    d->len = via_mcast_append(via_pkt_data(c, d->p), d->len, version, r);
}

/* Which sources of a group go into a record. */
enum choice { INCLUDED, ASKED, COMING, GOING, NOBODY };

static bool is_chosen(const struct via_group_source *s, enum choice which) {
    switch (which) {
    case INCLUDED:
        return s->refs;
    case ASKED:
        return s->refs && s->asked;
    case COMING:
        return s->refs && s->changes;
    case GOING:
        return !s->refs && s->changes;
    default:
        return false;
    }
}

/* A record, or several if there are many sources; none without any, unless `always`. */
static void put_group(struct via_core *c, struct draft *d, const struct via_membership *g, enum via_mcast_change change,
                      enum choice which) {
    bool always = change == VIA_MCAST_IS_EXCLUDE || change == VIA_MCAST_TO_EXCLUDE || change == VIA_MCAST_TO_INCLUDE;
    struct via_addr v[SOURCES_AT_ONCE];
    struct via_mcast_record r = {.group = g->addr, .source = v, .change = (uint8_t)change};
    uint16_t most = (uint16_t)via_min32(SOURCES_AT_ONCE, (uint32_t)(d->room - 28) / (d->six ? 16 : 4));
    uint32_t id;

    for (id = which == NOBODY ? 0 : g->sources; id; id = source_at(c, id)->next) {
        if (!is_chosen(source_at(c, id), which))
            continue;
        v[r.sources++] = source_at(c, id)->addr;
        if (r.sources == most) {
            put_record(c, d, &r);
            r.sources = 0;
            always = false;
        }
    }
    if (r.sources || always)
        put_record(c, d, &r);
}

/* A message of version 1 or 2. */
static void send_old(struct via_core *c, struct via_membership *g, uint8_t version, enum via_mcast_kind kind) {
    bool six = !via_addr_is4(&g->addr);
    struct via_mcast m = {.kind = (uint8_t)kind, .version = version, .group = g->addr};
    struct draft d;

    if (!begin(c, &d, g->iface, six) || !(d.p = via_net_frame(c)))
        return;
    d.len = via_mcast_emit(via_pkt_data(c, d.p), six ? 6 : 4, &m);
    d.to = kind == VIA_MCAST_LEAVE ? all_routers(six) : g->addr;
    d.alert = version > 1;
    finish(c, &d);
    g->reported = kind == VIA_MCAST_REPORT;
}

static bool count_down(struct via_core *c, struct via_membership *g) {
    bool more = false;
    uint32_t id;

    if (g->changes)
        return --g->changes;
    for (id = g->sources; id; id = source_at(c, id)->next)
        if (source_at(c, id)->changes)
            more |= --source_at(c, id)->changes > 0;
    return more;
}

static void clear_changes(struct via_core *c, struct via_membership *g) {
    uint32_t id;

    g->changes = 0;
    g->change_at = VIA_NEVER;
    for (id = g->sources; id; id = source_at(c, id)->next)
        source_at(c, id)->changes = 0;
}

static uint8_t version_now(const struct via_core *c, const struct via_mcast_iface *mi) {
    if (mi->v1_until > via_now(c))
        return 1;
    return mi->v2_until > via_now(c) ? 2 : 3;
}

/* RFC 9776 7.2.1. Groups that were only being left go away. */
static void cancel_all(struct via_core *c, struct via_mcast_iface *mi) {
    uint32_t id, next;

    via_tick_disarm(c, VIA_TICK_MCAST, (uint32_t)(mi - table(c)->at));
    for (id = mi->groups; id; id = next) {
        struct via_membership *g = group_at(c, id);

        next = g->next_here;
        clear_changes(c, g);
        g->answer_at = VIA_NEVER;
        settle(c, id);
    }
}

/* The version spoken now, to be asked before a group is looked up: when it changes, all that was pending ends. */
static uint8_t speak(struct via_core *c, struct via_mcast_iface *mi) {
    uint8_t version = version_now(c, mi);

    if (mi->version && version != mi->version)
        cancel_all(c, mi);
    mi->version = version;
    return version;
}

static void report_change3(struct via_core *c, struct via_membership *g) {
    struct draft d;

    if (!begin(c, &d, g->iface, !via_addr_is4(&g->addr)))
        return;
    if (g->changes) {
        put_group(c, &d, g, g->any ? VIA_MCAST_TO_EXCLUDE : VIA_MCAST_TO_INCLUDE, g->any ? NOBODY : INCLUDED);
    } else {
        put_group(c, &d, g, VIA_MCAST_ALLOW, COMING);
        put_group(c, &d, g, VIA_MCAST_BLOCK, GOING);
    }
    finish(c, &d);
}

/* Tells a change once, and once more later as long as it is due. */
static void report_change(struct via_core *c, uint32_t id) {
    struct via_membership *g = group_at(c, id);
    uint8_t version = iface_of(c, g->iface, &g->addr)->version;

    if (version == 3) {
        report_change3(c, g);
    } else if (is_wanted(g)) {
        send_old(c, g, version, VIA_MCAST_REPORT);
    } else {
        if (version == 2 && g->reported)
            send_old(c, g, version, VIA_MCAST_LEAVE);
        clear_changes(c, g);
    }
    g->change_at = count_down(c, g) ? random_within(c, version == 3 ? REPORT_GAP : REPORT_GAP_OLD) : VIA_NEVER;
    settle(c, id);
}

/* Attribute mcast_by. Where the kernel refuses, or there is none below, we tell of the group ourselves. */
static bool ask_kernel(struct via_core *c, uint32_t id) {
    struct via_membership *g = group_at(c, id);
    struct via_kgroup k = {.slot = id, .ifindex = c->net->iface.at[g->iface].ifindex, .group = g->addr};
    uint32_t s;
    int err;

    if (!c->attrs.mcast_by || !k.ifindex)
        return false;
    for (s = g->any || g->source_count > VIA_KGROUP_SOURCES ? 0 : g->sources; s; s = source_at(c, s)->next)
        if (source_at(c, s)->refs)
            k.source[k.sources++] = source_at(c, s)->addr;
    if (!is_wanted(g)) {
        via_kgroup_drop(c, id);
        return g->by_kernel;
    }
    err = via_kgroup_set(c, &k);
    if (err < 0)
        via_log(c, VIA_LOG_NET, VIA_LOG_WARN, "interface %u: the kernel joins no group for us: %s", g->iface,
                strerror(-err));
    g->by_kernel = err == 0;
    return g->by_kernel;
}

static void changed(struct via_core *c, uint32_t id) {
    if (!is_silent(&group_at(c, id)->addr) && !ask_kernel(c, id)) {
        report_change(c, id);
        return;
    }
    clear_changes(c, group_at(c, id));
    settle(c, id);
}

/* The filter mode went over: only the whole state is told, whatever was pending. */
static bool change_mode(struct via_core *c, struct via_membership *g) {
    clear_changes(c, g);
    g->changes = robustness_of(iface_of(c, g->iface, &g->addr));
    return true;
}

static bool change_source(struct via_core *c, struct via_membership *g, struct via_group_source *s) {
    uint8_t times = robustness_of(iface_of(c, g->iface, &g->addr));

    if (g->any)
        return false;
    if (g->changes)
        g->changes = times;
    else
        s->changes = times;
    return true;
}

static struct via_group_source *find_source(const struct via_core *c, const struct via_membership *g,
                                            const struct via_addr *addr) {
    uint32_t id;

    for (id = g->sources; id; id = source_at(c, id)->next)
        if (via_addr_eq(&source_at(c, id)->addr, addr))
            return source_at(c, id);
    return NULL;
}

static struct via_group_source *make_source(struct via_core *c, struct via_membership *g, const struct via_addr *addr) {
    uint32_t id = via_pool_get(&table(c)->sources, &c->region);
    struct via_group_source *s;

    if (!id)
        return NULL;
    s = source_at(c, id);
    memset(s, 0, sizeof *s);
    s->addr = *addr;
    s->next = g->sources;
    g->sources = id;
    return s;
}

/* 1 if this changes what is reported, 0 if not, -ENOBUFS. */
static int add_member(struct via_core *c, struct via_membership *g, const struct via_addr *source) {
    struct via_group_source *s;

    via_input_forget(c);
    if (via_addr_is_any(source))
        return !g->any++ && change_mode(c, g);
    if (!(s = find_source(c, g, source)) && !(s = make_source(c, g, source)))
        return -ENOBUFS;
    if (s->refs++)
        return 0;
    g->source_count++;
    return change_source(c, g, s);
}

/* True if this changes what is reported. */
static bool remove_member(struct via_core *c, struct via_membership *g, const struct via_addr *source) {
    struct via_group_source *s;

    via_input_forget(c);
    if (via_addr_is_any(source))
        return g->any && !--g->any && change_mode(c, g);
    if (!(s = find_source(c, g, source)) || !s->refs || --s->refs)
        return false;
    g->source_count--;
    return change_source(c, g, s);
}

/* The first member came, or the last one went: what the device is to let through, queries too. */
static void tune(struct via_core *c, uint8_t iface, const struct via_addr *group, bool on) {
    struct via_addr all = all_hosts(!via_addr_is4(group)), any = {{0}};

    via_iface_steer(c, iface, on, group);
    if (via_addr_eq(&all, group))
        return;
    if (on)
        via_net_join(c, iface, &all, &any);
    else
        via_net_leave(c, iface, &all, &any);
}

/* The interface that the route to the group names, else the first one. */
static uint8_t choose_iface(struct via_core *c, const struct via_addr *group) {
    struct via_dest d;
    struct via_path path;
    uint8_t i;

    memset(&d, 0, sizeof d);
    d.dst = *group;
    d.proto = IPPROTO_UDP;
    if (via_path_resolve(c, &path, &d) == 0 && path.vi)
        return path.vi;
    for (i = 1; i <= VIA_VIS; i++)
        if (via_iface_at(c, i))
            return i;
    return 0;
}

int via_net_join(struct via_core *c, uint8_t iface, const struct via_addr *group, const struct via_addr *source) {
    uint32_t id;
    bool first;
    int news;

    if (!via_addr_is_multicast(group))
        return -EINVAL;
    if (!iface)
        iface = choose_iface(c, group);
    if (!iface || !via_iface_at(c, iface))
        return -ENODEV;
    speak(c, iface_of(c, iface, group));
    if (!(id = find(c, iface, group)) && !(id = make_group(c, iface, group)))
        return -ENOBUFS;
    first = !is_wanted(group_at(c, id));
    news = add_member(c, group_at(c, id), source);
    if (first && news >= 0)
        tune(c, iface, group, true);
    if (news > 0)
        changed(c, id);
    else
        settle(c, id);
    return news < 0 ? news : iface;
}

void via_net_leave(struct via_core *c, uint8_t iface, const struct via_addr *group, const struct via_addr *source) {
    uint32_t id;
    bool news;

    if (!iface)
        iface = choose_iface(c, group);
    if (iface > VIA_VIS)
        return;
    speak(c, iface_of(c, iface, group));
    id = find(c, iface, group);
    if (!id || !is_wanted(group_at(c, id)))
        return;
    news = remove_member(c, group_at(c, id), source);
    if (!is_wanted(group_at(c, id)))
        tune(c, iface, group, false);
    if (news)
        changed(c, id);
    else
        settle(c, id);
}

/* Answers of version 3: the state, or of the sources that were asked for those that are wanted. */
static void put_answer(struct via_core *c, struct draft *d, const struct via_membership *g) {
    if (!is_told(g))
        return;
    if (g->any)
        put_group(c, d, g, VIA_MCAST_IS_EXCLUDE, NOBODY);
    else
        put_group(c, d, g, VIA_MCAST_IS_INCLUDE, g->answer_sources ? ASKED : INCLUDED);
}

static void clear_question(struct via_core *c, struct via_membership *g) {
    uint32_t id;

    g->answer_at = VIA_NEVER;
    g->answer_sources = false;
    for (id = g->sources; id; id = source_at(c, id)->next)
        source_at(c, id)->asked = false;
}

static void answer(struct via_core *c, struct via_membership *g, uint8_t version) {
    struct draft d;

    if (version < 3 && is_wanted(g))
        send_old(c, g, version, VIA_MCAST_REPORT);
    if (version == 3 && begin(c, &d, g->iface, !via_addr_is4(&g->addr))) {
        put_answer(c, &d, g);
        finish(c, &d);
    }
    clear_question(c, g);
}

void via_group_timer(struct via_core *c, uint32_t index) {
    struct via_membership *g = group_at(c, index);
    struct via_mcast_iface *mi = iface_of(c, g->iface, &g->addr);
    uint8_t version = speak(c, mi);

    /* A change of version has cancelled it, and may have freed the group. */
    if (g->change_at > via_now(c) && g->answer_at > via_now(c))
        return;
    if (g->answer_at <= via_now(c))
        answer(c, g, version);
    if (g->change_at <= via_now(c))
        report_change(c, index);
    else
        settle(c, index);
}

void via_mcast_timer(struct via_core *c, uint32_t index) {
    struct via_mcast_iface *mi = &table(c)->at[index];
    struct draft d;
    uint32_t id;

    if (speak(c, mi) != 3 || !begin(c, &d, (uint8_t)(index / 2), index & 1))
        return;
    for (id = mi->groups; id; id = group_at(c, id)->next_here) {
        struct via_membership *g = group_at(c, id);
        bool narrow = g->answer_sources;

        g->answer_sources = false;
        put_answer(c, &d, g);
        g->answer_sources = narrow;
    }
    finish(c, &d);
}

static void answer_by(struct via_core *c, uint32_t id, via_ns_t at) {
    struct via_membership *g = group_at(c, id);

    if (at < g->answer_at) {
        g->answer_at = at;
        rearm(c, id);
    }
}

/* RFC 9776 5.2: an answer about everything that goes out sooner answers this question too. */
static bool is_answered_by(const struct via_mcast_iface *mi, via_ns_t at) {
    return mi->tick.slot && mi->tick.at <= at;
}

static void ask_all(struct via_core *c, struct via_mcast_iface *mi, via_ns_t max_resp) {
    uint32_t id;

    if (mi->version == 3) {
        via_ns_t at = random_within(c, max_resp);

        if (!is_answered_by(mi, at))
            via_tick_arm(c, VIA_TICK_MCAST, (uint32_t)(mi - table(c)->at), at);
        return;
    }
    for (id = mi->groups; id; id = group_at(c, id)->next_here)
        if (is_told(group_at(c, id)))
            answer_by(c, id, random_within(c, max_resp));
}

/*
 * Marks the sources asked for; false if we want none of them. Who wants all is asked about sources that he does not
 * know: he answers with his whole state, so that nothing of a stranger's list is kept.
 */
static bool mark_sources(struct via_core *c, struct via_membership *g, const struct via_mcast *m, const uint8_t *at) {
    uint8_t version = via_addr_is4(&g->addr) ? 4 : 6;
    bool any = g->any > 0;
    unsigned i;

    for (i = 0; i < m->sources && !g->any; i++) {
        struct via_addr a = via_mcast_source(at, version, i);
        struct via_group_source *s = find_source(c, g, &a);

        if (s && s->refs)
            any = s->asked = true;
    }
    return any;
}

static void ask_group(struct via_core *c, struct via_mcast_iface *mi, uint32_t id, const struct via_mcast *m,
                      const uint8_t *bytes) {
    struct via_membership *g = group_at(c, id);
    via_ns_t at = random_within(c, m->max_resp);
    bool pending = g->answer_at != VIA_NEVER;

    if (mi->version == 3 && is_answered_by(mi, at))
        return;
    if (mi->version == 3 && m->sources) {
        if (!mark_sources(c, g, m, bytes))
            return;
        g->answer_sources = pending ? g->answer_sources : true;
    } else {
        g->answer_sources = false;
    }
    answer_by(c, id, at);
}

/* RFC 9776 7.2.1, RFC 9777 8.2.1: an old querier makes us speak old for a while. */
static void note_querier(struct via_core *c, struct via_mcast_iface *mi, const struct via_mcast *m) {
    via_ns_t until = via_now(c) + OLD_PRESENT;

    table(c)->queries++;
    if (m->version == 1)
        mi->v1_until = until;
    else if (m->version == 2)
        mi->v2_until = until;
    else
        mi->robustness = m->robustness ? m->robustness : ROBUSTNESS;
}

static void hear_query(struct via_core *c, uint8_t iface, bool six, const struct via_mcast *m, const uint8_t *at) {
    struct via_mcast_iface *mi = &table(c)->at[2 * iface + six];
    uint32_t id;

    note_querier(c, mi, m);
    speak(c, mi);
    if (via_addr_is_any(&m->group)) {
        ask_all(c, mi, m->max_resp);
        return;
    }
    id = find(c, iface, &m->group);
    if (id && is_told(group_at(c, id)))
        ask_group(c, mi, id, m, at);
}

/* RFC 2236 3, RFC 2710 4: one report of a group is enough. */
static void hear_report(struct via_core *c, uint8_t iface, const struct via_mcast *m) {
    uint8_t version = speak(c, iface_of(c, iface, &m->group));
    uint32_t id = find(c, iface, &m->group);

    if (!id || version == 3 || !is_wanted(group_at(c, id)))
        return;
    clear_changes(c, group_at(c, id));
    clear_question(c, group_at(c, id));
    group_at(c, id)->reported = false;
    settle(c, id);
}

enum via_drop via_mcast_input(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h) {
    const uint8_t *at = via_pkt_data(c, p);
    struct via_mcast m;
    int n = via_mcast_parse(&m, h, at, p->len);

    if (n < 0)
        return (enum via_drop)(-n);
    if (!via_iface_at(c, p->vi) || p->looped)
        return VIA_KEPT;
    if (m.kind == VIA_MCAST_QUERY)
        hear_query(c, p->vi, h->version == 6, &m, at);
    else if (m.kind == VIA_MCAST_REPORT)
        hear_report(c, p->vi, &m);
    return VIA_KEPT;
}

void via_mcast_announce(struct via_core *c, uint8_t iface) {
    uint32_t id;
    int six;

    for (six = 0; six < 2; six++) {
        struct via_mcast_iface *mi = &table(c)->at[2 * iface + six];

        speak(c, mi);
        for (id = mi->groups; id; id = group_at(c, id)->next_here) {
            struct via_membership *g = group_at(c, id);

            if (!is_told(g))
                continue;
            change_mode(c, g);
            g->change_at = random_within(c, 100 * VIA_MS);
            rearm(c, id);
        }
    }
}

void via_mcast_forget(struct via_core *c, uint8_t iface) {
    uint32_t id;
    int six;

    via_input_forget(c);
    for (six = 0; six < 2; six++) {
        struct via_mcast_iface *mi = &table(c)->at[2 * iface + six];

        while ((id = mi->groups)) {
            struct via_membership *g = group_at(c, id);
            uint32_t s;

            clear_changes(c, g);
            for (s = g->sources; s; s = source_at(c, s)->next)
                source_at(c, s)->refs = 0;
            prune(c, g);
            via_kgroup_drop(c, id);
            unlink_group(c, id);
        }
        via_tick_disarm(c, VIA_TICK_MCAST, (uint32_t)(mi - table(c)->at));
        memset(mi, 0, sizeof *mi);
    }
}
