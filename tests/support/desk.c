/* SPDX-License-Identifier: BSD-2-Clause */
#include "desk.h"

#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/udp.h"

#include "base/def.h"

#define RINGS 4096u

static int port_open(struct via_vi_dev *dev, const char *args) {
    struct desk_port *p = dev->priv;

    (void)args;
    p->dev = dev;
    dev->mtu = p->desk->mtu;
    dev->caps = p->desk->caps;
    dev->mac[0] = 2;
    dev->mac[4] = 1;
    dev->mac[5] = (uint8_t)(p - p->desk->port);
    return 0;
}

static void port_close(struct via_vi_dev *dev) {
    struct desk_port *p = dev->priv;

    free(p->lent);
    free(p->flying);
    free(p->sent);
    p->lent = p->flying = NULL;
    p->sent = NULL;
    p->dev = NULL;
    p->vi = NULL;
}

static unsigned port_rx(struct via_vi_dev *dev, struct via_frame *v, unsigned n) {
    struct desk_port *p = dev->priv;

    n = via_min32(n, p->rx_n);
    while (n && n < p->rx_n && (p->rx[n - 1].flags & VIA_FRAME_MORE))
        n--;
    memcpy(v, p->rx, n * sizeof *v);
    p->rx_n -= n;
    memmove(p->rx, p->rx + n, p->rx_n * sizeof *v);
    return n;
}

static unsigned port_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n) {
    struct desk_port *p = dev->priv;
    unsigned i;

    for (i = 0; i < n && p->lent_n < dev->rx_ring; i++)
        p->lent[p->lent_n++] = addr[i];
    return i;
}

static unsigned port_tx(struct via_vi_dev *dev, const struct via_frame *v, unsigned n) {
    struct desk_port *p = dev->priv;
    unsigned i, whole = 0;

    n = via_min32(via_min32(n, p->tx_room), RINGS - p->flying_n);
    for (i = 0; i < n; i++)
        if (!(v[i].flags & VIA_FRAME_MORE))
            whole = i + 1;
    for (i = 0; i < whole; i++) {
        struct desk_sent *s = &p->sent[p->sent_n++ % DESK_SENT];

        assert_true(v[i].addr < dev->mem_size && v[i].len <= sizeof s->bytes);
        s->addr = v[i].addr;
        s->len = v[i].len;
        s->more = v[i].flags & VIA_FRAME_MORE;
        memcpy(s->bytes, dev->mem + v[i].addr, v[i].len);
        p->flying[(p->flying_head + p->flying_n++) % RINGS] = v[i].addr;
    }
    if (p->tx_room != DESK_ALL)
        p->tx_room -= whole;
    return whole;
}

static unsigned port_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n) {
    struct desk_port *p = dev->priv;
    unsigned i;

    n = via_min32(via_min32(n, p->flying_n), p->reap);
    for (i = 0; i < n; i++) {
        if (p->reap_last_first) {
            addr[i] = p->flying[(p->flying_head + --p->flying_n) % RINGS];
        } else {
            addr[i] = p->flying[p->flying_head % RINGS];
            p->flying_head++;
            p->flying_n--;
        }
    }
    if (p->reap != DESK_ALL)
        p->reap -= n;
    return n;
}

static int port_kick(struct via_vi_dev *dev) {
    struct desk_port *p = dev->priv;

    p->kicks++;
    return 0;
}

static bool port_pending(const struct via_vi_dev *dev) {
    const struct desk_port *p = dev->priv;

    return p->rx_n || (p->reap && p->flying_n);
}

static int port_arm(struct via_vi_dev *dev) {
    struct desk_port *p = dev->priv;

    p->arms++;
    return !p->no_arm_news && port_pending(dev);
}

static int port_filter(struct via_vi_dev *dev, bool add, const struct via_filter *f) {
    struct desk_port *p = dev->priv;
    uint32_t i;

    for (i = 0; i < p->filters && memcmp(&p->filter[i], f, sizeof *f); i++)
        ;
    if (add) {
        if (i < p->filters)
            return -EEXIST;
        assert_true(i < VIA_COUNT(p->filter));
        p->filter[p->filters++] = *f;
        return 0;
    }
    if (i == p->filters)
        return -ENOENT;
    p->filter[i] = p->filter[--p->filters];
    return 0;
}

static const struct via_vi_ops port_ops = {.name = "desk",
                                           .open = port_open,
                                           .close = port_close,
                                           .rx_burst = port_rx,
                                           .rx_fill = port_fill,
                                           .tx_burst = port_tx,
                                           .tx_reap = port_reap,
                                           .kick = port_kick,
                                           .arm = port_arm,
                                           .pending = port_pending,
                                           .filter = port_filter};

