/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns-link: carries frames between pairs of interfaces, raw, as they are. What the links do to them is said by the specs:
 * netns-link 'fault:dir=tx,delay=25ms|packet:a0' 'fault:dir=tx,delay=25ms,rate=100m,loss=1%|packet:b0' [A B]...
 */
#include "common.h"

#define ENDS  16
#define BURST 64

struct link {
    struct via_stack *st;
    struct via_vi *vi[ENDS];
    unsigned ends;
    uint64_t carried, refused;
};

static void open_ends(struct link *l, int argc, char **argv) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_attr *attr;
    int err;

    if (argc < 3 || argc > ENDS + 1 || argc % 2 == 0)
        tool_usage("two specs for each link, at most %d", ENDS / 2);
    if (via_attr_new("frames=32768;tx_ring=2048;rx_ring=1024", &attr))
        tool_die("attributes");
    conf.attr = attr;
    if (via_stack_create(&conf, &l->st))
        tool_die("no stack");
    via_attr_free(attr);
    for (; l->ends + 1 < (unsigned)argc; l->ends++) {
        err = via_vi_open(l->st, argv[l->ends + 1], NULL, &l->vi[l->ends]);
        if (!err)
            err = via_vi_raw(l->vi[l->ends], true);
        if (err)
            tool_die_stack(l->st, err, argv[l->ends + 1]);
    }
}

/* What one end has received goes out at the other, which may hold it for a while: it is asked again and again. */
static unsigned carry(struct link *l, struct via_vi *from, struct via_vi *to) {
    struct via_frame v[BURST];
    int n = via_vi_recv(from, v, BURST), sent = n > 0 ? via_vi_send(to, v, (unsigned)n) : 0;

    if (n > 0) {
        l->carried += sent > 0 ? (unsigned)sent : 0;
        l->refused += (unsigned)(n - (sent > 0 ? sent : 0));
        via_vi_release(to, v + (sent > 0 ? sent : 0), (unsigned)(n - (sent > 0 ? sent : 0)));
    }
    via_vi_kick(to);
    return n > 0 ? (unsigned)n : 0;
}

int main(int argc, char **argv) {
    static struct link l;
    unsigned i, work;

    tool_init("netns-link");
    open_ends(&l, argc, argv);
    printf("ready\n");
    fflush(stdout);
    while (!tool_stopped()) {
        via_stack_poll(l.st, 0, NULL);
        for (i = work = 0; i < l.ends; i++)
            work += carry(&l, l.vi[i], l.vi[i ^ 1]);
        if (!work)
            tool_sleep(l.st, 100 * VIA_MS);
    }
    printf("%llu frames carried, %llu found no room\n", (unsigned long long)l.carried, (unsigned long long)l.refused);
    via_stack_destroy(l.st, VIA_FORCE);
    return 0;
}
