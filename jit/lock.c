/* SPDX-License-Identifier: MIT */
#include "jit/lock.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FREE, HELD, WAITED_FOR, STATES = 3 /* a mask */ };

static uint32_t this_process(void) {
    return (uint32_t)getpid() << 2;
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
    syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

void nx_sleep_while(_Atomic uint32_t *word, uint32_t value) {
    futex(word, FUTEX_WAIT_PRIVATE, value);
}

void nx_wake_all(_Atomic uint32_t *word) {
    futex(word, FUTEX_WAKE_PRIVATE, INT_MAX);
}

static bool replace(nx_lock *lock, uint32_t *word, uint32_t by) {
    return atomic_compare_exchange_strong_explicit(&lock->word, word, by, memory_order_acquire, memory_order_relaxed);
}

nx_lock_state nx_lock_take(nx_lock *lock) {
    uint32_t mine = this_process(), taken = mine | HELD, word = mine;
    while (!replace(lock, &word, taken)) {
        if ((word & ~(uint32_t)STATES) != mine) {
            bool fresh = !word, held = word & STATES;
            if (replace(lock, &word, taken)) return fresh ? NX_LOCK_OWN : held ? NX_LOCK_BROKEN : NX_LOCK_INHERITED;
        } else if (word != mine && (word == (mine | WAITED_FOR) || replace(lock, &word, mine | WAITED_FOR))) {
            nx_sleep_while(&lock->word, mine | WAITED_FOR);
            taken = mine | WAITED_FOR; /* others may still sleep */
        }
        word = mine;
    }
    return NX_LOCK_OWN;
}

bool nx_lock_try(nx_lock *lock) {
    uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);
    return !(word & STATES) && replace(lock, &word, this_process() | HELD);
}

void nx_lock_drop(nx_lock *lock) {
    uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);
    word = atomic_exchange_explicit(&lock->word, word & ~(uint32_t)STATES, memory_order_release);
    if ((word & STATES) == WAITED_FOR) futex(&lock->word, FUTEX_WAKE_PRIVATE, 1);
}

bool nx_lock_is_broken(const nx_lock *lock) {
    uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);
    return word & STATES && (word & ~(uint32_t)STATES) != this_process();
}
