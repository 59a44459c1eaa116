/* SPDX-License-Identifier: MIT */
/* Plans, run options, streams and concurrent use. */
#include "tests/runtime/fixture.h"

#include "tests/support/counting.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xmmintrin.h>

/* ---------------------------------------------------------------------------------------------------- plans -- */

static void runs_a_plan_many_times_on_other_data(void **state) {
    (void)state;
    double x[5] = {1, 2, 3, 4, 5}, y[5], odd_memory[6];
    double *odd = (double *)(void *)((char *)odd_memory + 1);
    nexpr_array a = array_of(NULL, F64, 1, DIMS(5), NULL), r = a;
    nexpr_error err = nexpr_error_init();
    nexpr *e = compile("a * a", F64, NONE, NONE);
    nexpr_plan *plan;
    assert_ok(nexpr_plan_new(e, NULL, (const nexpr_array *[]){&a}, (const nexpr_array *[]){&r}, NULL, &plan, &err), &err);
    nexpr_free(&e); /* the plan keeps what it needs */
    assert_null(e);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) x[i] += round;
        memcpy(odd, x, sizeof x);
        assert_ok(nexpr_plan_run(plan, (const void *[]){round == 1 ? odd : x}, (void *[]){y}, &err), &err);
        for (int i = 0; i < 5; i++) assert_true(y[i] == x[i] * x[i]);
    }
    assert_ok(nexpr_plan_run(plan, (const void *[]){x}, (void *[]){x}, &err), &err);
    assert_true(x[0] == y[0]);
    assert_int_equal(nexpr_plan_run(plan, (const void *[]){NULL}, (void *[]){y}, &err), NEXPR_ARGUMENT);
    nexpr_plan_free(&plan);
    assert_null(plan);
    nexpr_plan_free(&plan);
}

/* A plan of one or two results, runs on addresses of all kinds, one after another, in both directions. */
enum { SHORT_ITEMS = 20, POOL_BYTES = 1024 };
typedef struct places {
    int a, b, r, s; /* bytes from the beginning of the pool; -1: NULL */
    nexpr_status one, two; /* what a plan of one result says, and of two */
} places;

static void run_at(nexpr_plan *plan, const places *at, int results) {
    static char pool[POOL_BYTES] __attribute__((aligned(64))), before[POOL_BYTES];
    nexpr_error err = nexpr_error_init();
    const nexpr_status expected = results == 1 ? at->one : at->two;
    for (int i = 0; i < POOL_BYTES; i++) pool[i] = i % 8 == 7 ? 0x3f : (char)(i * 37); /* no NaN, wherever one begins */
    memcpy(before, pool, sizeof pool);
    const void *in[] = {at->a < 0 ? NULL : pool + at->a, at->b < 0 ? NULL : pool + at->b};
    void *out[] = {at->r < 0 ? NULL : pool + at->r, pool + at->s};
    assert_int_equal(nexpr_plan_run(plan, in, out, &err), expected);
    for (int k = 0; k < results && !expected; k++) {
        for (size_t i = 0; i < SHORT_ITEMS; i++) {
            double a, b, r;
            memcpy(&a, before + at->a + i * sizeof a, sizeof a);
            memcpy(&b, before + at->b + i * sizeof b, sizeof b);
            memcpy(&r, pool + (k ? at->s : at->r) + i * sizeof r, sizeof r);
            assert_true(r == (k ? a - b : a + b));
        }
    }
}

