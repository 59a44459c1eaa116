/* SPDX-License-Identifier: MIT */
/*
 * How wide vectors are and how many of them make an iteration; what it computes, in the order of the segment, and stores.
 * All loads of an iteration come before its stores.
 */
#include "jit/llvm/body.h"
#include "jit/llvm/loop.h"
#include "jit/llvm/tile.h"

/* ---- how wide, how often ---- */

static unsigned wider(unsigned widest, nexpr_dtype dtype) {
    return part_bytes(dtype) > widest ? part_bytes(dtype) : widest;
}

static bool has_access(const nx_segment *s, nx_access access) {
    for (int k = 0; k < s->output_count + s->input_count; k++) {
        if (nx_segment_outputs(s)[k].access == access) return true;
    }
    return false;
}

static unsigned register_bytes(nx_isa isa) {
    return isa == NX_ISA_AVX512 ? 64 : 32;
}

unsigned lanes_for(const nx_segment *s, nx_isa isa) {
    unsigned widest = 1;
    for (int i = 0; i < s->value_count; i++) {
        const nx_segment_value *v = &nx_segment_values(s)[i];
        widest = wider(wider(widest, v->dtype), v->loop);
    }
    for (int k = 0; k < s->output_count; k++) widest = wider(widest, nx_segment_outputs(s)[k].dtype);
    const unsigned lanes = register_bytes(isa) / widest;
    const bool has_lanes = has_access(s, NX_ACCESS_LANES) || has_access(s, NX_ACCESS_LEAVES);
    return lanes > NX_LANES && has_lanes ? NX_LANES : lanes;
}

/* Instructions of a vector's worth of elements, about. */
unsigned work_of(const emitter *e) {
    const nx_segment *s = e->segment;
    unsigned work = 0;
    for (int i = 0; i < s->value_count; i++) {
        const nx_segment_value *v = &nx_segment_values(s)[i];
        const bool is_complex = nx_dtype_class(v->loop) == NX_CLASS_COMPLEX || nx_dtype_class(v->dtype) == NX_CLASS_COMPLEX;
        work += e->is_uniform[s->input_count + i] ? 0 : is_complex ? 4 : 1;
    }
    for (int k = 0; k < s->input_count; k++) {
        const nx_segment_operand *in = &nx_segment_inputs(s)[k];
        if (in->access == NX_ACCESS_STRIDED) work += in->detail ? 2 : e->lanes;
    }
    return work;
}

static unsigned parts_of(const emitter *e, unsigned index) {
    const unsigned inputs = e->segment->input_count;
    const uint8_t dtype = index < inputs ? nx_segment_inputs(e->segment)[index].dtype
                                         : nx_segment_values(e->segment)[index - inputs].dtype;
    return nx_dtype_class(dtype) == NX_CLASS_COMPLEX ? 2 : 1;
}

/* Vectors that are kept at once for a vector's worth of elements, where they are most; scalars apart. */
unsigned most_live(const emitter *e) {
    const nx_segment *s = e->segment;
    uint16_t last[NX_SEGMENT_OPERANDS + NX_SEGMENT_VALUES] = {0};
    uint8_t held[NX_SEGMENT_OPERANDS + NX_SEGMENT_VALUES] = {0};
    unsigned live = 0, most = 1;
    for (uint16_t i = 0; i < s->value_count; i++) {
        for (int k = 0; k < nx_segment_values(s)[i].arity; k++) last[nx_segment_values(s)[i].arg[k]] = i;
    }
    for (int k = 0; k < s->output_count; k++) last[nx_segment_results(s)[k]] = s->value_count;
    for (uint16_t i = 0; i < s->value_count; i++) {
        const nx_segment_value *v = &nx_segment_values(s)[i];
        for (int k = 0; k <= v->arity; k++) {
            const unsigned x = k < v->arity ? v->arg[k] : s->input_count + i;
            if (held[x] || e->is_uniform[x]) continue;
            live += held[x] = (uint8_t)parts_of(e, x);
        }
        most = live > most ? live : most;
        for (int k = 0; k < v->arity; k++) {
            if (last[v->arg[k]] != i) continue;
            live -= held[v->arg[k]];
            held[v->arg[k]] = 0;
        }
    }
    return most;
}

