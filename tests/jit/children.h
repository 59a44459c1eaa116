/* SPDX-License-Identifier: MIT */
/* Code that is run in a child process, because it changes what a process may do or ends it. */
#ifndef NX_TESTS_JIT_CHILDREN_H
#define NX_TESTS_JIT_CHILDREN_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/forks.h"

enum { PATIENCE = 60 /* seconds */, CANNOT = 77 };

/* The exit code of a child that runs body; an alarm ends it if it hangs. `how`: fork, or _Fork, which calls no handlers. */
static inline int child_exit_code_by(pid_t (*how)(void), int (*body)(void *), void *argument) {
    int status;
    pid_t child = how();
    if (child == 0) {
        alarm(PATIENCE);
        _exit(body(argument));
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline int child_exit_code(int (*body)(void *), void *argument) {
    return child_exit_code_by(fork, body, argument);
}

/* In a child: ends it with the number of the line if something is not so. */
#define REQUIRE(condition)                                                        \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
            _exit(99);                                                            \
        }                                                                         \
    } while (0)

#endif
