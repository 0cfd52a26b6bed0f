/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver itself is included: what a hostile ring holds can be written into its rings then. */
#include "vi/xdp.c"

#include "rig.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LENT 100

/* Both modes of attaching pass the same cases: main() runs them twice. */
static const char *mode;

struct pair {
    struct rig xdp, peer; /* via AF_XDP on va1, via AF_PACKET on va0 */
    struct rig_packet p;
    uint8_t bytes[70000];
};

static int setup(void **state) {
    *state = calloc(1, sizeof(struct pair));
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    free(*state);
    return system("ip link del va0 2>/dev/null; true");
}

static void link_pair(unsigned mtu, unsigned queues) {
    rig_run("ip link add va0 mtu %u numrxqueues %u numtxqueues %u type veth peer name va1 mtu %u numrxqueues %u "
            "numtxqueues %u",
            mtu, queues, queues, mtu, queues, queues);
    rig_run("ip link set va0 up && ip link set va1 up");
}

static const char *args_of(const char *more) {
    static char text[128];

    snprintf(text, sizeof text, "va1:mode=%s%s%s", mode, *more ? "," : "", more);
    return text;
}

static void take_all(struct rig *r) {
    struct via_filter f = {.kind = VIA_FILTER_ALL};

    assert_int_equal(r->dev.ops->filter(&r->dev, true, &f), 0);
}

static struct pair *open_with(void **state, unsigned mtu, unsigned queues, const char *more) {
    struct pair *t = *state;

    link_pair(mtu, queues);
    rig_open(&t->xdp, &via_vi_xdp, args_of(more));
    take_all(&t->xdp);
    rig_open(&t->peer, &via_vi_packet, "va0");
    rig_fill(&t->xdp, LENT);
    rig_fill(&t->peer, 128);
    return t;
}

static struct pair *open_pair(void **state) {
    return open_with(state, 1500, 1, "");
}

static void close_pair(struct pair *t) {
    rig_close(&t->xdp);
    rig_close(&t->peer);
}

/* Waits until the kernel has returned what was sent. */
static void reap_all(struct rig *r) {
    struct xdp *x = r->dev.priv;

    while (x->xsk[0].flight) {
        assert_true(rig_sleep(r, 2000));
        rig_reap(r);
    }
}

static void frame_goes_out(void **state) {
    struct pair *t = open_pair(state);

    rig_send(&t->xdp, rig_frame(t->bytes, 1514, 1), 1514);
    rig_recv(&t->peer, &t->p);
    assert_int_equal(t->p.len, 1514);
    assert_memory_equal(t->p.bytes, t->bytes, 1514);
    reap_all(&t->xdp);
    assert_int_equal(t->xdp.spares, RIG_FRAMES - LENT);
    assert_int_equal(rig_stats(&t->xdp).tx_frames, 1);
    assert_int_equal(rig_stats(&t->xdp).tx_bytes, 1514);
    assert_int_equal(rig_stats(&t->xdp).kicks, 1);
    close_pair(t);
}

static void frame_comes_in(void **state) {
    struct pair *t = open_pair(state);

    rig_send(&t->peer, rig_frame(t->bytes, 1514, 1), 1514);
    rig_recv(&t->xdp, &t->p);
    assert_int_equal(t->p.len, 1514);
    assert_int_equal(t->p.frames, 1);
    assert_int_equal(t->p.flags, 0);
    assert_memory_equal(t->p.bytes, t->bytes, 1514);
    assert_int_equal(rig_stats(&t->xdp).rx_frames, 1);
    assert_int_equal(rig_stats(&t->xdp).rx_bytes, 1514);
    close_pair(t);
}

static void bursts_keep_their_order(void **state) {
    struct pair *t = open_pair(state);
    unsigned i, round;

    for (round = 0; round < 5; round++) {
        rig_fill(&t->xdp, LENT);
        for (i = 0; i < 90; i++)
            assert_true(rig_queue(&t->xdp, rig_frame(t->bytes, 60 + i, (uint8_t)i), 60 + i, 0, 0));
        assert_int_equal(t->xdp.dev.ops->kick(&t->xdp.dev), 0);
        for (i = 0; i < 90; i++) {
            rig_recv(&t->peer, &t->p);
            assert_memory_equal(t->p.bytes, rig_frame(t->bytes, 60 + i, (uint8_t)i), 60 + i);
            assert_true(rig_queue(&t->peer, t->p.bytes, t->p.len, 0, 0));
        }
        reap_all(&t->xdp);
        assert_int_equal(t->peer.dev.ops->kick(&t->peer.dev), 0);
        for (i = 0; i < 90; i++) {
            rig_recv(&t->xdp, &t->p);
            assert_memory_equal(t->p.bytes, rig_frame(t->bytes, 60 + i, (uint8_t)i), 60 + i);
        }
    }
    rig_fill(&t->xdp, LENT);
    assert_int_equal(t->xdp.spares, RIG_FRAMES - 128);
    close_pair(t);
}

