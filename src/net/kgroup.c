/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/kgroup.h"

#include "net/mcast.h"

#include <unistd.h>

struct via_kgroups {
    int fd_1[VIA_MCAST_GROUPS + 1]; /* by slot: one more than the FD, 0: none */
};

static void put_end(struct sockaddr_storage *to, const struct via_addr *a) {
    struct via_ep e = {.addr = *a, .family = via_addr_is4(a) ? VIA_AF_4 : VIA_AF_6};

    via_ep_to_sockaddr(&e, to);
}

static int level_of(const struct via_addr *group) {
    return via_addr_is4(group) ? IPPROTO_IP : IPPROTO_IPV6;
}

/* A member from anybody to begin with: a filter is that of a membership. */
static int open_fd(const struct via_kgroup *g) {
    struct group_req req;
    int fd = socket(via_addr_is4(&g->group) ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

    if (fd < 0)
        return -errno;
    memset(&req, 0, sizeof req);
    req.gr_interface = g->ifindex;
    put_end(&req.gr_group, &g->group);
    if (setsockopt(fd, level_of(&g->group), MCAST_JOIN_GROUP, &req, sizeof req) == 0)
        return fd;
    err = -errno;
    close(fd);
    return err;
}

static int set_filter(int fd, const struct via_kgroup *g) {
    struct {
        struct group_filter head;
        struct sockaddr_storage more[VIA_KGROUP_SOURCES];
    } f;
    uint32_t i;

    memset(&f, 0, sizeof f);
    f.head.gf_interface = g->ifindex;
    f.head.gf_fmode = g->sources ? MCAST_INCLUDE : MCAST_EXCLUDE;
    f.head.gf_numsrc = g->sources;
    put_end(&f.head.gf_group, &g->group);
    for (i = 0; i < g->sources; i++)
        put_end(&((struct sockaddr_storage *)f.head.gf_slist)[i], &g->source[i]);
    return setsockopt(fd, level_of(&g->group), MCAST_MSFILTER, &f, (socklen_t)GROUP_FILTER_SIZE(g->sources)) ? -errno
                                                                                                             : 0;
}

/* The kernel may keep fewer sources (igmp_max_msf, mld_max_msf): then it is all of them. */
static int fit_filter(int fd, const struct via_kgroup *g) {
    struct via_kgroup all = *g;
    int err = set_filter(fd, g);

    all.sources = 0;
    return err == -ENOBUFS && g->sources ? set_filter(fd, &all) : err;
}

int via_kgroup_set(struct via_core *c, const struct via_kgroup *g) {
    int saved = errno, err;

    if (!c->kgroups && !(c->kgroups = via_alloc(c, sizeof *c->kgroups)))
        return -ENOMEM;
    err = c->kgroups->fd_1[g->slot] - 1;
    if (err < 0)
        err = open_fd(g);
    if (err >= 0) {
        c->kgroups->fd_1[g->slot] = err + 1;
        err = fit_filter(err, g);
    }
    if (err < 0)
        via_kgroup_drop(c, g->slot);
    errno = saved;
    return err;
}

void via_kgroup_drop(struct via_core *c, uint32_t slot) {
    int saved = errno;

    if (!c->kgroups || !c->kgroups->fd_1[slot])
        return;
    close(c->kgroups->fd_1[slot] - 1);
    c->kgroups->fd_1[slot] = 0;
    errno = saved;
}

void via_kgroup_fini(struct via_core *c) {
    uint32_t i;

    for (i = 1; c->kgroups && i <= VIA_MCAST_GROUPS; i++)
        via_kgroup_drop(c, i);
    via_free(c, c->kgroups);
    c->kgroups = NULL;
}
