/* SPDX-License-Identifier: MIT */
/* float32: those of real_f64.h. */
