/* SPDX-License-Identifier: MIT */
/* The table that lookups.def expands to. */
#include "engine/lookup.h"

enum { OF_T, OF_I, OF_D };

static const struct { const char *name; uint8_t argument, result; double ns; } rows[NX_LOOKUP_COUNT] = {
#define LOOKUP(id, argument_, result_, ns_) [NX_LOOKUP_##id] = {#id, OF_##argument_, OF_##result_, ns_},
#include "engine/lookups.def"
};

static nexpr_dtype dtype_of(int type, nexpr_dtype loop) {
    return type == OF_T ? loop : type == OF_I ? NEXPR_INT64 : NEXPR_FLOAT64;
}

const char *nx_lookup_name(nx_lookup lookup) {
    return rows[lookup].name;
}

nexpr_dtype nx_lookup_arg_dtype(nx_lookup lookup, nexpr_dtype loop) {
    return dtype_of(rows[lookup].argument, loop);
}

nexpr_dtype nx_lookup_result_dtype(nx_lookup lookup, nexpr_dtype loop) {
    return dtype_of(rows[lookup].result, loop);
}

double nx_lookup_ns(nx_lookup lookup) {
    return rows[lookup].ns;
}