static void full_ring_takes_no_more(void **state) {
    struct pair *t = open_pair(state);
    unsigned taken = 0;

    while (rig_queue(&t->xdp, rig_frame(t->bytes, 60, 1), 60, 0, 0))
        taken++;
    assert_int_equal(taken, 128);
    assert_int_equal(t->xdp.dev.ops->kick(&t->xdp.dev), 0);
    reap_all(&t->xdp);
    assert_true(rig_queue(&t->xdp, t->bytes, 60, 0, 0));
    assert_int_equal(t->xdp.dev.ops->kick(&t->xdp.dev), 0);
    reap_all(&t->xdp);
    assert_int_equal(rig_fill(&t->xdp, 200), 28);
    close_pair(t);
}

static void what_no_filter_names_goes_to_the_kernel(void **state) {
    struct pair *t = *state;
    struct rig kernel;

    link_pair(1500, 1);
    rig_open(&t->xdp, &via_vi_xdp, args_of(""));
    rig_open(&t->peer, &via_vi_packet, "va0");
    rig_open(&kernel, &via_vi_packet, "va1");
    rig_fill(&t->xdp, LENT);
    rig_fill(&kernel, 100);
    rig_send(&t->peer, rig_frame(t->bytes, 100, 1), 100);
    rig_recv(&kernel, &t->p);
    assert_false(rig_recv_for(&t->xdp, &t->p, 0));
    take_all(&t->xdp);
    rig_send(&t->peer, rig_frame(t->bytes, 100, 2), 100);
    rig_recv(&t->xdp, &t->p);
    assert_memory_equal(t->p.bytes, t->bytes, 100);
    rig_close(&kernel);
    close_pair(t);
}

static void address_filter_shares_the_link_with_the_kernel(void **state) {
    struct pair *t = *state;
    struct via_filter f = {.kind = VIA_FILTER_ADDR};
    struct rig kernel;

    link_pair(1500, 1);
    rig_open(&t->xdp, &via_vi_xdp, args_of(""));
    rig_open(&t->peer, &via_vi_packet, "va0");
    rig_open(&kernel, &via_vi_packet, "va1");
    rig_fill(&t->xdp, LENT);
    rig_fill(&kernel, 100);
    kernel.ether = t->xdp.ether = 0x0800;
    f.addr = via_addr_from4(htonl(0x0a000002));
    assert_int_equal(t->xdp.dev.ops->filter(&t->xdp.dev, true, &f), 0);
    rig_send(&t->peer, t->bytes, (uint32_t)rig_tcp(t->bytes, 100));
    rig_recv(&t->xdp, &t->p);
    assert_int_equal(t->xdp.dev.ops->filter(&t->xdp.dev, false, &f), 0);
    rig_send(&t->peer, t->bytes, (uint32_t)rig_tcp(t->bytes, 200));
    rig_recv(&kernel, &t->p);
    assert_int_equal(t->p.len, 254);
    rig_close(&kernel);
    close_pair(t);
}

static void multicast_filter_joins_the_group_on_the_link(void **state) {
    struct pair *t = open_pair(state);
    struct via_filter f = {.kind = VIA_FILTER_ADDR};

    f.addr = via_addr_from4(htonl(0xe0810203));
    assert_int_equal(t->xdp.dev.ops->filter(&t->xdp.dev, true, &f), 0);
    rig_run("ip maddr show dev va1 | grep -q 01:00:5e:01:02:03");
    assert_int_equal(t->xdp.dev.ops->filter(&t->xdp.dev, false, &f), 0);
    rig_run("! ip maddr show dev va1 | grep -q 01:00:5e:01:02:03");
    memcpy(f.addr.b, "\xff\x02\0\0\0\0\0\0\0\0\0\1\xff\1\2\3", 16);
    assert_int_equal(t->xdp.dev.ops->filter(&t->xdp.dev, true, &f), 0);
    rig_run("ip maddr show dev va1 | grep -q 33:33:ff:01:02:03");
    close_pair(t);
    rig_run("! ip maddr show dev va1 | grep -q 33:33:ff:01:02:03");
}

