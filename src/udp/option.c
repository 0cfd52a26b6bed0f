/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of UDP sockets. */
#include "udp/udp.h"

/* Those that are one byte of the socket. */
struct byte_option {
    uint16_t at; /* 0: not of this kind */
    uint16_t min, max;
};

#define BYTE(member, least, most)                                                                                      \
    { offsetof(struct via_udp_sock, member), least, most }

static const struct byte_option bytes[] = {
    [VIA_OPT_TOS] = BYTE(tos, 0, 255),
    [VIA_OPT_TTL] = BYTE(ttl, 1, 255),
    [VIA_OPT_MCAST_TTL] = BYTE(mcast_ttl, 0, 255),
    [VIA_OPT_MCAST_LOOP] = BYTE(mcast_loop, 0, 1),
    [VIA_OPT_MCAST_IF] = BYTE(mcast_if, 0, VIA_VIS),
    [VIA_OPT_DF] = BYTE(df, 0, 1),
    [VIA_OPT_BROADCAST] = BYTE(broadcast, 0, 1),
};

static const struct byte_option *byte_option(int opt) {
    return opt > 0 && (size_t)opt < VIA_COUNT(bytes) && bytes[opt].at ? &bytes[opt] : NULL;
}

static bool is_read_only(int opt) {
    return opt == VIA_OPT_REUSE || opt == VIA_OPT_MTU || opt == VIA_OPT_REASON || opt == VIA_OPT_QUEUED ||
           opt == VIA_OPT_DROPS;
}

static int unknown(struct via_core *c, int opt) {
    return via_why_set(c, -ENOPROTOOPT, "udp: no option %d", opt);
}

static int check_range(struct via_core *c, int x, int min, int max) {
    return x >= min && x <= max ? 0 : via_why_set(c, -EINVAL, "udp: option value %d is not in %d..%d", x, min, max);
}

static int set_byte(struct via_core *c, struct via_udp_sock *u, int opt, int x) {
    const struct byte_option *o = byte_option(opt);
    int err = check_range(c, x, o->min, o->max);

    if (err < 0)
        return err;
    if (opt == VIA_OPT_MCAST_IF && x && !c->vi[x])
        return via_why_set(c, -EINVAL, "udp: no interface %d", x);
    ((uint8_t *)u)[o->at] = (uint8_t)x;
    u->path.gen = u->plain = 0; /* the template depends on most of them */
    return 0;
}

int via_udp_setopt(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n) {
    int x, err;

    if (is_read_only(opt))
        return via_why_set(c, -EACCES, "udp: option %d is read only", opt);
    if (opt != VIA_OPT_RCVBUF && !byte_option(opt))
        return unknown(c, opt);
    if (n != sizeof x)
        return via_why_set(c, -EINVAL, "udp: an option is an int, not %zu bytes", n);
    memcpy(&x, v, sizeof x);
    if (opt != VIA_OPT_RCVBUF)
        return set_byte(c, (struct via_udp_sock *)(void *)k, opt, x);
    if (k->flags & VIA_SOCK_SEND_ONLY)
        return via_why_set(c, -EOPNOTSUPP, "udp: the socket never receives");
    err = check_range(c, x, 1, (int)VIA_UDP_RCVBUF_MAX);
    if (err == 0)
        k->rxq.limit = (uint32_t)x;
    return err;
}

static int path_mtu(struct via_core *c, struct via_udp_sock *u) {
    struct via_dest d = {.dst = u->sock.flow.remote,
                         .src = u->sock.flow.local,
                         .proto = IPPROTO_UDP,
                         .tos = u->tos,
                         .ttl = u->ttl,
                         .iface = u->sock.flow.iface};
    struct via_path path;

    if (!(u->sock.flags & VIA_SOCK_CONNECTED))
        return 0;
    if (via_addr_is_multicast(&d.src))
        memset(&d.src, 0, sizeof d.src);
    return via_path_resolve(c, &path, &d) < 0 ? 0 : path.mtu;
}

static int take_reason(struct via_sock *k) {
    int reason = k->reason;

    k->reason = 0;
    return reason;
}

static int get_int(struct via_core *c, struct via_udp_sock *u, int opt, int *x) {
    struct via_sock *k = &u->sock;

    if (byte_option(opt)) {
        *x = ((const uint8_t *)u)[byte_option(opt)->at];
        return 0;
    }
    switch (opt) {
    case VIA_OPT_RCVBUF:
        *x = (int)k->rxq.limit;
        return 0;
    case VIA_OPT_REUSE:
        *x = (k->flags & VIA_SOCK_REUSE) != 0;
        return 0;
    case VIA_OPT_MTU:
        *x = path_mtu(c, u);
        return 0;
    case VIA_OPT_REASON:
        *x = take_reason(k);
        return 0;
    case VIA_OPT_QUEUED:
        *x = (int)k->rxq.pkts;
        return 0;
    default:
        return unknown(c, opt);
    }
}

int via_udp_getopt(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n) {
    size_t need = opt == VIA_OPT_DROPS ? sizeof k->drops : sizeof(int);
    const void *from = &k->drops;
    int x = 0, err = 0;

    if (*n < need)
        return via_why_set(c, -EINVAL, "udp: the option needs room for %zu bytes", need);
    if (opt != VIA_OPT_DROPS) {
        err = get_int(c, (struct via_udp_sock *)(void *)k, opt, &x);
        from = &x;
    }
    if (err < 0)
        return err;
    memcpy(v, from, need);
    *n = need;
    return 0;
}
