/* SPDX-License-Identifier: BSD-2-Clause */
/* Drivers that need no kernel, held to the contract by the suite that others can use for theirs. */
#include "vi/drivers.h"
#include "vi/mem.h"
#include "vi_rig.h"

#include <viaduct/vi_check.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* A cable, perhaps with a wrapper in front of the end under test. */
struct link {
    const struct via_vi_ops *wrapper;
    const char *args;
    uint32_t mtu;
    bool fences;
    struct via_mem_cable *cable;
    struct via_vi_dev inner;
    unsigned passed, skipped;
};

static int open_end(struct link *l, struct via_vi_dev *d, unsigned end) {
    d->ops = &via_vi_mem;
    d->priv = via_mem_cable_end(l->cable, end);
    return d->ops->open(d, "");
}

static int open_link(void *arg, struct via_vi_dev *dev[2]) {
    struct link *l = arg;
    struct via_mem_conf conf = {.ring = dev[0]->rx_ring, .mtu = l->mtu, .fences = l->fences};
    int err = via_mem_cable_new(&conf, &l->cable);

    if (err < 0)
        return err;
    err = open_end(l, dev[1], 1);
    if (!l->wrapper)
        return err ? err : open_end(l, dev[0], 0);
    l->inner = *dev[0];
    err = err ? err : open_end(l, &l->inner, 0);
    dev[0]->ops = l->wrapper;
    dev[0]->inner = &l->inner;
    return err ? err : dev[0]->ops->open(dev[0], l->args);
}

static void close_link(void *arg, struct via_vi_dev *dev[2]) {
    struct link *l = arg;

    dev[0]->ops->close(dev[0]);
    if (l->wrapper)
        l->inner.ops->close(&l->inner);
    dev[1]->ops->close(dev[1]);
    via_mem_cable_release(l->cable);
}

static void count(void *arg, const char *name, enum via_vi_verdict verdict, const char *sentence) {
    struct link *l = arg;

    l->passed += verdict == VIA_VI_PASSED;
    l->skipped += verdict == VIA_VI_NOT_APPLICABLE;
    if (verdict == VIA_VI_FAILED)
        print_error("%s: %s\n", name, sentence);
}

static void check_link(struct link *l, unsigned skipped) {
    struct via_vi_check_conf conf = VIA_VI_CHECK_INIT;

    conf.open = open_link;
    conf.close = close_link;
    conf.report = count;
    conf.arg = l;
    assert_int_equal(via_vi_check(&conf), 0);
    assert_int_equal(l->skipped, skipped);
    assert_in_range(l->passed, 20, 100);
}

static void memory_cable_conforms(void **state) {
    struct link l = {.mtu = 1500}, jumbo = {.mtu = 9000}, fences = {.mtu = 65535, .fences = true};

    (void)state;
    check_link(&l, 2);      /* no kick, and no packet is larger than a frame */
    check_link(&jumbo, 1);  /* no kick */
    check_link(&fences, 1); /* no kick */
}

static void fault_without_faults_conforms(void **state) {
    struct link l = {.wrapper = &via_vi_fault, .args = "", .mtu = 9000};

    (void)state;
    check_link(&l, 0);
}

static void fault_that_looks_at_everything_conforms(void **state) {
    struct link l = {.wrapper = &via_vi_fault, .args = "rate=1000000g", .mtu = 9000};

    (void)state;
    check_link(&l, 0);
}

static void capture_conforms(void **state) {
    struct link l = {.wrapper = &via_vi_pcap, .args = "/dev/null", .mtu = 9000};

    (void)state;
    check_link(&l, 0);
}

/* One end is the suite's; the other is fed and read by hand, as a test bench for real hardware would. */
struct one_end {
    struct link link; /* first: count() gets this too */
    struct vi_rig far;
};

static int open_one_end(void *arg, struct via_vi_dev *dev[2]) {
    struct one_end *o = arg;
    struct via_mem_conf conf = {.ring = 64, .mtu = 1500};

    assert_int_equal(via_mem_cable_new(&conf, &o->link.cable), 0);
    vi_rig_init(&o->far, &via_vi_mem, 256, 2048);
    assert_int_equal(open_end(&o->link, &o->far.dev, 1), 0);
    vi_rig_fill(&o->far, 64);
    return open_end(&o->link, dev[0], 0);
}

static void close_one_end(void *arg, struct via_vi_dev *dev[2]) {
    struct one_end *o = arg;

    via_vi_mem.close(dev[0]);
    via_vi_mem.close(&o->far.dev);
    vi_rig_fini(&o->far);
    via_mem_cable_release(o->link.cable);
}

