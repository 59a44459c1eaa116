/* SPDX-License-Identifier: MIT */
/*
 * nexpr: evaluate array expressions given as text.
 *
 * The life of an expression:
 *
 *   nexpr_parse      text                      -> nexpr_program   (names in it are free)
 *   nexpr_compile    program + dtypes of names -> nexpr           (immutable, shared by any threads)
 *   nexpr_evaluate   nexpr + arrays            -> arrays
 *   nexpr_plan_new   nexpr + shapes, strides   -> nexpr_plan      (one thread at a time, run it many times)
 *
 * or all in one: nexpr_evaluate_text.
 *
 * Conventions of this header
 *
 *   Errors.     Whatever can fail returns a nexpr_status and takes a `nexpr_error *` last, which may be NULL and is
 *               written only on failure. Outputs are named ret_x and are written only on success.
 *   Ownership.  x_new, x_parse, x_compile give an object to the caller, who frees it with x_free(&object); that writes
 *               NULL back, and a NULL inside is fine. Arguments are borrowed for the call unless it says otherwise.
 *   Threads.    Each function says what it allows. The library never prints, aborts or exits, installs no signal
 *               handlers and leaves the floating-point environment of the caller as it was.
 *   ABI.        Every public struct begins with its size. Initialise it with its _init function (or {.size = sizeof x})
 *               and set what you need; fields are only ever added at the end, and a zero field means the default.
 */
#ifndef NEXPR_H
#define NEXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define NEXPR_API __attribute__((visibility("default")))
#else
#define NEXPR_API
#endif

#define NEXPR_VERSION_MAJOR 0
#define NEXPR_VERSION_MINOR 1
#define NEXPR_VERSION_PATCH 0
/* Major * 10000 + minor * 100 + patch, as a number that #if can compare. */
#define NEXPR_VERSION (NEXPR_VERSION_MAJOR * 10000 + NEXPR_VERSION_MINOR * 100 + NEXPR_VERSION_PATCH)

/* The version of the library that is loaded; NEXPR_VERSION is that of the header. Thread-safe. */
NEXPR_API int nexpr_version(void);

/* ------------------------------------------------------------------------------------------------------- status -- */

/* X(id, text): what can go wrong. The first group is about the text, and its errors have a byte span. */
#define NEXPR_STATUS_MAP(X)                                                                             \
    X(OK, "no error")                                                                                   \
    X(SYNTAX, "syntax error")                     /* the text is not an expression */                   \
    X(NAME, "unknown name")                       /* variable, function, attribute or keyword */        \
    X(TYPE, "wrong dtype")                        /* no loop for these dtypes, or wrong arity */        \
    X(VALUE, "bad value")                         /* a literal does not fit, division of literals by 0 */ \
    X(LIMIT, "limit exceeded")                    /* a limit of nexpr_options */                        \
    X(SHAPE, "shapes do not fit")                 /* no common broadcast shape, wrong output shape */   \
    X(OVERLAP, "outputs overlap")                 /* an output with itself or with another output */    \
    X(ARGUMENT, "bad argument")                   /* the caller broke a rule of this header */          \
    X(MEMORY, "out of memory")                                                                          \
    X(CANCELLED, "cancelled")                     /* the cancel flag was set */                         \
    X(CALLBACK, "callback failed")                /* a source or sink returned a failure */             \
    X(IO, "input/output error")                   /* the system refused a file operation */             \
    X(FORMAT, "malformed file")                   /* a file's content is not what it has to be */        \
    X(UNSUPPORTED, "not supported")               /* by this machine, this build or its plug-ins */     \
    X(COMMUNICATION, "communication failed")      /* MPI reported a failure: see nexpr_mpi.h */

typedef enum nexpr_status {
#define X(id, text) NEXPR_##id,
    NEXPR_STATUS_MAP(X)
#undef X
} nexpr_status;

/* The text of a status, "unknown status" for others; static. Thread-safe. */
NEXPR_API const char *nexpr_status_text(nexpr_status status);

/*
 * What went wrong and where. `begin` and `end` are byte offsets into the expression's text (end is behind the last
 * byte); both are 0 if the error is not about a place in the text. `operand` is the index of the input or, for
 * NEXPR_OVERLAP and outputs, of the output concerned, else -1. `message` is one sentence, UTF-8, NUL-terminated.
 */
typedef struct nexpr_error {
    size_t size;
    nexpr_status status;
    int operand;
    size_t begin, end;
    char message[480];
} nexpr_error;

NEXPR_API nexpr_error nexpr_error_init(void);

/* ------------------------------------------------------------------------------------------------------- dtypes -- */

