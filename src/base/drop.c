/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/def.h"

#include <viaduct/stats.h>

struct drop_row {
    const char *name, *text;
};

static const struct drop_row rows[VIA_DROPS] = {
    [VIA_KEPT] = {"KEPT", "kept"},
#define VIA_DROP(name, text) [VIA_DROP_##name] = {#name, text},
#include <viaduct/drop.def>
#undef VIA_DROP
};

const char *via_drop_text(enum via_drop why) {
    return (unsigned)why < VIA_DROPS ? rows[why].text : "no such reason";
}

const char *via_drop_name(enum via_drop why) {
    return (unsigned)why < VIA_DROPS ? rows[why].name : "UNKNOWN";
}
