/* SPDX-License-Identifier: MIT */
/* Memory for code: its rights at every moment, what becomes of it, and systems that forbid it. */
#include "tests/jit/fixture.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "jit/arena.h"
#include "tests/jit/children.h"
#include "tests/jit/maps.h"
#include "tests/support/failing_allocator.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

enum { PAGE = 4096 };

/* The code "return *number". */
static nexpr_status write_number(void *user, unsigned char *at, nexpr_error *err) {
    (void)err;
    at[0] = 0xB8; /* mov eax, number; ret */
    memcpy(at + 1, user, 4);
    at[5] = 0xC3;
    return NEXPR_OK;
}

static int call(const nx_code_pages *pages) {
    union {
        void *address;
        int (*function)(void);
    } code = {.address = pages->at};
    return code.function();
}

static nx_code_pages make(nx_code_arena *arena, size_t bytes, int number) {
    nx_code_pages pages = {0};
    assert_int_equal(nx_code_make(arena, bytes, write_number, &number, &pages, NULL), NEXPR_OK);
    return pages;
}

static nexpr_status look_at_rights(void *user, unsigned char *at, nexpr_error *err) {
    (void)err;
    *(maps *)user = read_maps(at, NULL);
    for (size_t i = 0; i < 2 * PAGE; i++) assert_int_equal(at[i], 0);
    return NEXPR_OK;
}

static void code_is_written_before_it_is_executable(void **state) {
    (void)state;
    nx_code_arena arena;
    nx_code_pages pages, other;
    maps m;
    nx_code_arena_init(&arena, NULL);
    other = make(&arena, 1, 1);
    for (int round = 0; round < 2; round++) { /* fresh pages, and pages that held code */
        assert_int_equal(nx_code_make(&arena, PAGE + 1, look_at_rights, &m, &pages, NULL), NEXPR_OK);
        assert_string_equal(m.rights_at, "rw-p");
        assert_int_equal(m.writable_code, 0);
        assert_string_equal(read_maps(pages.at, NULL).rights_at, "r-xp");
        assert_int_equal(pages.bytes, 2 * PAGE);
        nx_code_release(&arena, &pages);
        pages = make(&arena, PAGE + 1, 2);
        assert_int_equal(call(&pages), 2);
        nx_code_release(&arena, &pages);
        assert_null(pages.at);
    }
    assert_int_equal(call(&other), 1);
    nx_code_release(&arena, &other);
    nx_code_arena_free(&arena);
}

static int mappings(void) {
#ifdef SANITIZED
    return 0;
#else
    return read_maps(NULL, NULL).count;
#endif
}

static void pieces_do_not_touch_each_other(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    static nx_code_pages pages[COUNT];
    nx_code_arena arena;
    nx_code_arena_init(&arena, NULL);
    int before = mappings();
    for (int round = 0; round < 3; round++) {
        for (int i = round ? 1 : 0; i < COUNT; i += round ? 2 : 1) {
            pages[i] = make(&arena, (size_t)(i * 7919 % 5) * PAGE + 1, i);
        }
        for (int i = 0; i < COUNT; i++) assert_int_equal(call(&pages[i]), i);
        assert_in_range(mappings() - before, 0, 55); /* 64 pages, of 3000, are one mapping or less */
        for (int i = 1; i < COUNT; i += 2) nx_code_release(&arena, &pages[i]);
    }
    for (int i = 0; i < COUNT; i += 2) nx_code_release(&arena, &pages[i]);
    nx_code_arena_free(&arena);
    assert_in_range(mappings(), 0, before + 1);
}

static void ten_thousand_pieces_leave_nothing(void **state) {
    (void)state;
    enum { WINDOW = 100 };
    nx_code_pages pages[WINDOW] = {{0}};
    nx_code_arena arena;
    failing_allocator counting;
    int mapped = 0;
    long resident = 0;
    nx_code_arena_init(&arena, failing_allocator_init(&counting, -1));
    for (int i = 0; i < 11000; i++) {
        nx_code_release(&arena, &pages[i % WINDOW]);
        pages[i % WINDOW] = make(&arena, (size_t)(i * 31 % 3 + (i % 97 == 0 ? 70 : 0)) * PAGE + 1, i);
        if (i == 999) mapped = mappings(), resident = resident_pages();
    }
    assert_in_range(mappings(), 0, mapped + 20);
    assert_in_range(resident_pages(), 0, resident + 256);
    for (int i = 0; i < WINDOW; i++) nx_code_release(&arena, &pages[i]);
    assert_int_equal(counting.live_blocks, 1); /* a chunk is kept */
    nx_code_arena_free(&arena);
    assert_int_equal(counting.live_blocks, 0);
}

