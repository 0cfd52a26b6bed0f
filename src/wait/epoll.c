/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/enter.h"
#include "stack/stack.h"

#include <poll.h>
#include <viaduct/epoll.h>
#include <viaduct/wait.h>

#define MASK_ALL 0x1ffu /* every bit of enum via_what */

static int check_conf(struct via_core *c, const struct via_epoll_conf *conf) {
    if (conf->size != sizeof *conf)
        return via_why_set(c, -EINVAL, "epoll: a configuration of another version");
    if (conf->mode > VIA_EPOLL_LOOSE || conf->merge > VIA_MERGE_TIMESTAMP || conf->no_coalesce > 1)
        return via_why_set(c, -EINVAL, "epoll: a mode, merge or choice that is not known");
    return 0;
}

int via_epoll_create(struct via_stack *st, const struct via_epoll_conf *conf, struct via_epoll **out) {
    static const struct via_epoll_conf defaults = VIA_EPOLL_CONF_INIT;
    struct via_core *c = via_enter(st);
    struct via_set *set;
    uint32_t id;

    conf = conf ? conf : &defaults;
    if (!out)
        return via_why_set(c, -EINVAL, "epoll: nowhere to leave the set");
    if (check_conf(c, conf) < 0)
        return -EINVAL;
    id = via_pool_get(&c->socks->sets, &c->region);
    if (!id)
        return via_why_set(c, -ENOBUFS, "epoll: all %llu sets are in use", (unsigned long long)c->attrs.max_epoll);
    set = via_set_at(c, id);
    memset(set, 0, sizeof *set);
    set->open = 1;
    set->mode = (uint8_t)conf->mode;
    set->no_coalesce = (uint8_t)conf->no_coalesce;
    set->by_time = conf->merge == VIA_MERGE_TIMESTAMP;
    set->max_hold = conf->max_hold;
    c->socks->by_time += set->by_time;
    if (set->by_time && conf->max_hold > c->socks->max_hold)
        c->socks->max_hold = conf->max_hold;
    st->sets[id] = (struct via_epoll){.st = st, .id = id};
    *out = &st->sets[id];
    return 0;
}

/* NULL for what is no open set. */
static struct via_core *core_of(struct via_epoll *o) {
    return o && o->st ? via_enter(o->st) : NULL;
}

/* Members may be any sockets of the stack: they are looked for. Rare, so nobody pays for a list of them. */
static void leave_all(struct via_core *c, uint32_t id) {
    uint32_t kind, i;

    for (kind = VIA_KIND_UDP; kind < VIA_KINDS; kind++) {
        const struct via_pool *pool = &c->socks->pool[kind];

        for (i = 1; i <= pool->ready && via_set_at(c, id)->members; i++) {
            struct via_sock *k = via_pool_at(pool, &c->region, i);

            if (k->state == VIA_SOCK_FREE || k->set != id)
                continue;
            via_ready_leave(c, k);
            if (k->state == VIA_SOCK_CLOSING && !k->tokens && !(k->flags & VIA_SOCK_LIVES))
                via_sock_free(c, k);
        }
    }
}

static void forget_hold(struct via_core *c) {
    uint32_t i;

    c->socks->max_hold = 0;
    for (i = 1; i <= c->socks->sets.ready; i++) {
        const struct via_set *set = via_set_at(c, i);

        if (set->open && set->by_time && set->max_hold > c->socks->max_hold)
            c->socks->max_hold = set->max_hold;
    }
}

int via_epoll_destroy(struct via_epoll *o) {
    struct via_core *c = core_of(o);
    struct via_set *set;

    if (!c)
        return -EINVAL;
    if (o->dispatching)
        return via_why_set(c, -EBUSY, "epoll: the set is being dispatched");
    leave_all(c, o->id);
    set = via_set_at(c, o->id);
    VIA_ASSERT(!set->fifo.head && !set->members);
    c->socks->by_time -= set->by_time;
    set->open = 0;
    forget_hold(c);
    via_pool_put(&c->socks->sets, &c->region, o->id);
    o->st = NULL;
    return 0;
}

static int add(struct via_core *c, struct via_epoll *o, struct via_sock *k, uint32_t mask, uint64_t user) {
    if (k->set)
        return via_why_set(c, k->set == o->id ? -EEXIST : -EBUSY, "epoll: the socket is in %s set already",
                           k->set == o->id ? "this" : "another");
    k->mask = mask;
    k->set_user = user;
    via_ready_join(c, k, o->id);
    return 0;
}

static int modify(struct via_core *c, struct via_epoll *o, struct via_sock *k, uint32_t mask, uint64_t user) {
    if (k->set != o->id)
        return via_why_set(c, -ENOENT, "epoll: the socket is not in this set");
    k->set_user = user;
    via_ready_mask(c, k, mask);
    return 0;
}

