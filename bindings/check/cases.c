/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>

/* Opens as the conf says, with all that the RX ring holds lent. */
static bool start(struct check *c) {
    return via_check_open(c, &(struct want){.lend = c->conf->rx_ring});
}

static bool start_both_ways(struct check *c) {
    if (!can_in(c) || !can_out(c))
        return via_check_skip(c, "the link cannot be watched in both directions");
    return start(c);
}

static bool start_in(struct check *c) {
    return can_in(c) ? start(c) : via_check_skip(c, "no frame can be made to arrive");
}

static bool start_out(struct check *c) {
    return can_out(c) ? start(c) : via_check_skip(c, "what is sent cannot be seen");
}

/* One packet, whole way. */
static bool pass_out(struct check *c, uint32_t len) {
    via_check_make(c, len);
    return via_check_out(c) && via_check_arrives_out(c);
}

static bool pass_in(struct check *c, uint32_t len) {
    via_check_make(c, len);
    return via_check_in(c) && via_check_arrives_in(c);
}

static bool pass_either(struct check *c, uint32_t len) {
    return (!can_out(c) || pass_out(c, len)) && (!can_in(c) || pass_in(c, len));
}

/* A frame length that is no trouble. */
static uint32_t usual(const struct check *c) {
    return c->conf->shortest > 60 ? c->conf->shortest : 60;
}

static uint32_t longest(const struct check *c) {
    uint32_t all = c->near.dev.mtu + 14, most = c->conf->longest ? c->conf->longest : PACKET_MAX;

    if (c->conf->ends == 2 && c->far.dev.mtu + 14 < all)
        all = c->far.dev.mtu + 14;
    return all < most ? all : most;
}

