/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdp.h - the two halves of the AF_XDP driver below its verbs: the program that steers, and the sockets with their
 * rings.
 *
 * The kernel keeps a program attached as long as somebody holds the FD of its link, and a queue bound as long as
 * somebody holds its socket: nothing is left behind by a process that dies. For the same reason all FDs stay in these
 * structs, where they can be handed on; whoever holds them can map the rings again.
 */
#ifndef VIA_VI_XDP_H
#define VIA_VI_XDP_H

#include "base/def.h"
#include "vi/xdp_filter.h"

#include <viaduct/vi.h>
#include <xdp/xsk.h>

#define XDP_ROOM_BEFORE 256u /* the kernel's own headroom in a frame: XDP_PACKET_HEADROOM */
#define XDP_CLASSES     5    /* the first bits of enum xdp_has */

enum xdp_mode { XDP_MODE_ANY, XDP_MODE_DRIVER, XDP_MODE_GENERIC };
enum xdp_copying { XDP_COPY_ANY, XDP_COPY_NONE, XDP_COPY_ALWAYS };

/* The steering program and its maps. Zeroed by via_xdp_prog_clear() before anything else. */
struct via_xdp_prog {
    int maps[XDP_MAPS];
    int prog, link;
    enum xdp_mode mode;       /* as attached: driver ("native") or generic */
    struct xdp_config config; /* as the map has it */
    uint32_t count[XDP_CLASSES];
};

void via_xdp_prog_clear(struct via_xdp_prog *p);
/* Makes maps for queues below `queues` and `filters` filters, loads the program. 0 or -errno with a sentence. */
int via_xdp_prog_load(struct via_xdp_prog *p, struct via_vi_dev *dev, uint32_t queues, uint32_t filters);
/* Attaches it, natively if `mode` allows and the driver can. 0 or -errno with a sentence; on success maybe a note. */
int via_xdp_prog_attach(struct via_xdp_prog *p, struct via_vi_dev *dev, enum xdp_mode mode);
/* From here on what is taken from `queue` goes to the socket. 0 or -errno. */
int via_xdp_prog_bind(struct via_xdp_prog *p, uint32_t queue, int fd);
/* 0; -EEXIST, -ENOENT, -ENOSPC, -EINVAL. */
int via_xdp_prog_filter(struct via_xdp_prog *p, bool add, const struct via_filter *f);
void via_xdp_prog_unload(struct via_xdp_prog *p);

/* One socket: a queue's rings. Indices are ours; what the kernel writes is read with acquire, and never believed. */
struct via_xsk {
    int fd;
    struct xsk_ring_cons rx, comp;
    struct xsk_ring_prod tx, fill;
    struct {
        void *at;
        size_t len;
    } map[4];
    uint32_t lent;   /* empty frames in the fill ring, or received and not yet taken: at most the ring's size */
    uint32_t flight; /* frames handed over and not yet returned: at most the ring's size */
    bool torn;       /* the last burst ended inside a packet that was longer than the burst */
};

struct via_xsk_conf {
    const struct via_vi_dev *dev;
    uint32_t headroom;         /* beyond XDP_ROOM_BEFORE */
    uint32_t rx_size, tx_size; /* powers of two; tx_size 0: this queue does not send */
    int shared;                /* a socket that has registered the frame area, or -1 */
};

/* Makes the socket, registers the frame area, maps the rings. 0 or -errno; via_xsk_close() either way. */
int via_xsk_open(struct via_xsk *x, const struct via_xsk_conf *c);
/* Binds to a queue with XDP_* flags; with a shared area they are those of the first socket. 0 or -errno. */
int via_xsk_bind(struct via_xsk *x, const struct via_xsk_conf *c, uint32_t queue, uint16_t flags);
bool via_xsk_zerocopy(const struct via_xsk *x);
void via_xsk_close(struct via_xsk *x);

#endif
