/* SPDX-License-Identifier: BSD-2-Clause */
/* bytes_rig.h - bytes for tests: from text, from a seed, and at the edge of what may be read. */
#ifndef VIA_BYTES_RIG_H
#define VIA_BYTES_RIG_H

#include <stddef.h>
#include <stdint.h>

/* The next number of the sequence that *state stands in (splitmix64). */
uint64_t rig_random(uint64_t *state);

/* `len` random bytes. */
void rig_noise(uint64_t *state, void *to, size_t len);

/* Hexadecimal digits of `text` as bytes; anything else is skipped. Returns how many. */
size_t rig_hex(uint8_t *to, const char *text);

/*
 * A copy of `len` <= 65536 bytes of which none may be read behind the last: the next page is not readable. The copy
 * is good until the next call.
 */
const uint8_t *rig_edge(const void *bytes, size_t len);

#endif
