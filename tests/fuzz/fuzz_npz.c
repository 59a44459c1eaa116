/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an .npz file: opened, every member described and loaded, every byte of the views read, and what was read
 * written as an archive and read again, which has to give the same elements. Checksums in the bytes are put right first, or
 * hardly any change would get past them; one bit of the last byte asks for leaving them alone.
 */
#include "nexpr_io.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST = 8, LOCAL_HEADER = 30, CENTRAL_HEADER = 46, LARGEST = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) abort();
}

static uint32_t little(const uint8_t *at, int bytes) {
    uint32_t value = 0;
    while (bytes--) value = value << 8 | at[bytes];
    return value;
}

static void put_little(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* The checksum of an entry's content, stored or deflated, as far as it can be read. */
static uint32_t checksum(const uint8_t *data, size_t packed, size_t unpacked, int method) {
    static uint8_t out[LARGEST];
    if (!method) return (uint32_t)crc32(0, data, (uInt)packed);
    z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)packed, .next_out = out,
                  .avail_out = (uInt)(unpacked < LARGEST ? unpacked : LARGEST)};
    if (inflateInit2(&z, -15)) return 0;
    inflate(&z, Z_FINISH);
    uint32_t crc = (uint32_t)crc32(0, out, (uInt)(z.next_out - out));
    inflateEnd(&z);
    return crc;
}

/* Puts checksums right in every pair of headers that can be found. */
static void repair(uint8_t *data, size_t size) {
    for (size_t i = 0; i + CENTRAL_HEADER <= size; i++) {
        if (memcmp(data + i, "PK\1\2", 4)) continue;
        uint8_t *central = data + i;
        size_t packed = little(central + 20, 4), local = little(central + 42, 4);
        if (local + LOCAL_HEADER > size || memcmp(data + local, "PK\3\4", 4)) continue;
        size_t at = local + LOCAL_HEADER + little(data + local + 26, 2) + little(data + local + 28, 2);
        if (at > size || packed > size - at) continue;
        uint32_t crc = checksum(data + at, packed, little(central + 24, 4), (int)little(central + 10, 2));
        put_little(central + 16, crc);
        put_little(data + local + 14, crc);
    }
}

static nexpr_status open_bytes(const void *data, size_t size, int *ret_fd, nexpr_file **ret, nexpr_error *err) {
    char path[32];
    *ret_fd = memfd_create("fuzz.npz", 0);
    require(*ret_fd >= 0 && (!size || write(*ret_fd, data, size) == (ssize_t)size));
    snprintf(path, sizeof path, "/proc/self/fd/%d", *ret_fd);
    nexpr_file_options options = nexpr_file_options_init();
    options.format = NEXPR_FILE_NPZ;
    options.max_inflated = LARGEST;
    return nexpr_file_open(path, &options, ret, err);
}

static size_t bytes_of(const nexpr_array *a) {
    size_t bytes = nexpr_dtype_size(a->dtype);
    for (int i = 0; i < a->ndim; i++) bytes *= (size_t)a->shape[i];
    return bytes;
}

/* All elements in C order, one after the other. */
static char *copy_elements(const nexpr_array *a) {
    size_t item = nexpr_dtype_size(a->dtype), bytes = bytes_of(a);
    int64_t index[NEXPR_MAX_NDIM] = {0};
    char *copy = malloc(bytes + 1);
    require(copy != NULL);
    const char *at = a->data;
    for (size_t done = 0; done < bytes; done += item) {
        memcpy(copy + done, at, item);
        for (int i = a->ndim - 1; i >= 0; i--) {
            at += a->strides[i];
            if (++index[i] < a->shape[i]) break;
            at -= a->strides[i] * a->shape[i];
            index[i] = 0;
        }
    }
    return copy;
}

static void compare(const nexpr_array *a, const nexpr_array *b) {
    size_t bytes = bytes_of(a);
    require(a->dtype == b->dtype && a->ndim == b->ndim && bytes_of(b) == bytes);
    char *one = copy_elements(a), *two = copy_elements(b);
    require(!memcmp(one, two, bytes));
    free(one);
    free(two);
}

static void write_and_read_back(const char *const *names, const nexpr_array *const *arrays, int count) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/nexpr-fuzz-%d.npz", (int)getpid());
    nexpr_output_options options = nexpr_output_options_init();
    options.force = options.no_fsync = true;
    nexpr_output *output = NULL;
    nexpr_file *file = NULL;
    require(!nexpr_output_new(path, &options, &output, NULL));
    nexpr_status status = nexpr_output_write(output, names, arrays, count, NULL);
    require(!status || status == NEXPR_ARGUMENT); /* a field can have a name that no entry may have */
    if (!status) require(!nexpr_output_commit(output, NULL));
    nexpr_output_free(&output);
    if (status) return;
    require(!nexpr_file_open(path, NULL, &file, NULL) && nexpr_file_member_count(file) == count);
    unlink(path);
    for (int i = 0; i < count; i++) {
        int index = -1;
        nexpr_array again = {.size = sizeof again};
        require(!nexpr_file_find(file, names[i], &index, NULL) && !nexpr_file_load(file, index, &again, NULL));
        compare(arrays[i], &again);
    }
    nexpr_file_free(&file);
}

static void use(nexpr_file *file) {
    const char *names[MOST];
    nexpr_array arrays[MOST];
    const nexpr_array *list[MOST];
    int count = 0;
    for (int i = 0; i < nexpr_file_member_count(file); i++) {
        nexpr_error err = nexpr_error_init();
        nexpr_member member = nexpr_member_init();
        nexpr_array array = {.size = sizeof array};
        require(!nexpr_file_member(file, i, &member) && member.type && member.name);
        nexpr_status status = nexpr_file_load(file, i, &array, &err);
        require(status == NEXPR_OK || (status == NEXPR_TYPE && !member.usable) ||
                (status == NEXPR_FORMAT && member.usable && err.message[0]));
        if (status || count == MOST) continue;
        names[count] = member.name;
        arrays[count] = array;
        list[count] = &arrays[count];
        count++;
    }
    write_and_read_back(names, list, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    uint8_t *copy = malloc(size + 1);
    int fd;
    require(copy != NULL);
    memcpy(copy, data, size);
    if (size && !(data[size - 1] & 0x80)) repair(copy, size);
    nexpr_status status = open_bytes(copy, size, &fd, &file, &err);
    require(status == NEXPR_OK || (status == NEXPR_FORMAT && err.message[0] && !file));
    if (!status) use(file);
    nexpr_file_free(&file);
    close(fd);
    free(copy);
    return 0;
}
