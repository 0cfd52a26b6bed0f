/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp_duo.h"

#include <errno.h>

static via_ns_t duo_clock(void *ctx) {
    return ((struct duo *)ctx)->now;
}

static void add_addr(struct duo *r, int i, const char *text, uint32_t prefix) {
    struct via_ifaddr a = {.prefix = (uint8_t)prefix, .flags = VIA_ADDR_NODAD};
    struct via_vi_info info = VIA_VI_INFO_INIT;

    assert_int_equal(via_addr_parse(text, &a.addr, NULL), 0);
    assert_int_equal(via_vi_info(r->vi[i], &info), 0);
    a.iface = info.index;
    if (info.mtu >= 1280 || via_addr_is4(&a.addr)) /* RFC 8200 5 */
        assert_int_equal(via_ctrl_addr(r->st[i], VIA_CTRL_ADD, &a), 0);
}

static void open_stack(struct duo *r, int i, const struct via_attr *attr) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    char why[VIA_WHY] = "";

    conf.attr = attr;
    conf.clock = duo_clock;
    conf.clock_ctx = r;
    conf.seed = 100 + (uint64_t)i;
    conf.why = why;
    assert_int_equal(via_stack_create(&conf, &r->st[i]), 0);
}

struct duo *duo_new(const char *attr) {
    static const char *const addr[2][2] = {{"192.0.2.1", "2001:db8::1"}, {"192.0.2.2", "2001:db8::2"}};
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    struct duo *r = calloc(1, sizeof *r);
    char all[512];
    struct via_attr *a;
    int i;

    assert_non_null(r);
    r->now = 1000 * VIA_SEC;
    snprintf(all, sizeof all, "frames=4096;accept_ra=off;linklocal=off;%s", attr ? attr : "");
    assert_int_equal(via_attr_new(all, &a), 0);
    for (i = 0; i < 2; i++)
        open_stack(r, i, a);
    assert_int_equal(via_vi_pair(r->st[0], r->st[1], NULL, r->vi), 0);
    via_attr_free(a);
    conf.mode = VIA_EPOLL_LOOSE;
    for (i = 0; i < 2; i++) {
        add_addr(r, i, addr[i][0], 24);
        add_addr(r, i, addr[i][1], 64);
        assert_int_equal(via_epoll_create(r->st[i], &conf, &r->set[i]), 0);
    }
    return r;
}

void duo_end(struct duo *r) {
    int i;

    for (i = 0; i < 2; i++)
        assert_int_equal(via_stack_destroy(r->st[i], VIA_FORCE), 0);
    free(r);
}

void duo_step(struct duo *r) {
    int i;

    r->now += VIA_US;
    for (i = 0; i < 2; i++)
        via_stack_poll_at(r->st[i], r->now, 0, NULL);
}

static bool moves(struct duo *r) {
    return via_stack_pending(r->st[0]) || via_stack_pending(r->st[1]);
}

static via_ns_t deadline(struct duo *r) {
    via_ns_t a = via_stack_deadline(r->st[0]), b = via_stack_deadline(r->st[1]);

    return a < b ? a : b;
}

bool duo_until(struct duo *r, bool (*done)(struct duo *r, void *arg), void *arg, via_ns_t ns) {
    via_ns_t end = r->now + ns;
    unsigned calm = 0;

    while (r->now < end) {
        struct via_work w[2];
        int i;

        if (done && done(r, arg))
            return true;
        r->now += VIA_US;
        for (i = 0; i < 2; i++)
            via_stack_poll_at(r->st[i], r->now, 0, &w[i]);
        calm = w[0].rx || w[1].rx || w[0].tx || w[1].tx ? 0 : calm + 1;
        if (calm < 3)
            continue;
        /* What waits for the application alone does not hold up time. */
        if (deadline(r) >= end)
            break;
        if (deadline(r) > r->now)
            r->now = deadline(r) - VIA_US;
        else if (!moves(r))
            r->now += VIA_US;
    }
    r->now = r->now < end ? end : r->now;
    for (int i = 0; i < 2; i++)
        via_stack_poll_at(r->st[i], r->now, 0, NULL);
    return done && done(r, arg);
}

void duo_run(struct duo *r, via_ns_t ns) {
    duo_until(r, NULL, NULL, ns);
}

struct via_ep duo_ep(const struct duo *r, int stack, uint16_t port) {
    struct via_ep e;
    char text[64];

    snprintf(text, sizeof text, r->six ? "[2001:db8::%d]:%u" : "192.0.2.%d:%u", stack + 1, port);
    assert_int_equal(via_ep_parse(text, &e), 0);
    return e;
}

void duo_listen(struct duo *r, const struct via_listen_conf *conf) {
    struct via_ep any = via_ep_any(VIA_AF_ANY, DUO_PORT);

    assert_int_equal(via_listen(r->st[1], conf, &any, &r->listener), 0);
    assert_int_equal(via_epoll_ctl(r->set[1], VIA_EPOLL_ADD, r->listener, VIA_EV_ACCEPT, 1), 0);
}

