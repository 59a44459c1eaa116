/* SPDX-License-Identifier: MIT */
#include "engine/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 63, EDIT = 2, CASE = 1 }; /* costs */

static int min2(int a, int b) {
    return a < b ? a : b;
}

/* Edit distance with swaps of neighbours (optimal string alignment), in units of EDIT. */
static int distance(const char *a, size_t n, const char *b, size_t m) {
    int rows[3][LONGEST + 1];
    int *before = rows[0], *previous = rows[1], *current = rows[2];
    for (size_t j = 0; j <= m; j++) previous[j] = (int)j * EDIT;
    for (size_t i = 1; i <= n; i++) {
        current[0] = (int)i * EDIT;
        for (size_t j = 1; j <= m; j++) {
            unsigned char x = (unsigned char)a[i - 1], y = (unsigned char)b[j - 1];
            int change = x == y ? 0 : tolower(x) == tolower(y) ? CASE : EDIT;
            int best = min2(previous[j - 1] + change, min2(previous[j], current[j - 1]) + EDIT);
            if (i > 1 && j > 1 && a[i - 2] == b[j - 1] && a[i - 1] == b[j - 2]) best = min2(best, before[j - 2] + EDIT);
            current[j] = best;
        }
        int *spare = before;
        before = previous;
        previous = current;
        current = spare;
    }
    return previous[m];
}

nx_suggestion nx_suggest(const char *name, size_t length) {
    return (nx_suggestion){.name = name, .length = length};
}

void nx_suggest_offer(nx_suggestion *s, const char *known, size_t length) {
    if (s->length > LONGEST || length > LONGEST || !length) return;
    int d = distance(s->name, s->length, known, length);
    int allowed = (int)(s->length > length ? s->length : length) * EDIT / 3;
    if (d > allowed || (s->best[0] && d >= s->distance)) return;
    s->distance = d;
    memcpy(s->best, known, length);
    s->best[length] = 0;
}

const char *nx_suggest_text(const nx_suggestion *s, char *buffer) {
    buffer[0] = 0;
    if (s->best[0]) snprintf(buffer, 96, " (did you mean '%s'?)", s->best);
    return buffer;
}
