/* SPDX-License-Identifier: MIT */
#include "jit/disk.h"

#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "jit/hash.h"

enum { FORMAT = 1, MAX_OBJECT = 16 << 20, NAME_BYTES = 64, RECOUNT_AFTER = 64 /* stores */, AN_HOUR = 3600 /* seconds */ };

/* The file: this, the key, the segment, the object. */
typedef struct file_head {
    char magic[8];
    uint32_t format, key_bytes; /* the key with the segment */
    uint64_t object_bytes;
    uint64_t checksum;          /* of all that follows */
} file_head;

static const char magic[8] = "nexprjit";
static const char suffix[] = ".kernel", temporary[] = ".tmp";

_Static_assert(sizeof(nx_disk_key) == 24 + sizeof(nx_plugin_identity) + sizeof(nx_cpu_identity), "no padding");

/* ---------------------------------------------------------------------------------------------------- identity -- */

enum { EAX = 1, EBX = 2, ECX = 4, EDX = 8 };

/* Leaves of CPUID and the registers of each that say something about code: vendor; family, model, stepping and features;
 * more features; the size of the registers that the system saves, which tells what it lets programs use. */
static const struct leaf {
    uint32_t leaf, subleaf;
    unsigned registers;
} leaves[] = {
    {0, 0, EBX | ECX | EDX}, {1, 0, EAX | ECX | EDX}, {7, 0, EBX | ECX | EDX},
    {7, 1, EAX | EDX},       {0xD, 0, EAX | EBX},     {0x80000001, 0, ECX | EDX},
};

/* In a virtual machine each leaf takes some microseconds, so none is asked for twice. All 64-bit CPUs have 0x80000001. */
nx_cpu_identity nx_cpu_identify(void) {
    nx_cpu_identity cpu = {{0}};
    uint32_t last = 0;
    size_t count = 0;
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        uint32_t r[4] = {0}, leaf = leaves[i].leaf;
        if (leaf <= last || leaf >> 31) __cpuid_count(leaf, leaves[i].subleaf, r[0], r[1], r[2], r[3]);
        if (leaf == 0) last = r[0];
        for (int k = 0; k < 4; k++) {
            if (leaves[i].registers >> k & 1) cpu.words[count++] = r[k];
        }
    }
    return cpu;
}

/* -------------------------------------------------------------------------------------------------- the folder -- */

static bool is_folder_known(const char *folder, char path[PATH_MAX]) {
    const char *base = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    int n = 0;
    if (folder) n = snprintf(path, PATH_MAX, "%s", folder);
    else if (base && *base == '/') n = snprintf(path, PATH_MAX, "%s/nexpr", base);
    else if (home && *home == '/') n = snprintf(path, PATH_MAX, "%s/.cache/nexpr", home);
    return n > 0 && n < PATH_MAX && *path == '/';
}

nexpr_status nx_disk_init(nx_disk *disk, const nexpr_allocator *allocator, const char *folder, uint64_t limit,
                          nexpr_error *err) {
    char path[PATH_MAX];
    *disk = (nx_disk){.allocator = allocator, .limit = limit};
    if (!is_folder_known(folder, path)) return NEXPR_OK;
    disk->path_bytes = strlen(path) + 1;
    disk->path = nx_allocate(allocator, 1, disk->path_bytes);
    if (!disk->path) return nx_fail_memory(err);
    memcpy(disk->path, path, disk->path_bytes);
    return NEXPR_OK;
}

void nx_disk_forget(nx_disk *disk) {
    nx_release(disk->allocator, disk->path, 1, disk->path_bytes);
    disk->path = NULL;
}

/* Ours, and nobody else can write to it. */
static bool is_trusted(const struct stat *info) {
    return info->st_uid == geteuid() && !(info->st_mode & (S_IWGRP | S_IWOTH));
}

/* A descriptor, or -1. */
static int open_folder(const nx_disk *disk) {
    struct stat info;
    int fd = disk->path ? open(disk->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0 || (!fstat(fd, &info) && is_trusted(&info))) return fd;
    close(fd);
    return -1;
}

/* With the folder that it is in, as ~/.cache may be missing; not more. */
static int make_folder(const nx_disk *disk) {
    char parent[PATH_MAX];
    if (disk->path && mkdir(disk->path, 0700) && errno == ENOENT) {
        snprintf(parent, sizeof parent, "%s", disk->path);
        *strrchr(parent, '/') = 0;
        if (!mkdir(parent, 0700)) mkdir(disk->path, 0700);
    }
    return open_folder(disk);
}

