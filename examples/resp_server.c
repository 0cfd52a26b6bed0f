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
#define BUCKETS   65536

struct word {
    const char *at;
    size_t len;
};

struct entry {
    struct entry *next;
    size_t key_len, len;
    char bytes[]; /* the key, the value, a zero */
};

static struct entry *bucket[BUCKETS];
static unsigned keys;

/* The peer of "mem:": a counter, asked for in one go. */
static bool play(struct host *h) {
    static const char ask[] = "PING\r\n*3\r\n$3\r\nSET\r\n$1\r\nn\r\n$2\r\n41\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\nGET n\r\nGET x\r\nQUIT\r\n";
    static const char want[] = "+PONG\r\n+OK\r\n:42\r\n$2\r\n42\r\n$-1\r\n+OK\r\n";
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
    for (at = &bucket[hash % BUCKETS]; *at; at = &(*at)->next)
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

static void say(struct serve_peer *p, const char *line) {
    serve_say(p, line, strlen(line));
    serve_say(p, "\r\n", 2);
}

static void say_number(struct serve_peer *p, char kind, long long n) {
    char line[32];

    snprintf(line, sizeof line, "%c%lld", kind, n);
    say(p, line);
}

static void say_bulk(struct serve_peer *p, const char *at, size_t len) {
    say_number(p, '$', (long long)len);
    serve_say(p, at, len);
    serve_say(p, "\r\n", 2);
}

static void incr(struct serve_peer *p, struct word key) {
    const struct entry *e = *find(key);
    const char *value = e ? e->bytes + e->key_len : "";
    char text[32], *end = text;
    long long n = e ? strtoll(value, &end, 10) : 0;

    if (e && (!e->len || end != value + e->len || n == INT64_MAX || n == INT64_MIN))
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
static bool obey(struct serve_peer *p, const struct word *w, unsigned n) {
    const struct entry *e;
    unsigned i, gone = 0;

    if (is(w[0], "PING") && n == 1) {
        say(p, "+PONG");
    } else if ((is(w[0], "ECHO") || is(w[0], "PING")) && n == 2) {
        say_bulk(p, w[1].at, w[1].len);
    } else if (is(w[0], "SET") && n == 3) {
        say(p, set(w[1], w[2]) ? "+OK" : "-OOM too many keys");
    } else if (is(w[0], "GET") && n == 2) {
        e = *find(w[1]);
        if (e)
            say_bulk(p, e->bytes + e->key_len, e->len);
        else
            say(p, "$-1");
    } else if (is(w[0], "DEL") && n > 1) {
        for (i = 1; i < n; i++)
            gone += del(w[i]);
        say_number(p, ':', gone);
    } else if (is(w[0], "INCR") && n == 2) {
        incr(p, w[1]);
    } else if (is(w[0], "CONFIG") && n == 3) {
        say(p, "*2");
        say_bulk(p, w[2].at, w[2].len);
        say_bulk(p, "", 0);
    } else if (is(w[0], "COMMAND")) {
        say(p, "*0");
    } else {
        say(p, is(w[0], "QUIT") ? "+OK" : "-ERR unknown command or wrong number of arguments");
        return !is(w[0], "QUIT");
    }
    return true;
}

/* The number behind `kind` and the CRLF behind it: 1 read, 0 not whole, -1 wrong. */
static int number(const char **at, const char *end, char kind, size_t most, size_t *out) {
    const char *p = *at;

    if (p < end && *p++ != kind)
        return -1;
    for (*out = 0; p < end && *p >= '0' && *p <= '9' && *out <= most; p++)
        *out = *out * 10 + (size_t)(*p - '0');
    if (end - p < 2)
        return end - *at > 8 || (p < end && *p != '\r') ? -1 : 0;
    if (p - *at < 2 || p[0] != '\r' || p[1] != '\n' || *out > most)
        return -1;
    *at = p + 2;
    return 1;
}

/* A request as clients send it, "*2", "$3", "GET", "$1", "k", or a line of words: how many bytes, 0 not whole, -1 wrong. */
static ssize_t parse(const char *at, size_t len, struct word *w, size_t *n) {
    const char *p = at, *end = at + len, *line = memmem(at, len, "\r\n", 2);
    int err;

    if (*at == '*') {
        if ((err = number(&p, end, '*', ARGS, n)) <= 0)
            return err;
        for (size_t i = 0; i < *n; i++, w++) {
            if ((err = number(&p, end, '$', LONGEST, &w->len)) <= 0)
                return err;
            w->at = p;
            if ((size_t)(end - p) < w->len + 2)
                return 0;
            if (memcmp(p + w->len, "\r\n", 2))
                return -1;
            p += w->len + 2;
        }
        return p - at;
    }
    for (*n = 0; line && *n < ARGS && (p += strspn(p, " ")) < line; p += w[(*n)++].len)
        w[*n] = (struct word){p, strcspn(p, " \r")};
    return !line ? 0 : p < line ? -1 : line + 2 - at;
}

static ssize_t answer(struct serve_peer *p, const char *at, size_t len) {
    struct word w[ARGS] = {{0}};
    size_t n = 0;
    ssize_t used = parse(at, len, w, &n);

    if (used < 0 || (!used && len == SERVE_IN)) {
        say(p, "-ERR Protocol error");
        return SERVE_END;
    }
    return used && n && !obey(p, w, (unsigned)n) ? SERVE_END : used;
}

int main(int argc, char **argv) {
    static struct serve s = {.request = answer};
    struct host h;

    host_open(&h, argc, argv, play);
    serve_open(&s, &h, RESP_PORT);
    while (host_turn(&h))
        serve_turn(&s);
    serve_close(&s);
    host_close(&h);
    return 0;
}
