/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/args.h"
#include "vi/xdp.h"
#include "vi/xdp_steer.h"

#include <bpf/bpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#define KERNEL_ENOTSUPP 524 /* what some drivers return for EOPNOTSUPP */

/* Filters are counted by what they let the program look for: the numbers of the bits of enum xdp_has. */
enum { XDP_CLASS_ALL, XDP_CLASS_ADDR4, XDP_CLASS_ADDR6, XDP_CLASS_PORT, XDP_CLASS_ANY_PORT };

static_assert(sizeof(struct via_filter) == sizeof(struct xdp_filter), "a filter is a key");
static_assert(offsetof(struct via_filter, port) == offsetof(struct xdp_filter, port), "a filter is a key");
static_assert(offsetof(struct via_filter, kind) == offsetof(struct xdp_filter, kind), "a filter is a key");
static_assert((int)VIA_FILTER_ALL == XDP_KIND_ALL && (int)VIA_FILTER_ADDR == XDP_KIND_ADDR &&
                  (int)VIA_FILTER_PORT == XDP_KIND_PORT,
              "the same words");

void via_xdp_prog_clear(struct via_xdp_prog *p) {
    int i;

    memset(p, 0, sizeof *p);
    p->prog = p->link = -1;
    for (i = 0; i < XDP_MAPS; i++)
        p->maps[i] = -1;
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Closing the link detaches the program: while it goes, packets go to the kernel. */
void via_xdp_prog_unload(struct via_xdp_prog *p) {
    int i;

    close_fd(&p->link);
    close_fd(&p->prog);
    for (i = 0; i < XDP_MAPS; i++)
        close_fd(&p->maps[i]);
}

static int make_maps(struct via_xdp_prog *p, uint32_t queues, uint32_t filters) {
    int *m = p->maps, i;

    m[XDP_MAP_XSKS] = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "via_xsks", 4, 4, queues, NULL);
    m[XDP_MAP_FILTERS] = bpf_map_create(BPF_MAP_TYPE_HASH, "via_filters", sizeof(struct xdp_filter), 4, filters, NULL);
    m[XDP_MAP_CONFIG] = bpf_map_create(BPF_MAP_TYPE_ARRAY, "via_config", 4, sizeof(struct xdp_config), 1, NULL);
    for (i = 0; i < XDP_MAPS; i++)
        if (m[i] < 0)
            return m[i];
    return 0;
}

/* The mark "frags" says that the program looks at the first part of a packet alone, so that longer ones may come. */
static int load_code(struct via_xdp_prog *p) {
    struct bpf_insn code[VIA_COUNT(xdp_steer_code)];
    LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS);
    size_t i;

    memcpy(code, xdp_steer_code, sizeof code);
    for (i = 0; i < VIA_COUNT(xdp_steer_maps); i++) {
        code[xdp_steer_maps[i][0]].src_reg = BPF_PSEUDO_MAP_FD;
        code[xdp_steer_maps[i][0]].imm = p->maps[xdp_steer_maps[i][1]];
    }
    p->prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "via_steer", "Dual BSD/GPL", code, VIA_COUNT(code), &opts);
    if (p->prog == -EINVAL) { /* before Linux 5.18 there was no such mark */
        opts.prog_flags = 0;
        p->prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "via_steer", "Dual BSD/GPL", code, VIA_COUNT(code), &opts);
    }
    return p->prog < 0 ? p->prog : 0;
}

int via_xdp_prog_load(struct via_xdp_prog *p, struct via_vi_dev *dev, uint32_t queues, uint32_t filters) {
    int err = make_maps(p, queues, filters);

    if (!err)
        err = load_code(p);
    if (err == -EPERM)
        return via_vi_say(dev, err, "xdp: loading a program needs CAP_BPF and CAP_NET_ADMIN");
    if (err < 0)
        return via_vi_say(dev, err, "xdp: the steering program cannot be loaded: %s", strerror(-err));
    return 0;
}

static int try_attach(struct via_xdp_prog *p, const struct via_vi_dev *dev, enum xdp_mode mode) {
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode == XDP_MODE_DRIVER ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
    int fd = bpf_link_create(p->prog, (int)dev->ifindex, BPF_XDP, &opts);

    if (fd < 0)
        return fd == -EEXIST ? -EBUSY : fd;
    p->link = fd;
    p->mode = mode;
    return 0;
}

static const char *reason(int err) {
    return err == -KERNEL_ENOTSUPP || err == -EOPNOTSUPP ? "not supported by its driver" : strerror(-err);
}

