/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

/* A capture under construction, in either byte order. */
struct file {
    uint8_t at[8192];
    size_t len;
    bool swapped;
};

static void add(struct file *f, const void *data, size_t len) {
    assert_true(f->len + len <= sizeof f->at);
    memcpy(f->at + f->len, data, len);
    f->len += len;
}

static void add32(struct file *f, uint32_t v) {
    v = f->swapped ? __builtin_bswap32(v) : v;
    add(f, &v, 4);
}

static void add16(struct file *f, uint16_t v) {
    v = f->swapped ? __builtin_bswap16(v) : v;
    add(f, &v, 2);
}

static void add_section(struct file *f) {
    add32(f, 0x0a0d0d0a);
    add32(f, 28);
    add32(f, 0x1a2b3c4d);
    add16(f, 1);
    add16(f, 0);
    add32(f, 0xffffffff);
    add32(f, 0xffffffff);
    add32(f, 28);
}

/* An interface of which nothing is said but its link type. */
static void add_interface(struct file *f, uint16_t link) {
    add32(f, 1);
    add32(f, 20);
    add16(f, link);
    add16(f, 0);
    add32(f, 0);
    add32(f, 20);
}

static void add_interface_resolution(struct file *f, uint8_t resolution, int64_t offset) {
    uint8_t value[4] = {resolution, 0, 0, 0};
    uint64_t o = (uint64_t)offset;

    add32(f, 1);
    add32(f, 20 + 8 + 12 + 4);
    add16(f, 1);
    add16(f, 0);
    add32(f, 0);
    add16(f, 9);
    add16(f, 1);
    add(f, value, 4);
    add16(f, 14);
    add16(f, 8);
    o = f->swapped ? __builtin_bswap64(o) : o;
    add(f, &o, 8);
    add32(f, 0);
    add32(f, 20 + 8 + 12 + 4);
}

static void add_packet(struct file *f, uint32_t iface, uint64_t ticks, const char *text) {
    uint32_t len = (uint32_t)strlen(text), room = (len + 3) & ~3u;

    add32(f, 6);
    add32(f, 32 + room);
    add32(f, iface);
    add32(f, (uint32_t)(ticks >> 32));
    add32(f, (uint32_t)ticks);
    add32(f, len);
    add32(f, len + 10);
    add(f, text, len);
    add(f, "\0\0\0", room - len);
    add32(f, 32 + room);
}

static struct via_pcapng_reader *open_file(const struct file *f) {
    struct via_pcapng_reader *r;

    assert_int_equal(via_pcapng_reader_memory(f->at, f->len, &r), 0);
    return r;
}

static void expect_packet(struct via_pcapng_reader *r, uint32_t iface, via_ns_t ts, const char *text) {
    struct via_pcapng_record rec;

    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_int_equal(rec.iface, iface);
    assert_true(rec.ts == ts);
    assert_int_equal(rec.len, strlen(text));
    assert_memory_equal(rec.data, text, rec.len);
}

static void both_byte_orders_are_read(void **state) {
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        struct file f = {.swapped = swapped};
        struct via_pcapng_record rec;
        struct via_pcapng_reader *r;

        add_section(&f);
        add_interface(&f, 1);
        add_packet(&f, 0, 0x100000001, "hello");
        add_packet(&f, 0, 5, "four");
        r = open_file(&f);
        expect_packet(r, 0, 0x100000001 * VIA_US, "hello");
        expect_packet(r, 0, 5 * VIA_US, "four");
        assert_int_equal(via_pcapng_read(r, &rec), 0);
        assert_int_equal(via_pcapng_read(r, &rec), 0);
        via_pcapng_reader_close(r);
    }
}

static void each_interface_has_its_own_clock(void **state) {
    struct file f = {0};
    struct via_pcapng_reader *r;

    (void)state;
    add_section(&f);
    add_interface_resolution(&f, 9, 0);
    add_interface_resolution(&f, 3, 2);
    add_interface_resolution(&f, 0x80 | 10, 0);
    add_interface_resolution(&f, 12, 0);
    add_interface_resolution(&f, 0xff, -1);
    add_interface_resolution(&f, 0, INT64_MAX);
    add_packet(&f, 0, 7, "a");
    add_packet(&f, 1, 7, "b");
    add_packet(&f, 2, 512, "c");
    add_packet(&f, 3, 7999, "d");
    add_packet(&f, 4, UINT64_MAX, "e");
    add_packet(&f, 5, UINT64_MAX, "f");
    r = open_file(&f);
    expect_packet(r, 0, 7, "a");
    expect_packet(r, 1, 2 * VIA_SEC + 7 * VIA_MS, "b");
    expect_packet(r, 2, VIA_SEC / 2, "c");
    expect_packet(r, 3, 7, "d");
    expect_packet(r, 4, 0, "e");
    expect_packet(r, 5, VIA_NEVER - 1, "f");
    via_pcapng_reader_close(r);
}

