/* SPDX-License-Identifier: MIT */
/* The cache on disk: what is found again, and that whatever is odd counts for nothing and is made anew. */
#include "tests/jit/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "jit/disk.h"
#include "jit/hash.h"
#include "tests/jit/children.h"
#include "tests/jit/maps.h"
#include "tests/support/failing_allocator.h"

static char base[64]; /* a fresh folder for each test */

static int make_base(void **state) {
    (void)state;
    snprintf(base, sizeof base, "/tmp/nexpr-disk-XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state) {
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", base, base);
    return system(command);
}

static const char *in_base(const char *name) {
    static char path[4][256];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof *path, "%s/%s", base, name);
    return p;
}

static const char *folder(void) {
    return in_base("cache");
}

/* The names in the folder that end so; the last one is in *ret_name. */
static int count_files(const char *path, const char *end, char *ret_name) {
    DIR *dir = opendir(path);
    int count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name), m = strlen(end);
        if (entry->d_name[0] == '.' || n < m || strcmp(entry->d_name + n - m, end)) continue;
        count++;
        if (ret_name) snprintf(ret_name, 256, "%.100s/%.100s", path, entry->d_name);
    }
    if (dir) closedir(dir);
    return count;
}

/* ------------------------------------------------------------------------------------------ the cache by itself -- */

typedef struct fixture {
    nx_disk disk;
    nx_disk_key key;
    test_segment segment;
} fixture;

static fixture disk_at(const char *path, uint64_t limit) {
    fixture f = {.key = {NEXPR_VERSION, NX_JIT_ABI, NX_LLVM_VERSION, NX_ISA_AVX2, 0, 0, {1, 2, 3, 4}, nx_cpu_identify()}};
    segment_adding(&f.segment, 1);
    f.key.segment_bytes = (uint32_t)nx_segment_bytes(&f.segment.head);
    assert_int_equal(nx_disk_init(&f.disk, NULL, path, limit, NULL), NEXPR_OK);
    return f;
}

static void store(fixture *f, const char *object) {
    nx_disk_store(&f->disk, &f->key, &f->segment.head, object, strlen(object));
}

/* Whether the object is there. */
static bool has(fixture *f, const char *object) {
    nx_disk_entry entry;
    if (!nx_disk_load(&f->disk, &f->key, &f->segment.head, &entry)) {
        assert_null(entry.bytes);
        return false;
    }
    assert_int_equal(entry.object_bytes, strlen(object));
    assert_memory_equal(entry.object, object, strlen(object));
    nx_disk_release(&f->disk, &entry);
    return true;
}

static void what_was_stored_is_found(void **state) {
    (void)state;
    struct stat info;
    char name[256];
    fixture f = disk_at(folder(), 1 << 20);
    assert_false(has(&f, "code"));
    store(&f, "code");
    assert_true(has(&f, "code"));
    store(&f, "other");
    assert_true(has(&f, "other"));
    assert_int_equal(count_files(folder(), "", name), 1);
    assert_int_equal(stat(folder(), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(stat(name, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    nx_disk_forget(&f.disk);
}

/* A file with the name for the key, as it is after a change, and the content of another: what a collision would be. */
static void expect_other_key(fixture *f, const fixture *good) {
    char name[256], wanted[256];
    assert_false(has(f, "code"));
    assert_int_equal(count_files(folder(), "", name), 1);
    uint64_t hash = nx_hash(nx_hash(NX_HASH_START, &f->key, sizeof f->key), &f->segment, f->key.segment_bytes);
    snprintf(wanted, sizeof wanted, "%s/%016llx.kernel", folder(), (unsigned long long)hash);
    assert_string_not_equal(name, wanted);
    assert_int_equal(rename(name, wanted), 0);
    assert_false(has(f, "code"));
    assert_int_equal(rename(wanted, name), 0);
    *f = *good;
}

static void everything_that_code_depends_on_is_in_the_key(void **state) {
    (void)state;
    fixture f = disk_at(folder(), 1 << 20), good = f;
    store(&f, "code");
#define CHANGED(change) change, expect_other_key(&f, &good)
    CHANGED(f.key.version++);
    CHANGED(f.key.abi++);
    CHANGED(f.key.llvm++);
    CHANGED(f.key.isa++);
    CHANGED(f.key.plugin.bytes++);
    CHANGED(f.key.plugin.inode++);
    CHANGED(f.key.plugin.seconds++);
    CHANGED(f.key.plugin.nanoseconds++);
    for (int i = 0; i < 16; i++) CHANGED(f.key.cpu.words[i] ^= 1);
    CHANGED(segment_adding(&f.segment, 2));
#undef CHANGED
    assert_true(has(&f, "code"));
    nx_disk_forget(&f.disk);
}

static void this_cpu_is_recognised(void **state) {
    (void)state;
    nx_cpu_identity a = nx_cpu_identify(), b = nx_cpu_identify();
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_not_equal(a.words[0], 0); /* of the vendor's name */
    assert_int_not_equal(a.words[3], 0); /* the model */
}

static void write_file(const char *path, const void *bytes, size_t count) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, bytes, count) == (ssize_t)count);
    close(fd);
}

static size_t read_file(const char *path, char *bytes, size_t room) {
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, room);
    close(fd);
    assert_true(n > 0);
    return (size_t)n;
}

