"""One training run: from a corpus to the best weights in a run's folder."""

import contextlib
import functools
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Protocol

import keras
import numpy as np
import tensorflow as tf

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.corpus.prose import Prose
from tangshi_tf.errors import CheckpointError, ConfigError, StoppedError, TangshiError
from tangshi_tf.evaluation.perplexity import perplexity
from tangshi_tf.files import locked
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.training.distribution import add_up, choose_strategy, from_chief, is_chief, together, worker_count
from tangshi_tf.training.hardware import bfloat16_pays, devices, usage
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import Lessons, lessons_of
from tangshi_tf.training.trainer import Position, Progress, Trainer, every_second, total_steps
from tangshi_tf.version import __version__

__all__ = ["EpochReport", "Listener", "Plan", "estimate", "fit"]

_LOG = logging.getLogger(__name__)
_PACE_STEPS = 40  # of a trial
_WORKERS_MEET = 10  # steps between two moments at which several workers talk to each other


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is about to do."""

    counted: str  # poems, characters or words
    members: Mapping[str, int]  # by split
    dropped: Mapping[str, int]  # poems by reason
    vocabulary: int
    parameters: int
    tokens: int  # an epoch
    epoch_steps: int
    steps: int
    precision: str
    devices: str


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What an epoch came to."""

    epoch: int
    loss: float  # nats a token in training, with dropout
    validation_nll: float  # nats a token
    validation_perplexity: float
    best: bool
    seconds: float  # that the run has taken, before it was resumed too
    poem: str  # from a zero state; greedy, but for prose
    predicted: str  # the likeliest next token at every place of a validation poem …
    target: str  # … beside what stands there


class Listener(Protocol):
    """Whoever wants to follow a run."""

    def planned(self, plan: Plan) -> None:
        """Hear, when the model is built, what is about to be done."""

    def progressed(self, progress: Progress) -> None:
        """Hear about every second where the run stands."""

    def validated(self, report: EpochReport) -> None:
        """Hear after every epoch what it came to."""


class _Log:
    """Who listens when nobody else does."""

    def planned(self, plan: Plan) -> None:
        _LOG.info("%s", plan)

    def progressed(self, progress: Progress) -> None:
        _LOG.debug("%s", progress)

    def validated(self, report: EpochReport) -> None:
        _LOG.info("%s", report)


