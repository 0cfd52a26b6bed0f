/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drivers.h - the drivers that come with the library. A driver is a `const` table; the VI layer looks its name up in
 * the spec. Drivers know the contract in <viaduct/vi.h> and nothing of the stack above.
 */
#ifndef VIA_VI_DRIVERS_H
#define VIA_VI_DRIVERS_H

#include <viaduct/vi.h>

extern const struct via_vi_ops via_vi_mem;    /* one end of an in-memory cable: mem.h */
extern const struct via_vi_ops via_vi_null;   /* swallows everything, receives nothing */
extern const struct via_vi_ops via_vi_pcap;   /* captures in front of another driver, replays at the end of a spec */
extern const struct via_vi_ops via_vi_fault;  /* loses, delays, corrupts: wrapper */
extern const struct via_vi_ops via_vi_vlan;   /* one VLAN of what is behind it: wrapper */
extern const struct via_vi_ops via_vi_replay; /* what via_vi_pcap becomes at the end of a spec */
extern const struct via_vi_ops via_vi_xdp;    /* AF_XDP */
extern const struct via_vi_ops via_vi_packet; /* AF_PACKET */
extern const struct via_vi_ops via_vi_tap;    /* TAP device */

#endif
