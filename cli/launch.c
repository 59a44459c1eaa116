/* SPDX-License-Identifier: MIT */
#include "cli/launch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What launchers tell their ranks by. The first row of which all variables are there counts; `absent` must not be. */
static const struct {
    const char *rank, *ranks, *mark, *absent, *launcher, *family;
} environments[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", NULL, NULL, "Open MPI's mpirun", "Open MPI"},
    {"PMI_RANK", "PMI_SIZE", NULL, "SLURM_STEP_ID", "MPICH's mpirun (Hydra)", "MPICH"},
    {"PMI_RANK", "PMI_SIZE", "SLURM_STEP_ID", NULL, "srun", NULL},
    {"PMIX_RANK", "SLURM_STEP_NUM_TASKS", NULL, NULL, "srun", NULL},
    {"PMIX_RANK", NULL, NULL, NULL, "a launcher with PMIx", NULL},
};

/* What the names of launchers' processes begin with. */
static const char *const launchers[] = {"mpirun", "mpiexec", "orterun", "orted", "prterun", "prted", "prun",
                                        "hydra_pmi_prox", "slurmstepd"};

enum { ANCESTORS = 64 };

static int number_of(const char *variable) {
    const char *text = variable ? getenv(variable) : NULL;
    return text ? atoi(text) : 0;
}

static bool read_environment(launch *l) {
    for (size_t i = 0; i < sizeof environments / sizeof *environments; i++) {
        const char *mark = environments[i].mark, *absent = environments[i].absent, *ranks = environments[i].ranks;
        if (!getenv(environments[i].rank) || (ranks && !getenv(ranks))) continue;
        if ((mark && !getenv(mark)) || (absent && getenv(absent))) continue;
        *l = (launch){.has_environment = true, .launcher = environments[i].launcher, .family = environments[i].family,
                      .rank = number_of(environments[i].rank), .ranks = number_of(ranks)};
        return true;
    }
    return false;
}

/* The name and the parent of a process; false if it is not seen. */
static bool look_at(pid_t pid, char name[32], pid_t *ret_parent) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "re");
    if (!in) return false;
    size_t n = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    text[n] = 0;
    char *begin = strchr(text, '('), *end = strrchr(text, ')');
    int parent = 0;
    if (!begin || !end || sscanf(end + 1, " %*c %d", &parent) != 1) return false;
    snprintf(name, 32, "%.*s", (int)(end - begin - 1), begin + 1);
    *ret_parent = parent;
    return true;
}

static bool is_launcher(const char *name) {
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        if (!strncmp(name, launchers[i], strlen(launchers[i]))) return true;
    }
    return false;
}

static bool has_loaded_mpi(pid_t pid) {
    char path[64], line[PATH_MAX + 128];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *in = fopen(path, "re");
    while (in && !found && fgets(line, sizeof line, in)) found = strstr(line, "/libmpi") != NULL;
    if (in) fclose(in);
    return found;
}

/* From the parent upwards: first what stands between, then the launcher's own processes. */
static void look_at_ancestors(launch *l) {
    char name[32];
    pid_t parent = 0, pid = getppid();
    l->is_rank = true;
    for (int i = 0; i < ANCESTORS && pid > 1 && look_at(pid, name, &parent); i++, pid = parent) {
        const bool launches = is_launcher(name);
        if (!launches && l->front) return;
        if (!launches && has_loaded_mpi(pid)) {
            l->is_rank = false;
            return;
        }
        if (launches && !l->nearest) l->nearest = pid;
        if (launches) l->front = pid;
    }
}

launch launch_look(void) {
    launch l = {0};
    if (read_environment(&l)) look_at_ancestors(&l);
    return l;
}

bool launch_has_terminal(const launch *l) {
    char path[64], to[PATH_MAX] = "";
    snprintf(path, sizeof path, "/proc/%d/fd/1", (int)l->front);
    if (!l->front || readlink(path, to, sizeof to - 1) < 0) return false;
    return !strncmp(to, "/dev/pts/", 9) || !strncmp(to, "/dev/tty", 8) || !strcmp(to, "/dev/console");
}
