/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - two devices, their frame areas, and a book in which every frame stands once: free, lent, mine or sent.
 *
 * Functions that return bool say "go on": false means that the case has its verdict. Each packet of the suite carries
 * a number; what arrives is compared with what was sent, byte for byte.
 */
#ifndef VIA_CHECK_BENCH_H
#define VIA_CHECK_BENCH_H

#include <viaduct/vi_check.h>

#define BURST      64    /* what a driver may count on for whole packets */
#define PACKET_MAX 70000 /* longest packet with its header */

enum holder { FREE = 0, LENT, MINE, SENT };

/* One end. */
struct side {
    struct via_vi_dev dev;
    char why[VIA_WHY];
    via_ns_t now;
    uint32_t frames;
    uint32_t free_n, lent, sent;
    uint64_t *free;                /* stack of free frames */
    uint8_t *holder;               /* enum holder of each */
    struct via_frame burst[BURST]; /* received; from `at` on not looked at */
    unsigned at, n;
};

struct check {
    const struct via_vi_check_conf *conf;
    struct side near, far; /* the driver under test, and the other end of its link */
    bool is_open;
    bool lenient; /* older packets may come before the one that is waited for */
    enum via_vi_verdict verdict;
    char said[VIA_WHY];
    uint64_t random;
    uint32_t number; /* of the last packet that was made */
    uint32_t len;
    uint8_t packet[PACKET_MAX]; /* the last packet that was made */
    uint8_t got[PACKET_MAX];    /* the last that was received */
};

/* Verdicts; both return false. The first failure is kept. */
__attribute__((format(printf, 2, 3))) bool via_check_fail(struct check *c, const char *text, ...);
bool via_check_skip(struct check *c, const char *text);

/* How a case wants its devices. */
struct want {
    uint32_t headroom, frame_size; /* 0: as the conf says */
    uint32_t lend;                 /* empty frames for each end at the start, at most */
};

bool via_check_open(struct check *c, const struct want *w);
void via_check_close(struct check *c);

/* Book-keeping around the driver's verbs. */
bool via_check_lend(struct check *c, struct side *s, uint32_t n);
bool via_check_receive(struct check *c, struct side *s, struct via_frame *v, unsigned n, unsigned *got);
void via_check_release(struct side *s, const struct via_frame *v, unsigned n);
bool via_check_send(struct check *c, struct side *s, const struct via_frame *v, unsigned n, unsigned *taken);
bool via_check_kick(struct check *c, struct side *s);
bool via_check_reap(struct check *c, struct side *s);

/* A numbered packet of `len` bytes into c->packet. */
void via_check_make(struct check *c, uint32_t len);

/* c->packet in as many frames as it needs; false and no verdict: not enough free ones. */
bool via_check_frames(struct check *c, struct side *s, struct via_frame *v, unsigned *n);

/* Sends c->packet; waits while the ring is full. */
bool via_check_out(struct check *c); /* from the driver under test */
bool via_check_in(struct check *c);  /* towards it */

/* After a refusal: lets the other end receive, else sleeps until `end`; false: neither helps any more. */
bool via_check_make_room(struct check *c, struct side *s, uint64_t end);

/* via_check_in() once and without waiting: whether it went. */
bool via_check_try_in(struct check *c, bool *went);

/* Waits for c->packet at the other end, at the driver under test. */
bool via_check_arrives_out(struct check *c);
bool via_check_arrives_in(struct check *c);

/* Receives and forgets whatever comes at both ends until nothing does. */
bool via_check_drain(struct check *c);

/* Waits until all frames that were sent are reaped. */
bool via_check_settle(struct check *c, struct side *s);

/* Sleeps until the device has something or `end` (ms of via_check_ms()) has come; false: it has. */
bool via_check_sleep(struct check *c, struct side *s, uint64_t end);
uint64_t via_check_ms(void);

/* Whether frames can go each way. */
static inline bool can_out(const struct check *c) {
    return c->conf->ends == 2 || c->conf->collect;
}

static inline bool can_in(const struct check *c) {
    return c->conf->ends == 2 || c->conf->inject;
}

uint32_t via_check_random(struct check *c, uint32_t below);

/* The cases, in order. */
struct test {
    const char *name;
    bool (*run)(struct check *c);
};
extern const struct test via_check_cases[];
extern const unsigned via_check_case_count;

#endif
