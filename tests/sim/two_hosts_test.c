/* SPDX-License-Identifier: BSD-2-Clause */
/* Two hosts on a cable, in virtual time: what each says, the other has to understand. */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEP (10 * VIA_MS)

struct cable {
    struct bench *end[2];
    struct via_pkt *got[2][64]; /* datagrams that arrived */
    unsigned gots[2];
};

static void plain(struct via_attrs *a) {
    a->linklocal = 0;
    a->accept_ra = 0;
}

static struct cable *connect_hosts(void (*set)(struct via_attrs *), uint32_t mtu) {
    struct cable *w = calloc(1, sizeof *w);
    int i;

    assert_non_null(w);
    for (i = 0; i < 2; i++) {
        w->end[i] = bench_new((uint64_t)(i + 1), set);
        bench_attach(w->end[i], 0, mtu);
    }
    return w;
}

static void cut(struct cable *w) {
    unsigned i;

    for (i = 0; i < 2; i++) {
        while (w->gots[i])
            via_pkt_release(&w->end[i]->core, w->got[i][--w->gots[i]]);
        bench_free(w->end[i]);
    }
    free(w);
}

/* As the stack above would: datagrams are kept, all else was answered or is let go. */
static void deliver(struct cable *w, unsigned to, const struct bench_sent *s) {
    struct via_core *c = &w->end[to]->core;
    struct via_pkt *p = via_pkt_new(c, 0);
    struct via_rx rx;

    assert_non_null(p);
    memcpy(via_pkt_data(c, p), s->bytes, s->len);
    p->len = (uint16_t)s->len;
    p->total = s->len;
    p->vi = 1;
    memset(&rx, 0, sizeof rx);
    via_net_input(c, p, &rx);
    if (rx.kind == VIA_RX_DATAGRAM && w->gots[to] < 64)
        w->got[to][w->gots[to]++] = rx.pkt;
    else if (rx.kind != VIA_RX_DONE)
        via_pkt_release(c, rx.pkt);
}

static void run(struct cable *w, via_ns_t time) {
    const struct bench_sent *s;
    via_ns_t t;
    unsigned i;

    for (t = 0; t <= time; t += STEP) {
        bool quiet;

        bench_pass(w->end[0], STEP);
        bench_pass(w->end[1], STEP);
        do {
            quiet = true;
            for (i = 0; i < 2; i++) {
                while ((s = bench_next(w->end[i]))) {
                    deliver(w, !i, s);
                    quiet = false;
                }
            }
        } while (!quiet);
    }
}

static int add(struct bench *r, const char *text, uint8_t prefix) {
    struct via_ifaddr a = {.addr = bench_ip(text), .iface = 1, .prefix = prefix};

    return via_net_addr(&r->core, VIA_CTRL_ADD, &a);
}

static uint8_t state_of(struct bench *r, const char *text) {
    struct via_addr a = bench_ip(text);

    return via_addr_find(&r->core, &a, 1)->state;
}

static enum via_drop send_to(struct bench *r, const char *dst, uint32_t len) {
    struct via_dest d = {.dst = bench_ip(dst), .proto = IPPROTO_UDP};
    struct via_path path;

    assert_int_equal(via_path_resolve(&r->core, &path, &d), 0);
    return via_net_output(&r->core, &path, bench_payload(r, len), false);
}

static void the_second_to_come_loses_an_address(void **state) {
    static const char *const text[] = {"192.0.2.1", "2001:db8::1"};
    struct cable *w = connect_hosts(plain, 1500);
    int i;

    (void)state;
    for (i = 0; i < 2; i++)
        assert_int_equal(add(w->end[0], text[i], i ? 64 : 24), 0);
    run(w, 10 * VIA_SEC);
    for (i = 0; i < 2; i++)
        assert_int_equal(add(w->end[1], text[i], i ? 64 : 24), 0);
    run(w, 10 * VIA_SEC);
    for (i = 0; i < 2; i++) {
        assert_int_equal(state_of(w->end[0], text[i]), VIA_ADDR_PREFERRED);
        assert_int_equal(state_of(w->end[1], text[i]), VIA_ADDR_DUPLICATE);
    }
    cut(w);
}

static void who_come_together_both_lose(void **state) {
    struct cable *w = connect_hosts(plain, 1500);

    (void)state;
    add(w->end[0], "2001:db8::1", 64);
    add(w->end[1], "2001:db8::1", 64);
    run(w, 10 * VIA_SEC);
    assert_int_equal(state_of(w->end[0], "2001:db8::1"), VIA_ADDR_DUPLICATE);
    assert_int_equal(state_of(w->end[1], "2001:db8::1"), VIA_ADDR_DUPLICATE);
    cut(w);
}

