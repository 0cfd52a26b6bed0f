/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/region.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MIB (1ull << 20)

static uint64_t bytes_behind(int fd) {
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static unsigned open_fds(void) {
    unsigned n = 0;
    int fd;

    for (fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void state_is_reserved_and_frames_are_committed(void **state) {
    struct via_region r;

    (void)state;
    assert_int_equal(via_region_init(&r, 64 * MIB + 1, 3 * MIB + 1, false), 0);
    assert_int_equal(r.size, 64 * MIB + 4096);
    assert_int_equal(r.frames_size, 3 * MIB + 4096);
    assert_false(r.huge);
    assert_int_equal(bytes_behind(r.fd), 0);
    assert_int_equal(bytes_behind(r.frames_fd), r.frames_size);
    assert_true(fcntl(r.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(r.frames_fd, F_GETFD) & FD_CLOEXEC);
    memset(r.frames, 0xaa, r.frames_size);
    via_region_fini(&r);
}

static void commit_takes_exactly_the_pages_it_touches(void **state) {
    struct via_region r;

    (void)state;
    assert_int_equal(via_region_init(&r, MIB, 4096, false), 0);
    assert_int_equal(via_region_commit(&r, 4096, 4096), 0);
    assert_int_equal(bytes_behind(r.fd), 4096);
    assert_int_equal(via_region_commit(&r, 4097, 4094), 0); /* the same page */
    assert_int_equal(bytes_behind(r.fd), 4096);
    assert_int_equal(via_region_commit(&r, 8191, 2), 0); /* its last byte and the next one */
    assert_int_equal(bytes_behind(r.fd), 8192);
    assert_int_equal(via_region_commit(&r, 64 * 4096, 1), 0);
    assert_int_equal(bytes_behind(r.fd), 3 * 4096);
    assert_int_equal(via_region_commit(&r, 50000, 0), 0);
    assert_int_equal(bytes_behind(r.fd), 3 * 4096);
    assert_int_equal(r.base[4096], 0);
    assert_int_equal(via_region_commit(&r, 0, MIB), 0);
    assert_int_equal(bytes_behind(r.fd), MIB);
    via_region_fini(&r);
}

static void commit_beyond_the_end_is_refused(void **state) {
    struct via_region r;

    (void)state;
    assert_int_equal(via_region_init(&r, MIB, 4096, false), 0);
    assert_int_equal(via_region_commit(&r, MIB - 1, 2), -ENOMEM);
    assert_int_equal(via_region_commit(&r, MIB, 1), -ENOMEM);
    assert_int_equal(via_region_commit(&r, MIB - 4096, 4096), 0);
    via_region_fini(&r);
}

static void commit_keeps_what_is_there(void **state) {
    struct via_region r;

    (void)state;
    assert_int_equal(via_region_init(&r, MIB, 4096, false), 0);
    assert_int_equal(via_region_commit(&r, 0, 8192), 0);
    memset(r.base, 0x5a, 8192);
    assert_int_equal(via_region_commit(&r, 4096, MIB - 4096), 0);
    assert_int_equal(r.base[0], 0x5a);
    assert_int_equal(r.base[8191], 0x5a);
    assert_int_equal(r.base[8192], 0);
    via_region_fini(&r);
}

static void reservations_are_aligned_and_apart(void **state) {
    struct via_region r;

    (void)state;
    assert_int_equal(via_region_init(&r, MIB, 4096, false), 0);
    assert_int_equal(via_region_reserve(&r, 100, 64), 0);
    assert_int_equal(via_region_reserve(&r, 100, 64), 128);
    assert_int_equal(via_region_reserve(&r, 1, 1), 228);
    assert_int_equal(via_region_reserve(&r, 4096, 4096), 4096);
    assert_int_equal(r.used, 8192);
    assert_int_equal(via_region_reserve(&r, MIB - 8192, 4096), 8192);
    via_region_fini(&r);
}

static void region_is_the_same_memory_through_its_fd(void **state) {
    struct via_region r;
    uint8_t *other;

    (void)state;
    assert_int_equal(via_region_init(&r, MIB, 4096, false), 0);
    assert_int_equal(via_region_commit(&r, 0, 4096), 0);
    other = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, 0);
    assert_ptr_not_equal(other, MAP_FAILED);
    r.base[17] = 42;
    assert_int_equal(other[17], 42);
    munmap(other, MIB);
    via_region_fini(&r);
}

static void size_cannot_be_changed_through_the_fd(void **state) {
    struct via_region r;

    (void)state;
    assert_int_equal(via_region_init(&r, MIB, 4096, false), 0);
    assert_int_equal(ftruncate(r.fd, 0), -1);
    assert_int_equal(ftruncate(r.frames_fd, 0), -1);
    assert_int_equal(ftruncate(r.fd, 2 * MIB), -1);
    via_region_fini(&r);
}

static void huge_pages_are_tried_and_not_required(void **state) {
    struct via_region r;

    (void)state;
    assert_int_equal(via_region_init(&r, MIB, MIB, true), 0);
    assert_int_equal(r.frames_size, r.huge ? 2 * MIB : MIB);
    memset(r.frames, 0xaa, r.frames_size);
    via_region_fini(&r);
}

static void what_cannot_be_mapped_leaves_nothing_behind(void **state) {
    const unsigned before = open_fds();
    struct via_region r;

    (void)state;
    errno = 4711;
    assert_int_equal(via_region_init(&r, 0, MIB, false), -EINVAL);
    assert_int_equal(via_region_init(&r, MIB, 0, false), -EINVAL);
    assert_int_equal(via_region_init(&r, 1ull << 62, MIB, false), -ENOMEM);
    assert_int_equal(via_region_init(&r, MIB, 1ull << 62, false), -ENOMEM);
    assert_null(r.base);
    via_region_fini(&r);
    via_region_fini(&r);
    assert_int_equal(errno, 4711);
    assert_int_equal(open_fds(), before);
}

static void no_fd_left_is_a_result(void **state) {
    struct rlimit old, none;
    struct via_region r;
    int err;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    err = via_region_init(&r, MIB, MIB, false);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(err, -EMFILE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_is_reserved_and_frames_are_committed),
        cmocka_unit_test(commit_takes_exactly_the_pages_it_touches),
        cmocka_unit_test(commit_beyond_the_end_is_refused),
        cmocka_unit_test(commit_keeps_what_is_there),
        cmocka_unit_test(reservations_are_aligned_and_apart),
        cmocka_unit_test(region_is_the_same_memory_through_its_fd),
        cmocka_unit_test(size_cannot_be_changed_through_the_fd),
        cmocka_unit_test(huge_pages_are_tried_and_not_required),
        cmocka_unit_test(what_cannot_be_mapped_leaves_nothing_behind),
        cmocka_unit_test(no_fd_left_is_a_result),
    };

    return cmocka_run_group_tests_name("base/region", tests, NULL, NULL);
}
