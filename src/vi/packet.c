/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_PACKET (packet(7), Linux Documentation/networking/packet_mmap.rst). Received by a TPACKET_V2 ring and one copy
 * into the frame: no system call to look, half a microsecond less than recvmsg. Sent by send or sendmmsg: a TX ring is
 * slower. A packet longer than its slot (offloads of a veth) comes whole through the socket's queue
 * (PACKET_COPY_THRESH).
 */
#include "base/check.h"
#include "vi/args.h"
#include "vi/drivers.h"
#include "vi/netif.h"
#include "vi/soft.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOT_MIN    2048u
#define SLOT_MAX    16384u
#define SLOT_HEADER 96u /* tpacket2_hdr, sockaddr_ll and the padding before the packet */
#define BLOCK       65536u
#define SLOTS_MIN   64u
#define QUEUE_BYTES (8 << 20) /* for packets longer than a slot */
#define GIANT       (65536u + 64)
#define MSGS        64u
#define IOVS        192u
#define NO_OUTGOING 23 /* PACKET_IGNORE_OUTGOING */

struct packet {
    struct via_soft soft;
    int fd;
    uint8_t *ring;
    uint32_t slot, slots, at;
    uint32_t idle; /* bursts that found nothing */
    bool see_own;  /* the kernel is too old to leave out what was sent here */
    bool promisc, allmulti, bypass;
};

static struct tpacket2_hdr *slot_at(const struct packet *k) {
    return (struct tpacket2_hdr *)(void *)(k->ring + (size_t)k->at * k->slot);
}

static uint32_t slot_status(const struct packet *k) {
    return __atomic_load_n(&slot_at(k)->tp_status, __ATOMIC_ACQUIRE);
}

static int read_args(struct via_vi_dev *dev, struct packet *k, const char *opts) {
    struct via_arg a;
    int err = 0;

    k->allmulti = k->bypass = true;
    while (via_args_next(&opts, &a)) {
        if (via_arg_is(&a, "promisc"))
            err = via_arg_switch(&a, &k->promisc);
        else if (via_arg_is(&a, "allmulti"))
            err = via_arg_switch(&a, &k->allmulti);
        else if (via_arg_is(&a, "bypass"))
            err = via_arg_switch(&a, &k->bypass);
        else
            err = -EINVAL;
        if (err < 0)
            return via_vi_bad_arg(dev, &a);
    }
    return 0;
}

static int set(int fd, int level, int what, int value) {
    return setsockopt(fd, level, what, &value, sizeof value) < 0 ? -errno : 0;
}

