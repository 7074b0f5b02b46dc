from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus, read_corpus
from tangshi_tf.errors import ConfigError
from tangshi_tf.training.keras_callbacks import KerasCallbacks, as_listeners
from tangshi_tf.training.listeners import LogListener
from tangshi_tf.training.run import fit

MODEL = ModelConfig(cell="rnn", units=8, embedding=6, ear="none", titles=False)
TRAINING = TrainingConfig(epochs=3, min_count=1, token_budget=2_000, precision="float32")


class Witness(keras.callbacks.Callback):
    """Writes down what it is told."""

    def __init__(self, last: int = 99) -> None:
        super().__init__()
        self.told: list[Any] = []
        self.last = last

    def on_train_begin(self, logs: Any = None) -> None:
        self.told.append("begin")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.told.append(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.told.append((epoch, logs))
        self.model.stop_training = epoch + 1 == self.last

    def on_train_end(self, logs: Any = None) -> None:
        self.told.append("end")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    poems = read_corpus().poems("train")[:60]
    return Corpus({"train": poems[:50], "validation": poems[50:], "test": []}, {})


def test_callbacks_are_told_of_epochs_and_keep_the_model(corpus: Corpus, tmp_path: Path) -> None:
    witness, keep = Witness(), keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    run = fit(corpus, tmp_path / "run", MODEL, TRAINING, listeners=[witness, keep, LogListener()])
    assert run is not None
    assert witness.told[0] == "begin"
    assert witness.told[-1] == "end"
    assert witness.told[1:-1:2] == [0, 1, 2]
    for (_, logs), record in zip(witness.told[2:-1:2], run.history, strict=True):
        assert (logs["loss"], logs["val_loss"]) == (record["loss"], record["validation_nll"])
        assert set(logs) == {"loss", "val_loss", "val_perplexity", "learning_rate"}
    kept = keras.models.load_model(tmp_path / f"{run.best['epoch']}.keras")
    x = np.array([[1, 5, 6]], np.int32)
    np.testing.assert_allclose(kept(x), run.load_model()(x), rtol=1e-5)


def test_a_callback_may_end_the_run(corpus: Corpus, tmp_path: Path) -> None:
    witness = Witness(last=2)
    run = fit(corpus, tmp_path / "run", MODEL, TRAINING, listeners=[witness])
    assert run is not None
    assert len(run.history) == 2
    assert witness.told[-1] == "end"


@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.ReduceLROnPlateau(),
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
        keras.callbacks.BackupAndRestore("backup"),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_what_the_run_does_itself_is_refused(callback: Any) -> None:
    with pytest.raises(ConfigError, match=f"Received: {type(callback).__name__}"):
        KerasCallbacks([callback], None)


def test_callbacks_are_one_listener() -> None:
    log = LogListener()
    assert as_listeners([log], None) == [log]
    first, second = as_listeners([Witness(), log, Witness()], None)
    assert first is log
    assert isinstance(second, KerasCallbacks)
