/* SPDX-License-Identifier: BSD-2-Clause */
/* In a network namespace of its own, with a pair of virtual Ethernet interfaces: "via0" is ours, "via1" the peer's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_rig.h"

#include "net/mirror.h"
#include "net/state.h"

#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

VIA_PRINTF(1, 2) static void run(const char *text, ...) {
    char line[512];
    va_list ap;

    va_start(ap, text);
    vsnprintf(line, sizeof line, text, ap);
    va_end(ap);
    if (system(line))
        fail_msg("failed: %s", line);
}

static int setup(void **state) {
    run("ip link add via0 mtu 1500 type veth peer name via1");
    run("ip link set via1 up && ip link set via0 up");
    *state = rig_bare_on(NULL, 1, "via0");
    return 0;
}

static int teardown(void **state) {
    rig_end(*state);
    if (if_nametoindex("via0"))
        run("ip link del via0");
    return 0;
}

/* Everything that the kernel has to say comes in. Its dumps follow each other within one poll or two. */
static void hear(struct net_rig *r) {
    int i;

    for (i = 0; i < 20; i++)
        via_mirror_poll(&r->core);
    via_iface_watch(&r->core);
}

/* The kernel looks at carriers when it has time. */
static void expect_link(struct net_rig *r, enum via_link link) {
    int i;

    for (i = 0; i < 50; i++) {
        struct pollfd p = {.fd = via_mirror_fd(&r->core), .events = POLLIN};

        hear(r);
        if (r->vi->dev->link == link)
            return;
        poll(&p, 1, 100);
    }
    assert_int_equal(r->vi->dev->link, link);
}

static const struct via_own *own(struct net_rig *r, const char *text) {
    struct via_addr a = rig_addr(text);

    return via_addr_find(&r->core, &a, 1);
}

/* The kernel tells of IPv6 addresses when its work queue has its turn: state -1 is "gone". */
static void expect_own(struct net_rig *r, const char *text, int state) {
    int i, is = -2;

    for (i = 0; i < 50 && is != state; i++) {
        struct pollfd p = {.fd = via_mirror_fd(&r->core), .events = POLLIN};
        const struct via_own *o;

        hear(r);
        o = own(r, text);
        is = o ? o->state : -1;
        if (is != state)
            poll(&p, 1, 100);
    }
    assert_int_equal(is, state);
}

static bool has_mac(struct net_rig *r, const char *text, const char *mac) {
    struct via_addr a = rig_addr(text);
    const struct via_neigh *n = via_neigh_find(&r->core, 1, &a);
    char got[32];

    if (!n || !via_neigh_has_mac(n))
        return false;
    snprintf(got, sizeof got, "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4],
             n->mac[5]);
    return !mac || !strcmp(got, mac);
}

/* The next hop's address of the way there, all zero: on link; false: there is no way. */
static bool way_to(struct net_rig *r, const char *text, struct via_addr *gateway, uint32_t *mtu) {
    struct via_addr a = rig_addr(text);
    uint32_t id = via_route_find(&r->core, &a, 128);

    if (!id)
        return false;
    *gateway = via_rt_at(&r->core, id)->gateway;
    *mtu = via_rt_at(&r->core, id)->mtu;
    return true;
}

static void expect_gateway(struct net_rig *r, const char *to, const char *by) {
    struct via_addr gateway, wanted = rig_addr(by);
    uint32_t mtu;

    assert_true(way_to(r, to, &gateway, &mtu));
    assert_true(via_addr_eq(&gateway, &wanted));
}

static void expect_no_way(struct net_rig *r, const char *to) {
    struct via_addr gateway;
    uint32_t mtu;

    assert_false(way_to(r, to, &gateway, &mtu));
}

static void follow(struct net_rig *r, unsigned what) {
    assert_int_equal(via_mirror_start(&r->core, "via0", what), 0);
}

