/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/frag.h"
#include "net/input.h"
#include "net/state.h"

#define NEITHER 0x01 /* bits of via_frag.ecn */
#define CE      0x08

static struct via_frag_table *table(const struct via_core *c) {
    return &c->net->frag;
}

static struct via_frag *frag_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&table(c)->datagrams, &c->region, id);
}

static struct via_frag_source *source_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&table(c)->sources, &c->region, id);
}

static uint32_t *buckets(const struct via_core *c) {
    return (uint32_t *)(void *)(c->region.base + table(c)->buckets);
}

static uint32_t *bucket_of(const struct via_core *c, const struct via_frag_key *k) {
    uint64_t w[5] = {via_load64(k->src.b), via_load64(k->src.b + 8), via_load64(k->dst.b), via_load64(k->dst.b + 8)};

    w[4] = (uint64_t)k->id | (uint64_t)k->proto << 32 | (uint64_t)k->iface << 40;
    return buckets(c) + (via_hash_words(&table(c)->key, w, 5) & table(c)->mask);
}

static uint32_t *source_bucket_of(const struct via_core *c, const struct via_addr *a) {
    return buckets(c) + table(c)->mask + 1 + (via_hash_addr(&table(c)->key, a, 0) & table(c)->mask);
}

static uint32_t buckets_of(const struct via_attrs *a) {
    return (uint32_t)via_pow2_up(a->frag_max ? a->frag_max : 1);
}

uint64_t via_frag_bytes(const struct via_attrs *a) {
    return via_pool_bytes(sizeof(struct via_frag), (uint32_t)a->frag_max) +
           via_pool_bytes(sizeof(struct via_frag_source), (uint32_t)a->frag_max) +
           via_round_up(2ull * buckets_of(a) * sizeof(uint32_t), 4096) + 4096;
}

int via_frag_init(struct via_core *c) {
    struct via_frag_table *t = table(c);
    uint32_t max = (uint32_t)c->attrs.frag_max;
    uint64_t bytes = 2ull * buckets_of(&c->attrs) * sizeof(uint32_t);
    int err;

    memset(t, 0, sizeof *t);
    if ((err = via_pool_init(&t->datagrams, &c->region, sizeof(struct via_frag), max, 0)) < 0 ||
        (err = via_pool_init(&t->sources, &c->region, sizeof(struct via_frag_source), max, 0)) < 0)
        return err;
    t->buckets = via_region_reserve(&c->region, bytes, 4096);
    t->mask = buckets_of(&c->attrs) - 1;
    t->key = via_rand_key(&c->s->rand);
    /* Whatever the attribute says: the rings are not to be starved by what strangers leave unfinished. */
    t->frames_max = via_min32((uint32_t)c->attrs.frag_frames, c->frame_count / 2);
    t->source_frames_max = via_max32(t->frames_max / 4, via_min32(t->frames_max, 64));
    c->ticks[VIA_TICK_FRAG].base = c->region.base + t->datagrams.slots + offsetof(struct via_frag, tick);
    c->ticks[VIA_TICK_FRAG].stride = sizeof(struct via_frag);
    return via_region_commit(&c->region, t->buckets, bytes);
}

/* Who a datagram is charged to: whoever has a /64 has all of its addresses. */
static struct via_addr payer_of(const struct via_addr *src) {
    struct via_addr a = *src;

    if (!via_addr_is4(src))
        memset(a.b + 8, 0, 8);
    return a;
}

static uint32_t find_source(const struct via_core *c, const struct via_addr *a) {
    uint32_t id = *source_bucket_of(c, a);

    while (id && !via_addr_eq(&source_at(c, id)->addr, a))
        id = source_at(c, id)->next;
    return id;
}

static uint32_t make_source(struct via_core *c, const struct via_addr *a) {
    uint32_t id = via_pool_get(&table(c)->sources, &c->region), *bucket = source_bucket_of(c, a);
    struct via_frag_source *s;

    if (!id)
        return 0;
    s = source_at(c, id);
    memset(s, 0, sizeof *s);
    s->addr = *a;
    s->next = *bucket;
    *bucket = id;
    return id;
}

static void unlink_source(struct via_core *c, uint32_t id) {
    struct via_frag_source *s = source_at(c, id);
    uint32_t *at = source_bucket_of(c, &s->addr);

    while (*at != id)
        at = &source_at(c, *at)->next;
    *at = s->next;
    via_pool_put(&table(c)->sources, &c->region, id);
}

