/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/mirror.h"

int via_mirror_start(struct via_core *c, const char *ifname, unsigned what) {
    (void)what;
    return via_why_set(c, -ENOSYS, "mirror: %s: this library was built without libmnl", ifname ? ifname : "");
}

int via_mirror_fd(const struct via_core *c) {
    (void)c;
    return -1;
}

unsigned via_mirror_poll(struct via_core *c) {
    (void)c;
    return 0;
}

void via_mirror_attach(struct via_core *c, struct via_vi *vi) {
    (void)c;
    (void)vi;
}

void via_mirror_detach(struct via_core *c, struct via_vi *vi) {
    (void)c;
    (void)vi;
}

void via_mirror_fini(struct via_core *c) {
    (void)c;
}

bool via_mirror_resolve(struct via_core *c, uint8_t iface, const struct via_addr *addr) {
    (void)c;
    (void)iface;
    (void)addr;
    return false;
}
