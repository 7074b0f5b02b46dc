from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.generation.inputs import (
    INPUTS,
    NOTHING,
    characters,
    code_points,
    one_value_a_row,
    problems,
    utf8,
    without_white_space,
)
from tangshi_tf.generation.tokenizer import normal_titles


def rows(**given: Any) -> dict[str, Any]:
    values = {name: tf.constant(given.get(name, default), dtype) for name, (dtype, default) in INPUTS.items()}
    return one_value_a_row({name: tf.reshape(value, [-1]) for name, value in values.items()})


def ask(reads_titles: bool = True, **given: Any) -> list[str]:
    asked = rows(**given)
    length = tf.strings.length(asked["begin"], unit="UTF8_CHAR")
    return [
        text.decode()
        for text in problems(asked, length, normal_titles(asked["title"]) if reads_titles else None).numpy()
    ]


def test_single_values_hold_for_all_rows() -> None:
    asked = rows(begin=["山", "水", "月"], temperature=0.5, seed=[1, 2, 3])
    assert {value.shape for value in asked.values()} == {(3,)}
    assert asked["temperature"].numpy().tolist() == [0.5] * 3
    assert asked["seed"].numpy().tolist() == [1, 2, 3]
    assert asked["init_state"].numpy().tolist() == [b"zero"] * 3
    assert rows(begin="山", seed=[1, 2])["begin"].shape == (2,)


def test_rows_that_do_not_match_are_named() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="top_k of one value or of as many as there are rows"):
        rows(begin=["山", "水", "月"], top_k=[1, 2])


def test_a_problem_says_what_is_required_and_what_was_received() -> None:
    assert ask(begin=["山", "水", "月"], temperature=[0.0, -1.0, np.nan]) == [
        "",
        "temperature of at least 0 and finite is required; received -1.",
        "temperature of at least 0 and finite is required; received nan.",
    ]
    assert ask(reads_titles=False, title=["", "秋夜"]) == [
        "",
        "a model that reads titles is required for title; received 秋夜.",
    ]
    assert ask(title=["", " ", "秋夜", "其二"]) == [
        "",
        "",
        "",
        "title of Han characters, numbering aside, is required; received 其二.",
    ]
    assert ask(begin="山水风月", max_length=3) == [
        "max_length of at least the length of begin is required; received 3."
    ]
    (long,) = ask(reads_titles=False, title="秋\n夜" * 50)
    assert "\n" not in long
    assert len(long) < 100


def test_text_is_made_valid_and_white_space_is_found() -> None:
    assert utf8(tf.constant([b"\xff\xe5\xb1\xb1"])).numpy()[0].decode() == "\ufffd山"
    text = "".join(chr(i) for i in range(0x3100) if chr(i).isspace())
    assert without_white_space(tf.constant(f"山{text}水")).numpy().decode() == "山水"


def test_text_to_code_points_and_back() -> None:
    codes = code_points(tf.constant(["山水", "", "🙂a龘風"]))
    assert codes.numpy().tolist() == [
        [ord("山"), ord("水"), NOTHING, NOTHING],
        [NOTHING] * 4,
        [ord(char) for char in "🙂a龘風"],
    ]
    assert ["".join(char.decode() for char in row) for row in characters(codes).numpy()] == ["山水", "", "🙂a龘風"]
