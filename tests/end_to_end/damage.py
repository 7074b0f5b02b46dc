"""Damage to the files of runs and versions, each decided by one seed."""

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.damage_bytes import KINDS
from tests.end_to_end.damage_hdf5 import HDF5_KINDS
from tests.end_to_end.damage_text import JSON_KINDS, TEXT_KINDS

__all__ = ["EXTRA", "RUN_FILES", "Damage", "damage", "plan"]

DIGESTS = "digests.json"
RUN_FILES = ("config.json", "vocabulary.txt", "manifest.json", "history.jsonl", "checkpoint.h5", "best.weights.h5")
EXTRA = "assets.extra"
VERSION_FILES = (
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    f"{EXTRA}/config.json",
    f"{EXTRA}/vocabulary.txt",
    f"{EXTRA}/README.md",
)


@dataclass(frozen=True, slots=True)
class Damage:
    """What is done to which file.

    Attributes:
        seed: decides the rest, and every detail.
        origin: whose files, a key of what `plan` was given.
        part: ``"run"`` or ``"version"``.
        file: its name in the folder of that part.
        kind: a key of `KINDS`, `TEXT_KINDS`, `JSON_KINDS` or `HDF5_KINDS`.
        digests: ``"kept"`` as they were written; ``"matched"`` to the damaged file; ``"removed"``.
    """

    seed: int
    origin: str
    part: str
    file: str
    kind: str
    digests: str


def plan(seed: int, folders: dict[str, Path]) -> Damage:
    """Choose whose file is damaged, and how. Half of all damage leaves the digests, where there are any, as they are.

    Args:
        seed: of the choice.
        folders: origin to the folder with its `run` and its `version`.
    """
    source = random.Random(seed)
    kept = source.random() < 0.5
    part = source.choice(["run", "version"])
    digested = {origin: _digests(folder / part).is_file() for origin, folder in folders.items()}
    choices = [origin for origin, has in digested.items() if has or not kept] or list(folders)
    origin = source.choice(choices)
    files = list(RUN_FILES if part == "run" else VERSION_FILES)
    if digested[origin] and source.random() < 0.1:
        files = [str(_digests(Path()) if part == "run" else f"{EXTRA}/{DIGESTS}")]
        kept = True
    file = source.choice(files)
    own = _kinds_of(file)
    kind = source.choice(own if own and source.random() < 0.6 else list(KINDS))
    digests = "removed" if not digested[origin] else "kept" if kept else source.choice(["matched", "removed"])
    return Damage(seed, origin, part, file, kind, digests)


def damage(what: Damage, folder: Path) -> None:
    """Damage a copy of the folder of a run or of a version."""
    source = random.Random(f"{what.seed} {what.file} {what.kind}")
    kinds = {**KINDS, **JSON_KINDS, **HDF5_KINDS, **TEXT_KINDS}
    digests = _digests(folder)
    digested = json.loads(digests.read_text(encoding="utf-8")) if digests.exists() else []
    kinds[what.kind](folder / what.file, source)
    if not digests.is_file():
        return
    if what.digests == "removed":
        digests.unlink()
    elif what.digests == "matched":
        found = {name: folder / name for name in digested}
        matching = {name: [_sha256(path)] for name, path in found.items() if path.is_file()}
        digests.write_text(json.dumps(matching), encoding="utf-8")


def _digests(folder: Path) -> Path:
    """Return where the digests of a run or of a version are."""
    return (folder / EXTRA if (folder / EXTRA).is_dir() else folder) / DIGESTS


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _kinds_of(file: str) -> list[str]:
    """Return the kinds of damage that ask for the format of the file."""
    if file.endswith(".h5"):
        return list(HDF5_KINDS)
    if file.endswith((".json", ".jsonl")):
        return [*JSON_KINDS] * 3 + list(TEXT_KINDS)
    return list(TEXT_KINDS) if file.endswith((".txt", ".md")) else []
