/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCP header: what is reported is in range, and what was understood goes out and comes back the same. */
#include "fuzz_rig.h"
#include "wire/tcp.h"

static void check_ranges(const struct via_tcp_opts *o) {
    rig_must(!(o->has & VIA_TCP_SACK) || (o->sacks >= 1 && o->sacks <= VIA_TCP_SACKS));
    rig_must(!(o->has & VIA_TCP_COOKIE) ||
             (o->cookie_len <= VIA_TCP_COOKIE_MAX && o->cookie_len % 2 == 0 && o->cookie_len != 2));
    rig_must(!(o->has & VIA_TCP_ACCECN) || o->accecn_count <= 3);
    rig_must(!(o->has & VIA_TCP_TIMEOUT) || o->timeout);
    rig_must(!(o->has & VIA_TCP_COOKIE_EXP) || o->has & VIA_TCP_COOKIE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct via_tcp_head h, again;
    uint8_t b[VIA_TCP_MAX];
    uint16_t has;
    int n;

    if (size > 65536)
        return 0;
    n = via_tcp_parse(&h, rig_edge(data, size), size);
    if (n < 0)
        return 0;
    rig_must((size_t)n <= size && n == h.hlen && n >= VIA_TCP_LEN && n <= VIA_TCP_MAX);
    check_ranges(&h.opt);
    h.opt.has &= (uint16_t) ~(VIA_TCP_BROKEN | VIA_TCP_COOKIE_EXP);
    h.opt.layout = h.seq & 1;
    rig_must(via_tcp_opts_fit(&h.opt) <= VIA_TCP_OPT_MAX);
    has = h.opt.has;
    n = via_tcp_emit(b, &h);
    rig_must(n <= VIA_TCP_MAX && via_tcp_parse(&again, rig_edge(b, (size_t)n), (size_t)n) == n);
    rig_must(again.opt.has == has && again.seq == h.seq && again.flags == h.flags);
    rig_must(!(has & VIA_TCP_SACK) || !memcmp(again.opt.sack, h.opt.sack, 8u * h.opt.sacks));
    rig_must(!(has & VIA_TCP_TS) || (again.opt.tsval == h.opt.tsval && again.opt.tsecr == h.opt.tsecr));
    return 0;
}
