/* SPDX-License-Identifier: BSD-2-Clause */
/* vis_test.c - cables between two stacks: what crosses them, and what is said when they cannot be made. */
#include <viaduct/viaduct.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

static via_ns_t now;

static via_ns_t still(void *ctx) {
    (void)ctx;
    return now;
}

/* An allocator that gives `left` pieces, then none; negative: no limit. */
static int left = -1, out;

static void *give(void *ctx, size_t n) {
    (void)ctx;
    if (!left)
        return NULL;
    left -= left > 0;
    out++;
    return calloc(1, n);
}

static void take(void *ctx, void *p) {
    (void)ctx;
    out -= p != NULL;
    free(p);
}

static struct via_stack *stack_new(const char *spec) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_attr *attr = NULL;
    struct via_stack *st;

    assert_int_equal(via_attr_new(spec, &attr), 0);
    conf.attr = attr;
    conf.clock = still;
    conf.seed = 1;
    conf.allocator.alloc = give;
    conf.allocator.free = take;
    assert_int_equal(via_stack_create(&conf, &st), 0);
    via_attr_free(attr);
    return st;
}

struct cable {
    struct via_stack *st[2];
    struct via_vi *vi[2];
};

static void add_addr(struct via_stack *st, const char *text, uint8_t prefix) {
    struct via_ifaddr a = {.iface = 1, .prefix = prefix, .flags = VIA_ADDR_NODAD};

    assert_int_equal(via_addr_parse(text, &a.addr, NULL), 0);
    assert_int_equal(via_ctrl_addr(st, VIA_CTRL_ADD, &a), 0);
}

static void cable_new(struct cable *c, const char *spec) {
    now = VIA_SEC;
    left = -1;
    c->st[0] = stack_new(spec);
    c->st[1] = stack_new(spec);
    assert_int_equal(via_vi_pair(c->st[0], c->st[1], NULL, c->vi), 0);
    add_addr(c->st[0], "10.0.0.1", 24);
    add_addr(c->st[1], "10.0.0.2", 24);
    add_addr(c->st[0], "2001:db8::1", 64);
    add_addr(c->st[1], "2001:db8::2", 64);
}

static void cable_free(struct cable *c) {
    assert_int_equal(via_stack_destroy(c->st[0], 0), 0);
    assert_int_equal(via_stack_destroy(c->st[1], 0), 0);
    assert_int_equal(out, 0);
}

static void pass(struct cable *c, unsigned rounds) {
    while (rounds--) {
        now += 10 * VIA_US;
        via_stack_poll_at(c->st[0], now, 0, NULL);
        via_stack_poll_at(c->st[1], now, 0, NULL);
    }
}

static via_sock_t open_at(struct via_stack *st, const char *text) {
    struct via_ep e;
    via_sock_t s;

    assert_int_equal(via_ep_parse(text, &e), 0);
    assert_int_equal(via_udp_open(st, NULL, &e, &s), 0);
    return s;
}

static void cross(struct cable *c, const char *from, const char *to) {
    static const size_t sizes[] = {0,    1,    1452,  1453,  1472,  1473,  1500, 2999,
                                   8972, 8973, 40001, 65000, 65487, 65488, 65507};
    static uint8_t sent[65507], got[65535];
    via_sock_t a = open_at(c->st[0], from), b = open_at(c->st[1], to);
    struct iovec iov = {.iov_base = sent};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    size_t i;

    assert_int_equal(via_ep_parse(to, &d.peer), 0);
    for (i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        iov.iov_len = sizes[i];
        assert_int_equal(via_udp_send(c->st[0], a, &d, 1, 0), 1);
        pass(c, 40);
        assert_int_equal(via_udp_read(c->st[1], b, got, sizeof got, NULL), sizes[i]);
        assert_memory_equal(got, sent, sizes[i]);
        assert_int_equal(via_udp_read(c->st[1], b, got, sizeof got, NULL), -EAGAIN);
    }
}

