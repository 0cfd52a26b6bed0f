/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways: one path for all connections that send alike, so that ten thousand to one peer share a template. */
#include "tcp/tcp.h"

static uint32_t *bucket_of(struct via_core *c, const struct via_dest *d) {
    uint64_t w[5];

    memcpy(w, &d->dst, 16);
    memcpy(w + 2, &d->src, 16);
    w[4] = (uint64_t)d->iface | (uint64_t)d->tos << 8 | (uint64_t)d->ttl << 16;
    return &c->tcp->bucket[via_hash_words(&c->tcp->way_key, w, 5) % VIA_TCP_WAYS];
}

static struct via_tcp_way *way_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&c->tcp->ways, &c->region, id);
}

static bool asks_same(const struct via_tcp_way *w, const struct via_dest *d) {
    static const struct via_addr none;

    return via_addr_eq(&w->dest.dst, &d->dst) && via_addr_eq(w->any ? &none : &w->dest.src, &d->src) &&
           w->dest.iface == d->iface && w->dest.tos == d->tos && w->dest.ttl == d->ttl;
}

static int resolve(struct via_core *c, struct via_tcp_way *w) {
    int err = via_path_resolve(c, &w->path, &w->dest);

    w->plain = err || (w->path.flags & ~(uint32_t)VIA_PATH_CSUM_FREE) ? 0 : w->path.gen;
    return err;
}

static void unlink_way(struct via_core *c, uint32_t id) {
    struct via_tcp_way *w = way_at(c, id);
    struct via_dest asked = w->dest;
    uint32_t *at;

    if (!w->hashed)
        return;
    if (w->any)
        memset(&asked.src, 0, sizeof asked.src);
    for (at = bucket_of(c, &asked); *at != id; at = &way_at(c, *at)->next)
        ;
    *at = w->next;
    w->hashed = false;
}

/* A way that was asked for without a source keeps the one it got; when the net changes, others are to choose anew. */
static bool is_usable(struct via_core *c, struct via_tcp_way *w) {
    if (via_path_valid(c, &w->path))
        return true;
    return !w->any && !resolve(c, w);
}

int via_tcp_way_get(struct via_core *c, const struct via_dest *d, uint32_t *id) {
    uint32_t *bucket = bucket_of(c, d), at;
    struct via_tcp_way *w;
    int err;

    for (at = *bucket; at; at = w->next) {
        w = way_at(c, at);
        if (!asks_same(w, d))
            continue;
        if (is_usable(c, w)) {
            w->refs++;
            *id = at;
            return 0;
        }
        unlink_way(c, at);
        break;
    }
    at = via_pool_get(&c->tcp->ways, &c->region);
    if (!at)
        return -ENOBUFS;
    w = way_at(c, at);
    memset(w, 0, sizeof *w);
    w->dest = *d;
    err = resolve(c, w);
    if (err < 0) {
        via_pool_put(&c->tcp->ways, &c->region, at);
        return err;
    }
    w->any = via_addr_is_any(&d->src);
    w->dest.src = w->path.src;
    w->refs = 1;
    w->next = *bucket;
    w->hashed = true;
    *bucket = at;
    *id = at;
    return 0;
}

void via_tcp_way_put(struct via_core *c, uint32_t id) {
    struct via_tcp_way *w;

    if (!id)
        return;
    w = way_at(c, id);
    if (--w->refs)
        return;
    unlink_way(c, id);
    via_pool_put(&c->tcp->ways, &c->region, id);
}

struct via_tcp_way *via_tcp_way_anew(struct via_core *c, struct via_tcp_conn *t, int *err) {
    struct via_tcp_way *w = via_tcp_way(c, t);

    *err = 0;
    if (VIA_UNLIKELY(!via_path_valid(c, &w->path)) && (*err = resolve(c, w)) < 0)
        return NULL;
    if (VIA_UNLIKELY(t->way_gen != w->path.gen))
        via_tcp_set_mss(c, t, w);
    return w;
}

uint32_t via_tcp_way_mss(const struct via_tcp_way *w) {
    return (uint32_t)w->path.mtu - w->path.ip_len - VIA_TCP_LEN;
}
