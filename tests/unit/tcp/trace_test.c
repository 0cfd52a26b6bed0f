/* SPDX-License-Identifier: BSD-2-Clause */
/* trace_test.c - a connection in trouble says what happened to it. */
#include "tcp_duo.h"

#include <errno.h>

static int find(const struct via_trace_rec *v, int n, uint32_t what) {
    int i;

    for (i = 0; i < n; i++)
        if (v[i].what == what)
            return i;
    return -1;
}

static void connection_without_trouble_has_nothing_to_tell(void **state) {
    struct duo *r = duo_new(NULL);
    struct via_trace_rec v[64];
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    assert_true(duo_carry(r, 0, s, 100000, VIA_SEC));
    assert_int_equal(via_trace_read(r->st[0], s[0], v, 64), 0);
    assert_int_equal(via_trace_read(r->st[1], s[1], v, 64), 0);
    assert_int_equal(via_trace_read(r->st[0], s[0], NULL, 1), -EINVAL);
    assert_int_equal(via_trace_read(r->st[0], 12345, v, 64), -EBADF);
    duo_end(r);
}

static void loss_and_repair_are_recorded_in_order(void **state) {
    struct duo *r = duo_new("mem_latency=1ms");
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct via_trace_rec v[64];
    via_sock_t s[2];
    int n, i, lost;

    (void)state;
    duo_connect(r, NULL, s);
    imp.seed = 5;
    imp.loss = 0.02;
    duo_impair(r, 0, &imp);
    assert_true(duo_carry(r, 0, s, 4u << 20, 600 * VIA_SEC));
    n = via_trace_read(r->st[0], s[0], v, 64);
    assert_int_equal(n, 62); /* the rest was longer ago */
    for (i = 1; i < n; i++)
        assert_true(v[i].at >= v[i - 1].at && v[i].at <= r->now);
    lost = find(v, n, VIA_TRACE_LOST);
    assert_true(lost >= 0);
    assert_true(find(v + lost, n - lost, VIA_TRACE_RESENT) > 0);
    assert_true(find(v + lost, n - lost, VIA_TRACE_RECOVERED) > 0);
    assert_int_equal(via_trace_read(r->st[0], s[0], v, 5), 5);
    duo_end(r);
}

static void trace_outlives_the_connection_but_not_its_handle(void **state) {
    struct duo *r = duo_new("mem_latency=1ms;tcp_retries=3");
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct via_trace_rec v[64];
    via_sock_t s[2];
    int n, reason = 0;

    (void)state;
    duo_connect(r, NULL, s);
    imp.seed = 5;
    imp.loss = 1;
    duo_impair(r, 0, &imp);
    assert_int_equal(duo_send(r, 0, s[0], 1000, 0), 1000);
    duo_run(r, 60 * VIA_SEC);
    assert_true(duo_events(r, 0, s[0], &reason) & VIA_EV_TERMINATED);
    assert_int_equal(reason, -ETIMEDOUT);
    n = via_trace_read(r->st[0], s[0], v, 64);
    assert_int_equal(v[0].what, VIA_TRACE_STATE);
    assert_int_equal(v[0].value, VIA_TCP_ESTABLISHED);
    assert_true(find(v, n, VIA_TRACE_TIMEOUT) > 0);
    assert_int_equal(v[n - 1].what, VIA_TRACE_ENDED);
    assert_int_equal(v[n - 1].value, ETIMEDOUT);
    assert_int_equal(via_sock_close(r->st[0], s[0], 0), 0);
    assert_int_equal(via_trace_read(r->st[0], s[0], v, 64), -EBADF);
    duo_end(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_without_trouble_has_nothing_to_tell),
        cmocka_unit_test(loss_and_repair_are_recorded_in_order),
        cmocka_unit_test(trace_outlives_the_connection_but_not_its_handle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
