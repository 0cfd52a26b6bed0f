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
