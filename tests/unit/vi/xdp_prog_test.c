/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steering program is run by the kernel on packets of ours (BPF_PROG_TEST_RUN): what it takes is redirected, what
 * it leaves passes. A socket that is not bound to anything stands for the queue.
 */
#include "rig.h"
#include "vi/xdp.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#define QUEUE 3

struct steer {
    struct via_xdp_prog prog;
    struct rig rig;
    struct via_xsk xsk;
    uint8_t bytes[256];
    uint32_t len;
};

static int area_open(struct via_vi_dev *dev, const char *args) {
    (void)dev, (void)args;
    return 0;
}

static void area_close(struct via_vi_dev *dev) {
    (void)dev;
}

/* A driver that is a frame area and nothing else. */
static const struct via_vi_ops area = {.name = "area", .open = area_open, .close = area_close};

static int setup(void **state) {
    struct steer *t = calloc(1, sizeof *t);
    struct via_xsk_conf c = {.rx_size = 64, .tx_size = 64, .shared = -1};

    if (!t)
        return -1;
    *state = t;
    via_xdp_prog_clear(&t->prog);
    rig_open(&t->rig, &area, "");
    c.dev = &t->rig.dev;
    if (via_xdp_prog_load(&t->prog, &t->rig.dev, QUEUE + 1, 16) < 0)
        fail_msg("%s", t->rig.why);
    assert_int_equal(via_xsk_open(&t->xsk, &c), 0);
    assert_int_equal(via_xdp_prog_bind(&t->prog, QUEUE, t->xsk.fd), 0);
    return 0;
}

static int teardown(void **state) {
    struct steer *t = *state;

    via_xdp_prog_unload(&t->prog);
    via_xsk_close(&t->xsk);
    rig_close(&t->rig);
    free(t);
    return 0;
}

static struct via_filter by_addr(const char *text) {
    struct via_filter f = {.kind = VIA_FILTER_ADDR};
    uint8_t b[16];
    uint32_t be;

    if (inet_pton(AF_INET, text, &be) == 1) {
        f.addr = via_addr_from4(be);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, b), 1);
        f.addr = via_addr_from6(b);
    }
    return f;
}

static struct via_filter by_port(const char *text, uint8_t proto, uint16_t port) {
    struct via_filter f = {{{0}}, .kind = VIA_FILTER_PORT};

    if (text)
        f = by_addr(text);
    f.kind = VIA_FILTER_PORT;
    f.proto = proto;
    f.port = port;
    return f;
}

static void add(struct steer *t, struct via_filter f) {
    assert_int_equal(via_xdp_prog_filter(&t->prog, true, &f), 0);
}

static void put(struct steer *t, const void *bytes, size_t len) {
    assert_true(t->len + len <= sizeof t->bytes);
    memcpy(t->bytes + t->len, bytes, len);
    t->len += (uint32_t)len;
}

static void put16(struct steer *t, uint16_t v) {
    uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

    put(t, b, 2);
}

static void put_text(struct steer *t, const char *text) {
    uint8_t b[16];

    if (inet_pton(AF_INET, text, b) == 1)
        put(t, b, 4);
    else if (inet_pton(AF_INET6, text, b) == 1)
        put(t, b, 16);
    else
        fail();
}

