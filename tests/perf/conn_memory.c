/* SPDX-License-Identifier: BSD-2-Clause */
/* What an established connection that is idle takes of the region: every mechanism counted, and the pages touched. */
#include "inner.h"
#include "inproc.h"

#include "sock/socks.h"
#include "stack/stack.h"
#include "tcp/tcp.h"

#include <stdlib.h>
#include <sys/mman.h>

#define CONNS 10000u
#define FIRST 64u /* open before anything is counted, so that what all share is there */

struct count {
    uint64_t conn, demux, way, seg, block, frames, pages;
};

static uint64_t used(const struct via_pool *p) {
    return (uint64_t)via_pool_used(p) * p->size;
}

/* Bytes of the state that are there in memory. */
static uint64_t resident(const struct via_region *r) {
    unsigned char *v = malloc(r->size / 4096 + 1);
    uint64_t i, n = 0;

    if (!v || mincore(r->base, r->size, v))
        tool_die("conn-memory: mincore: %s", strerror(errno));
    for (i = 0; i < r->size / 4096; i++)
        n += v[i] & 1;
    free(v);
    return n * 4096;
}

static struct count count(const struct via_stack *st) {
    const struct via_core *c = &st->core;

    return (struct count){
        .conn = used(&c->socks->pool[VIA_KIND_TCP]),
        .demux = (uint64_t)c->socks->demux.count * sizeof(struct via_demux_entry),
        .way = used(&c->tcp->ways),
        .seg = used(&c->tcp->segs),
        .block = used(&c->tcp->blocks),
        .frames = (uint64_t)via_pool_used(&c->s->pkts) * c->frame_size,
        .pages = resident(&c->region),
    };
}

static void print(const char *what, uint64_t before, uint64_t after) {
    perf_print("conn-memory", what, ((double)after - (double)before) / CONNS, "bytes_per_connection");
}

static void report(const struct count *a, const struct count *b, const char *side) {
    const struct {
        const char *name;
        uint64_t before, after;
    } lines[] = {{"slot", a->conn, b->conn},       {"demux", a->demux, b->demux}, {"way", a->way, b->way},
                 {"segments", a->seg, b->seg},     {"holes", a->block, b->block}, {"frames", a->frames, b->frames},
                 {"pages", a->pages, b->pages}};
    uint64_t before = 0, after = 0;
    char what[64];
    size_t i;

    for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(what, sizeof what, "%s.%s", side, lines[i].name);
        print(what, lines[i].before, lines[i].after);
        before += i < 6 ? lines[i].before : 0;
        after += i < 6 ? lines[i].after : 0;
    }
    snprintf(what, sizeof what, "%s.sum", side);
    print(what, before, after);
}

void perf_conn_memory(const struct perf *p) {
    struct count before[2], after[2];
    struct inproc pair;
    via_sock_t sock[2];
    uint32_t i;

    (void)p;
    inproc_open(&pair, "");
    pair.virtual_time = true;
    inproc_listen(&pair, 9000, NULL);
    for (i = 0; i < FIRST + CONNS; i++) {
        if (i == FIRST) {
            before[0] = count(pair.st[0]);
            before[1] = count(pair.st[1]);
        }
        inproc_connect(&pair, NULL, sock);
    }
    for (i = 0; i < 1000; i++)
        inproc_poll(&pair);
    after[0] = count(pair.st[0]);
    after[1] = count(pair.st[1]);
    report(&before[0], &after[0], "client");
    report(&before[1], &after[1], "server");
    inproc_close(&pair);
}
