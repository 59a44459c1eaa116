/* SPDX-License-Identifier: MIT */
/*
 * A program over distributed arrays: the passes of nexpr_parts, of which this rank computes its part. A pass is
 *
 *   prepare     what is needed of which array, where it comes from, memory for it all; then the ranks agree, if anything
 *               is to move
 *   fetch       rows of other ranks and boxes come; what needs neither is computed meanwhile
 *   compute     the rest; a reduction's nodes go to everybody, and make its targets
 *
 * Between the agreements of two passes everybody makes the same calls of MPI, whatever fails (call.h).
 */
#ifndef NX_MPI_PROGRAM_H
#define NX_MPI_PROGRAM_H

#include "nexpr_parts.h"

#include "runtime/mpi/courier.h"
#include "runtime/mpi/rows.h"

/* An array of the program, as this rank has it. */
typedef struct nx_operand {
    const nexpr_mpi_array *array; /* NULL: it is in a file, or not there */
    nexpr_mpi_array *own;         /* the same, if the program has made it */
    nexpr_file *file;             /* an input that is read where it is needed; every rank can read all of it */
    int member;
    nexpr_output *output;         /* a result that is written as it is computed: the caller's, or `joined` */
    nexpr_output *joined;         /* this rank's way into an output that rank 0 has made */
} nx_operand;

/* What a result is to be: an array that is there, or a file that all ranks write to; else an array is made. */
typedef struct nx_wanted {
    const nexpr_mpi_array *array;
    nexpr_output *output; /* on rank 0 */
    bool is_file;         /* on all ranks: */
    const char *path;
    uint64_t number;      /* of nexpr_output_share */
    nexpr_output_options options;
} nx_wanted;

typedef struct nx_program {
    nx_call *call;
    nexpr_parts *parts;
    nx_operand *operands;      /* by array of the parts */
    int operand_count, input_count, result_count;
    nx_wanted *wanted;         /* by result */
    nexpr_parts *forecast;     /* NULL, or: goes ahead, to see whether there is memory for what comes */
    int64_t max_memory;        /* for arrays that passes hand on, what is fetched, and buffers */
    int64_t held_bytes;        /* what is in memory already */
    int64_t buffer_bytes;      /* what is read and written is cut into stretches of so many bytes; 0: not at all */
    nexpr_progress *progress;  /* may be NULL; of rank 0's elements, as if the others were as far */
    void *progress_user;
    int64_t done, total;
    nx_memory operand_memory, wanted_memory;
} nx_program;

/* Takes parts, and room for its operands; raises MEMORY. Inputs and results are then set by the caller. */
void nx_program_prepare(nx_call *c, nexpr_parts *parts, int input_count, int result_count, nx_program *ret);
/* Looks at the passes up to the next length, or to the end; raises MEMORY if they take too much. No call of MPI. */
void nx_program_forecast(nx_program *program);
/* Goes through all steps. false: a rank has failed, and all have been told. true: if this one has, the others do not know
 * yet, and are to agree. */
bool nx_program_run(nx_program *program);
/* The array that a result is; the program has it no longer. */
nexpr_mpi_array *nx_program_take_result(nx_program *program, int index);
void nx_program_free(nx_program *program);

/* Where a need comes from. */
typedef enum nx_fetch_kind {
    NX_FETCH_HELD, /* from the rank's own slab */
    NX_FETCH_ROWS, /* likewise, and from other ranks' along the same axis */
    NX_FETCH_BOX,  /* from slabs along another axis */
    NX_FETCH_READ, /* from a file, stretch by stretch */
} nx_fetch_kind;

/* Of what is read and written there are two: one is computed from, or to, while the other is on its way. */
enum { NX_SLOTS = 2 };

/* What is read of a file for a stretch of units. */
typedef struct nx_portion {
    int64_t first[NEXPR_MAX_NDIM], count[NEXPR_MAX_NDIM];
    nexpr_part_view view;
    char *buffer;
    nx_memory memory;
} nx_portion;

typedef struct nx_fetch {
    nx_fetch_kind kind;
    int array, axis;
    nexpr_part_view held;  /* HELD, ROWS: of the own slab; BOX: of what came */
    nx_want *wants;        /* ROWS: by rank */
    nx_rows rows;
    nx_layout target;      /* BOX */
    nx_exchange exchange;
    nx_portion portions[NX_SLOTS]; /* READ */
    int64_t row;           /* READ: bytes of all that has one index of the axis */
    nx_memory want_memory, box_memory;
} nx_fetch;

