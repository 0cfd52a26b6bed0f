/* SPDX-License-Identifier: BSD-2-Clause */
/* mcast_test.c - groups and broadcast: who gets what, one frame for all, own members, hop limits. */
#include "desk.h"

#include <errno.h>

#define A     "10.0.1.1"
#define PEER  "10.0.1.2"
#define GROUP "239.1.2.3"
#define HEADS (14 + 20 + 8)

static struct desk *b;
static struct desk_port *port;

static void start(const char *attr) {
    b = desk_new(2, attr);
    port = &b->port[1];
}

static int set_up(void **state) {
    (void)state;
    start("frames=1024;clones=64");
    return 0;
}

static int set_up_no_clones(void **state) {
    (void)state;
    start("frames=1024;clones=0");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

#define assert_refused(call, err)                                                                                      \
    do {                                                                                                               \
        via_timer_start(b->st, NULL, 0, NULL); /* leaves another sentence */                                           \
        assert_int_equal(call, err);                                                                                   \
        assert_string_not_equal(via_why(b->st), "timer: no timer or no function");                                     \
    } while (0)

static int join_as(via_sock_t s, const char *group, const char *source, uint32_t iface, bool join) {
    struct via_group g = {.iface = iface};

    assert_int_equal(via_addr_parse(group, &g.group, NULL), 0);
    if (source)
        assert_int_equal(via_addr_parse(source, &g.source, NULL), 0);
    return via_udp_join(b->st, s, &g, join);
}

static via_sock_t member(const char *local, const char *group) {
    via_sock_t s = desk_open_as(b, local, VIA_UDP_REUSE);

    if (join_as(s, group, NULL, 1, true))
        fail_msg("%s", via_why(b->st));
    return s;
}

static void arrive(const char *from, const char *to) {
    assert_true(desk_dgram(b, 1, from, to, "abcd", 4));
    desk_poll(b);
}

/* Reads one datagram and says whether there was one. */
static bool got(via_sock_t s) {
    char data[4];
    ssize_t n = desk_read(b, s, data, sizeof data);

    assert_true(n == 4 || n == -EAGAIN);
    return n == 4;
}

static uint64_t clones_used(void) {
    return desk_stat(b, "pool_clones", "cap") - desk_stat(b, "pool_clones", "free");
}

static int set_int(via_sock_t s, int opt, int x) {
    return via_sock_setopt(b->st, s, opt, &x, sizeof x);
}

static uint64_t copied(void) {
    return desk_stat(b, "udp", "tx_copied_bytes") + desk_stat(b, "net", "tx_copied_bytes") +
           desk_stat(b, "udp", "rx_copied_bytes");
}

static void members_share_one_frame(void **state) {
    via_sock_t s[4];
    struct via_dgram d[4];
    int i;

    (void)state;
    for (i = 0; i < 4; i++)
        s[i] = member("0.0.0.0:5", GROUP);
    desk_wait(b, 10 * VIA_SEC); /* all is told */
    arrive(PEER ":9", GROUP ":5");
    assert_int_equal(clones_used(), 4);
    for (i = 0; i < 4; i++) {
        assert_int_equal(via_udp_recv(b->st, s[i], &d[i], 1), 1);
        assert_ptr_equal(d[i].seg.data, d[0].seg.data);
        assert_int_equal(d[i].flags, VIA_DGRAM_SHARED | VIA_DGRAM_MCAST);
        assert_int_equal(d[i].seq, d[0].seq);
        assert_int_equal(d[i].peer.port, 9);
        assert_true(via_addr_is_multicast(&d[i].local.addr));
    }
    assert_int_equal(copied(), 0);
    for (i = 0; i < 4; i++) { /* in any order */
        via_buf_release(b->st, &d[(i + 2) % 4].seg.buf, 1);
        desk_poll(b);
        assert_int_equal(desk_frames_used(b), i < 3);
    }
    assert_int_equal(clones_used(), 0);
    assert_int_equal(desk_stat(b, "stack", "held"), 0);
}

static void single_member_needs_no_clone(void **state) {
    via_sock_t s = member("0.0.0.0:5", GROUP), other = desk_open(b, "0.0.0.0:6");
    struct via_dgram d;

    (void)state;
    arrive(PEER ":9", GROUP ":5");
    assert_int_equal(clones_used(), 0);
    assert_int_equal(via_udp_recv(b->st, s, &d, 1), 1);
    assert_int_equal(d.flags, VIA_DGRAM_MCAST);
    via_buf_release(b->st, &d.seg.buf, 1);
    assert_false(got(other));
}

static void who_has_not_joined_gets_nothing(void **state) {
    via_sock_t in = member("0.0.0.0:5", GROUP), out = desk_open_as(b, "0.0.0.0:5", VIA_UDP_REUSE);

    (void)state;
    arrive(PEER ":9", GROUP ":5");
    assert_true(got(in));
    assert_false(got(out));
    arrive(PEER ":9", "239.1.2.4:5");
    assert_false(got(in));
    assert_true(desk_drops(b, "NO_GROUP") + desk_drops(b, "UDP_NO_SOCKET") > 0);
}

static void six_works_as_four_does(void **state) {
    via_sock_t one = member("[::]:5", "ff05::77"), two = member("[::]:5", "ff05::77");

    (void)state;
    arrive("[2001:db8:1::2]:9", "[ff05::77]:5");
    assert_true(got(one) && got(two));
    assert_int_equal(join_as(two, "ff05::77", NULL, 1, false), 0);
    arrive("[2001:db8:1::2]:9", "[ff05::77]:5");
    assert_true(got(one) && !got(two));
}

static void source_specific_members_hear_their_source(void **state) {
    via_sock_t one = desk_open_as(b, "0.0.0.0:5", VIA_UDP_REUSE), two = desk_open_as(b, "0.0.0.0:5", VIA_UDP_REUSE);

    (void)state;
    assert_int_equal(join_as(one, "232.1.1.1", PEER, 1, true), 0);
    assert_int_equal(join_as(two, "232.1.1.1", "10.0.1.3", 1, true), 0);
    arrive(PEER ":9", "232.1.1.1:5");
    assert_true(got(one) && !got(two));
    arrive("10.0.1.3:9", "232.1.1.1:5");
    assert_true(!got(one) && got(two));
    /* Several sources add up. */
    assert_int_equal(join_as(one, "232.1.1.1", "10.0.1.3", 1, true), 0);
    arrive("10.0.1.3:9", "232.1.1.1:5");
    assert_true(got(one) && got(two));
    arrive("10.0.1.4:9", "232.1.1.1:5");
    assert_true(!got(one) && !got(two));
    assert_int_equal(join_as(one, "232.1.1.1", PEER, 1, false), 0);
    arrive(PEER ":9", "232.1.1.1:5");
    assert_true(!got(one) && !got(two));
    arrive("10.0.1.3:9", "232.1.1.1:5");
    assert_true(got(one) && got(two));
}

static void join_refuses_what_headers_name(void **state) {
    struct via_udp_conf only6 = VIA_UDP_CONF_INIT;
    struct via_ep any6 = via_ep_any(VIA_AF_6, 5);
    via_sock_t s = desk_open(b, "0.0.0.0:5"), six;

    (void)state;
    only6.flags = VIA_UDP_V6ONLY;
    assert_int_equal(via_udp_open(b->st, &only6, &any6, &six), 0);
    assert_refused(via_udp_join(b->st, s, NULL, true), -EINVAL);
    assert_refused(join_as(s, PEER, NULL, 1, true), -EINVAL);
    assert_refused(join_as(s, "ff05::77", NULL, 1, true), -EINVAL);
    assert_refused(join_as(six, GROUP, NULL, 1, true), -EINVAL);
    assert_refused(join_as(s, GROUP, GROUP, 1, true), -EINVAL);
    assert_refused(join_as(six, "ff05::77", PEER, 1, true), -EINVAL);
    assert_refused(join_as(s, GROUP, NULL, 3, true), -ENODEV);
    assert_refused(join_as(s, GROUP, NULL, 300, true), -ENODEV);
    assert_refused(join_as(s, GROUP, NULL, 1, false), -EADDRNOTAVAIL);
    assert_int_equal(join_as(s, GROUP, NULL, 1, true), 0);
    assert_refused(join_as(s, GROUP, NULL, 1, true), -EADDRINUSE);
    assert_int_equal(join_as(s, GROUP, NULL, 2, true), 0); /* another interface is another membership */
    assert_refused(join_as(s, GROUP, PEER, 1, false), -EADDRNOTAVAIL);
    assert_int_equal(desk_stat(b, "udp", "memberships"), 2);
    assert_int_equal(join_as(s, GROUP, NULL, 1, false), 0);
    assert_int_equal(join_as(s, GROUP, NULL, 0, false), 0); /* wherever it is */
    assert_refused(join_as(s, GROUP, NULL, 0, false), -EADDRNOTAVAIL);
}

static void groups_run_out_and_come_back(void **state) {
    via_sock_t s = desk_open(b, "0.0.0.0:5");
    char group[32];
    int i, err = 0;

    (void)state;
    for (i = 0; i < 100000 && !err; i++) {
        snprintf(group, sizeof group, "239.%d.%d.%d", i / 62500, i / 250 % 250, i % 250);
        err = join_as(s, group, NULL, 1, true);
    }
    assert_int_equal(err, -ENOBUFS);
    assert_int_equal(desk_stat(b, "udp", "memberships"), (uint64_t)i - 1);
    assert_int_equal(join_as(s, "239.0.0.7", NULL, 1, false), 0);
    desk_wait(b, 20 * VIA_SEC); /* a group goes when its end was told */
    assert_int_equal(join_as(s, group, NULL, 1, true), 0);
    via_sock_close(b->st, s, 0);
    assert_int_equal(desk_stat(b, "udp", "memberships"), 0);
    desk_wait(b, 20 * VIA_SEC); /* all is told */
}

static void close_leaves_the_groups(void **state) {
    via_sock_t one = member("0.0.0.0:5", GROUP), two = member("0.0.0.0:5", GROUP);

    (void)state;
    desk_wait(b, 10 * VIA_SEC);
    via_sock_close(b->st, one, 0);
    arrive(PEER ":9", GROUP ":5");
    assert_true(got(two));
    via_sock_close(b->st, two, 0);
    assert_int_equal(desk_stat(b, "udp", "memberships"), 0);
    desk_wait(b, 10 * VIA_SEC);
    arrive(PEER ":9", GROUP ":5");
    assert_int_equal(desk_drops(b, "NO_GROUP"), 1);
}

static void own_members_hear_what_is_sent(void **state) {
    via_sock_t in = member("0.0.0.0:5", GROUP), sender = desk_open(b, A ":6");
    struct via_dgram d;
    struct via_seg seg;
    const uint8_t *at, *data;
    uint64_t before;

    (void)state;
    desk_wait(b, 10 * VIA_SEC);
    before = port->sent_n;
    assert_int_equal(via_buf_alloc(b->st, 100, &seg), 0);
    at = seg.data;
    memset(seg.data, 7, 100);
    d = (struct via_dgram){.seg = seg, .peer = desk_ep(GROUP ":5"), .token = 3};
    assert_int_equal(via_udp_send(b->st, sender, &d, 1, VIA_FLUSH), 1);
    assert_int_equal(port->sent_n, before + 1);
    assert_int_equal(desk_payload(desk_sent(b, 1, before), &data), 100);
    assert_ptr_equal(port->dev->mem + desk_sent(b, 1, before)->addr + HEADS, at);
    desk_poll(b);
    assert_int_equal(via_udp_recv(b->st, in, &d, 1), 1);
    assert_ptr_equal(d.seg.data, at); /* the very same bytes */
    assert_int_equal(d.bytes, 100);
    assert_int_equal(d.peer.port, 6);
    assert_true(d.flags & VIA_DGRAM_MCAST);
    assert_int_equal(copied(), 0);
    via_buf_release(b->st, &d.seg.buf, 1);
    {
        struct via_done done;

        assert_int_equal(via_tx_done(b->st, &done, 1), 1);
        assert_int_equal(done.token, 3);
        assert_int_equal(done.status, 0);
    }
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
    assert_int_equal(clones_used(), 0);
    assert_int_equal(set_int(sender, VIA_OPT_MCAST_LOOP, 0), 0);
    assert_int_equal(desk_send(b, sender, GROUP ":5", 4, 1), 1);
    assert_int_equal(port->sent_n, before + 2);
    desk_poll(b);
    assert_false(got(in));
}

static void six_loops_as_four_does(void **state) {
    via_sock_t in = member("[::]:5", "ff05::77"), sender = desk_open(b, "[2001:db8:1::1]:6");
    struct via_dgram d;

    (void)state;
    set_int(sender, VIA_OPT_MCAST_IF, 1);
    assert_int_equal(desk_send(b, sender, "[ff05::77]:5", 4, 9), 1);
    desk_poll(b);
    assert_int_equal(via_udp_recv(b->st, in, &d, 1), 1);
    assert_int_equal(d.bytes, 4);
    assert_int_equal(*(uint8_t *)d.seg.data, 9);
    via_buf_release(b->st, &d.seg.buf, 1);
}

static void own_members_hear_what_goes_out_in_fragments(void **state) {
    via_sock_t in = member("0.0.0.0:5", GROUP), sender = desk_open(b, A ":6");
    static uint8_t data[5000];
    uint64_t before;
    int i;

    (void)state;
    desk_wait(b, 10 * VIA_SEC);
    before = port->sent_n;
    assert_int_equal(desk_send(b, sender, GROUP ":5", 5000, 0x5a), 1);
    assert_int_equal(port->sent_n, before + 4);
    desk_poll(b);
    assert_int_equal(desk_read(b, in, data, sizeof data), 5000);
    for (i = 0; i < 5000; i++)
        assert_int_equal(data[i], 0x5a);
    desk_poll(b);
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
}

static void hop_limit_zero_stays_on_the_host(void **state) {
    via_sock_t in = member("0.0.0.0:5", GROUP), sender = desk_open(b, A ":6");
    struct iovec iov = {"abcd", 4};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .token = 4, .peer = desk_ep(GROUP ":5")};
    struct via_done done;
    uint64_t before;

    (void)state;
    desk_wait(b, 10 * VIA_SEC);
    before = port->sent_n;
    assert_int_equal(desk_send(b, sender, GROUP ":5", 4, 1), 1);
    assert_int_equal(desk_ip(desk_sent(b, 1, before)).ttl, 1); /* the default */
    desk_poll(b);
    assert_true(got(in));
    assert_int_equal(set_int(sender, VIA_OPT_MCAST_TTL, 0), 0);
    assert_int_equal(via_udp_send(b->st, sender, &d, 1, VIA_FLUSH), 1);
    assert_int_equal(port->sent_n, before + 1);
    desk_poll(b);
    assert_true(got(in));
    assert_int_equal(via_tx_done(b->st, &done, 1), 1);
    assert_int_equal(done.status, 0);
    assert_int_equal(set_int(sender, VIA_OPT_MCAST_TTL, 9), 0);
    assert_int_equal(desk_send(b, sender, GROUP ":5", 4, 1), 1);
    assert_int_equal(desk_ip(desk_sent(b, 1, before + 1)).ttl, 9);
    desk_poll(b);
    assert_true(got(in));
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
}

