/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/def.h"

#include <arpa/inet.h>

/* Decimal digits alone, at least one, up to `most`; the first byte behind them, or NULL. */
static const char *take_number(const char *at, uint32_t most, uint32_t *out) {
    uint64_t n = 0;
    const char *start = at;

    for (; *at >= '0' && *at <= '9'; at++) {
        n = n * 10 + (uint64_t)(*at - '0');
        if (n > most)
            return NULL;
    }
    *out = (uint32_t)n;
    return at == start ? NULL : at;
}

/* RFC 4007: zones matter to link-local unicast and to groups alone. */
static bool has_zone(const struct via_addr *a) {
    return via_addr_is_linklocal6(a) || a->b[0] == 0xff;
}

/* inet_pton() sets errno for a family that it does not know only, and these it knows. */
static int parse_addr(const char *text, size_t len, struct via_addr *out) {
    char copy[INET6_ADDRSTRLEN + 1];
    uint32_t be;

    if (len >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text, len);
    copy[len] = 0;
    if (inet_pton(AF_INET, copy, &be) == 1)
        *out = via_addr_from4(be);
    else if (inet_pton(AF_INET6, copy, out->b) != 1)
        return -EINVAL;
    return 0;
}

/* The address, and a zone behind '%', in `len` bytes at `text`. */
static int parse_scoped(const char *text, size_t len, struct via_addr *out, uint32_t *scope) {
    const char *percent = memchr(text, '%', len), *end = text + len;
    struct via_addr a;
    uint32_t zone = 0;

    if (parse_addr(text, percent ? (size_t)(percent - text) : len, &a) < 0)
        return -EINVAL;
    if (percent && (!has_zone(&a) || !scope || take_number(percent + 1, UINT32_MAX, &zone) != end))
        return -EINVAL;
    *out = a;
    if (scope)
        *scope = zone;
    return 0;
}

int via_addr_parse(const char *text, struct via_addr *out, uint32_t *scope) {
    if (!text || !out)
        return -EINVAL;
    return parse_scoped(text, strlen(text), out, scope);
}

static char *put_decimal(char *at, uint32_t n) {
    char digits[10];
    unsigned i = 0;

    do
        digits[i++] = (char)('0' + n % 10);
    while (n /= 10);
    while (i)
        *at++ = digits[--i];
    return at;
}

static char *put_hex(char *at, unsigned group) {
    int shift = 12;

    while (shift && !(group >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[group >> shift & 15];
    return at;
}

static char *put4(char *at, const uint8_t *b) {
    int i;

    for (i = 0; i < 4; i++) {
        if (i)
            *at++ = '.';
        at = put_decimal(at, b[i]);
    }
    return at;
}

/* RFC 5952 4: lower case, no leading zeros, "::" for the first longest run of two or more zero groups. */
static char *put6(char *at, const uint8_t *b) {
    unsigned group[8], i, run = 0, skip = 8, longest = 1;

    for (i = 0; i < 8; i++) {
        group[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
        run = group[i] ? 0 : run + 1;
        if (run > longest) {
            longest = run;
            skip = i + 1 - run;
        }
    }
    for (i = 0; i < 8; i++) {
        if (i == skip) {
            *at++ = ':';
            *at++ = ':';
            i += longest - 1;
            continue;
        }
        if (i && !(skip < 8 && i == skip + longest))
            *at++ = ':';
        at = put_hex(at, group[i]);
    }
    return at;
}

static char *put_addr(char *at, const struct via_addr *a) {
    return via_addr_is4(a) ? put4(at, a->b + 12) : put6(at, a->b);
}

char *via_addr_text(const struct via_addr *a, char buf[VIA_ADDR_TEXT]) {
    *put_addr(buf, a) = 0;
    return buf;
}

static int parse_port(const char *text, struct via_ep *e) {
    uint32_t port;
    const char *end = take_number(text, 65535, &port);

    if (!end || *end)
        return -EINVAL;
    e->port = (uint16_t)port;
    return 0;
}

static int parse_brackets(const char *text, struct via_ep *e) {
    const char *end = strchr(text, ']');

    /* An IPv4 address has no brackets, unless it was written as IPv6 (RFC 3986 3.2.2). */
    if (!end || end[1] != ':' || !memchr(text, ':', (size_t)(end - text)))
        return -EINVAL;
    if (parse_scoped(text + 1, (size_t)(end - text) - 1, &e->addr, &e->scope) < 0)
        return -EINVAL;
    e->family = via_addr_is4(&e->addr) ? VIA_AF_4 : VIA_AF_6;
    return parse_port(end + 2, e);
}

static int parse_plain(const char *text, struct via_ep *e) {
    const char *colon = strchr(text, ':');

    if (!colon)
        return -EINVAL;
    if (colon - text == 1 && *text == '*')
        return parse_port(colon + 1, e);
    if (parse_addr(text, (size_t)(colon - text), &e->addr) < 0)
        return -EINVAL;
    e->family = VIA_AF_4;
    return parse_port(colon + 1, e);
}

int via_ep_parse(const char *text, struct via_ep *out) {
    struct via_ep e;
    int err;

    if (!text || !out)
        return -EINVAL;
    memset(&e, 0, sizeof e);
    err = *text == '[' ? parse_brackets(text, &e) : parse_plain(text, &e);
    if (err < 0)
        return err;
    if (via_addr_is_any(&e.addr))
        memset(&e.addr, 0, sizeof e.addr);
    *out = e;
    return 0;
}

char *via_ep_text(const struct via_ep *e, char buf[VIA_ADDR_TEXT]) {
    const struct via_addr any4 = via_addr_from4(0);
    char *at = buf;

    if (e->family == VIA_AF_ANY && via_addr_is_any(&e->addr)) {
        *at++ = '*';
    } else if (e->family == VIA_AF_4 || (e->family == VIA_AF_ANY && via_addr_is4(&e->addr))) {
        at = put_addr(at, via_addr_is_any(&e->addr) ? &any4 : &e->addr);
    } else {
        *at++ = '[';
        at = put_addr(at, &e->addr);
        if (e->scope) {
            *at++ = '%';
            at = put_decimal(at, e->scope);
        }
        *at++ = ']';
    }
    *at++ = ':';
    *put_decimal(at, e->port) = 0;
    return buf;
}
