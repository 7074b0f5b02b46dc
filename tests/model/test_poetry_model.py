from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.errors import ConfigError, StateError
from tangshi_tf.model.kernels import KERNELS, kernels
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.vocabulary import EOS, Vocabulary
from tests import reference

VOCABULARY = Vocabulary("，。山水风月花春秋夜人天白云江")
ARRANGEMENTS = [
    (cell, layers, tied, "none") for cell in ("rnn", "lstm", "gru") for layers in (1, 2) for tied in (True, False)
] + [("rnn", 1, True, "full"), ("lstm", 2, True, "full"), ("gru", 1, False, "verse"), ("lstm", 1, True, "sounds")]


def make(cell: str = "lstm", layers: int = 1, tied: bool = True, ear: str = "none", **settings: Any) -> PoetryModel:
    keras.utils.set_random_seed(1)
    config = ModelConfig(cell=cell, layers=layers, units=24, embedding=16, tied=tied, ear=ear, **settings)
    model = PoetryModel(config, VOCABULARY)
    for weight in model.trainable_weights:
        weight.assign_add(0.3 * np.random.default_rng(0).normal(size=weight.shape))
    return model


def tokens(rows: int = 3, steps: int = 11) -> np.ndarray:
    return np.random.default_rng(5).integers(0, len(VOCABULARY), (rows, steps)).astype(np.int32)


def close(a: Any, b: Any, relative: float = 1e-5) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return bool(np.abs(a - b).max() <= relative * np.abs(b).max())


@pytest.mark.parametrize(("cell", "layers", "tied", "ear"), ARRANGEMENTS)
@pytest.mark.parametrize("kind", ["zero", "random"])
def test_sequences_steps_and_the_numpy_cells_agree(cell: str, layers: int, tied: bool, ear: str, kind: str) -> None:
    model, x = make(cell, layers, tied, ear), tokens()
    begin = state = model.get_initial_state(3, kind, seed=2)
    steps = []
    for column in x.T:
        logits, state = model.step(column, state)
        steps.append(logits.numpy())
    stepwise, whole = np.stack(steps, axis=1), model(x, state=begin)
    assert whole.dtype == tf.float32
    assert close(stepwise, whole)
    flat = [entry.numpy() for entry in tf.nest.flatten(begin)]
    assert close(whole, reference.logits(model, x, flat))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_keras_layers_compute_the_same(cell: str) -> None:
    model, x = make(cell, layers=2), tokens()
    h = model.embedding(x)
    for layer in model.recurrent:
        h, *_ = layer(h)
    logits = model.projection(h) @ tf.transpose(model.embedding.embeddings) + model.output_bias
    assert close(logits, model(x))


@pytest.mark.parametrize("tied", [True, False])
def test_a_beginner_knows_how_frequent_tokens_are(tied: bool) -> None:
    model, counts = make(tied=tied), np.arange(len(VOCABULARY))
    for weight in model.projection.weights:
        weight.assign(tf.zeros_like(weight))
    model.initialize_from(counts)
    shares = (counts + 1) / (counts + 1).sum()
    assert close(tf.nn.softmax(model(tokens(2, 3))), np.broadcast_to(shares, (2, 3, len(shares))))


def test_equal_parameters_have_the_documented_sizes() -> None:
    size, e, u = len(VOCABULARY), 16, 24
    assert make().count_params() == size * e + 4 * u * (e + u + 1) + (u + 1) * e + size
    assert make(tied=False).count_params() == size * e + 4 * u * (e + u + 1) + (u + 1) * size
    assert make("gru").count_params() == size * e + 3 * u * (e + u + 2) + (u + 1) * e + size


