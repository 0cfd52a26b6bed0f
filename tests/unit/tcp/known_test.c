/* SPDX-License-Identifier: BSD-2-Clause */
/* known_test.c - the short ways in must never mean anything else than the list of the RFC does: two pairs of stacks do the
 * same, one of them without. */
#include "tcp_duo.h"

#include "base/rand.h"

#include <errno.h>
#include <string.h>

#define STEPS 400

struct pair {
    struct duo *with, *without;
    via_sock_t s[2][2]; /* of either duo: its two ends */
};

static void open_pair(struct pair *t, const char *attr, bool six) {
    char text[256];
    int i;

    for (i = 0; i < 2; i++) {
        struct duo **r = i ? &t->without : &t->with;

        snprintf(text, sizeof text, "%s;tcp_fast_path=%s", attr, i ? "off" : "on");
        *r = duo_new(text);
        (*r)->six = six;
        duo_connect(*r, NULL, t->s[i]);
    }
}

static void close_pair(struct pair *t) {
    duo_end(t->with);
    duo_end(t->without);
}

static void look_alike(struct pair *t) {
    int i;

    for (i = 0; i < 2; i++) {
        struct via_tcp_info a = duo_info(t->with, i, t->s[0][i]), b = duo_info(t->without, i, t->s[1][i]);

        assert_memory_equal(&a, &b, sizeof a);
        assert_int_equal(t->with->now, t->without->now);
        assert_int_equal(t->with->got[i], t->without->got[i]);
    }
}

/* One thing that applications do, in both. */
static void step(struct pair *t, struct via_rand *rand) {
    uint32_t what = via_rand_below(rand, 8), side = via_rand_below(rand, 2);
    uint32_t n = via_rand_below(rand, 4) ? 1 + via_rand_below(rand, 200) : 1 + via_rand_below(rand, 60000);
    int i;

    for (i = 0; i < 2; i++) {
        struct duo *r = i ? t->without : t->with;

        if (what < 3)
            duo_send(r, (int)side, t->s[i][side], n, what ? VIA_FLUSH : VIA_FLUSH | VIA_MORE);
        else if (what < 6)
            duo_recv(r, (int)side, t->s[i][side]);
        else
            duo_run(r, what == 6 ? 20 * VIA_US : n * VIA_US);
    }
    look_alike(t);
}

static void run_alike(const char *attr, bool six, double loss) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    struct via_rand rand;
    struct pair t;
    int i;

    via_rand_init(&rand, 7);
    open_pair(&t, attr, six);
    imp.loss = imp.duplicate = imp.reorder = imp.corrupt = loss;
    imp.seed = 5;
    for (i = 0; i < 2 && loss > 0; i++) {
        duo_impair(t.with, i, &imp);
        duo_impair(t.without, i, &imp);
    }
    for (i = 0; i < STEPS; i++)
        step(&t, &rand);
    assert_true(duo_stat(t.with, 1, "tcp", "fast_path") > 10);
    assert_int_equal(duo_stat(t.without, 1, "tcp", "fast_path"), 0);
    close_pair(&t);
}

static void short_way_of_ip4_changes_nothing(void **state) {
    (void)state;
    run_alike("checksum=2", false, 0);
    run_alike("checksum=0;tcp_timestamps=off", false, 0);
}

static void short_way_of_ip6_changes_nothing(void **state) {
    (void)state;
    run_alike("checksum=2;mem_mtu=9000", true, 0);
    run_alike("checksum=2;mem_mtu=1280;tcp_sack=off", true, 0);
}

static void short_way_of_a_bad_link_changes_nothing(void **state) {
    (void)state;
    run_alike("checksum=2", false, 0.03);
    run_alike("checksum=2;tcp_timestamps=off", true, 0.03);
    run_alike("checksum=2;tcp_sack=off", false, 0.03);
}

/* What is known of a flow dies with its connection: another one at the same ends is not it. */
static void known_flow_ends_with_its_connection(void **state) {
    struct duo *r = duo_new("checksum=2");
    struct via_tcp_info info;
    via_sock_t s[2];
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        duo_connect(r, NULL, s);
        assert_true(duo_carry(r, 0, s, 3000, VIA_SEC));
        assert_true(duo_carry(r, 1, s, 3000, VIA_SEC));
        info = duo_info(r, 1, s[1]);
        assert_int_equal(info.bytes_received, 3000);
        assert_int_equal(via_sock_close(r->st[0], s[0], VIA_ABORT), 0);
        duo_run(r, VIA_MS);
        assert_int_equal(duo_info(r, 1, s[1]).reason, -ECONNRESET);
        assert_int_equal(via_sock_close(r->st[1], s[1], 0), 0);
    }
    duo_end(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_way_of_ip4_changes_nothing),
        cmocka_unit_test(short_way_of_ip6_changes_nothing),
        cmocka_unit_test(short_way_of_a_bad_link_changes_nothing),
        cmocka_unit_test(known_flow_ends_with_its_connection),
    };

    return cmocka_run_group_tests_name("tcp.known", tests, NULL, NULL);
}