int via_xdp_prog_attach(struct via_xdp_prog *p, struct via_vi_dev *dev, enum xdp_mode mode) {
    int native = 0, err = 0;

    if (mode != XDP_MODE_GENERIC) {
        native = try_attach(p, dev, XDP_MODE_DRIVER);
        if (!native)
            return 0;
    }
    err =
        native == -EBUSY || native == -EPERM || mode == XDP_MODE_DRIVER ? native : try_attach(p, dev, XDP_MODE_GENERIC);
    if (err == -EBUSY)
        return via_vi_say(dev, err,
                          "xdp: %s has an XDP program already: detach it, or take more queues in one VI by queues=N",
                          dev->ifname);
    if (err == -EPERM)
        return via_vi_say(dev, err, "xdp: attaching a program to %s needs CAP_NET_ADMIN", dev->ifname);
    if (err < 0)
        return via_vi_say(dev, err == -KERNEL_ENOTSUPP ? -EOPNOTSUPP : err, "xdp: no program can be attached to %s: %s",
                          dev->ifname, reason(err));
    if (native)
        via_vi_say(dev, 0, "xdp: %s: native mode refused (%s), generic mode used", dev->ifname, reason(native));
    return 0;
}

int via_xdp_prog_bind(struct via_xdp_prog *p, uint32_t queue, int fd) {
    return bpf_map_update_elem(p->maps[XDP_MAP_XSKS], &queue, &fd, BPF_ANY);
}

/* The key of a filter; returns its class, or -EINVAL. */
static int make_key(const struct via_filter *f, struct xdp_filter *key) {
    bool any = via_addr_is_any(&f->addr);

    memset(key, 0, sizeof *key);
    key->kind = f->kind;
    if (f->kind == VIA_FILTER_ALL)
        return XDP_CLASS_ALL;
    if (f->kind != VIA_FILTER_ADDR && f->kind != VIA_FILTER_PORT)
        return -EINVAL;
    if (!any)
        memcpy(key->addr, f->addr.b, sizeof key->addr);
    if (f->kind == VIA_FILTER_ADDR)
        return any ? -EINVAL : via_addr_is4(&f->addr) ? XDP_CLASS_ADDR4 : XDP_CLASS_ADDR6;
    if (!f->port || (f->proto != IPPROTO_UDP && f->proto != IPPROTO_TCP))
        return -EINVAL;
    key->port = f->port;
    key->proto = f->proto;
    return any ? XDP_CLASS_ANY_PORT : XDP_CLASS_PORT;
}

/* The program may run meanwhile and see either half: it passes or takes one packet more, no other. */
static int write_config(struct via_xdp_prog *p, const struct xdp_config *c) {
    uint32_t zero = 0;
    int err = bpf_map_update_elem(p->maps[XDP_MAP_CONFIG], &zero, c, BPF_ANY);

    if (!err)
        p->config = *c;
    return err;
}

/* Writes `few` anew with or without `a`; `n` addresses were in it. */
static void change_few(struct xdp_config *c, uint32_t n, bool add, uint32_t a) {
    uint32_t i, k = 0;

    for (i = 0; i < n; i++)
        if (add || c->few[i] != a)
            c->few[k++] = c->few[i];
    if (add)
        c->few[k++] = a;
    for (; k && k < XDP_FEW; k++)
        c->few[k] = c->few[k - 1];
}

/* What `config` will be with one filter of the class more or less. Who had many IPv4 addresses is left with the hash.
 */
static struct xdp_config next_config(const struct via_xdp_prog *p, const struct xdp_filter *key, int class, bool add) {
    struct xdp_config c = p->config;
    uint32_t n = p->count[class];

    if (class == XDP_CLASS_ADDR4 && add && n == XDP_FEW)
        c.has |= XDP_HAS_MANY4;
    if (class == XDP_CLASS_ADDR4 && !(c.has & XDP_HAS_MANY4))
        change_few(&c, n, add, key->addr[3]);
    if (add)
        c.has |= 1u << class;
    else if (n == 1)
        c.has &= ~(1u << class | (class == XDP_CLASS_ADDR4 ? (uint32_t)XDP_HAS_MANY4 : 0));
    return c;
}

static int add_key(struct via_xdp_prog *p, const struct xdp_filter *key, int class) {
    struct xdp_config c = next_config(p, key, class, true);
    uint32_t one = 1;
    int err = bpf_map_update_elem(p->maps[XDP_MAP_FILTERS], key, &one, BPF_NOEXIST);

    if (err < 0)
        return err == -E2BIG ? -ENOSPC : err;
    if (memcmp(&c, &p->config, sizeof c) && (err = write_config(p, &c)) < 0) {
        (void)bpf_map_delete_elem(p->maps[XDP_MAP_FILTERS], key);
        return err;
    }
    p->count[class]++;
    return 0;
}

static int drop_key(struct via_xdp_prog *p, const struct xdp_filter *key, int class) {
    struct xdp_config c = next_config(p, key, class, false);
    int err = bpf_map_delete_elem(p->maps[XDP_MAP_FILTERS], key);

    if (err < 0)
        return err;
    p->count[class]--;
    return memcmp(&c, &p->config, sizeof c) ? write_config(p, &c) : 0;
}

int via_xdp_prog_filter(struct via_xdp_prog *p, bool add, const struct via_filter *f) {
    struct xdp_filter key;
    int class = make_key(f, &key);

    if (class < 0)
        return class;
    return add ? add_key(p, &key, class) : drop_key(p, &key, class);
}
