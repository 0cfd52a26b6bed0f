/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/drivers.h"
#include "vi/mem.h"
#include "vi_rig.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <cmocka.h>

struct pair {
    struct via_mem_cable *cable;
    struct vi_rig end[2];
};

static void plug(struct pair *p, unsigned i) {
    p->end[i].dev.priv = via_mem_cable_end(p->cable, i);
    assert_int_equal(via_vi_mem.open(&p->end[i].dev, ""), 0);
}

static void unplug(struct pair *p, unsigned i) {
    via_vi_mem.close(&p->end[i].dev);
    assert_null(p->end[i].dev.priv);
    memset(p->end[i].dev.mem, 0xee, p->end[i].dev.mem_size);
}

static void make_pair(struct pair *p, const struct via_mem_conf *conf) {
    assert_int_equal(via_mem_cable_new(conf, &p->cable), 0);
    for (unsigned i = 0; i < 2; i++) {
        vi_rig_init(&p->end[i], &via_vi_mem, 512, 2048);
        plug(p, i);
    }
}

static void end_pair(struct pair *p) {
    for (unsigned i = 0; i < 2; i++)
        if (p->end[i].dev.priv)
            unplug(p, i);
    via_mem_cable_release(p->cable);
    for (unsigned i = 0; i < 2; i++)
        vi_rig_fini(&p->end[i]);
}

/* Sends one frame that is made for it and expects the driver to take it. */
static void send_one(struct vi_rig *r, uint32_t len, uint8_t fill) {
    struct via_frame f = vi_rig_frame(r, len, fill);

    assert_int_equal(vi_rig_send(r, &f, 1), 1);
}

static bool readable(struct vi_rig *r) {
    struct pollfd p = {.events = POLLIN};

    assert_int_equal(via_vi_mem.fds(&r->dev, &p.fd, 1), 1);
    return poll(&p, 1, 0) == 1;
}

static void bare_spec_is_refused_with_a_sentence(void **state) {
    struct vi_rig r;

    (void)state;
    vi_rig_init(&r, &via_vi_mem, 16, 2048);
    assert_int_equal(via_vi_mem.open(&r.dev, "x"), -EINVAL);
    assert_non_null(strstr(r.why, "via_vi_pair"));
    vi_rig_fini(&r);
}

static void cable_refuses_bad_parameters(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_mem_cable *c;

    (void)state;
    conf.mtu = 67;
    assert_int_equal(via_mem_cable_new(&conf, &c), -EINVAL);
    conf.mtu = 65536;
    assert_int_equal(via_mem_cable_new(&conf, &c), -EINVAL);
    conf = (struct via_mem_conf)VIA_MEM_CONF_INIT;
    conf.ring = 65537;
    assert_int_equal(via_mem_cable_new(&conf, &c), -EINVAL);
    assert_int_equal(via_mem_cable_new(NULL, &c), -EINVAL);
}

static void packet_that_cannot_fit_the_chain_is_refused_at_open(void **state) {
    struct via_mem_conf conf = {.ring = 64, .mtu = 65535};
    struct via_mem_cable *c;
    struct vi_rig r;

    (void)state;
    assert_int_equal(via_mem_cable_new(&conf, &c), 0);
    vi_rig_init(&r, &via_vi_mem, 16, 2048);
    r.dev.priv = via_mem_cable_end(c, 0);
    r.dev.headroom = 1500;
    assert_int_equal(via_vi_mem.open(&r.dev, ""), -EINVAL);
    assert_non_null(strstr(r.why, "headroom 1500"));
    via_mem_cable_release(c);
    vi_rig_fini(&r);
}

static void same_end_opens_once(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct pair p;
    struct vi_rig r;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_init(&r, &via_vi_mem, 16, 2048);
    r.dev.priv = via_mem_cable_end(p.cable, 1);
    assert_int_equal(via_vi_mem.open(&r.dev, ""), -EBUSY);
    vi_rig_fini(&r);
    end_pair(&p);
}

