/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/mem.h"

#include "base/check.h"
#include "vi/args.h"
#include "vi/drivers.h"
#include "wire/bytes.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_MIN   64 /* a whole packet of the longest chain always finds room */
#define RING_MAX   65536
#define WINDOW_MIN 32  /* frames lent at a time as long as the sender keeps up */
#define CHAIN_MAX  64  /* frames of a packet: the burst that rx_burst may count on */
#define CALM       64  /* refills without a starving sender before the window halves */
#define ETH_ROOM   18  /* Ethernet header with one tag, in front of the MTU */
#define SMALL      512 /* up to here lines are copied one by one */

/* What a sender may say of a frame. */
#define TX_FLAGS (VIA_FRAME_CSUM_OK | VIA_FRAME_VLAN)

/* What a slot says, in words that are each written and read as one: narrow stores would delay a wide load. */
struct slot {
    VIA_ALIGNED(32) _Atomic uint64_t addr; /* by the receiver: a cache line of a frame */
    _Atomic uint64_t word;                 /* len, where in that line << 16, flags << 32, vlan << 48 */
    _Atomic uint64_t ts;                   /* with VIA_FRAME_TS */
};

/* Owner's side of receiving. */
struct rx_side {
    uint32_t taken;     /* slots taken so far */
    uint32_t lend_from; /* lends again when this many are taken */
    uint32_t held;      /* frames that the driver has: lent and on `stock` */
    uint32_t calm;
    uint64_t *stock;
    uint32_t stocked;
    uint32_t window; /* slots to keep lent */
    uint64_t frames, bytes;
    uint32_t colours; /* 0, or a mask: see lend_at() */
    uint32_t headroom;
    via_ns_t told;  /* what deadline() said last */
    bool armed;     /* arm() was called and not undone */
    bool bell_late; /* it was taken away, but the ring was not heard yet */
    bool owes_wake; /* the sender starved: wake it when frames are lent */
};

/* Owner's side of sending into the peer's slots. */
struct tx_side {
    _Atomic uint32_t inside; /* 1 while the peer's area may be written; read by a closing peer */
    uint32_t pos;            /* slots filled, published or about to be */
    uint32_t lent_seen;      /* the peer's `lent` when last looked at */
    uint32_t need;           /* slots that the first refused packet wants */
    const uint8_t *mem;
    uint64_t mem_size;
};

struct tx_cold {
    uint64_t frames, bytes, dropped, kicks;
    const via_ns_t *now;
    via_ns_t free_at; /* when the wire is free again, with `rate` */
};

enum { NEVER_UP = 0, UP = 1, WAS_UP = 2 };

struct end {
    /* Written at open, close and arm alone: both threads keep this line. */
    VIA_ALIGNED(VIA_LINE) _Atomic uint32_t state;
    _Atomic uint32_t armed;
    _Atomic int bell;
    uint16_t room;      /* bytes that surely fit one lent frame, whole cache lines */
    uint16_t short_max; /* longest frame that may be sent here the short way */
    uint32_t mask;      /* of slot numbers */
    bool fenced;        /* both sides of each store-load pair are sequentially consistent */
    bool shaped;        /* slots carry the time from which they are visible */
    _Atomic uint32_t big; /* longest IP packet that this end takes beyond the MTU, 0: none */
    uint8_t *mem;
    struct slot *slot;
    struct end *peer;
    struct via_mem_cable *cable;

    VIA_ALIGNED(VIA_LINE) _Atomic uint32_t lent; /* own slots that the peer may fill; by the owner */
    VIA_ALIGNED(VIA_LINE)
    _Atomic uint32_t filled;  /* the peer's slots that were filled; by the owner, read by the peer */
    _Atomic uint32_t starved; /* a packet was refused for want of slots */

    VIA_ALIGNED(VIA_LINE) struct tx_side tx;
    VIA_ALIGNED(VIA_LINE) struct rx_side rx;
    VIA_ALIGNED(VIA_LINE) struct tx_cold cold;
};

