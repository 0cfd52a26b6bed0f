/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/fault.h"

#include "base/check.h"
#include "vi/args.h"
#include "vi/drivers.h"
#include "vi/wrap.h"

#include <stdlib.h>

#define BURST        64 /* frames asked of the inner driver at a time, and the longest chain */
#define STASH        64 /* empty frames kept for copies, or a quarter of what is lent */
#define PARKED       16 /* packets held back at a time: the most that reorder_by allows */
#define PARKED_TIME  (100 * VIA_MS)
#define BLOCKED_TIME (100 * VIA_US) /* when the inner driver is asked again after it took nothing */
#define TIME_MAX     (3600 * VIA_SEC)
#define QUEUE_MAX    65536

/* A frame that waits for its time. */
struct held {
    struct via_frame f;
    via_ns_t due;
};

/* A packet that lets later ones pass. */
struct parked {
    via_ns_t until;
    uint32_t left; /* packets yet to pass */
    uint32_t n;
    struct via_frame part[BURST];
};

/* One direction. */
struct lane {
    struct via_impair imp;
    bool on;
    bool sends;
    uint64_t packets;
    struct held *ring; /* frames [head, tail), due in order */
    uint32_t head, tail, mask;
    uint32_t parked_n, parked_frames;
    struct parked *parked;
    via_ns_t last_due;
    via_ns_t free_at; /* when the link at `rate` is idle */
    via_ns_t *leaves; /* when each packet in the rate's queue leaves it */
    uint32_t leaves_head, leaves_n, leaves_mask;
    uint64_t dropped;
};

struct fault {
    struct lane rx, tx;
    uint64_t *stash; /* empty frames; room for all there are */
    uint32_t stashed, stash_want;
    uint64_t *reap; /* frames to send that were dropped or replaced */
    uint32_t reaps;
    uint8_t *copy;  /* per frame: on its way to be sent as a copy, comes back to the stash */
    via_ns_t retry; /* the inner driver was full: not before this time again */
};

/* Decisions about one packet, and when it is through the queue of `rate`. */
struct dice {
    uint64_t state;
    via_ns_t at;
};

