/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/drivers.h"
#include "vi/mem.h"
#include "vi_rig.h"
#include "wire/eth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* A cable whose end 0 is VLAN 5, while end 1 sees the tags. */
struct bench {
    struct via_mem_cable *cable;
    struct via_vi_dev inner;
    struct vi_rig near, far;
};

static void open_bench(struct bench *b, const char *args) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;

    conf.ring = 64;
    assert_int_equal(via_mem_cable_new(&conf, &b->cable), 0);
    vi_rig_init(&b->near, &via_vi_vlan, 256, 2048);
    vi_rig_init(&b->far, &via_vi_mem, 256, 2048);
    b->inner = b->near.dev;
    b->inner.ops = &via_vi_mem;
    b->inner.priv = via_mem_cable_end(b->cable, 0);
    assert_int_equal(via_vi_mem.open(&b->inner, ""), 0);
    b->far.dev.priv = via_mem_cable_end(b->cable, 1);
    assert_int_equal(via_vi_mem.open(&b->far.dev, ""), 0);
    b->near.dev.inner = &b->inner;
    assert_int_equal(via_vi_vlan.open(&b->near.dev, args), 0);
    vi_rig_fill(&b->near, 48);
    vi_rig_fill(&b->far, 48);
}

static void close_bench(struct bench *b) {
    via_vi_vlan.close(&b->near.dev);
    via_vi_mem.close(&b->inner);
    via_vi_mem.close(&b->far.dev);
    via_mem_cable_release(b->cable);
    vi_rig_fini(&b->near);
    vi_rig_fini(&b->far);
}

static struct via_frame frame_to_near(struct bench *b, bool tagged, uint16_t tci) {
    struct via_frame f = vi_rig_frame(&b->far, 80, 1);
    uint8_t *at = vi_rig_data(&b->far, &f);

    via_put16(at + 12, tagged ? VIA_ETH_VLAN : VIA_ETH_IP4);
    via_put16(at + 14, tagged ? tci : 0);
    via_put16(at + 16, VIA_ETH_IP4);
    return f;
}

static unsigned pass_to_near(struct bench *b, bool tagged, uint16_t tci, struct via_frame *got) {
    struct via_frame f = frame_to_near(b, tagged, tci);

    assert_int_equal(vi_rig_send(&b->far, &f, 1), 1);
    vi_rig_reap(&b->far);
    return vi_rig_recv(&b->near, got, 1);
}

static void tag_of_the_vlan_goes_off_what_comes_in(void **state) {
    struct via_frame got;
    struct bench b;
    uint8_t *at;

    (void)state;
    open_bench(&b, "5");
    assert_int_equal(pass_to_near(&b, true, 3 << 13 | 5, &got), 1);
    assert_int_equal(got.len, 76);
    at = vi_rig_data(&b.near, &got);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(at[i], 1 + i);
    assert_int_equal(via_get16(at + 12), VIA_ETH_IP4);
    assert_int_equal(at[14], 1 + 18);
    vi_rig_free(&b.near, &got, 1);
    close_bench(&b);
}

static void frames_of_others_are_given_back(void **state) {
    struct via_vi_stats s = {0};
    struct via_frame got;
    struct bench b;

    (void)state;
    open_bench(&b, "5");
    assert_int_equal(pass_to_near(&b, true, 6, &got), 0);
    assert_int_equal(pass_to_near(&b, false, 0, &got), 0);
    assert_int_equal(pass_to_near(&b, true, 0, &got), 0);
    assert_int_equal(vi_rig_held(&b.near, 1), 48);
    via_vi_vlan.stats(&b.near.dev, &s);
    assert_int_equal(s.rx_dropped, 3);
    assert_int_equal(pass_to_near(&b, true, 5, &got), 1);
    vi_rig_free(&b.near, &got, 1);
    close_bench(&b);
}

static void tag_with_its_priority_goes_on_what_goes_out(void **state) {
    struct via_frame f, got;
    struct bench b;
    uint8_t *at;

    (void)state;
    open_bench(&b, "4094:priority=6");
    f = vi_rig_frame(&b.near, 64, 9);
    assert_int_equal(vi_rig_send(&b.near, &f, 1), 1);
    assert_int_equal(vi_rig_reap(&b.near), 1);
    assert_int_equal(vi_rig_recv(&b.far, &got, 1), 1);
    assert_int_equal(got.len, 68);
    at = vi_rig_data(&b.far, &got);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(at[i], 9 + i);
    assert_int_equal(via_get16(at + 12), VIA_ETH_VLAN);
    assert_int_equal(via_get16(at + 14), 6 << 13 | 4094);
    assert_int_equal(at[16], 9 + 12);
    vi_rig_free(&b.far, &got, 1);
    close_bench(&b);
}

static void what_the_device_refuses_is_as_it_was(void **state) {
    struct via_frame f;
    struct bench b;
    unsigned sent = 0;

    (void)state;
    open_bench(&b, "5");
    for (;; sent++) {
        f = vi_rig_frame(&b.near, 64, 9);
        if (!vi_rig_send(&b.near, &f, 1))
            break;
        vi_rig_reap(&b.near);
        assert_true(sent < 200);
    }
    vi_rig_expect(&b.near, &f, 64, 9);
    vi_rig_free(&b.near, &f, 1);
    close_bench(&b);
}

static void bad_arguments_are_refused_with_a_sentence(void **state) {
    static const char *const bad[] = {"", "0", "4095", "5x", "5:priority=8", "5:colour=red"};
    struct via_vi_dev inner;
    struct vi_rig r;

    (void)state;
    vi_rig_init(&r, &via_vi_vlan, 16, 2048);
    assert_int_equal(via_vi_vlan.open(&r.dev, "5"), -EINVAL);
    assert_true(r.why[0]);
    memset(&inner, 0, sizeof inner);
    inner.ops = &via_vi_null;
    r.dev.inner = &inner;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        r.why[0] = '\0';
        assert_int_equal(via_vi_vlan.open(&r.dev, bad[i]), -EINVAL);
        assert_true(r.why[0]);
        assert_null(r.dev.priv);
    }
    vi_rig_fini(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tag_of_the_vlan_goes_off_what_comes_in),
        cmocka_unit_test(frames_of_others_are_given_back),
        cmocka_unit_test(tag_with_its_priority_goes_on_what_goes_out),
        cmocka_unit_test(what_the_device_refuses_is_as_it_was),
        cmocka_unit_test(bad_arguments_are_refused_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