/* Operations one behind the other, where they are most. */
static unsigned longest_chain(const emitter *e) {
    const nx_segment *s = e->segment;
    uint16_t length[NX_SEGMENT_OPERANDS + NX_SEGMENT_VALUES] = {0}, longest = 0;
    for (int i = 0; i < s->value_count; i++) {
        uint16_t *own = &length[s->input_count + i];
        for (int k = 0; k < nx_segment_values(s)[i].arity; k++) {
            const uint16_t before = length[nx_segment_values(s)[i].arg[k]];
            *own = before > *own ? before : *own;
        }
        *own = (uint16_t)(*own + !e->is_uniform[s->input_count + i]);
        longest = *own > longest ? *own : longest;
    }
    return longest;
}

/* Whether an input is read one element after the other, so that several vectors of an iteration gain nothing. */
static bool reads_singly(const emitter *e) {
    for (int k = 0; k < e->segment->input_count; k++) {
        const nx_segment_operand *in = &nx_segment_inputs(e->segment)[k];
        if (in->access == NX_ACCESS_STRIDED && !in->detail) return true;
    }
    return false;
}

enum { FEW = 8, LONG = 16, SOME = 32 };

/* Whether few operations are independent of each other, so that vectors side by side are what keeps the processor busy. */
static bool is_chain(const emitter *e, unsigned work) {
    return work < 4 * longest_chain(e);
}

static bool is_plain_operand(const nx_segment_operand *o) {
    const bool is_plain = o->access == NX_ACCESS_SCALAR || o->access == NX_ACCESS_KNOWN || o->access == NX_ACCESS_BLOCK ||
                          o->access == NX_ACCESS_STREAM;
    return is_plain && o->dtype != NEXPR_BOOL && !o->is_swapped;
}

static bool is_plain_value(const nx_segment_value *v) {
    const nx_class class = nx_dtype_class(v->loop);
    return (class == NX_CLASS_REAL || class == NX_CLASS_COMPLEX) && v->loop != NEXPR_FLOAT16;
}

/* Whether the order in which the operations are written serves: LLVM's scheduler saves registers by laying chains that stand
 * side by side one behind the other, beyond what the processor looks ahead, and is a third of the compile time. It stays where
 * masks are packed, bytes swapped, rows are short, or many values are live. */
static bool keeps_order(const emitter *e, unsigned work) {
    const nx_segment *s = e->segment;
    bool keeps = !s->has_rows && (work <= LONG || is_chain(e, work));
    for (int k = 0; k < s->output_count + s->input_count; k++) keeps &= is_plain_operand(&nx_segment_outputs(s)[k]);
    for (int i = 0; i < s->value_count; i++) keeps &= is_plain_value(&nx_segment_values(s)[i]);
    return keeps;
}

/* Chains of operations side by side keep the processor busy, as long as there are registers for all. Of short ones it finds
 * the next iteration's by itself; of long ones it has those of the iteration only. An operation's result takes the place of an
 * operand, which most_live counts apart. */
static unsigned unroll_for(const emitter *e, unsigned work, bool in_order) {
    const bool is_wide = e->isa == NX_ISA_AVX512;
    const unsigned registers = is_wide ? 24 : 12, many = is_wide ? 96 : 48, most = is_wide ? 8 : 6, live = most_live(e);
    if (reads_singly(e)) return 1;
    if (in_order && work > FEW && is_chain(e, work)) return most * (live - 1) <= registers ? most : 4;
    const bool is_single = 2 * longest_chain(e) >= work;
    if (work > LONG && is_single && 4 * live <= registers) return 8;
    if (work <= FEW || (work <= SOME && 4 * live <= registers)) return 4;
    if (work <= SOME || (work <= many && 2 * live <= registers)) return 2;
    return work > many && 2 * live <= registers && is_single ? 2 : 1;
}