static void jumbo_packet_goes_as_a_chain_both_ways(void **state) {
    struct pair *t = open_with(state, 9000, 1, "");

    assert_true(t->xdp.dev.caps & VIA_VI_JUMBO);
    rig_send(&t->peer, rig_frame(t->bytes, 9014, 5), 9014);
    rig_recv(&t->xdp, &t->p);
    assert_int_equal(t->p.len, 9014);
    assert_int_equal(t->p.frames, (9014 + 1791) / 1792);
    assert_memory_equal(t->p.bytes, t->bytes, 9014);
    rig_send(&t->xdp, rig_frame(t->bytes, 9014, 6), 9014);
    rig_recv(&t->peer, &t->p);
    assert_int_equal(t->p.len, 9014);
    assert_memory_equal(t->p.bytes, t->bytes, 9014);
    reap_all(&t->xdp);
    rig_fill(&t->xdp, 200);
    assert_int_equal(t->xdp.spares, RIG_FRAMES - 128);
    close_pair(t);
}

static void packet_of_the_largest_size_comes_whole(void **state) {
    struct pair *t = open_pair(state);
    size_t len = rig_tcp(t->bytes, 60000);

    t->xdp.ether = 0x0800;
    rig_offload("va0", t->bytes, len, RIG_SEGMENTS);
    rig_recv(&t->xdp, &t->p);
    if (!strcmp(mode, "native")) { /* a veth's other end segments by itself then */
        assert_int_equal(t->p.len, 54 + 1448);
        close_pair(t);
        return;
    }
    assert_int_equal(t->p.len, len);
    assert_int_equal(t->p.frames, (len + 1791) / 1792);
    assert_int_equal(t->p.flags, VIA_FRAME_MORE);
    assert_memory_equal(t->p.bytes + 54, t->bytes + 54, 60000);
    close_pair(t);
}

static void chain_too_long_for_the_kernel_comes_back(void **state) {
    struct pair *t = open_with(state, 9000, 1, "");

    rig_send(&t->xdp, rig_frame(t->bytes, 17 * 1792 + 1, 5), 17 * 1792 + 1);
    rig_reap(&t->xdp);
    assert_int_equal(t->xdp.spares, RIG_FRAMES - LENT);
    assert_int_equal(rig_stats(&t->xdp).tx_dropped, 18);
    rig_send(&t->xdp, rig_frame(t->bytes, 100, 5), 100);
    rig_recv(&t->peer, &t->p);
    assert_int_equal(t->p.len, 100);
    close_pair(t);
}

static void mtu_that_needs_chains_is_refused_without_them(void **state) {
    struct pair *t = *state;

    link_pair(3000, 1);
    assert_int_equal(rig_try(&t->xdp, &via_vi_xdp, args_of("sg=off")), -EMSGSIZE);
    assert_non_null(strstr(t->xdp.why, "3000"));
    rig_free(&t->xdp);
}

static void without_chains_one_frame_is_the_limit(void **state) {
    struct pair *t = open_with(state, 1500, 1, "sg=off");

    assert_false(t->xdp.dev.caps & VIA_VI_JUMBO);
    rig_send(&t->xdp, rig_frame(t->bytes, 2000, 5), 2000);
    rig_reap(&t->xdp);
    assert_int_equal(rig_stats(&t->xdp).tx_dropped, 2);
    rig_send(&t->xdp, rig_frame(t->bytes, 1514, 5), 1514);
    rig_recv(&t->peer, &t->p);
    assert_int_equal(t->p.len, 1514);
    close_pair(t);
}

static void giant_without_chains_is_counted_as_lost(void **state) {
    struct pair *t = open_with(state, 1500, 1, "sg=off");
    size_t len = rig_tcp(t->bytes, 60000);

    t->xdp.ether = 0x0800;
    rig_offload("va0", t->bytes, len, RIG_SEGMENTS);
    if (!strcmp(mode, "native")) { /* a veth's other end segments by itself then */
        rig_recv(&t->xdp, &t->p);
        assert_int_equal(t->p.len, 54 + 1448);
    } else {
        assert_false(rig_recv_for(&t->xdp, &t->p, 100));
        assert_int_equal(rig_stats(&t->xdp).rx_dropped, 1);
    }
    close_pair(t);
}

static void tag_is_put_into_the_bytes(void **state) {
    struct pair *t = open_pair(state);

    assert_true(rig_queue(&t->xdp, rig_frame(t->bytes, 200, 1), 200, VIA_FRAME_VLAN, 0x6123));
    assert_int_equal(t->xdp.dev.ops->kick(&t->xdp.dev), 0);
    rig_recv(&t->peer, &t->p);
    assert_int_equal(t->p.len, 200);
    assert_true(t->p.flags & VIA_FRAME_VLAN);
    assert_int_equal(t->p.vlan, 0x6123);
    assert_memory_equal(t->p.bytes, t->bytes, 200);
    reap_all(&t->xdp);
    close_pair(t);
}

