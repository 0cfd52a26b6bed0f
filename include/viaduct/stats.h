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

/** The sentence of a drop reason. Any thread. */
VIA_API const char *via_drop_text(enum via_drop why);
/** The name of a drop reason, as in drop.def. Any thread. */
VIA_API const char *via_drop_name(enum via_drop why);

/** One counter or gauge. */
struct via_stat {
    const char *object; /**< "stack", "vi", "pool", "drop", "net", "udp". */
    uint32_t index;     /**< Which VI or pool. */
    uint32_t gauge;     /**< 1: goes up and down. */
    const char *name;
    const char *help;
    uint64_t value;
};

/** Calls `fn` for every counter until it returns non-zero; returns that. */
VIA_API int via_stats_walk(const struct via_stack *st, int (*fn)(const struct via_stat *, void *), void *arg);

/** Components of the log: bit numbers of the mask. */
enum via_log_component { VIA_LOG_STACK, VIA_LOG_VI, VIA_LOG_NET, VIA_LOG_SOCK, VIA_LOG_UDP, VIA_LOG_TCP };
/** Bit of a component at a level, for via_log_set(). */
#define VIA_LOG_BIT(component, level) (1ull << ((component) * 4 + (level)))

/** Sets which lines are made and who gets them; at most 1000 lines a second are made, the rest is counted. @return 0. */
VIA_API int via_log_set(struct via_stack *st, uint64_t mask, void (*fn)(void *, int component, int level, const char *),
                        void *arg);

/** What to capture. */
struct via_pcap_conf {
    uint32_t size;
    uint32_t snap;      /**< Bytes kept of each packet; 0: all. */
    const char *path;   /**< The pcapng file; NULL ends the capture. */
    uint32_t direction; /**< 1 received, 2 sent, 3 both. */
    uint32_t vi;        /**< Interface number, 0: all. */
    uint64_t max_bytes; /**< A new file (path.1, path.2, ...) after so many; 0: one file. */
    uint32_t max_files; /**< The oldest goes when there are more; 0: all are kept. */
    bool (*match)(void *ctx, const void *frame, size_t len); /**< Filter, or NULL. */
    void *match_ctx;
};
#define VIA_PCAP_CONF_INIT {.size = sizeof(struct via_pcap_conf), .direction = 3}

/** Starts, changes or ends a capture of the stack, drop reasons as comments. @return 0 or -errno of the file. */
VIA_API int via_pcap_open(struct via_stack *st, const struct via_pcap_conf *c);

/** Parts of a dump. */
enum via_dump {
    VIA_DUMP_STACK = 1, VIA_DUMP_VIS = 2, VIA_DUMP_SOCKS = 4, VIA_DUMP_POOLS = 8, VIA_DUMP_NET = 16, VIA_DUMP_TIMERS = 32,
    VIA_DUMP_ALL = 63, VIA_DUMP_JSON = 0x40000000
};

/** Writes the stack's state piece by piece through `put` (stop by returning non-zero); allocates nothing. */
VIA_API int via_stack_dump(const struct via_stack *st, unsigned what, int (*put)(void *, const char *, size_t), void *arg);

#ifdef __cplusplus
}
#endif
#endif
