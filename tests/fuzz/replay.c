/* SPDX-License-Identifier: BSD-2-Clause */
/* Feeds files, or all files of directories, to a fuzz target: the corpus as a regression test, with any compiler. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, size_t size) {
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1); /* exact, so that a sanitizer sees one byte too many */
    int err = 0;

    if (!f || !data || fread(data, 1, size, f) != size) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        err = 1;
    } else {
        LLVMFuzzerTestOneInput(data, size);
    }
    if (f)
        fclose(f);
    free(data);
    return err;
}

static int replay(const char *path, unsigned *count) {
    struct dirent **names;
    struct stat st;
    char inner[4096];
    int err = 0, i, n;

    if (stat(path, &st)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    if (!S_ISDIR(st.st_mode)) {
        ++*count;
        return replay_file(path, (size_t)st.st_size);
    }
    n = scandir(path, &names, NULL, alphasort);
    for (i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
            err |= replay(inner, count);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return err;
}

int main(int argc, char **argv) {
    unsigned count = 0;
    int err = 0, i;

    for (i = 1; i < argc; i++)
        err |= replay(argv[i], &count);
    printf("%u inputs replayed\n", count);
    return err || !count;
}
