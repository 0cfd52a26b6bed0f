/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/socks.h"

/* Nothing stands between the Ethernet header, which is for us, and a transport header of one of the two plain forms. */
static bool is_plain(const struct via_core *c, const struct via_pkt *p, const uint8_t *at) {
    uint32_t hlen = (uint32_t)(p->off - p->l3);

    if (p->chain || p->l3 < VIA_ETH_LEN || (!p->looped && !via_mac_eq(at, c->vi[p->vi]->dev->mac)))
        return false;
    if (via_load16(at + 12) == htons(VIA_ETH_IP4))
        return hlen == VIA_IP4_LEN && !(via_load16(at + VIA_ETH_LEN + 6) & htons(0x3fff));
    return via_load16(at + 12) == htons(VIA_ETH_IP6) && hlen == VIA_IP6_LEN;
}

void via_known_put(struct via_core *c, const struct via_pkt *p, uint32_t ref) {
    const uint8_t *at = via_pkt_frame(c, p) + p->l3 - VIA_ETH_LEN;
    bool v4 = p->off - p->l3 == VIA_IP4_LEN;
    struct via_known *k;
    unsigned i;

    if (c->socks->known.off || !is_plain(c, p, at))
        return;
    k = &c->socks->known.at[v4 ? via_known_slot4(at) : via_known_slot6(at)];
    for (i = 0; i < VIA_KNOWN_WORDS; i++)
        k->head[i] = via_load64(at + via_known_at(i)) & (v4 ? via_known_mask4(i) : via_known_mask6(i));
    k->gen = via_net_gen(c);
    k->turn = c->socks->demux.turn;
    k->iface = p->vi | (p->looped ? VIA_KNOWN_LOOPED : 0u);
    k->sock = (uint64_t)((uint8_t *)via_sock_at(c, ref) - c->region.base);
}
