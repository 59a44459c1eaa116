/* SPDX-License-Identifier: MIT */
/* Raising and handing on errors. Every function that can fail returns a nexpr_status and takes a nexpr_error last. */
#ifndef NX_ENGINE_STATUS_H
#define NX_ENGINE_STATUS_H

#include "nexpr.h"

/* Half-open byte range of the text. */
typedef struct nx_span {
    uint32_t begin, end;
} nx_span;

#define NX_NOWHERE ((nx_span){0, 0})

/* Makes it reach over both; an empty one is nowhere. */
static inline void nx_span_widen(nx_span *span, nx_span by) {
    const bool is_first = span->begin == span->end;
    if (by.begin == by.end) return;
    if (is_first || by.begin < span->begin) span->begin = by.begin;
    if (is_first || by.end > span->end) span->end = by.end;
}

/* The only way to hand an error on. */
#define NX_TRY(call)                    \
    do {                                \
        nexpr_status status_ = (call);  \
        if (status_) return status_;    \
    } while (0)

/* The only ways to raise an error: write it to err (if not NULL) and return its status. A message is one sentence without
 * a full stop; it is cut at a UTF-8 boundary if it is too long, and bytes that are not printable are escaped. */
__attribute__((format(printf, 4, 5))) nexpr_status nx_fail(nexpr_error *err, nexpr_status status, nx_span span,
                                                            const char *format, ...);
/* The same about input or output number `operand`. */
__attribute__((format(printf, 4, 5))) nexpr_status nx_fail_operand(nexpr_error *err, nexpr_status status, int operand,
                                                                    const char *format, ...);
/* Gives an error that was raised without one a place in the text. */
void nx_place_error(nexpr_error *err, nx_span span);
/* NEXPR_MEMORY. */
nexpr_status nx_fail_memory(nexpr_error *err);

#endif
