/* SPDX-License-Identifier: MIT */
/* NumPy's float //, % and fmod in scalar C, for the T, NAME and LIBM that the includer defines. */
static T NAME(divmod)(T x, T y, T *ret_mod) {
    T mod = LIBM(fmod)(x, y);
    if (y == 0) {
        *ret_mod = mod;
        return x / y;
    }
    T div = (x - mod) / y;
    if (mod == 0) {
        mod = LIBM(copysign)(0, y);
    } else if ((y < 0) != (mod < 0)) {
        mod += y;
        div -= 1;
    }
    *ret_mod = mod;
    if (div == 0) return LIBM(copysign)(0, x / y);
    T floored = LIBM(floor)(div);
    return div - floored > (T)0.5 ? floored + 1 : floored;
}

T NAME(reference_exact)(nx_op op, T x, T y) {
    T mod, div = NAME(divmod)(x, y, &mod);
    return op == NX_OP_fmod ? LIBM(fmod)(x, y) : op == NX_OP_remainder ? mod : div;
}