static void ends_have_different_addresses(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    assert_memory_not_equal(p.end[0].dev.mac, p.end[1].dev.mac, 6);
    assert_int_equal(p.end[0].dev.mac[0] & 3, 2);
    assert_int_equal(p.end[0].dev.mtu, 1500);
    assert_int_equal(p.end[0].dev.caps, VIA_VI_CSUM_TRUSTED | VIA_VI_JUMBO | VIA_VI_SYNC);
    end_pair(&p);
}

static void every_length_arrives_whole(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame f;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    assert_int_equal(vi_rig_fill(&p.end[1], 256), 256);
    for (uint32_t len = 14; len <= 1518; len++) {
        send_one(&p.end[0], len, (uint8_t)len);
        assert_int_equal(vi_rig_reap(&p.end[0]), 1);
        assert_int_equal(vi_rig_recv(&p.end[1], &f, 1), 1);
        vi_rig_expect(&p.end[1], &f, len, (uint8_t)len);
        assert_int_equal(f.flags, 0);
        vi_rig_free(&p.end[1], &f, 1);
        assert_int_equal(vi_rig_fill(&p.end[1], 1), 1);
    }
    end_pair(&p);
}

static void frame_that_starts_anywhere_in_a_line_arrives_whole(void **state) {
    static const uint32_t lens[] = {0, 1, 20, 41, 42, 60, 63, 64, 65, 106, 127, 128, 500, 513, 1518};
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame f, got;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    for (uint32_t at = 0; at < 130; at++)
        for (unsigned i = 0; i < sizeof lens / 4; i++) {
            vi_rig_fill(&p.end[1], 4);
            f = vi_rig_frame(&p.end[0], 0, 0);
            f.addr += at - (uint64_t)p.end[0].dev.headroom;
            f.len = lens[i];
            for (uint32_t k = 0; k < f.len; k++)
                p.end[0].dev.mem[f.addr + k] = (uint8_t)(at + i + k);
            assert_int_equal(vi_rig_send(&p.end[0], &f, 1), 1);
            assert_int_equal(vi_rig_reap(&p.end[0]), 1);
            assert_int_equal(vi_rig_recv(&p.end[1], &got, 1), 1);
            vi_rig_expect(&p.end[1], &got, lens[i], (uint8_t)(at + i));
            vi_rig_free(&p.end[1], &got, 1);
        }
    end_pair(&p);
}

static void frame_at_the_very_end_of_the_area_is_sent(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame f = {.len = 60}, got;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    assert_int_equal(vi_rig_fill(&p.end[1], 8), 8);
    f.addr = p.end[0].dev.mem_size - f.len;
    memset(p.end[0].dev.mem + f.addr, 'x', f.len);
    assert_int_equal(via_vi_mem.tx_burst(&p.end[0].dev, &f, 1), 1);
    assert_int_equal(vi_rig_recv(&p.end[1], &got, 1), 1);
    assert_int_equal(got.len, 60);
    assert_int_equal(vi_rig_data(&p.end[1], &got)[59], 'x');
    end_pair(&p);
}

static void nonsense_is_swallowed_and_counted(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_vi_stats s = {0};
    struct via_frame bad[3], f;
    uint64_t back[8];
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    assert_int_equal(vi_rig_fill(&p.end[1], 8), 8);
    bad[0] = (struct via_frame){.addr = p.end[0].dev.mem_size - 10, .len = 11};
    bad[1] = (struct via_frame){.addr = UINT64_MAX - 10, .len = 60};
    bad[2] = (struct via_frame){.addr = 0, .len = 1519};
    assert_int_equal(via_vi_mem.tx_burst(&p.end[0].dev, bad, 3), 3);
    assert_int_equal(vi_rig_recv(&p.end[1], &f, 1), 0);
    via_vi_mem.stats(&p.end[0].dev, &s);
    assert_int_equal(s.tx_dropped, 3);
    assert_int_equal(s.tx_frames, 0);
    back[0] = p.end[0].dev.mem_size;
    assert_int_equal(via_vi_mem.rx_fill(&p.end[0].dev, back, 1), 0);
    end_pair(&p);
}