/* splitmix64, Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014. */
static uint64_t roll(struct dice *d) {
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool happens(struct dice *d, double probability) {
    return (double)(roll(d) >> 11) * 0x1p-53 < probability;
}

static struct dice packet_dice(struct lane *l) {
    struct dice seed = {.state = l->imp.seed + l->sends};
    struct dice d = {.state = roll(&seed) + l->packets++ * 0xd1342543de82ef95u};

    d.state = roll(&d);
    return d;
}

static uint32_t lane_frames(const struct lane *l) {
    return l->tail - l->head;
}

static uint32_t lane_room(const struct lane *l) {
    return l->mask + 1 - lane_frames(l) - l->parked_frames;
}

static bool lane_idle(const struct lane *l) {
    return !l->on && l->head == l->tail && !l->parked_n;
}

static uint64_t frame_number(const struct via_vi_dev *dev, uint64_t addr) {
    return addr / dev->frame_size;
}

/* An empty frame comes back: to the stash while it wants some, to the device, or where neither wants it to the stash.
 */
static void give_back(struct via_vi_dev *dev, uint64_t addr) {
    struct fault *z = dev->priv;

    addr -= addr % dev->frame_size;
    if (z->stashed < z->stash_want || dev->inner->ops->rx_fill(dev->inner, &addr, 1) != 1)
        z->stash[z->stashed++] = addr;
}

static void discard(struct via_vi_dev *dev, struct lane *l, const struct via_frame *v, unsigned n) {
    struct fault *z = dev->priv;

    for (unsigned i = 0; i < n; i++) {
        uint8_t *copy = &z->copy[frame_number(dev, v[i].addr)];

        if (l->sends && !*copy) {
            z->reap[z->reaps++] = v[i].addr;
            continue;
        }
        *copy = 0;
        give_back(dev, v[i].addr);
    }
}

/* Copies frames into empty ones, if there are as many. */
static bool copy_frames(struct via_vi_dev *dev, const struct lane *l, const struct via_frame *v, struct via_frame *to,
                        unsigned n) {
    struct fault *z = dev->priv;

    if (z->stashed < n)
        return false;
    for (unsigned i = 0; i < n; i++) {
        to[i] = v[i];
        to[i].addr = z->stash[--z->stashed] + v[i].addr % dev->frame_size;
        memcpy(dev->mem + to[i].addr, dev->mem + v[i].addr, v[i].len);
        z->copy[frame_number(dev, to[i].addr)] = l->sends;
    }
    return true;
}

static uint64_t packet_bytes(const struct via_frame *v, unsigned n) {
    uint64_t bytes = 0;

    for (unsigned i = 0; i < n; i++)
        bytes += v[i].len;
    return bytes;
}

/* Puts a packet behind the others; they keep their order whatever the jitter. */
static void hold(struct lane *l, const struct via_frame *v, unsigned n, via_ns_t due) {
    if (due < l->last_due)
        due = l->last_due;
    l->last_due = due;
    for (unsigned i = 0; i < n; i++) {
        struct held *h = &l->ring[l->tail++ & l->mask];

        h->f = v[i];
        h->due = due;
        if (!l->sends && (l->imp.delay || l->imp.jitter || l->imp.rate)) {
            h->f.flags |= VIA_FRAME_TS;
            h->f.ts = due;
        }
    }
    VIA_ASSERT(lane_frames(l) <= l->mask + 1);
}

static void unpark(struct lane *l, unsigned at, via_ns_t now) {
    struct parked *p = &l->parked[at];

    hold(l, p->part, p->n, via_after(now, l->imp.delay));
    l->parked_frames -= p->n;
    memmove(p, p + 1, (--l->parked_n - at) * sizeof *p);
}

/* Those that enough packets have passed, or that waited too long. */
static void unpark_due(struct lane *l, via_ns_t now) {
    for (unsigned i = 0; i < l->parked_n;) {
        if (!l->parked[i].left || l->parked[i].until <= now)
            unpark(l, i, now);
        else
            i++;
    }
}

static void park(struct lane *l, const struct via_frame *v, unsigned n, via_ns_t now) {
    struct parked *p = &l->parked[l->parked_n++];

    p->until = via_after(now, PARKED_TIME);
    p->left = l->imp.reorder_by;
    p->n = n;
    memcpy(p->part, v, n * sizeof *v);
    l->parked_frames += n;
}

/* The frame that holds byte `at` of the packet; `at` becomes the offset there. */
static unsigned find_byte(const struct via_frame *v, uint64_t *at) {
    unsigned i = 0;

    for (; *at >= v[i].len; i++)
        *at -= v[i].len;
    return i;
}

/* One byte gets another value; in a copy if the frame is the stack's, which may want to send it again. */
static void damage(struct via_vi_dev *dev, struct lane *l, struct via_frame *v, unsigned n, uint64_t random) {
    uint64_t bytes = packet_bytes(v, n), at;
    struct fault *z = dev->priv;
    struct via_frame *f, copy;

    if (!bytes)
        return;
    at = (random >> 8) % bytes;
    f = &v[find_byte(v, &at)];
    if (l->sends && !z->copy[frame_number(dev, f->addr)]) {
        if (!copy_frames(dev, l, f, &copy, 1))
            return;
        discard(dev, l, f, 1);
        *f = copy;
    }
    dev->mem[f->addr + at] ^= (uint8_t)(1 + (random & 0xff) % 255);
    for (unsigned i = 0; i < n; i++)
        v[i].flags &= (uint16_t)~VIA_FRAME_CSUM_OK;
}

/* Leaves at least one byte and takes at least one; returns the frames that are left. */
static unsigned cut(struct via_vi_dev *dev, struct lane *l, struct via_frame *v, unsigned n, uint64_t random) {
    uint64_t bytes = packet_bytes(v, n), at;
    unsigned last;

    if (bytes < 2)
        return n;
    at = random % (bytes - 1);
    last = find_byte(v, &at);
    v[last].len = (uint32_t)at + 1;
    v[last].flags &= (uint16_t)~VIA_FRAME_MORE;
    discard(dev, l, v + last + 1, n - last - 1);
    return last + 1;
}

/* Corrupt, truncate, reorder, delay. All that is random is drawn first, whatever then comes of it. */
static void pass_on(struct via_vi_dev *dev, struct lane *l, struct dice *d, struct via_frame *v, unsigned n) {
    const struct via_impair *imp = &l->imp;
    via_ns_t at = d->at;
    bool corrupt = happens(d, imp->corrupt), truncate = happens(d, imp->truncate), late = happens(d, imp->reorder);
    uint64_t where = roll(d), length = roll(d), jitter = roll(d);

    if (corrupt)
        damage(dev, l, v, n, where);
    if (truncate)
        n = cut(dev, l, v, n, length);
    for (unsigned i = 0; i < l->parked_n; i++)
        l->parked[i].left--;
    if (late) {
        unpark_due(l, at);
        park(l, v, n, at);
        return;
    }
    hold(l, v, n, via_after(at, imp->delay + jitter % (imp->jitter + 1)));
    unpark_due(l, at);
}

/* The queue before a link of limited rate: when the packet is through, or false: the queue is full. */
static bool take_turn(struct lane *l, uint64_t bytes, via_ns_t now, via_ns_t *at) {
    if (!l->imp.rate) {
        *at = now;
        return true;
    }
    while (l->leaves_n && l->leaves[l->leaves_head & l->leaves_mask] <= now) {
        l->leaves_head++;
        l->leaves_n--;
    }
    if (l->leaves_n >= l->imp.queue)
        return false;
    l->free_at = via_after(l->free_at > now ? l->free_at : now, bytes * 8 * VIA_SEC / l->imp.rate);
    l->leaves[(l->leaves_head + l->leaves_n++) & l->leaves_mask] = *at = l->free_at;
    return true;
}

static bool in_area(const struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        if (v[i].addr >= dev->mem_size || v[i].len > dev->frame_size - v[i].addr % dev->frame_size)
            return false;
    return true;
}

/* A packet comes to the wrapper. What is no frame at all is left to those who count it. */
static void admit(struct via_vi_dev *dev, struct lane *l, struct via_frame *v, unsigned n) {
    struct dice d = packet_dice(l);
    struct via_frame twin[BURST];
    bool twice;

    if (!in_area(dev, v, n)) {
        hold(l, v, n, *dev->now);
        return;
    }
    if (!take_turn(l, packet_bytes(v, n), *dev->now, &d.at) || happens(&d, l->imp.loss)) {
        l->dropped += n;
        discard(dev, l, v, n);
        return;
    }
    twice = happens(&d, l->imp.duplicate) && copy_frames(dev, l, v, twin, n);
    pass_on(dev, l, &d, v, n);
    if (twice)
        pass_on(dev, l, &d, twin, n);
}

/* Frames of the first whole packet among `n`, 0 if it has no end. */
static unsigned packet_frames(const struct via_frame *v, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        if (!(v[i].flags & VIA_FRAME_MORE))
            return i + 1;
    return 0;
}

/* Looks at up to `n` frames of whole packets that are due; they stay. */
static unsigned peek_due(const struct lane *l, struct via_frame *v, unsigned n, via_ns_t now) {
    unsigned k = 0, whole = 0;

    while (k < n && k < lane_frames(l) && l->ring[(l->head + k) & l->mask].due <= now) {
        v[k] = l->ring[(l->head + k) & l->mask].f;
        if (!(v[k++].flags & VIA_FRAME_MORE))
            whole = k;
    }
    return whole || n >= BURST ? whole : k;
}

/* What the inner driver is done with already waits to be reaped here; copies go back to the stash. */
static void take_back(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct fault *z = dev->priv;

    if (!(dev->inner->caps & VIA_VI_SYNC))
        return;
    for (unsigned i = 0; i < n; i++) {
        if (in_area(dev, &v[i], 1))
            discard(dev, &z->tx, &v[i], 1);
        else
            z->reap[z->reaps++] = v[i].addr;
    }
}

/* Gives the inner driver what is due. True if it took any. */
static bool send_due(struct via_vi_dev *dev) {
    struct fault *z = dev->priv;
    struct via_frame v[BURST];
    bool any = false;
    unsigned n, took;

    unpark_due(&z->tx, *dev->now);
    while ((n = peek_due(&z->tx, v, BURST, *dev->now)) > 0) {
        took = dev->inner->ops->tx_burst(dev->inner, v, n);
        take_back(dev, v, took);
        z->tx.head += took;
        any |= took > 0;
        if (took < n) {
            z->retry = via_after(*dev->now, BLOCKED_TIME);
            break;
        }
    }
    return any;
}

static int fault_kick(struct via_vi_dev *dev) {
    send_due(dev);
    return via_wrap_kick(dev);
}

static void send_waiting(struct via_vi_dev *dev) {
    struct fault *z = dev->priv;

    if ((z->tx.head != z->tx.tail || z->tx.parked_n) && send_due(dev) && dev->inner->ops->kick)
        dev->inner->ops->kick(dev->inner);
}

static unsigned fault_rx_burst(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct fault *z = dev->priv;
    struct via_frame in[BURST];
    unsigned got, k;

    send_waiting(dev);
    if (lane_idle(&z->rx))
        return dev->inner->ops->rx_burst(dev->inner, v, n);
    if (lane_room(&z->rx) >= 2 * BURST) {
        got = dev->inner->ops->rx_burst(dev->inner, in, BURST);
        for (unsigned i = 0; i < got; i += k) {
            k = packet_frames(in + i, got - i);
            k = k ? k : got - i;
            admit(dev, &z->rx, in + i, k);
        }
    }
    unpark_due(&z->rx, *dev->now);
    k = peek_due(&z->rx, v, n, *dev->now);
    z->rx.head += k;
    return k;
}

static unsigned fault_rx_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct fault *z = dev->priv;
    unsigned i = 0;

    while (z->stashed > z->stash_want && dev->inner->ops->rx_fill(dev->inner, &z->stash[z->stashed - 1], 1) == 1)
        z->stashed--;
    while (i < n && z->stashed < z->stash_want)
        z->stash[z->stashed++] = addr[i++] / dev->frame_size * dev->frame_size;
    return i == n ? n : i + dev->inner->ops->rx_fill(dev->inner, addr + i, n - i);
}

