/* SPDX-License-Identifier: BSD-2-Clause */
/* port_test.c - who may have a port beside whom; the same for datagrams and listeners. */
#include "desk.h"

#include "base/def.h"

#include <errno.h>

static struct desk *b;

static int set_up(void **state) {
    (void)state;
    b = desk_new(1, "frames=256");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

enum { REUSE = 1, ONLY6 = 2 };

/* Takes port 53 of a family, or does not. */
static int take(bool stream, enum via_family family, unsigned how, via_sock_t *s) {
    struct via_udp_conf udp = VIA_UDP_CONF_INIT;
    struct via_listen_conf tcp = VIA_LISTEN_CONF_INIT;
    struct via_ep ep = via_ep_any(family, 53);

    udp.flags = (how & REUSE ? VIA_UDP_REUSE : 0u) | (how & ONLY6 ? VIA_UDP_V6ONLY : 0u);
    tcp.flags = (how & REUSE ? VIA_TCP_REUSE : 0u) | (how & ONLY6 ? VIA_TCP_V6ONLY : 0u);
    return stream ? via_listen(b->st, &tcp, &ep, s) : via_udp_open(b->st, &udp, &ep, s);
}

/* What Linux 6.18 answers to bind(2) and listen(2), REUSE being SO_REUSEPORT there. */
static void wildcards_meet_as_on_linux(void **state) {
    static const struct {
        enum via_family first;
        unsigned first_how;
        enum via_family second;
        unsigned second_how;
        int err;
    } rows[] = {
        {VIA_AF_4, 0, VIA_AF_6, 0, -EADDRINUSE},     {VIA_AF_4, 0, VIA_AF_ANY, 0, -EADDRINUSE},
        {VIA_AF_4, 0, VIA_AF_6, ONLY6, 0},           {VIA_AF_4, 0, VIA_AF_6, REUSE, -EADDRINUSE},
        {VIA_AF_4, REUSE, VIA_AF_6, REUSE, 0},       {VIA_AF_4, REUSE, VIA_AF_6, 0, -EADDRINUSE},
        {VIA_AF_6, 0, VIA_AF_4, 0, -EADDRINUSE},     {VIA_AF_6, ONLY6, VIA_AF_4, 0, 0},
        {VIA_AF_6, ONLY6, VIA_AF_6, 0, -EADDRINUSE}, {VIA_AF_6, REUSE, VIA_AF_4, REUSE, 0},
        {VIA_AF_ANY, 0, VIA_AF_4, 0, -EADDRINUSE},
    };
    size_t i;
    int stream;

    (void)state;
    for (stream = 0; stream < 2; stream++)
        for (i = 0; i < VIA_COUNT(rows); i++) {
            via_sock_t s, t;
            int err;

            assert_int_equal(take(stream, rows[i].first, rows[i].first_how, &s), 0);
            err = take(stream, rows[i].second, rows[i].second_how, &t);
            if (err != rows[i].err)
                fail_msg("row %zu, %s: %d", i, stream ? "listener" : "datagrams", err);
            if (!err)
                via_sock_close(b->st, t, 0);
            via_sock_close(b->st, s, 0);
        }
}

static void ports_of_datagrams_and_streams_are_two(void **state) {
    via_sock_t s, t;

    (void)state;
    assert_int_equal(take(false, VIA_AF_ANY, 0, &s), 0);
    assert_int_equal(take(true, VIA_AF_ANY, 0, &t), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wildcards_meet_as_on_linux, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ports_of_datagrams_and_streams_are_two, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
