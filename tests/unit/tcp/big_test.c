/* SPDX-License-Identifier: BSD-2-Clause */
/* big_test.c - segments longer than the MSS over a cable that takes them, and when it does not. */
#include "tcp_duo.h"

#include <errno.h>

#define MEGA (1u << 20)

/* Data bytes for each segment that stack 0 sends while it carries `bytes`. */
static uint64_t bytes_a_segment(struct duo *r, const via_sock_t s[2], uint64_t bytes) {
    uint64_t before = duo_info(r, 0, s[0]).segs_sent;

    assert_true(duo_carry(r, 0, s, bytes, 600 * VIA_SEC));
    return bytes / (duo_info(r, 0, s[0]).segs_sent - before);
}

static void cable_in_memory_carries_segments_of_many_times_the_mss(void **state) {
    struct duo *r = duo_new(NULL);
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    assert_int_equal(duo_info(r, 0, s[0]).mss, 1448);
    bytes_a_segment(r, s, MEGA); /* slow start */
    assert_true(bytes_a_segment(r, s, 8 * MEGA) > 20 * 1448);
    assert_int_equal(duo_info(r, 0, s[0]).segs_resent, 0);
    assert_int_equal(duo_info(r, 1, s[1]).duplicates, 0);
    duo_end(r);
}

static void first_flight_is_the_initial_window(void **state) {
    struct duo *r = duo_new(NULL);
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    assert_int_equal(duo_send(r, 0, s[0], 65536, 0), 65536);
    assert_int_equal(duo_info(r, 0, s[0]).flight, 10 * 1448);
    duo_end(r);
}

static void segments_are_cut_to_the_mtu_when_switched_off(void **state) {
    struct duo *r = duo_new("tcp_big=off");
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    assert_true(bytes_a_segment(r, s, 4 * MEGA) <= 1448);
    duo_end(r);
}

static void cable_that_stands_for_a_link_gets_segments_of_the_mtu(void **state) {
    struct duo *r = duo_new("mem_latency=100us");
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    assert_true(bytes_a_segment(r, s, MEGA) <= 1448);
    duo_end(r);
}

/* The sender has large packets queued; from the next on they must be cut. */
static void impaired_end_gets_segments_of_the_mtu(int end, uint32_t direction) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct duo *r = duo_new("tcp_sndbuf_max=256k;tcp_rcvbuf_max=256k"); /* little is left over from before */
    via_sock_t s[2];
    int i;

    duo_connect(r, NULL, s);
    bytes_a_segment(r, s, 4 * MEGA);
    for (i = 0; i < 3; i++) {
        while (duo_send(r, 0, s[0], 50000, 0) > 0)
            ;
        duo_run(r, 10 * VIA_MS);
    }
    assert_true(duo_info(r, 0, s[0]).snd_unsent > 0);
    imp.direction = direction;
    imp.seed = 3;
    imp.loss = 0.01;
    assert_int_equal(via_vi_impair(r->vi[end], &imp), 0);
    duo_run(r, 10 * VIA_MS);
    bytes_a_segment(r, s, MEGA); /* what was sent before is read */
    assert_true(bytes_a_segment(r, s, 4 * MEGA) <= 1448);
    duo_end(r);
}

static void what_is_impaired_are_packets_of_the_mtu(void **state) {
    (void)state;
    impaired_end_gets_segments_of_the_mtu(0, 2);
    impaired_end_gets_segments_of_the_mtu(1, 1);
}

static void small_ring_bounds_the_segment(void **state) {
    struct duo *r = duo_new("rx_ring=64");
    via_sock_t s[2];
    uint64_t mean;

    (void)state;
    duo_connect(r, NULL, s);
    bytes_a_segment(r, s, MEGA);
    mean = bytes_a_segment(r, s, 4 * MEGA);
    assert_true(mean > 2 * 1448 && mean <= 16 * 2048);
    duo_end(r);
}

static void tail_of_a_big_segment_waits_by_nagle(void **state) {
    struct duo *r = duo_new(NULL);
    via_sock_t s[2];

    (void)state;
    duo_connect(r, NULL, s);
    assert_int_equal(duo_send(r, 0, s[0], 1448, 0), 1448);
    assert_int_equal(duo_send(r, 0, s[0], 3 * 1448 + 100, 0), 3 * 1448 + 100);
    assert_int_equal(duo_info(r, 0, s[0]).snd_unsent, 100);
    duo_run(r, VIA_SEC);
    assert_int_equal(duo_recv(r, 1, s[1]), 4 * 1448 + 100);
    duo_end(r);
}

static void odd_amounts_arrive_byte_for_byte(void **state) {
    static const char *const attr[] = {"checksum=2", "frame_size=4096", "checksum=2;tcp_timestamps=off", "tcp_rcvbuf=20000"};
    unsigned i, k;

    (void)state;
    for (i = 0; i < sizeof attr / sizeof attr[0]; i++) {
        struct duo *r = duo_new(attr[i]);
        via_sock_t s[2];

        r->six = i & 1;
        duo_connect(r, NULL, s);
        for (k = 1; k < 300000; k = k * 5 / 3 + 1) {
            assert_true(duo_carry(r, 0, s, k, 60 * VIA_SEC));
            assert_true(duo_carry(r, 1, s, k + 7, 60 * VIA_SEC));
        }
        duo_end(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cable_in_memory_carries_segments_of_many_times_the_mss),
        cmocka_unit_test(first_flight_is_the_initial_window),
        cmocka_unit_test(segments_are_cut_to_the_mtu_when_switched_off),
        cmocka_unit_test(cable_that_stands_for_a_link_gets_segments_of_the_mtu),
        cmocka_unit_test(what_is_impaired_are_packets_of_the_mtu),
        cmocka_unit_test(small_ring_bounds_the_segment),
        cmocka_unit_test(tail_of_a_big_segment_waits_by_nagle),
        cmocka_unit_test(odd_amounts_arrive_byte_for_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
