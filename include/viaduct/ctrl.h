/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file ctrl.h
 * @brief The control plane: own addresses, routes, neighbours, and following the kernel's.
 *
 * One verb for each table, with an operation and a struct that names an entry. A new stack has 127.0.0.1 and ::1; an
 * interface brings a link-local address (attribute linklocal) and, by router advertisements (attribute accept_ra),
 * addresses and routes. Everything else is put here by hand, or follows the kernel (via_ctrl_mirror()).
 *
 * All are for the owner thread, take effect at once for what is sent and received from then on, and allocate nothing:
 * the tables have the sizes of attributes. A refusal leaves its sentence in via_why() and changes nothing. Addresses of
 * both families have one form (struct via_addr); the interface number is via_vi_info.index.
 */
#ifndef VIADUCT_CTRL_H
#define VIADUCT_CTRL_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Operations. */
enum via_ctrl_op {
    VIA_CTRL_ADD = 1, /**< A new entry; -EEXIST if it is there. */
    VIA_CTRL_DEL,     /**< The entry that the structure names; -ENOENT if there is none. */
    VIA_CTRL_LIST,    /**< Calls `each` for every entry until it returns non-zero; it may not call the stack. */
    VIA_CTRL_FLUSH,   /**< All entries made by hand (neighbours: all but those); of `iface` alone if it is not 0. */
};

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

/** An own address. `each` and `arg` are for LIST alone, all else is filled there. */
struct via_ifaddr {
    struct via_addr addr; /**< Unicast: no group, no broadcast or loopback address. */
    uint32_t iface;       /**< Interface number (via_vi_info.index). */
    uint8_t prefix;       /**< Length of the on-link prefix: 0..32 for IPv4, 0..128 for IPv6. */
    uint8_t state;        /**< enum via_addr_state, on LIST. */
    uint8_t flags;        /**< enum via_addr_flag. */
    uint8_t pad;
    int (*each)(const struct via_ifaddr *, void *); /**< LIST. */
    void *arg;
};

/**
 * A route. Longest prefix wins, then lowest metric; a gateway that does not answer, and an interface whose link is down,
 * are passed over while there is another way. The subnet of an own address is a route that comes and goes with it.
 */
struct via_route {
    struct via_addr dst;     /**< Bits behind `prefix` are ignored. */
    struct via_addr gateway; /**< All zero: on link. */
    struct via_addr source;  /**< Preferred source, all zero: chosen by RFC 6724 5. */
    uint32_t iface;          /**< Interface number. */
    uint32_t metric;         /**< 0 is best; those of router advertisements are 1024 and thereabouts (RFC 4191). */
    uint32_t mtu;            /**< Largest IP packet, bytes; 0: the interface's. */
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

/**
 * A neighbour: who has which MAC address on a link (ARP RFC 826, neighbour discovery RFC 4861). The stack finds them by
 * itself and keeps at most attribute max_neighs; ADD makes a static one, which is neither asked for nor forgotten.
 */
struct via_neigh_entry {
    struct via_addr addr;
    uint32_t iface; /**< Interface number. */
    uint8_t mac[6]; /**< All zero on LIST while it is not known. */
    uint8_t state;  /**< enum via_neigh_state, on LIST. */
    uint8_t router; /**< Says that it is one. */
    int (*each)(const struct via_neigh_entry *, void *);
    void *arg;
};

/** What via_ctrl_mirror() follows. */
enum via_mirror_what {
    VIA_MIRROR_ADDRS = 1,  /**< Addresses become own ones with VIA_ADDR_KERNEL. */
    VIA_MIRROR_ROUTES = 2, /**< Unicast routes of the main table. */
    VIA_MIRROR_NEIGHS = 4, /**< Neighbours; and where the kernel must ask for us, it is made to. */
    VIA_MIRROR_ALL = 7,
};

/**
 * Own addresses. A new one is looked for on the link first (duplicate detection, RFC 4862 5.4, RFC 5227) unless
 * VIA_ADDR_NODAD is set or the attribute dad_probes is 0: until then it is TENTATIVE and cannot be bound or sent from.
 * Sockets bound to an address that goes, or turns out a duplicate, get VIA_EV_ERR with -EADDRNOTAVAIL or -EADDRINUSE.
 * DEL looks at `addr` and `iface` (0: wherever it is).
 * @return 0;
 *   - -EEXIST, -ENOENT as the operations say,
 *   - -EINVAL no such operation, an address that cannot be one, a prefix or a flag that is none, LIST without `each`,
 *   - -ENODEV no such interface,
 *   - -ENOSPC as many as attribute max_addrs, or no room for its route.
 */
VIA_API int via_ctrl_addr(struct via_stack *st, int op, const struct via_ifaddr *a);
/**
 * Routes. The same destination may have several, with different gateways, interfaces or metrics. ADD with a gateway and
 * `iface` 0 takes the interface on whose link the gateway is. DEL takes the first with that destination and prefix; what
 * is zero among the rest fits anything. The subnet of an own address goes with the address alone.
 * @return 0;
 *   - -EEXIST, -ENOENT as the operations say,
 *   - -EINVAL no such operation, a family or prefix that does not fit, a group, LIST without `each`,
 *   - -ENODEV no such interface,
 *   - -ENETUNREACH the gateway is not on the link of that interface,
 *   - -ENOSPC as many as attribute max_routes.
 */
VIA_API int via_ctrl_route(struct via_stack *st, int op, const struct via_route *r);
/** Most end points that via_ctrl_rank() takes. */
#define VIA_RANK_MAX 64

/**
 * Sorts the addresses of a peer, as a resolver gives them, into the order in which to try them (RFC 6724 6): those that
 * there is a route and a source address for first, then by scope, state of the source, policy table, common prefix. What
 * is equal keeps its order. Nothing is sent and nothing is remembered.
 * @param v  end points; ports are not looked at, a link-local address needs its scope.
 * @param n  how many, at most VIA_RANK_MAX.
 * @return how many of them, from the front, can be sent to as of now; -EINVAL too many, or no array.
 */
VIA_API int via_ctrl_rank(struct via_stack *st, struct via_ep *v, unsigned n);

/**
 * Neighbours. FLUSH forgets all but static ones; packets that wait for an answer are dropped and counted.
 * @return 0;
 *   - -ENOENT DEL of what is not there,
 *   - -EINVAL no such operation, an address or a MAC address that no neighbour can have, LIST without `each`,
 *   - -ENODEV no such interface,
 *   - -ENOSPC ADD, and the table (attribute max_neighs) has nothing that could go.
 */
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
