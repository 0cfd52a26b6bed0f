/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/check.h"

#include <stdio.h>

void via_check_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "viaduct: %s:%d: assertion failed: %s\n", file, line, what);
    __builtin_trap();
}
