/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/enter.h"
#include "stack/stack.h"

#include <poll.h>
#include <viaduct/epoll.h>
#include <viaduct/wait.h>

/* A set as the application holds it: private; the records and their order lie in the region. */
struct via_epoll {
    struct via_stack *st;
    uint32_t id;
};

int via_epoll_create(struct via_stack *st, const struct via_epoll_conf *conf, struct via_epoll **out) {
    static const struct via_epoll_conf defaults = VIA_EPOLL_CONF_INIT;
    struct via_core *c = via_enter(st);
    struct via_epoll *o;
    struct via_set *set;

    conf = conf ? conf : &defaults;
    if (!out || conf->size != sizeof *conf || conf->mode > VIA_EPOLL_LOOSE || conf->merge > VIA_MERGE_TIMESTAMP ||
        conf->no_coalesce > 1)
        return via_why_set(c, -EINVAL, "epoll: a mode, merge or version that is not known");
    o = via_alloc(c, sizeof *o);
    if (!o)
        return via_why_set(c, -ENOMEM, "epoll: no memory");
    o->st = st;
    o->id = via_pool_get(&c->socks->sets, &c->region);
    if (!o->id) {
        via_free(c, o);
        return via_why_set(c, -ENOBUFS, "epoll: all %llu sets are in use", (unsigned long long)c->attrs.max_epoll);
    }
    set = via_set_at(c, o->id);
    memset(set, 0, sizeof *set);
    set->open = 1;
    set->mode = (uint8_t)conf->mode;
    set->no_coalesce = (uint8_t)conf->no_coalesce;
    set->by_time = conf->merge == VIA_MERGE_TIMESTAMP;
    c->socks->by_time += set->by_time;
    if (conf->max_hold)
        c->socks->max_hold = conf->max_hold;
    *out = o;
    return 0;
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
            if (k->state == VIA_SOCK_CLOSING && !k->tokens)
                via_sock_free(c, k);
        }
    }
}

int via_epoll_destroy(struct via_epoll *o) {
    struct via_core *c;
    struct via_set *set;

    if (!o)
        return -EINVAL;
    c = via_enter(o->st);
    leave_all(c, o->id);
    set = via_set_at(c, o->id);
    VIA_ASSERT(!set->fifo.head && !set->members);
    c->socks->by_time -= set->by_time;
    set->open = 0;
    via_pool_put(&c->socks->sets, &c->region, o->id);
    via_free(c, o);
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

/* A mask without IN takes data records back; with it again they are announced again. */
static int modify(struct via_core *c, struct via_epoll *o, struct via_sock *k, uint32_t mask, uint64_t user) {
    if (k->set != o->id)
        return via_why_set(c, -ENOENT, "epoll: the socket is not in this set");
    k->set_user = user;
    if ((k->mask ^ mask) & VIA_EV_IN) {
        via_ready_leave(c, k);
        k->mask = mask;
        via_ready_join(c, k, o->id);
    }
    k->mask = mask;
    return 0;
}

int via_epoll_ctl(struct via_epoll *o, int op, via_sock_t s, uint32_t mask, uint64_t user) {
    struct via_core *c;
    struct via_sock *k;

    if (!o)
        return -EINVAL;
    c = via_enter(o->st);
    k = via_sock_find_any(c, s);
    if (!k)
        return -EBADF;
    switch (op) {
    case VIA_EPOLL_ADD:
        return add(c, o, k, mask, user);
    case VIA_EPOLL_MOD:
        return modify(c, o, k, mask, user);
    case VIA_EPOLL_DEL:
        if (k->set != o->id)
            return via_why_set(c, -ENOENT, "epoll: the socket is not in this set");
        via_ready_leave(c, k);
        return 0;
    case VIA_EPOLL_MOVE:
        if (!k->set)
            return via_why_set(c, -ENOENT, "epoll: the socket is in no set");
        via_ready_move(c, k, o->id);
        k->mask = mask;
        k->set_user = user;
        return 0;
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
    struct via_core *c;

    if (!o || !ev || !max)
        return -EINVAL;
    c = via_enter(o->st);
    if (!via_set_at(c, o->id)->fifo.head)
        via_stack_poll(o->st, budget, NULL);
    return pop(c, o, ev, max);
}

int via_epoll_dispatch(struct via_epoll *o, unsigned budget, void (*fn)(const struct via_event *, void *), void *arg) {
    struct via_event ev;
    struct via_core *c;
    unsigned n = 0;

    if (!o || !fn)
        return -EINVAL;
    c = via_enter(o->st);
    while ((!budget || n < budget) && via_ready_pop(c, via_set_at(c, o->id), &ev)) {
        fn(&ev, arg);
        n++;
    }
    return (int)n;
}

int via_epoll_rearm(struct via_epoll *o, via_sock_t s) {
    struct via_core *c;
    struct via_sock *k;

    if (!o)
        return -EINVAL;
    c = via_enter(o->st);
    k = via_sock_find_any(c, s);
    if (!k)
        return -EBADF;
    if (k->set != o->id)
        return -ENOENT;
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
    struct via_stack *st;
    via_ns_t end, spin;
    int n, err;

    if (!o || !ev || !max)
        return -EINVAL;
    st = o->st;
    end = via_after(via_stack_clock(st), timeout);
    spin = via_min_ns(st->core.attrs.wait_spin, timeout);
    for (;;) {
        n = via_epoll_poll(o, ev, max, 0);
        if (n)
            return n;
        if (timeout != VIA_NEVER && via_stack_clock(st) >= end)
            return 0;
        err = via_wait_arm(st, (unsigned)via_min_ns(spin, 0xffffff));
        if (err < 0)
            return err;
        if (err == 0 && (err = sleep_until(st, end)) < 0)
            return err;
    }
}
