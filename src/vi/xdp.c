/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP (Linux Documentation/networking/af_xdp.rst): one socket for each queue over one frame area. All of them
 * receive, the first one sends, so that what is sent keeps its order and one doorbell is enough.
 */
#include "vi/xdp.h"

#include "base/check.h"
#include "vi/args.h"
#include "vi/drivers.h"
#include "vi/netif.h"

#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUEUES_MAX  16u /* FDs of one VI */
#define LINK_ROOM   22u /* an Ethernet header and two tags */
#define CHAIN_MAX   17u /* parts of a packet that the kernel sends: MAX_SKB_FRAGS */
#define TAG_AT      12  /* an 802.1Q tag follows the two addresses */
#define USE_SG      16  /* XDP_USE_SG, Linux 6.6 */
#define PKT_CONTD   1   /* XDP_PKT_CONTD, Linux 6.6 */
#define TX_BUDGET   9   /* XDP_MAX_TX_SKB_BUDGET, Linux 6.17 */
#define BUSY_BUDGET 64
#define BIND_TRIES  50 /* a queue comes free some time after its socket was closed */

enum sg { XDP_SG_AUTO, XDP_SG_ON, XDP_SG_OFF };

struct args {
    uint32_t queue, queues, busy, filters;
    int mode, copy; /* enum xdp_mode, enum xdp_copying */
    int sg;         /* enum sg: packets of several frames */
    bool wakeup, trust;
};

struct xdp {
    struct via_xdp_prog prog;
    struct via_xsk *xsk;
    uint32_t queues, next; /* next: the queue whose turn it is to be looked at */
    int ask;               /* a socket to ask about the interface, which holds its memberships */
    uint16_t rx_flags;     /* of every frame received */
    bool sg, zerocopy, wakeup, busy;
    bool backlog;   /* the kernel could not take all at the last doorbell */
    uint32_t idle;  /* bursts that found nothing */
    uint64_t *done; /* frames refused here, to be returned by tx_reap */
    uint32_t dones;
    uint32_t headroom;
    uint64_t mem_size;
    struct via_vi_stats stats;
};

/* Adds a sentence to what is in dev->why. */
VIA_PRINTF(2, 3) static void note(struct via_vi_dev *dev, const char *text, ...) {
    size_t at;
    va_list ap;

    if (!dev->why)
        return;
    at = strlen(dev->why);
    if (at && at + 2 < VIA_WHY) {
        memcpy(dev->why + at, "; ", 3);
        at += 2;
    }
    va_start(ap, text);
    vsnprintf(dev->why + at, VIA_WHY - at, text, ap);
    va_end(ap);
}

static int read_word(const struct via_arg *a, int *out, const char *const words[3]) {
    int at = via_arg_word(a, words, 3);

    if (at >= 0)
        *out = at;
    return at;
}

static int read_arg(const struct via_arg *a, struct args *o) {
    static const char *const modes[] = {"auto", "native", "generic"}, *const copies[] = {"auto", "zero", "copy"},
                             *const sgs[] = {"auto", "on", "off"};

    if (via_arg_is(a, "queue"))
        return via_arg_number(a, 0, 65535, &o->queue);
    if (via_arg_is(a, "queues"))
        return via_arg_number(a, 1, QUEUES_MAX, &o->queues);
    if (via_arg_is(a, "busy"))
        return via_arg_number(a, 0, 1000000, &o->busy);
    if (via_arg_is(a, "filters"))
        return via_arg_number(a, 1, 1u << 20, &o->filters);
    if (via_arg_is(a, "mode"))
        return read_word(a, &o->mode, modes);
    if (via_arg_is(a, "copy"))
        return read_word(a, &o->copy, copies);
    if (via_arg_is(a, "sg"))
        return read_word(a, &o->sg, sgs);
    if (via_arg_is(a, "wakeup"))
        return via_arg_switch(a, &o->wakeup);
    if (via_arg_is(a, "trust"))
        return via_arg_switch(a, &o->trust);
    return -EINVAL;
}

static int read_args(struct via_vi_dev *dev, struct args *o, const char *opts) {
    struct via_arg a;

    *o = (struct args){.queues = 1, .filters = 4096, .wakeup = true};
    while (via_args_next(&opts, &a))
        if (read_arg(&a, o) < 0)
            return via_vi_bad_arg(dev, &a);
    return 0;
}

