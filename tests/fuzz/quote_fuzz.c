/* SPDX-License-Identifier: BSD-2-Clause */
/* An ICMP message, its family told by the first bit, and the packet that it quotes. */
#include "fuzz_rig.h"
#include "wire/icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct via_icmp m;
    struct via_quote q;
    uint8_t version, b[VIA_ICMP_LEN];
    const uint8_t *at;

    if (!size || size > 65536)
        return 0;
    version = data[0] & 1 ? 6 : 4;
    at = rig_edge(data + 1, --size);
    if (via_icmp_parse(&m, version, at, size) < 0)
        return 0;
    if (m.kind == VIA_ICMP_ECHO || via_icmp_is_error(&m)) {
        via_icmp_emit(b, &m);
        rig_must(b[0] == at[0] && b[1] == at[1]);
    }
    if (via_icmp_is_error(&m))
        rig_must(via_icmp_type_is_error(version, m.type));
    at += VIA_ICMP_LEN;
    size -= VIA_ICMP_LEN;
    if (via_quote_parse(&q, version, at, size) < 0)
        return 0;
    rig_must(q.hlen >= (version == 6 ? VIA_IP6_LEN : VIA_IP4_LEN));
    rig_must(!q.has_ports || q.hlen + 4u <= size);
    rig_must(!q.has_seq || q.hlen + 8u <= size);
    return 0;
}
