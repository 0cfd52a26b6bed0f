/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An HTTP/1.1 client: several connections at once, on each of them a number of requests in one go (pipelined), and what is
 * answered goes to files. Usage: http_client SPEC ADDRESS/LEN PEER:PORT PATH [CONNECTIONS [REQUESTS [DIRECTORY]]]
 * The bodies are DIRECTORY/<connection>.<request>; without a directory they are counted.
 */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS (VIA_EV_IN | VIA_EV_CONNECTED | VIA_EV_SPACE | VIA_EV_EOF | VIA_EV_TERMINATED)
#define MOST   256

struct fetch {
    via_sock_t sock;
    unsigned sent, answered;
    long left;    /* of the body; -1: the head is not whole */
    size_t fill;  /* of `head` */
    FILE *file;
    char head[4096];
};

struct client {
    struct host h;
    struct via_epoll *set;
    struct via_ep peer;
    const char *path, *dir;
    unsigned connections, requests, open, failed;
    uint64_t answers, bytes;
    struct fetch fetch[MOST];
};

/* The peer of "mem:": a server that gives the same page to everybody, and believes that whole requests come. */
static bool play(struct host *h) {
    static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHello, world";
    struct via_ep at = via_ep_any(VIA_AF_ANY, 80);
    static via_sock_t listener;
    static struct via_accepted v[MOST];
    static int n;
    char buf[8192], *ask;
    int i, part;

    if (!listener && via_listen(h->other, NULL, &at, &listener))
        exit(1);
    part = n < MOST ? via_accept(h->other, listener, v + n, (unsigned)(MOST - n)) : 0;
    n += part > 0 ? part : 0;
    for (i = 0; i < n; i++) {
        ssize_t got = via_tcp_recv(h->other, v[i].sock, buf, sizeof buf - 1, 0);
        struct iovec iov = {(void *)(uintptr_t)page, sizeof page - 1};

        if (!got)
            via_tcp_shutdown(h->other, v[i].sock);
        buf[got > 0 ? got : 0] = 0;
        for (ask = buf; (ask = strstr(ask, "\r\n\r\n")); ask += 4)
            via_tcp_send(h->other, v[i].sock, &iov, 1, VIA_ALL);
    }
    return true;
}

static void must(struct client *c, int err, const char *what) {
    if (!err)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, strerror(-err), via_why(c->h.st));
    exit(1);
}

static void finish(struct client *c, struct fetch *f, const char *fault) {
    if (fault) {
        fprintf(stderr, "connection %d, answer %u: %s\n", (int)(f - c->fetch), f->answered, fault);
        c->failed++;
    }
    if (f->file)
        fclose(f->file);
    via_sock_close(c->h.st, f->sock, fault ? VIA_ABORT : 0);
    f->sock = 0;
    c->open--;
}

static void ask(struct client *c, struct fetch *f) {
    char text[1200];

    for (; f->sent < c->requests; f->sent++) {
        int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: viaduct\r\n\r\n", c->path);
        struct iovec v = {text, (size_t)n};

        if (via_tcp_send(c->h.st, f->sock, &v, 1, VIA_ALL | (f->sent + 1 < c->requests ? VIA_MORE : 0)) < 0)
            return; /* -EAGAIN: VIA_EV_SPACE will bring us back */
    }
}

/* The head is whole: how long is the body? NULL: all is well, else what is wrong. */
static const char *read_head(struct client *c, struct fetch *f) {
    const char *length = strcasestr(f->head, "\r\nContent-Length:");
    char name[512];

    if (strncmp(f->head, "HTTP/1.1 200 ", 13) || !length)
        return "not 200, or of unknown length";
    f->left = atol(length + 17);
    if (!c->dir)
        return NULL;
    snprintf(name, sizeof name, "%s/%d.%u", c->dir, (int)(f - c->fetch), f->answered);
    f->file = fopen(name, "w");
    return f->file ? NULL : "no file";
}

/* Takes what came: heads byte by byte, bodies as they are. NULL: all is well. */
static const char *take(struct client *c, struct fetch *f, const char *at, size_t n) {
    const char *fault = NULL;

    while (n && !fault) {
        size_t part = 1;

        if (f->left < 0) {
            f->head[f->fill++] = *at;
            f->head[f->fill] = 0;
            if (f->fill + 1 == sizeof f->head)
                fault = "a head that is too long";
            else if (f->fill > 3 && !strcmp(f->head + f->fill - 4, "\r\n\r\n"))
                fault = read_head(c, f);
        } else {
            part = n < (size_t)f->left ? n : (size_t)f->left;
            if (f->file && fwrite(at, 1, part, f->file) != part)
                fault = "the file takes no more";
            f->left -= (long)part;
            c->bytes += part;
        }
        at += part;
        n -= part;
        if (f->left)
            continue;
        if (f->file)
            fclose(f->file);
        f->file = NULL;
        f->left = -1;
        f->fill = 0;
        f->answered++;
        c->answers++;
    }
    return fault;
}

static void on_event(const struct via_event *ev, void *arg) {
    struct client *c = arg;
    struct fetch *f = &c->fetch[ev->user];
    const char *fault = NULL;
    char buf[65536];
    ssize_t n = 1;

    if (f->sock != ev->sock)
        return;
    ask(c, f);
    while (!fault && (n = via_tcp_recv(c->h.st, f->sock, buf, sizeof buf, 0)) > 0)
        fault = take(c, f, buf, (size_t)n);
    if (!fault && n != -EAGAIN && n != -ENOTCONN && (n || f->answered < c->requests))
        fault = n ? strerror((int)-n) : "the connection ended early";
    if (!fault && n && f->answered == c->requests)
        via_tcp_shutdown(c->h.st, f->sock); /* the peer does the same, and we see its end before we go */
    if (fault || !n)
        finish(c, f, fault);
}

int main(int argc, char **argv) {
    static struct client c = {.connections = 4, .requests = 3, .path = "/"};
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;

    host_open(&c.h, argc, argv, play);
    if (c.h.play)
        c.peer = host_ep(&c.h.other_addr, 80);
    else if (argc < 5)
        must(&c, -EINVAL, "PEER:PORT and PATH are wanted");
    must(&c, argc > 3 ? via_ep_parse(argv[3], &c.peer) : 0, "peer");
    c.path = argc > 4 ? argv[4] : "/";
    c.connections = argc > 5 ? (unsigned)atoi(argv[5]) % (MOST + 1) : 4;
    c.requests = argc > 6 ? (unsigned)atoi(argv[6]) : 3;
    c.dir = argc > 7 ? argv[7] : NULL;
    must(&c, via_epoll_create(c.h.st, &conf, &c.set), "set");
    for (c.open = 0; c.open < c.connections; c.open++) {
        struct fetch *f = &c.fetch[c.open];

        f->left = -1;
        must(&c, via_tcp_connect(c.h.st, NULL, NULL, &c.peer, &f->sock), "connect");
        must(&c, via_epoll_ctl(c.set, VIA_EPOLL_ADD, f->sock, EVENTS, c.open), "member");
    }
    while (c.open && host_turn(&c.h))
        via_epoll_dispatch(c.set, 0, on_event, &c);
    printf("%llu answers, %llu bytes, %u of %u connections failed\n", (unsigned long long)c.answers,
           (unsigned long long)c.bytes, c.failed, c.connections);
    via_stack_poll(c.h.st, 0, NULL); /* the last ACKs */
    host_close(&c.h);
    return c.open || c.failed;
}
