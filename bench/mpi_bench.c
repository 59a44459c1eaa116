/* SPDX-License-Identifier: MIT */
/*
 * Where distributed arrays stand: each row of mpi_rows.def by nexpr and by a hand-written version in C and MPI, on the same
 * slabs, alternating in one run on any number of ranks; and what they send, beside what they should. README.md explains the
 * figures.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/mpi_bench.h"
#include "bench/timing.h"

enum { MAX_SIZES = 32, TURNS = 31, QUICK_TURNS = 3 };
static const double LEAST_NS = 2e6, QUICK_LEAST_NS = 2e5, WARM_NS = 5e7;

/* --------------------------------------------------------------------------------------------------------- the rows -- */

#define ANY (-1.0)
#define N ((double)t->n)
#define CUTS ((double)t->ranks - 1)
#define COLUMNS ((double)t->columns)
#define ROWS_EACH ((double)((t->rows + t->ranks - 1) / t->ranks))
#define COLUMNS_EACH ((double)((t->columns + t->ranks - 1) / t->ranks))
/* Alltoallv in pieces, of which each rank has its share. */
#define ROUNDS(elements) ceil(8.0 * (elements) / (double)(t->piece / t->ranks))
/* Messages that rows of so many bytes are sent in. */
#define PIECES(bytes) ceil((bytes) / (double)t->piece)
/* What one rank does not do alone. */
#define SHARED(count) (t->ranks > 1 ? (count) : 0.0)
/* Agreements of an evaluation in which something moves: before it does, and at the end. */
#define AGREED (1 + SHARED(1))
/* What a rank sends of a reduction: the rest of a leaf, and nodes, two a level at most, of a value and what goes with it. */
#define LEAF (8 * 4096.0)
#define NODES (2 * 16.0 * (ceil(log2(N / 4096 + 1)) + 1))

/* Of a square matrix, what becomes other ranks' when it is cut along the other axis. */
static double bytes_across(const mpi_task *t) {
    double kept = 0;
    for (int r = 0; r < t->ranks; r++) kept += pow((double)(t->first[r + 1] - t->first[r]), 2);
    return 8 * ((double)t->rows * (double)t->columns - kept);
}

/* Rows that one rank has and another is to have. */
static double shared_rows(const mpi_task *t, int from, int to) {
    int64_t begin = 0;
    for (int r = 0; r < to; r++) begin += t->target_counts[r];
    const int64_t end = begin + t->target_counts[to];
    const int64_t low = begin > t->first[from] ? begin : t->first[from];
    const int64_t high = end < t->first[from + 1] ? end : t->first[from + 1];
    return low < high ? (double)(high - low) : 0;
}

static double bytes_to_uneven(const mpi_task *t) {
    double kept = 0;
    for (int r = 0; r < t->ranks; r++) kept += shared_rows(t, r, r);
    return 8 * ((double)t->rows - kept);
}

static double longest_to_uneven(const mpi_task *t) {
    double most = 0;
    for (int i = 0; i < t->ranks * t->ranks; i++) most = fmax(most, shared_rows(t, i / t->ranks, i % t->ranks));
    return most;
}

#define MPI_ROW(name, kind, text, shape, result, most_messages, messages, most_bytes, bytes, exchanges, agreements, ...)  \
    static void limits_of_##name(const mpi_task *t, double *ret) {                                                        \
        const double limits[] = {most_messages, messages, most_bytes, bytes, exchanges, agreements};                      \
        (void)t;                                                                                                          \
        memcpy(ret, limits, sizeof limits);                                                                               \
    }
#include "bench/mpi_rows.def"
#undef MPI_ROW

