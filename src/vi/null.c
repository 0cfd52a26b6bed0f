/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/check.h"
#include "vi/args.h"
#include "vi/drivers.h"
#include "vi/soft.h"

#include <stdlib.h>

static int null_open(struct via_vi_dev *dev, const char *args) {
    struct via_soft *s;
    int err;

    if (*args)
        return via_vi_say(dev, -EINVAL, "null: takes no argument, but got \"%s\"", args);
    s = malloc(sizeof *s);
    err = s ? via_soft_init(s, dev) : -ENOMEM;
    if (err < 0) {
        free(s);
        return err;
    }
    dev->priv = s;
    dev->mac[0] = 0x02; /* locally administered (IEEE 802) */
    for (unsigned i = 1; i < 6; i++)
        dev->mac[i] = (uint8_t)(dev->seed >> (8 * i));
    dev->mtu = 65535;
    dev->caps = VIA_VI_CSUM_TRUSTED | VIA_VI_JUMBO | VIA_VI_SYNC;
    dev->queues = 1;
    dev->link = VIA_LINK_UP;
    memcpy(dev->mode, "discards", sizeof "discards");
    return 0;
}

static void null_close(struct via_vi_dev *dev) {
    via_soft_fini(dev->priv);
    free(dev->priv);
    dev->priv = NULL;
}

static unsigned null_rx_burst(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    (void)dev, (void)v, (void)n;
    return 0;
}

static unsigned null_rx_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    return via_soft_fill(dev->priv, dev, addr, n);
}

static unsigned null_tx_burst(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct via_soft *s = dev->priv;

    while (n && v[n - 1].flags & VIA_FRAME_MORE)
        n--;
    for (unsigned i = 0; i < n; i++)
        s->stats.tx_bytes += v[i].len;
    s->stats.tx_frames += n;
    return n;
}

static unsigned null_tx_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    (void)dev, (void)addr, (void)n;
    return 0;
}

static bool null_pending(const struct via_vi_dev *dev) {
    (void)dev;
    return false;
}

static int null_arm(struct via_vi_dev *dev) {
    (void)dev;
    return 0;
}

static void null_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    via_vi_stats_add(s, &((const struct via_soft *)dev->priv)->stats);
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