static void xdp_close(struct via_vi_dev *dev) {
    struct xdp *x = dev->priv;
    uint32_t i;

    if (!x)
        return;
    via_xdp_prog_unload(&x->prog);
    for (i = x->queues; x->xsk && i-- > 0;)
        via_xsk_close(&x->xsk[i]);
    if (x->ask >= 0)
        close(x->ask);
    free(x->xsk);
    free(x->done);
    free(x);
    dev->priv = NULL;
}

/* The kernel gives a queue back a moment after its last socket was closed; so "busy" is asked again for a while. */
static int bind_patiently(struct via_xsk *s, const struct via_xsk_conf *c, uint32_t queue, uint16_t flags) {
    static const struct timespec nap = {.tv_nsec = 1000000};
    int i, err;

    for (i = 0; (err = via_xsk_bind(s, c, queue, flags)) == -EBUSY && i < BIND_TRIES; i++)
        nanosleep(&nap, NULL);
    return err;
}

static int refuse_socket(struct via_vi_dev *dev, uint32_t queue, int err) {
    if (err == -EPERM)
        return via_vi_say(dev, err, "xdp: an AF_XDP socket needs CAP_NET_RAW");
    if (err == -ENOBUFS)
        return via_vi_say(dev, -ENOMEM,
                          "xdp: the frame area may not be locked: raise RLIMIT_MEMLOCK or give CAP_IPC_LOCK");
    if (err == -EAFNOSUPPORT)
        return via_vi_say(dev, err, "xdp: this kernel has no AF_XDP");
    return via_vi_say(dev, err, "xdp: %s queue %u: no socket: %s", dev->ifname, queue, strerror(-err));
}

static int refuse_bind(struct via_vi_dev *dev, const struct args *o, uint32_t queue, int err) {
    if (err == -EBUSY)
        return via_vi_say(dev, err, "xdp: %s queue %u is taken by another socket", dev->ifname, queue);
    if (err == -EINVAL)
        return via_vi_say(dev, err, "xdp: %s has no queue %u", dev->ifname, queue);
    if (o->copy == XDP_COPY_NONE)
        return via_vi_say(dev, err, "xdp: %s queue %u: zero-copy refused: %s", dev->ifname, queue, strerror(-err));
    return via_vi_say(dev, err, "xdp: %s queue %u: %s", dev->ifname, queue, strerror(-err));
}

/*
 * From the best to the least: zero-copy, and packets of several frames (a veth brings 64 KiB at a time). The kernel is
 * not left to choose, for it would rather copy than do without the second.
 */
static int bind_first(struct via_vi_dev *dev, struct xdp *x, const struct via_xsk_conf *c, const struct args *o) {
    bool fits = dev->mtu + LINK_ROOM <= dev->frame_size - x->headroom;
    bool zero = o->copy != XDP_COPY_ALWAYS && x->prog.mode == XDP_MODE_DRIVER, sg;
    uint32_t wakeup = o->wakeup ? XDP_USE_NEED_WAKEUP : 0;
    int err = -EOPNOTSUPP, i;

    for (i = 0; i < 4; i++) {
        x->zerocopy = i < 2;
        x->sg = sg = !(i & 1);
        if ((x->zerocopy ? !zero : o->copy == XDP_COPY_NONE) ||
            (sg ? o->sg == XDP_SG_OFF : o->sg == XDP_SG_ON || !fits))
            continue;
        err = bind_patiently(&x->xsk[0], c, o->queue,
                             (uint16_t)(wakeup | (x->zerocopy ? XDP_ZEROCOPY : XDP_COPY) | (sg ? USE_SG : 0)));
        if (!err || err == -EBUSY || err == -ENODEV)
            break;
    }
    if (err == -EOPNOTSUPP && o->sg == XDP_SG_OFF && !fits)
        return via_vi_say(dev, -EMSGSIZE, "xdp: %s: an MTU of %u takes several frames, which sg=off forbids",
                          dev->ifname, dev->mtu);
    if (err < 0)
        return refuse_bind(dev, o, o->queue, err);
    if (!x->zerocopy && zero)
        note(dev, "xdp: %s queue %u: zero-copy refused by its driver, copy mode used", dev->ifname, o->queue);
    return 0;
}

