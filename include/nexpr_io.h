/* SPDX-License-Identifier: MIT */
/*
 * nexpr_io: arrays in files, for nexpr. Link libnexpr-io (pkg-config nexpr-io) besides libnexpr.
 *
 *   nexpr_file_open     path             -> nexpr_file     (header read and checked, members described)
 *   nexpr_file_load     member of a file -> nexpr_array    (a view into memory of the file object)
 *   nexpr_output_new    path             -> nexpr_output   (a temporary file beside the path)
 *   nexpr_output_add    array            -> written to it
 *   nexpr_output_commit                  -> the temporary takes the place of the path, at once and completely
 *
 * A file holds members: the fields of a structured .npy file, or the only array of a plain one, which has no name.
 *
 * The conventions are those of nexpr.h: statuses and errors, ret_x, x_free, structs that begin with their size. Messages
 * begin with the name of the file. An object of this header is used by one thread at a time; different objects by any.
 * The library makes no globals and installs no signal handlers: give a cancel flag, which your handler sets, and free the
 * object when CANCELLED comes back.
 */
#ifndef NEXPR_IO_H
#define NEXPR_IO_H

#include "nexpr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------- reading -- */

typedef struct nexpr_file_options {
    size_t size;
    const volatile int *cancel; /* looked at between pieces and when a signal interrupts a call; not 0 ends it with
                                   CANCELLED. May be NULL; must outlive the file object. */
} nexpr_file_options;

NEXPR_API nexpr_file_options nexpr_file_options_init(void);

/* A file that was opened for reading. */
typedef struct nexpr_file nexpr_file;

/*
 * Opens a .npy file (format 1.0, 2.0 or 3.0) and reads its header. Everything is checked before memory is taken for it: the
 * header's length (at most 64 KiB), its syntax, exactly its three keys, every product of sizes, and that the file is
 * neither shorter nor longer than the header says. A path that is a pipe is read in order. options may be NULL.
 * Errors: IO (with the system's reason), FORMAT, MEMORY, CANCELLED, ARGUMENT.
 */
NEXPR_API nexpr_status nexpr_file_open(const char *path, const nexpr_file_options *options, nexpr_file **ret_file,
                                       nexpr_error *err);
/* Closes the file and frees it with all its data: views that nexpr_file_load gave end here. */
NEXPR_API void nexpr_file_free(nexpr_file **file);

/* One array of a file. The pointers belong to the file object. */
typedef struct nexpr_member {
    size_t size;
    const char *name;     /* UTF-8; NULL for the only array of a plain file */
    const char *type;     /* as the file spells it: "<f8"; "|S10", "<M8[ns]" or "[...]" for what nexpr has not */
    bool usable;          /* false: it is listed, but loading it is an error; dtype is then meaningless */
    nexpr_dtype dtype;
    nexpr_byte_order byte_order;
    int64_t offset;       /* bytes from the beginning of a record */
    int ndim;
    const int64_t *shape;
    bool fortran_order;   /* the first axis varies fastest in the file */
} nexpr_member;

NEXPR_API nexpr_member nexpr_member_init(void);
/* 1 for a plain file; the number of fields of a structured one, padding not counted. */
NEXPR_API int nexpr_file_member_count(const nexpr_file *file);
/* ret_member->size must be set. ARGUMENT if index is out of range. */
NEXPR_API nexpr_status nexpr_file_member(const nexpr_file *file, int index, nexpr_member *ret_member);

/*
 * Reads a member. The array is a view of any alignment, strides (those of a record, for a field) and byte order into memory
 * of the file object; it is valid, and may be written to, until nexpr_file_free. The data is read once, on the first call,
 * for all members. Bytes of a bool that are neither 0 nor 1 become 1.
 * Errors: TYPE (the member is not usable), FORMAT (the file changed since it was opened, or a pipe's data does not fit its
 * header), IO, MEMORY, CANCELLED, ARGUMENT.
 */
NEXPR_API nexpr_status nexpr_file_load(nexpr_file *file, int index, nexpr_array *ret_array, nexpr_error *err);

/* ------------------------------------------------------------------------------------------------------- writing -- */

typedef struct nexpr_output_options {
    size_t size;
    bool force;                 /* replace an existing file */
    const volatile int *cancel; /* as in nexpr_file_options */
} nexpr_output_options;

NEXPR_API nexpr_output_options nexpr_output_options_init(void);

/*
 * A file that is being written. What is written goes to a temporary in the same directory, named .NAME.nexpr-tmp, which
 * takes the place of the path when it is complete: readers see the old file or the new one, and a failure leaves the old
 * one, or none. After a power cut the temporary may be left; the next output to the same path removes it.
 */
typedef struct nexpr_output nexpr_output;

/*
 * Begins a file; the format follows from the name, which has to end in ".npy". A symbolic link is followed: the file that it
 * points to is replaced, and keeps its permissions. Character devices and pipes are written directly. The path may be that
 * of a file that is open for reading. options may be NULL.
 * Errors: IO (also if the file exists and force is false, or another process is writing it), ARGUMENT, MEMORY.
 */
NEXPR_API nexpr_status nexpr_output_new(const char *path, const nexpr_output_options *options, nexpr_output **ret_output,
                                        nexpr_error *err);
/*
 * Writes an array; a .npy file holds exactly one. Its byte order is kept, and so is its order of axes if it is Fortran
 * contiguous; any other array is written in C order. The bytes are those that numpy.save writes.
 * Errors: IO, ARGUMENT (a second array, or a bad one), MEMORY, CANCELLED.
 */
NEXPR_API nexpr_status nexpr_output_add(nexpr_output *output, const nexpr_array *array, nexpr_error *err);
/*
 * Flushes the data to the disk and puts the file in place. Afterwards only nexpr_output_free is allowed.
 * Errors: IO, CANCELLED, ARGUMENT (nothing was added). On failure the path is as it was before, unless the message says
 * that only the flush of the directory failed.
 */
NEXPR_API nexpr_status nexpr_output_commit(nexpr_output *output, nexpr_error *err);
/* Frees the object; removes the temporary if the file was not committed. */
NEXPR_API void nexpr_output_free(nexpr_output **output);

#ifdef __cplusplus
}
#endif
#endif
