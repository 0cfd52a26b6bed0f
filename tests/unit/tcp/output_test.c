/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp_duo.h"

#define CONNS 4

struct scene {
    via_sock_t sock[CONNS][2];
    uint32_t got[CONNS];
};

static bool all_came(struct duo *r, void *arg) {
    struct scene *s = arg;
    uint8_t buf[4096];
    bool all = true;
    ssize_t n;
    int i;

    for (i = 0; i < CONNS; i++) {
        while ((n = via_tcp_recv(r->st[1], s->sock[i][1], buf, sizeof buf, 0)) > 0)
            s->got[i] += (uint32_t)n;
        all = all && s->got[i] == 14480;
    }
    return all;
}

/* With nothing under way no ACK comes that would try again. */
static void what_a_full_ring_refused_goes_at_the_next_poll(void **state) {
    static uint8_t data[14480];
    struct iovec v = {data, sizeof data};
    struct duo *r = duo_new("rx_ring=16;tx_ring=16");
    struct scene s = {0};
    int i;

    (void)state;
    for (i = 0; i < CONNS; i++)
        duo_connect(r, NULL, s.sock[i]);
    for (i = 0; i < CONNS; i++)
        assert_int_equal(via_tcp_send(r->st[0], s.sock[i][0], &v, 1, VIA_FLUSH), sizeof data);
    assert_true(duo_until(r, all_came, &s, VIA_SEC));
    duo_end(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_full_ring_refused_goes_at_the_next_poll),
    };

    return cmocka_run_group_tests_name("tcp.output", tests, NULL, NULL);
}
