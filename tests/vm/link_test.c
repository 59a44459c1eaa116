/* SPDX-License-Identifier: MIT */
/* The steps that linking makes of a program: what is computed how often, and what does not need a step at all. */
#include "fixture.h"

#include "vm/code.h"

/* A program is linked for arrays of these layouts, all outputs of the first kind, and the steps counted. */
static nx_vm_code *link_as(builder *b, int64_t rows, int64_t cols, const layout_kind *inputs, layout_kind output,
                           bool non_temporal, bool has_segments) {
    nx_vm_operand in[MAX_OPERANDS], out[MAX_OPERANDS];
    for (uint32_t k = 0; k < b->ir.input_count; k++) {
        array a = array_new(b->ir.inputs[k].dtype, inputs[k], (int64_t[]){rows, cols});
        in[k] = a.operand;
        array_free(&a);
    }
    for (uint32_t r = 0; r < b->ir.result_count; r++) {
        array a = array_new((nexpr_dtype)b->ir.nodes[b->ir.results[r].node].dtype, output, (int64_t[]){rows, cols});
        out[r] = a.operand;
        out[r].non_temporal = non_temporal;
        array_free(&a);
    }
    nx_vm_code *code = NULL;
    const nx_vm_layout layout = {.count = {rows, cols}, .inputs = in, .outputs = out, .has_segments = has_segments};
    assert_int_equal(nx_vm_link(compile(b), NULL, &layout, &code, NULL), NEXPR_OK);
    return code;
}

static nx_vm_code *link_for(builder *b, int64_t rows, int64_t cols, const layout_kind *inputs, layout_kind output,
                            bool non_temporal) {
    return link_as(b, rows, cols, inputs, output, non_temporal, false);
}

/* The kinds of the steps, a letter each, with a bar between phases: compute, load, fill, store, non-temporal store, lookup,
 * gather, select, segment. */
static void assert_steps(nx_vm_code *code, const char *expected) {
    char text[100];
    size_t n = 0;
    for (uint32_t i = 0, phase = 0; phase < NX_PHASE_COUNT; phase++) {
        for (; i < code->phase_end[phase]; i++) text[n++] = "clfsnugtS"[code->steps[i].kind];
        text[n++] = '|';
    }
    text[n - 1] = 0;
    assert_string_equal(text, expected);
    nx_vm_code_free(NULL, code);
}

/* No superinstruction has this form. */
static void build_quotient(builder *b) {
    builder_init(b);
    nx_ref x = op2(b, NX_OP_multiply, f64(b, 2), input(b, "a", NEXPR_FLOAT64));
    nx_ref y = op2(b, NX_OP_multiply, f64(b, 4.5), input(b, "b", NEXPR_FLOAT64));
    add_result(b, op2(b, NX_OP_divide, x, y));
}

static const layout_kind plain[MAX_OPERANDS] = {LAYOUT_CONTIGUOUS};

static void plain_operands_need_no_step_of_their_own(void **state) {
    (void)state;
    builder b;
    build_quotient(&b);
    assert_steps(link_for(&b, 10, 1000, plain, LAYOUT_CONTIGUOUS, false), "|||ccc");
    assert_steps(link_for(&b, 10, 1000, plain, LAYOUT_GAPS, false), "|||ccc");
    assert_steps(link_for(&b, 1000, 10, plain, LAYOUT_CONTIGUOUS, false), "|||ccc");
    nx_vm_code *one = link_for(&b, 1, 1, (layout_kind[]){LAYOUT_SCALAR, LAYOUT_STRIDED}, LAYOUT_NEGATIVE, false);
    assert_int_equal(one->slot_count, 0);
    assert_steps(one, "|||ccc");
    builder_free(&b);
}

