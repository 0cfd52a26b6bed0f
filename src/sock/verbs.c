/* SPDX-License-Identifier: BSD-2-Clause */
/* The public verbs that all kinds share: check at the door, then the kind's own. */
#include "sock/enter.h"

#include <viaduct/buf.h>

int via_sock_close(struct via_stack *st, via_sock_t s, unsigned flags) {
    struct via_core *c = via_enter(st);
    struct via_sock *k = via_sock_find_any(c, s);

    if (!k)
        return via_bad_handle(c);
    if (flags & ~VIA_ABORT)
        return via_why_set(c, -EINVAL, "sock: close flags %#x are not known", flags);
    c->sock_ops[k->kind]->close(c, k, flags);
    return 0;
}

int via_sock_setopt(struct via_stack *st, via_sock_t s, int opt, const void *v, size_t n) {
    struct via_core *c = via_enter(st);
    struct via_sock *k = via_sock_find_any(c, s);

    if (!k)
        return via_bad_handle(c);
    return v ? c->sock_ops[k->kind]->setopt(c, k, opt, v, n) : via_why_set(c, -EINVAL, "sock: no value given");
}

int via_sock_getopt(struct via_stack *st, via_sock_t s, int opt, void *v, size_t *n) {
    struct via_core *c = via_enter(st);
    struct via_sock *k = via_sock_find_any(c, s);

    if (!k)
        return via_bad_handle(c);
    return v && n ? c->sock_ops[k->kind]->getopt(c, k, opt, v, n) : via_why_set(c, -EINVAL, "sock: no room given");
}

static void end_point(struct via_ep *e, const struct via_addr *a, uint16_t port, uint8_t iface) {
    memset(e, 0, sizeof *e);
    e->addr = *a;
    e->port = port;
    e->family = via_addr_is4(a) ? VIA_AF_4 : VIA_AF_6;
    e->scope = via_addr_is_linklocal6(a) ? iface : 0;
}

int via_sock_names(struct via_stack *st, via_sock_t s, struct via_ep *local, struct via_ep *peer) {
    struct via_core *c = via_enter(st);
    struct via_sock *k = via_sock_find_any(c, s);

    if (!k)
        return via_bad_handle(c);
    if (local)
        end_point(local, &k->flow.local, k->flow.lport, k->flow.iface);
    if (!peer)
        return 0;
    if (!(k->flags & VIA_SOCK_CONNECTED))
        return via_why_set(c, -ENOTCONN, "sock: there is no peer");
    end_point(peer, &k->flow.remote, k->flow.rport, k->flow.iface);
    return 0;
}

int via_sock_user(struct via_stack *st, via_sock_t s, void *set, void **get) {
    struct via_core *c = via_enter(st);
    struct via_sock *k = via_sock_find_any(c, s);

    if (!k)
        return via_bad_handle(c);
    if (get)
        *get = (void *)(uintptr_t)k->user;
    k->user = (uint64_t)(uintptr_t)set;
    return 0;
}
