"""The model card of a version: which command made it, on what, how long, with which result."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tangshi_tf.config import ModelConfig
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.corpus.prose import Prose
from tangshi_tf.corpus.titles import titles_of
from tangshi_tf.evaluation.perplexity import evaluate, perplexity, stream_evaluator
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.phases import phase
from tangshi_tf.text_kind import TextKind
from tangshi_tf.training.checkpoint import Checkpoint
from tangshi_tf.training.history import best_of
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import Task

__all__ = ["Course", "Results", "course_of", "model_card", "results_of", "short_card"]

_SPLITS = ("validation", "test")
_SAMPLE = 200  # tokens of prose
_BEGIN = {"poems": "山", "prose": ""}  # of the text in the example, by kind

_EXAMPLE = """\
```python
import tensorflow as tf

poet = tf.saved_model.load("PATH/OF/THIS/FOLDER")
poem = poet.generate("{begin}", seed=1, {knobs})["poem"]
print(poem.numpy()[0].decode())
print(poet.about().numpy().decode())
```
"""


class Results(NamedTuple):
    """What the weights of a run came to.

    Attributes:
        perplexity: by split, with and without titles.
        report: lines of the card.
    """

    perplexity: dict[str, float]
    report: list[str]


def _results_of_poems(model: PoetryModel, corpus: Corpus) -> Results:
    splits = [split for split in _SPLITS if corpus.splits[split]]
    figures = {split: evaluate(model, corpus.texts(split)) for split in splits}
    if model.vocabulary.separator:
        for split in splits:
            poems = corpus.poems(split)
            figures[f"{split}, titled"] = evaluate(model, [poem.text for poem in poems], titles_of(poems))
    rows = [
        f"| {split} | {name} | {score.poems:,} | {score.tokens:,} | {score.perplexity:.2f} "
        f"| {score.hanzi_perplexity:.2f} |"
        for split, figure in figures.items()
        for name, score in [("all", figure.total), *figure.by_form.items()]
        if score.poems
    ]
    poet, sampler = Poet(model), model.config.kind.sampler
    with phase("writing poems"):
        samples = poet.generate([""] * 10, seed=list(range(10)), **sampler)["poem"].numpy()
    report = [
        "Perplexity: exp of the mean nll over every character, punctuation mark and end token, zero state; an",
        "unknown character costs its share of the unknown token's probability. Titled: the text alone, given its",
        "title.",
        "",
        "| split | form | poems | tokens | perplexity | characters alone |",
        "|---|---|---:|---:|---:|---:|",
        *rows,
        "",
        f"Ten poems as they came (empty begin, zero state, seeds 0 to 9, {_knobs(model.config.kind)}):",
        "",
        *[f"- {sample.decode()}" for sample in samples],
    ]
    return Results({split: figure.total.perplexity for split, figure in figures.items()}, report)


def _results_of_prose(model: PoetryModel, prose: Prose) -> Results:
    scores = {
        split: stream_evaluator(model, prose.ids(model.vocabulary, split))()
        for split in _SPLITS
        if len(prose.part(split))
    }
    rows = [
        f"| {split} | {tokens:,} | {nll / tokens:.4f} | {perplexity(nll, tokens):.2f} |"
        for split, (nll, tokens) in scores.items()
    ]
    poet, sampler = Poet(model), model.config.kind.sampler
    with phase("writing a text"):
        sample = poet.generate("", seed=0, max_length=_SAMPLE, **sampler)["poem"].numpy()[0].decode()
    report = [
        "Perplexity: exp of the mean nll over every token of the split, read once from end to end with the state",
        "carried on; an unknown token costs its share of the unknown token's probability.",
        "",
        "| split | tokens | nats a token | perplexity |",
        "|---|---:|---:|---:|",
        *rows,
        "",
        f"{_SAMPLE} tokens as they came (empty begin, zero state, seed 0, {_knobs(model.config.kind)}):",
        "",
        "```text",
        *sample.split("\n"),
        "```",
    ]
    return Results({split: perplexity(*score) for split, score in scores.items()}, report)


_RESULTS: Mapping[str, Callable[[PoetryModel, Any], Results]] = {
    "poems": _results_of_poems,
    "prose": _results_of_prose,
}


def results_of(model: PoetryModel, corpus: Corpus | Prose) -> Results:
    """Score a model on the validation and test splits of its corpus, and let it write."""
    return _RESULTS[model.config.text](model, corpus)


class Course(NamedTuple):
    """How a run has gone so far.

    Attributes:
        manifest: what was resolved at its start.
        history: a record an epoch.
        progress: its checkpoint without values; None if it is not asked for, or there is none.
    """

    manifest: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    progress: Checkpoint | None


def course_of(run: Run, *, last: bool) -> Course:
    """Return how a run has gone so far; if it is being trained, its files tell another course later.

    Args:
        run: to be described.
        last: for the card of the last weights; that of the best ones needs no checkpoint, and it may be damaged.

    Raises:
        CheckpointError: if a file that is needed is damaged.
    """
    return Course(run.manifest, run.history, run.progress if last else None)


def model_card(model: ModelConfig, course: Course, task: Task, results: Results, *, last: bool = False) -> str:
    """Return the card of a run's best weights, or of its last ones, in Markdown."""
    manifest = course.manifest
    lines = [
        f"# A poet by tangshi-tf {manifest['package']}",
        "",
        f"Made by `{manifest['command']}` on {manifest['devices']}, in {_expense(course)}{manifest['precision']}; "
        f"TensorFlow {manifest['tensorflow']}, Keras {manifest['keras']}).",
        "",
        f"{model.layers} x {model.cell.upper()}({model.units}), embedding {model.embedding}, ear {model.ear}, "
        f"{manifest['vocabulary']:,} tokens, {manifest['parameters']:,} parameters. Trained on "
        f"{task.members['train']:,} {task.counted}, {manifest['tokens']:,} tokens an epoch; the weights are "
        f"those {_moment(course, last)}.",
        "",
        *results.report,
        "",
        _example(model.kind),
    ]
    return "\n".join(lines)


