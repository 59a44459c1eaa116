/* SPDX-License-Identifier: MIT */
/* The header of the .npy format: text to description and back. Knows bytes, not files. */
#ifndef NX_IO_NPY_H
#define NX_IO_NPY_H

#include "runtime/io/format.h"

enum {
    NX_NPY_SHORT_PREFIX = 10,      /* magic, version, 2 bytes of length: version 1 */
    NX_NPY_LONG_PREFIX = 12,       /* the same with 4 bytes: versions 2 and 3 */
    NX_NPY_MAX_HEADER = 64 << 10,  /* bytes of header that are believed */
    NX_NPY_WRITTEN_MAX = 2048,     /* bytes that nx_npy_format writes at most */
};

/* What the first bytes say. */
typedef struct nx_npy_prefix {
    int version;          /* 1, 2, 3 */
    size_t size;          /* NX_NPY_SHORT_PREFIX or NX_NPY_LONG_PREFIX; 0 if more bytes are needed to tell */
    size_t header_length; /* at most NX_NPY_MAX_HEADER */
} nx_npy_prefix;

/* After parsing, item_size times all dimensions that are not 0 fits int64_t. */
typedef struct nx_npy_header {
    nx_member *members;
    int member_count;
    int64_t item_size; /* bytes of a record */
    bool fortran_order;
    int ndim;
    int64_t shape[NEXPR_MAX_NDIM];
    int64_t count;      /* of records */
    int64_t data_bytes; /* behind the header */
    char *text;         /* names and types */
} nx_npy_header;

/* Delivers the next bytes of a .npy file; *ret_count is less than `bytes` only at its end. */
typedef nexpr_status nx_npy_source(void *user, void *data, size_t bytes, size_t *ret_count, nexpr_error *err);

/* Reads prefix and header; label is the file's name, for messages. *ret_bytes is the size of both. Errors: FORMAT, TYPE
 * (Python objects), MEMORY, and those of the source. */
nexpr_status nx_npy_read_header(const char *label, nx_npy_source *source, void *user, nx_npy_header *ret, size_t *ret_bytes,
                                nexpr_error *err);
/* Makes the header a group: its members, with that group's number, are appended to r->members, which have room. */
void nx_npy_describe(const nx_npy_header *header, nx_reader *r, int group);

/* Reads the prefix of `count` bytes; `count` below NX_NPY_SHORT_PREFIX is an error. Errors: FORMAT. */
nexpr_status nx_npy_parse_prefix(const char *path, const unsigned char *bytes, size_t count, nx_npy_prefix *ret,
                                 nexpr_error *err);
/* Reads the header's text, at most NX_NPY_MAX_HEADER bytes. path is for messages. Errors: FORMAT, MEMORY. */
nexpr_status nx_npy_parse_header(const char *path, int version, const unsigned char *text, size_t length,
                                 nx_npy_header *ret, nexpr_error *err);
void nx_npy_header_free(nx_npy_header *header);

/* Writes prefix and header as numpy.save does, and returns their size. Version 1.0 always suffices: 64 dimensions stay far
 * below its 64 KiB, and a plain array has no names. */
size_t nx_npy_format(nexpr_dtype dtype, nexpr_byte_order order, bool fortran_order, int ndim, const int64_t *shape,
                     char out[NX_NPY_WRITTEN_MAX]);

#endif
