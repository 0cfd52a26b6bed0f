/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/pcapng.h"

#include "base/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER (64u << 10)

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    MAGIC_ORDER = 0x1a2b3c4d,
    OPT_END = 0,
    OPT_COMMENT = 1,
    OPT_USERAPPL = 4,
    OPT_IF_NAME = 2,
    OPT_IF_DESCRIPTION = 3,
    OPT_IF_MAC = 6,
    OPT_IF_TSRESOL = 9,
    OPT_IF_TSOFFSET = 14,
    OPT_PACKET_FLAGS = 2,
};

struct via_pcapng_writer {
    int fd;
    int err;
    uint32_t ifaces;
    uint32_t used;
    uint32_t snap[VIA_PCAPNG_IFACES];
    uint8_t buf[BUFFER];
};

static void write_out(struct via_pcapng_writer *w, const uint8_t *at, size_t len) {
    int saved = errno;

    while (len && !w->err) {
        ssize_t n = write(w->fd, at, len);

        if (n >= 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno != EINTR) {
            w->err = -errno;
        }
    }
    errno = saved;
}

int via_pcapng_flush(struct via_pcapng_writer *w) {
    write_out(w, w->buf, w->used);
    w->used = 0;
    return w->err;
}

static void put(struct via_pcapng_writer *w, const void *data, size_t len) {
    if (len > BUFFER - w->used)
        via_pcapng_flush(w);
    if (len > BUFFER) {
        write_out(w, data, len);
        return;
    }
    memcpy(w->buf + w->used, data, len);
    w->used += (uint32_t)len;
}

static void put32(struct via_pcapng_writer *w, uint32_t v) {
    put(w, &v, sizeof v);
}

static uint32_t padded(size_t len) {
    return (uint32_t)via_round_up(len, 4);
}

static void pad(struct via_pcapng_writer *w, size_t len) {
    static const uint8_t zero[4];

    put(w, zero, padded(len) - len);
}

/* Room that an option takes; none if there is nothing to say. */
static uint32_t option_len(const void *data, size_t len) {
    return data ? 4 + padded(len) : 0;
}

static void put_option(struct via_pcapng_writer *w, uint16_t code, const void *data, size_t len) {
    uint16_t head[2] = {code, (uint16_t)len};

    if (!data)
        return;
    put(w, head, sizeof head);
    put(w, data, len);
    pad(w, len);
}

/* A block starts whole in the buffer, so that a crash leaves no half block if it fits. */
static void begin_block(struct via_pcapng_writer *w, uint32_t type, uint32_t len) {
    if (len > BUFFER - w->used)
        via_pcapng_flush(w);
    put32(w, type);
    put32(w, len);
}

static void put_section(struct via_pcapng_writer *w) {
    static const char name[] = "viaduct";
    static const uint16_t version[2] = {1, 0};
    static const int64_t unknown = -1;
    uint32_t len = 28 + option_len(name, sizeof name - 1) + 4;

    begin_block(w, BLOCK_SECTION, len);
    put32(w, MAGIC_ORDER);
    put(w, version, sizeof version);
    put(w, &unknown, sizeof unknown);
    put_option(w, OPT_USERAPPL, name, sizeof name - 1);
    put32(w, OPT_END);
    put32(w, len);
}

int via_pcapng_writer_open(const char *path, int fd, struct via_pcapng_writer **out) {
    struct via_pcapng_writer *w = calloc(1, sizeof *w);
    int saved = errno, err = 0;

    if (!w)
        return -ENOMEM;
    if (path) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        err = fd < 0 ? -errno : 0;
        errno = saved;
    }
    if (err) {
        free(w);
        return err;
    }
    w->fd = fd;
    put_section(w);
    *out = w;
    return 0;
}

