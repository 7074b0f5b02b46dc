"""Slow, readable NumPy versions of what the package computes fast; the tests compare the two."""

from typing import Any

import numpy as np

from tangshi_tf.model.verse_tracker import sounds_of
from tangshi_tf.verse.prosody import GROUPS, LEVEL_GROUPS

__all__ = ["CELLS", "choose", "filtered", "gru_cell", "logits", "lstm_cell", "rnn_cell", "softmax", "verses"]


def softmax(x: Any) -> Any:
    """Return exp(x) / sum(exp(x)) over the last axis."""
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def filtered(logits: Any, temperature: float, top_k: int, top_p: float) -> Any:
    """Return the probabilities `[V]` one token is drawn from: temperature, then top-k, then top-p.

    Every token as likely as the last one kept is kept too.
    """
    logits = np.asarray(logits, np.float64)
    if temperature == 0:
        return np.eye(len(logits))[np.argmax(logits)]
    p = softmax(logits / temperature)
    if top_k > 0:
        least = np.sort(p)[::-1][min(top_k, len(p)) - 1]
        p = np.where(p >= least, p, 0.0)
        p /= p.sum()
    if top_p < 1:
        falling = np.sort(p)[::-1]
        needed = int(np.searchsorted(np.cumsum(falling), top_p)) + 1
        p = np.where(p >= falling[needed - 1], p, 0.0)
        p /= p.sum()
    return p


def choose(logits: Any, uniform: Any, temperature: float, top_k: int, top_p: float) -> int:
    """Draw one token: by the first number from all tokens or, if it is not one of those kept, by the second of those.

    Each is the first index whose cumulative probability exceeds the number. Where both top-k and top-p are on, it is
    always the second number.
    """
    kept = filtered(logits, temperature, top_k, top_p)
    token = _inverted(filtered(logits, temperature, 0, 1.0), uniform[0])
    return token if kept[token] > 0 and (top_k == 0 or top_p == 1) else _inverted(kept, uniform[1])


def _inverted(probability: Any, uniform: float) -> int:
    cumulative = np.cumsum(probability)
    return int(np.argmax(cumulative > uniform * cumulative[-1]))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def rnn_cell(x: Any, state: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """Return the state (h,) after one step of the equations in `tangshi_tf.model.poetry_model`; x is `[B, D]`."""
    (h,) = state
    return (np.tanh(x @ kernel + h @ recurrent + bias),)


def lstm_cell(x: Any, state: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """Return the state (h, c); the gates stand in the order i, f, g, o."""
    h, c = state
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return (_sigmoid(o) * np.tanh(c), c)


def gru_cell(x: Any, state: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """Return the state (h,); the gates stand in the order z, r, g; bias is `[2, 3 units]`: b and d."""
    (h,) = state
    x_z, x_r, x_g = np.split(x @ kernel + bias[0], 3, axis=-1)
    h_z, h_r, h_g = np.split(h @ recurrent + bias[1], 3, axis=-1)
    z, r = _sigmoid(x_z + h_z), _sigmoid(x_r + h_r)
    return (z * h + (1 - z) * np.tanh(x_g + r * h_g),)


CELLS = {"rnn": rnn_cell, "lstm": lstm_cell, "gru": gru_cell}


def verses(names: Any, ids: Any) -> list[list[int]]:
    """Return the verse after each token of a sequence, as `tangshi_tf.model.verse_tracker` says it.

    Args:
        names: the token of every id.
        ids: of one sequence.
    """
    lines: list[list[int]] = [[]]
    found = []
    for i in ids:
        if names[i] in ("<bos>", "<sep>"):
            lines = [[]]
        elif names[i] in "，。？！；：、":
            lines += [[]] if lines[-1] else []
        elif names[i] not in ("<pad>", "<eos>"):
            lines[-1].append(i)
        *ended, line = lines
        rhyme, *earlier = [line[-1] for line in (ended[:1] + ended[1::2])[::-1]] + [0] * 5
        number = len(ended) if len(ended) < 16 else 14 + len(ended) % 2
        first = min(15, len(ended[0])) if ended else 0
        verse = [16 * first + min(15, len(line)), number, line[-1] if line else 0, rhyme]
        found.append([value + 2**15 * before for value, before in zip(verse, earlier, strict=False)])
    return found


def logits(model: Any, tokens: Any, state: Any) -> Any:
    """Return the logits `[B, T, V]` of a `PoetryModel` in float64, one step after the other.

    Args:
        model: gives the weights and nothing else.
        tokens: int `[B, T]`.
        state: flat list of `[B, units]`; the verse, if there is one, is at its beginning.
    """
    cell = CELLS[model.config.cell]
    width = 2 if model.config.cell == "lstm" else 1
    states = [tuple(state[i : i + width]) for i in range(0, len(state), width)]
    weights = [[np.asarray(w, np.float64) for w in layer.get_weights()] for layer in model.recurrent]
    table = np.asarray(model.embedding.embeddings, np.float64)
    kernel, bias = (np.asarray(w, np.float64) for w in model.projection.get_weights())
    sounds = sounds_of(model.vocabulary.tokens).astype(np.float64)
    if model.config.ear in ("full", "sounds"):
        table = table + sounds @ np.asarray(model.hearing.sound_kernel)
    meaning = np.zeros((*np.shape(tokens), 0))
    if model.config.ear in ("full", "verse"):
        parts = {name: np.asarray(getattr(model.hearing, name)) for name in ("metre", "line", "gate", "rhyme_kernel")}
        verse = np.array([verses(model.vocabulary.tokens, row) for row in tokens])
        metre, line, _, rhyme = np.moveaxis(verse % 2**15, -1, 0)
        meaning = parts["metre"][metre] + parts["line"][line]
        shared = np.zeros((*np.shape(tokens), sounds.shape[1]))
        for place in np.ndindex(*np.shape(tokens)):
            shared[place] = sounds[rhyme[place]]
            for heard in verse[place] // 2**15:
                both = shared[place] * sounds[heard]
                if both[: len(GROUPS)].any():
                    shared[place] = both
        answer = parts["gate"][2 * metre + line % 2] * (shared @ parts["rhyme_kernel"])
        meaning = meaning + answer
        states = states[: model.config.layers]
    out = []
    for t, token in enumerate(np.asarray(tokens).T):
        x = np.concatenate([table[token], meaning[:, t]], axis=-1)
        for i, own in enumerate(weights):
            states[i] = cell(x, states[i], *own)
            x = states[i][0]
        x = np.concatenate([x, meaning[:, t]], axis=-1)
        raises = x @ np.asarray(model.hearing.bonus_kernel) if model.hearing.has_rhymes else None
        x = x @ kernel + bias
        x = x @ table.T + np.asarray(model.output_bias) if model.config.tied else x
        if raises is not None:
            level = sounds[:, : len(LEVEL_GROUPS)]
            rhymes = np.concatenate([rhyme[:, t, np.newaxis], verse[:, t] // 2**15], axis=1)
            for row, (place, number, heard) in enumerate(zip(metre[:, t], line[:, t], rhymes, strict=True)):
                answer, again = raises[row] + np.asarray(model.hearing.bonus_bias)[2 * place + number % 2]
                x[row] += answer * (level @ shared[row, t, : len(LEVEL_GROUPS)])
                for token in heard[heard > 0]:
                    x[row, token] += again
        out.append(x)
    return np.stack(out, axis=1)
