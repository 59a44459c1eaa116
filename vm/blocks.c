/* SPDX-License-Identifier: MIT */
/*
 * How large a block is. The widest value fills a register of 4 KiB, less if so many values are live that they would not
 * stay in the L1 cache together, but never less than 256 items, below which calling kernels costs more than it saves.
 * Panels have columns of some cache lines, which memory gives out faster than single ones, and stay in the L2 cache.
 *
 * Operands in memory are another matter. There the time goes into waiting, and the processor looks some 300 instructions
 * ahead: blocks so short that it sees the next kernel's loads while it waits for this one's. Of many inputs the next blocks
 * would not stay in the L1 cache until their turn: there blocks are so long that the processor foresees each input.
 *
 * Blocks that are folded into lanes begin at the first lane.
 *
 * A row that all others repeat, and that does not lie in one run, is gathered once for many of them: a panel of one row.
 */
#include "vm/code.h"

enum {
    REGISTER_BYTES = 4096,
    COLD_REGISTER_BYTES = 2048,  /* for operands in memory */
    LIGHT_REGISTER_BYTES = 1024, /* for light programs on these */
    LONG_REGISTER_BYTES = 65536, /* for more inputs than FEW_STREAMS of these */
    LONG_CACHE_BYTES = 131072,   /* half of a small L2 cache */
    TILE_BYTES = 8192,           /* but of tiles for segments, which wait for their own loads only */
    FEW_OPS = 8,
    FEW_INPUTS = 4,
    FEW_STREAMS = 16,
    MIN_ITEMS = 256,
    MAX_ITEMS = 1 << 16, /* of a block that the caller asked for */
    CACHE_BYTES = 16384, /* half of the smallest L1 data cache there is */
    LINE_ITEMS = 64,     /* blocks of a row end on a cache line, whatever the item size */
    LONG_ROW = 64,       /* rows of so many items may be a block each, if tiles would have to copy an operand */
    VECTOR_BYTES = 64,   /* shorter rows are better put together to tiles than computed one by one */
    PANEL_ROWS = 128,
    MIN_PANEL_ROWS = 16,
    PANEL_ROW_BYTES = 18 * 64, /* whole lines, but no power of two, which would put the rows into a few sets of a cache */
    MIN_PANEL_COLS = 64,
    PANEL_BYTES = 160 << 10, /* all panels together */
    REPEATED_BYTES = 64 << 10, /* all panels of one row */
    MIN_REPEATS = 4,
};

static size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t widest_item(const nx_vm_program *program, const nx_vm_layout *layout) {
    size_t widest = 1;
    for (uint32_t i = 0; i < program->code_count; i++) {
        widest = max_size(widest, nexpr_dtype_size((nexpr_dtype)program->code[i].dtype));
    }
    for (uint32_t i = 0; i < program->input_count; i++) {
        widest = max_size(widest, nexpr_dtype_size(program->inputs[i].dtype));
    }
    for (uint32_t i = 0; i < program->result_count; i++) {
        widest = max_size(widest, nexpr_dtype_size(layout->outputs[i].dtype));
    }
    return widest;
}

/* Bytes of an item of everything that should stay in the cache from one instruction to a later one. */
static size_t live_bytes(const nx_vm_program *program, size_t widest) {
    size_t bytes = program->register_count * widest;
    for (uint32_t i = 0; i < program->input_count; i++) {
        if (program->inputs[i].is_read_twice) bytes += nexpr_dtype_size(program->inputs[i].dtype);
    }
    return bytes;
}

/* Whether operands in memory keep it waiting. With many, as a stencil's rows, each has too little of a short block. */
static bool is_light(const nx_vm_program *program) {
    bool light = program->code_count <= FEW_OPS && program->input_count <= FEW_INPUTS;
    for (uint32_t i = 0; light && i < program->code_count; i++) {
        const nx_vm_instruction *instruction = &program->code[i];
        light = instruction->kind != NX_NODE_LOOKUP;
        if (instruction->kind != NX_NODE_OP) continue;
        light = !nx_op_is_math((nx_op)instruction->op, (nexpr_dtype)instruction->loop);
    }
    return light;
}

/* All outputs are folded, or none. */
static bool folds(const nx_vm_program *program, const nx_vm_layout *layout) {
    return program->result_count && layout->outputs[0].is_folded;
}

static bool has_long_blocks(const nx_vm_program *program, const nx_vm_layout *layout) {
    return layout->is_cold && program->input_count > FEW_STREAMS && layout->block_items <= 0;
}

