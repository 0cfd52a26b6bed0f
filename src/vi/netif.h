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

/* A packet socket that receives nothing: to ask with, and to hold memberships. The FD, or -errno. */
int via_netif_socket(void);

/* Fills ifname, ifindex, mac, mtu and link of `dev`. 0; -ENODEV, -EINVAL: not Ethernet; the sentence is left. */
int via_netif_fill(struct via_vi_dev *dev, int fd, const char *name);

/* Asks for the link's state by number, into dev->link, which is returned. VIA_LINK_GONE is for good. */
uint8_t via_netif_link(struct via_vi_dev *dev, int fd);

/* Sets or clears IFF_UP. 0 or -errno. */
int via_netif_set_up(struct via_vi_dev *dev, int fd, bool up);

/* Adds or removes a PACKET_MR_* membership of `fd`; `mac` may be NULL. Gone with the socket. 0 or -errno. */
int via_netif_member(const struct via_vi_dev *dev, int fd, bool add, int kind, const uint8_t *mac);

#endif
