/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rand.h - the stack's only source of randomness: SipHash-2-4 of a counter under a secret key. Seeded from getrandom(2),
 * or from a number for tests: then everything repeats. Unpredictable to who sees outputs and not the key.
 */
#ifndef VIA_BASE_RAND_H
#define VIA_BASE_RAND_H

#include "base/hash.h"

struct via_rand {
    struct via_key key;
    uint64_t count;
};

/* `seed` 0: from the system; 0 or -errno. */
int via_rand_init(struct via_rand *r, uint64_t seed);
uint64_t via_rand64(struct via_rand *r);
/* Uniform in [0, n), n > 0. */
uint32_t via_rand_below(struct via_rand *r, uint32_t n);
/* A fresh secret key. */
struct via_key via_rand_key(struct via_rand *r);

#endif
