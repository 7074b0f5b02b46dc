"""What a SavedModel takes and refuses, how it is called, and the defaults of its signatures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tangshi_tf.errors import StateError, TokenError
from tangshi_tf.generation.inputs import INPUTS
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model, load
from tangshi_tf.vocabulary import BOS, EOS, PAD, UNK, Vocabulary
from tests.conftest import ModelMaker, OnceMaker
from tests.generation.conftest import poems, text

ROWS = [("rnn", "none"), ("lstm", "none"), ("gru", "none"), ("rnn", "full"), ("lstm", "full"), ("gru", "full")]
QUICK = ROWS[1], ROWS[5]
REFUSED = (TokenError, StateError, tf.errors.InvalidArgumentError)


@pytest.fixture(
    scope="module",
    params=[pytest.param(row, id="-".join(row), marks=[] if row in QUICK else pytest.mark.long) for row in ROWS],
)
def served(request: pytest.FixtureRequest, make_model: ModelMaker, make_once: OnceMaker) -> tuple[PoetryModel, Path]:
    cell, ear = request.param
    model = make_model(cell, ear=ear)
    return model, make_once(f"served-{cell}-{ear}", lambda made: export_model(model, made)) / "1"


@pytest.fixture(scope="module")
def everyone(served: tuple[PoetryModel, Path]) -> list[Any]:
    """The model, a poet with it, and the SavedModel of that."""
    return [served[0], Poet(served[0]), load(served[1])]


def test_tokens_of_any_integer_type_are_taken(everyone: list[Any]) -> None:
    for who in everyone:
        state = who.get_initial_state(2)
        expected = who.step(tf.constant([1, 5]), state)[0]
        for token in (tf.constant([1, 5], tf.int64), np.array([1, 5]), np.array([1, 5], np.int32), [1, 5]):
            assert np.array_equal(who.step(token, state)[0], expected)
            assert who.get_next_token(token, state)[0].dtype == tf.int32
    for poet in everyone[1:]:
        texts = [poet.decode(tf.constant([[5, 6]], dtype)).numpy() for dtype in (tf.int32, tf.int64)]
        assert texts[0] == texts[1]


def test_a_live_poet_takes_seeds_of_any_integer_type(everyone: list[Any]) -> None:
    poet = everyone[1]
    expected = poet.generate("山", seed=3, top_k=2, max_length=9)["poem"].numpy()
    for dtype in (tf.int32, tf.int64):
        seed, top_k = tf.constant(3, dtype), tf.constant(2, dtype)
        assert poet.generate("山", seed=seed, top_k=top_k, max_length=9)["poem"].numpy() == expected


def test_a_loaded_poet_takes_numbers_of_python_and_numpy_and_traces_none_anew(everyone: list[Any]) -> None:
    poet = everyone[2]
    expected = poet.generate("山", seed=3, top_k=2, max_length=9, temperature=1.0)["poem"].numpy()
    for whole in (np.int32, np.int64, lambda value: np.array([value], np.int32), lambda value: [value]):
        given = {name: whole(value) for name, value in {"seed": 3, "top_k": 2, "max_length": 9}.items()}
        assert poet.generate("山", temperature=np.float64(1.0), **given)["poem"].numpy() == expected
    cast = tf.cast(tf.constant(3), tf.int64)
    assert poet.generate("山", seed=cast, top_k=2, max_length=9, temperature=1.0)["poem"].numpy() == expected
    with pytest.raises(TypeError, match="int64"):
        poet.generate("山", seed=tf.constant(3))
    traces = poet.generate.experimental_get_tracing_count()
    for seed in range(3):
        poet.generate("山", seed=seed, max_length=3)
    assert poet.generate.experimental_get_tracing_count() == traces


@pytest.mark.parametrize("token", [[[5], [6]], 5])
def test_tokens_of_another_shape_are_refused(everyone: list[Any], token: Any) -> None:
    for who in everyone:
        with pytest.raises(REFUSED, match=r"okens of shape \[B\] are required") as caught:
            who.get_next_token(tf.constant(token), who.get_initial_state(2))
        assert str(tf.constant(token).shape).strip("()").replace(", ", " ") in str(caught.value).replace(", ", " ")


@pytest.mark.parametrize("rows", [1, 2])
def test_states_of_another_length_are_refused(everyone: list[Any], rows: int) -> None:
    for who in everyone:
        with pytest.raises(REFUSED, match=r"of 3 rows are required|as many rows in every state"):
            who.step(tf.constant([5, 6, 7]), who.get_initial_state(rows))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_states_that_are_no_finite_numbers_are_refused(everyone: list[Any], wrong: float) -> None:
    for who in everyone:
        first, *rest = tf.nest.flatten(who.get_initial_state(2))
        first = tf.tensor_scatter_nd_update(first, [[1, 3]], [wrong])
        with pytest.raises(REFUSED, match=r"state of finite numbers is required"):
            who.step(tf.constant([5, 6]), [first, *rest])


def test_sequences_ask_the_same_of_their_state(served: tuple[PoetryModel, Path]) -> None:
    model, _ = served
    with pytest.raises(StateError, match=r"of 3 rows are required. Received: 2 rows\."):
        model(np.ones([3, 4], np.int32), state=model.get_initial_state(2))


def test_signatures_have_defaults(served: tuple[PoetryModel, Path]) -> None:
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((served[1] / "saved_model.pb").read_bytes())
    definitions = saved.meta_graphs[0].signature_def
    found = {name: tf.make_ndarray(value) for name, value in definitions["generate"].defaults.items()}
    assert set(found) == set(definitions["generate"].inputs) == set(INPUTS)
    for name, (dtype, default) in INPUTS.items():
        assert found[name].shape == (1,)
        assert found[name][0] == (str(default).encode() if dtype == tf.string else default)
    assert dict(definitions["serving_default"].defaults).keys() == {"begin"}
    assert not definitions["get_next_token"].defaults
    assert not definitions["score"].defaults


@pytest.mark.ci
def test_a_poet_may_be_saved_and_called_without_a_name(make_model: ModelMaker, tmp_path: Path) -> None:
    model = make_model("rnn")
    expected = Poet(model).generate("山", seed=1, max_length=5)["poem"].numpy()
    tf.saved_model.save(Poet(model), str(tmp_path))
    again = tf.saved_model.load(str(tmp_path))
    assert again.generate("山", seed=1, max_length=5)["poem"].numpy() == expected


GROWN = [("rnn", 1, "none"), ("gru", 1, "none"), ("lstm", 1, "none"), ("rnn", 2, "none"), ("lstm", 2, "none")]
GROWN += [("lstm", 1, "full"), ("gru", 2, "verse"), ("rnn", 1, "sounds")]
GROWN_QUICK = [("lstm", 1, "none"), ("gru", 2, "verse")]


@pytest.fixture(
    scope="module",
    params=[pytest.param(g, id=str(g), marks=[] if g in GROWN_QUICK else pytest.mark.ci) for g in GROWN],
)
def grown(request: pytest.FixtureRequest, make_model: ModelMaker, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a model, and the same loaded from a folder."""
    cell, layers, ear = request.param
    if request.param == GROWN[2]:
        return request.getfixturevalue("lstm"), request.getfixturevalue("loaded")
    model = make_model(cell, layers, ear=ear)
    return model, load(export_model(model, tmp_path_factory.mktemp("grown")))


