/* SPDX-License-Identifier: MIT */
#include "cli/places.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------------------------------------------- shapes -- */

typedef struct shape_taker {
    places *p;
    bool failed;
} shape_taker;

static void take_shape(void *user, int term, int value, int ndim, const int64_t *shape) {
    shape_taker *t = user;
    char *text = malloc((size_t)ndim * 24 + 4), *at = text;
    if (!text) {
        t->failed = true;
        return;
    }
    *at++ = '(';
    for (int k = 0; k < ndim; k++) {
        at += sprintf(at, shape[k] < 0 ? "%s?" : "%s%" PRId64, k ? ", " : "", shape[k]);
        if (ndim == 1) *at++ = ',';
    }
    *at++ = ')';
    *at = 0;
    t->p->shapes[value >= 0 ? value : t->p->value_count + term] = text;
}

static bool find_shapes(const nexpr *expr, const nexpr_array *const *inputs, places *p) {
    shape_taker taker = {.p = p};
    p->value_count = nexpr_value_count(expr);
    p->shape_count = p->value_count + nexpr_term_count(expr);
    p->shapes = calloc((size_t)p->shape_count + 1, sizeof *p->shapes);
    p->shape_of = (const char **)p->shapes;
    p->of_value = malloc(((size_t)p->value_count + 1) * sizeof *p->of_value);
    if (!p->shapes || !p->of_value) return false;
    nexpr_term_shapes(expr, inputs, take_shape, &taker, NULL); /* what has no shape is shown without */
    return !taker.failed;
}

/* ---------------------------------------------------------------------------------------------------------- order -- */

static int compare(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end > y->end ? -1 : 1;
    return (x->value < y->value) - (x->value > y->value);
}

int places_at(const places *p, size_t begin, size_t end) {
    int low = 0, high = p->count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        const place *x = &p->items[middle];
        if (x->begin < begin || (x->begin == begin && x->end > end)) low = middle + 1;
        else high = middle;
    }
    return low < p->count && p->items[low].begin == begin && p->items[low].end == end ? low : -1;
}

/* Of equal places the first one stays. */
static void sort(places *p) {
    int kept = 0;
    qsort(p->items, (size_t)p->count, sizeof *p->items, compare);
    for (int i = 0; i < p->count; i++) {
        const place *last = kept ? &p->items[kept - 1] : NULL;
        if (last && last->begin == p->items[i].begin && last->end == p->items[i].end) continue;
        p->items[kept++] = p->items[i];
    }
    p->count = kept;
}

static void add_terms(const source *s, const nexpr *expr, places *p) {
    for (int i = 0; i < nexpr_term_count(expr); i++) {
        nexpr_term term = nexpr_term_init();
        nexpr_term_describe(expr, i, &term);
        if (term.begin < s->text_begin || term.begin >= term.end || term.end > s->whole_length) continue;
        p->items[p->count++] = (place){.begin = term.begin,
                                       .end = term.end,
                                       .value = term.value,
                                       .dtype = term.dtype,
                                       .shape = p->shapes[p->value_count + i],
                                       .step = -1,
                                       .key = term.input >= 0 ? -2 - term.input : -1};
    }
    sort(p);
}

/* ------------------------------------------------------------------------------------------------------------ tree -- */

static void link_parents(places *p) {
    int around = -1;
    for (int i = 0; i < p->count; i++) {
        place *x = &p->items[i];
        while (around >= 0 && p->items[around].end <= x->begin) around = p->items[around].parent;
        x->parent = around;
        x->depth = around >= 0 ? p->items[around].depth + 1 : 0;
        x->is_crossing = around >= 0 && x->end > p->items[around].end;
        if (!x->is_crossing) around = i;
    }
}

/* Where each value is made, and with which places equal ones belong together. */
static void link_values(const source *s, const nexpr *expr, places *p) {
    for (int v = 0; v < p->value_count; v++) {
        nexpr_value value = nexpr_value_init();
        nexpr_value_describe(expr, v, &value);
        p->of_value[v] = value.begin >= s->text_begin ? places_at(p, value.begin, value.end) : -1;
    }
    int *first = malloc(((size_t)nexpr_input_count(expr) + 1) * sizeof *first); /* place by input */
    for (int i = 0; first && i < nexpr_input_count(expr); i++) first[i] = -1;
    for (int i = 0; i < p->count; i++) {
        place *x = &p->items[i];
        const int input = -2 - x->key;
        x->key = i;
        if (x->value >= 0 && p->of_value[x->value] >= 0) x->key = p->of_value[x->value];
        if (input < 0 || !first) continue;
        if (first[input] < 0) first[input] = i;
        x->key = first[input];
    }
    free(first);
}

/* ----------------------------------------------------------------------------------------------------------- steps -- */

static int count_steps(const nexpr_profile *profile) {
    nexpr_stats stats = nexpr_stats_init();
    int count = 0;
    nexpr_profile_stats(profile, &stats);
    for (int i = 0; i < stats.nest_count; i++) {
        nexpr_nest_stats nest = nexpr_nest_stats_init();
        nexpr_profile_nest(profile, i, &nest);
        count += nest.op_count;
    }
    return count;
}

