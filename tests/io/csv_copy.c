/* SPDX-License-Identifier: MIT */
/*
 * csv_copy FROM TO [NAME=DTYPE]...: copies all members of a file that can be computed with to a file of another format,
 * columns of a table with the dtypes given. For csv_roundtrip_test.py.
 */
#include "nexpr_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

static int parse_types(char **words, int count, nexpr_column_type *types, const nexpr_column_type **list) {
    for (int i = 0; i < count; i++) {
        char *dtype = strrchr(words[i], '=');
        if (!dtype) exit(2);
        *dtype++ = 0;
        types[i] = nexpr_column_type_init(words[i], NEXPR_BOOL);
        if (nexpr_dtype_find(dtype, &types[i].dtype, NULL)) exit(2);
        list[i] = &types[i];
    }
    return count;
}

static nexpr_status write_all(const char *path, nexpr_file *file, nexpr_error *err) {
    static nexpr_array arrays[MOST];
    const nexpr_array *list[MOST];
    const char *names[MOST];
    int count = 0;
    nexpr_status status = NEXPR_OK;
    for (int i = 0; !status && i < nexpr_file_member_count(file) && count < MOST; i++) {
        nexpr_member member = nexpr_member_init();
        status = nexpr_file_member(file, i, &member);
        if (status || !member.usable) continue;
        arrays[count] = nexpr_array_init();
        status = nexpr_file_load(file, i, &arrays[count], err);
        list[count] = &arrays[count];
        names[count++] = member.name;
    }
    nexpr_output *output = NULL;
    nexpr_output_options options = nexpr_output_options_init();
    options.force = options.no_fsync = true;
    if (!status) status = nexpr_output_new(path, &options, &output, err);
    if (!status) status = nexpr_output_write(output, names, list, count, err);
    if (!status) status = nexpr_output_commit(output, err);
    nexpr_output_free(&output);
    return status;
}

int main(int argc, char **argv) {
    nexpr_column_type types[MOST];
    const nexpr_column_type *list[MOST];
    nexpr_file_options options = nexpr_file_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    if (argc < 3 || argc - 3 > MOST) return 2;
    options.column_type_count = parse_types(argv + 3, argc - 3, types, list);
    options.column_types = list;
    nexpr_status status = nexpr_file_open(argv[1], &options, &file, &err);
    if (!status) status = write_all(argv[2], file, &err);
    nexpr_file_free(&file);
    if (status) fprintf(stderr, "%s\n", err.message);
    return status ? 1 : 0;
}
