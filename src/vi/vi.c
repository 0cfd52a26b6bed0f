/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/vi.h"

#include "vi/capture.h"
#include "vi/drivers.h"

static const struct via_vi_ops *const drivers[] = {
    &via_vi_mem, &via_vi_xdp, &via_vi_packet, &via_vi_tap, &via_vi_pcap, &via_vi_fault, &via_vi_vlan, &via_vi_null,
};

static_assert(VIA_FRAME_CSUM_OK == 2 && VIA_PKT_CSUM_OK == 1, "flags of frames and packets are one shift apart");

static inline struct via_pkt *frame_packet(struct via_vi *vi, const struct via_frame *f) {
    struct via_pkt *p = via_vi_lent(vi, f);

    if (VIA_LIKELY(p != NULL))
        via_vi_accept(vi, p, f, 0, f->len);
    return p;
}

/* A tag that the device took off goes back in front, so that there is one way of looking for it. */
static void put_tag_back(struct via_vi *vi, struct via_pkt *p, uint16_t vlan) {
    uint8_t *at;

    if (p->off < 4 || p->len < 12)
        return;
    at = via_pkt_push(vi->core, p, 4);
    memmove(at, at + 4, 12);
    at[12] = 0x81;
    at[13] = 0x00;
    at[14] = (uint8_t)(vlan >> 8);
    at[15] = (uint8_t)vlan;
}

/* Joins the parts of a jumbo packet; how many frames were used. A bad part spoils the packet. */
static unsigned join_parts(struct via_vi *vi, const struct via_frame *f, unsigned n, struct via_pkt **out) {
    struct via_core *c = vi->core;
    struct via_pkt *head = NULL, *tail = NULL, *p;
    bool bad = false;
    unsigned i = 0;

    do {
        p = frame_packet(vi, &f[i]);
        if (!p) {
            bad = true;
            continue;
        }
        if (!head) {
            head = p;
        } else {
            tail->chain = via_pkt_id(c, p);
            head->total += p->len;
        }
        if (f[i].flags & VIA_FRAME_TRUNC)
            head->flags |= VIA_PKT_TRUNC;
        tail = p;
    } while ((f[i++].flags & VIA_FRAME_MORE) && i < n);
    if (bad && head)
        via_pkt_release(c, head);
    *out = bad ? NULL : head;
    return i;
}

VIA_COLD unsigned via_vi_special(struct via_vi *vi, const struct via_frame *f, unsigned n, struct via_pkt **out) {
    unsigned used = join_parts(vi, f, n, out);

    if (!*out)
        via_drop_count(vi->core, VIA_DROP_RING_INVALID);
    else if (f->flags & VIA_FRAME_VLAN)
        put_tag_back(vi, *out, f->vlan);
    return used;
}

static uint32_t parts_of(const struct via_core *c, const struct via_pkt *p) {
    uint32_t n = 1;

    for (; VIA_UNLIKELY(p->chain); n++)
        p = via_pkt_at(c, p->chain);
    return n;
}

/* As many as have at most `n` frames together, and one at least. */
static VIA_COLD unsigned take_injected(struct via_vi *vi, struct via_pkt **v, unsigned n) {
    struct via_core *c = vi->core;
    unsigned got = 0, frames = 0;

    while (vi->injected.head) {
        frames += parts_of(c, via_pkt_at(c, vi->injected.head));
        if (got && frames > n)
            break;
        v[got] = via_pktq_pop(c, &vi->injected);
        v[got++]->owner = VIA_OWNER_BURST;
    }
    return got;
}

void via_vi_prefetch(const struct via_core *c, const struct via_frame *f, unsigned n) {
    unsigned i;

    for (i = 0; i < n; i++) {
        uint64_t id = f[i].addr >> c->frame_shift;

        if (VIA_UNLIKELY(id > c->frame_count))
            continue;
        __builtin_prefetch(c->pkts + id, 1);
        __builtin_prefetch(c->frames + f[i].addr);
    }
}

static inline unsigned pull_burst(struct via_vi *vi, struct via_pkt **v, unsigned n) {
    struct via_frame f[VIA_STAGE];
    unsigned got = via_vi_frames(vi, f, via_min32(n, VIA_STAGE)), i = 0, out = 0;

    via_vi_prefetch(vi->core, f, got);
    while (i < got) {
        struct via_pkt *p;

        if (VIA_UNLIKELY(via_vi_is_special(&f[i])))
            i += via_vi_special(vi, &f[i], got - i, &p);
        else if (!(p = frame_packet(vi, &f[i++])))
            via_drop_count(vi->core, VIA_DROP_RING_INVALID);
        if (VIA_UNLIKELY(!p))
            continue;
        vi->rx_bytes += p->total;
        v[out++] = p;
    }
    vi->rx_packets += out;
    return out;
}

