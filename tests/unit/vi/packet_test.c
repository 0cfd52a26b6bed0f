/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver itself is included: what a hostile ring holds can be written into its slots then. */
#include "vi/packet.c"

#include "rig.h"

struct pair {
    struct rig a, b;
    struct rig_packet p;
    uint8_t bytes[70000];
};

static void link_pair(unsigned mtu) {
    rig_run("ip link add va0 type veth peer name va1");
    rig_run("ip link set va0 mtu %u up && ip link set va1 mtu %u up", mtu, mtu);
}

static int setup(void **state) {
    struct pair *t = calloc(1, sizeof *t);

    if (!t)
        return -1;
    *state = t;
    return 0;
}

static int teardown(void **state) {
    free(*state);
    return system("ip link del va0 2>/dev/null; true");
}

static struct pair *open_pair(void **state, unsigned mtu) {
    struct pair *t = *state;

    link_pair(mtu);
    rig_open(&t->a, &via_vi_packet, "va0");
    rig_open(&t->b, &via_vi_packet, "va1");
    rig_fill(&t->a, 64);
    rig_fill(&t->b, 128);
    return t;
}

static void close_pair(struct pair *t) {
    rig_reap(&t->a);
    rig_close(&t->a);
    rig_close(&t->b);
}

static void frame_sent_arrives_whole(void **state) {
    struct pair *t = open_pair(state, 1500);

    rig_send(&t->a, rig_frame(t->bytes, 1514, 1), 1514);
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, 1514);
    assert_int_equal(t->p.frames, 1);
    assert_int_equal(t->p.flags, 0);
    assert_memory_equal(t->p.bytes, t->bytes, 1514);
    rig_reap(&t->a);
    assert_int_equal(t->a.spares, RIG_FRAMES - 64);
    assert_int_equal(rig_stats(&t->a).tx_frames, 1);
    assert_int_equal(rig_stats(&t->a).tx_bytes, 1514);
    assert_int_equal(rig_stats(&t->a).kicks, 1);
    assert_true(rig_stats(&t->b).rx_bytes >= 1514);
    close_pair(t);
}

static void burst_arrives_in_order(void **state) {
    struct pair *t = open_pair(state, 1500);
    unsigned i;

    for (i = 0; i < 100; i++)
        assert_true(rig_queue(&t->a, rig_frame(t->bytes, 60 + i, (uint8_t)i), 60 + i, 0, 0));
    assert_int_equal(t->a.dev.ops->kick(&t->a.dev), 0);
    for (i = 0; i < 100; i++) {
        rig_recv(&t->b, &t->p);
        assert_int_equal(t->p.len, 60 + i);
        assert_memory_equal(t->p.bytes, rig_frame(t->bytes, 60 + i, (uint8_t)i), 60 + i);
    }
    close_pair(t);
}

static void what_was_sent_does_not_come_back(void **state) {
    struct pair *t = open_pair(state, 1500);

    rig_send(&t->a, rig_frame(t->bytes, 100, 1), 100);
    rig_recv(&t->b, &t->p);
    assert_false(rig_recv_for(&t->a, &t->p, 0));
    close_pair(t);
}

static void jumbo_packet_comes_as_a_chain(void **state) {
    struct pair *t = open_pair(state, 9000);

    rig_send(&t->a, rig_frame(t->bytes, 9014, 5), 9014);
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, 9014);
    assert_int_equal(t->p.frames, 5);
    assert_true(t->p.flags & VIA_FRAME_MORE);
    assert_memory_equal(t->p.bytes, t->bytes, 9014);
    rig_reap(&t->a);
    assert_int_equal(t->a.spares, RIG_FRAMES - 64);
    close_pair(t);
}

static void packet_of_the_largest_size_comes_whole(void **state) {
    struct pair *t = open_pair(state, 1500);
    size_t len = rig_tcp(t->bytes, 60000);

    t->b.ether = 0x0800;
    rig_offload("va0", t->bytes, len, RIG_SEGMENTS);
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, len);
    assert_int_equal(t->p.frames, (len + 1919) / 1920);
    assert_true(t->p.flags & VIA_FRAME_CSUM_OK);
    assert_memory_equal(t->p.bytes + 54, t->bytes + 54, 60000);
    close_pair(t);
}

