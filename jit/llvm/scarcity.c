/* SPDX-License-Identifier: MIT */
/*
 * LLVM ends the process when it gets no memory, and nobody can stop it. So nothing is compiled unless far more memory is
 * free than a compilation takes: of the process (RLIMIT_AS, RLIMIT_DATA), and of the control groups that it is in. What
 * another thread takes in the meantime nobody knows; a host that cannot accept the rest must not use the JIT.
 */
#include "jit/llvm/refuse.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Several times what was measured: 15 MiB for the first, 50 MiB for 512 large values. */
enum { FIXED_MIB = 96 };
#define MIB ((uint64_t)1 << 20)

static uint64_t need_of(const nx_segment *s) {
    return FIXED_MIB * MIB + s->value_count * MIB / 4;
}

/* The first number in a file, or one that is larger than any limit. */
static uint64_t number_in(const char *path) {
    FILE *file = fopen(path, "re");
    unsigned long long v;
    if (!file) return UINT64_MAX;
    const bool is_number = fscanf(file, "%llu", &v) == 1;
    fclose(file);
    return is_number ? v : UINT64_MAX;
}

static bool fits_limit(int resource, uint64_t need) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY) return true;
    const uint64_t pages = number_in("/proc/self/statm");
    if (pages == UINT64_MAX) return true;
    const uint64_t used = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return used + need <= limit.rlim_cur;
}

/* In one group, and in those that it is part of: `path` is cut at each slash. A group without a limit says "max". */
static bool fits_groups(const char *root, char *path, const char *limit_name, const char *used_name, uint64_t need) {
    for (;;) {
        char file[PATH_MAX];
        snprintf(file, sizeof file, "%s%s/%s", root, path, limit_name);
        const uint64_t limit = number_in(file);
        snprintf(file, sizeof file, "%s%s/%s", root, path, used_name);
        const uint64_t used = limit == UINT64_MAX ? 0 : number_in(file);
        if (limit != UINT64_MAX && used != UINT64_MAX && used + need > limit) return false;
        char *slash = strrchr(path, '/');
        if (!slash) return true;
        *slash = 0;
    }
}

static bool fits_control_groups(uint64_t need) {
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX];
    bool fits = true;
    while (file && fits && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        if (names[1] == 0) fits = fits_groups("/sys/fs/cgroup", path, "memory.max", "memory.current", need);
        else if (strstr(names + 1, "memory")) {
            fits = fits_groups("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", need);
        }
    }
    if (file) fclose(file);
    return fits;
}

nexpr_status refuse_scarcity(const nx_segment *segment, nexpr_error *err) {
    const uint64_t need = need_of(segment);
    if (fits_limit(RLIMIT_AS, need) && fits_limit(RLIMIT_DATA, need) && fits_control_groups(need)) return NEXPR_OK;
    return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE,
                   "less than %llu MiB of memory are left, and LLVM ends the process if it gets none",
                   (unsigned long long)(need / MIB));
}
