/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/drivers.h"
#include "vi/fault.h"
#include "vi/mem.h"
#include "vi_rig.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* A cable whose end 0 has the fault wrapper in front; `near` is a rig over the wrapper. */
struct bench {
    struct via_mem_cable *cable;
    struct via_vi_dev inner;
    struct vi_rig near, far;
};

static void open_bench_mtu(struct bench *b, const char *args, uint32_t mtu) {
    struct via_mem_conf conf = {.ring = 512, .mtu = mtu};

    assert_int_equal(via_mem_cable_new(&conf, &b->cable), 0);
    vi_rig_init(&b->near, &via_vi_mem, 1024, 2048);
    vi_rig_init(&b->far, &via_vi_mem, 1024, 2048);
    b->inner = b->near.dev;
    b->inner.priv = via_mem_cable_end(b->cable, 0);
    assert_int_equal(via_vi_mem.open(&b->inner, ""), 0);
    b->far.dev.priv = via_mem_cable_end(b->cable, 1);
    assert_int_equal(via_vi_mem.open(&b->far.dev, ""), 0);
    b->near.dev.ops = &via_vi_fault;
    b->near.dev.inner = &b->inner;
    assert_int_equal(via_vi_fault.open(&b->near.dev, args), 0);
    vi_rig_fill(&b->near, 256);
    vi_rig_fill(&b->far, 256);
}

static void open_bench(struct bench *b, const char *args) {
    open_bench_mtu(b, args, 1500);
}

static void close_bench(struct bench *b) {
    via_vi_fault.close(&b->near.dev);
    via_vi_mem.close(&b->inner);
    via_vi_mem.close(&b->far.dev);
    via_mem_cable_release(b->cable);
    vi_rig_fini(&b->near);
    vi_rig_fini(&b->far);
}

static void advance(struct bench *b, via_ns_t ns) {
    b->near.now += ns;
    b->far.now += ns;
}

/* Sends frames numbered from `from` in their first two bytes; both ends reap. */
static void send_numbered(struct vi_rig *r, unsigned from, unsigned n) {
    for (unsigned i = from; i < from + n; i++) {
        struct via_frame f = vi_rig_frame(r, 60, 0);

        vi_rig_data(r, &f)[0] = (uint8_t)(i >> 8);
        vi_rig_data(r, &f)[1] = (uint8_t)i;
        assert_int_equal(vi_rig_send(r, &f, 1), 1);
        vi_rig_reap(r);
    }
}

static unsigned number_of(const struct vi_rig *r, const struct via_frame *f) {
    return (unsigned)vi_rig_data(r, f)[0] << 8 | vi_rig_data(r, f)[1];
}

/* Receives what is there; the numbers in their order. Returns how many. */
static unsigned receive_numbers(struct vi_rig *r, unsigned *number, unsigned most) {
    struct via_frame got[64];
    unsigned n, all = 0;

    while ((n = vi_rig_recv(r, got, 64)) > 0) {
        for (unsigned i = 0; i < n; i++, all++) {
            assert_in_range(all, 0, most - 1);
            number[all] = number_of(r, &got[i]);
        }
        vi_rig_free(r, got, n);
        vi_rig_fill(r, n);
    }
    return all;
}

/* `n` frames through the wrapper in direction `tx`, a few at a time; what arrives. */
static unsigned run_numbered(struct bench *b, bool tx, unsigned n, unsigned *number, unsigned most) {
    struct vi_rig *from = tx ? &b->near : &b->far, *to = tx ? &b->far : &b->near;
    unsigned all = 0;

    for (unsigned i = 0; i < n; i += 10) {
        send_numbered(from, i, n - i < 10 ? n - i : 10);
        all += receive_numbers(to, number + all, most - all);
        vi_rig_fill(&b->near, 256 - vi_rig_held(&b->near, 1));
        vi_rig_reap(from);
    }
    return all;
}

