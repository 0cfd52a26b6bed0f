/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest program with a loop: puts a stack into it and takes it out. */
#include <viaduct_ev.h>

int main(void) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_stack *st = NULL;
    struct via_ev place;

    if (via_stack_create(&conf, &st) || via_ev_start(&place, EV_DEFAULT, st, NULL))
        return 1;
    ev_run(EV_DEFAULT, EVRUN_NOWAIT);
    via_ev_stop(&place);
    return via_stack_destroy(st, 0) ? 1 : 0;
}