static void any_changed_byte_is_seen(void **state) {
    (void)state;
    char name[256], bytes[1000];
    fixture f = disk_at(folder(), 1 << 20);
    store(&f, "code");
    count_files(folder(), "", name);
    size_t n = read_file(name, bytes, sizeof bytes);
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x10;
        write_file(name, bytes, n);
        assert_false(has(&f, "code"));
        bytes[i] ^= 0x10;
    }
    for (size_t i = 0; i < n; i++) {
        write_file(name, bytes, i);
        assert_false(has(&f, "code"));
    }
    bytes[n] = 0;
    write_file(name, bytes, n + 1);
    assert_false(has(&f, "code"));
    store(&f, "code");
    assert_true(has(&f, "code"));
    nx_disk_forget(&f.disk);
}

static void only_plain_files_of_ours_are_read(void **state) {
    (void)state;
    char name[256], bytes[1000];
    fixture f = disk_at(folder(), 1 << 20);
    store(&f, "code");
    count_files(folder(), "", name);
    size_t n = read_file(name, bytes, sizeof bytes);
    assert_int_equal(chmod(name, 0620), 0);
    assert_false(has(&f, "code"));
    assert_int_equal(chmod(name, 0600), 0);
    assert_true(has(&f, "code"));
    if (!geteuid()) {
        assert_int_equal(chown(name, 12345, (gid_t)-1), 0);
        assert_false(has(&f, "code"));
    }
    unlink(name);
    write_file(in_base("elsewhere"), bytes, n);
    assert_int_equal(symlink(in_base("elsewhere"), name), 0);
    assert_false(has(&f, "code"));
    store(&f, "code"); /* in place of the link */
    assert_true(has(&f, "code"));
    unlink(name);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_false(has(&f, "code"));
    unlink(name);
    assert_int_equal(mkdir(name, 0700), 0);
    assert_false(has(&f, "code"));
    store(&f, "code");
    assert_false(has(&f, "code"));
    assert_int_equal(count_files(folder(), "", NULL), 1);
    nx_disk_forget(&f.disk);
}

static void a_folder_of_others_is_not_used(void **state) {
    (void)state;
    fixture f = disk_at(folder(), 1 << 20), linked = disk_at(in_base("link"), 1 << 20);
    store(&f, "code");
    assert_int_equal(symlink(folder(), in_base("link")), 0);
    assert_false(has(&linked, "code"));
    store(&linked, "other");
    assert_true(has(&f, "code"));
    assert_int_equal(chmod(folder(), 0770), 0);
    assert_false(has(&f, "code"));
    assert_int_equal(chmod(folder(), 0755), 0);
    assert_true(has(&f, "code"));
    if (!geteuid()) {
        assert_int_equal(chown(folder(), 12345, (gid_t)-1), 0);
        assert_false(has(&f, "code"));
        store(&f, "other");
        assert_int_equal(chown(folder(), 0, (gid_t)-1), 0);
        assert_true(has(&f, "code"));
    }
    nx_disk_forget(&f.disk);
    nx_disk_forget(&linked.disk);
}

