/* SPDX-License-Identifier: BSD-2-Clause */
/* stack_tcp.h - the calls of TCP, in a file of their own. */
#ifndef VIA_DIFF_STACK_TCP_H
#define VIA_DIFF_STACK_TCP_H

#include "diff.h"

extern const bool diff_has_tcp;
void diff_stack_watch(struct diff_stack *v, unsigned i, via_sock_t s);
int diff_tcp_open(struct diff_stack *v, unsigned i, const struct diff_op *op, uint8_t family);
int diff_tcp_close(struct diff_stack *v, unsigned i);
int diff_tcp_abort(struct diff_stack *v, unsigned i);
int diff_tcp_connect(struct diff_stack *v, unsigned i, const struct via_ep *to);
int diff_tcp_send(struct diff_stack *v, unsigned i, const void *data, size_t n);
int diff_tcp_recv(struct diff_stack *v, unsigned i, void *buf, size_t n);
int diff_tcp_option(uint8_t opt);
int diff_tcp_error(struct diff_stack *v, unsigned i);
int diff_tcp_listen(struct diff_stack *v, unsigned i, int backlog);
int diff_tcp_accept(struct diff_stack *v, unsigned i, unsigned to);
bool diff_tcp_is_over(struct diff_stack *v, unsigned i);
int diff_tcp_shutdown(struct diff_stack *v, unsigned i);
int diff_tcp_state(struct diff_stack *v, unsigned i, int *eof);

#endif
