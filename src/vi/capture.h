/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - a capture of what passes the VIs of a stack, as pcapng, each packet that was dropped with the reason as
 * its comment. Slower than a pcap wrapper, which sees frames but not what became of them; nothing costs more than a
 * comparison while there is no capture.
 *
 * A received packet is copied before anybody looks at it, since headers are taken off and answers are made in place,
 * and written when its fate is known. One capture at a time, private to the process.
 */
#ifndef VIA_VI_CAPTURE_H
#define VIA_VI_CAPTURE_H

#include "vi/pkt.h"

#include <viaduct/vi.h>

struct via_capture;

/* Begins, or goes on with other settings, or with path NULL ends. `offset`: seconds from the stack's clock to 1970. */
int via_capture_start(struct via_core *c, const struct via_pcap_conf *conf, int64_t offset);
void via_capture_end(struct via_core *c);

/* A packet that came in: copied now, written with its fate. True if it is one to be captured. */
bool via_capture_copy(struct via_core *c, const struct via_pkt *p);
void via_capture_received(struct via_core *c, enum via_drop why);

/* Frames that a device took just now, whole packets. After what made us send them, so that the file is in order. */
void via_capture_sent(struct via_core *c, uint8_t vi, const struct via_frame *f, unsigned n);

#endif
