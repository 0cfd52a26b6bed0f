/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * args.h - what follows a driver's colon, "eth0:queue=1,mode=auto", and the sentence that refuses it.
 *
 * The text before the second colon is the driver's argument; after it come options, separated by commas. An option is
 * "key=value"; a key alone means "key=on". Nothing is copied but the argument: an option points into the text.
 */
#ifndef VIA_VI_ARGS_H
#define VIA_VI_ARGS_H

#include "base/def.h"

#include <viaduct/vi.h>

struct via_arg {
    const char *key, *val;
    uint32_t key_len, val_len;
};

/* Copies the argument into `name` and returns the options ("" where there are none), or NULL: it has no room. */
const char *via_args_name(const char *args, char *name, size_t room);

/* Cuts the next option off `*at`; false at the end. Empty options are skipped. */
bool via_args_next(const char **at, struct via_arg *a);

bool via_arg_is(const struct via_arg *a, const char *key);

/* The value as a decimal number in [min, max]: 0, or -EINVAL with `*out` untouched. */
int via_arg_number(const struct via_arg *a, uint32_t min, uint32_t max, uint32_t *out);

/*
 * The decimal number that the value begins with, without sign or exponent, whatever the locale; `*unit` is the offset of
 * the rest. False: it does not begin with one.
 */
bool via_arg_real(const struct via_arg *a, double *out, uint32_t *unit);

/* The value as such a number in [min, max], nothing after it: 0, or -EINVAL with `*out` untouched. */
int via_arg_decimal(const struct via_arg *a, double min, double max, double *out);

/* Which of `n` words the value is, or -EINVAL. */
int via_arg_word(const struct via_arg *a, const char *const *words, unsigned n);

/* "on" or "off", "1" or "0", "yes" or "no": 0, or -EINVAL with `*out` untouched. */
int via_arg_switch(const struct via_arg *a, bool *out);

/* Leaves a sentence in dev->why, if there is room for one, and returns `err`. */
VIA_PRINTF(3, 4) int via_vi_say(struct via_vi_dev *dev, int err, const char *text, ...);

/* via_vi_say() for an option that the driver does not know or whose value it does not take; -EINVAL. */
int via_vi_bad_arg(struct via_vi_dev *dev, const struct via_arg *a);

#endif