static void others_are_loaded_and_stored(void **state) {
    (void)state;
    builder b;
    build_quotient(&b);
    assert_steps(link_for(&b, 10, 1000, (layout_kind[]){LAYOUT_MISALIGNED, LAYOUT_SWAPPED}, LAYOUT_STRIDED, false),
                 "|||lclccs");
    assert_steps(link_for(&b, 1000, 10, (layout_kind[]){LAYOUT_GAPS, LAYOUT_STRIDED}, LAYOUT_GAPS, false), "|||lclccs");
    assert_steps(link_for(&b, 1, 1, (layout_kind[]){LAYOUT_MISALIGNED, LAYOUT_SWAPPED}, LAYOUT_MISALIGNED, false),
                 "|||lclccs");
    builder_free(&b);
}

static void what_does_not_vary_is_computed_once(void **state) {
    (void)state;
    builder b;
    build_quotient(&b);
    assert_steps(link_for(&b, 10, 1000, (layout_kind[]){LAYOUT_SCALAR, LAYOUT_CONTIGUOUS}, LAYOUT_CONTIGUOUS, false),
                 "c|||cc");
    assert_steps(
        link_for(&b, 10, 1000, (layout_kind[]){LAYOUT_COLUMN_SWAPPED, LAYOUT_CONTIGUOUS}, LAYOUT_CONTIGUOUS, false),
        "||lc|cc");
    assert_steps(link_for(&b, 10, 1000, (layout_kind[]){LAYOUT_ROW, LAYOUT_CONTIGUOUS}, LAYOUT_CONTIGUOUS, false), "|||ccc");
    assert_steps(link_for(&b, 1000, 10, (layout_kind[]){LAYOUT_ROW, LAYOUT_CONTIGUOUS}, LAYOUT_CONTIGUOUS, false),
                 "|lc||cc");
    assert_steps(link_for(&b, 1000, 10, (layout_kind[]){LAYOUT_COLUMN, LAYOUT_CONTIGUOUS}, LAYOUT_CONTIGUOUS, false),
                 "|||lccc");
    assert_steps(link_for(&b, 1000, 10, (layout_kind[]){LAYOUT_SCALAR, LAYOUT_SCALAR_SWAPPED}, LAYOUT_CONTIGUOUS, false),
                 "lccc|||f");
    assert_steps(link_for(&b, 1000, 10, (layout_kind[]){LAYOUT_SCALAR, LAYOUT_SCALAR}, LAYOUT_STRIDED, false), "ccc|||fs");
    assert_steps(link_for(&b, 10, 1000, (layout_kind[]){LAYOUT_COLUMN, LAYOUT_SCALAR}, LAYOUT_CONTIGUOUS, false), "c||cc|f");
    builder_free(&b);
}

static void transposed_inputs_are_read_from_panels(void **state) {
    (void)state;
    builder b;
    build_quotient(&b);
    const layout_kind both[] = {LAYOUT_TRANSPOSED, LAYOUT_TRANSPOSED_DOWN};
    static const int64_t counts[][2] = {{1000, 1000}, {7, 1000}, {200, 200}, {300, 40}, {300, 2}, {1, 1000}};
    static const int64_t rows[] = {64, 7, 32, 132, 0, 0};
    static const char *const steps[] = {"|||ccc", "|||ccc", "|||ccc", "|||ccc", "|||lclcc", "|||clcc"};
    for (int i = 0; i < 6; i++) {
        nx_vm_code *code = link_for(&b, counts[i][0], counts[i][1], both, LAYOUT_CONTIGUOUS, false);
        assert_int_equal(code->blocks.panel_rows, rows[i]);
        assert_int_equal(code->panel_count, rows[i] ? 2 : 0);
        assert_true(nx_vm_scratch_bytes(code) < 1 << 18);
        assert_steps(code, steps[i]);
    }
    builder_free(&b);
}

/* Alone, cut by the memory of panels, and beside transposed ones, which have panels of many rows. Not in tiles, nor for few
 * rows. */
