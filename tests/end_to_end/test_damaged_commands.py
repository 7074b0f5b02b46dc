"""Commands over damaged runs and versions: one line, status 0, 1 or 2, and with status 0 what they print undamaged.

`check` reads neither; it is not here.
"""

import concurrent.futures
import functools
import itertools
import json
import random
import shutil
import threading
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tangshi_tf.cli import main
from tests.end_to_end.damage import Damage, damage, plan
from tests.end_to_end.processes import TIMED, exported_weights, start
from tests.end_to_end.readers import MAY_ALWAYS_CHANGE, MAY_CHANGE
from tests.end_to_end.test_damage import SILENCE, all_specimens, folders_of

__all__ = ["all_specimens"]


class Command(NamedTuple):
    """What is typed, and the readers on which its result rests."""

    typed: str
    readers: set[str]


COMMANDS = {
    "run": [
        Command("fit corpus.txt --name mine --resume", {"resume", "publish"}),
        Command("export corpus.txt --name mine", {"publish"}),
        Command("export corpus.txt --name mine --last", {"publish", "load_last"}),
        Command("models --json", {"run_status"}),
    ],
    "version": [
        Command("export --from-version saved_models/mine/1 --name mine", {"export_again"}),
        Command("evaluate corpus.txt --model mine --json", {"from_saved_model"}),
        Command("sample --model mine --begin 山 --seed 3 --max-length 12 --best-of 1", {"load"}),
        Command("models --json", {"read_version"}),
    ],
}


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        status: negative if a signal ended it, None if it had to be killed because it hung.
        error: what it printed to standard error.
        result: what it printed, or left behind, without what depends on the clock.
    """

    status: int | None
    error: str
    result: Any


@pytest.mark.ci
def test_no_command_is_fooled_or_felled(all_specimens: Path, tmp_path: Path) -> None:
    examine(all_specimens, tmp_path, 30)


@pytest.mark.long
def test_no_command_is_fooled_or_felled_by_hundreds(all_specimens: Path, tmp_path: Path) -> None:
    examine(all_specimens, tmp_path, 300)


def examine(specimens: Path, tmp_path: Path, count: int) -> None:
    """Try so many damaged folders, two at a time, each in a process of its own."""
    lock = threading.Lock()

    @functools.cache
    def undamaged(origin: str, typed: str) -> Ended:
        return run(specimens, tmp_path / f"{origin} {typed.split()[0]} {len(typed)}", origin, typed, None)

    def tried(seed: int) -> tuple[int | None, str]:
        what = plan(seed, folders_of(specimens))
        known = [command for command in COMMANDS[what.part] if command.typed.split()[0] in main.commands]
        command = random.Random(f"command {seed}").choice(known)
        ended = run(specimens, tmp_path / str(seed), what.origin, command.typed, what)
        with lock:  # the cache would let two threads make the same
            expected = undamaged(what.origin, command.typed) if ended.status == 0 else ended
        wrong = judged(what, command, ended, expected)
        return ended.status, f"{seed} {command.typed!r}: {wrong} [{what}]" if wrong else ""

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        statuses, findings = zip(*pool.map(tried, range(count)), strict=True)
    assert not any(findings), "\n".join(filter(None, findings))
    assert {0, 1} <= set(statuses)


def run(specimens: Path, folder: Path, origin: str, typed: str, what: Damage | None) -> Ended:
    """Run a command in a folder with a damaged copy of a run and a version."""
    folder.mkdir()
    shutil.copytree(specimens / origin / "run", folder / "runs" / "mine")
    shutil.copytree(specimens / origin / "versions", folder / "saved_models" / "mine")
    shutil.copy(specimens / origin / "corpus.txt", folder / "corpus.txt")
    if what is not None:
        damage(what, folder / ("runs/mine" if what.part == "run" else "saved_models/mine/1"))
    told = folder / "told"
    process = start(folder, typed.split(), told)
    process.join(SILENCE)
    if process.is_alive():
        process.kill()
        process.join()
        return Ended(None, "", None)
    error = Path(f"{told}.err").read_text(encoding="utf-8")
    return Ended(process.exitcode, error, result_of(folder, typed, told) if process.exitcode == 0 else None)


def result_of(folder: Path, typed: str, told: Path) -> Any:
    """Return what a command has printed, or the version and the history that it has left behind."""
    if typed.startswith("models"):
        return None  # it lists what is damaged as such
    if not typed.startswith(("fit", "export")):
        return Path(f"{told}.out").read_text(encoding="utf-8")
    made = folder / "saved_models" / "mine" / "2"
    parts = [exported_weights(made), (made / "assets.extra" / "vocabulary.txt").read_text(encoding="utf-8")]
    extra = json.loads((made / "assets.extra" / "config.json").read_text(encoding="utf-8"))
    manifest = {name: value for name, value in extra["manifest"].items() if name != "command"}
    found = [parts, extra["model"], extra["training"], manifest, extra["perplexity"]]
    if typed.startswith("fit"):
        records = (folder / "runs" / "mine" / "history.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        found.append([{k: v for k, v in json.loads(line).items() if k not in TIMED} for line in records])
    return found


def judged(what: Damage, command: Command, ended: Ended, expected: Ended) -> str:
    """Return what is wrong, or nothing."""
    if ended.status is None:
        return "hung"
    if ended.status not in (0, 1, 2) or "Traceback" in ended.error:
        return f"ended with {ended.status}: {ended.error[-500:]}"
    if ended.status and not ended.error.splitlines()[-1].startswith("Error: "):
        return f"no one-line error: {ended.error[-500:]}"
    free = set() if what.digests == "kept" else MAY_CHANGE.get(what.file, set())
    free = free | MAY_ALWAYS_CHANGE.get(what.file, set())
    if ended.status == 0 and ended.result != expected.result and not free & command.readers:
        places = itertools.zip_longest(list(ended.result or []), list(expected.result or []))
        return f"silently changed: {[pair for pair in places if pair[0] != pair[1]][:1]}"
    return ""
