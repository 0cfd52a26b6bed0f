/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/socks.h"

/* RFC 6056 3.3.2: a random start, then the next free one. */
uint16_t via_port_pick(struct via_core *c, const struct via_flow *flow) {
    uint32_t low = (uint32_t)c->attrs.port_low, n = (uint32_t)c->attrs.port_high - low + 1;
    uint32_t start = via_rand_below(&c->s->rand, n), i;
    struct via_flow key = *flow;
    struct via_demux_walk w;

    for (i = 0; i < n; i++) {
        key.lport = (uint16_t)(low + (start + i) % n);
        if (!via_demux_first_bound(c, &key, &w))
            return key.lport;
    }
    return 0;
}