def fit(
    corpus: Corpus | Prose,
    folder: str | Path,
    model_config: ModelConfig | None = None,
    config: TrainingConfig | None = None,
    listeners: Sequence[Listener] = (),
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
        config: how to train it; by default as `tangshi-tf fit` does.
        listeners: told how the run goes; by default a logger.
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
    """
    began = time.monotonic()
    model_config, config, listeners = model_config or ModelConfig(), config or TrainingConfig(), listeners or [_Log()]
    strategy = strategy or choose_strategy()
    lessons = lessons_of(corpus, model_config, config)
    with contextlib.ExitStack() as held:
        run: Run | None = None
        failure: TangshiError | None = None
        start: tuple[Position, list[Any], float] = (Position(), [], 0.0)
        try:
            if is_chief(strategy):
                held.enter_context(locked(Path(folder)))
                run = _open(Path(folder), begin, model_config, config, lessons)
                start = run.load_checkpoint()
        except TangshiError as error:
            failure = error
        together(strategy, failure, _fingerprint(model_config, config, lessons))
        manifest = run.manifest if run else {}
        maker = _Maker(model_config, config, lessons, strategy, manifest.get("precision"))
        steps = maker.steps(manifest.get("steps", 0), began)
        trainer = maker.trainer(steps)
        _go_on(trainer, *start[:2], strategy)
        plan = maker.plan(steps)
        began -= start[2]  # the run has taken so long before
        if run and not manifest:
            facts = {
                "command": command,
                "corpus": lessons.digest,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "package": __version__,
            }
            run.write_manifest(asdict(plan) | facts)
        judge = _Judge(run, maker.model, lessons, listeners, began) if run else None
        if judge:
            judge.announce(plan)
        due = every_second() if worker_count(strategy) == 1 else lambda step: step % _WORKERS_MEET == 0
        saved = time.monotonic()
        if from_chief(strategy, [judge is not None and judge.is_patient_no_more(config.patience)])[0]:
            return run
        for progress in trainer.run(due):
            try:
                if judge:
                    judge.hear(progress)
            except TangshiError as error:
                failure = error
            overdue = run is not None and time.monotonic() - saved >= 60 * save_minutes
            no_more = judge is not None and progress.epoch_ended and judge.is_patient_no_more(config.patience)
            asked, overdue, no_more = add_up(strategy, [stop(), overdue, no_more]).astype(bool)
            if progress.epoch_ended or asked or overdue:
                try:
                    if run and not failure:
                        run.save_checkpoint(trainer.position, trainer.values(), time.monotonic() - began)
                        saved = time.monotonic()
                except TangshiError as error:
                    failure = error
                together(strategy, failure)
            if no_more:
                break
            if asked and progress.step < progress.steps:
                raise StoppedError(f"Stopped after step {progress.step:,} of {progress.steps:,}.")
    return run


def estimate(
    corpus: Corpus | Prose, model_config: ModelConfig, config: TrainingConfig, strategy: Any = None
) -> tuple[Plan, float, float | None]:
    """Return what a run would do, the seconds it would take, and the GB of memory that its first steps took."""
    began = time.monotonic()
    maker = _Maker(model_config, config, lessons_of(corpus, model_config, config), strategy or choose_strategy())
    steps = maker.steps(0, began)
    pace, judging = maker.pace
    seconds = steps * pace + (math.ceil(steps / maker.batches.steps(0)) + maker.lessons.publishing) * judging
    return maker.plan(steps), seconds, usage()["peak_memory"]


class _Maker:
    """Makes the models and trainers of a run, all alike, from what was settled at its start."""

    def __init__(
        self,
        model_config: ModelConfig,
        config: TrainingConfig,
        lessons: Lessons,
        strategy: Any,
        precision: str | None = None,
    ) -> None:
        precision = precision or config.precision
        if precision == "auto":
            precision = "bfloat16" if bfloat16_pays() else "float32"
        (is_bfloat16,) = from_chief(strategy, [precision == "bfloat16"])
        self.precision = "bfloat16" if is_bfloat16 else "float32"
        self.model_config, self.config, self.strategy = model_config, config, strategy
        self.lessons, self.batches = lessons, lessons.batches()
        if 0 < self.batches.lanes < strategy.num_replicas_in_sync:
            raise ConfigError(
                f"A --batch-size of at least the replicas, {strategy.num_replicas_in_sync}, is required. "
                f"Received: {self.batches.lanes}."
            )

    def trainer(self, steps: int) -> Trainer:
        """Return a trainer at the beginning of a run of so many steps; its model is `model`."""
        keras.utils.set_random_seed(self.config.seed)
        with self.strategy.scope():
            self.model = PoetryModel(self.model_config, self.lessons.vocabulary, self.precision)
            self.model.begin_with(*self._beginning)
        return Trainer(self.model, self.strategy, self.batches, self.config, steps)

    @functools.cached_property
    def _beginning(self) -> tuple[Any, Any]:
        """The counts of tokens and the embeddings that a model begins with."""
        return self.batches.counts(len(self.lessons.vocabulary)), self.lessons.embeddings()

    def steps(self, settled: int, began: float) -> int:
        """Return the steps of the run: as settled when it began, or as configured, or as many as time allows."""
        (by_chief,) = from_chief(self.strategy, [settled])
        if by_chief:
            return int(by_chief)
        if not self.config.minutes:
            return total_steps(self.batches, self.config)
        pace, judging = self.pace
        left = 60 * self.config.minutes - (time.monotonic() - began)
        left -= self.lessons.publishing * judging
        steps = left / (pace + judging / self.batches.steps(0))
        (whole,) = from_chief(self.strategy, [max(1, math.floor(steps))])
        return int(whole)

    @functools.cached_property
    def pace(self) -> tuple[float, float]:
        """The seconds of a step and those of a validation, measured on a trainer that is thrown away."""
        trial = self.trainer(_PACE_STEPS)
        for _ in range(2):  # the same batches twice: at first something is compiled for every new shape
            trial.restore(Position(), trial.values())
            start = time.monotonic()
            list(trial.run(lambda step: False))
            step = (time.monotonic() - start) / _PACE_STEPS
        start = time.monotonic()
        if is_chief(self.strategy):
            self.lessons.validation(self.model)()
        return step, time.monotonic() - start

    def plan(self, steps: int) -> Plan:
        """Return what is about to be done."""
        return Plan(
            counted=self.lessons.counted,
            members=self.lessons.members,
            dropped=self.lessons.dropped,
            vocabulary=len(self.lessons.vocabulary),
            parameters=self.model.count_params(),
            tokens=self.lessons.tokens,
            epoch_steps=self.batches.steps(0),
            steps=steps,
            precision=self.precision,
            devices=devices(self.strategy),
        )


class _Judge:
    """Validates a model after every epoch, keeps the best weights and the history, and tells the listeners."""

    def __init__(
        self, run: Run, model: PoetryModel, lessons: Lessons, listeners: Sequence[Listener], began: float
    ) -> None:
        self._run, self._model, self._lessons = run, model, lessons
        self._listeners, self._began = listeners, began
        self._validate = lessons.validation(model)
        self._poet = Poet(model)

    def announce(self, plan: Plan) -> None:
        """Tell the plan."""
        for listener in self._listeners:
            listener.planned(plan)

    def hear(self, progress: Progress) -> None:
        """Pass on where the run stands; at the end of an epoch, judge it."""
        for listener in self._listeners:
            listener.progressed(progress)
        if not progress.epoch_ended:
            return
        nll, tokens = self._validate()
        figure = perplexity(nll, tokens)
        if not math.isfinite(figure):
            raise TangshiError(
                f"A finite validation figure is required. Received: {figure} after epoch {progress.epoch}; "
                "a lower learning rate may help."
            )
        history = self._run.history
        best = nll / tokens < min((record["validation_nll"] for record in history), default=math.inf)
        if best:
            self._run.save_weights(self._model)
        report = EpochReport(
            epoch=progress.epoch,
            loss=progress.loss,
            validation_nll=nll / tokens,
            validation_perplexity=figure,
            best=bool(best),
            seconds=time.monotonic() - self._began,
            poem=self._poet.generate("", **self._lessons.knobs)["poem"].numpy()[0].decode(),
            **self._predict(),
        )
        facts = {
            "step": progress.step,
            "learning_rate": progress.learning_rate,
            "tokens_per_second": progress.tokens_per_second,
        }
        self._run.append_history(asdict(report) | facts | usage())
        for listener in self._listeners:
            listener.validated(report)

    def is_patient_no_more(self, patience: int) -> bool:
        """Tell whether as many epochs as `patience` have passed without a better figure; 0 is endless patience."""
        figures = [record["validation_nll"] for record in self._run.history]
        return bool(patience and figures and len(figures) - 1 - figures.index(min(figures)) >= patience)

    def _predict(self) -> dict[str, str]:
        ids = np.array(self._lessons.excerpt(), np.int32)
        found = np.argmax(self._model(ids[np.newaxis])[0], axis=-1)
        texts = self._model.vocabulary.texts()
        return {
            name: self._lessons.printed([texts[i] or "·" for i in row])
            for name, row in (("predicted", found), ("target", ids[1:]))
        }


def _open(folder: Path, begin: str, model: ModelConfig, training: TrainingConfig, lessons: Lessons) -> Run:
    """Create the run, or open it to go on with it.

    Raises:
        CheckpointError: if it was begun with other settings or another corpus.
    """
    if begin != "resume" or not (folder / "config.json").exists():
        return Run.create(folder, model, training, lessons.vocabulary, restart=begin == "restart")
    run = Run(folder)
    changes = []
    for old, new in ((run.model_config, model), (run.training_config, training)):
        values = [(field.name, getattr(old, field.name), getattr(new, field.name)) for field in fields(old)]
        changes += [f"{name} {now} in place of {before}" for name, before, now in values if now != before]
    if run.manifest.get("corpus", lessons.digest) != lessons.digest:
        changes.append("another corpus")
    elif run.vocabulary.dumps() != lessons.vocabulary.dumps():
        changes.append("another vocabulary")
    if changes:
        raise CheckpointError(
            f"What {folder} was begun with is required to go on with it. Received: {', '.join(changes)}."
        )
    return run


def _fingerprint(model: ModelConfig, training: TrainingConfig, lessons: Lessons) -> int:
    """Return a number that tells what is to be learnt, and how, from anything else."""
    text = json.dumps([asdict(model), asdict(training), lessons.vocabulary.dumps(), lessons.digest])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _go_on(trainer: Trainer, position: Position, values: list[Any], strategy: Any) -> None:
    """Put the trainers of all workers where the chief's checkpoint says; no values are the very beginning."""
    failure = None
    if values and [value.shape for value in values] != [value.shape for value in trainer.values()]:
        failure = CheckpointError("A checkpoint with the variables of this optimizer is required. Received: others.")
    together(strategy, failure)
    place = from_chief(strategy, astuple(position))
    trainer.restore(Position(*(value.item() for value in place)), from_chief(strategy, values or trainer.values()))
