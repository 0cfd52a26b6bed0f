/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wheel.h"

#define CHECKED 512u /* nodes up to which every step is followed by a walk in paranoid builds */

static struct via_tick *node(const struct via_tick_base *kinds, uint32_t id) {
    const struct via_tick_base *k = &kinds[via_tick_kind_of(id)];

    VIA_ASSERT(via_tick_kind_of(id) > VIA_TICK_NONE && via_tick_kind_of(id) < VIA_TICK_KINDS && k->base);
    return (struct via_tick *)(void *)(k->base + via_tick_index_of(id) * k->stride);
}

static bool before(const struct via_tick *a, const struct via_tick *b) {
    return a->at != b->at ? a->at < b->at : a->turn < b->turn;
}

static uint64_t unit_of(via_ns_t at) {
    return at >> VIA_WHEEL_SHIFT;
}

static unsigned level_of(unsigned slot) {
    return slot / VIA_WHEEL_SLOTS;
}

/* Where a node for `unit` belongs, which is not before the cursor. */
static unsigned slot_of(const struct via_wheel *w, uint64_t unit) {
    uint64_t differ = unit ^ w->cursor;
    unsigned level = differ ? (63 - (unsigned)__builtin_clzll(differ)) / VIA_WHEEL_BITS : 0;

    return level * VIA_WHEEL_SLOTS + (unsigned)(unit >> level * VIA_WHEEL_BITS & (VIA_WHEEL_SLOTS - 1));
}

/* First unit of a slot, as seen from the cursor. */
static uint64_t slot_start(const struct via_wheel *w, unsigned slot) {
    unsigned shift = level_of(slot) * VIA_WHEEL_BITS;
    uint64_t above = w->cursor >> shift >> VIA_WHEEL_BITS << VIA_WHEEL_BITS << shift;

    return above | (uint64_t)(slot % VIA_WHEEL_SLOTS) << shift;
}

/* Slots of one level lie after each other, and after those of all lower levels. Something must be armed. */
static unsigned first_slot(const struct via_wheel *w) {
    unsigned level = (unsigned)__builtin_ctz(w->levels);

    return level * VIA_WHEEL_SLOTS + (unsigned)__builtin_ctzll(w->busy[level]);
}

static void set_root(struct via_wheel *w, unsigned slot, uint32_t id) {
    unsigned level = level_of(slot);

    w->root[slot] = id;
    if (id) {
        w->busy[level] |= 1ull << slot % VIA_WHEEL_SLOTS;
        w->levels |= 1u << level;
    } else if (!(w->busy[level] &= ~(1ull << slot % VIA_WHEEL_SLOTS))) {
        w->levels &= ~(1u << level);
    }
}

/* Joins two heaps; the root of the result has no siblings. */
static uint32_t meld(const struct via_tick_base *kinds, uint32_t a, uint32_t b) {
    struct via_tick *up = node(kinds, a), *down = node(kinds, b);
    uint32_t top = a, below = b;

    if (before(down, up)) {
        struct via_tick *t = up;

        up = down;
        down = t;
        top = b;
        below = a;
    }
    down->next = up->child;
    down->prev = top;
    if (up->child)
        node(kinds, up->child)->prev = below;
    up->child = below;
    up->next = up->prev = 0;
    return top;
}

/* One heap out of siblings: in pairs from the left, then all from the right. */
static uint32_t join_siblings(const struct via_tick_base *kinds, uint32_t id) {
    uint32_t pairs = 0, all = 0;

    while (id) {
        uint32_t second = node(kinds, id)->next, rest = 0, pair = id;

        if (second) {
            rest = node(kinds, second)->next;
            pair = meld(kinds, id, second);
        }
        node(kinds, pair)->next = pairs;
        pairs = pair;
        id = rest;
    }
    while (pairs) {
        uint32_t rest = node(kinds, pairs)->next;

        all = all ? meld(kinds, all, pairs) : pairs;
        pairs = rest;
    }
    if (all) {
        struct via_tick *t = node(kinds, all);

        t->next = t->prev = 0;
    }
    return all;
}

static void place(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id, struct via_tick *t) {
    unsigned slot = slot_of(w, unit_of(t->at));

    t->slot = slot + 1;
    t->child = t->next = t->prev = 0;
    set_root(w, slot, w->root[slot] ? meld(kinds, w->root[slot], id) : id);
}