static void addresses_may_change_from_run_to_run(void **state) {
    (void)state;
    static const places table[] = {
        {0, 192, 384, 640, 0, 0},
        {0, 0, 384, 640, 0, 0},
        {3, 192, 384, 640, 0, 0},                                   /* not aligned */
        {0, 192, 388, 640, 0, 0},
        {0, 192, 0, 640, 0, 0},                                     /* in place */
        {0, 192, 192, 0, 0, 0},                                     /* each on the other */
        {0, 192, 8, 640, 0, 0},                                     /* not quite in place */
        {64, 192, 100, 640, 0, 0},
        {-1, 192, 384, 640, NEXPR_ARGUMENT, NEXPR_ARGUMENT},
        {0, 192, -1, 640, NEXPR_ARGUMENT, NEXPR_ARGUMENT},
        {0, 192, 384, 392, 0, NEXPR_OVERLAP},                       /* one result on the other */
    };
    nexpr_error err = nexpr_error_init();
    const nexpr_array x = array_of(NULL, F64, 1, DIMS(SHORT_ITEMS), NULL);
    for (int results = 1; results <= 2; results++) {
        nexpr *e = compile(results == 1 ? "a + b" : "a + b, a - b", F64, F64, NONE);
        for (int backend = NEXPR_BACKEND_AUTO; backend <= NEXPR_BACKEND_JIT; backend++) {
            nexpr_run_options run = nexpr_run_options_init();
            nexpr_plan *plan;
            run.backend = (nexpr_backend)backend;
            assert_ok(nexpr_plan_new(e, NULL, (const nexpr_array *[]){&x, &x}, (const nexpr_array *[]){&x, &x}, &run, &plan,
                                     &err), &err);
            for (int i = 0; i < LENGTH(table) * LENGTH(table); i++) {
                run_at(plan, &table[i % LENGTH(table)], results);
                run_at(plan, &table[i / LENGTH(table)], results);
            }
            nexpr_plan_free(&plan);
        }
        nexpr_free(&e);
    }
}

/* Which of the two runs is settled by the first run, unless it is to be found out. Nothing is kept on disk, where the thread
 * that compiles would still look through the folder, in memory, while the other runs are made. */
static void runs_allocate_nothing_with(nexpr_backend backend) {
    enum { N = 100000 };
    static double x[N], y[N];
    counting count = {0};
    nexpr_allocator allocator = counting_allocator(&count);
    nexpr_context_options options = nexpr_context_options_init();
    options.allocator = &allocator;
    options.threads = 1;
    options.run_backend = backend;
    nexpr_context *context;
    nexpr_error err = nexpr_error_init();
    nexpr_array a = array_of(NULL, F64, 1, DIMS(N), NULL);
    nexpr *e = compile("sin(a) * 2 + a", F64, NONE, NONE);
    nexpr_plan *plan;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    assert_ok(nexpr_plan_new(e, context, (const nexpr_array *[]){&a}, (const nexpr_array *[]){&a}, NULL, &plan, &err), &err);
    assert_ok(nexpr_plan_run(plan, (const void *[]){x}, (void *[]){y}, &err), &err);
    size_t calls = count.calls;
    for (int i = 0; i < 10; i++) assert_ok(nexpr_plan_run(plan, (const void *[]){x}, (void *[]){y}, &err), &err);
    assert_int_equal(count.calls, calls);
    nexpr_plan_free(&plan);
    nexpr_free(&e);
    nexpr_context_free(&context);
    assert_int_equal(count.live, 0);
}

static void a_prepared_run_allocates_nothing(void **state) {
    (void)state;
    runs_allocate_nothing_with(NEXPR_BACKEND_VM);
    runs_allocate_nothing_with(NEXPR_BACKEND_JIT);
}

/* ------------------------------------------------------------------------------------------- plans that are kept -- */

/* One evaluation of 2 * a - b into r; a and b count up, b by halves. */
typedef struct evaluation {
    int64_t n;
    int step_a, step_r; /* items; a negative one of a begins at the end */
    int threads;
    bool is_32;         /* r is float32 */
    nexpr_status status;
    int factor; /* of a, if not 2 */
} evaluation;