static int open_queue(struct via_vi_dev *dev, struct xdp *x, const struct args *o, uint32_t i) {
    struct via_xsk_conf c = {.dev = dev, .shared = i ? x->xsk[0].fd : -1};
    int err;

    c.headroom = x->headroom - XDP_ROOM_BEFORE;
    c.rx_size = (uint32_t)via_pow2_up(dev->rx_ring);
    c.tx_size = i ? 0 : (uint32_t)via_pow2_up(dev->tx_ring);
    x->queues = i + 1;
    if ((err = via_xsk_open(&x->xsk[i], &c)) < 0)
        return refuse_socket(dev, o->queue + i, err);
    if (!i)
        err = bind_first(dev, x, &c, o);
    else if ((err = bind_patiently(&x->xsk[i], &c, o->queue + i, 0)) < 0)
        return refuse_bind(dev, o, o->queue + i, err);
    if (!err && (err = via_xdp_prog_bind(&x->prog, o->queue + i, x->xsk[i].fd)) < 0)
        return via_vi_say(dev, err, "xdp: %s queue %u: not steered: %s", dev->ifname, o->queue + i, strerror(-err));
    return err;
}

static int set(int fd, int what, int value) {
    return setsockopt(fd, SOL_SOCKET, what, &value, sizeof value) < 0 ? -errno : 0;
}

/* Without a NAPI id there is nothing to poll, and deferred interrupts would only make packets wait. */
static void set_busy(struct via_vi_dev *dev, struct xdp *x, uint32_t us) {
    uint32_t i, id = 0;
    socklen_t len = sizeof id;

    for (i = 0; i < x->queues; i++) {
        if (getsockopt(x->xsk[i].fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &len) < 0 || !id) {
            note(dev, "xdp: %s: busy polling has no effect in this mode, left off", dev->ifname);
            return;
        }
        if (set(x->xsk[i].fd, SO_PREFER_BUSY_POLL, 1) < 0 || set(x->xsk[i].fd, SO_BUSY_POLL, (int)us) < 0 ||
            set(x->xsk[i].fd, SO_BUSY_POLL_BUDGET, BUSY_BUDGET) < 0) {
            note(dev, "xdp: %s: busy polling refused", dev->ifname);
            return;
        }
    }
    x->busy = true;
}

static void describe(struct via_vi_dev *dev, struct xdp *x, const struct args *o) {
    int budget = (int)x->xsk[0].tx.size;

    (void)setsockopt(x->xsk[0].fd, SOL_XDP, TX_BUDGET, &budget, sizeof budget);
    x->wakeup = o->wakeup;
    x->rx_flags = o->trust ? VIA_FRAME_CSUM_OK : 0;
    if (o->busy)
        set_busy(dev, x, o->busy);
    if (!o->trust && via_netif_is(dev, x->ask, "veth"))
        note(dev, "%s is a veth: checksums left unfinished by its other end arrive so (its tx off, or trust=on)",
             dev->ifname);
    dev->queues = x->queues;
    dev->caps = VIA_VI_STEERS | VIA_VI_SHARED_MAC | (x->sg ? (uint32_t)VIA_VI_JUMBO : 0) |
                (x->zerocopy ? (uint32_t)VIA_VI_ZEROCOPY : 0);
    snprintf(dev->mode, sizeof dev->mode, "%s %s", x->prog.mode == XDP_MODE_DRIVER ? "native" : "generic",
             x->zerocopy ? "zero-copy" : "copy");
}

static int open_all(struct via_vi_dev *dev, struct xdp *x, const char *args) {
    char name[sizeof dev->ifname];
    const char *opts = via_args_name(args, name, sizeof name);
    struct args o;
    uint32_t i;
    int err;

    if (!opts)
        return via_vi_say(dev, -ENODEV, "xdp: the name of the interface is too long");
    if ((err = read_args(dev, &o, opts)) < 0)
        return err;
    x->ask = via_netif_socket();
    if (x->ask < 0)
        return refuse_socket(dev, o.queue, x->ask);
    if ((err = via_netif_fill(dev, x->ask, name)) < 0)
        return err;
    x->headroom = via_max32(dev->headroom, XDP_ROOM_BEFORE);
    x->mem_size = dev->mem_size - dev->mem_size % dev->frame_size;
    x->xsk = calloc(o.queues, sizeof *x->xsk);
    x->done = calloc(via_pow2_up(dev->tx_ring), sizeof *x->done);
    if (!x->xsk || !x->done)
        return via_vi_say(dev, -ENOMEM, "xdp: out of memory");
    if ((err = via_xdp_prog_load(&x->prog, dev, o.queue + o.queues, o.filters)) < 0 ||
        (err = via_xdp_prog_attach(&x->prog, dev, (enum xdp_mode)o.mode)) < 0)
        return err;
    for (i = 0; i < o.queues; i++)
        if ((err = open_queue(dev, x, &o, i)) < 0)
            return err;
    describe(dev, x, &o);
    return 0;
}