static void rows_that_repeat_are_read_from_panels_of_one_row(void **state) {
    (void)state;
    builder b;
    build_quotient(&b);
    static const struct {
        int64_t rows, cols;
        layout_kind y;
        bool has_segments;
        uint32_t panels;
        int64_t panel_rows, block_cols, task_rows; /* the latter: that tasks have a multiple of */
        const char *steps;
    } cases[] = {
        {1000, 1000, LAYOUT_CONTIGUOUS, false, 1, 128, 512, 8, "|||ccc"},
        {1000, 1000, LAYOUT_CONTIGUOUS, true, 1, 128, 1000, 8, "|||S"},
        {7, 30000, LAYOUT_CONTIGUOUS, true, 1, 7, 7552, 8, "|||S"},
        {7, 30000, LAYOUT_ROW_STRIDED, true, 2, 7, 3776, 8, "|||S"},
        {7, 300, LAYOUT_TRANSPOSED, true, 2, 7, 128, 7, "|||S"},
        {1000, 100, LAYOUT_CONTIGUOUS, false, 0, 0, 100, 1, "|lc||cc"},
        {3, 1000, LAYOUT_CONTIGUOUS, false, 0, 0, 512, 1, "|||lccc"},
        {3, 1000, LAYOUT_CONTIGUOUS, true, 0, 0, 1000, 1, "|||S"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const layout_kind inputs[] = {LAYOUT_ROW_STRIDED, cases[i].y};
        nx_vm_code *code =
            link_as(&b, cases[i].rows, cases[i].cols, inputs, LAYOUT_CONTIGUOUS, false, cases[i].has_segments);
        assert_int_equal(code->panel_count, cases[i].panels);
        assert_int_equal(code->blocks.panel_rows, cases[i].panel_rows);
        assert_int_equal(code->blocks.cols, cases[i].block_cols);
        int64_t granule[2];
        nx_vm_granule(code, granule);
        assert_int_equal(granule[0], cases[i].task_rows);
        for (uint32_t p = 0; p < code->panel_count; p++) {
            assert_int_equal(code->panels[p].repeats, inputs[p] == LAYOUT_ROW_STRIDED);
        }
        assert_true(nx_vm_scratch_bytes(code) < 1 << 17);
        assert_steps(code, cases[i].steps);
    }
    builder_free(&b);
}

static void non_temporal_outputs_are_copied_from_a_register(void **state) {
    (void)state;
    builder b;
    build_quotient(&b);
    assert_steps(link_for(&b, 10, 1000, plain, LAYOUT_CONTIGUOUS, true), "|||cccn");
    assert_steps(link_for(&b, 10, 1000, plain, LAYOUT_STRIDED, true), "|||cccs");
    assert_steps(link_for(&b, 10, 1000, (layout_kind[]){LAYOUT_SCALAR, LAYOUT_SCALAR}, LAYOUT_CONTIGUOUS, true), "ccc|||fn");
    builder_free(&b);
}

static void registers_come_back_after_the_last_use(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64);
    for (int i = 0; i < 8; i++) {
        nx_ref y = op2(&b, NX_OP_divide, op2(&b, NX_OP_add, x, f64(&b, i)), op2(&b, NX_OP_subtract, x, f64(&b, i)));
        add_result(&b, op1(&b, NX_OP_sqrt, y));
        add_result(&b, f64(&b, i));
    }
    static const layout_kind kinds[] = {LAYOUT_CONTIGUOUS, LAYOUT_STRIDED};
    for (int i = 0; i < 4; i++) {
        nx_vm_code *code = link_for(&b, 3, 1000, &kinds[i % 2], kinds[i / 2], false);
        assert_int_equal(code->register_count, i % 2 ? 3 : 2);
        nx_vm_code_free(NULL, code);
    }
    builder_free(&b);
}

static int allocations_left, allocations_live;

static void *allocate_some(void *user, size_t bytes) {
    (void)user;
    if (allocations_left-- <= 0) return NULL;
    allocations_live++;
    return test_malloc(bytes);
}

static void release(void *user, void *memory, size_t bytes) {
    (void)user, (void)bytes;
    allocations_live--;
    test_free(memory);
}

