/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bytes_rig.h"
#include "wire/arp.h"

static const char request[] = "0001 0800 06 04 0001  020000000001 0a000001  000000000000 0a000002";

static void request_is_read_field_by_field(void **state) {
    struct via_arp a = {0};
    uint8_t b[32];

    (void)state;
    assert_int_equal(via_arp_parse(&a, b, rig_hex(b, request)), 28);
    assert_int_equal(a.op, VIA_ARP_REQUEST);
    assert_int_equal(a.sender_mac[5], 1);
    assert_true(via_addr_is4(&a.sender));
    assert_int_equal(ntohl(via_addr_to4(&a.sender)), 0x0a000001);
    assert_int_equal(ntohl(via_addr_to4(&a.target)), 0x0a000002);
    assert_int_equal(a.target_mac[0], 0);
}

static void message_cut_anywhere_is_refused(void **state) {
    struct via_arp a = {0};
    uint8_t b[32];
    size_t i;

    (void)state;
    rig_hex(b, request);
    for (i = 0; i < 28; i++)
        assert_int_equal(via_arp_parse(&a, rig_edge(b, i), i), -VIA_DROP_ARP_BAD);
}

static void other_hardware_protocols_lengths_and_operations_are_refused(void **state) {
    static const struct {
        uint8_t at, value;
    } wrong[] = {{0, 1}, {1, 6}, {2, 0x86}, {3, 1}, {4, 0}, {4, 7}, {5, 0}, {5, 16}, {6, 1}, {7, 0}, {7, 3}};
    struct via_arp a = {0};
    uint8_t b[32];
    size_t i;

    (void)state;
    for (i = 0; i < VIA_COUNT(wrong); i++) {
        rig_hex(b, request);
        b[wrong[i].at] = wrong[i].value;
        assert_int_equal(via_arp_parse(&a, b, 28), -VIA_DROP_ARP_BAD);
    }
}

static void sender_with_a_group_address_is_refused(void **state) {
    struct via_arp a = {0};
    uint8_t b[32];

    (void)state;
    rig_hex(b, request);
    memset(b + 8, 0xff, 6);
    assert_int_equal(via_arp_parse(&a, b, 28), -VIA_DROP_ARP_BAD);
}

static void emitted_message_reads_back(void **state) {
    struct via_arp in, out;
    uint8_t b[VIA_ARP_LEN];
    uint64_t seed = 826;
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        memset(&in, 0, sizeof in);
        memset(&out, 0, sizeof out);
        in.op = i & 1 ? VIA_ARP_REPLY : VIA_ARP_REQUEST;
        rig_noise(&seed, in.sender_mac, 12);
        in.sender_mac[0] &= 0xfe;
        in.sender = via_addr_from4((uint32_t)rig_random(&seed));
        in.target = via_addr_from4((uint32_t)rig_random(&seed));
        assert_int_equal(via_arp_emit(b, &in), 28);
        assert_int_equal(via_arp_parse(&out, b, sizeof b), 28);
        assert_memory_equal(&in, &out, sizeof in);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_is_read_field_by_field),
        cmocka_unit_test(message_cut_anywhere_is_refused),
        cmocka_unit_test(other_hardware_protocols_lengths_and_operations_are_refused),
        cmocka_unit_test(sender_with_a_group_address_is_refused),
        cmocka_unit_test(emitted_message_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