static void expect_path(const char *wanted) {
    nx_disk disk;
    assert_int_equal(nx_disk_init(&disk, NULL, NULL, 1, NULL), NEXPR_OK);
    if (wanted) assert_string_equal(disk.path, wanted);
    else assert_null(disk.path);
    nx_disk_forget(&disk);
}

static void the_folder_is_where_the_user_keeps_caches(void **state) {
    (void)state;
    fixture none = disk_at("", 1 << 20), relative = disk_at("cache", 1 << 20);
    store(&none, "code");
    assert_false(has(&none, "code"));
    assert_null(relative.disk.path);
    setenv("XDG_CACHE_HOME", "/x", 1);
    setenv("HOME", "/h", 1);
    expect_path("/x/nexpr");
    setenv("XDG_CACHE_HOME", "x", 1);
    expect_path("/h/.cache/nexpr");
    setenv("XDG_CACHE_HOME", "", 1);
    expect_path("/h/.cache/nexpr");
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", base, 1);
    fixture f = disk_at(NULL, 1 << 20); /* .cache is made, too */
    store(&f, "code");
    assert_true(has(&f, "code"));
    nx_disk_forget(&f.disk);
    unsetenv("HOME");
    expect_path(NULL);
    setenv("HOME", "", 1);
    expect_path(NULL);
    unsetenv("HOME");
}

/* ------------------------------------------------------------------------------------------------------- room -- */

