/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.h - SipHash (Aumasson, Bernstein 2012): 1-3 for tables whose slots nobody sees, 2-4 for values that leave the host.
 * A table keyed by what strangers choose must not let them choose the slot.
 */
#ifndef VIA_BASE_HASH_H
#define VIA_BASE_HASH_H

#include "base/def.h"

struct via_key {
    uint64_t k[2];
};

struct via_sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t via_rotl(uint64_t x, unsigned n) {
    return x << n | x >> (64 - n);
}

static inline void via_sip_round(struct via_sip *s) {
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = via_rotl(s->v1, 13) ^ s->v0;
    s->v3 = via_rotl(s->v3, 16) ^ s->v2;
    s->v0 = via_rotl(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v3 = via_rotl(s->v3, 21) ^ s->v0;
    s->v1 = via_rotl(s->v1, 17) ^ s->v2;
    s->v2 = via_rotl(s->v2, 32);
}

static inline void via_sip_init(struct via_sip *s, const struct via_key *key) {
    s->v0 = key->k[0] ^ 0x736f6d6570736575ull;
    s->v1 = key->k[1] ^ 0x646f72616e646f6dull;
    s->v2 = key->k[0] ^ 0x6c7967656e657261ull;
    s->v3 = key->k[1] ^ 0x7465646279746573ull;
}

/* One word, one round: SipHash-1-3. */
static inline void via_sip_word(struct via_sip *s, uint64_t m) {
    s->v3 ^= m;
    via_sip_round(s);
    s->v0 ^= m;
}

/* `words` words were given; their count takes the place of the length. */
static inline uint64_t via_sip_end(struct via_sip *s, unsigned words) {
    via_sip_word(s, (uint64_t)words << 59);
    s->v2 ^= 0xff;
    via_sip_round(s);
    via_sip_round(s);
    via_sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* SipHash-1-3 of `n` words. */
static inline uint64_t via_hash_words(const struct via_key *key, const uint64_t *w, unsigned n) {
    struct via_sip s;
    unsigned i;

    via_sip_init(&s, key);
    for (i = 0; i < n; i++)
        via_sip_word(&s, w[i]);
    return via_sip_end(&s, n);
}

/* SipHash-1-3 of an address and one more word; IPv4 takes the short way. */
static inline uint64_t via_hash_addr(const struct via_key *key, const struct via_addr *a, uint64_t more) {
    uint64_t w[3];

    w[2] = more;
    if (via_addr_is4(a)) {
        w[1] = via_addr_to4(a);
        return via_hash_words(key, w + 1, 2);
    }
    memcpy(w, a->b, 16);
    return via_hash_words(key, w, 3);
}

/* SipHash-2-4 of any bytes, as published. */
uint64_t via_siphash24(const struct via_key *key, const void *data, size_t len);

#endif