static int xdp_open(struct via_vi_dev *dev, const char *args) {
    struct xdp *x = calloc(1, sizeof *x);
    int err;

    if (!x)
        return via_vi_say(dev, -ENOMEM, "xdp: out of memory");
    x->ask = -1;
    via_xdp_prog_clear(&x->prog);
    dev->priv = x;
    if (dev->why)
        dev->why[0] = 0;
    if ((err = open_all(dev, x, args)) < 0)
        xdp_close(dev);
    return err;
}

/* How many of the next `n` descriptors make up whole packets. */
static uint32_t whole_packets(const struct via_xsk *s, uint32_t n) {
    while (n && (xsk_ring_cons__rx_desc(&s->rx, s->rx.cached_cons + n - 1)->options & PKT_CONTD))
        n--;
    return n;
}

/* A frame that is ours, with a length that makes no sense, goes up empty: so its memory is not lost. */
static bool read_desc(struct xdp *x, const struct via_vi_dev *dev, const struct xdp_desc *d, struct via_frame *f) {
    uint32_t mask = dev->frame_size - 1, off = (uint32_t)d->addr & mask;

    if (VIA_UNLIKELY(d->addr >= x->mem_size))
        return false;
    f->addr = d->addr;
    f->len = d->len;
    f->flags = x->rx_flags;
    f->vlan = 0;
    f->ts = 0;
    if (VIA_UNLIKELY(off < dev->headroom || !f->len || f->len > dev->frame_size - off)) {
        x->stats.rx_invalid++;
        f->addr = d->addr - off + x->headroom;
        f->len = 0;
        f->flags |= VIA_FRAME_TRUNC;
    }
    return true;
}

/* Takes `n` descriptors of one queue, which make up whole packets; a part that is lost spoils its packet. */
static unsigned take_descs(struct xdp *x, struct via_xsk *s, const struct via_vi_dev *dev, struct via_frame *v,
                           uint32_t n) {
    unsigned got = 0, start = 0;
    bool spoilt = s->torn, more = false;
    uint32_t i;

    for (i = 0; i < n; i++) {
        const struct xdp_desc *d = xsk_ring_cons__rx_desc(&s->rx, s->rx.cached_cons + i);

        more = x->sg && (d->options & PKT_CONTD);
        if (VIA_UNLIKELY(!s->lent || !read_desc(x, dev, d, &v[got]))) {
            x->stats.rx_invalid++;
            spoilt = true;
        } else {
            x->stats.rx_bytes += v[got].len;
            v[got].flags |= more ? VIA_FRAME_MORE : 0;
            got++;
        }
        s->lent -= s->lent ? 1 : 0;
        if (more && i + 1 < n)
            continue;
        if (VIA_UNLIKELY((spoilt || more) && got > start)) {
            v[start].flags |= VIA_FRAME_TRUNC;
            v[got - 1].flags &= (uint16_t)~VIA_FRAME_MORE;
        }
        start = got;
        spoilt = false;
    }
    s->torn = more;
    s->rx.cached_cons += n;
    __atomic_store_n(s->rx.consumer, s->rx.cached_cons, __ATOMIC_RELEASE);
    x->stats.rx_frames += got;
    return got;
}

/* A packet that a whole burst has no room for is torn. */
static unsigned rx_queue(struct xdp *x, struct via_xsk *s, const struct via_vi_dev *dev, struct via_frame *v,
                         unsigned n) {
    uint32_t there = __atomic_load_n(s->rx.producer, __ATOMIC_ACQUIRE) - s->rx.cached_cons, whole;

    if (!there)
        return 0;
    there = whole = via_min32(via_min32(there, n), s->rx.size);
    if (x->sg)
        whole = whole_packets(s, there);
    if (VIA_UNLIKELY(!whole && there == n))
        whole = n;
    return whole ? take_descs(x, s, dev, v, whole) : 0;
}

