/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/drivers.h"
#include "vi/mem.h"
#include "vi/pcapng.h"
#include "vi_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

static void make_path(char path[64]) {
    int fd;

    strcpy(path, "/tmp/via-pcap-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

/* A cable whose end 0 is captured into a file. */
struct tap {
    char path[64];
    struct via_mem_cable *cable;
    struct via_vi_dev inner;
    struct vi_rig near, far;
};

static void open_tap(struct tap *t, const char *options) {
    struct via_mem_conf conf = {.ring = 512, .mtu = 9000};
    char args[128];

    make_path(t->path);
    assert_int_equal(via_mem_cable_new(&conf, &t->cable), 0);
    vi_rig_init(&t->near, &via_vi_pcap, 256, 2048);
    vi_rig_init(&t->far, &via_vi_mem, 256, 2048);
    t->inner = t->near.dev;
    t->inner.ops = &via_vi_mem;
    t->inner.priv = via_mem_cable_end(t->cable, 0);
    assert_int_equal(via_vi_mem.open(&t->inner, ""), 0);
    t->far.dev.priv = via_mem_cable_end(t->cable, 1);
    assert_int_equal(via_vi_mem.open(&t->far.dev, ""), 0);
    t->near.dev.inner = &t->inner;
    snprintf(args, sizeof args, "%s%s", t->path, options);
    assert_int_equal(via_vi_pcap.open(&t->near.dev, args), 0);
    vi_rig_fill(&t->near, 64);
    vi_rig_fill(&t->far, 64);
}

/* The file is whole after this; the caller removes it. */
static void close_tap(struct tap *t) {
    via_vi_pcap.close(&t->near.dev);
    via_vi_mem.close(&t->inner);
    via_vi_mem.close(&t->far.dev);
    via_mem_cable_release(t->cable);
    vi_rig_fini(&t->near);
    vi_rig_fini(&t->far);
}

/* `n` frames of growing length each way, a millisecond apart. */
static void exchange(struct tap *t, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        struct via_frame out = vi_rig_frame(&t->near, 60 + i, (uint8_t)i),
                         in = vi_rig_frame(&t->far, 61 + i, (uint8_t)i);
        struct via_frame got;

        t->near.now += VIA_MS;
        t->far.now += VIA_MS;
        assert_int_equal(vi_rig_send(&t->near, &out, 1), 1);
        assert_int_equal(vi_rig_send(&t->far, &in, 1), 1);
        assert_int_equal(vi_rig_recv(&t->near, &got, 1), 1);
        vi_rig_free(&t->near, &got, 1);
        assert_int_equal(vi_rig_recv(&t->far, &got, 1), 1);
        vi_rig_free(&t->far, &got, 1);
        vi_rig_reap(&t->near);
        vi_rig_reap(&t->far);
        vi_rig_fill(&t->near, 1);
        vi_rig_fill(&t->far, 1);
    }
}

static void expect_record(struct via_pcapng_reader *r, uint32_t dir, uint32_t len, uint8_t fill, via_ns_t ts) {
    struct via_pcapng_record rec;

    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_int_equal(rec.dir, dir);
    assert_int_equal(rec.orig_len, len);
    for (uint32_t i = 0; i < rec.len; i++)
        assert_int_equal(rec.data[i], (uint8_t)(fill + i));
    assert_true(rec.ts == ts);
}

static void expect_end(struct via_pcapng_reader *r) {
    struct via_pcapng_record rec;

    assert_int_equal(via_pcapng_read(r, &rec), 0);
    via_pcapng_reader_close(r);
}

static struct via_pcapng_reader *reader_of(const char *path) {
    struct via_pcapng_reader *r;

    assert_int_equal(via_pcapng_reader_open(path, &r), 0);
    return r;
}

static void both_directions_are_captured_at_their_times(void **state) {
    struct via_pcapng_reader *r;
    struct tap t;

    (void)state;
    open_tap(&t, "");
    exchange(&t, 5);
    close_tap(&t);
    r = reader_of(t.path);
    for (unsigned i = 0; i < 5; i++) {
        expect_record(r, VIA_PCAPNG_OUT, 60 + i, (uint8_t)i, 1000 * VIA_SEC + (i + 1) * VIA_MS);
        expect_record(r, VIA_PCAPNG_IN, 61 + i, (uint8_t)i, 1000 * VIA_SEC + (i + 1) * VIA_MS);
    }
    expect_end(r);
    unlink(t.path);
}

static void one_direction_and_a_snap_are_kept_to(void **state) {
    struct via_pcapng_record rec;
    struct via_pcapng_reader *r;
    struct tap t;

    (void)state;
    open_tap(&t, ":snap=20,dir=rx");
    exchange(&t, 2);
    close_tap(&t);
    r = reader_of(t.path);
    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_int_equal(rec.len, 20);
    assert_int_equal(rec.orig_len, 61);
    assert_int_equal(rec.dir, VIA_PCAPNG_IN);
    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_int_equal(rec.orig_len, 62);
    expect_end(r);
    unlink(t.path);
}

static void chain_is_captured_as_one_packet_and_a_tag_as_bytes(void **state) {
    struct via_frame v[3], got[8];
    struct via_pcapng_record rec;
    struct via_pcapng_reader *r;
    struct tap t;

    (void)state;
    open_tap(&t, "");
    for (unsigned i = 0; i < 3; i++) {
        v[i] = vi_rig_frame(&t.near, 1000, (uint8_t)(i * 1000));
        v[i].flags = i < 2 ? VIA_FRAME_MORE : 0;
    }
    assert_int_equal(vi_rig_send(&t.near, v, 3), 3);
    v[0] = vi_rig_frame(&t.far, 60, 0);
    v[0].flags = VIA_FRAME_VLAN;
    v[0].vlan = 0x1234;
    assert_int_equal(vi_rig_send(&t.far, v, 1), 1);
    assert_int_equal(vi_rig_recv(&t.near, got, 8), 1);
    close_tap(&t);
    r = reader_of(t.path);
    expect_record(r, VIA_PCAPNG_OUT, 3000, 0, 1000 * VIA_SEC);
    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_int_equal(rec.len, 64);
    assert_memory_equal(rec.data + 12, "\x81\x00\x12\x34", 4);
    assert_int_equal(rec.data[11], 11);
    assert_int_equal(rec.data[16], 12);
    expect_end(r);
    unlink(t.path);
}

static void what_was_not_taken_is_not_captured(void **state) {
    struct via_frame v[64];
    struct via_pcapng_reader *r;
    unsigned n;
    struct tap t;

    (void)state;
    open_tap(&t, "");
    for (unsigned i = 0; i < 64; i++)
        v[i] = vi_rig_frame(&t.near, 60, 0);
    n = vi_rig_send(&t.near, v, 64);
    assert_in_range(n, 1, 63);
    close_tap(&t);
    r = reader_of(t.path);
    for (unsigned i = 0; i < n; i++)
        expect_record(r, VIA_PCAPNG_OUT, 60, 0, 1000 * VIA_SEC);
    expect_end(r);
    unlink(t.path);
}

static void sleeping_brings_the_file_up_to_date(void **state) {
    struct via_pcapng_reader *r;
    struct tap t;

    (void)state;
    open_tap(&t, "");
    exchange(&t, 1);
    assert_int_equal(via_vi_pcap.arm(&t.near.dev), 0);
    r = reader_of(t.path);
    expect_record(r, VIA_PCAPNG_OUT, 60, 0, 1000 * VIA_SEC + VIA_MS);
    expect_record(r, VIA_PCAPNG_IN, 61, 0, 1000 * VIA_SEC + VIA_MS);
    expect_end(r);
    via_vi_pcap.disarm(&t.near.dev);
    close_tap(&t);
    unlink(t.path);
}

static void full_disk_stops_the_capture_and_not_the_traffic(void **state) {
    struct rlimit old, small;
    struct via_frame f;
    struct tap t;

    (void)state;
    open_tap(&t, "");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 10000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (unsigned i = 0; i < 100; i++) {
        f = vi_rig_frame(&t.near, 1500, 0);
        assert_int_equal(vi_rig_send(&t.near, &f, 1), 1);
        assert_int_equal(vi_rig_reap(&t.near), 1);
        assert_int_equal(vi_rig_recv(&t.far, &f, 1), 1);
        vi_rig_free(&t.far, &f, 1);
        vi_rig_fill(&t.far, 1);
    }
    assert_non_null(strstr(t.near.why, "cannot be written"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    close_tap(&t);
    unlink(t.path);
}

static void expect_refusal(const char *args, bool wraps, int err, const char *word) {
    struct via_vi_dev inner;
    struct vi_rig r;

    vi_rig_init(&r, &via_vi_pcap, 64, 2048);
    inner = r.dev;
    inner.ops = &via_vi_null;
    assert_int_equal(via_vi_null.open(&inner, ""), 0);
    r.dev.inner = wraps ? &inner : NULL;
    assert_int_equal(via_vi_pcap.open(&r.dev, args), err);
    if (!strstr(r.why, word))
        fail_msg("\"%s\" says: %s", args, r.why);
    via_vi_null.close(&inner);
    vi_rig_fini(&r);
}

static void every_bad_parameter_is_refused_with_its_name(void **state) {
    static const char *const bad[] = {"snap=13", "snap=x", "dir=up", "time=now", "size=3", "fast=on"};
    static const char *const source[] = {"speed=0", "speed=x", "speed=", "fast=maybe", "snap=96"};
    char path[64], args[128];

    (void)state;
    make_path(path);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(args, sizeof args, "%s:%s", path, bad[i]);
        expect_refusal(args, true, -EINVAL, bad[i]);
    }
    for (unsigned i = 0; i < sizeof source / sizeof source[0]; i++) {
        snprintf(args, sizeof args, "%s:%s", path, source[i]);
        expect_refusal(args, false, -EINVAL, source[i]);
    }
    expect_refusal("", true, -EINVAL, "file name");
    expect_refusal("", false, -EINVAL, "file name");
    expect_refusal("/dev/full", true, -ENOSPC, "");
    expect_refusal("/nonexistent/file", true, -ENOENT, "/nonexistent/file");
    expect_refusal("/nonexistent/file", false, -ENOENT, "/nonexistent/file");
    snprintf(args, sizeof args, "%s", path);
    expect_refusal(args, false, -EINVAL, "no capture");
    unlink(path);
}

/* A file with frames of 60 + i bytes, 10 ms apart, that begins in 2020; every fifth is cut to 40 bytes. */
static void write_capture(char path[64], unsigned n) {
    struct via_pcapng_iface iface = {0};
    struct via_pcapng_writer *w;
    uint8_t bytes[4096];

    make_path(path);
    assert_int_equal(via_pcapng_writer_open(path, -1, &w), 0);
    assert_int_equal(via_pcapng_interface(w, &iface), 0);
    for (unsigned i = 0; i < n; i++) {
        struct iovec iov = {bytes, i % 5 == 4 ? 40 : 60 + i};
        struct via_pcapng_packet p = {.iov = &iov, .iovs = 1, .orig_len = 60 + i};

        for (unsigned k = 0; k < 60 + i; k++)
            bytes[k] = (uint8_t)(i + k);
        p.ts = 1577836800 * VIA_SEC + i * 10 * VIA_MS;
        assert_int_equal(via_pcapng_packet(w, &p), 0);
    }
    assert_int_equal(via_pcapng_writer_close(w), 0);
}

static void open_replay(struct vi_rig *r, const char *path, const char *options) {
    char args[128];

    vi_rig_init(r, &via_vi_pcap, 256, 2048);
    snprintf(args, sizeof args, "%s%s", path, options);
    assert_int_equal(via_vi_pcap.open(&r->dev, args), 0);
    assert_int_equal(r->dev.caps & VIA_VI_SOURCE_ONLY, VIA_VI_SOURCE_ONLY);
}

static void close_replay(struct vi_rig *r) {
    r->dev.ops->close(&r->dev);
    vi_rig_fini(r);
}

static void replay_keeps_the_distances_of_the_file(void **state) {
    struct via_frame f;
    char path[64];
    struct vi_rig r;
    via_ns_t start;

    (void)state;
    write_capture(path, 10);
    open_replay(&r, path, "");
    assert_true(r.dev.ops->deadline(&r.dev) == VIA_NEVER);
    vi_rig_fill(&r, 64);
    start = r.now += VIA_SEC;
    assert_true(r.dev.ops->deadline(&r.dev) <= r.now);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(r.dev.ops->pending(&r.dev));
        assert_int_equal(r.dev.ops->arm(&r.dev), 1);
        assert_int_equal(vi_rig_recv(&r, &f, 1), 1);
        vi_rig_expect(&r, &f, i % 5 == 4 ? 40 : 60 + i, (uint8_t)i);
        assert_int_equal(f.flags, VIA_FRAME_TS | (i % 5 == 4 ? VIA_FRAME_TRUNC : 0));
        assert_true(f.ts == start + i * 10 * VIA_MS);
        if (i == 9)
            break;
        assert_int_equal(r.dev.link, VIA_LINK_UP);
        assert_true(r.dev.ops->deadline(&r.dev) == start + (i + 1) * 10 * VIA_MS);
        assert_int_equal(r.dev.ops->arm(&r.dev), 0);
        r.now += 10 * VIA_MS - 1;
        assert_int_equal(vi_rig_recv(&r, &f, 1), 0);
        r.now += 1;
    }
    assert_int_equal(r.dev.link, VIA_LINK_DOWN);
    assert_true(r.dev.ops->deadline(&r.dev) == VIA_NEVER);
    assert_int_equal(vi_rig_recv(&r, &f, 1), 0);
    close_replay(&r);
    unlink(path);
}

static void replay_goes_faster_or_without_waiting(void **state) {
    struct via_frame v[64];
    char path[64];
    struct vi_rig r;

    (void)state;
    write_capture(path, 10);
    open_replay(&r, path, ":speed=10");
    vi_rig_fill(&r, 64);
    assert_int_equal(vi_rig_recv(&r, v, 64), 1);
    r.now += 3 * VIA_MS;
    assert_int_equal(vi_rig_recv(&r, v, 64), 3);
    assert_true(v[1].ts == r.now - VIA_MS);
    close_replay(&r);
    open_replay(&r, path, ":fast");
    vi_rig_fill(&r, 64);
    assert_int_equal(vi_rig_recv(&r, v, 4), 4);
    assert_int_equal(vi_rig_recv(&r, v, 64), 6);
    close_replay(&r);
    unlink(path);
}

static void replay_waits_for_empty_frames_and_swallows_what_is_sent(void **state) {
    struct via_vi_stats s = {0};
    struct via_frame v[64], f;
    char path[64];
    struct vi_rig r;

    (void)state;
    write_capture(path, 10);
    open_replay(&r, path, ":fast");
    assert_int_equal(vi_rig_recv(&r, v, 64), 0);
    vi_rig_fill(&r, 3);
    assert_int_equal(vi_rig_recv(&r, v, 64), 3);
    vi_rig_fill(&r, 64);
    assert_int_equal(vi_rig_recv(&r, v, 64), 7);
    f = vi_rig_frame(&r, 60, 0);
    assert_int_equal(vi_rig_send(&r, &f, 1), 1);
    assert_int_equal(vi_rig_reap(&r), 1);
    r.dev.ops->stats(&r.dev, &s);
    assert_int_equal(s.tx_dropped, 1);
    assert_int_equal(s.rx_frames, 10);
    close_replay(&r);
    unlink(path);
}

static void long_packets_are_replayed_as_chains(void **state) {
    static uint8_t bytes[150000];
    struct via_pcapng_iface iface = {0};
    struct iovec iov = {bytes, 0};
    struct via_pcapng_packet p = {.iov = &iov, .iovs = 1};
    struct via_pcapng_writer *w;
    struct via_vi_stats s = {0};
    struct via_frame v[64];
    char path[64];
    struct vi_rig r;
    uint32_t at = 0;
    unsigned n;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    make_path(path);
    assert_int_equal(via_pcapng_writer_open(path, -1, &w), 0);
    assert_int_equal(via_pcapng_interface(w, &iface), 0);
    iov.iov_len = 9000;
    assert_int_equal(via_pcapng_packet(w, &p), 0);
    iov.iov_len = 150000; /* more than a chain can be: left out and counted */
    assert_int_equal(via_pcapng_packet(w, &p), 0);
    iov.iov_len = 60;
    assert_int_equal(via_pcapng_packet(w, &p), 0);
    assert_int_equal(via_pcapng_writer_close(w), 0);
    open_replay(&r, path, ":fast");
    vi_rig_fill(&r, 128);
    n = vi_rig_recv(&r, v, 64);
    assert_int_equal(n, 6);
    for (unsigned i = 0; i < 5; i++) {
        vi_rig_expect(&r, &v[i], v[i].len, (uint8_t)at);
        assert_int_equal(v[i].flags & VIA_FRAME_MORE, i < 4 ? VIA_FRAME_MORE : 0);
        at += v[i].len;
    }
    assert_int_equal(at, 9000);
    vi_rig_expect(&r, &v[5], 60, 0);
    r.dev.ops->stats(&r.dev, &s);
    assert_int_equal(s.rx_invalid, 1);
    close_replay(&r);
    unlink(path);
}

static void broken_file_ends_the_replay_with_a_sentence(void **state) {
    struct via_frame v[64];
    char path[64];
    struct vi_rig r;

    (void)state;
    write_capture(path, 10);
    assert_int_equal(truncate(path, 300), 0);
    open_replay(&r, path, ":fast");
    vi_rig_fill(&r, 64);
    assert_in_range(vi_rig_recv(&r, v, 64), 1, 5);
    assert_int_equal(r.dev.link, VIA_LINK_DOWN);
    assert_non_null(strstr(r.why, "middle of a block"));
    close_replay(&r);
    unlink(path);
}

/* Runs a command and gives its output back without the last newline. */
static void run(char *out, size_t room, const char *command, const char *path) {
    char line[256];
    FILE *f;
    size_t n;

    snprintf(line, sizeof line, command, path);
    f = popen(line, "r");
    assert_non_null(f);
    n = fread(out, 1, room - 1, f);
    out[n] = '\0';
    pclose(f);
}

static void other_programs_read_what_is_written(void **state) {
    struct via_pcapng_iface iface = {.name = "via0", .about = "memory, one copy"};
    static const uint8_t arp[42] = "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1\x08\x06\0\1\x08\0\6\4\0\1";
    struct iovec iov = {(void *)(uintptr_t)arp, sizeof arp};
    struct via_pcapng_packet p = {.iov = &iov, .iovs = 1, .dir = VIA_PCAPNG_OUT, .comment = "IP_CHECKSUM: wrong"};
    struct via_pcapng_writer *w;
    char path[64], out[4096];

    (void)state;
    if (system("command -v tshark >/dev/null 2>&1 && command -v capinfos >/dev/null 2>&1"))
        skip();
    make_path(path);
    assert_int_equal(via_pcapng_writer_open(path, -1, &w), 0);
    assert_int_equal(via_pcapng_interface(w, &iface), 0);
    p.ts = 1577836800123456789;
    assert_int_equal(via_pcapng_packet(w, &p), 0);
    p.comment = NULL;
    p.dir = VIA_PCAPNG_IN;
    p.ts += VIA_MS;
    assert_int_equal(via_pcapng_packet(w, &p), 0);
    assert_int_equal(via_pcapng_writer_close(w), 0);
    run(out, sizeof out, "capinfos -T -r -m -t -c -E %s 2>/dev/null", path);
    assert_non_null(strstr(out, "pcapng,ether,2"));
    run(out, sizeof out,
        "tshark -n -r %s -T fields -E separator='|' -e frame.interface_name -e frame.packet_flags_direction "
        "-e frame.comment -e frame.time_epoch -e arp.opcode 2>/dev/null",
        path);
    assert_string_equal(out, "via0|0x00000002|IP_CHECKSUM: wrong|1577836800.123456789|1\n"
                             "via0|0x00000001||1577836800.124456789|1\n");
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_are_captured_at_their_times),
        cmocka_unit_test(one_direction_and_a_snap_are_kept_to),
        cmocka_unit_test(chain_is_captured_as_one_packet_and_a_tag_as_bytes),
        cmocka_unit_test(what_was_not_taken_is_not_captured),
        cmocka_unit_test(sleeping_brings_the_file_up_to_date),
        cmocka_unit_test(full_disk_stops_the_capture_and_not_the_traffic),
        cmocka_unit_test(every_bad_parameter_is_refused_with_its_name),
        cmocka_unit_test(replay_keeps_the_distances_of_the_file),
        cmocka_unit_test(replay_goes_faster_or_without_waiting),
        cmocka_unit_test(replay_waits_for_empty_frames_and_swallows_what_is_sent),
        cmocka_unit_test(long_packets_are_replayed_as_chains),
        cmocka_unit_test(broken_file_ends_the_replay_with_a_sentence),
        cmocka_unit_test(other_programs_read_what_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
