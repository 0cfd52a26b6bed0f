/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "wire/udp.h"

static void header_is_read_field_by_field(void **state) {
    struct via_udp_head u = {0};
    uint8_t b[8];

    (void)state;
    rig_hex(b, "1234 0035 000c abcd");
    assert_int_equal(via_udp_parse(&u, b, 8, 12), 8);
    assert_int_equal(u.sport, 0x1234);
    assert_int_equal(u.dport, 53);
    assert_int_equal(u.len, 12);
    assert_int_equal(ntohs(u.sum), 0xabcd);
}

static void header_cut_anywhere_is_refused(void **state) {
    struct via_udp_head u = {0};
    uint8_t b[8];
    size_t i;

    (void)state;
    rig_hex(b, "1234 0035 0008 0000");
    for (i = 0; i < 8; i++)
        assert_int_equal(via_udp_parse(&u, rig_edge(b, i), i, i), -VIA_DROP_UDP_SHORT);
}

static void length_must_lie_between_the_header_and_the_payload(void **state) {
    struct via_udp_head u = {0};
    uint8_t b[8] = {0};
    uint32_t len;

    (void)state;
    for (len = 0; len < 65536; len++) {
        via_put16(b + 4, (uint16_t)len);
        assert_int_equal(via_udp_parse(&u, b, 8, 1480), len >= 8 && len <= 1480 ? 8 : -VIA_DROP_UDP_SHORT);
    }
}

static void emitted_header_reads_back(void **state) {
    struct via_udp_head in = {.sport = 65535, .dport = 1, .len = 1472, .sum = 0xbeef}, out = {0};
    uint8_t b[8];

    (void)state;
    assert_int_equal(via_udp_emit(b, &in), 8);
    assert_int_equal(via_udp_parse(&out, b, 8, 1472), 8);
    assert_memory_equal(&in, &out, sizeof in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_read_field_by_field),
        cmocka_unit_test(header_cut_anywhere_is_refused),
        cmocka_unit_test(length_must_lie_between_the_header_and_the_payload),
        cmocka_unit_test(emitted_header_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
