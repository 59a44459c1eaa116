# SPDX-License-Identifier: MIT
"""Arrays of any dtype, value and layout in memory, for the tests."""

import numpy as np

DTYPES = ("bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 complex64 complex128").split()
LAYOUTS = "contiguous fortran strided negative swapped unaligned broadcast transposed".split()


def edge_values(dtype):
    """Values that have hurt somebody before, as an array."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        values = {0, 1, 2, 3, 5, 7, 8, 31, 32, 63, 64, 100, high, high - 1, high // 2, low, low + 1, -1, -2, -3, -7, -64}
        return np.array(sorted(v for v in values if low <= v <= high), dtype)
    if dtype.kind == "c":
        parts = edge_values(dtype.type(0).real.dtype)
        result = np.empty((len(parts), len(parts)), dtype)
        result.real, result.imag = parts[:, None], parts
        return result.ravel()
    info = np.finfo(dtype)
    positive = [0, info.smallest_subnormal, info.tiny, info.eps, 0.1, 0.5, 1, 1 + info.eps, 1.5, 2, 2.5, np.pi, 10, 100.5,
                info.max, np.inf, np.nan]
    with np.errstate(all="ignore"):
        return np.array(positive + [-v for v in positive], dtype)


def draw_floats(rng, count, dtype):
    """Mostly moderate, some integral, some edges, some of random bits."""
    dtype = np.dtype(dtype)
    choice = rng.integers(0, 10)
    with np.errstate(all="ignore"):
        values = (rng.standard_normal(count) * 10.0 ** rng.integers(-2, 4)).astype(dtype)
        if choice >= 8:
            values = np.rint(values)
        elif choice >= 5:
            pick = rng.random(count) < 0.3
            values[pick] = rng.choice(edge_values(dtype), int(pick.sum()))
        elif choice == 4:
            pick = rng.random(count) < 0.5
            bits = rng.integers(0, 256, (int(pick.sum()), dtype.itemsize), np.uint8)
            values[pick] = quiet(bits.reshape(-1).view(dtype))
    return values


def quiet(values):
    """Makes signalling NaNs quiet: what NumPy does with them depends on the path it takes."""
    bits = values.view(f"u{values.itemsize}")
    bits[np.isnan(values)] |= bits.dtype.type(1 << (np.finfo(values.dtype).nmant - 1))
    return values


def draw_integers(rng, count, dtype):
    info = np.iinfo(dtype)
    if rng.integers(0, 3):
        return rng.integers(max(info.min, -9), 10, count).astype(dtype)
    values = rng.integers(info.min, info.max, count, dtype, endpoint=True)
    pick = rng.random(count) < 0.3
    values[pick] = rng.choice(edge_values(dtype), int(pick.sum()))
    return values


def draw_values(rng, count, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, count).astype(bool)
    if dtype.kind in "iu":
        return draw_integers(rng, count, dtype)
    if dtype.kind == "f":
        return draw_floats(rng, count, dtype)
    result = np.empty(count, dtype)
    result.real = draw_floats(rng, count, result.real.dtype)
    result.imag = draw_floats(rng, count, result.real.dtype)
    return result


def allocate(rng, shape, dtype, layout):
    """An array of zeros of this shape that lies in memory as `layout` says."""
    dtype = np.dtype(dtype)
    if layout == "swapped":
        return np.zeros(shape, dtype.newbyteorder())
    if layout == "unaligned":
        raw = np.zeros(int(np.prod(shape)) * dtype.itemsize + 1, np.uint8)
        return raw[1:].view(dtype).reshape(shape)
    if layout == "fortran":
        return np.zeros(shape, dtype, order="F")
    if layout == "transposed":
        axes = rng.permutation(len(shape))
        return np.zeros([shape[axis] for axis in axes], dtype).transpose(np.argsort(axes))
    if layout in ("strided", "negative"):
        step = int(rng.integers(2, 4)) * (1 if layout == "strided" else -1)
        wide = np.zeros([size * abs(step) for size in shape], dtype)
        return wide[(*[slice(None, None, step)] * len(shape), ...)]
    return np.zeros(shape, dtype)


def draw_array(rng, shape, dtype, layout):
    """Random values; for 'broadcast' some axes get stride 0."""
    if layout == "broadcast" and shape:
        small = [1 if rng.integers(0, 2) else size for size in shape]
        array = np.broadcast_to(draw_values(rng, int(np.prod(small)), dtype).reshape(small), shape)
    else:
        array = allocate(rng, shape, dtype, layout)
        array[...] = draw_values(rng, int(np.prod(shape)), dtype).reshape(shape)
    return array


def draw_shape(rng):
    """The shape of the results: mostly small; some empty, some 0-d, some of more than one block."""
    choice = rng.integers(0, 40)
    if choice == 0:
        return (int(rng.integers(5000, 30000)),)
    if choice == 1:
        return (int(rng.integers(1, 40)), int(rng.integers(300, 700)))
    ndim = int(rng.choice([0, 1, 1, 1, 2, 2, 3, 4]))
    return tuple(int(size) for size in rng.choice([0, 1, 2, 3, 4, 5, 8, 17], ndim, p=[.02, .13, .15, .2, .15, .15, .1, .1]))


def draw_part_of(rng, shape):
    """A shape that broadcasts to `shape`."""
    if rng.integers(0, 3):
        return shape
    kept = shape[int(rng.integers(0, len(shape) + 1)):]
    return tuple(1 if rng.integers(0, 4) == 0 else size for size in kept)