enum { MAX_LANE_VECTORS = 16, MAX_LANE_WORK = 160 };

static unsigned lane_vectors(const emitter *e) {
    unsigned vectors = 0;
    for (int k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        const unsigned parts = nx_dtype_class(out->dtype) == NX_CLASS_COMPLEX ? 2 : 1;
        if (out->access == NX_ACCESS_LANES) vectors += parts * (NX_LANES / e->lanes);
    }
    return vectors;
}

shape shape_of(const emitter *e) {
    const unsigned work = work_of(e), all = NX_LANES / e->lanes;
    shape s = {.has_lanes = has_access(e->segment, NX_ACCESS_LANES), .has_streams = false};
    s.in_order = keeps_order(e, work);
    s.unroll = unroll_for(e, work, s.in_order);
    s.lanes_in_registers = s.has_lanes && lane_vectors(e) <= MAX_LANE_VECTORS && work * all <= MAX_LANE_WORK;
    if (s.lanes_in_registers || (s.has_lanes && s.unroll > all)) s.unroll = all;
    for (int k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        if (out->access == NX_ACCESS_STREAM && stream_alignment(e, out->dtype)) s.has_streams = !s.has_lanes;
    }
    s.step = s.unroll * e->lanes;
    return s;
}

/* ---- values ---- */

static bool is_input(const emitter *e, unsigned index) {
    return index < e->segment->input_count;
}

/* What is uniform is so for all vectors of an iteration, unless each is of another row. `at` may be NULL for what is. */
static value *kept_at(emitter *e, unsigned index, const place *at) {
    const unsigned count = e->segment->input_count + e->segment->value_count;
    const uint8_t of = e->is_uniform[index];
    const bool is_apart = of == OF_ELEMENT || (of == OF_ROW && e->rows_are_vectors);
    return &e->values[(is_apart && at ? at->vector : 0) * count + index];
}

static value value_at(emitter *e, unsigned index, place *at) {
    value *v = kept_at(e, index, at);
    if (v->part[0]) return *v;
    const memory *m = &e->memory[e->segment->output_count + index];
    return *v = e->is_uniform[index] ? load_uniform(e, m) : load_elements(e, m, at);
}

static value computed(emitter *e, const nx_segment_value *v, place *at) {
    value x[NX_MAX_ARITY] = {{{NULL, NULL}}};
    for (int k = 0; k < v->arity; k++) x[k] = value_at(e, v->arg[k], at);
    if (v->kind == NX_NODE_CAST) return cast_value(e, v->loop, v->dtype, x[0]);
    e->loop = v->loop;
    if (v->op == NX_OP_power) return integer_power(e, x[0], nx_segment_inputs(e->segment)[v->arg[1]].detail);
    return find_lowering(v->op, v->loop)(e, x[0], x[1], x[2]);
}

void find_uniform(emitter *e) {
    const nx_segment *s = e->segment;
    for (int k = 0; k < s->input_count; k++) {
        const uint8_t access = nx_segment_inputs(s)[k].access;
        const bool is_of_all = access == NX_ACCESS_SCALAR || access == NX_ACCESS_KNOWN;
        e->is_uniform[k] = is_of_all ? OF_ALL : access == NX_ACCESS_ROW && !has_tiles(s) ? OF_ROW : OF_ELEMENT;
    }
    for (int i = 0; i < s->value_count; i++) {
        const nx_segment_value *v = &nx_segment_values(s)[i];
        uint8_t least = OF_ALL;
        for (int k = 0; k < v->arity; k++) least = e->is_uniform[v->arg[k]] < least ? e->is_uniform[v->arg[k]] : least;
        e->is_uniform[s->input_count + i] = least;
    }
}

