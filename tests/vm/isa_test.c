/* SPDX-License-Identifier: MIT */
/* The choice of an instruction set. It is made once per process, so each case asks in a child of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vm/kernels.h"

/* What is chosen with NEXPR_ISA set so, or not at all for NULL. */
static int chosen_with(const char *wanted) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (wanted) setenv("NEXPR_ISA", wanted, 1);
        else unsetenv("NEXPR_ISA");
        const nx_isa first = nx_isa_current();
        unsetenv("NEXPR_ISA");
        _exit(nx_isa_current() == first ? (int)first : 100);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int best(void) {
    int r = NX_ISA_BASELINE;
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (nx_isa_is_supported((nx_isa)isa)) r = isa;
    }
    return r;
}

static void a_better_set_includes_the_lesser_ones(void **state) {
    (void)state;
    assert_true(nx_isa_is_supported(NX_ISA_BASELINE));
    for (int isa = 0; isa <= best(); isa++) assert_true(nx_isa_is_supported((nx_isa)isa));
    assert_false(nx_isa_is_supported(NX_ISA_COUNT));
}

static void the_best_set_is_the_default(void **state) {
    (void)state;
    assert_int_equal(chosen_with(NULL), best());
}

static void the_environment_names_a_lesser_one(void **state) {
    (void)state;
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        const int expected = nx_isa_is_supported((nx_isa)isa) ? isa : best();
        assert_int_equal(chosen_with(nx_isa_name((nx_isa)isa)), expected);
    }
}

static void other_words_are_ignored(void **state) {
    (void)state;
    assert_int_equal(chosen_with(""), best());
    assert_int_equal(chosen_with("AVX2"), best());
    assert_int_equal(chosen_with("avx"), best());
}

static void names_are_those_of_the_environment(void **state) {
    (void)state;
    assert_string_equal(nx_isa_name(NX_ISA_BASELINE), "baseline");
    assert_string_equal(nx_isa_name(NX_ISA_AVX2), "avx2");
    assert_string_equal(nx_isa_name(NX_ISA_AVX512), "avx512");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_better_set_includes_the_lesser_ones),
        cmocka_unit_test(the_best_set_is_the_default),
        cmocka_unit_test(the_environment_names_a_lesser_one),
        cmocka_unit_test(other_words_are_ignored),
        cmocka_unit_test(names_are_those_of_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
