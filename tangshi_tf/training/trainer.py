"""The training loop: batches, a model, a `tf.distribute` strategy. It knows nothing of poems.

The loss of a batch is the sum of the negative log-likelihoods over its tokens divided by their number over all
replicas, so that every machine layout computes the same gradient.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tangshi_tf.config import TrainingConfig
from tangshi_tf.errors import TangshiError
from tangshi_tf.phases import first_call
from tangshi_tf.training.checkpoint import Position
from tangshi_tf.training.distribution import local_replicas
from tangshi_tf.training.optimizer import build_optimizer
from tangshi_tf.vocabulary import PAD

__all__ = [
    "Batches",
    "Progress",
    "Trainer",
    "every_second",
    "total_steps",
]


class Batches(Protocol):
    """What a `Trainer` reads: see `PoemBatches` and `LaneBatches`."""

    @property
    def lanes(self) -> int:
        """The rows of every batch, whose state is carried to the next one; 0 if nothing is carried."""

    def counts(self, size: int) -> npt.NDArray[np.int64]:
        """Return how often each token of a vocabulary of that size is learnt in an epoch, titles aside, int64 `[V]`."""

    def steps(self, epoch: int) -> int:
        """Return the number of batches in an epoch, counted from 0."""

    def dataset(self, epoch: int, replicas: range, of: int, done: int) -> Any:
        """Return the parts of the given replicas, `done` batches passed over, as (X_t, Y_t, first row)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands."""

    epoch: int  # counted from 1
    step: int  # of the whole run, counted from 1
    steps: int  # of the whole run
    loss: float  # mean nats a token since the epoch began
    recent_loss: float  # mean nats a token since the progress before
    tokens_per_second: float  # since the run began or went on, validation left out
    seconds_left: float  # of the whole run, validation left out
    learning_rate: float
    epoch_ended: bool


class Trainer:
    """A model, its optimizer, and where they stand among the batches.

    The model must have been built in the strategy's scope. `position` and `values` are all that `restore` needs to go
    on with a run as if it had never stopped: batches and dropout are functions of the step.

    Args:
        model: has `summed_nll` and `state_layout`, as `PoetryModel`.
        strategy: of `tf.distribute`.
        batches: what to read.
        training_config: how to train.
        steps: of the whole run; the schedule ends with them.
        first: the step at which the schedule begins: 0, or that at which a finished run was extended.
    """

    def __init__(
        self,
        model: Any,
        strategy: Any,
        batches: Batches,
        training_config: TrainingConfig,
        steps: int,
        first: int = 0,
    ) -> None:
        """See the class."""
        self.position = Position()
        self.steps = steps
        self._model, self._strategy, self._batches, self._training_config = model, strategy, batches, training_config
        with strategy.scope():
            self._optimizer = build_optimizer(training_config, steps, first)
            self._optimizer.build(model.trainable_variables)
            widths = model.state_layout.widths if batches.lanes else ()
            self._carry = [_carried(batches.lanes, width) for width in widths]
        self._replicas = local_replicas(strategy)
        self._variables: list[Any] = [*model.weights, *self._optimizer.variables, *self._carry]
        self._train_step: Callable[..., Any] | None = None

    def values(self) -> list[npt.NDArray[Any]]:
        """Return the values of the model's and the optimizer's variables."""
        return [np.asarray(variable.numpy()) for variable in self._variables]

    def restore(self, position: Position, values: Sequence[npt.NDArray[Any]]) -> None:
        """Go back to where `position` and `values` were taken."""
        self.position = position
        with self._strategy.scope():
            for variable, value in zip(self._variables, values, strict=True):
                variable.assign(value)

    def run(self, due: Callable[[int], bool] | None = None) -> Iterator[Progress]:
        """Train, and yield the progress after each epoch and after each step for which `due` is true.

        The caller may evaluate and save in between. By default the progress is due about every second.

        Raises:
            TangshiError: if the loss is no longer a finite number.
        """
        due = due or every_second()
        first_step = self.position.step
        trained = 0.0  # tokens of this call
        seconds = 0.0  # of training in this call; what happens while we wait at the yield is not counted
        resumed = time.monotonic()
        epoch, done = _place(self._batches, self.position.step)
        while self.position.step < self.steps:
            last = self.position.step - done + self._batches.steps(epoch)
            start = self.position
            if done == 0:
                start = Position(self.position.step)
                self._forget()
            nll, tokens, step = tf.constant(start.nll), tf.constant(start.tokens), start.step
            told = start
            dataset = self._batches.dataset(epoch, self._replicas, self._strategy.num_replicas_in_sync, done)
            if self._train_step is None:
                specs = (dataset.element_spec,) * len(self._replicas)
                train_step = _compile(
                    self._model, self._optimizer, self._carry, self._strategy, self._training_config, specs
                )
                self._train_step = first_call("building the graph", train_step)
            for parts in zip(*[iter(dataset)] * len(self._replicas), strict=True):
                batch_nll, batch_tokens = self._train_step(parts, tf.constant(step))
                nll, tokens, step = nll + batch_nll, tokens + batch_tokens, step + 1
                ended = step in (self.steps, last)
                if not (ended or due(step)):
                    continue
                loss = float(nll) / float(tokens)
                if not math.isfinite(loss):
                    raise TangshiError(
                        f"A finite loss is required. Received: {loss} at step {step}; "
                        f"a learning rate below {self._training_config.learning_rate} may help."
                    )
                seconds += time.monotonic() - resumed
                self.position = Position(step, float(nll), float(tokens))
                before, told = told, self.position
                yield Progress(
                    epoch=epoch + 1,
                    step=step,
                    steps=self.steps,
                    loss=loss,
                    recent_loss=(told.nll - before.nll) / (told.tokens - before.tokens),
                    tokens_per_second=(trained + float(tokens) - start.tokens) / seconds,
                    seconds_left=seconds / (step - first_step) * (self.steps - step),
                    learning_rate=float(self._optimizer.learning_rate),
                    epoch_ended=ended,
                )
                resumed = time.monotonic()
                if ended:
                    break
            trained += float(tokens) - start.tokens
            epoch, done = epoch + 1, 0

    def _forget(self) -> None:
        """Begin an epoch from the zero state."""
        with self._strategy.scope():
            for variable in self._carry:
                variable.assign(tf.zeros(variable.shape))


def every_second() -> Callable[[int], bool]:
    """Return a function that is true when more than a second has passed since it last was."""
    last = time.monotonic()

    def due(step: int) -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last < 1.0:
            return False
        last = now
        return True

    return due


def total_steps(batches: Batches, training_config: TrainingConfig) -> int:
    """Return the number of batches of a whole run."""
    steps = 0
    for epoch in range(training_config.epochs):
        steps += batches.steps(epoch)
        if training_config.max_steps and steps >= training_config.max_steps:
            return training_config.max_steps
    return steps


def _place(batches: Batches, step: int) -> tuple[int, int]:
    """Return the epoch in which a step is, counted from 0, and how many steps of it are done before."""
    epoch = 0
    while (length := batches.steps(epoch)) <= step:
        epoch, step = epoch + 1, step - length
    return epoch, step


def _carried(lanes: int, width: int) -> Any:
    """Return a variable for an entry of the state of all lanes, which every replica has whole."""
    return tf.Variable(tf.zeros([lanes, width]), trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)


def _compile(
    model: Any, optimizer: Any, carry: Sequence[Any], strategy: Any, training_config: TrainingConfig, specs: Any
) -> Callable[..., Any]:
    """Trace one step over all replicas: (parts, step) to the whole batch's summed nll and its tokens.

    The parts are those of this worker's replicas; each replica takes its own. TensorFlow's distributed datasets would
    do that too, but closing one takes up to a minute.
    """
    replicas = strategy.num_replicas_in_sync
    variables = model.trainable_variables

    def on_replica(parts: Any, step: Any) -> Any:
        context = tf.distribute.get_replica_context()
        x, y, first_row = parts[int(tf.get_static_value(context.replica_id_in_sync_group)) % len(parts)]
        tokens = tf.reduce_sum(tf.cast(y != PAD, tf.float32))
        all_tokens = context.all_reduce(tf.distribute.ReduceOp.SUM, tokens)
        with tf.GradientTape() as tape:
            seed = tf.stack([tf.constant(training_config.seed), step])
            rows = tf.shape(x)[0]
            state = [entry[first_row : first_row + rows] for entry in carry] or None
            nll, after = model.summed_nll(x, y, dropout_seed=seed, first_row=first_row, state=state)
            loss = nll / all_tokens
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]
        # The norm to clip is that of the whole batch's gradient, so the sum over replicas comes first. The optimizer
        # sums once more, hence the division.
        if replicas > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if training_config.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, training_config.clip_norm)
        if replicas > 1:
            gradients = [g / replicas for g in gradients]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for entry, own in zip(carry, after if carry else (), strict=True):
            lanes = tf.pad(own, [[first_row, entry.shape[0] - first_row - rows], [0, 0]])
            entry.assign(context.all_reduce(tf.distribute.ReduceOp.SUM, lanes) if replicas > 1 else lanes)
        return nll, tokens

    @tf.function(input_signature=[specs, tf.TensorSpec([], tf.int32)])
    def train_step(parts: Any, step: Any) -> Any:
        per_replica = strategy.run(on_replica, args=(parts, step))
        return [strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in per_replica]

    return train_step
