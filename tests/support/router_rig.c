/* SPDX-License-Identifier: BSD-2-Clause */
#include "router_rig.h"

static size_t put_option(uint8_t *at, uint8_t type, const void *body, size_t len) {
    size_t units = (2 + len + 7) / 8;

    memset(at, 0, units * 8);
    at[0] = type;
    at[1] = (uint8_t)units;
    memcpy(at + 2, body, len);
    return units * 8;
}

static size_t put_prefix(uint8_t *at, const struct via_nd_prefix *p) {
    uint8_t x[30] = {p->len};

    if (p->flags & VIA_ND_VIA_ROUTER) {
        x[1] = (uint8_t)((p->pref & 3) << 3);
        via_put32(x + 2, p->valid);
        memcpy(x + 6, p->prefix.b, 16);
        return put_option(at, 24, x, p->len > 64 ? 22 : p->len ? 14 : 6);
    }
    x[1] = p->flags;
    via_put32(x + 2, p->valid);
    via_put32(x + 6, p->preferred);
    memcpy(x + 14, p->prefix.b, 16);
    return put_option(at, 3, x, 30);
}

static size_t put_fixed(uint8_t *at, const struct via_nd *n) {
    memset(at, 0, 40);
    at[0] = n->type;
    if (n->type == VIA_ND_REDIRECT) {
        memcpy(at + 8, n->target.b, 16);
        memcpy(at + 24, n->dst.b, 16);
        return 40;
    }
    at[4] = n->hop_limit;
    at[5] = (uint8_t)(n->flags | (n->pref & 3) << 3);
    via_put16(at + 6, n->lifetime);
    via_put32(at + 8, n->reachable);
    via_put32(at + 12, n->retrans);
    return 16;
}

size_t rig_router_message(uint8_t *at, const struct via_nd *n) {
    size_t len = put_fixed(at, n), i;
    uint8_t mtu[6] = {0};

    if (n->has & VIA_ND_SRC_MAC)
        len += put_option(at + len, 1, n->src_mac, 6);
    if (n->has & VIA_ND_DST_MAC)
        len += put_option(at + len, 2, n->dst_mac, 6);
    via_put32(mtu + 2, n->mtu);
    if (n->has & VIA_ND_MTU)
        len += put_option(at + len, 5, mtu, 6);
    for (i = 0; i < n->prefixes; i++)
        len += put_prefix(at + len, &n->prefix[i]);
    return len;
}

size_t rig_query(uint8_t *at, const struct rig_query *q) {
    size_t step = q->ip_version == 6 ? 16 : 4, len = 4, i;

    memset(at, 0, 28);
    at[0] = q->ip_version == 6 ? 130 : 0x11;
    if (q->ip_version == 6) {
        via_put16(at + 4, q->resp_code);
        len = 8;
    } else {
        at[1] = (uint8_t)q->resp_code;
    }
    memcpy(at + len, q->group.b + 16 - step, step);
    len += step;
    if (q->version < 3)
        return len;
    at[len] = (uint8_t)(q->suppress << 3 | q->robustness);
    at[len + 1] = q->interval_code;
    via_put16(at + len + 2, q->sources);
    for (i = 0, len += 4; q->source && i < q->sources; i++, len += step)
        memcpy(at + len, q->source[i].b + 16 - step, step);
    return len;
}
