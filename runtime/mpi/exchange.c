/* SPDX-License-Identifier: MIT */
/* Rounds of pieces: see exchange.h. */
#include "runtime/mpi/exchange.h"

#include <limits.h>
#include <string.h>

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* ---------------------------------------------------------------------------------------------------------- boxes -- */

/* Walks through the runs that bytes [at, at + bytes) of a box lie in. */
typedef struct walk {
    const nx_box *box;
    int64_t index[4], place, in_run;
} walk;

static walk begin_walk(const nx_box *b, int64_t at) {
    walk w = {.box = b, .place = b->start, .in_run = at % b->run};
    int64_t rest = at / b->run;
    for (int i = b->ndim - 1; i >= 0; i--) {
        w.index[i] = rest % b->extent[i];
        rest /= b->extent[i];
        w.place += w.index[i] * b->stride[i];
    }
    return w;
}

static void next_run(walk *w) {
    const nx_box *b = w->box;
    w->in_run = 0;
    for (int i = b->ndim - 1; i >= 0; i--) {
        w->place += b->stride[i];
        if (++w->index[i] < b->extent[i]) return;
        w->place -= b->stride[i] * b->extent[i];
        w->index[i] = 0;
    }
}

void nx_box_pack(const nx_box *b, const char *array, int64_t at, int64_t bytes, char *packed) {
    if (bytes <= 0) return;
    walk w = begin_walk(b, at);
    for (int64_t n; bytes; bytes -= n, packed += n, next_run(&w)) {
        n = least(b->run - w.in_run, bytes);
        memcpy(packed, array + w.place + w.in_run, (size_t)n);
    }
}

void nx_box_unpack(const nx_box *b, char *array, int64_t at, int64_t bytes, const char *packed) {
    if (bytes <= 0) return;
    walk w = begin_walk(b, at);
    for (int64_t n; bytes; bytes -= n, packed += n, next_run(&w)) {
        n = least(b->run - w.in_run, bytes);
        memcpy(array + w.place + w.in_run, packed, (size_t)n);
    }
}

/* Copies a box to another place, where it has other runs. */
static void copy_box(const nx_box *from, const char *source, const nx_box *to, char *target) {
    if (from->bytes <= 0) return;
    walk f = begin_walk(from, 0), t = begin_walk(to, 0);
    for (int64_t left = from->bytes, n; left; left -= n) {
        n = least(from->run - f.in_run, to->run - t.in_run);
        memcpy(target + t.place + t.in_run, source + f.place + f.in_run, (size_t)n);
        f.in_run += n;
        t.in_run += n;
        if (f.in_run == from->run) next_run(&f);
        if (t.in_run == to->run) next_run(&t);
    }
}

typedef struct range {
    int64_t begin, end;
} range;

/* An array as five axes: those before the first split axis, it, those between, the second one, and the bytes behind. */
typedef struct axes {
    int first, second; /* the second one may be the first: it is then of length 1 */
    int64_t size[5];
} axes;

static axes find_axes(const nx_layout *from, const nx_layout *to) {
    int a = from->first ? from->axis : to->axis, b = to->first ? to->axis : a;
    axes x = {.first = (int)least(a, b), .second = (int)most(a, b), .size = {1, 1, 1, 1, from->item}};
    for (int i = 0; i < from->ndim; i++) {
        int place = i < x.first ? 0 : i == x.first ? 1 : i < x.second ? 2 : i == x.second ? 3 : 4;
        x.size[place] *= from->shape[i];
    }
    return x;
}

/* The box of given ranges on the two axes, in memory that has `have` of the axis `axis` (-1: of all axes everything). */
static nx_box make_box(const axes *x, const range want[2], int axis, range have) {
    int64_t local[5], extent[5], stride[5], begin[2] = {0, 0};
    memcpy(local, x->size, sizeof local);
    memcpy(extent, x->size, sizeof extent);
    if (axis >= 0) local[axis == x->first ? 1 : 3] = have.end - have.begin;
    if (axis >= 0) begin[axis == x->first ? 0 : 1] = have.begin;
    extent[1] = most(0, want[0].end - want[0].begin);
    extent[3] = most(0, want[1].end - want[1].begin);
    stride[4] = 1;
    for (int i = 3; i >= 0; i--) stride[i] = stride[i + 1] * local[i + 1];
    nx_box b = {.start = (want[0].begin - begin[0]) * stride[1] + (want[1].begin - begin[1]) * stride[3], .run = extent[4],
                .bytes = extent[0] * extent[1] * extent[2] * extent[3] * extent[4]};
    int k = 3;
    for (; k >= 0 && (extent[k] == 1 || stride[k] == b.run); k--) b.run *= extent[k];
    for (int i = 0; i <= k; i++) {
        if (extent[i] == 1) continue;
        b.extent[b.ndim] = extent[i];
        b.stride[b.ndim++] = stride[i];
    }
    return b;
}

