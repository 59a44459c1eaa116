/* SPDX-License-Identifier: MIT */
/* libnexpr-mpi, loaded when it is needed: the command is not linked with MPI. */
#ifndef CLI_PLUGIN_H
#define CLI_PLUGIN_H

#include "nexpr_mpi_host.h"

/* From the path in NEXPR_MPI_LIBRARY, else beside libnexpr-io, else wherever the dynamic linker finds it. UNSUPPORTED. */
nexpr_status plugin_load(const nexpr_mpi_host **ret_host, nexpr_error *err);

#endif
