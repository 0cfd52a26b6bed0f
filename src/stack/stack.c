/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/stack.h"

#include "sock/pipe.h"
#include "stack/attr.h"
#include "stack/state.h"
#include "vi/capture.h"

#include <stdlib.h>
#include <time.h>

static const struct via_sock_ops *const kinds[VIA_KINDS] = {
    [VIA_KIND_UDP] = &via_udp_ops, [VIA_KIND_TCP] = &via_tcp_ops, [VIA_KIND_LISTEN] = &via_listen_ops,
    [VIA_KIND_PIPE] = &via_pipe_ops};

static via_ns_t real_clock(void *ctx) {
    struct timespec ts;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (via_ns_t)ts.tv_sec * VIA_SEC + (via_ns_t)ts.tv_nsec;
}

static void kind_sizes(const struct via_attrs *a, uint32_t size[VIA_KINDS], uint32_t cap[VIA_KINDS]) {
    memset(size, 0, VIA_KINDS * sizeof size[0]);
    memset(cap, 0, VIA_KINDS * sizeof cap[0]);
    size[VIA_KIND_UDP] = (uint32_t)via_round_up(sizeof(struct via_udp_sock), VIA_LINE);
    cap[VIA_KIND_UDP] = (uint32_t)a->max_udp;
    size[VIA_KIND_TCP] = (uint32_t)via_round_up(sizeof(struct via_tcp_conn), VIA_LINE);
    cap[VIA_KIND_TCP] = (uint32_t)a->max_tcp;
    size[VIA_KIND_LISTEN] = (uint32_t)via_round_up(sizeof(struct via_listener), VIA_LINE);
    cap[VIA_KIND_LISTEN] = (uint32_t)a->max_listeners;
    size[VIA_KIND_PIPE] = (uint32_t)via_round_up(sizeof(struct via_pipe), VIA_LINE);
    cap[VIA_KIND_PIPE] = (uint32_t)(2 * a->max_pipes);
}

static uint64_t descriptor_bytes(const struct via_attrs *a) {
    return (a->frames + a->clones + 1) * sizeof(struct via_pkt);
}

static uint64_t state_bytes(const struct via_attrs *a) {
    uint32_t size[VIA_KINDS], cap[VIA_KINDS];

    kind_sizes(a, size, cap);
    return sizeof(struct via_state) + descriptor_bytes(a) + via_pool_bytes(1, (uint32_t)a->frames) +
           via_pool_bytes(1, (uint32_t)a->clones) + via_pool_bytes(sizeof(struct via_tick), (uint32_t)a->max_timers) +
           via_net_bytes(a) + via_socks_bytes(a, size, cap) + via_udp_bytes(a) + via_tcp_bytes(a) + (1u << 20);
}

/* Where the halves lie in this process. */
static void find_halves(struct via_stack *st) {
    struct via_core *c = &st->core;

    st->state = (struct via_state *)(void *)c->region.base;
    st->name = st->state->name;
    st->slots = &st->state->timers;
    c->s = &st->state->core;
    c->net = &st->state->net;
    c->socks = &st->state->socks;
    c->udp = &st->state->udp;
    c->tcp = &st->state->tcp;
    c->frames = c->region.frames;
    c->frame_size = (uint32_t)c->attrs.frame_size;
    c->frame_shift = (uint32_t)__builtin_ctz(c->frame_size);
    c->frame_count = (uint32_t)c->attrs.frames;
    c->sock_ops = kinds;
}

static int init_packets(struct via_core *c) {
    uint64_t bytes = descriptor_bytes(&c->attrs), off = via_region_reserve(&c->region, bytes, 4096);
    int err = via_region_commit(&c->region, off, bytes);

    c->pkts = (struct via_pkt *)(void *)(c->region.base + off);
    if (!err)
        err = via_pool_init(&c->s->pkts, &c->region, 1, c->frame_count, c->frame_count);
    if (!err)
        err = via_pool_init(&c->s->clones, &c->region, 1, (uint32_t)c->attrs.clones, (uint32_t)c->attrs.clones);
    return err;
}

static int init_handles(struct via_stack *st) {
    struct via_core *c = &st->core;
    struct via_pool *pool = st->slots;
    int err = via_pool_init(pool, &c->region, sizeof(struct via_tick), (uint32_t)c->attrs.max_timers, 0);

    c->ticks[VIA_TICK_APP].base = c->region.base + pool->slots;
    c->ticks[VIA_TICK_APP].stride = pool->size;
    st->timers = via_alloc(c, (c->attrs.max_timers + 1) * sizeof(struct via_timer *));
    st->sets = via_alloc(c, (c->attrs.max_epoll + 1) * sizeof(struct via_epoll));
    return err ? err : st->timers && st->sets ? 0 : -ENOMEM;
}