void write_uniform(emitter *e, scope of) {
    const nx_segment *s = e->segment;
    const unsigned count = s->input_count + s->value_count;
    for (unsigned i = 0; i < count; i++) {
        if (e->is_uniform[i] != of) continue;
        e->values[i] = (value){{NULL, NULL}};
        if (is_input(e, i)) value_at(e, i, NULL);
        else e->values[i] = computed(e, &nx_segment_values(s)[i - s->input_count], NULL);
    }
}

void keep_row(emitter *e, unsigned vector) {
    const unsigned count = e->segment->input_count + e->segment->value_count;
    for (unsigned i = 0; i < count && vector; i++) {
        if (e->is_uniform[i] == OF_ROW) e->values[vector * count + i] = e->values[i];
    }
}

/* Of COLUMN inputs all rows are loaded at once. */
static void load_tiles(emitter *e, const place *at, unsigned rows) {
    for (unsigned i = 0; i < e->segment->input_count; i++) {
        value v[MAX_UNROLL];
        if (nx_segment_inputs(e->segment)[i].access != NX_ACCESS_COLUMN) continue;
        load_tile(e, &e->memory[e->segment->output_count + i], at, rows, v);
        for (unsigned u = 0; u < rows; u++) *kept_at(e, i, &at[u]) = v[u];
    }
}

/* An operation for all vectors, then the next one: so the processor, which sees only some of what comes, finds work that
 * does not wait for a result. */
void write_values(emitter *e, place *at, unsigned vectors) {
    const nx_segment *s = e->segment;
    const unsigned count = s->input_count + s->value_count;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned u = 0; u < vectors && !e->is_uniform[i]; u++) *kept_at(e, i, &at[u]) = (value){{NULL, NULL}};
    }
    if (at->in_tile) load_tiles(e, at, vectors);
    for (unsigned i = s->input_count; i < count; i++) {
        for (unsigned u = 0; u < vectors && !e->is_uniform[i]; u++) {
            *kept_at(e, i, &at[u]) = computed(e, &nx_segment_values(s)[i - s->input_count], &at[u]);
        }
    }
}

value result_of(emitter *e, unsigned output, place *at) {
    return value_at(e, nx_segment_results(e->segment)[output], at);
}

/* ---- iterations ---- */

void compute_iteration(emitter *e, const shape *s, vec j, iteration *it) {
    for (unsigned u = 0; u < s->unroll; u++) {
        it->at[u] = (place){.index = j, .offset = s->is_tile ? 0 : u * e->lanes, .vector = u,
                              .row = s->is_tile ? u : 0, .in_tile = s->is_tile};
    }
    compute_places(e, s, it);
}

void compute_places(emitter *e, const shape *s, iteration *it) {
    write_values(e, it->at, s->unroll);
    for (unsigned u = 0; u < s->unroll; u++) {
        for (int k = 0; k < e->segment->output_count; k++) it->results[u][k] = result_of(e, k, &it->at[u]);
    }
}

/* ---- what is stored is canonical ---- */

/* The vectors of floats that an iteration stores. */
typedef struct parts {
    unsigned count;
    vec *at[MAX_UNROLL * NX_SEGMENT_OPERANDS * 2];
} parts;

static bool is_float(nexpr_dtype dtype) {
    const nx_class class = nx_dtype_class(dtype);
    return dtype != NEXPR_FLOAT16 && (class == NX_CLASS_REAL || class == NX_CLASS_COMPLEX);
}

static void collect_parts(const emitter *e, const shape *s, iteration *it, parts *ret) {
    ret->count = 0;
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        if (!is_float(out->dtype) || out->access == NX_ACCESS_LANES) continue;
        for (unsigned u = 0; u < 2 * s->unroll; u++) {
            vec *part = &it->results[u / 2][k].part[u % 2];
            if (*part) ret->at[ret->count++] = part;
        }
    }
}

