/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * route.h - the way to a destination: one table of prefixes for both families. Longest prefix, then lowest metric.
 *
 * The index is a tree bitmap (Eatherton, Dittia, Varghese 2004): each node covers six bits of the address with two
 * bitmaps, one of the prefixes that end inside it, one of its children; children of a node lie side by side, so do its
 * results. An insertion touches one node and moves at most 64 neighbours, a lookup reads one cache line per six bits.
 * Each family has its own root. While there are few prefixes they are kept in a short array as well, longest first, and
 * compared one after the other; when there are many, those of 16 bits and more start at one of 65,536 roots.
 */
#ifndef VIA_NET_ROUTE_H
#define VIA_NET_ROUTE_H

#include "vi/vi.h"

#include <viaduct/ctrl.h>

#define VIA_ROUTE_FEW  8
#define VIA_ROUTE_MANY 1024 /* prefixes of a family from which on it has many roots */

/* Where a route came from. */
enum via_route_origin {
    VIA_ROUTE_MANUAL = 0,
    VIA_ROUTE_SUBNET,   /* the subnet of an own address */
    VIA_ROUTE_ADVERT,   /* a router advertisement */
    VIA_ROUTE_REDIRECT, /* a redirect */
};

struct via_rt {
    struct via_addr dst;
    struct via_addr gateway; /* all zero: on link */
    struct via_addr source;  /* all zero: chosen */
    uint32_t next;           /* of the same prefix, metric not lower */
    uint32_t metric;
    uint32_t mtu;   /* 0: the interface's */
    uint8_t iface;  /* 0: free slot */
    uint8_t bits;   /* of 128; IPv4 behind 96 */
    uint8_t origin; /* enum via_route_origin */
    uint8_t pad;
};

struct via_tnode {
    uint64_t ends;     /* prefixes of l bits and value v that end here: bit 2^l - 1 + v */
    uint64_t goes;     /* children */
    uint32_t results;  /* unit where the ids of routes begin */
    uint32_t children; /* unit where the child nodes begin */
};

struct via_route_few {
    uint64_t hi, lo, mask_hi, mask_lo;
    uint32_t route, bits;
};

#define VIA_TRIE_UNIT    8 /* bytes; arrays of the trie are counted in these */
#define VIA_TRIE_CLASSES 16

/* One family. */
struct via_trie {
    struct via_tnode root;
    uint32_t prefixes; /* different ones */
    bool wide;         /* prefixes of 16 bits and more are below `roots`, not below `root` */
    uint8_t pad[3];
    uint64_t roots;                          /* offset of 65,536 nodes, memory only once `wide` was tried */
    struct via_route_few few[VIA_ROUTE_FEW]; /* all of them, longest first, unless there are more */
};

struct via_route_table {
    struct via_trie trie[2]; /* IPv6, IPv4 */
    struct via_pool pool;
    uint32_t count;                  /* routes */
    uint32_t manual;                 /* of them VIA_ROUTE_MANUAL, which the attribute max_routes bounds */
    uint64_t arena;                  /* offset of the units of the tries */
    uint32_t used, ready, cap;       /* units handed out, committed, there are; unit 0 is nobody's */
    uint32_t free[VIA_TRIE_CLASSES]; /* first free array of each size */
};

uint64_t via_route_bytes(const struct via_attrs *a);
int via_route_init(struct via_core *c);

struct via_rt *via_rt_at(const struct via_core *c, uint32_t id);

/*
 * The first route of the longest prefix of `a` that is not longer than `most` bits (of 128, IPv4 behind 96), or 0.
 * Others of the prefix follow by `next`. For a shorter prefix ask again with `most` = bits - 1; a negative one finds
 * nothing.
 */
uint32_t via_route_find(const struct via_core *c, const struct via_addr *a, int most);

/* Adds a route, bits of `dst` behind the prefix cleared; its id in *out if not NULL. 0, -EEXIST, -ENOSPC. */
int via_route_add(struct via_core *c, const struct via_rt *r, uint32_t *out);
/* Takes it away. */
void via_route_del(struct via_core *c, uint32_t id);
/* The route of exactly this prefix, gateway, interface and metric, or 0. */
uint32_t via_route_exact(const struct via_core *c, const struct via_rt *r);
/* Takes away all of an interface (0: of all) that came from `origin`, or from anywhere if it is negative. */
void via_route_flush(struct via_core *c, uint8_t iface, int origin);

/* True if `a` can be reached over `iface` (0: any) without a gateway. */
bool via_route_on_link(const struct via_core *c, const struct via_addr *a, uint8_t iface);

/* Walks everything. For VIA_CHECK. */
bool via_route_valid(const struct via_core *c);

#endif
