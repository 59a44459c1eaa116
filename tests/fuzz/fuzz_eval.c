/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes parser, compiler and VM: the first bytes choose the dtypes, layouts and options of the inputs a, b, c and x, the
 * rest is the text. Whatever compiles is evaluated three ways, which have to agree to the bit: at once, in small blocks on
 * two threads (some as machine code), and into an output that lies over an input. Crashes and undefined behaviour are the
 * sanitizers' part.
 */
#include "nexpr.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS = 4, HEADER = INPUTS + 2, ITEMS = 6, MAX_RESULTS = 8 };

static const char *const names[INPUTS] = {"a", "b", "c", "x"};

/* The inputs: data of random bits, drawn from the header, so that all specials occur. */
typedef struct inputs {
    _Alignas(16) unsigned char data[INPUTS][ITEMS * 16 + 16];
    int64_t shape[INPUTS][1], strides[INPUTS][1];
    nexpr_array arrays[INPUTS];
    const nexpr_array *list[INPUTS];
} inputs;

static void fill(unsigned char *data, size_t size, uint32_t seed) {
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (seed >> 24) % 3 == 0 ? 0 : (seed >> 24) % 3 == 1 ? 0xff : (unsigned char)(seed >> 16);
    }
}

/* One byte of the header chooses dtype, length (1 broadcasts), alignment, byte order and direction of an input. */
static void choose_input(inputs *in, int i, unsigned char choice) {
    nexpr_array *array = &in->arrays[i];
    *array = nexpr_array_init();
    array->dtype = (nexpr_dtype)(choice % NEXPR_DTYPE_COUNT);
    int64_t size = (int64_t)nexpr_dtype_size(array->dtype);
    bool reversed = choice & 0x40;
    in->shape[i][0] = choice >= 0xe0 ? 1 : ITEMS;
    in->strides[i][0] = reversed ? -size : size;
    fill(in->data[i], sizeof in->data[i], choice * 2654435761u + (uint32_t)i);
    if (array->dtype == NEXPR_BOOL) for (size_t k = 0; k < sizeof in->data[i]; k++) in->data[i][k] &= 1;
    array->data = in->data[i] + (choice & 0x20 ? 1 : 0) + (reversed ? (in->shape[i][0] - 1) * size : 0);
    array->byte_order = choice & 0x80 ? NEXPR_SWAPPED : NEXPR_NATIVE;
    array->ndim = i == 3 ? 0 : 1;
    array->shape = in->shape[i];
    array->strides = in->strides[i];
    in->list[i] = array;
}

static nexpr *compile(const char *text, size_t size, const inputs *in, const nexpr_options *options) {
    nexpr_error err = nexpr_error_init();
    nexpr_program *program = NULL;
    nexpr *expr = NULL;
    nexpr_input types[INPUTS];
    const nexpr_input *list[INPUTS];
    for (int i = 0; i < INPUTS; i++) {
        types[i] = nexpr_input_init(names[i], in->arrays[i].dtype, -1);
        list[i] = &types[i];
    }
    nexpr_status status = nexpr_parse(NULL, text, size, options, &program, &err);
    if (status == NEXPR_OK) status = nexpr_compile(NULL, program, list, INPUTS, NULL, options, &expr, &err);
    if (status && (err.status != status || err.begin > err.end || err.end > size || !err.message[0])) abort();
    nexpr_program_free(&program);
    return expr;
}

static size_t bytes_of(const nexpr_array *array) {
    size_t bytes = nexpr_dtype_size(array->dtype);
    for (int i = 0; i < array->ndim; i++) bytes *= (size_t)array->shape[i];
    return bytes;
}

/* Whether the results have shapes, and not too many elements. */
static bool has_shapes(const nexpr *expr, const inputs *in, size_t size) {
    enum { MANY = 1 << 16 };
    for (int i = 0; i < nexpr_result_count(expr); i++) {
        int ndim;
        int64_t shape[NEXPR_MAX_NDIM], items = 1;
        nexpr_error err = nexpr_error_init();
        nexpr_status status = nexpr_result_shape(expr, in->list, i, &ndim, shape, &err);
        bool is_expected = status == NEXPR_SHAPE || status == NEXPR_VALUE || status == NEXPR_LIMIT;
        if (status && (!is_expected || err.status != status || err.begin > err.end || err.end > size)) abort();
        if (status) return false;
        for (int k = 0; k < ndim; k++) {
            if (shape[k] < 0) continue; /* not known before a run */
            if (__builtin_mul_overflow(items, shape[k], &items) || items > MANY) return false;
        }
    }
    return true;
}

/* What is reduced or reshaped may be larger than any result: a run that takes long is cancelled by a thread that watches. */
static int cancel;
static int64_t runs; /* odd while one is under way */

