/* SPDX-License-Identifier: BSD-2-Clause */
/* known_test.c - the table of known flows must never decide otherwise than the long way does: two stacks, one without. */
#include "desk.h"

#include "base/rand.h"
#include "stack/stack.h"

#include <errno.h>

#define LONGEST 128

struct pair {
    struct desk *with, *without;
    via_sock_t s[2][3]; /* of either: IPv4, IPv6, and one that is opened and closed */
};

static int set_up(void **state) {
    const char *attr = "frames=1024;checksum=2;icmp_rate=0";
    struct pair *t = calloc(1, sizeof *t);
    int i;

    t->with = desk_new(2, attr);
    t->without = desk_new(2, attr);
    ((struct via_core *)(void *)t->without->st)->socks->known.off = true;
    for (i = 0; i < 2; i++) {
        struct desk *b = i ? t->without : t->with;

        t->s[i][0] = desk_open(b, "0.0.0.0:7");
        t->s[i][1] = desk_open(b, "[2001:db8:1::1]:7");
    }
    *state = t;
    return 0;
}

static int tear_down(void **state) {
    struct pair *t = *state;

    desk_end(t->with);
    desk_end(t->without);
    free(t);
    return 0;
}

/* Entries that were made. */
static unsigned entries(const struct desk *b) {
    const struct via_known_table *k = &((struct via_core *)(void *)b->st)->socks->known;
    unsigned i, n = 0;

    for (i = 0; i < sizeof k->at / sizeof k->at[0]; i++)
        n += k->at[i].gen != 0;
    return n;
}

static int count(const struct via_stat *s, void *arg) {
    uint64_t *sum = arg;

    if (!strcmp(s->object, "drop"))
        *sum = *sum * 31 + s->value;
    return 0;
}

/* A number for all that a stack has dropped, by name. */
static uint64_t dropped(const struct desk *b) {
    uint64_t sum = 7;

    via_stats_walk(b->st, count, &sum);
    return sum;
}

/* The same frame to both; whatever comes of it must be the same. */
static void both(struct pair *t, uint32_t n, const uint8_t *frame, uint32_t len) {
    uint8_t got[2][LONGEST];
    int k;

    assert_true(desk_frame(t->with, n, frame, len, 0));
    assert_true(desk_frame(t->without, n, frame, len, 0));
    desk_poll(t->with);
    desk_poll(t->without);
    for (k = 0; k < 3; k++) {
        ssize_t a = -EBADF, b = -EBADF;

        if (t->s[0][k])
            a = desk_read(t->with, t->s[0][k], got[0], sizeof got[0]);
        if (t->s[1][k])
            b = desk_read(t->without, t->s[1][k], got[1], sizeof got[1]);
        assert_int_equal(a, b);
        if (a > 0)
            assert_memory_equal(got[0], got[1], (size_t)a);
    }
    assert_int_equal(dropped(t->with), dropped(t->without));
}

static uint32_t build(uint8_t *frame, bool v4, uint32_t bytes) {
    struct via_ep from = desk_ep(v4 ? "10.0.1.2:9" : "[2001:db8:1::2]:9");
    struct via_ep to = desk_ep(v4 ? "10.0.1.1:7" : "[2001:db8:1::1]:7");
    uint8_t data[LONGEST];

    memset(data, 0x5a, sizeof data);
    return desk_build(1, &from, &to, data, bytes, frame);
}

static void flow_seen_once_is_known(void **state) {
    struct pair *t = *state;
    uint8_t frame[256];

    both(t, 1, frame, build(frame, true, 20));
    assert_int_equal(entries(t->with), 1);
    both(t, 1, frame, build(frame, false, 20));
    assert_int_equal(entries(t->with), 2);
    assert_int_equal(entries(t->without), 0);
}

static void any_bit_of_a_known_header_decides_as_the_long_way(void **state) {
    struct pair *t = *state;
    uint32_t bit, v4;

    for (v4 = 0; v4 < 2; v4++) {
        uint32_t head = v4 ? 14 + 20 + 8 : 14 + 40 + 8;

        for (bit = 0; bit < 8 * head; bit++) {
            uint8_t frame[256];
            uint32_t len = build(frame, v4, 20);

            both(t, 1, frame, len); /* known, and the neighbour is what it was */
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
            both(t, 1, frame, len);
            if (v4)
                desk_refit4(frame, (uint16_t)(frame[16] << 8 | frame[17]), (uint16_t)(frame[20] << 8 | frame[21]));
            both(t, 1, frame, len);
        }
    }
}

static void any_length_of_a_known_frame_decides_as_the_long_way(void **state) {
    struct pair *t = *state;
    uint32_t v4, cut;

    for (v4 = 0; v4 < 2; v4++) {
        uint8_t frame[256] = {0};
        uint32_t len = build(frame, v4, 20);

        both(t, 1, frame, len);
        for (cut = 14; cut <= len + 20; cut++)
            both(t, 1, frame, cut);
        both(t, 1, frame, len);
    }
}

static void frame_of_another_interface_is_not_known(void **state) {
    struct pair *t = *state;
    uint8_t frame[256];
    uint32_t len = build(frame, true, 20);

    both(t, 1, frame, len);
    both(t, 2, frame, len);
}

static void known_flow_goes_to_who_takes_it_over(void **state) {
    struct pair *t = *state;
    uint8_t frame[256], data[32];
    uint32_t len = build(frame, true, 20);

    both(t, 1, frame, len);
    t->s[0][2] = desk_connected(t->with, "10.0.1.1:7", "10.0.1.2:9");
    t->s[1][2] = desk_connected(t->without, "10.0.1.1:7", "10.0.1.2:9");
    assert_true(desk_frame(t->with, 1, frame, len, 0));
    desk_poll(t->with);
    assert_int_equal(desk_read(t->with, t->s[0][2], data, sizeof data), 20);
    assert_true(desk_frame(t->without, 1, frame, len, 0));
    desk_poll(t->without);
    assert_int_equal(desk_read(t->without, t->s[1][2], data, sizeof data), 20);
    both(t, 1, frame, len);
    assert_int_equal(via_sock_close(t->with->st, t->s[0][2], 0), 0);
    assert_int_equal(via_sock_close(t->without->st, t->s[1][2], 0), 0);
    t->s[0][2] = t->s[1][2] = 0;
    both(t, 1, frame, len);
}

static void known_flow_ends_with_its_socket_and_its_address(void **state) {
    struct pair *t = *state;
    struct via_ifaddr a = {.addr = desk_ep("10.0.1.1:0").addr, .iface = 1, .prefix = 24};
    uint8_t frame[256];
    uint32_t len = build(frame, false, 20);

    both(t, 1, frame, len);
    assert_int_equal(via_sock_close(t->with->st, t->s[0][1], 0), 0);
    assert_int_equal(via_sock_close(t->without->st, t->s[1][1], 0), 0);
    t->s[0][1] = t->s[1][1] = 0;
    both(t, 1, frame, len);
    len = build(frame, true, 20);
    both(t, 1, frame, len);
    assert_int_equal(via_ctrl_addr(t->with->st, VIA_CTRL_DEL, &a), 0);
    assert_int_equal(via_ctrl_addr(t->without->st, VIA_CTRL_DEL, &a), 0);
    both(t, 1, frame, len);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(flow_seen_once_is_known),
        T(any_bit_of_a_known_header_decides_as_the_long_way),
        T(any_length_of_a_known_frame_decides_as_the_long_way),
        T(frame_of_another_interface_is_not_known),
        T(known_flow_goes_to_who_takes_it_over),
        T(known_flow_ends_with_its_socket_and_its_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
