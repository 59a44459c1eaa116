/* SPDX-License-Identifier: MIT */
/* See fixture.h. */
#include "fixture.h"
#include "interpreter.h"

#include <stdlib.h>

/* --------------------------------------------------------------------------------------------------------- IR -- */

void builder_init(builder *b) {
    *b = (builder){.node_capacity = 0};
    nx_arena_init(&b->arena, NULL);
    b->ir.arena = &b->arena;
}

void builder_free(builder *b) {
    nx_arena_free(&b->arena);
}

static nx_ref add_node(builder *b, nx_node node) {
    nx_ir *ir = &b->ir;
    ir->nodes = nx_arena_grow(&b->arena, ir->nodes, ir->node_count, &b->node_capacity, sizeof *ir->nodes);
    assert_non_null(ir->nodes);
    ir->nodes[ir->node_count] = node;
    return ir->node_count++;
}

nx_ref input(builder *b, const char *name, nexpr_dtype dtype) {
    nx_ir *ir = &b->ir;
    ir->inputs = nx_arena_grow(&b->arena, ir->inputs, ir->input_count, &b->input_capacity, sizeof *ir->inputs);
    assert_non_null(ir->inputs);
    ir->inputs[ir->input_count] = (nx_ir_input){.name = name, .dtype = dtype, .ndim = -1};
    return add_node(b, (nx_node){.kind = NX_NODE_INPUT, .dtype = (uint8_t)dtype, .index = ir->input_count++});
}

nx_ref input_indices(builder *b, const char *name) {
    nx_ref ref = input(b, name, NEXPR_INT64);
    b->ir.inputs[b->ir.nodes[ref].index].is_index = true;
    return ref;
}

nx_ref constant(builder *b, nexpr_dtype dtype, nx_value value) {
    nx_ir *ir = &b->ir;
    ir->values = nx_arena_grow(&b->arena, ir->values, ir->value_count, &b->value_capacity, sizeof *ir->values);
    assert_non_null(ir->values);
    ir->values[ir->value_count] = value;
    return add_node(b, (nx_node){.kind = NX_NODE_CONST, .dtype = (uint8_t)dtype, .index = ir->value_count++});
}

nx_ref f64(builder *b, double value) {
    return constant(b, NEXPR_FLOAT64, (nx_value){.f64 = value});
}

nx_ref cast(builder *b, nexpr_dtype to, nx_ref x) {
    return add_node(
        b, (nx_node){.kind = NX_NODE_CAST, .dtype = (uint8_t)to, .loop = b->ir.nodes[x].dtype, .arity = 1, .arg = {x}});
}

nx_ref op(builder *b, nx_op id, nexpr_dtype loop, const nx_ref *args) {
    nx_node node = {.kind = NX_NODE_OP, .dtype = (uint8_t)nx_op_result_dtype(id, loop), .loop = (uint8_t)loop,
                    .arity = nx_op_rows[id].arity, .op = (uint16_t)id};
    for (int k = 0; k < node.arity; k++) {
        node.arg[k] = args[k];
        assert_int_equal(b->ir.nodes[args[k]].dtype, nx_op_arg_dtype(id, loop, k));
    }
    return add_node(b, node);
}

nx_ref op1(builder *b, nx_op id, nx_ref x) {
    return op(b, id, (nexpr_dtype)b->ir.nodes[x].dtype, &x);
}

nx_ref op2(builder *b, nx_op id, nx_ref x, nx_ref y) {
    return op(b, id, (nexpr_dtype)b->ir.nodes[x].dtype, (nx_ref[]){x, y});
}

nx_ref op3(builder *b, nx_op id, nx_ref x, nx_ref y, nx_ref z) {
    return op(b, id, (nexpr_dtype)b->ir.nodes[y].dtype, (nx_ref[]){x, y, z});
}

nx_ref lookup(builder *b, nx_lookup id, nexpr_dtype loop, int tables, const nx_ref *args) {
    nx_node node = {.kind = NX_NODE_LOOKUP, .dtype = (uint8_t)nx_lookup_result_dtype(id, loop), .loop = (uint8_t)loop,
                    .arity = (uint8_t)(tables + 1), .op = (uint16_t)id};
    assert_int_equal(b->ir.nodes[args[0]].dtype, nx_lookup_arg_dtype(id, loop));
    memcpy(node.arg, args, ((size_t)tables + 1) * sizeof *args);
    return add_node(b, node);
}

void add_result(builder *b, nx_ref node) {
    nx_ir *ir = &b->ir;
    ir->results = nx_arena_grow(&b->arena, ir->results, ir->result_count, &b->result_capacity, sizeof *ir->results);
    assert_non_null(ir->results);
    ir->results[ir->result_count++] = (nx_ir_result){NULL, node};
}

