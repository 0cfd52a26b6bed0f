/* SPDX-License-Identifier: BSD-2-Clause */
/* Without the libev binding: refuses. */
#include "pingpong.h"

void pp_ev_open(struct pp *pp, int fd) {
    (void)pp;
    (void)fd;
    tool_usage("--muxer libev: built without libev");
}

bool pp_ev_wait(struct pp *pp, via_ns_t until) {
    (void)pp;
    (void)until;
    return false;
}

void pp_ev_close(struct pp *pp) {
    (void)pp;
}