static int move(struct via_core *c, struct via_epoll *o, struct via_sock *k, uint32_t mask, uint64_t user) {
    if (!k->set)
        return via_why_set(c, -ENOENT, "epoll: the socket is in no set");
    via_ready_move(c, k, o->id);
    return modify(c, o, k, mask, user);
}

static int leave(struct via_core *c, struct via_epoll *o, struct via_sock *k) {
    if (k->set != o->id)
        return via_why_set(c, -ENOENT, "epoll: the socket is not in this set");
    via_ready_leave(c, k);
    return 0;
}

int via_epoll_ctl(struct via_epoll *o, int op, via_sock_t s, uint32_t mask, uint64_t user) {
    struct via_core *c = core_of(o);
    struct via_sock *k;

    if (!c)
        return -EINVAL;
    k = via_sock_find_any(c, s);
    if (!k)
        return via_bad_handle(c);
    if (op != VIA_EPOLL_DEL && (mask & ~MASK_ALL))
        return via_why_set(c, -EINVAL, "epoll: mask %#x has bits that are no events", mask);
    switch (op) {
    case VIA_EPOLL_ADD:
        return add(c, o, k, mask, user);
    case VIA_EPOLL_MOD:
        return modify(c, o, k, mask, user);
    case VIA_EPOLL_DEL:
        return leave(c, o, k);
    case VIA_EPOLL_MOVE:
        return move(c, o, k, mask, user);
    default:
        return via_why_set(c, -EINVAL, "epoll: no operation %d", op);
    }
}

static int pop(struct via_core *c, struct via_epoll *o, struct via_event *ev, unsigned max) {
    struct via_set *set = via_set_at(c, o->id);
    unsigned n = 0;

    while (n < max && via_ready_pop(c, set, &ev[n]))
        n++;
    VIA_CHECK(via_set_valid(c, set));
    return (int)n;
}

int via_epoll_poll(struct via_epoll *o, struct via_event *ev, unsigned max, unsigned budget) {
    struct via_core *c = core_of(o);

    if (!c)
        return -EINVAL;
    if (!ev || !max)
        return via_why_set(c, -EINVAL, "epoll: no room for events");
    if (!via_set_at(c, o->id)->fifo.head)
        via_stack_poll(o->st, budget, NULL);
    return pop(c, o, ev, max);
}

int via_epoll_dispatch(struct via_epoll *o, unsigned budget, void (*fn)(const struct via_event *, void *), void *arg) {
    struct via_core *c = core_of(o);
    struct via_event ev;
    unsigned n = 0;

    if (!c)
        return -EINVAL;
    if (!fn)
        return via_why_set(c, -EINVAL, "epoll: no function to call");
    o->dispatching++;
    while ((!budget || n < budget) && via_ready_pop(c, via_set_at(c, o->id), &ev)) {
        fn(&ev, arg);
        n++;
    }
    o->dispatching--;
    return (int)n;
}

int via_epoll_rearm(struct via_epoll *o, via_sock_t s) {
    struct via_core *c = core_of(o);
    struct via_sock *k;

    if (!c)
        return -EINVAL;
    k = via_sock_find_any(c, s);
    if (!k)
        return via_bad_handle(c);
    if (k->set != o->id)
        return via_why_set(c, -ENOENT, "epoll: the socket is not in this set");
    return via_ready_again(c, k);
}

/* Sleeps until the FD is readable or `end`; 0, or -errno. */
static int sleep_until(struct via_stack *st, via_ns_t end) {
    struct pollfd p = {.fd = via_wait_fd(st), .events = POLLIN};
    struct timespec ts;
    via_ns_t now, left;
    int saved = errno, n;

    if (end != VIA_NEVER) {
        now = via_stack_clock(st);
        left = end > now ? end - now : 0;
        ts.tv_sec = (time_t)(left / VIA_SEC);
        ts.tv_nsec = (long)(left % VIA_SEC);
    }
    n = ppoll(&p, 1, end == VIA_NEVER ? NULL : &ts, NULL) < 0 ? -errno : 0;
    errno = saved;
    return n;
}

int via_epoll_wait(struct via_epoll *o, struct via_event *ev, unsigned max, via_ns_t timeout) {
    struct via_core *c = core_of(o);
    struct via_stack *st;
    via_ns_t end, spin;
    int n, err;

    if (!c)
        return -EINVAL;
    if (!ev || !max)
        return via_why_set(c, -EINVAL, "epoll: no room for events");
    st = o->st;
    st->sleep.heard = 0;
    end = via_after(via_stack_clock(st), timeout);
    spin = via_min_ns(via_min_ns(c->attrs.wait_spin, timeout), 0xffffff);
    for (;;) {
        n = via_epoll_poll(o, ev, max, 0);
        if (n || st->sleep.heard || (timeout != VIA_NEVER && via_stack_clock(st) >= end))
            return n;
        err = via_sleep_try(st, VIA_SPIN_NS(spin), via_stack_has_input);
        if (err < 0)
            return err;
        if (err == 0 && (err = sleep_until(st, end)) < 0)
            return err;
    }
}