int via_pcapng_interface(struct via_pcapng_writer *w, const struct via_pcapng_iface *i) {
    static const uint8_t nanoseconds = 9;
    static const uint16_t link[2] = {VIA_PCAPNG_ETHERNET, 0};
    size_t name = i->name ? strlen(i->name) : 0, about = i->about ? strlen(i->about) : 0;
    const int64_t *offset = i->offset ? &i->offset : NULL;
    uint32_t len;

    if (name > 255 || about > 255 || w->ifaces == VIA_PCAPNG_IFACES)
        return -EINVAL;
    len = 20 + option_len(i->name, name) + option_len(i->about, about) + option_len(i->mac, 6) +
          option_len(&nanoseconds, 1) + option_len(offset, 8) + 4;
    begin_block(w, BLOCK_INTERFACE, len);
    put(w, link, sizeof link);
    put32(w, i->snap);
    put_option(w, OPT_IF_NAME, i->name, name);
    put_option(w, OPT_IF_DESCRIPTION, i->about, about);
    put_option(w, OPT_IF_MAC, i->mac, 6);
    put_option(w, OPT_IF_TSRESOL, &nanoseconds, 1);
    put_option(w, OPT_IF_TSOFFSET, offset, 8);
    put32(w, OPT_END);
    put32(w, len);
    w->snap[w->ifaces] = i->snap;
    return w->err ? w->err : (int)w->ifaces++;
}

static uint64_t iov_bytes(const struct iovec *v, unsigned n) {
    uint64_t len = 0;

    for (unsigned i = 0; i < n; i++)
        len += v[i].iov_len;
    return len;
}

int via_pcapng_packet(struct via_pcapng_writer *w, const struct via_pcapng_packet *p) {
    uint64_t have = iov_bytes(p->iov, p->iovs), kept = have;
    size_t text = p->comment ? strnlen(p->comment, 0xffff) : 0;
    uint32_t len, left, flags = p->dir & 3;

    if (p->iface >= w->ifaces || have > UINT32_MAX / 2)
        return -EINVAL;
    if (w->snap[p->iface] && kept > w->snap[p->iface])
        kept = w->snap[p->iface];
    len = 32 + padded(kept) + option_len(p->comment, text) + option_len(&flags, 4) + 4;
    begin_block(w, BLOCK_PACKET, len);
    put32(w, p->iface);
    put32(w, (uint32_t)(p->ts >> 32));
    put32(w, (uint32_t)p->ts);
    put32(w, (uint32_t)kept);
    put32(w, via_max32(p->orig_len, (uint32_t)have));
    left = (uint32_t)kept;
    for (unsigned i = 0; left; i++) {
        uint32_t part = (uint32_t)via_min_ns(left, p->iov[i].iov_len);

        put(w, p->iov[i].iov_base, part);
        left -= part;
    }
    pad(w, kept);
    put_option(w, OPT_COMMENT, p->comment, text);
    put_option(w, OPT_PACKET_FLAGS, &flags, 4);
    put32(w, OPT_END);
    put32(w, len);
    return w->err;
}

int via_pcapng_writer_close(struct via_pcapng_writer *w) {
    int saved = errno, err;

    via_pcapng_flush(w);
    if (close(w->fd) < 0 && !w->err)
        w->err = -errno;
    errno = saved;
    err = w->err;
    free(w);
    return err;
}

/* What an interface block says of the packets that name it. */
struct iface {
    uint32_t link;
    uint32_t snap;
    uint8_t resolution; /* if_tsresol */
    int64_t offset;     /* if_tsoffset */
};

struct via_pcapng_reader {
    int fd;    /* -1: all there is lies in `buf` */
    int state; /* 0, or the error that ended it */
    bool classic;
    bool swapped;
    bool ended;
    uint32_t at, have; /* unread bytes are [at, have) of buf */
    const uint8_t *buf;
    uint8_t *own;
    uint32_t ifaces;
    via_ns_t last; /* time of the last packet, for those that have none */
    const char *why;
    struct iface iface[VIA_PCAPNG_IFACES];
};

static int broken(struct via_pcapng_reader *r, const char *why) {
    r->why = why;
    r->state = -EBADMSG;
    return r->state;
}