/* X(id, suffix, name, class, C type): NumPy's element types, in NumPy's order of promotion. */
#define NEXPR_DTYPE_MAP(X)                          \
    X(BOOL, b, "bool", BOOL, uint8_t)               \
    X(INT8, i8, "int8", INT, int8_t)                \
    X(UINT8, u8, "uint8", INT, uint8_t)             \
    X(INT16, i16, "int16", INT, int16_t)            \
    X(UINT16, u16, "uint16", INT, uint16_t)         \
    X(INT32, i32, "int32", INT, int32_t)            \
    X(UINT32, u32, "uint32", INT, uint32_t)         \
    X(INT64, i64, "int64", INT, int64_t)            \
    X(UINT64, u64, "uint64", INT, uint64_t)         \
    X(FLOAT16, f16, "float16", REAL, uint16_t)      \
    X(FLOAT32, f32, "float32", REAL, float)         \
    X(FLOAT64, f64, "float64", REAL, double)        \
    X(COMPLEX64, c64, "complex64", COMPLEX, float)  /* pairs of float */ \
    X(COMPLEX128, c128, "complex128", COMPLEX, double)

typedef enum nexpr_dtype {
#define X(id, suffix, name, class, ctype) NEXPR_##id,
    NEXPR_DTYPE_MAP(X)
#undef X
    NEXPR_DTYPE_COUNT
} nexpr_dtype;

/* "float64"; NULL for what is no dtype. Static. Thread-safe. */
NEXPR_API const char *nexpr_dtype_name(nexpr_dtype dtype);
/* Bytes per element; 0 for what is no dtype. Thread-safe. */
NEXPR_API size_t nexpr_dtype_size(nexpr_dtype dtype);
/* Finds "float64" and the like. NEXPR_NAME if there is none. Thread-safe. */
NEXPR_API nexpr_status nexpr_dtype_find(const char *name, nexpr_dtype *ret_dtype, nexpr_error *err);
/* Whether NumPy's casting='same_kind' allows it, the rule for outputs. Thread-safe. */
NEXPR_API bool nexpr_dtype_can_cast(nexpr_dtype from, nexpr_dtype to);

/* ------------------------------------------------------------------------------------------------------- arrays -- */

#define NEXPR_MAX_NDIM 64

typedef enum nexpr_byte_order {
    NEXPR_NATIVE,  /* the byte order of this machine */
    NEXPR_SWAPPED, /* the other one; complex numbers are two swapped halves */
} nexpr_byte_order;

/*
 * An array in memory. `strides` are in bytes, any sign, 0 allowed; NULL means C order. `data` is the address of element
 * [0, 0, ...], of any alignment. ndim = 0 is a scalar of one element; a dimension of 0 makes the array empty. A bool is
 * one byte, true if not 0. `shape` and `strides` belong to the caller, except in arrays that the library allocated
 * (`owner` not NULL): these are freed by nexpr_array_free.
 */
typedef struct nexpr_array {
    size_t size;
    void *data;
    nexpr_dtype dtype;
    nexpr_byte_order byte_order;
    int ndim;
    const int64_t *shape;
    const int64_t *strides;
    void *owner; /* internal: leave NULL */
} nexpr_array;

NEXPR_API nexpr_array nexpr_array_init(void);
/* Frees what the library allocated for `array`, sets its data, shape, strides and owner to NULL. Other arrays are left
 * alone. May be called from any thread, and after the context that made the array was freed. */
NEXPR_API void nexpr_array_free(nexpr_array *array);

/* ------------------------------------------------------------------------------------------------------ contexts -- */

/*
 * Where memory comes from. `allocate` returns at least `bytes` bytes aligned to 16, or NULL; `release` gets the same
 * size back. Both are called from any thread, also several at once.
 */
typedef struct nexpr_allocator {
    size_t size;
    void *user;
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *memory, size_t bytes);
} nexpr_allocator;

typedef enum nexpr_thread_backend {
    NEXPR_THREADS_AUTO,   /* the environment variable NEXPR_THREADING (pool or openmp), else the pool */
    NEXPR_THREADS_POOL,   /* nexpr's own threads, one pool per context */
    NEXPR_THREADS_OPENMP, /* libgomp, for programs that are OpenMP themselves or are ruled by OMP_* */
} nexpr_thread_backend;

/* Who computes. The results have the same bits. AUTO of a run means that of its context, AUTO of a context what
 * NEXPR_BACKEND in the environment says: auto, vm or jit. */
typedef enum nexpr_backend {
    NEXPR_BACKEND_AUTO, /* the VM at once; machine code, compiled in the background, when it is worth its time */
    NEXPR_BACKEND_VM,   /* nothing is compiled: for hosts that cannot accept that LLVM ends the process when memory is out */
    NEXPR_BACKEND_JIT,  /* machine code from the start; what cannot be compiled runs on the VM (nexpr_report) */
} nexpr_backend;

/* Takes a text of some lines about the loop nests of an evaluation: their shapes, who computed them and why, and what was
 * compiled in what time. It is meant for people, and lives until the call returns. Called on the thread that evaluates. */
typedef void nexpr_report(void *user, const char *text);

/* What the text tells besides. */
enum {
    NEXPR_REPORT_IR = 1,       /* LLVM IR of what is compiled */
    NEXPR_REPORT_ASSEMBLY = 2, /* its machine code */
};

