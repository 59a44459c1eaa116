/* SPDX-License-Identifier: MIT */
/*
 * npy_copy FILE PREFIX: lists the members of a file, one a line, as "name<TAB>type", and saves member i as PREFIX.i.npy if
 * it is usable. For roundtrip_test.py, which compares with numpy.
 */
#include "nexpr_io.h"

#include <stdio.h>

static nexpr_status copy_member(nexpr_file *file, int index, const char *prefix, nexpr_error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s.%d.npy", prefix, index);
    nexpr_array array = nexpr_array_init();
    nexpr_output *output = NULL;
    nexpr_status status = nexpr_file_load(file, index, &array, err);
    if (!status) status = nexpr_output_new(path, NULL, &output, err);
    if (!status) status = nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, err);
    if (!status) status = nexpr_output_commit(output, err);
    nexpr_output_free(&output);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    nexpr_status status = nexpr_file_open(argv[1], NULL, &file, &err);
    for (int i = 0; !status && i < nexpr_file_member_count(file); i++) {
        nexpr_member member = nexpr_member_init();
        status = nexpr_file_member(file, i, &member);
        if (status) break;
        printf("%s\t%s\n", member.name ? member.name : "", member.type);
        if (member.usable) status = copy_member(file, i, argv[2], &err);
    }
    nexpr_file_free(&file);
    if (status) fprintf(stderr, "%s\n", err.message);
    return status ? 1 : 0;
}
