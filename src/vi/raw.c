/* SPDX-License-Identifier: BSD-2-Clause */
/* The public verbs of a VI that need no stack above it: raw frames, filters, what it is. */
#include "vi/vi.h"

void *via_vi_data(const struct via_vi *vi, const struct via_frame *f) {
    return vi->core->frames + f->addr;
}

/* Every part of a raw packet is a frame of its own to the caller. */
static unsigned give_parts(struct via_core *c, struct via_pkt *p, struct via_frame *v) {
    unsigned n = 0;

    for (;;) {
        uint32_t chain = p->chain;

        v[n].addr = ((uint64_t)p->frame << c->frame_shift) + p->off;
        v[n].len = p->len;
        v[n].flags = (uint16_t)(VIA_FRAME_TS | (chain ? VIA_FRAME_MORE : 0) |
                                (p->flags & VIA_PKT_CSUM_OK ? VIA_FRAME_CSUM_OK : 0) |
                                (p->flags & VIA_PKT_TRUNC ? VIA_FRAME_TRUNC : 0));
        v[n].vlan = 0;
        v[n++].ts = p->ts;
        p->owner = VIA_OWNER_APP;
        p->flags |= VIA_PKT_RAW;
        p->chain = 0;
        c->s->held++;
        if (!chain)
            return n;
        p = via_pkt_at(c, chain);
    }
}

/* There is no poll here that would move the stack's time on. */
static void tick(struct via_core *c) {
    via_ns_t now = via_clock(c);

    if (now > c->s->now)
        c->s->now = now;
}

/* Drivers that hold frames until their time must know it before they are asked; the others are spared the clock. */
static bool is_timed(const struct via_vi *vi) {
    const struct via_vi_dev *d;

    for (d = vi->dev; d; d = d->inner)
        if (d->ops->deadline && d->ops->deadline((struct via_vi_dev *)(uintptr_t)d) != VIA_NEVER)
            return true;
    return false;
}

/* What came has the time of this look, unless the device knew a better one. */
static void stamp(struct via_core *c, struct via_pkt **p, unsigned n) {
    via_ns_t before = c->s->now;
    unsigned i;

    tick(c);
    for (i = 0; i < n; i++)
        if (p[i]->ts == before)
            p[i]->ts = c->s->now;
}

static unsigned parts_of(const struct via_core *c, const struct via_pkt *p) {
    unsigned n = 1;

    for (; p->chain; n++)
        p = via_pkt_at(c, p->chain);
    return n;
}

int via_vi_recv(struct via_vi *vi, struct via_frame *v, unsigned n) {
    struct via_core *c = vi->core;
    struct via_pkt *p[VIA_STAGE];
    unsigned got, i, out = 0;
    bool timed;

    if (vi->dev->link == VIA_LINK_GONE)
        return -ENODEV;
    via_vi_collect(vi);
    timed = is_timed(vi);
    if (timed)
        tick(c);
    got = via_vi_burst(vi, p, via_min32(n, VIA_STAGE));
    if (got && !timed)
        stamp(c, p, got);
    for (i = 0; i < got && out + parts_of(c, p[i]) <= n; i++) {
        c->s->arrivals++;
        out += give_parts(c, p[i], v + out);
    }
    if (VIA_UNLIKELY(i < got))
        via_vi_unpull(vi, p + i, got - i);
    if (vi->stock + VIA_STAGE / 2 <= vi->stock_max || got)
        via_vi_stock(vi);
    return (int)out;
}

/* The packet behind a frame that the application holds; NULL for anything else. */
static struct via_pkt *held_packet(const struct via_vi *vi, const struct via_frame *f) {
    struct via_core *c = vi->core;
    uint64_t id = f->addr >> c->frame_shift;
    struct via_pkt *p;

    if (!id || id > c->frame_count || (f->addr & (c->frame_size - 1)) + f->len > c->frame_size)
        return NULL;
    p = via_pkt_at(c, (uint32_t)id);
    return p->owner == VIA_OWNER_APP && (p->flags & VIA_PKT_RAW) ? p : NULL;
}

void via_vi_release(struct via_vi *vi, const struct via_frame *v, unsigned n) {
    unsigned i;

    for (i = 0; i < n; i++) {
        struct via_pkt *p = held_packet(vi, &v[i]);

        if (p) {
            vi->core->s->held--;
            via_pkt_drop_ref(vi->core, p);
        }
    }
}

