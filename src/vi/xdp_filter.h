/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdp_filter.h - what the XDP program and the process that loads it agree on: the maps, and the words in them.
 *
 * `filters` is a hash whose keys are filters and whose values mean nothing; `config` says what kinds of filters there
 * are, so that the program looks up nothing that cannot be found, and repeats the IPv4 addresses while they are few: to
 * compare them takes a tenth of a look into the hash. Both sides include this, the program without the C library.
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

/* Bits of xdp_config.has. */
enum xdp_has {
    XDP_HAS_ALL = 1,
    XDP_HAS_ADDR4 = 2,
    XDP_HAS_ADDR6 = 4,
    XDP_HAS_PORT = 8,
    XDP_HAS_ANY_PORT = 16,
    XDP_HAS_MANY4 = 32, /* more IPv4 addresses than `few` holds: they are in the hash */
};

#define XDP_FEW 4

struct xdp_config {
    __u32 has;
    __be32 few[XDP_FEW]; /* IPv4 addresses of XDP_KIND_ADDR; the last one is repeated to the end */
};

/* Maps that the code refers to, in the order in which the generator numbers them. */
enum xdp_map {
    XDP_MAP_XSKS,    /* queue -> socket */
    XDP_MAP_FILTERS, /* struct xdp_filter -> __u32 */
    XDP_MAP_CONFIG,  /* 0 -> struct xdp_config */
    XDP_MAPS,
};

#endif