static void *watch(void *unused) {
    (void)unused;
    for (int64_t seen = 0;; seen = __atomic_load_n(&runs, __ATOMIC_SEQ_CST)) {
        usleep(300000);
        const int64_t now = __atomic_load_n(&runs, __ATOMIC_SEQ_CST);
        if (now == seen && now % 2) __atomic_store_n(&cancel, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void start_watching(void) {
    static bool is_watching;
    pthread_t thread;
    if (is_watching) return;
    is_watching = true;
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* nothing compiled is kept */
    if (!pthread_create(&thread, NULL, watch, NULL)) pthread_detach(thread);
}

/* The status, which is one that depends on the data, or on memory and time. */
static nexpr_status evaluate(const nexpr *expr, const inputs *in, size_t size, nexpr_array *results, nexpr_run_options run) {
    nexpr_array *list[MAX_RESULTS];
    nexpr_error err = nexpr_error_init();
    start_watching();
    __atomic_store_n(&cancel, 0, __ATOMIC_SEQ_CST);
    run.cancel = &cancel;
    for (int i = 0; i < MAX_RESULTS; i++) {
        results[i] = nexpr_array_init();
        list[i] = &results[i];
    }
    __atomic_fetch_add(&runs, 1, __ATOMIC_SEQ_CST);
    nexpr_status status = nexpr_evaluate(expr, NULL, in->list, list, &run, &err);
    __atomic_fetch_add(&runs, 1, __ATOMIC_SEQ_CST);
    bool is_placed = status == NEXPR_VALUE || status == NEXPR_SHAPE || status == NEXPR_LIMIT;
    if (is_placed && (err.status != status || err.begin > err.end || err.end > size || !err.message[0])) abort();
    if (status && !is_placed && status != NEXPR_MEMORY && status != NEXPR_CANCELLED) abort();
    return status;
}

/* Two runs may differ in whether they had the memory or the time. */
static bool may_differ(nexpr_status status) {
    return status == NEXPR_MEMORY || status == NEXPR_CANCELLED;
}

static void compare(const nexpr_array *x, const nexpr_array *y) {
    if (x->dtype != y->dtype || x->ndim != y->ndim || bytes_of(x) != bytes_of(y)) abort();
    if (memcmp(x->data, y->data, bytes_of(x))) abort();
}

/* The result again, written over input a if dtype and shape allow it. */
static void evaluate_in_place(const nexpr *expr, inputs *in, const nexpr_array *expected) {
    nexpr_array output = in->arrays[0], *list[1] = {&output};
    nexpr_error err = nexpr_error_init();
    if (output.dtype != expected->dtype || expected->ndim != 1 || expected->shape[0] != output.shape[0]) return;
    output.byte_order = NEXPR_NATIVE;
    if (nexpr_evaluate(expr, NULL, in->list, list, NULL, &err)) abort();
    size_t size = nexpr_dtype_size(output.dtype);
    for (int64_t i = 0; i < output.shape[0]; i++) {
        const char *found = (const char *)output.data + i * output.strides[0];
        if (memcmp(found, (const char *)expected->data + (size_t)i * size, size)) abort();
    }
}

static void run_text(const char *text, size_t size, inputs *in, const nexpr_options *options) {
    nexpr *expr = compile(text, size, in, options);
    if (!expr) return;
    int count = nexpr_result_count(expr);
    char listing[256];
    nexpr_listing(expr, listing, sizeof listing);
    if (count <= MAX_RESULTS && has_shapes(expr, in, size)) {
        nexpr_array first[MAX_RESULTS], second[MAX_RESULTS];
        nexpr_run_options run = nexpr_run_options_init();
        run.threads = 2;
        run.block_items = 2;
        run.backend = size % 16 ? NEXPR_BACKEND_VM : NEXPR_BACKEND_JIT; /* which takes its time */
        nexpr_status one = evaluate(expr, in, size, first, nexpr_run_options_init()), two = evaluate(expr, in, size, second, run);
        if (one != two && !may_differ(one) && !may_differ(two)) abort();
        for (int i = 0; !one && !two && i < count; i++) compare(&first[i], &second[i]);
        if (count == 1 && !one && !two) evaluate_in_place(expr, in, &first[0]);
        for (int i = 0; i < MAX_RESULTS; i++) {
            nexpr_array_free(&first[i]);
            nexpr_array_free(&second[i]);
        }
    }
    nexpr_free(&expr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static inputs in;
    if (size < HEADER) return 0;
    for (int i = 0; i < INPUTS; i++) choose_input(&in, i, data[i]);
    nexpr_options options = nexpr_options_init();
    options.fp = data[INPUTS] & 1 ? NEXPR_FP_CONTRACT : NEXPR_FP_STRICT;
    options.max_nodes = data[INPUTS] & 2 ? 20 : 0;
    /* A copy of exact size, so that reading past the end is seen. */
    char *text = malloc(size - HEADER + 1);
    if (!text) return 0;
    memcpy(text, data + HEADER, size - HEADER);
    char *exact = realloc(text, size > HEADER ? size - HEADER : 1);
    run_text(exact, size - HEADER, &in, &options);
    free(exact);
    return 0;
}