static void sections_may_follow_in_another_byte_order(void **state) {
    struct file f = {0};
    struct via_pcapng_record rec;
    struct via_pcapng_reader *r;

    (void)state;
    add_section(&f);
    add_interface(&f, 1);
    add_packet(&f, 0, 1, "one");
    f.swapped = true;
    add_section(&f);
    add_interface(&f, 113);
    add_packet(&f, 0, 2, "two");
    add_section(&f);
    add_packet(&f, 0, 3, "no interface in this section");
    r = open_file(&f);
    expect_packet(r, 0, 1 * VIA_US, "one");
    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_int_equal(rec.link, 113);
    assert_int_equal(via_pcapng_read(r, &rec), -EBADMSG);
    assert_non_null(strstr(via_pcapng_reader_why(r), "not described"));
    assert_int_equal(via_pcapng_read(r, &rec), -EBADMSG);
    via_pcapng_reader_close(r);
}

static void other_blocks_are_stepped_over(void **state) {
    struct file f = {0};
    struct via_pcapng_record rec;
    struct via_pcapng_reader *r;

    (void)state;
    add_section(&f);
    add_interface(&f, 1);
    add32(&f, 5); /* interface statistics */
    add32(&f, 12);
    add32(&f, 12);
    add32(&f, 3); /* simple packet */
    add32(&f, 20);
    add32(&f, 2);
    add(&f, "hi\0", 4);
    add32(&f, 20);
    add32(&f, 2); /* the obsolete packet block */
    add32(&f, 36);
    add16(&f, 0);
    add16(&f, 9);
    add32(&f, 0);
    add32(&f, 77);
    add32(&f, 3);
    add32(&f, 3);
    add(&f, "old", 4);
    add32(&f, 36);
    r = open_file(&f);
    expect_packet(r, 0, 0, "hi");
    expect_packet(r, 0, 77 * VIA_US, "old");
    assert_int_equal(via_pcapng_read(r, &rec), 0);
    via_pcapng_reader_close(r);
}

static void classic_files_are_read_in_both_resolutions_and_orders(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct file f = {.swapped = kind & 1};
        struct via_pcapng_record rec;
        struct via_pcapng_reader *r;

        add32(&f, kind & 2 ? 0xa1b23c4d : 0xa1b2c3d4);
        add16(&f, 2);
        add16(&f, 4);
        add32(&f, 0);
        add32(&f, 0);
        add32(&f, 65535);
        add32(&f, 1);
        add32(&f, 10);
        add32(&f, 500);
        add32(&f, 5);
        add32(&f, 60);
        add(&f, "hello", 5);
        r = open_file(&f);
        expect_packet(r, 0, 10 * VIA_SEC + (kind & 2 ? 500 : 500 * VIA_US), "hello");
        assert_int_equal(via_pcapng_read(r, &rec), 0);
        via_pcapng_reader_close(r);
    }
}

static void what_is_no_capture_is_refused(void **state) {
    static const char text[] = "#!/bin/sh and so on for a while";
    struct via_pcapng_reader *r;

    (void)state;
    assert_int_equal(via_pcapng_reader_memory(text, sizeof text, &r), -EINVAL);
    assert_int_equal(via_pcapng_reader_memory(text, 0, &r), -EINVAL);
    assert_int_equal(via_pcapng_reader_open("/nonexistent/file", &r), -ENOENT);
    assert_int_equal(via_pcapng_reader_open("/", &r), -EISDIR);
}

/* Sets one word of a file with one packet and expects the reader to find it broken. */
static void expect_broken(size_t at, uint32_t value, const char *why) {
    struct file f = {0};
    struct via_pcapng_record rec;
    struct via_pcapng_reader *r;
    int err;

    add_section(&f);
    add_interface(&f, 1);
    add_packet(&f, 0, 1, "text");
    memcpy(f.at + at, &value, 4);
    r = open_file(&f);
    while ((err = via_pcapng_read(r, &rec)) == 1)
        ;
    assert_int_equal(err, -EBADMSG);
    if (!strstr(via_pcapng_reader_why(r), why))
        fail_msg("word at %zu: %s", at, via_pcapng_reader_why(r));
    via_pcapng_reader_close(r);
}

