/* SPDX-License-Identifier: MIT */
/* Words that the template files share. */
#ifndef NX_VM_TEMPLATE_H
#define NX_VM_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NX_PASTE2(a, b) a##b
#define NX_PASTE3(a, b, c) a##b##c
#define NX_PASTE4(a, b, c, d) a##b##c##d
/* Pastes what its arguments expand to. */
#define CAT2(a, b) NX_PASTE2(a, b)
#define CAT3(a, b, c) NX_PASTE3(a, b, c)
#define CAT4(a, b, c, d) NX_PASTE4(a, b, c, d)

/* Words that all classes have in common. */
#define LOGICAL_AND(x, y) (TRUTH(x) & TRUTH(y))
#define LOGICAL_OR(x, y) (TRUTH(x) | TRUTH(y))
#define LOGICAL_XOR(x, y) (TRUTH(x) ^ TRUTH(y))
#define LOGICAL_NOT(x) (!TRUTH(x))

/* What IN_<domain> and UNLESS_<math> of the class headers come down to. */
#define KEEP(...) __VA_ARGS__
#define DROP(...)

/*
 * Stands before a loop whose iteration i touches no more than element i of the result and of each operand. So the result
 * may be an operand, which `restrict` would forbid, and still no overlap need be checked for.
 */
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

#endif
