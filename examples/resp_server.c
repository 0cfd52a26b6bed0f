/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small key-value server that speaks RESP, the protocol of redis, at port 6379: PING, ECHO, SET, GET, DEL, INCR,
 * QUIT, and as much of COMMAND and CONFIG as redis-cli and redis-benchmark ask for. Requests may be pipelined.
 * Usage: resp_server SPEC ADDRESS/LEN
 */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define RESP_PORT 6379
#define ARGS      8
#define LONGEST   4096   /* of a key or a value */
#define KEYS      100000 /* beyond that SET is refused */

struct word {
    const char *at;
    size_t len;
};

struct entry {
    struct entry *next;
    size_t key_len, len;
    char bytes[]; /* the key, the value, a zero */
};

static struct entry *bucket[65536];
static unsigned keys;

/* The peer of "mem:": a counter, asked for in one go. */
static bool play(struct host *h) {
    static const char ask[] = "*3\r\n$3\r\nSET\r\n$1\r\nn\r\n$2\r\n41\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$3\r\nGET\r\n$1\r\nx\r\n"
                              "*1\r\n$4\r\nQUIT\r\n";
    static const char want[] = "+OK\r\n:42\r\n$-1\r\n+OK\r\n";
    static char got[256];
    struct iovec v = {got, sizeof got};

    if (serve_play(h, RESP_PORT, ask, &v))
        return true;
    printf("peer: %s", got);
    if (strcmp(got, want))
        exit(1);
    return false;
}

/* Where the entry hangs, or would. */
static struct entry **find(struct word key) {
    uint32_t hash = 2166136261u;
    struct entry **at;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (uint8_t)key.at[i]) * 16777619u;
    for (at = &bucket[hash >> 16]; *at; at = &(*at)->next)
        if ((*at)->key_len == key.len && !memcmp((*at)->bytes, key.at, key.len))
            break;
    return at;
}

static bool del(struct word key) {
    struct entry **at = find(key), *e = *at;

    if (!e)
        return false;
    *at = e->next;
    free(e);
    keys--;
    return true;
}

static bool set(struct word key, struct word value) {
    struct entry *e = keys < KEYS ? malloc(sizeof *e + key.len + value.len + 1) : NULL, **at;

    if (!e)
        return false;
    memcpy(e->bytes, key.at, key.len);
    memcpy(e->bytes + key.len, value.at, value.len);
    e->bytes[key.len + value.len] = 0;
    e->key_len = key.len;
    e->len = value.len;
    del(key);
    at = find(key);
    e->next = *at;
    *at = e;
    keys++;
    return true;
}

static void say_number(struct serve_peer *p, char kind, long long n) {
    char line[32];

    serve_say(p, line, (size_t)snprintf(line, sizeof line, "%c%lld\r\n", kind, n));
}

static void say(struct serve_peer *p, const char *line) {
    serve_say(p, line, strlen(line));
    serve_say(p, "\r\n", 2);
}

/* Nobody's value is nil. */
static void say_bulk(struct serve_peer *p, struct word w) {
    say_number(p, '$', w.at ? (long long)w.len : -1);
    if (w.at) {
        serve_say(p, w.at, w.len);
        say(p, "");
    }
}

static struct word value(struct word key) {
    const struct entry *e = *find(key);

    return e ? (struct word){e->bytes + e->key_len, e->len} : (struct word){NULL, 0};
}

static void incr(struct serve_peer *p, struct word key) {
    struct word old = value(key);
    char text[32], *end;
    long long n = strtoll(old.at ? old.at : "0", &end, 10);

    if (old.at && (!old.len || end != old.at + old.len || n == INT64_MAX || n == INT64_MIN))
        say(p, "-ERR value is not an integer or out of range");
    else if (!set(key, (struct word){text, (size_t)snprintf(text, sizeof text, "%lld", n + 1)}))
        say(p, "-OOM too many keys");
    else
        say_number(p, ':', n + 1);
}

static bool is(struct word w, const char *name) {
    return w.len == strlen(name) && !strncasecmp(w.at, name, w.len);
}

/* One command. False: it was the last. */
static bool obey(struct serve_peer *p, const struct word *w, size_t n) {
    unsigned gone = 0;

    if (is(w[0], "PING") && n == 1)
        say(p, "+PONG");
    else if ((is(w[0], "ECHO") || is(w[0], "PING")) && n == 2)
        say_bulk(p, w[1]);
    else if (is(w[0], "SET") && n == 3)
        say(p, set(w[1], w[2]) ? "+OK" : "-OOM too many keys");
    else if (is(w[0], "GET") && n == 2)
        say_bulk(p, value(w[1]));
    else if (is(w[0], "INCR") && n == 2)
        incr(p, w[1]);
    else if (is(w[0], "COMMAND") || is(w[0], "CONFIG"))
        say(p, "*0");
    else if (is(w[0], "DEL") && n > 1) {
        while (--n)
            gone += del(w[n]);
        say_number(p, ':', gone);
    } else
        say(p, is(w[0], "QUIT") ? "+OK" : "-ERR unknown command or wrong number of arguments");
    return !is(w[0], "QUIT");
}

/* The number behind `kind` and the CRLF behind it: 1 read, 0 not whole, -1 wrong. */
static int number(const char **at, char kind, size_t most, size_t *out) {
    size_t n = strcspn(*at, "\r");
    const char *line = *at;
    char *end;

    if ((n && *line != kind) || n > 8 || (n > 1 && (line[1] < '0' || line[1] > '9')))
        return -1;
    if (!line[n] || !line[n + 1])
        return 0;
    *out = strtoul(line + 1, &end, 10);
    *at = line + n + 2;
    return n < 2 || end != line + n || line[n + 1] != '\n' || *out > most ? -1 : 1;
}

/* A request, "*2", "$3", "GET", "$1", "k", line by line: how many bytes, 0 not whole, -1 wrong. */
static ssize_t parse(const char *at, size_t len, struct word *w, size_t *n) {
    const char *p = at, *end = at + len;
    int err = number(&p, '*', ARGS, n);

    if (err <= 0)
        return err;
    for (size_t i = 0; i < *n; i++, w++) {
        if ((err = number(&p, '$', LONGEST, &w->len)) <= 0)
            return err;
        w->at = p;
        if ((size_t)(end - p) < w->len + 2)
            return 0;
        p += w->len + 2;
        if (memcmp(p - 2, "\r\n", 2))
            return -1;
    }
    return p - at;
}

static ssize_t answer(struct serve_peer *p, const char *at, size_t len) {
    struct word w[ARGS] = {{0}};
    size_t n = 0;
    ssize_t used = parse(at, len, w, &n);

    if (used < 0 || (!used && len == SERVE_IN)) {
        say(p, "-ERR Protocol error");
        return SERVE_END;
    }
    return used && n && !obey(p, w, n) ? SERVE_END : used;
}

int main(int argc, char **argv) {
    static struct serve s = {.port = RESP_PORT, .play = play, .request = answer};

    return serve_main(&s, argc, argv);
}
