/* SPDX-License-Identifier: BSD-2-Clause */
/* attrs.h - the attributes as a struct: one uint64_t member per line of attr.def. */
#ifndef VIA_BASE_ATTRS_H
#define VIA_BASE_ATTRS_H

#include "base/def.h"

struct via_attrs {
#define VIA_ATTR(type, name, def, min, max, help) uint64_t name;
#include <viaduct/attr.def>
#undef VIA_ATTR
};

#endif
