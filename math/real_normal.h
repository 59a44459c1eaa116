/* SPDX-License-Identifier: MIT */
/*
 * The inverse of the normal distribution function, by the rational approximations of M. J. Wichura, "Algorithm AS 241: The
 * percentage points of the normal distribution", Applied Statistics 37 (1988): one around 1/2, one for tails down to e^-25,
 * one for what is left. The middle one is computed for all lanes, each of the others if any lane needs it.
 */
#ifndef NX_MATH_REAL_NORMAL_H
#define NX_MATH_REAL_NORMAL_H

/* A quotient of polynomials of degree 7. */
VEC_FN vf64 rational(vf64 x, const double *over, const double *under) {
    vf64 square = x * x;
    return polynomial_two_chains(x, square, over, 8) / polynomial_two_chains(x, square, under, 8);
}

/* q = p - 1/2, |q| <= 0.425. */
VEC_FN vf64 ndtri_middle(vf64 q) {
    static const double over[] = {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
                                  1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                  3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double under[] = {1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
                                   2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
                                   5.2264952788528545610e+3};
    return q * rational(0.180625 - q * q, over, under);
}

/* r = sqrt(-log(p)) <= 5. */
VEC_FN vf64 ndtri_tail(vf64 r) {
    static const double over[] = {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
                                  3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
                                  2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double under[] = {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
                                   1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
                                   1.05075007164441684324e-9};
    return rational(r - 1.6, over, under);
}

static __attribute__((noinline)) vf64 ndtri_far_tail(vf64 r) {
    static const double over[] = {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
                                  2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                  2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double under[] = {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
                                   7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
                                   2.04426310338993978564e-15};
    return rational(r - 5, over, under);
}

/* Minus what is right of the middle, plus what is left of it; infinite at 0 and 1, NaN outside. */
VEC_FN vf64 real_ndtri(vf64 p) {
    vf64 q = p - 0.5, middle = ndtri_middle(q);
    vi64 outer = ~(v_abs(q) <= 0.425);
    if (!v_any(outer)) return middle;
    vf64 small = v_select(p > 0.5, 1 - p, p);
    vf64 r = v_sqrt(-real_log(v_select(outer & (small > 0), small, v_set1_f64(0.0625))));
    vf64 tail = ndtri_tail(r);
    vi64 far = r > 5;
    if (__builtin_expect(v_any(far), 0)) tail = v_select(far, ndtri_far_tail(r), tail);
    tail = v_select(small > 0, tail, v_select(small == 0, v_set1_f64(INFINITY), v_set1_f64(NAN)));
    return v_select(outer, v_copysign(tail, q), middle);
}

#endif