static void fill_queue(struct xdp *x, struct via_xsk *s, const uint64_t *addr, uint32_t n) {
    uint32_t i;

    for (i = 0; i < n; i++)
        *xsk_ring_prod__fill_addr(&s->fill, s->fill.cached_prod + i) = addr[i];
    s->fill.cached_prod += n;
    s->lent += n;
    __atomic_store_n(s->fill.producer, s->fill.cached_prod, __ATOMIC_RELEASE);
    if (VIA_UNLIKELY(x->zerocopy && x->wakeup)) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (xsk_ring_prod__needs_wakeup(&s->fill)) {
            x->stats.rx_syscalls++;
            (void)recvfrom(s->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
        }
    }
}

/* Empty frames go where most are missing. */
static unsigned xdp_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct xdp *x = dev->priv;
    struct via_xsk *s;
    uint32_t i, part, room, given = 0, share = x->queues == 1 ? n : 16;

    while (given < n) {
        s = &x->xsk[0];
        for (i = 1; i < x->queues; i++)
            if (x->xsk[i].lent < s->lent)
                s = &x->xsk[i];
        room = s->fill.size - s->lent;
        part = via_min32(via_min32(n - given, share), room);
        if (!part)
            break;
        fill_queue(x, s, addr + given, part);
        given += part;
    }
    return given;
}

/* A tag that is not in the bytes goes in front of them by moving the two addresses into the headroom. */
static bool put_tag(const struct via_vi_dev *dev, const struct via_frame *f, struct xdp_desc *d) {
    uint8_t *at = dev->mem + f->addr;

    if (f->addr % dev->frame_size < 4 || f->len < TAG_AT)
        return false;
    memmove(at - 4, at, TAG_AT);
    at[TAG_AT - 4] = 0x81;
    at[TAG_AT - 3] = 0x00;
    at[TAG_AT - 2] = (uint8_t)(f->vlan >> 8);
    at[TAG_AT - 1] = (uint8_t)f->vlan;
    d->addr -= 4;
    d->len += 4;
    return true;
}

/* Frames of the packet at v[0..n): 0 if its end is not there. */
static uint32_t packet_parts(const struct via_frame *v, uint32_t n) {
    uint32_t k = 0;

    while (k < n)
        if (!(v[k++].flags & VIA_FRAME_MORE))
            return k;
    return 0;
}

/* What the kernel would swallow without a trace is refused here, and comes back by tx_reap all the same. */
static bool is_sendable(const struct xdp *x, const struct via_vi_dev *dev, const struct via_frame *v, uint32_t parts) {
    uint32_t i;

    if (parts > (x->sg ? CHAIN_MAX : 1))
        return false;
    for (i = 0; i < parts; i++) {
        VIA_ASSERT(v[i].addr < x->mem_size);
        if (!v[i].len || v[i].len > dev->frame_size - v[i].addr % dev->frame_size)
            return false;
    }
    return true;
}

static bool write_packet(struct xdp *x, const struct via_vi_dev *dev, const struct via_frame *v, uint32_t parts) {
    struct via_xsk *s = &x->xsk[0];
    uint32_t i;

    for (i = 0; i < parts; i++) {
        struct xdp_desc *d = xsk_ring_prod__tx_desc(&s->tx, s->tx.cached_prod + i);

        d->addr = v[i].addr;
        d->len = v[i].len;
        d->options = i + 1 < parts ? PKT_CONTD : 0;
        if (VIA_UNLIKELY(!i && (v[i].flags & VIA_FRAME_VLAN)) && !put_tag(dev, v, d))
            return false;
        x->stats.tx_bytes += d->len;
    }
    s->tx.cached_prod += parts;
    x->stats.tx_frames += parts;
    return true;
}

static void refuse_packet(struct xdp *x, const struct via_frame *v, uint32_t parts) {
    uint32_t i;

    for (i = 0; i < parts; i++)
        x->done[x->dones++] = v[i].addr;
    x->stats.tx_dropped += parts;
}

