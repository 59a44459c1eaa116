/* SPDX-License-Identifier: MIT */
#include "cli/ops.h"

#include "nexpr.h"

#include <string.h>

enum { FORM_WIDTH = 34, DTYPES_WIDTH = 24 };

/* "add(x, y)  x + y" */
static void print_form(FILE *out, const nexpr_op_info *op) {
    char form[160];
    int n = snprintf(form, sizeof form, "%s(%s)", op->name, op->params);
    bool is_prefix = !strchr(op->params, ',');
    if (*op->spelling && n > 0 && (size_t)n < sizeof form) {
        snprintf(form + n, sizeof form - (size_t)n, is_prefix ? "  %sx" : "  x %s y", op->spelling);
    }
    fprintf(out, "  %-*s %-*s ", FORM_WIDTH, form, DTYPES_WIDTH, op->dtypes);
}

static void print_bound(FILE *out, double ulp, double absolute) {
    fprintf(out, "%g ULP", ulp);
    if (absolute > 0) fprintf(out, " or %g", absolute);
}

static void print_op(FILE *out, const nexpr_op_info *op) {
    print_form(out, op);
    fprintf(out, "%s", op->doc);
    if (op->ulp64 > 0 || op->ulp32 > 0) {
        fputs(" Error: ", out);
        print_bound(out, op->ulp64, op->abs64);
        if (op->ulp32 != op->ulp64 || op->abs32 != op->abs64) {
            fputs(", float32 ", out);
            print_bound(out, op->ulp32, op->abs32);
        }
        putc('.', out);
    }
    if (*op->aliases) fprintf(out, " Also: %s.", op->aliases);
    putc('\n', out);
}

/* Groups stand together in the table, but for functions made of operations, which follow; here each group comes once. */
static bool is_first_of_group(int index, const char *group) {
    for (int i = 0; i < index; i++) {
        nexpr_op_info other = {.size = sizeof other};
        if (!nexpr_op_describe(i, &other) && !strcmp(other.group, group)) return false;
    }
    return true;
}

static void print_group(FILE *out, int first, const char *group) {
    fprintf(out, "%s%s\n", first ? "\n" : "", group);
    for (int i = first; i < nexpr_op_count(); i++) {
        nexpr_op_info op = {.size = sizeof op};
        if (!nexpr_op_describe(i, &op) && !strcmp(op.group, group)) print_op(out, &op);
    }
}

static void print_casts(FILE *out) {
    fputs("\ncasts\n ", out);
    for (int i = 0; i < NEXPR_DTYPE_COUNT; i++) fprintf(out, " %s(x)", nexpr_dtype_name((nexpr_dtype)i));
    putc('\n', out);
}

void ops_print(FILE *out) {
    for (int i = 0; i < nexpr_op_count(); i++) {
        nexpr_op_info op = {.size = sizeof op};
        if (!nexpr_op_describe(i, &op) && is_first_of_group(i, op.group)) print_group(out, i, op.group);
    }
    print_casts(out);
    fputs("\nother syntax\n"
          "  x if c else y    not x    x and y    x or y    a < b <= c    name = x; y    x, y    x.real    x.imag\n"
          "  views: x[1:, ..., None, ::-2]    x.T    x.reshape(2, 3)    and the other views above\n"
          "  constants: pi e inf nan    literals: 12 0xff 0b101 1_000 1.5e-3 2j True False\n", out);
}
