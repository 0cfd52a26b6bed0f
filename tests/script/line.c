/* SPDX-License-Identifier: BSD-2-Clause */
#include "script.h"

#include <ctype.h>

static struct via_addr address(struct sc_run *r) {
    struct via_addr a;
    char text[VIA_ADDR_TEXT];
    size_t n = 0;

    if (sc_word(r, "local"))
        return r->local;
    if (sc_word(r, "peer"))
        return r->remote;
    if (sc_word(r, "other"))
        return r->other;
    if (sc_word(r, "zero"))
        return (r->six ? (struct via_addr){{0}} : via_addr_from4(0));
    sc_more(r);
    while (n + 1 < sizeof text && (isxdigit((unsigned char)r->at[n]) || r->at[n] == '.' || r->at[n] == ':'))
        n++;
    memcpy(text, r->at, n);
    text[n] = 0;
    if (via_addr_parse(text, &a, NULL))
        sc_fail(r, "expected an address at '%s'", r->at);
    r->at += n;
    return a;
}

static bool ecn_word(struct sc_run *r, struct sc_range *v) {
    static const struct {
        const char *word;
        int64_t lo, hi;
    } names[] = {{"noecn", 0, 0}, {"ect0", 2, 2}, {"ect1", 1, 1}, {"ect01", 1, 2}, {"ce", 3, 3}};

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (sc_word(r, names[i].word)) {
            *v = (struct sc_range){names[i].lo, names[i].hi};
            return true;
        }
    }
    return false;
}

static void annotation(struct sc_run *r, struct sc_pkt *p) {
    if (ecn_word(r, &p->ecn))
        return;
    if (sc_word(r, "tos")) {
        p->tos = sc_range(r);
    } else if (sc_word(r, "ttl")) {
        p->ttl = sc_range(r);
    } else if (sc_word(r, "flow")) {
        p->flow = sc_range(r);
    } else if (sc_word(r, "df")) {
        p->df = (struct sc_range){1, 1};
    } else if (sc_word(r, "nodf")) {
        p->df = (struct sc_range){0, 0};
    } else if (sc_word(r, "badsum")) {
        p->bad_sum = true;
    } else if (sc_word(r, "badipsum")) {
        p->bad_ip_sum = true;
    } else if (sc_word(r, "len")) {
        p->ip_len = sc_number(r);
    } else if (sc_word(r, "doff")) {
        p->doff = sc_number(r);
    } else if (sc_word(r, "fill")) {
        p->fill = (int)sc_number(r) & 0xff;
    } else if (sc_word(r, "sport")) {
        p->sport = (uint16_t)sc_number(r);
    } else if (sc_word(r, "dport")) {
        p->dport = (uint16_t)sc_number(r);
    } else if (sc_word(r, "src")) {
        p->src = address(r);
        p->src_given = true;
    } else if (sc_word(r, "dst")) {
        p->dst = address(r);
        p->dst_given = true;
    } else {
        sc_fail(r, "no such remark about a packet: '%s'", r->at);
    }
}

static bool flag_letters(struct sc_run *r, uint16_t *flags) {
    static const char letters[] = "FSRP.UEWA";
    const char *at = r->at, *hit;

    *flags = 0;
    if (*at == '-') {
        r->at++;
        return true;
    }
    for (; *at && (hit = strchr(letters, *at == 'C' ? 'W' : *at)); at++)
        *flags |= (uint16_t)(1u << (hit - letters));
    if (at == r->at || (*at && *at != ' ' && *at != '\t' && *at != ']'))
        return false;
    r->at = at;
    return true;
}

/* "seq:end(len)" */
static void seq_range(struct sc_run *r, uint32_t *seq, uint32_t *len) {
    int64_t from = sc_number(r), to;

    sc_need(r, ":");
    to = sc_number(r);
    sc_need(r, "(");
    *seq = (uint32_t)from;
    *len = (uint32_t)sc_number(r);
    if ((uint32_t)(to - from) != *len)
        sc_fail(r, "%u:%u is not %u bytes", *seq, (uint32_t)to, *len);
    sc_need(r, ")");
}

