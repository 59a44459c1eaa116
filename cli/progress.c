/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include "cli/size.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double first_after = 0.5, every = 0.1; /* seconds */

double progress_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

progress progress_begin(bool quiet, double bytes) {
    return (progress){.is_allowed = !quiet && isatty(STDERR_FILENO), .begin = progress_now(), .bytes = bytes};
}

static int columns(void) {
    struct winsize size;
    return !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

/* " 42% [########            ] 1.20 GiB/s, 0:12 left" */
static void draw(const progress *p, double part, double seconds) {
    enum { WIDEST = 60 };
    char rate[SIZE_TEXT_MAX + 4] = "", text[SIZE_TEXT_MAX], left[SIZE_TEXT_MAX], bar[WIDEST + 1];
    if (p->bytes >= 0) snprintf(rate, sizeof rate, "%s/s, ", size_text(p->bytes * part / seconds, text));
    size_time(part > 0 ? seconds * (1 - part) / part : 0, left);
    int width = columns() - 1 - (int)(strlen(rate) + strlen(left) + sizeof "100% [] left");
    if (width > WIDEST) width = WIDEST;
    if (width < 0) width = 0;
    memset(bar, ' ', (size_t)width);
    memset(bar, '#', (size_t)(part * width));
    bar[width] = 0;
    fprintf(stderr, "\r%3d%% [%s] %s%s left\033[K", (int)(part * 100), bar, rate, left);
    fflush(stderr);
}

void progress_note(void *user, int64_t done, int64_t total) {
    progress *p = user;
    if (!p->is_allowed || total <= 0) return;
    double now = progress_now();
    if (now - p->begin < first_after || now - p->last < every) return;
    draw(p, (double)done / (double)total, now - p->begin);
    p->is_drawn = true;
    p->last = now;
}

void progress_end(progress *p) {
    if (p->is_drawn) fputs("\r\033[K", stderr);
    p->is_drawn = p->is_allowed = false;
}
