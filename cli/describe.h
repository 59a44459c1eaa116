/* SPDX-License-Identifier: MIT */
/* What will be done (--dry-run) and what was done (the summary), for people and as JSON. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "cli/bind.h"
#include "cli/check.h"
#include "cli/job.h"
#include "cli/target.h"
#include "cli/timing.h"

#include <stdio.h>

/* What there is to describe; all borrowed. */
typedef struct description {
    const source *source;
    const bindings *bindings;
    const targets *targets;
    const nexpr *expr;
    const any_job *job;
    const findings *findings; /* NULL: nothing was checked */
    double seconds; /* that it took; negative: a dry run */
    const nexpr_profile *profile; /* NULL: nobody asks */
    const timing *timing;         /* likewise */
} description;

/* The title and the documented inputs of a program, even if nothing is bound to them. */
void describe_pack(FILE *out, const pack *p);
/* --dry-run: inputs, results, bytes. */
void describe_plan(FILE *out, const description *d);
/* After the work, a line: bytes, outputs, time. */
void describe_summary(FILE *out, const description *d);
/* Either as one line of JSON; the keys are listed in nexpr(1). */
void describe_json(FILE *out, const description *d);

#endif