/* True if `n` bytes lie at buf + at; n is at most VIA_PCAPNG_BLOCK. */
static bool fill(struct via_pcapng_reader *r, uint32_t n) {
    int saved = errno;

    if (r->have - r->at >= n)
        return true;
    if (r->fd < 0)
        return false;
    memmove(r->own, r->own + r->at, r->have - r->at);
    r->have -= r->at;
    r->at = 0;
    while (r->have < n && !r->ended) {
        ssize_t got = read(r->fd, r->own + r->have, VIA_PCAPNG_BLOCK - r->have);

        if (got > 0)
            r->have += (uint32_t)got;
        else if (got == 0)
            r->ended = true;
        else if (errno != EINTR) {
            r->state = -errno;
            r->why = "the file cannot be read";
            break;
        }
    }
    errno = saved;
    return r->have >= n;
}

/* Steps over `n` bytes, more than the buffer holds perhaps. */
static bool skip(struct via_pcapng_reader *r, uint64_t n) {
    while (n) {
        uint32_t part = (uint32_t)via_min_ns(n, VIA_PCAPNG_BLOCK);

        if (!fill(r, part))
            return false;
        r->at += part;
        n -= part;
    }
    return true;
}

static uint32_t get32(const struct via_pcapng_reader *r, const uint8_t *at) {
    uint32_t v;

    memcpy(&v, at, sizeof v);
    return r->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t get16(const struct via_pcapng_reader *r, const uint8_t *at) {
    uint16_t v;

    memcpy(&v, at, sizeof v);
    return r->swapped ? __builtin_bswap16(v) : v;
}

static int64_t get64(const struct via_pcapng_reader *r, const uint8_t *at) {
    uint64_t v;

    memcpy(&v, at, sizeof v);
    return (int64_t)(r->swapped ? __builtin_bswap64(v) : v);
}

static unsigned __int128 power(unsigned base, unsigned n) {
    unsigned __int128 v = 1;

    while (n-- && v < (unsigned __int128)1 << 96)
        v *= base;
    return v;
}

/* Nanoseconds of a count in units of if_tsresol, moved by if_tsoffset; kept within the type whatever they say. */
static via_ns_t to_ns(const struct iface *i, uint64_t ticks) {
    unsigned n = i->resolution & 0x7f;
    unsigned __int128 unit = power(i->resolution & 0x80 ? 2 : 10, n), ns = (unsigned __int128)ticks * VIA_SEC / unit;
    __int128 at = (__int128)ns + (__int128)i->offset * (__int128)VIA_SEC;

    return at < 0 ? 0 : at >= VIA_NEVER ? VIA_NEVER - 1 : (via_ns_t)at;
}

/* The end, an error of read(2), or a file cut short. */
static int at_end(struct via_pcapng_reader *r) {
    if (r->state || r->have == r->at)
        return r->state;
    return broken(r, "the file ends in the middle of a block");
}

/* Steps to the next option; false at the end of them or of the room. */
static bool next_option(const struct via_pcapng_reader *r, const uint8_t **at, const uint8_t *end, uint16_t *code,
                        uint16_t *len) {
    if (end - *at < 4)
        return false;
    *code = get16(r, *at);
    *len = get16(r, *at + 2);
    *at += 4;
    return *code != OPT_END && *len <= end - *at;
}

static const uint8_t *after_option(const uint8_t *at, const uint8_t *end, uint16_t len) {
    return (ptrdiff_t)padded(len) < end - at ? at + padded(len) : end;
}

static int take_section(struct via_pcapng_reader *r, const uint8_t *p, uint32_t len) {
    if (len < 28 || get16(r, p + 12) != 1)
        return broken(r, "a section header of unknown version");
    r->ifaces = 0;
    return 0;
}

static int take_interface(struct via_pcapng_reader *r, const uint8_t *p, uint32_t len) {
    const uint8_t *at = p + 16, *end = p + len - 4;
    struct iface *i = &r->iface[r->ifaces];
    uint16_t code, n;

    if (len < 20)
        return broken(r, "an interface block is too short");
    if (r->ifaces++ == VIA_PCAPNG_IFACES)
        return broken(r, "too many interfaces");
    *i = (struct iface){.link = get16(r, p + 8), .snap = get32(r, p + 12), .resolution = 6};
    for (; next_option(r, &at, end, &code, &n); at = after_option(at, end, n)) {
        if (code == OPT_IF_TSRESOL && n == 1)
            i->resolution = *at;
        else if (code == OPT_IF_TSOFFSET && n == 8)
            i->offset = get64(r, at);
    }
    return 0;
}

static void take_packet_options(const struct via_pcapng_reader *r, const uint8_t *at, const uint8_t *end,
                                struct via_pcapng_record *rec) {
    uint16_t code, n;

    for (; next_option(r, &at, end, &code, &n); at = after_option(at, end, n)) {
        if (code == OPT_PACKET_FLAGS && n == 4) {
            rec->dir = get32(r, at) & 3;
        } else if (code == OPT_COMMENT && !rec->comment) {
            rec->comment = (const char *)at;
            rec->comment_len = n;
        }
    }
}

/* Enhanced packet block, and the obsolete one that differs in its first word. */
static int take_packet(struct via_pcapng_reader *r, const uint8_t *p, uint32_t len, struct via_pcapng_record *rec) {
    bool old = get32(r, p) == BLOCK_OLD_PACKET;

    if (len < 32)
        return broken(r, "a packet block is too short");
    rec->iface = old ? get16(r, p + 8) : get32(r, p + 8);
    rec->len = get32(r, p + 20);
    rec->orig_len = get32(r, p + 24);
    rec->data = p + 28;
    if (rec->len > len - 32)
        return broken(r, "a packet is longer than its block");
    if (rec->iface >= r->ifaces)
        return broken(r, "a packet names an interface that is not described");
    rec->link = r->iface[rec->iface].link;
    rec->ts = to_ns(&r->iface[rec->iface], (uint64_t)get32(r, p + 12) << 32 | get32(r, p + 16));
    take_packet_options(r, p + 28 + padded(rec->len), p + len - 4, rec);
    return 1;
}

static int take_simple_packet(struct via_pcapng_reader *r, const uint8_t *p, uint32_t len,
                              struct via_pcapng_record *rec) {
    if (len < 16)
        return broken(r, "a packet block is too short");
    if (!r->ifaces)
        return broken(r, "a packet names an interface that is not described");
    rec->link = r->iface[0].link;
    rec->orig_len = get32(r, p + 8);
    rec->len = via_min32(rec->orig_len, len - 16);
    if (r->iface[0].snap)
        rec->len = via_min32(rec->len, r->iface[0].snap);
    rec->data = p + 12;
    rec->ts = r->last;
    return 1;
}

static int take_block(struct via_pcapng_reader *r, const uint8_t *p, uint32_t len, struct via_pcapng_record *rec) {
    switch (get32(r, p)) {
    case BLOCK_SECTION:
        return take_section(r, p, len);
    case BLOCK_INTERFACE:
        return take_interface(r, p, len);
    case BLOCK_PACKET:
    case BLOCK_OLD_PACKET:
        return take_packet(r, p, len, rec);
    case BLOCK_SIMPLE_PACKET:
        return take_simple_packet(r, p, len, rec);
    default:
        return 0;
    }
}

static bool is_known(uint32_t type) {
    return type == BLOCK_SECTION || type == BLOCK_INTERFACE || type == BLOCK_PACKET || type == BLOCK_OLD_PACKET ||
           type == BLOCK_SIMPLE_PACKET;
}

/* A section says its byte order before its length can be read. */
static bool take_order(struct via_pcapng_reader *r, const uint8_t *p) {
    r->swapped = false;
    if (get32(r, p + 8) == MAGIC_ORDER)
        return true;
    r->swapped = true;
    return get32(r, p + 8) == MAGIC_ORDER;
}

static int read_blocks(struct via_pcapng_reader *r, struct via_pcapng_record *rec) {
    uint32_t type, len;
    int got = 0;

    while (!got) {
        if (!fill(r, 12))
            return at_end(r);
        type = get32(r, r->buf + r->at);
        if (type == BLOCK_SECTION && !take_order(r, r->buf + r->at))
            return broken(r, "a section header without a byte order");
        len = get32(r, r->buf + r->at + 4);
        if (len < 12 || len % 4)
            return broken(r, "the length of a block is impossible");
        if (len > VIA_PCAPNG_BLOCK) {
            if (is_known(type))
                return broken(r, "a block is too long");
            if (!skip(r, len))
                return at_end(r);
            continue;
        }
        if (!fill(r, len))
            return at_end(r);
        if (get32(r, r->buf + r->at + len - 4) != len)
            return broken(r, "the two lengths of a block differ");
        got = take_block(r, r->buf + r->at, len, rec);
        r->at += len;
    }
    return got;
}

/* Classic pcap; iface[0] holds what its header says. */
static int read_classic(struct via_pcapng_reader *r, struct via_pcapng_record *rec) {
    const uint8_t *p;

    if (!fill(r, 16))
        return at_end(r);
    rec->len = get32(r, r->buf + r->at + 8);
    if (rec->len > VIA_PCAPNG_BLOCK - 16)
        return broken(r, "a packet is too long");
    if (!fill(r, 16 + rec->len))
        return at_end(r);
    p = r->buf + r->at;
    rec->orig_len = get32(r, p + 12);
    rec->link = r->iface[0].link;
    rec->ts = get32(r, p) * VIA_SEC + get32(r, p + 4) * (r->iface[0].resolution == 9 ? 1 : VIA_US);
    rec->data = p + 16;
    r->at += 16 + rec->len;
    return 1;
}

int via_pcapng_read(struct via_pcapng_reader *r, struct via_pcapng_record *rec) {
    int got;

    if (r->state)
        return r->state;
    memset(rec, 0, sizeof *rec);
    got = r->classic ? read_classic(r, rec) : read_blocks(r, rec);
    if (got > 0)
        r->last = rec->ts;
    return got;
}

const char *via_pcapng_reader_why(const struct via_pcapng_reader *r) {
    return r->why;
}

/* The magic number of the first four bytes; -EINVAL: this is no capture. */
static int look_at_start(struct via_pcapng_reader *r) {
    static const uint32_t micro = 0xa1b2c3d4, nano = 0xa1b23c4d;
    uint32_t magic;

    if (!fill(r, 4) || !fill(r, get32(r, r->buf + r->at) == BLOCK_SECTION ? 12 : 24))
        return r->state ? r->state : -EINVAL;
    magic = get32(r, r->buf + r->at);
    if (magic == BLOCK_SECTION)
        return take_order(r, r->buf + r->at) ? 0 : -EINVAL;
    if (magic != micro && magic != nano) {
        r->swapped = true;
        magic = get32(r, r->buf + r->at);
    }
    if (magic != micro && magic != nano)
        return -EINVAL;
    r->classic = true;
    r->iface[0].resolution = magic == nano ? 9 : 6;
    r->iface[0].link = get32(r, r->buf + r->at + 20) & 0xffff;
    r->at += 24;
    return 0;
}

static int start_reader(struct via_pcapng_reader *r, struct via_pcapng_reader **out) {
    int err;

    r->why = "";
    err = look_at_start(r);
    if (err < 0) {
        via_pcapng_reader_close(r);
        return err;
    }
    *out = r;
    return 0;
}

int via_pcapng_reader_open(const char *path, struct via_pcapng_reader **out) {
    struct via_pcapng_reader *r = calloc(1, sizeof *r);
    int saved = errno, err;

    if (!r)
        return -ENOMEM;
    r->buf = r->own = malloc(VIA_PCAPNG_BLOCK);
    r->fd = r->own ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (r->fd < 0) {
        err = r->own ? -errno : -ENOMEM;
        errno = saved;
        free(r->own);
        free(r);
        return err;
    }
    return start_reader(r, out);
}

int via_pcapng_reader_memory(const void *data, size_t len, struct via_pcapng_reader **out) {
    struct via_pcapng_reader *r;

    if (len > UINT32_MAX)
        return -EINVAL;
    r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->fd = -1;
    r->buf = data;
    r->have = (uint32_t)len;
    return start_reader(r, out);
}

void via_pcapng_reader_close(struct via_pcapng_reader *r) {
    int saved = errno;

    if (r->fd >= 0)
        close(r->fd);
    errno = saved;
    free(r->own);
    free(r);
}
