/* SPDX-License-Identifier: MIT */
/*
 * nexpr_io: arrays in files, for nexpr. Link libnexpr-io (pkg-config nexpr-io) besides libnexpr.
 *
 *   nexpr_file_open     path             -> nexpr_file     (header read and checked, members described)
 *   nexpr_file_load     member of a file -> nexpr_array    (a view into memory of the file object)
 *   nexpr_output_new    path             -> nexpr_output   (a temporary file beside the path)
 *   nexpr_output_write  arrays           -> written to it
 *   nexpr_output_commit                  -> the temporary takes the place of the path, at once and completely
 *
 * and evaluation from files to files, block by block, of data larger than memory:
 *
 *   nexpr_job_new       expression, sources, sinks -> nexpr_job    (checked, and described: bytes, boxes, memory)
 *   nexpr_job_run                                  -> read, computed and written; the outputs are then committed
 *
 * or in one call: nexpr_evaluate_files.
 *
 * A file holds members: the only array of a plain .npy or raw file, which has no name; the fields of a structured .npy file;
 * the arrays of an .npz file; the columns of a table.
 *
 * The conventions are those of nexpr.h: statuses and errors, ret_x, x_free, structs that begin with their size. Messages
 * begin with the name of the file. An object of this header is used by one thread at a time; different objects by any. A job
 * uses its files and outputs while it runs. The library makes no globals and installs no signal handlers: give a cancel
 * flag, which your handler sets, and free the object when CANCELLED comes back. Writing into a pipe that nobody reads raises
 * SIGPIPE unless the program ignores it; then it is an error of status IO.
 */
#ifndef NEXPR_IO_H
#define NEXPR_IO_H

#include "nexpr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------- formats -- */

/* X(id, name, endings): what a file may be; endings are the ends of names, separated by blanks. */
#define NEXPR_FILE_FORMAT_MAP(X)                                                                             \
    X(NPY, "npy", ".npy")           /* one array, or one of records; versions 1.0, 2.0 and 3.0 */             \
    X(NPZ, "npz", ".npz")           /* a zip archive of .npy files, stored or deflated; written stored */      \
    X(CSV, "csv", ".csv")           /* a table: a line of names, then rows; cells separated by commas */       \
    X(TSV, "tsv", ".tsv .tab")      /* likewise, separated by tabs */                                         \
    X(RAW, "raw", ".bin .raw .dat") /* nothing but the elements of one array, declared by the options */

typedef enum nexpr_file_format {
    NEXPR_FILE_AUTO, /* by the first bytes and by the name */
#define X(id, name, endings) NEXPR_FILE_##id,
    NEXPR_FILE_FORMAT_MAP(X)
#undef X
    NEXPR_FILE_FORMAT_COUNT
} nexpr_file_format;

/* "npz"; "auto"; NULL for what is no format. Static. Thread-safe. */
NEXPR_API const char *nexpr_file_format_name(nexpr_file_format format);
/* Finds "npz" and the like. NEXPR_NAME if there is none. Thread-safe. */
NEXPR_API nexpr_status nexpr_file_format_find(const char *name, nexpr_file_format *ret_format, nexpr_error *err);
/* The format that the ending of a name says; AUTO if it says none. Thread-safe. */
NEXPR_API nexpr_file_format nexpr_file_format_of_name(const char *path);
/* Reads a type as it is spelled in files and on command lines: "<f8", ">i4", "u2", "?", or a dtype's name, "float64";
 * without a mark the byte order is the machine's. NEXPR_NAME if nexpr has no such type. Thread-safe. */
NEXPR_API nexpr_status nexpr_file_type_find(const char *type, nexpr_dtype *ret_dtype, nexpr_byte_order *ret_order,
                                            nexpr_error *err);

/* ------------------------------------------------------------------------------------------------------- reading -- */

/* The dtype of a column of a table, instead of the one that its cells suggest. */
typedef struct nexpr_column_type {
    size_t size;
    const char *name; /* of the column; "" or NULL: of every column that has no entry of its own */
    nexpr_dtype dtype;
} nexpr_column_type;

NEXPR_API nexpr_column_type nexpr_column_type_init(const char *name, nexpr_dtype dtype);