nx_vm_program *compile(builder *b) {
    nx_vm_program *program = NULL;
    assert_int_equal(nx_vm_compile(&b->ir, &program, NULL), NEXPR_OK);
    return program;
}

void build_mixed(builder *b) {
    nx_ref x = input(b, "x", NEXPR_FLOAT64), s = cast(b, NEXPR_FLOAT64, input(b, "s", NEXPR_FLOAT32));
    nx_ref test = input(b, "t", NEXPR_BOOL), z = input(b, "z", NEXPR_COMPLEX128);
    nx_ref r = op2(b, NX_OP_multiply, x, op2(b, NX_OP_add, s, f64(b, 0.5)));
    nx_ref w = op3(b, NX_OP_where, op2(b, NX_OP_logical_or, test, op2(b, NX_OP_less, r, x)), r, op1(b, NX_OP_imag, z));
    add_result(b, op2(b, NX_OP_add, w, op1(b, NX_OP_sqrt, x)));
}

/* ----------------------------------------------------------------------------------------------------- arrays -- */

uint64_t next_random(uint64_t *seed) {
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static double random_real(uint64_t *seed) {
    static const double special[] = {0.0,    -0.0,   1.0,    -1.0,  0.5,     3.0,  1e300,
                                     -1e300, 5e-324, 1e-310, 1e-40, 65504.0, 1e10, 2.5};
    uint64_t r = next_random(seed);
    switch (r % 16) {
    case 0: return r >> 63 ? __builtin_nan("") : -__builtin_nan("1");
    case 1: return __builtin_inf();
    case 2: return -__builtin_inf();
    case 3: case 4: case 5: return special[(r >> 8) % (sizeof special / sizeof *special)];
    default: return ((double)(int64_t)(r >> 11) - 0x1p52) * 0x1p-50;
    }
}

nx_value random_value(nexpr_dtype dtype, uint64_t *seed) {
    nx_value v = {.bits = {0, 0}};
    uint64_t r = next_random(seed);
    size_t size = nexpr_dtype_size(dtype);
    switch (dtype) {
    case NEXPR_BOOL: v.b = (uint8_t)(r % 4 == 3 ? 255 : r % 4); break;
    case NEXPR_FLOAT32: v.f32 = (float)random_real(seed); break;
    case NEXPR_FLOAT64: v.f64 = random_real(seed); break;
    case NEXPR_COMPLEX64: v.c64[0] = (float)random_real(seed); v.c64[1] = (float)random_real(seed); break;
    case NEXPR_COMPLEX128: v.c128[0] = random_real(seed); v.c128[1] = random_real(seed); break;
    default:
        if (r % 4 == 0) r = (uint64_t)(int64_t)(r >> 8) % 8 - 4; /* small ones */
        if (r % 16 == 1) r = (uint64_t)1 << (8 * size - 1);      /* the least */
        memcpy(&v, &r, size);
    }
    return v;
}

/* Rows and columns in items. */
static void strides_of(layout_kind kind, int64_t rows, int64_t cols, int64_t ret[2], bool *ret_swapped,
                       bool *ret_misaligned) {
    switch (kind) {
#define X(id, swapped, misaligned, row, col)                              \
    case LAYOUT_##id:                                                     \
        ret[0] = row, ret[1] = col;                                       \
        *ret_swapped = swapped, *ret_misaligned = misaligned;             \
        (void)rows;                                                       \
        break;
        LAYOUT_MAP(X)
#undef X
    default: fail();
    }
}

array array_new(nexpr_dtype dtype, layout_kind kind, const int64_t count[2]) {
    int64_t size = (int64_t)nexpr_dtype_size(dtype), item[2] = {0, 0}, low = 0, high = 0;
    bool misaligned = false, swapped = false;
    strides_of(kind, count[0], count[1], item, &swapped, &misaligned);
    for (int k = 0; k < 2; k++) {
        int64_t reach = count[k] > 0 ? item[k] * (count[k] - 1) : 0;
        if (reach < 0) low += reach;
        else high += reach;
    }
    array a = {.operand = {.dtype = dtype, .swapped = swapped, .aligned = !misaligned || size == 1},
               .count = {count[0], count[1]}};
    a.operand.stride[0] = item[0] * size;
    a.operand.stride[1] = item[1] * size;
    a.bytes = (size_t)((high - low + 1) * size + 128);
    a.memory = aligned_alloc(64, (a.bytes + 63) / 64 * 64);
    assert_non_null(a.memory);
    memset(a.memory, 0xA5, a.bytes);
    a.data = a.memory + 64 - low * size + misaligned;
    return a;
}

array array_indices(layout_kind kind, const int64_t count[2]) {
    array a = array_new(NEXPR_INT64, kind, count);
    array_free(&a);
    a.operand.is_index = true;
    a.data = (char *)NX_INDEX_BASE - 1000;
    return a;
}

void array_free(array *a) {
    free(a->memory);
    a->memory = NULL;
}

static void swap_bytes(char *p, nexpr_dtype dtype) {
    size_t size = nexpr_dtype_size(dtype);
    size_t parts = nx_dtype_class(dtype) == NX_CLASS_COMPLEX ? 2 : 1, n = size / parts;
    for (size_t k = 0; k < parts; k++, p += n) {
        for (size_t i = 0; i < n / 2; i++) {
            char byte = p[i];
            p[i] = p[n - 1 - i];
            p[n - 1 - i] = byte;
        }
    }
}

nx_value array_get(const array *a, int64_t row, int64_t col) {
    nx_value v = {.bits = {0, 0}};
    if (a->operand.is_index) {
        v.i64 = a->data - NX_INDEX_BASE + row * a->operand.stride[0] + col * a->operand.stride[1];
        return v;
    }
    memcpy(&v, a->data + row * a->operand.stride[0] + col * a->operand.stride[1], nexpr_dtype_size(a->operand.dtype));
    if (a->operand.swapped) swap_bytes((char *)&v, a->operand.dtype);
    return v;
}

void array_set(array *a, int64_t row, int64_t col, nx_value value) {
    if (a->operand.swapped) swap_bytes((char *)&value, a->operand.dtype);
    memcpy(a->data + row * a->operand.stride[0] + col * a->operand.stride[1], &value, nexpr_dtype_size(a->operand.dtype));
}

void array_fill(array *a, uint64_t *seed) {
    for (int64_t i = 0; i < a->count[0]; i++) {
        for (int64_t j = 0; j < a->count[1]; j++) array_set(a, i, j, random_value(a->operand.dtype, seed));
    }
}

/* -------------------------------------------------------------------------------------------------- reference -- */

void reference(const nx_ir *ir, const nx_value *inputs, nx_value *scratch) {
    for (uint32_t i = 0; i < ir->node_count; i++) {
        const nx_node *node = &ir->nodes[i];
        nx_value args[NX_MAX_ARITY];
        for (int k = 0; k < node->arity; k++) args[k] = scratch[node->arg[k]];
        if (node->kind == NX_NODE_INPUT) scratch[i] = inputs[node->index];
        else if (node->kind == NX_NODE_CONST) scratch[i] = ir->values[node->index];
        else nx_vm_evaluate(node, args, &scratch[i]);
    }
}

nx_value reference_cast(nexpr_dtype from, nexpr_dtype to, nx_value value) {
    nx_node node = {.kind = NX_NODE_CAST, .dtype = (uint8_t)to, .loop = (uint8_t)from, .arity = 1};
    nx_value r;
    nx_vm_evaluate(&node, &value, &r);
    return r;
}

/* What the memory of the outputs has to be in the end. */
static void expect(const nx_ir *ir, const array *in, array *expected) {
    nx_value *scratch = test_malloc(ir->node_count * sizeof *scratch), inputs[MAX_OPERANDS];
    for (int64_t i = 0; i < expected[0].count[0]; i++) {
        for (int64_t j = 0; j < expected[0].count[1]; j++) {
            for (uint32_t k = 0; k < ir->input_count; k++) inputs[k] = array_get(&in[k], i, j);
            reference(ir, inputs, scratch);
            for (uint32_t r = 0; r < ir->result_count; r++) {
                nx_ref node = ir->results[r].node;
                nexpr_dtype from = (nexpr_dtype)ir->nodes[node].dtype, to = expected[r].operand.dtype;
                bool is_bare = ir->nodes[node].kind < NX_NODE_CAST;
                array_set(&expected[r], i, j,
                          from != to || is_bare ? reference_cast(from, to, scratch[node]) : scratch[node]);
            }
        }
    }
    test_free(scratch);
}

/* ---------------------------------------------------------------------------------------------------- running -- */

static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void run_pieces(const nx_vm_args *args, const run_case *c) {
    int64_t step[2];
    for (int k = 0; k < 2; k++) step[k] = c->piece[k] ? c->piece[k] : c->count[k] ? c->count[k] : 1;
    for (int64_t i = 0; i < c->count[0] || i == 0; i += step[0]) {
        for (int64_t j = 0; j < c->count[1] || j == 0; j += step[1]) {
            nx_vm_run(args, (int64_t[]){i, j},
                      (int64_t[]){min_i64(step[0], c->count[0] - i), min_i64(step[1], c->count[1] - j)});
        }
    }
}

nx_vm_fault run_program(const nx_vm_program *program, const nx_ir *ir, const run_case *c, const array *in, const array *out) {
    nx_vm_operand inputs[MAX_OPERANDS], outputs[MAX_OPERANDS];
    const char *in_data[MAX_OPERANDS];
    char *out_data[MAX_OPERANDS];
    for (uint32_t k = 0; k < ir->input_count; k++) inputs[k] = in[k].operand, in_data[k] = in[k].data;
    for (uint32_t k = 0; k < ir->result_count; k++) {
        outputs[k] = out[k].operand, out_data[k] = out[k].data;
        outputs[k].non_temporal = c->non_temporal;
    }
    nx_vm_layout layout = {{c->count[0], c->count[1]}, inputs, outputs, c->block_items, c->is_cold, c->has_segments};
    nx_vm_code *code = NULL;
    assert_int_equal(nx_vm_link(program, NULL, &layout, &code, NULL), NEXPR_OK);
    interpret_segments(code);
    size_t bytes = nx_vm_scratch_bytes(code);
    char *scratch = aligned_alloc(64, bytes / 64 * 64 + 128);
    assert_non_null(scratch);
    memset(scratch, 0xEE, bytes + 64);
    nx_vm_fault fault = {.is_set = false};
    run_pieces(&(nx_vm_args){code, scratch, in_data, out_data, &fault}, c);
    for (size_t i = bytes; i < bytes + 64; i++) assert_int_equal((unsigned char)scratch[i], 0xEE);
    free(scratch);
    nx_vm_code_free(NULL, code);
    return fault;
}

/* Compared element by element first, for a message that helps. */
static void compare(const array *got, const array *expected, const run_case *c, uint32_t r) {
    if (!memcmp(got->memory, expected->memory, got->bytes)) return;
    for (int64_t i = 0; i < got->count[0]; i++) {
        for (int64_t j = 0; j < got->count[1]; j++) {
            nx_value a = array_get(got, i, j), b = array_get(expected, i, j);
            if (!memcmp(&a, &b, sizeof a)) continue;
            fail_msg(
                "result %u, %s of layout %d, element [%ld, %ld] of [%ld, %ld], block %d: %016lx %016lx for %016lx %016lx",
                r, nexpr_dtype_name(got->operand.dtype), (int)c->outputs[r], (long)i, (long)j, (long)c->count[0],
                (long)c->count[1], c->block_items, (unsigned long)a.bits[1], (unsigned long)a.bits[0],
                (unsigned long)b.bits[1], (unsigned long)b.bits[0]);
        }
    }
    fail_msg("result %u: bytes between the elements were changed", r);
}

void check_program(builder *b, const nx_vm_program *program, const run_case *c) {
    array in[MAX_OPERANDS], out[MAX_OPERANDS], expected[MAX_OPERANDS];
    const nx_ir *ir = &b->ir;
    uint64_t seed = c->seed + 1;
    for (uint32_t k = 0; k < ir->input_count; k++) {
        in[k] = ir->inputs[k].is_index ? array_indices(c->inputs[k], c->count)
                                       : array_new(ir->inputs[k].dtype, c->inputs[k], c->count);
        if (!ir->inputs[k].is_index) array_fill(&in[k], &seed);
    }
    for (uint32_t k = 0; k < ir->result_count; k++) {
        nexpr_dtype dtype = c->has_output_dtypes ? c->output_dtypes[k] : (nexpr_dtype)ir->nodes[ir->results[k].node].dtype;
        out[k] = array_new(dtype, c->outputs[k], c->count);
        expected[k] = array_new(dtype, c->outputs[k], c->count);
    }
    expect(ir, in, expected);
    for (int by_segments = 0; by_segments < 2; by_segments++) {
        run_case way = *c;
        way.has_segments = by_segments;
        run_program(program, ir, &way, in, out);
        for (uint32_t k = 0; k < ir->result_count; k++) compare(&out[k], &expected[k], c, k);
        for (uint32_t k = 0; k < ir->result_count; k++) memset(out[k].memory, 0xA5, out[k].bytes);
    }
    for (uint32_t k = 0; k < ir->input_count; k++) array_free(&in[k]);
    for (uint32_t k = 0; k < ir->result_count; k++) array_free(&out[k]), array_free(&expected[k]);
}
