/* SPDX-License-Identifier: BSD-2-Clause */
#include "script.h"

#include <stdarg.h>

struct out {
    char *at;
    size_t left;
};

static __attribute__((format(printf, 2, 3))) void say(struct out *o, const char *fmt, ...) {
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(o->at, o->left, fmt, ap);
    va_end(ap);
    if (n > 0) {
        size_t step = (size_t)n < o->left ? (size_t)n : o->left - 1;

        o->at += step;
        o->left -= step;
    }
}

static void say_range(struct out *o, struct sc_range v) {
    if (sc_is_any(v))
        say(o, "*");
    else if (v.lo == v.hi)
        say(o, "%lld", (long long)v.lo);
    else
        say(o, "%lld~%lld", (long long)v.lo, (long long)v.hi);
}

static void show_option(struct out *o, const struct sc_opt *t) {
    static const struct {
        uint8_t kind;
        const char *name;
    } one[] = {{2, "mss "}, {3, "wscale "}, {28, "uto "}};

    for (unsigned i = 0; i < sizeof one / sizeof *one; i++) {
        if (one[i].kind == t->kind) {
            say(o, "%s", one[i].name);
            say_range(o, t->val[0]);
            return;
        }
    }
    if (t->kind <= 1) {
        say(o, t->kind ? "nop" : "eol");
    } else if (t->kind == 4) {
        say(o, "sackOK");
    } else if (t->kind == 8) {
        say(o, "TS val ");
        say_range(o, t->val[0]);
        say(o, " ecr ");
        say_range(o, t->val[1]);
    } else if (t->kind == 5) {
        say(o, t->any ? "sack *" : "sack");
        for (unsigned i = 0; i < t->blocks; i++)
            say(o, " %u:%u", t->left[i], t->right[i]);
    } else {
        say(o, t->kind == 34 ? "FO " : "hex(");
        for (unsigned i = 0; i < t->len; i++)
            say(o, "%02x", t->raw[i]);
        say(o, t->any ? "*" : t->kind == 34 ? "" : ")");
    }
}

static void show_tcp(struct out *o, const struct sc_pkt *p) {
    static const char letters[] = "FSRP.UEWA";

    if (p->flags_any)
        say(o, "*");
    else if (!p->flags)
        say(o, "-");
    for (unsigned i = 0; !p->flags_any && letters[i]; i++)
        if (p->flags & 1u << i)
            say(o, "%c", letters[i]);
    if (p->seq_any)
        say(o, " *");
    else
        say(o, " %u:%u(%u)", p->seq, p->seq + p->len, p->len);
    if (p->has_ack) {
        say(o, " ack ");
        say_range(o, p->ack);
    }
    if (!sc_is_any(p->win)) {
        say(o, " win ");
        say_range(o, p->win);
    }
    if (!sc_is_any(p->urg) && p->urg.lo) {
        say(o, " urg ");
        say_range(o, p->urg);
    }
    if (!p->opts && !p->opts_any)
        return;
    say(o, " <");
    for (unsigned i = 0; i < p->opts; i++) {
        if (i)
            say(o, ",");
        show_option(o, &p->opt[i]);
    }
    say(o, p->opts_any ? "...>" : ">");
}

static void show_icmp(struct out *o, const struct sc_pkt *p) {
    say(o, "icmp type %d code %d", p->type, p->code);
    if (!sc_is_any(p->mtu) && p->mtu.lo) {
        say(o, " mtu ");
        say_range(o, p->mtu);
    }
    if (p->quotes && p->quote_proto == IPPROTO_UDP)
        say(o, " [udp (%u)]", p->quote_len);
    else if (p->quotes)
        say(o, " [%u:%u(%u)]", p->quote_seq, p->quote_seq + p->quote_len, p->quote_len);
    else
        say(o, " (%u)", p->len);
}

static void show_ip(struct out *o, const struct sc_pkt *p) {
    static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce"};

    if (p->slot > 1)
        say(o, "{%u} ", p->slot);
    if (!sc_is_any(p->ecn) && p->ecn.hi)
        say(o, "[%s] ", p->ecn.lo != p->ecn.hi ? "ect01" : ecn[p->ecn.lo & 3]);
}

const char *sc_show(const struct sc_run *r, const struct sc_pkt *p, char *buf, size_t size) {
    struct out o = {buf, size};
    char text[VIA_ADDR_TEXT];

    (void)r;
    *buf = 0;
    show_ip(&o, p);
    switch (p->kind) {
    case SC_TCP:
        show_tcp(&o, p);
        break;
    case SC_UDP:
        say(&o, "udp (%u)", p->len);
        break;
    case SC_ICMP:
        show_icmp(&o, p);
        break;
    case SC_NEIGH:
        say(&o, "neigh %s %s", p->code ? "reply" : "request", via_addr_text(&p->target, text));
        break;
    case SC_FRAG:
        say(&o, "frag %u@%lld%s", p->quote_len, (long long)p->frag_off.lo, p->frag_more ? " more" : "");
        break;
    default:
        say(&o, "%u bytes of another protocol", p->size);
    }
    if (p->sport || p->dport)
        say(&o, "   (port %u to %u)", p->sport, p->dport);
    return buf;
}
