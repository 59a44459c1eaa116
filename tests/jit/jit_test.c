/* SPDX-License-Identifier: MIT */
/* Requests: from the plug-in to code that runs, shared and cached, and what becomes of all that goes wrong. */
#include "tests/jit/fixture.h"

#include "tests/support/failing_allocator.h"

static void code_is_made_and_does_what_its_segment_says(void **state) {
    (void)state;
    nx_jit *jit = jit_with(NULL, "good");
    nx_jit_kernel *kernel = get(jit, 41, true);
    nx_jit_info info = nx_jit_info_of(kernel);
    assert_string_equal(info.reason, "");
    assert_int_equal(info.state, NX_JIT_READY);
    assert_int_equal(info.source, NX_JIT_FROM_COMPILER);
    assert_true(info.seconds > 0 && info.code_bytes > 0);
    assert_int_equal(number_of(kernel), 41);
    nx_jit_release(&kernel);
    assert_null(kernel);
    nx_jit_free(&jit);
    assert_null(jit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_is_made_and_does_what_its_segment_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
