/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Viaduct end of the namespace tests. Echoes UDP on port 7, reflects sockperf on port 11111, counts what groups bring
 * on port 5000, and says on standard output what happens to it: links, errors. Commands come line by line on standard
 * input; each is answered by one line. Usage: server --vi SPEC [--addr A/LEN]... [--gw A] [--attr ...] [--mirror IFACE]
 */
#include "common.h"
#include "echo_tcp.h"
#include "stat_format.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define ECHO_PORT     7
#define GROUP_PORT    5000
#define SOCKPERF_PORT 11111
#define BATCH         32

enum { ECHO, GROUP, SOCKPERF, CLIENT, SOCKETS };

struct server {
    struct tool_host host;
    struct via_epoll *set;
    struct echo_tcp *tcp;
    via_sock_t sock[SOCKETS];
    uint64_t echoed, grouped, reflected, answers;
    const char *mirror;
    bool over;
    char line[512]; /* of standard input, as far as it has come */
    size_t len;
};

static void open_sock(struct server *s, unsigned which, uint16_t port) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    struct via_ep any = via_ep_any(VIA_AF_ANY, port);
    int err = via_udp_open(s->host.st, &conf, &any, &s->sock[which]);

    if (!err)
        err = via_epoll_ctl(s->set, VIA_EPOLL_ADD, s->sock[which], VIA_EV_IN | VIA_EV_ERR | VIA_EV_LINK, which);
    if (err)
        tool_die_stack(s->host.st, err, "socket");
}

static void open_server(struct server *s) {
    struct via_epoll_conf conf = VIA_EPOLL_CONF_INIT;
    int err;

    tool_host_open(&s->host);
    tool_host_addr(&s->host);
    err = s->mirror ? via_ctrl_mirror(s->host.st, s->mirror, VIA_MIRROR_ALL) : 0;
    if (!err)
        err = via_epoll_create(s->host.st, &conf, &s->set);
    if (err)
        tool_die_stack(s->host.st, err, "set");
    open_sock(s, ECHO, ECHO_PORT);
    open_sock(s, GROUP, GROUP_PORT);
    open_sock(s, SOCKPERF, SOCKPERF_PORT);
    open_sock(s, CLIENT, 0);
    s->tcp = echo_tcp_open(s->host.st, s->set, ECHO_PORT);
}

static void send_back(struct server *s, unsigned which, const struct via_dgram *in) {
    struct via_dgram out = {.seg = in->seg, .peer = in->peer};

    if (!(in->flags & VIA_DGRAM_MCAST))
        out.local = in->local;
    if (via_udp_send(s->host.st, s->sock[which], &out, 1, 0) != 1)
        via_buf_release(s->host.st, &in->seg.buf, 1);
}

/* sockperf's header: a sequence number of 8 bytes, 16 bits of flags (1 from a client, 2 answer wanted), a length. */
static void reflect(struct server *s, const struct via_dgram *in) {
    uint8_t *at = in->seg.data;

    if (in->seg.len < 14 || !(at[9] & 2)) {
        via_buf_release(s->host.st, &in->seg.buf, 1);
        return;
    }
    at[9] &= 0xfe;
    s->reflected++;
    send_back(s, SOCKPERF, in);
}

static void take(struct server *s, unsigned which, const struct via_dgram *in) {
    switch (which) {
    case ECHO:
        s->echoed++;
        send_back(s, ECHO, in);
        return;
    case SOCKPERF:
        reflect(s, in);
        return;
    case GROUP:
        s->grouped += (in->flags & VIA_DGRAM_MCAST) != 0;
        break;
    default:
        s->answers++;
    }
    via_buf_release(s->host.st, &in->seg.buf, 1);
}

static void handle(struct server *s, const struct via_event *ev) {
    struct via_dgram in[BATCH];
    int i, n;

    if (echo_tcp_handle(s->tcp, ev))
        return;
    if (ev->what & VIA_EV_LINK)
        printf("event link %d on %u\n", ev->reason, (unsigned)ev->user);
    if (ev->what & VIA_EV_ERR)
        printf("event error %d on %u\n", ev->reason, (unsigned)ev->user);
    if (ev->what & VIA_EV_IN)
        while ((n = via_udp_recv(s->host.st, ev->sock, in, BATCH)) > 0)
            for (i = 0; i < n; i++)
                take(s, (unsigned)ev->user, &in[i]);
}