static uint32_t find_frag(const struct via_core *c, const struct via_frag_key *k) {
    uint32_t id = *bucket_of(c, k);

    while (id && memcmp(&frag_at(c, id)->key, k, sizeof *k))
        id = frag_at(c, id)->next;
    return id;
}

static void link_ages(struct via_core *c, uint32_t id) {
    struct via_frag_table *t = table(c);
    struct via_frag *f = frag_at(c, id);
    struct via_frag_source *s = source_at(c, f->source);

    f->older = t->newest;
    *(t->newest ? &frag_at(c, t->newest)->newer : &t->oldest) = id;
    t->newest = id;
    f->older_here = s->newest;
    *(s->newest ? &frag_at(c, s->newest)->newer_here : &s->oldest) = id;
    s->newest = id;
    s->datagrams++;
}

static void unlink_ages(struct via_core *c, uint32_t id) {
    struct via_frag_table *t = table(c);
    struct via_frag *f = frag_at(c, id);
    struct via_frag_source *s = source_at(c, f->source);

    *(f->older ? &frag_at(c, f->older)->newer : &t->oldest) = f->newer;
    *(f->newer ? &frag_at(c, f->newer)->older : &t->newest) = f->older;
    *(f->older_here ? &frag_at(c, f->older_here)->newer_here : &s->oldest) = f->newer_here;
    *(f->newer_here ? &frag_at(c, f->newer_here)->older_here : &s->newest) = f->older_here;
    if (!--s->datagrams)
        unlink_source(c, f->source);
}

/* The packets are gone already. */
static void free_frag(struct via_core *c, uint32_t id) {
    struct via_frag *f = frag_at(c, id);
    uint32_t *at = bucket_of(c, &f->key);

    while (*at != id)
        at = &frag_at(c, *at)->next;
    *at = f->next;
    unlink_ages(c, id);
    via_tick_disarm(c, VIA_TICK_FRAG, id);
    via_pool_put(&table(c)->datagrams, &c->region, id);
}

static void charge(struct via_core *c, struct via_frag *f, int32_t frames) {
    f->frames += (uint32_t)frames;
    source_at(c, f->source)->frames += (uint32_t)frames;
    table(c)->frames += (uint32_t)frames;
}

static void drop_parts(struct via_core *c, struct via_frag *f, enum via_drop why) {
    uint32_t id = f->first;

    charge(c, f, -(int32_t)f->frames);
    while (id) {
        struct via_pkt *p = via_pkt_at(c, id);

        id = p->next;
        p->next = 0;
        via_drop_count(c, why);
        via_pkt_release(c, p);
    }
    f->first = f->last = f->parts = f->have = f->size = 0;
}

static void give_up(struct via_core *c, uint32_t id, enum via_drop why) {
    struct via_frag *f = frag_at(c, id);

    if (!f->dead)
        table(c)->failed++;
    drop_parts(c, f, why);
    free_frag(c, id);
}

/*
 * RFC 5722 4: of an IPv6 datagram with an overlap nothing may come to life any more. Of IPv4 the identification comes
 * round soon, and it must not be barred.
 */
static enum via_drop give_up_overlap(struct via_core *c, uint32_t id) {
    struct via_frag *f = frag_at(c, id);

    if (f->version == 4) {
        give_up(c, id, VIA_DROP_FRAG_OVERLAP);
        return VIA_DROP_FRAG_OVERLAP;
    }
    table(c)->failed++;
    drop_parts(c, f, VIA_DROP_FRAG_OVERLAP);
    f->dead = true;
    return VIA_DROP_FRAG_OVERLAP;
}

void via_frag_clear(struct via_core *c) {
    while (table(c)->oldest)
        give_up(c, table(c)->oldest, VIA_DROP_FRAG_LIMIT);
}

static struct via_frag_key key_of(const struct via_pkt *p, const struct via_ip_head *h) {
    struct via_frag_key k;

    memset(&k, 0, sizeof k);
    k.src = h->src;
    k.dst = h->dst;
    k.id = h->frag_id;
    k.proto = h->version == 4 ? h->proto : 0;
    k.iface = via_addr_is_linklocal6(&h->src) ? p->vi : 0;
    return k;
}