typedef struct nexpr_file_options {
    size_t size;
    const volatile int *cancel; /* looked at between pieces and when a signal interrupts a call; not 0 ends it with
                                   CANCELLED. May be NULL; must outlive the file object. */
    nexpr_file_format format;   /* AUTO: .npy and .npz by their first bytes, others by the end of the name; what has no such
                                   name and looks like text is a table */
    /* Of a raw file, which has to be declared. Bytes before `offset` are passed over; there must be none behind the data. */
    nexpr_dtype dtype;
    nexpr_byte_order byte_order;
    int ndim;
    const int64_t *shape; /* may have one -1, whose size follows from that of the file; NULL: one dimension of that size */
    bool fortran_order; /* the first axis varies fastest */
    int64_t offset;
    /* Of a table: dtypes of columns; a name that is no column is an error. */
    const nexpr_column_type *const *column_types;
    int column_type_count;
    size_t max_memory;    /* bytes of a pipe's content that are kept in memory when it has to be seen twice; 0: 32 MiB */
    const char *temporary_directory; /* where more than that goes, into a file without a name; NULL: $TMPDIR, else /tmp */
    int64_t max_inflated; /* bytes that a compressed member may claim to become; 0: 64 GiB */
} nexpr_file_options;

NEXPR_API nexpr_file_options nexpr_file_options_init(void);

/* A file that was opened for reading. */
typedef struct nexpr_file nexpr_file;

/*
 * Opens a file and reads what describes its members. "-" is standard input. Everything is checked before memory is taken for
 * it: lengths of headers (at most 64 KiB), syntax, every product of sizes, and that the file is neither shorter nor longer
 * than it says. A path that is a pipe is read in order; .npz files and tables from pipes are first read to their end.
 *   .npz: encrypted entries, methods but stored and deflated, entries that overlap, names that occur twice or lead out of
 *   the archive, ratios that deflate cannot reach and sizes above max_inflated are refused; checksums are compared when data
 *   is read. Entries that are no .npy files are members that are not usable.
 *   Tables are read once to find the number of rows and the dtypes: int64, float64 or bool.
 * options may be NULL and are copied; what they point to is needed during the call only, but for the cancel flag.
 * Errors: IO (with the system's reason), FORMAT, MEMORY, CANCELLED, ARGUMENT (options that do not fit), NAME (of a column).
 */
NEXPR_API nexpr_status nexpr_file_open(const char *path, const nexpr_file_options *options, nexpr_file **ret_file,
                                       nexpr_error *err);
/* Closes the file and frees it with all its data: views that nexpr_file_load gave end here. */
NEXPR_API void nexpr_file_free(nexpr_file **file);

/* A whole file. The path belongs to the file object. */
typedef struct nexpr_file_info {
    size_t size;
    const char *path; /* as it was given; "standard input" for "-" */
    nexpr_file_format format;
    int64_t bytes;    /* of the file; -1 for a pipe that is read in order */
} nexpr_file_info;

NEXPR_API nexpr_file_info nexpr_file_info_init(void);
/* ret_info->size must be set. */
NEXPR_API nexpr_status nexpr_file_describe(const nexpr_file *file, nexpr_file_info *ret_info);

/* One array of a file. The pointers belong to the file object. */
typedef struct nexpr_member {
    size_t size;
    const char *name;     /* UTF-8; NULL for the only array of a plain file; "a.x" for field x of a.npy in an archive */
    const char *type;     /* as the file spells it: "<f8"; "|S10", "<M8[ns]" or "[...]" for what nexpr has not */
    bool usable;          /* false: it is listed, but loading it is an error; dtype is then meaningless */
    nexpr_dtype dtype;
    nexpr_byte_order byte_order;
    int64_t offset;       /* bytes from the beginning of a record */
    int ndim;
    const int64_t *shape;
    bool fortran_order;   /* the first axis varies fastest in the file */
    int64_t bytes;        /* that have to be read of the file to have it, with its whole records or table; of a compressed
                             member fewer than its elements take. -1: unknown */
    bool in_order;        /* it can only be read from its beginning to its end: a pipe, a compressed member, a table */
} nexpr_member;

NEXPR_API nexpr_member nexpr_member_init(void);
/* 1 for a plain file; for a structured one the number of fields, padding not counted. */
NEXPR_API int nexpr_file_member_count(const nexpr_file *file);
/* ret_member->size must be set. ARGUMENT if index is out of range. */
NEXPR_API nexpr_status nexpr_file_member(const nexpr_file *file, int index, nexpr_member *ret_member);
/* Finds a member by its name. Errors: NAME, with the names that there are; ARGUMENT. */
NEXPR_API nexpr_status nexpr_file_find(const nexpr_file *file, const char *name, int *ret_index, nexpr_error *err);