static void giants_and_small_packets_keep_their_order(void **state) {
    struct pair *t = open_pair(state, 1500);
    static const size_t size[] = {100, 30000, 200, 300, 20000, 25000, 400};
    unsigned i;

    t->b.ether = 0x0800;
    for (i = 0; i < VIA_COUNT(size); i++)
        rig_offload("va0", t->bytes, rig_tcp(t->bytes, size[i]), size[i] > 1448 ? RIG_SEGMENTS : RIG_PLAIN);
    for (i = 0; i < VIA_COUNT(size); i++) {
        rig_recv(&t->b, &t->p);
        assert_int_equal(t->p.len, 54 + size[i]);
        assert_int_equal(t->p.flags & VIA_FRAME_TRUNC, 0);
    }
    close_pair(t);
}

static void packet_longer_than_the_stock_is_cut_and_says_so(void **state) {
    struct pair *t = open_pair(state, 9000);
    struct rig c;

    rig_open(&c, &via_vi_packet, "va1");
    rig_fill(&c, 2);
    rig_send(&t->a, rig_frame(t->bytes, 9014, 5), 9014);
    rig_recv(&c, &t->p);
    assert_int_equal(t->p.len, 2 * 1920);
    assert_true(t->p.flags & VIA_FRAME_TRUNC);
    assert_memory_equal(t->p.bytes, t->bytes, t->p.len);
    rig_close(&c);
    close_pair(t);
}

static void without_frames_packets_wait_in_the_ring(void **state) {
    struct pair *t = open_pair(state, 1500);
    struct rig c;
    struct via_frame v[64];

    rig_open(&c, &via_vi_packet, "va1");
    rig_send(&t->a, rig_frame(t->bytes, 100, 1), 100);
    rig_recv(&t->b, &t->p);
    assert_int_equal(c.dev.ops->rx_burst(&c.dev, v, 64), 0);
    assert_false(c.dev.ops->pending(&c.dev));
    rig_fill(&c, 4);
    assert_true(c.dev.ops->pending(&c.dev));
    rig_recv(&c, &t->p);
    assert_int_equal(t->p.len, 100);
    rig_close(&c);
    close_pair(t);
}

static void tag_travels_beside_the_bytes(void **state) {
    struct pair *t = open_pair(state, 1500);

    assert_true(rig_queue(&t->a, rig_frame(t->bytes, 200, 1), 200, VIA_FRAME_VLAN, 0x6123));
    assert_int_equal(t->a.dev.ops->kick(&t->a.dev), 0);
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, 200);
    assert_true(t->p.flags & VIA_FRAME_VLAN);
    assert_int_equal(t->p.vlan, 0x6123);
    assert_memory_equal(t->p.bytes, t->bytes, 200);
    close_pair(t);
}

static void tagged_jumbo_packet_survives_too(void **state) {
    struct pair *t = open_pair(state, 9000);

    assert_true(rig_queue(&t->a, rig_frame(t->bytes, 5000, 1), 5000, VIA_FRAME_VLAN, 7));
    assert_int_equal(t->a.dev.ops->kick(&t->a.dev), 0);
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, 5000);
    assert_int_equal(t->p.vlan, 7);
    assert_memory_equal(t->p.bytes, t->bytes, 5000);
    close_pair(t);
}

static void unfinished_checksum_is_vouched_for(void **state) {
    struct pair *t = open_pair(state, 1500);
    t->b.ether = 0x0800;
    rig_offload("va0", t->bytes, rig_tcp(t->bytes, 100), RIG_NO_SUM);
    rig_recv(&t->b, &t->p);
    assert_true(t->p.flags & VIA_FRAME_CSUM_OK);
    rig_offload("va0", t->bytes, rig_tcp(t->bytes, 100), RIG_PLAIN);
    rig_recv(&t->b, &t->p);
    assert_false(t->p.flags & VIA_FRAME_CSUM_OK);
    close_pair(t);
}

