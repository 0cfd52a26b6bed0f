/* SPDX-License-Identifier: BSD-2-Clause */
/* The public verbs of zero copy: check at the door, then the kind's own. */
#include "sock/enter.h"

int via_zc_recv(struct via_stack *st, via_sock_t s, size_t max, struct via_lent *out) {
    struct via_core *c = via_enter(st);
    struct via_sock *k = via_sock_find_any(c, s);

    if (VIA_UNLIKELY(!k))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(!out))
        return via_why_set(c, -EINVAL, "sock: nowhere to leave what is lent");
    if (VIA_UNLIKELY(!c->sock_ops[k->kind]->lend))
        return via_why_set(c, -EOPNOTSUPP, "sock: a %s socket carries no data", c->sock_ops[k->kind]->name);
    memset(out, 0, sizeof *out);
    out->user = k->user;
    return c->sock_ops[k->kind]->lend(c, k, max && max < UINT32_MAX ? (uint32_t)max : UINT32_MAX, out);
}

int via_zc_send(struct via_stack *st, via_sock_t s, const struct via_post *p) {
    struct via_core *c = via_enter(st);
    struct via_sock *k = via_sock_find_any(c, s);

    if (VIA_UNLIKELY(!k))
        return via_bad_handle(c);
    if (VIA_UNLIKELY(!p || !p->seg || !p->n))
        return via_why_set(c, -EINVAL, "sock: nothing to send");
    if (VIA_UNLIKELY(p->flags & ~(VIA_MORE | VIA_FLUSH | VIA_INLINE)))
        return via_why_set(c, -EINVAL, "sock: send flags %#x are not known", p->flags);
    if (VIA_UNLIKELY(!c->sock_ops[k->kind]->post))
        return via_why_set(c, -EOPNOTSUPP, "sock: a %s socket carries no data", c->sock_ops[k->kind]->name);
    return c->sock_ops[k->kind]->post(c, k, p);
}
