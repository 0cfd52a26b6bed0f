/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened to a connection, in records of eight bytes. A ring is taken at the first thing that is not as it should
 * be, so that connections without trouble cost nothing; from there on everything is recorded, and the ring stays until
 * the handle is closed.
 */
#include "sock/enter.h"
#include "tcp/tcp.h"

#define VALUE_MAX 0xffffffu

static uint32_t clock_us(const struct via_core *c) {
    return (uint32_t)(via_now(c) >> 10);
}

static struct via_trace *trace_of(const struct via_core *c, const struct via_tcp_conn *t) {
    const struct via_tcp_more *m = via_tcp_more(c, t);

    return m && m->trace ? via_pool_at(&c->tcp->traces, &c->region, m->trace) : NULL;
}

static void put(struct via_core *c, struct via_trace *r, enum via_trace_what what, uint32_t value) {
    struct via_trace_entry *e = &r->at[r->count++ % VIA_TRACES];

    e->at = clock_us(c);
    e->word = (uint32_t)what << 24 | via_min32(value, VALUE_MAX);
}

static struct via_trace *begin(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_more *m = via_tcp_more_new(c, t);
    struct via_trace *r;

    if (!m || !(m->trace = via_pool_get(&c->tcp->traces, &c->region)))
        return NULL;
    r = trace_of(c, t);
    r->count = 0;
    put(c, r, VIA_TRACE_STATE, t->state);
    return r;
}

VIA_COLD void via_tcp_trace(struct via_core *c, struct via_tcp_conn *t, enum via_trace_what what, uint32_t value) {
    struct via_trace *r = trace_of(c, t);

    if (r || (r = begin(c, t)))
        put(c, r, what, value);
}

void via_tcp_trace_more(struct via_core *c, struct via_tcp_conn *t, enum via_trace_what what, uint32_t value) {
    struct via_trace *r = trace_of(c, t);

    if (r)
        put(c, r, what, value);
}

void via_tcp_trace_end(struct via_core *c, struct via_tcp_more *m) {
    if (m->trace)
        via_pool_put(&c->tcp->traces, &c->region, m->trace);
    m->trace = 0;
}

int via_trace_read(struct via_stack *st, via_sock_t s, struct via_trace_rec *v, unsigned max) {
    struct via_core *c = via_enter(st);
    const struct via_tcp_conn *t = (const struct via_tcp_conn *)(const void *)via_sock_find(c, s, VIA_KIND_TCP);
    const struct via_trace *r;
    uint32_t n, i;

    if (!t)
        return via_bad_handle(c);
    if (!v && max)
        return via_why_set(c, -EINVAL, "tcp: nowhere to leave the records");
    r = trace_of(c, t);
    if (!r)
        return 0;
    n = via_min32(via_min32(r->count, VIA_TRACES), max);
    for (i = 0; i < n; i++) {
        const struct via_trace_entry *e = &r->at[(r->count - n + i) % VIA_TRACES];

        v[i].at = via_now(c) - ((via_ns_t)(clock_us(c) - e->at) << 10);
        v[i].what = e->word >> 24;
        v[i].value = e->word & VALUE_MAX;
    }
    return (int)n;
}