static void nonsense_in_the_ring_is_counted_and_skipped(void **state) {
    struct pair *t = open_pair(state, 1500);
    static const struct {
        uint16_t mac;
        uint32_t snap;
    } bad[] = {{0, 60}, {66, 0}, {66, 0xffffffff}, {0xffff, 60}, {66, 2048}, {2047, 2}, {8, 60}};
    struct packet *k = t->b.dev.priv;
    struct tpacket2_hdr *h;
    unsigned i;

    for (i = 0; i < VIA_COUNT(bad); i++) {
        rig_send(&t->a, rig_frame(t->bytes, 100, 1), 100);
        while (!t->b.dev.ops->pending(&t->b.dev))
            assert_true(rig_sleep(&t->b, 2000));
        h = slot_at(k);
        h->tp_mac = bad[i].mac;
        h->tp_snaplen = bad[i].snap;
        assert_false(rig_recv_for(&t->b, &t->p, 0));
        assert_int_equal(rig_stats(&t->b).rx_invalid, i + 1);
    }
    rig_send(&t->a, rig_frame(t->bytes, 100, 2), 100);
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, 100);
    close_pair(t);
}

static void copy_that_never_came_leaves_the_beginning(void **state) {
    struct pair *t = open_pair(state, 1500);
    struct packet *k = t->b.dev.priv;
    struct tpacket2_hdr *h;

    rig_send(&t->a, rig_frame(t->bytes, 100, 1), 100);
    while (!t->b.dev.ops->pending(&t->b.dev))
        assert_true(rig_sleep(&t->b, 2000));
    h = slot_at(k);
    h->tp_len = 0xffffffff;
    h->tp_status |= TP_STATUS_COPY;
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, 100);
    assert_true(t->p.flags & VIA_FRAME_TRUNC);
    close_pair(t);
}

static void full_queue_takes_whole_packets_alone(void **state) {
    struct pair *t = open_pair(state, 9000);
    unsigned taken = 0;

    while (rig_queue(&t->a, rig_frame(t->bytes, 5000, 1), 5000, 0, 0)) /* three frames each */
        taken++;
    assert_int_equal(taken, 128 / 3);
    rig_reap(&t->a);
    assert_false(rig_queue(&t->a, t->bytes, 5000, 0, 0));
    assert_int_equal(t->a.dev.ops->kick(&t->a.dev), 0);
    rig_reap(&t->a);
    assert_true(rig_queue(&t->a, t->bytes, 5000, 0, 0));
    assert_int_equal(t->a.dev.ops->kick(&t->a.dev), 0);
    close_pair(t);
}

static void packet_that_the_link_refuses_is_lost_alone(void **state) {
    struct pair *t = open_pair(state, 1500);

    assert_true(rig_queue(&t->a, rig_frame(t->bytes, 100, 1), 100, 0, 0));
    assert_true(rig_queue(&t->a, rig_frame(t->bytes, 4000, 2), 4000, 0, 0));
    assert_true(rig_queue(&t->a, rig_frame(t->bytes, 120, 3), 120, 0, 0));
    assert_int_equal(t->a.dev.ops->kick(&t->a.dev), 0);
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, 100);
    rig_recv(&t->b, &t->p);
    assert_int_equal(t->p.len, 120);
    rig_reap(&t->a);
    assert_int_equal(t->a.spares, RIG_FRAMES - 64);
    assert_int_equal(rig_stats(&t->a).tx_dropped, 3);
    close_pair(t);
}

static void link_down_is_told_and_passes(void **state) {
    struct pair *t = open_pair(state, 1500);

    rig_run("ip link set va0 down");
    assert_true(rig_queue(&t->a, rig_frame(t->bytes, 100, 1), 100, 0, 0));
    assert_int_equal(t->a.dev.ops->kick(&t->a.dev), -ENETDOWN);
    assert_int_equal(t->a.dev.link, VIA_LINK_DOWN);
    rig_reap(&t->a);
    assert_int_equal(t->a.spares, RIG_FRAMES - 64);
    rig_run("ip link set va0 up");
    rig_send(&t->a, rig_frame(t->bytes, 100, 1), 100);
    assert_int_equal(t->a.dev.link, VIA_LINK_UP);
    rig_recv(&t->b, &t->p);
    close_pair(t);
}

static void spinning_reader_hears_of_the_link(void **state) {
    struct pair *t = open_pair(state, 1500);
    struct via_vi_dev *dev = &t->a.dev;
    struct via_frame v[64];
    unsigned i;

    rig_run("ip link set va0 down");
    for (i = 0; i < 3000000 && dev->link == VIA_LINK_UP; i++)
        while (dev->ops->rx_burst(dev, v, 64))
            ;
    assert_int_equal(dev->link, VIA_LINK_DOWN);
    rig_run("ip link set va0 up");
    for (i = 0; i < 3000 && dev->link != VIA_LINK_UP; i++)
        (void)dev->ops->rx_burst(dev, v, 64);
    assert_int_equal(dev->link, VIA_LINK_UP);
    rig_run("ip link del va0");
    for (i = 0; i < 3000000 && dev->link != VIA_LINK_GONE; i++)
        while (dev->ops->rx_burst(dev, v, 64))
            ;
    assert_int_equal(dev->link, VIA_LINK_GONE);
    close_pair(t);
}

