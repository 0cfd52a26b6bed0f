/* SPDX-License-Identifier: BSD-2-Clause */
/* post_test.c - zero copy: what is posted is acknowledged before it completes, what is lent is in order. */
#include "tcp_duo.h"

#include <errno.h>

#define FRESH(r, s)                                                                                                    \
    struct duo *r = duo_new("checksum=2;mem_latency=1ms");                                                             \
    via_sock_t s[2];                                                                                                   \
    (void)state;                                                                                                       \
    duo_connect(r, NULL, s)

static struct via_seg alloc(struct duo *r, uint32_t len, uint8_t fill) {
    struct via_seg seg;

    assert_int_equal(via_buf_alloc(r->st[0], len, &seg), 0);
    memset(seg.data, fill, seg.len);
    return seg;
}

static int post(struct duo *r, via_sock_t s, const struct via_seg *seg, uint32_t n, uint64_t token) {
    struct via_post p = {.seg = seg, .n = n, .token = token};

    return via_zc_send(r->st[0], s, &p);
}

static void token_completes_when_its_last_byte_is_acknowledged(void **state) {
    FRESH(r, s);
    struct via_seg a = alloc(r, 1000, 'a'), b = alloc(r, 1200, 'b');
    struct via_done done[4];
    uint8_t buf[4000];

    assert_int_equal(post(r, s[0], &a, 1, 11), 0);
    assert_int_equal(post(r, s[0], &b, 1, 22), 0);
    duo_run(r, VIA_MS / 2);
    assert_int_equal(via_tx_done(r->st[0], done, 4), 0);
    duo_run(r, 10 * VIA_MS);
    assert_int_equal(via_tcp_recv(r->st[1], s[1], buf, sizeof buf, 0), 2200);
    assert_int_equal(buf[999], 'a');
    assert_int_equal(buf[1000], 'b');
    duo_run(r, VIA_SEC);
    assert_true(duo_events(r, 0, s[0], NULL) & VIA_EV_DONE);
    assert_int_equal(via_tx_done(r->st[0], done, 4), 2);
    assert_int_equal(done[0].token, 11);
    assert_int_equal(done[0].status, 0);
    assert_int_equal(done[1].token, 22);
    assert_true(done[0].sock == s[0]);
    assert_int_equal(duo_stat(r, 0, "tcp", "tx_copied_bytes"), 0);
    assert_int_equal(duo_stat(r, 0, "stack", "held"), 0);
    duo_end(r);
}

static void lost_segments_are_sent_again_from_where_they_lie(void **state) {
    struct via_impair imp = VIA_IMPAIR_INIT;
    FRESH(r, s);
    unsigned i, done = 0, got = 0;
    struct via_done v[64];
    uint8_t buf[4000];
    int n;

    imp.seed = 3;
    imp.loss = 0.2;
    duo_impair(r, 0, &imp);
    for (i = 0; i < 300 || done < 300; duo_run(r, 20 * VIA_MS)) {
        while (i < 300) {
            struct via_seg seg = alloc(r, 500, (uint8_t)i);

            if (post(r, s[0], &seg, 1, i + 1)) {
                via_buf_release(r->st[0], &seg.buf, 1);
                break;
            }
            i++;
        }
        while ((n = (int)via_tcp_recv(r->st[1], s[1], buf, 500, 0)) > 0) {
            int k;

            for (k = 0; k < n; k++, got++)
                assert_int_equal(buf[k], (uint8_t)(got / 500));
        }
        n = via_tx_done(r->st[0], v, 64);
        for (; n > 0; n--, done++)
            assert_int_equal(v[n - 1].status, 0);
        assert_true(r->now < 5000 * VIA_SEC);
    }
    assert_int_equal(got, 150000);
    assert_true(duo_info(r, 0, s[0]).segs_resent > 20);
    assert_int_equal(duo_stat(r, 0, "stack", "held"), 0);
    duo_end(r);
}

static void reset_cancels_tokens(void **state) {
    FRESH(r, s);
    struct via_seg a = alloc(r, 1000, 'a');
    struct via_done done[4];

    assert_int_equal(post(r, s[0], &a, 1, 5), 0);
    assert_int_equal(via_sock_close(r->st[0], s[0], VIA_ABORT), 0);
    assert_int_equal(via_tcp_send(r->st[0], s[0], NULL, 0, 0), -EBADF);
    duo_run(r, VIA_SEC);
    assert_int_equal(via_tx_done(r->st[0], done, 4), 1);
    assert_int_equal(done[0].token, 5);
    assert_int_equal(done[0].status, -ECANCELED);
    assert_true(duo_events(r, 0, s[0], NULL) & VIA_EV_TERMINATED);
    assert_int_equal(duo_stat(r, 0, "tcp", "connections"), 0);
    duo_end(r);
}