static int map_ring(struct packet *k, const struct via_vi_dev *dev) {
    struct tpacket_req r;
    void *at;
    int err;

    k->slot = (uint32_t)via_pow2_up(dev->mtu + SLOT_HEADER + 18);
    k->slot = via_min32(via_max32(k->slot, SLOT_MIN), SLOT_MAX);
    k->slots = via_max32(dev->rx_ring, SLOTS_MIN);
    memset(&r, 0, sizeof r);
    r.tp_block_size = BLOCK;
    r.tp_frame_size = k->slot;
    for (;; k->slots /= 2) {
        r.tp_block_nr = via_max32(k->slots * k->slot / BLOCK, 1);
        r.tp_frame_nr = k->slots = r.tp_block_nr * (BLOCK / k->slot);
        if (!setsockopt(k->fd, SOL_PACKET, PACKET_RX_RING, &r, sizeof r))
            break;
        err = -errno;
        if (err != -ENOMEM || r.tp_block_nr == 1)
            return err;
    }
    at = mmap(NULL, (size_t)k->slots * k->slot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, k->fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    k->ring = at;
    return 0;
}

static int bind_to(const struct packet *k, const struct via_vi_dev *dev) {
    struct sockaddr_ll ll;

    memset(&ll, 0, sizeof ll);
    ll.sll_family = AF_PACKET;
    ll.sll_protocol = htons(ETH_P_ALL);
    ll.sll_ifindex = (int)dev->ifindex;
    return bind(k->fd, (struct sockaddr *)&ll, sizeof ll) < 0 ? -errno : 0;
}

/* What can be done without: a kernel or a driver that refuses one of these still moves packets. */
static void set_niceties(struct packet *k, const struct via_vi_dev *dev) {
    k->see_own = set(k->fd, SOL_PACKET, NO_OUTGOING, 1) < 0;
    if (k->bypass)
        (void)set(k->fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    if (set(k->fd, SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES) < 0)
        (void)set(k->fd, SOL_SOCKET, SO_RCVBUF, QUEUE_BYTES);
    if (set(k->fd, SOL_SOCKET, SO_SNDBUFFORCE, QUEUE_BYTES) < 0)
        (void)set(k->fd, SOL_SOCKET, SO_SNDBUF, QUEUE_BYTES);
    if (k->promisc)
        (void)via_netif_member(dev, k->fd, true, PACKET_MR_PROMISC, NULL);
    if (k->allmulti)
        (void)via_netif_member(dev, k->fd, true, PACKET_MR_ALLMULTI, NULL);
}

static void packet_close(struct via_vi_dev *dev) {
    struct packet *k = dev->priv;

    if (!k)
        return;
    if (k->ring)
        munmap(k->ring, (size_t)k->slots * k->slot);
    if (k->fd >= 0)
        close(k->fd);
    via_soft_fini(&k->soft);
    free(k);
    dev->priv = NULL;
}

static int open_socket(struct via_vi_dev *dev, struct packet *k, const char *name) {
    int err;

    k->fd = via_netif_socket();
    if (k->fd == -EPERM)
        return via_vi_say(dev, -EPERM, "packet: a packet socket needs CAP_NET_RAW");
    if (k->fd < 0)
        return via_vi_say(dev, k->fd, "packet: no packet socket: %s", strerror(-k->fd));
    if ((err = via_netif_fill(dev, k->fd, name)) < 0)
        return err;
    if ((err = set(k->fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2)) < 0 ||
        (err = set(k->fd, SOL_PACKET, PACKET_COPY_THRESH, 1)) < 0 || (err = map_ring(k, dev)) < 0)
        return via_vi_say(dev, err, "packet: %s: no receive ring: %s", name, strerror(-err));
    set_niceties(k, dev);
    if ((err = bind_to(k, dev)) < 0)
        return via_vi_say(dev, err, "packet: %s: bind: %s", name, strerror(-err));
    return 0;
}

static int packet_open(struct via_vi_dev *dev, const char *args) {
    struct packet *k = calloc(1, sizeof *k);
    char name[sizeof dev->ifname];
    const char *opts = via_args_name(args, name, sizeof name);
    int err;

    if (!k)
        return via_vi_say(dev, -ENOMEM, "packet: out of memory");
    k->fd = -1;
    dev->priv = k;
    if (!opts)
        err = via_vi_say(dev, -ENODEV, "packet: the name of the interface is too long");
    else if (!(err = read_args(dev, k, opts)) && !(err = open_socket(dev, k, name)) &&
             (err = via_soft_init(&k->soft, dev)) < 0)
        err = via_vi_say(dev, err, "packet: out of memory");
    if (err < 0) {
        packet_close(dev);
        return err;
    }
    dev->caps = VIA_VI_JUMBO | VIA_VI_SHARED_MAC;
    dev->queues = 1;
    strcpy(dev->mode, "ring copy");
    return 0;
}

static unsigned packet_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct packet *k = dev->priv;

    return via_soft_fill(&k->soft, dev, addr, n);
}

/* Where the slot says that its bytes are, or NULL: the header makes no sense. */
static const uint8_t *slot_bytes(const struct packet *k, const struct tpacket2_hdr *h, uint32_t *len) {
    uint32_t mac = h->tp_mac, snap = h->tp_snaplen;

    if (!snap || mac < sizeof *h || mac > k->slot || snap > k->slot - mac)
        return NULL;
    *len = snap;
    return (const uint8_t *)h + mac;
}

/* A packet longer than its slot waits in the socket's queue; without it the slot's beginning has to do. */
static uint32_t read_giant(struct packet *k, const struct via_vi_dev *dev, uint32_t frames, bool *cut) {
    struct iovec iov[GIANT / 1024];
    struct msghdr m;
    ssize_t got;

    frames = via_min32(frames, VIA_COUNT(iov));
    via_soft_scatter(&k->soft, dev, iov, frames);
    memset(&m, 0, sizeof m);
    m.msg_iov = iov;
    m.msg_iovlen = frames;
    k->soft.stats.rx_syscalls++;
    got = recvmsg(k->fd, &m, MSG_DONTWAIT | MSG_TRUNC);
    if (got <= 0)
        return 0;
    *cut = (size_t)got > (size_t)frames * k->soft.room;
    return *cut ? frames * k->soft.room : (uint32_t)got;
}

static void copy_in(const struct packet *k, const struct via_vi_dev *dev, const uint8_t *from, uint32_t len) {
    uint32_t i, part;

    for (i = 0; len; i++, from += part, len -= part) {
        part = via_min32(len, k->soft.room);
        memcpy(dev->mem + k->soft.stock[k->soft.stocked - 1 - i] + dev->headroom, from, part);
    }
}

static void describe(struct via_frame *f, const struct tpacket2_hdr *h, uint32_t status, bool cut) {
    if (status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID))
        f->flags |= VIA_FRAME_CSUM_OK;
    if (status & TP_STATUS_VLAN_VALID) {
        f->flags |= VIA_FRAME_VLAN;
        f->vlan = h->tp_vlan_tci;
    }
    if (cut)
        f->flags |= VIA_FRAME_TRUNC;
}