typedef struct nexpr_context_options {
    size_t size;
    const nexpr_allocator *allocator; /* copied; NULL: malloc */
    int threads;                      /* at most so many, the caller's included; 0: NEXPR_NUM_THREADS, else the CPUs that
                                         affinity and cgroup allow */
    nexpr_thread_backend backend;
    size_t cached_expressions;        /* of nexpr_evaluate_text; 0: 64 */
    size_t cached_bytes;              /* freed output buffers kept for reuse; 0: 64 MiB; SIZE_MAX: keep none */
    nexpr_backend run_backend;        /* of runs that ask for AUTO */
    nexpr_report *report;             /* may be NULL; called when a plan that has run is dropped, with what it did */
    void *report_user;
    unsigned report_detail;           /* of NEXPR_REPORT_*, or'ed */
} nexpr_context_options;

NEXPR_API nexpr_context_options nexpr_context_options_init(void);

/* Measurements of evaluations; see the end of this header. */
typedef struct nexpr_profile nexpr_profile;

/*
 * A context owns threads, caches and the allocator. Wherever a context is taken, NULL means the default context, which is
 * made when it is first needed. A context may be used by any number of threads at once.
 */
typedef struct nexpr_context nexpr_context;

/* Makes a context. options may be NULL. Errors: MEMORY, ARGUMENT. Thread-safe. Threads are started when first needed. */
NEXPR_API nexpr_status nexpr_context_new(const nexpr_context_options *options, nexpr_context **ret_context,
                                         nexpr_error *err);
/* Joins the threads and drops the context. No evaluation may be running in it, and its plans must have been freed. Programs,
 * expressions and arrays made in it may be used on and freed later. */
NEXPR_API void nexpr_context_free(nexpr_context **context);
/* Does the same to the default context, if there is one; the next use makes a new one. For hosts that unload nexpr. */
NEXPR_API void nexpr_context_free_default(void);

/* ------------------------------------------------------------------------------------------------------- parsing -- */

typedef enum nexpr_fp_mode {
    NEXPR_FP_STRICT,   /* IEEE arithmetic, operation by operation */
    NEXPR_FP_CONTRACT, /* x*y + z in float32 and float64 becomes fma(x, y, z), the same in every backend */
} nexpr_fp_mode;

/* Options of parsing and compiling. Every limit is checked with a positioned error of status LIMIT; 0 means the default. */
typedef struct nexpr_options {
    size_t size;
    nexpr_fp_mode fp;
    size_t max_source;  /* bytes of text: 1 MiB */
    size_t max_tokens;  /* 100,000 */
    size_t max_nesting; /* depth of parentheses, calls, prefix operators, **, ternaries: 1000 */
    size_t max_nodes;   /* of the compiled expression: 100,000 */
    bool check;         /* nexpr_compile adds the results of nexpr_check_count to the text's */
} nexpr_options;

NEXPR_API nexpr_options nexpr_options_init(void);

/* A parsed text: immutable, usable by any number of threads. */
typedef struct nexpr_program nexpr_program;

/*
 * Parses `length` bytes of UTF-8 (SIZE_MAX: up to the NUL). The text is copied. options may be NULL.
 * Errors: SYNTAX, LIMIT, MEMORY, VALUE (a literal that cannot be represented). Thread-safe.
 */
NEXPR_API nexpr_status nexpr_parse(nexpr_context *context, const char *text, size_t length, const nexpr_options *options,
                                   nexpr_program **ret_program, nexpr_error *err);
NEXPR_API void nexpr_program_free(nexpr_program **program);

/* The free names of the text, those that have to be bound to arrays, in the order of their first use; a name that is one
 * of the constants (pi, e, inf, nan) is listed too, with ret_constant true: it may be bound, but need not. Names are
 * NUL-terminated without backquotes and belong to the program. begin and end (may be NULL) are the span of the first use. */
NEXPR_API int nexpr_program_name_count(const nexpr_program *program);
NEXPR_API const char *nexpr_program_name(const nexpr_program *program, int index, bool *ret_constant, size_t *ret_begin,
                                         size_t *ret_end);

/* ----------------------------------------------------------------------------------------------------- compiling -- */

/* The type of one input. ndim is the number of dimensions if it is known, -1 for any. */
typedef struct nexpr_input {
    size_t size;
    const char *name;
    nexpr_dtype dtype;
    int ndim;
} nexpr_input;

NEXPR_API nexpr_input nexpr_input_init(const char *name, nexpr_dtype dtype, int ndim);

/* A compiled expression: immutable, evaluated by any number of threads at once, each call itself parallel. */
typedef struct nexpr nexpr;

/*
 * Compiles a program for inputs of the given types. Arrays are later given in the order of `inputs`. Inputs that the
 * text does not use are allowed, and their arrays are not looked at. options may be NULL (and should be those of
 * nexpr_parse). `result_dtype` is NULL or an array of one dtype that every result is cast to, as if by a call of its name.
 * Errors: NAME, TYPE, VALUE, LIMIT, MEMORY, ARGUMENT. Thread-safe.
 */
