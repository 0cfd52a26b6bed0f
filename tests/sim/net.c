/* SPDX-License-Identifier: BSD-2-Clause */
#include "net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CODEL_TARGET   (5 * VIA_MS)
#define CODEL_INTERVAL (100 * VIA_MS)

static __attribute__((noreturn)) void die(const char *what) {
    fprintf(stderr, "sim: %s\n", what);
    exit(2);
}

uint64_t sim_draw(uint64_t *s) {
    uint64_t z = *s += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool chance(uint64_t *rand, double p) {
    return p > 0 && (double)(sim_draw(rand) >> 11) * 0x1p-53 < p;
}

/* ---- packets on their way, the earliest first ---- */

static bool sooner(const struct sim_packet *a, const struct sim_packet *b) {
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_push(struct sim *s, struct sim_packet *p) {
    uint32_t i = s->heap_n++;

    if (i == s->heap_room) {
        s->heap_room = s->heap_room * 2 + 256;
        s->heap = realloc(s->heap, s->heap_room * sizeof(struct sim_packet *));
        if (!s->heap)
            die("no memory");
    }
    for (; i && sooner(p, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = p;
}

static struct sim_packet *heap_pop(struct sim *s) {
    struct sim_packet *top = s->heap[0], *p = s->heap[--s->heap_n];
    uint32_t i = 0, kid;

    while ((kid = 2 * i + 1) < s->heap_n) {
        if (kid + 1 < s->heap_n && sooner(s->heap[kid + 1], s->heap[kid]))
            kid++;
        if (!sooner(s->heap[kid], p))
            break;
        s->heap[i] = s->heap[kid];
        i = kid;
    }
    s->heap[i] = p;
    return top;
}

static struct sim_packet *packet_get(struct sim *s) {
    struct sim_packet *p = s->spare;

    if (p)
        s->spare = p->next;
    else
        p = malloc(sizeof *p);
    if (!p)
        die("no memory");
    return p;
}

static void packet_put(struct sim *s, struct sim_packet *p) {
    p->next = s->spare;
    s->spare = p;
}

/* ---- pipes ---- */

/* Congestion experienced, if both ends speak ECN (RFC 3168 5): IPv4, its checksum mended. */
static bool mark(struct sim_packet *p) {
    uint8_t *ip = p->bytes + 14;
    uint32_t sum = 0;

    if (!(ip[1] & 3))
        return false;
    ip[1] |= 3;
    ip[10] = ip[11] = 0;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    ip[10] = (uint8_t)(~sum >> 8);
    ip[11] = (uint8_t)~sum;
    return true;
}

/* A burst is a time in which nothing comes through: lone retransmissions do not use it up one by one. */
static bool lose(struct sim *s, struct sim_pipe *p) {
    if (s->now < p->burst_end)
        return true;
    if (chance(&p->rand, p->conf.burst)) {
        p->burst_end = s->now + sim_draw(&p->rand) % (2 * p->conf.burst_time);
        return true;
    }
    return chance(&p->rand, p->conf.loss);
}

static void enqueue(struct sim *s, struct sim_pipe *p, struct sim_packet *k) {
    if (lose(s, p)) {
        p->lost++;
        packet_put(s, k);
        return;
    }
    if (p->conf.queue && p->queued >= p->conf.queue) {
        p->dropped++;
        packet_put(s, k);
        return;
    }
    k->at = s->now;
    k->next = NULL;
    *p->tail = k;
    p->tail = &k->next;
    if (++p->queued > p->most)
        p->most = p->queued;
}

static struct sim_packet *take_head(struct sim_pipe *p) {
    struct sim_packet *k = p->head;

    p->head = k->next;
    if (!p->head)
        p->tail = &p->head;
    p->queued--;
    return k;
}

/* RFC 8289 5: is the head too old for a whole interval? */
static bool codel_late(struct sim *s, struct sim_pipe *p, const struct sim_packet *k) {
    if (s->now - k->at < CODEL_TARGET || p->queued < 1) {
        p->first_above = 0;
        return false;
    }
    if (!p->first_above) {
        p->first_above = s->now + CODEL_INTERVAL;
        return false;
    }
    return s->now >= p->first_above;
}

static via_ns_t codel_next(const struct sim_pipe *p, via_ns_t from) {
    return from + (via_ns_t)((double)CODEL_INTERVAL / sqrt((double)p->drop_count));
}

/* True: this one goes (or was marked instead, then it stays). */
static bool codel_drops(struct sim *s, struct sim_pipe *p, struct sim_packet *k) {
    bool late = codel_late(s, p, k), now = false;

    if (!late) {
        p->dropping = false;
        return false;
    }
    if (!p->dropping) {
        p->drop_count = p->drop_count > 2 && s->now - p->drop_next < 8 * CODEL_INTERVAL ? p->drop_count - 2 : 1;
        p->dropping = now = true;
        p->drop_next = codel_next(p, s->now);
    } else if (s->now >= p->drop_next) {
        p->drop_count++;
        p->drop_next = codel_next(p, p->drop_next);
        now = true;
    }
    if (!now)
        return false;
    if (p->conf.ecn && mark(k)) {
        p->marked++;
        return false;
    }
    p->dropped++;
    return true;
}

static void depart(struct sim *s, struct sim_pipe *p, struct sim_packet *k) {
    via_ns_t wire = p->conf.rate ? (via_ns_t)(k->len + 24) * 8 * VIA_SEC / p->conf.rate : 0; /* preamble, FCS, gap */

    p->carried++;
    p->bytes += k->len;
    p->wait_sum += s->now - k->at;
    p->free_at = s->now + wire;
    k->at = p->free_at + p->conf.delay;
    if (p->conf.jitter)
        k->at += sim_draw(&p->rand) % p->conf.jitter;
    if (chance(&p->rand, p->conf.reorder))
        k->at += p->conf.reorder_by;
    else if (k->at < p->last_out)
        k->at = p->last_out;
    else
        p->last_out = k->at;
    k->order = ++s->order;
    heap_push(s, k);
}

static void serve(struct sim *s, struct sim_pipe *p) {
    while (p->head && p->free_at <= s->now) {
        struct sim_packet *k = take_head(p);

        if (p->conf.aqm == SIM_CODEL && codel_drops(s, p, k))
            packet_put(s, k);
        else
            depart(s, p, k);
    }
}

/* ---- hosts ---- */

static via_ns_t clock_of(void *ctx) {
    return ((struct sim *)ctx)->now;
}

static struct via_stack *make(struct sim *s, const char *spec, uint64_t seed) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_stack *st;
    struct via_attr *a;

    if (via_attr_new(spec, &a))
        die(a ? via_attr_why(a) : "no memory");
    conf.attr = a;
    conf.clock = clock_of;
    conf.clock_ctx = s;
    conf.seed = seed;
    if (via_stack_create(&conf, &st))
        die("no stack");
    via_attr_free(a);
    return st;
}

static void introduce(struct sim_host *a, const struct sim_host *b) {
    struct via_neigh_entry n = {.addr = b->addr, .iface = 1};

    memcpy(n.mac, b->mac, 6);
    if (via_ctrl_neigh(a->st, VIA_CTRL_ADD, &n))
        die("neighbour");
}

struct sim_host *sim_add(struct sim *s, unsigned side, const char *attr) {
    struct sim_host *h = &s->host[s->hosts];
    struct via_epoll_conf set = VIA_EPOLL_CONF_INIT;
    struct via_ifaddr own = {.iface = 1, .prefix = 16, .flags = VIA_ADDR_NODAD};
    struct via_vi_info info = VIA_VI_INFO_INIT;
    struct via_vi *end[2];
    char spec[1024], text[32];

    h->sim = s;
    h->side = (uint8_t)side;
    snprintf(spec, sizeof spec, "frames=16384;rx_ring=2048;tx_ring=4096;huge_pages=off;checksum=0;linklocal=off;"
                                "accept_ra=off;%s", attr ? attr : "");
    h->st = make(s, spec, 100 + s->hosts);
    h->far_st = make(s, "frames=8192;rx_ring=4096;tx_ring=2048;huge_pages=off;linklocal=off;accept_ra=off;checksum=0", 200 + s->hosts);
    if (via_vi_pair(h->st, h->far_st, NULL, end) || via_vi_raw(end[1], true))
        die("cable");
    h->far = end[1];
    via_vi_info(end[0], &info);
    memcpy(h->mac, info.mac, 6);
    snprintf(text, sizeof text, "10.0.0.%u", s->hosts + 1);
    via_addr_parse(text, &own.addr, NULL);
    h->addr = own.addr;
    set.mode = VIA_EPOLL_LOOSE;
    if (via_ctrl_addr(h->st, VIA_CTRL_ADD, &own) || via_epoll_create(h->st, &set, &h->set))
        die("host");
    for (unsigned i = 0; i < s->hosts; i++) {
        introduce(h, &s->host[i]);
        introduce(&s->host[i], h);
    }
    s->hosts++;
    h->touched = true;
    return h;
}

static void deliver(struct sim *s, struct sim_packet *k) {
    struct sim_host *h = &s->host[k->to];
    struct via_frame f;

    via_vi_kick(h->far);
    if (via_vi_alloc(h->far, &f, 1) != 1)
        die("no frame");
    memcpy(via_vi_data(h->far, &f), k->bytes, k->len);
    f.len = k->len;
    f.flags = VIA_FRAME_CSUM_OK;
    if (via_vi_send(h->far, &f, 1) != 1)
        die("cable full");
    via_vi_kick(h->far);
    packet_put(s, k);
    h->touched = true;
}

/* What a host has sent goes into the pipe of its side; housekeeping goes nowhere. */
static bool collect(struct sim_host *h) {
    struct sim *s = h->sim;
    struct via_frame v[64];
    int n = via_vi_recv(h->far, v, 64);

    for (int i = 0; i < n; i++) {
        const uint8_t *at = via_vi_data(h->far, &v[i]);
        struct sim_packet *k;

        if (at[12] != 8 || at[13] || (at[0] & 1) || v[i].len > SIM_FRAME || at[33] == 0 || at[33] > s->hosts)
            continue;
        k = packet_get(s);
        memcpy(k->bytes, at, v[i].len);
        k->len = v[i].len;
        k->to = (uint8_t)(at[33] - 1);
        enqueue(s, &s->pipe[h->side], k);
    }
    if (n > 0)
        via_vi_release(h->far, v, (unsigned)n);
    return n > 0;
}

static void on_event(const struct via_event *ev, void *arg) {
    struct sim_host *h = arg;

    if (h->on_event)
        h->on_event(h, ev);
}

static void poll_host(struct sim_host *h) {
    struct via_work w;
    bool moved;

    h->touched = false;
    do {
        via_stack_poll_at(h->st, h->sim->now, 0, &w);
        h->sim->polls++;
        moved = via_epoll_dispatch(h->set, 0, on_event, h) > 0;
        via_stack_flush(h->st);
        moved |= collect(h);
    } while (moved || w.more || w.tx);
}

struct sim *sim_new(uint64_t seed, const struct sim_pipe_conf pipe[2]) {
    struct sim *s = calloc(1, sizeof *s);

    if (!s)
        die("no memory");
    s->now = VIA_SEC;
    s->tick_at = VIA_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        s->pipe[i].conf = pipe[i];
        s->pipe[i].rand = seed * 2 + i;
        s->pipe[i].tail = &s->pipe[i].head;
    }
    return s;
}

void sim_push(struct sim *s, unsigned side, const void *frame, uint32_t len) {
    struct sim_packet *k = packet_get(s);

    if (len > SIM_FRAME)
        len = SIM_FRAME;
    memcpy(k->bytes, frame, len);
    k->len = len;
    k->to = (uint8_t)!side;
    enqueue(s, &s->pipe[side], k);
}

void sim_step(struct sim *s, via_ns_t now) {
    s->now = now;
    for (unsigned i = 0; i < 2; i++)
        serve(s, &s->pipe[i]);
    while (s->heap_n && s->heap[0]->at <= now) {
        struct sim_packet *k = heap_pop(s);

        s->deliver(s, k);
        packet_put(s, k);
    }
}

via_ns_t sim_next(struct sim *s) {
    via_ns_t t = s->heap_n ? s->heap[0]->at : VIA_NEVER;

    for (unsigned i = 0; i < 2; i++)
        if (s->pipe[i].head && s->pipe[i].free_at < t)
            t = s->pipe[i].free_at;
    return t;
}

static via_ns_t earliest(struct sim *s) {
    via_ns_t t = s->heap_n ? s->heap[0]->at : VIA_NEVER, d;

    for (unsigned i = 0; i < 2; i++)
        if (s->pipe[i].head && s->pipe[i].free_at < t)
            t = s->pipe[i].free_at;
    for (unsigned i = 0; i < s->hosts; i++) {
        d = s->host[i].touched ? s->now : via_stack_deadline(s->host[i].st);
        t = d < t ? d : t;
    }
    return s->tick_at < t ? s->tick_at : t;
}

void sim_run(struct sim *s, via_ns_t until) {
    for (;;) {
        via_ns_t t = earliest(s);

        if (t > until)
            break;
        s->now = t > s->now ? t : s->now;
        while (s->heap_n && s->heap[0]->at <= s->now)
            deliver(s, heap_pop(s));
        if (s->tick_at <= s->now) {
            s->tick_at = VIA_NEVER;
            s->tick(s);
        }
        for (unsigned i = 0; i < s->hosts; i++)
            if (s->host[i].touched || via_stack_deadline(s->host[i].st) <= s->now)
                poll_host(&s->host[i]);
        serve(s, &s->pipe[0]);
        serve(s, &s->pipe[1]);
    }
    if (until > s->now)
        s->now = until;
}

void sim_free(struct sim *s) {
    struct sim_packet *k;

    while (s->heap_n)
        packet_put(s, heap_pop(s));
    for (unsigned i = 0; i < 2; i++)
        while (s->pipe[i].head)
            packet_put(s, take_head(&s->pipe[i]));
    while ((k = s->spare)) {
        s->spare = k->next;
        free(k);
    }
    for (unsigned i = 0; i < s->hosts; i++) {
        via_stack_destroy(s->host[i].st, VIA_FORCE);
        via_stack_destroy(s->host[i].far_st, VIA_FORCE);
    }
    free(s->heap);
    free(s);
}