static void empty_frame_is_not_given_to_the_kernel(void **state) {
    struct pair *t = open_pair(state);

    assert_true(rig_queue(&t->xdp, t->bytes, 0, 0, 0));
    assert_int_equal(t->xdp.dev.ops->kick(&t->xdp.dev), 0);
    assert_true(t->xdp.dev.ops->pending(&t->xdp.dev));
    rig_reap(&t->xdp);
    assert_int_equal(t->xdp.spares, RIG_FRAMES - LENT);
    assert_int_equal(rig_stats(&t->xdp).tx_dropped, 1);
    assert_int_equal(rig_stats(&t->xdp).kicks, 0);
    close_pair(t);
}

/* Sends one packet to AF_XDP and waits for its descriptor, which is returned. */
static struct xdp_desc *arrived(struct pair *t) {
    struct via_xsk *s = &((struct xdp *)t->xdp.dev.priv)->xsk[0];

    rig_send(&t->peer, rig_frame(t->bytes, 100, 1), 100);
    while (!t->xdp.dev.ops->pending(&t->xdp.dev))
        assert_true(rig_sleep(&t->xdp, 2000));
    return &((struct xdp_desc *)s->rx.ring)[s->rx.cached_cons & s->rx.mask];
}

static void length_that_makes_no_sense_comes_up_empty(void **state) {
    struct pair *t = open_pair(state);
    static const struct {
        int64_t move;
        uint32_t len;
    } bad[] = {{0, 0}, {0, 1793}, {0, 0xffffffff}, {0, 0x80000000}, {1791, 2}, {-129, 100}, {-256, 2048}};
    struct via_frame v[64];
    struct xdp_desc *d;
    uint64_t frame;
    unsigned i;

    for (i = 0; i < VIA_COUNT(bad); i++) {
        d = arrived(t);
        frame = d->addr - d->addr % 2048;
        d->addr += (uint64_t)bad[i].move;
        d->len = bad[i].len;
        assert_int_equal(t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 64), 1);
        assert_int_equal(v[0].addr, frame + 256);
        assert_int_equal(v[0].len, 0);
        assert_int_equal(v[0].flags, VIA_FRAME_TRUNC);
        rig_back(&t->xdp, v[0].addr);
        assert_int_equal(rig_stats(&t->xdp).rx_invalid, i + 1);
    }
    arrived(t);
    rig_recv(&t->xdp, &t->p);
    assert_int_equal(t->p.len, 100);
    close_pair(t);
}

static void address_outside_the_area_is_counted_and_dropped(void **state) {
    struct pair *t = open_pair(state);
    static const uint64_t bad[] = {RIG_FRAMES * 2048u, UINT64_MAX, 1ull << 63, (uint64_t)UINT32_MAX << 16};
    struct via_frame v[64];
    unsigned i;

    for (i = 0; i < VIA_COUNT(bad); i++) {
        arrived(t)->addr = bad[i];
        assert_int_equal(t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 64), 0);
        assert_int_equal(rig_stats(&t->xdp).rx_invalid, i + 1);
    }
    arrived(t);
    rig_recv(&t->xdp, &t->p);
    assert_int_equal(t->p.len, 100);
    close_pair(t);
}

static void more_frames_than_were_lent_are_dropped(void **state) {
    struct pair *t = open_pair(state);
    struct via_xsk *s = &((struct xdp *)t->xdp.dev.priv)->xsk[0];
    struct via_frame v[64];
    unsigned i, got = 0;

    __atomic_store_n(s->rx.producer, *s->rx.producer + 128, __ATOMIC_RELEASE);
    for (i = 0; i < 10; i++)
        got += t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 64);
    assert_int_equal(got, LENT);
    assert_int_equal(s->lent, 0);
    assert_true(rig_stats(&t->xdp).rx_invalid >= 28);
    close_pair(t);
}

static void part_that_is_lost_spoils_its_packet_alone(void **state) {
    struct pair *t = open_with(state, 9000, 1, "");
    struct xdp *x = t->xdp.dev.priv;
    struct via_xsk *s = &x->xsk[0];
    struct via_frame v[64];
    unsigned n;

    rig_send(&t->peer, rig_frame(t->bytes, 5000, 5), 5000); /* three parts */
    rig_send(&t->peer, rig_frame(t->bytes, 4000, 5), 4000); /* three more */
    while (__atomic_load_n(s->rx.producer, __ATOMIC_ACQUIRE) - s->rx.cached_cons < 6)
        (void)rig_sleep(&t->xdp, 2000);
    ((struct xdp_desc *)s->rx.ring)[(s->rx.cached_cons + 2) & s->rx.mask].addr = UINT64_MAX;
    n = t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 64);
    assert_int_equal(n, 5);
    assert_int_equal(v[0].flags, VIA_FRAME_MORE | VIA_FRAME_TRUNC);
    assert_int_equal(v[1].flags, 0);
    assert_int_equal(v[2].flags, VIA_FRAME_MORE);
    assert_int_equal(v[4].flags, 0);
    close_pair(t);
}

