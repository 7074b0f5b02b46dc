"""What a fine-tuned model has gained on its own poems, and lost on those of its base."""

from pathlib import Path
from typing import NamedTuple

from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.errors import TangshiError
from tangshi_tf.evaluation.perplexity import evaluate
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.storage.version_folder import read_version
from tangshi_tf.training.run_folder import Run

__all__ = ["BASE", "Gain", "gained", "score_base"]

BASE = "validation of the base"  # the name of the figure in the description of a version


def score_base(run: Run, model: PoetryModel) -> dict[str, float]:
    """Score a fine-tuned model on the validation poems of its base.

    Returns:
        The perplexity by name, or nothing: if there is no base, or if it has learnt other poems than the shipped ones.
    """
    if not run.base or _base_figure(run) is None:
        return {}
    return {BASE: evaluate(model, read_corpus().texts("validation")).total.perplexity}


class Gain(NamedTuple):
    """Perplexity before and after fine-tuning: of the run's validation poems, and of those of the base if known."""

    before: float
    after: float
    base_before: float | None
    base_after: float | None


def gained(run: Run, version: Path) -> Gain | None:
    """Compare a fine-tuned model with its base; None for other models."""
    base = run.manifest.get("base")
    if base is None:
        return None
    after = read_version(version).get("perplexity", {}).get(BASE)
    before = None if after is None else _base_figure(run)
    return Gain(base["validation_perplexity"], run.best["validation_perplexity"], before, after)


def _base_figure(run: Run) -> float | None:
    """Return the validation perplexity of the base, if it has learnt the shipped poems."""
    try:
        record = read_version(Path(run.base or ""))
    except TangshiError:  # it may be gone
        return None
    manifest = record.get("manifest", {})
    shipped = read_corpus().digest(bool(record["model"].get("titles")))
    return record.get("perplexity", {}).get("validation") if manifest.get("corpus") == shipped else None
