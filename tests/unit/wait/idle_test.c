/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idle_test.c - an idle stack sleeps for ever: no wake-up and no system call in five seconds, counted by a parent that
 * traces (ptrace(2)) a child in its loop. With the protocols' defaults it becomes quiet after their own last timer.
 */
#include "desk.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLEEP_MS 5000

/* What the child is made of. */
struct scene {
    void (*play)(const struct scene *scene);
    int loops;
};

/* The real clock, but for leaps over what the protocols still wait for. */
static via_ns_t leapt;

static via_ns_t leaping_clock(void *ctx) {
    struct timespec ts;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return leapt + (via_ns_t)ts.tv_sec * VIA_SEC + (via_ns_t)ts.tv_nsec;
}

static struct via_stack *quiet_stack(void) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_attr *a;
    struct via_stack *st;

    if (via_attr_new("linklocal=off;accept_ra=off;dad_probes=0;huge_pages=off;frames=256", &a) < 0)
        _exit(90);
    conf.attr = a;
    conf.clock = leaping_clock;
    if (via_stack_create(&conf, &st) < 0)
        _exit(91);
    via_attr_free(a);
    return st;
}

/* Polls both until nothing is left to do, now or later. */
static void settle(struct via_stack *st[2]) {
    int i;

    for (i = 0; i < 1000; i++) {
        via_stack_poll(st[i & 1], 0, NULL);
        if (i % 10 == 0)
            leapt += VIA_SEC;
    }
    for (i = 0; i < 2; i++) {
        if (via_stack_deadline(st[i]) != VIA_NEVER || via_wait_arm(st[i], 0))
            _exit(94);
        via_stack_poll(st[i], 0, NULL);
    }
}

/* The parent counts what lies between two of these. */
static void mark(void) {
    getppid();
}

/* Two stacks joined by a cable, in one epoll loop, as a server without clients. */
static void play_idle(const struct scene *scene) {
    struct via_stack *st[2] = {quiet_stack(), quiet_stack()};
    struct via_ep any = via_ep_any(VIA_AF_4, 5);
    struct via_ifaddr addr = {
        .addr = via_addr_from4(htonl(0x0a000001)), .iface = 1, .prefix = 24, .flags = VIA_ADDR_NODAD};
    struct epoll_event ev;
    struct via_vi *vi[2];
    int epfd = epoll_create1(0), i;
    via_sock_t s;

    if (via_vi_pair(st[0], st[1], NULL, vi) < 0 || via_udp_open(st[0], NULL, &any, &s) < 0)
        _exit(92);
    if (via_ctrl_addr(st[0], VIA_CTRL_ADD, &addr) < 0)
        _exit(92);
    for (i = 0; i < 2; i++) {
        if (via_wait_join(st[i], epfd, (uint64_t)i) < 0)
            _exit(93);
    }
    settle(st);
    if (via_wait_arm(st[0], 0) || via_wait_arm(st[1], 0))
        _exit(96);
    mark();
    i = epoll_wait(epfd, &ev, 1, scene->loops);
    mark();
    _exit(i == 0 ? 0 : 95);
}

/* A busy poller with nothing to do: polls make no call at all. */
static void play_polling(const struct scene *scene) {
    struct via_stack *st[2] = {quiet_stack(), quiet_stack()};
    struct via_vi *vi[2];
    int i;

    if (via_vi_pair(st[0], st[1], NULL, vi) < 0)
        _exit(92);
    settle(st);
    mark();
    for (i = 0; i < scene->loops; i++)
        via_stack_poll_at(st[0], leaping_clock(NULL), 0, NULL);
    mark();
    _exit(0);
}

/* The child runs from system call to system call; how many lie between the marks, -1 if there were none. */
static long count_calls(pid_t child, int *status) {
    long calls = 0, marks = 0;
    bool inside = false;

    if (waitpid(child, status, 0) != child)
        return -1;
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (;;) {
        struct __ptrace_syscall_info info;

        if (ptrace(PTRACE_SYSCALL, child, 0, 0) < 0 || waitpid(child, status, 0) != child || WIFEXITED(*status) ||
            WIFSIGNALED(*status))
            return marks == 2 ? calls : -1;
        if (!WIFSTOPPED(*status) || WSTOPSIG(*status) != (SIGTRAP | 0x80))
            continue;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) < 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
            continue;
        if (info.entry.nr == __NR_getppid) {
            marks++;
            inside = !inside;
        } else {
            calls += inside;
        }
    }
}

static long calls_of(const struct scene *scene) {
    int status = 0;
    long calls;
    pid_t child = fork();

    assert_true(child >= 0);
    if (!child) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
            _exit(89);
        raise(SIGSTOP);
        scene->play(scene);
        _exit(88);
    }
    calls = count_calls(child, &status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 89)
        skip(); /* nobody may trace here */
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return calls;
}

static void idle_loop_makes_no_call_in_five_seconds(void **state) {
    (void)state;
    assert_int_equal(calls_of(&(struct scene){play_idle, SLEEP_MS}), 1); /* its own epoll_wait(), which times out */
}

static void idle_poll_makes_no_call(void **state) {
    (void)state;
    assert_int_equal(calls_of(&(struct scene){play_polling, 1000}), 0);
}

static via_ns_t the_clock(void *ctx) {
    return *(via_ns_t *)ctx;
}

static void protocols_become_quiet_after_their_own_timers(void **state) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_ifaddr addr = {.addr = via_addr_from4(htonl(0x0a000001)), .iface = 1, .prefix = 24};
    struct via_group group = {.group = via_addr_from4(htonl(0xef010203)), .iface = 1};
    struct via_ep any = via_ep_any(VIA_AF_4, 5);
    via_ns_t now = VIA_SEC, end = 3600 * VIA_SEC, next;
    struct via_stack *st[2];
    struct via_vi *vi[2];
    unsigned rounds = 0;
    via_sock_t s;
    int i;

    (void)state;
    conf.clock = the_clock;
    conf.clock_ctx = &now;
    conf.seed = 3;
    for (i = 0; i < 2; i++)
        assert_int_equal(via_stack_create(&conf, &st[i]), 0);
    assert_int_equal(via_vi_pair(st[0], st[1], NULL, vi), 0);
    assert_int_equal(via_ctrl_addr(st[0], VIA_CTRL_ADD, &addr), 0);
    assert_int_equal(via_udp_open(st[0], NULL, &any, &s), 0);
    assert_int_equal(via_udp_join(st[0], s, &group, true), 0);
    do {
        next = VIA_NEVER;
        for (i = 0; i < 2; i++) {
            via_stack_poll_at(st[i], now, 0, NULL);
            next = via_stack_deadline(st[i]) < next ? via_stack_deadline(st[i]) : next;
        }
        rounds++;
        now = next == VIA_NEVER ? end : next > now ? next : now + VIA_US;
    } while (now < end);
    assert_int_equal(next, VIA_NEVER);
    assert_in_range(rounds, 5, 500);
    for (i = 0; i < 2; i++) {
        via_stack_poll_at(st[i], now, 0, NULL);
        assert_int_equal(via_wait_arm(st[i], 0), 0);
    }
    for (i = 0; i < 2; i++)
        assert_int_equal(via_stack_destroy(st[i], 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocols_become_quiet_after_their_own_timers),
        cmocka_unit_test(idle_poll_makes_no_call),
        cmocka_unit_test(idle_loop_makes_no_call_in_five_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