void via_vi_unpull(struct via_vi *vi, struct via_pkt *const *v, unsigned n) {
    struct via_core *c = vi->core;
    struct via_list rest = vi->injected;
    unsigned i;

    vi->injected = (struct via_list){0, 0};
    for (i = 0; i < n; i++) {
        v[i]->owner = VIA_OWNER_TXQ;
        via_pktq_push(c, &vi->injected, v[i]);
    }
    if (!rest.head)
        return;
    if (vi->injected.tail)
        via_pkt_at(c, vi->injected.tail)->next = rest.head;
    else
        vi->injected.head = rest.head;
    vi->injected.tail = rest.tail;
}

/* A driver keeps packets of several frames whole only for who has room for the longest: what is too much waits here. */
static VIA_COLD unsigned pull_few(struct via_vi *vi, struct via_pkt **v, unsigned n) {
    struct via_pkt *all[VIA_STAGE];
    unsigned got = pull_burst(vi, all, VIA_STAGE);

    via_vi_unpull(vi, all, got);
    return take_injected(vi, v, n);
}

unsigned via_vi_burst(struct via_vi *vi, struct via_pkt **v, unsigned n) {
    return VIA_UNLIKELY(vi->injected.head) ? take_injected(vi, v, n) : pull_burst(vi, v, n);
}

unsigned via_vi_pull(struct via_vi *vi, struct via_pkt **v, unsigned n) {
    if (VIA_UNLIKELY(vi->injected.head))
        return take_injected(vi, v, n);
    if (VIA_UNLIKELY(n < VIA_STAGE && (vi->dev->caps & VIA_VI_JUMBO)))
        return pull_few(vi, v, n);
    return pull_burst(vi, v, n);
}

void via_vi_stock(struct via_vi *vi) {
    struct via_core *c = vi->core;
    struct via_pool *pool = &c->s->pkts;
    uint64_t addr[VIA_STAGE];

    while (vi->stock < vi->stock_max && pool->free) {
        uint32_t *top = via_pool_stack(pool, &c->region) + pool->free;
        unsigned n = via_min32(via_min32(vi->stock_max - vi->stock, pool->free), VIA_STAGE), i, took;

        for (i = 0; i < n; i++)
            addr[i] = (uint64_t)top[-1 - (int)i] << c->frame_shift;
        took = vi->dev->ops->rx_fill(vi->dev, addr, n);
        for (i = 0; i < took; i++) {
            struct via_pkt *p = via_pkt_at(c, top[-1 - (int)i]);

            p->owner = VIA_OWNER_RING;
            p->vi = vi->index;
        }
        pool->free -= took;
        vi->stock += took;
        if (took < n)
            return;
    }
}

/* Puts the parts of one packet on the stage; there is room. */
static void stage_packet(struct via_vi *vi, struct via_pkt *p) {
    struct via_core *c = vi->core;

    vi->tx_packets++;
    vi->tx_bytes += p->total;
    for (; p->chain; p = via_pkt_at(c, p->chain))
        via_vi_stage(vi, p, VIA_FRAME_MORE);
    via_vi_stage(vi, p, 0);
}

/* The device let go of one frame. */
static inline void sent(struct via_vi *vi, struct via_pkt *p, int status) {
    struct via_core *c = vi->core;

    p->flags &= (uint8_t)~VIA_PKT_FLIGHT;
    if (VIA_UNLIKELY(p->flags & VIA_PKT_TOKEN)) {
        vi->tokens--;
        via_pkt_sent(c, p, p->tx.status > 0 ? p->tx.status : status);
        return;
    }
    if (VIA_UNLIKELY(p->refs > 1)) {
        p->owner = p->flags & VIA_PKT_SHARED ? VIA_OWNER_HELD : VIA_OWNER_APP;
        c->s->held += p->owner == VIA_OWNER_APP;
    }
    via_pkt_drop_ref(c, p);
}

static inline struct via_pkt *staged_packet(const struct via_vi *vi, unsigned i) {
    return via_pkt_at(vi->core, (uint32_t)(vi->stage[i].addr >> vi->core->frame_shift));
}

/* Of `n` staged frames from `i` on, which the device is done with already: where the first is that somebody minds. */
VIA_HOT unsigned recycle_plain(struct via_vi *vi, unsigned i, unsigned n) {
    for (; i < n; i++) {
        struct via_pkt *p = staged_packet(vi, i);

        if (VIA_UNLIKELY(p->refs != 1 || (p->flags & VIA_PKT_TOKEN)))
            break;
        p->flags = 0;
        via_pkt_put(vi->core, p);
    }
    return i;
}