static void sender_flags_arrive_and_others_do_not(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame f, got;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    assert_int_equal(vi_rig_fill(&p.end[1], 8), 8);
    f = vi_rig_frame(&p.end[0], 60, 0);
    f.flags = VIA_FRAME_CSUM_OK | VIA_FRAME_VLAN | VIA_FRAME_TRUNC | VIA_FRAME_TS;
    f.vlan = 0xabcd;
    assert_int_equal(vi_rig_send(&p.end[0], &f, 1), 1);
    assert_int_equal(vi_rig_recv(&p.end[1], &got, 1), 1);
    assert_int_equal(got.flags, VIA_FRAME_CSUM_OK | VIA_FRAME_VLAN);
    assert_int_equal(got.vlan, 0xabcd);
    end_pair(&p);
}

static void sender_keeps_what_finds_no_lent_frame(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame v[10], got[10];
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    for (uint8_t i = 0; i < 10; i++)
        v[i] = vi_rig_frame(&p.end[0], 60, i);
    assert_int_equal(vi_rig_send(&p.end[0], v, 10), 0);
    assert_int_equal(vi_rig_fill(&p.end[1], 4), 4);
    assert_int_equal(vi_rig_send(&p.end[0], v, 10), 4);
    assert_int_equal(vi_rig_recv(&p.end[1], got, 10), 4);
    assert_int_equal(vi_rig_fill(&p.end[1], 100), 100);
    assert_int_equal(vi_rig_send(&p.end[0], v + 4, 6), 6);
    assert_int_equal(vi_rig_recv(&p.end[1], got + 4, 6), 6);
    for (uint8_t i = 0; i < 10; i++)
        vi_rig_expect(&p.end[1], &got[i], 60, i);
    end_pair(&p);
}

static void starving_sender_is_lent_more(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame v[64], got[64];
    struct pair p;
    unsigned sent = 0;

    (void)state;
    make_pair(&p, &conf);
    assert_int_equal(vi_rig_fill(&p.end[1], 256), 256);
    for (uint8_t i = 0; i < 64; i++)
        v[i] = vi_rig_frame(&p.end[0], 60, i);
    sent = vi_rig_send(&p.end[0], v, 64);
    assert_in_range(sent, 1, 63);
    assert_int_equal(vi_rig_recv(&p.end[1], got, sent), sent);
    assert_int_equal(vi_rig_send(&p.end[0], v + sent, 64 - sent), 64 - sent);
    assert_int_equal(vi_rig_recv(&p.end[1], got + sent, 64), 64 - sent);
    for (uint8_t i = 0; i < 64; i++)
        vi_rig_expect(&p.end[1], &got[i], 60, i);
    end_pair(&p);
}

static void sent_frames_are_the_senders_at_once(void **state) {
    struct via_mem_conf conf = {.ring = 64, .mtu = 1500};
    struct via_frame f, got;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    assert_true(p.end[0].dev.caps & VIA_VI_SYNC);
    vi_rig_fill(&p.end[1], 64);
    f = vi_rig_frame(&p.end[0], 60, 3);
    assert_int_equal(vi_rig_send(&p.end[0], &f, 1), 1);
    memset(vi_rig_data(&p.end[0], &f), 0xee, 60);
    assert_false(via_vi_mem.pending(&p.end[0].dev));
    assert_int_equal(vi_rig_recv(&p.end[1], &got, 1), 1);
    vi_rig_expect(&p.end[1], &got, 60, 3);
    end_pair(&p);
}

/* A packet of `total` bytes in parts of at most `part`; returns how many. */
static unsigned make_chain(struct vi_rig *r, struct via_frame *v, uint32_t total, uint32_t part) {
    uint32_t at = 0, len;
    unsigned n = 0;

    do {
        len = total - at < part ? total - at : part;
        v[n] = vi_rig_frame(r, len, (uint8_t)at);
        at += len;
        v[n++].flags = at < total ? VIA_FRAME_MORE : 0;
    } while (at < total);
    return n;
}

