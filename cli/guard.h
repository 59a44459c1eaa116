/* SPDX-License-Identifier: MIT */
/*
 * A thread that watches over a job while the main thread may wait inside MPI for something that never comes. It ends the
 * process, and removes the temporaries of outputs first, when
 *
 *   a signal has been noted and the main thread does not come to its end in time,
 *   another rank of this machine, or the launcher, has died,
 *   nothing has moved for the time of --stall-timeout.
 *
 * The ranks of one machine share a block of memory: who they are, a count of whatever has moved, and whether one of them has
 * told the user, so that there is one message.
 */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include "cli/launch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

typedef struct guard_block guard_block;
typedef struct guard_temporary guard_temporary;

typedef struct guard {
    int rank, ranks;
    bool is_of_job;
    bool speaks;      /* before the ranks have a block in common */
    bool is_orphan;   /* a launcher had died before */
    int launchers[2]; /* pidfds; -1: none */
    double stall;     /* seconds; 0: off */
    guard_block *block;
    int block_file;
    guard_temporary *_Atomic temporaries; /* a list */
    pthread_t thread;
    bool is_running;
    _Atomic bool has_started, is_over;
} guard;

/* Begins to watch over the launchers, and nothing else: before MPI starts, in which a rank without them may wait for ever. */
void guard_open(guard *g, const launch *l);
/* Makes the block of this rank; false without memory. The numbers say where others find it: a machine, a process, a file. */
bool guard_prepare(guard *g, int rank, int ranks, double stall);
void guard_tell_block(const guard *g, int64_t ret[3]);
/* Takes the block of another rank of this machine instead; where that is not possible it keeps its own. */
void guard_take_block(guard *g, const int64_t from[3]);
/* Begins to watch over all of it. False: there is no thread for it. */
bool guard_start(guard *g);
/* Something has moved. */
void guard_beat(guard *g);
/* A temporary to be removed if it comes to that, as long as it is this inode. False: out of memory. */
bool guard_add(guard *g, const char *path, uint64_t inode);
void guard_remove_temporaries(guard *g);
/* True for the first who asks: the one who tells the user. */
bool guard_may_speak(guard *g);
/* From now on it is no accident if a rank ends. */
void guard_expect_end(guard *g);
void guard_stop(guard *g);

#endif
