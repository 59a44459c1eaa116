/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a .npy file: opened, every member described and loaded, every byte of the views read, and what was read
 * written and read again, which has to give the same elements. The bytes come in as a file and as a pipe, with one verdict.
 */
#include "nexpr_io.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIPE_BYTES = 60000 }; /* what a pipe holds without a reader */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) abort();
}

static int memory_file(const void *data, size_t size) {
    int fd = memfd_create("fuzz.npy", 0);
    require(fd >= 0 && (!size || write(fd, data, size) == (ssize_t)size));
    return fd;
}

static nexpr_status open_number(int fd, nexpr_file **ret, nexpr_error *err) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    nexpr_file_options options = nexpr_file_options_init();
    options.format = NEXPR_FILE_NPY;
    return nexpr_file_open(path, &options, ret, err);
}

/* Adds up bytes of all elements: an address outside the data is seen by the sanitizer. */
static unsigned read_elements(const nexpr_array *a, size_t item, char *copy) {
    int64_t index[NEXPR_MAX_NDIM] = {0}, count = 1, done = 0;
    unsigned sum = 0;
    for (int i = 0; i < a->ndim; i++) count *= a->shape[i];
    for (const char *at = a->data; done < count; done++) {
        memcpy(copy + (size_t)done * item, at, item);
        for (size_t k = 0; k < item; k++) sum += (unsigned char)at[k];
        for (int i = a->ndim - 1; i >= 0; i--) {
            at += a->strides[i];
            if (++index[i] < a->shape[i]) break;
            at -= a->strides[i] * a->shape[i];
            index[i] = 0;
        }
    }
    return sum;
}

static size_t bytes_of(const nexpr_array *a) {
    size_t bytes = nexpr_dtype_size(a->dtype);
    for (int i = 0; i < a->ndim; i++) bytes *= (size_t)a->shape[i];
    return bytes;
}

/* Writes the array to a file and reads it back. */
static void write_and_read_back(const nexpr_array *a) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/nexpr-fuzz-%d.npy", (int)getpid());
    nexpr_output_options options = nexpr_output_options_init();
    options.force = true;
    nexpr_output *output = NULL;
    nexpr_file *file = NULL;
    nexpr_array again = {.size = sizeof again};
    require(!nexpr_output_new(path, &options, &output, NULL) && !nexpr_output_write(output, NULL, &a, 1, NULL));
    require(!nexpr_output_commit(output, NULL));
    nexpr_output_free(&output);
    require(!nexpr_file_open(path, NULL, &file, NULL) && !nexpr_file_load(file, 0, &again, NULL));
    unlink(path);
    size_t bytes = bytes_of(a), item = nexpr_dtype_size(a->dtype);
    require(again.ndim == a->ndim && again.dtype == a->dtype && bytes_of(&again) == bytes);
    require(item == 1 || again.byte_order == a->byte_order);
    char *one = malloc(bytes + 1), *two = malloc(bytes + 1);
    require(one && two && read_elements(a, item, one) == read_elements(&again, item, two) && !memcmp(one, two, bytes));
    free(one);
    free(two);
    nexpr_file_free(&file);
}

static void use(nexpr_file *file) {
    for (int i = 0; i < nexpr_file_member_count(file); i++) {
        nexpr_error err = nexpr_error_init();
        nexpr_member member = nexpr_member_init();
        nexpr_array array = {.size = sizeof array};
        require(!nexpr_file_member(file, i, &member) && member.type);
        nexpr_status status = nexpr_file_load(file, i, &array, &err);
        require(status == (member.usable ? NEXPR_OK : NEXPR_TYPE));
        if (status == NEXPR_OK && i < 3) write_and_read_back(&array);
    }
}

/* A pipe gives the same verdict, though on a wrong size only when it is loaded. */
static void compare_with_pipe(const uint8_t *data, size_t size, nexpr_status from_file) {
    int ends[2];
    require(!pipe(ends) && write(ends[1], data, size) == (ssize_t)size);
    close(ends[1]);
    nexpr_file *file = NULL;
    nexpr_array array = {.size = sizeof array};
    nexpr_status status = open_number(ends[0], &file, NULL);
    bool can_load = false;
    for (int i = 0; !status && !can_load && i < nexpr_file_member_count(file); i++) {
        nexpr_member member = nexpr_member_init();
        nexpr_file_member(file, i, &member);
        if (!(can_load = member.usable)) continue;
        status = nexpr_file_load(file, i, &array, NULL);
    }
    require(status == from_file || (!can_load && !status));
    nexpr_file_free(&file);
    close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    int fd = memory_file(data, size);
    nexpr_status status = open_number(fd, &file, &err);
    require(status == NEXPR_OK || (status == NEXPR_FORMAT && err.message[0] && !file));
    if (!status) use(file);
    nexpr_file_free(&file);
    close(fd);
    if (size && size < PIPE_BYTES) compare_with_pipe(data, size, status);
    return 0;
}