/* `tags` of {0x8100, 0x88a8, 0}, then the type. */
static void start(struct steer *t, const uint16_t *tags, uint16_t type) {
    t->len = 0;
    put(t, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\1", 12);
    for (; tags && *tags; tags++) {
        put16(t, *tags);
        put16(t, 42);
    }
    put16(t, type);
}

struct sketch {
    const char *to;
    uint8_t proto;
    uint16_t port, frag;
    uint8_t options; /* IPv4: words; IPv6: extension headers */
    const uint16_t *tags;
};

static void make4(struct steer *t, const struct sketch *p) {
    uint8_t head[12] = {0};
    unsigned i;

    start(t, p->tags, 0x0800);
    head[0] = (uint8_t)(0x45 + p->options);
    head[6] = (uint8_t)(p->frag >> 8);
    head[7] = (uint8_t)p->frag;
    head[8] = 64;
    head[9] = p->proto;
    put(t, head, 12);
    put_text(t, "10.9.9.9");
    put_text(t, p->to);
    for (i = 0; i < p->options; i++)
        put(t, "\1\1\1\1", 4);
    put16(t, 5000);
    put16(t, p->port);
    put(t, "\0\0\0\0", 4);
}

static void make6(struct steer *t, const struct sketch *p) {
    static const uint8_t kinds[] = {0, 60, 43, 60, 60, 60};
    uint8_t head[8] = {0x60};
    unsigned i;

    start(t, p->tags, 0x86dd);
    head[6] = p->options ? kinds[0] : p->frag ? 44 : p->proto;
    head[7] = 64;
    put(t, head, 8);
    put_text(t, "2001:db8::99");
    put_text(t, p->to);
    for (i = 0; i < p->options; i++) {
        uint8_t next = i + 1 < p->options ? kinds[i + 1] : p->proto;

        put(t, &next, 1);
        put(t, "\1\1\14\0\0\0\0\0\0\0\0\0\0\0\0", 15); /* sixteen bytes each */
    }
    if (p->frag) {
        put(t, &p->proto, 1);
        put(t, "\0\0\0\0\0\0\0", 7);
    }
    put16(t, 5000);
    put16(t, p->port);
    put(t, "\0\0\0\0", 4);
}

static void make_arp(struct steer *t, uint16_t op, const char *sender, const char *target) {
    start(t, NULL, 0x0806);
    put(t, "\0\1\x08\0\6\4", 6);
    put16(t, op);
    put(t, "\2\0\0\0\0\1", 6);
    put_text(t, sender);
    put(t, "\0\0\0\0\0\0", 6);
    put_text(t, target);
}

static bool takes_on(struct steer *t, uint32_t queue, uint32_t len) {
    struct xdp_md ctx;
    uint8_t out[1024];
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = t->bytes, .data_out = out, .ctx_in = &ctx, .ctx_size_in = sizeof ctx);
    int err;

    memset(&ctx, 0, sizeof ctx);
    ctx.data_end = len;
    ctx.ingress_ifindex = if_nametoindex("via-steer");
    ctx.rx_queue_index = queue;
    o.data_size_in = len;
    o.data_size_out = sizeof out;
    err = bpf_prog_test_run_opts(t->prog.prog, &o);
    if (err)
        fail_msg("test run: %d", err);
    assert_true(o.retval == XDP_PASS || o.retval == XDP_REDIRECT);
    return o.retval == XDP_REDIRECT;
}

static bool takes(struct steer *t) {
    return takes_on(t, QUEUE, t->len);
}

static bool takes4(struct steer *t, struct sketch p) {
    make4(t, &p);
    return takes(t);
}

static bool takes6(struct steer *t, struct sketch p) {
    make6(t, &p);
    return takes(t);
}

static void without_filters_everything_passes(void **state) {
    struct steer *t = *state;

    assert_false(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7}));
    assert_false(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .port = 7}));
    make_arp(t, 1, "10.9.9.9", "10.0.0.1");
    assert_false(takes(t));
}

static void all_means_all_of_the_queue(void **state) {
    struct steer *t = *state;
    struct via_filter f = {.kind = VIA_FILTER_ALL};

    add(t, f);
    start(t, NULL, 0x88b5);
    put(t, "anything", 8);
    assert_true(takes(t));
    assert_true(takes_on(t, QUEUE, 14));
    assert_false(takes_on(t, 0, t->len)); /* a queue without a socket */
}

static void address_takes_its_packets_alone(void **state) {
    struct steer *t = *state;

    add(t, by_addr("10.0.0.1"));
    add(t, by_addr("2001:db8::1"));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_ICMP}));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_TCP, .frag = 0x2000}));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_TCP, .frag = 100}));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.2", .proto = IPPROTO_ICMP}));
    assert_true(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_ICMPV6}));
    assert_true(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .frag = 1}));
    assert_false(takes6(t, (struct sketch){.to = "2001:db8::2", .proto = IPPROTO_ICMPV6}));
}

static void arp_is_taken_by_its_target(void **state) {
    struct steer *t = *state;

    add(t, by_addr("10.0.0.1"));
    make_arp(t, 1, "10.9.9.9", "10.0.0.1");
    assert_true(takes(t));
    make_arp(t, 2, "10.9.9.9", "10.0.0.1");
    assert_true(takes(t));
    make_arp(t, 1, "10.0.0.1", "10.9.9.9");
    assert_false(takes(t));
    make_arp(t, 1, "10.9.9.9", "10.0.0.1");
    t->bytes[14 + 5] = 5; /* an address length that is not IPv4's */
    assert_false(takes(t));
}

static void arp_is_left_where_no_ipv4_address_is_named(void **state) {
    struct steer *t = *state;

    add(t, by_addr("2001:db8::1"));
    add(t, by_port("10.0.0.1", IPPROTO_UDP, 7));
    make_arp(t, 1, "10.9.9.9", "10.0.0.1");
    assert_false(takes(t));
}

static void neighbour_solicitation_comes_by_its_group(void **state) {
    struct steer *t = *state;

    add(t, by_addr("ff02::1:ff00:1"));
    assert_true(takes6(t, (struct sketch){.to = "ff02::1:ff00:1", .proto = IPPROTO_ICMPV6}));
    assert_false(takes6(t, (struct sketch){.to = "ff02::1:ff00:2", .proto = IPPROTO_ICMPV6}));
}