static size_t register_bytes(const nx_vm_program *program, const nx_vm_layout *layout) {
    if (!layout->is_cold) return REGISTER_BYTES;
    if (has_long_blocks(program, layout)) return LONG_REGISTER_BYTES;
    return is_light(program) ? LIGHT_REGISTER_BYTES : COLD_REGISTER_BYTES;
}

static int64_t choose_items(const nx_vm_program *program, const nx_vm_layout *layout, size_t widest) {
    if (layout->block_items > 0) return layout->block_items < MAX_ITEMS ? layout->block_items : MAX_ITEMS;
    const size_t live = live_bytes(program, widest);
    const size_t most = has_long_blocks(program, layout) ? LONG_CACHE_BYTES : CACHE_BYTES;
    size_t items = register_bytes(program, layout) / widest;
    while (items > MIN_ITEMS && items * live > most) items /= 2;
    return (int64_t)items;
}

/* The same of tiles, given that of other blocks. */
static int64_t choose_tile_items(const nx_vm_program *program, const nx_vm_layout *layout, size_t widest, int64_t items) {
    if (!layout->is_cold || !layout->has_segments || layout->block_items) return items;
    const int64_t live = (int64_t)live_bytes(program, widest);
    int64_t more = TILE_BYTES / (int64_t)widest;
    while (more > items && more * live > CACHE_BYTES) more /= 2;
    return more > items ? more : items;
}

/* The length of the blocks of a long row: as few as possible, of nearly the same length. */
static int64_t cut_row(int64_t length, int64_t items) {
    if (length <= items) return length > 0 ? length : 1;
    int64_t parts = (length + items - 1) / items;
    int64_t cols = ((length + parts - 1) / parts + LINE_ITEMS - 1) / LINE_ITEMS * LINE_ITEMS;
    return cols < items ? cols : items;
}

/* Whether the operand can be used where it is if a block is a row or part of one, but has to be copied into a tile. */
static bool prefers_rows(const nx_blocks *blocks, const nx_vm_operand *operand) {
    int64_t size = (int64_t)nexpr_dtype_size(operand->dtype);
    if (operand->is_index || operand->swapped || !operand->aligned || !operand->stride[0]) return false;
    return !operand->stride[1] || (operand->stride[1] == size && operand->stride[0] != size * blocks->count[1]);
}

static bool is_tiled(const nx_blocks *blocks, const nx_vm_program *program, const nx_vm_layout *layout, int64_t items) {
    int64_t length = blocks->count[1];
    if (blocks->count[0] <= 1 || length < 1 || length > items / 2) return false;
    if (length < LONG_ROW) return true;
    for (uint32_t i = 0; i < program->input_count; i++) {
        if (program->inputs[i].is_table) continue;
        if (prefers_rows(blocks, &layout->inputs[program->inputs[i].index])) return false;
    }
    for (uint32_t r = 0; r < program->result_count; r++) {
        if (prefers_rows(blocks, &layout->outputs[r])) return false;
    }
    return true;
}

static size_t distance(int64_t stride) {
    return stride < 0 ? 0 - (size_t)stride : (size_t)stride;
}

static bool is_transposed(const nx_blocks *blocks, const nx_vm_operand *operand) {
    if (operand->is_index || !operand->stride[0] || !operand->stride[1]) return false;
    return blocks->count[0] > 1 && blocks->count[1] > 1 &&
           distance(operand->stride[0]) < distance(operand->stride[1]);
}

/* Whether all rows are the same one, which would have to be gathered for each of them. */
static bool is_repeated(const nx_blocks *blocks, const nx_vm_operand *operand) {
    if (operand->is_index || operand->stride[0] || !operand->stride[1]) return false;
    if (blocks->count[0] < MIN_REPEATS || blocks->count[1] < 2) return false;
    return operand->swapped || !operand->aligned || operand->stride[1] != (int64_t)nexpr_dtype_size(operand->dtype);
}

/* Shrinks *cols, at first the most that a block may have, so that `item_bytes` for each item of a panel fit. */
static int64_t choose_panel_rows(size_t item_bytes, int64_t *cols) {
    const int64_t most = (int64_t)(PANEL_BYTES / item_bytes);
    int64_t rows = PANEL_ROWS;
    while (rows > MIN_PANEL_ROWS && rows * *cols > most) rows /= 2;
    while (*cols > MIN_PANEL_COLS && rows * *cols > most) *cols /= 2;
    return rows * *cols > most ? 0 : rows;
}