static void packet_whose_end_is_missing_waits(void **state) {
    struct pair *t = open_with(state, 9000, 1, "");
    struct via_xsk *s = &((struct xdp *)t->xdp.dev.priv)->xsk[0];
    struct via_frame v[64];
    uint32_t all;

    rig_send(&t->peer, rig_frame(t->bytes, 5000, 5), 5000);
    while (!t->xdp.dev.ops->pending(&t->xdp.dev))
        assert_true(rig_sleep(&t->xdp, 2000));
    all = *s->rx.producer;
    *s->rx.producer = all - 1;
    assert_int_equal(t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 64), 0);
    *s->rx.producer = all;
    assert_int_equal(t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 64), 3);
    close_pair(t);
}

static void packet_longer_than_a_burst_is_torn_and_says_so(void **state) {
    struct pair *t = open_with(state, 9000, 1, "");
    struct via_frame v[64];

    rig_send(&t->peer, rig_frame(t->bytes, 5000, 5), 5000);
    while (!t->xdp.dev.ops->pending(&t->xdp.dev))
        assert_true(rig_sleep(&t->xdp, 2000));
    assert_int_equal(t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 2), 2);
    assert_int_equal(v[0].flags, VIA_FRAME_MORE | VIA_FRAME_TRUNC);
    assert_int_equal(v[1].flags, 0);
    assert_int_equal(t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 2), 1);
    assert_int_equal(v[0].flags, VIA_FRAME_TRUNC);
    close_pair(t);
}

/* Whatever the ring holds: frames inside the area, packets that end, and never more than were lent (seeds 1 to 50). */
static void garbage_in_the_ring_stays_there(void **state) {
    struct pair *t = open_with(state, 9000, 1, "");
    struct xdp *x = t->xdp.dev.priv;
    struct via_xsk *s = &x->xsk[0];
    struct via_frame v[64];
    unsigned i, n, got = 0, round;
    uint64_t seed, r;

    for (seed = 1; seed <= 50; seed++) {
        r = seed * 0x9e3779b97f4a7c15u;
        for (i = 0; i < s->rx.size; i++) {
            struct xdp_desc *d = &((struct xdp_desc *)s->rx.ring)[i];

            r ^= r << 13, r ^= r >> 7, r ^= r << 17;
            d->addr = r & 7 ? r % (x->mem_size + 4096) : r;
            d->len = r & 8 ? (uint32_t)(r >> 32) % 2100 : (uint32_t)(r >> 32);
            d->options = (uint32_t)(r >> 20) & (r & 16 ? 1 : UINT32_MAX);
        }
        *s->rx.producer += (uint32_t)r % 200;
        for (round = 0; round < 20; round++) {
            n = t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 1 + (unsigned)(r >> round) % 64);
            for (i = 0; i < n; i++) {
                assert_true(v[i].addr + v[i].len <= x->mem_size);
                assert_true(v[i].addr % 2048 >= 128 && v[i].addr % 2048 + v[i].len <= 2048);
            }
            assert_false(n && (v[n - 1].flags & VIA_FRAME_MORE));
            got += n;
        }
    }
    assert_true(got > 0 && got <= LENT);
    assert_true(rig_stats(&t->xdp).rx_invalid > 0);
    close_pair(t);
}

static void completion_that_makes_no_sense_is_dropped(void **state) {
    struct pair *t = open_pair(state);
    struct via_xsk *s = &((struct xdp *)t->xdp.dev.priv)->xsk[0];
    uint64_t a[64], was;

    rig_send(&t->xdp, rig_frame(t->bytes, 100, 1), 100);
    while (!t->xdp.dev.ops->pending(&t->xdp.dev))
        assert_true(rig_sleep(&t->xdp, 2000));
    was = ((uint64_t *)s->comp.ring)[s->comp.cached_cons & s->comp.mask];
    ((uint64_t *)s->comp.ring)[s->comp.cached_cons & s->comp.mask] = RIG_FRAMES * 2048u;
    assert_int_equal(t->xdp.dev.ops->tx_reap(&t->xdp.dev, a, 64), 0);
    assert_int_equal(rig_stats(&t->xdp).rx_invalid, 1);
    ((uint64_t *)s->comp.ring)[s->comp.cached_cons & s->comp.mask] = was;
    *s->comp.producer += 2; /* the one that is out, and one that never was */
    assert_int_equal(t->xdp.dev.ops->tx_reap(&t->xdp.dev, a, 64), 1);
    assert_int_equal(a[0], was);
    assert_int_equal(rig_stats(&t->xdp).rx_invalid, 2);
    close_pair(t);
}