struct accepting {
    via_sock_t sock;
};

static bool accepted(struct duo *r, void *arg) {
    struct accepting *a = arg;
    struct via_accepted v;

    if (!a->sock && via_accept(r->st[1], r->listener, &v, 1) == 1)
        a->sock = v.sock;
    return a->sock != 0;
}

#define ALL (VIA_EV_IN | VIA_EV_SPACE | VIA_EV_ERR | VIA_EV_EOF | VIA_EV_CONNECTED | VIA_EV_DONE | VIA_EV_TERMINATED)

void duo_connect(struct duo *r, const struct via_tcp_conf *conf, via_sock_t s[2]) {
    struct via_ep peer = duo_ep(r, 1, DUO_PORT);
    struct accepting a = {0};

    if (!r->listener)
        duo_listen(r, NULL);
    assert_int_equal(via_tcp_connect(r->st[0], conf, NULL, &peer, &s[0]), 0);
    assert_int_equal(via_epoll_ctl(r->set[0], VIA_EPOLL_ADD, s[0], ALL, 0), 0);
    assert_true(duo_until(r, accepted, &a, 300 * VIA_SEC));
    s[1] = a.sock;
    assert_int_equal(via_epoll_ctl(r->set[1], VIA_EPOLL_ADD, s[1], ALL, 1), 0);
    r->sent[0] = r->sent[1] = r->got[0] = r->got[1] = 0;
}

static uint8_t pattern(uint64_t at) {
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

ssize_t duo_send(struct duo *r, int stack, via_sock_t s, size_t n, unsigned flags) {
    static uint8_t buf[1 << 17];
    struct iovec v = {buf, n < sizeof buf ? n : sizeof buf};
    ssize_t took;
    size_t i;

    for (i = 0; i < v.iov_len; i++)
        buf[i] = pattern(r->sent[stack] + i);
    took = via_tcp_send(r->st[stack], s, &v, 1, flags);
    if (took > 0)
        r->sent[stack] += (uint64_t)took;
    return took;
}

ssize_t duo_recv(struct duo *r, int stack, via_sock_t s) {
    static uint8_t buf[1 << 16];
    ssize_t all = 0, n;

    while ((n = via_tcp_recv(r->st[stack], s, buf, sizeof buf, 0)) > 0) {
        ssize_t i;

        for (i = 0; i < n; i++)
            if (buf[i] != pattern(r->got[stack] + (uint64_t)i))
                fail_msg("byte %llu is wrong", (unsigned long long)(r->got[stack] + (uint64_t)i));
        r->got[stack] += (uint64_t)n;
        all += n;
    }
    return all ? all : n;
}

struct carrying {
    int from;
    const via_sock_t *s;
    uint64_t left, want;
};

static bool carried(struct duo *r, void *arg) {
    struct carrying *c = arg;
    ssize_t n;

    while (c->left && (n = duo_send(r, c->from, c->s[c->from], c->left, 0)) > 0)
        c->left -= (uint64_t)n;
    duo_recv(r, !c->from, c->s[!c->from]);
    return r->got[!c->from] >= c->want;
}

bool duo_carry(struct duo *r, int from, const via_sock_t s[2], uint64_t n, via_ns_t ns) {
    struct carrying c = {.from = from, .s = s, .left = n, .want = r->got[!from] + n};

    return duo_until(r, carried, &c, ns);
}

struct via_tcp_info duo_info(struct duo *r, int stack, via_sock_t s) {
    struct via_tcp_info i = VIA_TCP_INFO_INIT;

    assert_int_equal(via_tcp_info(r->st[stack], s, &i), 0);
    return i;
}

unsigned duo_events(struct duo *r, int stack, via_sock_t s, int *reason) {
    struct via_event ev;
    unsigned what = 0;

    while (via_stack_pending(r->st[stack]) && via_epoll_poll(r->set[stack], &ev, 1, 0) == 1) {
        if (ev.sock != s)
            continue;
        what |= ev.what;
        if (reason && ev.reason)
            *reason = ev.reason;
    }
    return what;
}

struct lookup {
    const char *object, *name;
    uint64_t value;
};

static int look(const struct via_stat *v, void *arg) {
    struct lookup *l = arg;

    if (!strcmp(v->object, l->object) && !strcmp(v->name, l->name))
        l->value += v->value;
    return 0;
}

uint64_t duo_stat(struct duo *r, int stack, const char *object, const char *name) {
    struct lookup l = {object, name, 0};

    via_stats_walk(r->st[stack], look, &l);
    return l.value;
}

void duo_impair(struct duo *r, int stack, const struct via_impair *imp) {
    struct via_impair i = *imp;

    i.direction = 2;
    assert_int_equal(via_vi_impair(r->vi[stack], &i), 0);
}
