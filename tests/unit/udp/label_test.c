/* SPDX-License-Identifier: BSD-2-Clause */
/* label_test.c - flow labels of IPv6 (RFC 6437): one for a conversation, another one for another. */
#include "desk.h"

static struct desk *b;

static int start(const char *attr) {
    b = desk_new(1, attr);
    desk_poll(b);
    return 0;
}

static int set_up(void **state) {
    (void)state;
    return start("frames=256");
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

/* The label of the frame that was sent last. */
static uint32_t label(void) {
    const uint8_t *ip = desk_sent(b, 1, b->port[1].sent_n - 1)->bytes + 14;

    assert_int_equal(ip[0] >> 4, 6);
    return (uint32_t)(ip[1] & 15) << 16 | (uint32_t)ip[2] << 8 | ip[3];
}

static uint32_t label_to(via_sock_t s, const char *peer, uint32_t len) {
    assert_int_equal(desk_send(b, s, peer, len, 1), 1);
    desk_poll(b);
    return label();
}

static void conversation_keeps_its_label(void **state) {
    via_sock_t s = desk_connected(b, "[2001:db8:1::1]:5", "[2001:db8:1::2]:7");
    uint32_t first = label_to(s, NULL, 10);
    int dscp = 0x40;

    (void)state;
    assert_int_not_equal(first, 0);
    assert_int_equal(label_to(s, NULL, 1000), first);
    assert_int_equal(label_to(s, NULL, 4000), first); /* its fragments too */
    assert_int_equal(via_sock_setopt(b->st, s, VIA_OPT_TOS, &dscp, sizeof dscp), 0);
    assert_int_equal(label_to(s, NULL, 10), first);
    assert_int_equal(via_sock_close(b->st, s, 0), 0);
    s = desk_open(b, "[2001:db8:1::1]:5"); /* the same ends, found by each datagram */
    assert_int_equal(label_to(s, "[2001:db8:1::2]:7", 10), first);
}

static void others_have_other_labels(void **state) {
    static uint32_t seen[64];
    unsigned n = 0, i, j, same = 0;
    char text[64];

    (void)state;
    for (i = 0; i < 8; i++) {
        via_sock_t s;

        snprintf(text, sizeof text, "[2001:db8:1::1]:%u", i + 1);
        s = desk_open(b, text);
        for (j = 0; j < 8; j++) {
            snprintf(text, sizeof text, "[2001:db8:1::%u]:7", j + 2);
            seen[n++] = label_to(s, text, 4);
        }
    }
    for (i = 0; i < n; i++)
        for (j = 0; j < i; j++)
            same += seen[i] == seen[j];
    assert_in_range(same, 0, 1); /* 2016 pairs of 20 bits */
}

static void labels_can_be_switched_off(void **state) {
    (void)state;
    desk_end(b);
    start("frames=256;flow_label=off");
    assert_int_equal(label_to(desk_open(b, "[2001:db8:1::1]:5"), "[2001:db8:1::2]:7", 10), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(conversation_keeps_its_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_have_other_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_can_be_switched_off, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
