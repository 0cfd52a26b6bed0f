/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addr.h - own addresses: which there are, in what state, and which one to send from (RFC 6724).
 *
 * A table keyed by the address says in one look what a destination is to us: an own unicast address, the broadcast
 * address of an own subnet, or nothing. Strangers cannot add entries, so the slot needs a cheap hash only; it is
 * keyed all the same, since prefixes come from routers.
 *
 * Addresses with VIA_ADDR_KERNEL are the kernel's too. It answers ARP, ND and echo for them, defends them, and has them
 * steered to it; we neither probe nor announce them, nor let a device steer them to us (single ports are, by sockets).
 * Answers to our own questions for neighbours would go to the kernel as well, so on such an interface neighbours come
 * from the mirror, which makes the kernel ask (via_mirror_resolve()). Without the mirror we do ask ourselves: that
 * works where the device gives everything to both, as AF_PACKET does.
 */
#ifndef VIA_NET_ADDR_H
#define VIA_NET_ADDR_H

#include "vi/vi.h"
#include "wire/bytes.h"

#include <viaduct/ctrl.h>

enum via_own_kind {
    VIA_OWN_UNICAST = 0,
    VIA_OWN_BROADCAST, /* of the subnet of `twin`; 255.255.255.255 has twin 0 and interface 0 */
    VIA_OWN_FREE,      /* slot not in use */
};

/* Why the stack itself made an address. */
enum via_own_origin {
    VIA_OWN_MANUAL = 0,
    VIA_OWN_LINKLOCAL,
    VIA_OWN_PREFIX, /* of a router's prefix (RFC 4862) */
    VIA_OWN_TEMP,   /* of the same, and for a while (RFC 8981) */
};

/* What goes on in an address. */
enum via_own_phase {
    VIA_PHASE_IDLE = 0,
    VIA_PHASE_PROBE,    /* duplicate address detection */
    VIA_PHASE_ANNOUNCE, /* gratuitous ARP, unsolicited advertisement */
    VIA_PHASE_REMAKE,   /* was a duplicate; another one is made soon (RFC 7217 6) */
};

struct via_own {
    struct via_addr addr;
    uint32_t next;       /* in the same slot of the hash */
    uint32_t iface_next; /* on the same interface */
    uint8_t iface;       /* 0: of the host itself, 127.0.0.1 and ::1; and 255.255.255.255 */
    uint8_t prefix;      /* bits, of 32 or 128 */
    uint8_t state;       /* enum via_addr_state */
    uint8_t flags;       /* enum via_addr_flag */
    uint8_t kind;        /* enum via_own_kind */
    uint8_t origin;      /* enum via_own_origin */
    uint8_t phase;       /* enum via_own_phase */
    uint8_t sent;        /* probes or announcements sent in this phase */
    uint8_t looped;      /* own probes that came back (RFC 7527) */
    uint8_t tries;       /* DAD_Counter of RFC 7217 */
    uint8_t nonce[6];    /* of our probes (RFC 7527) */
    uint32_t twin;       /* unicast: its broadcast entry, or 0; broadcast: its unicast address */
    uint32_t route;      /* the connected route that came with it, or 0 */
    via_ns_t preferred;  /* until when, VIA_NEVER: for ever */
    via_ns_t valid;
    via_ns_t born;     /* when it was added */
    via_ns_t heir;     /* temporary: when the next one is to be made, VIA_NEVER: it is, or never will be */
    via_ns_t desync;   /* temporary: by how much its preferred lifetime was shortened */
    via_ns_t due;      /* next step of the phase */
    via_ns_t defended; /* when a conflict was last answered (RFC 5227 2.4) */
    struct via_tick tick;
};

struct via_addr_table {
    struct via_key key;    /* of the hash */
    struct via_key secret; /* of interface identifiers (RFC 7217) */
    struct via_pool pool;
    uint64_t slots; /* offset of the hash: first ids */
    uint32_t shift; /* 64 - log2 of its size */
    uint32_t count; /* unicast addresses, without those of the host itself */
};

uint64_t via_addr_bytes(const struct via_attrs *a);
int via_addr_init(struct via_core *c);
/* VIA_TICK_ADDR: the next probe or announcement, or a lifetime, is due. */
void via_addr_timer(struct via_core *c, uint32_t id);

/*
 * The entry of `a` in any state, or NULL. Link-local addresses of IPv6 count on interface `iface` alone (0: anywhere),
 * all others whatever the interface: the weak host model of RFC 1122 3.3.4.2.
 */
