/* SPDX-License-Identifier: MIT */
/* Profiles: what they count is exact, what they measure adds up to what a clock around it says. */
#include "tests/runtime/fixture.h"
#include "tests/support/failing_allocator.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

/* Under sanitizers what is measured takes longer than what it is compared with. */
#ifdef SANITIZED
enum { HAS_TIMES = false };
#else
enum { HAS_TIMES = true };
#endif

enum { N = 300000 };
static double x[N], y[N], z[N];

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static nexpr_profile *new_profile(void) {
    nexpr_profile *p = NULL;
    nexpr_error err = nexpr_error_init();
    assert_ok(nexpr_profile_new(NULL, NULL, NULL, &p, &err), &err);
    return p;
}

static nexpr_stats stats_of(const nexpr_profile *p) {
    nexpr_stats s = nexpr_stats_init();
    assert_int_equal(nexpr_profile_stats(p, &s), NEXPR_OK);
    return s;
}

static nexpr_nest_stats nest_of(const nexpr_profile *p, int i) {
    nexpr_nest_stats n = nexpr_nest_stats_init();
    assert_int_equal(nexpr_profile_nest(p, i, &n), NEXPR_OK);
    return n;
}

static nexpr_op_stats op_of(const nexpr_profile *p, int i, int k) {
    nexpr_op_stats o = nexpr_op_stats_init();
    assert_int_equal(nexpr_profile_op(p, i, k, &o), NEXPR_OK);
    return o;
}

/* Evaluates text on the first n elements of x and y, so many times with one plan; returns the seconds of the runs. */
static double run_text(const char *text, int64_t n, int times, int threads, nexpr_backend backend, nexpr_profile *p) {
    nexpr_error err = nexpr_error_init();
    nexpr_array a = array_of(x, F64, 1, DIMS(n), NULL), b = array_of(y, F64, 1, DIMS(n), NULL), r;
    const nexpr_array *in[] = {&a, &b}, *out[] = {&r};
    nexpr_run_options run = nexpr_run_options_init();
    nexpr *e = compile(text, F64, F64, NONE);
    int64_t shape[NEXPR_MAX_NDIM];
    nexpr_plan *plan;
    r = array_of(NULL, nexpr_result_dtype(e, 0), 0, shape, NULL);
    assert_ok(nexpr_result_shape(e, in, 0, &r.ndim, shape, &err), &err);
    run.threads = threads;
    run.backend = backend;
    run.profile = p;
    assert_ok(nexpr_plan_new(e, NULL, in, out, &run, &plan, &err), &err);
    const double begin = seconds_now();
    for (int i = 0; i < times; i++) {
        assert_ok(nexpr_plan_run(plan, (const void *[]){x, y}, (void *[]){z}, &err), &err);
    }
    const double seconds = seconds_now() - begin;
    nexpr_plan_free(&plan);
    nexpr_free(&e);
    return seconds;
}

