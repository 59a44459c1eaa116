/* SPDX-License-Identifier: MIT */
/*
 * Jobs: evaluation from files to files. The words used in job*.c:
 *
 *   space    The index space of results that broadcast together: their common shape. Results without elements have none.
 *   pass     One run through a space. Results whose shapes do not broadcast together take several passes. What is not
 *            elementwise, as sum(a), takes the passes of nexpr_slabs: a space has one axis then, that of the rows, and a box
 *            is a slab (job_slabs.c). If that does not do, one pass without a space: everything is in memory.
 *   box      A part of a space: a range on every axis. A pass is cut into boxes of one size (smaller ones at the ends),
 *            which come in C order of the axes, or in Fortran order. A member's region of a box is its part that the box
 *            needs; an axis on which the member has one element does not count.
 *   unit     What is read as one: a group of a file, with all the members of it that the expression uses.
 *   target   An output, with all the results that go into it.
 *
 * A box is read, computed and written. While one is computed, the next is read and the last one written, so buffers come in
 * pairs. A unit that cannot be read in the order of the boxes is set aside first (job_source.c).
 */
#ifndef NX_IO_JOB_H
#define NX_IO_JOB_H

#include "runtime/io/file.h"
#include "runtime/io/memory.h"
#include "runtime/io/writer.h"

enum { NX_JOB_SLOTS = 2, NX_JOB_PLANS = 4 };

/* The shape of an array, aligned to the axes of a space: 1 for those that it has not. */
typedef struct nx_axes {
    int ndim;
    int64_t size[NEXPR_MAX_NDIM];
} nx_axes;

typedef struct nx_box {
    int64_t first[NEXPR_MAX_NDIM], count[NEXPR_MAX_NDIM];
} nx_box;

typedef struct nx_pass {
    nx_axes space;
    bool fortran_order; /* the first axis is the innermost */
    nx_axes piece;      /* sizes of a full box */
    int64_t boxes[NEXPR_MAX_NDIM], box_count;
    bool is_tiled; /* cut on more than one axis of size above 1 */
    bool is_whole; /* no space, one box, and every region is all of its member */
    int64_t row_elements; /* of slabs: of inputs and results that a row has, for progress */
} nx_pass;

/* Elements of a unit's region in memory: records, or one column. */
typedef struct nx_part {
    int64_t item_size;
    int member; /* of the file; -1: records */
    char *buffers[NX_JOB_SLOTS];
    nx_spool spool;
} nx_part;

typedef struct nx_unit {
    nexpr_file *file;
    nx_reader *reader;
    int group;
    nx_part *parts;
    int part_count;
    bool is_aside;     /* it is set aside before anything is computed */
    bool is_checked;   /* its checksum has to be compared before, because it is not read in order */
    bool is_kept;      /* by slabs: a pass needs it whole, and it stays in memory from then on */
    bool has_lent_flag; /* the file had no cancel flag, and has the job's for a while */
    int pass;          /* of the state below; -1: none yet */
    int current;       /* the buffers that hold the region last read */
    nx_box region;     /* that one */
} nx_unit;

typedef struct nx_source {
    int unit, part; /* unit -1: an array in memory, or not used */
    int64_t offset; /* of the member in an item */
    bool is_used;
    nexpr_array array; /* in memory; of a unit: dtype, order of bytes, shape of the whole */
    int64_t strides[NEXPR_MAX_NDIM];
} nx_source;

typedef struct nx_result {
    int pass;           /* -1: it has no elements */
    int target, member; /* target -1: in memory */
    bool fortran_order; /* of the file or the array */
    nexpr_dtype dtype;
    int ndim;
    int64_t shape[NEXPR_MAX_NDIM], strides[NEXPR_MAX_NDIM];
    int64_t count, item_size;
    bool is_unknown;              /* its shape depends on data: extents are -1, and the counts 0, until it was run */
    bool is_collected;            /* it goes to a file, but from memory, when all was computed */
    nexpr_array made;             /* of unknown shape: what the evaluation allocated */
    char *given_name;             /* the sink's */
    char *data;                   /* in memory */
    char *buffers[NX_JOB_SLOTS];  /* on the way to a file */
    char name[24];                /* "r0", where it has no other */
    char type[NX_TYPE_MAX];       /* "<f8" */
} nx_result;