/* Arms, whatever the kernel has said of its own accord. */
static void settle(struct pair *t) {
    while (t->xdp.dev.ops->arm(&t->xdp.dev))
        assert_false(rig_recv_for(&t->xdp, &t->p, 0));
}

static void link_down_is_told_and_passes(void **state) {
    struct pair *t = open_pair(state);

    rig_run("ip link set va1 down");
    settle(t);
    assert_int_equal(t->xdp.dev.link, VIA_LINK_DOWN);
    assert_true(rig_queue(&t->xdp, rig_frame(t->bytes, 100, 1), 100, 0, 0));
    assert_int_equal(t->xdp.dev.ops->kick(&t->xdp.dev), -ENETDOWN);
    settle(t);
    rig_run("ip link set va1 up");
    (void)t->xdp.dev.ops->arm(&t->xdp.dev);
    assert_int_equal(t->xdp.dev.link, VIA_LINK_UP);
    rig_recv(&t->peer, &t->p); /* what had waited in the ring */
    reap_all(&t->xdp);
    rig_send(&t->peer, rig_frame(t->bytes, 100, 2), 100);
    rig_recv(&t->xdp, &t->p);
    assert_memory_equal(t->p.bytes, t->bytes, 100);
    close_pair(t);
}

static void spinning_reader_hears_of_the_link(void **state) {
    struct pair *t = open_pair(state);
    struct via_vi_dev *dev = &t->xdp.dev;
    struct via_frame v[64];
    unsigned i;

    rig_run("ip link set va1 down");
    for (i = 0; i < 3000000 && dev->link == VIA_LINK_UP; i++)
        while (dev->ops->rx_burst(dev, v, 64))
            ;
    assert_int_equal(dev->link, VIA_LINK_DOWN);
    rig_run("ip link set va1 up");
    for (i = 0; i < 3000 && dev->link != VIA_LINK_UP; i++)
        (void)dev->ops->rx_burst(dev, v, 64);
    assert_int_equal(dev->link, VIA_LINK_UP);
    rig_run("ip link del va1");
    for (i = 0; i < 3000000 && dev->link != VIA_LINK_GONE; i++)
        while (dev->ops->rx_burst(dev, v, 64))
            ;
    assert_int_equal(dev->link, VIA_LINK_GONE);
    close_pair(t);
}

static void deleted_interface_is_gone_for_good(void **state) {
    struct pair *t = open_pair(state);

    rig_run("ip link del va0");
    settle(t);
    assert_int_equal(t->xdp.dev.link, VIA_LINK_GONE);
    assert_true(rig_queue(&t->xdp, rig_frame(t->bytes, 100, 1), 100, 0, 0));
    assert_int_equal(t->xdp.dev.ops->kick(&t->xdp.dev), -ENODEV);
    settle(t);
    assert_false(rig_recv_for(&t->xdp, &t->p, 0));
    close_pair(t);
}

static void program_goes_with_the_driver(void **state) {
    struct pair *t = open_pair(state);

    rig_run("ip link show va1 | grep -q xdp");
    close_pair(t);
    rig_run("! ip link show va1 | grep -q xdp");
    rig_open(&t->xdp, &via_vi_xdp, args_of("")); /* the queue is free again, too */
    rig_close(&t->xdp);
}

