/* SPDX-License-Identifier: MIT */
/*
 * Lookups: elements taken from arrays of every layout by indices of every layout, and what is said of an index that is out
 * of bounds; searches, straight lines, polynomials and random numbers against loops that look at one element at a time.
 */
#include "fixture.h"

#include "vm/code.h"
#include "vm/half.h"

#include <math.h>
#include <stdlib.h>

/* -------------------------------------------------------------------------------------------------------- taking -- */

/* An array of three axes: the two of the pass, along which it may not vary, and the one that is indexed. */
typedef struct cube {
    char *memory;
    array at; /* at the first element along the indexed axis */
} cube;

/* `order` tells which axis is inside of which, `varies` bit k whether the array varies along axis k of the pass. */
static cube cube_new(nexpr_dtype dtype, const int64_t count[2], int64_t length, int order, unsigned varies, int step,
                     bool swapped, bool misaligned) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const int64_t extent[3] = {varies & 1 ? count[0] : 1, varies & 2 ? count[1] : 1, length};
    const int64_t size = (int64_t)nexpr_dtype_size(dtype);
    int64_t stride[3], bytes = size * step;
    for (int k = 2; k >= 0; k--) {
        stride[orders[order][k]] = bytes;
        bytes *= extent[orders[order][k]] > 0 ? extent[orders[order][k]] : 1;
    }
    cube c = {.memory = malloc((size_t)bytes + 16)};
    assert_non_null(c.memory);
    c.at = (array){.data = c.memory + misaligned, .count = {count[0], count[1]}};
    c.at.operand = (nx_vm_operand){.dtype = dtype, .swapped = swapped, .aligned = !misaligned || size == 1,
                                   .stride = {varies & 1 ? stride[0] : 0, varies & 2 ? stride[1] : 0},
                                   .table_stride = stride[2], .table_count = length};
    return c;
}

static array cube_slice(const cube *c, int64_t index) {
    array a = c->at;
    a.data += index * a.operand.table_stride;
    return a;
}

/* What a cast to its own dtype leaves of it. */
static nx_value canonical(nexpr_dtype dtype, nx_value value) {
    return reference_cast(dtype, dtype, value);
}

typedef struct taking {
    builder b;
    nx_vm_program *program;
    cube table;
    array in[2], out;
    run_case run;
} taking;

static taking taking_new(nexpr_dtype dtype, const int64_t count[2], layout_kind index, int64_t length, uint64_t *seed) {
    taking t = {.run = {.count = {count[0], count[1]}}};
    builder_init(&t.b);
    nx_ref i = input(&t.b, "i", NEXPR_INT64), a = input(&t.b, "a", dtype);
    add_result(&t.b, lookup(&t.b, NX_LOOKUP_take, dtype, 1, (nx_ref[]){i, a}));
    t.program = compile(&t.b);
    t.table = cube_new(dtype, count, length, (int)(next_random(seed) % 6), (unsigned)(next_random(seed) % 4),
                       1 + (int)(next_random(seed) % 3 == 0), next_random(seed) % 4 == 0, next_random(seed) % 4 == 0);
    for (int64_t k = 0; k < length; k++) {
        array slice = cube_slice(&t.table, k);
        array_fill(&slice, seed);
    }
    t.in[0] = array_new(NEXPR_INT64, index, count);
    t.in[1] = t.table.at;
    for (int64_t r = 0; r < count[0]; r++) {
        for (int64_t c = 0; c < count[1]; c++) {
            array_set(&t.in[0], r, c, (nx_value){.i64 = (int64_t)(next_random(seed) % (uint64_t)(2 * length)) - length});
        }
    }
    t.out = array_new(dtype, (layout_kind)(next_random(seed) % LAYOUT_BROADCAST), count);
    t.run.block_items = next_random(seed) % 2 ? 0 : (int)(1 + next_random(seed) % 300);
    t.run.is_cold = next_random(seed) % 2;
    return t;
}

