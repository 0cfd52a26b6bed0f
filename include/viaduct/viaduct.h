/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file viaduct.h
 * @brief Everything.
 */
#ifndef VIADUCT_VIADUCT_H
#define VIADUCT_VIADUCT_H

#include <viaduct/attr.h>
#include <viaduct/buf.h>
#include <viaduct/ctrl.h>
#include <viaduct/epoll.h>
#include <viaduct/listener.h>
#include <viaduct/pipe.h>
#include <viaduct/sock.h>
#include <viaduct/stack.h>
#include <viaduct/stats.h>
#include <viaduct/tcp.h>
#include <viaduct/timer.h>
#include <viaduct/udp.h>
#include <viaduct/vi.h>
#include <viaduct/wait.h>

#endif
