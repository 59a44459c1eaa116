/* SPDX-License-Identifier: MIT */
/*
 * Superinstructions: every form of every row of fused.def is found in an expression, is a single step, and gives the bits of
 * the ops one by one; and what has to stay an operand does.
 */
#include "fixture.h"

#include <string.h>

#include "vm/code.h"
#include "vm/fused.h"

/* ------------------------------------------------------------------------------------------------- every form -- */

/* The classes that a row's domain has, one bit each. */
enum { DOMAIN_I = 1 << NX_CLASS_INT, DOMAIN_F = 1 << NX_CLASS_REAL, DOMAIN_C = 1 << NX_CLASS_COMPLEX };
enum { DOMAIN_FC = DOMAIN_F | DOMAIN_C, DOMAIN_IFC = DOMAIN_I | DOMAIN_FC };

typedef struct row {
    const char *name, *form;
    nx_fused id;
    unsigned classes;
    nexpr_dtype source; /* of operand 0, NEXPR_DTYPE_COUNT if that is like the others */
} row;

enum {
#define X(id, suffix, ...) SOURCE_##suffix = NEXPR_##id,
    NEXPR_DTYPE_MAP(X)
#undef X
};

static const row rows[] = {
#define FORM(id, domain, form) {#id, #form, NX_FUSED_##id, DOMAIN_##domain, NEXPR_DTYPE_COUNT},
#define FROM(id, source, form) {#id, #form, NX_FUSED_##id, DOMAIN_F, (nexpr_dtype)SOURCE_##source},
#include "vm/fused.def"
};
enum { ROWS = sizeof rows / sizeof *rows };

/* The formula of a row, of these operands. */
static nx_ref build_formula(builder *b, nx_fused id, nexpr_dtype dtype, const nx_ref *operands) {
    const nx_ref x = operands[0], y = operands[1], z = operands[2], w = operands[3], p = operands[4], q = operands[5];
    (void)z, (void)w, (void)p, (void)q;
    switch (id) {
#define OF(op_id, ...) op(b, NX_OP_##op_id, dtype, (nx_ref[]){__VA_ARGS__})
#define CAST(x) cast(b, dtype, x)
#define FLAG(x) x
#define BOTH(...) op(b, NX_OP_bitwise_and, NEXPR_BOOL, (nx_ref[]){__VA_ARGS__})
#define EITHER(...) op(b, NX_OP_bitwise_or, NEXPR_BOOL, (nx_ref[]){__VA_ARGS__})
#define FUSED(id, domain, arity, formula) \
    case NX_FUSED_##id: return formula;
#include "vm/fused.def"
#undef EITHER
#undef BOTH
#undef FLAG
#undef CAST
#undef OF
    case NX_FUSED_COUNT: break;
    }
    return 0;
}

/* A form's letters as constants and inputs. */
static nx_vm_program *build_row(builder *b, const row *r, nexpr_dtype dtype, uint64_t *seed) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    nx_ref operands[NX_MAX_OPERANDS] = {0};
    builder_init(b);
    for (int k = 0; r->form[k]; k++) {
        nexpr_dtype own = k == 0 && r->source != NEXPR_DTYPE_COUNT ? r->source : dtype;
        operands[k] = r->form[k] == 's' ? constant(b, own, random_value(own, seed)) : input(b, names[k], own);
    }
    add_result(b, build_formula(b, r->id, dtype, operands));
    return compile(b);
}

/* Steps of the block phase for contiguous rows of 1000. */
static int block_steps(const nx_vm_program *program, const nx_ir *ir) {
    nx_vm_operand operands[MAX_OPERANDS];
    for (uint32_t k = 0; k < ir->input_count + ir->result_count; k++) {
        nexpr_dtype dtype = k < ir->input_count
                                ? ir->inputs[k].dtype
                                : (nexpr_dtype)ir->nodes[ir->results[k - ir->input_count].node].dtype;
        int64_t size = (int64_t)nexpr_dtype_size(dtype);
        operands[k] = (nx_vm_operand){.dtype = dtype, .aligned = true, .stride = {1000 * size, size}};
    }
    nx_vm_code *code = NULL;
    nx_vm_layout layout = {{10, 1000}, operands, operands + ir->input_count, 0};
    assert_int_equal(nx_vm_link(program, NULL, &layout, &code, NULL), NEXPR_OK);
    int steps = (int)(code->phase_end[NX_PHASE_BLOCK] - code->phase_end[NX_PHASE_BLOCK - 1]);
    nx_vm_code_free(NULL, code);
    return steps;
}

static void check_row(const row *r, nexpr_dtype dtype) {
    uint64_t seed = r->id;
    builder b;
    nx_vm_program *program = build_row(&b, r, dtype, &seed);
    if (block_steps(program, &b.ir) != 1) fail_msg("%s %s of %s is not fused", r->name, r->form, nexpr_dtype_name(dtype));
    for (int n = 1; n < 2000; n = 3 * n + 1) {
        check_program(&b, program, &(run_case){.count = {1, n}, .seed = seed + (uint64_t)n});
    }
    builder_free(&b);
}

static void every_form_is_one_step_with_the_bits_of_its_ops(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        for (nexpr_dtype dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
            if (dtype != NEXPR_FLOAT16 && rows[i].classes >> nx_dtype_class(dtype) & 1) check_row(&rows[i], dtype);
        }
    }
}

/* ------------------------------------------------------------------------------------------ what is not fused -- */

static int steps_of(builder *b) {
    return block_steps(compile(b), &b->ir);
}

