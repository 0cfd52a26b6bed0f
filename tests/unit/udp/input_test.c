/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * input_test.c - which datagrams are taken: checksums and lengths (RFC 768, RFC 8085 3.4, RFC 8200 8.1), by the long
 * way in and, after one of the same flow was taken, by the short one.
 */
#include "desk.h"

#include "wire/bytes.h"
#include "wire/sum.h"

#include <errno.h>

struct ends {
    const char *from, *to;
    uint32_t head; /* bytes in front of the UDP header */
};

static const struct ends four = {"10.0.1.2:9", "10.0.1.1:5", 34}, six = {"[2001:db8:1::2]:9", "[2001:db8:1::1]:5", 54};

static struct desk *b;
static via_sock_t s;
static uint8_t frame[2048];

static void start(const char *attr) {
    b = desk_new(1, attr);
    s = desk_open(b, "*:5");
}

static int set_up(void **state) {
    (void)state;
    start("frames=256");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
    desk_end(b);
    return 0;
}

/* A good datagram of `len` bytes in `frame`: length of the frame. */
static uint32_t build(const struct ends *e, uint32_t len) {
    static uint8_t data[1400];
    struct via_ep from = desk_ep(e->from), to = desk_ep(e->to);
    uint32_t i;

    for (i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + 1);
    return desk_build(1, &from, &to, data, len, frame);
}

/* Arrives: length of what the socket got, or -EAGAIN. */
static ssize_t arrive(uint32_t len) {
    uint8_t out[1500];

    assert_true(desk_frame(b, 1, frame, len, 0));
    desk_poll(b);
    return desk_read(b, s, out, sizeof out);
}

/* The flow is known from here on. */
static void make_known(const struct ends *e) {
    assert_int_equal(arrive(build(e, 20)), 20);
    assert_int_equal(arrive(build(e, 20)), 20);
}

static void check_damage(const struct ends *e, bool known) {
    uint32_t len = build(e, 20), i, before;

    for (i = e->head; i < len; i++) {
        if (known)
            make_known(e);
        build(e, 20);
        frame[i] ^= 0x10;
        before = (uint32_t)(desk_drops(b, "UDP_CHECKSUM") + desk_drops(b, "UDP_SHORT"));
        assert_int_equal(arrive(len), -EAGAIN);
        assert_int_equal(desk_drops(b, "UDP_CHECKSUM") + desk_drops(b, "UDP_SHORT"), before + 1);
    }
}

static void damaged_datagrams_are_dropped(void **state) {
    (void)state;
    check_damage(&four, false);
    check_damage(&six, false);
}

static void damaged_datagrams_of_a_known_flow_are_dropped(void **state) {
    (void)state;
    check_damage(&four, true);
    check_damage(&six, true);
}

/* What was sent to or by somebody else does not become ours by a damaged address: IPv6 has no other checksum. */
static void addresses_are_covered(void **state) {
    uint32_t len = build(&six, 20);

    (void)state;
    frame[14 + 8 + 15] = 3; /* from 2001:db8:1::3 */
    assert_int_equal(arrive(len), -EAGAIN);
    assert_int_equal(desk_drops(b, "UDP_CHECKSUM"), 1);
}

static void checksum_may_be_left_out_of_ip4_alone(void **state) {
    const struct ends *e;
    int round;

    (void)state;
    for (round = 0; round < 2; round++)
        for (e = &four;; e = &six) {
            uint32_t len;

            if (round)
                make_known(e);
            len = build(e, 20);
            via_store16(frame + e->head + 6, 0);
            assert_int_equal(arrive(len), e == &four ? 20 : -EAGAIN);
            if (e == &six)
                break;
        }
    assert_int_equal(desk_drops(b, "UDP_CHECKSUM"), 2);
}

static void wrong_lengths_are_refused(void **state) {
    static const uint16_t lengths[] = {0, 1, 7, 29, 1000, 65535};
    const struct ends *e = &four;
    size_t i;
    int round;

    (void)state;
    for (round = 0; round < 4; round++) {
        e = round & 1 ? &six : &four;
        for (i = 0; i < VIA_COUNT(lengths); i++) {
            uint32_t len;

            if (round > 1)
                make_known(e);
            len = build(e, 20);
            via_put16(frame + e->head + 4, lengths[i]);
            via_store16(frame + e->head + 6, 0);
            assert_int_equal(arrive(len), -EAGAIN);
        }
    }
    assert_int_equal(desk_drops(b, "UDP_SHORT"), 4 * VIA_COUNT(lengths));
}

/* RFC 9868: there may be options behind the datagram. They are no data, nor does the checksum cover them. */
static void surplus_behind_the_datagram_is_cut_off(void **state) {
    const struct ends *e = &four;
    int round;

    (void)state;
    for (round = 0; round < 4; round++) {
        uint32_t len;

        e = round & 1 ? &six : &four;
        if (round > 1)
            make_known(e);
        len = build(e, 20);
        memset(frame + len, 0xa5, 12);
        if (e == &four) {
            desk_refit4(frame, 20 + 28 + 12, 0);
        } else {
            via_put16(frame + 14 + 4, 28 + 12);
        }
        assert_int_equal(arrive(len + 12), 20);
    }
}

static void padding_of_the_link_is_no_data(void **state) {
    uint32_t len;

    (void)state;
    len = build(&four, 4);
    memset(frame + len, 0, 60 - len);
    assert_int_equal(arrive(60), 4);
    build(&four, 4);
    assert_int_equal(arrive(60), 4);
}

static void empty_datagram_is_one(void **state) {
    (void)state;
    assert_int_equal(arrive(build(&four, 0)), 0);
    assert_int_equal(arrive(build(&six, 0)), 0);
    assert_int_equal(arrive(build(&six, 0)), 0);
}

static void attribute_spares_the_look_at_checksums(void **state) {
    uint32_t len;
    int round;

    (void)state;
    desk_end(b);
    start("frames=256;checksum=0");
    for (round = 0; round < 2; round++) {
        len = build(&four, 20);
        frame[len - 1] ^= 1;
        assert_int_equal(arrive(len), 20);
    }
}

/* RFC 768: a sum of zero goes out as all ones, for zero says that there is none. */
static void checksum_that_is_zero_is_sent_as_ones(void **state) {
    via_sock_t out = desk_connected(b, "10.0.1.1:6", "10.0.1.2:7");
    uint32_t x, ones = 0;

    (void)state;
    for (x = 0; x < 65536; x++) {
        uint16_t word = (uint16_t)x, sum;
        struct iovec iov = {&word, 2};
        struct via_dgram d = {.iov = &iov, .iovcnt = 1};

        assert_int_equal(via_udp_send(b->st, out, &d, 1, VIA_FLUSH), 1);
        memcpy(&sum, desk_sent(b, 1, b->port[1].sent_n - 1)->bytes + 34 + 6, 2);
        assert_int_not_equal(sum, 0);
        ones += sum == 0xffff;
        if (x % 64 == 63)
            desk_poll(b);
    }
    assert_int_equal(ones, 1); /* of all words one makes the sum zero */
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(damaged_datagrams_are_dropped),
        T(damaged_datagrams_of_a_known_flow_are_dropped),
        T(addresses_are_covered),
        T(checksum_may_be_left_out_of_ip4_alone),
        T(wrong_lengths_are_refused),
        T(surplus_behind_the_datagram_is_cut_off),
        T(padding_of_the_link_is_no_data),
        T(empty_datagram_is_one),
        T(attribute_spares_the_look_at_checksums),
        T(checksum_that_is_zero_is_sent_as_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
