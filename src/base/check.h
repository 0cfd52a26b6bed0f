/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h - three levels of truth. VIA_CHECKS 0 (release): nothing is evaluated. 1 (debug): VIA_ASSERT.
 * 2 (paranoid): VIA_CHECK too, for walkers that visit a whole structure (names end in _valid).
 * An assertion states a bug of ours; bad input never reaches one.
 */
#ifndef VIA_BASE_CHECK_H
#define VIA_BASE_CHECK_H

#include "base/def.h"

#define VIA_DEBUG    (VIA_CHECKS >= 1)
#define VIA_PARANOID (VIA_CHECKS >= 2)

#define VIA_ASSERT(x) ((void)(!VIA_DEBUG || VIA_LIKELY(x) || (via_check_failed(#x, __FILE__, __LINE__), 0)))
#define VIA_CHECK(x)  ((void)(!VIA_PARANOID || VIA_LIKELY(x) || (via_check_failed(#x, __FILE__, __LINE__), 0)))

/* Says what failed on standard error and traps; reached in debug builds alone. */
__attribute__((noreturn, cold)) void via_check_failed(const char *what, const char *file, int line);

#endif
