"""From a finished run to a numbered SavedModel that says how it came about."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tangshi_tf.config import DEFAULT_SAMPLER, PROSE_SAMPLER
from tangshi_tf.corpus.poems import Corpus
from tangshi_tf.corpus.prose import Prose
from tangshi_tf.corpus.titles import titles_of
from tangshi_tf.errors import CorpusError
from tangshi_tf.evaluation.perplexity import evaluate, perplexity, stream_evaluator
from tangshi_tf.generation.poet import Poet
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_model
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.tasks import Lessons, lessons_of

__all__ = ["publish"]

_JUDGED = ("validation", "test")
_KNOBS = ", ".join(f"{name}={value}" for name, value in DEFAULT_SAMPLER.items())
_SAMPLE = 200  # tokens


def publish(run: Run, directory: str | Path, corpus: Corpus | Prose) -> Path:
    """Judge the best weights of a run in float32 and export them, with a README that says how they came about.

    Args:
        run: a run with at least one epoch.
        directory: ``saved_models/NAME``; the next free number in it is taken.
        corpus: what the run was trained on.

    Returns:
        The folder of the new version.

    Raises:
        TangshiError: if the run has no epoch, was trained on another corpus, or cannot be exported.
    """
    best = run.best
    lessons = lessons_of(corpus, run.model_config, run.training_config)
    if run.manifest.get("corpus") != lessons.digest:
        raise CorpusError(f"The corpus is required that {run.folder} was trained on. Received: another one.")
    model = run.load_model()
    judged = _judge_prose(model, corpus) if isinstance(corpus, Prose) else _judge_poems(model, corpus)
    metadata = {
        "training": asdict(run.training_config),
        "manifest": run.manifest,
        "perplexity": judged.perplexity,
    }
    return export_model(model, Path(directory), readme=_readme(run, best, lessons, judged), metadata=metadata)


class _Judged(NamedTuple):
    perplexity: dict[str, float]  # by split
    report: list[str]  # lines of the README


def _judge_poems(model: PoetryModel, corpus: Corpus) -> _Judged:
    splits = [split for split in _JUDGED if corpus.splits[split]]
    figures = {split: evaluate(model, corpus.texts(split)) for split in splits}
    if model.vocabulary.separator:
        for split in splits:
            poems = corpus.poems(split)
            figures[f"{split}, titled"] = evaluate(model, [poem.text for poem in poems], titles_of(poems))
    rows = []
    for split, figure in figures.items():
        for name, score in [("all", figure.total), *figure.by_form.items()]:
            if score.poems:
                rows.append(
                    f"| {split} | {name} | {score.poems:,} | {score.tokens:,} | {score.perplexity:.2f} "
                    f"| {score.hanzi_perplexity:.2f} |"
                )
    poet = Poet(model)
    samples = poet.generate([""] * 10, seed=list(range(10)), **DEFAULT_SAMPLER)["poem"].numpy()
    report = [
        "Perplexity: exp of the mean nll over every character, punctuation mark and end token, zero state; an",
        "unknown character costs its share of the unknown token's probability. Titled: the text alone, given its",
        "title.",
        "",
        "| split | form | poems | tokens | perplexity | characters alone |",
        "|---|---|---:|---:|---:|---:|",
        *rows,
        "",
        f"Ten poems as they came (empty begin, zero state, seeds 0 to 9, {_KNOBS}):",
        "",
        *[f"- {sample.decode()}" for sample in samples],
    ]
    return _Judged({split: figure.total.perplexity for split, figure in figures.items()}, report)


def _judge_prose(model: PoetryModel, prose: Prose) -> _Judged:
    scores = {
        split: stream_evaluator(model, prose.ids(model.vocabulary, split))()
        for split in _JUDGED
        if len(prose.part(split))
    }
    rows = [
        f"| {split} | {tokens:,} | {nll / tokens:.4f} | {perplexity(nll, tokens):.2f} |"
        for split, (nll, tokens) in scores.items()
    ]
    poet = Poet(model)
    sample = poet.generate("", seed=0, max_length=_SAMPLE, **PROSE_SAMPLER)["poem"].numpy()[0].decode()
    report = [
        "Perplexity: exp of the mean nll over every token of the split, read once from end to end with the state",
        "carried on; an unknown token costs its share of the unknown token's probability.",
        "",
        "| split | tokens | nats a token | perplexity |",
        "|---|---:|---:|---:|",
        *rows,
        "",
        f"{_SAMPLE} tokens as they came (empty begin, zero state, seed 0):",
        "",
        "```text",
        *sample.split("\n"),
        "```",
    ]
    return _Judged({split: perplexity(*score) for split, score in scores.items()}, report)


def _readme(run: Run, best: Mapping[str, Any], lessons: Lessons, judged: _Judged) -> str:
    """Say with which command, on what, how long and with which result a version was made."""
    manifest, history = run.manifest, run.history
    model, last = run.model_config, history[-1]
    memory = f" and {last['peak_memory']:.1f} GB of memory" if last["peak_memory"] else ""
    return "\n".join(
        [
            f"# A poet by tangshi-tf {manifest['package']}",
            "",
            f"Made by `{manifest['command']}` on {manifest['devices']}, in {last['seconds'] / 60:.1f} minutes{memory} "
            f"({best['tokens_per_second']:,.0f} tokens/s while training, {manifest['precision']}; "
            f"TensorFlow {manifest['tensorflow']}, Keras {manifest['keras']}).",
            "",
            f"{model.layers} x {model.cell.upper()}({model.units}), embedding {model.embedding}, ear {model.ear}, "
            f"{manifest['vocabulary']:,} tokens, {manifest['parameters']:,} parameters. Trained on "
            f"{lessons.members['train']:,} {lessons.counted}, {manifest['tokens']:,} tokens an epoch; the weights are "
            f"those after epoch {best['epoch']} of the {len(history)} trained, the best on the validation split.",
            "",
            *judged.report,
            "",
            "```python",
            "import tensorflow as tf",
            "",
            'poet = tf.saved_model.load("PATH/OF/THIS/FOLDER")',
            f'poem = poet.generate("山", seed=1, {_KNOBS})["poem"]',
            "print(poem.numpy()[0].decode())",
            "print(poet.about().numpy().decode())",
            "```",
            "",
        ]
    )