def nestings(model: PoetryModel) -> list[Any]:
    state = model.get_initial_state(3, kind="random", seed=11)
    flat = tf.nest.flatten(state)
    menu = [state, list(state), tuple(flat), list(flat)]
    if model.config.cell == "lstm":
        layers = [list(entry) if isinstance(entry, tuple) else entry for entry in state]
        menu += [tuple(layers), layers]
        menu += [state[0], list(state[0])] if len(state) == 1 else []
    elif len(state) == 1:
        menu.append(state[0])
    return menu


# How it is called


@pytest.mark.parametrize("who", ["poet", "loaded"])
def test_scalars_and_vectors_are_taken(request: pytest.FixtureRequest, who: str) -> None:
    poet = request.getfixturevalue(who)
    expected = poems(poet, "山", seed=1)
    assert poems(poet, ["山"], seed=[1], temperature=[1], top_p=1) == expected
    assert poems(poet, tf.constant(["山"]), seed=tf.constant(1, tf.int64)) == expected
    assert poems(poet, np.array("山"), seed=np.array([1]), top_k=np.array([0])) == expected
    assert poems(poet, "山", seed=[1, 1, 2])[:2] == expected * 2
    assert len(poems(poet)) == 1
    assert len(poems(poet, ["山", "水"], temperature=0.0)) == 2
    assert poems(poet, tf.constant([], tf.string)) == []
    assert set(poet.generate("山", max_length=2)) == {"poem", "log_probability", "length", "seed", "problem"}


def test_encode_and_decode(loaded: Any, vocabulary: Vocabulary) -> None:
    ids = loaded.encode(["风 山", "龘", ""]).numpy().tolist()
    wind, mountain = vocabulary.encode("风山")
    assert ids == [[wind, mountain], [UNK, PAD], [PAD, PAD]]
    assert text(loaded.decode([[BOS, wind, UNK, mountain, EOS], [PAD] * 5])) == ["风山", ""]
    assert loaded.encode("风").shape == [1, 1]


