/* SPDX-License-Identifier: MIT */
/* Numbers as text: the shortest digits that read back the same in their dtype, in NumPy's spelling. */
#ifndef CLI_NUMBER_H
#define CLI_NUMBER_H

#include "nexpr.h"

enum {
    NUMBER_MAX_PRECISION = 100, /* digits behind the point that can be asked for */
    NUMBER_TEXT_MAX = 512,      /* bytes that any function here writes at most */
    ALL_DIGITS = -1,            /* as a precision: as many as it takes */
};

/* One element of an array. */
typedef struct number {
    nexpr_dtype dtype; /* of complex numbers that of a part */
    enum { NUMBER_BOOL, NUMBER_SIGNED, NUMBER_UNSIGNED, NUMBER_REAL, NUMBER_COMPLEX } kind;
    int64_t i;  /* SIGNED */
    uint64_t u; /* BOOL and UNSIGNED */
    double re, im;
} number;

/* Reads an element of native byte order. */
number number_read(nexpr_dtype dtype, const void *at);
/* The value rounded to float16, float32 or float64. */
double number_round(double x, nexpr_dtype dtype);

/* A finite float as "-12.5", "3." or "0.": always with a point, without zeros at its end; at most `precision` digits behind
 * the point. */
void number_positional(double x, nexpr_dtype dtype, int precision, char *text);
/* A finite float as "-1.25e+10" or "1.e-05"; the same. Returns the number of digits behind the point. */
int number_scientific(double x, nexpr_dtype dtype, int precision, char *text);
/* The same with exactly `places` digits behind the point and at least exponent_digits digits of exponent. */
void number_scientific_fixed(double x, int places, int exponent_digits, char *text);

/* The number on its own, as Python and NumPy print a scalar: "True", "-3", "1.0", "1e-05", "(1+2j)". */
void number_scalar(const number *x, int precision, char *text);
/* The number among others on a line: like a scalar, but a complex number is "1+2j", always with both parts. */
void number_word(const number *x, int precision, char *text);

#endif
