/* SPDX-License-Identifier: MIT */
/*
 * Ending on a signal without leaving anything behind. While an output is being written, SIGINT, SIGTERM, SIGHUP and
 * SIGPIPE only set a flag, which everything that takes long looks at; when all is cleaned up, the command dies of the signal
 * after all.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

/* The flag: not 0 after a signal. */
extern volatile int interrupt_flag;

/* From now on the signals set the flag, those that are ignored excepted. A second one ends the command at once. */
void interrupt_install(void);
/* The same for a rank of an MPI job, where somebody sees to it that it ends: launchers send signals twice. */
void interrupt_install_for_rank(void);
/* Dies of the signal that set the flag, if there was one. */
void interrupt_finish(void);

#endif
