/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

enum { FREE = 0, RX = 1, MINE = 2, TX = 3 };

void vi_rig_init(struct vi_rig *r, const struct via_vi_ops *ops, uint32_t frames, uint32_t frame_size) {
    memset(r, 0, sizeof *r);
    r->frames = frames;
    r->dev.ops = ops;
    r->dev.frame_size = frame_size;
    r->dev.mem_size = (uint64_t)frames * frame_size;
    r->dev.mem_fd = memfd_create("vi_rig", MFD_CLOEXEC);
    assert_true(r->dev.mem_fd >= 0);
    assert_int_equal(ftruncate(r->dev.mem_fd, (off_t)r->dev.mem_size), 0);
    r->dev.mem = mmap(NULL, r->dev.mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, r->dev.mem_fd, 0);
    assert_true(r->dev.mem != MAP_FAILED);
    r->dev.headroom = 128;
    r->dev.rx_ring = r->dev.tx_ring = 256;
    r->dev.now = &r->now;
    r->dev.seed = 7;
    r->dev.why = r->why;
    r->now = 1000 * VIA_SEC;
    r->free = malloc(frames * sizeof *r->free);
    r->holder = calloc(frames, 1);
    assert_true(r->free && r->holder);
    for (uint32_t i = frames; i; i--)
        r->free[r->free_n++] = (uint64_t)(i - 1) * frame_size;
}

void vi_rig_fini(struct vi_rig *r) {
    munmap(r->dev.mem, r->dev.mem_size);
    close(r->dev.mem_fd);
    free(r->free);
    free(r->holder);
}

static void move(struct vi_rig *r, uint64_t addr, uint8_t from, uint8_t to) {
    assert_true(addr < r->dev.mem_size);
    assert_int_equal(r->holder[addr / r->dev.frame_size], from);
    r->holder[addr / r->dev.frame_size] = to;
    if (to == FREE)
        r->free[r->free_n++] = addr / r->dev.frame_size * r->dev.frame_size;
}

unsigned vi_rig_fill(struct vi_rig *r, unsigned n) {
    unsigned taken;

    if (n > r->free_n)
        n = r->free_n;
    taken = r->dev.ops->rx_fill(&r->dev, r->free + r->free_n - n, n);
    assert_true(taken <= n);
    for (unsigned i = 0; i < taken; i++)
        move(r, r->free[r->free_n - n + i], FREE, RX);
    memmove(r->free + r->free_n - n, r->free + r->free_n - n + taken, (n - taken) * sizeof *r->free);
    r->free_n -= taken;
    return taken;
}

unsigned vi_rig_recv(struct vi_rig *r, struct via_frame *v, unsigned n) {
    unsigned got = r->dev.ops->rx_burst(&r->dev, v, n);

    assert_true(got <= n);
    for (unsigned i = 0; i < got; i++) {
        assert_true(v[i].len <= r->dev.frame_size - v[i].addr % r->dev.frame_size);
        assert_true(v[i].addr % r->dev.frame_size >= r->dev.headroom);
        move(r, v[i].addr, RX, MINE);
    }
    return got;
}

void vi_rig_free(struct vi_rig *r, const struct via_frame *v, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        move(r, v[i].addr, MINE, FREE);
}

struct via_frame vi_rig_frame(struct vi_rig *r, uint32_t len, uint8_t fill) {
    struct via_frame f = {.len = len};

    assert_true(r->free_n > 0);
    f.addr = r->free[--r->free_n];
    r->holder[f.addr / r->dev.frame_size] = MINE;
    f.addr += len <= r->dev.frame_size - r->dev.headroom ? r->dev.headroom : 0;
    for (uint32_t i = 0; i < len; i++)
        r->dev.mem[f.addr + i] = (uint8_t)(fill + i);
    return f;
}

unsigned vi_rig_send(struct vi_rig *r, const struct via_frame *v, unsigned n) {
    unsigned taken = r->dev.ops->tx_burst(&r->dev, v, n);

    assert_true(taken <= n);
    for (unsigned i = 0; i < taken; i++)
        move(r, v[i].addr, MINE, TX);
    if (r->dev.ops->kick)
        assert_int_equal(r->dev.ops->kick(&r->dev), 0);
    return taken;
}

unsigned vi_rig_reap(struct vi_rig *r) {
    uint64_t addr[64];
    unsigned n, all = 0;

    if (r->dev.caps & VIA_VI_SYNC) {
        for (uint64_t i = 0; i < r->frames; i++)
            if (r->holder[i] == TX) {
                move(r, i * r->dev.frame_size, TX, FREE);
                all++;
            }
        assert_int_equal(r->dev.ops->tx_reap(&r->dev, addr, 64), 0);
        return all;
    }
    while ((n = r->dev.ops->tx_reap(&r->dev, addr, 64)) > 0) {
        assert_true(n <= 64);
        for (unsigned i = 0; i < n; i++)
            move(r, addr[i], TX, FREE);
        all += n;
    }
    return all;
}

unsigned vi_rig_held(const struct vi_rig *r, uint8_t holder) {
    unsigned n = 0;

    for (uint32_t i = 0; i < r->frames; i++)
        n += r->holder[i] == holder;
    return n;
}

uint8_t *vi_rig_data(const struct vi_rig *r, const struct via_frame *f) {
    return r->dev.mem + f->addr;
}

void vi_rig_expect(const struct vi_rig *r, const struct via_frame *f, uint32_t len, uint8_t fill) {
    const uint8_t *at = vi_rig_data(r, f);

    assert_int_equal(f->len, len);
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(at[i], (uint8_t)(fill + i));
}