struct via_mem_cable {
    struct end end[2];
    _Atomic uint32_t refs;
    uint32_t ring; /* slots, a power of two */
    uint32_t mtu;
    uint32_t packet_max; /* bytes of the longest packet with its Ethernet header */
    via_ns_t latency;
    uint64_t rate;
};

static_assert(offsetof(struct end, lent) == VIA_LINE, "what both ends read fills one line");
static_assert(sizeof(struct tx_side) <= VIA_LINE, "the sender's own state fits one line");

static int membarrier(int cmd) {
    int saved = errno, err = (int)syscall(SYS_membarrier, cmd, 0, 0);

    errno = saved;
    return err;
}

int via_mem_cable_new(const struct via_mem_conf *conf, struct via_mem_cable **out) {
    struct via_mem_cable *c;
    size_t bytes;
    bool fenced;

    if (!conf || !out || conf->mtu < 68 || conf->mtu > 65535 || conf->ring > RING_MAX)
        return -EINVAL;
    c = aligned_alloc(VIA_LINE, via_round_up(sizeof *c, VIA_LINE));
    if (!c)
        return -ENOMEM;
    memset(c, 0, sizeof *c);
    c->ring = (uint32_t)via_pow2_up(via_max32(conf->ring, RING_MIN));
    c->mtu = conf->mtu;
    c->packet_max = conf->mtu + ETH_ROOM;
    c->latency = conf->latency;
    c->rate = conf->rate;
    fenced = conf->fences || membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) < 0;
    atomic_init(&c->refs, 1);
    bytes = c->ring * sizeof(struct slot);
    for (unsigned i = 0; i < 2; i++) {
        c->end[i].cable = c;
        c->end[i].peer = &c->end[!i];
        c->end[i].mask = c->ring - 1;
        c->end[i].fenced = fenced;
        c->end[i].shaped = conf->latency || conf->rate;
        atomic_init(&c->end[i].bell, -1);
        c->end[i].slot = aligned_alloc(VIA_LINE, bytes);
        if (!c->end[i].slot) {
            via_mem_cable_release(c);
            return -ENOMEM;
        }
        memset(c->end[i].slot, 0, bytes);
    }
    *out = c;
    return 0;
}

void *via_mem_cable_end(struct via_mem_cable *c, unsigned end) {
    VIA_ASSERT(end < 2);
    return &c->end[end];
}

void via_mem_cable_release(struct via_mem_cable *c) {
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(c->end[0].slot);
    free(c->end[1].slot);
    free(c);
}

