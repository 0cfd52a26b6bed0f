/* SPDX-License-Identifier: BSD-2-Clause */
/* The subject as Viaduct: one stack on a cable, whose far end is a raw interface. */
#include "diff.h"
#include "stack_tcp.h"

#include <errno.h>
#include <stdio.h>

static struct via_stack *make(const char *spec, uint64_t seed) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_stack *st = NULL;
    struct via_attr *a;

    if (!via_attr_new(spec, &a)) {
        conf.attr = a;
        conf.seed = seed;
        if (via_stack_create(&conf, &st))
            st = NULL;
    }
    via_attr_free(a);
    return st;
}

static int add_addr(struct via_stack *st, const char *text, uint8_t prefix) {
    struct via_ifaddr a = {.iface = 1, .prefix = prefix, .flags = VIA_ADDR_NODAD};

    via_addr_parse(text, &a.addr, NULL);
    return via_ctrl_addr(st, VIA_CTRL_ADD, &a);
}

int diff_stack_open(struct diff_stack *v, uint64_t seed) {
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct via_vi *end[2];

    memset(v, 0, sizeof *v);
    v->st = make("frames=16384;tx_ring=4096;rx_ring=1024;checksum=2;linklocal=off;accept_ra=off;icmp_rate=1000000;"
                 "udp_rcvbuf=16384;mem_mtu=1500;frag_frames=8192;frag_max=4096;frag_source=4096;frag_time=5s", seed);
    v->far_st = make("frames=16384;rx_ring=4096;tx_ring=1024;checksum=2;linklocal=off;accept_ra=off;mem_mtu=1500", seed + 1);
    if (!v->st || !v->far_st || via_vi_pair(v->st, v->far_st, NULL, end))
        return -ENOMEM;
    v->vi = end[0];
    v->far = end[1];
    if (via_vi_raw(v->far, true) || add_addr(v->st, "192.0.2.1", 24) || add_addr(v->st, "2001:db8::1", 64))
        return -EINVAL;
    return via_epoll_create(v->st, &set, &v->set);
}

void diff_stack_close(struct diff_stack *v) {
    if (v->st)
        via_stack_destroy(v->st, VIA_FORCE);
    if (v->far_st)
        via_stack_destroy(v->far_st, VIA_FORCE);
}

static void on_event(const struct via_event *ev, void *arg) {
    struct diff_stack *v = arg;

    for (unsigned i = 0; i < DIFF_SOCKS; i++) {
        if (!v->open[i] || v->sock[i] != ev->sock)
            continue;
        if (ev->what & VIA_EV_IN)
            v->announced[i] += v->proto == DIFF_UDP ? ev->pkts : ev->bytes;
        if (ev->what & VIA_EV_ACCEPT)
            v->announced[i]++;
        if (ev->what & VIA_EV_EOF)
            v->eof[i] = true;
        if (ev->what & VIA_EV_TERMINATED) {
            v->last_error[i] = ev->reason;
            v->dead[i] = true;
        }
    }
}

void diff_stack_poll(struct diff_stack *v) {
    struct via_work w = {0};
    unsigned n = 0;

    do {
        via_stack_poll(v->st, 0, &w);
        via_epoll_dispatch(v->set, 0, on_event, v);
    } while ((w.rx || w.tx || w.more || w.timers) && ++n < 1000);
}

int diff_stack_take(struct diff_stack *v, uint8_t *frame, size_t room) {
    struct via_frame f;
    size_t n;

    if (via_vi_recv(v->far, &f, 1) != 1)
        return 0;
    n = f.len < room ? f.len : room;
    memcpy(frame, via_vi_data(v->far, &f), n);
    via_vi_release(v->far, &f, 1);
    return (int)n;
}

void diff_stack_give(struct diff_stack *v, const uint8_t *frame, size_t n) {
    struct via_frame f;

    via_vi_kick(v->far);
    if (via_vi_alloc(v->far, &f, 1) != 1)
        return;
    memcpy(via_vi_data(v->far, &f), frame, n);
    f.len = (uint32_t)n;
    f.flags = 0;
    if (via_vi_send(v->far, &f, 1) != 1)
        via_vi_release(v->far, &f, 1);
    via_vi_kick(v->far);
}

/* ---- calls ---- */

void diff_stack_watch(struct diff_stack *v, unsigned i, via_sock_t s) {
    unsigned all = VIA_EV_IN | VIA_EV_SPACE | VIA_EV_ERR | VIA_EV_LINK | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_ACCEPT |
                   VIA_EV_TERMINATED;

    v->sock[i] = s;
    v->open[i] = true;
    v->listens[i] = v->eof[i] = v->dead[i] = false;
    v->announced[i] = 0;
    v->last_error[i] = 0;
    via_epoll_ctl(v->set, VIA_EPOLL_ADD, s, all, i);
    via_epoll_dispatch(v->set, 0, on_event, v);
}

static int v_open(void *ctx, unsigned i, const struct diff_op *op, uint8_t family) {
    struct diff_stack *v = ctx;
    struct via_udp_conf c = VIA_UDP_CONF_INIT;
    struct via_ep e = via_ep_any(family == 6 ? VIA_AF_6 : VIA_AF_4, op->port);
    via_sock_t s;
    int err;

    if (v->proto == DIFF_TCP)
        return diff_tcp_open(v, i, op, family);
    if (op->where == AT_DUAL)
        e.family = VIA_AF_ANY;
    else if (family == 6)
        c.flags |= VIA_UDP_V6ONLY;
    if (op->where == AT_OWN)
        via_addr_parse(family == 6 ? "2001:db8::1" : "192.0.2.1", &e.addr, NULL);
    else if (op->where == AT_FOREIGN)
        via_addr_parse(family == 6 ? "2001:db8::9" : "192.0.2.9", &e.addr, NULL);
    err = via_udp_open(v->st, &c, &e, &s);
    if (!err)
        diff_stack_watch(v, i, s);
    return err;
}