static via_ns_t desk_clock(void *ctx) {
    return ((struct desk *)ctx)->now;
}

static void add_addr(struct desk *b, uint32_t n, const char *fmt, uint8_t prefix) {
    struct via_ifaddr a = {.iface = n, .prefix = prefix, .flags = VIA_ADDR_NODAD};
    char text[64];

    snprintf(text, sizeof text, fmt, n);
    assert_int_equal(via_addr_parse(text, &a.addr, NULL), 0);
    assert_int_equal(via_ctrl_addr(b->st, VIA_CTRL_ADD, &a), 0);
}

static void add_host(struct desk *b, uint32_t n, const char *fmt, uint8_t host) {
    struct via_neigh_entry e = {.iface = n, .mac = {2, 0, 0, 0, 2, host}};
    char text[64];

    snprintf(text, sizeof text, fmt, n, host);
    assert_int_equal(via_addr_parse(text, &e.addr, NULL), 0);
    assert_int_equal(via_ctrl_neigh(b->st, VIA_CTRL_ADD, &e), 0);
}

struct via_vi *desk_plug(struct desk *b) {
    uint32_t n = ++b->ports;
    struct desk_port *p = &b->port[n];
    uint8_t host;

    assert_true(n <= DESK_VIS);
    p->desk = b;
    p->reap = p->tx_room = DESK_ALL;
    p->lent = calloc(RINGS, sizeof *p->lent);
    p->flying = calloc(RINGS, sizeof *p->flying);
    p->sent = calloc(DESK_SENT, sizeof *p->sent);
    assert_true(p->lent && p->flying && p->sent);
    assert_int_equal(via_vi_attach(b->st, &port_ops, p, &p->vi), 0);
    add_addr(b, n, "10.0.%u.1", 24);
    add_addr(b, n, "2001:db8:%u::1", 64);
    for (host = 2; host < 10; host++) {
        add_host(b, n, "10.0.%u.%u", host);
        add_host(b, n, "2001:db8:%u::%u", host);
    }
    return p->vi;
}

struct desk *desk_new_as(uint32_t vis, const char *attr, uint32_t caps, uint32_t mtu) {
    struct via_stack_conf conf = VIA_STACK_CONF_INIT;
    struct desk *b = calloc(1, sizeof *b);
    char spec[512];
    struct via_attr *a;

    assert_non_null(b);
    b->now = VIA_SEC;
    b->caps = caps;
    b->mtu = mtu;
    snprintf(spec, sizeof spec, "linklocal=off;accept_ra=off;dad_probes=0;huge_pages=off;%s", attr ? attr : "");
    if (via_attr_new(spec, &a))
        fail_msg("%s", via_attr_why(a));
    conf.attr = a;
    conf.seed = 1;
    conf.clock = desk_clock;
    conf.clock_ctx = b;
    assert_int_equal(via_stack_create(&conf, &b->st), 0);
    via_attr_free(a);
    while (vis--)
        desk_plug(b);
    desk_wait(b, 10 * VIA_SEC);
    return b;
}

struct desk *desk_new(uint32_t vis, const char *attr) {
    return desk_new_as(vis, attr, 0, 1500);
}

void desk_end(struct desk *b) {
    uint32_t i;

    for (i = 1; i <= b->ports; i++)
        b->port[i].reap = b->port[i].tx_room = DESK_ALL;
    for (i = 0; i < 4; i++)
        desk_poll(b);
    assert_int_equal(via_stack_destroy(b->st, 0), 0);
    free(b);
}

int desk_poll(struct desk *b) {
    b->now += VIA_US;
    return via_stack_poll_at(b->st, b->now, 0, NULL);
}

void desk_wait(struct desk *b, via_ns_t ns) {
    via_ns_t end = b->now + ns, next;

    while ((next = via_stack_deadline(b->st)) <= end) {
        b->now = next > b->now ? next : b->now;
        via_stack_poll_at(b->st, b->now, 0, NULL);
    }
    b->now = end;
    via_stack_poll_at(b->st, b->now, 0, NULL);
}

bool desk_frame(struct desk *b, uint32_t n, const void *frame, uint32_t len, via_ns_t ts) {
    struct desk_port *p = &b->port[n];
    uint32_t room = p->dev->frame_size - p->dev->headroom, parts = (len + room - 1) / room, at = 0;

    if (parts > p->lent_n || p->rx_n + parts > VIA_COUNT(p->rx))
        return false;
    do {
        struct via_frame *f = &p->rx[p->rx_n++];

        f->addr = p->lent[--p->lent_n] + p->dev->headroom;
        f->len = via_min32(len - at, room);
        memcpy(p->dev->mem + f->addr, (const uint8_t *)frame + at, f->len);
        at += f->len;
        f->flags = (uint16_t)((at < len ? VIA_FRAME_MORE : 0) | (ts ? VIA_FRAME_TS : 0));
        f->vlan = 0;
        f->ts = ts;
    } while (at < len);
    return true;
}

