/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * neigh.h - who on a link owns which MAC address. ARP and ND only fill it; one table for both, one state machine
 * (RFC 4861 7.3).
 *
 * The table is bounded. When it is full, an entry that is unresolved goes first, the one longest untouched before
 * others, then one that is stale; those that answer are kept (RFC 6583 4.3), and the packet that wanted a new one is
 * dropped. Nothing that was not asked for makes an entry: only somebody who asks for our address, from our subnet,
 * does.
 *
 * Packets that wait for an answer are complete but for the destination's MAC address.
 */
#ifndef VIA_NET_NEIGH_H
#define VIA_NET_NEIGH_H

#include "vi/vi.h"

#include <viaduct/ctrl.h>

enum via_neigh_flag {
    VIA_NEIGH_ROUTER = 1,
    VIA_NEIGH_SHOWN = 2,   /* its MAC address lies in somebody's path: a change moves the generation */
    VIA_NEIGH_KERNEL = 4,  /* the kernel resolves it, and tells */
    VIA_NEIGH_GATEWAY = 8, /* routes lead through it */
};

/* Lists in the order of use, by what happens to members when room is needed. */
enum via_neigh_class { VIA_CLASS_NONE = 0, VIA_CLASS_OPEN, VIA_CLASS_STALE, VIA_CLASS_GOOD, VIA_CLASSES };

struct via_neigh {
    struct via_addr addr;
    uint8_t mac[6];
    uint8_t iface;  /* 0: free slot */
    uint8_t state;  /* enum via_neigh_state */
    uint8_t flags;  /* enum via_neigh_flag */
    uint8_t class;  /* enum via_neigh_class: in which list */
    uint8_t probes; /* solicitations sent in this state */
    uint8_t spare;
    uint32_t next;         /* in the same slot of the hash */
    uint32_t newer, older; /* in the list of the class */
    uint32_t serial;       /* tells it from another that had the same id before */
    uint32_t waiting;      /* datagrams in `queue` */
    struct via_list queue;
    struct via_addr src; /* whom to ask as: source of the packet that made us ask; all zero: any own address */
    via_ns_t confirmed;  /* last proof of reachability; of a failed one, when it failed */
    struct via_tick tick;
};

struct via_neigh_list {
    uint32_t newest, oldest, count;
};

struct via_neigh_table {
    struct via_key key;
    struct via_pool pool;
    uint64_t slots; /* offset of the hash */
    uint32_t mask;
    uint32_t parked; /* frames in queues */
    uint32_t parked_max;
    uint32_t serial; /* of the last one made */
    struct via_neigh_list lists[VIA_CLASSES];
    uint64_t evicted, failed, solicited;
};

uint64_t via_neigh_bytes(const struct via_attrs *a);
int via_neigh_init(struct via_core *c);
/* VIA_TICK_NEIGH */
void via_neigh_timer(struct via_core *c, uint32_t id);

struct via_neigh *via_neigh_at(const struct via_core *c, uint32_t id);
uint32_t via_neigh_id(const struct via_core *c, const struct via_neigh *n);
struct via_neigh *via_neigh_find(const struct via_core *c, uint8_t iface, const struct via_addr *a);
/* Finds or makes it, NONE when new; NULL when the table is full of neighbours that answer. */
struct via_neigh *via_neigh_want(struct via_core *c, uint8_t iface, const struct via_addr *a);
void via_neigh_forget(struct via_core *c, struct via_neigh *n);
/* Forgets all of an interface (0: of all); static ones too if `all`. */
void via_neigh_flush(struct via_core *c, uint8_t iface, bool all);

/* True if its MAC address may be used to send. */
static inline bool via_neigh_has_mac(const struct via_neigh *n) {
    return (n->state >= VIA_NEIGH_REACHABLE && n->state <= VIA_NEIGH_PROBE) || n->state == VIA_NEIGH_STATIC;
}

/* True if an answer is one to a question of ours. */
static inline bool via_neigh_asks(const struct via_neigh *n) {
    return n->state == VIA_NEIGH_INCOMPLETE || n->state == VIA_NEIGH_PROBE ||
           (n->state == VIA_NEIGH_FAILED && (n->flags & VIA_NEIGH_GATEWAY));
}

/*
 * Somebody is about to send there: a stale one is watched from now on (DELAY). A failed one is tried again after a
 * while. False if it failed just now.
 */
bool via_neigh_use(struct via_core *c, struct via_neigh *n);

/*
 * Takes a frame, complete but for the destination's MAC, to wait for the answer, and asks. `follows`: it is a fragment
 * of the datagram parked before. The packet is gone in any case. 0 or NEIGH_QUEUE, NEIGH_FAILED, counted.
 */
enum via_drop via_neigh_park(struct via_core *c, struct via_neigh *n, struct via_pkt *p, bool follows);

/* What a message said. */
enum via_neigh_proof {
    VIA_PROOF_HINT = 1, /* a MAC address, not asked for: state becomes STALE if it is news */
    VIA_PROOF_ANSWER,   /* the answer to our question: REACHABLE */
};
/* The MAC address of `n` was told. Packets that waited for it go out. */
void via_neigh_learn(struct via_core *c, struct via_neigh *n, const uint8_t mac[6], enum via_neigh_proof proof);

/* Somebody else may have the address now: a reachable one becomes STALE. */
void via_neigh_doubt(struct via_core *c, struct via_neigh *n);

/* Packets come back from it, as a layer above knows: reachable without asking (RFC 4861 7.3.1). `id` as in the path. */
void via_neigh_confirm(struct via_core *c, uint32_t id);

/*
 * For the kernel's mirror: the kernel has resolved `a` (`mac`; it is made if it is not there), or has failed to or
 * forgotten it (NULL). It says so again when that changes, so no timer of ours runs. 0, or -ENOSPC.
 */
int via_neigh_put(struct via_core *c, uint8_t iface, const struct via_addr *a, const uint8_t *mac);

/* A static one, made or changed. 0, -ENOSPC. */
int via_neigh_fix(struct via_core *c, uint8_t iface, const struct via_addr *a, const uint8_t mac[6], bool router);

/* Walks everything. For VIA_CHECK. */
bool via_neigh_valid(const struct via_core *c);

#endif