def test_the_calling_loop_of_the_course_runs_unchanged_on_a_bare_state() -> None:
    model = make("rnn")
    word2id = {token: i for i, token in enumerate(VOCABULARY.tokens)}
    state = tf.zeros((1, 24))
    token = tf.constant([word2id["山"]], tf.int32)
    collected = []
    while True:
        token, state = model.get_next_token(token, state)
        collected.append(int(token.numpy()[0]))
        if collected[-1] == EOS or len(collected) == 30:
            break
    assert state.shape == (1, 24)
    greedy: list[int] = []
    h = (np.zeros((1, 24)),)
    i = word2id["山"]
    table, weights = model.embedding.embeddings.numpy(), model.recurrent[0].get_weights()
    kernel, bias = model.projection.get_weights()
    while len(greedy) < len(collected):
        h = reference.rnn_cell(table[[i]], h, *weights)
        i = int(np.argmax((h[0] @ kernel + bias) @ table.T + model.output_bias.numpy()))
        greedy.append(i)
    assert collected == greedy


def test_the_same_loop_runs_on_a_pair() -> None:
    model = make("lstm")
    state = (tf.random.normal((1, 24), stddev=0.5), tf.random.normal((1, 24), stddev=0.5))
    token = tf.constant([VOCABULARY.tokens.index("月")], tf.int32)
    for _ in range(30):
        token, state = model.get_next_token(token, state)
        assert token.shape == (1,)
        assert token.dtype == tf.int32
        assert isinstance(state, tuple)
        assert [s.shape for s in state] == [(1, 24), (1, 24)]


def nestings(cell: str, layers: int) -> list[Any]:
    a = [tf.random.stateless_normal([2, 24], [i, 0]) for i in range(4)]
    if cell == "lstm" and layers == 2:
        return [
            ((a[0], a[1]), (a[2], a[3])),
            [(a[0], a[1]), (a[2], a[3])],
            [[a[0], a[1]], [a[2], a[3]]],
            ([a[0], a[1]], [a[2], a[3]]),
            (a[0], a[1], a[2], a[3]),
        ]
    if cell == "lstm":
        return [((a[0], a[1]),), [(a[0], a[1])], [[a[0], a[1]]], ([a[0], a[1]],), (a[0], a[1]), [a[0], a[1]]]
    return [(a[0], a[1]), [a[0], a[1]]] if layers == 2 else [(a[0],), [a[0]], a[0]]


@pytest.mark.parametrize(("cell", "layers"), [(c, n) for c in ("rnn", "lstm", "gru") for n in (1, 2)])
def test_every_nesting_is_taken_and_returned_as_it_came(cell: str, layers: int) -> None:
    model, token = make(cell, layers), np.array([4, 9], np.int32)
    canonical, *others = nestings(cell, layers)
    logits, after = model.step(token, canonical)
    tf.nest.assert_same_structure(after, canonical)
    for state in others:
        found, returned = model.step(token, state)
        assert np.array_equal(found, logits)
        tf.nest.assert_same_structure(returned, state)
        assert type(returned) is type(state) or isinstance(state, tf.Tensor)
        for a, b in zip(tf.nest.flatten(returned), tf.nest.flatten(after), strict=True):
            assert np.array_equal(a, b)
        assert close(model(token[:, None], state=state)[:, 0], logits)


def test_a_sampler_chooses_the_next_token() -> None:
    model = make()
    state = model.get_initial_state(2)
    token, _ = model.get_next_token(np.array([4, 5]), state, lambda logits: tf.argmin(logits, -1, tf.int32))
    logits, _ = model.step(np.array([4, 5]), state)
    assert token.numpy().tolist() == np.argmin(logits, axis=-1).tolist()