static void unlink_node(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id, struct via_tick *t) {
    unsigned slot = t->slot - 1;
    uint32_t below = t->child;

    if (below && node(kinds, below)->next)
        below = join_siblings(kinds, below);
    else if (below)
        node(kinds, below)->prev = 0;
    if (!t->prev) {
        set_root(w, slot, below);
        return;
    }
    if (node(kinds, t->prev)->child == id)
        node(kinds, t->prev)->child = t->next;
    else
        node(kinds, t->prev)->next = t->next;
    if (t->next)
        node(kinds, t->next)->prev = t->prev;
    if (below)
        w->root[slot] = meld(kinds, w->root[slot], below);
}

/*
 * Places all nodes of a slot anew: the cursor has reached it, or all of them lie too early. Rows of siblings wait on a
 * stack through `prev` of their first, so that a node is touched once: thousands may lie here, and not in the cache.
 */
static void scatter(struct via_wheel *w, const struct via_tick_base *kinds, unsigned slot) {
    uint32_t rows = w->root[slot];

    set_root(w, slot, 0);
    while (rows) {
        uint32_t id = rows;

        rows = node(kinds, id)->prev;
        while (id) {
            struct via_tick *t = node(kinds, id);
            uint32_t next = t->next;

            if (t->child) {
                node(kinds, t->child)->prev = rows;
                rows = t->child;
            }
            place(w, kinds, id, t);
            id = next;
        }
    }
}

/* True if the root of a slot lies in its range; if it lies behind, so do all others there. */
static bool in_range(const struct via_wheel *w, unsigned slot, const struct via_tick *root) {
    return !((unit_of(root->at) ^ slot_start(w, slot)) >> level_of(slot) * VIA_WHEEL_BITS);
}

static void check(const struct via_wheel *w, const struct via_tick_base *kinds) {
    VIA_CHECK(w->count > CHECKED || via_wheel_valid(w, kinds));
    (void)w;
    (void)kinds;
}

void via_wheel_init(struct via_wheel *w, via_ns_t now) {
    memset(w, 0, sizeof *w);
    w->now = now;
    w->cursor = unit_of(now);
    w->next = VIA_NEVER;
}

/* A deadline went away; the bound stays a bound. */
static void gone(struct via_wheel *w, via_ns_t at) {
    if (!w->count) {
        w->next = VIA_NEVER;
        w->stale = 0;
    } else if (at == w->next) {
        w->stale = 1;
    }
}

void via_wheel_arm(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id, via_ns_t at) {
    struct via_tick *t = node(kinds, id);
    via_ns_t was = t->at;
    bool armed = t->slot;

    if (at == VIA_NEVER) {
        via_wheel_disarm(w, kinds, id);
        return;
    }
    if (at < w->now)
        at = w->now;
    if (armed && at >= was && !t->child) {
        t->at = at;
        t->turn = ++w->turn;
        gone(w, was);
    } else {
        if (armed)
            unlink_node(w, kinds, id, t);
        t->at = at;
        t->turn = ++w->turn;
        place(w, kinds, id, t);
        w->count += !armed;
        if (armed)
            gone(w, was);
    }
    if (at <= w->next) {
        w->next = at;
        w->stale = 0;
    }
    check(w, kinds);
}

static void take_out(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id, struct via_tick *t) {
    unlink_node(w, kinds, id, t);
    t->slot = 0;
    t->child = t->next = t->prev = 0;
    w->count--;
    gone(w, t->at);
}

bool via_wheel_disarm(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id) {
    struct via_tick *t = node(kinds, id);

    if (!t->slot)
        return false;
    take_out(w, kinds, id, t);
    check(w, kinds);
    return true;
}

via_ns_t via_wheel_next(struct via_wheel *w, const struct via_tick_base *kinds) {
    while (w->stale) {
        unsigned slot = first_slot(w);
        const struct via_tick *root = node(kinds, w->root[slot]);

        if (in_range(w, slot, root)) {
            w->next = root->at;
            w->stale = 0;
        } else {
            scatter(w, kinds, slot);
        }
    }
    return w->next;
}