static const nexpr_allocator counting = {sizeof counting, NULL, allocate_some, release};

static void check_failed_allocations(bool has_segments, int at_least) {
    builder b;
    builder_init(&b);
    build_mixed(&b);
    for (int i = 0; i < 300; i++) add_result(&b, op2(&b, NX_OP_add, b.ir.node_count - 1, f64(&b, i)));
    nx_vm_program *program = compile(&b);
    nx_vm_operand inputs[4], outputs[301];
    for (int k = 0; k < 4; k++) inputs[k] = (nx_vm_operand){.dtype = b.ir.inputs[k].dtype, .aligned = true};
    for (int k = 0; k < 301; k++) outputs[k] = (nx_vm_operand){.dtype = NEXPR_FLOAT64, .aligned = true, .stride = {80, 8}};
    const nx_vm_layout layout = {.count = {10, 10}, .inputs = inputs, .outputs = outputs, .has_segments = has_segments};
    int failures = 0;
    for (int n = 0;; n++, failures++) {
        nexpr_error err = nexpr_error_init();
        nx_vm_code *code = NULL;
        allocations_left = n;
        nexpr_status status = nx_vm_link(program, &counting, &layout, &code, &err);
        if (!status) nx_vm_code_free(&counting, code);
        assert_int_equal(allocations_live, 0);
        if (!status) break;
        assert_int_equal(status, NEXPR_MEMORY);
        assert_int_equal(err.status, NEXPR_MEMORY);
        assert_null(code);
    }
    assert_true(failures >= at_least);
    nx_vm_code_free(&counting, NULL);
    builder_free(&b);
}

static void every_failed_allocation_is_reported_and_nothing_leaks(void **state) {
    (void)state;
    check_failed_allocations(false, 2);
    check_failed_allocations(true, 3);
}

static void a_cast_that_does_not_exist_is_an_error(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    add_result(&b, input(&b, "z", NEXPR_COMPLEX128));
    nx_vm_operand in = {.dtype = NEXPR_COMPLEX128, .aligned = true, .stride = {0, 16}};
    nx_vm_operand out = {.dtype = NEXPR_FLOAT64, .aligned = true, .stride = {0, 8}};
    nx_vm_code *code = NULL;
    nexpr_error err = nexpr_error_init();
    allocations_left = 100;
    assert_int_equal(nx_vm_link(compile(&b), &counting, &(nx_vm_layout){{1, 10}, &in, &out, 0}, &code, &err), NEXPR_TYPE);
    assert_int_equal(allocations_live, 0);
    assert_string_equal(err.message, "'float64' has no kernel for these dtypes");
    assert_null(code);
    builder_free(&b);
}

/* ------------------------------------------------------------------------------------------------------ segments -- */

/* 2*a - 4.5*b + 1.1*(sin(a) + cos(b)) */
static void build_waves(builder *b) {
    builder_init(b);
    nx_ref x = input(b, "a", NEXPR_FLOAT64), y = input(b, "b", NEXPR_FLOAT64);
    nx_ref left = op2(b, NX_OP_subtract, op2(b, NX_OP_multiply, f64(b, 2), x), op2(b, NX_OP_multiply, f64(b, 4.5), y));
    nx_ref waves = op2(b, NX_OP_add, op1(b, NX_OP_sin, x), op1(b, NX_OP_cos, y));
    add_result(b, op2(b, NX_OP_add, left, op2(b, NX_OP_multiply, f64(b, 1.1), waves)));
}

static void what_is_inlined_is_one_segment_behind_the_calls(void **state) {
    (void)state;
    builder b;
    build_waves(&b);
    nx_vm_code *code = link_as(&b, 1, 1000, plain, LAYOUT_CONTIGUOUS, false, true);
    const nx_segment *s = nx_vm_segment(code, 0);
    assert_int_equal(nx_vm_segment_count(code), 1);
    assert_int_equal(s->value_count, 6);
    assert_int_equal(s->output_count, 1);
    assert_int_equal(s->input_count, 7); /* a, b, sin, cos, three constants */
    assert_int_equal(code->register_count, 2);
    assert_steps(code, "|||ccS");
    builder_free(&b);
}