/* Bytes of an item of all inputs of this sort. */
static size_t item_bytes_of(const nx_blocks *b, const nx_vm_program *program, const nx_vm_layout *layout,
                            bool (*has)(const nx_blocks *, const nx_vm_operand *)) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < program->input_count; i++) {
        const nx_vm_operand *operand = &layout->inputs[program->inputs[i].index];
        if (!program->inputs[i].is_table && has(b, operand)) bytes += nexpr_dtype_size(operand->dtype);
    }
    return bytes;
}

/* Rows that are tiled have their length already. */
static void choose_panels(nx_blocks *b, const nx_vm_program *program, const nx_vm_layout *layout, size_t widest,
                          int64_t *items) {
    const size_t item_bytes = item_bytes_of(b, program, layout, is_transposed);
    if (!item_bytes) return;
    int64_t most = (int64_t)(PANEL_ROW_BYTES / widest);
    int64_t cols = b->is_tiled ? b->count[1] : *items < most ? *items : most, wanted = cols;
    int64_t rows = choose_panel_rows(item_bytes, &cols), tile = b->is_tiled ? *items / cols : 1;
    if (!rows || (b->is_tiled && (cols < wanted || tile >= rows))) return;
    rows = (rows + tile - 1) / tile * tile;
    b->panel_rows = rows < b->count[0] ? rows : b->count[0];
    if (!b->is_tiled) *items = cols;
}

/* Panels of one row, behind choose_panels: beside its panels, or by themselves, of as many columns as blocks have, or as fit
 * if all rows are a block. */
static void choose_repeated_panels(nx_blocks *b, const nx_vm_program *program, const nx_vm_layout *layout, int64_t *items) {
    const int64_t item_bytes = (int64_t)item_bytes_of(b, program, layout, is_repeated);
    const bool is_alone = !b->panel_rows, has_leaves = layout->node_count && layout->has_leaves;
    if (!item_bytes || (is_alone && item_bytes_of(b, program, layout, is_transposed))) return;
    const int64_t cols = is_alone && b->is_whole ? REPEATED_BYTES / item_bytes : *items;
    if (cols * item_bytes > REPEATED_BYTES || cols < MIN_PANEL_COLS || (has_leaves && cols < b->count[1])) return;
    *items = cols;
    b->repeats = true;
    if (is_alone) b->panel_rows = b->count[0] < PANEL_ROWS ? b->count[0] : PANEL_ROWS;
}

/* Rows of a tile: results that are stored past the caches get whole cache lines, unless the rows are few. */
static int64_t choose_tile_rows(const nx_vm_program *program, const nx_vm_layout *layout, int64_t most) {
    int64_t step = 1;
    for (uint32_t r = 0; r < program->result_count; r++) {
        const int64_t items = NX_LINE / (int64_t)nexpr_dtype_size(layout->outputs[r].dtype);
        if (layout->outputs[r].non_temporal && items > step) step = items;
    }
    if (most >= layout->count[0]) return layout->count[0];
    return most < step ? most : most / step * step;
}

nx_blocks nx_blocks_choose(const nx_vm_program *program, const nx_vm_layout *layout) {
    size_t widest = widest_item(program, layout);
    int64_t items = choose_items(program, layout, widest);
    const bool is_folding = folds(program, layout);
    if (is_folding) items = items < NX_LANES ? NX_LANES : items / NX_LANES * NX_LANES;
    nx_blocks b = {.count = {layout->count[0], layout->count[1]}, .rows = 1, .is_long = has_long_blocks(program, layout)};
    b.is_tiled = !is_folding && is_tiled(&b, program, layout, items);
    if (!is_folding) choose_panels(&b, program, layout, widest, &items);
    if (!is_folding && !b.is_tiled) choose_repeated_panels(&b, program, layout, &items);
    if (b.is_tiled && !b.panel_rows) items = choose_tile_items(program, layout, widest, items);
    b.cols = b.is_tiled ? b.count[1] : cut_row(b.count[1], items);
    if (b.is_tiled) b.rows = choose_tile_rows(program, layout, items / b.cols);
    b.register_bytes = nx_align64((size_t)(b.rows * b.cols) * widest);
    return b;
}

/* Whether the operand can be used where it is, or is read through panels. */
static bool is_in_place(const nx_blocks *blocks, const nx_vm_operand *operand) {
    return !operand->is_index && (!is_transposed(blocks, operand) || blocks->panel_rows || blocks->has_columns);
}

