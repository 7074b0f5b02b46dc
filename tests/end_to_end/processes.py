"""Commands as processes of their own, which may be killed, and what they must have left behind."""

import functools
import hashlib
import multiprocessing
import os
import re
import sys
from pathlib import Path
from typing import Any

from tangshi_tf.corpus.poems import read_corpus
from tangshi_tf.training.run_folder import Run
from tests.end_to_end.damage import RUN_FILES

__all__ = ["SIZES", "TIMED", "exported_weights", "fit_arguments", "left_over", "start", "state", "write_corpus"]

TIMED = {"seconds", "tokens_per_second", "peak_memory", "gpu_memory", "gpu_utilisation"}
SAVED = 5  # steps between two checkpoints
# What is trained: options of `fit`.
SIZES = {
    "small": "--units 8 --embedding 6 --max-steps 60 --token-budget 200 --epochs 1000",
    "prose": "--text prose --units 8 --embedding 6 --max-steps 60 --batch-size 4 --sequence-length 20 --epochs 1000",
    # A vocabulary as large as that of the included model: a checkpoint of 60 MB.
    "default": "--max-steps 20 --token-budget 100 --epochs 1",
}
OPTIONS = "--name mine --min-count 1 --precision float32 --save-minutes 0"


def write_corpus(folder: Path, size: str) -> None:
    """Write poems: few, or, for models of the default size, some with nearly all characters that there are."""
    poems = [poem for poem in read_corpus().poems("train") if len(poem.text) < 70]
    if size == "default":
        seen: set[str] = set()
        chosen = []
        for poem in poems:
            if len(set(poem.text) - seen) > 1:
                chosen.append(poem)
                seen |= set(poem.text)
        poems = chosen
    else:
        poems = [poem for poem in poems if len(poem.text) == 24][:30]
    text = "".join(f"{poem.title}:{poem.text}\n" for poem in poems)
    (folder / "poems.txt").write_text(text, encoding="utf-8")


def fit_arguments(folder: Path, size: str) -> list[str]:
    """Return the command that begins the run or goes on with it."""
    begun = (folder / "runs" / "mine" / "config.json").exists()
    return ["fit", "poems.txt", *SIZES[size].split(), *OPTIONS.split(), *["--resume"] * begun]


@functools.cache
def _context() -> Any:
    """TensorFlow is loaded once; every process is a copy of the one that loaded it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tangshi_tf.cli", "tangshi_tf.training.run", "tangshi_tf.saving.saved_model", "tests.end_to_end.processes"]
    )
    return context


def start(folder: Path, arguments: list[str], told: Path) -> Any:
    """Start a command in a folder; what it prints goes to `told`.out and `told`.err."""
    process = _context().Process(target=_command, args=(folder, arguments, told))
    process.start()
    return process


def _command(folder: Path, arguments: list[str], told: Path) -> None:
    from tangshi_tf.cli import main
    from tangshi_tf.training import session

    for descriptor, ending in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{told}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    os.chdir(folder)
    sys.argv[:] = ["tangshi-tf", *arguments]
    vars(session)["every_second"] = lambda: lambda step: step % SAVED == 0  # or so short a run would never save
    main(arguments)


def state(folder: Path) -> dict[str, Any]:
    """Return what of a finished run and its exports does not depend on the clock."""
    run = Run(folder / "runs" / "mine")
    position, values, _ = run.load_checkpoint()
    return {
        "history": [{key: value for key, value in record.items() if key not in TIMED} for record in run.history],
        "position": repr(position),
        "values": [_sha256(value.tobytes()) for value in values],
        "best": _sha256((run.folder / "best.weights.h5").read_bytes()),
        "exported": sorted({exported_weights(version) for version in folder.glob("saved_models/mine/*")}),
    }


def exported_weights(version: Path) -> str:
    """Return what differs if the weights of a SavedModel do; the rest of its variables' file is names."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    names = sorted(name for name in reader.get_variable_to_shape_map() if name.startswith("weights/"))
    assert names
    return _sha256(b"".join(reader.get_tensor(name).tobytes() for name in names))


def left_over(folder: Path) -> list[str]:
    """Return what should not be in the folders of runs and models."""
    known = {*RUN_FILES, "digests.json", ".lock"}
    run = folder / "runs" / "mine"
    found = [path.name for path in run.iterdir() if path.name not in known] if run.is_dir() else []
    models = folder / "saved_models" / "mine"
    if models.is_dir():
        found += [path.name for path in models.iterdir() if not re.fullmatch(r"[1-9]\d*|\.lock", path.name)]
    return found


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