/* How many of `n` frames are of packets that are whole. */
static unsigned whole_frames(const struct via_frame *v, unsigned n) {
    while (n && v[n - 1].flags & VIA_FRAME_MORE)
        n--;
    return n;
}

static unsigned pass_through(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct fault *z = dev->priv;
    unsigned took;

    if (n > dev->tx_ring - z->reaps)
        n = whole_frames(v, dev->tx_ring - z->reaps);
    took = dev->inner->ops->tx_burst(dev->inner, v, n);
    take_back(dev, v, took);
    return took;
}

static unsigned fault_tx_burst(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct fault *z = dev->priv;
    struct via_frame part[BURST];
    unsigned i, k;

    if (lane_idle(&z->tx))
        return pass_through(dev, v, n);
    for (i = 0; i < n; i += k) {
        k = packet_frames(v + i, n - i);
        if (!k || k > BURST || lane_room(&z->tx) < 2 * k ||
            lane_frames(&z->tx) + z->tx.parked_frames + z->reaps + k > dev->tx_ring)
            break;
        memcpy(part, v + i, k * sizeof *v);
        admit(dev, &z->tx, part, k);
    }
    send_due(dev);
    return i;
}

static unsigned fault_tx_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    struct fault *z = dev->priv;
    unsigned k = 0, got;

    send_waiting(dev);
    while (k < n && z->reaps)
        addr[k++] = z->reap[--z->reaps];
    while (k < n && (got = dev->inner->ops->tx_reap(dev->inner, addr + k, n - k)) > 0) {
        for (unsigned i = k, end = k + got; i < end; i++) {
            uint64_t at = addr[i];

            if (at < dev->mem_size && z->copy[frame_number(dev, at)]) {
                z->copy[frame_number(dev, at)] = 0;
                give_back(dev, at);
            } else {
                addr[k++] = at;
            }
        }
    }
    return k;
}

