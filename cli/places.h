/* SPDX-License-Identifier: MIT */
/*
 * The text as a tree of places, its sub-expressions, and the steps that were measured. A step of the VM has one place; a
 * segment of machine code has those of all that it does, and its time is that of all of them together.
 */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include "cli/source.h"

#include <stdbool.h>

typedef struct step_stats {
    const char *name;
    int nest, segment; /* counted from 1; segment 0: it is none */
    int place_count;   /* of a segment */
    size_t begin, end;
    nexpr_dtype dtype;
    int64_t ns, elements;
    double share, bytes; /* of all that was measured; moved in all */
} step_stats;

/* What all steps of a place took together. */
typedef struct place_time {
    int64_t ns, elements;
    double share, bytes;
} place_time;

typedef struct place {
    size_t begin, end;  /* in the whole text */
    int parent, depth;  /* the place around it; -1 */
    int key;            /* the place where its value is made: itself, or of an equal sub-expression */
    int value;          /* that it is (nexpr_value_describe); -1: none */
    nexpr_dtype dtype;  /* NEXPR_DTYPE_COUNT: a literal */
    const char *shape;  /* "(3, 4)"; NULL: unknown */
    bool is_crossing;   /* it lies across another one: a link of a chained comparison */
    int step;           /* in which it was measured, the slowest if there are several; -1: none */
    place_time time;    /* of that and the others; of a segment the whole */
    double own_share;   /* of steps that lie here, and in no place within */
    double whole_share; /* with those of what stands in it */
} place;

typedef struct places {
    place *items; /* ordered: those that begin first, of these the longest */
    int count;
    step_stats *steps;
    int step_count, step_room;
    int *of_value;         /* place by value; -1: none */
    const char **shape_of; /* by value; NULL: unknown */
    int value_count;
    char **shapes; /* owned, behind shape_of and place.shape: by value, then by term */
    int shape_count;
    double elsewhere; /* share of what has no place in the text */
} places;

/* Steps of a nest (counted from 1), the slowest first: their indices, to be freed, and their number. NULL: out of memory. */
int *places_steps(const places *p, int nest, int *ret_count);

enum { PLACES_DEEPEST = 200 }; /* browsers nest some 500 elements */

/* Whether it is an element of the page. */
static inline bool place_is_shown(const place *x) {
    return !x->is_crossing && x->depth < PLACES_DEEPEST;
}

/* inputs are those of the expression, of which data is not looked at. False: out of memory. */
bool places_find(const source *s, const nexpr *expr, const nexpr_array *const *inputs, const nexpr_profile *profile,
                 places *ret);
void places_free(places *p);
/* The place of exactly these bytes; -1. */
int places_at(const places *p, size_t begin, size_t end);
/* The place around place i, or itself, at which something was measured; -1. */
int places_measured(const places *p, int i);

#endif
