"""The loop in the graph beside a slow one in Python, which goes row by row and token by token."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.generation.decoder import Decoder
from tangshi_tf.generation.masks import Constraints, Slot
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.model.random import row_uniform
from tangshi_tf.vocabulary import BOS, EOS, PAD, UNK
from tests import reference
from tests.conftest import ModelMaker

BLOCK = 64
ROWS: list[dict[str, Any]] = [
    {"temperature": 0.0},
    {"temperature": 0.0, "repetition_penalty": 3.0},
    {"temperature": 1.0},
    {"temperature": 0.7, "top_p": 0.8, "begin": [7, 8, UNK, 9]},
    {"temperature": 1.3, "top_k": 4, "begin": [5], "limit": 9},
    {"temperature": 0.9, "top_k": 9, "top_p": 0.7, "repetition_penalty": 1.5},
    {"temperature": 0.8, "repetition_penalty": 0.5, "begin": [6, 6, 6], "limit": 3},
    {"temperature": 0.8, "ended": True},
    {"temperature": 1.0, "begin": [4 + i % 20 for i in range(66)]},
    {"temperature": 1.0, "repetition_penalty": 1e30, "limit": 40},
    {"temperature": 1.0, "limit": 80},
    {"temperature": 1.0, "title": [7], "limit": 30},
    {"temperature": 0.5, "title": [9, 8, UNK, 7, 6], "begin": [10, 11], "limit": 30},
]
NEUTRAL: dict[str, Any] = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "repetition_penalty": 1.0,
    "limit": 70,
    "ended": False,
    "begin": [],
    "title": [],
}


def decoder_of(model: PoetryModel) -> Decoder:
    return Decoder(
        model.loop_step,
        free(model),
        Constraints(model.vocabulary.tokens),
        unknown_types=3,
        separator=model.vocabulary.separator,
    )


def unconstrained(count: int) -> dict[str, Any]:
    return {"slots": tf.constant([[Slot.FIRST, Slot.FREE]] * count), "groups": tf.zeros([count], tf.int32)}


def free(model: PoetryModel) -> list[bool]:
    return [not token.isalnum() or i <= UNK for i, token in enumerate(model.vocabulary.tokens)]


def one_by_one(model: PoetryModel, row: dict[str, Any], seed: int) -> tuple[list[int], float]:
    """Return the tokens of one poem and its log-probability."""
    state, token, total = model.get_initial_state(2), BOS, 0.0
    if model.vocabulary.separator and row["title"]:
        for token in (BOS, *row["title"]):
            _, state = model.step(tf.constant([token, token]), state)
        token = model.vocabulary.separator
    tokens: list[int] = []
    seen = np.zeros(len(model.vocabulary))
    while not row["ended"] and len(tokens) < row["limit"]:
        t = len(tokens)
        logits, state = model.step(tf.constant([token, token]), state)
        logits = logits.numpy()[0].astype(np.float64)
        uniform = row_uniform([seed], 2 * BLOCK, t // BLOCK).numpy().reshape(BLOCK, 2)[t % BLOCK]
        allowed = logits - np.log(row["repetition_penalty"]) * seen
        allowed[[PAD, BOS, *range(UNK, model.vocabulary.specials), *([EOS] if t == 0 else [])]] = -np.inf
        knobs = (row["temperature"], row["top_k"], row["top_p"])
        token = row["begin"][t] if t < len(row["begin"]) else reference.choose(allowed, uniform, *knobs)
        total += np.log(reference.softmax(logits)[token]) - np.log(3) * (token == UNK)
        seen[token] += not free(model)[token]
        if token == EOS:
            return [*tokens, EOS], total
        tokens.append(token)
    return tokens, total


@pytest.mark.parametrize(
    ("cell", "layers", "tied", "ear"),
    [
        ("rnn", 1, False, "none"),
        ("lstm", 1, True, "full"),
        pytest.param("lstm", 1, True, "none", marks=pytest.mark.ci),
        pytest.param("gru", 2, True, "none", marks=pytest.mark.ci),
        pytest.param("lstm", 2, False, "none", marks=pytest.mark.ci),
        pytest.param("gru", 2, False, "verse", marks=pytest.mark.ci),
        pytest.param("rnn", 1, True, "sounds", marks=pytest.mark.ci),
    ],
)
def test_the_loop_writes_what_a_slow_one_writes(
    make_model: ModelMaker, cell: str, layers: int, tied: bool, ear: str
) -> None:
    model = make_model(cell, layers, tied=tied, ending=0.0, ear=ear)
    rows = [NEUTRAL | row for row in ROWS]
    seeds = list(range(100, 100 + len(rows)))
    width = max(len(row["begin"]) for row in rows)
    asked = {
        "seed": tf.constant(seeds, tf.int64),
        "typed": tf.constant([row["begin"] + [PAD] * (width - len(row["begin"])) for row in rows]),
        "title": tf.constant([row["title"] + [PAD] * (5 - len(row["title"])) for row in rows]),
        **unconstrained(len(rows)),
        **{name: tf.constant([row[name] for row in rows]) for name in NEUTRAL if name not in ("begin", "title")},
    }
    decoder = decoder_of(model)
    tokens, totals = tf.function(decoder.write)(asked, model.get_initial_state(len(rows)))
    for i, row in enumerate(rows):
        expected, total = one_by_one(model, row, seeds[i])
        written = tokens.numpy()[i].tolist()
        assert written == expected + [PAD] * (len(written) - len(expected)), row
        if not row["ended"]:
            assert totals.numpy()[i] == pytest.approx(total, rel=1e-5)


def test_a_large_penalty_leaves_no_character_twice(make_model: ModelMaker) -> None:
    model = make_model(ending=-20.0)
    count, limit = 30, 40
    asked = {
        "seed": tf.range(count, dtype=tf.int64),
        "typed": tf.zeros([count, 0], tf.int32),
        "title": tf.zeros([count, 0], tf.int32),
        **unconstrained(count),
        "temperature": tf.linspace(0.0, 2.0, count),
        "top_k": tf.zeros([count], tf.int32),
        "top_p": tf.ones([count]),
        "repetition_penalty": tf.fill([count], 1e30),
        "limit": tf.fill([count], limit),
        "ended": tf.fill([count], False),
    }
    tokens, _ = decoder_of(model).write(asked, model.get_initial_state(count))
    for row in tokens.numpy():
        hanzi = [token for token in row if not free(model)[token]]
        assert len(set(hanzi)) == len(hanzi)
        assert len(row) == limit


def test_reading_is_the_cost_of_writing(make_model: ModelMaker) -> None:
    model = make_model()
    decoder = decoder_of(model)
    texts = [[5, 9, UNK, 4], [], [7, 7]]
    lengths = [len(text) for text in texts]
    ids = tf.constant([text + [PAD] * (4 - len(text)) for text in texts])
    nll = decoder.read(ids, tf.constant(lengths), model.get_initial_state(3)).numpy()
    for text, cost in zip(texts, nll, strict=True):
        row = NEUTRAL | {"begin": [*text, EOS], "limit": len(text) + 1}
        assert cost == pytest.approx(-one_by_one(model, row, 0)[1], rel=1e-5)