static void sack_blocks(struct sc_run *r, struct sc_opt *o) {
    o->kind = 5;
    if (sc_take(r, "*")) {
        o->any = true;
        return;
    }
    while (sc_more(r) && *r->at != ',' && *r->at != '>') {
        if (o->blocks == 4)
            sc_fail(r, "more than four blocks");
        o->left[o->blocks] = (uint32_t)sc_number(r);
        sc_need(r, ":");
        o->right[o->blocks++] = (uint32_t)sc_number(r);
    }
}

static void cookie(struct sc_run *r, struct sc_opt *o) {
    o->kind = 34;
    if (sc_word(r, "saved")) {
        *o = r->cookie;
        return;
    }
    if (sc_take(r, "*")) {
        o->any = true;
        return;
    }
    o->len = (uint8_t)sc_hex(r, o->raw, sizeof o->raw);
}

static void one_option(struct sc_run *r, struct sc_opt *o) {
    memset(o, 0, sizeof *o);
    if (sc_word(r, "mss")) {
        o->kind = 2;
        o->val[0] = sc_range(r);
    } else if (sc_word(r, "wscale")) {
        o->kind = 3;
        o->val[0] = sc_range(r);
    } else if (sc_word(r, "sackOK")) {
        o->kind = 4;
    } else if (sc_word(r, "sack")) {
        sack_blocks(r, o);
    } else if (sc_word(r, "TS")) {
        o->kind = 8;
        sc_need(r, "val");
        o->val[0] = sc_range(r);
        sc_need(r, "ecr");
        o->val[1] = sc_range(r);
    } else if (sc_word(r, "nop")) {
        o->kind = 1;
    } else if (sc_word(r, "eol")) {
        o->kind = 0;
    } else if (sc_word(r, "uto")) {
        o->kind = 28;
        o->val[0] = sc_range(r);
    } else if (sc_word(r, "FO")) {
        cookie(r, o);
    } else if (sc_word(r, "hex")) {
        sc_need(r, "(");
        o->len = (uint8_t)sc_hex(r, o->raw, sizeof o->raw);
        o->kind = 255;
        sc_need(r, ")");
    } else {
        sc_fail(r, "no such option: '%s'", r->at);
    }
}

static void options(struct sc_run *r, struct sc_pkt *p) {
    if (sc_take(r, "...")) {
        p->opts_any = true;
        sc_need(r, ">");
        return;
    }
    while (!sc_take(r, ">")) {
        if (p->opts == sizeof p->opt / sizeof *p->opt)
            sc_fail(r, "too many options");
        one_option(r, &p->opt[p->opts++]);
        if (sc_more(r) && *r->at == '>')
            continue;
        sc_need(r, ",");
    }
}

static void tcp_line(struct sc_run *r, struct sc_pkt *p) {
    p->kind = SC_TCP;
    if (sc_take(r, "*"))
        p->flags_any = true;
    else if (!flag_letters(r, &p->flags))
        sc_fail(r, "expected flags out of FSRP.UEWA at '%s'", r->at);
    if (sc_take(r, "*"))
        p->seq_any = p->len_any = true;
    else
        seq_range(r, &p->seq, &p->len);
    for (;;) {
        if (sc_word(r, "ack")) {
            p->has_ack = true;
            p->ack = sc_range(r);
        } else if (sc_word(r, "win")) {
            p->win = sc_range(r);
        } else if (sc_word(r, "urg")) {
            p->urg = sc_range(r);
        } else if (sc_take(r, "<")) {
            options(r, p);
        } else {
            break;
        }
    }
    if (!p->flags_any && p->has_ack != !!(p->flags & SC_ACK))
        sc_fail(r, "'ack' and the flag '.' belong together");
}

static void udp_line(struct sc_run *r, struct sc_pkt *p) {
    p->kind = SC_UDP;
    sc_need(r, "(");
    p->len = (uint32_t)sc_number(r);
    sc_need(r, ")");
}