static void segments_read_strided_and_foreign_inputs_in_place(void **state) {
    (void)state;
    static const struct {
        layout_kind layout;
        nx_access access;
        bool is_swapped;
    } cases[] = {{LAYOUT_CONTIGUOUS, NX_ACCESS_BLOCK, false}, {LAYOUT_MISALIGNED, NX_ACCESS_BLOCK, false},
                 {LAYOUT_SWAPPED, NX_ACCESS_BLOCK, true},     {LAYOUT_STRIDED, NX_ACCESS_STRIDED, false},
                 {LAYOUT_NEGATIVE, NX_ACCESS_STRIDED, false}, {LAYOUT_SWAPPED_MISALIGNED_STRIDED, NX_ACCESS_STRIDED, true},
                 {LAYOUT_COLUMN, NX_ACCESS_ROW, false},       {LAYOUT_COLUMN_SWAPPED, NX_ACCESS_ROW, true},
                 {LAYOUT_ROW, NX_ACCESS_BLOCK, false},        {LAYOUT_SCALAR, NX_ACCESS_SCALAR, false}};
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64), y = input(&b, "b", NEXPR_FLOAT64);
    add_result(&b, op2(&b, NX_OP_multiply, op2(&b, NX_OP_subtract, x, y), y));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const layout_kind inputs[] = {cases[i].layout, LAYOUT_CONTIGUOUS};
        nx_vm_code *code = link_as(&b, 9, 1000, inputs, LAYOUT_CONTIGUOUS, false, true);
        const nx_segment_operand *operand = nx_segment_inputs(nx_vm_segment(code, 0));
        assert_int_equal(operand->access, cases[i].access);
        assert_int_equal(operand->is_swapped, cases[i].is_swapped);
        if (cases[i].layout == LAYOUT_NEGATIVE) assert_int_equal((int8_t)operand->detail, -1);
        assert_steps(code, "|||S");
    }
    builder_free(&b);
}

