/* SPDX-License-Identifier: BSD-2-Clause */
/* udp_test.c - UDP sockets by public calls: opening, binding, connecting, options, errors from the network. */
#include "desk.h"

#include <errno.h>

#define A    "10.0.1.1"
#define PEER "10.0.1.2"

static struct desk *b;

static int set_up(void **state) {
    (void)state;
    b = desk_new(2, "frames=1024;port_low=40000;port_high=40099;max_udp=256");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    desk_end(b);
    return 0;
}

static int open_ep(const struct via_udp_conf *conf, struct via_ep ep, via_sock_t *s) {
    return via_udp_open(b->st, conf, &ep, s);
}

static int try_open(const char *local, uint32_t flags, uint32_t iface) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    via_sock_t s;
    int err;

    conf.flags = flags;
    conf.iface = iface;
    err = open_ep(&conf, desk_ep(local), &s);
    if (!err)
        assert_int_equal(via_sock_close(b->st, s, 0), 0);
    return err;
}

static int connect_to(via_sock_t s, const char *peer) {
    struct via_ep ep = desk_ep(peer);

    return via_udp_connect(b->st, s, &ep);
}

/* Refused with that errno and with a sentence of this very refusal. */
#define assert_refused(call, err)                                                                                      \
    do {                                                                                                               \
        via_timer_start(b->st, NULL, 0, NULL); /* leaves another sentence */                                           \
        assert_int_equal(call, err);                                                                                   \
        assert_string_not_equal(via_why(b->st), "timer: no timer or no function");                                     \
        assert_true(strlen(via_why(b->st)) > 10);                                                                      \
    } while (0)

static ssize_t arrives(via_sock_t s, const char *from, const char *to) {
    char data[8];

    assert_true(desk_dgram(b, 1, from, to, "abcd", 4));
    desk_poll(b);
    return desk_read(b, s, data, sizeof data);
}

static void open_refuses_bad_arguments(void **state) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT, bad;
    struct via_ep any = via_ep_any(VIA_AF_4, 1), ep;
    via_sock_t s = 0;

    (void)state;
    assert_refused(via_udp_open(b->st, &conf, NULL, &s), -EINVAL);
    assert_refused(via_udp_open(b->st, &conf, &any, NULL), -EINVAL);
    bad = conf;
    bad.size = 1;
    assert_refused(open_ep(&bad, any, &s), -EINVAL);
    bad = conf;
    bad.flags = 16;
    assert_refused(open_ep(&bad, any, &s), -EINVAL);
    bad = conf;
    bad.rcvbuf = 4194305;
    assert_refused(open_ep(&bad, any, &s), -EINVAL);
    bad = conf;
    bad.iface = 3;
    assert_refused(open_ep(&bad, any, &s), -ENODEV);
    bad.iface = 1000;
    assert_refused(open_ep(&bad, any, &s), -ENODEV);
    ep = any;
    ep.family = 5;
    assert_refused(open_ep(&conf, ep, &s), -EINVAL);
    ep = desk_ep(A ":1");
    ep.family = VIA_AF_6;
    assert_refused(open_ep(&conf, ep, &s), -EINVAL);
    ep.family = VIA_AF_ANY;
    assert_refused(open_ep(&conf, ep, &s), -EINVAL);
    ep = desk_ep("[2001:db8:1::1]:1");
    ep.family = VIA_AF_4;
    assert_refused(open_ep(&conf, ep, &s), -EINVAL);
    ep = desk_ep("[ff02::5]:1");
    ep.family = VIA_AF_4;
    assert_refused(open_ep(&conf, ep, &s), -EINVAL);
    ep = desk_ep("[fe80::1]:1");
    ep.scope = 9;
    assert_refused(open_ep(&conf, ep, &s), -ENODEV);
    assert_refused(open_ep(&conf, desk_ep("10.0.1.77:1"), &s), -EADDRNOTAVAIL);
    assert_int_equal(s, 0);
    assert_int_equal(open_ep(NULL, any, &s), 0); /* no configuration: the defaults */
}

static void end_point_belongs_to_one_unless_all_share(void **state) {
    via_sock_t s = desk_open(b, A ":53"), t;

    (void)state;
    assert_refused(try_open(A ":53", 0, 0), -EADDRINUSE);
    assert_refused(try_open(A ":53", VIA_UDP_REUSE, 0), -EADDRINUSE);
    assert_int_equal(try_open("10.0.2.1:53", 0, 0), 0);
    assert_int_equal(try_open(A ":54", 0, 0), 0);
    assert_int_equal(try_open("0.0.0.0:53", 0, 0), 0); /* wider, so no conflict: the more exact one wins */
    via_sock_close(b->st, s, 0);
    s = desk_open_as(b, A ":53", VIA_UDP_REUSE);
    t = desk_open_as(b, A ":53", VIA_UDP_REUSE);
    assert_refused(try_open(A ":53", 0, 0), -EADDRINUSE);
    via_sock_close(b->st, s, 0);
    assert_refused(try_open(A ":53", 0, 0), -EADDRINUSE);
    via_sock_close(b->st, t, 0);
    assert_int_equal(try_open(A ":53", 0, 0), 0);
}