static int v_close(void *ctx, unsigned i, bool abort) {
    struct diff_stack *v = ctx;

    if (!v->open[i])
        return -EBADF;
    v->open[i] = false;
    return abort ? diff_tcp_abort(v, i) : v->proto == DIFF_TCP ? diff_tcp_close(v, i) : via_sock_close(v->st, v->sock[i], 0);
}

static int v_connect(void *ctx, unsigned i, const struct via_ep *to) {
    struct diff_stack *v = ctx;

    if (v->proto == DIFF_TCP)
        return diff_tcp_connect(v, i, to);
    return v->open[i] ? via_udp_connect(v->st, v->sock[i], to) : -EBADF;
}

static int v_send(void *ctx, unsigned i, const void *data, size_t n, const struct via_ep *to) {
    struct diff_stack *v = ctx;
    struct iovec iov = {(void *)(uintptr_t)data, n};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    int got;

    if (!v->open[i])
        return -EBADF;
    if (v->proto == DIFF_TCP)
        return diff_tcp_send(v, i, data, n);
    if (to)
        d.peer = *to;
    got = via_udp_send(v->st, v->sock[i], &d, 1, VIA_FLUSH);
    return got == 1 ? (int)n : got;
}

static int v_recv(void *ctx, unsigned i, void *buf, size_t n, struct via_ep *from, int *mark) {
    struct diff_stack *v = ctx;
    int got;

    *mark = 0;
    if (!v->open[i])
        return -EBADF;
    if (v->proto == DIFF_TCP)
        return diff_tcp_recv(v, i, buf, n);
    got = (int)via_udp_read(v->st, v->sock[i], buf, n, from);
    if (got >= 0 && v->announced[i])
        v->announced[i]--;
    return got;
}

static const int options[] = {[DO_TOS] = VIA_OPT_TOS, [DO_TTL] = VIA_OPT_TTL, [DO_DF] = VIA_OPT_DF,
                              [DO_BROADCAST] = VIA_OPT_BROADCAST, [DO_MTU] = VIA_OPT_MTU};

static int option(uint8_t opt) {
    int o = opt < sizeof options / sizeof *options ? options[opt] : 0;

    return o ? o : diff_tcp_option(opt);
}

static int v_setopt(void *ctx, unsigned i, uint8_t opt, int value) {
    struct diff_stack *v = ctx;

    return v->open[i] ? via_sock_setopt(v->st, v->sock[i], option(opt), &value, sizeof value) : -EBADF;
}

static int v_getopt(void *ctx, unsigned i, uint8_t opt, int *value) {
    struct diff_stack *v = ctx;
    size_t n = sizeof *value;

    return v->open[i] ? via_sock_getopt(v->st, v->sock[i], option(opt), value, &n) : -EBADF;
}

static int v_names(void *ctx, unsigned i, struct via_ep *local, struct via_ep *peer) {
    struct diff_stack *v = ctx;
    int err;

    if (!v->open[i])
        return -EBADF;
    err = via_sock_names(v->st, v->sock[i], local, NULL);
    if (v->dead[i] || (v->proto == DIFF_TCP && diff_tcp_is_over(v, i))) /* the kernel forgets whom a dead connection was with */
        return -ENOTCONN;
    return err ? err : via_sock_names(v->st, v->sock[i], NULL, peer);
}

static int v_error(void *ctx, unsigned i) {
    struct diff_stack *v = ctx;
    int value = 0;
    size_t n = sizeof value;

    if (!v->open[i])
        return 0;
    if (v->proto == DIFF_TCP)
        return diff_tcp_error(v, i);
    via_sock_getopt(v->st, v->sock[i], VIA_OPT_REASON, &value, &n);
    return value;
}

static int v_ready(void *ctx, unsigned i) {
    struct diff_stack *v = ctx;

    return !v->open[i] ? -EBADF : v->announced[i] || (v->proto == DIFF_TCP && (v->eof[i] || v->dead[i])) ? 1 : 0;
}

static int v_listen(void *ctx, unsigned i, int backlog) {
    return diff_tcp_listen(ctx, i, backlog);
}

static int v_accept(void *ctx, unsigned i, unsigned to) {
    return diff_tcp_accept(ctx, i, to);
}

static int v_shutdown(void *ctx, unsigned i) {
    return diff_tcp_shutdown(ctx, i);
}

static int v_state(void *ctx, unsigned i, int *eof) {
    return diff_tcp_state(ctx, i, eof);
}

static int v_pending(void *ctx, unsigned i) {
    struct diff_stack *v = ctx;

    return v->open[i] ? (int)v->announced[i] : 0;
}

const struct diff_api diff_via = {
    .open = v_open, .close = v_close, .connect = v_connect, .send = v_send, .recv = v_recv, .setopt = v_setopt,
    .getopt = v_getopt, .names = v_names, .error = v_error, .ready = v_ready, .listen = v_listen, .accept = v_accept,
    .shutdown = v_shutdown, .state = v_state, .pending = v_pending,
};
