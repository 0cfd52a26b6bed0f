/* SPDX-License-Identifier: BSD-2-Clause */
#include "inproc.h"

static void open_one(struct inproc *p, int i, const struct via_attr *attr) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    char why[VIA_WHY] = "";
    int err;

    conf.attr = attr;
    conf.seed = 1 + (uint64_t)i;
    conf.why = why;
    err = via_stack_create(&conf, &p->st[i]);
    if (err)
        tool_die("no stack: %s %s", strerror(-err), why);
}

static void add_addr(struct inproc *p, int i) {
    struct via_ifaddr a = {.addr = p->ep[i].addr, .prefix = 24, .flags = VIA_ADDR_NODAD};
    struct via_vi_info info = VIA_VI_INFO_INIT;
    int err;

    via_vi_info(p->vi[i], &info);
    a.iface = info.index;
    err = via_ctrl_addr(p->st[i], VIA_CTRL_ADD, &a);
    if (err)
        tool_die_stack(p->st[i], err, "address");
}

void inproc_open(struct inproc *p, const char *attr) {
    struct via_attr *a;
    int err, i;

    memset(p, 0, sizeof *p);
    if (via_attr_new(attr, &a))
        tool_die("attributes: %s", via_attr_why(a));
    p->now = tool_clock();
    p->out.iov = &p->iov;
    p->out.iovcnt = 1;
    for (i = 0; i < 2; i++) {
        open_one(p, i, a);
        p->ep[i] = via_ep4(htonl(0xc0000201u + (uint32_t)i), 0);
    }
    via_attr_free(a);
    err = via_vi_pair(p->st[0], p->st[1], NULL, p->vi);
    if (err)
        tool_die_stack(p->st[0], err, "cable");
    for (i = 0; i < 2; i++)
        add_addr(p, i);
}

void inproc_udp(struct inproc *p, uint16_t port) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    int err = 0, i;

    p->ep[0].port = p->ep[1].port = port;
    for (i = 0; i < 2 && !err; i++)
        err = via_udp_open(p->st[i], &conf, &p->ep[i], &p->sock[i]);
    for (i = 0; i < 2 && !err; i++)
        err = via_udp_connect(p->st[i], p->sock[i], &p->ep[!i]);
    if (err)
        tool_die_stack(p->st[0], err, "socket");
}

void inproc_close(struct inproc *p) {
    via_stack_destroy(p->st[0], VIA_FORCE);
    via_stack_destroy(p->st[1], VIA_FORCE);
}

void inproc_tick(struct inproc *p) {
    p->now = p->virtual_time ? p->now + VIA_US : tool_clock();
}

/* Polls side `i` until it has a datagram. The first ones wait for ARP, so the other side gets its turns too. */
static bool await(struct inproc *p, int i, struct via_dgram *d) {
    int turn;

    for (turn = 0; turn < 1000; turn++) {
        via_stack_poll_at(p->st[i], p->now, 0, NULL);
        if (via_udp_recv(p->st[i], p->sock[i], d, 1) == 1)
            return true;
        via_stack_poll_at(p->st[!i], p->now, 0, NULL);
    }
    return false;
}

bool inproc_round_trip(struct inproc *p, const void *data, uint32_t size) {
    struct via_dgram *in = &p->in;

    p->iov.iov_base = (void *)(uintptr_t)data;
    p->iov.iov_len = size;
    inproc_tick(p);
    if (via_udp_send(p->st[0], p->sock[0], &p->out, 1, VIA_FLUSH) != 1 || !await(p, 1, in))
        return false;
    if (via_udp_send(p->st[1], p->sock[1], in, 1, VIA_FLUSH) != 1) {
        via_buf_release(p->st[1], &in->seg.buf, 1);
        return false;
    }
    if (!await(p, 0, in))
        return false;
    via_buf_release(p->st[0], &in->seg.buf, 1);
    return in->bytes == size;
}
