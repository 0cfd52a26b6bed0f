/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/icmp.h"
#include "net/input.h"
#include "net/state.h"

/* RFC 1812 4.3.2.3, RFC 4443 2.4 (c): what an error may be long, with its headers. */
#define ERROR_MAX4 576u
#define ERROR_MAX6 1280u

static struct via_icmp_state *state(const struct via_core *c) {
    return &c->net->icmp;
}

uint64_t via_icmp_bytes(const struct via_attrs *a) {
    (void)a;
    return 0;
}

int via_icmp_init(struct via_core *c) {
    struct via_icmp_state *s = state(c);

    memset(s, 0, sizeof *s);
    s->key = via_rand_key(&c->s->rand);
    s->error_rate = via_rate_of(c->attrs.icmp_rate, 200 * VIA_MS);
    s->dest_rate = via_rate_of((c->attrs.icmp_rate + 3) / 4, 250 * VIA_MS);
    s->echo_rate = via_rate_of(c->attrs.icmp_echo_rate, 10 * VIA_MS);
    return 0;
}

static bool take_some(struct via_core *c, struct via_bucket *b, const struct via_rate *r, uint32_t most) {
    uint32_t price = 1 + via_rand_below(&c->s->rand, most);

    return via_bucket_take(b, r, via_min32(price, r->burst), via_now(c));
}

/* The bucket of the destination comes first: a flood to one of them leaves the common bucket to the others. */
static bool is_within_rate(struct via_core *c, const struct via_addr *dst) {
    struct via_icmp_state *s = state(c);
    struct via_addr payer = *dst;

    if (via_now(c) >= s->rekey) {
        memset(s->dest, 0, sizeof s->dest);
        s->key = via_rand_key(&c->s->rand);
        s->rekey = via_now(c) + 10 * VIA_SEC + via_rand_below(&c->s->rand, 10000) * VIA_MS;
    }
    if (!via_addr_is4(dst))
        memset(payer.b + 8, 0, 8);
    return take_some(c, &s->dest[via_hash_addr(&s->key, &payer, 0) % VIA_ICMP_BUCKETS], &s->dest_rate, 2) &&
           take_some(c, &s->errors, &s->error_rate, 3);
}

static bool is_unicast(const struct via_core *c, const struct via_addr *a) {
    return !via_addr_is_any(a) && !via_addr_is_multicast(a) && !via_net_is_broadcast(c, a);
}