static void taking_free(taking *t) {
    free(t->table.memory);
    array_free(&t->in[0]);
    array_free(&t->out);
    builder_free(&t->b);
}

static nx_value taken(const taking *t, int64_t row, int64_t col) {
    const int64_t index = array_get(&t->in[0], row, col).i64, length = t->table.at.operand.table_count;
    array slice = cube_slice(&t->table, index < 0 ? index + length : index);
    nx_value v = array_get(&slice, row, col);
    return canonical(t->table.at.operand.dtype, v);
}

static const int64_t shapes[][2] = {{1, 1}, {1, 700}, {200, 3}, {3, 1500}, {40, 70}, {7, 1}, {130, 130}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void elements_of_every_dtype_and_layout_are_taken(void **state) {
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < NEXPR_DTYPE_COUNT * LAYOUT_COUNT * SHAPES; i++) {
        const int64_t *count = shapes[i % SHAPES];
        taking t = taking_new((nexpr_dtype)(i % NEXPR_DTYPE_COUNT), count, (layout_kind)(i % LAYOUT_COUNT),
                              1 + (int64_t)(next_random(&seed) % 20), &seed);
        t.run.piece[i % 2] = i % 5 ? 0 : 60;
        assert_false(run_program(t.program, &t.b.ir, &t.run, t.in, &t.out).is_set);
        for (int64_t r = 0; r < count[0]; r++) {
            for (int64_t c = 0; c < count[1]; c++) {
                nx_value got = array_get(&t.out, r, c), ought = taken(&t, r, c);
                assert_memory_equal(&got, &ought, sizeof got);
            }
        }
        taking_free(&t);
    }
}

/* Of a short table each index is close to both ends. */
static void the_first_index_out_of_bounds_is_told(void **state) {
    (void)state;
    static const int64_t beyond[] = {0, 1, INT64_MAX, INT64_MIN, -1, -1000};
    uint64_t seed = 4;
    for (int i = 0; i < 600; i++) {
        const int64_t *count = shapes[i % SHAPES], length = 1 + i % 4;
        const nexpr_dtype dtype = (nexpr_dtype)(i % NEXPR_DTYPE_COUNT);
        taking t = taking_new(dtype, count, (layout_kind)(i % LAYOUT_BROADCAST), length, &seed);
        int64_t place[2];
        for (int k = 0; k < 2; k++) place[k] = (int64_t)(next_random(&seed) % (uint64_t)count[k]);
        int64_t value = beyond[i % 6];
        if (value == 0 || value == 1) value += length;
        if (value == -1) value -= length;
        t.run.piece[0] = i % 3 ? 0 : 5;
        array_set(&t.in[0], place[0], place[1], (nx_value){.i64 = value});
        array_set(&t.in[0], count[0] - 1, count[1] - 1, (nx_value){.i64 = value}); /* and a later one */
        const nx_vm_fault fault = run_program(t.program, &t.b.ir, &t.run, t.in, &t.out);
        assert_true(fault.is_set);
        assert_int_equal(fault.value, value);
        assert_int_equal(fault.place[0], place[0]);
        assert_int_equal(fault.place[1], place[1]);
        for (int64_t k = 0; k < place[0] * count[1] + place[1]; k++) {
            nx_value got = array_get(&t.out, k / count[1], k % count[1]), ought = taken(&t, k / count[1], k % count[1]);
            assert_memory_equal(&got, &ought, sizeof got);
        }
        taking_free(&t);
    }
}

