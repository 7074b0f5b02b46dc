import math
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from tangshi_tf.config import PROSE, ModelConfig
from tangshi_tf.errors import ConfigError
from tangshi_tf.evaluation.perplexity import Score, evaluate, evaluator, stream_evaluator
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.vocabulary import EOS, UNK, Vocabulary
from tests import reference

VOCABULARY = Vocabulary("，。山水风月花春秋夜人天", rare="龙虎豹")
TEXTS = [
    "山水风月花，春秋夜人天。山水风月花，春秋夜人天。",
    "山龙，风月。",
    "风，月。",
    "山水风月花春秋，夜人天山水风月。花春秋夜人天山，水风月花春秋夜。",
]


@pytest.fixture(scope="module")
def model() -> PoetryModel:
    keras.utils.set_random_seed(4)
    return PoetryModel(ModelConfig(units=16, embedding=8), VOCABULARY)


def by_hand(model: PoetryModel, text: str) -> tuple[int, float, int, float]:
    """Tokens, nll, hanzi and nll of the hanzi of one poem, read off the protocol word by word."""
    ids = VOCABULARY.encode(text)
    x, y = [1, *ids], [*ids, EOS]
    logits = reference.logits(model, np.array([x]), [np.zeros((1, 16))] * 2)[0]
    nll = -np.log(reference.softmax(logits))[np.arange(len(y)), y]
    nll[np.array(y) == UNK] += math.log(3)
    hanzi = np.array([char not in "，。" for char in text] + [False])
    return len(y), float(nll.sum()), int(hanzi.sum()), float(nll[hanzi].sum())


def test_the_protocol(model: PoetryModel) -> None:
    rows = evaluator(model, TEXTS)()
    np.testing.assert_allclose(rows, [by_hand(model, text) for text in TEXTS], rtol=1e-5)
    result = evaluate(model, TEXTS)
    tokens, nll, hanzi, hanzi_nll = rows.sum(axis=0)
    assert result.total.poems == 4
    assert result.total.tokens == tokens
    assert result.total.perplexity == pytest.approx(math.exp(nll / tokens))
    assert result.total.hanzi_perplexity == pytest.approx(math.exp(hanzi_nll / hanzi))


def test_a_title_is_read_and_not_counted() -> None:
    vocabulary = Vocabulary("，。山水风月花春秋夜人天", rare="龙虎豹", titled=True)
    model = PoetryModel(ModelConfig(units=16, embedding=8), vocabulary)
    titles = ["春夜", "", "山水人天", "月"]
    rows = evaluator(model, TEXTS, titles)()
    for row, text, title in zip(rows, TEXTS, titles, strict=True):
        head = [1, *vocabulary.encode(title), vocabulary.separator] if title else [1]
        ids = [*head, *vocabulary.encode(text)]
        own = reference.logits(model, np.array([ids]), [np.zeros((1, 16))] * 2)[0, len(head) - 1 :]
        y = [*ids[len(head) :], EOS]
        nll = -np.log(reference.softmax(own))[np.arange(len(y)), y]
        assert row[0] == len(text) + 1
        assert row[1] == pytest.approx(nll.sum() + math.log(3) * y.count(UNK), rel=1e-5)
        assert row[2] == sum(char.isalpha() for char in text)
    untitled = evaluate(model, TEXTS)
    assert evaluate(model, TEXTS, [""] * 4).total.nll == pytest.approx(untitled.total.nll)
    assert evaluate(model, TEXTS, titles).total.nll != pytest.approx(untitled.total.nll)


def test_poems_are_scored_again_and_again_without_a_warning() -> None:
    # TensorFlow warns twice in a process, so this takes one of its own.
    code = """
from tangshi_tf import ModelConfig, PoetryModel, Vocabulary, evaluate
texts = ["白日依山尽，黄河入海流。"]
model = PoetryModel(ModelConfig(units=8, embedding=8, titles=False), Vocabulary.build(texts, min_count=1))
print(len({evaluate(model, texts).total.perplexity for _ in range(6)}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "1\n"
    assert "retracing" not in done.stderr


def test_titles_ask_for_a_model_that_reads_them(model: PoetryModel) -> None:
    with pytest.raises(ConfigError, match=r"A model that reads titles is required\. Received: one that does not\."):
        evaluate(model, TEXTS, ["春"] * 4)


def test_forms_are_told_apart(model: PoetryModel) -> None:
    by_form = evaluate(model, TEXTS).by_form
    assert {form: score.poems for form, score in by_form.items()} == {
        "五绝": 1,
        "七绝": 1,
        "五律": 0,
        "七律": 0,
        "其他": 2,
    }
    assert by_form["五绝"].nll == pytest.approx(by_hand(model, TEXTS[0])[1], rel=1e-5)
    assert math.isnan(by_form["五律"].perplexity)
    assert Score(poems=1, tokens=2, nll=2e4, hanzi=1, hanzi_nll=1e3).perplexity == math.inf


def test_a_smaller_vocabulary_buys_nothing() -> None:
    """Uniform models: whoever knows fewer of the 14 types pays the same for a poem of unknown characters."""
    costs = []
    for known in ("山水风月", "山水风月花春秋夜人天"):
        rare = set("山水风月花春秋夜人天，。龙虎") - set(known)
        vocabulary = Vocabulary(known, rare=rare)
        model = PoetryModel(ModelConfig(units=4, embedding=4), vocabulary)
        bias = np.zeros(len(vocabulary), np.float32)
        bias[UNK] = math.log(len(rare))
        model.set_weights([bias] + [np.zeros_like(w) for w in model.get_weights()[1:]])
        costs.append(float(evaluator(model, ["龙虎"])()[0, 1]))
    outcomes = [math.log(3 + 14), math.log(3 + 14)]  # the types, and the specials PAD, BOS, EOS
    assert costs == pytest.approx([3 * cost for cost in outcomes], rel=1e-5)


@pytest.mark.parametrize(
    "cell", [pytest.param("rnn", marks=pytest.mark.ci), "lstm", pytest.param("gru", marks=pytest.mark.ci)]
)
def test_the_perplexity_of_prose_does_not_depend_on_the_chunks(cell: str) -> None:
    keras.utils.set_random_seed(4)
    model = PoetryModel(replace(PROSE[0], cell=cell, layers=2, units=24, embedding=8), VOCABULARY)
    for weight in model.trainable_weights:  # so that a state forgets slowly
        weight.assign(1.5 * weight)
    stream = np.array(VOCABULARY.encode("山龙水风，月花春。秋夜人天" * 40), np.int32)
    figures = [stream_evaluator(model, stream, length)() for length in (1, 7, 64, len(stream))]
    assert {tokens for _, tokens in figures} == {len(stream)}
    whole = figures[-1][0]
    np.testing.assert_allclose([nll for nll, _ in figures], whole, rtol=1e-5)
    assert whole == pytest.approx(by_one_lane(model, stream), rel=1e-5)


def by_one_lane(model: PoetryModel, stream: np.ndarray) -> float:
    """Read one token at a time with the step of the decoder."""
    token, state, total = 1, model.get_initial_state(1), 0.0
    for target in stream:
        logits, state = model.step(np.array([token], np.int32), state)
        total -= math.log(reference.softmax(logits.numpy())[0, target]) - (math.log(3) if target == UNK else 0.0)
        token = target
    return total
