/* SPDX-License-Identifier: BSD-2-Clause */
/* An IPv4 packet: lengths stay within it, and a header without options is written as it was read. */
#include "fuzz_rig.h"
#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct via_ip_head h;
    uint8_t b[VIA_IP_EMIT_MAX];
    const uint8_t *at;
    int n;

    if (size > 65536)
        return 0;
    at = rig_edge(data, size);
    n = via_ip4_parse(&h, at, size, size, false);
    if (n < 0)
        return 0;
    rig_must(n == h.hlen && via_ip_total(&h) <= size && at[h.next_at] == h.proto);
    rig_must(via_ip4_parse(&h, at, size, size, true) ==
             (via_sum_ok(via_sum_add(0, at, (size_t)n)) ? n : -VIA_DROP_IP_CHECKSUM));
    if (h.flags & VIA_IP_FRAGMENT && via_ip_frag_check(&h, at, size) == 0)
        rig_must(h.hlen + (uint32_t)h.frag_off + h.payload <= VIA_IP_MAX);
    if (n == VIA_IP4_LEN && !(at[6] & 0x80)) {
        rig_must(via_ip4_emit(b, &h) == n);
        rig_must(!memcmp(at, b, 10) && !memcmp(at + 12, b + 12, 8));
    }
    return 0;
}
