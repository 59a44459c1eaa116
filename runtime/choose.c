/* SPDX-License-Identifier: MIT */
#include "runtime/choose.h"

#include <stdlib.h>
#include <string.h>

/* What it takes to compile a segment, the first one of a process, when LLVM is loaded; to look for one on disk, the first
 * one of a context, when a thread is started; to link a nest for the second tier; and, unless some run took less, to move a
 * byte from or to memory; to run no elements, and to look at the clock: in nanoseconds. */
#define COMPILE_NS 3e6
#define LOAD_NS 20e6
#define LOOK_NS 25e3
#define FIRST_LOOK_NS 150e3
#define LINK_NS 2e3
#define MEMORY_NS_PER_BYTE 0.02
#define RUN_NS 42

/* Estimates err: what was not tried is taken to gain such a share of the VM's time at least. So nothing is compiled before
 * the VM has taken ten times as long as that will take, and everything is at some time. */
#define UNTRIED_SHARE 0.2

/* From which on each run is looked at, not one of so many; after which time a rate is one. */
#define LONG_NS 20e3
#define SHORT_RUNS 64
#define WARM_SECONDS 1e-3

/* After so many measured runs of machine code, long or short ones, it is left if the VM was faster by more than this. A run
 * of the VM for that may take such a share of the time of all runs so far. */
#define TRIALS 8
#define SHORT_TRIALS 256
#define SLOWER 1.03
#define VM_SHARE 0.05

/* A run that takes so long at most has its elements in the first cache, where machine code is twice as fast. */
#define NEAR_NS 400

static nexpr_backend find_backend(void) {
    static _Atomic int from_environment = -1;
    int found = atomic_load_explicit(&from_environment, memory_order_relaxed);
    if (found < 0) {
        const char *name = getenv("NEXPR_BACKEND");
        found = !name ? NEXPR_BACKEND_AUTO : !strcmp(name, "vm") ? NEXPR_BACKEND_VM
              : !strcmp(name, "jit") ? NEXPR_BACKEND_JIT : NEXPR_BACKEND_AUTO;
        atomic_store_explicit(&from_environment, found, memory_order_relaxed);
    }
    return (nexpr_backend)found;
}

nexpr_backend nx_choose_backend(const nexpr_context *context, nexpr_backend asked) {
    if (asked == NEXPR_BACKEND_AUTO) asked = context->backend;
    return asked == NEXPR_BACKEND_AUTO ? find_backend() : asked;
}

/* Whether there is something to be found out. */
static bool is_open(const nexpr_plan *plan, const nx_nest *nest) {
    return plan->backend == NEXPR_BACKEND_AUTO && !nest->is_settled && (nest->tier || !nest->has_tier);
}

void nx_choose_weight(const nexpr_plan *plan, nx_nest *nest) {
    const bool is_first = nest->runs == 0;
    if (plan->backend != NEXPR_BACKEND_AUTO || is_first || nest->is_long) {
        nest->runs = 1;
        nest->weight = plan->backend != NEXPR_BACKEND_VM;
        return;
    }
    nest->weight = nest->runs++ % SHORT_RUNS || !is_open(plan, nest) ? 0 : SHORT_RUNS;
}

const nx_vm_code *nx_choose_at_once(const nexpr_plan *plan, const nx_nest *nest) {
    const bool has_to_decide = is_open(plan, nest);
    if (has_to_decide && (nest->is_long || nest->runs % SHORT_RUNS == 0)) return NULL;
    return plan->backend == NEXPR_BACKEND_AUTO || !nx_tier_is_linked(nest->tier) ? nx_tier_settled(nest->tier, nest->code)
                                                                                 : NULL;
}

static double segment_count(const nx_nest *nest) {
    return nest->tier ? nest->tier->count : 1;
}

/* Twice what compiling takes. */
static double bill(const nx_nest *nest) {
    const double load = nx_jit_has_compiled() ? 0 : LOAD_NS;
    return 2 * (load + COMPILE_NS * segment_count(nest));
}