/* By machine code where that can transpose: by panels for few rows, for small items, and for pairs. */
static void segments_read_columns_in_place(void **state) {
    (void)state;
    static const struct {
        nexpr_dtype dtype;
        int64_t rows;
        bool is_in_place;
    } cases[] = {{NEXPR_FLOAT64, 90, true}, {NEXPR_FLOAT32, 90, true},   {NEXPR_UINT32, 8, true},
                 {NEXPR_FLOAT64, 7, false}, {NEXPR_INT16, 90, false},    {NEXPR_COMPLEX64, 90, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        builder b;
        builder_init(&b);
        nx_ref x = input(&b, "a", cases[i].dtype), y = input(&b, "b", cases[i].dtype);
        add_result(&b, op2(&b, NX_OP_multiply, op2(&b, NX_OP_subtract, x, y), y));
        const layout_kind inputs[] = {LAYOUT_TRANSPOSED, LAYOUT_CONTIGUOUS};
        nx_vm_code *code = link_as(&b, cases[i].rows, 100, inputs, LAYOUT_CONTIGUOUS, false, true);
        const bool is_column = nx_segment_inputs(nx_vm_segment(code, 0))->access == NX_ACCESS_COLUMN;
        assert_int_equal(is_column, cases[i].is_in_place);
        assert_int_equal(code->panel_count, !cases[i].is_in_place);
        nx_vm_code_free(NULL, code);
        builder_free(&b);
    }
}

/* What goes through all rows by itself: the last letter. Else there are loads for tiles, a call, or a store. */
static void a_segment_goes_through_rows_if_it_is_all(void **state) {
    (void)state;
    static const struct {
        int64_t cols;
        layout_kind x, y, output;
        bool has_rows;
        const char *steps;
    } cases[] = {
        {100, LAYOUT_CONTIGUOUS, LAYOUT_ROW, LAYOUT_CONTIGUOUS, true, "|||S"},
        {100, LAYOUT_ROW, LAYOUT_COLUMN, LAYOUT_CONTIGUOUS, true, "|||S"},
        {100, LAYOUT_GAPS, LAYOUT_STRIDED, LAYOUT_GAPS, true, "|||S"},
        {8, LAYOUT_CONTIGUOUS, LAYOUT_COLUMN, LAYOUT_CONTIGUOUS, true, "|||S"},
        {7, LAYOUT_CONTIGUOUS, LAYOUT_COLUMN, LAYOUT_CONTIGUOUS, false, "|||lS"},
        {7, LAYOUT_CONTIGUOUS, LAYOUT_ROW, LAYOUT_CONTIGUOUS, false, "|l||S"},
        {100, LAYOUT_CONTIGUOUS, LAYOUT_COLUMN, LAYOUT_STRIDED, false, "|||Ss"},
        {100, LAYOUT_CONTIGUOUS, LAYOUT_TRANSPOSED, LAYOUT_CONTIGUOUS, true, "|||S"},
    };
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64), y = input(&b, "b", NEXPR_FLOAT64);
    add_result(&b, op2(&b, NX_OP_multiply, op2(&b, NX_OP_subtract, x, y), y));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const layout_kind inputs[] = {cases[i].x, cases[i].y};
        nx_vm_code *code = link_as(&b, 90, cases[i].cols, inputs, cases[i].output, false, true);
        assert_int_equal(nx_vm_segment(code, 0)->has_rows, cases[i].has_rows);
        assert_steps(code, cases[i].steps);
    }
    const layout_kind of_three[] = {LAYOUT_CONTIGUOUS, LAYOUT_COLUMN}; /* tiles of whole lines are streamed */
    nx_vm_code *code = link_as(&b, 9000, 3, of_three, LAYOUT_CONTIGUOUS, true, true);
    assert_int_equal(nx_segment_outputs(nx_vm_segment(code, 0))->access, NX_ACCESS_STREAM);
    nx_vm_code_free(NULL, code);
    add_result(&b, op1(&b, NX_OP_sin, y));
    assert_steps(link_as(&b, 90, 100, (layout_kind[]){LAYOUT_GAPS, LAYOUT_GAPS}, LAYOUT_GAPS, false, true), "|||Sc");
    builder_free(&b);
}

static void a_segment_writes_past_the_caches_what_nothing_reads_again(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64), sum = op2(&b, NX_OP_add, x, f64(&b, 1));
    add_result(&b, op2(&b, NX_OP_multiply, sum, x));
    nx_vm_code *code = link_as(&b, 1, 1000, plain, LAYOUT_CONTIGUOUS, true, true);
    assert_int_equal(nx_segment_outputs(nx_vm_segment(code, 0))->access, NX_ACCESS_STREAM);
    assert_steps(code, "|||S");
    add_result(&b, sum); /* of two results each is written by itself */
    code = link_as(&b, 1, 1000, plain, LAYOUT_CONTIGUOUS, true, true);
    assert_int_equal(nx_segment_outputs(nx_vm_segment(code, 0))[1].access, NX_ACCESS_STREAM);
    assert_steps(code, "|||S");
    add_result(&b, op1(&b, NX_OP_exp, sum)); /* now a call reads it */
    assert_steps(link_as(&b, 1, 1000, plain, LAYOUT_CONTIGUOUS, true, true), "|||Sncn");
    builder_free(&b);
}