/* The smallest place around these bytes. */
static int find_around(const places *p, size_t begin, size_t end) {
    int found = places_at(p, begin, end);
    const bool is_exact = found >= 0;
    for (int i = 0; !is_exact && i < p->count && p->items[i].begin <= begin; i++) {
        if (!p->items[i].is_crossing && p->items[i].end >= end) found = i; /* later ones are smaller: they lie within */
    }
    while (found >= 0 && (p->items[found].is_crossing || p->items[found].end < end)) found = p->items[found].parent;
    return found;
}

/* A place may be in several steps, as a value and as its cast: the slowest tells. */
static void give_step(places *p, int at, int step) {
    place *x = at >= 0 ? &p->items[at] : NULL;
    const step_stats *new = &p->steps[step], *old = x && x->step >= 0 ? &p->steps[x->step] : NULL;
    if (!x) return;
    if (!old || old->ns < new->ns) x->step = step;
    if (new->place_count || (old && old->place_count)) {
        const step_stats *slowest = &p->steps[x->step];
        x->time = (place_time){slowest->ns, slowest->elements, slowest->share, slowest->bytes};
        return;
    }
    x->time.ns += new->ns;
    x->time.share += new->share;
    x->time.bytes += new->bytes;
    if (new->elements > x->time.elements) x->time.elements = new->elements;
}

static void spread_step(const nexpr_profile *profile, places *p, int nest, int op, int step) {
    for (int k = 0; k < p->steps[step].place_count; k++) {
        size_t begin, end;
        if (nexpr_profile_place(profile, nest, op, k, &begin, &end) || begin >= end) continue;
        give_step(p, places_at(p, begin, end), step);
    }
}

static void add_step(const source *s, const nexpr_profile *profile, places *p, int nest, int op, int *segments) {
    nexpr_op_stats o = nexpr_op_stats_init();
    nexpr_profile_op(profile, nest, op, &o);
    const int step = p->step_count++;
    p->steps[step] = (step_stats){.name = o.name,
                                  .nest = nest + 1,
                                  .segment = o.place_count ? ++*segments : 0,
                                  .place_count = o.place_count,
                                  .begin = o.begin,
                                  .end = o.end,
                                  .dtype = o.dtype,
                                  .ns = o.ns,
                                  .elements = o.elements,
                                  .share = o.share,
                                  .bytes = o.bytes_per_element * (double)o.elements};
    const bool has_place = o.begin >= s->text_begin && o.begin < o.end && o.end <= s->whole_length;
    const int around = has_place ? find_around(p, o.begin, o.end) : -1;
    if (around >= 0) p->items[around].own_share += o.share;
    if (!has_place) p->elsewhere += o.share;
    else if (o.place_count) spread_step(profile, p, nest, op, step);
    else give_step(p, around, step);
}

static void add_steps(const source *s, const nexpr_profile *profile, places *p) {
    nexpr_stats stats = nexpr_stats_init();
    nexpr_profile_stats(profile, &stats);
    for (int i = 0; i < stats.nest_count; i++) {
        nexpr_nest_stats nest = nexpr_nest_stats_init();
        int segments = 0;
        nexpr_profile_nest(profile, i, &nest);
        for (int k = 0; k < nest.op_count && p->step_count < p->step_room; k++) add_step(s, profile, p, i, k, &segments);
    }
}

static void sum_up(places *p) {
    for (int i = p->count; i-- > 0;) {
        place *x = &p->items[i];
        x->whole_share += x->own_share;
        if (x->parent >= 0) p->items[x->parent].whole_share += x->whole_share;
    }
}

int places_measured(const places *p, int i) {
    while (i >= 0 && p->items[i].step < 0) i = p->items[i].parent;
    return i;
}

int *places_steps(const places *p, int nest, int *ret_count) {
    int *order = malloc(((size_t)p->step_count + 1) * sizeof *order), count = 0;
    for (int k = 0; order && k < p->step_count; k++) {
        if (p->steps[k].nest != nest) continue;
        int at = count++;
        for (; at > 0 && p->steps[order[at - 1]].ns < p->steps[k].ns; at--) order[at] = order[at - 1];
        order[at] = k;
    }
    *ret_count = count;
    return order;
}

bool places_find(const source *s, const nexpr *expr, const nexpr_array *const *inputs, const nexpr_profile *profile,
                 places *ret) {
    *ret = (places){.step_room = count_steps(profile)};
    ret->items = calloc((size_t)nexpr_term_count(expr) + 1, sizeof *ret->items);
    ret->steps = calloc((size_t)ret->step_room + 1, sizeof *ret->steps);
    if (!ret->items || !ret->steps || !find_shapes(expr, inputs, ret)) return false;
    add_terms(s, expr, ret);
    link_parents(ret);
    link_values(s, expr, ret);
    add_steps(s, profile, ret);
    sum_up(ret);
    return true;
}

void places_free(places *p) {
    for (int i = 0; p->shapes && i < p->shape_count; i++) free(p->shapes[i]);
    free(p->shapes);
    free(p->of_value);
    free(p->items);
    free(p->steps);
}
