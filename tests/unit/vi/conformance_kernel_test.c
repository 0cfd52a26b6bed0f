/* SPDX-License-Identifier: BSD-2-Clause */
/* Drivers that need a kernel, held to the contract by the suite that others can use for theirs. */
#include "rig.h"

#include <viaduct/vi_check.h>

/* Two drivers over a link that is made anew for each case. */
struct link {
    const struct via_vi_ops *ops[2];
    const char *args[2];
    const char *up, *down; /* commands of the shell, %u: the MTU */
    unsigned mtu, passed, skipped;
};

#define VETH                                                                                                           \
    .up = "ip link add va0 mtu %u type veth peer name va1 && ip link set va1 mtu %u && ip link set va0 up && ip link " \
          "set va1 up",                                                                                                \
    .down = "ip link del va0 2>/dev/null; true"

static int open_end(const struct link *l, struct via_vi_dev *dev, int end) {
    dev->ops = l->ops[end];
    return dev->ops->open(dev, l->args[end]);
}

static int open_link(void *arg, struct via_vi_dev *dev[2]) {
    const struct link *l = arg;
    int err;

    rig_run("%s", l->down);
    if (*l->up)
        rig_run(l->up, l->mtu, l->mtu);
    err = open_end(l, dev[0], 0);
    if (err)
        return err;
    err = open_end(l, dev[1], 1);
    if (err)
        dev[0]->ops->close(dev[0]);
    return err;
}

static void count(void *arg, const char *name, enum via_vi_verdict verdict, const char *sentence) {
    struct link *l = arg;

    l->passed += verdict == VIA_VI_PASSED;
    l->skipped += verdict == VIA_VI_NOT_APPLICABLE;
    if (verdict != VIA_VI_PASSED)
        print_message("%s: %s: %s\n", name, verdict == VIA_VI_FAILED ? "failed" : "not applicable", sentence);
}

static void check_link(struct link *l, unsigned skipped) {
    struct via_vi_check_conf conf = VIA_VI_CHECK_INIT;

    conf.open = open_link;
    conf.report = count;
    conf.arg = l;
    conf.wait_ms = 100; /* a drain waits as long, so no more than that */
    assert_int_equal(via_vi_check(&conf), 0);
    assert_int_equal(l->skipped, skipped);
    assert_in_range(l->passed, 20, 100);
    rig_run("%s", l->down);
}

static void packet_conforms(void **state) {
    struct link l = {.ops = {&via_vi_packet, &via_vi_packet}, .args = {"va0", "va1"}, VETH, .mtu = 9000};

    (void)state;
    check_link(&l, 0);
}

static void xdp_in_native_mode_conforms(void **state) {
    struct link l = {.ops = {&via_vi_xdp, &via_vi_packet}, .args = {"va0:mode=native", "va1"}, VETH, .mtu = 9000};

    (void)state;
    check_link(&l, 0);
}

static void xdp_in_generic_mode_conforms(void **state) {
    struct link l = {
        .ops = {&via_vi_xdp, &via_vi_xdp}, .args = {"va0:mode=generic", "va1:mode=generic"}, VETH, .mtu = 9000};

    (void)state;
    check_link(&l, 0);
}

static void tap_conforms(void **state) {
    struct link l = {.ops = {&via_vi_tap, &via_vi_packet}, .args = {"via0:mtu=9000", "via0"}, .up = "", .down = "true"};

    (void)state;
    check_link(&l, 1); /* it cannot tell what is pending without a system call */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_conforms),
        cmocka_unit_test(xdp_in_native_mode_conforms),
        cmocka_unit_test(xdp_in_generic_mode_conforms),
        cmocka_unit_test(tap_conforms),
    };

    if (!rig_namespace())
        return rig_skipped();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
