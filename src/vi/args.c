/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/args.h"

#include <stdarg.h>
#include <stdio.h>

const char *via_args_name(const char *args, char *name, size_t room) {
    size_t len = strcspn(args, ":");

    if (len >= room)
        return NULL;
    memcpy(name, args, len);
    name[len] = 0;
    return args[len] ? args + len + 1 : args + len;
}

bool via_args_next(const char **at, struct via_arg *a) {
    size_t len;
    const char *eq;

    *at += strspn(*at, ",");
    len = strcspn(*at, ",");
    if (!len)
        return false;
    eq = memchr(*at, '=', len);
    a->key = *at;
    a->key_len = (uint32_t)(eq ? (size_t)(eq - *at) : len);
    a->val = eq ? eq + 1 : "on";
    a->val_len = (uint32_t)(eq ? len - a->key_len - 1 : 2);
    *at += len;
    return true;
}

static bool is_text(const char *at, size_t len, const char *word) {
    return strlen(word) == len && !memcmp(at, word, len);
}

bool via_arg_is(const struct via_arg *a, const char *key) {
    return is_text(a->key, a->key_len, key);
}

int via_arg_number(const struct via_arg *a, uint32_t min, uint32_t max, uint32_t *out) {
    uint64_t v = 0;
    uint32_t i;

    if (!a->val_len || a->val_len > 10)
        return -EINVAL;
    for (i = 0; i < a->val_len; i++) {
        if (a->val[i] < '0' || a->val[i] > '9')
            return -EINVAL;
        v = v * 10 + (uint64_t)(a->val[i] - '0');
    }
    if (v < min || v > max)
        return -EINVAL;
    *out = (uint32_t)v;
    return 0;
}

bool via_arg_real(const struct via_arg *a, double *out, uint32_t *unit) {
    double value = 0, place = 1;
    uint32_t i = 0, digits = 0;

    for (; i < a->val_len && a->val[i] >= '0' && a->val[i] <= '9'; i++, digits++)
        value = value * 10 + (a->val[i] - '0');
    if (i < a->val_len && a->val[i] == '.')
        for (i++; i < a->val_len && a->val[i] >= '0' && a->val[i] <= '9'; i++, digits++)
            value += (a->val[i] - '0') * (place /= 10);
    *out = value;
    *unit = i;
    return digits && digits <= 18;
}

int via_arg_decimal(const struct via_arg *a, double min, double max, double *out) {
    uint32_t unit;
    double v;

    if (!via_arg_real(a, &v, &unit) || unit != a->val_len || v < min || v > max)
        return -EINVAL;
    *out = v;
    return 0;
}

int via_arg_word(const struct via_arg *a, const char *const *words, unsigned n) {
    unsigned i;

    for (i = 0; i < n; i++)
        if (is_text(a->val, a->val_len, words[i]))
            return (int)i;
    return -EINVAL;
}

int via_arg_switch(const struct via_arg *a, bool *out) {
    static const char *const words[] = {"off", "on", "0", "1", "no", "yes"};
    int at = via_arg_word(a, words, VIA_COUNT(words));

    if (at < 0)
        return at;
    *out = at & 1;
    return 0;
}

int via_vi_say(struct via_vi_dev *dev, int err, const char *text, ...) {
    va_list ap;

    if (dev->why) {
        va_start(ap, text);
        vsnprintf(dev->why, VIA_WHY, text, ap);
        va_end(ap);
    }
    return err;
}

int via_vi_bad_arg(struct via_vi_dev *dev, const struct via_arg *a) {
    return via_vi_say(dev, -EINVAL, "%s: option \"%.*s=%.*s\" is not understood", dev->ops->name, (int)a->key_len, a->key,
                      (int)a->val_len, a->val);
}