static void interface_of_groups_can_be_chosen(void **state) {
    via_sock_t s = desk_open(b, "0.0.0.0:6");
    uint64_t before[3];

    (void)state;
    desk_wait(b, 10 * VIA_SEC);
    before[1] = b->port[1].sent_n;
    before[2] = b->port[2].sent_n;
    assert_int_equal(set_int(s, VIA_OPT_MCAST_IF, 2), 0);
    assert_int_equal(desk_send(b, s, GROUP ":5", 4, 1), 1);
    assert_int_equal(b->port[2].sent_n, before[2] + 1);
    assert_int_equal(set_int(s, VIA_OPT_MCAST_IF, 1), 0);
    assert_int_equal(desk_send(b, s, GROUP ":5", 4, 1), 1);
    assert_int_equal(b->port[1].sent_n, before[1] + 1);
    assert_int_equal(set_int(s, VIA_OPT_MCAST_IF, 3), -EINVAL);
}

static void without_descriptors_for_clones_one_gets_it(void **state) {
    via_sock_t one = member("0.0.0.0:5", GROUP), two = member("0.0.0.0:5", GROUP);
    uint64_t drops;
    size_t n = sizeof drops;
    int a, c;

    (void)state;
    arrive(PEER ":9", GROUP ":5");
    a = got(one);
    c = got(two);
    assert_int_equal(a + c, 1);
    assert_int_equal(desk_drops(b, "NO_CLONE"), 1);
    assert_int_equal(via_sock_getopt(b->st, a ? two : one, VIA_OPT_DROPS, &drops, &n), 0);
    assert_int_equal(drops, 1);
}

