/* SPDX-License-Identifier: MIT */
/* AST to typed IR. */
#ifndef NX_ENGINE_INFER_H
#define NX_ENGINE_INFER_H

#include "engine/ast.h"
#include "engine/build.h"

/*
 * Builds the IR of a program in b->ir, whose inputs are set, and fills its results; each is cast to *result_dtype if that
 * is not NULL. Errors, with the span in the text: NAME, TYPE, VALUE, LIMIT, MEMORY.
 */
nexpr_status nx_infer(const nx_ast *ast, nx_builder *b, const nexpr_dtype *result_dtype, nexpr_error *err);

/* Whether the name is one of the constants that stand for a number, or for a dtype, if no input has their name. */
bool nx_is_constant_name(const char *name);

#endif