NEXPR_API nexpr_status nexpr_compile(nexpr_context *context, const nexpr_program *program, const nexpr_input *const *inputs,
                                     int input_count, const nexpr_dtype *result_dtype, const nexpr_options *options,
                                     nexpr **ret_expr, nexpr_error *err);
NEXPR_API void nexpr_free(nexpr **expr);

/* Introspection. Strings belong to the expression. An index out of range gives NULL or -1. Thread-safe. */
NEXPR_API int nexpr_input_count(const nexpr *expr);
NEXPR_API const char *nexpr_input_name(const nexpr *expr, int index);
NEXPR_API nexpr_dtype nexpr_input_dtype(const nexpr *expr, int index);
NEXPR_API int nexpr_input_ndim(const nexpr *expr, int index);
NEXPR_API bool nexpr_input_is_used(const nexpr *expr, int index);
/* With the two of each check. */
NEXPR_API int nexpr_result_count(const nexpr *expr);
/* The name of a result, NULL if it has none: `c = a + b` as the last statement, or a bare name, gives "c". */
NEXPR_API const char *nexpr_result_name(const nexpr *expr, int index);
NEXPR_API nexpr_dtype nexpr_result_dtype(const nexpr *expr, int index);
/* Whether every element of a result depends on one element of each input, that of its own place: there are no views, such
 * as a[1:] or a.T, no reductions, and no elements chosen by masks or indices. Only then does any part of the inputs give
 * that part of the results; nexpr_slabs_new finds out how others are evaluated by parts. */
NEXPR_API bool nexpr_is_elementwise(const nexpr *expr);
/* The shape of a result for inputs of given shapes; data and dtype of the arrays are not looked at. ret_shape has room for
 * NEXPR_MAX_NDIM sizes; one that depends on the data, as that of a[a > 0], is unknown until run and given as -1. Errors:
 * SHAPE, VALUE, LIMIT, MEMORY, ARGUMENT; those of views have a place in the text. */
NEXPR_API nexpr_status nexpr_result_shape(const nexpr *expr, const nexpr_array *const *inputs, int index, int *ret_ndim,
                                          int64_t *ret_shape, nexpr_error *err);
/* Writes the bytecode as text, one instruction a line, into buffer (at most capacity bytes with the NUL), and returns the
 * length of the whole text, like snprintf. */
NEXPR_API size_t nexpr_listing(const nexpr *expr, char *buffer, size_t capacity);
/* Writes what the text came to, likewise: a typed value a line, with its place in the text; which values several others have in
 * common; what was rewritten. `text` is the one that was compiled, NUL-terminated; NULL: places are not shown. For people. */
NEXPR_API size_t nexpr_ir(const nexpr *expr, const char *text, char *buffer, size_t capacity);

/*
 * A sub-expression of the text: an operation, a call, a name or a literal, operands before what they are operands of. Terms
 * lie in one another as the text says, but for a chained comparison, such as a < b < c, whose links share b.
 */
typedef struct nexpr_term {
    size_t size;
    size_t begin, end; /* place in the text, in bytes, without parentheses around it */
    nexpr_dtype dtype; /* NEXPR_DTYPE_COUNT: a literal, which takes the dtype of what it is used with */
    int value;         /* that it came to; -1: an input, a constant, or something that was not computed by itself */
    int input;         /* that it is; -1: none */
} nexpr_term;

NEXPR_API nexpr_term nexpr_term_init(void);
NEXPR_API int nexpr_term_count(const nexpr *expr);
/* ret_term->size must be set. ARGUMENT if index is out of range. */
NEXPR_API nexpr_status nexpr_term_describe(const nexpr *expr, int index, nexpr_term *ret_term);

/* A value that the text came to: that of line `%index+1` of nexpr_ir, and of instruction `index` of nexpr_listing. */
typedef struct nexpr_value {
    size_t size;
    size_t begin, end; /* of the term that first asked for it; both 0 if none did */
    nexpr_dtype dtype;
    int uses;          /* operands that it is */
    int nest;          /* how many loop nests have to be done before */
} nexpr_value;

NEXPR_API nexpr_value nexpr_value_init(void);
NEXPR_API int nexpr_value_count(const nexpr *expr);
/* ret_value->size must be set. ARGUMENT if index is out of range. */
NEXPR_API nexpr_status nexpr_value_describe(const nexpr *expr, int index, nexpr_value *ret_value);

/* Takes the shape of a term or of a value; the other one's index is -1. An extent that depends on the data is -1. */
typedef void nexpr_shape_call(void *user, int term, int value, int ndim, const int64_t *shape);

/* Tells the shapes of all values and terms for inputs of given shapes, in order; what is not computed and has none is left
 * out. Inputs and errors are as for nexpr_result_shape. Thread-safe. */
NEXPR_API nexpr_status nexpr_term_shapes(const nexpr *expr, const nexpr_array *const *inputs, nexpr_shape_call *call,
                                         void *user, nexpr_error *err);

