/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/check.h"
#include "vi/args.h"
#include "vi/drivers.h"
#include "vi/pcapng.h"
#include "vi/wrap.h"

#include <stdlib.h>
#include <time.h>

#define CHAIN_MAX 64 /* frames of one packet */
#define TAG_AT    12 /* an 802.1Q tag follows the two addresses */

/* A capture in front of another driver. At the end of a spec the device becomes a replay. */
struct pcap {
    struct via_pcapng_writer *writer;
    uint32_t dir; /* 1 receive, 2 send */
    bool failed;  /* the file cannot be written: traffic goes on without it */
};

/* Bytes of one packet, its tag put back where it was. */
struct gather {
    struct iovec iov[CHAIN_MAX + 2];
    unsigned n;
    uint8_t tag[4];
};

static bool in_area(const struct via_vi_dev *dev, const struct via_frame *f) {
    return f->addr < dev->mem_size && f->len <= dev->mem_size - f->addr;
}

static void add(struct gather *g, uint8_t *at, size_t len) {
    g->iov[g->n++] = (struct iovec){.iov_base = at, .iov_len = len};
}

static void add_first(const struct via_vi_dev *dev, struct gather *g, const struct via_frame *f) {
    uint8_t *at = dev->mem + f->addr;

    if (!(f->flags & VIA_FRAME_VLAN) || f->len < TAG_AT) {
        add(g, at, f->len);
        return;
    }
    g->tag[0] = 0x81;
    g->tag[1] = 0x00;
    g->tag[2] = (uint8_t)(f->vlan >> 8);
    g->tag[3] = (uint8_t)f->vlan;
    add(g, at, TAG_AT);
    add(g, g->tag, sizeof g->tag);
    add(g, at + TAG_AT, f->len - TAG_AT);
}

/* The packet that starts at `v`; how many of the `n` frames it is. A frame outside the area is left to be counted. */
static unsigned gather_packet(const struct via_vi_dev *dev, struct gather *g, const struct via_frame *v, unsigned n) {
    unsigned i = 0;

    g->n = 0;
    do {
        if (!in_area(dev, &v[i]) || i == CHAIN_MAX)
            continue;
        if (i)
            add(g, dev->mem + v[i].addr, v[i].len);
        else
            add_first(dev, g, &v[i]);
    } while ((v[i++].flags & VIA_FRAME_MORE) && i < n);
    return i;
}

static void fail(struct via_vi_dev *dev, struct pcap *p, int err) {
    p->failed = true;
    via_vi_say(dev, err, "pcap: the capture ends, its file cannot be written: %s", strerror(-err));
}

static void capture(struct via_vi_dev *dev, const struct via_frame *v, unsigned n, uint32_t dir) {
    struct pcap *p = dev->priv;
    struct gather g;
    unsigned i = 0;

    if (!(p->dir & dir))
        return;
    while (i < n && !p->failed) {
        const struct via_frame *f = &v[i];
        struct via_pcapng_packet out = {.dir = dir, .iov = g.iov};
        int err;

        i += gather_packet(dev, &g, f, n - i);
        if (!g.n)
            continue;
        out.iovs = g.n;
        out.ts = dir == VIA_PCAPNG_IN && f->flags & VIA_FRAME_TS ? f->ts : *dev->now;
        err = via_pcapng_packet(p->writer, &out);
        if (err < 0)
            fail(dev, p, err);
    }
}

static unsigned pcap_rx_burst(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    unsigned got;

    got = dev->inner->ops->rx_burst(dev->inner, v, n);
    capture(dev, v, got, VIA_PCAPNG_IN);
    return got;
}

static unsigned pcap_tx_burst(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    unsigned took;

    took = dev->inner->ops->tx_burst(dev->inner, v, n);
    capture(dev, v, took, VIA_PCAPNG_OUT);
    return took;
}

