/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vlan:ID|... makes an interface of one VLAN (IEEE 802.1Q) of what is behind it: tags go off what comes in and on what
 * goes out, frames of other VLANs and untagged ones are given back unseen. "vlan:100:priority=5|xdp:eth0".
 */
#include "vi/args.h"
#include "vi/drivers.h"
#include "vi/wrap.h"
#include "wire/eth.h"

#include <stdlib.h>

#define MACS  12u /* bytes in front of the tag */
#define BURST 64u

struct vlan {
    uint16_t id;
    uint16_t tci;     /* of what is sent */
    bool more;        /* the frame before was a part of a packet that goes on ... */
    bool drops;       /* ... and that is not for us */
    uint64_t foreign; /* frames of others */
};

/* The tag goes out of the bytes: the addresses move up. */
static void strip(struct via_vi_dev *dev, struct via_frame *f) {
    uint8_t *at = dev->mem + f->addr;

    memmove(at + VIA_ETH_TAG_LEN, at, MACS);
    f->addr += VIA_ETH_TAG_LEN;
    f->len -= VIA_ETH_TAG_LEN;
}

/* True if the packet that begins here is of our VLAN; its tag is gone then. */
static bool untag(struct via_vi_dev *dev, const struct vlan *l, struct via_frame *f) {
    const uint8_t *at = dev->mem + f->addr;

    if (f->flags & VIA_FRAME_VLAN) {
        f->flags &= (uint16_t)~VIA_FRAME_VLAN;
        return via_eth_vid(f->vlan) == l->id;
    }
    if (f->addr >= dev->mem_size || f->len > dev->mem_size - f->addr || f->len < VIA_ETH_MAX ||
        via_get16(at + MACS) != VIA_ETH_VLAN || via_eth_vid(via_get16(at + MACS + 2)) != l->id)
        return false;
    strip(dev, f);
    return true;
}

static unsigned vlan_rx_burst(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct vlan *l = dev->priv;
    unsigned got, i, kept = 0;

    do {
        got = dev->inner->ops->rx_burst(dev->inner, v, n);
        for (i = 0; i < got; i++) {
            if (!l->more)
                l->drops = !untag(dev, l, &v[i]);
            l->more = (v[i].flags & VIA_FRAME_MORE) != 0;
            if (!l->drops) {
                v[kept++] = v[i];
                continue;
            }
            l->foreign++;
            dev->inner->ops->rx_fill(dev->inner, &v[i].addr, 1);
        }
    } while (got && !kept); /* a burst of others' frames is no empty ring */
    return kept;
}

/* The tag goes in front of the type; there is headroom in every frame that begins a packet. */
static void tag(struct via_vi_dev *dev, const struct vlan *l, struct via_frame *f) {
    uint8_t *at = dev->mem + f->addr;

    memmove(at - VIA_ETH_TAG_LEN, at, MACS);
    f->addr -= VIA_ETH_TAG_LEN;
    f->len += VIA_ETH_TAG_LEN;
    via_put16(at - VIA_ETH_TAG_LEN + MACS, VIA_ETH_VLAN);
    via_put16(at - VIA_ETH_TAG_LEN + MACS + 2, l->tci);
}

static bool has_headroom(const struct via_vi_dev *dev, const struct via_frame *f) {
    return (f->addr & (dev->frame_size - 1)) >= VIA_ETH_TAG_LEN && f->len >= VIA_ETH_LEN;
}

/* What the device does not take is untouched: it is tagged again when it is tried again. */
static unsigned vlan_tx_burst(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct via_frame out[BURST];
    const struct vlan *l = dev->priv;
    unsigned i, took;
    bool more = false;

    n = via_min32(n, BURST);
    if (!n)
        return 0;
    for (i = 0; i < n; i++) {
        out[i] = v[i];
        if (!more && has_headroom(dev, &v[i]))
            tag(dev, l, &out[i]);
        more = (v[i].flags & VIA_FRAME_MORE) != 0;
    }
    took = dev->inner->ops->tx_burst(dev->inner, out, n);
    for (more = took && (v[took - 1].flags & VIA_FRAME_MORE), i = took; i < n; i++) {
        if (!more && has_headroom(dev, &v[i]))
            memmove(dev->mem + v[i].addr, dev->mem + v[i].addr - VIA_ETH_TAG_LEN, MACS);
        more = (v[i].flags & VIA_FRAME_MORE) != 0;
    }
    return took;
}

static void vlan_close(struct via_vi_dev *dev) {
    free(dev->priv);
    dev->priv = NULL;
}

static int read_args(struct via_vi_dev *dev, const char *args, struct vlan *l) {
    struct via_arg a, id;
    uint32_t number = 0, priority = 0;
    char name[16];
    const char *options = via_args_name(args, name, sizeof name);

    id.val = name;
    id.val_len = options ? (uint32_t)strlen(name) : 0;
    if (!options || via_arg_number(&id, 1, 4094, &number) < 0)
        return via_vi_say(dev, -EINVAL, "vlan: an identifier from 1 to 4094 is wanted, vlan:ID|driver:...");
    while (via_args_next(&options, &a))
        if (!via_arg_is(&a, "priority") || via_arg_number(&a, 0, 7, &priority) < 0)
            return via_vi_bad_arg(dev, &a);
    l->id = (uint16_t)number;
    l->tci = (uint16_t)(priority << 13 | number);
    return 0;
}

static int vlan_open(struct via_vi_dev *dev, const char *args) {
    struct vlan *l;
    int err;

    if (!dev->inner)
        return via_vi_say(dev, -EINVAL, "vlan: nothing behind it, write \"vlan:ID|driver:...\"");
    l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    err = read_args(dev, args, l);
    if (err < 0) {
        free(l);
        return err;
    }
    dev->priv = l;
    via_wrap_look(dev);
    return 0;
}

static void vlan_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    const struct vlan *l = dev->priv;

    s->rx_dropped += l->foreign;
}

const struct via_vi_ops via_vi_vlan = {
    .name = "vlan",
    .open = vlan_open,
    .close = vlan_close,
    .rx_burst = vlan_rx_burst,
    .rx_fill = via_wrap_rx_fill,
    .tx_burst = vlan_tx_burst,
    .tx_reap = via_wrap_tx_reap,
    .kick = via_wrap_kick,
    .arm = via_wrap_arm,
    .disarm = via_wrap_disarm,
    .fds = via_wrap_fds,
    .deadline = via_wrap_deadline,
    .pending = via_wrap_pending,
    .filter = via_wrap_filter,
    .stats = vlan_stats,
};
