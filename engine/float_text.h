/* SPDX-License-Identifier: MIT */
/* Doubles to decimal text and back, correctly rounded, whatever the host's locale is. No allocation. */
#ifndef NX_ENGINE_FLOAT_TEXT_H
#define NX_ENGINE_FLOAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The double nearest to "1_000.5e-3": digits with an optional point and exponent, underscores skipped; the caller has
 * checked the grammar. Too large gives inf, too small 0. */
double nx_float_parse(const char *text, size_t length);

/* The shortest text that nx_float_parse reads as v again, in the form of Python's repr ("0.1", "1e+16", "-0.0", "inf",
 * "nan"), without the ".0" of whole numbers unless `point`. Returns buffer. */
enum { NX_FLOAT_TEXT_MAX = 32 };
const char *nx_float_text(double v, bool point, char buffer[NX_FLOAT_TEXT_MAX]);

#endif
