/* SPDX-License-Identifier: BSD-2-Clause */
/* An IGMP or MLD message, told by the first bit; every source that it claims is read. */
#include "fuzz_rig.h"
#include "wire/mcast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct via_ip_head ip = {.version = 4, .ttl = 1, .flags = VIA_IP_ALERT, .src = {{0xfe, 0x80, [15] = 1}}};
    struct via_mcast m;
    const uint8_t *at;
    unsigned i, sum = 0;
    int n;

    if (!size || size > 65536)
        return 0;
    ip.version = data[0] & 1 ? 6 : 4;
    at = rig_edge(data + 1, --size);
    n = via_mcast_parse(&m, &ip, at, size);
    if (n < 0)
        return 0;
    rig_must((size_t)n <= size);
    rig_must(m.kind != VIA_MCAST_QUERY || m.max_resp >= VIA_MS);
    rig_must(m.kind == VIA_MCAST_OTHER || via_addr_is_any(&m.group) || via_addr_is_multicast(&m.group));
    for (i = 0; i < m.sources; i++)
        sum += via_mcast_source(at, ip.version, i).b[15];
    rig_must(sum <= 255u * m.sources);
    return 0;
}