static unsigned xdp_tx(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct xdp *x = dev->priv;
    struct via_xsk *s = &x->xsk[0];
    uint32_t parts, taken = 0;

    n = via_min32(n, s->tx.size - s->flight);
    while ((parts = packet_parts(v + taken, n - taken))) {
        if (VIA_UNLIKELY(!is_sendable(x, dev, v + taken, parts)) ||
            VIA_UNLIKELY(!write_packet(x, dev, v + taken, parts)))
            refuse_packet(x, v + taken, parts);
        taken += parts;
    }
    s->flight += taken;
    __atomic_store_n(s->tx.producer, s->tx.cached_prod, __ATOMIC_RELEASE);
    return taken;
}

static uint32_t unsent(const struct via_xsk *s) {
    return s->tx.cached_prod - __atomic_load_n(s->tx.consumer, __ATOMIC_ACQUIRE);
}

static int lose_link(struct xdp *x, struct via_vi_dev *dev) {
    x->backlog = false;
    if (via_netif_link(dev, x->ask) == VIA_LINK_UP)
        dev->link = VIA_LINK_DOWN;
    return dev->link == VIA_LINK_GONE ? -ENODEV : -ENETDOWN;
}

/* In copy mode the call does the sending; it may stop halfway, and is made again as long as it gets on. */
static int xdp_kick(struct via_vi_dev *dev) {
    struct xdp *x = dev->priv;
    struct via_xsk *s = &x->xsk[0];
    uint32_t left = unsent(s), before;

    x->backlog = false;
    if (x->zerocopy && x->wakeup) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!xsk_ring_prod__needs_wakeup(&s->tx))
            return 0;
    }
    while (left) {
        x->stats.kicks++;
        if (sendto(s->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
            break;
        if (errno == ENETDOWN || errno == ENXIO || errno == ENODEV)
            return lose_link(x, dev);
        before = left;
        left = unsent(s);
        if (left == before) {
            x->backlog = true;
            break;
        }
    }
    if (VIA_UNLIKELY(dev->link == VIA_LINK_DOWN))
        (void)via_netif_link(dev, x->ask);
    return 0;
}

static void poll_busily(struct xdp *x) {
    uint32_t i;

    for (i = 0; i < x->queues; i++) {
        x->stats.rx_syscalls++;
        (void)recvfrom(x->xsk[i].fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
    }
}

static unsigned xdp_rx(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct xdp *x = dev->priv;
    unsigned got = 0;
    uint32_t i;

    for (i = 0; i < x->queues && !got; i++) {
        got = rx_queue(x, &x->xsk[x->next], dev, v, n);
        x->next = x->next + 1 == x->queues ? 0 : x->next + 1;
    }
    if (got)
        return got;
    if (VIA_UNLIKELY(x->busy))
        poll_busily(x);
    if (VIA_UNLIKELY(via_netif_watch(dev, x->ask, &x->idle)))
        (void)xdp_kick(dev);
    return 0;
}

static unsigned xdp_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    struct xdp *x = dev->priv;
    struct via_xsk *s = &x->xsk[0];
    uint32_t i, there, got = 0;

    if (VIA_UNLIKELY(x->backlog))
        (void)xdp_kick(dev);
    while (VIA_UNLIKELY(x->dones) && got < n) {
        addr[got++] = x->done[--x->dones];
        s->flight--;
    }
    there = __atomic_load_n(s->comp.producer, __ATOMIC_ACQUIRE) - s->comp.cached_cons;
    there = via_min32(via_min32(there, n - got), s->comp.size);
    if (!there)
        return got;
    for (i = 0; i < there; i++) {
        addr[got] = *xsk_ring_cons__comp_addr(&s->comp, s->comp.cached_cons + i);
        if (VIA_UNLIKELY(addr[got] >= x->mem_size || s->flight == x->dones)) {
            x->stats.rx_invalid++;
            continue;
        }
        s->flight--;
        got++;
    }
    s->comp.cached_cons += there;
    __atomic_store_n(s->comp.consumer, s->comp.cached_cons, __ATOMIC_RELEASE);
    return got;
}

static bool xdp_pending(const struct via_vi_dev *dev) {
    const struct xdp *x = dev->priv;
    uint32_t i;

    for (i = 0; i < x->queues; i++)
        if (__atomic_load_n(x->xsk[i].rx.producer, __ATOMIC_ACQUIRE) != x->xsk[i].rx.cached_cons)
            return true;
    return __atomic_load_n(x->xsk[0].comp.producer, __ATOMIC_ACQUIRE) != x->xsk[0].comp.cached_cons || x->dones ||
           x->backlog;
}

/*
 * The empty receive tells the driver that frames are there, where it asked to be told, and us whether the link still
 * is: an AF_XDP socket has no other way of saying so.
 */
static int xdp_arm(struct via_vi_dev *dev) {
    struct xdp *x = dev->priv;
    uint32_t i;
    int err;

    if (xdp_pending(dev))
        return 1;
    for (i = 0; i < x->queues; i++) {
        if (i && !xsk_ring_prod__needs_wakeup(&x->xsk[i].fill))
            continue;
        x->stats.rx_syscalls++;
        err = recvfrom(x->xsk[i].fd, NULL, 0, MSG_DONTWAIT, NULL, NULL) < 0 ? errno : 0;
        if (err == ENETDOWN || err == ENXIO || err == ENODEV)
            (void)lose_link(x, dev);
        else if (dev->link == VIA_LINK_DOWN && via_netif_link(dev, x->ask) == VIA_LINK_UP)
            (void)xdp_kick(dev);
    }
    return xdp_pending(dev);
}

static unsigned xdp_fds(struct via_vi_dev *dev, int *fd, unsigned n) {
    struct xdp *x = dev->priv;
    uint32_t i;

    n = via_min32(n, x->queues);
    for (i = 0; i < n; i++)
        fd[i] = x->xsk[i].fd;
    return n;
}

/* A NIC lets multicast in only where somebody asked for the group's MAC address (RFC 1112 6.4, RFC 2464 7). */
static void join_link(struct via_vi_dev *dev, const struct xdp *x, bool add, const struct via_filter *f) {
    uint8_t mac[6] = {0x33, 0x33};

    if (f->kind == VIA_FILTER_ALL) {
        (void)via_netif_member(dev, x->ask, add, PACKET_MR_ALLMULTI, NULL);
        return;
    }
    if (f->kind != VIA_FILTER_ADDR || !via_addr_is_multicast(&f->addr))
        return;
    memcpy(mac + 2, f->addr.b + 12, 4);
    if (via_addr_is4(&f->addr)) {
        mac[0] = 0x01;
        mac[1] = 0x00;
        mac[2] = 0x5e;
        mac[3] &= 0x7f;
    }
    (void)via_netif_member(dev, x->ask, add, PACKET_MR_MULTICAST, mac);
}

static int xdp_filter(struct via_vi_dev *dev, bool add, const struct via_filter *f) {
    struct xdp *x = dev->priv;
    int err = via_xdp_prog_filter(&x->prog, add, f);

    if (!err)
        join_link(dev, x, add, f);
    return err;
}

static void xdp_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    struct xdp *x = dev->priv;
    struct xdp_statistics k;
    socklen_t len;
    uint32_t i;

    s->rx_frames += x->stats.rx_frames;
    s->rx_bytes += x->stats.rx_bytes;
    s->tx_frames += x->stats.tx_frames;
    s->tx_bytes += x->stats.tx_bytes;
    s->rx_invalid += x->stats.rx_invalid;
    s->tx_dropped += x->stats.tx_dropped;
    s->kicks += x->stats.kicks;
    s->rx_syscalls += x->stats.rx_syscalls;
    for (i = 0; i < x->queues; i++) {
        len = sizeof k;
        memset(&k, 0, sizeof k);
        if (getsockopt(x->xsk[i].fd, SOL_XDP, XDP_STATISTICS, &k, &len) < 0)
            continue;
        s->rx_dropped += k.rx_dropped + k.rx_ring_full;
        s->tx_dropped += k.tx_invalid_descs;
    }
}

const struct via_vi_ops via_vi_xdp = {
    .name = "xdp",
    .open = xdp_open,
    .close = xdp_close,
    .rx_burst = xdp_rx,
    .rx_fill = xdp_fill,
    .tx_burst = xdp_tx,
    .tx_reap = xdp_reap,
    .kick = xdp_kick,
    .arm = xdp_arm,
    .fds = xdp_fds,
    .pending = xdp_pending,
    .filter = xdp_filter,
    .stats = xdp_stats,
};
