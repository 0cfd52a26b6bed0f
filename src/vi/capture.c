/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/capture.h"

#include "vi/pcapng.h"
#include "vi/vi.h"

#include <stdio.h>
#include <unistd.h>

#define LONGEST (65535u + 18u)
#define RX      1u
#define TX      2u

/* One packet as it was. */
struct shot {
    uint8_t vi;
    via_ns_t ts;
    uint32_t orig_len;
    uint32_t kept;
    uint8_t bytes[LONGEST];
};

struct via_capture {
    struct via_pcap_conf conf;
    struct via_pcapng_writer *writer;
    int64_t offset;
    uint64_t bytes;         /* written to the current file */
    uint32_t file;          /* number of the current file */
    int iface[VIA_VIS + 1]; /* of the file, -1: not yet there */
    char path[256];
    struct shot rx, tx;
};

static void name_file(const struct via_capture *cap, uint32_t number, char *out, size_t room) {
    if (number)
        snprintf(out, room, "%s.%u", cap->path, number);
    else
        snprintf(out, room, "%s", cap->path);
}

static int open_file(struct via_capture *cap) {
    char name[sizeof cap->path + 16];
    uint32_t i;

    for (i = 0; i <= VIA_VIS; i++)
        cap->iface[i] = -1;
    cap->bytes = 0;
    name_file(cap, cap->file, name, sizeof name);
    return via_pcapng_writer_open(name, -1, &cap->writer);
}

static int close_file(struct via_capture *cap) {
    int err = cap->writer ? via_pcapng_writer_close(cap->writer) : 0;

    cap->writer = NULL;
    return err;
}

/* The file is full: the next one, and the oldest goes if there are too many. */
static void rotate(struct via_core *c, struct via_capture *cap) {
    char name[sizeof cap->path + 16];
    int saved = errno;

    close_file(cap);
    cap->file++;
    if (cap->conf.max_files && cap->file >= cap->conf.max_files) {
        name_file(cap, cap->file - cap->conf.max_files, name, sizeof name);
        unlink(name);
    }
    if (open_file(cap) < 0)
        via_log(c, VIA_LOG_VI, VIA_LOG_ERROR, "capture: %s: no next file, the capture ends", cap->path);
    errno = saved;
}

/* The interface's number in the file, made known to it at the first packet. */
static int iface_of(const struct via_core *c, struct via_capture *cap, uint8_t vi) {
    const struct via_vi_dev *d = c->vi[vi] ? c->vi[vi]->dev : NULL;
    struct via_pcapng_iface i = {.snap = cap->conf.snap, .offset = cap->offset};
    char name[32];

    if (cap->iface[vi] >= 0)
        return cap->iface[vi];
    snprintf(name, sizeof name, "%s", d && d->ifname[0] ? d->ifname : "vi");
    i.name = name;
    i.mac = d ? d->mac : NULL;
    cap->iface[vi] = via_pcapng_interface(cap->writer, &i);
    return cap->iface[vi];
}

static void write_shot(struct via_core *c, const struct shot *s, uint32_t dir, const char *comment) {
    struct via_capture *cap = c->capture;
    struct iovec iov = {(void *)(uintptr_t)s->bytes, s->kept};
    struct via_pcapng_packet p = {
        .dir = dir, .ts = s->ts, .iov = &iov, .iovs = 1, .orig_len = s->orig_len, .comment = comment};
    int iface;

    if (!cap->writer || (iface = iface_of(c, cap, s->vi)) < 0)
        return;
    p.iface = (uint32_t)iface;
    via_pcapng_packet(cap->writer, &p);
    cap->bytes += 64 + s->kept;
    if (cap->conf.max_bytes && cap->bytes >= cap->conf.max_bytes)
        rotate(c, cap);
}

static uint32_t longest(const struct via_capture *cap) {
    return cap->conf.snap ? via_min32(cap->conf.snap, LONGEST) : LONGEST;
}

static bool is_wanted(const struct via_capture *cap, uint32_t direction, uint8_t vi) {
    return (cap->conf.direction & direction) && (!cap->conf.vi || cap->conf.vi == vi);
}

static bool matches(const struct via_capture *cap, const struct shot *s) {
    return !cap->conf.match || cap->conf.match(cap->conf.match_ctx, s->bytes, s->kept);
}

bool via_capture_copy(struct via_core *c, const struct via_pkt *p) {
    struct via_capture *cap = c->capture;
    struct shot *s = &cap->rx;

    if (!is_wanted(cap, RX, p->vi))
        return false;
    s->vi = p->vi;
    s->ts = p->ts;
    s->orig_len = p->total;
    s->kept = via_pkt_copy_out(c, p, 0, s->bytes, via_min32(p->total, longest(cap)));
    return matches(cap, s);
}

void via_capture_received(struct via_core *c, enum via_drop why) {
    if (c->capture)
        write_shot(c, &c->capture->rx, VIA_PCAPNG_IN, why ? via_drop_text(why) : NULL);
}

/* Gathers the packet that starts at `f`; how many frames it was. */
static unsigned gather(const struct via_core *c, struct shot *s, const struct via_frame *f, unsigned n) {
    uint32_t room = longest(c->capture);
    unsigned i = 0;

    s->orig_len = s->kept = 0;
    do {
        uint32_t part = via_min32(f[i].len, room - s->kept);

        memcpy(s->bytes + s->kept, c->frames + f[i].addr, part);
        s->kept += part;
        s->orig_len += f[i].len;
    } while ((f[i++].flags & VIA_FRAME_MORE) && i < n);
    return i;
}

void via_capture_sent(struct via_core *c, uint8_t vi, const struct via_frame *f, unsigned n) {
    struct via_capture *cap = c->capture;
    unsigned i = 0;

    if (!is_wanted(cap, TX, vi))
        return;
    cap->tx.vi = vi;
    cap->tx.ts = c->s->now;
    while (i < n) {
        i += gather(c, &cap->tx, f + i, n - i);
        if (matches(cap, &cap->tx))
            write_shot(c, &cap->tx, VIA_PCAPNG_OUT, NULL);
    }
}

void via_capture_end(struct via_core *c) {
    if (!c->capture)
        return;
    close_file(c->capture);
    via_free(c, c->capture);
    c->capture = NULL;
}

int via_capture_start(struct via_core *c, const struct via_pcap_conf *conf, int64_t offset) {
    struct via_capture *cap;
    int err;

    if (!conf->path) {
        via_capture_end(c);
        return 0;
    }
    if (strlen(conf->path) >= sizeof cap->path || !(conf->direction & (RX | TX)) || conf->direction > (RX | TX) ||
        conf->vi > VIA_VIS)
        return via_why_set(c, -EINVAL, "capture: path too long, no direction, or no interface %u", conf->vi);
    if (c->capture && !strcmp(c->capture->path, conf->path))
        via_capture_end(c);
    cap = via_alloc(c, sizeof *cap);
    if (!cap)
        return via_why_set(c, -ENOMEM, "capture: no memory");
    cap->conf = *conf;
    cap->offset = offset;
    strcpy(cap->path, conf->path);
    err = open_file(cap);
    if (err < 0) {
        via_free(c, cap);
        return via_why_set(c, err, "capture: %s: %s", conf->path, strerror(-err));
    }
    via_capture_end(c); /* a refusal leaves the old one running */
    c->capture = cap;
    return 0;
}