static void operands_of_sums_and_products_may_be_exchanged(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        builder b;
        builder_init(&b);
        nx_ref x = input(&b, "x", NEXPR_FLOAT64), two = f64(&b, 2);
        nx_ref product = i & 1 ? op2(&b, NX_OP_multiply, x, two) : op2(&b, NX_OP_multiply, two, x);
        add_result(&b, i & 2 ? op2(&b, NX_OP_add, product, f64(&b, 3)) : op2(&b, NX_OP_add, f64(&b, 3), product));
        assert_int_equal(steps_of(&b), 1);
        check_program(&b, compile(&b), &(run_case){.count = {1, 700}, .seed = (uint64_t)i});
        builder_free(&b);
    }
}

static void a_comparison_is_also_found_mirrored(void **state) {
    (void)state;
    static const nx_op ops[] = {NX_OP_less, NX_OP_less_equal, NX_OP_greater, NX_OP_greater_equal, NX_OP_equal};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        builder b;
        builder_init(&b);
        nx_ref x = input(&b, "x", NEXPR_FLOAT64), y = input(&b, "y", NEXPR_FLOAT64);
        add_result(&b, op3(&b, NX_OP_where, op2(&b, ops[i], x, f64(&b, 0.5)), x, y));
        assert_int_equal(steps_of(&b), 1);
        check_program(&b, compile(&b), &(run_case){.count = {1, 700}, .seed = i});
        builder_free(&b);
    }
}

static void a_polynomial_takes_a_step_for_four_degrees(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "x", NEXPR_FLOAT64), sum = f64(&b, 1);
    for (int i = 0; i < 10; i++) sum = op2(&b, NX_OP_add, op2(&b, NX_OP_multiply, sum, x), f64(&b, i + 2));
    add_result(&b, sum);
    assert_int_equal(steps_of(&b), 3);
    check_program(&b, compile(&b), &(run_case){.count = {3, 700}});
    builder_free(&b);
}

static void a_value_that_is_read_twice_stays_a_value(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "x", NEXPR_FLOAT64), y = input(&b, "y", NEXPR_FLOAT64);
    nx_ref product = op2(&b, NX_OP_multiply, x, y);
    add_result(&b, op2(&b, NX_OP_add, op1(&b, NX_OP_sqrt, product), op2(&b, NX_OP_divide, product, y)));
    assert_int_equal(steps_of(&b), 4);
    builder_free(&b);
}

static void a_result_stays_a_value(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "x", NEXPR_FLOAT64), y = input(&b, "y", NEXPR_FLOAT64);
    nx_ref product = op2(&b, NX_OP_multiply, x, y);
    add_result(&b, product);
    add_result(&b, op2(&b, NX_OP_add, product, y));
    assert_int_equal(steps_of(&b), 2);
    check_program(&b, compile(&b), &(run_case){.count = {3, 700}});
    builder_free(&b);
}

static void ops_of_different_dtypes_stay_apart(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "x", NEXPR_FLOAT32), y = input(&b, "y", NEXPR_FLOAT64);
    nx_ref product = cast(&b, NEXPR_FLOAT64, op2(&b, NX_OP_multiply, x, x));
    add_result(&b, op2(&b, NX_OP_add, product, y));
    assert_int_equal(steps_of(&b), 3);
    nx_ref condition = op2(&b, NX_OP_less, x, x);
    add_result(&b, op3(&b, NX_OP_where, condition, y, f64(&b, 1)));
    assert_int_equal(steps_of(&b), 5);
    check_program(&b, compile(&b), &(run_case){.count = {3, 700}});
    builder_free(&b);
}

/* 2*row is made once, so that it is an operand of the sum. */
static void what_is_computed_once_is_an_operand(void **state) {
    (void)state;
    for (int kind = LAYOUT_COLUMN; kind < LAYOUT_COUNT; kind++) {
        for (int cols = 3; cols < 2000; cols = 10 * cols) {
            builder b;
            builder_init(&b);
            nx_ref x = input(&b, "x", NEXPR_FLOAT64), y = input(&b, "y", NEXPR_FLOAT64);
            nx_ref scaled = op2(&b, NX_OP_multiply, x, f64(&b, 2));
            nx_ref product = op2(&b, NX_OP_multiply, y, f64(&b, 3));
            add_result(&b, op2(&b, NX_OP_add, product, op2(&b, NX_OP_add, scaled, y)));
            check_program(&b, compile(&b), &(run_case){.count = {9, cols}, .inputs = {(layout_kind)kind}});
            builder_free(&b);
        }
    }
}

static void the_deepest_expression_needs_no_stack(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "x", NEXPR_FLOAT64), sum = x;
    for (int i = 0; i < 20000; i++) sum = op2(&b, i % 3 ? NX_OP_add : NX_OP_multiply, sum, x);
    add_result(&b, sum);
    assert_in_range(steps_of(&b), 5000, 15000);
    builder_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_one_step_with_the_bits_of_its_ops),
        cmocka_unit_test(operands_of_sums_and_products_may_be_exchanged),
        cmocka_unit_test(a_comparison_is_also_found_mirrored),
        cmocka_unit_test(a_polynomial_takes_a_step_for_four_degrees),
        cmocka_unit_test(a_value_that_is_read_twice_stays_a_value),
        cmocka_unit_test(a_result_stays_a_value),
        cmocka_unit_test(ops_of_different_dtypes_stay_apart),
        cmocka_unit_test(what_is_computed_once_is_an_operand),
        cmocka_unit_test(the_deepest_expression_needs_no_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
