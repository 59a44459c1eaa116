/* SPDX-License-Identifier: MIT */
/*
 * The roofline as SVG: operations per second against operations per byte, both logarithmic. A loop nest is a point; it can
 * be no higher than the slope, at which its bytes would be copied, and the ceiling, the operations that cores can do.
 */
#ifndef CLI_ROOFLINE_H
#define CLI_ROOFLINE_H

#include "nexpr.h"

#include <stdio.h>

/* Measures, for some milliseconds a nest, and draws. Draws nothing and returns false if no nest has a place. */
bool roofline_draw(FILE *out, const nexpr_profile *profile, nexpr_context *context);

#endif