static bool is_own(const struct packet *k, const struct tpacket2_hdr *h) {
    const struct sockaddr_ll *ll = (const void *)((const uint8_t *)h + sizeof(struct tpacket2_hdr));

    return k->see_own && ll->sll_pkttype == PACKET_OUTGOING;
}

/*
 * Takes the packet of one slot into v[0..n). Returns its frames, 0 if the slot had nothing for us; -EAGAIN: leave it
 * there until there is room for it. `alone`: there will be no more room than this.
 */
static int take_slot(struct packet *k, const struct via_vi_dev *dev, struct via_frame *v, unsigned n, bool alone) {
    const struct tpacket2_hdr *h = slot_at(k);
    uint32_t status = h->tp_status, len = 0, want, need;
    const uint8_t *from = slot_bytes(k, h, &len);
    bool whole = h->tp_len <= len, cut = !whole;

    if (!from || is_own(k, h)) {
        k->soft.stats.rx_invalid += !from;
        return 0;
    }
    want = (status & TP_STATUS_COPY) && !whole ? via_min32(h->tp_len, GIANT) : len;
    need = via_soft_need(&k->soft, want);
    if (!k->soft.stocked || (need > n && !alone))
        return -EAGAIN;
    if (need > via_min32(n, k->soft.stocked)) {
        need = via_min32(n, k->soft.stocked);
        cut = true;
    }
    want = 0;
    if (status & TP_STATUS_COPY)
        want = read_giant(k, dev, need, &cut);
    if (!want) {
        want = via_min32(len, need * k->soft.room);
        copy_in(k, dev, from, want);
    }
    via_soft_take(&k->soft, dev, v, want);
    describe(v, h, status, cut);
    return (int)via_soft_need(&k->soft, want);
}