static int init_state(struct via_stack *st, const struct via_stack_conf *conf) {
    struct via_core *c = &st->core;
    uint32_t size[VIA_KINDS], cap[VIA_KINDS];
    int err = via_region_commit(&c->region, via_region_reserve(&c->region, sizeof(struct via_state), 4096),
                                sizeof(struct via_state));

    if (err)
        return err;
    find_halves(st);
    kind_sizes(&c->attrs, size, cap);
    st->state->size = sizeof(struct via_state);
    if (conf->name)
        strncpy(st->state->name, conf->name, sizeof st->state->name - 1);
    c->s->now = via_stack_clock(st);
    via_wheel_init(&c->s->wheel, c->s->now);
    if ((err = via_rand_init(&c->s->rand, conf->seed)) || (err = init_packets(c)) || (err = init_handles(st)) ||
        (err = via_socks_init(c, size, cap)) || (err = via_udp_init(c)) ||
        (err = via_tcp_init(c)) || (err = via_net_init(c)))
        return err;
    st->state->magic = VIA_STATE_MAGIC;
    return 0;
}

static void take_hooks(struct via_stack *st, const struct via_stack_conf *conf) {
    struct via_core *c = &st->core;

    c->allocator = conf->allocator;
    c->owner = (uint64_t)pthread_self();
    c->log = conf->log;
    c->log_ctx = conf->log_ctx;
    c->log_mask = conf->log ? ~0ull : 0;
    c->clock = conf->clock ? conf->clock : real_clock;
    c->clock_ctx = conf->clock_ctx;
    st->user = conf->user;
    st->sleep.epfd = st->sleep.timerfd = st->sleep.eventfd = st->sleep.mirror = -1;
    st->sleep.programmed = VIA_NEVER;
    if (conf->attr)
        c->attrs = *via_attr_values(conf->attr);
    else
        via_attrs_default(&c->attrs);
}

static int refuse(const struct via_stack_conf *conf, int err, const char *why) {
    if (conf && conf->size == sizeof *conf && conf->why)
        strncpy(conf->why, why, VIA_WHY - 1);
    return err;
}

static struct via_stack *new_stack(const struct via_stack_conf *conf) {
    if (conf->allocator.alloc)
        return conf->allocator.alloc(conf->allocator.ctx, sizeof(struct via_stack));
    return calloc(1, sizeof(struct via_stack));
}

static void free_stack(struct via_stack *st) {
    struct via_allocator a = st->core.allocator;

    if (!a.alloc)
        free(st);
    else if (a.free)
        a.free(a.ctx, st);
}

static void fini(struct via_stack *st) {
    via_free(&st->core, st->timers);
    via_free(&st->core, st->sets);
    via_region_fini(&st->core.region);
    free_stack(st);
}

int via_stack_create(const struct via_stack_conf *conf, struct via_stack **out) {
    static const struct via_stack_conf defaults = VIA_STACK_CONF_INIT;
    struct via_stack *st;
    struct via_core *c;
    int err;

    conf = conf ? conf : &defaults;
    if (!out || conf->size != sizeof *conf)
        return refuse(conf, -EINVAL, "stack: no result, or a configuration of another version");
    st = new_stack(conf);
    if (!st)
        return refuse(conf, -ENOMEM, "stack: no memory for the engine");
    c = &st->core;
    take_hooks(st, conf);
    err = via_region_init(&c->region, state_bytes(&c->attrs), (c->attrs.frames + 1) * c->attrs.frame_size,
                          c->attrs.huge_pages);
    if (err < 0) {
        free_stack(st);
        return refuse(conf, err, "stack: the region cannot be made: not enough memory for the frames");
    }
    err = init_state(st, conf);
    if (err < 0) {
        fini(st);
        return refuse(conf, err, "stack: the region cannot be set up: not enough memory");
    }
    if (c->attrs.huge_pages && !c->region.huge)
        via_why_set(c, 0, "region: no huge pages to be had, 4 KiB pages used");
    *out = st;
    return 0;
}

static bool app_holds(const struct via_core *c) {
    uint32_t id;

    for (id = 1; id <= c->frame_count + (uint32_t)c->attrs.clones; id++)
        if (via_pkt_at(c, id)->owner == VIA_OWNER_APP)
            return true;
    return false;
}

int via_stack_destroy(struct via_stack *st, unsigned flags) {
    struct via_core *c = via_enter(st);
    uint32_t i;

    if (flags & ~VIA_FORCE)
        return via_why_set(c, -EINVAL, "stack: destroy flags %#x are not known", flags);
    if (!(flags & VIA_FORCE) && app_holds(c))
        return via_why_set(c, -EBUSY, "stack: the application still holds %u packet buffers", c->s->held);
    via_capture_end(c);
    for (i = c->vis; i; i--)
        if (i <= c->vis && c->vi[i])
            via_vi_close(c->vi[i]);
    via_net_fini(c);
    via_sleep_end(st);
    fini(st);
    return 0;
}

via_ns_t via_stack_now(const struct via_stack *st) {
    return via_enter_const(st)->s->now;
}

void *via_stack_user(const struct via_stack *st) {
    return st->user;
}

const char *via_why(const struct via_stack *st) {
    return via_enter_const(st)->why;
}

int via_log_set(struct via_stack *st, uint64_t mask, void (*fn)(void *, int, int, const char *), void *arg) {
    struct via_core *c = via_enter(st);

    c->log_mask = mask;
    c->log = fn;
    c->log_ctx = arg;
    return 0;
}

