/* SPDX-License-Identifier: BSD-2-Clause */
/* A neighbour discovery message behind a pseudo header: 32 bytes of addresses. */
#include "fuzz_rig.h"
#include "wire/nd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct via_ip_head ip = {.version = 6, .proto = IPPROTO_ICMPV6, .ttl = 255};
    struct via_nd n, again;
    uint8_t b[VIA_ND_EMIT_MAX];
    int len;

    if (size < 32 || size > 65536)
        return 0;
    memcpy(&ip.src, data, 32);
    size -= 32;
    memset(&n, 0, sizeof n);
    if (via_nd_parse(&n, &ip, rig_edge(data + 32, size), size) < 0)
        return 0;
    rig_must(n.prefixes <= VIA_ND_PREFIXES && (size_t)n.quote_at + n.quote_len <= size);
    if (n.type == VIA_ND_ROUTER_ADVERT || n.type == VIA_ND_REDIRECT)
        return 0;
    len = via_nd_emit(b, &n, &ip);
    memset(&again, 0, sizeof again);
    rig_must(via_nd_parse(&again, &ip, b, (size_t)len) == len && again.has == (n.has & ~VIA_ND_MTU));
    rig_must(via_addr_eq(&again.target, &n.target) && again.flags == n.flags);
    return 0;
}