/* The rare side of a store-load pair: after it, this thread's stores are seen by whoever's own store it cannot see. */
static int rare_barrier(const struct end *e) {
    return e->fenced ? 0 : membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

/* The hot side: stores `value` and loads `other`, in this order for whoever is in rare_barrier(). */
static inline uint32_t store_then_load(bool fenced, _Atomic uint32_t *at, uint32_t value, _Atomic uint32_t *other) {
    if (VIA_UNLIKELY(fenced)) {
        atomic_store_explicit(at, value, memory_order_seq_cst);
        return atomic_load_explicit(other, memory_order_seq_cst);
    }
    atomic_store_explicit(at, value, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
    return atomic_load_explicit(other, memory_order_acquire);
}

/* Between enter and leave the peer of `e` cannot finish closing. False: it is not there. */
static inline bool enter_peer(struct end *e) {
    if (VIA_LIKELY(store_then_load(e->fenced, &e->tx.inside, 1, &e->peer->state) == UP))
        return true;
    atomic_store_explicit(&e->tx.inside, 0, memory_order_release);
    return false;
}

static inline void leave_peer(struct end *e) {
    atomic_store_explicit(&e->tx.inside, 0, memory_order_release);
}

/* Wakes the peer if it sleeps. Inside the peer: its bell cannot be closed meanwhile. */
static void wake_peer(struct end *e) {
    struct end *to = e->peer;
    uint64_t one = 1;
    int saved = errno;

    if (!atomic_exchange_explicit(&to->armed, 0, memory_order_acq_rel))
        return;
    e->cold.kicks++;
    /* It fails when the counter is at its top: then it is readable, which is all that is wanted. */
    if (write(atomic_load_explicit(&to->bell, memory_order_relaxed), &one, sizeof one) < 0)
        errno = saved;
}

static void silence_bell(struct end *e) {
    uint64_t rings;
    int saved = errno;

    e->rx.bell_late = read(atomic_load_explicit(&e->bell, memory_order_relaxed), &rings, sizeof rings) < 0;
    errno = saved;
}

/* If the peer took `armed` away, its ring has come or will come. */
static void hear_bell(struct end *e) {
    if (atomic_load_explicit(&e->armed, memory_order_relaxed))
        return;
    e->rx.armed = false;
    silence_bell(e);
}

static int make_bell(struct end *e) {
    int fd = atomic_load_explicit(&e->bell, memory_order_relaxed), saved = errno;

    if (fd < 0) {
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        errno = saved;
        atomic_store_explicit(&e->bell, fd, memory_order_relaxed);
    }
    return fd;
}

static bool starves(struct end *e) {
    return atomic_load_explicit(&e->starved, memory_order_relaxed);
}

static inline uint64_t load(_Atomic uint64_t *at) {
    return atomic_load_explicit(at, memory_order_relaxed);
}

static inline void store(_Atomic uint64_t *at, uint64_t value) {
    atomic_store_explicit(at, value, memory_order_relaxed);
}

static inline struct slot *slot_at(struct end *e, uint32_t pos) {
    return &e->slot[pos & e->mask];
}

/* Length, flags and tag of a frame as they lie there, in one word; 16 bits of it are free for where the frame begins. */
static inline uint64_t frame_word(const struct via_frame *f) {
    uint64_t word;

    memcpy(&word, (const uint8_t *)f + offsetof(struct via_frame, len), sizeof word);
    return VIA_LITTLE ? word : (uint64_t)f->len | (uint64_t)f->flags << 32 | (uint64_t)f->vlan << 48;
}

static inline void set_frame_word(struct via_frame *f, uint64_t word) {
    if (VIA_LITTLE) {
        memcpy((uint8_t *)f + offsetof(struct via_frame, len), &word, sizeof word);
        return;
    }
    f->len = (uint16_t)word;
    f->flags = (uint16_t)(word >> 32);
    f->vlan = (uint16_t)(word >> 48);
}

/* Returns the length. */
static inline uint32_t take_slot(struct slot *s, struct via_frame *f) {
    uint64_t word = load(&s->word);

    f->addr = load(&s->addr) + (uint16_t)(word >> 16);
    set_frame_word(f, word & ~0xffff0000ull);
    f->ts = load(&s->ts);
    return (uint16_t)word;
}

/* Frames start at different cache lines, or those of all frames would share a few sets of the cache. */
static inline uint64_t lend_at(const struct end *e, uint64_t start) {
    return start + e->rx.headroom + (((start >> 12) & e->rx.colours) * VIA_LINE);
}

/* The window follows the sender: wider when it starved, narrower when it was calm for long. */
static void adapt_window(struct end *e) {
    struct rx_side *rx = &e->rx;

    if (starves(e->peer)) {
        atomic_exchange_explicit(&e->peer->starved, 0, memory_order_acq_rel);
        rx->window = via_min32(rx->window * 2, e->cable->ring);
        rx->owes_wake = true;
        rx->calm = 0;
    } else if (++rx->calm == CALM) {
        rx->window = via_max32(rx->window / 2, WINDOW_MIN);
        rx->calm = 0;
    }
}

/* Lends what is on stock, up to the window; gives `k` back, so that who calls it last need not come back. */
static __attribute__((noinline)) unsigned lend(struct end *e, unsigned k) {
    struct rx_side *rx = &e->rx;
    uint32_t lent = atomic_load_explicit(&e->lent, memory_order_relaxed), first = lent;

    adapt_window(e);
    while (lent - rx->taken < rx->window && rx->stocked)
        store(&slot_at(e, lent++)->addr, lend_at(e, rx->stock[--rx->stocked]));
    rx->lend_from = lent - rx->window / 2;
    if (lent == first)
        return k;
    if (VIA_UNLIKELY(store_then_load(e->fenced, &e->lent, lent, &e->peer->armed) && rx->owes_wake) && enter_peer(e)) {
        wake_peer(e);
        leave_peer(e);
    }
    rx->owes_wake = false;
    return k;
}

static inline unsigned lend_if_low(struct end *e, unsigned k) {
    return VIA_UNLIKELY((int32_t)(e->rx.taken - e->rx.lend_from) >= 0) ? lend(e, k) : k;
}

static unsigned mem_rx_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct end *e = dev->priv;
    struct rx_side *rx = &e->rx;
    uint64_t start = ~(uint64_t)(dev->frame_size - 1), *stock = rx->stock + rx->stocked;
    uint32_t take = via_min32(n, e->mask + 1 - rx->held), i;

    for (i = 0; i < take && VIA_LIKELY(addr[i] < dev->mem_size); i++)
        stock[i] = addr[i] & start;
    rx->held += i;
    rx->stocked += i;
    return lend_if_low(e, i);
}

/* An end that was not yet there keeps the frames waiting; one that left is a link that is down. */
static uint8_t peer_link(struct end *e) {
    return atomic_load_explicit(&e->peer->state, memory_order_relaxed) == WAS_UP ? VIA_LINK_DOWN : VIA_LINK_UP;
}

/* How many of the next `n` slots are visible at `now`; the parts of a packet become so together. */
static unsigned count_due(struct end *e, unsigned n, via_ns_t now) {
    unsigned k = 0;

    while (k < n && load(&slot_at(e, e->rx.taken + k)->ts) <= now)
        k++;
    return k;
}

/* Without the parts of a packet whose rest does not fit the burst. */
static unsigned whole_packets(struct end *e, unsigned n) {
    unsigned whole = n;

    while (whole && (load(&slot_at(e, e->rx.taken + whole - 1)->word) >> 32) & VIA_FRAME_MORE)
        whole--;
    return whole ? whole : n;
}

static inline unsigned take_slots(struct end *e, struct via_frame *v, uint32_t k) {
    struct rx_side *rx = &e->rx;
    uint32_t i;

    for (i = 0; i < k; i++) {
        rx->bytes += take_slot(slot_at(e, rx->taken + i), &v[i]);
        __builtin_prefetch(e->mem + v[i].addr);
    }
    rx->taken += k;
    rx->held -= k;
    rx->frames += k;
    return lend_if_low(e, k);
}

/* With delays, more than is wanted, or after a sleep. */
static VIA_COLD unsigned rx_some(struct via_vi_dev *dev, struct via_frame *v, uint32_t avail, unsigned n) {
    struct end *e = dev->priv;
    uint32_t k = via_min32(avail, n);

    if (e->rx.armed)
        hear_bell(e);
    if (e->shaped)
        k = count_due(e, k, *dev->now);
    if (k && k < avail)
        k = whole_packets(e, k);
    if (k)
        return take_slots(e, v, k);
    dev->link = peer_link(e);
    return starves(e->peer) ? lend(e, 0) : 0;
}

static unsigned mem_rx_burst(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct end *e = dev->priv;
    uint32_t avail = atomic_load_explicit(&e->peer->filled, memory_order_acquire) - e->rx.taken;

    if (VIA_UNLIKELY(e->rx.armed | e->shaped) || VIA_UNLIKELY(avail - 1 >= n))
        return rx_some(dev, v, avail, n);
    return take_slots(e, v, avail);
}

/* All loads before all stores: frames lie at the same offsets of pages, where a store would hold up the next load. */
static inline void copy_line(uint8_t *to, const uint8_t *from) {
    typedef uint64_t part __attribute__((vector_size(16), may_alias));
    const part *f = (const void *)from;
    part a = f[0], b = f[1], c = f[2], d = f[3], *t = (void *)to;

    t[0] = a;
    t[1] = b;
    t[2] = c;
    t[3] = d;
}

/* All of the cache lines in which the `len` bytes lie; both begin with one. */
static inline void copy_lines(uint8_t *to, const uint8_t *from, uint32_t len) {
    uint32_t at = 0;

    do {
        copy_line(to + at, from + at);
        at += VIA_LINE;
    } while (at < len);
}

/* When the last of `bytes` is there, if they are sent now. */
static via_ns_t arrival(struct end *e, uint32_t bytes) {
    const struct via_mem_cable *c = e->cable;
    via_ns_t now = *e->cold.now;

    if (c->rate) {
        if (e->cold.free_at > now)
            now = e->cold.free_at;
        now = via_after(now, (uint64_t)bytes * 8 * VIA_SEC / c->rate);
        e->cold.free_at = now;
    }
    return via_after(now, c->latency);
}

/* Enough slots for a packet? If not, the peer is told that it waits. */
static bool has_slots(struct end *e, uint32_t need) {
    if (e->tx.lent_seen - e->tx.pos >= need)
        return true;
    e->tx.lent_seen = atomic_load_explicit(&e->peer->lent, memory_order_acquire);
    if (e->tx.lent_seen - e->tx.pos >= need) {
        e->tx.need = 0;
        return true;
    }
    e->tx.need = need;
    if (store_then_load(e->fenced, &e->starved, 1, &e->peer->armed))
        wake_peer(e);
    return false;
}

static bool in_area(const struct tx_side *tx, const struct via_frame *f) {
    return f->addr < tx->mem_size && f->len <= tx->mem_size - f->addr;
}

static inline uint32_t load_big(struct end *e) {
    return atomic_load_explicit(&e->big, memory_order_relaxed);
}

/* Fills the slots from `pos` with the `left` bytes of a packet, cut anew by what fits the peer's frames. */
static void scatter(struct end *e, const struct via_frame *v, uint32_t left, uint32_t pos) {
    struct end *to = e->peer;
    struct via_frame f = {.flags = v->flags & TX_FLAGS, .vlan = v->vlan};
    uint32_t from = 0;

    if (e->shaped) {
        f.flags |= VIA_FRAME_TS;
        f.ts = arrival(e, left);
    }

    do {
        struct slot *s = slot_at(to, pos++);
        uint8_t *at = to->mem + load(&s->addr);

        f.len = 0;
        while (left && f.len < to->room) {
            uint32_t part = via_min32(to->room - f.len, v->len - from);

            memcpy(at + f.len, e->tx.mem + v->addr + from, part);
            f.len += part;
            left -= part;
            from += part;
            if (from == v->len) {
                from = 0;
                v++;
            }
        }
        f.flags = (uint16_t)((f.flags & ~VIA_FRAME_MORE) | (left ? VIA_FRAME_MORE : 0));
        store(&s->word, frame_word(&f));
        store(&s->ts, f.ts);
    } while (left);
}

/*
 * The long way, for chains, packets longer than a frame of the peer, and nonsense: sends the packet that starts at `v`.
 * Returns how many of the `n` frames it was, 0 if it cannot go yet.
 */
static __attribute__((noinline)) unsigned send_packet(struct end *e, const struct via_frame *v, unsigned n) {
    struct end *to = e->peer;
    uint64_t total = 0;
    bool sound = true;
    uint32_t need;
    unsigned k = 0;

    do {
        if (k == n)
            return 0;
        sound = sound && in_area(&e->tx, &v[k]);
        total += v[k].len;
    } while (v[k++].flags & VIA_FRAME_MORE);

    if (sound && (total <= e->cable->packet_max || total <= load_big(to) + ETH_ROOM)) {
        need = total ? (uint32_t)((total + to->room - 1) / to->room) : 1;
        if (!has_slots(e, need))
            return 0;
        scatter(e, v, (uint32_t)total, e->tx.pos);
        e->tx.pos += need;
        e->cold.bytes += total;
    } else {
        e->cold.dropped += k;
    }
    return k;
}

/* One sound frame that fits one frame of the peer. */
static inline bool is_short(const struct end *e, const struct via_frame *f) {
    return f->len <= e->peer->short_max && !(f->flags & VIA_FRAME_MORE) && in_area(&e->tx, f);
}

static inline void send_short(struct end *e, const struct via_frame *f, bool small) {
    struct end *to = e->peer;
    struct slot *s = slot_at(to, e->tx.pos++);
    uint32_t skew = f->addr % VIA_LINE;

    if (small)
        copy_lines(to->mem + load(&s->addr), e->tx.mem + f->addr - skew, skew + f->len);
    else
        memcpy(to->mem + load(&s->addr) + skew, e->tx.mem + f->addr, f->len);
    store(&s->word, (frame_word(f) & (0xffff | (uint64_t)TX_FLAGS << 32 | (uint64_t)0xffff << 48)) | skew << 16);
    e->cold.bytes += f->len;
}

static VIA_COLD unsigned wake_and_leave(struct end *e, unsigned n) {
    wake_peer(e);
    leave_peer(e);
    return n;
}

/* The peer sees what it was sent; it is left, and how many frames it was. */
VIA_HOT unsigned publish(struct end *e, unsigned n) {
    e->cold.frames += n;
    if (VIA_UNLIKELY(store_then_load(e->fenced, &e->filled, e->tx.pos, &e->peer->armed)) && n)
        return wake_and_leave(e, n);
    leave_peer(e);
    return n;
}

/* From frame `i` on, whatever they are. */
static __attribute__((noinline)) unsigned send_rest(struct end *e, const struct via_frame *v, unsigned n, unsigned i) {
    unsigned k;

    while (i < n) {
        if (VIA_LIKELY(e->tx.pos != e->tx.lent_seen && is_short(e, &v[i]))) {
            send_short(e, &v[i++], false);
            continue;
        }
        k = send_packet(e, v + i, n - i);
        if (!k)
            break;
        i += k;
    }
    return publish(e, i);
}

static VIA_COLD unsigned send_to_nobody(struct via_vi_dev *dev) {
    dev->big = 0;
    dev->link = peer_link(dev->priv);
    return 0;
}

static unsigned mem_tx_burst(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct end *e = dev->priv;
    unsigned i = 0;

    if (VIA_UNLIKELY(!enter_peer(e)))
        return send_to_nobody(dev);
    dev->link = VIA_LINK_UP;
    dev->big = load_big(e->peer);
    for (; i < n; i++) {
        if (VIA_UNLIKELY(e->tx.pos == e->tx.lent_seen || v[i].len > SMALL || !is_short(e, &v[i])))
            return send_rest(e, v, n, i);
        send_short(e, &v[i], true);
    }
    return publish(e, n);
}

/* Bytes are copied while they are handed over. */
static unsigned mem_tx_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    (void)dev, (void)addr, (void)n;
    return 0;
}

