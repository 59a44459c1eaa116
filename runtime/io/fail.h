/* SPDX-License-Identifier: MIT */
/* Raising errors about files. libnexpr-io is linked to libnexpr like any program, so it has no access to nx_fail. */
#ifndef NX_IO_FAIL_H
#define NX_IO_FAIL_H

#include "nexpr_io.h"

#define NX_IO_TRY(call)                 \
    do {                                \
        nexpr_status status_ = (call);  \
        if (status_) return status_;    \
    } while (0)

/* Writes "path: message" to err (if not NULL), bytes that are not printable escaped, and returns status. A long path is cut
 * in front. path may be NULL. */
__attribute__((format(printf, 4, 5))) nexpr_status nx_io_fail(nexpr_error *err, nexpr_status status, const char *path,
                                                               const char *format, ...);
/* NEXPR_IO: "path: cannot <what>: <text of errno>". */
nexpr_status nx_io_fail_errno(nexpr_error *err, const char *path, const char *what);
nexpr_status nx_io_fail_memory(nexpr_error *err, const char *path);

#endif
