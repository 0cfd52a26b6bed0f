/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/state.h"
#include "wire/eth.h"

#define AT_ID4  (VIA_ETH_LEN + 4)
#define AT_SUM4 (VIA_ETH_LEN + 10)

/* The template in front of the transport header. */
static inline void put_head(const struct via_core *c, const struct via_path *path, struct via_pkt *p) {
    via_path_put(path, via_pkt_data(c, p), p->total);
    via_pkt_push(c, p, path->head_len);
    p->l3 = (uint16_t)(p->off + VIA_ETH_LEN);
}

struct via_pkt *via_net_frame(struct via_core *c) {
    return via_pkt_new(c, c->s->reserve / 2);
}

enum via_drop via_net_push(struct via_core *c, uint32_t iface, struct via_pkt *p) {
    struct via_vi *vi = c->vi[iface];

    if (VIA_LIKELY(vi != NULL))
        return via_vi_push(vi, p);
    via_pkt_release(c, p);
    return via_drop_count(c, VIA_DROP_TX_LINK);
}

/* Tokens lie on the last part. */
static struct via_pkt *last_part(const struct via_core *c, struct via_pkt *p) {
    while (p->chain)
        p = via_pkt_at(c, p->chain);
    return p;
}

/* What its token says if the packet gets lost. */
static void expect_loss(const struct via_core *c, struct via_pkt *p, int status) {
    p = last_part(c, p);
    if (p->flags & VIA_PKT_TOKEN)
        p->tx.status = status;
}

/* The bytes of `p` live on in `copy`, and so does the token: it is done when the copy was sent. */
static void move_token(const struct via_core *c, struct via_pkt *p, struct via_pkt *copy) {
    p = last_part(c, p);
    if (!(p->flags & VIA_PKT_TOKEN))
        return;
    copy = last_part(c, copy);
    copy->tx = p->tx;
    copy->order = p->order;
    copy->flags |= VIA_PKT_TOKEN;
    p->flags &= (uint8_t)~VIA_PKT_TOKEN;
}

static enum via_drop refuse(struct via_core *c, struct via_pkt *p, enum via_drop why) {
    expect_loss(c, p, why == VIA_DROP_NEIGH_FAILED ? -EHOSTUNREACH : why == VIA_DROP_TOO_LONG ? -EMSGSIZE : -ENOBUFS);
    via_pkt_release(c, p);
    return via_drop_count(c, why);
}

/* A new packet of `n` bytes of `p` from `from` on, in as many frames as it takes; NULL when they run out. */
static struct via_pkt *copy_part(struct via_core *c, const struct via_pkt *p, uint32_t from, uint32_t n) {
    struct via_pkt *head = via_pkt_new(c, c->s->reserve), *part = head;

    if (head)
        head->flags = p->flags & VIA_PKT_CSUM_OK; /* a checksum that was left out is left out of the copy, too */
    while (part) {
        uint32_t take = via_min32(n, c->frame_size - part->off);
        struct via_pkt *more;

        via_pkt_copy_out(c, p, from, via_pkt_data(c, part), take);
        part->len = (uint16_t)take;
        head->total += take;
        c->net->copied += take;
        from += take;
        n -= take;
        if (!n)
            return head;
        more = via_pkt_new(c, c->s->reserve);
        if (more)
            part->chain = via_pkt_id(c, more);
        part = more;
    }
    if (head)
        via_pkt_release(c, head);
    return NULL;
}

/* RFC 6864: what may be fragmented needs an identification that is not used twice too soon. Nobody else can guess it.
 */
static uint32_t next_id(struct via_core *c, const struct via_path *path) {
    uint64_t w[4];

    memcpy(w, &path->src, 16);
    memcpy(w + 2, &path->dst, 16);
    return c->net->ids[via_hash_words(&c->net->id_key, w, 4) % VIA_NET_IDS]++;
}

/* Fields of an IPv4 header that is in place: identification, flags and offset, checksum. */
static void set_fragment4(uint8_t *at, uint32_t id, uint16_t frag) {
    uint16_t sum = via_load16(at + AT_SUM4);
    uint32_t old = via_load32(at + AT_ID4);

    via_put16(at + AT_ID4, (uint16_t)id);
    via_put16(at + AT_ID4 + 2, frag);
    via_store16(at + AT_SUM4, via_sum_update32(sum, old, via_load32(at + AT_ID4)));
}

/* To ourselves: the frame waits until the next poll takes it in. What others hold or wait for is copied. */
static enum via_drop send_loop(struct via_core *c, struct via_path *path, struct via_pkt *p) {
    struct via_pkt *own = p;