static void no_length_in_the_file_is_believed(void **state) {
    (void)state;
    expect_broken(4, 0, "impossible");        /* section */
    expect_broken(4, 30, "impossible");       /* not a multiple of four */
    expect_broken(4, 16, "differ");           /* ends elsewhere */
    expect_broken(4, 0xfffffffc, "too long"); /* beyond everything */
    expect_broken(12, 0x00000002, "version"); /* section of another version */
    expect_broken(24, 32, "differ");          /* trailer */
    expect_broken(28 + 4, 12, "differ");      /* interface */
    expect_broken(48 + 4, 8, "impossible");   /* packet */
    expect_broken(48 + 4, 40, "middle");      /* beyond the end of the file */
    expect_broken(48 + 20, 5, "longer");      /* captured length beyond the block */
    expect_broken(48 + 20, 0xffffffff, "longer");
    expect_broken(48 + 8, 1, "not described"); /* interface number */
}

static void every_cut_of_a_file_ends_in_an_error_or_between_blocks(void **state) {
    struct file f = {0};
    struct via_pcapng_record rec;
    struct via_pcapng_reader *r;

    (void)state;
    add_section(&f);
    add_interface_resolution(&f, 9, 0);
    add_packet(&f, 0, 1, "some text");
    for (size_t len = 0; len < f.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        int err;

        memcpy(copy, f.at, len);
        err = via_pcapng_reader_memory(copy, len, &r);
        if (len < 12) {
            assert_int_equal(err, -EINVAL);
            free(copy);
            continue;
        }
        assert_int_equal(err, 0);
        err = via_pcapng_read(r, &rec);
        assert_int_equal(err, len == 28 || len == 28 + 44 ? 0 : -EBADMSG);
        via_pcapng_reader_close(r);
        free(copy);
    }
}

static void options_beyond_their_block_are_not_read(void **state) {
    struct file f = {0};
    struct via_pcapng_record rec;
    struct via_pcapng_reader *r;

    (void)state;
    add_section(&f);
    add_interface(&f, 1);
    add32(&f, 6);
    add32(&f, 40);
    add32(&f, 0);
    add32(&f, 0);
    add32(&f, 0);
    add32(&f, 0);
    add32(&f, 0);
    add16(&f, 1); /* a comment of 9 bytes in a room of 4 */
    add16(&f, 9);
    add(&f, "text", 4);
    add32(&f, 40);
    r = open_file(&f);
    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_null(rec.comment);
    assert_int_equal(via_pcapng_read(r, &rec), 0);
    via_pcapng_reader_close(r);
}

/* Where a test writes; removed at its end. */
static void make_path(char path[64]) {
    strcpy(path, "/tmp/via-pcapng-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
}

static void what_is_written_is_read_back(void **state) {
    struct via_pcapng_iface iface = {
        .name = "eth0", .about = "a cable", .mac = (const uint8_t *)"\2\0\0\0\0\1", .offset = 3};
    struct iovec iov[2] = {{"hello ", 6}, {"world", 5}};
    struct via_pcapng_packet p = {
        .dir = VIA_PCAPNG_OUT, .ts = 123456789012345, .iov = iov, .iovs = 2, .comment = "dropped: because"};
    struct via_pcapng_writer *w;
    struct via_pcapng_reader *r;
    struct via_pcapng_record rec;
    char path[64];

    (void)state;
    make_path(path);
    assert_int_equal(via_pcapng_writer_open(path, -1, &w), 0);
    assert_int_equal(via_pcapng_packet(w, &p), -EINVAL);
    assert_int_equal(via_pcapng_interface(w, &iface), 0);
    iface = (struct via_pcapng_iface){.snap = 7};
    assert_int_equal(via_pcapng_interface(w, &iface), 1);
    assert_int_equal(via_pcapng_packet(w, &p), 0);
    p = (struct via_pcapng_packet){.iface = 1, .dir = VIA_PCAPNG_IN, .iov = iov, .iovs = 2, .orig_len = 2000};
    assert_int_equal(via_pcapng_packet(w, &p), 0);
    assert_int_equal(via_pcapng_writer_close(w), 0);

    assert_int_equal(via_pcapng_reader_open(path, &r), 0);
    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_int_equal(rec.len, 11);
    assert_int_equal(rec.orig_len, 11);
    assert_memory_equal(rec.data, "hello world", 11);
    assert_int_equal(rec.dir, VIA_PCAPNG_OUT);
    assert_true(rec.ts == 123456789012345 + 3 * VIA_SEC);
    assert_int_equal(rec.comment_len, strlen("dropped: because"));
    assert_memory_equal(rec.comment, "dropped: because", rec.comment_len);
    assert_int_equal(via_pcapng_read(r, &rec), 1);
    assert_int_equal(rec.iface, 1);
    assert_int_equal(rec.len, 7);
    assert_int_equal(rec.orig_len, 2000);
    assert_memory_equal(rec.data, "hello w", 7);
    assert_int_equal(rec.dir, VIA_PCAPNG_IN);
    assert_null(rec.comment);
    assert_int_equal(via_pcapng_read(r, &rec), 0);
    via_pcapng_reader_close(r);
    unlink(path);
}

static void many_packets_outgrow_the_buffers(void **state) {
    static uint8_t bytes[200000];
    struct via_pcapng_iface iface = {0};
    struct iovec iov = {bytes, 0};
    struct via_pcapng_packet p = {.iov = &iov, .iovs = 1};
    struct via_pcapng_writer *w;
    struct via_pcapng_reader *r;
    struct via_pcapng_record rec;
    char path[64];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    make_path(path);
    assert_int_equal(via_pcapng_writer_open(path, -1, &w), 0);
    assert_int_equal(via_pcapng_interface(w, &iface), 0);
    for (unsigned i = 0; i < 200; i++) {
        iov.iov_len = i * 1003;
        p.ts = i;
        assert_int_equal(via_pcapng_packet(w, &p), 0);
    }
    assert_int_equal(via_pcapng_writer_close(w), 0);
    assert_int_equal(via_pcapng_reader_open(path, &r), 0);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(via_pcapng_read(r, &rec), 1);
        assert_int_equal(rec.len, i * 1003);
        assert_true(rec.ts == i);
        assert_memory_equal(rec.data, bytes, rec.len);
    }
    assert_int_equal(via_pcapng_read(r, &rec), 0);
    via_pcapng_reader_close(r);
    unlink(path);
}

