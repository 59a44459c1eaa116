# SPDX-License-Identifier: MIT
"""The formulas in examples/: examples_test.py NEXPR EXAMPLES [--write]. Each is evaluated on its data; the output has to be
the kept one byte by byte, what the same formula gives in NumPy, and at some places what a book, a table or a standard says.

With --write the kept outputs are written anew."""
import csv
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    sys.exit(77)

NEXPR, EXAMPLES = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
WRITE = '--write' in sys.argv
del sys.argv[1:]


def read_table(path):
    """Columns of numbers; others are left out."""
    with open(path, newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    columns = {}
    for name in rows[0]:
        try:
            columns[name] = np.array([float(row[name]) for row in rows])
        except ValueError:
            pass
    return columns


def read(path):
    if path.endswith('.csv'):
        return read_table(path)
    data = np.load(path)
    if path.endswith('.npz'):
        return dict(data)
    return {name: data[name] for name in data.dtype.names} if data.dtype.names else {'': data}


def ndvi(d):
    red, nir = d['red'].astype('f4'), d['nir'].astype('f4')
    with np.errstate(invalid='ignore'):
        return {'': np.where((red > 0) & (nir > 0), (nir - red)/(nir + red), np.float32(np.nan))}


def great_circle(d):
    """By unit vectors instead of the haversine; the bearing from the directions of north and east."""
    def vector(lat, lon):
        return np.array([np.cos(lat)*np.cos(lon), np.cos(lat)*np.sin(lon), np.sin(lat)])
    lat, lon = np.radians(d['lat1']), np.radians(d['lon1'])
    a, b = vector(lat, lon), vector(np.radians(d['lat2']), np.radians(d['lon2']))
    angle = np.arctan2(np.linalg.norm(np.cross(a, b, axis=0), axis=0), (a*b).sum(0))
    north = np.array([-np.sin(lat)*np.cos(lon), -np.sin(lat)*np.sin(lon), np.cos(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0*lon])
    return {'distance': 6371.0088*angle, 'bearing': np.degrees(np.arctan2((east*b).sum(0), (north*b).sum(0))) % 360}


def potential_temperature(d):
    return {'theta': d['temperature']*np.exp(287/1004*np.log(1000/d['pressure']))}


def black_scholes(d):
    def normal(x):
        return np.array([0.5*(1 + math.erf(v/math.sqrt(2))) for v in x])
    s, k, r, v, t = (d[name] for name in ('spot', 'strike', 'rate', 'volatility', 'years'))
    d1 = (np.log(s/k) + (r + v*v/2)*t)/(v*np.sqrt(t))
    d2 = d1 - v*np.sqrt(t)
    return {'call': s*normal(d1) - k*np.exp(-r*t)*normal(d2), 'put': k*np.exp(-r*t)*normal(-d2) - s*normal(-d1),
            'delta': normal(d1)}


def heat_index_of(t, h):
    simple = 0.5*(t + 61.0 + (t - 68.0)*1.2 + h*0.094)
    if (simple + t)/2 < 80:
        return simple
    full = sum(c*t**i*h**j for c, i, j in [
        (-42.379, 0, 0), (2.04901523, 1, 0), (10.14333127, 0, 1), (-.22475541, 1, 1), (-.00683783, 2, 0), (-.05481717, 0, 2),
        (.00122874, 2, 1), (.00085282, 1, 2), (-.00000199, 2, 2)])
    if h < 13 and 80 <= t <= 112:
        return full - (13 - h)/4*math.sqrt((17 - abs(t - 95.))/17)
    return full + (h - 85)/10*((87 - t)/5) if h > 85 and 80 <= t <= 87 else full


def heat_index(d):
    return {'heat_index': np.array([heat_index_of(*pair) for pair in zip(d['temperature'], d['humidity'])])}


def dew_point(d):
    saturation = 6.1094*np.exp(17.625*d['temperature']/(243.04 + d['temperature']))
    vapour = d['humidity']/100*saturation
    g = np.log(d['humidity']/100) + 17.625*d['temperature']/(243.04 + d['temperature'])
    return {'saturation': saturation, 'vapour': vapour, 'dew_point': 243.04*g/(17.625 - g)}


def luminance(d):
    def linear(v):
        v = v/255
        return np.where(v <= 0.04045, v/12.92, ((v + 0.055)/1.055)**2.4)
    return {'': (0.2126*linear(d['red']) + 0.7152*linear(d['green']) + 0.0722*linear(d['blue'])).astype('f4')}


def logistic(d):
    model = 197273000/(1 + np.exp(-0.0313395*(d['year'] - 1914.32)))
    return {'year': d['year'], 'model': model, 'error': d['population']/model - 1}


def planck(d):
    h, c, k = 6.62607015e-34, 299792458.0, 1.380649e-23
    metres, kelvins = d['wavelength']*1e-6, d['temperature']
    return {'': 1e-6*2*h*c*c/metres**5/np.expm1(h*c/(metres*k*kelvins))}


def impedance(d):
    omega = 2*np.pi*d['frequency']
    z = d['resistance'] + 1j*omega*d['inductance'] + 1/(1j*omega*d['capacitance'])
    return {'impedance': z, 'magnitude': np.abs(z), 'phase': np.angle(z, deg=True)}


# The program, the format of its output, the same in NumPy, and what is known: result, index, value, tolerance, from where.
CASES = [
    ('ndvi', 'npy', ndvi, [('', (0, 0), math.nan, 0, 'the border'),
                           ('', (23, 31), (4138 - 2301)/(4138 + 2301), 1e-7, 'by hand')]),
    ('great_circle', 'csv', great_circle, [
        ('distance', 1, 2886.4, 0.1, 'BNA to LAX: rosettacode.org/wiki/Haversine_formula, for this radius'),
        ('distance', 6, math.pi*6371.0088, 1e-9, 'half a meridian'), ('distance', 7, 0, 0, 'the same place')]),
    ('potential_temperature', 'csv', potential_temperature, [('theta', 0, 287.07, 0.01, '288.15 K at 1013.25 hPa')]),
    ('black_scholes', 'csv', black_scholes, [
        ('call', 0, 10.4506, 5e-5, 'a textbook case'), ('put', 0, 5.5735, 5e-5, 'its put'),
        ('call', 3, 4.76, 5e-3, 'Hull, Options, Futures, and Other Derivatives, example 15.6'),
        ('put', 3, 0.81, 5e-3, 'the same')]),
    ('heat_index', 'csv', heat_index, [('heat_index', 18, 106, 0.5, 'the chart of the Weather Service: 90 F at 70 %'),
                                       ('heat_index', 9, 80, 0.5, '80 F at 40 %')]),
    ('dew_point', 'csv', dew_point, [('saturation', 5, 23.39, 0.09, 'steam tables: 2.339 kPa at 20 C; Magnus is 0.4 % near'),
                                     ('dew_point', 4, 9.3, 0.05, '20 C at 50 %'), ('dew_point', 5, 20, 1e-9, 'saturated')]),
    ('luminance', 'npy', luminance, [('', 0, 0, 0, 'black'), ('', 1, 1, 1e-7, 'white'), ('', 5, 0.5029, 5e-5, 'half grey')]),
    ('logistic', 'csv', logistic, [('model', 12, 91972266, 5e4, 'the count of 1910 that it was fitted to')]),
    ('planck', 'npy', planck, [('', (4, 1), 4.0957e-12*5772**5, 1e5, 'the Sun near its maximum of 4.0957e-12 T**5')]),
    ('impedance', 'npz', impedance, [('magnitude', 0, 15915, 1, 'the capacitor rules: 1/(2 pi f C)')]),
]


def data_of(name):
    return next(path for ending in ('csv', 'npz', 'npy') if os.path.exists(path := f'{EXAMPLES}/{name}.{ending}'))


class Examples(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def evaluate(self, name, ending):
        output = f'{self.folder}/{name}.{ending}'
        program = f'{EXAMPLES}/{name}.nexpr'
        subprocess.run([NEXPR, '-f', program, '-i', data_of(name), '-o', output, '--no-fsync'], check=True)
        return output

    def check_kept(self, output, kept):
        if WRITE:
            shutil.copyfile(output, kept)
        with open(output, 'rb') as new, open(kept, 'rb') as old:
            self.assertEqual(new.read(), old.read(), f'{kept} differs')

    def check_numpy(self, results, wanted):
        self.assertEqual(list(results), list(wanted))
        for name, value in wanted.items():
            rtol = 1e-6 if results[name].dtype == np.float32 else 1e-11
            np.testing.assert_allclose(results[name], value, rtol=rtol, atol=1e-9, err_msg=name)

    def test_formulas(self):
        for name, ending, formula, known in CASES:
            with self.subTest(name):
                output = self.evaluate(name, ending)
                results = read(output)
                self.check_numpy(results, formula(read(data_of(name))))
                for result, index, value, tolerance, source in known:
                    np.testing.assert_allclose(results[result][index], value, rtol=0, atol=tolerance, err_msg=source)
                self.check_kept(output, f'{EXAMPLES}/expected/{name}.{ending}')

    def test_documentation(self):
        """The documented inputs are the names that have to be bound, and the data has them."""
        for name, *_ in CASES:
            with self.subTest(name):
                done = subprocess.run([NEXPR, '-f', f'{EXAMPLES}/{name}.nexpr', '--dry-run'], capture_output=True, text=True)
                title, heading, *inputs = done.stdout.splitlines()
                self.assertEqual((done.returncode, heading), (2, 'inputs'))
                names = [line.split(':')[0].strip() for line in inputs]
                unbound = done.stderr.splitlines()[0].split('no value for ')[1].split(';')[0]
                self.assertEqual(sorted(names), sorted(unbound.split(', ')))
                done = subprocess.run([NEXPR, '-f', f'{EXAMPLES}/{name}.nexpr', '-i', data_of(name), '--dry-run'],
                                      capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                self.assertEqual(done.stdout.splitlines()[0], title)

    def test_all_are_tested(self):
        programs = {file[:-6] for file in os.listdir(EXAMPLES) if file.endswith('.nexpr')}
        self.assertEqual(programs - {name for name, *_ in CASES}, {'residual'})  # scripts/run-example runs that


if __name__ == '__main__':
    unittest.main()
