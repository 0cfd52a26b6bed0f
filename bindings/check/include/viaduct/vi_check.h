/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file vi_check.h
 * @brief The conformance suite of VI drivers: the same cases for every driver, the library's own and yours.
 *
 * A library of its own, Viaduct::check (libviaduct_check.a), for tests. It holds a driver to the contract of
 * <viaduct/vi.h>: every frame accounted for, contents and order kept, packets of several frames whole, full and empty
 * rings survived, no wake-up lost. It needs no stack: frame areas and devices are its own.
 *
 *     static int make(void *arg, struct via_vi_dev *dev[2]) {
 *         dev[0]->ops = dev[1]->ops = &my_driver;
 *         ... priv of each: two ends of one link ...
 *         return my_driver.open(dev[0], "eth0") ? : my_driver.open(dev[1], "eth1");
 *     }
 *     struct via_vi_check_conf conf = VIA_VI_CHECK_INIT;
 *     conf.open = make;
 *     conf.report = print;
 *     conf.wait_ms = 500;
 *     return via_vi_check(&conf) != 0;
 *
 * Frames of the suite are of EtherType 0x88b5 (for local experiments, IEEE 802), from 02:00:5e:00:53:xx to everybody;
 * other frames that arrive are given back unseen, so a kernel that chatters on the link does not disturb.
 */
#ifndef VIADUCT_VI_CHECK_H
#define VIADUCT_VI_CHECK_H

#include <viaduct/vi.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What came of one case. */
enum via_vi_verdict {
    VIA_VI_PASSED = 0,
    VIA_VI_FAILED,
    VIA_VI_NOT_APPLICABLE, /**< The driver lacks what the case is about, or the link cannot be watched. */
};

/** How to make a link with the driver under test, and how far to go. */
struct via_vi_check_conf {
    uint32_t size; /**< sizeof, set by the initialiser. */
    uint32_t ends; /**< 2: `open` makes two connected devices. 1: only dev[0]; see `inject` and `collect`. */

    /**
     * Opens. The upper half of each device is filled but for ops, priv and inner, which this sets before it calls the
     * driver's open. dev[0] is under test, dev[1] (NULL with `ends` 1) is the other end of its link. A wrapper's inner
     * device is made here too: a copy of the upper half. 0, or -errno and nothing is left open.
     */
    int (*open)(void *arg, struct via_vi_dev *dev[2]);
    /** Closes what `open` opened. NULL: the close of each device's driver is called. */
    void (*close)(void *arg, struct via_vi_dev *dev[2]);
    /** With `ends` 1: lets a frame arrive at dev[0]. NULL: what needs it is not applicable. 0 or -errno. */
    int (*inject)(void *arg, const void *frame, size_t len);
    /** With `ends` 1: the next frame that dev[0] sent; its length, 0 = none is there yet. NULL as above. */
    ssize_t (*collect)(void *arg, void *frame, size_t room);
    /** Told the verdict of each case, with a sentence if it did not pass. */
    void (*report)(void *arg, const char *name, enum via_vi_verdict verdict, const char *sentence);
    void *arg; /**< For the functions above. */

    uint32_t wait_ms;    /**< How long a frame may take on its way. 0: it is there when tx_burst and kick returned. */
    uint32_t frame_size; /**< 2048 or 4096. */
    uint32_t headroom;
    uint32_t rx_ring, tx_ring; /**< Powers of two, at least 32. */
    uint32_t shortest;         /**< Length of the shortest frame that passes as it is, at least 14. */
    uint32_t longest;          /**< Of the longest, 0: the MTU and 14 bytes. */
    uint32_t rounds;           /**< Packets each way in the long cases. */
    const char *only;          /**< Name of the one case to run, NULL: all. */
};

/** Rings of 64 frames of 2048 bytes, two ends, frames there at once. */
#define VIA_VI_CHECK_INIT                                                                                              \
    {                                                                                                                  \
        .size = sizeof(struct via_vi_check_conf), .ends = 2, .frame_size = 2048, .headroom = 128, .rx_ring = 64,       \
        .tx_ring = 64, .shortest = 14, .rounds = 1000                                                                  \
    }

/**
 * Runs the cases. One thread; it sleeps in poll(2) on the driver's descriptors, at most `wait_ms` for a frame.
 * @return how many cases failed; -EINVAL for a conf that makes no sense, -ENOENT no case is called `only`, -ENOMEM.
 */
VIA_API int via_vi_check(const struct via_vi_check_conf *conf);

#ifdef __cplusplus
}
#endif
#endif
