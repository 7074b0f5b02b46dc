"""One training run: train, validate, and save a checkpoint every few minutes and after each epoch."""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf

from tangshi_tf.config import FINE_TUNING, LENGTH, ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.corpus.prose import Prose
from tangshi_tf.errors import CheckpointError, ConfigError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.storage.files import Lock, clear_half_written, locked
from tangshi_tf.training.checkpoint import Position
from tangshi_tf.training.distribution import (
    agree_or_raise,
    all_or_raise,
    broadcast,
    choose_strategy,
    is_chief,
)
from tangshi_tf.training.hardware import usage
from tangshi_tf.training.listeners import Listener, LogListener, RunPlan
from tangshi_tf.training.run_files import RUN_FILES, is_run, require_place
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.session import Session
from tangshi_tf.training.tasks import Task, make_task, token_counts
from tangshi_tf.training.trainer import Trainer
from tangshi_tf.training.trainer_factory import TrainerFactory
from tangshi_tf.training.validator import Validator
from tangshi_tf.version import __version__
from tangshi_tf.vocabulary import Vocabulary

__all__ = ["estimate", "fit"]


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
    base: PoetryModel | str | Path | None = None,
) -> Run | None:
    """Train a model on poems or on prose.

    Args:
        corpus: what `read_corpus` or `read_prose` gives.
        folder: of the run, for example ``runs/tangshi``.
        model_config: what to train; by default what `tangshi-tf fit` trains, or what the base is.
        training_config: how to train it; by default as `tangshi-tf fit` does, with a base `FINE_TUNING`.
        listeners: told how the run goes; by default a logger. Callbacks of Keras may be among them.
        strategy: what `choose_strategy` gives, and by default of its own choice.
        begin: ``"new"``, ``"restart"`` to discard a run that is already there, ``"resume"`` to go on with it. A run
            that is at its end goes on if the settings give it more epochs, steps or minutes than before: the learning
            rate rises again and falls, so this is not the longer run from the start.
        command: what the run was started with, for its manifest.
        save_minutes: between two checkpoints; there is one after every epoch too.
        stop: asked about every second; once it is true, the run is saved and ends.
        base: a model to begin with, or its version folder: its weights are taken, and its vocabulary, extended by what
            the corpus has beyond it; see `transfer`. To go on, a run does not need it.

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
    folder, strategy = Path(folder), strategy or choose_strategy()
    source = None if base is None else "" if isinstance(base, PoetryModel) else str(base)
    with contextlib.ExitStack() as held:
        # Whatever fails on one worker, the base, the texts or the folder, leaves none of the others waiting.
        settle = partial(_settle, corpus, folder, begin, model_config, training_config, base)
        base, model_config, training_config, task = all_or_raise(strategy, settle)
        agree_or_raise(strategy, None, _fingerprint(model_config, training_config, task))
        look = partial(_open, held, folder, begin, model_config, training_config, task, source)
        opened = all_or_raise(strategy, look if is_chief(strategy) else _Opened)
        manifest = opened.run.manifest if opened.run else {}
        factory = TrainerFactory(model_config, training_config, task, strategy, manifest.get("precision"), base)
        session = _start(opened, factory, task, listeners or [LogListener()], command, began)
        held.callback(session.end)
        session.train(save_minutes, stop)
    return session.run


def estimate(
    corpus: Corpus | Prose,
    model_config: ModelConfig,
    training_config: TrainingConfig,
    strategy: Any = None,
    base: PoetryModel | str | Path | None = None,
    run: Run | None = None,
) -> tuple[RunPlan, float, float | None]:
    """Return what a run would do, the seconds it would take, and the GB of memory that its first steps took.

    `base` is as of `fit`; `run` is the one to go on with, whose vocabulary is settled.
    """
    began = time.monotonic()
    base = _loaded(base)
    task = make_task(corpus, model_config, training_config, _vocabulary(corpus, training_config, base, run))
    factory = TrainerFactory(model_config, training_config, task, strategy or choose_strategy(), base=base)
    steps = factory.steps(0, began)
    seconds = factory.seconds(steps)
    return factory.plan(steps), seconds, usage()["peak_memory"]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A run as the chief found it, with its checkpoint, if it has one; empty on the other workers."""

    run: Run | None = None
    position: Position = field(default_factory=Position)
    values: Sequence[Any] = ()
    seconds: float = 0.0
    extends: bool = False  # it was at its end, and is to go on for longer
    lock: Lock | None = None  # of the folder
    create: Callable[[], Run] | None = None  # begins a new one, and discards an old one


def _loaded(base: PoetryModel | str | Path | None) -> PoetryModel | None:
    return PoetryModel.from_saved_model(base) if isinstance(base, str | Path) else base


