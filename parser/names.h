/* SPDX-License-Identifier: MIT */
/* The names of one text, each kept once, so that equal names are equal pointers. */
#ifndef NX_PARSER_NAMES_H
#define NX_PARSER_NAMES_H

#include "engine/arena.h"

typedef struct nx_symbol {
    uint64_t hash;
    uint32_t length;
    bool assigned; /* by a statement that has been read */
    bool listed;   /* among the free names */
    char text[];   /* NUL-terminated */
} nx_symbol;

typedef struct nx_names {
    nx_arena *arena;
    nx_symbol **slots;
    size_t capacity, count; /* capacity: a power of two */
} nx_names;

/* The symbol of a name, made if it is new. NULL if memory is out. */
nx_symbol *nx_names_intern(nx_names *names, const char *text, size_t length);

#endif
