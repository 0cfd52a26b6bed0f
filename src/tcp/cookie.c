/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/cookie.h"
#include "base/check.h"
#include "wire/bytes.h"

enum {
    SLOT_BITS = 5,
    MSS_BITS = 3,
    MAC_BITS = 24,
    GOOD_SLOTS = 2, /* this one and the last */
};

static_assert(SLOT_BITS + MSS_BITS + MAC_BITS == 32, "a cookie is a sequence number");

/* RFC 9293 3.7.1 defaults, tunnels, Ethernet of both families, jumbo frames. */
static const uint16_t kept[1 << MSS_BITS] = {216, 536, 1220, 1360, 1400, 1440, 1460, 8940};

static uint32_t mss_index(uint16_t mss) {
    uint32_t i = VIA_COUNT(kept) - 1;

    while (i && kept[i] > mss)
        i--;
    return i;
}

uint16_t via_cookie_mss(uint16_t mss) {
    return kept[mss_index(mss)];
}

static uint32_t mac(const struct via_key *key, const struct via_tuple *t, via_seq_t peer, uint64_t slot_and_mss) {
    /* A slot of 64 s has far fewer than 29 bits for as long as a clock of nanoseconds lasts. */
    return (uint32_t)(via_isn_hash(key, t, VIA_ISN_COOKIE, slot_and_mss << 32 | peer) >> (64 - MAC_BITS));
}

static uint32_t base_of(const struct via_key *key, const struct via_tuple *t) {
    return (uint32_t)via_isn_hash(key, t, VIA_ISN_COOKIE_BASE, 0);
}

via_seq_t via_cookie_make(const struct via_key *key, const struct via_tuple *t, via_seq_t peer, uint16_t mss,
                          via_ns_t now) {
    uint64_t slot = now / VIA_COOKIE_SLOT;
    uint32_t i = mss_index(mss), body = ((uint32_t)slot << MSS_BITS | i) << MAC_BITS;

    return base_of(key, t) + (body | mac(key, t, peer, slot << MSS_BITS | i));
}

bool via_cookie_check(const struct via_key *key, const struct via_tuple *t, via_seq_t peer, via_seq_t cookie,
                      via_ns_t now, uint16_t *mss) {
    uint32_t body = cookie - base_of(key, t), i = body >> MAC_BITS & ((1 << MSS_BITS) - 1);
    uint64_t this = now / VIA_COOKIE_SLOT, age = (this - (body >> (32 - SLOT_BITS))) & ((1 << SLOT_BITS) - 1);
    uint64_t slot = this - age;
    uint32_t diff = mac(key, t, peer, slot << MSS_BITS | i) ^ (body & ((1u << MAC_BITS) - 1));

    *mss = kept[i];
    return (diff == 0) & (age < GOOD_SLOTS);
}

uint32_t via_cookie_ts(uint32_t now, const struct via_cookie_opts *o) {
    uint32_t mask = (1u << VIA_COOKIE_TS_BITS) - 1;
    uint32_t bits = (o->wscale & 15u) | (o->sack_ok ? 16u : 0) | (o->ecn ? 32u : 0);

    /* A timestamp from the future would spoil the peer's PAWS when the true clock goes on behind it. */
    if (bits > (now & mask))
        now -= mask + 1;
    return (now & ~mask) | bits;
}

struct via_cookie_opts via_cookie_opts_of(uint32_t ts) {
    return (struct via_cookie_opts){.wscale = ts & 15, .sack_ok = ts & 16, .ecn = ts & 32};
}

void via_fast_open_rotate(struct via_fast_open *f, const struct via_key *fresh) {
    f->old = f->key;
    f->has_old = f->keyed;
    f->key = *fresh;
    f->keyed = true;
}

static uint64_t fast_open_mac(const struct via_key *key, const struct via_tuple *t) {
    struct via_tuple who = {.local = t->local, .remote = t->remote};

    return via_isn_hash(key, &who, VIA_ISN_FAST_OPEN, 0);
}

void via_fast_open_make(const struct via_fast_open *f, const struct via_tuple *t, uint8_t cookie[VIA_FAST_OPEN_LEN]) {
    uint64_t m = fast_open_mac(&f->key, t);

    VIA_ASSERT(f->keyed);
    memcpy(cookie, &m, VIA_FAST_OPEN_LEN);
}

enum via_fast_open_verdict via_fast_open_check(const struct via_fast_open *f, const struct via_tuple *t,
                                               const uint8_t *cookie, size_t len) {
    bool fits = len == VIA_FAST_OPEN_LEN, good, stale;
    uint64_t got = fits ? via_load64(cookie) : 0;

    good = fits & f->keyed & !(got ^ fast_open_mac(&f->key, t));
    stale = fits & f->has_old & !(got ^ fast_open_mac(&f->old, t));
    return good ? VIA_FAST_OPEN_GOOD : stale ? VIA_FAST_OPEN_STALE : VIA_FAST_OPEN_BAD;
}