static bool has_op(const nexpr_profile *p, const char *text, const char *name, const char *place, nexpr_op_stats *ret) {
    for (int i = 0; i < stats_of(p).nest_count; i++) {
        for (int k = 0; k < nest_of(p, i).op_count; k++) {
            *ret = op_of(p, i, k);
            if (strcmp(ret->name, name) || ret->end - ret->begin != strlen(place)) continue;
            if (!strncmp(text + ret->begin, place, strlen(place))) return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------------------------------------------------- counts -- */

static void operations_have_their_places_dtypes_and_elements(void **state) {
    static const char text[] = "where(a > b, sin(a)*2 + b, float32(b)) % 3";
    nexpr_profile *p = new_profile();
    nexpr_op_stats o;
    (void)state;
    run_text(text, 10000, 3, 1, NEXPR_BACKEND_VM, p);
    const nexpr_nest_stats n = nest_of(p, 0);
    assert_int_equal(stats_of(p).runs, 3);
    assert_int_equal(stats_of(p).nest_count, 1);
    assert_string_equal(n.kind, "elementwise");
    assert_int_equal(n.runs, 3);
    assert_int_equal(n.elements, 30000);
    assert_int_equal(n.threads, 1);
    assert_true(n.vm_tasks >= 3 && n.compiled_tasks == 0 && n.segments == 0 && n.block_items > 0 && n.registers > 0);
    assert_string_equal(n.why, "the backend is vm");
    assert_true(n.bytes_per_element == 24 && n.operations_per_element == 6 && !n.is_uncached);
    assert_int_equal(n.begin, 0);
    assert_int_equal(n.end, strlen(text));
    assert_true(has_op(p, text, "sin", "sin(a)", &o));
    assert_true(o.dtype == F64 && o.elements == 30000 && o.operations == 1 && o.bytes_per_element == 16 && !o.is_compiled);
    assert_true(has_op(p, text, "multiply_add", "sin(a)*2 + b", &o) && o.operations == 2);
    assert_true(has_op(p, text, "float32", "float32(b)", &o) && o.operations == 0 && o.dtype == F32);
    assert_true(has_op(p, text, "remainder", text, &o));
    nexpr_profile_free(&p);
    assert_null(p);
}

static void every_pass_is_a_nest(void **state) {
    static const char text[] = "cumsum(a)/max(a[::2]) - mean(a*b)";
    nexpr_profile *p = new_profile();
    nexpr_op_stats o;
    int reducing = 0, running = 0, elementwise = 0;
    (void)state;
    run_text(text, 50000, 2, 1, NEXPR_BACKEND_VM, p);
    for (int i = 0; i < stats_of(p).nest_count; i++) {
        const char *kind = nest_of(p, i).kind;
        reducing += !strcmp(kind, "reducing");
        running += !strcmp(kind, "running");
        elementwise += !strcmp(kind, "elementwise");
    }
    assert_true(reducing == 2 && running == 1 && elementwise == 1);
    assert_true(has_op(p, text, "sum", "cumsum(a)", &o) && o.elements == 100000);
    assert_true(has_op(p, text, "max", "max(a[::2])", &o) && o.elements == 50000);
    assert_true(has_op(p, text, "load", "a[::2]", &o) && o.elements == 50000);
    assert_true(has_op(p, text, "sum", "mean(a*b)", &o) && has_op(p, text, "multiply", "a*b", &o));
    nexpr_profile_free(&p);

    p = new_profile();
    run_text("sum(a)", 50000, 1, 1, NEXPR_BACKEND_VM, p);
    assert_int_equal(stats_of(p).nest_count, 1); /* what makes +0 of -0 is no other */
    nexpr_profile_free(&p);
}

static void masks_lookups_and_random_numbers_are_told_too(void **state) {
    static const char text[] = "searchsorted(a[:100], b) + (random(b, key=1) > 0.5)";
    static const char mask[] = "cumsum(a[a > 0.5])";
    nexpr_profile *p = new_profile();
    nexpr_op_stats o;
    nexpr_error err = nexpr_error_init();
    (void)state;
    run_text(text, 20000, 1, 1, NEXPR_BACKEND_VM, p);
    assert_true(has_op(p, text, "searchsorted_left", "searchsorted(a[:100], b)", &o) && o.elements == 20000);
    nexpr_profile_free(&p);

    p = new_profile();
    nexpr_array a = array_of(x, F64, 1, DIMS(20000), NULL), r = nexpr_array_init();
    nexpr_run_options run = nexpr_run_options_init();
    nexpr *e = compile(mask, F64, NONE, NONE);
    run.profile = p;
    assert_ok(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a}, (nexpr_array *[]){&r}, &run, &err), &err);
    bool compresses = false;
    for (int i = 0; i < stats_of(p).nest_count; i++) compresses |= !strcmp(nest_of(p, i).kind, "compressing");
    assert_true(compresses && has_op(p, mask, "compress", "a > 0.5", &o));
    nexpr_array_free(&r);
    nexpr_free(&e);
    nexpr_profile_free(&p);
}

static void indices_out_of_range_and_small_structs(void **state) {
    nexpr_profile *p = new_profile();
    nexpr_nest_stats n = nexpr_nest_stats_init();
    nexpr_op_stats o = nexpr_op_stats_init();
    struct {
        size_t size;
        int64_t runs, behind;
    } old = {.size = 2 * sizeof(int64_t), .behind = 77};
    (void)state;
    assert_int_equal(nexpr_profile_nest(p, 0, &n), NEXPR_ARGUMENT);
    run_text("a + b", 10, 1, 1, NEXPR_BACKEND_VM, p);
    assert_int_equal(nexpr_profile_nest(p, -1, &n), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_profile_nest(p, 1, &n), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_profile_op(p, 0, -1, &o), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_profile_op(p, 0, nest_of(p, 0).op_count, &o), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_profile_op(p, 1, 0, &o), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_profile_stats(p, (nexpr_stats *)(void *)&old), NEXPR_OK);
    assert_true(old.runs == 1 && old.behind == 77);
    nexpr_profile_add(p, NEXPR_PHASE_READ, 5);
    nexpr_profile_add(p, NEXPR_PHASE_WRITE, 7);
    assert_true(stats_of(p).read_ns == 5 && stats_of(p).write_ns == 7);
    nexpr_profile_add(p, NEXPR_PHASE_WALL, 123);
    assert_int_equal(stats_of(p).wall_ns, 123);
    nexpr_profile_free(&p);
}

static void empty_arrays_and_single_elements(void **state) {
    (void)state;
    for (int64_t n = 0; n < 3; n++) {
        for (int backend = NEXPR_BACKEND_VM; backend <= NEXPR_BACKEND_JIT; backend++) {
            nexpr_profile *p = new_profile();
            run_text("a*b + sin(a)", n, 5, 1, (nexpr_backend)backend, p);
            run_text("sum(a*b)", n, 5, 1, (nexpr_backend)backend, p);
            assert_int_equal(stats_of(p).runs, 10);
            double share = 0;
            for (int i = 0; i < stats_of(p).nest_count; i++) {
                for (int k = 0; k < nest_of(p, i).op_count; k++) share += op_of(p, i, k).share;
            }
            assert_true((stats_of(p).nest_count > 0) == (n > 0) && fabs(share - (n > 0)) < 1e-6);
            nexpr_profile_free(&p);
        }
    }
}

static void runs_without_a_sample_count_too(void **state) {
    nexpr_profile *p = new_profile();
    nexpr_op_stats o;
    (void)state;
    run_text("sin(a) + b", 100, 1000, 1, NEXPR_BACKEND_VM, p);
    assert_true(has_op(p, "sin(a) + b", "sin", "sin(a)", &o) && o.elements == 100000);
    assert_int_equal(nest_of(p, 0).elements, 100000);
    nexpr_profile_free(&p);
}

/* ----------------------------------------------------------------------------------------------------------- times -- */

static double sum_of_ops(const nexpr_profile *p, double *ret_share) {
    double ns = 0;
    *ret_share = 0;
    for (int i = 0; i < stats_of(p).nest_count; i++) {
        for (int k = 0; k < nest_of(p, i).op_count; k++) {
            ns += (double)op_of(p, i, k).ns;
            *ret_share += op_of(p, i, k).share;
        }
    }
    return ns * 1e-9;
}

/* On one thread. Another process may come between the two clocks, so that of some tries one has to do. */
static void shares_add_up_to_the_time_of_the_runs(void **state) {
    static const char *const texts[] = {"a*b + sin(a)*2", "sum(a*b + 1)", "cumsum(a*2)", "(a - mean(a))/std(a)", "a[::-2] + 1",
                                        "a.reshape(500, 600).T + b.reshape(600, 500)", "float32(a) + int16(b*10)",
                                        "max(a.reshape(30000, 10)*2, axis=1)", "a.reshape(30000, 10) - mean(a)", "random(a, key=1)",
                                        "searchsorted(a[:1000], b)", "any(a*b > 1e9)", "argmin(a + b)"};
    (void)state;
    if (!HAS_TIMES) skip();
    for (int backend = NEXPR_BACKEND_VM; backend <= NEXPR_BACKEND_JIT; backend++) {
        for (int t = 0; t < LENGTH(texts); t++) {
            double ratio = 0, share = 0;
            for (int tries = 0; tries < 10 && fabs(ratio - 1) > 0.05; tries++) {
                nexpr_profile *p = new_profile();
                const double seconds = run_text(texts[t], N, 5, 1, (nexpr_backend)backend, p);
                const double code = 1e-9 * (double)stats_of(p).code_ns;
                ratio = sum_of_ops(p, &share) / (seconds - code);
                nexpr_profile_free(&p);
            }
            assert_true(fabs(share - 1) < 1e-6);
            if (fabs(ratio - 1) > 0.05) fail_msg("%s: %g of the time", texts[t], ratio);
        }
    }
}

/* Samples alone say roughly what is measured around them, and who is slow is told so. The quickest of many short runs, each
 * behind a nap, as who slept is not put aside at once, is one that nothing came between. */
static void samples_find_what_is_slow(void **state) {
    static const char text[] = "lgamma(a) + a*b";
    enum { TRIES = 50 };
    double least = INFINITY, coverage = 0, share = 0, ratio = 0;
    (void)state;
    if (!HAS_TIMES) skip();
    for (int tries = 0; tries < TRIES; tries++) {
        nexpr_profile *p = new_profile();
        nexpr_op_stats slow, quick;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        const double seconds = run_text(text, N / 4, 1, 1, NEXPR_BACKEND_VM, p);
        assert_true(has_op(p, text, "lgamma", "lgamma(a)", &slow) && has_op(p, text, "multiply_add", text, &quick));
        if (seconds < least) {
            least = seconds;
            coverage = nest_of(p, 0).coverage;
            share = slow.share;
            ratio = (double)slow.ns / (double)(quick.ns + 1);
        }
        nexpr_profile_free(&p);
    }
    if (coverage < 0.5 || coverage > 2) fail_msg("samples say %g of the time", coverage);
    if (share < 0.6 || ratio < 3) fail_msg("the slow one has %g of the time, %g times that of the quick one", share, ratio);
}

static void threads_add_up_their_time(void **state) {
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        nexpr_profile *p = new_profile();
        double share;
        run_text("sin(a)*cos(b) + exp(a)", N, 5, threads, NEXPR_BACKEND_VM, p);
        const nexpr_nest_stats n = nest_of(p, 0);
        assert_int_equal(n.elements, 5 * N);
        assert_in_range(n.threads, 1, threads);
        nexpr_op_stats o;
        assert_true(has_op(p, "sin(a)*cos(b) + exp(a)", "exp", "exp(a)", &o) && o.elements == 5 * N);
        assert_true(fabs(sum_of_ops(p, &share) - 1e-9 * (double)n.busy_ns) < 1e-3 * 1e-9 * (double)n.busy_ns + 1e-7);
        assert_true(n.busy_ns < (int64_t)threads * n.wall_ns * 11 / 10 && fabs(share - 1) < 1e-6);
        nexpr_profile_free(&p);
    }
}