/* Options of an old header end with the backend, and what is behind that is anything. */
static void evaluate_one(nexpr_context *context, const nexpr *e, const evaluation *v, bool is_old) {
    enum { MOST = 64 };
    double a[2 * MOST], b[MOST], r[2 * MOST];
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = nexpr_run_options_init();
    const int cancel = v->status == NEXPR_CANCELLED;
    const double expected = (v->factor ? v->factor : 2) - 0.5;
    const int64_t stride_a = v->step_a * 8, stride_r = v->step_r * (v->is_32 ? 4 : 8);
    const int64_t others = v->n + (v->status == NEXPR_SHAPE);
    double *first = v->step_a < 0 ? a + (v->n - 1) * -v->step_a : a;
    const nexpr_array x = array_of(first, F64, 1, &v->n, v->step_a == 1 ? NULL : &stride_a);
    const nexpr_array y = array_of(b, F64, 1, &others, NULL);
    nexpr_array to = array_of(r, v->is_32 ? F32 : F64, 1, &v->n, v->step_r == 1 ? NULL : &stride_r);
    run.threads = v->threads;
    run.cancel = cancel ? &cancel : NULL;
    if (is_old) {
        run.size = offsetof(nexpr_run_options, backend) + sizeof run.backend;
        memset((char *)&run + run.size, 0xA5, sizeof run - run.size);
    }
    for (int64_t i = 0; i < v->n; i++) first[i * v->step_a] = (double)i, b[i] = 0.5 * (double)i;
    const nexpr_array *const inputs[] = {&x, &y};
    const nexpr_status status = nexpr_evaluate(e, context, inputs, (nexpr_array *[]){&to}, &run, &err);
    assert_int_equal(status, v->status);
    for (int64_t i = 0; i < v->n && !status; i++) {
        const double got = v->is_32 ? ((const float *)(const void *)r)[i * v->step_r] : r[i * v->step_r];
        assert_true(got == expected * (double)i);
    }
}

static void plans_are_kept_where_they_fit(const char *text, bool is_old) {
    static const evaluation table[] = {
        {10, 1, 1, 0, false, 0}, {11, 1, 1, 0, false, 0}, {10, 2, 1, 0, false, 0}, {10, -1, 1, 0, false, 0},
        {10, 1, 2, 0, false, 0}, {10, 1, 1, 1, false, 0}, {10, 1, 1, 0, true, 0}, {10, 1, 1, 0, false, NEXPR_SHAPE},
        {10, 1, 1, 0, false, NEXPR_CANCELLED},
    };
    counting count = {0};
    nexpr_allocator allocator = counting_allocator(&count);
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *context;
    nexpr *e = compile(text, F64, F64, NONE);
    options.allocator = &allocator;
    options.run_backend = NEXPR_BACKEND_VM;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    for (int i = 0; i < LENGTH(table) * LENGTH(table); i++) {
        evaluate_one(context, e, &table[i % LENGTH(table)], is_old);
        evaluate_one(context, e, &table[i / LENGTH(table)], is_old);
    }
    evaluate_one(context, e, &table[0], is_old);
    const size_t calls = count.calls;
    for (int i = 0; i < 10; i++) evaluate_one(context, e, &table[0], is_old);
    assert_int_equal(count.calls, calls);
    nexpr_free(&e); /* plans may keep it */
    nexpr_context_free(&context);
    assert_int_equal(count.live, 0);
}

static void plans_of_evaluations_are_kept_where_they_fit(void **state) {
    (void)state;
    plans_are_kept_where_they_fit("2 * a - b", false);
    plans_are_kept_where_they_fit("2 * a - b", true);
    plans_are_kept_where_they_fit("2 * a - b + min(b)", false); /* which is 0 */
}

/* One evaluation of a[::-1] + sum(a) of a matrix in C or Fortran order, to a new array or one in the other order. */
static void evaluate_matrix(nexpr_context *context, const nexpr *e, int64_t rows, bool is_fortran, bool is_new) {
    enum { COLUMNS = 3, MOST = 8 };
    double a[MOST * COLUMNS], r[MOST * COLUMNS], total = 0;
    nexpr_error err = nexpr_error_init();
    const int64_t shape[] = {rows, COLUMNS}, orders[2][2] = {{8 * COLUMNS, 8}, {8, 8 * rows}};
    const int64_t *strides = orders[is_fortran];
    for (int i = 0; i < rows * COLUMNS; i++) total += a[i] = i * i;
    const nexpr_array x = array_of(a, F64, 2, shape, strides);
    nexpr_array to = is_new ? nexpr_array_init() : array_of(r, F64, 2, shape, orders[!is_fortran]);
    assert_ok(nexpr_evaluate(e, context, (const nexpr_array *[]){&x}, (nexpr_array *[]){&to}, NULL, &err), &err);
    assert_int_equal(to.ndim, 2);
    assert_memory_equal(to.shape, shape, sizeof shape);
    assert_memory_equal(to.strides, orders[is_new ? is_fortran : !is_fortran], sizeof shape);
    for (int64_t i = 0; i < rows * COLUMNS; i++) {
        const int64_t row = i / COLUMNS, column = i % COLUMNS;
        const char *from = (const char *)a + (rows - 1 - row) * strides[0] + column * strides[1];
        const char *at = (const char *)to.data + row * to.strides[0] + column * to.strides[1];
        assert_true(*(const double *)(const void *)at == *(const double *)(const void *)from + total);
    }
    nexpr_array_free(&to);
}