struct via_own *via_addr_find(const struct via_core *c, const struct via_addr *a, uint8_t iface);

/* True if it may be sent from and received at. */
static inline bool via_own_usable(const struct via_own *o) {
    return 1u << o->state & (1u << VIA_ADDR_PREFERRED | 1u << VIA_ADDR_DEPRECATED | 1u << VIA_ADDR_OPTIMISTIC);
}

/* The same as one question: an own unicast address in use? */
static inline bool via_addr_is_own(const struct via_core *c, const struct via_addr *a, uint8_t iface) {
    const struct via_own *o = via_addr_find(c, a, iface);

    return o && o->kind == VIA_OWN_UNICAST && via_own_usable(o);
}

struct via_own *via_own_at(const struct via_core *c, uint32_t id);
uint32_t via_own_id(const struct via_core *c, const struct via_own *o);

/* What to add. */
struct via_own_new {
    struct via_addr addr;
    uint8_t iface, prefix, flags;
    uint8_t origin, tries;
    via_ns_t preferred, valid; /* 0: for ever */
    via_ns_t heir, desync;     /* of temporary ones */
};

/* Adds it with its subnet, starts detection of duplicates. The id in *out if not NULL. 0, -EEXIST, -ENOSPC, -EINVAL. */
int via_addr_add(struct via_core *c, const struct via_own_new *n, uint32_t *out);
/* Takes it away; sockets hear of it (VIA_NOTE_ADDR). */
void via_addr_del(struct via_core *c, struct via_own *o);

/* Makes the address of a prefix of 64 bits on an interface (RFC 7217, stable as long as the stack lives). */
struct via_addr via_addr_opaque(const struct via_core *c, const struct via_addr *prefix, uint8_t iface, uint8_t tries);

/* Another random address of a prefix of 64 bits. */
struct via_addr via_addr_random(struct via_core *c, const struct via_addr *prefix);

/* Somebody else has our address: it is a duplicate if we were still asking. */
void via_addr_conflict(struct via_core *c, struct via_own *o);
/* Our own probe came back: the link loops; ask on for a while (RFC 7527 4.2). */
void via_addr_looped(struct via_core *c, struct via_own *o);
/* The link came up: everything in use is announced, everything tentative asked for afresh. */
void via_addr_announce(struct via_core *c, uint8_t iface);
/* Lifetimes of a temporary address, as moments, and when it wants an heir. */
void via_addr_relive(struct via_core *c, struct via_own *o, const struct via_own_new *n);
/* Lifetimes by a router, in ns from now or VIA_NEVER, with the rule of two hours (RFC 4862 5.5.3 e). */
void via_addr_refresh(struct via_core *c, struct via_own *o, via_ns_t preferred, via_ns_t valid);

/*
 * The address to send from, to `dst` over interface `iface` (RFC 6724 5). IPv4: one of the subnet that `next` lies in,
 * else the first. 0 or -EADDRNOTAVAIL.
 */
int via_addr_select(const struct via_core *c, const struct via_addr *dst, const struct via_addr *next, uint8_t iface,
                    struct via_addr *src);
/* True if `a` is better than `b` to send to `dst` over `iface` (RFC 6724 5, rules 1 to 8); both usable. */
bool via_addr_prefers(const struct via_own *a, const struct via_own *b, const struct via_addr *dst, uint8_t iface);

/* Bits that two addresses have in common from the first on. */
static inline unsigned via_addr_common(const struct via_addr *a, const struct via_addr *b) {
    uint64_t x = be64toh(via_load64(a->b) ^ via_load64(b->b));

    if (x)
        return (unsigned)__builtin_clzll(x);
    x = be64toh(via_load64(a->b + 8) ^ via_load64(b->b + 8));
    return x ? 64 + (unsigned)__builtin_clzll(x) : 128;
}

/* Length of a prefix in bits of the 128-bit form: IPv4 lies behind 96 bits. */
static inline unsigned via_prefix_bits(const struct via_addr *a, unsigned prefix) {
    return via_addr_is4(a) ? 96 + prefix : prefix;
}

/* Clears the bits behind the first `bits`. */
void via_addr_mask(struct via_addr *a, unsigned bits);

static inline bool via_addr_in(const struct via_addr *a, const struct via_addr *net, unsigned bits) {
    return via_addr_common(a, net) >= bits;
}

#endif
