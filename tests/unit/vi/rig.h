/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rig.h - one driver with a frame area of its own, and a network namespace to try it in. Frames go out and come in by
 * bytes; every frame is accounted for, so that a driver which loses or doubles one fails the test that uses it.
 */
#ifndef VIA_TESTS_VI_RIG_H
#define VIA_TESTS_VI_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/def.h"
#include "vi/drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RIG_FRAMES 512u
#define RIG_ETHER  0x88b5 /* for local experiments: IEEE 802 */

struct rig {
    struct via_vi_dev dev;
    char why[VIA_WHY];
    via_ns_t now;
    uint64_t spare[RIG_FRAMES];
    unsigned spares;
    uint8_t owned[RIG_FRAMES]; /* 1: this frame is with the driver */
    struct via_frame held[64]; /* the last burst, from held_at on not yet looked at */
    unsigned held_at, held_n;
    uint16_t ether; /* what rig_recv() waits for */
};

/* Runs a command of the shell; the test fails with it. */
VIA_PRINTF(1, 2) static inline void rig_run(const char *text, ...) {
    char line[512];
    va_list ap;

    va_start(ap, text);
    vsnprintf(line, sizeof line, text, ap);
    va_end(ap);
    if (system(line))
        fail_msg("failed: %s", line);
}

/* Moves the process into a new, quiet network namespace; false without the right to. */
static inline bool rig_namespace(void) {
    if (unshare(CLONE_NEWNET) < 0)
        return false;
    return !system("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 && ip link set lo up");
}

/* The end of a test program that may not make a namespace. */
static inline int rig_skipped(void) {
    printf("skipped: no right to make a network namespace\n");
    return 0;
}

static inline int rig_try(struct rig *r, const struct via_vi_ops *ops, const char *args) {
    unsigned i;

    memset(r, 0, sizeof *r);
    r->ether = RIG_ETHER;
    r->dev.ops = ops;
    r->dev.frame_size = 2048;
    r->dev.headroom = 128;
    r->dev.rx_ring = r->dev.tx_ring = 128;
    r->dev.seed = 7;
    r->dev.now = &r->now;
    r->dev.why = r->why;
    r->dev.mem_size = (uint64_t)RIG_FRAMES * r->dev.frame_size;
    r->dev.mem_fd = memfd_create("rig", MFD_CLOEXEC);
    assert_true(r->dev.mem_fd >= 0);
    assert_int_equal(ftruncate(r->dev.mem_fd, (off_t)r->dev.mem_size), 0);
    r->dev.mem = mmap(NULL, r->dev.mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, r->dev.mem_fd, 0);
    assert_ptr_not_equal(r->dev.mem, MAP_FAILED);
    for (i = 0; i < RIG_FRAMES; i++)
        r->spare[r->spares++] = (uint64_t)i * r->dev.frame_size;
    return ops->open(&r->dev, args);
}

static inline void rig_free(struct rig *r) {
    munmap(r->dev.mem, r->dev.mem_size);
    close(r->dev.mem_fd);
}

static inline void rig_open(struct rig *r, const struct via_vi_ops *ops, const char *args) {
    int err = rig_try(r, ops, args);

    if (err < 0)
        fail_msg("%s:%s: %d: %s", ops->name, args, err, r->why);
}

static inline void rig_close(struct rig *r) {
    r->dev.ops->close(&r->dev);
    rig_free(r);
}

static inline uint64_t rig_take(struct rig *r) {
    assert_true(r->spares > 0);
    return r->spare[--r->spares];
}

static inline void rig_lend(struct rig *r, uint64_t addr) {
    assert_int_equal(r->owned[addr / r->dev.frame_size], 0);
    r->owned[addr / r->dev.frame_size] = 1;
}

static inline void rig_back(struct rig *r, uint64_t addr) {
    assert_true(addr < r->dev.mem_size);
    assert_int_equal(r->owned[addr / r->dev.frame_size], 1);
    r->owned[addr / r->dev.frame_size] = 0;
}

static inline void rig_give(struct rig *r, uint64_t addr) {
    r->spare[r->spares++] = addr - addr % r->dev.frame_size;
}

/* Lends `n` empty frames; returns how many were taken. */
static inline unsigned rig_fill(struct rig *r, unsigned n) {
    unsigned i, taken = 0;
    uint64_t a;

    for (i = 0; i < n; i++) {
        a = rig_take(r);
        if (!r->dev.ops->rx_fill(&r->dev, &a, 1)) {
            rig_give(r, a);
            break;
        }
        rig_lend(r, a);
        taken++;
    }
    return taken;
}

static inline void rig_reap(struct rig *r) {
    uint64_t a[64];
    unsigned i, n;

    while ((n = r->dev.ops->tx_reap(&r->dev, a, 64))) {
        for (i = 0; i < n; i++) {
            rig_back(r, a[i]);
            rig_give(r, a[i]);
        }
    }
}

/* Hands over `len` bytes in as many frames as they need, flags and tag on the first; true if they were taken. */
static inline bool rig_queue(struct rig *r, const void *bytes, uint32_t len, uint16_t flags, uint16_t vlan) {
    uint32_t at = 0, room = r->dev.frame_size - 256;
    struct via_frame v[64];
    unsigned n = 0, i, taken;

    memset(v, 0, sizeof v);
    do {
        assert_true(n < 64);
        v[n].addr = rig_take(r) + 256;
        v[n].len = via_min32(len - at, room);
        memcpy(r->dev.mem + v[n].addr, (const uint8_t *)bytes + at, v[n].len);
        at += v[n].len;
        v[n].flags = at < len ? VIA_FRAME_MORE : 0;
        n++;
    } while (at < len);
    v[0].flags = (uint16_t)(v[0].flags | flags);
    v[0].vlan = vlan;
    taken = r->dev.ops->tx_burst(&r->dev, v, n);
    assert_true(taken == 0 || taken == n);
    for (i = 0; i < n; i++) {
        if (taken)
            rig_lend(r, v[i].addr);
        else
            rig_give(r, v[i].addr);
    }
    return taken == n;
}

