/* SPDX-License-Identifier: MIT */
/* Where the time went (--profile) and what limits it (--explain), for people and as JSON: all from a profile of nexpr.h. */
#ifndef CLI_INSIGHT_H
#define CLI_INSIGHT_H

#include "cli/json.h"
#include "cli/source.h"

/* Phases, then a table of operations for each loop nest, with their text. */
void insight_print(FILE *out, const source *s, const nexpr_profile *profile);
/* The same as member `key` of an object; tests/schemas/profile.json. */
void insight_json(json *j, const char *key, const source *s, const nexpr_profile *profile);
/* For each loop nest a line: what limits it. Copies memory for some milliseconds to compare with. */
void insight_print_limits(FILE *out, const source *s, const nexpr_profile *profile, nexpr_context *context);
/* The phases that took time, in their order: at most INSIGHT_PHASES. Returns their number. */
enum { INSIGHT_PHASES = 8 };
typedef struct insight_phase {
    const char *name;
    int64_t ns;
} insight_phase;
int insight_phases(const nexpr_stats *s, insight_phase *ret);
/* Whether reading, computing and writing went on at the same time. */
bool insight_phases_overlap(const nexpr_stats *s);
/* "VM", "machine code", or both. */
const char *insight_tier(const nexpr_nest_stats *n);
/* "1.25 ms", in room for INSIGHT_TIME_MAX; returns text. */
enum { INSIGHT_TIME_MAX = 24 };
const char *insight_time(double ns, char *text);

#endif
