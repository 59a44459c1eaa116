/* SPDX-License-Identifier: MIT */
/*
 * The command as one of the ranks of an MPI job. All ranks do the same steps; behind every step that can fail on one of them
 * alone they agree on the outcome, so that nobody waits for one that has left: what ranks report is kept, and the first rank
 * prints that of the lowest one that failed. Only the first rank writes to standard output and standard error.
 *
 * A process that is no rank is one alone: it agrees with itself, and MPI is not loaded.
 */
#ifndef CLI_RANKS_H
#define CLI_RANKS_H

#include "cli/guard.h"
#include "cli/options.h"
#include "cli/target.h"

#include "nexpr_mpi_host.h"

typedef struct ranks {
    const nexpr_mpi_host *host;  /* NULL: alone */
    struct nexpr_mpi *own;       /* to agree by; that of the job computes with the job's context */
    struct nexpr_mpi *computing;
    int rank, count;
    int threads; /* this rank's share of its machine; 0: not decided here */
    bool is_told, is_lost;
    guard guard;
} ranks;

/*
 * Joins the job that a launcher has started, if there is one and --mpi allows it. `status` is that of reading the settings,
 * whose report has been kept (report_keep) if there is an environment of a launcher. Returns what ranks have agreed on;
 * ranks_end in any case.
 */
int ranks_begin(const launch *l, settings *o, int status, ranks *ret);
bool ranks_is_first(const ranks *r);
/* Collective. The outcome of a step: EXIT_OK if it is so on all ranks, else that of the lowest rank that failed. A signal
 * that one has noted is then noted by all. */
int ranks_agree(ranks *r, int status);
/* Collective. What is read once, standard input and pipes, is read by the first rank and handed to all. */
int ranks_share_inputs(ranks *r, settings *o);
/* Collective. Tells all ranks what is to be removed if the job ends otherwise than it should. */
int ranks_guard_targets(ranks *r, const targets *t, const nexpr_output *page);
/* Collective. The object that computes with this context. Errors: those of nexpr_mpi_new. */
nexpr_status ranks_compute_with(ranks *r, nexpr_context *context, nexpr_error *err);
/* Before the context is freed. */
void ranks_stop_computing(ranks *r);
/* Collective, of a job: the least of the values; what the first rank has. */
int64_t ranks_least(ranks *r, int64_t value);
void ranks_broadcast(ranks *r, void *data, size_t bytes);
/* Something has moved. */
void ranks_beat(ranks *r);
/* Leaves the job. */
void ranks_end(ranks *r);

#endif
