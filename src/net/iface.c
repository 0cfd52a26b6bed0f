/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/iface.h"

#include "net/state.h"

#define SOLICIT_DELAY    (1 * VIA_SEC)        /* RFC 4861 MAX_RTR_SOLICITATION_DELAY */
#define SOLICIT_INTERVAL (4 * VIA_SEC)        /* RTR_SOLICITATION_INTERVAL */
#define SOLICITS         3u                   /* MAX_RTR_SOLICITATIONS */
#define REDRAW           (3 * 3600 * VIA_SEC) /* RFC 4861 6.3.4: ReachableTime is drawn anew every few hours */

static struct via_iface *slot_at(const struct via_core *c, uint32_t index) {
    return &c->net->iface.at[index];
}

int via_iface_init(struct via_core *c) {
    struct via_iface *host = slot_at(c, 0);

    host->attached = host->up = true;
    host->mtu = host->mtu6 = VIA_LOOP_MTU;
    host->caps = VIA_VI_CSUM_TRUSTED | VIA_VI_JUMBO;
    c->ticks[VIA_TICK_IFACE].base = (uint8_t *)slot_at(c, 0) + offsetof(struct via_iface, tick);
    c->ticks[VIA_TICK_IFACE].stride = sizeof(struct via_iface);
    return 0;
}

void via_iface_set_reachable(struct via_core *c, struct via_iface *f, via_ns_t base) {
    if (base == f->base && via_now(c) < f->redraw)
        return;
    f->base = base;
    f->reachable = base / 2 + base / 1000 * via_rand_below(&c->s->rand, 1001);
    f->redraw = via_after(via_now(c), REDRAW);
}

/* What is longer than a frame, less the room for headers, needs a device that takes packets of several. */
static uint32_t mtu_of(const struct via_core *c, const struct via_vi *vi) {
    uint32_t mtu = via_min32(vi->dev->mtu, via_vi_inner(vi)->mtu);

    if (!(vi->dev->caps & VIA_VI_JUMBO))
        mtu = via_min32(mtu, c->frame_size - VIA_HEADROOM);
    return via_max32(via_min32(mtu, VIA_LOOP_MTU), VIA_IP4_MTU);
}

static uint8_t link_of(const struct via_vi *vi) {
    uint8_t inner = via_vi_inner(vi)->link;

    return vi->dev->link > inner ? vi->dev->link : inner;
}

static void set_mtu(struct via_iface *f, uint32_t mtu) {
    f->mtu = mtu;
    f->mtu6 = mtu >= VIA_IP6_MTU ? mtu : 0;
}

void via_iface_set_mtu6(struct via_core *c, struct via_iface *f, uint32_t mtu) {
    if (mtu < VIA_IP6_MTU || mtu > f->mtu || mtu == f->mtu6)
        return;
    f->mtu6 = mtu;
    via_net_changed(c);
}

/* RFC 7217 instead of the MAC address, so that hosts of one MAC address, the kernel among them, differ. */
static void make_linklocal(struct via_core *c, const struct via_iface *f) {
    struct via_own_new n = {.addr = {{0xfe, 0x80}}, .iface = f->index, .prefix = 64, .flags = VIA_ADDR_AUTO};

    n.origin = VIA_OWN_LINKLOCAL;
    n.addr = via_addr_opaque(c, &n.addr, f->index, 0);
    via_addr_add(c, &n, NULL);
}

int via_iface_attach(struct via_core *c, const struct via_vi *vi) {
    struct via_iface *f = slot_at(c, vi->index);

    VIA_ASSERT(vi->index && vi->index <= VIA_VIS && !f->attached);
    memset(f, 0, sizeof *f);
    f->index = vi->index;
    f->attached = true;
    f->link = link_of(vi);
    f->up = f->link == VIA_LINK_UP;
    memcpy(f->mac, vi->dev->mac, 6);
    f->caps = vi->dev->caps;
    f->ifindex = vi->dev->ifindex;
    set_mtu(f, mtu_of(c, vi));
    f->retrans = c->attrs.neigh_retrans;
    via_iface_set_reachable(c, f, c->attrs.neigh_reachable);
    if (c->attrs.linklocal && f->mtu6 && !(f->caps & VIA_VI_SOURCE_ONLY)) {
        make_linklocal(c, f);
        via_iface_solicit(c, f);
    }
    via_net_changed(c);
    return 0;
}

void via_iface_detach(struct via_core *c, uint8_t index) {
    struct via_iface *f = slot_at(c, index);

    if (!f->attached)
        return;
    while (f->own.head)
        via_addr_del(c, via_own_at(c, f->own.head));
    via_neigh_flush(c, index, true);
    via_route_flush(c, index, -1);
    via_mcast_forget(c, index);
    via_tick_disarm(c, VIA_TICK_IFACE, index);
    f->attached = f->up = false;
    via_net_changed(c);
}

