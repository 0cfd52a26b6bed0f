/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrier: whole Ethernet frames straight through the VI, no stack above. What a stack adds is the difference to this. */
#include "pingpong.h"

#include <errno.h>
#include <net/ethernet.h>

#define BATCH     64
#define RAW_TYPE  0x88b5 /* IEEE 802: local experiments */
#define RAW_HEAD  14
#define RAW_SMALL (RAW_HEAD + 4)

struct carrier {
    uint8_t head[RAW_HEAD]; /* of the client's frames */
};

static struct carrier the_carrier;

static void open_raw(struct pp *pp) {
    struct carrier *c = pp->carrier = &the_carrier;
    unsigned b[6] = {255, 255, 255, 255, 255, 255}, i;

    if (pp->peer_mac && sscanf(pp->peer_mac, "%2x:%2x:%2x:%2x:%2x:%2x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
        tool_usage("--peer-mac %s: not a MAC address", pp->peer_mac);
    pp->host.take_all = true;
    tool_host_open(&pp->host);
    via_vi_raw(pp->host.dev, true);
    for (i = 0; i < 6; i++)
        c->head[i] = (uint8_t)b[i];
    memcpy(c->head + 6, pp->host.info.mac, 6);
    c->head[12] = RAW_TYPE >> 8;
    c->head[13] = RAW_TYPE & 0xff;
}

static bool is_ours(const uint8_t *frame, uint32_t len) {
    return len >= RAW_SMALL && frame[12] == RAW_TYPE >> 8 && frame[13] == (RAW_TYPE & 0xff);
}

static void send_frame(struct pp *pp, const struct via_frame *f) {
    int n = via_vi_send(pp->host.dev, f, 1);

    if (n != 1)
        via_vi_release(pp->host.dev, f, 1);
    n = via_vi_kick(pp->host.dev);
    if (n < 0 && n != -EAGAIN)
        tool_die_stack(pp->host.st, n, "kick");
}

static void send_message(struct pp *pp, const void *data, uint32_t len) {
    struct carrier *c = pp->carrier;
    struct via_frame f;
    uint8_t *at;

    while (via_vi_alloc(pp->host.dev, &f, 1) != 1)
        via_vi_kick(pp->host.dev);
    if (f.len < RAW_HEAD + len)
        tool_die("a frame holds %u bytes, not %u", f.len, RAW_HEAD + len);
    at = via_vi_data(pp->host.dev, &f);
    memcpy(at, c->head, RAW_HEAD);
    memcpy(at + RAW_HEAD, data, len);
    f.len = RAW_HEAD + len;
    send_frame(pp, &f);
}

static int recv_frames(struct pp *pp, struct via_frame *v) {
    int n = via_vi_recv(pp->host.dev, v, BATCH);

    if (n < 0)
        tool_die_stack(pp->host.st, n, "receive");
    return n;
}

static bool ping(struct pp *pp, uint32_t size) {
    via_ns_t until = tool_clock() + pp->timeout;
    struct via_frame v[BATCH];
    const uint8_t *at;
    bool found = false;
    unsigned spins = 0;
    int i, n;

    send_message(pp, pp->message, size - RAW_HEAD);
    while (!found) {
        n = recv_frames(pp, v);
        for (i = 0; i < n; i++) {
            at = via_vi_data(pp->host.dev, &v[i]);
            found |= is_ours(at, v[i].len) && pp_is_echo(pp, at + RAW_HEAD, v[i].len - RAW_HEAD, size - RAW_HEAD);
        }
        via_vi_release(pp->host.dev, v, (unsigned)n);
        if (found || n)
            continue;
        if (pp->wait == PP_SLEEP)
            tool_sleep(pp->host.st, pp->timeout);
        if ((pp->wait == PP_SLEEP || !(++spins & 63)) && (tool_stopped() || tool_clock() >= until))
            break;
    }
    return found;
}

/* Sends the frame back in place; false: the client's last word. */
static bool turn(struct pp *pp, const struct via_frame *f) {
    uint8_t *at = via_vi_data(pp->host.dev, f), mac[6];
    bool end = pp_is_end(at + RAW_HEAD, f->len - RAW_HEAD);

    memcpy(mac, at + 6, 6);
    memcpy(at + 6, pp->host.info.mac, 6);
    memcpy(at, mac, 6);
    send_frame(pp, f);
    return !end || pp->keep;
}

static void serve(struct pp *pp) {
    struct via_frame v[BATCH];
    bool on = true;
    int i, n;

    while (on && !tool_stopped()) {
        n = recv_frames(pp, v);
        for (i = 0; i < n; i++)
            if (is_ours(via_vi_data(pp->host.dev, &v[i]), v[i].len))
                on = turn(pp, &v[i]) && on;
            else
                via_vi_release(pp->host.dev, &v[i], 1);
        if (!n && pp->wait == PP_SLEEP)
            tool_sleep(pp->host.st, VIA_NEVER);
    }
}

static void end(struct pp *pp) {
    send_message(pp, PP_END, sizeof PP_END);
}

static void describe(const struct pp *pp, FILE *f) {
    const struct via_vi_info *info = &pp->host.info;

    fprintf(f, "# interface alone: %s, %s%s%s, mtu %u, %s\n", pp->host.vi, info->driver, info->mode[0] ? ", " : "",
            info->mode, info->mtu, pp->wait == PP_SLEEP ? "sleeping" : "spinning");
}

static void close_raw(struct pp *pp) {
    tool_host_close(&pp->host);
}

const struct pp_carrier pp_raw = {.open = open_raw, .ping = ping, .serve = serve, .end = end, .describe = describe,
                                  .close = close_raw, .overhead = RAW_SMALL};
