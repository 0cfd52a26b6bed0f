/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An HTTP/1.1 server (RFC 9112) at port 80: keep-alive, pipelining, GET and HEAD. The page "/" has 10 KB; "/N", "/Nk" and
 * "/Nm" have N bytes, KB, MB (at most 1 MB). Usage: http_server SPEC ADDRESS/LEN
 *
 * Pages of up to 16 segments are written straight into the frames in which they leave (via_buf_alloc(), via_zc_send()); the
 * token completes when the peer has acknowledged the last byte. Longer ones are copied into the send queue as it has room.
 */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define HTTP_PORT 80
#define PAGE      10240
#define LARGEST   (1 << 20)
#define LINE      64  /* the text is made of numbered lines */
#define SEGS      16

static char text[LARGEST]; /* what every page is the begin of */
static uint64_t lent, done;

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

    serve_say(p, head, (size_t)snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status,
                                           length, more));
}

static void write_text(void) {
    char line[LINE + 1];
    size_t i;

    for (i = 0; i < LARGEST / LINE; i++) {
        snprintf(line, sizeof line, "%0*zu\n", LINE - 1, i);
        memcpy(text + i * LINE, line, LINE);
    }
}

/* Sends a page in buffers of one segment each, behind all that waits already. False: it has to be copied. */
static bool lend(struct serve_peer *p, size_t size) {
    struct via_stack *st = p->serve->h->st;
    struct via_seg seg[SEGS];
    struct via_post post = {.seg = seg, .token = lent + 1};
    size_t at, len = sizeof(int);
    int mss;

    if (via_sock_getopt(st, p->sock, VIA_OPT_MSS, &mss, &len) || size > SEGS * (size_t)mss || !serve_flush(p, VIA_MORE))
        return false;
    for (at = 0; at < size; at += len) {
        len = size - at < (size_t)mss ? size - at : (size_t)mss;
        if (via_buf_alloc(st, len, &seg[post.n]))
            break;
        memcpy(seg[post.n++].data, text + at, len);
    }
    if (at == size && !via_zc_send(st, p->sock, &post)) {
        lent++;
        return true;
    }
    while (post.n--)
        via_buf_release(st, &seg[post.n].buf, 1);
    return false;
}

static void collect(struct serve *s) {
    struct via_done v[32];
    int n;

    while ((n = via_tx_done(s->h->st, v, 32)) > 0)
        done += (unsigned)n;
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
    say(p, size < 0 ? "404 Not Found" : "200 OK", size < 0 ? 0 : (size_t)size,
        a.keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
    if (a.get && size > 0 && !lend(p, (size_t)size)) {
        p->body = text;
        p->body_len = (size_t)size;
    }
    return a.keep ? end + 4 - at : SERVE_END;
}

int main(int argc, char **argv) {
    static struct serve s = {.port = HTTP_PORT, .play = play, .request = answer, .done = collect};

    write_text();
    serve_main(&s, argc, argv);
    printf("%llu bodies were sent without a copy, %llu of them acknowledged\n", (unsigned long long)lent,
           (unsigned long long)done);
    return 0;
}