static void interfaces_have_end_points_of_their_own(void **state) {
    struct via_udp_conf one = VIA_UDP_CONF_INIT, two = VIA_UDP_CONF_INIT;
    struct via_ep any = via_ep_any(VIA_AF_4, 53);
    via_sock_t s1, s2;
    char data[8];

    (void)state;
    one.iface = 1;
    two.iface = 2;
    assert_int_equal(open_ep(&one, any, &s1), 0);
    assert_int_equal(open_ep(&two, any, &s2), 0);
    assert_int_equal(try_open("0.0.0.0:53", 0, 0), -EADDRINUSE);
    assert_int_equal(try_open("0.0.0.0:53", 0, 2), -EADDRINUSE);
    assert_true(desk_dgram(b, 2, "10.0.2.2:9", "10.0.2.1:53", "x", 1));
    desk_poll(b);
    assert_int_equal(desk_read(b, s1, data, 1), -EAGAIN);
    assert_int_equal(desk_read(b, s2, data, 1), 1);
}

static void bound_port_stays_taken_while_connected(void **state) {
    via_sock_t s = desk_connected(b, "0.0.0.0:53", PEER ":9");
    char data[4];

    (void)state;
    assert_refused(try_open("0.0.0.0:53", 0, 0), -EADDRINUSE);
    assert_int_equal(arrives(s, PEER ":9", A ":53"), 4);
    assert_int_equal(arrives(s, PEER ":8", A ":53"), -EAGAIN);
    assert_int_equal(via_udp_connect(b->st, s, NULL), 0);
    assert_int_equal(arrives(s, PEER ":8", A ":53"), 4);
    assert_int_equal(try_open("0.0.0.0:53", 0, 0), -EADDRINUSE);
    via_sock_close(b->st, s, 0);
    assert_int_equal(try_open("0.0.0.0:53", 0, 0), 0);
    s = desk_connected(b, "0.0.0.0:53", PEER ":9");
    via_sock_close(b->st, s, 0);
    assert_int_equal(try_open("0.0.0.0:53", 0, 0), 0);
    assert_int_equal(desk_read(b, s, data, 4), -EBADF);
}

static void ephemeral_ports_are_distinct_and_run_out(void **state) {
    struct via_ep any = via_ep_any(VIA_AF_4, 0), local;
    bool seen[100] = {false};
    via_sock_t s = 0;
    int i;

    (void)state;
    for (i = 0; i < 100; i++) {
        assert_int_equal(open_ep(NULL, any, &s), 0);
        assert_int_equal(via_sock_names(b->st, s, &local, NULL), 0);
        assert_in_range(local.port, 40000, 40099);
        assert_false(seen[local.port - 40000]);
        seen[local.port - 40000] = true;
        if (i % 2) /* connected ones keep theirs */
            assert_int_equal(connect_to(s, PEER ":9"), 0);
    }
    assert_refused(open_ep(NULL, any, &s), -EADDRINUSE);
    via_sock_close(b->st, s, 0);
    assert_int_equal(open_ep(NULL, any, &s), 0);
}

static void sockets_run_out_and_come_back(void **state) {
    struct via_ep any = via_ep_any(VIA_AF_4, 0);
    via_sock_t s = 0;
    int i;

    (void)state;
    for (i = 0; i < 256; i++) {
        any.port = (uint16_t)(i + 1);
        assert_int_equal(open_ep(NULL, any, &s), 0);
    }
    any.port = 999;
    assert_refused(open_ep(NULL, any, &s), -ENOBUFS);
    via_sock_close(b->st, s, 0);
    assert_int_equal(open_ep(NULL, any, &s), 0);
}

static void wildcards_take_their_families(void **state) {
    via_sock_t four = desk_open(b, "0.0.0.0:4"), both, six;
    struct via_udp_conf only6 = VIA_UDP_CONF_INIT;
    struct via_ep dual = via_ep_any(VIA_AF_ANY, 46), ep6 = via_ep_any(VIA_AF_6, 6);

    (void)state;
    only6.flags = VIA_UDP_V6ONLY;
    assert_int_equal(open_ep(NULL, dual, &both), 0);
    assert_int_equal(open_ep(&only6, ep6, &six), 0);
    assert_int_equal(arrives(four, PEER ":9", A ":4"), 4);
    assert_int_equal(arrives(four, "[2001:db8:1::2]:9", "[2001:db8:1::1]:4"), -EAGAIN);
    assert_int_equal(arrives(both, PEER ":9", A ":46"), 4);
    assert_int_equal(arrives(both, "[2001:db8:1::2]:9", "[2001:db8:1::1]:46"), 4);
    assert_int_equal(arrives(six, PEER ":9", A ":6"), -EAGAIN);
    assert_int_equal(arrives(six, "[2001:db8:1::2]:9", "[2001:db8:1::1]:6"), 4);
}