/* The floats, or all others. */
static void make_canonical(emitter *e, const shape *s, iteration *it, bool floats) {
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        if (out->access == NX_ACCESS_LANES || is_float(out->dtype) != floats) continue;
        for (unsigned u = 0; u < s->unroll; u++) {
            it->results[u][k] = canonical_value(e, out->dtype, it->results[u][k]);
        }
    }
}

/* Whether any lane is NaN: a comparison looks at two vectors. */
static vec find_nan(emitter *e, const parts *p) {
    vec found = NULL;
    for (unsigned i = 0; i < p->count; i++) {
        const bool is_pair = i + 1 < p->count && LLVMTypeOf(*p->at[i]) == LLVMTypeOf(*p->at[i + 1]);
        const vec one = f_unordered(e, *p->at[i], *p->at[i + is_pair]);
        found = found ? i_or(e, found, one) : one;
        i += is_pair;
    }
    const LLVMTypeRef bits = int_type(e, e->lanes);
    return i_ne(e, LLVMBuildBitCast(e->builder, found, bits, ""), LLVMConstNull(bits));
}

static void mark_unlikely(emitter *e, vec branch) {
    LLVMMetadataRef list[] = {LLVMMDStringInContext2(e->context, "branch_weights", 14),
                              LLVMValueAsMetadata(LLVMConstInt(int_type(e, 32), 1, false)),
                              LLVMValueAsMetadata(LLVMConstInt(int_type(e, 32), 2000, false))};
    const LLVMMetadataRef node = LLVMMDNodeInContext2(e->context, list, 3);
    LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(e->context, "prof", 4), LLVMMetadataAsValue(e->context, node));
}

/* LLVM's quick selector, which serves where the order is kept, leaves to the slow one what stands before an instruction that it
 * does not know, but not beyond a block: for a chain of 40 operations that is a quarter of the time. */
static void open_block(emitter *e, const char *name) {
    const LLVMBasicBlockRef next = block(e, name);
    LLVMBuildBr(e->builder, next);
    LLVMPositionBuilderAtEnd(e->builder, next);
}

/* NaN is rare: vectors are looked at together, and a block beside the loop makes them canonical. */
static void make_canonical_beside(emitter *e, const shape *s, iteration *it) {
    iteration changed = *it;
    parts before, after;
    collect_parts(e, s, it, &before);
    collect_parts(e, s, &changed, &after);
    if (before.count == 0) return;
    if (s->in_order) open_block(e, "look");
    const LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), store = block(e, "store"), rare = block(e, "nan");
    mark_unlikely(e, LLVMBuildCondBr(e->builder, find_nan(e, &before), rare, store));
    LLVMPositionBuilderAtEnd(e->builder, rare);
    make_canonical(e, s, &changed, true);
    LLVMBuildBr(e->builder, store);
    LLVMPositionBuilderAtEnd(e->builder, store);
    for (unsigned i = 0; i < before.count; i++) {
        const vec phi = LLVMBuildPhi(e->builder, LLVMTypeOf(*before.at[i]), "");
        add_incoming(phi, *before.at[i], here);
        add_incoming(phi, *after.at[i], rare);
        *before.at[i] = phi;
    }
}

/* A tile's rows beyond the last one are put where that is, before it. */
void store_iteration(emitter *e, const shape *s, iteration *it) {
    make_canonical(e, s, it, false);
    if (s->unroll > 1) make_canonical_beside(e, s, it);
    else make_canonical(e, s, it, true);
    for (int k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        if (out->access == NX_ACCESS_LANES) continue;
        const bool past_caches = s->has_streams && out->access == NX_ACCESS_STREAM;
        for (unsigned i = 0; i < s->unroll; i++) {
            const unsigned u = s->is_tile ? s->unroll - 1 - i : i;
            store_elements(e, &e->memory[k], it->results[u][k], &it->at[u], past_caches);
        }
    }
}