/*
 * The numerical guard: what operations made out of operands that had none of it. With nexpr_options.check, an expression has
 * two more results for each check, behind those of the text: how many elements, int64, and the index of the first one in C
 * order, int64, which says nothing if there are none. They are results like any other, to be evaluated with the others or
 * not, and the others have the bits that they would have without. An operation that may take no harm has no checks; without
 * the option nothing is checked and nothing is spent. Elements that where() does not choose are checked too.
 *
 * The kinds, with their words for messages:
 */
#define NEXPR_CHECK_MAP(X)                                                                                               \
    X(NAN, "NaN created")                    /* of operands without NaN, as in inf - inf, 0/0, inf*0 */                   \
    X(DOMAIN, "outside the domain")          /* NaN as a function's value, as sqrt(-1); a float that no integer can be */ \
    X(DIVISION, "division by zero")          /* infinity of finite operands at a pole, as 1/0, log(0); integers x//0 */   \
    X(OVERFLOW, "overflow to infinity")      /* of finite operands elsewhere */                                           \
    X(WRAP, "integer overflow")              /* an integer that is not the exact one, in operations, sums and casts */    \
    X(INEXACT, "loss of precision in a cast") /* a value that is another one afterwards, as int64 2**53 + 1 to float64 */

typedef enum nexpr_check_kind {
#define X(id, text) NEXPR_CHECK_##id,
    NEXPR_CHECK_MAP(X)
#undef X
    NEXPR_CHECK_KINDS
} nexpr_check_kind;

/* "division by zero"; static. NULL if there is no such kind. */
NEXPR_API const char *nexpr_check_text(nexpr_check_kind kind);

typedef struct nexpr_check {
    size_t size;
    nexpr_check_kind kind;
    size_t begin, end;     /* the operation's place in the text, in bytes */
    const char *operation; /* "divide", "sum", or the dtype of a cast; belongs to the expression */
    nexpr_dtype dtype;     /* of what it made */
    int count, first;      /* indices of the two results */
} nexpr_check;

NEXPR_API nexpr_check nexpr_check_init(void);
/* 0 without the option. */
NEXPR_API int nexpr_check_count(const nexpr *expr);
/* ret_check->size must be set. ARGUMENT if index is out of range. */
NEXPR_API nexpr_status nexpr_check_describe(const nexpr *expr, int index, nexpr_check *ret_check);
/* The shape in which the first index counts: as nexpr_result_shape. */
NEXPR_API nexpr_status nexpr_check_shape(const nexpr *expr, const nexpr_array *const *inputs, int index, int *ret_ndim,
                                         int64_t *ret_shape, nexpr_error *err);

/* ---------------------------------------------------------------------------------------------------- evaluating -- */

/* Called between blocks, never from two threads at once: `done` of `total` elements are computed. */
typedef void nexpr_progress(void *user, int64_t done, int64_t total);

typedef struct nexpr_run_options {
    size_t size;
    int threads;              /* of this call; 0: all of the context's */
    int block_items;          /* elements per block; 0: chosen for the L1 cache. For tests and experiments: the result does
                                 not depend on it. */
    const volatile int *cancel; /* looked at between blocks; not 0 ends the call with CANCELLED. May be NULL. Set it from a
                                 signal handler, or from any thread by an atomic store. The outputs of a cancelled
                                 call hold undefined values. */
    nexpr_progress *progress; /* may be NULL */
    void *progress_user;
    size_t chunk_bytes;       /* of nexpr_stream: bytes of all buffers together; 0: 16 MiB */
    nexpr_backend backend;
    nexpr_profile *profile;   /* adds what the run takes to it; NULL: nothing is measured. It has to outlive plans and slabs */
} nexpr_run_options;

NEXPR_API nexpr_run_options nexpr_run_options_init(void);

/*
 * Evaluates. `inputs` has one array per declared input, in that order, of the declared dtype and ndim. `outputs` has one
 * array per result. An output whose data is NULL is allocated: shape, strides, dtype and owner are set, in the order of
 * axes of the inputs (as NumPy's order='K'); free it with nexpr_array_free. Any other output has the result's shape and a
 * dtype to which the result's may be cast under same_kind. An output may overlap inputs in any way: the result is as if
 * inputs were copied first. An element that overlaps another output element is an error. run may be NULL.
 * Errors: SHAPE, TYPE, OVERLAP, MEMORY, CANCELLED, ARGUMENT; on failure no output is allocated.
 * Thread-safe: any number of calls may run at once, also of the same expression.
 */
NEXPR_API nexpr_status nexpr_evaluate(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                                      nexpr_array *const *outputs, const nexpr_run_options *run, nexpr_error *err);

/*
 * Parses, compiles and evaluates in one call; compiled expressions are kept in a bounded cache of the context, keyed by
 * text, names, dtypes, dimensions and options. `names` are those of the inputs.
 * Errors: all of nexpr_parse, nexpr_compile and nexpr_evaluate, and ARGUMENT if the text has not output_count results.
 * Thread-safe.
 */
