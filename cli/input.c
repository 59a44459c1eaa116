/* SPDX-License-Identifier: MIT */
#include "cli/input.h"

#include "cli/name.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORD_MAX = 80 };

static const char *const raw_advice =
    "a raw file is declared as FILE:TYPE[,ORDER][,SHAPE][,fortran][,offset=BYTES], such as "
    "dump.bin:float32,little,1000x2000";

/* ----------------------------------------------------------------------------------------------------------- files -- */

static bool exists(const char *path) {
    struct stat st;
    return !strcmp(path, "-") || !stat(path, &st);
}

/* Cuts the path where a file's name ends and ":" begins something else; returns what is behind the colon, or NULL. */
static const char *split(const char *argument, char *path) {
    if (exists(path)) return NULL;
    for (size_t n = strlen(path); n-- > 1;) {
        if (path[n] != ':') continue;
        path[n] = 0;
        if (exists(path)) return argument + n + 1;
        path[n] = ':';
    }
    return NULL;
}

static bool is_regular(const char *path) {
    struct stat st;
    return strcmp(path, "-") && !stat(path, &st) && S_ISREG(st.st_mode);
}

/* Whether a regular file begins as .npy and zip files do. */
static bool begins_like_arrays(const char *path) {
    char bytes[6];
    if (!is_regular(path)) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    return n == sizeof bytes && (!memcmp(bytes, "\x93NUMPY", 6) || !memcmp(bytes, "PK\3\4", 4));
}

/* Whether ending or content leave no doubt of what the file is. */
static bool has_known_format(const char *path) {
    nexpr_file_format format = nexpr_file_format_of_name(path);
    return (format != NEXPR_FILE_AUTO && format != NEXPR_FILE_RAW) || begins_like_arrays(path);
}

/* ------------------------------------------------------------------------------------------------------ declarations -- */

/* Takes a word off the front, up to one of the `ends`; false if it is too long. */
static bool take_word(const char **text, const char *ends, char *word) {
    size_t n = strcspn(*text, ends);
    if (n >= WORD_MAX) return false;
    memcpy(word, *text, n);
    word[n] = 0;
    *text += n + ((*text)[n] == ',');
    return true;
}

static bool is_format(const char *word, nexpr_file_format *ret) {
    return strcmp(word, "auto") && !nexpr_file_format_find(word, ret, NULL);
}

static bool is_type(const char *word, nexpr_file_options *options) {
    return !nexpr_file_type_find(word, &options->dtype, &options->byte_order, NULL);
}

static bool is_order(const char *word, nexpr_file_options *options) {
    bool little = !strcmp(word, "<") || !strcmp(word, "little"), big = !strcmp(word, ">") || !strcmp(word, "big");
    bool is_native = little == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    if (little || big) options->byte_order = is_native ? NEXPR_NATIVE : NEXPR_SWAPPED;
    return little || big;
}

static bool is_size(const char **text, int64_t *ret) {
    char *end;
    errno = 0;
    long long value = strtoll(*text, &end, 10);
    if (**text < '0' || **text > '9' || errno) return false;
    *ret = value;
    *text = end;
    return true;
}

/* "1000x2000", "?x3" */
static bool is_shape(const char *word, input *in) {
    int ndim = 0;
    for (bool more = true; more; ndim++) {
        if (ndim == NEXPR_MAX_NDIM) return false;
        in->shape[ndim] = -1;
        if (*word == '?') word++;
        else if (!is_size(&word, &in->shape[ndim])) return false;
        more = *word == 'x';
        if (!more && *word) return false;
        word++;
    }
    in->options.ndim = ndim;
    return true;
}

static bool is_offset(const char *word, nexpr_file_options *options) {
    static const char key[] = "offset=";
    if (strncmp(word, key, sizeof key - 1)) return false;
    word += sizeof key - 1;
    return is_size(&word, &options->offset) && !*word;
}

static int refuse(const input *in, const char *word, const char *what) {
    return report_use("--input %s: '%s' is no %s; %s", in->argument, word, what, raw_advice);
}

