/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demux.h - from a flow to its socket: one open-addressed table of {hash, ref} of 8 bytes, keyed by SipHash.
 *
 * A socket is entered under its own flow with wildcards as zero: four-tuple, local pair, or port alone. A packet is
 * looked up from the most exact key to the widest; levels at which nobody is entered cost nothing. Deletion closes the
 * gap, so there are no tombstones.
 *
 * A connected socket has a second entry, a *hold*, under what it was bound to: no packet finds it, but who wants to
 * bind does, so that a bound port stays one's own. (Sockets that share theirs have none: there may be very many of
 * them.)
 */
#ifndef VIA_SOCK_DEMUX_H
#define VIA_SOCK_DEMUX_H

#include "net/net.h"

/* How exact an entry is. ANY4 takes IPv4 alone, ANY both families. */
enum via_demux_level { VIA_DEMUX_FULL = 0, VIA_DEMUX_LOCAL, VIA_DEMUX_ANY4, VIA_DEMUX_ANY, VIA_DEMUX_LEVELS };

struct via_demux_entry {
    uint32_t hash;
    uint32_t ref; /* 0: empty */
};

struct via_demux {
    struct via_key key;
    uint64_t table; /* offset of the entries */
    uint32_t mask;  /* entries - 1 */
    uint32_t count;
    uint32_t level[VIA_DEMUX_LEVELS]; /* entries of each level */
    uint32_t turn;                    /* moves with every change: what was found before may be wrong */
    uint32_t pad;
};

/* Where a search stands, so that several receivers of one key can be visited. */
struct via_demux_walk {
    uint32_t hash;
    uint32_t at;
    bool holds; /* holds are visited too */
};

uint64_t via_demux_bytes(uint32_t socks);
int via_demux_init(struct via_core *c, uint32_t socks);

/* Enters a socket under its flow; 0, -ENOBUFS. Several may have the same flow. */
int via_demux_add(struct via_core *c, uint32_t ref);
void via_demux_del(struct via_core *c, uint32_t ref);

/* The same for the hold of a socket under its bound address and port. */
int via_demux_hold(struct via_core *c, uint32_t ref);
void via_demux_let_go(struct via_core *c, uint32_t ref);

/* The socket of a packet's flow (all parts filled, local end first), or 0. */
uint32_t via_demux_find(struct via_core *c, const struct via_flow *flow);

/* The other family's wildcard at the port of a wildcard: bound without V6ONLY they would take the same packets. */
static inline bool via_flow_twin(const struct via_flow *f, struct via_flow *twin) {
    *twin = *f;
    memset(&twin->local, 0, sizeof twin->local);
    if (!via_addr_is4(&f->local))
        twin->local = via_addr_from4(0);
    return !f->rport && via_addr_is_any(&f->local);
}

/* The first and the following sockets entered under exactly this key, whatever their interface; 0 at the end. */
uint32_t via_demux_first(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w);
/* Those who are bound to this key count as well, wherever they are connected to. */
uint32_t via_demux_first_bound(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w);
uint32_t via_demux_next(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w);

/* Entries all reachable from their home slot. For VIA_CHECK. */
bool via_demux_valid(struct via_core *c);

#endif
