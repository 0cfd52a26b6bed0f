/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/attr.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WORD 64 /* bytes of a name or of a value as text, with the zero */

enum attr_type { TYPE_size, TYPE_count, TYPE_time, TYPE_flag, TYPE_choice };

struct via_attr {
    struct via_attrs v;
    char why[256];
};

struct row {
    struct via_attr_doc doc;
    enum attr_type type;
    size_t at; /* in struct via_attrs */
};

static const struct row rows[] = {
#define VIA_ATTR(t, name, def, min, max, help)                                                                         \
    {{#name, #t, def, min, max, help}, TYPE_##t, offsetof(struct via_attrs, name)},
#include <viaduct/attr.def>
#undef VIA_ATTR
};

static const struct via_attrs defaults = {
#define VIA_ATTR(t, name, def, min, max, help) .name = (def),
#include <viaduct/attr.def>
#undef VIA_ATTR
};

struct unit {
    const char *name;
    uint64_t by;
};

/* Largest first: a value is written in the largest unit that divides it. */
static const struct unit sizes[] = {{"g", 1ull << 30}, {"m", 1ull << 20}, {"k", 1ull << 10}, {"", 1}, {NULL, 0}};
static const struct unit times[] = {{"s", VIA_SEC}, {"ms", VIA_MS}, {"us", VIA_US}, {"ns", 1}, {"", 1}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};
static const struct unit flags[] = {{"on", 1}, {"off", 0}, {"yes", 1}, {"no", 0}, {"1", 1}, {"0", 0}, {NULL, 0}};

static int refuse(struct via_attr *a, int err, const char *fmt, ...) VIA_PRINTF(3, 4);

static int refuse(struct via_attr *a, int err, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(a->why, sizeof a->why, fmt, ap);
    va_end(ap);
    return err;
}

static const struct unit *units_of(enum attr_type type) {
    if (type == TYPE_size)
        return sizes;
    return type == TYPE_time ? times : plain;
}

static const char *syntax_of(enum attr_type type) {
    switch (type) {
    case TYPE_size:
        return "a size (4096, 64k, 2m, 1g)";
    case TYPE_time:
        return "a time (200us, 1.5ms, 30s; a bare number is ns)";
    case TYPE_flag:
        return "on or off";
    default:
        return "a whole number";
    }
}

static const struct row *find_row(const char *name) {
    size_t i;

    for (i = 0; i < VIA_COUNT(rows); i++)
        if (strcmp(rows[i].doc.name, name) == 0)
            return &rows[i];
    return NULL;
}

static uint64_t value_of(const struct via_attrs *v, const struct row *row) {
    uint64_t value;

    memcpy(&value, (const char *)v + row->at, sizeof value);
    return value;
}

static const struct unit *find_unit(const struct unit *u, const char *name) {
    for (; u->name; u++)
        if (strcmp(u->name, name) == 0)
            return u;
    return NULL;
}

/* Digits into *n; how many. A number beyond 64 bits becomes the largest. */
static unsigned take_digits(const char **at, uint64_t *n) {
    unsigned count = 0;

    for (*n = 0; **at >= '0' && **at <= '9'; (*at)++, count++)
        if (__builtin_mul_overflow(*n, 10u, n) || __builtin_add_overflow(*n, (uint64_t)(**at - '0'), n))
            *n = UINT64_MAX;
    return count;
}

/* "12", "64k", "1.5ms": 0, -EINVAL, or -ERANGE beyond 64 bits. A fraction has a unit and comes out whole. */
static int parse_number(const char *text, const struct unit *units, uint64_t *out) {
    uint64_t whole, part = 0, scale = 1;
    const struct unit *u;
    unsigned digits;

    if (!take_digits(&text, &whole))
        return -EINVAL;
    if (*text == '.' && units != plain) {
        text++;
        digits = take_digits(&text, &part);
        if (!digits || digits > 9)
            return -EINVAL;
        while (digits--)
            scale *= 10;
    }
    u = find_unit(units, text);
    if (!u || part * u->by % scale)
        return -EINVAL;
    if (__builtin_mul_overflow(whole, u->by, out) || __builtin_add_overflow(*out, part * u->by / scale, out))
        return -ERANGE;
    return 0;
}

static int parse_value(enum attr_type type, const char *text, uint64_t *out) {
    const struct unit *word;

    if (type != TYPE_flag)
        return parse_number(text, units_of(type), out);
    word = find_unit(flags, text);
    if (!word)
        return -EINVAL;
    *out = word->by;
    return 0;
}

/* The length, as snprintf() has it. */
static int write_value(enum attr_type type, uint64_t value, char *buf, size_t len) {
    const struct unit *u = units_of(type);

    if (type == TYPE_flag)
        return snprintf(buf, len, "%s", value ? "on" : "off");
    if (!value)
        return snprintf(buf, len, "0");
    while (value % u->by)
        u++;
    return snprintf(buf, len, "%llu%s", (unsigned long long)(value / u->by), u->name);
}

static int outside(struct via_attr *a, const struct row *row, const char *text) {
    char min[WORD], max[WORD];

    write_value(row->type, row->doc.min, min, sizeof min);
    write_value(row->type, row->doc.max, max, sizeof max);
    return refuse(a, -ERANGE, "%s: %s is outside %s to %s", row->doc.name, text, min, max);
}

/* Into `v`; the sentence goes into `a`. */
static int set_value(struct via_attr *a, struct via_attrs *v, const char *name, const char *text) {
    const struct row *row = find_row(name);
    uint64_t value = 0;
    int err;

    if (!row)
        return refuse(a, -ENOENT, "no attribute is named '%.63s'", name);
    err = parse_value(row->type, text, &value);
    if (err == -EINVAL)
        return refuse(a, err, "%s: '%.63s' is not %s", name, text, syntax_of(row->type));
    if (err || value < row->doc.min || value > row->doc.max)
        return outside(a, row, text);
    memcpy((char *)v + row->at, &value, sizeof value);
    return 0;
}

/* What a range cannot say. */
static int check_fit(struct via_attr *a, const struct via_attrs *v) {
    if (v->frame_size != 2048 && v->frame_size != 4096)
        return refuse(a, -EINVAL, "frame_size: %llu is neither 2048 nor 4096", (unsigned long long)v->frame_size);
    if (!via_is_pow2(v->rx_ring))
        return refuse(a, -EINVAL, "rx_ring: %llu is not a power of two", (unsigned long long)v->rx_ring);
    if (!via_is_pow2(v->tx_ring))
        return refuse(a, -EINVAL, "tx_ring: %llu is not a power of two", (unsigned long long)v->tx_ring);
    if (v->port_low > v->port_high)
        return refuse(a, -EINVAL, "port_low: %llu is above port_high, %llu", (unsigned long long)v->port_low,
                      (unsigned long long)v->port_high);
    return 0;
}

/* One word of a spec without the blanks around it; false if it is too long. */
static bool take_word(const char *from, const char *to, char word[WORD]) {
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    if (to - from >= WORD)
        return false;
    memcpy(word, from, (size_t)(to - from));
    word[to - from] = 0;
    return true;
}

static int apply_item(struct via_attr *a, struct via_attrs *v, const char *from, const char *to) {
    const char *equals = memchr(from, '=', (size_t)(to - from));
    char name[WORD], value[WORD];

    if (!take_word(from, equals ? equals : to, name) || (equals && !take_word(equals + 1, to, value)))
        return refuse(a, -EINVAL, "'%.20s...' is too long for an attribute", from);
    if (!equals && !*name)
        return 0;
    if (!equals)
        return refuse(a, -EINVAL, "'%s' is not name=value", name);
    return set_value(a, v, name, value);
}

/* Items one by one into `v`; a->v follows as often as all fits, for the order of items must not matter. */
static int apply_spec(struct via_attr *a, struct via_attrs *v, const char *spec) {
    while (*spec) {
        const char *end = strchrnul(spec, ';');
        int err = apply_item(a, v, spec, end);

        if (err)
            return err;
        if (check_fit(a, v) == 0)
            a->v = *v;
        spec = *end ? end + 1 : end;
    }
    return 0;
}

/* A program with more rights than its user does not listen to the user's environment. */
static int apply_environment(struct via_attr *a, struct via_attrs *v) {
    const char *spec = secure_getenv("VIA_ATTR");
    int err = spec ? apply_spec(a, v, spec) : 0;

    if (err) {
        char why[sizeof a->why];

        memcpy(why, a->why, sizeof why);
        refuse(a, err, "environment variable VIA_ATTR: %.200s", why);
    }
    return err;
}

static int fill(struct via_attr *a, const char *spec) {
    const size_t prefix = strlen(VIA_ATTR_FROM_ENV);
    struct via_attrs v = defaults;
    int err = 0;

    a->v = defaults;
    if (spec && strncmp(spec, VIA_ATTR_FROM_ENV, prefix) == 0) {
        spec += prefix;
        err = apply_environment(a, &v);
    }
    if (!err && spec)
        err = apply_spec(a, &v, spec);
    if (!err)
        err = check_fit(a, &v);
    if (!err)
        a->why[0] = 0;
    return err;
}

int via_attr_new(const char *spec, struct via_attr **out) {
    int saved = errno, err = -ENOMEM;

    if (!out)
        return -EINVAL;
    *out = calloc(1, sizeof **out);
    if (*out)
        err = fill(*out, spec);
    errno = saved;
    return err;
}

void via_attr_free(struct via_attr *a) {
    free(a);
}

int via_attr_set(struct via_attr *a, const char *name, const char *value) {
    struct via_attrs v;
    int err;

    if (!a)
        return -EINVAL;
    if (!name || !value)
        return refuse(a, -EINVAL, "no name or no value");
    v = a->v;
    err = set_value(a, &v, name, value);
    if (!err)
        err = check_fit(a, &v);
    if (err)
        return err;
    a->v = v;
    a->why[0] = 0;
    return 0;
}

int via_attr_get(const struct via_attr *a, const char *name, char *buf, size_t len) {
    const struct row *row;
    char text[WORD];
    int n;

    if (!a || !name || (!buf && len))
        return -EINVAL;
    row = find_row(name);
    if (!row)
        return -ENOENT;
    n = write_value(row->type, value_of(&a->v, row), text, sizeof text);
    if ((size_t)n >= len)
        return -ENOSPC;
    memcpy(buf, text, (size_t)n + 1);
    return n;
}

const char *via_attr_why(const struct via_attr *a) {
    return a ? a->why : "";
}

int via_attr_doc(const char *glob, int (*fn)(const struct via_attr_doc *, void *), void *arg) {
    size_t i;
    int stop;

    if (!glob || !fn)
        return -EINVAL;
    for (i = 0; i < VIA_COUNT(rows); i++) {
        if (fnmatch(glob, rows[i].doc.name, 0) != 0)
            continue;
        stop = fn(&rows[i].doc, arg);
        if (stop)
            return stop;
    }
    return 0;
}

void via_attrs_default(struct via_attrs *v) {
    *v = defaults;
}

const struct via_attrs *via_attr_values(const struct via_attr *a) {
    return a ? &a->v : &defaults;
}
