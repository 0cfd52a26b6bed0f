/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/socks.h"

static bool is_free(struct via_core *c, const struct via_flow *f) {
    struct via_demux_walk w;
    struct via_flow twin;

    return !via_demux_first_bound(c, f, &w) && !(via_flow_twin(f, &twin) && via_demux_first_bound(c, &twin, &w));
}

/* RFC 6056 3.3.2: a random start, then the next free one. */
uint16_t via_port_pick(struct via_core *c, const struct via_flow *flow) {
    uint32_t low = (uint32_t)c->attrs.port_low, n = (uint32_t)c->attrs.port_high - low + 1;
    uint32_t start = via_rand_below(&c->s->rand, n), i;
    struct via_flow key = *flow;

    for (i = 0; i < n; i++) {
        key.lport = (uint16_t)(low + (start + i) % n);
        if (is_free(c, &key))
            return key.lport;
    }
    return 0;
}

/* Who has the same key already; with REUSE on both sides that is no conflict. */
static bool has_key(struct via_core *c, const struct via_flow *f, const struct via_flow *key, uint32_t flags) {
    struct via_demux_walk w;
    uint32_t ref;

    for (ref = via_demux_first_bound(c, key, &w); ref; ref = via_demux_next(c, key, &w)) {
        const struct via_sock *k = via_sock_at(c, ref);

        if (k->bound_if && f->iface && k->bound_if != f->iface)
            continue;
        if (f != key && via_addr_is4(&f->local) && (k->flags & VIA_SOCK_V6ONLY))
            continue;
        if (!(flags & k->flags & VIA_SOCK_REUSE))
            return true;
    }
    return false;
}

/* Wildcards of both families are in each other's way unless the one of IPv6 takes no IPv4 (RFC 3493 5.3, as Linux). */
bool via_port_is_taken(struct via_core *c, const struct via_flow *f, uint32_t flags) {
    struct via_flow twin;

    if (has_key(c, f, f, flags))
        return true;
    if (!via_flow_twin(f, &twin) || (!via_addr_is4(&f->local) && (flags & VIA_SOCK_V6ONLY)))
        return false;
    return has_key(c, f, &twin, flags);
}
