"""Every reader of runs and versions, applied to damaged folders, many in one process.

`python -m tests.end_to_end.readers SPECIMENS FIRST LAST STEP` tries the seeds of that range and prints a JSON list a
line: what it is about to do, so that whoever started it knows at what it died or hung, and what was found. SPECIMENS is
a folder that `tests.end_to_end.specimens` filled.
"""

import dataclasses
import functools
import gc
import hashlib
import json
import os
import resource
import shutil
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tangshi_tf.corpus.poems import Corpus, read_corpus
from tangshi_tf.corpus.prose import Prose, read_prose
from tangshi_tf.errors import CheckpointError, ModelError, TangshiError
from tangshi_tf.model.poetry_model import PoetryModel
from tangshi_tf.saving.saved_model import export_again, load, publish
from tangshi_tf.saving.versions import exported, find_model, latest_version
from tangshi_tf.storage.version_folder import read_version, require_undamaged, version_settings, version_vocabulary
from tangshi_tf.training import run as training
from tangshi_tf.training.run_folder import Run
from tangshi_tf.training.run_status import run_status
from tangshi_tf.vocabulary import Vocabulary
from tests.end_to_end.damage import EXTRA, Damage, damage, plan

TIMED = {"seconds", "tokens_per_second", "peak_memory", "gpu_memory", "gpu_utilisation"}
SECONDS = 10.0  # of the processor that a reader may take beyond what it takes for undamaged files
MEMORY = 6 << 30  # bytes that all readers together may ask for

Reader = Callable[["Opened"], Any]


@dataclasses.dataclass(frozen=True)
class Opened:
    """A folder with a `run` and `versions/1`, and what the run was trained on."""

    folder: Path
    corpus: Corpus | Prose

    @property
    def run_folder(self) -> Path:
        return self.folder / "run"

    @property
    def version(self) -> Path:
        return self.folder / "versions" / "1"