static via_ns_t lane_deadline(const struct lane *l) {
    via_ns_t at = l->head != l->tail ? l->ring[l->head & l->mask].due : VIA_NEVER;

    for (unsigned i = 0; i < l->parked_n; i++)
        at = via_min_ns(at, l->parked[i].until);
    return at;
}

static via_ns_t fault_deadline(struct via_vi_dev *dev) {
    struct fault *z = dev->priv;
    via_ns_t tx = lane_deadline(&z->tx), at = lane_deadline(&z->rx);

    if (tx <= *dev->now && z->retry > *dev->now)
        tx = z->retry;
    at = via_min_ns(at, tx);
    return via_min_ns(at, via_wrap_deadline(dev));
}

static bool has_due(const struct via_vi_dev *dev) {
    const struct fault *z = dev->priv;

    return z->reaps || lane_deadline(&z->rx) <= *dev->now;
}

static bool fault_pending(const struct via_vi_dev *dev) {
    return has_due(dev) || via_wrap_pending(dev);
}

static int fault_arm(struct via_vi_dev *dev) {
    return has_due(dev) || via_wrap_arm(dev);
}

/* What was lost here: the drivers behind count the rest themselves. */
static void fault_stats(struct via_vi_dev *dev, struct via_vi_stats *s) {
    const struct fault *z = dev->priv;

    s->rx_dropped += z->rx.dropped;
    s->tx_dropped += z->tx.dropped;
}

