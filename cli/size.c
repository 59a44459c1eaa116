/* SPDX-License-Identifier: MIT */
#include "cli/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char letters[] = "KMGT";

bool size_read(const char *text, size_t *ret) {
    char *end;
    if (!isdigit((unsigned char)*text)) return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    size_t size = (size_t)value, unit = 1;
    if (errno || size != value || !size) return false;
    const char *letter = *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
    for (const char *at = letters; letter && at <= letter; at++) unit *= 1024;
    if (letter) end++;
    if (*end && strcasecmp(end, "B") && !(letter && !strcasecmp(end, "iB"))) return false;
    return !__builtin_mul_overflow(size, unit, ret);
}

const char *size_text(double bytes, char *text) {
    int power = 0;
    for (; bytes >= 1023.5 && letters[power]; power++) bytes /= 1024;
    if (!power) snprintf(text, SIZE_TEXT_MAX, "%.0f byte%s", bytes, bytes == 1 ? "" : "s");
    else snprintf(text, SIZE_TEXT_MAX, "%.*f %ciB", bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0, bytes, letters[power - 1]);
    return text;
}

const char *size_time(double seconds, char *text) {
    long long s = seconds < 1e9 ? (long long)(seconds + 0.5) : 1000000000;
    if (s < 3600) snprintf(text, SIZE_TEXT_MAX, "%lld:%02lld", s / 60, s % 60);
    else snprintf(text, SIZE_TEXT_MAX, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    return text;
}
