/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/region.h"

#include "base/check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE      4096ull
#define HUGE_PAGE (2ull << 20)
#define STEP      (128ull << 10)

/*
 * Maps a memfd of `size` bytes; the FD, or -errno. Its size is sealed: nobody who was handed the FD can make an access
 * of ours fail by truncating it. errno is put back: it is not ours to change.
 */
static int map_memfd(const char *name, unsigned flags, uint64_t size, uint8_t **at) {
    int saved = errno, err, fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
    void *p;

    if (fd < 0) {
        err = -errno;
        goto out;
    }
    if (ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        err = -errno;
        goto no_map;
    }
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (p == MAP_FAILED) {
        err = -errno;
        goto no_map;
    }
    *at = p;
    errno = saved;
    return fd;
no_map:
    close(fd);
out:
    errno = saved;
    return err;
}

/* By small steps: older kernels undo the call that a signal meets, and a long one might meet one every time. */
static int commit(int fd, uint64_t off, uint64_t size, uint64_t most) {
    const uint64_t end = off + size;
    int saved = errno, err = 0;

    while (off < end && !err) {
        const uint64_t step = end - off < most ? end - off : most;

        if (fallocate(fd, 0, (off_t)off, (off_t)step) == 0)
            off += step;
        else if (errno != EINTR)
            err = errno == ENOSPC ? -ENOMEM : -errno;
    }
    errno = saved;
    return err;
}

static void unmap(uint8_t **at, uint64_t size, int *fd) {
    int saved = errno;

    if (*at)
        munmap(*at, size);
    if (*fd >= 0)
        close(*fd);
    *at = NULL;
    *fd = -1;
    errno = saved;
}

static int map_huge(struct via_region *r, uint64_t frames_size) {
    r->frames_size = via_round_up(frames_size, HUGE_PAGE);
    r->frames_fd = map_memfd("viaduct-frames", MFD_HUGETLB, r->frames_size, &r->frames);
    if (r->frames_fd < 0)
        return r->frames_fd;
    if (commit(r->frames_fd, 0, r->frames_size, HUGE_PAGE) == 0)
        return 0;
    unmap(&r->frames, r->frames_size, &r->frames_fd);
    return -ENOMEM;
}

static int map_frames(struct via_region *r, uint64_t frames_size, bool huge) {
    if (huge && map_huge(r, frames_size) == 0) {
        r->huge = true;
        return 0;
    }
    r->frames_size = via_round_up(frames_size, PAGE);
    r->frames_fd = map_memfd("viaduct-frames", 0, r->frames_size, &r->frames);
    if (r->frames_fd < 0)
        return r->frames_fd;
    return commit(r->frames_fd, 0, r->frames_size, STEP);
}

int via_region_init(struct via_region *r, uint64_t size, uint64_t frames_size, bool huge) {
    int err;

    memset(r, 0, sizeof *r);
    r->fd = r->frames_fd = -1;
    if (!size || !frames_size)
        return -EINVAL;
    r->size = via_round_up(size, PAGE);
    r->fd = map_memfd("viaduct-state", 0, r->size, &r->base);
    if (r->fd < 0)
        return r->fd;
    err = map_frames(r, frames_size, huge);
    if (err < 0)
        via_region_fini(r);
    return err;
}

void via_region_fini(struct via_region *r) {
    unmap(&r->base, r->size, &r->fd);
    unmap(&r->frames, r->frames_size, &r->frames_fd);
}

uint64_t via_region_reserve(struct via_region *r, uint64_t size, uint64_t align) {
    uint64_t off = via_round_up(r->used, align);

    VIA_ASSERT(off + size <= r->size);
    r->used = off + size;
    return off;
}

int via_region_commit(struct via_region *r, uint64_t off, uint64_t size) {
    uint64_t from = off & ~(PAGE - 1), to = via_round_up(off + size, PAGE);

    if (to > r->size)
        return -ENOMEM;
    return size ? commit(r->fd, from, to - from, STEP) : 0;
}
