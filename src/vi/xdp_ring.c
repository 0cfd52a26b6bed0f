/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets and rings by the kernel's own interface (Linux Documentation/networking/af_xdp.rst). libxdp has calls that do
 * the same, but they lose the errno of a refusal, leave FDs to be inherited, and cannot map the rings of a socket that
 * another process opened. Its verbs over a mapped ring are used.
 */
#include "vi/xdp.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define COMP_IDLE 64u /* of a queue that does not send; there must be one */

enum { MAP_RX, MAP_TX, MAP_FILL, MAP_COMP };

static int set(const struct via_xsk *x, int what, const void *at, size_t len) {
    return setsockopt(x->fd, SOL_XDP, what, at, (socklen_t)len) < 0 ? -errno : 0;
}

static int register_area(const struct via_xsk *x, const struct via_xsk_conf *c) {
    struct xdp_umem_reg r;

    memset(&r, 0, sizeof r);
    r.addr = (uintptr_t)c->dev->mem;
    r.len = c->dev->mem_size - c->dev->mem_size % c->dev->frame_size;
    r.chunk_size = c->dev->frame_size;
    r.headroom = c->headroom;
    return set(x, XDP_UMEM_REG, &r, sizeof r);
}

static int size_rings(const struct via_xsk *x, const struct via_xsk_conf *c) {
    uint32_t comp = c->tx_size ? c->tx_size : COMP_IDLE;
    int err;

    if ((err = set(x, XDP_UMEM_FILL_RING, &c->rx_size, sizeof c->rx_size)) < 0 ||
        (err = set(x, XDP_UMEM_COMPLETION_RING, &comp, sizeof comp)) < 0 ||
        (err = set(x, XDP_RX_RING, &c->rx_size, sizeof c->rx_size)) < 0)
        return err;
    return c->tx_size ? set(x, XDP_TX_RING, &c->tx_size, sizeof c->tx_size) : 0;
}

static int map_ring(struct via_xsk *x, int which, size_t len, uint64_t page) {
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, x->fd, (off_t)page);

    if (at == MAP_FAILED)
        return -errno;
    x->map[which].at = at;
    x->map[which].len = len;
    return 0;
}

static void set_cons(struct xsk_ring_cons *r, uint8_t *at, const struct xdp_ring_offset *off, uint32_t size) {
    memset(r, 0, sizeof *r);
    r->mask = size - 1;
    r->size = size;
    r->producer = (uint32_t *)(void *)(at + off->producer);
    r->consumer = (uint32_t *)(void *)(at + off->consumer);
    r->flags = (uint32_t *)(void *)(at + off->flags);
    r->ring = at + off->desc;
    r->cached_cons = r->cached_prod = *r->consumer;
}

static void set_prod(struct xsk_ring_prod *r, uint8_t *at, const struct xdp_ring_offset *off, uint32_t size) {
    memset(r, 0, sizeof *r);
    r->mask = size - 1;
    r->size = size;
    r->producer = (uint32_t *)(void *)(at + off->producer);
    r->consumer = (uint32_t *)(void *)(at + off->consumer);
    r->flags = (uint32_t *)(void *)(at + off->flags);
    r->ring = at + off->desc;
    r->cached_prod = *r->producer;
}

static int map_rings(struct via_xsk *x, const struct via_xsk_conf *c) {
    uint32_t comp = c->tx_size ? c->tx_size : COMP_IDLE;
    struct xdp_mmap_offsets off;
    socklen_t len = sizeof off;
    int err;

    if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
        return -errno;
    if (len != sizeof off)
        return -EOPNOTSUPP; /* before Linux 5.4 */
    if ((err = map_ring(x, MAP_RX, off.rx.desc + c->rx_size * sizeof(struct xdp_desc), XDP_PGOFF_RX_RING)) < 0 ||
        (err = map_ring(x, MAP_FILL, off.fr.desc + c->rx_size * sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING)) < 0 ||
        (err = map_ring(x, MAP_COMP, off.cr.desc + comp * sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING)) < 0)
        return err;
    set_cons(&x->rx, x->map[MAP_RX].at, &off.rx, c->rx_size);
    set_prod(&x->fill, x->map[MAP_FILL].at, &off.fr, c->rx_size);
    set_cons(&x->comp, x->map[MAP_COMP].at, &off.cr, comp);
    if (!c->tx_size)
        return 0;
    if ((err = map_ring(x, MAP_TX, off.tx.desc + c->tx_size * sizeof(struct xdp_desc), XDP_PGOFF_TX_RING)) < 0)
        return err;
    set_prod(&x->tx, x->map[MAP_TX].at, &off.tx, c->tx_size);
    return 0;
}

int via_xsk_open(struct via_xsk *x, const struct via_xsk_conf *c) {
    int err;

    memset(x, 0, sizeof *x);
    x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (x->fd < 0)
        return -errno;
    if (c->shared < 0 && (err = register_area(x, c)) < 0)
        return err;
    if ((err = size_rings(x, c)) < 0)
        return err;
    return map_rings(x, c);
}

int via_xsk_bind(struct via_xsk *x, const struct via_xsk_conf *c, uint32_t queue, uint16_t flags) {
    struct sockaddr_xdp a;

    memset(&a, 0, sizeof a);
    a.sxdp_family = AF_XDP;
    a.sxdp_ifindex = c->dev->ifindex;
    a.sxdp_queue_id = queue;
    a.sxdp_flags = flags;
    if (c->shared >= 0) {
        a.sxdp_flags = XDP_SHARED_UMEM;
        a.sxdp_shared_umem_fd = (uint32_t)c->shared;
    }
    return bind(x->fd, (struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
}

bool via_xsk_zerocopy(const struct via_xsk *x) {
    struct xdp_options o = {0};
    socklen_t len = sizeof o;

    return !getsockopt(x->fd, SOL_XDP, XDP_OPTIONS, &o, &len) && (o.flags & XDP_OPTIONS_ZEROCOPY);
}

void via_xsk_close(struct via_xsk *x) {
    unsigned i;

    for (i = 0; i < VIA_COUNT(x->map); i++)
        if (x->map[i].at)
            munmap(x->map[i].at, x->map[i].len);
    if (x->fd >= 0)
        close(x->fd);
    memset(x, 0, sizeof *x);
    x->fd = -1;
}
