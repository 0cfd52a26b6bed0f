/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc_rig.h - counts allocations of the whole process. With sanitizers, which bring an allocator of their own,
 * nothing can be counted (alloc_rig_absent.c).
 */
#ifndef VIA_ALLOC_RIG_H
#define VIA_ALLOC_RIG_H

#include <stdbool.h>
#include <stdint.h>

/* Calls of malloc, calloc, realloc, free and their kin so far, by all threads. */
uint64_t alloc_rig_calls(void);

/* Whether anything is counted. */
bool alloc_rig_works(void);

#endif
