/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes_rig.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROOM  65536
#define GUARD 65536 /* a multiple of every page size */

uint64_t rig_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void rig_noise(uint64_t *state, void *to, size_t len) {
    uint8_t *at = to;

    while (len--)
        *at++ = (uint8_t)rig_random(state);
}

static unsigned digit(char c) {
    return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

size_t rig_hex(uint8_t *to, const char *text) {
    size_t digits = 0;

    for (; *text; text++)
        if (isxdigit((unsigned char)*text)) {
            to[digits / 2] = (uint8_t)((digits % 2 ? to[digits / 2] * 16u : 0) + digit(*text));
            digits++;
        }
    return digits / 2;
}

const uint8_t *rig_edge(const void *bytes, size_t len) {
    static uint8_t *area;

    if (!area) {
        area = mmap(NULL, ROOM + GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED || mprotect(area + ROOM, GUARD, PROT_NONE))
            abort();
    }
    if (len > ROOM)
        abort();
    return len ? memcpy(area + ROOM - len, bytes, len) : area + ROOM;
}
