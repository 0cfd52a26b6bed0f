/* SPDX-License-Identifier: BSD-2-Clause */
#include "alloc_rig.h"

uint64_t alloc_rig_calls(void) {
    return 0;
}

bool alloc_rig_works(void) {
    return false;
}