static void closed_connection_completes_what_it_still_delivers(void **state) {
    FRESH(r, s);
    struct via_seg a = alloc(r, 1000, 'a');
    struct via_done done[4];
    uint8_t buf[2000];

    assert_int_equal(post(r, s[0], &a, 1, 5), 0);
    assert_int_equal(via_sock_close(r->st[0], s[0], 0), 0);
    duo_run(r, VIA_SEC);
    assert_int_equal(via_tcp_recv(r->st[1], s[1], buf, sizeof buf, 0), 1000);
    assert_int_equal(via_tcp_recv(r->st[1], s[1], buf, sizeof buf, 0), 0);
    assert_int_equal(via_tx_done(r->st[0], done, 4), 1);
    assert_int_equal(done[0].status, 0);
    assert_int_equal(via_sock_close(r->st[1], s[1], 0), 0);
    duo_run(r, 200 * VIA_SEC);
    assert_true(duo_events(r, 0, s[0], NULL) & VIA_EV_TERMINATED);
    assert_int_equal(duo_stat(r, 0, "tcp", "connections"), 0);
    assert_int_equal(duo_stat(r, 1, "tcp", "connections"), 0);
    duo_end(r);
}

static void buffers_that_cannot_go_as_they_lie_are_copied(void **state) {
    FRESH(r, s);
    struct via_seg seg[2] = {alloc(r, 5000, 'x'), alloc(r, 100, 'y')};
    struct via_seg twice[2];
    uint8_t buf[8000];

    via_buf_ref(r->st[0], seg[1].buf);
    assert_int_equal(post(r, s[0], seg, 2, 0), 0);
    duo_run(r, VIA_SEC);
    assert_int_equal(via_tcp_recv(r->st[1], s[1], buf, sizeof buf, 0), 5100);
    assert_int_equal(buf[5000], 'y');
    assert_true(duo_stat(r, 0, "tcp", "tx_copied_bytes") >= 100);
    via_buf_release(r->st[0], &seg[1].buf, 1);
    twice[0] = twice[1] = alloc(r, 10, 'z');
    assert_int_equal(post(r, s[0], twice, 2, 0), -EINVAL);
    via_buf_release(r->st[0], &twice[0].buf, 1);
    assert_int_equal(duo_stat(r, 0, "stack", "held"), 0);
    duo_end(r);
}

static void lends_end_in_band(void **state) {
    FRESH(r, s);
    struct via_lent a, b;
    struct via_seg seg;

    assert_int_equal(duo_send(r, 0, s[0], 6000, 0), 6000);
    assert_int_equal(via_tcp_shutdown(r->st[0], s[0]), 0);
    duo_run(r, VIA_SEC);
    assert_int_equal(via_zc_recv(r->st[1], s[1], 2500, &a), 1);
    assert_int_equal(a.bytes, 2500);
    assert_int_equal(a.eof, 0);
    assert_int_equal(via_zc_recv(r->st[1], s[1], 0, &b), 1);
    assert_int_equal(b.bytes, 3500);
    assert_int_equal(b.eof, 1);
    assert_int_equal(via_buf_next(r->st[1], &a.seg, &seg), 0);
    via_buf_release(r->st[1], &b.seg.buf, 1);
    via_buf_release(r->st[1], &a.seg.buf, 1);
    assert_int_equal(via_zc_recv(r->st[1], s[1], 0, &b), 0);
    assert_int_equal(b.eof, 1);
    assert_int_equal(b.reason, 0);
    assert_int_equal(duo_stat(r, 1, "stack", "held"), 0);
    duo_end(r);
}

static void tiny_buffers_do_not_make_a_packet_that_no_device_takes(void **state) {
    struct duo *r = duo_new(NULL);
    via_sock_t s[2];
    uint64_t got = 0;
    char buf[512];
    ssize_t n;
    int i;

    (void)state;
    duo_connect(r, NULL, s);
    assert_int_equal(duo_send(r, 0, s[0], 1, 0), 1);
    for (i = 0; i < 200; i++) {
        struct via_seg seg;
        struct via_post post = {.seg = &seg, .n = 1};

        assert_int_equal(via_buf_alloc(r->st[0], 1, &seg), 0);
        *(char *)seg.data = 'x';
        assert_int_equal(via_zc_send(r->st[0], s[0], &post), 0);
    }
    assert_int_equal(duo_send(r, 0, s[0], 60000, 0), 60000);
    for (i = 0; i < 10; i++) {
        duo_run(r, VIA_SEC);
        while ((n = via_tcp_recv(r->st[1], s[1], buf, sizeof buf, 0)) > 0)
            got += (uint64_t)n;
    }
    assert_int_equal(got, 1 + 200 + 60000);
    duo_end(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_completes_when_its_last_byte_is_acknowledged),
        cmocka_unit_test(lost_segments_are_sent_again_from_where_they_lie),
        cmocka_unit_test(reset_cancels_tokens),
        cmocka_unit_test(closed_connection_completes_what_it_still_delivers),
        cmocka_unit_test(buffers_that_cannot_go_as_they_lie_are_copied),
        cmocka_unit_test(lends_end_in_band),
        cmocka_unit_test(tiny_buffers_do_not_make_a_packet_that_no_device_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