@pytest.mark.parametrize("kind", ["zero", "random"])
def test_initial_states_are_the_models(loaded: Any, lstm: PoetryModel, kind: str) -> None:
    ours = lstm.get_initial_state(3, kind=kind, stddev=0.3, seed=4)
    theirs = loaded.get_initial_state(3, kind=kind, stddev=0.3, seed=4)
    tf.nest.assert_same_structure(ours, theirs)
    for a, b in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True):
        assert np.array_equal(a, b)


def test_an_unknown_kind_of_state_is_an_error(loaded: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="kind of zero or random is required"):
        loaded.get_initial_state(1, kind="one")


def test_generate_begins_from_the_random_state_of_its_seed(loaded: Any) -> None:
    state, token = loaded.get_initial_state(1, kind="random", seed=1), tf.constant([BOS])
    tokens = []
    for _ in range(5):
        token, state = loaded.get_next_token(token, state)
        if token[0] == EOS:
            break
        tokens.append(token)
    assert len(tokens) > 2
    greedy = poems(loaded, init_state="random", temperature=0.0, max_length=5, seed=1)
    assert text(loaded.decode(tf.stack(tokens, axis=1))) == greedy


def test_every_nesting_is_taken_and_returned_as_it_came(grown: Any) -> None:
    model, loaded = grown
    token = tf.constant([BOS, 5, 9])
    expected, after = model.step(token, model.get_initial_state(3, kind="random", seed=11))
    for who in (model, loaded, Poet(model)):
        for state in nestings(model):
            logits, stepped = who.step(token, state)
            likeliest, followed = who.get_next_token(token, state)
            np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
            assert np.array_equal(likeliest, tf.argmax(expected, axis=-1))
            for returned in (stepped, followed):
                tf.nest.assert_same_structure(returned, state)
                for a, b in zip(tf.nest.flatten(returned), tf.nest.flatten(after), strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_signatures_step_like_the_model(grown: Any) -> None:
    model, loaded = grown
    flat = tf.nest.flatten(model.get_initial_state(3, kind="random", seed=11))
    token = tf.constant([BOS, 5, 9])
    states = {f"state_{i}": value for i, value in enumerate(flat)}
    answer = loaded.signatures["get_next_token"](token=token, **states)
    logits, after = model.step(token, flat)
    assert set(answer) == {"token", "logits", *states}
    np.testing.assert_allclose(answer["logits"], logits, rtol=1e-5, atol=1e-6)
    for i, value in enumerate(after):
        np.testing.assert_allclose(answer[f"state_{i}"], value, rtol=1e-5, atol=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("kind", ["zero", "random"])
def test_the_calling_loop_of_o4(
    make_model: ModelMaker, vocabulary: Vocabulary, tmp_path: Path, cell: str, kind: str
) -> None:
    keras_model = make_model(cell, units=128, tied=False, ending=0.0)
    word2id = {word: i for i, word in enumerate(vocabulary.tokens)}
    begin_word, end_token = "日", "<eos>"

    def loop(model: Any) -> list[int]:
        random = np.random.default_rng(0)

        def one_state() -> Any:
            return tf.zeros((1, 128)) if kind == "zero" else tf.constant(random.normal(0, 0.5, (1, 128)), tf.float32)

        state = one_state() if cell == "rnn" else (one_state(), one_state())
        token = tf.constant([word2id[begin_word]], dtype=tf.int32)
        collect: list[int] = []
        while True:
            token, state = model.get_next_token(token, state)
            if token.numpy()[0] == word2id[end_token] or len(collect) == 30:
                break
            collect.append(int(token.numpy()[0]))
        return collect

    expected = loop(keras_model)
    assert expected
    assert loop(load(export_model(keras_model, tmp_path))) == expected


def test_a_program_that_has_never_heard_of_us(foreign: dict[str, Any], poet: Poet) -> None:
    assert foreign["signed"] == foreign["plain"] == poems(poet, ["山", "水"], top_k=3, max_length=9, seed=[1, 2])
    assert all(poem.startswith("山") for poem in foreign["served"])
    assert foreign["zero"] == 0.0
    assert foreign["logits_agree"]
    assert foreign["state_agrees"]
    assert foreign["token_agrees"]
    score = poet.score(["白日依山尽", "龘"])
    np.testing.assert_allclose(foreign["nll"], score["nll"], rtol=1e-5)
    assert foreign["tokens"] == [6, 2]


def test_about_names_every_function_and_input(loaded: Any, vocabulary: Vocabulary) -> None:
    about = loaded.about().numpy().decode()
    functions = [
        "generate",
        "score",
        "step",
        "get_next_token",
        "get_initial_state",
        "encode",
        "decode",
        "about",
    ]
    for word in [
        *(f"{name}(" for name in functions),
        *loaded.signatures,
        *INPUTS,
        "lstm",
        str(len(vocabulary)),
    ]:
        assert word in about
    assert "PAD = 0, BOS = 1, EOS = 2, UNK = 3" in about