static void expect_chain(struct vi_rig *r, const struct via_frame *v, unsigned n, uint32_t total) {
    uint32_t at = 0;

    for (unsigned i = 0; i < n; i++) {
        vi_rig_expect(r, &v[i], v[i].len, (uint8_t)at);
        at += v[i].len;
        assert_int_equal(v[i].flags & VIA_FRAME_MORE, i + 1 < n ? VIA_FRAME_MORE : 0);
    }
    assert_int_equal(at, total);
}

static void jumbo_packets_arrive_as_chains_of_any_cut(void **state) {
    struct via_mem_conf conf = {.ring = 512, .mtu = 9000};
    static const uint32_t totals[] = {60, 1519, 1920, 1921, 2000, 4000, 9018};
    static const uint32_t parts[] = {200, 777, 1920, 2048};
    struct via_frame v[64], got[64];
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    for (unsigned i = 0; i < sizeof totals / 4; i++)
        for (unsigned j = 0; j < sizeof parts / 4; j++) {
            unsigned n = make_chain(&p.end[0], v, totals[i], parts[j]), k;

            vi_rig_fill(&p.end[1], 256);
            assert_int_equal(vi_rig_send(&p.end[0], v, n), n);
            assert_int_equal(vi_rig_reap(&p.end[0]), n);
            k = vi_rig_recv(&p.end[1], got, 64);
            expect_chain(&p.end[1], got, k, totals[i]);
            vi_rig_free(&p.end[1], got, k);
        }
    end_pair(&p);
}

static void part_of_a_packet_is_never_taken(void **state) {
    struct via_mem_conf conf = {.ring = 512, .mtu = 9000};
    struct via_frame v[64], got[64];
    struct pair p;
    unsigned n;

    (void)state;
    make_pair(&p, &conf);
    n = make_chain(&p.end[0], v, 9000, 2048);
    vi_rig_fill(&p.end[1], 3);
    assert_int_equal(vi_rig_send(&p.end[0], v, n), 0);
    vi_rig_fill(&p.end[1], 9);
    assert_int_equal(vi_rig_send(&p.end[0], v, n - 1), 0);
    assert_int_equal(vi_rig_send(&p.end[0], v, n), n);
    expect_chain(&p.end[1], got, vi_rig_recv(&p.end[1], got, 64), 9000);
    end_pair(&p);
}

static void packet_is_not_split_over_two_bursts(void **state) {
    struct via_mem_conf conf = {.ring = 512, .mtu = 9000};
    struct via_frame v[64], got[64];
    struct via_vi_stats s = {0};
    struct pair p;
    unsigned n = 0, k;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 256);
    for (unsigned i = 0; i < 3; i++)
        n += make_chain(&p.end[0], v + n, 4000, 2048);
    assert_int_equal(vi_rig_send(&p.end[0], v, n), n);
    k = vi_rig_recv(&p.end[1], got, 7);
    assert_int_equal(got[k - 1].flags & VIA_FRAME_MORE, 0);
    assert_int_equal(k, 6);
    via_vi_mem.stats(&p.end[1].dev, &s);
    assert_int_equal(s.rx_frames, 6);
    assert_int_equal(s.rx_bytes, 8000);
    expect_chain(&p.end[1], got, vi_rig_recv(&p.end[1], got, 7), 4000);
    end_pair(&p);
}

static void packet_of_many_frames_widens_the_window(void **state) {
    struct via_mem_conf conf = {.ring = 512, .mtu = 65535};
    struct via_frame v[64], got[64];
    struct pair p;
    unsigned n;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 256);
    n = make_chain(&p.end[0], v, 65535 + 14, 1920);
    assert_int_equal(vi_rig_send(&p.end[0], v, n), 0);
    assert_int_equal(vi_rig_recv(&p.end[1], got, 64), 0);
    assert_int_equal(vi_rig_send(&p.end[0], v, n), n);
    expect_chain(&p.end[1], got, vi_rig_recv(&p.end[1], got, 64), 65535 + 14);
    end_pair(&p);
}