static int try_any(enum via_family family, uint16_t port, uint32_t flags) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    via_sock_t s;
    int err;

    conf.flags = flags;
    err = open_ep(&conf, via_ep_any(family, port), &s);
    if (!err)
        assert_int_equal(via_sock_close(b->st, s, 0), 0);
    return err;
}

static void wildcards_of_both_families_exclude_each_other(void **state) {
    struct via_udp_conf reuse = VIA_UDP_CONF_INIT;
    via_sock_t s = desk_open(b, "0.0.0.0:53"), t;

    (void)state;
    assert_refused(try_any(VIA_AF_6, 53, 0), -EADDRINUSE);
    assert_refused(try_any(VIA_AF_ANY, 53, 0), -EADDRINUSE);
    assert_refused(try_any(VIA_AF_6, 53, VIA_UDP_REUSE), -EADDRINUSE);
    assert_int_equal(try_any(VIA_AF_6, 53, VIA_UDP_V6ONLY), 0);
    assert_int_equal(try_open("[2001:db8:1::1]:53", 0, 0), 0); /* more exact */
    via_sock_close(b->st, s, 0);
    assert_int_equal(open_ep(NULL, via_ep_any(VIA_AF_6, 53), &s), 0);
    assert_refused(try_any(VIA_AF_4, 53, 0), -EADDRINUSE);
    assert_int_equal(connect_to(s, "[2001:db8:1::2]:9"), 0); /* connected, the port is its own still */
    assert_refused(try_any(VIA_AF_4, 53, 0), -EADDRINUSE);
    via_sock_close(b->st, s, 0);
    reuse.flags = VIA_UDP_REUSE;
    assert_int_equal(open_ep(&reuse, via_ep_any(VIA_AF_6, 53), &s), 0);
    assert_int_equal(open_ep(&reuse, via_ep_any(VIA_AF_4, 53), &t), 0);
    via_sock_close(b->st, s, 0);
    via_sock_close(b->st, t, 0);
    reuse.flags = VIA_UDP_V6ONLY;
    assert_int_equal(open_ep(&reuse, via_ep_any(VIA_AF_6, 53), &s), 0);
    assert_int_equal(open_ep(NULL, via_ep_any(VIA_AF_4, 53), &t), 0);
}

static void ephemeral_port_is_free_in_both_families(void **state) {
    via_sock_t s;
    int i;

    (void)state;
    for (i = 0; i < 99; i++)
        assert_int_equal(open_ep(NULL, via_ep_any(i % 2 ? VIA_AF_4 : VIA_AF_6, 0), &s), 0);
    assert_int_equal(open_ep(NULL, via_ep_any(VIA_AF_4, 0), &s), 0); /* the hundredth is found */
    assert_refused(open_ep(NULL, via_ep_any(VIA_AF_6, 0), &s), -EADDRINUSE);
}

static void more_exact_binding_gets_the_datagram(void **state) {
    via_sock_t any = desk_open(b, "0.0.0.0:53"), one = desk_open(b, A ":53");
    via_sock_t peer = desk_connected(b, "10.0.2.1:53", "10.0.2.2:9");

    (void)state;
    assert_int_equal(arrives(one, PEER ":9", A ":53"), 4);
    assert_int_equal(arrives(any, PEER ":9", A ":53"), -EAGAIN);
    via_sock_close(b->st, one, 0);
    assert_int_equal(arrives(any, PEER ":9", A ":53"), 4);
    assert_int_equal(desk_read(b, peer, NULL, 0), -EAGAIN);
}

static void connected_socket_hears_its_peer_alone(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9");
    uint64_t before = desk_drops(b, "UDP_NO_SOCKET");
    struct via_ep local, peer;

    (void)state;
    assert_int_equal(arrives(s, PEER ":9", A ":53"), 4);
    assert_int_equal(arrives(s, PEER ":10", A ":53"), -EAGAIN);
    assert_int_equal(arrives(s, "10.0.1.3:9", A ":53"), -EAGAIN);
    assert_int_equal(desk_drops(b, "UDP_NO_SOCKET"), before + 2);
    assert_int_equal(connect_to(s, "10.0.1.3:9"), 0);
    assert_int_equal(arrives(s, "10.0.1.3:9", A ":53"), 4);
    assert_int_equal(arrives(s, PEER ":9", A ":53"), -EAGAIN);
    assert_int_equal(via_sock_names(b->st, s, &local, &peer), 0);
    assert_int_equal(peer.port, 9);
    assert_int_equal(peer.addr.b[15], 3);
    assert_int_equal(peer.family, VIA_AF_4);
    assert_int_equal(local.port, 53);
}