static void port_takes_its_protocol_at_its_address(void **state) {
    struct steer *t = *state;

    add(t, by_port("10.0.0.1", IPPROTO_UDP, 7));
    add(t, by_port("2001:db8::1", IPPROTO_TCP, 80));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7}));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 8}));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_TCP, .port = 7}));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.2", .proto = IPPROTO_UDP, .port = 7}));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_ICMP, .port = 7}));
    assert_true(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_TCP, .port = 80}));
    assert_false(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .port = 80}));
    assert_false(takes6(t, (struct sketch){.to = "2001:db8::2", .proto = IPPROTO_TCP, .port = 80}));
}

static void port_at_any_address_takes_both_families(void **state) {
    struct steer *t = *state;

    add(t, by_port(NULL, IPPROTO_UDP, 7));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7}));
    assert_true(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .port = 7}));
    assert_false(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .port = 9}));
    add(t, by_port("10.0.0.1", IPPROTO_UDP, 9));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 9}));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7}));
}

static void fragments_are_not_matched_by_port(void **state) {
    struct steer *t = *state;

    add(t, by_port(NULL, IPPROTO_UDP, 7));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7, .frag = 0x2000}));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7, .frag = 185}));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7, .frag = 0x4000}));
    assert_false(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .port = 7, .frag = 1}));
}

static void options_are_stepped_over(void **state) {
    struct steer *t = *state;
    uint8_t i;

    add(t, by_port(NULL, IPPROTO_UDP, 7));
    for (i = 0; i <= 10; i++)
        assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7, .options = i}));
    for (i = 0; i <= 4; i++)
        assert_true(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .port = 7, .options = i}));
    assert_false(takes6(t, (struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .port = 7, .options = 5}));
}

static void two_tags_are_stepped_over(void **state) {
    static const uint16_t one[] = {0x8100, 0}, two[] = {0x88a8, 0x8100, 0}, three[] = {0x88a8, 0x8100, 0x8100, 0};
    struct steer *t = *state;

    add(t, by_addr("10.0.0.1"));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .tags = one}));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.1", .tags = two}));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.1", .tags = three}));
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.2", .tags = one}));
}

/* Shorter packets than any header that would be read: they pass, and the verifier has seen to the rest. */
static void cut_packets_pass(void **state) {
    struct steer *t = *state;
    uint32_t len;

    add(t, by_addr("10.0.0.1"));
    add(t, by_port(NULL, IPPROTO_UDP, 7));
    make4(t, &(struct sketch){.to = "10.0.0.1", .proto = IPPROTO_UDP, .port = 7});
    for (len = 14; len < 34; len++)
        assert_false(takes_on(t, QUEUE, len));
    assert_true(takes_on(t, QUEUE, 34));
    make4(t, &(struct sketch){.to = "10.0.0.2", .proto = IPPROTO_UDP, .port = 7, .options = 2});
    for (len = 14; len < 46; len++)
        assert_false(takes_on(t, QUEUE, len));
    assert_true(takes_on(t, QUEUE, 46));
    make6(t, &(struct sketch){.to = "2001:db8::1", .proto = IPPROTO_UDP, .port = 7, .options = 2});
    for (len = 14; len < 90; len++)
        assert_false(takes_on(t, QUEUE, len));
    assert_true(takes_on(t, QUEUE, 90));
    make_arp(t, 1, "10.9.9.9", "10.0.0.1");
    assert_false(takes_on(t, QUEUE, t->len - 1));
    assert_true(takes_on(t, QUEUE, t->len));
}

static void header_that_contradicts_its_type_passes(void **state) {
    struct steer *t = *state;

    add(t, by_addr("10.0.0.1"));
    make4(t, &(struct sketch){.to = "10.0.0.1"});
    t->bytes[14] = 0x44;
    assert_false(takes(t));
    t->bytes[14] = 0x65;
    assert_false(takes(t));
    t->bytes[14] = 0x45;
    assert_true(takes(t));
}

static void filter_taken_away_takes_no_more(void **state) {
    struct steer *t = *state;
    struct via_filter a = by_addr("10.0.0.1"), b = by_addr("10.0.0.2");

    add(t, a);
    add(t, b);
    assert_int_equal(via_xdp_prog_filter(&t->prog, false, &a), 0);
    assert_false(takes4(t, (struct sketch){.to = "10.0.0.1"}));
    assert_true(takes4(t, (struct sketch){.to = "10.0.0.2"}));
    assert_int_equal(t->prog.config.has, XDP_HAS_ADDR4);
    assert_int_equal(via_xdp_prog_filter(&t->prog, false, &b), 0);
    assert_int_equal(t->prog.config.has, 0);
}

