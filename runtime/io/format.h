/* SPDX-License-Identifier: MIT */
/*
 * What a file format is to the rest: one row of the table in format.c, of type nx_format.
 *
 * Reading. A file is a list of groups, and a group a list of members of one shape that lie together: the fields of a record,
 * the columns of a table. open() describes both. The elements of a group have positions 0, 1, ... in the order of the file:
 * C order, or Fortran order. There are two kinds of groups:
 *
 *   records    The bytes of element k begin at k * item_size of the group's data, and members are at fixed offsets in it.
 *              If the data lies in the file as it is, is_random is set, and everybody reads it with nx_input_read_at from
 *              `offset` on. If not (a pipe, deflated data), read() delivers it in order.
 *   by columns Every member has its elements in a buffer of its own, in this machine's byte order; read() makes them, in
 *              order.
 *
 * Writing. Members are declared first; plan() checks them and says where they lie, begin() writes what stands before, then
 * the elements come (records: by nx_out_write_at; by columns: through write(), in order), and finish() completes.
 *
 * Calls about one file come one at a time, though from different threads. Every function that fails says why, with the
 * file's name in front (nx_io_fail), and leaves it to close() and drop() to free what there is.
 */
#ifndef NX_IO_FORMAT_H
#define NX_IO_FORMAT_H

#include "runtime/io/input.h"

/* ------------------------------------------------------------------------------------------------------- reading -- */

typedef struct nx_member {
    const char *name; /* UTF-8; NULL: the array itself */
    const char *type; /* the file's spelling, ASCII */
    bool usable;
    nexpr_dtype dtype;
    nexpr_byte_order byte_order;
    int group;
    int64_t offset; /* in the record */
} nx_member;

typedef struct nx_group {
    int first_member, member_count;
    int ndim;
    int64_t shape[NEXPR_MAX_NDIM];
    bool fortran_order;
    int64_t count;     /* of elements or rows */
    int64_t item_size; /* of a record; by columns: not used */
    bool by_columns;
    bool is_random;
    int64_t offset;       /* of the data in the file, if is_random */
    int64_t stored_bytes; /* that have to be read of the file for all of it; -1 unknown */
    int64_t next;         /* the element that read() delivers next */
    const char *label;    /* for messages: "data.npz:a"; NULL: the path */
} nx_group;

/* A file that is being read. open() fills the two lists, from malloc; what their pointers point to is freed by close(). */
typedef struct nx_reader {
    const struct nx_format *format;
    nx_input input;
    nx_member *members;
    nx_group *groups;
    int member_count, group_count;
    void *state; /* of the format */
} nx_reader;

/* For messages about a group. */
const char *nx_reader_label(const nx_reader *r, int group);
/* Reads bytes of a random group's data, and has them checked. Errors: FORMAT (the file is shorter now), IO, CANCELLED. */
nexpr_status nx_reader_read_random(nx_reader *r, int group, int64_t offset, void *data, size_t bytes, nexpr_error *err);
/* Has the format look at all bytes of a random group, in order. */
nexpr_status nx_reader_check_all(nx_reader *r, int group, nexpr_error *err);
/* read() for a file that is one group and nothing behind it, from a pipe. */
nexpr_status nx_reader_read_pipe(nx_reader *r, int group, int64_t first, int64_t count, void *const *data,
                                 nexpr_error *err);
/* FORMAT: the data of a group has not the bytes that it should have, or more than these. */
nexpr_status nx_reader_wrong_size(const nx_reader *r, int group, int64_t actual, nexpr_error *err);
/* IO: read() was asked to begin again, and cannot. */
nexpr_status nx_reader_refuse_again(const nx_reader *r, int group, nexpr_error *err);

/* ------------------------------------------------------------------------------------------------------- writing -- */

/* Everything but the offset is set before plan(). */
typedef struct nx_out_member {
    const char *name; /* never NULL */
    nexpr_dtype dtype;
    nexpr_byte_order byte_order;
    bool fortran_order;
    int ndim;
    int64_t shape[NEXPR_MAX_NDIM];
    int64_t count, item_size;
    int64_t offset; /* of the elements in the file; not by columns */
} nx_out_member;