static void disconnecting_restores_what_was_bound(void **state) {
    via_sock_t s = desk_connected(b, "0.0.0.0:53", PEER ":9");
    struct via_ep local, peer;

    (void)state;
    assert_int_equal(via_sock_names(b->st, s, &local, &peer), 0);
    assert_int_equal(via_addr_to4(&local.addr), htonl(0x0a000101));
    assert_int_equal(via_udp_connect(b->st, s, NULL), 0);
    assert_int_equal(via_udp_connect(b->st, s, NULL), 0);
    assert_int_equal(via_sock_names(b->st, s, &local, NULL), 0);
    assert_true(via_addr_is_any(&local.addr));
    assert_int_equal(via_sock_names(b->st, s, &local, &peer), -ENOTCONN);
    assert_true(desk_dgram(b, 2, "10.0.2.2:7", "10.0.2.1:53", "abcd", 4));
    desk_poll(b);
    assert_int_equal(desk_read(b, s, NULL, 0), 4);
}

static void connect_refuses_what_cannot_be(void **state) {
    struct via_udp_conf only6 = VIA_UDP_CONF_INIT;
    via_sock_t four = desk_open(b, "0.0.0.0:53"), six, s, t;
    struct via_ep ep = desk_ep(PEER ":0"), any6 = via_ep_any(VIA_AF_6, 54);

    (void)state;
    only6.flags = VIA_UDP_V6ONLY;
    assert_int_equal(open_ep(&only6, any6, &six), 0);
    assert_refused(via_udp_connect(b->st, four, &ep), -EINVAL);
    ep = via_ep_any(VIA_AF_4, 9);
    assert_refused(via_udp_connect(b->st, four, &ep), -EINVAL);
    ep = desk_ep(PEER ":9");
    ep.family = VIA_AF_6;
    assert_refused(via_udp_connect(b->st, four, &ep), -EAFNOSUPPORT);
    ep.family = 77;
    assert_refused(via_udp_connect(b->st, four, &ep), -EAFNOSUPPORT);
    assert_refused(connect_to(four, "[2001:db8:1::2]:9"), -EAFNOSUPPORT);
    assert_refused(connect_to(six, PEER ":9"), -EAFNOSUPPORT);
    assert_refused(connect_to(four, "192.0.2.1:9"), -ENETUNREACH);
    assert_int_equal(via_sock_names(b->st, four, NULL, &ep), -ENOTCONN);
    ep = desk_ep("[fe80::2]:9");
    ep.scope = 12;
    assert_refused(via_udp_connect(b->st, six, &ep), -EINVAL);
    s = desk_open_as(b, A ":55", VIA_UDP_REUSE);
    t = desk_open_as(b, A ":55", VIA_UDP_REUSE);
    assert_int_equal(connect_to(s, PEER ":9"), 0);
    assert_int_equal(connect_to(t, PEER ":9"), 0); /* both share */
    via_sock_close(b->st, s, 0);
    via_sock_close(b->st, t, 0);
}

static void pair_of_end_points_belongs_to_one(void **state) {
    via_sock_t s = desk_open(b, "0.0.0.0:53"), t = desk_open(b, A ":53");
    struct via_ep local;

    (void)state;
    assert_int_equal(connect_to(s, PEER ":9"), 0);
    assert_refused(connect_to(t, PEER ":9"), -EADDRINUSE);
    /* The one that was refused is as it was. */
    assert_int_equal(via_sock_names(b->st, t, &local, NULL), 0);
    assert_int_equal(arrives(t, PEER ":8", A ":53"), 4);
    assert_int_equal(arrives(s, PEER ":9", A ":53"), 4);
    assert_int_equal(connect_to(t, PEER ":8"), 0);
}

static void every_call_refuses_a_stale_handle(void **state) {
    via_sock_t s = desk_open(b, A ":53"), t;
    struct via_epoll *set;
    struct via_ep ep = desk_ep(PEER ":9");
    struct via_group g = {.group = desk_ep("224.1.2.3:1").addr};
    struct via_dgram d = {.peer = ep};
    size_t n = sizeof(int);
    int x = 1;

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    assert_int_equal(via_sock_close(b->st, s, 0), 0);
    t = desk_open(b, A ":53"); /* lives in the same slot */
    assert_true(((s ^ t) & 0xffffff) == 0 && s != t);
    assert_refused(via_sock_close(b->st, s, 0), -EBADF);
    assert_refused(via_sock_setopt(b->st, s, VIA_OPT_TTL, &x, sizeof x), -EBADF);
    assert_refused(via_sock_getopt(b->st, s, VIA_OPT_TTL, &x, &n), -EBADF);
    assert_refused(via_sock_names(b->st, s, &ep, NULL), -EBADF);
    assert_refused(via_sock_user(b->st, s, NULL, NULL), -EBADF);
    assert_refused(via_udp_connect(b->st, s, &ep), -EBADF);
    assert_refused(via_udp_connect(b->st, s, NULL), -EBADF);
    assert_refused(via_udp_join(b->st, s, &g, true), -EBADF);
    assert_refused(via_udp_join(b->st, s, &g, false), -EBADF);
    assert_refused(via_udp_send(b->st, s, &d, 1, 0), -EBADF);
    assert_refused(via_udp_recv(b->st, s, &d, 1), -EBADF);
    assert_refused(via_udp_read(b->st, s, &x, sizeof x, NULL), -EBADF);
    assert_refused(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_IN, 0), -EBADF);
    assert_refused(via_epoll_ctl(set, VIA_EPOLL_MOD, s, VIA_EV_IN, 0), -EBADF);
    assert_refused(via_epoll_ctl(set, VIA_EPOLL_DEL, s, 0, 0), -EBADF);
    assert_refused(via_epoll_ctl(set, VIA_EPOLL_MOVE, s, VIA_EV_IN, 0), -EBADF);
    assert_refused(via_epoll_rearm(set, s), -EBADF);
    for (x = 0; x < 64; x++) /* and whatever else looks like one */
        assert_int_equal(via_sock_close(b->st, t ^ 1ull << x, 0), -EBADF);
    assert_int_equal(via_sock_close(b->st, t, 0), 0);
    assert_int_equal(via_epoll_destroy(set), 0);
}

