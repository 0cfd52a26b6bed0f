/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/check.h"
#include "wire/mcast.h"

enum {
    IGMP_QUERY = 0x11,
    IGMP_REPORT1 = 0x12,
    IGMP_REPORT2 = 0x16,
    IGMP_LEAVE = 0x17,
    IGMP_REPORT3 = 0x22,
    MLD_QUERY = 130,
    MLD_REPORT = 131,
    MLD_DONE = 132,
    MLD_REPORT2 = 143,
    IGMP_TICK = 100, /* ms */
    MLD_TICK = 1,
    IGMP1_RESP = 100, /* ticks (RFC 9776 7.2.1) */
};

/* RFC 9776 4.1.1, 4.1.7: above 127 a number is 1.mmmm * 2^e. */
static uint32_t decode8(uint8_t code) {
    return code < 128 ? code : (16 | (code & 15u)) << ((code >> 4 & 7) + 3);
}

/* RFC 9777 5.1.3. */
static uint32_t decode16(uint16_t code) {
    return code < 32768 ? code : (0x1000 | (code & 0xfffu)) << ((code >> 12 & 7) + 3);
}

/* A zero would make every host answer at once, and some divide by it. */
static via_ns_t ticks(uint32_t n, uint32_t tick) {
    return (n ? n : 1) * (via_ns_t)tick * VIA_MS;
}

/* The two bytes and the count that version 3 queries have behind the group, at `x`. */
static void take_new(struct via_mcast *m, const uint8_t *x) {
    m->version = 3;
    m->suppress = x[0] & 8;
    m->robustness = x[0] & 7;
    m->interval = decode8(x[1]) * VIA_SEC;
    m->sources = via_get16(x + 2);
}

/* RFC 9776 7.1: the length tells versions apart. */
static int take_query4(struct via_mcast *m, const uint8_t *at, size_t len) {
    if (len == 8) {
        m->version = at[1] ? 2 : 1;
        m->max_resp = ticks(at[1] ? at[1] : IGMP1_RESP, IGMP_TICK);
        return 8;
    }
    if (len < 12)
        return -VIA_DROP_IGMP_BAD;
    take_new(m, at + 8);
    m->max_resp = ticks(decode8(at[1]), IGMP_TICK);
    return 12 + m->sources * 4u <= len ? 12 : -VIA_DROP_IGMP_BAD;
}

/* RFC 9777 8.1. */
static int take_query6(struct via_mcast *m, const uint8_t *at, size_t len) {
    uint16_t code = via_get16(at + 4);

    m->version = 2;
    m->max_resp = ticks(code, MLD_TICK);
    if (len == 24)
        return 24;
    if (len < 28)
        return -VIA_DROP_IGMP_BAD;
    take_new(m, at + 24);
    m->max_resp = ticks(decode16(code), MLD_TICK);
    return 28 + m->sources * 16u <= len ? 28 : -VIA_DROP_IGMP_BAD;
}

static int take_igmp(struct via_mcast *m, const uint8_t *at, size_t len) {
    m->group = via_get_addr4(at + 4);
    switch (at[0]) {
    case IGMP_QUERY:
        m->kind = VIA_MCAST_QUERY;
        return take_query4(m, at, len);
    case IGMP_REPORT1:
    case IGMP_REPORT2:
        m->kind = VIA_MCAST_REPORT;
        m->version = at[0] == IGMP_REPORT1 ? 1 : 2;
        return 8;
    case IGMP_LEAVE:
        m->kind = VIA_MCAST_LEAVE;
        m->version = 2;
        return 8;
    default:
        return 8;
    }
}

/* RFC 9777 5.1.14, 5.2.13: from this link, and meant for routers' eyes. */
static bool fits_mld(const struct via_ip_head *ip, uint8_t type) {
    return (via_addr_is_linklocal6(&ip->src) || (type != MLD_QUERY && via_addr_is_any(&ip->src))) && ip->ttl == 1 &&
           (ip->flags & VIA_IP_ALERT);
}

static int take_mld(struct via_mcast *m, const struct via_ip_head *ip, const uint8_t *at, size_t len) {
    if (!fits_mld(ip, at[0]))
        return -VIA_DROP_IGMP_BAD;
    if (at[0] == MLD_REPORT2)
        return 8;
    if (len < 24 || at[0] < MLD_QUERY || at[0] > MLD_DONE)
        return -VIA_DROP_IGMP_BAD;
    m->group = via_addr_from6(at + 8);
    if (via_addr_is4(&m->group))
        return -VIA_DROP_IGMP_BAD;
    if (at[0] == MLD_QUERY) {
        m->kind = VIA_MCAST_QUERY;
        return take_query6(m, at, len);
    }
    m->kind = at[0] == MLD_REPORT ? VIA_MCAST_REPORT : VIA_MCAST_LEAVE;
    m->version = 2;
    return 24;
}

int via_mcast_parse(struct via_mcast *m, const struct via_ip_head *ip, const uint8_t *at, size_t len) {
    int n;

    memset(m, 0, sizeof *m);
    if (len < 8)
        return -VIA_DROP_IGMP_BAD;
    n = ip->version == 6 ? take_mld(m, ip, at, len) : take_igmp(m, at, len);
    if (n < 0 || m->kind == VIA_MCAST_OTHER || via_addr_is_multicast(&m->group))
        return n;
    /* Only a general query names no group, and it names no sources either. */
    return m->kind == VIA_MCAST_QUERY && via_addr_is_any(&m->group) && !m->sources ? n : -VIA_DROP_IGMP_BAD;
}

int via_mcast_emit(uint8_t *at, uint8_t ip_version, const struct via_mcast *m) {
    bool report = m->kind == VIA_MCAST_REPORT;

    VIA_ASSERT((report || m->kind == VIA_MCAST_LEAVE) && m->version < 3);
    memset(at, 0, 8);
    if (ip_version == 6) {
        at[0] = report ? MLD_REPORT : MLD_DONE;
        memcpy(at + 8, &m->group, 16);
        return 24;
    }
    at[0] = !report ? IGMP_LEAVE : m->version == 1 ? IGMP_REPORT1 : IGMP_REPORT2;
    via_put_addr4(at + 4, &m->group);
    return 8;
}

int via_mcast_report(uint8_t *at, uint8_t ip_version) {
    memset(at, 0, VIA_MCAST_HEAD);
    at[0] = ip_version == 6 ? MLD_REPORT2 : IGMP_REPORT3;
    return VIA_MCAST_HEAD;
}

int via_mcast_append(uint8_t *at, int len, uint8_t ip_version, const struct via_mcast_record *r) {
    uint8_t *x = at + len;
    unsigned i;

    via_put16(at + 6, (uint16_t)(via_get16(at + 6) + 1));
    x[0] = r->change;
    x[1] = 0;
    via_put16(x + 2, r->sources);
    if (ip_version == 6) {
        memcpy(x + 4, &r->group, 16);
        for (i = 0; i < r->sources; i++)
            memcpy(x + 20 + i * 16, &r->source[i], 16);
        return len + 20 + r->sources * 16;
    }
    via_put_addr4(x + 4, &r->group);
    for (i = 0; i < r->sources; i++)
        via_put_addr4(x + 8 + i * 4, &r->source[i]);
    return len + 8 + r->sources * 4;
}
