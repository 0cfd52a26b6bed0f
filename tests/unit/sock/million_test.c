/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * million_test.c - a million members of one set: opening, adding, finding, announcing. What an event costs is counted
 * in frames of the set that are touched, which must not depend on how many members there are; never in time.
 */
#include "desk.h"

#include "sock/socks.h"
#include "vi/vi.h"

#define PORTS 60000u

static uint32_t members = VIA_CHECKS >= 2 ? 100000 : 1000000; /* a walk of everything at each step takes its time */

static struct desk *b;

/* Own address i, for sockets i * PORTS and up. */
static struct via_ep end_point(uint32_t i) {
    return via_ep4(htonl(0x0a000101 + i / PORTS), (uint16_t)(1 + i % PORTS));
}

static void add_addrs(void) {
    struct via_ifaddr a = {.iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};
    uint32_t i;

    for (i = 1; i <= members / PORTS; i++) {
        a.addr = end_point(i * PORTS).addr;
        if (i > 1 || a.addr.b[15] != 1)
            via_ctrl_addr(b->st, VIA_CTRL_ADD, &a);
    }
}

static void arrive(uint32_t i, uint32_t tag) {
    struct via_ep from = desk_ep("10.0.1.254:9"), to = end_point(i);
    uint8_t frame[128];

    assert_true(desk_frame(b, 1, frame, desk_build(1, &from, &to, &tag, sizeof tag, frame), 0));
}

/* The set's memory as it is: how many sockets and packets differ from a copy after an arrival. */
static uint32_t socks_touched(const struct via_core *c, const uint8_t *before, uint64_t bytes) {
    const struct via_pool *pool = &c->socks->pool[VIA_KIND_UDP];
    const uint8_t *now = c->region.base + pool->slots;
    uint64_t at;
    uint32_t n = 0;

    for (at = 0; at + pool->size <= bytes; at += pool->size)
        n += memcmp(now + at, before + at, pool->size) != 0;
    return n;
}

static void a_million_members_cost_an_event_what_ten_do(void **state) {
    struct via_epoll *set;
    struct via_event ev[8];
    const struct via_core *c;
    const struct via_pool *pool;
    uint8_t *before;
    via_sock_t *s = calloc(members, sizeof *s);
    uint64_t bytes, t = 0;
    uint32_t i;
    char attr[128];

    (void)state;
    assert_non_null(s);
    snprintf(attr, sizeof attr, "max_udp=%u;frames=512", members + 100);
    b = desk_new(1, attr);
    add_addrs();
    desk_wait(b, 10 * VIA_SEC);
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    for (i = 0; i < members; i++) {
        struct via_ep ep = end_point(i);

        if (via_udp_open(b->st, NULL, &ep, &s[i]))
            fail_msg("socket %u: %s", i, via_why(b->st));
        assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s[i], VIA_EV_IN, i), 0);
    }
    c = b->port[1].vi->core;
    assert_int_equal(via_set_at(c, 1)->members, members);
    pool = &c->socks->pool[VIA_KIND_UDP];
    bytes = ((uint64_t)pool->ready + 1) * pool->size;
    before = malloc(bytes);
    assert_non_null(before);
    /* Anywhere in the set, each is found, and only who is concerned is touched. */
    for (i = 0; i < members; i += members / 7 - 1, t++) {
        uint32_t one = i, other = members - 1 - i;

        memcpy(before, c->region.base + pool->slots, bytes);
        arrive(one, 1);
        arrive(other, 2);
        arrive(one, 3);
        desk_poll(b);
        assert_int_equal(via_set_at(c, 1)->records, 3);
        assert_int_equal(via_epoll_poll(set, ev, 8, 0), 3);
        assert_int_equal(ev[0].user, one);
        assert_int_equal(ev[1].user, other);
        assert_int_equal(ev[2].user, one);
        assert_int_equal(socks_touched(c, before, bytes), 2);
        assert_int_equal(desk_read(b, s[one], NULL, 0) + desk_read(b, s[one], NULL, 0), 8);
        assert_int_equal(desk_read(b, s[other], NULL, 0), 4);
    }
    assert_true(t >= 7);
    /* Leaving and closing are as local. */
    memcpy(before, c->region.base + pool->slots, bytes);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_DEL, s[members / 2], 0, 0), 0);
    assert_int_equal(via_sock_close(b->st, s[members / 3], 0), 0);
    assert_int_equal(socks_touched(c, before, bytes), 2);
    assert_int_equal(via_set_at(c, 1)->members, members - 2);
    assert_int_equal(via_epoll_destroy(set), 0);
    desk_end(b);
    free(before);
    free(s);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_million_members_cost_an_event_what_ten_do)};

    if (argc > 1)
        members = (uint32_t)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
