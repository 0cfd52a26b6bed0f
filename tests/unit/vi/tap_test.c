/* SPDX-License-Identifier: BSD-2-Clause */
#include "rig.h"

/* What goes into the TAP comes out of the kernel's end, which is heard and spoken to by the packet driver. */
struct pair {
    struct rig tap, kernel;
    struct rig_packet p;
    uint8_t bytes[70000];
};

static int setup(void **state) {
    *state = calloc(1, sizeof(struct pair));
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    free(*state);
    return 0;
}

static struct pair *open_pair(void **state, const char *args) {
    struct pair *t = *state;

    rig_open(&t->tap, &via_vi_tap, args);
    rig_open(&t->kernel, &via_vi_packet, t->tap.dev.ifname);
    rig_fill(&t->tap, 128);
    rig_fill(&t->kernel, 128);
    return t;
}

static void close_pair(struct pair *t) {
    rig_close(&t->tap);
    rig_close(&t->kernel);
}

static void frame_goes_out_to_the_kernel(void **state) {
    struct pair *t = open_pair(state, "via0");

    rig_send(&t->tap, rig_frame(t->bytes, 1514, 1), 1514);
    rig_recv(&t->kernel, &t->p);
    assert_int_equal(t->p.len, 1514);
    assert_memory_equal(t->p.bytes, t->bytes, 1514);
    rig_reap(&t->tap);
    assert_int_equal(t->tap.spares, RIG_FRAMES - 128);
    assert_int_equal(rig_stats(&t->tap).tx_frames, 1);
    assert_int_equal(rig_stats(&t->tap).tx_bytes, 1514);
    close_pair(t);
}

static void frame_comes_in_from_the_kernel(void **state) {
    struct pair *t = open_pair(state, "via0");

    rig_send(&t->kernel, rig_frame(t->bytes, 1514, 1), 1514);
    rig_recv(&t->tap, &t->p);
    assert_int_equal(t->p.len, 1514);
    assert_int_equal(t->p.frames, 1);
    assert_int_equal(t->p.flags, 0);
    assert_memory_equal(t->p.bytes, t->bytes, 1514);
    close_pair(t);
}

static void burst_keeps_its_order(void **state) {
    struct pair *t = open_pair(state, "via0");
    unsigned i;

    for (i = 0; i < 100; i++)
        assert_true(rig_queue(&t->kernel, rig_frame(t->bytes, 60 + i, (uint8_t)i), 60 + i, 0, 0));
    assert_int_equal(t->kernel.dev.ops->kick(&t->kernel.dev), 0);
    for (i = 0; i < 100; i++) {
        rig_recv(&t->tap, &t->p);
        assert_memory_equal(t->p.bytes, rig_frame(t->bytes, 60 + i, (uint8_t)i), 60 + i);
    }
    close_pair(t);
}

static void lone_packets_cost_one_read_each(void **state) {
    struct pair *t = open_pair(state, "via0");
    struct via_frame v[64];
    uint64_t before;
    unsigned i;

    while (t->tap.dev.ops->rx_burst(&t->tap.dev, v, 64)) /* what the kernel says of its own accord */
        ;
    for (i = 0; i < 5; i++) {
        assert_int_equal(t->tap.dev.ops->rx_burst(&t->tap.dev, v, 64), 0);
        rig_send(&t->kernel, rig_frame(t->bytes, 60, 1), 60);
        before = rig_stats(&t->tap).rx_syscalls;
        assert_int_equal(t->tap.dev.ops->rx_burst(&t->tap.dev, v, 64), 1);
        assert_int_equal(rig_stats(&t->tap).rx_syscalls, before + 1);
    }
    close_pair(t);
}

static void jumbo_packet_goes_as_a_chain_both_ways(void **state) {
    struct pair *t = open_pair(state, "via0:mtu=9000");

    assert_int_equal(t->tap.dev.mtu, 9000);
    rig_send(&t->tap, rig_frame(t->bytes, 9014, 1), 9014);
    rig_recv(&t->kernel, &t->p);
    assert_int_equal(t->p.len, 9014);
    assert_memory_equal(t->p.bytes, t->bytes, 9014);
    rig_send(&t->kernel, rig_frame(t->bytes, 9014, 2), 9014);
    rig_recv(&t->tap, &t->p);
    assert_int_equal(t->p.len, 9014);
    assert_int_equal(t->p.frames, 5);
    assert_int_equal(t->p.flags, VIA_FRAME_MORE);
    assert_memory_equal(t->p.bytes, t->bytes, 9014);
    close_pair(t);
}

static void packet_longer_than_the_frames_says_so(void **state) {
    struct pair *t = open_pair(state, "via0");

    rig_run("ip link set via0 mtu 9000");
    rig_send(&t->kernel, rig_frame(t->bytes, 9014, 2), 9014);
    rig_recv(&t->tap, &t->p);
    assert_int_equal(t->p.len, 1920);
    assert_true(t->p.flags & VIA_FRAME_TRUNC);
    close_pair(t);
}

static void tag_is_put_into_the_bytes(void **state) {
    struct pair *t = open_pair(state, "via0");

    assert_true(rig_queue(&t->tap, rig_frame(t->bytes, 200, 1), 200, VIA_FRAME_VLAN, 0x6123));
    assert_int_equal(t->tap.dev.ops->kick(&t->tap.dev), 0);
    rig_recv(&t->kernel, &t->p);
    assert_int_equal(t->p.len, 200);
    assert_true(t->p.flags & VIA_FRAME_VLAN);
    assert_int_equal(t->p.vlan, 0x6123);
    assert_memory_equal(t->p.bytes, t->bytes, 200);
    close_pair(t);
}

