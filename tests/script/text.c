/* SPDX-License-Identifier: BSD-2-Clause */
#include "script.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

void sc_fail(struct sc_run *r, const char *fmt, ...) {
    const struct sc_line *l = &r->line[r->cur < r->lines ? r->cur : r->lines - 1];
    int n = snprintf(r->message, sizeof r->message, "%s:%u: ", l->file, l->number);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r->message + n, sizeof r->message - (size_t)n, fmt, ap);
    va_end(ap);
    longjmp(r->out, 1);
}

static void skip_blanks(struct sc_run *r) {
    while (*r->at == ' ' || *r->at == '\t')
        r->at++;
}

bool sc_more(struct sc_run *r) {
    skip_blanks(r);
    return *r->at;
}

bool sc_take(struct sc_run *r, const char *text) {
    size_t n = strlen(text);

    skip_blanks(r);
    if (strncmp(r->at, text, n))
        return false;
    r->at += n;
    return true;
}

static bool in_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

bool sc_word(struct sc_run *r, const char *word) {
    size_t n = strlen(word);

    skip_blanks(r);
    if (strncmp(r->at, word, n) || in_word(r->at[n]))
        return false;
    r->at += n;
    return true;
}

void sc_need(struct sc_run *r, const char *text) {
    if (!sc_take(r, text))
        sc_fail(r, "expected '%s' at '%s'", text, r->at);
}

void sc_name(struct sc_run *r, char *out, size_t size) {
    size_t n = 0;

    skip_blanks(r);
    while ((in_word(r->at[n]) || r->at[n] == '.') && n + 1 < size)
        n++;
    if (!n)
        sc_fail(r, "expected a word at '%s'", r->at);
    memcpy(out, r->at, n);
    out[n] = 0;
    r->at += n;
}

uint32_t sc_mss(const struct sc_run *r) {
    return r->conf.mtu - (r->six ? 60 : 40);
}

void sc_set_var(struct sc_run *r, const char *name, int64_t value) {
    unsigned i;

    for (i = 0; i < r->vars && strcmp(r->var[i].name, name); i++)
        ;
    if (i == SC_VARS)
        sc_fail(r, "too many variables");
    if (i == r->vars)
        r->vars++;
    snprintf(r->var[i].name, sizeof r->var[i].name, "%s", name);
    r->var[i].value = value;
}

static int64_t named(struct sc_run *r) {
    char name[24];

    sc_name(r, name, sizeof name);
    if (!strcmp(name, "MSS"))
        return sc_mss(r);
    if (!strcmp(name, "MTU"))
        return r->conf.mtu;
    if (!strcmp(name, "IPHDR"))
        return r->six ? 40 : 20;
    for (unsigned i = 0; i < r->vars; i++)
        if (!strcmp(r->var[i].name, name))
            return r->var[i].value;
    sc_fail(r, "nothing is named '%s'", name);
}

static int64_t factor(struct sc_run *r) {
    int64_t v;
    char *end;

    if (sc_take(r, "-"))
        return -factor(r);
    if (sc_take(r, "(")) {
        v = sc_number(r);
        sc_need(r, ")");
        return v;
    }
    skip_blanks(r);
    if (!isdigit((unsigned char)*r->at))
        return named(r);
    v = (int64_t)strtoull(r->at, &end, 0);
    r->at = end;
    return v;
}

static int64_t term(struct sc_run *r) {
    int64_t v = factor(r), by;

    for (;;) {
        if (*r->at == '*') {
            r->at++;
            v *= factor(r);
        } else if (*r->at == '/') {
            r->at++;
            by = factor(r);
            if (!by)
                sc_fail(r, "division by zero");
            v /= by;
        } else {
            return v;
        }
    }
}

/* No blanks around operators: "1:101(100)" and "+0" follow numbers elsewhere. */
int64_t sc_number(struct sc_run *r) {
    int64_t v = term(r);

    while (*r->at == '+' || *r->at == '-') {
        char op = *r->at++;
        int64_t w = term(r);

        v = op == '+' ? v + w : v - w;
    }
    return v;
}

struct sc_range sc_range(struct sc_run *r) {
    struct sc_range v = {SC_ANY, SC_ANY};

    if (sc_take(r, "*"))
        return v;
    v.lo = v.hi = sc_number(r);
    if (*r->at == '~') {
        r->at++;
        v.hi = sc_number(r);
    }
    return v;
}

via_ns_t sc_seconds(struct sc_run *r) {
    uint64_t whole, unit = VIA_SEC, part = 0;
    char *end;

    skip_blanks(r);
    if (!isdigit((unsigned char)*r->at) && *r->at != '.')
        sc_fail(r, "expected a time at '%s'", r->at);
    whole = strtoull(r->at, &end, 10);
    r->at = end;
    if (*r->at == '.') {
        for (r->at++; isdigit((unsigned char)*r->at); r->at++) {
            unit /= 10;
            part += (uint64_t)(*r->at - '0') * unit;
        }
    }
    if (!strncmp(r->at, "ms", 2)) {
        r->at += 2;
        return whole * VIA_MS + part / 1000;
    }
    return whole * VIA_SEC + part;
}

unsigned sc_hex(struct sc_run *r, uint8_t *out, unsigned size) {
    unsigned n = 0;

    for (skip_blanks(r); isxdigit((unsigned char)r->at[0]); skip_blanks(r)) {
        char two[3] = {r->at[0], r->at[1], 0};

        if (!isxdigit((unsigned char)two[1]) || n == size)
            sc_fail(r, "expected pairs of hex digits, at most %u, at '%s'", size, r->at);
        out[n++] = (uint8_t)strtoul(two, NULL, 16);
        r->at += 2;
    }
    return n;
}

void sc_end(struct sc_run *r) {
    if (sc_more(r))
        sc_fail(r, "'%s' is not understood", r->at);
}