static int set_group(struct server *s, char **word, bool join) {
    struct via_group g = {.iface = s->host.info.index};

    if (via_addr_parse(word[1], &g.group, NULL) || (word[2] && via_addr_parse(word[2], &g.source, NULL)))
        return -EINVAL;
    return via_udp_join(s->host.st, s->sock[GROUP], &g, join);
}

/* send ADDR PORT BYTES: one datagram whose bytes count up. */
static int send_one(struct server *s, char **word) {
    static uint8_t data[65536];
    struct iovec iov = {data, 0};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};
    size_t i;

    if (!word[2] || !word[3])
        return -EINVAL;
    d.peer = tool_ep("send", word[1], (uint16_t)atoi(word[2]));
    if (via_addr_is_linklocal6(&d.peer.addr) || via_addr_is_multicast(&d.peer.addr))
        d.peer.scope = s->host.info.index;
    iov.iov_len = tool_number("send", word[3], 0, sizeof data);
    for (i = 0; i < iov.iov_len; i++)
        data[i] = (uint8_t)i;
    return via_udp_send(s->host.st, s->sock[CLIENT], &d, 1, VIA_FLUSH);
}

/* tcp ADDR PORT: one more connection, out. */
static int connect_tcp(struct server *s, char **word) {
    struct via_ep peer;

    if (!word[2])
        return -EINVAL;
    peer = tool_ep("tcp", word[1], (uint16_t)atoi(word[2]));
    return echo_tcp_connect(s->tcp, &peer);
}

/* connect ADDR PORT: the client socket's peer, so that it hears of errors. */
static int connect_client(struct server *s, char **word) {
    struct via_ep peer;

    if (!word[2])
        return -EINVAL;
    peer = tool_ep("connect", word[1], (uint16_t)atoi(word[2]));
    return via_udp_connect(s->host.st, s->sock[CLIENT], &peer);
}

static int split_prefix(char *text, struct via_addr *addr, uint8_t *prefix) {
    char *slash = strchr(text, '/');

    if (!slash)
        return -EINVAL;
    *slash = 0;
    *prefix = (uint8_t)atoi(slash + 1);
    return via_addr_parse(text, addr, NULL);
}

/* route add|del DST/LEN GATEWAY */
static int set_route(struct server *s, char **word) {
    struct via_route r = {.iface = s->host.info.index};

    if (!word[2] || !word[3] || split_prefix(word[2], &r.dst, &r.prefix) || via_addr_parse(word[3], &r.gateway, NULL))
        return -EINVAL;
    r.family = via_addr_is4(&r.dst) ? VIA_AF_4 : VIA_AF_6;
    return via_ctrl_route(s->host.st, !strcmp(word[1], "add") ? VIA_CTRL_ADD : VIA_CTRL_DEL, &r);
}

/* addr add|del A/LEN */
static int set_addr(struct server *s, char **word) {
    struct via_ifaddr a = {.iface = s->host.info.index, .flags = VIA_ADDR_NODAD};

    if (!word[2] || split_prefix(word[2], &a.addr, &a.prefix))
        return -EINVAL;
    return via_ctrl_addr(s->host.st, !strcmp(word[1], "add") ? VIA_CTRL_ADD : VIA_CTRL_DEL, &a);
}

static int show_link(struct server *s) {
    struct via_vi_info info = VIA_VI_INFO_INIT;

    return via_vi_info(s->host.dev, &info) ? -ENODEV : info.link;
}

/* Frames that the device lost for want of time or room. */
static int show_lost(struct server *s) {
    struct via_vi_info info = VIA_VI_INFO_INIT;

    return via_vi_info(s->host.dev, &info) ? -ENODEV : (int)info.stats.rx_dropped;
}