static void full_queue_of_one_member_is_no_loss_of_others(void **state) {
    via_sock_t one = member("0.0.0.0:5", GROUP), two = member("0.0.0.0:5", GROUP);
    int i;

    (void)state;
    desk_wait(b, 10 * VIA_SEC);
    assert_int_equal(set_int(one, VIA_OPT_RCVBUF, 1), 0);
    for (i = 0; i < 3; i++)
        arrive(PEER ":9", GROUP ":5");
    assert_true(got(one) && !got(one));
    assert_true(got(two) && got(two) && got(two) && !got(two));
    assert_int_equal(desk_drops(b, "UDP_QUEUE"), 2);
    desk_poll(b);
    assert_int_equal(desk_frames_used(b), 0);
    assert_int_equal(clones_used(), 0);
}

static void unicast_to_a_shared_end_point_goes_to_one(void **state) {
    via_sock_t one = member("0.0.0.0:5", GROUP), two = member("0.0.0.0:5", GROUP);
    int i, hits = 0;

    (void)state;
    for (i = 0; i < 8; i++) { /* the same conversation: always the same one */
        arrive(PEER ":9", A ":5");
        hits += got(one);
        assert_false(i && hits && hits != i + 1);
        while (got(two))
            ;
    }
    assert_int_equal(clones_used(), 0);
}