/* What is behind the TYPE of a raw file. */
static int read_properties(input *in, const char *text) {
    char word[WORD_MAX];
    bool has_shape = false, has_order = false;
    while (*text) {
        if (!take_word(&text, ",", word)) return refuse(in, text, "byte order, shape, fortran or offset");
        bool shape = is_shape(word, in), order = is_order(word, &in->options);
        if ((shape && has_shape) || (order && has_order)) {
            const char *what = shape ? "shapes" : "byte orders";
            return report_use("--input %s: there are two %s; %s", in->argument, what, raw_advice);
        }
        has_shape |= shape;
        has_order |= order;
        if (!strcmp(word, "fortran")) in->options.fortran_order = true;
        else if (!shape && !order && !is_offset(word, &in->options)) {
            return refuse(in, word, "byte order, shape, fortran or offset");
        }
    }
    if (has_shape) return EXIT_OK;
    in->options.ndim = 1;
    in->shape[0] = -1;
    return EXIT_OK;
}

static int read_raw(input *in, const char *text) {
    char word[WORD_MAX];
    in->options.format = NEXPR_FILE_RAW;
    if (!take_word(&text, ",", word) || !is_type(word, &in->options)) return refuse(in, word, "type");
    return read_properties(in, text);
}

/* Reads what is behind FILE: either a format and what belongs to it, or a member. */
static int read_suffix(input *in, const char *text) {
    char word[WORD_MAX];
    const char *behind = text;
    bool known = has_known_format(in->path), is_word = take_word(&behind, ",:", word);
    bool is_alone = !text[strcspn(text, ",:")];
    if (is_word && is_format(word, &in->options.format) && (!known || !is_alone)) {
        if (in->options.format == NEXPR_FILE_RAW) return read_raw(in, behind);
        if (*behind == ':') in->member = behind + 1;
        else if (*behind) return report_use("--input %s: '%s' takes nothing but a :MEMBER behind it", in->argument, word);
        return EXIT_OK;
    }
    in->options.format = NEXPR_FILE_AUTO;
    if (is_word && !known && is_type(word, &in->options)) return read_raw(in, text);
    if (nexpr_file_format_of_name(in->path) == NEXPR_FILE_RAW && !known) return refuse(in, is_word ? word : text, "type");
    in->member = text;
    return EXIT_OK;
}

int input_read(const char *argument, input *ret) {
    *ret = (input){.argument = argument, .options = nexpr_file_options_init()};
    const char *path = name_split(argument, &ret->name, &ret->name_length);
    if (!path) path = argument;
    ret->path = strdup(path);
    if (!ret->path) return report_run("out of memory");
    const char *suffix = split(path, ret->path);
    if (suffix) {
        int status = *suffix ? read_suffix(ret, suffix)
                             : report_use("--input %s: there is nothing behind the ':'", argument);
        if (status) return status;
    }
    size_t behind = ret->member ? (size_t)(ret->member - suffix) - (ret->member > suffix) : suffix ? strlen(suffix) : 0;
    ret->declared = strndup(suffix ? suffix : "", behind);
    return ret->declared ? EXIT_OK : report_run("out of memory");
}

bool input_use_copy(input *in, int descriptor) {
    char path[32];
    if (in->options.format == NEXPR_FILE_AUTO) in->options.format = nexpr_file_format_of_name(in->path);
    snprintf(path, sizeof path, "/dev/fd/%d", descriptor);
    free(in->path);
    in->path = strdup(path);
    return in->path != NULL;
}

void input_free(input *in) {
    free(in->path);
    free((char *)in->declared);
}

/* --------------------------------------------------------------------------------------------------------- columns -- */