static void phases_are_measured(void **state) {
    nexpr_profile *p = new_profile();
    (void)state;
    run_text("a*b + sin(a)", N, 2, 1, NEXPR_BACKEND_VM, p);
    const nexpr_stats s = stats_of(p);
    assert_true(s.parse_ns > 0 && s.compile_ns > 0 && s.plan_ns > 0 && s.compute_ns > s.plan_ns && s.copy_ns == 0);
    assert_int_equal(s.wall_ns, s.plan_ns + s.code_ns + s.compute_ns);
    nexpr_profile_free(&p);
}

static void outputs_upon_inputs_are_a_phase_of_their_own(void **state) {
    static double data[N];
    nexpr_profile *p = new_profile();
    nexpr_error err = nexpr_error_init();
    nexpr_array a = array_of(data, F64, 1, DIMS(N - 1), NULL), r = array_of(data + 1, F64, 1, DIMS(N - 1), NULL);
    nexpr_run_options run = nexpr_run_options_init();
    nexpr *e = compile("a + 1", F64, NONE, NONE);
    (void)state;
    run.profile = p;
    assert_ok(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a}, (nexpr_array *[]){&r}, &run, &err), &err);
    assert_true(stats_of(p).copy_ns > 0);
    nexpr_free(&e);
    nexpr_profile_free(&p);
}

