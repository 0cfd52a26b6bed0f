/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file attr.h
 * @brief Attributes: everything that can be tuned, by name, with a type, a range and a sentence.
 *
 * The list is attr.def; the same lines make the structure, the parser, the environment overlay and the manual. Values
 * are text: sizes "4096", "64k", "2m", "1g" (powers of 1024); counts "512"; times "200us", "1.5ms", "30s" (a bare number
 * is ns); flags "on", "off", "yes", "no", "1", "0"; choices by number. Beyond the ranges of attr.def: frame_size is 2048
 * or 4096, rx_ring and tx_ring are powers of two, port_low is not above port_high.
 *
 * A set belongs to one thread at a time. It may be freed or changed after a stack was made with it.
 */
#ifndef VIADUCT_ATTR_H
#define VIADUCT_ATTR_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Prefix of a spec that asks for the overlay of the environment variable VIA_ATTR, a spec of its own; it is never read
 * silently, and never in a program that runs with more rights than its user (secure_getenv(3)).
 */
#define VIA_ATTR_FROM_ENV "env;"

/** One attribute, for documentation at run time. */
struct via_attr_doc {
    const char *name;
    const char *type;    /**< "size", "count", "time", "flag" or "choice". */
    uint64_t value;      /**< Default: bytes, number, ns. */
    uint64_t min, max;   /**< Range, both included. */
    const char *help;
};

/**
 * A new set with the defaults, then the environment if `spec` begins with VIA_ATTR_FROM_ENV, then `spec`:
 * "name=value;name=value", blanks and empty items allowed, the last of equal names wins. `spec` may be NULL. On a bad
 * spec *out is still a valid set (with what came before the fault), so that via_attr_why() can be asked; free it all the
 * same. Any thread.
 * @return 0; -ENOENT unknown name; -EINVAL not of the type, or does not fit the others; -ERANGE outside; -ENOMEM (*out
 *         is NULL).
 */
VIA_API int via_attr_new(const char *spec, struct via_attr **out);

/** Frees a set; NULL is allowed. */
VIA_API void via_attr_free(struct via_attr *a);

/**
 * Sets one attribute; refused, nothing changes.
 * @return 0; -ENOENT unknown name; -EINVAL not of the type, or does not fit the others; -ERANGE outside.
 */
VIA_API int via_attr_set(struct via_attr *a, const char *name, const char *value);

/**
 * Writes the value as text, in the form that via_attr_set() takes and in the largest unit that divides it, into `buf`.
 * @return its length without the zero; -ENOENT; -ENOSPC if `len` does not hold it; -EINVAL for a NULL.
 */
VIA_API int via_attr_get(const struct via_attr *a, const char *name, char *buf, size_t len);

/** Why the last via_attr_new() or via_attr_set() on `a` was refused, one sentence, or "". */
VIA_API const char *via_attr_why(const struct via_attr *a);

/**
 * Calls `fn` for each attribute whose name matches the shell pattern `glob` ("*" for all, fnmatch(3)), in the order of
 * attr.def, until it returns non-zero; returns that. Any thread. @return 0; -EINVAL for a NULL; what `fn` returned.
 */
VIA_API int via_attr_doc(const char *glob, int (*fn)(const struct via_attr_doc *, void *), void *arg);

#ifdef __cplusplus
}
#endif
#endif
