#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the arrays of the examples that are not real measurements: ndvi.npz, luminance.npy, planck.npz, impedance.npz.

Everything is computed from indices, so that a second run makes the same bytes.
"""

import numpy as np


def ndvi():
    """Two bands of an invented scene: a field, a lake, a border where nothing was seen, and a dead pixel in either band."""
    y, x = np.mgrid[0:24, 0:32]
    red = 900 + 40*x + 7*y
    nir = 4200 - 25*x + 31*y
    lake = (x - 20)**2 + (y - 8)**2 < 30
    red[lake], nir[lake] = 420 + x[lake], 160 + y[lake]
    red[:, :2] = nir[:, :2] = red[3, 5] = nir[12, 7] = 0
    np.savez("ndvi.npz", red=red.astype(np.uint16), nir=nir.astype(np.uint16))


def luminance():
    """Black, white, the primaries, greys, and a ramp of colours."""
    steps = np.arange(96)
    pixels = np.zeros(96, [("red", "u1"), ("green", "u1"), ("blue", "u1")])
    pixels["red"], pixels["green"], pixels["blue"] = steps*37 % 256, steps*91 % 256, steps*2 + 60
    pixels[:6] = [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (188, 188, 188)]
    np.save("luminance.npy", pixels)


def planck():
    """A column of temperatures, from the Earth's to the Sun's, and a row of wavelengths: nexpr broadcasts them."""
    np.savez("planck.npz", temperature=np.array([[255.0], [288.15], [1000.0], [3000.0], [5772.0]]),
             wavelength=np.array([0.4, 0.5, 0.55, 0.7, 1.0, 1.6, 2.2, 3.7, 4.3, 6.3, 8.7, 10.0, 11.0, 12.0, 15.0, 30.0, 100.0]))


def impedance():
    """One circuit of 50 ohms, 10 mH and 1 uF, around its resonance at 1591.5 Hz."""
    np.savez("impedance.npz", frequency=np.geomspace(10, 1e5, 41).round(3), resistance=np.float64(50),
             inductance=np.float64(0.01), capacitance=np.float64(1e-6))


if __name__ == "__main__":
    ndvi()
    luminance()
    planck()
    impedance()
