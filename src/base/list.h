/* SPDX-License-Identifier: BSD-2-Clause */
/* list.h - ends of a singly linked list of ids. The links lie in the members; 0 is nobody, so zeroed ends are empty. */
#ifndef VIA_BASE_LIST_H
#define VIA_BASE_LIST_H

#include "base/def.h"

struct via_list {
    uint32_t head, tail;
};

#endif