/* Nothing to do for it any more? */
VIA_HOT void rest(struct via_vi *vi) {
    if (!(vi->staged | vi->flight | vi->txq.head | vi->unkicked))
        vi->core->busy &= ~(1u << vi->index);
}

/* Takes `n` frames that were handed over off the stage; true if it is empty. */
static inline bool leave_stage(struct via_vi *vi, unsigned n) {
    VIA_ASSERT(n <= vi->staged);
    vi->staged -= n;
    vi->stuck = vi->staged != 0;
    if (VIA_UNLIKELY(vi->stuck))
        memmove(vi->stage, vi->stage + n, vi->staged * sizeof vi->stage[0]);
    return !vi->stuck;
}

/* The device is done with the first `n` staged frames already, of which `i` have gone back. */
static bool recycle_stage(struct via_vi *vi, unsigned i, unsigned n) {
    while ((i = recycle_plain(vi, i, n)) < n)
        sent(vi, staged_packet(vi, i++), 0);
    return leave_stage(vi, n);
}

/* Gives the device what is staged; true if it took all. */
static bool hand_over(struct via_vi *vi) {
    unsigned took = vi->dev->ops->tx_burst(vi->dev, vi->stage, vi->staged);

    if (VIA_UNLIKELY(vi->core->capture != NULL))
        via_capture_sent(vi->core, vi->index, vi->stage, took);
    if (vi->dev->caps & VIA_VI_SYNC)
        return recycle_stage(vi, 0, took);
    vi->unkicked |= took > 0;
    vi->flight += took;
    return leave_stage(vi, took);
}

/* Moves what waits onto the stage, as far as it goes. */
static void stage_queue(struct via_vi *vi) {
    struct via_core *c = vi->core;

    while (vi->txq.head) {
        uint32_t parts = parts_of(c, via_pkt_at(c, vi->txq.head));

        if (vi->staged + parts > VIA_STAGE && !hand_over(vi) && vi->staged + parts > VIA_STAGE)
            return;
        vi->txq_len -= parts;
        stage_packet(vi, via_pktq_pop(c, &vi->txq));
    }
}

enum via_drop via_vi_push_any(struct via_vi *vi, struct via_pkt *p) {
    struct via_core *c = vi->core;
    uint32_t parts = parts_of(c, p);
    enum via_drop why = VIA_KEPT;

    if (VIA_UNLIKELY(vi->dev->link != VIA_LINK_UP))
        why = VIA_DROP_TX_LINK;
    else if (VIA_UNLIKELY(!via_vi_has_room(vi, parts) || parts > VIA_STAGE))
        why = VIA_DROP_TX_RING;
    if (VIA_UNLIKELY(why)) {
        via_pkt_release(c, p);
        return via_drop_count(c, why);
    }
    if (VIA_UNLIKELY(vi->txq.head || (vi->staged + parts > VIA_STAGE && !hand_over(vi) &&
                                      vi->staged + parts > VIA_STAGE))) { /* later ones do not overtake */
        p->owner = VIA_OWNER_TXQ;
        c->busy |= 1u << vi->index;
        vi->txq_len += parts;
        via_pktq_push(c, &vi->txq, p);
        return VIA_KEPT;
    }
    stage_packet(vi, p);
    return VIA_KEPT;
}

static __attribute__((noinline)) int flush_any(struct via_vi *vi) {
    int err = 0;

    while ((!vi->staged || hand_over(vi)) && VIA_UNLIKELY(vi->txq.head))
        stage_queue(vi);
    if (vi->unkicked && vi->dev->ops->kick) {
        err = vi->dev->ops->kick(vi->dev);
        vi->tx_fails += err < 0;
    }
    vi->unkicked = false;
    rest(vi);
    return err;
}

static VIA_COLD int flush_rest(struct via_vi *vi, unsigned took, unsigned recycled) {
    recycle_stage(vi, recycled, took);
    rest(vi);
    return 0;
}

/* The short way is that of a device that is done when it has taken. */
int via_vi_flush(struct via_vi *vi) {
    unsigned took, i;

    if (VIA_UNLIKELY(!vi->staged || vi->txq.head) || !(vi->dev->caps & VIA_VI_SYNC) || VIA_UNLIKELY(vi->core->capture))
        return flush_any(vi);
    took = vi->dev->ops->tx_burst(vi->dev, vi->stage, vi->staged);
    i = recycle_plain(vi, 0, took);
    if (VIA_UNLIKELY(i != vi->staged))
        return flush_rest(vi, took, i);
    vi->staged = 0;
    vi->stuck = false;
    if (!(vi->flight | vi->unkicked))
        vi->core->busy &= ~(1u << vi->index);
    return 0;
}

