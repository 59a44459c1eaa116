#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program on P ranks of this machine, more than it has cores if need be, for at most 20 seconds.

Usage: launch.py MPIRUN P PROGRAM [ARGUMENT]...
"""

import os
import signal
import subprocess
import sys

LIMIT = 60
OPEN_MPI = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}
MPICH = {"MPIR_CVAR_NOLOCAL": "1"}  # it waits for shared memory without giving its core away: see yield.c
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def environment():
    """Both families of MPI take what is theirs; NEXPR_NUM_THREADS would be one thread for each rank."""
    return {**os.environ, **OPEN_MPI, **MPICH, **(AS_ROOT if os.getuid() == 0 else {}), "XDG_CACHE_HOME": "/dev/null",
            "NEXPR_BACKEND": "vm"}


def launch(mpirun, ranks, *command, limit=LIMIT, **options):
    """The exit status; 124 after the time limit, when all that was started is killed."""
    process = subprocess.Popen([mpirun, "-n", str(ranks), *command], env=environment(), start_new_session=True, **options)
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        print(f"{ranks} ranks of {command[0]} were not done after {limit} s", file=sys.stderr)
        return 124


if __name__ == "__main__":
    sys.exit(launch(*sys.argv[1:]))
