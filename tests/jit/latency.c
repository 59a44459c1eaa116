/* SPDX-License-Identifier: MIT */
/*
 * How long it takes to get code that was made before, and what code needs of memory. The compiler is the fake one, so the
 * time to make code is that of everything around it. Fails if a median is over its target.
 */
#include "jit/jit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/jit/fixture.h"
#include "tests/jit/maps.h"

enum { KERNELS = 1000, PROCESSES = 21 };

static char folder[] = "/tmp/nexpr-latency-XXXXXX";
static int failures;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report(const char *what, double *seconds, int count, double target_us) {
    qsort(seconds, (size_t)count, sizeof *seconds, compare);
    double median = seconds[count / 2] * 1e6;
    printf("%-44s %9.2f us (least %.2f)", what, median, seconds[0] * 1e6);
    if (target_us > 0) printf(", target %.0f", target_us);
    printf("\n");
    failures += target_us > 0 && median > target_us;
}

static nx_jit *open_jit(void) {
    nx_jit_options options = {.disk_cache = folder, .plugin = plugin_path("good")};
    nx_jit *jit = NULL;
    assert_int_equal(nx_jit_new(NULL, &options, &jit, NULL), NEXPR_OK);
    return jit;
}

/* Seconds to get each of the kernels, which come from where they have to. */
static void get_all(nx_jit *jit, nx_jit_source source, double *ret_seconds) {
    for (uint16_t i = 0; i < KERNELS; i++) {
        nx_jit_kernel *kernel = get(jit, i, true);
        nx_jit_info info = nx_jit_info_of(kernel);
        assert_int_equal(info.source, source);
        ret_seconds[i] = info.seconds;
        nx_jit_release(&kernel);
    }
}

/* The first kernel of a process, from disk. */
static double get_first(void) {
    int ends[2];
    double seconds = -1;
    if (pipe(ends)) return -1;
    if (!fork()) {
        nx_jit *jit = open_jit();
        nx_jit_kernel *kernel = get(jit, 1, true);
        seconds = nx_jit_info_of(kernel).seconds;
        _exit(write(ends[1], &seconds, sizeof seconds) != sizeof seconds);
    }
    close(ends[1]);
    if (read(ends[0], &seconds, sizeof seconds) != sizeof seconds) seconds = -1;
    close(ends[0]);
    wait(NULL);
    return seconds;
}

int main(void) {
    static double seconds[KERNELS];
    char command[64];
    if (!mkdtemp(folder)) return 1;
    nx_jit *jit = open_jit();
    int mapped = read_maps(NULL, NULL).count;
    long resident = resident_pages();
    get_all(jit, NX_JIT_FROM_COMPILER, seconds);
    printf("%.1f KiB and %.3f mappings for each of %d kernels\n", (double)(resident_pages() - resident) * 4 / KERNELS,
           (double)(read_maps(NULL, NULL).count - mapped) / KERNELS, KERNELS);
    report("made by a compiler that takes no time", seconds, KERNELS, 0);
    get_all(jit, NX_JIT_FROM_MEMORY, seconds);
    report("from memory", seconds, KERNELS, 30);
    nx_jit_free(&jit);
    jit = open_jit();
    get_all(jit, NX_JIT_FROM_DISK, seconds);
    report("from disk", seconds, KERNELS, 200);
    nx_jit_free(&jit);
    for (int i = 0; i < PROCESSES; i++) seconds[i] = get_first();
    report("from disk, the first of a process", seconds, PROCESSES, 200);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) || failures;
}