static via_ns_t head_time(struct end *e) {
    uint32_t filled = atomic_load_explicit(&e->peer->filled, memory_order_acquire);

    if (filled == e->rx.taken)
        return VIA_NEVER;
    return e->shaped ? load(&slot_at(e, e->rx.taken)->ts) : 0;
}

static via_ns_t mem_deadline(struct via_vi_dev *dev) {
    struct end *e = dev->priv;

    e->rx.told = e->shaped ? head_time(e) : VIA_NEVER;
    return e->rx.told;
}

static bool mem_pending(const struct via_vi_dev *dev) {
    struct end *e = dev->priv;

    return head_time(e) <= *dev->now;
}

/* A packet that was refused could go now; if not, the peer is told once more. */
static bool can_send_again(struct end *e) {
    bool can;

    if (!e->tx.need || !enter_peer(e))
        return false;
    can = has_slots(e, e->tx.need);
    leave_peer(e);
    return can;
}

/* Anything that happened since the owner last looked, or a frame due earlier than deadline() told. */
static bool has_news(struct via_vi_dev *dev, struct end *e) {
    via_ns_t head = head_time(e);

    return head <= *dev->now || head < e->rx.told || starves(e->peer) || peer_link(e) != dev->link ||
           can_send_again(e);
}

static void mem_disarm(struct via_vi_dev *dev) {
    struct end *e = dev->priv;

    if (!e->rx.armed)
        return;
    e->rx.armed = false;
    if (!atomic_exchange_explicit(&e->armed, 0, memory_order_acq_rel))
        silence_bell(e);
}

