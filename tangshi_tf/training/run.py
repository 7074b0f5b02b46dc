"""One training run: train, validate, and save a checkpoint every few minutes and after each epoch."""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.corpus.prose import Prose
from tangshi_tf.errors import CheckpointError, StoppedError, TangshiError
from tangshi_tf.files import locked
from tangshi_tf.training.distribution import (
    agree_or_raise,
    all_reduce_sum,
    broadcast,
    choose_strategy,
    is_chief,
    worker_count,
)
from tangshi_tf.training.hardware import usage
from tangshi_tf.training.listeners import Listener, LogListener, RunPlan
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import Task, make_task
from tangshi_tf.training.trainer import Position, Progress, Trainer, every_second
from tangshi_tf.training.trainer_factory import TrainerFactory
from tangshi_tf.training.validator import Validator
from tangshi_tf.version import __version__

__all__ = ["estimate", "fit"]

_WORKERS_MEET = 10  # steps between two moments at which several workers talk to each other


def fit(
    corpus: Corpus | Prose,
    folder: str | Path,
    model_config: ModelConfig | None = None,
    training_config: TrainingConfig | None = None,
    *,
    listeners: Sequence[Listener | keras.callbacks.Callback] = (),
    strategy: Any = None,
    begin: Literal["new", "restart", "resume"] = "new",
    command: str = "",
    save_minutes: float = 5.0,
    stop: Callable[[], bool] = lambda: False,
) -> Run | None:
    """Train a model on poems or on prose.

    Args:
        corpus: what `read_corpus` or `read_prose` gives.
        folder: of the run, for example ``runs/tangshi``.
        model_config: what to train; by default what `tangshi-tf fit` trains.
        training_config: how to train it; by default as `tangshi-tf fit` does.
        listeners: told how the run goes; by default a logger. Callbacks of Keras may be among them.
        strategy: what `choose_strategy` gives, and by default of its own choice.
        begin: ``"new"``, ``"restart"`` to discard a run that is already there, ``"resume"`` to go on with it if it is.
        command: what the run was started with, for its manifest.
        save_minutes: between two checkpoints; there is one after every epoch too.
        stop: asked about every second; once it is true, the run is saved and ends.

    Returns:
        The finished run; its best weights are those of the epoch with the lowest validation perplexity. None on a
        worker that is not the chief.

    Raises:
        StoppedError: if `stop` asked for it.
        TangshiError: if the corpus, the settings or the folder do not allow a run.

    Example:
        >>> from tangshi_tf import ModelConfig, TrainingConfig, read_corpus
        >>> for file, poem in {"a.txt": "春眠不觉晓，处处闻啼鸟。", "b.txt": "红豆生南国，春来发几枝。"}.items():
        ...     _ = Path(file).write_text(poem, encoding="utf-8")
        >>> corpus = read_corpus(["a.txt", "b.txt"])
        >>> run = fit(corpus, "runs/mine", ModelConfig(units=8, embedding=8), TrainingConfig(epochs=1, min_count=1))
        >>> run.best["epoch"]
        1
    """
    began = time.monotonic()
    model_config, training_config = model_config or ModelConfig(), training_config or TrainingConfig()
    strategy = strategy or choose_strategy()
    task = make_task(corpus, model_config, training_config)
    with contextlib.ExitStack() as held:
        opened = _open_together(held, strategy, Path(folder), begin, model_config, training_config, task)
        manifest = opened.run.manifest if opened.run else {}
        factory = TrainerFactory(model_config, training_config, task, strategy, manifest.get("precision"))
        session = _start(opened, factory, task, listeners or [LogListener()], command, began)
        held.callback(session.end)
        session.train(save_minutes, stop)
    return opened.run