static int set_int(via_sock_t s, int opt, int x) {
    return via_sock_setopt(b->st, s, opt, &x, sizeof x);
}

static int get_int(via_sock_t s, int opt) {
    size_t n = sizeof(int);
    int x = -12345, err = via_sock_getopt(b->st, s, opt, &x, &n);

    assert_int_equal(n, sizeof(int));
    return err ? err : x;
}

static void options_have_ranges_and_defaults(void **state) {
    static const struct {
        int opt, def, min, max;
    } v[] = {
        {VIA_OPT_RCVBUF, 1024, 1, 4194304},
        {VIA_OPT_TOS, 0, 0, 255},
        {VIA_OPT_TTL, 64, 1, 255},
        {VIA_OPT_MCAST_TTL, 1, 0, 255},
        {VIA_OPT_MCAST_LOOP, 1, 0, 1},
        {VIA_OPT_MCAST_IF, 0, 0, 2},
        {VIA_OPT_DF, 0, 0, 1},
        {VIA_OPT_BROADCAST, 0, 0, 1},
    };
    via_sock_t s = desk_open(b, A ":53");
    size_t i;
    int x = 1;

    (void)state;
    for (i = 0; i < sizeof v / sizeof v[0]; i++) {
        assert_int_equal(get_int(s, v[i].opt), v[i].def);
        assert_int_equal(set_int(s, v[i].opt, v[i].min), 0);
        assert_int_equal(get_int(s, v[i].opt), v[i].min);
        assert_int_equal(set_int(s, v[i].opt, v[i].max), 0);
        assert_int_equal(get_int(s, v[i].opt), v[i].max);
        assert_refused(set_int(s, v[i].opt, v[i].min - 1), -EINVAL);
        assert_refused(set_int(s, v[i].opt, v[i].max + 1), -EINVAL);
        assert_refused(via_sock_setopt(b->st, s, v[i].opt, &x, 1), -EINVAL);
        assert_refused(via_sock_setopt(b->st, s, v[i].opt, NULL, sizeof x), -EINVAL);
        assert_int_equal(get_int(s, v[i].opt), v[i].max);
    }
}

static void some_options_are_read_only(void **state) {
    static const int v[] = {VIA_OPT_REUSE, VIA_OPT_MTU, VIA_OPT_REASON, VIA_OPT_QUEUED, VIA_OPT_DROPS};
    via_sock_t s = desk_connected(b, A ":53", PEER ":9"), t = desk_open_as(b, A ":54", VIA_UDP_REUSE);
    uint64_t drops = 1;
    size_t i, n = sizeof drops, little = 1;
    int x;

    (void)state;
    for (i = 0; i < sizeof v / sizeof v[0]; i++)
        assert_refused(set_int(s, v[i], 1), -EACCES);
    assert_refused(set_int(s, 0, 1), -ENOPROTOOPT);
    assert_refused(set_int(s, 999, 1), -ENOPROTOOPT);
    assert_refused(get_int(s, 999), -ENOPROTOOPT);
    assert_refused(via_sock_getopt(b->st, s, VIA_OPT_TTL, &x, &little), -EINVAL);
    assert_refused(via_sock_getopt(b->st, s, VIA_OPT_TTL, NULL, &n), -EINVAL);
    assert_refused(via_sock_getopt(b->st, s, VIA_OPT_TTL, &x, NULL), -EINVAL);
    n = sizeof(int);
    assert_refused(via_sock_getopt(b->st, s, VIA_OPT_DROPS, &drops, &n), -EINVAL);
    n = sizeof drops;
    assert_int_equal(via_sock_getopt(b->st, s, VIA_OPT_DROPS, &drops, &n), 0);
    assert_int_equal(drops, 0);
    assert_int_equal(get_int(s, VIA_OPT_REUSE), 0);
    assert_int_equal(get_int(t, VIA_OPT_REUSE), 1);
    assert_int_equal(get_int(s, VIA_OPT_MTU), 1500);
    assert_int_equal(get_int(t, VIA_OPT_MTU), 0); /* no peer, no path */
}

