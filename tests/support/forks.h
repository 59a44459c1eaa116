/* SPDX-License-Identifier: MIT */
/* What ThreadSanitizer has to know of tests that fork, and what they have to know of it. For one file of a program. */
#ifndef NX_TESTS_SUPPORT_FORKS_H
#define NX_TESTS_SUPPORT_FORKS_H

/* ThreadSanitizer refuses threads in a child unless it is told that we mean it. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return "die_after_fork=0";
}

/* gcc 12's dies of a thread that it knows from the parent ("dup thread with used id"), clang's does not. */
#if defined __SANITIZE_THREAD__ && !defined __clang__
enum { CHILD_MAY_START_THREADS = 0 };
#else
enum { CHILD_MAY_START_THREADS = 1 };
#endif

/* AddressSanitizer's heap stays locked in the child if another thread was inside it at the fork. */
#ifdef __has_feature
#define IS_WITH_ASAN __has_feature(address_sanitizer)
#elif defined __SANITIZE_ADDRESS__
#define IS_WITH_ASAN 1
#else
#define IS_WITH_ASAN 0
#endif

#endif
