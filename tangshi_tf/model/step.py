"""One step of the model: a token and a state to logits and the next state.

`take_step` is the one way to do it. It reads the weights as the variables hold them (`StepWeights`), for single calls;
or as a loop wants them (`LoopWeights`), laid out once for many steps.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tensorflow as tf

from tangshi_tf.model.loss import add_at
from tangshi_tf.model.own_cell import take_layer_step
from tangshi_tf.model.recurrence import CELLS
from tangshi_tf.model.verse_features import RhymeBonus, beside

__all__ = ["PADDED_TO", "LoopWeights", "StepWeights", "padded_size", "take_step"]

_Layer = Callable[[Any, Sequence[Any]], tuple[Any, Sequence[Any]]]

PADDED_TO = 64  # a loop has a multiple of so many logits: the sampler adds up so many at a time


def padded_size(size: int) -> int:
    """Return how many logits a loop has for so many tokens."""
    return -(-size // PADDED_TO) * PADDED_TO


class StepWeights:
    """The weights of a step, in float32.

    Args:
        model: a `PoetryModel`.
    """

    def __init__(self, model: Any) -> None:
        """See the class."""
        self.ear, self.tied = model.hearing, model.config.tied
        self.embedding = tf.convert_to_tensor(model.embedding.embeddings)
        self.layers: list[_Layer] = [
            partial(take_layer_step, layer)
            if model.has_own_cell
            else partial(_step_of, CELLS[model.config.cell], *map(tf.convert_to_tensor, layer.cell.weights))
            for layer in model.recurrent
        ]
        self.projection = [tf.convert_to_tensor(w) for w in (model.projection.kernel, model.projection.bias)]
        self.bias = tf.convert_to_tensor(model.logit_bias)

    def embed(self, token: Any) -> Any:
        """Return the embeddings `[B, embedding]` of tokens `[B]`."""
        return self.ear.embedded(tf.gather(self.embedding, token), token)

    def logits(self, x: Any, bonus: RhymeBonus | None) -> Any:
        """Return the logits `[B, V]` of what the last layer says, features beside it, and of the rhyme bonus."""
        x = self.projected(x)
        if self.tied:
            logits = self.ear.add_sounds(x, tf.matmul(x, self.embedding, transpose_b=True) + self.bias)
        else:
            logits = tf.nn.bias_add(tf.matmul(x, self.projection[0]), self.bias)
        if bonus is None:
            return logits
        logits += tf.matmul(bonus.groups, self.ear.groups(tf.float32), transpose_b=True)
        return add_at(logits, bonus.tokens, bonus.by)

    def projected(self, x: Any) -> Any:
        """Return x `[B, units + width]` projected to the width of an embedding, if the output is tied to it."""
        if not self.tied:
            return x
        kernel, bias = self.projection
        return tf.nn.bias_add(tf.matmul(x, kernel), bias)


class LoopWeights(StepWeights):
    """The same for a loop: the sounds are in the embedding, and the output matrix lies as its product wants it.

    For two rows or more, a row's logits do not depend on the batch size, as they do in the product with a transposed
    embedding. (Measured with AVX512, for units that are a multiple of 16, up to 768; elsewhere last bits may differ.)
    The logits are filled up with -inf to `padded_size` tokens.
    """

    def __init__(self, model: Any) -> None:
        """See the class."""
        super().__init__(model)
        self.embedding = self.ear.table(self.embedding)
        output = tf.transpose(self.embedding) if self.tied else self.projection[0]
        if self.ear.has_rhymes:
            output = tf.concat([output, tf.transpose(self.ear.groups(tf.float32))], axis=0)
        size = output.shape[1]
        missing = padded_size(size) - size
        self.output = tf.pad(output, [[0, 0], [0, missing]])
        self.bias = tf.pad(self.bias, [[0, missing]], constant_values=-math.inf)

    def embed(self, token: Any) -> Any:
        """See `StepWeights`."""
        return tf.gather(self.embedding, token)

    def logits(self, x: Any, bonus: RhymeBonus | None) -> Any:
        """See `StepWeights`."""
        x = beside(self.projected(x), None if bonus is None else bonus.groups)
        logits = tf.nn.bias_add(tf.matmul(x, self.output), self.bias)
        return logits if bonus is None else add_at(logits, bonus.tokens, bonus.by)


def take_step(weights: StepWeights, token: Any, state: Any) -> tuple[Any, Any]:
    """Read one token of every row.

    Args:
        weights: of the model.
        token: int32 `[B]`.
        state: canonical, see `model.state.StateLayout`.

    Returns:
        Logits float32 `[B, V]` (filled up, if these are `LoopWeights`), and the state after the token, canonical.
    """
    ear = weights.ear
    entries, after = [*state], []

    # What the verse says after this token.
    verse = features = seen = None
    if ear.has_verse:
        verse = ear.track(token, entries.pop())
        seen = ear.read(verse)
        features = ear.features_of_step(seen)

    # The layers.
    x = beside(weights.embed(token), features)
    for layer, entry in zip(weights.layers, entries, strict=True):
        before = entry if isinstance(entry, tuple) else (entry,)
        x, last = layer(x, before)
        after.append(last if len(last) > 1 else last[0])
    x = beside(x, features)

    # The output.
    logits = weights.logits(x, None if seen is None else ear.rhyme_bonus(seen, x))
    return logits, (*after, *([] if verse is None else [verse]))


def _step_of(cell: Any, kernel: Any, recurrent: Any, bias: Any, x: Any, before: Sequence[Any]) -> Any:
    """Take the step of a layer with a cell out of `CELLS`; return its output and the entries of its state."""
    of_x, of_h = tf.matmul(x, kernel), tf.matmul(before[0], recurrent)
    if cell.one_sum:
        of_x = tf.nn.bias_add(of_x, bias)
    else:
        of_x, of_h = tf.nn.bias_add(of_x, bias[0]), tf.nn.bias_add(of_h, bias[1])
    after, _ = cell.forward(of_x, of_h, before)
    return after[0], after
