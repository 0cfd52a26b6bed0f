/* SPDX-License-Identifier: BSD-2-Clause */
/* The choice of the source address: RFC 6724 5; and the order of destinations: 6. */
#include "net/addr.h"
#include "net/state.h"

/* RFC 6724 2.1, longest prefix first. */
static const struct {
    struct via_addr prefix;
    uint8_t bits, label, precedence;
} policy[] = {
    {{{[15] = 1}}, 128, 0, 50},  {{{[10] = 0xff, [11] = 0xff}}, 96, 4, 35},
    {{{0}}, 96, 3, 1},           {{{0x20, 0x01}}, 32, 5, 5},
    {{{0x20, 0x02}}, 16, 2, 30}, {{{0x3f, 0xfe}}, 16, 12, 1},
    {{{0xfe, 0xc0}}, 10, 11, 1}, {{{0xfc}}, 7, 13, 3},
    {{{0}}, 0, 1, 40},
};

enum { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 }; /* RFC 4291 2.7 */

static unsigned row_of(const struct via_addr *a) {
    unsigned i = 0;

    while (!via_addr_in(a, &policy[i].prefix, policy[i].bits))
        i++;
    return i;
}

static unsigned label_of(const struct via_addr *a) {
    return policy[row_of(a)].label;
}

/* RFC 6724 3.1, 3.2. */
static unsigned scope_of(const struct via_addr *a) {
    if (via_addr_is4(a))
        return a->b[12] == 127 || (a->b[12] == 169 && a->b[13] == 254) ? SCOPE_LINK : SCOPE_GLOBAL;
    if (a->b[0] == 0xff)
        return a->b[1] & 15;
    if (via_addr_is_linklocal6(a) || via_addr_in(a, &policy[0].prefix, 128))
        return SCOPE_LINK;
    return via_addr_in(a, &policy[6].prefix, 10) ? SCOPE_SITE : SCOPE_GLOBAL;
}

/* Rule 8 compares within the prefix of the source. */
static unsigned common_of(const struct via_own *o, const struct via_addr *dst) {
    return via_min32(via_addr_common(&o->addr, dst), via_prefix_bits(&o->addr, o->prefix));
}

bool via_addr_prefers(const struct via_own *a, const struct via_own *b, const struct via_addr *dst, uint8_t iface) {
    unsigned sa = scope_of(&a->addr), sb = scope_of(&b->addr), sd = scope_of(dst), label;

    if (via_addr_eq(&a->addr, dst) != via_addr_eq(&b->addr, dst)) /* 1: same address */
        return via_addr_eq(&a->addr, dst);
    if (sa != sb) /* 2: appropriate scope */
        return sa < sb ? sa >= sd : sb < sd;
    if ((a->state == VIA_ADDR_PREFERRED) != (b->state == VIA_ADDR_PREFERRED)) /* 3: not deprecated, nor optimistic */
        return a->state == VIA_ADDR_PREFERRED;
    if ((a->iface == iface) != (b->iface == iface)) /* 5: outgoing interface; 4 is about mobile hosts */
        return a->iface == iface;
    label = label_of(dst);
    if ((label_of(&a->addr) == label) != (label_of(&b->addr) == label)) /* 6: matching label */
        return label_of(&a->addr) == label;
    if ((a->flags ^ b->flags) & VIA_ADDR_TEMPORARY) /* 7: temporary */
        return a->flags & VIA_ADDR_TEMPORARY;
    return common_of(a, dst) > common_of(b, dst); /* 8: longest matching prefix */
}

static bool may_serve(const struct via_own *o, const struct via_addr *dst, uint8_t iface) {
    return via_own_usable(o) && via_addr_is4(&o->addr) == via_addr_is4(dst) &&
           (o->iface == iface || !via_addr_is_linklocal6(&o->addr));
}

/* The best of one interface, or `best` where none is better. */
static const struct via_own *best_of(const struct via_core *c, uint8_t of, const struct via_addr *dst, uint8_t iface,
                                     const struct via_own *best) {
    uint32_t id;

    for (id = c->net->iface.at[of].own.head; id; id = via_own_at(c, id)->iface_next) {
        const struct via_own *o = via_own_at(c, id);

        if (may_serve(o, dst, iface) && (!best || via_addr_prefers(o, best, dst, iface)))
            best = o;
    }
    return best;
}

int via_addr_select(const struct via_core *c, const struct via_addr *dst, const struct via_addr *next, uint8_t iface,
                    struct via_addr *src) {
    const struct via_addr *to = via_addr_is4(dst) ? next : dst;
    const struct via_own *best = best_of(c, iface, to, iface, NULL);
    uint8_t i;

    /* Others' addresses only where the interface has none that reaches as far (weak host model). */
    if (!best || scope_of(&best->addr) < scope_of(to))
        for (i = 1; i <= VIA_VIS; i++)
            if (i != iface)
                best = best_of(c, i, to, iface, best);
    if (!best)
        return -EADDRNOTAVAIL;
    *src = best->addr;
    return 0;
}

/* What two destinations are compared by, in the order of the rules; more is better. */
struct rank {
    bool usable, in_scope, preferred, same_label; /* 1, 2, 3, 5; 4 and 7 are about mobile hosts and tunnels */
    uint8_t precedence;                           /* 6 */
    uint8_t nearness;                             /* 8: of the smaller scope */
    uint8_t family, common;                       /* 9 */
};

static struct rank rank_of(struct via_core *c, const struct via_ep *e) {
    struct via_dest d = {.dst = e->addr, .iface = (uint8_t)e->scope};
    struct rank r = {.family = via_addr_is4(&e->addr) ? 4 : 6};
    const struct via_own *own;
    struct via_addr src;

    if (e->scope > VIA_VIS || (via_addr_is_linklocal6(&e->addr) && !e->scope) || via_path_source(c, &d, &src) < 0)
        return r;
    own = via_addr_find(c, &src, d.iface);
    r.usable = true;
    r.in_scope = scope_of(&e->addr) == scope_of(&src);
    r.preferred = own->state == VIA_ADDR_PREFERRED;
    r.same_label = label_of(&e->addr) == label_of(&src);
    r.precedence = policy[row_of(&e->addr)].precedence;
    r.nearness = (uint8_t)(16 - scope_of(&e->addr));
    r.common = (uint8_t)common_of(own, &e->addr);
    return r;
}

/* The first rule that tells them apart decides. */
static bool ranks_before(const struct rank *a, const struct rank *b) {
    if (a->usable != b->usable || !a->usable)
        return a->usable && !b->usable;
    if (a->in_scope != b->in_scope)
        return a->in_scope;
    if (a->preferred != b->preferred)
        return a->preferred;
    if (a->same_label != b->same_label)
        return a->same_label;
    if (a->precedence != b->precedence)
        return a->precedence > b->precedence;
    if (a->nearness != b->nearness)
        return a->nearness > b->nearness;
    return a->family == b->family && a->common > b->common;
}

unsigned via_net_rank(struct via_core *c, struct via_ep *v, unsigned n) {
    struct rank r[VIA_RANK_MAX];
    unsigned i, usable = 0;

    for (i = 0; i < n; i++) {
        struct rank one = rank_of(c, &v[i]);
        struct via_ep e = v[i];
        unsigned at = i;

        for (; at && ranks_before(&one, &r[at - 1]); at--) {
            r[at] = r[at - 1];
            v[at] = v[at - 1];
        }
        r[at] = one;
        v[at] = e;
        usable += one.usable;
    }
    return usable;
}
