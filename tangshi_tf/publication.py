"""From a finished run to a numbered SavedModel that says how it came about."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tangshi_tf.checkpoint import Run
from tangshi_tf.config import DEFAULT_SAMPLER
from tangshi_tf.corpus import Corpus
from tangshi_tf.errors import CorpusError
from tangshi_tf.evaluation import Evaluation, evaluate
from tangshi_tf.export import export
from tangshi_tf.poet import Poet
from tangshi_tf.titles import titles_of

__all__ = ["publish"]

_JUDGED = ("validation", "test")


def publish(run: Run, directory: str | Path, corpus: Corpus) -> Path:
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
    if run.manifest.get("corpus") != corpus.digest(run.model_config.titles):
        raise CorpusError(f"The corpus is required that {run.folder} was trained on. Received: another one.")
    model = run.load_model()
    judged = [split for split in _JUDGED if corpus.splits[split]]
    figures = {split: evaluate(model, corpus.texts(split)) for split in judged}
    if model.vocabulary.separator:
        for split in judged:
            poems = corpus.poems(split)
            figures[f"{split}, titled"] = evaluate(model, [poem.text for poem in poems], titles_of(poems))
    poet = Poet(model)
    samples = poet.generate([""] * 10, seed=list(range(10)), **DEFAULT_SAMPLER)["poem"].numpy()
    readme = _readme(run, best, figures, [sample.decode() for sample in samples])
    metadata = {
        "training": asdict(run.training_config),
        "manifest": run.manifest,
        "perplexity": {split: figure.total.perplexity for split, figure in figures.items()},
    }
    return export(model, Path(directory), readme=readme, metadata=metadata)


def _readme(run: Run, best: Mapping[str, Any], figures: Mapping[str, Evaluation], samples: Sequence[str]) -> str:
    """Say with which command, on what, how long and with which result a version was made."""
    manifest, history = run.manifest, run.history
    model, last = run.model_config, history[-1]
    memory = f" and {last['peak_memory']:.1f} GB of memory" if last["peak_memory"] else ""
    knobs = ", ".join(f"{name}={value}" for name, value in DEFAULT_SAMPLER.items())
    rows = []
    for split, figure in figures.items():
        for name, score in [("all", figure.total), *figure.by_form.items()]:
            if score.poems:
                rows.append(
                    f"| {split} | {name} | {score.poems:,} | {score.tokens:,} | {score.perplexity:.2f} "
                    f"| {score.hanzi_perplexity:.2f} |"
                )
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
            f"{manifest['poems']['train']:,} poems, {manifest['tokens']:,} tokens an epoch; the weights are those "
            f"after epoch {best['epoch']} of the {len(history)} trained, the best on the validation split.",
            "",
            "Perplexity: exp of the mean nll over every character, punctuation mark and end token, zero state; an",
            "unknown character costs its share of the unknown token's probability. Titled: the text alone, given its",
            "title.",
            "",
            "| split | form | poems | tokens | perplexity | characters alone |",
            "|---|---|---:|---:|---:|---:|",
            *rows,
            "",
            f"Ten poems as they came (empty begin, zero state, seeds 0 to 9, {knobs}):",
            "",
            *[f"- {sample}" for sample in samples],
            "",
            "```python",
            "import tensorflow as tf",
            "",
            'poet = tf.saved_model.load("PATH/OF/THIS/FOLDER")',
            f'poem = poet.generate("山", seed=1, {knobs})["poem"]',
            "print(poem.numpy()[0].decode())",
            "print(poet.about().numpy().decode())",
            "```",
            "",
        ]
    )