static unsigned count_fds(void) {
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static bool says_what_it_is(struct check *c) {
    const struct via_vi_dev *d;

    if (!start(c))
        return false;
    d = &c->near.dev;
    if (!d->ops->name || !d->ops->name[0])
        return via_check_fail(c, "the driver has no name");
    if (d->mtu < 68 || d->mtu > 65535)
        return via_check_fail(c, "the MTU is %u", d->mtu);
    if (!(d->caps & VIA_VI_JUMBO) && d->mtu + 14 > d->frame_size - d->headroom)
        return via_check_fail(c, "a packet of the MTU, %u, needs more than a frame, but VIA_VI_JUMBO is not said",
                              d->mtu);
    if (d->mac[0] & 1)
        return via_check_fail(c, "the MAC address is that of a group");
    if (!memchr(d->mode, 0, sizeof d->mode) || !memchr(d->ifname, 0, sizeof d->ifname))
        return via_check_fail(c, "mode or ifname does not end");
    return d->link == VIA_LINK_UP || via_check_fail(c, "the link is not up");
}

static bool opens_again_after_close(struct check *c) {
    unsigned before = 0, after;

    for (unsigned i = 0; i < 4; i++) {
        if (!start(c) || !pass_either(c, usual(c)))
            return false;
        via_check_close(c);
        after = count_fds();
        if (i && after != before)
            return via_check_fail(c, "%u descriptors were open after the first close, %u after the next", before,
                                  after);
        before = after;
    }
    return true;
}

static bool closes_with_frames_outstanding(struct check *c) {
    bool went;

    for (unsigned i = 0; i < 3; i++) {
        if (!start(c))
            return false;
        for (unsigned k = 0; k < 8; k++) {
            struct via_frame v[BURST];
            unsigned n, taken;

            via_check_make(c, usual(c));
            if (can_in(c) && !via_check_try_in(c, &went))
                return false;
            if (!via_check_frames(c, &c->near, v, &n) || !via_check_send(c, &c->near, v, n, &taken) ||
                !via_check_kick(c, &c->near))
                return via_check_fail(c, "no frame to send");
        }
        via_check_close(c);
    }
    return start(c) && pass_either(c, usual(c));
}

static bool nothing_is_done_for_zero_frames(struct check *c) {
    struct via_frame v[1];
    uint64_t addr[1];

    if (!start(c))
        return false;
    if (c->near.dev.ops->rx_burst(&c->near.dev, v, 0) || c->near.dev.ops->tx_burst(&c->near.dev, v, 0) ||
        c->near.dev.ops->rx_fill(&c->near.dev, addr, 0) || c->near.dev.ops->tx_reap(&c->near.dev, addr, 0))
        return via_check_fail(c, "a burst of zero frames returned some");
    return pass_either(c, usual(c));
}

static bool step_lengths(struct check *c, bool (*pass)(struct check *, uint32_t)) {
    uint32_t most = longest(c);

    for (uint32_t len = c->conf->shortest; len <= most; len += len < 1514 ? 1 : 997)
        if (!pass(c, len))
            return false;
    return pass(c, most);
}

static bool every_length_is_sent_unchanged(struct check *c) {
    return start_out(c) && step_lengths(c, pass_out);
}

static bool every_length_is_received_unchanged(struct check *c) {
    return start_in(c) && step_lengths(c, pass_in);
}

/* `n` packets as one burst, given again from where the driver stopped; then all of them in order. */
static bool burst_out(struct check *c, unsigned n) {
    uint64_t end = via_check_ms() + c->conf->wait_ms + 1;
    uint32_t first = c->number;
    struct via_frame v[BURST];
    unsigned at = 0, k, taken;

    for (unsigned i = 0; i < n; i++) {
        via_check_make(c, usual(c) + i);
        if (!via_check_frames(c, &c->near, &v[i], &k))
            return via_check_fail(c, "no free frames: the driver did not give them back");
    }
    for (unsigned seen = 0; seen < n;) {
        if (!via_check_send(c, &c->near, v + at, n - at, &taken) || !via_check_kick(c, &c->near))
            return false;
        at += taken;
        if (!taken && seen == at && !via_check_sleep(c, &c->near, end))
            return via_check_fail(c, "of a burst of %u packets %u are not taken", n, n - at);
        for (; seen < at; seen++) {
            c->number = first + seen;
            via_check_make(c, usual(c) + seen);
            if (!via_check_arrives_out(c))
                return false;
        }
    }
    return true;
}

static bool bursts_are_sent_in_order(struct check *c) {
    if (!start_out(c))
        return false;
    for (unsigned n = 1; n <= BURST; n++)
        if (!burst_out(c, n))
            return false;
    return via_check_settle(c, &c->near);
}

static bool burst_in(struct check *c, unsigned n) {
    uint32_t first = c->number;

    for (unsigned i = 0; i < n; i++) {
        via_check_make(c, usual(c) + i);
        if (!via_check_in(c))
            return false;
    }
    for (unsigned i = 0; i < n; i++) {
        c->number = first + i;
        via_check_make(c, usual(c) + i);
        if (!via_check_arrives_in(c))
            return false;
    }
    return true;
}

static bool bursts_are_received_in_order(struct check *c) {
    uint32_t most = c->conf->rx_ring / 2 < 32 ? c->conf->rx_ring / 2 : 32;

    if (!start_in(c))
        return false;
    for (unsigned n = 1; n <= most; n++)
        if (!burst_in(c, n))
            return false;
    return true;
}

/* All frames are somewhere, and all that was sent comes back. */
static bool book_is_right(struct check *c, struct side *s) {
    uint32_t mine = 0;

    if (!via_check_settle(c, s))
        return false;
    for (uint32_t i = 0; i < s->frames; i++)
        mine += s->holder[i] == MINE;
    return mine == s->n - s->at && s->free_n + s->lent + mine == s->frames
               ? true
               : via_check_fail(c, "%u free, %u lent, %u received of %u frames", s->free_n, s->lent, mine, s->frames);
}

static bool every_frame_is_accounted_for(struct check *c) {
    if (!start_both_ways(c))
        return false;
    for (uint32_t done = 0; done < c->conf->rounds;) {
        unsigned n = 1 + via_check_random(c, 16);

        if (!burst_out(c, n) || !burst_in(c, n))
            return false;
        done += n;
    }
    return book_is_right(c, &c->near) && (c->conf->ends == 1 || book_is_right(c, &c->far));
}

/* Nothing is lent again: what is received can only be what was lent at the start. */
static bool every_lent_frame_is_used(struct check *c) {
    uint32_t lent, tries;
    struct via_frame v[BURST];
    unsigned got;
    bool went;

    if (!can_in(c))
        return via_check_skip(c, "no frame can be made to arrive");
    if (!via_check_open(c, &(struct want){.lend = c->conf->rx_ring / 2}))
        return false;
    lent = c->near.lent;
    if (!lent)
        return via_check_fail(c, "rx_fill takes nothing");
    for (tries = 0; c->near.lent && tries < 4 * lent; tries++) {
        uint64_t end = via_check_ms() + c->conf->wait_ms;

        via_check_make(c, usual(c));
        if (!via_check_try_in(c, &went))
            return false;
        do {
            if (!via_check_receive(c, &c->near, v, BURST, &got))
                return false;
        } while (went && !got && via_check_sleep(c, &c->near, end));
    }
    return !c->near.lent || via_check_fail(c, "%u of %u lent frames are never received into", c->near.lent, lent);
}

static bool start_jumbo(struct check *c, bool (*begin)(struct check *)) {
    if (!begin(c))
        return false;
    if (!(c->near.dev.caps & VIA_VI_JUMBO))
        return via_check_skip(c, "VIA_VI_JUMBO is not said");
    return true;
}

/* Cuts c->packet anew into frames of at most `part` bytes. */
static bool cut_frames(struct check *c, struct via_frame *v, uint32_t part, unsigned *n) {
    struct side *s = &c->near;
    uint32_t at = 0;

    for (*n = 0; at < c->len; (*n)++) {
        struct via_frame *f = &v[*n];

        if (!s->free_n || *n == BURST)
            return via_check_fail(c, "no free frames: the driver did not give them back");
        memset(f, 0, sizeof *f);
        f->addr = s->free[--s->free_n] + s->dev.headroom;
        f->len = c->len - at < part ? c->len - at : part;
        s->holder[f->addr / s->dev.frame_size] = MINE;
        memcpy(s->dev.mem + f->addr, c->packet + at, f->len);
        at += f->len;
        f->flags = at < c->len ? VIA_FRAME_MORE : 0;
    }
    return true;
}

static bool send_chain(struct check *c, uint32_t part) {
    uint64_t end = via_check_ms() + c->conf->wait_ms + 1;
    struct via_frame v[BURST];
    unsigned n, taken;

    if (!cut_frames(c, v, part, &n) || !via_check_send(c, &c->near, v, n - 1, &taken))
        return false;
    if (taken)
        return via_check_fail(c, "tx_burst took %u frames of a packet whose end it was not given", taken);
    do {
        if (!via_check_send(c, &c->near, v, n, &taken) || !via_check_kick(c, &c->near))
            return false;
        if (taken == n)
            return true;
        if (taken)
            return via_check_fail(c, "tx_burst took %u of the %u frames of a packet", taken, n);
    } while (via_check_make_room(c, &c->near, end));
    return via_check_fail(c, "a packet of %u frames is not taken", n);
}

static bool chains_are_sent_whole(struct check *c) {
    static const uint32_t parts[] = {64, 300, 1000};

    if (!start_jumbo(c, start_out))
        return false;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (uint32_t len = parts[i] + 1; len <= longest(c) && len <= parts[i] * 12; len += parts[i] * 2 + 77) {
            via_check_make(c, len);
            if (!send_chain(c, parts[i]) || !via_check_arrives_out(c))
                return false;
        }
    return via_check_settle(c, &c->near);
}

static bool chains_are_received_whole(struct check *c) {
    uint32_t room;

    if (!start_jumbo(c, start_in))
        return false;
    room = c->near.dev.frame_size - c->near.dev.headroom;
    if (longest(c) <= room || (c->conf->ends == 2 && !(c->far.dev.caps & VIA_VI_JUMBO)))
        return via_check_skip(c, "the MTU is no larger than a frame");
    for (uint32_t len = room - 1; len <= longest(c) && len <= 8 * room; len += len < room + 1 ? 1 : 1111) {
        via_check_make(c, len);
        if (!via_check_in(c) || !via_check_arrives_in(c) || !pass_in(c, usual(c)))
            return false;
    }
    return true;
}

static bool full_tx_ring_recovers(struct check *c) {
    struct via_frame v[BURST];
    unsigned n, taken = 1, all = 0;

    if (!start_out(c))
        return false;
    while (taken) {
        via_check_make(c, usual(c));
        if (!via_check_frames(c, &c->near, v, &n))
            break;
        if (!via_check_send(c, &c->near, v, n, &taken) || !via_check_kick(c, &c->near))
            return false;
        via_check_release(&c->near, v + taken, n - taken);
        all += taken;
    }
    if (!all)
        return via_check_fail(c, "tx_burst takes nothing");
    if (!via_check_drain(c) || !via_check_settle(c, &c->near))
        return false;
    c->lenient = true;
    return pass_out(c, usual(c));
}

static bool empty_fill_ring_recovers(struct check *c) {
    struct via_frame v[BURST];
    unsigned got;
    bool went;

    if (!can_in(c))
        return via_check_skip(c, "no frame can be made to arrive");
    if (!via_check_open(c, &(struct want){.lend = 0}))
        return false;
    for (unsigned i = 0; i < 8; i++) {
        via_check_make(c, usual(c));
        if (!via_check_try_in(c, &went) || !via_check_receive(c, &c->near, v, BURST, &got))
            return false;
        if (got)
            return via_check_fail(c, "%u frames were received, but none was lent", got);
    }
    if (!via_check_lend(c, &c->near, c->conf->rx_ring))
        return false;
    c->lenient = true;
    for (unsigned i = 0; i < 8; i++)
        if (!pass_in(c, usual(c)))
            return false;
    return true;
}

static bool full_fill_ring_refuses(struct check *c) {
    uint32_t before;

    if (!start(c))
        return false;
    do {
        before = c->near.lent;
        if (!via_check_lend(c, &c->near, BURST))
            return false;
    } while (c->near.lent > before);
    if (!c->near.free_n)
        return via_check_fail(c, "rx_fill took %u frames with a ring of %u", c->near.lent, c->conf->rx_ring);
    return pass_either(c, usual(c));
}

static bool can_sleep(struct check *c) {
    const struct via_vi_ops *ops = c->near.dev.ops;

    return (ops->arm && ops->fds) || via_check_skip(c, "arm or fds is NULL");
}

static void disarm(struct check *c) {
    if (c->near.dev.ops->disarm)
        c->near.dev.ops->disarm(&c->near.dev);
}

/* Empties the device and arms it; the link may be noisy, so it is tried a few times. */
static bool arm_quiet(struct check *c) {
    for (unsigned i = 0; i < 20; i++) {
        if (!via_check_drain(c))
            return false;
        if (!c->near.dev.ops->arm(&c->near.dev))
            return true;
        disarm(c);
    }
    return via_check_fail(c, "arm says that frames are there, again and again, but none is");
}

static unsigned get_fds(struct check *c, struct pollfd *p) {
    int fd[16];
    unsigned n = c->near.dev.ops->fds(&c->near.dev, fd, 16);

    for (unsigned i = 0; i < n && i < 16; i++)
        p[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
    return n;
}

/* Either arm says so, or the descriptor is readable at once: a sleep ends before it began. */
static bool sleep_would_end_at_once(struct check *c, int ms) {
    struct pollfd p[16];
    bool there = c->near.dev.ops->arm(&c->near.dev) || poll(p, get_fds(c, p), ms) > 0;

    disarm(c);
    return there;
}

static bool arm_reports_what_is_there(struct check *c) {
    if (!start_in(c) || !can_sleep(c))
        return false;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t end;

        if (!via_check_drain(c))
            return false;
        via_check_make(c, usual(c));
        if (!via_check_in(c))
            return false;
        end = via_check_ms() + c->conf->wait_ms;
        while (!sleep_would_end_at_once(c, c->conf->wait_ms ? 1 : 0))
            if (via_check_ms() >= end)
                return via_check_fail(c, "a frame is there, but arm returns 0 and no descriptor is readable");
        if (!via_check_arrives_in(c))
            return false;
    }
    return true;
}

static bool descriptor_wakes_an_armed_device(struct check *c) {
    struct pollfd p[16];
    unsigned n;

    if (!start_in(c) || !can_sleep(c))
        return false;
    for (unsigned i = 0; i < 8; i++) {
        if (!arm_quiet(c))
            return false;
        n = get_fds(c, p);
        if (n > 16)
            return via_check_fail(c, "fds returns %u descriptors, at most 16 are allowed", n);
        if (!n)
            return via_check_skip(c, "there is no descriptor to watch");
        via_check_make(c, usual(c));
        if (!via_check_in(c))
            return false;
        if (poll(p, n, (int)c->conf->wait_ms) < 1)
            return via_check_fail(c, "a frame came, and no descriptor of the armed device became readable");
        disarm(c);
        if (!via_check_arrives_in(c))
            return false;
    }
    return true;
}

static bool disarmed_device_goes_on(struct check *c) {
    if (!start(c) || !can_sleep(c))
        return false;
    for (unsigned i = 0; i < 8; i++) {
        if (c->near.dev.ops->arm(&c->near.dev) && !via_check_drain(c))
            return false;
        disarm(c);
        disarm(c);
        if (!pass_either(c, usual(c)))
            return false;
    }
    return true;
}

static bool pending_agrees_with_the_rings(struct check *c) {
    const struct via_vi_ops *ops;
    uint64_t end;

    if (!start_in(c))
        return false;
    ops = c->near.dev.ops;
    if (!ops->pending)
        return via_check_skip(c, "pending is NULL");
    for (unsigned i = 0; i < 8; i++) {
        unsigned tries = 0;

        do {
            if (!via_check_drain(c) || !via_check_settle(c, &c->near))
                return false;
            if (tries++ == 20)
                return via_check_fail(c, "pending is true, but neither rx_burst nor tx_reap returns anything");
        } while (ops->pending(&c->near.dev));
        via_check_make(c, usual(c));
        if (!via_check_in(c))
            return false;
        end = via_check_ms() + c->conf->wait_ms;
        while (!ops->pending(&c->near.dev))
            if (!via_check_sleep(c, &c->near, end))
                return via_check_fail(c, "a frame is there, and pending is false");
        if (!via_check_arrives_in(c))
            return false;
    }
    return true;
}

static bool kick_without_work_does_no_harm(struct check *c) {
    if (!start(c))
        return false;
    if (!c->near.dev.ops->kick)
        return via_check_skip(c, "kick is NULL");
    for (unsigned i = 0; i < 8; i++)
        if (!via_check_kick(c, &c->near) || !via_check_kick(c, &c->near) || !pass_either(c, usual(c)))
            return false;
    return true;
}

/* Of all drivers of a chain of wrappers. */
static bool get_stats(struct check *c, struct via_vi_stats *s) {
    bool any = false;

    memset(s, 0, sizeof *s);
    for (struct via_vi_dev *d = &c->near.dev; d; d = d->inner)
        if (d->ops->stats) {
            d->ops->stats(d, s);
            any = true;
        }
    return any;
}

/* A link that others use too may count more. */
static bool counted(struct check *c, const char *what, uint64_t before, uint64_t after, uint64_t wanted) {
    bool right = c->conf->wait_ms ? after - before >= wanted : after - before == wanted;

    return right || via_check_fail(c, "%s grew by %llu where %llu passed", what, (unsigned long long)(after - before),
                                   (unsigned long long)wanted);
}

static bool counters_count(struct check *c) {
    struct via_vi_stats a, b;
    uint32_t len = usual(c) + 40;

    if (!start_both_ways(c))
        return false;
    if (!get_stats(c, &a))
        return via_check_skip(c, "stats is NULL");
    for (unsigned i = 0; i < 10; i++)
        if (!pass_out(c, len) || !pass_in(c, len))
            return false;
    if (!via_check_settle(c, &c->near))
        return false;
    get_stats(c, &b);
    return counted(c, "tx_frames", a.tx_frames, b.tx_frames, 10) &&
           counted(c, "tx_bytes", a.tx_bytes, b.tx_bytes, 10 * len) &&
           counted(c, "rx_frames", a.rx_frames, b.rx_frames, 10) &&
           counted(c, "rx_bytes", a.rx_bytes, b.rx_bytes, 10 * len);
}

static bool larger_headroom_is_respected(struct check *c) {
    if (!can_in(c))
        return via_check_skip(c, "no frame can be made to arrive");
    if (!via_check_open(c, &(struct want){.headroom = 512, .lend = c->conf->rx_ring}))
        return false;
    for (uint32_t len = usual(c); len <= longest(c) && len <= 1514; len += 100)
        if (!pass_in(c, len))
            return false;
    return true;
}

static bool frames_of_4096_bytes_serve(struct check *c) {
    if (!via_check_open(c, &(struct want){.frame_size = 4096, .lend = c->conf->rx_ring}))
        return false;
    for (uint32_t len = usual(c); len <= longest(c) && len <= 9014; len += 211)
        if (!pass_either(c, len))
            return false;
    return true;
}

static bool received_frames_are_sent_on_without_a_copy(struct check *c) {
    struct via_frame v[BURST];
    unsigned n = 0, taken;

    if (!start_both_ways(c))
        return false;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t end = via_check_ms() + c->conf->wait_ms;

        via_check_make(c, usual(c) + i);
        if (!via_check_drain(c) || !via_check_in(c))
            return false;
        do {
            if (!via_check_receive(c, &c->near, v, BURST, &n))
                return false;
        } while (!n && via_check_sleep(c, &c->near, end));
        if (!n)
            return via_check_fail(c, "a frame did not come");
        for (unsigned k = 0; k < n; k++)
            v[k].flags &= VIA_FRAME_MORE;
        if (!via_check_send(c, &c->near, v, n, &taken) || !via_check_kick(c, &c->near))
            return false;
        if (taken != n)
            return via_check_fail(c, "%u received frames are not taken to be sent on", n - taken);
        c->lenient = true;
        if (!via_check_arrives_out(c) || !via_check_lend(c, &c->near, n))
            return false;
    }
    return via_check_settle(c, &c->near);
}

