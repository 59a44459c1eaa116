/* SPDX-License-Identifier: MIT */
/*
 * The nexpr_mpi object: a duplicate of a communicator, what agreement needs, and the rank's share of its node.
 *
 * Until type and operation of the record exist, ranks cannot agree as they do later: they only find out whether all can go
 * on.
 */
#include "runtime/cpus.h"
#include "runtime/mpi/call.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PIECE = 8 << 20, DEFAULT_CACHED = 64 << 20, MAX_PIECE = 1 << 30, NO_RANK = INT32_MAX };

nexpr_mpi_options nexpr_mpi_options_init(void) {
    return (nexpr_mpi_options){.size = sizeof(nexpr_mpi_options)};
}

nexpr_mpi_info nexpr_mpi_info_init(void) {
    return (nexpr_mpi_info){.size = sizeof(nexpr_mpi_info)};
}

nexpr_mpi_layout nexpr_mpi_layout_init(int axis) {
    return (nexpr_mpi_layout){.size = sizeof(nexpr_mpi_layout), .axis = axis};
}

/* NULL: malloc. */
static const nexpr_allocator *allocator_of(const nexpr_mpi *m) {
    return m->allocator.allocate ? &m->allocator : NULL;
}

/* --------------------------------------------------------------------------------------------------- communicator -- */

/* The record with the lower rank wins; hashes are compared by their least. MPI calls it as an MPI_User_function. */
static void combine(void *in, void *inout, int *count, MPI_Datatype *type) {
    (void)type;
    nx_record *from = in, *to = inout;
    for (int i = 0; i < *count; i++) {
        uint64_t hash = from[i].hash < to[i].hash ? from[i].hash : to[i].hash;
        uint64_t not_hash = from[i].not_hash < to[i].not_hash ? from[i].not_hash : to[i].not_hash;
        if (from[i].rank < to[i].rank) to[i] = from[i];
        to[i].hash = hash;
        to[i].not_hash = not_hash;
    }
}

/* Agreement before there is a record: whether MPI has failed on no rank. Each has its own message. */
static bool goes_on_plainly(nx_call *c) {
    int is_whole = !c->mpi->broken.status, all = is_whole;
    nx_call_check(c, MPI_Allreduce(&is_whole, &all, 1, MPI_INT, MPI_MIN, c->mpi->comm), "MPI_Allreduce");
    if (all) return true;
    if (is_whole) nx_mpi_fail(&c->error, NEXPR_COMMUNICATION, "%s: MPI failed on another rank", c->name);
    else c->error = c->mpi->broken;
    nx_mpi_fail(c->err, c->error.status, "%s", c->error.message);
    return false;
}