static void latency_hides_a_frame_until_it_is_due(void **state) {
    struct via_mem_conf conf = {.ring = 64, .mtu = 1500, .latency = 5 * VIA_MS};
    struct via_frame f;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 8);
    assert_true(via_vi_mem.deadline(&p.end[1].dev) == VIA_NEVER);
    send_one(&p.end[0], 60, 1);
    assert_true(via_vi_mem.deadline(&p.end[1].dev) == p.end[0].now + 5 * VIA_MS);
    assert_false(via_vi_mem.pending(&p.end[1].dev));
    p.end[1].now += 5 * VIA_MS - 1;
    assert_int_equal(vi_rig_recv(&p.end[1], &f, 1), 0);
    p.end[1].now += 1;
    assert_true(via_vi_mem.pending(&p.end[1].dev));
    assert_int_equal(vi_rig_recv(&p.end[1], &f, 1), 1);
    vi_rig_expect(&p.end[1], &f, 60, 1);
    assert_int_equal(f.flags, VIA_FRAME_TS);
    assert_true(f.ts == p.end[1].now);
    end_pair(&p);
}

static void rate_spaces_frames_by_their_length(void **state) {
    struct via_mem_conf conf = {.ring = 64, .mtu = 1500, .rate = 8000000};
    struct via_frame f;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 8);
    for (uint8_t i = 0; i < 3; i++)
        send_one(&p.end[0], 100, i);
    for (uint8_t i = 0; i < 3; i++) {
        assert_true(via_vi_mem.deadline(&p.end[1].dev) == p.end[0].now + (i + 1u) * 100 * VIA_US);
        p.end[1].now += 100 * VIA_US;
        assert_int_equal(vi_rig_recv(&p.end[1], &f, 1), 1);
        vi_rig_expect(&p.end[1], &f, 100, i);
        assert_int_equal(vi_rig_recv(&p.end[1], &f, 1), 0);
    }
    end_pair(&p);
}

static void arm_reports_a_frame_that_is_there(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame f;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 8);
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 0);
    send_one(&p.end[0], 60, 1);
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 1);
    assert_int_equal(vi_rig_recv(&p.end[1], &f, 1), 1);
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 0);
    assert_false(readable(&p.end[1]));
    end_pair(&p);
}

static void armed_end_is_woken_once(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_vi_stats s = {0};
    struct via_frame f[2];
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 8);
    send_one(&p.end[0], 60, 1);
    assert_false(readable(&p.end[1]));
    assert_int_equal(vi_rig_recv(&p.end[1], f, 2), 1);
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 0);
    assert_false(readable(&p.end[1]));
    send_one(&p.end[0], 60, 2);
    send_one(&p.end[0], 60, 3);
    assert_true(readable(&p.end[1]));
    via_vi_mem.stats(&p.end[0].dev, &s);
    assert_int_equal(s.kicks, 1);
    assert_int_equal(vi_rig_recv(&p.end[1], f, 2), 2);
    assert_false(readable(&p.end[1]));
    end_pair(&p);
}

static void disarmed_end_is_left_alone(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 8);
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 0);
    via_vi_mem.disarm(&p.end[1].dev);
    send_one(&p.end[0], 60, 2);
    assert_false(readable(&p.end[1]));
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 1);
    end_pair(&p);
}

static void delayed_frame_of_which_nothing_was_told_keeps_awake(void **state) {
    struct via_mem_conf conf = {.ring = 64, .mtu = 1500, .latency = VIA_MS};
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 8);
    assert_true(via_vi_mem.deadline(&p.end[1].dev) == VIA_NEVER);
    send_one(&p.end[0], 60, 2);
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 1);
    assert_true(via_vi_mem.deadline(&p.end[1].dev) == p.end[1].now + VIA_MS);
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 0);
    end_pair(&p);
}

