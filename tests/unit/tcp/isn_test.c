/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tcp/isn.h"

static const struct via_key key = {{0x0123456789abcdef, 0xfedcba9876543210}}, other = {{1, 2}};

static struct via_tuple flow(uint16_t rport) {
    return (struct via_tuple){.local = {{[15] = 1}}, .remote = {{[15] = 2}}, .lport = 80, .rport = rport};
}

/* RFC 6528 3, with a clock of 64 ns. */
static void number_grows_with_the_clock(void **state) {
    struct via_tuple t = flow(1000);
    via_seq_t first = via_isn(&key, &t, 0);

    (void)state;
    assert_int_equal(via_isn(&key, &t, VIA_ISN_CLOCK - 1), first);
    assert_int_equal(via_isn(&key, &t, VIA_ISN_CLOCK), first + 1);
    assert_int_equal(via_isn(&key, &t, VIA_SEC), first + VIA_SEC / VIA_ISN_CLOCK);
    assert_int_equal(via_isn(&key, &t, (via_ns_t)VIA_ISN_CLOCK << 32), first);
}

static void every_name_and_the_key_change_the_number(void **state) {
    struct via_tuple t = flow(1000), x;
    via_seq_t first = via_isn(&key, &t, 0);
    int i;

    (void)state;
    assert_int_not_equal(via_isn(&other, &t, 0), first);
    for (i = 0; i < 16; i++) {
        x = t;
        x.local.b[i] ^= 1;
        assert_int_not_equal(via_isn(&key, &x, 0), first);
        x = t;
        x.remote.b[i] ^= 1;
        assert_int_not_equal(via_isn(&key, &x, 0), first);
    }
    x = flow(1001);
    assert_int_not_equal(via_isn(&key, &x, 0), first);
    x = t;
    x.lport ^= 1;
    assert_int_not_equal(via_isn(&key, &x, 0), first);
    x = (struct via_tuple){.local = t.remote, .remote = t.local, .lport = t.rport, .rport = t.lport};
    assert_int_not_equal(via_isn(&key, &x, 0), first);
}

static void timestamps_begin_elsewhere_than_numbers(void **state) {
    struct via_tuple t = flow(1000), x = flow(1001);

    (void)state;
    assert_int_equal(via_isn_ts_offset(&key, &t), via_isn_ts_offset(&key, &t));
    assert_int_not_equal(via_isn_ts_offset(&key, &t), via_isn(&key, &t, 0));
    assert_int_not_equal(via_isn_ts_offset(&key, &t), via_isn_ts_offset(&key, &x));
}

/* Differences between neighbouring ports fill all sixteen upper buckets evenly: no pattern to guess from. */
static void neighbouring_ports_are_unrelated(void **state) {
    uint32_t count[16] = {0}, i;

    (void)state;
    for (i = 1; i < 65536; i++) {
        struct via_tuple a = flow((uint16_t)(i - 1)), b = flow((uint16_t)i);

        count[(via_isn(&key, &b, 0) - via_isn(&key, &a, 0)) >> 28]++;
    }
    for (i = 0; i < 16; i++)
        assert_in_range(count[i], 4096 - 350, 4096 + 350);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_grows_with_the_clock),
        cmocka_unit_test(every_name_and_the_key_change_the_number),
        cmocka_unit_test(timestamps_begin_elsewhere_than_numbers),
        cmocka_unit_test(neighbouring_ports_are_unrelated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