static int obey(struct server *s, char **word) {
    const char *cmd = word[0];

    if (!strcmp(cmd, "join") && word[1])
        return set_group(s, word, true);
    if (!strcmp(cmd, "leave") && word[1])
        return set_group(s, word, false);
    if (!strcmp(cmd, "send") && word[1])
        return send_one(s, word);
    if (!strcmp(cmd, "connect") && word[1])
        return connect_client(s, word);
    if (!strcmp(cmd, "tcp") && word[1])
        return connect_tcp(s, word);
    if (!strcmp(cmd, "tcp_ended"))
        return echo_tcp_ended(s->tcp);
    if (!strcmp(cmd, "tcp_kbytes"))
        return echo_tcp_bytes(s->tcp);
    if (!strcmp(cmd, "route") && word[1])
        return set_route(s, word);
    if (!strcmp(cmd, "addr") && word[1])
        return set_addr(s, word);
    if (!strcmp(cmd, "link"))
        return show_link(s);
    if (!strcmp(cmd, "lost"))
        return show_lost(s);
    if (!strcmp(cmd, "echoed"))
        return (int)s->echoed;
    if (!strcmp(cmd, "grouped"))
        return (int)s->grouped;
    if (!strcmp(cmd, "reflected"))
        return (int)s->reflected;
    if (!strcmp(cmd, "answers"))
        return (int)s->answers;
    if (!strcmp(cmd, "stats")) {
        stat_print(stdout, s->host.st, STAT_TEXT, false);
        return 0;
    }
    if (!strcmp(cmd, "quit")) {
        s->over = true;
        return 0;
    }
    return -ENOSYS;
}

static void run_line(struct server *s, char *line) {
    char *word[6] = {NULL}, *rest = NULL, *at;
    unsigned n = 0;
    int err;

    for (at = strtok_r(line, " \n", &rest); at && n < 5; at = strtok_r(NULL, " \n", &rest))
        word[n++] = at;
    if (!n)
        return;
    err = obey(s, word);
    printf("answer %d %s\n", err, err < 0 ? via_why(s->host.st) : "");
    fflush(stdout);
}

static void read_commands(struct server *s) {
    ssize_t n = read(STDIN_FILENO, s->line + s->len, sizeof s->line - 1 - s->len);
    char *end;

    if (n <= 0) {
        s->over = true;
        return;
    }
    s->len += (size_t)n;
    s->line[s->len] = 0;
    while ((end = strchr(s->line, '\n')) != NULL) {
        *end = 0;
        run_line(s, s->line);
        s->len -= (size_t)(end + 1 - s->line);
        memmove(s->line, end + 1, s->len + 1);
    }
    if (s->len == sizeof s->line - 1)
        tool_die("a command is too long");
}

static void wait_for_work(struct server *s) {
    struct pollfd p[2] = {{.fd = via_wait_fd(s->host.st), .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    int work = via_wait_arm(s->host.st, 0);

    if (work < 0)
        tool_die_stack(s->host.st, work, "wait");
    if (poll(p, 2, work ? 0 : -1) > 0 && p[1].revents)
        read_commands(s);
}

static void parse(struct server *s, int argc, char **argv) {
    static const struct option options[] = {{"vi", 1, NULL, 'v'},   {"addr", 1, NULL, 'a'},   {"gw", 1, NULL, 'g'},
                                            {"attr", 1, NULL, 't'}, {"mirror", 1, NULL, 'm'}, {NULL, 0, NULL, 0}};
    int opt, i;

    while ((opt = getopt_long(argc, argv, "", options, &i)) != -1)
        if (opt == 'm')
            s->mirror = optarg;
        else if (opt == '?' || !tool_host_option(&s->host, options[i].name, optarg))
            tool_usage("see the head of server.c");
    if (!s->host.vi)
        tool_usage("--vi is needed");
}

int main(int argc, char **argv) {
    static struct server s;
    struct via_event ev[BATCH];
    int i, n;

    tool_init("server");
    parse(&s, argc, argv);
    open_server(&s);
    printf("ready %s %s\n", s.host.info.driver, s.host.info.mode);
    fflush(stdout);
    while (!s.over && !tool_stopped()) {
        n = via_epoll_poll(s.set, ev, BATCH, 0);
        for (i = 0; i < n; i++)
            handle(&s, &ev[i]);
        fflush(stdout);
        if (n <= 0)
            wait_for_work(&s);
    }
    echo_tcp_close(s.tcp, 0);
    via_epoll_destroy(s.set);
    tool_host_close(&s.host);
    printf("bye\n");
    return 0;
}
