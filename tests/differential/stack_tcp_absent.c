/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the library has no TCP yet. */
#include "stack_tcp.h"

#include <errno.h>

const bool diff_has_tcp = false;

int diff_tcp_open(struct diff_stack *v, unsigned i, const struct diff_op *op, uint8_t family) {
    (void)v, (void)i, (void)op, (void)family;
    return -ENOSYS;
}

int diff_tcp_close(struct diff_stack *v, unsigned i) {
    (void)v, (void)i;
    return -ENOSYS;
}

int diff_tcp_abort(struct diff_stack *v, unsigned i) {
    (void)v, (void)i;
    return -ENOSYS;
}

int diff_tcp_connect(struct diff_stack *v, unsigned i, const struct via_ep *to) {
    (void)v, (void)i, (void)to;
    return -ENOSYS;
}

int diff_tcp_send(struct diff_stack *v, unsigned i, const void *data, size_t n) {
    (void)v, (void)i, (void)data, (void)n;
    return -ENOSYS;
}

int diff_tcp_recv(struct diff_stack *v, unsigned i, void *buf, size_t n) {
    (void)v, (void)i, (void)buf, (void)n;
    return -ENOSYS;
}

int diff_tcp_option(uint8_t opt) {
    (void)opt;
    return 0;
}

int diff_tcp_error(struct diff_stack *v, unsigned i) {
    (void)v, (void)i;
    return 0;
}

int diff_tcp_listen(struct diff_stack *v, unsigned i, int backlog) {
    (void)v, (void)i, (void)backlog;
    return -ENOSYS;
}

int diff_tcp_accept(struct diff_stack *v, unsigned i, unsigned to) {
    (void)v, (void)i, (void)to;
    return -ENOSYS;
}

int diff_tcp_shutdown(struct diff_stack *v, unsigned i) {
    (void)v, (void)i;
    return -ENOSYS;
}

int diff_tcp_state(struct diff_stack *v, unsigned i, int *eof) {
    (void)v, (void)i, (void)eof;
    return -ENOSYS;
}

bool diff_tcp_is_over(struct diff_stack *v, unsigned i) {
    (void)v, (void)i;
    return false;
}
