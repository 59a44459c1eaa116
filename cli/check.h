/* SPDX-License-Identifier: MIT */
/* What --check found: told on standard error, and as JSON. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/bind.h"
#include "cli/job.h"
#include "cli/json.h"
#include "cli/source.h"

#include "nexpr_io.h"

/* A check that found something. */
typedef struct finding {
    nexpr_check check;
    int64_t count, first;           /* elements; the first one's index in C order */
    int ndim;                       /* -1: the shape depends on data */
    int64_t index[NEXPR_MAX_NDIM];  /* the first one's, along each axis */
    int64_t total;                  /* elements in all */
} finding;

typedef struct findings {
    finding *items;
    int count;
} findings;

/* Reads the checks of a job of the expression that was run with these inputs. On failure the error is reported and EXIT_RUN
 * returned; findings_free in any case. */
int findings_read(const nexpr *expr, const any_job *job, const bindings *b, findings *ret);
void findings_free(findings *f);
/* A line and a place in the text for each. */
void findings_tell(const findings *f, const source *s);
/* As the member "checks". */
void findings_json(json *j, const findings *f, const source *s);

#endif
