"""The inputs of `generate` and their defaults; which values are refused, and with which words."""

from types import MappingProxyType
from typing import Any

import tensorflow as tf

__all__ = [
    "AUTOMATIC_LENGTH",
    "INPUTS",
    "NOTHING",
    "WHITE_SPACE",
    "characters",
    "code_points",
    "one_value_a_row",
    "problems",
    "rows_spec",
    "shown",
    "utf8",
    "without_white_space",
]

# The inputs of `generate` and their defaults.
INPUTS = MappingProxyType(
    {
        "begin": (tf.string, ""),
        "title": (tf.string, ""),
        "form": (tf.string, ""),
        "rhyme": (tf.string, ""),
        "opening": (tf.string, ""),
        "acrostic": (tf.string, ""),
        "init_state": (tf.string, "zero"),
        "temperature": (tf.float32, 1.0),
        "top_p": (tf.float32, 1.0),
        "repetition_penalty": (tf.float32, 1.0),
        "top_k": (tf.int32, 0),
        "max_length": (tf.int32, 0),
        "seed": (tf.int64, -1),
    }
)

WHITE_SPACE = r"[\pZ\t-\r\x1c-\x1f\x{85}]+"  # what str.isspace calls white space; RE2's \s knows ASCII only
AUTOMATIC_LENGTH = 200  # tokens after the begin, when max_length is 0; few poems are longer, a loop must end
NOTHING = -1  # no code point
_SHOWN = 40  # characters of a rejected string that an error repeats


def rows_spec(name: str, dtype: Any) -> Any:
    """Return the specification of an input with one value a row, `[B]`."""
    return tf.TensorSpec([None], dtype, name)


def utf8(text: Any) -> Any:
    """Return valid UTF-8: what is none becomes U+FFFD."""
    return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace", replacement_char=0xFFFD)


def without_white_space(text: Any) -> Any:
    """Remove what `str.isspace` calls white space."""
    return tf.strings.regex_replace(text, WHITE_SPACE, "")


def code_points(text: Any) -> Any:
    """Return those of UTF-8 texts `[B]` as int32 `[B, L]`, `NOTHING` after the shorter."""
    return tf.strings.unicode_decode(text, "UTF-8").to_tensor(NOTHING)


def characters(codes: Any) -> Any:
    """Return each code point as a string of one character, `NOTHING` as an empty one."""
    values = tf.maximum(tf.reshape(codes, [-1]), 0)
    splits = tf.range(tf.size(values, tf.int64) + 1)
    texts = tf.raw_ops.UnicodeEncode(input_values=values, input_splits=splits, output_encoding="UTF-8")
    return tf.where(codes == NOTHING, "", tf.reshape(texts, tf.shape(codes)))


def one_value_a_row(given: dict[str, Any]) -> dict[str, Any]:
    """Return every input, `[B]` or `[1]`, as `[B]`, strings as valid UTF-8."""
    values = dict(given)
    sizes = {name: tf.size(value) for name, value in values.items()}
    largest = tf.reduce_max(tf.stack(list(sizes.values())))
    rows = tf.where(sizes["begin"] == 1, largest, sizes["begin"])
    for name, size in sizes.items():
        message = [
            f"{name} of one value or of as many as there are rows is required; rows, received:",
            rows,
            size,
        ]
        with tf.control_dependencies([tf.debugging.Assert((size == 1) | (size == rows), message)]):
            values[name] = tf.broadcast_to(values[name], [rows])
    return {name: utf8(value) if value.dtype == tf.string else value for name, value in values.items()}


def shown(value: Any) -> Any:
    """Return what was received as an error repeats it: on one line, not too long."""
    if value.dtype != tf.string:
        return tf.strings.as_string(value, shortest=value.dtype == tf.float32)
    return tf.strings.substr(tf.strings.regex_replace(value, WHITE_SPACE, " "), 0, _SHOWN, unit="UTF8_CHAR")


def problems(asked: dict[str, Any], begin_length: Any, titles: Any) -> Any:
    """Return string `[B]`: why a row's request cannot be met, on one line; empty if it can.

    Args:
        asked: what was, a value a row.
        begin_length: int32 `[B]`, in tokens.
        titles: string `[B]`, what is read of the titles; None if the model reads none.
    """
    wanted = without_white_space(asked["title"]) != ""
    if titles is None:
        rules = [("title", wanted, "a model that reads titles is required for title")]
    else:
        rules = [("title", wanted & (titles == ""), "title of Han characters, numbering aside, is required")]
    penalty, kind, temperature = asked["repetition_penalty"], asked["init_state"], asked["temperature"]
    top_p, max_length = asked["top_p"], asked["max_length"]
    rules += [
        (
            "repetition_penalty",
            ~(tf.math.is_finite(penalty) & (penalty > 0.0)),
            "repetition_penalty above 0 and finite is required",
        ),
        (
            "init_state",
            ~((kind == "") | (kind == "zero") | (kind == "random")),
            "init_state of zero or random is required",
        ),
        (
            "temperature",
            ~(tf.math.is_finite(temperature) & (temperature >= 0.0)),
            "temperature of at least 0 and finite is required",
        ),
        ("top_p", ~((top_p > 0.0) & (top_p <= 1.0)), "top_p above 0 and at most 1 is required"),
        ("top_k", asked["top_k"] < 0, "top_k of at least 0 is required"),
        ("max_length", max_length < 0, "max_length of at least 0 is required"),
        (
            "max_length",
            (max_length > 0) & (begin_length > max_length),
            "max_length of at least the length of begin is required",
        ),
    ]
    problem = tf.fill(tf.shape(begin_length), "")
    for name, broken, requirement in reversed(rules):
        message = tf.strings.join([requirement, "; received ", shown(asked[name]), "."])
        problem = tf.where(broken, message, problem)
    return problem