static inline void rig_send(struct rig *r, const void *bytes, uint32_t len) {
    assert_true(rig_queue(r, bytes, len, 0, 0));
    assert_int_equal(r->dev.ops->kick(&r->dev), 0);
}

/* One received packet, put together. */
struct rig_packet {
    uint32_t len, frames;
    uint16_t flags, vlan;
    uint8_t bytes[70000];
};

/* Puts the next packet of the burst at hand into `p`; false: no frame is at hand. */
static inline bool rig_next(struct rig *r, struct rig_packet *p) {
    struct via_frame *f;
    bool more = true;

    p->len = p->frames = 0;
    if (r->held_at == r->held_n)
        return false;
    p->flags = r->held[r->held_at].flags;
    p->vlan = r->held[r->held_at].vlan;
    for (; more; r->held_at++) {
        assert_true(r->held_at < r->held_n);
        f = &r->held[r->held_at];
        rig_back(r, f->addr);
        assert_true(f->addr % r->dev.frame_size >= r->dev.headroom);
        assert_true(f->addr % r->dev.frame_size + f->len <= r->dev.frame_size);
        assert_true(p->len + f->len <= sizeof p->bytes);
        memcpy(p->bytes + p->len, r->dev.mem + f->addr, f->len);
        p->len += f->len;
        p->frames++;
        more = f->flags & VIA_FRAME_MORE;
        rig_give(r, f->addr);
    }
    return true;
}

/* Sleeps until the driver's FDs say something; false after `ms`. */
static inline bool rig_sleep(struct rig *r, int ms) {
    struct pollfd pf[16];
    int fd[16];
    unsigned i, n = r->dev.ops->fds(&r->dev, fd, 16);

    if (r->dev.ops->arm && r->dev.ops->arm(&r->dev))
        return true;
    for (i = 0; i < n; i++) {
        pf[i].fd = fd[i];
        pf[i].events = POLLIN;
    }
    return poll(pf, n, ms) > 0;
}

/* Waits at most `ms` for a packet of type r->ether, whatever else comes; false: there was none. */
static inline bool rig_recv_for(struct rig *r, struct rig_packet *p, int ms) {
    do {
        while (rig_next(r, p))
            if (p->len >= 14 && p->bytes[12] == r->ether >> 8 && p->bytes[13] == (r->ether & 0xff))
                return true;
        rig_reap(r);
        rig_fill(r, r->held_n);
        r->held_at = 0;
        r->held_n = r->dev.ops->rx_burst(&r->dev, r->held, 64);
    } while (r->held_n || rig_sleep(r, ms));
    return false;
}

static inline void rig_recv(struct rig *r, struct rig_packet *p) {
    if (!rig_recv_for(r, p, 2000))
        fail_msg("%s: nothing came", r->dev.ops->name);
}

/* A frame of `len` bytes to everybody, filled with a pattern that `seed` makes different. */
static inline uint8_t *rig_frame(uint8_t *at, uint32_t len, uint8_t seed) {
    uint32_t i;

    for (i = 0; i < len; i++)
        at[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
    memset(at, 0xff, 6);
    memcpy(at + 6, "\x02\x00\x00\x00\x00\x01", 6);
    at[12] = RIG_ETHER >> 8;
    at[13] = RIG_ETHER & 0xff;
    return at;
}

/* A TCP segment over IPv4 with `payload` bytes; returns the length of the frame. */
static inline size_t rig_tcp(uint8_t *at, size_t payload) {
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP};
    struct tcphdr tcp = {.doff = 5, .ack = 1};

    rig_frame(at, (uint32_t)(14 + 40 + payload), 3);
    at[12] = 0x08;
    at[13] = 0x00;
    ip.tot_len = htons((uint16_t)(40 + payload));
    ip.saddr = htonl(0x0a000001);
    ip.daddr = htonl(0x0a000002);
    memcpy(at + 14, &ip, sizeof ip);
    memcpy(at + 34, &tcp, sizeof tcp);
    return 14 + 40 + payload;
}

/* What is left to the device, as the kernel's own TCP leaves it. */
enum rig_offload { RIG_PLAIN, RIG_NO_SUM, RIG_SEGMENTS };

/* Sends a frame of rig_tcp() through an interface's other door. */
static inline void rig_offload(const char *ifname, const void *bytes, size_t len, enum rig_offload what) {
    int one = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
    struct virtio_net_hdr h;
    struct iovec iov[2] = {{&h, sizeof h}, {(void *)(uintptr_t)bytes, len}};

    memset(&h, 0, sizeof h);
    if (what != RIG_PLAIN) {
        h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        h.csum_start = 34;
        h.csum_offset = 16;
    }
    if (what == RIG_SEGMENTS) {
        h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        h.hdr_len = 54;
        h.gso_size = 1448;
    }
    assert_true(fd >= 0);
    ll.sll_ifindex = (int)if_nametoindex(ifname);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof ll), 0);
    assert_int_equal(writev(fd, iov, 2), (ssize_t)(len + sizeof h));
    close(fd);
}

static inline struct via_vi_stats rig_stats(struct rig *r) {
    struct via_vi_stats s;

    memset(&s, 0, sizeof s);
    r->dev.ops->stats(&r->dev, &s);
    return s;
}

#endif