static void starved_sender_that_sleeps_is_woken_by_lending(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame f, got;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    f = vi_rig_frame(&p.end[0], 60, 9);
    assert_int_equal(vi_rig_send(&p.end[0], &f, 1), 0);
    assert_int_equal(via_vi_mem.arm(&p.end[0].dev), 0);
    assert_int_equal(vi_rig_recv(&p.end[1], &got, 1), 0);
    assert_false(readable(&p.end[0]));
    vi_rig_fill(&p.end[1], 1);
    assert_true(readable(&p.end[0]));
    assert_int_equal(vi_rig_send(&p.end[0], &f, 1), 1);
    end_pair(&p);
}

static void starving_sender_wakes_a_sleeping_receiver(void **state) {
    struct via_mem_conf conf = {.ring = 512, .mtu = 65535};
    struct via_frame v[64], got[64];
    struct pair p;
    unsigned n;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 256);
    n = make_chain(&p.end[0], v, 65535 + 14, 1920);
    assert_int_equal(via_vi_mem.arm(&p.end[1].dev), 0);
    assert_int_equal(vi_rig_send(&p.end[0], v, n), 0);
    assert_true(readable(&p.end[1]));
    assert_int_equal(via_vi_mem.arm(&p.end[0].dev), 0);
    assert_int_equal(vi_rig_recv(&p.end[1], got, 64), 0);
    assert_true(readable(&p.end[0]));
    assert_int_equal(vi_rig_send(&p.end[0], v, n), n);
    end_pair(&p);
}

static void link_follows_the_other_end(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame f, got;
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    assert_int_equal(p.end[1].dev.link, VIA_LINK_UP);
    vi_rig_fill(&p.end[1], 8);
    vi_rig_fill(&p.end[0], 8);
    send_one(&p.end[0], 60, 7);
    assert_int_equal(vi_rig_reap(&p.end[0]), 1);
    assert_int_equal(via_vi_mem.arm(&p.end[0].dev), 0);
    unplug(&p, 1);
    assert_true(readable(&p.end[0]));
    assert_int_equal(vi_rig_recv(&p.end[0], &got, 1), 0);
    assert_int_equal(p.end[0].dev.link, VIA_LINK_DOWN);
    f = vi_rig_frame(&p.end[0], 60, 8);
    assert_int_equal(vi_rig_send(&p.end[0], &f, 1), 0);

    /* Plugged in anew: what was on the way is gone, what was lent is not used. */
    memset(p.end[1].holder, 2, p.end[1].frames);
    plug(&p, 1);
    assert_int_equal(vi_rig_send(&p.end[0], &f, 1), 0);
    assert_int_equal(p.end[0].dev.link, VIA_LINK_UP);
    assert_int_equal(vi_rig_recv(&p.end[1], &got, 1), 0);
    vi_rig_free(&p.end[1], &(struct via_frame){.addr = 2048}, 1);
    vi_rig_fill(&p.end[1], 1);
    assert_int_equal(vi_rig_send(&p.end[0], &f, 1), 1);
    assert_int_equal(vi_rig_recv(&p.end[1], &got, 1), 1);
    vi_rig_expect(&p.end[1], &got, 60, 8);
    end_pair(&p);
}

static void frames_sent_before_the_sender_closed_arrive(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;
    struct via_frame got[2];
    struct pair p;

    (void)state;
    make_pair(&p, &conf);
    vi_rig_fill(&p.end[1], 8);
    send_one(&p.end[0], 60, 7);
    unplug(&p, 0);
    assert_int_equal(vi_rig_recv(&p.end[1], got, 2), 1);
    vi_rig_expect(&p.end[1], &got[0], 60, 7);
    assert_int_equal(vi_rig_recv(&p.end[1], got, 2), 0);
    assert_int_equal(p.end[1].dev.link, VIA_LINK_DOWN);
    end_pair(&p);
}

