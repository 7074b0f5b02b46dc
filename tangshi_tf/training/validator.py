"""After every epoch: validate, keep the best weights, write a sample, tell the listeners."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from tangshi_tf.corpus.words import joined
from tangshi_tf.errors import TangshiError
from tangshi_tf.evaluation.perplexity import perplexity
from tangshi_tf.generation.stream import Streamer
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.phases import phase
from tangshi_tf.training.hardware import usage
from tangshi_tf.training.history import out_of_patience
from tangshi_tf.training.keras_callbacks import KerasCallbacks, as_listeners
from tangshi_tf.training.listeners import EpochReport, Listener, RunPlan, Sample, SampleListener
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import Task
from tangshi_tf.training.trainer import Progress

__all__ = ["Validator"]

_FIRST_SAMPLE = 30.0  # seconds until the first sample
_SAMPLES = 180.0  # seconds from one to the next


class Validator:
    """Validates a model after every epoch, keeps the best weights and the history, and tells the listeners.

    Args:
        run: whose weights and history are kept.
        model: that is trained.
        task: what it is trained on.
        listeners: who follow the run; callbacks of Keras may be among them.
        began: when the run began, by `time.monotonic`.
    """

    def __init__(self, run: Run, model: PoetryModel, task: Task, listeners: Sequence[Listener], began: float) -> None:
        """See the class."""
        self._run, self._model, self._task = run, model, task
        self._listeners, self._began = as_listeners(listeners, model), began
        self._next_sample = time.monotonic() + _FIRST_SAMPLE
        self._score = task.validation(model)
        self._epochs = len(run.history)
        self._streamer = Streamer(model, model.vocabulary, ends=model.config.kind.ends)

    def announce(self, plan: RunPlan) -> None:
        """Tell the listeners the plan."""
        for listener in self._listeners:
            listener.planned(plan)

    def follow(self, progress: Progress) -> None:
        """Pass the progress on; at the end of an epoch, validate.

        Raises:
            TangshiError: if the validation figure is not finite, or a file cannot be written.
        """
        # A plan may end, and be extended, in the midst of an epoch; its two parts count as epochs of their own.
        progress = replace(progress, epoch=self._epochs + 1)
        for listener in self._listeners:
            listener.progressed(progress)
        if progress.epoch_ended:
            self._validate(progress)
            self._epochs += 1
        elif time.monotonic() >= self._next_sample:
            self._tell_sample(progress)
        else:
            return
        self._next_sample = time.monotonic() + _SAMPLES

    def _tell_sample(self, progress: Progress) -> None:
        """Write a text for the listeners that want one; training does not notice."""
        followers = [listener for listener in self._listeners if isinstance(listener, SampleListener)]
        if followers:
            sample = Sample(progress.step, time.monotonic() - self._began, self._sample())
            for listener in followers:
                listener.sampled(sample)

    def perplexity(self) -> float:
        """Return the validation perplexity of the current weights."""
        return perplexity(*self._score())

    def _validate(self, progress: Progress) -> None:
        # The figure, and whether it is the best.
        nll, tokens = self._score()
        figure = perplexity(nll, tokens)
        if not math.isfinite(figure):
            raise TangshiError(
                f"A finite validation figure is required. Received: {figure} after epoch {progress.epoch}; "
                "a lower learning rate may help."
            )
        best = nll / tokens < min((record["validation_nll"] for record in self._run.history), default=math.inf)
        if best:
            self._run.save_weights(self._model)

        # The report.
        predicted, target = self._prediction()
        report = EpochReport(
            epoch=progress.epoch,
            loss=progress.loss,
            validation_nll=nll / tokens,
            validation_perplexity=figure,
            best=bool(best),
            seconds=time.monotonic() - self._began,
            poem=self._sample(),
            predicted=predicted,
            target=target,
        )
        facts = {
            "step": progress.step,
            "learning_rate": progress.learning_rate,
            "tokens_per_second": progress.tokens_per_second,
        }
        self._run.append_history(asdict(report) | facts | usage())
        for listener in self._listeners:
            listener.validated(report)

    def end(self) -> None:
        """Tell the callbacks of Keras that the run has ended."""
        for listener in self._listeners:
            if isinstance(listener, KerasCallbacks):
                listener.ended()

    def out_of_patience(self, patience: int) -> bool:
        """Tell whether `patience` epochs have passed without improvement, or a callback of Keras has asked to stop.

        0 disables early stopping.
        """
        stopped = getattr(self._model, "stop_training", False)
        return stopped or out_of_patience(self._run.history, patience)

    @phase("writing a sample")
    def _sample(self) -> str:
        """Return a text by the current weights."""
        tokens = self._streamer.write(**self._task.sampling)
        return joined(tokens) if self._model.config.unit == "word" else "".join(tokens)

    def _prediction(self) -> tuple[str, str]:
        """Return the likeliest next token at every place of the excerpt, and what stands there."""
        ids = np.array(self._task.excerpt(), np.int32)
        found = np.argmax(self._model(ids[np.newaxis])[0], axis=-1)
        texts = self._model.vocabulary.texts()
        predicted, target = ([texts[i] or "·" for i in row] for row in (found, ids[1:]))
        return self._task.shown(predicted), self._task.shown(target)
