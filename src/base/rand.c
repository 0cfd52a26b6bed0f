/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/rand.h"

#include <sys/random.h>

int via_rand_init(struct via_rand *r, uint64_t seed) {
    int saved = errno, err = 0;

    memset(r, 0, sizeof *r);
    if (seed) {
        const struct via_key fixed = {{0x5669616475637421ull, seed}};

        r->key.k[0] = via_siphash24(&fixed, "seed a", 6);
        r->key.k[1] = via_siphash24(&fixed, "seed b", 6);
        return 0;
    }
    if (getrandom(&r->key, sizeof r->key, 0) != (ssize_t)sizeof r->key)
        err = -EIO;
    errno = saved;
    return err;
}

uint64_t via_rand64(struct via_rand *r) {
    uint64_t n = ++r->count;

    return via_siphash24(&r->key, &n, sizeof n);
}

uint32_t via_rand_below(struct via_rand *r, uint32_t n) {
    return (uint32_t)((via_rand64(r) >> 32) * n >> 32);
}

struct via_key via_rand_key(struct via_rand *r) {
    struct via_key k;

    k.k[0] = via_rand64(r);
    k.k[1] = via_rand64(r);
    return k;
}