static void ring_numbers_wrap_without_loss(void **state) {
    struct via_mem_conf conf = {.ring = 64, .mtu = 1500};
    struct via_frame v[32], got[64];
    struct pair p;
    uint32_t sent = 0, seen = 0;

    (void)state;
    make_pair(&p, &conf);
    for (uint32_t round = 0; round < 1000; round++) {
        unsigned n = round * 7 % 31 + 1, k;

        vi_rig_fill(&p.end[1], round % 5 * 16);
        for (unsigned i = 0; i < n; i++)
            v[i] = vi_rig_frame(&p.end[0], 60, (uint8_t)(sent + i));
        k = vi_rig_send(&p.end[0], v, n);
        sent += k;
        vi_rig_free(&p.end[0], v + k, n - k);
        vi_rig_reap(&p.end[0]);
        n = vi_rig_recv(&p.end[1], got, round % 64 + 1);
        for (unsigned i = 0; i < n; i++)
            vi_rig_expect(&p.end[1], &got[i], 60, (uint8_t)seen++);
        vi_rig_free(&p.end[1], got, n);
    }
    vi_rig_fill(&p.end[1], 64);
    seen += vi_rig_recv(&p.end[1], got, 64);
    assert_int_equal(sent, seen);
    assert_true(sent > 5000);
    end_pair(&p);
}

/* One end of a two-thread run; sends numbered frames and checks those of the other end. */
struct runner {
    struct vi_rig *rig;
    uint32_t frames; /* to send, and to see */
    uint32_t seen;
    uint32_t wrong;
    bool sleeps;
};

static uint32_t number_of(const struct vi_rig *r, const struct via_frame *f) {
    uint32_t x;

    memcpy(&x, vi_rig_data(r, f), sizeof x);
    return x;
}

static uint32_t run_receive(struct runner *x) {
    struct via_frame got[64];
    unsigned n = vi_rig_recv(x->rig, got, 64);

    for (unsigned i = 0; i < n; i++, x->seen++)
        x->wrong += number_of(x->rig, &got[i]) != x->seen;
    vi_rig_free(x->rig, got, n);
    vi_rig_fill(x->rig, n);
    return n;
}

static uint32_t run_send(struct runner *x, uint32_t sent) {
    struct via_frame f;
    uint32_t before = sent;

    while (sent < x->frames && sent - before < 16 && x->rig->free_n) {
        f = vi_rig_frame(x->rig, 60 + sent % 1000, 0);
        memcpy(vi_rig_data(x->rig, &f), &sent, sizeof sent);
        if (vi_rig_send(x->rig, &f, 1) != 1) {
            vi_rig_free(x->rig, &f, 1);
            break;
        }
        sent++;
    }
    vi_rig_reap(x->rig);
    return sent - before;
}

static void *run_end(void *arg) {
    struct runner *x = arg;
    struct pollfd p = {.events = POLLIN};
    uint32_t sent = 0, moved;

    via_vi_mem.fds(&x->rig->dev, &p.fd, 1);
    while (sent < x->frames || x->seen < x->frames) {
        moved = run_send(x, sent);
        sent += moved;
        moved += run_receive(x);
        if (moved)
            continue;
        if (!x->sleeps)
            sched_yield();
        else if (!via_vi_mem.arm(&x->rig->dev) && poll(&p, 1, 20000) != 1)
            x->wrong += 1000000; /* a lost wake-up */
    }
    return NULL;
}

static void run_two_threads(const struct via_mem_conf *conf, uint32_t frames, bool sleeps) {
    struct runner x[2];
    pthread_t thread[2];
    struct pair p;

    make_pair(&p, conf);
    for (unsigned i = 0; i < 2; i++) {
        x[i] = (struct runner){.rig = &p.end[i], .frames = frames, .sleeps = sleeps};
        vi_rig_fill(&p.end[i], 64);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_end, &x[i]), 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(x[i].wrong, 0);
        assert_int_equal(x[i].seen, frames);
    }
    end_pair(&p);
}

static void two_spinning_threads_exchange_every_frame_in_order(void **state) {
    struct via_mem_conf conf = VIA_MEM_CONF_INIT;

    (void)state;
    run_two_threads(&conf, 50000, false);
    conf.fences = true;
    run_two_threads(&conf, 50000, false);
}

