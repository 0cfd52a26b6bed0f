/* SPDX-License-Identifier: BSD-2-Clause */
#include "host.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t stopped;

static void stop(int sig) {
    (void)sig;
    stopped = 1;
}

static void must(const struct via_stack *st, int err, const char *what) {
    if (!err)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, strerror(-err), st ? via_why(st) : "");
    exit(1);
}

static void add_addr(struct via_stack *st, struct via_vi *vi, const struct via_addr *addr, uint8_t prefix) {
    struct via_ifaddr own = {.addr = *addr, .prefix = prefix};
    struct via_vi_info info = VIA_VI_INFO_INIT;

    via_vi_info(vi, &info);
    own.iface = info.index;
    own.flags = VIA_ADDR_NODAD;
    must(st, via_ctrl_addr(st, VIA_CTRL_ADD, &own), "address");
}

static struct via_stack *open_stack(void) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    char why[VIA_WHY] = "";
    struct via_attr *attr;
    struct via_stack *st;
    int err;

    /* TCP peers send whole windows at once: room for some of them while this program is not looking. */
    must(NULL, via_attr_new("frames=16384;rx_ring=4096", &attr), "attributes");
    conf.attr = attr;
    conf.why = why;
    err = via_stack_create(&conf, &st);
    via_attr_free(attr);
    if (err)
        fprintf(stderr, "%s\n", why);
    must(NULL, err, "stack");
    return st;
}

/* The other end is the next address. */
static void open_cable(struct host *h, uint8_t prefix) {
    struct via_vi *ends[2];

    h->other = open_stack();
    h->other_addr = h->addr;
    h->other_addr.b[15]++;
    must(h->st, via_vi_pair(h->st, h->other, NULL, ends), "cable");
    h->vi = ends[0];
    add_addr(h->other, ends[1], &h->other_addr, prefix);
}

static uint8_t parse_addr(char *text, struct via_addr *addr) {
    char *slash = strchr(text, '/');
    long prefix;

    if (slash)
        *slash = 0;
    must(NULL, via_addr_parse(text, addr, NULL), text);
    prefix = slash ? atol(slash + 1) : via_addr_is4(addr) ? 24 : 64;
    return (uint8_t)prefix;
}

void host_open(struct host *h, int argc, char **argv, bool (*play)(struct host *h)) {
    struct sigaction sa = {.sa_handler = stop};
    struct via_vi_info info = VIA_VI_INFO_INIT;
    uint8_t prefix;

    if (argc < 3) {
        fprintf(stderr, "usage: %s SPEC ADDRESS/LEN, e.g. mem: 192.0.2.1/24\n", argv[0]);
        exit(2);
    }
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    memset(h, 0, sizeof *h);
    prefix = parse_addr(argv[2], &h->addr);
    h->st = open_stack();
    if (strcmp(argv[1], "mem:")) {
        must(h->st, via_vi_open(h->st, argv[1], NULL, &h->vi), argv[1]);
    } else {
        open_cable(h, prefix);
        h->play = play;
    }
    add_addr(h->st, h->vi, &h->addr, prefix);
    via_vi_info(h->vi, &info);
    h->iface = info.index;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%s: %s %s\n", argv[1], info.driver, info.mode);
}

bool host_play(struct host *h) {
    if (!h->play)
        return !stopped;
    via_stack_poll(h->other, 0, NULL);
    return !stopped && h->play(h);
}

bool host_turn(struct host *h) {
    if (!via_stack_poll(h->st, 0, NULL) && !h->play && via_wait_arm(h->st, 0) == 0)
        poll(&(struct pollfd){.fd = via_wait_fd(h->st), .events = POLLIN}, 1, -1);
    return host_play(h);
}

void host_close(struct host *h) {
    struct via_vi_info info = VIA_VI_INFO_INIT;

    via_vi_info(h->vi, &info);
    if (info.stats.rx_dropped)
        printf("%llu frames were lost by the interface\n", (unsigned long long)info.stats.rx_dropped);
    if (h->other)
        via_stack_destroy(h->other, VIA_FORCE);
    via_stack_destroy(h->st, VIA_FORCE);
}

struct via_ep host_ep(const struct via_addr *addr, uint16_t port) {
    struct via_ep e = via_ep_any(via_addr_is4(addr) ? VIA_AF_4 : VIA_AF_6, port);

    e.addr = *addr;
    return e;
}

via_sock_t host_udp(struct via_stack *st, const struct via_addr *addr, uint16_t port) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    struct via_ep local = addr ? host_ep(addr, port) : via_ep_any(VIA_AF_ANY, port);
    via_sock_t s = 0;

    must(st, via_udp_open(st, &conf, &local, &s), "socket");
    return s;
}

bool host_send(struct via_stack *st, via_sock_t s, struct via_ep to, const void *data, size_t len) {
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1, .peer = to};

    return via_udp_send(st, s, &d, 1, VIA_FLUSH) == 1;
}
