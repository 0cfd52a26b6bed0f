/* SPDX-License-Identifier: BSD-2-Clause */
/* Carries frames from TAP to TAP, or from TAP to cable, by hand; spoils those that a program names. */
#include "diff.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

static ssize_t take(struct diff_wire *w, unsigned dir, uint8_t *frame, size_t room) {
    ssize_t n;

    if (dir == 1 && w->stack)
        return diff_stack_take(w->stack, frame, room);
    n = read(dir ? w->host->tap : w->peer->tap, frame, room);
    return n > 0 ? n : 0;
}

static void give(struct diff_wire *w, unsigned dir, const uint8_t *frame, size_t n) {
    w->carried++;
    if (dir == 0 && w->stack)
        diff_stack_give(w->stack, frame, n);
    else if (write(dir ? w->peer->tap : w->host->tap, frame, n) < 0)
        errno = 0;
}

void diff_wire_reset(struct diff_wire *w) {
    memset(w->seen, 0, sizeof w->seen);
    memset(w->faults, 0, sizeof w->faults);
    memset(w->kept_n, 0, sizeof w->kept_n);
}

void diff_wire_fault(struct diff_wire *w, unsigned dir, uint8_t what, uint32_t nth) {
    if (w->faults[dir] == 8)
        return;
    w->fault[dir][w->faults[dir]].at = w->seen[dir] + nth;
    w->fault[dir][w->faults[dir]++].what = what;
}

enum { OTHER, TRAFFIC, LATE };

/*
 * Only what calls send is counted and spoiled: ARP, neighbour discovery, multicast reports come when they like. So does
 * the end of a reassembly, a second or more after the program that broke it, to whoever has its port by then: LATE.
 */
static int tcp_kind(const uint8_t *tcp, size_t n) {
    size_t hlen = n >= 20 ? (size_t)tcp[12] >> 4 << 2 : 0;

    return n >= 20 && !(tcp[13] & 6) && (n > hlen || (tcp[13] & 1)) ? TRAFFIC : OTHER; /* data and FIN, no SYN, no RST */
}

static int kind_of(const uint8_t *f, size_t n) {
    unsigned type = (unsigned)(f[12] << 8 | f[13]);

    if (n < 34 || f[0] & 1)
        return OTHER;
    if (type == 0x0800 && f[23] == IPPROTO_TCP)
        return tcp_kind(f + 34, (size_t)(f[16] << 8 | f[17]) - 20);
    if (type == 0x0800 && f[23] != IPPROTO_ICMP)
        return TRAFFIC;
    if (type == 0x0800)
        return f[34] == 11 ? LATE : OTHER;
    if (type != 0x86dd || n < 55)
        return OTHER;
    if (f[20] == IPPROTO_TCP)
        return tcp_kind(f + 54, (size_t)(f[18] << 8 | f[19]));
    if (f[20] != IPPROTO_ICMPV6)
        return TRAFFIC;
    return f[54] == 3 ? LATE : OTHER;
}

static uint8_t fault_of(struct diff_wire *w, unsigned dir) {
    for (unsigned i = 0; i < w->faults[dir]; i++) {
        uint8_t what = w->fault[dir][i].what;

        if (w->fault[dir][i].at != w->seen[dir])
            continue;
        w->fault[dir][i] = w->fault[dir][--w->faults[dir]];
        return what;
    }
    return 0;
}

static void carry(struct diff_wire *w, unsigned dir, uint8_t *frame, size_t n) {
    int kind = kind_of(frame, n);
    uint8_t what = 0;

    if (kind == TRAFFIC) {
        what = fault_of(w, dir);
        w->seen[dir]++;
    }
    if (what == FAULT_DROP || kind == LATE)
        return;
    if (what == FAULT_SPOIL)
        frame[n - 1] ^= 0x55;
    if (what == FAULT_SWAP && !w->kept_n[dir]) {
        memcpy(w->kept[dir], frame, n);
        w->kept_n[dir] = n;
        return;
    }
    give(w, dir, frame, n);
    if (what == FAULT_DOUBLE)
        give(w, dir, frame, n);
    if (w->kept_n[dir]) {
        give(w, dir, w->kept[dir], w->kept_n[dir]);
        w->kept_n[dir] = 0;
    }
}

static bool carry_all(struct diff_wire *w, unsigned dir) {
    uint8_t frame[2048];
    bool any = false;
    ssize_t n;

    while ((n = take(w, dir, frame, sizeof frame)) > 0) {
        carry(w, dir, frame, (size_t)n);
        if (w->stack)
            diff_stack_poll(w->stack);
        any = true;
    }
    return any;
}

bool diff_pump(struct diff_wire *w) {
    bool any = false, moved;

    do {
        moved = false;
        if (w->stack)
            diff_stack_poll(w->stack);
        for (unsigned dir = 0; dir < 2; dir++)
            moved |= carry_all(w, dir);
        /* What was held back for a swap leaves when nothing else does. */
        for (unsigned dir = 0; dir < 2 && !moved; dir++) {
            if (w->kept_n[dir]) {
                give(w, dir, w->kept[dir], w->kept_n[dir]);
                w->kept_n[dir] = 0;
                moved = true;
            }
        }
        any |= moved;
    } while (moved);
    return any;
}

static int until_deadline(struct diff_wire *w, int ms) {
    via_ns_t now, due;
    struct timespec ts;

    if (!w->stack)
        return ms;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    now = (via_ns_t)ts.tv_sec * VIA_SEC + (via_ns_t)ts.tv_nsec;
    due = via_stack_deadline(w->stack->st);
    if (due <= now)
        return 0;
    return due - now < (via_ns_t)ms * VIA_MS ? (int)((due - now) / VIA_MS) + 1 : ms;
}

void diff_wait(struct diff_wire *w, int ms) {
    struct pollfd p[2] = {{.fd = w->peer->tap, .events = POLLIN}, {.fd = w->host ? w->host->tap : -1, .events = POLLIN}};

    poll(p, 2, until_deadline(w, ms));
    diff_pump(w);
}