static void link_and_mtu_follow_the_kernel_without_being_asked(void **state) {
    struct net_rig *r = *state;
    struct via_note note;

    assert_true(via_mirror_fd(&r->core) >= 0);
    expect_link(r, VIA_LINK_UP);
    while (via_net_note(&r->core, &note))
        ;
    run("ip link set via1 down");
    expect_link(r, VIA_LINK_DOWN);
    assert_true(via_net_note(&r->core, &note));
    assert_int_equal(note.kind, VIA_NOTE_LINK);
    run("ip link set via1 up");
    expect_link(r, VIA_LINK_UP);
    run("ip link set via0 down");
    expect_link(r, VIA_LINK_DOWN);
    run("ip link set via0 up mtu 1400");
    expect_link(r, VIA_LINK_UP);
    hear(r);
    assert_int_equal(r->vi->dev->mtu, 1400);
    assert_int_equal(via_iface_at(&r->core, 1)->mtu, 1400);
    run("ip link set via0 mtu 9000");
    hear(r);
    assert_in_range(r->vi->dev->mtu, 1500, 2048); /* what one frame holds */
}

static void interface_that_is_deleted_is_gone_for_good(void **state) {
    struct net_rig *r = *state;

    run("ip link del via0");
    hear(r);
    assert_int_equal(r->vi->dev->link, VIA_LINK_GONE);
    run("ip link add via0 type veth peer name via1 && ip link set via1 up && ip link set via0 up");
    hear(r);
    assert_int_equal(r->vi->dev->link, VIA_LINK_GONE);
}

static void link_of_another_interface_is_none_of_ours(void **state) {
    struct net_rig *r = *state;

    expect_link(r, VIA_LINK_UP);
    run("ip link add via2 type veth peer name via3 && ip link set via2 up && ip link set via2 down && ip link del via2");
    hear(r);
    assert_int_equal(r->vi->dev->link, VIA_LINK_UP);
}

static void nothing_but_links_is_followed_without_being_asked(void **state) {
    struct net_rig *r = *state;

    run("ip addr add 10.7.0.1/24 dev via0");
    hear(r);
    assert_null(own(r, "10.7.0.1"));
}

static void nonsense_is_refused(void **state) {
    struct net_rig *r = *state;

    assert_int_equal(via_mirror_start(&r->core, "via0", 0), -EINVAL);
    assert_int_equal(via_mirror_start(&r->core, "via0", 8), -EINVAL);
    assert_int_equal(via_mirror_start(&r->core, NULL, VIA_MIRROR_ALL), -EINVAL);
    assert_int_equal(via_mirror_start(&r->core, "via1", VIA_MIRROR_ALL), -ENODEV);
    assert_int_equal(via_mirror_start(&r->core, "lo", VIA_MIRROR_ALL), -ENODEV);
}

static void addresses_are_there_when_the_call_returns(void **state) {
    struct net_rig *r = *state;
    const struct via_own *o;

    run("ip addr add 10.7.0.1/24 dev via0 && ip addr add 2001:db8:7::1/64 dev via0 nodad");
    run("ip addr add 10.8.0.1/24 dev via1");
    follow(r, VIA_MIRROR_ADDRS);
    o = own(r, "10.7.0.1");
    assert_non_null(o);
    assert_int_equal(o->prefix, 24);
    assert_int_equal(o->flags & VIA_ADDR_KERNEL, VIA_ADDR_KERNEL);
    assert_true(via_own_usable(o));
    assert_non_null(own(r, "2001:db8:7::1"));
    assert_null(own(r, "10.8.0.1"));
}

