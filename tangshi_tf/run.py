"""From a corpus to a numbered SavedModel: one training run and its publication."""

import hashlib
import logging
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

import tangshi_tf
from tangshi_tf.checkpoint import Run
from tangshi_tf.config import DEFAULT_SAMPLER, ModelConfig, TrainingConfig
from tangshi_tf.corpus import Corpus, character_table, read_corpus
from tangshi_tf.dataset import PoemBatches, encode_poems
from tangshi_tf.distribution import choose_strategy
from tangshi_tf.errors import CorpusError
from tangshi_tf.evaluation import Evaluation, evaluate, evaluator
from tangshi_tf.export import export
from tangshi_tf.model import PoetryModel
from tangshi_tf.poet import Poet
from tangshi_tf.training import Progress, bfloat16_pays, total_steps, train
from tangshi_tf.vocabulary import Vocabulary

__all__ = ["EpochReport", "Listener", "Plan", "fit", "publish"]

_JUDGED = ("validation", "test")
_LEAST_BATCHES = 20  # an epoch
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is about to do."""

    poems: Mapping[str, int]  # by split
    dropped: Mapping[str, int]  # by reason
    vocabulary: int
    parameters: int
    tokens: int  # an epoch
    steps: int
    precision: str
    devices: str


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What an epoch came to."""

    epoch: int
    loss: float  # nats a token in training, with dropout
    validation_nll: float  # nats a token
    validation_perplexity: float
    best: bool
    seconds: float  # since the run began
    poem: str  # greedy, from a zero state
    predicted: str  # the likeliest next character at every place of a validation poem …
    target: str  # … beside what stands there


class Listener(Protocol):
    """Whoever wants to follow a run."""

    def planned(self, plan: Plan) -> None:
        """Hear, when the model is built, what is about to be done."""

    def progressed(self, progress: Progress) -> None:
        """Hear about every second where the run stands."""

    def validated(self, report: EpochReport) -> None:
        """Hear after every epoch what it came to."""


class _Log:
    """Who listens when nobody else does."""

    def planned(self, plan: Plan) -> None:
        _LOG.info("%s", plan)

    def progressed(self, progress: Progress) -> None:
        _LOG.debug("%s", progress)

    def validated(self, report: EpochReport) -> None:
        _LOG.info("%s", report)


def fit(
    corpus: Corpus,
    folder: str | Path,
    model_config: ModelConfig | None = None,
    config: TrainingConfig | None = None,
    listener: Listener | None = None,
    strategy: str = "auto",
    restart: bool = False,
    command: str = "",
) -> Run:
    """Train a model on poems.

    Args:
        corpus: what `read_corpus` gives.
        folder: of the run, for example ``runs/tangshi``.
        model_config: what to train; by default what `tangshi-tf fit` trains.
        config: how to train it; by default as `tangshi-tf fit` does.
        listener: told how the run goes; by default a logger.
        strategy: see `choose_strategy`.
        restart: discard a run that is already there.
        command: what the run was started with, for its manifest.

    Returns:
        The finished run; its best weights are those of the epoch with the lowest validation perplexity.

    Raises:
        TangshiError: if the corpus, the settings or the folder do not allow a run.
    """
    began = time.monotonic()
    model_config, config, listener = model_config or ModelConfig(), config or TrainingConfig(), listener or _Log()
    scope = choose_strategy(strategy)
    for split in ("train", "validation"):
        if not corpus.splits[split]:
            raise CorpusError(f"A poem to train on and one to validate on are required. Received: none for {split}.")
    vocabulary = _vocabulary(corpus, config.min_count)
    run = Run.create(Path(folder), model_config, config, vocabulary, restart)

    precision = config.precision
    if precision == "auto":
        precision = "bfloat16" if bfloat16_pays() else "float32"
    keras.utils.set_random_seed(config.seed)
    with scope.scope():
        model = PoetryModel(model_config, vocabulary, precision)
    batches = _batches(vocabulary, corpus, config)
    plan = Plan(
        poems={split: len(members) for split, members in corpus.splits.items()},
        dropped=corpus.dropped,
        vocabulary=len(vocabulary),
        parameters=model.count_params(),
        tokens=int(batches.sequences.flat_values.shape[0] - batches.sequences.nrows()),
        steps=total_steps(batches, config),
        precision=precision,
        devices=_devices(scope),
    )
    manifest = {
        **asdict(plan),
        "command": command,
        "corpus": _digest(corpus),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "package": tangshi_tf.__version__,
    }
    run.write_manifest(manifest)
    listener.planned(plan)

    validation = _texts(corpus, "validation")
    score = evaluator(model, validation)
    poet = Poet(model)
    best = np.inf
    for progress in train(model, scope, batches, config):
        listener.progressed(progress)
        if not progress.epoch_ended:
            continue
        tokens, nll, *_ = score().sum(axis=0)
        is_best = nll / tokens < best
        if is_best:
            best = nll / tokens
            run.save_weights(model)
        predicted, target = _predict(model, validation[0])
        report = EpochReport(
            epoch=progress.epoch,
            loss=progress.loss,
            validation_nll=nll / tokens,
            validation_perplexity=float(np.exp(nll / tokens)),
            best=bool(is_best),
            seconds=time.monotonic() - began,
            poem=poet.generate("", temperature=0.0)["poem"].numpy()[0].decode(),
            predicted=predicted,
            target=target,
        )
        run.append_history(
            asdict(report)
            | {
                "step": progress.step,
                "peak_memory": _peak_memory(),
                "tokens_per_second": progress.tokens_per_second,
                "learning_rate": progress.learning_rate,
            }
        )
        listener.validated(report)
    return run


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
    if run.manifest.get("corpus") != _digest(corpus):
        raise CorpusError(f"The corpus is required that {run.folder} was trained on. Received: another one.")
    model = run.load_model()
    figures = {split: evaluate(model, _texts(corpus, split)) for split in _JUDGED if corpus.splits[split]}
    poet = Poet(model)
    samples = poet.generate([""] * 10, seed=list(range(10)), **DEFAULT_SAMPLER)["poem"].numpy()
    readme = _readme(run, best, figures, [sample.decode() for sample in samples])
    metadata = {
        "training": asdict(run.training_config),
        "manifest": run.manifest,
        "perplexity": {split: figure.total.perplexity for split, figure in figures.items()},
    }
    return export(model, Path(directory), readme=readme, metadata=metadata)