static void new_outputs_lie_like_the_inputs_whatever_is_kept(void **state) {
    (void)state;
    enum { KINDS = 8 };
    nexpr *e = compile("a[::-1] + sum(a)", F64, NONE, NONE);
    for (int i = 0; i < KINDS * KINDS; i++) {
        const int both[] = {i % KINDS, i / KINDS, i % KINDS};
        for (int k = 0; k < 3; k++) evaluate_matrix(NULL, e, 4 + (both[k] >> 2), both[k] & 1, both[k] & 2);
    }
    nexpr_free(&e);
}

/* What passes hand to later ones is not kept where there is much of it. */
static void plans_with_much_memory_are_not_kept(void **state) {
    (void)state;
    enum { ITEMS = 1 << 18, MOST_BYTES = 1 << 20 };
    static double a[ITEMS];
    counting count = {0};
    nexpr_allocator allocator = counting_allocator(&count);
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *context;
    nexpr *e = compile("sum(cumsum(a)[::2])", F64, NONE, NONE);
    const nexpr_array x = array_of(a, F64, 1, DIMS(ITEMS), NULL);
    double r;
    nexpr_array to = array_of(&r, F64, 0, NULL, NULL);
    options.allocator = &allocator;
    options.cached_bytes = SIZE_MAX;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    assert_ok(nexpr_evaluate(e, context, (const nexpr_array *[]){&x}, (nexpr_array *[]){&to}, NULL, &err), &err);
    assert_true(count.live < MOST_BYTES);
    nexpr_free(&e);
    nexpr_context_free(&context);
    assert_int_equal(count.live, 0);
}

/* More than there is room for. */
static void plans_of_expressions_are_told_apart(void **state) {
    (void)state;
    enum { EXPRESSIONS = 40, ROUNDS = 3 };
    nexpr *e[EXPRESSIONS];
    for (int k = 0; k < EXPRESSIONS; k++) {
        char text[32];
        snprintf(text, sizeof text, "%d * a - b", k + 1);
        e[k] = compile(text, F64, F64, NONE);
    }
    for (int i = 0; i < ROUNDS * EXPRESSIONS; i++) {
        evaluate_one(NULL, e[i % EXPRESSIONS], &(evaluation){10, 1, 1, 0, false, NEXPR_OK, i % EXPRESSIONS + 1}, false);
    }
    for (int k = 0; k < EXPRESSIONS; k++) nexpr_free(&e[k]);
}

/* An expression made with an allocator that is gone when the context is freed. */
static void plans_keep_no_expression_of_another_allocator(void **state) {
    (void)state;
    static const evaluation plain = {10, 1, 1, 0, false, 0};
    counting count = {0};
    nexpr_allocator allocator = counting_allocator(&count);
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *maker, *context;
    nexpr_program *program;
    nexpr *e;
    const nexpr_input a = nexpr_input_init("a", F64, -1), b = nexpr_input_init("b", F64, -1);
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    options.allocator = &allocator;
    assert_ok(nexpr_context_new(&options, &maker, &err), &err);
    assert_ok(nexpr_parse(maker, "2 * a - b", SIZE_MAX, NULL, &program, &err), &err);
    assert_ok(nexpr_compile(maker, program, (const nexpr_input *[]){&a, &b}, 2, NULL, NULL, &e, &err), &err);
    nexpr_program_free(&program);
    for (int i = 0; i < 3; i++) evaluate_one(context, e, &plain, false);
    nexpr_free(&e);
    nexpr_context_free(&maker);
    assert_int_equal(count.live, 0);
    nexpr_context_free(&context);
}

/* ------------------------------------------------------------------------------------------------- run options -- */

