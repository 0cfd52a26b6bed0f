/* SPDX-License-Identifier: BSD-2-Clause */
#include "inner.h"

#include "stack/stack.h"

#include <stdlib.h>

#define TIMES 100000
#define PORTS 60000u

struct job {
    struct via_stack *st;
    uint32_t count;
    uint64_t seed;
};

static struct via_ep local_of(uint32_t i) {
    return via_ep4(htonl(0x0a000001u + (i / PORTS << 8)), (uint16_t)(1024 + i % PORTS));
}

static void find(void *arg) {
    struct job *j = arg;
    struct via_flow flow = {.proto = IPPROTO_UDP, .iface = 1, .rport = 9, .remote = via_addr_from4(htonl(0x0aff0001))};
    uint32_t i, found = 0;

    for (i = 0; i < TIMES; i++) {
        struct via_ep e = local_of(perf_rand(&j->seed) % j->count);

        flow.local = e.addr;
        flow.lport = e.port;
        found += via_demux_find(&j->st->core, &flow) != 0;
    }
    if (found != TIMES)
        tool_die("demux: %u of %u found", found, TIMES);
}

static void open_socks(struct job *j) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_udp_conf udp = VIA_UDP_CONF_INIT;
    struct via_attr *a;
    char spec[64];
    via_sock_t sock;
    uint32_t i;
    int err;

    snprintf(spec, sizeof spec, "max_udp=%u", j->count + 16);
    if (via_attr_new(spec, &a))
        tool_die("demux: %s", via_attr_why(a));
    conf.attr = a;
    conf.seed = 1;
    err = via_stack_create(&conf, &j->st);
    via_attr_free(a);
    if (err)
        tool_die("demux: no stack: %s", strerror(-err));
    err = via_vi_open(j->st, "null:", NULL, NULL);
    for (i = 0; i < j->count && !err; i++) {
        struct via_ep e = local_of(i);
        struct via_ifaddr own = {.addr = e.addr, .iface = 1, .prefix = 8, .flags = VIA_ADDR_NODAD};

        if (i % PORTS == 0)
            err = via_ctrl_addr(j->st, VIA_CTRL_ADD, &own);
        if (!err)
            err = via_udp_open(j->st, &udp, &e, &sock);
    }
    if (err)
        tool_die_stack(j->st, err, "demux");
}

void perf_demux(const struct perf *p) {
    const uint32_t counts[] = {10, 1000, 100000, p->members};
    struct job j;
    char what[64];
    size_t i;

    for (i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        j = (struct job){.count = counts[i], .seed = 1};
        open_socks(&j);
        snprintf(what, sizeof what, "find.sockets_%u", j.count);
        perf_print("demux", what, perf_time(p, find, &j, TIMES), "ns");
        via_stack_destroy(j.st, VIA_FORCE);
    }
}