static void broadcast_reaches_all_sockets_of_ipv4(void **state) {
    struct via_udp_conf six = VIA_UDP_CONF_INIT;
    struct via_ep any6 = via_ep_any(VIA_AF_6, 5), dual = via_ep_any(VIA_AF_ANY, 5);
    via_sock_t four = desk_open_as(b, "0.0.0.0:5", VIA_UDP_REUSE), both, only6;

    (void)state;
    six.flags = VIA_UDP_REUSE;
    assert_int_equal(via_udp_open(b->st, &six, &dual, &both), 0);
    six.flags |= VIA_UDP_V6ONLY;
    assert_int_equal(via_udp_open(b->st, &six, &any6, &only6), 0);
    arrive(PEER ":9", "10.0.1.255:5");
    assert_true(got(four) && got(both) && !got(only6));
    arrive(PEER ":9", "255.255.255.255:5");
    assert_true(got(four) && got(both) && !got(only6));
}

static void socket_bound_to_the_group_hears_only_it(void **state) {
    via_sock_t s = member(GROUP ":5", GROUP), t = member("0.0.0.0:5", GROUP);

    (void)state;
    arrive(PEER ":9", GROUP ":5");
    assert_true(got(s) && got(t));
    arrive(PEER ":9", A ":5");
    assert_true(!got(s) && got(t));
}