static void two_sleeping_threads_lose_no_wake_up(void **state) {
    struct via_mem_conf conf = {.ring = 64, .mtu = 1500};

    (void)state;
    run_two_threads(&conf, 20000, true);
    conf.fences = true;
    run_two_threads(&conf, 20000, true);
}

struct sender {
    struct vi_rig *rig;
    _Atomic bool stop;
};

static void *send_until_told(void *arg) {
    struct sender *s = arg;
    struct via_frame f = vi_rig_frame(s->rig, 1000, 0);

    while (!atomic_load(&s->stop))
        via_vi_mem.tx_burst(&s->rig->dev, &f, 1);
    via_vi_mem.close(&s->rig->dev);
    return NULL;
}

/* The receiver's area is gone right after its close: the sanitizers see a sender that still writes there. */
static void area_is_untouched_once_its_end_closed(void **state) {
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        struct via_mem_conf conf = {.ring = 64, .mtu = 1500, .fences = round & 1};
        struct sender s = {0};
        struct via_frame got[64];
        struct pair p;
        pthread_t thread;

        make_pair(&p, &conf);
        s.rig = &p.end[0];
        assert_int_equal(pthread_create(&thread, NULL, send_until_told, &s), 0);
        for (unsigned i = 0; i < 200; i++) {
            vi_rig_fill(&p.end[1], 64);
            vi_rig_free(&p.end[1], got, vi_rig_recv(&p.end[1], got, 64));
            if (round % 4 >= 2)
                sched_yield();
        }
        unplug(&p, 1);
        vi_rig_fini(&p.end[1]);
        if (round % 3)
            via_mem_cable_release(p.cable);
        atomic_store(&s.stop, true);
        pthread_join(thread, NULL);
        if (!(round % 3))
            via_mem_cable_release(p.cable);
        vi_rig_fini(&p.end[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare_spec_is_refused_with_a_sentence),
        cmocka_unit_test(cable_refuses_bad_parameters),
        cmocka_unit_test(packet_that_cannot_fit_the_chain_is_refused_at_open),
        cmocka_unit_test(same_end_opens_once),
        cmocka_unit_test(ends_have_different_addresses),
        cmocka_unit_test(every_length_arrives_whole),
        cmocka_unit_test(frame_that_starts_anywhere_in_a_line_arrives_whole),
        cmocka_unit_test(frame_at_the_very_end_of_the_area_is_sent),
        cmocka_unit_test(nonsense_is_swallowed_and_counted),
        cmocka_unit_test(sender_flags_arrive_and_others_do_not),
        cmocka_unit_test(sender_keeps_what_finds_no_lent_frame),
        cmocka_unit_test(starving_sender_is_lent_more),
        cmocka_unit_test(sent_frames_are_the_senders_at_once),
        cmocka_unit_test(jumbo_packets_arrive_as_chains_of_any_cut),
        cmocka_unit_test(part_of_a_packet_is_never_taken),
        cmocka_unit_test(packet_is_not_split_over_two_bursts),
        cmocka_unit_test(packet_of_many_frames_widens_the_window),
        cmocka_unit_test(latency_hides_a_frame_until_it_is_due),
        cmocka_unit_test(rate_spaces_frames_by_their_length),
        cmocka_unit_test(arm_reports_a_frame_that_is_there),
        cmocka_unit_test(armed_end_is_woken_once),
        cmocka_unit_test(disarmed_end_is_left_alone),
        cmocka_unit_test(delayed_frame_of_which_nothing_was_told_keeps_awake),
        cmocka_unit_test(starved_sender_that_sleeps_is_woken_by_lending),
        cmocka_unit_test(starving_sender_wakes_a_sleeping_receiver),
        cmocka_unit_test(link_follows_the_other_end),
        cmocka_unit_test(frames_sent_before_the_sender_closed_arrive),
        cmocka_unit_test(ring_numbers_wrap_without_loss),
        cmocka_unit_test(two_spinning_threads_exchange_every_frame_in_order),
        cmocka_unit_test(two_sleeping_threads_lose_no_wake_up),
        cmocka_unit_test(area_is_untouched_once_its_end_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