uint32_t via_wheel_pop(struct via_wheel *w, const struct via_tick_base *kinds, via_ns_t now) {
    if (now > w->now)
        w->now = now;
    while (w->count) {
        unsigned slot = first_slot(w);
        uint64_t start = slot_start(w, slot);
        uint32_t id = w->root[slot];
        struct via_tick *t;

        if (start > unit_of(now)) {
            if (w->next < start << VIA_WHEEL_SHIFT)
                w->next = start << VIA_WHEEL_SHIFT; /* no later than the earliest, so nobody looks in vain again */
            break;
        }
        w->cursor = start;
        t = node(kinds, id);
        if (slot >= VIA_WHEEL_SLOTS || !in_range(w, slot, t)) {
            scatter(w, kinds, slot);
            continue;
        }
        if (t->at > now) {
            w->next = t->at;
            w->stale = 0;
            break;
        }
        take_out(w, kinds, id, t);
        if (w->count) {
            w->next = t->at;
            w->stale = 1;
        }
        check(w, kinds);
        return id;
    }
    if (unit_of(now) > w->cursor)
        w->cursor = unit_of(now);
    check(w, kinds);
    return 0;
}

static uint32_t parent_of(const struct via_tick_base *kinds, uint32_t id) {
    uint32_t left = node(kinds, id)->prev;

    while (left && node(kinds, left)->child != id) {
        id = left;
        left = node(kinds, id)->prev;
    }
    return left;
}

/* The node behind `id` in a walk over its heap, parents first; 0 at the end. */
static uint32_t node_behind(const struct via_tick_base *kinds, uint32_t id) {
    if (node(kinds, id)->child)
        return node(kinds, id)->child;
    for (; id; id = parent_of(kinds, id))
        if (node(kinds, id)->next)
            return node(kinds, id)->next;
    return 0;
}

/* Links to the left and above agree, and nobody is earlier than who is above him or than the slot. */
static bool node_valid(const struct via_wheel *w, const struct via_tick_base *kinds, unsigned slot, uint32_t id) {
    const struct via_tick *t = node(kinds, id);
    const struct via_tick *prev = t->prev ? node(kinds, t->prev) : NULL;
    uint32_t parent;

    if (t->slot != slot + 1 || unit_of(t->at) < slot_start(w, slot) || t->at < w->next || t->turn > w->turn)
        return false;
    if (!prev)
        return id == w->root[slot] && !t->next;
    if (prev->child != id && prev->next != id)
        return false;
    parent = parent_of(kinds, id);
    return parent && before(node(kinds, parent), t);
}

/* Counts the nodes of a slot; UINT32_MAX if one is wrong. */
static uint32_t slot_valid(const struct via_wheel *w, const struct via_tick_base *kinds, unsigned slot) {
    unsigned shift = level_of(slot) * VIA_WHEEL_BITS;
    uint64_t digit = w->cursor >> shift & (VIA_WHEEL_SLOTS - 1);
    uint32_t id, n = 0;

    if (slot % VIA_WHEEL_SLOTS < digit + (shift > 0))
        return UINT32_MAX;
    for (id = w->root[slot]; id; id = node_behind(kinds, id), n++)
        if (n >= w->count || !node_valid(w, kinds, slot, id))
            return UINT32_MAX;
    return n;
}

bool via_wheel_valid(const struct via_wheel *w, const struct via_tick_base *kinds) {
    via_ns_t earliest = VIA_NEVER;
    uint32_t count = 0, n;
    unsigned slot;

    for (slot = 0; slot < VIA_COUNT(w->root); slot++) {
        bool busy = w->busy[level_of(slot)] >> slot % VIA_WHEEL_SLOTS & 1;

        if (busy != (w->root[slot] != 0) || (busy && !(w->levels >> level_of(slot) & 1)))
            return false;
        if (!busy)
            continue;
        n = slot_valid(w, kinds, slot);
        if (n == UINT32_MAX)
            return false;
        count += n;
        earliest = via_min_ns(earliest, node(kinds, w->root[slot])->at);
    }
    for (n = 0; n < VIA_WHEEL_LEVELS; n++)
        if (!w->busy[n] && w->levels >> n & 1)
            return false;
    return count == w->count && w->cursor <= unit_of(w->now) && (w->stale || w->next == earliest);
}