typedef struct nx_target {
    nexpr_output *output;
    nx_writer *writer;
    int *results; /* of each member */
    const void **data; /* by columns: of each member */
    bool has_lent_flag; /* as in nx_unit */
} nx_target;

struct nexpr_job {
    const nexpr *expr;
    nexpr_context *context;
    nexpr_job_options options;
    size_t max_memory; /* for buffers, after what is set aside in memory */
    nx_source *sources;
    nx_unit *units;
    nx_result *results;
    nx_target *targets;
    nx_pass *passes;
    int source_count, unit_count, result_count, target_count, pass_count;
    int64_t buffer_bytes; /* of the largest pass */
    int64_t spool_bytes;
    bool spool_in_memory;
    nexpr_slabs *slabs;  /* the passes are its passes; NULL: they are others */
    int64_t slab_bytes;  /* that the smallest slabs would have needed, if they needed too many; else 0 */
    bool has_unknown;    /* results of unknown shape: all are evaluated at once, and declared afterwards */
    enum { NX_JOB_NEW, NX_JOB_FAILED, NX_JOB_DONE } state;
};

/* Nanoseconds now, and those since then to a phase of the job's profile; nothing without one. */
int64_t nx_job_clock(const nexpr_job *job);
void nx_job_note(const nexpr_job *job, nexpr_phase phase, int64_t since);

/* ----------------------------------------------------------------------------------------------- job_space.c -- */

/* Bytes of one element of each of the unit's parts together. */
int64_t nx_unit_item_bytes(const nx_unit *unit);
/* Adds a*b; INT64_MAX if that is too large. */
void nx_add_product(int64_t *sum, int64_t a, int64_t b);
/* The sizes of an array, aligned to the space's axes; false if it does not fit into it: then it has no part in the pass. */
bool nx_pass_align(const nx_pass *pass, int ndim, const int64_t *shape, nx_axes *ret);
/* The region of a box for such sizes; in a space that it does not fit into, an axis that does not becomes empty. */
void nx_region(const nx_pass *pass, const nx_box *box, int ndim, const int64_t *shape, nx_box *ret);
/* Box number `index` of a pass. */
void nx_pass_box(const nx_pass *pass, int64_t index, nx_box *ret);
/* Whether no earlier box had the same region for such a shape: on an axis that the member has not, regions come again. */
bool nx_pass_is_first_time(const nx_pass *pass, const nx_box *box, int ndim, const int64_t *shape);
/* How often all of a member of such sizes is read in a pass: 1 if every region comes once. */
int64_t nx_pass_repeats(const nx_pass *pass, const nx_axes *axes);
/* Whether the member's region is the same for all boxes. */
bool nx_pass_is_constant(const nx_pass *pass, const nx_axes *axes);
/* Whether regions, in the order of boxes and without those that come again, are stretches of the member's file that follow
 * one another. */
bool nx_pass_is_in_order(const nx_pass *pass, const nx_axes *axes, bool fortran_order);
/* Elements of a full box's region. */
int64_t nx_pass_region_count(const nx_pass *pass, const nx_axes *axes);
/* Finds the passes of a job and their results; cuts them into boxes. */
void nx_job_make_passes(nexpr_job *job);
void nx_job_cut(nexpr_job *job);
/* Bytes of buffers that a pass needs. */
int64_t nx_job_buffer_bytes(const nexpr_job *job, int pass);

/* Calls visit for every stretch of a file that a region consists of: `at` is its place in the file, `from` its place in the
 * region's buffer, both in elements. */
typedef nexpr_status nx_visit(void *user, int64_t at, int64_t from, int64_t count, nexpr_error *err);
nexpr_status nx_for_stretches(int ndim, const int64_t *shape, bool fortran_order, const nx_box *region, nx_visit *visit,
                              void *user, nexpr_error *err);
/* Strides in bytes of a region that lies in a buffer in the order of its file. */
void nx_region_strides(int ndim, const int64_t *count, bool fortran_order, int64_t item_size, int64_t *strides);

/* ------------------------------------------------------------------------------------------------ job_slabs.c -- */