/* ---------------------------------------------------------------------------------------------------------- files -- */

static uint64_t hash_key(const nx_disk_key *key, const nx_segment *segment) {
    return nx_hash(nx_hash(NX_HASH_START, key, sizeof *key), segment, key->segment_bytes);
}

static void name_file(char name[NAME_BYTES], uint64_t hash) {
    snprintf(name, NAME_BYTES, "%016llx%s", (unsigned long long)hash, suffix);
}

/* Reads `count` bytes; false if there are fewer. */
static bool read_all(int fd, void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t n = read(fd, (char *)bytes + done, count - done);
        if (n == 0 || (n < 0 && errno != EINTR)) return false;
        if (n > 0) done += (size_t)n;
    }
    return true;
}

static bool is_what_was_written(const nx_disk_key *key, const nx_segment *segment, nx_disk_entry *entry) {
    const size_t key_bytes = sizeof *key + key->segment_bytes, before = sizeof(file_head) + key_bytes;
    file_head head;
    if (entry->count <= before) return false;
    memcpy(&head, entry->bytes, sizeof head);
    const char *rest = (const char *)entry->bytes + sizeof head;
    entry->object = (const char *)entry->bytes + before;
    entry->object_bytes = entry->count - before;
    return !memcmp(head.magic, magic, sizeof magic) && head.format == FORMAT && head.key_bytes == key_bytes &&
           head.object_bytes == entry->object_bytes &&
           head.checksum == nx_hash(NX_HASH_START, rest, entry->count - sizeof head) &&
           !memcmp(rest, key, sizeof *key) && !memcmp(rest + sizeof *key, segment, key->segment_bytes);
}

/* A file that is used stays: its time is that of its last use, within an hour. */
static void touch(int fd, const struct stat *info) {
    if (info->st_mtim.tv_sec + AN_HOUR < time(NULL)) futimens(fd, NULL);
}

/* The bytes of an open file, if they can be what was written. */
static bool read_entry(const nx_disk *disk, int fd, nx_disk_entry *ret) {
    struct stat info;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode) || !is_trusted(&info)) return false;
    if (info.st_size < (off_t)sizeof(file_head) || info.st_size > MAX_OBJECT) return false;
    ret->count = (size_t)info.st_size;
    ret->bytes = nx_allocate(disk->allocator, 1, ret->count);
    if (!ret->bytes || !read_all(fd, ret->bytes, ret->count)) return false;
    touch(fd, &info);
    return true;
}

bool nx_disk_load(const nx_disk *disk, const nx_disk_key *key, const nx_segment *segment, nx_disk_entry *ret) {
    char name[NAME_BYTES];
    *ret = (nx_disk_entry){0};
    int folder = open_folder(disk);
    if (folder < 0) return false;
    name_file(name, hash_key(key, segment));
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    close(folder);
    if (fd < 0) return false;
    bool is_good = read_entry(disk, fd, ret) && is_what_was_written(key, segment, ret);
    close(fd);
    if (!is_good) nx_disk_release(disk, ret);
    return is_good;
}

void nx_disk_release(const nx_disk *disk, nx_disk_entry *entry) {
    nx_release(disk->allocator, entry->bytes, 1, entry->count);
    *entry = (nx_disk_entry){0};
}

/* --------------------------------------------------------------------------------------------------------- storing -- */

static bool write_all(int fd, struct iovec *parts, int count) {
    while (count) {
        ssize_t n = writev(fd, parts, count);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        for (size_t left = (size_t)n; count; parts++, count--) {
            if (left < parts->iov_len) {
                parts->iov_base = (char *)parts->iov_base + left;
                parts->iov_len -= left;
                break;
            }
            left -= parts->iov_len;
        }
    }
    return true;
}

static bool write_entry(int fd, const nx_disk_key *key, const nx_segment *segment, const void *object, size_t bytes) {
    file_head head = {.format = FORMAT, .key_bytes = (uint32_t)sizeof *key + key->segment_bytes, .object_bytes = bytes};
    struct iovec parts[] = {{&head, sizeof head},
                            {(void *)(uintptr_t)key, sizeof *key},
                            {(void *)(uintptr_t)segment, key->segment_bytes},
                            {(void *)(uintptr_t)object, bytes}};
    memcpy(head.magic, magic, sizeof magic);
    head.checksum = NX_HASH_START;
    for (int i = 1; i < 4; i++) head.checksum = nx_hash(head.checksum, parts[i].iov_base, parts[i].iov_len);
    return write_all(fd, parts, 4);
}

