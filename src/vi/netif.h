/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netif.h - the kernel's interface below a driver, asked by ioctl (netdevice(7)).
 *
 * Every question goes through a socket that the driver keeps, so that the answer is about the network namespace in
 * which the driver was opened, wherever the calling thread is by now.
 */
#ifndef VIA_VI_NETIF_H
#define VIA_VI_NETIF_H

#include "base/def.h"

#include <viaduct/vi.h>

#define VIA_NETIF_SELDOM 0xfffffu /* bursts between two looks, less one: some tens of milliseconds of spinning */
#define VIA_NETIF_OFTEN  0x3ffu

/* A packet socket that receives nothing: to ask with, and to hold memberships. The FD, or -errno. */
int via_netif_socket(void);

/* Fills ifname, ifindex, mac, mtu and link of `dev`. 0; -ENODEV, -EINVAL: not Ethernet; the sentence is left. */
int via_netif_fill(struct via_vi_dev *dev, int fd, const char *name);

/* Asks for the link's state by number, into dev->link, which is returned. VIA_LINK_GONE is for good. */
uint8_t via_netif_link(struct via_vi_dev *dev, int fd);

/*
 * For a burst that found nothing: asks for the state once in a while, often while the link is away, seldom while it is
 * there, so that a program which never sleeps hears of changes too. `*count` is the driver's. True: the link came back.
 */
static inline bool via_netif_watch(struct via_vi_dev *dev, int fd, uint32_t *count) {
    uint8_t was = dev->link;

    if (VIA_LIKELY(++*count & (was == VIA_LINK_UP ? VIA_NETIF_SELDOM : VIA_NETIF_OFTEN)))
        return false;
    return via_netif_link(dev, fd) == VIA_LINK_UP && was != VIA_LINK_UP;
}

/* True if the interface's driver has this name (ethtool -i). */
bool via_netif_is(const struct via_vi_dev *dev, int fd, const char *driver);

/* Sets or clears IFF_UP. 0 or -errno. */
int via_netif_set_up(struct via_vi_dev *dev, int fd, bool up);

/* Adds or removes a PACKET_MR_* membership of `fd`; `mac` may be NULL. Gone with the socket. 0 or -errno. */
int via_netif_member(const struct via_vi_dev *dev, int fd, bool add, int kind, const uint8_t *mac);

#endif
