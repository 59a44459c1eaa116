/* SPDX-License-Identifier: MIT */
/* nexpr --ops */
#ifndef CLI_OPS_H
#define CLI_OPS_H

#include <stdio.h>

/* Lists the op table by groups: how an operation is written, its other names, dtypes, accuracy and meaning. */
void ops_print(FILE *out);

#endif
