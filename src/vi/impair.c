/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/drivers.h"
#include "vi/fault.h"
#include "vi/vi.h"

/* Puts the fault wrapper in front of what is there. */
static int wrap(struct via_vi *vi) {
    struct via_core *c = vi->core;
    struct via_vi_dev *d = via_alloc(c, sizeof *d);
    int err;

    if (!d)
        return via_why_set(c, -ENOMEM, "vi %u: no memory for impairments", vi->index);
    *d = *vi->dev;
    d->ops = &via_vi_fault;
    d->inner = vi->dev;
    d->priv = NULL;
    d->big = 0;
    d->seed = via_rand64(&c->s->rand);
    err = d->ops->open(d, "");
    if (err < 0) {
        via_free(c, d);
        return via_why_set(c, err, "vi %u: impairments: %s", vi->index, strerror(-err));
    }
    vi->dev = d;
    return 0;
}

/* What copies need beside what the device is lent, so that the first packet can be one: later it comes out of the stock. */
static void stock_copies(struct via_vi *vi) {
    uint32_t extra = via_fault_wants(vi->dev);

    vi->stock_max += extra;
    if (extra)
        via_vi_stock(vi);
    vi->stock_max -= extra;
}

int via_vi_spoil(struct via_vi *vi, const struct via_impair *imp) {
    int err;

    if (!imp || imp->size != sizeof *imp)
        return via_why_set(vi->core, -EINVAL, "vi %u: impairments of unknown size", vi->index);
    if (vi->dev->ops != &via_vi_fault && (err = wrap(vi)) < 0)
        return err;
    err = via_fault_set(vi->dev, imp);
    if (!err)
        stock_copies(vi);
    return err;
}