NEXPR_API nexpr_status nexpr_evaluate_text(nexpr_context *context, const char *text, const char *const *names,
                                           const nexpr_array *const *inputs, int input_count, nexpr_array *const *outputs,
                                           int output_count, const nexpr_options *options, const nexpr_run_options *run,
                                           nexpr_error *err);

/* A prepared evaluation for given shapes, strides, dtypes and byte orders. Used by one thread at a time. It keeps the
 * expression's code alive by itself; its context has to outlive it. */
typedef struct nexpr_plan nexpr_plan;

/* Plans. The arrays are as for nexpr_evaluate, but their data is not looked at, and every output needs a shape; use
 * nexpr_result_shape. An expression with a shape that depends on the data has no plan: ARGUMENT. run may be NULL and is
 * copied. Errors: SHAPE, TYPE, OVERLAP, MEMORY, ARGUMENT. */
NEXPR_API nexpr_status nexpr_plan_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                                      const nexpr_array *const *outputs, const nexpr_run_options *run, nexpr_plan **ret_plan,
                                      nexpr_error *err);
/* Evaluates on data of the planned layout: one address per input and per output. Calls no malloc unless an output
 * overlaps an input, data is less aligned than its elements, or, with the backend AUTO, it is the run from which on machine
 * code is asked for. Errors: MEMORY, CANCELLED, ARGUMENT, OVERLAP. */
NEXPR_API nexpr_status nexpr_plan_run(nexpr_plan *plan, const void *const *input_data, void *const *output_data,
                                      nexpr_error *err);
NEXPR_API void nexpr_plan_free(nexpr_plan **plan);

/* Delivers `count` elements from flat C-order index `first` on to `data`, C-contiguous, in the input's dtype and byte
 * order. Returns OK, or a status that ends the evaluation; it may fill err, else a message is made. Calls come in order,
 * one at a time, from the thread that called nexpr_stream. */
typedef nexpr_status nexpr_read(void *user, int64_t first, int64_t count, void *data, nexpr_error *err);
/* Takes `count` elements of a result likewise. */
typedef nexpr_status nexpr_write(void *user, int64_t first, int64_t count, const void *data, nexpr_error *err);

typedef struct nexpr_source {
    size_t size;
    nexpr_read *read;
    void *user;
} nexpr_source;

typedef struct nexpr_sink {
    size_t size;
    nexpr_write *write;
    void *user;
    nexpr_dtype dtype;           /* of the elements wanted; a same_kind cast of the result's dtype */
    nexpr_byte_order byte_order; /* likewise */
} nexpr_sink;

NEXPR_API nexpr_source nexpr_source_init(void);
NEXPR_API nexpr_sink nexpr_sink_init(void);

/*
 * Evaluates chunk by chunk in bounded memory. inputs[i] describes input i; where sources[i] is not NULL, its data is not
 * looked at and comes from the source: such an input has the shape of the results. The other inputs are arrays in memory
 * and broadcast. All results have one shape. Each result goes to its sink.
 * Errors: those of nexpr_evaluate, ARGUMENT if the expression is not elementwise, CALLBACK, and whatever a callback returns.
 * Thread-safe.
 */
NEXPR_API nexpr_status nexpr_stream(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                                    const nexpr_source *const *sources, const nexpr_sink *const *sinks,
                                    const nexpr_run_options *run, nexpr_error *err);

/*
 * Evaluation by slabs, of any expression whose results' shapes do not depend on data: for arrays that are not in memory as a
 * whole. The expression is a list of passes; each runs through rows, the indices of the first axis of what it computes (of
 * several axes that can be walked as one), in slabs: any number of rows at a time, in order. What a pass hands on to later
 * ones, as the result of sum(a), stays inside. The bits are those of nexpr_evaluate, for any cut.
 *
 *   nexpr_slabs_new
 *   for every pass:  nexpr_slabs_run for each of its slabs, then nexpr_slabs_end_pass
 *   nexpr_slabs_free
 *
 * Used by one thread at a time; the context has to outlive it.
 */
typedef struct nexpr_slabs nexpr_slabs;

/* What a pass reads of an input, or writes of a result. */
typedef enum nexpr_slab_use {
    NEXPR_SLAB_NOT,   /* nothing */
    NEXPR_SLAB_ROWS,  /* for every slab the elements that belong to it */
    NEXPR_SLAB_WHOLE, /* all of it: an input for every slab, a result when the pass ends */
} nexpr_slab_use;

/*
 * Elements are counted in C order. Of an input by rows, a slab of `count` rows from row `first` on needs the elements from
 * first*row_items + before on, up to but not including those from (first + count)*row_items + behind on; of a result it has
 * those from first*row_items up to (first + count)*row_items. Where `behind` is not `before`, slabs overlap.
 */
typedef struct nexpr_slab_part {
    size_t size;
    nexpr_slab_use use;
    int64_t row_items, before, behind;
} nexpr_slab_part;

NEXPR_API nexpr_slab_part nexpr_slab_part_init(void);

