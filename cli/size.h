/* SPDX-License-Identifier: MIT */
/* Sizes as people write them: "256M", "1.5 GiB"; times: "0:42". */
#ifndef CLI_SIZE_H
#define CLI_SIZE_H

#include <stdbool.h>
#include <stddef.h>

enum { SIZE_TEXT_MAX = 32 };

/* Reads "65536", "256M" or "2GiB": a whole number, and K, M, G or T for powers of 1024. False if it is none or 0. */
bool size_read(const char *text, size_t *ret);
/* Writes "512 bytes" or "1.50 GiB", three digits; text has room for SIZE_TEXT_MAX. Returns text. */
const char *size_text(double bytes, char *text);
/* Writes "0:42" or "1:03:20" likewise. */
const char *size_time(double seconds, char *text);

#endif
