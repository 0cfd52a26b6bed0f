/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * router_rig.h - what routers say, for tests of those who listen: the messages that the library reads but never
 * sends. All are built without the library. Checksums are left zero unless the contract says otherwise.
 */
#ifndef VIA_ROUTER_RIG_H
#define VIA_ROUTER_RIG_H

#include "wire/mcast.h"
#include "wire/nd.h"

/*
 * Router advertisement or redirect of `n`, with the options of has (source MAC, target MAC, MTU), its prefixes and
 * routes. Returns the length. Room: 512 bytes.
 */
size_t rig_router_message(uint8_t *at, const struct via_nd *n);

/* A query: max_resp and interval as codes. `version` as in via_mcast. `source` may be NULL. Room: 28 + 16 n. */
struct rig_query {
    uint8_t ip_version, version;
    uint8_t robustness, interval_code;
    uint16_t resp_code;
    bool suppress;
    struct via_addr group;
    uint16_t sources;
    const struct via_addr *source;
};
size_t rig_query(uint8_t *at, const struct rig_query *q);

#endif
