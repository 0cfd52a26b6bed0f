/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture file as a source of frames: what the pcap driver becomes at the end of a spec. The first frame arrives at
 * the first rx_burst, each other one as long after it as the file says, by the stack's clock, with that time as its
 * timestamp. Options: speed=X, times as fast; fast, without waiting. What is sent is swallowed. At the end of the file
 * the link goes down; a file that is broken ends there, with a sentence.
 */
#include "vi/drivers.h"

#include "base/check.h"
#include "vi/args.h"
#include "vi/pcapng.h"
#include "vi/soft.h"

#include <stdlib.h>

#define CHAIN_MAX 64 /* frames of one packet */

struct replay {
    struct via_soft soft;
    struct via_pcapng_reader *reader;
    struct via_pcapng_record next; /* not yet delivered; `link` is 0 at the end of the file */
    double speed;                  /* 0: without waiting */
    bool started;
    via_ns_t start; /* stack's time of the first packet */
    via_ns_t first; /* file's time of the first packet */
    via_ns_t due;   /* when `next` arrives; never decreases */
};

static via_ns_t time_of(const struct replay *r, via_ns_t ts) {
    double after = ts > r->first ? (double)(ts - r->first) / r->speed : 0;

    return after < 1e18 ? via_after(r->start, (via_ns_t)after) : VIA_NEVER;
}

static bool at_end(const struct replay *r) {
    return !r->next.link;
}

/* Reads on to the next packet that can be delivered. */
static void read_next(struct via_vi_dev *dev, struct replay *r) {
    int got;

    while ((got = via_pcapng_read(r->reader, &r->next)) > 0) {
        if (r->next.link == VIA_PCAPNG_ETHERNET && via_soft_need(&r->soft, r->next.len) <= CHAIN_MAX)
            break;
        r->soft.stats.rx_invalid++;
    }
    if (got <= 0) {
        r->next.link = 0;
        dev->link = VIA_LINK_DOWN;
        if (got < 0)
            via_vi_say(dev, got, "pcap: %s", via_pcapng_reader_why(r->reader));
        return;
    }
    if (r->started && r->speed > 0 && time_of(r, r->next.ts) > r->due)
        r->due = time_of(r, r->next.ts);
}

static void start(struct via_vi_dev *dev, struct replay *r) {
    r->started = true;
    r->start = r->due = *dev->now;
    r->first = r->next.ts;
}

static bool is_due(const struct via_vi_dev *dev, const struct replay *r) {
    return !at_end(r) && (!r->started || r->speed <= 0 || r->due <= *dev->now);
}

static void deliver(struct via_vi_dev *dev, struct replay *r, struct via_frame *v, unsigned k) {
    struct iovec iov[CHAIN_MAX];
    uint32_t at = 0, part;

    via_soft_scatter(&r->soft, dev, iov, k);
    for (unsigned i = 0; i < k; i++, at += part) {
        part = via_min32(r->next.len - at, (uint32_t)iov[i].iov_len);
        memcpy(iov[i].iov_base, r->next.data + at, part);
    }
    via_soft_take(&r->soft, dev, v, r->next.len);
    for (unsigned i = 0; i < k; i++) {
        v[i].flags |= (uint16_t)(VIA_FRAME_TS | (r->next.orig_len > r->next.len ? VIA_FRAME_TRUNC : 0));
        v[i].ts = r->speed > 0 ? r->due : *dev->now;
    }
}

static unsigned replay_rx_burst(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct replay *r = dev->priv;
    unsigned got = 0, k;

    if (!r->started)
        start(dev, r);
    while (is_due(dev, r)) {
        k = via_soft_need(&r->soft, r->next.len);
        if (k > n - got || k > r->soft.stocked)
            break;
        deliver(dev, r, v + got, k);
        got += k;
        read_next(dev, r);
    }
    return got;
}

static unsigned replay_rx_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct replay *r = dev->priv;

    return via_soft_fill(&r->soft, dev, addr, n);
}

static unsigned replay_tx_burst(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct replay *r = dev->priv;

    n = via_soft_burst(&r->soft, v, n);
    via_soft_drop(&r->soft);
    return n;
}

