/* SPDX-License-Identifier: MIT */
/*
 * Arrays share memory when a sum of strides times indices hits a byte of the other: a linear Diophantine equation in
 * bounded unknowns. With all strides made positive (an index counted from the other end changes its sign) it reads
 *
 *     b - w <= a[0] x[0] + ... + a[n-1] x[n-1] <= b,    0 <= x[k] <= u[k],
 *
 * where w is the slack that the sizes of the elements give. Coefficients are tried from the largest down. What is left
 * for the smaller ones has to be within their reach and within w above a multiple of their greatest common divisor; the
 * next x[k] for which it is that is computed, not searched. So one or two different strides are decided at once, and
 * nested axes, however many, leave a few candidates each. A count of steps bounds the rest: then the answer is "yes".
 *
 * Extents are checked to be below 2^61 first, so no sum of the search overflows.
 */
#include "runtime/overlap.h"

enum { MOST_TERMS = 2 * NEXPR_MAX_NDIM, MOST_STEPS = 10000 };
#define LARGEST_EXTENT (INT64_C(1) << 61)

typedef struct term {
    int64_t a, u;
} term;

typedef struct problem {
    int count, steps;
    int64_t w;
    term terms[MOST_TERMS];        /* a > 0, descending, all different */
    int64_t reach[MOST_TERMS + 1]; /* largest sum of the terms from k on */
    int64_t gcd[MOST_TERMS + 1];   /* of their a; 0 for none */
} problem;

/* An array with positive strides: its lowest address and where its last element begins above that. */
typedef struct layout {
    uintptr_t low;
    int64_t span, item;
    int count; /* of axes longer than 1 */
    term axes[NEXPR_MAX_NDIM];
} layout;

/* ---------------------------------------------------------------------------------------------------- layouts -- */

static bool is_empty(const nexpr_array *a) {
    for (int k = 0; k < a->ndim; k++) {
        if (a->shape[k] <= 0) return true;
    }
    return nexpr_dtype_size(a->dtype) == 0;
}

/* The stride of axis k, where `inner` is the size of everything behind it in C order; it is multiplied up. False if no
 * memory is that large. */
static bool stride_of(const nexpr_array *a, int k, int64_t *inner, int64_t *ret_stride) {
    *ret_stride = a->strides ? a->strides[k] : *inner;
    return a->strides || !__builtin_mul_overflow(*inner, a->shape[k], inner);
}

/* False if the extent is larger than any memory. The array is not empty. */
static bool lay_out(const nexpr_array *a, layout *l) {
    l->item = (int64_t)nexpr_dtype_size(a->dtype);
    l->low = (uintptr_t)a->data;
    l->span = 0;
    l->count = 0;
    int64_t inner = l->item;
    for (int k = a->ndim - 1; k >= 0; k--) {
        int64_t stride, u = a->shape[k] - 1, length;
        if (!stride_of(a, k, &inner, &stride) || stride == INT64_MIN) return false;
        if (u == 0) continue;
        int64_t size = stride < 0 ? -stride : stride;
        if (__builtin_mul_overflow(size, u, &length) || length > LARGEST_EXTENT - l->span) return false;
        if (stride < 0) l->low -= (uintptr_t)length;
        l->span += length;
        l->axes[l->count++] = (term){size, u};
    }
    return true;
}

bool nx_extent(const nexpr_array *a, uintptr_t *ret_low, uintptr_t *ret_high) {
    layout l;
    if (is_empty(a)) return false;
    bool known = lay_out(a, &l);
    *ret_low = known ? l.low : 0;
    *ret_high = known ? l.low + (uintptr_t)l.span + (uintptr_t)l.item : UINTPTR_MAX;
    return true;
}

/* -------------------------------------------------------------------------------------------------- arithmetic -- */

static int64_t gcd(int64_t x, int64_t y) {
    while (y) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return x;
}

/*
 * The least x >= 0 with low <= a*x mod m <= high, where 0 <= a < m and 0 < low <= high < m; -1 if there is none.
 * If no multiple of a lies in [low, high], a*x - m*y does for the least y with -high <= m*y <= -low modulo a: Euclid's
 * algorithm, so the depth is logarithmic. The result is below m.
 */
static int64_t first_within(int64_t a, int64_t m, int64_t low, int64_t high) {
    __extension__ typedef __int128 wide;
    if (a == 0) return -1;
    int64_t x = (low - 1) / a + 1;
    if (x <= high / a) return x;
    int64_t y = first_within(m % a, a, a - high % a, a - low % a);
    return y < 0 ? -1 : (int64_t)(((wide)m * y + low - 1) / a + 1);
}

/* The least x >= from whose rest b - a*x is at most w above a multiple of g; INT64_MAX if there is none. */
static int64_t next_candidate(int64_t a, int64_t b, int64_t g, int64_t w, int64_t from) {
    if (g <= w + 1) return from;
    int64_t rest = (b - a * from) % g;
    if (rest < 0) rest += g;
    if (rest <= w) return from;
    int64_t minus_a = (g - a % g) % g;
    int64_t steps = first_within(minus_a, g, g - rest, g - rest + w);
    return steps < 0 ? INT64_MAX : from + steps;
}

/* ------------------------------------------------------------------------------------------------------ search -- */

typedef enum answer { NO, YES, UNKNOWN } answer;