static void addresses_come_and_go_with_the_kernels(void **state) {
    struct net_rig *r = *state;

    follow(r, VIA_MIRROR_ADDRS);
    assert_null(own(r, "10.7.0.1"));
    run("ip addr add 10.7.0.1/24 dev via0 && ip addr add 2001:db8:7::1/64 dev via0 nodad");
    expect_own(r, "10.7.0.1", VIA_ADDR_PREFERRED);
    expect_own(r, "2001:db8:7::1", VIA_ADDR_PREFERRED);
    run("ip addr change 2001:db8:7::1/64 dev via0 preferred_lft 0 valid_lft forever");
    expect_own(r, "2001:db8:7::1", VIA_ADDR_DEPRECATED);
    run("ip addr change 2001:db8:7::1/64 dev via0 preferred_lft forever valid_lft forever");
    expect_own(r, "2001:db8:7::1", VIA_ADDR_PREFERRED);
    run("ip addr del 10.7.0.1/24 dev via0 && ip addr del 2001:db8:7::1/64 dev via0");
    expect_own(r, "10.7.0.1", -1);
    expect_own(r, "2001:db8:7::1", -1);
}

static void address_of_our_own_is_not_taken_away(void **state) {
    struct net_rig *r = *state;
    struct via_ifaddr a = {.addr = rig_addr("10.7.0.1"), .iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};

    assert_int_equal(via_net_addr(&r->core, VIA_CTRL_ADD, &a), 0);
    run("ip addr add 10.7.0.1/24 dev via0");
    follow(r, VIA_MIRROR_ADDRS);
    run("ip addr del 10.7.0.1/24 dev via0");
    hear(r);
    assert_non_null(own(r, "10.7.0.1"));
}

static void tentative_address_of_the_kernel_waits(void **state) {
    struct net_rig *r = *state;

    run("ip link set via1 down"); /* no carrier: detection does not end */
    run("ip addr add 2001:db8:7::1/64 dev via0");
    follow(r, VIA_MIRROR_ADDRS);
    assert_null(own(r, "2001:db8:7::1"));
}

static void routes_come_and_go_with_the_kernels(void **state) {
    struct net_rig *r = *state;
    struct via_addr gateway;
    uint32_t mtu;

    run("ip addr add 10.7.0.1/24 dev via0 && ip addr add 2001:db8:7::1/64 dev via0 nodad");
    run("ip route add default via 10.7.0.9 && ip -6 route add default via 2001:db8:7::9");
    follow(r, VIA_MIRROR_ADDRS | VIA_MIRROR_ROUTES);
    expect_gateway(r, "192.0.2.1", "10.7.0.9");
    expect_gateway(r, "2001:db8:99::1", "2001:db8:7::9");
    run("ip route add 192.0.2.0/24 via 10.7.0.8 mtu 1300 && ip -6 route add 2001:db8:99::/48 via 2001:db8:7::8");
    hear(r);
    assert_true(way_to(r, "192.0.2.1", &gateway, &mtu));
    assert_int_equal(mtu, 1300);
    expect_gateway(r, "192.0.2.1", "10.7.0.8");
    expect_gateway(r, "2001:db8:99::1", "2001:db8:7::8");
    run("ip route replace 192.0.2.0/24 via 10.7.0.7");
    hear(r);
    expect_gateway(r, "192.0.2.1", "10.7.0.7");
    run("ip route del 192.0.2.0/24 && ip -6 route del 2001:db8:99::/48");
    hear(r);
    expect_gateway(r, "192.0.2.1", "10.7.0.9");
    expect_gateway(r, "2001:db8:99::1", "2001:db8:7::9");
    run("ip route del default && ip -6 route del default");
    hear(r);
    expect_no_way(r, "192.0.2.1");
    expect_no_way(r, "2001:db8:99::1");
}

static void routes_of_other_tables_and_kinds_are_not_followed(void **state) {
    struct net_rig *r = *state;

    run("ip addr add 10.7.0.1/24 dev via0 && ip addr add 10.8.0.1/24 dev via1");
    run("ip route add 192.0.2.0/24 via 10.7.0.9 table 77 && ip route add 198.51.100.0/24 via 10.8.0.9");
    run("ip route add blackhole 203.0.113.0/24");
    follow(r, VIA_MIRROR_ADDRS | VIA_MIRROR_ROUTES);
    expect_no_way(r, "192.0.2.1");
    expect_no_way(r, "198.51.100.1");
    expect_no_way(r, "203.0.113.1");
    run("ip route flush table 77; ip route del blackhole 203.0.113.0/24");
}