/* What rank `from` has and rank `to` wants, by the axes of x. */
static void intersect(const axes *x, const nx_exchange *e, int from, int to, range ret[2]) {
    const nx_layout *const layouts[] = {e->from.layout, e->to.layout};
    const int ranks[] = {from, to};
    ret[0] = (range){0, x->size[1]};
    ret[1] = (range){0, x->size[3]};
    for (int i = 0; i < 2; i++) {
        const nx_layout *l = layouts[i];
        if (!l->first) continue;
        range *r = &ret[l->axis == x->first ? 0 : 1];
        r->begin = most(r->begin, l->first[ranks[i]]);
        r->end = least(r->end, nx_layout_end(l, ranks[i]));
    }
}

static nx_box box_in(const axes *x, const nx_place *place, int rank, const range want[2]) {
    const nx_layout *l = place->layout;
    if (!l->first) return make_box(x, want, -1, (range){0, 0});
    return make_box(x, want, l->axis, (range){l->first[rank] - place->before, nx_layout_end(l, rank) + place->after});
}

/* --------------------------------------------------------------------------------------------------------- rounds -- */

static int64_t longest(const nx_layout *l, int ranks) {
    int64_t n = 0;
    for (int r = 0; r < ranks; r++) n = most(n, nx_layout_count(l, r));
    return n;
}

/* Bytes of the largest box of two ranks: the same on all ranks. */
static int64_t largest_box(const axes *x, const nx_exchange *e, int ranks) {
    const nx_layout *a = e->from.layout, *b = e->to.layout;
    const int64_t rest = x->size[0] * x->size[2] * x->size[4];
    if (!b->first) return longest(a, ranks) * rest;
    if (a->axis != b->axis) return longest(a, ranks) * longest(b, ranks) * rest;
    int64_t n = 0;
    for (int r = 0, s = 0; r < ranks && s < ranks;) {
        n = most(n, least(a->first[r + 1], b->first[s + 1]) - most(a->first[r], b->first[s]));
        if (a->first[r + 1] < b->first[s + 1]) r++;
        else s++;
    }
    return n * rest;
}

static void find_boxes(nx_call *c, nx_exchange *e) {
    const axes x = find_axes(e->from.layout, e->to.layout);
    const int ranks = c->mpi->ranks, me = c->mpi->rank;
    range want[2];
    const int64_t bytes = 2 * (int64_t)ranks * (int64_t)sizeof *e->send;
    e->send = (nx_box *)nx_call_allocate(c, bytes, "boxes", &e->boxes_memory);
    e->counts = (int *)nx_call_allocate(c, 4 * (int64_t)ranks * (int64_t)sizeof *e->counts, "counts", &e->counts_memory);
    if (!e->counts) return;
    e->receive = e->send + ranks;
    for (int r = 0; r < ranks; r++) {
        intersect(&x, e, me, r, want);
        e->send[r] = box_in(&x, &e->from, me, want);
        intersect(&x, e, r, me, want);
        e->receive[r] = box_in(&x, &e->to, me, want);
    }
    e->quota = most(1, c->mpi->piece / ranks / e->from.layout->item) * e->from.layout->item;
    if (e->pattern != NX_LOCAL) e->rounds = (largest_box(&x, e, ranks) + e->quota - 1) / e->quota;
}

/* Whether a rank's box stays where it is: this one's own, unless all get the same. */
static bool is_kept(const nexpr_mpi *mpi, const nx_exchange *x, int rank) {
    return rank == mpi->rank && x->pattern != NX_REPLICATE;
}

