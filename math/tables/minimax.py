# SPDX-License-Identifier: MIT
"""Computes the polynomials of math/real_*.h and prints them as C: python3 math/tables/minimax.py [name ...]

Each is the best one on its interval for the weighted error, by Remez's exchange. Coefficients are rounded one after another,
lowest first, and the rest is fitted again, so that the later ones make up for the rounding. Needs mpmath; not part of the
build. The comment behind each array is the log2 of the largest weighted error that is left.
"""
import sys

from mpmath import mp, mpf

mp.dps = 60


def solve(target, weight, powers, points):
    """Coefficients and level of the polynomial whose weighted error alternates over the points."""
    rows = mp.matrix(len(points), len(powers) + 1)
    right = mp.matrix(len(points), 1)
    for i, x in enumerate(points):
        for k, p in enumerate(powers):
            rows[i, k] = x**p * weight(x)
        rows[i, len(powers)] = (-1) ** i
        right[i] = target(x) * weight(x)
    solution = mp.lu_solve(rows, right)
    return [solution[k] for k in range(len(powers))]


def error_of(target, weight, powers, coefficients):
    return lambda x: (sum(c * x**p for c, p in zip(coefficients, powers)) - target(x)) * weight(x)


def extrema(error, low, high, count):
    """The points of the largest error of each sign run, on a grid of Chebyshev nodes."""
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / (40 * count)) for k in range(40 * count + 1)]
    values = [error(x) for x in grid]
    runs = [(grid[0], values[0])]
    for x, v in zip(grid[1:], values[1:]):
        if v * runs[-1][1] < 0:
            runs.append((x, v))
        elif abs(v) > abs(runs[-1][1]):
            runs[-1] = (x, v)
    while len(runs) > count:
        runs.pop(0 if abs(runs[0][1]) < abs(runs[-1][1]) else -1)
    return [x for x, _ in runs], max(abs(v) for v in values)


def remez(target, weight, powers, low, high):
    count = len(powers) + 1
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    for _ in range(12):
        coefficients = solve(target, weight, powers, points)
        found, worst = extrema(error_of(target, weight, powers, coefficients), low, high, count)
        if len(found) < count:
            break
        if max(abs(a - b) for a, b in zip(found, points)) < (high - low) / 1000:
            break
        points = found
    return coefficients, worst


def fit(target, weight, count, low, high):
    """count coefficients as float64. Where 0 is inside, refitting has no alternation, and all are rounded at once."""
    low, high = mpf(low), mpf(high)
    fixed = []
    if low < 0:
        fixed = [mpf(float(c)) for c in remez(target, weight, list(range(count)), low, high)[0]]
    while len(fixed) < count:
        known = list(fixed)
        rest = lambda x: target(x) - sum(c * x**p for p, c in enumerate(known))
        coefficients, _ = remez(rest, weight, list(range(len(fixed), count)), low, high)
        fixed.append(mpf(float(coefficients[0])))
    _, worst = extrema(error_of(target, weight, range(count), fixed), low, high, count)
    return fixed, worst


def nonzero(x):
    return x if x else mpf(2) ** -80


LN2_2 = mp.log(2) / 2 * mpf(1.0001)
QUARTER = mp.pi / 4 * mpf(1.0001)
THIRD = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf(1.0001)


def atanh_rest(z):
    """(log((1+s)/(1-s)) - 2s) / s^3 for z = s^2."""
    if z < mpf(2) ** -30:
        return mpf(2) / 3 + z * mpf(2) / 5 + z * z * mpf(2) / 7 + z**3 * mpf(2) / 9
    s = mp.sqrt(z)
    return (mp.log((1 + s) / (1 - s)) - 2 * s) / s**3


def sine_rest(z):
    if z < mpf(2) ** -30:
        return -mpf(1) / 6 + z / 120 - z * z / 5040
    r = mp.sqrt(z)
    return (mp.sin(r) - r) / r**3


def cosine_rest(z):
    if z < mpf(2) ** -30:
        return mpf(1) / 24 - z / 720 + z * z / 40320
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def arctan_rest(z):
    if z < mpf(2) ** -30:
        return -mpf(1) / 3 + z / 5 - z * z / 7 + z**3 / 9
    t = mp.sqrt(z)
    return (mp.atan(t) - t) / t**3


def exp_rest(r):
    if abs(r) < mpf(2) ** -25:
        return mpf(1) / 2 + r / 6 + r * r / 24
    return (mp.exp(r) - 1 - r) / r**2


POLYNOMIALS = {
    # name: function, weight, coefficients, interval
    "exp": (exp_rest, lambda r: r * r / mp.exp(r) if r else mpf(2) ** -100, 10, -LN2_2, LN2_2),
    "expm1": (exp_rest, lambda r: abs(r) if r else mpf(2) ** -100, 11, -LN2_2, LN2_2),
    "exp_short": (exp_rest, lambda r: r * r / mp.exp(r) if r else mpf(2) ** -100, 6, -LN2_2, LN2_2),
    "log": (atanh_rest, lambda z: nonzero(z), 7, 0, THIRD),
    "log_short": (atanh_rest, lambda z: nonzero(z), 4, 0, THIRD),
    "sin": (sine_rest, lambda z: nonzero(z), 6, 0, QUARTER**2),
    "cos": (cosine_rest, lambda z: nonzero(z) ** 2, 6, 0, QUARTER**2),
    "arctan": (arctan_rest, lambda z: nonzero(z), 11, 0, (mp.tan(mp.pi / 8) * mpf(1.0001)) ** 2),
    "arctan_short": (arctan_rest, lambda z: nonzero(z), 7, 0, (mp.tan(mp.pi / 8) * mpf(1.0001)) ** 2),
    "sin_short": (sine_rest, lambda z: nonzero(z), 4, 0, QUARTER**2),
    "cos_short": (cosine_rest, lambda z: nonzero(z) ** 2, 4, 0, QUARTER**2),
}


def main():
    for name in sys.argv[1:] or POLYNOMIALS:
        function, weight, count, low, high = POLYNOMIALS[name]
        coefficients, worst = fit(function, weight, count, low, high)
        print(f"/* {name}: 2^{float(mp.log(worst, 2)):.1f} */")
        print("   ", ", ".join(float(c).hex() for c in coefficients) + ",")


if __name__ == "__main__":
    main()
