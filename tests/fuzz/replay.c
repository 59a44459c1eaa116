/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over files without libFuzzer, so that a corpus is an ordinary test. Arguments are files and folders.
 * The number of inputs is printed; none at all is a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of exactly its size, so that a sanitizer sees the first byte too much. */
static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return perror(path), -1;
    struct stat info;
    uint8_t *data = NULL;
    size_t size = 0;
    int done = fstat(fileno(file), &info);
    if (!done) {
        size = (size_t)info.st_size;
        data = malloc(size ? size : 1);
        done = data && fread(data, 1, size, file) == size ? 0 : -1;
    }
    fclose(file);
    if (!done) LLVMFuzzerTestOneInput(data, size);
    else perror(path);
    free(data);
    return done;
}

static int replay_folder(const char *path, long *count) {
    DIR *folder = opendir(path);
    int failures = 0;
    if (!folder) return perror(path), 1;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        failures += replay_file(name) != 0;
        ++*count;
    }
    closedir(folder);
    return failures;
}

int main(int argc, char **argv) {
    long count = 0;
    int failures = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (!stat(argv[i], &info) && S_ISDIR(info.st_mode)) {
            failures += replay_folder(argv[i], &count);
        } else {
            failures += replay_file(argv[i]) != 0;
            count++;
        }
    }
    printf("%ld inputs, %d unreadable\n", count, failures);
    return failures || !count;
}