/* Twice what looking on disk takes. */
static double small_bill(const nexpr_plan *plan, const nx_nest *nest) {
    const double start = nx_jit_has_looked(plan->context->jit) ? 0 : FIRST_LOOK_NS;
    return 2 * (start + LOOK_NS * segment_count(nest));
}

/* What was measured of the bandwidth so far: by one thread, or by several. */
static _Atomic int64_t *bandwidth_of(const nexpr_plan *plan) {
    return &plan->context->memory_ns_per_gib[plan->worker_count > 1];
}

/* Nanoseconds that the bytes of an element that come from memory take at the best bandwidth that is known. */
static double memory_rate(const nexpr_plan *plan, const nx_nest *nest) {
    const int64_t measured = atomic_load_explicit(bandwidth_of(plan), memory_order_relaxed);
    const double assumed = MEMORY_NS_PER_BYTE / (plan->worker_count > 1 ? 2 : 1), best = (double)measured * 0x1p-30;
    return nx_nest_bytes_per_item(nest) * (measured && best < assumed ? best : assumed);
}

static void note_bandwidth(const nexpr_plan *plan, const nx_nest *nest, double ns) {
    const double bytes = nx_nest_bytes_per_item(nest) * (double)nest->count;
    if (bytes <= 0) return;
    const int64_t now = (int64_t)(ns / bytes * 0x1p30) + 1;
    int64_t best = atomic_load_explicit(bandwidth_of(plan), memory_order_relaxed);
    while ((!best || now < best) && !atomic_compare_exchange_weak(bandwidth_of(plan), &best, now)) continue;
}

/* Nanoseconds per element of machine code, by what it is estimated to take in a cache, but not less than memory allows. */
static double compiled_rate(const nexpr_plan *plan, const nx_nest *nest) {
    const double one = nx_vm_compiled_ns_per_item(nest->code), memory = memory_rate(plan, nest);
    const double work = ((double)nest->count * one < NEAR_NS ? one / 2 : one) / plan->worker_count;
    return work > memory ? work : memory;
}

/* Of the expression, whose copies end with an evaluation. */
static _Atomic int64_t *gain_at(const nexpr_plan *plan) {
    return plan->expr->whole ? &plan->expr->whole->gain : &plan->expr->gain;
}

static int64_t gain_of(const nexpr_plan *plan) {
    return atomic_load_explicit(gain_at(plan), memory_order_relaxed);
}

static double estimate_of_vm(const nexpr_plan *plan, const nx_nest *nest) {
    return (double)nest->count * nx_vm_ns_per_item(nest->code) / plan->worker_count;
}

/* What machine code would gain where the VM takes ns for so many elements. */
static double gain_of_time(const nexpr_plan *plan, const nx_nest *nest, double ns, double elements) {
    const double estimate = ns - elements * compiled_rate(plan, nest), least = UNTRIED_SHARE * ns;
    return estimate > least ? estimate : least;
}

/* The same for a run, before any is measured. */
static double gain_of_run(const nexpr_plan *plan, const nx_nest *nest) {
    return gain_of_time(plan, nest, estimate_of_vm(plan, nest), (double)nest->count);
}

/* A plan's first run may be its only one. */
bool nx_choose_tier(const nexpr_plan *plan, const nx_nest *nest) {
    if (nest->has_tier || plan->backend == NEXPR_BACKEND_VM) return false;
    if (plan->backend == NEXPR_BACKEND_JIT) return true;
    if (!nest->code || plan->worker_count == 0) return false;
    const double due = small_bill(plan, nest), run = gain_of_run(plan, nest);
    if (run > due || nx_nest_estimate(nest) > bill(nest)) return true;
    return (double)gain_of(plan) > due && (nest->runs > 1 || run > LINK_NS);
}

