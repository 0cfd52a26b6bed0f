/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file vi.h
 * @brief Virtual interfaces: rings of frames, the drivers behind them, and raw packet I/O without the stack above.
 *
 * A VI is an RX ring, a TX ring, a fill ring of empty frames and filters. All frames of all VIs of a stack lie in one
 * *frame area*; a frame is named by the offset of its first byte there, so that a received frame is sent on, or kept,
 * without a copy. The model is AF_XDP's (Linux Documentation/networking/af_xdp.rst) and every driver speaks it.
 *
 * Specs, read by via_vi_open(): a driver, its argument, then options after a second colon, separated by commas:
 *
 *     xdp:eth0:queue=0,mode=auto    AF_XDP
 *     packet:eth0                   AF_PACKET
 *     tap:via0                      a TAP device, made if it is not there
 *     pcap:in.pcapng                replay of a capture as a source
 *     null:                         swallows everything, receives nothing
 *
 * An in-memory cable has two ends and so no spec: via_vi_pair() makes it.
 *
 * Wrappers are written in front and separated by "|": "fault:loss=1%,seed=7|pcap:out.pcapng|xdp:eth0". A pcap in
 * front of another spec captures; a pcap at the end replays. "vlan:100|xdp:eth0" is the interface of one VLAN (802.1Q).
 */
#ifndef VIADUCT_VI_H
#define VIADUCT_VI_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is known of a frame, besides its bytes. */
enum via_frame_flag {
    VIA_FRAME_MORE = 1,    /**< The packet goes on in the next frame of the burst (jumbo). */
    VIA_FRAME_CSUM_OK = 2, /**< RX: the link vouches for all checksums. TX: the link does not need them. */
    VIA_FRAME_VLAN = 4,    /**< `vlan` holds a tag (802.1Q TCI) that is not in the bytes. */
    VIA_FRAME_TRUNC = 8,   /**< RX: longer than the frame, the rest is lost. */
    VIA_FRAME_TS = 16,     /**< `ts` is set by the driver or the hardware. */
};

/** One frame, or one part of a jumbo packet, at the border between a driver and the stack. */
struct via_frame {
    uint64_t addr;  /**< Offset of the first byte in the frame area. */
    uint32_t len;   /**< Bytes. */
    uint16_t flags; /**< enum via_frame_flag. */
    uint16_t vlan;  /**< Tag control information in host order, with VIA_FRAME_VLAN. */
    via_ns_t ts;    /**< Arrival on the stack's clock, with VIA_FRAME_TS. */
};

/** State of the link below a VI. */
enum via_link {
    VIA_LINK_UP = 0,
    VIA_LINK_DOWN, /**< Administratively down or no carrier. */
    VIA_LINK_GONE, /**< The interface was deleted; the VI stays closed for good. */
};

/** What a driver can do: bits of via_vi_dev.caps. */
enum via_vi_cap {
    VIA_VI_CSUM_TRUSTED = 1, /**< Frames never leave memory: checksums may be left out (see attribute checksum). */
    VIA_VI_JUMBO = 2,        /**< Takes and gives packets of several frames. */
    VIA_VI_ZEROCOPY = 4,     /**< The device reads and writes the frame area itself. */
    VIA_VI_STEERS = 8,       /**< Takes only what filters name; without this bit everything comes. */
    VIA_VI_SHARED_MAC = 16,  /**< The kernel uses the same MAC address on the same link. */
    VIA_VI_SOURCE_ONLY = 32, /**< Cannot send (a replay). */
    VIA_VI_SYNC = 64,        /**< Is done with frames when `tx_burst` returns: no doorbell, nothing to reap. */
};

/** What a filter names. Anything that no filter names is left to the kernel by drivers with VIA_VI_STEERS. */
enum via_filter_kind {
    VIA_FILTER_ALL = 1, /**< Every frame of the queue. */
    VIA_FILTER_ADDR,    /**< Every packet to `addr`, with the ARP or ND that asks for it or answers it. */
    VIA_FILTER_PORT,    /**< `proto` to `port` at `addr` (all zero: at any address). Fragments are not matched. */
};

/** A filter; 20 bytes, no padding. */
struct via_filter {
    struct via_addr addr;
    uint16_t port; /**< Host byte order. */
    uint8_t proto; /**< IPPROTO_UDP, IPPROTO_TCP. */
    uint8_t kind;  /**< enum via_filter_kind. */
};

