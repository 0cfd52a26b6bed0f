/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TAP device (Linux Documentation/networking/tuntap.rst): the kernel is the neighbour at the other end of the cable.
 * Whoever opens it makes it; it goes with the FD unless it was made persistent beforehand.
 */
#include "base/check.h"
#include "vi/args.h"
#include "vi/drivers.h"
#include "vi/netif.h"
#include "vi/soft.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE    "/dev/net/tun"
#define LINK_ROOM 22u /* an Ethernet header and two tags */
#define IOVS      68u
#define MTU_MIN   68u
#define MTU_MAX   65521u

struct tap {
    struct via_soft soft;
    int fd, ask;
    uint32_t guess;  /* packets that the next burst tries to read */
    uint32_t frames; /* for one read: more room than the longest packet, so that a cut shows */
    uint32_t mtu;
    uint32_t idle; /* bursts that found nothing */
    bool up;
};

static int read_args(struct via_vi_dev *dev, struct tap *t, const char *opts) {
    struct via_arg a;
    int err;

    t->up = true;
    while (via_args_next(&opts, &a)) {
        if (via_arg_is(&a, "up"))
            err = via_arg_switch(&a, &t->up);
        else if (via_arg_is(&a, "mtu"))
            err = via_arg_number(&a, MTU_MIN, MTU_MAX, &t->mtu);
        else
            err = -EINVAL;
        if (err < 0)
            return via_vi_bad_arg(dev, &a);
    }
    return 0;
}

static int open_device(struct via_vi_dev *dev, struct tap *t, char *name) {
    struct ifreq r;
    int err;

    t->fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (t->fd < 0) {
        err = errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
        return via_vi_say(dev, err, "tap: " DEVICE ": %s", strerror(errno));
    }
    memset(&r, 0, sizeof r);
    strcpy(r.ifr_name, *name ? name : "via%d");
    r.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (ioctl(t->fd, TUNSETIFF, &r) < 0) {
        err = -errno;
        if (err == -EPERM)
            return via_vi_say(dev, err, "tap: making %s needs CAP_NET_ADMIN, or a device that is yours", r.ifr_name);
        if (err == -EBUSY)
            return via_vi_say(dev, err, "tap: %s is in use by another program", r.ifr_name);
        return via_vi_say(dev, err, "tap: %s is not a plain TAP device: %s", r.ifr_name, strerror(-err));
    }
    memcpy(name, r.ifr_name, sizeof r.ifr_name);
    return 0;
}

/* A locally administered address from the seed, and not the one at the kernel's end (splitmix64). */
static void make_mac(struct via_vi_dev *dev, const uint8_t *kernel) {
    uint64_t x = dev->seed + 0x9e3779b97f4a7c15u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    memcpy(dev->mac, &x, sizeof dev->mac);
    dev->mac[0] = (uint8_t)((dev->mac[0] & 0xfc) | 2);
    if (!memcmp(dev->mac, kernel, sizeof dev->mac))
        dev->mac[5] ^= 1;
}

static int set_mtu(const struct via_vi_dev *dev, const struct tap *t) {
    struct ifreq r;

    memset(&r, 0, sizeof r);
    memcpy(r.ifr_name, dev->ifname, sizeof r.ifr_name);
    r.ifr_mtu = (int)t->mtu;
    return ioctl(t->ask, SIOCSIFMTU, &r) < 0 ? -errno : 0;
}

static int set_device(struct via_vi_dev *dev, struct tap *t, const char *name) {
    uint8_t kernel[sizeof dev->mac];
    int err;

    t->ask = via_netif_socket();
    if (t->ask == -EPERM)
        return via_vi_say(dev, -EPERM, "tap: CAP_NET_RAW is needed to ask about %s", name);
    if (t->ask < 0)
        return via_vi_say(dev, t->ask, "tap: no socket: %s", strerror(-t->ask));
    if ((err = via_netif_fill(dev, t->ask, name)) < 0)
        return err;
    memcpy(kernel, dev->mac, sizeof kernel);
    make_mac(dev, kernel);
    if (t->mtu && (err = set_mtu(dev, t)) < 0)
        return via_vi_say(dev, err, "tap: %s: MTU %u: %s", name, t->mtu, strerror(-err));
    if (t->up && (err = via_netif_set_up(dev, t->ask, true)) < 0)
        return via_vi_say(dev, err, "tap: %s cannot be brought up: %s", name, strerror(-err));
    if (t->mtu)
        dev->mtu = t->mtu;
    (void)via_netif_link(dev, t->ask);
    return 0;
}

