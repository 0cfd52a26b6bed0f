/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of connections and listeners. */
#include "tcp/tcp.h"

/* One that is a bit, with what it does when it changes. */
static uint32_t bit_of(int opt) {
    switch (opt) {
    case VIA_OPT_NODELAY:
        return VIA_TCPB_NODELAY;
    case VIA_OPT_CORK:
        return VIA_TCPB_CORK;
    case VIA_OPT_QUICKACK:
        return VIA_TCPB_QUICK;
    case VIA_OPT_KEEPALIVE:
        return VIA_TCPB_KEEP;
    default:
        return 0;
    }
}

static void set_bit(struct via_core *c, struct via_tcp_conn *t, int opt, bool on) {
    uint32_t bit = bit_of(opt);

    t->bits = on ? t->bits | bit : t->bits & ~bit;
    if (opt == VIA_OPT_KEEPALIVE && on && via_tcp_is_synced(t) && t->state != VIA_TCP_TIME_WAIT)
        via_tcp_arm(c, t, VIA_DUE_KEEP, via_after(via_now(c), t->keep_idle * VIA_SEC));
    if (opt == VIA_OPT_CORK && !on)
        t->bits = (t->bits & (uint32_t)~VIA_TCPB_MORE) | (t->snd.unsent.head ? VIA_TCPB_PUSH : 0u); /* that means: now */
    if ((opt == VIA_OPT_CORK && !on) || (opt == VIA_OPT_NODELAY && on))
        via_tcp_output(c, t);
}

struct range {
    int64_t min, max;
};

/* Least and largest value; max below min: not an option that can be set as a number. */
static struct range range_of(int opt) {
    switch (opt) {
    case VIA_OPT_NODELAY:
    case VIA_OPT_CORK:
    case VIA_OPT_QUICKACK:
    case VIA_OPT_KEEPALIVE:
        return (struct range){0, 1};
    case VIA_OPT_KEEP_IDLE:
    case VIA_OPT_KEEP_INTERVAL:
        return (struct range){1, 32767};
    case VIA_OPT_KEEP_COUNT:
        return (struct range){1, 255};
    case VIA_OPT_USER_TIMEOUT:
        return (struct range){0, INT32_MAX};
    case VIA_OPT_LINGER:
        return (struct range){-1, 32767};
    case VIA_OPT_SNDBUF:
    case VIA_OPT_RCVBUF_BYTES:
        return (struct range){2048, 1 << 30};
    default:
        return (struct range){0, -1};
    }
}

static void set_number(struct via_core *c, struct via_tcp_conn *t, int opt, int x) {
    switch (opt) {
    case VIA_OPT_KEEP_IDLE:
        t->keep_idle = (uint16_t)x;
        if (t->bits & VIA_TCPB_KEEP)
            set_bit(c, t, VIA_OPT_KEEPALIVE, true);
        return;
    case VIA_OPT_KEEP_INTERVAL:
        t->keep_interval = (uint16_t)x;
        return;
    case VIA_OPT_KEEP_COUNT:
        t->keep_count = (uint8_t)x;
        return;
    case VIA_OPT_USER_TIMEOUT:
        t->user_timeout = (uint32_t)x;
        return;
    case VIA_OPT_LINGER:
        t->linger = x;
        return;
    case VIA_OPT_SNDBUF:
        t->snd.buf = (uint32_t)x;
        t->bits |= VIA_TCPB_SND_SET;
        via_tcp_give_space(c, t);
        return;
    case VIA_OPT_RCVBUF_BYTES:
        t->bits |= VIA_TCPB_RCV_SET;
        t->rcv.buf = (uint32_t)x; /* what was promised stays: the edge does not move back */
        return;
    default:
        set_bit(c, t, opt, x);
    }
}

static bool is_read_only(int opt) {
    return opt == VIA_OPT_MSS || opt == VIA_OPT_STATE || opt == VIA_OPT_REASON || opt == VIA_OPT_MTU ||
           opt == VIA_OPT_QUEUED;
}

static int set_cc(struct via_core *c, struct via_tcp_conn *t, const char *name, size_t n) {
    uint32_t cwnd = t->cc.cwnd, ssthresh = t->cc.ssthresh;
    char text[16] = "";
    enum via_cc_algo algo;
    int err;

    memcpy(text, name, n < sizeof text ? n : sizeof text - 1);
    algo = via_tcp_algo(text, 0, &err);
    if (err < 0)
        return via_why_set(c, -EINVAL, "tcp: no congestion control \"%s\"", text);
    if (!cwnd) {
        t->cc.algo = (uint8_t)algo;
        return 0;
    }
    via_cc_init(&t->cc, algo, t->cc.initial);
    t->cc.cwnd = cwnd;
    t->cc.ssthresh = ssthresh;
    via_tcp_pace_setup(c, t);
    return 0;
}