def estimate(
    corpus: Corpus | Prose, model_config: ModelConfig, training_config: TrainingConfig, strategy: Any = None
) -> tuple[RunPlan, float, float | None]:
    """Return what a run would do, the seconds it would take, and the GB of memory that its first steps took."""
    began = time.monotonic()
    task = make_task(corpus, model_config, training_config)
    factory = TrainerFactory(model_config, training_config, task, strategy or choose_strategy())
    steps = factory.steps(0, began)
    seconds = factory.seconds(steps)
    return factory.plan(steps), seconds, usage()["peak_memory"]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A run as it was found: its folder, None on a worker that is not the chief; and its checkpoint, if it has one."""

    run: Run | None = None
    position: Position = field(default_factory=Position)
    values: Sequence[Any] = ()
    seconds: float = 0.0


@dataclass(slots=True)
class _Session:
    """Trains, validates and saves until the run is at its end, or has to stop."""

    trainer: Trainer
    run: Run | None
    validator: Validator | None
    strategy: Any
    patience: int
    began: float

    def train(self, save_minutes: float, stop: Callable[[], bool]) -> None:
        """Train to the end; see `fit`."""
        due = every_second() if worker_count(self.strategy) == 1 else lambda step: step % _WORKERS_MEET == 0
        saved, failure = time.monotonic(), None
        if broadcast(self.strategy, [self._out_of_patience()])[0]:
            return
        for progress in self.trainer.run(due):
            failure = failure or self._follow(progress)
            # What depends on a clock, a file or a signal is decided together.
            overdue = self.run is not None and time.monotonic() - saved >= 60 * save_minutes
            done = progress.epoch_ended and self._out_of_patience()
            asked, overdue, done = all_reduce_sum(self.strategy, [stop(), overdue, done]).astype(bool)
            if progress.epoch_ended or asked or overdue:
                failure = failure or self._save()
                saved = time.monotonic()
                agree_or_raise(self.strategy, failure)
            if done:
                return
            if asked and progress.step < progress.steps:
                raise StoppedError(f"Stopped after step {progress.step:,} of {progress.steps:,}.")

    def end(self) -> None:
        """Tell whoever has to know that the run has ended, or was stopped."""
        if self.validator:
            self.validator.end()

    def _follow(self, progress: Progress) -> TangshiError | None:
        """Validate at the end of an epoch; return what went wrong."""
        try:
            if self.validator:
                self.validator.follow(progress)
        except TangshiError as error:
            return error
        return None

    def _save(self) -> TangshiError | None:
        """Write a checkpoint; return what went wrong."""
        try:
            if self.run:
                self.run.save_checkpoint(self.trainer.position, self.trainer.values(), time.monotonic() - self.began)
        except TangshiError as error:
            return error
        return None

    def _out_of_patience(self) -> bool:
        return self.validator is not None and self.validator.out_of_patience(self.patience)


def _open_together(
    held: contextlib.ExitStack,
    strategy: Any,
    folder: Path,
    begin: str,
    model_config: ModelConfig,
    training_config: TrainingConfig,
    task: Task,
) -> _Opened:
    """Lock and open the run on the chief. All workers go on, with the same settings, or all raise."""
    failure: TangshiError | None = None
    opened = _Opened()
    try:
        if is_chief(strategy):
            held.enter_context(locked(folder))
            opened = _open(folder, begin, model_config, training_config, task)
    except TangshiError as error:
        failure = error
    agree_or_raise(strategy, failure, _fingerprint(model_config, training_config, task))
    return opened


def _open(folder: Path, begin: str, model_config: ModelConfig, training_config: TrainingConfig, task: Task) -> _Opened:
    """Create the run, or open it to go on with it.

    Raises:
        CheckpointError: if it was begun with other settings or another corpus.
    """
    if begin != "resume" or not (folder / "config.json").exists():
        run = Run.create(folder, model_config, training_config, task.vocabulary, restart=begin == "restart")
        return _Opened(run, *run.load_checkpoint())
    run = Run(folder)
    changes = []
    for old, new in ((run.model_config, model_config), (run.training_config, training_config)):
        values = [(one.name, getattr(old, one.name), getattr(new, one.name)) for one in fields(old)]
        changes += [f"{name} {now} in place of {before}" for name, before, now in values if now != before]
    if run.manifest.get("corpus", task.digest) != task.digest:
        changes.append("another corpus")
    elif run.vocabulary.dumps() != task.vocabulary.dumps():
        changes.append("another vocabulary")
    if changes:
        raise CheckpointError(
            f"What {folder} was begun with is required to go on with it. Received: {', '.join(changes)}."
        )
    return _Opened(run, *run.load_checkpoint())


def _start(
    opened: _Opened, factory: TrainerFactory, task: Task, listeners: Sequence[Listener], command: str, began: float
) -> _Session:
    """Put a trainer where the checkpoint says, and tell the listeners what is about to be done."""
    # The trainer.
    run, manifest, strategy = opened.run, opened.run.manifest if opened.run else {}, factory.strategy
    steps = factory.steps(manifest.get("steps", 0), began)
    trainer = factory.trainer(steps)
    _restore(trainer, opened.position, opened.values, strategy)
    began -= opened.seconds

    # The plan.
    plan, validator = factory.plan(steps), None
    if run:
        if not manifest:
            run.write_manifest(_manifest(plan, command, task))
        validator = Validator(run, factory.model, task, listeners, began)
        validator.announce(plan)
    return _Session(trainer, run, validator, strategy, factory.config.patience, began)


def _manifest(plan: RunPlan, command: str, task: Task) -> dict[str, Any]:
    """Return what was resolved at the start of a run."""
    return asdict(plan) | {
        "command": command,
        "corpus": task.digest,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "package": __version__,
    }


def _fingerprint(model_config: ModelConfig, training_config: TrainingConfig, task: Task) -> int:
    """Return a number that differs if what is to be learnt differs, or how."""
    text = json.dumps([asdict(model_config), asdict(training_config), task.vocabulary.dumps(), task.digest])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _restore(trainer: Trainer, position: Position, values: Sequence[Any], strategy: Any) -> None:
    """Put the trainers of all workers where the chief's checkpoint says; no values are the very beginning."""
    failure = None
    if values and [value.shape for value in values] != [value.shape for value in trainer.values()]:
        failure = CheckpointError("A checkpoint with the variables of this optimizer is required. Received: others.")
    agree_or_raise(strategy, failure)
    place = broadcast(strategy, astuple(position))
    trainer.restore(Position(*(value.item() for value in place)), broadcast(strategy, values or trainer.values()))
