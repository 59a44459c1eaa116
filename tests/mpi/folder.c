/* SPDX-License-Identifier: MIT */
/* See folder.h. */
#include "tests/mpi/folder.h"
#include "tests/mpi/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

void make_test_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/nexpr-mpi-XXXXXX");
    if (!rank) CHECK(mkdtemp(folder));
    PMPI_Bcast(folder, sizeof folder, MPI_BYTE, 0, MPI_COMM_WORLD);
}

const char *path_of(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

int remove_test_folder(void) {
    int count = 0;
    PMPI_Barrier(MPI_COMM_WORLD);
    DIR *directory = rank ? NULL : opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        unlink(path_of(entry->d_name));
        count++;
    }
    if (directory) closedir(directory);
    if (!rank) rmdir(folder);
    PMPI_Bcast(&count, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return count;
}

bool is_same_file(const char *name, const char *other) {
    FILE *a = fopen(path_of(name), "rb"), *b = fopen(path_of(other), "rb");
    bool same = a && b;
    for (int x = 0, y = 0; same && x != EOF;) {
        x = getc(a);
        y = getc(b);
        same = x == y;
    }
    if (a) fclose(a);
    if (b) fclose(b);
    return same;
}

void write_array(const char *name, const char *array_name, const nexpr_array *array) {
    nexpr_output_options options = nexpr_output_options_init();
    nexpr_output *output = NULL;
    options.force = options.no_fsync = true;
    EXPECT(NEXPR_OK, nexpr_output_new(path_of(name), &options, &output, &err));
    EXPECT(NEXPR_OK, nexpr_output_write(output, &array_name, &array, 1, &err));
    EXPECT(NEXPR_OK, nexpr_output_commit(output, &err));
    nexpr_output_free(&output);
}