static unsigned replay_tx_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    struct replay *r = dev->priv;

    return via_soft_reap(&r->soft, addr, n);
}

static via_ns_t next_time(const struct via_vi_dev *dev) {
    const struct replay *r = dev->priv;

    if (at_end(r) || via_soft_need(&r->soft, r->next.len) > r->soft.stocked)
        return VIA_NEVER;
    return is_due(dev, r) ? *dev->now : r->due;
}

static via_ns_t replay_deadline(struct via_vi_dev *dev) {
    return next_time(dev);
}

static bool replay_pending(const struct via_vi_dev *dev) {
    const struct replay *r = dev->priv;

    return next_time(dev) <= *dev->now || r->soft.head != r->soft.sent;
}

static void replay_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    const struct replay *r = dev->priv;

    via_vi_stats_add(s, &r->soft.stats);
}

static int read_options(struct via_vi_dev *dev, struct replay *r, const char *options) {
    struct via_arg a;

    r->speed = 1;
    while (via_args_next(&options, &a)) {
        bool fast;

        if (via_arg_is(&a, "fast") && via_arg_switch(&a, &fast) == 0)
            r->speed = fast ? 0 : r->speed;
        else if (!via_arg_is(&a, "speed") || via_arg_decimal(&a, 1e-6, 1e6, &r->speed) < 0)
            return via_vi_bad_arg(dev, &a);
    }
    return 0;
}

static int open_file(struct via_vi_dev *dev, struct replay *r, const char *path) {
    int err = via_pcapng_reader_open(path, &r->reader);

    if (err == -EINVAL)
        return via_vi_say(dev, err, "pcap: %s is no capture: neither pcapng nor pcap", path);
    if (err < 0)
        return via_vi_say(dev, err, "pcap: %s cannot be read: %s", path, strerror(-err));
    err = via_pcapng_read(r->reader, &r->next);
    if (err < 0)
        return via_vi_say(dev, -EINVAL, "pcap: %s: %s", path, via_pcapng_reader_why(r->reader));
    if (err > 0 && r->next.link != VIA_PCAPNG_ETHERNET)
        return via_vi_say(dev, -EINVAL, "pcap: %s: link type %u, only Ethernet (1) can be replayed", path,
                          r->next.link);
    return 0;
}

static void describe(struct via_vi_dev *dev, const struct replay *r) {
    dev->mac[0] = 0x02; /* locally administered (IEEE 802) */
    for (unsigned i = 1; i < 6; i++)
        dev->mac[i] = (uint8_t)(dev->seed >> (8 * i));
    dev->mtu = 65535;
    dev->caps = VIA_VI_SOURCE_ONLY | VIA_VI_JUMBO;
    dev->queues = 1;
    dev->link = at_end(r) ? VIA_LINK_DOWN : VIA_LINK_UP;
    memcpy(dev->mode, "replay", sizeof "replay");
}

static void replay_close(struct via_vi_dev *dev) {
    struct replay *r = dev->priv;

    if (r->reader)
        via_pcapng_reader_close(r->reader);
    via_soft_fini(&r->soft);
    free(r);
    dev->priv = NULL;
}

static int replay_open(struct via_vi_dev *dev, const char *args) {
    char path[512];
    const char *options = via_args_name(args, path, sizeof path);
    struct replay *r;
    int err;

    if (!options || !path[0])
        return via_vi_say(dev, -EINVAL, "pcap: a file name is wanted, pcap:FILE");
    r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    dev->priv = r;
    err = read_options(dev, r, options);
    if (!err)
        err = open_file(dev, r, path);
    if (!err)
        err = via_soft_init(&r->soft, dev);
    if (err < 0) {
        replay_close(dev);
        return err;
    }
    describe(dev, r);
    return 0;
}

static int replay_arm(struct via_vi_dev *dev) {
    return replay_pending(dev);
}

const struct via_vi_ops via_vi_replay = {
    .name = "pcap",
    .open = replay_open,
    .close = replay_close,
    .rx_burst = replay_rx_burst,
    .rx_fill = replay_rx_fill,
    .tx_burst = replay_tx_burst,
    .tx_reap = replay_tx_reap,
    .arm = replay_arm,
    .deadline = replay_deadline,
    .pending = replay_pending,
    .stats = replay_stats,
};