static void a_fault_becomes_an_error_at_its_place(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref a = input(&b, "a", NEXPR_FLOAT32);
    nx_ref r = lookup(&b, NX_LOOKUP_take, NEXPR_FLOAT32, 1, (nx_ref[]){constant(&b, NEXPR_INT64, (nx_value){.i64 = 7}), a});
    b.ir.nodes[r].flags = 2;
    b.ir.nodes[r].span = (nx_span){3, 9};
    add_result(&b, r);
    nx_vm_operand in = {.dtype = NEXPR_FLOAT32, .aligned = true, .table_stride = 4, .table_count = 5};
    nx_vm_operand out = {.dtype = NEXPR_FLOAT32, .aligned = true, .stride = {12, 4}};
    nx_vm_code *code = NULL;
    assert_int_equal(nx_vm_link(compile(&b), NULL, &(nx_vm_layout){{2, 3}, &in, &out}, &code, NULL), NEXPR_OK);
    assert_true(nx_vm_can_fault(code));
    _Alignas(64) char scratch[1 << 16];
    float table[5], result[6];
    nx_vm_fault fault = {.is_set = false};
    assert_true(nx_vm_scratch_bytes(code) <= sizeof scratch);
    nx_vm_run(&(nx_vm_args){code, scratch, (const char *[]){(char *)table}, (char *[]){(char *)result}, &fault},
              (int64_t[]){0, 0}, (int64_t[]){2, 3});
    nexpr_error err = nexpr_error_init();
    assert_true(fault.is_set);
    assert_int_equal(nx_vm_fail(&fault, &err), NEXPR_VALUE);
    assert_string_equal(err.message, "index 7 is out of bounds for axis 2 of length 5");
    assert_int_equal(err.begin, 3);
    assert_int_equal(err.end, 9);
    nx_vm_code_free(NULL, code);
    builder_free(&b);
}

/* a[b[i]]: what the second one makes of a fault of the first is not told, nor is a fault of a later element. */
static void of_two_lookups_the_first_to_fail_is_told(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref i = input(&b, "i", NEXPR_INT64), p = input(&b, "p", NEXPR_INT64), q = input(&b, "q", NEXPR_FLOAT64);
    nx_ref inner = lookup(&b, NX_LOOKUP_take, NEXPR_INT64, 1, (nx_ref[]){i, p});
    add_result(&b, lookup(&b, NX_LOOKUP_take, NEXPR_FLOAT64, 1, (nx_ref[]){inner, q}));
    nx_vm_program *program = compile(&b);
    for (int fails = 0; fails < 2; fails++) {
        int64_t index[100] = {0}, inner_table[2] = {0, 9};
        double outer_table[1] = {1};
        index[fails ? 50 : 60] = 1;  /* 9 is out of bounds of q */
        index[fails ? 60 : 50] = 33; /* out of bounds of p */
        nx_vm_operand vector = {.dtype = NEXPR_INT64, .aligned = true, .stride = {800, 8}}, out = vector;
        nx_vm_operand inner_operand = {.dtype = NEXPR_INT64, .aligned = true, .table_stride = 8, .table_count = 2};
        nx_vm_operand outer_operand = {.dtype = NEXPR_FLOAT64, .aligned = true, .table_stride = 8, .table_count = 1};
        out.dtype = NEXPR_FLOAT64;
        double result[100];
        array in[3] = {{.operand = vector, .data = (char *)index}, {.operand = inner_operand, .data = (char *)inner_table},
                       {.operand = outer_operand, .data = (char *)outer_table}};
        array to = {.operand = out, .data = (char *)result};
        const nx_vm_fault fault = run_program(program, &b.ir, &(run_case){.count = {1, 100}}, in, &to);
        assert_true(fault.is_set);
        assert_int_equal(fault.place[1], 50);
        assert_int_equal(fault.value, fails ? 9 : 33);
    }
    builder_free(&b);
}

/* ------------------------------------------------------------------------------------------- one after the other -- */

typedef struct kernel_case {
    nx_lookup id;
    nexpr_dtype loop, table_dtype[2];
    size_t n;
    int64_t count[2];
    _Alignas(64) char x[300 * 16], r[300 * 16], table[2][300 * 16 + 8];
} kernel_case;

static nx_value element(nexpr_dtype dtype, const void *elements, size_t i) {
    nx_value v = {.bits = {0, 0}};
    memcpy(&v, (const char *)elements + i * nexpr_dtype_size(dtype), nexpr_dtype_size(dtype));
    return v;
}

