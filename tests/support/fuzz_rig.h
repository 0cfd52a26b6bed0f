/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_rig.h - what fuzz targets share: a truth that holds in every build, and input at the edge of memory. */
#ifndef VIA_FUZZ_RIG_H
#define VIA_FUZZ_RIG_H

#include "bytes_rig.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void rig_must(bool truth) {
    if (!truth)
        __builtin_trap();
}

#endif
