"""The training loop: batches, a model, a `tf.distribute` strategy. It knows nothing of poems.

The loss of a batch is the sum of the negative log-likelihoods over its tokens divided by their number over all
replicas, so that every machine layout computes the same gradient.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import tensorflow as tf

from tangshi_tf.config import TrainingConfig
from tangshi_tf.errors import TangshiError
from tangshi_tf.vocabulary import PAD

__all__ = ["Batches", "Progress", "bfloat16_pays", "build_optimizer", "token_nll", "total_steps", "train"]


class Batches(Protocol):
    """What `train` reads: see `PoemBatches`."""

    def steps(self) -> int:
        """Return the number of batches in an epoch."""

    def dataset(self, epoch: int, replicas: range, of: int) -> Any:
        """Return the parts of the given replicas as a `tf.data.Dataset` of (X_t, Y_t, first row)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands."""

    epoch: int  # counted from 1
    step: int  # of the whole run, counted from 1
    steps: int  # of the whole run
    loss: float  # mean nats a token since the epoch began
    tokens_per_second: float  # since the epoch began
    seconds_left: float  # of the whole run, validation left out
    learning_rate: float
    epoch_ended: bool


def train(
    model: keras.Model,
    strategy: Any,
    batches: Batches,
    config: TrainingConfig,
    report_every: float = 1.0,
) -> Iterator[Progress]:
    """Train `model` and yield where the run stands, about every `report_every` seconds and after each epoch.

    The model must have been built in the strategy's scope. Whoever iterates may evaluate and save in between.

    Raises:
        TangshiError: if the loss is no longer a finite number.
    """
    per_epoch, steps = batches.steps(), total_steps(batches, config)
    with strategy.scope():
        optimizer = build_optimizer(config, steps)
        optimizer.build(model.trainable_variables)
    train_step = None
    step = 0
    for epoch in range(math.ceil(steps / per_epoch)):
        dataset = _distribute(strategy, batches, epoch)
        if train_step is None:
            train_step = _compile(model, optimizer, strategy, config, dataset.element_spec)
        began, reported = time.monotonic(), time.monotonic()
        nll = tokens = tf.zeros([])
        first_step = step
        for batch in dataset:
            batch_nll, batch_tokens = train_step(batch, tf.constant(step))
            nll, tokens, step = nll + batch_nll, tokens + batch_tokens, step + 1
            ended = step == steps or step - first_step == per_epoch
            if ended or time.monotonic() - reported >= report_every:
                loss = float(nll) / float(tokens)
                if not math.isfinite(loss):
                    raise TangshiError(
                        f"A finite loss is required. Received: {loss} at step {step}; "
                        f"a learning rate below {config.learning_rate} may help."
                    )
                reported = time.monotonic()
                yield Progress(
                    epoch=epoch + 1,
                    step=step,
                    steps=steps,
                    loss=loss,
                    tokens_per_second=float(tokens) / (reported - began),
                    seconds_left=(reported - began) / (step - first_step) * (steps - step),
                    learning_rate=float(optimizer.learning_rate),
                    epoch_ended=ended,
                )
            if ended:
                break


def total_steps(batches: Batches, config: TrainingConfig) -> int:
    """Return the number of batches of a whole run."""
    steps = batches.steps() * config.epochs
    return min(steps, config.max_steps or steps)


def build_optimizer(config: TrainingConfig, steps: int) -> Any:
    """Return the optimizer with its schedule: linear warm-up, then a cosine down to the final rate.

    The cosine is that of Loshchilov and Hutter 2017 without restarts. Biases take no weight decay.
    """
    warmup = min(config.warmup_steps, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        decay_steps=max(1, steps - warmup),
        alpha=config.final_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    if config.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate)
    if config.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def token_nll(logits: Any, targets: Any) -> Any:
    """Return the negative log-likelihood of each target in nats, 0 where it is PAD.

    Args:
        logits: float32 `[B, T, V]`.
        targets: int32 `[B, T]`.

    Returns:
        float32 `[B, T]`.
    """
    nll = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return tf.where(targets == PAD, 0.0, nll)


def bfloat16_pays(repeats: int = 5) -> bool:
    """Measure whether a bfloat16 product of a recurrent layer's size is at least 1.5 times faster than float32.

    It is on CPUs with AVX512_BF16 or AMX and on recent GPUs; other CPUs emulate it slowly. Takes well under a second.
    """

    def seconds(dtype: Any) -> float:
        x, w = tf.ones([2048, 512], dtype), tf.ones([512, 2048], dtype)
        best = math.inf
        for _ in range(repeats + 1):  # the first one warms up
            start = time.perf_counter()
            float(tf.matmul(x, w)[0, 0])
            best = min(best, time.perf_counter() - start)
        return best

    return seconds(tf.float32) > 1.5 * seconds(tf.bfloat16)


def _distribute(strategy: Any, batches: Batches, epoch: int) -> Any:
    def pipeline(context: Any) -> Any:
        here = strategy.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * here
        return batches.dataset(epoch, range(first, first + here), strategy.num_replicas_in_sync)

    return strategy.distribute_datasets_from_function(pipeline)


def _compile(model: Any, optimizer: Any, strategy: Any, config: TrainingConfig, spec: Any) -> Callable[..., Any]:
    """Trace one step over all replicas: (batch, step) to the batch's summed nll and its tokens."""
    replicas = strategy.num_replicas_in_sync
    variables = model.trainable_variables

    def on_replica(batch: Any, step: Any) -> Any:
        x, y, first_row = batch
        context = tf.distribute.get_replica_context()
        tokens = tf.reduce_sum(tf.cast(y != PAD, tf.float32))
        all_tokens = context.all_reduce(tf.distribute.ReduceOp.SUM, tokens)
        with tf.GradientTape() as tape:
            seed = tf.stack([tf.constant(config.seed), step])
            logits = model(x, training=True, dropout_seed=seed, first_row=first_row)
            nll = tf.reduce_sum(token_nll(logits, y))
            loss = nll / all_tokens
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]
        # The norm to clip is that of the whole batch's gradient, so the sum over replicas comes first. The optimizer
        # sums once more, hence the division.
        if replicas > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if config.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, config.clip_norm)
        if replicas > 1:
            gradients = [g / replicas for g in gradients]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return nll, tokens

    @tf.function(input_signature=[spec, tf.TensorSpec([], tf.int32)])
    def train_step(batch: Any, step: Any) -> Any:
        per_replica = strategy.run(on_replica, args=(batch, step))
        return [strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in per_replica]

    return train_step