static uint32_t put_ip(uint8_t *at, const struct via_eth *e, struct via_ip_head *h, const void *payload, uint32_t n) {
    uint32_t len = (uint32_t)via_eth_emit(at, e);

    h->ttl = h->ttl ? h->ttl : 64;
    h->payload = (uint16_t)n;
    len += (uint32_t)via_ip_emit(at + len, h);
    memcpy(at + len, payload, n);
    return len + n;
}

static void set_macs(struct via_eth *e, uint32_t n, const struct via_addr *to) {
    uint8_t mine[6] = {2, 0, 0, 0, 1, (uint8_t)n}, peer[6] = {2, 0, 0, 0, 2, 2};

    memcpy(e->dst, mine, 6);
    memcpy(e->src, peer, 6);
    if (via_addr_is_multicast(to))
        via_mac_of_group(e->dst, to);
    else if (via_addr_is4(to) && to->b[15] == 255)
        memset(e->dst, 0xff, 6);
}

uint32_t desk_build(uint32_t n, const struct via_ep *from, const struct via_ep *to, const void *data, uint32_t len,
                     uint8_t *at) {
    struct via_eth e = {.type = from->family == VIA_AF_4 ? VIA_ETH_IP4 : VIA_ETH_IP6};
    struct via_ip_head h = {.src = from->addr, .dst = to->addr, .proto = IPPROTO_UDP};
    struct via_udp_head u = {.sport = from->port, .dport = to->port, .len = (uint16_t)(8 + len)};
    static uint8_t b[65536];

    h.version = from->family == VIA_AF_4 ? 4 : 6;
    set_macs(&e, n, &to->addr);
    via_udp_emit(b, &u);
    if (len)
        memcpy(b + 8, data, len);
    via_store16(b + 6, via_sum_end_udp(via_sum_add(via_ip_pseudo(&h, 8 + len), b, 8 + len)));
    return put_ip(at, &e, &h, b, 8 + len);
}

void desk_refit4(uint8_t *frame, uint16_t total, uint16_t frag) {
    via_put16(frame + 14 + 2, total);
    via_put16(frame + 14 + 6, frag);
    via_store16(frame + 14 + 10, 0);
    via_store16(frame + 14 + 10, via_sum_end(via_sum_add(0, frame + 14, 20)));
}

bool desk_dgram(struct desk *b, uint32_t n, const char *from, const char *to, const void *data, uint32_t len) {
    static uint8_t frame[65536 + 64];
    struct via_ep src = desk_ep(from), dst = desk_ep(to);

    return desk_frame(b, n, frame, desk_build(n, &src, &dst, data, len, frame), 0);
}

bool desk_dgram_at(struct desk *b, uint32_t n, const char *from, const char *to, uint32_t tag, via_ns_t ts) {
    uint8_t frame[128];
    struct via_ep src = desk_ep(from), dst = desk_ep(to);

    return desk_frame(b, n, frame, desk_build(n, &src, &dst, &tag, sizeof tag, frame), ts);
}

/* An error by the destination, or a router, of the packet that was sent in `quoted`. */
static bool desk_icmp(struct desk *b, uint32_t n, const struct desk_sent *quoted, uint8_t type, uint8_t code,
                       uint32_t rest) {
    struct desk_ip ip = desk_ip(quoted);
    struct via_eth e = {.type = VIA_ETH_IP4};
    struct via_ip_head h = {.src = ip.dst.addr, .dst = ip.src.addr, .proto = IPPROTO_ICMP, .version = 4};
    uint8_t message[8 + 28], frame[128];

    assert_int_equal(ip.src.family, VIA_AF_4);
    memset(message, 0, sizeof message);
    message[0] = type;
    message[1] = code;
    via_put32(message + 4, rest);
    memcpy(message + 8, quoted->bytes + 14, 28);
    via_icmp_seal(message, sizeof message, &h);
    set_macs(&e, n, &h.dst);
    return desk_frame(b, n, frame, put_ip(frame, &e, &h, message, sizeof message), 0);
}

bool desk_unreachable(struct desk *b, uint32_t n, const struct desk_sent *quoted) {
    return desk_icmp(b, n, quoted, 3, 3, 0);
}

bool desk_too_big(struct desk *b, uint32_t n, const struct desk_sent *quoted, uint16_t mtu) {
    return desk_icmp(b, n, quoted, 3, 4, mtu);
}