static void expect_refusal(const char *args, const char *word) {
    struct vi_rig r;
    struct via_vi_dev inner;

    vi_rig_init(&r, &via_vi_fault, 64, 2048);
    inner = r.dev;
    inner.ops = &via_vi_null;
    inner.priv = NULL;
    assert_int_equal(via_vi_null.open(&inner, ""), 0);
    r.dev.inner = &inner;
    assert_int_equal(via_vi_fault.open(&r.dev, args), -EINVAL);
    if (!strstr(r.why, word))
        fail_msg("\"%s\" says: %s", args, r.why);
    via_vi_null.close(&inner);
    vi_rig_fini(&r);
}

static void every_bad_parameter_is_refused_with_its_name(void **state) {
    static const char *const bad[] = {
        "loss=101%",   "loss=1.5",    "loss=-1",     "loss=",        "loss",
        "loss=x",      "loss=1%%",    "dup=2",       "corrupt=1e-3", "truncate=",
        "reorder=.",   "by=0",        "by=17",       "delay=10",     "delay=10min",
        "delay=2000h", "jitter=1x",   "rate=0",      "rate=10q",     "rate=-5",
        "queue=0",     "queue=65537", "seed=",       "seed=-1",      "seed=18446744073709551616",
        "dir=up",      "lose=1%",     "delay=3601s",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char word[32] = "";

        sscanf(bad[i], "%31[a-z]", word);
        expect_refusal(bad[i], word);
    }
    expect_refusal("loss=1%,nonsense=1,dup=1%", "nonsense");
}

static void wrapper_needs_something_behind_it(void **state) {
    struct vi_rig r;

    (void)state;
    vi_rig_init(&r, &via_vi_fault, 16, 2048);
    assert_int_equal(via_vi_fault.open(&r.dev, "loss=1%"), -EINVAL);
    assert_non_null(strstr(r.why, "behind"));
    vi_rig_fini(&r);
}

static void impairments_out_of_range_change_nothing(void **state) {
    struct via_impair good = VIA_IMPAIR_INIT, bad;
    unsigned number[100];
    struct bench b;

    (void)state;
    open_bench(&b, "loss=100%");
#define REFUSED(field, value)                                                                                          \
    do {                                                                                                               \
        bad = good;                                                                                                    \
        bad.field = value;                                                                                             \
        b.near.why[0] = '\0';                                                                                          \
        assert_int_equal(via_fault_set(&b.near.dev, &bad), -EINVAL);                                                   \
        assert_true(b.near.why[0]);                                                                                    \
    } while (0)
    REFUSED(size, 8);
    REFUSED(direction, 0);
    REFUSED(direction, 4);
    REFUSED(loss, -0.1);
    REFUSED(loss, (double)NAN);
    REFUSED(duplicate, 1.1);
    REFUSED(corrupt, 2);
    REFUSED(truncate, -1);
    REFUSED(reorder, 1.01);
    REFUSED(reorder_by, 0);
    REFUSED(reorder_by, 17);
    REFUSED(delay, 3601 * VIA_SEC);
    REFUSED(jitter, 3601 * VIA_SEC);
    bad = good;
    bad.rate = 1000;
    bad.queue = 0;
    assert_int_equal(via_fault_set(&b.near.dev, &bad), -EINVAL);
    assert_int_equal(run_numbered(&b, true, 50, number, 100), 0);
    assert_int_equal(via_fault_set(&b.near.dev, &good), 0);
    assert_int_equal(run_numbered(&b, true, 50, number, 100), 50);
    close_bench(&b);
}

static void without_faults_everything_passes_in_order(void **state) {
    unsigned number[500];
    struct bench b;

    (void)state;
    open_bench(&b, "");
    for (int tx = 0; tx < 2; tx++) {
        assert_int_equal(run_numbered(&b, tx, 500, number, 500), 500);
        for (unsigned i = 0; i < 500; i++)
            assert_int_equal(number[i], i);
    }
    assert_int_equal(b.near.dev.caps, VIA_VI_CSUM_TRUSTED | VIA_VI_JUMBO);
    close_bench(&b);
}