/* The oldest datagram of a list that is not `but`; 0 if there is none. */
static uint32_t oldest_of_all(const struct via_core *c, uint32_t but) {
    uint32_t id = table(c)->oldest;

    return id == but ? frag_at(c, id)->newer : id;
}

static uint32_t oldest_of_source(const struct via_core *c, uint32_t source, uint32_t but) {
    uint32_t id = source_at(c, source)->oldest;

    return id == but ? frag_at(c, id)->newer_here : id;
}

static uint32_t make_frag(struct via_core *c, const struct via_frag_key *k, uint8_t version) {
    struct via_addr payer = payer_of(&k->src);
    uint32_t id, source = find_source(c, &payer), *bucket = bucket_of(c, k);
    struct via_frag *f;

    if (source && source_at(c, source)->datagrams >= c->attrs.frag_source)
        give_up(c, source_at(c, source)->oldest, VIA_DROP_FRAG_LIMIT);
    else if (table(c)->datagrams.cap == via_pool_used(&table(c)->datagrams))
        give_up(c, table(c)->oldest, VIA_DROP_FRAG_LIMIT);
    source = find_source(c, &payer);
    if (!source && !(source = make_source(c, &payer)))
        return 0;
    id = via_pool_get(&table(c)->datagrams, &c->region);
    if (!id) {
        if (!source_at(c, source)->datagrams)
            unlink_source(c, source);
        return 0;
    }
    f = frag_at(c, id);
    memset(f, 0, sizeof *f);
    f->key = *k;
    f->version = version;
    f->source = source;
    f->next = *bucket;
    *bucket = id;
    link_ages(c, id);
    via_tick_arm(c, VIA_TICK_FRAG, id, via_after(via_now(c), c->attrs.frag_time));
    return id;
}

static bool is_over(const struct via_core *c, uint32_t frames) {
    const struct via_frag_table *t = table(c);

    return t->frames + frames > t->frames_max || c->s->pkts.free < c->s->reserve;
}

/* Makes room for `frames` more of datagram `id`, at the cost of older ones; false if that is not enough. */
static bool make_room(struct via_core *c, uint32_t id, uint32_t frames) {
    uint32_t source = frag_at(c, id)->source, victim;

    while (source_at(c, source)->frames + frames > table(c)->source_frames_max) {
        if (!(victim = oldest_of_source(c, source, id)))
            return false;
        give_up(c, victim, VIA_DROP_FRAG_LIMIT);
    }
    while (is_over(c, frames)) {
        if (!(victim = oldest_of_all(c, id)))
            return false;
        give_up(c, victim, VIA_DROP_FRAG_LIMIT);
    }
    return true;
}

/*
 * Where bytes [from, to) belong: *after gets the packet before them, 0 if they come first. They mostly come in order,
 * or in reverse.
 */
static enum via_drop find_place(const struct via_core *c, const struct via_frag *f, uint32_t from, uint32_t to,
                                uint32_t *after) {
    const struct via_pkt *p = f->last ? via_pkt_at(c, f->last) : NULL;
    uint32_t id;

    *after = f->last;
    if (!p || from >= p->frag.to)
        return VIA_KEPT;
    *after = 0;
    for (id = f->first; id; id = p->next) {
        p = via_pkt_at(c, id);
        if (to <= p->frag.from)
            return VIA_KEPT;
        if (from < p->frag.to)
            return from == p->frag.from && to == p->frag.to ? VIA_DROP_FRAG_DUPLICATE : VIA_DROP_FRAG_OVERLAP;
        *after = id;
    }
    return VIA_KEPT;
}

static void insert(struct via_core *c, struct via_frag *f, struct via_pkt *p, uint32_t after) {
    uint32_t *link = after ? &via_pkt_at(c, after)->next : &f->first;

    p->next = *link;
    *link = via_pkt_id(c, p);
    if (!p->next)
        f->last = via_pkt_id(c, p);
    p->owner = VIA_OWNER_FRAG;
    f->parts++;
    f->have += p->total;
}

static uint32_t frames_of(const struct via_core *c, const struct via_pkt *p) {
    uint32_t n = 1;

    for (; p->chain; n++)
        p = via_pkt_at(c, p->chain);
    return n;
}

