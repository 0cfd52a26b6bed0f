/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ETHER_TYPE 0x88b5

bool via_check_fail(struct check *c, const char *text, ...) {
    va_list ap;

    if (c->verdict == VIA_VI_FAILED)
        return false;
    c->verdict = VIA_VI_FAILED;
    va_start(ap, text);
    vsnprintf(c->said, sizeof c->said, text, ap);
    va_end(ap);
    return false;
}

bool via_check_skip(struct check *c, const char *text) {
    c->verdict = VIA_VI_NOT_APPLICABLE;
    snprintf(c->said, sizeof c->said, "%s", text);
    return false;
}

uint64_t via_check_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void set_clock(struct side *s) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    s->now = (via_ns_t)t.tv_sec * VIA_SEC + (via_ns_t)t.tv_nsec;
}

uint32_t via_check_random(struct check *c, uint32_t below) {
    c->random = c->random * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
    return (uint32_t)(c->random >> 33) % below;
}

static const char *name_of(const struct check *c, const struct side *s) {
    return s == &c->near ? "the driver under test" : "the other end";
}

static void free_side(struct side *s) {
    if (s->dev.mem)
        munmap(s->dev.mem, s->dev.mem_size);
    if (s->dev.mem_fd >= 0)
        close(s->dev.mem_fd);
    free(s->free);
    free(s->holder);
    memset(s, 0, sizeof *s);
    s->dev.mem_fd = -1;
}

/* The frame area and the upper half of the device. */
static bool make_side(struct check *c, struct side *s, const struct want *w) {
    const struct via_vi_check_conf *conf = c->conf;
    struct via_vi_dev *d = &s->dev;
    void *at;

    memset(s, 0, sizeof *s);
    d->frame_size = w->frame_size ? w->frame_size : conf->frame_size;
    d->headroom = w->headroom ? w->headroom : conf->headroom;
    d->rx_ring = conf->rx_ring;
    d->tx_ring = conf->tx_ring;
    d->now = &s->now;
    d->why = s->why;
    d->seed = s == &c->near ? 1 : 2;
    s->frames = 4 * (conf->rx_ring + conf->tx_ring) + 2 * BURST;
    d->mem_size = (uint64_t)s->frames * d->frame_size;
    d->mem_fd = memfd_create("via_check", MFD_CLOEXEC);
    s->free = malloc(s->frames * sizeof *s->free);
    s->holder = calloc(s->frames, 1);
    if (d->mem_fd < 0 || ftruncate(d->mem_fd, (off_t)d->mem_size) < 0 || !s->free || !s->holder)
        return via_check_fail(c, "no memory for a frame area");
    at = mmap(NULL, d->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, d->mem_fd, 0);
    if (at == MAP_FAILED)
        return via_check_fail(c, "no memory for a frame area");
    d->mem = at;
    set_clock(s);
    for (uint32_t i = s->frames; i; i--)
        s->free[s->free_n++] = (uint64_t)(i - 1) * d->frame_size;
    return true;
}

/* A driver that leaves to the kernel what no filter names is asked for everything. */
static bool take_everything(struct check *c, struct side *s) {
    struct via_filter all = {.kind = VIA_FILTER_ALL};
    int err;

    if (!(s->dev.caps & VIA_VI_STEERS))
        return true;
    if (!s->dev.ops->filter)
        return via_check_fail(c, "VIA_VI_STEERS is said, but there is no filter function");
    err = s->dev.ops->filter(&s->dev, true, &all);
    return err == 0 || via_check_fail(c, "a filter for everything is refused: %s", strerror(-err));
}