static void any_block_size_and_thread_count_gives_the_same_bits(void **state) {
    (void)state;
    enum { N = 40001 };
    static double x[N], y[N], want[N], out[N];
    static const int blocks[] = {1, 7, 64, 333, 4096, 100000};
    for (int i = 0; i < N; i++) {
        x[i] = 0.001 * i - 7;
        y[i] = cos(i);
    }
    nexpr_array a = array_of(x, F64, 1, DIMS(N), NULL), b = array_of(y + N - 1, F64, 1, DIMS(N), DIMS(-8));
    nexpr_array first = array_of(want, F64, 1, DIMS(N), NULL), r = array_of(out, F64, 1, DIMS(N), NULL);
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_context *context;
    options.threads = 8;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    nexpr *e = compile("exp(sin(a)) - b**3 * arctan2(a, b)", F64, F64, NONE);
    const nexpr_array *inputs[] = {&a, &b};
    assert_ok(nexpr_evaluate(e, context, inputs, (nexpr_array *[]){&first}, NULL, &err), &err);
    for (int threads = 1; threads <= 8; threads++) {
        for (int k = 0; k < LENGTH(blocks); k++) {
            nexpr_run_options run = nexpr_run_options_init();
            run.threads = threads;
            run.block_items = blocks[k];
            memset(out, 0, sizeof out);
            assert_ok(nexpr_evaluate(e, context, inputs, (nexpr_array *[]){&r}, &run, &err), &err);
            assert_memory_equal(out, want, sizeof out);
        }
    }
    nexpr_free(&e);
    nexpr_context_free(&context);
}

typedef struct progress_record {
    int64_t last, total;
    int calls;
    int *cancel; /* set to 1 at half of the work; may be NULL */
} progress_record;

static void note_progress(void *user, int64_t done, int64_t total) {
    progress_record *record = user;
    assert_true(done >= record->last && done <= total);
    record->last = done;
    record->total = total;
    record->calls++;
    if (record->cancel && done > total / 2) __atomic_store_n(record->cancel, 1, __ATOMIC_RELAXED);
}

static void reports_progress_and_is_cancelled(void **state) {
    (void)state;
    enum { N = 2000000 };
    double *x = calloc(N, sizeof *x), *y = calloc(N, sizeof *y);
    int cancel = 0;
    progress_record record = {0};
    nexpr_run_options run = nexpr_run_options_init();
    nexpr_array a = array_of(x, F64, 1, DIMS(N), NULL), r = array_of(y, F64, 1, DIMS(N), NULL);
    nexpr_error err = nexpr_error_init();
    nexpr *e = compile("a + 1", F64, NONE, NONE);
    run.progress = note_progress;
    run.progress_user = &record;
    run.cancel = &cancel;
    assert_ok(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a}, (nexpr_array *[]){&r}, &run, &err), &err);
    assert_true(record.calls > 1);
    assert_true(record.last == N && record.total == N);
    record = (progress_record){.cancel = &cancel};
    assert_int_equal(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a}, (nexpr_array *[]){&r}, &run, &err),
                     NEXPR_CANCELLED);
    assert_int_equal(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a}, (nexpr_array *[]){&r}, &run, &err),
                     NEXPR_CANCELLED);
    nexpr_free(&e);
    free(x);
    free(y);
}