static void set_element(nexpr_dtype dtype, void *elements, size_t i, nx_value v) {
    memcpy((char *)elements + i * nexpr_dtype_size(dtype), &v, nexpr_dtype_size(dtype));
}

static void fill(nexpr_dtype dtype, size_t n, void *elements, uint64_t *seed) {
    for (size_t i = 0; i < n; i++) set_element(dtype, elements, i, random_value(dtype, seed));
}

/* On every instruction set, with tables that are not aligned; *c has the results of the last one. */
static void run_kernel(kernel_case *c) {
    char first[sizeof c->r];
    const void *table[2] = {c->table[0] + 1, c->table[1] + 1};
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!nx_isa_is_supported((nx_isa)isa)) continue;
        nx_lookup_kernel *kernel = nx_vm_lookup_kernel((nx_isa)isa, c->id, c->loop);
        const size_t bytes = c->n * nexpr_dtype_size(nx_lookup_result_dtype(c->id, c->loop));
        assert_non_null(kernel);
        memset(c->r, 0xA5, sizeof c->r);
        kernel(c->n, c->r, c->x, table, c->count);
        for (size_t i = bytes; i < sizeof c->r; i++) assert_int_equal((unsigned char)c->r[i], 0xA5);
        if (isa) assert_memory_equal(first, c->r, bytes);
        memcpy(first, c->r, sizeof first);
    }
}

static double part(nexpr_dtype dtype, nx_value v, int k) {
    if (nx_dtype_class(dtype) != NX_CLASS_COMPLEX) return k ? 0 : reference_cast(dtype, NEXPR_FLOAT64, v).f64;
    const nx_value wide = reference_cast(dtype, NEXPR_COMPLEX128, v);
    return wide.c128[k];
}

static int compare_numbers(double x, double y) {
    return x != x || y != y ? (x != x) - (y != y) : (x > y) - (x < y);
}

/* -1, 0, 1 in the order in which NumPy sorts. */
static int compare(nexpr_dtype dtype, nx_value x, nx_value y) {
    if (dtype == NEXPR_INT64) return (x.i64 > y.i64) - (x.i64 < y.i64);
    if (dtype == NEXPR_UINT64) return (x.u64 > y.u64) - (x.u64 < y.u64);
    const double xr = part(dtype, x, 0), yr = part(dtype, y, 0), xi = part(dtype, x, 1), yi = part(dtype, y, 1);
    const int x_class = 2 * (xr != xr) + (xi != xi), y_class = 2 * (yr != yr) + (yi != yi);
    if (x_class != y_class) return x_class > y_class ? 1 : -1;
    const int by_real = compare_numbers(xr, yr);
    return by_real ? by_real : compare_numbers(xi, yi);
}

static void sort(nexpr_dtype dtype, size_t n, void *elements) {
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 0; k--) {
            nx_value low = element(dtype, elements, k - 1), high = element(dtype, elements, k);
            if (compare(dtype, low, high) <= 0) break;
            set_element(dtype, elements, k - 1, high);
            set_element(dtype, elements, k, low);
        }
    }
}

static void places_are_found_in_sorted_tables_of_every_dtype(void **state) {
    (void)state;
    static const int64_t counts[] = {0, 1, 2, 3, 7, 8, 64, 100, 299};
    uint64_t seed = 8;
    for (int i = 0; i < NEXPR_DTYPE_COUNT * 9 * 6; i++) {
        const nexpr_dtype dtype = (nexpr_dtype)(i % NEXPR_DTYPE_COUNT);
        const int64_t count = counts[i / NEXPR_DTYPE_COUNT % 9];
        if (dtype == NEXPR_FLOAT16) continue;
        kernel_case c = {.id = i % 2 ? NX_LOOKUP_searchsorted_left : NX_LOOKUP_searchsorted_right, .loop = dtype,
                         .n = 1 + next_random(&seed) % 70, .count = {count}};
        fill(dtype, (size_t)count, c.table[0] + 1, &seed);
        sort(dtype, (size_t)count, c.table[0] + 1);
        fill(dtype, c.n, c.x, &seed);
        if (count) set_element(dtype, c.x, 0, element(dtype, c.table[0] + 1, (size_t)count / 2));
        run_kernel(&c);
        for (size_t k = 0; k < c.n; k++) {
            int64_t ought = 0;
            for (int64_t j = 0; j < count; j++) {
                const int order = compare(dtype, element(dtype, c.table[0] + 1, (size_t)j), element(dtype, c.x, k));
                ought += order < 0 || (order == 0 && c.id == NX_LOOKUP_searchsorted_right);
            }
            assert_int_equal(element(NEXPR_INT64, c.r, k).i64, ought);
        }
    }
}

