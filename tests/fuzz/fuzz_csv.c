/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a table, the first of which says how it is opened: separators, dtypes. Every column is described and loaded.
 * The same bytes come through a pipe, with the same verdict and values. What was read is written and read again, which has
 * to give the same elements, and a plain number is read as by strtod.
 */
#include "nexpr_io.h"

#include <math.h>
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

static nexpr_status open_number(int fd, const nexpr_file_options *options, nexpr_file **ret, nexpr_error *err) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return nexpr_file_open(path, options, ret, err);
}

static nexpr_array load(nexpr_file *file, int index) {
    nexpr_member member = {.size = sizeof member};
    nexpr_array array = {.size = sizeof array};
    nexpr_error err = {.size = sizeof err};
    require(!nexpr_file_member(file, index, &member) && member.type && member.name);
    nexpr_status status = nexpr_file_load(file, index, &array, &err);
    require(status == (member.usable ? NEXPR_OK : NEXPR_TYPE) && (!status || err.message[0]));
    return array;
}

static bool are_equal(const nexpr_array *a, const nexpr_array *b) {
    if (a->dtype != b->dtype || a->shape[0] != b->shape[0]) return false;
    return !a->shape[0] || !memcmp(a->data, b->data, (size_t)a->shape[0] * nexpr_dtype_size(a->dtype));
}

static void compare_with_pipe(const uint8_t *data, size_t size, const nexpr_file_options *options, nexpr_status status,
                              nexpr_file *file) {
    int ends[2];
    require(!pipe(ends) && write(ends[1], data, size) == (ssize_t)size);
    close(ends[1]);
    nexpr_file *other = NULL;
    require(open_number(ends[0], options, &other, NULL) == status);
    for (int i = 0; !status && i < nexpr_file_member_count(file) && i < 4; i++) {
        nexpr_array a = load(file, i), b = load(other, i);
        require(!a.data == !b.data && (!a.data || are_equal(&a, &b)));
    }
    nexpr_file_free(&other);
    close(ends[0]);
}

/* Writes up to four columns and reads them with the dtypes that they have. */
static void write_and_read_back(nexpr_file *file, nexpr_file_format format) {
    nexpr_array arrays[4];
    const nexpr_array *list[4];
    nexpr_column_type types[4];
    const nexpr_column_type *type_list[4];
    const char *const names[] = {"a", "b,\"", " c\n", "\t"};
    int count = 0;
    for (int i = 0; i < nexpr_file_member_count(file) && count < 4; i++) {
        arrays[count] = load(file, i);
        if (!arrays[count].data) continue;
        list[count] = &arrays[count];
        types[count] = (nexpr_column_type){sizeof *types, names[count], arrays[count].dtype};
        type_list[count] = &types[count];
        count++;
    }
    if (!count) return;
    char path[64];
    snprintf(path, sizeof path, "/tmp/nexpr-fuzz-%d.csv", (int)getpid());
    nexpr_output_options options = {.size = sizeof options, .force = true, .no_fsync = true, .format = format};
    nexpr_file_options reading = {.size = sizeof reading, .format = format, .column_types = type_list,
                                  .column_type_count = count};
    nexpr_output *output = NULL;
    nexpr_file *again = NULL;
    require(!nexpr_output_new(path, &options, &output, NULL) && !nexpr_output_write(output, names, list, count, NULL));
    require(!nexpr_output_commit(output, NULL));
    nexpr_output_free(&output);
    require(!nexpr_file_open(path, &reading, &again, NULL));
    unlink(path);
    for (int i = 0; i < count; i++) {
        nexpr_array b = load(again, i);
        require(b.data && are_equal(&arrays[i], &b));
    }
    nexpr_file_free(&again);
}

/* A column of one plain cell is what the C library reads. One without a name cannot be used. */
static void compare_with_strtod(nexpr_file *file, const uint8_t *data, size_t size) {
    char text[256], *end;
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t n = line ? size - (size_t)(line + 1 - data) : 0;
    nexpr_member member = {.size = sizeof member};
    if (nexpr_file_member_count(file) != 1 || nexpr_file_member(file, 0, &member) || !*member.name) return;
    if (!n || n >= sizeof text) return;
    memcpy(text, line + 1, n);
    text[n] = 0;
    if (strspn(text, "0123456789+-.eE") != n) return;
    double wanted = strtod(text, &end);
    nexpr_array a = load(file, 0);
    require(!a.data == (*end || end == text));
    if (a.data && a.dtype == NEXPR_FLOAT64) require(!memcmp(a.data, &wanted, sizeof wanted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t how = size ? data[0] : 0;
    if (size) data++, size--;
    nexpr_column_type type = {sizeof type, NULL, (nexpr_dtype)(how / 4 % NEXPR_DTYPE_COUNT)};
    const nexpr_column_type *const types[] = {&type};
    nexpr_file_options options = {.size = sizeof options, .format = how & 1 ? NEXPR_FILE_TSV : NEXPR_FILE_CSV,
                                  .column_types = types, .column_type_count = how & 2 ? 1 : 0, .max_memory = 16};
    nexpr_error err = {.size = sizeof err};
    nexpr_file *file = NULL;
    int fd = memfd_create("fuzz.csv", 0);
    require(fd >= 0 && (!size || write(fd, data, size) == (ssize_t)size));
    nexpr_status status = open_number(fd, &options, &file, &err);
    require(status == NEXPR_OK || (status == NEXPR_FORMAT && err.message[0] && !file));
    if (size && size < PIPE_BYTES) compare_with_pipe(data, size, &options, status, file);
    if (!status) {
        for (int i = 0; i < nexpr_file_member_count(file); i++) load(file, i);
        write_and_read_back(file, options.format);
        if (!(how & 3)) compare_with_strtod(file, data, size);
    }
    nexpr_file_free(&file);
    close(fd);
    return 0;
}
