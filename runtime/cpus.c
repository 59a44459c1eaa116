/* SPDX-License-Identifier: MIT */
/*
 * CPUs that this process may use: its affinity mask, and the quota of its cgroup and of all groups above, version 1 or 2.
 * In a container the path in /proc/self/cgroup may be the host's and the files lie at the mount point; so every group on
 * the way up is tried, and what does not exist sets no limit.
 */
#include "runtime/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/threads.h"

enum { LARGEST_MASK = 1 << 16 /* CPUs */, UNKNOWN_CACHE = 32 << 20 };

static int affinity(void) {
    for (int cpus = CPU_SETSIZE; cpus <= LARGEST_MASK; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        if (!set) break;
        bool known = sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set) == 0;
        int count = known ? CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set) : 0;
        CPU_FREE(set);
        if (known) return count;
    }
    return 1;
}

/* Reads up to two numbers from the first line of folder/name and returns how many there are. */
static int read_numbers(const char *folder, const char *name, long long *ret_first, long long *ret_second) {
    char path[PATH_MAX], line[64];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return 0;
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int found = fgets(line, sizeof line, file) ? sscanf(line, "%lld %lld", ret_first, ret_second) : 0;
    fclose(file);
    return found;
}

/* The quota of one group in CPUs. Version 2 says "max 100000" or "150000 100000", version 1 has a file for each number
 * and -1 for none. */
static int quota_of(const char *folder, bool version2) {
    long long quota = 0, period = 0, rest;
    if (version2) {
        if (read_numbers(folder, "cpu.max", &quota, &period) != 2) return INT_MAX;
    } else {
        if (read_numbers(folder, "cpu.cfs_quota_us", &quota, &rest) != 1) return INT_MAX;
        if (read_numbers(folder, "cpu.cfs_period_us", &period, &rest) != 1) return INT_MAX;
    }
    if (quota <= 0 || period <= 0) return INT_MAX;
    long long cpus = quota / period + (quota % period != 0);
    return cpus < INT_MAX ? (int)cpus : INT_MAX;
}

/* The least quota of mount/controller/path and of the groups above it. */
static int least_quota(const char *mount, const char *controller, const char *path, bool version2) {
    char folder[PATH_MAX];
    int top = snprintf(folder, sizeof folder, "%s%s", mount, controller);
    if (top >= (int)sizeof folder || top + strlen(path) >= sizeof folder) return INT_MAX;
    strcpy(folder + top, path);
    int least = INT_MAX;
    for (;;) {
        int quota = quota_of(folder, version2);
        if (quota < least) least = quota;
        char *slash = strrchr(folder + top, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

/* Whether a list such as "cpu,cpuacct" has "cpu". */
static bool lists_cpu(const char *list) {
    for (const char *at = list; (at = strstr(at, "cpu")); at += 3) {
        if ((at == list || at[-1] == ',') && (at[3] == 0 || at[3] == ',')) return true;
    }
    return false;
}

/* A line is "5:cpu,cpuacct:/path", in version 2 "0::/path". */
static int quota_of_line(char *line, const char *mount) {
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) return INT_MAX;
    *path++ = 0;
    controllers++;
    path[strcspn(path, "\n")] = 0;
    if (!*controllers) return least_quota(mount, "", path, true);
    if (!lists_cpu(controllers)) return INT_MAX;
    int plain = least_quota(mount, "/cpu", path, false), joint = least_quota(mount, "/cpu,cpuacct", path, false);
    return plain < joint ? plain : joint;
}

int nx_cpus_quota(const char *membership, const char *mount) {
    FILE *file = fopen(membership, "re");
    if (!file) return INT_MAX;
    char line[PATH_MAX + 256];
    int least = INT_MAX;
    while (fgets(line, sizeof line, file)) {
        int quota = quota_of_line(line, mount);
        if (quota < least) least = quota;
    }
    fclose(file);
    return least;
}

int nx_cpus(void) {
    int cpus = affinity(), quota = nx_cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (quota < cpus) cpus = quota;
    return cpus < 1 ? 1 : cpus < NX_MAX_THREADS ? cpus : NX_MAX_THREADS;
}

/* In a virtual machine CPUID, from which sysconf has its answer, may tell of the whole host; what the kernel made of it
 * is the share of these CPUs. The file says "32768K". */
static int64_t cache_bytes(void) {
    long long kib = 0, rest;
    int64_t told = sysconf(_SC_LEVEL3_CACHE_SIZE);
    read_numbers("/sys/devices/system/cpu/cpu0/cache/index3", "size", &kib, &rest);
    if (kib > 0 && kib < LLONG_MAX >> 10 && (told <= 0 || kib << 10 < told)) told = kib << 10;
    return told > 0 ? told : UNKNOWN_CACHE;
}

int64_t nx_cpus_cache_bytes(void) {
    static _Atomic int64_t known;
    int64_t bytes = atomic_load_explicit(&known, memory_order_relaxed);
    if (bytes) return bytes;
    bytes = cache_bytes();
    atomic_store_explicit(&known, bytes, memory_order_relaxed);
    return bytes;
}
