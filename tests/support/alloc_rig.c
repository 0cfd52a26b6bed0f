/* SPDX-License-Identifier: BSD-2-Clause */
#include "alloc_rig.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The C library's own, behind the names that this file takes. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

static _Atomic uint64_t calls;

static void count(void) {
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
}

uint64_t alloc_rig_calls(void) {
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

bool alloc_rig_works(void) {
    uint64_t before = alloc_rig_calls();
    void *volatile p = malloc(1);

    free(p);
    return alloc_rig_calls() == before + 2;
}

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size) {
    count();
    return __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size) {
    count();
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size) {
    count();
    *out = __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}

void free(void *p) {
    count();
    __libc_free(p);
}
