/* SPDX-License-Identifier: MIT */
/*
 * Evaluation of flat ranges, chunk by chunk. A range of an array in C order is a few boxes (the rest of a row, whole rows,
 * the start of a row, in each dimension); each box is an ordinary evaluation of views: of the sources' buffers, of the
 * arrays in memory, and of the buffers that then go to the sinks.
 */
#include "runtime/profile.h"

#include <string.h>

enum { DEFAULT_CHUNK = 16 << 20, LEAST_ITEMS = 1 };

typedef struct stream {
    const nexpr *expr;
    nexpr_context *context;
    const nexpr_array *const *inputs;
    const nexpr_source *const *sources;
    const nexpr_sink *const *sinks;
    nexpr_run_options run;
    nx_shape shape;
    uint32_t input_count, output_count;
    int64_t chunk_items;
    nx_arena arena;
    char **input_buffers, **output_buffers; /* NULL for arrays in memory */
    nexpr_array *views;                     /* inputs, then outputs */
    const nexpr_array **view_pointers;
    int64_t *view_shapes;                   /* shape and strides, NEXPR_MAX_NDIM each, for each view */
    const void **input_data;
    void **output_data;
    nexpr_plan *plan; /* of the last box's shape */
    int64_t plan_extent[NEXPR_MAX_NDIM];
} stream;

nexpr_source nexpr_source_init(void) {
    return (nexpr_source){.size = sizeof(nexpr_source)};
}

nexpr_sink nexpr_sink_init(void) {
    return (nexpr_sink){.size = sizeof(nexpr_sink), .dtype = NEXPR_FLOAT64};
}

static bool is_used(const stream *s, uint32_t input) {
    return nx_expr_used(s->expr, s->output_count)[input];
}

static bool is_streamed(const stream *s, uint32_t input) {
    return is_used(s, input) && s->sources && s->sources[input];
}

/* ------------------------------------------------------------------------------------------------- checking -- */

static nexpr_status check_results(stream *s, nexpr_error *err) {
    if (s->expr->is_scheduled) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE,
                       "an expression with views reads elements of other places, and cannot be streamed element by element");
    }
    char one[NX_SHAPE_TEXT], other[NX_SHAPE_TEXT];
    for (uint32_t i = 0; i < s->output_count; i++) {
        nx_shape shape;
        NX_TRY(nx_broadcast(s->expr, s->inputs, nx_expr_used(s->expr, i), &shape, err));
        if (!s->sinks || !s->sinks[i] || s->sinks[i]->size < sizeof **s->sinks || !s->sinks[i]->write) {
            return nx_fail_operand(err, NEXPR_ARGUMENT, (int)i, "result %u has no sink", i);
        }
        if (!nexpr_dtype_can_cast(nexpr_result_dtype(s->expr, (int)i), s->sinks[i]->dtype)) {
            return nx_fail_operand(err, NEXPR_TYPE, (int)i, "sink %u wants a dtype to which the result may not be cast", i);
        }
        if (i &&
            (shape.ndim != s->shape.ndim || memcmp(shape.extent, s->shape.extent, (size_t)shape.ndim * sizeof(int64_t)))) {
            return nx_fail_operand(
                err, NEXPR_SHAPE, (int)i, "results 0 and %u have shapes %s and %s, but one pass needs one shape", i,
                nx_shape_text(s->shape.ndim, s->shape.extent, one), nx_shape_text(shape.ndim, shape.extent, other));
        }
        s->shape = shape;
    }
    return NEXPR_OK;
}

