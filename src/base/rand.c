/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/rand.h"

#include <endian.h>
#include <sys/random.h>

int via_rand_init(struct via_rand *r, uint64_t seed) {
    int saved = errno, err = 0;
    ssize_t got;

    memset(r, 0, sizeof *r);
    if (seed) {
        const struct via_key fixed = {{0x5669616475637421ull, seed}};

        r->key.k[0] = via_siphash24(&fixed, "seed a", 6);
        r->key.k[1] = via_siphash24(&fixed, "seed b", 6);
        return 0;
    }
    do
        got = getrandom(&r->key, sizeof r->key, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof r->key)
        err = got < 0 ? -errno : -EIO;
    errno = saved;
    return err;
}

uint64_t via_rand64(struct via_rand *r) {
    uint64_t n = htole64(++r->count);

    return via_siphash24(&r->key, &n, sizeof n);
}

/* Lemire 2019: a product's upper half; the few lower halves that would favour some results are drawn again. */
uint32_t via_rand_below(struct via_rand *r, uint32_t n) {
    uint64_t m = (via_rand64(r) >> 32) * n;

    if (VIA_UNLIKELY((uint32_t)m < n))
        while ((uint32_t)m < -n % n)
            m = (via_rand64(r) >> 32) * n;
    return (uint32_t)(m >> 32);
}

struct via_key via_rand_key(struct via_rand *r) {
    struct via_key k;

    k.k[0] = via_rand64(r);
    k.k[1] = via_rand64(r);
    return k;
}
