/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/args.h"
#include "vi/drivers.h"

static int xdp_open(struct via_vi_dev *dev, const char *args) {
    (void)args;
    return via_vi_say(dev, -ENOSYS,
                      "xdp: left out of this build, which found no libxdp and libbpf; packet: does the same slower");
}

static void xdp_close(struct via_vi_dev *dev) {
    (void)dev;
}

static unsigned xdp_rx(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    (void)dev, (void)v, (void)n;
    return 0;
}

static unsigned xdp_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    (void)dev, (void)addr, (void)n;
    return 0;
}

static unsigned xdp_tx(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    (void)dev, (void)v, (void)n;
    return 0;
}

static unsigned xdp_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    (void)dev, (void)addr, (void)n;
    return 0;
}

const struct via_vi_ops via_vi_xdp = {
    .name = "xdp",
    .open = xdp_open,
    .close = xdp_close,
    .rx_burst = xdp_rx,
    .rx_fill = xdp_fill,
    .tx_burst = xdp_tx,
    .tx_reap = xdp_reap,
};