def test_initial_states() -> None:
    model = make(layers=2)
    zero = tf.nest.flatten(model.get_initial_state(5))
    assert [entry.shape for entry in zero] == [(5, 24)] * 4
    assert not any(entry.numpy().any() for entry in zero)
    first, again = (np.stack(tf.nest.flatten(model.get_initial_state(5, "random", seed=3))) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(np.stack(tf.nest.flatten(model.get_initial_state(4, "random", seed=4))), first[:, 1:])
    assert not np.array_equal(first, np.stack(tf.nest.flatten(model.get_initial_state(5, "random"))))
    many = np.stack(tf.nest.flatten(model.get_initial_state(500, "random", stddev=0.25, seed=0)))
    assert many.std() == pytest.approx(0.25, rel=0.02)
    assert abs(many.mean()) < 0.01


def test_the_ear_begins_at_the_beginning() -> None:
    model = make("gru", layers=2, ear="full")
    for kind in ("zero", "random"):
        *cells, verse = model.get_initial_state(5, kind, seed=3)
        assert [cell.shape for cell in cells] == [(5, 24)] * 2
        assert cells[0].numpy().any() == (kind == "random")
        assert verse.dtype == tf.int32
        assert verse.numpy().tolist() == [[0] * 4] * 5
    with pytest.raises(StateError, match=r"A state of 3 tensors is required \(2 layers of gru and the verse\)"):
        model.step(np.array([4]), (tf.zeros([1, 24]), tf.zeros([1, 24])))


def test_wrong_states_are_refused_in_one_line() -> None:
    model = make()
    with pytest.raises(StateError, match=r"A state of 2 tensors is required \(1 layers of lstm\). Received: 1."):
        model.step(np.array([4]), tf.zeros([1, 24]))
    with pytest.raises(StateError, match=r"State tensors of shape \[B, 24\] are required. Received: \(1, 25\)."):
        model.step(np.array([4]), (tf.zeros([1, 25]), tf.zeros([1, 25])))
    with pytest.raises(ConfigError, match=r"kind zero or random is required. Received: ones."):
        model.get_initial_state(1, "ones")


def test_dropout_belongs_to_the_row_and_the_seed() -> None:
    model, x = make(dropout=0.5, layers=2), tokens(rows=6)
    plain, whole = model(x), model(x, training=True, dropout_seed=[1, 2])
    assert not close(whole, plain, 1e-2)
    assert np.array_equal(whole, model(x, training=True, dropout_seed=[1, 2]))
    assert not np.array_equal(whole, model(x, training=True, dropout_seed=[1, 3]))
    assert not np.array_equal(model(x, training=True), model(x, training=True))
    part = model(x[4:], training=True, dropout_seed=[1, 2], first_row=4)
    assert close(part, whole[4:])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_layers_of_gpus_compute_the_same(monkeypatch: pytest.MonkeyPatch, cell: str) -> None:
    model, x = make(cell=cell, dropout=0.2, recurrent_dropout=0.3, layers=2), tokens(rows=6)
    weights = model.trainable_weights

    def computed() -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            nll, _ = model.summed_nll(x, x, dropout_seed=[1, 2])
        return [model(x), model(x, training=True, dropout_seed=[1, 2]), nll], tape.gradient(nll, weights)

    values, gradients = computed()
    monkeypatch.setitem(KERNELS, "CPU", KERNELS["GPU"])
    others, other_gradients = computed()
    assert kernels() is KERNELS["GPU"]
    assert all(close(a, b, 1e-4) for a, b in zip(values, others, strict=True))
    for weight, a, b in zip(weights, gradients, other_gradients, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(a), tf.convert_to_tensor(b), rtol=1e-3, atol=1e-4, err_msg=weight.path
        )


def test_bfloat16_computes_sequences_low_and_steps_in_float32() -> None:
    x = tokens()
    exact = make()
    low = PoetryModel(exact.config, VOCABULARY, "bfloat16")
    low.set_weights(exact.get_weights())
    assert all(variable.dtype == "float32" for variable in low.weights)
    assert low(x).dtype == tf.float32
    assert not np.array_equal(low(x), exact(x))
    assert close(low(x), exact(x), 0.05)
    state = exact.get_initial_state(3)
    assert np.array_equal(low.step(x[:, 0], state)[0], exact.step(x[:, 0], state)[0])


def test_keras_fit_trains_the_model_too() -> None:
    model = make(dropout=0.1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    x = tokens(rows=8)
    history = model.fit(x[:, :-1], x[:, 1:], epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
