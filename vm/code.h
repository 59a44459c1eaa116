/* SPDX-License-Identifier: MIT */
/*
 * Linked code: what nx_vm_link makes and nx_vm_run walks through. A step names its operands by their index in a table of
 * addresses, which every running thread has at the start of its scratch memory:
 *
 *   constants   in the code                         moving    the operands of the caller, at the current block
 *   slots       values that are one element         registers values that are a block
 *
 * The only addresses that change during a run are the moving ones.
 */
#ifndef NX_VM_CODE_H
#define NX_VM_CODE_H

#include "vm/kernels.h"
#include "vm/lookup.h"
#include "vm/program.h"

/*
 * How the two axes are cut: into blocks of at most rows x cols. Long rows: rows is 1, and a row has one block or several.
 * Short rows (is_tiled): cols is the length of a row, and a block has as many rows as fit.
 *
 * Where all that is done for each element is one segment, nothing has to be kept from step to step, and a block is all rows
 * (is_whole), or those of a panel.
 *
 * Inputs whose columns are closer together in memory than their rows are loaded for panel_rows rows of blocks at once: a
 * panel, from which blocks then read their rows as if it were an array in C order. So each cache line is read once. Inputs
 * that are the same for all rows, but not a row in C order, get a panel of one row.
 */
typedef struct nx_blocks {
    int64_t count[2]; /* extent of the axes */
    int64_t rows, cols;
    int64_t run_cols; /* as cols, or a whole row where blocks are of no use */
    int64_t panel_rows; /* 0: no input has panels; a multiple of rows, or all there are */
    bool is_tiled, is_whole;
    bool repeats;     /* there are panels of one row, too */
    bool is_long; /* enough for the processor to foresee what comes from memory */
    bool has_columns; /* such inputs are read where they are, by machine code that transposes them in registers */
    size_t register_bytes;
} nx_blocks;

nx_blocks nx_blocks_choose(const nx_vm_program *program, const nx_vm_layout *layout);
/* All rows as one block, or those of a panel; false if some operand cannot be used where it is. */
bool nx_blocks_choose_whole(const nx_vm_program *program, const nx_vm_layout *layout, nx_blocks *ret);

/* When a step is done, and thereby what its value is. Without tiles there is no TILE, with tiles no ROW, and where a block is
 * all rows neither. A value is made as early as the latest of its operands. */
typedef enum nx_phase {
    NX_PHASE_CALL,  /* one element, once per nx_vm_run: depends on nothing that varies */
    NX_PHASE_TILE,  /* a block, once per nx_vm_run: does not vary from row to row */
    NX_PHASE_ROW,   /* one element, once per row: does not vary within it */
    NX_PHASE_BLOCK, /* a block, once per block */
    NX_PHASE_COUNT
} nx_phase;

static inline bool nx_phase_is_scalar(nx_phase phase) {
    return phase == NX_PHASE_CALL || phase == NX_PHASE_ROW;
}

/* The phase of an operand in memory, and whether a block of it is contiguous, aligned and native. */
nx_phase nx_blocks_phase(const nx_blocks *blocks, const nx_vm_operand *operand);
bool nx_blocks_are_plain(const nx_blocks *blocks, const nx_vm_operand *operand);
/* Whether the input is read where it is, and its columns lie end to end. */
bool nx_blocks_has_columns(const nx_blocks *blocks, const nx_vm_operand *operand);
/* Whether the input is loaded by panels, and whether these are of one row. */
bool nx_blocks_has_panels(const nx_blocks *blocks, const nx_vm_operand *operand);
bool nx_blocks_repeats(const nx_blocks *blocks, const nx_vm_operand *operand);

typedef enum nx_step_kind {
    NX_STEP_COMPUTE,
    NX_STEP_LOAD,     /* from a moving operand */
    NX_STEP_FILL,     /* every element of dst from the one of src */
    NX_STEP_STORE,    /* to a moving operand */
    NX_STEP_STORE_NT, /* the same, contiguous and past the caches */
    NX_STEP_LOOKUP,   /* of src[0] in the tables src[1], src[2] */
    NX_STEP_GATHER,   /* take: elements src[0] of the moving operand src[1] */
    NX_STEP_SELECT,   /* the same for a single index: a load */
    NX_STEP_SEGMENT,  /* a compiled loop: code->segments[site] */
} nx_step_kind;