static bool is_probability(double p) {
    return p >= 0 && p <= 1;
}

static int check_impair(struct via_vi_dev *dev, const struct via_impair *i) {
    if (i->size != sizeof *i)
        return via_vi_say(dev, -EINVAL, "fault: impairments of unknown size");
    if (i->direction < 1 || i->direction > 3)
        return via_vi_say(dev, -EINVAL, "fault: direction %u is none of 1 (receive), 2 (send), 3 (both)", i->direction);
    if (!is_probability(i->loss) || !is_probability(i->duplicate) || !is_probability(i->corrupt) ||
        !is_probability(i->truncate) || !is_probability(i->reorder))
        return via_vi_say(dev, -EINVAL, "fault: a probability is not between 0 and 1");
    if (i->reorder_by < 1 || i->reorder_by > PARKED)
        return via_vi_say(dev, -EINVAL, "fault: packets can be held back by 1 to %d later ones, not %u", PARKED,
                          i->reorder_by);
    if (i->delay > TIME_MAX || i->jitter > TIME_MAX)
        return via_vi_say(dev, -EINVAL, "fault: a delay or jitter of more than an hour");
    if (i->rate && (i->queue < 1 || i->queue > QUEUE_MAX))
        return via_vi_say(dev, -EINVAL, "fault: a queue of %u packets is not between 1 and %d", i->queue, QUEUE_MAX);
    return 0;
}

/* The rate's queue starts empty; what passed it already keeps its time. */
static int set_queue(struct lane *l, const struct via_impair *imp) {
    uint32_t slots = (uint32_t)via_pow2_up(imp->queue);
    via_ns_t *leaves = NULL;

    if (imp->rate) {
        leaves = malloc(slots * sizeof *leaves);
        if (!leaves)
            return -ENOMEM;
    }
    free(l->leaves);
    l->leaves = leaves;
    l->leaves_mask = slots - 1;
    l->leaves_head = l->leaves_n = 0;
    l->free_at = 0;
    return 0;
}

