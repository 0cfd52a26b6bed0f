/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/isn.h"

uint64_t via_isn_hash(const struct via_key *key, const struct via_tuple *t, enum via_isn_use use, uint64_t more) {
    uint64_t w[6];

    memcpy(w, t->local.b, 16);
    memcpy(w + 2, t->remote.b, 16);
    w[4] = (uint64_t)t->lport << 32 | (uint64_t)t->rport << 16 | use;
    w[5] = more;
    return via_siphash24(key, w, sizeof w);
}

via_seq_t via_isn(const struct via_key *key, const struct via_tuple *t, via_ns_t now) {
    return (via_seq_t)(now / VIA_ISN_CLOCK) + (via_seq_t)via_isn_hash(key, t, VIA_ISN_SEQ, 0);
}

uint32_t via_isn_ts_offset(const struct via_key *key, const struct via_tuple *t) {
    return (uint32_t)via_isn_hash(key, t, VIA_ISN_TS, 0);
}