static void *cancel_soon(void *flag) {
    usleep(20000);
    __atomic_store_n((int *)flag, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* Of an array that is one element, repeated so often that no task of it would end in time. */
static void a_long_reduction_is_cancelled_within_a_task(void **state) {
    (void)state;
    static const char *const texts[] = {"sum(a)", "max(a*2, axis=0)", "argmax(a)"};
    double one = 1, results[2];
    for (int i = 0; i < LENGTH(texts); i++) {
        nexpr *expr = compile(texts[i], F64, NONE, NONE);
        nexpr_error err = nexpr_error_init();
        nexpr_run_options run = nexpr_run_options_init();
        nexpr_array a = array_of(&one, F64, 2, DIMS((int64_t)1 << 46, 2), DIMS(0, 0));
        nexpr_array out = array_of(results, nexpr_result_dtype(expr, 0), i == 1, DIMS(2), NULL), *outputs[1] = {&out};
        const nexpr_array *inputs[1] = {&a};
        int cancel = 0;
        pthread_t thread;
        run.cancel = &cancel;
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
        assert_int_equal(nexpr_evaluate(expr, NULL, inputs, outputs, &run, &err), NEXPR_CANCELLED);
        pthread_join(thread, NULL);
        nexpr_free(&expr);
    }
}

static void refuses_structs_without_their_size(void **state) {
    (void)state;
    double x = 1;
    nexpr_array a = array_of(&x, F64, 0, NULL, NULL), r = nexpr_array_init();
    nexpr_run_options run = {0};
    nexpr_error err = nexpr_error_init();
    nexpr *e = compile("a", F64, NONE, NONE);
    assert_int_equal(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a}, (nexpr_array *[]){&r}, &run, &err),
                     NEXPR_ARGUMENT);
    run = nexpr_run_options_init();
    run.threads = -1;
    assert_int_equal(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a}, (nexpr_array *[]){&r}, &run, &err),
                     NEXPR_ARGUMENT);
    nexpr_free(&e);
}

/* A host that rounds upward and flushes subnormals gets the same bits, and its own environment back. */
static void the_hosts_floating_point_environment_does_not_matter(void **state) {
    (void)state;
    enum { UPWARD_AND_FLUSHING = 0x1F80 | 0x4000 | 0x8000 | 0x0040 };
    double x[3] = {1, 3, 0x1p-1060}, want[3], out[3];
    nexpr_array a = array_of(x, F64, 1, DIMS(3), NULL), r = array_of(want, F64, 1, DIMS(3), NULL), *outputs[] = {&r};
    const nexpr_array *inputs[] = {&a};
    nexpr_error err = nexpr_error_init();
    static const char *const text = "a/3 + 0.1 * sin(1.0/3) * a";
    assert_ok(nexpr_evaluate_text(NULL, text, (const char *[]){"a"}, inputs, 1, outputs, 1, NULL, NULL, &err), &err);
    r.data = out;
    unsigned saved = _mm_getcsr();
    _mm_setcsr(UPWARD_AND_FLUSHING);
    nexpr_status status = nexpr_evaluate_text(NULL, "  a/3 + 0.1 * sin(1.0/3) * a", (const char *[]){"a"}, inputs, 1,
                                              outputs, 1, NULL, NULL, &err);
    unsigned after = _mm_getcsr();
    _mm_setcsr(saved);
    assert_ok(status, &err);
    assert_int_equal(after, UPWARD_AND_FLUSHING);
    assert_memory_equal(out, want, sizeof out);
}

/* -------------------------------------------------------------------------------------------------- streams -- */

typedef struct flat {
    char *data;
    size_t item;
    int64_t next; /* calls come in order */
    int64_t fail_at;
} flat;

static nexpr_status read_flat(void *user, int64_t first, int64_t count, void *data, nexpr_error *err) {
    flat *f = user;
    assert_int_equal(first, f->next);
    f->next = first + count;
    if (f->fail_at && f->next > f->fail_at) {
        snprintf(err->message, sizeof err->message, "the disk is on fire");
        return err->status = NEXPR_IO;
    }
    memcpy(data, f->data + (size_t)first * f->item, (size_t)count * f->item);
    return NEXPR_OK;
}

static nexpr_status write_flat(void *user, int64_t first, int64_t count, const void *data, nexpr_error *err) {
    flat *f = user;
    (void)err;
    assert_int_equal(first, f->next);
    f->next = first + count;
    memcpy(f->data + (size_t)first * f->item, data, (size_t)count * f->item);
    return f->fail_at && f->next > f->fail_at ? NEXPR_CALLBACK : NEXPR_OK;
}

enum { D0 = 5, D1 = 7, D2 = 11, ALL = D0 * D1 * D2 };

typedef struct stream_case {
    double x[ALL], row[D2], column[D1], want[ALL], out[ALL];
    nexpr_array a, b, c;
    flat source, sink;
    nexpr_source read;
    nexpr_sink write;
    nexpr *e;
} stream_case;