/*
 * Plans. `inputs` are as for nexpr_plan_new. Those whose elements lie in C order, at equal distances of strides[ndim - 1]
 * bytes, may be asked for by rows; slabs then have the same distance. Others are needed whole. Results are C-contiguous and
 * have their own dtype. run may be NULL; its progress is not used.
 * A running function along the first axis is one row. Errors: those of nexpr_plan_new; ARGUMENT for results whose length
 * depends on data.
 */
NEXPR_API nexpr_status nexpr_slabs_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                                       const nexpr_run_options *run, nexpr_slabs **ret_slabs, nexpr_error *err);
NEXPR_API int nexpr_slabs_pass_count(const nexpr_slabs *slabs);
/* The rows of a pass; -1 if there is no such pass. */
NEXPR_API int64_t nexpr_slabs_rows(const nexpr_slabs *slabs, int pass);
/* Bytes that the object takes for what passes hand on, from the first run on. */
NEXPR_API int64_t nexpr_slabs_bytes(const nexpr_slabs *slabs);
/* ret_part->size must be set. ARGUMENT if an index is out of range. */
NEXPR_API nexpr_status nexpr_slabs_input(const nexpr_slabs *slabs, int pass, int input, nexpr_slab_part *ret_part);
NEXPR_API nexpr_status nexpr_slabs_result(const nexpr_slabs *slabs, int pass, int result, nexpr_slab_part *ret_part);
/*
 * Computes `count` rows, of which the first one is `first_row`: that behind the last one computed. input_data has the
 * address of each input's first element, of the slab or of the whole; output_data that of each result that the pass writes
 * by rows. Others are not looked at. Outputs must not overlap inputs. Errors: ARGUMENT (rows out of order), MEMORY,
 * CANCELLED; after a failure free the object.
 */
NEXPR_API nexpr_status nexpr_slabs_run(nexpr_slabs *slabs, int pass, int64_t first_row, int64_t count,
                                       const void *const *input_data, void *const *output_data, nexpr_error *err);
/* Ends a pass all of whose rows were computed, and writes the results that it has as a whole. Errors: ARGUMENT, MEMORY. */
NEXPR_API nexpr_status nexpr_slabs_end_pass(nexpr_slabs *slabs, int pass, void *const *output_data, nexpr_error *err);
NEXPR_API void nexpr_slabs_free(nexpr_slabs **slabs);

/* ------------------------------------------------------------------------------------------------------ profiles -- */

/*
 * A profile collects where the time of evaluations goes: by phase, by loop nest, by operation. It is given to runs as an option,
 * and adds up all that it is given to; places are those in the text of the expression, so each expression should have its own.
 *
 * On the VM one block in some is run with a look at the clock behind each step, and that is scaled to the nest's time;
 * machine code is measured as a whole, segment by segment. It takes some percent of a run, a few hundred nanoseconds of
 * the shortest ones, and nothing where no profile is given. Times are those of the caller's and of all other threads that
 * worked: those of a nest's operations add up to its busy time, which on one thread is its wall time.
 */

/* Called at the end of every run that was given the profile, whatever came of it, on the thread that ran it. */
typedef void nexpr_profiled(void *user, const nexpr_profile *profile);

/* Makes an empty profile. call may be NULL. Errors: MEMORY, ARGUMENT. Thread-safe. The profile may outlive the context. */
NEXPR_API nexpr_status nexpr_profile_new(nexpr_context *context, nexpr_profiled *call, void *user,
                                         nexpr_profile **ret_profile, nexpr_error *err);
/* Plans, slabs and jobs that were given it must have been freed. */
NEXPR_API void nexpr_profile_free(nexpr_profile **profile);

/* Phases of an evaluation. All times are in nanoseconds; each is that of the thread that called. */
typedef enum nexpr_phase {
    NEXPR_PHASE_READ,  /* sources and files were read */
    NEXPR_PHASE_WRITE, /* sinks and files were written */
    NEXPR_PHASE_WALL,  /* of a whole in which phases overlap */
} nexpr_phase;

/* The whole. */
typedef struct nexpr_stats {
    size_t size;
    int64_t runs;       /* of plans and of slabs, whether they failed or not */
    int64_t parse_ns;   /* what parsing and compiling the last expression took, when that was done; it may be long ago */
    int64_t compile_ns;
    int64_t plan_ns;    /* planning, and linking anew for data that is aligned otherwise, or for machine code */
    int64_t code_ns;    /* waiting for machine code */
    int64_t compute_ns; /* running loop nests */
    int64_t copy_ns;    /* from the place beside to outputs that overlap inputs */
    int64_t read_ns;    /* in the callbacks of sources, or from files; in jobs it goes on beside computing */
    int64_t write_ns;   /* likewise */
    int64_t wall_ns;    /* from the beginning to the end: of jobs as it was, of others plan to write added up */
    int nest_count;
} nexpr_stats;

NEXPR_API nexpr_stats nexpr_stats_init(void);