/*
 * Reads a member. The array is a view of any alignment, strides (those of a record, for a field) and byte order into memory
 * of the file object; it is valid, and may be written to, until nexpr_file_free. The data is read once, on the first call,
 * for all members that lie together. Bytes of a bool that are neither 0 nor 1 become 1.
 * Errors: TYPE (the member is not usable), FORMAT (the file changed since it was opened, a checksum is wrong, or a pipe's
 * data does not fit its header), IO (also if a job has consumed the pipe), MEMORY, CANCELLED, ARGUMENT.
 */
NEXPR_API nexpr_status nexpr_file_load(nexpr_file *file, int index, nexpr_array *ret_array, nexpr_error *err);

/*
 * Reads a part of a member: indices first[i] to first[i] + count[i] of each axis, into `data`, in C order, contiguous, in
 * the machine's byte order. Of a file whose data lies as it is, only these bytes are read (and, of an archive, all of the
 * member once, for its checksum); others are loaded as by nexpr_file_load. Bytes of a bool become 0 or 1.
 * Errors: those of nexpr_file_load; ARGUMENT if the part is not within the member.
 */
NEXPR_API nexpr_status nexpr_file_read(nexpr_file *file, int index, const int64_t *first, const int64_t *count, void *data,
                                       nexpr_error *err);

/* ------------------------------------------------------------------------------------------------------- writing -- */

typedef struct nexpr_output_options {
    size_t size;
    bool force;                 /* replace an existing file */
    const volatile int *cancel; /* as in nexpr_file_options */
    nexpr_file_format format;   /* AUTO: by the end of the name, .npy for standard output, devices and pipes */
    bool no_fsync;              /* leave it to the system when data reaches the disk: quicker, and never a torn file unless
                                   the machine stops */
    bool check_only;            /* make all checks, but create and write nothing; for describing a job */
} nexpr_output_options;

NEXPR_API nexpr_output_options nexpr_output_options_init(void);

/*
 * A file that is being written. What is written goes to a temporary in the same directory, named .NAME.nexpr-tmp, which
 * takes the place of the path when it is complete: readers see the old file or the new one, and a failure leaves the old
 * one, or none. After a power cut the temporary may be left; the next output to the same path removes it.
 */
typedef struct nexpr_output nexpr_output;

/*
 * Begins a file. "-" is standard output. A symbolic link is followed: the file that it points to is replaced, and keeps its
 * permissions. Character devices and pipes are written directly, in order; an .npz file for one of these when it is
 * complete. The path may be that of a file that is open for reading. options may be NULL.
 * Errors: IO (also if the file exists and force is false, or another process is writing it), ARGUMENT, MEMORY.
 */
NEXPR_API nexpr_status nexpr_output_new(const char *path, const nexpr_output_options *options, nexpr_output **ret_output,
                                        nexpr_error *err);
/* The path of its temporary; NULL if the path is written directly. */
NEXPR_API const char *nexpr_output_temporary(const nexpr_output *output);
/* The format that was chosen. */
NEXPR_API nexpr_file_format nexpr_output_format(const nexpr_output *output);

/* The path belongs to the output. */
typedef struct nexpr_output_info {
    size_t size;
    const char *path;         /* as it was given */
    nexpr_file_format format; /* that was chosen */
    bool no_fsync;            /* as in the options */
} nexpr_output_info;

NEXPR_API nexpr_output_info nexpr_output_info_init(void);
/* ret_info->size must be set. */
NEXPR_API nexpr_status nexpr_output_describe(const nexpr_output *output, nexpr_output_info *ret_info);

/*
 * Writes arrays: all that the file is to hold, once. A .npy or raw file holds one, an .npz file any number, a table one
 * column for each, of one length. names[i] may be NULL, which gives "r0", "r1", ... by position; so may `names`. The order
 * of bytes is kept in .npy and .npz and the machine's in raw files; an array that is Fortran contiguous is so in .npy and
 * .npz files, any other is written in C order. The bytes of a .npy file are those that numpy.save writes. Space for files
 * whose size is known is reserved first, so that a full disk is an early error.
 * Errors: IO, ARGUMENT (arrays or names that the format cannot hold), MEMORY, CANCELLED.
 */