static void different_addresses_are_both_kept(void **state) {
    struct cable *w = connect_hosts(NULL, 1500);

    (void)state;
    add(w->end[0], "2001:db8::1", 64);
    add(w->end[1], "2001:db8::2", 64);
    add(w->end[0], "192.0.2.1", 24);
    add(w->end[1], "192.0.2.2", 24);
    run(w, 10 * VIA_SEC);
    assert_int_equal(state_of(w->end[0], "2001:db8::1"), VIA_ADDR_PREFERRED);
    assert_int_equal(state_of(w->end[1], "2001:db8::2"), VIA_ADDR_PREFERRED);
    assert_int_equal(state_of(w->end[0], "192.0.2.1"), VIA_ADDR_PREFERRED);
    assert_int_equal(state_of(w->end[1], "192.0.2.2"), VIA_ADDR_PREFERRED);
    assert_int_equal(w->end[0]->core.s->drops[VIA_DROP_ND_CONFLICT], 0);
    cut(w);
}

static void check_payload(const struct via_core *c, const struct via_pkt *p, uint32_t len) {
    uint8_t *bytes = malloc(len + 1u);
    uint32_t i;

    assert_non_null(bytes);
    assert_int_equal(p->total, len);
    assert_int_equal(via_pkt_copy_out(c, p, 0, bytes, len), len);
    for (i = 0; i < len; i++)
        assert_int_equal(bytes[i], (uint8_t)i);
    free(bytes);
}

/* The first datagrams find the neighbour unknown on both sides; large ones go in fragments. */
static void check_datagrams(uint32_t mtu) {
    static const uint32_t sizes[] = {0, 1, 100, 1400, 1452, 1453, 3000, 20000, 60000};
    static const char *const to[][2] = {{"192.0.2.2", "192.0.2.1"}, {"2001:db8::2", "2001:db8::1"}};
    struct cable *w = connect_hosts(plain, mtu);
    unsigned i, j, k;

    for (i = 0; i < 2; i++) {
        bench_addr(w->end[i], 1, i ? "192.0.2.2" : "192.0.2.1", 24);
        if (mtu >= VIA_IP6_MTU)
            bench_addr(w->end[i], 1, i ? "2001:db8::2" : "2001:db8::1", 64);
    }
    run(w, VIA_SEC);
    for (j = 0; j < (mtu >= VIA_IP6_MTU ? 2 : 1); j++) {
        for (k = 0; k < VIA_COUNT(sizes); k++) {
            for (i = 0; i < 2; i++) {
                assert_int_equal(send_to(w->end[i], to[j][i], sizes[k]), VIA_KEPT);
                run(w, STEP);
                assert_int_equal(w->gots[!i], 1);
                check_payload(&w->end[!i]->core, w->got[!i][0], sizes[k]);
                via_pkt_release(&w->end[!i]->core, w->got[!i][--w->gots[!i]]);
            }
        }
    }
    cut(w);
}

static void datagrams_arrive_over_an_mtu_of_1500(void **state) {
    (void)state;
    check_datagrams(1500);
}

static void datagrams_arrive_over_an_mtu_of_1280(void **state) {
    (void)state;
    check_datagrams(1280);
}

static void datagrams_arrive_over_an_mtu_of_576(void **state) {
    (void)state;
    check_datagrams(576);
}

static void neighbours_in_use_stay_reachable_for_hours(void **state) {
    struct cable *w = connect_hosts(plain, 1500);
    struct via_addr peer = bench_ip("2001:db8::2");
    unsigned i, n = 0;

    (void)state;
    bench_addr(w->end[0], 1, "2001:db8::1", 64);
    bench_addr(w->end[1], 1, "2001:db8::2", 64);
    for (i = 0; i < 300; i++) {
        assert_int_equal(send_to(w->end[0], "2001:db8::2", 100), VIA_KEPT);
        run(w, 20 * VIA_SEC);
        n += w->gots[1];
        while (w->gots[1])
            via_pkt_release(&w->end[1]->core, w->got[1][--w->gots[1]]);
        assert_true(via_neigh_has_mac(via_neigh_find(&w->end[0]->core, 1, &peer)));
    }
    assert_int_equal(n, 300);
    assert_int_equal(w->end[0]->core.net->neigh.failed, 0);
    cut(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_to_come_loses_an_address),
        cmocka_unit_test(who_come_together_both_lose),
        cmocka_unit_test(different_addresses_are_both_kept),
        cmocka_unit_test(datagrams_arrive_over_an_mtu_of_1500),
        cmocka_unit_test(datagrams_arrive_over_an_mtu_of_1280),
        cmocka_unit_test(datagrams_arrive_over_an_mtu_of_576),
        cmocka_unit_test(neighbours_in_use_stay_reachable_for_hours),
    };

    return cmocka_run_group_tests_name("sim.two_hosts", tests, NULL, NULL);
}