static void route_over_several_hops_takes_ours(void **state) {
    struct net_rig *r = *state;

    run("ip addr add 10.7.0.1/24 dev via0 && ip addr add 10.8.0.1/24 dev via1");
    follow(r, VIA_MIRROR_ADDRS | VIA_MIRROR_ROUTES);
    run("ip route add 192.0.2.0/24 nexthop via 10.8.0.9 dev via1 nexthop via 10.7.0.9 dev via0");
    hear(r);
    expect_gateway(r, "192.0.2.1", "10.7.0.9");
}

static void neighbours_come_and_go_with_the_kernels(void **state) {
    struct net_rig *r = *state;

    run("ip addr add 10.7.0.1/24 dev via0 && ip addr add 2001:db8:7::1/64 dev via0 nodad");
    run("ip neigh add 10.7.0.2 lladdr 02:00:00:00:00:22 dev via0");
    follow(r, VIA_MIRROR_ALL);
    assert_true(has_mac(r, "10.7.0.2", "02:00:00:00:00:22"));
    run("ip neigh add 2001:db8:7::2 lladdr 02:00:00:00:00:26 dev via0");
    run("ip neigh replace 10.7.0.2 lladdr 02:00:00:00:00:23 dev via0");
    hear(r);
    assert_true(has_mac(r, "10.7.0.2", "02:00:00:00:00:23"));
    assert_true(has_mac(r, "2001:db8:7::2", "02:00:00:00:00:26"));
    run("ip neigh del 10.7.0.2 dev via0 && ip neigh del 2001:db8:7::2 dev via0");
    hear(r);
    assert_false(has_mac(r, "10.7.0.2", NULL));
    assert_false(has_mac(r, "2001:db8:7::2", NULL));
}