/* How often something befell 4,000 packets of probability 10 % must be within six standard deviations. */
static void expect_tenth(unsigned n) {
    assert_in_range(n, 400 - 114, 400 + 114);
}

static void lost_packets_are_a_tenth_and_none_leaks(void **state) {
    static unsigned number[4000];
    struct via_vi_stats s = {0};

    (void)state;
    for (int tx = 0; tx < 2; tx++) {
        struct bench b;
        unsigned n;

        open_bench(&b, "loss=10%");
        n = run_numbered(&b, tx, 4000, number, 4000);
        expect_tenth(4000 - n);
        for (unsigned i = 1; i < n; i++)
            assert_true(number[i] > number[i - 1]);
        memset(&s, 0, sizeof s);
        via_vi_fault.stats(&b.near.dev, &s);
        assert_int_equal(tx ? s.tx_dropped : s.rx_dropped, 4000 - n);
        assert_int_equal(vi_rig_held(&b.near, 3), 0);
        assert_int_equal(vi_rig_held(&b.near, 1), 256);
        assert_int_equal(vi_rig_held(&b.near, 2), 0);
        close_bench(&b);
    }
}

static void duplicates_follow_their_original_and_none_leaks(void **state) {
    static unsigned number[5000];

    (void)state;
    for (int tx = 0; tx < 2; tx++) {
        struct bench b;
        unsigned n, twice = 0;

        open_bench(&b, "dup=0.1");
        n = run_numbered(&b, tx, 4000, number, 5000);
        for (unsigned i = 1; i < n; i++) {
            twice += number[i] == number[i - 1];
            assert_true(number[i] == number[i - 1] || number[i] == number[i - 1] + 1);
        }
        assert_int_equal(n, 4000 + twice);
        expect_tenth(twice);
        assert_int_equal(vi_rig_held(&b.near, 3), 0);
        assert_int_equal(vi_rig_held(&b.near, 1), 256);
        close_bench(&b);
    }
}

/* Sends `n` frames of 100 bytes through the wrapper and counts bytes that differ from what was sent. */
static void run_damaged(struct bench *b, bool tx, unsigned n, unsigned *frames, unsigned *bytes) {
    struct vi_rig *from = tx ? &b->near : &b->far, *to = tx ? &b->far : &b->near;

    *frames = *bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        struct via_frame f = vi_rig_frame(from, 100, (uint8_t)i), got;
        unsigned before = *bytes;

        f.flags = VIA_FRAME_CSUM_OK;
        assert_int_equal(vi_rig_send(from, &f, 1), 1);
        vi_rig_expect(from, &f, 100, (uint8_t)i); /* what the stack may send again is untouched */
        assert_int_equal(vi_rig_recv(to, &got, 1), 1);
        assert_int_equal(got.len, 100);
        for (unsigned k = 0; k < 100; k++)
            *bytes += vi_rig_data(to, &got)[k] != (uint8_t)(i + k);
        *frames += *bytes > before;
        assert_int_equal(got.flags & VIA_FRAME_CSUM_OK, *bytes > before ? 0 : VIA_FRAME_CSUM_OK);
        vi_rig_free(to, &got, 1);
        vi_rig_reap(from);
        vi_rig_fill(to, 1);
    }
}

static void corrupted_packets_differ_in_one_byte(void **state) {
    (void)state;
    for (int tx = 0; tx < 2; tx++) {
        unsigned frames, bytes;
        struct bench b;

        open_bench(&b, "corrupt=10%");
        assert_int_equal(b.near.dev.caps, VIA_VI_JUMBO);
        run_damaged(&b, tx, 4000, &frames, &bytes);
        expect_tenth(frames);
        assert_int_equal(frames, bytes);
        assert_int_equal(vi_rig_held(&b.near, 3), 0);
        assert_int_equal(vi_rig_held(&b.near, 1), 256);
        close_bench(&b);
    }
}

