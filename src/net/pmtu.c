/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/pmtu.h"
#include "net/state.h"

/* RFC 1191 7.1: what a path may be, where the router does not say. */
static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, VIA_PMTU_MIN4};

static struct via_pmtu_table *table(const struct via_core *c) {
    return &c->net->pmtu;
}

static struct via_pmtu *entry_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&table(c)->entries, &c->region, id);
}

static uint8_t scope_of(const struct via_addr *dst, uint8_t iface) {
    return via_addr_is_linklocal6(dst) ? iface : iface & VIA_PMTU_ECHO;
}

static uint32_t *bucket_of(const struct via_core *c, const struct via_addr *dst, uint8_t scope) {
    uint32_t *buckets = (uint32_t *)(void *)(c->region.base + table(c)->buckets);

    return buckets + (via_hash_addr(&table(c)->key, dst, scope) & table(c)->mask);
}

uint64_t via_pmtu_bytes(const struct via_attrs *a) {
    (void)a;
    return via_pool_bytes(sizeof(struct via_pmtu), VIA_PMTU_MAX) + VIA_PMTU_MAX * sizeof(uint32_t) + 8192;
}

int via_pmtu_init(struct via_core *c) {
    struct via_pmtu_table *t = table(c);
    int err;

    memset(t, 0, sizeof *t);
    if ((err = via_pool_init(&t->entries, &c->region, sizeof(struct via_pmtu), VIA_PMTU_MAX, 0)) < 0)
        return err;
    t->buckets = via_region_reserve(&c->region, VIA_PMTU_MAX * sizeof(uint32_t), 4096);
    t->mask = VIA_PMTU_MAX - 1;
    t->key = via_rand_key(&c->s->rand);
    c->ticks[VIA_TICK_PMTU].base = c->region.base + t->entries.slots + offsetof(struct via_pmtu, tick);
    c->ticks[VIA_TICK_PMTU].stride = sizeof(struct via_pmtu);
    return via_region_commit(&c->region, t->buckets, VIA_PMTU_MAX * sizeof(uint32_t));
}

static bool is_about(const struct via_pmtu *e, const struct via_addr *dst, uint8_t scope) {
    return e->scope == scope && via_addr_eq(&e->dst, dst);
}

static uint32_t find(const struct via_core *c, const struct via_addr *dst, uint8_t scope) {
    uint32_t id = *bucket_of(c, dst, scope);

    while (id && !is_about(entry_at(c, id), dst, scope))
        id = entry_at(c, id)->next;
    return id;
}

static void forget(struct via_core *c, uint32_t id) {
    struct via_pmtu *e = entry_at(c, id);
    uint32_t *at = bucket_of(c, &e->dst, e->scope);

    while (*at != id)
        at = &entry_at(c, *at)->next;
    *at = e->next;
    via_tick_disarm(c, VIA_TICK_PMTU, id);
    via_pool_put(&table(c)->entries, &c->region, id);
}

static uint32_t make(struct via_core *c, const struct via_addr *dst, uint8_t scope) {
    uint32_t id = via_pool_get(&table(c)->entries, &c->region), *bucket;
    struct via_pmtu *e;

    if (!id && via_pool_used(&table(c)->entries) == VIA_PMTU_MAX) {
        forget(c, 1 + via_rand_below(&c->s->rand, VIA_PMTU_MAX));
        id = via_pool_get(&table(c)->entries, &c->region);
    }
    if (!id)
        return 0;
    e = entry_at(c, id);
    memset(e, 0, sizeof *e);
    e->dst = *dst;
    e->scope = scope;
    bucket = bucket_of(c, dst, scope);
    e->next = *bucket;
    *bucket = id;
    return id;
}

uint32_t via_pmtu_get(const struct via_core *c, const struct via_addr *dst, uint8_t iface, uint32_t mtu) {
    uint32_t id;

    if (!via_pool_used(&table(c)->entries))
        return mtu;
    id = find(c, dst, scope_of(dst, iface));
    return id ? via_min32(entry_at(c, id)->mtu, mtu) : mtu;
}

uint32_t via_pmtu_clamp(const struct via_addr *dst, uint32_t mtu, uint32_t sent) {
    size_t i;

    /* RFC 8201 4: what is less than any link must carry is no path MTU; and an MTU that the packet fitted is a lie. */
    if (!via_addr_is4(dst))
        return mtu < VIA_PMTU_MIN6 || mtu >= sent ? 0 : mtu;
    if (sent <= VIA_PMTU_MIN4)
        return 0;
    if (mtu && mtu < sent)
        return via_max32(mtu, VIA_PMTU_MIN4);
    for (i = 0; plateaus[i] >= sent; i++)
        ;
    return plateaus[i];
}

uint32_t via_pmtu_learn(struct via_core *c, const struct via_addr *dst, uint8_t iface, uint32_t mtu, uint32_t sent) {
    uint32_t believed = via_pmtu_clamp(dst, mtu, sent);
    uint8_t scope = scope_of(dst, iface);
    uint32_t id;

    if (!believed || believed > VIA_IP_MAX || !c->attrs.pmtu)
        return 0;
    id = find(c, dst, scope);
    if (id && entry_at(c, id)->mtu <= believed)
        return 0;
    if (!id && !(id = make(c, dst, scope)))
        return 0;
    entry_at(c, id)->mtu = (uint16_t)believed;
    via_tick_arm(c, VIA_TICK_PMTU, id, via_after(via_now(c), c->attrs.pmtu_time));
    if (!(scope & VIA_PMTU_ECHO))
        via_net_changed(c);
    return believed;
}

void via_pmtu_timer(struct via_core *c, uint32_t index) {
    if (!(entry_at(c, index)->scope & VIA_PMTU_ECHO))
        via_net_changed(c);
    forget(c, index);
}