/* As numpy.interp has it, one element. */
static double interpolate(double x, const double *xp, const double *fp, int64_t count, bool inverse) {
    int64_t j = -1;
    if (x != x && count > 1) return x;
    while (j + 1 < count && !(xp[j + 1] > x)) j++;
    if (x != x || j < 0) return fp[0];
    if (j == count - 1 || xp[j] == x) return fp[j];
    const double scale = 1 / (xp[j + 1] - xp[j]);
    const double slope = inverse ? (fp[j + 1] - fp[j]) * scale : (fp[j + 1] - fp[j]) / (xp[j + 1] - xp[j]);
    double r = slope * (x - xp[j]) + fp[j];
    if (r != r) r = slope * (x - xp[j + 1]) + fp[j + 1];
    if (r != r && fp[j] == fp[j + 1]) r = fp[j];
    return r;
}

static void lines_go_through_points(void **state) {
    (void)state;
    uint64_t seed = 11;
    for (int i = 0; i < 400; i++) {
        const bool is_complex = i % 2;
        const int64_t count = i < 40 ? i / 10 + 1 : 1 + (int64_t)(next_random(&seed) % 200);
        kernel_case c = {.id = NX_LOOKUP_interp, .loop = is_complex ? NEXPR_COMPLEX128 : NEXPR_FLOAT64,
                         .n = 1 + next_random(&seed) % 70, .count = {count, count}};
        double xp[300], fp[2][300];
        fill(NEXPR_FLOAT64, (size_t)count, xp, &seed);
        for (int64_t k = 0; k < count; k++) xp[k] = xp[k] != xp[k] ? 0.25 : xp[k];
        sort(NEXPR_FLOAT64, (size_t)count, xp);
        fill(NEXPR_FLOAT64, (size_t)count, fp[0], &seed);
        fill(NEXPR_FLOAT64, (size_t)count, fp[1], &seed);
        fill(NEXPR_FLOAT64, c.n, c.x, &seed);
        memcpy(c.table[0] + 1, xp, (size_t)count * 8);
        for (size_t k = 0; k < (size_t)count; k++) {
            set_element(c.loop, c.table[1] + 1, k, is_complex ? (nx_value){.c128 = {fp[0][k], fp[1][k]}}
                                                              : (nx_value){.f64 = fp[0][k]});
        }
        set_element(NEXPR_FLOAT64, c.x, 0, (nx_value){.f64 = xp[count / 2]});
        run_kernel(&c);
        for (size_t k = 0; k < c.n; k++) {
            const double x = element(NEXPR_FLOAT64, c.x, k).f64;
            nx_value ought = {.f64 = interpolate(x, xp, fp[0], count, is_complex)}, got = element(c.loop, c.r, k);
            if (is_complex) ought.c128[1] = x != x && count > 1 ? 0 : interpolate(x, xp, fp[1], count, true);
            ought = canonical(c.loop, ought);
            assert_memory_equal(&got, &ought, sizeof got);
        }
    }
}

