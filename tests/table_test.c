/* SPDX-License-Identifier: MIT */
/* Whether every row of the table is complete: kernels for all forms and instruction sets, names, documentation. */
#include "engine/ops.h"
#include "vm/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_op_has_kernels_for_its_whole_domain(void **state) {
    (void)state;
    for (nx_isa isa = 0; isa < NX_ISA_COUNT; isa++) {
        for (nx_op op = 0; op < NX_OP_COUNT; op++) {
            unsigned forms = nx_op_rows[op].arity == 1 ? 1 : (1u << nx_op_rows[op].arity) - 1;
            for (nexpr_dtype loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
                for (unsigned form = 0; nx_op_has_kernel(op, loop) && form < forms; form++) {
                    if (nx_vm_kernel(isa, op, loop, form)) continue;
                    fail_msg("%s has no kernel for %s, form %u on %s", nx_op_rows[op].names, nexpr_dtype_name(loop), form,
                             nx_isa_name(isa));
                }
            }
        }
    }
}

static void every_loop_is_a_kernel_or_float16(void **state) {
    (void)state;
    for (nx_op op = 0; op < NX_OP_COUNT; op++) {
        int loops = 0;
        for (nexpr_dtype loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
            loops += nx_op_has_loop(op, loop);
            if (nx_op_has_loop(op, loop) && loop != NEXPR_FLOAT16)
                assert_true(nx_op_has_kernel(op, loop));
            if (nx_op_has_loop(op, NEXPR_FLOAT16) && !nx_op_has_kernel(op, NEXPR_FLOAT16))
                assert_true(nx_op_has_kernel(op, NEXPR_FLOAT32));
        }
        assert_true(loops > 0);
    }
}

static bool is_complex(nexpr_dtype dtype) {
    return dtype == NEXPR_COMPLEX64 || dtype == NEXPR_COMPLEX128;
}

static void every_pair_of_dtypes_has_a_cast_but_complex_to_real(void **state) {
    (void)state;
    for (nx_isa isa = 0; isa < NX_ISA_COUNT; isa++) {
        for (nexpr_dtype from = 0; from < NEXPR_DTYPE_COUNT; from++) {
            for (nexpr_dtype to = 0; to < NEXPR_DTYPE_COUNT; to++) {
                bool is_allowed = !is_complex(from) || is_complex(to) || to == NEXPR_BOOL;
                assert_int_equal(nx_vm_cast_kernel(isa, from, to) != NULL, is_allowed);
            }
        }
    }
}

static void every_dtype_loads_and_stores_in_both_byte_orders(void **state) {
    (void)state;
    for (nx_isa isa = 0; isa < NX_ISA_COUNT; isa++) {
        for (nexpr_dtype dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
            for (int swapped = 0; swapped < 2; swapped++) {
                assert_non_null(nx_vm_load_kernel(isa, dtype, swapped));
                assert_non_null(nx_vm_store_kernel(isa, dtype, swapped));
            }
        }
    }
}

static int count_words(const char *text, char separator) {
    int count = *text != '\0';
    for (; *text; text++)
        count += *text == separator;
    return count;
}

static void every_row_has_its_parameters_and_documentation(void **state) {
    (void)state;
    for (int i = 0; i < nexpr_op_count(); i++) {
        nexpr_op_info info = {.size = sizeof info};
        assert_int_equal(nexpr_op_describe(i, &info), NEXPR_OK);
        assert_non_null(info.doc);
        assert_true(strlen(info.doc) > 3 && info.doc[strlen(info.doc) - 1] == '.');
        assert_true(count_words(info.params, ',') >= 1);
        assert_true(*info.group && *info.name && *info.dtypes);
    }
    for (nx_op op = 0; op < NX_OP_COUNT; op++)
        assert_int_equal(count_words(nx_op_rows[op].params, ','), nx_op_rows[op].arity);
}

static void every_name_finds_its_own_row(void **state) {
    (void)state;
    for (nx_op op = 0; op < NX_OP_COUNT; op++) {
        for (const char *name = nx_op_rows[op].names; *name; name += strspn(name, " ")) {
            nx_callee callee;
            size_t length = strcspn(name, " ");
            assert_true(nx_find_callee(name, length, &callee));
            assert_int_equal(callee.kind, NX_CALLEE_OP);
            assert_int_equal(callee.op, op);
            name += length;
        }
    }
    for (nx_fun fun = 0; fun < NX_FUN_COUNT; fun++) {
        nx_callee callee;
        assert_true(nx_find_callee(nx_fun_rows[fun].names, strcspn(nx_fun_rows[fun].names, " "), &callee));
        assert_int_equal(callee.kind, NX_CALLEE_FUN);
        assert_int_equal(callee.fun, fun);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_has_kernels_for_its_whole_domain),
        cmocka_unit_test(every_loop_is_a_kernel_or_float16),
        cmocka_unit_test(every_pair_of_dtypes_has_a_cast_but_complex_to_real),
        cmocka_unit_test(every_dtype_loads_and_stores_in_both_byte_orders),
        cmocka_unit_test(every_row_has_its_parameters_and_documentation),
        cmocka_unit_test(every_name_finds_its_own_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