bool via_check_open(struct check *c, const struct want *w) {
    bool two = c->conf->ends == 2;
    struct via_vi_dev *dev[2] = {&c->near.dev, two ? &c->far.dev : NULL};
    int err;

    if (!make_side(c, &c->near, w) || (two && !make_side(c, &c->far, w)))
        return false;
    err = c->conf->open(c->conf->arg, dev);
    if (err < 0)
        return via_check_fail(c, "open: %s%s%s", strerror(-err), c->near.why[0] || c->far.why[0] ? ": " : "",
                              c->near.why[0] ? c->near.why : c->far.why);
    c->is_open = true;
    if (!take_everything(c, &c->near) || (two && !take_everything(c, &c->far)))
        return false;
    return via_check_lend(c, &c->near, w->lend) && (!two || via_check_lend(c, &c->far, c->conf->rx_ring));
}

void via_check_close(struct check *c) {
    struct via_vi_dev *dev[2] = {&c->near.dev, c->conf->ends == 2 ? &c->far.dev : NULL};

    if (c->is_open) {
        if (c->conf->close) {
            c->conf->close(c->conf->arg, dev);
        } else {
            dev[0]->ops->close(dev[0]);
            if (dev[1])
                dev[1]->ops->close(dev[1]);
        }
    }
    c->is_open = false;
    free_side(&c->near);
    free_side(&c->far);
}

/* The book: the frame around `addr` goes from one holder to the next. */
static bool move(struct check *c, struct side *s, uint64_t addr, enum holder from, enum holder to) {
    static const char *const words[] = {"free", "lent to it", "the owner's", "handed over to send"};
    uint64_t i = addr / s->dev.frame_size;

    if (addr >= s->dev.mem_size)
        return via_check_fail(c, "%s returned offset %llu, beyond the frame area of %llu bytes", name_of(c, s),
                              (unsigned long long)addr, (unsigned long long)s->dev.mem_size);
    if (s->holder[i] != from)
        return via_check_fail(c, "%s returned frame %llu as one that was %s, but it is %s", name_of(c, s),
                              (unsigned long long)i, words[from], words[s->holder[i]]);
    s->holder[i] = (uint8_t)to;
    s->lent += to == LENT ? 1u : 0u;
    s->lent -= from == LENT ? 1u : 0u;
    s->sent += to == SENT ? 1u : 0u;
    s->sent -= from == SENT ? 1u : 0u;
    if (to == FREE)
        s->free[s->free_n++] = i * s->dev.frame_size;
    return true;
}

bool via_check_lend(struct check *c, struct side *s, uint32_t n) {
    while (n && s->free_n) {
        uint64_t addr[16];
        unsigned k = n < 16 ? n : 16, took;

        k = k < s->free_n ? k : s->free_n;
        for (unsigned i = 0; i < k; i++)
            addr[i] = s->free[s->free_n - 1 - i];
        took = s->dev.ops->rx_fill(&s->dev, addr, k);
        if (took > k)
            return via_check_fail(c, "rx_fill took %u of %u frames", took, k);
        s->free_n -= took;
        for (unsigned i = 0; i < took; i++)
            if (!move(c, s, addr[i], FREE, LENT))
                return false;
        if (took < k)
            return true;
        n -= took;
    }
    return true;
}

/* What a received frame must be like. */
static bool frame_is_sound(struct check *c, struct side *s, const struct via_frame *f) {
    const uint32_t known = VIA_FRAME_MORE | VIA_FRAME_CSUM_OK | VIA_FRAME_VLAN | VIA_FRAME_TRUNC | VIA_FRAME_TS;
    uint64_t off = f->addr % s->dev.frame_size;

    if (off < s->dev.headroom)
        return via_check_fail(c, "a packet begins %llu bytes into its frame, the headroom is %u",
                              (unsigned long long)off, s->dev.headroom);
    if (off + f->len > s->dev.frame_size)
        return via_check_fail(c, "a packet of %u bytes at offset %llu leaves its frame", f->len,
                              (unsigned long long)off);
    if (f->flags & ~known)
        return via_check_fail(c, "a frame has unknown flags, 0x%x", f->flags);
    return true;
}

