"""What a SavedModel offers: functions for Python, and signatures with defaults for servers."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import tensorflow as tf

from tangshi_tf.generation.inputs import INPUTS, rows_spec
from tangshi_tf.model.state import StateLayout
from tangshi_tf.text_kind import TextKind

__all__ = ["functions_of", "signatures_of"]


def functions_of(poet: Any, layout: StateLayout) -> dict[str, Any]:
    """Return the functions of a `Poet`, traced for all that they take: a loaded one can trace nothing.

    Args:
        poet: whose methods call what was traced once; so a function is small, however often it is traced.
        layout: of the state.
    """

    def of(name: str, *inputs: Any) -> Any:
        """Return one with a signature: Python's numbers become tensors of it, and are not traced anew for each value.

        So `generate` takes integer tensors of one width only: a second trace would cost 2 s and 19 MB for each seed
        that is a number of Python.
        """
        return tf.function(getattr(poet, name), input_signature=inputs, autograph=False)

    def of_any(name: str, *inputs: Sequence[Any]) -> Any:
        """Return one without a signature: it takes several types, but Python's numbers trace it anew for each value."""
        function = tf.function(getattr(poet, name), autograph=False)
        for chosen in product(*inputs):
            function.get_concrete_function(*chosen)
        return function

    text, tokens = tf.TensorSpec(None, tf.string), [tf.TensorSpec(None, dtype) for dtype in (tf.int32, tf.int64)]
    return {
        "generate": of("generate", *(tf.TensorSpec(None, dtype) for dtype, _ in INPUTS.values())),
        "score": of("score", text),
        "step": of_any("step", tokens, layout.nestings()),
        "get_next_token": of_any("get_next_token", tokens, layout.nestings()),
        "get_initial_state": of(
            "get_initial_state", *(tf.TensorSpec([], d) for d in (tf.int32, tf.string, tf.float32, tf.int64))
        ),
        "encode": of("encode", text),
        "decode": of_any("decode", tokens),
        "about": of("about"),
    }


def signatures_of(generate: Any, step: Any, score: Any, layout: StateLayout, kind: TextKind) -> dict[str, Any]:
    """Return the functions that a server calls by name, with tensors of fixed rank, and defaults.

    Args:
        generate: the traced function of that name; so are the next two.
        step: see `generate`.
        score: see `generate`.
        layout: of the state.
        kind: of text, whose sampler the signature `serving_default` has.
    """
    defaults = {name: tf.constant([default], dtype) for name, (dtype, default) in INPUTS.items()}
    given = defaults | {name: tf.constant([value]) for name, value in kind.sampler.items()}

    def serving_default(begin: Any) -> dict[str, Any]:
        return {"poem": generate(**(given | {"begin": begin}))["poem"]}

    specs = [rows_spec(name, dtype) for name, (dtype, _) in INPUTS.items()]
    return {
        "serving_default": _signature(serving_default, specs[:1], defaults),
        "generate": _signature(generate, specs, defaults),
        "get_next_token": _signature(step, [rows_spec("token", tf.int32), *layout.specs], {}),
        "score": _signature(score, [rows_spec("poem", tf.string)], {}),
    }


def _signature(function: Callable[..., Any], specs: Sequence[Any], defaults: Mapping[str, Any]) -> Any:
    """Return a `tf.function` whose Python signature names the inputs: there TensorFlow looks for defaults to write."""
    names = [spec.name for spec in specs]

    def call(*values: Any) -> Any:
        return function(**dict(zip(names, values, strict=True)))

    kind, none = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    parameters = [inspect.Parameter(name, kind, default=defaults.get(name, none)) for name in names]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return tf.function(call, input_signature=list(specs), autograph=False)
