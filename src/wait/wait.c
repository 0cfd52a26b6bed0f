/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/enter.h"
#include "stack/stack.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <viaduct/wait.h>

static int watch(int epfd, int fd) {
    struct epoll_event ev = {.events = EPOLLIN};

    return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void close_all(struct via_sleep *s) {
    if (s->eventfd >= 0)
        close(s->eventfd);
    if (s->timerfd >= 0)
        close(s->timerfd);
    if (s->epfd >= 0)
        close(s->epfd);
    s->epfd = s->timerfd = s->eventfd = -1;
}

/* Everything that can end a sleep, in one epoll instance. */
static int make_fds(struct via_stack *st) {
    struct via_core *c = &st->core;
    struct via_sleep *s = &st->sleep;
    int err = 0;
    uint32_t i;

    s->epfd = epoll_create1(EPOLL_CLOEXEC);
    s->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->epfd < 0 || s->eventfd < 0 || s->timerfd < 0)
        err = -errno;
    if (!err)
        err = watch(s->epfd, s->eventfd);
    if (!err)
        err = watch(s->epfd, s->timerfd);
    for (i = 1; i <= c->vis && !err; i++)
        if (c->vi[i])
            err = via_sleep_watch(st, c->vi[i]);
    if (err)
        close_all(s);
    return err;
}

int via_wait_fd(struct via_stack *st) {
    struct via_core *c = via_enter(st);
    int saved = errno, err;

    if (st->sleep.epfd >= 0)
        return st->sleep.epfd;
    err = make_fds(st);
    errno = saved;
    return err < 0 ? via_why_set(c, err, "wait: no FD: %s", strerror(-err)) : st->sleep.epfd;
}

/* The netlink FD comes with the first interface of the kernel, and goes with the last. */
static void watch_mirror(struct via_stack *st) {
    int fd = st->core.mirror ? via_mirror_fd(&st->core) : -1, saved = errno;

    if (fd == st->sleep.mirror)
        return;
    if (fd >= 0)
        watch(st->sleep.epfd, fd);
    st->sleep.mirror = fd;
    errno = saved;
}

static via_ns_t real_now(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (via_ns_t)ts.tv_sec * VIA_SEC + (via_ns_t)ts.tv_nsec;
}

/*
 * A timer that stands earlier than needed is left: it costs one spurious return, setting it costs a call each time. One
 * that has fired is set, or switched off, since a fired timerfd stays readable. The stack's clock may be the
 * application's own: the kernel is told how long from now.
 */
static void program(struct via_stack *st, via_ns_t at) {
    struct via_sleep *s = &st->sleep;
    struct itimerspec spec = {{0, 0}, {0, 0}};
    via_ns_t real, now;
    int saved = errno;

    if (at == VIA_NEVER && s->programmed == VIA_NEVER)
        return;
    real = real_now();
    if (s->programmed <= at && s->fires > real)
        return;
    s->fires = 0;
    if (at != VIA_NEVER) {
        now = via_stack_clock(st);
        s->fires = via_after(real, at > now ? at - now : 0);
        spec.it_value.tv_sec = (time_t)(s->fires / VIA_SEC);
        spec.it_value.tv_nsec = (long)(s->fires % VIA_SEC);
    }
    s->syscalls++;
    timerfd_settime(s->timerfd, TFD_TIMER_ABSTIME, &spec, NULL);
    s->programmed = at;
    errno = saved;
}

static bool is_due(const struct via_stack *st, via_ns_t deadline) {
    return deadline != VIA_NEVER && deadline <= via_stack_clock(st);
}

static bool spin(struct via_stack *st, via_ns_t ns, via_work_fn *has_work) {
    via_ns_t end = via_after(via_stack_clock(st), ns), now;

    do {
        now = via_stack_clock(st);
        if (has_work(st) || st->core.s->wheel.next <= now)
            return true;
    } while (now < end);
    return false;
}

/* Steps 3 and 4 of the protocol: 1 if something came in between. */
static bool arm_devices(struct via_stack *st, via_work_fn *has_work) {
    struct via_core *c = &st->core;
    uint32_t i;

    for (i = 1; i <= c->vis; i++)
        if (c->vi[i] && c->vi[i]->dev->ops->arm && c->vi[i]->dev->ops->arm(c->vi[i]->dev))
            return true;
    return has_work(st);
}

static int refuse(struct via_stack *st) {
    st->sleep.refusals++;
    return 1;
}

int via_sleep_try(struct via_stack *st, unsigned flags, via_work_fn *has_work) {
    via_ns_t deadline;
    int fd;

    if (st->sleep.asleep)
        via_sleep_disarm(st);
    if (VIA_SPIN_NS(flags) && spin(st, VIA_SPIN_NS(flags), has_work))
        return refuse(st);
    deadline = via_stack_deadline(st);
    if (has_work(st) || is_due(st, deadline))
        return refuse(st);
    fd = via_wait_fd(st);
    if (fd < 0)
        return fd;
    watch_mirror(st);
    st->sleep.arms++;
    st->sleep.asleep = 1;
    atomic_store_explicit(&st->sleep.armed, 1, memory_order_seq_cst);
    program(st, flags & VIA_ARM_TIMEOUT_ONLY ? VIA_NEVER : deadline);
    if (arm_devices(st, has_work)) {
        via_sleep_disarm(st);
        return refuse(st);
    }
    return 0;
}

int via_wait_arm(struct via_stack *st, unsigned flags) {
    struct via_core *c = via_enter(st);

    if (VIA_UNLIKELY(flags & ~(VIA_ARM_TIMEOUT_ONLY | VIA_SPIN_NS(~0u))))
        return via_why_set(c, -EINVAL, "wait: arm flags %#x are not known", flags);
    return via_sleep_try(st, flags, via_stack_has_work);
}

void via_wait_disarm(struct via_stack *st) {
    via_enter(st);
    if (st->sleep.asleep)
        via_sleep_disarm(st);
}

int via_wait_join(struct via_stack *st, int epfd, uint64_t data) {
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = data};
    int fd = via_wait_fd(st), saved = errno, err;

    if (fd < 0)
        return fd;
    err = epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
    errno = saved;
    return err;
}