def _sha256(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _weights(model: PoetryModel) -> list[str]:
    state = model.get_initial_state(1)
    logits, _ = model.step(tf.constant([5]), state)
    return [_sha256(*(weight.tobytes() for weight in model.get_weights())), _sha256(logits.numpy().tobytes())]


def _settings(opened: Opened) -> Any:
    run = Run(opened.run_folder)
    return [repr(run.model_config), repr(run.training_config), _sha256(run.vocabulary.dumps().encode())]


def _checkpoint(opened: Opened) -> Any:
    run = Run(opened.run_folder)
    position, values, seconds = run.load_checkpoint()
    parts = [_sha256(str((value.dtype, value.shape)).encode(), value.tobytes()) for value in values]
    return [repr(dataclasses.astuple(position)), parts, repr(seconds), repr(run.history)]


def _untimed(records: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [{key: value for key, value in record.items() if key not in TIMED} for record in records]


def _resume(opened: Opened) -> Any:
    """Go on to the end, as the command does: with the settings of the run."""
    run = Run(opened.run_folder)
    done = training.fit(opened.corpus, run.folder, run.model_config, run.training_config, begin="resume")
    assert done is not None
    position, values, _ = done.load_checkpoint()
    weights = _weights(done.load_model())
    return [
        _untimed(done.history),  # not those of steps: how many there are is a matter of time
        repr(dataclasses.astuple(position)),
        [_sha256(value.tobytes()) for value in values],
        weights,
    ]


def _publish(opened: Opened) -> Any:
    made = publish(Run(opened.run_folder), opened.folder / "made", opened.corpus)
    return _published(made)


def _export_again(opened: Opened) -> Any:
    return _published(export_again(opened.version, opened.folder / "made"))


def _published(version: Path) -> Any:
    """Return all that matters of a version."""
    texts = [_sha256((version / EXTRA / name).read_bytes()) for name in ("README.md", "vocabulary.txt")]
    return [texts, repr(read_version(version)), _weights(PoetryModel.from_saved_model(version)), _write(version)]


def _load(opened: Opened) -> Any:
    return _write(opened.version)


def _write(version: Path) -> Any:
    poet = load(version)
    answer = poet.generate("山", seed=3, max_length=12)
    score = poet.score("山水")
    figures = [answer["log_probability"].numpy()[0], score["nll"].numpy()[0]]
    return [answer["poem"].numpy()[0].decode(), repr(figures), poet.about().numpy().decode()]


def _vocabulary(vocabulary: Vocabulary) -> str:
    return _sha256(repr((vocabulary.tokens, vocabulary.rare, vocabulary.variants)).encode())


def _found(opened: Opened) -> Any:
    latest = latest_version(opened.folder / "versions")
    return [latest and latest.name, find_model(str(opened.folder / "versions")).name]


def _status(opened: Opened) -> Any:
    status = run_status(opened.run_folder)
    if status.state == "damaged":
        raise CheckpointError(status.problem)
    return repr(dataclasses.replace(status, saved=None))


def _exported(opened: Opened) -> Any:
    run = Run(opened.run_folder)
    found = exported(opened.folder / "versions", run.weights_digest(), run.manifest)
    if found is None:
        raise ModelError("A damaged version is none.")
    return found.name


RUN_READERS: dict[str, Reader] = {
    "Run": _settings,
    "vocabulary": lambda opened: _vocabulary(Run(opened.run_folder).vocabulary),
    "run_status": _status,
    "finished": lambda opened: Run(opened.run_folder).finished,
    "manifest": lambda opened: repr(Run(opened.run_folder).manifest),
    "history": lambda opened: repr(Run(opened.run_folder).history),
    "steps": lambda opened: repr(Run(opened.run_folder).steps),
    "best": lambda opened: repr(Run(opened.run_folder).best),
    "load_model": lambda opened: _weights(Run(opened.run_folder).load_model()),
    "load_last": lambda opened: _weights(Run(opened.run_folder).load_model(last=True)),
    "load_checkpoint": _checkpoint,  # last, as it may cut the history
}
VERSION_READERS: dict[str, Reader] = {
    "find_model": _found,
    "read_version": lambda opened: repr(read_version(opened.version)),
    "version_settings": lambda opened: repr(version_settings(opened.version)),
    "version_vocabulary": lambda opened: _vocabulary(version_vocabulary(opened.version)),
    "require_undamaged": lambda opened: require_undamaged(opened.version),
    "exported": _exported,
    "from_saved_model": lambda opened: _weights(PoetryModel.from_saved_model(opened.version)),
}
# What takes longer, and every how manieth seed of its part goes through it; each gets a damaged folder of its own.
SLOW_RUN_READERS: dict[str, tuple[int, Reader]] = {"resume": (50, _resume), "publish": (50, _publish)}
NO_SLOW_READERS = 2  # a seed for which none is due
SLOW_VERSION_READERS: dict[str, tuple[int, Reader]] = {"load": (8, _load), "export_again": (50, _export_again)}

# Which readers may return something else once no digest speaks against it, by damaged file. What is not named here is
# guarded otherwise, and must be the same or refused: weights carry a digest of the model's settings and the vocabulary,
# the checkpoint one of all settings and the vocabulary, the variables of a SavedModel have checksums, and a SavedModel
# is its graph and its variables alone.
MAY_CHANGE: dict[str, set[str]] = {
    "config.json": {"Run", "run_status", "publish"},  # the card names the settings of the training
    "vocabulary.txt": {"Run", "vocabulary"},
    "manifest.json": {"manifest", "Run", "run_status", "finished", "resume", "publish"},  # it may extend the settings
    "history.jsonl": {"history", "steps", "best", "run_status", "finished", "load_checkpoint", "resume", "publish"},
    "checkpoint.h5": {"load_last", "load_checkpoint", "run_status", "finished", "resume"},
    "best.weights.h5": {"load_model", "resume", "publish", "run_status"},
    "saved_model.pb": {"load"},
    "fingerprint.pb": set(),
    "variables/variables.index": set(),
    "variables/variables.data-00000-of-00001": set(),
    f"{EXTRA}/config.json": {"read_version", "version_settings", "export_again", "exported"},
    f"{EXTRA}/vocabulary.txt": {"version_vocabulary", "from_saved_model", "export_again"},
}
# The card of a version is for people, who may write into it: it is taken over as it is, whatever its digest says.
MAY_ALWAYS_CHANGE = {f"{EXTRA}/README.md": {"export_again"}}


def origins(home: Path) -> list[str]:
    """Return whose files there are."""
    return sorted(path.name for path in home.iterdir() if path.is_dir())


@functools.cache
def read(home: Path, origin: str) -> Corpus | Prose:
    """Return what the run of an origin was trained on."""
    paths = [home / origin / "corpus.txt"]
    return read_prose(paths) if origin.endswith("prose") else read_corpus(paths)


def readers_of(part: str, seed: int | None) -> Iterator[tuple[str, Reader]]:
    """Yield the readers of a part that this seed goes through; all for none."""
    quick, slow = (RUN_READERS, SLOW_RUN_READERS) if part == "run" else (VERSION_READERS, SLOW_VERSION_READERS)
    yield from quick.items()
    for name, (every, reader) in slow.items():
        if seed is None or seed // 2 % every == 0:
            yield name, reader


def _copied(home: Path, what: Damage | None, origin: str, folder: Path) -> None:
    """Copy the folders of an origin, and damage them."""
    shutil.copytree(home / origin / "run", folder / "run")
    shutil.copytree(home / origin / "versions", folder / "versions")
    if what is not None:
        damage(what, folder / ("run" if what.part == "run" else "versions/1"))


def _cleared(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0:
            path.chmod(0o600)
    shutil.rmtree(folder)


def tried(home: Path, origin: str, what: Damage | None, reader: Reader) -> list[Any]:
    """Return what a reader says of a fresh copy, and the seconds that it took."""
    folder = Path(tempfile.mkdtemp(dir=home.parent))
    try:
        _copied(home, what, origin, folder)
        return _outcome(reader, Opened(folder, read(home, origin)))
    finally:
        _cleared(folder)


def _outcome(reader: Reader, opened: Opened) -> list[Any]:
    """Return ["returned", what], or ["refused", message], or ["raised", error], each with the seconds."""
    began = time.process_time()
    try:
        value = ["returned", json.loads(json.dumps(reader(opened)))]
    except TangshiError as error:
        value = ["refused", str(error)]
    except Exception as error:
        frames = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        value = ["raised", f"{type(error).__name__}: {str(error)[:150]!r} in {' '.join(frames[1:6])}"]
    return [*value, time.process_time() - began]


def _judged(what: Damage, name: str, outcome: list[Any], expected: list[Any]) -> str:
    """Return what is wrong with an outcome, or nothing."""
    kind, value, seconds = outcome
    if seconds > SECONDS + expected[2]:
        return f"took {seconds:.0f} s: {kind}"
    if kind == "raised":
        return str(value)
    if kind == "refused":
        if len(value.splitlines()) != 1 or len(value) > 1_000:
            return f"an error that is not one line: {value[:200]!r}"
        return "refused what is undamaged" if what.kind == "linked" else ""
    free = set() if what.digests == "kept" else MAY_CHANGE.get(what.file, set())
    if value != expected[1] and name not in free | MAY_ALWAYS_CHANGE.get(what.file, set()):
        return f"silently changed ({what.digests})"
    return ""


def _try(home: Path, seed: int, expected: dict[str, Any]) -> list[Any]:
    """Return what a damaged folder came to: the damage, the number of refusals, and the findings."""
    folders = {origin: home / origin for origin in origins(home)}
    what = plan(seed, folders)
    findings, refused = [], 0
    shared = Path(tempfile.mkdtemp(dir=home.parent))
    try:
        _copied(home, what, what.origin, shared)
        for name, reader in readers_of(what.part, seed):
            if f"{what.part} {name}" not in expected[what.origin]:
                continue
            print(json.dumps(["at", seed, name]), flush=True)
            if name in SLOW_RUN_READERS or name in SLOW_VERSION_READERS:
                outcome = tried(home, what.origin, what, reader)
            else:
                outcome = _outcome(reader, Opened(shared, read(home, what.origin)))
            refused += outcome[0] == "refused"
            wrong = _judged(what, name, outcome, expected[what.origin][f"{what.part} {name}"])
            if wrong:
                findings.append([name, wrong])
    finally:
        _cleared(shared)
    return [dataclasses.asdict(what), refused, findings]


def _limit_memory() -> None:
    """Let an allocation fail rather than the machine."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(home: Path, first: int, last: int, step: int) -> None:
    """Try the seeds of a range."""
    expected = json.loads((home / "expected.json").read_text(encoding="utf-8"))
    _limit_memory()
    for count, seed in enumerate(range(first, last, step)):
        print(json.dumps(["done", seed, *_try(home, seed, expected)]), flush=True)
        if count % 50 == 49:
            keras.backend.clear_session()
            gc.collect()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
    os._exit(0)  # without a farewell of TensorFlow's threads
