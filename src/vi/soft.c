/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/soft.h"

#include "base/check.h"

#include <stdlib.h>

#define TAG_AT 12 /* an 802.1Q tag follows the two addresses */

int via_soft_init(struct via_soft *s, const struct via_vi_dev *dev) {
    uint32_t tx = (uint32_t)via_pow2_up(dev->tx_ring ? dev->tx_ring : 1);

    memset(s, 0, sizeof *s);
    s->stock_max = dev->rx_ring;
    s->stock = calloc(s->stock_max ? s->stock_max : 1, sizeof *s->stock);
    s->tx = calloc(tx, sizeof *s->tx);
    s->tx_mask = tx - 1;
    s->room = dev->frame_size - dev->headroom;
    if (s->stock && s->tx)
        return 0;
    via_soft_fini(s);
    return -ENOMEM;
}

void via_soft_fini(struct via_soft *s) {
    free(s->stock);
    free(s->tx);
    s->stock = NULL;
    s->tx = NULL;
}

unsigned via_soft_fill(struct via_soft *s, const struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    unsigned i;

    n = via_min32(n, s->stock_max - s->stocked);
    for (i = 0; i < n; i++) {
        VIA_ASSERT(addr[i] < dev->mem_size && addr[i] % dev->frame_size == 0);
        s->stock[s->stocked + i] = addr[i];
    }
    (void)dev;
    s->stocked += n;
    return n;
}

unsigned via_soft_burst(struct via_soft *s, const struct via_frame *v, unsigned n) {
    uint32_t room = s->tx_mask + 1 - (s->tail - s->head);
    unsigned i, whole = 0;

    n = via_min32(n, room);
    for (i = 0; i < n; i++) {
        s->tx[(s->tail + i) & s->tx_mask] = v[i];
        if (!(v[i].flags & VIA_FRAME_MORE))
            whole = i + 1;
    }
    s->tail += whole;
    return whole;
}

unsigned via_soft_reap(struct via_soft *s, uint64_t *addr, unsigned n) {
    unsigned i;

    n = via_min32(n, s->sent - s->head);
    for (i = 0; i < n; i++)
        addr[i] = s->tx[(s->head + i) & s->tx_mask].addr;
    s->head += n;
    return n;
}

static void put_iov(struct via_soft_packet *p, uint8_t *at, size_t len) {
    p->iov[p->iovs].iov_base = at;
    p->iov[p->iovs].iov_len = len;
    p->iovs++;
    p->bytes += (uint32_t)len;
}

static void put_first(struct via_soft_packet *p, uint8_t *at, const struct via_frame *f) {
    if (!(f->flags & VIA_FRAME_VLAN) || f->len < TAG_AT) {
        put_iov(p, at, f->len);
        return;
    }
    p->tag[0] = 0x81;
    p->tag[1] = 0x00;
    p->tag[2] = (uint8_t)(f->vlan >> 8);
    p->tag[3] = (uint8_t)f->vlan;
    put_iov(p, at, TAG_AT);
    put_iov(p, p->tag, 4);
    put_iov(p, at + TAG_AT, f->len - TAG_AT);
}

bool via_soft_next(const struct via_soft *s, const struct via_vi_dev *dev, uint32_t skip, struct via_soft_packet *p) {
    const struct via_frame *f;
    uint32_t at = s->sent + skip;

    p->iovs = p->frames = p->bytes = 0;
    do {
        if (at + p->frames == s->tail || p->iovs + 3 > p->room)
            return false;
        f = &s->tx[(at + p->frames) & s->tx_mask];
        VIA_ASSERT(f->addr < dev->mem_size && f->len <= dev->frame_size - f->addr % dev->frame_size);
        if (p->frames)
            put_iov(p, dev->mem + f->addr, f->len);
        else
            put_first(p, dev->mem + f->addr, f);
        p->frames++;
    } while (f->flags & VIA_FRAME_MORE);
    return true;
}

uint32_t via_soft_frames(const struct via_soft *s) {
    uint32_t k = 1;

    while (s->sent + k != s->tail && (s->tx[(s->sent + k - 1) & s->tx_mask].flags & VIA_FRAME_MORE))
        k++;
    return k;
}

void via_soft_scatter(const struct via_soft *s, const struct via_vi_dev *dev, struct iovec *iov, uint32_t k) {
    uint32_t i;

    VIA_ASSERT(k <= s->stocked);
    for (i = 0; i < k; i++) {
        iov[i].iov_base = dev->mem + s->stock[s->stocked - 1 - i] + dev->headroom;
        iov[i].iov_len = s->room;
    }
}

void via_soft_take(struct via_soft *s, const struct via_vi_dev *dev, struct via_frame *v, uint32_t len) {
    uint32_t i, k = via_soft_need(s, len);

    VIA_ASSERT(k <= s->stocked);
    s->stats.rx_frames += k;
    s->stats.rx_bytes += len;
    for (i = 0; i < k; i++) {
        memset(&v[i], 0, sizeof v[i]);
        v[i].addr = s->stock[--s->stocked] + dev->headroom;
        v[i].len = via_min32(len, s->room);
        v[i].flags = i + 1 < k ? VIA_FRAME_MORE : 0;
        len -= v[i].len;
    }
}

void via_vi_stats_add(struct via_vi_stats *to, const struct via_vi_stats *s) {
    to->rx_frames += s->rx_frames;
    to->rx_bytes += s->rx_bytes;
    to->tx_frames += s->tx_frames;
    to->tx_bytes += s->tx_bytes;
    to->rx_dropped += s->rx_dropped;
    to->rx_invalid += s->rx_invalid;
    to->tx_dropped += s->tx_dropped;
    to->kicks += s->kicks;
    to->rx_syscalls += s->rx_syscalls;
}