static void truncated_packets_are_shorter_and_not_empty(void **state) {
    (void)state;
    for (int tx = 0; tx < 2; tx++) {
        unsigned cuts = 0, shortest = 100, longest = 0;
        struct via_frame f, got;
        struct vi_rig *from, *to;
        struct bench b;

        open_bench(&b, "truncate=10%");
        from = tx ? &b.near : &b.far;
        to = tx ? &b.far : &b.near;
        for (unsigned i = 0; i < 4000; i++) {
            f = vi_rig_frame(from, 100, (uint8_t)i);
            assert_int_equal(vi_rig_send(from, &f, 1), 1);
            assert_int_equal(vi_rig_recv(to, &got, 1), 1);
            vi_rig_expect(to, &got, got.len, (uint8_t)i);
            if (got.len < 100) {
                cuts++;
                shortest = got.len < shortest ? got.len : shortest;
                longest = got.len > longest ? got.len : longest;
            }
            vi_rig_free(to, &got, 1);
            vi_rig_reap(from);
            vi_rig_fill(to, 1);
        }
        expect_tenth(cuts);
        assert_in_range(shortest, 1, 5);
        assert_in_range(longest, 95, 99);
        close_bench(&b);
    }
}

static void reordered_packet_comes_after_as_many_as_asked(void **state) {
    (void)state;
    for (int tx = 0; tx < 2; tx++)
        for (unsigned by = 1; by <= 16; by += 5) {
            static unsigned number[1000];
            unsigned n, late = 0;
            char args[64];
            struct bench b;

            snprintf(args, sizeof args, "reorder=2%%,by=%u", by);
            open_bench(&b, args);
            n = run_numbered(&b, tx, 1000, number, 1000);
            assert_in_range(n, 980, 1000);
            for (unsigned i = 0; i + 1 < n; i++) {
                unsigned passed = 0;

                for (unsigned k = 0; k < i; k++)
                    passed += number[k] > number[i];
                assert_in_range(passed, 0, by);
                late += passed > 0;
            }
            assert_in_range(late, 4, 40);
            close_bench(&b);
        }
}

static void lone_packet_is_held_back_no_longer_than_100_ms(void **state) {
    unsigned number[4];
    struct bench b;

    (void)state;
    open_bench(&b, "reorder=100%");
    send_numbered(&b.far, 1, 1);
    assert_int_equal(receive_numbers(&b.near, number, 4), 0);
    assert_true(via_vi_fault.deadline(&b.near.dev) == b.near.now + 100 * VIA_MS);
    advance(&b, 100 * VIA_MS - 1);
    assert_int_equal(receive_numbers(&b.near, number, 4), 0);
    advance(&b, 1);
    assert_int_equal(receive_numbers(&b.near, number, 4), 1);
    assert_true(via_vi_fault.deadline(&b.near.dev) == VIA_NEVER);

    send_numbered(&b.near, 1, 1);
    assert_int_equal(receive_numbers(&b.far, number, 4), 0);
    assert_true(via_vi_fault.deadline(&b.near.dev) == b.near.now + 100 * VIA_MS);
    advance(&b, 100 * VIA_MS);
    receive_numbers(&b.near, number, 4);
    assert_int_equal(receive_numbers(&b.far, number, 4), 1);
    close_bench(&b);
}