/* The duplicate is made whatever happened here before, because others make it. */
static bool open_communicator(nx_call *c, MPI_Comm comm) {
    nexpr_mpi *m = c->mpi;
    nx_call_check(c, MPI_Comm_dup(comm, &m->comm), "MPI_Comm_dup");
    if (m->comm == MPI_COMM_NULL) {
        nx_mpi_fail(c->err, c->error.status, "%s", c->error.message);
        return false;
    }
    nx_call_check(c, MPI_Comm_set_errhandler(m->comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    nx_call_check(c, MPI_Comm_rank(m->comm, &m->rank), "MPI_Comm_rank");
    nx_call_check(c, MPI_Comm_size(m->comm, &m->ranks), "MPI_Comm_size");
    nx_call_check(c, MPI_Type_contiguous(sizeof(nx_record), MPI_BYTE, &m->record_type), "MPI_Type_contiguous");
    if (m->record_type != MPI_DATATYPE_NULL) nx_call_check(c, MPI_Type_commit(&m->record_type), "MPI_Type_commit");
    nx_call_check(c, MPI_Op_create(combine, 1, &m->record_op), "MPI_Op_create");
    return goes_on_plainly(c);
}

static void close_communicator(nexpr_mpi *m) {
    int is_finalized = 1;
    if (MPI_Finalized(&is_finalized) || is_finalized) return;
    if (m->record_op != MPI_OP_NULL) MPI_Op_free(&m->record_op);
    if (m->record_type != MPI_DATATYPE_NULL) MPI_Type_free(&m->record_type);
    if (m->comm != MPI_COMM_NULL) MPI_Comm_free(&m->comm);
}

/* ----------------------------------------------------------------------------------------------------------- node -- */

/* This rank's share of the CPUs: where k ranks have the same ones, a k-th part of them. */
static int share_of(const cpu_set_t *own, const cpu_set_t *all, int sum) {
    int64_t share = sum ? (int64_t)CPU_COUNT(own) * CPU_COUNT(all) / sum : 1;
    if (share > nx_cpus()) share = nx_cpus(); /* a cgroup may allow less */
    return share < 1 ? 1 : (int)share;
}

static void measure_node(nx_call *c) {
    nexpr_mpi *m = c->mpi;
    MPI_Comm node = MPI_COMM_NULL;
    cpu_set_t own, all;
    CPU_ZERO(&own);
    if (sched_getaffinity(0, sizeof own, &own)) CPU_SET(0, &own);
    int cpus = CPU_COUNT(&own), sum = cpus, is_first;
    all = own;
    nx_call_check(c, MPI_Comm_split_type(m->comm, MPI_COMM_TYPE_SHARED, m->rank, MPI_INFO_NULL, &node),
                  "MPI_Comm_split_type");
    if (node != MPI_COMM_NULL) {
        nx_call_check(c, MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
        nx_call_check(c, MPI_Comm_rank(node, &m->node_rank), "MPI_Comm_rank");
        nx_call_check(c, MPI_Comm_size(node, &m->node_ranks), "MPI_Comm_size");
        nx_call_check(c, MPI_Allreduce(&own, &all, sizeof own, MPI_BYTE, MPI_BOR, node), "MPI_Allreduce");
        nx_call_check(c, MPI_Allreduce(&cpus, &sum, 1, MPI_INT, MPI_SUM, node), "MPI_Allreduce");
        nx_call_check(c, MPI_Comm_free(&node), "MPI_Comm_free");
    }
    is_first = !m->node_rank;
    nx_call_check(c, MPI_Allreduce(&is_first, &m->nodes, 1, MPI_INT, MPI_SUM, m->comm), "MPI_Allreduce");
    if (!m->threads && !getenv("NEXPR_NUM_THREADS")) m->threads = share_of(&own, &all, sum);
}

/* ---------------------------------------------------------------------------------------------------------- object -- */

static void take_options(nx_call *c, const nexpr_mpi_options *given) {
    nexpr_mpi_options all = nexpr_mpi_options_init();
    nexpr_mpi *m = c->mpi;
    if (given) memcpy(&all, given, given->size < sizeof all ? given->size : sizeof all);
    if (all.allocator) m->allocator = *all.allocator;
    m->cached = all.cached_bytes == SIZE_MAX ? 0 : all.cached_bytes ? all.cached_bytes : DEFAULT_CACHED;
    m->buffers = nx_buffers_new(allocator_of(m), m->cached);
    if (!m->buffers) nx_call_raise(c, NEXPR_MEMORY, "%s: out of memory", c->name);
    m->piece = all.piece_bytes ? all.piece_bytes : DEFAULT_PIECE;
    m->threads = all.threads;
    m->context = all.context;
    m->lost = all.lost;
    m->lost_user = all.lost_user;
    NX_CALL_HASH(c, m->piece);
    if (m->piece < 1 || m->piece > MAX_PIECE) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: piece_bytes is %lld, and has to be from 1 to 2^30, or 0", c->name,
                      (long long)all.piece_bytes);
    }
    if (m->threads < 0) nx_call_raise(c, NEXPR_ARGUMENT, "%s: threads is negative", c->name);
    if (m->context && m->threads) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: threads is for a context of its own; this one has its number", c->name);
    }
}

static void make_context(nx_call *c) {
    nexpr_mpi *m = c->mpi;
    nexpr_context_options options = nexpr_context_options_init();
    options.allocator = allocator_of(m);
    options.threads = m->threads;
    if (m->context || !nx_call_is_ok(c)) return;
    m->owns_context = !nexpr_context_new(&options, &m->context, &c->error);
}

