/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/tune.h"

void via_tune_sample(struct via_tune *u, via_ns_t rtt) {
    /* What stood in a queue is not the path: a shorter one counts at once, a longer one slowly. */
    if (!u->rtt || rtt < u->rtt)
        u->rtt = rtt;
    else
        u->rtt += (rtt - u->rtt) / 8;
}

uint32_t via_tune_read(struct via_tune *u, via_ns_t now, uint32_t bytes, via_ns_t srtt) {
    via_ns_t rtt = u->rtt ? u->rtt : srtt;
    uint32_t read;

    u->read = bytes > UINT32_MAX - u->read ? UINT32_MAX : u->read + bytes;
    if (!u->begin)
        u->begin = now;
    if (!rtt || now - u->begin < rtt)
        return 0;
    read = u->read;
    u->read = 0;
    u->begin = now;
    if (read <= u->most)
        return 0;
    u->most = read;
    return read > UINT32_MAX / 2 ? UINT32_MAX : 2 * read;
}

void via_limits_now(struct via_limits *l, via_ns_t now, enum via_limit what) {
    if (l->what)
        l->held[l->what] += now - l->since;
    l->since = now;
    l->what = (uint8_t)what;
}

via_ns_t via_limits_time(const struct via_limits *l, via_ns_t now, enum via_limit what) {
    return l->held[what] + (what != VIA_LIMIT_NONE && l->what == what ? now - l->since : 0);
}
