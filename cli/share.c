/* SPDX-License-Identifier: MIT */
/*
 * Inputs that can be read only once: the first rank reads them, every rank gets a copy in memory (a file without a name). In
 * place of standard input every rank has the copy there; a pipe goes by the number of the copy's descriptor.
 */
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/ranks.h"
#include "cli/report.h"
#include "cli/size.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

typedef enum shared { NOT_SHARED, STANDARD_INPUT, PIPE } shared;

static shared look_at(const char *path) {
    struct stat st;
    if (!strcmp(path, "-")) return STANDARD_INPUT;
    return !stat(path, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) ? PIPE : NOT_SHARED;
}

/* A piece for everybody: its length, 0 at the end, and less than 0 for an errno. */
static int64_t read_piece(ranks *r, int from, char *piece) {
    int64_t n = 0;
    for (size_t got = 0; ranks_is_first(r) && got < PIECE;) {
        ssize_t now = from < 0 ? -1 : read(from, piece + got, PIECE - got);
        if (now < 0 && errno == EINTR && !interrupt_flag) continue;
        if (now < 0) n = -errno;
        if (now <= 0) break;
        n = (int64_t)(got += (size_t)now);
        ranks_beat(r);
    }
    ranks_broadcast(r, &n, sizeof n);
    if (n > 0) ranks_broadcast(r, piece, (size_t)n);
    ranks_beat(r);
    return n;
}

static bool write_piece(int to, const char *piece, size_t n) {
    while (n) {
        ssize_t now = write(to, piece, n);
        if (now < 0 && errno == EINTR) continue;
        if (now < 0) return false;
        piece += now;
        n -= (size_t)now;
    }
    return true;
}

/* Whatever fails on this rank, it hears the first one out. */
static int copy(ranks *r, const settings *o, int from, int to, const char *what) {
    char *piece = malloc(PIECE);
    int64_t n = 0, total = 0, has_memory = ranks_least(r, piece && to >= 0);
    int reason = to < 0 ? errno : 0;
    while (has_memory && (n = read_piece(r, from, piece)) > 0) {
        total += n;
        const bool fits = !o->max_memory || (size_t)total <= o->max_memory;
        if (fits && !reason && !write_piece(to, piece, (size_t)n)) reason = errno;
    }
    free(piece);
    if (!has_memory) return report_run("out of memory");
    if (n < 0) return report_run("%s: cannot read: %s", what, strerror((int)-n));
    if (reason) return report_run("%s: cannot keep a copy: %s", what, strerror(reason));
    if (!o->max_memory || (size_t)total <= o->max_memory) return EXIT_OK;
    char size[SIZE_TEXT_MAX];
    return report_run("%s: every rank needs a copy of what is read from a pipe, and it has more than the %s of "
                      "--max-memory; write it to a file first", what, size_text((double)o->max_memory, size));
}

/* `path` is that of the first rank, `what` is for messages. *ret_copy is the descriptor of the copy, -1: none. */
static int share(ranks *r, const settings *o, const char *path, const char *what, int *ret_copy) {
    int64_t kind = ranks_is_first(r) ? (int64_t)look_at(path) : NOT_SHARED;
    *ret_copy = -1;
    ranks_broadcast(r, &kind, sizeof kind);
    if (kind == NOT_SHARED) return EXIT_OK;
    if (kind == STANDARD_INPUT) what = "standard input";
    int from = !ranks_is_first(r) ? -1 : kind == STANDARD_INPUT ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int to = memfd_create("nexpr-input", MFD_CLOEXEC);
    int status = copy(r, o, from, to, what);
    if (kind == PIPE && from >= 0) close(from);
    if (!status && lseek(to, 0, SEEK_SET)) status = report_run("%s: %s", what, strerror(errno));
    if (kind == PIPE) {
        *ret_copy = to;
        return status;
    }
    if (!status && dup2(to, STDIN_FILENO) < 0) status = report_run("%s: %s", what, strerror(errno));
    if (to >= 0) close(to);
    return status;
}

static int share_file(ranks *r, settings *o) {
    int copy_number, status = share(r, o, o->file, o->file, &copy_number);
    if (status || copy_number <= 0) return status;
    snprintf(o->file_copy, sizeof o->file_copy, "/dev/fd/%d", copy_number);
    o->file = o->file_copy;
    return EXIT_OK;
}

/* The earlier input with this path, or -1: a pipe is read once. */
static int find_earlier(const settings *o, int index, const char *path) {
    for (int i = 0; i < index; i++) {
        input other = {0};
        const bool is_same = !input_read(o->inputs.items[i], &other) && !strcmp(other.path, path);
        input_free(&other);
        if (is_same) return i;
    }
    return -1;
}

/* What is wrong with an argument is found out again when the input is opened. */
static int share_input(ranks *r, const settings *o, int index, bool goes_on) {
    input in = {0};
    size_t length, place;
    const char *argument = o->inputs.items[index];
    const bool looks = ranks_is_first(r) && goes_on, failed = looks && input_read(argument, &in);
    const char *path = looks && !failed ? in.path : "";
    int64_t earlier = looks && !failed ? find_earlier(o, index, path) : -1;
    if (looks) free(report_taken(&length, &place));
    ranks_broadcast(r, &earlier, sizeof earlier);
    int status = EXIT_OK;
    if (earlier >= 0) o->input_copies[index] = o->input_copies[earlier];
    else status = share(r, o, path, argument, &o->input_copies[index]);
    input_free(&in);
    return status;
}

int ranks_share_inputs(ranks *r, settings *o) {
    if (!r->host) return EXIT_OK;
    const int64_t least = ranks_least(r, o->inputs.count), most = -ranks_least(r, -o->inputs.count);
    int status = EXIT_OK;
    if (least != most) status = report_use("ranks have different numbers of inputs");
    o->input_copies = calloc((size_t)o->inputs.count + 1, sizeof *o->input_copies);
    if (!o->input_copies) status = report_run("out of memory");
    status = ranks_agree(r, status);
    if (status) return status;
    if (ranks_least(r, o->file != NULL)) status = share_file(r, o);
    for (int i = 0; i < o->inputs.count; i++) {
        int now = share_input(r, o, i, !status);
        if (!status) status = now;
    }
    return ranks_agree(r, status);
}
