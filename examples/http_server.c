/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An HTTP/1.1 server (RFC 9112) at port 80: keep-alive, pipelining, GET and HEAD. The page "/" has 10 KB; "/N", "/Nk" and
 * "/Nm" have N bytes, KB, MB (at most 1 MB). Usage: http_server SPEC ADDRESS/LEN
 *
 * The answer for "/" is sent without a copy: a number of them lie ready in packet buffers, each is lent to the stack by
 * via_zc_send() and is ours again when its token completes, that is when the peer has acknowledged its last byte. With
 * all of them on their way the next one is copied.
 */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define HTTP_PORT 80
#define PAGE      10240
#define LARGEST   (1 << 20)
#define LINE      64  /* the text is made of numbered lines */
#define READY     64

struct page {
    struct via_seg seg; /* .buf NULL: the stack gave no buffer */
    bool lent;
};

static char text[LARGEST]; /* what every page is the begin of */
static struct page ready[READY];

/* The peer of "mem:": a few requests in one go, then the end of the connection. */
static bool play(struct host *h) {
    static const char ask[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /64 HTTP/1.1\r\nHost: a\r\n\r\n"
                              "GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /100k HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    static char got[200000];
    struct iovec v = {got, sizeof got};

    if (serve_play(h, HTTP_PORT, ask, &v))
        return true;
    printf("peer: %zu bytes of answers\n", v.iov_len);
    if (v.iov_len < PAGE + 102400 || memcmp(got + v.iov_len - 102400, text, 102400))
        exit(1);
    return false;
}

static void say(struct serve_peer *p, const char *status, size_t length, const char *more) {
    char head[256];

    serve_say(p, head, (size_t)snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, length, more));
}

/* Answers that lie ready: head and body in one chain of buffers. */
static void make_ready(struct via_stack *st) {
    static char whole[256 + PAGE];
    size_t i, head = (size_t)snprintf(whole, 256, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", PAGE);
    char line[LINE + 1];

    for (i = 0; i < LARGEST / LINE; i++) {
        snprintf(line, sizeof line, "%0*zu\n", LINE - 1, i);
        memcpy(text + i * LINE, line, LINE);
    }
    memcpy(whole + head, text, PAGE);
    for (i = 0; i < READY && !via_buf_alloc(st, head + PAGE, &ready[i].seg); i++) {
        struct via_seg part = ready[i].seg;
        size_t at = 0;

        do {
            memcpy(part.data, whole + at, part.len);
            at += part.len;
        } while (!via_buf_next(st, &part, &part));
    }
}

/* Lends an answer to the stack, behind all that is to be sent already. False: it has to be copied. */
static bool lend(struct serve_peer *p) {
    struct via_stack *st = p->serve->h->st;
    unsigned i;

    for (i = 0; i < READY; i++) {
        struct via_post post = {.seg = &ready[i].seg, .n = 1, .token = i + 1};

        if (ready[i].lent || !ready[i].seg.buf)
            continue;
        if (!serve_flush(p, VIA_MORE))
            return false;
        via_buf_ref(st, ready[i].seg.buf); /* the send takes one holder's part, we keep ours */
        ready[i].lent = !via_zc_send(st, p->sock, &post);
        if (!ready[i].lent)
            via_buf_release(st, &ready[i].seg.buf, 1);
        return ready[i].lent;
    }
    return false;
}

static void collect(struct serve *s) {
    struct via_done done[32];
    int i, n;

    while ((n = via_tx_done(s->h->st, done, 32)) > 0)
        for (i = 0; i < n; i++)
            ready[done[i].token - 1].lent = false;
}

/* The value of a header line if it is the one named; the head is text of lines that all end in CRLF. */
static const char *value(const char *line, const char *name) {
    size_t n = strlen(name);

    return !strncasecmp(line, name, n) && line[n] == ':' ? line + n + 1 + strspn(line + n + 1, " \t") : NULL;
}

struct ask {
    char path[1024];
    bool get, keep, host, body; /* body: it brings one, which no page of ours wants */
};

/* Reads a head; false: that is no HTTP. */
static bool read_head(char *head, struct ask *a) {
    char *line = strstr(head, "\r\n"), method[16], minor, rest;
    const char *v;

    *line = 0;
    if (sscanf(head, "%15[A-Z] %1023[^ ] HTTP/1.%c%c", method, a->path, &minor, &rest) != 3 || (minor != '0' && minor != '1'))
        return false;
    a->get = !strcmp(method, "GET");
    a->keep = minor == '1';
    a->host = minor == '0';
    if (!a->get && strcmp(method, "HEAD"))
        a->path[0] = 0;
    for (line += 2; *line != '\r'; line = strstr(line, "\r\n") + 2) {
        if ((v = value(line, "Host")))
            a->host = true;
        else if ((v = value(line, "Connection")))
            a->keep = !strncasecmp(v, "keep-alive", 10) || (a->keep && strncasecmp(v, "close", 5));
        else if ((v = value(line, "Content-Length")))
            a->body |= *v != '0';
        else if (value(line, "Transfer-Encoding"))
            a->body = true;
    }
    return true;
}

/* Bytes of the page at `path`, -1: there is none. */
static long page_size(const char *path) {
    char *end;
    long n;

    if (!strcmp(path, "/"))
        return PAGE;
    n = path[0] == '/' && path[1] >= '0' && path[1] <= '9' ? strtol(path + 1, &end, 10) : -1;
    if (n >= 0 && n <= LARGEST && (*end == 'k' || *end == 'm'))
        n <<= *end++ == 'k' ? 10 : 20;
    return n < 0 || *end || n > LARGEST ? -1 : n;
}

static ssize_t refuse(struct serve_peer *p, const char *status) {
    say(p, status, 0, "Connection: close\r\n");
    return SERVE_END;
}

static ssize_t answer(struct serve_peer *p, const char *at, size_t len) {
    const char *end = memmem(at, len < SERVE_IN / 2 ? len : SERVE_IN / 2, "\r\n\r\n", 4);
    char head[SERVE_IN / 2 + 1];
    struct ask a = {.body = false};
    long size;

    if (!end)
        return len < SERVE_IN / 2 ? 0 : refuse(p, "431 Request Header Fields Too Large");
    memcpy(head, at, (size_t)(end + 4 - at));
    head[end + 4 - at] = 0;
    if (memchr(at, 0, (size_t)(end - at)) || !read_head(head, &a) || !a.host)
        return refuse(p, "400 Bad Request");
    if (a.body || !a.path[0])
        return refuse(p, a.body ? "413 Content Too Large" : "501 Not Implemented");
    size = page_size(a.path);
    if (size == PAGE && a.get && a.keep && lend(p))
        return end + 4 - at;
    say(p, size < 0 ? "404 Not Found" : "200 OK", size < 0 ? 0 : (size_t)size, a.keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
    if (a.get && size > 0) {
        p->body = text;
        p->body_len = (size_t)size;
    }
    return a.keep ? end + 4 - at : SERVE_END;
}

int main(int argc, char **argv) {
    static struct serve s = {.request = answer, .done = collect};
    struct host h;

    host_open(&h, argc, argv, play);
    make_ready(h.st);
    serve_open(&s, &h, HTTP_PORT);
    while (host_turn(&h))
        serve_turn(&s);
    serve_close(&s);
    for (unsigned i = 0; i < READY; i++)
        via_buf_release(h.st, &ready[i].seg.buf, 1);
    host_close(&h);
    return 0;
}