/* Before a sleep the file is brought up to date: whoever looks at it sees all there was. */
static int pcap_arm(struct via_vi_dev *dev) {
    struct pcap *p = dev->priv;

    if (!p->failed) {
        int err = via_pcapng_flush(p->writer);

        if (err < 0)
            fail(dev, p, err);
    }
    return via_wrap_arm(dev);
}

/* What makes civil time of the monotonic clock, in whole seconds. */
static int64_t civil_offset(void) {
    struct timespec civil, mono;

    clock_gettime(CLOCK_REALTIME, &civil);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    return (int64_t)civil.tv_sec - (int64_t)mono.tv_sec - (civil.tv_nsec < mono.tv_nsec);
}

static int read_options(struct via_vi_dev *dev, const char *options, struct pcap *p, struct via_pcapng_iface *i) {
    static const char *const ways[] = {"rx", "tx", "both"}, *const clocks[] = {"stack", "civil"};
    struct via_arg a;
    int word;

    p->dir = 3;
    while (via_args_next(&options, &a)) {
        if (via_arg_is(&a, "snap") && via_arg_number(&a, 14, 1u << 18, &i->snap) == 0)
            continue;
        if (via_arg_is(&a, "dir") && (word = via_arg_word(&a, ways, VIA_COUNT(ways))) >= 0) {
            p->dir = (uint32_t)word + 1;
            continue;
        }
        if (!via_arg_is(&a, "time") || (word = via_arg_word(&a, clocks, VIA_COUNT(clocks))) < 0)
            return via_vi_bad_arg(dev, &a);
        i->offset = word ? civil_offset() : 0;
    }
    return 0;
}

static int start_file(struct via_vi_dev *dev, struct pcap *p, const char *path, struct via_pcapng_iface *i) {
    int err = via_pcapng_writer_open(path, -1, &p->writer);

    if (err < 0)
        return via_vi_say(dev, err, "pcap: %s cannot be written: %s", path, strerror(-err));
    i->name = dev->ifname[0] ? dev->ifname : dev->inner->ops->name;
    i->about = dev->mode[0] ? dev->mode : NULL;
    i->mac = dev->mac;
    err = via_pcapng_interface(p->writer, i);
    return err < 0 ? err : via_pcapng_flush(p->writer);
}

static void pcap_close(struct via_vi_dev *dev) {
    struct pcap *p = dev->priv;
    int err;

    err = p->writer ? via_pcapng_writer_close(p->writer) : 0;
    if (err < 0 && !p->failed)
        fail(dev, p, err);
    free(p);
    dev->priv = NULL;
}

static int pcap_open(struct via_vi_dev *dev, const char *args) {
    struct via_pcapng_iface iface = {0};
    char path[512];
    const char *options = via_args_name(args, path, sizeof path);
    struct pcap *p;
    int err;

    if (!dev->inner) {
        dev->ops = &via_vi_replay;
        return dev->ops->open(dev, args);
    }
    if (!options || !path[0])
        return via_vi_say(dev, -EINVAL, "pcap: a file name is wanted, pcap:FILE");
    p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    dev->priv = p;
    via_wrap_look(dev);
    err = read_options(dev, options, p, &iface);
    if (!err)
        err = start_file(dev, p, path, &iface);
    if (err < 0)
        pcap_close(dev);
    return err;
}

const struct via_vi_ops via_vi_pcap = {
    .name = "pcap",
    .open = pcap_open,
    .close = pcap_close,
    .rx_burst = pcap_rx_burst,
    .rx_fill = via_wrap_rx_fill,
    .tx_burst = pcap_tx_burst,
    .tx_reap = via_wrap_tx_reap,
    .kick = via_wrap_kick,
    .arm = pcap_arm,
    .disarm = via_wrap_disarm,
    .fds = via_wrap_fds,
    .deadline = via_wrap_deadline,
    .pending = via_wrap_pending,
    .filter = via_wrap_filter,
};