bool via_check_receive(struct check *c, struct side *s, struct via_frame *v, unsigned n, unsigned *got) {
    set_clock(s);
    *got = s->dev.ops->rx_burst(&s->dev, v, n);
    if (*got > n)
        return via_check_fail(c, "rx_burst returned %u frames where %u were asked for", *got, n);
    for (unsigned i = 0; i < *got; i++)
        if (!move(c, s, v[i].addr, LENT, MINE) || !frame_is_sound(c, s, &v[i]))
            return false;
    if (n >= BURST && *got && v[*got - 1].flags & VIA_FRAME_MORE)
        return via_check_fail(c, "a packet is split over two bursts");
    return true;
}

void via_check_release(struct side *s, const struct via_frame *v, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        s->holder[v[i].addr / s->dev.frame_size] = FREE;
        s->free[s->free_n++] = v[i].addr / s->dev.frame_size * s->dev.frame_size;
    }
}

bool via_check_send(struct check *c, struct side *s, const struct via_frame *v, unsigned n, unsigned *taken) {
    set_clock(s);
    *taken = s->dev.ops->tx_burst(&s->dev, v, n);
    if (*taken > n)
        return via_check_fail(c, "tx_burst took %u of %u frames", *taken, n);
    if (*taken && v[*taken - 1].flags & VIA_FRAME_MORE)
        return via_check_fail(c, "tx_burst took part of a packet");
    for (unsigned i = 0; i < *taken; i++)
        if (!move(c, s, v[i].addr, MINE, s->dev.caps & VIA_VI_SYNC ? FREE : SENT))
            return false;
    return true;
}

bool via_check_kick(struct check *c, struct side *s) {
    int err = s->dev.ops->kick ? s->dev.ops->kick(&s->dev) : 0;

    return err == 0 || via_check_fail(c, "kick: %s", strerror(-err));
}

bool via_check_reap(struct check *c, struct side *s) {
    uint64_t addr[16];
    unsigned n;

    do {
        n = s->dev.ops->tx_reap(&s->dev, addr, 16);
        if (n > 16)
            return via_check_fail(c, "tx_reap returned %u frames where 16 were asked for", n);
        for (unsigned i = 0; i < n; i++)
            if (!move(c, s, addr[i], SENT, FREE))
                return false;
    } while (n);
    return true;
}

void via_check_make(struct check *c, uint32_t len) {
    static const uint8_t head[14] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0x5e, 0, 0x53, 0, ETHER_TYPE >> 8, ETHER_TYPE & 0xff};

    c->number++;
    c->len = len;
    memcpy(c->packet, head, sizeof head);
    c->packet[11] = (uint8_t)c->number;
    for (uint32_t i = 14; i < len; i++)
        c->packet[i] = (uint8_t)(i * 31 + (i >> 8) + c->number * 7);
    if (len >= 18)
        memcpy(c->packet + 14, &c->number, 4);
}

bool via_check_frames(struct check *c, struct side *s, struct via_frame *v, unsigned *n) {
    uint32_t room = s->dev.frame_size - s->dev.headroom, at = 0;

    for (*n = 0; at < c->len || !*n; (*n)++) {
        struct via_frame *f = &v[*n];

        if (!s->free_n || *n == BURST) {
            via_check_release(s, v, *n);
            return false;
        }
        memset(f, 0, sizeof *f);
        f->addr = s->free[--s->free_n] + s->dev.headroom;
        f->len = c->len - at < room ? c->len - at : room;
        s->holder[f->addr / s->dev.frame_size] = MINE;
        memcpy(s->dev.mem + f->addr, c->packet + at, f->len);
        at += f->len;
        f->flags = at < c->len ? VIA_FRAME_MORE : 0;
    }
    return true;
}