static void large_code_has_a_mapping_of_its_own(void **state) {
    (void)state;
    nx_code_arena arena;
    nx_code_arena_init(&arena, NULL);
    for (size_t count = 63; count <= 130; count++) {
        nx_code_pages pages = make(&arena, count * PAGE, (int)count), small = make(&arena, 1, 5);
        assert_int_equal(pages.bytes, count * PAGE);
        assert_int_equal(call(&pages), (int)count);
        nx_code_release(&arena, &pages);
        assert_int_equal(call(&small), 5);
        nx_code_release(&arena, &small);
    }
    nx_code_arena_free(&arena);
}

static nexpr_status refuse_to_write(void *user, unsigned char *at, nexpr_error *err) {
    (void)user;
    *at = 1;
    return nx_fail(err, NEXPR_FORMAT, NX_NOWHERE, "no");
}

static void what_was_not_written_is_not_kept(void **state) {
    (void)state;
    nx_code_arena arena;
    nx_code_pages pages = {0}, first, again;
    maps m;
    nx_code_arena_init(&arena, NULL);
    first = make(&arena, 1, 1);
    assert_int_equal(nx_code_make(&arena, 1, refuse_to_write, NULL, &pages, NULL), NEXPR_FORMAT);
    assert_null(pages.at);
    assert_int_equal(nx_code_make(&arena, 2 * PAGE, look_at_rights, &m, &again, NULL), NEXPR_OK);
    assert_ptr_equal(again.at, first.at + PAGE);
    nx_code_release(&arena, &first);
    nx_code_release(&arena, &again);
    nx_code_arena_free(&arena);
}

static void want_of_memory_is_a_status(void **state) {
    (void)state;
    failing_allocator failing;
    nx_code_arena arena;
    nx_code_pages pages;
    int number = 1;
    nx_code_arena_init(&arena, failing_allocator_init(&failing, 0));
    assert_int_equal(nx_code_make(&arena, 1, write_number, &number, &pages, NULL), NEXPR_MEMORY);
    assert_int_equal(nx_code_make(&arena, 1, write_number, &number, &pages, NULL), NEXPR_OK);
    nx_code_release(&arena, &pages);
    nx_code_arena_free(&arena);
    assert_int_equal(failing.live_blocks, 0);
    assert_int_equal(failing.live_bytes, 0);
}

/* ------------------------------------------------------------------------------------ systems that forbid it -- */

static int expect_refusal(nexpr_status status, const char *text) {
    nx_code_arena arena;
    nx_code_pages pages = {0};
    nexpr_error err = nexpr_error_init();
    int number = 1;
    nx_code_arena_init(&arena, NULL);
    for (int i = 0; i < 3; i++) {
        REQUIRE(nx_code_check(&arena, &err) == status);
        REQUIRE(strstr(err.message, text));
        REQUIRE(nx_code_make(&arena, 1, write_number, &number, &pages, &err) == status && !pages.at);
    }
    nx_code_arena_free(&arena);
    return 0;
}

static int forbid_by_mdwe(void *argument) {
    (void)argument;
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)) return CANNOT;
    return expect_refusal(NEXPR_UNSUPPORTED, "executable");
}

/* mprotect with PROT_EXEC fails, as under systemd's MemoryDenyWriteExecute=. */
static int forbid_by_seccomp(void *argument) {
    (void)argument;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return CANNOT;
    return expect_refusal(NEXPR_UNSUPPORTED, "executable");
}

static int forbid_by_address_space(void *argument) {
    (void)argument;
    struct rlimit none = {1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_AS, &none)) return CANNOT;
    return expect_refusal(NEXPR_MEMORY, "memory");
}

static void a_system_that_forbids_code_is_a_status(void **state) {
    (void)state;
    int (*const ways[])(void *) = {forbid_by_mdwe, forbid_by_seccomp, forbid_by_address_space};
    for (int i = 0; i < 3; i++) {
        int code = child_exit_code(ways[i], NULL);
        if (code == CANNOT) print_message("this system cannot forbid it in way %d\n", i);
        else assert_int_equal(code, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_is_written_before_it_is_executable),
        cmocka_unit_test(pieces_do_not_touch_each_other),
        cmocka_unit_test(ten_thousand_pieces_leave_nothing),
        cmocka_unit_test(large_code_has_a_mapping_of_its_own),
        cmocka_unit_test(what_was_not_written_is_not_kept),
        cmocka_unit_test(want_of_memory_is_a_status),
        cmocka_unit_test(a_system_that_forbids_code_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
