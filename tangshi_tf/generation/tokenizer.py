"""Text to characters or words and back, inside the graph.

Poems and prose of characters are cut into characters, and poems have no white space; words stand between white space,
and a line break is a piece of its own. Outside of the graph `corpus.words` does the same.
"""

from typing import Any

import tensorflow as tf

from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.titles import LONGEST_TITLE, PATTERNS
from tangshi_tf.corpus.words import GLUED_LEFT, GLUED_RIGHT
from tangshi_tf.generation.inputs import WHITE_SPACE, characters, code_points, without_white_space

__all__ = ["Tokenizer", "make_tokenizer", "normal_titles"]

_BREAK = "\x01"  # stands for a line break while text is cut at white space


class Tokenizer:
    """Cuts poems into characters, without white space."""

    def cut(self, text: Any) -> Any:
        """Return the pieces of UTF-8 texts `[B]` as string `[B, L]`, empty after the shorter."""
        return characters(code_points(without_white_space(text)))

    def join(self, pieces: Any) -> Any:
        """Return the texts `[B]` of pieces `[B, L]`; an empty one prints nothing."""
        return tf.strings.reduce_join(pieces, axis=-1)

    def continued(self, begin: Any, typed: Any, after: Any) -> Any:
        """Return texts `[B]` that begin as was typed.

        Args:
            begin: string `[B]`.
            typed: the pieces of begin, `[B, L]`.
            after: the pieces that follow, `[B, L]`, empty where something is typed.
        """
        return tf.strings.join([begin, self.join(after)])


class _Characters(Tokenizer):
    """Cuts prose into characters; white space is text."""

    def cut(self, text: Any) -> Any:
        """See the base class."""
        return characters(code_points(tf.strings.regex_replace(text, "\r\n?", "\n")))


class _Words(Tokenizer):
    """Cuts prose into words and line breaks."""

    def cut(self, text: Any) -> Any:
        """See the base class."""
        text = tf.strings.regex_replace(tf.strings.regex_replace(text, "\r\n?", "\n"), "\n", f" {_BREAK} ")
        pieces = tf.strings.split(tf.strings.regex_replace(text, WHITE_SPACE, " ")).to_tensor("")
        return tf.where(pieces == _BREAK, "\n", pieces)

    def join(self, pieces: Any) -> Any:
        """See the base class."""
        free = ~tf.strings.regex_full_match(pieces, GLUED_RIGHT) & (pieces != "")
        takes = ~tf.strings.regex_full_match(pieces, GLUED_LEFT) & (pieces != "")
        spaces = tf.where(tf.pad(free[:, :-1], [[0, 0], [1, 0]]) & takes, " ", "")
        return tf.strings.reduce_join(tf.strings.join([spaces, pieces]), axis=-1)

    def continued(self, begin: Any, typed: Any, after: Any) -> Any:
        """See the base class."""
        return self.join(tf.where(typed == "", after, typed))


_TOKENIZERS = {("poems", "char"): Tokenizer, ("prose", "char"): _Characters, ("prose", "word"): _Words}


def make_tokenizer(config: ModelConfig) -> Tokenizer:
    """Return the tokenizer of a model."""
    return _TOKENIZERS[config.text, config.unit]()


def normal_titles(titles: Any) -> Any:
    """Do what `corpus.titles.normal_title` does to UTF-8 strings of any shape; the vocabulary simplifies them."""
    for pattern, replacement in PATTERNS:
        titles = tf.strings.regex_replace(titles, pattern, replacement)
    return tf.strings.substr(titles, 0, LONGEST_TITLE, unit="UTF8_CHAR")