unsigned via_vi_collect(struct via_vi *vi) {
    struct via_core *c = vi->core;
    uint64_t addr[VIA_STAGE];
    unsigned n, i, all = 0;

    while (vi->flight && (n = vi->dev->ops->tx_reap(vi->dev, addr, VIA_STAGE))) {
        for (i = 0; i < n; i++) {
            uint64_t id = addr[i] >> c->frame_shift;
            struct via_pkt *p;

            if (!id || id > c->frame_count) {
                via_drop_count(c, VIA_DROP_RING_INVALID);
                continue;
            }
            p = via_pkt_at(c, (uint32_t)id);
            if (!(p->flags & VIA_PKT_FLIGHT) || p->vi != vi->index || !vi->flight) {
                via_drop_count(c, VIA_DROP_RING_INVALID);
                continue;
            }
            vi->flight--;
            sent(vi, p, 0);
        }
        all += n;
        if (n < VIA_STAGE)
            break;
    }
    rest(vi);
    return all;
}

static const struct via_vi_ops *find_driver(const char *name, size_t len) {
    size_t i;

    for (i = 0; i < VIA_COUNT(drivers); i++)
        if (strlen(drivers[i]->name) == len && !memcmp(drivers[i]->name, name, len))
            return drivers[i];
    return NULL;
}

/* One device over `inner`, not yet open. */
static struct via_vi_dev *new_dev(struct via_core *c, const struct via_vi_ops *ops, const struct via_attrs *attrs,
                                  struct via_vi_dev *inner) {
    struct via_vi_dev *d = via_alloc(c, sizeof *d);

    if (!d)
        return NULL;
    d->ops = ops;
    d->inner = inner;
    d->mem = c->frames;
    d->mem_size = ((uint64_t)c->frame_count + 1) << c->frame_shift;
    d->mem_fd = c->region.frames_fd;
    d->frame_size = c->frame_size;
    d->headroom = VIA_HEADROOM;
    d->rx_ring = (uint32_t)attrs->rx_ring;
    d->tx_ring = (uint32_t)attrs->tx_ring;
    d->now = &c->s->now;
    d->seed = via_rand64(&c->s->rand);
    d->why = c->why;
    return d;
}

static void close_devs(struct via_core *c, struct via_vi_dev *d) {
    while (d) {
        struct via_vi_dev *inner = d->inner;

        d->ops->close(d);
        via_free(c, d);
        d = inner;
    }
}

/* Opens the part of a spec between `at` and `end`: "driver:args". */
static int open_part(struct via_core *c, const char *at, const char *end, const struct via_attrs *attrs,
                     struct via_vi_dev **d) {
    const char *colon = memchr(at, ':', (size_t)(end - at));
    size_t name = (size_t)((colon ? colon : end) - at), len = colon ? (size_t)(end - colon - 1) : 0;
    const struct via_vi_ops *ops = find_driver(at, name);
    struct via_vi_dev *dev;
    char args[512];
    int err;

    if (!ops)
        return via_why_set(c, -ENOENT, "vi: no driver \"%.*s\"", (int)via_min32((uint32_t)name, 64), at);
    if (len >= sizeof args)
        return via_why_set(c, -EINVAL, "vi: %s: arguments longer than %zu bytes", ops->name, sizeof args - 1);
    if (len)
        memcpy(args, colon + 1, len);
    args[len] = '\0';
    dev = new_dev(c, ops, attrs, *d);
    if (!dev)
        return via_why_set(c, -ENOMEM, "vi: no memory");
    c->why[0] = '\0';
    err = ops->open(dev, args);
    if (err < 0) {
        if (!c->why[0])
            via_why_set(c, err, "vi: %s: %s", ops->name, strerror(-err));
        via_free(c, dev);
        return err;
    }
    *d = dev;
    return 0;
}

/* Opens from the driver at the end to the wrapper in front. */
static int open_spec(struct via_core *c, const char *spec, const struct via_attrs *attrs, struct via_vi_dev **out) {
    const char *end = spec + strlen(spec), *at;
    struct via_vi_dev *d = NULL;
    int err;

    for (;;) {
        for (at = end; at > spec && at[-1] != '|'; at--)
            ;
        err = open_part(c, at, end, attrs, &d);
        if (err < 0) {
            close_devs(c, d);
            return err;
        }
        if (at == spec)
            break;
        end = at - 1;
    }
    *out = d;
    return 0;
}