/* ---------------------------------------------------------------------------------------------------------- streams -- */

static nexpr_status read_slowly(void *user, int64_t first, int64_t count, void *data, nexpr_error *err) {
    (void)user, (void)err;
    const double end = seconds_now() + 1e-3;
    while (seconds_now() < end) continue;
    memcpy(data, x + first, (size_t)count * sizeof *x);
    return NEXPR_OK;
}

static nexpr_status write_some(void *user, int64_t first, int64_t count, const void *data, nexpr_error *err) {
    (void)err;
    memcpy((double *)user + first, data, (size_t)count * sizeof *x);
    return NEXPR_OK;
}

static void streams_tell_reading_from_computing(void **state) {
    nexpr_profile *p = new_profile();
    nexpr_error err = nexpr_error_init();
    nexpr_array a = array_of(NULL, F64, 1, DIMS(N), NULL);
    nexpr_source source = nexpr_source_init();
    nexpr_sink sink = nexpr_sink_init();
    nexpr_run_options run = nexpr_run_options_init();
    nexpr *e = compile("a*2", F64, NONE, NONE);
    (void)state;
    source.read = read_slowly;
    sink.write = write_some;
    sink.user = z;
    sink.dtype = F64;
    run.profile = p;
    run.chunk_bytes = N * sizeof *x * 2 / 5;
    assert_ok(nexpr_stream(e, NULL, (const nexpr_array *[]){&a}, (const nexpr_source *[]){&source},
                           (const nexpr_sink *[]){&sink}, &run, &err), &err);
    const nexpr_stats s = stats_of(p);
    assert_true(s.read_ns >= 5000000 && s.write_ns > 0 && s.runs >= 5);
    assert_int_equal(nest_of(p, 0).elements, N);
    assert_int_equal(s.nest_count, 1);
    nexpr_free(&e);
    nexpr_profile_free(&p);
}