static int set_pacing(struct via_core *c, struct via_tcp_conn *t, const void *v, size_t n) {
    uint64_t rate;

    if (n != sizeof rate)
        return via_why_set(c, -EINVAL, "tcp: a pacing rate is a uint64_t, not %zu bytes", n);
    memcpy(&rate, v, sizeof rate);
    return via_tcp_pace_bound(c, t, rate);
}

int via_tcp_setopt(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n) {
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)k;
    struct range r = range_of(opt);
    int x;

    if (is_read_only(opt))
        return via_why_set(c, -EACCES, "tcp: option %d is read only", opt);
    if (opt == VIA_OPT_CC)
        return set_cc(c, t, v, n);
    if (opt == VIA_OPT_PACING_RATE)
        return set_pacing(c, t, v, n);
    if (r.max < r.min)
        return via_why_set(c, -ENOPROTOOPT, "tcp: no option %d", opt);
    if (n != sizeof x)
        return via_why_set(c, -EINVAL, "tcp: the option is an int, not %zu bytes", n);
    memcpy(&x, v, sizeof x);
    if (x < r.min || x > r.max)
        return via_why_set(c, -EINVAL, "tcp: option value %d is out of range", x);
    set_number(c, t, opt, x);
    return 0;
}

static int get_int(struct via_core *c, struct via_tcp_conn *t, int opt, int *x) {
    if (bit_of(opt)) {
        *x = (t->bits & bit_of(opt)) != 0;
        return 0;
    }
    switch (opt) {
    case VIA_OPT_KEEP_IDLE:
        *x = (int)t->keep_idle;
        return 0;
    case VIA_OPT_KEEP_INTERVAL:
        *x = (int)t->keep_interval;
        return 0;
    case VIA_OPT_KEEP_COUNT:
        *x = t->keep_count;
        return 0;
    case VIA_OPT_USER_TIMEOUT:
        *x = (int)t->user_timeout;
        return 0;
    case VIA_OPT_LINGER:
        *x = t->linger;
        return 0;
    case VIA_OPT_SNDBUF:
        *x = (int)t->snd.buf;
        return 0;
    case VIA_OPT_RCVBUF_BYTES:
        *x = (int)t->rcv.buf;
        return 0;
    case VIA_OPT_MSS:
        *x = (int)t->snd.mss;
        return 0;
    case VIA_OPT_STATE:
        *x = t->state;
        return 0;
    case VIA_OPT_QUEUED:
        *x = (int)t->rcv.queued;
        return 0;
    case VIA_OPT_MTU:
        *x = t->way ? via_tcp_way(c, t)->path.mtu : 0;
        return 0;
    case VIA_OPT_REASON:
        *x = t->sock.reason;
        if (t->state != VIA_TCP_CLOSED)
            t->sock.reason = 0;
        return 0;
    default:
        return via_why_set(c, -ENOPROTOOPT, "tcp: no option %d", opt);
    }
}

static int give(struct via_core *c, const void *from, size_t len, void *v, size_t *n) {
    if (*n < len)
        return via_why_set(c, -EINVAL, "tcp: the option needs room for %zu bytes", len);
    memcpy(v, from, len);
    *n = len;
    return 0;
}

int via_tcp_getopt(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n) {
    static const uint64_t unbound = 0;
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)k;
    const char *name = via_cc_name((enum via_cc_algo)t->cc.algo);
    int x = 0, err;

    if (opt == VIA_OPT_CC)
        return give(c, name, strlen(name) + 1, v, n);
    if (opt == VIA_OPT_PACING_RATE)
        return give(c, t->more ? &via_tcp_more(c, t)->pace.bound : &unbound, sizeof unbound, v, n);
    err = get_int(c, t, opt, &x);
    return err < 0 ? err : give(c, &x, sizeof x, v, n);
}

int via_listener_setopt(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n) {
    (void)k, (void)v, (void)n;
    return via_why_set(c, -ENOPROTOOPT, "tcp: a listener's option %d is set when it is made", opt);
}

int via_listener_getopt(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n) {
    const struct via_listener *l = (const struct via_listener *)(const void *)k;
    int x;

    if (opt == VIA_OPT_QUEUED)
        x = (int)l->readies;
    else if (opt == VIA_OPT_REUSE)
        x = (k->flags & VIA_SOCK_REUSE) != 0;
    else if (opt == VIA_OPT_REASON)
        x = k->reason;
    else
        return via_why_set(c, -ENOPROTOOPT, "tcp: no option %d of a listener", opt);
    return give(c, &x, sizeof x, v, n);
}