/* Finds the passes of slabs; job->slabs stays NULL if there are none, or they need more memory than there is. */
nexpr_status nx_job_make_slabs(nexpr_job *job, nexpr_error *err);
/* What a pass needs of a unit: all that its members in the expression need. */
nexpr_slab_part nx_slab_unit(const nexpr_job *job, int pass, int unit);
/* The unit's elements in C order, from *ret_begin up to *ret_end, that are in memory for a slab; none if it is not used. */
void nx_slab_region(const nexpr_job *job, int pass, int unit, const nx_box *box, int64_t *ret_begin, int64_t *ret_end);
/* Elements of the largest region. */
int64_t nx_slab_region_count(const nexpr_job *job, int pass, int unit);
/* Whether regions of all passes, one after the other and without what they have in common, are all of the unit's file once
 * (or, if not `once`, as often as they are used). */
bool nx_slab_is_in_order(const nexpr_job *job, int unit, bool once);
/* Bytes of the unit's file that all passes read. */
int64_t nx_slab_read_bytes(const nexpr_job *job, int unit);
/* Elements of a result in a row of a pass; 0 if its rows go nowhere. */
int64_t nx_slab_row_items(const nexpr_job *job, int pass, int result);
/* Cuts the passes into slabs; false if a slab of one row is too large. */
bool nx_job_cut_slabs(nexpr_job *job);
/* Computes a slab that was read; inputs and outputs are tables to be filled. */
nexpr_status nx_job_compute_slab(nexpr_job *job, int pass, const nx_box *box, const int *current, int slot,
                                 const void **inputs, void **outputs, nexpr_error *err);
nexpr_status nx_job_end_slabs(nexpr_job *job, int pass, nexpr_error *err);

/* ---------------------------------------------------------------------------------------------- job_source.c -- */

/* Checks the sources, and finds the units. */
nexpr_status nx_job_make_units(nexpr_job *job, const nexpr_file_source *const *sources, nexpr_error *err);
/* Says which units have to be set aside, or checked, before the passes as they are cut now. */
void nx_job_choose_access(nexpr_job *job);
/* Does so. */
nexpr_status nx_job_prepare_units(nexpr_job *job, nexpr_error *err);
nexpr_status nx_job_allocate_units(nexpr_job *job, int pass, nexpr_error *err);
/* Reads the regions of a box, where they are not those of the box before. ret_current[i] says which of its buffers a unit
 * used. Boxes come in order; buffers that box k - 2 used are written over. */
nexpr_status nx_job_read_box(nexpr_job *job, int pass, const nx_box *box, int *ret_current, nexpr_error *err);
void nx_job_free_units(nexpr_job *job);
/* Compares sizes of files with those at the beginning, and what is left of pipes. */
nexpr_status nx_job_check_units(nexpr_job *job, nexpr_error *err);

/* ---------------------------------------------------------------------------------------------- job_sink.c -- */

/* Finds the targets; declares their members, when the order of axes is known. */
nexpr_status nx_job_make_targets(nexpr_job *job, const nexpr_file_sink *const *sinks, nexpr_error *err);
nexpr_status nx_job_declare_targets(nexpr_job *job, nexpr_error *err);
/* The name of a result in an output. */
const char *nx_job_result_name(const nexpr_job *job, int index);
nexpr_status nx_job_begin_targets(nexpr_job *job, nexpr_error *err);
/* Buffers for the results of a pass, and for others that fit into its space too: an evaluation computes them all. */
nexpr_status nx_job_allocate_results(nexpr_job *job, int pass, nexpr_error *err);
/* Memory for the results that stay there. */
nexpr_status nx_job_allocate_arrays(nexpr_job *job, nexpr_error *err);
/* Writes the results that were collected in memory. */
nexpr_status nx_job_write_collected(nexpr_job *job, nexpr_error *err);
/* Declares, begins and writes the targets of results whose shapes were not known before they were made. */
nexpr_status nx_job_write_made(nexpr_job *job, nexpr_error *err);
nexpr_status nx_job_write_box(nexpr_job *job, int pass, const nx_box *box, int slot, nexpr_error *err);
nexpr_status nx_job_finish_targets(nexpr_job *job, nexpr_error *err);
void nx_job_free_results(nexpr_job *job);

/* ------------------------------------------------------------------------------------------------- job_run.c -- */

/* Runs a pass: units and results are allocated. `done` elements of all results are complete before it. */
nexpr_status nx_job_run_pass(nexpr_job *job, int pass, int64_t *done, nexpr_error *err);

#endif
