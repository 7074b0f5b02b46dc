"""Whatever one does with a model of Keras, for every cell, with and without an ear."""

import copy
import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.errors import ConfigError, TokenError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.vocabulary import BOS, EOS, PAD, Vocabulary

VOCABULARY = Vocabulary("，。山水风月花春秋夜人天白云江", {"風": "风"}, rare="龘", titled=True)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
SEP = 4


def make(cell: str = "lstm", ear: str = "full", **settings: Any) -> PoetryModel:
    keras.utils.set_random_seed(3)
    config = ModelConfig(cell=cell, units=6, embedding=5, ear=ear, **({"layers": 1 + (ear == "none")} | settings))
    return PoetryModel(config, VOCABULARY, name="mine")


QUICK = [("rnn", "none"), ("lstm", "full")]
TABLE = [(cell, ear) for cell in ("rnn", "lstm", "gru") for ear in ("none", "full")]


@pytest.fixture(
    scope="module",
    params=[pytest.param(row, id="-".join(row), marks=[] if row in QUICK else pytest.mark.long) for row in TABLE],
)
def model(request: pytest.FixtureRequest) -> PoetryModel:
    return make(*request.param)


def tokens(rows: int = 4, steps: int = 7) -> np.ndarray:
    ids = np.random.default_rng(5).integers(5, len(VOCABULARY), (rows, steps)).astype(np.int32)
    ids[:, 0] = BOS
    return ids


def assert_same(found: Any, model: PoetryModel) -> None:
    np.testing.assert_allclose(found, model(tokens()), rtol=1e-5, atol=1e-6)


def test_a_file_holds_the_whole_model(model: PoetryModel, tmp_path: Path) -> None:
    model.save(tmp_path / "x.keras")
    again = keras.models.load_model(tmp_path / "x.keras")
    assert_same(again(tokens()), model)
    assert (again.name, again.config) == ("mine", model.config)
    assert again.vocabulary.dumps() == VOCABULARY.dumps()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_computes_the_same_with_weights_of_its_own(model: PoetryModel, duplicate: Any) -> None:
    twin = duplicate(model)
    assert_same(twin(tokens()), model)
    before = model.get_weights()
    twin.embedding.embeddings.assign_add(tf.ones_like(twin.embedding.embeddings))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_clone_has_the_shape_and_new_weights(model: PoetryModel) -> None:
    clone = keras.models.clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert not np.array_equal(clone.embedding.embeddings, model.embedding.embeddings)
    assert PoetryModel.from_config(model.get_config()).get_config() == model.get_config()


@pytest.mark.ci
def test_what_is_frozen_stays_frozen(tmp_path: Path) -> None:
    model = make()
    parameters = model.count_params()
    model.get_layer("embedding").trainable = model.recurrent[0].trainable = False
    assert model.count_params() == parameters
    model.save(tmp_path / "x.keras")
    again = keras.models.load_model(tmp_path / "x.keras")
    assert [w.path for w in again.trainable_weights] == [w.path for w in model.trainable_weights]
    before = [layer.get_weights() for layer in (again.embedding, again.recurrent[0])]
    again.compile("sgd", LOSS)
    again.fit(tokens()[:, :-1], tokens()[:, 1:], verbose=0)
    for layer, weights in zip((again.embedding, again.recurrent[0]), before, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), weights, strict=True))


def test_a_checkpoint_of_tensorflow_holds_all_weights(model: PoetryModel, tmp_path: Path) -> None:
    path = tf.train.Checkpoint(model=model).save(tmp_path / "ckpt")
    twin = PoetryModel(model.config, VOCABULARY)
    tf.train.Checkpoint(model=twin).restore(path).assert_consumed()
    assert_same(twin(tokens()), model)


def test_it_is_exported_for_tokens_of_any_number(model: PoetryModel, tmp_path: Path) -> None:
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "exported"))  # a name of its own keeps it alive
    assert_same(exported.serve(tokens()), model)
    tf.saved_model.save(model, str(tmp_path / "saved"))
    saved = tf.saved_model.load(str(tmp_path / "saved"))
    served = saved.signatures["serving_default"]
    (spec,) = served.structured_input_signature[1].values()
    assert (spec.shape.as_list(), spec.dtype) == ([None, None], tf.int32)
    (logits,) = served(tf.constant(tokens())).values()
    assert_same(logits, model)


