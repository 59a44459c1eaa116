# SPDX-License-Identifier: MIT
"""JAX on CPU: the row's text under jit, on copies of the arrays that are JAX's own, into results that it allocates. A call
has ended when the result is there (block_until_ready)."""

import functools

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

from bench.harness.spelling import Unsupported, function
from bench.peers import Call

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
NAMES = {name: getattr(jnp, name) for name in dir(jnp) if not name.startswith("_")}
NAMES.update(erf=jax.scipy.special.erf, erfc=jax.scipy.special.erfc, ndtri=jax.scipy.special.ndtri,
             gamma=jax.scipy.special.gamma, lgamma=jax.scipy.special.gammaln, norm=jnp.linalg.norm,
             logsumexp=jax.scipy.special.logsumexp, newaxis=None)


@functools.cache
def compile_source(source):
    namespace = dict(NAMES)
    exec(source, namespace)
    return jax.jit(namespace["run"])


class Jax:
    name = "jax"

    def version(self, tools):
        return jax.__version__

    def prepare(self, row, data, threads, tools):
        if row.layout == "swapped":
            raise Unsupported("JAX has no arrays of the other byte order")
        if row.layout in ("few", "most"):
            raise Unsupported("under jit the result's length must not depend on the data")
        run = compile_source(function(row, row.inputs, fresh=True))
        inputs, kept = [jnp.array(np.ascontiguousarray(x)) for x in data.inputs.values()], []

        def call():
            kept[:] = [jax.block_until_ready(run(*inputs))]
        try:
            call()
        except (NameError, TypeError, ValueError, NotImplementedError, AttributeError) as error:
            raise Unsupported(f"JAX: {str(error).splitlines()[0]}"[:200]) from None
        return Call(call, lambda: [np.asarray(x) for x in (kept[0] if isinstance(kept[0], tuple) else kept)],
                    was_run=True)


PEERS = [Jax()]