/* Does the end that fragment [from, to) claims for the datagram fit those that came before? */
static bool fits_end(const struct via_core *c, const struct via_frag *f, uint32_t to, bool last) {
    if (last)
        return f->size ? f->size == to : !f->last || via_pkt_at(c, f->last)->frag.to <= to;
    return !f->size || to <= f->size;
}

static enum via_drop add_part(struct via_core *c, uint32_t id, struct via_pkt *p, const struct via_ip_head *h) {
    struct via_frag *f = frag_at(c, id);
    uint32_t from = h->frag_off, to = from + h->payload, after, frames;
    bool last = !(h->flags & VIA_IP_MORE);
    enum via_drop why;

    if (f->dead)
        return VIA_DROP_FRAG_OVERLAP;
    if ((why = find_place(c, f, from, to, &after)) == VIA_DROP_FRAG_DUPLICATE)
        return why;
    if (why || !fits_end(c, f, to, last))
        return give_up_overlap(c, id);
    via_pkt_trim(c, p, via_ip_total(h));
    via_pkt_pull(p, h->hlen);
    frames = frames_of(c, p);
    if (f->parts == VIA_FRAG_PARTS || !make_room(c, id, frames)) {
        give_up(c, id, VIA_DROP_FRAG_LIMIT);
        return VIA_DROP_FRAG_LIMIT;
    }
    p->frag.from = from;
    p->frag.to = to;
    insert(c, f, p, after);
    charge(c, f, (int32_t)frames);
    f->ecn |= (uint8_t)(1 << (h->tos & 3));
    if (last)
        f->size = to;
    return VIA_KEPT;
}

static struct via_pkt *last_part(const struct via_core *c, struct via_pkt *p) {
    while (p->chain)
        p = via_pkt_at(c, p->chain);
    return p;
}

/* Links the fragments into one chain; each keeps to its payload. */
static struct via_pkt *link_parts(struct via_core *c, const struct via_frag *f) {
    struct via_pkt *head = via_pkt_at(c, f->first), *tail = last_part(c, head);
    uint32_t id, next;

    for (id = head->next; id; id = next) {
        struct via_pkt *p = via_pkt_at(c, id);

        next = p->next;
        p->next = 0;
        p->owner = VIA_OWNER_BURST;
        memset(&p->rec, 0, sizeof p->rec);
        head->total += p->total;
        head->flags = (uint8_t)((head->flags & (p->flags | ~VIA_PKT_CSUM_OK)) | (p->flags & VIA_PKT_MCAST));
        tail->chain = id;
        tail = last_part(c, p);
    }
    head->next = 0;
    head->owner = VIA_OWNER_BURST;
    memset(&head->rec, 0, sizeof head->rec);
    return head;
}

/* The first fragment may have more headers than that whose check said that the end fits the length field. */
static bool is_too_long(const struct via_core *c, const struct via_frag *f) {
    const struct via_pkt *p = via_pkt_at(c, f->first);
    uint32_t before = (uint32_t)(p->off - p->l3);

    return f->size + (f->version == 4 ? before : before - VIA_IP6_LEN - VIA_IP6_FRAG_LEN) > VIA_IP_MAX;
}

static void set_ce(uint8_t *at, uint8_t version) {
    at[1] |= version == 4 ? 3 : 0x30;
}

/* The header as that of a whole packet. Nobody else sees the frame. */
static void mend4(struct via_core *c, struct via_pkt *p, bool ce) {
    uint8_t *at = via_pkt_push(c, p, (uint32_t)(p->off - p->l3));
    size_t hlen = (at[0] & 15u) * 4;

    via_put16(at + 2, (uint16_t)p->total);
    at[6] &= 0x40;
    at[7] = 0;
    if (ce)
        set_ce(at, 4);
    via_store16(at + 10, 0);
    via_store16(at + 10, via_sum_end(via_sum_add(0, at, hlen)));
}