/* ----------------------------------------------------------------------------------------------------------- errors -- */

static int calls;

static void count_call(void *user, const nexpr_profile *p) {
    calls++;
    assert_ptr_equal(user, &calls);
    assert_int_equal(stats_of(p).runs, calls);
}

static void who_asked_is_called_after_every_run_also_one_that_fails(void **state) {
    nexpr_profile *p = NULL;
    nexpr_error err = nexpr_error_init();
    static int64_t index[20000];
    (void)state;
    calls = 0;
    assert_ok(nexpr_profile_new(NULL, count_call, &calls, &p, &err), &err);
    run_text("a + b", 100, 3, 1, NEXPR_BACKEND_VM, p);
    assert_int_equal(calls, 3);
    nexpr_array a = array_of(x, F64, 1, DIMS(100), NULL), b = array_of(index, I64, 1, DIMS(20000), NULL);
    nexpr_array r = nexpr_array_init();
    nexpr_run_options run = nexpr_run_options_init();
    nexpr *e = compile("sum(take(a, b))", F64, I64, NONE);
    run.profile = p;
    index[12345] = 100;
    assert_int_equal(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a, &b}, (nexpr_array *[]){&r}, &run, &err), NEXPR_VALUE);
    assert_int_equal(calls, 4);
    nexpr_op_stats o;
    assert_true(has_op(p, "sum(take(a, b))", "take", "b", &o));
    nexpr_free(&e);
    nexpr_profile_free(&p);
}

static nexpr_status run_all(const nexpr_allocator *allocator, nexpr_error *err) {
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_run_options run = nexpr_run_options_init();
    nexpr_context *context = NULL;
    nexpr_array a = array_of(x, F64, 1, DIMS(3000), NULL), r = nexpr_array_init();
    options.allocator = allocator;
    options.threads = 2;
    run.backend = NEXPR_BACKEND_VM;
    nexpr_status status = nexpr_context_new(&options, &context, err);
    if (status) return status;
    status = nexpr_profile_new(context, NULL, NULL, &run.profile, err);
    if (!status) {
        status = nexpr_evaluate_text(context, "cumsum(a*a + 1) - sum(a)", (const char *[]){"a"}, (const nexpr_array *[]){&a}, 1,
                                     (nexpr_array *[]){&r}, 1, NULL, &run, err);
    }
    nexpr_array_free(&r);
    nexpr_profile_free(&run.profile);
    nexpr_context_free(&context);
    return status;
}

static void every_allocation_may_fail(void **state) {
    failing_allocator failing;
    (void)state;
    for (long n = 0;; n++) {
        nexpr_error err = nexpr_error_init();
        const nexpr_allocator *allocator = failing_allocator_init(&failing, n);
        nexpr_status status = run_all(allocator, &err);
        assert_int_equal(failing.live_blocks, 0);
        assert_int_equal(failing.live_bytes, 0);
        if (!failing.failed) {
            assert_ok(status, &err);
            break;
        }
        assert_true(status == NEXPR_MEMORY || !status); /* what is only kept for later need not be */
    }
}