static void hop_limit_and_class_are_seen_on_the_wire(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9"), t = desk_open(b, "[2001:db8:1::1]:53");
    struct desk_ip ip;

    (void)state;
    assert_int_equal(set_int(s, VIA_OPT_TTL, 7), 0);
    assert_int_equal(set_int(s, VIA_OPT_TOS, 0xb8), 0);
    assert_int_equal(set_int(t, VIA_OPT_TTL, 9), 0);
    assert_int_equal(set_int(t, VIA_OPT_TOS, 0x28), 0);
    assert_int_equal(desk_send(b, s, NULL, 4, 1), 1);
    assert_int_equal(desk_send(b, t, "[2001:db8:1::2]:9", 4, 1), 1);
    desk_poll(b);
    ip = desk_ip(desk_sent(b, 1, b->port[1].sent_n - 2));
    assert_int_equal(ip.ttl, 7);
    assert_int_equal(ip.tos, 0xb8);
    ip = desk_ip(desk_sent(b, 1, b->port[1].sent_n - 1));
    assert_int_equal(ip.ttl, 9);
    assert_int_equal(ip.tos, 0x28);
}

static void user_pointer_is_kept_and_swapped(void **state) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    void *old = NULL;
    via_sock_t s;
    int x, y;

    (void)state;
    conf.user = &x;
    assert_int_equal(open_ep(&conf, desk_ep(A ":53"), &s), 0);
    assert_int_equal(via_sock_user(b->st, s, &y, &old), 0);
    assert_ptr_equal(old, &x);
    assert_int_equal(via_sock_user(b->st, s, NULL, &old), 0);
    assert_ptr_equal(old, &y);
    assert_int_equal(via_sock_user(b->st, s, NULL, NULL), 0);
}

static void refused_connection_is_an_event_of_the_connected_sender(void **state) {
    via_sock_t s = desk_connected(b, A ":53", PEER ":9"), t = desk_open(b, A ":54");
    struct via_epoll *set;
    struct via_event ev[4];

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_ERR | VIA_EV_IN, 5), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, t, VIA_EV_ERR | VIA_EV_IN, 6), 0);
    assert_int_equal(desk_send(b, s, NULL, 4, 1), 1);
    assert_int_equal(desk_send(b, t, PEER ":9", 4, 1), 1);
    desk_poll(b);
    assert_true(desk_unreachable(b, 1, desk_sent(b, 1, b->port[1].sent_n - 2)));
    assert_true(desk_unreachable(b, 1, desk_sent(b, 1, b->port[1].sent_n - 1)));
    desk_poll(b);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 1); /* the unconnected one hears nothing */
    assert_true(ev[0].sock == s);
    assert_int_equal(ev[0].user, 5);
    assert_int_equal(ev[0].what, VIA_EV_ERR);
    assert_int_equal(ev[0].reason, -ECONNREFUSED);
    assert_int_equal(ev[0].seq, desk_stat(b, "stack", "arrivals") - 1);
    assert_int_equal(get_int(s, VIA_OPT_REASON), -ECONNREFUSED);
    assert_int_equal(get_int(s, VIA_OPT_REASON), 0);     /* reading clears */
    assert_int_equal(desk_read(b, s, NULL, 0), -EAGAIN); /* never the result of a receive */
    assert_int_equal(desk_send(b, s, NULL, 4, 1), 1);    /* and the socket lives */
    assert_int_equal(via_epoll_destroy(set), 0);
}

static void silent_neighbour_is_an_event_of_the_connected_sender(void **state) {
    via_sock_t s = desk_connected(b, A ":53", "10.0.1.99:9");
    struct via_epoll *set;
    struct via_event ev[4];

    (void)state;
    assert_int_equal(via_epoll_create(b->st, NULL, &set), 0);
    assert_int_equal(via_epoll_ctl(set, VIA_EPOLL_ADD, s, VIA_EV_ERR, 5), 0);
    assert_int_equal(desk_send(b, s, NULL, 4, 1), 1);
    desk_wait(b, 5 * VIA_SEC);
    assert_int_equal(via_epoll_poll(set, ev, 4, 0), 1);
    assert_int_equal(ev[0].what, VIA_EV_ERR);
    assert_int_equal(ev[0].reason, -EHOSTUNREACH);
    assert_int_equal(ev[0].seq, 0); /* no packet caused it */
    assert_int_equal(get_int(s, VIA_OPT_REASON), -EHOSTUNREACH);
    assert_int_equal(via_epoll_destroy(set), 0);
}