static int64_t min64(int64_t x, int64_t y) {
    return x < y ? x : y;
}

/* Whether the terms from k on can make up b. The depth is at most MOST_TERMS. */
static answer search(problem *p, int k, int64_t b) {
    if (k == p->count) return b <= p->w ? YES : NO;
    int64_t a = p->terms[k].a, least = b - p->w - p->reach[k + 1];
    int64_t last = min64(p->terms[k].u, b / a), x = least > 0 ? (least - 1) / a + 1 : 0;
    for (; x <= last; x++) {
        x = next_candidate(a, b, p->gcd[k + 1], p->w, x);
        if (x > last) return NO;
        if (p->steps-- == 0) return UNKNOWN;
        answer found = search(p, k + 1, b - a * x);
        if (found != NO) return found;
    }
    return NO;
}

/* Puts a term in its place; one with the same coefficient becomes one with it. Strides of 0 lead nowhere. */
static void add_term(problem *p, term t) {
    if (t.a == 0) return;
    int k = p->count;
    while (k > 0 && p->terms[k - 1].a < t.a) k--;
    if (k > 0 && p->terms[k - 1].a == t.a) {
        p->terms[k - 1].u += t.u;
        return;
    }
    for (int i = p->count++; i > k; i--) p->terms[i] = p->terms[i - 1];
    p->terms[k] = t;
}

/* To be called when all terms are there. */
static void prepare(problem *p, int64_t w) {
    p->w = w;
    p->steps = MOST_STEPS;
    p->reach[p->count] = p->gcd[p->count] = 0;
    for (int k = p->count - 1; k >= 0; k--) {
        p->reach[k] = p->reach[k + 1] + p->terms[k].a * p->terms[k].u;
        p->gcd[k] = gcd(p->terms[k].a, p->gcd[k + 1]);
    }
}

/* --------------------------------------------------------------------------------------------------------- API -- */

/* Neither is empty. */
static bool is_same(const nexpr_array *a, const nexpr_array *b) {
    int64_t inner_a = (int64_t)nexpr_dtype_size(a->dtype), inner_b = (int64_t)nexpr_dtype_size(b->dtype);
    if (a->data != b->data || inner_a != inner_b) return false;
    for (int i = 1; i <= a->ndim || i <= b->ndim; i++) {
        int64_t length_a = 1, length_b = 1, stride_a = 0, stride_b = 0;
        if (i <= a->ndim && !stride_of(a, a->ndim - i, &inner_a, &stride_a)) return false;
        if (i <= b->ndim && !stride_of(b, b->ndim - i, &inner_b, &stride_b)) return false;
        if (i <= a->ndim) length_a = a->shape[a->ndim - i];
        if (i <= b->ndim) length_b = b->shape[b->ndim - i];
        if (length_a != length_b || (length_a != 1 && stride_a != stride_b)) return false;
    }
    return true;
}

/* The elements at x above a's lowest and at y below b's highest address share a byte if and only if
 * D - (a.item - 1) <= x + y <= D + b.item - 1, where D is the distance between the two. */
nx_overlap nx_array_overlap(const nexpr_array *a, const nexpr_array *b) {
    uintptr_t low_a, high_a, low_b, high_b;
    if (!nx_extent(a, &low_a, &high_a) || !nx_extent(b, &low_b, &high_b)) return NX_OVERLAP_NONE;
    if (high_a <= low_b || high_b <= low_a) return NX_OVERLAP_NONE;
    if (is_same(a, b)) return NX_OVERLAP_SAME;
    layout la, lb;
    if (!lay_out(a, &la) || !lay_out(b, &lb)) return NX_OVERLAP_SOME;
    problem p = {.count = 0};
    for (int k = 0; k < la.count; k++) add_term(&p, la.axes[k]);
    for (int k = 0; k < lb.count; k++) add_term(&p, lb.axes[k]);
    prepare(&p, la.item + lb.item - 2);
    int64_t distance = (int64_t)(lb.low - la.low) + lb.span;
    return search(&p, 0, distance + lb.item - 1) == NO ? NX_OVERLAP_NONE : NX_OVERLAP_SOME;
}

/*
 * Two elements differ by d[k] steps along each axis, -u[k] <= d[k] <= u[k], and share a byte if the sum of a[k] d[k] is
 * less than an element's size. Counting both ways round as one, the first d that is not 0 is positive: for each k, the
 * axes with larger strides have d = 0, axis k has 1 + x with 0 <= x < u[k], and the smaller ones x - u with
 * 0 <= x <= 2u. If every stride steps over all that lies within it, b is negative for each k.
 */
bool nx_array_overlaps_itself(const nexpr_array *a) {
    layout l;
    if (is_empty(a)) return false;
    if (!lay_out(a, &l)) return true;
    problem p = {.count = 0};
    for (int k = 0; k < l.count; k++) add_term(&p, (term){l.axes[k].a, 2 * l.axes[k].u});
    if (p.count < l.count) return true; /* two equal strides, or one of 0 */
    prepare(&p, 2 * (l.item - 1));
    for (int k = 0; k < p.count; k++) {
        int64_t b = p.reach[k + 1] / 2 - p.terms[k].a + l.item - 1;
        p.terms[k].u = p.terms[k].u / 2 - 1;
        if (b >= 0 && search(&p, k, b) != NO) return true;
    }
    return false;
}
