/* SPDX-License-Identifier: MIT */
/* "Did you mean": the known name that looks most like an unknown one. */
#ifndef NX_ENGINE_SUGGEST_H
#define NX_ENGINE_SUGGEST_H

#include <stddef.h>

typedef struct nx_suggestion {
    const char *name; /* the unknown one */
    size_t length;
    int distance; /* of the best so far */
    char best[64]; /* "" if nothing is near */
} nx_suggestion;

nx_suggestion nx_suggest(const char *name, size_t length);
/* Offers a known name; the nearest one by edit distance (case counts half) is kept if at most a third of it differs. */
void nx_suggest_offer(nx_suggestion *suggestion, const char *known, size_t length);
/* " (did you mean 'x'?)" or "": ready to append to a message. buffer of at least 96 bytes; returned. */
const char *nx_suggest_text(const nx_suggestion *suggestion, char *buffer);

#endif