/* Whether all that other ranks get, or give, lies in one run each, where MPI can find it. */
static bool is_in_place(const nexpr_mpi *mpi, const nx_exchange *x, const nx_box *boxes) {
    for (int r = 0; r < mpi->ranks; r++) {
        const nx_box *b = &boxes[r];
        if (!is_kept(mpi, x, r) && b->bytes && (b->ndim || b->start + b->bytes > INT_MAX)) return false;
    }
    return true;
}

static void take_buffers(nx_call *c, nx_exchange *e) {
    int64_t out = 0, in = 0;
    for (int r = 0; r < c->mpi->ranks; r++) {
        if (is_kept(c->mpi, e, r)) continue;
        if (e->pattern != NX_REPLICATE || !r) out += least(e->quota, e->send[r].bytes);
        in += least(e->quota, e->receive[r].bytes);
    }
    if (!e->sends_in_place) e->outgoing = nx_call_allocate(c, out, "pieces to send", &e->outgoing_memory);
    if (!e->receives_in_place) e->incoming = nx_call_allocate(c, in, "pieces to receive", &e->incoming_memory);
}

void nx_exchange_prepare(nx_call *c, nx_pattern pattern, int root, nx_place from, nx_place to, nx_exchange *ret) {
    *ret = (nx_exchange){.pattern = pattern, .root = root, .from = from, .to = to};
    if (!nx_call_is_ok(c)) return;
    const bool same_axis = !to.layout->first || from.layout->axis == to.layout->axis;
    ret->is_direct = pattern > NX_SPREAD && same_axis && nx_layout_outer(from.layout) == 1;
    find_boxes(c, ret);
    if (!nx_call_is_ok(c) || ret->is_direct || pattern == NX_LOCAL) return;
    ret->sends_in_place = is_in_place(c->mpi, ret, ret->send);
    ret->receives_in_place = is_in_place(c->mpi, ret, ret->receive);
    take_buffers(c, ret);
}

void nx_exchange_free(nx_exchange *x) {
    nx_memory_free(&x->boxes_memory);
    nx_memory_free(&x->counts_memory);
    nx_memory_free(&x->outgoing_memory);
    nx_memory_free(&x->incoming_memory);
}

/* Bytes of a box that go in a round. */
static int64_t part_of(const nx_exchange *x, const nx_box *b, int64_t round) {
    return most(0, least(x->quota, b->bytes - round * x->quota));
}

/* What goes to, or comes from, each rank in a round: counts, and, behind them, places. To replicate, all get the same. */
static void lay_out(const nexpr_mpi *mpi, const nx_exchange *x, const nx_box *boxes, bool in_place, int64_t round,
                    int *counts) {
    const bool is_same = x->pattern == NX_REPLICATE && boxes == x->send;
    int *places = counts + mpi->ranks, at = 0;
    for (int r = 0; r < mpi->ranks; r++) {
        counts[r] = is_kept(mpi, x, r) ? 0 : (int)part_of(x, &boxes[r], round);
        places[r] = in_place && counts[r] ? (int)(boxes[r].start + round * x->quota) : at;
        if (!is_same) at += counts[r];
    }
}

/* Packs what this rank sends in a round, once if it is the same. What it keeps was copied. */
static void pack_round(const nexpr_mpi *mpi, nx_exchange *x, int64_t round) {
    const int *counts = x->counts, *places = counts + mpi->ranks;
    lay_out(mpi, x, x->send, x->sends_in_place, round, x->counts);
    for (int r = 0; r < (x->pattern == NX_REPLICATE ? 1 : mpi->ranks) && !x->sends_in_place; r++) {
        nx_box_pack(&x->send[r], x->from.data, round * x->quota, counts[r], x->outgoing + places[r]);
    }
}

static void unpack_round(const nexpr_mpi *mpi, nx_exchange *x, int64_t round) {
    const int *counts = x->counts + 2 * mpi->ranks, *places = counts + mpi->ranks;
    for (int r = 0; r < mpi->ranks && !x->receives_in_place; r++) {
        nx_box_unpack(&x->receive[r], x->to.data, round * x->quota, counts[r], x->incoming + places[r]);
    }
}

