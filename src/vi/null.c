/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/check.h"
#include "vi/args.h"
#include "vi/drivers.h"

#include <stdio.h>
#include <stdlib.h>

/* Frames to be reaped, a stack: those sent last are the warmest. */
struct null {
    uint64_t frames, bytes;
    uint32_t lent;
    uint32_t sent;
    uint64_t reap[];
};

static int null_open(struct via_vi_dev *dev, const char *args) {
    struct null *z;

    if (*args)
        return via_vi_say(dev, -EINVAL, "null: takes no argument, but got \"%s\"", args);
    z = calloc(1, sizeof *z + dev->tx_ring * sizeof z->reap[0]);
    if (!z)
        return -ENOMEM;
    dev->priv = z;
    dev->mac[0] = 0x02; /* locally administered (IEEE 802) */
    for (unsigned i = 1; i < 6; i++)
        dev->mac[i] = (uint8_t)(dev->seed >> (8 * i));
    dev->mtu = 65535;
    dev->caps = VIA_VI_CSUM_TRUSTED | VIA_VI_JUMBO;
    dev->queues = 1;
    dev->link = VIA_LINK_UP;
    snprintf(dev->mode, sizeof dev->mode, "discards");
    return 0;
}

static void null_close(struct via_vi_dev *dev) {
    free(dev->priv);
    dev->priv = NULL;
}

static unsigned null_rx_burst(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    (void)dev, (void)v, (void)n;
    return 0;
}

static unsigned null_rx_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct null *z = dev->priv;
    uint32_t take = via_min32(n, dev->rx_ring - z->lent);

    (void)addr;
    z->lent += take;
    return take;
}

static unsigned null_tx_burst(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct null *z = dev->priv;
    uint32_t take = via_min32(n, dev->tx_ring - z->sent);

    while (take && v[take - 1].flags & VIA_FRAME_MORE)
        take--;
    for (uint32_t i = 0; i < take; i++) {
        z->reap[z->sent++] = v[i].addr;
        z->bytes += v[i].len;
    }
    z->frames += take;
    return take;
}

static unsigned null_tx_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    struct null *z = dev->priv;
    uint32_t k = via_min32(n, z->sent);

    for (uint32_t i = 0; i < k; i++)
        addr[i] = z->reap[--z->sent];
    return k;
}

static int null_arm(struct via_vi_dev *dev) {
    return ((struct null *)dev->priv)->sent > 0;
}

static bool null_pending(const struct via_vi_dev *dev) {
    return ((const struct null *)dev->priv)->sent > 0;
}

static void null_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    const struct null *z = dev->priv;

    s->tx_frames += z->frames;
    s->tx_bytes += z->bytes;
}

const struct via_vi_ops via_vi_null = {
    .name = "null",
    .open = null_open,
    .close = null_close,
    .rx_burst = null_rx_burst,
    .rx_fill = null_rx_fill,
    .tx_burst = null_tx_burst,
    .tx_reap = null_tx_reap,
    .arm = null_arm,
    .pending = null_pending,
    .stats = null_stats,
};
