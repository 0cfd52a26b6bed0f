/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file ctrl.h
 * @brief The control plane: own addresses, routes, neighbours, and following the kernel's.
 */
#ifndef VIADUCT_CTRL_H
#define VIADUCT_CTRL_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Operations. LIST calls the `each` function of the structure for every entry until it returns non-zero. */
enum via_ctrl_op { VIA_CTRL_ADD = 1, VIA_CTRL_DEL, VIA_CTRL_LIST, VIA_CTRL_FLUSH };

/** State of an own address (RFC 4862). */
enum via_addr_state {
    VIA_ADDR_TENTATIVE = 0, /**< Not usable yet: others are asked whether they have it. */
    VIA_ADDR_PREFERRED,
    VIA_ADDR_DEPRECATED,    /**< Usable; chosen as a source only where there is no preferred one. */
    VIA_ADDR_DUPLICATE,     /**< Not usable: another host has it. */
    VIA_ADDR_OPTIMISTIC,    /**< Usable as a deprecated one is while others are still asked (RFC 4429). */
};

/** Flags of an own address. */
enum via_addr_flag {
    VIA_ADDR_NODAD = 1,   /**< Use at once, without duplicate address detection. */
    VIA_ADDR_KERNEL = 2,  /**< The kernel owns it too and answers ARP, ND and ICMP for it. */
    VIA_ADDR_AUTO = 4,    /**< Made by the stack (link-local, router advertisement); on LIST. */
    VIA_ADDR_EARLY = 8,   /**< IPv6: usable as soon as others were asked for the first time (RFC 4429). */
    VIA_ADDR_TEMPORARY = 16, /**< Random and short-lived (RFC 8981, attribute temp_addrs); on LIST. */
};

/** An own address. */
struct via_ifaddr {
    struct via_addr addr;
    uint32_t iface;       /**< Interface number (via_vi_info.index). */
    uint8_t prefix;       /**< Length of the on-link prefix: 0..32 for IPv4, 0..128 for IPv6. */
    uint8_t state;        /**< enum via_addr_state, on LIST. */
    uint8_t flags;        /**< enum via_addr_flag. */
    uint8_t pad;
    int (*each)(const struct via_ifaddr *, void *); /**< LIST. */
    void *arg;
};

/** A route. Longest prefix wins, then lowest metric. */
struct via_route {
    struct via_addr dst;
    struct via_addr gateway; /**< All zero: on link. */
    struct via_addr source;  /**< Preferred source, all zero: chosen by RFC 6724. */
    uint32_t iface;
    uint32_t metric;
    uint32_t mtu;            /**< 0: the interface's. */
    uint8_t prefix;          /**< 0..32 for IPv4, 0..128 for IPv6. */
    uint8_t family;          /**< enum via_family; needed for ::/0 and 0.0.0.0/0. */
    uint8_t pad[2];
    int (*each)(const struct via_route *, void *);
    void *arg;
};

/** Reachability of a neighbour (RFC 4861 7.3.2). */
enum via_neigh_state {
    VIA_NEIGH_NONE = 0, VIA_NEIGH_INCOMPLETE, VIA_NEIGH_REACHABLE, VIA_NEIGH_STALE, VIA_NEIGH_DELAY, VIA_NEIGH_PROBE,
    VIA_NEIGH_FAILED, VIA_NEIGH_STATIC
};

/** A neighbour: ADD makes a static one. */
struct via_neigh_entry {
    struct via_addr addr;
    uint32_t iface;
    uint8_t mac[6];
    uint8_t state;  /**< enum via_neigh_state, on LIST. */
    uint8_t router; /**< Says that it is one. */
    int (*each)(const struct via_neigh_entry *, void *);
    void *arg;
};

/** What via_ctrl_mirror() follows. */
enum via_mirror_what { VIA_MIRROR_ADDRS = 1, VIA_MIRROR_ROUTES = 2, VIA_MIRROR_NEIGHS = 4, VIA_MIRROR_ALL = 7 };

/** Own addresses. @return 0; -EEXIST; -ENOENT; -EINVAL; -ENODEV no such interface; -ENOSPC (attribute max_addrs). */
VIA_API int via_ctrl_addr(struct via_stack *st, int op, const struct via_ifaddr *a);
/** Routes. @return 0; -EEXIST; -ENOENT; -EINVAL; -ENODEV; -ENETUNREACH gateway not on link; -ENOSPC. */
VIA_API int via_ctrl_route(struct via_stack *st, int op, const struct via_route *r);
/** Neighbours; FLUSH forgets all but static ones (of `iface`, if not 0). @return 0; -ENOENT; -EINVAL; -ENODEV; -ENOSPC. */
VIA_API int via_ctrl_neigh(struct via_stack *st, int op, const struct via_neigh_entry *n);
/**
 * Follows the kernel's tables for the interface `ifname` of an open VI by rtnetlink(7), within the poll; its FD is in the
 * wait set. Link changes of VIs are followed in any case where libmnl was built in.
 * @return 0; -ENODEV; -ENOSYS built without libmnl; -EINVAL.
 */
VIA_API int via_ctrl_mirror(struct via_stack *st, const char *ifname, unsigned what);

#ifdef __cplusplus
}
#endif
#endif
