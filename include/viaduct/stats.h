/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file stats.h
 * @brief Looking inside: counters, drop reasons, log, capture, dump.
 */
#ifndef VIADUCT_STATS_H
#define VIADUCT_STATS_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Why a packet was dropped; 0 = it was kept. The list is drop.def. */
enum via_drop {
    VIA_KEPT = 0,
#define VIA_DROP(name, text) VIA_DROP_##name,
#include <viaduct/drop.def>
#undef VIA_DROP
    VIA_DROPS /**< How many there are. */
};

/** The sentence of a drop reason ("UDP checksum wrong"); of a number that is none, "no such reason". Any thread. */
VIA_API const char *via_drop_text(enum via_drop why);
/** The name of a drop reason, as in drop.def ("UDP_CHECKSUM"). Any thread. */
VIA_API const char *via_drop_name(enum via_drop why);

/** One counter or gauge. The texts are constants of the library. */
struct via_stat {
    const char *object; /**< "stack", "pool_...", "vi", "net", "udp", "tcp", "drop", "udp_socket", "tcp_socket",
                             "listener". */
    uint32_t index;     /**< Which VI (its interface number) or socket (the lower 24 bits of its handle); else 0. */
    uint32_t gauge;     /**< 1: goes up and down; 0: only up, from 0 at creation. */
    const char *name;   /**< Unique within the object. */
    const char *help;   /**< What is counted, one sentence. */
    uint64_t value;     /**< In the unit that the name says: packets, bytes, calls. */
};

/**
 * Calls `fn` for every counter of the stack, its pools, interfaces, protocols, drop reasons and, at the end, of each open
 * socket, until it returns non-zero. Reads only. A drop reason appears with its name and count also while it is 0.
 * @return 0, what `fn` returned, or -EINVAL without a function.
 */
VIA_API int via_stats_walk(const struct via_stack *st, int (*fn)(const struct via_stat *, void *), void *arg);

/** Components of the log: four bits of the mask each, one for each level. */
enum via_log_component { VIA_LOG_STACK, VIA_LOG_VI, VIA_LOG_NET, VIA_LOG_SOCK, VIA_LOG_UDP, VIA_LOG_TCP };
/** Bit of a component at a level, for via_log_set(): VIA_LOG_BIT(VIA_LOG_NET, VIA_LOG_WARN). ~0 is everything. */
#define VIA_LOG_BIT(component, level) (1ull << ((component) * 4 + (level)))

/**
 * Sets which lines are made and who gets them. Without a function nothing is formatted; the library itself never writes
 * to a stream. At most 1000 lines a second are made, by the stack's clock; the next one then says how many were left out,
 * and the counter log_lost of the stack has them all.
 * @param mask  VIA_LOG_BIT()s of the lines that are wanted.
 * @param fn    called in the owner thread, in the middle of whatever call was going on: it may not call the stack, and
 *              should not block. The line (at most 255 bytes, no line feed) is its own until it returns; errno is kept.
 *              NULL: no log.
 * @param arg   its first argument.
 * @return 0.
 */
VIA_API int via_log_set(struct via_stack *st, uint64_t mask, void (*fn)(void *, int component, int level, const char *),
                        void *arg);

/** What to capture. Copied by via_pcap_open(); `match_ctx` must live as long as the capture. */
struct via_pcap_conf {
    uint32_t size;      /**< sizeof, by the initialiser. */
    uint32_t snap;      /**< Bytes kept of each packet; 0: all. */
    const char *path;   /**< The pcapng file, at most 255 bytes; NULL ends the capture. */
    uint32_t direction; /**< 1 received, 2 sent, 3 both. */
    uint32_t vi;        /**< Interface number, 0: all. */
    uint64_t max_bytes; /**< A new file (path.1, path.2, ...) after so many; 0: one file. */
    uint32_t max_files; /**< The oldest goes when there are more; 0: all are kept. */
    /**
     * Filter, or NULL for everything. Sees each packet of the wanted direction and interface from its Ethernet header
     * on, `len` bytes in one piece (at most `snap`), before the stack does anything with it; true: it is written. Called
     * in the owner thread in the middle of a poll or a send, for every packet: it may neither call the stack nor keep the
     * pointer, and its cost is added to each packet.
     */
    bool (*match)(void *ctx, const void *frame, size_t len);
    void *match_ctx; /**< First argument of `match`. */
};
#define VIA_PCAP_CONF_INIT {.size = sizeof(struct via_pcap_conf), .direction = 3}

/**
 * Starts, changes or ends the capture of a stack: what was received, with the reason as a comment where it was dropped,
 * and what was handed to devices. One capture at a time; a new one takes the old one's place when its file is open.
 * Files are written through a buffer, complete when the capture ends or goes on to the next file. For one interface
 * alone, whatever the stack does with its frames, there is the wrapper "pcap:" (vi.h).
 * @return 0; -EINVAL a path that is too long, no direction, no such interface, or another version; -ENOMEM; -errno of the
 * file. After an error the old capture goes on, unless it was to write the same file.
 */
VIA_API int via_pcap_open(struct via_stack *st, const struct via_pcap_conf *c);

/** Parts of a dump, to be joined; JSON is a form of all of them. */
enum via_dump {
    VIA_DUMP_STACK = 1, VIA_DUMP_VIS = 2, VIA_DUMP_SOCKS = 4, VIA_DUMP_POOLS = 8, VIA_DUMP_NET = 16, VIA_DUMP_TIMERS = 32,
    VIA_DUMP_ALL = 63, VIA_DUMP_JSON = 0x40000000
};

/**
 * Writes the stack's state as text, one object a line, or as one JSON object. Allocates nothing, takes no lock and
 * changes nothing, so that it may also be called by a debugger, or by a crash handler while the owner stands still;
 * otherwise by the owner.
 * @param what  enum via_dump bits.
 * @param put   gets the text piece by piece, in order, not terminated; non-zero stops the dump.
 * @param arg   its first argument.
 * @return 0, what `put` returned, or -EINVAL for unknown bits or without `put`.
 */
VIA_API int via_stack_dump(const struct via_stack *st, unsigned what, int (*put)(void *, const char *, size_t), void *arg);

#ifdef __cplusplus
}
#endif
#endif
