/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/def.h"

#include <viaduct/stats.h>

#include <ctype.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void every_reason_has_a_name_and_a_sentence_of_its_own(void **state) {
    unsigned i, j;

    (void)state;
    for (i = 0; i < VIA_DROPS; i++) {
        const char *name = via_drop_name((enum via_drop)i), *at;

        assert_non_null(name);
        assert_true(strlen(via_drop_text((enum via_drop)i)) > 0);
        for (at = name; *at; at++)
            assert_true(isupper((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_');
        for (j = 0; j < i; j++)
            assert_string_not_equal(name, via_drop_name((enum via_drop)j));
    }
}

static void name_and_text_are_those_of_the_list(void **state) {
    (void)state;
    assert_string_equal(via_drop_name(VIA_DROP_IP_CHECKSUM), "IP_CHECKSUM");
    assert_string_equal(via_drop_text(VIA_DROP_IP_CHECKSUM), "IPv4 header checksum wrong");
    assert_string_equal(via_drop_name(VIA_KEPT), "KEPT");
    assert_string_equal(via_drop_text(VIA_KEPT), "kept");
}

static void number_outside_the_list_has_a_text_all_the_same(void **state) {
    (void)state;
    assert_string_equal(via_drop_name(VIA_DROPS), "UNKNOWN");
    assert_string_equal(via_drop_name((enum via_drop)-1), "UNKNOWN");
    assert_string_equal(via_drop_text((enum via_drop)1000000), "no such reason");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_a_name_and_a_sentence_of_its_own),
        cmocka_unit_test(name_and_text_are_those_of_the_list),
        cmocka_unit_test(number_outside_the_list_has_a_text_all_the_same),
    };

    return cmocka_run_group_tests_name("base/drop", tests, NULL, NULL);
}