static uint32_t free_index(const struct via_core *c) {
    uint32_t i;

    for (i = 1; i <= VIA_VIS; i++)
        if (!c->vi[i])
            return i;
    return 0;
}

/* Frames kept back so that every device can be restocked after a burst whatever the application holds. */
static void set_reserve(struct via_core *c) {
    uint32_t i, n = 0;

    for (i = 1; i <= c->vis; i++)
        n += c->vi[i] ? VIA_STAGE : 0;
    c->s->reserve = via_min32(n + VIA_STAGE / 2, c->frame_count / 4);
}

static struct via_vi *new_vi(struct via_core *c) {
    uint32_t index = free_index(c);
    struct via_vi *vi;

    if (!index) {
        via_why_set(c, -ENOSPC, "vi: a stack has at most %d interfaces", VIA_VIS);
        return NULL;
    }
    vi = via_alloc(c, sizeof *vi);
    if (!vi) {
        via_why_set(c, -ENOMEM, "vi: no memory");
        return NULL;
    }
    vi->core = c;
    vi->index = (uint8_t)index;
    return vi;
}

static void enlist(struct via_core *c, struct via_vi *vi, struct via_vi_dev *dev) {
    vi->dev = dev;
    vi->batch = via_min32(32, via_max32(c->frame_count / 16, 1));
    vi->stock_max = via_min32(dev->rx_ring, via_max32(c->frame_count / 4, 16));
    c->vi[vi->index] = vi;
    c->vis = via_max32(c->vis, vi->index);
    set_reserve(c);
    via_vi_stock(vi);
    via_log(c, VIA_LOG_VI, VIA_LOG_INFO, "vi %u: %s %s, mtu %u, %s", vi->index, dev->ops->name, dev->ifname, dev->mtu,
            via_vi_inner(vi)->mode);
}

int via_vi_start(struct via_core *c, const char *spec, const struct via_attrs *attrs, struct via_vi **out) {
    struct via_vi *vi = new_vi(c);
    struct via_vi_dev *dev;
    int err;

    if (!vi)
        return free_index(c) ? -ENOMEM : -ENOSPC;
    err = open_spec(c, spec, attrs, &dev);
    if (err < 0) {
        via_free(c, vi);
        return err;
    }
    enlist(c, vi, dev);
    *out = vi;
    return 0;
}

int via_vi_start_ops(struct via_core *c, const struct via_vi_ops *ops, void *priv, const struct via_attrs *attrs,
                     struct via_vi **out) {
    struct via_vi *vi = new_vi(c);
    struct via_vi_dev *dev;
    int err;

    if (!vi)
        return free_index(c) ? -ENOMEM : -ENOSPC;
    dev = new_dev(c, ops, attrs, NULL);
    if (!dev) {
        via_free(c, vi);
        return via_why_set(c, -ENOMEM, "vi: no memory");
    }
    dev->priv = priv;
    c->why[0] = '\0';
    err = ops->open(dev, "");
    if (err < 0) {
        if (!c->why[0])
            via_why_set(c, err, "vi: %s: %s", ops->name, strerror(-err));
        via_free(c, dev);
        via_free(c, vi);
        return err;
    }
    enlist(c, vi, dev);
    *out = vi;
    return 0;
}

/* All that the device still had comes back; unsent tokens say so. */
static void recover_frames(struct via_vi *vi) {
    struct via_core *c = vi->core;
    uint32_t id;

    for (id = 1; id <= c->frame_count; id++) {
        struct via_pkt *p = via_pkt_at(c, id);

        if (p->vi != vi->index)
            continue;
        if (p->owner == VIA_OWNER_RING) {
            via_pkt_reset(p, id, VIA_HEADROOM);
            via_pkt_recycle(c, p);
        } else if (p->flags & VIA_PKT_FLIGHT) {
            sent(vi, p, -ENODEV);
        }
    }
    via_pktq_clear(c, &vi->txq);
    via_pktq_clear(c, &vi->injected);
}

void via_vi_stop(struct via_vi *vi) {
    struct via_core *c = vi->core;

    via_vi_flush(vi);
    via_vi_collect(vi);
    close_devs(c, vi->dev);
    recover_frames(vi);
    c->vi[vi->index] = NULL;
    c->busy &= ~(1u << vi->index);
    while (c->vis && !c->vi[c->vis])
        c->vis--;
    set_reserve(c);
    via_free(c, vi);
}