static void tap_close(struct via_vi_dev *dev) {
    struct tap *t = dev->priv;

    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    if (t->ask >= 0)
        close(t->ask);
    via_soft_fini(&t->soft);
    free(t);
    dev->priv = NULL;
}

static int tap_open(struct via_vi_dev *dev, const char *args) {
    struct tap *t = calloc(1, sizeof *t);
    char name[sizeof dev->ifname] = "";
    const char *opts = via_args_name(args, name, sizeof name);
    int err;

    if (!t)
        return via_vi_say(dev, -ENOMEM, "tap: out of memory");
    t->fd = t->ask = -1;
    dev->priv = t;
    if (!opts)
        err = via_vi_say(dev, -ENODEV, "tap: the name of the interface is too long");
    else if (!(err = read_args(dev, t, opts)) && !(err = open_device(dev, t, name)) &&
             !(err = set_device(dev, t, name)) && (err = via_soft_init(&t->soft, dev)) < 0)
        err = via_vi_say(dev, err, "tap: out of memory");
    if (err < 0) {
        tap_close(dev);
        return err;
    }
    t->guess = 1;
    t->frames = via_min32(via_soft_need(&t->soft, dev->mtu + LINK_ROOM + 1), IOVS);
    dev->caps = VIA_VI_JUMBO;
    dev->queues = 1;
    strcpy(dev->mode, "tap");
    return 0;
}

static unsigned tap_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct tap *t = dev->priv;

    return via_soft_fill(&t->soft, dev, addr, n);
}

static bool means_gone(int err) {
    return err == EBADFD || err == EFAULT || err == ENODEV || err == ENXIO;
}

/*
 * The FD of a device that was deleted would report an error for ever, to whoever waits on it. A quiet one takes its
 * place under the same number.
 */
static void lose_device(struct via_vi_dev *dev, struct tap *t) {
    dev->link = VIA_LINK_GONE;
    (void)dup3(t->ask, t->fd, O_CLOEXEC);
}

/* Reads one packet into v[0..n): frames taken, 0 if none is there, -EAGAIN if it would not fit now. */
static int read_one(struct tap *t, struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct iovec iov[IOVS];
    uint32_t k = via_min32(via_min32(t->frames, t->soft.stocked), n);
    ssize_t got;

    if (!k)
        return -EAGAIN;
    via_soft_scatter(&t->soft, dev, iov, k);
    t->soft.stats.rx_syscalls++;
    got = k == 1 ? read(t->fd, iov[0].iov_base, iov[0].iov_len) : readv(t->fd, iov, (int)k);
    if (got <= 0) {
        if (got < 0 && means_gone(errno))
            lose_device(dev, t);
        return 0;
    }
    via_soft_take(&t->soft, dev, v, (uint32_t)got);
    if ((size_t)got == (size_t)k * t->soft.room)
        v[0].flags |= VIA_FRAME_TRUNC;
    return (int)via_soft_need(&t->soft, (uint32_t)got);
}

/*
 * A read that finds nothing costs as much as one that does. So a burst stops after as many packets as the one before
 * it suggests: one where packets come one by one, and twice as many after each burst that was filled.
 */
static unsigned tap_rx(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct tap *t = dev->priv;
    unsigned got = 0, packets = 0;
    int k;

    if (dev->link == VIA_LINK_GONE)
        return 0;
    while (packets < t->guess && (got == 0 || n - got >= t->frames)) {
        k = read_one(t, dev, v + got, n - got);
        if (k <= 0) {
            t->guess = packets ? packets : 1;
            if (!packets && dev->link != VIA_LINK_GONE)
                (void)via_netif_watch(dev, t->ask, &t->idle);
            return got;
        }
        got += (unsigned)k;
        packets++;
    }
    t->guess = via_min32(t->guess * 2, 64);
    return got;
}