const struct desk_sent *desk_sent(const struct desk *b, uint32_t n, uint64_t i) {
    const struct desk_port *p = &b->port[n];

    assert_true(i < p->sent_n && i + DESK_SENT >= p->sent_n);
    return &p->sent[i % DESK_SENT];
}

struct desk_ip desk_ip(const struct desk_sent *s) {
    const uint8_t *at = s->bytes + 14;
    struct desk_ip ip;

    memset(&ip, 0, sizeof ip);
    if (at[0] >> 4 == 4) {
        assert_int_equal(via_get16(s->bytes + 12), VIA_ETH_IP4);
        ip.ttl = at[8];
        ip.tos = at[1];
        ip.df = at[6] & 0x40;
        ip.src = via_ep4(via_load32(at + 12), 0);
        ip.dst = via_ep4(via_load32(at + 16), 0);
        at += 20;
    } else {
        assert_int_equal(via_get16(s->bytes + 12), VIA_ETH_IP6);
        ip.ttl = at[7];
        ip.tos = (uint8_t)(via_get16(at) >> 4);
        ip.src.addr = via_addr_from6(at + 8);
        ip.dst.addr = via_addr_from6(at + 24);
        ip.src.family = ip.dst.family = VIA_AF_6;
        at += 40;
    }
    ip.src.port = via_get16(at);
    ip.dst.port = via_get16(at + 2);
    return ip;
}

uint32_t desk_payload(const struct desk_sent *s, const uint8_t **data) {
    const uint8_t *ip = s->bytes + 14, *udp = ip + (ip[0] >> 4 == 4 ? 20 : 40);

    assert_int_equal(ip[0] >> 4 == 4 ? ip[9] : ip[6], IPPROTO_UDP);
    *data = udp + 8;
    return (uint32_t)via_get16(udp + 4) - 8;
}

struct via_ep desk_ep(const char *text) {
    struct via_ep e;

    if (via_ep_parse(text, &e))
        fail_msg("no end point: %s", text);
    return e;
}

via_sock_t desk_open_as(struct desk *b, const char *local, uint32_t flags) {
    struct via_udp_conf conf = VIA_UDP_CONF_INIT;
    struct via_ep ep = desk_ep(local);
    via_sock_t s;

    conf.flags = flags;
    if (via_udp_open(b->st, &conf, &ep, &s))
        fail_msg("%s: %s", local, via_why(b->st));
    return s;
}

via_sock_t desk_open(struct desk *b, const char *local) {
    return desk_open_as(b, local, 0);
}

via_sock_t desk_connected(struct desk *b, const char *local, const char *peer) {
    via_sock_t s = desk_open(b, local);
    struct via_ep ep = desk_ep(peer);

    if (via_udp_connect(b->st, s, &ep))
        fail_msg("%s: %s", peer, via_why(b->st));
    return s;
}

int desk_send(struct desk *b, via_sock_t s, const char *peer, uint32_t len, uint8_t fill) {
    static uint8_t data[65536];
    struct iovec iov = {data, len};
    struct via_dgram d = {.iov = &iov, .iovcnt = 1};

    assert_true(len <= sizeof data);
    memset(data, fill, len);
    if (peer)
        d.peer = desk_ep(peer);
    return via_udp_send(b->st, s, &d, 1, VIA_FLUSH);
}

ssize_t desk_read(struct desk *b, via_sock_t s, void *data, size_t len) {
    return via_udp_read(b->st, s, data, len, NULL);
}

struct wanted {
    const char *object, *name;
    uint64_t value;
    bool found;
};

static int look(const struct via_stat *v, void *arg) {
    struct wanted *w = arg;

    if (strcmp(v->object, w->object) || strcmp(v->name, w->name))
        return 0;
    w->value = v->value;
    w->found = true;
    return 1;
}

uint64_t desk_stat(const struct desk *b, const char *object, const char *name) {
    struct wanted w = {object, name, 0, false};

    via_stats_walk(b->st, look, &w);
    if (!w.found)
        fail_msg("no counter %s %s", object, name);
    return w.value;
}

uint64_t desk_drops(const struct desk *b, const char *name) {
    return desk_stat(b, "drop", name);
}

uint32_t desk_frames_used(const struct desk *b) {
    uint32_t i;
    uint64_t used = desk_stat(b, "pool_frames", "cap") - desk_stat(b, "pool_frames", "free");

    for (i = 1; i <= b->ports; i++)
        if (b->port[i].dev)
            used -= b->port[i].lent_n + b->port[i].rx_n;
    return (uint32_t)used;
}
