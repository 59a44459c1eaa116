/* SPDX-License-Identifier: MIT */
/* What is not compiled. Both fail with UNSUPPORTED and the reason. */
#ifndef NX_JIT_LLVM_REFUSE_H
#define NX_JIT_LLVM_REFUSE_H

#include "engine/segment.h"

/* A segment that is malformed, or has something that is not inlined. */
nexpr_status refuse_segment(const nx_segment *segment, nexpr_error *err);
/* Any segment, if memory is short: LLVM ends the process when it gets none. */
nexpr_status refuse_scarcity(const nx_segment *segment, nexpr_error *err);

#endif
