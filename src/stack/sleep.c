/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/stack.h"

#include <sys/epoll.h>
#include <unistd.h>

#define MOST_FDS 16u

static int vi_fds(struct via_vi *vi, int *fd) {
    struct via_vi_dev *d = vi->dev;

    while (!d->ops->fds && d->inner)
        d = d->inner;
    return d->ops->fds ? (int)d->ops->fds(d, fd, MOST_FDS) : 0;
}

int via_sleep_watch(struct via_stack *st, struct via_vi *vi) {
    int fd[MOST_FDS], saved = errno, n, i, err = 0;

    if (st->sleep.epfd < 0)
        return 0;
    n = vi_fds(vi, fd);
    for (i = 0; i < n && !err; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.u64 = vi->index};

        if (epoll_ctl(st->sleep.epfd, EPOLL_CTL_ADD, fd[i], &ev) < 0 && errno != EEXIST)
            err = -errno;
    }
    errno = saved;
    return err;
}

void via_sleep_forget(struct via_stack *st, struct via_vi *vi) {
    int fd[MOST_FDS], saved = errno, n, i;

    if (st->sleep.epfd < 0)
        return;
    n = vi_fds(vi, fd);
    for (i = 0; i < n; i++)
        epoll_ctl(st->sleep.epfd, EPOLL_CTL_DEL, fd[i], NULL);
    errno = saved;
}

/*
 * Takes back what wakers wrote. Several may be owed: a slow waker of an earlier sleep, and one of this. What has not
 * landed yet stays owed, and costs one spurious return at most when it does.
 */
static void settle_eventfd(struct via_stack *st) {
    int saved = errno;
    uint64_t n;

    st->sleep.syscalls++;
    if (read(st->sleep.eventfd, &n, sizeof n) == (ssize_t)sizeof n)
        st->sleep.owed -= n;
    errno = saved;
}

void via_sleep_disarm(struct via_stack *st) {
    struct via_core *c = &st->core;
    uint32_t i;

    st->sleep.asleep = 0;
    if (!atomic_exchange_explicit(&st->sleep.armed, 0, memory_order_seq_cst))
        st->sleep.owed++;
    if (st->sleep.owed)
        settle_eventfd(st);
    for (i = 1; i <= c->vis; i++)
        if (c->vi[i] && c->vi[i]->dev->ops->disarm)
            c->vi[i]->dev->ops->disarm(c->vi[i]->dev);
    st->mirror_at = 0;
}

int via_stack_wake(struct via_stack *st) {
    static const uint64_t one = 1;
    int saved;

    atomic_store_explicit(&st->sleep.woken, 1, memory_order_seq_cst);
    if (!atomic_exchange_explicit(&st->sleep.armed, 0, memory_order_seq_cst))
        return 0;
    saved = errno;
    while (write(st->sleep.eventfd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved;
    return 0;
}

void via_sleep_end(struct via_stack *st) {
    int saved = errno;

    if (st->sleep.epfd >= 0) {
        close(st->sleep.epfd);
        close(st->sleep.timerfd);
        close(st->sleep.eventfd);
    }
    errno = saved;
}