static int inject(void *arg, const void *frame, size_t len) {
    struct one_end *o = arg;
    struct via_frame f;
    unsigned went;

    vi_rig_reap(&o->far);
    f = vi_rig_frame(&o->far, (uint32_t)len, 0);
    memcpy(vi_rig_data(&o->far, &f), frame, len);
    went = vi_rig_send(&o->far, &f, 1);
    vi_rig_free(&o->far, &f, 1 - went);
    return went ? 0 : -EAGAIN;
}

static ssize_t collect(void *arg, void *frame, size_t room) {
    struct one_end *o = arg;
    struct via_frame f;

    if (!vi_rig_recv(&o->far, &f, 1))
        return 0;
    assert_true(f.len <= room);
    memcpy(frame, vi_rig_data(&o->far, &f), f.len);
    vi_rig_free(&o->far, &f, 1);
    vi_rig_fill(&o->far, 1);
    return f.len;
}

static void one_end_is_enough(void **state) {
    struct via_vi_check_conf conf = VIA_VI_CHECK_INIT;
    static struct one_end o;

    (void)state;
    conf.ends = 1;
    conf.open = open_one_end;
    conf.close = close_one_end;
    conf.inject = inject;
    conf.collect = collect;
    conf.report = count;
    conf.arg = &o;
    assert_int_equal(via_vi_check(&conf), 0);
    assert_int_equal(o.link.skipped, 2); /* no kick, and no packet is larger than a frame */
}

static int open_null(void *arg, struct via_vi_dev *dev[2]) {
    (void)arg;
    assert_null(dev[1]);
    dev[0]->ops = &via_vi_null;
    return via_vi_null.open(dev[0], "");
}

static void null_conforms_as_far_as_one_can_see(void **state) {
    struct via_vi_check_conf conf = VIA_VI_CHECK_INIT;
    struct link l = {0};

    (void)state;
    conf.ends = 1;
    conf.open = open_null;
    conf.report = count;
    conf.arg = &l;
    assert_int_equal(via_vi_check(&conf), 0);
    assert_in_range(l.passed, 5, 100);
}

static void conf_without_sense_is_refused(void **state) {
    struct via_vi_check_conf conf = VIA_VI_CHECK_INIT;

    (void)state;
    assert_int_equal(via_vi_check(NULL), -EINVAL);
    assert_int_equal(via_vi_check(&conf), -EINVAL);
    conf.open = open_null;
    conf.ends = 3;
    assert_int_equal(via_vi_check(&conf), -EINVAL);
    conf.ends = 1;
    conf.only = "no_such_case";
    assert_int_equal(via_vi_check(&conf), -ENOENT);
}

/* Drivers with one fault each, in front of a cable: what the suite is worth. */
enum flaw {
    KEEPS_A_FRAME,
    TWICE_THE_SAME,
    FORGETS_TO_WAKE,
    FLIPS_A_BIT,
    SWAPS_TWO,
    SPLITS_CHAINS,
    TAKES_PARTS,
    SHORTENS,
    LEAVES_HEADROOM_OUT,
    LOSES_WHAT_IS_SENT,
    PENDING_LIES,
    COUNTS_TIME,
    FLAWS
};

static enum flaw flaw_of(const struct via_vi_dev *dev) {
    return (enum flaw)(uintptr_t)dev->priv;
}

static int flawed_open(struct via_vi_dev *dev, const char *args) {
    dev->priv = (void *)(uintptr_t)(args[0] - 'a');
    memcpy(dev->mac, dev->inner->mac, 6);
    dev->mtu = dev->inner->mtu;
    dev->caps = dev->inner->caps & ~(flaw_of(dev) == LOSES_WHAT_IS_SENT ? (uint32_t)VIA_VI_SYNC : 0u);
    return 0;
}

static void flawed_close(struct via_vi_dev *dev) {
    (void)dev;
}

static unsigned flawed_rx(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    enum flaw flaw = flaw_of(dev);
    unsigned got = dev->inner->ops->rx_burst(dev->inner, v, flaw == SPLITS_CHAINS && n > 3 ? 3 : n);

    if (!got)
        return 0;
    if (flaw == KEEPS_A_FRAME && got > 1)
        got--;
    if (flaw == TWICE_THE_SAME && got > 1)
        v[got - 1].addr = v[0].addr;
    if (flaw == FLIPS_A_BIT && v[0].len == 1000)
        dev->mem[v[0].addr + 999] ^= 1;
    if (flaw == SHORTENS && v[0].len == 1000)
        v[0].len--;
    if (flaw == LEAVES_HEADROOM_OUT && dev->headroom > 256)
        v[0].addr = v[0].addr / dev->frame_size * dev->frame_size;
    if (flaw == SWAPS_TWO && got > 1) {
        struct via_frame f = v[0];

        v[0] = v[1];
        v[1] = f;
    }
    return got;
}

