/* SPDX-License-Identifier: MIT */
/*
 * --annotate: a page that shows the expression shaded by where its time went, with all that is known of how it was computed.
 * It is one file that needs no network and no scripts, and is put in place as every output is: complete, or not at all.
 */
#ifndef CLI_ANNOTATE_H
#define CLI_ANNOTATE_H

#include "cli/bind.h"
#include "cli/code.h"
#include "cli/target.h"
#include "cli/timing.h"

/* What there is to show; all borrowed. */
typedef struct annotation {
    const settings *settings;
    const source *source;
    const bindings *bindings;
    const targets *targets;
    const nexpr *expr;
    nexpr_context *context;
    const nexpr_profile *profile;
    const timing *timing;   /* NULL: --time was not asked for */
    const code_store *code; /* of the plans, which were freed */
} annotation;

/* Checks that the page may be written, and begins it. On failure the error is reported and the exit status returned. */
int annotate_open(const settings *o, const bindings *b, const targets *t, const volatile int *cancel, nexpr_output **ret);
/* Makes the page, writes it and puts it in place. Likewise. Copies memory for some milliseconds to compare with. */
int annotate_write(nexpr_output *output, const annotation *a);

#endif
