#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes mauna_loa_co2.npy from the data set co2 of the Python package statsmodels.

    pip download --no-deps statsmodels && python3 make_mauna_loa_co2.py statsmodels-*.whl

Weeks without a measurement are left out.
"""

import csv
import datetime
import io
import sys
import zipfile

import numpy as np

FIELDS = [("year", "<f8"), ("month", "u1"), ("co2", "<f4")]


def decimal_year(date):
    start = datetime.date(date.year, 1, 1)
    return date.year + (date - start).days / (datetime.date(date.year + 1, 1, 1) - start).days


def rows(text):
    for row in csv.DictReader(io.StringIO(text)):
        if row["co2"]:
            date = datetime.datetime.strptime(row["date"], "%Y%m%d").date()
            yield round(decimal_year(date), 4), date.month, float(row["co2"])


def main():
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        text = wheel.read("statsmodels/datasets/co2/co2.csv").decode("ascii")
    np.save("mauna_loa_co2.npy", np.array(list(rows(text)), FIELDS))


if __name__ == "__main__":
    main()
