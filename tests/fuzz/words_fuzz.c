/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What people write: an address, an end point, a list of attributes. What is taken must read back as the same from its
 * canonical text; what is refused has a reason and leaves a valid set of attributes.
 */
#include "base/def.h"
#include "fuzz_rig.h"

#include <viaduct/attr.h>

#include <stdlib.h>

static void try_addr(const char *text) {
    char buf[VIA_ADDR_TEXT];
    struct via_addr a, b;
    uint32_t scope;

    if (via_addr_parse(text, &a, &scope) < 0)
        return;
    rig_must(via_addr_parse(via_addr_text(&a, buf), &b, NULL) == 0 && via_addr_eq(&a, &b));
}

static void try_ep(const char *text) {
    char buf[VIA_ADDR_TEXT];
    struct via_ep a, b;

    if (via_ep_parse(text, &a) < 0)
        return;
    rig_must(via_ep_parse(via_ep_text(&a, buf), &b) == 0 && !memcmp(&a, &b, sizeof a));
}

struct pair {
    struct via_attr *from, *to;
};

static int copy_value(const struct via_attr_doc *d, void *arg) {
    const struct pair *p = arg;
    char text[64];

    rig_must(via_attr_get(p->from, d->name, text, sizeof text) > 0);
    /* Both ports together only are sure to fit. */
    if (strncmp(d->name, "port_", 5) != 0)
        rig_must(via_attr_set(p->to, d->name, text) == 0);
    return 0;
}

static void try_attr(const char *text) {
    struct pair p = {NULL, NULL};
    int err = via_attr_new(text, &p.from);

    rig_must(p.from && (err == 0) == (*via_attr_why(p.from) == 0));
    rig_must(via_attr_new(NULL, &p.to) == 0);
    rig_must(via_attr_doc("*", copy_value, &p) == 0);
    via_attr_free(p.from);
    via_attr_free(p.to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text;

    if (size > 4096)
        return 0;
    text = malloc(size + 1);
    rig_must(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    try_addr(text);
    try_ep(text);
    if (strncmp(text, VIA_ATTR_FROM_ENV, sizeof VIA_ATTR_FROM_ENV - 1) != 0)
        try_attr(text);
    free(text);
    return 0;
}
