/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hash.h"

#include <endian.h>

static void absorb(struct via_sip *s, uint64_t m) {
    s->v3 ^= m;
    via_sip_round(s);
    via_sip_round(s);
    s->v0 ^= m;
}

uint64_t via_siphash24(const struct via_key *key, const void *data, size_t len) {
    const uint8_t *at = data;
    uint64_t m, last = (uint64_t)len << 56;
    struct via_sip s;
    size_t i;

    via_sip_init(&s, key);
    for (; len >= 8; at += 8, len -= 8) {
        memcpy(&m, at, 8);
        absorb(&s, le64toh(m));
    }
    for (i = 0; i < len; i++)
        last |= (uint64_t)at[i] << (8 * i);
    absorb(&s, last);
    s.v2 ^= 0xff;
    via_sip_round(&s);
    via_sip_round(&s);
    via_sip_round(&s);
    via_sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