static void delayed_packets_come_at_their_time(void **state) {
    struct via_frame f;
    unsigned number[8];
    struct bench b;

    (void)state;
    open_bench(&b, "delay=10ms");
    send_numbered(&b.far, 0, 2);
    assert_int_equal(receive_numbers(&b.near, number, 8), 0);
    assert_false(via_vi_fault.pending(&b.near.dev));
    assert_true(via_vi_fault.deadline(&b.near.dev) == b.near.now + 10 * VIA_MS);
    advance(&b, 10 * VIA_MS);
    assert_true(via_vi_fault.pending(&b.near.dev));
    assert_int_equal(via_vi_fault.arm(&b.near.dev), 1);
    assert_int_equal(vi_rig_recv(&b.near, &f, 1), 1);
    assert_int_equal(f.flags & VIA_FRAME_TS, VIA_FRAME_TS);
    assert_true(f.ts == b.near.now);
    assert_int_equal(vi_rig_recv(&b.near, &f, 1), 1);
    assert_int_equal(via_vi_fault.arm(&b.near.dev), 0);

    send_numbered(&b.near, 0, 1);
    assert_int_equal(vi_rig_reap(&b.near), 0);
    assert_int_equal(vi_rig_held(&b.near, 3), 1);
    assert_true(via_vi_fault.deadline(&b.near.dev) == b.near.now + 10 * VIA_MS);
    advance(&b, 10 * VIA_MS);
    assert_int_equal(receive_numbers(&b.far, number, 8), 0);
    assert_int_equal(vi_rig_recv(&b.near, &f, 1), 0);
    assert_int_equal(receive_numbers(&b.far, number, 8), 1);
    assert_int_equal(vi_rig_reap(&b.near), 1);
    close_bench(&b);
}

static void jitter_varies_the_delay_and_keeps_the_order(void **state) {
    unsigned seen = 0, waits = 0, number[64];
    via_ns_t start, last = 0;
    struct bench b;

    (void)state;
    open_bench(&b, "delay=1ms,jitter=1ms,dir=rx");
    for (unsigned i = 0; i < 32; i++) {
        send_numbered(&b.far, i, 1);
        receive_numbers(&b.near, number, 64);
    }
    start = b.near.now;
    while (seen < 32) {
        via_ns_t at = via_vi_fault.deadline(&b.near.dev);
        unsigned n;

        assert_in_range(at, start + VIA_MS, start + 2 * VIA_MS);
        waits += at != last;
        last = at;
        advance(&b, at - b.near.now);
        n = receive_numbers(&b.near, number + seen, 64 - seen);
        assert_true(n > 0);
        seen += n;
    }
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(number[i], i);
    assert_in_range(waits, 2, 32);
    close_bench(&b);
}

static void rate_spaces_packets_and_its_queue_overflows(void **state) {
    unsigned number[32], n = 0;
    struct via_vi_stats s = {0};
    struct bench b;

    (void)state;
    open_bench(&b, "rate=48k,queue=5,dir=tx"); /* 60 bytes take 10 ms */
    send_numbered(&b.near, 0, 8);
    via_vi_fault.stats(&b.near.dev, &s);
    assert_int_equal(s.tx_dropped, 3);
    for (unsigned i = 1; i <= 5; i++) {
        advance(&b, 10 * VIA_MS - 1);
        via_vi_fault.kick(&b.near.dev);
        assert_int_equal(receive_numbers(&b.far, number + n, 32 - n), 0);
        advance(&b, 1);
        via_vi_fault.kick(&b.near.dev);
        n += receive_numbers(&b.far, number + n, 32 - n);
        assert_int_equal(n, i);
    }
    send_numbered(&b.near, 8, 1);
    advance(&b, 10 * VIA_MS);
    via_vi_fault.kick(&b.near.dev);
    assert_int_equal(receive_numbers(&b.far, number + n, 32 - n), 1);
    close_bench(&b);
}