@pytest.mark.parametrize("dtype", ["int32", pytest.param("float32", marks=pytest.mark.ci)])
def test_it_may_be_a_layer_of_a_functional_model(model: PoetryModel, tmp_path: Path, dtype: str) -> None:
    inputs = keras.Input((None,), dtype=dtype)
    functional = keras.Model(inputs, model(inputs))
    assert functional.output_shape == (None, None, len(VOCABULARY))
    assert_same(functional(tokens()), model)
    functional.export(tmp_path / "d", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "d"))
    assert_same(exported.serve(tokens().astype(dtype)), model)


def test_it_tells_of_itself_and_predicts(model: PoetryModel) -> None:
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "embedding" in "".join(lines)
    assert model.compute_output_shape((2, 7)) == (2, 7, len(VOCABULARY))
    assert model.get_layer("embedding") is model.embedding
    assert_same(model.predict(tokens(), verbose=0), model)


def test_gradients_are_the_same_without_the_ones_written_by_hand(model: PoetryModel) -> None:
    found = []
    undropped = PoetryModel(
        make(model.config.cell, model.config.ear, dropout=0.0, recurrent_dropout=0.0).config, VOCABULARY
    )
    undropped.set_weights(model.get_weights())
    for training in (True, False):
        with tf.GradientTape() as tape:
            loss = LOSS(tokens()[:, 1:], undropped(tokens()[:, :-1], training=training))
        found.append([tf.convert_to_tensor(g) for g in tape.gradient(loss, undropped.trainable_variables)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_compile_and_fit_save_and_go_on(model: PoetryModel, tmp_path: Path) -> None:
    trained = make(model.config.cell, model.config.ear, layers=1, dropout=0.0, recurrent_dropout=0.0)
    trained.compile("adam", LOSS, metrics=["accuracy"])
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "c.keras")
    x, y = tokens()[:, :-1], tokens()[:, 1:]
    losses = trained.fit(x, y, epochs=4, verbose=0, callbacks=[keep]).history["loss"]
    assert losses[-1] < losses[0]
    again = keras.models.load_model(tmp_path / "c.keras")
    assert_same(again(tokens()), trained)
    assert int(again.optimizer.iterations) == 4


@pytest.mark.parametrize(
    ("cell", "ear"),
    [
        pytest.param(cell, ear, marks=[] if (cell, ear) == ("rnn", "full") else pytest.mark.long)
        for cell in ("rnn", "lstm", "gru")
        for ear in ("none", "sounds", "verse", "full")
    ],
)
def test_fit_on_two_replicas(two_replicas: Any, cell: str, ear: str) -> None:
    with two_replicas.scope():
        model = make(cell, ear, layers=1, dropout=0.0, recurrent_dropout=0.0)
        model.compile("adam", LOSS)
    losses = model.fit(tokens()[:, :-1], tokens()[:, 1:], epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_what_has_no_target_has_no_loss() -> None:
    model = make("rnn", dropout=0.0, recurrent_dropout=0.0)
    x = np.array([[BOS, 7, 8, EOS, PAD], [BOS, 9, SEP, 10, 11]], np.int32)
    y = np.array([[7, 8, EOS, PAD, PAD], [PAD, PAD, 10, 11, EOS]], np.int32)
    assert model.compute_mask(x).numpy().tolist() == (y != PAD).tolist()
    nll = -tf.nn.log_softmax(model(x)).numpy()
    expected = np.mean([nll[i, t, y[i, t]] for i, t in zip(*np.nonzero(y), strict=True)])
    model.compile("sgd", LOSS)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    masked = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PAD)
    model.compile("sgd", masked)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_done_is_refused_with_a_reason() -> None:
    model = make("rnn")
    with pytest.raises(ConfigError, match="whose recurrent layers Keras cannot quantize"):
        model.quantize("int8")
    with pytest.raises(TokenError, match=r"Tokens of shape \[B, T\] are required. Received: \(3,\)."):
        model(np.array([1, 2, 3]))
    for name in ("x.h5", "x.hdf5", "x.weights.h5"):
        with pytest.raises(ConfigError, match=rf"A file \.keras is required .*Received: {name}\."):
            model.save(name)
    with pytest.raises(ConfigError, match=r"A configuration with config and vocabulary, .*Received: name, units\."):
        PoetryModel.from_config({"name": "x", "units": 4})


PROBABILITIES = [
    "sparse_categorical_crossentropy",
    keras.losses.sparse_categorical_crossentropy,
    keras.losses.SparseCategoricalCrossentropy(),
    [keras.losses.SparseCategoricalCrossentropy(ignore_class=PAD)],
]


@pytest.mark.parametrize("loss", PROBABILITIES)
def test_a_loss_of_probabilities_is_refused(loss: Any) -> None:
    model = make("rnn", "none")
    model.compile("sgd", loss)
    for use in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(ConfigError, match="A loss of logits is required"):
            use(tokens()[:, :-1], tokens()[:, 1:])


def test_losses_of_your_own_and_of_your_own_output_are_taken() -> None:
    class Likely(PoetryModel):
        def call(self, *args: Any, **options: Any) -> Any:
            return tf.nn.softmax(super().call(*args, **options))

    def own(y_true: Any, y_pred: Any) -> Any:
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)

    model = make("rnn", "none")
    likely = Likely(model.config, VOCABULARY)
    likely.set_weights(model.get_weights())
    found = []
    for one, loss in ((model, LOSS), (model, own), (likely, PROBABILITIES[0])):
        one.compile("sgd", loss)
        found.append(one.evaluate(tokens()[:, :-1], tokens()[:, 1:], verbose=0))
    assert found == pytest.approx(found[:1] * 3, rel=1e-5)


