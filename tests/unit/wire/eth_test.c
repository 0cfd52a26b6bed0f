/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "wire/eth.h"

static const char plain[] = "0200 0000 0001  0200 0000 0002  0800";
static const char tagged[] = "0200 0000 0001  0200 0000 0002  8100 a064 86dd";

static void header_is_read_field_by_field(void **state) {
    struct via_eth e = {0};
    uint8_t b[32];
    size_t n = rig_hex(b, plain);

    (void)state;
    assert_int_equal(via_eth_parse(&e, b, n), 14);
    assert_int_equal(e.dst[5], 1);
    assert_int_equal(e.src[5], 2);
    assert_int_equal(e.type, VIA_ETH_IP4);
    assert_false(e.tagged);
    assert_int_equal(e.vlan, 0);
}

static void one_tag_is_read(void **state) {
    struct via_eth e = {0};
    uint8_t b[32];
    size_t n = rig_hex(b, tagged);

    (void)state;
    assert_int_equal(via_eth_parse(&e, b, n), 18);
    assert_int_equal(e.type, VIA_ETH_IP6);
    assert_true(e.tagged);
    assert_int_equal(e.vlan, 0xa064);
    assert_int_equal(via_eth_vid(e.vlan), 100);
}

static void second_tag_is_refused(void **state) {
    static const char *const stacked[] = {
        "0200 0000 0001 0200 0000 0002 8100 0064 8100 0065 0800",
        "0200 0000 0001 0200 0000 0002 8100 0064 88a8 0065 0800",
        "0200 0000 0001 0200 0000 0002 88a8 0064 8100 0065 0800",
    };
    struct via_eth e = {0};
    uint8_t b[32];
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(stacked); i++)
        assert_int_equal(via_eth_parse(&e, b, rig_hex(b, stacked[i])), -VIA_DROP_ETH_TYPE);
}

static void header_cut_anywhere_is_refused(void **state) {
    struct via_eth e = {0};
    uint8_t b[32];
    size_t i;

    (void)state;
    rig_hex(b, plain);
    for (i = 0; i < 14; i++)
        assert_int_equal(via_eth_parse(&e, rig_edge(b, i), i), -VIA_DROP_ETH_SHORT);
    rig_hex(b, tagged);
    for (i = 0; i < 18; i++)
        assert_int_equal(via_eth_parse(&e, rig_edge(b, i), i), -VIA_DROP_ETH_SHORT);
}

static void emitted_header_reads_back(void **state) {
    struct via_eth in, out = {0};
    uint8_t b[VIA_ETH_MAX];
    uint64_t seed = 1;
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        memset(&in, 0, sizeof in);
        memset(&out, 0, sizeof out);
        rig_noise(&seed, in.dst, 12);
        in.type = (uint16_t)(rig_random(&seed) & 0x7fff);
        in.tagged = i & 1;
        in.vlan = in.tagged ? (uint16_t)rig_random(&seed) : 0;
        assert_int_equal(via_eth_emit(b, &in), in.tagged ? 18 : 14);
        assert_int_equal(via_eth_parse(&out, b, sizeof b), in.tagged ? 18 : 14);
        assert_memory_equal(&in, &out, sizeof in);
    }
}

static void kinds_of_address_are_told_apart(void **state) {
    static const uint8_t one[6] = {2, 0, 0, 0, 0, 1}, two[6] = {2, 0, 0, 0, 0, 2}, far[6] = {3, 0, 0, 0, 0, 1};
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1}, all[6] = {255, 255, 255, 255, 255, 255}, zero[6];
    uint8_t nearly[6];
    int i;

    (void)state;
    assert_true(via_mac_eq(one, one));
    assert_false(via_mac_eq(one, two));
    assert_false(via_mac_eq(one, far));
    assert_false(via_mac_is_group(one));
    assert_true(via_mac_is_group(group));
    assert_true(via_mac_is_group(all));
    assert_true(via_mac_is_broadcast(all));
    assert_false(via_mac_is_broadcast(group));
    assert_true(via_mac_is_zero(zero));
    for (i = 0; i < 6; i++) {
        memcpy(nearly, all, 6);
        nearly[i] = 0xfe;
        assert_false(via_mac_is_broadcast(nearly));
        memcpy(nearly, zero, 6);
        nearly[i] = 1;
        assert_false(via_mac_is_zero(nearly));
        assert_false(via_mac_eq(nearly, zero));
    }
}

static void groups_have_the_addresses_of_their_rfcs(void **state) {
    static const uint8_t want4[6] = {1, 0, 0x5e, 0x7f, 0x12, 0x34}, want6[6] = {0x33, 0x33, 0xff, 0x12, 0x34, 0x56};
    struct via_addr g4 = via_addr_from4(htonl(0xefff1234)), g6 = {{0xff, 2, [11] = 1, [12] = 0xff, 0x12, 0x34, 0x56}};
    uint8_t mac[6];

    (void)state;
    via_mac_of_group(mac, &g4);
    assert_memory_equal(mac, want4, 6);
    via_mac_of_group(mac, &g6);
    assert_memory_equal(mac, want6, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_read_field_by_field),
        cmocka_unit_test(one_tag_is_read),
        cmocka_unit_test(second_tag_is_refused),
        cmocka_unit_test(header_cut_anywhere_is_refused),
        cmocka_unit_test(emitted_header_reads_back),
        cmocka_unit_test(kinds_of_address_are_told_apart),
        cmocka_unit_test(groups_have_the_addresses_of_their_rfcs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
