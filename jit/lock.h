/* SPDX-License-Identifier: MIT */
/*
 * A lock that survives fork. Its word holds the process it was last taken in, so the first thread that takes it in a forked
 * child gets it, whoever held it in the parent, and is told what to think of the things it guards. Zero is a free lock.
 */
#ifndef NX_JIT_LOCK_H
#define NX_JIT_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct nx_lock {
    _Atomic uint32_t word; /* process << 2 | 0: free, 1: held, 2: held and waited for */
} nx_lock;

typedef enum nx_lock_state {
    NX_LOCK_OWN,       /* as it always is */
    NX_LOCK_INHERITED, /* the first time in a forked child: other threads are gone, what is guarded is whole */
    NX_LOCK_BROKEN,    /* the same, and one of them held it: what is guarded may be half changed */
} nx_lock_state;

nx_lock_state nx_lock_take(nx_lock *lock);
/* The same, unless somebody has it: false. */
bool nx_lock_try(nx_lock *lock);
void nx_lock_drop(nx_lock *lock);
/* Whether it was held when this process was forked, and was not taken since. */
bool nx_lock_is_broken(const nx_lock *lock);

/* Sleeps while *word is `value`, or shorter; wakes all that sleep. */
void nx_sleep_while(_Atomic uint32_t *word, uint32_t value);
void nx_wake_all(_Atomic uint32_t *word);

#endif