/* Up to four are compared, more are looked up: no address may get lost on the way there and back. */
static void any_number_of_addresses_is_taken_exactly(void **state) {
    struct steer *t = *state;
    struct via_filter f[7];
    char text[16];
    unsigned n, i;

    for (i = 0; i < 7; i++) {
        snprintf(text, sizeof text, "10.0.0.%u", i + 1);
        f[i] = by_addr(text);
    }
    for (n = 0; n <= 7; n++) { /* f[0..n) are there */
        for (i = 0; i < 8; i++) {
            snprintf(text, sizeof text, "10.0.0.%u", i + 1);
            assert_int_equal(takes4(t, (struct sketch){.to = text}), i < n);
        }
        assert_false(takes4(t, (struct sketch){.to = "0.0.0.0"}));
        if (n < 7)
            add(t, f[n]);
    }
    for (n = 0; n < 7; n++) { /* f[n..7) are there, taken away from the front */
        for (i = 0; i < 7; i++) {
            snprintf(text, sizeof text, "10.0.0.%u", i + 1);
            assert_int_equal(takes4(t, (struct sketch){.to = text}), i >= n);
        }
        assert_int_equal(via_xdp_prog_filter(&t->prog, false, &f[n]), 0);
    }
    assert_int_equal(t->prog.config.has, 0);
    for (n = 0; n < 3; n++)
        add(t, f[n]);
    assert_int_equal(via_xdp_prog_filter(&t->prog, false, &f[1]), 0);
    for (i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "10.0.0.%u", i + 1);
        assert_int_equal(takes4(t, (struct sketch){.to = text}), i != 1);
    }
    assert_int_equal(t->prog.config.has, XDP_HAS_ADDR4);
}

static void filters_that_make_no_sense_are_refused(void **state) {
    struct steer *t = *state;
    struct via_filter a = by_addr("10.0.0.1"), f;

    add(t, a);
    assert_int_equal(via_xdp_prog_filter(&t->prog, true, &a), -EEXIST);
    f = by_addr("10.0.0.2");
    assert_int_equal(via_xdp_prog_filter(&t->prog, false, &f), -ENOENT);
    f = by_addr("0.0.0.0");
    assert_int_equal(via_xdp_prog_filter(&t->prog, true, &f), -EINVAL);
    f = by_port("10.0.0.1", IPPROTO_UDP, 0);
    assert_int_equal(via_xdp_prog_filter(&t->prog, true, &f), -EINVAL);
    f = by_port("10.0.0.1", IPPROTO_ICMP, 7);
    assert_int_equal(via_xdp_prog_filter(&t->prog, true, &f), -EINVAL);
    f.kind = 9;
    assert_int_equal(via_xdp_prog_filter(&t->prog, true, &f), -EINVAL);
}

static void more_filters_than_there_is_room_for_are_refused(void **state) {
    struct steer *t = *state;
    struct via_filter f;
    uint16_t port = 1;
    int err;

    do {
        f = by_port(NULL, IPPROTO_UDP, port++);
        err = via_xdp_prog_filter(&t->prog, true, &f);
    } while (!err && port < 1000);
    assert_int_equal(err, -ENOSPC);
    assert_true(port > 16);
    f = by_port(NULL, IPPROTO_UDP, 1);
    assert_int_equal(via_xdp_prog_filter(&t->prog, false, &f), 0);
    f = by_port(NULL, IPPROTO_UDP, 2000);
    assert_int_equal(via_xdp_prog_filter(&t->prog, true, &f), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(without_filters_everything_passes),
        CASE(all_means_all_of_the_queue),
        CASE(address_takes_its_packets_alone),
        CASE(arp_is_taken_by_its_target),
        CASE(arp_is_left_where_no_ipv4_address_is_named),
        CASE(neighbour_solicitation_comes_by_its_group),
        CASE(port_takes_its_protocol_at_its_address),
        CASE(port_at_any_address_takes_both_families),
        CASE(fragments_are_not_matched_by_port),
        CASE(options_are_stepped_over),
        CASE(two_tags_are_stepped_over),
        CASE(cut_packets_pass),
        CASE(header_that_contradicts_its_type_passes),
        CASE(filter_taken_away_takes_no_more),
        CASE(any_number_of_addresses_is_taken_exactly),
        CASE(filters_that_make_no_sense_are_refused),
        CASE(more_filters_than_there_is_room_for_are_refused),
    };

    if (!rig_namespace())
        return rig_skipped();
    rig_run(
        "ip link add via-steer numrxqueues 8 type dummy 2>/dev/null || ip link add via-steer numrxqueues 8 type veth "
        "peer name via-peer");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