int via_vi_alloc(struct via_vi *vi, struct via_frame *v, unsigned n) {
    struct via_core *c = vi->core;
    unsigned i;

    via_vi_collect(vi);
    for (i = 0; i < n; i++) {
        struct via_pkt *p = via_pkt_new(c, c->s->reserve);

        if (!p)
            break;
        p->owner = VIA_OWNER_APP;
        p->flags |= VIA_PKT_RAW;
        c->s->held++;
        v[i].addr = ((uint64_t)p->frame << c->frame_shift) + p->off;
        v[i].len = c->frame_size - p->off;
        v[i].flags = v[i].vlan = 0;
        v[i].ts = 0;
    }
    return (int)i;
}

int via_vi_send(struct via_vi *vi, const struct via_frame *v, unsigned n) {
    struct via_core *c = vi->core;
    unsigned i, j, done = 0;

    if (vi->dev->link == VIA_LINK_GONE)
        return -ENODEV;
    while (done < n) {
        struct via_pkt *head = NULL, *tail = NULL;

        for (i = done; i < n; i++) {
            struct via_pkt *p = held_packet(vi, &v[i]);

            if (!p)
                return done ? (int)done : -EINVAL;
            if (!(v[i].flags & VIA_FRAME_MORE))
                break;
        }
        if (i == n || !via_vi_has_room(vi, i - done + 1))
            break;
        for (j = done; j <= i; j++) {
            struct via_pkt *p = held_packet(vi, &v[j]);

            p->off = (uint16_t)(v[j].addr & (c->frame_size - 1));
            p->len = (uint16_t)v[j].len;
            p->flags &= (uint8_t) ~(VIA_PKT_RAW | VIA_PKT_CSUM_OK);
            p->flags |= v[j].flags & VIA_FRAME_CSUM_OK ? VIA_PKT_CSUM_OK : 0;
            p->total = v[j].len;
            p->chain = 0;
            if (tail) {
                tail->chain = via_pkt_id(c, p);
                head->total += p->len;
            } else {
                head = p;
            }
            tail = p;
            c->s->held--;
        }
        if (via_vi_push(vi, head))
            return (int)(i + 1);
        done = i + 1;
    }
    return (int)done;
}

int via_vi_kick(struct via_vi *vi) {
    int err = via_vi_flush(vi);

    via_vi_collect(vi);
    return err;
}

int via_vi_filter(struct via_vi *vi, bool add, const struct via_filter *f) {
    struct via_vi_dev *d = vi->dev;

    if (!f || f->kind < VIA_FILTER_ALL || f->kind > VIA_FILTER_PORT)
        return via_why_set(vi->core, -EINVAL, "vi %u: filter of unknown kind", vi->index);
    while (!d->ops->filter && d->inner)
        d = d->inner;
    return d->ops->filter ? d->ops->filter(d, add, f) : -EOPNOTSUPP;
}

int via_vi_info(const struct via_vi *vi, struct via_vi_info *out) {
    const struct via_vi_dev *inner = via_vi_inner(vi);
    struct via_vi_dev *d;

    if (!out || out->size != sizeof *out)
        return -EINVAL;
    memset(out, 0, sizeof *out);
    out->size = sizeof *out;
    memcpy(out->mac, vi->dev->mac, 6);
    out->link = vi->dev->link;
    out->index = vi->index;
    out->mtu = vi->dev->mtu;
    out->caps = vi->dev->caps;
    out->ifindex = vi->dev->ifindex;
    out->queues = vi->dev->queues;
    strncpy(out->driver, inner->ops->name, sizeof out->driver - 1);
    memcpy(out->ifname, vi->dev->ifname, sizeof out->ifname);
    memcpy(out->mode, inner->mode, sizeof out->mode);
    out->rx_stock = vi->stock;
    out->tx_flight = vi->flight;
    for (d = vi->dev; d; d = d->inner)
        if (d->ops->stats)
            d->ops->stats(d, &out->stats);
    return 0;
}

int via_vi_inject(struct via_vi *vi, const void *frame, size_t len, via_ns_t ts) {
    struct via_core *c = vi->core;
    struct via_pkt *p;

    if (!frame)
        return via_why_set(c, -EINVAL, "vi %u: no frame given to inject", vi->index);
    if (!len || len > vi->dev->mtu + 18)
        return via_why_set(c, -EMSGSIZE, "vi %u: a frame of %zu bytes cannot be injected", vi->index, len);
    p = via_pkt_new(c, 0);
    if (!p || via_pkt_append(c, p, frame, (uint32_t)len) < 0) {
        if (p)
            via_pkt_release(c, p);
        via_drop_count(c, VIA_DROP_RX_INJECT);
        return via_why_set(c, -ENOBUFS, "vi %u: no empty frame to inject into", vi->index);
    }
    p->owner = VIA_OWNER_TXQ;
    p->vi = vi->index;
    p->ts = ts ? ts : c->s->now;
    via_pktq_push(c, &vi->injected, p);
    return 0;
}
