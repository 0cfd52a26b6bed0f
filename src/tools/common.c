/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static const char *program = "viaduct";
static volatile sig_atomic_t stopped;

static void stop(int sig) {
    (void)sig;
    stopped = 1;
}

void tool_init(const char *name) {
    struct sigaction sa = {.sa_handler = stop};

    program = name;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

bool tool_stopped(void) {
    return stopped;
}

static void say(const char *fmt, va_list ap) {
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void tool_die(const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    exit(1);
}

void tool_usage(const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    fprintf(stderr, "Try '%s --help'.\n", program);
    exit(2);
}

void tool_die_stack(const struct via_stack *st, int err, const char *what) {
    const char *why = st ? via_why(st) : "";

    tool_die("%s: %s%s%s", what, strerror(-err), why[0] ? ": " : "", why);
}

bool tool_host_option(struct tool_host *h, const char *opt, const char *arg) {
    if (!strcmp(opt, "vi"))
        h->vi = arg;
    else if (!strcmp(opt, "attr"))
        h->attr = arg;
    else if (!strcmp(opt, "gw"))
        h->gateway = arg;
    else if (!strcmp(opt, "addr") && h->addrs < sizeof h->addr / sizeof h->addr[0])
        h->addr[h->addrs++] = arg;
    else
        return false;
    return true;
}

void tool_host_open(struct tool_host *h) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct via_attr *attr = NULL;
    char why[VIA_WHY] = "";
    int err;

    err = via_attr_new(h->attr, &attr);
    if (err)
        tool_die("--attr: %s", attr ? via_attr_why(attr) : strerror(-err));
    conf.attr = attr;
    conf.why = why;
    conf.name = program;
    err = via_stack_create(&conf, &h->st);
    via_attr_free(attr);
    if (err)
        tool_die("no stack: %s%s%s", strerror(-err), why[0] ? ": " : "", why);
    err = via_vi_open(h->st, h->vi, NULL, &h->dev);
    if (err)
        tool_die_stack(h->st, err, h->vi);
    h->info = (struct via_vi_info)VIA_VI_INFO_INIT;
    via_vi_info(h->dev, &h->info);
    if (h->take_all && (h->info.caps & VIA_VI_STEERS)) {
        struct via_filter all = {.kind = VIA_FILTER_ALL};

        err = via_vi_filter(h->dev, true, &all);
        if (err && err != -EOPNOTSUPP && err != -EEXIST)
            tool_die_stack(h->st, err, "filter");
    }
}

static void add_addr(struct tool_host *h, const char *text) {
    struct via_ifaddr a = {.iface = h->info.index};
    char addr[VIA_ADDR_TEXT];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    int err;

    if (len >= sizeof addr)
        tool_usage("--addr %s: too long", text);
    memcpy(addr, text, len);
    addr[len] = 0;
    if (via_addr_parse(addr, &a.addr, NULL))
        tool_usage("--addr %s: not an address", text);
    a.prefix = via_addr_is4(&a.addr) ? 24 : 64;
    if (slash)
        a.prefix = (uint8_t)tool_number("--addr", slash + 1, 0, via_addr_is4(&a.addr) ? 32 : 128);
    a.flags = VIA_ADDR_NODAD;
    err = via_ctrl_addr(h->st, VIA_CTRL_ADD, &a);
    if (err && err != -EEXIST)
        tool_die_stack(h->st, err, text);
}

void tool_host_addr(struct tool_host *h) {
    unsigned i;

    for (i = 0; i < h->addrs; i++)
        add_addr(h, h->addr[i]);
    if (h->gateway) {
        struct via_route r = {.iface = h->info.index};
        int err;

        if (via_addr_parse(h->gateway, &r.gateway, NULL))
            tool_usage("--gw %s: not an address", h->gateway);
        r.family = via_addr_is4(&r.gateway) ? VIA_AF_4 : VIA_AF_6;
        if (r.family == VIA_AF_4)
            r.dst = via_addr_from4(0);
        err = via_ctrl_route(h->st, VIA_CTRL_ADD, &r);
        if (err)
            tool_die_stack(h->st, err, h->gateway);
    }
}

void tool_host_close(struct tool_host *h) {
    if (h->st)
        via_stack_destroy(h->st, VIA_FORCE);
    h->st = NULL;
}

void tool_sleep(struct via_stack *st, via_ns_t timeout) {
    struct pollfd p = {.fd = via_wait_fd(st), .events = POLLIN};
    via_ns_t ms = timeout == VIA_NEVER ? 0 : (timeout + VIA_MS - 1) / VIA_MS;
    int err = via_wait_arm(st, 0);

    if (err < 0)
        tool_die_stack(st, err, "wait");
    if (err == 0)
        poll(&p, 1, timeout == VIA_NEVER ? -1 : (int)(ms > 3600000 ? 3600000 : ms));
}

via_ns_t tool_clock(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (via_ns_t)ts.tv_sec * VIA_SEC + (via_ns_t)ts.tv_nsec;
}

via_ns_t tool_cpu(void) {
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (via_ns_t)ts.tv_sec * VIA_SEC + (via_ns_t)ts.tv_nsec;
}

void tool_pin(int cpu) {
    cpu_set_t set;

    if (cpu < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        tool_die("CPU %d: %s", cpu, strerror(errno));
}

uint64_t tool_number(const char *what, const char *text, uint64_t min, uint64_t max) {
    char *end;
    unsigned long long v;

    errno = 0;
    v = strtoull(text, &end, 0);
    if (end != text && (*end == 'k' || *end == 'm' || *end == 'g')) {
        v <<= *end == 'k' ? 10 : *end == 'm' ? 20 : 30;
        end++;
    }
    if (errno || end == text || *end || !isdigit((unsigned char)*text))
        tool_usage("%s: '%s' is not a number", what, text);
    if (v < min || v > max)
        tool_usage("%s: %s is not within %llu..%llu", what, text, (unsigned long long)min, (unsigned long long)max);
    return v;
}

via_ns_t tool_time(const char *what, const char *text) {
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
    char *end;
    double v = strtod(text, &end);
    size_t i;

    for (i = 0; end != text && v >= 0 && v < 1e9 && i < sizeof units / sizeof units[0]; i++)
        if (!strcmp(end, units[i].unit))
            return (via_ns_t)(v * units[i].ns);
    tool_usage("%s: '%s' is not a time such as 200us, 5ms, 1s", what, text);
}

unsigned tool_list(const char *what, const char *text, uint32_t *v, unsigned max, uint32_t limit) {
    char word[32];
    unsigned n = 0;

    while (*text) {
        size_t len = strcspn(text, ",");

        if (len >= sizeof word || n == max)
            tool_usage("%s: too long", what);
        memcpy(word, text, len);
        word[len] = 0;
        v[n++] = (uint32_t)tool_number(what, word, 0, limit);
        text += len + (text[len] == ',');
    }
    if (!n)
        tool_usage("%s: empty", what);
    return n;
}

unsigned tool_word(const char *what, const char *text, const char *const *words) {
    char all[256] = "";
    unsigned i;

    for (i = 0; words[i]; i++) {
        if (!strcmp(text, words[i]))
            return i;
        strncat(all, i ? ", " : "", sizeof all - strlen(all) - 1);
        strncat(all, words[i], sizeof all - strlen(all) - 1);
    }
    tool_usage("%s: '%s' is none of: %s", what, text, all);
}

struct via_ep tool_ep(const char *what, const char *addr, uint16_t port) {
    struct via_ep e = via_ep_any(VIA_AF_ANY, port);

    if (via_addr_parse(addr, &e.addr, &e.scope))
        tool_usage("%s: '%s' is not an address", what, addr);
    e.family = via_addr_is4(&e.addr) ? VIA_AF_4 : VIA_AF_6;
    return e;
}

void tool_print_machine(FILE *f) {
    FILE *info = fopen("/proc/cpuinfo", "r");
    char line[256], model[128] = "unknown CPU";
    struct utsname u;

    while (info && fgets(line, sizeof line, info))
        if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
            snprintf(model, sizeof model, "%.100s", strchr(line, ':') + 2);
            model[strcspn(model, "\n")] = 0;
            break;
        }
    if (info)
        fclose(info);
    uname(&u);
    fprintf(f, "# machine: %s, %ld CPUs, %s %s %s\n", model, sysconf(_SC_NPROCESSORS_ONLN), u.sysname, u.release,
            u.machine);
}
