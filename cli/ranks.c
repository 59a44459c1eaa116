/* SPDX-License-Identifier: MIT */
#include "cli/ranks.h"

#include "cli/interrupt.h"
#include "cli/plugin.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = INT32_MAX };

bool ranks_is_first(const ranks *r) {
    return r->rank == 0;
}

void ranks_beat(ranks *r) {
    guard_beat(&r->guard);
}

/* -------------------------------------------------------------------------------------------------------- agreeing -- */

/* MPI has failed: others may wait for this rank for ever, unless it ends them. */
static void lose(void *user, const nexpr_error *err) {
    ranks *r = user;
    guard_remove_temporaries(&r->guard);
    if (!interrupt_flag && guard_may_speak(&r->guard)) dprintf(STDERR_FILENO, "nexpr: error: %s\n", err->message);
    guard_expect_end(&r->guard);
    r->host->abandon(EXIT_RUN);
}

static void take_least(ranks *r, int64_t *values, int count) {
    nexpr_error err = nexpr_error_init();
    if (r->host->least(r->own, values, count, &err)) lose(r, &err);
}

static void broadcast(ranks *r, int root, void *data, size_t bytes) {
    nexpr_error err = nexpr_error_init();
    if (r->host->broadcast(r->own, root, data, bytes, &err)) lose(r, &err);
}

int64_t ranks_least(ranks *r, int64_t value) {
    take_least(r, &value, 1);
    return value;
}

void ranks_broadcast(ranks *r, void *data, size_t bytes) {
    broadcast(r, 0, data, bytes);
}

/* What rank `from` has kept is printed by the first one. */
static void tell(ranks *r, int from, bool is_everybodys) {
    size_t length = 0, place = 0;
    char *text = report_taken(&length, &place);
    int64_t about[2] = {text ? (int64_t)length : 0, text ? (int64_t)place : 0};
    broadcast(r, from, about, sizeof about);
    fflush(stdout);
    for (int64_t at = 0, n; at < about[0]; at += n) {
        char piece[512];
        const int64_t end = at < about[1] ? about[1] : about[0]; /* what is in front of the place, then the rest */
        n = end - at < (int64_t)sizeof piece ? end - at : (int64_t)sizeof piece;
        if (r->rank == from) memcpy(piece, text + at, (size_t)n);
        broadcast(r, from, piece, (size_t)n);
        if (!ranks_is_first(r) || interrupt_flag) continue;
        if (at == about[1] && from && !is_everybodys) fprintf(stderr, "rank %d: ", from);
        fwrite(piece, 1, (size_t)n, stderr);
    }
    fflush(stderr);
    free(text);
}

int ranks_agree(ranks *r, int status) {
    if (!r->host || r->is_told) return status;
    int64_t values[] = {status ? r->rank : NOBODY, status != 0, -interrupt_flag};
    ranks_beat(r);
    take_least(r, values, 3);
    ranks_beat(r);
    if (values[2]) interrupt_flag = (int)-values[2];
    if (values[0] == NOBODY) return EXIT_OK;
    int64_t agreed = status;
    broadcast(r, (int)values[0], &agreed, sizeof agreed);
    tell(r, (int)values[0], values[1]);
    r->is_told = true;
    return (int)agreed;
}

/* ------------------------------------------------------------------------------------------------------- beginning -- */

/* What is not the first rank's to say goes nowhere; the guard and MPI write to the descriptor itself. */
static void be_silent(void) {
    FILE *nowhere = fopen("/dev/null", "we");
    if (nowhere) stdout = stderr = nowhere;
}

/* Ranks of one machine take the block of the lowest of them. */
static bool share_blocks(ranks *r) {
    int64_t *of = malloc((size_t)r->count * 3 * sizeof *of), *mine = of ? of + 3 * (size_t)r->rank : NULL;
    int first = 0;
    for (int i = 0; of && i < 3 * r->count; i++) of[i] = INT64_MAX;
    if (of) guard_tell_block(&r->guard, mine);
    const bool has_memory = ranks_least(r, of != NULL);
    if (has_memory) {
        take_least(r, of, 3 * r->count);
        while (of[3 * first] != mine[0]) first++;
        if (first != r->rank) guard_take_block(&r->guard, of + 3 * first);
        ranks_least(r, 0); /* only then may the first one's file be closed */
    }
    free(of);
    return has_memory;
}

static int join(ranks *r, const launch *l, const settings *o) {
    nexpr_error err = nexpr_error_init();
    interrupt_install_for_rank(); /* a rank that dies while MPI starts may leave the launcher waiting for ever */
    guard_open(&r->guard, l);
    if (r->host->start(&r->rank, &r->count, &err)) {
        report_run("%s", err.message);
        report_release();
        r->host->abandon(EXIT_RUN);
    }
    const bool has_block = guard_prepare(&r->guard, r->rank, r->count, o->stall_timeout);
    if (r->host->open(NULL, lose, r, &r->own, &r->threads, &err)) {
        if (ranks_is_first(r)) fprintf(stderr, "nexpr: error: %s\n", err.message);
        r->host->abandon(EXIT_RUN);
    }
    if (!ranks_is_first(r)) be_silent();
    int status = has_block ? EXIT_OK : report_run("out of memory");
    return ranks_agree(r, status);
}