static unsigned packet_rx(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct packet *k = dev->priv;
    unsigned got = 0;
    int frames;

    while (got < n && (slot_status(k) & TP_STATUS_USER)) {
        frames = take_slot(k, dev, v + got, n - got, !got);
        if (frames < 0)
            break;
        got += (unsigned)frames;
        __atomic_store_n(&slot_at(k)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        k->at = k->at + 1 == k->slots ? 0 : k->at + 1;
    }
    if (!got)
        (void)via_netif_watch(dev, k->fd, &k->idle);
    else if (VIA_UNLIKELY(dev->link == VIA_LINK_DOWN))
        (void)via_netif_link(dev, k->fd);
    return got;
}

static unsigned packet_tx(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct packet *k = dev->priv;

    return via_soft_burst(&k->soft, v, n);
}

/* Writes what fits into one call. Returns frames sent, or -errno about the first packet. */
static int send_some(struct packet *k, const struct via_vi_dev *dev) {
    struct mmsghdr m[MSGS];
    uint16_t frames[MSGS];
    uint8_t tag[MSGS][4];
    struct iovec iov[IOVS];
    struct via_soft_packet p = {.iov = iov, .room = IOVS};
    uint32_t i, n = 0, skip = 0;
    int sent, done = 0;

    for (; n < MSGS; n++) {
        p.tag = tag[n];
        if (!via_soft_next(&k->soft, dev, skip, &p))
            break;
        memset(&m[n], 0, sizeof m[n]);
        m[n].msg_hdr.msg_iov = p.iov;
        m[n].msg_hdr.msg_iovlen = p.iovs;
        frames[n] = (uint16_t)p.frames;
        skip += p.frames;
        p.iov += p.iovs;
        p.room -= p.iovs;
    }
    if (!n)
        return -EMSGSIZE;
    k->soft.stats.kicks++;
    if (n == 1 && m[0].msg_hdr.msg_iovlen == 1)
        sent = send(k->fd, iov[0].iov_base, iov[0].iov_len, MSG_DONTWAIT) < 0 ? -1 : 1;
    else
        sent = sendmmsg(k->fd, m, n, MSG_DONTWAIT);
    if (sent < 0)
        return -errno;
    for (i = 0; i < (uint32_t)sent; i++)
        done += frames[i];
    return done;
}

static void count_sent(struct packet *k, uint32_t frames) {
    uint32_t i;

    k->soft.stats.tx_frames += frames;
    for (i = 0; i < frames; i++)
        k->soft.stats.tx_bytes += k->soft.tx[(k->soft.sent + i) & k->soft.tx_mask].len;
    via_soft_done(&k->soft, frames);
}

/* Takes the error off the socket that a change of the link left there; it would be read as an answer later. */
static int clear_error(const struct packet *k) {
    socklen_t len = sizeof(int);
    int err = 0;

    return getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? errno : err;
}

static int lose_link(struct packet *k, struct via_vi_dev *dev) {
    via_soft_drop(&k->soft);
    if (dev->link == VIA_LINK_UP)
        dev->link = VIA_LINK_DOWN;
    return dev->link == VIA_LINK_GONE ? -ENODEV : -ENETDOWN;
}

static int packet_kick(struct via_vi_dev *dev) {
    struct packet *k = dev->priv;
    bool stale = true;
    uint32_t lost;
    int n;

    k->soft.backlog = false;
    while (via_soft_waits(&k->soft)) {
        n = send_some(k, dev);
        if (n > 0) {
            count_sent(k, (uint32_t)n);
            if (VIA_UNLIKELY(dev->link == VIA_LINK_DOWN))
                (void)via_netif_link(dev, k->fd);
        } else if (n == -EAGAIN || n == -EINTR) {
            k->soft.backlog = true;
            return 0;
        } else if (n == -ENETDOWN || n == -ENXIO || n == -ENODEV) {
            (void)clear_error(k);
            if (via_netif_link(dev, k->fd) != VIA_LINK_UP || !stale)
                return lose_link(k, dev);
            stale = false;
        } else {
            lost = via_soft_frames(&k->soft);
            k->soft.stats.tx_dropped += lost;
            via_soft_done(&k->soft, lost);
        }
    }
    return 0;
}

static unsigned packet_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    struct packet *k = dev->priv;

    if (VIA_UNLIKELY(k->soft.backlog))
        (void)packet_kick(dev);
    return via_soft_reap(&k->soft, addr, n);
}

static bool packet_pending(const struct via_vi_dev *dev) {
    const struct packet *k = dev->priv;

    return (k->soft.stocked && (slot_status(k) & TP_STATUS_USER)) || k->soft.head != k->soft.sent || k->soft.backlog;
}

/* An error that nobody takes off the socket would keep its FD readable for ever. */
static int packet_arm(struct via_vi_dev *dev) {
    struct packet *k = dev->priv;

    if (packet_pending(dev))
        return 1;
    if (clear_error(k) || dev->link != VIA_LINK_UP)
        (void)via_netif_link(dev, k->fd);
    return packet_pending(dev);
}

static unsigned packet_fds(struct via_vi_dev *dev, int *fd, unsigned n) {
    struct packet *k = dev->priv;

    if (!n)
        return 0;
    fd[0] = k->fd;
    return 1;
}

static int packet_filter(struct via_vi_dev *dev, bool add, const struct via_filter *f) {
    (void)dev, (void)add, (void)f;
    return -EOPNOTSUPP;
}

/* Reading the kernel's count sets it to zero. */
static void packet_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    struct packet *k = dev->priv;
    struct tpacket_stats t;
    socklen_t len = sizeof t;

    memset(&t, 0, sizeof t);
    if (!getsockopt(k->fd, SOL_PACKET, PACKET_STATISTICS, &t, &len))
        k->soft.stats.rx_dropped += t.tp_drops;
    via_vi_stats_add(s, &k->soft.stats);
}

const struct via_vi_ops via_vi_packet = {
    .name = "packet",
    .open = packet_open,
    .close = packet_close,
    .rx_burst = packet_rx,
    .rx_fill = packet_fill,
    .tx_burst = packet_tx,
    .tx_reap = packet_reap,
    .kick = packet_kick,
    .arm = packet_arm,
    .fds = packet_fds,
    .pending = packet_pending,
    .filter = packet_filter,
    .stats = packet_stats,
};
