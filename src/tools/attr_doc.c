/* SPDX-License-Identifier: BSD-2-Clause */
/* attr_doc.c - writes the manual's page of attributes, from the library's own list, to standard output. */
#include <viaduct/attr.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A bound in the unit that its type is written in; the library itself writes values of a set alone. */
static void put_value(const char *type, uint64_t value) {
    static const struct {
        const char *type, *name;
        uint64_t by;
    } units[] = {
        {"size", "g", 1u << 30}, {"size", "m", 1u << 20}, {"size", "k", 1u << 10}, {"time", " s", VIA_SEC},
        {"time", " ms", VIA_MS}, {"time", " us", VIA_US}, {"time", " ns", 1},
    };
    size_t i;

    if (strcmp(type, "flag") == 0) {
        printf("%s", value ? "on" : "off");
        return;
    }
    for (i = 0; value && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(type, units[i].type) == 0 && value % units[i].by == 0) {
            printf("%" PRIu64 "%s", value / units[i].by, units[i].name);
            return;
        }
    }
    printf("%" PRIu64, value);
}

static int put_row(const struct via_attr_doc *d, void *arg) {
    const char *at;

    (void)arg;
    printf("| `%s` | %s | ", d->name, d->type);
    put_value(d->type, d->value);
    printf(" | ");
    put_value(d->type, d->min);
    if (strcmp(d->type, "flag") != 0) {
        printf(" to ");
        put_value(d->type, d->max);
    } else {
        printf(", on");
    }
    printf(" | ");
    for (at = d->help; *at; at++)
        printf(*at == '|' ? "\\%c" : "%c", *at);
    printf(" |\n");
    return 0;
}

int main(void) {
    printf(
        "# Attributes {#attributes}\n\n"
        "Everything that can be tuned, as \"name=value;name=value\" for via_attr_new(), one by one for\n"
        "via_attr_set(), or in the environment variable `VIA_ATTR` for programs that ask for it (#VIA_ATTR_FROM_ENV).\n"
        "The list is the library's own: via_attr_doc() gives the same at run time.\n\n"
        "A *size* is in bytes and takes k, m, g (powers of 1024); a *time* takes ns, us, ms, s, fractions such as\n"
        "`1.5ms`, and is in ns without a unit; a *flag* is on or off (yes, no, 1, 0); a *count* and a *choice* are "
        "plain\n"
        "numbers. Beyond the ranges: `frame_size` is 2048 or 4096, `rx_ring` and `tx_ring` are powers of two, "
        "`port_low`\n"
        "is not above `port_high`. A refusal comes with a sentence: via_attr_why().\n\n"
        "| name | type | default | range | meaning |\n|---|---|---|---|---|\n");
    if (via_attr_doc("*", put_row, NULL) != 0 || fflush(stdout) != 0 || ferror(stdout))
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