static void set_age(const char *path, time_t seconds) {
    struct timespec times[2] = {{time(NULL) - seconds, 0}, {time(NULL) - seconds, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Stores number i, which was last used `age` seconds ago. */
static void store_number(fixture *f, uint16_t i, time_t age) {
    char name[256];
    segment_adding(&f->segment, i);
    store(f, "code");
    uint64_t hash = nx_hash(nx_hash(NX_HASH_START, &f->key, sizeof f->key), &f->segment, f->key.segment_bytes);
    snprintf(name, sizeof name, "%s/%016llx.kernel", folder(), (unsigned long long)hash);
    if (age) set_age(name, age);
}

static bool has_number(fixture *f, uint16_t i) {
    segment_adding(&f->segment, i);
    return has(f, "code");
}

static void the_oldest_go_first(void **state) {
    (void)state;
    enum { ONE = 32 + sizeof(nx_disk_key) + sizeof(test_segment) + 4 };
    fixture f = disk_at(folder(), 40 * ONE);
    for (uint16_t i = 0; i < 40; i++) store_number(&f, i, 100000 - i);
    for (uint16_t i = 0; i < 40; i++) assert_true(has_number(&f, i)); /* they are now all used just now */
    for (uint16_t i = 0; i < 40; i++) store_number(&f, i, 100000 - i);
    assert_true(has_number(&f, 3));
    write_file(in_base("cache/notes"), "mine", 4);
    set_age(in_base("cache/notes"), 1000000);
    fixture other = disk_at(folder(), 40 * ONE); /* another process, which does not know how much there is */
    store_number(&other, 50, 0);
    for (uint16_t i = 0; i < 11; i++) assert_int_equal(has_number(&f, i), i == 3);
    for (uint16_t i = 12; i < 40; i++) assert_true(has_number(&f, i));
    assert_true(has_number(&f, 50));
    assert_int_equal(access(in_base("cache/notes"), F_OK), 0);
    nx_disk_forget(&f.disk);
    nx_disk_forget(&other.disk);
}

static void what_is_larger_than_the_cache_is_not_kept(void **state) {
    (void)state;
    fixture f = disk_at(folder(), 400);
    char object[400];
    memset(object, 'x', sizeof object - 1);
    object[sizeof object - 1] = 0;
    store_number(&f, 1, 0);
    segment_adding(&f.segment, 2);
    store(&f, object);
    assert_false(has(&f, object));
    assert_true(has_number(&f, 1));
    nx_disk_forget(&f.disk);
}

static void drafts_of_killed_processes_are_removed(void **state) {
    (void)state;
    fixture f = disk_at(folder(), 1 << 20);
    assert_int_equal(mkdir(folder(), 0700), 0);
    write_file(in_base("cache/0123456789abcdef.12.0.tmp"), "half", 4);
    write_file(in_base("cache/0123456789abcdef.13.0.tmp"), "half", 4);
    set_age(in_base("cache/0123456789abcdef.12.0.tmp"), 4000);
    store(&f, "code");
    assert_int_not_equal(access(in_base("cache/0123456789abcdef.12.0.tmp"), F_OK), 0);
    assert_int_equal(access(in_base("cache/0123456789abcdef.13.0.tmp"), F_OK), 0);
    nx_disk_forget(&f.disk);
}

/* ------------------------------------------------------------------------------------- systems that do not let us -- */

static int write_to_full_disk(void *argument) {
    (void)argument;
    if (unshare(CLONE_NEWNS) || mount("none", base, "tmpfs", 0, "size=16k")) return CANNOT;
    char object[30000];
    memset(object, 'x', sizeof object - 1);
    object[sizeof object - 1] = 0;
    fixture f = disk_at(folder(), 1 << 20);
    store(&f, object);
    REQUIRE(!has(&f, object) && count_files(folder(), "", NULL) == 0);
    store(&f, "code");
    REQUIRE(has(&f, "code"));
    REQUIRE(!mount("none", base, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL));
    store(&f, "other");
    REQUIRE(has(&f, "code"));
    return 0;
}

static int write_short(void *argument) {
    (void)argument;
    struct rlimit limit = {100, 100};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL); /* as on the compiler's thread */
    fixture f = disk_at(folder(), 1 << 20);
    REQUIRE(!setrlimit(RLIMIT_FSIZE, &limit));
    store(&f, "code");
    REQUIRE(!has(&f, "code") && count_files(folder(), "", NULL) == 0);
    return 0;
}

/* Of an ordinary user. */
static int write_to_read_only_folder(void *argument) {
    (void)argument;
    if (!geteuid() && seteuid(12345)) return CANNOT;
    fixture f = disk_at(folder(), 1 << 20);
    store(&f, "other");
    REQUIRE(has(&f, "code"));
    return 0;
}

static void a_disk_that_takes_nothing_is_no_failure(void **state) {
    (void)state;
    int code = child_exit_code(write_to_full_disk, NULL);
    if (code == CANNOT) print_message("this system cannot mount a small disk\n");
    else assert_int_equal(code, 0);
    assert_int_equal(child_exit_code(write_short, NULL), 0);
    fixture f = disk_at(folder(), 1 << 20);
    char name[256];
    store(&f, "code");
    count_files(folder(), "", name);
    assert_int_equal(chmod(base, 0755), 0);
    if (!geteuid()) assert_int_equal(chown(folder(), 12345, (gid_t)-1) || chown(name, 12345, (gid_t)-1), 0);
    assert_int_equal(chmod(folder(), 0500), 0);
    assert_int_equal(child_exit_code(write_to_read_only_folder, NULL), 0);
    nx_disk_forget(&f.disk);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        failing_allocator failing;
        const nexpr_allocator *allocator = failing_allocator_init(&failing, n);
        fixture f = disk_at(folder(), 400);
        nx_disk_forget(&f.disk);
        if (!nx_disk_init(&f.disk, allocator, folder(), 400, NULL)) {
            store_number(&f, 1, 0);
            store_number(&f, 2, 0);
            has_number(&f, 2);
            nx_disk_forget(&f.disk);
        }
        assert_int_equal(failing.live_blocks, 0);
        assert_int_equal(failing.live_bytes, 0);
        if (!failing.failed) break;
        assert_in_range(n, 0, 100);
    }
}

/* ----------------------------------------------------------------------------------------------- with the jit -- */

static nx_jit *jit_with_disk(const char *plugin) {
    nx_jit_options options = {.disk_cache = folder(), .plugin = plugin_path(plugin)};
    nx_jit *jit = NULL;
    assert_int_equal(nx_jit_new(NULL, &options, &jit, NULL), NEXPR_OK);
    return jit;
}

/* By a process of its own, like all that follow; returns how many came from disk. */
static int use_numbers(void *argument) {
    int count = *(int *)argument, from_disk = 0;
    nx_jit *jit = jit_with_disk("good");
    for (int i = 0; i < count; i++) {
        nx_jit_kernel *kernel = get(jit, (uint16_t)i, true);
        REQUIRE(number_of(kernel) == (uint64_t)i);
        from_disk += nx_jit_info_of(kernel).source == NX_JIT_FROM_DISK;
        nx_jit_release(&kernel);
    }
    nx_jit_free(&jit);
    REQUIRE(read_maps(NULL, "fake_good.so").has_file == (from_disk < count));
    return from_disk;
}

static void code_from_disk_needs_no_plugin_in_the_process(void **state) {
    (void)state;
    int count = 10, more = 12;
    assert_int_equal(child_exit_code(use_numbers, &count), 0);
    assert_int_equal(count_files(folder(), ".kernel", NULL), 10);
    assert_int_equal(child_exit_code(use_numbers, &count), 10);
    assert_int_equal(child_exit_code(use_numbers, &more), 10);
    assert_int_equal(child_exit_code(use_numbers, &more), 12);
}

/* Waits until it is not pending. */
static nx_jit_kernel *look_for(nx_jit *jit, uint16_t number) {
    test_segment s;
    nx_jit_kernel *kernel = NULL;
    REQUIRE(!nx_jit_get(jit, segment_adding(&s, number), NX_ISA_AVX2, NX_JIT_LOOK, &kernel, NULL));
    for (int i = 0; nx_jit_state_of(kernel) == NX_JIT_PENDING && i < PATIENCE * 1000; i++) usleep(1000);
    return kernel;
}

/* 0 and 1 are there; 2 is not, until somebody wants it. */
static int look_for_numbers(void *argument) {
    (void)argument;
    nx_jit *jit = jit_with_disk("good");
    REQUIRE(!nx_jit_has_looked(jit));
    nx_jit_kernel *zero = look_for(jit, 0), *two = look_for(jit, 2), *later = look_for(jit, 2);
    REQUIRE(nx_jit_has_looked(jit) && number_of(zero) == 0 && nx_jit_info_of(zero).source == NX_JIT_FROM_DISK);
    REQUIRE(nx_jit_state_of(two) == NX_JIT_ABSENT && nx_jit_info_of(two).state == NX_JIT_ABSENT && !nx_jit_entry(two));
    REQUIRE(nx_jit_state_of(later) == NX_JIT_ABSENT && !*nx_jit_info_of(later).reason);
    REQUIRE(!read_maps(NULL, "fake_good.so").has_file);
    nx_jit_kernel *wanted = get(jit, 2, true);
    REQUIRE(number_of(wanted) == 2 && number_of(two) == 2 && number_of(later) == 2);
    REQUIRE(nx_jit_info_of(wanted).source == NX_JIT_FROM_COMPILER);
    nx_jit_release(&two), nx_jit_release(&later), nx_jit_release(&wanted), nx_jit_release(&zero);
    nx_jit_free(&jit);
    return 0;
}

/* Requests of all kinds for the same, from which nobody may come back with less than was asked for. */
static void *ask_in_all_ways(void *argument) {
    nx_jit *jit = argument;
    for (uint16_t i = 0; i < 300; i++) {
        nx_jit_kernel *seen = look_for(jit, i), *wanted = get(jit, i, i % 3 == 0);
        for (int k = 0; nx_jit_state_of(wanted) == NX_JIT_PENDING && k < PATIENCE * 1000; k++) usleep(1000);
        REQUIRE(number_of(wanted) == i && number_of(seen) == i);
        nx_jit_release(&seen), nx_jit_release(&wanted);
    }
    return NULL;
}

static int ask_by_threads(void *argument) {
    pthread_t threads[4];
    nx_jit *jit = argument ? jit_with_disk("good") : jit_with(NULL, "good");
    for (int i = 0; i < 4; i++) REQUIRE(!pthread_create(&threads[i], NULL, ask_in_all_ways, jit));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    nx_jit_free(&jit);
    return 0;
}

static void who_only_looks_gets_what_is_there(void **state) {
    (void)state;
    int count = 2;
    assert_int_equal(child_exit_code(use_numbers, &count), 0);
    assert_int_equal(child_exit_code(look_for_numbers, NULL), 0);
    if (!CHILD_MAY_START_THREADS) return;
    assert_int_equal(child_exit_code(ask_by_threads, &count), 0);
    assert_int_equal(child_exit_code(ask_by_threads, NULL), 0);
}

static void code_of_another_plugin_is_not_used(void **state) {
    (void)state;
    int count = 2;
    assert_int_equal(child_exit_code(use_numbers, &count), 0);
    nx_jit *jit = jit_with_disk("forgetful");
    nx_jit_kernel *kernel = get(jit, 1, true);
    assert_int_equal(nx_jit_state_of(kernel), NX_JIT_REFUSED);
    nx_jit_release(&kernel);
    nx_jit_free(&jit);
}

/* An object that is none, in a file that is as it should be. */
static void an_object_that_cannot_be_loaded_is_made_anew(void **state) {
    (void)state;
    int count = 1;
    char name[256], bytes[1 << 14];
    assert_int_equal(child_exit_code(use_numbers, &count), 0);
    count_files(folder(), "", name);
    size_t n = read_file(name, bytes, sizeof bytes), head = 32;
    size_t object = head + sizeof(nx_disk_key) + nx_segment_bytes(&(nx_segment){1, 1, 1, 0});
    assert_memory_equal(bytes + object, "\x7F" "ELF", 4);
    bytes[object + 5]++;
    uint64_t checksum = nx_hash(NX_HASH_START, bytes + head, n - head);
    memcpy(bytes + head - 8, &checksum, 8);
    write_file(name, bytes, n);
    assert_int_equal(child_exit_code(use_numbers, &count), 0);
    assert_int_equal(child_exit_code(use_numbers, &count), 1);
}

static void processes_may_race(void **state) {
    (void)state;
    enum { RACERS = 4 };
    int count = 60, status;
    pid_t racers[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = fork();
        if (!racers[i]) _exit(use_numbers(&count) <= count ? 0 : 1);
    }
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(waitpid(racers[i], &status, 0), racers[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_files(folder(), ".kernel", NULL), count);
    assert_int_equal(count_files(folder(), ".tmp", NULL), 0);
    assert_int_equal(child_exit_code(use_numbers, &count), count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_base, remove_base)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_stored_is_found),
        TEST(everything_that_code_depends_on_is_in_the_key),
        TEST(this_cpu_is_recognised),
        TEST(any_changed_byte_is_seen),
        TEST(only_plain_files_of_ours_are_read),
        TEST(a_folder_of_others_is_not_used),
        TEST(the_folder_is_where_the_user_keeps_caches),
        TEST(the_oldest_go_first),
        TEST(what_is_larger_than_the_cache_is_not_kept),
        TEST(drafts_of_killed_processes_are_removed),
        TEST(a_disk_that_takes_nothing_is_no_failure),
        TEST(every_allocation_may_fail),
        TEST(code_from_disk_needs_no_plugin_in_the_process),
        TEST(who_only_looks_gets_what_is_there),
        TEST(code_of_another_plugin_is_not_used),
        TEST(an_object_that_cannot_be_loaded_is_made_anew),
        TEST(processes_may_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