static int set_lane(struct lane *l, const struct via_impair *imp) {
    int err = set_queue(l, imp);

    if (err < 0)
        return err;
    l->imp = *imp;
    l->on = imp->rate || imp->loss > 0 || imp->duplicate > 0 || imp->corrupt > 0 || imp->truncate > 0 ||
            imp->reorder > 0 || imp->delay || imp->jitter;
    l->packets = 0;
    return 0;
}

static bool spoils(const struct lane *l) {
    return l->imp.corrupt > 0 || l->imp.truncate > 0;
}

/* A quarter of what a device is lent, which is no more than a quarter of all frames: it must not starve. */
static uint32_t stash_size(const struct via_vi_dev *dev) {
    uint32_t frames = (uint32_t)(dev->mem_size / dev->frame_size), lent = via_max32(frames / 4, 16);

    return via_min32(STASH, via_min32(dev->rx_ring, lent) / 4);
}

int via_fault_set(struct via_vi_dev *dev, const struct via_impair *imp) {
    struct fault *z = dev->priv;
    int err = check_impair(dev, imp);
    bool copies;

    if (!err && imp->direction & 1)
        err = set_lane(&z->rx, imp);
    if (!err && imp->direction & 2)
        err = set_lane(&z->tx, imp);
    copies = z->rx.imp.duplicate > 0 || z->tx.imp.duplicate > 0 || z->tx.imp.corrupt > 0;
    z->stash_want = copies ? stash_size(dev) : 0;
    dev->caps = dev->inner->caps & ~(uint32_t)VIA_VI_SYNC;
    if (spoils(&z->rx) || spoils(&z->tx))
        dev->caps &= ~(uint32_t)VIA_VI_CSUM_TRUSTED;
    return err;
}

uint32_t via_fault_wants(const struct via_vi_dev *dev) {
    const struct fault *z = dev->priv;

    return z->stash_want > z->stashed ? z->stash_want - z->stashed : 0;
}

struct unit {
    char text[3];
    double times;
};

/* A number with one of the units; false: it is none. */
static bool read_unit(const struct via_arg *a, const struct unit *units, unsigned n, double *out) {
    uint32_t unit;

    if (!via_arg_real(a, out, &unit))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (strlen(units[i].text) == a->val_len - unit && !memcmp(units[i].text, a->val + unit, a->val_len - unit)) {
            *out *= units[i].times;
            return true;
        }
    return false;
}

static bool read_probability(const struct via_arg *a, double *out) {
    static const struct unit units[] = {{"", 1}, {"%", 0.01}};

    return read_unit(a, units, VIA_COUNT(units), out) && is_probability(*out);
}

static bool read_time(const struct via_arg *a, via_ns_t *out) {
    static const struct unit units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    double ns;

    if (!read_unit(a, units, VIA_COUNT(units), &ns) || ns > (double)TIME_MAX)
        return false;
    *out = (via_ns_t)(ns + 0.5);
    return true;
}

static bool read_rate(const struct via_arg *a, uint64_t *out) {
    static const struct unit units[] = {{"", 1}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}};
    double bits;

    if (!read_unit(a, units, VIA_COUNT(units), &bits) || bits < 1 || bits > 1e15)
        return false;
    *out = (uint64_t)(bits + 0.5);
    return true;
}

static bool read_seed(const struct via_arg *a, uint64_t *out) {
    uint64_t seed = 0;

    for (uint32_t i = 0; i < a->val_len; i++) {
        if (a->val[i] < '0' || a->val[i] > '9' || __builtin_mul_overflow(seed, 10u, &seed) ||
            __builtin_add_overflow(seed, (uint64_t)(a->val[i] - '0'), &seed))
            return false;
    }
    *out = seed;
    return a->val_len > 0;
}

static bool read_direction(const struct via_arg *a, uint32_t *out) {
    static const char *const words[] = {"rx", "tx", "both"};
    int at = via_arg_word(a, words, VIA_COUNT(words));

    *out = (uint32_t)at + 1;
    return at >= 0;
}