static void path_mtu_is_learned_from_routers(void **state) {
    struct via_route r = {
        .dst = via_addr_from4(0), .gateway = desk_ep("10.0.1.9:1").addr, .iface = 1, .family = VIA_AF_4};
    via_sock_t s, t = desk_open(b, A ":54");
    uint64_t before;

    (void)state;
    assert_int_equal(via_ctrl_route(b->st, VIA_CTRL_ADD, &r), 0);
    s = desk_connected(b, A ":53", "192.0.2.5:9");
    assert_int_equal(get_int(s, VIA_OPT_MTU), 1500);
    assert_int_equal(desk_send(b, s, NULL, 1400, 1), 1);
    desk_poll(b);
    assert_true(desk_too_big(b, 1, desk_sent(b, 1, b->port[1].sent_n - 1), 1000));
    desk_poll(b);
    assert_int_equal(get_int(s, VIA_OPT_MTU), 1000);
    before = b->port[1].sent_n;
    assert_int_equal(desk_send(b, s, NULL, 1400, 1), 1);
    assert_int_equal(b->port[1].sent_n, before + 2); /* in two pieces now */
    assert_int_equal(set_int(s, VIA_OPT_DF, 1), 0);
    assert_refused(desk_send(b, s, NULL, 1400, 1), -EMSGSIZE);
    /* An unconnected sender too: about who it sent to, and nobody else. */
    assert_int_equal(desk_send(b, t, "192.0.2.7:9", 1400, 1), 1);
    assert_true(desk_too_big(b, 1, desk_sent(b, 1, b->port[1].sent_n - 1), 900));
    desk_poll(b);
    assert_int_equal(desk_send(b, t, "192.0.2.7:9", 1400, 1), 1);
    assert_int_equal(b->port[1].sent_n, before + 5);
    assert_int_equal(desk_send(b, t, "192.0.2.8:9", 1400, 1), 1);
    assert_int_equal(b->port[1].sent_n, before + 6);
}

static void queue_has_its_limit_and_counts(void **state) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    uint64_t drops;
    size_t n = sizeof drops;
    via_sock_t s;
    int i;

    (void)state;
    conf.rcvbuf = 3;
    assert_int_equal(open_ep(&conf, desk_ep(A ":53"), &s), 0);
    for (i = 0; i < 5; i++)
        assert_true(desk_dgram(b, 1, PEER ":9", A ":53", "abcd", 4));
    desk_poll(b);
    assert_int_equal(get_int(s, VIA_OPT_QUEUED), 3);
    assert_int_equal(via_sock_getopt(b->st, s, VIA_OPT_DROPS, &drops, &n), 0);
    assert_int_equal(drops, 2);
    assert_int_equal(desk_drops(b, "UDP_QUEUE"), 2);
    assert_int_equal(set_int(s, VIA_OPT_RCVBUF, 4), 0);
    assert_true(desk_dgram(b, 1, PEER ":9", A ":53", "abcd", 4));
    desk_poll(b);
    assert_int_equal(get_int(s, VIA_OPT_QUEUED), 4);
}

static void received_datagram_says_all_about_itself(void **state) {
    via_sock_t s = desk_open(b, "0.0.0.0:53");
    struct via_dgram d[2];
    uint64_t arrivals;

    (void)state;
    assert_true(desk_dgram_at(b, 2, "10.0.2.2:9", "10.0.2.1:53", 77, b->now - 5));
    desk_poll(b);
    arrivals = desk_stat(b, "stack", "arrivals");
    assert_int_equal(via_udp_recv(b->st, s, d, 2), 1);
    assert_int_equal(d[0].bytes, 4);
    assert_int_equal(d[0].seg.len, 4);
    assert_int_equal(d[0].seg.more, 0);
    assert_memory_equal(d[0].seg.data, &(uint32_t){77}, 4);
    assert_int_equal(d[0].iface, 2);
    assert_int_equal(d[0].flags, 0);
    assert_int_equal(d[0].seq, arrivals);
    assert_int_equal(d[0].ts, b->now - 1005);
    assert_memory_equal(&d[0].peer, &(struct via_ep[]){desk_ep("10.0.2.2:9")}, sizeof d[0].peer);
    assert_memory_equal(&d[0].local, &(struct via_ep[]){desk_ep("10.0.2.1:53")}, sizeof d[0].local);
    via_buf_release(b->st, &d[0].seg.buf, 1);
    assert_int_equal(via_udp_recv(b->st, s, d, 2), -EAGAIN);
    assert_refused(via_udp_recv(b->st, s, NULL, 2), -EINVAL);
    assert_refused(via_udp_recv(b->st, s, d, 0), -EINVAL);
}

static void copying_receive_cuts_and_says_so(void **state) {
    via_sock_t s = desk_open(b, A ":53");
    struct via_ep from;
    char data[8] = "zzzzzzz";

    (void)state;
    assert_true(desk_dgram(b, 1, PEER ":9", A ":53", "abcdef", 6));
    assert_true(desk_dgram(b, 1, PEER ":10", A ":53", "", 0));
    desk_poll(b);
    assert_int_equal(via_udp_read(b->st, s, data, 3, &from), 6);
    assert_string_equal(data, "abczzzz");
    assert_int_equal(from.port, 9);
    assert_int_equal(via_udp_read(b->st, s, NULL, 0, &from), 0);
    assert_int_equal(from.port, 10);
    assert_refused(via_udp_read(b->st, s, NULL, 5, &from), -EINVAL);
    assert_int_equal(via_udp_read(b->st, s, data, 3, &from), -EAGAIN);
    assert_int_equal(desk_stat(b, "udp", "rx_copied_bytes"), 3);
}

