/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

volatile int interrupt_flag; /* the number of the signal */

static void note(int signal_number) {
    interrupt_flag = signal_number;
}

static bool is_installed;

/* No SA_RESTART: system calls end with EINTR, and the flag is seen. */
static void install(int flags) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old, action = {.sa_handler = note, .sa_flags = flags};
        sigemptyset(&action.sa_mask);
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN) sigaction(numbers[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write */
    is_installed = true;
}

/* The second signal has its usual effect. */
void interrupt_install(void) {
    if (!is_installed) install((int)SA_RESETHAND);
}

void interrupt_install_for_rank(void) {
    install(0);
}

void interrupt_finish(void) {
    if (!interrupt_flag) return;
    signal(interrupt_flag, SIG_DFL);
    raise(interrupt_flag);
}
