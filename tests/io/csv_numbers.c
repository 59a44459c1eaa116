/* SPDX-License-Identifier: MIT */
/*
 * csv_numbers: reads lines "DTYPE TEXT" and answers each with the bits of the number, in hexadecimal, or "-" if it is none;
 * lines "DTYPE =BITS" with the text that is written for it. For csv_numbers_test.py, which compares with Python.
 */
#include "runtime/io/decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static nexpr_dtype find_dtype(const char *name) {
    nexpr_dtype dtype = NEXPR_FLOAT64;
    if (nexpr_dtype_find(name, &dtype, NULL)) exit(2);
    return dtype;
}

static void answer_bits(nexpr_dtype dtype, const char *text) {
    nx_decimal d;
    const char *end = nx_decimal_scan(text, &d);
    if (!end || *end) puts("-");
    else printf("%llx\n", (unsigned long long)nx_decimal_to_float(&d, dtype));
}

/* Little endian or not: an element is the low bytes. */
static void answer_text(nexpr_dtype dtype, const char *bits) {
    char text[NX_DECIMAL_TEXT_MAX];
    unsigned long long value = strtoull(bits, NULL, 16);
    size_t size = nexpr_dtype_size(dtype), skip = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : sizeof value - size;
    printf("%.*s\n", (int)nx_decimal_write(dtype, (char *)&value + skip, text), text);
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t n; (n = getline(&line, &capacity, stdin)) > 0;) {
        line[--n] = 0;
        char *padded = realloc(line, (size_t)n + 1 + NX_DECIMAL_PADDING);
        if (!padded) return 2;
        line = padded;
        capacity = (size_t)n + 1 + NX_DECIMAL_PADDING;
        memset(line + n, 0, 1 + NX_DECIMAL_PADDING);
        char *text = strchr(line, ' ');
        if (!text) return 2;
        *text++ = 0;
        if (*text == '=') answer_text(find_dtype(line), text + 1);
        else answer_bits(find_dtype(line), text);
    }
    free(line);
}
