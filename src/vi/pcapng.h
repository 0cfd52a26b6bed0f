/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng.h - capture files: a writer of pcapng (draft-ietf-opsawg-pcapng) and a reader of it and of classic pcap
 * (draft-ietf-opsawg-pcap), in either byte order. Neither knows of VIs or stacks.
 *
 * Writer: one section in host byte order, Ethernet interfaces with nanosecond timestamps, enhanced packet blocks with
 * direction and comment. It buffers; whole blocks reach the file. The first error is kept and returned by every call
 * after it. errno is left alone.
 *
 * Reader: nothing in the file is believed. Every length is checked against the block that holds it; a block longer than
 * VIA_PCAPNG_BLOCK is refused if it holds a packet and stepped over if not. After an error it stays at the error.
 */
#ifndef VIA_VI_PCAPNG_H
#define VIA_VI_PCAPNG_H

#include "base/def.h"

#define VIA_PCAPNG_BLOCK    (512u << 10) /* longest packet block that is read */
#define VIA_PCAPNG_IFACES   1024u        /* most interfaces of a section */
#define VIA_PCAPNG_ETHERNET 1            /* link type, LINKTYPE_ETHERNET */

/* Which way a packet went, as in the block's flags. */
enum via_pcapng_dir {
    VIA_PCAPNG_UNKNOWN = 0,
    VIA_PCAPNG_IN = 1,
    VIA_PCAPNG_OUT = 2,
};

struct via_pcapng_writer;

/* One interface of the file. */
struct via_pcapng_iface {
    const char *name;   /* or NULL */
    const char *about;  /* a sentence, or NULL */
    const uint8_t *mac; /* six bytes, or NULL */
    uint32_t snap;      /* bytes kept of each packet, 0 = all */
    int64_t offset;     /* seconds that a reader has to add to each timestamp, for a clock with another start */
};

/* One packet to be written. */
struct via_pcapng_packet {
    uint32_t iface; /* number that via_pcapng_interface() returned */
    uint32_t dir;   /* enum via_pcapng_dir */
    via_ns_t ts;
    const struct iovec *iov; /* the bytes that were kept */
    unsigned iovs;
    uint32_t orig_len;   /* bytes it had on the wire; less than what is kept counts as just that */
    const char *comment; /* or NULL */
};

/* Makes `path`, or if that is NULL writes to `fd`, the writer's from here. 0; -ENOMEM, or what open(2) says. */
int via_pcapng_writer_open(const char *path, int fd, struct via_pcapng_writer **out);

/* Adds an interface; its number from 0, or -EINVAL (name or sentence longer than 255 bytes), or a write error. */
int via_pcapng_interface(struct via_pcapng_writer *w, const struct via_pcapng_iface *i);

/* Adds a packet, cut to the interface's snap. 0; -EINVAL no such interface; or a write error. */
int via_pcapng_packet(struct via_pcapng_writer *w, const struct via_pcapng_packet *p);

/* Writes what is buffered. 0 or a write error. */
int via_pcapng_flush(struct via_pcapng_writer *w);

/* Flushes, closes, frees. 0 or the first write error there ever was. */
int via_pcapng_writer_close(struct via_pcapng_writer *w);

struct via_pcapng_reader;

/* One packet that was read; pointers are good until the next call. */
struct via_pcapng_record {
    uint32_t iface;
    uint32_t link; /* link type: VIA_PCAPNG_ETHERNET, ... */
    uint32_t dir;  /* enum via_pcapng_dir */
    uint32_t len;  /* bytes at `data` */
    uint32_t orig_len;
    uint32_t comment_len;
    via_ns_t ts; /* since 1970, or whatever the writer's clock began with */
    const uint8_t *data;
    const char *comment; /* not terminated; NULL if there is none */
};

/* Opens a file and looks at its first bytes. 0; -EINVAL: no capture; -ENOMEM; or what open(2) and read(2) say. */
int via_pcapng_reader_open(const char *path, struct via_pcapng_reader **out);

/* The same for bytes in memory, which must stay. */
int via_pcapng_reader_memory(const void *data, size_t len, struct via_pcapng_reader **out);

/* 1: `r` is the next packet. 0: the end. -EBADMSG: the file is broken here, or -errno of read(2); see the sentence. */
int via_pcapng_read(struct via_pcapng_reader *p, struct via_pcapng_record *r);

/* What is wrong with the file, or "". */
const char *via_pcapng_reader_why(const struct via_pcapng_reader *p);

void via_pcapng_reader_close(struct via_pcapng_reader *p);

#endif