def _batches(vocabulary: Vocabulary, corpus: Corpus, config: TrainingConfig) -> PoemBatches:
    """Cut the training poems into batches; a small corpus into enough of them to learn something in an epoch."""
    sequences = encode_poems(vocabulary, _texts(corpus, "train"))
    budget = min(config.token_budget, max(1, len(sequences.flat_values) // _LEAST_BATCHES))
    return PoemBatches(sequences, budget, config.seed)


def _texts(corpus: Corpus, split: str) -> list[str]:
    return [poem.text for poem in corpus.splits[split]]


def _digest(corpus: Corpus) -> str:
    """Return what tells one corpus, split included, from another."""
    digest = hashlib.sha256()
    for split, poems in corpus.splits.items():
        digest.update("\n".join([split, *(poem.text for poem in poems), ""]).encode())
    return digest.hexdigest()


def _vocabulary(corpus: Corpus, min_count: int) -> Vocabulary:
    """Take the characters of the training split; all that the shipped corpus knows share the unknown token."""
    shipped = {char for poem in read_corpus().poems("all") for char in poem.text}
    return Vocabulary.build(_texts(corpus, "train"), min_count, character_table(), shipped)


def _predict(model: PoetryModel, text: str) -> tuple[str, str]:
    ids = encode_poems(model.vocabulary, [text]).to_tensor()
    predicted = np.argmax(model(ids[:, :-1])[0], axis=-1)
    printed = model.vocabulary.texts()
    return "".join(printed[i] or "·" for i in predicted), text


def _peak_memory() -> float | None:
    """Return the most main memory this process has held, in GB; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _devices(strategy: Any) -> str:
    names = []
    for device in tf.config.list_physical_devices("GPU"):
        names.append(tf.config.experimental.get_device_details(device).get("device_name", "GPU"))
    if names:
        return f"{strategy.num_replicas_in_sync} x {names[0]}"
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU, {cores} cores, {cpu}"


def _readme(run: Run, best: Mapping[str, Any], figures: Mapping[str, Evaluation], samples: Sequence[str]) -> str:
    """Say with which command, on what, how long and with which result a version was made."""
    manifest, history = run.manifest, run.history
    model, last = run.model_config, history[-1]
    memory = f" and {last['peak_memory']:.1f} GB of memory" if last["peak_memory"] else ""
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
            f"{model.layers} x {model.cell.upper()}({model.units}), embedding {model.embedding}, "
            f"{manifest['vocabulary']:,} tokens, {manifest['parameters']:,} parameters. Trained on "
            f"{manifest['poems']['train']:,} poems, {manifest['tokens']:,} tokens an epoch; the weights are those "
            f"after epoch {best['epoch']} of the {len(history)} trained, the best on the validation split.",
            "",
            "Perplexity: exp of the mean nll over every character, punctuation mark and end token, zero state; an",
            "unknown character costs its share of the unknown token's probability.",
            "",
            "| split | form | poems | tokens | perplexity | characters alone |",
            "|---|---|---:|---:|---:|---:|",
            *rows,
            "",
            "Ten poems as they came (empty begin, zero state, seeds 0 to 9, "
            + ", ".join(f"{name} {value}" for name, value in DEFAULT_SAMPLER.items())
            + "):",
            "",
            *[f"- {sample}" for sample in samples],
            "",
            "```python",
            "import tensorflow as tf",
            "",
            'poet = tf.saved_model.load("PATH/OF/THIS/FOLDER")',
            'print(poet.generate(["山"], seed=[1])["poem"].numpy()[0].decode())',
            "print(poet.about().numpy().decode())",
            "```",
            "",
        ]
    )
