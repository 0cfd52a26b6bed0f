/* SPDX-License-Identifier: BSD-2-Clause */
/* mcast_rig.h - a host, its groups, and what it tells routers of them, read back record by record. */
#ifndef VIA_MCAST_RIG_H
#define VIA_MCAST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "net_rig.h"
#include "router_rig.h"

#include "net/state.h"

static const char *const groups[2] = {"239.1.2.3", "ff0e::1234"};
static const char *const others[2] = {"239.9.9.9", "ff0e::9999"};
static const char *const senders[2][3] = {{"192.0.2.1", "192.0.2.2", "192.0.2.3"},
                                          {"2001:db8:9::1", "2001:db8:9::2", "2001:db8:9::3"}};
static const struct via_addr any = {{0}};

static inline int setup(void **state) {
    *state = rig_host(NULL, 1);
    return 0;
}

static inline int teardown(void **state) {
    rig_end(*state);
    return 0;
}

static inline void join(struct net_rig *r, const char *group, const char *source) {
    struct via_addr g = rig_addr(group), s = source ? rig_addr(source) : any;

    assert_int_equal(via_net_join(&r->core, 1, &g, &s), 1);
    rig_flush(r);
}

static inline void leave(struct net_rig *r, const char *group, const char *source) {
    struct via_addr g = rig_addr(group), s = source ? rig_addr(source) : any;

    via_net_leave(&r->core, 1, &g, &s);
    rig_flush(r);
}

/* Joins, and what that said is over and forgotten. */
static inline void join_quietly(struct net_rig *r, const char *group, const char *source) {
    join(r, group, source);
    rig_wait(r, 10 * VIA_SEC);
    rig_clear(r);
}

/* One record about a group, wherever it was sent. */
struct said {
    via_ns_t at;
    uint8_t change; /* enum via_mcast_change; 12, 16, 17 hex, 83, 84: messages of old versions */
    uint16_t sources;
    struct via_addr source[256];
};

static inline struct via_addr addr_at(const uint8_t *at, int six) {
    return six ? via_addr_from6(at) : via_get_addr4(at);
}

/* Checks what every report has in common. */
static inline void check_report(const struct rig_parsed *p, int six, const struct via_addr *to) {
    uint8_t mac[6];

    via_mac_of_group(mac, to);
    assert_true(via_addr_eq(&p->ip.dst, to));
    assert_memory_equal(p->eth.dst, mac, 6);
    assert_int_equal(p->ip.ttl, 1);
    if (p->payload[0] != 0x12)
        assert_true(p->ip.flags & VIA_IP_ALERT);
    if (six)
        assert_true(via_addr_is_linklocal6(&p->ip.src) || via_addr_is_any(&p->ip.src));
    else
        assert_int_equal(p->ip.tos, 0xc0);
}

static inline unsigned read_records(const struct rig_frame *f, const struct rig_parsed *p, int six,
                                    const struct via_addr *group, struct said *v) {
    uint32_t at = 8, len = six ? 16 : 4, count = via_get16(p->payload + 6), found = 0, i, k;
    struct via_addr to = rig_addr(six ? "ff02::16" : "224.0.0.22");

    check_report(p, six, &to);
    for (i = 0; i < count; i++) {
        const uint8_t *rec = p->payload + at;
        uint16_t n = via_get16(rec + 2);
        struct via_addr g = addr_at(rec + 4, six);

        at += 4 + len + n * len;
        assert_true(at <= p->ip.payload);
        assert_int_equal(rec[1], 0);
        if (!via_addr_eq(&g, group))
            continue;
        v[found].at = f->at;
        v[found].change = rec[0];
        v[found].sources = n;
        assert_true(n <= 256);
        for (k = 0; k < n; k++)
            v[found].source[k] = addr_at(rec + 4 + len + k * len, six);
        found++;
    }
    assert_int_equal(at, p->ip.payload);
    return found;
}

static inline unsigned read_old(const struct rig_frame *f, const struct rig_parsed *p, int six,
                                const struct via_addr *group, struct said *v) {
    struct via_addr g = addr_at(p->payload + (six ? 8 : 4), six);
    bool left = p->payload[0] == 0x17 || p->payload[0] == 132;
    struct via_addr routers = rig_addr(six ? "ff02::2" : "224.0.0.2");

    check_report(p, six, left ? &routers : &g);
    v->at = f->at;
    v->change = p->payload[0];
    v->sources = 0;
    return via_addr_eq(&g, group);
}

/* All that was said of a group. */
static inline unsigned heard(const struct net_rig *r, const char *group, struct said *v, unsigned most) {
    struct via_addr g = rig_addr(group);
    int six = !via_addr_is4(&g);
    unsigned n = 0, i;

    for (i = 0; i < r->sent_count; i++) {
        struct rig_parsed p = rig_parse(&r->sent[i]);

        assert_true(n + 8 <= most);
        if (p.ip.version != (six ? 6 : 4) || p.ip.proto != (six ? IPPROTO_ICMPV6 : IPPROTO_IGMP))
            continue;
        if (p.payload[0] == (six ? 143 : 0x22))
            n += read_records(&r->sent[i], &p, six, &g, v + n);
        else if (six ? p.payload[0] == 131 || p.payload[0] == 132
                     : p.payload[0] == 0x12 || p.payload[0] == 0x16 || p.payload[0] == 0x17)
            n += read_old(&r->sent[i], &p, six, &g, v + n);
    }
    return n;
}

static struct said v[64];

static inline struct via_rx query_as(struct net_rig *r, struct rig_query q, const char *src, uint8_t ttl, bool alert) {
    struct via_ip_head h = rig_head(src, q.ip_version == 6 ? "ff02::1" : "224.0.0.1", 0);
    uint8_t b[2048], m[2048];
    uint32_t n = (uint32_t)rig_query(m, &q);

    if (!via_addr_is_any(&q.group))
        h.dst = q.group;
    h.proto = q.ip_version == 6 ? IPPROTO_ICMPV6 : IPPROTO_IGMP;
    h.ttl = ttl;
    h.flags = alert ? VIA_IP_ALERT : 0;
    via_icmp_seal(m, n, &h);
    return rig_input(r, b, rig_ip_frame(b, &h, m, n));
}

static inline void query(struct net_rig *r, struct rig_query q) {
    struct via_rx rx = query_as(r, q, q.ip_version == 6 ? "fe80::2" : "10.0.0.2", 1, true);

    assert_int_equal(rx.kind, VIA_RX_DONE);
}

/* A query of version 3 that wants an answer within a second. */
static inline struct rig_query query3(int six, const char *group) {
    struct rig_query q = {.ip_version = six ? 6 : 4, .version = 3, .robustness = 2, .interval_code = 125};

    q.resp_code = six ? 1000 : 10;
    q.group = group ? rig_addr(group) : six ? any : via_addr_from4(0);
    return q;
}

static inline void expect_one(struct net_rig *r, const char *group, uint8_t change, uint16_t sources) {
    assert_int_equal(heard(r, group, v, 64), 1);
    assert_int_equal(v[0].change, change);
    assert_int_equal(v[0].sources, sources);
}

static inline struct rig_query old_query(int six, uint8_t version, const char *group) {
    struct rig_query q = query3(six, group);

    q.version = version;
    q.resp_code = version == 1 ? 0 : q.resp_code;
    return q;
}

#endif