static bool poll_fds(struct side *s, int ms) {
    struct pollfd p[16];
    int fd[16];
    unsigned n = s->dev.ops->fds ? s->dev.ops->fds(&s->dev, fd, 16) : 0;

    for (unsigned i = 0; i < n && i < 16; i++)
        p[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
    if (!n && ms > 1)
        ms = 1;
    return poll(p, n, ms) > 0;
}

bool via_check_sleep(struct check *c, struct side *s, uint64_t end) {
    uint64_t now = via_check_ms();

    (void)c;
    set_clock(s);
    if (now >= end)
        return false;
    if (s->dev.ops->arm && s->dev.ops->arm(&s->dev))
        return true;
    poll_fds(s, end - now < 10 ? (int)(end - now) : 10);
    if (s->dev.ops->disarm)
        s->dev.ops->disarm(&s->dev);
    set_clock(s);
    return true;
}

static uint64_t end_of_wait(const struct check *c) {
    return via_check_ms() + c->conf->wait_ms;
}

/* Receives into the side's burst if that is used up, keeps the device stocked. */
static bool refresh(struct check *c, struct side *s) {
    if (s->at < s->n)
        return true;
    s->at = s->n = 0;
    return via_check_receive(c, s, s->burst, BURST, &s->n);
}

static bool is_ours(const uint8_t *at, uint32_t len) {
    static const uint8_t mark[] = {2, 0, 0x5e, 0, 0x53};

    return len >= 14 && at[12] == ETHER_TYPE >> 8 && at[13] == (ETHER_TYPE & 0xff) && !memcmp(at + 6, mark, 5);
}

/* Puts the next packet at hand into c->got; its length, 0 if none of ours is there. */
static bool next_packet(struct check *c, struct side *s, uint32_t *len) {
    for (*len = 0; !*len && refresh(c, s) && s->n;) {
        unsigned first = s->at;
        uint32_t at = 0;
        bool more;

        do {
            struct via_frame *f = &s->burst[s->at++];

            if (at + f->len > PACKET_MAX)
                return via_check_fail(c, "a packet of more than %d bytes came", PACKET_MAX);
            memcpy(c->got + at, s->dev.mem + f->addr, f->len);
            at += f->len;
            more = f->flags & VIA_FRAME_MORE;
        } while (more && s->at < s->n);
        via_check_release(s, s->burst + first, s->at - first);
        if (!via_check_lend(c, s, s->at - first))
            return false;
        if (is_ours(c->got, at))
            *len = at;
    }
    return c->verdict != VIA_VI_FAILED;
}

static bool next_collected(struct check *c, uint32_t *len) {
    do {
        ssize_t n = c->conf->collect(c->conf->arg, c->got, PACKET_MAX);

        *len = n > 0 ? (uint32_t)n : 0;
    } while (*len && !is_ours(c->got, *len));
    return true;
}

static bool next_out(struct check *c, uint32_t *len) {
    return c->conf->ends == 2 ? next_packet(c, &c->far, len) : next_collected(c, len);
}

/* Frames that were sent come back in the meantime; a driver may send more only then. */
static bool work_on(struct check *c) {
    return via_check_reap(c, &c->near) && (c->conf->ends != 2 || via_check_reap(c, &c->far));
}

/* Compares c->got with c->packet. True with *is: it is the one. */
static bool compare(struct check *c, uint32_t len, bool *is) {
    uint32_t at = 0;

    *is = false;
    if (c->lenient && (len != c->len || memcmp(c->got, c->packet, len)))
        return true;
    if (len != c->len)
        return via_check_fail(c, "a packet of %u bytes came where one of %u was sent", len, c->len);
    while (at < len && c->got[at] == c->packet[at])
        at++;
    if (at < len)
        return via_check_fail(c, "byte %u of a packet of %u is 0x%02x, not 0x%02x: changed, or out of order", at, len,
                              c->got[at], c->packet[at]);
    *is = true;
    return true;
}

static bool arrives(struct check *c, bool out) {
    struct side *s = out ? &c->far : &c->near;
    uint64_t end = end_of_wait(c);
    uint32_t len;
    bool is, slept = true;

    for (;;) {
        if (!(out ? next_out(c, &len) : next_packet(c, s, &len)) || !work_on(c))
            return false;
        if (len) {
            if (!compare(c, len, &is))
                return false;
            if (is)
                return true;
            continue;
        }
        if (!slept)
            return via_check_fail(c, "a packet of %u bytes was sent %s and did not come", c->len,
                                  out ? "by the driver" : "to the driver");
        slept = c->conf->ends == 2 || !out ? via_check_sleep(c, s, end) : poll(NULL, 0, 1) == 0 && via_check_ms() < end;
    }
}

bool via_check_arrives_out(struct check *c) {
    return arrives(c, true);
}

bool via_check_arrives_in(struct check *c) {
    return arrives(c, false);
}

/* Once: hands the packet over if there is room. */
static bool try_send(struct check *c, struct side *s, bool *went) {
    struct via_frame v[BURST];
    unsigned n, taken;

    *went = false;
    if (!via_check_frames(c, s, v, &n))
        return via_check_reap(c, s);
    if (!via_check_send(c, s, v, n, &taken))
        return false;
    via_check_release(s, v + taken, n - taken);
    if (taken && taken < n)
        return via_check_fail(c, "tx_burst took part of a packet");
    *went = taken == n;
    return via_check_kick(c, s) && via_check_reap(c, s);
}

/* The other end may have to run before there is room; what it receives is looked at later. */
bool via_check_make_room(struct check *c, struct side *s, uint64_t end) {
    struct side *other = s == &c->near ? &c->far : &c->near;
    bool idle = true;

    if (other->dev.mem && other->at == other->n) {
        if (!refresh(c, other))
            return false;
        idle = !other->n;
    }
    return via_check_reap(c, s) && (!idle || via_check_sleep(c, s, end));
}

static bool send_waiting(struct check *c, struct side *s) {
    uint64_t end = end_of_wait(c);
    unsigned tries = 0;
    bool went;

    do {
        if (!try_send(c, s, &went))
            return false;
        if (went)
            return true;
    } while (via_check_make_room(c, s, end) || ++tries < 3);
    return via_check_fail(c, "%s takes no packet of %u bytes", name_of(c, s), c->len);
}

bool via_check_out(struct check *c) {
    return send_waiting(c, &c->near);
}

bool via_check_try_in(struct check *c, bool *went) {
    int err;

    if (c->conf->ends == 2)
        return try_send(c, &c->far, went);
    err = c->conf->inject(c->conf->arg, c->packet, c->len);
    *went = err == 0;
    return true;
}

bool via_check_in(struct check *c) {
    bool went;

    if (c->conf->ends == 2)
        return send_waiting(c, &c->far);
    if (!via_check_try_in(c, &went))
        return false;
    return went || via_check_fail(c, "a packet of %u bytes cannot be injected", c->len);
}

static bool drain_side(struct check *c, struct side *s, bool *any) {
    uint32_t len;

    do {
        if (!next_packet(c, s, &len) || !via_check_reap(c, s))
            return false;
        *any |= len > 0;
    } while (len);
    return true;
}

bool via_check_drain(struct check *c) {
    uint64_t end = end_of_wait(c);
    uint32_t len;
    bool any;

    do {
        any = false;
        if (!drain_side(c, &c->near, &any) || (c->conf->ends == 2 && !drain_side(c, &c->far, &any)))
            return false;
        for (len = c->conf->ends == 1 && c->conf->collect; len;)
            next_collected(c, &len);
    } while (any || via_check_sleep(c, &c->near, end));
    return true;
}

bool via_check_settle(struct check *c, struct side *s) {
    uint64_t end = end_of_wait(c);

    do {
        if (!via_check_reap(c, s))
            return false;
        if (!s->sent)
            return true;
    } while (via_check_kick(c, s) && via_check_sleep(c, s, end));
    return via_check_fail(c, "%u frames that %s was given to send do not come back", s->sent, name_of(c, s));
}