int via_stack_defer(struct via_stack *st, void (*fn)(struct via_stack *, void *), void *arg) {
    int err = fn ? via_mpsc_push(&st->calls, fn, arg) : -EINVAL; /* any thread: via_why() is the owner's */

    return err ? err : via_stack_wake(st);
}

static void release_one(struct via_stack *st, void *arg) {
    struct via_buf *b = arg;

    via_buf_release(st, &b, 1);
}

int via_buf_release_remote(struct via_stack *st, struct via_buf *b) {
    return via_stack_defer(st, release_one, b);
}

struct refusal {
    const char *noun, *limit;
    const struct via_addr *addr;
    uint32_t prefix, iface;
};

/* What net said in a number; a list that the application ended is no refusal. */
static int explain(struct via_core *c, int op, int err, const struct refusal *r) {
    char text[VIA_ADDR_TEXT];

    if (err >= 0 || op == VIA_CTRL_LIST)
        return err >= 0 ? err : via_why_set(c, err, "ctrl: a list of %ss needs a function", r->noun);
    if (op < VIA_CTRL_ADD || op > VIA_CTRL_FLUSH)
        return via_why_set(c, err, "ctrl: %d is no operation", op);
    via_addr_text(r->addr, text);
    switch (err) {
    case -EEXIST:
        return via_why_set(c, err, "ctrl: the %s %s is there already", r->noun, text);
    case -ENOENT:
        return via_why_set(c, err, "ctrl: there is no %s %s", r->noun, text);
    case -ENODEV:
        return via_why_set(c, err, "ctrl: no interface %u for the %s %s", r->iface, r->noun, text);
    case -ENETUNREACH:
        return via_why_set(c, err, "ctrl: the gateway to %s is not on link", text);
    case -ENOSPC:
        return via_why_set(c, err, "ctrl: no room for the %s %s (%s)", r->noun, text, r->limit);
    default:
        return via_why_set(c, err, "ctrl: %s/%u cannot be used as %s on interface %u", text, r->prefix, r->noun,
                           r->iface);
    }
}

/* The control plane's verbs are net's. */
int via_ctrl_addr(struct via_stack *st, int op, const struct via_ifaddr *a) {
    struct via_core *c = via_enter(st);

    if (!a)
        return via_why_set(c, -EINVAL, "ctrl: no address given");
    if (op == VIA_CTRL_ADD && (a->flags & ~(2 * VIA_ADDR_TEMPORARY - 1)))
        return via_why_set(c, -EINVAL, "ctrl: flags %#x of an address are not known", a->flags);
    return explain(c, op, via_net_addr(c, op, a),
                   &(struct refusal){"address", "max_addrs", &a->addr, a->prefix, a->iface});
}

int via_ctrl_route(struct via_stack *st, int op, const struct via_route *r) {
    struct via_core *c = via_enter(st);

    if (!r)
        return via_why_set(c, -EINVAL, "ctrl: no route given");
    return explain(c, op, via_net_route(c, op, r),
                   &(struct refusal){"route", "max_routes", &r->dst, r->prefix, r->iface});
}

int via_ctrl_neigh(struct via_stack *st, int op, const struct via_neigh_entry *n) {
    struct via_core *c = via_enter(st);

    if (!n)
        return via_why_set(c, -EINVAL, "ctrl: no neighbour given");
    return explain(c, op, via_net_neigh(c, op, n),
                   &(struct refusal){"neighbour", "max_neighs", &n->addr, 128, n->iface});
}

int via_ctrl_rank(struct via_stack *st, struct via_ep *v, unsigned n) {
    struct via_core *c = via_enter(st);

    if (!v || n > VIA_RANK_MAX)
        return via_why_set(c, -EINVAL, "ctrl: no addresses, or more than %d", VIA_RANK_MAX);
    return (int)via_net_rank(c, v, n);
}

int via_ctrl_mirror(struct via_stack *st, const char *ifname, unsigned what) {
    struct via_core *c = via_enter(st);

    if (!ifname || !what)
        return via_why_set(c, -EINVAL, "ctrl: the mirror needs an interface name and what to follow");
    if (what & ~(unsigned)VIA_MIRROR_ALL)
        return via_why_set(c, -EINVAL, "ctrl: parts %#x of the mirror are not known", what);
    return via_mirror_start(c, ifname, what);
}

/* Seconds from the stack's clock to 1970, so that a reader shows the time of day; an injected clock stays as it is. */
static int64_t clock_offset(const struct via_stack *st) {
    struct timespec ts;

    if (st->core.clock != real_clock)
        return 0;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec - (int64_t)(via_stack_clock(st) / VIA_SEC);
}

int via_pcap_open(struct via_stack *st, const struct via_pcap_conf *conf) {
    struct via_core *c = via_enter(st);

    if (!conf || conf->size != sizeof *conf)
        return via_why_set(c, -EINVAL, "capture: a configuration of another version");
    return via_capture_start(c, conf, clock_offset(st));
}
