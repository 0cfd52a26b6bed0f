/* SPDX-License-Identifier: BSD-2-Clause */
/* An IPv6 packet and its chain: lengths stay within it; the rest of a fragment is walked as after reassembly. */
#include "fuzz_rig.h"
#include "wire/ip.h"

static void walk_on(struct via_ip_head *h, const uint8_t *at, size_t size) {
    const uint8_t *rest = at + h->hlen;
    size_t len = h->payload;

    if (via_ip_frag_check(h, at, size) < 0 || h->frag_off)
        return;
    h->hlen = 0;
    if (via_ip6_chain(h, rig_edge(rest, len), len) >= 0)
        rig_must(via_ip_total(h) == len && !(via_ip6_extends(h->proto)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct via_ip_head h;
    const uint8_t *at;
    int n;

    if (size > 65536)
        return 0;
    at = rig_edge(data, size);
    n = via_ip6_parse(&h, at, size, size);
    if (n < 0)
        return 0;
    rig_must(n == h.hlen && via_ip_total(&h) == VIA_IP6_LEN + (uint32_t)via_get16(at + 4));
    rig_must(via_ip_total(&h) <= size && at[h.next_at] == h.proto && !h.fault);
    if (h.flags & VIA_IP_FRAGMENT)
        walk_on(&h, data, size);
    else
        rig_must(!via_ip6_extends(h.proto));
    return 0;
}