/* One loop nest, in all runs. Strings belong to the profile. */
typedef struct nexpr_nest_stats {
    size_t size;
    const char *kind;       /* "elementwise", "reducing", "running", "counting", "compressing" */
    int pass;               /* of slabs; else 0 */
    size_t begin, end;      /* place in the text, from the first to the last of its operations */
    int64_t runs, elements; /* that it went through in all runs */
    int64_t wall_ns;
    int64_t busy_ns;        /* of all threads, in tasks */
    int threads;            /* that worked, at most */
    int64_t vm_tasks, compiled_tasks;
    const char *why;        /* those tasks ran where they did; a phrase */
    const char *isa;        /* "avx2" */
    int block_items;        /* elements of a block of the VM */
    int registers;          /* that a thread has of register_bytes each */
    int64_t register_bytes;
    int segments;           /* of machine code */
    double bytes_per_element;      /* that have to be read and written in memory, or in a cache */
    double operations_per_element; /* of the expression; casts and moves do not count */
    double estimated_ns;    /* of an element on the VM and one thread, with operands in a cache */
    bool is_uncached;       /* the operands are too large for any cache */
    double coverage;        /* what the samples alone say of the time that was measured around them: 1 if they are right */
    int op_count;
} nexpr_nest_stats;

NEXPR_API nexpr_nest_stats nexpr_nest_stats_init(void);

/* One operation of a nest, or several that are one step, at the place of the outermost one: its own time, without that of its
 * operands. Strings belong to the profile. */
typedef struct nexpr_op_stats {
    size_t size;
    const char *name;       /* "multiply", "load", "machine code" */
    size_t begin, end;      /* place in the text; both 0 if it has none */
    nexpr_dtype dtype;      /* of what it makes */
    bool is_compiled;       /* a segment, or a step between segments */
    int64_t ns;             /* of all threads */
    double share;           /* of the busy time of all nests: they add up to 1, if one ran */
    int64_t elements;       /* that it made in all runs; fewer than the nest has, if once for a row or a call */
    double bytes_per_element; /* that it reads and writes, mostly in the first cache */
    int operations;         /* of the expression that it stands for */
    int place_count;        /* of a segment of machine code: of nexpr_profile_place */
} nexpr_op_stats;

NEXPR_API nexpr_op_stats nexpr_op_stats_init(void);

/* What was measured so far. ret->size must be set. An index out of range gives ARGUMENT. Thread-safe; while something runs,
 * what has ended counts. */
NEXPR_API nexpr_status nexpr_profile_stats(const nexpr_profile *profile, nexpr_stats *ret_stats);
NEXPR_API nexpr_status nexpr_profile_nest(const nexpr_profile *profile, int nest, nexpr_nest_stats *ret_stats);
NEXPR_API nexpr_status nexpr_profile_op(const nexpr_profile *profile, int nest, int op, nexpr_op_stats *ret_stats);
/* Of a segment, which is several operations: the place in the text of one of them; those of casts are among them. Both are 0
 * if it has none. ARGUMENT if an index is out of range. Thread-safe. */
NEXPR_API nexpr_status nexpr_profile_place(const nexpr_profile *profile, int nest, int op, int index, size_t *ret_begin,
                                           size_t *ret_end);
/* Adds time to a phase, for hosts that read and write around their runs. Thread-safe. */
NEXPR_API void nexpr_profile_add(nexpr_profile *profile, nexpr_phase phase, int64_t ns);

/*
 * Bytes per second, read and written ones together, at which memory is copied here: the best of some copies that move
 * `bytes` in all (at least 4 KiB, at most 1 GiB; half of them read, half written) by so many threads of the context (0: all).
 * Takes about 20 ms, and twice the memory of half of that. Errors: MEMORY, ARGUMENT. Thread-safe.
 */
NEXPR_API nexpr_status nexpr_measure_copy(nexpr_context *context, int64_t bytes, int threads, double *ret_bytes_per_second,
                                          nexpr_error *err);

/* -------------------------------------------------------------------------------------------------- the op table -- */

/* One operator or function. Strings are static. */
typedef struct nexpr_op_info {
    size_t size;
    const char *name;     /* "add" */
    const char *aliases;  /* other names, separated by blanks; "" if there is none */
    const char *spelling; /* of the operator: "+"; "" if there is none */
    const char *params;   /* "x, y"; keywords with defaults: "x, decimals=0" */
    const char *group;    /* "arithmetic", "trigonometric", ... */
    const char *dtypes;   /* "bool int float complex": where it is defined */
    const char *doc;      /* one line */
    double ulp64, ulp32;  /* bound of the error in units in the last place for float64 and float32; 0: exact */
    double abs64, abs32;  /* an error up to this is within the bound too; 0: no such allowance */
} nexpr_op_info;

NEXPR_API int nexpr_op_count(void);
/* ret_info->size must be set. ARGUMENT if index is out of range. Thread-safe. */
NEXPR_API nexpr_status nexpr_op_describe(int index, nexpr_op_info *ret_info);

#ifdef __cplusplus
}
#endif
#endif