static void tell_link(struct via_core *c, const struct via_iface *f) {
    struct via_note note;

    memset(&note, 0, sizeof note);
    note.kind = VIA_NOTE_LINK;
    note.iface = f->index;
    note.reason = f->up ? 0 : f->link == VIA_LINK_GONE ? -ENODEV : -ENETDOWN;
    via_net_tell(c, &note);
}

/* We may be on another link now: who lives there, and who routes, is asked afresh. */
static void link_came(struct via_core *c, struct via_iface *f) {
    via_addr_announce(c, f->index);
    via_mcast_announce(c, f->index);
    via_iface_solicit(c, f);
}

static void take_link(struct via_core *c, struct via_iface *f, uint8_t link) {
    bool was = f->up;

    f->link = link;
    f->up = link == VIA_LINK_UP;
    if (f->up == was && link != VIA_LINK_GONE)
        return;
    via_log(c, VIA_LOG_NET, VIA_LOG_INFO, "interface %u: link %s", f->index,
            f->up                   ? "up"
            : link == VIA_LINK_GONE ? "gone"
                                    : "down");
    via_neigh_flush(c, f->index, false);
    via_net_changed(c);
    if (f->up)
        link_came(c, f);
    tell_link(c, f);
}

void via_iface_watch(struct via_core *c) {
    uint32_t i;

    for (i = 1; i <= c->vis; i++) {
        const struct via_vi *vi = c->vi[i];
        struct via_iface *f = slot_at(c, i);
        uint8_t link;

        if (!vi || !f->attached)
            continue;
        link = link_of(vi);
        if (VIA_UNLIKELY(link != f->link))
            take_link(c, f, link);
        if (VIA_UNLIKELY(vi->dev->caps != f->caps)) { /* impaired: the link does not vouch for checksums any more */
            f->caps = vi->dev->caps;
            via_net_changed(c);
        }
        if (VIA_UNLIKELY(mtu_of(c, vi) != f->mtu)) {
            set_mtu(f, mtu_of(c, vi));
            via_net_changed(c);
        }
    }
}

/*
 * To all nodes come router advertisements, and the protests of those whose address we were about to take. A device that
 * shares its link with the kernel would take them away from the kernel, which lives on them more than we do.
 */
static bool is_kernels(const struct via_iface *f, const struct via_addr *a) {
    const struct via_addr all = {{0xff, 2, [15] = 1}};

    return (f->caps & VIA_VI_SHARED_MAC) && via_addr_eq(a, &all);
}

void via_iface_steer(struct via_core *c, uint8_t index, bool add, const struct via_addr *a) {
    const struct via_iface *f = slot_at(c, index);
    struct via_vi *vi = c->vi[index];
    struct via_filter filter = {.addr = *a, .kind = VIA_FILTER_ADDR};
    char text[VIA_ADDR_TEXT];
    int err;

    if (!vi || !(f->caps & VIA_VI_STEERS) || !vi->dev->ops->filter || is_kernels(f, a))
        return;
    err = vi->dev->ops->filter(vi->dev, add, &filter);
    if (err < 0 && add && err != -EOPNOTSUPP)
        via_log(c, VIA_LOG_NET, VIA_LOG_ERROR, "interface %u: no filter for %s: error %d", index,
                via_addr_text(a, text), -err);
}

/* The random delay keeps hosts apart that woke up together. */
void via_iface_solicit(struct via_core *c, struct via_iface *f) {
    if (!c->attrs.accept_ra || !f->mtu6 || (f->caps & VIA_VI_SOURCE_ONLY))
        return;
    f->solicits = 0;
    via_tick_arm(c, VIA_TICK_IFACE, f->index,
                 via_after(via_now(c), via_rand_below(&c->s->rand, (uint32_t)SOLICIT_DELAY)));
}

void via_iface_solicited(struct via_core *c, struct via_iface *f) {
    f->solicits = SOLICITS;
    via_tick_disarm(c, VIA_TICK_IFACE, f->index);
}

/* True while an address to ask from is still being looked into. */
static bool waits_for_address(const struct via_core *c, const struct via_iface *f) {
    uint32_t id;

    for (id = f->own.head; id; id = via_own_at(c, id)->iface_next) {
        const struct via_own *o = via_own_at(c, id);

        if (o->origin == VIA_OWN_LINKLOCAL)
            return o->state == VIA_ADDR_TENTATIVE;
    }
    return false;
}

void via_iface_timer(struct via_core *c, uint32_t index) {
    struct via_iface *f = slot_at(c, index);
    via_ns_t wait = SOLICIT_INTERVAL;

    if (!f->up || f->solicits >= SOLICITS)
        return;
    if (waits_for_address(c, f)) {
        wait = f->retrans;
    } else {
        f->solicits++;
        via_nd_solicit_router(c, f);
    }
    via_tick_arm(c, VIA_TICK_IFACE, index, via_after(via_now(c), wait));
}
