/* SPDX-License-Identifier: BSD-2-Clause */
/* side_os.h - side.h for the kernel's sockets. A connection is its descriptor and one. */
#ifndef VIA_TOOLS_SIDE_OS_H
#define VIA_TOOLS_SIDE_OS_H

#include "side.h"

void side_os_open(struct side *s);
void side_os_close(struct side *s);
void side_os_listen(struct side *s, uint16_t port);
uint64_t side_os_connect(struct side *s, const struct via_ep *peer);
uint64_t side_os_accept(struct side *s);
int side_os_is_up(struct side *s, uint64_t conn);
ssize_t side_os_send(uint64_t conn, const void *data, size_t len);
ssize_t side_os_recv(struct side *s, uint64_t conn, void *buf, size_t len);
void side_os_shutdown(uint64_t conn);
void side_os_hang_up(uint64_t conn, bool abort);
bool side_os_wait(struct side *s, via_ns_t until);
/* Descriptor of a connection. */
static inline int side_os_fd(uint64_t conn) {
    return (int)conn - 1;
}

#endif