static void send_round(nx_call *c, nx_exchange *x) {
    const int ranks = c->mpi->ranks, root = x->root, me = c->mpi->rank;
    const int *out = x->counts, *out_at = out + ranks, *in = out_at + ranks, *in_at = in + ranks;
    MPI_Comm comm = c->mpi->comm;
    char *from = x->sends_in_place ? x->from.data : x->outgoing;
    char *to = x->receives_in_place ? x->to.data : x->incoming;
    switch (x->pattern) {
    case NX_LOCAL:
        break;
    case NX_SPREAD:
        nx_call_check(c, MPI_Alltoallv(from, out, out_at, MPI_BYTE, to, in, in_at, MPI_BYTE, comm), "MPI_Alltoallv");
        break;
    case NX_GATHER:
        if (from) from += out_at[root];
        nx_call_check(c, MPI_Gatherv(from, out[root], MPI_BYTE, to, in, in_at, MPI_BYTE, root, comm), "MPI_Gatherv");
        break;
    case NX_SCATTER:
        if (to) to += in_at[root];
        nx_call_check(c, MPI_Scatterv(from, out, out_at, MPI_BYTE, to, in[root], MPI_BYTE, root, comm), "MPI_Scatterv");
        break;
    case NX_REPLICATE:
        if (from) from += out_at[me];
        nx_call_check(c, MPI_Allgatherv(from, out[me], MPI_BYTE, to, in, in_at, MPI_BYTE, comm), "MPI_Allgatherv");
        break;
    }
}

/* --------------------------------------------------------------------------------------------------------- windows -- */

/* The part of every slab that lies in bytes [at, at + n) of the array. */
static void cut_window(const nexpr_mpi *mpi, const nx_layout *l, int64_t at, int64_t n, int *counts, int *places) {
    const int64_t inner = nx_layout_inner(l);
    for (int r = 0; r < mpi->ranks; r++) {
        const int64_t begin = most(at, l->first[r] * inner), end = least(at + n, l->first[r + 1] * inner);
        counts[r] = end > begin ? (int)(end - begin) : 0;
        places[r] = end > begin ? (int)(begin - at) : 0;
    }
}

static void move_window(nx_call *c, nx_exchange *x, int64_t at, int64_t n) {
    const nx_layout *split = x->pattern == NX_SCATTER ? x->to.layout : x->from.layout;
    const int64_t inner = nx_layout_inner(split);
    int *counts = x->counts, *places = counts + c->mpi->ranks, me = c->mpi->rank, root = x->root;
    MPI_Comm comm = c->mpi->comm;
    cut_window(c->mpi, split, at, n, counts, places);
    const int64_t in_slab = most(0, at - split->first[me] * inner);
    char *from = x->from.data, *to = x->to.data; /* one of them is NULL on ranks that are not the root */
    if (from) from += x->pattern == NX_SCATTER ? at : x->from.before * inner + in_slab;
    if (to) to += x->pattern == NX_SCATTER ? in_slab : at;
    switch (x->pattern) {
    case NX_GATHER:
        nx_call_check(c, MPI_Gatherv(from, counts[me], MPI_BYTE, to, counts, places, MPI_BYTE, root, comm), "MPI_Gatherv");
        break;
    case NX_SCATTER:
        nx_call_check(c, MPI_Scatterv(from, counts, places, MPI_BYTE, to, counts[me], MPI_BYTE, root, comm), "MPI_Scatterv");
        break;
    default:
        nx_call_check(c, MPI_Allgatherv(from, counts[me], MPI_BYTE, to, counts, places, MPI_BYTE, comm), "MPI_Allgatherv");
    }
}

void nx_exchange_run(nx_call *c, nx_exchange *x) {
    const int64_t bytes = x->from.layout->bytes;
    const int me = c->mpi->rank;
    for (int64_t at = 0, n; x->is_direct && at < bytes; at += n) {
        n = least(c->mpi->piece, bytes - at);
        move_window(c, x, at, n);
    }
    if (!x->is_direct && is_kept(c->mpi, x, me)) copy_box(&x->send[me], x->from.data, &x->receive[me], x->to.data);
    for (int64_t round = 0; !x->is_direct && round < x->rounds; round++) {
        pack_round(c->mpi, x, round);
        lay_out(c->mpi, x, x->receive, x->receives_in_place, round, x->counts + 2 * c->mpi->ranks);
        send_round(c, x);
        unpack_round(c->mpi, x, round);
    }
}