    if ((p->flags & (VIA_PKT_TOKEN | VIA_PKT_SHARED | VIA_PKT_CLONE)) || p->refs > 1 || p->off < via_path_room(path)) {
        own = copy_part(c, p, 0, p->total);
        if (!own)
            return refuse(c, p, VIA_DROP_NO_BUFFER);
        expect_loss(c, p, 0); /* nothing is lost: it is here already */
        via_pkt_release(c, p);
    }
    put_head(c, path, own);
    own->flags = VIA_PKT_CSUM_OK;
    own->owner = VIA_OWNER_TXQ;
    own->vi = path->vi;
    own->looped = 1;
    via_pktq_push(c, &c->s->loop, own);
    return VIA_KEPT;
}

/* The neighbour that the path was made with; NULL if that one is gone. */
static struct via_neigh *neigh_of(const struct via_core *c, const struct via_path *path) {
    struct via_neigh *n = via_neigh_at(c, path->neigh);

    return n->iface == path->vi && n->serial == path->serial ? n : NULL;
}

/* A frame, complete but perhaps for the destination's MAC. `follows`: a fragment of the same datagram went before. */
static enum via_drop send_frame(struct via_core *c, struct via_path *path, struct via_pkt *p, bool follows) {
    struct via_neigh *n;

    if (!(path->flags & VIA_PATH_UNRESOLVED))
        return via_net_push(c, path->vi, p);
    n = neigh_of(c, path);
    if (!n || n->state == VIA_NEIGH_FAILED) {
        path->gen = 0;
        return refuse(c, p, VIA_DROP_NEIGH_FAILED);
    }
    if (!via_neigh_has_mac(n)) {
        expect_loss(c, p, -EHOSTUNREACH);
        return via_neigh_park(c, n, p, follows);
    }
    memcpy(via_path_head(path), n->mac, 6);
    memcpy(via_pkt_data(c, p), n->mac, 6);
    path->flags &= (uint8_t)~VIA_PATH_UNRESOLVED;
    n->flags |= VIA_NEIGH_SHOWN;
    via_neigh_use(c, n);
    return via_net_push(c, path->vi, p);
}

/* One fragment: `n` bytes of `p` from `from` on, headers in front. */
static struct via_pkt *make_fragment(struct via_core *c, const struct via_path *path, const struct via_pkt *p,
                                     uint32_t from, uint32_t n) {
    struct via_pkt *part = copy_part(c, p, from, n);
    bool more = from + n < p->total;
    uint8_t *at;

    if (!part || path->family == 4)
        return part;
    at = via_pkt_push(c, part, VIA_IP6_FRAG_LEN);
    at[0] = path->proto;
    at[1] = 0;
    via_put16(at + 2, (uint16_t)(from | more));
    return part;
}

static void finish_fragment(struct via_core *c, const struct via_path *path, struct via_pkt *part, uint32_t id) {
    uint32_t from = part->tx.token[0];
    bool more = part->tx.token[1];
    uint8_t *at;

    if (path->family == 6)
        via_put32(via_pkt_data(c, part) + 4, id);
    put_head(c, path, part);
    at = via_pkt_data(c, part);
    if (path->family == 6)
        at[VIA_ETH_LEN + 6] = IPPROTO_FRAGMENT;
    else
        set_fragment4(at, id, (uint16_t)(from / 8 | (more ? 0x2000 : 0)));
}

/* A neighbour's queue has its own bounds. */
static bool has_room(const struct via_core *c, const struct via_path *path, uint32_t pieces) {
    uint32_t frames = 1 + path->mtu / (c->frame_size - VIA_HEADROOM);

    return (path->flags & VIA_PATH_UNRESOLVED) || via_vi_has_room(c->vi[path->vi], pieces * frames);
}

/* All pieces are made before the first one goes; a datagram that cannot go whole does not go. */
static enum via_drop send_fragments(struct via_core *c, struct via_path *path, struct via_pkt *p) {
    uint32_t room = (path->mtu - path->ip_len - (path->family == 6 ? VIA_IP6_FRAG_LEN : 0u)) & ~7u;
    uint32_t from, n, id = next_id(c, path), count = 0;
    struct via_list pieces = {0, 0};
    enum via_drop why = VIA_KEPT;
    struct via_pkt *part;

    if (!has_room(c, path, (p->total + room - 1) / room))
        return refuse(c, p, VIA_DROP_TX_RING);
    for (from = 0; from < p->total; from += n, count++) {
        n = via_min32(room, p->total - from);
        part = make_fragment(c, path, p, from, n);
        if (!part) {
            via_pktq_clear(c, &pieces);
            return refuse(c, p, VIA_DROP_NO_BUFFER);
        }
        part->tx.token[0] = from;
        part->tx.token[1] = from + n < p->total;
        via_pktq_push(c, &pieces, part);
    }
    c->net->fragmented++;
    for (count = 0; (part = via_pktq_pop(c, &pieces)); count++) {
        enum via_drop lost;

        finish_fragment(c, path, part, id);
        if (!pieces.head)
            move_token(c, p, part);
        lost = send_frame(c, path, part, count > 0);
        why = why ? why : lost;
    }
    via_pkt_release(c, p);
    return why;
}