static void set_up_stream(stream_case *s) {
    static const int64_t full[] = {D0, D1, D2}, column[] = {D1, 1}, row[] = {D2}, backward[] = {-8};
    for (int i = 0; i < ALL; i++) s->x[i] = i;
    for (int i = 0; i < D2; i++) s->row[i] = 1000 * i;
    for (int i = 0; i < D1; i++) s->column[i] = 0.125 * i;
    for (int i = 0; i < ALL; i++) s->want[i] = s->x[i] + s->row[D2 - 1 - i % D2] * s->column[i / D2 % D1];
    s->a = array_of(NULL, F64, 3, full, NULL);
    s->b = array_of(s->row + D2 - 1, F64, 1, row, backward);
    s->c = array_of(s->column, F64, 2, column, NULL);
    s->source = (flat){(char *)s->x, sizeof(double), 0, 0};
    s->sink = (flat){(char *)s->out, sizeof(double), 0, 0};
    s->read = nexpr_source_init();
    s->read.read = read_flat;
    s->read.user = &s->source;
    s->write = nexpr_sink_init();
    s->write.write = write_flat;
    s->write.user = &s->sink;
    s->e = compile("a + b*c", F64, F64, F64);
}

static nexpr_status run_stream(stream_case *s, size_t chunk_bytes, nexpr_error *err) {
    nexpr_run_options run = nexpr_run_options_init();
    run.chunk_bytes = chunk_bytes;
    s->source.next = s->sink.next = 0;
    return nexpr_stream(s->e, NULL, (const nexpr_array *[]){&s->a, &s->b, &s->c},
                        (const nexpr_source *[]){&s->read, NULL, NULL}, (const nexpr_sink *[]){&s->write}, &run, err);
}

static void streams_in_chunks_of_any_size_with_broadcast_arrays(void **state) {
    (void)state;
    static stream_case s;
    nexpr_error err = nexpr_error_init();
    set_up_stream(&s);
    for (size_t items = 1; items <= ALL + 3; items += items < 90 ? 1 : 37) {
        memset(s.out, 0, sizeof s.out);
        assert_ok(run_stream(&s, items * 16, &err), &err);
        assert_int_equal(s.sink.next, ALL);
        assert_memory_equal(s.out, s.want, sizeof s.out);
    }
    nexpr_free(&s.e);
}

static void hands_on_the_failures_of_callbacks(void **state) {
    (void)state;
    static stream_case s;
    nexpr_error err = nexpr_error_init();
    set_up_stream(&s);
    s.source.fail_at = 100;
    assert_int_equal(run_stream(&s, 16 * 50, &err), NEXPR_IO);
    assert_string_equal(err.message, "the disk is on fire");
    s.source.fail_at = 0;
    s.sink.fail_at = 200;
    assert_int_equal(run_stream(&s, 16 * 50, &err), NEXPR_CALLBACK);
    assert_string_equal(err.message, "sink 0 failed at element 200");
    s.sink.fail_at = 0;
    s.a.shape = DIMS(D0, D1, 1);
    assert_int_equal(run_stream(&s, 0, &err), NEXPR_SHAPE);
    s.a.shape = DIMS(0, D1, D2);
    assert_ok(run_stream(&s, 0, &err), &err);
    assert_int_equal(s.sink.next, 0);
    nexpr_free(&s.e);
}

/* ---------------------------------------------------------------------------------------------- concurrency -- */

typedef struct shared_work {
    const nexpr *e;
    nexpr_context *context;
} shared_work;

enum { SHARED_N = 60000 };

static void *evaluate_shared(void *user) {
    const shared_work *work = user;
    double *x = malloc(SHARED_N * sizeof *x);
    nexpr_array a = array_of(x, F64, 1, DIMS(SHARED_N), NULL);
    intptr_t bad = 0;
    for (int i = 0; i < SHARED_N; i++) x[i] = i;
    for (int round = 0; round < 10; round++) {
        nexpr_array r = nexpr_array_init(), *out = &r;
        const nexpr_array *in = &a;
        nexpr_status status = round % 2
            ? nexpr_evaluate(work->e, work->context, &in, &out, NULL, NULL)
            : nexpr_evaluate_text(work->context, "sqrt(a*a) + 1", (const char *[]){"a"}, &in, 1, &out, 1, NULL, NULL, NULL);
        for (int i = 0; !status && i < SHARED_N; i++) bad += ((double *)r.data)[i] != i + 1;
        bad += status != NEXPR_OK;
        nexpr_array_free(&r);
    }
    free(x);
    return (void *)bad;
}

