/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/netif.h"

#include "vi/args.h"

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int via_netif_socket(void) {
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

static int ask(const struct via_vi_dev *dev, int fd, unsigned long what, struct ifreq *r) {
    memset(r, 0, sizeof *r);
    memcpy(r->ifr_name, dev->ifname, sizeof r->ifr_name);
    return ioctl(fd, what, r) < 0 ? -errno : 0;
}

/* IFF_RUNNING follows the carrier late, by up to a second; where the driver tells of the carrier it is asked. */
static uint8_t link_of(int fd, const struct ifreq *with_flags) {
    unsigned flags = (unsigned)with_flags->ifr_flags;
    struct ethtool_value carrier = {.cmd = ETHTOOL_GLINK};
    struct ifreq r = *with_flags;

    if (!(flags & IFF_UP))
        return VIA_LINK_DOWN;
    r.ifr_data = (char *)&carrier;
    if (ioctl(fd, SIOCETHTOOL, &r) < 0)
        return flags & IFF_RUNNING ? VIA_LINK_UP : VIA_LINK_DOWN;
    return carrier.data ? VIA_LINK_UP : VIA_LINK_DOWN;
}

int via_netif_fill(struct via_vi_dev *dev, int fd, const char *name) {
    struct ifreq r;

    if (!*name || strlen(name) >= sizeof dev->ifname)
        return via_vi_say(dev, -ENODEV, "%s: \"%s\" is no name of an interface", dev->ops->name, name);
    memset(dev->ifname, 0, sizeof dev->ifname);
    memcpy(dev->ifname, name, strlen(name));
    if (ask(dev, fd, SIOCGIFINDEX, &r) < 0)
        return via_vi_say(dev, -ENODEV, "%s: no interface %s here", dev->ops->name, name);
    dev->ifindex = (uint32_t)r.ifr_ifindex;
    if (ask(dev, fd, SIOCGIFHWADDR, &r) < 0)
        return via_vi_say(dev, -ENODEV, "%s: interface %s went away", dev->ops->name, name);
    if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER && r.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
        return via_vi_say(dev, -EINVAL, "%s: %s is not Ethernet", dev->ops->name, name);
    memcpy(dev->mac, r.ifr_hwaddr.sa_data, sizeof dev->mac);
    if (ask(dev, fd, SIOCGIFMTU, &r) < 0)
        return via_vi_say(dev, -ENODEV, "%s: interface %s went away", dev->ops->name, name);
    dev->mtu = (uint32_t)r.ifr_mtu;
    if (ask(dev, fd, SIOCGIFFLAGS, &r) < 0)
        return via_vi_say(dev, -ENODEV, "%s: interface %s went away", dev->ops->name, name);
    dev->link = link_of(fd, &r);
    return 0;
}

uint8_t via_netif_link(struct via_vi_dev *dev, int fd) {
    struct ifreq r;

    if (dev->link == VIA_LINK_GONE)
        return dev->link;
    memset(&r, 0, sizeof r);
    r.ifr_ifindex = (int)dev->ifindex;
    if (ioctl(fd, SIOCGIFNAME, &r) < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
        dev->link = VIA_LINK_GONE;
    else
        dev->link = link_of(fd, &r);
    return dev->link;
}

bool via_netif_is(const struct via_vi_dev *dev, int fd, const char *driver) {
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq r;

    memset(&r, 0, sizeof r);
    memcpy(r.ifr_name, dev->ifname, sizeof r.ifr_name);
    r.ifr_data = (char *)&info;
    return ioctl(fd, SIOCETHTOOL, &r) >= 0 && !strncmp(info.driver, driver, sizeof info.driver);
}

int via_netif_set_up(struct via_vi_dev *dev, int fd, bool up) {
    struct ifreq r;
    int err = ask(dev, fd, SIOCGIFFLAGS, &r);

    if (err < 0)
        return err;
    r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? -errno : 0;
}

int via_netif_member(const struct via_vi_dev *dev, int fd, bool add, int kind, const uint8_t *mac) {
    struct packet_mreq m;

    memset(&m, 0, sizeof m);
    m.mr_ifindex = (int)dev->ifindex;
    m.mr_type = (unsigned short)kind;
    if (mac) {
        m.mr_alen = 6;
        memcpy(m.mr_address, mac, 6);
    }
    return setsockopt(fd, SOL_PACKET, add ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, &m, sizeof m) < 0 ? -errno
                                                                                                              : 0;
}
