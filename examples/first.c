/* SPDX-License-Identifier: BSD-2-Clause */
/* A UDP echo server in thirty lines. Usage: first SPEC ADDRESS, e.g. first xdp:eth0 192.0.2.2 */
#include <poll.h>
#include <stdio.h>
#include <viaduct/viaduct.h>

int main(int argc, char **argv) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_udp_conf udp = VIA_UDP_CONF_INIT;
    struct via_ifaddr own = {.iface = 1, .prefix = 24};
    struct via_ep at = via_ep_any(VIA_AF_ANY, 7);
    struct via_dgram d;
    struct via_stack *st;
    via_sock_t sock;

    if (argc < 3 || via_addr_parse(argv[2], &own.addr, NULL) || via_stack_create(&conf, &st))
        return 1;
    if (via_vi_open(st, argv[1], NULL, NULL) || via_ctrl_addr(st, VIA_CTRL_ADD, &own) ||
        via_udp_open(st, &udp, &at, &sock)) {
        fprintf(stderr, "%s\n", via_why(st));
        return 1;
    }
    for (;;) {
        while (via_udp_recv(st, sock, &d, 1) == 1) { /* the buffer is ours now, ... */
            struct via_dgram back = {.seg = d.seg, .peer = d.peer};
            if (via_udp_send(st, sock, &back, 1, 0) != 1) /* ... and goes back without a copy */
                via_buf_release(st, &d.seg.buf, 1);
        }
        if (!via_stack_poll(st, 0, NULL) && !via_wait_arm(st, 0))
            poll(&(struct pollfd){.fd = via_wait_fd(st), .events = POLLIN}, 1, -1);
    }
}