/* With checksums left out on the cable, and with all of them. */
static void datagrams_of_all_sizes_cross_a_cable(void **state) {
    static const char *const specs[] = {"",
                                        "checksum=2",
                                        "mem_mtu=1280",
                                        "mem_mtu=9000",
                                        "mem_mtu=65535",
                                        "frame_size=4096;mem_mtu=9000",
                                        "checksum=2;mem_mtu=65535"};
    struct cable c;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        cable_new(&c, specs[i]);
        cross(&c, "10.0.0.1:1", "10.0.0.2:2");
        cross(&c, "[2001:db8::1]:1", "[2001:db8::2]:2");
        cable_free(&c);
    }
}

static void a_cable_needs_two_stacks_and_a_place_for_its_ends(void **state) {
    struct via_stack *st = stack_new(NULL);
    struct via_vi *vi[2];

    (void)state;
    assert_int_equal(via_vi_pair(st, NULL, NULL, vi), -EINVAL);
    assert_non_null(strstr(via_why(st), "two stacks"));
    assert_int_equal(via_vi_pair(st, st, NULL, NULL), -EINVAL);
    assert_int_equal(via_stack_destroy(st, 0), 0);
}

/* Fails at every allocation in turn until it succeeds; nothing is left behind, and why says so each time. */
static void opening_without_memory_leaves_nothing_behind(void **state) {
    static const char *const specs[] = {"null:", "fault:loss=1%|vlan:7|null:"};
    struct via_vi *vi;
    size_t i;
    int err;

    (void)state;
    for (i = 0; i < 2; i++) {
        int n = 0;

        do {
            struct via_stack *st = stack_new(NULL);
            int before = out;

            via_timer_start(st, NULL, 0, NULL); /* another sentence */
            left = n++;
            err = via_vi_open(st, specs[i], NULL, &vi);
            left = -1;
            assert_true(!err || err == -ENOMEM);
            assert_true(!err || (out == before && strstr(via_why(st), "memory")));
            assert_int_equal(via_stack_destroy(st, 0), 0);
            assert_int_equal(out, 0);
        } while (err);
        assert_true(n > 2);
    }
}

static void a_cable_without_memory_leaves_nothing_behind(void **state) {
    struct via_vi *vi[2];
    int n = 0, err;

    (void)state;
    do {
        struct via_stack *a = stack_new(NULL), *b = stack_new(NULL);
        int before = out;

        left = n++;
        err = via_vi_pair(a, b, NULL, vi);
        left = -1;
        assert_true(!err || err == -ENOMEM);
        assert_true(!err || (out == before && strstr(via_why(a), "memory")));
        assert_int_equal(via_stack_destroy(a, 0), 0);
        assert_int_equal(via_stack_destroy(b, 0), 0);
        assert_int_equal(out, 0);
    } while (err);
    assert_true(n > 2);
}

static void impairing_without_memory_is_refused(void **state) {
    struct via_stack *st = stack_new(NULL);
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct via_vi *vi;

    (void)state;
    assert_int_equal(via_vi_open(st, "null:", NULL, &vi), 0);
    left = 0;
    assert_int_equal(via_vi_impair(vi, &imp), -ENOMEM);
    left = -1;
    assert_non_null(strstr(via_why(st), "memory"));
    assert_int_equal(via_vi_impair(vi, &imp), 0);
    assert_int_equal(via_stack_destroy(st, 0), 0);
    assert_int_equal(out, 0);
}

/* The wrapper keeps frames for its copies: never all that the stack has for the device. */
static void an_impaired_link_of_a_small_stack_does_not_starve(void **state) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct iovec iov = {"tick", 4};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    uint32_t rounds = 0, got = 0;
    struct cable c;
    via_sock_t a, b;
    char byte[4];

    (void)state;
    cable_new(&c, "frames=64");
    imp.direction = 1;
    imp.duplicate = 0.1;
    assert_int_equal(via_vi_impair(c.vi[1], &imp), 0);
    a = open_at(c.st[0], "10.0.0.1:1");
    b = open_at(c.st[1], "10.0.0.2:2");
    assert_int_equal(via_ep_parse("10.0.0.2:2", &d.peer), 0);
    for (; rounds < 300; rounds++) {
        assert_int_equal(via_udp_send(c.st[0], a, &d, 1, 0), 1);
        pass(&c, 3);
        while (via_udp_read(c.st[1], b, byte, sizeof byte, NULL) == 4)
            got++;
    }
    assert_true(got >= 300);
    cable_free(&c);
}

