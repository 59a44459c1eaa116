/* SPDX-License-Identifier: MIT */
/* A folder of its own for every test, and files in it. */
#ifndef NX_TEST_IO_FIXTURE_H
#define NX_TEST_IO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nexpr_io.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct folder {
    char path[64];
} folder;

static inline int make_folder(void **state) {
    folder *f = malloc(sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/nexpr-test-XXXXXX");
    *state = f;
    return mkdtemp(f->path) && !chdir(f->path) ? 0 : -1;
}

static inline int remove_folder(void **state) {
    folder *f = *state;
    DIR *directory = opendir(f->path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2) unlink(entry->d_name);
    }
    if (directory) closedir(directory);
    int failed = chdir("/") || rmdir(f->path);
    free(f);
    return failed;
}

static inline int count_files(void) {
    int count = 0;
    DIR *directory = opendir(".");
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    }
    if (directory) closedir(directory);
    return count;
}

static inline void write_file(const char *path, const void *bytes, size_t count) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, count, out), count);
    assert_int_equal(fclose(out), 0);
}

static inline size_t read_file(const char *path, char *bytes, size_t capacity) {
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t count = fread(bytes, 1, capacity, in);
    fclose(in);
    return count;
}

/* Magic, version, length of the text in the version's width, text, then data. Returns the size. */
static inline size_t build_npy(char *to, int version, const char *text, size_t data_bytes) {
    size_t length = strlen(text), prefix = version == 1 ? 10 : 12;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (char)version;
    to[7] = 0;
    for (size_t i = 0; i < prefix - 8; i++) to[8 + i] = (char)(length >> (8 * i) & 0xFF);
    memcpy(to + prefix, text, length);
    for (size_t i = 0; i < data_bytes; i++) to[prefix + length + i] = (char)i;
    return prefix + length + data_bytes;
}

static inline void write_npy(const char *path, int version, const char *text, size_t data_bytes) {
    size_t capacity = strlen(text) + data_bytes + 16;
    char *bytes = malloc(capacity);
    write_file(path, bytes, build_npy(bytes, version, text, data_bytes));
    free(bytes);
}

#endif
