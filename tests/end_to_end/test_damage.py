"""Damaged runs and versions are refused in one line, or read as if nothing were: never a traceback, a hang, a change.

`-m ci` tries 1,000 damaged folders through every reader, `-m long` 10,000, and 300 through every command.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conftest import OnceMaker
from tests.end_to_end.damage import plan
from tests.paths import ROOT

READERS, SPECIMENS = "tests.end_to_end.readers", "tests.end_to_end.specimens"
SILENCE = 120.0  # seconds without a word from a worker: the slowest reader takes 10 s where nothing else is done
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1"}


@pytest.fixture(scope="session")
def few_specimens(make_once: OnceMaker) -> Path:
    """A run and a version of 0.1.0, and the same with digests."""
    return _specimens(make_once, "few")


@pytest.fixture(scope="session")
def all_specimens(make_once: OnceMaker) -> Path:
    """Runs and versions of this package and of 0.1.0."""
    return _specimens(make_once, "all")


def _specimens(make_once: OnceMaker, which: str) -> Path:
    def fill(folder: Path) -> None:
        (folder / "home").mkdir()
        subprocess.run([sys.executable, "-m", SPECIMENS, which, folder / "home"], cwd=ROOT, env=ENVIRONMENT, check=True)

    return make_once(f"{which}-specimens", fill) / "home"


def test_no_reader_is_fooled_or_felled(few_specimens: Path) -> None:
    examine(few_specimens, 100)


@pytest.mark.parametrize(
    "count", [pytest.param(1_000, marks=pytest.mark.ci), pytest.param(10_000, marks=pytest.mark.long)]
)
def test_no_reader_is_fooled_or_felled_by_thousands(all_specimens: Path, count: int) -> None:
    examine(all_specimens, count)


def examine(specimens: Path, count: int) -> None:
    """Try so many damaged folders."""
    tried, refused, findings = hunt(specimens, count)
    assert not findings, "\n".join(findings)
    assert len(tried) == count
    assert count < refused  # not everything is let through


def hunt(specimens: Path, count: int, first: int = 0) -> tuple[set[int], int, list[str]]:
    """Let two processes try seeds; return those tried, how often a reader refused, and what was wrong."""
    tried: set[int] = set()
    refusals, findings = 0, []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for report in pool.map(lambda k: list(_reports(specimens, first + k, first + count, 2)), range(2)):
            for seed, what, refused, found in report:
                tried.add(seed)
                refusals += refused
                findings += [f"{seed} {reader}: {wrong} [{' '.join(map(str, what))}]" for reader, wrong in found]
    return tried, refusals, findings


def folders_of(specimens: Path) -> dict[str, Path]:
    """Return the folder of each origin."""
    return {path.name: path for path in sorted(specimens.iterdir()) if path.is_dir()}


def _reports(specimens: Path, first: int, last: int, step: int) -> Iterator[tuple[int, list[Any], int, list[Any]]]:
    """Yield seed, damage, refusals and findings; a worker that dies or hangs is followed by another."""
    while first < last:
        with _worker(specimens, first, last, step) as (worker, lines, told):
            seed, reader, died = first, "the start", ""
            while not died:
                try:
                    kind, at, *rest = json.loads(lines.get(timeout=SILENCE))
                except queue.Empty:
                    worker.kill()
                    died = "hung"
                except ValueError:
                    died = f"died with {worker.wait()}"
                else:
                    seed = int(at)
                    if kind == "at":
                        reader = rest[0]
                    else:
                        what, refused, found = rest
                        yield seed, [value for name, value in what.items() if name != "seed"], refused, found
                        first = seed + step
            if first >= last:
                return
            told.seek(0)
            planned = dataclasses.astuple(plan(seed, folders_of(specimens)))
            yield seed, list(planned[1:]), 0, [[reader, f"{died}: {_last_words(told.read())}"]]
            first = seed + step


def _last_words(error: str) -> str:
    """Return where a process died, without what TensorFlow says of the machine."""
    lines = [line.strip() for line in error.splitlines() if line.strip() and not line.startswith(("I0000", "WARNING"))]
    if any(line.startswith("Fatal Python error") for line in lines):
        return " | ".join(lines[:8])[:600]
    return " | ".join(lines)[-600:]


@contextlib.contextmanager
def _worker(
    specimens: Path, first: int, last: int, step: int
) -> Iterator[tuple["subprocess.Popen[str]", "queue.Queue[str]", IO[str]]]:
    """Start a process that tries seeds, and a thread that hands on what it prints; an empty line is its end."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as told:
        worker = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", READERS, str(specimens), *map(str, (first, last, step))],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            encoding="utf-8",
        )
        lines: queue.Queue[str] = queue.Queue()

        def hand_on() -> None:
            assert worker.stdout is not None
            with worker.stdout:
                for line in worker.stdout:
                    lines.put(line)
            lines.put("")

        thread = threading.Thread(target=hand_on)
        thread.start()
        try:
            yield worker, lines, told
        finally:
            worker.kill()
            worker.wait()
            thread.join()
