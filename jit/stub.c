#include "jit/jit.h"
struct nx_jit { int x; };
struct nx_jit_kernel { int x; };
nexpr_status nx_jit_new(const nexpr_allocator *a, const nx_jit_options *o, nx_jit **ret, nexpr_error *err) { (void)a;(void)o;(void)err; *ret=NULL; return NEXPR_OK; }
void nx_jit_free(nx_jit **jit) { *jit = NULL; }
static nx_jit_kernel none;
nexpr_status nx_jit_get(nx_jit *jit, const nx_segment *s, nx_isa isa, bool wait, nx_jit_kernel **ret, nexpr_error *err) { (void)jit;(void)s;(void)isa;(void)wait;(void)err; *ret=&none; return NEXPR_OK; }
void nx_jit_release(nx_jit_kernel **k) { *k = NULL; }
nx_segment_kernel *nx_jit_entry(const nx_jit_kernel *k) { (void)k; return NULL; }
nx_jit_info nx_jit_info_of(const nx_jit_kernel *k) { (void)k; return (nx_jit_info){.state = NX_JIT_REFUSED, .reason = "no compiler"}; }
nexpr_status nx_jit_print(nx_jit *jit, const nx_segment *segment, nx_isa isa, nx_jit_text what, char **ret, size_t *ret_bytes, nexpr_error *err) { (void)jit; (void)segment; (void)isa; (void)what; (void)ret; (void)ret_bytes; return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "no compiler"); }
nx_jit_state nx_jit_state_of(const nx_jit_kernel *k) { (void)k; return NX_JIT_REFUSED; }