static int check_launch(const ranks *r, const launch *l) {
    if (l->family && strcmp(l->family, r->host->family)) {
        return report_use("this is a rank of %s, but libnexpr-mpi is built for %s; use the launcher of %s, or --mpi off for "
                          "processes that know nothing of each other", l->launcher, r->host->family, r->host->family);
    }
    return EXIT_OK;
}

static int check_ranks(const ranks *r, const launch *l) {
    if (!l->ranks || l->ranks == r->count) return EXIT_OK;
    if (l->rank) be_silent(); /* each of them believes that it is the first one */
    return report_use("%s has started %d ranks, but %s sees %d: libnexpr-mpi is built for another MPI than that of the "
                      "launcher; --mpi off is for processes that know nothing of each other", l->launcher, l->ranks,
                      r->host->family, r->count);
}

static int check_settings(const ranks *r, const settings *o) {
    if (!o->time || r->count == 1) return EXIT_OK;
    return report_use("--time measures one process, and there are %d ranks; leave out the launcher, or add --mpi off",
                      r->count);
}

/* A failure that is every rank's, before they can agree. */
static int refuse(ranks *r, const launch *l, int status) {
    r->host = NULL;
    r->rank = l->rank;
    if (!ranks_is_first(r)) be_silent();
    report_release();
    return status;
}

static int begin_ranks(ranks *r, const launch *l, settings *o, int status) {
    nexpr_error err = nexpr_error_init();
    report_keep();
    int found = plugin_load(&r->host, &err) ? report_use("%s; --mpi off is for processes that know nothing of each other",
                                                        err.message) : check_launch(r, l);
    if (found) return refuse(r, l, status ? status : found);
    found = join(r, l, o);
    if (found) return found;
    if (!share_blocks(r)) found = report_run("out of memory");
    if (!found && !guard_start(&r->guard)) found = report_run("there is no thread for watching over the job");
    if (!found) found = check_ranks(r, l);
    if (!found && !status) found = check_settings(r, o);
    o->has_terminal = launch_has_terminal(l);
    o->is_first = ranks_is_first(r);
    return ranks_agree(r, status ? status : found);
}

/* --stall-timeout is for one process, too. */
static int begin_alone(ranks *r, const settings *o) {
    report_release();
    if (!(o->stall_timeout > 0)) return EXIT_OK;
    guard_open(&r->guard, &(launch){0});
    if (!guard_prepare(&r->guard, 0, 1, o->stall_timeout) || !guard_start(&r->guard)) {
        return report_run("there is nothing to watch over the job with");
    }
    return EXIT_OK;
}

int ranks_begin(const launch *l, settings *o, int status, ranks *ret) {
    *ret = (ranks){.count = 1};
    const bool asks = o->help || o->version || o->ops;
    const bool joins = o->mpi == MPI_MODE_ON || (o->mpi == MPI_MODE_AUTO && l->is_rank);
    o->is_first = true;
    o->has_terminal = isatty(STDOUT_FILENO);
    if (joins && asks) return refuse(ret, l, status);
    if (joins) return begin_ranks(ret, l, o, status);
    int alone = begin_alone(ret, o);
    return status ? status : alone;
}

/* ------------------------------------------------------------------------------------------------------- computing -- */

nexpr_status ranks_compute_with(ranks *r, nexpr_context *context, nexpr_error *err) {
    int threads;
    return r->host ? r->host->open(context, lose, r, &r->computing, &threads, err) : NEXPR_OK;
}

void ranks_stop_computing(ranks *r) {
    if (r->host) r->host->close(&r->computing);
}

/* `output` is that of the first rank. */
static int guard_one(ranks *r, const nexpr_output *output) {
    const char *path = ranks_is_first(r) && output ? nexpr_output_temporary(output) : NULL;
    struct stat st = {0};
    const bool is_there = path && !lstat(path, &st);
    int64_t about[2] = {is_there ? (int64_t)strlen(path) + 1 : 0, (int64_t)st.st_ino};
    if (r->host) broadcast(r, 0, about, sizeof about);
    if (!about[0]) return EXIT_OK;
    char *text = malloc((size_t)about[0]);
    const bool has_memory = r->host ? ranks_least(r, text != NULL) : text != NULL;
    if (has_memory && is_there) memcpy(text, path, (size_t)about[0]);
    if (has_memory && r->host) broadcast(r, 0, text, (size_t)about[0]);
    const bool is_known = has_memory && guard_add(&r->guard, text, (uint64_t)about[1]);
    free(text);
    return is_known ? EXIT_OK : report_run("out of memory");
}

int ranks_guard_targets(ranks *r, const targets *t, const nexpr_output *page) {
    int64_t count = t->count;
    int status = EXIT_OK;
    if (!r->host && !r->guard.is_running) return EXIT_OK;
    if (r->host) broadcast(r, 0, &count, sizeof count);
    for (int i = 0; i < count; i++) {
        int now = guard_one(r, i < t->count ? t->items[i].output : NULL);
        if (!status) status = now;
    }
    int now = guard_one(r, page);
    return ranks_agree(r, status ? status : now);
}

void ranks_end(ranks *r) {
    if (r->host) {
        guard_expect_end(&r->guard);
        r->host->close(&r->own);
        report_release();
        fflush(stdout);
        r->host->finish();
    }
    report_release();
    guard_stop(&r->guard);
}
