/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ends of all connections in one thread: what a byte costs the stack, and nothing else. */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>

#define LONGEST 65507u /* of via_buf_alloc() */

struct lane {
    via_sock_t sock[2];
    uint64_t to_send, to_come;
};

struct course {
    struct stream *s;
    struct inproc pair;
    struct lane *lanes;
    uint32_t at; /* of the source: what is sent without a copy is a buffer each */
    bool lends, posts;
};

/* A buffer of the stack as the next bytes: nothing is copied but, in this program, nothing is written either. */
static ssize_t post(struct course *c, struct lane *l, uint32_t len) {
    struct via_stack *st = c->pair.st[0];
    struct via_post p = {.n = 1, .flags = VIA_FLUSH};
    struct via_seg seg;
    int err = via_buf_alloc(st, len, &seg);

    if (err)
        return -EAGAIN;
    p.seg = &seg;
    err = via_zc_send(st, l->sock[0], &p);
    if (err)
        via_buf_release(st, &seg.buf, 1);
    if (err == -EOPNOTSUPP)
        c->posts = false;
    else if (err && err != -EAGAIN && err != -ENOBUFS)
        tool_die_stack(st, err, "zero-copy send");
    return err ? -EAGAIN : (ssize_t)len;
}

static void send_some(struct course *c, struct lane *l) {
    struct iovec v = {c->s->data, c->s->piece};
    ssize_t n = 1;

    while (l->to_send && n > 0) {
        v.iov_len = l->to_send < c->s->piece ? l->to_send : c->s->piece;
        n = c->posts ? post(c, l, v.iov_len < LONGEST ? (uint32_t)v.iov_len : LONGEST)
                     : via_tcp_send(c->pair.st[0], l->sock[0], &v, 1, VIA_FLUSH);
        if (n < 0 && n != -EAGAIN && n != -ENOBUFS)
            tool_die_stack(c->pair.st[0], (int)n, "send");
        l->to_send -= n > 0 ? (uint64_t)n : 0;
    }
}

static void receive_some(struct course *c, struct lane *l) {
    struct via_stack *st = c->pair.st[1];
    struct via_lent lent;
    ssize_t n;

    do {
        if (c->lends) {
            n = via_zc_recv(st, l->sock[1], 0, &lent);
            c->lends = n != -EOPNOTSUPP;
            if (n == 1) {
                n = (ssize_t)lent.bytes;
                via_buf_release(st, &lent.seg.buf, 1);
            }
        } else {
            n = via_tcp_recv(st, l->sock[1], c->s->data, c->s->piece, 0);
        }
        l->to_come -= n > 0 ? (uint64_t)n : 0;
    } while (n > 0 && l->to_come);
}

static uint64_t count_segments(const struct course *c, uint64_t *resent) {
    uint64_t n = 0;
    uint32_t i;

    *resent = 0;
    for (i = 0; i < c->s->conns; i++) {
        struct via_tcp_info info = VIA_TCP_INFO_INIT;

        if (via_tcp_info(c->pair.st[0], c->lanes[i].sock[0], &info))
            continue;
        n += info.segs_sent;
        *resent += info.segs_resent;
    }
    return n;
}

static void run(struct course *c, uint64_t bytes, struct stream_run *r) {
    uint64_t each = bytes / c->s->conns + !!(bytes % c->s->conns), resent, idle = 0;
    uint32_t i, open = c->s->conns;

    for (i = 0; i < c->s->conns; i++)
        c->lanes[i].to_send = c->lanes[i].to_come = each;
    r->bytes = each * c->s->conns;
    r->segs = count_segments(c, &resent);
    r->ns = tool_clock();
    r->cpu = tool_cpu();
    while (open && !tool_stopped()) {
        uint64_t left = 0;

        inproc_tick(&c->pair);
        for (i = 0; i < c->s->conns; i++)
            if (c->lanes[i].to_send)
                send_some(c, &c->lanes[i]);
        via_stack_poll_at(c->pair.st[1], c->pair.now, 0, NULL);
        for (open = i = 0; i < c->s->conns; i++) {
            left += c->lanes[i].to_come;
            if (c->lanes[i].to_come)
                receive_some(c, &c->lanes[i]);
            left -= c->lanes[i].to_come;
            open += c->lanes[i].to_come != 0;
        }
        via_stack_poll_at(c->pair.st[1], c->pair.now, 0, NULL);
        via_stack_poll_at(c->pair.st[0], c->pair.now, 0, NULL);
        idle = left ? 0 : idle + 1;
        if (idle > 10000000)
            tool_die("nothing moves any more");
    }
    r->ns = tool_clock() - r->ns;
    r->cpu = tool_cpu() - r->cpu;
    r->segs = count_segments(c, &r->resent) - r->segs;
    r->resent -= resent;
}

static void open_pair(struct course *c) {
    const struct stream *s = c->s;
    char attr[512];
    uint32_t mtu = s->segment ? s->segment : s->side.mss ? s->side.mss + 40 : 0;
    int n;

    n = snprintf(attr, sizeof attr, "%s", s->side.host.attr ? s->side.host.attr : "");
    if (mtu)
        n += snprintf(attr + n, sizeof attr - (size_t)n, ";tcp_big=off;mem_mtu=%u", mtu);
    if (s->checksum)
        snprintf(attr + n, sizeof attr - (size_t)n, ";checksum=%d", strcmp(s->checksum, "off") ? 2 : 0);
    inproc_open(&c->pair, attr + (attr[0] == ';'));
    inproc_listen(&c->pair, s->port, NULL);
}

void stream_inproc(struct stream *s) {
    struct course c = {.s = s, .lends = s->zero_copy, .posts = s->zero_copy};
    struct via_tcp_info info = VIA_TCP_INFO_INIT;
    struct stream_run r;
    uint32_t i;

    open_pair(&c);
    c.lanes = calloc(s->conns, sizeof *c.lanes);
    if (!c.lanes)
        tool_die("no memory");
    for (i = 0; i < s->conns; i++)
        inproc_connect(&c.pair, NULL, c.lanes[i].sock);
    run(&c, s->bytes / 20 + 1, &r); /* warm-up: windows are open afterwards */
    via_tcp_info(c.pair.st[0], c.lanes[0].sock[0], &info);
    printf("# viaduct: two stacks in one thread, cable in memory, mss %u, checksums %s, %s\n", info.mss,
           s->checksum ? s->checksum : "by default", c.posts ? "zero-copy" : c.lends ? "sent by copy, lent" : "copied");
    stream_print_head(stdout);
    for (i = 0; i < s->runs && !tool_stopped(); i++) {
        run(&c, s->bytes, &r);
        stream_print(s, &r);
    }
    free(c.lanes);
    inproc_close(&c.pair);
}