const struct test via_check_cases[] = {
    {"says_what_it_is", says_what_it_is},
    {"opens_again_after_close", opens_again_after_close},
    {"closes_with_frames_outstanding", closes_with_frames_outstanding},
    {"nothing_is_done_for_zero_frames", nothing_is_done_for_zero_frames},
    {"every_length_is_sent_unchanged", every_length_is_sent_unchanged},
    {"every_length_is_received_unchanged", every_length_is_received_unchanged},
    {"bursts_are_sent_in_order", bursts_are_sent_in_order},
    {"bursts_are_received_in_order", bursts_are_received_in_order},
    {"every_frame_is_accounted_for", every_frame_is_accounted_for},
    {"every_lent_frame_is_used", every_lent_frame_is_used},
    {"chains_are_sent_whole", chains_are_sent_whole},
    {"chains_are_received_whole", chains_are_received_whole},
    {"full_tx_ring_recovers", full_tx_ring_recovers},
    {"empty_fill_ring_recovers", empty_fill_ring_recovers},
    {"full_fill_ring_refuses", full_fill_ring_refuses},
    {"arm_reports_what_is_there", arm_reports_what_is_there},
    {"descriptor_wakes_an_armed_device", descriptor_wakes_an_armed_device},
    {"disarmed_device_goes_on", disarmed_device_goes_on},
    {"pending_agrees_with_the_rings", pending_agrees_with_the_rings},
    {"kick_without_work_does_no_harm", kick_without_work_does_no_harm},
    {"counters_count", counters_count},
    {"larger_headroom_is_respected", larger_headroom_is_respected},
    {"frames_of_4096_bytes_serve", frames_of_4096_bytes_serve},
    {"received_frames_are_sent_on_without_a_copy", received_frames_are_sent_on_without_a_copy},
};
const unsigned via_check_case_count = sizeof via_check_cases / sizeof via_check_cases[0];