typedef struct nx_step {
    union {
        nx_kernel *compute;
        nx_load_kernel *load; /* and FILL, SELECT */
        nx_store_kernel *store;
        nx_lookup_kernel *lookup;
        nx_gather_kernel *gather;
    } kernel;
    uint32_t dst, src[NX_MAX_OPERANDS]; /* in the table of addresses; unused ones are 0 */
    uint32_t site; /* of a lookup: in the code's sites; of a segment: in its segments */
    uint8_t kind, item_size;
} nx_step;

/* What a lookup knows of its tables. */
typedef struct nx_site {
    int64_t count[NX_MAX_TABLES];
    int64_t stride; /* of the first */
    nx_span span;
    int axis;
} nx_site;

/* A segment with its operands, outputs first: in the table of addresses, and bytes from one element to the next; if it has
 * rows, behind these from one row to the next. */
typedef struct nx_linked_segment {
    const nx_segment *segment;
    nx_segment_kernel *kernel; /* set before the code is run */
    uint32_t *operand;
    int64_t *stride;
} nx_linked_segment;

typedef struct nx_moving {
    uint32_t index; /* in nx_vm_args.inputs or outputs */
    bool is_output;
    bool is_memory; /* it may be read ahead */
    int64_t stride[2];
} nx_moving;

/* A moving operand that points into a panel of its own while blocks are computed. */
typedef struct nx_panel {
    nx_load_kernel *load;
    uint32_t moving;
    uint32_t item_size;
    bool repeats;  /* it has one row, for all others */
    size_t offset; /* in the scratch memory */
} nx_panel;

struct nx_vm_code {
    size_t bytes; /* of this object and its arrays, which are one allocation */
    nx_isa isa;
    nx_blocks blocks;
    bool is_non_temporal; /* some output is */
    bool is_folding;      /* likewise */
    bool is_stepping;     /* into nodes, whose addresses are not in the table */
    bool has_leaves;      /* likewise; they are those of rows */
    bool is_cold;         /* blocks are fetched ahead */
    double ns_per_item, compiled_ns_per_item; /* the latter if segments were made of it */
    const nx_step *steps;
    uint32_t phase_end[NX_PHASE_COUNT]; /* the steps of a phase begin where those of the phase before it end */
    nx_value *constants;
    nx_moving *moving;
    nx_panel *panels;
    nx_site *sites;
    nx_linked_segment *segments; /* an allocation of its own */
    size_t segment_bytes;
    nx_vm_part *parts; /* likewise; NULL unless they were asked for */
    nx_span *places;   /* likewise */
    uint32_t part_count, place_count;
    uint32_t panel_count, site_count, segment_count;
    bool can_fault;
    uint32_t constant_count, moving_count, slot_count, register_count; /* in the order of the table */
};

/* Layout of the scratch memory: the table, the slots, the registers somewhere in the page behind, the panels. */
enum { NX_PAGE = 4096, NX_LINE = 64 };

static inline size_t nx_align64(size_t n) {
    return (n + 63) & ~(size_t)63;
}

static inline size_t nx_scratch_slots(const nx_vm_code *code) {
    return nx_align64(sizeof(char *) * ((size_t)code->constant_count + code->moving_count + code->slot_count +
                                        code->register_count + 1));
}

static inline size_t nx_scratch_registers(const nx_vm_code *code) {
    return nx_scratch_slots(code) + nx_align64(sizeof(nx_value) * code->slot_count);
}

static inline size_t nx_scratch_panels(const nx_vm_code *code) {
    return nx_scratch_registers(code) + code->register_count * code->blocks.register_bytes + NX_PAGE;
}

static inline size_t nx_panel_bytes(const nx_vm_code *code, const nx_panel *panel) {
    return nx_align64((size_t)((panel->repeats ? 1 : code->blocks.panel_rows) * code->blocks.cols) * panel->item_size);
}

#endif