def _vocabulary(
    corpus: Corpus | Prose, training_config: TrainingConfig, base: PoetryModel | None, run: Run | None
) -> Vocabulary | None:
    """Return that of the run to go on with, or that of the base, extended; None for one that the corpus makes."""
    if run:
        return run.vocabulary
    return base.vocabulary.extended(token_counts(corpus), training_config.min_count) if base else None


def _settle(
    corpus: Corpus | Prose,
    folder: Path,
    begin: str,
    model_config: ModelConfig | None,
    training_config: TrainingConfig | None,
    base: PoetryModel | str | Path | None,
) -> tuple[PoetryModel | None, ModelConfig, TrainingConfig, Task]:
    """Load the base, and return it with the settings and with what is learnt."""
    base = _loaded(base)
    model_config = model_config or (base.config if base else ModelConfig())
    training_config = training_config or (FINE_TUNING if base else TrainingConfig())
    run = Run(folder) if begin == "resume" and is_run(folder) else None
    vocabulary = _vocabulary(corpus, training_config, base, run)
    return base, model_config, training_config, make_task(corpus, model_config, training_config, vocabulary)


def _open(
    held: contextlib.ExitStack,
    folder: Path,
    begin: str,
    model_config: ModelConfig,
    training_config: TrainingConfig,
    task: Task,
    base: str | None,
) -> _Opened:
    """Lock the folder; look whether the run can be created, or open it to go on with it.

    Raises:
        CheckpointError: if it was begun with other settings or another corpus.
    """
    lock = held.enter_context(locked(folder))
    clear_half_written(folder, RUN_FILES)
    if begin != "resume":
        restart = begin == "restart"
        require_place(folder, restart)
        create = partial(Run.create, folder, model_config, training_config, task.vocabulary, restart, base)
        return _Opened(lock=lock, create=create)
    run = Run(folder)
    begun = run.training_config
    if run.base is not None and base is None and run.progress is None:
        raise CheckpointError(f"The base of {folder} is required once more: {run.base or 'a model'}. Received: none.")
    extends = run.is_extended_by(training_config)
    changes = []
    for old, new in ((run.model_config, model_config), (begun, training_config)):
        values = [(one.name, getattr(old, one.name), getattr(new, one.name)) for one in fields(old)]
        changes += [
            f"{name} {now} in place of {before}"
            for name, before, now in values
            if now != before and not (extends and name in LENGTH)
        ]
    if run.manifest.get("corpus", task.digest) != task.digest:
        changes.append("another corpus")
    if changes:
        raise CheckpointError(
            f"What {folder} was begun with is required to go on with it. Received: {', '.join(changes)}."
        )
    return _Opened(run, *run.load_checkpoint(), extends, lock)


def _start(
    opened: _Opened, factory: TrainerFactory, task: Task, listeners: Sequence[Listener], command: str, began: float
) -> Session:
    """Put a trainer where the checkpoint says, and tell the listeners what is about to be done."""
    # The trainer.
    run, manifest, strategy = opened.run, opened.run.manifest if opened.run else {}, factory.strategy
    began -= opened.seconds
    planned = manifest.get("steps", 0)
    settled, done = (0, planned) if opened.extends else (planned, 0)
    steps = factory.steps(settled, began, done)
    all_or_raise(strategy, partial(_extend, run if opened.extends else None, factory.config, steps))
    extended = run.manifest.get("extended") if run else None
    (first,) = broadcast(strategy, [extended[-1]["step"] if extended else 0])
    trainer = factory.trainer(steps, int(first))
    _restore(trainer, opened.position, opened.values, strategy)
    # Only now, as an old run is not discarded for a plan that is refused.
    run = all_or_raise(strategy, opened.create or (lambda: opened.run))

    # The plan.
    plan = factory.plan(steps)

    def record() -> Validator | None:
        if run is None:
            return None
        validator = Validator(run, factory.model, task, listeners, began)
        if not manifest:
            facts = _manifest(plan, command, task)
            if run.base is not None:
                facts["base"] = {"path": run.base, "validation_perplexity": validator.perplexity()}
            run.write_manifest(facts)
        if run.base is not None and run.progress is None:
            run.save_checkpoint(trainer.position, trainer.values(), time.monotonic() - began)
        validator.announce(plan)
        return validator

    validator = all_or_raise(strategy, record)
    return Session(trainer, run, opened.lock, validator, strategy, factory.config.patience, began)


def _extend(run: Run | None, training_config: TrainingConfig, steps: int) -> None:
    """Plan more steps for a run that is at its end.

    Raises:
        TangshiError: if these are not more, or cannot be written down.
    """
    if run is None:
        return
    done = run.manifest["steps"]
    if steps <= done:
        raise ConfigError(f"A plan of more than the {done:,} steps that are done is required. Received: {steps:,}.")
    run.extend(training_config, steps)


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