/* The child's part of the next case: it takes everything, says so, and never ends by itself. */
static void take_everything(struct pair *t, int say) {
    if (rig_try(&t->xdp, &via_vi_xdp, args_of("")) < 0)
        _exit(1);
    take_all(&t->xdp);
    rig_fill(&t->xdp, LENT);
    if (write(say, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void killed_process_leaves_the_link_to_the_kernel(void **state) {
    struct pair *t = *state;
    struct rig kernel;
    int says[2], status;
    pid_t child;
    char c;

    link_pair(1500, 1);
    assert_int_equal(pipe(says), 0);
    child = fork();
    assert_true(child >= 0);
    if (!child)
        take_everything(t, says[1]);
    close(says[1]);
    assert_int_equal(read(says[0], &c, 1), 1);
    rig_open(&t->peer, &via_vi_packet, "va0");
    rig_open(&kernel, &via_vi_packet, "va1");
    rig_fill(&kernel, 100);
    rig_run("ip link show va1 | grep -q xdp");
    if (!strcmp(mode, "native")) { /* generic mode comes after AF_PACKET */
        rig_send(&t->peer, rig_frame(t->bytes, 100, 1), 100);
        assert_false(rig_recv_for(&kernel, &t->p, 0));
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    rig_run("! ip link show va1 | grep -q xdp");
    rig_run("ip addr add 10.77.0.1/24 dev va1 && ping -c 1 -W 2 10.77.0.1 >/dev/null");
    rig_send(&t->peer, rig_frame(t->bytes, 100, 2), 100);
    rig_recv(&kernel, &t->p);
    assert_memory_equal(t->p.bytes, t->bytes, 100);
    rig_close(&kernel);
    rig_close(&t->peer);
    close(says[0]);
}

static void queues_share_one_interface(void **state) {
    struct pair *t = open_with(state, 1500, 4, "queues=4");
    struct xdp *x = t->xdp.dev.priv;
    unsigned i, seen = 0, n;
    struct via_frame v[64];
    size_t len;
    int fd[16];

    assert_int_equal(t->xdp.dev.queues, 4);
    assert_int_equal(t->xdp.dev.ops->fds(&t->xdp.dev, fd, 16), 4);
    assert_int_equal(rig_fill(&t->xdp, 300), 300);
    for (i = 0; i < 4; i++)
        assert_int_equal(x->xsk[i].lent, 100);
    len = rig_tcp(t->bytes, 6);
    for (i = 0; i < 64; i++) {
        t->bytes[35] = (uint8_t)i; /* the source port: it chooses the queue */
        rig_offload("va0", t->bytes, len, RIG_PLAIN);
    }
    while (seen < 64) {
        n = t->xdp.dev.ops->rx_burst(&t->xdp.dev, v, 64);
        for (i = 0; i < n; i++)
            rig_back(&t->xdp, v[i].addr);
        seen += n;
        if (!n)
            assert_true(rig_sleep(&t->xdp, 2000));
    }
    for (i = n = 0; i < 4; i++)
        n += *x->xsk[i].rx.producer > 0;
    assert_true(n >= 2);
    assert_int_equal(rig_stats(&t->xdp).rx_frames, 64);
    rig_send(&t->xdp, rig_frame(t->bytes, 100, 1), 100);
    rig_recv(&t->peer, &t->p);
    close_pair(t);
}

static void refusal(const char *args, int err, const char *word) {
    struct rig r;

    assert_int_equal(rig_try(&r, &via_vi_xdp, args), err);
    assert_null(r.dev.priv);
    if (!strstr(r.why, word))
        fail_msg("\"%s\" does not speak of %s", r.why, word);
    rig_free(&r);
}

static void refusals_come_with_a_sentence(void **state) {
    struct pair *t = open_pair(state);
    struct via_vi_dev dev;

    refusal("va1", -EBUSY, "queues=N");
    refusal("va1:mode=generic", -EBUSY, "queues=N");
    refusal("va1:mode=native", -EBUSY, "queues=N");
    refusal("va0:queue=1", -EINVAL, "no queue 1");
    refusal("va0:queues=2", -EINVAL, "no queue 1");
    refusal("va0:queues=17", -EINVAL, "queues=17");
    refusal("va0:colour=red", -EINVAL, "colour=red");
    refusal("va0:mode=slow", -EINVAL, "mode=slow");
    refusal("va0:copy=zero", -EOPNOTSUPP, "zero-copy refused");
    refusal("nowhere0", -ENODEV, "nowhere0");
    refusal("a-name-that-is-far-too-long", -ENODEV, "too long");
    refusal("lo:mode=native", -EOPNOTSUPP, "not supported by its driver");
    memset(&dev, 0, sizeof dev);
    dev.ops = &via_vi_xdp;
    assert_int_equal(via_vi_xdp.open(&dev, "nowhere0"), -ENODEV); /* nowhere to leave a sentence */
    close_pair(t);
}

static void foreign_queue_is_respected(void **state) {
    struct pair *t = open_pair(state);
    struct xdp *x = t->xdp.dev.priv;

    via_xdp_prog_unload(&x->prog); /* the program is gone, the queue still taken */
    refusal(args_of(""), -EBUSY, "taken");
    close_pair(t);
}

static void without_rights_the_sentence_names_them(void **state) {
    struct pair *t = *state;
    int status;
    pid_t child;

    link_pair(1500, 1);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (setuid(65534) < 0)
            _exit(2);
        _exit(rig_try(&t->xdp, &via_vi_xdp, args_of("")) == -EPERM && strstr(t->xdp.why, "CAP_") ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The child gives up the one right that lifts the limit. */
static int open_with_little_locked_memory(struct pair *t) {
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];
    const struct rlimit few = {65536, 65536};

    if (setrlimit(RLIMIT_MEMLOCK, &few) < 0 || syscall(SYS_capget, &h, d) < 0)
        return 2;
    d[CAP_IPC_LOCK >> 5].effective &= ~(1u << (CAP_IPC_LOCK & 31));
    if (syscall(SYS_capset, &h, d) < 0)
        return 2;
    return rig_try(&t->xdp, &via_vi_xdp, args_of("")) == -ENOMEM && strstr(t->xdp.why, "RLIMIT_MEMLOCK") ? 0 : 1;
}

static void limit_of_locked_memory_is_named(void **state) {
    struct pair *t = *state;
    int status;
    pid_t child;

    link_pair(1500, 1);
    child = fork();
    assert_true(child >= 0);
    if (!child)
        _exit(open_with_little_locked_memory(t));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void what_was_opened_is_described(void **state) {
    struct pair *t = open_with(state, 1400, 1, "busy=20,trust=on");

    assert_string_equal(t->xdp.dev.ifname, "va1");
    assert_int_equal(t->xdp.dev.mtu, 1400);
    assert_int_equal(t->xdp.dev.link, VIA_LINK_UP);
    assert_int_equal(t->xdp.dev.queues, 1);
    assert_int_equal(t->xdp.dev.caps, VIA_VI_JUMBO | VIA_VI_SHARED_MAC | VIA_VI_STEERS);
    assert_memory_equal(t->xdp.dev.mode, mode, strlen(mode));
    assert_string_equal(t->xdp.dev.mode + strlen(mode), " copy");
    assert_non_null(strstr(t->xdp.why, "busy polling has no effect"));
    rig_send(&t->peer, rig_frame(t->bytes, 100, 1), 100);
    rig_recv(&t->xdp, &t->p);
    assert_int_equal(t->p.flags, VIA_FRAME_CSUM_OK);
    close_pair(t);
}

static void compromise_is_told(void **state) {
    struct pair *t = *state;
    struct rig lo;

    if (!strcmp(mode, "generic"))
        return;
    rig_open(&lo, &via_vi_xdp, "lo");
    assert_string_equal(lo.dev.mode, "generic copy");
    assert_non_null(strstr(lo.why, "native mode refused"));
    rig_close(&lo);
    link_pair(1500, 1);
    rig_open(&t->xdp, &via_vi_xdp, "va1");
    assert_string_equal(t->xdp.dev.mode, "native copy");
    assert_non_null(strstr(t->xdp.why, "zero-copy refused"));
    assert_non_null(strstr(t->xdp.why, "is a veth"));
    rig_close(&t->xdp);
    rig_open(&t->xdp, &via_vi_xdp, "va1:copy=copy,trust=on");
    assert_string_equal(t->xdp.why, "");
    rig_close(&t->xdp);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(frame_goes_out),
        CASE(frame_comes_in),
        CASE(bursts_keep_their_order),
        CASE(full_ring_takes_no_more),
        CASE(what_no_filter_names_goes_to_the_kernel),
        CASE(address_filter_shares_the_link_with_the_kernel),
        CASE(multicast_filter_joins_the_group_on_the_link),
        CASE(jumbo_packet_goes_as_a_chain_both_ways),
        CASE(packet_of_the_largest_size_comes_whole),
        CASE(chain_too_long_for_the_kernel_comes_back),
        CASE(mtu_that_needs_chains_is_refused_without_them),
        CASE(without_chains_one_frame_is_the_limit),
        CASE(giant_without_chains_is_counted_as_lost),
        CASE(tag_is_put_into_the_bytes),
        CASE(empty_frame_is_not_given_to_the_kernel),
        CASE(length_that_makes_no_sense_comes_up_empty),
        CASE(address_outside_the_area_is_counted_and_dropped),
        CASE(more_frames_than_were_lent_are_dropped),
        CASE(part_that_is_lost_spoils_its_packet_alone),
        CASE(packet_whose_end_is_missing_waits),
        CASE(packet_longer_than_a_burst_is_torn_and_says_so),
        CASE(garbage_in_the_ring_stays_there),
        CASE(completion_that_makes_no_sense_is_dropped),
        CASE(link_down_is_told_and_passes),
        CASE(spinning_reader_hears_of_the_link),
        CASE(deleted_interface_is_gone_for_good),
        CASE(program_goes_with_the_driver),
        CASE(killed_process_leaves_the_link_to_the_kernel),
        CASE(queues_share_one_interface),
        CASE(refusals_come_with_a_sentence),
        CASE(foreign_queue_is_respected),
        CASE(without_rights_the_sentence_names_them),
        CASE(limit_of_locked_memory_is_named),
        CASE(what_was_opened_is_described),
        CASE(compromise_is_told),
    };
    int failed;

    if (!rig_namespace())
        return rig_skipped();
    mode = "native";
    failed = cmocka_run_group_tests_name("native", tests, NULL, NULL);
    mode = "generic";
    return failed + cmocka_run_group_tests_name("generic", tests, NULL, NULL);
}
