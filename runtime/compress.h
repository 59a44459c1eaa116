/* SPDX-License-Identifier: MIT */
/* The tasks of a nest that compresses (`compresses` of nx_reduce): the elements of its first output where the second is true. */
#ifndef NX_RUNTIME_COMPRESS_H
#define NX_RUNTIME_COMPRESS_H

#include "runtime/nest.h"

/* The nest's outputs; of a prefix there is the mask alone. */
enum { NX_COMPRESS_ELEMENTS, NX_COMPRESS_MASK };

/* As nx_nest_run. Of a prefix: counts into its groups' nodes; else writes to args->outputs[0]. */
void nx_compress_run(const nx_nest_args *args, int64_t task, int worker);
/* Turns the counts of a prefix's groups into those of all groups before each. */
void nx_compress_end(nx_nest *nest);

#endif
