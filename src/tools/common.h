/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * common.h - what the command-line tools share: a stack on a VI from the command line, time, numbers, refusals.
 *
 * Tools are programs: they print and exit. They see the public API alone.
 */
#ifndef VIA_TOOLS_COMMON_H
#define VIA_TOOLS_COMMON_H

#include <viaduct/viaduct.h>

#include <stdio.h>

/* A stack with one VI, as asked for on the command line. */
struct tool_host {
    const char *vi;      /* --vi SPEC */
    const char *attr;    /* --attr "name=value;..." or NULL */
    const char *addr[8]; /* --addr A/len, repeated */
    unsigned addrs;
    const char *gateway; /* --gw A or NULL */
    bool take_all;       /* every frame of the queue, not only what filters name */
    struct via_stack *st;
    struct via_vi *dev;
    struct via_vi_info info; /* as opened */
};

/* Name of the program for messages, set by tool_init(), which also makes SIGINT and SIGTERM set tool_stopped(). */
void tool_init(const char *name);
bool tool_stopped(void);

/* Ends the program with status 1 and a sentence; tool_usage() with status 2. */
void tool_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void tool_usage(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Ends it with the sentence of the stack (via_why()) and the error. */
void tool_die_stack(const struct via_stack *st, int err, const char *what) __attribute__((noreturn));

/* Takes the options that make a host: true if `opt` (name without dashes) was one of them. */
bool tool_host_option(struct tool_host *h, const char *opt, const char *arg);
/* Creates the stack and opens the VI; ends the program with a sentence if that fails. */
void tool_host_open(struct tool_host *h);
/* Adds addresses and the default route. */
void tool_host_addr(struct tool_host *h);
void tool_host_close(struct tool_host *h);

/* Sleeps until the stack has something to poll for, or for `timeout` ns (VIA_NEVER: without end). */
void tool_sleep(struct via_stack *st, via_ns_t timeout);

/* CLOCK_MONOTONIC. */
via_ns_t tool_clock(void);

/* Time that this process had a CPU: what others do on the machine is not in it. */
via_ns_t tool_cpu(void);

/* Runs this thread on one CPU; -1: anywhere. */
void tool_pin(int cpu);

/* "64", "64k", "2m", in [min, max], or the program ends. */
uint64_t tool_number(const char *what, const char *text, uint64_t min, uint64_t max);
/* "200us", "5ms", "1s", "1.5s", a bare number is seconds. */
via_ns_t tool_time(const char *what, const char *text);
/* "1,64,256"; returns how many, at most `max`. */
unsigned tool_list(const char *what, const char *text, uint32_t *v, unsigned max, uint32_t limit);
/* Which of the NULL-terminated words `text` is, or the program ends and names them. */
unsigned tool_word(const char *what, const char *text, const char *const *words);
/* An address with a port of its own, or the program ends. */
struct via_ep tool_ep(const char *what, const char *addr, uint16_t port);

/* "# machine: CPU model, n CPUs, kernel" */
void tool_print_machine(FILE *f);

#endif