static int read_column_type(const char *text, column_types *types) {
    const char *name = NULL;
    size_t length = 0;
    const char *dtype = name_split(text, &name, &length);
    nexpr_column_type type = nexpr_column_type_init(NULL, NEXPR_FLOAT64);
    nexpr_error err = nexpr_error_init();
    if (nexpr_dtype_find(dtype ? dtype : text, &type.dtype, &err)) return report_use("--type %s: %s", text, err.message);
    type.name = strndup(name ? name : "", length);
    if (!type.name) return report_run("out of memory");
    for (int i = 0; i < types->count; i++) {
        if (strcmp(types->items[i].name, type.name)) continue;
        free((char *)type.name);
        return report_use("--type says twice what %s is: '%s' and '%s'", length ? "a column" : "every column",
                          types->arguments[i], text);
    }
    types->arguments[types->count] = text;
    types->items[types->count++] = type;
    return EXIT_OK;
}

int column_types_read(const settings *o, column_types *ret) {
    size_t room = (size_t)o->types.count + 1;
    *ret = (column_types){.items = calloc(room, sizeof *ret->items), .arguments = calloc(room, sizeof *ret->arguments),
                          .used = calloc(room, sizeof *ret->used)};
    if (!ret->items || !ret->arguments || !ret->used) return report_run("out of memory");
    for (int i = 0; i < o->types.count; i++) {
        int status = read_column_type(o->types.items[i], ret);
        if (status) return status;
    }
    return EXIT_OK;
}

void column_types_free(column_types *types) {
    for (int i = 0; i < types->count; i++) free((char *)types->items[i].name);
    free(types->items);
    free(types->arguments);
    free(types->used);
}

/* --------------------------------------------------------------------------------------------------------- opening -- */

static int open_with(const input *in, const nexpr_file_options *options, nexpr_file **ret) {
    nexpr_error err = nexpr_error_init();
    nexpr_status status = nexpr_file_open(in->path, options, ret, &err);
    if (!status) return EXIT_OK;
    report_run("%s", err.message);
    bool is_undeclared = options->format == NEXPR_FILE_AUTO && (status == NEXPR_FORMAT || status == NEXPR_ARGUMENT);
    if (is_undeclared && !has_known_format(in->path)) report_hint("%s", raw_advice);
    return EXIT_RUN;
}

static bool is_table(const nexpr_file *file) {
    nexpr_file_info info = nexpr_file_info_init();
    nexpr_file_describe(file, &info);
    return info.format == NEXPR_FILE_CSV || info.format == NEXPR_FILE_TSV;
}

/* Those types that apply to the table. A name that no table has is found out by the caller, from `used`. */
static int choose_types(const nexpr_file *file, column_types *types, const nexpr_column_type **list) {
    int count = 0, index;
    for (int i = 0; i < types->count; i++) {
        const char *name = types->items[i].name;
        if (*name && nexpr_file_find(file, name, &index, NULL)) continue;
        list[count++] = &types->items[i];
        types->used[i] = true;
    }
    return count;
}

/* Which columns a table has is known when it is open; one that comes through a pipe cannot be opened twice and gets all. */
static int open_typed(const input *in, nexpr_file_options *options, column_types *types, nexpr_file **ret) {
    bool is_pipe = !is_regular(in->path);
    const nexpr_column_type **list = calloc((size_t)types->count + 1, sizeof *list);
    if (!list) return report_run("out of memory");
    options->column_types = list;
    for (int i = 0; is_pipe && i < types->count; i++) list[options->column_type_count++] = &types->items[i];
    int status = open_with(in, options, ret);
    for (int i = 0; is_pipe && !status && i < types->count; i++) types->used[i] = true;
    if (!status && !is_pipe && is_table(*ret)) {
        options->column_type_count = choose_types(*ret, types, list);
        nexpr_file_free(ret);
        status = open_with(in, options, ret);
    }
    free(list);
    return status;
}

int input_open(const input *in, column_types *types, const volatile int *cancel, nexpr_file **ret) {
    nexpr_file_options options = in->options;
    options.shape = in->shape;
    options.cancel = cancel;
    return types->count ? open_typed(in, &options, types, ret) : open_with(in, &options, ret);
}