static unsigned flawed_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    return dev->inner->ops->rx_fill(dev->inner, addr, n);
}

static unsigned flawed_tx(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct via_frame part[64];

    if (flaw_of(dev) != TAKES_PARTS || !n || n > 64)
        return dev->inner->ops->tx_burst(dev->inner, v, n);
    memcpy(part, v, n * sizeof *v);
    part[n - 1].flags &= (uint16_t)~VIA_FRAME_MORE;
    return dev->inner->ops->tx_burst(dev->inner, part, n);
}

static unsigned flawed_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    return dev->inner->ops->tx_reap(dev->inner, addr, n);
}

static int flawed_arm(struct via_vi_dev *dev) {
    return flaw_of(dev) == FORGETS_TO_WAKE ? 0 : dev->inner->ops->arm(dev->inner);
}

static void flawed_disarm(struct via_vi_dev *dev) {
    dev->inner->ops->disarm(dev->inner);
}

static unsigned flawed_fds(struct via_vi_dev *dev, int *fd, unsigned n) {
    return dev->inner->ops->fds(dev->inner, fd, n);
}

static bool flawed_pending(const struct via_vi_dev *dev) {
    return flaw_of(dev) == PENDING_LIES || dev->inner->ops->pending(dev->inner);
}

static void flawed_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    if (flaw_of(dev) == COUNTS_TIME)
        s->tx_frames += *dev->now;
}

static const struct via_vi_ops flawed = {
    .name = "flawed",
    .open = flawed_open,
    .close = flawed_close,
    .rx_burst = flawed_rx,
    .rx_fill = flawed_fill,
    .tx_burst = flawed_tx,
    .tx_reap = flawed_reap,
    .arm = flawed_arm,
    .disarm = flawed_disarm,
    .fds = flawed_fds,
    .pending = flawed_pending,
    .stats = flawed_stats,
};

struct findings {
    struct link link; /* first: open_link() gets this too */
    char names[1024];
};

static void note(void *arg, const char *name, enum via_vi_verdict verdict, const char *sentence) {
    struct findings *f = arg;
    size_t at = strlen(f->names);

    if (verdict == VIA_VI_FAILED && sentence[0])
        snprintf(f->names + at, sizeof f->names - at, "%s ", name);
}

static void every_flaw_is_found_by_its_case(void **state) {
    static const char *const found_by[FLAWS] = {
        [KEEPS_A_FRAME] = "bursts_are_received_in_order",
        [TWICE_THE_SAME] = "bursts_are_received_in_order",
        [FORGETS_TO_WAKE] = "descriptor_wakes_an_armed_device",
        [FLIPS_A_BIT] = "every_length_is_received_unchanged",
        [SWAPS_TWO] = "bursts_are_received_in_order",
        [SPLITS_CHAINS] = "chains_are_received_whole",
        [TAKES_PARTS] = "chains_are_sent_whole",
        [SHORTENS] = "every_length_is_received_unchanged",
        [LEAVES_HEADROOM_OUT] = "larger_headroom_is_respected",
        [LOSES_WHAT_IS_SENT] = "every_frame_is_accounted_for",
        [PENDING_LIES] = "pending_agrees_with_the_rings",
        [COUNTS_TIME] = "counters_count",
    };

    (void)state;
    for (unsigned i = 0; i < FLAWS; i++) {
        struct via_vi_check_conf conf = VIA_VI_CHECK_INIT;
        char args[2] = {(char)('a' + i), '\0'};
        struct findings f = {.link = {.wrapper = &flawed, .args = args, .mtu = 9000}};

        conf.open = open_link;
        conf.close = close_link;
        conf.report = note;
        conf.arg = &f;
        via_vi_check(&conf);
        if (!strstr(f.names, found_by[i]))
            fail_msg("flaw %u is found by %s, not by %s", i, f.names, found_by[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_cable_conforms),
        cmocka_unit_test(fault_without_faults_conforms),
        cmocka_unit_test(fault_that_looks_at_everything_conforms),
        cmocka_unit_test(capture_conforms),
        cmocka_unit_test(one_end_is_enough),
        cmocka_unit_test(null_conforms_as_far_as_one_can_see),
        cmocka_unit_test(conf_without_sense_is_refused),
        cmocka_unit_test(every_flaw_is_found_by_its_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
