/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

volatile int interrupt_flag; /* the number of the signal */

static void note(int signal_number) {
    interrupt_flag = signal_number;
}

/* SA_RESETHAND: the second signal has its usual effect. No SA_RESTART: system calls end with EINTR, and the flag is seen. */
void interrupt_install(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old, action = {.sa_handler = note, .sa_flags = SA_RESETHAND};
        sigemptyset(&action.sa_mask);
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN) sigaction(numbers[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write */
}

void interrupt_finish(void) {
    if (!interrupt_flag) return;
    signal(interrupt_flag, SIG_DFL);
    raise(interrupt_flag);
}
