/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/socks.h"

void via_known_put(struct via_core *c, const struct via_pkt *p, uint32_t ref) {
    const uint8_t *frame = via_pkt_frame(c, p), *ip = frame + p->l3;
    uint32_t ports = via_load32(frame + p->off), slot;
    struct via_known k = {.ports = ports, .gen = via_net_gen(c), .turn = c->socks->demux.turn, .iface = p->vi};

    if (c->socks->known.off)
        return;
    k.version = ip[0] >> 4;
    k.sock = (uint64_t)((uint8_t *)via_sock_at(c, ref) - c->region.base);
    if (k.version == 4) {
        k.addr[0] = via_load64(ip + 12);
        slot = via_known_slot(k.addr[0], ports);
    } else {
        memcpy(k.addr, ip + 8, sizeof k.addr);
        slot = via_known_slot(via_known_mix(k.addr, k.addr + 2), ports);
    }
    c->socks->known.at[slot] = k;
}
