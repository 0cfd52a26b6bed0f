/* SPDX-License-Identifier: BSD-2-Clause */
/* attr.h - the values inside a set of attributes, for who makes a stack out of it. */
#ifndef VIA_STACK_ATTR_H
#define VIA_STACK_ATTR_H

#include "base/attrs.h"

#include <viaduct/attr.h>

/* The defaults of attr.def. */
void via_attrs_default(struct via_attrs *v);

/* The values of a set, valid as long as it is; the defaults if `a` is NULL. In range, and they fit each other. */
const struct via_attrs *via_attr_values(const struct via_attr *a);

#endif