/* Nothing has been received yet that could have brought frames for copies. */
static void the_first_packet_sent_is_impaired(void **state) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct iovec iov = {"tick", 4};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    struct cable c;
    via_sock_t a, b;
    char byte[4];

    (void)state;
    cable_new(&c, "frames=64");
    a = open_at(c.st[0], "10.0.0.1:1");
    b = open_at(c.st[1], "10.0.0.2:2");
    assert_int_equal(via_ep_parse("10.0.0.2:2", &d.peer), 0);
    imp.direction = 2;
    imp.duplicate = 1;
    assert_int_equal(via_vi_impair(c.vi[0], &imp), 0);
    assert_int_equal(via_udp_send(c.st[0], a, &d, 1, 0), 1);
    pass(&c, 3);
    assert_int_equal(via_udp_read(c.st[1], b, byte, sizeof byte, NULL), 4);
    assert_int_equal(via_udp_read(c.st[1], b, byte, sizeof byte, NULL), 4);
    assert_int_equal(via_udp_read(c.st[1], b, byte, sizeof byte, NULL), -EAGAIN);
    imp.duplicate = 0;
    imp.corrupt = 1;
    assert_int_equal(via_vi_impair(c.vi[0], &imp), 0);
    assert_int_equal(via_udp_send(c.st[0], a, &d, 1, 0), 1);
    pass(&c, 3);
    assert_int_equal(via_udp_read(c.st[1], b, byte, sizeof byte, NULL), -EAGAIN);
    cable_free(&c);
}

/* Checksums are left out on a cable only as long as it damages nothing. */
static void what_a_cable_damages_is_noticed(void **state) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    static uint8_t sent[500], got[500];
    struct iovec iov = {sent, sizeof sent};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    uint32_t i, came = 0;
    struct cable c;
    via_sock_t a, b;

    (void)state;
    cable_new(&c, NULL);
    a = open_at(c.st[0], "10.0.0.1:1");
    b = open_at(c.st[1], "10.0.0.2:2");
    assert_int_equal(via_ep_parse("10.0.0.2:2", &d.peer), 0);
    assert_int_equal(via_udp_send(c.st[0], a, &d, 1, 0), 1);
    pass(&c, 5);
    assert_int_equal(via_udp_read(c.st[1], b, got, sizeof got, NULL), sizeof got);
    imp.direction = 2;
    imp.corrupt = 0.5;
    assert_int_equal(via_vi_impair(c.vi[0], &imp), 0);
    for (i = 0; i < 64; i++) {
        assert_int_equal(via_udp_send(c.st[0], a, &d, 1, 0), 1);
        pass(&c, 5);
        while (via_udp_read(c.st[1], b, got, sizeof got, NULL) >= 0) {
            assert_memory_equal(got, sent, sizeof got);
            came++;
        }
    }
    assert_in_range(came, 10, 54);
    cable_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_of_all_sizes_cross_a_cable),
        cmocka_unit_test(a_cable_needs_two_stacks_and_a_place_for_its_ends),
        cmocka_unit_test(opening_without_memory_leaves_nothing_behind),
        cmocka_unit_test(a_cable_without_memory_leaves_nothing_behind),
        cmocka_unit_test(impairing_without_memory_is_refused),
        cmocka_unit_test(the_first_packet_sent_is_impaired),
        cmocka_unit_test(what_a_cable_damages_is_noticed),
        cmocka_unit_test(an_impaired_link_of_a_small_stack_does_not_starve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