/* Asks for the kernels, if so much gain pays for looking on disk, or even for compiling. */
static void ask_for(const nexpr_plan *plan, const nx_nest *nest, double to_look, double to_compile) {
    if (to_compile > bill(nest)) nx_tier_request(nest->tier, plan->context->jit, NX_JIT_COMPILE);
    else if (to_look > small_bill(plan, nest)) nx_tier_request(nest->tier, plan->context->jit, NX_JIT_LOOK);
}

void nx_choose_before(nexpr_plan *plan, nx_nest *nest) {
    if (plan->backend == NEXPR_BACKEND_JIT) nx_tier_request(nest->tier, plan->context->jit, NX_JIT_WAIT);
    if (!nx_tier_is_idle(nest->tier)) return;
    const double gain = (double)gain_of(plan);
    ask_for(plan, nest, gain + gain_of_run(plan, nest), gain);
}

void nx_choose_during(const nexpr_plan *plan, const nx_nest *nest, int64_t done, double seconds) {
    const double rate = seconds * 1e9 / (double)done, left = (double)(nest->count - done);
    const double gain = gain_of_time(plan, nest, left * rate, left);
    if (seconds >= WARM_SECONDS) ask_for(plan, nest, gain, gain);
}

bool nx_choose_measures(const nexpr_plan *plan, const nx_nest *nest) {
    if (plan->backend != NEXPR_BACKEND_AUTO) return false;
    return !nest->is_settled || !nx_tier_code(nest->tier);
}

static void note_least(double *least, double ns) {
    if (*least == 0 || ns < *least) *least = ns;
}

static bool is_tried(const nx_nest *nest) {
    return nest->compiled_runs >= (nest->is_long ? TRIALS : SHORT_TRIALS);
}

/* Once both are known. */
static void settle(nx_nest *nest) {
    if (!is_tried(nest) || nest->vm_ns == 0) return;
    nest->is_settled = true;
    if (nest->compiled_ns > SLOWER * nest->vm_ns) nx_tier_leave(nest->tier);
}

/* A plan whose kernels were there at once knows nothing of the VM: that runs once as soon as it is little in comparison. */
static void try_out(const nexpr_plan *plan, nx_nest *nest, double ns) {
    note_least(&nest->compiled_ns, ns);
    nest->compiled_runs++;
    nest->compiled_sum += ns * nest->weight;
    settle(nest);
    if (nest->is_settled || !is_tried(nest)) return;
    if (estimate_of_vm(plan, nest) > VM_SHARE * nest->compiled_sum) return;
    nx_tier_rest(nest->tier);
    nest->runs = 0; /* the next one is measured */
}

/* A short run that took longer than another one was interrupted. */
void nx_choose_after(const nexpr_plan *plan, nx_nest *nest, double seconds) {
    double ns = seconds * 1e9;
    note_bandwidth(plan, nest, ns);
    nest->is_long = estimate_of_vm(plan, nest) > LONG_NS;
    if (nx_tier_code(nest->tier)) {
        try_out(plan, nest, ns);
        return;
    }
    note_least(&nest->vm_ns, ns);
    if (nx_tier_is_resting(nest->tier)) {
        nx_tier_wake(nest->tier);
        settle(nest);
    }
    if (nest->weight > 1) ns = nest->vm_ns - RUN_NS;
    const double gain = gain_of_time(plan, nest, ns, (double)nest->count) * nest->weight;
    if (gain > 0) atomic_fetch_add_explicit(gain_at(plan), (int64_t)gain + 1, memory_order_relaxed);
}

void nx_choose_anew(nx_nest *nest) {
    nest->vm_ns = nest->compiled_ns = nest->compiled_sum = 0;
    nest->compiled_runs = 0;
    nest->is_settled = false;
}

nx_choice nx_choose_explain(const nexpr_plan *plan, const nx_nest *nest) {
    const double work = nx_vm_compiled_ns_per_item(nest->code) / plan->worker_count;
    return (nx_choice){(double)gain_of(plan) * 1e-6, bill(nest) * 1e-6, memory_rate(plan, nest) > work};
}
