/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow.h"

#include <stdlib.h>

#define PAYLOAD 1200u

void udp_start(struct flow *f) {
    struct via_udp_conf c = VIA_UDP_CONF_INIT;
    struct via_ep at = via_ep_any(VIA_AF_4, f->port), from = via_ep_any(VIA_AF_4, 0);

    c.rcvbuf = 4096;
    if (via_udp_open(f->to->st, &c, &at, &f->in) || via_udp_open(f->from->st, &c, &from, &f->out) ||
        via_epoll_ctl(f->to->set, VIA_EPOLL_ADD, f->in, VIA_EV_IN, f->port))
        abort();
    at.addr = f->to->addr;
    if (via_udp_connect(f->from->st, f->out, &at))
        abort();
    f->next = f->from->sim->now;
}

void udp_tick(struct flow *f) {
    uint64_t word[PAYLOAD / 8] = {f->packets};
    struct iovec iov = {word, PAYLOAD};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};

    while (f->next <= f->from->sim->now) {
        if (via_udp_send(f->from->st, f->out, &d, 1, 0) == 1) {
            word[0] = ++f->packets;
            f->sent += PAYLOAD;
        }
        f->next += PAYLOAD * 8 * VIA_SEC / f->rate;
    }
    f->from->touched = true;
}

void udp_event(struct flow *f, const struct via_event *ev) {
    uint64_t word[PAYLOAD / 8];

    (void)ev;
    while (via_udp_read(f->to->st, f->in, word, sizeof word, NULL) == (ssize_t)PAYLOAD) {
        f->received += PAYLOAD;
        f->got++;
        f->late += word[0] < f->last;
        f->last = word[0] > f->last ? word[0] : f->last;
    }
}