static void the_copy_rate_is_plausible(void **state) {
    double rate = 0;
    nexpr_error err = nexpr_error_init();
    (void)state;
    for (int64_t bytes = 1; bytes < 1 << 26; bytes *= 64) {
        assert_ok(nexpr_measure_copy(NULL, bytes, 1, &rate, &err), &err);
        assert_true(rate > 1e8 && rate < 1e13);
    }
    assert_int_equal(nexpr_measure_copy(NULL, 4096, -1, &rate, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_measure_copy(NULL, 4096, 1, NULL, &err), NEXPR_ARGUMENT);
}

static void results_are_the_same_with_a_profile(void **state) {
    static double without[N];
    (void)state;
    for (int backend = NEXPR_BACKEND_VM; backend <= NEXPR_BACKEND_JIT; backend++) {
        nexpr_profile *p = new_profile();
        run_text("cumsum(sin(a)*b) + a[::-1]", N, 1, 2, (nexpr_backend)backend, NULL);
        memcpy(without, z, sizeof z);
        run_text("cumsum(sin(a)*b) + a[::-1]", N, 1, 2, (nexpr_backend)backend, p);
        assert_memory_equal(without, z, sizeof z);
        nexpr_profile_free(&p);
    }
}

/* A segment has the places of all its operations; a step of the VM has none but its own. */
static void segments_tell_their_places(void **state) {
    (void)state;
    static const char text[] = "(a + 1)*b - exp(a)";
    nexpr_profile *p = new_profile();
    run_text(text, N, 3, 1, NEXPR_BACKEND_JIT, p);
    bool has_sum = false, has_product = false, is_compiled = false;
    size_t begin, end;
    for (int k = 0; k < nest_of(p, 0).op_count; k++) {
        const nexpr_op_stats o = op_of(p, 0, k);
        is_compiled |= o.place_count > 0;
        assert_true(o.place_count == 0 || !strcmp(o.name, "machine code"));
        for (int i = 0; i < o.place_count; i++) {
            assert_int_equal(nexpr_profile_place(p, 0, k, i, &begin, &end), NEXPR_OK);
            assert_true(begin >= o.begin && end <= o.end);
            has_sum |= begin == 1 && end == 6;
            has_product |= begin == 0 && end == 9;
        }
        assert_int_equal(nexpr_profile_place(p, 0, k, o.place_count, &begin, &end), NEXPR_ARGUMENT);
        assert_int_equal(nexpr_profile_place(p, 0, k, -1, &begin, &end), NEXPR_ARGUMENT);
    }
    assert_int_equal(nexpr_profile_place(p, 7, 0, 0, &begin, &end), NEXPR_ARGUMENT);
    if (is_compiled) assert_true(has_sum && has_product); /* else without the plug-in, or on a machine without AVX2 */
    nexpr_profile_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_have_their_places_dtypes_and_elements),
        cmocka_unit_test(every_pass_is_a_nest),
        cmocka_unit_test(masks_lookups_and_random_numbers_are_told_too),
        cmocka_unit_test(indices_out_of_range_and_small_structs),
        cmocka_unit_test(empty_arrays_and_single_elements),
        cmocka_unit_test(runs_without_a_sample_count_too),
        cmocka_unit_test(shares_add_up_to_the_time_of_the_runs),
        cmocka_unit_test(samples_find_what_is_slow),
        cmocka_unit_test(threads_add_up_their_time),
        cmocka_unit_test(phases_are_measured),
        cmocka_unit_test(outputs_upon_inputs_are_a_phase_of_their_own),
        cmocka_unit_test(streams_tell_reading_from_computing),
        cmocka_unit_test(who_asked_is_called_after_every_run_also_one_that_fails),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(the_copy_rate_is_plausible),
        cmocka_unit_test(results_are_the_same_with_a_profile),
        cmocka_unit_test(segments_tell_their_places),
    };
    srand48(1);
    for (int i = 0; i < N; i++) {
        x[i] = drand48();
        y[i] = drand48() + 1;
    }
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* nothing is kept, and nothing found */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
