/* SPDX-License-Identifier: BSD-2-Clause */
/* An Ethernet frame, and the ARP message in it: what is read must be written the same way. */
#include "fuzz_rig.h"
#include "wire/arp.h"
#include "wire/eth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct via_eth e;
    struct via_arp a;
    uint8_t b[VIA_ARP_LEN];
    const uint8_t *at;
    int n;

    if (size > 65536)
        return 0;
    at = rig_edge(data, size);
    n = via_eth_parse(&e, at, size);
    if (n < 0)
        return 0;
    rig_must(via_eth_emit(b, &e) == n && !memcmp(at, b, (size_t)n));
    at += n;
    if (e.type == VIA_ETH_ARP && via_arp_parse(&a, at, size - (size_t)n) > 0)
        rig_must(via_arp_emit(b, &a) == VIA_ARP_LEN && !memcmp(at, b, VIA_ARP_LEN));
    return 0;
}