/* Headers are not written beside bytes that others read, nor where there is no room; some devices take no chains. */
static bool needs_copy(const struct via_core *c, const struct via_path *path, const struct via_pkt *p) {
    return (p->flags & (VIA_PKT_SHARED | VIA_PKT_CLONE)) || p->off < via_path_room(path) ||
           (p->chain && !(c->net->iface.at[path->vi].caps & VIA_VI_JUMBO));
}

/* `p` as a packet of our own; NULL: no frames, and `p` is gone. */
static struct via_pkt *copy_whole(struct via_core *c, struct via_pkt *p) {
    struct via_pkt *copy = copy_part(c, p, 0, p->total);

    if (copy)
        move_token(c, p, copy);
    else
        expect_loss(c, p, -ENOBUFS);
    via_pkt_release(c, p);
    return copy;
}

static void put_whole_head(struct via_core *c, const struct via_path *path, struct via_pkt *p, bool df) {
    put_head(c, path, p);
    if (path->flags & VIA_PATH_NO_DF)
        set_fragment4(via_pkt_data(c, p), df ? 0 : next_id(c, path), df ? 0x4000 : 0);
}

/* The length field of IPv6 does not count the header itself (RFC 8200 3). */
static bool is_too_long(const struct via_path *path, uint32_t total) {
    return total - (path->family == 6 ? VIA_IP6_LEN : 0) > VIA_IP_MAX;
}

__attribute__((noinline, cold)) static enum via_drop output_slow(struct via_core *c, struct via_path *path,
                                                                 struct via_pkt *p, bool df) {
    uint32_t total = path->ip_len + p->total;

    if (is_too_long(path, total))
        return refuse(c, p, VIA_DROP_TOO_LONG);
    if (path->flags & VIA_PATH_LOOP)
        return send_loop(c, path, p);
    if (total > path->mtu)
        return df ? refuse(c, p, VIA_DROP_TOO_LONG) : send_fragments(c, path, p);
    if (needs_copy(c, path, p) && !(p = copy_whole(c, p)))
        return via_drop_count(c, VIA_DROP_NO_BUFFER);
    put_whole_head(c, path, p, df);
    return send_frame(c, path, p, false);
}

enum via_drop via_net_output(struct via_core *c, struct via_path *path, struct via_pkt *p, bool df) {
    const uint32_t special = VIA_PATH_UNRESOLVED | VIA_PATH_LOOP | VIA_PATH_NO_DF;

    VIA_ASSERT(path->gen);
    if (VIA_UNLIKELY((path->flags & special) | (p->flags & (VIA_PKT_SHARED | VIA_PKT_CLONE))) ||
        VIA_UNLIKELY(p->chain || p->off < VIA_PATH_HEAD || path->ip_len + p->total > path->mtu))
        return output_slow(c, path, p, df);
    put_head(c, path, p);
    return via_vi_push(c->vi[path->vi], p);
}

/* What was sent comes back as if it had arrived, in the frame in which it goes out. `whole`: headers are in place. */
static void loop_clone(struct via_core *c, const struct via_path *path, struct via_pkt *p, bool whole) {
    struct via_pkt *clone = via_pkt_clone(c, p);

    if (!clone) {
        via_drop_count(c, VIA_DROP_NO_CLONE);
        return;
    }
    if (!whole)
        put_head(c, path, clone);
    clone->flags |= VIA_PKT_CSUM_OK;
    clone->owner = VIA_OWNER_TXQ;
    clone->vi = path->vi;
    clone->looped = 1;
    via_pktq_push(c, &c->s->loop, clone);
}

enum via_drop via_net_output_group(struct via_core *c, struct via_path *path, struct via_pkt *p, uint32_t how) {
    uint32_t total = path->ip_len + p->total;
    bool whole = total <= path->mtu || (how & VIA_GROUP_LOCAL);

    if (is_too_long(path, total) || (!whole && (how & VIA_GROUP_DF)))
        return refuse(c, p, VIA_DROP_TOO_LONG);
    if (whole && needs_copy(c, path, p) && !(p = copy_whole(c, p)))
        return via_drop_count(c, VIA_DROP_NO_BUFFER);
    if (whole)
        put_whole_head(c, path, p, how & VIA_GROUP_DF);
    if (how & VIA_GROUP_LOOP)
        loop_clone(c, path, p, whole);
    if (!(how & VIA_GROUP_LOCAL))
        return whole ? send_frame(c, path, p, false) : send_fragments(c, path, p);
    expect_loss(c, p, 0);
    via_pkt_release(c, p);
    return VIA_KEPT;
}