def _expense(course: Course) -> str:
    """Say how long a run has taken, and how much memory and speed, if an epoch is finished."""
    if not course.history:
        return f"{course.progress.seconds / 60 if course.progress else 0:.1f} minutes ("
    latest = course.history[-1]
    memory = f" and {latest['peak_memory']:.1f} GB of memory" if latest["peak_memory"] else ""
    speed = f"{best_of(course.history)['tokens_per_second']:,.0f} tokens/s while training"
    return f"{latest['seconds'] / 60:.1f} minutes{memory} ({speed}, "


def _moment(course: Course, last: bool) -> str:
    """Say when a run had the weights."""
    if not last:
        epoch = best_of(course.history)["epoch"]
        return f"after epoch {epoch} of the {len(course.history)} trained, the best on the validation split"
    step = course.progress.position.step if course.progress else 0
    return f"after step {step:,} of {course.manifest['steps']:,}, the last that were saved"


def short_card(kind: TextKind) -> str:
    """Return the card of a model of which nothing more is known."""
    lines = [
        "# A poet",
        "",
        f"A recurrent language model of {kind.name}, written by tangshi-tf. TensorFlow alone can use it:",
        "",
        _example(kind),
        "`config.json` holds the model's sizes, `vocabulary.txt` its tokens, one a line in the order of their ids.",
        "",
    ]
    return "\n".join(lines)


def _example(kind: TextKind) -> str:
    return _EXAMPLE.format(begin=_BEGIN[kind.name], knobs=_knobs(kind))


def _knobs(kind: TextKind) -> str:
    return ", ".join(f"{name}={value}" for name, value in kind.sampler.items())