/* A driver that takes only what is named. */
static int set_up_steering(void **state) {
    (void)state;
    b = desk_new_as(2, "frames=1024", VIA_VI_STEERS, 1500);
    return 0;
}

/* Port filters of an interface; those for that port, if it is not 0. */
static uint32_t port_filters(uint32_t n, uint16_t port) {
    uint32_t i, count = 0;

    for (i = 0; i < b->port[n].filters; i++) {
        const struct via_filter *f = &b->port[n].filter[i];

        count += f->kind == VIA_FILTER_PORT && f->proto == IPPROTO_UDP && (!port || f->port == port);
    }
    return count;
}

static void sockets_are_steered_to_by_their_ports(void **state) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    via_sock_t s = desk_open(b, "0.0.0.0:53"), t;

    (void)state;
    assert_int_equal(port_filters(1, 53), 1);
    assert_int_equal(port_filters(2, 53), 1);
    conf.iface = 2;
    assert_int_equal(open_ep(&conf, desk_ep("0.0.0.0:54"), &t), 0);
    assert_int_equal(port_filters(1, 54), 0); /* bound to the other interface */
    assert_int_equal(port_filters(2, 54), 1);
    via_sock_close(b->st, s, 0);
    via_sock_close(b->st, t, 0);
    assert_int_equal(port_filters(1, 0) + port_filters(2, 0), 0);
}

static void connecting_changes_no_filter(void **state) {
    via_sock_t s = desk_connected(b, "0.0.0.0:53", PEER ":9");

    (void)state;
    assert_int_equal(port_filters(1, 0), 1);
    assert_int_equal(via_udp_connect(b->st, s, NULL), 0);
    assert_int_equal(port_filters(1, 0), 1);
    assert_int_equal(connect_to(s, PEER ":9"), 0);
    via_sock_close(b->st, s, 0);
    assert_int_equal(port_filters(1, 0) + port_filters(2, 0), 0);
}

static void sharing_sockets_share_their_filter(void **state) {
    via_sock_t s = desk_open_as(b, "0.0.0.0:53", VIA_UDP_REUSE), t = desk_open_as(b, "0.0.0.0:53", VIA_UDP_REUSE);

    (void)state;
    assert_int_equal(port_filters(1, 0), 1);
    assert_int_equal(connect_to(t, PEER ":9"), 0);
    via_sock_close(b->st, s, 0);
    assert_int_equal(port_filters(1, 0), 1);
    via_sock_close(b->st, t, 0);
    assert_int_equal(port_filters(1, 0), 0);
}

static void interface_that_comes_later_is_told_of_all_sockets(void **state) {
    via_sock_t s = desk_open(b, "0.0.0.0:53"), t = desk_open(b, "10.0.1.1:54");

    (void)state;
    desk_plug(b);
    assert_int_equal(port_filters(3, 53), 1);
    assert_int_equal(port_filters(3, 54), 1);
    via_sock_close(b->st, s, 0);
    via_sock_close(b->st, t, 0);
    assert_int_equal(port_filters(3, 0), 0);
}

#define STEERING(fn) cmocka_unit_test_setup_teardown(fn, set_up_steering, tear_down)
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(open_refuses_bad_arguments),
        CASE(end_point_belongs_to_one_unless_all_share),
        CASE(interfaces_have_end_points_of_their_own),
        CASE(bound_port_stays_taken_while_connected),
        CASE(ephemeral_ports_are_distinct_and_run_out),
        CASE(sockets_run_out_and_come_back),
        CASE(wildcards_take_their_families),
        CASE(wildcards_of_both_families_exclude_each_other),
        CASE(ephemeral_port_is_free_in_both_families),
        CASE(more_exact_binding_gets_the_datagram),
        CASE(connected_socket_hears_its_peer_alone),
        CASE(disconnecting_restores_what_was_bound),
        CASE(connect_refuses_what_cannot_be),
        CASE(pair_of_end_points_belongs_to_one),
        CASE(every_call_refuses_a_stale_handle),
        CASE(options_have_ranges_and_defaults),
        CASE(some_options_are_read_only),
        CASE(hop_limit_and_class_are_seen_on_the_wire),
        CASE(user_pointer_is_kept_and_swapped),
        CASE(refused_connection_is_an_event_of_the_connected_sender),
        CASE(silent_neighbour_is_an_event_of_the_connected_sender),
        CASE(path_mtu_is_learned_from_routers),
        CASE(queue_has_its_limit_and_counts),
        CASE(received_datagram_says_all_about_itself),
        CASE(copying_receive_cuts_and_says_so),
        STEERING(sockets_are_steered_to_by_their_ports),
        STEERING(connecting_changes_no_filter),
        STEERING(sharing_sockets_share_their_filter),
        STEERING(interface_that_comes_later_is_told_of_all_sockets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