/* Whether all inputs that would have panels are read as columns: in caches, and for short programs, whose values for a tile
 * stay in registers. */
static bool can_have_columns(const nx_blocks *b, const nx_vm_program *program, const nx_vm_layout *layout, size_t widest) {
    bool has_one = false;
    if (layout->is_cold || layout->node_count || widest < 4 || program->code_count > FEW_OPS) return false;
    if (b->count[0] < NX_TILE_ROWS) return false;
    for (uint32_t i = 0; i < program->input_count; i++) {
        const nx_vm_operand *operand = &layout->inputs[program->inputs[i].index];
        const int64_t size = (int64_t)nexpr_dtype_size(operand->dtype);
        if (program->inputs[i].is_table || !is_transposed(b, operand)) continue;
        if (operand->stride[0] != size || size < 4 || nx_dtype_class(operand->dtype) == NX_CLASS_COMPLEX) return false;
        has_one = true;
    }
    return has_one;
}

/* Of operands in memory panels are used row by row, for the sake of prefetching. */
bool nx_blocks_choose_whole(const nx_vm_program *program, const nx_vm_layout *layout, nx_blocks *ret) {
    const int64_t *count = layout->count;
    const size_t widest = widest_item(program, layout);
    *ret = (nx_blocks){.count = {count[0], count[1]}, .rows = count[0], .cols = count[1], .is_whole = true,
                       .register_bytes = NX_LINE};
    const bool has_leaves = layout->node_count && layout->has_leaves;
    const int64_t least_cols = has_leaves ? NX_LANES : VECTOR_BYTES / (int64_t)widest;
    if ((count[0] <= 1 && !has_leaves) || count[1] < least_cols || layout->block_items) return false;
    int64_t items = choose_items(program, layout, widest);
    ret->has_columns = can_have_columns(ret, program, layout, widest);
    if (!layout->is_cold && !ret->has_columns) choose_panels(ret, program, layout, widest, &items);
    if (!ret->has_columns) choose_repeated_panels(ret, program, layout, &items);
    if (ret->panel_rows) {
        ret->rows = ret->panel_rows;
        ret->cols = cut_row(count[1], items);
        if (has_leaves && ret->cols < count[1]) return false;
    }
    for (uint32_t i = 0; i < program->input_count; i++) {
        if (program->inputs[i].is_table || !is_in_place(ret, &layout->inputs[program->inputs[i].index])) return false;
    }
    for (uint32_t r = 0; r < program->result_count && !has_leaves; r++) {
        if (layout->outputs[r].is_folded || !nx_blocks_are_plain(ret, &layout->outputs[r])) return false;
    }
    return true;
}

nx_phase nx_blocks_phase(const nx_blocks *blocks, const nx_vm_operand *operand) {
    bool varies0 = operand->stride[0] && blocks->count[0] > 1;
    bool varies1 = operand->stride[1] && blocks->count[1] > 1;
    if (blocks->count[0] == 1 && blocks->count[1] == 1) return NX_PHASE_BLOCK; /* straight to the output, without a slot */
    if (blocks->is_whole) return varies0 || varies1 ? NX_PHASE_BLOCK : NX_PHASE_CALL;
    if (blocks->is_tiled) return varies0 ? NX_PHASE_BLOCK : varies1 ? NX_PHASE_TILE : NX_PHASE_CALL;
    return varies1 ? NX_PHASE_BLOCK : varies0 ? NX_PHASE_ROW : NX_PHASE_CALL;
}

bool nx_blocks_are_plain(const nx_blocks *blocks, const nx_vm_operand *operand) {
    int64_t size = (int64_t)nexpr_dtype_size(operand->dtype);
    if (operand->is_index || operand->swapped || !operand->aligned) return false;
    if (operand->stride[1] != size && blocks->count[1] > 1) return false;
    return !blocks->is_tiled || operand->stride[0] == size * blocks->count[1];
}

bool nx_blocks_has_columns(const nx_blocks *blocks, const nx_vm_operand *operand) {
    return blocks->has_columns && is_transposed(blocks, operand);
}

bool nx_blocks_has_panels(const nx_blocks *blocks, const nx_vm_operand *operand) {
    return blocks->panel_rows && (is_transposed(blocks, operand) || nx_blocks_repeats(blocks, operand));
}

bool nx_blocks_repeats(const nx_blocks *blocks, const nx_vm_operand *operand) {
    return blocks->repeats && is_repeated(blocks, operand);
}