static int mem_arm(struct via_vi_dev *dev) {
    struct end *e = dev->priv;
    bool blind = false;

    if (make_bell(e) < 0)
        return 1;
    if (e->rx.bell_late)
        silence_bell(e);
    if (e->rx.armed)
        hear_bell(e);
    if (!e->rx.armed) {
        e->rx.armed = true;
        atomic_store_explicit(&e->armed, 1, memory_order_seq_cst);
        blind = rare_barrier(e) < 0;
    }
    if (!blind && !has_news(dev, e))
        return 0;
    mem_disarm(dev);
    return 1;
}

static unsigned mem_fds(struct via_vi_dev *dev, int *fd, unsigned n) {
    int bell = make_bell(dev->priv);

    if (!n || bell < 0)
        return 0;
    fd[0] = bell;
    return 1;
}

static void mem_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    const struct end *e = dev->priv;

    s->rx_frames += e->rx.frames;
    s->rx_bytes += e->rx.bytes;
    s->tx_frames += e->cold.frames - e->cold.dropped;
    s->tx_bytes += e->cold.bytes;
    s->tx_dropped += e->cold.dropped;
    s->kicks += e->cold.kicks;
}

static void set_mac(struct via_vi_dev *dev, unsigned end) {
    uint64_t bits = dev->seed * 0x9e3779b97f4a7c15u;

    for (unsigned i = 1; i < 6; i++)
        dev->mac[i] = (uint8_t)(bits >> (8 * i));
    dev->mac[0] = 0x02; /* locally administered (IEEE 802) */
    dev->mac[5] = (uint8_t)((dev->mac[5] & 0xfe) | end);
}

