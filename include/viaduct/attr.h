/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file attr.h
 * @brief Attributes: everything that can be tuned, by name, with a type, a range and a sentence.
 *
 * The list is attr.def; the same lines make the structure, the parser, the environment overlay and the manual. Values
 * are text with units: sizes "64k", "2m", "1g"; times "200us", "5ms", "1s" (a bare number is ns); flags "on"/"off".
 */
#ifndef VIADUCT_ATTR_H
#define VIADUCT_ATTR_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Prefix of a spec that asks for the overlay of the environment variable VIA_ATTR; it is never read silently. */
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
 * "name=value;name=value". `spec` may be NULL. On a bad spec *out is still a set (with what came before the fault), so
 * that via_attr_why() can be asked; free it all the same. Any thread.
 * @return 0; -ENOENT unknown name; -EINVAL not of the type; -ERANGE outside; -ENOMEM (*out is NULL).
 */
VIA_API int via_attr_new(const char *spec, struct via_attr **out);
/** Frees a set; NULL is allowed. */
VIA_API void via_attr_free(struct via_attr *a);
/** Sets one attribute. @return 0, -ENOENT, -EINVAL, -ERANGE. */
VIA_API int via_attr_set(struct via_attr *a, const char *name, const char *value);
/** Writes the value as text into `buf`. @return its length, -ENOENT, or -ENOSPC if `len` does not hold it. */
VIA_API int via_attr_get(const struct via_attr *a, const char *name, char *buf, size_t len);
/** Why the last call on `a` was refused, or "". */
VIA_API const char *via_attr_why(const struct via_attr *a);
/** Calls `fn` for each attribute whose name matches the shell pattern `glob` until it returns non-zero; returns that. */
VIA_API int via_attr_doc(const char *glob, int (*fn)(const struct via_attr_doc *, void *), void *arg);

#ifdef __cplusplus
}
#endif
#endif
