/* SPDX-License-Identifier: MIT */
/*
 * Tests that run on every rank of an mpirun. A test is a function that all ranks call; what CHECK finds wrong on any of them
 * makes it fail. Rank 0 prints. Elements are bytes that follow from their index, so that every rank knows what it should
 * have.
 */
#ifndef NX_TESTS_MPI_CHECK_H
#define NX_TESTS_MPI_CHECK_H

#include "nexpr_mpi.h"

extern int rank, ranks, failures; /* of this rank */

#define CHECK(condition)                                                  \
    do {                                                                  \
        if (!(condition)) check_failed(__FILE__, __LINE__, #condition);   \
    } while (0)
/* The status that a call should return on every rank; its message goes to `err`. */
#define EXPECT(status, call)                                              \
    do {                                                                  \
        err = nexpr_error_init();                                         \
        check_status(__FILE__, __LINE__, (status), (call), &err);         \
    } while (0)

void check_failed(const char *file, int line, const char *what);
void check_status(const char *file, int line, nexpr_status expected, nexpr_status found, const nexpr_error *error);
/* Whether all ranks have the same message. Collective. */
bool is_same_everywhere(const nexpr_error *error);

/* All tests, each in the file that it is about. Those whose names begin with "only_" are run only when asked for. */
#define TESTS(X)                                \
    X(every_layout_becomes_every_other)         \
    X(every_constructor_makes_every_layout)     \
    X(only_large_arrays_go_in_pieces)           \
    X(halos_have_the_rows_around)               \
    X(halos_send_what_the_formula_says)         \
    X(exchanges_send_what_the_formula_says)     \
    X(files_are_read_by_slabs)                  \
    X(files_are_written_by_slabs)               \
    X(what_one_rank_cannot_read_fails_on_all)   \
    X(what_one_rank_cannot_write_fails_on_all)  \
    X(programs_have_the_bits_of_one_process)    \
    X(programs_send_what_the_formula_says)      \
    X(buffers_are_kept_between_calls)           \
    X(threads_in_ranks_change_nothing)          \
    X(jobs_write_the_bytes_of_one_process)      \
    X(jobs_write_tables)                        \
    X(what_does_not_fit_is_not_begun)           \
    X(communicators_are_left_as_they_are)       \
    X(wrong_arguments_are_agreed_on)            \
    X(slabs_are_checked)                        \
    X(slabs_are_taken_over)                     \
    X(a_function_that_fails_fails_on_all)       \
    X(another_thread_is_turned_away)            \
    X(a_rank_without_memory_fails_on_all)       \
    X(every_failing_call_ends_everywhere)       \
    X(calls_that_fail_together_end_everywhere)  \
    X(only_random_programs)                     \
    X(only_a_lost_rank_ends_the_job)

#define X(name) void name(void);
TESTS(X)
#undef X

extern nexpr_error err; /* of the last EXPECT */

/* An object with one thread; piece 0: the default. */
nexpr_mpi *new_mpi(int64_t piece);

/* Elements `first` to `first + count` of size `item`; and whether data has them. */
void fill_elements(void *data, int64_t first, int64_t count, int64_t item);
bool has_elements(const void *data, int64_t first, int64_t count, int64_t item);
/* As a nexpr_read: user points to the item size. */
nexpr_status read_elements(void *user, int64_t first, int64_t count, void *data, nexpr_error *reterr);
/* Whether the slab of an array has the elements that its layout says. */
bool has_slab(const nexpr_mpi_array *array);
/* The same with the rows around it. */
bool has_wide_slab(const nexpr_mpi_array *array);
/* Random lengths that add up to n, the same on all ranks for one seed; many of them 0. */
void random_counts(uint64_t seed, int64_t n, int64_t *counts);

#endif
