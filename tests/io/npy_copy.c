/* SPDX-License-Identifier: MIT */
/*
 * npy_copy FILE OUTPUT [TYPE [SHAPE...]]: lists the members of a file, one a line, as "name<TAB>type". An OUTPUT that ends
 * in a format's ending gets all usable members; else member i is saved as OUTPUT.i.npy. With TYPE, FILE is raw. For tests
 * that compare with numpy.
 */
#include "nexpr_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

static nexpr_status save(const char *path, const char *const *names, const nexpr_array *const *arrays, int count,
                         nexpr_error *err) {
    nexpr_output *output = NULL;
    nexpr_output_options options = nexpr_output_options_init();
    options.no_fsync = options.force = true;
    nexpr_status status = nexpr_output_new(path, &options, &output, err);
    if (!status) status = nexpr_output_write(output, names, arrays, count, err);
    if (!status) status = nexpr_output_commit(output, err);
    nexpr_output_free(&output);
    return status;
}

static nexpr_status copy(nexpr_file *file, const char *to, nexpr_error *err) {
    const char *names[MOST];
    nexpr_array arrays[MOST];
    const nexpr_array *list[MOST];
    int count = 0;
    bool is_one = nexpr_file_format_of_name(to) != NEXPR_FILE_AUTO || !strcmp(to, "-");
    for (int i = 0; i < nexpr_file_member_count(file); i++) {
        char path[4096];
        nexpr_member member = nexpr_member_init();
        nexpr_file_member(file, i, &member);
        if (strcmp(to, "-")) printf("%s\t%s\n", member.name ? member.name : "", member.type);
        if (!member.usable || count == MOST) continue;
        snprintf(path, sizeof path, "%s.%d.npy", to, i);
        names[count] = member.name;
        list[count] = &arrays[count];
        arrays[count] = nexpr_array_init();
        nexpr_status status = nexpr_file_load(file, i, &arrays[count], err);
        if (!status && !is_one) status = save(path, NULL, list + count, 1, err);
        if (status) return status;
        count++;
    }
    return is_one ? save(to, names, list, count, err) : NEXPR_OK;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    nexpr_file_options options = nexpr_file_options_init();
    int64_t shape[NEXPR_MAX_NDIM] = {0};
    nexpr_status status = NEXPR_OK;
    if (argc > 3) {
        options.format = NEXPR_FILE_RAW;
        options.shape = shape;
        options.ndim = argc - 4;
        for (int i = 4; i < argc; i++) shape[i - 4] = atoll(argv[i]);
        status = nexpr_file_type_find(argv[3], &options.dtype, &options.byte_order, &err);
    }
    if (!status) status = nexpr_file_open(argv[1], &options, &file, &err);
    if (!status) status = copy(file, argv[2], &err);
    nexpr_file_free(&file);
    if (status) fprintf(stderr, "%s\n", err.message);
    return status ? 1 : 0;
}