static nexpr_status check_sources(const stream *s, nexpr_error *err) {
    char have[NX_SHAPE_TEXT], want[NX_SHAPE_TEXT];
    for (uint32_t i = 0; i < s->input_count; i++) {
        if (!is_streamed(s, i)) continue;
        const nexpr_array *a = s->inputs[i];
        if (s->sources[i]->size < sizeof **s->sources || !s->sources[i]->read) {
            return nx_fail_operand(err, NEXPR_ARGUMENT, (int)i, "source %u has no read function", i);
        }
        if (!nx_shape_equals(&s->shape, a)) {
            return nx_fail_operand(err, NEXPR_SHAPE, (int)i,
                                   "'%s' comes from a source and has shape %s, but the result has shape %s",
                                   s->expr->ir.inputs[i].name, nx_shape_text(a->ndim, a->shape, have),
                                   nx_shape_text(s->shape.ndim, s->shape.extent, want));
        }
    }
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------- memory -- */

static int64_t item_bytes(const stream *s) {
    int64_t bytes = 0;
    for (uint32_t i = 0; i < s->input_count; i++) {
        if (is_streamed(s, i)) bytes += (int64_t)nexpr_dtype_size(s->inputs[i]->dtype);
    }
    for (uint32_t i = 0; i < s->output_count; i++) bytes += (int64_t)nexpr_dtype_size(s->sinks[i]->dtype);
    return bytes;
}

static nexpr_status make_buffers(stream *s, nexpr_error *err) {
    size_t views = s->input_count + s->output_count;
    s->input_buffers = nx_arena_alloc(&s->arena, views, sizeof *s->input_buffers);
    s->views = nx_arena_alloc(&s->arena, views, sizeof *s->views);
    s->view_pointers = nx_arena_alloc(&s->arena, views, sizeof *s->view_pointers);
    s->view_shapes = nx_arena_alloc(&s->arena, views, 2 * NEXPR_MAX_NDIM * sizeof *s->view_shapes);
    s->input_data = nx_arena_alloc(&s->arena, views, sizeof *s->input_data);
    s->output_data = nx_arena_alloc(&s->arena, views, sizeof *s->output_data);
    if (!s->input_buffers || !s->views || !s->view_pointers || !s->view_shapes || !s->input_data || !s->output_data) {
        return nx_fail_memory(err);
    }
    s->output_buffers = s->input_buffers + s->input_count;
    int64_t chunk_bytes = s->run.chunk_bytes ? (int64_t)s->run.chunk_bytes : DEFAULT_CHUNK;
    s->chunk_items = chunk_bytes / item_bytes(s);
    if (s->chunk_items < LEAST_ITEMS) s->chunk_items = LEAST_ITEMS;
    if (s->chunk_items > s->shape.count) s->chunk_items = s->shape.count;
    for (uint32_t i = 0; i < views; i++) {
        bool is_output = i >= s->input_count;
        if (!is_output && !is_streamed(s, i)) continue;
        nexpr_dtype dtype = is_output ? s->sinks[i - s->input_count]->dtype : s->inputs[i]->dtype;
        s->input_buffers[i] = nx_buffer_take(s->context->buffers, (size_t)s->chunk_items * nexpr_dtype_size(dtype), 0);
        if (!s->input_buffers[i]) return nx_fail_memory(err);
    }
    return NEXPR_OK;
}

static void free_memory(stream *s) {
    for (uint32_t i = 0; s->input_buffers && i < s->input_count + s->output_count; i++) nx_buffer_give(s->input_buffers[i]);
    nexpr_plan_free(&s->plan);
    nx_arena_free(&s->arena);
}

/* ----------------------------------------------------------------------------------------------------- boxes -- */

typedef struct box {
    int64_t count; /* elements */
    int64_t origin[NEXPR_MAX_NDIM], extent[NEXPR_MAX_NDIM];
} box;

/* The largest box that begins at flat index `first`, is contiguous in C order and ends at `end` or before. */
static box next_box(const nx_shape *shape, int64_t first, int64_t end) {
    box b = {.count = 1};
    int64_t rest = first, inner = 1;
    for (int k = shape->ndim - 1; k >= 0; k--) {
        b.origin[k] = rest % shape->extent[k];
        b.extent[k] = 1;
        rest /= shape->extent[k];
    }
    for (int k = shape->ndim - 1; k >= 0; k--) {
        int64_t fit = (end - first) / inner, left = shape->extent[k] - b.origin[k];
        b.extent[k] = fit < left ? fit : left;
        b.count = b.extent[k] * inner;
        if (b.extent[k] < shape->extent[k]) break; /* further out there is only this one row */
        inner *= shape->extent[k];
        if (inner > end - first) break;
    }
    return b;
}

static bool is_same_box(const stream *s, const box *b) {
    return s->plan && !memcmp(b->extent, s->plan_extent, (size_t)s->shape.ndim * sizeof *b->extent);
}

/* The part of an array in memory that belongs to the box. */
static void view_array(const stream *s, const nexpr_array *a, const box *b, nexpr_array *ret, int64_t *shape) {
    int skipped = s->shape.ndim - a->ndim;
    int64_t *strides = shape + NEXPR_MAX_NDIM;
    char *data = a->data;
    for (int k = 0; k < a->ndim; k++) {
        strides[k] = nx_broadcast_stride(a, s->shape.ndim, skipped + k);
        data += b->origin[skipped + k] * strides[k];
        shape[k] = a->shape[k] == 1 ? 1 : b->extent[skipped + k];
    }
    *ret = *a;
    ret->data = data;
    ret->shape = shape;
    ret->strides = strides;
}

/* A piece of a buffer that holds the chunk from flat index `first` on. */
static void view_buffer(const stream *s, char *buffer, int64_t offset, nexpr_dtype dtype, nexpr_byte_order order,
                        const box *b, nexpr_array *ret) {
    *ret = (nexpr_array){.size = sizeof *ret, .data = buffer + offset * (int64_t)nexpr_dtype_size(dtype), .dtype = dtype,
                         .byte_order = order, .ndim = s->shape.ndim, .shape = b->extent};
}

static nexpr_status evaluate_box(stream *s, int64_t chunk_first, int64_t first, const box *b, nexpr_error *err) {
    for (uint32_t i = 0; i < s->input_count + s->output_count; i++) {
        nexpr_array *view = &s->views[i];
        bool is_output = i >= s->input_count;
        const nexpr_sink *sink = is_output ? s->sinks[i - s->input_count] : NULL;
        s->view_pointers[i] = view;
        if (is_output) view_buffer(s, s->input_buffers[i], first - chunk_first, sink->dtype, sink->byte_order, b, view);
        else if (is_streamed(s, i))
            view_buffer(s, s->input_buffers[i], first - chunk_first, s->inputs[i]->dtype, s->inputs[i]->byte_order, b, view);
        else if (is_used(s, i)) view_array(s, s->inputs[i], b, view, s->view_shapes + (size_t)i * 2 * NEXPR_MAX_NDIM);
        if (is_output) s->output_data[i - s->input_count] = view->data;
        else s->input_data[i] = view->data;
    }
    if (!is_same_box(s, b)) {
        nexpr_plan_free(&s->plan);
        nexpr_run_options run = s->run;
        run.progress = NULL;
        NX_TRY(
            nexpr_plan_new(s->expr, s->context, s->view_pointers, s->view_pointers + s->input_count, &run, &s->plan, err));
        memcpy(s->plan_extent, b->extent, sizeof b->extent);
    }
    return nexpr_plan_run(s->plan, s->input_data, s->output_data, err);
}

/* --------------------------------------------------------------------------------------------------- chunks -- */

/* Hands on a callback's failure, with a message if it made none. */
static nexpr_status check_callback(nexpr_status status, const nexpr_error *made, const char *what, uint32_t index,
                                   int64_t first, nexpr_error *err) {
    if (!status || !err) return status;
    if (made->status) *err = *made;
    else nx_fail_operand(err, status, (int)index, "%s %u failed at element %lld", what, index, (long long)first);
    return status;
}

static nexpr_status read_sources(const stream *s, int64_t first, int64_t count, nexpr_error *err) {
    for (uint32_t i = 0; i < s->input_count; i++) {
        if (!is_streamed(s, i)) continue;
        nexpr_error made = nexpr_error_init();
        nexpr_status status = s->sources[i]->read(s->sources[i]->user, first, count, s->input_buffers[i], &made);
        NX_TRY(check_callback(status, &made, "source", i, first, err));
    }
    return NEXPR_OK;
}

static nexpr_status write_sinks(const stream *s, int64_t first, int64_t count, nexpr_error *err) {
    for (uint32_t i = 0; i < s->output_count; i++) {
        nexpr_error made = nexpr_error_init();
        nexpr_status status = s->sinks[i]->write(s->sinks[i]->user, first, count, s->output_buffers[i], &made);
        NX_TRY(check_callback(status, &made, "sink", i, first, err));
    }
    return NEXPR_OK;
}

static nexpr_status run_chunk(stream *s, int64_t first, int64_t end, nexpr_error *err) {
    nx_laps laps = nx_laps_begin(s->run.profile);
    nexpr_status status = read_sources(s, first, end - first, err);
    nx_laps_finish(&laps, NX_LAP_READ);
    if (status) return status;
    for (int64_t at = first; at < end;) {
        box b = next_box(&s->shape, at, end);
        NX_TRY(evaluate_box(s, first, at, &b, err));
        at += b.count;
    }
    laps = nx_laps_begin(s->run.profile);
    status = write_sinks(s, first, end - first, err);
    nx_laps_finish(&laps, NX_LAP_WRITE);
    return status;
}

static nexpr_status run_stream(stream *s, nexpr_error *err) {
    NX_TRY(check_results(s, err));
    NX_TRY(check_sources(s, err));
    NX_TRY(make_buffers(s, err));
    for (int64_t first = 0, end; first < s->shape.count; first = end) {
        if (nx_is_cancelled(s->run.cancel)) return nx_fail(err, NEXPR_CANCELLED, NX_NOWHERE, "the evaluation was cancelled");
        end = s->shape.count - first < s->chunk_items ? s->shape.count : first + s->chunk_items;
        NX_TRY(run_chunk(s, first, end, err));
        if (s->run.progress) s->run.progress(s->run.progress_user, end, s->shape.count);
    }
    return NEXPR_OK;
}

nexpr_status nexpr_stream(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                          const nexpr_source *const *sources, const nexpr_sink *const *sinks, const nexpr_run_options *run,
                          nexpr_error *err) {
    stream s = {.expr = expr, .inputs = inputs, .sources = sources, .sinks = sinks, .run = nexpr_run_options_init(),
                .input_count = expr->ir.input_count, .output_count = expr->ir.result_count};
    NX_TRY(nx_context_get(context, &s.context, err));
    NX_TRY(NX_READ_STRUCT(&s.run, run, err));
    nx_arena_init(&s.arena, s.context->memory.use);
    nexpr_status status = run_stream(&s, err);
    free_memory(&s);
    return status;
}