static int check_open(struct via_vi_dev *dev, const struct end *e) {
    const struct via_mem_cable *c;
    uint32_t room;

    if (!e)
        return via_vi_say(dev, -EINVAL, "mem: a cable cannot be found by name, make both ends by via_vi_pair()");
    c = e->cable;
    if (atomic_load_explicit(&e->state, memory_order_relaxed) == UP)
        return via_vi_say(dev, -EBUSY, "mem: this end of the cable is open already");
    room = dev->headroom < dev->frame_size ? (dev->frame_size - dev->headroom) & ~(VIA_LINE - 1u) : 0;
    if (!via_is_pow2(dev->frame_size) || room < VIA_LINE || (c->packet_max + room - 1) / room > CHAIN_MAX)
        return via_vi_say(dev, -EINVAL, "mem: a packet of %u bytes does not fit %d frames of %u bytes with headroom %u",
                          c->packet_max, CHAIN_MAX, dev->frame_size, dev->headroom);
    return 0;
}

static void init_end(struct via_vi_dev *dev, struct end *e) {
    uint32_t room = (dev->frame_size - dev->headroom) & ~(VIA_LINE - 1u);
    uint32_t spread = 3 * VIA_LINE, skew = VIA_LINE - 1;

    e->mem = dev->mem;
    e->rx.headroom = (uint32_t)via_round_up(dev->headroom, VIA_LINE);
    e->rx.colours = room >= spread + skew + via_min32(e->cable->packet_max, 1600) ? 3 : 0;
    e->room = (uint16_t)(e->rx.colours ? room - spread : room);
    e->short_max = e->shaped ? 0 : (uint16_t)via_min32(e->room - skew, e->cable->packet_max);
    e->rx.window = WINDOW_MIN;
    e->rx.stocked = e->rx.held = 0;
    e->rx.lend_from = e->rx.taken;
    e->rx.told = VIA_NEVER;
    e->rx.calm = 0;
    e->rx.armed = e->rx.bell_late = e->rx.owes_wake = false;
    e->rx.frames = e->rx.bytes = 0;
    atomic_store_explicit(&e->big, 0, memory_order_relaxed);
    e->tx.need = 0;
    e->tx.mem = dev->mem;
    e->tx.mem_size = dev->mem_size;
    memset(&e->cold, 0, sizeof e->cold);
    e->cold.now = dev->now;
}