/* A process that holds a namespace for the other end of the cable. */
static pid_t other_host(int *ready) {
    int pipes[2];
    pid_t pid;
    char b;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) < 0 || write(pipes[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    *ready = read(pipes[0], &b, 1) == 1;
    close(pipes[0]);
    close(pipes[1]);
    return pid;
}

static bool resolves(struct net_rig *r, const char *text) {
    struct via_addr a = rig_addr(text);
    int i;

    if (!via_mirror_resolve(&r->core, 1, &a))
        return false;
    for (i = 0; i < 100 && !has_mac(r, text, NULL); i++) {
        struct pollfd p = {.fd = via_mirror_fd(&r->core), .events = POLLIN};

        poll(&p, 1, 100);
        via_mirror_poll(&r->core);
    }
    return has_mac(r, text, NULL);
}

static void kernel_resolves_what_the_stack_needs(void **state) {
    struct net_rig *r = *state;
    struct via_addr a = rig_addr("10.7.0.2");
    int ready = 0;
    pid_t pid = other_host(&ready);

    assert_true(ready);
    run("ip link set via1 netns %d && nsenter -t %d -n ip link set via1 up", (int)pid, (int)pid);
    run("nsenter -t %d -n ip addr add 10.7.0.2/24 dev via1", (int)pid);
    run("nsenter -t %d -n ip addr add 2001:db8:7::2/64 dev via1 nodad", (int)pid);
    run("ip addr add 10.7.0.1/24 dev via0 && ip addr add 2001:db8:7::1/64 dev via0 nodad");
    assert_false(via_mirror_resolve(&r->core, 1, &a)); /* not asked to follow neighbours */
    follow(r, VIA_MIRROR_ALL);
    assert_true(resolves(r, "10.7.0.2"));
    assert_true(resolves(r, "2001:db8:7::2"));
    /* Known to the kernel and forgotten by us: told again at once. */
    via_neigh_flush(&r->core, 1, true);
    assert_false(has_mac(r, "10.7.0.2", NULL));
    assert_true(resolves(r, "10.7.0.2"));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    run("i=0; while ip link show via0 > /dev/null 2>&1 && [ $i -lt 50 ]; do i=$((i+1)); sleep 0.1; done");
}

/* What was lost between is asked for anew: what came is there, what went is gone, what stayed was not touched. */
static void overrun_is_made_good_by_a_new_dump(void **state) {
    struct net_rig *r = *state;
    struct via_note note;
    int small = 1, i;
    char text[32];

    run("ip addr add 10.7.0.1/24 dev via0 && ip addr add 10.7.1.1/24 dev via0");
    run("ip route add default via 10.7.0.9");
    run("ip neigh add 10.7.0.2 lladdr 02:00:00:00:00:22 dev via0");
    follow(r, VIA_MIRROR_ALL);
    setsockopt(via_mirror_fd(&r->core), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    while (via_net_note(&r->core, &note))
        ;
    for (i = 10; i < 30; i++)
        run("ip addr add 10.7.2.%d/24 dev via0 && ip neigh add 10.7.0.%d lladdr 02:00:00:00:01:%02x dev via0", i, i, i);
    for (i = 10; i < 20; i++)
        run("ip neigh del 10.7.0.%d dev via0", i);
    run("ip route replace default via 10.7.0.8 && ip addr del 10.7.1.1/24 dev via0");
    hear(r);
    assert_non_null(own(r, "10.7.0.1"));
    assert_null(own(r, "10.7.1.1"));
    expect_gateway(r, "192.0.2.1", "10.7.0.8");
    for (i = 10; i < 30; i++) {
        snprintf(text, sizeof text, "10.7.2.%d", i);
        assert_non_null(own(r, text));
        snprintf(text, sizeof text, "10.7.0.%d", i);
        assert_int_equal(has_mac(r, text, NULL), i >= 20);
    }
    assert_true(has_mac(r, "10.7.0.2", "02:00:00:00:00:22"));
    for (i = 0; via_net_note(&r->core, &note);)
        i += note.kind == VIA_NOTE_ADDR;
    assert_int_equal(i, 1); /* 10.7.1.1, and nobody else */
}

static void many_entries_come_in_several_reads(void **state) {
    struct via_attrs a = rig_attrs();
    struct net_rig *r = *state;
    int i;

    rig_end(r);
    a.max_routes = 2048;
    *state = r = rig_bare_on(&a, 1, "via0");
    run("ip addr add 10.7.0.1/24 dev via0");
    run("for i in $(seq 0 255); do for k in 1 2 3 4; do echo route add 10.$((100+k)).$i.0/24 via 10.7.0.9; done; done | "
        "ip -batch -");
    follow(r, VIA_MIRROR_ADDRS | VIA_MIRROR_ROUTES);
    for (i = 0; i < 256; i++) {
        char text[32];

        snprintf(text, sizeof text, "10.10%d.%d.7", 1 + (i & 3), i);
        expect_gateway(r, text, "10.7.0.9");
    }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(link_and_mtu_follow_the_kernel_without_being_asked),
        T(interface_that_is_deleted_is_gone_for_good),
        T(link_of_another_interface_is_none_of_ours),
        T(nothing_but_links_is_followed_without_being_asked),
        T(nonsense_is_refused),
        T(addresses_are_there_when_the_call_returns),
        T(addresses_come_and_go_with_the_kernels),
        T(address_of_our_own_is_not_taken_away),
        T(tentative_address_of_the_kernel_waits),
        T(routes_come_and_go_with_the_kernels),
        T(routes_of_other_tables_and_kinds_are_not_followed),
        T(route_over_several_hops_takes_ours),
        T(neighbours_come_and_go_with_the_kernels),
        T(kernel_resolves_what_the_stack_needs),
        T(overrun_is_made_good_by_a_new_dump),
        T(many_entries_come_in_several_reads),
    };

    if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up")) {
        printf("skipped: no right to make a network namespace\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