static void write_error_is_kept(void **state) {
    struct via_pcapng_iface iface = {0};
    struct via_pcapng_packet p = {0};
    struct via_pcapng_writer *w;

    (void)state;
    assert_int_equal(via_pcapng_writer_open("/nonexistent/file", -1, &w), -ENOENT);
    assert_int_equal(via_pcapng_writer_open("/dev/full", -1, &w), 0);
    assert_int_equal(via_pcapng_interface(w, &iface), 0);
    assert_int_equal(via_pcapng_flush(w), -ENOSPC);
    assert_int_equal(via_pcapng_packet(w, &p), -ENOSPC);
    assert_int_equal(via_pcapng_interface(w, &iface), -ENOSPC);
    assert_int_equal(via_pcapng_writer_close(w), -ENOSPC);
}

static void long_names_are_refused(void **state) {
    char name[257];
    struct via_pcapng_iface iface = {.name = name};
    struct via_pcapng_writer *w;

    (void)state;
    memset(name, 'x', 256);
    name[256] = '\0';
    assert_int_equal(via_pcapng_writer_open("/dev/null", -1, &w), 0);
    assert_int_equal(via_pcapng_interface(w, &iface), -EINVAL);
    name[255] = '\0';
    assert_int_equal(via_pcapng_interface(w, &iface), 0);
    assert_int_equal(via_pcapng_writer_close(w), 0);
}

static void only_whole_blocks_reach_the_file(void **state) {
    struct via_pcapng_iface iface = {0};
    struct iovec iov = {(void *)(uintptr_t) "0123456789", 10};
    struct via_pcapng_packet p = {.iov = &iov, .iovs = 1};
    struct via_pcapng_writer *w;
    struct via_pcapng_reader *r;
    struct via_pcapng_record rec;
    char name[64];
    int fd = memfd_create("capture", MFD_CLOEXEC), got = 1;
    unsigned n = 0;

    (void)state;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    assert_int_equal(via_pcapng_writer_open(NULL, fd, &w), 0);
    assert_int_equal(via_pcapng_interface(w, &iface), 0);
    for (unsigned i = 0; i < 5000; i++) /* more than one buffer, never flushed by hand */
        assert_int_equal(via_pcapng_packet(w, &p), 0);
    assert_int_equal(via_pcapng_reader_open(name, &r), 0);
    while ((got = via_pcapng_read(r, &rec)) == 1)
        n++;
    assert_int_equal(got, 0); /* what is in the file so far is whole */
    assert_in_range(n, 1000, 4999);
    via_pcapng_reader_close(r);
    assert_int_equal(via_pcapng_writer_close(w), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_byte_orders_are_read),
        cmocka_unit_test(each_interface_has_its_own_clock),
        cmocka_unit_test(sections_may_follow_in_another_byte_order),
        cmocka_unit_test(other_blocks_are_stepped_over),
        cmocka_unit_test(classic_files_are_read_in_both_resolutions_and_orders),
        cmocka_unit_test(what_is_no_capture_is_refused),
        cmocka_unit_test(no_length_in_the_file_is_believed),
        cmocka_unit_test(every_cut_of_a_file_ends_in_an_error_or_between_blocks),
        cmocka_unit_test(options_beyond_their_block_are_not_read),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(many_packets_outgrow_the_buffers),
        cmocka_unit_test(write_error_is_kept),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(only_whole_blocks_reach_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