/* ---------------------------------------------------------------------------------------------------------- room -- */

typedef struct file {
    uint64_t hash, bytes;
    struct timespec time;
} file;

typedef struct listing {
    file *files;
    size_t count, capacity;
} listing;

static bool list_file(const nx_disk *disk, listing *l, uint64_t hash, const struct stat *info) {
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 256;
        file *files = nx_allocate(disk->allocator, capacity, sizeof *files);
        if (!files) return false;
        if (l->count) memcpy(files, l->files, l->count * sizeof *files);
        nx_release(disk->allocator, l->files, l->capacity, sizeof *files);
        l->files = files;
        l->capacity = capacity;
    }
    l->files[l->count++] = (file){hash, (uint64_t)info->st_size, info->st_mtim};
    return true;
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n > m && !strcmp(name + n - m, end);
}

/* What a process left that was killed while it wrote. */
static void remove_old_temporary(int folder, const char *name, const struct stat *info) {
    if (ends_with(name, temporary) && info->st_mtim.tv_sec + AN_HOUR < time(NULL)) unlinkat(folder, name, 0);
}

/* All files of ours; others are left alone. */
static bool list_folder(const nx_disk *disk, int folder, listing *l) {
    int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own < 0 ? NULL : fdopendir(own);
    bool is_whole = true;
    if (!dir && own >= 0) close(own);
    for (struct dirent *entry; dir && is_whole && (entry = readdir(dir));) {
        unsigned long long hash;
        char name[NAME_BYTES];
        struct stat info;
        if (fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) || !S_ISREG(info.st_mode)) continue;
        remove_old_temporary(folder, entry->d_name, &info);
        if (!ends_with(entry->d_name, suffix) || sscanf(entry->d_name, "%16llx", &hash) != 1) continue;
        name_file(name, hash);
        if (!strcmp(name, entry->d_name)) is_whole = list_file(disk, l, hash, &info);
    }
    if (dir) closedir(dir);
    return dir && is_whole;
}

static int compare_times(const void *a, const void *b) {
    const struct timespec *x = &((const file *)a)->time, *y = &((const file *)b)->time;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* Counts what is there and, if that is too much, removes the oldest until a quarter of the room is free. */
static void make_room(nx_disk *disk, int folder) {
    listing l = {0};
    if (list_folder(disk, folder, &l)) {
        disk->used = 0;
        for (size_t i = 0; i < l.count; i++) disk->used += l.files[i].bytes;
        if (disk->used > disk->limit) qsort(l.files, l.count, sizeof *l.files, compare_times);
        uint64_t wanted = disk->used > disk->limit ? disk->limit - disk->limit / 4 : disk->limit;
        for (size_t i = 0; i < l.count && disk->used > wanted; i++) {
            char name[NAME_BYTES];
            name_file(name, l.files[i].hash);
            unlinkat(folder, name, 0);
            disk->used -= l.files[i].bytes;
        }
    }
    nx_release(disk->allocator, l.files, l.capacity, sizeof *l.files);
}

void nx_disk_store(nx_disk *disk, const nx_disk_key *key, const nx_segment *segment, const void *object, size_t bytes) {
    char name[NAME_BYTES], draft[NAME_BYTES];
    const uint64_t hash = hash_key(key, segment), size = sizeof(file_head) + sizeof *key + key->segment_bytes + bytes;
    int folder = size <= MAX_OBJECT && size <= disk->limit ? make_folder(disk) : -1;
    if (folder < 0) return;
    name_file(name, hash);
    snprintf(draft, sizeof draft, "%016llx.%d.%u%s", (unsigned long long)hash, (int)getpid(), disk->stores, temporary);
    int fd = openat(folder, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool is_written = write_entry(fd, key, segment, object, bytes);
        is_written = !close(fd) && is_written;
        if (!is_written || renameat(folder, draft, folder, name)) unlinkat(folder, draft, 0);
        else disk->used += size;
    }
    if (disk->stores++ % RECOUNT_AFTER == 0 || disk->used > disk->limit) make_room(disk, folder);
    close(folder);
}
