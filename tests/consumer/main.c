/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest program of a stranger: links the library and asks it something. */
#include <viaduct/viaduct.h>

#include <stdio.h>

int main(void) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_stack *st = NULL;
    int err = via_stack_create(&conf, &st);

    if (err)
        return 1;
    via_stack_poll(st, 0, NULL);
    printf("a stack at %llu ns\n", (unsigned long long)via_stack_now(st));
    return via_stack_destroy(st, 0) ? 1 : 0;
}