static nexpr_status check_mpi(MPI_Comm comm, bool *ret_main_thread_only, nexpr_error *err) {
    int is_there = 0, is_over = 0, level = MPI_THREAD_SINGLE, is_inter = 0;
    if (MPI_Initialized(&is_there) || !is_there || MPI_Finalized(&is_over) || is_over) {
        return nx_mpi_fail(err, NEXPR_ARGUMENT, "nexpr_mpi_new is called between MPI_Init_thread and MPI_Finalize");
    }
    if (MPI_Query_thread(&level) || level < MPI_THREAD_FUNNELED) {
        return nx_mpi_fail(err, NEXPR_ARGUMENT, "nexpr_mpi_new: MPI was initialised for programs without threads; call "
                           "MPI_Init_thread with MPI_THREAD_FUNNELED instead of MPI_Init");
    }
    *ret_main_thread_only = level == MPI_THREAD_FUNNELED;
    if (comm == MPI_COMM_NULL) return nx_mpi_fail(err, NEXPR_ARGUMENT, "nexpr_mpi_new: the communicator is MPI_COMM_NULL");
    if (MPI_Comm_test_inter(comm, &is_inter) || is_inter) {
        return nx_mpi_fail(err, NEXPR_ARGUMENT, "nexpr_mpi_new: the communicator is an intercommunicator; merge it first "
                           "(MPI_Intercomm_merge)");
    }
    return NEXPR_OK;
}

/* What is built on the stack goes to memory of the allocator at the end, so that a rank without memory can say so. */
static nexpr_status set_up(nx_call *c, MPI_Comm comm, const nexpr_mpi_options *options, nexpr_mpi **ret_mpi) {
    nexpr_mpi *m = c->mpi;
    take_options(c, options);
    nx_memory memory = {NULL, 0};
    nexpr_mpi *heap = NULL;
    bool goes_on = open_communicator(c, comm);
    if (goes_on) {
        heap = (nexpr_mpi *)nx_call_allocate(c, sizeof *heap, "an object", &memory);
        measure_node(c);
        make_context(c);
        goes_on = nx_call_goes_on(c);
    }
    if (goes_on) {
        *heap = *m;
        *ret_mpi = heap;
        return NEXPR_OK;
    }
    if (m->owns_context) nexpr_context_free(&m->context);
    close_communicator(m);
    nx_memory_free(&memory);
    nx_buffers_unref(&m->buffers);
    return c->error.status;
}

nexpr_status nexpr_mpi_new(MPI_Comm comm, const nexpr_mpi_options *options, nexpr_mpi **ret_mpi, nexpr_error *err) {
    nexpr_mpi m = {.comm = MPI_COMM_NULL, .record_type = MPI_DATATYPE_NULL, .record_op = MPI_OP_NULL, .ranks = 1,
                   .node_ranks = 1, .nodes = 1};
    if (!ret_mpi) return nx_mpi_fail(err, NEXPR_ARGUMENT, "nexpr_mpi_new: ret_mpi is NULL");
    nexpr_status status = check_mpi(comm, &m.main_thread_only, err);
    if (status) return status;
    nx_call c;
    status = nx_call_begin(&c, &m, "nexpr_mpi_new", err);
    return status ? status : set_up(&c, comm, options, ret_mpi);
}

void nexpr_mpi_free(nexpr_mpi **mpi) {
    nexpr_mpi *m = mpi ? *mpi : NULL;
    if (!m) return;
    close_communicator(m);
    if (m->owns_context) nexpr_context_free(&m->context);
    nx_buffers_unref(&m->buffers);
    nx_buffer_give(m);
    *mpi = NULL;
}

nexpr_status nexpr_mpi_describe(const nexpr_mpi *mpi, nexpr_mpi_info *ret_info) {
    if (!mpi || !ret_info) return NEXPR_ARGUMENT;
    nexpr_mpi_info all = {.size = ret_info->size, .comm = mpi->comm, .rank = mpi->rank, .ranks = mpi->ranks,
                          .node_rank = mpi->node_rank, .node_ranks = mpi->node_ranks, .nodes = mpi->nodes,
                          .threads = mpi->threads, .piece_bytes = mpi->piece, .context = mpi->context};
    memcpy(ret_info, &all, all.size < sizeof all ? all.size : sizeof all);
    return NEXPR_OK;
}