/** Counters that a driver keeps. */
struct via_vi_stats {
    uint64_t rx_frames, rx_bytes;
    uint64_t tx_frames, tx_bytes;
    uint64_t rx_dropped;  /**< Lost by the device or its ring, as far as it says. */
    uint64_t rx_invalid;  /**< Descriptors refused because the ring held nonsense. */
    uint64_t tx_dropped;  /**< Refused by the device after it had taken them. */
    uint64_t kicks;       /**< System calls made to send or to wake the device. */
    uint64_t rx_syscalls; /**< System calls made to receive. */
};

struct via_vi_dev;

/**
 * A driver: verbs over bursts of frames. All are called by the owner thread of the stack, none may block, none calls
 * back into the library. Frames: those lent by `rx_fill` belong to the driver until `rx_burst` returns them; those
 * accepted by `tx_burst` until `tx_reap` returns them, or with VIA_VI_SYNC for the time of the call alone: `kick` and
 * `tx_reap` have nothing to do then. `close` gives none back: the area outlives it.
 *
 * A wrapper is a driver with `inner` set; it forwards what it does not change. One that may keep frames longer than
 * what it wraps takes VIA_VI_SYNC out of its own caps, and returns what that has sent.
 */
struct via_vi_ops {
    const char *name; /**< The word before the colon of a spec. */

    /** Opens. `args` is what follows the first colon. Fills mac, mtu, caps, ifindex, mode. 0 or -errno + dev->why. */
    int (*open)(struct via_vi_dev *dev, const char *args);
    /** Gives everything back. The frame area must not be touched by the device after this. */
    void (*close)(struct via_vi_dev *dev);

    /** Takes up to `n` received frames. A packet of several frames is never split over two bursts (n >= 64). */
    unsigned (*rx_burst)(struct via_vi_dev *dev, struct via_frame *v, unsigned n);
    /** Lends `n` empty frames (offsets of frame starts) to receive into; returns how many were taken. */
    unsigned (*rx_fill)(struct via_vi_dev *dev, const uint64_t *addr, unsigned n);
    /** Hands over packets to send, in order; returns how many frames were taken, never part of a packet. */
    unsigned (*tx_burst)(struct via_vi_dev *dev, const struct via_frame *v, unsigned n);
    /** Returns frames whose bytes the device no longer needs: any offset inside each; -> how many. */
    unsigned (*tx_reap)(struct via_vi_dev *dev, uint64_t *addr, unsigned n);
    /** Rings the doorbell once for all that was handed over. 0, or -errno if the device is gone. May be NULL. */
    int (*kick)(struct via_vi_dev *dev);

    /** Asks for a wake-up through the fds. 1 = frames are there already, do not sleep; 0 = armed. May be NULL. */
    int (*arm)(struct via_vi_dev *dev);
    /** Undoes arm. May be NULL. */
    void (*disarm)(struct via_vi_dev *dev);
    /** Descriptors to watch for reading; returns how many there are (at most 16). May be NULL: none. */
    unsigned (*fds)(struct via_vi_dev *dev, int *fd, unsigned n);
    /** When the driver itself has something due (a delayed frame); VIA_NEVER if not. May be NULL. */
    via_ns_t (*deadline)(struct via_vi_dev *dev);
    /** True if rx_burst or tx_reap would return something: loads only. May be NULL: unknown. */
    bool (*pending)(const struct via_vi_dev *dev);

    /** Adds or removes a filter. -EOPNOTSUPP where everything comes anyway. May be NULL. */
    int (*filter)(struct via_vi_dev *dev, bool add, const struct via_filter *f);
    /** Adds the driver's counters to `s`. May be NULL. */
    void (*stats)(struct via_vi_dev *dev, struct via_vi_stats *s);
};

/**
 * A driver's instance. The upper half is filled before `open`, the lower half by `open`; `link` may change later.
 * Owned by the stack, gone after `close`.
 */