static nx_value apply(nx_op op, nexpr_dtype dtype, nx_value x, nx_value y) {
    if (dtype == NEXPR_FLOAT16) {
        x = reference_cast(dtype, NEXPR_FLOAT32, x);
        y = reference_cast(dtype, NEXPR_FLOAT32, y);
        return reference_cast(NEXPR_FLOAT32, dtype, apply(op, NEXPR_FLOAT32, x, y));
    }
    nx_value r;
    nx_node node = {.kind = NX_NODE_OP, .dtype = (uint8_t)dtype, .loop = (uint8_t)dtype, .arity = 2, .op = (uint16_t)op};
    nx_vm_evaluate(&node, (nx_value[]){x, y}, &r);
    return r;
}

static void polynomials_are_products_and_sums(void **state) {
    (void)state;
    uint64_t seed = 12;
    for (int i = 0; i < NEXPR_DTYPE_COUNT * 30; i++) {
        const nexpr_dtype dtype = (nexpr_dtype)(i % NEXPR_DTYPE_COUNT);
        const int64_t count = i / NEXPR_DTYPE_COUNT % 10;
        kernel_case c = {.id = NX_LOOKUP_polyval, .loop = dtype, .n = 1 + next_random(&seed) % 290, .count = {count}};
        fill(dtype, (size_t)count, c.table[0] + 1, &seed);
        fill(dtype, c.n, c.x, &seed);
        run_kernel(&c);
        for (size_t k = 0; k < c.n; k++) {
            nx_value y = {.bits = {0, 0}}, got = element(dtype, c.r, k);
            for (int64_t j = 0; j < count; j++) {
                y = apply(NX_OP_multiply, dtype, y, element(dtype, c.x, k));
                y = apply(NX_OP_add, dtype, y, element(dtype, c.table[0] + 1, (size_t)j));
            }
            assert_memory_equal(&got, &y, sizeof got);
        }
    }
}

/* -------------------------------------------------------------------------------------------------- random numbers -- */

/* numpy.random.Philox(key=5 + 2**64*7).random_raw(8) */
static const uint64_t philox_of_numpy[8] = {
    UINT64_C(0x2de0f782c87deea2), UINT64_C(0xb8acbd30539dad85), UINT64_C(0xdc347efdf4a3a932),
    UINT64_C(0x1a9b27c5020252ac), UINT64_C(0xa548b7614a8a0e3b), UINT64_C(0x4689c47d26700ef8),
    UINT64_C(0xc78c2dca7e7e6384), UINT64_C(0x9fb4643369834aa4),
};

static uint64_t number(int64_t i, uint64_t low, uint64_t high) {
    uint64_t r;
    nx_vm_lookup_kernel(NX_ISA_BASELINE, NX_LOOKUP_philox, NEXPR_UINT64)(1, &r, &i, (const void *[]){&low, &high}, NULL);
    return r;
}

static void random_numbers_are_those_of_numpy(void **state) {
    (void)state;
    for (int64_t i = 0; i < 8; i++) assert_int_equal(number(i, 5, 7), philox_of_numpy[i]);
}

/* Runs from anywhere, runs that end and begin anew, indices without any order. */
static void a_random_number_depends_on_its_index_only(void **state) {
    (void)state;
    uint64_t seed = 13;
    for (int i = 0; i < 300; i++) {
        kernel_case c = {.id = NX_LOOKUP_philox, .loop = NEXPR_UINT64, .n = 1 + next_random(&seed) % 299};
        const int64_t start = (int64_t)(next_random(&seed) % 50), step = i % 3 == 0 ? 1 : i % 7, turn = i % 2 ? 300 : 17;
        for (size_t k = 0; k < c.n; k++) {
            const int64_t index = i % 5 == 4 ? (int64_t)(next_random(&seed) >> 3) : start + step * ((int64_t)k % turn);
            set_element(NEXPR_INT64, c.x, k, (nx_value){.i64 = index});
        }
        set_element(NEXPR_UINT64, c.table[0] + 1, 0, (nx_value){.u64 = 1});
        set_element(NEXPR_UINT64, c.table[1] + 1, 0, (nx_value){.u64 = 2});
        for (int id = NX_LOOKUP_philox; id <= NX_LOOKUP_open_uniform; id++) {
            c.id = (nx_lookup)id;
            run_kernel(&c);
            for (size_t k = 0; k < c.n; k++) {
                const uint64_t u = number(element(NEXPR_INT64, c.x, k).i64, 1, 2), got = element(NEXPR_UINT64, c.r, k).u64;
                const nx_value ought = id == NX_LOOKUP_philox    ? (nx_value){.u64 = u}
                                       : id == NX_LOOKUP_uniform ? (nx_value){.f64 = ldexp((double)(u >> 11), -53)}
                                                                 : (nx_value){.f64 = ldexp((double)(u >> 12) + 0.5, -52)};
                assert_int_equal(got, ought.u64);
            }
        }
    }
}

