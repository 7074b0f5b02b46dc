import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.generation.inputs import (
    AUTOMATIC_LENGTH,
    INPUTS,
    NOTHING,
    characters,
    code_points,
    one_value_a_row,
    problems,
    utf8,
    without_white_space,
)
from tangshi_tf.generation.poet import Poet
from tangshi_tf.generation.tokenizer import normal_titles
from tangshi_tf.vocabulary import SPECIALS, Vocabulary
from tests.generation.conftest import SAMPLER, poems, text


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


# Requests that cannot be met


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("title", "静夜思", "a model that reads titles is required for title; received 静夜思."),
        ("form", "五绝", "for verse, a model whose characters can rhyme and end lines is required; received 五绝."),
        (
            "opening",
            "a\nb",
            "opening of 仄起, 平起, 仄起入韵 or 平起入韵 (or zeqi, pingqi, zeqiruyun, pingqiruyun) is required; "
            "received a b.",
        ),
        (
            "repetition_penalty",
            0.0,
            "repetition_penalty above 0 and finite is required; received 0.",
        ),
        ("init_state", "one", "init_state of zero or random is required; received one."),
        ("temperature", -0.5, "temperature of at least 0 and finite is required; received -0.5."),
        ("temperature", float("nan"), "temperature of at least 0 and finite is required; received nan."),
        ("temperature", float("inf"), "temperature of at least 0 and finite is required; received inf."),
        ("top_p", 0.0, "top_p above 0 and at most 1 is required; received 0."),
        ("top_p", 1.5, "top_p above 0 and at most 1 is required; received 1.5."),
        ("top_p", float("nan"), "top_p above 0 and at most 1 is required; received nan."),
        ("top_k", -2, "top_k of at least 0 is required; received -2."),
        ("max_length", -1, "max_length of at least 0 is required; received -1."),
        ("max_length", 1, "max_length of at least the length of begin is required; received 1."),
    ],
)
def test_a_problem_stays_in_its_row(loaded: Any, name: str, value: Any, words: str) -> None:
    neutral = INPUTS[name][1]
    answer = loaded.generate(["山水", "山水", "山"], seed=[1, 2, 3], **{name: [neutral, value, neutral]})
    assert text(answer["problem"]) == ["", words, ""]
    assert text(answer["poem"])[1] == ""
    assert answer["length"].numpy()[1] == 0
    assert answer["log_probability"].numpy()[1] == 0.0
    assert answer["seed"].numpy().tolist() == [1, 2, 3]
    good = loaded.generate(["山水", "山"], seed=[1, 3])
    assert text(good["poem"]) == text(answer["poem"])[::2]


def test_only_problems(loaded: Any) -> None:
    assert poems(loaded, "山", top_p=[2.0, 0.0]) == ["", ""]


KNOBS: list[dict[str, Any]] = [
    {"temperature": 0.0, "top_p": 2e-38, "top_k": 2**31 - 1},
    {"temperature": 100.0},
    {"temperature": 3e38, "top_p": 0.5, "top_k": 7},
    {"temperature": 1e-45, "repetition_penalty": 3e38},
    {"top_p": 2e-38},
    {"top_p": 1.0 - 2.0**-24, "top_k": 1},
    {"top_k": 1_000_000, "repetition_penalty": 2e-38},
    {"max_length": 10_000, "top_p": 0.9, "seed": 2**63 - 1},
    {"seed": -(2**63)},
]


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
def test_extreme_knobs_give_poems(loaded: Any, vocabulary: Vocabulary, knobs: dict[str, Any]) -> None:
    answer = loaded.generate(["山", "", "龘"], **knobs)
    assert text(answer["problem"]) == [""] * 3
    for poem, begin in zip(text(answer["poem"]), ["山", "", "龘"], strict=True):
        assert poem
        assert poem.startswith(begin)
        assert set(poem[len(begin) :]) <= set(vocabulary.tokens[len(SPECIALS) :])
    assert np.isfinite(answer["log_probability"]).all()
    assert (answer["length"] <= knobs.get("max_length", AUTOMATIC_LENGTH + 1)).numpy().all()


@pytest.mark.ci
def test_ten_thousand_tokens(endless: Poet) -> None:
    assert endless.generate(["", "山"], max_length=10_000, seed=1)["length"].numpy().tolist() == [10_000] * 2


def random_text(source: random.Random) -> str:
    """Return up to a dozen characters from anywhere in Unicode, mostly from where something is."""
    ranges = [(0, 0x80), (0x4E00, 0xA000), (0x3000, 0x3100), (0x1F300, 0x1FA00), (0x300, 0x370), (0, 0x110000)]
    codes = [source.randrange(*source.choice(ranges)) for _ in range(source.randrange(13))]
    return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)


@pytest.mark.parametrize("batches", [1, pytest.param(20, marks=pytest.mark.ci)])
def test_random_begins_stand(loaded: Any, vocabulary: Vocabulary, batches: int) -> None:
    source, written = random.Random(0), set(vocabulary.tokens[len(SPECIALS) :])
    for batch in range(batches):
        begins = [random_text(source) for _ in range(500)]
        answer = loaded.generate(begins, init_state="random", temperature=0.9, top_p=0.95, seed=list(range(500)))
        assert not answer["problem"].numpy().any(), batch
        for begin, poem in zip(begins, text(answer["poem"]), strict=True):  # which decodes UTF-8
            assert poem.startswith(begin)
            assert set(poem[len(begin) :]) <= written
        read = [sum(not char.isspace() for char in begin) for begin in begins]
        assert (answer["length"].numpy() <= np.array(read) + AUTOMATIC_LENGTH).all()


def test_eight_threads_write_what_one_writes(loaded: Any) -> None:
    seeds = [list(range(first, first + 7)) for first in range(0, 280, 7)]

    def write(seed: list[int]) -> list[str]:
        return poems(loaded, "山", seed=seed, **SAMPLER)

    expected = [write(seed) for seed in seeds]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(write, seeds)) == expected


def test_inputs_of_different_lengths_are_an_error(loaded: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="seed of one value or of as many"):
        loaded.generate(["山", "水"], seed=[1, 2, 3])