static void one_expression_serves_many_threads(void **state) {
    (void)state;
    pthread_t threads[6];
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    shared_work work = {.e = compile("exp(log(sqrt(a*a) + 1)) * 0 + sqrt(a*a) + 1", F64, NONE, NONE)};
    options.threads = 3;
    assert_ok(nexpr_context_new(&options, &work.context, &err), &err);
    for (int i = 0; i < LENGTH(threads); i++) assert_int_equal(pthread_create(&threads[i], NULL, evaluate_shared, &work), 0);
    for (int i = 0; i < LENGTH(threads); i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    nexpr_context_free(&work.context);
    nexpr *e = (nexpr *)work.e;
    nexpr_free(&e);
}

static int evaluates_right(void) {
    static double x[SHARED_N];
    nexpr_array a = array_of(x, F64, 1, DIMS(SHARED_N), NULL), r = nexpr_array_init(), *out = &r;
    const nexpr_array *in = &a;
    int bad =
        nexpr_evaluate_text(NULL, "exp(a) + sin(a)", (const char *[]){"a"}, &in, 1, &out, 1, NULL, NULL, NULL) != NEXPR_OK;
    for (int i = 0; !bad && i < SHARED_N; i++) bad = ((double *)r.data)[i] != 1;
    nexpr_array_free(&r);
    return !bad;
}

static void a_forked_child_evaluates_and_so_does_its_parent(void **state) {
    (void)state;
    assert_true(evaluates_right());
    for (int i = 0; i < 10; i++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (!child) _exit(evaluates_right() && evaluates_right() ? 0 : 1);
        assert_true(evaluates_right());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void arrays_and_expressions_outlive_their_context(void **state) {
    (void)state;
    double x[2] = {1, 2};
    nexpr_array a = array_of(x, F64, 1, DIMS(2), NULL), r = nexpr_array_init(), *out = &r;
    const nexpr_array *in = &a;
    nexpr_context *context;
    nexpr_error err = nexpr_error_init();
    assert_ok(nexpr_context_new(NULL, &context, &err), &err);
    assert_ok(nexpr_evaluate_text(context, "a+1", (const char *[]){"a"}, &in, 1, &out, 1, NULL, NULL, &err), &err);
    nexpr_context_free(&context);
    assert_null(context);
    assert_true(((double *)r.data)[1] == 3);
    nexpr_array_free(&r);
    nexpr_context_free_default();
    nexpr_context_free_default();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_a_plan_many_times_on_other_data),
        cmocka_unit_test(addresses_may_change_from_run_to_run),
        cmocka_unit_test(a_prepared_run_allocates_nothing),
        cmocka_unit_test(plans_of_evaluations_are_kept_where_they_fit),
        cmocka_unit_test(new_outputs_lie_like_the_inputs_whatever_is_kept),
        cmocka_unit_test(plans_with_much_memory_are_not_kept),
        cmocka_unit_test(plans_of_expressions_are_told_apart),
        cmocka_unit_test(plans_keep_no_expression_of_another_allocator),
        cmocka_unit_test(any_block_size_and_thread_count_gives_the_same_bits),
        cmocka_unit_test(reports_progress_and_is_cancelled),
        cmocka_unit_test(a_long_reduction_is_cancelled_within_a_task),
        cmocka_unit_test(refuses_structs_without_their_size),
        cmocka_unit_test(the_hosts_floating_point_environment_does_not_matter),
        cmocka_unit_test(streams_in_chunks_of_any_size_with_broadcast_arrays),
        cmocka_unit_test(hands_on_the_failures_of_callbacks),
        cmocka_unit_test(one_expression_serves_many_threads),
        cmocka_unit_test(a_forked_child_evaluates_and_so_does_its_parent),
        cmocka_unit_test(arrays_and_expressions_outlive_their_context),
    };
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* nothing is kept, and nothing found */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