static void equal_work_has_equal_bytes(void **state) {
    (void)state;
    builder b[2];
    nx_vm_code *code[2];
    for (int i = 0; i < 2; i++) {
        builder_init(&b[i]);
        nx_ref x = input(&b[i], i ? "first" : "a", NEXPR_FLOAT32);
        add_result(&b[i], op2(&b[i], NX_OP_multiply, x, constant(&b[i], NEXPR_FLOAT32, (nx_value){.f32 = i ? 2.5f : 7})));
        code[i] = link_as(&b[i], 1, 1000 + i, plain, LAYOUT_CONTIGUOUS, false, true);
    }
    const nx_segment *x = nx_vm_segment(code[0], 0), *y = nx_vm_segment(code[1], 0);
    assert_int_equal(nx_segment_bytes(x), nx_segment_bytes(y));
    assert_memory_equal(x, y, nx_segment_bytes(x));
    for (int i = 0; i < 2; i++) nx_vm_code_free(NULL, code[i]), builder_free(&b[i]);
}

static void an_exponent_is_known(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref three = constant(&b, NEXPR_INT32, (nx_value){.i32 = 3}), minus = constant(&b, NEXPR_INT32, (nx_value){.i32 = -3});
    nx_ref cube = op2(&b, NX_OP_power, input(&b, "a", NEXPR_INT32), three);
    add_result(&b, op2(&b, NX_OP_multiply, cube, three));
    nx_vm_code *code = link_as(&b, 1, 1000, plain, LAYOUT_CONTIGUOUS, false, true);
    const nx_segment_operand *inputs = nx_segment_inputs(nx_vm_segment(code, 0));
    assert_int_equal(inputs[1].access, NX_ACCESS_KNOWN);
    assert_int_equal(inputs[1].detail, 3);
    assert_int_equal(inputs[2].access, NX_ACCESS_SCALAR);
    assert_steps(code, "|||S");
    add_result(&b, op2(&b, NX_OP_power, cube, minus));
    assert_steps(link_as(&b, 1, 1000, plain, LAYOUT_CONTIGUOUS, false, true), "|||Sc");
    builder_free(&b);
}

/* Of more arrays the processor would fetch lines too late. */
static void a_segment_reads_twelve_arrays_at_most(void **state) {
    (void)state;
    static const struct {
        int inputs;
        const char *steps;
    } cases[] = {{11, "|||S"}, {12, "|||S"}, {13, "|||SS"}, {24, "|||SS"}, {25, "|||SSS"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        builder b;
        builder_init(&b);
        nx_ref sum = input(&b, "a", NEXPR_FLOAT64);
        for (int k = 1; k < cases[i].inputs; k++) sum = op2(&b, NX_OP_add, sum, input(&b, "a", NEXPR_FLOAT64));
        add_result(&b, sum);
        assert_steps(link_as(&b, 1, 1000, plain, LAYOUT_CONTIGUOUS, false, true), cases[i].steps);
        assert_steps(link_as(&b, 70, 1000, plain, LAYOUT_GAPS, false, true), cases[i].steps);
        builder_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_operands_need_no_step_of_their_own),
        cmocka_unit_test(others_are_loaded_and_stored),
        cmocka_unit_test(what_does_not_vary_is_computed_once),
        cmocka_unit_test(transposed_inputs_are_read_from_panels),
        cmocka_unit_test(rows_that_repeat_are_read_from_panels_of_one_row),
        cmocka_unit_test(non_temporal_outputs_are_copied_from_a_register),
        cmocka_unit_test(registers_come_back_after_the_last_use),
        cmocka_unit_test(every_failed_allocation_is_reported_and_nothing_leaks),
        cmocka_unit_test(a_cast_that_does_not_exist_is_an_error),
        cmocka_unit_test(what_is_inlined_is_one_segment_behind_the_calls),
        cmocka_unit_test(segments_read_strided_and_foreign_inputs_in_place),
        cmocka_unit_test(segments_read_columns_in_place),
        cmocka_unit_test(a_segment_goes_through_rows_if_it_is_all),
        cmocka_unit_test(a_segment_writes_past_the_caches_what_nothing_reads_again),
        cmocka_unit_test(equal_work_has_equal_bytes),
        cmocka_unit_test(an_exponent_is_known),
        cmocka_unit_test(a_segment_reads_twelve_arrays_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