struct via_vi_dev {
    const struct via_vi_ops *ops;
    void *priv;                /**< The driver's own; NULL at open unless via_vi_attach() gave one. */
    struct via_vi_dev *inner;  /**< For a wrapper: what it wraps, already open. */
    uint8_t *mem;              /**< The frame area in this process. */
    uint64_t mem_size;         /**< Its bytes. */
    int mem_fd;                /**< The memfd behind it. */
    uint32_t frame_size;       /**< 2048 or 4096; frames start at its multiples. */
    uint32_t headroom;         /**< Bytes to leave free in front of a received packet, at least. */
    uint32_t rx_ring, tx_ring; /**< Ring sizes wanted, powers of two. */
    const via_ns_t *now;       /**< The stack's time, as of the current poll. */
    uint64_t seed;             /**< Random, different for each VI; the same again for the same stack seed. */
    char *why;                 /**< Where to leave one sentence (VIA_WHY bytes) on refusal or compromise. */

    uint8_t mac[6];      /**< Own MAC address. */
    uint8_t link;        /**< enum via_link. */
    uint8_t pad;
    uint32_t mtu;        /**< Largest IP packet, bytes. */
    uint32_t caps;       /**< enum via_vi_cap bits. */
    uint32_t ifindex;    /**< The kernel's number of the interface, 0 if it has none. */
    uint32_t queues;     /**< Queues in use. */
    char ifname[16];     /**< The kernel's name of the interface, or "". */
    char mode[32];       /**< What was obtained: "native zero-copy", "generic copy", ... */
    uint32_t big;        /**< Longest IP packet that TCP may send now though the MTU is less (segments of up to 64 KB, as
                              Linux's GSO on veth), of up to 64 frames; 0: none. May change with each `tx_burst`. */
};

/** Bytes of a sentence left in via_vi_dev.why or read by via_why(). */
#define VIA_WHY 256

/** What a VI is, as obtained. */
struct via_vi_info {
    uint32_t size;      /**< sizeof, set by the caller. */
    uint8_t mac[6];
    uint8_t link;       /**< enum via_link. */
    uint8_t index;      /**< Interface number in routes, scopes and events: 1 and up. */
    uint32_t mtu;
    uint32_t caps;      /**< enum via_vi_cap bits. */
    uint32_t ifindex;
    uint32_t queues;
    char driver[16];    /**< Name of the innermost driver. */
    char ifname[16];
    char mode[32];
    uint32_t rx_stock;  /**< Empty frames lent to the device now. */
    uint32_t tx_flight; /**< Frames handed over and not yet reaped. */
    struct via_vi_stats stats;
};
#define VIA_VI_INFO_INIT {.size = sizeof(struct via_vi_info)}

/** Impairments of one direction, applied in this order: rate, loss, duplicate, corrupt, truncate, reorder, delay. */
struct via_impair {
    uint32_t size;        /**< sizeof, set by the caller. */
    uint32_t direction;   /**< 1 receive, 2 send, 3 both. */
    uint64_t seed;        /**< Same seed, same traffic: same faults. */
    double loss;          /**< Probabilities, 0..1. */
    double duplicate;
    double corrupt;       /**< One byte of the frame gets another value. */
    double truncate;      /**< Cut at a random length. */
    double reorder;       /**< Held back by `reorder_by` later frames. */
    uint32_t reorder_by;  /**< 1..16, default 3. */
    via_ns_t delay;       /**< Fixed delay. */
    via_ns_t jitter;      /**< Uniform addition to it, order kept. */
    uint64_t rate;        /**< Bits per second, 0 = no limit; a queue of `queue` frames before it, default 1000. */
    uint32_t queue;
};
#define VIA_IMPAIR_INIT {.size = sizeof(struct via_impair), .direction = 3, .reorder_by = 3, .queue = 1000}

/**
 * Opens a VI by `spec` and gives it to the stack, which assigns the next interface number.
 * @param a  ring sizes and the like for this VI alone, or NULL for the stack's.
 * @return 0; -EINVAL spec, -ENOENT no such driver, -ENODEV no such interface, -EPERM, -EBUSY queue taken, -ENOSPC more
 *         than 16 VIs, -ENOMEM; via_why() has the sentence. On success too it may: "... copy mode used".
 */
VIA_API int via_vi_open(struct via_stack *st, const char *spec, const struct via_attr *a, struct via_vi **out);

/** The same for a driver of the application: `ops->open(dev, "")` is called with dev->priv = `priv`. Errors as above. */
VIA_API int via_vi_attach(struct via_stack *st, const struct via_vi_ops *ops, void *priv, struct via_vi **out);

/**
 * An in-memory cable: out[0] belongs to `a`, out[1] to `b`. Lossless: what the peer cannot take yet stays in the TX
 * ring. The stacks may belong to two threads. One copy per frame, from area to area.
 * @return 0, -EINVAL, -ENOSPC, -ENOMEM.
 */
