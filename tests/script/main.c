/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script_run: runs packet scripts. Usage: script_run [-v] [-4|-6] [-s|-f] [-m MTU] [-w CAPTURE] FILE|FOLDER...
 * Each script runs over IPv4 and IPv6, with the fast path and (where the library has that attribute) without.
 * -v tells every line;
 * -4, -6, -f (fast), -s (slow) choose a variant; -m is the MTU of scripts that have none of their own; -w writes what the
 * stack saw as pcapng.
 */
#include "script.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct totals {
    unsigned runs, scripts, failed, skipped;
    int family, slow; /* -1: both */
    uint32_t mtu;     /* where the script does not say */
    bool verbose, has_slow;
    const char *pcap;
};

static bool one(const char *path, bool six, bool slow, struct totals *t) {
    struct sc_run *r = calloc(1, sizeof *r);
    bool ok = false;

    if (!r)
        abort();
    r->six = six;
    r->slow = slow;
    r->verbose = t->verbose;
    r->pcap = t->pcap;
    r->conf.mtu = t->mtu;
    r->conf.seed = 7;
    r->conf.tolerance = VIA_MS;
    ok = sc_load(r, path);
    if (ok && r->conf.needs_tcp && !sc_has_tcp) {
        t->skipped++;
    } else if (ok && (!r->conf.family || r->conf.family == (six ? 6 : 4))) {
        t->runs++;
        ok = sc_play(r);
    }
    if (!ok)
        printf("FAIL %s (IPv%d%s)\n  %s\n", path, six ? 6 : 4, slow ? ", slow path" : "", r->message);
    sc_unload(r);
    free(r);
    return ok;
}

static void run_file(const char *path, struct totals *t) {
    bool ok = true;

    t->scripts++;
    for (int six = 0; six < 2; six++)
        for (int slow = 0; slow < 1 + t->has_slow; slow++)
            if ((t->family < 0 || t->family == six) && (t->slow < 0 || t->slow == slow))
                ok = one(path, six, slow, t) && ok;
    t->failed += !ok;
}

static int is_script(const struct dirent *d) {
    size_t n = strlen(d->d_name);

    return n > 4 && !strcmp(d->d_name + n - 4, ".pkt");
}

static void run_path(const char *path, struct totals *t) {
    struct dirent **v;
    struct stat st;
    char whole[1024];
    int n;

    if (stat(path, &st)) {
        printf("FAIL %s: cannot be read\n", path);
        t->failed++;
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        run_file(path, t);
        return;
    }
    n = scandir(path, &v, is_script, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(whole, sizeof whole, "%s/%s", path, v[i]->d_name);
        run_file(whole, t);
        free(v[i]);
    }
    if (n >= 0)
        free(v);
}

static bool has_attr(const char *spec) {
    struct via_attr *a;
    bool has = !via_attr_new(spec, &a);

    via_attr_free(a);
    return has;
}

int main(int argc, char **argv) {
    struct totals t = {.family = -1, .slow = -1, .mtu = 1500};
    int c;

    while ((c = getopt(argc, argv, "v46sfw:m:")) != -1) {
        switch (c) {
        case 'v':
            t.verbose = true;
            break;
        case '4':
        case '6':
            t.family = c == '6';
            break;
        case 's':
        case 'f':
            t.slow = c == 's';
            break;
        case 'm':
            t.mtu = (uint32_t)strtoul(optarg, NULL, 0);
            break;
        case 'w':
            t.pcap = optarg;
            break;
        default:
            fprintf(stderr, "usage: script_run [-v] [-4|-6] [-s|-f] [-m MTU] [-w CAPTURE] FILE|FOLDER...\n");
            return 2;
        }
    }
    t.has_slow = has_attr("tcp_fast_path=off");
    for (; optind < argc; optind++)
        run_path(argv[optind], &t);
    printf("%u scripts, %u runs, %u failed, %u passed over for want of TCP\n", t.scripts, t.runs, t.failed,
           t.skipped);
    return t.failed || !t.scripts;
}