static void same_seed_gives_the_same_faults(void **state) {
    static unsigned number[3][3000];
    static const char *const args[] = {"loss=5%,dup=5%,reorder=5%,seed=1", "loss=5%,dup=5%,reorder=5%,seed=1",
                                       "loss=5%,dup=5%,reorder=5%,seed=2"};
    unsigned n[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct bench b;

        open_bench(&b, args[i]);
        n[i] = run_numbered(&b, true, 2000, number[i], 3000);
        close_bench(&b);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(number[0], number[1], n[0] * sizeof number[0][0]);
    assert_memory_not_equal(number[0], number[2], 500 * sizeof number[0][0]);
}

static void direction_spares_the_other(void **state) {
    unsigned number[100];
    struct bench b;

    (void)state;
    open_bench(&b, "loss=100%,dir=rx");
    assert_int_equal(run_numbered(&b, true, 100, number, 100), 100);
    assert_int_equal(run_numbered(&b, false, 100, number, 100), 0);
    close_bench(&b);
    open_bench(&b, "loss=100%,dir=tx");
    assert_int_equal(run_numbered(&b, false, 100, number, 100), 100);
    assert_int_equal(run_numbered(&b, true, 100, number, 100), 0);
    close_bench(&b);
}

static void ending_the_impairments_lets_go_of_what_is_held(void **state) {
    struct via_impair none = VIA_IMPAIR_INIT;
    unsigned number[100];
    struct bench b;

    (void)state;
    open_bench(&b, "delay=1s,dup=100%");
    send_numbered(&b.far, 0, 10);
    assert_int_equal(receive_numbers(&b.near, number, 100), 0);
    assert_int_equal(via_fault_set(&b.near.dev, &none), 0);
    send_numbered(&b.far, 10, 1);
    assert_int_equal(receive_numbers(&b.near, number, 100), 0);
    advance(&b, VIA_SEC);
    assert_int_equal(receive_numbers(&b.near, number, 100), 21);
    assert_int_equal(number[20], 10);
    vi_rig_fill(&b.near, 10);
    assert_int_equal(run_numbered(&b, false, 100, number, 100), 100);
    close_bench(&b);
}

/* A packet of 4,000 bytes in parts of 900. */
static unsigned make_chain(struct vi_rig *r, struct via_frame *v) {
    for (unsigned i = 0; i < 5; i++) {
        v[i] = vi_rig_frame(r, i < 4 ? 900 : 400, (uint8_t)(i * 900));
        v[i].flags = i < 4 ? VIA_FRAME_MORE : 0;
    }
    return 5;
}

/* Reads one packet out of `v`; its bytes, and whether all of them are those of make_chain(). */
static unsigned check_chain(const struct vi_rig *r, const struct via_frame *v, uint32_t *bytes, unsigned *wrong) {
    unsigned i = 0;

    *bytes = 0;
    *wrong = 0;
    do {
        for (uint32_t k = 0; k < v[i].len; k++)
            *wrong += vi_rig_data(r, &v[i])[k] != (uint8_t)(*bytes + k);
        *bytes += v[i].len;
    } while (v[i++].flags & VIA_FRAME_MORE);
    return i;
}

static void chains_are_spoiled_as_one_packet(void **state) {
    (void)state;
    for (int tx = 0; tx < 2; tx++) {
        unsigned whole = 0, damaged = 0, cuts = 0;
        struct via_frame v[5], got[64];
        struct vi_rig *from, *to;
        struct bench b;

        open_bench_mtu(&b, "loss=20%,dup=20%,corrupt=20%,truncate=20%,reorder=20%,delay=1us", 9000);
        from = tx ? &b.near : &b.far;
        to = tx ? &b.far : &b.near;
        for (unsigned i = 0; i < 600; i++) {
            unsigned n = make_chain(from, v), wrong;
            uint32_t bytes;

            assert_int_equal(vi_rig_send(from, v, n), n);
            advance(&b, VIA_US);
            via_vi_fault.kick(&b.near.dev);
            for (unsigned pass = 0; pass < 2; pass++) {
                n = vi_rig_recv(to, got, 64);
                for (unsigned at = 0; at < n;) {
                    at += check_chain(to, got + at, &bytes, &wrong);
                    assert_in_range(wrong, 0, 1);
                    damaged += wrong;
                    cuts += bytes < 4000;
                    whole += bytes == 4000 && !wrong;
                }
                vi_rig_free(to, got, n);
                advance(&b, VIA_US);
                via_vi_fault.kick(&b.near.dev);
            }
            vi_rig_reap(from);
            vi_rig_fill(&b.far, 256 - vi_rig_held(&b.far, 1));
            vi_rig_fill(&b.near, 256 - vi_rig_held(&b.near, 1));
        }
        assert_in_range(whole, 250, 550);
        assert_in_range(damaged, 50, 200);
        assert_in_range(cuts, 50, 200);
        for (unsigned i = 0; i < 2; i++) {
            advance(&b, VIA_SEC);
            via_vi_fault.kick(&b.near.dev);
        }
        vi_rig_reap(&b.near);
        assert_int_equal(vi_rig_held(&b.near, 3), 0);
        close_bench(&b);
    }
}

static void full_inner_ring_is_tried_again(void **state) {
    struct via_frame f, got[64];
    struct bench b;

    (void)state;
    open_bench(&b, "delay=1ms,dir=tx");
    vi_rig_free(&b.far, got, 0);
    for (unsigned i = 0; i < 200; i++) {
        f = vi_rig_frame(&b.near, 60, (uint8_t)i);
        assert_int_equal(vi_rig_send(&b.near, &f, 1), 1);
    }
    advance(&b, VIA_MS);
    assert_true(via_vi_fault.deadline(&b.near.dev) <= b.near.now);
    via_vi_fault.kick(&b.near.dev);
    assert_true(via_vi_fault.deadline(&b.near.dev) > b.near.now);
    assert_true(via_vi_fault.deadline(&b.near.dev) != VIA_NEVER);
    for (unsigned seen = 0, n; seen < 200; seen += n) {
        n = vi_rig_recv(&b.far, got, 64);
        for (unsigned i = 0; i < n; i++)
            vi_rig_expect(&b.far, &got[i], 60, (uint8_t)(seen + i));
        vi_rig_free(&b.far, got, n);
        via_vi_fault.kick(&b.near.dev);
    }
    assert_int_equal(vi_rig_reap(&b.near), 200);
    close_bench(&b);
}

static void nonsense_from_the_ring_is_passed_on_to_be_counted(void **state) {
    struct via_frame bad = {.addr = UINT64_MAX - 5, .len = 60};
    struct via_vi_stats s = {0};
    uint64_t back;
    struct bench b;

    (void)state;
    open_bench(&b, "corrupt=100%,dup=100%,truncate=100%");
    assert_int_equal(via_vi_fault.tx_burst(&b.near.dev, &bad, 1), 1);
    via_vi_mem.stats(&b.inner, &s);
    assert_int_equal(s.tx_dropped, 1);
    assert_int_equal(via_vi_fault.tx_reap(&b.near.dev, &back, 1), 1);
    assert_true(back == bad.addr);
    close_bench(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_parameter_is_refused_with_its_name),
        cmocka_unit_test(wrapper_needs_something_behind_it),
        cmocka_unit_test(impairments_out_of_range_change_nothing),
        cmocka_unit_test(without_faults_everything_passes_in_order),
        cmocka_unit_test(lost_packets_are_a_tenth_and_none_leaks),
        cmocka_unit_test(duplicates_follow_their_original_and_none_leaks),
        cmocka_unit_test(corrupted_packets_differ_in_one_byte),
        cmocka_unit_test(truncated_packets_are_shorter_and_not_empty),
        cmocka_unit_test(reordered_packet_comes_after_as_many_as_asked),
        cmocka_unit_test(lone_packet_is_held_back_no_longer_than_100_ms),
        cmocka_unit_test(delayed_packets_come_at_their_time),
        cmocka_unit_test(jitter_varies_the_delay_and_keeps_the_order),
        cmocka_unit_test(rate_spaces_packets_and_its_queue_overflows),
        cmocka_unit_test(same_seed_gives_the_same_faults),
        cmocka_unit_test(direction_spares_the_other),
        cmocka_unit_test(ending_the_impairments_lets_go_of_what_is_held),
        cmocka_unit_test(chains_are_spoiled_as_one_packet),
        cmocka_unit_test(full_inner_ring_is_tried_again),
        cmocka_unit_test(nonsense_from_the_ring_is_passed_on_to_be_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