static void deleted_interface_is_gone_for_good(void **state) {
    struct pair *t = open_pair(state, 1500);
    struct pollfd pf = {.events = POLLIN};

    assert_int_equal(t->b.dev.ops->fds(&t->b.dev, &pf.fd, 1), 1);
    rig_run("ip link del va0");
    assert_int_equal(poll(&pf, 1, 2000), 1);
    while (t->b.dev.ops->arm(&t->b.dev))
        assert_false(rig_recv_for(&t->b, &t->p, 0));
    assert_int_equal(t->b.dev.link, VIA_LINK_GONE);
    assert_int_equal(poll(&pf, 1, 0), 0);
    assert_true(rig_queue(&t->a, rig_frame(t->bytes, 100, 1), 100, 0, 0));
    assert_int_equal(t->a.dev.ops->kick(&t->a.dev), -ENODEV);
    assert_int_equal(t->a.dev.link, VIA_LINK_GONE);
    rig_reap(&t->a);
    assert_int_equal(t->a.spares, RIG_FRAMES - 64);
    close_pair(t);
}

static void refusal(const char *args, int err, const char *word) {
    struct rig r;

    assert_int_equal(rig_try(&r, &via_vi_packet, args), err);
    assert_null(r.dev.priv);
    if (!strstr(r.why, word))
        fail_msg("\"%s\" does not speak of %s", r.why, word);
    rig_free(&r);
    memset(&r, 0, sizeof r);
    r.dev.ops = &via_vi_packet;
    r.dev.rx_ring = r.dev.tx_ring = 64;
    assert_int_equal(via_vi_packet.open(&r.dev, args), err); /* nowhere to leave a sentence */
}

static void refusals_come_with_a_sentence(void **state) {
    (void)state;
    link_pair(1500);
    refusal("nowhere0", -ENODEV, "nowhere0");
    refusal("", -ENODEV, "name");
    refusal("a-name-that-is-far-too-long", -ENODEV, "too long");
    refusal("va0:colour=red", -EINVAL, "colour=red");
    refusal("va0:promisc=maybe", -EINVAL, "promisc=maybe");
}

static void what_was_opened_is_described(void **state) {
    struct pair *t = open_pair(state, 1400);

    assert_string_equal(t->a.dev.ifname, "va0");
    assert_true(t->a.dev.ifindex > 0);
    assert_int_equal(t->a.dev.mtu, 1400);
    assert_int_equal(t->a.dev.link, VIA_LINK_UP);
    assert_int_equal(t->a.dev.caps, VIA_VI_JUMBO | VIA_VI_SHARED_MAC);
    assert_int_equal(t->a.dev.ops->filter(&t->a.dev, true, NULL), -EOPNOTSUPP);
    close_pair(t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(frame_sent_arrives_whole),
        CASE(burst_arrives_in_order),
        CASE(what_was_sent_does_not_come_back),
        CASE(jumbo_packet_comes_as_a_chain),
        CASE(packet_of_the_largest_size_comes_whole),
        CASE(giants_and_small_packets_keep_their_order),
        CASE(packet_longer_than_the_stock_is_cut_and_says_so),
        CASE(without_frames_packets_wait_in_the_ring),
        CASE(tag_travels_beside_the_bytes),
        CASE(tagged_jumbo_packet_survives_too),
        CASE(unfinished_checksum_is_vouched_for),
        CASE(nonsense_in_the_ring_is_counted_and_skipped),
        CASE(copy_that_never_came_leaves_the_beginning),
        CASE(full_queue_takes_whole_packets_alone),
        CASE(packet_that_the_link_refuses_is_lost_alone),
        CASE(link_down_is_told_and_passes),
        CASE(spinning_reader_hears_of_the_link),
        CASE(deleted_interface_is_gone_for_good),
        CASE(refusals_come_with_a_sentence),
        CASE(what_was_opened_is_described),
    };

    if (!rig_namespace())
        return rig_skipped();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
