/* SPDX-License-Identifier: MIT */
/* What this process has mapped, as the system tells it. */
#ifndef NX_TESTS_JIT_MAPS_H
#define NX_TESTS_JIT_MAPS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct maps {
    int count, writable_code;
    char rights_at[5]; /* of the address asked for */
    bool has_file;     /* whose name has the text asked for */
} maps;

static inline maps read_maps(const void *address, const char *text) {
    maps m = {0};
    char line[4400];
    FILE *file = fopen("/proc/self/maps", "re");
    while (file && fgets(line, sizeof line, file)) {
        unsigned long begin = 0, end = 0;
        char rights[5] = "";
        sscanf(line, "%lx-%lx %4s", &begin, &end, rights);
        m.count++;
        m.writable_code += rights[1] == 'w' && rights[2] == 'x';
        if ((uintptr_t)address >= begin && (uintptr_t)address < end) memcpy(m.rights_at, rights, sizeof rights);
        if (text && strstr(line, text)) m.has_file = true;
    }
    if (file) fclose(file);
    return m;
}

/* Pages of memory that this process has. */
static inline long resident_pages(void) {
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return -1;
    if (fscanf(file, "%*d %ld", &pages) != 1) pages = -1;
    fclose(file);
    return pages;
}

#endif