/* Does the packet that `q` was read of carry what no error may answer? `at` and `len` as for the quote. */
static bool is_answer(const struct via_quote *q, const uint8_t *at, size_t len) {
    if (q->proto != (q->version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
        return false;
    return q->hlen >= len || via_icmp_type_is_error(q->version, at[q->hlen]) || (q->version == 6 && at[q->hlen] == 137);
}

/* RFC 1122 3.2.2, RFC 4443 2.4 (e): the packet whose header begins at p->l3 may be answered. */
static bool may_answer(const struct via_core *c, const struct via_pkt *p, const struct via_quote *q, bool group_too) {
    const uint8_t *at = via_pkt_frame(c, p) + p->l3;
    const struct via_own *own;

    if (q->later || is_answer(q, at, (size_t)(p->off - p->l3) + p->len) || !is_unicast(c, &q->src))
        return false;
    if (!group_too && ((p->flags & VIA_PKT_MCAST) || !is_unicast(c, &q->dst)))
        return false;
    if (!p->looped && via_net_is_own(c, &q->src, 0))
        return false;
    own = via_addr_find(c, &q->dst, p->vi);
    return !own || !(own->flags & VIA_ADDR_KERNEL);
}

static struct via_dest dest_of(const struct via_core *c, const struct via_pkt *p, const struct via_addr *to,
                               const struct via_addr *from) {
    struct via_dest d;

    memset(&d, 0, sizeof d);
    d.dst = *to;
    if (via_net_is_own(c, from, 0))
        d.src = *from;
    d.iface = via_addr_is_linklocal6(to) ? p->vi : 0;
    d.proto = via_addr_is4(to) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    return d;
}

/* Bytes of `p` from its IP header on, up to `n`, behind those of `out`. */
static void append_quote(struct via_core *c, struct via_pkt *out, const struct via_pkt *p, uint32_t n) {
    uint32_t head = via_min32((uint32_t)(p->off - p->l3), n);
    uint8_t *at = via_pkt_data(c, out) + out->len;

    memcpy(at, via_pkt_frame(c, p) + p->l3, head);
    n = head + via_pkt_copy_out(c, p, 0, at + head, n - head);
    out->len = (uint16_t)(out->len + n);
    out->total += n;
}

static bool send_error(struct via_core *c, const struct via_pkt *p, const struct via_icmp *m,
                       const struct via_dest *d) {
    uint32_t max = m->version == 6 ? ERROR_MAX6 - VIA_IP6_LEN : ERROR_MAX4 - VIA_IP4_LEN;
    struct via_ip_head h = {.version = m->version, .proto = d->proto};
    struct via_path path;
    struct via_pkt *out;

    if (via_path_resolve(c, &path, d) < 0 || !(out = via_net_frame(c)))
        return false;
    via_icmp_emit(via_pkt_data(c, out), m);
    out->len = VIA_ICMP_LEN;
    out->total = VIA_ICMP_LEN;
    append_quote(c, out, p, max - VIA_ICMP_LEN);
    h.src = path.src;
    h.dst = path.dst;
    via_icmp_seal(via_pkt_data(c, out), out->len, &h);
    state(c)->errors_sent++;
    return via_net_output(c, &path, out, false) == VIA_KEPT;
}

bool via_icmp_answer(struct via_core *c, const struct via_pkt *p, const struct via_icmp *m, bool group_too) {
    struct via_quote q;
    struct via_dest d;

    if (via_quote_parse(&q, m->version, via_pkt_frame(c, p) + p->l3, (size_t)(p->off - p->l3) + p->len) < 0 ||
        !may_answer(c, p, &q, group_too))
        return false;
    if (!is_within_rate(c, &q.src)) {
        via_drop_count(c, VIA_DROP_ICMP_RATE);
        return false;
    }
    d = dest_of(c, p, &q.src, &q.dst);
    return send_error(c, p, m, &d);
}

void via_net_unreachable(struct via_core *c, struct via_pkt *p, const struct via_rx *rx) {
    struct via_icmp m = {.kind = VIA_ICMP_NO_PORT, .version = via_addr_is4(&rx->flow.local) ? 4 : 6};

    via_icmp_answer(c, p, &m, false);
}

static void drop(struct via_rx *rx, enum via_drop why) {
    rx->kind = VIA_RX_DROP;
    rx->why = why;
}

static void done(struct via_core *c, struct via_pkt *p, struct via_rx *rx, enum via_drop why) {
    if (why) {
        drop(rx, why);
        return;
    }
    via_pkt_release(c, p);
    rx->kind = VIA_RX_DONE;
}

/* 0 if a request may be answered. */
static enum via_drop check_echo(struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h, bool group) {
    const struct via_own *own = via_addr_find(c, &h->dst, p->vi);

    /* RFC 1122 3.2.2.6 leaves it to us, RFC 2644 tells why not; RFC 4443 4.2 wants an answer. */
    if (group && h->version == 4)
        return VIA_DROP_ICMP_GROUP;
    if (!is_unicast(c, &h->src))
        return VIA_DROP_IP_MARTIAN;
    if (own && (own->flags & VIA_ADDR_KERNEL))
        return VIA_DROP_IP_KERNEL;
    return via_bucket_take(&state(c)->echoes, &state(c)->echo_rate, 1, via_now(c)) ? VIA_KEPT : VIA_DROP_ICMP_RATE;
}

/* A received packet becomes one to send. */
static void turn_packet(struct via_pkt *p) {
    p->flags = 0;
    p->looped = 0;
    memset(&p->rec, 0, sizeof p->rec);
}

static void answer_echo(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h, struct via_rx *rx) {
    enum via_drop why = check_echo(c, p, h, rx->group);
    struct via_dest d;
    uint8_t scope = p->vi | VIA_PMTU_ECHO;
    struct via_path path;
    bool verified = via_net_verifies(c, p);
    struct via_pkt *own;
    uint8_t *at;

    if (why) {
        drop(rx, why);
        return;
    }
    d = dest_of(c, p, &h->src, &h->dst);
    d.tos = h->tos & 0xfc;
    if (via_path_resolve(c, &path, &d) < 0) {
        drop(rx, VIA_DROP_NO_ROUTE);
        return;
    }
    if (!(own = via_net_private(c, p))) {
        drop(rx, VIA_DROP_NO_BUFFER);
        return;
    }
    turn_packet(own);
    at = via_pkt_data(c, own);
    via_icmp_turn_echo(at, h->version);
    /* A checksum that nobody has looked at is no ground to build the reply's on. */
    if (!verified || (h->version == 6 && !via_addr_eq(&path.src, &h->dst))) {
        struct via_ip_head out = {.src = path.src, .dst = path.dst, .version = h->version, .proto = h->proto};

        via_store16(at + 2, 0);
        via_store16(at + 2, via_sum_end(via_net_sum(c, own, via_icmp_seed(&out, own->total))));
    }
    state(c)->echoes_sent++;
    path.mtu = (uint16_t)via_pmtu_get(c, &path.dst, scope, path.mtu);
    via_net_output(c, &path, own, false);
    rx->kind = VIA_RX_DONE;
}

/* RFC 1122 4.2.3.9 says which are hard; the numbers are those of other systems. */
static const struct meaning {
    int16_t reason;
    bool hard;
} meanings[] = {
    [VIA_ICMP_NO_NET] = {-ENETUNREACH, false},        [VIA_ICMP_NO_HOST] = {-EHOSTUNREACH, false},
    [VIA_ICMP_NO_PROTO] = {-ENOPROTOOPT, true},       [VIA_ICMP_NO_PORT] = {-ECONNREFUSED, true},
    [VIA_ICMP_PROHIBITED] = {-EACCES, false},         [VIA_ICMP_NO_SOURCE_ROUTE] = {-EOPNOTSUPP, false},
    [VIA_ICMP_BEYOND_SCOPE] = {-EHOSTUNREACH, false}, [VIA_ICMP_TOO_BIG] = {-EMSGSIZE, false},
    [VIA_ICMP_TTL] = {-EHOSTUNREACH, false},          [VIA_ICMP_FRAG_TIME] = {-EHOSTUNREACH, false},
    [VIA_ICMP_BAD_HEADER] = {-EPROTO, false},         [VIA_ICMP_BAD_OPTION] = {-EPROTO, false},
};

/* Was the packet that is quoted one that we may have sent, to where we may have sent it? */
static bool is_plausible(const struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h,
                         const struct via_quote *q) {
    return !(p->flags & VIA_PKT_MCAST) && via_addr_eq(&q->src, &h->dst) && via_net_is_own(c, &q->src, 0) &&
           via_addr_is4(&q->dst) == (q->version == 4) && is_unicast(c, &q->dst);
}

/* Our echo replies have no flow that could be looked up, but large ones need the MTU all the same. */
static enum via_drop take_own_too_big(struct via_core *c, const struct via_pkt *p, const struct via_quote *q,
                                      const struct via_icmp *m) {
    if (m->kind != VIA_ICMP_TOO_BIG || q->proto != (q->version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
        return VIA_DROP_ICMP_NO_FLOW;
    via_pmtu_learn(c, &q->dst, p->vi | VIA_PMTU_ECHO, m->arg, q->total);
    return VIA_KEPT;
}

static void fill_flow(struct via_rx *rx, const struct via_pkt *p, const struct via_quote *q) {
    rx->flow.local = q->src;
    rx->flow.remote = q->dst;
    rx->flow.lport = q->sport;
    rx->flow.rport = q->dport;
    rx->flow.proto = q->proto;
    rx->flow.iface = via_addr_is_linklocal6(&q->src) || via_addr_is_linklocal6(&q->dst) ? p->vi : 0;
    rx->seq = q->seq;
}

static void take_error(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h, const struct via_icmp *m,
                       struct via_rx *rx) {
    struct via_quote q;

    if (via_quote_parse(&q, h->version, via_pkt_data(c, p) + VIA_ICMP_LEN, p->len - VIA_ICMP_LEN) < 0) {
        drop(rx, VIA_DROP_ICMP_BAD);
        return;
    }
    if (!is_plausible(c, p, h, &q)) {
        drop(rx, VIA_DROP_ICMP_NO_FLOW);
        return;
    }
    rx->mtu = m->kind == VIA_ICMP_TOO_BIG ? via_pmtu_clamp(&q.dst, m->arg, q.total) : 0;
    if (m->kind == VIA_ICMP_TOO_BIG && !rx->mtu) {
        drop(rx, VIA_DROP_ICMP_BAD);
        return;
    }
    if (!q.has_ports || (q.proto != IPPROTO_UDP && q.proto != IPPROTO_TCP)) {
        done(c, p, rx, take_own_too_big(c, p, &q, m));
        return;
    }
    fill_flow(rx, p, &q);
    rx->reason = meanings[m->kind].reason;
    rx->hard = meanings[m->kind].hard;
    rx->kind = VIA_RX_ERROR;
}

static enum via_drop take_redirect(struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h,
                                   const struct via_icmp *m) {
    const struct via_iface *f = via_iface_at(c, p->vi);
    struct via_quote q;
    struct via_ra_hint hint = {.gateway = via_addr_from4(m->arg), .from = h->src};

    if (!f || via_quote_parse(&q, 4, via_pkt_data(c, p) + VIA_ICMP_LEN, p->len - VIA_ICMP_LEN) < 0)
        return VIA_DROP_ICMP_BAD;
    if (!is_plausible(c, p, h, &q))
        return VIA_DROP_ICMP_NO_FLOW;
    hint.dst = q.dst;
    return via_ra_redirect4(c, f, &hint);
}

void via_net_pmtu(struct via_core *c, const struct via_rx *rx) {
    if (rx->kind == VIA_RX_ERROR && rx->reason == -EMSGSIZE)
        via_pmtu_learn(c, &rx->flow.remote, rx->flow.iface, rx->mtu, rx->mtu + 1);
}

static void take_nd(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h, struct via_rx *rx) {
    struct via_iface *f = via_iface_at(c, p->vi);

    done(c, p, rx, f && !p->chain ? via_nd_input(c, f, p, h) : VIA_DROP_ND_BAD);
}

void via_icmp_input(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h, struct via_rx *rx) {
    struct via_icmp m;

    if (via_net_verifies(c, p) && !via_sum_ok(via_net_sum(c, p, via_icmp_seed(h, p->total)))) {
        drop(rx, VIA_DROP_ICMP_CHECKSUM);
        return;
    }
    if (via_icmp_parse(&m, h->version, via_pkt_data(c, p), p->len) < 0) {
        drop(rx, VIA_DROP_ICMP_BAD);
        return;
    }
    if (via_icmp_is_error(&m))
        take_error(c, p, h, &m, rx);
    else if (m.kind == VIA_ICMP_ECHO)
        answer_echo(c, p, h, rx);
    else if (m.kind == VIA_ICMP_REDIRECT)
        done(c, p, rx, take_redirect(c, p, h, &m));
    else if (m.kind == VIA_ICMP_ND)
        take_nd(c, p, h, rx);
    else if (m.kind == VIA_ICMP_MLD)
        done(c, p, rx, via_mcast_input(c, p, h));
    else
        drop(rx, VIA_DROP_ICMP_TYPE);
}