/* A file that is being written. */
typedef struct nx_writer {
    const struct nx_format *format;
    nx_io_stream stream;
    bool is_random;   /* writes at any place are allowed, else only in order */
    int64_t position; /* how much was written in order */
    nx_out_member *members;
    int member_count;
    int64_t bytes; /* of the whole file, set by plan(); -1: known only at the end */
    void *state;   /* of the format */
} nx_writer;

/* Writes at a place of the file, from any thread if the writer is random; if not, `offset` has to be where the last write
 * ended. Errors: IO, CANCELLED. */
nexpr_status nx_out_write_at(nx_writer *w, const void *data, size_t bytes, int64_t offset, nexpr_error *err);
/* Writes behind what was written in order so far. */
nexpr_status nx_out_write(nx_writer *w, const void *data, size_t bytes, nexpr_error *err);

/* ------------------------------------------------------------------------------------------------------ the table -- */

typedef struct nx_format {
    nexpr_file_format id;
    const char *member_kind; /* "field": what a member with a name is called in messages */
    bool by_columns;    /* members are written by columns */
    bool order_is_lost; /* a file does not say its order of bytes and of axes: written in the machine's and C order */
    bool at_any_place;  /* writing is not in order: for a pipe it goes into a temporary first */

    /* Whether the first bytes say that it is this format; NULL: they never do. Rows are asked in order. A format without a
     * mark, known by its looks, is asked only if the name says nothing. */
    bool (*recognises)(const unsigned char *head, size_t count);
    bool by_looks;

    /* Reads what describes the file. `options` are complete: all fields of this version are there, defaults filled in. A
     * format that needs the whole file at hand calls nx_input_set_aside. */
    nexpr_status (*open)(nx_reader *r, const nexpr_file_options *options, nexpr_error *err);
    /*
     * Delivers `count` elements from number `first` on. Calls for a group are in order: `first` is where the last call
     * ended, or 0 to begin again, which the reader of a pipe refuses. Records: data[0] takes count * item_size bytes. By
     * columns: data[k] takes the elements of the group's member k; NULL: it is not wanted. NULL if all groups are random.
     * When the last element is delivered, the reader has checked what there is to check (nothing behind it, checksum).
     */
    nexpr_status (*read)(nx_reader *r, int group, int64_t first, int64_t count, void *const *data, nexpr_error *err);
    /* Looks at bytes of a random group that were read at `offset` of its data, for a checksum: bytes before those seen
     * already are passed over, and the first time through they come in order. May be NULL. */
    nexpr_status (*check)(nx_reader *r, int group, int64_t offset, const void *data, size_t bytes, nexpr_error *err);
    /* TYPE: says why a member that is not usable is not. NULL: its type says it. */
    nexpr_status (*refuse)(const nx_reader *r, int member, nexpr_error *err);
    void (*close)(nx_reader *r);

    /* Checks that the format can hold the members (ARGUMENT if not), sets their offsets and w->bytes. Writes nothing. */
    nexpr_status (*plan)(nx_writer *w, nexpr_error *err);
    nexpr_status (*begin)(nx_writer *w, nexpr_error *err);
    /* By columns: takes rows `first` to `first + count`, in order; data[k] are elements of member k, contiguous. */
    nexpr_status (*write)(nx_writer *w, int64_t first, int64_t count, const void *const *data, nexpr_error *err);
    /* Is told of bytes that were written at `offset` of a member's data, for a checksum. May be NULL. */
    void (*wrote)(nx_writer *w, int member, int64_t offset, const void *data, size_t bytes);
    nexpr_status (*finish)(nx_writer *w, nexpr_error *err);
    void (*drop)(nx_writer *w);
} nx_format;

/* The row of a format, not of AUTO. */
const nx_format *nx_format_get(nexpr_file_format id);
/* The format of a file that is opened: what the options say, else a mark in its first bytes, its name, its looks. Errors:
 * FORMAT, IO, CANCELLED. */
nexpr_status nx_format_choose(nx_input *input, nexpr_file_format wanted, const nx_format **ret, nexpr_error *err);
/* "<f8": the spelling of a type in .npy files. */
enum { NX_TYPE_MAX = 8 };
void nx_format_spell(nexpr_dtype dtype, nexpr_byte_order order, char ret[NX_TYPE_MAX]);
/* For plan() of formats that hold one array. Errors: ARGUMENT. */
nexpr_status nx_format_refuse_several(const nx_writer *w, nexpr_error *err);

#endif
