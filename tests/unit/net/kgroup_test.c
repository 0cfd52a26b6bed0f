/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kgroup_test.c - groups that the kernel tells routers of (attribute mcast_by). In a network namespace of its own, with
 * a pair of virtual Ethernet interfaces of which "via0" is below ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_rig.h"

#include "net/kgroup.h"
#include "net/state.h"

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void run(const char *line) {
    if (system(line))
        fail_msg("failed: %s", line);
}

static struct via_attrs by_kernel(void) {
    struct via_attrs a = rig_attrs();

    a.mcast_by = 1;
    a.accept_ra = 0; /* nor are routers asked for */
    return a;
}

static int setup(void **state) {
    struct via_attrs a = by_kernel();

    run("ip link add via0 mtu 1500 type veth peer name via1");
    run("ip link set via1 up && ip link set via0 up");
    run("ip addr add 10.7.0.1/24 dev via0");
    *state = rig_bare_on(&a, 1, "via0");
    rig_clear(*state);
    return 0;
}

static int teardown(void **state) {
    rig_end(*state);
    if (if_nametoindex("via0"))
        run("ip link del via0");
    return 0;
}

/* Lines of a file of /proc that hold all three words. */
static unsigned count_lines(const char *path, const char *a, const char *b, const char *c) {
    char line[512];
    FILE *f = fopen(path, "r");
    unsigned n = 0;

    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        n += strstr(line, a) && strstr(line, b) && strstr(line, c);
    fclose(f);
    return n;
}

/* What the kernel has of 239.1.2.3 from 10.7.0.9, and of ff05::77. */
static bool kernel_has4(void) {
    return count_lines("/proc/thread-self/net/igmp", "030201EF", "", "") == 1;
}

static unsigned kernel_sources4(const char *source) {
    return count_lines("/proc/thread-self/net/mcfilter", "0xef010203", source, "via0");
}

static bool kernel_has6(void) {
    return count_lines("/proc/thread-self/net/igmp6", "via0", "ff050000000000000000000000000077", "") == 1;
}

static int join(struct net_rig *r, const char *group, const char *source) {
    struct via_addr g = rig_addr(group), s = source ? rig_addr(source) : (struct via_addr){{0}};

    return via_net_join(&r->core, 1, &g, &s);
}

static void leave(struct net_rig *r, const char *group, const char *source) {
    struct via_addr g = rig_addr(group), s = source ? rig_addr(source) : (struct via_addr){{0}};

    via_net_leave(&r->core, 1, &g, &s);
}

/* Time for every report that we could think of. */
static void expect_silence(struct net_rig *r) {
    rig_wait(r, 30 * VIA_SEC);
    rig_flush(r);
    assert_int_equal(r->sent_count, 0);
}

static void kernel_joins_and_leaves_with_the_first_and_last_member(void **state) {
    struct net_rig *r = *state;

    assert_int_equal(join(r, "239.1.2.3", NULL), 1);
    assert_true(kernel_has4());
    assert_int_equal(join(r, "239.1.2.3", NULL), 1);
    assert_int_equal(join(r, "ff05::77", NULL), 1);
    assert_true(kernel_has6());
    leave(r, "239.1.2.3", NULL);
    assert_true(kernel_has4());
    leave(r, "239.1.2.3", NULL);
    assert_false(kernel_has4());
    assert_true(kernel_has6());
    leave(r, "ff05::77", NULL);
    assert_false(kernel_has6());
    expect_silence(r);
}

static void we_still_take_what_is_sent_to_the_group(void **state) {
    struct net_rig *r = *state;
    struct via_addr g = rig_addr("239.1.2.3"), one = rig_addr("10.7.0.9"), two = rig_addr("10.7.0.8");

    assert_int_equal(join(r, "239.1.2.3", "10.7.0.9"), 1);
    assert_true(via_mcast_wants(&r->core, 1, &g, &one));
    assert_false(via_mcast_wants(&r->core, 1, &g, &two));
}