/* Units [begin, end) of this rank's part, of which the rows of other ranks are the wants of that number; -1: it has none. */
typedef struct nx_stretch {
    int64_t begin, end;
    int want;
} nx_stretch;

enum { NX_STRETCHES = 3 };

/* Some units of a stretch, that are computed at once. */
typedef struct nx_chunk {
    const nx_stretch *stretch;
    int64_t begin, end;
    int slot;
} nx_chunk;

/* What a chunk has of a target. */
typedef struct nx_product {
    const nx_operand *to;
    char *buffer;          /* NULL: it is computed in place */
    int64_t rows[2];
    nx_memory memory;
} nx_product;

/* The pass that is run. */
typedef struct nx_pass_run {
    nx_program *program;
    nx_call *call;
    nexpr_part_pass info;
    nx_fetch *fetches;     /* by need */
    nexpr_part_view *views;
    void **targets;
    nx_product *products;  /* by target, and slot */
    nx_memory list_memory, node_memory;
    bool has_couriers;     /* what is read and written goes beside what is computed */
    nx_courier reader, writer;
    nexpr_error read_error, write_error; /* theirs */
    int read_slot, write_slot;
    nx_stretch stretches[NX_STRETCHES];                 /* in order */
    int stretch_count;
    int64_t *inside;       /* by rank: the units of its part that need no rows of others, begin and end */
    nx_memory inside_memory;
    nx_layout node_layout; /* bytes of nodes, one rank's behind another's */
    nx_layout all_nodes;
    nx_exchange node_exchange;
    char *own_nodes, *nodes;
    int64_t appended;      /* elements, of a target that is appended to */
} nx_pass_run;

/* runtime/mpi/fetch.c. Finds out where everything comes from, and takes memory; raises MEMORY. */
void nx_fetch_prepare(nx_pass_run *p);
/* Boxes come; rows are on their way. */
void nx_fetch_begin(nx_pass_run *p);
/* Lets rows go on, between the blocks of what is computed: a nexpr_parts_call. */
void nx_fetch_go_on(void *pass_run);
void nx_fetch_end(nx_pass_run *p);
/* Takes memory for what a chunk reads of files; raises MEMORY. */
void nx_fetch_place(nx_pass_run *p, const nx_chunk *chunk);
/* Reads it, into a slot; for a courier: an error is in p->read_error. */
void nx_fetch_read(nx_pass_run *p, int slot);
/* Sets the views for a chunk that has been read. */
void nx_fetch_views(nx_pass_run *p, const nx_chunk *chunk);
/* Bytes that are read for units. */
int64_t nx_fetch_read_bytes(const nx_pass_run *p, int64_t begin, int64_t end);
bool nx_fetch_reads(const nx_pass_run *p);
/* Whether anything comes from other ranks, for any of them: the same on all, once it is prepared. */
bool nx_fetch_moves(const nx_pass_run *p);
void nx_fetch_free(nx_pass_run *p);

/* runtime/mpi/target.c. Makes the arrays that the pass fills, unless they go to files; rank 0 declares these. Raises errors. */
void nx_target_make(nx_pass_run *p);
/* The other ranks find the files that rank 0 has made. */
void nx_target_join(nx_pass_run *p);
/* Where the targets of a chunk are computed: in place, or in its slot's buffer. Raises MEMORY. */
void nx_target_place(nx_pass_run *p, const nx_chunk *chunk);
/* Takes what was computed, and was `appended`, out of buffers, but for what is to be written. */
void nx_target_keep(nx_pass_run *p, const nx_chunk *chunk, int64_t appended);
/* Writes what a slot has for files; for a courier: an error is in p->write_error. */
void nx_target_write(nx_pass_run *p, int slot);
bool nx_target_writes(const nx_pass_run *p);
/* Whether a target goes to a file that other ranks have to find: the same on all ranks. */
bool nx_target_is_shared(const nx_pass_run *p);
/* Bytes of targets of units that go through a buffer. */
int64_t nx_target_buffer_bytes(const nx_pass_run *p, int64_t begin, int64_t end);

/* runtime/mpi/pass.c. Runs the current pass. false: a rank has failed before it, and all have been told. */
bool nx_pass_run_current(nx_program *program);

#endif