static bool read_option(const struct via_arg *a, struct via_impair *i) {
    if (via_arg_is(a, "loss"))
        return read_probability(a, &i->loss);
    if (via_arg_is(a, "dup"))
        return read_probability(a, &i->duplicate);
    if (via_arg_is(a, "corrupt"))
        return read_probability(a, &i->corrupt);
    if (via_arg_is(a, "truncate"))
        return read_probability(a, &i->truncate);
    if (via_arg_is(a, "reorder"))
        return read_probability(a, &i->reorder);
    if (via_arg_is(a, "by"))
        return via_arg_number(a, 1, PARKED, &i->reorder_by) == 0;
    if (via_arg_is(a, "delay"))
        return read_time(a, &i->delay);
    if (via_arg_is(a, "jitter"))
        return read_time(a, &i->jitter);
    if (via_arg_is(a, "rate"))
        return read_rate(a, &i->rate);
    if (via_arg_is(a, "queue"))
        return via_arg_number(a, 1, QUEUE_MAX, &i->queue) == 0;
    if (via_arg_is(a, "seed"))
        return read_seed(a, &i->seed);
    if (via_arg_is(a, "dir"))
        return read_direction(a, &i->direction);
    return false;
}

static int read_spec(struct via_vi_dev *dev, const char *args, struct via_impair *imp) {
    struct via_arg a;

    while (via_args_next(&args, &a))
        if (!read_option(&a, imp))
            return via_vi_bad_arg(dev, &a);
    return 0;
}

static int lane_init(struct lane *l, uint32_t ring, bool sends) {
    uint32_t slots = (uint32_t)via_pow2_up(2 * ((uint64_t)ring + 2 * BURST));

    l->sends = sends;
    l->mask = slots - 1;
    l->ring = malloc(slots * sizeof *l->ring);
    l->parked = malloc(PARKED * sizeof *l->parked);
    return l->ring && l->parked ? 0 : -ENOMEM;
}

static void lane_fini(struct lane *l) {
    free(l->ring);
    free(l->parked);
    free(l->leaves);
}

static void fault_close(struct via_vi_dev *dev) {
    struct fault *z = dev->priv;

    lane_fini(&z->rx);
    lane_fini(&z->tx);
    free(z->stash);
    free(z->reap);
    free(z->copy);
    free(z);
    dev->priv = NULL;
}

static int make_fault(struct via_vi_dev *dev) {
    uint64_t frames = dev->mem_size / dev->frame_size;
    struct fault *z = calloc(1, sizeof *z);

    if (!z)
        return -ENOMEM;
    dev->priv = z;
    z->stash = malloc(frames * sizeof *z->stash);
    z->reap = malloc((dev->tx_ring + BURST) * sizeof *z->reap);
    z->copy = calloc(frames, 1);
    if (lane_init(&z->rx, dev->rx_ring, false) < 0 || lane_init(&z->tx, dev->tx_ring, true) < 0 || !z->stash ||
        !z->reap || !z->copy) {
        fault_close(dev);
        return -ENOMEM;
    }
    return 0;
}

static int fault_open(struct via_vi_dev *dev, const char *args) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    int err;

    if (!dev->inner)
        return via_vi_say(dev, -EINVAL, "fault: nothing behind it, write \"fault:...|driver:...\"");
    imp.seed = dev->seed;
    err = read_spec(dev, args, &imp);
    if (!err)
        err = make_fault(dev);
    if (err < 0)
        return err;
    via_wrap_look(dev);
    err = via_fault_set(dev, &imp);
    if (err < 0)
        fault_close(dev);
    return err;
}

const struct via_vi_ops via_vi_fault = {
    .name = "fault",
    .open = fault_open,
    .close = fault_close,
    .rx_burst = fault_rx_burst,
    .rx_fill = fault_rx_fill,
    .tx_burst = fault_tx_burst,
    .tx_reap = fault_tx_reap,
    .kick = fault_kick,
    .arm = fault_arm,
    .disarm = via_wrap_disarm,
    .fds = via_wrap_fds,
    .deadline = fault_deadline,
    .pending = fault_pending,
    .filter = via_wrap_filter,
    .stats = fault_stats,
};
