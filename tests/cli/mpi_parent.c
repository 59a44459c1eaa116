/* SPDX-License-Identifier: MIT */
/* An MPI program, each rank of which runs the command line that it is given, for mpi_test.py. */
#include <mpi.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int failed = argc < 2 || system(argv[1]);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return failed;
}
