/* SPDX-License-Identifier: MIT */
/*
 * Who started this process: whether it is one of the ranks of an MPI job. The environment that launchers set is inherited by
 * whatever a rank starts, so it proves nothing alone: between the launcher and a rank there are only processes that have not
 * loaded MPI (shells, wrappers). A process of which an ancestor has is a child of somebody's MPI program.
 */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct launch {
    bool has_environment; /* that of a launcher */
    bool is_rank;         /* started as a rank; false: alone, or by an MPI program */
    const char *launcher; /* what it calls itself, for messages */
    const char *family;   /* the MPI that it can start; NULL: any */
    int rank, ranks;      /* as it says; ranks is 0 if it does not */
    pid_t nearest, front; /* the launcher's process that is this one's ancestor, and the one that the user started, as far as
                             they are seen from here; 0: not */
} launch;

launch launch_look(void);
/* Whether what the ranks write to standard output comes to a terminal. What a rank itself sees is a pipe of its launcher's,
 * or a terminal that is none. */
bool launch_has_terminal(const launch *l);

#endif