static void connected_member_hears_its_peer_alone(void **state) {
    via_sock_t s = member(GROUP ":5", GROUP);
    struct via_ep peer = desk_ep(PEER ":9");

    (void)state;
    assert_int_equal(via_udp_connect(b->st, s, &peer), 0);
    arrive(PEER ":9", GROUP ":5");
    assert_true(got(s));
    arrive("10.0.1.3:9", GROUP ":5");
    assert_false(got(s));
    arrive(PEER ":10", GROUP ":5");
    assert_false(got(s));
}

static void group_on_another_interface_is_another_group(void **state) {
    via_sock_t s = member("0.0.0.0:5", GROUP);

    (void)state;
    assert_true(desk_dgram(b, 2, "10.0.2.2:9", GROUP ":5", "abcd", 4));
    desk_poll(b);
    assert_false(got(s));
    assert_int_equal(join_as(s, GROUP, NULL, 2, true), 0);
    assert_true(desk_dgram(b, 2, "10.0.2.2:9", GROUP ":5", "abcd", 4));
    desk_poll(b);
    assert_true(got(s));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(members_share_one_frame),
        CASE(single_member_needs_no_clone),
        CASE(who_has_not_joined_gets_nothing),
        CASE(six_works_as_four_does),
        CASE(source_specific_members_hear_their_source),
        CASE(join_refuses_what_headers_name),
        CASE(groups_run_out_and_come_back),
        CASE(close_leaves_the_groups),
        CASE(own_members_hear_what_is_sent),
        CASE(six_loops_as_four_does),
        CASE(own_members_hear_what_goes_out_in_fragments),
        CASE(hop_limit_zero_stays_on_the_host),
        CASE(interface_of_groups_can_be_chosen),
        cmocka_unit_test_setup_teardown(without_descriptors_for_clones_one_gets_it, set_up_no_clones, tear_down),
        CASE(full_queue_of_one_member_is_no_loss_of_others),
        CASE(unicast_to_a_shared_end_point_goes_to_one),
        CASE(broadcast_reaches_all_sockets_of_ipv4),
        CASE(socket_bound_to_the_group_hears_only_it),
        CASE(connected_member_hears_its_peer_alone),
        CASE(group_on_another_interface_is_another_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