#define MPI_ROW(name, kind, text, shape, result, m, messages, b, bytes, exchanges, agreements, bound, target) \
    {#name, text, MPI_KIND_##kind, MPI_SHAPE_##shape, MPI_RESULT_##result, mpi_c_##name, bound, target, limits_of_##name},
static const mpi_row rows[] = {
#include "bench/mpi_rows.def"
};
#undef MPI_ROW
enum { ROW_COUNT = sizeof rows / sizeof *rows };

/* ---------------------------------------------------------------------------------------------------------- options -- */

typedef struct options {
    const char *only, *json;
    int64_t sizes[MAX_SIZES], bytes[MAX_SIZES];
    int size_count, byte_count;
    bool is_quick, counts_only;
    nexpr_backend backend;
} options;

typedef struct bench {
    options o;
    nexpr_mpi *mpi;
    MPI_Comm comm;
    int rank, ranks;
    FILE *text, *json; /* of rank 0 */
    int count, wrong;
} bench;

/* Of all calls of nexpr on one or on all ranks. */
typedef struct sent {
    double most_messages, messages, most_bytes, bytes, exchanges, agreements;
} sent;

typedef struct figures {
    const char *memory; /* "fresh", "reused", or "" */
    double ns, c_ns, ratio; /* medians */
    double least_ns, least_c_ns;
} figures;

void mpi_die(const char *what, const char *message) {
    fprintf(stderr, "mpi_bench: %s: %s\n", what, message);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

static const char help[] =
    "usage: mpirun -n P mpi_bench [OPTION]...\n"
    "Times distributed arrays beside hand-written C and MPI, and compares what is sent with what should be.\n"
    "  --only PATTERN     only rows whose name or text contains PATTERN\n"
    "  --sizes N,N,...    elements of an array instead of 10000,1000000,16777216\n"
    "  --bytes N,N,...    bytes of a message instead of 1,64,1024,...,67108864\n"
    "  --backend WHICH    auto (the default), vm or jit\n"
    "  --counts           no times: only answers and what is sent\n"
    "  --quick            fewer and shorter turns, small sizes: shows that everything runs, not how fast\n"
    "  --json FILE        write the figures to FILE too\n"
    "  --help             print this\n";

/* Only rank 0 says so. */
static _Noreturn void leave(int status, const char *what, const char *value) {
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (!rank && !status) fputs(help, stdout);
    if (!rank && status) fprintf(stderr, "mpi_bench: %s '%s'; see --help\n", what, value);
    MPI_Finalize();
    exit(status);
}

static int parse_sizes(const char *text, int64_t *ret) {
    int count = 0;
    for (const char *p = text; p;) {
        char *end;
        errno = 0;
        const long long n = *p >= '1' && *p <= '9' ? strtoll(p, &end, 10) : 0;
        if (n < 1 || errno || n > 1 << 30 || (*end && *end != ',')) leave(2, "bad sizes", text);
        if (count == MAX_SIZES) leave(2, "too many sizes", text);
        ret[count++] = n;
        p = *end ? end + 1 : NULL;
    }
    return count;
}

static nexpr_backend parse_backend(const char *text) {
    static const char *const names[] = {"auto", "vm", "jit"};
    int i = 0;
    while (i < 3 && strcmp(text, names[i])) i++;
    if (i == 3) leave(2, "backends are auto, vm or jit, not", text);
    return (nexpr_backend)i;
}

static bool is_wanted(const options *o, const mpi_row *row) {
    return strstr(row->name, o->only) || strstr(row->text, o->only);
}

static options parse_options(int argc, char **argv) {
    static const struct option known[] = {
        {"only", required_argument, NULL, 'o'},  {"sizes", required_argument, NULL, 's'},
        {"bytes", required_argument, NULL, 'y'}, {"backend", required_argument, NULL, 'b'},
        {"json", required_argument, NULL, 'j'},  {"counts", no_argument, NULL, 'c'},
        {"quick", no_argument, NULL, 'q'},       {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *sizes = NULL, *bytes = NULL;
    options o = {.only = ""};
    for (int c; (c = getopt_long(argc, argv, ":", known, NULL)) != -1;) {
        switch (c) {
        case 'o': o.only = optarg; break;
        case 's': sizes = optarg; break;
        case 'y': bytes = optarg; break;
        case 'b': o.backend = parse_backend(optarg); break;
        case 'j': o.json = optarg; break;
        case 'c': o.counts_only = true; break;
        case 'q': o.is_quick = true; break;
        case 'h': leave(0, NULL, NULL);
        case ':': leave(2, "no value behind", argv[optind - 1]);
        default: leave(2, "unknown option", argv[optind - 1]);
        }
    }
    if (optind < argc) leave(2, "unexpected argument", argv[optind]);
    int wanted = 0;
    for (int i = 0; i < ROW_COUNT; i++) wanted += is_wanted(&o, &rows[i]);
    if (!wanted) leave(2, "no row is called", o.only);
    if (!sizes) sizes = o.is_quick ? "10007,250000" : "10000,1000000,16777216";
    if (!bytes) bytes = o.is_quick ? "1,4096,1000000" : "1,64,1024,4096,16384,65536,262144,1048576,4194304,67108864";
    o.size_count = parse_sizes(sizes, o.sizes);
    o.byte_count = parse_sizes(bytes, o.bytes);
    return o;
}

/* ---------------------------------------------------------------------------------------------------------- counts -- */

static double over_ranks(const bench *b, double own, MPI_Op op) {
    double all;
    PMPI_Allreduce(&own, &all, 1, MPI_DOUBLE, op, b->comm);
    return all;
}

static sent add_up(const bench *b, const mpi_counts *own) {
    return (sent){over_ranks(b, (double)own->messages, MPI_MAX), over_ranks(b, (double)own->messages, MPI_SUM),
                  over_ranks(b, (double)own->bytes, MPI_MAX), over_ranks(b, (double)own->bytes, MPI_SUM),
                  over_ranks(b, (double)own->exchanges, MPI_MAX), over_ranks(b, (double)own->allreduces, MPI_MAX)};
}

/* Says what is not as it should be; how many things. */
static int compare_counts(const bench *b, const mpi_task *t, const sent *s) {
    static const char *const what[] = {"messages of a rank", "messages", "bytes of a rank", "bytes", "exchanges",
                                       "agreements"};
    const double found[] = {s->most_messages, s->messages, s->most_bytes, s->bytes, s->exchanges, s->agreements};
    double limits[MPI_LIMITS];
    int wrong = 0;
    t->row->find_limits(t, limits);
    for (int i = 0; i < MPI_LIMITS; i++) {
        const bool is_most = i == MPI_MOST_MESSAGES || i == MPI_MOST_BYTES;
        if (limits[i] < 0 || (is_most ? found[i] <= limits[i] : found[i] == limits[i])) continue;
        wrong++;
        if (!b->rank) {
            fprintf(stderr, "mpi_bench: %s, n = %lld, %d ranks: %.0f %s, %s %.0f\n", t->row->name, (long long)t->n, b->ranks,
                    found[i], what[i], is_most ? "not at most" : "not", limits[i]);
        }
    }
    return wrong;
}

/* ---------------------------------------------------------------------------------------------------------- timing -- */

/* Nanoseconds of a call on the rank that takes longest; all begin together. */
static double time_calls(const bench *b, mpi_task *t, void (*run)(mpi_task *), int64_t calls) {
    PMPI_Barrier(b->comm);
    const double start = bench_now_ns();
    for (int64_t i = 0; i < calls; i++) run(t);
    return over_ranks(b, bench_now_ns() - start, MPI_MAX) / (double)calls;
}

/* Runs for a while; then says how many calls take least_ns. */
static int64_t warm_up(const bench *b, mpi_task *t, void (*run)(mpi_task *)) {
    const double least_ns = b->o.is_quick ? QUICK_LEAST_NS : LEAST_NS;
    const double warm_ns = b->o.is_quick ? QUICK_LEAST_NS : WARM_NS;
    double spent = 0, ns = 0;
    for (int64_t calls = 1; spent < warm_ns; calls *= 2) {
        ns = time_calls(b, t, run, calls);
        spent += ns * (double)calls;
    }
    return ns < least_ns ? (int64_t)(least_ns / ns) + 1 : 1;
}

static figures time_both(const bench *b, mpi_task *t, const char *memory) {
    static double ns[BENCH_MAX_REPEATS], c_ns[BENCH_MAX_REPEATS], ratio[BENCH_MAX_REPEATS];
    const bool has_both = t->row->kind != MPI_KIND_PINGPONG;
    const int turns = b->o.is_quick ? QUICK_TURNS : TURNS;
    const int64_t calls = has_both ? warm_up(b, t, mpi_task_run_nexpr) : 1;
    const int64_t c_calls = warm_up(b, t, mpi_task_run_c);
    for (int turn = 0; turn < turns; turn++) {
        ns[turn] = has_both ? time_calls(b, t, mpi_task_run_nexpr, calls) : 0;
        c_ns[turn] = time_calls(b, t, mpi_task_run_c, c_calls);
        ratio[turn] = has_both ? c_ns[turn] / ns[turn] : 0;
    }
    figures f = {memory, bench_median(ns, turns), bench_median(c_ns, turns), bench_median(ratio, turns), 0, 0};
    f.least_ns = ns[0]; /* they are sorted */
    f.least_c_ns = c_ns[0];
    return f;
}

/* ---------------------------------------------------------------------------------------------------------- report -- */

static void write_line(const bench *b, const mpi_task *t, const figures *f, const sent *ours, const sent *theirs) {
    const mpi_row *row = t->row;
    fprintf(b->text, "%-15s %9lld %3d ", row->name, (long long)t->n, b->ranks);
    if (f) {
        fprintf(b->text, "%-6s ", f->memory);
        if (f->ns > 0) fprintf(b->text, "%11.2f %7.2f ", f->ns / 1e3, mpi_task_bytes(t) / f->ns);
        else fprintf(b->text, "%11s %7s ", "", "");
        fprintf(b->text, "%11.2f %7.2f ", f->c_ns / 1e3, mpi_task_bytes(t) / f->c_ns);
        if (f->ratio > 0) fprintf(b->text, "%6.2f%c ", f->ratio, row->target > f->ratio ? '<' : ' ');
        else fprintf(b->text, "%7s ", "");
        if (f->ratio > 0) fprintf(b->text, "%6.2f ", f->least_c_ns / f->least_ns);
        else fprintf(b->text, "%6s ", "");
    }
    fprintf(b->text, "%8.0f %5.0f %12.0f %5.0f %5.0f | ", ours->most_messages, ours->messages, ours->bytes, ours->exchanges,
            ours->agreements);
    fprintf(b->text, "%5.0f %5.0f %12.0f %5.0f\n", theirs->most_messages, theirs->messages, theirs->bytes,
            theirs->exchanges);
    fflush(b->text);
}

static void write_json(bench *b, const mpi_task *t, const figures *f, const sent *s) {
    fprintf(b->json, "%s\n {\"row\": \"%s\", \"expression\": \"%s\", ", b->count++ ? "," : "", t->row->name, t->row->text);
    fprintf(b->json, "\"n\": %lld, \"ranks\": %d", (long long)t->n, b->ranks);
    if (f) {
        fprintf(b->json, ", \"memory\": \"%s\", \"ns\": %.6g, \"c_ns\": %.6g, ", f->memory, f->ns, f->c_ns);
        fprintf(b->json, "\"least_ns\": %.6g, \"least_c_ns\": %.6g, ", f->least_ns, f->least_c_ns);
        fprintf(b->json, "\"ratio\": %.6g, \"target\": %.3g", f->ratio, t->row->target);
    }
    fprintf(b->json, ", \"most_messages\": %.0f, \"messages\": %.0f, ", s->most_messages, s->messages);
    fprintf(b->json, "\"most_bytes\": %.0f, \"bytes\": %.0f, ", s->most_bytes, s->bytes);
    fprintf(b->json, "\"exchanges\": %.0f, \"agreements\": %.0f}", s->exchanges, s->agreements);
    fflush(b->json);
}

static void report(bench *b, const mpi_task *t, const figures *f, const sent *ours, const sent *theirs) {
    if (b->rank) return;
    write_line(b, t, f, ours, theirs);
    if (b->json) write_json(b, t, f, ours);
}

static void begin_report(bench *b) {
    if (b->rank) return;
    b->text = stdout;
    b->json = b->o.json ? fopen(b->o.json, "w") : NULL;
    if (b->o.json && !b->json) mpi_die(b->o.json, strerror(errno));
    if (b->json) fputs("{\"rows\": [", b->json);
    fprintf(b->text, "%-15s %9s %3s ", "row", "n", "P");
    if (!b->o.counts_only) {
        fprintf(b->text, "%-6s %11s %7s %11s %7s ", "result", "nexpr us", "GB/s", "C/MPI us", "GB/s");
        fprintf(b->text, "%7s %6s ", "ratio ", "least");
    }
    fprintf(b->text, "%8s %5s %12s %5s %5s | ", "messages", "all", "bytes", "exch.", "agr.");
    fprintf(b->text, "%5s %5s %12s %5s\n", "C: m.", "all", "bytes", "exch.");
}

static bool end_report(bench *b) {
    if (b->rank) return true;
    bool is_good = !fflush(b->text) && !ferror(b->text);
    if (b->json) {
        fputs("\n]}\n", b->json);
        is_good &= !ferror(b->json);
        is_good &= !fclose(b->json);
    }
    return is_good;
}

/* ---------------------------------------------------------------------------------------------------------- the run -- */

static void time_row(bench *b, mpi_task *t, const sent *ours, const sent *theirs) {
    const bool has_result = t->row->kind == MPI_KIND_EVALUATE || t->row->kind == MPI_KIND_REDISTRIBUTE;
    if (b->o.backend == NEXPR_BACKEND_AUTO && t->expr) mpi_task_compile(t);
    figures f = time_both(b, t, has_result ? "fresh" : "");
    report(b, t, &f, ours, theirs);
    if (t->row->kind != MPI_KIND_EVALUATE) return;
    mpi_task_reuse(t, true);
    f = time_both(b, t, "reused");
    report(b, t, &f, ours, theirs);
}

static void measure(bench *b, const mpi_row *row, int64_t n) {
    mpi_task t;
    mpi_counts counts[2];
    mpi_task_make(&t, row, b->mpi, b->comm, n, b->o.backend);
    const bool is_right = mpi_task_check(&t, &counts[0], &counts[1]);
    const sent ours = add_up(b, &counts[0]), theirs = add_up(b, &counts[1]);
    const bool all_right = over_ranks(b, !is_right, MPI_SUM) == 0;
    if (!all_right && !b->rank) {
        fprintf(stderr, "mpi_bench: %s, n = %lld, %d ranks: the answers differ\n", row->name, (long long)n, b->ranks);
    }
    b->wrong += !all_right + compare_counts(b, &t, row->kind == MPI_KIND_PINGPONG ? &theirs : &ours);
    if (b->o.counts_only) report(b, &t, NULL, &ours, &theirs);
    else time_row(b, &t, &ours, &theirs);
    mpi_task_free(&t);
}

/* Every rank has two rows at least. */
static bool can_measure(const bench *b, const mpi_row *row, int64_t n) {
    if (row->shape == MPI_SHAPE_BYTES) return b->ranks > 1;
    const int64_t count = row->shape == MPI_SHAPE_LINE ? n : (int64_t)sqrt((double)n);
    return count >= 2 * (int64_t)b->ranks && count > 2;
}

static void measure_all(bench *b) {
    for (int i = 0; i < ROW_COUNT; i++) {
        const mpi_row *row = &rows[i];
        if (!is_wanted(&b->o, row)) continue;
        const bool is_bytes = row->shape == MPI_SHAPE_BYTES;
        const int64_t *sizes = is_bytes ? b->o.bytes : b->o.sizes;
        for (int s = 0; s < (is_bytes ? b->o.byte_count : b->o.size_count); s++) {
            if (can_measure(b, row, sizes[s])) measure(b, row, sizes[s]);
        }
    }
}

int main(int argc, char **argv) {
    int level;
    nexpr_error err = nexpr_error_init();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    bench b = {.o = parse_options(argc, argv)};
    nexpr_mpi_options m = nexpr_mpi_options_init();
    m.threads = 1;
    PMPI_Comm_dup(MPI_COMM_WORLD, &b.comm);
    PMPI_Comm_rank(b.comm, &b.rank);
    PMPI_Comm_size(b.comm, &b.ranks);
    if (nexpr_mpi_new(MPI_COMM_WORLD, &m, &b.mpi, &err)) mpi_die("nexpr_mpi_new", err.message);
    begin_report(&b);
    measure_all(&b);
    if (!end_report(&b)) mpi_die("output", "cannot be written");
    if (b.wrong && !b.rank) fprintf(stderr, "mpi_bench: %d figures are not what they should be\n", b.wrong);
    nexpr_mpi_free(&b.mpi);
    PMPI_Comm_free(&b.comm);
    MPI_Finalize();
    return b.wrong ? 1 : 0;
}
