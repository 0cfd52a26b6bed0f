/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the library has no TCP yet. */
#include "flow.h"

const bool flow_has_tcp = false;

void tcp_start(struct flow *f) {
    (void)f;
}

void tcp_event(struct flow *f, struct sim_host *h, const struct via_event *ev) {
    (void)f, (void)h, (void)ev;
}

void tcp_collect(struct flow *f) {
    (void)f;
}