/* "[udp (100)]" or "[1:1001(1000)]": the packet of ours that an error is about. */
static void quote(struct sc_run *r, struct sc_pkt *p) {
    p->quotes = true;
    if (sc_word(r, "udp")) {
        p->quote_proto = IPPROTO_UDP;
        sc_need(r, "(");
        p->quote_len = (uint32_t)sc_number(r);
        sc_need(r, ")");
    } else {
        p->quote_proto = IPPROTO_TCP;
        p->quote_flags = SC_ACK;
        sc_more(r);
        if (strchr("FSRP.U", *r->at) && !flag_letters(r, &p->quote_flags))
            sc_fail(r, "expected flags at '%s'", r->at);
        sc_more(r);
        seq_range(r, &p->quote_seq, &p->quote_len);
    }
    sc_need(r, "]");
}

static void icmp_line(struct sc_run *r, struct sc_pkt *p) {
    char what[24], how[24] = "";

    p->kind = SC_ICMP;
    sc_name(r, what, sizeof what);
    if (sc_more(r) && isalpha((unsigned char)*r->at) && strncmp(r->at, "mtu ", 4) && strncmp(r->at, "id ", 3))
        sc_name(r, how, sizeof how);
    if (!strcmp(what, "type")) {
        p->type = 0;
    }
    sc_icmp_names(r, p, what, how);
    for (;;) {
        if (sc_word(r, "mtu")) {
            p->mtu = sc_range(r);
        } else if (sc_word(r, "id")) {
            p->id = sc_range(r);
        } else if (sc_word(r, "seq")) {
            p->echo_seq = sc_range(r);
        } else if (sc_take(r, "(")) {
            p->len = (uint32_t)sc_number(r);
            sc_need(r, ")");
        } else if (sc_take(r, "[")) {
            quote(r, p);
        } else {
            break;
        }
    }
}

/* ARP or neighbour discovery: "neigh request", "neigh reply"; a target may follow. */
static void neigh_line(struct sc_run *r, struct sc_pkt *p, bool ours) {
    p->kind = SC_NEIGH;
    p->code = sc_word(r, "reply");
    if (!p->code && !sc_word(r, "request"))
        sc_fail(r, "expected request or reply at '%s'", r->at);
    p->target = ours == !p->code ? r->remote : r->local;
    if (sc_more(r))
        p->target = address(r);
}

/* "frag 1480@0 more of udp (2000)" */
static void frag_line(struct sc_run *r, struct sc_pkt *p) {
    int64_t size;

    size = sc_number(r);
    sc_need(r, "@");
    p->frag_off.lo = p->frag_off.hi = sc_number(r);
    p->frag = true;
    p->frag_more = sc_word(r, "more");
    p->kind = SC_FRAG;
    if (sc_word(r, "of")) {
        if (!sc_word(r, "udp"))
            sc_fail(r, "a fragment is of udp");
        udp_line(r, p);
        p->kind = SC_FRAG;
    }
    p->quote_len = (uint32_t)size; /* bytes of the fragment */
}

void sc_parse_packet(struct sc_run *r, struct sc_pkt *p, bool ours) {
    struct sc_range any = {SC_ANY, SC_ANY};

    memset(p, 0, sizeof *p);
    p->tos = p->ttl = p->df = p->ecn = p->flow = p->ack = p->win = p->urg = p->mtu = p->id = p->echo_seq = any;
    p->ip_len = p->doff = SC_ANY;
    p->fill = -1;
    p->slot = sc_take_slot(r);
    while (sc_take(r, "[")) {
        do
            annotation(r, p);
        while (sc_take(r, ","));
        sc_need(r, "]");
    }
    if (p->slot == 1)
        p->slot = sc_take_slot(r);
    if (sc_word(r, "udp"))
        udp_line(r, p);
    else if (sc_word(r, "icmp"))
        icmp_line(r, p);
    else if (sc_word(r, "neigh"))
        neigh_line(r, p, ours);
    else if (sc_word(r, "frag"))
        frag_line(r, p);
    else {
        sc_more(r);
        tcp_line(r, p);
    }
    sc_end(r);
}
