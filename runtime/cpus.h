/* SPDX-License-Identifier: MIT */
/* How many CPUs this process may use, and the cache behind them. */
#ifndef NX_RUNTIME_CPUS_H
#define NX_RUNTIME_CPUS_H

#include <stdint.h>

/* The least of what affinity and cgroup allow; 1 to NX_MAX_THREADS. */
int nx_cpus(void);
/* CPUs that the quota of a cgroup amounts to, rounded up; INT_MAX if there is none. `membership` is a file like
 * /proc/self/cgroup, `mount` a folder like /sys/fs/cgroup. */
int nx_cpus_quota(const char *membership, const char *mount);
/* Bytes of the last-level cache that a CPU of this process sees. Looked up once, then constant. Thread-safe. */
int64_t nx_cpus_cache_bytes(void);

#endif
