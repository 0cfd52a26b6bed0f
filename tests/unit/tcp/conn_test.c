/* SPDX-License-Identifier: BSD-2-Clause */
/* conn_test.c - connections between two stacks: open, data both ways, ends, with loss and without. */
#include "tcp_duo.h"

#include <errno.h>

static void connection_opens_and_both_sides_hear_of_it(void **state) {
    struct duo *r = duo_new(NULL);
    struct via_ep ep[2];
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    assert_int_equal(duo_events(r, 0, s[0], NULL), VIA_EV_CONNECTED);
    assert_int_equal(duo_info(r, 0, s[0]).state, VIA_TCP_ESTABLISHED);
    assert_int_equal(duo_info(r, 1, s[1]).state, VIA_TCP_ESTABLISHED);
    assert_int_equal(via_sock_names(r->st[0], s[0], &ep[0], &ep[1]), 0);
    assert_int_equal(ep[1].port, DUO_PORT);
    assert_int_equal(duo_info(r, 0, s[0]).mss, 1448);
    assert_int_equal(duo_info(r, 0, s[0]).options, VIA_TCP_HAS_TS | VIA_TCP_HAS_SACK | VIA_TCP_HAS_WSCALE);
    duo_end(r);
}

static void few_bytes_go_both_ways(void **state) {
    struct duo *r = duo_new(NULL);
    via_sock_t s[2];
    int i;

    (void)state;
    duo_connect(r, NULL, s);
    for (i = 1; i < 200; i++) {
        assert_int_equal(duo_send(r, 0, s[0], (size_t)i, 0), i);
        duo_step(r);
        duo_step(r);
        assert_int_equal(duo_recv(r, 1, s[1]), i);
        assert_int_equal(duo_send(r, 1, s[1], (size_t)i, 0), i);
        duo_step(r);
        duo_step(r);
        assert_int_equal(duo_recv(r, 0, s[0]), i);
    }
    assert_int_equal(duo_recv(r, 0, s[0]), -EAGAIN);
    duo_end(r);
}

static void carry_over(const char *attr, bool six, const struct via_impair *imp, uint64_t bytes) {
    struct duo *r = duo_new(attr);
    via_sock_t s[2];

    r->six = six;
    duo_connect(r, NULL, s);
    if (imp) {
        duo_impair(r, 0, imp);
        duo_impair(r, 1, imp);
    }
    assert_true(duo_carry(r, 0, s, bytes, 3600 * VIA_SEC));
    assert_true(duo_carry(r, 1, s, bytes, 3600 * VIA_SEC));
    assert_int_equal(via_tcp_shutdown(r->st[0], s[0]), 0);
    duo_run(r, VIA_SEC * 200);
    assert_int_equal(duo_recv(r, 1, s[1]), 0);
    assert_int_equal(duo_send(r, 0, s[0], 1, 0), -EPIPE);
    assert_int_equal(duo_info(r, 0, s[0]).state, VIA_TCP_FIN_WAIT_2);
    assert_int_equal(duo_info(r, 1, s[1]).state, VIA_TCP_CLOSE_WAIT);
    assert_true(duo_carry(r, 1, s, bytes / 4, 3600 * VIA_SEC));
    assert_int_equal(via_sock_close(r->st[1], s[1], 0), 0);
    duo_run(r, VIA_SEC * 200);
    assert_int_equal(duo_recv(r, 0, s[0]), 0);
    assert_int_equal(via_sock_close(r->st[0], s[0], 0), 0);
    duo_run(r, VIA_SEC * 500);
    assert_int_equal(duo_stat(r, 0, "tcp", "connections"), 0);
    assert_int_equal(duo_stat(r, 1, "tcp", "connections"), 0);
    assert_int_equal(duo_stat(r, 0, "tcp", "segments"), 0);
    duo_end(r);
}

static void bulk_data_arrives_byte_for_byte(void **state) {
    (void)state;
    carry_over("checksum=2", false, NULL, 10u << 20);
    carry_over("checksum=0", true, NULL, 10u << 20);
    carry_over("checksum=2;mem_mtu=576", false, NULL, 1u << 20);
    carry_over("checksum=2;mem_mtu=9000", false, NULL, 10u << 20);
    carry_over("checksum=2;mem_mtu=65535", true, NULL, 20u << 20);
    carry_over("checksum=2;tcp_timestamps=off;tcp_sack=off;tcp_wscale=off", false, NULL, 1u << 20);
    carry_over("checksum=2;tcp_fast_path=off", false, NULL, 1u << 20);
    carry_over("checksum=2;mem_latency=5ms", false, NULL, 4u << 20);
}

static void bulk_data_survives_loss(void **state) {
    struct via_impair imp = VIA_IMPAIR_INIT;

    (void)state;
    imp.seed = 7;
    imp.loss = 0.01;
    carry_over("checksum=2;mem_latency=2ms", false, &imp, 4u << 20);
    imp.loss = 0.1;
    carry_over("checksum=2;mem_latency=2ms", true, &imp, 1u << 20);
    carry_over("checksum=2;mem_latency=2ms;tcp_sack=off", false, &imp, 1u << 20);
    carry_over("checksum=2;mem_latency=2ms;tcp_timestamps=off;tcp_fast_path=off;tcp_cc=1", false, &imp, 1u << 20);
    imp.loss = 0.03;
    imp.reorder = 0.1;
    imp.duplicate = 0.05;
    carry_over("checksum=2;mem_latency=2ms", false, &imp, 2u << 20);
    imp.corrupt = 0.02;
    carry_over("checksum=2;mem_latency=1ms", true, &imp, 2u << 20);
    carry_over("checksum=2;mem_mtu=9000", true, &imp, 2u << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_opens_and_both_sides_hear_of_it),
        cmocka_unit_test(few_bytes_go_both_ways),
        cmocka_unit_test(bulk_data_arrives_byte_for_byte),
        cmocka_unit_test(bulk_data_survives_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
