/* SPDX-License-Identifier: BSD-2-Clause */
/* A stack as text or JSON, piece by piece and without allocating, so that it works where nothing else does any more. */
#include "stack/stack.h"

#include <stdarg.h>
#include <stdio.h>

struct out {
    int (*put)(void *, const char *, size_t);
    void *arg;
    int stop;
    bool json;
    bool first_row;  /* of the current section */
    bool first_cell; /* of the current row */
    bool first_section;
};

static void emit(struct out *o, const char *fmt, ...) VIA_PRINTF(2, 3);

static void emit(struct out *o, const char *fmt, ...) {
    char buf[512];
    va_list ap;
    int n;

    if (o->stop)
        return;
    va_start(ap, fmt);
    n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    if (n > 0)
        o->stop = o->put(o->arg, buf, via_min32((uint32_t)n, sizeof buf - 1));
}

static void section(struct out *o, const char *name) {
    if (o->json)
        emit(o, "%s\"%s\":[", o->first_section ? "{" : "],", name);
    else
        emit(o, "%s%s\n", o->first_section ? "" : "\n", name);
    o->first_section = false;
    o->first_row = true;
}

static void row(struct out *o) {
    if (o->json)
        emit(o, "%s{", o->first_row ? "" : ",");
    else
        emit(o, "  ");
    o->first_row = false;
    o->first_cell = true;
}

static void row_end(struct out *o) {
    emit(o, "%s", o->json ? "}" : "\n");
}

static void number(struct out *o, const char *name, uint64_t v) {
    emit(o, o->json ? "%s\"%s\":%llu" : "%s%s=%llu",
         o->first_cell ? ""
         : o->json     ? ","
                       : " ",
         name, (unsigned long long)v);
    o->first_cell = false;
}

/* Texts are our own or an interface's name: the characters that JSON cares for are left out of them. */
static void text(struct out *o, const char *name, const char *v) {
    char clean[128];
    size_t n = 0;

    for (; *v && n < sizeof clean - 1; v++)
        if (*v >= ' ' && *v != '"' && *v != '\\' && *v < 127)
            clean[n++] = *v;
    clean[n] = '\0';
    emit(o, o->json ? "%s\"%s\":\"%s\"" : "%s%s=%s", o->first_cell ? "" : o->json ? "," : " ", name, clean);
    o->first_cell = false;
}

static void dump_stack(struct out *o, const struct via_stack *st) {
    const struct via_core *c = &st->core;

    section(o, "stack");
    row(o);
    text(o, "name", st->name);
    number(o, "now", c->s->now);
    number(o, "polls", c->s->turns);
    number(o, "arrivals", c->s->arrivals);
    number(o, "events", c->socks->events);
    number(o, "completions", c->s->dones);
    number(o, "held", c->s->held);
    number(o, "region_bytes", c->region.size);
    number(o, "frame_bytes", c->region.frames_size);
    number(o, "huge_pages", c->region.huge);
    row_end(o);
}

static void dump_vis(struct out *o, const struct via_stack *st) {
    const struct via_core *c = &st->core;
    char mac[18];
    uint32_t i;

    section(o, "interfaces");
    for (i = 1; i <= c->vis; i++) {
        const struct via_vi *vi = c->vi[i];
        const uint8_t *m;

        if (!vi)
            continue;
        m = vi->dev->mac;
        snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        row(o);
        number(o, "index", i);
        text(o, "driver", via_vi_inner(vi)->ops->name);
        text(o, "ifname", vi->dev->ifname);
        text(o, "mode", via_vi_inner(vi)->mode);
        text(o, "mac", mac);
        text(o, "link", vi->dev->link == VIA_LINK_UP ? "up" : vi->dev->link == VIA_LINK_DOWN ? "down" : "gone");
        number(o, "mtu", vi->dev->mtu);
        number(o, "raw", vi->raw);
        number(o, "rx_packets", vi->rx_packets);
        number(o, "tx_packets", vi->tx_packets);
        number(o, "rx_stock", vi->stock);
        number(o, "tx_flight", vi->flight);
        number(o, "tx_waiting", vi->txq_len + vi->staged);
        row_end(o);
    }
}

static void ends(struct out *o, const struct via_flow *f) {
    char buf[VIA_ADDR_TEXT];

    text(o, "local", via_addr_text(&f->local, buf));
    number(o, "port", f->lport);
    if (!f->rport)
        return;
    text(o, "remote", via_addr_text(&f->remote, buf));
    number(o, "remote_port", f->rport);
}

static void dump_socks(struct out *o, const struct via_stack *st) {
    const struct via_core *c = &st->core;
    const struct via_pool *pool = &c->socks->pool[VIA_KIND_UDP];
    uint32_t i;

    section(o, "sockets");
    for (i = 1; i <= pool->ready; i++) {
        const struct via_sock *k = via_pool_at(pool, &c->region, i);

        if (k->state == VIA_SOCK_FREE)
            continue;
        row(o);
        text(o, "kind", c->sock_ops[k->kind]->name);
        number(o, "handle", via_handle(via_sock_ref(c, k), k->gen));
        text(o, "state", k->state == VIA_SOCK_OPEN ? "open" : "closing");
        ends(o, &k->flow);
        number(o, "queued", k->rxq.pkts);
        number(o, "announced", k->rxq.announced);
        number(o, "limit", k->rxq.limit);
        number(o, "drops", k->drops);
        number(o, "set", k->set);
        number(o, "tokens", k->tokens);
        row_end(o);
    }
}

