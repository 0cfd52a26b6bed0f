/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two drivers and nothing else: half a round trip, and how many frames a second, over a veth pair va0 - va1 in a
 * network namespace of its own. Both ends spin, each on a core. Figures are the least, the median and the greatest of
 * many short batches: on a machine with other work the least is the one to compare.
 *
 *     raw_driver xdp:va0 xdp:va1 [BYTES]
 *     raw_driver tap:via0 packet:via0
 */
#include "base/def.h"
#include "vi/drivers.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FRAMES   1024u
#define RING     512u
#define BATCHES  400u
#define TRIPS    500u      /* of a batch */
#define SENDS    200u      /* bursts of a batch */
#define PATIENCE 50000000u /* spins before a frame counts as lost */

struct end {
    struct via_vi_dev dev;
    char why[VIA_WHY];
    via_ns_t now;
    uint64_t spare[FRAMES];
    uint32_t spares;
    uint64_t got;
    int core;
};

struct job {
    struct end a, b;
    uint32_t bytes;
    volatile bool stop;
    void (*answer)(struct job *);
};

static const struct via_vi_ops *const drivers[] = {&via_vi_xdp, &via_vi_packet, &via_vi_tap};

static double clock_now(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "raw_driver: %s: %s\n", what, why);
    exit(1);
}

static void stock(struct end *e) {
    unsigned n;

    while (e->spares > RING / 2 && (n = e->dev.ops->rx_fill(&e->dev, e->spare + e->spares - 32, 32)))
        e->spares -= n;
}

