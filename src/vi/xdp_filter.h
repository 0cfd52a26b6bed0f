/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdp_filter.h - what the XDP program and the process that loads it agree on: the maps, and the words in them.
 *
 * `filters` is a hash whose keys are filters and whose values mean nothing; `config` has one word, which says what
 * kinds of filters there are, so that the program looks up nothing that cannot be found. Both sides include this, the
 * program without the C library.
 */
#ifndef VIA_VI_XDP_FILTER_H
#define VIA_VI_XDP_FILTER_H

#include <linux/types.h>

/* struct via_filter of <viaduct/vi.h>, byte for byte; IPv4 addresses as ::ffff:a.b.c.d, "any" as zeros. */
struct xdp_filter {
    __be32 addr[4];
    __u16 port; /* host byte order */
    __u8 proto;
    __u8 kind; /* enum via_filter_kind */
};

enum xdp_kind {
    XDP_KIND_ALL = 1,
    XDP_KIND_ADDR,
    XDP_KIND_PORT,
};

/* Bits of the word in `config`. */
enum xdp_has {
    XDP_HAS_ALL = 1,
    XDP_HAS_ADDR4 = 2,
    XDP_HAS_ADDR6 = 4,
    XDP_HAS_PORT = 8,
    XDP_HAS_ANY_PORT = 16,
};

/* Maps that the code refers to, in the order in which the generator numbers them. */
enum xdp_map {
    XDP_MAP_XSKS,    /* queue -> socket */
    XDP_MAP_FILTERS, /* struct xdp_filter -> __u32 */
    XDP_MAP_CONFIG,  /* 0 -> enum xdp_has bits */
    XDP_MAPS,
};

#endif
