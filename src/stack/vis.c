/* SPDX-License-Identifier: BSD-2-Clause */
/* VIs of a stack: the public verbs that join the VI layer, the host above it, and the sleeper. */
#include "stack/attr.h"
#include "stack/stack.h"
#include "vi/mem.h"
#include "vi/drivers.h"

static const struct via_attrs *values(const struct via_core *c, const struct via_attr *a) {
    return a ? via_attr_values(a) : &c->attrs;
}

/* A VI that has started becomes an interface of the host. */
static int adopt(struct via_stack *st, struct via_vi *vi, struct via_vi **out) {
    uint32_t kind;
    int err;

    vi->stack = st;
    st->merge.newest[vi->index] = 0;
    err = via_net_attach(&st->core, vi);
    if (!err)
        err = via_sleep_watch(st, vi);
    if (err) {
        via_vi_close(vi);
        return err;
    }
    for (kind = VIA_KIND_UDP; kind < VIA_KINDS; kind++)
        if (st->core.sock_ops[kind] && st->core.sock_ops[kind]->steer)
            st->core.sock_ops[kind]->steer(&st->core, vi->index);
    if (out)
        *out = vi;
    return 0;
}

int via_vi_open(struct via_stack *st, const char *spec, const struct via_attr *a, struct via_vi **out) {
    struct via_core *c = via_enter(st);
    struct via_vi *vi;
    int err;

    if (!spec || !*spec)
        return via_why_set(c, -EINVAL, "vi: no spec given");
    err = via_vi_start(c, spec, values(c, a), &vi);
    return err < 0 ? err : adopt(st, vi, out);
}

int via_vi_attach(struct via_stack *st, const struct via_vi_ops *ops, void *priv, struct via_vi **out) {
    struct via_core *c = via_enter(st);
    struct via_vi *vi;
    int err;

    if (!ops || !ops->name || !ops->open || !ops->close || !ops->rx_burst || !ops->rx_fill || !ops->tx_burst ||
        !ops->tx_reap)
        return via_why_set(c, -EINVAL, "vi: a driver needs name, open, close, rx_burst, rx_fill, tx_burst, tx_reap");
    err = via_vi_start_ops(c, ops, priv, &c->attrs, &vi);
    return err < 0 ? err : adopt(st, vi, out);
}

int via_vi_pair(struct via_stack *a, struct via_stack *b, const struct via_attr *at, struct via_vi *out[2]) {
    struct via_core *c = via_enter(a);
    const struct via_attrs *v = values(c, at);
    struct via_mem_conf conf = {.ring = (uint32_t)via_min_ns(v->rx_ring, v->tx_ring),
                                .mtu = (uint32_t)v->mem_mtu,
                                .latency = v->mem_latency,
                                .rate = v->mem_rate};
    struct via_stack *st[2] = {a, b};
    struct via_mem_cable *cable;
    unsigned i;
    int err;

    if (!b || !out)
        return via_why_set(c, -EINVAL, "vi: a cable has two stacks, and two ends to leave somewhere");
    err = via_mem_cable_new(&conf, &cable);
    if (err < 0)
        return via_why_set(c, err, "vi: no cable of that kind: %s", strerror(-err));
    for (i = 0; i < 2 && !err; i++) {
        struct via_core *ci = &st[i]->core;
        struct via_vi *vi;

        err = via_vi_start_ops(ci, &via_vi_mem, via_mem_cable_end(cable, i), values(ci, at), &vi);
        if (!err)
            err = adopt(st[i], vi, &out[i]);
        if (!err)
            via_mem_take_big(vi->dev, ci->attrs.tcp_big);
    }
    if (err && i == 2) {
        via_why_set(c, err, "vi: the other end of the cable: %s", strerror(-err));
        via_vi_close(out[0]);
    }
    if (!err)
        out[0]->dev->link = VIA_LINK_UP; /* the first end was opened before there was a second */
    via_mem_cable_release(cable);
    return err;
}

/* What waited for its turn among other VIs goes with its VI. */
static void drop_held(struct via_stack *st, uint32_t index) {
    struct via_core *c = &st->core;
    struct via_pkt *p;

    while ((p = via_pktq_pop(c, &st->merge.held[index]))) {
        st->merge.count--;
        via_pkt_release(c, p);
    }
}

int via_vi_close(struct via_vi *vi) {
    struct via_stack *st = vi->stack;
    struct via_core *c = via_enter(st);

    via_sock_link(c, vi->index, -ENODEV);
    via_net_detach(c, vi);
    drop_held(st, vi->index);
    via_sock_give_space(c, vi->index, true);
    via_sleep_forget(st, vi);
    via_vi_stop(vi);
    return 0;
}

int via_vi_impair(struct via_vi *vi, const struct via_impair *imp) {
    struct via_core *c = via_enter(vi->stack);
    int err = via_vi_spoil(vi, imp);

    via_mem_take_big(via_vi_inner(vi), false); /* what is impaired are packets of the MTU */
    if (!err)
        via_net_look(c); /* checksums are no longer left out: prebuilt headers go */
    return err;
}

int via_vi_raw(struct via_vi *vi, bool on) {
    struct via_core *c = via_enter(vi->stack);

    if (on == vi->raw)
        return 0;
    vi->raw = on;
    via_mem_take_big(vi->dev, !on && c->attrs.tcp_big);
    if (!on)
        return via_net_attach(c, vi);
    via_net_detach(c, vi);
    return 0;
}