def test_weights_are_those_of_tokens_or_of_rows() -> None:
    model = make("rnn", "none")
    model.compile("sgd", LOSS)
    x, y = tokens()[:, :-1], tokens()[:, 1:]
    half = np.repeat([[1.0], [0.0]], 2, axis=0)
    refused = r"Weights of tokens \[B, T\], or of rows \[B, 1\], are required .* Received: \("
    with pytest.raises(ConfigError, match=refused):
        model.fit(x, y, class_weight=dict.fromkeys(range(len(VOCABULARY)), 1.0), verbose=0)
    with pytest.raises(ConfigError, match=refused):
        model.evaluate(x, y, sample_weight=half[:, 0], verbose=0)
    expected = model.evaluate(x[:2], y[:2], verbose=0) / 2
    for weights in (half, np.repeat(half, 6, axis=1)):
        assert model.evaluate(x, y, sample_weight=weights, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("graph", [False, pytest.param(True, marks=pytest.mark.long)])
def test_gradients_of_gradients_are_right_through_those_written_by_hand(model: PoetryModel, graph: bool) -> None:
    undropped = make(model.config.cell, model.config.ear, dropout=0.0, recurrent_dropout=0.0)
    variable = undropped.recurrent[0].cell.recurrent_kernel.value

    def second(training: bool) -> Any:
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                loss = LOSS(tokens()[:, 1:], undropped(tokens()[:, :-1], training=training))
            norm = tf.reduce_sum(inner.gradient(loss, variable) ** 2)
        return outer.gradient(norm, variable)

    by_hand, derived = (tf.function(second)(t) if graph else second(t) for t in (True, False))
    assert np.abs(derived).max() > 0
    np.testing.assert_allclose(by_hand, derived, rtol=1e-3, atol=1e-6 * np.abs(derived).max())


@pytest.mark.ci
def test_a_class_of_your_own_with_a_step_of_your_own(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("tests")
    class Half(PoetryModel):
        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            with tf.GradientTape() as tape:
                loss = 0.5 * self.compute_loss(y=y, y_pred=self(x, training=True))
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"half": loss}

    model = Half(make("gru").config, VOCABULARY)
    model.compile("adam", LOSS)
    halves = model.fit(tokens()[:, :-1], tokens()[:, 1:], epochs=3, verbose=0).history["half"]
    assert halves[-1] < halves[0]
    model.save(tmp_path / "half.keras")
    assert isinstance(keras.models.load_model(tmp_path / "half.keras"), Half)


def test_layers_of_your_own_are_made_in_build(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("tests")
    class Judge(PoetryModel):
        def build(self, input_shape: Any) -> None:
            if not self.built:
                self.head = keras.layers.Dense(2, name="head")
                self.head.build((None, None, len(self.vocabulary)))
            super().build(input_shape)

        def call(self, *args: Any, **options: Any) -> Any:
            return self.head(super().call(*args, **options))

    model = Judge(make("gru").config, VOCABULARY)
    model.save(tmp_path / "judge.keras")
    again = keras.models.load_model(tmp_path / "judge.keras")
    assert again(tokens()).shape == (4, 7, 2)
    assert_same(again(tokens()), model)