static void numbers_are_scaled_by_the_upper_half_of_a_product(void **state) {
    (void)state;
    static const uint64_t ranges[] = {1, 2, 6, 1000, UINT64_C(1) << 63, UINT64_MAX};
    uint64_t seed = 14;
    for (int i = 0; i < 6; i++) {
        kernel_case c = {.id = NX_LOOKUP_scaled, .loop = NEXPR_UINT64, .n = 250};
        fill(NEXPR_UINT64, c.n, c.x, &seed);
        set_element(NEXPR_UINT64, c.x, 0, (nx_value){.u64 = UINT64_MAX});
        set_element(NEXPR_UINT64, c.table[0] + 1, 0, (nx_value){.u64 = ranges[i]});
        run_kernel(&c);
        for (size_t k = 0; k < c.n; k++) {
            __extension__ const unsigned __int128 product = (unsigned __int128)element(NEXPR_UINT64, c.x, k).u64 * ranges[i];
            assert_int_equal(element(NEXPR_UINT64, c.r, k).u64, (uint64_t)(product >> 64));
        }
    }
}

/* Through the VM: a key is two constants. */
static void a_program_has_keys_and_tables(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref i = input_indices(&b, "i"), p = input(&b, "p", NEXPR_UINT64);
    nx_ref key[2] = {constant(&b, NEXPR_UINT64, (nx_value){.u64 = 5}), constant(&b, NEXPR_UINT64, (nx_value){.u64 = 7})};
    nx_ref u = lookup(&b, NX_LOOKUP_philox, NEXPR_UINT64, 2, (nx_ref[]){i, key[0], key[1]});
    add_result(&b, lookup(&b, NX_LOOKUP_polyval, NEXPR_UINT64, 1, (nx_ref[]){u, p}));
    uint64_t coefficients[2] = {3, 10}, result[2000];
    array in[2] = {{.operand = {.dtype = NEXPR_INT64, .is_index = true, .stride = {0, 1}}, .data = (char *)NX_INDEX_BASE},
                   {.operand = {.dtype = NEXPR_UINT64, .aligned = true, .table_stride = 8, .table_count = 2},
                    .data = (char *)coefficients}};
    array out = {.operand = {.dtype = NEXPR_UINT64, .aligned = true, .stride = {16000, 8}}, .data = (char *)result};
    assert_false(run_program(compile(&b), &b.ir, &(run_case){.count = {1, 2000}}, in, &out).is_set);
    for (int64_t k = 0; k < 2000; k++) assert_int_equal(result[k], 3 * number(k, 5, 7) + 10);
    builder_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_of_every_dtype_and_layout_are_taken),
        cmocka_unit_test(the_first_index_out_of_bounds_is_told),
        cmocka_unit_test(a_fault_becomes_an_error_at_its_place),
        cmocka_unit_test(of_two_lookups_the_first_to_fail_is_told),
        cmocka_unit_test(places_are_found_in_sorted_tables_of_every_dtype),
        cmocka_unit_test(lines_go_through_points),
        cmocka_unit_test(polynomials_are_products_and_sums),
        cmocka_unit_test(random_numbers_are_those_of_numpy),
        cmocka_unit_test(a_random_number_depends_on_its_index_only),
        cmocka_unit_test(numbers_are_scaled_by_the_upper_half_of_a_product),
        cmocka_unit_test(a_program_has_keys_and_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
