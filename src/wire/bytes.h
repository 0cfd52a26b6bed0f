/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes.h - numbers in network order at any alignment, and what all parsers of this folder have in common.
 *
 * A header exists in two forms: as bytes, and as a small struct in host order. `via_x_parse(&x, at, len)` makes the
 * struct of the bytes, `via_x_emit(at, &x)` the bytes of the struct.
 *
 * parse  reads at most `len` bytes from `at`. The result is the length of the header, or -(enum via_drop): the fault
 *        and the name of the drop are one number. The struct is filled in full when the result is positive; after a
 *        fault it holds what was read so far and no more may be believed than the contract of the parser says.
 * emit   returns how many bytes it wrote. The caller has that much room: each header names its largest length.
 */
#ifndef VIA_WIRE_BYTES_H
#define VIA_WIRE_BYTES_H

#include "base/def.h"
#include <viaduct/stats.h>

/* Parsers take the other branch of a constant, not of the preprocessor. */
#define VIA_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

static inline uint16_t via_get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t via_get32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void via_put16(uint8_t *at, uint16_t v) {
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static inline void via_put32(uint8_t *at, uint32_t v) {
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
}

/* A number as it lies in memory, whatever its order. */
static inline uint16_t via_load16(const void *at) {
    uint16_t v;

    memcpy(&v, at, 2);
    return v;
}

static inline uint32_t via_load32(const void *at) {
    uint32_t v;

    memcpy(&v, at, 4);
    return v;
}

static inline uint64_t via_load64(const void *at) {
    uint64_t v;

    memcpy(&v, at, 8);
    return v;
}

static inline void via_store16(void *at, uint16_t v) {
    memcpy(at, &v, 2);
}

static inline void via_store32(void *at, uint32_t v) {
    memcpy(at, &v, 4);
}

static inline void via_store64(void *at, uint64_t v) {
    memcpy(at, &v, 8);
}

/* A word of eight bytes of which two, from byte `at` on, are `v` as it lies in memory, and all others zero. */
static inline uint64_t via_word16(unsigned at, uint16_t v) {
    return (uint64_t)v << (VIA_LITTLE ? 8 * at : 48 - 8 * at);
}

/* The same of one byte. */
static inline uint64_t via_word8(unsigned at, uint8_t v) {
    return (uint64_t)v << (VIA_LITTLE ? 8 * at : 56 - 8 * at);
}

/* The IPv4 address at `at`, mapped (::ffff:a.b.c.d). */
static inline struct via_addr via_get_addr4(const uint8_t *at) {
    return via_addr_from4(via_load32(at));
}

static inline void via_put_addr4(uint8_t *at, const struct via_addr *a) {
    memcpy(at, a->b + 12, 4);
}

#endif