static void end_open(struct end *e, const char *spec, int core) {
    struct via_filter all = {.kind = VIA_FILTER_ALL};
    const char *colon = strchr(spec, ':');
    uint32_t i;

    for (i = 0; colon && i < VIA_COUNT(drivers); i++)
        if (!strncmp(drivers[i]->name, spec, (size_t)(colon - spec)))
            e->dev.ops = drivers[i];
    if (!e->dev.ops)
        die(spec, "no such driver");
    e->core = core;
    e->dev.frame_size = 2048;
    e->dev.headroom = 128;
    e->dev.rx_ring = e->dev.tx_ring = RING;
    e->dev.now = &e->now;
    e->dev.why = e->why;
    e->dev.seed = (uint64_t)core;
    e->dev.mem_size = FRAMES * 2048u;
    e->dev.mem = mmap(NULL, e->dev.mem_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (e->dev.mem == MAP_FAILED || e->dev.ops->open(&e->dev, colon + 1) < 0)
        die(spec, e->why);
    for (i = 0; i < FRAMES; i++)
        e->spare[e->spares++] = (uint64_t)i * 2048;
    if (e->dev.caps & VIA_VI_STEERS)
        e->dev.ops->filter(&e->dev, true, &all);
    stock(e);
}

/* As tx_burst; what the driver is done with at once is spare again. */
static unsigned end_send(struct end *e, const struct via_frame *v, unsigned n) {
    unsigned i, sent = e->dev.ops->tx_burst(&e->dev, v, n);

    for (i = 0; i < sent && (e->dev.caps & VIA_VI_SYNC); i++)
        e->spare[e->spares++] = v[i].addr & ~2047ull;
    return sent;
}

static void end_reap(struct end *e) {
    uint64_t a[64];
    unsigned i, n;

    while ((n = e->dev.ops->tx_reap(&e->dev, a, 64)))
        for (i = 0; i < n; i++)
            e->spare[e->spares++] = a[i] & ~2047ull;
}

/* Only frames of ours count: the kernel has things to say on a new link too. */
static bool is_ours(const struct end *e, const struct via_frame *f) {
    const uint8_t *at = e->dev.mem + f->addr;

    return f->len >= 14 && at[12] == 0x88 && at[13] == 0xb5;
}

/* Frames of ours go to v[0..k), the others back. */
static unsigned end_recv(struct end *e, struct via_frame *v, unsigned n) {
    unsigned i, k = 0;

    n = e->dev.ops->rx_burst(&e->dev, v, n);
    for (i = 0; i < n; i++) {
        if (is_ours(e, &v[i]))
            v[k++] = v[i];
        else
            e->spare[e->spares++] = v[i].addr & ~2047ull;
    }
    return k;
}

static void end_free(struct end *e, const struct via_frame *v, unsigned n) {
    while (n--)
        e->spare[e->spares++] = v[n].addr & ~2047ull;
}

static void make(struct end *e, struct via_frame *f, uint32_t bytes) {
    uint8_t *at;

    memset(f, 0, sizeof *f);
    f->addr = e->spare[--e->spares] + 256;
    f->len = bytes;
    at = e->dev.mem + f->addr;
    memset(at, 0xff, 6);
    memcpy(at + 6, "\2\0\0\0\0\1\x88\xb5", 8);
}

static void pin(int core) {
    cpu_set_t s;

    CPU_ZERO(&s);
    CPU_SET((size_t)core % (size_t)sysconf(_SC_NPROCESSORS_ONLN), &s);
    sched_setaffinity(0, sizeof s, &s);
}

static void echo(struct job *j) {
    struct end *e = &j->b;
    struct via_frame v[64];
    unsigned n, sent;

    while (!j->stop) {
        n = end_recv(e, v, 64);
        if (!n)
            continue;
        sent = end_send(e, v, n);
        e->dev.ops->kick(&e->dev);
        end_free(e, v + sent, n - sent);
        end_reap(e);
        stock(e);
    }
}

static void swallow(struct job *j) {
    struct end *e = &j->b;
    struct via_frame v[64];
    unsigned n;

    while (!j->stop) {
        n = end_recv(e, v, 64);
        if (!n)
            continue;
        end_free(e, v, n);
        __atomic_store_n(&e->got, e->got + n, __ATOMIC_RELAXED);
        stock(e);
    }
}

static void *run(void *arg) {
    struct job *j = arg;

    pin(j->b.core);
    j->answer(j);
    return NULL;
}

/* Nanoseconds of half a round trip. */
static double ping(struct job *j) {
    struct end *e = &j->a;
    struct via_frame f, v[64];
    double start = clock_now();
    unsigned n, i, spins;

    for (i = 0; i < TRIPS; i++) {
        make(e, &f, j->bytes);
        end_send(e, &f, 1);
        e->dev.ops->kick(&e->dev);
        for (spins = 0; !(n = end_recv(e, v, 64));)
            if (++spins > PATIENCE)
                die("ping", "lost a frame");
        end_free(e, v, n);
        end_reap(e);
        stock(e);
    }
    return (clock_now() - start) / TRIPS / 2 * 1e9;
}

/* Millions of frames a second, as the other end counts them. */
static double flood(struct job *j) {
    struct end *e = &j->a;
    struct via_frame v[64];
    double start = clock_now();
    uint64_t before = __atomic_load_n(&j->b.got, __ATOMIC_RELAXED);
    unsigned i, k, n, sent;

    for (k = 0; k < SENDS; k++) {
        n = via_min32(e->spares, 64);
        for (i = 0; i < n; i++)
            make(e, &v[i], j->bytes);
        sent = end_send(e, v, n);
        end_free(e, v + sent, n - sent);
        e->dev.ops->kick(&e->dev);
        end_reap(e);
        n = end_recv(e, v, 64);
        end_free(e, v, n);
        stock(e);
    }
    return (double)(__atomic_load_n(&j->b.got, __ATOMIC_RELAXED) - before) / (clock_now() - start) / 1e6;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(struct job *j, double (*ask)(struct job *), void (*answer)(struct job *), double *r) {
    pthread_t t;
    unsigned i;

    j->stop = false;
    j->answer = answer;
    if (pthread_create(&t, NULL, run, j))
        die("thread", "none");
    (void)ask(j);
    for (i = 0; i < BATCHES; i++)
        r[i] = ask(j);
    j->stop = true;
    pthread_join(t, NULL);
    qsort(r, BATCHES, sizeof *r, by_size);
}

int main(int argc, char **argv) {
    static struct job j;
    double r[BATCHES];

    if (argc < 3)
        die("usage", "raw_driver SPEC SPEC [BYTES]");
    j.bytes = argc > 3 ? (uint32_t)atoi(argv[3]) : 60;
    if (j.bytes < 14 || j.bytes > 1514 || unshare(CLONE_NEWNET) < 0 ||
        system("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; ip link add va0 type veth peer name va1 && "
               "ip link set va0 up && ip link set va1 up"))
        die("setup", "no namespace");
    end_open(&j.a, argv[1], 0);
    end_open(&j.b, argv[2], 1);
    pin(0);
    printf("%s (%s) - %s (%s), %u B:", argv[1], j.a.dev.mode, argv[2], j.b.dev.mode, j.bytes);
    measure(&j, ping, echo, r);
    printf(" half round trip %.0f..%.0f..%.0f ns,", r[0], r[BATCHES / 2], r[BATCHES - 1]);
    measure(&j, flood, swallow, r);
    printf(" %.2f..%.2f..%.2f Mpps\n", r[0], r[BATCHES / 2], r[BATCHES - 1]);
    j.a.dev.ops->close(&j.a.dev);
    j.b.dev.ops->close(&j.b.dev);
    return 0;
}