VIA_API int via_vi_pair(struct via_stack *a, struct via_stack *b, const struct via_attr *at, struct via_vi *out[2]);

/**
 * Sets or changes impairments from the next packet on; puts the fault wrapper in front of `vi` on first use. A stack that sends over a cable
 * leaves checksums out (attribute checksum) unless its own end spoils frames: where the receiving end does, the sender
 * needs checksum=2 for the damage to be noticed. @return 0, -EINVAL, -ENOMEM.
 */
VIA_API int via_vi_impair(struct via_vi *vi, const struct via_impair *imp);

/** Gives a frame to RX as if it had arrived at `ts` (0: now). @return 0, -EINVAL, -EMSGSIZE, -ENOBUFS. */
VIA_API int via_vi_inject(struct via_vi *vi, const void *frame, size_t len, via_ns_t ts);

/**
 * What the VI is now: as obtained, not as asked for. Counters of wrappers and drivers are summed up.
 * @param out  `size` set by the caller (VIA_VI_INFO_INIT), all else filled.
 * @return 0; -EINVAL `size` is that of another version.
 */
VIA_API int via_vi_info(const struct via_vi *vi, struct via_vi_info *out);

/**
 * Adds or removes a filter of a driver that takes only what is named (VIA_VI_STEERS). The stack does so by itself for own
 * addresses, groups and ports of sockets; this is for raw I/O, and for packets beyond.
 * @return 0;
 *   - -EOPNOTSUPP everything comes anyway,
 *   - -EEXIST, -ENOENT it is there already, or not there,
 *   - -ENOSPC the device's table is full,
 *   - -EINVAL no filter, or one that names nothing.
 */
VIA_API int via_vi_filter(struct via_vi *vi, bool add, const struct via_filter *f);

/**
 * Drains TX as far as the device takes it at once, detaches, frees; `vi` means nothing afterwards. Its addresses, routes
 * and neighbours go, sockets that lie on it get VIA_EV_LINK with -ENODEV, tokens in flight complete with -ENODEV.
 * Received buffers that the application holds stay good: their memory is the stack's. @return 0.
 */
VIA_API int via_vi_close(struct via_vi *vi);

/**
 * @name Raw I/O
 * After via_vi_raw(vi, true) the stack's poll leaves the VI alone and the program does packet I/O itself; frames are
 * whole Ethernet frames (or parts of a jumbo one). Sleep through via_wait_fd() as with the stack.
 * @{
 */
/**
 * Takes the VI away from the stack, with its addresses, routes and neighbours, or gives it back without: they are then to
 * be added anew. What the program holds of its frames stays its own either way. @return 0, or -errno as via_vi_open().
 */
VIA_API int via_vi_raw(struct via_vi *vi, bool on);
/** First byte of a frame, `f->len` bytes are to be read, or written after via_vi_alloc(). Valid until released or sent. */
VIA_API void *via_vi_data(const struct via_vi *vi, const struct via_frame *f);
/**
 * Takes up to `n` received frames, and no more from the device; they are the caller's until released or sent. Packets of
 * several frames (VIA_VI_JUMBO) are whole if `n` is 64 or more. @return how many, or -ENODEV.
 */
VIA_API int via_vi_recv(struct via_vi *vi, struct via_frame *v, unsigned n);
/** Gives frames back that via_vi_recv() or via_vi_alloc() gave out, in any order; `addr` may lie anywhere inside. */
VIA_API void via_vi_release(struct via_vi *vi, const struct via_frame *v, unsigned n);
/**
 * Takes up to `n` empty frames to send; `len` is their room, to be set to what was written. The frames that are kept back
 * for the rings are not given out. @return how many, possibly 0.
 */
VIA_API int via_vi_alloc(struct via_vi *vi, struct via_frame *v, unsigned n);
/**
 * Hands over frames to send, whole packets in order, received ones too. What the device could not take yet waits in the
 * TX ring for via_vi_kick(). @return how many of the first are gone; the rest stay the caller's.
 */
VIA_API int via_vi_send(struct via_vi *vi, const struct via_frame *v, unsigned n);
/** One doorbell for all handed over, and what was sent comes back to the pool. @return 0, or -errno of the device. */
VIA_API int via_vi_kick(struct via_vi *vi);
/** @} */

#ifdef __cplusplus
}
#endif
#endif