static void mac_is_local_and_follows_the_seed(void **state) {
    struct pair *t = open_pair(state, "via0");
    struct rig other;
    uint8_t mac[6];

    assert_int_equal(t->tap.dev.mac[0] & 3, 2);
    memcpy(mac, t->tap.dev.mac, 6);
    assert_memory_not_equal(mac, t->kernel.dev.mac, 6);
    rig_open(&other, &via_vi_tap, "via1");
    assert_memory_equal(mac, other.dev.mac, 6);
    rig_close(&other);
    close_pair(t);
}

static void mac_avoids_the_one_of_the_kernel(void **state) {
    struct pair *t = open_pair(state, "via0");
    uint8_t mac[6];

    memcpy(mac, t->tap.dev.mac, 6);
    close_pair(t);
    rig_run("ip tuntap add via0 mode tap && ip link set via0 address %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
            mac[2], mac[3], mac[4], mac[5]);
    t = open_pair(state, "via0");
    assert_memory_equal(t->kernel.dev.mac, mac, 6);
    assert_memory_not_equal(t->tap.dev.mac, mac, 6);
    close_pair(t);
    rig_run("ip tuntap del via0 mode tap");
}

static void device_goes_with_the_driver(void **state) {
    struct rig r;

    (void)state;
    rig_open(&r, &via_vi_tap, "via0");
    rig_run("ip link show via0 | grep -q UP");
    rig_close(&r);
    rig_run("! ip link show via0 2>/dev/null");
}

static void persistent_device_stays(void **state) {
    struct rig r;

    (void)state;
    rig_run("ip tuntap add via0 mode tap");
    rig_open(&r, &via_vi_tap, "via0:up=off");
    assert_int_equal(r.dev.link, VIA_LINK_DOWN);
    rig_close(&r);
    rig_run("ip link show via0 >/dev/null && ip tuntap del via0 mode tap");
}

static void name_may_be_left_to_the_kernel(void **state) {
    struct rig a, b;

    (void)state;
    rig_open(&a, &via_vi_tap, "");
    rig_open(&b, &via_vi_tap, "");
    assert_string_equal(a.dev.ifname, "via0");
    assert_string_equal(b.dev.ifname, "via1");
    rig_close(&a);
    rig_close(&b);
}

static void link_down_is_told_and_passes(void **state) {
    struct pair *t = open_pair(state, "via0");

    rig_run("ip link set via0 down");
    assert_true(rig_queue(&t->tap, rig_frame(t->bytes, 100, 1), 100, 0, 0));
    assert_int_equal(t->tap.dev.ops->kick(&t->tap.dev), -ENETDOWN);
    assert_int_equal(t->tap.dev.link, VIA_LINK_DOWN);
    rig_reap(&t->tap);
    assert_int_equal(t->tap.spares, RIG_FRAMES - 128);
    rig_run("ip link set via0 up");
    rig_send(&t->tap, rig_frame(t->bytes, 100, 1), 100);
    assert_int_equal(t->tap.dev.link, VIA_LINK_UP);
    rig_recv(&t->kernel, &t->p);
    close_pair(t);
}

static void deleted_device_is_gone_for_good(void **state) {
    struct pair *t = open_pair(state, "via0");
    struct pollfd pf = {.events = POLLIN};
    struct via_frame v[64];

    assert_int_equal(t->tap.dev.ops->fds(&t->tap.dev, &pf.fd, 1), 1);
    rig_run("ip link del via0");
    while (t->tap.dev.ops->rx_burst(&t->tap.dev, v, 64))
        ;
    assert_int_equal(t->tap.dev.link, VIA_LINK_GONE);
    assert_int_equal(poll(&pf, 1, 0), 0); /* nobody is woken any more */
    assert_int_equal(t->tap.dev.ops->arm(&t->tap.dev), 0);
    assert_true(rig_queue(&t->tap, rig_frame(t->bytes, 100, 1), 100, 0, 0));
    assert_int_equal(t->tap.dev.ops->kick(&t->tap.dev), -ENODEV);
    rig_reap(&t->tap);
    assert_int_equal(t->tap.spares, RIG_FRAMES - 128);
    close_pair(t);
}

static void refusal(const char *args, int err, const char *word) {
    struct rig r;

    assert_int_equal(rig_try(&r, &via_vi_tap, args), err);
    assert_null(r.dev.priv);
    if (!strstr(r.why, word))
        fail_msg("\"%s\" does not speak of %s", r.why, word);
    rig_free(&r);
}

static void refusals_come_with_a_sentence(void **state) {
    struct pair *t = open_pair(state, "via0");

    refusal("via0", -EBUSY, "in use");
    refusal("lo", -EINVAL, "not a plain TAP");
    refusal("a-name-that-is-far-too-long", -ENODEV, "too long");
    refusal("via1:colour=red", -EINVAL, "colour=red");
    refusal("via1:mtu=7", -EINVAL, "mtu=7");
    close_pair(t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(frame_goes_out_to_the_kernel),
        CASE(frame_comes_in_from_the_kernel),
        CASE(burst_keeps_its_order),
        CASE(lone_packets_cost_one_read_each),
        CASE(jumbo_packet_goes_as_a_chain_both_ways),
        CASE(packet_longer_than_the_frames_says_so),
        CASE(tag_is_put_into_the_bytes),
        CASE(mac_is_local_and_follows_the_seed),
        CASE(mac_avoids_the_one_of_the_kernel),
        CASE(device_goes_with_the_driver),
        CASE(persistent_device_stays),
        CASE(name_may_be_left_to_the_kernel),
        CASE(link_down_is_told_and_passes),
        CASE(deleted_device_is_gone_for_good),
        CASE(refusals_come_with_a_sentence),
    };

    if (!rig_namespace())
        return rig_skipped();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
