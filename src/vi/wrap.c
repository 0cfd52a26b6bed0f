/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/wrap.h"

void via_wrap_look(struct via_vi_dev *dev) {
    const struct via_vi_dev *in = dev->inner;

    memcpy(dev->mac, in->mac, sizeof dev->mac);
    dev->link = in->link;
    dev->mtu = in->mtu;
    dev->caps = in->caps;
    dev->ifindex = in->ifindex;
    dev->queues = in->queues;
    memcpy(dev->ifname, in->ifname, sizeof dev->ifname);
    memcpy(dev->mode, in->mode, sizeof dev->mode);
}

unsigned via_wrap_rx_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    return dev->inner->ops->rx_fill(dev->inner, addr, n);
}

unsigned via_wrap_tx_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    return dev->inner->ops->tx_reap(dev->inner, addr, n);
}

int via_wrap_kick(struct via_vi_dev *dev) {
    return dev->inner->ops->kick ? dev->inner->ops->kick(dev->inner) : 0;
}

int via_wrap_arm(struct via_vi_dev *dev) {
    return dev->inner->ops->arm ? dev->inner->ops->arm(dev->inner) : 0;
}

void via_wrap_disarm(struct via_vi_dev *dev) {
    if (dev->inner->ops->disarm)
        dev->inner->ops->disarm(dev->inner);
}

unsigned via_wrap_fds(struct via_vi_dev *dev, int *fd, unsigned n) {
    return dev->inner->ops->fds ? dev->inner->ops->fds(dev->inner, fd, n) : 0;
}

via_ns_t via_wrap_deadline(struct via_vi_dev *dev) {
    return dev->inner->ops->deadline ? dev->inner->ops->deadline(dev->inner) : VIA_NEVER;
}

bool via_wrap_pending(const struct via_vi_dev *dev) {
    return dev->inner->ops->pending && dev->inner->ops->pending(dev->inner);
}

int via_wrap_filter(struct via_vi_dev *dev, bool add, const struct via_filter *f) {
    return dev->inner->ops->filter ? dev->inner->ops->filter(dev->inner, add, f) : -EOPNOTSUPP;
}
