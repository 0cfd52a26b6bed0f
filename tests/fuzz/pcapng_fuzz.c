/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture file: every packet lies within it, and the reader comes to an end. */
#include "fuzz_rig.h"
#include "vi/pcapng.h"

static uint8_t touch(const void *data, size_t len) {
    const uint8_t *at = data;
    uint8_t all = 0;

    for (size_t i = 0; i < len; i++)
        all |= at[i];
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct via_pcapng_reader *r;
    struct via_pcapng_record rec;
    volatile uint8_t all = 0; /* every byte is read, whatever it says */
    const uint8_t *at;
    size_t packets = 0;
    int got;

    if (size > 65536)
        return 0;
    at = rig_edge(data, size);
    if (via_pcapng_reader_memory(at, size, &r) < 0)
        return 0;
    while ((got = via_pcapng_read(r, &rec)) > 0) {
        rig_must(rec.data >= at && rec.len <= (size_t)(at + size - rec.data));
        all |= touch(rec.data, rec.len);
        if (rec.comment)
            all |= touch(rec.comment, rec.comment_len);
        rig_must(rec.ts < VIA_NEVER && ++packets <= size / 12);
    }
    rig_must(got == 0 || (got == -EBADMSG && via_pcapng_reader_why(r)[0]));
    rig_must(via_pcapng_read(r, &rec) == got);
    via_pcapng_reader_close(r);
    (void)all;
    return 0;
}
