"""What a run learns from, poems or prose: batches, a score for validation, samples to look at."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tangshi_tf.config import ModelConfig, TrainingConfig
from tangshi_tf.corpus.cleaning import character_table
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.corpus.prose import Prose
from tangshi_tf.corpus.titles import titles_of
from tangshi_tf.corpus.words import joined
from tangshi_tf.dataset import LaneBatches, PoemBatches, encode_poems
from tangshi_tf.errors import ConfigError, CorpusError
from tangshi_tf.evaluation.perplexity import evaluator, stream_evaluator
from tangshi_tf.model.embedding_init import cooccurrence, embeddings_of
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.text_kind import TEXT_KINDS
from tangshi_tf.training.trainer import Batches
from tangshi_tf.vocabulary import BOS, Vocabulary

__all__ = ["TASKS", "PoemTask", "ProseTask", "Task", "budget_of", "make_task", "token_counts"]

_LEAST_BATCHES = 20  # an epoch
_PUBLISHING = 5  # validations: the best weights are scored once more in float32, on two splits, and exported
_PUBLISHING_TITLED = 9  # the same, with and without titles
_SHOWN = 60  # tokens of prose


class Task(Protocol):
    """What a run has to know of its corpus.

    Attributes:
        vocabulary: of the text to train on.
        digest: differs if what is learnt differs.
        counted: what the members are: poems, characters or words.
        members: their number by split.
        dropped: poems that were left out, by reason.
        tokens: in an epoch.
        publishing: how many times a validation the export of the best weights takes.
        sampling: arguments of `Streamer.write` for the sample of an epoch.
    """

    vocabulary: Vocabulary
    digest: str
    counted: str
    members: Mapping[str, int]
    dropped: Mapping[str, int]
    tokens: int
    publishing: int
    sampling: Mapping[str, Any]

    def batches(self) -> Batches:
        """Return what is trained on."""

    def unknown(self) -> Mapping[str, tuple[int, int]]:
        """Return how many tokens the vocabulary lacks, and how many there are, to train on and to validate on."""

    def embeddings(self) -> Any:
        """Return the first embeddings, float32 `[V, embedding]`, zeros for a token left to chance; None for none."""

    def validation(self, model: PoetryModel) -> Callable[[], tuple[float, int]]:
        """Return a function that scores the current weights on the validation split: (total nats, tokens)."""

    def excerpt(self) -> list[int]:
        """Return ids to be shown beside what is predicted for them, BOS first."""

    def shown(self, texts: list[str]) -> str:
        """Return the texts of some tokens on one line."""


def budget_of(token_budget: int, texts: Sequence[str]) -> int:
    """Return the tokens of a batch: a small corpus is cut into enough batches to learn something in an epoch."""
    return min(token_budget, max(1, sum(len(text) + 2 for text in texts) // _LEAST_BATCHES))


class PoemTask:
    """The `Task` of a corpus of poems."""

    counted = "poems"
    dropped: Mapping[str, int]
    members: Mapping[str, int]
    sampling: Mapping[str, Any] = {"temperature": 0.0}

    def __init__(
        self,
        corpus: Corpus,
        model_config: ModelConfig,
        training_config: TrainingConfig,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """See `make_task`."""
        for split in ("train", "validation"):
            if not corpus.splits[split]:
                raise CorpusError(
                    f"A poem to train on and one to validate on are required. Received: none for {split}."
                )
        texts, titles = corpus.texts("train"), titles_of(corpus.poems("train"))
        titled = model_config.titles and any(titles)
        self.vocabulary = vocabulary or Vocabulary.build(
            texts, training_config.min_count, character_table(), titled=titled
        )
        titled = titled and self.vocabulary.separator is not None  # that of a base may have none
        self.digest, self.dropped = corpus.digest(model_config.titles), corpus.dropped
        self.members = {split: len(members) for split, members in corpus.splits.items()}
        self.publishing = _PUBLISHING_TITLED if titled else _PUBLISHING
        self.tokens = sum(len(text) + 1 for text in texts)
        self._texts, self._titles, self._validation = texts, titles if titled else None, corpus.texts("validation")
        self._budget = budget_of(training_config.token_budget, texts)
        self._seed = training_config.seed
        self._embedding = model_config.embedding if training_config.cooccurrence else 0

    def batches(self) -> Batches:
        """See `Task`."""
        sequences = encode_poems(self.vocabulary, self._texts)
        titled = None if self._titles is None else encode_poems(self.vocabulary, self._texts, self._titles)
        return PoemBatches(sequences, self._budget, self._seed, titled, self.vocabulary.separator)

    def unknown(self) -> Mapping[str, tuple[int, int]]:
        """See `Task`."""
        texts = {"train": self._texts, "validation": self._validation}
        return {split: _unknown(Counter("".join(own)), self.vocabulary) for split, own in texts.items()}

    def embeddings(self) -> Any:
        """See `Task`."""
        if not self._embedding:
            return None
        counts = cooccurrence(encode_poems(self.vocabulary, self._texts), self.vocabulary.tokens)
        return embeddings_of(counts, self._embedding, self._seed)

    def validation(self, model: PoetryModel) -> Callable[[], tuple[float, int]]:
        """See `Task`."""
        score = evaluator(model, self._validation)

        def total() -> tuple[float, int]:
            tokens, nll, *_ = score().sum(axis=0)
            return float(nll), int(tokens)

        return total

    def excerpt(self) -> list[int]:
        """See `Task`."""
        return [BOS, *self.vocabulary.encode(self._validation[0])]

    def shown(self, texts: list[str]) -> str:
        """See `Task`."""
        return "".join(texts)


class ProseTask:
    """The `Task` of running text."""

    dropped: Mapping[str, int] = {}
    members: Mapping[str, int]
    publishing = _PUBLISHING
    sampling: Mapping[str, Any] = {**TEXT_KINDS["prose"].sampler, "max_length": 2 * _SHOWN, "seed": 0}

    def __init__(
        self,
        prose: Prose,
        model_config: ModelConfig,
        training_config: TrainingConfig,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """See `make_task`."""
        self.members = {split: len(prose.part(split)) for split in ("train", "validation", "test")}
        for split in ("train", "validation"):
            if not self.members[split]:
                raise CorpusError(f"Text to train on and to validate on is required. Received: none for {split}.")
        self.tokens, self.counted = self.members["train"], "characters" if model_config.unit == "char" else "words"
        least = training_config.batch_size * training_config.sequence_length
        if self.tokens < least:
            raise CorpusError(
                f"A text of at least {least:,} tokens to train on (--batch-size times --sequence-length), or less of "
                f"these, is required. Received: {self.tokens:,} tokens."
            )
        self.vocabulary = vocabulary or Vocabulary.from_counts(
            prose.counts("train"), training_config.min_count, known=prose.types
        )
        self.digest, self._prose, self._model, self._training = prose.digest, prose, model_config, training_config

    def batches(self) -> Batches:
        """See `Task`."""
        lanes, length = self._training.batch_size, self._training.sequence_length
        return LaneBatches(self._prose.part("train"), lanes, length, self._prose.ids_of_types(self.vocabulary))

    def unknown(self) -> Mapping[str, tuple[int, int]]:
        """See `Task`."""
        return {split: _unknown(self._prose.counts(split), self.vocabulary) for split in ("train", "validation")}

    def embeddings(self) -> Any:
        """See `Task`."""
        return None

    def validation(self, model: PoetryModel) -> Callable[[], tuple[float, int]]:
        """See `Task`."""
        return stream_evaluator(model, self._prose.ids(self.vocabulary, "validation"))

    def excerpt(self) -> list[int]:
        """See `Task`."""
        return [BOS, *self._prose.ids(self.vocabulary, "validation")[:_SHOWN].tolist()]

    def shown(self, texts: list[str]) -> str:
        """See `Task`."""
        return (joined(texts) if self._model.unit == "word" else "".join(texts)).replace("\n", "⏎")


TASKS: Mapping[str, tuple[type, Callable[..., Task]]] = {"poems": (Corpus, PoemTask), "prose": (Prose, ProseTask)}
"""By kind of text, what holds the texts, and what is to be learnt from it."""


def _unknown(counts: Mapping[str, int], vocabulary: Vocabulary) -> tuple[int, int]:
    known = set(vocabulary.tokens)
    return sum(count for token, count in counts.items() if token not in known), sum(counts.values())


def token_counts(corpus: Corpus | Prose) -> Mapping[str, int]:
    """Return how often each token occurs in what is trained on."""
    return corpus.counts("train") if isinstance(corpus, Prose) else Counter("".join(corpus.texts("train")))


def make_task(
    corpus: Corpus | Prose,
    model_config: ModelConfig,
    training_config: TrainingConfig,
    vocabulary: Vocabulary | None = None,
) -> Task:
    """Return what is learnt from a corpus.

    Args:
        corpus: poems or prose.
        model_config: what is trained.
        training_config: how.
        vocabulary: of the model; by default of the tokens of the corpus.

    Raises:
        CorpusError: if there is nothing to train on or nothing to validate.
        ConfigError: if the settings are for another kind of text, or there are more lanes than tokens.
    """
    holder, task = TASKS[model_config.text]
    if not isinstance(corpus, holder):
        kind = next(name for name, (other, _) in TASKS.items() if isinstance(corpus, other))
        raise ConfigError(f"A model of {kind} is required for this corpus. Received: one of {model_config.text}.")
    return task(corpus, model_config, training_config, vocabulary)