/* The same; the fragment header goes, by moving what is in front of it. */
static void mend6(struct via_core *c, struct via_pkt *p, bool ce) {
    uint32_t n = (uint32_t)(p->off - p->l3) - VIA_IP6_FRAG_LEN, next = 6, pos = VIA_IP6_LEN;
    uint8_t *at = via_pkt_push(c, p, n + VIA_IP6_FRAG_LEN);

    while (at[next] != IPPROTO_FRAGMENT) {
        next = pos;
        pos += 8 + at[pos + 1] * 8u;
    }
    VIA_ASSERT(pos == n);
    at[next] = at[n];
    memmove(at + VIA_IP6_FRAG_LEN, at, n);
    via_pkt_pull(p, VIA_IP6_FRAG_LEN);
    at += VIA_IP6_FRAG_LEN;
    via_put16(at + 4, (uint16_t)(p->total - VIA_IP6_LEN));
    if (ce)
        set_ce(at, 6);
}

/* Everything is there. */
static struct via_pkt *complete(struct via_core *c, uint32_t id, const struct via_pkt *latest) {
    struct via_frag *f = frag_at(c, id);
    uint64_t order = latest->order;
    via_ns_t ts = latest->ts;
    struct via_pkt *p;

    /* RFC 3168 5.3: a mark on a part that could not be marked by ECN says that something is wrong. */
    if (is_too_long(c, f) || ((f->ecn & CE) && (f->ecn & NEITHER))) {
        give_up(c, id, is_too_long(c, f) ? VIA_DROP_FRAG_TOO_LONG : VIA_DROP_FRAG_BAD);
        return NULL;
    }
    charge(c, f, -(int32_t)f->frames);
    p = link_parts(c, f);
    p->order = order;
    p->ts = ts;
    if (f->version == 4)
        mend4(c, p, f->ecn & CE);
    else
        mend6(c, p, f->ecn & CE);
    p->l3 = p->off;
    free_frag(c, id);
    table(c)->reassembled++;
    return p;
}

struct via_pkt *via_frag_input(struct via_core *c, struct via_pkt *p, struct via_ip_head *h, enum via_drop *why) {
    struct via_frag_key k;
    uint32_t id;
    int err;

    *why = VIA_DROP_FRAG_OFF;
    if (!table(c)->datagrams.cap)
        return NULL;
    err = via_ip_frag_check(h, via_pkt_data(c, p), p->len);
    *why = (enum via_drop)(-err);
    if (err < 0)
        return NULL;
    k = key_of(p, h);
    id = find_frag(c, &k);
    if (!id && !(id = make_frag(c, &k, h->version))) {
        *why = VIA_DROP_FRAG_LIMIT;
        return NULL;
    }
    *why = add_part(c, id, p, h);
    VIA_CHECK(via_frag_valid(c));
    if (*why || frag_at(c, id)->have != frag_at(c, id)->size)
        return NULL;
    return complete(c, id, p);
}

/* RFC 792, RFC 8200 4.5: only who sent the first fragment hears of it. */
void via_frag_timer(struct via_core *c, uint32_t index) {
    struct via_frag *f = frag_at(c, index);
    struct via_pkt *p = f->first ? via_pkt_at(c, f->first) : NULL;

    if (p && !p->frag.from) {
        struct via_icmp m = {.kind = VIA_ICMP_FRAG_TIME, .version = f->version};

        via_icmp_answer(c, p, &m, false);
    }
    give_up(c, index, VIA_DROP_FRAG_TIMEOUT);
}

static bool part_list_valid(const struct via_core *c, const struct via_frag *f) {
    uint32_t id, parts = 0, frames = 0, have = 0, at = 0, last = 0;

    for (id = f->first; id; id = via_pkt_at(c, id)->next) {
        const struct via_pkt *p = via_pkt_at(c, id);

        if (p->owner != VIA_OWNER_FRAG || p->frag.from < at || p->frag.to - p->frag.from != p->total)
            return false;
        at = p->frag.to;
        have += p->total;
        frames += frames_of(c, p);
        parts++;
        last = id;
    }
    return parts == f->parts && frames == f->frames && have == f->have && last == f->last &&
           (!f->size || at <= f->size);
}

bool via_frag_valid(const struct via_core *c) {
    const struct via_frag_table *t = table(c);
    uint32_t id, frames = 0, count = 0, before = 0;

    for (id = t->oldest; id; id = frag_at(c, id)->newer) {
        const struct via_frag *f = frag_at(c, id);

        if (f->older != before || find_frag(c, &f->key) != id || !part_list_valid(c, f))
            return false;
        before = id;
        frames += f->frames;
        count++;
    }
    return before == t->newest && frames == t->frames && count == via_pool_used(&t->datagrams);
}