static void kernel_has_the_sources_that_are_wanted(void **state) {
    struct net_rig *r = *state;

    assert_int_equal(join(r, "239.1.2.3", "10.7.0.9"), 1);
    assert_int_equal(join(r, "239.1.2.3", "10.7.0.8"), 1);
    assert_int_equal(kernel_sources4("0x0a070009"), 1);
    assert_int_equal(kernel_sources4("0x0a070008"), 1);
    leave(r, "239.1.2.3", "10.7.0.9");
    assert_int_equal(kernel_sources4("0x0a070009"), 0);
    assert_int_equal(kernel_sources4("0x0a070008"), 1);
    assert_int_equal(join(r, "239.1.2.3", NULL), 1); /* from anybody: no sources any more */
    assert_int_equal(kernel_sources4("0x0a070008"), 0);
    assert_true(kernel_has4());
    leave(r, "239.1.2.3", NULL);
    assert_int_equal(kernel_sources4("0x0a070008"), 1);
    leave(r, "239.1.2.3", "10.7.0.8");
    assert_false(kernel_has4());
    expect_silence(r);
}

static void more_sources_than_the_kernel_keeps_are_all(void **state) {
    struct net_rig *r = *state;
    char text[32];
    int i;

    for (i = 1; i <= 70; i++) {
        snprintf(text, sizeof text, "10.7.0.%d", i);
        assert_int_equal(join(r, "239.1.2.3", text), 1);
    }
    assert_true(kernel_has4());
    assert_int_equal(kernel_sources4("0x"), 0);
    for (i = 1; i <= 69; i++) {
        snprintf(text, sizeof text, "10.7.0.%d", i);
        leave(r, "239.1.2.3", text);
    }
    assert_int_equal(kernel_sources4("0x0a070046"), 1);
    expect_silence(r);
}

static void queries_are_the_kernels_to_answer(void **state) {
    struct net_rig *r = *state;
    struct via_ip_head h = rig_head("10.7.0.9", "224.0.0.1", IPPROTO_IGMP);
    uint8_t b[128], query[12] = {0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0};

    assert_int_equal(join(r, "239.1.2.3", NULL), 1);
    via_store16(query + 2, via_sum_end(via_sum_add(0, query, sizeof query)));
    h.ttl = 1;
    rig_input(r, b, rig_ip_frame(b, &h, query, sizeof query));
    expect_silence(r);
}

static void interface_that_goes_leaves_its_groups(void **state) {
    struct net_rig *r = *state;

    assert_int_equal(join(r, "239.1.2.3", NULL), 1);
    via_mcast_forget(&r->core, 1);
    assert_false(kernel_has4());
    assert_int_equal(join(r, "239.1.2.3", NULL), 1);
    via_kgroup_fini(&r->core); /* as does the end of the stack */
    assert_false(kernel_has4());
}

/* No interface of the kernel's below, or none that it lets join: then routers hear of it from us. */
static void where_the_kernel_cannot_we_tell_ourselves(void **state) {
    struct net_rig *r = *state;

    r->core.net->iface.at[1].ifindex = 9999;
    assert_int_equal(join(r, "239.1.2.3", NULL), 1);
    assert_false(kernel_has4());
    rig_wait(r, 30 * VIA_SEC);
    rig_flush(r);
    assert_true(r->sent_count >= 1);
    leave(r, "239.1.2.3", NULL);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(kernel_joins_and_leaves_with_the_first_and_last_member),
        T(we_still_take_what_is_sent_to_the_group),
        T(kernel_has_the_sources_that_are_wanted),
        T(more_sources_than_the_kernel_keeps_are_all),
        T(queries_are_the_kernels_to_answer),
        T(interface_that_goes_leaves_its_groups),
        T(where_the_kernel_cannot_we_tell_ourselves),
    };

    if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up")) {
        printf("skipped: no right to make a network namespace\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