NEXPR_API nexpr_status nexpr_output_write(nexpr_output *output, const char *const *names, const nexpr_array *const *arrays,
                                          int count, nexpr_error *err);
/*
 * Flushes the data to the disk (unless no_fsync) and puts the file in place. Afterwards only nexpr_output_free is allowed.
 * Errors: IO, CANCELLED, ARGUMENT (nothing was written). On failure the path is as it was before, unless the message says
 * that only the flush of the directory failed.
 */
NEXPR_API nexpr_status nexpr_output_commit(nexpr_output *output, nexpr_error *err);
/* Frees the object; removes the temporary if the file was not committed. */
NEXPR_API void nexpr_output_free(nexpr_output **output);

/*
 * Writing by parts, instead of nexpr_output_write:
 *
 *   nexpr_output_declare   what the file holds
 *   nexpr_output_put       elements, as often as it takes
 *   nexpr_output_complete  all has been written; then nexpr_output_commit
 *
 * and by several processes, on one machine or on several with a common file system. One makes the output, declares, and
 * hands the number of nexpr_output_share to the others. These join, declare the same, put their parts, complete, which
 * flushes them, and free. When all of them have, the first one completes and commits.
 */

/* Declares the arrays, whose data and strides are not looked at: they will be in C order and in the machine's byte order.
 * Reserves the space. Not for tables: ARGUMENT. Errors as of nexpr_output_write. */
NEXPR_API nexpr_status nexpr_output_declare(nexpr_output *output, const char *const *names, const nexpr_array *const *arrays,
                                            int count, nexpr_error *err);
/* Writes `count` elements of an array, from number `first` on in C order. A pipe takes them in order only. Errors: IO,
 * CANCELLED, ARGUMENT. */
NEXPR_API nexpr_status nexpr_output_put(nexpr_output *output, int index, int64_t first, int64_t count, const void *data,
                                        nexpr_error *err);
/* Ends writing by parts. Errors: IO, CANCELLED, ARGUMENT (nothing was declared). */
NEXPR_API nexpr_status nexpr_output_complete(nexpr_output *output, nexpr_error *err);
/* A number by which other processes know this output's temporary. ARGUMENT if it cannot be written by several: pipes, and
 * formats that are written in order. */
NEXPR_API nexpr_status nexpr_output_share(const nexpr_output *output, uint64_t *ret_number, nexpr_error *err);
/* Opens the temporary that another process has made for this path, to write parts of it; it is the other one that commits or
 * removes it. Errors: IO (also if the path is another file here), ARGUMENT, MEMORY. */
NEXPR_API nexpr_status nexpr_output_join(const char *path, uint64_t number, const nexpr_output_options *options,
                                         nexpr_output **ret_output, nexpr_error *err);

/* ----------------------------------------------------------------------------------------------- files to files -- */

/* Where an input comes from: a member of a file, or an array in memory. Both are borrowed for the life of the job. */
typedef struct nexpr_file_source {
    size_t size;
    nexpr_file *file; /* NULL: the array */
    int member;
    const nexpr_array *array;
} nexpr_file_source;

NEXPR_API nexpr_file_source nexpr_file_source_init(void);

/* Where a result goes: into an output, borrowed for the life of the job, or, if that is NULL, into memory of the job. */
typedef struct nexpr_file_sink {
    size_t size;
    nexpr_output *output;
    const char *name; /* in the output; NULL: the result's own name, else "r0", "r1", ... by the result's index */
} nexpr_file_sink;

NEXPR_API nexpr_file_sink nexpr_file_sink_init(void);

typedef struct nexpr_job_options {
    size_t size;
    int threads;                /* that compute; 0: all of the context's. Reading and writing have one each besides. */
    const volatile int *cancel; /* as in nexpr_run_options; seen by reading and writing too */
    nexpr_progress *progress;   /* may be NULL: called on the thread that runs the job, with elements of results or, where
                                   these come at the end, of what is read and written */
    void *progress_user;
    size_t max_memory;          /* bytes of all buffers of inputs and outputs together; 0: 256 MiB. Results and sources that
                                   are arrays in memory do not count. */
    const char *temporary_directory; /* for what has to be read in another order than it comes in and is more than half of
                                        max_memory: a file without a name. NULL: $TMPDIR, else /tmp */
    nexpr_profile *profile;          /* adds what the job takes to it; NULL: nothing is measured. Must outlive the job */
} nexpr_job_options;