static unsigned tap_tx(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct tap *t = dev->priv;

    return via_soft_burst(&t->soft, v, n);
}

static int write_one(struct tap *t, const struct via_vi_dev *dev) {
    struct iovec iov[IOVS];
    uint8_t tag[4];
    struct via_soft_packet p = {.iov = iov, .room = IOVS, .tag = tag};
    ssize_t sent;

    if (!via_soft_next(&t->soft, dev, 0, &p))
        return -EMSGSIZE;
    t->soft.stats.kicks++;
    sent = p.iovs == 1 ? write(t->fd, iov[0].iov_base, iov[0].iov_len) : writev(t->fd, iov, (int)p.iovs);
    if (sent < 0)
        return -errno;
    t->soft.stats.tx_frames += p.frames;
    t->soft.stats.tx_bytes += p.bytes;
    via_soft_done(&t->soft, p.frames);
    return 0;
}

static int tap_kick(struct via_vi_dev *dev) {
    struct tap *t = dev->priv;
    uint32_t lost;
    int err;

    t->soft.backlog = false;
    if (VIA_UNLIKELY(dev->link == VIA_LINK_GONE)) {
        via_soft_drop(&t->soft);
        return -ENODEV;
    }
    while (via_soft_waits(&t->soft)) {
        err = write_one(t, dev);
        if (!err) {
            if (VIA_UNLIKELY(dev->link == VIA_LINK_DOWN))
                (void)via_netif_link(dev, t->ask);
        } else if (err == -EAGAIN || err == -EINTR) {
            t->soft.backlog = true;
            return 0;
        } else if (err == -EIO || means_gone(-err)) {
            via_soft_drop(&t->soft);
            if (err != -EIO) {
                lose_device(dev, t);
                return -ENODEV;
            }
            dev->link = VIA_LINK_DOWN;
            return -ENETDOWN;
        } else {
            lost = via_soft_frames(&t->soft);
            t->soft.stats.tx_dropped += lost;
            via_soft_done(&t->soft, lost);
        }
    }
    return 0;
}

static unsigned tap_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    struct tap *t = dev->priv;

    if (VIA_UNLIKELY(t->soft.backlog))
        (void)tap_kick(dev);
    return via_soft_reap(&t->soft, addr, n);
}

/* What waits to be read shows on the FD alone. */
static int tap_arm(struct via_vi_dev *dev) {
    struct tap *t = dev->priv;
    struct pollfd p = {.fd = t->fd, .events = POLLIN};

    if (dev->link == VIA_LINK_DOWN)
        (void)via_netif_link(dev, t->ask);
    if (t->soft.backlog || t->soft.head != t->soft.sent)
        return 1;
    return t->soft.stocked && poll(&p, 1, 0) > 0;
}

static unsigned tap_fds(struct via_vi_dev *dev, int *fd, unsigned n) {
    struct tap *t = dev->priv;

    if (!n)
        return 0;
    fd[0] = t->fd;
    return 1;
}

static int tap_filter(struct via_vi_dev *dev, bool add, const struct via_filter *f) {
    (void)dev, (void)add, (void)f;
    return -EOPNOTSUPP;
}

static void tap_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    struct tap *t = dev->priv;

    via_vi_stats_add(s, &t->soft.stats);
}

const struct via_vi_ops via_vi_tap = {
    .name = "tap",
    .open = tap_open,
    .close = tap_close,
    .rx_burst = tap_rx,
    .rx_fill = tap_fill,
    .tx_burst = tap_tx,
    .tx_reap = tap_reap,
    .kick = tap_kick,
    .arm = tap_arm,
    .fds = tap_fds,
    .filter = tap_filter,
    .stats = tap_stats,
};
