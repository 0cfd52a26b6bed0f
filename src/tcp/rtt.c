/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/rtt.h"
#include "base/check.h"

void via_min_add(struct via_min *m, via_ns_t window, via_ns_t now, via_ns_t sample) {
    via_ns_t size = window / VIA_MIN_PARTS + 1, part = m->part, n;
    via_ns_t *slot;

    if (now - part * size >= size) /* the same quarter as the last time, nearly always: no division */
        part = now / size;
    slot = &m->least[part % VIA_MIN_PARTS];
    VIA_ASSERT(part >= m->part && sample < VIA_NEVER - 1);
    for (n = via_min_ns(part - m->part, VIA_MIN_PARTS); n; n--)
        m->least[(part - n + 1) % VIA_MIN_PARTS] = 0;
    m->part = part;
    if (!*slot || sample + 1 < *slot)
        *slot = sample + 1;
}

via_ns_t via_min_get(const struct via_min *m) {
    via_ns_t least = VIA_NEVER;
    int i;

    for (i = 0; i < VIA_MIN_PARTS; i++)
        least = via_min_ns(least, m->least[i] - 1);
    return least;
}

/* RFC 6298 2.3; the granularity of the clock is below everything that is measured. */
static void set_rto(struct via_rtt *r, const struct via_rtt_limits *lim) {
    via_ns_t rto = r->srtt ? r->srtt + 4 * r->var : lim->initial;

    r->rto = via_min_ns(rto < lim->min ? lim->min : rto, lim->max);
    r->backoff = 0;
}

void via_rtt_init(struct via_rtt *r, const struct via_rtt_limits *lim) {
    VIA_ASSERT(lim->min <= lim->initial && lim->initial <= lim->max);
    memset(r, 0, sizeof *r);
    set_rto(r, lim);
}

uint32_t via_rtt_expected(uint32_t flight, uint32_t mss) {
    uint32_t two = 2 * (mss ? mss : 1);

    return flight > two ? (flight - 1) / two + 1 : 1;
}

void via_rtt_sample(struct via_rtt *r, const struct via_rtt_limits *lim, via_ns_t rtt, uint32_t expected) {
    VIA_ASSERT(expected && rtt < VIA_NEVER / 2);
    rtt += !rtt;
    r->latest = rtt;
    if (!r->srtt) {
        r->srtt = rtt;
        r->var = rtt / 2;
    } else {
        int64_t off = (int64_t)(rtt - r->srtt), var = (off < 0 ? -off : off) - (int64_t)r->var;

        /* Quotients toward zero; the usual divisors are not divided by. */
        if (VIA_LIKELY(expected == 1)) {
            r->var += (via_ns_t)(var / 4);
            r->srtt += (via_ns_t)(off / 8);
        } else {
            r->var += (via_ns_t)(var / (4 * (int64_t)expected));
            r->srtt += (via_ns_t)(off / (8 * (int64_t)expected));
        }
    }
    set_rto(r, lim);
}

void via_rtt_backoff(struct via_rtt *r, const struct via_rtt_limits *lim) {
    r->rto = r->rto > lim->max / 2 ? lim->max : r->rto * 2;
    r->backoff++;
}

void via_rtt_unback(struct via_rtt *r, const struct via_rtt_limits *lim) {
    if (r->backoff)
        set_rto(r, lim);
}

void via_rtt_syn_lost(struct via_rtt *r, const struct via_rtt_limits *lim) {
    if (!r->srtt)
        r->rto = via_min_ns(r->rto < VIA_RTT_SYN_LOST ? VIA_RTT_SYN_LOST : r->rto, lim->max);
}

void via_rtt_spurious(struct via_rtt *r, const struct via_rtt_limits *lim, via_ns_t rtt) {
    r->latest = rtt;
    if (r->srtt < rtt)
        r->srtt = rtt;
    if (r->var < rtt / 2)
        r->var = rtt / 2;
    set_rto(r, lim);
}