NEXPR_API nexpr_job_options nexpr_job_options_init(void);

/* An evaluation from files to files, checked and ready to run. */
typedef struct nexpr_job nexpr_job;

/*
 * Prepares. sources[i] is for input i of the expression, whose dtype has to be the member's; an input that is not used may
 * be NULL. sinks[i] is for result i; a NULL entry, or sinks = NULL, keeps the result in memory. Results in one output become
 * its members, in the order of the results. A result is written in Fortran order if the inputs of more than one axis all are
 * (as NumPy's order='K'). Reads no data and writes none. options may be NULL. An expression that is not elementwise (see
 * nexpr_is_elementwise) is computed in the passes of nexpr_slabs_new, each of which reads what it needs; what passes need
 * whole, or hand on, has to fit into max_memory. If it does not, or a result's length depends on data, all is computed at
 * once, and all that is read from files and written to them has to fit.
 * Errors: SHAPE, TYPE, ARGUMENT (a sink's format cannot hold the results: the message says which can), MEMORY.
 */
NEXPR_API nexpr_status nexpr_job_new(const nexpr *expr, nexpr_context *context, const nexpr_file_source *const *sources,
                                     const nexpr_file_sink *const *sinks, const nexpr_job_options *options,
                                     nexpr_job **ret_job, nexpr_error *err);

/* What a job will do. */
typedef struct nexpr_job_info {
    size_t size;
    int64_t bytes_to_read;    /* of files, -1 if a pipe's length is unknown; what is read again counts again */
    int64_t bytes_to_write;   /* to outputs, headers included; -1 if it depends on the values (tables, selections) */
    int64_t bytes_to_keep;    /* of results that stay in memory */
    int64_t buffer_bytes;     /* memory for buffers, at most max_memory unless a single element needs more */
    int64_t spool_bytes;      /* of inputs that come in another order than they are needed in: kept aside first, */
    bool spool_in_memory;     /* in memory, not in a temporary file */
    int64_t boxes;            /* pieces that the work is cut into; 1: everything at once */
    int64_t elements;         /* of all results whose lengths are known */
    bool fortran_order;       /* the order of axes of the results */
    int64_t passes;           /* through the inputs; what several of them need is read again */
} nexpr_job_info;

NEXPR_API nexpr_job_info nexpr_job_info_init(void);
/* ret_info->size must be set. */
NEXPR_API nexpr_status nexpr_job_describe(const nexpr_job *job, nexpr_job_info *ret_info);
/* Describes result `index` as a member: its name in the output (NULL in memory, .npy and raw), dtype, shape, order, bytes of
 * its elements; before the run an extent that depends on data is -1, and so are the bytes. ret_member->size must be set.
 * ARGUMENT if index is out of range. Strings belong to the job. */
NEXPR_API nexpr_status nexpr_job_result(const nexpr_job *job, int index, nexpr_member *ret_member);

/*
 * Runs, once: space is reserved, then boxes of the results' index space are read, computed and written, overlapping. The
 * outputs are then complete, but still have to be committed. The result is the same for any max_memory and threads. An
 * output may be at the path of an input.
 * Errors: those of nexpr_file_load and nexpr_output_write, and MEMORY, CANCELLED. After a failure free the outputs.
 */
NEXPR_API nexpr_status nexpr_job_run(nexpr_job *job, nexpr_error *err);
/* A result that was kept in memory; it is valid until the job is freed. ARGUMENT before the run, and for other results. */
NEXPR_API nexpr_status nexpr_job_array(const nexpr_job *job, int index, nexpr_array *ret_array);
/* Frees the job, not its files and outputs. */
NEXPR_API void nexpr_job_free(nexpr_job **job);

/* nexpr_job_new, nexpr_job_run and nexpr_job_free; every result needs a sink with an output. */
NEXPR_API nexpr_status nexpr_evaluate_files(const nexpr *expr, nexpr_context *context,
                                            const nexpr_file_source *const *sources, const nexpr_file_sink *const *sinks,
                                            const nexpr_job_options *options, nexpr_error *err);

#ifdef __cplusplus
}
#endif
#endif
