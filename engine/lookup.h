/* SPDX-License-Identifier: MIT */
/* Lookups: functions of an element and of whole arrays. lookups.def explains the columns. */
#ifndef NX_ENGINE_LOOKUP_H
#define NX_ENGINE_LOOKUP_H

#include "engine/dtype.h"

typedef enum nx_lookup {
#define LOOKUP(id, ...) NX_LOOKUP_##id,
#include "engine/lookups.def"
    NX_LOOKUP_COUNT
} nx_lookup;

/* "take"; static. */
const char *nx_lookup_name(nx_lookup lookup);
nexpr_dtype nx_lookup_arg_dtype(nx_lookup lookup, nexpr_dtype loop);
nexpr_dtype nx_lookup_result_dtype(nx_lookup lookup, nexpr_dtype loop);
double nx_lookup_ns(nx_lookup lookup);

#endif