/* A packet takes a quarter of what is lent at most, so that there is room for it again and again. */
void via_mem_take_big(struct via_vi_dev *dev, bool on) {
    struct end *e = dev->priv;
    uint32_t lent, bytes = 0;

    if (dev->ops != &via_vi_mem)
        return;
    lent = via_min32(via_min32(e->cable->ring, dev->rx_ring), (uint32_t)(dev->mem_size / dev->frame_size / 4));
    if (on && !e->shaped)
        bytes = via_min32(via_min32(lent / 4, CHAIN_MAX) * e->room, UINT16_MAX + ETH_ROOM);
    bytes = bytes > ETH_ROOM ? bytes - ETH_ROOM : 0;
    atomic_store_explicit(&e->big, bytes > e->cable->mtu ? bytes : 0, memory_order_relaxed);
}

static int mem_open(struct via_vi_dev *dev, const char *args) {
    struct end *e = dev->priv;
    int err = check_open(dev, e);

    (void)args;
    if (err < 0)
        return err;
    e->rx.stock = malloc(e->cable->ring * sizeof *e->rx.stock);
    if (!e->rx.stock)
        return -ENOMEM;
    init_end(dev, e);
    set_mac(dev, e == &e->cable->end[1]);
    dev->mtu = e->cable->mtu;
    dev->caps = VIA_VI_CSUM_TRUSTED | VIA_VI_JUMBO | VIA_VI_SYNC;
    dev->queues = 1;
    dev->ifindex = 0;
    dev->ifname[0] = 0;
    dev->link = peer_link(e);
    snprintf(dev->mode, sizeof dev->mode, "memory, one copy");
    atomic_fetch_add_explicit(&e->cable->refs, 1, memory_order_relaxed);
    atomic_store_explicit(&e->state, UP, memory_order_seq_cst);
    if (enter_peer(e)) {
        wake_peer(e);
        leave_peer(e);
    }
    return 0;
}