static void pool_row(struct out *o, const char *name, const struct via_pool *p) {
    row(o);
    text(o, "pool", name);
    number(o, "slot_bytes", p->size);
    number(o, "free", p->free);
    number(o, "ready", p->ready);
    number(o, "cap", p->cap);
    number(o, "fails", p->fails);
    row_end(o);
}

static void dump_pools(struct out *o, const struct via_stack *st) {
    const struct via_core *c = &st->core;

    section(o, "pools");
    pool_row(o, "frames", &c->s->pkts);
    pool_row(o, "clones", &c->s->clones);
    pool_row(o, "udp", &c->socks->pool[VIA_KIND_UDP]);
    pool_row(o, "epoll", &c->socks->sets);
    pool_row(o, "timers", st->slots);
}

static void dump_timers(struct out *o, const struct via_stack *st) {
    const struct via_core *c = &st->core;
    via_ns_t next = via_stack_deadline(st);

    section(o, "timers");
    row(o);
    number(o, "armed", c->s->wheel.count);
    number(o, "in_ns", next == VIA_NEVER ? 0 : next > c->s->now ? next - c->s->now : 0);
    number(o, "any", next != VIA_NEVER);
    row_end(o);
}

static int addr_row(const struct via_ifaddr *a, void *arg) {
    static const char *const states[] = {"tentative", "preferred", "deprecated", "duplicate", "optimistic"};
    struct out *o = arg;
    char buf[VIA_ADDR_TEXT];

    row(o);
    text(o, "addr", via_addr_text(&a->addr, buf));
    number(o, "prefix", a->prefix);
    number(o, "iface", a->iface);
    text(o, "state", a->state < VIA_COUNT(states) ? states[a->state] : "unknown");
    row_end(o);
    return o->stop;
}

static int route_row(const struct via_route *r, void *arg) {
    struct out *o = arg;
    char buf[VIA_ADDR_TEXT];

    row(o);
    text(o, "dst", via_addr_text(&r->dst, buf));
    number(o, "prefix", r->prefix);
    if (!via_addr_is_any(&r->gateway))
        text(o, "gateway", via_addr_text(&r->gateway, buf));
    number(o, "iface", r->iface);
    number(o, "metric", r->metric);
    row_end(o);
    return o->stop;
}

static int neigh_row(const struct via_neigh_entry *n, void *arg) {
    static const char *const states[] = {"none",  "incomplete", "reachable", "stale",
                                         "delay", "probe",      "failed",    "static"};
    struct out *o = arg;
    char buf[VIA_ADDR_TEXT];

    row(o);
    text(o, "neighbour", via_addr_text(&n->addr, buf));
    snprintf(buf, sizeof buf, "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4],
             n->mac[5]);
    text(o, "mac", buf);
    number(o, "iface", n->iface);
    text(o, "state", n->state < VIA_COUNT(states) ? states[n->state] : "unknown");
    row_end(o);
    return o->stop;
}

static void dump_net(struct out *o, struct via_stack *st) {
    const struct via_ifaddr a = {.each = addr_row, .arg = o};
    const struct via_route r = {.each = route_row, .arg = o};
    const struct via_neigh_entry n = {.each = neigh_row, .arg = o};

    section(o, "addresses");
    via_net_addr(&st->core, VIA_CTRL_LIST, &a);
    section(o, "routes");
    via_net_route(&st->core, VIA_CTRL_LIST, &r);
    section(o, "neighbours");
    via_net_neigh(&st->core, VIA_CTRL_LIST, &n);
}

int via_stack_dump(const struct via_stack *st, unsigned what, int (*put)(void *, const char *, size_t), void *arg) {
    struct out o = {.put = put, .arg = arg, .json = (what & (unsigned)VIA_DUMP_JSON) != 0, .first_section = true};

    if (!put || (what & ~((unsigned)VIA_DUMP_JSON | VIA_DUMP_ALL)))
        return -EINVAL;
    if (what & VIA_DUMP_STACK)
        dump_stack(&o, st);
    if (what & VIA_DUMP_VIS)
        dump_vis(&o, st);
    if (what & VIA_DUMP_SOCKS)
        dump_socks(&o, st);
    if (what & VIA_DUMP_POOLS)
        dump_pools(&o, st);
    if (what & VIA_DUMP_NET)
        dump_net(&o, (struct via_stack *)(uintptr_t)st); /* listing changes nothing */
    if (what & VIA_DUMP_TIMERS)
        dump_timers(&o, st);
    if (o.json)
        emit(&o, "%s", o.first_section ? "{}\n" : "]}\n");
    return o.stop;
}
