/* SPDX-License-Identifier: MIT */
/*
 * Objects on disk, shared by the processes of a user: a file for each, named by the hash of its key. The key says all that
 * an object depends on; it is in the file in full, with a checksum. Nothing here fails: what is not there, cannot be read
 * or written, belongs to somebody else, or is not what was written, counts for nothing, and the next object of that name
 * takes its place.
 *
 * A file appears by a rename, so nobody reads half of one. Those that were not used for longest are removed first when the
 * folder is too large.
 */
#ifndef NX_JIT_DISK_H
#define NX_JIT_DISK_H

#include "engine/arena.h"
#include "jit/plugin_host.h"

typedef struct nx_disk {
    const nexpr_allocator *allocator;
    char *path; /* of the folder; NULL: there is no cache */
    size_t path_bytes;
    uint64_t limit;  /* of the bytes of all files */
    uint64_t used;   /* as far as it is known; the rest is for the one thread that stores */
    unsigned stores;
} nx_disk;

/* What this CPU is and can do, as far as code depends on it. */
typedef struct nx_cpu_identity {
    uint32_t words[16];
} nx_cpu_identity;

/* What an object depends on, besides its segment. Without padding. */
typedef struct nx_disk_key {
    uint32_t version, abi, llvm, isa, segment_bytes, unused; /* llvm: that this library was built for; the last is 0 */
    nx_plugin_identity plugin;
    nx_cpu_identity cpu;
} nx_disk_key;

/* The object is within `bytes`, which are released by nx_disk_release. */
typedef struct nx_disk_entry {
    void *bytes;
    size_t count;
    const void *object;
    size_t object_bytes;
} nx_disk_entry;

nx_cpu_identity nx_cpu_identify(void);

/* folder as in nx_jit_options. Looks at the environment, and at no file. Errors: MEMORY. */
nexpr_status nx_disk_init(nx_disk *disk, const nexpr_allocator *allocator, const char *folder, uint64_t limit,
                          nexpr_error *err);
void nx_disk_forget(nx_disk *disk);

bool nx_disk_load(const nx_disk *disk, const nx_disk_key *key, const nx_segment *segment, nx_disk_entry *ret);
void nx_disk_release(const nx_disk *disk, nx_disk_entry *entry);
void nx_disk_store(nx_disk *disk, const nx_disk_key *key, const nx_segment *segment, const void *object, size_t bytes);

#endif
