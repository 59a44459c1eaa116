/* SPDX-License-Identifier: MIT */
/* What a plan did, in words, for the report of its context. */
#ifndef NX_RUNTIME_EXPLAIN_H
#define NX_RUNTIME_EXPLAIN_H

#include "runtime/plan.h"

/* Hands the text to the context's report; nothing if there is none, if the plan never ran, or if memory is out. */
void nx_explain_plan(const nexpr_plan *plan);
/* A phrase: why the nest's tasks ran where they did. Static. */
const char *nx_explain_why(const nexpr_plan *plan, const nx_nest *nest);
/* "elementwise". Static. */
const char *nx_explain_kind(const nx_nest *nest);

#endif
