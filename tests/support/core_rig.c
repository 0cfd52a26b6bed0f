/* SPDX-License-Identifier: BSD-2-Clause */
#include "core_rig.h"

#include "stack/attr.h"

#include <pthread.h>

#define SETS 64u

void core_rig_init(struct core_rig *r, uint32_t frames, uint32_t cap, uint64_t seed) {
    struct via_core *c = &r->core;
    uint32_t size[VIA_KINDS] = {0}, caps[VIA_KINDS] = {0};
    uint64_t pkts = (2ull * frames + 1) * sizeof(struct via_pkt), off;

    memset(r, 0, sizeof *r);
    via_attrs_default(&c->attrs);
    c->attrs.frames = c->attrs.clones = frames;
    c->attrs.max_epoll = SETS;
    c->owner = (uint64_t)pthread_self();
    c->s = &r->state;
    c->socks = &r->socks;
    size[VIA_KIND_UDP] = sizeof(struct via_sock);
    caps[VIA_KIND_UDP] = cap;
    assert_int_equal(
        via_region_init(&c->region,
                        pkts + 2 * via_pool_bytes(1, frames) + via_socks_bytes(&c->attrs, size, caps) + (1u << 20),
                        ((uint64_t)frames + 1) << 11, false),
        0);
    c->frames = c->region.frames;
    c->frame_size = 2048;
    c->frame_shift = 11;
    c->frame_count = frames;
    off = via_region_reserve(&c->region, pkts, 4096);
    assert_int_equal(via_region_commit(&c->region, off, pkts), 0);
    c->pkts = (struct via_pkt *)(void *)(c->region.base + off);
    assert_int_equal(via_pool_init(&c->s->pkts, &c->region, 1, frames, frames), 0);
    assert_int_equal(via_pool_init(&c->s->clones, &c->region, 1, frames, frames), 0);
    assert_int_equal(via_rand_init(&c->s->rand, seed), 0);
    assert_int_equal(via_socks_init(c, size, caps), 0);
}

void core_rig_fini(struct core_rig *r) {
    via_region_fini(&r->core.region);
}

struct via_sock *core_rig_sock(struct core_rig *r) {
    uint32_t ref = via_sock_new(&r->core, VIA_KIND_UDP);

    assert_int_not_equal(ref, 0);
    return via_sock_at(&r->core, ref);
}

uint32_t core_rig_set(struct core_rig *r, enum via_epoll_mode mode) {
    uint32_t id = via_pool_get(&r->socks.sets, &r->core.region);
    struct via_set *set;

    assert_int_not_equal(id, 0);
    set = via_set_at(&r->core, id);
    memset(set, 0, sizeof *set);
    set->open = 1;
    set->mode = (uint8_t)mode;
    return id;
}

struct via_pkt *core_rig_arrive(struct core_rig *r, struct via_sock *k, uint32_t bytes) {
    struct via_core *c = &r->core;
    struct via_pkt *p = via_pkt_new(c, 0);

    c->s->arrivals++;
    if (!p)
        return NULL;
    p->order = c->s->arrivals;
    p->ts = c->s->now;
    p->len = (uint16_t)bytes;
    p->total = bytes;
    p->owner = VIA_OWNER_RXQ;
    k->rxq.pkts++;
    via_pktq_push(c, &k->rxq.list, p);
    via_ready_data(c, k, p);
    return p;
}

uint64_t core_rig_read(struct core_rig *r, struct via_sock *k) {
    struct via_pkt *p = via_rxq_pop(&r->core, k);
    uint64_t order;

    if (!p)
        return 0;
    order = p->order;
    via_pkt_release(&r->core, p);
    return order;
}