/* With the peer kept out: what was lent is taken back, and what the peer remembers of it. */
static void retract(struct end *e) {
    uint32_t filled = atomic_load_explicit(&e->peer->filled, memory_order_acquire);

    e->rx.taken = filled;
    e->peer->tx.lent_seen = filled;
    atomic_store_explicit(&e->lent, filled, memory_order_release);
}

static void mem_close(struct via_vi_dev *dev) {
    struct end *e = dev->priv;
    int bell;

    atomic_store_explicit(&e->state, WAS_UP, memory_order_seq_cst);
    rare_barrier(e);
    while (atomic_load_explicit(&e->peer->tx.inside, memory_order_seq_cst))
        sched_yield();
    if (enter_peer(e)) {
        wake_peer(e);
        leave_peer(e);
    }
    retract(e);
    atomic_store_explicit(&e->armed, 0, memory_order_relaxed);
    bell = atomic_exchange_explicit(&e->bell, -1, memory_order_relaxed);
    if (bell >= 0)
        close(bell);
    free(e->rx.stock);
    dev->priv = NULL;
    via_mem_cable_release(e->cable);
}

const struct via_vi_ops via_vi_mem = {
    .name = "mem",
    .open = mem_open,
    .close = mem_close,
    .rx_burst = mem_rx_burst,
    .rx_fill = mem_rx_fill,
    .tx_burst = mem_tx_burst,
    .tx_reap = mem_tx_reap,
    .arm = mem_arm,
    .disarm = mem_disarm,
    .fds = mem_fds,
    .deadline = mem_deadline,
    .pending = mem_pending,
    .stats = mem_stats,
};
