/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the library has no TCP yet: its scripts are passed over. */
#include "script.h"

const bool sc_has_tcp = false;
const struct sc_verb sc_tcp_verbs[] = {{NULL, NULL}};

void sc_tcp_send(struct sc_run *r, unsigned slot);
void sc_tcp_recv(struct sc_run *r, unsigned slot);
int sc_tcp_opt(const char *name);

void sc_tcp_send(struct sc_run *r, unsigned slot) {
    sc_fail(r, "nothing is open as {%u}", slot);
}

void sc_tcp_recv(struct sc_run *r, unsigned slot) {
    sc_fail(r, "nothing is open as {%u}", slot);
}

int sc_tcp_opt(const char *name) {
    (void)name;
    return 0;
}
