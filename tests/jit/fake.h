/* SPDX-License-Identifier: MIT */
/* What the fake plug-in, its kernel and the tests agree on. */
#ifndef NX_TESTS_JIT_FAKE_H
#define NX_TESTS_JIT_FAKE_H

#define MARKER UINT64_C(0x5EEDC0DE12345678)

/* What a fake plug-in does wrong. One of them is FAKE when fake_plugin.c is compiled. */
enum {
    FAKE_GOOD,
    FAKE_SLOW,         /* takes its time */
    FAKE_WRONG_ABI,
    FAKE_WRONG_LLVM,   /* made with another LLVM */
    FAKE_REJECTING,    /* finds that the host is of another version */
    FAKE_NO_SYMBOL,
    FAKE_UNRESOLVED,   /* needs a symbol that no library has */
    FAKE_FAILING,      /* UNSUPPORTED */
    FAKE_FORGETFUL,    /* MEMORY, the first time */
    FAKE_MALFORMED,    /* no object */
    FAKE_UNDEFINED,    /* an undefined symbol */
};

/* How long the slow one takes; and how the process ends if it ends while a thread is inside. */
enum { SLOW_MS = 100, FAKE_INSIDE = 55 };

#endif
