/* SPDX-License-Identifier: MIT */
#include "cli/plugin.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libnexpr-mpi.so.0"

static nexpr_status fail(nexpr_error *err, const char *what, const char *more) {
    err->status = NEXPR_UNSUPPORTED;
    snprintf(err->message, sizeof err->message, "%.150s%.300s", what, more);
    return NEXPR_UNSUPPORTED;
}

static bool find_beside(char path[PATH_MAX]) {
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)nexpr_file_open, &info) || !info.dli_fname) return false;
    const char *slash = strrchr(info.dli_fname, '/');
    const int folder = slash ? (int)(slash + 1 - info.dli_fname) : 0;
    return folder && snprintf(path, PATH_MAX, "%.*s" LIBRARY, folder, info.dli_fname) < PATH_MAX && !access(path, R_OK);
}

nexpr_status plugin_load(const nexpr_mpi_host **ret_host, nexpr_error *err) {
    char beside[PATH_MAX];
    const char *path = secure_getenv("NEXPR_MPI_LIBRARY");
    if (!path || !*path) path = find_beside(beside) ? beside : LIBRARY;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return fail(err, "this is a rank of an MPI job, but libnexpr-mpi cannot be loaded: ", dlerror());
    nexpr_mpi_host_function *table;
    *(void **)&table = dlsym(library, NEXPR_MPI_HOST_ENTRY);
    if (!table) return fail(err, path, " has no function " NEXPR_MPI_HOST_ENTRY ": it is no libnexpr-mpi");
    const nexpr_mpi_host *host = table();
    if (host->abi != NEXPR_MPI_HOST_ABI || host->size < sizeof *host || host->version != NEXPR_VERSION) {
        return fail(err, path, " is of another version of nexpr");
    }
    *ret_host = host;
    return NEXPR_OK;
}
